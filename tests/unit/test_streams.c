/* SPDX-License-Identifier: MIT */
/* What comes out of a stream, in which order, and how streams end. Which rooms they follow is in
 * test_stream_rooms.c. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/calls/handlers.h"
#include "node/streams/streams.h"
#include "node/streams/stream.h"
#include "support/node_fixture.h"

static synctv_caller *alice, *bob;
static const char *room, *movie;

static void people(void)
{
    fx_open();
    alice = fx_user("alice");
    bob = fx_user("bob");
    room = fx_room(alice, NULL);
    fx_join(bob, room);
    movie = fx_movie(alice, room, "first", 100);
    fx_assert_ok(FX_ASK(alice, SET_CURRENT_MOVIE, .room_id = room, .movie_id = movie));
}

#define SEND(stream, ...)                                                                          \
    synctv_stream_send((stream), &SYNCTV_REQUEST(SYNCTV_METHOD_##__VA_ARGS__), &fx_error)

/* --- the order of events --- */

START_TEST(the_first_event_is_a_snapshot)
{
    fx_assert_ok(FX_ASK(alice, PLAY, .room_id = room, .has_position = true, .position_s = 7));
    uint64_t version = fx_answer->state->version;
    synctv_stream *stream = fx_open_stream(bob, room, NULL);
    const synctv_event *first = fx_next(stream);
    ck_assert_int_eq(first->type, SYNCTV_EVENT_STATE);
    ck_assert_str_eq(first->room_id, room);
    ck_assert_int_eq(first->state->cause, SYNCTV_STATE_CAUSE_SNAPSHOT);
    ck_assert_int_eq(first->state->status, SYNCTV_PLAYBACK_STATUS_PLAYING);
    ck_assert_str_eq(first->state->movie_id, movie);
    ck_assert_uint_eq(first->state->version, version);
    ck_assert_double_ge(first->state->position_s, 7);
    const synctv_event *second = fx_next(stream);
    ck_assert_int_eq(second->type, SYNCTV_EVENT_MEMBER);
    ck_assert_int_eq(second->change, SYNCTV_MEMBER_CHANGE_ONLINE);
    fx_expect_nothing(stream);
}
END_TEST

START_TEST(every_event_has_an_id_of_its_own)
{
    synctv_stream *stream = fx_follow(alice, room);
    fx_assert_ok(SEND(stream, PING));
    fx_assert_ok(SEND(stream, SEEK, .position_s = -1));
    fx_assert_ok(FX_ASK(alice, PLAY, .room_id = room));
    const char *chat = fx_say(alice, room, "hello");
    fx_assert_ok(FX_ASK(alice, SEND_DANMAKU, .room_id = room, .content = "x"));
    fx_assert_ok(FX_ASK(alice, DELETE_CHAT_MESSAGE, .room_id = room, .message_id = chat));
    fx_movie(alice, room, "another", 0);
    fx_assert_ok(FX_ASK(alice, DELETE_ROOM, .room_id = room));
    const char *ids[64];
    size_t n = 0;
    const synctv_event *event;
    do {
        event = fx_next(stream);
        ck_assert_msg(sv_id_valid(event->message_id), "event %d", (int)event->type);
        ck_assert_int_gt(event->timestamp_ms, 0);
        for (size_t i = 0; i < n; i++)
            ck_assert_str_ne(ids[i], event->message_id);
        ids[n++] = event->message_id;
    } while (event->type != SYNCTV_EVENT_ROOM);
    ck_assert_uint_ge(n, 8);
}
END_TEST

#define N_CONTROLS 60

static void *control(void *userdata)
{
    const char *content = userdata;
    for (int i = 0; i < N_CONTROLS; i++) {
        synctv_request requests[] = {
            SYNCTV_REQUEST(SYNCTV_METHOD_PLAY),
            SYNCTV_REQUEST(SYNCTV_METHOD_SEEK, .position_s = i),
            SYNCTV_REQUEST(SYNCTV_METHOD_SEND_DANMAKU, .content = content),
            SYNCTV_REQUEST(SYNCTV_METHOD_SEND_CHAT, .content = content),
        };
        synctv_request *request = &requests[i % 4];
        request->room_id = room;
        int rv = synctv_call_wait(alice, request, NULL, NULL);
        ck_assert_int_eq(rv, 0);
    }
    return NULL;
}

/* An event is shared by all who get it: its address tells which it is. */
START_TEST(all_streams_see_one_order)
{
    enum { N = 4, N_EVENTS = 3 * N_CONTROLS };
    synctv_stream *streams[N];
    for (int i = 0; i < N; i++)
        streams[i] = fx_follow(i % 2 ? bob : alice, i < 2 ? room : "");
    for (int i = 0; i < N; i++)
        fx_got(streams[i], SYNCTV_EVENT_MEMBER);

    char *names[] = { "a", "b", "c" };
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, control, names[i]), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);

    uint64_t version = 0, seq = 0;
    for (int i = 0; i < N_EVENTS; i++) {
        const synctv_event *event = fx_next(streams[0]);
        for (int k = 1; k < N; k++)
            ck_assert_ptr_eq(fx_next(streams[k]), event);
        if (event->type == SYNCTV_EVENT_STATE) {
            ck_assert_uint_gt(event->state->version, version);
            version = event->state->version;
        }
        if (event->type == SYNCTV_EVENT_CHAT) {
            ck_assert_uint_gt(event->chat->seq, seq);
            seq = event->chat->seq;
        }
    }
    for (int k = 0; k < N; k++)
        fx_expect_nothing(streams[k]);
}
END_TEST

/* --- who does not keep up --- */

START_TEST(a_stream_with_too_many_events_ends_and_others_go_on)
{
    synctv_stream *slow = fx_follow(alice, room);
    synctv_stream *quick = fx_follow(bob, room);
    fx_got(slow, SYNCTV_EVENT_MEMBER);
    fx_got(quick, SYNCTV_EVENT_MEMBER);
    for (int i = 0; i < SV_STREAM_MAX_EVENTS; i++)
        fx_assert_ok(FX_ASK(alice, SEEK, .room_id = room, .position_s = i % 100));
    for (int i = 0; i < SV_STREAM_MAX_EVENTS; i++)
        ck_assert_int_eq(fx_next(quick)->type, SYNCTV_EVENT_STATE);

    fx_assert_ok(FX_ASK(alice, PAUSE, .room_id = room));
    const synctv_event *event = NULL;
    ck_assert_int_eq(synctv_stream_next(slow, 0, &event, &fx_error), SYNCTV_E_SLOW_CONSUMER);
    ck_assert_int_eq(fx_error.code, SYNCTV_E_SLOW_CONSUMER);
    ck_assert_int_eq(fx_next(quick)->state->cause, SYNCTV_STATE_CAUSE_PAUSE);
    fx_expect_nothing(quick);
    ck_assert_int_eq(SEND(slow, PING), SYNCTV_E_NOT_CONNECTED);
    fx_follow(alice, room); /* who begins again gets a snapshot */
}
END_TEST

START_TEST(a_full_stream_that_is_read_again_in_time_goes_on)
{
    synctv_stream *stream = fx_follow(alice, room);
    fx_got(stream, SYNCTV_EVENT_MEMBER);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < SV_STREAM_MAX_EVENTS; i++)
            fx_assert_ok(FX_ASK(alice, SEEK, .room_id = room, .position_s = i % 100));
        for (int i = 0; i < SV_STREAM_MAX_EVENTS; i++)
            ck_assert_double_eq(fx_next(stream)->state->position_s, i % 100);
        fx_expect_nothing(stream);
    }
}
END_TEST

/* As heavy as one may be, but for some bytes. */
static const synctv_movie *heavy_movie(void)
{
    static char value[4097], names[7][8];
    static synctv_header headers[7];
    static synctv_movie heavy;
    memset(value, 'x', 4096);
    for (int i = 0; i < 7; i++) {
        snprintf(names[i], sizeof(names[i]), "x-%d", i);
        headers[i] = (synctv_header){ .name = names[i], .value = value };
    }
    heavy = (synctv_movie){
        .name = "x",
        .url = "https://example.org/",
        .headers = headers,
        .n_headers = 7,
    };
    return &heavy;
}

/* No stream sees anything of this before all of it is done. */
START_TEST(what_one_member_may_do_at_once_ends_no_stream_of_the_others)
{
    synctv_stream *stream = fx_follow(bob, room), *observer = fx_open_stream(fx_system(), "", NULL);
    static const char *const fields[] = { "headers", "duration" };
    fx_assert_ok(FX_ASK(alice, ADD_MOVIE, .room_id = room, .movie = heavy_movie()));
    synctv_movie changed = *heavy_movie();
    changed.id = fx_answer->movie->id;
    for (int i = 1; i < 100; i++) {
        changed.duration_s = i;
        fx_assert_ok(FX_ASK(alice, UPDATE_MOVIE, .room_id = room, .movie_id = changed.id,
            .movie = &changed, .fields = fields, .n_fields = 2));
    }
    synctv_stream *const streams[] = { stream, observer };
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < 100; i++) {
            const synctv_event *event = fx_expect(streams[k], SYNCTV_EVENT_MOVIES);
            ck_assert_double_eq(event->movie->duration_s, i);
            ck_assert_uint_eq(event->movie->n_headers, 7);
        }
        fx_expect_nothing(streams[k]);
    }
}
END_TEST

START_TEST(a_stream_with_too_many_bytes_ends)
{
    synctv_stream *slow = fx_follow(bob, room);
    synctv_movie changed = *heavy_movie();
    static const char *const fields[] = { "headers" };
    changed.id = movie;
    for (int i = 0; i <= SV_STREAM_MAX_BYTES / SV_STREAM_MOVIE_BYTES; i++)
        fx_assert_ok(FX_ASK(alice, UPDATE_MOVIE, .room_id = room, .movie_id = movie,
            .movie = &changed, .fields = fields, .n_fields = 1));
    ck_assert_int_eq(fx_end_of(slow), SYNCTV_E_SLOW_CONSUMER);
}
END_TEST

/* --- ready() --- */

struct listener {
    int calls;
    bool takes;
    int last_rv;
};

static void ready(void *userdata, synctv_stream *stream)
{
    struct listener *l = userdata;
    l->calls++;
    const synctv_event *event;
    while (l->takes && (l->last_rv = synctv_stream_next(stream, 0, &event, NULL)) == 1)
        synctv_event_unref(event);
}

static synctv_stream *listen_to(struct listener *l)
{
    const synctv_stream_options options =
        SYNCTV_STREAM_OPTIONS(.room_id = room, .ready = ready, .userdata = l);
    synctv_stream *stream = NULL;
    fx_assert_ok(synctv_stream_open(bob, &options, &stream, &fx_error));
    return stream;
}

START_TEST(ready_is_called_once_until_nothing_is_left)
{
    struct listener l = { 0 };
    synctv_stream *stream = listen_to(&l);
    fx_turn();
    ck_assert_int_eq(l.calls, 1);
    fx_assert_ok(FX_ASK(alice, PLAY, .room_id = room));
    fx_turn();
    ck_assert_int_eq(l.calls, 1);
    fx_got(stream, SYNCTV_EVENT_STATE);
    fx_assert_ok(FX_ASK(alice, PAUSE, .room_id = room));
    fx_turn();
    ck_assert_int_eq(l.calls, 2);
    synctv_stream_close(stream);
}
END_TEST

START_TEST(a_stream_emptied_before_it_was_told_is_told_once)
{
    struct listener l = { .takes = true };
    synctv_stream *stream = listen_to(&l);
    for (int i = 0; i < 3; i++) { /* told, and emptied before the turn comes */
        fx_assert_ok(FX_ASK(alice, PLAY, .room_id = room));
        fx_got(stream, SYNCTV_EVENT_STATE);
    }
    fx_assert_ok(FX_ASK(alice, PAUSE, .room_id = room));
    fx_turn();
    ck_assert_int_eq(l.calls, 1);
    fx_assert_ok(FX_ASK(alice, PLAY, .room_id = room));
    fx_turn();
    ck_assert_int_eq(l.calls, 2);
    synctv_stream_close(stream);
}
END_TEST

START_TEST(ready_also_tells_of_the_end_and_never_after_closing)
{
    struct listener l = { .takes = true }, closed = { .takes = true };
    synctv_stream *stream = listen_to(&l), *other = listen_to(&closed);
    fx_turn();
    int before = closed.calls;
    fx_assert_ok(FX_ASK(alice, DELETE_ROOM, .room_id = room));
    synctv_stream_close(other);
    fx_turn();
    ck_assert_int_eq(l.last_rv, SYNCTV_E_ROOM_NOT_FOUND);
    ck_assert_int_eq(closed.calls, before);
    int calls = l.calls;
    fx_turn();
    ck_assert_int_eq(l.calls, calls);
    synctv_stream_close(stream);
}
END_TEST

START_TEST(many_ready_streams_take_several_turns_and_all_are_told)
{
    enum { N = SV_READY_PER_TURN + 10 };
    static struct listener listeners[N];
    synctv_stream *streams[N];
    fx_node.limits.streams_per_user = N;
    for (int i = 0; i < N; i++) {
        listeners[i] = (struct listener){ .takes = true };
        streams[i] = listen_to(&listeners[i]);
    }
    fx_turn();
    fx_assert_ok(FX_ASK(alice, PLAY, .room_id = room));
    int64_t wait_ms = sv_node_turn(&fx_node);
    ck_assert_int_eq(wait_ms, 0);
    fx_turn();
    for (int i = 0; i < N; i++) {
        ck_assert_int_eq(listeners[i].calls, 2);
        synctv_stream_close(streams[i]);
    }
}
END_TEST

/* --- waiting --- */

static void *play_soon(void *userdata)
{
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_PLAY, .room_id = room);
    synctv_call_wait(alice, &request, NULL, NULL);
    return NULL;
}

START_TEST(who_waits_for_an_event_is_woken_by_it)
{
    synctv_stream *stream = fx_follow(bob, room);
    fx_got(stream, SYNCTV_EVENT_MEMBER);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, play_soon, NULL), 0);
    ck_assert_int_eq(fx_next(stream)->type, SYNCTV_EVENT_STATE);
    pthread_join(thread, NULL);
    const synctv_event *event = NULL;
    ck_assert_int_eq(synctv_stream_next(stream, 10, &event, NULL), 0);
}
END_TEST

/* --- what goes in --- */

START_TEST(a_ping_is_answered_with_the_nodes_times)
{
    synctv_stream *stream = fx_follow(bob, room);
    fx_got(stream, SYNCTV_EVENT_MEMBER);
    int64_t before_ms = synctv_node_now_ms(&fx_node);
    fx_assert_ok(SEND(stream, PING, .client_time_ms = 12345));
    const synctv_event *pong = fx_next(stream);
    ck_assert_int_eq(pong->type, SYNCTV_EVENT_PONG);
    ck_assert_int_eq(pong->client_time_ms, 12345);
    ck_assert_int_ge(pong->server_recv_time_ms, before_ms);
    ck_assert_int_ge(pong->server_send_time_ms, pong->server_recv_time_ms);
    ck_assert_int_le(pong->server_send_time_ms, synctv_node_now_ms(&fx_node));
}
END_TEST

START_TEST(a_refusal_comes_back_on_the_stream_and_names_its_request)
{
    synctv_stream *stream = fx_follow(bob, room);
    fx_got(stream, SYNCTV_EVENT_MEMBER);
    fx_assert_ok(SEND(stream, PLAY, .message_id = "mine"));
    const synctv_event *error = fx_next(stream);
    ck_assert_int_eq(error->type, SYNCTV_EVENT_ERROR);
    fx_assert_code(error->error_code, SYNCTV_E_PERMISSION_DENIED);
    ck_assert_int_eq(error->error->code, error->error_code);
    ck_assert_str_eq(error->in_reply_to, "mine");
    ck_assert_str_eq(error->room_id, room);

    fx_assert_ok(SEND(stream, SEND_CHAT, .content = ""));
    ck_assert_str_eq(fx_next(stream)->error->field, "content");
    fx_assert_ok(SEND(stream, SEEK, .room_id = "AAAAAAAAAAAA"));
    ck_assert_str_eq(fx_next(stream)->error->field, "room_id");
    char id[80];
    memset(id, 'x', sizeof(id) - 1);
    id[sizeof(id) - 1] = '\0';
    fx_assert_ok(SEND(stream, PING, .message_id = id));
    ck_assert_int_eq(fx_next(stream)->error_code, SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_int_eq(SEND(stream, LOGIN), SYNCTV_E_INVALID_ARGUMENT);
    fx_expect_nothing(stream);
}
END_TEST

START_TEST(a_stream_of_all_rooms_has_to_name_the_room)
{
    synctv_stream *stream = fx_follow(alice, "");
    fx_expect_change(stream, SYNCTV_MEMBER_CHANGE_ONLINE);
    fx_assert_ok(SEND(stream, PLAY));
    ck_assert_str_eq(fx_next(stream)->error->field, "room_id");
    fx_assert_ok(SEND(stream, PLAY, .room_id = room));
    ck_assert_int_eq(fx_next(stream)->state->cause, SYNCTV_STATE_CAUSE_PLAY);
}
END_TEST

START_TEST(a_stream_takes_what_the_table_of_methods_says)
{
    synctv_stream *stream = fx_follow(alice, room);
    for (synctv_method m = 0; m < SYNCTV_N_METHODS; m++) {
        const synctv_request request = SYNCTV_REQUEST(m);
        bool taken = synctv_stream_send(stream, &request, &fx_error) == 0;
        ck_assert_msg(taken == ((sv_methods[m].ways & SV_BY_STREAM) != 0), "%d", (int)m);
    }
}
END_TEST

START_TEST(each_kind_of_request_has_a_rate_of_its_own)
{
    fx_node.limits.control_per_second = fx_node.limits.ping_per_second = 0.001;
    fx_node.limits.status_per_second = 0.001;
    synctv_stream *stream = fx_follow(alice, room);
    fx_got(stream, SYNCTV_EVENT_MEMBER);
    for (int i = 0; i < 3; i++) {
        fx_assert_ok(SEND(stream, PLAY));
        fx_assert_ok(SEND(stream, PING));
        fx_assert_ok(SEND(stream, REPORT_STATUS, .movie_id = "AAAAAAAAAAAA"));
    }
    int n_limited = 0, n = 0;
    const synctv_event *event;
    while (synctv_stream_next(stream, 0, &event, NULL) == 1) {
        n++;
        if (event->type == SYNCTV_EVENT_ERROR) {
            fx_assert_code(event->error_code, SYNCTV_E_RATE_LIMITED);
            ck_assert_int_gt(event->error->retry_after_ms, 0);
            n_limited++;
        }
        synctv_event_unref(event);
    }
    ck_assert_int_eq(n, 9);
    ck_assert_int_ge(n_limited, 6);
    fx_assert_ok(FX_ASK(alice, PAUSE, .room_id = room)); /* a call has another one */
}
END_TEST

/* --- opening and ending --- */

START_TEST(a_user_has_so_many_streams_and_no_more)
{
    for (int i = 0; i < 16; i++)
        fx_open_stream(bob, i % 2 ? room : "", NULL);
    synctv_stream *one_more = NULL;
    fx_assert_code(synctv_stream_open(bob, NULL, &one_more, &fx_error), SYNCTV_E_STREAM_LIMIT);
    ck_assert_ptr_null(one_more);
    fx_follow(alice, room);
    for (int i = 0; i < 20; i++)
        fx_open_stream(fx_system(), "", NULL);
}
END_TEST

START_TEST(a_closed_stream_makes_room_for_another)
{
    fx_node.limits.streams_per_user = 1;
    for (int i = 0; i < 3; i++) {
        synctv_stream *stream = NULL;
        fx_assert_ok(synctv_stream_open(bob, NULL, &stream, &fx_error));
        synctv_stream_close(stream);
    }
    synctv_node_stats stats;
    synctv_node_get_stats(&fx_node, &stats);
    ck_assert_uint_eq(stats.streams, 0);
}
END_TEST

START_TEST(what_makes_no_stream)
{
    synctv_stream *stream = NULL;
    const synctv_stream_options bad = SYNCTV_STREAM_OPTIONS(.room_id = "what?");
    fx_assert_code(synctv_stream_open(fx_anonymous(), NULL, &stream, &fx_error),
        SYNCTV_E_PERMISSION_DENIED);
    fx_assert_field(synctv_stream_open(bob, &bad, &stream, &fx_error), "room_id");
    fx_assert_code(fx_end_of(fx_open_stream(bob, "AAAAAAAAAAAA", NULL)), SYNCTV_E_ROOM_NOT_FOUND);
    fx_assert_code(fx_end_of(fx_open_stream(fx_user("carol"), room, NULL)), SYNCTV_E_NOT_A_MEMBER);
}
END_TEST

START_TEST(a_finished_stream_ends_once_all_that_was_sent_is_answered)
{
    synctv_stream *other = fx_follow(alice, room);
    synctv_stream *stream = fx_open_stream(bob, room, NULL); /* and nothing is awaited */
    fx_assert_ok(SEND(stream, SEND_CHAT, .content = "bye", .message_id = "b1"));
    fx_assert_ok(SEND(stream, SEEK, .position_s = -1, .message_id = "b2"));
    fx_assert_ok(SEND(stream, PING));
    synctv_stream_finish(stream);
    synctv_stream_finish(stream);
    fx_assert_code(SEND(stream, PING), SYNCTV_E_NOT_CONNECTED);
    fx_expect(stream, SYNCTV_EVENT_STATE);
    bool chat = false, refusal = false, pong = false; /* in any order */
    while (!chat || !refusal || !pong) {
        const synctv_event *event = fx_next(stream);
        chat = chat || event->type == SYNCTV_EVENT_CHAT;
        pong = pong || event->type == SYNCTV_EVENT_PONG;
        refusal =
            refusal || (event->type == SYNCTV_EVENT_ERROR && strcmp(event->in_reply_to, "b2") == 0);
    }
    fx_assert_code(fx_end_of(stream), SYNCTV_E_NOT_CONNECTED);
    fx_expect(other, SYNCTV_EVENT_CHAT);
    fx_assert_ok(SEND(other, PING)); /* goes on */
    fx_expect(other, SYNCTV_EVENT_PONG);
}
END_TEST

START_TEST(a_stream_that_has_nothing_under_way_is_finished_at_once)
{
    synctv_stream *stream = fx_follow(alice, room);
    synctv_stream_finish(stream);
    fx_assert_code(fx_end_of(stream), SYNCTV_E_NOT_CONNECTED);
}
END_TEST

START_TEST(streams_end_with_the_node_and_keep_what_they_have)
{
    synctv_stream *stream = fx_open_stream(bob, room, NULL);
    synctv_stream *observer = fx_open_stream(fx_system(), "", NULL);
    fx_settle();
    sv_node_close(&fx_node);
    ck_assert_int_eq(fx_next(stream)->state->cause, SYNCTV_STATE_CAUSE_SNAPSHOT);
    fx_assert_code(fx_end_of(stream), SYNCTV_E_SHUTTING_DOWN);
    fx_assert_code(fx_end_of(observer), SYNCTV_E_SHUTTING_DOWN);
    synctv_stream *late = NULL;
    fx_assert_code(synctv_stream_open(bob, NULL, &late, &fx_error), SYNCTV_E_SHUTTING_DOWN);
    fx_assert_code(FX_ASK(alice, PLAY, .room_id = room), SYNCTV_E_SHUTTING_DOWN);
}
END_TEST

START_TEST(a_node_that_drains_refuses_calls_serves_its_streams_and_ends_some_at_a_time)
{
    synctv_stream *streams[4];
    for (int i = 0; i < 4; i++)
        streams[i] = fx_follow(bob, room);
    sv_node_drain(&fx_node);
    fx_assert_code(FX_ASK(alice, PLAY, .room_id = room), SYNCTV_E_SHUTTING_DOWN);
    synctv_stream *late = NULL;
    fx_assert_code(synctv_stream_open(bob, NULL, &late, &fx_error), SYNCTV_E_SHUTTING_DOWN);

    sv_streams_end_some(&fx_node, 1, SYNCTV_E_SHUTTING_DOWN);
    fx_assert_code(fx_end_of(streams[0]), SYNCTV_E_SHUTTING_DOWN);
    fx_assert_ok(SEND(streams[3], SEND_CHAT, .room_id = room, .content = "still here"));
    for (int i = 1; i < 4; i++)
        ck_assert_str_eq(fx_expect(streams[i], SYNCTV_EVENT_CHAT)->chat->content, "still here");

    sv_streams_end_some(&fx_node, 2, SYNCTV_E_SHUTTING_DOWN);
    fx_assert_code(fx_end_of(streams[1]), SYNCTV_E_SHUTTING_DOWN);
    fx_assert_code(fx_end_of(streams[2]), SYNCTV_E_SHUTTING_DOWN);
    fx_assert_ok(SEND(streams[3], PING));
    fx_expect(streams[3], SYNCTV_EVENT_PONG);
    sv_node_close(&fx_node);
    fx_assert_code(fx_end_of(streams[3]), SYNCTV_E_SHUTTING_DOWN);
}
END_TEST

START_TEST(streams_may_be_closed_while_they_begin)
{
    for (int i = 0; i < 200; i++) {
        const synctv_stream_options options = SYNCTV_STREAM_OPTIONS(.room_id = i % 2 ? room : "");
        synctv_stream *stream = NULL;
        fx_assert_ok(synctv_stream_open(bob, &options, &stream, &fx_error));
        if (i % 3 == 0)
            fx_settle();
        synctv_stream_close(stream);
    }
    fx_settle();
    synctv_node_stats stats;
    synctv_node_get_stats(&fx_node, &stats);
    ck_assert_uint_eq(stats.streams, 0);
}
END_TEST

static Suite *streams(void)
{
    Suite *s = suite_create("streams");
    TCase *t = tcase_create("streams");
    tcase_add_checked_fixture(t, people, fx_close);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, the_first_event_is_a_snapshot);
    tcase_add_test(t, every_event_has_an_id_of_its_own);
    tcase_add_test(t, all_streams_see_one_order);
    tcase_add_test(t, a_stream_with_too_many_events_ends_and_others_go_on);
    tcase_add_test(t, a_full_stream_that_is_read_again_in_time_goes_on);
    tcase_add_test(t, what_one_member_may_do_at_once_ends_no_stream_of_the_others);
    tcase_add_test(t, a_stream_with_too_many_bytes_ends);
    tcase_add_test(t, ready_is_called_once_until_nothing_is_left);
    tcase_add_test(t, a_stream_emptied_before_it_was_told_is_told_once);
    tcase_add_test(t, ready_also_tells_of_the_end_and_never_after_closing);
    tcase_add_test(t, many_ready_streams_take_several_turns_and_all_are_told);
    tcase_add_test(t, who_waits_for_an_event_is_woken_by_it);
    tcase_add_test(t, a_ping_is_answered_with_the_nodes_times);
    tcase_add_test(t, a_refusal_comes_back_on_the_stream_and_names_its_request);
    tcase_add_test(t, a_stream_of_all_rooms_has_to_name_the_room);
    tcase_add_test(t, a_stream_takes_what_the_table_of_methods_says);
    tcase_add_test(t, each_kind_of_request_has_a_rate_of_its_own);
    tcase_add_test(t, a_user_has_so_many_streams_and_no_more);
    tcase_add_test(t, a_closed_stream_makes_room_for_another);
    tcase_add_test(t, what_makes_no_stream);
    tcase_add_test(t, a_finished_stream_ends_once_all_that_was_sent_is_answered);
    tcase_add_test(t, a_stream_that_has_nothing_under_way_is_finished_at_once);
    tcase_add_test(t, streams_end_with_the_node_and_keep_what_they_have);
    tcase_add_test(t, a_node_that_drains_refuses_calls_serves_its_streams_and_ends_some_at_a_time);
    tcase_add_test(t, streams_may_be_closed_while_they_begin);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *r = srunner_create(streams());
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
