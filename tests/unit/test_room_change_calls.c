/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

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

static const char *const name_field[] = { "name" };
static const char *const settings_field[] = { "settings" };

static int rename_room(synctv_caller *caller, const char *name)
{
    return FX_ASK(caller, UPDATE_ROOM, .room_id = room, .name = name, .fields = name_field,
        .n_fields = 1);
}

static int update_settings(synctv_caller *caller, const synctv_room_settings *settings)
{
    return FX_ASK(caller, UPDATE_ROOM, .room_id = room, .settings = settings,
        .fields = settings_field, .n_fields = 1);
}

static void promote(synctv_caller *caller)
{
    fx_assert_ok(FX_ASK(alice, SET_MEMBER_ROLE, .room_id = room, .user_id = fx_id(caller),
        .role = SYNCTV_ROOM_ROLE_ADMIN));
}

/* --- UpdateRoom --- */

START_TEST(only_the_fields_that_are_named_change)
{
    synctv_stream *stream = fx_follow(bob, room);
    const synctv_room_settings settings = { .hidden = true };
    fx_assert_ok(FX_ASK(alice, UPDATE_ROOM, .room_id = room, .name = "new", .description = "no",
        .settings = &settings, .fields = name_field, .n_fields = 1));
    ck_assert_str_eq(fx_answer->room->name, "new");
    ck_assert_str_eq(fx_answer->room->description, "");
    ck_assert(!fx_answer->room->settings->hidden);
    const synctv_event *event = fx_expect(stream, SYNCTV_EVENT_ROOM);
    ck_assert_str_eq(event->room->name, "new");
    ck_assert_str_eq(event->actor_id, fx_id(alice));
    ck_assert(!event->deleted);

    static const char *const both[] = { "settings", "description" };
    fx_assert_ok(FX_ASK(alice, UPDATE_ROOM, .room_id = room, .name = "no", .description = "new",
        .settings = &settings, .fields = both, .n_fields = 2));
    ck_assert_str_eq(fx_answer->room->name, "new");
    ck_assert_str_eq(fx_answer->room->description, "new");
    ck_assert(fx_answer->room->settings->hidden);
    fx_check_memory(room);
    fx_assert_ok(update_settings(alice, NULL)); /* all defaults */
    ck_assert(!fx_answer->room->settings->hidden);
}
END_TEST

START_TEST(bad_changes_of_a_room_are_named)
{
    static const char *const unknown[] = { "name", "creator_id" };
    fx_assert_field(FX_ASK(alice, UPDATE_ROOM, .room_id = room, .name = "x", .fields = unknown,
                        .n_fields = 2),
        "fields");
    fx_assert_field(FX_ASK(alice, UPDATE_ROOM, .room_id = room), "fields");
    fx_assert_field(rename_room(alice, ""), "name");
    const synctv_room_settings bad = { .max_members = 10001 };
    fx_assert_field(update_settings(alice, &bad), "settings.max_members");
}
END_TEST

START_TEST(changing_a_room_takes_the_permission)
{
    fx_assert_code(rename_room(bob, "x"), SYNCTV_E_PERMISSION_DENIED);
    fx_assert_code(rename_room(carol, "x"), SYNCTV_E_NOT_A_MEMBER);
    promote(bob);
    fx_assert_ok(rename_room(bob, "bob's"));
    fx_assert_ok(FX_ASK(bob, UPDATE_ROOM, .room_id = room, .has_password = true,
        .password = "secret"));
    ck_assert(fx_answer->room->has_password);
    fx_assert_ok(FX_ASK(alice, SET_MEMBER_PERMISSIONS, .room_id = room, .user_id = fx_id(bob),
        .removed_permissions = SYNCTV_PERM_SET_ROOM_PASSWORD));
    fx_assert_code(FX_ASK(bob, UPDATE_ROOM, .room_id = room, .has_password = true),
        SYNCTV_E_PERMISSION_DENIED);
    fx_assert_ok(rename_room(bob, "x"));
}
END_TEST

START_TEST(nobody_puts_a_permission_they_lack_into_a_default_mask)
{
    promote(bob);
    const synctv_room_settings more = {
        .default_member_permissions = SYNCTV_PERM_DEFAULT_MEMBER | SYNCTV_PERM_DELETE_ROOM,
    };
    fx_assert_code(update_settings(bob, &more), SYNCTV_E_PERMISSION_DENIED);
    const synctv_room_settings own = {
        .default_member_permissions = SYNCTV_PERM_DEFAULT_MEMBER | SYNCTV_PERM_PLAY_CONTROL,
    };
    fx_assert_ok(update_settings(bob, &own));
    const synctv_room_settings admins = {
        .default_admin_permissions = SYNCTV_PERM_DEFAULT_ADMIN & ~SYNCTV_PERM_KICK_MEMBER,
    };
    fx_assert_code(update_settings(bob, &admins), SYNCTV_E_PERMISSION_DENIED);
    fx_assert_ok(update_settings(alice, &admins));
    fx_assert_ok(update_settings(alice, &more));
}
END_TEST

START_TEST(new_default_masks_count_at_once)
{
    fx_movie(alice, room, "x", 0);
    fx_assert_code(FX_ASK(bob, CLEAR_MOVIES, .room_id = room), SYNCTV_E_PERMISSION_DENIED);
    const synctv_room_settings more = {
        .default_member_permissions = SYNCTV_PERM_CLEAR_PLAYLIST,
    };
    fx_assert_ok(update_settings(alice, &more));
    fx_assert_ok(FX_ASK(bob, CLEAR_MOVIES, .room_id = room));
    fx_assert_code(FX_ASK(bob, GET_MOVIE_LIST, .room_id = room), SYNCTV_E_PERMISSION_DENIED);
}
END_TEST

START_TEST(guests_go_when_they_are_no_longer_allowed)
{
    synctv_room_settings settings = { .allow_guests = true };
    fx_assert_ok(update_settings(alice, &settings));
    synctv_stream *guest = fx_follow(carol, room), *member = fx_follow(bob, room);
    settings.allow_guests = false;
    fx_assert_ok(update_settings(alice, &settings));
    fx_assert_code(fx_end_of(guest), SYNCTV_E_NOT_A_MEMBER);
    ck_assert(fx_got(member, SYNCTV_EVENT_ROOM));
    fx_say(alice, room, "still here?");
    fx_expect(member, SYNCTV_EVENT_CHAT);
}
END_TEST

START_TEST(guests_are_told_of_a_room_without_its_settings)
{
    synctv_room_settings settings = { .allow_guests = true };
    fx_assert_ok(update_settings(alice, &settings));
    synctv_stream *guest = fx_follow(carol, room), *member = fx_follow(bob, room);
    fx_assert_ok(rename_room(alice, "new"));
    ck_assert_ptr_null(fx_expect(guest, SYNCTV_EVENT_ROOM)->room->settings);
    ck_assert_ptr_nonnull(fx_expect(member, SYNCTV_EVENT_ROOM)->room->settings);
}
END_TEST

START_TEST(a_new_room_password_takes_from_the_rate_of_hashes)
{
    fx_node.limits.hash_per_minute = 1;
    synctv_caller *dave = fx_signed_in("dave");
    const char *daves = fx_room(dave, NULL);
    fx_assert_ok(FX_ASK(dave, UPDATE_ROOM, .room_id = daves, .has_password = true,
        .password = "one"));
    fx_assert_code(FX_ASK(dave, UPDATE_ROOM, .room_id = daves, .has_password = true,
                       .password = "two"),
        SYNCTV_E_RATE_LIMITED);
    fx_assert_ok(FX_ASK(dave, UPDATE_ROOM, .room_id = daves, .has_password = true));
    ck_assert(!fx_answer->room->has_password);
}
END_TEST

/* --- DeleteRoom --- */

START_TEST(a_deleted_room_is_gone_for_everybody)
{
    synctv_stream *bound = fx_follow(bob, room), *all = fx_follow(bob, "");
    fx_assert_code(FX_ASK(bob, DELETE_ROOM, .room_id = room), SYNCTV_E_PERMISSION_DENIED);
    fx_assert_ok(FX_ASK(alice, DELETE_ROOM, .room_id = room));
    const synctv_event *event = fx_expect(bound, SYNCTV_EVENT_ROOM);
    ck_assert(event->deleted);
    ck_assert_str_eq(event->room->id, room);
    ck_assert_ptr_null(event->room->settings);
    fx_assert_code(fx_end_of(bound), SYNCTV_E_ROOM_NOT_FOUND);
    ck_assert(fx_expect(all, SYNCTV_EVENT_ROOM)->deleted);

    fx_assert_code(FX_ASK(bob, GET_ROOM_INFO, .room_id = room), SYNCTV_E_ROOM_NOT_FOUND);
    fx_assert_code(FX_ASK(alice, DELETE_ROOM, .room_id = room), SYNCTV_E_ROOM_NOT_FOUND);
    fx_assert_code(FX_ASK(bob, SEND_CHAT, .room_id = room, .content = "x"),
        SYNCTV_E_ROOM_NOT_FOUND);
    fx_assert_ok(FX_ASK(alice, LIST_ROOMS, .joined = true));
    ck_assert_uint_eq(fx_answer->n_rooms, 0);
    /* The stream of all rooms lives on. */
    const char *other = fx_room(bob, NULL);
    ck_assert_str_eq(fx_expect(all, SYNCTV_EVENT_STATE)->room_id, other);
}
END_TEST

START_TEST(a_guest_never_deletes_a_room_whatever_the_mask)
{
    const synctv_room_settings settings = {
        .allow_guests = true,
        .guest_permissions = SYNCTV_PERM_ALL,
    };
    fx_assert_ok(update_settings(alice, &settings));
    fx_assert_code(FX_ASK(carol, DELETE_ROOM, .room_id = room), SYNCTV_E_NOT_A_MEMBER);
    fx_assert_code(FX_ASK(carol, KICK_MEMBER, .room_id = room, .user_id = fx_id(bob)),
        SYNCTV_E_NOT_A_MEMBER);
    fx_assert_code(rename_room(carol, "x"), SYNCTV_E_NOT_A_MEMBER);
    fx_movie(carol, room, "but may add movies", 0);
    fx_say(carol, room, "and talk");
}
END_TEST

START_TEST(the_system_may_delete_any_room)
{
    fx_assert_ok(FX_ASK(fx_system(), DELETE_ROOM, .room_id = room));
    fx_assert_code(FX_ASK(alice, GET_ROOM_INFO, .room_id = room), SYNCTV_E_ROOM_NOT_FOUND);
}
END_TEST

/* --- TransferRoom --- */

START_TEST(the_creator_hands_the_room_to_a_member)
{
    synctv_stream *stream = fx_follow(bob, room);
    fx_assert_ok(FX_ASK(alice, TRANSFER_ROOM, .room_id = room, .user_id = fx_id(bob)));
    ck_assert_str_eq(fx_answer->room->creator_id, fx_id(bob));
    const synctv_event *event = fx_expect_change(stream, SYNCTV_MEMBER_CHANGE_ROLE);
    ck_assert_str_eq(event->member->username, "alice");
    ck_assert_int_eq(event->member->role, SYNCTV_ROOM_ROLE_ADMIN);
    event = fx_expect_change(stream, SYNCTV_MEMBER_CHANGE_ROLE);
    ck_assert_str_eq(event->member->username, "bob");
    ck_assert_int_eq(event->member->role, SYNCTV_ROOM_ROLE_CREATOR);
    ck_assert_str_eq(fx_expect(stream, SYNCTV_EVENT_ROOM)->room->creator_id, fx_id(bob));
    fx_check_memory(room);

    fx_assert_ok(FX_ASK(alice, LEAVE_ROOM, .room_id = room));
    fx_assert_ok(FX_ASK(bob, LIST_ROOMS, .mine = true));
    ck_assert_uint_eq(fx_answer->n_rooms, 1);
}
END_TEST

START_TEST(only_an_active_member_becomes_creator)
{
    fx_assert_code(FX_ASK(alice, TRANSFER_ROOM, .room_id = room, .user_id = fx_id(carol)),
        SYNCTV_E_MEMBER_NOT_FOUND);
    fx_assert_field(FX_ASK(alice, TRANSFER_ROOM, .room_id = room, .user_id = fx_id(alice)),
        "user_id");
    fx_assert_ok(FX_ASK(alice, BAN_MEMBER, .room_id = room, .user_id = fx_id(bob)));
    fx_assert_field(FX_ASK(alice, TRANSFER_ROOM, .room_id = room, .user_id = fx_id(bob)),
        "user_id");
}
END_TEST

START_TEST(only_the_creator_or_a_platform_admin_hands_a_room_over)
{
    fx_join(carol, room);
    promote(bob);
    fx_assert_code(FX_ASK(bob, TRANSFER_ROOM, .room_id = room, .user_id = fx_id(carol)),
        SYNCTV_E_PERMISSION_DENIED);
    fx_assert_ok(FX_ASK(fx_system(), TRANSFER_ROOM, .room_id = room, .user_id = fx_id(carol)));
    ck_assert_str_eq(fx_answer->room->creator_id, fx_id(carol));
    fx_assert_code(FX_ASK(alice, DELETE_ROOM, .room_id = room), SYNCTV_E_PERMISSION_DENIED);
    fx_check_memory(room);
}
END_TEST

START_TEST(nobody_is_given_more_rooms_than_they_may_have)
{
    fx_node.limits.rooms_per_user = 1;
    fx_room(bob, NULL);
    fx_assert_code(FX_ASK(alice, TRANSFER_ROOM, .room_id = room, .user_id = fx_id(bob)),
        SYNCTV_E_ROOM_LIMIT);
}
END_TEST

START_TEST(changes_reach_a_room_that_is_not_in_memory)
{
    fx_forget_rooms();
    fx_assert_ok(rename_room(alice, "new"));
    ck_assert_str_eq(fx_answer->room->name, "new");
    ck_assert_int_eq(fx_answer->room->member_count, 2);
    fx_assert_ok(FX_ASK(alice, TRANSFER_ROOM, .room_id = room, .user_id = fx_id(bob)));
    fx_assert_ok(FX_ASK(bob, GET_ROOM_INFO, .room_id = room));
    ck_assert_str_eq(fx_answer->room->name, "new");
    fx_check_memory(room);
    fx_forget_rooms();
    fx_assert_ok(FX_ASK(bob, DELETE_ROOM, .room_id = room));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("room_change_calls");
    TCase *tcase = tcase_create("changing rooms");
    tcase_add_checked_fixture(tcase, people, fx_close);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, only_the_fields_that_are_named_change);
    tcase_add_test(tcase, bad_changes_of_a_room_are_named);
    tcase_add_test(tcase, changing_a_room_takes_the_permission);
    tcase_add_test(tcase, nobody_puts_a_permission_they_lack_into_a_default_mask);
    tcase_add_test(tcase, new_default_masks_count_at_once);
    tcase_add_test(tcase, guests_go_when_they_are_no_longer_allowed);
    tcase_add_test(tcase, guests_are_told_of_a_room_without_its_settings);
    tcase_add_test(tcase, a_new_room_password_takes_from_the_rate_of_hashes);
    tcase_add_test(tcase, a_deleted_room_is_gone_for_everybody);
    tcase_add_test(tcase, a_guest_never_deletes_a_room_whatever_the_mask);
    tcase_add_test(tcase, the_system_may_delete_any_room);
    tcase_add_test(tcase, the_creator_hands_the_room_to_a_member);
    tcase_add_test(tcase, only_an_active_member_becomes_creator);
    tcase_add_test(tcase, only_the_creator_or_a_platform_admin_hands_a_room_over);
    tcase_add_test(tcase, nobody_is_given_more_rooms_than_they_may_have);
    tcase_add_test(tcase, changes_reach_a_room_that_is_not_in_memory);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
