/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/permission.h"

static const synctv_room_settings defaults;

/* Every bit with a meaning, written down a second time on purpose. */
static const unsigned known_bits[] = { 0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 20, 21, 22, 23, 24, 30,
    31, 32, 33, 34, 35, 40, 41, 42, 50 };
#define N_KNOWN_BITS (sizeof(known_bits) / sizeof(known_bits[0]))

static const synctv_room_role roles[] = { SYNCTV_ROOM_ROLE_UNSPECIFIED, SYNCTV_ROOM_ROLE_GUEST,
    SYNCTV_ROOM_ROLE_MEMBER, SYNCTV_ROOM_ROLE_ADMIN, SYNCTV_ROOM_ROLE_CREATOR };

static synctv_member member(const char *id, synctv_room_role role)
{
    return (synctv_member){ .user_id = id, .role = role, .status = SYNCTV_MEMBER_STATUS_ACTIVE };
}

static synctv_member member_in(const char *id, synctv_room_role role, synctv_member_status status)
{
    synctv_member m = member(id, role);
    m.status = status;
    return m;
}

static struct sv_actor acting(const synctv_member *m)
{
    return (struct sv_actor){ .user_id = m->user_id, .member = m };
}

/* The actors that most tests need, in one room. */
static synctv_member creator, admin, other_admin, plain, other_plain;
static struct sv_actor as_creator, as_admin, as_plain, as_stranger, as_platform_admin, as_system;

static void people(void)
{
    creator = member("creator", SYNCTV_ROOM_ROLE_CREATOR);
    admin = member("admin", SYNCTV_ROOM_ROLE_ADMIN);
    other_admin = member("other_admin", SYNCTV_ROOM_ROLE_ADMIN);
    plain = member("plain", SYNCTV_ROOM_ROLE_MEMBER);
    other_plain = member("other_plain", SYNCTV_ROOM_ROLE_MEMBER);
    as_creator = acting(&creator);
    as_admin = acting(&admin);
    as_plain = acting(&plain);
    as_stranger = (struct sv_actor){ .user_id = "stranger" };
    as_platform_admin = (struct sv_actor){ .user_id = "root", .platform_admin = true };
    as_system = (struct sv_actor){ .user_id = "", .is_system = true };
}

/* --- masks --- */

START_TEST(the_masks_are_those_of_the_specification)
{
    uint64_t all = 0;
    for (size_t i = 0; i < N_KNOWN_BITS; i++)
        all |= UINT64_C(1) << known_bits[i];
    ck_assert_uint_eq(all, SYNCTV_PERM_ALL);
    ck_assert_uint_eq(sv_role_permissions(&defaults, SYNCTV_ROOM_ROLE_CREATOR), all);
    ck_assert_uint_eq(sv_role_permissions(&defaults, SYNCTV_ROOM_ROLE_ADMIN),
        UINT64_C(0x703C0701CFF));
    ck_assert_uint_eq(sv_role_permissions(&defaults, SYNCTV_ROOM_ROLE_MEMBER),
        UINT64_C(0x70000000017));
    ck_assert_uint_eq(sv_role_permissions(&defaults, SYNCTV_ROOM_ROLE_GUEST), 0);
    synctv_room_settings open = { .allow_guests = true };
    ck_assert_uint_eq(sv_role_permissions(&open, SYNCTV_ROOM_ROLE_GUEST), UINT64_C(0x10000000000));
}
END_TEST

START_TEST(the_rooms_masks_replace_the_defaults)
{
    synctv_room_settings s = {
        .allow_guests = true,
        .default_member_permissions = SYNCTV_PERM_PLAY_CONTROL,
        .default_admin_permissions = SYNCTV_PERM_KICK_MEMBER,
        .guest_permissions = SYNCTV_PERM_SEND_CHAT,
    };
    ck_assert_uint_eq(sv_role_permissions(&s, SYNCTV_ROOM_ROLE_MEMBER), SYNCTV_PERM_PLAY_CONTROL);
    ck_assert_uint_eq(sv_role_permissions(&s, SYNCTV_ROOM_ROLE_ADMIN), SYNCTV_PERM_KICK_MEMBER);
    ck_assert_uint_eq(sv_role_permissions(&s, SYNCTV_ROOM_ROLE_GUEST), SYNCTV_PERM_SEND_CHAT);
    ck_assert_uint_eq(sv_role_permissions(&s, SYNCTV_ROOM_ROLE_CREATOR), SYNCTV_PERM_ALL);
    ck_assert_uint_eq(sv_role_permissions(&s, (synctv_room_role)77), 0);
}
END_TEST

/* What the rule says about one bit, without masks. */
static bool expected_bit(const synctv_room_settings *s, synctv_room_role role,
    synctv_member_status status, bool added, bool removed, uint64_t bit)
{
    uint64_t member_mask = s->default_member_permissions != 0 ? s->default_member_permissions
                                                              : SYNCTV_PERM_DEFAULT_MEMBER;
    uint64_t admin_mask = s->default_admin_permissions != 0 ? s->default_admin_permissions
                                                            : SYNCTV_PERM_DEFAULT_ADMIN;
    uint64_t guest_mask =
        s->guest_permissions != 0 ? s->guest_permissions : SYNCTV_PERM_DEFAULT_GUEST;
    if (status == SYNCTV_MEMBER_STATUS_BANNED)
        return false;
    if (role == SYNCTV_ROOM_ROLE_GUEST || role == SYNCTV_ROOM_ROLE_UNSPECIFIED)
        return s->allow_guests && (guest_mask & bit) != 0;
    if (status != SYNCTV_MEMBER_STATUS_ACTIVE)
        return false;
    if (role == SYNCTV_ROOM_ROLE_CREATOR)
        return true;
    uint64_t mask = role == SYNCTV_ROOM_ROLE_ADMIN ? admin_mask : member_mask;
    return ((mask & bit) != 0 || added) && !removed;
}

START_TEST(every_bit_of_every_role_under_every_override_is_as_the_rule_says)
{
    const synctv_room_settings rooms[] = {
        { 0 },
        { .allow_guests = true },
        { .allow_guests = true,
            .default_member_permissions = SYNCTV_PERM_ALL,
            .default_admin_permissions = SYNCTV_PERM_SEND_CHAT,
            .guest_permissions = SYNCTV_PERM_PLAY_CONTROL | SYNCTV_PERM_USE_WEBRTC },
    };
    for (size_t r = 0; r < sizeof(rooms) / sizeof(rooms[0]); r++) {
        for (size_t role = 0; role < sizeof(roles) / sizeof(roles[0]); role++) {
            for (int status = 0; status <= SYNCTV_MEMBER_STATUS_BANNED; status++) {
                for (size_t b = 0; b < N_KNOWN_BITS; b++) {
                    uint64_t bit = UINT64_C(1) << known_bits[b];
                    for (int override = 0; override < 4; override++) {
                        synctv_member m = member_in("u", roles[role], (synctv_member_status)status);
                        bool added = (override & 1) != 0, removed = (override & 2) != 0;
                        m.added_permissions = added ? bit : 0;
                        m.removed_permissions = removed ? bit : 0;
                        bool expected = expected_bit(&rooms[r], roles[role],
                            (synctv_member_status)status, added, removed, bit);
                        uint64_t got = sv_permissions_of(&rooms[r], &m);
                        ck_assert_msg(((got & bit) != 0) == expected,
                            "room %zu role %d status %d bit %u override %d", r, roles[role], status,
                            known_bits[b], override);
                        ck_assert_uint_eq(got & ~SYNCTV_PERM_ALL, 0);
                    }
                }
            }
        }
    }
}
END_TEST

START_TEST(bits_without_meaning_never_become_effective)
{
    synctv_room_settings s = { .allow_guests = true,
        .default_member_permissions = UINT64_MAX,
        .guest_permissions = UINT64_MAX };
    synctv_member m = member("u", SYNCTV_ROOM_ROLE_MEMBER);
    m.added_permissions = UINT64_MAX;
    ck_assert_uint_eq(sv_permissions_of(&s, &m), SYNCTV_PERM_ALL);
    ck_assert_uint_eq(sv_permissions_of(&s, NULL), SYNCTV_PERM_ALL);
}
END_TEST

START_TEST(system_and_platform_admins_have_every_bit)
{
    people();
    ck_assert_uint_eq(sv_actor_permissions(&as_system, &defaults), SYNCTV_PERM_ALL);
    ck_assert_uint_eq(sv_actor_permissions(&as_platform_admin, &defaults), SYNCTV_PERM_ALL);
    ck_assert_uint_eq(sv_actor_permissions(&as_stranger, &defaults), 0);
    ck_assert_uint_eq(sv_actor_permissions(&as_plain, &defaults), SYNCTV_PERM_DEFAULT_MEMBER);
}
END_TEST

START_TEST(a_refusal_names_the_permission)
{
    synctv_error err = { 0 };
    ck_assert_int_eq(sv_permission_check(0, 0, &err), 0);
    ck_assert_int_eq(sv_permission_check(SYNCTV_PERM_ALL, SYNCTV_PERM_ALL, NULL), 0);
    for (size_t i = 0; i < N_KNOWN_BITS; i++) {
        uint64_t bit = UINT64_C(1) << known_bits[i];
        ck_assert_int_eq(sv_permission_check(bit, bit, &err), 0);
        ck_assert_int_eq(sv_permission_check(SYNCTV_PERM_ALL & ~bit, bit | 1, &err),
            SYNCTV_E_PERMISSION_DENIED);
        ck_assert_int_eq(err.code, SYNCTV_E_PERMISSION_DENIED);
        ck_assert_ptr_nonnull(strstr(err.message, "this takes the permission "));
    }
    ck_assert_int_eq(sv_permission_check(SYNCTV_PERM_SEND_CHAT,
                         SYNCTV_PERM_SEND_CHAT | SYNCTV_PERM_PLAY_CONTROL, &err),
        SYNCTV_E_PERMISSION_DENIED);
    ck_assert_ptr_nonnull(strstr(err.message, "PLAY_CONTROL"));
    ck_assert_int_eq(sv_permission_check(SYNCTV_PERM_ALL, UINT64_C(1) << 63, NULL),
        SYNCTV_E_PERMISSION_DENIED);
}
END_TEST

START_TEST(ones_own_movies_take_the_smaller_bit)
{
    const uint64_t own = SYNCTV_PERM_DELETE_MOVIE_SELF, any = SYNCTV_PERM_DELETE_MOVIE_ANY;
    synctv_movie mine = { .added_by = "me" }, theirs = { .added_by = "them" }, orphan = { 0 };
    ck_assert_int_eq(sv_movie_permission_check(own, "me", &mine, own, any, NULL), 0);
    ck_assert_int_eq(sv_movie_permission_check(own, "me", &theirs, own, any, NULL),
        SYNCTV_E_PERMISSION_DENIED);
    ck_assert_int_eq(sv_movie_permission_check(any, "me", &theirs, own, any, NULL), 0);
    ck_assert_int_eq(sv_movie_permission_check(any, "me", &mine, own, any, NULL), 0);
    ck_assert_int_eq(sv_movie_permission_check(0, "me", &mine, own, any, NULL),
        SYNCTV_E_PERMISSION_DENIED);
    ck_assert_int_eq(sv_movie_permission_check(own, "", &orphan, own, any, NULL),
        SYNCTV_E_PERMISSION_DENIED);
    ck_assert_int_eq(sv_movie_permission_check(own, NULL, &orphan, own, any, NULL),
        SYNCTV_E_PERMISSION_DENIED);
}
END_TEST

/* --- access --- */

START_TEST(access_follows_from_row_and_room)
{
    const synctv_room_settings closed = { 0 }, open = { .allow_guests = true };
    people();
    synctv_member banned = member_in("b", SYNCTV_ROOM_ROLE_MEMBER, SYNCTV_MEMBER_STATUS_BANNED);
    synctv_member pending = member_in("p", SYNCTV_ROOM_ROLE_MEMBER, SYNCTV_MEMBER_STATUS_PENDING);
    synctv_member kept = member("k", SYNCTV_ROOM_ROLE_UNSPECIFIED);
    synctv_member guest = member("g", SYNCTV_ROOM_ROLE_GUEST);
    synctv_member banned_stranger =
        member_in("x", SYNCTV_ROOM_ROLE_UNSPECIFIED, SYNCTV_MEMBER_STATUS_BANNED);
    struct sv_actor kicked = acting(&kept), banned_root = acting(&banned);
    kicked.kicked = true;
    banned_root.platform_admin = true;
    const struct {
        struct sv_actor actor;
        int closed, open;
    } rows[] = {
        { as_creator, SV_ACCESS_MEMBER, SV_ACCESS_MEMBER },
        { as_admin, SV_ACCESS_MEMBER, SV_ACCESS_MEMBER },
        { as_plain, SV_ACCESS_MEMBER, SV_ACCESS_MEMBER },
        { as_stranger, SYNCTV_E_NOT_A_MEMBER, SV_ACCESS_GUEST },
        { as_platform_admin, SV_ACCESS_ADMIN, SV_ACCESS_ADMIN },
        { as_system, SV_ACCESS_ADMIN, SV_ACCESS_ADMIN },
        { acting(&banned), SYNCTV_E_MEMBER_BANNED, SYNCTV_E_MEMBER_BANNED },
        { acting(&banned_stranger), SYNCTV_E_MEMBER_BANNED, SYNCTV_E_MEMBER_BANNED },
        { acting(&pending), SYNCTV_E_MEMBER_PENDING, SYNCTV_E_MEMBER_PENDING },
        { acting(&kept), SYNCTV_E_NOT_A_MEMBER, SV_ACCESS_GUEST },
        { acting(&guest), SYNCTV_E_NOT_A_MEMBER, SV_ACCESS_GUEST },
        { kicked, SYNCTV_E_MEMBER_KICKED, SYNCTV_E_MEMBER_KICKED },
        { banned_root, SV_ACCESS_ADMIN, SV_ACCESS_ADMIN },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        synctv_error err = { 0 };
        int rv = sv_room_access(&rows[i].actor, &closed, &err);
        ck_assert_msg(rv == rows[i].closed, "row %zu, closed: %d", i, rv);
        ck_assert_int_eq(err.code, rv < 0 ? rv : 0);
        rv = sv_room_access(&rows[i].actor, &open, NULL);
        ck_assert_msg(rv == rows[i].open, "row %zu, open: %d", i, rv);
        rv = sv_member_access(&rows[i].actor, &open, NULL);
        ck_assert_int_eq(rv,
            rows[i].open == SV_ACCESS_GUEST ? SYNCTV_E_NOT_A_MEMBER : rows[i].open);
    }
    ck_assert_uint_eq(sv_actor_permissions(&kicked, &open), 0);
}
END_TEST

START_TEST(access_and_permission_are_checked_in_one)
{
    const synctv_room_settings open = { .allow_guests = true };
    people();
    ck_assert_int_eq(sv_room_check(&as_stranger, &open, SYNCTV_PERM_VIEW_PLAYLIST, NULL),
        SV_ACCESS_GUEST);
    ck_assert_int_eq(sv_room_check(&as_stranger, &open, SYNCTV_PERM_SEND_CHAT, NULL),
        SYNCTV_E_PERMISSION_DENIED);
    ck_assert_int_eq(sv_room_check(&as_stranger, &defaults, SYNCTV_PERM_VIEW_PLAYLIST, NULL),
        SYNCTV_E_NOT_A_MEMBER);
    ck_assert_int_eq(sv_room_check(&as_plain, &open, SYNCTV_PERM_SEND_CHAT, NULL),
        SV_ACCESS_MEMBER);
    ck_assert_int_eq(sv_room_check(&as_plain, &open, SYNCTV_PERM_PLAY_CONTROL, NULL),
        SYNCTV_E_PERMISSION_DENIED);
    ck_assert_int_eq(sv_room_check(&as_system, &defaults, SYNCTV_PERM_ALL, NULL), SV_ACCESS_ADMIN);
}
END_TEST

/* --- who acts on whom --- */

START_TEST(who_may_kick_whom)
{
    people();
    synctv_member trusted = member("trusted", SYNCTV_ROOM_ROLE_MEMBER);
    trusted.added_permissions = SYNCTV_PERM_KICK_MEMBER;
    synctv_member head = member("head", SYNCTV_ROOM_ROLE_ADMIN);
    head.added_permissions = SYNCTV_PERM_MANAGE_ADMIN;
    synctv_member banned_admin =
        member_in("fallen", SYNCTV_ROOM_ROLE_ADMIN, SYNCTV_MEMBER_STATUS_BANNED);
    synctv_member pending = member_in("p", SYNCTV_ROOM_ROLE_MEMBER, SYNCTV_MEMBER_STATUS_PENDING);
    const int no = SYNCTV_E_PERMISSION_DENIED;
    const struct {
        struct sv_actor actor;
        int on_creator, on_admin, on_banned_admin, on_member, on_pending;
    } rows[] = {
        { as_creator, no, 0, 0, 0, 0 },
        { acting(&head), no, 0, 0, 0, 0 },
        { as_admin, no, no, no, 0, 0 },
        { acting(&trusted), no, no, no, 0, 0 },
        { as_plain, no, no, no, no, no },
        { as_platform_admin, no, 0, 0, 0, 0 },
        { as_system, no, 0, 0, 0, 0 },
        { as_stranger, SYNCTV_E_NOT_A_MEMBER, SYNCTV_E_NOT_A_MEMBER, SYNCTV_E_NOT_A_MEMBER,
            SYNCTV_E_NOT_A_MEMBER, SYNCTV_E_NOT_A_MEMBER },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const synctv_member *targets[] = { &creator, &other_admin, &banned_admin, &other_plain,
            &pending };
        const int expected[] = { rows[i].on_creator, rows[i].on_admin, rows[i].on_banned_admin,
            rows[i].on_member, rows[i].on_pending };
        for (size_t t = 0; t < 5; t++) {
            int rv = sv_act_on_check(&rows[i].actor, &defaults, targets[t], SYNCTV_PERM_KICK_MEMBER,
                NULL);
            ck_assert_msg(rv == expected[t], "actor %zu, target %zu: %d", i, t, rv);
        }
    }
}
END_TEST

START_TEST(nobody_acts_on_themselves_but_platform_admins)
{
    people();
    synctv_member trusted = member("trusted", SYNCTV_ROOM_ROLE_MEMBER);
    trusted.added_permissions = SYNCTV_PERM_KICK_MEMBER;
    struct sv_actor a = acting(&trusted);
    ck_assert_int_eq(sv_act_on_check(&a, &defaults, &trusted, SYNCTV_PERM_KICK_MEMBER, NULL),
        SYNCTV_E_PERMISSION_DENIED);
    a.platform_admin = true;
    ck_assert_int_eq(sv_act_on_check(&a, &defaults, &trusted, SYNCTV_PERM_KICK_MEMBER, NULL), 0);
}
END_TEST

START_TEST(only_manage_admin_makes_and_unmakes_admins)
{
    people();
    const int no = SYNCTV_E_PERMISSION_DENIED;
    struct sv_actor yes_sayers[] = { as_creator, as_platform_admin, as_system };
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(sv_set_role_check(&yes_sayers[i], &defaults, &other_plain,
                             SYNCTV_ROOM_ROLE_ADMIN, NULL),
            0);
        ck_assert_int_eq(sv_set_role_check(&yes_sayers[i], &defaults, &other_admin,
                             SYNCTV_ROOM_ROLE_MEMBER, NULL),
            0);
        ck_assert_int_eq(sv_set_role_check(&yes_sayers[i], &defaults, &creator,
                             SYNCTV_ROOM_ROLE_MEMBER, NULL),
            no);
    }
    ck_assert_int_eq(sv_set_role_check(&as_admin, &defaults, &other_plain, SYNCTV_ROOM_ROLE_ADMIN,
                         NULL),
        no);
    ck_assert_int_eq(sv_set_role_check(&as_plain, &defaults, &other_plain, SYNCTV_ROOM_ROLE_ADMIN,
                         NULL),
        no);
    ck_assert_int_eq(sv_set_role_check(&as_stranger, &defaults, &other_plain,
                         SYNCTV_ROOM_ROLE_ADMIN, NULL),
        SYNCTV_E_NOT_A_MEMBER);
}
END_TEST

START_TEST(roles_other_than_member_and_admin_cannot_be_given)
{
    people();
    const synctv_room_role bad[] = { SYNCTV_ROOM_ROLE_UNSPECIFIED, SYNCTV_ROOM_ROLE_GUEST,
        SYNCTV_ROOM_ROLE_CREATOR, (synctv_room_role)9, (synctv_room_role)-1 };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        synctv_error err = { 0 };
        ck_assert_int_eq(sv_set_role_check(&as_creator, &defaults, &plain, bad[i], &err),
            SYNCTV_E_INVALID_ARGUMENT);
        ck_assert_str_eq(err.field, "role");
    }
}
END_TEST

START_TEST(a_role_is_given_to_active_members_only)
{
    people();
    const synctv_member bad[] = {
        member_in("p", SYNCTV_ROOM_ROLE_MEMBER, SYNCTV_MEMBER_STATUS_PENDING),
        member_in("b", SYNCTV_ROOM_ROLE_MEMBER, SYNCTV_MEMBER_STATUS_BANNED),
        member_in("k", SYNCTV_ROOM_ROLE_UNSPECIFIED, SYNCTV_MEMBER_STATUS_ACTIVE),
        member_in("g", SYNCTV_ROOM_ROLE_GUEST, SYNCTV_MEMBER_STATUS_ACTIVE),
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        synctv_error err = { 0 };
        ck_assert_int_eq(sv_set_role_check(&as_creator, &defaults, &bad[i], SYNCTV_ROOM_ROLE_ADMIN,
                             &err),
            SYNCTV_E_INVALID_ARGUMENT);
        ck_assert_str_eq(err.field, "user_id");
    }
}
END_TEST

START_TEST(an_admin_with_manage_admin_makes_nobody_mightier_than_themselves)
{
    people();
    admin.added_permissions = SYNCTV_PERM_MANAGE_ADMIN;
    ck_assert_int_eq(sv_set_role_check(&as_admin, &defaults, &other_plain, SYNCTV_ROOM_ROLE_ADMIN,
                         NULL),
        0);
    admin.removed_permissions = SYNCTV_PERM_BAN_MEMBER;
    ck_assert_int_eq(sv_set_role_check(&as_admin, &defaults, &other_plain, SYNCTV_ROOM_ROLE_ADMIN,
                         NULL),
        SYNCTV_E_PERMISSION_DENIED);
    ck_assert_int_eq(sv_set_role_check(&as_admin, &defaults, &other_admin, SYNCTV_ROOM_ROLE_MEMBER,
                         NULL),
        0);
}
END_TEST

START_TEST(nobody_grants_a_bit_they_lack)
{
    people();
    admin.added_permissions = SYNCTV_PERM_SET_MEMBER_PERMISSIONS;
    uint64_t mine = sv_permissions_of(&defaults, &admin);
    for (size_t i = 0; i < N_KNOWN_BITS; i++) {
        uint64_t bit = UINT64_C(1) << known_bits[i];
        int expected = (mine & bit) != 0 ? 0 : SYNCTV_E_PERMISSION_DENIED;

        /* newly added */
        synctv_member target = member("t", SYNCTV_ROOM_ROLE_MEMBER);
        ck_assert_int_eq(sv_set_permissions_check(&as_admin, &defaults, &target, bit, 0, NULL),
            expected);
        /* added and removed at once is still a grant that waits */
        ck_assert_int_eq(sv_set_permissions_check(&as_admin, &defaults, &target, bit, bit, NULL),
            expected);
        /* taken away */
        ck_assert_int_eq(sv_set_permissions_check(&as_admin, &defaults, &target, 0, bit, NULL), 0);

        /* no longer removed */
        target.removed_permissions = bit;
        ck_assert_int_eq(sv_set_permissions_check(&as_admin, &defaults, &target, 0, 0, NULL),
            expected);
        ck_assert_int_eq(sv_set_permissions_check(&as_admin, &defaults, &target, 0, bit, NULL), 0);

        /* there before: only what changes counts */
        target.removed_permissions = 0;
        target.added_permissions = bit;
        ck_assert_int_eq(sv_set_permissions_check(&as_admin, &defaults, &target, bit, 0, NULL), 0);
        ck_assert_int_eq(sv_set_permissions_check(&as_admin, &defaults, &target, 0, 0, NULL), 0);

        /* the creator has all */
        ck_assert_int_eq(sv_set_permissions_check(&as_creator, &defaults, &target, bit, bit, NULL),
            0);
    }
}
END_TEST

START_TEST(setting_permissions_takes_its_own_permission)
{
    people();
    ck_assert_int_eq(sv_set_permissions_check(&as_admin, &defaults, &plain, 0, 0, NULL),
        SYNCTV_E_PERMISSION_DENIED);
    ck_assert_int_eq(sv_set_permissions_check(&as_creator, &defaults, &creator, 0, 0, NULL),
        SYNCTV_E_PERMISSION_DENIED);
    admin.added_permissions = SYNCTV_PERM_SET_MEMBER_PERMISSIONS;
    ck_assert_int_eq(sv_set_permissions_check(&as_admin, &defaults, &other_admin, 0, 0, NULL),
        SYNCTV_E_PERMISSION_DENIED);
    ck_assert_int_eq(sv_set_permissions_check(&as_admin, &defaults, &admin, 0, 0, NULL),
        SYNCTV_E_PERMISSION_DENIED);
}
END_TEST

START_TEST(permission_bits_without_meaning_are_refused)
{
    people();
    for (unsigned b = 0; b < 64; b++) {
        uint64_t bit = UINT64_C(1) << b;
        bool known = (bit & SYNCTV_PERM_ALL) != 0;
        synctv_error err = { 0 };
        int rv = sv_set_permissions_check(&as_system, &defaults, &plain, bit, 0, &err);
        ck_assert_int_eq(rv, known ? 0 : SYNCTV_E_INVALID_ARGUMENT);
        ck_assert_str_eq(err.field, known ? "" : "added");
        err = (synctv_error){ 0 };
        rv = sv_set_permissions_check(&as_system, &defaults, &plain, 0, bit, &err);
        ck_assert_int_eq(rv, known ? 0 : SYNCTV_E_INVALID_ARGUMENT);
        ck_assert_str_eq(err.field, known ? "" : "removed");
    }
}
END_TEST

/* --- settings --- */

START_TEST(a_bit_that_one_lacks_does_not_get_into_a_default_mask)
{
    people();
    uint64_t mine = sv_permissions_of(&defaults, &admin);
    for (size_t i = 0; i < N_KNOWN_BITS; i++) {
        uint64_t bit = UINT64_C(1) << known_bits[i];
        synctv_room_settings to = defaults;
        to.default_member_permissions = SYNCTV_PERM_DEFAULT_MEMBER | bit;
        bool is_new = (SYNCTV_PERM_DEFAULT_MEMBER & bit) == 0;
        int expected = is_new && (mine & bit) == 0 ? SYNCTV_E_PERMISSION_DENIED : 0;
        ck_assert_int_eq(sv_set_settings_check(&as_admin, &defaults, &to, NULL), expected);
        ck_assert_int_eq(sv_set_settings_check(&as_creator, &defaults, &to, NULL), 0);

        to = defaults;
        to.guest_permissions = bit;
        expected = (mine & bit) == 0 ? SYNCTV_E_PERMISSION_DENIED : 0;
        ck_assert_int_eq(sv_set_settings_check(&as_admin, &defaults, &to, NULL), expected);

        /* there already: it may stay, and it may go */
        synctv_room_settings from = to;
        ck_assert_int_eq(sv_set_settings_check(&as_admin, &from, &to, NULL), 0);
        ck_assert_int_eq(sv_set_settings_check(&as_admin, &from, &defaults, NULL), 0);
    }
}
END_TEST

START_TEST(going_back_to_the_servers_default_is_a_grant_too)
{
    people();
    synctv_room_settings from = { .default_member_permissions = SYNCTV_PERM_VIEW_PLAYLIST };
    admin.removed_permissions = SYNCTV_PERM_SEND_CHAT;
    ck_assert_int_eq(sv_set_settings_check(&as_admin, &from, &defaults, NULL),
        SYNCTV_E_PERMISSION_DENIED);
    admin.removed_permissions = 0;
    ck_assert_int_eq(sv_set_settings_check(&as_admin, &from, &defaults, NULL), 0);
}
END_TEST

START_TEST(the_admins_mask_takes_manage_admin)
{
    people();
    synctv_room_settings less = { .default_admin_permissions = SYNCTV_PERM_SEND_CHAT };
    ck_assert_int_eq(sv_set_settings_check(&as_admin, &defaults, &less, NULL),
        SYNCTV_E_PERMISSION_DENIED);
    ck_assert_int_eq(sv_set_settings_check(&as_creator, &defaults, &less, NULL), 0);
    ck_assert_int_eq(sv_set_settings_check(&as_platform_admin, &defaults, &less, NULL), 0);
}
END_TEST

START_TEST(settings_take_their_permission)
{
    people();
    synctv_room_settings to = { .hidden = true };
    ck_assert_int_eq(sv_set_settings_check(&as_plain, &defaults, &to, NULL),
        SYNCTV_E_PERMISSION_DENIED);
    ck_assert_int_eq(sv_set_settings_check(&as_stranger, &defaults, &to, NULL),
        SYNCTV_E_NOT_A_MEMBER);
    ck_assert_int_eq(sv_set_settings_check(&as_admin, &defaults, &to, NULL), 0);
}
END_TEST

/* --- joining --- */

static int join(const struct sv_actor *actor, const synctv_room_settings *s, int64_t kicked_until,
    int32_t n_members, synctv_error *err)
{
    struct sv_join j = { .actor = actor,
        .kicked_until_ms = kicked_until,
        .now_ms = 1000,
        .n_members = n_members,
        .default_max_members = 100 };
    return sv_join_check(&j, s, err);
}

START_TEST(a_stranger_joins_an_open_room)
{
    people();
    ck_assert_int_eq(join(&as_stranger, &defaults, 0, 0, NULL), SYNCTV_MEMBER_STATUS_ACTIVE);
    synctv_room_settings careful = { .require_approval = true };
    ck_assert_int_eq(join(&as_stranger, &careful, 0, 0, NULL), SYNCTV_MEMBER_STATUS_PENDING);
    ck_assert_int_eq(join(&as_platform_admin, &careful, 0, 0, NULL), SYNCTV_MEMBER_STATUS_ACTIVE);
}
END_TEST

START_TEST(a_full_room_is_full_for_newcomers_only)
{
    people();
    synctv_room_settings small = { .max_members = 2 };
    ck_assert_int_eq(join(&as_stranger, &small, 0, 1, NULL), SYNCTV_MEMBER_STATUS_ACTIVE);
    ck_assert_int_eq(join(&as_stranger, &small, 0, 2, NULL), SYNCTV_E_ROOM_FULL);
    ck_assert_int_eq(join(&as_stranger, &defaults, 0, 99, NULL), SYNCTV_MEMBER_STATUS_ACTIVE);
    ck_assert_int_eq(join(&as_stranger, &defaults, 0, 100, NULL), SYNCTV_E_ROOM_FULL);
    ck_assert_int_eq(join(&as_platform_admin, &defaults, 0, 100, NULL), SYNCTV_E_ROOM_FULL);
    ck_assert_int_eq(join(&as_plain, &small, 0, 2, NULL), SYNCTV_MEMBER_STATUS_ACTIVE);
}
END_TEST

START_TEST(the_banned_do_not_join)
{
    people();
    plain.status = SYNCTV_MEMBER_STATUS_BANNED;
    ck_assert_int_eq(join(&as_plain, &defaults, 0, 0, NULL), SYNCTV_E_MEMBER_BANNED);
    plain.role = SYNCTV_ROOM_ROLE_UNSPECIFIED;
    ck_assert_int_eq(join(&as_plain, &defaults, 0, 0, NULL), SYNCTV_E_MEMBER_BANNED);
}
END_TEST

START_TEST(the_kicked_wait_and_are_told_how_long)
{
    people();
    plain.role = SYNCTV_ROOM_ROLE_UNSPECIFIED;
    synctv_error err = { 0 };
    ck_assert_int_eq(join(&as_plain, &defaults, 1001, 0, &err), SYNCTV_E_MEMBER_KICKED);
    ck_assert_int_eq(err.retry_after_ms, 1);
    ck_assert_int_eq(join(&as_plain, &defaults, 1001, 0, NULL), SYNCTV_E_MEMBER_KICKED);
    ck_assert_int_eq(join(&as_plain, &defaults, 1000, 0, NULL), SYNCTV_MEMBER_STATUS_ACTIVE);
}
END_TEST

START_TEST(joining_twice_changes_nothing_but_ends_a_wait_without_reason)
{
    people();
    synctv_room_settings careful = { .require_approval = true };
    ck_assert_int_eq(join(&as_plain, &careful, 0, 0, NULL), SYNCTV_MEMBER_STATUS_ACTIVE);
    plain.status = SYNCTV_MEMBER_STATUS_PENDING;
    ck_assert_int_eq(join(&as_plain, &careful, 0, 0, NULL), SYNCTV_MEMBER_STATUS_PENDING);
    ck_assert_int_eq(join(&as_plain, &defaults, 0, 0, NULL), SYNCTV_MEMBER_STATUS_ACTIVE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("permission");
    TCase *t = tcase_create("permission");
    suite_add_tcase(suite, t);
    tcase_add_test(t, the_masks_are_those_of_the_specification);
    tcase_add_test(t, the_rooms_masks_replace_the_defaults);
    tcase_add_test(t, every_bit_of_every_role_under_every_override_is_as_the_rule_says);
    tcase_add_test(t, bits_without_meaning_never_become_effective);
    tcase_add_test(t, system_and_platform_admins_have_every_bit);
    tcase_add_test(t, a_refusal_names_the_permission);
    tcase_add_test(t, ones_own_movies_take_the_smaller_bit);
    tcase_add_test(t, access_follows_from_row_and_room);
    tcase_add_test(t, access_and_permission_are_checked_in_one);
    tcase_add_test(t, who_may_kick_whom);
    tcase_add_test(t, nobody_acts_on_themselves_but_platform_admins);
    tcase_add_test(t, only_manage_admin_makes_and_unmakes_admins);
    tcase_add_test(t, roles_other_than_member_and_admin_cannot_be_given);
    tcase_add_test(t, a_role_is_given_to_active_members_only);
    tcase_add_test(t, an_admin_with_manage_admin_makes_nobody_mightier_than_themselves);
    tcase_add_test(t, nobody_grants_a_bit_they_lack);
    tcase_add_test(t, setting_permissions_takes_its_own_permission);
    tcase_add_test(t, permission_bits_without_meaning_are_refused);
    tcase_add_test(t, a_bit_that_one_lacks_does_not_get_into_a_default_mask);
    tcase_add_test(t, going_back_to_the_servers_default_is_a_grant_too);
    tcase_add_test(t, the_admins_mask_takes_manage_admin);
    tcase_add_test(t, settings_take_their_permission);
    tcase_add_test(t, a_stranger_joins_an_open_room);
    tcase_add_test(t, a_full_room_is_full_for_newcomers_only);
    tcase_add_test(t, the_banned_do_not_join);
    tcase_add_test(t, the_kicked_wait_and_are_told_how_long);
    tcase_add_test(t, joining_twice_changes_nothing_but_ends_a_wait_without_reason);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
