/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "node/engine/time.h"
#include "peer/inside.h"
#include "peer/link.h"
#include "rpc/retry.h"

/* Who is dialled is alive, says the database. So no wait is longer than after so many failures. */
#define BACK_OFF_MAX 4

struct sv_peer_fellow *sv_peer_find(struct sv_peer *peer, const char *id)
{
    SV_LIST_FOREACH(it, &peer->fellows) {
        struct sv_peer_fellow *fellow = SV_CONTAINER_OF(it, struct sv_peer_fellow, link_in_peer);
        if (strcmp(fellow->id, id) == 0)
            return fellow;
    }
    return NULL;
}

struct sv_peer_fellow *sv_peer_need(struct sv_peer *peer, const char *id)
{
    struct sv_peer_fellow *fellow = sv_peer_find(peer, id);
    if (fellow != NULL || peer->n_fellows == SV_PEER_FELLOWS_MAX)
        return fellow;
    fellow = calloc(1, sizeof(*fellow));
    if (fellow == NULL)
        return NULL;
    fellow->peer = peer;
    snprintf(fellow->id, sizeof(fellow->id), "%s", id);
    sv_list_append(&peer->fellows, &fellow->link_in_peer);
    peer->n_fellows++;
    return fellow;
}

void sv_peer_drop_channel(struct sv_peer_fellow *fellow)
{
    struct sv_peer *peer = fellow->peer;
    if (fellow->channel == NULL)
        return;
    peer->old_channels[peer->n_old_channels++] = fellow->channel;
    fellow->channel = NULL;
    sv_peer_stir(peer);
}

void sv_peer_set_address(struct sv_peer_fellow *fellow, const char *address)
{
    if (strcmp(fellow->address, address) == 0)
        return;
    sv_peer_drop_channel(fellow);
    snprintf(fellow->address, sizeof(fellow->address), "%s", address);
    fellow->registered_epoch = 0;
    fellow->attempts = 0;
    fellow->not_before_ms = 0;
}

void sv_peer_drop(struct sv_peer_fellow *fellow)
{
    sv_peer_drop_channel(fellow);
    sv_list_remove(&fellow->link_in_peer);
    fellow->peer->n_fellows--;
    free(fellow);
}

void sv_peer_stir(struct sv_peer *peer)
{
    peer->stirred = true;
    pthread_cond_broadcast(&peer->changed);
}

static uint32_t random_bits(struct sv_peer *peer)
{
    uint32_t bits = 0;
    sv_node_random(peer->node, &bits, sizeof(bits));
    return bits;
}

void sv_peer_back_off(struct sv_peer_fellow *fellow)
{
    fellow->attempts += fellow->attempts < BACK_OFF_MAX;
    fellow->not_before_ms =
        sv_mono_ms() + sv_rpc_retry_delay_ms(fellow->attempts, random_bits(fellow->peer));
}

void sv_peer_link_over(struct sv_peer *peer, const char *id, uint64_t number, bool was_short)
{
    unsigned times;
    pthread_mutex_lock(&peer->lock);
    struct sv_peer_fellow *fellow = sv_peer_find(peer, id);
    if (fellow != NULL) {
        if (fellow->opening == number)
            fellow->opening = 0;
        if (fellow->linked == number)
            fellow->linked = 0;
        if (was_short) {
            sv_peer_back_off(fellow);
        } else {
            fellow->attempts = 0;
            fellow->not_before_ms = 0;
            sv_outage_over(&fellow->trouble, &times);
            sv_outage_over(&fellow->ended, &times);
            sv_outage_over(&fellow->opened, &times);
        }
    }
    sv_peer_stir(peer);
    pthread_mutex_unlock(&peer->lock);
}

/* @is_end  it is how a link has ended. */
static void complain(struct sv_peer *peer, synctv_log_level level, const char *id, const char *text,
    bool is_end)
{
    unsigned times;
    pthread_mutex_lock(&peer->lock);
    struct sv_peer_fellow *fellow = id == NULL ? NULL : sv_peer_find(peer, id);
    struct sv_outage *outage = fellow == NULL ? &peer->refusals
        : is_end                              ? &fellow->ended
                                              : &fellow->trouble;
    int what = (int)sv_hash(text, strlen(text));
    bool tell = sv_outage_failed(outage, what, sv_mono_ms(), &times);
    pthread_mutex_unlock(&peer->lock);
    if (!tell)
        return;
    char more[40] = "";
    if (times > 1)
        snprintf(more, sizeof(more), " (%u times)", times);
    sv_logf(peer->log, level, "cluster", "%s%s%s%s%s", id == NULL ? "" : "node ",
        id == NULL ? "" : id, id == NULL ? "" : ": ", text, more);
}

void sv_peer_complain(struct sv_peer *peer, synctv_log_level level, const char *id,
    const char *text)
{
    complain(peer, level, id, text, false);
}

void sv_peer_tell_end(struct sv_peer *peer, synctv_log_level level, const char *id,
    const char *text)
{
    complain(peer, level, id, text, true);
}

/* ---- metrics ---- */

size_t sv_peer_get_link_stats(struct sv_peer *peer, struct sv_peer_link_stats *ret_stats)
{
    size_t n = 0;
    pthread_mutex_lock(&peer->lock);
    SV_LIST_FOREACH(it, &peer->fellows) {
        const struct sv_peer_fellow *fellow =
            SV_CONTAINER_OF(it, struct sv_peer_fellow, link_in_peer);
        struct sv_peer_link *link = NULL;
        HASH_FIND(hh, peer->links, &fellow->linked, sizeof(fellow->linked), link);
        if (link == NULL || n == SV_PEER_LINK_STATS_MAX)
            continue;
        struct sv_peer_link_stats *stats = &ret_stats[n++];
        snprintf(stats->id, sizeof(stats->id), "%s", fellow->id);
        pthread_mutex_lock(&link->lock);
        stats->queued_events = link->n;
        stats->queued_bytes = link->n_bytes;
        pthread_mutex_unlock(&link->lock);
    }
    pthread_mutex_unlock(&peer->lock);
    return n;
}
