/* SPDX-License-Identifier: MIT */
/* The inside of a service: its table of methods and its outages. */
#ifndef SV_SERVICE_INSIDE_H
#define SV_SERVICE_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/id.h"
#include "base/outage.h"
#include "service/call_stats.h"
#include "service/service.h"

/* sv_rpc_method.service of each row of the table. */
struct sv_service_method {
    struct sv_service *service;
    /* SYNCTV_N_METHODS for MessageStream. */
    synctv_method method;
    struct sv_service_call_stats stats;
};

/* The codes of failures of our own. */
#define SV_SERVICE_N_INTERNAL 4

/* The failures with one of these codes. */
struct sv_service_outage {
    struct sv_outage outage;
    int64_t last_ms;
    /* In the last log line about it and in the errors that clients get. */
    char id[SV_ID_SIZE];
};

struct sv_service {
    synctv_node *node;
    const struct sv_log *log;
    struct sv_rpc_method table[SYNCTV_N_METHODS + 1];
    struct sv_service_method bound[SYNCTV_N_METHODS + 1];
    size_t n_methods;

    pthread_mutex_t outages_lock;
    struct sv_service_outage outages[SV_SERVICE_N_INTERNAL];
    /* An outage was logged, and not yet that it is over. */
    atomic_bool broken;
};

/*
 * The token of the metadata `authorization: Bearer <token>`. It lives as long as the call; "" =
 * there is none. Errors: TOKEN_INVALID (another kind of authorization), NO_MEMORY.
 */
int sv_service_bearer(struct sv_rpc_call *rpc, const char **ret_token, synctv_error *err);

#endif
