/* SPDX-License-Identifier: MIT */
/*
 * Bytes that are shared and never change: one packet is sent to many viewers and copied for none.
 * Counted; any thread may take and give back references.
 */
#ifndef CONN_BUF_H
#define CONN_BUF_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct conn_buf {
    atomic_uint refs;
    const uint8_t *data;
    size_t len;
    /* Gives back what `data` belongs to; NULL = the bytes lie behind this structure. */
    void (*release)(void *owner);
    void *owner;
};

/* With one reference and a copy of the bytes. NULL when out of memory. */
struct conn_buf *conn_buf_copy(const void *data, size_t len);
/* The same with bytes that the caller fills in before anybody else has it. */
struct conn_buf *conn_buf_new(size_t len, uint8_t **ret_data);
/*
 * With one reference to bytes of somebody else. `release` runs once, when the last reference goes,
 * on the thread that gives it back. NULL when out of memory; then `release` does not run.
 */
struct conn_buf *conn_buf_wrap(const void *data, size_t len, void (*release)(void *owner),
    void *owner);

struct conn_buf *conn_buf_ref(struct conn_buf *buf);
/* NULL is fine. */
void conn_buf_unref(struct conn_buf *buf);

#endif
