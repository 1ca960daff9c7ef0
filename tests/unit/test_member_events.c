/* SPDX-License-Identifier: MIT */
/* Who hears what becomes of whom: a stream tells nobody more of a member than ListMembers would,
 * before or after. */
#include <stdlib.h>
#include <string.h>

#include "support/node_fixture.h"

/* Who follows the room, in which zoe is the one that things happen to. */
enum {
    CREATOR = 1,
    SYSTEM = 2,
    PLAIN = 4,
    APPROVER = 8, /* a plain member with one more permission, here and below */
    BANNER = 16,
    KICKER = 32,
    BLIND = 64, /* who does not see the member list */
    ZOE = 128,
};
#define IN_CHARGE (CREATOR | SYSTEM)
#define THE_LIST (IN_CHARGE | PLAIN | APPROVER | BANNER | KICKER) /* all who see it */

static const struct follower {
    unsigned bit;
    const char *name;
    uint64_t added, removed;
} followers[] = {
    { PLAIN, "plain", 0, 0 },
    { APPROVER, "approver", SYNCTV_PERM_APPROVE_MEMBER, 0 },
    { BANNER, "banner", SYNCTV_PERM_BAN_MEMBER, 0 },
    { KICKER, "kicker", SYNCTV_PERM_KICK_MEMBER, 0 },
    { BLIND, "blind", 0, SYNCTV_PERM_VIEW_MEMBER_LIST },
};
#define N_FOLLOWERS (sizeof(followers) / sizeof(followers[0]))

static synctv_caller *alice, *zoe;
static const char *room;

static void people(void)
{
    fx_open();
    alice = fx_user("alice");
    zoe = fx_user("zoe");
}

/* --- what zoe is before --- */

enum before { NOBODY, GUEST, PENDING, ACTIVE, BANNED, KICKED, N_BEFORE };
static const char *const before_names[N_BEFORE] = {
    "nobody",
    "a guest",
    "pending",
    "active",
    "banned",
    "kicked",
};

static void set_door(bool require_approval, bool allow_guests)
{
    static const char *const fields[] = { "settings" };
    const synctv_room_settings settings = {
        .require_approval = require_approval,
        .allow_guests = allow_guests,
    };
    fx_assert_ok(FX_ASK(alice, UPDATE_ROOM, .room_id = room, .settings = &settings,
        .fields = fields, .n_fields = 1));
}

/* --- what happens --- */

static int join(void)
{
    return FX_ASK(zoe, JOIN_ROOM, .room_id = room);
}

static int join_freely(void)
{
    set_door(false, false);
    return join();
}

static int leave(void)
{
    return FX_ASK(zoe, LEAVE_ROOM, .room_id = room);
}

static int approve(void)
{
    return FX_ASK(alice, APPROVE_MEMBER, .room_id = room, .user_id = fx_id(zoe));
}

static int kick(void)
{
    return FX_ASK(alice, KICK_MEMBER, .room_id = room, .user_id = fx_id(zoe), .reason = "spam");
}

static int ban(void)
{
    return FX_ASK(alice, BAN_MEMBER, .room_id = room, .user_id = fx_id(zoe), .reason = "spam");
}

static int unban(void)
{
    return FX_ASK(alice, UNBAN_MEMBER, .room_id = room, .user_id = fx_id(zoe));
}

static int set_role(void)
{
    return FX_ASK(alice, SET_MEMBER_ROLE, .room_id = room, .user_id = fx_id(zoe),
        .role = SYNCTV_ROOM_ROLE_ADMIN);
}

static int set_permissions(void)
{
    return FX_ASK(alice, SET_MEMBER_PERMISSIONS, .room_id = room, .user_id = fx_id(zoe),
        .added_permissions = SYNCTV_PERM_PLAY_CONTROL);
}

static int come_online(void)
{
    fx_follow(zoe, room);
    return 0;
}

/* --- the table --- */

#define CHANGE(name) SYNCTV_MEMBER_CHANGE_##name

static const struct row {
    enum before before;
    int (*act)(void);
    synctv_member_change change;
    unsigned told;
} table[] = {
    { NOBODY, join_freely, CHANGE(JOINED), THE_LIST },
    { NOBODY, join, CHANGE(JOINED), IN_CHARGE | APPROVER },
    { GUEST, join, CHANGE(JOINED), IN_CHARGE | APPROVER | ZOE },
    { PENDING, join_freely, CHANGE(JOINED), THE_LIST },
    { PENDING, approve, CHANGE(APPROVED), THE_LIST },
    { PENDING, leave, CHANGE(LEFT), IN_CHARGE | APPROVER },
    { ACTIVE, leave, CHANGE(LEFT), THE_LIST },
    { NOBODY, kick, CHANGE(KICKED), IN_CHARGE | KICKER },
    { GUEST, kick, CHANGE(KICKED), THE_LIST | ZOE },
    { PENDING, kick, CHANGE(KICKED), IN_CHARGE | APPROVER },
    { ACTIVE, kick, CHANGE(KICKED), THE_LIST },
    { NOBODY, ban, CHANGE(BANNED), IN_CHARGE | BANNER },
    { KICKED, ban, CHANGE(BANNED), IN_CHARGE | BANNER },
    { GUEST, ban, CHANGE(BANNED), THE_LIST | ZOE },
    { PENDING, ban, CHANGE(BANNED), IN_CHARGE | APPROVER | BANNER },
    { ACTIVE, ban, CHANGE(BANNED), THE_LIST },
    { BANNED, unban, CHANGE(UNBANNED), IN_CHARGE | BANNER },
    { ACTIVE, set_role, CHANGE(ROLE), THE_LIST },
    { PENDING, set_permissions, CHANGE(PERMISSIONS), IN_CHARGE | APPROVER },
    { ACTIVE, set_permissions, CHANGE(PERMISSIONS), THE_LIST },
    { ACTIVE, come_online, CHANGE(ONLINE), THE_LIST },
};
#define N_ROWS (int)(sizeof(table) / sizeof(table[0]))

static synctv_stream *streams[N_FOLLOWERS + 3];
static unsigned bits[N_FOLLOWERS + 3];
static size_t n_streams;

static void follow(unsigned bit, synctv_caller *caller)
{
    bits[n_streams] = bit;
    streams[n_streams++] = fx_follow(caller, room);
}

static void gather(void)
{
    n_streams = 0;
    room = fx_room(alice, NULL);
    follow(CREATOR, alice);
    follow(SYSTEM, fx_system());
    for (size_t i = 0; i < N_FOLLOWERS; i++) {
        synctv_caller *caller = fx_user(followers[i].name);
        fx_join(caller, room);
        fx_assert_ok(FX_ASK(alice, SET_MEMBER_PERMISSIONS, .room_id = room,
            .user_id = fx_id(caller), .added_permissions = followers[i].added,
            .removed_permissions = followers[i].removed));
        follow(followers[i].bit, caller);
    }
}

static void make(enum before before)
{
    bool is_inside = before == ACTIVE || before == BANNED || before == KICKED;
    if (is_inside)
        fx_join(zoe, room);
    set_door(true, !is_inside && before != PENDING);
    if (before == GUEST)
        follow(ZOE, zoe);
    else if (before == PENDING)
        fx_join(zoe, room);
    else if (before == BANNED)
        fx_assert_ok(ban());
    else if (before == KICKED)
        fx_assert_ok(kick());
}

/* Who hears of this change of zoe's; nobody hears of another one. */
static unsigned listen(const struct row *row)
{
    unsigned told = 0;
    for (size_t i = 0; i < n_streams; i++) {
        const synctv_event *event;
        while (synctv_stream_next(streams[i], 0, &event, NULL) == 1) {
            if (event->type == SYNCTV_EVENT_MEMBER &&
                strcmp(event->member->user_id, fx_id(zoe)) == 0) {
                ck_assert_int_eq(event->change, row->change);
                told |= bits[i];
            }
            synctv_event_unref(event);
        }
    }
    return told;
}

static void drain(void)
{
    for (size_t i = 0; i < n_streams; i++)
        fx_got(streams[i], SYNCTV_EVENT_MEMBER);
}

START_TEST(nobody_hears_more_than_the_list_shows)
{
    const struct row *row = &table[_i];
    gather();
    make(row->before);
    drain();
    fx_assert_ok(row->act());
    unsigned told = listen(row);
    ck_assert_msg(told == row->told, "change %d of who is %s was told to %#x, not to %#x",
        (int)row->change, before_names[row->before], told, row->told);
    fx_check_memory(room);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("member_events");
    TCase *tcase = tcase_create("member_events");
    tcase_add_checked_fixture(tcase, people, fx_close);
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, nobody_hears_more_than_the_list_shows, 0, N_ROWS);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
