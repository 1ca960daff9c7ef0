/* SPDX-License-Identifier: MIT */
#include "rpc/health.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/list.h"
#include "rpc/pb.h"

/* HealthCheckRequest { string service = 1; }  HealthCheckResponse { ServingStatus status = 1; } */
enum { REQUEST_SERVICE = 1, RESPONSE_STATUS = 1 };
enum serving { NOTHING_YET = 0, SERVING = 1, NOT_SERVING = 2, SERVICE_UNKNOWN = 3 };

struct sv_rpc_health {
    pthread_mutex_t lock;
    bool serving;
    struct sv_list watchers;
    /* Constant. */
    size_t n_services;
    char *services[];
};

/* A stream of Watch. `link`, `asked` and `known` are under health->lock. */
struct watcher {
    struct sv_list link;
    struct sv_rpc_health *health;
    struct sv_rpc_stream *stream;
    enum serving sent;
    /* Its request has come; it names a service that is here. */
    bool asked;
    bool known;
};

static bool has_service(const struct sv_rpc_health *h, const void *name, size_t len)
{
    if (len == 0)
        return true; /* the whole server */
    for (size_t i = 0; i < h->n_services; i++)
        if (strlen(h->services[i]) == len && memcmp(h->services[i], name, len) == 0)
            return true;
    return false;
}

/* "/synctv.client.ClientService/Play" → "synctv.client.ClientService" */
static int add_service(struct sv_rpc_health *h, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (path[0] != '/' || slash == path)
        return 0;
    size_t len = (size_t)(slash - path - 1);
    if (has_service(h, path + 1, len))
        return 0;
    char *name = strndup(path + 1, len);
    if (name == NULL)
        return SYNCTV_E_NO_MEMORY;
    h->services[h->n_services++] = name;
    return 0;
}

int sv_rpc_health_new(const struct sv_rpc_server_options *o, struct sv_rpc_health **ret)
{
    struct sv_rpc_health *h = calloc(1, sizeof(*h) + (o->n_methods + 1) * sizeof(h->services[0]));
    if (h == NULL)
        return SYNCTV_E_NO_MEMORY;
    pthread_mutex_init(&h->lock, NULL);
    sv_list_init(&h->watchers);
    h->serving = true;
    int rv = add_service(h, "/grpc.health.v1.Health/Check");
    for (size_t i = 0; i < o->n_methods && rv == 0; i++)
        rv = add_service(h, o->methods[i].path);
    if (rv < 0) {
        sv_rpc_health_free(h);
        return rv;
    }
    *ret = h;
    return 0;
}

void sv_rpc_health_free(struct sv_rpc_health *h)
{
    if (h == NULL)
        return;
    for (size_t i = 0; i < h->n_services; i++)
        free(h->services[i]);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

void sv_rpc_health_set(struct sv_rpc_health *h, bool serving)
{
    pthread_mutex_lock(&h->lock);
    h->serving = serving;
    SV_LIST_FOREACH(it, &h->watchers)
        sv_rpc_stream_kick(SV_CONTAINER_OF(it, struct watcher, link)->stream);
    pthread_mutex_unlock(&h->lock);
}

/* Returns 1 if the request names a service that is here, 0 if not, -1 if it is malformed. */
static int parse_request(const struct sv_rpc_health *h, const void *data, size_t len)
{
    struct sv_rpc_pb_in in = sv_rpc_pb_in(data, len);
    struct sv_rpc_pb_field f, service = { .data = (const uint8_t *)"" };
    int rv;
    while ((rv = sv_rpc_pb_next(&in, &f)) > 0)
        if (f.number == REQUEST_SERVICE && f.type == SV_RPC_PB_BYTES)
            service = f;
    return rv < 0 ? -1 : has_service(h, service.data, service.len);
}

static struct sv_rpc_bytes response(enum serving status)
{
    const uint8_t packed[2] = { RESPONSE_STATUS << 3 | SV_RPC_PB_VARINT, (uint8_t)status };
    return sv_rpc_bytes_copy(packed, sizeof(packed));
}

static enum serving current(struct sv_rpc_health *h)
{
    pthread_mutex_lock(&h->lock);
    bool serving = h->serving;
    pthread_mutex_unlock(&h->lock);
    return serving ? SERVING : NOT_SERVING;
}

static void check(struct sv_rpc_call *call, void *service)
{
    struct sv_rpc_health *h = service;
    synctv_error err;
    size_t len;
    const void *data = sv_rpc_call_payload(call, &len);
    int known = parse_request(h, data, len);
    if (known < 0) {
        sv_rpc_call_fail(call, SYNCTV_E_INVALID_ARGUMENT, NULL, NULL);
    } else if (known == 0) {
        sv_errorf(&err, SYNCTV_E_STREAM_NOT_FOUND, "no such service");
        sv_rpc_call_fail(call, SYNCTV_E_STREAM_NOT_FOUND, &err, NULL);
    } else {
        sv_rpc_call_reply(call, response(current(h)));
    }
}

/* ---- Watch ---- */

static void watch_message(struct sv_rpc_stream *stream, void *userdata, const void *data,
    size_t len)
{
    struct watcher *w = userdata;
    int known = parse_request(w->health, data, len);
    if (known < 0) {
        sv_rpc_stream_finish(stream, SYNCTV_E_INVALID_ARGUMENT, NULL);
        return;
    }
    pthread_mutex_lock(&w->health->lock);
    w->asked = true;
    w->known = known > 0;
    pthread_mutex_unlock(&w->health->lock);
    sv_rpc_stream_kick(stream);
}

static int watch_next(struct sv_rpc_stream *stream, void *userdata, struct sv_rpc_bytes *ret_bytes,
    synctv_error *ret_error)
{
    struct watcher *w = userdata;
    pthread_mutex_lock(&w->health->lock);
    enum serving now = !w->asked ? NOTHING_YET
        : !w->known              ? SERVICE_UNKNOWN
        : w->health->serving     ? SERVING
                                 : NOT_SERVING;
    pthread_mutex_unlock(&w->health->lock);
    if (now == w->sent)
        return 0;
    w->sent = now;
    *ret_bytes = response(now);
    return 1;
}

static void watch_closed(struct sv_rpc_stream *stream, void *userdata)
{
    struct watcher *w = userdata;
    pthread_mutex_lock(&w->health->lock);
    sv_list_remove(&w->link);
    pthread_mutex_unlock(&w->health->lock);
    sv_rpc_stream_unref(w->stream);
    free(w);
}

static void watch(struct sv_rpc_call *call, void *service)
{
    static const struct sv_rpc_stream_ops ops = {
        .on_message = watch_message, .next = watch_next, .on_closed = watch_closed
    };
    struct sv_rpc_health *h = service;
    struct watcher *w = calloc(1, sizeof(*w));
    if (w == NULL) {
        sv_rpc_call_fail(call, SYNCTV_E_NO_MEMORY, NULL, NULL);
        return;
    }
    w->health = h;
    sv_list_init(&w->link);
    struct sv_rpc_stream *stream;
    pthread_mutex_lock(&h->lock); /* no callback gets past it before `w` is complete */
    int rv = sv_rpc_call_accept(call, &ops, w, &stream);
    if (rv == 0) {
        w->stream = stream;
        sv_list_append(&h->watchers, &w->link);
    }
    pthread_mutex_unlock(&h->lock);
    if (rv < 0) {
        sv_rpc_call_fail(call, rv, NULL, NULL);
        free(w);
    }
}

void sv_rpc_health_methods(struct sv_rpc_health *h, struct sv_rpc_method out[SV_RPC_HEALTH_METHODS])
{
    out[0] = (struct sv_rpc_method){
        .path = "/grpc.health.v1.Health/Check", .kind = SV_RPC_UNARY, .start = check, .service = h
    };
    out[1] = (struct sv_rpc_method){ .path = "/grpc.health.v1.Health/Watch",
        .kind = SV_RPC_SERVER_STREAM,
        .start = watch,
        .service = h,
        .flags = SV_RPC_NO_SIGN_IN };
}
