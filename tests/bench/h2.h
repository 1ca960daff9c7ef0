/* SPDX-License-Identifier: MIT */
/*
 * As much HTTP/2 as it takes to play the client, or a bare server, of gRPC calls whose bytes are
 * known beforehand. Headers are written without Huffman codes and never read; what is read is
 * frames, and the messages in DATA.
 */
#ifndef BENCH_H2_H
#define BENCH_H2_H

#include "common.h"

#define H2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define H2_HEAD 9 /* bytes before a frame's payload */

enum {
    H2_DATA,
    H2_HEADERS,
    H2_PRIORITY,
    H2_RST_STREAM,
    H2_SETTINGS,
    H2_PUSH,
    H2_PING,
    H2_GOAWAY,
    H2_WINDOW_UPDATE
};
enum { H2_END_STREAM = 1, H2_ACK = 1, H2_END_HEADERS = 4, H2_PADDED = 8 };

struct h2_frame {
    uint32_t len, stream_id;
    uint8_t type, flags;
    const uint8_t *payload;
};

/* Reads one frame; how many bytes it has, 0 = it is not all there. */
size_t h2_read(const uint8_t *in, size_t len, struct h2_frame *ret);
uint32_t h2_number(const uint8_t *at); /* 4 bytes */

void h2_put_head(struct bytes *out, size_t len, uint8_t type, uint8_t flags, uint32_t stream_id);
/* One message with its prefix of 5 bytes as DATA. */
void h2_put_message(struct bytes *out, const void *body, size_t len, uint8_t flags,
    uint32_t stream_id);
/* Settings that let the other side send as much as it likes, and a window for the connection. */
void h2_put_settings(struct bytes *out);
/* Answers SETTINGS and PING. */
void h2_put_ack(struct bytes *out, const struct h2_frame *frame);
void h2_put_window(struct bytes *out, uint32_t stream_id, uint32_t increment);

/* A header that both sides keep in their table from then on; the newest has number 62. */
void h2_put_header(struct bytes *out, const char *name, const char *value);
void h2_put_indexed(struct bytes *out, unsigned number);

/* Where one stream is in its DATA: messages have a prefix of 5 bytes and may be cut anywhere. */
struct h2_messages {
    uint8_t prefix[5], n_prefix;
    uint32_t left;
};

/* How many messages end in this piece. */
unsigned h2_count_messages(struct h2_messages *m, const uint8_t *data, size_t len);

#endif
