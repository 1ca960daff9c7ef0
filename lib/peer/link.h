/* SPDX-License-Identifier: MIT */
/*
 * A link: one SyncEvents stream to another node, dialled or served, or to somebody who observes.
 *
 *   send()  -> queue, ≤ 8 MiB -> next(): an EventBatch of what waits, compressed -> the stream
 *   on_message() -> each event of the batch -> node/links
 *
 * It is open once both have said hello. Whatever ends it is logged with one sentence, and the other
 * side gets it as the status of the stream.
 */
#ifndef SV_PEER_LINK_H
#define SV_PEER_LINK_H

#include "base/ratelimit.h"
#include "peer/inside.h"
#include "wire/cluster_event.h"

/* What may wait on a link; snapshots do not count, the mesh keeps few of them there. */
#define SV_PEER_QUEUE_MAX_BYTES (8 * 1024 * 1024)
/* A message that has to wait is put together of events up to so many bytes. */
#define SV_PEER_BATCH_MAX_BYTES (256 * 1024)
#define SV_PEER_BATCH_MAX_EVENTS 512
#define SV_PEER_GZIP_OVER_BYTES 1024
#define SV_PEER_INFLATE_MAX_BYTES (4 * 1024 * 1024)
/* What a node takes in one message, less what a batch adds. */
#define SV_PEER_EVENT_MAX_BYTES (1000 * 1024)
/* Both sides end a link whose other side takes nothing for so long. */
#define SV_PEER_STALL_MS 30000
/* More is a storm. */
#define SV_PEER_EVENTS_PER_SECOND 100000
#define SV_PEER_EVENTS_BURST 1000000
/* The longest wait between two attempts to connect to a node that is alive. */
#define SV_PEER_RECONNECT_MS 1000
/* One that has lasted so long was a good one. */
#define SV_PEER_GOOD_LINK_MS 10000

/* An event that waits. */
struct sv_peer_out {
    struct sv_rpc_bytes bytes;
    uint64_t sequence;
    /* It counts for SV_PEER_QUEUE_MAX_BYTES. */
    bool counts;
};

struct sv_peer_link {
    /* In peer->links, by number; under peer->lock. */
    UT_hash_handle hh;
    uint64_t number;
    atomic_uint refs;
    struct sv_peer *peer;
    /* Of the other side, as its token says, or as it was dialled. */
    char id[65];
    bool dialled, observes;
    /* Events that an observer got; under peer->lock. */
    uint64_t observed;
    /* What LinkHello has to say: of a served link the epoch, of a dialled one the session. */
    int64_t epoch;
    uint64_t session;
    /* One of them, once the stream is there. */
    struct sv_rpc_stream *_Atomic served;
    struct sv_rpc_client_stream *_Atomic calls;

    /* For whoever brings what was received. */
    bool is_open;
    int64_t open_since_ms;
    struct sv_bucket rate;

    /* Of all below. */
    pthread_mutex_t lock;
    /* A ring. */
    struct sv_peer_out *outs;
    size_t first, n, capacity;
    size_t n_bytes;
    uint64_t last_sequence;
    /* It is to end: nothing is sent or heard any more. */
    bool over;
    /* The sentence; message "" = the stream's own status tells. */
    synctv_log_level end_level;
    synctv_error end;
    /* Goodbye is the last that is sent. */
    bool leaving;
};

/* In peer->links, with a reference for the stream that it is made for, which its last callback
 * gives back. NULL when out of memory. peer->lock is held. */
struct sv_peer_link *sv_peer_link_new(struct sv_peer *peer, const char *id, bool dialled);
/* The link of this number, with a reference; NULL = it is over. Locked. */
struct sv_peer_link *sv_peer_find_link(struct sv_peer *peer, uint64_t number);
struct sv_peer_link *sv_peer_link_ref(struct sv_peer_link *link);
void sv_peer_link_unref(struct sv_peer_link *link);

/* Their userdata is the link. */
extern const struct sv_rpc_stream_ops sv_peer_served_ops;
extern const struct sv_rpc_client_stream_ops sv_peer_dialled_ops;
/* The stream of a link is there, one of the two; takes the reference to it. Whoever has made the
 * link has one to it, too, as callbacks may have come already. */
void sv_peer_link_attach(struct sv_peer_link *link, struct sv_rpc_stream *served,
    struct sv_rpc_client_stream *calls);
/* The stream of a link could not be made. */
void sv_peer_link_abandon(struct sv_peer_link *link);

/*
 * Encodes what lib/node says, once for all links; false: it cannot be sent. Takes no locks.
 */
bool sv_peer_encode(const struct sv_cluster_event *event, struct sv_rpc_bytes *ret_bytes);
/* Queues an event; takes its own reference to `bytes`. Without room the link ends. */
void sv_peer_link_push(struct sv_peer_link *link, struct sv_rpc_bytes bytes, uint64_t sequence,
    bool counts);
/* Queues hello; of a dialled link that begins it. */
void sv_peer_link_say_hello(struct sv_peer_link *link);
/* Queues goodbye, and ends the link when that is sent. */
void sv_peer_link_leave(struct sv_peer_link *link);
/* Ends it now; the first end counts. Any thread, also under the mesh's lock. */
void sv_peer_link_end(struct sv_peer_link *link, synctv_log_level level, int code, const char *fmt,
    ...) __attribute__((format(printf, 4, 5)));

#endif
