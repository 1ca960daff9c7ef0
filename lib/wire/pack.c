/* SPDX-License-Identifier: MIT */
/*
 * Messages are written backwards, from their end to their beginning. When the tag and length of an
 * inner message are due it is there already, so nobody has to measure it first.
 * protobuf_c_message_pack() measures each message once for each level above it.
 */
#include "wire/pack.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define VARINT_MAX_BYTES 10
#define FIRST_SIZE 2048

enum { WIRE_VARINT = 0, WIRE_64BIT = 1, WIRE_BYTES = 2, WIRE_32BIT = 5 };

/* The bytes that are written lie between `at` and `end`. */
struct writer {
    uint8_t *at, *begin, *end;
    /* NULL as long as `first` is large enough. */
    uint8_t *heap;
    /* Out of memory: what is written no longer matters. */
    bool failed;
    uint8_t first[FIRST_SIZE];
};

void *sv_wire_bytes_alloc(void *bytes, size_t len)
{
    struct sv_wire_bytes *b = bytes;
    void *data = malloc(len > 0 ? len : 1);
    if (data != NULL)
        *b = (struct sv_wire_bytes){ data, len };
    return data;
}

/* ---- bytes ---- */

static size_t written(const struct writer *w)
{
    return (size_t)(w->end - w->at);
}

/* Out of line, because it is nearly never needed. */
static __attribute__((noinline, cold)) bool grow(struct writer *w, size_t len)
{
    size_t have = written(w), size = 2 * (have + len);
    uint8_t *larger = w->failed ? NULL : malloc(size);
    if (larger == NULL) {
        w->failed = true;
        return false;
    }
    memcpy(larger + size - have, w->at, have);
    free(w->heap);
    w->heap = w->begin = larger;
    w->end = larger + size;
    w->at = w->end - have;
    return true;
}

static bool reserve(struct writer *w, size_t len)
{
    return (size_t)(w->at - w->begin) >= len || grow(w, len);
}

static void put_bytes(struct writer *w, const void *data, size_t len)
{
    if (len == 0 || !reserve(w, len))
        return;
    w->at -= len;
    memcpy(w->at, data, len);
}

static void put_varint(struct writer *w, uint64_t value)
{
    if (!reserve(w, VARINT_MAX_BYTES))
        return;
    if (value < 128) { /* tags and lengths, nearly always */
        *--w->at = (uint8_t)value;
        return;
    }
    unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
    uint8_t *p = w->at -= (bits + 6) / 7;
    for (; value >= 128; value >>= 7)
        *p++ = (uint8_t)(value | 128);
    *p = (uint8_t)value;
}

/* Little endian, whatever the machine is. */
static void put_fixed(struct writer *w, uint64_t value, size_t len)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    put_bytes(w, bytes, len);
}

static uint64_t zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
}

/* ---- values ---- */

static void put_message(struct writer *w, const ProtobufCMessage *message);
static size_t size_of(ProtobufCType type);

/* What is written as a varint; false for other types. */
static inline bool get_varint(ProtobufCType type, const void *value, uint64_t *ret)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_ENUM:
        *ret = (uint64_t)(int64_t) * (const int32_t *)value;
        return true;
    case PROTOBUF_C_TYPE_SINT32:
        *ret = (uint32_t)zigzag(*(const int32_t *)value);
        return true;
    case PROTOBUF_C_TYPE_UINT32:
        *ret = *(const uint32_t *)value;
        return true;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
        *ret = *(const uint64_t *)value;
        return true;
    case PROTOBUF_C_TYPE_SINT64:
        *ret = zigzag(*(const int64_t *)value);
        return true;
    case PROTOBUF_C_TYPE_BOOL:
        *ret = *(const protobuf_c_boolean *)value != 0;
        return true;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return false;
    }
    return false;
}

static void put_text(struct writer *w, const char *text)
{
    size_t len = text != NULL ? strlen(text) : 0;
    put_bytes(w, text, len);
    put_varint(w, len);
}

/* One value without its tag; returns its wire type. */
static unsigned put_value(struct writer *w, ProtobufCType type, const void *value)
{
    uint64_t number;
    size_t before = written(w);
    if (get_varint(type, value, &number)) {
        put_varint(w, number);
        return WIRE_VARINT;
    }
    if (type == PROTOBUF_C_TYPE_STRING) {
        put_text(w, *(const char *const *)value);
        return WIRE_BYTES;
    }
    if (type == PROTOBUF_C_TYPE_BYTES) {
        const ProtobufCBinaryData *data = value;
        put_bytes(w, data->data, data->len);
    } else if (type == PROTOBUF_C_TYPE_MESSAGE) {
        put_message(w, *(const ProtobufCMessage *const *)value);
    } else if (size_of(type) == 4) {
        put_fixed(w, *(const uint32_t *)value, 4);
        return WIRE_32BIT;
    } else {
        put_fixed(w, *(const uint64_t *)value, 8);
        return WIRE_64BIT;
    }
    put_varint(w, written(w) - before);
    return WIRE_BYTES;
}

static size_t size_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_ENUM:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return 4;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    }
    return 0;
}

/* ---- fields ---- */

/* proto3: a field that is zero or empty is not written. */
static bool is_zero(ProtobufCType type, const void *value)
{
    if (type == PROTOBUF_C_TYPE_STRING)
        return (*(const char *const *)value)[0] == '\0';
    if (type == PROTOBUF_C_TYPE_BYTES)
        return ((const ProtobufCBinaryData *)value)->len == 0;
    if (type == PROTOBUF_C_TYPE_DOUBLE)
        return *(const double *)value == 0;
    if (type == PROTOBUF_C_TYPE_FLOAT)
        return *(const float *)value == 0;
    return size_of(type) == 4 ? *(const uint32_t *)value == 0 : *(const uint64_t *)value == 0;
}

static bool is_absent(const ProtobufCFieldDescriptor *f, const void *value, const void *quantifier)
{
    bool is_pointer = f->type == PROTOBUF_C_TYPE_STRING || f->type == PROTOBUF_C_TYPE_MESSAGE;
    if (is_pointer && *(const void *const *)value == NULL)
        return true;
    if ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0)
        return *(const uint32_t *)quantifier != f->id;
    if (f->label == PROTOBUF_C_LABEL_OPTIONAL)
        return !is_pointer && !*(const protobuf_c_boolean *)quantifier;
    return f->label == PROTOBUF_C_LABEL_NONE && is_zero(f->type, value);
}

static void put_repeated(struct writer *w, const ProtobufCFieldDescriptor *f, const uint8_t *values,
    size_t n)
{
    bool packed = (f->flags & PROTOBUF_C_FIELD_FLAG_PACKED) != 0;
    size_t size = size_of(f->type), before = written(w);
    for (size_t i = n; i-- > 0;) {
        unsigned wire_type = put_value(w, f->type, values + i * size);
        if (!packed)
            put_varint(w, f->id << 3 | wire_type);
    }
    if (packed && n > 0) {
        put_varint(w, written(w) - before);
        put_varint(w, f->id << 3 | WIRE_BYTES);
    }
}

/* The fast path of most fields: proto3's numbers and strings. False for all others. */
static inline bool put_plain(struct writer *w, const ProtobufCFieldDescriptor *f, const void *value)
{
    uint64_t number;
    if (f->label != PROTOBUF_C_LABEL_NONE || f->flags != 0)
        return false;
    if (f->type == PROTOBUF_C_TYPE_STRING) {
        const char *text = *(const char *const *)value;
        if (text != NULL && text[0] != '\0') {
            put_text(w, text);
            put_varint(w, f->id << 3 | WIRE_BYTES);
        }
        return true;
    }
    if (!get_varint(f->type, value, &number))
        return false;
    if (number != 0) {
        put_varint(w, number);
        put_varint(w, f->id << 3 | WIRE_VARINT);
    }
    return true;
}

/* Unknown fields are left out: our own messages have none. */
static void put_message(struct writer *w, const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *desc = message->descriptor;
    const uint8_t *base = (const uint8_t *)message;
    for (unsigned i = desc->n_fields; i-- > 0;) {
        const ProtobufCFieldDescriptor *f = &desc->fields[i];
        const void *value = base + f->offset, *quantifier = base + f->quantifier_offset;
        if (put_plain(w, f, value))
            continue;
        if (f->label == PROTOBUF_C_LABEL_REPEATED)
            put_repeated(w, f, *(const uint8_t *const *)value, *(const size_t *)quantifier);
        else if (!is_absent(f, value, quantifier))
            put_varint(w, f->id << 3 | put_value(w, f->type, value));
    }
}

int sv_wire_pack(const ProtobufCMessage *message, sv_wire_alloc_fn *alloc, void *userdata,
    synctv_error *err)
{
    struct writer w;
    w.begin = w.first;
    w.at = w.end = w.first + FIRST_SIZE;
    w.heap = NULL;
    w.failed = false;
    put_message(&w, message);
    void *data = w.failed ? NULL : alloc(userdata, written(&w));
    if (data != NULL)
        memcpy(data, w.at, written(&w));
    free(w.heap);
    return data != NULL ? 0 : sv_error(err, SYNCTV_E_NO_MEMORY);
}
