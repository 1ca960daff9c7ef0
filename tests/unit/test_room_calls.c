/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "support/node_fixture.h"

static synctv_caller *alice, *bob, *carol;

static void people(void)
{
    fx_open();
    alice = fx_user("alice");
    bob = fx_user("bob");
    carol = fx_user("carol");
}

/* --- CreateRoom --- */

START_TEST(a_new_room_is_what_was_asked_for)
{
    const synctv_room_settings settings = {
        .hidden = true,
        .max_members = 7,
        .guest_permissions = SYNCTV_PERM_VIEW_PLAYLIST,
        .auto_advance = SYNCTV_AUTO_ADVANCE_SHUFFLE,
    };
    fx_assert_ok(FX_ASK(alice, CREATE_ROOM, .name = "Movie night", .description = "Fridays",
        .settings = &settings));
    const synctv_room *room = fx_answer->room;
    ck_assert_uint_eq(strlen(room->id), SYNCTV_ID_LEN);
    ck_assert_str_eq(room->name, "Movie night");
    ck_assert_str_eq(room->description, "Fridays");
    ck_assert_str_eq(room->creator_id, fx_id(alice));
    ck_assert(!room->has_password);
    ck_assert_int_eq(room->member_count, 1);
    ck_assert_int_eq(memcmp(room->settings, &settings, sizeof(settings)), 0);

    fx_assert_ok(FX_ASK(alice, GET_ROOM_INFO, .room_id = room->id));
    ck_assert_str_eq(fx_answer->room->name, "Movie night");
    ck_assert_uint_eq(fx_answer->room->revision, room->revision);
    ck_assert_uint_eq(fx_answer->n_members, 1);
    ck_assert_int_eq(fx_answer->members[0].role, SYNCTV_ROOM_ROLE_CREATOR);
    ck_assert_uint_eq(fx_answer->members[0].permissions, SYNCTV_PERM_ALL);
    ck_assert_str_eq(fx_answer->state->movie_id, "");
    fx_check_memory(room->id);
}
END_TEST

START_TEST(bad_fields_of_a_new_room_are_named)
{
    fx_assert_field(FX_ASK(alice, CREATE_ROOM, .name = ""), "name");
    fx_assert_field(FX_ASK(alice, CREATE_ROOM, .name = "x", .description = "\x01"), "description");
    char password[66];
    memset(password, 'x', 65);
    password[65] = '\0';
    fx_assert_field(FX_ASK(alice, CREATE_ROOM, .name = "x", .password = password), "password");
    const synctv_room_settings unknown_bit = { .guest_permissions = UINT64_C(1) << 63 };
    fx_assert_field(FX_ASK(alice, CREATE_ROOM, .name = "x", .settings = &unknown_bit),
        "settings.guest_permissions");
}
END_TEST

START_TEST(nobody_creates_too_many_rooms)
{
    for (int i = 0; i < 10; i++)
        fx_room(alice, NULL);
    fx_assert_code(FX_ASK(alice, CREATE_ROOM, .name = "x"), SYNCTV_E_ROOM_LIMIT);
    fx_room(bob, NULL);
}
END_TEST

START_TEST(a_room_counts_among_those_one_is_in)
{
    fx_node.limits.memberships_per_user = 1;
    const char *room = fx_room(alice, NULL);
    fx_assert_code(FX_ASK(alice, CREATE_ROOM, .name = "x"), SYNCTV_E_ROOM_LIMIT);
    fx_room(bob, NULL);
    fx_assert_code(FX_ASK(bob, JOIN_ROOM, .room_id = room), SYNCTV_E_ROOM_LIMIT);
}
END_TEST

START_TEST(the_system_owns_no_room)
{
    fx_assert_code(FX_ASK(fx_system(), CREATE_ROOM, .name = "x"), SYNCTV_E_PERMISSION_DENIED);
}
END_TEST

START_TEST(a_new_room_is_followed_by_its_creators_streams)
{
    fx_room(alice, NULL);
    synctv_stream *all = fx_follow(alice, "");
    const char *room = fx_room(alice, NULL);
    const synctv_event *event = fx_expect(all, SYNCTV_EVENT_STATE);
    ck_assert_str_eq(event->room_id, room);
    ck_assert_int_eq(event->state->cause, SYNCTV_STATE_CAUSE_SNAPSHOT);
}
END_TEST

START_TEST(rooms_with_a_password_take_from_the_rate_of_hashes)
{
    fx_node.limits.hash_per_minute = 1;
    synctv_caller *dave = fx_signed_in("dave");
    fx_assert_ok(FX_ASK(dave, CREATE_ROOM, .name = "x", .password = "secret"));
    ck_assert(fx_answer->room->has_password);
    fx_assert_code(FX_ASK(dave, CREATE_ROOM, .name = "x", .password = "secret"),
        SYNCTV_E_RATE_LIMITED);
    ck_assert_int_gt(fx_error.retry_after_ms, 0);
    fx_assert_ok(FX_ASK(dave, CREATE_ROOM, .name = "x"));
}
END_TEST

START_TEST(calls_have_a_rate)
{
    fx_node.limits.calls_per_second = 1;
    synctv_caller *dave = fx_signed_in("dave");
    int rv = 0;
    for (int i = 0; i < 10 && rv == 0; i++)
        rv = FX_ASK(dave, LIST_ROOMS);
    fx_assert_code(rv, SYNCTV_E_RATE_LIMITED);
    fx_assert_ok(FX_ASK(alice, LIST_ROOMS));
}
END_TEST

/* --- LeaveRoom --- */

START_TEST(who_leaves_is_gone_and_told_so)
{
    const char *room = fx_room(alice, NULL);
    fx_join(bob, room);
    synctv_stream *alices = fx_follow(alice, room), *bobs = fx_follow(bob, room);
    synctv_stream *bobs_all = fx_follow(bob, "");
    fx_assert_ok(FX_ASK(bob, LEAVE_ROOM, .room_id = room));
    const synctv_event *event = fx_expect_change(alices, SYNCTV_MEMBER_CHANGE_LEFT);
    ck_assert_str_eq(event->member->user_id, fx_id(bob));
    ck_assert_str_eq(event->member->username, "bob");
    ck_assert_int_eq(event->member->status, SYNCTV_MEMBER_STATUS_UNSPECIFIED);
    fx_assert_code(fx_end_of(bobs), SYNCTV_E_NOT_A_MEMBER);
    fx_expect_change(bobs_all, SYNCTV_MEMBER_CHANGE_LEFT);
    fx_check_memory(room);

    fx_assert_code(FX_ASK(bob, LEAVE_ROOM, .room_id = room), SYNCTV_E_NOT_A_MEMBER);
    fx_say(alice, room, "bye");
    ck_assert(!fx_got(bobs_all, SYNCTV_EVENT_CHAT));
    fx_assert_ok(FX_ASK(alice, GET_ROOM_INFO, .room_id = room));
    ck_assert_int_eq(fx_answer->room->member_count, 1);
    ck_assert_int_eq(fx_answer->room->online_count, 1);
}
END_TEST

START_TEST(the_creator_cannot_leave)
{
    const char *room = fx_room(alice, NULL);
    fx_assert_code(FX_ASK(alice, LEAVE_ROOM, .room_id = room), SYNCTV_E_CREATOR_CANNOT_LEAVE);
}
END_TEST

START_TEST(leaving_erases_no_ban)
{
    const char *room = fx_room(alice, NULL);
    fx_join(bob, room);
    fx_assert_ok(FX_ASK(alice, BAN_MEMBER, .room_id = room, .user_id = fx_id(bob)));
    fx_assert_code(FX_ASK(bob, LEAVE_ROOM, .room_id = room), SYNCTV_E_MEMBER_BANNED);
    fx_assert_code(FX_ASK(bob, JOIN_ROOM, .room_id = room), SYNCTV_E_MEMBER_BANNED);
}
END_TEST

START_TEST(who_waits_may_leave)
{
    const synctv_room_settings approval = { .require_approval = true };
    const char *room = fx_room(alice, &approval);
    fx_join(bob, room);
    fx_assert_ok(FX_ASK(bob, LEAVE_ROOM, .room_id = room));
    fx_assert_code(FX_ASK(alice, APPROVE_MEMBER, .room_id = room, .user_id = fx_id(bob)),
        SYNCTV_E_MEMBER_NOT_FOUND);
    fx_check_memory(room);
}
END_TEST

START_TEST(a_room_that_is_not_in_memory_can_be_left)
{
    const char *room = fx_room(alice, NULL);
    fx_join(bob, room);
    fx_forget_rooms();
    fx_assert_ok(FX_ASK(bob, LEAVE_ROOM, .room_id = room));
    fx_assert_ok(FX_ASK(alice, GET_ROOM_INFO, .room_id = room));
    ck_assert_uint_eq(fx_answer->n_members, 1);
}
END_TEST

/* --- GetRoomInfo --- */

START_TEST(who_is_outside_sees_the_public_face_only)
{
    const synctv_room_settings approval = { .require_approval = true, .hidden = true };
    const char *room = fx_room(alice, &approval);
    fx_join(bob, room);
    synctv_caller *outside[] = { bob, carol }; /* pending, and not at all in */
    for (size_t i = 0; i < 2; i++) {
        fx_assert_ok(FX_ASK(outside[i], GET_ROOM_INFO, .room_id = room));
        ck_assert_str_eq(fx_answer->room->name, "room");
        ck_assert_int_eq(fx_answer->room->member_count, 2);
        ck_assert_ptr_null(fx_answer->room->settings);
        ck_assert_ptr_null(fx_answer->state);
        ck_assert_uint_eq(fx_answer->n_members, 0);
    }
    fx_assert_ok(FX_ASK(fx_system(), GET_ROOM_INFO, .room_id = room));
    ck_assert_ptr_nonnull(fx_answer->room->settings);
    ck_assert_ptr_nonnull(fx_answer->state);
    ck_assert_uint_eq(fx_answer->n_members, 1);
}
END_TEST

START_TEST(a_guest_sees_what_the_guest_mask_allows)
{
    synctv_room_settings settings = { .allow_guests = true };
    const char *room = fx_room(alice, &settings);
    fx_assert_ok(FX_ASK(bob, GET_ROOM_INFO, .room_id = room));
    ck_assert_ptr_null(fx_answer->room->settings);
    ck_assert_ptr_nonnull(fx_answer->state);
    ck_assert_uint_eq(fx_answer->n_members, 0);

    settings.guest_permissions = SYNCTV_PERM_VIEW_MEMBER_LIST;
    static const char *const fields[] = { "settings" };
    fx_assert_ok(FX_ASK(alice, UPDATE_ROOM, .room_id = room, .settings = &settings,
        .fields = fields, .n_fields = 1));
    fx_assert_ok(FX_ASK(bob, GET_ROOM_INFO, .room_id = room));
    ck_assert_uint_eq(fx_answer->n_members, 1);
    fx_assert_code(FX_ASK(bob, GET_MOVIE_LIST, .room_id = room), SYNCTV_E_PERMISSION_DENIED);
}
END_TEST

START_TEST(a_guest_of_a_room_with_a_password_has_to_know_it)
{
    const synctv_room_settings settings = { .allow_guests = true };
    fx_assert_ok(FX_ASK(alice, CREATE_ROOM, .name = "x", .password = "secret",
        .settings = &settings));
    const char *room = fx_answer->room->id;
    fx_assert_ok(FX_ASK(bob, GET_ROOM_INFO, .room_id = room));
    ck_assert_ptr_null(fx_answer->state);
    fx_assert_code(FX_ASK(bob, GET_MOVIE_LIST, .room_id = room), SYNCTV_E_NOT_A_MEMBER);

    synctv_stream *refused = fx_open_stream(bob, room, "guess");
    fx_assert_code(fx_end_of(refused), SYNCTV_E_ROOM_PASSWORD_WRONG);
    synctv_stream *stream = fx_open_stream(bob, room, "secret");
    fx_expect(stream, SYNCTV_EVENT_STATE);
    fx_assert_ok(FX_ASK(bob, GET_MOVIE_LIST, .room_id = room));
    fx_assert_ok(FX_ASK(bob, GET_ROOM_INFO, .room_id = room));
    ck_assert_ptr_nonnull(fx_answer->state);
    ck_assert_int_eq(fx_answer->room->online_count, 1);
    ck_assert_int_eq(fx_answer->room->member_count, 1);
}
END_TEST

START_TEST(a_room_that_does_not_exist_is_not_found)
{
    fx_assert_code(FX_ASK(alice, GET_ROOM_INFO, .room_id = "AAAAAAAAAAAA"),
        SYNCTV_E_ROOM_NOT_FOUND);
    fx_assert_code(FX_ASK(alice, JOIN_ROOM, .room_id = "AAAAAAAAAAAA"), SYNCTV_E_ROOM_NOT_FOUND);
    fx_assert_code(FX_ASK(alice, LEAVE_ROOM, .room_id = "AAAAAAAAAAAA"), SYNCTV_E_ROOM_NOT_FOUND);
    fx_assert_field(FX_ASK(alice, GET_ROOM_INFO, .room_id = "../etc"), "room_id");
    fx_assert_field(FX_ASK(alice, GET_ROOM_INFO), "room_id");
}
END_TEST

/* --- ListRooms --- */

/* Each in a millisecond of its own, as their age orders the list. */
static void create_named(synctv_caller *caller, const char *name, bool hidden)
{
    nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
    const synctv_room_settings settings = { .hidden = hidden };
    fx_assert_ok(FX_ASK(caller, CREATE_ROOM, .name = name, .settings = &settings));
}

/* The names in the answer, in order. */
static const char *names(void)
{
    static char text[1024];
    text[0] = '\0';
    for (size_t i = 0; i < fx_answer->n_rooms; i++) {
        strcat(text, i == 0 ? "" : " ");
        strcat(text, fx_answer->rooms[i].name);
    }
    return text;
}

START_TEST(rooms_are_listed_newest_first_in_pages)
{
    for (int i = 0; i < 5; i++) {
        char name[] = { (char)('a' + i), '\0' };
        create_named(alice, name, false);
    }
    fx_assert_ok(FX_ASK(bob, LIST_ROOMS, .page_size = 2));
    ck_assert_str_eq(names(), "e d");
    fx_assert_ok(FX_ASK(bob, LIST_ROOMS, .page_size = 2, .page_token = fx_answer->next_page_token));
    ck_assert_str_eq(names(), "c b");
    fx_assert_ok(FX_ASK(bob, LIST_ROOMS, .page_size = 2, .page_token = fx_answer->next_page_token));
    ck_assert_str_eq(names(), "a");
    ck_assert_str_eq(fx_answer->next_page_token, "");
    fx_assert_field(FX_ASK(bob, LIST_ROOMS, .page_token = "nonsense"), "page_token");
    fx_assert_field(FX_ASK(bob, LIST_ROOMS, .page_size = -1), "page_size");
}
END_TEST

START_TEST(hidden_rooms_are_listed_for_their_members_only)
{
    create_named(alice, "shown", false);
    create_named(alice, "hidden", true);
    const char *room;
    fx_assert_ok(FX_ASK(alice, LIST_ROOMS));
    ck_assert_str_eq(names(), "hidden shown");
    room = fx_answer->rooms[0].id;
    fx_assert_ok(FX_ASK(bob, LIST_ROOMS));
    ck_assert_str_eq(names(), "shown");
    fx_join(bob, room); /* whoever knows its id */
    fx_assert_ok(FX_ASK(bob, LIST_ROOMS));
    ck_assert_str_eq(names(), "hidden shown");
    fx_assert_ok(FX_ASK(fx_system(), LIST_ROOMS));
    ck_assert_str_eq(names(), "hidden shown");
}
END_TEST

START_TEST(rooms_are_found_by_name_and_by_who_is_in_them)
{
    create_named(alice, "Cinema", false);
    create_named(bob, "Kino", false);
    fx_assert_ok(FX_ASK(alice, LIST_ROOMS, .search = "cine"));
    ck_assert_str_eq(names(), "Cinema");
    fx_assert_ok(FX_ASK(alice, LIST_ROOMS, .mine = true));
    ck_assert_str_eq(names(), "Cinema");
    fx_assert_ok(FX_ASK(carol, LIST_ROOMS, .joined = true));
    ck_assert_str_eq(names(), "");
    fx_assert_ok(FX_ASK(alice, LIST_ROOMS, .search = "kino"));
    fx_join(alice, fx_answer->rooms[0].id);
    fx_assert_ok(FX_ASK(alice, LIST_ROOMS, .joined = true));
    ck_assert_str_eq(names(), "Kino Cinema");
    fx_assert_ok(FX_ASK(fx_system(), LIST_ROOMS, .mine = true));
    ck_assert_str_eq(names(), "");
}
END_TEST

START_TEST(a_list_shows_settings_to_members_only)
{
    create_named(alice, "x", false);
    fx_assert_ok(FX_ASK(bob, LIST_ROOMS));
    ck_assert_ptr_null(fx_answer->rooms[0].settings);
    fx_assert_ok(FX_ASK(alice, LIST_ROOMS));
    ck_assert_ptr_nonnull(fx_answer->rooms[0].settings);
    fx_follow(alice, fx_answer->rooms[0].id);
    fx_assert_ok(FX_ASK(bob, LIST_ROOMS));
    ck_assert_int_eq(fx_answer->rooms[0].online_count, 1);
    ck_assert_int_eq(fx_answer->rooms[0].member_count, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("room_calls");
    TCase *tcase = tcase_create("rooms");
    tcase_add_checked_fixture(tcase, people, fx_close);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_new_room_is_what_was_asked_for);
    tcase_add_test(tcase, bad_fields_of_a_new_room_are_named);
    tcase_add_test(tcase, nobody_creates_too_many_rooms);
    tcase_add_test(tcase, a_room_counts_among_those_one_is_in);
    tcase_add_test(tcase, the_system_owns_no_room);
    tcase_add_test(tcase, a_new_room_is_followed_by_its_creators_streams);
    tcase_add_test(tcase, rooms_with_a_password_take_from_the_rate_of_hashes);
    tcase_add_test(tcase, calls_have_a_rate);
    tcase_add_test(tcase, who_leaves_is_gone_and_told_so);
    tcase_add_test(tcase, the_creator_cannot_leave);
    tcase_add_test(tcase, leaving_erases_no_ban);
    tcase_add_test(tcase, who_waits_may_leave);
    tcase_add_test(tcase, a_room_that_is_not_in_memory_can_be_left);
    tcase_add_test(tcase, who_is_outside_sees_the_public_face_only);
    tcase_add_test(tcase, a_guest_sees_what_the_guest_mask_allows);
    tcase_add_test(tcase, a_guest_of_a_room_with_a_password_has_to_know_it);
    tcase_add_test(tcase, a_room_that_does_not_exist_is_not_found);
    tcase_add_test(tcase, rooms_are_listed_newest_first_in_pages);
    tcase_add_test(tcase, hidden_rooms_are_listed_for_their_members_only);
    tcase_add_test(tcase, rooms_are_found_by_name_and_by_who_is_in_them);
    tcase_add_test(tcase, a_list_shows_settings_to_members_only);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
