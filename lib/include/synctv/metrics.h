/* SPDX-License-Identifier: MIT */
/**
 * What a node has done and what waits in it, as numbers for monitoring. Names, kinds and labels are
 * those of Prometheus: a program that serves them only has to write them down.
 */
#ifndef SYNCTV_METRICS_H
#define SYNCTV_METRICS_H

#include "node.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum synctv_metric_kind {
    /** What it is now. */
    SYNCTV_METRIC_GAUGE = 1,
    /** Since the node was opened; never less than before. */
    SYNCTV_METRIC_COUNTER = 2,
    /** How many values were not greater than each of some bounds. */
    SYNCTV_METRIC_HISTOGRAM = 3,
} synctv_metric_kind;

typedef struct synctv_metric_label {
    const char *name;
    /** UTF-8. */
    const char *value;
} synctv_metric_label;

/**
 * One number, or one histogram. New fields come at the end: take its address, never its size.
 * Everything is borrowed until the callback returns.
 */
typedef struct synctv_metric {
    /** "synctv_calls_total"; the unit is in it: _seconds, _bytes. */
    const char *name;
    /** One sentence. */
    const char *help;
    synctv_metric_kind kind;
    const synctv_metric_label *labels;
    size_t n_labels;
    /** Of a histogram: the sum of all values. */
    double value;

    /* Of a histogram. */

    /** Of all values. */
    uint64_t count;
    /** In rising order. */
    const double *bounds;
    /** counts[i] values were not greater than bounds[i]; each includes those before it. */
    const uint64_t *counts;
    size_t n_bounds;
} synctv_metric;

/** Those with the same name come one behind the other. */
typedef void synctv_metric_fn(void *userdata, const synctv_metric *metric);

/**
 * Calls `fn` for each number, on this thread; it may call what does not wait. Each number is right,
 * but they are not of the very same moment. There may be more of them in a newer library: pass over
 * those you do not know. Does not wait for storage. Thread-safe, also while the node stops, until
 * synctv_node_free().
 */
SYNCTV_API void synctv_node_read_metrics(synctv_node *node, synctv_metric_fn *fn, void *userdata);

#ifdef __cplusplus
}
#endif
#endif
