/* SPDX-License-Identifier: MIT */
#include "media/amf0_reader.h"

#include <string.h>
#include <strings.h>

#include <synctv/error.h>

#include "media/big_endian.h"

enum amf0_marker {
    NUMBER = 0x00,
    BOOLEAN = 0x01,
    STRING = 0x02,
    OBJECT = 0x03,
    NULL_VALUE = 0x05,
    UNDEFINED = 0x06,
    REFERENCE = 0x07,
    ECMA_ARRAY = 0x08,
    OBJECT_END = 0x09,
    STRICT_ARRAY = 0x0a,
    DATE = 0x0b,
    LONG_STRING = 0x0c,
    UNSUPPORTED = 0x0d,
    XML = 0x0f,
    TYPED_OBJECT = 0x10,
};

void sv_amf0_reader_init(struct sv_amf0_reader *reader, const void *data, size_t len)
{
    *reader = (struct sv_amf0_reader){ .pos = data };
    reader->end = len > 0 ? reader->pos + len : reader->pos;
}

/* The next `len` bytes; NULL if there are not so many. */
static const uint8_t *take(struct sv_amf0_reader *r, size_t len)
{
    if ((size_t)(r->end - r->pos) < len)
        return NULL;
    const uint8_t *at = r->pos;
    r->pos += len;
    return at;
}

/* A text behind its length, which has so many bytes. */
static int take_text(struct sv_amf0_reader *r, size_t n_length_bytes, const char **ret_text,
    size_t *ret_len)
{
    const uint8_t *head = take(r, n_length_bytes);
    if (head == NULL)
        return SYNCTV_E_INVALID_ARGUMENT;
    size_t len = n_length_bytes == 2 ? sv_get_be16(head) : sv_get_be32(head);
    const uint8_t *text = take(r, len);
    if (text == NULL)
        return SYNCTV_E_INVALID_ARGUMENT;
    *ret_text = (const char *)text;
    *ret_len = len;
    return 0;
}

static int take_number(struct sv_amf0_reader *r, double *ret)
{
    const uint8_t *p = take(r, 8);
    if (p == NULL)
        return SYNCTV_E_INVALID_ARGUMENT;
    uint64_t bits = (uint64_t)sv_get_be32(p) << 32 | sv_get_be32(p + 4);
    memcpy(ret, &bits, sizeof(*ret));
    return 0;
}

static int open_level(struct sv_amf0_reader *r, bool is_array, uint32_t n_left)
{
    if (r->depth == SV_AMF0_DEPTH_MAX)
        return SYNCTV_E_TOO_LARGE;
    r->levels[r->depth++] = (struct sv_amf0_level){ .is_array = is_array, .n_left = n_left };
    return 0;
}

static int open_object(struct sv_amf0_reader *r, uint8_t marker)
{
    const char *class_name;
    size_t len;
    /* The count of an ECMA array is often wrong; its end is marked as that of an object. */
    if (marker == ECMA_ARRAY && take(r, 4) == NULL)
        return SYNCTV_E_INVALID_ARGUMENT;
    if (marker == TYPED_OBJECT && take_text(r, 2, &class_name, &len) < 0)
        return SYNCTV_E_INVALID_ARGUMENT;
    return open_level(r, false, 0);
}

static int take_value(struct sv_amf0_reader *r, struct sv_amf0_item *item)
{
    const uint8_t *marker = take(r, 1), *p;
    if (marker == NULL)
        return SYNCTV_E_INVALID_ARGUMENT;
    switch (*marker) {
    case NUMBER:
        item->type = SV_AMF0_NUMBER;
        return take_number(r, &item->number);
    case BOOLEAN:
        item->type = SV_AMF0_BOOLEAN;
        p = take(r, 1);
        item->boolean = p != NULL && *p != 0;
        return p != NULL ? 0 : SYNCTV_E_INVALID_ARGUMENT;
    case STRING:
        item->type = SV_AMF0_TEXT;
        return take_text(r, 2, &item->text, &item->text_len);
    case LONG_STRING:
    case XML:
        item->type = SV_AMF0_TEXT;
        return take_text(r, 4, &item->text, &item->text_len);
    case NULL_VALUE:
    case UNDEFINED:
    case UNSUPPORTED:
        item->type = SV_AMF0_NULL;
        return 0;
    case REFERENCE:
        item->type = SV_AMF0_NULL;
        return take(r, 2) != NULL ? 0 : SYNCTV_E_INVALID_ARGUMENT;
    case DATE:
        item->type = SV_AMF0_DATE;
        if (take_number(r, &item->number) < 0 || take(r, 2) == NULL)
            return SYNCTV_E_INVALID_ARGUMENT;
        return 0;
    case OBJECT:
    case ECMA_ARRAY:
    case TYPED_OBJECT:
        item->type = SV_AMF0_OBJECT;
        return open_object(r, *marker);
    case STRICT_ARRAY:
        item->type = SV_AMF0_ARRAY;
        p = take(r, 4);
        return p != NULL ? open_level(r, true, sv_get_be32(p)) : SYNCTV_E_INVALID_ARGUMENT;
    default: /* What AMF0 reserves, and the way into AMF3, which nobody needs. */
        return SYNCTV_E_INVALID_ARGUMENT;
    }
}

static int take_end(struct sv_amf0_reader *r, struct sv_amf0_item *item)
{
    item->type = SV_AMF0_END;
    item->depth = --r->depth;
    return 0;
}

static int take_item(struct sv_amf0_reader *r, struct sv_amf0_item *item)
{
    struct sv_amf0_level *level = r->depth > 0 ? &r->levels[r->depth - 1] : NULL;
    item->depth = r->depth;
    if (level == NULL)
        return take_value(r, item);
    if (level->is_array) {
        if (level->n_left == 0)
            return take_end(r, item);
        level->n_left--;
        return take_value(r, item);
    }
    if (take_text(r, 2, &item->name, &item->name_len) < 0)
        return SYNCTV_E_INVALID_ARGUMENT;
    if (item->name_len == 0 && r->pos < r->end && *r->pos == OBJECT_END) {
        r->pos++;
        return take_end(r, item);
    }
    return take_value(r, item);
}

int sv_amf0_reader_next(struct sv_amf0_reader *reader, struct sv_amf0_item *ret_item)
{
    struct sv_amf0_item item = { .name = "", .text = "" };
    if (reader->depth == 0 && reader->pos == reader->end)
        return 0;
    if (++reader->n_items > SV_AMF0_ITEMS_MAX)
        return SYNCTV_E_TOO_LARGE;
    int rv = take_item(reader, &item);
    if (rv < 0)
        return rv;
    *ret_item = item;
    return 1;
}

int sv_amf0_reader_skip(struct sv_amf0_reader *reader, const struct sv_amf0_item *item)
{
    unsigned depth = item->depth;
    struct sv_amf0_item inside = *item;
    if (item->type != SV_AMF0_OBJECT && item->type != SV_AMF0_ARRAY)
        return 0;
    while (inside.type != SV_AMF0_END || inside.depth != depth) {
        int rv = sv_amf0_reader_next(reader, &inside);
        if (rv < 0)
            return rv;
    }
    return 0;
}

bool sv_amf0_is_word(const char *text, size_t len, const char *word)
{
    return len == strlen(word) && strncasecmp(text, word, len) == 0;
}
