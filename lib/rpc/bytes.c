/* SPDX-License-Identifier: MIT */
#include "rpc/bytes.h"

#include <stdlib.h>

#include <grpc/byte_buffer_reader.h>

#include "base/error.h"
#include "rpc/gzip.h"

void *sv_rpc_bytes_alloc(void *bytes, size_t len)
{
    struct sv_rpc_bytes *b = bytes;
    *b = sv_rpc_bytes_new(len);
    return sv_rpc_bytes_data(b);
}

grpc_byte_buffer *sv_rpc_bytes_buffer(struct sv_rpc_bytes b)
{
    return b.is_gzip ? grpc_raw_compressed_byte_buffer_create(&b.slice, 1, GRPC_COMPRESS_GZIP)
                     : grpc_raw_byte_buffer_create(&b.slice, 1);
}

/* As it was sent. A reader of the core would inflate it, to any size. */
static bool flatten(grpc_byte_buffer *buffer, grpc_slice *ret_slice)
{
    const grpc_slice_buffer *slices = &buffer->data.raw.slice_buffer;
    if (slices->count == 1) {
        *ret_slice = grpc_slice_ref(slices->slices[0]);
        return true;
    }
    grpc_byte_buffer_reader reader;
    if (!grpc_byte_buffer_reader_init(&reader, buffer))
        return false;
    *ret_slice = grpc_byte_buffer_reader_readall(&reader);
    grpc_byte_buffer_reader_destroy(&reader);
    return true;
}

bool sv_rpc_payload_flatten(grpc_byte_buffer *buffer, grpc_slice *ret_slice)
{
    return buffer->data.raw.compression == GRPC_COMPRESS_NONE && flatten(buffer, ret_slice);
}

int sv_rpc_payload_inflate(grpc_byte_buffer *buffer, size_t gzip_max, grpc_slice *ret_slice,
    synctv_error *err)
{
    if (buffer->data.raw.compression == GRPC_COMPRESS_NONE)
        return flatten(buffer, ret_slice) ? 0 : sv_error(err, SYNCTV_E_INTERNAL);
    if (buffer->data.raw.compression != GRPC_COMPRESS_GZIP || gzip_max == 0)
        return sv_errorf(err, SYNCTV_E_UNIMPLEMENTED, "compressed messages are not accepted");
    grpc_slice packed;
    buffer->data.raw.compression = GRPC_COMPRESS_NONE;
    if (!flatten(buffer, &packed))
        return sv_error(err, SYNCTV_E_INTERNAL);
    void *data;
    size_t len;
    int rv = sv_rpc_gunzip(GRPC_SLICE_START_PTR(packed), GRPC_SLICE_LENGTH(packed), gzip_max, &data,
        &len);
    grpc_slice_unref(packed);
    if (rv == SYNCTV_E_TOO_LARGE)
        return sv_errorf(err, rv, "a compressed message has more than %zu bytes", gzip_max);
    if (rv < 0)
        return sv_errorf(err, rv, "a compressed message cannot be inflated");
    *ret_slice = grpc_slice_new(data, len, free);
    return 0;
}
