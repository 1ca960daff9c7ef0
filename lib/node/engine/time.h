/* SPDX-License-Identifier: MIT */
/* Time and chance of a node. Nothing in lib/node asks anybody else for them, so that a test can own both. */
#ifndef SV_NODE_ENGINE_TIME_H
#define SV_NODE_ENGINE_TIME_H

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
/* The wall clock, Unix ms: only for the node clock, which follows it. */
int64_t sv_node_wall_ms(const synctv_node *node);
/* The node clock, Unix ms: what goes on the wire and into storage. */
int64_t sv_node_now_ms(const synctv_node *node);

/* Cryptographic random; 0 or INTERNAL when there is none. */
int sv_node_random(const synctv_node *node, void *out, size_t len);
/* `len` characters of an id's alphabet and a NUL; "" when there is no chance to be had. */
int sv_node_random_id(const synctv_node *node, char *out, size_t len);
int sv_node_new_id(const synctv_node *node, char out[SV_ID_SIZE]);

#endif
