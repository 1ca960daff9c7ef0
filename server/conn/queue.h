/* SPDX-License-Identifier: MIT */
/* What waits to be sent: references to counted buffers, in order. */
#ifndef CONN_QUEUE_H
#define CONN_QUEUE_H

#include <stdbool.h>
#include <sys/uio.h>

#include "buf.h"

struct conn_queue {
    /* A ring. */
    struct conn_buf **bufs;
    unsigned first, n, capacity;
    /* Of the first one, so many bytes are sent. */
    size_t first_sent;
    size_t n_bytes;
};

/* Takes the caller's reference if it returns true; false when out of memory. */
bool conn_queue_push(struct conn_queue *queue, struct conn_buf *buf);
/* What is next, at most `max` pieces. Returns how many. */
int conn_queue_peek(const struct conn_queue *queue, struct iovec *ret_pieces, int max);
/* So many bytes of it are sent. */
void conn_queue_sent(struct conn_queue *queue, size_t n);
/* Gives everything back. It is empty then. */
void conn_queue_fini(struct conn_queue *queue);

#endif
