/* SPDX-License-Identifier: MIT */
/*
 * Reads and writes protobuf's wire format, for the few messages that belong to gRPC itself: status
 * details, health, reflection, descriptors.
 */
#ifndef SV_RPC_PB_H
#define SV_RPC_PB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reading: a cursor over bytes that it does not own. Hostile input is fine. */
struct sv_rpc_pb_in {
    const uint8_t *pos, *end;
};

struct sv_rpc_pb_field {
    uint32_t number;
    enum {
        SV_RPC_PB_VARINT = 0,
        SV_RPC_PB_FIXED64 = 1,
        SV_RPC_PB_BYTES = 2,
        SV_RPC_PB_FIXED32 = 5
    } type;
    /* VARINT, FIXED */
    uint64_t value;
    /* BYTES: inside the input, never NULL. */
    const uint8_t *data;
    size_t len;
};

struct sv_rpc_pb_in sv_rpc_pb_in(const void *data, size_t len);
/* 1 with *ret_field, 0 at the end, -1 if the rest is malformed. */
int sv_rpc_pb_next(struct sv_rpc_pb_in *in, struct sv_rpc_pb_field *ret_field);
/* Whether the field is a string equal to s. */
bool sv_rpc_pb_is(const struct sv_rpc_pb_field *f, const char *s);

/* Writing: a buffer that grows. Zero it first. Without memory `failed` is set and stays so. */
struct sv_rpc_pb_out {
    uint8_t *data;
    size_t len, size;
    bool failed;
};

void sv_rpc_pb_put_varint(struct sv_rpc_pb_out *out, uint32_t number, uint64_t value);
void sv_rpc_pb_put_bytes(struct sv_rpc_pb_out *out, uint32_t number, const void *data, size_t len);
/* NULL and "" are left out, as proto3 does. */
void sv_rpc_pb_put_string(struct sv_rpc_pb_out *out, uint32_t number, const char *s);
/* Appends `inner` as a message and frees it. */
void sv_rpc_pb_put_message(struct sv_rpc_pb_out *out, uint32_t number, struct sv_rpc_pb_out *inner);
void sv_rpc_pb_out_free(struct sv_rpc_pb_out *out);

#endif
