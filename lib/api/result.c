/* SPDX-License-Identifier: MIT */
#include "api/result.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/error.h"

/* What most answers and events need; more of it comes in chunks. */
#define INLINE_BYTES 512

/* The arena begins in the object itself, so that a small result is one allocation. */
struct result {
    synctv_result pub;
    atomic_uint refs;
    struct sv_arena arena;
    alignas(16) unsigned char first[INLINE_BYTES];
};

struct event {
    synctv_event pub;
    atomic_uint refs;
    struct sv_arena arena;
    void *_Atomic derived;
    void (*destroy_derived)(void *value);
    alignas(16) unsigned char first[INLINE_BYTES];
};

static void arena_begin_in(struct sv_arena *a, unsigned char *first)
{
    sv_arena_init(a, 0);
    a->pos = first;
    a->end = first + INLINE_BYTES;
}

#define EMPTY_RESULT_STRINGS                                                                       \
    .next_page_token = "", .current_movie_id = "", .access_token = "", .refresh_token = "",        \
    .stream_key = "", .publish_token = "", .url = ""

static const synctv_error no_memory_error = {
    .code = SYNCTV_E_NO_MEMORY,
    .message = "out of memory",
};

/* Not counted. */
static const synctv_result no_memory = {
    .code = SYNCTV_E_NO_MEMORY,
    .error = &no_memory_error,
    EMPTY_RESULT_STRINGS,
};

synctv_result *sv_result_new(void)
{
    struct result *r = malloc(sizeof(*r));
    if (r == NULL)
        return NULL;
    r->pub = (synctv_result){ EMPTY_RESULT_STRINGS };
    atomic_init(&r->refs, 1);
    arena_begin_in(&r->arena, r->first);
    return &r->pub;
}

struct sv_arena *sv_result_arena(synctv_result *result)
{
    return &((struct result *)result)->arena;
}

int sv_result_fail(synctv_result *result, int code, const synctv_error *err)
{
    synctv_error *copy = sv_arena_alloc(sv_result_arena(result), sizeof(*copy));
    if (copy == NULL)
        return SYNCTV_E_NO_MEMORY;
    if (err != NULL && err->message[0] != '\0')
        *copy = *err;
    else
        sv_error(copy, code);
    copy->code = code;
    result->code = code;
    result->error = copy;
    return 0;
}

const synctv_result *sv_result_failed(int code, const synctv_error *err)
{
    synctv_result *r = sv_result_new();
    if (r == NULL)
        return &no_memory;
    if (sv_result_fail(r, code, err) < 0) {
        synctv_result_unref(r);
        return &no_memory;
    }
    return r;
}

const synctv_result *synctv_result_ref(const synctv_result *result)
{
    if (result != &no_memory)
        atomic_fetch_add_explicit(&((struct result *)result)->refs, 1, memory_order_relaxed);
    return result;
}

void synctv_result_unref(const synctv_result *result)
{
    if (result == NULL || result == &no_memory)
        return;
    struct result *r = (struct result *)result;
    if (atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) != 1)
        return;
    sv_arena_fini(&r->arena);
    free(r);
}

synctv_event *sv_event_new(synctv_event_type type)
{
    struct event *e = malloc(sizeof(*e));
    if (e == NULL)
        return NULL;
    e->pub = (synctv_event){
        .type = type,
        .message_id = "",
        .room_id = "",
        .actor_id = "",
        .reason = "",
        .current_movie_id = "",
        .movie_id = "",
        .deleted_message_id = "",
        .in_reply_to = "",
    };
    atomic_init(&e->refs, 1);
    atomic_init(&e->derived, NULL);
    e->destroy_derived = NULL;
    arena_begin_in(&e->arena, e->first);
    return &e->pub;
}

struct sv_arena *sv_event_arena(synctv_event *event)
{
    return &((struct event *)event)->arena;
}

size_t sv_event_size(const synctv_event *event)
{
    return sizeof(struct event) + ((const struct event *)event)->arena.used_bytes;
}

const synctv_event *synctv_event_ref(const synctv_event *event)
{
    atomic_fetch_add_explicit(&((struct event *)event)->refs, 1, memory_order_relaxed);
    return event;
}

void synctv_event_unref(const synctv_event *event)
{
    struct event *e = (struct event *)event;
    if (e == NULL || atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) != 1)
        return;
    void *derived = atomic_load_explicit(&e->derived, memory_order_relaxed);
    if (derived != NULL && e->destroy_derived != NULL)
        e->destroy_derived(derived);
    sv_arena_fini(&e->arena);
    free(e);
}

void *synctv_event_derive(const synctv_event *event, void *(*make)(const synctv_event *event),
    void (*destroy)(void *value))
{
    struct event *e = (struct event *)event;
    void *value = atomic_load_explicit(&e->derived, memory_order_acquire);
    if (value != NULL)
        return value;
    void *made = make(event);
    if (made == NULL)
        return NULL;
    if (atomic_compare_exchange_strong_explicit(&e->derived, &value, made, memory_order_acq_rel,
            memory_order_acquire)) {
        /* Read by the last unref, which comes after that of the reference our caller holds. */
        e->destroy_derived = destroy;
        return made;
    }
    if (destroy != NULL)
        destroy(made);
    return value;
}
