/* SPDX-License-Identifier: MIT */
#include "media/rtmp_command.h"

#include <string.h>

#include "base/error.h"

/* ---- received ---- */

static int malformed(synctv_error *err)
{
    return sv_errorf(err, SYNCTV_E_INVALID_ARGUMENT, "a command is no valid AMF0, or too deep");
}

int sv_rtmp_command_read(const struct sv_rtmp_message *message, struct sv_rtmp_command *ret,
    synctv_error *err)
{
    size_t skipped = message->type == SV_RTMP_COMMAND_AMF3 && message->len > 0;
    struct sv_rtmp_command command = { .name = "" };
    struct sv_amf0_item item;
    sv_amf0_reader_init(&command.arguments, message->data + skipped, message->len - skipped);
    if (sv_amf0_reader_next(&command.arguments, &item) <= 0 || item.type != SV_AMF0_TEXT)
        return malformed(err);
    command.name = item.text;
    command.name_len = item.text_len;
    int rv = sv_amf0_reader_next(&command.arguments, &item);
    if (rv < 0 || (rv == 1 && item.type != SV_AMF0_NUMBER))
        return malformed(err);
    command.transaction = rv == 1 ? item.number : 0;
    *ret = command;
    return 0;
}

bool sv_rtmp_command_is(const struct sv_rtmp_command *command, const char *name)
{
    return command->name_len == strlen(name) && memcmp(command->name, name, command->name_len) == 0;
}

int sv_rtmp_command_argument(struct sv_rtmp_command *command, enum sv_amf0_type type,
    struct sv_amf0_item *ret, synctv_error *err)
{
    struct sv_amf0_item item;
    int rv = sv_amf0_reader_next(&command->arguments, &item);
    if (rv < 0)
        return malformed(err);
    if (rv == 0)
        return 0;
    if (sv_amf0_reader_skip(&command->arguments, &item) < 0)
        return malformed(err);
    if (item.type != type)
        return 0;
    *ret = item;
    return 1;
}

int sv_rtmp_command_properties(struct sv_rtmp_command *command, const char *const *names,
    struct sv_amf0_item *ret, size_t n, synctv_error *err)
{
    struct sv_amf0_reader *r = &command->arguments;
    struct sv_amf0_item item;
    for (size_t i = 0; i < n; i++)
        ret[i] = (struct sv_amf0_item){ .type = SV_AMF0_NULL, .text = "" };
    int rv = sv_amf0_reader_next(r, &item);
    if (rv < 0)
        return malformed(err);
    if (rv == 0 || item.type != SV_AMF0_OBJECT)
        return 0;
    while ((rv = sv_amf0_reader_next(r, &item)) == 1 && item.type != SV_AMF0_END) {
        for (size_t i = 0; i < n; i++) {
            if (item.type == SV_AMF0_TEXT && sv_amf0_is_word(item.name, item.name_len, names[i]))
                ret[i] = item;
        }
        if (sv_amf0_reader_skip(r, &item) < 0)
            return malformed(err);
    }
    return rv < 0 ? malformed(err) : 0;
}

/* ---- sent ---- */

void sv_rtmp_command_begin(struct sv_rtmp_command_writer *writer, const char *name,
    double transaction)
{
    sv_amf0_writer_init(&writer->amf, writer->data, sizeof(writer->data));
    sv_amf0_write_text(&writer->amf, name);
    sv_amf0_write_number(&writer->amf, transaction);
}

int sv_rtmp_command_send(struct sv_rtmp_command_writer *writer,
    struct sv_rtmp_connection *connection, uint32_t stream_id, synctv_error *err)
{
    if (writer->amf.has_failed)
        return sv_errorf(err, SYNCTV_E_TOO_LARGE, "a command of more than %d bytes",
            SV_RTMP_COMMAND_SENT_MAX_BYTES);
    const struct sv_rtmp_message message = {
        .type = SV_RTMP_COMMAND,
        .stream_id = stream_id,
        .data = writer->data,
        .len = writer->amf.len,
    };
    return sv_rtmp_connection_send(connection, SV_RTMP_COMMAND_CHUNKS, &message, err);
}

static void write_property(struct sv_amf0_writer *amf, const char *name, const char *text)
{
    sv_amf0_write_name(amf, name);
    sv_amf0_write_text(amf, text);
}

void sv_rtmp_command_write_info(struct sv_amf0_writer *amf, const char *level, const char *code,
    const char *description)
{
    sv_amf0_write_object(amf);
    write_property(amf, "level", level);
    write_property(amf, "code", code);
    write_property(amf, "description", description);
}
