/* SPDX-License-Identifier: MIT */
/* The numbers of a node from all its parts. */
#ifndef SV_EMBED_METRICS_H
#define SV_EMBED_METRICS_H

#include <synctv/metrics.h>

#include "peer/peer.h"
#include "service/service.h"

struct sv_metrics_parts {
    synctv_node *node;
    struct sv_rpc_server *server;
    const struct sv_service *service;
    struct sv_peer *peer;
};

void sv_metrics_read(const struct sv_metrics_parts *parts, synctv_metric_fn *fn, void *userdata);

#endif
