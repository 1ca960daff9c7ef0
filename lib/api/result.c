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

/* A value that somebody has derived from an event. */
struct derived {
    struct derived *next;
    void *(*make)(const synctv_event *event);
    void (*destroy)(void *value);
    void *value;
};

struct event {
    synctv_event pub;
    atomic_uint refs;
    struct sv_arena arena;
    /* Only ever longer, SYNCTV_DERIVED_MAX at most. */
    struct derived *_Atomic derived;
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

static void derived_free(struct derived *d)
{
    if (d->destroy != NULL)
        d->destroy(d->value);
    free(d);
}

void synctv_event_unref(const synctv_event *event)
{
    struct event *e = (struct event *)event;
    if (e == NULL || atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) != 1)
        return;
    struct derived *d = atomic_load_explicit(&e->derived, memory_order_relaxed);
    while (d != NULL) {
        struct derived *next = d->next;
        derived_free(d);
        d = next;
    }
    sv_arena_fini(&e->arena);
    free(e);
}

/* NULL if there is none; *ret_n is how many there are then. */
static struct derived *find_derived(struct derived *first, void *(*make)(const synctv_event *event),
    unsigned *ret_n)
{
    *ret_n = 0;
    for (struct derived *d = first; d != NULL; d = d->next) {
        if (d->make == make)
            return d;
        ++*ret_n;
    }
    return NULL;
}

void *synctv_event_derive(const synctv_event *event, void *(*make)(const synctv_event *event),
    void (*destroy)(void *value))
{
    struct event *e = (struct event *)event;
    struct derived *first = atomic_load_explicit(&e->derived, memory_order_acquire);
    unsigned n;
    struct derived *found = find_derived(first, make, &n);
    if (found != NULL)
        return found->value;
    struct derived *mine = n < SYNCTV_DERIVED_MAX ? malloc(sizeof(*mine)) : NULL;
    if (mine == NULL)
        return NULL;
    *mine = (struct derived){ .make = make, .destroy = destroy, .value = make(event) };
    if (mine->value == NULL) {
        free(mine);
        return NULL;
    }
    do {
        found = find_derived(first, make, &n);
        if (found != NULL || n == SYNCTV_DERIVED_MAX) { /* others were quicker */
            derived_free(mine);
            return found != NULL ? found->value : NULL;
        }
        mine->next = first;
    } while (!atomic_compare_exchange_weak_explicit(&e->derived, &first, mine, memory_order_acq_rel,
        memory_order_acquire));
    return mine->value;
}
