/* SPDX-License-Identifier: MIT */
/*
 * Two things at the same moment of which one ends what the other needs: double join, kick and ban
 * while joining, ban while streaming, delete while playing. Whichever comes first, in the end
 * memory says what storage says, and who is out is out.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "support/node_fixture.h"

#define N_ROUNDS 60

static synctv_caller *alice, *bob;

static void people(void)
{
    fx_open();
    fx_node.limits.rooms_per_user = fx_node.limits.memberships_per_user = 0;
    alice = fx_user("alice");
    bob = fx_user("bob");
}

/* --- one who acts while the test does something else --- */

struct rival {
    synctv_caller *caller;
    synctv_request request;
    atomic_int code; /* of the last answer */
    atomic_uint done, n_answers;
    atomic_bool over; /* of those who act again and again */
    pthread_barrier_t *start;
    pthread_t thread;
};

static void *act_once(void *userdata)
{
    struct rival *rival = userdata;
    pthread_barrier_wait(rival->start);
    rival->code = synctv_call_wait(rival->caller, &rival->request, NULL, NULL);
    return NULL;
}

static void answered(struct rival *rival, int code)
{
    rival->code = code;
    if (code >= 0)
        rival->done++;
    rival->n_answers++;
}

static void *act_again(void *userdata)
{
    struct rival *rival = userdata;
    while (!rival->over) {
        answered(rival, synctv_call_wait(rival->caller, &rival->request, NULL, NULL));
    }
    return NULL;
}

/* All of them at the same moment; waits for their answers. */
static void race(struct rival *rivals, unsigned n)
{
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, n);
    for (unsigned i = 0; i < n; i++) {
        rivals[i].start = &start;
        ck_assert_int_eq(pthread_create(&rivals[i].thread, NULL, act_once, &rivals[i]), 0);
    }
    for (unsigned i = 0; i < n; i++)
        pthread_join(rivals[i].thread, NULL);
    pthread_barrier_destroy(&start);
}

static void wait_for_answers(struct rival *rival, unsigned n)
{
    unsigned until = rival->n_answers + n;
    while (rival->n_answers < until)
        sched_yield();
}

static void begin(struct rival *rival)
{
    ck_assert_int_eq(pthread_create(&rival->thread, NULL, act_again, rival), 0);
    wait_for_answers(rival, 3);
}

/* After some more tries, all of which have to end like this. */
static void end(struct rival *rival, int code)
{
    wait_for_answers(rival, 2); /* the first may have been under way */
    unsigned done = rival->done;
    wait_for_answers(rival, 10);
    rival->over = true;
    pthread_join(rival->thread, NULL);
    fx_assert_code(rival->code, code);
    ck_assert_uint_eq(rival->done, done);
}

static struct rival join(synctv_caller *caller, const char *room)
{
    return (struct rival){
        .caller = caller,
        .request = SYNCTV_REQUEST(SYNCTV_METHOD_JOIN_ROOM, .room_id = room),
    };
}

/* Who is a member in the end, by storage: memory agrees with it. */
static bool is_member(const char *room, synctv_caller *caller)
{
    fx_check_memory(room);
    return FX_ASK(caller, GET_MOVIE_LIST, .room_id = room) >= 0;
}

static unsigned n_joined(synctv_stream *stream)
{
    unsigned n = 0;
    const synctv_event *event = NULL;
    while (synctv_stream_next(stream, 0, &event, NULL) == 1) {
        n += event->type == SYNCTV_EVENT_MEMBER && event->change == SYNCTV_MEMBER_CHANGE_JOINED;
        synctv_event_unref(event);
    }
    return n;
}

/* --- joining --- */

START_TEST(who_joins_many_times_at_once_has_joined_once)
{
    enum { N = 6 };
    synctv_stream *stream = fx_open_stream(alice, "", NULL);
    for (int round = 0; round < N_ROUNDS; round++) {
        const char *room = fx_room(alice, NULL);
        struct rival rivals[N];
        for (int i = 0; i < N; i++)
            rivals[i] = join(bob, room);
        race(rivals, N);
        for (int i = 0; i < N; i++)
            fx_assert_ok(rivals[i].code);
        ck_assert(is_member(room, bob));
        ck_assert_uint_eq(n_joined(stream), 1);
        fx_assert_ok(FX_ASK(alice, LIST_MEMBERS, .room_id = room));
        ck_assert_int_eq(fx_answer->total, 2);
        fx_assert_ok(FX_ASK(alice, DELETE_ROOM, .room_id = room));
    }
}
END_TEST

START_TEST(of_many_who_want_the_last_place_one_gets_it)
{
    static const char *const names[] = { "carol", "dave", "erin", "frank" };
    enum { N = sizeof(names) / sizeof(names[0]) };
    const synctv_room_settings small = { .max_members = 2 };
    for (int round = 0; round < N_ROUNDS; round++) {
        const char *room = fx_room(alice, &small);
        struct rival rivals[N];
        for (int i = 0; i < N; i++)
            rivals[i] = join(fx_user(names[i]), room);
        race(rivals, N);
        int n_in = 0;
        for (int i = 0; i < N; i++) {
            n_in += rivals[i].code >= 0;
            if (rivals[i].code < 0)
                fx_assert_code(rivals[i].code, SYNCTV_E_ROOM_FULL);
        }
        ck_assert_int_eq(n_in, 1);
        fx_check_memory(room);
    }
}
END_TEST

static struct rival put_out(synctv_method method, const char *room)
{
    return (struct rival){
        .caller = alice,
        .request = SYNCTV_REQUEST(method, .room_id = room, .user_id = fx_id(bob)),
    };
}

/* Whether bob is told what happens in the room. */
static bool hears(synctv_stream *stream, const char *room)
{
    fx_got(stream, SYNCTV_EVENT_DANMAKU);
    fx_assert_ok(FX_ASK(alice, SEND_DANMAKU, .room_id = room, .content = "who is there?"));
    return fx_got(stream, SYNCTV_EVENT_DANMAKU);
}

START_TEST(who_is_kicked_while_joining_is_in_or_out)
{
    synctv_stream *stream = fx_open_stream(bob, "", NULL);
    for (int round = 0; round < N_ROUNDS; round++) {
        const char *room = fx_room(alice, NULL);
        struct rival rivals[] = { join(bob, room), put_out(SYNCTV_METHOD_KICK_MEMBER, room) };
        race(rivals, 2);
        fx_assert_ok(rivals[0].code);
        /* A kick that came too early found nobody; one that found bob has put him out. */
        bool in = is_member(room, bob);
        fx_assert_code(rivals[1].code, in ? SYNCTV_E_MEMBER_NOT_FOUND : 0);
        ck_assert_int_eq(hears(stream, room), in);
        if (!in)
            fx_assert_code(FX_ASK(bob, JOIN_ROOM, .room_id = room), SYNCTV_E_MEMBER_KICKED);
    }
}
END_TEST

START_TEST(who_is_banned_while_joining_is_out)
{
    synctv_stream *stream = fx_open_stream(bob, "", NULL);
    for (int round = 0; round < N_ROUNDS; round++) {
        const char *room = fx_room(alice, NULL);
        struct rival rivals[] = { join(bob, room), put_out(SYNCTV_METHOD_BAN_MEMBER, room) };
        race(rivals, 2);
        if (rivals[0].code < 0)
            fx_assert_code(rivals[0].code, SYNCTV_E_MEMBER_BANNED);
        fx_assert_ok(rivals[1].code);
        ck_assert(!is_member(room, bob));
        ck_assert(!hears(stream, room));
        fx_assert_code(FX_ASK(bob, JOIN_ROOM, .room_id = room), SYNCTV_E_MEMBER_BANNED);
    }
}
END_TEST

START_TEST(a_room_deleted_while_somebody_joins_is_gone)
{
    for (int round = 0; round < N_ROUNDS; round++) {
        const char *room = fx_room(alice, NULL);
        struct rival rivals[] = {
            join(bob, room),
            { .caller = alice,
                .request = SYNCTV_REQUEST(SYNCTV_METHOD_DELETE_ROOM, .room_id = room) },
        };
        race(rivals, 2);
        if (rivals[0].code < 0)
            fx_assert_code(rivals[0].code, SYNCTV_E_ROOM_NOT_FOUND);
        fx_assert_ok(rivals[1].code);
        fx_assert_code(FX_ASK(bob, JOIN_ROOM, .room_id = room), SYNCTV_E_ROOM_NOT_FOUND);
        fx_assert_ok(FX_ASK(bob, LIST_ROOMS, .joined = true));
        ck_assert_uint_eq(fx_answer->n_rooms, 0);
    }
}
END_TEST

/* --- ban and kick while streaming --- */

static uint64_t newest_chat(const char *room)
{
    fx_assert_ok(FX_ASK(alice, GET_CHAT_HISTORY, .room_id = room, .limit = 1));
    return fx_answer->n_messages == 0 ? 0 : fx_answer->messages[0].seq;
}

START_TEST(who_is_put_out_while_chatting_is_not_heard_any_more)
{
    const bool ban = _i == 1;
    for (int round = 0; round < N_ROUNDS / 6; round++) {
        const char *room = fx_room(alice, NULL);
        fx_join(bob, room);
        synctv_stream *bobs = fx_follow(bob, room);
        struct rival chatter = {
            .caller = bob,
            .request =
                SYNCTV_REQUEST(SYNCTV_METHOD_SEND_CHAT, .room_id = room, .content = "and on"),
        };
        begin(&chatter);
        fx_assert_ok(fx_ask(alice,
            put_out(ban ? SYNCTV_METHOD_BAN_MEMBER : SYNCTV_METHOD_KICK_MEMBER, room).request));
        uint64_t seq = newest_chat(room);
        int why = ban ? SYNCTV_E_MEMBER_BANNED : SYNCTV_E_MEMBER_KICKED;
        end(&chatter, why);
        ck_assert_uint_eq(newest_chat(room), seq);
        fx_assert_code(fx_end_of(bobs), why);
        fx_assert_code(synctv_chat_send(bobs, NULL, "still here?", NULL, NULL),
            SYNCTV_E_NOT_CONNECTED);
        ck_assert(!is_member(room, bob));
    }
}
END_TEST

static void *follow_again(void *userdata)
{
    struct rival *rival = userdata;
    const synctv_stream_options options = SYNCTV_STREAM_OPTIONS(.room_id = rival->request.room_id);
    while (!rival->over) {
        synctv_stream *stream = NULL;
        const synctv_event *event = NULL;
        int rv = synctv_stream_open(rival->caller, &options, &stream, NULL);
        if (rv >= 0)
            rv = synctv_stream_next(stream, 30000, &event, NULL); /* the snapshot, or why not */
        ck_assert_int_ne(rv, 0);
        synctv_event_unref(event);
        synctv_stream_close(stream);
        answered(rival, rv);
    }
    return NULL;
}

START_TEST(who_is_banned_while_opening_streams_has_none)
{
    for (int round = 0; round < N_ROUNDS / 6; round++) {
        const char *room = fx_room(alice, NULL);
        fx_join(bob, room);
        struct rival follower = { .caller = bob,
            .request = SYNCTV_REQUEST(SYNCTV_METHOD_PLAY, .room_id = room) };
        ck_assert_int_eq(pthread_create(&follower.thread, NULL, follow_again, &follower), 0);
        wait_for_answers(&follower, 3);
        fx_assert_ok(fx_ask(alice, put_out(SYNCTV_METHOD_BAN_MEMBER, room).request));
        end(&follower, SYNCTV_E_MEMBER_BANNED);
        fx_check_memory(room);
    }
    synctv_node_stats stats;
    synctv_node_get_stats(&fx_node, &stats);
    ck_assert_uint_eq(stats.streams, 0);
}
END_TEST

/* --- delete while playing --- */

static struct rival player(const char *room)
{
    return (struct rival){
        .caller = bob,
        .request = SYNCTV_REQUEST(SYNCTV_METHOD_SEEK, .room_id = room, .position_s = 7),
    };
}

static const char *room_that_plays(const char **ret_movie)
{
    static const synctv_room_settings all_may = {
        .default_member_permissions = SYNCTV_PERM_DEFAULT_ADMIN,
    };
    const char *room = fx_room(alice, &all_may);
    fx_join(bob, room);
    *ret_movie = fx_movie(alice, room, "movie", 100);
    fx_assert_ok(FX_ASK(alice, SET_CURRENT_MOVIE, .room_id = room, .movie_id = *ret_movie,
        .autoplay = true));
    return room;
}

START_TEST(a_room_deleted_while_playing_plays_no_more)
{
    for (int round = 0; round < N_ROUNDS / 6; round++) {
        const char *movie, *room = room_that_plays(&movie);
        struct rival seeker = player(room);
        begin(&seeker);
        fx_assert_ok(FX_ASK(alice, DELETE_ROOM, .room_id = room));
        end(&seeker, SYNCTV_E_ROOM_NOT_FOUND);
        fx_pass_ms(1000); /* the state would be stored now, and the movie's end come later */
        fx_pass_ms(200000);
        fx_assert_code(FX_ASK(alice, GET_ROOM_INFO, .room_id = room), SYNCTV_E_ROOM_NOT_FOUND);
    }
}
END_TEST

START_TEST(a_movie_removed_while_it_plays_stops)
{
    for (int round = 0; round < N_ROUNDS / 6; round++) {
        const char *movie, *room = room_that_plays(&movie);
        struct rival seeker = player(room);
        begin(&seeker);
        fx_assert_ok(FX_ASK(alice, REMOVE_MOVIE, .room_id = room, .movie_id = movie));
        end(&seeker, SYNCTV_E_NO_CURRENT_MOVIE);
        fx_assert_ok(FX_ASK(alice, GET_ROOM_INFO, .room_id = room));
        ck_assert_str_eq(fx_answer->state->movie_id, "");
        fx_check_memory(room);
        fx_pass_ms(1000);
        fx_settle();
        fx_assert_ok(FX_ASK(alice, GET_ROOM_INFO, .room_id = room));
        ck_assert_str_eq(fx_answer->state->movie_id, "");
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("member_races");
    TCase *tcase = tcase_create("races");
    tcase_add_checked_fixture(tcase, people, fx_close);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, who_joins_many_times_at_once_has_joined_once);
    tcase_add_test(tcase, of_many_who_want_the_last_place_one_gets_it);
    tcase_add_test(tcase, who_is_kicked_while_joining_is_in_or_out);
    tcase_add_test(tcase, who_is_banned_while_joining_is_out);
    tcase_add_test(tcase, a_room_deleted_while_somebody_joins_is_gone);
    tcase_add_loop_test(tcase, who_is_put_out_while_chatting_is_not_heard_any_more, 0, 2);
    tcase_add_test(tcase, who_is_banned_while_opening_streams_has_none);
    tcase_add_test(tcase, a_room_deleted_while_playing_plays_no_more);
    tcase_add_test(tcase, a_movie_removed_while_it_plays_stops);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
