/* SPDX-License-Identifier: MIT */
/*
 * Reads AMF0, the values in commands and metadata, one item after the other. It allocates nothing,
 * never recurses, and believes no count: what is nested too deep or has too many items is refused.
 *
 *   [ "connect", 1.0, { "app": "live" } ]   gives   TEXT  NUMBER  OBJECT  TEXT named app  END
 */
#ifndef SV_MEDIA_AMF0_READER_H
#define SV_MEDIA_AMF0_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SV_AMF0_DEPTH_MAX 16
/* Items in all, each END included. */
#define SV_AMF0_ITEMS_MAX 4096

enum sv_amf0_type {
    SV_AMF0_NUMBER,
    SV_AMF0_BOOLEAN,
    /* A short or long string, or XML. */
    SV_AMF0_TEXT,
    /* Null, undefined, unsupported, or a reference. */
    SV_AMF0_NULL,
    /* Milliseconds since 1970 in `number`. */
    SV_AMF0_DATE,
    /* An object, typed or not, or an ECMA array. What follows has names, up to its END. */
    SV_AMF0_OBJECT,
    /* What follows has no names, up to its END. */
    SV_AMF0_ARRAY,
    SV_AMF0_END,
};

struct sv_amf0_item {
    enum sv_amf0_type type;
    /* In so many objects and arrays; an END is as deep as what it ends. */
    unsigned depth;
    /* In an object; points into the input, and has no NUL at its end, as `text`. */
    const char *name;
    size_t name_len;
    double number;
    bool boolean;
    const char *text;
    size_t text_len;
};

/* The input must outlive it. */
struct sv_amf0_reader {
    const uint8_t *pos, *end;
    unsigned depth, n_items;
    struct sv_amf0_level {
        bool is_array;
        /* Of an array. */
        uint32_t n_left;
    } levels[SV_AMF0_DEPTH_MAX];
};

void sv_amf0_reader_init(struct sv_amf0_reader *reader, const void *data, size_t len);
/*
 * Returns 1 and the next item, or 0 at the end of the input.
 * Errors: INVALID_ARGUMENT (it is malformed, or short), TOO_LARGE (too deep, or too many items). Do
 * not read on then.
 */
int sv_amf0_reader_next(struct sv_amf0_reader *reader, struct sv_amf0_item *ret_item);
/* Reads on to the end of `item` if it is an object or array. Returns 0; errors as above. */
int sv_amf0_reader_skip(struct sv_amf0_reader *reader, const struct sv_amf0_item *item);

/* Whether these `len` bytes are this word, in upper or lower case. */
bool sv_amf0_is_word(const char *text, size_t len, const char *word);

#endif
