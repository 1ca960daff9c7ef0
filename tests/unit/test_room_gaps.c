/* SPDX-License-Identifier: MIT */
/* A room that somebody else changes in the same database: what memory has missed is found, waited
 * for and told. */
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/rooms/apply.h"
#include "node/rooms/flush.h"
#include "node/rooms/load.h"
#include "node/rooms/playhead.h"
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
static bool use_postgres(void)
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

static void people_on_two_nodes(void)
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

static void close_both(void)
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
static void there(synctv_request request)
{
    request.room_id = room;
    fx_assert_ok(synctv_call_wait(other_alice, &request, NULL, &fx_error));
}

#define THERE(...) there(SYNCTV_REQUEST(SYNCTV_METHOD_##__VA_ARGS__))

static void add_movie_there(const char *name)
{
    const synctv_movie movie = { .name = name, .url = "https://example.org/" };
    THERE(ADD_MOVIE, .movie = &movie);
}

/* Makes this node notice by a change of its own, whose revision it did not expect, and lets it
 * read. */
static void notice(void)
{
    fx_movie(alice, room, "notice", 0);
    fx_pass_ms(1100);
    fx_settle();
    fx_check_memory(room);
}

static const synctv_movie *next_movie(synctv_stream *stream, synctv_list_change change)
{
    const synctv_event *event = fx_expect(stream, SYNCTV_EVENT_MOVIES);
    ck_assert_int_eq(event->list_change, change);
    return event->movie;
}

START_TEST(a_movie_added_in_a_gap_is_told_as_the_ones_that_were_missed)
{
    synctv_stream *stream = fx_follow(bob, room);
    add_movie_there("theirs");
    notice();
    const synctv_event *event = fx_expect(stream, SYNCTV_EVENT_MOVIES);
    ck_assert_str_eq(event->movie->name, "theirs");
    ck_assert_str_eq(event->actor_id, fx_id(alice));
    ck_assert_str_eq(next_movie(stream, SYNCTV_LIST_CHANGE_ADDED)->name, "notice");
    fx_expect_nothing(stream);
}
END_TEST

START_TEST(who_joins_in_a_gap_gets_the_room_as_it_is)
{
    synctv_stream *everything = fx_open_stream(carol, "", NULL);
    add_movie_there("theirs");
    fx_assert_ok(FX_ASK(carol, JOIN_ROOM, .room_id = room));
    ck_assert_int_eq(fx_answer->room->member_count, 3);
    ck_assert_uint_eq(fx_answer->n_members, 3);
    fx_assert_ok(FX_ASK(carol, GET_MOVIE_LIST, .room_id = room));
    ck_assert_int_eq(fx_answer->total, 1);
    const synctv_event *event = fx_expect(everything, SYNCTV_EVENT_STATE);
    ck_assert_str_eq(event->room_id, room);
    ck_assert_int_eq(event->state->cause, SYNCTV_STATE_CAUSE_SNAPSHOT);
    fx_check_memory(room);
}
END_TEST

START_TEST(who_joined_elsewhere_is_followed_here)
{
    synctv_stream *everything = fx_open_stream(carol, "", NULL), *stream = fx_follow(bob, room);
    synctv_caller *there_carol = NULL;
    fx_assert_ok(synctv_node_as_user(&other, fx_id(carol), &there_carol, &fx_error));
    const synctv_request join = SYNCTV_REQUEST(SYNCTV_METHOD_JOIN_ROOM, .room_id = room);
    fx_assert_ok(synctv_call_wait(there_carol, &join, NULL, &fx_error));
    synctv_caller_unref(there_carol);
    notice();
    const synctv_event *event = fx_expect_change(stream, SYNCTV_MEMBER_CHANGE_JOINED);
    ck_assert_str_eq(event->actor_id, fx_id(carol));
    ck_assert_int_eq(fx_expect(everything, SYNCTV_EVENT_STATE)->state->cause,
        SYNCTV_STATE_CAUSE_SNAPSHOT);
}
END_TEST

START_TEST(calls_wait_until_what_was_missed_is_read)
{
    fx_movie(alice, room, "first", 0);
    add_movie_there("theirs");
    struct sv_room *loaded = sv_room_enter(&fx_node, room);
    sv_room_mark_stale(loaded);
    sv_room_leave(loaded);
    fx_assert_ok(FX_ASK(bob, GET_MOVIE_LIST, .room_id = room));
    ck_assert_int_eq(fx_answer->total, 2);
}
END_TEST

START_TEST(a_stream_that_opens_in_a_gap_finds_what_was_missed)
{
    THERE(BAN_MEMBER, .user_id = fx_id(bob));
    struct sv_room *loaded = sv_room_enter(&fx_node, room);
    sv_room_mark_stale(loaded);
    sv_room_leave(loaded);
    synctv_stream *stream = fx_open_stream(bob, room, NULL);
    fx_pass_ms(1100);
    fx_assert_code(fx_end_of(stream), SYNCTV_E_MEMBER_BANNED);
}
END_TEST

static void expect_member(synctv_stream *stream, synctv_member_change change)
{
    const synctv_event *event = fx_expect_change(stream, change);
    ck_assert_str_eq(event->member->user_id, fx_id(bob));
}

START_TEST(what_became_of_a_member_elsewhere_is_told_here)
{
    synctv_stream *stream = fx_follow(alice, room);
    THERE(SET_MEMBER_PERMISSIONS, .user_id = fx_id(bob),
        .added_permissions = SYNCTV_PERM_KICK_MEMBER);
    notice();
    expect_member(stream, SYNCTV_MEMBER_CHANGE_PERMISSIONS);
    THERE(SET_MEMBER_ROLE, .user_id = fx_id(bob), .role = SYNCTV_ROOM_ROLE_ADMIN);
    notice();
    expect_member(stream, SYNCTV_MEMBER_CHANGE_ROLE);
    THERE(BAN_MEMBER, .user_id = fx_id(bob));
    notice();
    expect_member(stream, SYNCTV_MEMBER_CHANGE_BANNED);
    THERE(UNBAN_MEMBER, .user_id = fx_id(bob));
    notice();
    expect_member(stream, SYNCTV_MEMBER_CHANGE_UNBANNED);
    fx_join(bob, room);
    fx_expect_change(stream, SYNCTV_MEMBER_CHANGE_JOINED);
    synctv_stream *victim = fx_follow(bob, room);
    THERE(KICK_MEMBER, .user_id = fx_id(bob));
    notice();
    expect_member(stream, SYNCTV_MEMBER_CHANGE_KICKED);
    expect_member(victim, SYNCTV_MEMBER_CHANGE_KICKED);
    fx_assert_code(fx_end_of(victim), SYNCTV_E_MEMBER_KICKED);
}
END_TEST

START_TEST(who_left_or_was_approved_elsewhere_is_told_here)
{
    static const synctv_room_settings approval = { .require_approval = true };
    room = fx_room(alice, &approval);
    fx_join(bob, room);
    fx_pass_ms(1100);
    synctv_stream *stream = fx_follow(alice, room);
    THERE(APPROVE_MEMBER, .user_id = fx_id(bob));
    notice();
    expect_member(stream, SYNCTV_MEMBER_CHANGE_APPROVED);

    synctv_caller *there_bob = NULL;
    fx_assert_ok(synctv_node_as_user(&other, fx_id(bob), &there_bob, &fx_error));
    const synctv_request leave = SYNCTV_REQUEST(SYNCTV_METHOD_LEAVE_ROOM, .room_id = room);
    fx_assert_ok(synctv_call_wait(there_bob, &leave, NULL, &fx_error));
    synctv_caller_unref(there_bob);
    synctv_stream *gone = fx_follow(bob, room);
    notice();
    expect_member(stream, SYNCTV_MEMBER_CHANGE_LEFT);
    fx_assert_code(fx_end_of(gone), SYNCTV_E_NOT_A_MEMBER);
}
END_TEST

START_TEST(a_playlist_changed_elsewhere_is_told_movie_by_movie)
{
    static const char *const fields[] = { "name" };
    const char *ids[5];
    char name[] = "0";
    for (int i = 0; i < 5; i++) {
        name[0] = (char)('0' + i);
        ids[i] = fx_movie(alice, room, name, 0);
    }
    synctv_stream *stream = fx_follow(bob, room);
    const synctv_movie renamed = { .name = "renamed" };
    THERE(UPDATE_MOVIE, .movie_id = ids[1], .movie = &renamed, .fields = fields, .n_fields = 1);
    THERE(MOVE_MOVIE, .movie_id = ids[0], .position = 4);
    THERE(REMOVE_MOVIE, .movie_id = ids[3]);
    notice();
    ck_assert_str_eq(next_movie(stream, SYNCTV_LIST_CHANGE_CHANGED)->name, "renamed");
    ck_assert_str_eq(next_movie(stream, SYNCTV_LIST_CHANGE_ADDED)->name, "notice");
    ck_assert_str_eq(next_movie(stream, SYNCTV_LIST_CHANGE_REMOVED)->id, ids[3]);
    const synctv_movie *moved = next_movie(stream, SYNCTV_LIST_CHANGE_MOVED);
    ck_assert_str_eq(moved->id, ids[0]);
    ck_assert_int_eq(moved->position, 3);
    fx_expect_nothing(stream);
    THERE(CLEAR_MOVIES);
    struct sv_room *loaded = sv_room_enter(&fx_node, room);
    sv_room_mark_stale(loaded);
    sv_room_leave(loaded);
    fx_pass_ms(1100);
    fx_settle();
    ck_assert_ptr_null(next_movie(stream, SYNCTV_LIST_CHANGE_CLEARED));
    fx_expect_nothing(stream);
}
END_TEST

/* Every order of five movies, from every other that is one apart in the list of orders. */
START_TEST(any_order_made_elsewhere_is_the_order_here)
{
    const char *ids[5];
    char name[] = "0";
    for (int i = 0; i < 5; i++) {
        name[0] = (char)('0' + i);
        ids[i] = fx_movie(alice, room, name, 0);
    }
    unsigned seed = (unsigned)_i;
    for (int i = 0; i < 6; i++) {
        seed = seed * 1103515245 + 12345;
        THERE(MOVE_MOVIE, .movie_id = ids[(seed >> 16) % 5],
            .position = (int32_t)((seed >> 20) % 5));
    }
    notice();
}
END_TEST

START_TEST(a_kick_in_a_gap_ends_streams_at_once)
{
    synctv_stream *stream = fx_follow(alice, room), *victim = fx_follow(bob, room);
    add_movie_there("theirs");
    fx_assert_ok(FX_ASK(alice, KICK_MEMBER, .room_id = room, .user_id = fx_id(bob)));
    expect_member(victim, SYNCTV_MEMBER_CHANGE_KICKED);
    fx_assert_code(fx_end_of(victim), SYNCTV_E_MEMBER_KICKED);
    expect_member(stream, SYNCTV_MEMBER_CHANGE_KICKED);
    fx_pass_ms(1100);
    fx_settle();
    fx_check_memory(room);
    ck_assert_str_eq(next_movie(stream, SYNCTV_LIST_CHANGE_ADDED)->name, "theirs");
    fx_expect_nothing(stream); /* of the kick, once */
}
END_TEST

START_TEST(a_room_is_read_once_a_second_at_most)
{
    synctv_stream *stream = fx_follow(bob, room);
    add_movie_there("one");
    fx_movie(alice, room, "here", 0);
    fx_pass_ms(50);
    fx_settle();
    ck_assert_str_eq(next_movie(stream, SYNCTV_LIST_CHANGE_ADDED)->name, "one");
    ck_assert_str_eq(next_movie(stream, SYNCTV_LIST_CHANGE_ADDED)->name, "here");
    add_movie_there("two");
    fx_movie(alice, room, "here, too", 0);
    fx_pass_ms(100);
    fx_settle();
    fx_expect_nothing(stream);
    fx_pass_ms(1000);
    fx_settle();
    ck_assert_str_eq(next_movie(stream, SYNCTV_LIST_CHANGE_ADDED)->name, "two");
    ck_assert_str_eq(next_movie(stream, SYNCTV_LIST_CHANGE_ADDED)->name, "here, too");
}
END_TEST

/* --- nothing is changed here: the node looks by itself --- */

static void look(void)
{
    fx_pass_ms(1100); /* looks, and reads what is newer */
    fx_settle();
    fx_pass_ms(1100);
    fx_settle();
}

START_TEST(chat_of_others_comes_in_its_order)
{
    synctv_stream *stream = fx_follow(bob, room);
    fx_say(alice, room, "one");
    THERE(SEND_CHAT, .content = "two");
    THERE(SEND_CHAT, .content = "three");
    fx_say(alice, room, "four"); /* finds that two are missing */
    look();
    static const char *const said[] = { "one", "two", "three", "four" };
    const char *ids[4];
    for (size_t i = 0; i < 4; i++) {
        const synctv_event *event = fx_expect(stream, SYNCTV_EVENT_CHAT);
        ck_assert_str_eq(event->chat->content, said[i]);
        ck_assert_uint_eq(event->chat->seq, i + 1);
        ids[i] = event->chat->message_id;
    }
    THERE(DELETE_CHAT_MESSAGE, .message_id = ids[1]);
    THERE(SEND_CHAT, .content = "five");
    look();
    const synctv_event *deleted = fx_expect(stream, SYNCTV_EVENT_CHAT_DELETED);
    ck_assert_str_eq(deleted->deleted_message_id, ids[1]);
    ck_assert_uint_eq(deleted->deletion_seq, 5);
    ck_assert_str_eq(deleted->actor_id, fx_id(alice));
    ck_assert_str_eq(fx_expect(stream, SYNCTV_EVENT_CHAT)->chat->content, "five");
    fx_expect_nothing(stream);
}
END_TEST

START_TEST(more_chat_than_one_reading_takes_is_read_to_its_end)
{
    synctv_stream *stream = fx_follow(bob, room);
    for (int i = 0; i < 501; i++)
        THERE(SEND_CHAT, .content = "hello");
    look();
    fx_pass_ms(100);
    fx_settle();
    uint64_t last = 1; /* the first is no longer kept */
    for (int i = 0; i < 500; i++)
        ck_assert_uint_eq(fx_expect(stream, SYNCTV_EVENT_CHAT)->chat->seq, ++last);
    fx_expect_nothing(stream);
}
END_TEST

START_TEST(a_playhead_that_others_move_moves_here)
{
    const char *movie = fx_movie(alice, room, "movie", 3600);
    synctv_stream *stream = fx_follow(bob, room);
    look();
    THERE(SET_CURRENT_MOVIE, .movie_id = movie, .autoplay = true);
    THERE(SEEK, .position_s = 1234);
    sv_rooms_flush(&other);
    look();
    const synctv_event *event = fx_expect(stream, SYNCTV_EVENT_STATE);
    ck_assert_str_eq(event->state->movie_id, movie);
    ck_assert_double_ge(event->state->position_s, 1234);
    ck_assert_str_eq(event->state->node_id, "other");
}
END_TEST

START_TEST(what_others_do_to_a_room_is_seen_without_a_change_here)
{
    synctv_stream *stream = fx_follow(bob, room);
    add_movie_there("theirs");
    look();
    ck_assert_str_eq(next_movie(stream, SYNCTV_LIST_CHANGE_ADDED)->name, "theirs");
    THERE(BAN_MEMBER, .user_id = fx_id(bob));
    look();
    fx_assert_code(fx_end_of(stream), SYNCTV_E_MEMBER_BANNED);
    synctv_stream *mine = fx_follow(alice, room);
    THERE(DELETE_ROOM);
    look();
    ck_assert(fx_expect(mine, SYNCTV_EVENT_ROOM)->deleted);
    fx_assert_code(fx_end_of(mine), SYNCTV_E_ROOM_NOT_FOUND);
}
END_TEST

START_TEST(a_look_finds_every_room)
{
    enum { N = 700 };
    static const char *rooms[N];
    static synctv_stream *streams[N];
    fx_node.limits.rooms_per_user = other.limits.rooms_per_user = N + 1;
    fx_node.limits.memberships_per_user = other.limits.memberships_per_user = N + 1;
    fx_node.limits.streams_per_user = N + 1;
    for (int i = 0; i < N; i++) {
        const synctv_stream_options options =
            SYNCTV_STREAM_OPTIONS(.room_id = rooms[i] = fx_room(alice, NULL));
        fx_assert_code(synctv_stream_open(alice, &options, &streams[i], &fx_error), 0);
        fx_settle();
    }
    for (int i = 0; i < N; i++) {
        room = rooms[i];
        add_movie_there("theirs");
    }
    for (int i = 0; i < 5; i++)
        look();
    for (int i = 0; i < N; i++) {
        const synctv_event *event = NULL;
        do {
            synctv_event_unref(event);
            ck_assert_int_eq(synctv_stream_next(streams[i], 30000, &event, &fx_error), 1);
        } while (event->type != SYNCTV_EVENT_MOVIES);
        synctv_event_unref(event);
        synctv_stream_close(streams[i]);
    }
}
END_TEST

START_TEST(who_is_banned_elsewhere_loses_everything_here)
{
    synctv_caller *signed_in = fx_signed_in("bob");
    synctv_stream *stream = fx_follow(signed_in, room);
    synctv_caller *system = synctv_node_as_system(&other);
    const synctv_request ban = SYNCTV_REQUEST(SYNCTV_METHOD_SET_USER_STATUS, .user_id = fx_id(bob),
        .user_status = SYNCTV_USER_STATUS_BANNED);
    fx_assert_ok(synctv_call_wait(system, &ban, NULL, &fx_error));
    synctv_caller_unref(system);
    look();
    fx_assert_code(fx_end_of(stream), SYNCTV_E_SESSION_ENDED);
}
END_TEST

START_TEST(storage_that_went_back_is_believed)
{
    synctv_stream *stream = fx_follow(bob, room);
    fx_movie(alice, room, "kept", 0);
    next_movie(stream, SYNCTV_LIST_CHANGE_ADDED);
    struct sv_room *loaded = sv_room_enter(&fx_node, room);
    const synctv_movie lost = {
        .id = "lost00000000", .room_id = room, .name = "lost", .url = "", .added_by = ""
    };
    sv_room_apply(loaded,
        &(struct sv_room_change){
            .room_id = room,
            .revision = loaded->revision + 1,
            .list = SYNCTV_LIST_CHANGE_ADDED,
            .movie = &lost,
        });
    sv_room_leave(loaded);
    ck_assert_str_eq(next_movie(stream, SYNCTV_LIST_CHANGE_ADDED)->name, "lost");
    notice();
    ck_assert_str_eq(next_movie(stream, SYNCTV_LIST_CHANGE_ADDED)->name, "notice");
    ck_assert_str_eq(next_movie(stream, SYNCTV_LIST_CHANGE_REMOVED)->name, "lost");
    fx_expect_nothing(stream);
}
END_TEST

static void make_stale(void)
{
    struct sv_room *loaded = sv_room_enter(&fx_node, room);
    sv_room_mark_stale(loaded);
    sv_room_leave(loaded);
}

static void answered(void *userdata, const synctv_result *result)
{
    *(const synctv_result **)userdata = synctv_result_ref(result);
}

START_TEST(a_room_that_calls_wait_for_is_not_forgotten)
{
    make_stale();
    fx_assert_ok(FX_ASK(bob, GET_MOVIE_LIST, .room_id = room)); /* has just been read */
    add_movie_there("theirs");
    make_stale();
    const synctv_result *result = NULL;
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_GET_MOVIE_LIST, .room_id = room);
    synctv_call(bob, &request, answered, &result);
    ck_assert_ptr_null(result);
    fx_node.rooms->max_idle = 0;
    sv_rooms_evict(&fx_node);
    fx_pass_ms(1100);
    fx_settle();
    fx_turn();
    ck_assert_ptr_nonnull(result);
    ck_assert_int_eq(result->total, 1);
    synctv_result_unref(result);
}
END_TEST

START_TEST(a_room_deleted_while_calls_wait_answers_them)
{
    make_stale();
    fx_assert_ok(FX_ASK(bob, GET_MOVIE_LIST, .room_id = room)); /* has just been read */
    make_stale();
    const synctv_result *result = NULL;
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_GET_MOVIE_LIST, .room_id = room);
    synctv_call(bob, &request, answered, &result);
    synctv_stream *stream = fx_open_stream(bob, room, NULL);
    ck_assert_ptr_null(result);
    fx_assert_ok(FX_ASK(alice, DELETE_ROOM, .room_id = room));
    fx_turn();
    ck_assert_ptr_nonnull(result);
    fx_assert_code(result->code, SYNCTV_E_ROOM_NOT_FOUND);
    synctv_result_unref(result);
    fx_assert_code(fx_end_of(stream), SYNCTV_E_ROOM_NOT_FOUND);
}
END_TEST

START_TEST(a_call_that_waits_when_the_node_closes_is_answered)
{
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_GET_MOVIE_LIST, .room_id = room);
    for (int i = 0; i < 2; i++) {
        fx_assert_ok(synctv_call_wait(other_alice, &request, NULL, &fx_error));
        struct sv_room *loaded = sv_room_enter(&other, room);
        sv_room_mark_stale(loaded);
        sv_room_leave(loaded);
    }
    synctv_call(other_alice, &request, answered, &last_answer);
    ck_assert_ptr_null(last_answer);
    last_call_waits = true;
}
END_TEST

START_TEST(a_guest_who_became_a_member_in_a_gap_stays_when_guests_have_to_go)
{
    static const char *const fields[] = { "settings" };
    static const synctv_room_settings open = { .allow_guests = true }, closed;
    synctv_caller *there_carol = NULL;
    fx_assert_ok(FX_ASK(alice, UPDATE_ROOM, .room_id = room, .settings = &open, .fields = fields,
        .n_fields = 1));
    synctv_stream *carols = fx_follow(carol, room), *guests = fx_follow(fx_user("dave"), room);
    fx_assert_ok(synctv_node_as_user(&other, fx_id(carol), &there_carol, &fx_error));
    const synctv_request join = SYNCTV_REQUEST(SYNCTV_METHOD_JOIN_ROOM, .room_id = room);
    fx_assert_ok(synctv_call_wait(there_carol, &join, NULL, &fx_error));
    synctv_caller_unref(there_carol);
    THERE(UPDATE_ROOM, .settings = &closed, .fields = fields, .n_fields = 1);
    notice();
    fx_assert_code(fx_end_of(guests), SYNCTV_E_NOT_A_MEMBER);
    fx_expect_change(carols, SYNCTV_MEMBER_CHANGE_JOINED);
    ck_assert(!fx_expect(carols, SYNCTV_EVENT_ROOM)->room->settings->allow_guests);
    fx_say(alice, room, "hello");
    fx_expect(carols, SYNCTV_EVENT_CHAT);
}
END_TEST

START_TEST(who_waits_for_approval_since_a_gap_hears_nothing_any_more)
{
    static const char *const fields[] = { "settings" };
    static const synctv_room_settings approval = { .require_approval = true };
    synctv_stream *stream = fx_follow(alice, room), *bobs = fx_follow(bob, room);
    synctv_caller *there_bob = NULL;
    fx_assert_ok(synctv_node_as_user(&other, fx_id(bob), &there_bob, &fx_error));
    const synctv_request leave = SYNCTV_REQUEST(SYNCTV_METHOD_LEAVE_ROOM, .room_id = room);
    const synctv_request join = SYNCTV_REQUEST(SYNCTV_METHOD_JOIN_ROOM, .room_id = room);
    THERE(UPDATE_ROOM, .settings = &approval, .fields = fields, .n_fields = 1);
    fx_assert_ok(synctv_call_wait(there_bob, &leave, NULL, &fx_error));
    fx_assert_ok(synctv_call_wait(there_bob, &join, NULL, &fx_error));
    synctv_caller_unref(there_bob);
    notice();
    fx_assert_code(fx_end_of(bobs), SYNCTV_E_NOT_A_MEMBER);
    expect_member(stream, SYNCTV_MEMBER_CHANGE_LEFT);
    expect_member(stream, SYNCTV_MEMBER_CHANGE_JOINED);
}
END_TEST

/* --- what is heard while a reading runs --- */

/* Keeps the writer busy, so that a reading that is begun does not run yet. */
struct held_writer {
    struct sv_job job;
    sem_t go_on, is_over;
};

static int hold_writer(struct sv_job *job, struct sv_tx *tx)
{
    sem_wait(&SV_CONTAINER_OF(job, struct held_writer, job)->go_on);
    return 0;
}

static void writer_is_free(struct sv_job *job, int rv)
{
    sem_post(&SV_CONTAINER_OF(job, struct held_writer, job)->is_over);
}

/* The other node, which has committed them a moment ago, says so: so many revisions further. */
static void hear_of(uint64_t n_revisions)
{
    struct sv_room *loaded = sv_room_enter(&fx_node, room);
    const synctv_movie theirs = {
        .id = "theirs000000", .room_id = room, .name = "theirs", .url = "", .added_by = ""
    };
    sv_room_apply(loaded,
        &(struct sv_room_change){
            .room_id = room,
            .from_elsewhere = true,
            .revision = loaded->revision + n_revisions,
            .list = SYNCTV_LIST_CHANGE_ADDED,
            .movie = &theirs,
        });
    sv_room_leave(loaded);
}

/*
 * A reading finds the room as it is in storage now, but this node hears of more before it is done.
 */
static void hear_during_a_reading(uint64_t n_revisions)
{
    struct held_writer held = { .job = { .run = hold_writer, .apply = writer_is_free } };
    sem_init(&held.go_on, 0, 0);
    sem_init(&held.is_over, 0, 0);
    sv_job_set_scope(&held.job, room, NULL, NULL);
    fx_assert_ok(sv_store_write(fx_node.store, &held.job));
    struct sv_room *loaded = sv_room_enter(&fx_node, room);
    sv_room_ref(loaded);
    sv_room_leave(loaded);
    sv_room_read_again(loaded);
    hear_of(n_revisions);
    sem_post(&held.go_on);
    sem_wait(&held.is_over);
    fx_settle();
    sv_room_unref(loaded);
    sem_destroy(&held.go_on);
    sem_destroy(&held.is_over);
}

START_TEST(what_is_heard_while_a_reading_runs_is_read_after_it)
{
    hear_during_a_reading(2);
    add_movie_there("one");
    add_movie_there("two");
    fx_assert_ok(FX_ASK(bob, GET_MOVIE_LIST, .room_id = room)); /* waits until that is read */
    ck_assert_int_eq(fx_answer->total, 2);
    fx_check_memory(room);
}
END_TEST

START_TEST(a_reading_does_not_take_back_what_is_heard_meanwhile)
{
    synctv_stream *stream = fx_follow(bob, room);
    hear_during_a_reading(1);
    struct sv_room *loaded = sv_room_enter(&fx_node, room);
    ck_assert_uint_eq(loaded->movies.n_items, 1);
    sv_room_leave(loaded);
    ck_assert_str_eq(next_movie(stream, SYNCTV_LIST_CHANGE_ADDED)->name, "theirs");
    fx_pass_ms(1100); /* it is read once more: storage has never had it */
    fx_settle();
    ck_assert_ptr_null(next_movie(stream, SYNCTV_LIST_CHANGE_CLEARED));
    fx_check_memory(room);
}
END_TEST

/* --- what leaves for other nodes --- */

static struct {
    int n, n_states;
    char movie_id[SV_ID_SIZE];
    uint64_t revision;
    synctv_list_change list;
    synctv_state_cause cause;
    size_t n_members;
    synctv_event_type event;
    bool deleted, room;
} left;

static void leaves(void *userdata, const struct sv_room_change *change)
{
    ck_assert_ptr_eq(userdata, &left);
    ck_assert_str_eq(change->room_id, room);
    left.n++;
    if (change->state != NULL) {
        left.n_states++;
        memcpy(left.movie_id, change->state->movie_id, sizeof(left.movie_id));
    }
    left.revision = change->revision;
    left.list = change->list;
    left.cause = change->cause;
    left.n_members = change->n_members;
    left.event = change->event == NULL ? (synctv_event_type)0 : change->event->type;
    left.deleted = change->deleted;
    left.room = change->room != NULL;
}

static void watch_what_leaves(void)
{
    memset(&left, 0, sizeof(left));
    fx_node.rooms->changed = leaves;
    fx_node.rooms->changed_userdata = &left;
}

START_TEST(every_change_made_here_leaves_for_other_nodes_once)
{
    static const char *const fields[] = { "name" };
    watch_what_leaves();
    const char *movie = fx_movie(alice, room, "movie", 60);
    ck_assert_int_eq(left.n, 1);
    ck_assert_int_eq(left.list, SYNCTV_LIST_CHANGE_ADDED);
    uint64_t revision = left.revision;
    fx_assert_ok(FX_ASK(alice, SET_CURRENT_MOVIE, .room_id = room, .movie_id = movie,
        .autoplay = true));
    ck_assert_int_eq(left.n, 2);
    ck_assert_int_eq(left.cause, SYNCTV_STATE_CAUSE_MOVIE);
    ck_assert_uint_eq(left.revision, 0);
    fx_say(alice, room, "hello");
    ck_assert_int_eq(left.n, 3);
    ck_assert_int_eq(left.event, SYNCTV_EVENT_CHAT);
    fx_join(carol, room);
    ck_assert_int_eq(left.n, 4);
    ck_assert_uint_eq(left.n_members, 1);
    ck_assert_uint_eq(left.revision, revision + 1);
    fx_assert_ok(FX_ASK(alice, TRANSFER_ROOM, .room_id = room, .user_id = fx_id(bob)));
    ck_assert_int_eq(left.n, 5);
    ck_assert_uint_eq(left.n_members, 2);
    ck_assert(left.room);
    fx_assert_ok(FX_ASK(bob, UPDATE_ROOM, .room_id = room, .name = "new", .fields = fields,
        .n_fields = 1));
    ck_assert_int_eq(left.n, 6);
    fx_follow(alice, room);
    fx_pass_ms(61100); /* the movie ends by itself */
    ck_assert_int_eq(left.n, 7);
    ck_assert_int_eq(left.cause, SYNCTV_STATE_CAUSE_ENDED);
    fx_assert_ok(FX_ASK(bob, DELETE_ROOM, .room_id = room));
    ck_assert(left.deleted);
    ck_assert_int_eq(left.n, 8);
}
END_TEST

/* The state before the list, which has no such movie any more. */
START_TEST(a_movie_that_goes_sends_the_playhead_away_first)
{
    static const synctv_room_settings next = { .auto_advance = SYNCTV_AUTO_ADVANCE_NEXT };
    room = fx_room(alice, &next);
    const char *first = fx_movie(alice, room, "first", 60);
    const char *second = fx_movie(alice, room, "second", 60);
    fx_assert_ok(FX_ASK(alice, SET_CURRENT_MOVIE, .room_id = room, .movie_id = first));
    watch_what_leaves();
    fx_assert_ok(FX_ASK(alice, REMOVE_MOVIE, .room_id = room, .movie_id = first));
    ck_assert_int_eq(left.n_states, 1);
    ck_assert_int_eq(left.n, 2);
    ck_assert_str_eq(left.movie_id, second);
    ck_assert_int_eq(left.list, SYNCTV_LIST_CHANGE_REMOVED);
    fx_assert_ok(FX_ASK(alice, CLEAR_MOVIES, .room_id = room));
    ck_assert_int_eq(left.n_states, 2);
    ck_assert_int_eq(left.n, 4);
    ck_assert_str_eq(left.movie_id, "");
    ck_assert_int_eq(left.list, SYNCTV_LIST_CHANGE_CLEARED);
}
END_TEST

START_TEST(what_is_read_from_storage_does_not_leave)
{
    const char *movie = fx_movie(alice, room, "movie", 3600);
    look();
    watch_what_leaves();
    add_movie_there("theirs");
    THERE(SET_CURRENT_MOVIE, .movie_id = movie, .autoplay = true);
    sv_rooms_flush(&other);
    THERE(BAN_MEMBER, .user_id = fx_id(bob));
    look();
    fx_check_memory(room);
    THERE(DELETE_ROOM);
    look();
    ck_assert_ptr_null(sv_room_enter(&fx_node, room));
    ck_assert_int_eq(left.n, 0);
}
END_TEST

START_TEST(a_deletion_that_a_reading_finds_does_not_leave)
{
    fx_movie(alice, room, "movie", 0);
    struct sv_room *loaded = sv_room_enter(&fx_node, room);
    sv_room_mark_stale(loaded);
    sv_room_leave(loaded);
    watch_what_leaves();
    THERE(DELETE_ROOM);
    fx_assert_code(FX_ASK(alice, GET_MOVIE_LIST, .room_id = room), SYNCTV_E_ROOM_NOT_FOUND);
    ck_assert_int_eq(left.n, 0);
}
END_TEST

START_TEST(what_is_made_of_a_stored_state_leaves)
{
    const char *movie = fx_movie(alice, room, "movie", 3600);
    int64_t now_ms = synctv_node_now_ms(&fx_node);
    synctv_playback stored = {
        .movie_id = movie,
        .status = SYNCTV_PLAYBACK_STATUS_PLAYING,
        .rate = 1,
        .updated_at_ms = now_ms - 1000,
        .version = (uint64_t)now_ms,
        .node_id = "other",
    };
    watch_what_leaves();
    struct sv_room *loaded = sv_room_enter(&fx_node, room);
    sv_playhead_adopt(loaded, &stored);
    ck_assert_int_eq(left.n, 0);
    stored.updated_at_ms += 3600000; /* by a clock that is ahead: it counts as of now */
    stored.version += 3600000;
    sv_playhead_adopt(loaded, &stored);
    ck_assert_int_eq(left.n, 1);
    ck_assert_int_eq(left.n_states, 1);
    ck_assert_str_eq(left.movie_id, movie);
    stored.movie_id = "lost00000000";
    stored.updated_at_ms = now_ms - 1000;
    stored.version += 3600000;
    sv_playhead_adopt(loaded, &stored);
    ck_assert_int_eq(left.n, 1);
    sv_playhead_check(loaded);
    ck_assert_int_eq(left.n, 2);
    ck_assert_int_eq(left.n_states, 2);
    ck_assert_str_eq(left.movie_id, "");
    sv_room_leave(loaded);
}
END_TEST

START_TEST(a_change_from_elsewhere_changes_memory_and_does_not_leave)
{
    synctv_stream *stream = fx_follow(bob, room);
    watch_what_leaves();
    struct sv_room *loaded = sv_room_enter(&fx_node, room);
    const synctv_movie theirs = {
        .id = "theirs000000", .room_id = room, .name = "theirs", .url = "", .added_by = ""
    };
    sv_room_apply(loaded,
        &(struct sv_room_change){
            .room_id = room,
            .from_elsewhere = true,
            .revision = loaded->revision + 1,
            .list = SYNCTV_LIST_CHANGE_ADDED,
            .movie = &theirs,
        });
    sv_room_leave(loaded);
    ck_assert_str_eq(next_movie(stream, SYNCTV_LIST_CHANGE_ADDED)->name, "theirs");
    ck_assert_int_eq(left.n, 0);
}
END_TEST

static Suite *room_gaps(void)
{
    Suite *s = suite_create("room_gaps");
    TCase *t = tcase_create("two nodes");
    tcase_add_checked_fixture(t, people_on_two_nodes, close_both);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_movie_added_in_a_gap_is_told_as_the_ones_that_were_missed);
    tcase_add_test(t, who_joins_in_a_gap_gets_the_room_as_it_is);
    tcase_add_test(t, who_joined_elsewhere_is_followed_here);
    tcase_add_test(t, calls_wait_until_what_was_missed_is_read);
    tcase_add_test(t, a_stream_that_opens_in_a_gap_finds_what_was_missed);
    tcase_add_test(t, what_became_of_a_member_elsewhere_is_told_here);
    tcase_add_test(t, who_left_or_was_approved_elsewhere_is_told_here);
    tcase_add_test(t, a_playlist_changed_elsewhere_is_told_movie_by_movie);
    tcase_add_loop_test(t, any_order_made_elsewhere_is_the_order_here, 0, 20);
    tcase_add_test(t, a_kick_in_a_gap_ends_streams_at_once);
    tcase_add_test(t, a_room_is_read_once_a_second_at_most);
    tcase_add_test(t, chat_of_others_comes_in_its_order);
    tcase_add_test(t, more_chat_than_one_reading_takes_is_read_to_its_end);
    tcase_add_test(t, a_playhead_that_others_move_moves_here);
    tcase_add_test(t, what_others_do_to_a_room_is_seen_without_a_change_here);
    tcase_add_test(t, a_look_finds_every_room);
    tcase_add_test(t, who_is_banned_elsewhere_loses_everything_here);
    tcase_add_test(t, storage_that_went_back_is_believed);
    tcase_add_test(t, a_room_that_calls_wait_for_is_not_forgotten);
    tcase_add_test(t, a_room_deleted_while_calls_wait_answers_them);
    tcase_add_test(t, a_call_that_waits_when_the_node_closes_is_answered);
    tcase_add_test(t, a_guest_who_became_a_member_in_a_gap_stays_when_guests_have_to_go);
    tcase_add_test(t, who_waits_for_approval_since_a_gap_hears_nothing_any_more);
    tcase_add_test(t, what_is_heard_while_a_reading_runs_is_read_after_it);
    tcase_add_test(t, a_reading_does_not_take_back_what_is_heard_meanwhile);
    tcase_add_test(t, every_change_made_here_leaves_for_other_nodes_once);
    tcase_add_test(t, a_movie_that_goes_sends_the_playhead_away_first);
    tcase_add_test(t, what_is_read_from_storage_does_not_leave);
    tcase_add_test(t, a_deletion_that_a_reading_finds_does_not_leave);
    tcase_add_test(t, what_is_made_of_a_stored_state_leaves);
    tcase_add_test(t, a_change_from_elsewhere_changes_memory_and_does_not_leave);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *r = srunner_create(room_gaps());
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
