/* SPDX-License-Identifier: MIT */
#include "rpc/tls.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/error.h"
#include "base/text.h"

struct sv_rpc_server_tls {
    pthread_mutex_t lock;
    char *cert, *key, *client_ca;
    /* The core has not fetched them yet. */
    bool is_new;
    /* Constant: a reload does not change it. */
    bool verify_clients;
};

/* ---- checks: gRPC takes anything and then fails handshakes, one by one ---- */

static BIO *pem_open(const char *pem)
{
    return BIO_new_mem_buf(pem, -1);
}

static X509 *read_cert(const char *pem)
{
    BIO *bio = pem_open(pem);
    X509 *cert = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    return cert;
}

/* Refuses keys with a passphrase: there is nobody whom the server could ask for it. */
static int no_passphrase(char *buf, int size, int rwflag, void *userdata)
{
    return -1;
}

static EVP_PKEY *read_key(const char *pem)
{
    BIO *bio = pem_open(pem);
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
    BIO_free(bio);
    return key;
}

static int check_ca(const char *pem, const char *field, synctv_error *err)
{
    X509 *cert = read_cert(pem);
    ERR_clear_error();
    if (cert == NULL)
        return sv_error_field(err, field, "there is no PEM certificate in it");
    X509_free(cert);
    return 0;
}

static int check_pair(const char *cert_pem, const char *key_pem, synctv_error *err)
{
    int rv = 0;
    X509 *cert = read_cert(cert_pem);
    EVP_PKEY *key = read_key(key_pem);
    if (cert == NULL)
        rv = sv_error_field(err, "tls_cert_file", "there is no PEM certificate in it");
    else if (key == NULL)
        rv = sv_error_field(err, "tls_key_file", "there is no unencrypted PEM private key in it");
    else if (X509_check_private_key(cert, key) != 1)
        rv = sv_error_field(err, "tls_key_file",
            "the private key does not belong to the certificate");
    X509_free(cert);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return rv;
}

static int check_server(const struct sv_rpc_tls *pem, synctv_error *err)
{
    if (sv_str_empty(pem->cert))
        return sv_error_field(err, "tls_cert_file", "a certificate is needed");
    if (sv_str_empty(pem->key))
        return sv_error_field(err, "tls_key_file", "a private key is needed");
    int rv = check_pair(pem->cert, pem->key, err);
    if (rv == 0 && !sv_str_empty(pem->client_ca))
        rv = check_ca(pem->client_ca, "tls_client_ca_file", err);
    return rv;
}

/* ---- server ---- */

static void wipe(char *secret)
{
    if (secret != NULL)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

int sv_rpc_server_tls_replace(struct sv_rpc_server_tls *tls, const struct sv_rpc_tls *pem,
    synctv_error *ret_error)
{
    int rv = check_server(pem, ret_error);
    if (rv < 0)
        return rv;
    if (tls->verify_clients && sv_str_empty(pem->client_ca))
        return sv_error_field(ret_error, "tls_client_ca_file",
            "it cannot be dropped while running");
    char *cert = strdup(pem->cert);
    char *key = strdup(pem->key);
    char *client_ca = strdup(sv_str(pem->client_ca));
    if (cert == NULL || key == NULL || client_ca == NULL) {
        free(cert);
        wipe(key);
        free(client_ca);
        return sv_error(ret_error, SYNCTV_E_NO_MEMORY);
    }
    pthread_mutex_lock(&tls->lock);
    char *old_cert = tls->cert, *old_key = tls->key, *old_ca = tls->client_ca;
    tls->cert = cert;
    tls->key = key;
    tls->client_ca = client_ca;
    tls->is_new = true;
    pthread_mutex_unlock(&tls->lock);
    free(old_cert);
    wipe(old_key);
    free(old_ca);
    return 0;
}

int sv_rpc_server_tls_new(const struct sv_rpc_tls *pem, struct sv_rpc_server_tls **ret_tls,
    synctv_error *ret_error)
{
    struct sv_rpc_server_tls *tls = calloc(1, sizeof(*tls));
    if (tls == NULL)
        return sv_error(ret_error, SYNCTV_E_NO_MEMORY);
    pthread_mutex_init(&tls->lock, NULL);
    tls->verify_clients = !sv_str_empty(pem->client_ca);
    int rv = sv_rpc_server_tls_replace(tls, pem, ret_error);
    if (rv < 0) {
        sv_rpc_server_tls_free(tls);
        return rv;
    }
    *ret_tls = tls;
    return 0;
}

void sv_rpc_server_tls_free(struct sv_rpc_server_tls *tls)
{
    if (tls == NULL)
        return;
    free(tls->cert);
    wipe(tls->key);
    free(tls->client_ca);
    pthread_mutex_destroy(&tls->lock);
    free(tls);
}

/* The core asks before each handshake whether there is something new. */
static grpc_ssl_certificate_config_reload_status fetch(void *userdata,
    grpc_ssl_server_certificate_config **ret_config)
{
    struct sv_rpc_server_tls *tls = userdata;
    grpc_ssl_certificate_config_reload_status status = GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    pthread_mutex_lock(&tls->lock);
    if (tls->is_new) {
        grpc_ssl_pem_key_cert_pair pair = { tls->key, tls->cert };
        /*
         * The core asserts that there are roots, but does not use them unless clients are asked for
         * a certificate.
         */
        *ret_config = grpc_ssl_server_certificate_config_create(tls->verify_clients ? tls->client_ca
                                                                                    : tls->cert,
            &pair, 1);
        tls->is_new = false;
        status = GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
    }
    pthread_mutex_unlock(&tls->lock);
    return status;
}

grpc_server_credentials *sv_rpc_server_tls_credentials(struct sv_rpc_server_tls *tls)
{
    grpc_ssl_server_credentials_options *options =
        grpc_ssl_server_credentials_create_options_using_config_fetcher(tls->verify_clients
                ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE,
            fetch, tls);
    return options != NULL ? grpc_ssl_server_credentials_create_with_options(options) : NULL;
}

/* ---- client ---- */

int sv_rpc_client_tls_credentials(const char *root_ca, const char *cert, const char *key,
    grpc_channel_credentials **ret_credentials, synctv_error *ret_error)
{
    int rv = 0;
    if (root_ca != NULL)
        rv = check_ca(root_ca, "tls_ca_file", ret_error);
    if (rv == 0 && (cert == NULL) != (key == NULL))
        rv = sv_error_field(ret_error, cert == NULL ? "tls_cert_file" : "tls_key_file",
            "certificate and key come together");
    if (rv == 0 && cert != NULL)
        rv = check_pair(cert, key, ret_error);
    if (rv < 0)
        return rv;
    grpc_ssl_pem_key_cert_pair pair = { key, cert };
    grpc_channel_credentials *credentials =
        grpc_ssl_credentials_create(root_ca, cert != NULL ? &pair : NULL, NULL, NULL);
    if (credentials == NULL)
        return sv_errorf(ret_error, SYNCTV_E_INTERNAL, "gRPC does not take these certificates");
    *ret_credentials = credentials;
    return 0;
}
