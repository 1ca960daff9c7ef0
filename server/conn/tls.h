/* SPDX-License-Identifier: MIT */
/*
 * TLS of a connection, by OpenSSL with memory BIOs: bytes in, bytes out; it owns no socket.
 */
#ifndef CONN_TLS_H
#define CONN_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <synctv/error.h>

#include "queue.h"

/* The certificate of a listener. */
struct conn_tls;
/* TLS of one connection. */
struct conn_tls_session;

/*
 * Reads certificate chain and key, PEM. `protocol` is what ALPN offers, "http/1.1"; borrowed; NULL
 * = none. Errors: INVALID_ARGUMENT (field "tls_cert_file" or "tls_key_file"), NO_MEMORY.
 */
int conn_tls_new(const char *cert_file, const char *key_file, const char *protocol,
    struct conn_tls **ret_tls, synctv_error *ret_error);
/* Reads the files again, for new connections. Errors: as above; then the old ones stay. */
int conn_tls_reload(struct conn_tls *tls, synctv_error *ret_error);
/* Sessions go on without it. NULL is fine. */
void conn_tls_free(struct conn_tls *tls);

/* NULL when out of memory. */
struct conn_tls_session *conn_tls_session_new(struct conn_tls *tls);
void conn_tls_session_free(struct conn_tls_session *session);

/* Takes what came from the socket. False: out of memory. */
bool conn_tls_take(struct conn_tls_session *session, const void *data, size_t len);

enum conn_tls_result { CONN_TLS_OK, CONN_TLS_WAITS, CONN_TLS_ENDED, CONN_TLS_FAILED };

/* Goes on with the handshake: OK = it is done, WAITS for the peer, or FAILED. */
enum conn_tls_result conn_tls_handshake(struct conn_tls_session *session);
/* Gives plain text: OK with *ret_len > 0, WAITS for more, ENDED by the peer, or FAILED. */
enum conn_tls_result conn_tls_read(struct conn_tls_session *session, void *out, size_t size,
    size_t *ret_len);
/*
 * Moves ciphertext to the queue for the socket: of handshake and alerts, and of `plain` until the
 * queue has about `max` bytes. False: out of memory, or TLS has failed.
 */
bool conn_tls_seal(struct conn_tls_session *session, struct conn_queue *plain,
    struct conn_queue *sealed, size_t max);
/* Says goodbye; seal() moves it. */
void conn_tls_say_end(struct conn_tls_session *session);

#endif
