/* SPDX-License-Identifier: MIT */
#include "rpc/peers.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <synctv/error.h>

#include "base/hash.h"

/* Connections of one network. */
struct network {
    UT_hash_handle hh;
    unsigned n_connections;
    char name[SV_ADDRESS_SIZE];
};

/* One connection: an address and a port. */
struct sv_peer {
    UT_hash_handle hh;
    struct network *network;
    unsigned n_streams;
    char name[];
};

struct sv_peers {
    pthread_mutex_t lock;
    unsigned max_connections;
    struct sv_peer *peers;
    struct network *networks;
};

/* Copies [s, end) without the %5B and %5D around an IPv6 address. */
static void copy_address(const char *s, const char *end, char out[SV_ADDRESS_SIZE])
{
    size_t n = 0;
    while (s < end && n + 1 < SV_ADDRESS_SIZE) {
        if (*s == '[' || *s == ']') {
            s++;
        } else if (end - s >= 3 &&
            (strncasecmp(s, "%5B", 3) == 0 || strncasecmp(s, "%5D", 3) == 0)) {
            s += 3;
        } else {
            out[n++] = *s++;
        }
    }
    out[n] = '\0';
}

void sv_peer_address(const char *peer, char out[SV_ADDRESS_SIZE])
{
    const char *address = strchr(peer, ':');
    const char *port = strrchr(peer, ':');
    out[0] = '\0';
    if (strncmp(peer, "unix", 4) == 0)
        snprintf(out, SV_ADDRESS_SIZE, "unix");
    else if (address != NULL && (strncmp(peer, "ipv4:", 5) == 0 || strncmp(peer, "ipv6:", 5) == 0))
        copy_address(address + 1, port > address ? port : peer + strlen(peer), out);
}

/* An IPv6 host owns at least a /64, so that is what counts. */
static void network_of(const char *peer, char out[SV_ADDRESS_SIZE])
{
    struct in6_addr addr;
    sv_peer_address(peer, out);
    if (inet_pton(AF_INET6, out, &addr) != 1 || IN6_IS_ADDR_V4MAPPED(&addr))
        return;
    memset(&addr.s6_addr[8], 0, 8);
    inet_ntop(AF_INET6, &addr, out, SV_ADDRESS_SIZE);
}

struct sv_peers *sv_peers_new(unsigned max_connections)
{
    struct sv_peers *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return NULL;
    p->max_connections = max_connections;
    pthread_mutex_init(&p->lock, NULL);
    return p;
}

void sv_peers_free(struct sv_peers *p)
{
    if (p == NULL)
        return;
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static void leave_network(struct sv_peers *p, struct network *network)
{
    if (--network->n_connections == 0) {
        HASH_DEL(p->networks, network);
        free(network);
    }
}

static int add_peer(struct sv_peers *p, const char *name, struct sv_peer **ret_peer)
{
    int rv = SYNCTV_E_NO_MEMORY;
    size_t len = strlen(name);
    struct network *network = NULL, *fresh = calloc(1, sizeof(*fresh));
    struct sv_peer *peer = calloc(1, sizeof(*peer) + len + 1);
    if (fresh == NULL || peer == NULL)
        goto out;
    network_of(name, fresh->name);
    HASH_FIND_STR(p->networks, fresh->name, network);
    if (network == NULL) {
        network = fresh;
        HASH_ADD_STR(p->networks, name, network);
        if (network->hh.tbl == NULL)
            goto out;
        fresh = NULL; /* moved to the table */
    }
    rv = SYNCTV_E_STREAM_LIMIT;
    if (network->n_connections >= p->max_connections)
        goto out;
    network->n_connections++;
    peer->network = network;
    memcpy(peer->name, name, len);
    HASH_ADD_STR(p->peers, name, peer);
    if (peer->hh.tbl == NULL) {
        leave_network(p, network);
        rv = SYNCTV_E_NO_MEMORY;
        goto out;
    }
    *ret_peer = peer;
    peer = NULL;
    rv = 0;
out:
    free(fresh);
    free(peer);
    return rv;
}

int sv_peers_enter(struct sv_peers *p, const char *name, struct sv_peer **ret_peer)
{
    *ret_peer = NULL;
    if (p->max_connections == 0)
        return 0;
    int rv = 0;
    struct sv_peer *peer = NULL;
    pthread_mutex_lock(&p->lock);
    HASH_FIND_STR(p->peers, name, peer);
    if (peer == NULL)
        rv = add_peer(p, name, &peer);
    if (rv == 0) {
        peer->n_streams++;
        *ret_peer = peer;
    }
    pthread_mutex_unlock(&p->lock);
    return rv;
}

void sv_peers_leave(struct sv_peers *p, struct sv_peer *peer)
{
    if (peer == NULL)
        return;
    pthread_mutex_lock(&p->lock);
    if (--peer->n_streams == 0) {
        struct network *network = peer->network;
        HASH_DEL(p->peers, peer);
        free(peer);
        leave_network(p, network);
    }
    pthread_mutex_unlock(&p->lock);
}
