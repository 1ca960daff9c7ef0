/* SPDX-License-Identifier: MIT */
/*
 * Bytes that grow as they come, never by what a peer says that will come. An empty buffer is all
 * zeros.
 */
#ifndef SV_MEDIA_BUFFER_H
#define SV_MEDIA_BUFFER_H

#include <stddef.h>
#include <stdint.h>

struct sv_buffer {
    uint8_t *data;
    size_t len;
    /* Allocated: at most twice what it has held, and at most the `max_bytes` it was given. */
    size_t size;
};

void sv_buffer_fini(struct sv_buffer *buffer);
/*
 * Adds `len` bytes, up to max_bytes in all.
 * Errors: TOO_LARGE, NO_MEMORY; then nothing has changed.
 */
int sv_buffer_append(struct sv_buffer *buffer, const void *data, size_t len, size_t max_bytes);
/* Drops the first `len` bytes. An empty buffer keeps a little memory only. */
void sv_buffer_consume(struct sv_buffer *buffer, size_t len);

#endif
