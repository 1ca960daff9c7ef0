/* SPDX-License-Identifier: MIT */
/*
 * The transaction checks again who acts: what they have lost since their call began they cannot use
 * any more.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <time.h>

#include "base/pool.h"
#include "support/node_fixture.h"

static synctv_caller *alice, *bob;
static const char *room; /* alice's, with a password */

static void people(void)
{
    fx_open();
    alice = fx_user("alice");
    fx_assert_ok(FX_ASK(alice, CREATE_ROOM, .name = "room", .password = "sesame"));
    room = fx_answer->room->id;
}

/* --- a call that waits --- */

struct answer {
    bool came;
    int code;
};

static void answered(void *userdata, const synctv_result *result)
{
    struct answer *answer = userdata;
    answer->came = true;
    answer->code = result->code;
}

static void wait_for(const struct answer *answer)
{
    for (int i = 0; i < 30000 && !answer->came; i++) {
        fx_turn();
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    }
    ck_assert(answer->came);
}

static sem_t gate;

static void wait_at_gate(struct sv_work *work)
{
    sem_wait(&gate);
}

/* What the caller asks for is answered only after `meanwhile`: it has to be hashed, and the hashers
 * are held up. */
static int ask_while_hashing(synctv_caller *caller, const synctv_request *request,
    void (*meanwhile)(void))
{
    struct sv_work work[64] = { 0 };
    int n = get_nprocs();
    ck_assert_int_lt(n, 64);
    sem_init(&gate, 0, 0);
    for (int i = 0; i < n; i++) {
        work[i].run = wait_at_gate;
        fx_assert_ok(sv_pool_submit(fx_node.hashers, &work[i]));
    }
    struct answer answer = { 0 };
    synctv_call(caller, request, answered, &answer);
    fx_settle(); /* the room is loaded */
    meanwhile();
    ck_assert(!answer.came);
    for (int i = 0; i < n; i++)
        sem_post(&gate);
    wait_for(&answer);
    sem_destroy(&gate);
    return answer.code;
}

/* --- what happens meanwhile --- */

static void set_status(synctv_user_status status)
{
    fx_assert_ok(FX_ASK(fx_system(), SET_USER_STATUS, .user_id = fx_id(bob),
        .user_status = status));
}

static void be_banned(void)
{
    set_status(SYNCTV_USER_STATUS_BANNED);
}

static void be_made_to_wait(void)
{
    set_status(SYNCTV_USER_STATUS_PENDING);
}

static void lose_the_role(void)
{
    fx_assert_ok(synctv_node_user_set_role(&fx_node, "bob", SYNCTV_USER_ROLE_USER, &fx_error));
}

static void lose_the_sessions(void)
{
    fx_assert_ok(synctv_node_user_set_password(&fx_node, "bob", "another horse", &fx_error));
}

static void nothing(void)
{
}

static const struct loss {
    void (*meanwhile)(void);
    bool signed_in; /* and not in process */
    int create, join, update;
} losses[] = {
    { nothing, false, 0, 0, 0 },
    { nothing, true, 0, 0, 0 },
    { be_banned, false, SYNCTV_E_USER_BANNED, SYNCTV_E_USER_BANNED, SYNCTV_E_USER_BANNED },
    { be_banned, true, SYNCTV_E_SESSION_ENDED, SYNCTV_E_SESSION_ENDED, SYNCTV_E_SESSION_ENDED },
    { be_made_to_wait, false, SYNCTV_E_USER_PENDING, SYNCTV_E_USER_PENDING, SYNCTV_E_USER_PENDING },
    { lose_the_role, false, 0, 0, SYNCTV_E_NOT_A_MEMBER },
    { lose_the_role, true, 0, 0, SYNCTV_E_NOT_A_MEMBER },
    { lose_the_sessions, false, 0, 0, 0 },
    { lose_the_sessions, true, SYNCTV_E_SESSION_ENDED, SYNCTV_E_SESSION_ENDED,
        SYNCTV_E_SESSION_ENDED },
};
#define N_LOSSES (int)(sizeof(losses) / sizeof(losses[0]))

static synctv_caller *someone(const struct loss *loss, synctv_user_role role)
{
    bob = fx_user_with("bob", role, SYNCTV_USER_STATUS_ACTIVE);
    return loss->signed_in ? fx_signed_in("bob") : bob;
}

START_TEST(a_room_is_created_by_who_still_may)
{
    const synctv_request create =
        SYNCTV_REQUEST(SYNCTV_METHOD_CREATE_ROOM, .name = "bob's", .password = "swordfish");
    synctv_caller *caller = someone(&losses[_i], SYNCTV_USER_ROLE_USER);
    fx_assert_code(ask_while_hashing(caller, &create, losses[_i].meanwhile), losses[_i].create);
    fx_assert_ok(FX_ASK(fx_system(), LIST_ROOMS, .search = "bob"));
    ck_assert_uint_eq(fx_answer->n_rooms, losses[_i].create == 0);
}
END_TEST

START_TEST(a_room_is_joined_by_who_still_may)
{
    const synctv_request join =
        SYNCTV_REQUEST(SYNCTV_METHOD_JOIN_ROOM, .room_id = room, .password = "sesame");
    synctv_caller *caller = someone(&losses[_i], SYNCTV_USER_ROLE_USER);
    fx_assert_code(ask_while_hashing(caller, &join, losses[_i].meanwhile), losses[_i].join);
    fx_check_memory(room);
}
END_TEST

START_TEST(a_room_is_changed_by_who_still_is_a_platform_admin)
{
    const synctv_request update = SYNCTV_REQUEST(SYNCTV_METHOD_UPDATE_ROOM, .room_id = room,
        .has_password = true, .password = "swordfish");
    synctv_caller *caller = someone(&losses[_i], SYNCTV_USER_ROLE_ADMIN);
    fx_assert_code(ask_while_hashing(caller, &update, losses[_i].meanwhile), losses[_i].update);
}
END_TEST

/* --- in one batch with what happens --- */

struct hold {
    struct sv_job job;
    sem_t here, go;
};

static int hold_run(struct sv_job *job, struct sv_tx *tx)
{
    struct hold *hold = SV_CONTAINER_OF(job, struct hold, job);
    sem_post(&hold->here);
    sem_wait(&hold->go);
    return 0;
}

static void hold_apply(struct sv_job *job, int rv)
{
}

/* The request goes to the writer right behind a change of bob's status. */
static int ask_behind(synctv_user_status status, const synctv_request *request)
{
    struct hold hold = { .job = { .run = hold_run, .apply = hold_apply } };
    sem_init(&hold.here, 0, 0);
    sem_init(&hold.go, 0, 0);
    fx_assert_ok(sv_store_write(fx_node.store, &hold.job));
    sem_wait(&hold.here);
    const synctv_request set =
        SYNCTV_REQUEST(SYNCTV_METHOD_SET_USER_STATUS, .user_id = fx_id(bob), .user_status = status);
    struct answer first = { 0 }, second = { 0 };
    synctv_call(fx_system(), &set, answered, &first);
    synctv_call(bob, request, answered, &second);
    sem_post(&hold.go);
    wait_for(&first);
    wait_for(&second);
    fx_assert_ok(first.code);
    fx_settle();
    sem_destroy(&hold.here);
    sem_destroy(&hold.go);
    return second.code;
}

static const struct {
    synctv_method method;
    int banned, pending;
} behind[] = {
    { SYNCTV_METHOD_CREATE_ROOM, SYNCTV_E_USER_BANNED, SYNCTV_E_USER_PENDING },
    { SYNCTV_METHOD_SEND_CHAT, SYNCTV_E_USER_BANNED, SYNCTV_E_USER_PENDING },
    { SYNCTV_METHOD_UPDATE_ROOM, SYNCTV_E_USER_BANNED, SYNCTV_E_USER_PENDING },
    { SYNCTV_METHOD_KICK_MEMBER, SYNCTV_E_USER_BANNED, SYNCTV_E_USER_PENDING },
    { SYNCTV_METHOD_DELETE_ROOM, SYNCTV_E_USER_BANNED, SYNCTV_E_USER_PENDING },
    { SYNCTV_METHOD_LEAVE_ROOM, SYNCTV_E_USER_BANNED, 0 }, /* who waits may go */
};
#define N_BEHIND (int)(sizeof(behind) / sizeof(behind[0]))

START_TEST(what_comes_behind_a_ban_is_refused)
{
    synctv_user_status status = SYNCTV_USER_STATUS_BANNED;
    int expected = behind[_i / 2].banned;
    if (_i % 2 == 1) {
        status = SYNCTV_USER_STATUS_PENDING;
        expected = behind[_i / 2].pending;
    }
    static const char *const fields[] = { "name" };
    bob = fx_user("bob");
    const char *bobs = fx_room(bob, NULL), *alices = fx_room(alice, NULL);
    fx_join(alice, bobs);
    fx_join(bob, alices);
    bool leaves = behind[_i / 2].method == SYNCTV_METHOD_LEAVE_ROOM;
    const synctv_request request =
        SYNCTV_REQUEST(behind[_i / 2].method, .room_id = leaves ? alices : bobs, .name = "new",
            .fields = fields, .n_fields = 1, .content = "hello", .user_id = fx_id(alice));
    fx_assert_code(ask_behind(status, &request), expected);
    fx_check_memory(bobs);
    fx_check_memory(alices);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rechecks");
    TCase *tcase = tcase_create("rechecks");
    tcase_add_checked_fixture(tcase, people, fx_close);
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, a_room_is_created_by_who_still_may, 0, N_LOSSES);
    tcase_add_loop_test(tcase, a_room_is_joined_by_who_still_may, 0, N_LOSSES);
    tcase_add_loop_test(tcase, a_room_is_changed_by_who_still_is_a_platform_admin, 0, N_LOSSES);
    tcase_add_loop_test(tcase, what_comes_behind_a_ban_is_refused, 0, 2 * N_BEHIND);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
