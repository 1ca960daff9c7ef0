/* SPDX-License-Identifier: MIT */
#include "buf.h"

#include <stdlib.h>
#include <string.h>

struct conn_buf *conn_buf_new(size_t len, uint8_t **ret_data)
{
    if (len > SIZE_MAX - sizeof(struct conn_buf))
        return NULL;
    struct conn_buf *buf = malloc(sizeof(*buf) + len);
    if (buf == NULL)
        return NULL;
    *ret_data = (uint8_t *)(buf + 1);
    *buf = (struct conn_buf){ .data = *ret_data, .len = len };
    atomic_init(&buf->refs, 1);
    return buf;
}

struct conn_buf *conn_buf_copy(const void *data, size_t len)
{
    uint8_t *to;
    struct conn_buf *buf = conn_buf_new(len, &to);
    if (buf != NULL && len > 0)
        memcpy(to, data, len);
    return buf;
}

struct conn_buf *conn_buf_wrap(const void *data, size_t len, void (*release)(void *owner),
    void *owner)
{
    struct conn_buf *buf = malloc(sizeof(*buf));
    if (buf == NULL)
        return NULL;
    *buf = (struct conn_buf){ .data = data, .len = len, .release = release, .owner = owner };
    atomic_init(&buf->refs, 1);
    return buf;
}

struct conn_buf *conn_buf_ref(struct conn_buf *buf)
{
    atomic_fetch_add_explicit(&buf->refs, 1, memory_order_relaxed);
    return buf;
}

void conn_buf_unref(struct conn_buf *buf)
{
    if (buf == NULL || atomic_fetch_sub_explicit(&buf->refs, 1, memory_order_acq_rel) > 1)
        return;
    if (buf->release != NULL)
        buf->release(buf->owner);
    free(buf);
}
