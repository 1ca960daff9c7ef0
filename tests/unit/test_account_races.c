/* SPDX-License-Identifier: MIT */
/*
 * Accounts that others change meanwhile: other threads, and other processes on the same database.
 */
#include "node_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static const synctv_request get_profile = {
    .struct_size = sizeof(get_profile),
    .method = SYNCTV_METHOD_GET_PROFILE,
};

/* --- another process --- */

static char folder[] = "/tmp/synctv-accounts-XXXXXX";
static char url[128];
static synctv_node *elsewhere; /* a second node on the database */

static void setup_two(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(url, sizeof(url), "sqlite:%s/test.db", folder);
    init_options();
    options.db_url = url;
    options.alone = false;
    node = open_node();
    options.node_id = "elsewhere";
    elsewhere = open_node();
}

static void teardown_two(void)
{
    close_node(elsewhere);
    close_node(node);
    static const char *const names[] = { "test.db", "test.db-wal", "test.db-shm" };
    char path[160];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
    memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
}

START_TEST(a_node_that_is_to_be_alone_is_the_only_one_that_is)
{
    synctv_node refused;
    synctv_error err = { 0 };
    options.alone = true;
    close_node(elsewhere);
    elsewhere = open_node(); /* beside one that is not */
    ck_assert_int_eq(sv_node_init(&refused, &options, &err), SYNCTV_E_STORAGE_UNAVAILABLE);
    ck_assert_msg(strstr(err.message, "another") != NULL, "%s", err.message);
    close_node(elsewhere);
    elsewhere = open_node();
}
END_TEST

static bool has_ended(synctv_stream *stream)
{
    const synctv_event *event = NULL;
    int rv;
    while ((rv = synctv_stream_next(stream, 0, &event, NULL)) > 0)
        synctv_event_unref(event);
    return rv < 0;
}

static void wait_for_end(synctv_stream *stream)
{
    for (int i = 0; i < 30000 && !has_ended(stream); i++)
        nap();
    ck_assert(has_ended(stream));
}

static int list_users(synctv_caller *caller)
{
    return synctv_account_list(caller, "", 0, "", NULL, NULL);
}

START_TEST(a_role_given_elsewhere_counts_within_a_minute)
{
    const synctv_result *ann = register_user("Ann");
    synctv_caller *caller = authenticate(node, ann->access_token, 0);
    ck_assert_int_eq(list_users(caller), SYNCTV_E_PERMISSION_DENIED);
    ck_assert_int_eq(synctv_node_user_set_role(elsewhere, "ann", SYNCTV_USER_ROLE_ADMIN, NULL), 0);
    pass_ms(node, 60000);
    synctv_caller_unref(authenticate(node, ann->access_token, 0));
    ck_assert_int_eq(list_users(caller), 0);
    synctv_caller_unref(caller);
    synctv_result_unref(ann);
}
END_TEST

START_TEST(a_role_given_elsewhere_reaches_callers_in_process)
{
    const synctv_result *ann = register_user("Ann");
    synctv_caller *caller = NULL;
    ck_assert_int_eq(synctv_node_as_user(node, ann->user->id, &caller, NULL), 0);
    ck_assert_int_eq(synctv_node_user_set_role(elsewhere, "ann", SYNCTV_USER_ROLE_ADMIN, NULL), 0);
    pass_ms(node, 55000);
    sv_accounts_housekeep(node);
    int rv = SYNCTV_E_PERMISSION_DENIED;
    for (int i = 0; i < 30000 && (rv = list_users(caller)) != 0; i++)
        nap();
    ck_assert_int_eq(rv, 0);
    synctv_caller_unref(caller);
    synctv_result_unref(ann);
}
END_TEST

/* A stream of ann, an admin, in a room of bob's. */
static synctv_stream *follow_as_admin(synctv_caller *anns, const synctv_result *bob)
{
    synctv_caller *bobs = authenticate(node, bob->access_token, 0);
    const synctv_result *room =
        ask(bobs, &SYNCTV_REQUEST(SYNCTV_METHOD_CREATE_ROOM, .name = "bob's"), 0);
    const synctv_stream_options to_room = SYNCTV_STREAM_OPTIONS(.room_id = room->room->id);
    synctv_stream *stream = NULL;
    ck_assert_int_eq(synctv_stream_open(anns, &to_room, &stream, NULL), 0);
    const synctv_event *snapshot = NULL;
    ck_assert_int_eq(synctv_stream_next(stream, 30000, &snapshot, NULL), 1);
    synctv_event_unref(snapshot);
    synctv_result_unref(room);
    synctv_caller_unref(bobs);
    return stream;
}

START_TEST(an_admin_unmade_elsewhere_loses_the_rooms_of_others_within_a_minute)
{
    bool by_token = _i == 1;
    const synctv_result *ann = register_user("Ann"), *bob = register_user("Bob");
    ck_assert_int_eq(synctv_node_user_set_role(node, "ann", SYNCTV_USER_ROLE_ADMIN, NULL), 0);
    synctv_caller *caller = authenticate(node, ann->access_token, 0);
    synctv_stream *stream = follow_as_admin(caller, bob);
    ck_assert_int_eq(synctv_node_user_set_role(elsewhere, "ann", SYNCTV_USER_ROLE_USER, NULL), 0);
    ck_assert(!has_ended(stream));
    pass_ms(node, by_token ? 60000 : 55000);
    if (by_token)
        synctv_caller_unref(authenticate(node, ann->access_token, 0));
    else
        sv_accounts_housekeep(node);
    wait_for_end(stream);
    ck_assert_int_eq(synctv_stream_next(stream, 0, &(const synctv_event *){ NULL }, NULL),
        SYNCTV_E_NOT_A_MEMBER);
    synctv_result_unref(ask(caller, &get_profile, 0));
    synctv_stream_close(stream);
    synctv_caller_unref(caller);
    synctv_result_unref(ann);
    synctv_result_unref(bob);
}
END_TEST

START_TEST(a_ban_elsewhere_ends_streams_within_a_minute_and_can_be_lifted)
{
    const synctv_result *ann = register_user("Ann");
    synctv_caller *caller = authenticate(node, ann->access_token, 0);
    synctv_caller *inside = NULL;
    ck_assert_int_eq(synctv_node_as_user(node, ann->user->id, &inside, NULL), 0);
    synctv_stream *stream = NULL, *stream_inside = NULL;
    ck_assert_int_eq(synctv_stream_open(caller, NULL, &stream, NULL), 0);
    ck_assert_int_eq(synctv_stream_open(inside, NULL, &stream_inside, NULL), 0);
    ck_assert_int_eq(synctv_node_user_set_status(elsewhere, "ann", SYNCTV_USER_STATUS_BANNED, NULL),
        0);
    sv_accounts_housekeep(node); /* nothing to look after yet */
    ck_assert(!has_ended(stream));
    pass_ms(node, 55000);
    sv_accounts_housekeep(node);
    wait_for_end(stream);
    wait_for_end(stream_inside);
    ask(inside, &get_profile, SYNCTV_E_USER_BANNED);
    authenticate(node, ann->access_token, SYNCTV_E_SESSION_ENDED);

    ck_assert_int_eq(synctv_node_user_set_status(elsewhere, "ann", SYNCTV_USER_STATUS_ACTIVE, NULL),
        0);
    int rv = SYNCTV_E_USER_BANNED;
    for (int i = 0; i < 1000 && rv != 0; i++) {
        pass_ms(node, 55000);
        sv_accounts_housekeep(node);
        rv = synctv_account_profile(inside, NULL, NULL);
        nap();
    }
    ck_assert_int_eq(rv, 0);
    synctv_stream_close(stream);
    synctv_stream_close(stream_inside);
    synctv_caller_unref(inside);
    synctv_caller_unref(caller);
    synctv_result_unref(ann);
}
END_TEST

START_TEST(a_session_that_ends_elsewhere_ends_here_though_another_one_goes_on)
{
    const synctv_result *first = register_user("Ann");
    synctv_caller *caller = authenticate(node, first->access_token, 0);
    synctv_stream *stream = NULL;
    ck_assert_int_eq(synctv_stream_open(caller, NULL, &stream, NULL), 0);
    ck_assert_int_eq(synctv_node_user_set_password(elsewhere, "ann", PASSWORD, NULL), 0);
    const synctv_result *second = log_in(PEER, "Ann", PASSWORD, 0);
    synctv_caller_unref(authenticate(node, second->access_token, 0));
    pass_ms(node, 55000);
    sv_accounts_housekeep(node);
    wait_for_end(stream);
    ask(caller, &get_profile, SYNCTV_E_SESSION_ENDED);
    authenticate(node, first->access_token, SYNCTV_E_SESSION_ENDED);
    synctv_caller_unref(authenticate(node, second->access_token, 0));
    synctv_stream_close(stream);
    synctv_caller_unref(caller);
    synctv_result_unref(second);
    synctv_result_unref(first);
}
END_TEST

START_TEST(more_callers_than_one_look_at_storage_covers_are_looked_after)
{
    enum { N = 150 };
    const synctv_result *ann = register_user("Ann"), *bob = register_user("Bob");
    synctv_caller *anns[N], *last = NULL;
    for (int i = 0; i < N; i++)
        ck_assert_int_eq(synctv_node_as_user(node, ann->user->id, &anns[i], NULL), 0);
    ck_assert_int_eq(synctv_node_as_user(node, bob->user->id, &last, NULL), 0);
    synctv_stream *stream = NULL;
    ck_assert_int_eq(synctv_stream_open(last, NULL, &stream, NULL), 0);
    ck_assert_int_eq(synctv_node_user_set_status(elsewhere, "bob", SYNCTV_USER_STATUS_BANNED, NULL),
        0);
    pass_ms(node, 55000);
    sv_accounts_housekeep(node);
    wait_for_end(stream);
    synctv_stream_close(stream);
    synctv_caller_unref(last);
    for (int i = 0; i < N; i++)
        synctv_caller_unref(anns[i]);
    synctv_result_unref(ann);
    synctv_result_unref(bob);
}
END_TEST

/* --- other threads --- */

enum { N_THREADS = 3, N_ROUNDS = 18 };

static atomic_bool stop;
static atomic_int n_pending;

static void count_answer(void *userdata, synctv_caller *caller, const synctv_error *error)
{
    ck_assert((caller != NULL) == (error == NULL));
    atomic_fetch_sub(&n_pending, 1);
}

static void *authenticate_always(void *arg)
{
    const char *token = arg;
    while (!atomic_load(&stop)) {
        if (atomic_fetch_add(&n_pending, 1) < 50) {
            synctv_node_authenticate(node, token, count_answer, NULL);
        } else {
            atomic_fetch_sub(&n_pending, 1);
            nap();
        }
    }
    return NULL;
}

static void *turn_always(void *arg)
{
    while (!atomic_load(&stop) || atomic_load(&n_pending) > 0) {
        sv_node_turn(node);
        nap();
    }
    return NULL;
}

static void *follow_always(void *arg)
{
    synctv_caller *caller = arg;
    while (!atomic_load(&stop)) {
        synctv_stream *stream = NULL;
        if (synctv_stream_open(caller, NULL, &stream, NULL) == 0) {
            nap();
            synctv_stream_close(stream);
        }
    }
    return NULL;
}

/* Ends the session while others authenticate with its token and open streams, in a way of the
 * test's. */
static void race(void (*end)(const synctv_result *session, synctv_caller *caller), int round)
{
    char name[16];
    snprintf(name, sizeof(name), "racer%d", round);
    const synctv_result *session = register_user(name);
    synctv_caller *caller = authenticate(node, session->access_token, 0);
    pthread_t threads[N_THREADS + 2];
    atomic_store(&stop, false);
    for (int i = 0; i < N_THREADS; i++)
        pthread_create(&threads[i], NULL, authenticate_always, (void *)session->access_token);
    pthread_create(&threads[N_THREADS], NULL, follow_always, caller);
    pthread_create(&threads[N_THREADS + 1], NULL, turn_always, NULL);
    nap();
    end(session, caller);
    synctv_stream *late = NULL;
    ck_assert_int_eq(synctv_stream_open(caller, NULL, &late, NULL), SYNCTV_E_SESSION_ENDED);
    for (int i = 0; i < 3; i++)
        nap();
    atomic_store(&stop, true);
    for (int i = 0; i < N_THREADS + 2; i++)
        pthread_join(threads[i], NULL);
    authenticate(node, session->access_token, SYNCTV_E_SESSION_ENDED);
    ask(caller, &get_profile, SYNCTV_E_SESSION_ENDED);
    synctv_caller_unref(caller);
    synctv_result_unref(session);
}

static void by_logout(const synctv_result *session, synctv_caller *caller)
{
    synctv_result_unref(ask(caller, &SYNCTV_REQUEST(SYNCTV_METHOD_LOGOUT), 0));
}

static void by_ban(const synctv_result *session, synctv_caller *caller)
{
    ck_assert_int_eq(synctv_node_user_set_status(node, session->user->username,
                         SYNCTV_USER_STATUS_BANNED, NULL),
        0);
}

static void by_password(const synctv_result *session, synctv_caller *caller)
{
    ck_assert_int_eq(synctv_node_user_set_password(node, session->user->username, "another horse",
                         NULL),
        0);
}

START_TEST(nothing_that_has_ended_comes_back_in_a_race)
{
    void (*const ways[])(const synctv_result *, synctv_caller *) = {
        by_logout,
        by_ban,
        by_password,
    };
    for (int i = 0; i < N_ROUNDS; i++)
        race(ways[i % 3], i);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("account_races");
    TCase *processes = tcase_create("processes");
    tcase_set_timeout(processes, 60);
    tcase_add_checked_fixture(processes, setup_two, teardown_two);
    tcase_add_test(processes, a_node_that_is_to_be_alone_is_the_only_one_that_is);
    tcase_add_test(processes, a_role_given_elsewhere_counts_within_a_minute);
    tcase_add_test(processes, a_role_given_elsewhere_reaches_callers_in_process);
    tcase_add_loop_test(processes,
        an_admin_unmade_elsewhere_loses_the_rooms_of_others_within_a_minute, 0, 2);
    tcase_add_test(processes, a_ban_elsewhere_ends_streams_within_a_minute_and_can_be_lifted);
    tcase_add_test(processes, a_session_that_ends_elsewhere_ends_here_though_another_one_goes_on);
    tcase_add_test(processes, more_callers_than_one_look_at_storage_covers_are_looked_after);
    suite_add_tcase(suite, processes);
    TCase *threads = tcase_create("threads");
    tcase_set_timeout(threads, 60);
    tcase_add_checked_fixture(threads, setup, teardown);
    tcase_add_test(threads, nothing_that_has_ended_comes_back_in_a_race);
    suite_add_tcase(suite, threads);
    return run_tests(suite);
}
