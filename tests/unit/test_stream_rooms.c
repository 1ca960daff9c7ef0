/* SPDX-License-Identifier: MIT */
/* Which rooms a stream follows: all of its user, one of them, one as a guest, every room of the
 * node. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/rooms/room.h"
#include "node/rooms/follow.h"
#include "support/node_fixture.h"

static synctv_caller *alice, *bob, *carol;
static const char *room;

static void people(void)
{
    fx_open();
    alice = fx_user("alice");
    bob = fx_user("bob");
    carol = fx_user("carol");
    room = fx_room(alice, NULL);
    fx_join(bob, room);
}

/* The next state must be the snapshot of this room. */
static void expect_snapshot(synctv_stream *stream, const char *of_room)
{
    const synctv_event *event = fx_expect(stream, SYNCTV_EVENT_STATE);
    ck_assert_int_eq(event->state->cause, SYNCTV_STATE_CAUSE_SNAPSHOT);
    ck_assert_str_eq(event->room_id, of_room);
}

/* That the stream is still open and hears nothing of the room any more. */
static void expect_deaf(synctv_stream *stream, const char *of_room)
{
    fx_got(stream, SYNCTV_EVENT_MEMBER);
    fx_assert_ok(FX_ASK(fx_system(), SEND_CHAT, .room_id = of_room, .content = "anybody?"));
    fx_expect_nothing(stream);
}

/* --- platform admins --- */

static int make_user(synctv_user_role role, synctv_user_status status)
{
    int rv = synctv_node_user_set_role(&fx_node, "root", role, NULL);
    return rv < 0 ? rv : synctv_node_user_set_status(&fx_node, "root", status, NULL);
}

/* Of alice's private room, and of one of root's own: which of them goes when root is made this. */
static void check_demotion(synctv_user_role role, synctv_user_status status)
{
    synctv_caller *root = fx_user_with("root", SYNCTV_USER_ROLE_ROOT, SYNCTV_USER_STATUS_ACTIVE);
    const char *own = fx_room(root, NULL);
    synctv_stream *strange = fx_follow(root, room), *bound = fx_follow(root, own);
    synctv_stream *all = fx_follow(root, "");
    fx_assert_ok(make_user(SYNCTV_USER_ROLE_ADMIN, SYNCTV_USER_STATUS_ACTIVE));
    fx_say(alice, room, "still listening");
    fx_expect(strange, SYNCTV_EVENT_CHAT);

    fx_assert_ok(make_user(role, status));
    fx_say(alice, room, "among ourselves");
    ck_assert(!fx_got(strange, SYNCTV_EVENT_CHAT));
    fx_assert_code(fx_end_of(strange), SYNCTV_E_NOT_A_MEMBER);
    fx_assert_code(fx_end_of(fx_open_stream(root, room, NULL)), SYNCTV_E_NOT_A_MEMBER);
    fx_say(fx_system(), own, "you stay");
    ck_assert_str_eq(fx_expect(bound, SYNCTV_EVENT_CHAT)->chat->content, "you stay");
    ck_assert_str_eq(fx_expect(all, SYNCTV_EVENT_CHAT)->chat->content, "you stay");
    fx_pass_ms(11000);
    fx_assert_ok(FX_ASK(alice, GET_ROOM_INFO, .room_id = room));
    ck_assert_int_eq(fx_answer->room->online_count, 0);
}

START_TEST(an_admin_no_more_loses_the_rooms_of_others)
{
    check_demotion(SYNCTV_USER_ROLE_USER, SYNCTV_USER_STATUS_ACTIVE);
}
END_TEST

START_TEST(an_admin_who_waits_for_approval_loses_the_rooms_of_others)
{
    check_demotion(SYNCTV_USER_ROLE_ADMIN, SYNCTV_USER_STATUS_PENDING);
}
END_TEST

START_TEST(an_admin_no_more_stays_as_a_guest_where_guests_are_allowed)
{
    const synctv_room_settings guests = { .allow_guests = true };
    const char *open = fx_room(alice, &guests);
    fx_assert_ok(FX_ASK(alice, CREATE_ROOM, .name = "x", .password = "secret",
        .settings = &guests));
    const char *locked = fx_answer->room->id;
    synctv_caller *root = fx_user_with("root", SYNCTV_USER_ROLE_ROOT, SYNCTV_USER_STATUS_ACTIVE);
    synctv_stream *stays = fx_follow(root, open), *goes = fx_follow(root, locked);
    fx_assert_ok(make_user(SYNCTV_USER_ROLE_USER, SYNCTV_USER_STATUS_ACTIVE));
    fx_assert_code(fx_end_of(goes), SYNCTV_E_ROOM_PASSWORD_WRONG);
    fx_say(alice, open, "welcome");
    fx_expect(stays, SYNCTV_EVENT_CHAT);
}
END_TEST

/* --- streams of all rooms --- */

START_TEST(a_stream_of_all_rooms_begins_with_a_snapshot_of_each)
{
    enum { N = 5 };
    const char *rooms[N] = { room };
    for (int i = 1; i < N; i++) {
        rooms[i] = fx_room(alice, NULL);
        fx_join(bob, rooms[i]);
    }
    fx_forget_rooms();
    synctv_stream *stream = fx_open_stream(bob, "", NULL);
    unsigned seen = 0;
    for (int i = 0; i < N; i++) {
        const synctv_event *event = fx_expect(stream, SYNCTV_EVENT_STATE);
        ck_assert_int_eq(event->state->cause, SYNCTV_STATE_CAUSE_SNAPSHOT);
        for (int k = 0; k < N; k++)
            seen |= (unsigned)(strcmp(rooms[k], event->room_id) == 0) << k;
    }
    ck_assert_uint_eq(seen, (1u << N) - 1);
}
END_TEST

START_TEST(a_room_joined_later_is_followed_from_then_on)
{
    const char *other = fx_room(alice, NULL);
    synctv_stream *stream = fx_follow(bob, "");
    fx_join(bob, other);
    expect_snapshot(stream, other);
    fx_say(alice, other, "welcome");
    ck_assert_str_eq(fx_expect(stream, SYNCTV_EVENT_CHAT)->room_id, other);
    const char *own = fx_room(bob, NULL);
    expect_snapshot(stream, own);
}
END_TEST

START_TEST(who_waits_for_approval_hears_nothing_until_then)
{
    const synctv_room_settings approval = { .require_approval = true };
    const char *other = fx_room(alice, &approval);
    synctv_stream *stream = fx_follow(bob, "");
    fx_expect_change(stream, SYNCTV_MEMBER_CHANGE_ONLINE);
    fx_join(bob, other);
    fx_assert_code(fx_end_of(fx_open_stream(bob, other, NULL)), SYNCTV_E_MEMBER_PENDING);
    expect_deaf(stream, other);
    fx_assert_ok(FX_ASK(alice, APPROVE_MEMBER, .room_id = other, .user_id = fx_id(bob)));
    expect_snapshot(stream, other);
}
END_TEST

START_TEST(more_streams_than_usual_all_follow_a_new_room)
{
    enum { N = 100 };
    synctv_stream *streams[N];
    fx_node.limits.streams_per_user = N;
    for (int i = 0; i < N; i++)
        streams[i] = fx_follow(bob, "");
    const char *own = fx_room(bob, NULL);
    for (int i = 0; i < N; i++)
        expect_snapshot(streams[i], own);
}
END_TEST

START_TEST(a_room_left_is_lost_and_the_others_stay)
{
    const char *other = fx_room(alice, NULL);
    fx_join(bob, other);
    synctv_stream *all = fx_follow(bob, ""), *bound = fx_follow(bob, room);
    fx_expect(all, SYNCTV_EVENT_STATE);
    fx_assert_ok(FX_ASK(bob, LEAVE_ROOM, .room_id = room));
    fx_expect_change(all, SYNCTV_MEMBER_CHANGE_LEFT);
    fx_expect_change(bound, SYNCTV_MEMBER_CHANGE_LEFT);
    fx_assert_code(fx_end_of(bound), SYNCTV_E_NOT_A_MEMBER);
    expect_deaf(all, room);
    fx_say(alice, other, "hello");
    fx_expect(all, SYNCTV_EVENT_CHAT);
}
END_TEST

START_TEST(who_is_put_out_is_told_why_and_hears_nothing_more)
{
    static const struct {
        synctv_method method;
        synctv_member_change change;
        int code;
    } ways[] = {
        { SYNCTV_METHOD_KICK_MEMBER, SYNCTV_MEMBER_CHANGE_KICKED, SYNCTV_E_MEMBER_KICKED },
        { SYNCTV_METHOD_BAN_MEMBER, SYNCTV_MEMBER_CHANGE_BANNED, SYNCTV_E_MEMBER_BANNED },
    };
    for (int i = 0; i < 2; i++) {
        const char *place = fx_room(alice, NULL);
        fx_join(bob, place);
        synctv_stream *all = fx_follow(bob, ""), *bound = fx_follow(bob, place);
        fx_assert_ok(fx_ask(alice,
            SYNCTV_REQUEST(ways[i].method, .room_id = place, .user_id = fx_id(bob),
                .reason = "enough")));
        ck_assert_str_eq(fx_expect_change(all, ways[i].change)->reason, "enough");
        ck_assert_str_eq(fx_expect_change(bound, ways[i].change)->member->user_id, fx_id(bob));
        fx_assert_code(fx_end_of(bound), ways[i].code);
        expect_deaf(all, place);
        fx_assert_code(fx_end_of(fx_open_stream(bob, place, NULL)), ways[i].code);
    }
}
END_TEST

START_TEST(a_deleted_room_ends_what_is_bound_to_it)
{
    synctv_stream *all = fx_follow(bob, ""), *bound = fx_follow(bob, room);
    fx_assert_ok(FX_ASK(alice, DELETE_ROOM, .room_id = room));
    const synctv_event *event = fx_expect(bound, SYNCTV_EVENT_ROOM);
    ck_assert(event->deleted);
    ck_assert_str_eq(event->room_id, room);
    ck_assert_str_eq(event->room->id, room);
    ck_assert_str_eq(event->actor_id, fx_id(alice));
    ck_assert_ptr_null(event->room->settings);
    fx_assert_code(fx_end_of(bound), SYNCTV_E_ROOM_NOT_FOUND);
    ck_assert(fx_expect(all, SYNCTV_EVENT_ROOM)->deleted);
    fx_expect_nothing(all);
    fx_assert_code(fx_end_of(fx_open_stream(bob, room, NULL)), SYNCTV_E_ROOM_NOT_FOUND);
    fx_settle();
    synctv_node_stats stats;
    synctv_node_get_stats(&fx_node, &stats);
    ck_assert_uint_eq(stats.rooms_loaded, 0);
    ck_assert_uint_eq(stats.users_online, 0);
}
END_TEST

START_TEST(many_rooms_full_of_danmaku_do_not_overflow_a_new_stream)
{
    enum { N = SV_STREAM_MAX_ROOMS };
    fx_node.limits.rooms_per_user = fx_node.limits.memberships_per_user = 2 * N;
    for (int i = 1; i < N; i++) { /* and alice's */
        const char *busy = fx_room(bob, NULL);
        for (int k = 0; k < 20; k++)
            fx_assert_ok(FX_ASK(bob, SEND_DANMAKU, .room_id = busy, .content = "x"));
    }
    synctv_stream *stream = fx_open_stream(bob, "", NULL);
    fx_settle(); /* it has begun, and nothing was taken yet */
    int n = 0;
    const synctv_event *event;
    int rv;
    while ((rv = synctv_stream_next(stream, 0, &event, NULL)) == 1) {
        n += event->type == SYNCTV_EVENT_STATE;
        synctv_event_unref(event);
    }
    fx_assert_code(rv, 0);
    ck_assert_int_eq(n, N);
}
END_TEST

/* Takes what there is: how many snapshots, and what comes after it. */
static int count_snapshots(synctv_stream *stream, int *ret_rv)
{
    const synctv_event *event;
    int n = 0;
    while ((*ret_rv = synctv_stream_next(stream, 0, &event, &fx_error)) == 1) {
        n += event->type == SYNCTV_EVENT_STATE;
        synctv_event_unref(event);
    }
    return n;
}

START_TEST(a_stream_of_more_than_a_hundred_rooms_says_that_it_cannot_follow_them)
{
    fx_node.limits.rooms_per_user = fx_node.limits.memberships_per_user = 1000;
    for (int i = 0; i < SV_STREAM_MAX_ROOMS; i++) /* and alice's */
        fx_room(bob, NULL);
    synctv_stream *stream = fx_open_stream(bob, "", NULL);
    fx_settle();
    int rv;
    ck_assert_int_eq(count_snapshots(stream, &rv), 0);
    fx_assert_code(rv, SYNCTV_E_ROOM_LIMIT);
    ck_assert_ptr_nonnull(strstr(fx_error.message, "100"));
}
END_TEST

START_TEST(one_room_more_than_a_hundred_ends_a_stream_of_all)
{
    fx_node.limits.rooms_per_user = fx_node.limits.memberships_per_user = 1000;
    for (int i = 1; i < SV_STREAM_MAX_ROOMS; i++) /* and alice's */
        fx_room(bob, NULL);
    synctv_stream *stream = fx_open_stream(bob, "", NULL);
    fx_settle();
    int rv;
    ck_assert_int_eq(count_snapshots(stream, &rv), SV_STREAM_MAX_ROOMS);
    fx_assert_code(rv, 0);

    const char *one_more = fx_room(bob, NULL);
    fx_settle();
    ck_assert_int_eq(count_snapshots(stream, &rv), 0);
    fx_assert_code(rv, SYNCTV_E_ROOM_LIMIT);
    ck_assert_ptr_nonnull(strstr(fx_error.message, "100"));
    ck_assert_str_eq(fx_next(fx_open_stream(bob, one_more, NULL))->room_id, one_more);
}
END_TEST

/* --- danmaku of a moment ago --- */

START_TEST(who_comes_sees_the_danmaku_of_the_last_seconds)
{
    char text[16];
    for (int i = 0; i < 3; i++) {
        snprintf(text, sizeof(text), "old %d", i);
        fx_assert_ok(FX_ASK(bob, SEND_DANMAKU, .room_id = room, .content = text));
    }
    fx_pass_ms(5000);
    for (int i = 0; i < 3; i++) {
        snprintf(text, sizeof(text), "new %d", i);
        fx_assert_ok(FX_ASK(bob, SEND_DANMAKU, .room_id = room, .content = text));
    }
    synctv_stream *stream = fx_follow(alice, room);
    ck_assert_str_eq(fx_next(stream)->danmaku->content, "old 0");
    fx_pass_ms(5100);
    stream = fx_follow(alice, room);
    for (int i = 0; i < 3; i++) {
        snprintf(text, sizeof(text), "new %d", i);
        ck_assert_str_eq(fx_next(stream)->danmaku->content, text);
    }
    fx_expect_nothing(stream);
}
END_TEST

START_TEST(at_most_a_hundred_are_replayed)
{
    char text[16];
    for (int i = 0; i < 130; i++) {
        snprintf(text, sizeof(text), "%d", i);
        fx_assert_ok(FX_ASK(bob, SEND_DANMAKU, .room_id = room, .content = text));
    }
    synctv_stream *stream = fx_follow(alice, room);
    for (int i = 30; i < 130; i++) {
        snprintf(text, sizeof(text), "%d", i);
        ck_assert_str_eq(fx_next(stream)->danmaku->content, text);
    }
    ck_assert_int_eq(fx_next(stream)->type, SYNCTV_EVENT_MEMBER);
    fx_expect_nothing(stream);
}
END_TEST

START_TEST(old_danmaku_leaves_memory_though_nobody_comes)
{
    fx_assert_ok(FX_ASK(bob, SEND_DANMAKU, .room_id = room, .content = "x"));
    fx_pass_ms(10001);
    fx_pass_ms(10001);
    struct sv_room *loaded = sv_room_enter(&fx_node, room);
    ck_assert_uint_eq(loaded->danmaku.n_kept, 0);
    ck_assert_int_eq(loaded->due_ms, 0);
    sv_room_leave(loaded);
}
END_TEST

/* --- guests --- */

static const char *room_for_guests(const char *password)
{
    const synctv_room_settings settings = { .allow_guests = true };
    fx_assert_ok(FX_ASK(alice, CREATE_ROOM, .name = "open house", .settings = &settings,
        .password = password));
    return fx_answer->room->id;
}

START_TEST(a_guest_follows_by_name_only_where_guests_are_allowed)
{
    const char *open = room_for_guests(NULL);
    synctv_stream *all = fx_open_stream(carol, "", NULL);
    synctv_stream *guest = fx_follow(carol, open);
    fx_say(alice, open, "hello");
    fx_expect(guest, SYNCTV_EVENT_CHAT);
    fx_expect_nothing(all);
    fx_assert_code(fx_end_of(fx_open_stream(carol, room, NULL)), SYNCTV_E_NOT_A_MEMBER);
}
END_TEST

START_TEST(a_guest_has_to_know_the_password)
{
    const char *open = room_for_guests("secret");
    fx_assert_code(fx_end_of(fx_open_stream(carol, open, NULL)), SYNCTV_E_ROOM_PASSWORD_WRONG);
    fx_assert_code(fx_end_of(fx_open_stream(carol, open, "guess")), SYNCTV_E_ROOM_PASSWORD_WRONG);
    synctv_stream *guest = fx_open_stream(carol, open, "secret");
    expect_snapshot(guest, open);
    fx_follow(alice, open); /* members need none */
}
END_TEST

START_TEST(guessing_a_rooms_password_takes_from_the_rate_of_hashes)
{
    const char *open = room_for_guests("secret");
    fx_node.limits.hash_per_minute = 1;
    synctv_caller *dave = fx_signed_in("dave");
    fx_assert_code(fx_end_of(fx_open_stream(dave, open, "guess")), SYNCTV_E_ROOM_PASSWORD_WRONG);
    fx_assert_code(fx_end_of(fx_open_stream(dave, open, "secret")), SYNCTV_E_RATE_LIMITED);
    ck_assert_int_gt(fx_error.retry_after_ms, 0);
}
END_TEST

START_TEST(guests_go_when_they_are_no_longer_allowed)
{
    const char *open = room_for_guests(NULL);
    synctv_stream *guest = fx_follow(carol, open), *member = fx_follow(alice, open);
    static const char *const fields[] = { "settings" };
    static const synctv_room_settings closed;
    fx_assert_ok(FX_ASK(alice, UPDATE_ROOM, .room_id = open, .fields = fields, .n_fields = 1,
        .settings = &closed));
    fx_assert_code(fx_end_of(guest), SYNCTV_E_NOT_A_MEMBER);
    fx_say(alice, open, "just us");
    fx_expect(member, SYNCTV_EVENT_CHAT);
}
END_TEST

START_TEST(a_new_password_puts_guests_out)
{
    const char *open = room_for_guests("secret");
    synctv_stream *guest = fx_open_stream(carol, open, "secret"), *member = fx_follow(alice, open);
    expect_snapshot(guest, open);
    fx_assert_ok(FX_ASK(alice, UPDATE_ROOM, .room_id = open, .has_password = true,
        .password = "another"));
    fx_assert_code(fx_end_of(guest), SYNCTV_E_ROOM_PASSWORD_WRONG);
    fx_assert_code(fx_end_of(fx_open_stream(carol, open, "secret")), SYNCTV_E_ROOM_PASSWORD_WRONG);
    guest = fx_open_stream(carol, open, "another");
    expect_snapshot(guest, open);
    fx_assert_ok(FX_ASK(alice, UPDATE_ROOM, .room_id = open, .has_password = true, .password = ""));
    fx_say(alice, open, "come in");
    fx_expect(guest, SYNCTV_EVENT_CHAT);
    fx_expect(member, SYNCTV_EVENT_CHAT);
}
END_TEST

START_TEST(a_guest_is_told_of_the_room_without_its_settings)
{
    const char *open = room_for_guests(NULL);
    synctv_stream *guest = fx_follow(carol, open), *member = fx_follow(alice, open);
    fx_pass_ms(2000); /* the number of those online has been told */
    fx_got(guest, SYNCTV_EVENT_ROOM);
    fx_got(member, SYNCTV_EVENT_ROOM);
    static const char *const fields[] = { "name" };
    fx_assert_ok(FX_ASK(alice, UPDATE_ROOM, .room_id = open, .fields = fields, .n_fields = 1,
        .name = "new name"));
    const synctv_event *event = fx_expect(guest, SYNCTV_EVENT_ROOM);
    ck_assert_ptr_null(event->room->settings);
    ck_assert_str_eq(event->room->name, "new name");
    ck_assert_ptr_nonnull(fx_expect(member, SYNCTV_EVENT_ROOM)->room->settings);
    fx_expect_nothing(guest);
    fx_expect_nothing(member);
}
END_TEST

START_TEST(a_guest_sees_no_playlist_and_no_members_without_the_bit)
{
    const char *open = room_for_guests(NULL);
    synctv_stream *guest = fx_follow(carol, open);
    fx_movie(alice, open, "x", 0);
    fx_join(bob, open);
    fx_say(alice, open, "x");
    fx_expect(guest, SYNCTV_EVENT_MOVIES); /* VIEW_PLAYLIST is the guests' default mask */
    ck_assert_int_eq(fx_next(guest)->type, SYNCTV_EVENT_CHAT);
}
END_TEST

START_TEST(a_guest_who_joins_stays_on_the_stream_as_a_member)
{
    const char *open = room_for_guests(NULL);
    synctv_stream *guest = fx_follow(carol, open);
    fx_join(carol, open);
    const synctv_event *joined = fx_expect_change(guest, SYNCTV_MEMBER_CHANGE_JOINED);
    ck_assert(joined->member->online);
    static const char *const fields[] = { "settings" };
    static const synctv_room_settings closed;
    fx_assert_ok(FX_ASK(alice, UPDATE_ROOM, .room_id = open, .fields = fields, .n_fields = 1,
        .settings = &closed));
    fx_say(alice, open, "still here");
    fx_expect(guest, SYNCTV_EVENT_CHAT);
}
END_TEST

/* --- the system's --- */

START_TEST(an_observer_sees_what_happens_in_every_room)
{
    synctv_stream *observer = fx_open_stream(fx_system(), "", NULL);
    synctv_stream *bound = fx_follow(fx_system(), room);
    const char *other = fx_room(bob, NULL);
    const char *movie = fx_movie(bob, other, "x", 10);
    ck_assert_str_eq(fx_expect(observer, SYNCTV_EVENT_MOVIES)->room_id, other);
    fx_assert_ok(FX_ASK(bob, SET_CURRENT_MOVIE, .room_id = other, .movie_id = movie));
    ck_assert_str_eq(fx_expect(observer, SYNCTV_EVENT_STATE)->room_id, other);
    fx_join(carol, room);
    ck_assert_str_eq(fx_expect(observer, SYNCTV_EVENT_MEMBER)->room_id, room);
    fx_expect(bound, SYNCTV_EVENT_MEMBER);
    fx_assert_ok(FX_ASK(bob, DELETE_ROOM, .room_id = other));
    const synctv_event *event = fx_expect(observer, SYNCTV_EVENT_ROOM);
    ck_assert(event->deleted);
    fx_expect_nothing(bound);
}
END_TEST

START_TEST(an_observer_sees_what_happens_where_nobody_is)
{
    const char *others[] = { fx_room(bob, NULL), fx_room(bob, NULL), fx_room(bob, NULL) };
    fx_forget_rooms();
    synctv_stream *observer = fx_open_stream(fx_system(), "", NULL);
    fx_say(bob, others[0], "anybody?");
    ck_assert_str_eq(fx_expect(observer, SYNCTV_EVENT_CHAT)->room_id, others[0]);
    fx_movie(bob, others[1], "x", 0);
    ck_assert_str_eq(fx_expect(observer, SYNCTV_EVENT_MOVIES)->room_id, others[1]);
    fx_assert_ok(FX_ASK(bob, DELETE_ROOM, .room_id = others[2]));
    ck_assert_str_eq(fx_expect(observer, SYNCTV_EVENT_ROOM)->room_id, others[2]);
    fx_assert_ok(FX_ASK(alice, KICK_MEMBER, .room_id = room, .user_id = fx_id(bob)));
    ck_assert_str_eq(fx_expect(observer, SYNCTV_EVENT_MEMBER)->room_id, room);
    fx_assert_code(FX_ASK(bob, SEND_CHAT, .room_id = others[2], .content = "x"),
        SYNCTV_E_ROOM_NOT_FOUND);
}
END_TEST

START_TEST(an_observer_changes_nothing_for_calls_that_concern_no_room)
{
    const char *const nowhere = "AAAAAAAAAAAA";
    fx_open_stream(fx_system(), "", NULL);
    fx_assert_ok(FX_ASK(bob, CREATE_ROOM, .name = "new", .room_id = nowhere));
    fx_assert_ok(FX_ASK(fx_system(), SET_USER_STATUS, .user_id = fx_id(bob),
        .user_status = SYNCTV_USER_STATUS_PENDING, .room_id = nowhere));
    fx_assert_ok(FX_ASK(fx_system(), REGISTER, .username = "new", .password = "a password",
        .room_id = nowhere));
}
END_TEST

START_TEST(an_observer_is_nobody_in_the_room)
{
    fx_open_stream(fx_system(), "", NULL);
    fx_follow(fx_system(), room);
    fx_assert_ok(FX_ASK(alice, GET_ROOM_INFO, .room_id = room));
    ck_assert_int_eq(fx_answer->room->online_count, 0);
}
END_TEST

START_TEST(a_slow_observer_is_cut_and_no_longer_counts)
{
    synctv_stream *observer = fx_open_stream(fx_system(), "", NULL);
    fx_node.limits.room_danmaku_per_second = 0;
    for (int i = 0; i <= SV_STREAM_MAX_EVENTS; i++)
        fx_assert_ok(FX_ASK(bob, SEND_DANMAKU, .room_id = room, .content = "x"));
    fx_assert_code(fx_end_of(observer), SYNCTV_E_SLOW_CONSUMER);
}
END_TEST

static Suite *stream_rooms(void)
{
    Suite *s = suite_create("stream_rooms");
    TCase *t = tcase_create("stream_rooms");
    tcase_add_checked_fixture(t, people, fx_close);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, an_admin_no_more_loses_the_rooms_of_others);
    tcase_add_test(t, an_admin_who_waits_for_approval_loses_the_rooms_of_others);
    tcase_add_test(t, an_admin_no_more_stays_as_a_guest_where_guests_are_allowed);
    tcase_add_test(t, a_stream_of_all_rooms_begins_with_a_snapshot_of_each);
    tcase_add_test(t, a_room_joined_later_is_followed_from_then_on);
    tcase_add_test(t, who_waits_for_approval_hears_nothing_until_then);
    tcase_add_test(t, more_streams_than_usual_all_follow_a_new_room);
    tcase_add_test(t, a_room_left_is_lost_and_the_others_stay);
    tcase_add_test(t, who_is_put_out_is_told_why_and_hears_nothing_more);
    tcase_add_test(t, a_deleted_room_ends_what_is_bound_to_it);
    tcase_add_test(t, many_rooms_full_of_danmaku_do_not_overflow_a_new_stream);
    tcase_add_test(t, a_stream_of_more_than_a_hundred_rooms_says_that_it_cannot_follow_them);
    tcase_add_test(t, one_room_more_than_a_hundred_ends_a_stream_of_all);
    tcase_add_test(t, who_comes_sees_the_danmaku_of_the_last_seconds);
    tcase_add_test(t, at_most_a_hundred_are_replayed);
    tcase_add_test(t, old_danmaku_leaves_memory_though_nobody_comes);
    tcase_add_test(t, a_guest_follows_by_name_only_where_guests_are_allowed);
    tcase_add_test(t, a_guest_has_to_know_the_password);
    tcase_add_test(t, guessing_a_rooms_password_takes_from_the_rate_of_hashes);
    tcase_add_test(t, guests_go_when_they_are_no_longer_allowed);
    tcase_add_test(t, a_new_password_puts_guests_out);
    tcase_add_test(t, a_guest_is_told_of_the_room_without_its_settings);
    tcase_add_test(t, a_guest_sees_no_playlist_and_no_members_without_the_bit);
    tcase_add_test(t, a_guest_who_joins_stays_on_the_stream_as_a_member);
    tcase_add_test(t, an_observer_sees_what_happens_in_every_room);
    tcase_add_test(t, an_observer_sees_what_happens_where_nobody_is);
    tcase_add_test(t, an_observer_changes_nothing_for_calls_that_concern_no_room);
    tcase_add_test(t, an_observer_is_nobody_in_the_room);
    tcase_add_test(t, a_slow_observer_is_cut_and_no_longer_counts);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *r = srunner_create(stream_rooms());
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
