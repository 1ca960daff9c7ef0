/* SPDX-License-Identifier: MIT */
/* Callers and what ends them; profiles and platform admins. */
#include "node_fixture.h"

#include <pthread.h>

#include "base/clock.h"
#include "node/people/account_table.h"

static const synctv_request get_profile = {
    .struct_size = sizeof(get_profile),
    .method = SYNCTV_METHOD_GET_PROFILE,
};

/* Somebody with an account, signed in. */
struct person {
    const synctv_result *sign_up;
    const char *id;
    const char *token;
    synctv_caller *caller;
};

static struct person person(const char *username)
{
    struct person p = { .sign_up = register_user(username) };
    p.id = p.sign_up->user->id;
    p.token = p.sign_up->access_token;
    p.caller = authenticate(node, p.token, 0);
    return p;
}

static struct person admin(const char *username, synctv_user_role role)
{
    struct person p = person(username);
    ck_assert_int_eq(synctv_node_user_set_role(node, username, role, NULL), 0);
    return p;
}

static void leave(struct person *p)
{
    synctv_caller_unref(p->caller);
    synctv_result_unref(p->sign_up);
}

static synctv_stream *follow(synctv_caller *caller)
{
    synctv_stream *stream = NULL;
    synctv_error err = { 0 };
    int rv = synctv_stream_open(caller, NULL, &stream, &err);
    ck_assert_msg(rv == 0, "%s", err.message);
    return stream;
}

static bool is_open(synctv_stream *stream)
{
    const synctv_event *event = NULL;
    int rv;
    while ((rv = synctv_stream_next(stream, 0, &event, NULL)) > 0)
        synctv_event_unref(event);
    ck_assert(rv == 0 || rv == SYNCTV_E_SESSION_ENDED);
    return rv == 0;
}

static int set_status(synctv_caller *by, const char *user_id, synctv_user_status status)
{
    return synctv_account_set_status(by, user_id, status, "why not", NULL, NULL);
}

/* --- authentication --- */

START_TEST(tokens_that_are_none_are_refused)
{
    struct person ann = person("Ann");
    char *forged = strdup(ann.token);
    size_t len = strlen(forged);
    forged[len - 5] = forged[len - 5] == 'A' ? 'B' : 'A';
    authenticate(node, NULL, SYNCTV_E_TOKEN_MISSING);
    authenticate(node, "", SYNCTV_E_TOKEN_MISSING);
    authenticate(node, "x", SYNCTV_E_TOKEN_INVALID);
    authenticate(node, forged, SYNCTV_E_TOKEN_INVALID);
    authenticate(node, ann.sign_up->refresh_token, SYNCTV_E_TOKEN_INVALID);
    char *altered = strdup(ann.token); /* the signature of a token that is in the cache */
    char *payload = strchr(altered, '.') + 5;
    *payload = *payload == 'A' ? 'B' : 'A';
    authenticate(node, altered, SYNCTV_E_TOKEN_INVALID);
    char *huge = malloc(1 << 20);
    memset(huge, 'a', (1 << 20) - 1);
    huge[(1 << 20) - 1] = '\0';
    authenticate(node, huge, SYNCTV_E_TOKEN_INVALID);
    free(huge);
    free(altered);
    free(forged);
    leave(&ann);
}
END_TEST

START_TEST(a_token_expires_though_it_is_cached)
{
    struct person ann = person("Ann");
    pass_ms(node, 3580 * 1000);
    synctv_caller_unref(authenticate(node, ann.token, 0));
    pass_ms(node, 20 * 1000);
    authenticate(node, ann.token, SYNCTV_E_TOKEN_EXPIRED);
    leave(&ann);
}
END_TEST

/* Whether the answer was there before anything else was asked. */
static bool is_answered_at_once(const char *token)
{
    struct authenticated a = { 0 };
    synctv_node_authenticate(node, token, authenticated, &a);
    bool at_once = a.done;
    turn_until(node, &a.done);
    ck_assert_int_eq(a.code, 0);
    synctv_caller_unref(a.caller);
    return at_once;
}

START_TEST(storage_is_asked_about_a_token_once_a_minute)
{
    const synctv_result *ann = register_user("Ann");
    ck_assert(!is_answered_at_once(ann->access_token));
    ck_assert(is_answered_at_once(ann->access_token));
    pass_ms(node, 50000);
    ck_assert(is_answered_at_once(ann->access_token));
    pass_ms(node, 10000);
    ck_assert(!is_answered_at_once(ann->access_token));
    ck_assert(is_answered_at_once(ann->access_token));
    synctv_result_unref(ann);
}
END_TEST

START_TEST(storage_is_asked_once_a_minute_though_the_clock_was_put_back)
{
    const synctv_result *ann = register_user("Ann");
    ck_assert(!is_answered_at_once(ann->access_token));
    node_time_step(&fixture_time, -7200 * 1000);
    pass_ms(node, 50000);
    sv_node_turn(node);
    ck_assert(is_answered_at_once(ann->access_token));
    pass_ms(node, 10000);
    ck_assert(!is_answered_at_once(ann->access_token));
    synctv_result_unref(ann);
}
END_TEST

START_TEST(tokens_of_one_session_are_one_caller)
{
    struct person ann = person("Ann");
    const synctv_result *newer = ask_as_nobody(PEER,
        &SYNCTV_REQUEST(SYNCTV_METHOD_REFRESH_TOKEN, .refresh_token = ann.sign_up->refresh_token),
        0);
    synctv_caller *again = authenticate(node, newer->access_token, 0);
    ck_assert_ptr_eq(again, ann.caller);
    synctv_caller_unref(again);
    synctv_result_unref(newer);
    leave(&ann);
}
END_TEST

START_TEST(a_session_keeps_few_tokens_and_idle_ones_are_forgotten)
{
    struct person ann = person("Ann");
    const char *refresh_token = ann.sign_up->refresh_token;
    const synctv_result *pairs[10];
    for (int i = 0; i < 10; i++) {
        pairs[i] = ask_as_nobody(PEER,
            &SYNCTV_REQUEST(SYNCTV_METHOD_REFRESH_TOKEN, .refresh_token = refresh_token), 0);
        refresh_token = pairs[i]->refresh_token;
        synctv_caller_unref(authenticate(node, pairs[i]->access_token, 0));
    }
    ck_assert_uint_eq(HASH_COUNT(node->accounts->tokens), SV_TOKENS_PER_SESSION);
    for (int i = 0; i < 10; i++)
        synctv_result_unref(pairs[i]);
    leave(&ann);
    pass_ms(node, SV_IDLE_MS);
    sv_accounts_housekeep(node);
    ck_assert_uint_eq(HASH_COUNT(node->accounts->tokens), 0);
    ck_assert_uint_eq(HASH_COUNT(node->accounts->sessions), 0);
    ck_assert_uint_eq(HASH_COUNT(node->accounts->by_user), 1);
    pass_ms(node, SV_IDLE_MS);
    sv_accounts_housekeep(node);
    ck_assert_uint_eq(HASH_COUNT(node->accounts->by_user), 0);
}
END_TEST

START_TEST(callers_in_process_need_a_user_who_is_not_banned)
{
    struct person ann = person("Ann");
    synctv_caller *caller = NULL;
    ck_assert_int_eq(synctv_node_as_user(node, ann.id, &caller, NULL), 0);
    ck_assert_str_eq(synctv_caller_user_id(caller), ann.id);
    const synctv_result *r = ask(caller, &get_profile, 0);
    ck_assert_str_eq(r->user->username, "Ann");
    synctv_result_unref(r);
    synctv_caller_unref(caller);

    caller = NULL;
    ck_assert_int_eq(synctv_node_as_user(node, "", &caller, NULL), SYNCTV_E_USER_NOT_FOUND);
    ck_assert_int_eq(synctv_node_as_user(node, NULL, &caller, NULL), SYNCTV_E_USER_NOT_FOUND);
    ck_assert_int_eq(synctv_node_as_user(node, "AAAAAAAAAAAA", &caller, NULL),
        SYNCTV_E_USER_NOT_FOUND);
    ck_assert_int_eq(synctv_node_user_set_status(node, "ann", SYNCTV_USER_STATUS_BANNED, NULL), 0);
    synctv_error err = { 0 };
    ck_assert_int_eq(synctv_node_as_user(node, ann.id, &caller, &err), SYNCTV_E_USER_BANNED);
    ck_assert_int_eq(err.code, SYNCTV_E_USER_BANNED);
    ck_assert_ptr_null(caller);
    leave(&ann);
}
END_TEST

START_TEST(who_is_not_signed_in_can_do_little)
{
    ask_as_nobody(PEER, &get_profile, SYNCTV_E_TOKEN_MISSING);
    ask_as_nobody(PEER, &SYNCTV_REQUEST(SYNCTV_METHOD_LIST_USERS), SYNCTV_E_TOKEN_MISSING);
    synctv_caller *nobody = nobody_at(PEER);
    synctv_stream *stream = NULL;
    ck_assert_int_eq(synctv_stream_open(nobody, NULL, &stream, NULL), SYNCTV_E_PERMISSION_DENIED);
    synctv_caller_unref(nobody);
    synctv_caller *system = synctv_node_as_system(node);
    ask(system, &get_profile, SYNCTV_E_USER_NOT_FOUND);
    synctv_caller_unref(system);
}
END_TEST

START_TEST(streams_of_a_user_are_limited)
{
    struct person ann = person("Ann");
    synctv_stream *streams[16];
    for (int i = 0; i < 16; i++)
        streams[i] = follow(ann.caller);
    synctv_stream *one_more = NULL;
    ck_assert_int_eq(synctv_stream_open(ann.caller, NULL, &one_more, NULL), SYNCTV_E_STREAM_LIMIT);
    synctv_stream_close(streams[3]);
    streams[3] = follow(ann.caller);
    for (int i = 0; i < 16; i++)
        synctv_stream_close(streams[i]);
    leave(&ann);
}
END_TEST

START_TEST(calls_of_a_user_are_limited_and_those_in_process_are_not)
{
    limits.calls_per_second = 4;
    reopen();
    struct person ann = person("Ann");
    synctv_caller *inside = NULL;
    ck_assert_int_eq(synctv_node_as_user(node, ann.id, &inside, NULL), 0);
    int64_t n = 0, start_ms = sv_mono_ms();
    int rv;
    while ((rv = synctv_call_wait(ann.caller, &get_profile, NULL, NULL)) == 0 && n < 1000)
        n++;
    ck_assert_int_eq(rv, SYNCTV_E_RATE_LIMITED);
    ck_assert_int_ge(n, 4);
    ck_assert_int_le(n, 4 + (sv_mono_ms() - start_ms) * 4 / 1000 + 1);
    for (int i = 0; i < 10; i++)
        synctv_result_unref(ask(inside, &get_profile, 0));
    pass_ms(node, 250);
    synctv_result_unref(ask(ann.caller, &get_profile, 0));
    synctv_caller_unref(inside);
    leave(&ann);
}
END_TEST

/* --- what ends a session --- */

START_TEST(logging_out_ends_the_streams_of_that_session_alone)
{
    struct person ann = person("Ann");
    const synctv_result *second = log_in(PEER, "Ann", PASSWORD, 0);
    synctv_caller *other = authenticate(node, second->access_token, 0);
    synctv_stream *mine = follow(ann.caller);
    synctv_stream *others = follow(other);
    synctv_result_unref(ask(ann.caller, &SYNCTV_REQUEST(SYNCTV_METHOD_LOGOUT), 0));
    ck_assert(!is_open(mine));
    ck_assert(is_open(others));
    synctv_stream *late = NULL;
    ck_assert_int_eq(synctv_stream_open(ann.caller, NULL, &late, NULL), SYNCTV_E_SESSION_ENDED);
    synctv_result_unref(ask(other, &get_profile, 0));
    synctv_stream_close(mine);
    synctv_stream_close(others);
    synctv_caller_unref(other);
    synctv_result_unref(second);
    leave(&ann);
}
END_TEST

START_TEST(a_ban_ends_everything_at_once)
{
    struct person ann = person("Ann"), root = admin("root", SYNCTV_USER_ROLE_ROOT);
    synctv_caller *inside = NULL;
    ck_assert_int_eq(synctv_node_as_user(node, ann.id, &inside, NULL), 0);
    synctv_stream *stream = follow(ann.caller), *stream_inside = follow(inside);
    ck_assert_int_eq(set_status(root.caller, ann.id, SYNCTV_USER_STATUS_BANNED), 0);
    ck_assert(!is_open(stream));
    ck_assert(!is_open(stream_inside));
    ask(ann.caller, &get_profile, SYNCTV_E_SESSION_ENDED);
    ask(inside, &get_profile, SYNCTV_E_USER_BANNED);
    authenticate(node, ann.token, SYNCTV_E_SESSION_ENDED);

    ck_assert_int_eq(set_status(root.caller, ann.id, SYNCTV_USER_STATUS_ACTIVE), 0);
    authenticate(node, ann.token, SYNCTV_E_SESSION_ENDED);
    synctv_result_unref(ask(inside, &get_profile, 0));
    const synctv_result *back = log_in(PEER, "Ann", PASSWORD, 0);
    synctv_caller_unref(authenticate(node, back->access_token, 0));
    synctv_result_unref(back);
    synctv_stream_close(stream);
    synctv_stream_close(stream_inside);
    synctv_caller_unref(inside);
    leave(&ann);
    leave(&root);
}
END_TEST

START_TEST(a_new_password_ends_every_other_session)
{
    struct person ann = person("Ann");
    const synctv_result *second = log_in(PEER, "Ann", PASSWORD, 0);
    synctv_caller *other = authenticate(node, second->access_token, 0);
    synctv_stream *mine = follow(ann.caller);
    synctv_stream *others = follow(other);

    synctv_error err = { 0 };
    ck_assert_int_eq(synctv_account_change_password(ann.caller, "wrong horse", "another horse",
                         &err),
        SYNCTV_E_LOGIN_FAILED);
    ck_assert_int_eq(synctv_account_change_password(ann.caller, PASSWORD, "short", &err),
        SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "new_password");
    ck_assert(is_open(others));
    ck_assert_int_eq(synctv_account_change_password(ann.caller, PASSWORD, "another horse", NULL),
        0);
    ck_assert(is_open(mine));
    ck_assert(!is_open(others));
    authenticate(node, second->access_token, SYNCTV_E_SESSION_ENDED);
    synctv_caller_unref(authenticate(node, ann.token, 0));
    log_in(PEER, "Ann", PASSWORD, SYNCTV_E_LOGIN_FAILED);
    synctv_result_unref(log_in(PEER, "Ann", "another horse", 0));
    synctv_stream_close(mine);
    synctv_stream_close(others);
    synctv_caller_unref(other);
    synctv_result_unref(second);
    leave(&ann);
}
END_TEST

START_TEST(changing_the_password_is_limited)
{
    limits.hash_per_minute = 2;
    reopen();
    struct person ann = person("Ann");
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(synctv_account_change_password(ann.caller, "wrong horse", "another horse",
                             NULL),
            SYNCTV_E_LOGIN_FAILED);
    ck_assert_int_eq(synctv_account_change_password(ann.caller, PASSWORD, "another horse", NULL),
        SYNCTV_E_RATE_LIMITED);
    leave(&ann);
}
END_TEST

/* --- what changes while storage is asked --- */

/* A store that lets something of ann change before it says what it has read. */
static struct {
    atomic_bool on;
    const struct person *ann;
    void (*change)(const struct person *ann);
    int n_changes;
    /* Reads so far. The first n_changes are late, one at a time, each on a thread of its own. */
    atomic_int n_reads;
    void (*apply)(struct sv_job *job, int rv);
    struct sv_job *job;
    int rv;
    pthread_t threads[2 * SV_LOOKUP_TRIES];
} late;

/* What a change reads for itself is not late. */
static _Thread_local bool is_changing;

static void *change_and_apply(void *arg)
{
    struct sv_job *job = late.job;
    int rv = late.rv;
    is_changing = true;
    late.change(late.ann);
    is_changing = false;
    job->apply = late.apply;
    job->apply(job, rv);
    return NULL;
}

static void apply_late(struct sv_job *job, int rv)
{
    late.job = job;
    late.rv = rv;
    pthread_create(&late.threads[atomic_load(&late.n_reads) - 1], NULL, change_and_apply, NULL);
}

int __wrap_sv_store_read(struct sv_store *store, struct sv_job *job);
int __real_sv_store_read(struct sv_store *store, struct sv_job *job);

int __wrap_sv_store_read(struct sv_store *store, struct sv_job *job)
{
    if (!is_changing && atomic_load(&late.on) &&
        atomic_fetch_add(&late.n_reads, 1) < late.n_changes) {
        late.apply = job->apply;
        job->apply = apply_late;
    }
    return __real_sv_store_read(store, job);
}

/* The next `n` reads are of this kind. */
static void be_late(const struct person *ann, void (*change)(const struct person *ann), int n)
{
    late.ann = ann;
    late.n_changes = n;
    late.change = change;
    atomic_store(&late.n_reads, 0);
    atomic_store(&late.on, true);
}

/* Returns how many reads there were. */
static int be_late_no_more(void)
{
    atomic_store(&late.on, false);
    int n = atomic_load(&late.n_reads);
    for (int i = 0; i < n && i < late.n_changes; i++)
        pthread_join(late.threads[i], NULL);
    return n;
}

static void log_out(const struct person *ann)
{
    synctv_result_unref(ask(ann->caller, &SYNCTV_REQUEST(SYNCTV_METHOD_LOGOUT), 0));
}

static void ban(const struct person *ann)
{
    ck_assert_int_eq(synctv_node_user_set_status(node, "Ann", SYNCTV_USER_STATUS_BANNED, NULL), 0);
}

static void set_password(const struct person *ann)
{
    ck_assert_int_eq(synctv_node_user_set_password(node, "Ann", "another horse", NULL), 0);
}

static void make_admin(const struct person *ann)
{
    ck_assert_int_eq(synctv_node_user_set_role(node, "Ann", SYNCTV_USER_ROLE_ADMIN, NULL), 0);
}

static int list_users(synctv_caller *caller)
{
    return synctv_account_list(caller, "", 0, "", NULL, NULL);
}

START_TEST(what_ended_while_storage_was_asked_does_not_come_back)
{
    void (*const ways[])(const struct person *) = { log_out, ban, set_password };
    struct person ann = person("Ann");
    pass_ms(node, 60000);
    be_late(&ann, ways[_i], 1);
    authenticate(node, ann.token, SYNCTV_E_SESSION_ENDED);
    ck_assert_int_eq(be_late_no_more(), 2);
    ask(ann.caller, &get_profile, SYNCTV_E_SESSION_ENDED);
    authenticate(node, ann.token, SYNCTV_E_SESSION_ENDED);
    leave(&ann);
}
END_TEST

START_TEST(a_role_given_while_storage_was_asked_counts)
{
    struct person ann = person("Ann");
    pass_ms(node, 60000);
    be_late(&ann, make_admin, 1);
    synctv_caller *caller = authenticate(node, ann.token, 0);
    be_late_no_more();
    ck_assert_int_eq(list_users(caller), 0);
    synctv_caller_unref(caller);
    leave(&ann);
}
END_TEST

START_TEST(a_role_given_while_storage_was_asked_counts_in_process)
{
    struct person ann = person("Ann");
    synctv_caller *caller = NULL;
    be_late(&ann, make_admin, 1);
    ck_assert_int_eq(synctv_node_as_user(node, ann.id, &caller, NULL), 0);
    be_late_no_more();
    ck_assert_int_eq(list_users(caller), 0);
    synctv_caller_unref(caller);
    leave(&ann);
}
END_TEST

START_TEST(a_role_given_while_storage_was_asked_counts_for_who_has_a_stream)
{
    struct person ann = person("Ann");
    synctv_stream *stream = follow(ann.caller);
    ck_assert(is_open(stream));
    pass_ms(node, 55000);
    be_late(&ann, make_admin, 1);
    sv_accounts_housekeep(node);
    pass_ms(node, 0); /* waits */
    ck_assert_int_eq(be_late_no_more(), 2);
    ck_assert_int_eq(list_users(ann.caller), 0);
    synctv_stream_close(stream);
    leave(&ann);
}
END_TEST

START_TEST(storage_is_not_asked_forever)
{
    struct person ann = person("Ann");
    synctv_caller *caller = NULL;
    pass_ms(node, 60000);
    be_late(&ann, make_admin, 2 * SV_LOOKUP_TRIES);
    authenticate(node, ann.token, SYNCTV_E_OVERLOADED);
    ck_assert_int_eq(atomic_load(&late.n_reads), SV_LOOKUP_TRIES);
    ck_assert_int_eq(synctv_node_as_user(node, ann.id, &caller, NULL), SYNCTV_E_OVERLOADED);
    ck_assert_int_eq(be_late_no_more(), 2 * SV_LOOKUP_TRIES);
    synctv_caller_unref(authenticate(node, ann.token, 0));
    ck_assert_int_eq(list_users(ann.caller), 0);
    leave(&ann);
}
END_TEST

/* --- platform admins --- */

START_TEST(who_may_set_whose_status)
{
    struct person user = person("user"), other = person("other");
    struct person adm = admin("adm", SYNCTV_USER_ROLE_ADMIN);
    struct person adm2 = admin("adm2", SYNCTV_USER_ROLE_ADMIN);
    struct person root = admin("root", SYNCTV_USER_ROLE_ROOT);
    struct person root2 = admin("root2", SYNCTV_USER_ROLE_ROOT);
    synctv_caller *system = synctv_node_as_system(node);
    const synctv_user_status pending = SYNCTV_USER_STATUS_PENDING;
    const int denied = SYNCTV_E_PERMISSION_DENIED;

    ck_assert_int_eq(set_status(user.caller, other.id, pending), denied);
    ck_assert_int_eq(set_status(adm.caller, adm.id, pending), denied);
    ck_assert_int_eq(set_status(adm.caller, adm2.id, pending), denied);
    ck_assert_int_eq(set_status(adm.caller, root.id, pending), denied);
    ck_assert_int_eq(set_status(root.caller, root.id, pending), denied);
    ck_assert_int_eq(set_status(adm.caller, "AAAAAAAAAAAA", pending), SYNCTV_E_USER_NOT_FOUND);
    ck_assert_int_eq(set_status(adm.caller, "x", pending), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_int_eq(set_status(adm.caller, user.id, SYNCTV_USER_STATUS_UNSPECIFIED),
        SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_int_eq(set_status(adm.caller, user.id, (synctv_user_status)9),
        SYNCTV_E_INVALID_ARGUMENT);

    const synctv_result *r = NULL;
    ck_assert_int_eq(synctv_account_set_status(adm.caller, user.id, pending, NULL, &r, NULL), 0);
    ck_assert_str_eq(r->user->username, "user");
    ck_assert_int_eq(r->user->status, pending);
    synctv_result_unref(r);
    synctv_result_unref(ask(user.caller, &get_profile, 0));
    ask(user.caller, &SYNCTV_REQUEST(SYNCTV_METHOD_CREATE_ROOM, .name = "room"),
        SYNCTV_E_USER_PENDING);

    ck_assert_int_eq(set_status(root.caller, adm.id, pending), 0);
    ck_assert_int_eq(set_status(adm.caller, user.id, SYNCTV_USER_STATUS_ACTIVE),
        SYNCTV_E_USER_PENDING);
    ck_assert_int_eq(set_status(root.caller, root2.id, pending), 0);
    ck_assert_int_eq(set_status(system, root.id, SYNCTV_USER_STATUS_BANNED), 0);
    synctv_caller_unref(system);
    struct person *all[] = { &user, &other, &adm, &adm2, &root, &root2 };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        leave(all[i]);
}
END_TEST

START_TEST(users_are_listed_for_admins_newest_first_and_by_page)
{
    struct person adm = admin("adm", SYNCTV_USER_ROLE_ADMIN);
    static const char *const names[] = { "Ann", "Anton", "Bob", "Susanne" };
    for (int i = 0; i < 4; i++) {
        pass_ms(node, 1);
        synctv_result_unref(register_user(names[i]));
    }
    const synctv_result *r = NULL;
    ck_assert_int_eq(synctv_account_list(adm.caller, "", 3, "", &r, NULL), 0);
    ck_assert_uint_eq(r->n_users, 3);
    ck_assert_str_eq(r->users[0].username, "Susanne");
    ck_assert_str_eq(r->users[2].username, "Anton");
    const synctv_result *next = NULL;
    ck_assert_int_eq(synctv_account_list(adm.caller, "", 3, r->next_page_token, &next, NULL), 0);
    ck_assert_uint_eq(next->n_users, 2);
    ck_assert_str_eq(next->users[0].username, "Ann");
    ck_assert_str_eq(next->next_page_token, "");
    synctv_result_unref(next);
    synctv_result_unref(r);

    ck_assert_int_eq(synctv_account_list(adm.caller, "ANN", 0, NULL, &r, NULL), 0);
    ck_assert_uint_eq(r->n_users, 2);
    ck_assert_str_eq(r->users[0].username, "Susanne");
    ck_assert_str_eq(r->users[1].username, "Ann");
    synctv_caller *ann = NULL;
    ck_assert_int_eq(synctv_node_as_user(node, r->users[1].id, &ann, NULL), 0);
    ck_assert_int_eq(synctv_account_list(ann, "", 0, "", NULL, NULL), SYNCTV_E_PERMISSION_DENIED);
    ck_assert_int_eq(synctv_account_list(adm.caller, "", -1, "", NULL, NULL),
        SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_int_eq(synctv_account_list(adm.caller, "", 0, "nonsense", NULL, NULL),
        SYNCTV_E_INVALID_ARGUMENT);
    synctv_caller_unref(ann);
    synctv_result_unref(r);
    leave(&adm);
}
END_TEST

START_TEST(the_owner_of_the_database_makes_and_changes_accounts)
{
    const synctv_result *r = NULL;
    synctv_error err = { 0 };
    ck_assert_int_eq(synctv_node_user_add(node, "Root", PASSWORD, "r@example.org",
                         SYNCTV_USER_ROLE_ROOT, &r, &err),
        0);
    ck_assert_int_eq(r->user->role, SYNCTV_USER_ROLE_ROOT);
    ck_assert_int_eq(r->user->status, SYNCTV_USER_STATUS_ACTIVE);
    synctv_result_unref(r);
    const synctv_user_role user = SYNCTV_USER_ROLE_USER;
    ck_assert_int_eq(synctv_node_user_add(node, "rooT", PASSWORD, NULL, user, NULL, NULL),
        SYNCTV_E_USERNAME_TAKEN);
    ck_assert_int_eq(synctv_node_user_add(node, "x2", PASSWORD, "R@example.org", user, NULL, NULL),
        SYNCTV_E_EMAIL_TAKEN);
    ck_assert_int_eq(synctv_node_user_add(node, "x2", PASSWORD, NULL, (synctv_user_role)7, NULL,
                         &err),
        SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "role");
    ck_assert_int_eq(synctv_node_user_set_role(node, "nobody", user, &err),
        SYNCTV_E_USER_NOT_FOUND);
    ck_assert_int_eq(synctv_node_user_set_status(node, "\xff", SYNCTV_USER_STATUS_ACTIVE, NULL),
        SYNCTV_E_USER_NOT_FOUND);
    ck_assert_int_eq(synctv_node_user_set_password(node, "root", "x", &err),
        SYNCTV_E_INVALID_ARGUMENT);

    r = log_in(PEER, "root", PASSWORD, 0);
    synctv_caller *root = authenticate(node, r->access_token, 0);
    ck_assert_int_eq(synctv_node_user_set_role(node, "ROOT", user, NULL), 0);
    ck_assert_int_eq(synctv_account_list(root, "", 0, "", NULL, NULL), SYNCTV_E_PERMISSION_DENIED);
    ck_assert_int_eq(synctv_node_user_set_password(node, "root", "another horse", NULL), 0);
    ask(root, &get_profile, SYNCTV_E_SESSION_ENDED);
    synctv_caller_unref(root);
    synctv_result_unref(r);
    synctv_result_unref(log_in(PEER, "root", "another horse", 0));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("accounts");
    TCase *tc = tcase_create("accounts");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, tokens_that_are_none_are_refused);
    tcase_add_test(tc, a_token_expires_though_it_is_cached);
    tcase_add_test(tc, storage_is_asked_about_a_token_once_a_minute);
    tcase_add_test(tc, storage_is_asked_once_a_minute_though_the_clock_was_put_back);
    tcase_add_test(tc, tokens_of_one_session_are_one_caller);
    tcase_add_test(tc, a_session_keeps_few_tokens_and_idle_ones_are_forgotten);
    tcase_add_test(tc, callers_in_process_need_a_user_who_is_not_banned);
    tcase_add_test(tc, who_is_not_signed_in_can_do_little);
    tcase_add_test(tc, streams_of_a_user_are_limited);
    tcase_add_test(tc, calls_of_a_user_are_limited_and_those_in_process_are_not);
    tcase_add_test(tc, logging_out_ends_the_streams_of_that_session_alone);
    tcase_add_test(tc, a_ban_ends_everything_at_once);
    tcase_add_test(tc, a_new_password_ends_every_other_session);
    tcase_add_test(tc, changing_the_password_is_limited);
    tcase_add_loop_test(tc, what_ended_while_storage_was_asked_does_not_come_back, 0, 3);
    tcase_add_test(tc, a_role_given_while_storage_was_asked_counts);
    tcase_add_test(tc, a_role_given_while_storage_was_asked_counts_in_process);
    tcase_add_test(tc, a_role_given_while_storage_was_asked_counts_for_who_has_a_stream);
    tcase_add_test(tc, storage_is_not_asked_forever);
    tcase_add_test(tc, who_may_set_whose_status);
    tcase_add_test(tc, users_are_listed_for_admins_newest_first_and_by_page);
    tcase_add_test(tc, the_owner_of_the_database_makes_and_changes_accounts);
    suite_add_tcase(suite, tc);
    return run_tests(suite);
}
