/* SPDX-License-Identifier: MIT */
#include "service/call_stats.h"

#include "service/inside.h"

static const double bounds_s[SV_SERVICE_N_BOUNDS] = { 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
    0.05, 0.1, 0.25, 0.5, 1, 2.5, 5 };
static const int64_t bounds_us[SV_SERVICE_N_BOUNDS] = { 500, 1000, 2500, 5000, 10000, 25000, 50000,
    100000, 250000, 500000, 1000000, 2500000, 5000000 };

static const char *const code_names[SV_SERVICE_N_CODES] = { "OK", "CANCELLED", "UNKNOWN",
    "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
    "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED" };

/* Nobody orders anything by these numbers. */
static void add(atomic_ullong *number, unsigned long long n)
{
    atomic_fetch_add_explicit(number, n, memory_order_relaxed);
}

static uint64_t get(const atomic_ullong *number)
{
    return atomic_load_explicit(number, memory_order_relaxed);
}

void sv_service_count_call(struct sv_service_call_stats *stats, int code, int64_t took_us)
{
    int status = synctv_error_grpc_status(code);
    unsigned i = 0;
    while (i < SV_SERVICE_N_BOUNDS && took_us > bounds_us[i])
        i++;
    if (status >= 0 && status < SV_SERVICE_N_CODES)
        add(&stats->codes[status], 1);
    add(&stats->times[i], 1);
    add(&stats->sum_us, took_us > 0 ? (unsigned long long)took_us : 0);
}

static bool has_name(const struct sv_service_method *m)
{
    return m->method < SYNCTV_N_METHODS;
}

static void read_codes(const struct sv_service_method *m, synctv_metric_fn *fn, void *userdata)
{
    for (int code = 0; code < SV_SERVICE_N_CODES; code++) {
        uint64_t n = get(&m->stats.codes[code]);
        const synctv_metric_label labels[] = {
            { "method", synctv_method_name(m->method) },
            { "code", code_names[code] },
        };
        const synctv_metric metric = {
            .name = "synctv_calls_total",
            .help = "Calls that were answered, by the gRPC status of the answer.",
            .kind = SYNCTV_METRIC_COUNTER,
            .labels = labels,
            .n_labels = 2,
            .value = (double)n,
        };
        if (n > 0 || code == 0)
            fn(userdata, &metric);
    }
}

static void read_times(const struct sv_service_method *m, synctv_metric_fn *fn, void *userdata)
{
    uint64_t counts[SV_SERVICE_N_BOUNDS], n = 0;
    for (int i = 0; i < SV_SERVICE_N_BOUNDS; i++)
        counts[i] = n += get(&m->stats.times[i]);
    n += get(&m->stats.times[SV_SERVICE_N_BOUNDS]);
    const synctv_metric_label label = { "method", synctv_method_name(m->method) };
    const synctv_metric metric = {
        .name = "synctv_call_duration_seconds",
        .help = "From a call's arrival to its answer, of methods that were called.",
        .kind = SYNCTV_METRIC_HISTOGRAM,
        .labels = &label,
        .n_labels = 1,
        .value = (double)get(&m->stats.sum_us) / 1e6,
        .count = n,
        .bounds = bounds_s,
        .counts = counts,
        .n_bounds = SV_SERVICE_N_BOUNDS,
    };
    if (n > 0)
        fn(userdata, &metric);
}

void sv_service_read_metrics(const struct sv_service *service, synctv_metric_fn *fn, void *userdata)
{
    for (size_t i = 0; i < service->n_methods; i++) {
        if (has_name(&service->bound[i]))
            read_codes(&service->bound[i], fn, userdata);
    }
    for (size_t i = 0; i < service->n_methods; i++) {
        if (has_name(&service->bound[i]))
            read_times(&service->bound[i], fn, userdata);
    }
}
