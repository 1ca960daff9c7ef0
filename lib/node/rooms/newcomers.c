/* SPDX-License-Identifier: MIT */
#include "node/rooms/newcomers.h"

#include <stdlib.h>
#include <string.h>

#include "node/rooms/follow.h"
#include "node/rooms/opening.h"

#define USERS_AT_ONCE 64

struct user {
    char id[SV_ID_SIZE];
    /* What was read. */
    const char *const *room_ids;
    int n_rooms;
};

struct look {
    struct sv_job job;
    synctv_node *node;
    struct sv_arena arena;
    /* Of `users` these are in hand. */
    size_t first, n;
    size_t n_users;
    struct user users[];
};

/* --- who has such streams --- */

static bool follows_all_rooms(const struct sv_user_streams *user)
{
    SV_LIST_FOREACH(it, &user->list) {
        const struct sv_stream *stream = SV_CONTAINER_OF(it, struct sv_stream, of_user);
        if (stream->room_id[0] == '\0')
            return true;
    }
    return false;
}

/* NULL when out of memory, or there is nobody. */
static struct look *look_new(synctv_node *node)
{
    struct sv_streams *s = node->streams;
    struct sv_user_streams *user, *tmp;
    struct look *look = NULL;
    pthread_mutex_lock(&s->lock);
    size_t max = HASH_COUNT(s->by_user);
    if (max > 0)
        look = calloc(1, sizeof(*look) + max * sizeof(look->users[0]));
    if (look != NULL) {
        HASH_ITER(hh, s->by_user, user, tmp) {
            if (follows_all_rooms(user))
                memcpy(look->users[look->n_users++].id, user->user_id, sizeof(user->user_id));
        }
    }
    pthread_mutex_unlock(&s->lock);
    return look;
}

/* --- what is read --- */

static int look_run(struct sv_job *job, struct sv_tx *tx)
{
    struct look *look = SV_CONTAINER_OF(job, struct look, job);
    int rv = 0;
    sv_arena_fini(&look->arena);
    for (size_t i = look->first; rv >= 0 && i < look->first + look->n; i++) {
        struct user *user = &look->users[i];
        rv = user->n_rooms = tx->ops->member_rooms(tx, user->id, SV_STREAM_MAX_ROOMS + 1,
            &look->arena, &user->room_ids);
    }
    return rv < 0 ? rv : 0;
}

/* --- what is done about it --- */

static void follow(struct sv_stream *stream, const struct user *user)
{
    for (int i = 0; stream->room_id[0] == '\0' && i < user->n_rooms; i++) {
        if (!sv_stream_follows_id(stream, user->room_ids[i]))
            sv_stream_come_into(stream, user->room_ids[i]);
    }
}

static void follow_with_all(synctv_node *node, const struct user *user)
{
    struct sv_stream **streams;
    int n = sv_streams_of_user(node, user->id, &streams); /* without memory: the next look's */
    for (int i = 0; i < n; i++) {
        follow(streams[i], user);
        sv_stream_unref(streams[i]);
    }
    free(streams);
}

static void look_at_some(struct look *look)
{
    size_t left = look->n_users - look->first;
    look->n = left < USERS_AT_ONCE ? left : USERS_AT_ONCE;
    if (look->n > 0 && sv_store_read(look->node->store, &look->job) >= 0)
        return;
    atomic_store(&look->node->rooms->looking_for_newcomers, false);
    sv_arena_fini(&look->arena);
    free(look);
}

static void look_apply(struct sv_job *job, int rv)
{
    struct look *look = SV_CONTAINER_OF(job, struct look, job);
    for (size_t i = look->first; rv >= 0 && i < look->first + look->n; i++)
        follow_with_all(look->node, &look->users[i]);
    look->first = rv < 0 ? look->n_users : look->first + look->n;
    look_at_some(look);
}

void sv_newcomers_look(synctv_node *node)
{
    if (atomic_exchange(&node->rooms->looking_for_newcomers, true))
        return;
    struct look *look = look_new(node);
    if (look == NULL) {
        atomic_store(&node->rooms->looking_for_newcomers, false);
        return;
    }
    look->node = node;
    look->job.run = look_run;
    look->job.apply = look_apply;
    look_at_some(look);
}
