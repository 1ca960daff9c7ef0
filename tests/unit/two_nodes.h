/* SPDX-License-Identifier: MIT */
/* Two nodes on one database, SQLite or PostgreSQL: fx_node, whose memory is looked at, and `other`.
 */
#ifndef TESTS_UNIT_TWO_NODES_H
#define TESTS_UNIT_TWO_NODES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/node_fixture.h"

#if SV_HAS_POSTGRES
#include <libpq-fe.h>
#endif

static synctv_caller *alice, *bob, *carol;
static const char *room;

static char folder[] = "/tmp/sv-gaps-XXXXXX";
static char db_url[256];

/* The same database, opened once more. */
static synctv_node other;
static synctv_caller *other_alice;

/* A schema of its own. False: there is no PostgreSQL (tests/support/pg.py). */
static inline bool use_postgres(void)
{
#if SV_HAS_POSTGRES
    static unsigned n;
    const char *url = getenv("SYNCTV_TEST_POSTGRES");
    if (url == NULL)
        return false;
    char sql[64];
    snprintf(sql, sizeof(sql), "CREATE SCHEMA gaps%d_%u", (int)getpid(), n);
    PGconn *pg = PQconnectdb(url);
    PGresult *result = PQexec(pg, sql);
    ck_assert_msg(PQresultStatus(result) == PGRES_COMMAND_OK, "%s", PQerrorMessage(pg));
    PQclear(result);
    PQfinish(pg);
    snprintf(db_url, sizeof(db_url), "%s?options=-csearch_path%%3Dgaps%d_%u", url, (int)getpid(),
        n++);
    return true;
#else
    return false;
#endif
}

static inline void people_on_two_nodes(void)
{
    strcpy(strrchr(folder, '-'), "-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    if (!use_postgres())
        snprintf(db_url, sizeof(db_url), "sqlite:%s/db", folder);
    synctv_node_options_init(&fx_options);
    fx_options.db_url = db_url;
    fx_options.alone = false;
    fx_open();
    alice = fx_user("alice");
    bob = fx_user("bob");
    carol = fx_user("carol");
    room = fx_room(alice, NULL);
    fx_join(bob, room);
    fx_pass_ms(1100); /* the room may be read again */

    synctv_node_options options = fx_options;
    options.node_id = "other";
    synctv_error err = { 0 };
    ck_assert_msg(sv_node_init(&other, &options, &err) == 0, "%s", err.message);
    fx_assert_ok(synctv_node_as_user(&other, fx_id(alice), &other_alice, &fx_error));
}

/* Of a call that waits at the other node when that closes. */
static const synctv_result *last_answer;
static bool last_call_waits;

static inline void close_both(void)
{
    synctv_caller_unref(other_alice);
    sv_node_close(&other);
    sv_node_quiesce(&other);
    sv_node_turn(&other);
    ck_assert(!last_call_waits || last_answer != NULL);
    synctv_result_unref(last_answer);
    last_answer = NULL;
    last_call_waits = false;
    sv_node_fini(&other);
    fx_close();
    fx_options.db_url = NULL;
    static const char *const names[] = { "db", "db-wal", "db-shm", "db-journal" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[64];
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

/* Alice does it at the other node. */
static inline void there(synctv_request request)
{
    request.room_id = room;
    fx_assert_ok(synctv_call_wait(other_alice, &request, NULL, &fx_error));
}

#define THERE(...) there(SYNCTV_REQUEST(SYNCTV_METHOD_##__VA_ARGS__))

static inline void add_movie_there(const char *name)
{
    const synctv_movie movie = { .name = name, .url = "https://example.org/" };
    THERE(ADD_MOVIE, .movie = &movie);
}

/* Makes this node notice by a change of its own, whose revision it did not expect, and lets it
 * read. */
static inline void notice(void)
{
    fx_movie(alice, room, "notice", 0);
    fx_pass_ms(1100);
    fx_settle();
    fx_check_memory(room);
}

static inline const synctv_movie *next_movie(synctv_stream *stream, synctv_list_change change)
{
    const synctv_event *event = fx_expect(stream, SYNCTV_EVENT_MOVIES);
    ck_assert_int_eq(event->list_change, change);
    return event->movie;
}

static inline void look(void)
{
    fx_pass_ms(1100); /* looks, and reads what is newer */
    fx_settle();
    fx_pass_ms(1100);
    fx_settle();
}

#endif
