/* SPDX-License-Identifier: MIT */
/*
 * The floor under durable writes in PostgreSQL: one connection that does what the server does for
 * an AddMovie or a chat message, one statement after the other, each prepared.
 *
 *     postgres_floor URL movie|chat FIRST_ROOM SECONDS
 *
 * The database is a seeded one. Rooms FIRST_ROOM and 63 more take turns.
 */
#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"

#define ROOMS 64

enum statement {
    BEGIN,
    LOCK_USER,
    LOCK_ROOM,
    GET_MEMBER,
    ADD_MOVIE,
    ADD_CHAT,
    NOTE_COMMIT,
    COMMIT,
    N
};

static const char *const statements[N] = {
    [BEGIN] = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
    [LOCK_USER] = "SELECT 1 FROM users WHERE id IN ($1, '') ORDER BY id FOR NO KEY UPDATE",
    [LOCK_ROOM] = "SELECT id, name, description, creator_id, password_hash, member_count,"
                  " created_at_ms, revision, hidden, allow_guests, require_approval, max_members,"
                  " default_member_permissions, default_admin_permissions, guest_permissions,"
                  " auto_advance, pause_when_empty, movie_count, movies_weight, chat_seq"
                  " FROM rooms WHERE id = $1 FOR NO KEY UPDATE",
    [GET_MEMBER] = "SELECT m.room_id, m.user_id, u.username, m.role, m.status,"
                   " m.added_permissions, m.removed_permissions, m.joined_at_ms,"
                   " m.kicked_until_ms, u.role, u.status"
                   " FROM members m JOIN users u ON u.id = m.user_id"
                   " WHERE m.room_id = $1 AND m.user_id = $2",
    [ADD_MOVIE] = "WITH added AS ("
                  " INSERT INTO movies (room_id, id, rank, name, url, type, duration_s, added_by,"
                  " created_at_ms, headers, subtitles, weight)"
                  " SELECT r.id, $2, last.rank + (1::BIGINT << 32), 'A film',"
                  " 'https://example.org/film.mp4', 1, 5400, $3, 1, '', '', 100 FROM rooms r,"
                  " (SELECT coalesce(max(rank), 0) AS rank FROM movies WHERE room_id = $1) last"
                  " WHERE r.id = $1 AND last.rank < (1::BIGINT << 59)"
                  " ON CONFLICT DO NOTHING RETURNING weight)"
                  " UPDATE rooms SET revision = revision + 1, movie_count = movie_count + 1,"
                  " movies_weight = movies_weight + added.weight FROM added WHERE rooms.id = $1"
                  " RETURNING revision, movie_count",
    [ADD_CHAT] = "WITH next AS ("
                 " UPDATE rooms SET chat_seq = chat_seq + 1 WHERE id = $1 AND NOT EXISTS ("
                 "  SELECT FROM chat WHERE room_id = $1 AND user_id = $3 AND client_message_id = $2"
                 "  AND client_message_id <> '')"
                 " RETURNING chat_seq AS seq),"
                 " old AS ("
                 " DELETE FROM chat WHERE room_id = $1 AND seq <= (SELECT seq FROM next) - 500)"
                 " INSERT INTO chat (room_id, message_id, user_id, username, content, timestamp_ms,"
                 " seq, client_message_id, is_deletion)"
                 " SELECT $1, $2, $3, 'user', 'a message of the usual length', 1, seq, $2, 0"
                 " FROM next RETURNING seq",
    [NOTE_COMMIT] = "INSERT INTO commits (writer, n) VALUES ($1, $2)"
                    " ON CONFLICT (writer) DO UPDATE SET n = excluded.n, at = excluded.at",
    [COMMIT] = "COMMIT",
};

static PGconn *db;

static void run(enum statement which, const char *a, const char *b, const char *c)
{
    const char *values[] = { a, b, c };
    char name[8];
    int n = 0;
    while (n < 3 && values[n] != NULL)
        n++;
    snprintf(name, sizeof(name), "s%d", (int)which);
    PGresult *result = PQexecPrepared(db, name, n, values, NULL, NULL, 1);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        die("PostgreSQL: %s", PQerrorMessage(db));
    PQclear(result);
}

static void prepare(void)
{
    for (int i = 0; i < N; i++) {
        char name[8];
        snprintf(name, sizeof(name), "s%d", i);
        PGresult *result = PQprepare(db, name, statements[i], 0, NULL);
        if (PQresultStatus(result) != PGRES_COMMAND_OK)
            die("PostgreSQL: %s", PQerrorMessage(db));
        PQclear(result);
    }
}

int main(int argc, char **argv)
{
    if (argc != 5)
        die("postgres_floor URL movie|chat FIRST_ROOM SECONDS");
    bool is_chat = strcmp(argv[2], "chat") == 0;
    unsigned first_room = (unsigned)strtoul(argv[3], NULL, 10);
    db = PQconnectdb(argv[1]);
    if (PQstatus(db) != CONNECTION_OK)
        die("PostgreSQL: %s", PQerrorMessage(db));
    PQclear(PQexec(db, "SET enable_seqscan = off")); /* as in the server */
    prepare();
    pid_t backend = PQbackendPID(db);
    uint64_t n = 0, ids = now_ns() / 1000; /* of no other run */
    uint64_t start_ns = now_ns(), cpu_ns = cpu_of(0), backend_ns = cpu_of(backend);
    uint64_t until_ns = start_ns + (uint64_t)(atof(argv[4]) * 1e9);
    for (; now_ns() < until_ns; n++) {
        char id[20], room[16], user[16], number[24];
        unsigned client = first_room + (unsigned)(n % ROOMS);
        snprintf(id, sizeof(id), "f%011" PRIu64, (ids + n) % 100000000000);
        snprintf(room, sizeof(room), "r%011u", client);
        snprintf(user, sizeof(user), "u%011u", client);
        snprintf(number, sizeof(number), "%" PRIu64, n);
        run(BEGIN, NULL, NULL, NULL);
        run(LOCK_USER, user, NULL, NULL);
        run(LOCK_ROOM, room, NULL, NULL);
        run(GET_MEMBER, room, user, NULL);
        run(is_chat ? ADD_CHAT : ADD_MOVIE, room, id, user);
        run(NOTE_COMMIT, "the floor", number, NULL);
        run(COMMIT, NULL, NULL, NULL);
    }
    double seconds = (double)(now_ns() - start_ns) / 1e9, us = 1e-3 / (double)n;
    printf("{\"ops\": %" PRIu64 ", \"cpu_us\": %.2f, \"backend_us\": %.2f, \"rate\": %.1f}\n", n,
        (double)(cpu_of(0) - cpu_ns) * us, (double)(cpu_of(backend) - backend_ns) * us,
        (double)n / seconds);
    PQfinish(db);
    return 0;
}
