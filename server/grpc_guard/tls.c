/* SPDX-License-Identifier: MIT */
/*
 * OpenSSL serves others in this process, too. The core names the sessions of its servers "grpc",
 * and nothing else does: that marks their contexts from the start, also those that it makes when
 * the certificate is another one.
 */
#include "tls.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ssl.h>

#include "frames.h"
#include "guard.h"

static const unsigned char name_of_grpc[] = { 'g', 'r', 'p', 'c' };

/* One connection of a client. */
struct secret {
    struct frames frames;
};

static int context_index = -1; /* where a context of gRPC's servers is marked */
static int secret_index = -1;  /* where an SSL has its struct secret */

static struct {
    int (*name_sessions)(SSL_CTX *, const unsigned char *, unsigned);
    int (*read)(SSL *, void *, int);
    int (*write)(SSL *, const void *, int);
} openssl;

static void free_secret(void *parent, void *secret, CRYPTO_EX_DATA *data, int index, long argl,
    void *argp)
{
    if (secret != NULL)
        frames_fini(&((struct secret *)secret)->frames);
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

__attribute__((visibility("default"))) int SSL_CTX_set_session_id_context(SSL_CTX *context,
    const unsigned char *name, unsigned len)
{
    if (context_index >= 0 && len == sizeof(name_of_grpc) && memcmp(name, name_of_grpc, len) == 0)
        SSL_CTX_set_ex_data(context, context_index, context);
    return openssl.name_sessions(context, name, len);
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
    if (SSL_set_ex_data(ssl, secret_index, secret) == 1)
        return secret;
    free_secret(NULL, secret, NULL, 0, 0, NULL);
    return NULL;
}

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
