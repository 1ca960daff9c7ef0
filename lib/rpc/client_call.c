/* SPDX-License-Identifier: MIT */
#include "rpc/client_call.h"

#include <assert.h>
#include <string.h>

#include <grpc/support/alloc.h>

#include "base/clock.h"
#include "base/error.h"

bool sv_rpc_client_call_begin(struct sv_rpc_client_call *call, struct sv_rpc_channel *channel,
    const struct sv_rpc_request *request)
{
    call->channel = channel;
    call->text = grpc_empty_slice();
    grpc_metadata_array_init(&call->initial);
    grpc_metadata_array_init(&call->trailing);
    int64_t deadline_ms =
        request->timeout_ms > 0 ? sv_mono_ms() + request->timeout_ms : SV_RPC_NEVER;
    grpc_slice path = grpc_slice_from_copied_string(request->path);

    pthread_mutex_lock(&channel->lock);
    sv_list_append(&channel->calls, &call->link);
    call->target = channel->target;
    if (channel->closing)
        call->refused = SYNCTV_E_CANCELLED;
    else
        call->call =
            grpc_channel_create_call(channel->cores[channel->target], NULL, GRPC_PROPAGATE_DEFAULTS,
                channel->queue->cq, path, NULL, sv_rpc_queue_deadline(deadline_ms), NULL);
    pthread_mutex_unlock(&channel->lock);
    grpc_slice_unref(path);
    return call->refused == 0;
}

void sv_rpc_client_call_end(struct sv_rpc_client_call *call)
{
    struct sv_rpc_channel *channel = call->channel;
    grpc_call *core = call->call;
    pthread_mutex_lock(&channel->lock);
    call->call = NULL; /* close() does not cancel it any more */
    pthread_mutex_unlock(&channel->lock);
    if (core != NULL)
        grpc_call_unref(core);
    grpc_metadata_array_destroy(&call->initial);
    grpc_metadata_array_destroy(&call->trailing);
    grpc_slice_unref(call->text);

    pthread_mutex_lock(&channel->lock);
    sv_list_remove(&call->link);
    if (sv_list_empty(&channel->calls))
        pthread_cond_broadcast(&channel->idle);
    pthread_mutex_unlock(&channel->lock);
}

/*
 * The core names the peer of a call that has got a connection ("ipv4:127.0.0.1:50051"), and until
 * then the target as it was given. A target that looks like a peer counts as one.
 */
bool sv_rpc_client_call_is_unsent(const struct sv_rpc_client_call *call)
{
    if (call->call == NULL)
        return true;
    char *peer = grpc_call_get_peer(call->call);
    bool unsent = strncmp(peer, "ipv4:", 5) != 0 && strncmp(peer, "ipv6:", 5) != 0 &&
        strncmp(peer, "unix:", 5) != 0;
    gpr_free(peer);
    return unsent;
}

void sv_rpc_client_answer_init(struct sv_rpc_client_answer *a,
    const struct sv_rpc_client_call *call)
{
    *a = (struct sv_rpc_client_answer){ .details = grpc_empty_slice() };
    struct sv_rpc_answer *answer = &a->answer;
    answer->target = call->target;
    if (call->refused != 0) {
        sv_error(&answer->error, call->refused);
        answer->grpc_status = synctv_error_grpc_status(call->refused);
        answer->unsent = true;
        return;
    }
    if (call->left_behind && call->status == GRPC_STATUS_CANCELLED) {
        sv_errorf(&answer->error, SYNCTV_E_NODE_UNAVAILABLE, "the server cannot be reached");
        answer->grpc_status = GRPC_STATUS_UNAVAILABLE;
        answer->unsent = sv_rpc_client_call_is_unsent(call);
        return;
    }
    for (size_t i = 0; i < call->trailing.count; i++) {
        const grpc_metadata *md = &call->trailing.metadata[i];
        if (grpc_slice_str_cmp(md->key, "grpc-status-details-bin") != 0)
            continue;
        grpc_slice_unref(a->details);
        a->details = grpc_slice_ref(md->value);
    }
    char text[512];
    size_t len = GRPC_SLICE_LENGTH(call->text);
    if (len > sizeof(text) - 1)
        len = sizeof(text) - 1;
    memcpy(text, GRPC_SLICE_START_PTR(call->text), len);
    text[len] = '\0';
    answer->grpc_status = (int)call->status;
    answer->unsent = answer->grpc_status != 0 && sv_rpc_client_call_is_unsent(call);
    if (call->status == GRPC_STATUS_CANCELLED && !atomic_load(&call->cancelled) &&
        GRPC_SLICE_LENGTH(a->details) == 0) { /* so says a core that shuts down */
        sv_errorf(&answer->error, SYNCTV_E_NODE_UNAVAILABLE, "the server has cut it off");
        return;
    }
    sv_rpc_status_parse(answer->grpc_status, text, GRPC_SLICE_START_PTR(a->details),
        GRPC_SLICE_LENGTH(a->details), &answer->error, &answer->extra);
}

void sv_rpc_client_answer_fini(struct sv_rpc_client_answer *a)
{
    grpc_slice_unref(a->details);
}

void sv_rpc_client_metadata_add(struct sv_rpc_client_metadata *m, const struct sv_rpc_md *md)
{
    m->items[m->n].key = grpc_slice_from_copied_string(md->key);
    m->items[m->n++].value =
        grpc_slice_from_copied_buffer(md->value, md->len > 0 ? md->len : strlen(md->value));
}

void sv_rpc_client_metadata_init(struct sv_rpc_client_metadata *m,
    const struct sv_rpc_request *request)
{
    assert(request->n_metadata <= SV_RPC_METADATA_MAX);
    *m = (struct sv_rpc_client_metadata){ 0 };
    for (size_t i = 0; i < request->n_metadata; i++)
        sv_rpc_client_metadata_add(m, &request->metadata[i]);
}

void sv_rpc_client_metadata_fini(struct sv_rpc_client_metadata *m)
{
    for (size_t i = 0; i < m->n; i++) {
        grpc_slice_unref(m->items[i].key);
        grpc_slice_unref(m->items[i].value);
    }
}

uint32_t sv_rpc_client_flags(const struct sv_rpc_request *request)
{
    return request->wait_for_ready
        ? GRPC_INITIAL_METADATA_WAIT_FOR_READY | GRPC_INITIAL_METADATA_WAIT_FOR_READY_EXPLICITLY_SET
        : 0;
}
