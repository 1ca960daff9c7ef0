/* SPDX-License-Identifier: MIT */
#include "node/rooms/learn.h"

#include <stdlib.h>
#include <string.h>

#include "node/links/links.h"
#include "node/rooms/apply.h"
#include "node/rooms/clock.h"
#include "node/rooms/playhead.h"
#include "node/rooms/presence.h"
#include "node/rooms/view.h"

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

/* Of the current movie. One at a time: another is dropped, the next report tries again. Locked. */
static void learn_length(struct sv_room *room, double length_s)
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

void sv_room_count_report(struct sv_room *room, const struct sv_report *report)
{
    if (sv_room_duration(room) != 0)
        return;
    struct sv_verdict verdict = sv_votes_take(&room->votes, &room->playback, sv_room_now_ms(room),
        room->attendance->n_watching, report);
    if (!sv_presence_is_complete(room)) /* it is kept until all who watch are known */
        return;
    if (verdict.ended)
        sv_playhead_end_now(room);
    else if (verdict.length_s > 0)
        learn_length(room, verdict.length_s);
}

void sv_room_look_at_lengths(struct sv_room *room)
{
    double length_s = 0;
    if (sv_presence_is_complete(room) && sv_links_has_turn(room->node, room->id) &&
        sv_room_duration(room) == 0)
        length_s = sv_votes_length(&room->votes, &room->playback, sv_room_now_ms(room),
            room->attendance->n_watching);
    if (length_s > 0)
        learn_length(room, length_s);
}
