/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "support/node_fixture.h"

/* alice made the room, bob is an admin in it, carol and dave are members, erin is not in it. */
static synctv_caller *alice, *bob, *carol, *dave, *erin;
static const char *room;

static void people(void)
{
    fx_open();
    alice = fx_user("alice");
    bob = fx_user("bob");
    carol = fx_user("carol");
    dave = fx_user("dave");
    erin = fx_user("erin");
    room = fx_room(alice, NULL);
    fx_join(bob, room);
    fx_join(carol, room);
    fx_join(dave, room);
    fx_assert_ok(FX_ASK(alice, SET_MEMBER_ROLE, .room_id = room, .user_id = fx_id(bob),
        .role = SYNCTV_ROOM_ROLE_ADMIN));
}

static int kick(synctv_caller *by, synctv_caller *whom)
{
    return FX_ASK(by, KICK_MEMBER, .room_id = room, .user_id = fx_id(whom), .reason = "noise");
}

static int ban(synctv_caller *by, synctv_caller *whom)
{
    return FX_ASK(by, BAN_MEMBER, .room_id = room, .user_id = fx_id(whom), .reason = "spam");
}

static int unban(synctv_caller *by, synctv_caller *whom)
{
    return FX_ASK(by, UNBAN_MEMBER, .room_id = room, .user_id = fx_id(whom));
}

static int approve(synctv_caller *by, synctv_caller *whom)
{
    return FX_ASK(by, APPROVE_MEMBER, .room_id = room, .user_id = fx_id(whom));
}

static int set_role(synctv_caller *by, synctv_caller *whom, synctv_room_role role)
{
    return FX_ASK(by, SET_MEMBER_ROLE, .room_id = room, .user_id = fx_id(whom), .role = role);
}

static int set_permissions(synctv_caller *by, synctv_caller *whom, uint64_t added, uint64_t removed)
{
    return FX_ASK(by, SET_MEMBER_PERMISSIONS, .room_id = room, .user_id = fx_id(whom),
        .added_permissions = added, .removed_permissions = removed);
}

static void ask_for_approval(void)
{
    const synctv_room_settings settings = { .require_approval = true };
    static const char *const fields[] = { "settings" };
    fx_assert_ok(FX_ASK(alice, UPDATE_ROOM, .room_id = room, .settings = &settings,
        .fields = fields, .n_fields = 1));
}

/* --- KickMember --- */

START_TEST(a_kick_is_told_to_all_and_ends_the_victims_streams)
{
    synctv_stream *others = fx_follow(dave, room);
    synctv_stream *bound = fx_follow(carol, room), *all = fx_follow(carol, "");
    fx_assert_ok(kick(bob, carol));
    synctv_stream *told[] = { others, bound, all };
    for (size_t i = 0; i < 3; i++) {
        const synctv_event *event = fx_expect_change(told[i], SYNCTV_MEMBER_CHANGE_KICKED);
        ck_assert_str_eq(event->member->user_id, fx_id(carol));
        ck_assert_str_eq(event->actor_id, fx_id(bob));
        ck_assert_str_eq(event->reason, "noise");
    }
    fx_assert_code(fx_end_of(bound), SYNCTV_E_MEMBER_KICKED);
    fx_say(alice, room, "quiet now");
    fx_expect(others, SYNCTV_EVENT_CHAT);
    ck_assert(!fx_got(all, SYNCTV_EVENT_CHAT));
    fx_assert_ok(FX_ASK(alice, GET_ROOM_INFO, .room_id = room));
    ck_assert_int_eq(fx_answer->room->member_count, 3);
    ck_assert_int_eq(fx_answer->room->online_count, 1);
    fx_check_memory(room);
}
END_TEST

START_TEST(nobody_kicks_above_themselves)
{
    fx_assert_code(kick(bob, alice), SYNCTV_E_PERMISSION_DENIED);
    fx_assert_code(kick(carol, dave), SYNCTV_E_PERMISSION_DENIED);
    fx_assert_code(kick(bob, bob), SYNCTV_E_PERMISSION_DENIED);
    fx_assert_code(kick(erin, carol), SYNCTV_E_NOT_A_MEMBER);
    fx_assert_ok(set_role(alice, carol, SYNCTV_ROOM_ROLE_ADMIN));
    fx_assert_code(kick(bob, carol), SYNCTV_E_PERMISSION_DENIED);
    fx_assert_code(kick(fx_system(), alice), SYNCTV_E_PERMISSION_DENIED);
    fx_assert_ok(kick(alice, carol));
    fx_assert_ok(kick(fx_system(), bob));
}
END_TEST

START_TEST(only_members_are_kicked)
{
    fx_assert_code(kick(alice, erin), SYNCTV_E_MEMBER_NOT_FOUND);
    fx_assert_ok(kick(alice, carol));
    fx_assert_code(kick(alice, carol), SYNCTV_E_MEMBER_NOT_FOUND);
    fx_assert_ok(ban(alice, dave));
    fx_assert_code(kick(alice, dave), SYNCTV_E_MEMBER_NOT_FOUND); /* that would lift the ban */
    fx_assert_field(FX_ASK(alice, KICK_MEMBER, .room_id = room, .user_id = "x"), "user_id");
    fx_assert_field(FX_ASK(alice, KICK_MEMBER, .room_id = room, .user_id = fx_id(bob),
                        .reason = "line\nbreak"),
        "reason");
}
END_TEST

START_TEST(a_guest_is_kicked_like_a_member)
{
    const synctv_room_settings guests = {
        .allow_guests = true,
        .guest_permissions = SYNCTV_PERM_VIEW_MEMBER_LIST,
    };
    room = fx_room(alice, &guests);
    synctv_stream *others = fx_follow(alice, room), *another = fx_follow(dave, room);
    synctv_stream *guest = fx_follow(erin, room);
    fx_assert_code(kick(dave, erin), SYNCTV_E_NOT_A_MEMBER);
    fx_assert_ok(kick(alice, erin));
    synctv_stream *told[] = { others, another, guest };
    for (size_t i = 0; i < 3; i++) {
        const synctv_event *event = fx_expect_change(told[i], SYNCTV_MEMBER_CHANGE_KICKED);
        ck_assert_str_eq(event->member->user_id, fx_id(erin));
        ck_assert_str_eq(event->member->username, "erin");
        ck_assert_int_eq(event->member->role, SYNCTV_ROOM_ROLE_GUEST);
        ck_assert_int_eq(event->member->status, SYNCTV_MEMBER_STATUS_UNSPECIFIED);
        ck_assert_str_eq(event->reason, "noise");
    }
    fx_assert_code(fx_end_of(guest), SYNCTV_E_MEMBER_KICKED);
    fx_assert_code(fx_end_of(fx_open_stream(erin, room, NULL)), SYNCTV_E_MEMBER_KICKED);
    fx_assert_code(FX_ASK(erin, JOIN_ROOM, .room_id = room), SYNCTV_E_MEMBER_KICKED);
    fx_assert_ok(FX_ASK(alice, GET_ROOM_INFO, .room_id = room));
    ck_assert_int_eq(fx_answer->room->member_count, 1);
    ck_assert_int_eq(fx_answer->room->online_count, 2);
    fx_check_memory(room);
    fx_pass_ms(30001);
    fx_follow(erin, room); /* a guest as before */
    fx_assert_ok(kick(alice, erin));
    fx_expect_change(another, SYNCTV_MEMBER_CHANGE_KICKED);
}
END_TEST

START_TEST(a_guest_who_has_gone_is_kept_away)
{
    const synctv_room_settings guests = { .allow_guests = true };
    room = fx_room(alice, &guests);
    fx_forget_rooms();
    fx_assert_ok(kick(alice, erin));
    fx_assert_code(fx_end_of(fx_open_stream(erin, room, NULL)), SYNCTV_E_MEMBER_KICKED);
    fx_assert_ok(ban(alice, erin));
    fx_assert_code(kick(alice, erin), SYNCTV_E_MEMBER_NOT_FOUND); /* that would lift the ban */
    fx_assert_code(FX_ASK(alice, KICK_MEMBER, .room_id = room, .user_id = "AAAAAAAAAAAA"),
        SYNCTV_E_MEMBER_NOT_FOUND);
    fx_check_memory(room);
}
END_TEST

START_TEST(a_pending_member_is_refused_by_a_kick)
{
    ask_for_approval();
    fx_join(erin, room);
    fx_assert_ok(kick(bob, erin));
    fx_assert_code(FX_ASK(erin, JOIN_ROOM, .room_id = room), SYNCTV_E_MEMBER_KICKED);
    fx_check_memory(room);
}
END_TEST

START_TEST(added_permissions_end_with_a_kick)
{
    fx_assert_ok(set_permissions(alice, carol, SYNCTV_PERM_PLAY_CONTROL, 0));
    fx_assert_ok(kick(alice, carol));
    fx_pass_ms(30001);
    fx_join(carol, room);
    ck_assert_uint_eq(fx_answer->member->added_permissions, 0);
    ck_assert_uint_eq(fx_answer->member->permissions, SYNCTV_PERM_DEFAULT_MEMBER);
}
END_TEST

/* --- BanMember, UnbanMember --- */

START_TEST(a_ban_is_told_and_ends_streams_and_membership)
{
    synctv_stream *others = fx_follow(dave, room), *bound = fx_follow(carol, room);
    fx_assert_ok(ban(bob, carol));
    ck_assert_int_eq(fx_answer->member->status, SYNCTV_MEMBER_STATUS_BANNED);
    ck_assert_uint_eq(fx_answer->member->permissions, 0);
    ck_assert_str_eq(fx_answer->member->username, "carol");
    const synctv_event *event = fx_expect_change(others, SYNCTV_MEMBER_CHANGE_BANNED);
    ck_assert_str_eq(event->member->user_id, fx_id(carol));
    ck_assert_str_eq(event->reason, "spam");
    fx_expect_change(bound, SYNCTV_MEMBER_CHANGE_BANNED);
    fx_assert_code(fx_end_of(bound), SYNCTV_E_MEMBER_BANNED);
    fx_assert_code(FX_ASK(carol, GET_MOVIE_LIST, .room_id = room), SYNCTV_E_MEMBER_BANNED);
    fx_assert_code(FX_ASK(carol, SEND_CHAT, .room_id = room, .content = "x"),
        SYNCTV_E_MEMBER_BANNED);
    fx_assert_code(FX_ASK(carol, JOIN_ROOM, .room_id = room), SYNCTV_E_MEMBER_BANNED);
    fx_assert_code(fx_end_of(fx_open_stream(carol, room, NULL)), SYNCTV_E_MEMBER_BANNED);
    fx_assert_ok(FX_ASK(alice, GET_ROOM_INFO, .room_id = room));
    ck_assert_int_eq(fx_answer->room->member_count, 3);
    ck_assert_int_eq(fx_answer->room->online_count, 1);
    fx_check_memory(room);
    fx_assert_ok(ban(bob, carol)); /* again: nothing new */
    ck_assert(!fx_got_change(others, SYNCTV_MEMBER_CHANGE_BANNED));
}
END_TEST

START_TEST(who_is_no_member_can_be_banned_beforehand)
{
    fx_assert_ok(ban(bob, erin));
    fx_assert_code(FX_ASK(erin, JOIN_ROOM, .room_id = room), SYNCTV_E_MEMBER_BANNED);
    fx_check_memory(room);
    fx_assert_code(FX_ASK(bob, BAN_MEMBER, .room_id = room, .user_id = "AAAAAAAAAAAA"),
        SYNCTV_E_USER_NOT_FOUND);
    fx_assert_code(ban(bob, bob), SYNCTV_E_PERMISSION_DENIED);
}
END_TEST

START_TEST(a_banned_guest_goes_at_once)
{
    const synctv_room_settings guests = { .allow_guests = true };
    room = fx_room(alice, &guests);
    synctv_stream *stream = fx_follow(erin, room);
    fx_assert_ok(ban(alice, erin));
    fx_assert_code(fx_end_of(stream), SYNCTV_E_MEMBER_BANNED);
    fx_assert_code(fx_end_of(fx_open_stream(erin, room, NULL)), SYNCTV_E_MEMBER_BANNED);
    fx_assert_ok(FX_ASK(alice, GET_ROOM_INFO, .room_id = room));
    ck_assert_int_eq(fx_answer->room->online_count, 0);
}
END_TEST

START_TEST(a_kick_before_a_ban_does_not_help)
{
    fx_assert_ok(kick(alice, carol));
    fx_assert_ok(ban(alice, carol));
    fx_pass_ms(30001);
    fx_assert_code(FX_ASK(carol, JOIN_ROOM, .room_id = room), SYNCTV_E_MEMBER_BANNED);
    fx_assert_ok(unban(alice, carol));
    fx_join(carol, room);
}
END_TEST

START_TEST(who_is_unbanned_may_come_back)
{
    synctv_stream *stream = fx_follow(alice, room);
    fx_assert_code(unban(bob, carol), SYNCTV_E_MEMBER_NOT_FOUND);
    fx_assert_ok(ban(bob, carol));
    fx_assert_code(unban(dave, carol), SYNCTV_E_PERMISSION_DENIED);
    fx_assert_code(unban(carol, carol), SYNCTV_E_MEMBER_BANNED);
    fx_assert_ok(unban(bob, carol));
    const synctv_event *event = fx_expect_change(stream, SYNCTV_MEMBER_CHANGE_UNBANNED);
    ck_assert_str_eq(event->member->user_id, fx_id(carol));
    ck_assert_int_eq(event->member->status, SYNCTV_MEMBER_STATUS_UNSPECIFIED);
    fx_check_memory(room);
    fx_join(carol, room);
    fx_check_memory(room);
}
END_TEST

START_TEST(a_banned_admin_is_brought_back_only_by_who_makes_admins)
{
    fx_assert_ok(set_role(alice, carol, SYNCTV_ROOM_ROLE_ADMIN));
    fx_assert_ok(ban(alice, carol));
    fx_assert_code(unban(bob, carol), SYNCTV_E_PERMISSION_DENIED);
    fx_assert_ok(unban(alice, carol));
    fx_join(carol, room);
    ck_assert_int_eq(fx_answer->member->role, SYNCTV_ROOM_ROLE_MEMBER);
}
END_TEST

/* --- ApproveMember --- */

START_TEST(who_is_approved_is_in)
{
    ask_for_approval();
    fx_room(erin, NULL);
    synctv_stream *erins = fx_follow(erin, ""), *stream = fx_follow(alice, room);
    fx_join(erin, room);
    fx_assert_code(approve(carol, erin), SYNCTV_E_PERMISSION_DENIED);
    fx_assert_code(approve(erin, erin), SYNCTV_E_MEMBER_PENDING);
    fx_assert_ok(approve(bob, erin));
    ck_assert_int_eq(fx_answer->member->status, SYNCTV_MEMBER_STATUS_ACTIVE);
    ck_assert_uint_eq(fx_answer->member->permissions, SYNCTV_PERM_DEFAULT_MEMBER);
    const synctv_event *event = fx_expect_change(stream, SYNCTV_MEMBER_CHANGE_APPROVED);
    ck_assert_str_eq(event->member->user_id, fx_id(erin));
    ck_assert_str_eq(fx_expect(erins, SYNCTV_EVENT_STATE)->room_id, room);
    fx_say(erin, room, "hello");
    fx_check_memory(room);

    fx_assert_ok(approve(bob, erin)); /* again: nothing new */
    ck_assert(!fx_got_change(stream, SYNCTV_MEMBER_CHANGE_APPROVED));
}
END_TEST

START_TEST(only_who_asked_is_approved)
{
    fx_assert_code(approve(alice, erin), SYNCTV_E_MEMBER_NOT_FOUND);
    fx_assert_ok(ban(alice, carol));
    fx_assert_code(approve(alice, carol), SYNCTV_E_MEMBER_NOT_FOUND);
}
END_TEST

/* --- SetMemberRole, SetMemberPermissions --- */

START_TEST(only_the_creator_makes_and_unmakes_admins)
{
    synctv_stream *stream = fx_follow(dave, room);
    fx_assert_code(set_role(bob, carol, SYNCTV_ROOM_ROLE_ADMIN), SYNCTV_E_PERMISSION_DENIED);
    fx_assert_code(set_role(alice, alice, SYNCTV_ROOM_ROLE_MEMBER), SYNCTV_E_PERMISSION_DENIED);
    fx_assert_field(set_role(alice, carol, SYNCTV_ROOM_ROLE_CREATOR), "role");
    fx_assert_field(set_role(alice, carol, SYNCTV_ROOM_ROLE_GUEST), "role");
    fx_assert_code(set_role(alice, erin, SYNCTV_ROOM_ROLE_ADMIN), SYNCTV_E_MEMBER_NOT_FOUND);
    fx_assert_ok(set_role(alice, carol, SYNCTV_ROOM_ROLE_ADMIN));
    ck_assert_uint_eq(fx_answer->member->permissions, SYNCTV_PERM_DEFAULT_ADMIN);
    const synctv_event *event = fx_expect_change(stream, SYNCTV_MEMBER_CHANGE_ROLE);
    ck_assert_int_eq(event->member->role, SYNCTV_ROOM_ROLE_ADMIN);
    ck_assert_uint_eq(event->member->permissions, SYNCTV_PERM_DEFAULT_ADMIN);
    fx_check_memory(room);
    fx_assert_ok(set_role(alice, carol, SYNCTV_ROOM_ROLE_ADMIN)); /* again: nothing new */
    ck_assert(!fx_got_change(stream, SYNCTV_MEMBER_CHANGE_ROLE));
    fx_assert_ok(set_role(alice, carol, SYNCTV_ROOM_ROLE_MEMBER));
    ck_assert_uint_eq(fx_answer->member->permissions, SYNCTV_PERM_DEFAULT_MEMBER);
}
END_TEST

START_TEST(who_waits_is_made_nothing)
{
    ask_for_approval();
    fx_join(erin, room);
    fx_assert_field(set_role(alice, erin, SYNCTV_ROOM_ROLE_ADMIN), "user_id");
}
END_TEST

START_TEST(permissions_are_added_and_removed)
{
    fx_assert_ok(set_permissions(alice, bob, SYNCTV_PERM_SET_MEMBER_PERMISSIONS, 0));
    synctv_stream *stream = fx_follow(dave, room);
    fx_assert_ok(set_permissions(bob, carol, SYNCTV_PERM_PLAY_CONTROL, SYNCTV_PERM_SEND_CHAT));
    ck_assert_uint_eq(fx_answer->member->permissions,
        (SYNCTV_PERM_DEFAULT_MEMBER | SYNCTV_PERM_PLAY_CONTROL) & ~SYNCTV_PERM_SEND_CHAT);
    const synctv_event *event = fx_expect_change(stream, SYNCTV_MEMBER_CHANGE_PERMISSIONS);
    ck_assert_uint_eq(event->member->removed_permissions, SYNCTV_PERM_SEND_CHAT);
    fx_check_memory(room);
    fx_assert_code(FX_ASK(carol, SEND_CHAT, .room_id = room, .content = "x"),
        SYNCTV_E_PERMISSION_DENIED);
    fx_assert_ok(set_permissions(bob, carol, SYNCTV_PERM_PLAY_CONTROL, SYNCTV_PERM_SEND_CHAT));
    ck_assert(!fx_got_change(stream, SYNCTV_MEMBER_CHANGE_PERMISSIONS));
    fx_assert_ok(set_permissions(bob, carol, 0, 0));
    fx_say(carol, room, "x");
}
END_TEST

START_TEST(nobody_grants_what_they_lack)
{
    fx_assert_code(set_permissions(bob, carol, 0, 0), SYNCTV_E_PERMISSION_DENIED);
    fx_assert_ok(set_permissions(alice, bob, SYNCTV_PERM_SET_MEMBER_PERMISSIONS, 0));
    fx_assert_code(set_permissions(bob, carol, SYNCTV_PERM_MANAGE_ADMIN, 0),
        SYNCTV_E_PERMISSION_DENIED);
    fx_assert_code(set_permissions(bob, alice, 0, 1), SYNCTV_E_PERMISSION_DENIED);
    fx_assert_code(set_permissions(carol, dave, 0, 1), SYNCTV_E_PERMISSION_DENIED);
    fx_assert_code(set_permissions(bob, bob, SYNCTV_PERM_PLAY_CONTROL, 0),
        SYNCTV_E_PERMISSION_DENIED);
    fx_assert_field(set_permissions(alice, carol, UINT64_C(1) << 60, 0), "added");
    fx_assert_field(set_permissions(alice, carol, 0, UINT64_C(1) << 60), "removed");
    fx_assert_code(set_permissions(alice, erin, 0, 1), SYNCTV_E_MEMBER_NOT_FOUND);
    fx_assert_ok(set_permissions(alice, carol, SYNCTV_PERM_MANAGE_ADMIN, 0));
    fx_assert_ok(set_permissions(bob, carol, SYNCTV_PERM_MANAGE_ADMIN, 1)); /* has it already */
    fx_assert_ok(set_permissions(bob, carol, 0, 0));
}
END_TEST

START_TEST(without_the_permission_nobody_sees_the_members)
{
    fx_assert_ok(set_permissions(alice, carol, 0, SYNCTV_PERM_VIEW_MEMBER_LIST));
    fx_assert_code(FX_ASK(carol, LIST_MEMBERS, .room_id = room), SYNCTV_E_PERMISSION_DENIED);
    fx_assert_ok(FX_ASK(carol, GET_ROOM_INFO, .room_id = room));
    ck_assert_ptr_nonnull(fx_answer->room->settings);
    ck_assert_uint_eq(fx_answer->n_members, 0);
    synctv_stream *stream = fx_follow(carol, room);
    fx_assert_ok(kick(alice, dave));
    ck_assert(!fx_got_change(stream, SYNCTV_MEMBER_CHANGE_KICKED));
}
END_TEST

/* --- ListMembers --- */

static const char *names(void)
{
    static char text[512];
    text[0] = '\0';
    for (size_t i = 0; i < fx_answer->n_members; i++) {
        strcat(text, i == 0 ? "" : " ");
        strcat(text, fx_answer->members[i].username);
    }
    return text;
}

static void nap(void)
{
    nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
}

START_TEST(members_are_listed_by_the_time_they_joined_in_pages)
{
    room = fx_room(alice, NULL);
    synctv_caller *joining[] = { bob, carol, dave, erin };
    for (size_t i = 0; i < 4; i++) {
        nap();
        fx_join(joining[i], room);
    }
    fx_assert_ok(FX_ASK(dave, LIST_MEMBERS, .room_id = room, .page_size = 2));
    ck_assert_str_eq(names(), "alice bob");
    ck_assert_int_eq(fx_answer->total, 5);
    const char *token = fx_answer->next_page_token;
    fx_assert_ok(kick(alice, bob)); /* the last one of that page */
    fx_assert_ok(FX_ASK(dave, LIST_MEMBERS, .room_id = room, .page_size = 2, .page_token = token));
    ck_assert_str_eq(names(), "carol dave");
    fx_assert_ok(FX_ASK(dave, LIST_MEMBERS, .room_id = room, .page_size = 2,
        .page_token = fx_answer->next_page_token));
    ck_assert_str_eq(names(), "erin");
    ck_assert_str_eq(fx_answer->next_page_token, "");
    ck_assert_int_eq(fx_answer->total, 4);
    fx_assert_field(FX_ASK(dave, LIST_MEMBERS, .room_id = room, .page_token = "1.x"), "page_token");
    fx_assert_field(FX_ASK(dave, LIST_MEMBERS, .room_id = room, .page_size = -1), "page_size");
}
END_TEST

START_TEST(who_waits_and_who_is_banned_is_listed_for_those_who_decide)
{
    room = fx_room(alice, NULL);
    nap();
    fx_join(bob, room);
    nap();
    fx_assert_ok(ban(alice, erin));
    nap();
    ask_for_approval();
    fx_join(carol, room);
    fx_assert_ok(FX_ASK(bob, LIST_MEMBERS, .room_id = room));
    ck_assert_str_eq(names(), "alice bob");
    ck_assert_int_eq(fx_answer->total, 2);
    fx_assert_ok(FX_ASK(alice, LIST_MEMBERS, .room_id = room));
    ck_assert_str_eq(names(), "alice bob erin carol");
    ck_assert_int_eq(fx_answer->members[2].status, SYNCTV_MEMBER_STATUS_BANNED);
    ck_assert_int_eq(fx_answer->members[3].status, SYNCTV_MEMBER_STATUS_PENDING);
    ck_assert_int_eq(fx_answer->total, 4);
    fx_assert_ok(FX_ASK(fx_system(), LIST_MEMBERS, .room_id = room, .page_size = 1));
    ck_assert_str_eq(names(), "alice");
    ck_assert_str_ne(fx_answer->next_page_token, "");
}
END_TEST

START_TEST(changes_reach_a_room_that_is_not_in_memory)
{
    fx_forget_rooms();
    fx_assert_ok(kick(bob, carol));
    fx_assert_ok(ban(bob, dave));
    fx_assert_ok(set_role(alice, bob, SYNCTV_ROOM_ROLE_MEMBER));
    fx_assert_ok(FX_ASK(alice, LIST_MEMBERS, .room_id = room));
    ck_assert_int_eq(fx_answer->total, 3);
    fx_check_memory(room);
    fx_assert_code(FX_ASK(carol, JOIN_ROOM, .room_id = room), SYNCTV_E_MEMBER_KICKED);
    fx_forget_rooms();
    fx_assert_ok(unban(alice, dave));
    fx_join(dave, room);
    fx_check_memory(room);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("member_calls");
    TCase *tcase = tcase_create("members");
    tcase_add_checked_fixture(tcase, people, fx_close);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_kick_is_told_to_all_and_ends_the_victims_streams);
    tcase_add_test(tcase, nobody_kicks_above_themselves);
    tcase_add_test(tcase, only_members_are_kicked);
    tcase_add_test(tcase, a_guest_is_kicked_like_a_member);
    tcase_add_test(tcase, a_guest_who_has_gone_is_kept_away);
    tcase_add_test(tcase, a_pending_member_is_refused_by_a_kick);
    tcase_add_test(tcase, added_permissions_end_with_a_kick);
    tcase_add_test(tcase, a_ban_is_told_and_ends_streams_and_membership);
    tcase_add_test(tcase, who_is_no_member_can_be_banned_beforehand);
    tcase_add_test(tcase, a_banned_guest_goes_at_once);
    tcase_add_test(tcase, a_kick_before_a_ban_does_not_help);
    tcase_add_test(tcase, who_is_unbanned_may_come_back);
    tcase_add_test(tcase, a_banned_admin_is_brought_back_only_by_who_makes_admins);
    tcase_add_test(tcase, who_is_approved_is_in);
    tcase_add_test(tcase, only_who_asked_is_approved);
    tcase_add_test(tcase, only_the_creator_makes_and_unmakes_admins);
    tcase_add_test(tcase, who_waits_is_made_nothing);
    tcase_add_test(tcase, permissions_are_added_and_removed);
    tcase_add_test(tcase, nobody_grants_what_they_lack);
    tcase_add_test(tcase, without_the_permission_nobody_sees_the_members);
    tcase_add_test(tcase, members_are_listed_by_the_time_they_joined_in_pages);
    tcase_add_test(tcase, who_waits_and_who_is_banned_is_listed_for_those_who_decide);
    tcase_add_test(tcase, changes_reach_a_room_that_is_not_in_memory);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
