/* SPDX-License-Identifier: MIT */
#include "node/engine/call.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/secret.h"
#include "node/engine/ticket.h"

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
        call->release_room(call->room);
    if (call->origin != NULL)
        call->origin->ops->end(call->origin);
    sv_ticket_free(call->ticket);
    synctv_result_unref(call->result);
    synctv_caller_unref(call->by);
    sv_arena_fini(&call->arena);
    free(call);
}

struct sv_call *sv_call_new(synctv_node *node, synctv_caller *by, const struct sv_actor_info *actor,
    struct sv_origin *origin, const synctv_request *request)
{
    struct sv_call *call = sv_zalloc(sizeof(*call));
    if (call == NULL)
        return NULL;
    call->by = synctv_caller_ref(by);
    call->node = node;
    call->actor = *actor;
    call->req = request;
    call->received_ms = sv_node_now_ms(node);
    call->origin = origin;
    if (origin != NULL)
        origin->ops->begin(origin);
    return call;
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

void sv_call_start(struct sv_call *call, enum sv_method_ways way)
{
    unsigned method = (unsigned)call->req->method;
    sv_handler *handler = method < SYNCTV_N_METHODS ? call->node->handlers[method] : NULL;
    bool takes =
        way == SV_BY_STREAM ? !atomic_load(&call->node->stopping) : sv_node_takes_calls(call->node);
    if (!takes) {
        sv_call_fail(call, SYNCTV_E_SHUTTING_DOWN);
    } else if (handler == NULL) {
        sv_call_fail(call, SYNCTV_E_UNIMPLEMENTED);
    } else if ((sv_methods[method].ways & way) == 0) {
        sv_call_fail(call,
            sv_errorf(&call->err, SYNCTV_E_INVALID_ARGUMENT,
                way == SV_BY_STREAM ? "this request is not for streams"
                                    : "this request is for streams only"));
    } else {
        handler(call);
    }
}

/* --- the answer --- */

static void deliver(struct sv_call *call)
{
    if (call->done != NULL && sv_ticket_answer(call->ticket))
        call->done(call->userdata, call->result);
    call_free(call);
}

static void deliver_letter(struct sv_letter *letter)
{
    deliver(SV_CONTAINER_OF(letter, struct sv_call, letter));
}

static void answer(struct sv_call *call)
{
    if (call->done == NULL || call->direct || !call->moved) {
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
    if (call->origin != NULL)
        call->origin->ops->refuse(call->origin, call->req, &call->err);
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

void sv_call_end(struct sv_call *call, int rv)
{
    if (rv < 0)
        sv_call_fail(call, rv);
    else
        sv_call_finish(call);
}

/* --- from thread to thread --- */

static int job_run(struct sv_job *job, struct sv_tx *tx)
{
    struct sv_call *call = SV_CONTAINER_OF(job, struct sv_call, job);
    call->err.code = 0;
    if (call->writes && !sv_ticket_commit(call->ticket))
        return SYNCTV_E_CANCELLED;
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
    call->moved = true;
    if (!sv_ticket_begin(call->ticket) && rv >= 0)
        rv = SYNCTV_E_CANCELLED;
    if (rv < 0)
        sv_call_abort(call, rv);
    else
        call->next(call);
}

static void job_apply(struct sv_job *job, int rv)
{
    struct sv_call *call = SV_CONTAINER_OF(job, struct sv_call, job);
    if (rv == SYNCTV_E_OUTCOME_UNKNOWN)
        call->node->doubt(call->node, &job->scope);
    sv_call_go_on(call, rv);
}

static void submit_job(struct sv_call *call, int (*submit)(struct sv_store *, struct sv_job *))
{
    call->job.run = job_run;
    call->job.apply = job_apply;
    call->writes = submit == sv_store_write;
    sv_ticket_wait(call->ticket);
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

void sv_call_write_later(struct sv_call *call, const char *room_id, const char *user_id,
    int (*run)(struct sv_call *, struct sv_tx *), void (*next)(struct sv_call *))
{
    sv_job_set_scope(&call->job, room_id, call->actor.user_id, user_id);
    call->run = run;
    call->written = next;
}

void sv_call_write_now(struct sv_call *call)
{
    if (sv_call_keep(call) < 0) {
        sv_call_abort(call, SYNCTV_E_NO_MEMORY);
        return;
    }
    call->next = call->written;
    submit_job(call, sv_store_write);
}

void sv_call_write(struct sv_call *call, const char *room_id, const char *user_id,
    int (*run)(struct sv_call *, struct sv_tx *), void (*next)(struct sv_call *))
{
    sv_call_write_later(call, room_id, user_id, run, next);
    sv_call_write_now(call);
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
    sv_ticket_wait(call->ticket);
    int rv = sv_pool_submit(call->node->hashers, &call->work);
    if (rv < 0)
        sv_call_abort(call, rv);
}
