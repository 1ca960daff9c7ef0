/* SPDX-License-Identifier: MIT */
/*
 * The guard for connections with TLS: shows the plain text to frames.c, and logs handshakes that
 * fail.
 *
 * Other code of the process uses OpenSSL, too. The core names the sessions of its servers "grpc",
 * and nothing else does. That marks their contexts from the start, also those that it makes for new
 * certificates.
 */
#include "tls.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "../log.h"
#include "accept.h"
#include "frames.h"
#include "guard.h"

#define LOG_EVERY_MS 60000

static const unsigned char grpc_session_name[] = { 'g', 'r', 'p', 'c' };

/* A handshake: nothing has come; the client's hello has come; it has ended, in whatever way. */
enum progress { WAITING, BEGUN, ENDED };

/* One connection of a client. */
struct connection {
    struct frames frames;
    char address[INET6_ADDRSTRLEN];
    enum progress handshake;
};

/* The ex_data of an SSL_CTX that marks contexts of gRPC's servers. */
static int context_index = -1;
/* The ex_data of an SSL with its struct connection. */
static int connection_index = -1;

static struct {
    int (*name_sessions)(SSL_CTX *, const unsigned char *, unsigned);
    int (*do_handshake)(SSL *);
    int (*read)(SSL *, void *, int);
    int (*write)(SSL *, const void *, int);
} openssl;

static void log_failure(const struct connection *connection, const char *why)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct log_tally failures;
    const char *client = connection->address[0] != '\0' ? connection->address : "a client";
    char line[256];
    pthread_mutex_lock(&lock);
    unsigned n = log_tally(&failures, guard_now_ms(), LOG_EVERY_MS);
    pthread_mutex_unlock(&lock);
    if (n == 1)
        snprintf(line, sizeof(line), "a TLS handshake with %s failed: %s", client, why);
    else
        snprintf(line, sizeof(line), "%u TLS handshakes have failed, the last one with %s: %s", n,
            client, why);
    if (n > 0)
        guard_warn(line);
}

static void free_connection(void *parent, void *data, CRYPTO_EX_DATA *all, int index, long argl,
    void *argp)
{
    struct connection *connection = data;
    if (connection == NULL)
        return;
    if (connection->handshake == BEGUN)
        log_failure(connection, "it was broken off (does the client trust our certificate?)");
    frames_fini(&connection->frames);
    free(connection);
}

/* Loads OpenSSL's own function of this name. */
static void load(const char *name, void *ret_function)
{
    void *function = dlsym(RTLD_NEXT, name);
    if (function == NULL)
        abort();
    memcpy(ret_function, &function, sizeof(function));
}

/* Runs before anything else may call one of these. */
__attribute__((constructor(102))) static void load_all(void)
{
    load("SSL_CTX_set_session_id_context", &openssl.name_sessions);
    load("SSL_do_handshake", &openssl.do_handshake);
    load("SSL_read", &openssl.read);
    load("SSL_write", &openssl.write);
}

void tls_init(void)
{
    if (!grpc_guard.tls || context_index >= 0)
        return;
    /* Threads of the core that outlive main() still free connections, and need OpenSSL for that. */
    OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
    context_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    connection_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, free_connection);
}

__attribute__((visibility("default"))) int SSL_CTX_set_session_id_context(SSL_CTX *ctx,
    const unsigned char *sid_ctx, unsigned sid_ctx_len)
{
    if (context_index >= 0 && sid_ctx_len == sizeof(grpc_session_name) &&
        memcmp(sid_ctx, grpc_session_name, sid_ctx_len) == 0)
        SSL_CTX_set_ex_data(ctx, context_index, ctx);
    return openssl.name_sessions(ctx, sid_ctx, sid_ctx_len);
}

/* Writes the client's address in the usual form. */
static void name_client(char out[INET6_ADDRSTRLEN])
{
    struct sockaddr_storage addr = accept_last_client();
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)&addr)->sin6_addr;
    out[0] = '\0';
    if (addr.ss_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)&addr)->sin_addr, out, INET6_ADDRSTRLEN);
    else if (addr.ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(v6))
        inet_ntop(AF_INET, &v6->s6_addr[12], out, INET6_ADDRSTRLEN);
    else if (addr.ss_family == AF_INET6)
        inet_ntop(AF_INET6, v6, out, INET6_ADDRSTRLEN);
}

/* NULL: not a connection of gRPC's servers, or no memory. */
static struct connection *connection_of(SSL *ssl)
{
    if (context_index < 0 || SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), context_index) == NULL)
        return NULL;
    struct connection *connection = SSL_get_ex_data(ssl, connection_index);
    if (connection != NULL || (connection = malloc(sizeof(*connection))) == NULL)
        return connection;
    guard_init_frames(&connection->frames);
    name_client(connection->address);
    connection->handshake = WAITING;
    if (SSL_set_ex_data(ssl, connection_index, connection) == 1)
        return connection;
    free_connection(NULL, connection, NULL, 0, 0, NULL);
    return NULL;
}

/* ---- handshakes ---- */

/* OpenSSL's words for the last error. */
static void describe_error(const SSL *ssl, char *out, size_t size)
{
    unsigned long error = ERR_peek_last_error();
    const char *reason = ERR_reason_error_string(error);
    int code = ERR_GET_REASON(error);
    if (code == SSL_R_HTTP_REQUEST || code == SSL_R_WRONG_VERSION_NUMBER)
        snprintf(out, size, "%s (is it TLS?)", reason);
    else if (code == SSL_R_CERTIFICATE_VERIFY_FAILED)
        snprintf(out, size, "%s: %s", reason,
            X509_verify_cert_error_string(SSL_get_verify_result(ssl)));
    else
        snprintf(out, size, "%s", reason != NULL ? reason : "no reason is known");
}

static enum progress progress_of(SSL *ssl, int rv)
{
    OSSL_HANDSHAKE_STATE state = SSL_get_state(ssl);
    if (rv > 0)
        return ENDED;
    return state == TLS_ST_BEFORE || state == TLS_ST_SR_CLNT_HELLO ? WAITING : BEGUN;
}

__attribute__((visibility("default"))) int SSL_do_handshake(SSL *ssl)
{
    struct connection *connection = connection_of(ssl);
    int rv = openssl.do_handshake(ssl);
    if (connection == NULL || connection->handshake == ENDED)
        return rv;
    connection->handshake = progress_of(ssl, rv);
    if (rv <= 0 && SSL_get_error(ssl, rv) == SSL_ERROR_SSL) {
        char why[128];
        describe_error(ssl, why, sizeof(why));
        connection->handshake = ENDED;
        log_failure(connection, why);
    }
    return rv;
}

/* ---- bytes ---- */

__attribute__((visibility("default"))) int SSL_read(SSL *ssl, void *buf, int num)
{
    int received = openssl.read(ssl, buf, num);
    struct connection *connection = received > 0 ? connection_of(ssl) : NULL;
    if (connection != NULL && guard_exceeds_limits(&connection->frames, buf, (size_t)received))
        return -1;
    return received;
}

__attribute__((visibility("default"))) int SSL_write(SSL *ssl, const void *buf, int num)
{
    struct connection *connection = connection_of(ssl);
    if (connection != NULL)
        atomic_store(&connection->frames.settings_sent, true);
    int written = openssl.write(ssl, buf, num);
    if (connection != NULL && written > 0)
        frames_sent(&connection->frames, buf, (size_t)written);
    return written;
}
