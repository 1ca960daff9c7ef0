/* SPDX-License-Identifier: MIT */
#include "node/engine/store_clock.h"

#include "node/engine/node.h"

int64_t sv_node_store_ms(const synctv_node *node)
{
    const struct sv_store_clock *c = &node->store_clock;
    if (atomic_load(&c->known))
        return sv_node_mono_ms(node) + atomic_load(&c->ahead_ms);
    return node->sources.wall_ms(node->sources.userdata);
}

int sv_node_ask_clock(const synctv_node *node, struct sv_tx *tx, struct sv_clock_answer *ret)
{
    int64_t server_ms = 0, before_ms = sv_node_mono_ms(node);
    int rv = tx->ops->clock_ms(tx, &server_ms);
    int64_t after_ms = sv_node_mono_ms(node);
    if (rv > 0)
        *ret = (struct sv_clock_answer){
            .way_ms = after_ms - before_ms,
            .ahead_ms = server_ms - (before_ms + after_ms) / 2,
        };
    return rv;
}

void sv_node_hear_clock(synctv_node *node, const struct sv_clock_answer *answer)
{
    struct sv_store_clock *c = &node->store_clock;
    c->answers[c->n_answers++ % SV_CLOCK_ANSWERS] = *answer;
    unsigned n = c->n_answers < SV_CLOCK_ANSWERS ? c->n_answers : SV_CLOCK_ANSWERS;
    const struct sv_clock_answer *best = &c->answers[0];
    for (unsigned i = 1; i < n; i++) {
        if (c->answers[i].way_ms < best->way_ms)
            best = &c->answers[i];
    }
    atomic_store(&c->ahead_ms, best->ahead_ms);
    atomic_store(&c->known, true);
}

static synctv_node *node_of(struct sv_job *job)
{
    return SV_CONTAINER_OF(job, synctv_node, store_clock.job);
}

static int ask_run(struct sv_job *job, struct sv_tx *tx)
{
    synctv_node *node = node_of(job);
    return sv_node_ask_clock(node, tx, &node->store_clock.answer);
}

static void ask_apply(struct sv_job *job, int rv)
{
    synctv_node *node = node_of(job);
    if (rv > 0)
        sv_node_hear_clock(node, &node->store_clock.answer);
    atomic_store(&node->store_clock.asking, false);
}

void sv_node_ask_clock_again(synctv_node *node)
{
    struct sv_store_clock *c = &node->store_clock;
    if (!atomic_load(&c->known) || atomic_exchange(&c->asking, true))
        return;
    c->job = (struct sv_job){ .run = ask_run, .apply = ask_apply };
    if (sv_store_read(node->store, &c->job) < 0)
        atomic_store(&c->asking, false);
}
