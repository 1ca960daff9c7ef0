/* SPDX-License-Identifier: MIT */
/* Rooms in memory and rooms in storage: loading, forgetting, following what others write, failing
 * and starting again. */
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/engine/blocking_job.h"
#include "node/rooms/apply.h"
#include "node/rooms/flush.h"
#include "node/rooms/load.h"
#include "node/rooms/timer.h"
#include "support/node_fixture.h"

static synctv_caller *alice, *bob;
static const char *room;

static char folder[] = "/tmp/sv-rooms-XXXXXX";
static char db_url[64];

static void people(void)
{
    fx_open();
    alice = fx_user("alice");
    bob = fx_user("bob");
    room = fx_room(alice, NULL);
    fx_join(bob, room);
}

static void people_on_disk(void)
{
    strcpy(strrchr(folder, '-'), "-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(db_url, sizeof(db_url), "sqlite:%s/db", folder);
    synctv_node_options_init(&fx_options);
    fx_options.db_url = db_url;
    fx_options.alone = false; /* open_other() */
    people();
}

static synctv_caller *alice_again; /* after a restart */

static void remove_disk(void)
{
    synctv_caller_unref(alice_again);
    alice_again = NULL;
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

static unsigned rooms_loaded(void)
{
    fx_settle(); /* whoever was answered has let go */
    synctv_node_stats stats;
    synctv_node_get_stats(&fx_node, &stats);
    return stats.rooms_loaded;
}

static const synctv_playback *state_now(void)
{
    fx_assert_ok(FX_ASK(alice, GET_ROOM_INFO, .room_id = room));
    return fx_answer->state;
}

/* --- storage that does not work as it should --- */

static atomic_int refuses; /* so many writes from now on, with OVERLOADED */

int __wrap_sv_store_write(struct sv_store *store, struct sv_job *job);
int __real_sv_store_write(struct sv_store *store, struct sv_job *job);

int __wrap_sv_store_write(struct sv_store *store, struct sv_job *job)
{
    int left = atomic_load(&refuses);
    while (left > 0 && !atomic_compare_exchange_weak(&refuses, &left, left - 1))
        ;
    return left > 0 ? SYNCTV_E_OVERLOADED : __real_sv_store_write(store, job);
}

static void refuse_writes(int n)
{
    atomic_store(&refuses, n);
}

/* --- other writers --- */

/* The same database, opened once more. */
static synctv_node other;
static synctv_caller *other_alice;

static void open_other(void)
{
    synctv_node_options options = fx_options;
    options.node_id = "other";
    synctv_error err = { 0 };
    ck_assert_msg(sv_node_init(&other, &options, &err) == 0, "%s", err.message);
    fx_assert_ok(synctv_node_as_user(&other, fx_id(alice), &other_alice, &fx_error));
}

static void close_other(void)
{
    synctv_caller_unref(other_alice);
    sv_node_close(&other);
    sv_node_quiesce(&other);
    sv_node_turn(&other);
    sv_node_fini(&other);
}

/* --- loading --- */

START_TEST(a_room_is_loaded_when_it_is_asked_for)
{
    fx_forget_rooms();
    ck_assert_uint_eq(rooms_loaded(), 0);
    fx_assert_ok(FX_ASK(bob, LIST_MEMBERS, .room_id = room));
    ck_assert_uint_eq(rooms_loaded(), 1);
    fx_check_memory(room);
}
END_TEST

START_TEST(what_does_not_exist_leaves_nothing_behind)
{
    fx_forget_rooms();
    for (int i = 0; i < 10; i++)
        fx_assert_code(FX_ASK(bob, GET_ROOM_INFO, .room_id = "AAAAAAAAAAAA"),
            SYNCTV_E_ROOM_NOT_FOUND);
    fx_settle();
    ck_assert_uint_eq(rooms_loaded(), 0);
}
END_TEST

struct answers {
    int n, code;
};

static void answered(void *userdata, const synctv_result *result)
{
    struct answers *a = userdata;
    a->n++;
    if (result->code < 0)
        a->code = result->code;
}

START_TEST(all_who_wait_for_a_room_get_it)
{
    struct answers answers = { 0 };
    fx_forget_rooms();
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_GET_ROOM_INFO, .room_id = room);
    for (int i = 0; i < 50; i++)
        synctv_call(bob, &request, answered, &answers);
    fx_settle();
    fx_turn();
    ck_assert_int_eq(answers.n, 50);
    fx_assert_code(answers.code, 0);
    ck_assert_uint_eq(rooms_loaded(), 1);
}
END_TEST

static int hold_run(struct sv_job *job, struct sv_tx *tx)
{
    return 0;
}

/* Storage stands still until somebody opens it. */
static sem_t gate;

static void hold_apply(struct sv_job *job, int rv)
{
    while (sem_wait(&gate) != 0)
        ;
}

START_TEST(only_so_many_calls_wait_for_a_room)
{
    struct answers answers = { 0 };
    struct sv_job hold = { .run = hold_run, .apply = hold_apply };
    sem_init(&gate, 0, 0);
    fx_forget_rooms();
    sv_job_set_scope(&hold, room, NULL, NULL);
    fx_assert_ok(sv_store_write(fx_node.store, &hold));
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_GET_ROOM_INFO, .room_id = room);
    for (int i = 0; i < SV_ROOM_WAITING_MAX; i++)
        synctv_call(bob, &request, answered, &answers);
    ck_assert_int_eq(answers.n, 0);
    synctv_call(bob, &request, answered, &answers);
    ck_assert_int_eq(answers.n, 1);
    fx_assert_code(answers.code, SYNCTV_E_OVERLOADED);
    answers.code = 0;
    sem_post(&gate);
    fx_settle();
    fx_turn();
    ck_assert_int_eq(answers.n, SV_ROOM_WAITING_MAX + 1);
    fx_assert_code(answers.code, 0);
    sem_destroy(&gate);
}
END_TEST

START_TEST(a_room_that_cannot_be_loaded_now_can_be_loaded_later)
{
    fx_forget_rooms();
    refuse_writes(1);
    fx_assert_code(FX_ASK(bob, GET_ROOM_INFO, .room_id = room), SYNCTV_E_OVERLOADED);
    ck_assert_uint_eq(rooms_loaded(), 0);
    fx_assert_ok(FX_ASK(bob, GET_ROOM_INFO, .room_id = room));
    fx_check_memory(room);
}
END_TEST

START_TEST(a_stream_that_cannot_have_all_its_rooms_ends)
{
    fx_forget_rooms();
    refuse_writes(1);
    fx_assert_code(fx_end_of(fx_open_stream(bob, "", NULL)), SYNCTV_E_OVERLOADED);
}
END_TEST

/* --- forgetting --- */

START_TEST(only_so_many_idle_rooms_stay_in_memory)
{
    enum { MAX = 40, N = MAX + 50 };
    ck_assert_uint_eq(fx_node.rooms->max_idle, SV_ROOMS_IDLE_MAX);
    fx_node.rooms->max_idle = MAX;
    fx_node.limits.rooms_per_user = fx_node.limits.memberships_per_user = 2 * N;
    synctv_stream *stream = fx_follow(bob, room); /* the oldest */
    static char ids[N][SYNCTV_ID_LEN + 1];
    for (int i = 0; i < N; i++) {
        const synctv_request create = SYNCTV_REQUEST(SYNCTV_METHOD_CREATE_ROOM, .name = "x");
        const synctv_result *result = NULL;
        fx_assert_ok(synctv_call_wait(alice, &create, &result, &fx_error));
        memcpy(ids[i], result->room->id, sizeof(ids[i]));
        synctv_result_unref(result);
        const synctv_request look = SYNCTV_REQUEST(SYNCTV_METHOD_GET_ROOM_INFO, .room_id = ids[i]);
        fx_assert_ok(synctv_call_wait(alice, &look, NULL, &fx_error));
    }
    ck_assert_uint_eq(rooms_loaded(), N + 1);
    fx_settle();
    fx_turn();
    ck_assert_uint_eq(rooms_loaded(), MAX + 1);

    fx_say(alice, room, "still here");
    fx_expect(stream, SYNCTV_EVENT_CHAT);
    fx_assert_ok(FX_ASK(alice, GET_ROOM_INFO, .room_id = ids[0])); /* comes back */
    ck_assert_uint_eq(rooms_loaded(), MAX + 2);
    fx_check_memory(ids[0]);
}
END_TEST

START_TEST(a_failed_loading_takes_nobody_away_from_a_later_one)
{
    fx_settle();
    fx_turn();
    fx_forget_rooms();
    struct sv_room *failed = sv_room_find_or_add(&fx_node, room);
    sv_room_discard(failed); /* as when storage is busy; somebody has found it and holds it still */
    pthread_mutex_unlock(&failed->lock);
    fx_follow(bob, room);
    sv_room_unref(failed);
    fx_assert_ok(FX_ASK(alice, GET_ROOM_INFO, .room_id = room));
    ck_assert_int_eq(fx_answer->room->online_count, 1);
}
END_TEST

/* A movie that takes some 15 KiB. */
static void add_heavy_movie(const char *room_id)
{
    static char value[1001];
    char names[15][8];
    synctv_header headers[15];
    memset(value, 'x', 1000);
    for (int i = 0; i < 15; i++) {
        snprintf(names[i], sizeof(names[i]), "x-%d", i);
        headers[i] = (synctv_header){ .name = names[i], .value = value };
    }
    const synctv_movie movie = {
        .name = "heavy",
        .url = "https://example.org/",
        .headers = headers,
        .n_headers = 15,
    };
    fx_assert_ok(FX_ASK(alice, ADD_MOVIE, .room_id = room_id, .movie = &movie));
}

START_TEST(idle_rooms_are_counted_by_their_memory_too)
{
    ck_assert_uint_eq(fx_node.rooms->max_idle_bytes, SV_ROOMS_IDLE_MAX_BYTES);
    fx_node.limits.rooms_per_user = 100;
    const char *ids[10];
    for (int i = 0; i < 10; i++) {
        ids[i] = fx_room(alice, NULL);
        fx_assert_ok(FX_ASK(alice, GET_ROOM_INFO, .room_id = ids[i]));
    }
    ck_assert_uint_eq(fx_node.rooms->n_idle, 11);
    size_t empty = fx_node.rooms->idle_bytes;
    for (int i = 0; i < 10; i++) /* they grow while they are idle */
        add_heavy_movie(ids[i]);
    ck_assert_uint_ge(fx_node.rooms->idle_bytes, empty + 150000);
    fx_settle();
    fx_turn();
    ck_assert_uint_eq(rooms_loaded(), 11);

    fx_node.rooms->max_idle_bytes = empty + 80000;
    fx_turn();
    ck_assert_uint_le(fx_node.rooms->idle_bytes, empty + 80000);
    ck_assert_uint_ge(rooms_loaded(), 5);
    ck_assert_uint_le(rooms_loaded(), 6);

    size_t before = fx_node.rooms->idle_bytes;
    fx_follow(alice, ids[9]);
    ck_assert_uint_le(fx_node.rooms->idle_bytes, before - 15000);
}
END_TEST

/* Fills memory with idle rooms until the room is forgotten. */
static void crowd_out(void)
{
    fx_node.limits.rooms_per_user = fx_node.limits.memberships_per_user = 1000;
    fx_node.rooms->max_idle = 20;
    for (int i = 0; i <= 20; i++) {
        const synctv_request create = SYNCTV_REQUEST(SYNCTV_METHOD_CREATE_ROOM, .name = "x");
        const synctv_result *result = NULL;
        fx_assert_ok(synctv_call_wait(bob, &create, &result, &fx_error));
        const synctv_request look =
            SYNCTV_REQUEST(SYNCTV_METHOD_GET_ROOM_INFO, .room_id = result->room->id);
        fx_assert_ok(synctv_call_wait(bob, &look, NULL, &fx_error));
        synctv_result_unref(result);
    }
    fx_settle();
    fx_turn();
    ck_assert_ptr_null(sv_room_enter(&fx_node, room));
}

START_TEST(a_room_forgotten_while_it_plays_is_where_it_ought_to_be)
{
    const char *movie = fx_movie(alice, room, "long", 3600);
    fx_assert_ok(FX_ASK(alice, SET_CURRENT_MOVIE, .room_id = room, .movie_id = movie,
        .autoplay = true));
    fx_pass_ms(60000);
    fx_settle();
    fx_turn();
    crowd_out();
    const synctv_playback *state = state_now();
    ck_assert_str_eq(state->movie_id, movie);
    ck_assert_int_eq(state->status, SYNCTV_PLAYBACK_STATUS_PLAYING);
    ck_assert_double_ge(state->position_s, 60);
    ck_assert_double_lt(state->position_s, 120);
}
END_TEST

START_TEST(a_movie_that_ended_while_the_room_was_forgotten_is_followed_by_the_next)
{
    static const char *const fields[] = { "settings" };
    static const synctv_room_settings next = { .auto_advance = SYNCTV_AUTO_ADVANCE_NEXT };
    fx_assert_ok(FX_ASK(alice, UPDATE_ROOM, .room_id = room, .fields = fields, .n_fields = 1,
        .settings = &next));
    const char *first = fx_movie(alice, room, "short", 300);
    const char *second = fx_movie(alice, room, "long", 3600);
    fx_assert_ok(FX_ASK(alice, SET_CURRENT_MOVIE, .room_id = room, .movie_id = first,
        .autoplay = true));
    fx_pass_ms(1000);
    fx_settle();
    fx_turn();
    crowd_out();
    fx_pass_ms(400000);
    ck_assert_str_eq(state_now()->movie_id, first);
    fx_follow(alice, room);
    fx_pass_ms(1100);
    ck_assert_str_eq(state_now()->movie_id, second);
}
END_TEST

/* --- playback states on their way --- */

struct stored {
    struct sv_blocking_job blocking;
    struct sv_arena arena;
    synctv_playback state;
};

static int stored_run(struct sv_blocking_job *b, struct sv_tx *tx)
{
    struct stored *stored = SV_CONTAINER_OF(b, struct stored, blocking);
    return tx->ops->playback_get(tx, room, &stored->arena, &stored->state);
}

static uint64_t stored_version(void)
{
    struct stored stored = { .blocking.run = stored_run };
    int rv = sv_blocking_job_do(&stored.blocking, fx_node.store, sv_store_write);
    ck_assert_int_ge(rv, 0);
    uint64_t version = rv == 1 ? stored.state.version : 0;
    sv_arena_fini(&stored.arena);
    return version;
}

static const char *play_something(void)
{
    const char *movie = fx_movie(alice, room, "long", 3600);
    fx_assert_ok(FX_ASK(alice, SET_CURRENT_MOVIE, .room_id = room, .movie_id = movie,
        .autoplay = true));
    return movie;
}

START_TEST(a_state_is_stored_a_moment_later)
{
    play_something();
    uint64_t first = fx_answer->state->version;
    ck_assert_uint_eq(stored_version(), 0);
    fx_pass_ms(300);
    ck_assert_uint_eq(stored_version(), first);
    for (int i = 0; i < 20; i++)
        fx_assert_ok(FX_ASK(alice, SEEK, .room_id = room, .position_s = i));
    uint64_t last = fx_answer->state->version;
    ck_assert_uint_eq(stored_version(), first);
    fx_pass_ms(300);
    ck_assert_uint_eq(stored_version(), last);
}
END_TEST

START_TEST(a_state_that_storage_does_not_take_is_tried_again)
{
    play_something();
    refuse_writes(0);
    fx_settle();
    struct sv_room *loaded = sv_room_enter(&fx_node, room);
    refuse_writes(2);
    loaded->flush_ms -= 300;
    sv_room_schedule(loaded);
    sv_room_leave(loaded);
    for (int i = 0; i < 3000 && atomic_load(&refuses) > 0; i++) {
        struct timespec pause = { .tv_nsec = 10000000 };
        fx_turn();
        nanosleep(&pause, NULL);
    }
    ck_assert_int_eq(atomic_load(&refuses), 0);
    ck_assert_uint_eq(stored_version(), 0);
    fx_pass_ms(300);
    ck_assert_uint_eq(stored_version(), state_now()->version);
}
END_TEST

/* Opens the same database again; the people have to be found anew. */
static void restart(void)
{
    static char id[SYNCTV_ID_LEN + 1], room_id[SYNCTV_ID_LEN + 1];
    memcpy(id, fx_id(alice), sizeof(id));
    memcpy(room_id, room, sizeof(room_id));
    synctv_caller_unref(alice_again);
    fx_close();
    fx_open();
    room = room_id;
    fx_assert_ok(synctv_node_as_user(&fx_node, id, &alice_again, &fx_error));
    alice = alice_again;
}

START_TEST(playback_survives_a_restart_and_its_version_grows)
{
    const char *movie = play_something();
    char id[SYNCTV_ID_LEN + 1];
    memcpy(id, movie, sizeof(id));
    fx_assert_ok(FX_ASK(alice, SEEK, .room_id = room, .position_s = 100));
    uint64_t version = fx_answer->state->version;
    restart();
    const synctv_playback *state = state_now();
    ck_assert_uint_eq(state->version, version);
    ck_assert_str_eq(state->movie_id, id);
    ck_assert_int_eq(state->status, SYNCTV_PLAYBACK_STATUS_PLAYING);
    ck_assert_double_ge(state->position_s, 100);
    ck_assert_double_lt(state->position_s, 160);
    fx_assert_ok(FX_ASK(alice, PAUSE, .room_id = room));
    ck_assert_uint_gt(fx_answer->state->version, version);
    restart();
    ck_assert_int_eq(state_now()->status, SYNCTV_PLAYBACK_STATUS_PAUSED);
}
END_TEST

START_TEST(what_was_played_at_the_last_moment_is_stored)
{
    enum { N = 150 };
    play_something();
    static char ids[N][SYNCTV_ID_LEN + 1];
    fx_node.limits.rooms_per_user = fx_node.limits.memberships_per_user = 2 * N;
    for (int i = 0; i < N; i++) { /* more than go into one job */
        memcpy(ids[i], fx_room(alice, NULL), sizeof(ids[i]));
        const char *m = fx_movie(alice, ids[i], "x", 0);
        fx_assert_ok(FX_ASK(alice, SET_CURRENT_MOVIE, .room_id = ids[i], .movie_id = m));
    }
    fx_pass_ms(300);
    fx_settle();
    fx_turn();
    fx_forget_rooms();
    /* Calls that wait for their room to be loaded when the node closes. */
    struct answers answers = { 0 };
    for (int i = 0; i < N; i++) {
        const synctv_request play = SYNCTV_REQUEST(SYNCTV_METHOD_PLAY, .room_id = ids[i],
            .has_position = true, .position_s = 77);
        synctv_call(alice, &play, answered, &answers);
    }
    const synctv_request seek =
        SYNCTV_REQUEST(SYNCTV_METHOD_SEEK, .room_id = room, .position_s = 88);
    synctv_call(alice, &seek, answered, &answers);
    restart();
    ck_assert_int_eq(answers.n, N + 1);
    fx_assert_code(answers.code, 0);
    ck_assert_double_ge(state_now()->position_s, 88);
    for (int i = 0; i < N; i++) {
        fx_assert_ok(FX_ASK(alice, GET_ROOM_INFO, .room_id = ids[i]));
        ck_assert_double_ge(fx_answer->state->position_s, 77);
    }
}
END_TEST

/* --- somebody else writes to the same database --- */

static int ask_other(synctv_request request)
{
    request.room_id = room;
    return synctv_call_wait(other_alice, &request, NULL, &fx_error);
}

/* Makes this node notice: a change of its own comes with a revision that it did not expect. */
static void change_something(void)
{
    fx_movie(alice, room, "mine", 0);
    fx_pass_ms(1100);
    fx_settle();
}

START_TEST(a_gap_in_the_revisions_makes_the_room_load_again)
{
    const synctv_movie movie = { .name = "theirs", .url = "https://example.org/" };
    static const char *const fields[] = { "name" };
    synctv_stream *stream = fx_follow(bob, room);
    open_other();
    fx_assert_ok(ask_other(SYNCTV_REQUEST(SYNCTV_METHOD_ADD_MOVIE, .movie = &movie)));
    fx_assert_ok(ask_other(SYNCTV_REQUEST(SYNCTV_METHOD_UPDATE_ROOM, .name = "theirs",
        .fields = fields, .n_fields = 1)));
    change_something();
    fx_check_memory(room);
    const synctv_event *event = fx_expect(stream, SYNCTV_EVENT_ROOM);
    ck_assert_str_eq(event->room->name, "theirs");
    ck_assert_int_eq(event->room->online_count, 1); /* who was here still is */
    fx_assert_ok(FX_ASK(alice, GET_MOVIE_LIST, .room_id = room));
    ck_assert_int_eq(fx_answer->total, 2);
    fx_say(alice, room, "hello");
    fx_expect(stream, SYNCTV_EVENT_CHAT);
    close_other();
}
END_TEST

START_TEST(who_was_put_out_elsewhere_loses_their_streams_here)
{
    synctv_stream *all = fx_follow(bob, ""), *bound = fx_follow(bob, room);
    open_other();
    fx_assert_ok(ask_other(SYNCTV_REQUEST(SYNCTV_METHOD_BAN_MEMBER, .user_id = fx_id(bob))));
    change_something();
    fx_assert_code(fx_end_of(bound), SYNCTV_E_MEMBER_BANNED);
    fx_got(all, SYNCTV_EVENT_ROOM);
    fx_say(alice, room, "gone?");
    fx_expect_nothing(all);
    fx_pass_ms(10100);
    fx_assert_ok(FX_ASK(alice, GET_ROOM_INFO, .room_id = room));
    ck_assert_int_eq(fx_answer->room->online_count, 0);
    close_other();
}
END_TEST

START_TEST(guests_not_allowed_any_more_elsewhere_leave_no_trace)
{
    static const char *const fields[] = { "settings" };
    static const synctv_room_settings open = { .allow_guests = true }, closed;
    fx_assert_ok(FX_ASK(alice, UPDATE_ROOM, .room_id = room, .fields = fields, .n_fields = 1,
        .settings = &open));
    synctv_stream *guest = fx_follow(fx_user("carol"), room), *member = fx_follow(bob, room);
    open_other();
    fx_assert_ok(ask_other(SYNCTV_REQUEST(SYNCTV_METHOD_UPDATE_ROOM, .settings = &closed,
        .fields = fields, .n_fields = 1)));
    change_something();
    fx_assert_code(fx_end_of(guest), SYNCTV_E_NOT_A_MEMBER);
    fx_pass_ms(10100);
    fx_assert_ok(FX_ASK(alice, GET_ROOM_INFO, .room_id = room));
    ck_assert_int_eq(fx_answer->room->online_count, 1);
    fx_say(alice, room, "hello");
    fx_expect(member, SYNCTV_EVENT_CHAT);
    close_other();
}
END_TEST

START_TEST(a_movie_removed_elsewhere_does_not_go_on_here)
{
    const char *movie = play_something();
    synctv_stream *stream = fx_follow(bob, room);
    open_other();
    fx_assert_ok(ask_other(SYNCTV_REQUEST(SYNCTV_METHOD_REMOVE_MOVIE, .movie_id = movie)));
    change_something();
    ck_assert_str_eq(fx_expect(stream, SYNCTV_EVENT_STATE)->state->movie_id, "");
    ck_assert_str_eq(state_now()->movie_id, "");
    close_other();
}
END_TEST

START_TEST(a_newer_state_from_elsewhere_is_told)
{
    const char *movie = play_something();
    fx_pass_ms(300);
    fx_settle();
    synctv_stream *stream = fx_follow(bob, room);
    open_other();
    fx_assert_ok(ask_other(SYNCTV_REQUEST(SYNCTV_METHOD_SEEK, .position_s = 1234)));
    sv_rooms_flush(&other);
    const synctv_movie another = { .name = "theirs", .url = "https://example.org/" };
    fx_assert_ok(ask_other(SYNCTV_REQUEST(SYNCTV_METHOD_ADD_MOVIE, .movie = &another)));
    change_something();
    const synctv_event *event = fx_expect(stream, SYNCTV_EVENT_STATE);
    ck_assert_int_eq(event->state->cause, SYNCTV_STATE_CAUSE_RESYNC);
    ck_assert_str_eq(event->state->movie_id, movie);
    ck_assert_double_ge(event->state->position_s, 1234);
    ck_assert_str_eq(event->state->node_id, "other");
    close_other();
}
END_TEST

START_TEST(a_room_deleted_elsewhere_ends_here_too)
{
    synctv_stream *bound = fx_follow(bob, room);
    open_other();
    fx_assert_ok(ask_other(SYNCTV_REQUEST(SYNCTV_METHOD_DELETE_ROOM)));
    struct sv_room *loaded = sv_room_enter(&fx_node, room);
    sv_room_mark_stale(loaded);
    sv_room_leave(loaded);
    fx_pass_ms(1100);
    fx_settle();
    ck_assert(fx_expect(bound, SYNCTV_EVENT_ROOM)->deleted);
    fx_assert_code(fx_end_of(bound), SYNCTV_E_ROOM_NOT_FOUND);
    ck_assert_uint_eq(rooms_loaded(), 0);
    close_other();
}
END_TEST

START_TEST(a_state_of_a_room_deleted_elsewhere_tells_us_so)
{
    play_something();
    synctv_stream *bound = fx_follow(bob, room);
    open_other();
    fx_assert_ok(ask_other(SYNCTV_REQUEST(SYNCTV_METHOD_DELETE_ROOM)));
    fx_pass_ms(300);
    fx_settle();
    fx_assert_code(fx_end_of(bound), SYNCTV_E_ROOM_NOT_FOUND);
    close_other();
}
END_TEST

START_TEST(loading_again_is_tried_until_it_works)
{
    const synctv_movie movie = { .name = "theirs", .url = "https://example.org/" };
    open_other();
    fx_assert_ok(ask_other(SYNCTV_REQUEST(SYNCTV_METHOD_ADD_MOVIE, .movie = &movie)));
    struct sv_room *loaded = sv_room_enter(&fx_node, room);
    sv_room_mark_stale(loaded);
    sv_room_leave(loaded);
    refuse_writes(1);
    fx_pass_unseen_ms(1100);
    fx_turn();
    ck_assert_int_eq(atomic_load(&refuses), 0);
    fx_pass_ms(1100);
    fx_settle();
    fx_check_memory(room);
    close_other();
}
END_TEST

static Suite *rooms_in_memory(void)
{
    Suite *s = suite_create("rooms_in_memory");
    TCase *t = tcase_create("in memory");
    tcase_add_checked_fixture(t, people, fx_close);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_room_is_loaded_when_it_is_asked_for);
    tcase_add_test(t, what_does_not_exist_leaves_nothing_behind);
    tcase_add_test(t, all_who_wait_for_a_room_get_it);
    tcase_add_test(t, only_so_many_calls_wait_for_a_room);
    tcase_add_test(t, a_room_that_cannot_be_loaded_now_can_be_loaded_later);
    tcase_add_test(t, a_stream_that_cannot_have_all_its_rooms_ends);
    tcase_add_test(t, idle_rooms_are_counted_by_their_memory_too);
    tcase_add_test(t, only_so_many_idle_rooms_stay_in_memory);
    tcase_add_test(t, a_failed_loading_takes_nobody_away_from_a_later_one);
    tcase_add_test(t, a_room_forgotten_while_it_plays_is_where_it_ought_to_be);
    tcase_add_test(t, a_movie_that_ended_while_the_room_was_forgotten_is_followed_by_the_next);
    tcase_add_test(t, a_state_is_stored_a_moment_later);
    tcase_add_test(t, a_state_that_storage_does_not_take_is_tried_again);
    suite_add_tcase(s, t);

    t = tcase_create("on disk");
    tcase_add_checked_fixture(t, people_on_disk, remove_disk);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, playback_survives_a_restart_and_its_version_grows);
    tcase_add_test(t, what_was_played_at_the_last_moment_is_stored);
    tcase_add_test(t, a_gap_in_the_revisions_makes_the_room_load_again);
    tcase_add_test(t, who_was_put_out_elsewhere_loses_their_streams_here);
    tcase_add_test(t, guests_not_allowed_any_more_elsewhere_leave_no_trace);
    tcase_add_test(t, a_movie_removed_elsewhere_does_not_go_on_here);
    tcase_add_test(t, a_newer_state_from_elsewhere_is_told);
    tcase_add_test(t, a_room_deleted_elsewhere_ends_here_too);
    tcase_add_test(t, a_state_of_a_room_deleted_elsewhere_tells_us_so);
    tcase_add_test(t, loading_again_is_tried_until_it_works);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *r = srunner_create(rooms_in_memory());
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
