/* SPDX-License-Identifier: MIT */
#include "rpc/peers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <synctv/error.h>

#include "base/address.h"
#include "base/hash.h"

/* An IPv4 address, or the /64 network of an IPv6 address. */
struct network {
    UT_hash_handle hh;
    unsigned n_peers;
    /* Those with streams. */
    unsigned n_connections;
    size_t answer_bytes;
    struct in6_addr address;
};

/* One connection. */
struct sv_rpc_peer {
    UT_hash_handle hh;
    struct network *network;
    unsigned n_streams, n_open_streams, n_answers;
    size_t answer_bytes;
    char name[];
};

struct sv_rpc_peers {
    pthread_mutex_t lock;
    unsigned max_connections;
    size_t answer_bytes;
    struct sv_rpc_peer *peers;
    struct network *networks;
    /* For peers that count for no address. Has no limits. */
    struct network nobody;
};

struct sv_rpc_peers *sv_rpc_peers_new(unsigned max_connections)
{
    struct sv_rpc_peers *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return NULL;
    p->max_connections = max_connections;
    pthread_mutex_init(&p->lock, NULL);
    return p;
}

void sv_rpc_peers_free(struct sv_rpc_peers *p)
{
    if (p == NULL)
        return;
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static void drop_network(struct sv_rpc_peers *p, struct network *network)
{
    if (network->n_peers > 0 || network == &p->nobody)
        return;
    HASH_DEL(p->networks, network);
    free(network);
}

static void drop_peer(struct sv_rpc_peers *p, struct sv_rpc_peer *peer)
{
    if (peer->n_streams > 0 || peer->n_answers > 0)
        return;
    struct network *network = peer->network;
    HASH_DEL(p->peers, peer);
    free(peer);
    network->n_peers--;
    drop_network(p, network);
}

static struct network *get_network(struct sv_rpc_peers *p, const struct in6_addr *of)
{
    if (of == NULL)
        return &p->nobody;
    struct in6_addr address = *of;
    sv_address_to_network(&address);
    struct network *network = NULL;
    HASH_FIND(hh, p->networks, &address, sizeof(address), network);
    if (network != NULL || (network = calloc(1, sizeof(*network))) == NULL)
        return network;
    network->address = address;
    HASH_ADD(hh, p->networks, address, sizeof(address), network);
    if (network->hh.tbl != NULL)
        return network;
    free(network);
    return NULL;
}

/* Finds or makes the peer. Give it to drop_peer() if it gets nothing. NULL when out of memory. */
static struct sv_rpc_peer *get_peer(struct sv_rpc_peers *p, const char *name,
    const struct in6_addr *address)
{
    struct sv_rpc_peer *peer = NULL;
    HASH_FIND_STR(p->peers, name, peer);
    if (peer != NULL)
        return peer;
    struct network *network = get_network(p, address);
    if (network == NULL)
        return NULL;
    size_t size = strlen(name) + 1;
    peer = calloc(1, sizeof(*peer) + size);
    if (peer != NULL) {
        peer->network = network;
        memcpy(peer->name, name, size);
        HASH_ADD_STR(p->peers, name, peer);
        if (peer->hh.tbl != NULL) {
            network->n_peers++;
            return peer;
        }
    }
    free(peer);
    drop_network(p, network);
    return NULL;
}

static bool is_limited(const struct sv_rpc_peers *p, const struct network *network)
{
    return p->max_connections > 0 && network != &p->nobody;
}

/* ---- streams ---- */

static int may_enter(const struct sv_rpc_peers *p, const struct sv_rpc_peer *peer,
    bool needs_no_sign_in)
{
    bool connects = peer->n_streams == 0;
    bool too_many = connects && is_limited(p, peer->network) &&
        peer->network->n_connections >= p->max_connections;
    bool too_open = needs_no_sign_in && peer->n_open_streams >= SV_RPC_PEER_OPEN_STREAMS;
    return too_many || too_open ? SYNCTV_E_STREAM_LIMIT : 0;
}

int sv_rpc_peers_add_stream(struct sv_rpc_peers *p, const char *name,
    const struct in6_addr *address, bool needs_no_sign_in, struct sv_rpc_peer **ret_peer)
{
    *ret_peer = NULL;
    pthread_mutex_lock(&p->lock);
    struct sv_rpc_peer *peer = get_peer(p, name, address);
    int rv = peer != NULL ? may_enter(p, peer, needs_no_sign_in) : SYNCTV_E_NO_MEMORY;
    if (rv == 0) {
        peer->network->n_connections += peer->n_streams == 0;
        peer->n_streams++;
        peer->n_open_streams += needs_no_sign_in;
        *ret_peer = peer;
    } else if (peer != NULL) {
        drop_peer(p, peer);
    }
    pthread_mutex_unlock(&p->lock);
    return rv;
}

void sv_rpc_peers_remove_stream(struct sv_rpc_peers *p, struct sv_rpc_peer *peer,
    bool needs_no_sign_in)
{
    if (peer == NULL)
        return;
    pthread_mutex_lock(&p->lock);
    peer->n_streams--;
    peer->n_open_streams -= needs_no_sign_in;
    peer->network->n_connections -= peer->n_streams == 0;
    drop_peer(p, peer);
    pthread_mutex_unlock(&p->lock);
}

/* ---- answers ---- */

static bool fits(size_t bytes, size_t more, size_t max)
{
    return bytes == 0 || (bytes <= max && more <= max - bytes);
}

int sv_rpc_peers_begin_answer(struct sv_rpc_peers *p, const char *name,
    const struct in6_addr *address, size_t bytes, struct sv_rpc_peer **ret_peer)
{
    int rv = SYNCTV_E_NO_MEMORY;
    pthread_mutex_lock(&p->lock);
    struct sv_rpc_peer *peer = get_peer(p, name, address);
    if (peer != NULL)
        rv = fits(peer->answer_bytes, bytes, SV_RPC_PEER_ANSWER_BYTES) &&
                (!is_limited(p, peer->network) ||
                    fits(peer->network->answer_bytes, bytes, SV_RPC_NETWORK_ANSWER_BYTES)) &&
                fits(p->answer_bytes, bytes, SV_RPC_ALL_ANSWER_BYTES)
            ? 0
            : SYNCTV_E_OVERLOADED;
    if (rv == 0) {
        peer->n_answers++;
        peer->answer_bytes += bytes;
        peer->network->answer_bytes += bytes;
        p->answer_bytes += bytes;
        *ret_peer = peer;
    } else if (peer != NULL) {
        drop_peer(p, peer);
    }
    pthread_mutex_unlock(&p->lock);
    return rv;
}

void sv_rpc_peers_end_answer(struct sv_rpc_peers *p, struct sv_rpc_peer *peer, size_t bytes)
{
    pthread_mutex_lock(&p->lock);
    peer->n_answers--;
    peer->answer_bytes -= bytes;
    peer->network->answer_bytes -= bytes;
    p->answer_bytes -= bytes;
    drop_peer(p, peer);
    pthread_mutex_unlock(&p->lock);
}
