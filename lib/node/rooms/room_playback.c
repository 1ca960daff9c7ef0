/* SPDX-License-Identifier: MIT */
/*
 * What happens to the playhead by itself: the end of a movie, its length, its removal, an empty
 * house. The room is locked.
 */
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "node/rooms/room.h"

/* Movies that end in one go, on a node that slept. */
#define ENDS_PER_TURN 64

struct sv_playback_change sv_room_change_now(struct sv_room *room)
{
    return (struct sv_playback_change){
        .now_ms = sv_node_clock_ms(&room->node->clock),
        .node_id = room->node->id,
        .duration_s = sv_room_duration(room),
    };
}

/* Without chance shuffle is less random, no worse. */
static uint64_t chance(void)
{
    uint64_t random = 0;
    sv_random_bytes(&random, sizeof(random));
    return random;
}

/* The id of the movie after the current one, NULL if there is none. */
static const char *next_id(struct sv_room *room, uint64_t random)
{
    const synctv_movie *next = sv_playlist_next(&room->movies, room->playback.movie_id,
        room->settings.auto_advance, random);
    return next == NULL ? NULL : next->id;
}

/* --- the end --- */

int64_t sv_room_ends_at_ms(struct sv_room *room)
{
    if (sv_list_empty(&room->follows))
        return 0;
    return sv_playback_ends_at_ms(&room->playback, sv_room_duration(room));
}

/* Somebody has waited for it: the same as on every other node, whenever each of them gets to it. */
static void end_when_due(struct sv_room *room, int64_t due_ms)
{
    char name[SV_END_NODE_SIZE];
    struct sv_playback_change change = sv_room_change_now(room);
    uint64_t random = sv_playback_end_random(room->id, room->playback.version);
    sv_playback_end_node(room->revision, name);
    change.now_ms = due_ms;
    change.node_id = name;
    sv_playback_end(&room->playback, &change, next_id(room, random), &room->playback);
}

static void end_here(struct sv_room *room)
{
    struct sv_playback_change change = sv_room_change_now(room);
    sv_playback_end(&room->playback, &change, next_id(room, chance()), &room->playback);
}

/* Whether somebody here has waited for an end that was due then. */
static bool was_awaited(const struct sv_room *room, int64_t clock_ms, int64_t due_ms)
{
    return sv_mono_ms() - room->awaited_ms >= clock_ms - due_ms;
}

void sv_room_end_if_due(struct sv_room *room)
{
    bool has_ended = false;
    int64_t clock_ms = sv_node_clock_ms(&room->node->clock);
    for (int i = 0; i < ENDS_PER_TURN; i++) {
        int64_t due_ms = sv_room_ends_at_ms(room);
        if (due_ms == 0 || due_ms > clock_ms)
            break;
        if (was_awaited(room, clock_ms, due_ms))
            end_when_due(room, due_ms);
        else
            end_here(room);
        has_ended = true;
    }
    if (has_ended)
        sv_room_tell_state(room, SYNCTV_STATE_CAUSE_ENDED, "", "");
}

void sv_room_end_now(struct sv_room *room)
{
    end_here(room);
    sv_votes_clear(&room->votes);
    sv_room_tell_state(room, SYNCTV_STATE_CAUSE_ENDED, "", "");
}

/* --- its length --- */

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

static void tell_length(const struct learning *l)
{
    struct sv_room *room = sv_room_enter(l->room->node, l->room->id);
    if (room == NULL)
        return;
    if (sv_room_advance(room, l->revision)) {
        if (sv_playlist_update(&room->movies, &l->movie) < 0)
            sv_room_reload(room);
        else
            sv_room_tell_movies(room, SYNCTV_LIST_CHANGE_CHANGED,
                sv_playlist_get(&room->movies, l->movie_id), "");
        sv_room_schedule(room); /* now the movie has an end */
    }
    sv_room_leave(room);
}

/* A failure is no harm: the next report begins it again. */
static void learn_apply(struct sv_job *job, int rv)
{
    struct learning *l = SV_CONTAINER_OF(job, struct learning, job);
    if (rv >= 0 && l->revision != 0)
        tell_length(l);
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
    room->learning = room->node->store->ops->write(room->node->store, &l->job) >= 0;
    if (!room->learning) {
        sv_room_unref(room);
        free(l);
    }
}

/* --- removal --- */

void sv_room_movie_removed(struct sv_room *room, const char *movie_id, const char *actor_id)
{
    if (movie_id != NULL)
        sv_room_end_if_due(room);
    const char *current_id = room->playback.movie_id;
    if (current_id[0] == '\0' || (movie_id != NULL && strcmp(current_id, movie_id) != 0))
        return;
    const char *next = movie_id == NULL ? NULL : next_id(room, chance());
    if (next != NULL && strcmp(next, current_id) == 0)
        next = NULL;
    struct sv_playback_change change = sv_room_change_now(room);
    if (next == NULL ||
        sv_playback_set_movie(&room->playback, &change, next, room->playback.status,
            &room->playback, NULL) < 0)
        sv_playback_clear_movie(&room->playback, &change, &room->playback, NULL);
    sv_room_tell_state(room, SYNCTV_STATE_CAUSE_MOVIE, actor_id, "");
}

/* --- an empty house --- */

void sv_room_emptied(struct sv_room *room)
{
    struct sv_playback_change change = sv_room_change_now(room);
    if (room->settings.pause_when_empty &&
        room->playback.status == SYNCTV_PLAYBACK_STATUS_PLAYING &&
        sv_playback_pause(&room->playback, &change, NULL, &room->playback, NULL) >= 0)
        sv_room_tell_state(room, SYNCTV_STATE_CAUSE_PAUSE, "", "");
}
