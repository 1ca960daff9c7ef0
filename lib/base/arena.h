/* SPDX-License-Identifier: MIT */
/* Bump allocator: many small objects that are freed together. Not thread-safe. */
#ifndef SV_BASE_ARENA_H
#define SV_BASE_ARENA_H

#include <stddef.h>

struct sv_arena_chunk;

struct sv_arena {
    struct sv_arena_chunk *chunks;
    unsigned char *pos, *end;
    /* Allocated so far. */
    size_t used_bytes;
    /* 0 = no limit; beyond it allocations fail. */
    size_t limit_bytes;
};

/* An arena of zeros is ready for use; this also sets a limit. */
void sv_arena_init(struct sv_arena *a, size_t limit_bytes);
void sv_arena_fini(struct sv_arena *a);

/* Aligned to 16 bytes, zeroed. NULL when memory or the limit is exhausted. */
void *sv_arena_alloc(struct sv_arena *a, size_t size);
/* n × size with overflow check. */
void *sv_arena_array(struct sv_arena *a, size_t n, size_t size);
/* A copy; NULL is copied as "". NULL when out of memory. */
const char *sv_arena_strdup(struct sv_arena *a, const char *s);
const char *sv_arena_strndup(struct sv_arena *a, const char *s, size_t len);
void *sv_arena_memdup(struct sv_arena *a, const void *data, size_t len);
const char *sv_arena_printf(struct sv_arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
