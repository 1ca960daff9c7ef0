/* SPDX-License-Identifier: MIT */
/**
 * A node: rooms, their storage and, if it listens, the gRPC services, inside this process.
 *
 *     synctv_node_options options;
 *     synctv_node_options_init(&options);
 *     options.db_url = "sqlite:party.db";
 *     options.listen = "127.0.0.1:50051";
 *     synctv_node *node = NULL;
 *     if (synctv_node_open(&options, &node, &error) < 0) ...
 *     synctv_caller *alice = NULL;
 *     synctv_node_as_user(node, alice_id, &alice, &error);
 *     synctv_room_create(alice, ...);
 *     ...
 *     synctv_caller_unref(alice);
 *     synctv_node_stop(node, 5000);
 *     synctv_node_free(node);
 *
 * Threads. With `threads` ≥ 1 the node runs its own: so many for calls and turns, and, if it
 * listens, 8 for what clients send on streams. Callbacks (synctv_done_fn, synctv_stream_ready_fn)
 * come on the former, one at a time.
 *
 * With `threads` = 0 your own loop turns the node, and nothing is called back except inside
 * synctv_node_poll(). The loop sleeps until the node wants a turn:
 *
 *     struct pollfd fd = { .fd = synctv_node_wake_fd(node), .events = POLLIN };
 *     do
 *         poll(&fd, 1, synctv_node_timeout_ms(node));
 *     while (synctv_node_poll(node, 0) == 0);
 *
 * Blocking calls (synctv_room_create(), …) work without it. Storage and password hashing have
 * threads of their own either way; a node that listens has one that waits for the network. All
 * functions are thread-safe unless they say otherwise. Do not fork() while a node is open.
 */
#ifndef SYNCTV_NODE_H
#define SYNCTV_NODE_H

#include "log.h"
#include "stream.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct synctv_node synctv_node;

/** Of cluster.h. */
typedef struct synctv_cluster_event synctv_cluster_event;

/**
 * Hears that another member has come, gone or changed; those who are there already when this node
 * opens come, too. It is told what is the case, not each step on the way there.
 *
 * Runs as a synctv_done_fn does, one at a time: on a thread of the node, or inside
 * synctv_node_poll() with `threads` = 0. Must not block. It may call what does not wait. `event` is
 * borrowed.
 */
typedef void synctv_cluster_fn(void *userdata, const synctv_cluster_event *event);

typedef enum synctv_registration {
    /** Everybody may register and is active at once. */
    SYNCTV_REGISTRATION_OPEN = 0,
    /** New accounts are PENDING until an admin activates them. */
    SYNCTV_REGISTRATION_APPROVE = 1,
    SYNCTV_REGISTRATION_CLOSED = 2,
} synctv_registration;

/**
 * Begin with synctv_limits_init(); the comments name the defaults. Rates are token buckets. For all
 * of them 0 is no limit; less is refused, and so is more than 1000000.
 *
 * A node that listens has no more protection against hostile HTTP/2 than its gRPC. synctv-server
 * cuts such clients off by itself; other programs want a proxy before them, or a gRPC newer than
 * 1.51, where strangers can connect.
 */
typedef struct synctv_limits {
    /** Set by synctv_limits_init(); version.h tells what it is for. */
    size_t struct_size;
    /** Per (name, address); 5. */
    double login_per_minute;
    /** Per address, whatever the names; 30. */
    double login_per_minute_per_address;
    /** Per address; 30. */
    double register_per_hour;
    /** Calls that hash a password, per user; 5. */
    double hash_per_minute;
    /** All other calls, per user; 100. */
    double calls_per_second;
    /** Per user; 10. */
    double chat_per_second;
    /** Per user; 5. */
    double danmaku_per_second;
    /** Per room, the rest is dropped; 50. */
    double room_danmaku_per_second;
    /** Play control on one stream; 10. */
    double control_per_second;
    /** On one stream; 2. */
    double ping_per_second;
    /** On one stream; 1. */
    double status_per_second;
    /** That they have created; 10. */
    int32_t rooms_per_user;
    /** 100. A stream of all rooms follows no more than 100. */
    int32_t memberships_per_user;
    /** Where the room says nothing; 100. Never more than 10000. */
    int32_t members_per_room;
    /** 1000. Never more than 10000, nor 2 MiB together. */
    int32_t movies_per_room;
    /** 100. A Login more ends the one that was renewed longest ago. */
    int32_t sessions_per_user;
    /** Open at the same time; 16. */
    int32_t streams_per_user;
    /** Calls and streams at the same time; 100. */
    int32_t streams_per_connection;
    /** Those that have a stream; 256. */
    int32_t connections_per_address;
} synctv_limits;

/** For a structure of `struct_size` bytes; what the function below calls. */
SYNCTV_API void synctv_limits_init_sized(synctv_limits *limits, size_t struct_size);
/** Fills in the defaults. */
static inline void synctv_limits_init(synctv_limits *limits)
{
    synctv_limits_init_sized(limits, sizeof(*limits));
}

/**
 * Begin with synctv_node_options_init(). All that pointers lead to is borrowed during
 * synctv_node_open().
 */
typedef struct synctv_node_options {
    /** Set by synctv_node_options_init(); version.h tells what it is for. */
    size_t struct_size;
    /**
     * "sqlite:PATH", "memory:" or "postgres://USER@HOST:PORT/NAME?…", a URL of libpq. A password in
     * it is in no log and no error.
     */
    const char *db_url;
    /**
     * true: this node serves the database alone. STORAGE_UNAVAILABLE if another one that is alone
     * does, in any process or on any machine; as long as it does, there is a file PATH.lock beside
     * the database, or an advisory lock in it. A node that is not alone may use the database
     * meanwhile, for a look or a change of an account: what is in the other's memory does not hear
     * of it at once.
     */
    bool alone;
    /**
     * 1–64 of A-Za-z0-9_-. ; NULL = made once and kept in the database; of a member NULL is
     * <hostname>-<port>.
     */
    const char *node_id;
    /**
     * A file of which the first line, without its line end, is the cluster's secret, ≥ 32 bytes. It
     * makes this node a member of the cluster of its database (cluster.h), whatever `alone` says:
     * others may be, too, each with a node_id of its own, and nobody but them. With SQLite they are
     * on one machine. STORAGE_UNAVAILABLE if a node that is alone has the database, or a live one
     * has this node_id. NULL = no member.
     */
    const char *cluster_secret_file;
    /**
     * "ADDR:PORT" under which other members reach this one; NULL = as it listens. A member that
     * listens on all addresses ("0.0.0.0", "[::]") has to say it, and only a member may.
     */
    const char *advertise;
    /** How often a member says that it lives; 5000; 100 to 60000. */
    int32_t heartbeat_ms;
    /**
     * A second "ADDR:PORT" of a member, for other members and for tools with the secret: then their
     * calls are served there alone, and it is what others are told, if nothing is advertised; and
     * tls_client_ca_file counts there alone. NULL = all calls are served at `listen`.
     */
    const char *cluster_listen;
    /**
     * PEM; the authorities that have signed the certificates of the other members, which listen
     * with TLS if this one does; NULL = the system's. This one shows them its own certificate.
     */
    const char *cluster_ca_file;
    /**
     * gRPC "ADDR:PORT" or "[ADDR]:PORT", port 0 = any; NULL = no network at all. "0.0.0.0" is IPv4
     * alone, "[::]" IPv6 and IPv4. A name is all its addresses; those that cannot be had are a
     * warning in the log, if another one can.
     */
    const char *listen;
    /** 0..64; 1. With 0 your own loop calls synctv_node_poll(). */
    unsigned threads;

    /**
     * Proxies in front of the node: addresses and networks between commas or white-space,
     * "10.0.0.0/8, ::1"; at most 64; NULL = none. For what comes from them, the last address in the
     * metadata `x-forwarded-for` that is none of theirs counts for every limit per address. What
     * others say there counts for nothing. Their own connections are not counted.
     */
    const char *trusted_proxies;

    /** PEM; with tls_key_file switches TLS on. */
    const char *tls_cert_file;
    const char *tls_key_file;
    /** Demands client certificates signed by it. */
    const char *tls_client_ca_file;

    /** ≥ 32 bytes; NULL = the secret in the database. */
    const char *jwt_secret_file;
    synctv_registration registration;
    /** 3600. */
    int64_t access_ttl_s;
    /** 2592000. */
    int64_t refresh_ttl_s;
    /** NULL = the defaults. */
    const synctv_limits *limits;

    /** NULL = silent. */
    synctv_log_fn *log;
    void *log_userdata;
    synctv_log_level log_level;

    /** Hears of the other members of the cluster (cluster.h); NULL = nobody does. */
    synctv_cluster_fn *cluster_event;
    void *cluster_userdata;
} synctv_node_options;

/** For a structure of `struct_size` bytes; what the function below calls. */
SYNCTV_API void synctv_node_options_init_sized(synctv_node_options *options, size_t struct_size);
/** Fills in the defaults: "memory:", alone, no listener, one thread. */
static inline void synctv_node_options_init(synctv_node_options *options)
{
    synctv_node_options_init_sized(options, sizeof(*options));
}

/**
 * Opens the database, starts the threads and serves. When it returns 0 the node answers calls.
 *
 * Errors: INVALID_ARGUMENT (an option, named in ret_error->field), STORAGE_UNAVAILABLE,
 * STORAGE_CORRUPT, STORAGE_TOO_NEW, NODE_UNAVAILABLE (the address is in use or not ours),
 * NO_MEMORY, INTERNAL (no thread or descriptor is to be had). Then nothing is left running.
 */
SYNCTV_API int synctv_node_open(const synctv_node_options *options, synctv_node **ret_node,
    synctv_error *ret_error);

/**
 * Whether `address` ("192.0.2.1", "2001:db8::1", also with brackets and a port) is in one of
 * `networks`, which are written as synctv_node_options.trusted_proxies. Thread-safe; does not
 * block.
 *
 * Returns 1, or 0 (also for what is no address). Errors: INVALID_ARGUMENT (`networks` are not
 * well-formed).
 */
SYNCTV_API int synctv_networks_contain(const char *networks, const char *address,
    synctv_error *ret_error);

/** This node's id. Lives as long as the node. */
SYNCTV_API const char *synctv_node_id(const synctv_node *node);
/**
 * The address it listens on with the real port, "" if it does not listen. Lives as long as the
 * node.
 */
SYNCTV_API const char *synctv_node_address(const synctv_node *node);
/**
 * The node clock, Unix ms. All times in states and events are on it. It follows the machine's clock
 * at 5 ms a second without going back; when that is off by more than 5 s it steps, and playing
 * rooms get a RESYNC; that of a member beside others, which have the same clock, does not step.
 */
SYNCTV_API int64_t synctv_node_now_ms(const synctv_node *node);

/**
 * Runs what is due: calls, callbacks, timers. With `threads` = 0; one thread at a time.
 *
 * @timeout_ms  wait at most so long for something to do; 0 = not at all, < 0 = until there is.
 *
 * Returns 0. Errors: SHUTTING_DOWN (synctv_node_stop() has begun), INVALID_ARGUMENT (the node has
 * threads of its own).
 */
SYNCTV_API int synctv_node_poll(synctv_node *node, int timeout_ms);

/**
 * A descriptor for a loop that sleeps in poll(2), epoll or the like: readable when the node has
 * something to do, until synctv_node_poll() has been called, and for good once the node has
 * stopped. Neither read nor close it; it lives as long as the node. With `threads` = 0.
 *
 * Returns the descriptor. Errors: INVALID_ARGUMENT (the node has threads of its own).
 */
SYNCTV_API int synctv_node_wake_fd(const synctv_node *node);
/**
 * How long such a loop may sleep, in ms, if the descriptor does not become readable: until the next
 * timer of the node. Ask after each synctv_node_poll(), right before going to sleep. A node with
 * nothing to do has a timer each second. Returns ≥ 0; 0 after synctv_node_stop(); −1 if the node
 * has threads of its own. Thread-safe.
 */
SYNCTV_API int synctv_node_timeout_ms(const synctv_node *node);

/**
 * Reads the files tls_cert_file, tls_key_file and tls_client_ca_file again, which must still be at
 * their paths, for new connections; those there are go on. Waits for the disk. Errors:
 * INVALID_ARGUMENT (a file in ret_error->field is not right, and the old certificate stays; or the
 * node was opened without TLS), NO_MEMORY.
 */
SYNCTV_API int synctv_node_reload_tls(synctv_node *node, synctv_error *ret_error);

/**
 * Refuses new calls, ends streams with SHUTTING_DOWN, writes out what is pending, joins the
 * threads. Idempotent; not inside a callback. With `threads` = 0 it polls by itself. While other
 * members of its cluster are alive, its streams end one after the other, within 2 s (and within
 * grace_ms), and what is sent on those that are left is done: their clients go to the others.
 *
 * @grace_ms  how long clients may take for their last answers and events; then their connections
 *            are cut. It is no limit for stop() itself, which waits until storage has done what it
 *            has begun, however long the disk takes.
 *
 * Once it has returned no callback runs or begins any more (but the log's, and what another
 * thread's synctv_node_poll() is at); every synctv_call() has had its answer.
 */
SYNCTV_API void synctv_node_stop(synctv_node *node, int grace_ms);

/**
 * Frees a node, stopping it first if need be. Callers and streams of it must have been released,
 * and no other thread may be inside a function of it. Once it has returned nothing is called back,
 * nor logged. NULL is fine.
 */
SYNCTV_API void synctv_node_free(synctv_node *node);

/**
 * A caller that acts as this user, with the user's permissions. Waits for storage.
 * Errors: USER_NOT_FOUND, USER_BANNED, STORAGE_UNAVAILABLE, OVERLOADED, SHUTTING_DOWN, NO_MEMORY.
 */
SYNCTV_API int synctv_node_as_user(synctv_node *node, const char *user_id,
    synctv_caller **ret_caller, synctv_error *ret_error);
/**
 * A caller that may do everything and is nobody's member: automation and moderation. Its streams
 * follow every room of the node. NULL when out of memory.
 */
SYNCTV_API synctv_caller *synctv_node_as_system(synctv_node *node);
/**
 * A caller that is not signed in, for LOGIN, REGISTER, REFRESH_TOKEN, LOGOUT.
 *
 * @address     of whoever asks, "192.0.2.7" or "2001:db8::1", also with brackets and a port: what
 *              limits per address count. NULL or "" = not known; all these count as one.
 * @ret_caller  release with synctv_caller_unref().
 *
 * Errors: INVALID_ARGUMENT (this is no address), NO_MEMORY.
 */
SYNCTV_API int synctv_node_as_anonymous(synctv_node *node, const char *address,
    synctv_caller **ret_caller, synctv_error *ret_error);

/**
 * Receives who a token belongs to: `caller` is borrowed (NULL on failure, then `error` says why).
 */
typedef void synctv_authenticated_fn(void *userdata, synctv_caller *caller,
    const synctv_error *error);

/**
 * Checks an access token. `done` runs exactly once, as a synctv_done_fn would. Errors:
 * TOKEN_MISSING ("" or NULL), TOKEN_INVALID, TOKEN_EXPIRED, SESSION_ENDED, STORAGE_UNAVAILABLE,
 * OVERLOADED.
 */
SYNCTV_API void synctv_node_authenticate(synctv_node *node, const char *access_token,
    synctv_authenticated_fn *done, void *userdata);

/**
 * Administration of accounts by the owner of the database. All wait for storage; `username` is
 * compared as at sign-in. They work beside a running server on the same database, which notices
 * within 60 s. Errors: INVALID_ARGUMENT, USERNAME_TAKEN, EMAIL_TAKEN, USER_NOT_FOUND,
 * STORAGE_UNAVAILABLE.
 */
SYNCTV_API int synctv_node_user_add(synctv_node *node, const char *username, const char *password,
    const char *email, synctv_user_role role, const synctv_result **ret_result,
    synctv_error *ret_error);
SYNCTV_API int synctv_node_user_set_role(synctv_node *node, const char *username,
    synctv_user_role role, synctv_error *ret_error);
/** Banning ends the sessions of the user. */
SYNCTV_API int synctv_node_user_set_status(synctv_node *node, const char *username,
    synctv_user_status status, synctv_error *ret_error);
/** Ends the sessions of the user. */
SYNCTV_API int synctv_node_user_set_password(synctv_node *node, const char *username,
    const char *password, synctv_error *ret_error);

typedef struct synctv_node_stats {
    uint32_t rooms_loaded;
    uint32_t streams;
    uint32_t users_online;
} synctv_node_stats;

SYNCTV_API void synctv_node_get_stats(const synctv_node *node, synctv_node_stats *ret_stats);

#ifdef __cplusplus
}
#endif
#endif
