/* SPDX-License-Identifier: MIT */
/*
 * A client's side of RTMP that publishes: bytes in, what the server says and bytes out. It owns no
 * socket. What is to be sent is in session->connection.out: after init(), and after each call.
 */
#ifndef SV_MEDIA_RTMP_CLIENT_H
#define SV_MEDIA_RTMP_CLIENT_H

#include <synctv/error.h>

#include "media/payload.h"
#include "media/rtmp_connection.h"

/* What waits to be sent: the largest frame, and some others. */
#define SV_RTMP_CLIENT_OUT_MAX_BYTES (16 << 20)

enum sv_rtmp_client_phase {
    SV_RTMP_CLIENT_SHAKES_HANDS,
    SV_RTMP_CLIENT_CONNECTS,
    SV_RTMP_CLIENT_CREATES,
    SV_RTMP_CLIENT_ASKS,
    /* Media may be sent. */
    SV_RTMP_CLIENT_PUBLISHES,
    SV_RTMP_CLIENT_IS_OVER,
};

struct sv_rtmp_client {
    struct sv_rtmp_connection connection;
    enum sv_rtmp_client_phase phase;
    /* Borrowed. */
    const char *app, *tc_url, *stream_key;
    uint32_t stream_id;
};

/*
 * For rtmp://host/app/stream_key, with "?token=…" behind the key; tc_url is "rtmp://host/app". The
 * texts must outlive the session. Errors: NO_MEMORY; fini() all the same.
 */
int sv_rtmp_client_init(struct sv_rtmp_client *session, const char *app, const char *tc_url,
    const char *stream_key);
void sv_rtmp_client_fini(struct sv_rtmp_client *session);
/*
 * Takes all of the input; session->phase says how far it is.
 * Errors: PERMISSION_DENIED (the server refuses; `err` has its words), INVALID_ARGUMENT, TOO_LARGE,
 * SLOW_CONSUMER, NO_MEMORY. The session is over then.
 */
int sv_rtmp_client_feed(struct sv_rtmp_client *session, const uint8_t *in, size_t len,
    synctv_error *err);
/*
 * Sends media, while phase is PUBLISHES. Metadata is what FLV has: "onMetaData" and its object.
 * Errors: NOT_CONNECTED (another phase), SLOW_CONSUMER (send what waits first), NO_MEMORY.
 */
int sv_rtmp_client_send(struct sv_rtmp_client *session, enum sv_media_type type,
    int64_t timestamp_ms, const uint8_t *data, size_t len, synctv_error *err);
/* Says that the stream ends. Errors: NOT_CONNECTED, SLOW_CONSUMER, NO_MEMORY. */
int sv_rtmp_client_end(struct sv_rtmp_client *session, synctv_error *err);

#endif
