/* SPDX-License-Identifier: MIT */
/* Messages of any type with every field set, made from their descriptors. */
#ifndef SV_TEST_WIRE_FILL_H
#define SV_TEST_WIRE_FILL_H

#include <stdlib.h>
#include <string.h>

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "wire/pack.h"

#define FILL_REPEATED 3

struct fill {
    struct sv_arena arena;
    unsigned counter;     /* so that no two fields have the same value */
    unsigned oneof_field; /* of a oneof with several members: the number to set */
};

static inline ProtobufCMessage *fill_message(struct fill *f,
    const ProtobufCMessageDescriptor *desc);

static inline size_t fill_value_size(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    default:
        return 4;
    }
}

/* One value of the field's type, at `p`. */
static inline void fill_value(struct fill *f, const ProtobufCFieldDescriptor *field, void *p)
{
    unsigned n = ++f->counter;
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        *(ProtobufCMessage **)p = fill_message(f, field->descriptor);
    } else if (field->type == PROTOBUF_C_TYPE_STRING) {
        *(const char **)p = sv_arena_printf(&f->arena, "%s-é-%u", field->name, n);
    } else if (field->type == PROTOBUF_C_TYPE_ENUM) {
        const ProtobufCEnumDescriptor *desc = field->descriptor;
        *(int *)p = desc->values[1 + n % (desc->n_values - 1)].value;
    } else if (field->type == PROTOBUF_C_TYPE_BOOL) {
        *(protobuf_c_boolean *)p = 1;
    } else if (field->type == PROTOBUF_C_TYPE_DOUBLE) {
        *(double *)p = n + 0.25;
    } else if (fill_value_size(field) == 8) {
        *(int64_t *)p = INT64_C(0x0102030405060708) + n;
    } else if (fill_value_size(field) == 4) {
        *(int32_t *)p = (int32_t)(100000 + n);
    } else {
        abort(); /* the contract has no bytes here */
    }
}

static inline void fill_field(struct fill *f, const ProtobufCFieldDescriptor *field, char *message)
{
    void *value = message + field->offset;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        size_t size = fill_value_size(field);
        char *array = sv_arena_array(&f->arena, FILL_REPEATED, size);
        for (size_t i = 0; i < FILL_REPEATED; i++)
            fill_value(f, field, array + i * size);
        *(void **)value = array;
        *(size_t *)(message + field->quantifier_offset) = FILL_REPEATED;
        return;
    }
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
        int *oneof = (int *)(message + field->quantifier_offset);
        if (*oneof != 0 && field->id != f->oneof_field)
            return;
        *oneof = (int)field->id;
        memset(value, 0, 8);
    }
    fill_value(f, field, value);
}

static inline ProtobufCMessage *fill_message(struct fill *f, const ProtobufCMessageDescriptor *desc)
{
    ProtobufCMessage *message = sv_arena_alloc(&f->arena, desc->sizeof_message);
    protobuf_c_message_init(desc, message);
    for (unsigned i = 0; i < desc->n_fields; i++)
        fill_field(f, &desc->fields[i], (char *)message);
    return message;
}

/* The bytes of a full message; of a oneof with several members `oneof_field` is set. */
static inline struct sv_wire_bytes fill_bytes(const ProtobufCMessageDescriptor *desc,
    unsigned oneof_field)
{
    struct fill f = { .oneof_field = oneof_field };
    struct sv_wire_bytes bytes = { NULL, 0 };
    if (sv_wire_pack(fill_message(&f, desc), sv_wire_bytes_alloc, &bytes, NULL) < 0)
        abort();
    sv_arena_fini(&f.arena);
    return bytes;
}

#endif
