/* SPDX-License-Identifier: MIT */
#include "media/buffer.h"

#include <stdlib.h>
#include <string.h>

#include <synctv/error.h>

#define FIRST_BYTES 512
#define KEPT_BYTES 4096

void sv_buffer_fini(struct sv_buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct sv_buffer){ 0 };
}

static size_t larger_of(size_t a, size_t b)
{
    return a > b ? a : b;
}

int sv_buffer_append(struct sv_buffer *buffer, const void *data, size_t len, size_t max_bytes)
{
    if (len == 0)
        return 0;
    if (buffer->len > max_bytes || len > max_bytes - buffer->len)
        return SYNCTV_E_TOO_LARGE;
    size_t wanted = buffer->len + len;
    if (wanted > buffer->size) {
        size_t size = larger_of(larger_of(buffer->size * 2, FIRST_BYTES), wanted);
        if (size > max_bytes)
            size = max_bytes;
        uint8_t *moved = realloc(buffer->data, size);
        if (moved == NULL)
            return SYNCTV_E_NO_MEMORY;
        buffer->data = moved;
        buffer->size = size;
    }
    memcpy(buffer->data + buffer->len, data, len);
    buffer->len = wanted;
    return 0;
}

void sv_buffer_consume(struct sv_buffer *buffer, size_t len)
{
    buffer->len -= len;
    if (buffer->len > 0)
        memmove(buffer->data, buffer->data + len, buffer->len);
    else if (buffer->size > KEPT_BYTES)
        sv_buffer_fini(buffer);
}
