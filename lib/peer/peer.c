/* SPDX-License-Identifier: MIT */
#include "peer/peer.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/secret.h"
#include "base/text.h"
#include "node/links/links.h"
#include "peer/link.h"

static bool copy(char **ret_copy, const char *text)
{
    *ret_copy = text == NULL ? NULL : strdup(text);
    return text == NULL || *ret_copy != NULL;
}

int sv_peer_new(const struct sv_peer_options *o, struct sv_peer **ret_peer, synctv_error *err)
{
    struct sv_peer *peer = calloc(1, sizeof(*peer));
    if (peer == NULL)
        return sv_error(err, SYNCTV_E_NO_MEMORY);
    peer->node = o->node;
    peer->log = o->log;
    peer->tls = o->tls;
    sv_list_init(&peer->fellows);
    atomic_init(&peer->n_observers, 0);
    pthread_mutex_init(&peer->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&peer->changed, &attr);
    pthread_condattr_destroy(&attr);
    sv_peer_usage_init(&peer->usage);
    sv_peer_add_cluster_methods(peer, &peer->methods[0]);
    sv_peer_add_data_methods(peer, &peer->methods[4]);
    int rv = 0;
    if (!copy(&peer->root_ca, o->root_ca) || !copy(&peer->cert, o->cert) ||
        !copy(&peer->key, o->key))
        rv = sv_error(err, SYNCTV_E_NO_MEMORY);
    if (rv == 0 && !sv_str_empty(o->secret_file))
        rv = sv_peer_keys_read(&peer->keys, o->secret_file, err);
    if (rv < 0) {
        sv_peer_free(peer);
        return rv;
    }
    *ret_peer = peer;
    return 0;
}

const struct sv_rpc_method *sv_peer_methods(const struct sv_peer *peer, size_t *ret_n_methods)
{
    *ret_n_methods = SV_PEER_METHODS;
    return peer->methods;
}

int sv_peer_start(struct sv_peer *peer, struct sv_rpc_server *server, synctv_error *err)
{
    return peer->keys.n == 0 ? 0 : sv_peer_dial_start(peer, server, err);
}

void sv_peer_close(struct sv_peer *peer)
{
    if (peer->has_thread)
        sv_links_set_ops(peer->node, NULL, NULL);
    pthread_mutex_lock(&peer->lock);
    peer->closing = true;
    sv_peer_stir(peer);
    pthread_mutex_unlock(&peer->lock);
    if (peer->has_thread)
        pthread_join(peer->thread, NULL);
    peer->has_thread = false;
}

void sv_peer_free(struct sv_peer *peer)
{
    if (peer == NULL)
        return;
    sv_peer_close(peer);
    SV_LIST_FOREACH(it, &peer->fellows)
        sv_peer_drop(SV_CONTAINER_OF(it, struct sv_peer_fellow, link_in_peer));
    sv_peer_keys_fini(&peer->keys);
    if (peer->key != NULL)
        sv_secret_wipe(peer->key, strlen(peer->key));
    free(peer->root_ca);
    free(peer->cert);
    free(peer->key);
    sv_peer_usage_fini(&peer->usage);
    pthread_cond_destroy(&peer->changed);
    pthread_mutex_destroy(&peer->lock);
    free(peer);
}
