/* SPDX-License-Identifier: MIT */
#include "queue.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 8

static bool grow(struct conn_queue *queue)
{
    unsigned capacity = queue->capacity == 0 ? FIRST_CAPACITY : 2 * queue->capacity;
    struct conn_buf **bufs = malloc(capacity * sizeof(struct conn_buf *));
    if (bufs == NULL)
        return false;
    for (unsigned i = 0; i < queue->n; i++)
        bufs[i] = queue->bufs[(queue->first + i) % queue->capacity];
    free(queue->bufs);
    queue->bufs = bufs;
    queue->first = 0;
    queue->capacity = capacity;
    return true;
}

bool conn_queue_push(struct conn_queue *queue, struct conn_buf *buf)
{
    if (buf->len == 0) {
        conn_buf_unref(buf);
        return true;
    }
    if (queue->n == queue->capacity && !grow(queue))
        return false;
    queue->bufs[(queue->first + queue->n++) % queue->capacity] = buf;
    queue->n_bytes += buf->len;
    return true;
}

int conn_queue_peek(const struct conn_queue *queue, struct iovec *ret_pieces, int max)
{
    int n = 0;
    for (; n < max && (unsigned)n < queue->n; n++) {
        const struct conn_buf *buf = queue->bufs[(queue->first + (unsigned)n) % queue->capacity];
        size_t sent = n == 0 ? queue->first_sent : 0;
        /* iovec has no const; nobody writes there. */
        ret_pieces[n] = (struct iovec){ (void *)(buf->data + sent), buf->len - sent };
    }
    return n;
}

void conn_queue_sent(struct conn_queue *queue, size_t n)
{
    queue->n_bytes -= n;
    queue->first_sent += n;
    while (queue->n > 0 && queue->first_sent >= queue->bufs[queue->first]->len) {
        queue->first_sent -= queue->bufs[queue->first]->len;
        conn_buf_unref(queue->bufs[queue->first]);
        queue->first = (queue->first + 1) % queue->capacity;
        queue->n--;
    }
}

void conn_queue_fini(struct conn_queue *queue)
{
    for (; queue->n > 0; queue->n--) {
        conn_buf_unref(queue->bufs[queue->first]);
        queue->first = (queue->first + 1) % queue->capacity;
    }
    free(queue->bufs);
    memset(queue, 0, sizeof(*queue));
}
