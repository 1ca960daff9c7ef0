/* SPDX-License-Identifier: MIT */
/*
 * synctv_node_user_…(): changes of accounts by the program that runs the node. They need no caller,
 * so this is how the first admin is made.
 */
#include <string.h>

#include "api/result.h"
#include "auth/password.h"
#include "base/error.h"
#include "base/text.h"
#include "core/validate.h"
#include "node/people/account.h"
#include "node/engine/blocking_job.h"

/* --- a change of one account, found by its name --- */

struct change {
    struct sv_blocking_job blocking;
    synctv_node *node;
    struct sv_arena arena;
    /* Of the name. */
    const char *fold;
    /* As found. */
    synctv_user user;
    int (*store)(struct change *change, struct sv_tx *tx);
    /* Updates memory, after COMMIT. */
    void (*follow)(struct change *change);

    synctv_user_role role;
    synctv_user_status status;
    char record[SV_PASSWORD_RECORD_SIZE];
};

static int change_find(struct sv_blocking_job *b, struct sv_tx *tx)
{
    struct change *change = SV_CONTAINER_OF(b, struct change, blocking);
    struct sv_user_rec rec;
    int rv = tx->ops->user_get_by_name(tx, change->fold, &change->arena, &rec);
    if (rv == 0)
        change->user = rec.user;
    return rv;
}

static int change_run(struct sv_blocking_job *b, struct sv_tx *tx)
{
    struct change *change = SV_CONTAINER_OF(b, struct change, blocking);
    int rv = change_find(b, tx);
    return rv < 0 ? rv : change->store(change, tx);
}

static void change_apply(struct sv_blocking_job *b)
{
    struct change *change = SV_CONTAINER_OF(b, struct change, blocking);
    change->follow(change);
}

static int end_sessions(struct change *change, struct sv_tx *tx)
{
    const char *const *ended_ids;
    int rv = tx->ops->session_delete_user(tx, change->user.id, "", &change->arena, &ended_ids);
    return rv < 0 ? rv : 0;
}

static int change_do(struct change *change, const char *username, synctv_error *err)
{
    int rv = SYNCTV_E_SHUTTING_DOWN;
    if (!atomic_load(&change->node->stopping)) {
        rv = sv_name_fold(&change->arena, username, &change->fold);
        if (rv == SYNCTV_E_INVALID_ARGUMENT)
            rv = SYNCTV_E_USER_NOT_FOUND;
    }
    struct sv_store *store = change->node->store;
    if (rv == 0) {
        change->blocking.run = change_find;
        rv = sv_blocking_job_do(&change->blocking, store, sv_store_read);
    }
    if (rv == 0) {
        change->blocking.run = change_run;
        change->blocking.apply = change_apply;
        sv_job_set_scope(&change->blocking.job, NULL, change->user.id, NULL);
        rv = sv_blocking_job_do(&change->blocking, store, sv_store_write);
    }
    sv_arena_fini(&change->arena);
    return rv < 0 ? sv_error(err, rv) : 0;
}

static int store_role(struct change *change, struct sv_tx *tx)
{
    return tx->ops->user_set_role(tx, change->user.id, change->role);
}

static void follow_role(struct change *change)
{
    sv_accounts_set_role(change->node, change->user.id, change->role);
}

static int check_role(synctv_user_role role, synctv_error *err)
{
    if (role < SYNCTV_USER_ROLE_USER || role > SYNCTV_USER_ROLE_ROOT)
        return sv_error_field(err, "role", "must be user, admin or root");
    return 0;
}

int synctv_node_user_set_role(synctv_node *node, const char *username, synctv_user_role role,
    synctv_error *ret_error)
{
    int rv = check_role(role, ret_error);
    if (rv < 0)
        return rv;
    struct change change = {
        .node = node,
        .store = store_role,
        .follow = follow_role,
        .role = role,
    };
    return change_do(&change, username, ret_error);
}

static int store_status(struct change *change, struct sv_tx *tx)
{
    int rv = tx->ops->user_set_status(tx, change->user.id, change->status);
    if (rv == 0 && change->status == SYNCTV_USER_STATUS_BANNED)
        rv = end_sessions(change, tx);
    return rv;
}

static void follow_status(struct change *change)
{
    sv_accounts_set_status(change->node, change->user.id, change->status);
}

int synctv_node_user_set_status(synctv_node *node, const char *username, synctv_user_status status,
    synctv_error *ret_error)
{
    if (status < SYNCTV_USER_STATUS_ACTIVE || status > SYNCTV_USER_STATUS_BANNED)
        return sv_error_field(ret_error, "status", "must be active, pending or banned");
    struct change change = {
        .node = node,
        .store = store_status,
        .follow = follow_status,
        .status = status,
    };
    return change_do(&change, username, ret_error);
}

static int store_password(struct change *change, struct sv_tx *tx)
{
    int rv = tx->ops->user_set_password(tx, change->user.id, change->record);
    return rv == 0 ? end_sessions(change, tx) : rv;
}

static void follow_password(struct change *change)
{
    sv_accounts_end_user(change->node, change->user.id, "");
}

int synctv_node_user_set_password(synctv_node *node, const char *username, const char *password,
    synctv_error *ret_error)
{
    struct change change = {
        .node = node,
        .store = store_password,
        .follow = follow_password,
    };
    int rv = sv_password_validate(password, username, "password", ret_error);
    if (rv < 0)
        return rv;
    rv = sv_password_hash(password, NULL, change.record);
    if (rv < 0)
        return sv_error(ret_error, rv);
    return change_do(&change, username, ret_error);
}

/* --- a new account --- */

struct addition {
    struct sv_blocking_job blocking;
    struct sv_user_rec rec;
};

static int addition_run(struct sv_blocking_job *b, struct sv_tx *tx)
{
    struct addition *addition = SV_CONTAINER_OF(b, struct addition, blocking);
    return tx->ops->user_insert(tx, &addition->rec);
}

static int check_user(const char *username, const char *password, const char *email,
    synctv_user_role role, synctv_error *err)
{
    int rv = sv_username_validate(username, err);
    if (rv == 0)
        rv = sv_password_validate(password, username, "password", err);
    if (rv == 0)
        rv = sv_email_validate(email, err);
    return rv == 0 ? check_role(role, err) : rv;
}

static synctv_result *result_of(const synctv_user *user)
{
    synctv_result *result = sv_result_new();
    if (result == NULL)
        return NULL;
    synctv_user *copy = sv_arena_alloc(sv_result_arena(result), sizeof(*copy));
    if (copy == NULL || sv_user_copy(sv_result_arena(result), user, copy) < 0) {
        synctv_result_unref(result);
        return NULL;
    }
    result->user = copy;
    return result;
}

int synctv_node_user_add(synctv_node *node, const char *username, const char *password,
    const char *email, synctv_user_role role, const synctv_result **ret_result,
    synctv_error *ret_error)
{
    int rv = check_user(username, password, email, role, ret_error);
    if (rv < 0)
        return rv;

    char id[SV_ID_SIZE];
    char record[SV_PASSWORD_RECORD_SIZE];
    struct sv_arena arena = { 0 };
    struct addition addition = {
        .blocking.run = addition_run,
        .rec.user = {
            .id = id,
            .username = username,
            .email = sv_str(email),
            .role = role,
            .status = SYNCTV_USER_STATUS_ACTIVE,
            .created_at_ms = sv_node_now_ms(node),
        },
        .rec.password_hash = record,
    };
    synctv_result *result = NULL;
    rv = atomic_load(&node->stopping) ? SYNCTV_E_SHUTTING_DOWN : sv_node_new_id(node, id);
    if (rv == 0)
        rv = sv_name_fold(&arena, username, &addition.rec.username_fold);
    if (rv == 0)
        rv = sv_name_fold(&arena, email, &addition.rec.email_fold);
    if (rv == 0)
        rv = sv_password_hash(password, NULL, record);
    if (rv == 0 && (result = result_of(&addition.rec.user)) == NULL)
        rv = SYNCTV_E_NO_MEMORY;
    if (rv == 0) {
        sv_job_set_scope(&addition.blocking.job, NULL, id, NULL);
        rv = sv_blocking_job_do(&addition.blocking, node->store, sv_store_write);
    }
    sv_arena_fini(&arena);
    if (rv < 0) {
        synctv_result_unref(result);
        return sv_error(ret_error, rv);
    }
    if (ret_result != NULL) {
        *ret_result = result;
        result = NULL; /* moved to the caller */
    }
    synctv_result_unref(result);
    return 0;
}
