/* SPDX-License-Identifier: MIT */
#include "wire/rawcheck.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

#define MAX_MESSAGES_STRICT 1024
#define MAX_MESSAGES_LENIENT 65536
#define MAX_VARINT_BYTES 10

#define WIRE_TYPE_START_GROUP 3
#define WIRE_TYPE_END_GROUP 4

struct check {
    enum sv_wire_rawcheck_mode mode;
    size_t messages_left;
    synctv_error *err;
};

/*
 * The bytes of one message that are not read yet, and the way to that message from the outermost.
 */
struct span {
    const uint8_t *pos, *end;
    /* NULL for the outermost. */
    const struct span *parent;
    /* The field of the parent that this message is. */
    const char *field;
    unsigned depth;
};

static size_t left(const struct span *s)
{
    return (size_t)(s->end - s->pos);
}

/* The dotted name of `field` in the message `s`. */
static void field_name(const struct span *s, const char *field, char *out, size_t size)
{
    const char *names[SV_WIRE_RAWCHECK_MAX_DEPTH + 2];
    size_t n = 0;
    names[n++] = field;
    for (; s->parent != NULL; s = s->parent)
        names[n++] = s->field;

    size_t len = 0;
    out[0] = '\0';
    while (n-- > 0 && len < size) {
        if (names[n] != NULL)
            len += (size_t)snprintf(out + len, size - len, "%s%s", len == 0 ? "" : ".", names[n]);
    }
}

/* `field` NULL = the message itself is malformed. */
static int refuse(const struct check *c, const struct span *s, const char *field, const char *why)
{
    if (c->err == NULL)
        return SYNCTV_E_INVALID_ARGUMENT;
    char name[sizeof(c->err->field)];
    field_name(s, field, name, sizeof(name));
    return sv_error_field(c->err, name, "is not valid: %s", why);
}

static bool read_varint(struct span *s, uint64_t *ret)
{
    uint64_t v = 0;
    for (size_t i = 0; i < MAX_VARINT_BYTES && i < left(s); i++) {
        v |= (uint64_t)(s->pos[i] & 0x7f) << (7 * i);
        if (s->pos[i] < 0x80) {
            s->pos += i + 1;
            *ret = v;
            return true;
        }
    }
    return false;
}

/* Reads the length of what follows; false if there are fewer bytes. */
static bool read_length(struct span *s, size_t *ret)
{
    const uint8_t *start = s->pos;
    uint64_t v;
    /* protobuf-c reads at most 5 bytes of a length. */
    if (!read_varint(s, &v) || s->pos - start > 5 || v > left(s))
        return false;
    *ret = (size_t)v;
    return true;
}

static bool read_tag(struct span *s, uint32_t *ret_number, unsigned *ret_wire_type)
{
    const uint8_t *start = s->pos;
    uint64_t tag;
    if (!read_varint(s, &tag) || s->pos - start > 5 || tag > UINT32_MAX || tag >> 3 == 0)
        return false;
    *ret_number = (uint32_t)(tag >> 3);
    *ret_wire_type = (unsigned)(tag & 7);
    return true;
}

static bool skip(struct span *s, size_t n)
{
    if (n > left(s))
        return false;
    s->pos += n;
    return true;
}

static int skip_unknown(const struct check *c, struct span *s, unsigned wire_type)
{
    uint64_t v;
    size_t len;
    bool ok = false;
    switch (wire_type) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        ok = read_varint(s, &v);
        break;
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        ok = skip(s, 8);
        break;
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        ok = read_length(s, &len) && skip(s, len);
        break;
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        ok = skip(s, 4);
        break;
    case WIRE_TYPE_START_GROUP:
    case WIRE_TYPE_END_GROUP:
        return refuse(c, s, NULL, "it has a group");
    default:
        break;
    }
    return ok ? 0 : refuse(c, s, NULL, "it is cut short");
}

static unsigned wire_type_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_ENUM:
        return PROTOBUF_C_WIRE_TYPE_VARINT;
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return PROTOBUF_C_WIRE_TYPE_32BIT;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return PROTOBUF_C_WIRE_TYPE_64BIT;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    }
    return PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
}

static bool enum_has(const ProtobufCEnumDescriptor *desc, uint64_t v)
{
    int64_t value = (int64_t)v;
    return value >= INT32_MIN && value <= INT32_MAX &&
        protobuf_c_enum_descriptor_get_value(desc, (int)value) != NULL;
}

/* One number of a field. */
static int check_number(const struct check *c, struct span *s, const ProtobufCFieldDescriptor *f)
{
    uint64_t v;
    switch (wire_type_of(f->type)) {
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        return skip(s, 8) ? 0 : refuse(c, s, f->name, "it is cut short");
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        return skip(s, 4) ? 0 : refuse(c, s, f->name, "it is cut short");
    default:
        break;
    }
    if (!read_varint(s, &v))
        return refuse(c, s, f->name, "it is no number");
    if (f->type == PROTOBUF_C_TYPE_ENUM && c->mode == SV_WIRE_RAWCHECK_STRICT &&
        !enum_has(f->descriptor, v))
        return refuse(c, s, f->name, "there is no such value");
    return 0;
}

static int check_message(struct check *c, struct span *s, const ProtobufCMessageDescriptor *desc);

static int check_submessage(struct check *c, struct span *s, struct span *inner,
    const ProtobufCFieldDescriptor *f)
{
    if (inner->depth > SV_WIRE_RAWCHECK_MAX_DEPTH)
        return refuse(c, s, f->name, "it is nested too deeply");
    if (c->messages_left == 0)
        return refuse(c, s, f->name, "there are too many of it");
    c->messages_left--;
    return check_message(c, inner, f->descriptor);
}

static int check_length_prefixed(struct check *c, struct span *s, const ProtobufCFieldDescriptor *f)
{
    size_t len;
    if (!read_length(s, &len))
        return refuse(c, s, f->name, "it is cut short");
    struct span inner = {
        .pos = s->pos,
        .end = s->pos + len,
        .parent = s,
        .field = f->name,
        .depth = s->depth + 1,
    };
    s->pos += len;

    if (f->type == PROTOBUF_C_TYPE_BYTES)
        return 0;
    if (f->type == PROTOBUF_C_TYPE_STRING) {
        if (sv_utf8_valid((const char *)inner.pos, len))
            return 0;
        return refuse(c, s, f->name, "it is not UTF-8, or has a NUL");
    }
    if (f->type == PROTOBUF_C_TYPE_MESSAGE)
        return check_submessage(c, s, &inner, f);

    /* Packed numbers. The field is its own name. */
    inner.parent = s->parent;
    inner.field = s->field;
    int rv = 0;
    while (rv == 0 && inner.pos < inner.end)
        rv = check_number(c, &inner, f);
    return rv;
}

static int check_field(struct check *c, struct span *s, const ProtobufCFieldDescriptor *f,
    unsigned wire_type)
{
    unsigned expected = wire_type_of(f->type);
    if (wire_type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED &&
        (expected == wire_type || f->label == PROTOBUF_C_LABEL_REPEATED))
        return check_length_prefixed(c, s, f);
    if (wire_type != expected)
        return refuse(c, s, f->name, "it has another type");
    return check_number(c, s, f);
}

static int check_message(struct check *c, struct span *s, const ProtobufCMessageDescriptor *desc)
{
    int rv = 0;
    while (rv == 0 && s->pos < s->end) {
        uint32_t number;
        unsigned wire_type;
        if (!read_tag(s, &number, &wire_type))
            return refuse(c, s, NULL, "it has a malformed tag");
        const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field(desc, number);
        if (f == NULL)
            rv = skip_unknown(c, s, wire_type);
        else
            rv = check_field(c, s, f, wire_type);
    }
    return rv;
}

int sv_wire_rawcheck(const ProtobufCMessageDescriptor *desc, const void *data, size_t len,
    enum sv_wire_rawcheck_mode mode, synctv_error *err)
{
    struct check c = {
        .mode = mode,
        .messages_left =
            mode == SV_WIRE_RAWCHECK_STRICT ? MAX_MESSAGES_STRICT : MAX_MESSAGES_LENIENT,
        .err = err,
    };
    static const uint8_t nothing[1];
    struct span s = { .pos = len > 0 ? data : nothing };
    s.end = s.pos + len;
    return check_message(&c, &s, desc);
}
