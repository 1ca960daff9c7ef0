/* SPDX-License-Identifier: MIT */
/* The playback state is a register in which the last writer wins; votes for the end of a movie. */
#include "rooms.h"

#include <stdlib.h>

#define FLUSH_AFTER (250 * MS)
#define NEXT_ACTS_AFTER (2 * SEC)

const synctv_playback *room_wire_play(struct world *w, int room, const struct play *play)
{
    synctv_playback *state = take(w, sizeof(*state));
    state->room_id = w->room_ids[room];
    state->movie_id = text(w, "%u", play->movie);
    state->version = play->version;
    state->node_id = play->node_id;
    return state;
}

struct play room_play_of(const struct world *w, const synctv_playback *state)
{
    return (struct play){ state->version, state->node_id, (uint32_t)atoi(state->movie_id) };
}

static void flush_due(struct world *w, struct task *task)
{
    task->process->rooms[task->a].flush_us = 0;
    room_flush(w, task->process, (int)task->a);
}

static void flush_later(struct world *w, struct process *p, int room)
{
    struct room *r = &p->rooms[room];
    if (r->flush_us != 0)
        return;
    r->flush_us = w->now_us + FLUSH_AFTER;
    later(w, FLUSH_AFTER, p, flush_due, NULL, (uint64_t)room, 0);
}

void room_store_play(struct world *w, struct process *p, int room)
{
    p->rooms[room].dirty = true;
    flush_later(w, p, room);
}

static void flushed(struct world *w, struct job *job)
{
    struct process *p = job->process;
    struct room *r = &p->rooms[job->room];
    room_take_job(w, job);
    r->flushing = false;
    if (job->result == DONE_FENCED)
        process_beat(w, p);
    if (job->result == DONE_OK && !play_is_newer(&r->play, &job->play))
        r->dirty = false;
    else
        flush_later(w, p, job->room);
}

void room_flush(struct world *w, struct process *p, int room)
{
    struct room *r = &p->rooms[room];
    if (!r->dirty || r->flushing)
        return;
    r->flushing = true;
    struct job *job = job_new(w, JOB_FLUSH, p, room, flushed);
    job->play = r->play;
    room_ask(w, job);
}

static void set_play(struct world *w, struct process *p, int room, const struct play *play)
{
    struct room *r = &p->rooms[room];
    r->play = *play;
    r->played_us = w->now_us;
    if (r->votes_for != play->version) {
        r->votes = 0;
        r->enough_us = 0;
    }
    if (r->phase == ROOM_LOADED)
        for (struct stream *s = r->streams; s != NULL; s = s->in_room)
            check_told_play(w, s, play);
}

/* What was read: whoever wrote it has told it, or is gone. */
void room_adopt_play(struct world *w, struct process *p, int room, const struct play *play)
{
    if (play_is_newer(play, &p->rooms[room].play))
        set_play(w, p, room, play);
}

void room_hear_play(struct world *w, struct process *p, int room, const struct play *play)
{
    if (!play_is_newer(play, &p->rooms[room].play))
        return;
    set_play(w, p, room, play);
    room_store_play(w, p, room);
}

void room_play(struct world *w, struct process *p, int room, uint32_t movie)
{
    struct room *r = &p->rooms[room];
    uint64_t now_ms = (uint64_t)process_clock_ms(w, p);
    struct play play = { r->play.version + 1 > now_ms ? r->play.version + 1 : now_ms, p->id,
        movie };
    set_play(w, p, room, &play);
    room_store_play(w, p, room);
    trace(w, "%s.%u room %d: movie %u, version %llu", p->id, p->pid, room, movie,
        (unsigned long long)play.version);
    room_tell(w, p,
        &(struct sv_cluster_event){ .kind = SV_CLUSTER_STATE,
            .node_id = p->id,
            .room_id = w->room_ids[room],
            .state = room_wire_play(w, room, &play) });
}

/* --- votes --- */

static void count_again(struct world *w, struct task *task)
{
    room_count_votes(w, task->process, (int)task->a);
}

static unsigned n_bits(uint32_t set)
{
    return (unsigned)__builtin_popcount(set);
}

/* How long others come first. */
static int64_t patience(const struct world *w, const struct process *p, int room)
{
    return NEXT_ACTS_AFTER * (int64_t)sv_mesh_n_before(p->mesh, w->room_ids[room]);
}

/* The next acts if nothing has come, and so on. */
void room_count_votes(struct world *w, struct process *p, int room)
{
    struct room *r = &p->rooms[room];
    if (w->counted || r->phase != ROOM_LOADED || r->votes_for != r->play.version ||
        !process_is_complete(p) || 2 * n_bits(r->votes & r->shown) <= n_bits(r->shown)) {
        r->enough_us = 0;
        return;
    }
    int64_t patience_us = patience(w, p, room);
    if (r->enough_us == 0 || r->patience_us != patience_us)
        r->enough_us = w->now_us;
    r->patience_us = patience_us;
    int64_t wait_us = r->enough_us + patience_us - w->now_us;
    if (wait_us > 0) {
        later(w, wait_us, p, count_again, NULL, (uint64_t)room, 0);
        return;
    }
    struct play before = r->play;
    w->n_ends++;
    check_ending(w, p, room, &before);
    room_play(w, p, room, before.movie + 1);
}

void room_take_vote(struct world *w, struct process *p, int room, int user, uint64_t version)
{
    struct room *r = &p->rooms[room];
    if (version < r->votes_for)
        return;
    if (version > r->votes_for) {
        r->votes_for = version;
        r->votes = 0;
        r->enough_us = 0;
    }
    r->votes |= bit(user);
    room_count_votes(w, p, room);
}

void room_vote(struct world *w, struct process *p, int room, int user)
{
    uint64_t version = p->rooms[room].play.version;
    struct sv_cluster_event event = { .kind = SV_CLUSTER_VOTE,
        .node_id = p->id,
        .room_id = w->room_ids[room],
        .vote = { .user_id = w->user_ids[user], .version = version, .ended = true } };
    room_tell(w, p, &event);
    room_take_vote(w, p, room, user, version);
}
