/* SPDX-License-Identifier: MIT */
#include "media/rtmp_connection.h"

#include "base/error.h"
#include "media/big_endian.h"
#include "media/rtmp_chunk_writer.h"

#define PING_REQUEST 6
#define PING_RESPONSE 7

void sv_rtmp_connection_init(struct sv_rtmp_connection *connection, bool is_client,
    size_t out_max_bytes)
{
    *connection = (struct sv_rtmp_connection){
        .is_client = is_client,
        .chunk_bytes = SV_RTMP_CHUNK_BYTES_DEFAULT,
        .out_max_bytes = out_max_bytes,
        .window_bytes = SV_RTMP_WINDOW_BYTES,
    };
    sv_rtmp_chunk_reader_init(&connection->reader);
}

void sv_rtmp_connection_fini(struct sv_rtmp_connection *connection)
{
    sv_rtmp_chunk_reader_fini(&connection->reader);
    sv_buffer_fini(&connection->out);
}

/* ---- sending ---- */

int sv_rtmp_connection_send(struct sv_rtmp_connection *connection, uint8_t chunk_stream_id,
    const struct sv_rtmp_message *message, synctv_error *err)
{
    int rv = sv_rtmp_chunk_write(&connection->out, connection->out_max_bytes,
        connection->chunk_bytes, chunk_stream_id, message);
    if (rv == SYNCTV_E_TOO_LARGE)
        return sv_errorf(err, SYNCTV_E_SLOW_CONSUMER, "it does not read what it is sent");
    return rv < 0 ? sv_error(err, rv) : 0;
}

static int send_control(struct sv_rtmp_connection *c, enum sv_rtmp_message_type type,
    const uint8_t *data, size_t len, synctv_error *err)
{
    const struct sv_rtmp_message message = { .type = (uint8_t)type, .data = data, .len = len };
    return sv_rtmp_connection_send(c, SV_RTMP_CONTROL_CHUNKS, &message, err);
}

int sv_rtmp_connection_send_number(struct sv_rtmp_connection *connection,
    enum sv_rtmp_message_type type, uint32_t number, synctv_error *err)
{
    /* Peer Bandwidth has one byte more: 2, as much as the client's window. */
    uint8_t data[5] = { 0, 0, 0, 0, 2 };
    sv_put_be32(data, number);
    int rv = send_control(connection, type, data, type == SV_RTMP_PEER_BANDWIDTH ? 5 : 4, err);
    if (rv == 0 && type == SV_RTMP_SET_CHUNK_SIZE)
        connection->chunk_bytes = number;
    return rv;
}

int sv_rtmp_connection_send_event(struct sv_rtmp_connection *connection, uint16_t event,
    uint32_t number, synctv_error *err)
{
    uint8_t data[6];
    sv_put_be16(data, event);
    sv_put_be32(data + 2, number);
    return send_control(connection, SV_RTMP_USER_CONTROL, data, sizeof(data), err);
}

/* ---- receiving ---- */

/* At half of the window, so that the other side never has to wait. */
static int acknowledge(struct sv_rtmp_connection *c, synctv_error *err)
{
    if (!c->is_shaken || c->received_bytes - c->acked_bytes < c->window_bytes / 2)
        return 0;
    c->acked_bytes = c->received_bytes;
    return sv_rtmp_connection_send_number(c, SV_RTMP_ACK, (uint32_t)c->received_bytes, err);
}

/* 0 means none; nobody has to be acknowledged after each byte. */
static void take_window(struct sv_rtmp_connection *c, uint32_t bytes)
{
    if (bytes == 0)
        bytes = SV_RTMP_WINDOW_BYTES;
    c->window_bytes = bytes < SV_RTMP_WINDOW_MIN_BYTES ? SV_RTMP_WINDOW_MIN_BYTES : bytes;
}

static int take_user_control(struct sv_rtmp_connection *c, const struct sv_rtmp_message *m,
    synctv_error *err)
{
    if (m->len < 6 || sv_get_be16(m->data) != PING_REQUEST)
        return 0;
    return sv_rtmp_connection_send_event(c, PING_RESPONSE, sv_get_be32(m->data + 2), err);
}

/* Returns 1 for a message that is not for the connection itself. */
static int take_message(struct sv_rtmp_connection *c, const struct sv_rtmp_message *m,
    synctv_error *err)
{
    switch (m->type) {
    case SV_RTMP_ACK:
        return 0;
    case SV_RTMP_USER_CONTROL:
        return take_user_control(c, m, err);
    case SV_RTMP_WINDOW_SIZE:
        if (m->len >= 4)
            take_window(c, sv_get_be32(m->data));
        return 0;
    case SV_RTMP_PEER_BANDWIDTH:
        if (m->len >= 4 && c->is_client)
            return sv_rtmp_connection_send_number(c, SV_RTMP_WINDOW_SIZE, sv_get_be32(m->data),
                err);
        return 0;
    default:
        return 1;
    }
}

static int feed_handshake(struct sv_rtmp_connection *c, const uint8_t *in, size_t len,
    size_t *ret_used, synctv_error *err)
{
    int rv = c->is_client
        ? sv_rtmp_handshake_feed_client(&c->handshake, in, len, ret_used, &c->out, err)
        : sv_rtmp_handshake_feed_server(&c->handshake, in, len, ret_used, &c->out, err);
    c->is_shaken = rv == 1;
    return rv < 0 ? rv : 0;
}

int sv_rtmp_connection_feed(struct sv_rtmp_connection *connection, const uint8_t *in, size_t len,
    size_t *ret_used, struct sv_rtmp_message *ret_message, synctv_error *err)
{
    size_t pos = 0;
    int rv = 0;
    do {
        size_t used = 0;
        if (!connection->is_shaken) {
            rv = feed_handshake(connection, in + pos, len - pos, &used, err);
        } else {
            rv = sv_rtmp_chunk_reader_feed(&connection->reader, in + pos, len - pos, &used,
                ret_message, err);
            if (rv == 1)
                rv = take_message(connection, ret_message, err);
        }
        pos += used;
        connection->received_bytes += used;
        int acknowledged = rv >= 0 ? acknowledge(connection, err) : 0;
        if (acknowledged < 0)
            rv = acknowledged;
    } while (rv == 0 && pos < len);
    *ret_used = pos;
    return rv;
}
