/* SPDX-License-Identifier: MIT */
#include "node/engine/time.h"

#include "node/engine/node.h"

static int64_t real_mono_ms(void *userdata)
{
    return sv_mono_ms();
}

static int64_t real_wall_ms(void *userdata)
{
    return sv_wall_ms();
}

static int real_random_bytes(void *userdata, void *out, size_t len)
{
    return sv_random_bytes(out, len);
}

static int real_random_id(void *userdata, char *out, size_t len)
{
    return sv_random_id(out, len);
}

const struct sv_sources sv_real_sources = {
    .mono_ms = real_mono_ms,
    .wall_ms = real_wall_ms,
    .random_bytes = real_random_bytes,
    .random_id = real_random_id,
};

int64_t sv_node_mono_ms(const synctv_node *node)
{
    return node->sources.mono_ms(node->sources.userdata);
}

int64_t sv_node_wall_ms(const synctv_node *node)
{
    return node->sources.wall_ms(node->sources.userdata);
}

int64_t sv_node_now_ms(const synctv_node *node)
{
    return sv_node_clock_ms(&node->clock, sv_node_mono_ms(node));
}

int sv_node_random(const synctv_node *node, void *out, size_t len)
{
    return node->sources.random_bytes(node->sources.userdata, out, len);
}

int sv_node_random_id(const synctv_node *node, char *out, size_t len)
{
    return node->sources.random_id(node->sources.userdata, out, len);
}

int sv_node_new_id(const synctv_node *node, char out[SV_ID_SIZE])
{
    return sv_node_random_id(node, out, SV_ID_LEN);
}
