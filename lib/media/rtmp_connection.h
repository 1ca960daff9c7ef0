/* SPDX-License-Identifier: MIT */
/*
 * What both ends of an RTMP connection do: the handshake, chunks, acknowledgements, pings. Sessions
 * (rtmp_publisher.h, rtmp_client.h) are built on it.
 *
 *   socket ---- feed() ----> handshake -> chunk reader -+-> message for the session
 *                                                       |
 *   socket <--- out <------- chunk writer <-------------+-- acknowledgements, pongs; the session
 */
#ifndef SV_MEDIA_RTMP_CONNECTION_H
#define SV_MEDIA_RTMP_CONNECTION_H

#include <stdbool.h>

#include <synctv/error.h>

#include "media/buffer.h"
#include "media/rtmp_chunk_reader.h"
#include "media/rtmp_handshake.h"

/* Chunk streams for what we send. */
#define SV_RTMP_CONTROL_CHUNKS 2
#define SV_RTMP_COMMAND_CHUNKS 3
#define SV_RTMP_MEDIA_CHUNKS 4

/* A window that the other side has not announced, and what we announce. */
#define SV_RTMP_WINDOW_BYTES 2500000
/* A smaller window counts as this one: else each byte could want an acknowledgement. */
#define SV_RTMP_WINDOW_MIN_BYTES 4096

struct sv_rtmp_connection {
    bool is_client, is_shaken;
    struct sv_rtmp_handshake handshake;
    struct sv_rtmp_chunk_reader reader;
    /* Of our chunks. */
    uint32_t chunk_bytes;
    /* What is to be sent, up to so many bytes. */
    struct sv_buffer out;
    size_t out_max_bytes;
    /* Received in all; acknowledged of these; the other side's window. */
    uint64_t received_bytes, acked_bytes;
    uint32_t window_bytes;
};

/* Cannot fail: a client begins with sv_rtmp_handshake_hello(). */
void sv_rtmp_connection_init(struct sv_rtmp_connection *connection, bool is_client,
    size_t out_max_bytes);
void sv_rtmp_connection_fini(struct sv_rtmp_connection *connection);
/*
 * Takes bytes up to the end of a message that is for the session: returns 1 and the message, valid
 * until the next call; or 0 when all of the input is used. Call it until it returns 0.
 * Errors: INVALID_ARGUMENT, TOO_LARGE, SLOW_CONSUMER (what is to be sent is too much), NO_MEMORY.
 */
int sv_rtmp_connection_feed(struct sv_rtmp_connection *connection, const uint8_t *in, size_t len,
    size_t *ret_used, struct sv_rtmp_message *ret_message, synctv_error *err);

/* Appends to `out`. Errors: SLOW_CONSUMER, NO_MEMORY. */
int sv_rtmp_connection_send(struct sv_rtmp_connection *connection, uint8_t chunk_stream_id,
    const struct sv_rtmp_message *message, synctv_error *err);
/* A control message of one number. SET_CHUNK_SIZE also holds for what is sent after it. */
int sv_rtmp_connection_send_number(struct sv_rtmp_connection *connection,
    enum sv_rtmp_message_type type, uint32_t number, synctv_error *err);
/* A user control message: an event and a number. */
#define SV_RTMP_STREAM_BEGIN 0
int sv_rtmp_connection_send_event(struct sv_rtmp_connection *connection, uint16_t event,
    uint32_t number, synctv_error *err);

#endif
