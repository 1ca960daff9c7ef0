/* SPDX-License-Identifier: MIT */
#include "addresses.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* The network that counts as one address: IPv4 mapped into IPv6, or the /64. */
struct network {
    uint64_t high, low;
};

struct address {
    struct address *next;
    struct network network;
    unsigned n_connections;
};

static bool network_of(const struct sockaddr *addr, struct network *ret)
{
    struct in6_addr v6 = { .s6_addr = { [10] = 0xff, [11] = 0xff } };
    if (addr->sa_family == AF_INET) {
        memcpy(&v6.s6_addr[12], &((const struct sockaddr_in *)addr)->sin_addr, 4);
    } else if (addr->sa_family == AF_INET6) {
        v6 = ((const struct sockaddr_in6 *)addr)->sin6_addr;
        if (!IN6_IS_ADDR_V4MAPPED(&v6))
            memset(&v6.s6_addr[8], 0, 8);
    } else {
        return false;
    }
    memcpy(ret, &v6, sizeof(*ret));
    return true;
}

/* splitmix64 */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

static struct address **bucket_of(struct addresses *all, const struct network *network)
{
    if (all->seed == 0 && getrandom(&all->seed, sizeof(all->seed), GRND_NONBLOCK) < 0)
        all->seed = 1;
    uint64_t hash = mix(mix(network->high ^ all->seed) ^ network->low);
    return &all->buckets[hash % ADDRESSES_BUCKETS];
}

/* Locked. NULL without memory. */
static struct address *find_or_add(struct addresses *all, const struct network *network)
{
    struct address **bucket = bucket_of(all, network), *address = *bucket;
    while (address != NULL &&
        (address->network.high != network->high || address->network.low != network->low))
        address = address->next;
    if (address == NULL && (address = malloc(sizeof(*address))) != NULL) {
        *address = (struct address){ .next = *bucket, .network = *network };
        *bucket = address;
    }
    return address;
}

bool addresses_enter(struct addresses *all, const struct sockaddr *addr, unsigned max,
    struct address **ret_address)
{
    struct network network;
    bool enters = true;
    *ret_address = NULL;
    if (!network_of(addr, &network))
        return true;
    pthread_mutex_lock(&all->lock);
    struct address *address = find_or_add(all, &network);
    if (address != NULL && address->n_connections >= max) {
        enters = false;
    } else if (address != NULL) {
        address->n_connections++;
        *ret_address = address;
    }
    pthread_mutex_unlock(&all->lock);
    return enters;
}

void addresses_leave(struct addresses *all, struct address *address)
{
    if (address == NULL)
        return;
    pthread_mutex_lock(&all->lock);
    if (--address->n_connections == 0) {
        struct address **link = bucket_of(all, &address->network);
        while (*link != address)
            link = &(*link)->next;
        *link = address->next;
        free(address);
    }
    pthread_mutex_unlock(&all->lock);
}
