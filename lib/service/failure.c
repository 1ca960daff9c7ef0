/* SPDX-License-Identifier: MIT */
#include "service/failure.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "service/inside.h"

/* An outage is over when there was no failure for so long. */
#define QUIET_MS 5000

static const int internal_codes[SV_SERVICE_N_INTERNAL] = {
    SYNCTV_E_INTERNAL,
    SYNCTV_E_STORAGE_UNAVAILABLE,
    SYNCTV_E_STORAGE_CORRUPT,
    SYNCTV_E_STORAGE_TOO_NEW,
};

void sv_service_hide_internal(struct sv_service *service, const char *where, synctv_error *err)
{
    size_t i = 0;
    while (i < SV_SERVICE_N_INTERNAL && internal_codes[i] != err->code)
        i++;
    if (i == SV_SERVICE_N_INTERNAL)
        return;
    struct sv_service_outage *o = &service->outages[i];
    /* Storage fails for everybody alike; but each place with a bug of ours is worth a log line. */
    int what = err->code == SYNCTV_E_INTERNAL ? (int)sv_hash(where, strlen(where)) : 0;
    char id[SV_ID_SIZE];
    unsigned times = 0;
    int64_t now_ms = sv_mono_ms();

    pthread_mutex_lock(&service->outages_lock);
    bool is_logged = sv_outage_failed(&o->outage, what, now_ms, &times);
    o->last_ms = now_ms;
    if (is_logged && sv_id_new(o->id) < 0)
        o->id[0] = '\0';
    memcpy(id, o->id, sizeof(id));
    atomic_store(&service->broken, true);
    pthread_mutex_unlock(&service->outages_lock);

    if (is_logged)
        sv_logf(service->log, SYNCTV_LOG_ERROR, "service", "%s failed with %s: %s (%s, %u times)",
            where, synctv_error_reason(err->code), err->message, id, times);
    sv_errorf(err, err->code, "%s (%s)", synctv_error_text(err->code), id);
}

/* Returns whether an outage is over, with the number of failures that were not logged. */
static bool outage_is_over(struct sv_service *service, unsigned *ret_times)
{
    int64_t now_ms = sv_mono_ms();
    bool over = false, broken = false;
    *ret_times = 0;
    pthread_mutex_lock(&service->outages_lock);
    for (size_t i = 0; i < SV_SERVICE_N_INTERNAL; i++) {
        struct sv_service_outage *o = &service->outages[i];
        unsigned times;
        if (!o->outage.logged) {
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
        outage_is_over(service, &times))
        sv_logf(service->log, SYNCTV_LOG_INFO, "service",
            "calls work again, none has failed inside for %d s (%u more had)", QUIET_MS / 1000,
            times);
}

void sv_service_fail(struct sv_service *service, struct sv_rpc_call *rpc, const synctv_error *err,
    const struct sv_rpc_detail *extra)
{
    synctv_error shown = *err;
    const char *where = sv_rpc_call_path(rpc);
    sv_service_hide_internal(service, where, &shown);
    sv_logf(service->log, SYNCTV_LOG_DEBUG, "service", "%s: %s", where,
        synctv_error_reason(shown.code));
    sv_rpc_call_fail(rpc, shown.code, &shown, extra);
}
