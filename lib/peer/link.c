/* SPDX-License-Identifier: MIT */
#include "peer/link.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "node/links/links.h"
#include "rpc/gzip.h"
#include "wire/event.h"

/* For what an event costs beside its bytes. */
#define EVENT_OVERHEAD_BYTES 64
/* What decoding a message may take. */
#define ARENA_FACTOR 24
#define ARENA_EXTRA_BYTES (1024 * 1024)

/* ---- life ---- */

struct sv_peer_link *sv_peer_link_new(struct sv_peer *peer, const char *id, bool dialled)
{
    struct sv_peer_link *link = calloc(1, sizeof(*link));
    if (link == NULL)
        return NULL;
    atomic_init(&link->refs, 1);
    atomic_init(&link->served, NULL);
    atomic_init(&link->calls, NULL);
    link->peer = peer;
    link->dialled = dialled;
    snprintf(link->id, sizeof(link->id), "%s", id);
    pthread_mutex_init(&link->lock, NULL);
    link->number = ++peer->last_link;
    HASH_ADD(hh, peer->links, number, sizeof(link->number), link);
    if (link->hh.tbl == NULL) {
        sv_peer_link_unref(link);
        return NULL;
    }
    return link;
}

struct sv_peer_link *sv_peer_link_ref(struct sv_peer_link *link)
{
    atomic_fetch_add(&link->refs, 1);
    return link;
}

void sv_peer_link_unref(struct sv_peer_link *link)
{
    if (atomic_fetch_sub(&link->refs, 1) > 1)
        return;
    for (; link->n > 0; link->n--) {
        sv_rpc_bytes_unref(link->outs[link->first].bytes);
        link->first = (link->first + 1) % link->capacity;
    }
    free(link->outs);
    sv_rpc_stream_unref(atomic_load(&link->served));
    sv_rpc_client_stream_unref(atomic_load(&link->calls));
    pthread_mutex_destroy(&link->lock);
    free(link);
}

struct sv_peer_link *sv_peer_find_link(struct sv_peer *peer, uint64_t number)
{
    struct sv_peer_link *link = NULL;
    HASH_FIND(hh, peer->links, &number, sizeof(number), link);
    return link == NULL ? NULL : sv_peer_link_ref(link);
}

/* ---- the end ---- */

static bool is_over(struct sv_peer_link *link)
{
    pthread_mutex_lock(&link->lock);
    bool over = link->over;
    pthread_mutex_unlock(&link->lock);
    return over;
}

static void cancel_stream(struct sv_peer_link *link)
{
    struct sv_rpc_stream *served = atomic_load(&link->served);
    struct sv_rpc_client_stream *calls = atomic_load(&link->calls);
    if (served != NULL)
        sv_rpc_stream_cancel(served, link->end.code, &link->end);
    if (calls != NULL)
        sv_rpc_client_stream_cancel(calls);
}

void sv_peer_link_end(struct sv_peer_link *link, synctv_log_level level, int code, const char *fmt,
    ...)
{
    char text[sizeof(link->end.message)];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    pthread_mutex_lock(&link->lock);
    bool first = !link->over;
    if (first) {
        sv_errorf(&link->end, code, "%s", text);
        link->end_level = level;
        link->over = true;
    }
    pthread_mutex_unlock(&link->lock);
    if (first)
        cancel_stream(link);
}

/* The last callback of the stream. `theirs`: how the other side, or the network, has ended it; code
 * 0 = it is not known. */
static void stream_over(struct sv_peer_link *link, const synctv_error *theirs)
{
    struct sv_peer *peer = link->peer;
    pthread_mutex_lock(&link->lock);
    link->over = true;
    synctv_error end = link->end;
    synctv_log_level level = link->end_level;
    bool was_leaving = link->leaving;
    pthread_mutex_unlock(&link->lock);

    pthread_mutex_lock(&peer->lock);
    struct sv_peer_fellow *fellow = sv_peer_find(peer, link->id);
    if (fellow != NULL && !link->observes)
        fellow->registered_epoch = 0; /* it may start anew, and then knows nobody */
    HASH_DEL(peer->links, link);
    pthread_cond_broadcast(&peer->changed);
    pthread_mutex_unlock(&peer->lock);
    if (link->is_open)
        sv_links_closed(peer->node, link->number);
    if (link->observes)
        atomic_fetch_sub(&peer->n_observers, 1);

    bool was_short = !link->is_open || sv_mono_ms() - link->open_since_ms < SV_PEER_GOOD_LINK_MS;
    sv_peer_link_over(peer, link->id, link->number, was_short);
    bool is_told = end.message[0] != '\0';
    if (!is_told) {
        level = link->dialled || theirs->code == 0 ? SYNCTV_LOG_INFO : SYNCTV_LOG_WARN;
        snprintf(end.message, sizeof(end.message), "%.*s", (int)sizeof(end.message) - 1,
            theirs->code != 0 ? theirs->message : "its connection is lost, or it has ended it");
    }
    if (!was_leaving && (link->is_open || is_told)) {
        char text[sizeof(end.message) + 40];
        snprintf(text, sizeof(text), "the %s has ended: %s",
            link->observes ? "stream of an observer" : "link to it", end.message);
        sv_peer_tell_end(peer, level, link->id, text);
    }
    sv_peer_link_unref(link);
}

void sv_peer_link_abandon(struct sv_peer_link *link)
{
    struct sv_peer *peer = link->peer;
    pthread_mutex_lock(&peer->lock);
    HASH_DEL(peer->links, link);
    pthread_mutex_unlock(&peer->lock);
    if (link->observes)
        atomic_fetch_sub(&peer->n_observers, 1);
    sv_peer_link_unref(link);
}

/* ---- out ---- */

bool sv_peer_encode(const struct sv_cluster_event *event, struct sv_rpc_bytes *ret_bytes)
{
    return sv_wire_cluster_event_encode(event, sv_rpc_bytes_alloc, ret_bytes, NULL) == 0;
}

static void kick(struct sv_peer_link *link)
{
    struct sv_rpc_stream *served = atomic_load(&link->served);
    struct sv_rpc_client_stream *calls = atomic_load(&link->calls);
    if (served != NULL)
        sv_rpc_stream_kick(served);
    if (calls != NULL)
        sv_rpc_client_stream_kick(calls);
}

void sv_peer_link_attach(struct sv_peer_link *link, struct sv_rpc_stream *served,
    struct sv_rpc_client_stream *calls)
{
    atomic_store(&link->served, served);
    atomic_store(&link->calls, calls);
    if (is_over(link))
        cancel_stream(link);
    else
        kick(link);
}

/* Locked. */
static bool grow(struct sv_peer_link *link)
{
    size_t capacity = link->capacity == 0 ? 64 : 2 * link->capacity;
    struct sv_peer_out *outs = calloc(capacity, sizeof(*outs));
    if (outs == NULL)
        return false;
    for (size_t i = 0; i < link->n; i++)
        outs[i] = link->outs[(link->first + i) % link->capacity];
    free(link->outs);
    link->outs = outs;
    link->first = 0;
    link->capacity = capacity;
    return true;
}

/* Locked. Returns what is wrong, or NULL. */
static const char *put(struct sv_peer_link *link, struct sv_rpc_bytes bytes, uint64_t sequence,
    bool counts)
{
    size_t len = sv_rpc_bytes_len(&bytes);
    if (len > SV_PEER_EVENT_MAX_BYTES)
        return "an event is too large to be sent";
    size_t cost = counts ? len + EVENT_OVERHEAD_BYTES : 0;
    if (link->n_bytes + cost > SV_PEER_QUEUE_MAX_BYTES)
        return "it does not take what is sent fast enough: 8 MiB wait";
    if (link->n == link->capacity && !grow(link))
        return "out of memory";
    link->outs[(link->first + link->n++) % link->capacity] =
        (struct sv_peer_out){ sv_rpc_bytes_ref(bytes), sequence, counts };
    link->n_bytes += cost;
    link->last_sequence = sequence;
    return NULL;
}

void sv_peer_link_push(struct sv_peer_link *link, struct sv_rpc_bytes bytes, uint64_t sequence,
    bool counts)
{
    pthread_mutex_lock(&link->lock);
    const char *wrong = link->over || link->leaving ? NULL : put(link, bytes, sequence, counts);
    bool first = link->n == 1;
    pthread_mutex_unlock(&link->lock);
    if (wrong != NULL)
        sv_peer_link_end(link, SYNCTV_LOG_WARN, SYNCTV_E_SLOW_CONSUMER, "%s", wrong);
    else if (first)
        kick(link);
}

static void say(struct sv_peer_link *link, const struct sv_cluster_event *event, uint64_t sequence)
{
    struct sv_rpc_bytes bytes;
    if (!sv_peer_encode(event, &bytes)) {
        sv_peer_link_end(link, SYNCTV_LOG_WARN, SYNCTV_E_NO_MEMORY, "out of memory");
        return;
    }
    sv_peer_link_push(link, bytes, sequence, true);
    sv_rpc_bytes_unref(bytes);
}

void sv_peer_link_say_hello(struct sv_peer_link *link)
{
    synctv_node *node = link->peer->node;
    struct sv_cluster_identity self = { 0 };
    sv_cluster_identify(node, &self);
    const struct sv_cluster_event hello = {
        .kind = SV_CLUSTER_HELLO,
        .node_id = synctv_node_id(node),
        .timestamp_ms = synctv_node_now_ms(node),
        .room_id = "",
        .hello = {
            .epoch = self.epoch,
            .session = link->session,
            .now_ms = synctv_node_now_ms(node),
            .version = synctv_version(),
        },
    };
    say(link, &hello, 0);
}

void sv_peer_link_leave(struct sv_peer_link *link)
{
    synctv_node *node = link->peer->node;
    const struct sv_cluster_event bye = {
        .kind = SV_CLUSTER_BYE,
        .node_id = synctv_node_id(node),
        .timestamp_ms = synctv_node_now_ms(node),
        .room_id = "",
        .reason = "the node stops",
    };
    pthread_mutex_lock(&link->lock);
    uint64_t sequence = link->last_sequence + 1;
    pthread_mutex_unlock(&link->lock);
    if (!link->observes)
        say(link, &bye, sequence);
    pthread_mutex_lock(&link->lock);
    link->leaving = true;
    pthread_mutex_unlock(&link->lock);
    struct sv_rpc_stream *served = atomic_load(&link->served);
    if (served != NULL)
        sv_rpc_stream_finish(served, 0, NULL);
    else
        kick(link);
}

/* Takes what goes into the next message. Locked. */
static size_t take(struct sv_peer_link *link, struct sv_rpc_bytes *bytes,
    struct sv_wire_batch_part *parts)
{
    size_t n = 0, sum = 0;
    while (link->n > 0 && n < SV_PEER_BATCH_MAX_EVENTS) {
        struct sv_peer_out *out = &link->outs[link->first];
        size_t len = sv_rpc_bytes_len(&out->bytes);
        sum += SV_WIRE_BATCH_PART_BYTES(len);
        if (n > 0 && sum > SV_PEER_BATCH_MAX_BYTES)
            break;
        bytes[n] = out->bytes;
        parts[n] = (struct sv_wire_batch_part){ sv_rpc_bytes_data(&bytes[n]), len, out->sequence };
        n++;
        link->n_bytes -= out->counts ? len + EVENT_OVERHEAD_BYTES : 0;
        link->first = (link->first + 1) % link->capacity;
        link->n--;
    }
    return n;
}

/* Returns 1 with a message, or 0. */
static int next(struct sv_peer_link *link, struct sv_rpc_bytes *ret_bytes)
{
    struct sv_rpc_bytes bytes[SV_PEER_BATCH_MAX_EVENTS];
    struct sv_wire_batch_part parts[SV_PEER_BATCH_MAX_EVENTS];
    pthread_mutex_lock(&link->lock);
    size_t n = link->over ? 0 : take(link, bytes, parts);
    bool is_empty = link->n == 0;
    pthread_mutex_unlock(&link->lock);
    if (n == 0)
        return 0;
    int rv = sv_wire_cluster_batch(parts, n, sv_rpc_bytes_alloc, ret_bytes, NULL);
    for (size_t i = 0; i < n; i++)
        sv_rpc_bytes_unref(bytes[i]);
    if (rv < 0) {
        sv_peer_link_end(link, SYNCTV_LOG_WARN, rv, "out of memory");
        return 0;
    }
    if (!link->observes && sv_rpc_bytes_len(ret_bytes) > SV_PEER_GZIP_OVER_BYTES)
        *ret_bytes = sv_rpc_gzip(*ret_bytes);
    if (is_empty && !link->observes)
        sv_links_drained(link->peer->node, link->number);
    return 1;
}

static int served_next(struct sv_rpc_stream *stream, void *userdata, struct sv_rpc_bytes *ret_bytes,
    synctv_error *ret_error)
{
    return next(userdata, ret_bytes);
}

static int dialled_next(struct sv_rpc_client_stream *stream, void *userdata,
    struct sv_rpc_bytes *ret_bytes)
{
    struct sv_peer_link *link = userdata;
    int rv = next(link, ret_bytes);
    pthread_mutex_lock(&link->lock);
    bool is_last = link->leaving && link->n == 0;
    pthread_mutex_unlock(&link->lock);
    if (is_last && rv == 0)
        sv_rpc_client_stream_half_close(stream);
    return rv;
}

/* ---- in ---- */

/* Returns what is wrong with a hello, or NULL. */
static const char *check_hello(const struct sv_peer_link *link,
    const struct sv_cluster_event *event)
{
    if (event->kind != SV_CLUSTER_HELLO)
        return "its first event is no hello";
    if (strcmp(event->node_id, link->id) != 0)
        return "another node than it should be says hello";
    if (link->dialled && event->hello.session != link->session)
        return "its hello is of another session";
    if (!link->dialled && event->hello.epoch != link->epoch)
        return "its hello has another epoch than it has registered with";
    return NULL;
}

static void open_link(struct sv_peer_link *link, const struct sv_cluster_event *hello)
{
    struct sv_peer *peer = link->peer;
    const char *wrong = check_hello(link, hello);
    if (wrong != NULL) {
        sv_peer_link_end(link, SYNCTV_LOG_WARN, SYNCTV_E_INVALID_ARGUMENT, "%s", wrong);
        return;
    }
    link->epoch = hello->hello.epoch;
    link->session = hello->hello.session;
    pthread_mutex_lock(&peer->lock);
    struct sv_peer_fellow *fellow = sv_peer_find(peer, link->id);
    bool may = fellow != NULL && !peer->closing;
    unsigned times;
    bool tell = false;
    if (may) {
        fellow->linked = link->number;
        fellow->opening = link->dialled ? 0 : fellow->opening;
        fellow->wanted = false;
        tell = sv_outage_failed(&fellow->opened, (int)link->epoch, sv_mono_ms(), &times);
        sv_peer_stir(peer);
    }
    pthread_mutex_unlock(&peer->lock);
    if (!may) {
        sv_peer_link_end(link, SYNCTV_LOG_INFO, SYNCTV_E_SHUTTING_DOWN, "this node stops");
        return;
    }
    if (!link->dialled)
        sv_peer_link_say_hello(link);
    link->is_open = true;
    link->open_since_ms = sv_mono_ms();
    sv_logf(peer->log, tell ? SYNCTV_LOG_INFO : SYNCTV_LOG_DEBUG, "cluster",
        "there is a link to node %s", link->id);
    sv_links_opened(peer->node, link->number, link->id, link->epoch);
}

/* What an observer says is not applied; it may not be a link that has forgotten to register. */
static void overhear(struct sv_peer_link *link, const struct sv_cluster_event *event)
{
    if (event->kind == SV_CLUSTER_HELLO)
        sv_peer_link_end(link, SYNCTV_LOG_WARN, SYNCTV_E_NODE_NOT_FOUND,
            "it says hello, but has not registered here");
}

/* The node takes what clients are told as an event of theirs. */
static void hear_relay(struct sv_peer_link *link, const struct sv_cluster_event *heard)
{
    struct sv_cluster_event event = *heard;
    synctv_event *relay;
    synctv_error err;
    if (sv_wire_event_decode(event.message, event.message_len, &relay, &err) < 0) {
        event.kind = SV_CLUSTER_UNKNOWN; /* it was checked: there is no memory for it */
        sv_links_heard(link->peer->node, link->number, &event);
        return;
    }
    event.relay = relay;
    sv_links_heard(link->peer->node, link->number, &event);
    synctv_event_unref(relay);
}

/* For each event of a message. */
static void on_event(void *userdata, const struct sv_cluster_event *event)
{
    static const struct sv_rate rate = { SV_PEER_EVENTS_PER_SECOND, SV_PEER_EVENTS_BURST };
    struct sv_peer_link *link = userdata;
    if (is_over(link))
        return;
    if (sv_bucket_take(&link->rate, &rate, sv_mono_ms()) > 0)
        sv_peer_link_end(link, SYNCTV_LOG_WARN, SYNCTV_E_RATE_LIMITED,
            "it sends more than %d events a second", SV_PEER_EVENTS_PER_SECOND);
    else if (link->observes)
        overhear(link, event);
    else if (!link->is_open)
        open_link(link, event);
    else if (strcmp(event->node_id, link->id) != 0)
        sv_peer_link_end(link, SYNCTV_LOG_WARN, SYNCTV_E_INVALID_ARGUMENT,
            "it sends an event of another node, %.64s", event->node_id);
    else if (event->kind == SV_CLUSTER_RELAY)
        hear_relay(link, event);
    else
        sv_links_heard(link->peer->node, link->number, event);
}

static void hear(struct sv_peer_link *link, const void *data, size_t len)
{
    struct sv_arena arena;
    synctv_error err;
    if (is_over(link))
        return;
    sv_arena_init(&arena, ARENA_FACTOR * len + ARENA_EXTRA_BYTES);
    int rv = sv_wire_cluster_event_decode(data, len, &arena, on_event, link, &err);
    sv_arena_fini(&arena);
    if (rv < 0)
        sv_peer_link_end(link, SYNCTV_LOG_WARN, rv, "it sends what is no event: %s: %s", err.field,
            err.message);
}

static void served_message(struct sv_rpc_stream *stream, void *userdata, const void *data,
    size_t len)
{
    hear(userdata, data, len);
}

static void served_closed(struct sv_rpc_stream *stream, void *userdata)
{
    synctv_error end = { 0 };
    if (stream != NULL)
        sv_rpc_stream_get_end(stream, &end);
    stream_over(userdata, &end);
}

/* An observer may have nothing to say. */
static void served_half_close(struct sv_rpc_stream *stream, void *userdata)
{
    struct sv_peer_link *link = userdata;
    if (!link->observes)
        sv_rpc_stream_finish(stream, 0, NULL);
}

const struct sv_rpc_stream_ops sv_peer_served_ops = {
    .on_message = served_message,
    .next = served_next,
    .on_half_close = served_half_close,
    .on_closed = served_closed,
    .gzip_max = SV_PEER_INFLATE_MAX_BYTES,
};

static void dialled_message(struct sv_rpc_client_stream *stream, void *userdata, const void *data,
    size_t len)
{
    hear(userdata, data, len);
}

static void dialled_status(struct sv_rpc_client_stream *stream, void *userdata,
    const struct sv_rpc_answer *answer)
{
    stream_over(userdata, &answer->error);
}

const struct sv_rpc_client_stream_ops sv_peer_dialled_ops = {
    .on_message = dialled_message,
    .on_status = dialled_status,
    .next = dialled_next,
    .gzip_max = SV_PEER_INFLATE_MAX_BYTES,
};
