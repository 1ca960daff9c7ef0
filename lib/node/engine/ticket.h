/* SPDX-License-Identifier: MIT */
/*
 * The right to answer a call, for calls that may be answered before they are over: those that can
 * be withdrawn, and those whose time may run out. Others have none.
 *
 *   waiting --sv_ticket_begin()--> being carried out --sv_ticket_wait()--> waiting
 *
 * Who waits is withdrawn at once: it is answered CANCELLED, and its next step does not begin. Who
 * is being carried out is withdrawn when it waits again, unless it has begun to write. TIMEOUT is
 * answered in any case. All functions take NULL.
 */
#ifndef SV_NODE_ENGINE_TICKET_H
#define SV_NODE_ENGINE_TICKET_H

#include "api/caller.h"
#include "node/engine/node.h"

struct sv_ticket;

/*
 * Of a call that is being carried out; *ret_ticket is NULL if the request wants none. With `direct`
 * it answers on any thread, and who asks looks after the time. Errors: CANCELLED, NO_MEMORY.
 */
int sv_ticket_new(synctv_node *node, const synctv_request *request, synctv_done_fn *done,
    void *userdata, bool direct, struct sv_ticket **ret_ticket);
/* The call is over. */
void sv_ticket_free(struct sv_ticket *ticket);

/* The call goes into a queue. */
void sv_ticket_wait(struct sv_ticket *ticket);
/* Its next step may begin; false: it has been withdrawn. */
bool sv_ticket_begin(struct sv_ticket *ticket);
/* The same for what writes: from here on it is not withdrawn any more. */
bool sv_ticket_commit(struct sv_ticket *ticket);
/* Whether the call's own answer is to be given: nobody has been before. */
bool sv_ticket_answer(struct sv_ticket *ticket);

/* Answers those whose time is over. Returns when the next one's is; INT64_MAX = never. */
int64_t sv_tickets_ring(synctv_node *node, int64_t now_ms);

#endif
