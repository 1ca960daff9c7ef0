/* SPDX-License-Identifier: MIT */
/*
 * How calls and streams fail. Failures of our own (storage, bugs) are logged with an id. The client
 * gets the general text and the id, by which one finds the line in the log, but no details.
 */
#ifndef SV_SERVICE_FAILURE_H
#define SV_SERVICE_FAILURE_H

#include "service/service.h"

/* Fails a call with an error as the node gave it. `extra` may be NULL. */
void sv_service_fail(struct sv_service *service, struct sv_rpc_call *rpc, const synctv_error *err,
    const struct sv_rpc_detail *extra);

/*
 * If *err is a failure of our own: logs it and replaces its message by what a client may see. While
 * a failure goes on there is one line a minute, and the id stays the same that long. `where` is for
 * the log.
 */
void sv_service_hide_internal(struct sv_service *service, const char *where, synctv_error *err);

/* A call has succeeded. If nothing has failed for a while, logs that the outage is over. */
void sv_service_note_success(struct sv_service *service);

#endif
