/* SPDX-License-Identifier: MIT */
/*
 * Each allocation fails, one after the other, in each function of the store and while it opens:
 * ours, and those of SQLite. Whatever a function changes is undone, so that each run finds the same
 * rows.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "contract/contract.h"
#include "contract/fault_vfs.h"
#include "short_memory.h"

#define USER "u00000000001"
#define OTHER "u00000000002"
#define ROOM "r00000000001"
#define MOVIE "movie-000001"

typedef int op_fn(struct sv_tx *tx, struct sv_arena *a);

/* ---- one function each ---- */

#define OP(name) static int name(struct sv_tx *tx, struct sv_arena *a)

OP(meta_get)
{
    const char *value;
    return tx->ops->meta_get(tx, "storage_id", a, &value);
}

OP(meta_put)
{
    return tx->ops->meta_put(tx, "key", "value");
}

OP(user_insert)
{
    struct sv_user_rec rec = contract_user("u00000000099", "new");
    return tx->ops->user_insert(tx, &rec);
}

OP(user_get)
{
    struct sv_user_rec rec;
    return tx->ops->user_get(tx, USER, a, &rec);
}

OP(user_get_by_name)
{
    struct sv_user_rec rec, found;
    int rv = tx->ops->user_get(tx, USER, a, &rec);
    return rv < 0 ? rv : tx->ops->user_get_by_name(tx, rec.username_fold, a, &found);
}

OP(user_set)
{
    int rv = tx->ops->user_set_status(tx, USER, SYNCTV_USER_STATUS_PENDING);
    if (rv == 0)
        rv = tx->ops->user_set_role(tx, USER, SYNCTV_USER_ROLE_ADMIN);
    return rv < 0 ? rv : tx->ops->user_set_password(tx, USER, "hash");
}

OP(user_list)
{
    synctv_user *users;
    int rv = tx->ops->user_list(tx, "", 0, "", 10, a, &users);
    return rv < 0 ? rv : tx->ops->user_list(tx, "u", 0, "", 10, a, &users);
}

OP(session_insert)
{
    struct sv_session_rec rec = { .id = "s2", .user_id = USER, .refresh_hash = { 9 } };
    return tx->ops->session_insert(tx, &rec);
}

OP(session_get)
{
    struct sv_session_rec rec;
    unsigned char hash[32] = { 1 };
    int rv = tx->ops->session_get(tx, "s1", a, &rec);
    return rv < 0 ? rv : tx->ops->session_get_by_refresh(tx, hash, a, &rec);
}

OP(session_rotate)
{
    unsigned char hash[32] = { 2 };
    return tx->ops->session_rotate(tx, "s1", hash, 1, 2);
}

OP(session_delete)
{
    return tx->ops->session_delete(tx, "s1");
}

OP(session_delete_user)
{
    const char *const *ids;
    return tx->ops->session_delete_user(tx, USER, "", a, &ids);
}

OP(session_delete_oldest)
{
    const char *const *ids;
    return tx->ops->session_delete_oldest(tx, USER, 0, a, &ids);
}

OP(session_purge)
{
    return tx->ops->session_purge(tx, INT64_C(1) << 40, 10);
}

OP(room_insert)
{
    struct sv_room_rec rec = contract_room("r00000000099", "another name", USER, 1);
    return tx->ops->room_insert(tx, &rec);
}

OP(room_get)
{
    struct sv_room_rec rec;
    return tx->ops->room_get(tx, ROOM, a, &rec);
}

OP(room_update)
{
    struct sv_room_rec rec = contract_room(ROOM, "renamed", USER, 1);
    rec.settings.hidden = true;
    return tx->ops->room_update(tx, &rec);
}

OP(room_delete)
{
    return tx->ops->room_delete(tx, ROOM);
}

OP(room_touch)
{
    uint64_t revision;
    return tx->ops->room_touch(tx, ROOM, &revision);
}

OP(room_list)
{
    synctv_room *rooms;
    int64_t before_ms;
    struct sv_room_query queries[] = {
        { .limit = 10 },
        { .limit = 10, .search = "ro" },
        { .limit = 10, .search = "room 1", .with_hidden = true },
        { .limit = 10, .creator_id = USER },
        { .limit = 10, .member_id = USER },
        { .limit = 10, .search = "ro", .visible_to = USER },
    };
    int rv = 0;
    for (size_t i = 0; rv >= 0 && i < sizeof(queries) / sizeof(queries[0]); i++)
        rv = tx->ops->room_list(tx, &queries[i], a, &rooms, &before_ms);
    return rv;
}

OP(counts)
{
    int rv = tx->ops->room_count_created(tx, USER);
    if (rv >= 0)
        rv = tx->ops->member_count(tx, ROOM);
    if (rv >= 0)
        rv = tx->ops->member_count_rooms(tx, USER);
    return rv;
}

OP(member_get)
{
    struct sv_member_rec rec;
    return tx->ops->member_get(tx, ROOM, USER, a, &rec);
}

OP(member_put)
{
    struct sv_member_rec rec =
        contract_member(ROOM, OTHER, SYNCTV_ROOM_ROLE_MEMBER, SYNCTV_MEMBER_STATUS_ACTIVE);
    return tx->ops->member_put(tx, &rec);
}

OP(member_delete)
{
    return tx->ops->member_delete(tx, ROOM, USER);
}

OP(member_purge)
{
    return tx->ops->member_purge(tx, INT64_C(1) << 40, 10);
}

OP(member_list)
{
    struct sv_member_rec *members;
    const char *const *ids;
    int rv = tx->ops->member_list(tx, ROOM, a, &members);
    return rv < 0 ? rv : tx->ops->member_rooms(tx, USER, 10, a, &ids);
}

static synctv_movie make_movie(const char *id)
{
    static synctv_header headers[2] = { { "A", "b" }, { "C", "d" } };
    static synctv_subtitle subtitles[1] = { { "name", "https://example.org/s.srt", "srt" } };
    return (synctv_movie){ .room_id = ROOM,
        .id = id,
        .name = "name",
        .url = "https://example.org/",
        .added_by = USER,
        .headers = headers,
        .n_headers = 2,
        .subtitles = subtitles,
        .n_subtitles = 1 };
}

OP(movie_list)
{
    synctv_movie *movies, movie;
    int rv = tx->ops->movie_list(tx, ROOM, a, &movies);
    return rv < 0 ? rv : tx->ops->movie_get(tx, ROOM, MOVIE, a, &movie);
}

OP(movie_insert)
{
    int32_t position;
    uint64_t revision;
    synctv_movie movie = make_movie("movie-000099");
    return tx->ops->movie_insert(tx, &movie, &position, &revision);
}

OP(movie_update)
{
    uint64_t revision;
    synctv_movie movie = make_movie(MOVIE);
    return tx->ops->movie_update(tx, &movie, &revision);
}

OP(movie_move)
{
    uint64_t revision;
    return tx->ops->movie_move(tx, ROOM, MOVIE, 1, &revision);
}

OP(movie_delete)
{
    uint64_t revision;
    int rv = tx->ops->movie_delete(tx, ROOM, MOVIE, &revision);
    return rv < 0 ? rv : tx->ops->movie_clear(tx, ROOM, &revision);
}

OP(playback)
{
    synctv_playback state = { .room_id = ROOM, .version = 7, .node_id = "n", .movie_id = MOVIE };
    int rv = tx->ops->playback_put(tx, &state);
    return rv < 0 ? rv : tx->ops->playback_get(tx, ROOM, a, &state);
}

OP(chat_insert)
{
    uint64_t seq;
    synctv_chat existing,
        chat = { .room_id = ROOM,
            .message_id = "chat-0000099",
            .user_id = USER,
            .content = "hello",
            .client_message_id = "c99" };
    int rv = tx->ops->chat_insert(tx, &chat, 500, &seq, a, &existing);
    return rv < 0 ? rv : tx->ops->chat_insert(tx, &chat, 500, &seq, a, &existing);
}

OP(chat_get)
{
    synctv_chat *list, chat;
    int rv = tx->ops->chat_list(tx, ROOM, 0, 0, 1, a, &list);
    return rv <= 0 ? rv : tx->ops->chat_get(tx, ROOM, list[0].message_id, a, &chat);
}

OP(chat_list)
{
    synctv_chat *chat;
    uint64_t seq;
    int rv = tx->ops->chat_list(tx, ROOM, 0, 0, 10, a, &chat);
    return rv <= 0 ? rv : tx->ops->chat_delete(tx, &chat[0], 500, &seq);
}

OP(nodes)
{
    struct sv_node_rec rec = { .id = "n", .instance = "one", .heartbeat_ms = 1000 }, *nodes;
    int rv = tx->ops->node_register(tx, &rec, 1, &rec.epoch);
    if (rv == 0)
        rv = tx->ops->node_beat(tx, &rec);
    if (rv > 0)
        rv = tx->ops->node_list(tx, a, &nodes);
    if (rv > 0)
        rv = tx->ops->node_declare_dead(tx, "n", rec.epoch, nodes[0].beat);
    return rv <= 0 ? rv : tx->ops->node_forget(tx, "n", rec.epoch + 1);
}

static const struct {
    const char *name;
    op_fn *op;
} ops[] = {
#define NAMED(op)                                                                                  \
    {                                                                                              \
#op, op                                                                                    \
    }
    NAMED(meta_get),
    NAMED(meta_put),
    NAMED(user_insert),
    NAMED(user_get),
    NAMED(user_get_by_name),
    NAMED(user_set),
    NAMED(user_list),
    NAMED(session_insert),
    NAMED(session_get),
    NAMED(session_rotate),
    NAMED(session_delete),
    NAMED(session_delete_user),
    NAMED(session_delete_oldest),
    NAMED(session_purge),
    NAMED(room_insert),
    NAMED(room_get),
    NAMED(room_update),
    NAMED(room_delete),
    NAMED(room_touch),
    NAMED(room_list),
    NAMED(counts),
    NAMED(member_get),
    NAMED(member_put),
    NAMED(member_delete),
    NAMED(member_purge),
    NAMED(member_list),
    NAMED(movie_list),
    NAMED(movie_insert),
    NAMED(movie_update),
    NAMED(movie_move),
    NAMED(movie_delete),
    NAMED(playback),
    NAMED(chat_insert),
    NAMED(chat_get),
    NAMED(chat_list),
    NAMED(nodes),
};
#define N_OPS (sizeof(ops) / sizeof(ops[0]))

/* ---- sweeping ---- */

enum whose { OURS, SQLITES };

static void begin_failing(enum whose whose, long n)
{
    if (whose == OURS)
        short_memory_begin(n);
    else
        fault_memory_fail(n, 0);
}

/* Whether one has failed. */
static bool end_failing(enum whose whose)
{
    if (whose == OURS)
        return short_memory_end();
    bool failed = fault_memory_failed();
    fault_memory_fail(0, 0);
    return failed;
}

struct attempt {
    op_fn *op;
    enum whose whose;
    long n; /* 0 = none is to fail */
    bool failed;
    int rv;
};

static int run_and_undo(struct sv_tx *tx, void *arg)
{
    struct attempt *attempt = arg;
    struct sv_arena arena = { 0 };
    if (attempt->n > 0)
        begin_failing(attempt->whose, attempt->n);
    attempt->rv = attempt->op(tx, &arena);
    attempt->failed = attempt->n > 0 && end_failing(attempt->whose);
    sv_arena_fini(&arena);
    return attempt->rv < 0 ? attempt->rv : SYNCTV_E_CANCELLED;
}

static bool is_well_said(int rv, enum whose whose)
{
    if (whose == SQLITES && rv == SYNCTV_E_STORAGE_CORRUPT)
        return true; /* what FTS5 says of a page that it found no memory to read */
    return rv == SYNCTV_E_NO_MEMORY || rv == SYNCTV_E_STORAGE_UNAVAILABLE;
}

/* Returns how many allocations there are. */
static long sweep(struct contract *c, unsigned i, enum whose whose)
{
    for (long n = 1;; n++) {
        ck_assert_int_lt(n, 100000);
        struct attempt attempt = { .op = ops[i].op, .whose = whose, .n = n };
        int rv = contract_write(c->store, run_and_undo, &attempt);
        if (!attempt.failed && attempt.rv >= 0)
            return n - 1;
        ck_assert_msg(attempt.failed, "%s fails by itself: %s", ops[i].name,
            synctv_error_reason(attempt.rv));
        ck_assert_msg(attempt.rv >= 0 || is_well_said(attempt.rv, whose), "%s, allocation %ld: %s",
            ops[i].name, n, synctv_error_reason(attempt.rv));
        /* Where a lack of memory has ended the transaction, run() is called again, and then there
         * is enough. */
        ck_assert_msg(rv == SYNCTV_E_CANCELLED || is_well_said(rv, whose), "%s, allocation %ld: %s",
            ops[i].name, n, synctv_error_reason(rv));
    }
}

static void add_rows(struct contract *c)
{
    struct sv_session_rec session = { .id = "s1", .user_id = USER, .refresh_hash = { 1 } };
    synctv_playback state = { .room_id = ROOM, .version = 1, .node_id = "n" };
    synctv_chat existing, chat = { .room_id = ROOM, .message_id = "chat-0000001", .content = "hi" };
    uint64_t seq, revision;
    contract_begin(c);
    for (unsigned i = 1; i < 10; i++) {
        char id[16], name[16];
        int32_t position;
        snprintf(id, sizeof(id), "movie-%06u", i);
        snprintf(name, sizeof(name), "room %u", i);
        synctv_movie movie = make_movie(id);
        contract_add_user(c, i);
        contract_add_room(c, i, name, 1000 + i);
        ck_assert_int_eq(c->op->movie_insert(c->tx, &movie, &position, &revision), 0);
    }
    ck_assert_int_eq(c->op->session_insert(c->tx, &session), 0);
    ck_assert_int_eq(c->op->playback_put(c->tx, &state), 1);
    ck_assert_int_eq(c->op->chat_insert(c->tx, &chat, 500, &seq, &c->arena, &existing), 0);
    ck_assert_int_eq(contract_commit(c), 0);
}

/* Run for each backend. */
START_TEST(each_function_says_that_it_lacks_memory_and_leaves_nothing)
{
    struct contract c;
    long counts[2] = { 0 };
    contract_open(&c, _i);
    add_rows(&c);
    for (int whose = OURS; whose <= SQLITES; whose++)
        for (unsigned i = 0; i < N_OPS; i++)
            counts[whose] += sweep(&c, i, whose);
    printf("# %s: %ld allocations of ours, %ld of SQLite's\n", c.url, counts[0], counts[1]);
    for (unsigned i = 0; i < N_OPS;
         i++) { /* statements and caches are in order, and no row has changed */
        struct attempt attempt = { .op = ops[i].op };
        contract_write(c.store, run_and_undo, &attempt);
        ck_assert_msg(attempt.rv >= 0, "%s: %s", ops[i].name, synctv_error_reason(attempt.rv));
    }
    contract_close(&c);
}
END_TEST

static int try_open(const char *url, bool as_member, synctv_error *err)
{
    static const struct sv_store_member member = { .id = "n", .instance = "one" };
    struct sv_store *store = NULL;
    struct sv_store_options o = {
        .url = url,
        .alone = true,
        .member = as_member ? &member : NULL,
    };
    int rv = sv_store_open(&o, &store, err);
    if (rv == 0) {
        sv_store_close(store);
        sv_store_free(store);
    }
    return rv;
}

/* SQLite has thousands of them: of the later ones only some are tried. */
static void sweep_opening(const char *url, bool as_member, enum whose whose, bool is_new)
{
    bool failed = true;
    for (long n = 1; failed; n += 1 + n / 30) {
        synctv_error err = { 0 };
        begin_failing(whose, n);
        int rv = try_open(url, as_member, &err);
        failed = end_failing(whose);
        ck_assert_msg(rv == 0 || rv == SYNCTV_E_NO_MEMORY || rv == SYNCTV_E_STORAGE_UNAVAILABLE,
            "%ld: %s", n, err.message);
        ck_assert_msg(rv == 0 || failed, "%ld: %s", n, err.message);
        ck_assert_int_eq(err.code, rv);
        ck_assert_int_eq(err.message[0] == '\0', rv == 0);
        /* Either there is none, or it is a good one. */
        if (is_new && access(url + 7, F_OK) == 0) {
            ck_assert_int_eq(try_open(url, as_member, &err), 0);
            unlink(url + 7);
        }
    }
}

START_TEST(a_store_that_cannot_open_says_so_and_leaves_nothing_bad)
{
    for (int whose = OURS; whose <= SQLITES; whose++) {
        char url[256] = "sqlite:";
        contract_path(url + 7, sizeof(url) - 7);
        sweep_opening(url, false, whose, true);
        sweep_opening(url, false, whose, false); /* it is there now */
        sweep_opening(url, true, whose, false);
        sweep_opening("memory:", false, whose, false);
    }
}
END_TEST

static void add(TCase *tc)
{
    fault_memory_install();
    tcase_add_loop_test(tc, each_function_says_that_it_lacks_memory_and_leaves_nothing, 0,
        contract_n_backends());
    tcase_add_test(tc, a_store_that_cannot_open_says_so_and_leaves_nothing_bad);
}

int main(void)
{
    return contract_main("memory_store", add);
}
