/* SPDX-License-Identifier: MIT */
#include "node/engine/call.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/secret.h"
#include "core/validate.h"
#include "node/calls/methods.h"
#include "node/rooms/room.h"
#include "node/streams/stream.h"

static void wipe(const char *secret)
{
    if (secret != NULL)
        sv_secret_wipe((char *)secret, strlen(secret));
}

/* Passwords do not stay behind in freed memory. */
static void wipe_request(const synctv_request *own)
{
    wipe(own->password);
    wipe(own->new_password);
    wipe(own->refresh_token);
}

static void call_free(struct sv_call *call)
{
    if (call->kept)
        wipe_request(call->req);
    if (call->room != NULL)
        sv_room_unref(call->room);
    if (call->stream != NULL)
        sv_stream_end_call(call->stream);
    if (call->opening != NULL)
        sv_stream_end_call(call->opening);
    synctv_result_unref(call->result);
    synctv_caller_unref(&call->by->base);
    sv_arena_fini(&call->arena);
    free(call);
}

static struct sv_call *call_new(struct sv_session *by, const synctv_request *request)
{
    struct sv_call *call = sv_zalloc(sizeof(*call));
    if (call == NULL)
        return NULL;
    synctv_caller_ref(&by->base);
    call->by = by;
    call->node = by->node;
    call->req = request;
    call->received_ms = sv_node_clock_ms(&by->node->clock);
    sv_session_info(by, &call->actor);
    return call;
}

struct sv_call *sv_call_new_internal(struct sv_session *by)
{
    return call_new(by, NULL);
}

int sv_call_keep(struct sv_call *call)
{
    if (call->kept)
        return 0;
    synctv_request *own = sv_arena_alloc(&call->arena, sizeof(*own));
    if (own == NULL || sv_request_copy(&call->arena, call->req, own) < 0)
        return sv_error(&call->err, SYNCTV_E_NO_MEMORY);
    call->req = own;
    call->kept = true;
    return 0;
}

static void start(struct sv_call *call, unsigned by)
{
    const struct sv_method *method = sv_method_get(call->req->method);
    if (atomic_load(&call->node->stopping)) {
        sv_call_fail(call, SYNCTV_E_SHUTTING_DOWN);
    } else if (method == NULL) {
        sv_call_fail(call, SYNCTV_E_UNIMPLEMENTED);
    } else if ((method->by & by) == 0) {
        sv_call_fail(call,
            sv_errorf(&call->err, SYNCTV_E_INVALID_ARGUMENT,
                by == SV_BY_STREAM ? "this request is not for streams"
                                   : "this request is for streams only"));
    } else {
        method->handler(call);
    }
}

void sv_call_submit(synctv_caller *caller, const synctv_request *request, synctv_done_fn *done,
    void *userdata, bool direct)
{
    struct sv_call *call = call_new((struct sv_session *)caller, request);
    if (call == NULL) {
        const synctv_result *result = sv_result_failed(SYNCTV_E_NO_MEMORY, NULL);
        done(userdata, result);
        synctv_result_unref(result);
        return;
    }
    call->done = done;
    call->userdata = userdata;
    call->direct = direct;
    start(call, SV_BY_CALL);
}

void sv_call_submit_stream(struct sv_stream *stream, const synctv_request *request)
{
    struct sv_call *call = call_new(stream->session, request);
    if (call == NULL) {
        synctv_error err;
        sv_error(&err, SYNCTV_E_NO_MEMORY);
        sv_stream_push_error(stream, &err, request->room_id, request->message_id);
        return;
    }
    call->stream = sv_stream_begin_call(stream);
    start(call, SV_BY_STREAM);
}

/* --- the answer --- */

static void deliver(struct sv_call *call)
{
    if (call->done != NULL)
        call->done(call->userdata, call->result);
    call_free(call);
}

static void deliver_letter(struct sv_letter *letter)
{
    deliver(SV_CONTAINER_OF(letter, struct sv_call, letter));
}

static void answer(struct sv_call *call)
{
    if (call->done == NULL || call->direct || !call->foreign) {
        deliver(call);
        return;
    }
    call->letter.run = deliver_letter;
    sv_node_post(call->node, &call->letter);
}

synctv_result *sv_call_result(struct sv_call *call)
{
    if (call->result == NULL)
        call->result = sv_result_new();
    return call->result;
}

void sv_call_finish(struct sv_call *call)
{
    if (call->done != NULL && sv_call_result(call) == NULL) {
        sv_call_fail(call, SYNCTV_E_NO_MEMORY);
        return;
    }
    answer(call);
}

void sv_call_fail(struct sv_call *call, int code)
{
    if (call->err.code != code)
        sv_error(&call->err, code);
    if (call->stream != NULL)
        sv_stream_push_error(call->stream, &call->err, call->req->room_id, call->req->message_id);
    /* The state as it is goes with a VERSION_CONFLICT, and nothing else with no other error. */
    if (call->done != NULL &&
        (code != SYNCTV_E_VERSION_CONFLICT || call->result == NULL ||
            sv_result_fail(call->result, code, &call->err) < 0)) {
        synctv_result_unref(call->result);
        call->result =
            (synctv_result *)sv_result_failed(code, &call->err); /* never changed again */
    }
    answer(call);
}

/* --- from thread to thread --- */

static int job_run(struct sv_job *job, struct sv_tx *tx)
{
    struct sv_call *call = SV_CONTAINER_OF(job, struct sv_call, job);
    call->err.code = 0;
    return call->run(call, tx);
}

void sv_call_abort(struct sv_call *call, int code)
{
    void (*failed)(struct sv_call *, int) = call->failed;
    call->failed = NULL;
    if (failed != NULL)
        failed(call, code);
    else
        sv_call_fail(call, code);
}

void sv_call_go_on(struct sv_call *call, int rv)
{
    call->foreign = true;
    if (rv < 0)
        sv_call_abort(call, rv);
    else
        call->next(call);
}

static void job_apply(struct sv_job *job, int rv)
{
    sv_call_go_on(SV_CONTAINER_OF(job, struct sv_call, job), rv);
}

static void submit_job(struct sv_call *call, int (*submit)(struct sv_store *, struct sv_job *))
{
    call->job.run = job_run;
    call->job.apply = job_apply;
    int rv = submit(call->node->store, &call->job);
    if (rv < 0)
        sv_call_abort(call, rv);
}

void sv_call_read(struct sv_call *call, int (*run)(struct sv_call *, struct sv_tx *),
    void (*next)(struct sv_call *))
{
    if (sv_call_keep(call) < 0) {
        sv_call_abort(call, SYNCTV_E_NO_MEMORY);
        return;
    }
    call->run = run;
    call->next = next;
    submit_job(call, sv_store_read);
}

static void write_now(struct sv_call *call)
{
    call->next = call->written;
    submit_job(call, sv_store_write);
}

/* Those who observe all rooms want to hear of this one, though nobody is in it. */
static bool is_observed(const struct sv_call *call)
{
    return call->room == NULL && atomic_load(&call->node->rooms.n_observers) > 0 &&
        sv_id_valid(call->req->room_id);
}

void sv_call_write(struct sv_call *call, const char *room_id, const char *user_id,
    int (*run)(struct sv_call *, struct sv_tx *), void (*next)(struct sv_call *))
{
    if (sv_call_keep(call) < 0) {
        sv_call_abort(call, SYNCTV_E_NO_MEMORY);
        return;
    }
    sv_job_set_scope(&call->job, room_id, call->actor.user_id, user_id);
    call->run = run;
    call->written = next;
    if (is_observed(call))
        sv_room_load(call, call->req->room_id, write_now);
    else
        write_now(call);
}

static void work_run(struct sv_work *work)
{
    sv_call_go_on(SV_CONTAINER_OF(work, struct sv_call, work), 0);
}

void sv_call_hash(struct sv_call *call, void (*next)(struct sv_call *))
{
    if (sv_call_keep(call) < 0) {
        sv_call_abort(call, SYNCTV_E_NO_MEMORY);
        return;
    }
    call->next = next;
    call->work.run = work_run;
    int rv = sv_pool_submit(call->node->hashers, &call->work);
    if (rv < 0)
        sv_call_abort(call, rv);
}

void sv_call_load_room(struct sv_call *call, const char *room_id, void (*next)(struct sv_call *))
{
    if (call->room != NULL) {
        next(call);
        return;
    }
    sv_room_load(call, room_id, next);
}

/* --- checks --- */

int sv_call_need_user(struct sv_call *call)
{
    if (call->actor.is_system)
        return 0;
    if (call->actor.user_id[0] == '\0')
        return sv_error(&call->err, SYNCTV_E_TOKEN_MISSING);
    if (atomic_load(&call->by->ended))
        return sv_error(&call->err, SYNCTV_E_SESSION_ENDED);
    if (call->actor.status == SYNCTV_USER_STATUS_BANNED)
        return sv_error(&call->err, SYNCTV_E_USER_BANNED);
    return 0;
}

int sv_call_need_active(struct sv_call *call)
{
    call->needs_active = true;
    int rv = sv_call_need_user(call);
    if (rv == 0 && !call->actor.is_system && call->actor.status != SYNCTV_USER_STATUS_ACTIVE)
        rv = sv_error(&call->err, SYNCTV_E_USER_PENDING);
    return rv;
}

int sv_call_judge_by(struct sv_call *call, synctv_user_role role, synctv_user_status status)
{
    sv_actor_set(&call->actor, role, status);
    return call->needs_active ? sv_call_need_active(call) : sv_call_need_user(call);
}

int sv_call_judge(struct sv_call *call, struct sv_tx *tx, struct sv_arena *a)
{
    struct sv_user_rec user;
    if (call->actor.is_system)
        return 0;
    int rv = tx->ops->user_get(tx, call->actor.user_id, a, &user);
    return rv < 0 ? rv : sv_call_judge_by(call, user.user.role, user.user.status);
}

int sv_call_need_rate(struct sv_call *call, enum sv_rate_kind kind)
{
    int64_t wait_ms = sv_session_rate(call->by, kind);
    return wait_ms == 0 ? 0 : sv_error_retry(&call->err, wait_ms);
}

int sv_call_need_id(struct sv_call *call, const char *id, const char *field)
{
    return sv_id_validate(id, field, &call->err);
}

int sv_call_page_size(struct sv_call *call, int32_t max, int32_t def, int32_t *ret_size)
{
    return sv_page_size_validate(call->req->page_size, "page_size", def, max, ret_size, &call->err);
}

const char *sv_page_token(struct sv_arena *a, int64_t key, const char *id)
{
    return sv_arena_printf(a, "%" PRId64 ".%s", key, id);
}

int sv_page_token_parse(struct sv_call *call, int64_t *ret_key, char *ret_id)
{
    const char *token = call->req->page_token;
    *ret_key = 0;
    ret_id[0] = '\0';
    if (token == NULL || token[0] == '\0')
        return 0;
    char *end = NULL;
    int64_t key = strtoll(token, &end, 10);
    if (end == token || *end != '.' || key < 0 || strlen(token) > 40 ||
        (end[1] != '\0' && !sv_id_valid(end + 1)))
        return sv_error_field(&call->err, "page_token", "this is no page token of this list");
    *ret_key = key;
    memcpy(ret_id, end + 1, strlen(end + 1) + 1);
    return 0;
}
