/* SPDX-License-Identifier: MIT */
/* Token buckets. Time is an argument; intervals come from a monotonic clock. */
#ifndef SV_BASE_RATELIMIT_H
#define SV_BASE_RATELIMIT_H

#include <stddef.h>
#include <stdint.h>

struct sv_rate {
    /* 0 = no limit. */
    double per_second;
    /* Bucket size, ≥ 1. */
    double burst;
};

struct sv_bucket {
    double tokens;
    /* 0 = a fresh, full bucket. */
    int64_t at_ms;
};

/* Takes one token. Returns 0, or the ms to wait until there is one; then none was taken. */
int64_t sv_bucket_take(struct sv_bucket *b, const struct sv_rate *rate, int64_t mono_ms);

/* Buckets by key, at most `max_keys`; the least recently used one is dropped first. Thread-safe. */
struct sv_bucket_table;
struct sv_bucket_table *sv_bucket_table_new(struct sv_rate rate, size_t max_keys);
void sv_bucket_table_free(struct sv_bucket_table *t);
/*
 * As sv_bucket_take(). Keys are compared byte by byte, keys of more than 255 bytes by their hash.
 */
int64_t sv_bucket_table_take(struct sv_bucket_table *t, const char *key, int64_t mono_ms);
/* The same without taking a token. */
int64_t sv_bucket_table_peek(struct sv_bucket_table *t, const char *key, int64_t mono_ms);

#endif
