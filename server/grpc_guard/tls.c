/* SPDX-License-Identifier: MIT */
/*
 * OpenSSL serves others in this process, too. The core names the sessions of its servers "grpc",
 * and nothing else does: that marks their contexts from the start, also those that it makes when
 * the certificate is another one.
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

#define TELL_EVERY_MS 60000

static const unsigned char name_of_grpc[] = { 'g', 'r', 'p', 'c' };

/*
 * Of a handshake: nothing has come, the client's hello has come, it is over in one way or another.
 */
enum progress { WAITING, BEGUN, OVER };

/* One connection of a client. */
struct secret {
    struct frames frames;
    char address[INET6_ADDRSTRLEN];
    enum progress handshake;
};

static int context_index = -1; /* where a context of gRPC's servers is marked */
static int secret_index = -1;  /* where an SSL has its struct secret */

static struct {
    int (*name_sessions)(SSL_CTX *, const unsigned char *, unsigned);
    int (*do_handshake)(SSL *);
    int (*read)(SSL *, void *, int);
    int (*write)(SSL *, const void *, int);
} openssl;

static void tell_of_failure(const struct secret *secret, const char *why)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct log_tally failures;
    const char *client = secret->address[0] != '\0' ? secret->address : "a client";
    char line[256];
    pthread_mutex_lock(&lock);
    unsigned n = log_tally(&failures, guard_now_ms(), TELL_EVERY_MS);
    pthread_mutex_unlock(&lock);
    if (n == 1)
        snprintf(line, sizeof(line), "a TLS handshake with %s failed: %s", client, why);
    else
        snprintf(line, sizeof(line), "%u TLS handshakes have failed, the last one with %s: %s", n,
            client, why);
    if (n > 0)
        guard_warn(line);
}

static void free_secret(void *parent, void *data, CRYPTO_EX_DATA *all, int index, long argl,
    void *argp)
{
    struct secret *secret = data;
    if (secret == NULL)
        return;
    if (secret->handshake == BEGUN)
        tell_of_failure(secret, "it was broken off (does the client trust our certificate?)");
    frames_fini(&secret->frames);
    free(secret);
}

/* OpenSSL's own function of this name. */
static void find(const char *name, void *ret_function)
{
    void *function = dlsym(RTLD_NEXT, name);
    if (function == NULL)
        abort();
    memcpy(ret_function, &function, sizeof(function));
}

/* Before anything else may call one of these. */
__attribute__((constructor(102))) static void find_all(void)
{
    find("SSL_CTX_set_session_id_context", &openssl.name_sessions);
    find("SSL_do_handshake", &openssl.do_handshake);
    find("SSL_read", &openssl.read);
    find("SSL_write", &openssl.write);
}

void tls_init(void)
{
    if (!grpc_guard.tls || context_index >= 0)
        return;
    /*
     * Threads of the core that outlast main() still free connections, which OpenSSL must be there
     * for.
     */
    OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
    context_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    secret_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, free_secret);
}

__attribute__((visibility("default"))) int SSL_CTX_set_session_id_context(SSL_CTX *ctx,
    const unsigned char *sid_ctx, unsigned sid_ctx_len)
{
    if (context_index >= 0 && sid_ctx_len == sizeof(name_of_grpc) &&
        memcmp(sid_ctx, name_of_grpc, sid_ctx_len) == 0)
        SSL_CTX_set_ex_data(ctx, context_index, ctx);
    return openssl.name_sessions(ctx, sid_ctx, sid_ctx_len);
}

/* As people write it. */
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

/* NULL: it is not of a server of gRPC's, or there is no memory. */
static struct secret *secret_of(SSL *ssl)
{
    if (context_index < 0 || SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), context_index) == NULL)
        return NULL;
    struct secret *secret = SSL_get_ex_data(ssl, secret_index);
    if (secret != NULL || (secret = malloc(sizeof(*secret))) == NULL)
        return secret;
    guard_begin_frames(&secret->frames);
    name_client(secret->address);
    secret->handshake = WAITING;
    if (SSL_set_ex_data(ssl, secret_index, secret) == 1)
        return secret;
    free_secret(NULL, secret, NULL, 0, 0, NULL);
    return NULL;
}

/* ---- handshakes ---- */

/* In OpenSSL's words. */
static void say_why(const SSL *ssl, char *out, size_t size)
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
        return OVER;
    return state == TLS_ST_BEFORE || state == TLS_ST_SR_CLNT_HELLO ? WAITING : BEGUN;
}

__attribute__((visibility("default"))) int SSL_do_handshake(SSL *ssl)
{
    struct secret *secret = secret_of(ssl);
    int rv = openssl.do_handshake(ssl);
    if (secret == NULL || secret->handshake == OVER)
        return rv;
    secret->handshake = progress_of(ssl, rv);
    if (rv <= 0 && SSL_get_error(ssl, rv) == SSL_ERROR_SSL) {
        char why[128];
        say_why(ssl, why, sizeof(why));
        secret->handshake = OVER;
        tell_of_failure(secret, why);
    }
    return rv;
}

/* ---- bytes ---- */

__attribute__((visibility("default"))) int SSL_read(SSL *ssl, void *buf, int num)
{
    int received = openssl.read(ssl, buf, num);
    struct secret *secret = received > 0 ? secret_of(ssl) : NULL;
    if (secret != NULL && guard_is_too_much(&secret->frames, buf, (size_t)received))
        return -1;
    return received;
}

__attribute__((visibility("default"))) int SSL_write(SSL *ssl, const void *buf, int num)
{
    struct secret *secret = secret_of(ssl);
    if (secret != NULL)
        atomic_store(&secret->frames.settings_sent, true);
    int written = openssl.write(ssl, buf, num);
    if (secret != NULL && written > 0)
        frames_sent(&secret->frames, buf, (size_t)written);
    return written;
}
