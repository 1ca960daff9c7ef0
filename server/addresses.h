/* SPDX-License-Identifier: MIT */
/*
 * Counts the connections of each address. An IPv6 host owns at least a /64, so a /64 counts as one
 * address. Thread-safe.
 */
#ifndef SERVER_ADDRESSES_H
#define SERVER_ADDRESSES_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define ADDRESSES_BUCKETS 4096

struct address;

/* All zero but ADDRESSES_INIT at first. */
struct addresses {
    /* Of all below. */
    pthread_mutex_t lock;
    struct address *buckets[ADDRESSES_BUCKETS];
    /* Nobody can choose addresses that share a bucket. */
    uint64_t seed;
};

#define ADDRESSES_INIT                                                                             \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER                                                          \
    }

/*
 * Counts a connection of the peer at `addr`; false if there are `max` already.
 *
 * @ret_address  for addresses_leave(); NULL for a peer without an address (a Unix socket), and
 * without memory to count.
 */
bool addresses_enter(struct addresses *all, const struct sockaddr *addr, unsigned max,
    struct address **ret_address);
/* The connection has ended. NULL is fine. */
void addresses_leave(struct addresses *all, struct address *address);

#endif
