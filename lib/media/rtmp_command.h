/* SPDX-License-Identifier: MIT */
/* Commands of RTMP: a name, a number by which the answer is known, and arguments. */
#ifndef SV_MEDIA_RTMP_COMMAND_H
#define SV_MEDIA_RTMP_COMMAND_H

#include <synctv/error.h>

#include "media/amf0_reader.h"
#include "media/amf0_writer.h"
#include "media/rtmp_connection.h"

/* The longest command that we send. */
#define SV_RTMP_COMMAND_SENT_MAX_BYTES 4096

/* ---- received ---- */

struct sv_rtmp_command {
    /* In the message. */
    const char *name;
    size_t name_len;
    /* 0 if it wants no answer. */
    double transaction;
    /* At the arguments; in most commands an object or null comes first. */
    struct sv_amf0_reader arguments;
};

/* Errors: INVALID_ARGUMENT if it is no command at all. */
int sv_rtmp_command_read(const struct sv_rtmp_message *message, struct sv_rtmp_command *ret,
    synctv_error *err);
bool sv_rtmp_command_is(const struct sv_rtmp_command *command, const char *name);
/*
 * The next argument if it is of this type. Objects and arrays on the way are skipped. Returns 1, or
 * 0 if it is missing or something else. Errors: INVALID_ARGUMENT.
 */
int sv_rtmp_command_argument(struct sv_rtmp_command *command, enum sv_amf0_type type,
    struct sv_amf0_item *ret, synctv_error *err);
/*
 * The text properties of these names (in upper or lower case) of the next argument, an object:
 * ret[i] is of type TEXT if names[i] is there, else NULL. Errors: INVALID_ARGUMENT.
 */
int sv_rtmp_command_properties(struct sv_rtmp_command *command, const char *const *names,
    struct sv_amf0_item *ret, size_t n, synctv_error *err);

/* ---- sent ---- */

struct sv_rtmp_command_writer {
    struct sv_amf0_writer amf;
    uint8_t data[SV_RTMP_COMMAND_SENT_MAX_BYTES];
};

/* Then write the arguments to writer->amf, and send it. */
void sv_rtmp_command_begin(struct sv_rtmp_command_writer *writer, const char *name,
    double transaction);
/* Errors: TOO_LARGE (what was written), SLOW_CONSUMER, NO_MEMORY. */
int sv_rtmp_command_send(struct sv_rtmp_command_writer *writer,
    struct sv_rtmp_connection *connection, uint32_t stream_id, synctv_error *err);
/* The object in answers: level ("status", "error"), code and description. It is not ended yet. */
void sv_rtmp_command_write_info(struct sv_amf0_writer *amf, const char *level, const char *code,
    const char *description);

#endif
