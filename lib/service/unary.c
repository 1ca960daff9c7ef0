/* SPDX-License-Identifier: MIT */
/* A call that the node answers from its memory is answered before start() returns. */
#include "service/unary.h"

#include <string.h>

#include "api/methods.h"
#include "base/clock.h"
#include "base/error.h"
#include "service/failure.h"
#include "service/inside.h"
#include "wire/request.h"
#include "wire/result.h"

#define MAX_RESPONSE_BYTES (1024 * 1024)

/* Lives in the call's arena. */
struct unary {
    struct sv_service_method *m;
    struct sv_rpc_call *rpc;
    synctv_request request;
    int64_t begun_us;
};

static void count(struct unary *u, int code)
{
    sv_service_count_call(&u->m->stats, code, sv_mono_us() - u->begun_us);
}

static void fail(struct unary *u, const synctv_error *err, const struct sv_rpc_detail *extra)
{
    count(u, err->code);
    sv_service_fail(u->m->service, u->rpc, err, extra);
}

/* A VERSION_CONFLICT brings the room's state with it, as a detail. */
static void fail_with_state(struct unary *u, const synctv_result *result)
{
    struct sv_rpc_bytes state;
    synctv_error err;
    if (sv_wire_playback_encode(result->state, sv_rpc_bytes_alloc, &state, &err) < 0) {
        fail(u, &err, NULL);
        return;
    }
    struct sv_rpc_detail detail = {
        .type_url = "type.googleapis.com/synctv.client.RoomStateUpdate",
        .data = sv_rpc_bytes_data(&state),
        .len = sv_rpc_bytes_len(&state),
    };
    fail(u, result->error, &detail);
    sv_rpc_bytes_unref(state);
}

/* synctv_done_fn */
static void answer(void *userdata, const synctv_result *result)
{
    struct unary *u = userdata;
    if (result->code < 0) {
        if (result->code == SYNCTV_E_VERSION_CONFLICT && result->state != NULL)
            fail_with_state(u, result);
        else
            fail(u, result->error, NULL);
        return;
    }
    struct sv_rpc_bytes bytes;
    synctv_error err;
    if (sv_wire_result_encode(u->m->method, result, sv_rpc_bytes_alloc, &bytes, &err) < 0) {
        fail(u, &err, NULL);
    } else if (sv_rpc_bytes_len(&bytes) > MAX_RESPONSE_BYTES) {
        sv_rpc_bytes_unref(bytes);
        sv_errorf(&err, SYNCTV_E_TOO_LARGE, "the answer is too large: ask for a smaller page");
        fail(u, &err, NULL);
    } else {
        sv_service_note_success(u->m->service);
        count(u, 0);
        sv_rpc_call_reply(u->rpc, bytes); /* u is of its arena, and may be gone now */
    }
}

static int decode(struct unary *u, synctv_error *err)
{
    size_t len;
    const void *payload = sv_rpc_call_payload(u->rpc, &len);
    int rv = sv_wire_request_decode(u->m->method, payload, len, sv_rpc_call_arena(u->rpc),
        &u->request, err);
    if (rv < 0)
        return rv;
    /* Later on the core itself ends a call whose time is over. */
    return sv_rpc_call_time_left_ms(u->rpc) == 0 ? sv_error(err, SYNCTV_E_TIMEOUT) : 0;
}

/* synctv_authenticated_fn */
static void call_as(void *userdata, synctv_caller *caller, const synctv_error *error)
{
    struct unary *u = userdata;
    synctv_error err;
    if (caller == NULL)
        fail(u, error, NULL);
    else if (decode(u, &err) < 0)
        fail(u, &err, NULL);
    else
        synctv_call(caller, &u->request, answer, u);
}

static void call_as_anonymous(struct unary *u)
{
    const char *address = sv_rpc_call_address(u->rpc);
    bool is_local = strcmp(address, "unix") == 0;
    synctv_caller *caller = NULL;
    synctv_error err;
    synctv_node_as_anonymous(u->m->service->node, is_local ? "" : address, &caller, &err);
    call_as(u, caller, &err);
    synctv_caller_unref(caller);
}

/*
 * Whether a refresh token in the request stands in for the access token, which may have expired:
 * then the request is decoded before anybody knows who calls.
 */
static bool brings_refresh_token(struct unary *u)
{
    struct sv_arena scratch = { 0 };
    synctv_request request;
    size_t len;
    const void *payload = sv_rpc_call_payload(u->rpc, &len);
    bool yes = len > 0 &&
        sv_wire_request_decode(u->m->method, payload, len, &scratch, &request, NULL) == 0 &&
        !sv_request_needs_access_token(&request);
    sv_arena_fini(&scratch);
    return yes;
}

static bool needs_no_token(struct unary *u)
{
    enum sv_method_caller caller = sv_methods[u->m->method].caller;
    return caller == SV_CALLER_WITH_ANY_TOKEN ? brings_refresh_token(u)
                                              : caller == SV_CALLER_ANYBODY;
}

void sv_service_unary_start(struct sv_rpc_call *rpc, void *arg)
{
    struct sv_service_method *m = arg;
    synctv_error err;
    struct unary *u = sv_arena_alloc(sv_rpc_call_arena(rpc), sizeof(*u));
    if (u == NULL) {
        sv_error(&err, SYNCTV_E_NO_MEMORY);
        sv_service_fail(m->service, rpc, &err, NULL);
        return;
    }
    u->m = m;
    u->rpc = rpc;
    u->begun_us = sv_mono_us();
    const char *token;
    if (needs_no_token(u))
        call_as_anonymous(u);
    else if (sv_service_bearer(rpc, &token, &err) < 0)
        fail(u, &err, NULL);
    else
        synctv_node_authenticate(m->service->node, token, call_as, u);
}
