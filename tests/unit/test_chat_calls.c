/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/node_fixture.h"

/* alice made the room, bob and dave are members, carol is not in it. */
static synctv_caller *alice, *bob, *carol, *dave;
static const char *room;

static void people(void)
{
    fx_open();
    alice = fx_user("alice");
    bob = fx_user("bob");
    carol = fx_user("carol");
    dave = fx_user("dave");
    room = fx_room(alice, NULL);
    fx_join(bob, room);
    fx_join(dave, room);
}

static int history(synctv_caller *by, uint64_t before, uint64_t after, int32_t limit)
{
    return FX_ASK(by, GET_CHAT_HISTORY, .room_id = room, .before_seq = before, .after_seq = after,
        .limit = limit);
}

/* What the history in the answer says. */
static const char *contents(void)
{
    static char text[4096];
    text[0] = '\0';
    for (size_t i = 0; i < fx_answer->n_messages; i++) {
        strcat(text, i == 0 ? "" : " ");
        strcat(text, fx_answer->messages[i].content);
    }
    return text;
}

static int delete_message(synctv_caller *by, const char *id)
{
    return FX_ASK(by, DELETE_CHAT_MESSAGE, .room_id = room, .message_id = id);
}

static void mute(synctv_caller *caller)
{
    fx_assert_ok(FX_ASK(alice, SET_MEMBER_PERMISSIONS, .room_id = room, .user_id = fx_id(caller),
        .removed_permissions = SYNCTV_PERM_SEND_CHAT));
}

/* --- SendChat --- */

START_TEST(what_is_said_reaches_all_and_is_kept)
{
    synctv_stream *bobs = fx_follow(bob, room), *alices = fx_follow(alice, "");
    synctv_stream *observer = fx_open_stream(fx_system(), "", NULL);
    fx_assert_ok(synctv_chat_send(bobs, NULL, "hello", "id-1", &fx_error));
    synctv_stream *all[] = { bobs, alices, observer };
    for (size_t i = 0; i < 3; i++) {
        const synctv_event *event = fx_expect(all[i], SYNCTV_EVENT_CHAT);
        ck_assert_str_eq(event->room_id, room);
        ck_assert_str_eq(event->actor_id, fx_id(bob));
        ck_assert_str_eq(event->chat->content, "hello");
        ck_assert_str_eq(event->chat->user_id, fx_id(bob));
        ck_assert_str_eq(event->chat->username, "bob");
        ck_assert_str_eq(event->chat->client_message_id, "id-1");
        ck_assert_uint_eq(event->chat->seq, 1);
        ck_assert_uint_eq(strlen(event->chat->message_id), SYNCTV_ID_LEN);
        ck_assert_int_gt(event->chat->timestamp_ms, 0);
    }
    fx_assert_ok(history(alice, 0, 0, 0));
    ck_assert_str_eq(contents(), "hello");
}
END_TEST

START_TEST(one_senders_messages_keep_their_order)
{
    synctv_stream *stream = fx_follow(bob, room);
    for (int i = 0; i < 50; i++) {
        char text[8];
        snprintf(text, sizeof(text), "%d", i);
        fx_assert_ok(synctv_chat_send(stream, room, text, NULL, &fx_error));
    }
    for (int i = 0; i < 50; i++) {
        const synctv_event *event = fx_expect(stream, SYNCTV_EVENT_CHAT);
        ck_assert_int_eq(atoi(event->chat->content), i);
        ck_assert_uint_eq(event->chat->seq, (uint64_t)i + 1);
    }
}
END_TEST

START_TEST(a_resend_never_doubles)
{
    synctv_stream *bobs = fx_follow(bob, room), *alices = fx_follow(alice, room);
    fx_assert_ok(synctv_chat_send(bobs, room, "first", "same", &fx_error));
    const synctv_event *event = fx_expect(bobs, SYNCTV_EVENT_CHAT);
    const char *id = event->chat->message_id;
    fx_assert_ok(synctv_chat_send(bobs, room, "again", "same", &fx_error));
    event = fx_expect(bobs, SYNCTV_EVENT_CHAT);
    ck_assert_str_eq(event->chat->message_id, id);
    ck_assert_str_eq(event->chat->content, "first");
    fx_expect(alices, SYNCTV_EVENT_CHAT);
    ck_assert(!fx_got(alices, SYNCTV_EVENT_CHAT));

    /* In a call it is the answer; of another sender it is another message. */
    fx_assert_ok(FX_ASK(bob, SEND_CHAT, .room_id = room, .content = "x", .message_id = "same"));
    ck_assert_str_eq(fx_answer->chat->message_id, id);
    ck_assert(!fx_got(bobs, SYNCTV_EVENT_CHAT));
    fx_assert_ok(FX_ASK(alice, SEND_CHAT, .room_id = room, .content = "mine",
        .message_id = "same"));
    ck_assert_str_ne(fx_answer->chat->message_id, id);
    fx_assert_ok(history(alice, 0, 0, 0));
    ck_assert_str_eq(contents(), "mine first");
}
END_TEST

/* The one message that this stream has heard of. */
static void expect_only(synctv_stream *stream, const char *content)
{
    ck_assert_str_eq(fx_expect(stream, SYNCTV_EVENT_CHAT)->chat->content, content);
    fx_settle();
    ck_assert(!fx_got(stream, SYNCTV_EVENT_CHAT));
}

START_TEST(a_stream_that_does_not_follow_the_room_is_told_of_its_own_message)
{
    synctv_caller *admin = fx_user_with("admin", SYNCTV_USER_ROLE_ADMIN, SYNCTV_USER_STATUS_ACTIVE);
    synctv_stream *admins = fx_open_stream(admin, "", NULL); /* no member: follows nothing */
    fx_settle();
    fx_forget_rooms();
    fx_assert_ok(synctv_chat_send(admins, room, "to nobody", "a-1", &fx_error));
    expect_only(admins, "to nobody");

    synctv_stream *bobs = fx_follow(bob, room);
    fx_assert_ok(synctv_chat_send(admins, room, "to bob", "a-2", &fx_error));
    expect_only(admins, "to bob");
    expect_only(bobs, "to bob");
    fx_say(bob, room, "hello admin");
    fx_expect(bobs, SYNCTV_EVENT_CHAT);
    ck_assert(!fx_got(admins, SYNCTV_EVENT_CHAT));
}
END_TEST

START_TEST(who_speaks_at_once_is_told_of_it_once)
{
    fx_forget_rooms();
    synctv_stream *first = fx_open_stream(bob, "", NULL);
    fx_assert_ok(synctv_chat_send(first, room, "the room is not here", NULL, &fx_error));
    expect_only(first, "the room is not here");
    synctv_stream *second = fx_open_stream(bob, "", NULL);
    fx_assert_ok(synctv_chat_send(second, room, "now it is", NULL, &fx_error));
    expect_only(second, "now it is");
    expect_only(first, "now it is");
}
END_TEST

START_TEST(an_observer_is_told_of_its_own_message_once)
{
    synctv_stream *observer = fx_open_stream(fx_system(), "", NULL);
    fx_assert_ok(synctv_chat_send(observer, room, "maintenance", NULL, &fx_error));
    expect_only(observer, "maintenance");
}
END_TEST

START_TEST(what_is_refused_on_a_stream_is_told_to_its_sender)
{
    synctv_stream *stream = fx_follow(bob, room);
    fx_assert_ok(synctv_chat_send(stream, room, "", "empty", &fx_error));
    const synctv_event *event = fx_expect(stream, SYNCTV_EVENT_ERROR);
    ck_assert_int_eq(event->error_code, SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(event->error->field, "content");
    ck_assert_str_eq(event->in_reply_to, "empty");
    ck_assert_str_eq(event->room_id, room);
    mute(bob);
    fx_assert_ok(synctv_chat_send(stream, room, "may I?", "muted", &fx_error));
    event = fx_expect(stream, SYNCTV_EVENT_ERROR);
    ck_assert_int_eq(event->error_code, SYNCTV_E_PERMISSION_DENIED);
    ck_assert_str_eq(event->in_reply_to, "muted");
    ck_assert(!fx_got(stream, SYNCTV_EVENT_CHAT));
}
END_TEST

START_TEST(bad_messages_are_refused)
{
    char text[502], id[66];
    memset(text, 'x', 501);
    memset(id, 'x', 65);
    text[501] = id[65] = '\0';
    fx_assert_field(FX_ASK(bob, SEND_CHAT, .room_id = room, .content = text), "content");
    fx_assert_field(FX_ASK(bob, SEND_CHAT, .room_id = room, .content = " \n"), "content");
    fx_assert_field(FX_ASK(bob, SEND_CHAT, .room_id = room, .content = "\xff"), "content");
    fx_assert_field(FX_ASK(bob, SEND_CHAT, .room_id = room, .content = "x", .message_id = id),
        "message_id");
    fx_assert_field(FX_ASK(bob, SEND_CHAT, .content = "x"), "room_id");
    text[500] = id[64] = '\0';
    fx_assert_ok(FX_ASK(bob, SEND_CHAT, .room_id = room, .content = text, .message_id = id));
}
END_TEST

START_TEST(chat_has_a_rate_of_its_own)
{
    fx_node.limits.chat_per_second = 1;
    synctv_caller *erin = fx_signed_in("erin");
    fx_join(erin, room);
    int rv = 0;
    for (int i = 0; i < 10 && rv == 0; i++)
        rv = FX_ASK(erin, SEND_CHAT, .room_id = room, .content = "x");
    fx_assert_code(rv, SYNCTV_E_RATE_LIMITED);
    ck_assert_int_gt(fx_error.retry_after_ms, 0);
}
END_TEST

START_TEST(the_system_speaks_without_a_name)
{
    synctv_stream *stream = fx_follow(bob, room);
    fx_say(fx_system(), room, "maintenance at noon");
    const synctv_event *event = fx_expect(stream, SYNCTV_EVENT_CHAT);
    ck_assert_str_eq(event->chat->user_id, "");
    ck_assert_str_eq(event->chat->username, "");
    ck_assert_str_eq(event->actor_id, "");
    fx_assert_code(delete_message(bob, event->chat->message_id), SYNCTV_E_PERMISSION_DENIED);
}
END_TEST

START_TEST(a_guest_speaks_where_the_guest_mask_lets_them)
{
    const synctv_room_settings settings = {
        .allow_guests = true,
        .guest_permissions = SYNCTV_PERM_SEND_CHAT,
    };
    fx_assert_ok(FX_ASK(alice, CREATE_ROOM, .name = "x", .password = "secret",
        .settings = &settings));
    room = fx_answer->room->id;
    fx_assert_code(FX_ASK(carol, SEND_CHAT, .room_id = room, .content = "x"),
        SYNCTV_E_NOT_A_MEMBER);
    fx_assert_code(FX_ASK(carol, SEND_DANMAKU, .room_id = room, .content = "x"),
        SYNCTV_E_NOT_A_MEMBER);
    synctv_stream *stream = fx_open_stream(carol, room, "secret");
    fx_expect(stream, SYNCTV_EVENT_STATE);
    fx_assert_ok(synctv_chat_send(stream, NULL, "let me in", NULL, &fx_error));
    ck_assert_str_eq(fx_expect(stream, SYNCTV_EVENT_CHAT)->chat->username, "carol");
    fx_assert_ok(synctv_chat_danmaku(stream, NULL, "wow", 1, NULL, &fx_error));
    ck_assert_str_eq(fx_expect(stream, SYNCTV_EVENT_DANMAKU)->danmaku->username, "carol");
}
END_TEST

/* --- GetChatHistory --- */

START_TEST(history_is_read_backwards_and_forwards)
{
    for (int i = 1; i <= 6; i++) {
        char text[] = { (char)('0' + i), '\0' };
        fx_say(bob, room, text);
    }
    fx_assert_ok(history(dave, 0, 0, 2));
    ck_assert_str_eq(contents(), "6 5");
    fx_assert_ok(history(dave, 5, 0, 2));
    ck_assert_str_eq(contents(), "4 3");
    fx_assert_ok(history(dave, 0, 4, 0));
    ck_assert_str_eq(contents(), "6 5");
    fx_assert_field(history(dave, 0, 0, -1), "limit");
    fx_assert_code(history(carol, 0, 0, 0), SYNCTV_E_NOT_A_MEMBER);
    fx_assert_ok(FX_ASK(alice, SET_MEMBER_PERMISSIONS, .room_id = room, .user_id = fx_id(dave),
        .removed_permissions = SYNCTV_PERM_VIEW_CHAT_HISTORY));
    fx_assert_code(history(dave, 0, 0, 0), SYNCTV_E_PERMISSION_DENIED);
}
END_TEST

START_TEST(only_the_newest_messages_are_kept)
{
    const char *first = fx_say(bob, room, "first");
    for (int i = 0; i < 500; i++)
        fx_say(bob, room, "more");
    fx_assert_ok(history(bob, 10, 0, 100));
    ck_assert_uint_eq(fx_answer->n_messages, 8); /* 2 to 9 */
    fx_assert_code(delete_message(bob, first), SYNCTV_E_MESSAGE_NOT_FOUND);
}
END_TEST

/* --- DeleteChatMessage --- */

START_TEST(members_delete_their_own_messages_admins_any)
{
    const char *bobs = fx_say(bob, room, "bob's"), *daves = fx_say(dave, room, "dave's");
    synctv_stream *stream = fx_follow(alice, room);
    fx_assert_code(delete_message(bob, daves), SYNCTV_E_PERMISSION_DENIED);
    fx_assert_code(delete_message(carol, bobs), SYNCTV_E_NOT_A_MEMBER);
    fx_assert_ok(delete_message(bob, bobs));
    const synctv_event *event = fx_expect(stream, SYNCTV_EVENT_CHAT_DELETED);
    ck_assert_str_eq(event->deleted_message_id, bobs);
    ck_assert_uint_eq(event->deletion_seq, 3);
    ck_assert_str_eq(event->actor_id, fx_id(bob));
    ck_assert_str_eq(event->room_id, room);
    fx_assert_code(delete_message(bob, bobs), SYNCTV_E_MESSAGE_NOT_FOUND);
    fx_assert_code(delete_message(alice, bobs), SYNCTV_E_MESSAGE_NOT_FOUND);
    fx_assert_ok(delete_message(alice, daves));
    fx_assert_ok(history(alice, 0, 0, 0));
    ck_assert_uint_eq(fx_answer->n_messages, 0);
    fx_assert_field(delete_message(alice, ""), "message_id");
}
END_TEST

START_TEST(a_deletion_takes_the_next_number_and_is_in_no_history)
{
    const char *first = fx_say(bob, room, "first");
    fx_say(bob, room, "second");
    fx_assert_ok(delete_message(bob, first));
    fx_say(bob, room, "third");
    fx_assert_ok(history(alice, 0, 0, 0));
    ck_assert_str_eq(contents(), "third second");
    ck_assert_uint_eq(fx_answer->messages[0].seq, 4);
    ck_assert_uint_eq(fx_answer->messages[1].seq, 2);
    fx_assert_ok(history(alice, 4, 2, 0));
    ck_assert_uint_eq(fx_answer->n_messages, 0);
}
END_TEST

/* --- SendDanmaku --- */

START_TEST(danmaku_flies_to_all_and_is_not_kept)
{
    synctv_stream *bobs = fx_follow(bob, room), *alices = fx_follow(alice, room);
    const synctv_danmaku_options options = {
        .position = SYNCTV_DANMAKU_POSITION_TOP,
        .color = "#ff0080",
        .font_size = 30,
    };
    fx_assert_ok(synctv_chat_danmaku(bobs, NULL, "wow", 12.5, &options, &fx_error));
    synctv_stream *all[] = { bobs, alices };
    for (size_t i = 0; i < 2; i++) {
        const synctv_danmaku *danmaku = fx_expect(all[i], SYNCTV_EVENT_DANMAKU)->danmaku;
        ck_assert_str_eq(danmaku->content, "wow");
        ck_assert_str_eq(danmaku->room_id, room);
        ck_assert_str_eq(danmaku->user_id, fx_id(bob));
        ck_assert_str_eq(danmaku->username, "bob");
        ck_assert_double_eq(danmaku->video_time_s, 12.5);
        ck_assert_int_eq(danmaku->position, SYNCTV_DANMAKU_POSITION_TOP);
        ck_assert_str_eq(danmaku->color, "#ff0080");
        ck_assert_int_eq(danmaku->font_size, 30);
        ck_assert_uint_eq(strlen(danmaku->message_id), SYNCTV_ID_LEN);
    }
    fx_assert_ok(history(alice, 0, 0, 0));
    ck_assert_uint_eq(fx_answer->n_messages, 0);
}
END_TEST

START_TEST(danmaku_has_defaults_and_limits)
{
    synctv_stream *stream = fx_follow(bob, room);
    fx_assert_ok(FX_ASK(bob, SEND_DANMAKU, .room_id = room, .content = "x"));
    const synctv_danmaku *danmaku = fx_expect(stream, SYNCTV_EVENT_DANMAKU)->danmaku;
    ck_assert_int_eq(danmaku->font_size, 25);
    ck_assert_str_ne(danmaku->color, "");
    fx_assert_field(FX_ASK(bob, SEND_DANMAKU, .room_id = room, .content = ""), "content");
    fx_assert_field(FX_ASK(bob, SEND_DANMAKU, .room_id = room, .content = "x", .color = "red"),
        "color");
    fx_assert_field(FX_ASK(bob, SEND_DANMAKU, .room_id = room, .content = "x", .font_size = 99),
        "font_size");
    fx_assert_code(FX_ASK(carol, SEND_DANMAKU, .room_id = room, .content = "x"),
        SYNCTV_E_NOT_A_MEMBER);
    mute(bob);
    fx_assert_code(FX_ASK(bob, SEND_DANMAKU, .room_id = room, .content = "x"),
        SYNCTV_E_PERMISSION_DENIED);
}
END_TEST

START_TEST(who_comes_later_sees_the_danmaku_of_the_last_seconds)
{
    fx_assert_ok(FX_ASK(bob, SEND_DANMAKU, .room_id = room, .content = "old"));
    fx_pass_ms(8000);
    fx_assert_ok(FX_ASK(bob, SEND_DANMAKU, .room_id = room, .content = "new"));
    fx_pass_ms(4000);
    synctv_stream *stream = fx_follow(alice, room);
    ck_assert_str_eq(fx_expect(stream, SYNCTV_EVENT_DANMAKU)->danmaku->content, "new");
    ck_assert(!fx_got(stream, SYNCTV_EVENT_DANMAKU));
}
END_TEST

START_TEST(too_much_danmaku_in_a_room_is_dropped_without_a_word)
{
    fx_node.limits.room_danmaku_per_second = 5;
    synctv_stream *stream = fx_follow(alice, room);
    int64_t n = 0, start_ms = synctv_node_now_ms(&fx_node);
    for (int i = 0; i < 200; i++)
        fx_assert_ok(FX_ASK(bob, SEND_DANMAKU, .room_id = room, .content = "x"));
    int64_t took_ms = synctv_node_now_ms(&fx_node) - start_ms;
    const synctv_event *event = NULL;
    while (synctv_stream_next(stream, 0, &event, NULL) == 1) {
        n += event->type == SYNCTV_EVENT_DANMAKU;
        synctv_event_unref(event);
    }
    ck_assert_int_ge(n, 5);
    ck_assert_int_le(n, 5 + took_ms * 5 / 1000 + 1);
}
END_TEST

START_TEST(danmaku_has_a_rate_for_each_sender)
{
    fx_node.limits.danmaku_per_second = 1;
    synctv_caller *erin = fx_signed_in("erin");
    fx_join(erin, room);
    int rv = 0;
    for (int i = 0; i < 10 && rv == 0; i++)
        rv = FX_ASK(erin, SEND_DANMAKU, .room_id = room, .content = "x");
    fx_assert_code(rv, SYNCTV_E_RATE_LIMITED);
}
END_TEST

START_TEST(danmaku_loads_the_room_that_it_is_for)
{
    fx_forget_rooms();
    fx_assert_ok(FX_ASK(bob, SEND_DANMAKU, .room_id = room, .content = "first"));
    fx_assert_code(FX_ASK(bob, SEND_DANMAKU, .room_id = "AAAAAAAAAAAA", .content = "x"),
        SYNCTV_E_ROOM_NOT_FOUND);
    synctv_stream *stream = fx_follow(alice, room);
    ck_assert_str_eq(fx_expect(stream, SYNCTV_EVENT_DANMAKU)->danmaku->content, "first");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("chat_calls");
    TCase *tcase = tcase_create("chat");
    tcase_add_checked_fixture(tcase, people, fx_close);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, what_is_said_reaches_all_and_is_kept);
    tcase_add_test(tcase, one_senders_messages_keep_their_order);
    tcase_add_test(tcase, a_resend_never_doubles);
    tcase_add_test(tcase, a_stream_that_does_not_follow_the_room_is_told_of_its_own_message);
    tcase_add_test(tcase, who_speaks_at_once_is_told_of_it_once);
    tcase_add_test(tcase, an_observer_is_told_of_its_own_message_once);
    tcase_add_test(tcase, what_is_refused_on_a_stream_is_told_to_its_sender);
    tcase_add_test(tcase, bad_messages_are_refused);
    tcase_add_test(tcase, chat_has_a_rate_of_its_own);
    tcase_add_test(tcase, the_system_speaks_without_a_name);
    tcase_add_test(tcase, a_guest_speaks_where_the_guest_mask_lets_them);
    tcase_add_test(tcase, history_is_read_backwards_and_forwards);
    tcase_add_test(tcase, only_the_newest_messages_are_kept);
    tcase_add_test(tcase, members_delete_their_own_messages_admins_any);
    tcase_add_test(tcase, a_deletion_takes_the_next_number_and_is_in_no_history);
    tcase_add_test(tcase, danmaku_flies_to_all_and_is_not_kept);
    tcase_add_test(tcase, danmaku_has_defaults_and_limits);
    tcase_add_test(tcase, who_comes_later_sees_the_danmaku_of_the_last_seconds);
    tcase_add_test(tcase, too_much_danmaku_in_a_room_is_dropped_without_a_word);
    tcase_add_test(tcase, danmaku_has_a_rate_for_each_sender);
    tcase_add_test(tcase, danmaku_loads_the_room_that_it_is_for);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
