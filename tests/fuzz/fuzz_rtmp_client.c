/* SPDX-License-Identifier: MIT */
/*
 * What a server sends to a client that publishes, behind the handshake. The first byte says in what
 * pieces it comes; where the client gets to must not depend on it.
 */
#include <synctv/error.h>

#include "fuzz.h"
#include "media/rtmp_client.h"

struct result {
    int rv;
    enum sv_rtmp_client_phase phase;
    uint32_t stream_id;
};

static int send_frame(struct sv_rtmp_client *s)
{
    return sv_rtmp_client_send(s, SV_MEDIA_VIDEO, 1, (const uint8_t *)"\x17\1\0\0\0x", 6, NULL);
}

static struct result run(const uint8_t *data, size_t len, size_t piece)
{
    static const uint8_t hello[SV_RTMP_HANDSHAKE_BYTES] = { 3 };
    struct sv_rtmp_client s;
    FUZZ_MUST(sv_rtmp_client_init(&s, "live", "rtmp://localhost/live", "key?token=x") == 0);
    int rv = sv_rtmp_client_feed(&s, hello, sizeof(hello), NULL);
    FUZZ_MUST(rv == 0 && s.phase == SV_RTMP_CLIENT_CONNECTS);
    for (size_t pos = 0; pos < len && rv == 0; pos += piece) {
        size_t n = len - pos < piece ? len - pos : piece;
        rv = sv_rtmp_client_feed(&s, data + pos, n, NULL);
        FUZZ_MUST(s.connection.out.len <= SV_RTMP_CLIENT_OUT_MAX_BYTES);
        sv_buffer_consume(&s.connection.out, s.connection.out.len);
    }
    struct result result = { .rv = rv, .phase = s.phase, .stream_id = s.stream_id };
    FUZZ_MUST(rv == 0 || s.phase == SV_RTMP_CLIENT_IS_OVER);
    bool publishes = s.phase == SV_RTMP_CLIENT_PUBLISHES;
    FUZZ_MUST(!publishes || s.stream_id >= 1);
    FUZZ_MUST(send_frame(&s) == (publishes ? 0 : SYNCTV_E_NOT_CONNECTED));
    FUZZ_MUST(sv_rtmp_client_end(&s, NULL) == (publishes ? 0 : SYNCTV_E_NOT_CONNECTED));
    sv_rtmp_client_fini(&s);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 2)
        return 0;
    struct result whole = run(data + 1, len - 1, len);
    struct result pieces = run(data + 1, len - 1, 1u + data[0] % 64);
    FUZZ_MUST(whole.rv == pieces.rv && whole.phase == pieces.phase);
    FUZZ_MUST(whole.stream_id == pieces.stream_id);
    return 0;
}
