/* SPDX-License-Identifier: MIT */
/**
 * Following rooms as they happen.
 *
 * A stream follows one room, or all rooms of which its user is an active member, 100 at most: with
 * one more it ends with ROOM_LIMIT; then open one for each room. Events come out in the order in
 * which they happened; for each room the first one is a state with cause SNAPSHOT, which replaces
 * whatever was known. Requests go in with synctv_stream_send(): SEND_CHAT, SEND_DANMAKU, PLAY,
 * PAUSE, SEEK, SET_PLAYBACK_RATE, REPORT_STATUS (which player.h does for you), PING. Somebody is
 * online in a room while a stream of theirs follows it.
 *
 * A stream of the system (synctv_node_as_system()) over all rooms sees what happens in every room
 * that the node has in memory or changes, but no snapshots. Of rooms that are open only at other
 * members of a cluster, it sees nothing: each member has its own such streams. On a node, a stream
 * with 1024 events or 1 MiB waiting ends with SLOW_CONSUMER; the next one begins with snapshots.
 *
 * Over a network (synctv_client_caller()) the stream reconnects by itself, with backoff; CONNECTED
 * and DISCONNECTED events tell, and new SNAPSHOT events bring the rooms up to date
 * (synctv_chat_history() what was said meanwhile). States that are older than the one before never
 * come out. At most 1024 events wait for the program; if there are more, the stream goes down with
 * SLOW_CONSUMER and comes back once the program has caught up. It ends when coming back is in vain:
 * the session or the room is over, or the user was kicked, banned or has left.
 *
 * Threads: all functions are thread-safe, except that only one thread at a time may take events
 * from a stream.
 */
#ifndef SYNCTV_STREAM_H
#define SYNCTV_STREAM_H

#include "call.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum synctv_event_type {
    SYNCTV_EVENT_PONG = 10,
    SYNCTV_EVENT_STATE = 11,
    SYNCTV_EVENT_CHAT = 12,
    SYNCTV_EVENT_DANMAKU = 13,
    SYNCTV_EVENT_MEMBER = 14,
    SYNCTV_EVENT_ERROR = 15,
    SYNCTV_EVENT_MOVIES = 16,
    SYNCTV_EVENT_ROOM = 17,
    SYNCTV_EVENT_LIVE = 18,
    SYNCTV_EVENT_CHAT_DELETED = 19,
    /** Clients only: the stream is up (again). */
    SYNCTV_EVENT_CONNECTED = 100,
    /** Clients only: it is down, `error_code` tells why; it will come back. */
    SYNCTV_EVENT_DISCONNECTED = 101,
} synctv_event_type;

/**
 * Something that happened: immutable, counted. Which fields are set depends on `type`; the comments
 * name the types.
 */
typedef struct synctv_event {
    synctv_event_type type;
    const char *message_id;
    int64_t timestamp_ms;
    /** "" for PONG and for errors that concern no room. */
    const char *room_id;
    /** Who caused it; "" = nobody in particular. */
    const char *actor_id;

    /** STATE. */
    const synctv_playback *state;
    /** CHAT. */
    const synctv_chat *chat;
    /** DANMAKU. */
    const synctv_danmaku *danmaku;
    /** MEMBER: who, and what has changed. */
    const synctv_member *member;
    synctv_member_change change;
    /** MEMBER: what the actor gave as reason. */
    const char *reason;
    /** ROOM; `settings` NULL if deleted. */
    const synctv_room *room;
    /** ROOM. */
    bool deleted;
    /** MOVIES: the one that changed, or NULL. */
    const synctv_movie *movie;
    /** MOVIES: what has changed, and how the playlist stands. */
    synctv_list_change list_change;
    const char *current_movie_id;
    uint64_t revision;
    /** LIVE: whether somebody publishes to this movie now. */
    const char *movie_id;
    bool live;
    /** CHAT_DELETED. */
    const char *deleted_message_id;
    /** CHAT_DELETED: the deletion has a number as messages do. */
    uint64_t deletion_seq;
    /** PONG: as sent in PING. */
    int64_t client_time_ms;
    /** PONG: when PING came and PONG went, server time. */
    int64_t server_recv_time_ms;
    int64_t server_send_time_ms;
    /** ERROR, DISCONNECTED: SYNCTV_E_*, and more about it. */
    int error_code;
    const synctv_error *error;
    /** ERROR: message_id of the request that failed. */
    const char *in_reply_to;
} synctv_event;

/** One more reference. Returns `event`. */
SYNCTV_API const synctv_event *synctv_event_ref(const synctv_event *event);
/** Drops a reference; NULL is fine. */
SYNCTV_API void synctv_event_unref(const synctv_event *event);

/** So many different `make` have their value kept with an event. */
#define SYNCTV_DERIVED_MAX 4

/**
 * A value computed from an event once and shared by all who hold the event, e.g. its encoding. Each
 * `make` has a value of its own: the first caller's runs (two may run at the same time; one result
 * is kept, the other destroyed at once), and all who pass the same `make` get what it returned. It
 * is destroyed with the event, by the `destroy` that came with it (NULL = not at all). A node that
 * listens derives one value itself, from events that clients are sent.
 *
 * Thread-safe. Returns the value, borrowed from the event, or NULL: make() returned NULL, there is
 * no memory, or SYNCTV_DERIVED_MAX others have their value there already. Then do without.
 */
SYNCTV_API void *synctv_event_derive(const synctv_event *event,
    void *(*make)(const synctv_event *event), void (*destroy)(void *value));

typedef struct synctv_stream synctv_stream;

/**
 * Tells that the stream has something to take, or has ended. Called on a thread of the node or
 * client (inside synctv_node_poll() with `threads` = 0), not again before synctv_stream_next() has
 * returned 0 or less. One at a time runs for a node or client. Must not block; may close the
 * stream.
 */
typedef void synctv_stream_ready_fn(void *userdata, synctv_stream *stream);

/** Begin with SYNCTV_STREAM_OPTIONS() or synctv_stream_options_init(). Zeros are the defaults. */
typedef struct synctv_stream_options {
    /** Set by the macro or the function; version.h tells what it is for. */
    size_t struct_size;
    /** NULL or "" = all rooms of the user (of the node, for the system). */
    const char *room_id;
    /** A guest's, where the room has one. */
    const char *room_password;
    /** May be NULL: then use synctv_stream_next() with a time-out. */
    synctv_stream_ready_fn *ready;
    void *userdata;
} synctv_stream_options;

/**
 * Options as a value, in C:
 *
 *     const synctv_stream_options options = SYNCTV_STREAM_OPTIONS(.room_id = id, .ready = ready);
 */
#define SYNCTV_STREAM_OPTIONS(...)                                                                 \
    ((synctv_stream_options){ .struct_size = sizeof(synctv_stream_options), __VA_ARGS__ })

static inline void synctv_stream_options_init(synctv_stream_options *options)
{
    memset(options, 0, sizeof(*options));
    options->struct_size = sizeof(*options);
}

/**
 * Opens a stream. What needs storage or network goes on in the background; that it failed is what
 * synctv_stream_next() then returns.
 *
 * @caller      borrowed; the stream holds its own reference.
 * @options     borrowed; NULL = all rooms.
 * @ret_stream  release with synctv_stream_close().
 *
 * Errors: NO_MEMORY, STREAM_LIMIT, SHUTTING_DOWN, PERMISSION_DENIED (an anonymous caller),
 * INVALID_ARGUMENT (`struct_size`).
 */
SYNCTV_API int synctv_stream_open(synctv_caller *caller, const synctv_stream_options *options,
    synctv_stream **ret_stream, synctv_error *ret_error);

/**
 * Takes the next event, waiting at most `timeout_ms` for it (0 = not at all; > 0 not inside a
 * callback).
 *
 * @ret_event  a new reference, release with synctv_event_unref(); untouched unless 1 is returned.
 *
 * Returns 1 with an event, 0 if there is none now, or SYNCTV_E_* (with ret_error filled) once the
 * stream has ended and all its events are taken.
 */
SYNCTV_API int synctv_stream_next(synctv_stream *stream, int timeout_ms,
    const synctv_event **ret_event, synctv_error *ret_error);

/**
 * Sends a request on the stream. Its effect comes back as an event; a refusal as an ERROR event
 * whose in_reply_to is request->message_id.
 *
 * Returns 0, or SYNCTV_E_* when it was not even taken: INVALID_ARGUMENT (not a method of streams),
 * NOT_CONNECTED, OVERLOADED.
 */
SYNCTV_API int synctv_stream_send(synctv_stream *stream, const synctv_request *request,
    synctv_error *ret_error);

/**
 * Says that nothing more will be sent. What was sent is still answered, with all that happens
 * meanwhile; then synctv_stream_next() returns NOT_CONNECTED. A client's stream does not come back
 * any more: it ends at once while it is down, or with what has brought it down. Does not wait.
 */
SYNCTV_API void synctv_stream_finish(synctv_stream *stream);

/**
 * Ends the stream and releases it. Once this has returned no ready() of the stream runs or begins,
 * so what `userdata` points to may be freed: one that runs on another thread is waited for (so hold
 * no lock here that ready() takes); inside ready() itself it does not wait. NULL is fine.
 */
SYNCTV_API void synctv_stream_close(synctv_stream *stream);

#ifdef __cplusplus
}
#endif
#endif
