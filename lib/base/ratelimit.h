/* SPDX-License-Identifier: MIT */
/* Token buckets. Time is an argument; intervals come from a monotonic clock. */
#ifndef SV_BASE_RATELIMIT_H
#define SV_BASE_RATELIMIT_H

#include <stddef.h>
#include <stdint.h>

struct sv_rate {
    double per_second; /* 0 = no limit */
    double burst;      /* bucket size, ≥ 1 */
};

struct sv_bucket {
    double tokens;
    int64_t at_ms; /* 0 = a fresh, full bucket */
};

/* Takes one token. Returns 0, or the ms to wait until there is one (nothing taken). */
int64_t sv_bucket_take(struct sv_bucket *b, const struct sv_rate *rate, int64_t mono_ms);

/* Buckets by key, at most `max_keys` of them, the least recently used one is dropped first. Thread-safe. */
struct sv_bucket_table;
struct sv_bucket_table *sv_bucket_table_new(struct sv_rate rate, size_t max_keys);
void sv_bucket_table_free(struct sv_bucket_table *t);
/* As sv_bucket_take(); keys are compared byte by byte, longer ones than 255 bytes by their hash. */
int64_t sv_bucket_table_take(struct sv_bucket_table *t, const char *key, int64_t mono_ms);
/* Without taking. */
int64_t sv_bucket_table_peek(struct sv_bucket_table *t, const char *key, int64_t mono_ms);

#endif
