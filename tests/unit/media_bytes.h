/* SPDX-License-Identifier: MIT */
/* Bytes by hand, for the tests of lib/media: numbers, AMF0, chunks. */
#ifndef MEDIA_BYTES_H
#define MEDIA_BYTES_H

#include <check.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct bytes {
    uint8_t *data;
    size_t len, size;
};

static inline void put(struct bytes *b, const void *data, size_t len)
{
    if (b->len + len > b->size) {
        b->size = 2 * (b->len + len);
        b->data = realloc(b->data, b->size);
        ck_assert_ptr_nonnull(b->data);
    }
    if (len > 0)
        memcpy(b->data + b->len, data, len);
    b->len += len;
}

static inline void clear(struct bytes *b)
{
    free(b->data);
    *b = (struct bytes){ 0 };
}

/* Big-endian. */
static inline void put_number(struct bytes *b, uint64_t number, int n_bytes)
{
    for (int i = n_bytes - 1; i >= 0; i--) {
        uint8_t byte = (uint8_t)(number >> (8 * i));
        put(b, &byte, 1);
    }
}

static inline void put_byte(struct bytes *b, unsigned byte)
{
    put_number(b, byte, 1);
}

static inline void put_zeros(struct bytes *b, size_t n)
{
    while (n-- > 0)
        put_byte(b, 0);
}

/* ---- AMF0 ---- */

static inline void put_amf_name(struct bytes *b, const char *name)
{
    put_number(b, strlen(name), 2);
    put(b, name, strlen(name));
}

static inline void put_amf_text(struct bytes *b, const char *text)
{
    put_byte(b, 2);
    put_amf_name(b, text);
}

static inline void put_amf_number(struct bytes *b, double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof(bits));
    put_byte(b, 0);
    put_number(b, bits, 8);
}

static inline void put_amf_null(struct bytes *b)
{
    put_byte(b, 5);
}

static inline void put_amf_object(struct bytes *b)
{
    put_byte(b, 3);
}

static inline void put_amf_end(struct bytes *b)
{
    put_number(b, 9, 3);
}

/* "onMetaData" and an object with one number. */
static inline void put_metadata(struct bytes *b, double width)
{
    put_amf_text(b, "onMetaData");
    put_amf_object(b);
    put_amf_name(b, "width");
    put_amf_number(b, width);
    put_amf_end(b);
}

/* ---- chunks ---- */

/* A head of type 0, in the short form of chunk stream 2 to 63. */
static inline void put_chunk_head(struct bytes *b, unsigned chunk_stream, uint32_t timestamp,
    size_t len, unsigned type, uint32_t stream_id)
{
    put_byte(b, chunk_stream);
    put_number(b, timestamp < 0xffffff ? timestamp : 0xffffff, 3);
    put_number(b, len, 3);
    put_byte(b, type);
    for (int i = 0; i < 4; i++)
        put_byte(b, stream_id >> (8 * i) & 255);
    if (timestamp >= 0xffffff)
        put_number(b, timestamp, 4);
}

/* A message, cut into chunks of so many bytes. */
static inline void put_message(struct bytes *b, unsigned chunk_stream, uint32_t timestamp,
    unsigned type, const void *data, size_t len, size_t chunk_bytes)
{
    put_chunk_head(b, chunk_stream, timestamp, len, type, 1);
    for (size_t at = 0; at < len || at == 0; at += chunk_bytes) {
        if (at > 0) {
            put_byte(b, 3 << 6 | chunk_stream);
            if (timestamp >= 0xffffff)
                put_number(b, timestamp, 4);
        }
        put(b, (const uint8_t *)data + at, len - at < chunk_bytes ? len - at : chunk_bytes);
        if (len == 0)
            break;
    }
}

static inline void put_command(struct bytes *b, const struct bytes *command)
{
    put_message(b, 3, 0, 20, command->data, command->len, 128);
}

#endif
