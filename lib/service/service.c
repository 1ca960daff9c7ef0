/* SPDX-License-Identifier: MIT */
/* The table of methods, and what all of them need. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "descriptor_set.h"
#include "service/inside.h"

#define SERVICE "/synctv.client.ClientService/"
#define QUIET_MS 5000 /* without a failure: then it is over */

static const char *const paths[SYNCTV_N_METHODS] = {
#define METHOD_PATH(name, rpc) [SYNCTV_METHOD_##name] = SERVICE rpc,
    SYNCTV_METHODS(METHOD_PATH)
#undef METHOD_PATH
};

static void add_method(struct sv_service *service, const char *path, synctv_method method,
    enum sv_rpc_kind kind, void (*start)(struct sv_rpc_call *rpc, void *arg))
{
    size_t i = service->n_methods++;
    service->bound[i] = (struct sv_service_method){ .service = service, .method = method };
    service->table[i] = (struct sv_rpc_method){
        .path = path,
        .kind = kind,
        .start = start,
        .service = &service->bound[i],
    };
}

int sv_service_new(synctv_node *node, const struct sv_log *log, struct sv_service **ret_service)
{
    struct sv_service *service = calloc(1, sizeof(*service));
    if (service == NULL)
        return SYNCTV_E_NO_MEMORY;
    service->node = node;
    service->log = log;
    pthread_mutex_init(&service->outages_lock, NULL);
    for (synctv_method method = 0; method < SYNCTV_N_METHODS; method++) {
        if (synctv_method_name(method)[0] != '\0')
            add_method(service, paths[method], method, SV_RPC_UNARY, sv_service_unary_start);
    }
    add_method(service, SERVICE "MessageStream", SYNCTV_N_METHODS, SV_RPC_BIDI,
        sv_service_message_stream_start);
    *ret_service = service;
    return 0;
}

const struct sv_rpc_method *sv_service_methods(const struct sv_service *service,
    size_t *ret_n_methods)
{
    *ret_n_methods = service->n_methods;
    return service->table;
}

const void *sv_service_descriptor_set(size_t *ret_len)
{
    *ret_len = sv_descriptor_set_len;
    return sv_descriptor_set;
}

void sv_service_free(struct sv_service *service)
{
    if (service == NULL)
        return;
    pthread_mutex_destroy(&service->outages_lock);
    free(service);
}

int sv_service_bearer(struct sv_rpc_call *rpc, const char **ret_token, synctv_error *err)
{
    static const char scheme[] = "Bearer ";
    const size_t scheme_len = sizeof(scheme) - 1;
    size_t len = 0;
    const char *value = sv_rpc_call_metadata(rpc, "authorization", &len);
    if (value == NULL) {
        *ret_token = "";
        return 0;
    }
    if (len <= scheme_len || strncasecmp(value, scheme, scheme_len) != 0)
        return sv_errorf(err, SYNCTV_E_TOKEN_INVALID,
            "the authorization has to be: Bearer <access token>");
    const char *token =
        sv_arena_strndup(sv_rpc_call_arena(rpc), value + scheme_len, len - scheme_len);
    if (token == NULL)
        return sv_error(err, SYNCTV_E_NO_MEMORY);
    *ret_token = token;
    return 0;
}

static const int inside[SV_SERVICE_N_INTERNAL] = {
    SYNCTV_E_INTERNAL,
    SYNCTV_E_STORAGE_UNAVAILABLE,
    SYNCTV_E_STORAGE_CORRUPT,
    SYNCTV_E_STORAGE_TOO_NEW,
};

void sv_service_hide_internal(struct sv_service *service, const char *where, synctv_error *err)
{
    size_t i = 0;
    while (i < SV_SERVICE_N_INTERNAL && inside[i] != err->code)
        i++;
    if (i == SV_SERVICE_N_INTERNAL)
        return;
    struct sv_service_outage *o = &service->outages[i];
    /* Storage fails everybody alike, but of what is our own fault each place is worth a line. */
    int what = err->code == SYNCTV_E_INTERNAL ? (int)sv_hash(where, strlen(where)) : 0;
    char id[SV_ID_SIZE];
    unsigned times = 0;
    int64_t now_ms = sv_mono_ms();

    pthread_mutex_lock(&service->outages_lock);
    bool tell = sv_outage_failed(&o->outage, what, now_ms, &times);
    o->last_ms = now_ms;
    if (tell && sv_id_new(o->id) < 0)
        o->id[0] = '\0';
    memcpy(id, o->id, sizeof(id));
    atomic_store(&service->broken, true);
    pthread_mutex_unlock(&service->outages_lock);

    if (tell)
        sv_logf(service->log, SYNCTV_LOG_ERROR, "service", "%s failed with %s: %s (%s, %u times)",
            where, synctv_error_reason(err->code), err->message, id, times);
    sv_errorf(err, err->code, "%s (%s)", synctv_error_text(err->code), id);
}

/* Returns whether the log has to be told, with the number of failures that it does not know of. */
static bool look_at_outages(struct sv_service *service, unsigned *ret_times)
{
    int64_t now_ms = sv_mono_ms();
    bool over = false, broken = false;
    *ret_times = 0;
    pthread_mutex_lock(&service->outages_lock);
    for (size_t i = 0; i < SV_SERVICE_N_INTERNAL; i++) {
        struct sv_service_outage *o = &service->outages[i];
        unsigned times;
        if (!o->outage.told) {
            continue;
        } else if (now_ms - o->last_ms < QUIET_MS) {
            broken = true;
        } else if (sv_outage_over(&o->outage, &times)) {
            *ret_times += times;
            over = true;
        }
    }
    atomic_store(&service->broken, broken);
    pthread_mutex_unlock(&service->outages_lock);
    return over;
}

void sv_service_note_success(struct sv_service *service)
{
    unsigned times;
    if (atomic_load_explicit(&service->broken, memory_order_relaxed) &&
        look_at_outages(service, &times))
        sv_logf(service->log, SYNCTV_LOG_INFO, "service",
            "calls work again, none has failed inside for %d s (%u more had)", QUIET_MS / 1000,
            times);
}

void sv_service_fail(struct sv_service *service, struct sv_rpc_call *rpc, const synctv_error *err,
    const struct sv_rpc_detail *extra)
{
    synctv_error told = *err;
    const char *where = sv_rpc_call_path(rpc);
    sv_service_hide_internal(service, where, &told);
    sv_logf(service->log, SYNCTV_LOG_DEBUG, "service", "%s: %s", where,
        synctv_error_reason(told.code));
    sv_rpc_call_fail(rpc, told.code, &told, extra);
}
