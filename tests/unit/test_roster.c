/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/roster.h"

static struct sv_roster roster;

static void setup(void)
{
    sv_roster_init(&roster);
}

static void teardown(void)
{
    sv_roster_fini(&roster);
}

static struct sv_roster_entry *put(const char *id, synctv_room_role role,
    synctv_member_status status, int64_t joined_at_ms)
{
    struct sv_roster_entry *entry = NULL;
    synctv_member m = { .room_id = "room",
        .user_id = id,
        .username = "name",
        .role = role,
        .status = status,
        .joined_at_ms = joined_at_ms };
    ck_assert_int_eq(sv_roster_put(&roster, &m, 0, &entry), 0);
    ck_assert_ptr_eq(sv_roster_get(&roster, id), entry);
    return entry;
}

static struct sv_roster_entry *put_active(const char *id, int64_t joined_at_ms)
{
    return put(id, SYNCTV_ROOM_ROLE_MEMBER, SYNCTV_MEMBER_STATUS_ACTIVE, joined_at_ms);
}

static void expect_counts(size_t active, size_t pending, size_t banned)
{
    ck_assert_uint_eq(roster.n_active, active);
    ck_assert_uint_eq(roster.n_pending, pending);
    ck_assert_uint_eq(roster.n_banned, banned);
}

/* The listed members in order, one letter each. */
static void expect_list(const char *ids)
{
    struct sv_roster_entry *page[64];
    size_t n = sv_roster_page(&roster, INT64_MIN, "", page, 64);
    ck_assert_uint_eq(n, strlen(ids));
    ck_assert_uint_eq(n, roster.n_members);
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(page[i]->member.user_id[0] == ids[i], "place %zu: %s", i,
            page[i]->member.user_id);
}

START_TEST(an_empty_roster_has_nobody)
{
    struct sv_roster_entry *page[1];
    ck_assert_ptr_null(sv_roster_get(&roster, "a"));
    ck_assert_ptr_null(sv_roster_get(&roster, NULL));
    ck_assert_ptr_null(sv_roster_first(&roster));
    ck_assert_int_eq(sv_roster_remove(&roster, "a"), SYNCTV_E_MEMBER_NOT_FOUND);
    ck_assert_uint_eq(sv_roster_page(&roster, INT64_MIN, NULL, page, 1), 0);
    ck_assert_uint_eq(sv_roster_online_first(&roster, page, 1), 0);
}
END_TEST

START_TEST(a_row_is_copied_with_its_strings)
{
    char room[] = "room", id[] = "user", name[] = "name";
    synctv_member m = { .room_id = room,
        .user_id = id,
        .username = name,
        .role = SYNCTV_ROOM_ROLE_ADMIN,
        .status = SYNCTV_MEMBER_STATUS_ACTIVE,
        .added_permissions = 1,
        .removed_permissions = 2,
        .permissions = 3,
        .joined_at_ms = 4 };
    struct sv_roster_entry *entry;
    ck_assert_int_eq(sv_roster_put(&roster, &m, 5, &entry), 0);
    room[0] = id[0] = name[0] = 'X';
    ck_assert_ptr_eq(sv_roster_get(&roster, "user"), entry);
    ck_assert_str_eq(entry->member.room_id, "room");
    ck_assert_str_eq(entry->member.user_id, "user");
    ck_assert_str_eq(entry->member.username, "name");
    ck_assert_int_eq(entry->member.role, SYNCTV_ROOM_ROLE_ADMIN);
    ck_assert_uint_eq(entry->member.added_permissions, 1);
    ck_assert_uint_eq(entry->member.removed_permissions, 2);
    ck_assert_uint_eq(entry->member.permissions, 3);
    ck_assert_int_eq(entry->member.joined_at_ms, 4);
    ck_assert_int_eq(entry->kicked_until_ms, 5);
    ck_assert(!entry->online);

    m = (synctv_member){ .user_id = "u2" };
    ck_assert_int_eq(sv_roster_put(&roster, &m, 0, NULL), 0);
    ck_assert_str_eq(sv_roster_get(&roster, "u2")->member.username, "");
}
END_TEST

START_TEST(a_row_that_is_replaced_keeps_its_address_and_presence)
{
    struct sv_roster_entry *entry = put_active("a", 1);
    sv_roster_set_online(&roster, entry, true);
    ck_assert_ptr_eq(put("a", SYNCTV_ROOM_ROLE_ADMIN, SYNCTV_MEMBER_STATUS_ACTIVE, 1), entry);
    ck_assert_int_eq(entry->member.role, SYNCTV_ROOM_ROLE_ADMIN);
    ck_assert(entry->online);
    expect_list("a");
}
END_TEST

START_TEST(a_row_can_be_replaced_from_itself)
{
    struct sv_roster_entry *entry = put_active("a", 1);
    synctv_member m = entry->member;
    m.status = SYNCTV_MEMBER_STATUS_BANNED;
    ck_assert_int_eq(sv_roster_put(&roster, &m, 0, NULL), 0);
    ck_assert_int_eq(sv_roster_put(&roster, &entry->member, 7, NULL), 0);
    ck_assert_ptr_eq(sv_roster_get(&roster, "a"), entry);
    ck_assert_str_eq(entry->member.username, "name");
    ck_assert_int_eq(entry->kicked_until_ms, 7);
    expect_counts(0, 0, 1);
}
END_TEST

START_TEST(members_are_listed_by_join_time_then_id)
{
    put_active("c", 10);
    put_active("a", 20);
    put_active("d", 10);
    put_active("b", 10);
    put_active("z", -5);
    expect_list("zbcda");
    put_active("z", 15); /* joined anew */
    expect_list("bcdza");
}
END_TEST

START_TEST(counts_follow_every_change)
{
    put("a", SYNCTV_ROOM_ROLE_CREATOR, SYNCTV_MEMBER_STATUS_ACTIVE, 1);
    put("b", SYNCTV_ROOM_ROLE_MEMBER, SYNCTV_MEMBER_STATUS_PENDING, 2);
    put("c", SYNCTV_ROOM_ROLE_MEMBER, SYNCTV_MEMBER_STATUS_BANNED, 3);
    expect_counts(1, 1, 1);
    put_active("b", 2);
    expect_counts(2, 0, 1);
    put("b", SYNCTV_ROOM_ROLE_MEMBER, SYNCTV_MEMBER_STATUS_BANNED, 2);
    expect_counts(1, 0, 2);
    put("b", SYNCTV_ROOM_ROLE_UNSPECIFIED, SYNCTV_MEMBER_STATUS_ACTIVE, 2);
    expect_counts(1, 0, 1);
    ck_assert_int_eq(sv_roster_remove(&roster, "a"), 0);
    expect_counts(0, 0, 1);
    expect_list("c");
    put("d", SYNCTV_ROOM_ROLE_MEMBER, (synctv_member_status)8, 4);
    expect_counts(0, 0, 1);
    expect_list("cd");
}
END_TEST

START_TEST(guests_and_kicked_ones_are_found_but_not_listed)
{
    put("g", SYNCTV_ROOM_ROLE_GUEST, SYNCTV_MEMBER_STATUS_ACTIVE, 1);
    put("k", SYNCTV_ROOM_ROLE_UNSPECIFIED, SYNCTV_MEMBER_STATUS_UNSPECIFIED, 1);
    put_active("m", 2);
    ck_assert_ptr_nonnull(sv_roster_get(&roster, "g"));
    ck_assert_ptr_nonnull(sv_roster_get(&roster, "k"));
    expect_list("m");
    expect_counts(1, 0, 0);
    put_active("k", 1); /* back again */
    expect_list("km");
    put("m", SYNCTV_ROOM_ROLE_UNSPECIFIED, SYNCTV_MEMBER_STATUS_UNSPECIFIED, 2);
    expect_list("k");
}
END_TEST

START_TEST(every_row_is_walked_over_once_even_if_it_is_removed_on_the_way)
{
    put_active("a", 1);
    put("b", SYNCTV_ROOM_ROLE_GUEST, SYNCTV_MEMBER_STATUS_ACTIVE, 1);
    put("c", SYNCTV_ROOM_ROLE_MEMBER, SYNCTV_MEMBER_STATUS_BANNED, 1);
    unsigned seen = 0;
    for (struct sv_roster_entry *e = sv_roster_first(&roster), *next; e != NULL; e = next) {
        next = sv_roster_next(e);
        seen += 1U << (4 * (e->member.user_id[0] - 'a'));
        ck_assert_int_eq(sv_roster_remove(&roster, e->member.user_id), 0);
    }
    ck_assert_uint_eq(seen, 0x111);
    ck_assert_ptr_null(sv_roster_first(&roster));
    expect_list("");
}
END_TEST

START_TEST(pages_follow_each_other_though_members_come_and_go)
{
    put_active("a", 1);
    put_active("b", 1);
    put_active("c", 2);
    put_active("d", 3);
    struct sv_roster_entry *page[2];
    ck_assert_uint_eq(sv_roster_page(&roster, INT64_MIN, "", page, 2), 2);
    ck_assert_str_eq(page[1]->member.user_id, "b");
    ck_assert_int_eq(sv_roster_remove(&roster, "b"), 0); /* the key of the next page is gone */
    put_active("e", 4);
    ck_assert_uint_eq(sv_roster_page(&roster, 1, "b", page, 2), 2);
    ck_assert_str_eq(page[0]->member.user_id, "c");
    ck_assert_str_eq(page[1]->member.user_id, "d");
    ck_assert_uint_eq(sv_roster_page(&roster, 3, "d", page, 2), 1);
    ck_assert_str_eq(page[0]->member.user_id, "e");
    ck_assert_uint_eq(sv_roster_page(&roster, 4, "e", page, 2), 0);
    ck_assert_uint_eq(sv_roster_page(&roster, INT64_MAX, "zzz", page, 2), 0);
    ck_assert_uint_eq(sv_roster_page(&roster, INT64_MIN, "", page, 0), 0);
}
END_TEST

START_TEST(those_online_come_first)
{
    put_active("a", 1);
    sv_roster_set_online(&roster, put_active("b", 2), true);
    put_active("c", 3);
    sv_roster_set_online(&roster, put_active("d", 4), true);
    sv_roster_set_online(&roster,
        put("e", SYNCTV_ROOM_ROLE_MEMBER, SYNCTV_MEMBER_STATUS_PENDING, 0), true);
    put("f", SYNCTV_ROOM_ROLE_MEMBER, SYNCTV_MEMBER_STATUS_BANNED, 0);
    const char *expected = "bdac";
    struct sv_roster_entry *found[5];
    for (size_t max = 0; max <= 5; max++) {
        size_t n = sv_roster_online_first(&roster, found, max);
        ck_assert_uint_eq(n, max < 4 ? max : 4);
        for (size_t i = 0; i < n; i++)
            ck_assert_int_eq(found[i]->member.user_id[0], expected[i]);
    }
}
END_TEST

START_TEST(ten_thousand_members_in_any_order)
{
    enum { N = 10000 };
    char id[16];
    for (unsigned i = 0; i < N; i++) {
        snprintf(id, sizeof(id), "u%05u", i);
        put_active(id, (i * 7919) % N); /* a permutation */
    }
    ck_assert_uint_eq(roster.n_members, N);
    expect_counts(N, 0, 0);

    struct sv_roster_entry *page[100];
    int64_t last_ms = INT64_MIN;
    const char *last_id = "";
    size_t total = 0, n;
    while ((n = sv_roster_page(&roster, last_ms, last_id, page, 100)) > 0) {
        for (size_t i = 0; i < n; i++) {
            if (page[i]->member.joined_at_ms != (int64_t)(total + i))
                ck_abort_msg("place %zu is wrong", total + i);
        }
        total += n;
        last_ms = page[n - 1]->member.joined_at_ms;
        last_id = page[n - 1]->member.user_id;
    }
    ck_assert_uint_eq(total, N);

    for (unsigned i = 0; i < N; i += 2) {
        snprintf(id, sizeof(id), "u%05u", i);
        if (sv_roster_remove(&roster, id) != 0)
            ck_abort_msg("%s is lost", id);
    }
    ck_assert_uint_eq(roster.n_members, N / 2);
    for (unsigned i = 0; i < N; i++) {
        snprintf(id, sizeof(id), "u%05u", i);
        if ((sv_roster_get(&roster, id) != NULL) != (i % 2 == 1))
            ck_abort_msg("%s", id);
    }
}
END_TEST

/* What somebody would find who looked at every row. */
static size_t find_online_first(struct sv_roster_entry **ret, size_t max)
{
    size_t n = 0;
    for (int online = 1; online >= 0; online--) {
        for (size_t i = 0; i < roster.n_members && n < max; i++) {
            struct sv_roster_entry *entry = roster.members[i];
            if (entry->member.status == SYNCTV_MEMBER_STATUS_ACTIVE && entry->online == online)
                ret[n++] = entry;
        }
    }
    return n;
}

START_TEST(those_online_are_known_whatever_becomes_of_them)
{
    enum { N_USERS = 40 };
    static const synctv_room_role roles[] = { SYNCTV_ROOM_ROLE_UNSPECIFIED, SYNCTV_ROOM_ROLE_GUEST,
        SYNCTV_ROOM_ROLE_MEMBER, SYNCTV_ROOM_ROLE_ADMIN };
    srand(7);
    for (int i = 0; i < 20000; i++) {
        char id[8];
        snprintf(id, sizeof(id), "u%d", rand() % N_USERS);
        struct sv_roster_entry *entry = sv_roster_get(&roster, id);
        if (entry == NULL || rand() % 3 == 0)
            put(id, roles[rand() % 4], (synctv_member_status)(rand() % 4), rand() % 10);
        else if (rand() % 8 == 0)
            sv_roster_remove(&roster, id);
        else
            sv_roster_set_online(&roster, entry, rand() % 2 == 0);
        struct sv_roster_entry *found[N_USERS], *expected[N_USERS];
        size_t max = 1 + (size_t)(rand() % N_USERS);
        size_t n = sv_roster_online_first(&roster, found, max);
        ck_assert_uint_eq(n, find_online_first(expected, max));
        ck_assert_int_eq(memcmp(found, expected, n * sizeof(found[0])), 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("roster");
    TCase *t = tcase_create("roster");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    suite_add_tcase(suite, t);
    tcase_add_test(t, an_empty_roster_has_nobody);
    tcase_add_test(t, a_row_is_copied_with_its_strings);
    tcase_add_test(t, a_row_that_is_replaced_keeps_its_address_and_presence);
    tcase_add_test(t, a_row_can_be_replaced_from_itself);
    tcase_add_test(t, members_are_listed_by_join_time_then_id);
    tcase_add_test(t, counts_follow_every_change);
    tcase_add_test(t, guests_and_kicked_ones_are_found_but_not_listed);
    tcase_add_test(t, every_row_is_walked_over_once_even_if_it_is_removed_on_the_way);
    tcase_add_test(t, pages_follow_each_other_though_members_come_and_go);
    tcase_add_test(t, those_online_come_first);
    tcase_add_test(t, those_online_are_known_whatever_becomes_of_them);
    tcase_add_test(t, ten_thousand_members_in_any_order);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
