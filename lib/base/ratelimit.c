/* SPDX-License-Identifier: MIT */
#include "base/ratelimit.h"

#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "base/hash.h"
#include "base/list.h"

#define MAX_KEY_BYTES 255
#define MAX_WAIT_MS 1e15         /* what a rate next to nothing comes to */
#define WAIT_WITHOUT_MEMORY 1000 /* ms */
#define ROUNDING 1e-9            /* of a token: the sums of many small refills are not exact */

static bool is_unlimited(const struct sv_rate *rate)
{
    return !(rate->per_second > 0) || isinf(rate->per_second);
}

/*
 * Refills the bucket up to now. A clock that goes back adds nothing, and time that passes twice is
 * not added twice.
 */
static void refill(struct sv_bucket *b, const struct sv_rate *rate, int64_t now_ms)
{
    double burst = rate->burst >= 1 ? rate->burst : 1;
    if (b->at_ms == 0) {
        b->tokens = burst;
        b->at_ms = now_ms;
    } else if (now_ms > b->at_ms) {
        b->tokens += ((double)now_ms - (double)b->at_ms) * rate->per_second / 1000;
        b->at_ms = now_ms;
    }
    if (b->tokens > burst)
        b->tokens = burst;
}

static int64_t wait_ms(const struct sv_bucket *b, const struct sv_rate *rate, int64_t now_ms)
{
    double wait = ceil((1 - ROUNDING - b->tokens) / rate->per_second * 1000);
    if (b->at_ms > now_ms)
        wait += (double)b->at_ms - (double)now_ms;
    if (wait > MAX_WAIT_MS)
        wait = MAX_WAIT_MS;
    return wait < 1 ? 1 : (int64_t)wait;
}

int64_t sv_bucket_take(struct sv_bucket *b, const struct sv_rate *rate, int64_t mono_ms)
{
    if (is_unlimited(rate))
        return 0;
    if (mono_ms < 1)
        mono_ms = 1; /* 0 marks a fresh bucket */
    refill(b, rate, mono_ms);
    if (b->tokens < 1 - ROUNDING)
        return wait_ms(b, rate, mono_ms);
    b->tokens = b->tokens > 1 ? b->tokens - 1 : 0;
    return 0;
}

struct entry {
    UT_hash_handle hh;
    struct sv_list lru;
    struct sv_bucket bucket;
    char key[];
};

struct sv_bucket_table {
    struct sv_rate rate;
    size_t max_keys;

    pthread_mutex_t lock;
    struct entry *entries;
    /* The least recently used one first. */
    struct sv_list lru;
};

/* The bytes under which a key is stored. */
struct table_key {
    const char *bytes;
    size_t len;
    char hashed[1 + SHA256_DIGEST_LENGTH];
};

/* A long key is stored under its hash, behind a byte with which no UTF-8 string begins. */
static void table_key_init(struct table_key *k, const char *key)
{
    k->bytes = key;
    k->len = strlen(key);
    if (k->len <= MAX_KEY_BYTES)
        return;
    k->hashed[0] = (char)0xff;
    SHA256((const unsigned char *)key, k->len, (unsigned char *)k->hashed + 1);
    k->bytes = k->hashed;
    k->len = sizeof(k->hashed);
}

struct sv_bucket_table *sv_bucket_table_new(struct sv_rate rate, size_t max_keys)
{
    struct sv_bucket_table *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return NULL;
    t->rate = rate;
    t->max_keys = max_keys == 0 ? 1 : max_keys;
    pthread_mutex_init(&t->lock, NULL);
    sv_list_init(&t->lru);
    return t;
}

static void drop(struct sv_bucket_table *t, struct entry *e)
{
    HASH_DEL(t->entries, e);
    sv_list_remove(&e->lru);
    free(e);
}

void sv_bucket_table_free(struct sv_bucket_table *t)
{
    if (t == NULL)
        return;
    SV_LIST_FOREACH(it, &t->lru)
        drop(t, SV_CONTAINER_OF(it, struct entry, lru));
    pthread_mutex_destroy(&t->lock);
    free(t);
}

static struct entry *find(struct sv_bucket_table *t, const struct table_key *k)
{
    struct entry *e = NULL;
    HASH_FIND(hh, t->entries, k->bytes, k->len, e);
    return e;
}

/* A new entry, in place of the oldest one when the table is full. NULL when out of memory. */
static struct entry *add(struct sv_bucket_table *t, const struct table_key *k)
{
    if (HASH_COUNT(t->entries) >= t->max_keys)
        drop(t, SV_CONTAINER_OF(t->lru.next, struct entry, lru));
    struct entry *e = calloc(1, sizeof(*e) + k->len + 1);
    if (e == NULL)
        return NULL;
    memcpy(e->key, k->bytes, k->len);
    HASH_ADD_KEYPTR(hh, t->entries, e->key, k->len, e);
    if (e->hh.tbl == NULL) {
        free(e);
        return NULL;
    }
    sv_list_append(&t->lru, &e->lru);
    return e;
}

int64_t sv_bucket_table_take(struct sv_bucket_table *t, const char *key, int64_t mono_ms)
{
    if (is_unlimited(&t->rate))
        return 0;
    struct table_key k;
    table_key_init(&k, key);

    int64_t wait = WAIT_WITHOUT_MEMORY;
    pthread_mutex_lock(&t->lock);
    struct entry *e = find(t, &k);
    if (e == NULL)
        e = add(t, &k);
    if (e != NULL) {
        sv_list_remove(&e->lru);
        sv_list_append(&t->lru, &e->lru);
        wait = sv_bucket_take(&e->bucket, &t->rate, mono_ms);
    }
    pthread_mutex_unlock(&t->lock);
    return wait;
}

int64_t sv_bucket_table_peek(struct sv_bucket_table *t, const char *key, int64_t mono_ms)
{
    if (is_unlimited(&t->rate))
        return 0;
    struct table_key k;
    table_key_init(&k, key);

    int64_t wait = 0;
    pthread_mutex_lock(&t->lock);
    struct entry *e = find(t, &k);
    if (e != NULL) {
        struct sv_bucket copy = e->bucket;
        wait = sv_bucket_take(&copy, &t->rate, mono_ms);
    }
    pthread_mutex_unlock(&t->lock);
    return wait;
}
