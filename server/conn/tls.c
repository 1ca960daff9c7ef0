/* SPDX-License-Identifier: MIT */
#include "tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

/* The plain text of one record. */
#define RECORD_BYTES 16384

struct conn_tls {
    char *cert_file, *key_file;
    /* As ALPN wants it: a byte with the length, then the name. */
    unsigned char protocol[32];
    size_t protocol_len;
    SSL_CTX *context;
};

struct conn_tls_session {
    SSL *ssl;
    /* Owned by `ssl`: what came from the socket, what goes there. */
    BIO *in, *out;
};

/* ---- the certificate ---- */

static int wrong_file(synctv_error *err, const char *field, const char *path)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    *err = (synctv_error){ .code = SYNCTV_E_INVALID_ARGUMENT };
    snprintf(err->field, sizeof(err->field), "%s", field);
    snprintf(err->message, sizeof(err->message), "%s: %s cannot be used: %s", field, path,
        reason != NULL ? reason : "no reason is known");
    return err->code;
}

static int no_memory(synctv_error *err)
{
    *err = (synctv_error){ .code = SYNCTV_E_NO_MEMORY };
    snprintf(err->message, sizeof(err->message), "%s", synctv_error_text(err->code));
    return err->code;
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
    const unsigned char *offered, unsigned offered_len, void *arg)
{
    const struct conn_tls *tls = arg;
    /* OpenSSL's type has no const; it points into one of both lists. */
    unsigned char *chosen = NULL;
    int rv = SSL_select_next_proto(&chosen, out_len, tls->protocol, (unsigned)tls->protocol_len,
        offered, offered_len);
    *out = chosen;
    return rv == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int load_context(struct conn_tls *tls, SSL_CTX **ret_context, synctv_error *err)
{
    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    int rv = 0;
    if (context == NULL)
        return no_memory(err);
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context,
        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    /* An idle connection keeps no buffers for records. */
    SSL_CTX_set_mode(context,
        SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    if (tls->protocol_len > 0)
        SSL_CTX_set_alpn_select_cb(context, choose_protocol, tls);
    if (SSL_CTX_use_certificate_chain_file(context, tls->cert_file) != 1)
        rv = wrong_file(err, "tls_cert_file", tls->cert_file);
    else if (SSL_CTX_use_PrivateKey_file(context, tls->key_file, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1)
        rv = wrong_file(err, "tls_key_file", tls->key_file);
    ERR_clear_error();
    if (rv < 0)
        SSL_CTX_free(context);
    else
        *ret_context = context;
    return rv;
}

int conn_tls_new(const char *cert_file, const char *key_file, const char *protocol,
    struct conn_tls **ret_tls, synctv_error *ret_error)
{
    struct conn_tls *tls = calloc(1, sizeof(*tls));
    int rv = 0;
    if (tls == NULL || (tls->cert_file = strdup(cert_file)) == NULL ||
        (tls->key_file = strdup(key_file)) == NULL) {
        rv = no_memory(ret_error);
        goto out;
    }
    if (protocol != NULL) {
        tls->protocol_len = 1 + strnlen(protocol, sizeof(tls->protocol) - 1);
        tls->protocol[0] = (unsigned char)(tls->protocol_len - 1);
        memcpy(tls->protocol + 1, protocol, tls->protocol_len - 1);
    }
    rv = load_context(tls, &tls->context, ret_error);
    if (rv < 0)
        goto out;
    *ret_tls = tls;
    tls = NULL; /* moved to the caller */
out:
    conn_tls_free(tls);
    return rv;
}

int conn_tls_reload(struct conn_tls *tls, synctv_error *ret_error)
{
    SSL_CTX *context = NULL;
    int rv = load_context(tls, &context, ret_error);
    if (rv < 0)
        return rv;
    SSL_CTX_free(tls->context);
    tls->context = context;
    return 0;
}

void conn_tls_free(struct conn_tls *tls)
{
    if (tls == NULL)
        return;
    SSL_CTX_free(tls->context);
    free(tls->cert_file);
    free(tls->key_file);
    free(tls);
}

/* ---- a connection ---- */

struct conn_tls_session *conn_tls_session_new(struct conn_tls *tls)
{
    struct conn_tls_session *session = calloc(1, sizeof(*session));
    if (session == NULL)
        return NULL;
    session->ssl = SSL_new(tls->context);
    session->in = BIO_new(BIO_s_mem());
    session->out = BIO_new(BIO_s_mem());
    if (session->ssl == NULL || session->in == NULL || session->out == NULL) {
        BIO_free(session->in);
        BIO_free(session->out);
        SSL_free(session->ssl);
        free(session);
        return NULL;
    }
    BIO_set_mem_eof_return(session->in, -1);
    BIO_set_mem_eof_return(session->out, -1);
    SSL_set_bio(session->ssl, session->in, session->out);
    SSL_set_accept_state(session->ssl);
    return session;
}

void conn_tls_session_free(struct conn_tls_session *session)
{
    if (session == NULL)
        return;
    SSL_free(session->ssl);
    free(session);
}

bool conn_tls_take(struct conn_tls_session *session, const void *data, size_t len)
{
    return BIO_write(session->in, data, (int)len) == (int)len;
}

static enum conn_tls_result result_of(struct conn_tls_session *session, int rv)
{
    switch (SSL_get_error(session->ssl, rv)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return CONN_TLS_WAITS;
    case SSL_ERROR_ZERO_RETURN:
        return CONN_TLS_ENDED;
    default:
        ERR_clear_error();
        return CONN_TLS_FAILED;
    }
}

enum conn_tls_result conn_tls_handshake(struct conn_tls_session *session)
{
    ERR_clear_error();
    int rv = SSL_do_handshake(session->ssl);
    return rv == 1 ? CONN_TLS_OK : result_of(session, rv);
}

enum conn_tls_result conn_tls_read(struct conn_tls_session *session, void *out, size_t size,
    size_t *ret_len)
{
    ERR_clear_error();
    int rv = SSL_read(session->ssl, out, (int)size);
    if (rv <= 0)
        return result_of(session, rv);
    *ret_len = (size_t)rv;
    return CONN_TLS_OK;
}

static bool move_out(struct conn_tls_session *session, struct conn_queue *sealed)
{
    size_t len = BIO_ctrl_pending(session->out);
    uint8_t *data;
    if (len == 0)
        return true;
    struct conn_buf *buf = conn_buf_new(len, &data);
    if (buf == NULL)
        return false;
    BIO_read(session->out, data, (int)len);
    if (conn_queue_push(sealed, buf))
        return true;
    conn_buf_unref(buf);
    return false;
}

bool conn_tls_seal(struct conn_tls_session *session, struct conn_queue *plain,
    struct conn_queue *sealed, size_t max)
{
    struct iovec piece;
    bool works = move_out(session, sealed);
    while (works && sealed->n_bytes < max && conn_queue_peek(plain, &piece, 1) > 0) {
        ERR_clear_error();
        size_t len = piece.iov_len < RECORD_BYTES ? piece.iov_len : RECORD_BYTES;
        int n = SSL_write(session->ssl, piece.iov_base, (int)len);
        if (n <= 0)
            return result_of(session, n) == CONN_TLS_WAITS;
        conn_queue_sent(plain, (size_t)n);
        works = move_out(session, sealed);
    }
    return works;
}

void conn_tls_say_end(struct conn_tls_session *session)
{
    ERR_clear_error();
    if (SSL_is_init_finished(session->ssl))
        SSL_shutdown(session->ssl);
    ERR_clear_error();
}
