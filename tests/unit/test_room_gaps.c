/* SPDX-License-Identifier: MIT */
/* A room that somebody else changes in the same database: what memory has missed is found, waited
 * for and told. */
#include <semaphore.h>

#include "node/rooms/apply.h"
#include "node/rooms/load.h"
#include "two_nodes.h"

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

static void leave_there(synctv_caller *caller)
{
    synctv_caller *same = NULL;
    fx_assert_ok(synctv_node_as_user(&other, fx_id(caller), &same, &fx_error));
    const synctv_request leave = SYNCTV_REQUEST(SYNCTV_METHOD_LEAVE_ROOM, .room_id = room);
    fx_assert_ok(synctv_call_wait(same, &leave, NULL, &fx_error));
    synctv_caller_unref(same);
}

START_TEST(who_left_elsewhere_and_joins_here_is_a_member)
{
    leave_there(bob);
    fx_assert_ok(FX_ASK(bob, JOIN_ROOM, .room_id = room));
    ck_assert_int_eq(fx_answer->room->member_count, 2);
    fx_assert_ok(FX_ASK(bob, JOIN_ROOM, .room_id = room)); /* is confirmed */
    ck_assert_int_eq(fx_answer->room->member_count, 2);
    fx_check_memory(room);

    fx_assert_ok(FX_ASK(alice, UPDATE_ROOM, .room_id = room, .has_password = true,
        .password = "sesame open"));
    leave_there(bob);
    fx_assert_code(FX_ASK(bob, JOIN_ROOM, .room_id = room), SYNCTV_E_ROOM_PASSWORD_WRONG);
    fx_assert_ok(FX_ASK(bob, JOIN_ROOM, .room_id = room, .password = "sesame open"));
    fx_check_memory(room);
}
END_TEST

START_TEST(a_place_that_is_free_elsewhere_is_free_here)
{
    static const synctv_room_settings small = { .max_members = 2 };
    room = fx_room(alice, &small);
    fx_join(bob, room);
    fx_assert_code(FX_ASK(carol, JOIN_ROOM, .room_id = room), SYNCTV_E_ROOM_FULL);
    leave_there(bob);
    fx_assert_ok(FX_ASK(carol, JOIN_ROOM, .room_id = room));
    fx_assert_code(FX_ASK(bob, JOIN_ROOM, .room_id = room), SYNCTV_E_ROOM_FULL);
    fx_check_memory(room);
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

    leave_there(bob);
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
START_TEST(what_follows_a_movie_removed_elsewhere_is_decided_there)
{
    static const synctv_room_settings next = { .auto_advance = SYNCTV_AUTO_ADVANCE_NEXT };
    room = fx_room(alice, &next);
    const char *first = fx_movie(alice, room, "first", 3600);
    const char *second = fx_movie(alice, room, "second", 3600);
    fx_assert_ok(FX_ASK(alice, SET_CURRENT_MOVIE, .room_id = room, .movie_id = first));
    fx_pass_ms(1100); /* it is stored */
    fx_settle();
    synctv_stream *stream = fx_follow(alice, room);
    THERE(GET_ROOM_INFO);
    THERE(REMOVE_MOVIE, .movie_id = first);
    sv_store_drain(other.store);
    notice();
    const synctv_playback *state = fx_expect(stream, SYNCTV_EVENT_STATE)->state;
    ck_assert_str_eq(state->movie_id, second);
    ck_assert_str_eq(state->node_id, "other");
    ck_assert_int_eq(state->cause, SYNCTV_STATE_CAUSE_RESYNC);
    next_movie(stream, SYNCTV_LIST_CHANGE_ADDED);
    ck_assert_str_eq(next_movie(stream, SYNCTV_LIST_CHANGE_REMOVED)->id, first);
    fx_expect_nothing(stream);
}
END_TEST

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
    fx_pass_ms(200);
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

/* As another node says it. */
static void hear_movie(uint64_t behind, const char *id)
{
    const synctv_movie movie = { .id = id, .room_id = room, .name = id, .url = "", .added_by = "" };
    struct sv_room *loaded = sv_room_enter(&fx_node, room);
    sv_room_apply(loaded,
        &(struct sv_room_change){
            .room_id = room,
            .from_elsewhere = true,
            .revision = loaded->revision + behind,
            .list = SYNCTV_LIST_CHANGE_ADDED,
            .movie = &movie,
        });
    sv_room_leave(loaded);
}

START_TEST(what_comes_the_other_way_round_is_told_in_order_and_nothing_is_read)
{
    synctv_stream *stream = fx_follow(bob, room);
    fx_expect_change(stream, SYNCTV_MEMBER_CHANGE_ONLINE);
    hear_movie(3, "third0000000");
    hear_movie(2, "second000000");
    fx_expect_nothing(stream);
    hear_movie(1, "first0000000");
    static const char *const ids[] = { "first0000000", "second000000", "third0000000" };
    for (size_t i = 0; i < 3; i++)
        ck_assert_str_eq(next_movie(stream, SYNCTV_LIST_CHANGE_ADDED)->id, ids[i]);
    struct sv_room *loaded = sv_room_enter(&fx_node, room);
    ck_assert(!loaded->stale && loaded->reload_ms == 0 && loaded->n_held == 0);
    sv_room_leave(loaded);
    fx_pass_ms(300); /* storage has never had them: a reading would take them back */
    fx_settle();
    fx_expect_nothing(stream);
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
    tcase_add_test(t, who_left_elsewhere_and_joins_here_is_a_member);
    tcase_add_test(t, a_place_that_is_free_elsewhere_is_free_here);
    tcase_add_test(t, calls_wait_until_what_was_missed_is_read);
    tcase_add_test(t, a_stream_that_opens_in_a_gap_finds_what_was_missed);
    tcase_add_test(t, what_became_of_a_member_elsewhere_is_told_here);
    tcase_add_test(t, who_left_or_was_approved_elsewhere_is_told_here);
    tcase_add_test(t, a_playlist_changed_elsewhere_is_told_movie_by_movie);
    tcase_add_test(t, what_follows_a_movie_removed_elsewhere_is_decided_there);
    tcase_add_loop_test(t, any_order_made_elsewhere_is_the_order_here, 0, 20);
    tcase_add_test(t, what_comes_the_other_way_round_is_told_in_order_and_nothing_is_read);
    tcase_add_test(t, a_kick_in_a_gap_ends_streams_at_once);
    tcase_add_test(t, a_room_is_read_once_a_second_at_most);
    tcase_add_test(t, storage_that_went_back_is_believed);
    tcase_add_test(t, a_room_that_calls_wait_for_is_not_forgotten);
    tcase_add_test(t, a_room_deleted_while_calls_wait_answers_them);
    tcase_add_test(t, a_call_that_waits_when_the_node_closes_is_answered);
    tcase_add_test(t, a_guest_who_became_a_member_in_a_gap_stays_when_guests_have_to_go);
    tcase_add_test(t, who_waits_for_approval_since_a_gap_hears_nothing_any_more);
    tcase_add_test(t, what_is_heard_while_a_reading_runs_is_read_after_it);
    tcase_add_test(t, a_reading_does_not_take_back_what_is_heard_meanwhile);
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
