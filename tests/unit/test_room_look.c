/* SPDX-License-Identifier: MIT */
/* A node that changes nothing finds by itself what others have changed in their database. */
#include "node/engine/blocking_job.h"
#include "node/rooms/apply.h"
#include "node/rooms/flush.h"
#include "two_nodes.h"

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

/* Memory has a movie and a message that storage has lost. */
static void lose(synctv_stream *stream)
{
    struct sv_room *here = sv_room_enter(&fx_node, room);
    const synctv_movie movie = {
        .id = "lost00000000", .room_id = room, .name = "lost", .url = "", .added_by = ""
    };
    sv_room_apply(here,
        &(struct sv_room_change){
            .room_id = room,
            .revision = here->revision + 1,
            .list = SYNCTV_LIST_CHANGE_ADDED,
            .movie = &movie,
        });
    here->chat_seq++;
    sv_room_leave(here);
    ck_assert_str_eq(next_movie(stream, SYNCTV_LIST_CHANGE_ADDED)->name, "lost");
}

START_TEST(a_look_finds_that_storage_went_back)
{
    synctv_stream *stream = fx_follow(bob, room);
    lose(stream);
    look();
    next_movie(stream, SYNCTV_LIST_CHANGE_CLEARED);
    THERE(SEND_CHAT, .content = "theirs");
    look();
    ck_assert_str_eq(fx_expect(stream, SYNCTV_EVENT_CHAT)->chat->content, "theirs");
    fx_expect_nothing(stream);
    fx_check_memory(room);
}
END_TEST

START_TEST(a_message_is_told_though_storage_has_given_its_number_before)
{
    synctv_stream *stream = fx_follow(bob, room);
    lose(stream);
    fx_say(alice, room, "hello");
    const synctv_event *event = fx_expect(stream, SYNCTV_EVENT_CHAT);
    ck_assert_str_eq(event->chat->content, "hello");
    ck_assert_uint_eq(event->chat->seq, 1);
    look();
    next_movie(stream, SYNCTV_LIST_CHANGE_CLEARED);
    fx_expect_nothing(stream);
}
END_TEST

struct head_job {
    struct sv_blocking_job blocking;
    struct sv_room_head head;
};

static int read_head(struct sv_blocking_job *b, struct sv_tx *tx)
{
    struct head_job *job = SV_CONTAINER_OF(b, struct head_job, blocking);
    return tx->ops->room_heads(tx, &room, 1, &job->head);
}

START_TEST(a_playhead_that_storage_has_lost_is_stored_again)
{
    const char *movie = fx_movie(alice, room, "movie", 3600);
    fx_follow(bob, room);
    THERE(SET_CURRENT_MOVIE, .movie_id = movie);
    sv_rooms_flush(&other);
    look();
    struct sv_room *here = sv_room_enter(&fx_node, room);
    uint64_t version = ++here->playback.version;
    here->chat_seq++;
    sv_room_leave(here);
    look();
    sv_rooms_flush(&fx_node);
    struct head_job job = { .blocking.run = read_head };
    ck_assert_int_ge(sv_blocking_job_do(&job.blocking, fx_node.store, sv_store_read), 0);
    ck_assert_uint_eq(job.head.version, version);
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

START_TEST(a_stream_of_all_rooms_follows_what_its_user_comes_into_elsewhere)
{
    synctv_stream *stream = fx_open_stream(alice, "", NULL);
    fx_expect(stream, SYNCTV_EVENT_STATE);
    const synctv_request create = SYNCTV_REQUEST(SYNCTV_METHOD_CREATE_ROOM, .name = "theirs");
    const synctv_result *made;
    fx_assert_ok(synctv_call_wait(other_alice, &create, &made, &fx_error));
    look();
    const synctv_event *event = fx_expect(stream, SYNCTV_EVENT_STATE);
    ck_assert_str_eq(event->room_id, made->room->id);
    look();
    fx_settle();
    fx_expect(stream, SYNCTV_EVENT_MEMBER); /* that she is there */
    fx_expect_nothing(stream);
    synctv_result_unref(made);
}
END_TEST

static Suite *room_look(void)
{
    Suite *s = suite_create("room_look");
    TCase *t = tcase_create("two nodes");
    tcase_add_checked_fixture(t, people_on_two_nodes, close_both);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, chat_of_others_comes_in_its_order);
    tcase_add_test(t, more_chat_than_one_reading_takes_is_read_to_its_end);
    tcase_add_test(t, a_playhead_that_others_move_moves_here);
    tcase_add_test(t, what_others_do_to_a_room_is_seen_without_a_change_here);
    tcase_add_test(t, a_look_finds_that_storage_went_back);
    tcase_add_test(t, a_message_is_told_though_storage_has_given_its_number_before);
    tcase_add_test(t, a_playhead_that_storage_has_lost_is_stored_again);
    tcase_add_test(t, a_look_finds_every_room);
    tcase_add_test(t, who_is_banned_elsewhere_loses_everything_here);
    tcase_add_test(t, a_stream_of_all_rooms_follows_what_its_user_comes_into_elsewhere);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *r = srunner_create(room_look());
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
