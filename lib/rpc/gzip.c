/* SPDX-License-Identifier: MIT */
#include "rpc/gzip.h"

#include <stdlib.h>

#include <zlib.h>

/* The largest window, and gzip's head and tail around the data. */
#define GZIP_WINDOW (15 + 16)
#define MEM_LEVEL 8
/* As much as a message usually shrinks. */
#define FIRST_FACTOR 4
#define FIRST_MIN 4096

struct sv_rpc_bytes sv_rpc_gzip(struct sv_rpc_bytes bytes)
{
    z_stream z = { 0 };
    if (deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW, MEM_LEVEL, Z_DEFAULT_STRATEGY) !=
        Z_OK)
        return bytes;
    size_t len = sv_rpc_bytes_len(&bytes);
    struct sv_rpc_bytes out = sv_rpc_bytes_new(len);
    z.next_in = sv_rpc_bytes_data(&bytes);
    z.avail_in = (uInt)len;
    z.next_out = sv_rpc_bytes_data(&out);
    z.avail_out = (uInt)len;
    bool smaller = deflate(&z, Z_FINISH) == Z_STREAM_END;
    deflateEnd(&z);
    if (!smaller) {
        sv_rpc_bytes_unref(out);
        return bytes;
    }
    struct sv_rpc_bytes packed = {
        .slice = grpc_slice_sub(out.slice, 0, len - z.avail_out),
        .is_gzip = true,
    };
    sv_rpc_bytes_unref(out);
    sv_rpc_bytes_unref(bytes);
    return packed;
}

/* Makes room for more behind `len` bytes. */
static int grow(unsigned char **data, size_t *size, size_t max)
{
    size_t larger = *size > max / 2 ? max : *size * 2;
    if (larger == 0 || larger == *size)
        return SYNCTV_E_TOO_LARGE;
    unsigned char *moved = realloc(*data, larger);
    if (moved == NULL)
        return SYNCTV_E_NO_MEMORY;
    *data = moved;
    *size = larger;
    return 0;
}

/* One byte more than `max` has room, so that what is too large is seen. */
static int inflate_all(z_stream *z, unsigned char **data, size_t size, size_t max, size_t *ret_len)
{
    size_t len = 0;
    for (;;) {
        z->next_out = *data + len;
        z->avail_out = (uInt)(size - len);
        int rc = inflate(z, Z_NO_FLUSH);
        len = size - z->avail_out;
        if (len > max)
            return SYNCTV_E_TOO_LARGE;
        if (rc == Z_STREAM_END) {
            *ret_len = len;
            return z->avail_in == 0 ? 0 : SYNCTV_E_INVALID_ARGUMENT;
        }
        if (rc == Z_MEM_ERROR)
            return SYNCTV_E_NO_MEMORY;
        if (rc != Z_OK || z->avail_out > 0)
            return SYNCTV_E_INVALID_ARGUMENT;
        int rv = grow(data, &size, max + 1);
        if (rv < 0)
            return rv;
    }
}

int sv_rpc_gunzip(const void *data, size_t len, size_t max, void **ret_data, size_t *ret_len)
{
    z_stream z = { .next_in = (unsigned char *)data, .avail_in = (uInt)len };
    if (len > UINT32_MAX || inflateInit2(&z, GZIP_WINDOW) != Z_OK)
        return SYNCTV_E_NO_MEMORY;
    size_t size = len > max / FIRST_FACTOR ? max + 1 : len * FIRST_FACTOR;
    if (size < FIRST_MIN)
        size = FIRST_MIN < max ? FIRST_MIN : max + 1;
    unsigned char *out = malloc(size);
    int rv = out == NULL ? SYNCTV_E_NO_MEMORY : inflate_all(&z, &out, size, max, ret_len);
    inflateEnd(&z);
    if (rv < 0)
        free(out);
    else
        *ret_data = out;
    return rv;
}
