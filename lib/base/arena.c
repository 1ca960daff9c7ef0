/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 16
#define FIRST_CHUNK_BYTES 1024
#define MAX_CHUNK_BYTES (256 * 1024) /* a larger object gets a chunk of its own */

struct sv_arena_chunk {
    alignas(ALIGNMENT) struct sv_arena_chunk *next;
    /* Bytes of data. */
    size_t size;
    alignas(ALIGNMENT) unsigned char data[];
};

_Static_assert(alignof(max_align_t) >= ALIGNMENT, "malloc() must align as the arena promises");

void sv_arena_init(struct sv_arena *a, size_t limit_bytes)
{
    *a = (struct sv_arena){ .limit_bytes = limit_bytes };
}

void sv_arena_fini(struct sv_arena *a)
{
    for (struct sv_arena_chunk *c = a->chunks, *next; c != NULL; c = next) {
        next = c->next;
        free(c);
    }
    sv_arena_init(a, a->limit_bytes);
}

/* The size of the next chunk: twice the last one, but no more than the limit allows. */
static size_t next_chunk_size(const struct sv_arena *a, size_t size)
{
    size_t chunk = FIRST_CHUNK_BYTES - sizeof(struct sv_arena_chunk);
    if (a->chunks != NULL)
        chunk = a->chunks->size * 2;
    if (chunk > MAX_CHUNK_BYTES)
        chunk = MAX_CHUNK_BYTES;
    if (a->limit_bytes != 0 && chunk > a->limit_bytes - a->used_bytes)
        chunk = a->limit_bytes - a->used_bytes;
    return chunk < size ? size : chunk;
}

/* `size` bytes at the start of a new chunk. */
static void *alloc_in_new_chunk(struct sv_arena *a, size_t size)
{
    size_t chunk_size = next_chunk_size(a, size);
    struct sv_arena_chunk *c = malloc(sizeof(*c) + chunk_size);
    if (c == NULL)
        return NULL;
    c->size = chunk_size;

    if (a->chunks != NULL && chunk_size - size < (size_t)(a->end - a->pos)) {
        /* The current chunk has more left than this one: go on with it. */
        c->next = a->chunks->next;
        a->chunks->next = c;
        return c->data;
    }
    c->next = a->chunks;
    a->chunks = c;
    a->pos = c->data + size;
    a->end = c->data + chunk_size;
    return c->data;
}

/* Not zeroed. */
static void *take(struct sv_arena *a, size_t size)
{
    if (size > PTRDIFF_MAX - ALIGNMENT)
        return NULL; /* no object is larger */
    size = size == 0 ? ALIGNMENT : (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (size > SIZE_MAX - a->used_bytes)
        return NULL;
    if (a->limit_bytes != 0 && size > a->limit_bytes - a->used_bytes)
        return NULL;

    void *p;
    if (a->pos != NULL && size <= (size_t)(a->end - a->pos)) {
        p = a->pos;
        a->pos += size;
    } else {
        p = alloc_in_new_chunk(a, size);
        if (p == NULL)
            return NULL;
    }
    a->used_bytes += size;
    return p;
}

void *sv_arena_alloc(struct sv_arena *a, size_t size)
{
    void *p = take(a, size);
    return p != NULL ? memset(p, 0, size) : NULL;
}

void *sv_arena_array(struct sv_arena *a, size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes))
        return NULL;
    return sv_arena_alloc(a, bytes);
}

const char *sv_arena_strdup(struct sv_arena *a, const char *s)
{
    return sv_arena_strndup(a, s, s == NULL ? 0 : strlen(s));
}

const char *sv_arena_strndup(struct sv_arena *a, const char *s, size_t len)
{
    if (len == SIZE_MAX)
        return NULL;
    char *copy = take(a, len + 1);
    if (copy == NULL)
        return NULL;
    if (s != NULL)
        memcpy(copy, s, len);
    else
        memset(copy, 0, len);
    copy[len] = '\0';
    return copy;
}

void *sv_arena_memdup(struct sv_arena *a, const void *data, size_t len)
{
    void *copy = take(a, len);
    if (copy != NULL && len > 0)
        memcpy(copy, data, len);
    return copy;
}

const char *sv_arena_printf(struct sv_arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int len = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (len < 0)
        return NULL;

    char *s = sv_arena_alloc(a, (size_t)len + 1);
    if (s == NULL)
        return NULL;
    va_start(ap, fmt);
    vsnprintf(s, (size_t)len + 1, fmt, ap);
    va_end(ap);
    return s;
}
