/* SPDX-License-Identifier: MIT */
#include "media/rtmp_client.h"

#include "base/error.h"
#include "media/rtmp_command.h"

#define CHUNK_BYTES 60000
/* Which answer is which. */
enum { ANSWER_TO_CONNECT = 1, ANSWER_TO_CREATE_STREAM = 4 };

int sv_rtmp_client_init(struct sv_rtmp_client *session, const char *app, const char *tc_url,
    const char *stream_key)
{
    *session = (struct sv_rtmp_client){
        .app = app,
        .tc_url = tc_url,
        .stream_key = stream_key,
    };
    sv_rtmp_connection_init(&session->connection, true, SV_RTMP_CLIENT_OUT_MAX_BYTES);
    return sv_rtmp_handshake_hello(&session->connection.out);
}

void sv_rtmp_client_fini(struct sv_rtmp_client *session)
{
    sv_rtmp_connection_fini(&session->connection);
}

/* ---- what is asked, one after the other ---- */

static void write_property(struct sv_amf0_writer *amf, const char *name, const char *text)
{
    sv_amf0_write_name(amf, name);
    sv_amf0_write_text(amf, text);
}

static int send_connect(struct sv_rtmp_client *s, synctv_error *err)
{
    struct sv_rtmp_command_writer w;
    int rv =
        sv_rtmp_connection_send_number(&s->connection, SV_RTMP_SET_CHUNK_SIZE, CHUNK_BYTES, err);
    if (rv < 0)
        return rv;
    sv_rtmp_command_begin(&w, "connect", ANSWER_TO_CONNECT);
    sv_amf0_write_object(&w.amf);
    write_property(&w.amf, "app", s->app);
    write_property(&w.amf, "type", "nonprivate");
    write_property(&w.amf, "flashVer", "FMLE/3.0 (compatible; libsynctv)");
    write_property(&w.amf, "tcUrl", s->tc_url);
    sv_amf0_write_end(&w.amf);
    s->phase = SV_RTMP_CLIENT_CONNECTS;
    return sv_rtmp_command_send(&w, &s->connection, 0, err);
}

/* A command whose arguments are null and, if it is not NULL, a text. */
static int send_command(struct sv_rtmp_client *s, const char *name, double transaction,
    uint32_t stream_id, const char *text, synctv_error *err)
{
    struct sv_rtmp_command_writer w;
    sv_rtmp_command_begin(&w, name, transaction);
    sv_amf0_write_null(&w.amf);
    if (text != NULL)
        sv_amf0_write_text(&w.amf, text);
    return sv_rtmp_command_send(&w, &s->connection, stream_id, err);
}

static int send_create(struct sv_rtmp_client *s, synctv_error *err)
{
    int rv = send_command(s, "releaseStream", 2, 0, s->stream_key, err);
    if (rv == 0)
        rv = send_command(s, "FCPublish", 3, 0, s->stream_key, err);
    if (rv == 0)
        rv = send_command(s, "createStream", ANSWER_TO_CREATE_STREAM, 0, NULL, err);
    s->phase = SV_RTMP_CLIENT_CREATES;
    return rv;
}

static int send_publish(struct sv_rtmp_client *s, synctv_error *err)
{
    struct sv_rtmp_command_writer w;
    sv_rtmp_command_begin(&w, "publish", 5);
    sv_amf0_write_null(&w.amf);
    sv_amf0_write_text(&w.amf, s->stream_key);
    sv_amf0_write_text(&w.amf, "live");
    s->phase = SV_RTMP_CLIENT_ASKS;
    return sv_rtmp_command_send(&w, &s->connection, s->stream_id, err);
}

/* ---- what the server says ---- */

static int on_result(struct sv_rtmp_client *s, struct sv_rtmp_command *command, synctv_error *err)
{
    struct sv_amf0_item ignored, id;
    if (s->phase == SV_RTMP_CLIENT_CONNECTS && command->transaction == ANSWER_TO_CONNECT)
        return send_create(s, err);
    if (s->phase != SV_RTMP_CLIENT_CREATES || command->transaction != ANSWER_TO_CREATE_STREAM)
        return 0;
    int rv = sv_rtmp_command_argument(command, SV_AMF0_NULL, &ignored, err);
    if (rv >= 0)
        rv = sv_rtmp_command_argument(command, SV_AMF0_NUMBER, &id, err);
    if (rv < 0)
        return rv;
    if (rv == 0 || !(id.number >= 1 && id.number <= UINT32_MAX))
        return sv_errorf(err, SYNCTV_E_INVALID_ARGUMENT, "the server gives no stream to publish");
    s->stream_id = (uint32_t)id.number;
    return send_publish(s, err);
}

static bool is_text(const struct sv_amf0_item *item, const char *word)
{
    return sv_amf0_is_word(item->text, item->text_len, word);
}

/* Of _error and onStatus. */
static int on_info(struct sv_rtmp_client *s, struct sv_rtmp_command *command, synctv_error *err)
{
    static const char *const names[] = { "level", "code", "description" };
    struct sv_amf0_item ignored, found[3];
    int rv = sv_rtmp_command_argument(command, SV_AMF0_NULL, &ignored, err);
    if (rv >= 0)
        rv = sv_rtmp_command_properties(command, names, found, 3, err);
    if (rv < 0)
        return rv;
    if (is_text(&found[0], "error"))
        return sv_errorf(err, SYNCTV_E_PERMISSION_DENIED, "the server refuses: %.*s %.*s",
            (int)found[1].text_len, found[1].text, (int)found[2].text_len, found[2].text);
    if (s->phase == SV_RTMP_CLIENT_ASKS && is_text(&found[1], "NetStream.Publish.Start"))
        s->phase = SV_RTMP_CLIENT_PUBLISHES;
    return 0;
}

static int on_message(struct sv_rtmp_client *s, const struct sv_rtmp_message *m, synctv_error *err)
{
    struct sv_rtmp_command command;
    if (m->type != SV_RTMP_COMMAND && m->type != SV_RTMP_COMMAND_AMF3)
        return 0;
    int rv = sv_rtmp_command_read(m, &command, err);
    if (rv < 0)
        return rv;
    if (sv_rtmp_command_is(&command, "_result"))
        return on_result(s, &command, err);
    /* What releaseStream and FCPublish are answered says nothing. */
    bool is_error = sv_rtmp_command_is(&command, "_error") &&
        (command.transaction == ANSWER_TO_CONNECT ||
            command.transaction == ANSWER_TO_CREATE_STREAM);
    return is_error || sv_rtmp_command_is(&command, "onStatus") ? on_info(s, &command, err) : 0;
}

int sv_rtmp_client_feed(struct sv_rtmp_client *session, const uint8_t *in, size_t len,
    synctv_error *err)
{
    size_t pos = 0;
    int rv = 1;
    while (rv == 1 && session->phase != SV_RTMP_CLIENT_IS_OVER) {
        struct sv_rtmp_message message;
        size_t used = 0;
        rv = sv_rtmp_connection_feed(&session->connection, in + pos, len - pos, &used, &message,
            err);
        pos += used;
        int done = rv == 1 ? on_message(session, &message, err) : 0;
        if (done == 0 && rv >= 0 && session->connection.is_shaken &&
            session->phase == SV_RTMP_CLIENT_SHAKES_HANDS)
            done = send_connect(session, err);
        if (done < 0)
            rv = done;
    }
    if (rv < 0)
        session->phase = SV_RTMP_CLIENT_IS_OVER;
    return rv < 0 ? rv : 0;
}

/* ---- media ---- */

static int send_metadata(struct sv_rtmp_client *s, const uint8_t *data, size_t len,
    synctv_error *err)
{
    static const char name[] = "@setDataFrame";
    uint8_t head[sizeof(name) + 2];
    struct sv_amf0_writer amf;
    struct sv_buffer all = { 0 };
    sv_amf0_writer_init(&amf, head, sizeof(head));
    sv_amf0_write_text(&amf, name);
    int rv = sv_buffer_append(&all, head, amf.len, SV_RTMP_COMMAND_MAX_BYTES);
    if (rv == 0)
        rv = sv_buffer_append(&all, data, len, SV_RTMP_COMMAND_MAX_BYTES);
    if (rv < 0) {
        sv_error(err, rv);
    } else {
        const struct sv_rtmp_message message = {
            .type = SV_RTMP_DATA,
            .stream_id = s->stream_id,
            .data = all.data,
            .len = all.len,
        };
        rv = sv_rtmp_connection_send(&s->connection, SV_RTMP_MEDIA_CHUNKS, &message, err);
    }
    sv_buffer_fini(&all);
    return rv;
}

int sv_rtmp_client_send(struct sv_rtmp_client *session, enum sv_media_type type,
    int64_t timestamp_ms, const uint8_t *data, size_t len, synctv_error *err)
{
    if (session->phase != SV_RTMP_CLIENT_PUBLISHES)
        return sv_error(err, SYNCTV_E_NOT_CONNECTED);
    if (type == SV_MEDIA_METADATA)
        return send_metadata(session, data, len, err);
    const struct sv_rtmp_message message = {
        .type = type == SV_MEDIA_VIDEO ? SV_RTMP_VIDEO : SV_RTMP_AUDIO,
        .stream_id = session->stream_id,
        .timestamp = (uint32_t)timestamp_ms,
        .data = data,
        .len = len,
    };
    return sv_rtmp_connection_send(&session->connection, SV_RTMP_MEDIA_CHUNKS, &message, err);
}

int sv_rtmp_client_end(struct sv_rtmp_client *session, synctv_error *err)
{
    if (session->phase != SV_RTMP_CLIENT_PUBLISHES)
        return sv_error(err, SYNCTV_E_NOT_CONNECTED);
    struct sv_rtmp_command_writer w;
    int rv = send_command(session, "FCUnpublish", 6, 0, session->stream_key, err);
    sv_rtmp_command_begin(&w, "deleteStream", 7);
    sv_amf0_write_null(&w.amf);
    sv_amf0_write_number(&w.amf, session->stream_id);
    if (rv == 0)
        rv = sv_rtmp_command_send(&w, &session->connection, 0, err);
    session->phase = SV_RTMP_CLIENT_IS_OVER;
    return rv;
}
