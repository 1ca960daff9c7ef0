/* SPDX-License-Identifier: MIT */
/* What the files of the service share. */
#ifndef SV_SERVICE_INSIDE_H
#define SV_SERVICE_INSIDE_H

#include "service/service.h"

#define SV_SERVICE_MAX_RESPONSE_BYTES (1024 * 1024)

/* What a row of the table of methods is bound to. */
struct sv_service_method {
    struct sv_service *service;
    synctv_method method; /* not MessageStream's */
};

struct sv_service {
    synctv_node *node;
    const struct sv_log *log;
    struct sv_rpc_method table[SYNCTV_N_METHODS + 1];
    struct sv_service_method bound[SYNCTV_N_METHODS + 1];
    size_t n_methods;
};

/*
 * The token of `authorization: Bearer <token>`, as a string that lives as long as the call; "" if there is none.
 * Errors: TOKEN_INVALID (another kind of authorization), NO_MEMORY.
 */
int sv_service_bearer(struct sv_rpc_call *rpc, const char **ret_token, synctv_error *err);

/* What broke inside is for the log and not for the wire: there it gets a number to look for. */
void sv_service_hide_inside(struct sv_service *service, const char *where, synctv_error *err);

/* Fails a call with an error as the node gave it. `extra` may be NULL. */
void sv_service_fail(struct sv_service *service, struct sv_rpc_call *rpc, const synctv_error *err,
    const struct sv_rpc_detail *extra);

/* client_service.c: sv_rpc_method.start of all calls with one answer; `arg` is a struct sv_service_method. */
void sv_client_service_start(struct sv_rpc_call *rpc, void *arg);

/* message_stream.c: sv_rpc_method.start of MessageStream; `arg` as above. */
void sv_message_stream_start(struct sv_rpc_call *rpc, void *arg);

#endif
