/* SPDX-License-Identifier: MIT */
/* Time and chance of a node. Nothing in lib/node asks anybody else for them, so that a test can own both. */
#ifndef SV_NODE_ENGINE_TIME_H
#define SV_NODE_ENGINE_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <synctv/node.h>

#include "base/id.h"

/* Where a node has them from. Any thread may call these. */
struct sv_sources {
    int64_t (*mono_ms)(void *userdata);
    int64_t (*wall_ms)(void *userdata);                         /* Unix ms; may step */
    int (*random_bytes)(void *userdata, void *out, size_t len); /* 0 or INTERNAL */
    int (*random_id)(void *userdata, char *out, size_t len);    /* as sv_random_id() */
    void *userdata;
};

/* The machine's. */
extern const struct sv_sources sv_real_sources;

/* Monotonic time, for intervals. */
int64_t sv_node_mono_ms(const synctv_node *node);
/* The node clock, Unix ms: what goes on the wire and into storage. */
int64_t sv_node_now_ms(const synctv_node *node);
/* The same, and all steps of the clock until then, added up: by their difference, what had its time before a step knows what that is now. */
int64_t sv_node_now_and_steps_ms(const synctv_node *node, int64_t *ret_stepped_ms);
/* Sets the node clock by the wall clock, at the start. */
void sv_node_start_clock(synctv_node *node);
/* The same, so far ahead of it as the clocks of other nodes are. */
void sv_node_start_clock_ahead(synctv_node *node, int64_t ahead_ms);
/* Has the node clock follow the wall clock; `together` with those of other nodes it does not step.
 * Returns the step that this took, in ms, which has been logged; 0 = none. One thread at a time. */
int64_t sv_node_follow_clock(synctv_node *node, bool together);

/* Cryptographic random; 0 or INTERNAL when there is none. */
int sv_node_random(const synctv_node *node, void *out, size_t len);
/* `len` characters of an id's alphabet and a NUL; "" when there is no chance to be had. */
int sv_node_random_id(const synctv_node *node, char *out, size_t len);
int sv_node_new_id(const synctv_node *node, char out[SV_ID_SIZE]);

#endif
