/* SPDX-License-Identifier: MIT */
/*
 * A node without queue or network, turned by the test itself, whose clock the test can put forward.
 */
#ifndef TESTS_NODE_FIXTURE_H
#define TESTS_NODE_FIXTURE_H

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <synctv/account.h>

#include "node/node.h"
#include "node/people/account_table.h"
#include "support/node_time.h"

#define PASSWORD "correct horse"

static synctv_node *node;
static synctv_node_options options;
static synctv_limits limits;
static struct node_time fixture_time; /* of all nodes that are opened here */

static inline synctv_node *open_node(void)
{
    synctv_error err = { 0 };
    synctv_node *n = malloc(sizeof(*n));
    ck_assert_msg(sv_node_init(n, &options, &err) == 0, "%s", err.message);
    node_time_own(n, &fixture_time);
    return n;
}

static inline void close_node(synctv_node *n)
{
    sv_node_close(n);
    sv_node_quiesce(n);
    sv_node_turn(n);
    sv_node_fini(n);
    free(n);
}

static inline void init_options(void)
{
    synctv_node_options_init(&options);
    synctv_limits_init(&limits);
    options.limits = &limits;
}

static inline void setup(void)
{
    init_options();
    fixture_time.mono_ms = fixture_time.wall_ms = 0;
    node = open_node();
}

static inline void teardown(void)
{
    close_node(node);
}

/* A test that wants other options than the usual ones. */
static inline void reopen(void)
{
    close_node(node);
    node = open_node();
}

static inline void nap(void)
{
    nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

/* So much time passes, once no look at storage is under way: what it finds would count as found
 * later. */
static inline void pass_ms(synctv_node *n, int64_t ms)
{
    bool is_quiet = false;
    while (!is_quiet) {
        pthread_mutex_lock(&n->accounts->lock);
        is_quiet = !n->accounts->refreshing;
        if (is_quiet)
            node_time_pass(&fixture_time, ms);
        pthread_mutex_unlock(&n->accounts->lock);
        if (!is_quiet)
            nap();
    }
}

/* Turns the node until `flag` is set, 30 s at most. */
static inline void turn_until(synctv_node *n, const bool *flag)
{
    for (int i = 0; i < 30000 && !*flag; i++) {
        sv_node_turn(n);
        if (!*flag)
            nap();
    }
    ck_assert(*flag);
}

/* A result that outlives the call; its code is the call's. */
static inline const synctv_result *ask(synctv_caller *caller, const synctv_request *request,
    int expected)
{
    const synctv_result *result = NULL;
    synctv_error err = { 0 };
    int rv = synctv_call_wait(caller, request, &result, &err);
    ck_assert_msg(rv == expected, "%s gave %s (%s), not %s", synctv_method_name(request->method),
        synctv_error_reason(rv), err.message, synctv_error_reason(expected));
    return result;
}

static inline synctv_caller *nobody_at(const char *address)
{
    synctv_caller *nobody = NULL;
    ck_assert_int_eq(synctv_node_as_anonymous(node, address, &nobody, NULL), 0);
    return nobody;
}

static inline const synctv_result *ask_as_nobody(const char *address, const synctv_request *request,
    int expected)
{
    synctv_caller *nobody = nobody_at(address);
    const synctv_result *result = ask(nobody, request, expected);
    synctv_caller_unref(nobody);
    return result;
}

#define PEER "192.0.2.1"

static inline const synctv_result *register_user(const char *username)
{
    synctv_caller *system = synctv_node_as_system(node);
    const synctv_result *result = ask(system,
        &SYNCTV_REQUEST(SYNCTV_METHOD_REGISTER, .username = username, .password = PASSWORD), 0);
    synctv_caller_unref(system);
    return result;
}

static inline const synctv_result *log_in(const char *peer, const char *username,
    const char *password, int expected)
{
    return ask_as_nobody(peer,
        &SYNCTV_REQUEST(SYNCTV_METHOD_LOGIN, .username = username, .password = password), expected);
}

/* What came of an authentication. */
struct authenticated {
    bool done;
    int code;
    synctv_caller *caller; /* a reference */
};

static inline void authenticated(void *userdata, synctv_caller *caller, const synctv_error *error)
{
    struct authenticated *a = userdata;
    ck_assert(!a->done);
    ck_assert((caller != NULL) == (error == NULL));
    a->code = error == NULL ? 0 : error->code;
    a->caller = caller == NULL ? NULL : synctv_caller_ref(caller);
    a->done = true;
}

static inline synctv_caller *authenticate(synctv_node *n, const char *token, int expected)
{
    struct authenticated a = { 0 };
    synctv_node_authenticate(n, token, authenticated, &a);
    turn_until(n, &a.done);
    ck_assert_msg(a.code == expected, "%s, not %s", synctv_error_reason(a.code),
        synctv_error_reason(expected));
    return a.caller;
}

static inline int run_tests(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}

#endif
