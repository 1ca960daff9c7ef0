/* SPDX-License-Identifier: MIT */
/**
 * A connection to a server.
 *
 *     synctv_client_options options;
 *     synctv_client_options_init(&options);
 *     options.address = "127.0.0.1:50051";
 *     synctv_client *client = NULL;
 *     if (synctv_client_connect(&options, &client, &error) < 0 ||
 *         synctv_client_login(client, "alice", "correct horse", NULL, &error) < 0) ...
 *     synctv_caller *me = synctv_client_caller(client);
 *     synctv_room_create(me, ...);
 *     ...
 *     synctv_caller_unref(me);
 *     synctv_client_close(client);
 *
 * A signed-in client keeps its access token fresh by itself. Calls that are safe to repeat are
 * repeated while the server cannot be reached (100 ms, doubling up to 10 s, with jitter) until
 * their time is over: those that only read, JoinRoom, and changes that name an expected_version;
 * anything that was never sent. RATE_LIMITED is never repeated: the program knows best what to do
 * without. Streams (synctv_stream_open()) come back by themselves. player.h keeps a player in step
 * with the room of a stream.
 *
 * With several addresses the client uses one of them, and goes on to another when that server
 * stops, dies or cannot be connected to: streams come back there, with SNAPSHOTs (and
 * synctv_chat_history() with after_seq brings what was said meanwhile), calls that are safe to
 * repeat or that the server has refused are done there, and the others fail with NODE_UNAVAILABLE.
 * That takes less than two seconds if the next one is well. A server that is connected but silent
 * is left after 30 s. The client stays where it is when the one before is back.
 *
 * Threads: a client has one thread of its own, on which all callbacks come (synctv_done_fn,
 * synctv_stream_ready_fn, token_fn); they must not block and must not make blocking calls. All
 * functions are thread-safe. Do not fork() while a client is open.
 */
#ifndef SYNCTV_CLIENT_H
#define SYNCTV_CLIENT_H

#include "log.h"
#include "stream.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct synctv_client synctv_client;

/**
 * The tokens have changed: a program that wants to stay signed in over a restart keeps
 * `refresh_token` in a safe place (it is worth a password) and gives it to synctv_client_resume().
 * Both are "" when the session is over. Borrowed during the call.
 */
typedef void synctv_client_token_fn(void *userdata, const char *refresh_token,
    const char *access_token);

/**
 * Begin with synctv_client_options_init(). All strings are borrowed during synctv_client_connect().
 */
typedef struct synctv_client_options {
    /** Set by synctv_client_options_init(); version.h tells what it is for. */
    size_t struct_size;
    /**
     * "HOST:PORT", IPv6 in brackets; or, with commas between them, those of up to 16 members of a
     * cluster. The first one is tried first.
     */
    const char *address;
    bool tls;
    /** PEM; NULL = the system's. */
    const char *tls_ca_file;
    /** PEM; a client certificate, if the server wants one. */
    const char *tls_cert_file;
    const char *tls_key_file;
    /** The name in the server's certificate; NULL = the host of `address`. */
    const char *tls_server_name;
    /** 5000. */
    int connect_timeout_ms;
    /** 30000, for requests that name none. */
    int call_timeout_ms;
    /** May be NULL. */
    synctv_client_token_fn *token;
    /** For `token`. */
    void *userdata;
    /** NULL = silent. */
    synctv_log_fn *log;
    void *log_userdata;
    synctv_log_level log_level;
} synctv_client_options;

/** For a structure of `struct_size` bytes; what the function below calls. */
SYNCTV_API void synctv_client_options_init_sized(synctv_client_options *options,
    size_t struct_size);
/** Fills in the defaults. `address` is still to be set. */
static inline void synctv_client_options_init(synctv_client_options *options)
{
    synctv_client_options_init_sized(options, sizeof(*options));
}

/**
 * Connects, waiting at most connect_timeout_ms for a server that is not there yet.
 *
 * Errors: INVALID_ARGUMENT (an option, named in ret_error->field), NODE_UNAVAILABLE (the message
 * says why, also of TLS), NO_MEMORY, INTERNAL (no thread can be started).
 */
SYNCTV_API int synctv_client_connect(const synctv_client_options *options,
    synctv_client **ret_client, synctv_error *ret_error);

/**
 * Ends everything: calls under way get CANCELLED, streams end with CANCELLED. The session stays
 * valid on the server (see synctv_client_logout()). Not inside a callback; callers and streams must
 * have been released. Once it has returned nothing is called back, nor logged. NULL is fine.
 */
SYNCTV_API void synctv_client_close(synctv_client *client);

/**
 * Signs in. `ret_result` (may be NULL) gets user, access_token, refresh_token, expires_in_s.
 * Errors: LOGIN_FAILED, RATE_LIMITED, USER_BANNED, …
 */
SYNCTV_API int synctv_client_login(synctv_client *client, const char *username,
    const char *password, const synctv_result **ret_result, synctv_error *ret_error);
/**
 * Makes an account and signs in. `email` may be "". Errors: INVALID_ARGUMENT, USERNAME_TAKEN,
 * EMAIL_TAKEN, REGISTRATION_CLOSED, RATE_LIMITED.
 */
SYNCTV_API int synctv_client_register(synctv_client *client, const char *username,
    const char *password, const char *email, const synctv_result **ret_result,
    synctv_error *ret_error);
/**
 * Signs in with a refresh token from an earlier run; it is used up, the next one comes through
 * options.token. Errors: TOKEN_INVALID, SESSION_ENDED.
 */
SYNCTV_API int synctv_client_resume(synctv_client *client, const char *refresh_token,
    synctv_error *ret_error);
/** Ends the session on the server and forgets the tokens. */
SYNCTV_API int synctv_client_logout(synctv_client *client, synctv_error *ret_error);

/**
 * The caller that acts as whoever is signed in, also over later sign-ins; its
 * synctv_caller_user_id() is that of the moment of this call. A new reference; NULL when out of
 * memory. SEND_CHAT and SEND_DANMAKU travel on a stream of this client that follows the room: there
 * must be one. SEND_CHAT waits for it to come back and for the message to be acknowledged;
 * SEND_DANMAKU fails with NOT_CONNECTED instead.
 */
SYNCTV_API synctv_caller *synctv_client_caller(synctv_client *client);

/**
 * The server's clock, estimated from the Ping/Pong of an open stream (of the last 8 samples the one
 * with the least delay counts), else this machine's wall clock. Monotonic between corrections.
 */
SYNCTV_API int64_t synctv_client_server_time_ms(synctv_client *client);
/**
 * Server clock − wall clock in *ret_offset_ms, and half the round trip of the sample, which bounds
 * its error, in *ret_error_ms; both may be NULL. Returns the number of samples (0..8).
 */
SYNCTV_API int synctv_client_clock_offset(synctv_client *client, int64_t *ret_offset_ms,
    int64_t *ret_error_ms);
/** The position to show right now, in seconds; `duration_s` clamps it, 0 = unknown. */
SYNCTV_API double synctv_client_position(synctv_client *client, const synctv_playback *state,
    double duration_s);

#ifdef __cplusplus
}
#endif
#endif
