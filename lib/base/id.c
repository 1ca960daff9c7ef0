/* SPDX-License-Identifier: MIT */
#include "base/id.h"

#include <limits.h>
#include <pthread.h>

#include <openssl/rand.h>

#include "base/error.h"
#include "base/secret.h"
#include "base/text.h"

static const char alphabet[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

/* Random bytes for ids, fetched in batches: one call of RAND_bytes() costs as much as many ids. */
struct random_batch {
    unsigned char bytes[240];
    size_t left;
};

static _Thread_local struct random_batch batch;

/*
 * Drops the batch in the child of a fork(): it is a copy, and the child would make the same ids as
 * its parent.
 */
static void forget_batch(void)
{
    sv_secret_wipe(&batch, sizeof(batch));
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, forget_batch);
}

int sv_random_bytes(void *out, size_t len)
{
    unsigned char *p = out;
    while (len > 0) {
        int n = len > INT_MAX ? INT_MAX : (int)len;
        if (RAND_bytes(p, n) != 1)
            return SYNCTV_E_INTERNAL;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

static int fill(struct random_batch *b)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    int rv = sv_random_bytes(b->bytes, sizeof(b->bytes));
    b->left = rv < 0 ? 0 : sizeof(b->bytes);
    return rv;
}

int sv_random_id(char *out, size_t len)
{
    struct random_batch *b = &batch;
    for (size_t i = 0; i < len; i++) {
        if (b->left == 0) {
            int rv = fill(b);
            if (rv < 0) {
                out[0] = '\0';
                return rv;
            }
        }
        b->left--;
        out[i] = alphabet[b->bytes[b->left] & 63];
        b->bytes[b->left] = 0;
    }
    out[len] = '\0';
    return 0;
}

int sv_id_new(char out[SV_ID_SIZE])
{
    return sv_random_id(out, SV_ID_LEN);
}

bool sv_id_valid(const char *s)
{
    if (s == NULL)
        return false;
    size_t n = 0;
    while (n < SV_ID_LEN && sv_is_base64url(s[n]))
        n++;
    return n == SV_ID_LEN && s[n] == '\0';
}

bool sv_name_valid(const char *s, size_t max_len)
{
    if (s == NULL)
        return false;
    size_t n = 0;
    while (n < max_len && (sv_is_base64url(s[n]) || s[n] == '.'))
        n++;
    return n > 0 && s[n] == '\0';
}
