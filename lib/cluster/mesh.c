/* SPDX-License-Identifier: MIT */
#include "cluster/mesh.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cluster/mesh_interest.h"
#include "cluster/mesh_silence.h"

/* Numbers of people are told at most so often. */
#define TELL_ONLINE_MS 1000

/* ---- outputs ---- */

static void dial(struct sv_mesh *mesh, struct sv_mesh_peer *peer)
{
    struct sv_mesh_output *output = sv_mesh_put(mesh, SV_MESH_DIAL);
    memcpy(output->peer_id, peer->id, sizeof(output->peer_id));
    memcpy(output->address, peer->address, sizeof(output->address));
    peer->dialling = true;
}

static void hang_up(struct sv_mesh *mesh, struct sv_mesh_peer *peer, uint64_t link,
    const char *reason)
{
    struct sv_mesh_output *output = sv_mesh_put(mesh, SV_MESH_HANG_UP);
    memcpy(output->peer_id, peer->id, sizeof(output->peer_id));
    output->link = link;
    output->reason = reason;
    if (link == 0)
        peer->dialling = false;
}

/* ---- links ---- */

/* What the link has said of rooms is worth nothing any more; who is online there stays so for now.
 */
static void end_session(struct sv_mesh *mesh, struct sv_mesh_peer *peer)
{
    peer->link = 0;
    peer->wants_all = false;
    peer->n_ahead = 0;
    SV_LIST_FOREACH(it, &peer->shares) {
        struct sv_mesh_share *share = SV_CONTAINER_OF(it, struct sv_mesh_share, of_peer);
        share->has = share->live = false;
        share->barrier = 0;
        sv_list_remove(&share->owed);
        sv_mesh_end_echo(mesh, share);
    }
}

static void let_all_leave(struct sv_mesh *mesh, struct sv_mesh_peer *peer)
{
    SV_LIST_FOREACH(it, &peer->presences)
        sv_mesh_let_leave(mesh, SV_CONTAINER_OF(it, struct sv_mesh_presence, of_peer));
}

static bool is_to_be_linked(const struct sv_mesh_peer *peer)
{
    return peer->listed && peer->state != SV_FELLOW_DEAD;
}

/* The smaller id dials, and who cannot be dialled. */
static void dial_if_ours(struct sv_mesh *mesh, struct sv_mesh_peer *peer)
{
    if (peer->link == 0 && !peer->dialling && is_to_be_linked(peer) && peer->address[0] != '\0' &&
        (mesh->dials_all || strcmp(mesh->id, peer->id) < 0))
        dial(mesh, peer);
}

static void on_opened(struct sv_mesh *mesh, const struct sv_mesh_input *in)
{
    struct sv_mesh_peer *peer = sv_mesh_find_peer(mesh, in->peer_id);
    if (peer == NULL && (peer = sv_mesh_add_peer(mesh, in->peer_id)) == NULL)
        return;
    peer->dialling = false;
    if (in->epoch < peer->epoch) {
        /* The next look at the table dials again. */
        hang_up(mesh, peer, in->link, "the table of nodes has a later start of this node");
        return;
    }
    if (peer->link != 0) {
        uint64_t old = peer->link;
        end_session(mesh, peer);
        hang_up(mesh, peer, old, "a newer link to this node has taken its place");
    }
    peer->link = in->link;
    peer->link_epoch = in->epoch;
    peer->heard = peer->said = 0;
    peer->heard_ms = mesh->now_ms;
    peer->is_silent = false;
    peer->settles_at_ms = mesh->now_ms + SV_MESH_SETTLE_MS;
    let_all_leave(mesh, peer);         /* but whom it says to be there */
    SV_LIST_FOREACH(it, &peer->shares) /* of rooms that it does not name nothing is left */
        sv_mesh_remove_share(mesh, SV_CONTAINER_OF(it, struct sv_mesh_share, of_peer));
    sv_mesh_tell_interests(mesh, peer);
}

static void lose(struct sv_mesh *mesh, struct sv_mesh_peer *peer, const char *reason)
{
    if (peer->dialling)
        hang_up(mesh, peer, 0, reason);
    if (peer->link != 0) {
        uint64_t link = peer->link;
        end_session(mesh, peer);
        hang_up(mesh, peer, link, reason);
    }
    let_all_leave(mesh, peer);
    SV_LIST_FOREACH(it, &peer->shares)
        sv_mesh_remove_share(mesh, SV_CONTAINER_OF(it, struct sv_mesh_share, of_peer));
}

/* Without a link: it is dialled again, or, if the table does not have it, forgotten. */
static void be_without_link(struct sv_mesh *mesh, struct sv_mesh_peer *peer)
{
    if (peer->listed) {
        dial_if_ours(mesh, peer);
        return;
    }
    lose(mesh, peer, "the node is not in the table");
    if (sv_list_empty(&peer->presences))
        sv_mesh_remove_peer(mesh, peer);
}

static void on_closed(struct sv_mesh *mesh, uint64_t link)
{
    struct sv_mesh_peer *peer = sv_mesh_peer_of_link(mesh, link);
    if (peer == NULL)
        return;
    end_session(mesh, peer);
    be_without_link(mesh, peer);
}

/* ---- the table of nodes ---- */

static void take_row(struct sv_mesh *mesh, struct sv_mesh_peer *peer,
    const struct sv_mesh_node *node)
{
    bool moved = strncmp(peer->address, sv_str(node->address), sizeof(peer->address) - 1) != 0;
    peer->listed = true;
    peer->epoch = node->epoch;
    peer->state = node->state;
    sv_text_copy(peer->address, sizeof(peer->address), node->address);
    if (moved && peer->dialling)
        hang_up(mesh, peer, 0, "it has another address");
}

static void on_nodes(struct sv_mesh *mesh, const struct sv_mesh_input *in)
{
    SV_LIST_FOREACH(it, &mesh->peers) {
        struct sv_mesh_peer *peer = SV_CONTAINER_OF(it, struct sv_mesh_peer, link_in_mesh);
        bool is_there = false;
        for (size_t i = 0; i < in->n_nodes && !is_there; i++)
            is_there = strcmp(in->nodes[i].id, peer->id) == 0;
        if (is_there || !peer->listed)
            continue; /* one with a link, whose row was written after it was read, is not listed yet
                       */
        peer->listed = false;
        lose(mesh, peer, "the node has left");
        if (sv_list_empty(&peer->presences))
            sv_mesh_remove_peer(mesh, peer);
    }
    for (size_t i = 0; i < in->n_nodes; i++) {
        struct sv_mesh_peer *peer = sv_mesh_find_peer(mesh, in->nodes[i].id);
        if (peer == NULL && (peer = sv_mesh_add_peer(mesh, in->nodes[i].id)) == NULL)
            return;
        take_row(mesh, peer, &in->nodes[i]);
        if (peer->state == SV_FELLOW_DEAD)
            lose(mesh, peer, "the node was declared dead");
        else if (peer->link != 0 && peer->epoch > peer->link_epoch)
            lose(mesh, peer, "another start of this node has registered");
        dial_if_ours(mesh, peer);
    }
}

/* ---- what is heard ---- */

static void end_wrong_link(struct sv_mesh *mesh, struct sv_mesh_peer *peer, const char *reason)
{
    uint64_t link = peer->link;
    end_session(mesh, peer);
    hang_up(mesh, peer, link, reason);
    be_without_link(mesh, peer);
}

static void remove_presences(struct sv_mesh *mesh, const struct sv_mesh_room *room,
    struct sv_mesh_peer *peer)
{
    SV_LIST_FOREACH(it, &peer->presences) {
        struct sv_mesh_presence *presence = SV_CONTAINER_OF(it, struct sv_mesh_presence, of_peer);
        if (presence->room == room)
            sv_mesh_remove_presence(mesh, presence);
    }
}

/* Returns false if the link cannot go on. */
static bool hear_interest(struct sv_mesh *mesh, struct sv_mesh_peer *peer,
    const struct sv_cluster_interest *interest, uint64_t barrier)
{
    struct sv_mesh_room *room = interest->on || interest->n_online > 0
        ? sv_mesh_need_room(mesh, interest->room_id)
        : sv_mesh_find_room(mesh, interest->room_id);
    if (room == NULL)
        return true;
    struct sv_mesh_share *share = sv_mesh_find_share(room, peer);
    if (!interest->on && interest->n_online <= 0) {
        if (room->here)
            remove_presences(mesh, room, peer);
        if (share != NULL) {
            sv_mesh_end_echo(mesh, share);
            sv_mesh_remove_share(mesh, share);
        }
        return true;
    }
    if (share == NULL && peer->n_shares >= SV_MESH_ROOMS_MAX)
        return false;
    if (share == NULL && (share = sv_mesh_need_share(mesh, room, peer)) == NULL)
        return true;
    bool had = share->has;
    share->has = interest->on;
    share->n_online = interest->n_online < 0 ? 0 : interest->n_online;
    if (!share->has) {
        share->live = false;
        sv_list_remove(&share->owed);
        sv_mesh_end_echo(mesh, share);
    } else if (room->here && (!had || barrier != 0)) {
        sv_mesh_owe_snapshot(share, barrier);
    } else {
        share->live = share->live || !room->here;
        share->barrier = barrier > share->barrier ? barrier : share->barrier;
    }
    return true;
}

static void hear_interests(struct sv_mesh *mesh, struct sv_mesh_peer *peer,
    const struct sv_cluster_event *event)
{
    peer->wants_all = event->all;
    for (size_t i = 0; i < event->n_interests; i++) {
        if (hear_interest(mesh, peer, &event->interests[i], event->barrier))
            continue;
        end_wrong_link(mesh, peer, "it says that it has more rooms than a node can have");
        return;
    }
    sv_mesh_serve_owed(mesh, peer);
}

/* Of the people whom the snapshot does not name, what was said before counts no longer. */
static void hear_snapshot(struct sv_mesh *mesh, struct sv_mesh_peer *peer,
    struct sv_mesh_room *room, const struct sv_cluster_event *event)
{
    for (size_t i = 0; i < event->n_presences; i++) {
        struct sv_mesh_presence *presence =
            sv_mesh_add_presence(mesh, room, peer, &event->presences[i]);
        if (presence != NULL)
            presence->is_told = true;
    }
    struct sv_mesh_user *user, *next;
    HASH_ITER(hh, room->users, user, next) {
        struct sv_mesh_presence *presence = sv_mesh_find_presence(room, peer, user->user_id);
        if (presence != NULL && !presence->is_told)
            sv_mesh_let_leave(mesh, presence);
        else if (presence != NULL)
            presence->is_told = false;
    }
    sv_mesh_put(mesh, SV_MESH_APPLY);
    struct sv_mesh_share *share = sv_mesh_find_share(room, peer);
    if (event->barrier == 0 || event->barrier < room->barrier)
        return;
    if (share != NULL && share->owes_echo)
        sv_mesh_end_echo(mesh, share);
    else if (room->ready_at_ms == 0)
        sv_mesh_put_room(mesh, SV_MESH_LOOK, room); /* nobody knew that it had the room, too */
}

static void hear_presences(struct sv_mesh *mesh, struct sv_mesh_peer *peer,
    const struct sv_cluster_event *event)
{
    for (size_t i = 0; i < event->n_presences; i++) {
        const struct sv_cluster_presence *who = &event->presences[i];
        struct sv_mesh_room *room = sv_mesh_find_room(mesh, who->room_id);
        if (room == NULL || !room->here)
            continue;
        struct sv_mesh_presence *presence = who->online
            ? sv_mesh_add_presence(mesh, room, peer, who)
            : sv_mesh_find_presence(room, peer, who->user_id);
        if (!who->online && presence != NULL)
            sv_mesh_remove_presence(mesh, presence);
    }
}

/* Nobody knows which room it is about. */
static void look_everywhere(struct sv_mesh *mesh)
{
    for (const struct sv_mesh_room *room = mesh->rooms; room != NULL; room = room->hh.next)
        if (room->here)
            sv_mesh_put_room(mesh, SV_MESH_LOOK, room);
}

static void hear(struct sv_mesh *mesh, struct sv_mesh_peer *peer,
    const struct sv_cluster_event *event)
{
    struct sv_mesh_room *room = sv_mesh_find_room(mesh, event->room_id);
    bool is_here = room != NULL && room->here;
    switch (event->kind) {
    case SV_CLUSTER_HELLO:
        end_wrong_link(mesh, peer, "it says hello twice");
        break;
    case SV_CLUSTER_BYE:
        let_all_leave(mesh, peer);
        end_wrong_link(mesh, peer, "the node is going");
        break;
    case SV_CLUSTER_INTEREST:
        hear_interests(mesh, peer, event);
        break;
    case SV_CLUSTER_SNAPSHOT:
        if (is_here)
            hear_snapshot(mesh, peer, room, event);
        break;
    case SV_CLUSTER_PRESENCE:
        hear_presences(mesh, peer, event);
        break;
    case SV_CLUSTER_UNKNOWN:
        if (is_here)
            sv_mesh_put_room(mesh, SV_MESH_LOOK, room);
        else if (event->room_id[0] == '\0')
            look_everywhere(mesh);
        break;
    case SV_CLUSTER_CHANGE:
    case SV_CLUSTER_STATE:
    case SV_CLUSTER_CHAT:
    case SV_CLUSTER_RELAY:
    case SV_CLUSTER_VOTE:
        if (is_here)
            sv_mesh_put(mesh, SV_MESH_APPLY);
        break;
    case SV_CLUSTER_SESSION:
        sv_mesh_put(mesh, SV_MESH_APPLY);
        break;
    }
}

static void on_heard(struct sv_mesh *mesh, const struct sv_mesh_input *in)
{
    struct sv_mesh_peer *peer = sv_mesh_peer_of_link(mesh, in->link);
    if (peer == NULL)
        return;
    if (in->event->sequence != peer->heard + 1) {
        end_wrong_link(mesh, peer, "an event is missing");
        return;
    }
    peer->heard++;
    peer->heard_ms = mesh->now_ms;
    hear(mesh, peer, in->event);
}

/* ---- time ---- */

static void run_timers(struct sv_mesh *mesh)
{
    SV_LIST_FOREACH(it, &mesh->waiting) {
        struct sv_mesh_room *room = SV_CONTAINER_OF(it, struct sv_mesh_room, waiting);
        if (room->ready_at_ms > mesh->now_ms)
            break;
        sv_mesh_set_ready(mesh, room);
    }
    SV_LIST_FOREACH(it, &mesh->young) {
        struct sv_mesh_room *room = SV_CONTAINER_OF(it, struct sv_mesh_room, young);
        if (room->looks_at_ms > mesh->now_ms)
            break;
        room->looks_at_ms = 0;
        sv_list_remove(&room->young);
        sv_mesh_put_room(mesh, SV_MESH_LOOK, room);
    }
    SV_LIST_FOREACH(it, &mesh->peers) {
        struct sv_mesh_peer *peer = SV_CONTAINER_OF(it, struct sv_mesh_peer, link_in_mesh);
        if (peer->settles_at_ms <= mesh->now_ms)
            peer->settles_at_ms = 0;
    }
    SV_LIST_FOREACH(it, &mesh->forgotten) {
        struct sv_mesh_room *room = SV_CONTAINER_OF(it, struct sv_mesh_room, forgotten);
        if (room->forgotten_at_ms > mesh->now_ms)
            break;
        sv_mesh_withdraw(mesh, room);
    }
    SV_LIST_FOREACH(it, &mesh->leaving) {
        struct sv_mesh_presence *presence = SV_CONTAINER_OF(it, struct sv_mesh_presence, leaving);
        if (presence->leaves_at_ms > mesh->now_ms)
            break;
        struct sv_mesh_peer *peer = presence->peer;
        sv_mesh_remove_presence(mesh, presence);
        if (!peer->listed && peer->link == 0 && sv_list_empty(&peer->presences))
            sv_mesh_remove_peer(mesh, peer);
    }
    if (!sv_list_empty(&mesh->untold) && mesh->told_ms + TELL_ONLINE_MS <= mesh->now_ms)
        sv_mesh_tell_numbers(mesh);
    sv_mesh_pulse(mesh);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t sv_mesh_next_ms(const struct sv_mesh *mesh)
{
    int64_t next = sv_mesh_next_pulse_ms(mesh);
    if (!sv_list_empty(&mesh->waiting))
        next = earlier(next,
            SV_CONTAINER_OF(mesh->waiting.next, struct sv_mesh_room, waiting)->ready_at_ms);
    if (!sv_list_empty(&mesh->young))
        next = earlier(next,
            SV_CONTAINER_OF(mesh->young.next, struct sv_mesh_room, young)->looks_at_ms);
    SV_LIST_FOREACH(it, &mesh->peers) {
        const struct sv_mesh_peer *peer = SV_CONTAINER_OF(it, struct sv_mesh_peer, link_in_mesh);
        if (peer->settles_at_ms != 0)
            next = earlier(next, peer->settles_at_ms);
    }
    if (!sv_list_empty(&mesh->forgotten))
        next = earlier(next,
            SV_CONTAINER_OF(mesh->forgotten.next, struct sv_mesh_room, forgotten)->forgotten_at_ms);
    if (!sv_list_empty(&mesh->leaving))
        next = earlier(next,
            SV_CONTAINER_OF(mesh->leaving.next, struct sv_mesh_presence, leaving)->leaves_at_ms);
    if (!sv_list_empty(&mesh->untold))
        next = earlier(next, mesh->told_ms + TELL_ONLINE_MS);
    return next;
}

/* ---- the step ---- */

int sv_mesh_step(struct sv_mesh *mesh, int64_t now_ms, const struct sv_mesh_input *input,
    struct sv_mesh_outputs *outputs)
{
    mesh->now_ms = now_ms;
    mesh->outputs = outputs;
    mesh->no_memory = false;
    outputs->n = 0;
    sv_arena_fini(&mesh->arena);
    switch (input->kind) {
    case SV_MESH_TICK:
        run_timers(mesh);
        break;
    case SV_MESH_NODES:
        on_nodes(mesh, input);
        break;
    case SV_MESH_OPENED:
        on_opened(mesh, input);
        break;
    case SV_MESH_CLOSED:
        on_closed(mesh, input->link);
        break;
    case SV_MESH_HEARD:
        on_heard(mesh, input);
        break;
    case SV_MESH_DRAINED: {
        struct sv_mesh_peer *peer = sv_mesh_peer_of_link(mesh, input->link);
        if (peer != NULL) {
            peer->n_ahead = 0;
            sv_mesh_serve_owed(mesh, peer);
        }
        break;
    }
    case SV_MESH_WANT:
        sv_mesh_on_want(mesh, input->room_id);
        break;
    case SV_MESH_FORGET:
        sv_mesh_on_forget(mesh, input->room_id);
        break;
    case SV_MESH_TELL:
        sv_mesh_on_tell(mesh, input);
        break;
    case SV_MESH_SNAPSHOT_MADE:
        sv_mesh_on_snapshot(mesh, input);
        break;
    case SV_MESH_PRESENCE_HERE:
        sv_mesh_on_presence(mesh, input);
        break;
    }
    return mesh->no_memory ? SYNCTV_E_NO_MEMORY : 0;
}

struct sv_mesh *sv_mesh_new(const char *node_id)
{
    struct sv_mesh *mesh = calloc(1, sizeof(*mesh));
    if (mesh == NULL)
        return NULL;
    sv_text_copy(mesh->id, sizeof(mesh->id), node_id);
    sv_list_init(&mesh->peers);
    sv_list_init(&mesh->forgotten);
    sv_list_init(&mesh->waiting);
    sv_list_init(&mesh->young);
    sv_list_init(&mesh->untold);
    sv_list_init(&mesh->leaving);
    mesh->told_ms = INT64_MIN / 2;
    return mesh;
}

void sv_mesh_dial_all(struct sv_mesh *mesh)
{
    mesh->dials_all = true;
}

void sv_mesh_free(struct sv_mesh *mesh)
{
    if (mesh == NULL)
        return;
    mesh->outputs = NULL; /* nobody is told */
    struct sv_list *it;
    while ((it = mesh->peers.next) != &mesh->peers)
        sv_mesh_remove_peer(mesh, SV_CONTAINER_OF(it, struct sv_mesh_peer, link_in_mesh));
    struct sv_mesh_room *room, *next;
    HASH_ITER(hh, mesh->rooms, room, next) {
        HASH_DEL(mesh->rooms, room);
        free(room);
    }
    sv_arena_fini(&mesh->arena);
    free(mesh);
}

void sv_mesh_outputs_fini(struct sv_mesh_outputs *outputs)
{
    free(outputs->items);
    *outputs = (struct sv_mesh_outputs){ 0 };
}

/* ---- what the mesh knows ---- */

bool sv_mesh_is_online(const struct sv_mesh *mesh, const char *room_id, const char *user_id)
{
    const struct sv_mesh_room *room = sv_mesh_find_room(mesh, room_id);
    struct sv_mesh_user *user = NULL;
    if (room != NULL)
        HASH_FIND_STR(room->users, user_id, user);
    return user != NULL;
}

int64_t sv_mesh_n_online(const struct sv_mesh *mesh, const char *room_id)
{
    const struct sv_mesh_room *room = sv_mesh_find_room(mesh, room_id);
    int64_t n = 0;
    if (room == NULL)
        return 0;
    SV_LIST_FOREACH(it, &room->shares)
        n += SV_CONTAINER_OF(it, struct sv_mesh_share, of_room)->n_online;
    return n;
}

void sv_mesh_each_online(const struct sv_mesh *mesh, const char *room_id,
    void (*found)(void *userdata, const char *user_id, const char *username), void *userdata)
{
    const struct sv_mesh_room *room = sv_mesh_find_room(mesh, room_id);
    if (room == NULL)
        return;
    for (const struct sv_mesh_user *user = room->users; user != NULL; user = user->hh.next)
        found(userdata, user->user_id, user->username);
}

bool sv_mesh_is_complete(const struct sv_mesh *mesh)
{
    SV_LIST_FOREACH(it, &mesh->peers) {
        const struct sv_mesh_peer *peer = SV_CONTAINER_OF(it, struct sv_mesh_peer, link_in_mesh);
        bool is_unsure =
            peer->link == 0 || peer->settles_at_ms != 0 || peer->state == SV_FELLOW_SUSPECT;
        if (is_to_be_linked(peer) && is_unsure)
            return false;
    }
    return mesh->n_echoes == 0;
}

size_t sv_mesh_n_before(const struct sv_mesh *mesh, const char *room_id)
{
    const struct sv_mesh_room *room = sv_mesh_find_room(mesh, room_id);
    size_t n = 0;
    if (room == NULL)
        return 0;
    SV_LIST_FOREACH(it, &room->shares) {
        const struct sv_mesh_share *share = SV_CONTAINER_OF(it, struct sv_mesh_share, of_room);
        n += share->has && share->peer->link != 0 && strcmp(share->peer->id, mesh->id) < 0;
    }
    return n;
}

bool sv_mesh_is_linked(const struct sv_mesh *mesh, const char *node_id)
{
    SV_LIST_FOREACH(it, &mesh->peers) {
        const struct sv_mesh_peer *peer = SV_CONTAINER_OF(it, struct sv_mesh_peer, link_in_mesh);
        if (strcmp(peer->id, node_id) == 0)
            return peer->link != 0;
    }
    return false;
}
