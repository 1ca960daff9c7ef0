/* SPDX-License-Identifier: MIT */
/* Opening, turning and closing a node; lib/embed adds the queue and the services. */
#ifndef SV_NODE_NODE_H
#define SV_NODE_NODE_H

#include "node/engine/node.h"

/*
 * What a program gives as options, as this library knows it (base/sized.h); `limits` is as given.
 */
int sv_node_options_take(const synctv_node_options *given, synctv_node_options *ret_options,
    synctv_error *err);
/* Opens storage, reads the secret, makes the tables. */
int sv_node_init(synctv_node *node, const synctv_node_options *options, synctv_error *err);
/*
 * New calls and streams are refused with SHUTTING_DOWN. Open streams go on, and hear what
 * happens, until sv_streams_end_some() or sv_node_close() ends them.
 */
void sv_node_drain(synctv_node *node);
/* From here on calls and streams are refused; streams end with SHUTTING_DOWN. */
void sv_node_close(synctv_node *node);
/*
 * Writes what is pending, joins the threads. The last jobs may still post letters: call
 * sv_node_turn() once more before fini.
 */
void sv_node_quiesce(synctv_node *node);
void sv_node_fini(synctv_node *node);

/*
 * Runs letters, ready streams (at most SV_READY_PER_TURN) and due timers. Any thread; returns at
 * once while another one does so. Returns the ms after which it wants to be called again, 0 = at
 * once.
 */
int64_t sv_node_turn(synctv_node *node);

#endif
