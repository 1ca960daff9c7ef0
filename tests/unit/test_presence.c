/* SPDX-License-Identifier: MIT */
/* Who is online, and what is told of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/rooms/room.h"
#include "support/node_fixture.h"

static synctv_caller *alice, *bob, *carol;
static synctv_stream *watcher; /* alice's */
static const char *room;

static void people(void)
{
    static const synctv_room_settings settings = { .allow_guests = true, .max_members = 300 };
    fx_open();
    alice = fx_user("alice");
    bob = fx_user("bob");
    carol = fx_user("carol");
    room = fx_room(alice, &settings);
    fx_join(bob, room);
    watcher = fx_follow(alice, room);
    fx_expect_change(watcher, SYNCTV_MEMBER_CHANGE_ONLINE);
}

static synctv_stream *open_own(synctv_caller *caller)
{
    const synctv_stream_options options = SYNCTV_STREAM_OPTIONS(.room_id = room);
    synctv_stream *stream = NULL;
    fx_assert_ok(synctv_stream_open(caller, &options, &stream, &fx_error));
    return stream;
}

static int32_t online_count(void)
{
    fx_assert_ok(FX_ASK(alice, GET_ROOM_INFO, .room_id = room));
    return fx_answer->room->online_count;
}

static bool is_online(synctv_caller *who)
{
    fx_assert_ok(FX_ASK(alice, LIST_MEMBERS, .room_id = room, .page_size = 100));
    for (size_t i = 0; i < fx_answer->n_members; i++) {
        if (strcmp(fx_answer->members[i].user_id, fx_id(who)) == 0)
            return fx_answer->members[i].online;
    }
    ck_abort_msg("nobody of that name");
    return false;
}

static unsigned users_online(void)
{
    synctv_node_stats stats;
    synctv_node_get_stats(&fx_node, &stats);
    return stats.users_online;
}

START_TEST(the_first_stream_of_a_member_brings_them_online)
{
    ck_assert(!is_online(bob));
    synctv_stream *first = open_own(bob);
    const synctv_event *online = fx_next(watcher);
    ck_assert_int_eq(online->change, SYNCTV_MEMBER_CHANGE_ONLINE);
    ck_assert_str_eq(online->member->user_id, fx_id(bob));
    ck_assert(online->member->online);
    ck_assert(is_online(bob));
    ck_assert_int_eq(online_count(), 2);
    ck_assert_uint_eq(users_online(), 2);

    synctv_stream *second = open_own(bob);
    fx_expect_nothing(watcher);
    synctv_stream_close(first);
    fx_pass_ms(11000);
    ck_assert(!fx_got(watcher, SYNCTV_EVENT_MEMBER));
    ck_assert(is_online(bob));
    synctv_stream_close(second);
}
END_TEST

START_TEST(who_is_gone_for_ten_seconds_goes_offline)
{
    synctv_stream_close(open_own(bob));
    fx_expect_change(watcher, SYNCTV_MEMBER_CHANGE_ONLINE);
    fx_pass_ms(5000);
    fx_expect_nothing(watcher);
    ck_assert(is_online(bob));
    fx_pass_ms(5100);
    const synctv_event *offline = fx_next(watcher);
    ck_assert_int_eq(offline->change, SYNCTV_MEMBER_CHANGE_OFFLINE);
    ck_assert_str_eq(offline->member->user_id, fx_id(bob));
    ck_assert(!offline->member->online);
    ck_assert(!is_online(bob));
    ck_assert_int_eq(online_count(), 1);
    ck_assert_uint_eq(users_online(), 1);
}
END_TEST

START_TEST(a_reconnect_announces_nothing)
{
    synctv_stream *stream = open_own(bob);
    fx_expect_change(watcher, SYNCTV_MEMBER_CHANGE_ONLINE);
    for (int i = 0; i < 3; i++) {
        synctv_stream_close(stream);
        fx_pass_ms(5000);
        stream = open_own(bob);
        fx_pass_ms(5100);
    }
    fx_expect_nothing(watcher);
    synctv_stream_close(stream);
}
END_TEST

START_TEST(several_go_offline_each_in_their_time)
{
    fx_join(carol, room);
    fx_expect_change(watcher, SYNCTV_MEMBER_CHANGE_JOINED);
    synctv_stream *first = open_own(bob), *second = open_own(carol);
    fx_got(watcher, SYNCTV_EVENT_MEMBER);
    synctv_stream_close(first);
    fx_pass_ms(5000);
    synctv_stream_close(second);
    fx_pass_ms(5100);
    ck_assert_str_eq(fx_next(watcher)->member->user_id, fx_id(bob));
    fx_expect_nothing(watcher);
    fx_pass_ms(5000);
    ck_assert_str_eq(fx_next(watcher)->member->user_id, fx_id(carol));
    fx_expect_nothing(watcher);
}
END_TEST

START_TEST(who_is_online_comes_first_in_a_list)
{
    /* Who joins in one millisecond has no order, and a clock that loses time shows some twice. */
    fx_pass_ms(10);
    for (int i = 0; i < 5; i++) {
        char name[16];
        snprintf(name, sizeof(name), "user%d", i);
        fx_join(fx_user(name), room);
    }
    synctv_stream *stream = open_own(fx_user("user4"));
    fx_assert_ok(FX_ASK(alice, GET_ROOM_INFO, .room_id = room));
    ck_assert_str_eq(fx_answer->members[0].username, "alice");
    ck_assert_str_eq(fx_answer->members[1].username, "user4");
    ck_assert(!fx_answer->members[2].online);
    synctv_stream_close(stream);
}
END_TEST

START_TEST(guests_are_only_counted)
{
    synctv_stream *guest = open_own(carol);
    fx_pass_ms(1100);
    const synctv_event *event = fx_next(watcher);
    ck_assert_int_eq(event->type, SYNCTV_EVENT_ROOM);
    ck_assert_int_eq(event->room->online_count, 2);
    ck_assert_int_eq(event->room->member_count, 2);
    fx_expect_nothing(watcher);
    fx_assert_ok(FX_ASK(alice, GET_ROOM_INFO, .room_id = room));
    ck_assert_uint_eq(fx_answer->n_members, 2);

    synctv_stream_close(guest);
    fx_pass_ms(10100);
    fx_pass_ms(1100);
    event = fx_next(watcher);
    ck_assert_int_eq(event->type, SYNCTV_EVENT_ROOM);
    ck_assert_int_eq(event->room->online_count, 1);
    fx_expect_nothing(watcher);
    struct sv_room *loaded = sv_room_enter(&fx_node, room);
    ck_assert_ptr_null(sv_roster_get(&loaded->roster, fx_id(carol)));
    sv_room_leave(loaded);
}
END_TEST

START_TEST(who_leaves_or_is_put_out_is_no_longer_online)
{
    synctv_stream *stream = open_own(bob);
    ck_assert_int_eq(online_count(), 2);
    fx_assert_ok(FX_ASK(alice, KICK_MEMBER, .room_id = room, .user_id = fx_id(bob)));
    ck_assert_int_eq(online_count(), 1);
    ck_assert_uint_eq(users_online(), 1);
    synctv_stream_close(stream);
    fx_pass_ms(11000);
    fx_got(watcher, SYNCTV_EVENT_MEMBER);
    fx_pass_ms(30000);
    fx_join(bob, room);
    ck_assert(!fx_expect_change(watcher, SYNCTV_MEMBER_CHANGE_JOINED)->member->online);

    stream = open_own(bob);
    fx_expect_change(watcher, SYNCTV_MEMBER_CHANGE_ONLINE);
    fx_assert_ok(FX_ASK(bob, LEAVE_ROOM, .room_id = room));
    ck_assert_int_eq(online_count(), 1);
    fx_expect_change(watcher, SYNCTV_MEMBER_CHANGE_LEFT);
    fx_pass_ms(11000);
    ck_assert(!fx_got_change(watcher, SYNCTV_MEMBER_CHANGE_OFFLINE));
    synctv_stream_close(stream);
}
END_TEST

START_TEST(rows_of_those_who_were_kicked_do_not_pile_up)
{
    for (int i = 0; i < 20; i++) {
        char name[16];
        snprintf(name, sizeof(name), "user%d", i);
        synctv_caller *user = fx_user(name);
        fx_join(user, room);
        fx_assert_ok(FX_ASK(alice, KICK_MEMBER, .room_id = room, .user_id = fx_id(user)));
        fx_pass_ms(31000);
    }
    size_t n = 0;
    struct sv_room *loaded = sv_room_enter(&fx_node, room);
    for (struct sv_roster_entry *e = sv_roster_first(&loaded->roster); e != NULL;
         e = sv_roster_next(e))
        n++;
    sv_room_leave(loaded);
    ck_assert_uint_eq(n, 3); /* alice, bob and the last one */
}
END_TEST

/* --- many --- */

static synctv_stream *crowd[150];

static void come(int from, int to)
{
    for (int i = from; i < to; i++) {
        char name[16];
        snprintf(name, sizeof(name), "user%d", i);
        synctv_caller *user = fx_user(name);
        fx_join(user, room);
        crowd[i] = open_own(user);
    }
}

static void go(int from, int to)
{
    for (int i = from; i < to; i++)
        synctv_stream_close(crowd[i]);
}

START_TEST(of_a_crowd_only_the_number_is_told_once_a_second)
{
    come(0, 98);
    fx_got(watcher, SYNCTV_EVENT_MEMBER);
    come(98, 99); /* the 100th */
    fx_expect_change(watcher, SYNCTV_MEMBER_CHANGE_ONLINE);
    fx_pass_ms(1100);
    fx_got(watcher, SYNCTV_EVENT_ROOM);

    come(99, 130);
    fx_pass_ms(1100);
    int n_rooms = 0;
    int32_t last = 0;
    const synctv_event *event;
    while (synctv_stream_next(watcher, 0, &event, NULL) == 1) {
        ck_assert(event->type != SYNCTV_EVENT_MEMBER ||
            event->change == SYNCTV_MEMBER_CHANGE_JOINED);
        if (event->type == SYNCTV_EVENT_ROOM) {
            n_rooms++;
            last = event->room->online_count;
        }
        synctv_event_unref(event);
    }
    ck_assert_int_eq(n_rooms, 1);
    ck_assert_int_eq(last, 131);
    come(130, 131);
    struct sv_room *loaded = sv_room_enter(&fx_node, room);
    ck_assert_int_ge(loaded->online_tell_ms, loaded->online_told_ms + 1000);
    sv_room_leave(loaded);
    go(130, 131);
    fx_pass_ms(1100);
    ck_assert_int_eq(fx_expect(watcher, SYNCTV_EVENT_ROOM)->room->online_count, 132);
    fx_pass_ms(1100);
    fx_expect_nothing(watcher);

    go(100, 130);
    fx_pass_ms(10100);
    fx_pass_ms(1100);
    ck_assert_int_eq(fx_expect(watcher, SYNCTV_EVENT_ROOM)->room->online_count, 101);
    fx_expect_nothing(watcher);
    go(0, 100);
    fx_pass_ms(10100);
    fx_expect_change(watcher, SYNCTV_MEMBER_CHANGE_OFFLINE);
    ck_assert_int_eq(online_count(), 1);
}
END_TEST

START_TEST(a_member_who_leaves_a_crowd_changes_the_number)
{
    come(0, 110);
    fx_pass_ms(1100);
    fx_pass_ms(1100);
    fx_got(watcher, SYNCTV_EVENT_ROOM);
    fx_assert_ok(FX_ASK(fx_user("user7"), LEAVE_ROOM, .room_id = room));
    fx_pass_ms(1100);
    ck_assert_int_eq(fx_expect(watcher, SYNCTV_EVENT_ROOM)->room->online_count, 110);
    go(0, 110);
}
END_TEST

static Suite *presence(void)
{
    Suite *s = suite_create("presence");
    TCase *t = tcase_create("presence");
    tcase_add_checked_fixture(t, people, fx_close);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, the_first_stream_of_a_member_brings_them_online);
    tcase_add_test(t, who_is_gone_for_ten_seconds_goes_offline);
    tcase_add_test(t, a_reconnect_announces_nothing);
    tcase_add_test(t, several_go_offline_each_in_their_time);
    tcase_add_test(t, who_is_online_comes_first_in_a_list);
    tcase_add_test(t, guests_are_only_counted);
    tcase_add_test(t, who_leaves_or_is_put_out_is_no_longer_online);
    tcase_add_test(t, rows_of_those_who_were_kicked_do_not_pile_up);
    tcase_add_test(t, of_a_crowd_only_the_number_is_told_once_a_second);
    tcase_add_test(t, a_member_who_leaves_a_crowd_changes_the_number);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *r = srunner_create(presence());
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
