/* SPDX-License-Identifier: MIT */
/*
 * Reads what a client sends as HTTP/2, and checks what gRPC's core (1.51) takes without a limit.
 * Each of these is enough for one connection to use up the memory, or the thread that serves
 * everybody:
 *   - A header block that never ends (CVE-2023-33953): the core keeps all of it, and reads it anew
 *   with each piece.
 *   - More calls than allowed, from a client that does not acknowledge the settings with the limit.
 *   - Calls that are reset as soon as they are made (CVE-2023-44487).
 *   - Many PINGs at once: the core hangs up after three, but keeps some KiB for each that has come.
 *   - Endless frames that ask for nothing: GOAWAY, PRIORITY, SETTINGS, empty DATA, unknown ones.
 *   - Messages that never end: the core checks the size of a message when it is complete. Past its
 *   limit for all connections it resets streams of any client.
 *   - Messages behind the only one that a call reads, while the call has no answer.
 *   - Small messages with much between them, faster than the server reads them: a piece of some
 *   bytes pins the 64 KiB that were received with it.
 *   - Calls whose request never comes: the core tells nobody of them until it has come.
 * It takes bytes and owns no socket. It keeps only the head of the current frame or message.
 */
#ifndef GRPC_GUARD_FRAMES_H
#define GRPC_GUARD_FRAMES_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A header block with the heads of its frames. The core refuses more than 8 KiB of metadata with an
 * answer, once the block is complete.
 */
#define FRAMES_BLOCK_MAX_BYTES (64 << 10)
/*
 * Memory pinned by messages that are incomplete, or whose call has no answer yet: of one
 * connection; of all connections together, from which a connection with few such bytes is exempt. A
 * piece pins what came since the last piece, at most FRAMES_READ_BYTES.
 */
#define FRAMES_READ_BYTES (64 << 10)
#define FRAMES_PARTS_MAX_BYTES (8 << 20)
#define FRAMES_ALL_PARTS_MAX_BYTES (128 << 20)
#define FRAMES_FEW_PARTS_BYTES (160 << 10)
/*
 * Memory pinned by small messages beyond their own bytes. The server reads some thousand messages a
 * second of a connection that sends as fast as it can; until then the core keeps them. Honest
 * clients send a WINDOW_UPDATE or two for each message that they have received.
 */
#define FRAMES_PINNED_AT_ONCE (16 << 20)
#define FRAMES_PINNED_PER_SECOND (16 << 20)
/* Memory of the core for a call that waits for its request. */
#define FRAMES_CALL_BYTES (15 << 10)
/* How long a call may wait for its request. */
#define FRAMES_REQUEST_MAX_MS 60000
/*
 * The most unfinished messages, or twice the limit of calls if that is less: the end of a message
 * is noted a little late.
 */
#define FRAMES_PARTS_MAX 4096
/*
 * Calls that the server has reset: what their clients still send is ignored. Clients stop when they
 * know.
 */
#define FRAMES_CLOSED_MAX 128
/*
 * The limit of calls is at least this. Until clients have our settings they assume 100 or more (RFC
 * 9113, 6.5.2), and a client that makes its calls one after the other may reset each.
 */
#define FRAMES_CALLS_MIN 128
/* Some clients send a PING whenever the last one was answered. */
#define FRAMES_PINGS_AT_ONCE 200
#define FRAMES_PINGS_PER_SECOND 10000
/* Clients send some when they connect. */
#define FRAMES_IDLE_AT_ONCE 1000
#define FRAMES_IDLE_PER_SECOND 1000

enum frames_state { FRAMES_PREFACE, FRAMES_HEAD, FRAMES_PAYLOAD };

/* A leaky bucket: the number of events, less what has drained with time. */
struct frames_rate {
    double n;
    int64_t at_ms;
};

/* An unfinished message; or all messages of a call that has had no answer yet, not even headers. */
struct frames_part {
    uint32_t call_id;
    /* The size in its head. */
    uint32_t size;
    /* Bytes that have come, with the head. */
    uint32_t bytes;
    /* Memory that its pieces pin. */
    size_t pinned_bytes;
    /* The first message of a call without an answer, not complete. */
    bool is_request;
    bool has_no_answer;
    int64_t since_ms;
};

struct frames {
    /* Guards all fields except settings_sent. */
    pthread_mutex_t lock;
    enum frames_state state;
    /*
     * The limit of open calls; also how many may be reset in a second, and twice as many at once. 0
     * = any.
     */
    unsigned max_calls;
    /* Calls made before the client acknowledged the settings. */
    unsigned n_calls;
    /* Calls made so far; it may overflow. */
    unsigned n_begun;
    /* Set before the first bytes are sent: those are our settings. */
    atomic_bool settings_sent;
    bool acknowledged;
    /* How many bytes of the preface or of `head` have come. */
    unsigned have;
    unsigned char head[9];
    /* Bytes of the payload that are still to come. */
    uint32_t left;
    /* Bytes of all frames so far. */
    uint64_t taken;
    /* `taken` after the last piece of a message. */
    uint64_t last_piece;
    /* The current header block. */
    uint32_t block_bytes;
    /* The highest id of a call so far. */
    uint32_t call_id;
    struct frames_rate resets, pings, idle, pinned;
    /* The time of the current bytes, and when late requests were last checked. */
    int64_t now_ms, checked_ms;

    /* The next byte is the length of the padding. */
    bool padding_follows;
    /* Padding at the end of the payload. */
    uint32_t padding;
    /* The message in the current DATA. */
    struct frames_part part;
    /* Unfinished messages of other calls, oldest first. */
    struct frames_part *parts;
    unsigned n_parts, parts_room;
    /* What they pin. */
    size_t parts_bytes;
    /* How many of them are requests. */
    unsigned n_requests;
    /* The same sum of all connections, with FRAMES_CALL_BYTES for each request. */
    atomic_size_t *all_parts_bytes;

    /* How many bytes of sent_head there are. */
    unsigned sent_have;
    unsigned char sent_head[9];
    /* Bytes of the payload that are still to be sent. */
    uint32_t sent_left;
    uint32_t closed[FRAMES_CLOSED_MAX];
    /* Calls reset so far; `closed` is a ring. */
    unsigned n_closed;
};

/* `max_calls` = the limit of open calls; 0 = any. */
void frames_init(struct frames *f, unsigned max_calls, atomic_size_t *all_parts_bytes);
void frames_fini(struct frames *f);

/*
 * The next bytes of the client, at a monotonic time. Returns NULL, or why the client has to be cut
 * off. A timeout is noticed when the next bytes come, at the latest with the answer to a PING.
 */
const char *frames_take(struct frames *f, const void *data, size_t len, int64_t now_ms);

/* The next bytes sent to the client. Another thread may be in frames_take(). */
void frames_sent(struct frames *f, const void *data, size_t len);

#endif
