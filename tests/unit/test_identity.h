/* SPDX-License-Identifier: MIT */
/* Certificates that tests make for themselves. */
#ifndef TEST_IDENTITY_H
#define TEST_IDENTITY_H

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

/* ---- a certificate authority ---- */

struct identity {
    EVP_PKEY *key;
    X509 *cert;
    char *key_pem, *cert_pem;
};

static inline char *bio_text(BIO *bio)
{
    char *data;
    long len = BIO_get_mem_data(bio, &data);
    char *text = calloc(1, (size_t)len + 1);
    memcpy(text, data, (size_t)len);
    BIO_free(bio);
    return text;
}

static inline void add_extension(X509 *cert, int nid, const char *text)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, text);
    X509_add_ext(cert, e, -1);
    X509_EXTENSION_free(e);
}

/* Of this DNS name or IPv4 address. `ca` NULL = an authority of its own. */
static inline struct identity identity_new(const char *name, const struct identity *ca)
{
    static long serial = 1;
    struct identity id = { .key = EVP_EC_gen("P-256"), .cert = X509_new() };
    X509_set_version(id.cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(id.cert), serial++);
    X509_gmtime_adj(X509_getm_notBefore(id.cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(id.cert), 3600);
    X509_set_pubkey(id.cert, id.key);
    X509_NAME *subject = X509_get_subject_name(id.cert);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1,
        0);
    X509_set_issuer_name(id.cert, ca != NULL ? X509_get_subject_name(ca->cert) : subject);
    add_extension(id.cert, NID_basic_constraints, ca != NULL ? "CA:FALSE" : "critical,CA:TRUE");
    if (ca != NULL) {
        char san[64];
        snprintf(san, sizeof(san), "%s:%s", isdigit((unsigned char)name[0]) ? "IP" : "DNS", name);
        add_extension(id.cert, NID_subject_alt_name, san);
    }
    X509_sign(id.cert, ca != NULL ? ca->key : id.key, EVP_sha256());
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, id.cert);
    id.cert_pem = bio_text(bio);
    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, id.key, NULL, NULL, 0, NULL, NULL);
    id.key_pem = bio_text(bio);
    return id;
}

static inline void identity_free(struct identity *id)
{
    EVP_PKEY_free(id->key);
    X509_free(id->cert);
    free(id->key_pem);
    free(id->cert_pem);
}

#endif
