/* SPDX-License-Identifier: MIT */
/* Prometheus' text format, version 0.0.4. */
#ifndef SERVER_EXPOSITION_H
#define SERVER_EXPOSITION_H

#include <stdio.h>

#include <synctv/metrics.h>

#define EXPOSITION_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct exposition {
    FILE *out;
    /* Of the metric that was written last: HELP and TYPE stand before the first one of a name. */
    char name[64];
};

/* A synctv_metric_fn; `exposition` is a struct exposition. */
void exposition_write(void *exposition, const synctv_metric *metric);
/* One number of this process without labels. */
void exposition_number(struct exposition *exposition, synctv_metric_kind kind, const char *name,
    const char *help, double value);
/* What the process uses: the usual names of Prometheus' own clients. */
void exposition_process(struct exposition *exposition);

#endif
