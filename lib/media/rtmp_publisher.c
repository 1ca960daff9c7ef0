/* SPDX-License-Identifier: MIT */
#include "media/rtmp_publisher.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "media/big_endian.h"
#include "media/rtmp_command.h"

/* Encoders that send as we do (ffmpeg) do better with large chunks. */
#define CHUNK_BYTES 60000
/* The one message stream of a connection, whatever is asked for. */
#define STREAM_ID 1
/* In an aggregate: type, length, time, stream; and behind the data the length once more. */
#define PART_HEAD_LEN 11
#define PART_TAIL_LEN 4

void sv_rtmp_publisher_init(struct sv_rtmp_publisher *session, int64_t now_ms)
{
    *session = (struct sv_rtmp_publisher){ .since_ms = now_ms };
    sv_rtmp_connection_init(&session->connection, false, SV_RTMP_PUBLISHER_OUT_MAX_BYTES);
}

void sv_rtmp_publisher_fini(struct sv_rtmp_publisher *session)
{
    sv_rtmp_connection_fini(&session->connection);
}

static void enter(struct sv_rtmp_publisher *s, enum sv_rtmp_publisher_phase phase, int64_t now_ms)
{
    s->phase = phase;
    s->since_ms = now_ms;
}

static int invalid(synctv_error *err, const char *reason)
{
    return sv_errorf(err, SYNCTV_E_INVALID_ARGUMENT, "%s", reason);
}

/* ---- names: checked, never cut ---- */

static bool is_name(const char *text, size_t len, size_t max_len)
{
    for (size_t i = 0; i < len; i++) {
        if (!sv_is_base64url(text[i]) && text[i] != '.')
            return false;
    }
    return len > 0 && len <= max_len;
}

static bool is_printable(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    }
    return true;
}

static void copy(char *to, const char *text, size_t len)
{
    memcpy(to, text, len);
    to[len] = '\0';
}

/* "name" or "name?query". An empty query leaves the one that there is. */
static bool take_name(struct sv_rtmp_publisher *s, char *ret, size_t max_len, const char *text,
    size_t len)
{
    const char *mark = len > 0 ? memchr(text, '?', len) : NULL;
    size_t name_len = mark != NULL ? (size_t)(mark - text) : len;
    size_t query_len = mark != NULL ? len - name_len - 1 : 0;
    while (name_len > 0 && text[name_len - 1] == '/')
        name_len--;
    if (!is_name(text, name_len, max_len) || query_len > SV_RTMP_QUERY_MAX_BYTES ||
        (query_len > 0 && !is_printable(mark + 1, query_len)))
        return false;
    copy(ret, text, name_len);
    if (query_len > 0)
        copy(s->query, mark + 1, query_len);
    return true;
}

/* The app of "rtmp://host/app/…", which some put into quotes. */
static bool take_tc_url(struct sv_rtmp_publisher *s, const char *url, size_t len)
{
    const char *end = url + len;
    while (len > 0 && end[-1] == '"')
        end--, len--;
    const char *p = len > 3 ? memmem(url, len, "://", 3) : NULL;
    p = p != NULL ? memchr(p + 3, '/', (size_t)(end - p - 3)) : NULL;
    return p != NULL && take_name(s, s->app, SV_RTMP_APP_MAX_BYTES, p + 1, (size_t)(end - p - 1));
}

/* ---- answers ---- */

static int send_info(struct sv_rtmp_publisher *s, const char *level, const char *code,
    const char *description, synctv_error *err)
{
    struct sv_rtmp_command_writer w;
    sv_rtmp_command_begin(&w, "onStatus", 0);
    sv_amf0_write_null(&w.amf);
    sv_rtmp_command_write_info(&w.amf, level, code, description);
    sv_amf0_write_end(&w.amf);
    return sv_rtmp_command_send(&w, &s->connection, s->stream_id, err);
}

static int send_connected(struct sv_rtmp_publisher *s, double transaction, synctv_error *err)
{
    struct sv_rtmp_command_writer w;
    sv_rtmp_command_begin(&w, "_result", transaction);
    sv_amf0_write_object(&w.amf);
    sv_amf0_write_name(&w.amf, "fmsVer");
    sv_amf0_write_text(&w.amf, "FMS/3,0,1,123");
    sv_amf0_write_name(&w.amf, "capabilities");
    sv_amf0_write_number(&w.amf, 31);
    sv_amf0_write_end(&w.amf);
    sv_rtmp_command_write_info(&w.amf, "status", "NetConnection.Connect.Success",
        "Connection succeeded.");
    sv_amf0_write_name(&w.amf, "objectEncoding");
    sv_amf0_write_number(&w.amf, 0);
    sv_amf0_write_end(&w.amf);
    return sv_rtmp_command_send(&w, &s->connection, 0, err);
}

/* With the number of a stream, or without anything if that is 0. */
static int send_result(struct sv_rtmp_publisher *s, double transaction, uint32_t stream_id,
    synctv_error *err)
{
    struct sv_rtmp_command_writer w;
    sv_rtmp_command_begin(&w, "_result", transaction);
    sv_amf0_write_null(&w.amf);
    if (stream_id > 0)
        sv_amf0_write_number(&w.amf, stream_id);
    else
        sv_amf0_write_undefined(&w.amf);
    return sv_rtmp_command_send(&w, &s->connection, 0, err);
}

/* ---- commands ---- */

static int on_connect(struct sv_rtmp_publisher *s, struct sv_rtmp_command *command,
    synctv_error *err)
{
    static const char *const names[] = { "app", "tcUrl" };
    struct sv_amf0_item found[2], *app = &found[0], *tc_url = &found[1];
    if (s->is_connected)
        return invalid(err, "it connects a second time");
    int rv = sv_rtmp_command_properties(command, names, found, 2, err);
    if (rv < 0)
        return rv;
    bool has_app = app->text_len > 0
        ? take_name(s, s->app, SV_RTMP_APP_MAX_BYTES, app->text, app->text_len)
        : take_tc_url(s, tc_url->text, tc_url->text_len);
    if (!has_app)
        return invalid(err, "it names no app as in rtmp://host/app, or one that cannot be");
    s->is_connected = true;
    struct sv_rtmp_connection *c = &s->connection;
    if ((rv = sv_rtmp_connection_send_number(c, SV_RTMP_WINDOW_SIZE, SV_RTMP_WINDOW_BYTES, err)) ||
        (rv = sv_rtmp_connection_send_number(c, SV_RTMP_PEER_BANDWIDTH, SV_RTMP_WINDOW_BYTES,
             err)) ||
        (rv = sv_rtmp_connection_send_number(c, SV_RTMP_SET_CHUNK_SIZE, CHUNK_BYTES, err)))
        return rv;
    return send_connected(s, command->transaction, err);
}

/* Returns 1: the owner has to decide. */
static int on_publish(struct sv_rtmp_publisher *s, struct sv_rtmp_command *command,
    uint32_t stream_id, int64_t now_ms, synctv_error *err)
{
    struct sv_amf0_item ignored, name;
    if (s->phase == SV_RTMP_PUBLISHES)
        return invalid(err, "it publishes a second time");
    int rv = sv_rtmp_command_argument(command, SV_AMF0_NULL, &ignored, err);
    if (rv >= 0)
        rv = sv_rtmp_command_argument(command, SV_AMF0_TEXT, &name, err);
    if (rv < 0)
        return rv;
    s->stream_id = stream_id > 0 ? stream_id : STREAM_ID;
    if (rv == 0 || !take_name(s, s->stream_key, SV_RTMP_KEY_MAX_BYTES, name.text, name.text_len)) {
        sv_rtmp_publisher_refuse(s, now_ms, SYNCTV_E_STREAM_NOT_FOUND, "no such stream key can be");
        return invalid(err, "its stream key is one that cannot be");
    }
    enter(s, SV_RTMP_WAITS, now_ms);
    return 1;
}

enum command_kind { CONNECT, CREATE_STREAM, PREPARE, PUBLISH, END, PLAY, OTHER };

static enum command_kind kind_of(const struct sv_rtmp_command *command)
{
    static const struct {
        const char *name;
        enum command_kind kind;
    } commands[] = {
        { "connect", CONNECT },
        { "createStream", CREATE_STREAM },
        { "releaseStream", PREPARE },
        { "FCPublish", PREPARE },
        { "publish", PUBLISH },
        { "FCUnpublish", END },
        { "deleteStream", END },
        { "closeStream", END },
        { "play", PLAY },
        { "play2", PLAY },
    };
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (sv_rtmp_command_is(command, commands[i].name))
            return commands[i].kind;
    }
    return OTHER;
}

static int on_end(struct sv_rtmp_publisher *s, int64_t now_ms, struct sv_rtmp_publisher_event *ret)
{
    if (s->phase != SV_RTMP_PUBLISHES)
        return 0;
    enter(s, SV_RTMP_IS_OVER, now_ms);
    ret->kind = SV_RTMP_EVENT_END;
    return 1;
}

/* Returns 1 if it is an event. */
static int on_command(struct sv_rtmp_publisher *s, const struct sv_rtmp_message *m, int64_t now_ms,
    struct sv_rtmp_publisher_event *ret, synctv_error *err)
{
    struct sv_rtmp_command command;
    int rv = sv_rtmp_command_read(m, &command, err);
    if (rv < 0)
        return rv;
    enum command_kind kind = kind_of(&command);
    if (!s->is_connected && kind != CONNECT && kind != OTHER)
        return invalid(err, "it does not connect first");
    switch (kind) {
    case CONNECT:
        return on_connect(s, &command, err);
    case CREATE_STREAM:
        return send_result(s, command.transaction, STREAM_ID, err);
    case PREPARE:
        return command.transaction != 0 ? send_result(s, command.transaction, 0, err) : 0;
    case PUBLISH:
        ret->kind = SV_RTMP_EVENT_PUBLISH;
        return on_publish(s, &command, m->stream_id, now_ms, err);
    case END:
        return on_end(s, now_ms, ret);
    case PLAY:
        send_info(s, "error", "NetStream.Play.Failed", "Streams are watched by HTTP-FLV.", NULL);
        return invalid(err, "it wants to play; streams are watched by HTTP-FLV");
    case OTHER:
        return 0;
    }
    return 0;
}

/* ---- media ---- */

static bool media_type_of(uint8_t message_type, enum sv_media_type *ret)
{
    switch (message_type) {
    case SV_RTMP_VIDEO:
        *ret = SV_MEDIA_VIDEO;
        return true;
    case SV_RTMP_AUDIO:
        *ret = SV_MEDIA_AUDIO;
        return true;
    case SV_RTMP_DATA:
    case SV_RTMP_DATA_AMF3:
        *ret = SV_MEDIA_METADATA;
        return true;
    default:
        return false;
    }
}

/* Returns 1 if there is something in it. The time of metadata says nothing, and is not used. */
static int on_media(struct sv_rtmp_publisher *s, enum sv_media_type type,
    const struct sv_rtmp_message *m, int64_t now_ms, struct sv_rtmp_publisher_event *ret)
{
    size_t skipped = m->type == SV_RTMP_DATA_AMF3 && m->len > 0;
    if (m->len == skipped)
        return 0;
    *ret = (struct sv_rtmp_publisher_event){
        .kind = SV_RTMP_EVENT_MEDIA,
        .type = type,
        .timestamp_ms = type == SV_MEDIA_METADATA ? sv_clock32_now(&s->clock)
                                                  : sv_clock32_take(&s->clock, m->timestamp),
        .data = m->data + skipped,
        .len = m->len - skipped,
    };
    if (type != SV_MEDIA_METADATA)
        s->since_ms = now_ms;
    return 1;
}

/* Returns 1 with the next part that is media, 0 when there are no more. */
static int next_part(struct sv_rtmp_publisher *s, int64_t now_ms,
    struct sv_rtmp_publisher_event *ret, synctv_error *err)
{
    while (s->aggregate_left > 0) {
        const uint8_t *p = s->aggregate;
        struct sv_rtmp_message part = { .type = p[0], .data = p + PART_HEAD_LEN };
        if (s->aggregate_left >= PART_HEAD_LEN)
            part.len = sv_get_be24(p + 1);
        if (s->aggregate_left < PART_HEAD_LEN + part.len)
            return invalid(err, "an aggregate message is short");
        uint32_t timestamp = sv_get_be24(p + 4) | (uint32_t)p[7] << 24;
        if (!s->aggregate_has_offset)
            s->aggregate_offset -= timestamp;
        s->aggregate_has_offset = true;
        part.timestamp = s->aggregate_offset + timestamp;
        /* Some leave out the length behind the last part. */
        size_t len = PART_HEAD_LEN + part.len + PART_TAIL_LEN;
        len = len < s->aggregate_left ? len : s->aggregate_left;
        s->aggregate += len;
        s->aggregate_left -= len;
        enum sv_media_type type;
        if (part.type == SV_RTMP_AGGREGATE)
            return invalid(err, "an aggregate message is in another one");
        if (media_type_of(part.type, &type) && on_media(s, type, &part, now_ms, ret))
            return 1;
    }
    return 0;
}

static int on_aggregate(struct sv_rtmp_publisher *s, const struct sv_rtmp_message *m,
    int64_t now_ms, struct sv_rtmp_publisher_event *ret, synctv_error *err)
{
    s->aggregate = m->data;
    s->aggregate_left = m->len;
    s->aggregate_offset = m->timestamp;
    s->aggregate_has_offset = false;
    return next_part(s, now_ms, ret, err);
}

/* ---- messages ---- */

static int on_message(struct sv_rtmp_publisher *s, const struct sv_rtmp_message *m, int64_t now_ms,
    struct sv_rtmp_publisher_event *ret, synctv_error *err)
{
    enum sv_media_type type;
    if (m->type == SV_RTMP_COMMAND || m->type == SV_RTMP_COMMAND_AMF3)
        return on_command(s, m, now_ms, ret, err);
    bool is_media = media_type_of(m->type, &type);
    if (!is_media && m->type != SV_RTMP_AGGREGATE)
        return 0;
    if (s->phase != SV_RTMP_PUBLISHES)
        return invalid(err, "it sends media before it publishes");
    return is_media ? on_media(s, type, m, now_ms, ret) : on_aggregate(s, m, now_ms, ret, err);
}

/* Returns 1 if there is an event, 0 when all is used. */
static int feed(struct sv_rtmp_publisher *s, int64_t now_ms, const uint8_t *in, size_t len,
    size_t *ret_used, struct sv_rtmp_publisher_event *ret, synctv_error *err)
{
    int rv = next_part(s, now_ms, ret, err);
    bool is_complete = true;
    while (rv == 0 && is_complete) {
        struct sv_rtmp_message message;
        size_t used = 0;
        rv = sv_rtmp_connection_feed(&s->connection, in + *ret_used, len - *ret_used, &used,
            &message, err);
        *ret_used += used;
        is_complete = rv == 1;
        if (rv == 1)
            rv = on_message(s, &message, now_ms, ret, err);
        if (rv == 0 && s->connection.is_shaken && s->phase == SV_RTMP_SHAKES_HANDS)
            enter(s, SV_RTMP_SAYS_WHAT, now_ms);
    }
    return rv;
}

int sv_rtmp_publisher_feed(struct sv_rtmp_publisher *session, int64_t now_ms, const uint8_t *in,
    size_t len, size_t *ret_used, struct sv_rtmp_publisher_event *ret_event, synctv_error *err)
{
    size_t used = 0;
    int rv = 0;
    if (session->phase == SV_RTMP_IS_OVER)
        used = len;
    else if (session->phase != SV_RTMP_WAITS)
        rv = feed(session, now_ms, in, len, &used, ret_event, err);
    if (rv < 0)
        enter(session, SV_RTMP_IS_OVER, now_ms);
    *ret_used = used;
    return rv;
}

/* ---- the owner ---- */

int sv_rtmp_publisher_accept(struct sv_rtmp_publisher *session, int64_t now_ms, synctv_error *err)
{
    enter(session, SV_RTMP_PUBLISHES, now_ms);
    int rv = sv_rtmp_connection_send_event(&session->connection, SV_RTMP_STREAM_BEGIN,
        session->stream_id, err);
    if (rv == 0)
        rv = send_info(session, "status", "NetStream.Publish.Start", "Publishing.", err);
    if (rv < 0)
        enter(session, SV_RTMP_IS_OVER, now_ms);
    return rv;
}

static const char *refusal_of(int code)
{
    switch (code) {
    case SYNCTV_E_ALREADY_PUBLISHING:
    case SYNCTV_E_STREAM_NOT_FOUND:
    case SYNCTV_E_MOVIE_NOT_FOUND:
    case SYNCTV_E_ROOM_NOT_FOUND:
        return "NetStream.Publish.BadName";
    case SYNCTV_E_TOKEN_MISSING:
    case SYNCTV_E_TOKEN_INVALID:
    case SYNCTV_E_TOKEN_EXPIRED:
    case SYNCTV_E_PERMISSION_DENIED:
        return "NetStream.Publish.Unauthorized";
    default:
        return "NetStream.Publish.Failed";
    }
}

void sv_rtmp_publisher_refuse(struct sv_rtmp_publisher *session, int64_t now_ms, int code,
    const char *reason)
{
    /* If that cannot be sent, the end of the connection says it, too. */
    send_info(session, "error", refusal_of(code), reason, NULL);
    enter(session, SV_RTMP_IS_OVER, now_ms);
}

int64_t sv_rtmp_publisher_deadline_ms(const struct sv_rtmp_publisher *session)
{
    switch (session->phase) {
    case SV_RTMP_SHAKES_HANDS:
        return session->since_ms + SV_RTMP_HANDSHAKE_MAX_MS;
    case SV_RTMP_SAYS_WHAT:
        return session->since_ms + SV_RTMP_PUBLISH_MAX_MS;
    case SV_RTMP_WAITS:
        return INT64_MAX;
    case SV_RTMP_PUBLISHES:
        return session->since_ms + SV_RTMP_IDLE_MAX_MS;
    case SV_RTMP_IS_OVER:
        return session->since_ms + SV_RTMP_LEAVE_MAX_MS;
    }
    return INT64_MAX;
}

const char *sv_rtmp_publisher_late_reason(const struct sv_rtmp_publisher *session)
{
    switch (session->phase) {
    case SV_RTMP_SHAKES_HANDS:
        return "no complete handshake in 10 s";
    case SV_RTMP_SAYS_WHAT:
        return "it does not say in 15 s what it publishes";
    case SV_RTMP_WAITS:
        return "";
    case SV_RTMP_PUBLISHES:
        return "no audio or video for 20 s";
    case SV_RTMP_IS_OVER:
        return "it does not close the connection";
    }
    return "";
}
