/* SPDX-License-Identifier: MIT */
#include "node/streams/streams.h"

#include <stdlib.h>
#include <string.h>

#define STREAMS_PER_STEP 32

int sv_streams_new(const struct sv_stream_hooks *hooks, struct sv_streams **ret)
{
    struct sv_streams *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return SYNCTV_E_NO_MEMORY;
    s->hooks = hooks;
    pthread_mutex_init(&s->lock, NULL);
    sv_list_init(&s->all);
    pthread_mutex_init(&s->ready.lock, NULL);
    pthread_cond_init(&s->ready.over, NULL);
    sv_list_init(&s->ready.streams);
    *ret = s;
    return 0;
}

void sv_streams_free(struct sv_streams *s)
{
    if (s == NULL)
        return;
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->ready.over);
    pthread_mutex_destroy(&s->ready.lock);
    free(s);
}

/* --- who has how many --- */

/* Of this user, made if need be; NULL when out of memory. Locked. */
static struct sv_user_streams *user_get(struct sv_streams *s, const char *user_id)
{
    struct sv_user_streams *user = NULL;
    HASH_FIND_STR(s->by_user, user_id, user);
    if (user != NULL)
        return user;
    user = calloc(1, sizeof(*user));
    if (user == NULL)
        return NULL;
    memcpy(user->user_id, user_id, strlen(user_id) + 1);
    sv_list_init(&user->list);
    HASH_ADD_STR(s->by_user, user_id, user);
    if (user->hh.tbl == NULL) {
        free(user);
        return NULL;
    }
    return user;
}

/* Locked. Its session is looked at here: who ends sessions looks for their streams afterwards. */
static int add_to_user(struct sv_streams *s, struct sv_stream *stream)
{
    const struct sv_session *session = stream->session;
    int32_t max = stream->node->limits.streams_per_user;
    if (atomic_load(&session->ended))
        return SYNCTV_E_SESSION_ENDED;
    if (atomic_load(&session->account->status) == SYNCTV_USER_STATUS_BANNED)
        return SYNCTV_E_USER_BANNED;
    struct sv_user_streams *user = user_get(s, session->account->user_id);
    if (user == NULL)
        return SYNCTV_E_NO_MEMORY;
    if (max > 0 && user->n >= (unsigned)max)
        return SYNCTV_E_STREAM_LIMIT; /* so there are others, which keep the entry */
    sv_list_append(&user->list, &stream->of_user);
    stream->user = user;
    user->n++;
    return 0;
}

/* Locked. */
static void remove_from_user(struct sv_streams *s, struct sv_stream *stream)
{
    struct sv_user_streams *user = stream->user;
    if (user == NULL)
        return;
    sv_list_remove(&stream->of_user);
    stream->user = NULL;
    if (--user->n > 0)
        return;
    HASH_DEL(s->by_user, user);
    free(user);
}

int sv_streams_add(struct sv_stream *stream)
{
    struct sv_streams *s = stream->node->streams;
    pthread_mutex_lock(&s->lock);
    int rv = stream->session->account == NULL ? 0 : add_to_user(s, stream);
    if (rv >= 0) {
        sv_list_append(&s->all, &stream->in_all);
        atomic_fetch_add(&s->n, 1);
    }
    pthread_mutex_unlock(&s->lock);
    if (rv >= 0)
        sv_session_watch(stream->session);
    return rv;
}

void sv_streams_remove(struct sv_stream *stream)
{
    struct sv_streams *s = stream->node->streams;
    pthread_mutex_lock(&s->lock);
    remove_from_user(s, stream);
    sv_list_remove(&stream->in_all);
    pthread_mutex_unlock(&s->lock);
    atomic_fetch_sub(&s->n, 1);
    sv_session_unwatch(stream->session);
}

int sv_streams_of_user(synctv_node *node, const char *user_id, struct sv_stream ***ret_streams)
{
    struct sv_streams *s = node->streams;
    struct sv_user_streams *user = NULL;
    int n = 0;
    *ret_streams = NULL;
    pthread_mutex_lock(&s->lock);
    HASH_FIND_STR(s->by_user, user_id, user);
    if (user != NULL && (*ret_streams = calloc(user->n, sizeof(struct sv_stream *))) == NULL) {
        n = SYNCTV_E_NO_MEMORY;
    } else if (user != NULL) {
        SV_LIST_FOREACH(it, &user->list)
            (*ret_streams)[n++] = sv_stream_ref(SV_CONTAINER_OF(it, struct sv_stream, of_user));
    }
    pthread_mutex_unlock(&s->lock);
    return n;
}

/* --- the end of many --- */

void sv_streams_end_all(synctv_node *node, int code)
{
    struct sv_streams *s = node->streams;
    pthread_mutex_lock(&s->lock);
    SV_LIST_FOREACH(it, &s->all)
        sv_stream_end(SV_CONTAINER_OF(it, struct sv_stream, in_all), code, NULL);
    pthread_mutex_unlock(&s->lock);
}

/* Those that have ended and are still there go behind the others. */
void sv_streams_end_some(synctv_node *node, unsigned n, int code)
{
    struct sv_streams *s = node->streams;
    pthread_mutex_lock(&s->lock);
    for (struct sv_list *it; n > 0 && (it = sv_list_pop(&s->all)) != NULL; n--) {
        sv_list_append(&s->all, it);
        sv_stream_end(SV_CONTAINER_OF(it, struct sv_stream, in_all), code, NULL);
    }
    pthread_mutex_unlock(&s->lock);
}

static bool lost_its_session(const struct sv_stream *stream)
{
    const struct sv_session *session = stream->session;
    return atomic_load(&session->ended) ||
        atomic_load(&session->account->status) == SYNCTV_USER_STATUS_BANNED;
}

/* Takes those that are to end off the user, at most STREAMS_PER_STEP, with references. */
static size_t take_ended(struct sv_streams *s, const char *user_id, struct sv_stream **ret_streams)
{
    struct sv_user_streams *user = NULL;
    size_t n = 0;
    pthread_mutex_lock(&s->lock);
    HASH_FIND_STR(s->by_user, user_id, user);
    /* The user goes with the last stream. */
    struct sv_list *it = user == NULL ? NULL : user->list.next;
    for (unsigned left = user == NULL ? 0 : user->n; left > 0 && n < STREAMS_PER_STEP; left--) {
        struct sv_stream *stream = SV_CONTAINER_OF(it, struct sv_stream, of_user);
        it = it->next;
        if (!lost_its_session(stream))
            continue;
        ret_streams[n++] = sv_stream_ref(stream);
        remove_from_user(s, stream);
    }
    pthread_mutex_unlock(&s->lock);
    return n;
}

void sv_streams_end_of_user(synctv_node *node, const char *user_id)
{
    struct sv_stream *streams[STREAMS_PER_STEP];
    size_t n;
    do {
        n = take_ended(node->streams, user_id, streams);
        for (size_t i = 0; i < n; i++) {
            sv_stream_end(streams[i], SYNCTV_E_SESSION_ENDED,
                synctv_error_text(SYNCTV_E_SESSION_ENDED));
            node->streams->hooks->over(streams[i]);
            sv_stream_unref(streams[i]);
        }
    } while (n == STREAMS_PER_STEP);
}

/* --- whose turn it is --- */

bool sv_streams_want_ready(struct sv_stream *stream)
{
    struct sv_streams *s = stream->node->streams;
    bool first = false;
    pthread_mutex_lock(&s->ready.lock);
    /* It may still wait there: who takes events need not wait for ready(). */
    if (sv_list_empty(&stream->in_ready)) {
        first = sv_list_empty(&s->ready.streams);
        sv_stream_ref(stream); /* the ready list's */
        sv_list_append(&s->ready.streams, &stream->in_ready);
    }
    pthread_mutex_unlock(&s->ready.lock);
    return first;
}

/* That it runs is noted where it leaves the ready list, so it costs no lock of its own. */
void sv_streams_wait_for_ready(struct sv_stream *stream)
{
    struct sv_streams *s = stream->node->streams;
    pthread_mutex_lock(&s->ready.lock);
    bool listed = !sv_list_empty(&stream->in_ready);
    sv_list_remove(&stream->in_ready);
    s->ready.n_waiting++;
    while (s->ready.running == stream && !pthread_equal(s->ready.thread, pthread_self()))
        pthread_cond_wait(&s->ready.over, &s->ready.lock);
    s->ready.n_waiting--;
    pthread_mutex_unlock(&s->ready.lock);
    if (listed)
        sv_stream_unref(stream);
}

/* The ready() before is over. The stream whose turn it is, a reference; NULL if there is none, or
 * there are to be no `more`. */
static struct sv_stream *next_ready(struct sv_streams *s, bool more)
{
    struct sv_stream *stream = NULL;
    pthread_mutex_lock(&s->ready.lock);
    struct sv_list *it = more ? sv_list_pop(&s->ready.streams) : NULL;
    if (it != NULL)
        stream = SV_CONTAINER_OF(it, struct sv_stream, in_ready);
    s->ready.running = stream;
    s->ready.thread = pthread_self();
    if (s->ready.n_waiting > 0)
        pthread_cond_broadcast(&s->ready.over);
    pthread_mutex_unlock(&s->ready.lock);
    return stream;
}

size_t sv_streams_run_ready(synctv_node *node)
{
    size_t n = 0;
    for (struct sv_stream *it; (it = next_ready(node->streams, n < SV_READY_PER_TURN)) != NULL;
         n++) {
        it->ready(it->userdata, &it->base);
        sv_stream_unref(it);
    }
    return n < SV_READY_PER_TURN ? 0 : n;
}
