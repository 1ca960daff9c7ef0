/* SPDX-License-Identifier: MIT */
/* What the files of the service share. */
#ifndef SV_SERVICE_INSIDE_H
#define SV_SERVICE_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/id.h"
#include "base/outage.h"
#include "service/service.h"

#define SV_SERVICE_MAX_RESPONSE_BYTES (1024 * 1024)

/* What a row of the table of methods is bound to. */
struct sv_service_method {
    struct sv_service *service;
    synctv_method method; /* not MessageStream's */
};

/* What breaks inside, of one code. */
struct sv_service_outage {
    struct sv_outage outage;
    int64_t last_ms;
    /* Of the last line about it; what is told to clients, too. */
    char id[SV_ID_SIZE];
};

#define SV_SERVICE_N_INTERNAL 4

struct sv_service {
    synctv_node *node;
    const struct sv_log *log;
    struct sv_rpc_method table[SYNCTV_N_METHODS + 1];
    struct sv_service_method bound[SYNCTV_N_METHODS + 1];
    size_t n_methods;

    pthread_mutex_t outages_lock;
    struct sv_service_outage outages[SV_SERVICE_N_INTERNAL];
    /* The log was told of one, and not that it is over. */
    atomic_bool broken;
};

/*
 * The token of `authorization: Bearer <token>`, as a string that lives as long as the call; "" if there is none.
 * Errors: TOKEN_INVALID (another kind of authorization), NO_MEMORY.
 */
int sv_service_bearer(struct sv_rpc_call *rpc, const char **ret_token, synctv_error *err);

/* What broke inside is for the log and not for the wire, where it gets a word to look for in the log. What goes on breaking is one line a
 * minute, and its word stays the same as long. */
void sv_service_hide_internal(struct sv_service *service, const char *where, synctv_error *err);
/* A call has succeeded. When none has broken inside for a while, the log is told that it is over. */
void sv_service_note_success(struct sv_service *service);

/* Fails a call with an error as the node gave it. `extra` may be NULL. */
void sv_service_fail(struct sv_service *service, struct sv_rpc_call *rpc, const synctv_error *err,
    const struct sv_rpc_detail *extra);

/* client_service.c: sv_rpc_method.start of all calls with one answer; `arg` is a struct sv_service_method. */
void sv_service_unary_start(struct sv_rpc_call *rpc, void *arg);

/* message_stream.c: sv_rpc_method.start of MessageStream; `arg` as above. */
void sv_service_message_stream_start(struct sv_rpc_call *rpc, void *arg);

#endif
