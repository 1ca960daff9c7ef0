/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "node/engine/blocking_job.h"
#include "support/node_fixture.h"

static synctv_caller *alice, *bob, *carol;

static void people(void)
{
    fx_open();
    alice = fx_user("alice");
    bob = fx_user("bob");
    carol = fx_user("carol");
}

static const char *room_with_password(const char *password)
{
    fx_assert_ok(FX_ASK(alice, CREATE_ROOM, .name = "room", .password = password));
    return fx_answer->room->id;
}

static int update_settings(const char *room, const synctv_room_settings *settings)
{
    static const char *const fields[] = { "settings" };
    return FX_ASK(alice, UPDATE_ROOM, .room_id = room, .settings = settings, .fields = fields,
        .n_fields = 1);
}

START_TEST(who_joins_is_a_member_and_sees_the_room)
{
    const char *room = fx_room(alice, NULL);
    synctv_stream *stream = fx_follow(alice, room);
    fx_assert_ok(FX_ASK(bob, JOIN_ROOM, .room_id = room));
    ck_assert_ptr_nonnull(fx_answer->room->settings);
    ck_assert_int_eq(fx_answer->room->member_count, 2);
    ck_assert_int_eq(fx_answer->member->role, SYNCTV_ROOM_ROLE_MEMBER);
    ck_assert_int_eq(fx_answer->member->status, SYNCTV_MEMBER_STATUS_ACTIVE);
    ck_assert_uint_eq(fx_answer->member->permissions, SYNCTV_PERM_DEFAULT_MEMBER);
    ck_assert_str_eq(fx_answer->member->username, "bob");
    ck_assert_ptr_nonnull(fx_answer->state);
    ck_assert_uint_eq(fx_answer->n_members, 2);
    ck_assert_str_eq(fx_answer->members[0].username, "alice"); /* online first */

    const synctv_event *event = fx_expect_change(stream, SYNCTV_MEMBER_CHANGE_JOINED);
    ck_assert_str_eq(event->member->user_id, fx_id(bob));
    ck_assert_str_eq(event->actor_id, fx_id(bob));
    fx_check_memory(room);
}
END_TEST

START_TEST(joining_again_changes_nothing_and_answers_the_same)
{
    const char *room = fx_room(alice, NULL);
    fx_join(bob, room);
    uint64_t revision = fx_answer->room->revision;
    int64_t joined_at_ms = fx_answer->member->joined_at_ms;
    synctv_stream *stream = fx_follow(alice, room);
    fx_join(bob, room);
    ck_assert_uint_eq(fx_answer->room->revision, revision);
    ck_assert_int_eq(fx_answer->member->joined_at_ms, joined_at_ms);
    ck_assert_uint_eq(fx_answer->n_members, 2);
    ck_assert(!fx_got_change(stream, SYNCTV_MEMBER_CHANGE_JOINED));
    fx_join(alice, room);
    ck_assert_int_eq(fx_answer->member->role, SYNCTV_ROOM_ROLE_CREATOR);
}
END_TEST

START_TEST(streams_of_all_rooms_follow_a_room_that_was_joined)
{
    const char *room = fx_room(alice, NULL);
    fx_room(bob, NULL);
    synctv_stream *stream = fx_follow(bob, "");
    fx_join(bob, room);
    const synctv_event *event = fx_expect(stream, SYNCTV_EVENT_STATE);
    ck_assert_str_eq(event->room_id, room);
    fx_say(alice, room, "welcome");
    ck_assert_str_eq(fx_expect(stream, SYNCTV_EVENT_CHAT)->chat->content, "welcome");
}
END_TEST

START_TEST(a_guest_who_joins_becomes_a_member_on_the_same_stream)
{
    const synctv_room_settings guests = { .allow_guests = true };
    const char *room = fx_room(alice, &guests);
    synctv_stream *stream = fx_follow(bob, room);
    fx_assert_code(FX_ASK(bob, SEND_CHAT, .room_id = room, .content = "hi"),
        SYNCTV_E_PERMISSION_DENIED);
    fx_join(bob, room);
    ck_assert(fx_answer->member->online);
    ck_assert_int_eq(fx_answer->room->online_count, 1);
    fx_say(bob, room, "hi");
    fx_expect(stream, SYNCTV_EVENT_CHAT);
    fx_check_memory(room);
}
END_TEST

/* --- approval --- */

START_TEST(where_approval_is_on_one_waits_outside)
{
    const synctv_room_settings approval = { .require_approval = true };
    const char *room = fx_room(alice, &approval);
    synctv_stream *stream = fx_follow(alice, room);
    for (int i = 0; i < 2; i++) { /* asking again is no use */
        fx_assert_ok(FX_ASK(bob, JOIN_ROOM, .room_id = room));
        ck_assert_int_eq(fx_answer->member->status, SYNCTV_MEMBER_STATUS_PENDING);
        ck_assert_uint_eq(fx_answer->member->permissions, 0);
        ck_assert_ptr_null(fx_answer->room->settings);
        ck_assert_ptr_null(fx_answer->state);
        ck_assert_uint_eq(fx_answer->n_members, 0);
    }
    const synctv_event *event = fx_expect_change(stream, SYNCTV_MEMBER_CHANGE_JOINED);
    ck_assert_int_eq(event->member->status, SYNCTV_MEMBER_STATUS_PENDING);
    ck_assert(!fx_got_change(stream, SYNCTV_MEMBER_CHANGE_JOINED));
    fx_assert_code(fx_end_of(fx_open_stream(bob, room, NULL)), SYNCTV_E_MEMBER_PENDING);
    fx_check_memory(room);
}
END_TEST

START_TEST(who_waited_comes_in_once_approval_is_off)
{
    synctv_room_settings settings = { .require_approval = true };
    const char *room = fx_room(alice, &settings);
    fx_join(bob, room);
    settings.require_approval = false;
    fx_assert_ok(update_settings(room, &settings));
    fx_assert_ok(FX_ASK(bob, JOIN_ROOM, .room_id = room));
    ck_assert_int_eq(fx_answer->member->status, SYNCTV_MEMBER_STATUS_ACTIVE);
    ck_assert_ptr_nonnull(fx_answer->state);
    fx_check_memory(room);
}
END_TEST

START_TEST(a_platform_admin_needs_no_approval_and_no_password)
{
    const synctv_room_settings approval = { .require_approval = true };
    fx_assert_ok(FX_ASK(alice, CREATE_ROOM, .name = "x", .password = "secret",
        .settings = &approval));
    const char *room = fx_answer->room->id;
    synctv_caller *root = fx_user_with("root", SYNCTV_USER_ROLE_ROOT, SYNCTV_USER_STATUS_ACTIVE);
    fx_assert_ok(FX_ASK(root, JOIN_ROOM, .room_id = room));
    ck_assert_int_eq(fx_answer->member->status, SYNCTV_MEMBER_STATUS_ACTIVE);
}
END_TEST

/* --- passwords --- */

START_TEST(a_room_with_a_password_takes_it)
{
    const char *room = room_with_password("secret");
    fx_assert_code(FX_ASK(bob, JOIN_ROOM, .room_id = room), SYNCTV_E_ROOM_PASSWORD_WRONG);
    fx_assert_code(FX_ASK(bob, JOIN_ROOM, .room_id = room, .password = "guess"),
        SYNCTV_E_ROOM_PASSWORD_WRONG);
    fx_assert_ok(FX_ASK(bob, JOIN_ROOM, .room_id = room, .password = "secret"));
    ck_assert(fx_answer->room->has_password);
    /* A member is asked no more. */
    fx_assert_ok(FX_ASK(bob, JOIN_ROOM, .room_id = room, .password = "whatever"));
}
END_TEST

START_TEST(guessing_a_password_has_a_rate)
{
    const char *room = room_with_password("secret");
    fx_node.limits.hash_per_minute = 1;
    synctv_caller *dave = fx_signed_in("dave");
    fx_assert_code(FX_ASK(dave, JOIN_ROOM, .room_id = room, .password = "guess"),
        SYNCTV_E_ROOM_PASSWORD_WRONG);
    fx_assert_code(FX_ASK(dave, JOIN_ROOM, .room_id = room, .password = "secret"),
        SYNCTV_E_RATE_LIMITED);
    ck_assert_int_gt(fx_error.retry_after_ms, 0);
}
END_TEST

START_TEST(a_password_that_was_removed_is_asked_for_no_more)
{
    const char *room = room_with_password("secret");
    fx_assert_ok(FX_ASK(alice, UPDATE_ROOM, .room_id = room, .has_password = true));
    ck_assert(!fx_answer->room->has_password);
    fx_assert_ok(FX_ASK(bob, JOIN_ROOM, .room_id = room));
}
END_TEST

static int changed_code;

static void changed(void *userdata, const synctv_result *result)
{
    changed_code = result->code;
}

START_TEST(an_old_password_does_not_let_in_who_gave_it_while_it_was_changed)
{
    /* Whichever of the two comes first, nobody gets in by a password that is not the room's any
     * more. */
    for (int i = 0; i < 5; i++) {
        const char *room = room_with_password("old");
        changed_code = 1;
        const synctv_request change = SYNCTV_REQUEST(SYNCTV_METHOD_UPDATE_ROOM, .room_id = room,
            .has_password = true, .password = "new");
        synctv_call(alice, &change, changed, NULL);
        int rv = FX_ASK(bob, JOIN_ROOM, .room_id = room, .password = "old");
        if (rv == 0)
            ck_assert(fx_answer->room->has_password);
        else
            fx_assert_code(rv, SYNCTV_E_ROOM_PASSWORD_WRONG);
        for (int k = 0; k < 30000 && changed_code > 0; k++) {
            sv_node_turn(&fx_node);
            nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
        }
        ck_assert_int_eq(changed_code, 0);
        fx_assert_code(FX_ASK(carol, JOIN_ROOM, .room_id = room, .password = "old"),
            SYNCTV_E_ROOM_PASSWORD_WRONG);
        fx_check_memory(room);
        fx_assert_ok(FX_ASK(alice, DELETE_ROOM, .room_id = room));
    }
}
END_TEST

START_TEST(too_long_a_password_is_not_looked_at)
{
    const char *room = fx_room(alice, NULL);
    char password[66];
    memset(password, 'x', 65);
    password[65] = '\0';
    fx_assert_field(FX_ASK(bob, JOIN_ROOM, .room_id = room, .password = password), "password");
}
END_TEST

/* --- who cannot --- */

START_TEST(who_was_kicked_waits_for_a_while)
{
    const synctv_room_settings guests = { .allow_guests = true };
    const char *room = fx_room(alice, &guests);
    fx_join(bob, room);
    int64_t start_ms = synctv_node_now_ms(&fx_node);
    fx_assert_ok(FX_ASK(alice, KICK_MEMBER, .room_id = room, .user_id = fx_id(bob)));
    for (int i = 0; i < 2; i++) {
        fx_assert_code(FX_ASK(bob, JOIN_ROOM, .room_id = room), SYNCTV_E_MEMBER_KICKED);
        ck_assert_int_ge(fx_error.retry_after_ms,
            30000 - (synctv_node_now_ms(&fx_node) - start_ms));
        ck_assert_int_le(fx_error.retry_after_ms, 30000);
        fx_assert_code(FX_ASK(bob, GET_MOVIE_LIST, .room_id = room), SYNCTV_E_MEMBER_KICKED);
        fx_assert_code(fx_end_of(fx_open_stream(bob, room, NULL)), SYNCTV_E_MEMBER_KICKED);
        fx_check_memory(room);
        fx_forget_rooms(); /* the same from storage */
    }
    fx_pass_ms(30000);
    fx_assert_ok(FX_ASK(bob, JOIN_ROOM, .room_id = room));
    fx_check_memory(room);
}
END_TEST

struct rows {
    struct sv_blocking_job blocking;
    const char *room_id;
};

static int count_rows(struct sv_blocking_job *b, struct sv_tx *tx)
{
    struct sv_arena arena = { 0 };
    struct sv_member_rec *rows;
    int n =
        tx->ops->member_list(tx, SV_CONTAINER_OF(b, struct rows, blocking)->room_id, &arena, &rows);
    sv_arena_fini(&arena);
    return n;
}

/* In storage, so much later; each minute it is purged. */
static int rows_after_ms(int64_t ms, const char *room_id)
{
    struct rows rows = { .blocking.run = count_rows, .room_id = room_id };
    fx_pass_ms(ms);
    fx_settle();
    return sv_blocking_job_do(&rows.blocking, fx_node.store, sv_store_read);
}

START_TEST(of_who_was_kicked_nothing_is_left_after_a_while)
{
    const char *room = fx_room(alice, NULL);
    fx_join(bob, room);
    fx_pass_ms(55000);
    fx_assert_ok(FX_ASK(alice, KICK_MEMBER, .room_id = room, .user_id = fx_id(bob)));
    ck_assert_int_eq(rows_after_ms(5001, room), 2);
    fx_forget_rooms();
    fx_assert_code(FX_ASK(bob, JOIN_ROOM, .room_id = room), SYNCTV_E_MEMBER_KICKED);
    ck_assert_int_eq(rows_after_ms(60000, room), 1);
    fx_assert_code(FX_ASK(alice, KICK_MEMBER, .room_id = room, .user_id = fx_id(bob)),
        SYNCTV_E_MEMBER_NOT_FOUND);
    fx_check_memory(room);
    fx_assert_ok(FX_ASK(bob, JOIN_ROOM, .room_id = room));
    ck_assert_int_eq(rows_after_ms(60000, room), 2);
    fx_check_memory(room);
}
END_TEST

START_TEST(a_full_room_takes_nobody)
{
    const synctv_room_settings small = { .max_members = 2 };
    const char *room = fx_room(alice, &small);
    fx_join(bob, room);
    fx_assert_code(FX_ASK(carol, JOIN_ROOM, .room_id = room), SYNCTV_E_ROOM_FULL);
    fx_join(bob, room);
    fx_assert_ok(FX_ASK(alice, KICK_MEMBER, .room_id = room, .user_id = fx_id(bob)));
    fx_join(carol, room);

    fx_node.limits.members_per_room = 1;
    const char *other = fx_room(alice, NULL);
    fx_assert_code(FX_ASK(bob, JOIN_ROOM, .room_id = other), SYNCTV_E_ROOM_FULL);
}
END_TEST

START_TEST(nobody_joins_too_many_rooms)
{
    fx_node.limits.memberships_per_user = 2;
    const char *first = fx_room(alice, NULL), *second = fx_room(alice, NULL);
    const char *third = fx_room(carol, NULL);
    fx_join(bob, first);
    fx_join(bob, second);
    fx_assert_code(FX_ASK(bob, JOIN_ROOM, .room_id = third), SYNCTV_E_ROOM_LIMIT);
    fx_join(bob, second);
    fx_assert_ok(FX_ASK(bob, LEAVE_ROOM, .room_id = first));
    fx_join(bob, third);
}
END_TEST

START_TEST(the_system_is_nobodys_member)
{
    const char *room = fx_room(alice, NULL);
    fx_assert_code(FX_ASK(fx_system(), JOIN_ROOM, .room_id = room), SYNCTV_E_PERMISSION_DENIED);
    fx_assert_code(FX_ASK(fx_system(), LEAVE_ROOM, .room_id = room), SYNCTV_E_NOT_A_MEMBER);
}
END_TEST

START_TEST(a_room_survives_being_forgotten)
{
    fx_assert_ok(FX_ASK(alice, CREATE_ROOM, .name = "x", .password = "secret"));
    const char *room = fx_answer->room->id;
    fx_forget_rooms();
    fx_assert_code(FX_ASK(bob, JOIN_ROOM, .room_id = room), SYNCTV_E_ROOM_PASSWORD_WRONG);
    fx_forget_rooms();
    fx_assert_ok(FX_ASK(bob, JOIN_ROOM, .room_id = room, .password = "secret"));
    fx_check_memory(room);
    fx_forget_rooms();
    fx_assert_ok(FX_ASK(bob, JOIN_ROOM, .room_id = room));
    ck_assert_uint_eq(fx_answer->n_members, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("join_calls");
    TCase *tcase = tcase_create("joining");
    tcase_add_checked_fixture(tcase, people, fx_close);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, who_joins_is_a_member_and_sees_the_room);
    tcase_add_test(tcase, joining_again_changes_nothing_and_answers_the_same);
    tcase_add_test(tcase, streams_of_all_rooms_follow_a_room_that_was_joined);
    tcase_add_test(tcase, a_guest_who_joins_becomes_a_member_on_the_same_stream);
    tcase_add_test(tcase, where_approval_is_on_one_waits_outside);
    tcase_add_test(tcase, who_waited_comes_in_once_approval_is_off);
    tcase_add_test(tcase, a_platform_admin_needs_no_approval_and_no_password);
    tcase_add_test(tcase, a_room_with_a_password_takes_it);
    tcase_add_test(tcase, guessing_a_password_has_a_rate);
    tcase_add_test(tcase, a_password_that_was_removed_is_asked_for_no_more);
    tcase_add_test(tcase, an_old_password_does_not_let_in_who_gave_it_while_it_was_changed);
    tcase_add_test(tcase, too_long_a_password_is_not_looked_at);
    tcase_add_test(tcase, who_was_kicked_waits_for_a_while);
    tcase_add_test(tcase, of_who_was_kicked_nothing_is_left_after_a_while);
    tcase_add_test(tcase, a_full_room_takes_nobody);
    tcase_add_test(tcase, nobody_joins_too_many_rooms);
    tcase_add_test(tcase, the_system_is_nobodys_member);
    tcase_add_test(tcase, a_room_survives_being_forgotten);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
