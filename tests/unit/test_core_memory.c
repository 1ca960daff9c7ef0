/* SPDX-License-Identifier: MIT */
/*
 * Fails every allocation in turn. The three parts of lib/core that allocate are compiled into this
 * test with an allocator that runs dry on demand.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int allocations_left = -1; /* < 0 = any number */

static int runs_dry(void)
{
    if (allocations_left < 0)
        return 0;
    if (allocations_left == 0)
        return 1;
    allocations_left--;
    return 0;
}

static void *dry_malloc(size_t size)
{
    return runs_dry() ? NULL : malloc(size);
}

static void *dry_calloc(size_t n, size_t size)
{
    return runs_dry() ? NULL : calloc(n, size);
}

static void *dry_reallocarray(void *p, size_t n, size_t size)
{
    return runs_dry() ? NULL : reallocarray(p, n, size);
}

#define malloc dry_malloc
#define calloc dry_calloc
#define reallocarray dry_reallocarray
#include "core/playlist.c"
#include "core/roster.c"
#include "core/votes.c"
#undef malloc
#undef calloc
#undef reallocarray

START_TEST(a_roster_out_of_memory_is_as_it_was)
{
    struct sv_roster roster;
    sv_roster_init(&roster);
    unsigned n_failures = 0;
    for (unsigned i = 0; i < 2000; i++) {
        char id[16];
        snprintf(id, sizeof(id), "u%u", i);
        synctv_member m = { .user_id = id,
            .role = SYNCTV_ROOM_ROLE_MEMBER,
            .status = SYNCTV_MEMBER_STATUS_ACTIVE,
            .joined_at_ms = i };
        int rv = SYNCTV_E_NO_MEMORY;
        for (int allowed = 0; rv < 0; allowed++) {
            ck_assert_int_lt(allowed, 10);
            allocations_left = allowed;
            rv = sv_roster_put(&roster, &m, 0, NULL);
            allocations_left = -1;
            if (rv < 0) {
                n_failures++;
                ck_assert_int_eq(rv, SYNCTV_E_NO_MEMORY);
                ck_assert_ptr_null(sv_roster_get(&roster, id));
                ck_assert_uint_eq(roster.n_members, i);
                ck_assert_uint_eq(roster.n_active, i);
            }
        }
        ck_assert_uint_eq(roster.n_members, i + 1);
    }
    ck_assert_uint_gt(n_failures, 2000);

    synctv_member m = { .user_id = "u7", .role = SYNCTV_ROOM_ROLE_ADMIN };
    allocations_left = 0;
    ck_assert_int_eq(sv_roster_put(&roster, &m, 0, NULL), SYNCTV_E_NO_MEMORY);
    allocations_left = -1;
    ck_assert_int_eq(sv_roster_get(&roster, "u7")->member.role, SYNCTV_ROOM_ROLE_MEMBER);
    sv_roster_fini(&roster);
}
END_TEST

START_TEST(a_playlist_out_of_memory_is_as_it_was)
{
    struct sv_playlist list;
    sv_playlist_init(&list);
    for (unsigned i = 0; i < 100; i++) {
        char id[16];
        snprintf(id, sizeof(id), "m%u", i);
        synctv_movie m = { .id = id, .name = "old" };
        int rv = SYNCTV_E_NO_MEMORY;
        for (int allowed = 0; rv < 0; allowed++) {
            ck_assert_int_lt(allowed, 5);
            allocations_left = allowed;
            rv = sv_playlist_append(&list, &m);
            allocations_left = -1;
            if (rv < 0) {
                ck_assert_int_eq(rv, SYNCTV_E_NO_MEMORY);
                ck_assert_uint_eq(list.n_items, i);
            }
        }
        m.name = "new";
        allocations_left = 0;
        ck_assert_int_eq(sv_playlist_update(&list, &m), SYNCTV_E_NO_MEMORY);
        allocations_left = -1;
        ck_assert_str_eq(sv_playlist_get(&list, id)->name, "old");
    }
    sv_playlist_fini(&list);
}
END_TEST

START_TEST(a_vote_out_of_memory_was_never_given)
{
    struct sv_votes votes = { .n_ended = 0 };
    struct sv_playback_state state = { .movie_id = "movie_000001",
        .status = SYNCTV_PLAYBACK_STATUS_PLAYING,
        .rate = 1,
        .version = 1 };
    for (unsigned i = 0; i < 200; i++) {
        char id[16];
        snprintf(id, sizeof(id), "u%u", i);
        const struct sv_report report = { .user_id = id, .position_s = 100, .ended = true };
        for (int allowed = 0; votes.n_ended == i; allowed++) {
            ck_assert_int_lt(allowed, 10);
            allocations_left = allowed;
            sv_votes_take(&votes, &state, 100000, &report);
            allocations_left = -1;
        }
        ck_assert_uint_eq(votes.n_ended, i + 1);
    }
    sv_votes_clear(&votes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core_memory");
    TCase *t = tcase_create("core_memory");
    suite_add_tcase(suite, t);
    tcase_add_test(t, a_roster_out_of_memory_is_as_it_was);
    tcase_add_test(t, a_playlist_out_of_memory_is_as_it_was);
    tcase_add_test(t, a_vote_out_of_memory_was_never_given);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
