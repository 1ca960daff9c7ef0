/* SPDX-License-Identifier: MIT */
#include "sim.h"

#include <string.h>

/* After so much calm everybody knows what was so long ago. */
#define CALM (3 * SEC)
#define KNOWN_AFTER (2 * SEC)
/* Movies that two nodes may end in calm in one run. */
#define ENDED_TWICE_MAX 2
/* And what was set so long ago every link has told. */
#define TOLD_AFTER (20 * MS)

/* --- what a stream is told --- */

static void told(struct world *w, struct stream *s)
{
    if (!s->open)
        fail(w, "room %d: user %d is told something after the stream has ended", s->room, s->user);
    if (!s->process->alive)
        fail(w, "a process that has ended tells user %d something", s->user);
}

void check_told_rows(struct world *w, struct stream *s, uint64_t revision)
{
    told(w, s);
    if (revision < s->revision)
        fail(w, "%s room %d: the revision goes back from %llu to %llu", s->process->id, s->room,
            (unsigned long long)s->revision, (unsigned long long)revision);
    s->revision = revision;
}

void check_told_chat(struct world *w, struct stream *s, uint64_t seq, uint32_t number)
{
    told(w, s);
    if (seq <= s->chat_seq)
        fail(w, "%s room %d: seq %llu comes after %llu", s->process->id, s->room,
            (unsigned long long)seq, (unsigned long long)s->chat_seq);
    if (s->told[number / 8] & (1 << number % 8))
        fail(w, "%s room %d: message %u comes twice", s->process->id, s->room, number);
    s->told[number / 8] |= (uint8_t)(1 << number % 8);
    s->chat_seq = seq;
}

void check_told_play(struct world *w, struct stream *s, const struct play *play)
{
    told(w, s);
    if (!play_is_newer(play, &s->play))
        fail(w, "%s room %d: the version goes back from %llu to %llu", s->process->id, s->room,
            (unsigned long long)s->play.version, (unsigned long long)play->version);
    s->play = *play;
}

void check_told_online(struct world *w, struct stream *s, int user, bool online)
{
    told(w, s);
    if (online == ((s->roster & bit(user)) != 0))
        fail(w, "%s room %d: user %d is told %s twice", s->process->id, s->room, user,
            online ? "online" : "offline");
    s->roster ^= bit(user);
}

void check_told_reset(struct world *w, struct stream *s, uint64_t revision, uint64_t chat_seq)
{
    told(w, s);
    if (w->store.timeline == 0)
        fail(w, "%s room %d: a stream is told that the store went back, and it did not",
            s->process->id, s->room);
    s->revision = revision;
    s->chat_seq = s->first_seq = chat_seq;
    /* Who was told that reads the chat again. */
    memset(s->told, 0, s->n_told / 8);
}

/* --- what happens --- */

void check_ending(struct world *w, struct process *p, int room, const struct play *before)
{
    for (const struct ending *e = w->endings[room]; e != NULL; e = e->next) {
        if (e->version != before->version || strcmp(e->node_id, before->node_id) != 0)
            continue;
        /* What was not stored is lost with the nodes that knew it, or with the store's tail. */
        if (!is_calm(w, CALM) || e->at_us < w->disturbed_us)
            continue;
        if (e->by == p)
            fail(w, "%s room %d: movie %u ends twice", p->id, room, before->movie);
        /* Who has the turn may have missed votes when it loaded the room, so that two who act for
         * it meet; that is rare. */
        if (++w->n_ended_twice > ENDED_TWICE_MAX)
            fail(w, "room %d: movie %u ends by %s and by %s, and it is not the first", room,
                before->movie, e->by->id, p->id);
    }
    struct ending *e = take(w, sizeof(*e));
    *e = (struct ending){ w->endings[room], before->version, before->node_id, p, w->now_us };
    w->endings[room] = e;
}

/* Two processes of one node are out of order until the older one knows. */
static bool is_in_order(const struct world *w, int64_t for_us)
{
    if (!is_calm(w, for_us) || network_hides_loss(w))
        return false;
    for (unsigned i = 0; i < w->n_processes; i++)
        if (w->processes[i]->alive && w->slots[w->processes[i]->slot] != w->processes[i])
            return false;
    return true;
}

static bool all_complete_for(const struct world *w, int64_t us)
{
    for (unsigned i = 0; i < w->n_processes; i++) {
        const struct process *p = w->processes[i];
        if (p->alive &&
            (!p->ready || !p->was_complete || !process_is_complete(p) ||
                w->now_us - p->complete_us < us))
            return false;
    }
    return true;
}

void check_repair(struct world *w, struct process *p, int room, const char *what)
{
    /* What was told while it was read, from an older store, is read again. */
    if (p->rooms[room].older_us != 0 && w->now_us - p->rooms[room].older_us < CALM)
        return;
    if (is_in_order(w, CALM) && all_complete_for(w, CALM))
        fail(w, "%s room %d, revision %llu, seq %llu: %s in calm", p->id, room,
            (unsigned long long)p->rooms[room].revision,
            (unsigned long long)p->rooms[room].chat_seq, what);
}

void check_memory(struct world *w, struct process *p)
{
    size_t rooms = (size_t)w->n_rooms, peers = (size_t)w->n_slots, users = (size_t)w->n_users;
    size_t max = 65536 + peers * 1024 + rooms * (512 + peers * 192 + users * (256 + peers * 128));
    if (p->mesh_bytes_max > max)
        fail(w, "%s: the mesh has taken %zu bytes", p->id, p->mesh_bytes_max);
}

static const struct process *knows_newer(const struct world *w, const struct stream *s)
{
    for (unsigned i = 0; i < w->n_processes; i++) {
        const struct process *p = w->processes[i];
        const struct room *r = &p->rooms[s->room];
        if (p->alive && r->phase == ROOM_LOADED && play_is_newer(&r->play, &s->play) &&
            r->played_us < w->now_us - TOLD_AFTER)
            return p;
    }
    return NULL;
}

/* What it begins with is not what others have left behind. */
void check_opened(struct world *w, struct stream *s)
{
    const struct process *p =
        is_in_order(w, CALM) && all_complete_for(w, CALM) ? knows_newer(w, s) : NULL;
    if (p != NULL)
        fail(w, "%s room %d: user %d begins with version %llu, and %s has a newer one",
            s->process->id, s->room, s->user, (unsigned long long)s->play.version, p->id);
}

/* --- from time to time --- */

/* What is in memory is what is stored, if it is as new. */
static void check_content(struct world *w, const struct process *p, int room)
{
    const struct room *r = &p->rooms[room];
    const struct room_row *row = &w->store.now.rooms[room];
    if (w->store.timeline > 0 && w->now_us - w->store.went_back_us < 36 * SEC)
        return;
    if (r->revision == row->revision &&
        (r->members != row->members || r->kicked != row->kicked || r->title != row->title))
        fail(w, "%s room %d: revision %llu is not as it is stored", p->id, room,
            (unsigned long long)r->revision);
}

static void check_known(struct world *w, const struct process *p, int room)
{
    const struct room *r = &p->rooms[room];
    const struct past past = store_past(w, room, w->now_us - KNOWN_AFTER);
    if (r->loaded_us > w->now_us - KNOWN_AFTER)
        return;
    if (r->revision < past.revision)
        fail(w, "%s room %d: revision %llu is not known, only %llu", p->id, room,
            (unsigned long long)past.revision, (unsigned long long)r->revision);
    if (r->chat_seq < past.chat_seq)
        fail(w, "%s room %d: seq %llu is not known, only %llu", p->id, room,
            (unsigned long long)past.chat_seq, (unsigned long long)r->chat_seq);
    if (play_is_newer(&past.play, &r->play))
        fail(w, "%s room %d: version %llu is not known, only %llu", p->id, room,
            (unsigned long long)past.play.version, (unsigned long long)r->play.version);
}

static void check_turns(struct world *w, int room)
{
    const struct process *first = NULL;
    for (unsigned i = 0; i < w->n_processes; i++) {
        const struct process *p = w->processes[i];
        if (!p->alive || p->rooms[room].phase != ROOM_LOADED ||
            w->now_us - p->rooms[room].loaded_us < CALM ||
            sv_mesh_n_before(p->mesh, w->room_ids[room]) > 0)
            continue;
        if (first != NULL)
            fail(w, "room %d: it is the turn of %s and of %s", room, first->id, p->id);
        first = p;
    }
}

/* Who has been online elsewhere for a while is known to be. */
static void check_online(struct world *w, const struct process *p, int room)
{
    for (int i = 0; i < w->n_users; i++)
        for (int k = 0; k < 2; k++) {
            const struct stream *s = w->users[i].streams[k];
            if (s != NULL && s->room == room && (p->rooms[room].shown & bit(i)) == 0 &&
                s->process->rooms[room].loaded_us < w->now_us - CALM &&
                s->opened_us < w->now_us - KNOWN_AFTER)
                fail(w, "%s room %d: user %d is online at %s, which is not known", p->id, room, i,
                    s->process->id);
        }
}

void check_often(struct world *w)
{
    bool all = is_in_order(w, CALM) && all_complete_for(w, CALM);
    for (unsigned i = 0; i < w->n_processes; i++) {
        struct process *p = w->processes[i];
        if (!p->alive)
            continue;
        check_memory(w, p);
        for (int room = 0; room < w->n_rooms; room++) {
            const struct room *r = &p->rooms[room];
            if (r->phase != ROOM_LOADED || r->stale || r->rereading)
                continue;
            if (!r->went_back)
                check_content(w, p, room);
            if (all) {
                check_known(w, p, room);
                if (r->loaded_us < w->now_us - CALM)
                    check_online(w, p, room);
            }
        }
    }
    for (int room = 0; all && room < w->n_rooms; room++)
        check_turns(w, room);
}

/* --- in the end --- */

static void check_membership(struct world *w, const struct process *p)
{
    const struct sv_membership *m = p->membership;
    size_t n = 0;
    for (int i = 0; i < w->n_slots; i++) {
        const struct node_row *row = &w->store.now.nodes[i];
        if (i == p->slot || !row->exists)
            continue;
        if (n >= m->n || strcmp(m->fellows[n].id, w->node_ids[i]) != 0 ||
            m->fellows[n].epoch != row->epoch)
            fail(w, "%s does not see %s", p->id, w->node_ids[i]);
        enum sv_fellow_state state = w->slots[i]->alive ? SV_FELLOW_ALIVE : SV_FELLOW_DEAD;
        if (m->fellows[n].state != state)
            fail(w, "%s sees %s in the state %d", p->id, w->node_ids[i], m->fellows[n].state);
        if (state == SV_FELLOW_ALIVE && !sv_mesh_is_linked(p->mesh, w->node_ids[i]))
            fail(w, "%s has no link to %s", p->id, w->node_ids[i]);
        n++;
    }
    if (m->n != n)
        fail(w, "%s sees %zu others instead of %zu", p->id, m->n, n);
}

static uint32_t here_at_others(const struct world *w, const struct process *p, int room,
    int64_t *ret_n)
{
    uint32_t online = 0;
    *ret_n = 0;
    for (unsigned i = 0; i < w->n_processes; i++) {
        const struct process *q = w->processes[i];
        if (!q->alive || q == p)
            continue;
        online |= q->rooms[room].here;
        *ret_n += __builtin_popcount(q->rooms[room].here);
    }
    return online;
}

static void check_presence(struct world *w, const struct process *p, int room)
{
    const struct room *r = &p->rooms[room];
    int64_t n;
    uint32_t streams = 0, online = here_at_others(w, p, room, &n);
    if (sv_mesh_n_online(p->mesh, w->room_ids[room]) != n)
        fail(w, "%s counts %lld people in room %d instead of %lld", p->id,
            (long long)sv_mesh_n_online(p->mesh, w->room_ids[room]), room, (long long)n);
    if (r->phase != ROOM_LOADED)
        return;
    for (int user = 0; user < w->n_users; user++)
        if (sv_mesh_is_online(p->mesh, w->room_ids[room], w->user_ids[user]) !=
            ((online & bit(user)) != 0))
            fail(w, "%s room %d: whether user %d is online elsewhere is not known", p->id, room,
                user);
    for (int i = 0; i < w->n_users; i++)
        for (int k = 0; k < 2; k++)
            if (w->users[i].streams[k] != NULL && w->users[i].streams[k]->room == room)
                streams |= bit(i);
    if (r->shown != streams)
        fail(w, "%s room %d: %x are shown as online, %x are", p->id, room, r->shown, streams);
    for (const struct stream *s = r->streams; s != NULL; s = s->in_room)
        if (s->roster != streams)
            fail(w, "%s room %d: user %d sees %x online, not %x", p->id, room, s->user, s->roster,
                streams);
}

static void check_room(struct world *w, const struct process *p, int room)
{
    const struct room *r = &p->rooms[room];
    const struct room_row *row = &w->store.now.rooms[room];
    if (r->phase != ROOM_LOADED)
        return;
    if (r->stale || r->revision != row->revision || r->chat_seq != row->chat_seq ||
        play_is_newer(&row->play, &r->play) || play_is_newer(&r->play, &row->play) ||
        r->play.movie != row->play.movie)
        fail(w, "%s room %d: revision %llu, seq %llu, movie %u; stored are %llu, %llu, %u", p->id,
            room, (unsigned long long)r->revision, (unsigned long long)r->chat_seq, r->play.movie,
            (unsigned long long)row->revision, (unsigned long long)row->chat_seq, row->play.movie);
}

static void check_stream(struct world *w, const struct stream *s)
{
    const struct room_row *row = &w->store.now.rooms[s->room];
    if ((row->members & bit(s->user)) == 0)
        fail(w, "%s room %d: user %d is no member and still follows", s->process->id, s->room,
            s->user);
    uint64_t seq = s->first_seq + 1;
    if (row->chat_seq > CHATS_KEPT && seq <= row->chat_seq - CHATS_KEPT)
        seq = row->chat_seq - CHATS_KEPT + 1;
    for (; seq <= row->chat_seq; seq++) {
        uint32_t number = row->chats[seq % CHATS_KEPT];
        if ((s->told[number / 8] & (1 << number % 8)) == 0)
            fail(w, "%s room %d: user %d has missed message %u", s->process->id, s->room, s->user,
                number);
    }
}

void check_quiet(struct world *w)
{
    unsigned n_alive = 0;
    for (unsigned i = 0; i < w->n_processes; i++)
        n_alive += w->processes[i]->alive;
    for (unsigned i = 0; i < w->n_processes; i++) {
        struct process *p = w->processes[i];
        if (!p->alive)
            continue;
        check_membership(w, p);
        if (!process_is_complete(p))
            fail(w, "%s does not know all", p->id);
        for (int room = 0; room < w->n_rooms; room++) {
            check_room(w, p, room);
            check_presence(w, p, room);
        }
        if (w->examined && p->session_events != n_alive - 1)
            fail(w, "%s has heard of %llu sessions instead of %u", p->id,
                (unsigned long long)p->session_events, n_alive - 1);
    }
    for (unsigned i = 0; i < w->n_streams; i++)
        if (w->streams[i]->open)
            check_stream(w, w->streams[i]);
}
