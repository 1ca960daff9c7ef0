/* SPDX-License-Identifier: MIT */
/* The playlist, the playback state, chat; and what goes when a room goes. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract.h"
#include "core/validate.h"

static const char room[] = "r00000000001";
static uint64_t revision; /* of the room after a change of its playlist */

/* A store with user 1, rooms 1 and 2, and a transaction. */
static void begin_with_room(struct contract *c, int backend)
{
    contract_open(c, backend);
    contract_begin(c);
    contract_add_user(c, 1);
    contract_add_room(c, 1, "room", 1);
    contract_add_room(c, 2, "room", 1);
}

static void end(struct contract *c)
{
    ck_assert_int_eq(contract_commit(c), 0);
    contract_close(c);
}

static synctv_movie movie(const char *id)
{
    return (synctv_movie){ .id = id,
        .room_id = room,
        .name = "film",
        .url = "https://example.org/a.mp4",
        .type = SYNCTV_MOVIE_TYPE_URL,
        .added_by = "u00000000001",
        .created_at_ms = 9 };
}

static void add_movies(struct contract *c, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        int32_t position = -1;
        synctv_movie m = movie(contract_id('m', i));
        m.position = 5;
        ck_assert_int_eq(c->op->movie_insert(c->tx, &m, &position, &revision), 0);
        ck_assert_int_eq(position, (int32_t)i);
    }
}

/* The playlist must be these numbers, e.g. "0 2 1". */
static void check_order(struct contract *c, const char *expected)
{
    synctv_movie *list;
    char order[256] = "";
    int n = c->op->movie_list(c->tx, room, &c->arena, &list);
    ck_assert_int_ge(n, 0);
    for (int i = 0; i < n; i++) {
        synctv_movie got;
        ck_assert_int_eq(list[i].position, i);
        ck_assert_int_eq(c->op->movie_get(c->tx, room, list[i].id, &c->arena, &got), 0);
        ck_assert_int_eq(got.position, i);
        size_t len = strlen(order);
        snprintf(order + len, sizeof(order) - len, i == 0 ? "%d" : " %d", atoi(list[i].id + 1));
    }
    ck_assert_str_eq(order, expected);
}

START_TEST(a_movie_comes_back_as_it_went_in)
{
    struct contract c;
    int32_t position;
    synctv_header headers[16];
    synctv_subtitle subtitles[16];
    synctv_movie got, m = movie("m1");
    for (int i = 0; i < 16; i++) {
        headers[i] = (synctv_header){ i % 2 == 0 ? "Referer" : "", i % 3 == 0 ? "é\"" : NULL };
        subtitles[i] = (synctv_subtitle){ "Deutsch", "https://example.org/s.vtt", "vtt" };
    }
    m.duration_s = 5400.123456789;
    m.type = SYNCTV_MOVIE_TYPE_LIVE;
    m.headers = headers;
    m.n_headers = 16;
    m.subtitles = subtitles;
    m.n_subtitles = 16;
    begin_with_room(&c, _i);
    ck_assert_int_eq(c.op->movie_insert(c.tx, &m, &position, &revision), 0);
    ck_assert_int_eq(c.op->movie_get(c.tx, room, "m1", &c.arena, &got), 0);
    ck_assert_str_eq(got.id, "m1");
    ck_assert_str_eq(got.room_id, room);
    ck_assert_str_eq(got.name, m.name);
    ck_assert_str_eq(got.url, m.url);
    ck_assert_int_eq(got.type, m.type);
    ck_assert(got.duration_s == m.duration_s);
    ck_assert_str_eq(got.added_by, m.added_by);
    ck_assert_int_eq(got.created_at_ms, 9);
    ck_assert_uint_eq(got.n_headers, 16);
    ck_assert_str_eq(got.headers[0].name, "Referer");
    ck_assert_str_eq(got.headers[0].value, "é\"");
    ck_assert_str_eq(got.headers[1].name, "");
    ck_assert_str_eq(got.headers[1].value, "");
    ck_assert_uint_eq(got.n_subtitles, 16);
    ck_assert_str_eq(got.subtitles[15].name, "Deutsch");
    ck_assert_str_eq(got.subtitles[15].url, "https://example.org/s.vtt");
    ck_assert_str_eq(got.subtitles[15].format, "vtt");
    ck_assert_str_eq(got.stream_key, "");

    m.name = "other";
    m.n_headers = 1;
    m.n_subtitles = 0;
    m.duration_s = 0;
    ck_assert_int_eq(c.op->movie_update(c.tx, &m, &revision), 0);
    ck_assert_int_eq(c.op->movie_get(c.tx, room, "m1", &c.arena, &got), 0);
    ck_assert_str_eq(got.name, "other");
    ck_assert_uint_eq(got.n_headers, 1);
    ck_assert_uint_eq(got.n_subtitles, 0);
    ck_assert(got.duration_s == 0);
    end(&c);
}
END_TEST

START_TEST(movies_stand_in_the_order_in_which_they_came)
{
    struct contract c;
    begin_with_room(&c, _i);
    check_order(&c, "");
    add_movies(&c, 5);
    check_order(&c, "0 1 2 3 4");
    ck_assert_int_eq(c.op->movie_delete(c.tx, room, "m00000000001", &revision), 0);
    check_order(&c, "0 2 3 4");
    int32_t position;
    synctv_movie m = movie("m00000000009");
    ck_assert_int_eq(c.op->movie_insert(c.tx, &m, &position, &revision), 0);
    ck_assert_int_eq(position, 4);
    check_order(&c, "0 2 3 4 9");
    ck_assert_int_eq(c.op->movie_clear(c.tx, room, &revision), 5);
    ck_assert_int_eq(c.op->movie_clear(c.tx, room, &revision), 0);
    check_order(&c, "");
    add_movies(&c, 2);
    check_order(&c, "0 1");
    end(&c);
}
END_TEST

/* As the room tells it; and as the movies themselves. */
static size_t weight_of_all(struct contract *c)
{
    synctv_movie *list;
    struct sv_room_rec rec;
    size_t weight = 0;
    int n = c->op->movie_list(c->tx, room, &c->arena, &list);
    for (int i = 0; i < n; i++)
        weight += sv_movie_weight(&list[i]);
    ck_assert_int_eq(c->op->room_get(c->tx, room, &c->arena, &rec), 0);
    ck_assert_int_eq(rec.n_movies, n);
    ck_assert_int_eq(rec.movies_weight, (int64_t)weight);
    return weight;
}

START_TEST(a_room_knows_how_many_movies_it_has_and_what_they_weigh_together)
{
    struct contract c;
    begin_with_room(&c, _i);
    ck_assert_uint_eq(weight_of_all(&c), 0);
    add_movies(&c, 3);
    size_t before = weight_of_all(&c);
    ck_assert_uint_gt(before, 0);
    const synctv_header header = { "Cookie", "0123456789" };
    const synctv_subtitle subtitle = { "En", "http://h/s", "vtt" };
    synctv_movie m = movie("m00000000001");
    m.url = "http://h/longer/than/before";
    m.headers = &header;
    m.n_headers = 1;
    m.subtitles = &subtitle;
    m.n_subtitles = 1;
    ck_assert_int_eq(c.op->movie_update(c.tx, &m, &revision), 0);
    ck_assert_uint_gt(weight_of_all(&c), before);
    ck_assert_int_eq(c.op->movie_move(c.tx, room, "m00000000001", 2, &revision), 0);
    ck_assert_int_eq(c.op->movie_delete(c.tx, room, "m00000000000", &revision), 0);
    weight_of_all(&c);
    ck_assert_int_eq(c.op->movie_clear(c.tx, room, &revision), 2);
    ck_assert_uint_eq(weight_of_all(&c), 0);
    add_movies(&c, 1);
    ck_assert_uint_gt(weight_of_all(&c), 0);
    end(&c);
}
END_TEST

START_TEST(each_change_of_the_playlist_is_one_of_the_room)
{
    struct contract c;
    struct sv_room_rec rec;
    uint64_t before;
    synctv_movie m = movie("m00000000001");
    begin_with_room(&c, _i);
    ck_assert_int_eq(c.op->room_touch(c.tx, room, &before), 0);
    add_movies(&c, 3);
    ck_assert_uint_eq(revision, before + 3);
    ck_assert_int_eq(c.op->movie_update(c.tx, &m, &revision), 0);
    ck_assert_uint_eq(revision, before + 4);
    ck_assert_int_eq(c.op->movie_move(c.tx, room, m.id, 0, &revision), 0);
    ck_assert_uint_eq(revision, before + 5);
    ck_assert_int_eq(c.op->movie_delete(c.tx, room, m.id, &revision), 0);
    ck_assert_uint_eq(revision, before + 6);
    ck_assert_int_eq(c.op->movie_clear(c.tx, room, &revision), 2);
    ck_assert_uint_eq(revision, before + 7);
    revision = 0;
    ck_assert_int_eq(c.op->movie_clear(c.tx, room, &revision), 0);
    ck_assert_int_eq(c.op->movie_delete(c.tx, room, m.id, &revision), SYNCTV_E_MOVIE_NOT_FOUND);
    ck_assert_int_eq(c.op->movie_update(c.tx, &m, &revision), SYNCTV_E_MOVIE_NOT_FOUND);
    ck_assert_int_eq(c.op->movie_move(c.tx, room, m.id, 0, &revision), SYNCTV_E_MOVIE_NOT_FOUND);
    ck_assert_uint_eq(revision, 0);
    ck_assert_int_eq(c.op->room_get(c.tx, room, &c.arena, &rec), 0);
    ck_assert_uint_eq(rec.room.revision, before + 7);
    end(&c);
}
END_TEST

START_TEST(a_movie_moves_and_the_others_keep_their_order)
{
    struct contract c;
    begin_with_room(&c, _i);
    add_movies(&c, 5);
    const struct {
        const char *id;
        int32_t to;
        const char *order;
    } moves[] = {
        { "m00000000004", 0, "4 0 1 2 3" },
        { "m00000000000", 3, "4 1 2 0 3" },
        { "m00000000002", 2, "4 1 2 0 3" },
        { "m00000000004", 99, "1 2 0 3 4" },
        { "m00000000004", -7, "4 1 2 0 3" },
        { "m00000000000", 1, "4 0 1 2 3" },
        { "m00000000003", 4, "4 0 1 2 3" },
        { "m00000000004", INT32_MAX, "0 1 2 3 4" },
    };
    for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
        ck_assert_int_eq(c.op->movie_move(c.tx, room, moves[i].id, moves[i].to, &revision), 0);
        check_order(&c, moves[i].order);
    }
    end(&c);
}
END_TEST

START_TEST(moving_again_and_again_never_runs_out_of_place)
{
    struct contract c;
    int order[6] = { 0, 1, 2, 3, 4, 5 };
    unsigned seed = 7;
    begin_with_room(&c, _i);
    add_movies(&c, 6);
    for (int i = 0; i < 3000; i++) { /* mostly into the same narrowing gap */
        seed = seed * 1103515245 + 12345;
        int from = i % 10 != 0 ? 5 : (int)(seed >> 16) % 6;
        int to = i % 10 != 0 ? 1 + i % 2 : (int)(seed >> 20) % 6;
        int moved = order[from];
        ck_assert_int_eq(c.op->movie_move(c.tx, room, contract_id('m', (unsigned)moved), to,
                             &revision),
            0);
        memmove(&order[from], &order[from + 1], (size_t)(5 - from) * sizeof(int));
        memmove(&order[to + 1], &order[to], (size_t)(5 - to) * sizeof(int));
        order[to] = moved;
    }
    char expected[64];
    snprintf(expected, sizeof(expected), "%d %d %d %d %d %d", order[0], order[1], order[2],
        order[3], order[4], order[5]);
    check_order(&c, expected);
    end(&c);
}
END_TEST

START_TEST(a_movie_that_is_not_there_is_not_found)
{
    struct contract c;
    synctv_movie got, *list, m = movie("nothing");
    int32_t position = 77;
    begin_with_room(&c, _i);
    ck_assert_int_eq(c.op->movie_get(c.tx, room, "nothing", &c.arena, &got),
        SYNCTV_E_MOVIE_NOT_FOUND);
    ck_assert_int_eq(c.op->movie_update(c.tx, &m, &revision), SYNCTV_E_MOVIE_NOT_FOUND);
    ck_assert_int_eq(c.op->movie_delete(c.tx, room, "nothing", &revision),
        SYNCTV_E_MOVIE_NOT_FOUND);
    ck_assert_int_eq(c.op->movie_move(c.tx, room, "nothing", 0, &revision),
        SYNCTV_E_MOVIE_NOT_FOUND);
    add_movies(&c, 2);
    ck_assert_int_eq(c.op->movie_move(c.tx, room, "nothing", 1, &revision),
        SYNCTV_E_MOVIE_NOT_FOUND);
    ck_assert_int_eq(c.op->movie_delete(c.tx, "r00000000002", "m00000000001", &revision),
        SYNCTV_E_MOVIE_NOT_FOUND);
    ck_assert_int_eq(c.op->movie_list(c.tx, "nowhere", &c.arena, &list), 0);
    m.room_id = "nowhere";
    ck_assert_int_eq(c.op->movie_insert(c.tx, &m, &position, &revision), SYNCTV_E_ROOM_NOT_FOUND);
    ck_assert_int_eq(position, 77);
    end(&c);
}
END_TEST

/* ---- playback ---- */

static synctv_playback state(uint64_t version, const char *node_id)
{
    return (synctv_playback){ .room_id = room,
        .movie_id = "m1",
        .status = SYNCTV_PLAYBACK_STATUS_PLAYING,
        .position_s = 0.1,
        .rate = 1.0,
        .updated_at_ms = INT64_C(1700000000999),
        .version = version,
        .cause = SYNCTV_STATE_CAUSE_SEEK,
        .actor_id = "u00000000001",
        .operation_id = "op",
        .node_id = node_id };
}

START_TEST(a_playback_state_comes_back_as_it_went_in)
{
    struct contract c;
    synctv_playback got = { .version = 5 }, s = state(UINT64_C(1700000000999), "n");
    begin_with_room(&c, _i);
    ck_assert_int_eq(c.op->playback_get(c.tx, room, &c.arena, &got), 0);
    ck_assert_uint_eq(got.version, 5);
    ck_assert_int_eq(c.op->playback_put(c.tx, &s), 1);
    ck_assert_int_eq(c.op->playback_get(c.tx, room, &c.arena, &got), 1);
    ck_assert_str_eq(got.room_id, room);
    ck_assert_str_eq(got.movie_id, s.movie_id);
    ck_assert_int_eq(got.status, s.status);
    ck_assert(got.position_s == s.position_s && got.rate == s.rate);
    ck_assert_int_eq(got.updated_at_ms, s.updated_at_ms);
    ck_assert(got.version == s.version);
    ck_assert_int_eq(got.cause, s.cause);
    ck_assert_str_eq(got.actor_id, s.actor_id);
    ck_assert_str_eq(got.operation_id, s.operation_id);
    ck_assert_str_eq(got.node_id, s.node_id);
    end(&c);
}
END_TEST

START_TEST(positions_are_stored_to_the_last_bit)
{
    struct contract c;
    const double values[] = { 0.1, 1.0 / 3, 5e-324, DBL_MAX, DBL_EPSILON, 123456789.123456789,
        9007199254740993.0, 86399.999999999985 };
    begin_with_room(&c, _i);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        synctv_playback got, s = state(i + 1, "n");
        s.position_s = values[i];
        ck_assert_int_eq(c.op->playback_put(c.tx, &s), 1);
        ck_assert_int_eq(c.op->playback_get(c.tx, room, &c.arena, &got), 1);
        ck_assert_mem_eq(&got.position_s, &values[i], sizeof(double));
    }
    synctv_playback nan_state = state(100, "n");
    nan_state.position_s = NAN;
    ck_assert_int_eq(c.op->playback_put(c.tx, &nan_state), SYNCTV_E_INVALID_ARGUMENT);
    end(&c);
}
END_TEST

START_TEST(the_higher_version_and_node_wins)
{
    struct contract c;
    synctv_playback got;
    const struct {
        uint64_t version;
        const char *node;
        int expected;
    } puts[] = {
        { 5, "b", 1 },
        { 5, "b", 0 },
        { 5, "a", 0 },
        { 4, "z", 0 },
        { 5, "c", 1 },
        { 6, "a", 1 },
        { UINT64_MAX - 1, "a", 1 },
        { INT64_MAX, "a", 0 },
        { UINT64_MAX, "", 1 },
    };
    begin_with_room(&c, _i);
    for (size_t i = 0; i < sizeof(puts) / sizeof(puts[0]); i++) {
        synctv_playback s = state(puts[i].version, puts[i].node);
        ck_assert_int_eq(c.op->playback_put(c.tx, &s), puts[i].expected);
    }
    ck_assert_int_eq(c.op->playback_get(c.tx, room, &c.arena, &got), 1);
    ck_assert(got.version == UINT64_MAX);
    synctv_playback lost = state(1, "n");
    lost.room_id = "nowhere";
    ck_assert_int_eq(c.op->playback_put(c.tx, &lost), SYNCTV_E_ROOM_NOT_FOUND);
    end(&c);
}
END_TEST

/* ---- chat ---- */

static synctv_chat chat(const char *id, const char *client_id)
{
    return (synctv_chat){ .room_id = room,
        .message_id = id,
        .user_id = "u00000000001",
        .username = "user1",
        .content = "hé\nllo 🎬",
        .timestamp_ms = 42,
        .client_message_id = client_id };
}

static uint64_t say(struct contract *c, unsigned n, int32_t keep)
{
    uint64_t seq = 0;
    synctv_chat existing, message = chat(contract_id('c', n), "");
    ck_assert_int_eq(c->op->chat_insert(c->tx, &message, keep, &seq, &c->arena, &existing), 0);
    return seq;
}

START_TEST(a_message_comes_back_as_it_went_in)
{
    struct contract c;
    uint64_t seq = 0;
    synctv_chat existing, *list, m = chat("c1", "client-1");
    begin_with_room(&c, _i);
    ck_assert_int_eq(c.op->chat_insert(c.tx, &m, 500, &seq, &c.arena, &existing), 0);
    ck_assert_uint_eq(seq, 1);
    ck_assert_int_eq(c.op->chat_list(c.tx, room, 0, 0, 10, &c.arena, &list), 1);
    ck_assert_str_eq(list[0].room_id, room);
    ck_assert_str_eq(list[0].message_id, "c1");
    ck_assert_str_eq(list[0].user_id, m.user_id);
    ck_assert_str_eq(list[0].username, m.username);
    ck_assert_str_eq(list[0].content, m.content);
    ck_assert_int_eq(list[0].timestamp_ms, 42);
    ck_assert_uint_eq(list[0].seq, 1);
    ck_assert_str_eq(list[0].client_message_id, "client-1");
    m.room_id = "nowhere";
    ck_assert_int_eq(c.op->chat_insert(c.tx, &m, 500, &seq, &c.arena, &existing),
        SYNCTV_E_ROOM_NOT_FOUND);
    end(&c);
}
END_TEST

START_TEST(chat_is_read_from_new_to_old_between_two_numbers)
{
    struct contract c;
    synctv_chat *list;
    begin_with_room(&c, _i);
    for (unsigned i = 1; i <= 20; i++)
        ck_assert_uint_eq(say(&c, i, 500), i);
    ck_assert_int_eq(c.op->chat_list(c.tx, room, 0, 0, 5, &c.arena, &list), 5);
    ck_assert_uint_eq(list[0].seq, 20);
    ck_assert_uint_eq(list[4].seq, 16);
    ck_assert_int_eq(c.op->chat_list(c.tx, room, 16, 0, 5, &c.arena, &list), 5);
    ck_assert_uint_eq(list[0].seq, 15);
    ck_assert_int_eq(c.op->chat_list(c.tx, room, 10, 7, 5, &c.arena, &list), 2);
    ck_assert_uint_eq(list[0].seq, 9);
    ck_assert_uint_eq(list[1].seq, 8);
    ck_assert_int_eq(c.op->chat_list(c.tx, room, UINT64_MAX, 18, 5, &c.arena, &list), 2);
    ck_assert_int_eq(c.op->chat_list(c.tx, room, 0, UINT64_MAX, 5, &c.arena, &list), 0);
    ck_assert_int_eq(c.op->chat_list(c.tx, "r00000000002", 0, 0, 5, &c.arena, &list), 0);
    end(&c);
}
END_TEST

START_TEST(old_messages_go_and_numbers_never_come_again)
{
    struct contract c;
    synctv_chat *list;
    begin_with_room(&c, _i);
    for (unsigned i = 1; i <= 30; i++)
        say(&c, i, 10);
    ck_assert_int_eq(c.op->chat_list(c.tx, room, 0, 0, 100, &c.arena, &list), 10);
    ck_assert_uint_eq(list[9].seq, 21);
    end(&c);
}
END_TEST

/* The number of the deletion, or the error. */
static int unsay(struct contract *c, const char *room_id, unsigned n, int32_t keep)
{
    uint64_t seq = 0;
    const synctv_chat deletion = { .room_id = room_id,
        .message_id = contract_id('c', n),
        .user_id = "u00000000007",
        .timestamp_ms = 43 };
    int rv = c->op->chat_delete(c->tx, &deletion, keep, &seq);
    return rv < 0 ? rv : (int)seq;
}

START_TEST(a_deletion_takes_the_next_number_and_is_no_message)
{
    struct contract c;
    synctv_chat *list, got;
    begin_with_room(&c, _i);
    for (unsigned i = 1; i <= 3; i++)
        say(&c, i, 10);
    ck_assert_int_eq(unsay(&c, room, 2, 10), 4);
    ck_assert_int_eq(unsay(&c, room, 2, 10), SYNCTV_E_MESSAGE_NOT_FOUND);
    ck_assert_int_eq(unsay(&c, room, 9, 10), SYNCTV_E_MESSAGE_NOT_FOUND);
    ck_assert_int_eq(unsay(&c, "r00000000002", 3, 10), SYNCTV_E_MESSAGE_NOT_FOUND);
    ck_assert_int_eq(c.op->chat_get(c.tx, room, contract_id('c', 2), &c.arena, &got),
        SYNCTV_E_MESSAGE_NOT_FOUND);
    ck_assert_int_eq(c.op->chat_list(c.tx, room, 0, 0, 100, &c.arena, &list), 2);
    ck_assert_uint_eq(list[0].seq, 3);
    ck_assert_uint_eq(list[1].seq, 1);
    ck_assert_uint_eq(say(&c, 5, 10), 5);
    ck_assert_int_eq(c.op->chat_list(c.tx, room, 0, 0, 2, &c.arena, &list), 2);
    ck_assert_uint_eq(list[0].seq, 5);
    ck_assert_uint_eq(list[1].seq, 3);
    ck_assert_int_eq(c.op->chat_list(c.tx, room, 5, 3, 10, &c.arena, &list), 0);
    end(&c);
}
END_TEST

START_TEST(a_deletion_counts_among_what_is_kept)
{
    struct contract c;
    synctv_chat *list;
    begin_with_room(&c, _i);
    for (unsigned i = 1; i <= 30; i++)
        say(&c, i, 10);
    ck_assert_int_eq(unsay(&c, room, 30, 10), 31); /* 21 is too old now */
    ck_assert_int_eq(unsay(&c, room, 21, 10), SYNCTV_E_MESSAGE_NOT_FOUND);
    ck_assert_int_eq(unsay(&c, room, 22, 10), 32); /* of itself it would be, too */
    ck_assert_int_eq(c.op->chat_list(c.tx, room, 0, 0, 100, &c.arena, &list), 7);
    ck_assert_uint_eq(list[0].seq, 29);
    ck_assert_uint_eq(list[6].seq, 23);
    for (unsigned i = 33; i <= 42; i++)
        ck_assert_uint_eq(say(&c, i, 10), i);
    ck_assert_int_eq(c.op->chat_list(c.tx, room, 0, 0, 100, &c.arena, &list), 10);
    ck_assert_uint_eq(list[9].seq, 33);
    end(&c);
}
END_TEST

START_TEST(what_came_behind_a_number_is_read_from_old_to_new_with_its_deletions)
{
    struct contract c;
    struct sv_chat_rec *rows;
    begin_with_room(&c, _i);
    for (unsigned i = 1; i <= 5; i++)
        say(&c, i, 10);
    ck_assert_int_eq(unsay(&c, room, 3, 10), 6);
    ck_assert_int_eq(c.op->chat_after(c.tx, room, 2, 10, &c.arena, &rows), 3);
    ck_assert_uint_eq(rows[0].chat.seq, 4);
    ck_assert_str_eq(rows[0].chat.message_id, contract_id('c', 4));
    ck_assert(!rows[0].is_deletion && !rows[1].is_deletion && rows[2].is_deletion);
    ck_assert_uint_eq(rows[2].chat.seq, 6);
    ck_assert_str_eq(rows[2].chat.message_id, contract_id('c', 3));
    ck_assert_int_eq(c.op->chat_after(c.tx, room, 2, 2, &c.arena, &rows), 2);
    ck_assert_uint_eq(rows[1].chat.seq, 5);
    ck_assert_int_eq(c.op->chat_after(c.tx, room, 6, 10, &c.arena, &rows), 0);
    ck_assert_int_eq(c.op->chat_after(c.tx, "r99999999999", 0, 10, &c.arena, &rows), 0);
    end(&c);
}
END_TEST

START_TEST(the_head_of_a_room_tells_what_has_changed)
{
    struct contract c;
    struct sv_room_head head;
    struct sv_room_rec rec;
    begin_with_room(&c, _i);
    const char *const ids[] = { "r99999999999", room, contract_id('r', 2) };
    ck_assert_int_eq(c.op->room_heads(c.tx, &ids[1], 1, &head), 0);
    ck_assert(head.exists);
    ck_assert_uint_eq(head.revision, 0);
    ck_assert_uint_eq(head.chat_seq, 0);
    ck_assert_uint_eq(head.version, 0);
    ck_assert_str_eq(head.node_id, "");
    ck_assert_int_eq(c.op->room_touch(c.tx, room, &revision), 0);
    say(&c, 1, 10);
    ck_assert_int_eq(unsay(&c, room, 1, 10), 2);
    synctv_playback s = state(77, "node-7");
    ck_assert_int_eq(c.op->playback_put(c.tx, &s), 1);
    struct sv_room_head heads[3];
    ck_assert_int_eq(c.op->room_heads(c.tx, ids, 3, heads), 0);
    ck_assert(!heads[0].exists);
    ck_assert(heads[1].exists);
    ck_assert_uint_eq(heads[1].revision, revision);
    ck_assert_uint_eq(heads[1].chat_seq, 2);
    ck_assert_uint_eq(heads[1].version, 77);
    ck_assert_str_eq(heads[1].node_id, "node-7");
    ck_assert(heads[2].exists);
    ck_assert_uint_eq(heads[2].version, 0);
    ck_assert_str_eq(heads[2].node_id, "");
    ck_assert_int_eq(c.op->room_get(c.tx, room, &c.arena, &rec), 0);
    ck_assert_uint_eq(rec.chat_seq, 2);
    end(&c);
}
END_TEST

START_TEST(a_message_is_found_by_its_id_in_its_room)
{
    struct contract c;
    synctv_chat got = { .seq = 77 };
    begin_with_room(&c, _i);
    for (unsigned i = 1; i <= 5; i++)
        say(&c, i, 3);
    ck_assert_int_eq(c.op->chat_get(c.tx, room, contract_id('c', 4), &c.arena, &got), 0);
    ck_assert_uint_eq(got.seq, 4);
    ck_assert_str_eq(got.user_id, "u00000000001");
    ck_assert_str_eq(got.content, "hé\nllo 🎬");
    const char *const others[][2] = { { room, contract_id('c', 2) }, { room, "" },
        { "r00000000002", contract_id('c', 4) } };
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(c.op->chat_get(c.tx, others[i][0], others[i][1], &c.arena, &got),
            SYNCTV_E_MESSAGE_NOT_FOUND);
    ck_assert_uint_eq(got.seq, 4);
    end(&c);
}
END_TEST

START_TEST(a_message_sent_twice_is_stored_once)
{
    struct contract c;
    uint64_t seq = 0;
    synctv_chat existing, *list, m = chat("c1", "same");
    begin_with_room(&c, _i);
    ck_assert_int_eq(c.op->chat_insert(c.tx, &m, 3, &seq, &c.arena, &existing), 0);
    m.message_id = "c2";
    m.content = "again";
    ck_assert_int_eq(c.op->chat_insert(c.tx, &m, 3, &seq, &c.arena, &existing), 1);
    ck_assert_str_eq(existing.message_id, "c1");
    ck_assert_uint_eq(existing.seq, 1);
    ck_assert_str_eq(existing.content, "hé\nllo 🎬");
    m.user_id = "u00000000007"; /* another sender, another message */
    ck_assert_int_eq(c.op->chat_insert(c.tx, &m, 3, &seq, &c.arena, &existing), 0);
    ck_assert_uint_eq(seq, 2);
    say(&c, 3, 3);
    say(&c, 4, 3);
    ck_assert_int_eq(c.op->chat_list(c.tx, room, 0, 0, 100, &c.arena, &list), 3);
    m = chat("c9", "same"); /* the first one is forgotten by now */
    ck_assert_int_eq(c.op->chat_insert(c.tx, &m, 3, &seq, &c.arena, &existing), 0);
    ck_assert_uint_eq(seq, 5);
    end(&c);
}
END_TEST

/* ---- the end of a room ---- */

START_TEST(with_a_room_goes_everything_in_it)
{
    struct contract c;
    struct sv_member_rec *members;
    synctv_movie *movies;
    synctv_chat *messages;
    synctv_playback playback, s = state(1, "n");
    begin_with_room(&c, _i);
    add_movies(&c, 3);
    say(&c, 1, 500);
    ck_assert_int_eq(c.op->playback_put(c.tx, &s), 1);
    ck_assert_int_eq(c.op->room_delete(c.tx, room), 0);
    ck_assert_int_eq(c.op->member_list(c.tx, room, &c.arena, &members), 0);
    ck_assert_int_eq(c.op->member_count_rooms(c.tx, "u00000000001"), 1);
    ck_assert_int_eq(c.op->movie_list(c.tx, room, &c.arena, &movies), 0);
    ck_assert_int_eq(c.op->chat_list(c.tx, room, 0, 0, 10, &c.arena, &messages), 0);
    ck_assert_int_eq(c.op->playback_get(c.tx, room, &c.arena, &playback), 0);
    contract_add_room(&c, 1, "again", 5); /* nothing of the old one is left */
    check_order(&c, "");
    ck_assert_uint_eq(say(&c, 1, 500), 1);
    end(&c);
}
END_TEST

static void add(TCase *tc)
{
    const int n = contract_n_backends();
    tcase_add_loop_test(tc, a_movie_comes_back_as_it_went_in, 0, n);
    tcase_add_loop_test(tc, movies_stand_in_the_order_in_which_they_came, 0, n);
    tcase_add_loop_test(tc, a_room_knows_how_many_movies_it_has_and_what_they_weigh_together, 0, n);
    tcase_add_loop_test(tc, each_change_of_the_playlist_is_one_of_the_room, 0, n);
    tcase_add_loop_test(tc, a_movie_moves_and_the_others_keep_their_order, 0, n);
    tcase_add_loop_test(tc, moving_again_and_again_never_runs_out_of_place, 0, n);
    tcase_add_loop_test(tc, a_movie_that_is_not_there_is_not_found, 0, n);
    tcase_add_loop_test(tc, a_playback_state_comes_back_as_it_went_in, 0, n);
    tcase_add_loop_test(tc, positions_are_stored_to_the_last_bit, 0, n);
    tcase_add_loop_test(tc, the_higher_version_and_node_wins, 0, n);
    tcase_add_loop_test(tc, a_message_comes_back_as_it_went_in, 0, n);
    tcase_add_loop_test(tc, chat_is_read_from_new_to_old_between_two_numbers, 0, n);
    tcase_add_loop_test(tc, old_messages_go_and_numbers_never_come_again, 0, n);
    tcase_add_loop_test(tc, a_deletion_takes_the_next_number_and_is_no_message, 0, n);
    tcase_add_loop_test(tc, a_deletion_counts_among_what_is_kept, 0, n);
    tcase_add_loop_test(tc, what_came_behind_a_number_is_read_from_old_to_new_with_its_deletions, 0,
        n);
    tcase_add_loop_test(tc, the_head_of_a_room_tells_what_has_changed, 0, n);
    tcase_add_loop_test(tc, a_message_is_found_by_its_id_in_its_room, 0, n);
    tcase_add_loop_test(tc, a_message_sent_twice_is_stored_once, 0, n);
    tcase_add_loop_test(tc, with_a_room_goes_everything_in_it, 0, n);
}

int main(void)
{
    return contract_main("media", add);
}
