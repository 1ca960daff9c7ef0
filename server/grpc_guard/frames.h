/* SPDX-License-Identifier: MIT */
/*
 * Watches what a client sends as HTTP/2 for what gRPC's core (1.51) takes without limit, each of
 * which is enough for one connection to take the memory, or the thread that serves everybody:
 *   - a header block that never ends (CVE-2023-33953): the core keeps all of it, and looks at it
 *     anew with each piece
 *   - calls beyond the allowed number from a client that does not acknowledge the settings which
 *     say so
 *   - calls that are taken back as soon as they are made (CVE-2023-44487)
 *   - many PINGs at once: the core hangs up after three, but keeps an error of some KiB for each
 *     that has come by then
 *   - frames that ask for nothing, without end: GOAWAY, PRIORITY, SETTINGS, empty DATA, those that
 *     HTTP/2 does not know
 *   - messages that never end: the core looks at the size when a message is complete; past its
 *     limit for all connections it resets streams of whomever. A piece of some bytes keeps alive
 *     the 64 KiB that were received together with it.
 *   - messages that follow the only one that is read of a call, for as long as it has no answer;
 *     small messages with much between them, faster than they are read
 *   - calls whose request never comes: the core tells nobody of them until it has come
 * Takes bytes, owns no socket. Nothing is kept of them but the head of the frame or message that is
 * under way.
 */
#ifndef GRPC_GUARD_FRAMES_H
#define GRPC_GUARD_FRAMES_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * With the heads of its frames. What is over 8 KiB of metadata the core refuses with an answer,
 * once the block is complete.
 */
#define FRAMES_BLOCK_MAX_BYTES (64 << 10)
/*
 * What messages keep that are not complete, or are of a call without an answer: of one connection;
 * of all together, unless the one that sends has hardly any. A piece keeps FRAMES_READ_BYTES, or
 * what came since the last piece if that is less.
 */
#define FRAMES_READ_BYTES (64 << 10)
#define FRAMES_PARTS_MAX_BYTES (8 << 20)
#define FRAMES_ALL_PARTS_MAX_BYTES (128 << 20)
#define FRAMES_FEW_PARTS_BYTES (160 << 10)
/*
 * What pieces of all messages keep beside themselves, in bytes. The server reads some thousand
 * messages a second of a connection that sends as fast as it can; until then the core has them.
 * Between those of honest clients is a WINDOW_UPDATE or two for each message they have got.
 */
#define FRAMES_APART_AT_ONCE (16 << 20)
#define FRAMES_APART_PER_SECOND (16 << 20)
/* What the core keeps for a call that waits for its request. */
#define FRAMES_CALL_BYTES (15 << 10)
/* So long a call may wait for it. */
#define FRAMES_REQUEST_MAX_MS 60000
/*
 * So many messages may be under way, or twice as many as there may be calls: that one has ended is
 * noted a little late.
 */
#define FRAMES_PARTS_MAX 4096
/*
 * Calls that we have ended: what clients go on to send for them is thrown away. They stop as soon
 * as they know.
 */
#define FRAMES_OVER_MAX 128
/*
 * The limit of calls is at least that, however few may be open: until they have our settings
 * clients assume 100 or more (RFC 9113, 6.5.2), and one that makes its calls one after the other
 * may take back each.
 */
#define FRAMES_CALLS_MIN 128
/* There are clients that send one whenever the last was answered. */
#define FRAMES_PINGS_AT_ONCE 200
#define FRAMES_PINGS_PER_SECOND 10000
/* Clients send some when they connect. */
#define FRAMES_IDLE_AT_ONCE 1000
#define FRAMES_IDLE_PER_SECOND 1000

enum frames_state { FRAMES_PREFACE, FRAMES_HEAD, FRAMES_PAYLOAD };

/* Happened so many times, less what was forgiven by the passing of time. */
struct frames_rate {
    double n;
    int64_t at_ms;
};

/*
 * What has come of a gRPC message, or of all of a call that has had no answer yet, not even
 * headers.
 */
struct frames_part {
    uint32_t call_id;
    /* As announced by its head. */
    uint32_t size;
    /* That have come, with its head. */
    uint32_t bytes;
    /* Bytes that its pieces keep. */
    size_t kept;
    /* The first of a call without an answer, and not complete. */
    bool is_request;
    bool has_no_answer;
    int64_t since_ms;
};

struct frames {
    /* Of all but settings_sent. */
    pthread_mutex_t lock;
    enum frames_state state;
    /* So many may be taken back a second, and twice as many at once; 0 = any. */
    unsigned max_calls;
    /* Made before the settings were acknowledged. */
    unsigned n_calls;
    /* Set by whoever is going to send the first bytes: those are our settings. */
    atomic_bool settings_sent;
    bool acknowledged;
    /* Bytes of the preface or of `head`. */
    unsigned have;
    unsigned char head[9];
    /* Bytes of the payload. */
    uint32_t left;
    /* Bytes of all frames, ever. */
    uint64_t taken;
    /* How many they were after the last piece that was kept. */
    uint64_t last_piece;
    /* Of the header block under way. */
    uint32_t block_bytes;
    /* The highest one. */
    uint32_t call_id;
    struct frames_rate taken_back, pings, idle, apart;
    /* When we looked for requests that do not come. */
    int64_t now_ms, looked_ms;

    /* Its length is the next byte. */
    bool padding_follows;
    /* Bytes at the end of the payload. */
    uint32_t padding;
    /* Of the DATA under way. */
    struct frames_part part;
    /* Of the calls whose messages wait for more DATA, oldest first. */
    struct frames_part *parts;
    unsigned n_parts, parts_room;
    /* That they keep. */
    size_t parts_bytes;
    /* Of the parts. */
    unsigned n_requests;
    /* Of all connections, with FRAMES_CALL_BYTES for each request. */
    atomic_size_t *all_parts_bytes;

    /* Bytes of sent_head. */
    unsigned sent_have;
    unsigned char sent_head[9];
    /* Bytes of the payload. */
    uint32_t sent_left;
    uint32_t over[FRAMES_OVER_MAX];
    /* Ever; they take turns. */
    unsigned n_over;
};

/* So many calls may be open at the same time; 0 = any. */
void frames_init(struct frames *f, unsigned max_calls, atomic_size_t *all_parts_bytes);
void frames_fini(struct frames *f);

/*
 * The next bytes of the client, at some time of a clock that never goes back. Returns NULL, or why
 * it has to be cut off. What takes too long is noticed when the next bytes come, the answer to a
 * PING at the latest.
 */
const char *frames_take(struct frames *f, const void *data, size_t len, int64_t now_ms);

/*
 * The next bytes that were sent to the client. May be called while another thread is in
 * frames_take().
 */
void frames_sent(struct frames *f, const void *data, size_t len);

#endif
