/* SPDX-License-Identifier: MIT */
#include "node/rooms/learn.h"

#include <stdlib.h>
#include <string.h>

#include "node/rooms/apply.h"

struct learning {
    struct sv_job job;
    /* A reference. */
    struct sv_room *room;
    char movie_id[SV_ID_SIZE];
    double length_s;
    struct sv_arena arena;
    synctv_movie movie;
    /* 0 = nothing has changed. */
    uint64_t revision;
};

/* What somebody has written into the playlist meanwhile stays. */
static int learn_run(struct sv_job *job, struct sv_tx *tx)
{
    struct learning *l = SV_CONTAINER_OF(job, struct learning, job);
    sv_arena_fini(&l->arena);
    l->revision = 0;
    int rv = tx->ops->movie_get(tx, l->room->id, l->movie_id, &l->arena, &l->movie);
    if (rv < 0 || l->movie.duration_s > 0 || l->movie.type == SYNCTV_MOVIE_TYPE_LIVE)
        return rv;
    l->movie.duration_s = l->length_s;
    return tx->ops->movie_update(tx, &l->movie, &l->revision);
}

/* A failure is no harm: the next report begins it again. */
static void learn_apply(struct sv_job *job, int rv)
{
    struct learning *l = SV_CONTAINER_OF(job, struct learning, job);
    if (rv >= 0 && l->revision != 0) {
        struct sv_room *room = sv_room_commit(l->room->node,
            &(struct sv_room_change){
                .room_id = l->room->id,
                .revision = l->revision,
                .list = SYNCTV_LIST_CHANGE_CHANGED,
                .movie = &l->movie,
            });
        if (room != NULL)
            sv_room_leave(room);
    }
    pthread_mutex_lock(&l->room->lock);
    l->room->learning = false;
    pthread_mutex_unlock(&l->room->lock);
    sv_room_unref(l->room);
    sv_arena_fini(&l->arena);
    free(l);
}

void sv_room_learn_length(struct sv_room *room, double length_s)
{
    struct learning *l = room->learning ? NULL : calloc(1, sizeof(*l));
    if (l == NULL)
        return;
    l->room = sv_room_ref(room);
    memcpy(l->movie_id, room->playback.movie_id, sizeof(l->movie_id));
    l->length_s = length_s;
    l->job.run = learn_run;
    l->job.apply = learn_apply;
    sv_job_set_scope(&l->job, room->id, NULL, NULL);
    room->learning = sv_store_write(room->node->store, &l->job) >= 0;
    if (!room->learning) {
        sv_room_unref(room);
        free(l);
    }
}
