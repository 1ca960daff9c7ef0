/* SPDX-License-Identifier: MIT */
/*
 * Calls that wait for their room to be loaded: who acts is judged by what is true when the call is
 * carried out, not when it began.
 */
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "node/people/account.h"
#include "support/node_fixture.h"

static synctv_caller *alice, *carol;
static const char *room, *movie;

static void people(void)
{
    fx_open();
    alice = fx_signed_in("alice");
    carol = fx_user_with("carol", SYNCTV_USER_ROLE_ADMIN, SYNCTV_USER_STATUS_ACTIVE);
    room = fx_room(alice, NULL);
    movie = fx_movie(alice, room, "first", 100);
    fx_assert_ok(FX_ASK(alice, SET_CURRENT_MOVIE, .room_id = room, .movie_id = movie));
    fx_pass_ms(1000); /* the state is stored */
    fx_settle();
    fx_turn();
    fx_forget_rooms();
}

/* --- what happens while the call waits --- */

struct meanwhile {
    struct sv_job job;
    sem_t gate;
    void (*change)(void);
};

/* Storage stands still until the call has been made. */
static int meanwhile_run(struct sv_job *job, struct sv_tx *tx)
{
    struct meanwhile *m = SV_CONTAINER_OF(job, struct meanwhile, job);
    while (sem_wait(&m->gate) != 0)
        ;
    return 0;
}

static void meanwhile_apply(struct sv_job *job, int rv)
{
    SV_CONTAINER_OF(job, struct meanwhile, job)->change();
}

static void nothing(void)
{
}

static void ban_alice(void)
{
    sv_accounts_set_status(&fx_node, fx_id(alice), SYNCTV_USER_STATUS_BANNED);
}

static void suspend_alice(void)
{
    sv_accounts_set_status(&fx_node, fx_id(alice), SYNCTV_USER_STATUS_PENDING);
}

static void log_alice_out(void)
{
    sv_accounts_end_user(&fx_node, fx_id(alice), "");
}

static void degrade_carol(void)
{
    sv_accounts_set_role(&fx_node, fx_id(carol), SYNCTV_USER_ROLE_USER);
}

static void answered(void *userdata, const synctv_result *result)
{
    *(const synctv_result **)userdata = synctv_result_ref(result);
}

static int ask_and_wait(synctv_caller *caller, synctv_request request, void (*change)(void))
{
    struct meanwhile m = {
        .job = { .run = meanwhile_run, .apply = meanwhile_apply },
        .change = change,
    };
    sem_init(&m.gate, 0, 0);
    sv_job_set_scope(&m.job, room, NULL, NULL);
    fx_assert_ok(sv_store_write(fx_node.store, &m.job));
    const synctv_result *result = NULL;
    synctv_call(caller, &request, answered, &result);
    ck_assert_ptr_null(result);
    sem_post(&m.gate);
    fx_settle();
    fx_turn();
    ck_assert_ptr_nonnull(result);
    int code = result->code;
    synctv_result_unref(result);
    sem_destroy(&m.gate);
    return code;
}

/* --- every call that does not go through a transaction of its own --- */

static const struct call {
    synctv_method method;
    bool reads; /* so PENDING users may, too */
} calls[] = {
    { SYNCTV_METHOD_PLAY, false },
    { SYNCTV_METHOD_PAUSE, false },
    { SYNCTV_METHOD_SEEK, false },
    { SYNCTV_METHOD_SET_PLAYBACK_RATE, false },
    { SYNCTV_METHOD_SET_CURRENT_MOVIE, false },
    { SYNCTV_METHOD_SEND_DANMAKU, false },
    { SYNCTV_METHOD_JOIN_ROOM, false },
    { SYNCTV_METHOD_GET_ROOM_INFO, true },
    { SYNCTV_METHOD_GET_MOVIE_LIST, true },
    { SYNCTV_METHOD_LIST_MEMBERS, true },
};

#define N_CALLS (int)(sizeof(calls) / sizeof(calls[0]))

static synctv_request request_of(const struct call *call)
{
    return SYNCTV_REQUEST(call->method, .room_id = room, .movie_id = movie, .position_s = 11,
        .rate = 1.5, .content = "hello");
}

static uint64_t version_now(void)
{
    fx_assert_ok(FX_ASK(fx_system(), GET_ROOM_INFO, .room_id = room));
    return fx_answer->state->version;
}

START_TEST(who_loses_nothing_meanwhile_gets_what_they_asked_for)
{
    fx_assert_ok(ask_and_wait(alice, request_of(&calls[_i]), nothing));
}
END_TEST

START_TEST(who_loses_the_right_meanwhile_does_nothing)
{
    static const struct {
        void (*change)(void);
        int code;
        bool may_read;
    } losses[] = {
        { ban_alice, SYNCTV_E_USER_BANNED, false },
        { suspend_alice, SYNCTV_E_USER_PENDING, true },
        { log_alice_out, SYNCTV_E_SESSION_ENDED, false },
    };
    const struct call *call = &calls[_i / 3];
    bool may = call->reads && losses[_i % 3].may_read;
    uint64_t version = version_now();
    fx_forget_rooms();
    int code = ask_and_wait(alice, request_of(call), losses[_i % 3].change);
    if (losses[_i % 3].code == SYNCTV_E_USER_BANNED && code == SYNCTV_E_SESSION_ENDED)
        code = SYNCTV_E_USER_BANNED; /* both are so */
    fx_assert_code(code < 0 ? code : 0, may ? 0 : losses[_i % 3].code);
    ck_assert_uint_eq(version_now(), version);
}
END_TEST

START_TEST(who_is_no_platform_admin_any_more_is_a_stranger)
{
    const struct call *call = &calls[_i];
    if (call->method == SYNCTV_METHOD_JOIN_ROOM)
        return; /* open to strangers */
    uint64_t version = version_now();
    fx_forget_rooms();
    int code = ask_and_wait(carol, request_of(call), degrade_carol);
    fx_assert_code(code, call->method == SYNCTV_METHOD_GET_ROOM_INFO ? 0 : SYNCTV_E_NOT_A_MEMBER);
    ck_assert_uint_eq(version_now(), version);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("waiting_calls");
    TCase *t = tcase_create("waiting_calls");
    suite_add_tcase(suite, t);
    tcase_add_checked_fixture(t, people, fx_close);
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, who_loses_nothing_meanwhile_gets_what_they_asked_for, 0, N_CALLS);
    tcase_add_loop_test(t, who_loses_the_right_meanwhile_does_nothing, 0, 3 * N_CALLS);
    tcase_add_loop_test(t, who_is_no_platform_admin_any_more_is_a_stranger, 0, N_CALLS);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
