/* SPDX-License-Identifier: MIT */
/*
 * Writes AMF0 into memory of the caller's. Whatever does not fit makes it fail for good, so that
 * only the end has to be checked.
 */
#ifndef SV_MEDIA_AMF0_WRITER_H
#define SV_MEDIA_AMF0_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sv_amf0_writer {
    uint8_t *data;
    size_t len, size;
    bool has_failed;
};

void sv_amf0_writer_init(struct sv_amf0_writer *writer, void *data, size_t size);
/* Up to 65535 bytes. */
void sv_amf0_write_text(struct sv_amf0_writer *writer, const char *text);
void sv_amf0_write_number(struct sv_amf0_writer *writer, double number);
void sv_amf0_write_boolean(struct sv_amf0_writer *writer, bool boolean);
void sv_amf0_write_null(struct sv_amf0_writer *writer);
void sv_amf0_write_undefined(struct sv_amf0_writer *writer);
/* Then each property: its name and its value; then the end. */
void sv_amf0_write_object(struct sv_amf0_writer *writer);
void sv_amf0_write_name(struct sv_amf0_writer *writer, const char *name);
void sv_amf0_write_end(struct sv_amf0_writer *writer);

#endif
