/* SPDX-License-Identifier: MIT */
/*
 * Time and randomness of a node. All of lib/node takes both from here, so that a test can decide
 * what they are.
 */
#ifndef SV_NODE_ENGINE_TIME_H
#define SV_NODE_ENGINE_TIME_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <synctv/node.h>

#include "base/id.h"

/* Where a node takes them from. Any thread may call these functions. */
struct sv_sources {
    int64_t (*mono_ms)(void *userdata);
    /* Unix ms. It may step. */
    int64_t (*wall_ms)(void *userdata);
    /* 0 or INTERNAL. */
    int (*random_bytes)(void *userdata, void *out, size_t len);
    /* As sv_random_id(). */
    int (*random_id)(void *userdata, char *out, size_t len);
    void *userdata;
};

/* The machine's. */
extern const struct sv_sources sv_real_sources;

/* What is known of the clock of a store on another machine. */
struct sv_store_clock {
    /* How far it is ahead of the monotonic clock; INT64_MIN = this machine's wall clock counts. */
    _Atomic int64_t ahead_ms;
    /* By how much that may be wrong. */
    int64_t error_ms;
};

/* Monotonic time, for intervals. */
int64_t sv_node_mono_ms(const synctv_node *node);
/* The clock that the node clock follows, Unix ms: the store's, or else this machine's. */
int64_t sv_node_wall_ms(const synctv_node *node);
/*
 * The store has said that its clock is at store_ms, between two monotonic times. The answer counts
 * if its way was short enough. One thread at a time.
 */
void sv_node_hear_store_clock(synctv_node *node, int64_t store_ms, int64_t asked_ms,
    int64_t answered_ms);
/* The node clock, Unix ms: what goes on the wire and into storage. */
int64_t sv_node_now_ms(const synctv_node *node);
/*
 * The same, and the sum of all steps that the clock has made until then. A time that was taken
 * earlier is corrected by the difference of the two sums.
 */
int64_t sv_node_now_and_steps_ms(const synctv_node *node, int64_t *ret_stepped_ms);
/* Sets the node clock to the one that it follows, at the start. */
void sv_node_start_clock(synctv_node *node);
/* The same, so far ahead of it as the clocks of other nodes are. */
void sv_node_start_clock_ahead(synctv_node *node, int64_t ahead_ms);
/*
 * Makes the node clock follow; `together` with the clocks of other nodes it does not
 * step. Returns the step that it made, in ms, and has logged it; 0 = none. One thread at a time.
 */
int64_t sv_node_follow_clock(synctv_node *node, bool together);

/* Cryptographic random bytes. 0, or INTERNAL when there are none. */
int sv_node_random(const synctv_node *node, void *out, size_t len);
/* `len` random characters of an id's alphabet and a NUL. 0, or INTERNAL and "". */
int sv_node_random_id(const synctv_node *node, char *out, size_t len);
int sv_node_new_id(const synctv_node *node, char out[SV_ID_SIZE]);

#endif
