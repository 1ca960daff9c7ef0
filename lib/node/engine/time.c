/* SPDX-License-Identifier: MIT */
#include "node/engine/time.h"

#include <stdlib.h>

#include "node/engine/node.h"

/* A look at both clocks that took longer than this says nothing about their difference. */
#define PAIR_MS 50
/* By how much two clocks may part until the store is asked again. */
#define DRIFT_MS 1

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
    int64_t ahead_ms = atomic_load(&node->store_clock.ahead_ms);
    return ahead_ms == INT64_MIN ? node->sources.wall_ms(node->sources.userdata)
                                 : sv_node_mono_ms(node) + ahead_ms;
}

void sv_node_hear_store_clock(synctv_node *node, int64_t store_ms, int64_t asked_ms,
    int64_t answered_ms)
{
    struct sv_store_clock *clock = &node->store_clock;
    int64_t error_ms = (answered_ms - asked_ms + 1) / 2;
    clock->error_ms += DRIFT_MS;
    if (atomic_load(&clock->ahead_ms) != INT64_MIN && error_ms > clock->error_ms)
        return;
    clock->error_ms = error_ms;
    atomic_store(&clock->ahead_ms, store_ms - (asked_ms + (answered_ms - asked_ms) / 2));
}

void sv_node_start_clock(synctv_node *node)
{
    atomic_store(&node->store_clock.ahead_ms, INT64_MIN);
    sv_node_start_clock_ahead(node, 0);
}

void sv_node_start_clock_ahead(synctv_node *node, int64_t ahead_ms)
{
    sv_node_clock_init(&node->clock, sv_node_wall_ms(node) + ahead_ms, sv_node_mono_ms(node));
}

int64_t sv_node_now_ms(const synctv_node *node)
{
    int64_t stepped_ms;
    return sv_node_now_and_steps_ms(node, &stepped_ms);
}

int64_t sv_node_now_and_steps_ms(const synctv_node *node, int64_t *ret_stepped_ms)
{
    struct sv_clock_look look;
    int64_t mono_ms;
    do {
        look = sv_node_clock_look(&node->clock);
        mono_ms = sv_node_mono_ms(node);
    } while (!sv_node_clock_is(&node->clock, &look));
    *ret_stepped_ms = look.stepped_ms;
    return sv_clock_look_ms(&look, mono_ms);
}

int64_t sv_node_follow_clock(synctv_node *node, bool together)
{
    int64_t before_ms = sv_node_mono_ms(node);
    int64_t wall_ms = sv_node_wall_ms(node);
    int64_t mono_ms = sv_node_mono_ms(node);
    if (mono_ms - before_ms > PAIR_MS)
        return 0;
    if (together) {
        sv_node_clock_slew(&node->clock, wall_ms, mono_ms);
        return 0;
    }
    int64_t step_ms = sv_node_clock_follow(&node->clock, wall_ms, mono_ms);
    if (step_ms != 0)
        sv_logf(&node->log, SYNCTV_LOG_WARN, "clock",
            "this node's clock was %.1f s %s %s and has been set; what plays goes on from where it"
            " is",
            (double)llabs(step_ms) / 1000, step_ms > 0 ? "behind" : "ahead of",
            atomic_load(&node->store_clock.ahead_ms) == INT64_MIN ? "this machine's"
                                                                  : "the database's");
    return step_ms;
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
