/* SPDX-License-Identifier: MIT */
#include "embed/metrics.h"

#include <stdlib.h>

#include "node/streams/streams.h"
#include "service/call_stats.h"

struct sink {
    synctv_metric_fn *fn;
    void *userdata;
};

static void give(const struct sink *sink, synctv_metric_kind kind, const char *name,
    const char *help, double value)
{
    const synctv_metric metric = { .name = name, .help = help, .kind = kind, .value = value };
    sink->fn(sink->userdata, &metric);
}

static void gauge(const struct sink *sink, const char *name, const char *help, double value)
{
    give(sink, SYNCTV_METRIC_GAUGE, name, help, value);
}

static void counter(const struct sink *sink, const char *name, const char *help,
    const atomic_ullong *value)
{
    give(sink, SYNCTV_METRIC_COUNTER, name, help,
        (double)atomic_load_explicit(value, memory_order_relaxed));
}

static void labelled(const struct sink *sink, const char *name, const char *help,
    const char *label_name, const char *label_value, double value)
{
    const synctv_metric_label label = { label_name, label_value };
    const synctv_metric metric = {
        .name = name,
        .help = help,
        .kind = SYNCTV_METRIC_GAUGE,
        .labels = &label,
        .n_labels = 1,
        .value = value,
    };
    sink->fn(sink->userdata, &metric);
}

static void read_rooms(const struct sink *sink, synctv_node *node)
{
    synctv_node_stats stats;
    synctv_node_get_stats(node, &stats);
    gauge(sink, "synctv_rooms_loaded", "Rooms in memory.", stats.rooms_loaded);
    gauge(sink, "synctv_streams", "Open streams.", stats.streams);
    gauge(sink, "synctv_users_online", "Users with a stream here.", stats.users_online);
    counter(sink, "synctv_events_total", "Events of rooms that streams here were told of.",
        &node->streams->n_events);
    counter(sink, "synctv_deliveries_total", "Events that were queued for a stream.",
        &node->streams->n_deliveries);
    counter(sink, "synctv_slow_streams_total", "Streams that ended because they were not read.",
        &node->streams->n_slow);
}

static void read_store(const struct sink *sink, struct sv_store *store)
{
    static const char queue[] = "synctv_store_queue_jobs", help[] = "Jobs that wait for storage.";
    static const double bounds[SV_STORE_N_BATCHES] = { 1, 2, 4, 8, 16, 32, 64, 128, 256 };
    struct sv_store_stats stats;
    uint64_t counts[SV_STORE_N_BATCHES], n = 0;
    sv_store_get_stats(store, &stats);
    labelled(sink, queue, help, "kind", "write", (double)stats.queued_writes);
    labelled(sink, queue, help, "kind", "load", (double)stats.queued_loads);
    labelled(sink, queue, help, "kind", "read", (double)stats.queued_reads);
    for (int i = 0; i < SV_STORE_N_BATCHES; i++)
        counts[i] = n += stats.batches[i];
    const synctv_metric metric = {
        .name = "synctv_store_batch_jobs",
        .help = "Jobs that a writer took from its queue at once.",
        .kind = SYNCTV_METRIC_HISTOGRAM,
        .value = (double)stats.batched_jobs,
        .count = n,
        .bounds = bounds,
        .counts = counts,
        .n_bounds = SV_STORE_N_BATCHES,
    };
    sink->fn(sink->userdata, &metric);
}

static void read_links(const struct sink *sink, struct sv_peer *peer)
{
    struct sv_peer_link_stats *links = calloc(SV_PEER_LINK_STATS_MAX, sizeof(*links));
    size_t n = links == NULL ? 0 : sv_peer_get_link_stats(peer, links);
    gauge(sink, "synctv_links", "Links to other members.", (double)n);
    for (size_t i = 0; i < n; i++)
        labelled(sink, "synctv_link_queue_events", "Events that wait on the link to a member.",
            "node", links[i].id, (double)links[i].queued_events);
    for (size_t i = 0; i < n; i++)
        labelled(sink, "synctv_link_queue_bytes", "Bytes that wait on the link to a member.",
            "node", links[i].id, (double)links[i].queued_bytes);
    free(links);
}

void sv_metrics_read(const struct sv_metrics_parts *parts, synctv_metric_fn *fn, void *userdata)
{
    const struct sink sink = { fn, userdata };
    struct sv_rpc_server_stats rpc;
    sv_rpc_server_get_stats(parts->server, &rpc);
    read_rooms(&sink, parts->node);
    gauge(&sink, "synctv_calls_under_way", "Calls that are not answered yet.", rpc.live_calls);
    sv_service_read_metrics(parts->service, fn, userdata);
    read_store(&sink, parts->node->store);
    read_links(&sink, parts->peer);
}
