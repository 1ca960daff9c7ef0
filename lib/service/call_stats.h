/* SPDX-License-Identifier: MIT */
/* Counts calls, by method and by the gRPC status of the answer, and how long they took. */
#ifndef SV_SERVICE_CALL_STATS_H
#define SV_SERVICE_CALL_STATS_H

#include <stdatomic.h>
#include <stdint.h>

#include <synctv/metrics.h>

#define SV_SERVICE_N_CODES 17
#define SV_SERVICE_N_BOUNDS 13

/* Of one method. Any thread. */
struct sv_service_call_stats {
    atomic_ullong codes[SV_SERVICE_N_CODES];
    /* The last one is of what took longer than all bounds. */
    atomic_ullong times[SV_SERVICE_N_BOUNDS + 1];
    atomic_ullong sum_us;
};

struct sv_service;

/* `code` is 0 or a SYNCTV_E_*. */
void sv_service_count_call(struct sv_service_call_stats *stats, int code, int64_t took_us);
/* Gives synctv_calls_total and synctv_call_duration_seconds of all methods. */
void sv_service_read_metrics(const struct sv_service *service, synctv_metric_fn *fn,
    void *userdata);

#endif
