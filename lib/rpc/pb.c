/* SPDX-License-Identifier: MIT */
#include "rpc/pb.h"

#include <stdlib.h>
#include <string.h>

struct sv_rpc_pb_in sv_rpc_pb_in(const void *data, size_t len)
{
    static const uint8_t nothing[1];
    const uint8_t *p = len > 0 ? data : nothing;
    return (struct sv_rpc_pb_in){ p, p + len };
}

static bool get_varint(struct sv_rpc_pb_in *in, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && in->pos < in->end; shift += 7) {
        uint8_t byte = *in->pos++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

static bool get_fixed(struct sv_rpc_pb_in *in, unsigned size, uint64_t *ret_value)
{
    if ((size_t)(in->end - in->pos) < size)
        return false;
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)in->pos[i] << (8 * i);
    in->pos += size;
    *ret_value = value;
    return true;
}

static bool get_bytes(struct sv_rpc_pb_in *in, struct sv_rpc_pb_field *f)
{
    uint64_t len;
    if (!get_varint(in, &len) || len > (uint64_t)(in->end - in->pos))
        return false;
    f->data = in->pos;
    f->len = (size_t)len;
    in->pos += len;
    return true;
}

int sv_rpc_pb_next(struct sv_rpc_pb_in *in, struct sv_rpc_pb_field *ret_field)
{
    if (in->pos == in->end)
        return 0;
    uint64_t tag;
    if (!get_varint(in, &tag) || tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
        return -1;
    struct sv_rpc_pb_field f = { .number = (uint32_t)(tag >> 3) };
    bool ok = false;
    switch (tag & 7) {
    case SV_RPC_PB_VARINT:
        f.type = SV_RPC_PB_VARINT;
        ok = get_varint(in, &f.value);
        break;
    case SV_RPC_PB_FIXED64:
        f.type = SV_RPC_PB_FIXED64;
        ok = get_fixed(in, 8, &f.value);
        break;
    case SV_RPC_PB_BYTES:
        f.type = SV_RPC_PB_BYTES;
        ok = get_bytes(in, &f);
        break;
    case SV_RPC_PB_FIXED32:
        f.type = SV_RPC_PB_FIXED32;
        ok = get_fixed(in, 4, &f.value);
        break;
    }
    if (!ok)
        return -1;
    *ret_field = f;
    return 1;
}

bool sv_rpc_pb_is(const struct sv_rpc_pb_field *f, const char *s)
{
    return f->type == SV_RPC_PB_BYTES && f->len == strlen(s) && memcmp(f->data, s, f->len) == 0;
}

static uint8_t *grow(struct sv_rpc_pb_out *out, size_t more)
{
    if (out->failed)
        return NULL;
    if (more > out->size - out->len) {
        size_t size = out->size > 0 ? out->size : 128;
        while (size - out->len < more)
            size *= 2;
        uint8_t *data = realloc(out->data, size);
        if (data == NULL) {
            out->failed = true;
            return NULL;
        }
        out->data = data;
        out->size = size;
    }
    return out->data + out->len;
}

static void put_raw_varint(struct sv_rpc_pb_out *out, uint64_t value)
{
    uint8_t *p = grow(out, 10);
    if (p == NULL)
        return;
    for (; value >= 0x80; value >>= 7)
        *p++ = (uint8_t)(value | 0x80);
    *p++ = (uint8_t)value;
    out->len = (size_t)(p - out->data);
}

void sv_rpc_pb_put_varint(struct sv_rpc_pb_out *out, uint32_t number, uint64_t value)
{
    put_raw_varint(out, (uint64_t)number << 3 | SV_RPC_PB_VARINT);
    put_raw_varint(out, value);
}

void sv_rpc_pb_put_bytes(struct sv_rpc_pb_out *out, uint32_t number, const void *data, size_t len)
{
    put_raw_varint(out, (uint64_t)number << 3 | SV_RPC_PB_BYTES);
    put_raw_varint(out, len);
    uint8_t *p = grow(out, len);
    if (p == NULL || len == 0)
        return;
    memcpy(p, data, len);
    out->len += len;
}

void sv_rpc_pb_put_string(struct sv_rpc_pb_out *out, uint32_t number, const char *s)
{
    if (s != NULL && s[0] != '\0')
        sv_rpc_pb_put_bytes(out, number, s, strlen(s));
}

void sv_rpc_pb_put_message(struct sv_rpc_pb_out *out, uint32_t number, struct sv_rpc_pb_out *inner)
{
    sv_rpc_pb_put_bytes(out, number, inner->data, inner->len);
    out->failed = out->failed || inner->failed;
    sv_rpc_pb_out_free(inner);
}

void sv_rpc_pb_out_free(struct sv_rpc_pb_out *out)
{
    free(out->data);
    *out = (struct sv_rpc_pb_out){ 0 };
}
