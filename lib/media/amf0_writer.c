/* SPDX-License-Identifier: MIT */
#include "media/amf0_writer.h"

#include <string.h>

#include "media/big_endian.h"

enum amf0_marker {
    NUMBER = 0x00,
    BOOLEAN = 0x01,
    STRING = 0x02,
    OBJECT = 0x03,
    NULL_VALUE = 0x05,
    UNDEFINED = 0x06,
    OBJECT_END = 0x09,
};

void sv_amf0_writer_init(struct sv_amf0_writer *writer, void *data, size_t size)
{
    *writer = (struct sv_amf0_writer){ .data = data, .size = size };
}

/* The place for the next `len` bytes; NULL if there is none. */
static uint8_t *add(struct sv_amf0_writer *w, size_t len)
{
    if (w->has_failed || w->size - w->len < len) {
        w->has_failed = true;
        return NULL;
    }
    uint8_t *at = w->data + w->len;
    w->len += len;
    return at;
}

static void add_marker(struct sv_amf0_writer *w, enum amf0_marker marker)
{
    uint8_t *p = add(w, 1);
    if (p != NULL)
        *p = (uint8_t)marker;
}

void sv_amf0_write_name(struct sv_amf0_writer *writer, const char *name)
{
    size_t len = strnlen(name, UINT16_MAX + 1);
    uint8_t *p = len <= UINT16_MAX ? add(writer, 2 + len) : NULL;
    writer->has_failed |= p == NULL;
    if (p != NULL) {
        sv_put_be16(p, (uint32_t)len);
        memcpy(p + 2, name, len);
    }
}

void sv_amf0_write_text(struct sv_amf0_writer *writer, const char *text)
{
    add_marker(writer, STRING);
    sv_amf0_write_name(writer, text);
}

void sv_amf0_write_number(struct sv_amf0_writer *writer, double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof(bits));
    add_marker(writer, NUMBER);
    uint8_t *p = add(writer, 8);
    if (p != NULL) {
        sv_put_be32(p, (uint32_t)(bits >> 32));
        sv_put_be32(p + 4, (uint32_t)bits);
    }
}

void sv_amf0_write_boolean(struct sv_amf0_writer *writer, bool boolean)
{
    add_marker(writer, BOOLEAN);
    uint8_t *p = add(writer, 1);
    if (p != NULL)
        *p = boolean;
}

void sv_amf0_write_null(struct sv_amf0_writer *writer)
{
    add_marker(writer, NULL_VALUE);
}

void sv_amf0_write_undefined(struct sv_amf0_writer *writer)
{
    add_marker(writer, UNDEFINED);
}

void sv_amf0_write_object(struct sv_amf0_writer *writer)
{
    add_marker(writer, OBJECT);
}

void sv_amf0_write_end(struct sv_amf0_writer *writer)
{
    sv_amf0_write_name(writer, "");
    add_marker(writer, OBJECT_END);
}
