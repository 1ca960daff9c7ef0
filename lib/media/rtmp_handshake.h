/* SPDX-License-Identifier: MIT */
/*
 * The beginning of an RTMP connection. Both sides send a version and 1536 bytes, and send back the
 * 1536 bytes of the other. This is the simple form, without the digests of Flash: encoders and
 * players accept it.
 */
#ifndef SV_MEDIA_RTMP_HANDSHAKE_H
#define SV_MEDIA_RTMP_HANDSHAKE_H

#include <stddef.h>
#include <stdint.h>

#include <synctv/error.h>

#include "media/buffer.h"

#define SV_RTMP_HANDSHAKE_PART_BYTES 1536
/* What each side sends. */
#define SV_RTMP_HANDSHAKE_BYTES (1 + 2 * SV_RTMP_HANDSHAKE_PART_BYTES)

/* All zeros at first. */
struct sv_rtmp_handshake {
    /* Bytes of the other side. */
    size_t have;
};

/* Appends our version and 1536 bytes to `out`: a client at once. Errors: NO_MEMORY. */
int sv_rtmp_handshake_hello(struct sv_buffer *out);
/*
 * A server's side says hello itself, once the other's version has come. Returns 1 when the
 * handshake is complete, 0 when it has used all of the input and wants more.
 * Errors: INVALID_ARGUMENT (the other does not speak RTMP), NO_MEMORY.
 */
int sv_rtmp_handshake_feed_server(struct sv_rtmp_handshake *handshake, const uint8_t *in,
    size_t len, size_t *ret_used, struct sv_buffer *out, synctv_error *err);
int sv_rtmp_handshake_feed_client(struct sv_rtmp_handshake *handshake, const uint8_t *in,
    size_t len, size_t *ret_used, struct sv_buffer *out, synctv_error *err);

#endif
