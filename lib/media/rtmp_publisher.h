/* SPDX-License-Identifier: MIT */
/*
 * A server's side of a connection from an encoder: bytes in, events and bytes out. It owns no
 * socket and no clock.
 *
 *   encoder                        session                              owner
 *   handshake, connect,
 *   createStream, publish  ----->                  -- PUBLISH ------->  may it? (takes as long as
 *                          <-----  Publish.Start   <-- accept() ------  it takes)
 *   metadata, headers, frames -->                  -- MEDIA --------->  sv_gop_cache_add()
 *   deleteStream           ----->                  -- END ----------->  closes the socket
 *
 * After each call send what is in session->connection.out. After END, refuse() or an error the
 * session is over: feed() drops what it gets. Read on until the encoder closes the connection, or
 * until the deadline: who closes with something unread resets the connection, and the encoder
 * complains, or never sees why it was refused.
 */
#ifndef SV_MEDIA_RTMP_PUBLISHER_H
#define SV_MEDIA_RTMP_PUBLISHER_H

#include <synctv/error.h>

#include "media/payload.h"
#include "media/rtmp_connection.h"
#include "media/timeline.h"

#define SV_RTMP_APP_MAX_BYTES 64
#define SV_RTMP_KEY_MAX_BYTES 64
#define SV_RTMP_QUERY_MAX_BYTES 1024
/* What is to be sent to an encoder that does not read. */
#define SV_RTMP_PUBLISHER_OUT_MAX_BYTES (256 << 10)
/*
 * How long an encoder may take to the end of the handshake, from there to publish, from frame to
 * frame, and to close the connection at the end.
 */
#define SV_RTMP_HANDSHAKE_MAX_MS 10000
#define SV_RTMP_PUBLISH_MAX_MS 15000
#define SV_RTMP_IDLE_MAX_MS 20000
#define SV_RTMP_LEAVE_MAX_MS 2000

enum sv_rtmp_publisher_phase {
    SV_RTMP_SHAKES_HANDS,
    SV_RTMP_SAYS_WHAT,
    /* The owner has to accept or refuse. */
    SV_RTMP_WAITS,
    SV_RTMP_PUBLISHES,
    SV_RTMP_IS_OVER,
};

enum sv_rtmp_publisher_event_kind {
    /* Of app, stream_key and query. Accept or refuse; until then feed() takes nothing. */
    SV_RTMP_EVENT_PUBLISH,
    SV_RTMP_EVENT_MEDIA,
    SV_RTMP_EVENT_END,
};

struct sv_rtmp_publisher_event {
    enum sv_rtmp_publisher_event_kind kind;
    /* MEDIA: for sv_gop_cache_add(); valid until the next feed(). Never empty. */
    enum sv_media_type type;
    /* The encoder's time, unwrapped. */
    int64_t timestamp_ms;
    const uint8_t *data;
    size_t len;
};

struct sv_rtmp_publisher {
    struct sv_rtmp_connection connection;
    enum sv_rtmp_publisher_phase phase;
    /* When this phase began, or the last frame came. */
    int64_t since_ms;
    bool is_connected;
    /* Of the message stream that publishes. */
    uint32_t stream_id;
    /* All letters, digits, and "_-.". */
    char app[SV_RTMP_APP_MAX_BYTES + 1];
    char stream_key[SV_RTMP_KEY_MAX_BYTES + 1];
    /* What follows "?" of the key, or of the app: printable ASCII. "" = none. */
    char query[SV_RTMP_QUERY_MAX_BYTES + 1];
    struct sv_clock32 clock;
    /* What is left of an aggregate message, and what is added to the times in it. */
    const uint8_t *aggregate;
    size_t aggregate_left;
    uint32_t aggregate_offset;
    bool aggregate_has_offset;
};

void sv_rtmp_publisher_init(struct sv_rtmp_publisher *session, int64_t now_ms);
void sv_rtmp_publisher_fini(struct sv_rtmp_publisher *session);
/*
 * Takes bytes up to the next event: returns 1 and the event; or 0 when all of the input is used, or
 * the owner has to decide first (then keep the rest, and read no more from the socket). Call it
 * until it returns 0. `now_ms` is any clock that does not go back.
 * Errors: INVALID_ARGUMENT, TOO_LARGE, SLOW_CONSUMER, NO_MEMORY; `err` says why in a sentence. The
 * session is over then.
 */
int sv_rtmp_publisher_feed(struct sv_rtmp_publisher *session, int64_t now_ms, const uint8_t *in,
    size_t len, size_t *ret_used, struct sv_rtmp_publisher_event *ret_event, synctv_error *err);
/* After PUBLISH: it may. Errors: SLOW_CONSUMER, NO_MEMORY; then the session is over. */
int sv_rtmp_publisher_accept(struct sv_rtmp_publisher *session, int64_t now_ms, synctv_error *err);
/* After PUBLISH: it may not, for this SYNCTV_E_* and reason (for people). The session is over. */
void sv_rtmp_publisher_refuse(struct sv_rtmp_publisher *session, int64_t now_ms, int code,
    const char *reason);
/*
 * When the encoder has taken too long, by the clock of feed(); INT64_MAX = never, because the owner
 * has to decide. At that time close the connection, for this reason.
 */
int64_t sv_rtmp_publisher_deadline_ms(const struct sv_rtmp_publisher *session);
const char *sv_rtmp_publisher_late_reason(const struct sv_rtmp_publisher *session);

#endif
