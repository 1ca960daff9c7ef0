/* SPDX-License-Identifier: MIT */
/* Submitting requests, and waiting for their answers. */
#include <synctv/call.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "api/caller.h"
#include "api/cancel.h"
#include "api/result.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/sized.h"

#define DEFAULT_TIMEOUT_MS 30000

const char *synctv_method_name(synctv_method method)
{
    static const char *const names[SYNCTV_N_METHODS] = {
#define METHOD_NAME(name, rpc) [SYNCTV_METHOD_##name] = rpc,
        SYNCTV_METHODS(METHOD_NAME)
#undef METHOD_NAME
    };
    return (unsigned)method < SYNCTV_N_METHODS ? names[method] : "";
}

synctv_caller *synctv_caller_ref(synctv_caller *caller)
{
    atomic_fetch_add_explicit(&caller->refs, 1, memory_order_relaxed);
    return caller;
}

void synctv_caller_unref(synctv_caller *caller)
{
    if (caller != NULL && atomic_fetch_sub_explicit(&caller->refs, 1, memory_order_acq_rel) == 1)
        caller->ops->destroy(caller);
}

const char *synctv_caller_user_id(const synctv_caller *caller)
{
    return caller->user_id;
}

const synctv_request *sv_request_take(const synctv_request *given, synctv_request *own,
    synctv_error *err)
{
    if (given->struct_size == sizeof(*given))
        return given;
    const size_t least = offsetof(synctv_request, method) + sizeof(given->method);
    *own = (synctv_request){ .struct_size = sizeof(*own) };
    return sv_sized_take(own, sizeof(*own), given, least, err) < 0 ? NULL : own;
}

static void submit(synctv_caller *caller, const synctv_request *request, synctv_done_fn *done,
    void *userdata, bool direct)
{
    synctv_error err;
    synctv_request own;
    request = sv_request_take(request, &own, &err);
    if (request != NULL && sv_cancel_is_over(request->cancellable)) {
        sv_error(&err, SYNCTV_E_CANCELLED);
    } else if (request != NULL && (unsigned)request->method < SYNCTV_N_METHODS) {
        caller->ops->submit(caller, request, done, userdata, direct);
        return;
    } else if (request != NULL) {
        sv_error_field(&err, "method", "there is no method %d", (int)request->method);
    }
    const synctv_result *result = sv_result_failed(err.code, &err);
    done(userdata, result);
    synctv_result_unref(result);
}

void synctv_call(synctv_caller *caller, const synctv_request *request, synctv_done_fn *done,
    void *userdata)
{
    submit(caller, request, done, userdata, false);
}

/*
 * Shared by the one who waits and the one who answers, so that an answer that comes after a
 * time-out still has a place to go.
 */
struct waiter {
    atomic_uint refs;
    pthread_mutex_t lock;
    pthread_cond_t answered;
    /* NULL until the answer is there. */
    const synctv_result *result;
};

static struct waiter *waiter_new(void)
{
    struct waiter *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return NULL;
    pthread_condattr_t attr;
    bool attr_ok = pthread_condattr_init(&attr) == 0;
    if (!attr_ok || pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) != 0 ||
        pthread_cond_init(&w->answered, &attr) != 0) {
        free(w);
        w = NULL;
    } else {
        pthread_mutex_init(&w->lock, NULL);
        atomic_init(&w->refs, 2);
    }
    if (attr_ok)
        pthread_condattr_destroy(&attr);
    return w;
}

static void waiter_unref(struct waiter *w)
{
    if (atomic_fetch_sub_explicit(&w->refs, 1, memory_order_acq_rel) != 1)
        return;
    synctv_result_unref(w->result);
    pthread_cond_destroy(&w->answered);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

static void waiter_answer(void *userdata, const synctv_result *result)
{
    struct waiter *w = userdata;
    pthread_mutex_lock(&w->lock);
    w->result = synctv_result_ref(result);
    pthread_cond_signal(&w->answered);
    pthread_mutex_unlock(&w->lock);
    waiter_unref(w);
}

/* The answer with a reference for the caller, or NULL when the time is over. */
static const synctv_result *waiter_wait(struct waiter *w, struct timespec deadline)
{
    pthread_mutex_lock(&w->lock);
    int rv = 0;
    while (w->result == NULL && rv != ETIMEDOUT)
        rv = pthread_cond_timedwait(&w->answered, &w->lock, &deadline);
    const synctv_result *result = w->result;
    w->result = NULL;
    pthread_mutex_unlock(&w->lock);
    return result;
}

int synctv_call_wait(synctv_caller *caller, const synctv_request *request,
    const synctv_result **ret_result, synctv_error *ret_error)
{
    synctv_error err;
    synctv_request own;
    request = sv_request_take(request, &own, &err);
    if (request == NULL) {
        if (ret_error != NULL)
            *ret_error = err;
        return err.code;
    }
    struct waiter *w = waiter_new();
    if (w == NULL)
        return sv_error(ret_error, SYNCTV_E_NO_MEMORY);
    int timeout_ms = caller->timeout_ms > 0 ? caller->timeout_ms : DEFAULT_TIMEOUT_MS;
    if (request->timeout_ms > 0)
        timeout_ms = request->timeout_ms;
    struct timespec deadline = sv_mono_deadline(timeout_ms);
    submit(caller, request, waiter_answer, w, true);
    const synctv_result *result = waiter_wait(w, deadline);
    waiter_unref(w);
    if (result == NULL)
        return sv_error(ret_error, SYNCTV_E_TIMEOUT);

    int code = result->code;
    if (code < 0 && ret_error != NULL) {
        sv_error(ret_error, code);
        if (result->error != NULL)
            *ret_error = *result->error;
    }
    if (ret_result != NULL && (code >= 0 || code == SYNCTV_E_VERSION_CONFLICT)) {
        *ret_result = result;
        result = NULL; /* moved to the caller */
    }
    synctv_result_unref(result);
    return code;
}
