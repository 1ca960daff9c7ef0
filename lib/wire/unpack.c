/* SPDX-License-Identifier: MIT */
#include "wire/unpack.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* So many bytes may be made of each byte of the message, and so many besides. */
#define STRICT_FACTOR 4
#define STRICT_SPARE (16 * 1024)
#define LENIENT_FACTOR 16
#define LENIENT_SPARE (256 * 1024)

struct allocator {
    ProtobufCAllocator base;
    struct sv_arena *arena;
    bool too_large;
};

static void *allocate(void *userdata, size_t size)
{
    struct allocator *al = userdata;
    void *p = sv_arena_alloc(al->arena, size);
    if (p == NULL && al->arena->limit_bytes - al->arena->used_bytes < size + 16)
        al->too_large = true;
    return p;
}

/* The arena frees everything at its end. */
static void release(void *userdata, void *p)
{
}

static size_t limit_for(const struct sv_arena *a, size_t len, enum sv_wire_rawcheck_mode mode)
{
    bool is_strict = mode == SV_WIRE_RAWCHECK_STRICT;
    size_t factor = is_strict ? STRICT_FACTOR : LENIENT_FACTOR;
    size_t spare = is_strict ? STRICT_SPARE : LENIENT_SPARE;
    size_t limit;
    if (__builtin_mul_overflow(len, factor, &limit) ||
        __builtin_add_overflow(limit, spare + a->used_bytes, &limit))
        limit = SIZE_MAX;
    return a->limit_bytes != 0 && a->limit_bytes < limit ? a->limit_bytes : limit;
}

int sv_wire_unpack(const ProtobufCMessageDescriptor *desc, const void *data, size_t len,
    enum sv_wire_rawcheck_mode mode, struct sv_arena *a, const void **ret_message,
    synctv_error *err)
{
    int rv = sv_wire_rawcheck(desc, data, len, mode, err);
    if (rv < 0)
        return rv;

    struct allocator al = { .base = { allocate, release, NULL }, .arena = a };
    al.base.allocator_data = &al;
    size_t limit_before = a->limit_bytes;
    a->limit_bytes = limit_for(a, len, mode);
    const void *message = protobuf_c_message_unpack(desc, &al.base, len, data);
    a->limit_bytes = limit_before;
    if (message == NULL)
        return sv_error(err, al.too_large ? SYNCTV_E_TOO_LARGE : SYNCTV_E_NO_MEMORY);
    *ret_message = message;
    return 0;
}
