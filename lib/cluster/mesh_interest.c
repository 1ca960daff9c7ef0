/* SPDX-License-Identifier: MIT */
#include "cluster/mesh_interest.h"

#include <string.h>

/* ---- interest ---- */

/* An event of the mesh's own, with places for `n` interests; NULL when out of memory. */
static struct sv_cluster_event *make_interest(struct sv_mesh *mesh, size_t n,
    struct sv_cluster_interest **ret_interests)
{
    struct sv_cluster_event *event = sv_arena_alloc(&mesh->arena, sizeof(*event));
    struct sv_cluster_interest *interests =
        sv_arena_array(&mesh->arena, n == 0 ? 1 : n, sizeof(*interests));
    if (event == NULL || interests == NULL) {
        mesh->no_memory = true;
        return NULL;
    }
    *event = (struct sv_cluster_event){
        .kind = SV_CLUSTER_INTEREST,
        .node_id = mesh->id,
        .room_id = "",
        .interests = interests,
    };
    *ret_interests = interests;
    return event;
}

const struct sv_cluster_event *sv_mesh_make_interest(struct sv_mesh *mesh)
{
    struct sv_cluster_interest *interests;
    return make_interest(mesh, 0, &interests);
}

static struct sv_cluster_interest interest_in(const struct sv_mesh_room *room)
{
    return (struct sv_cluster_interest){
        .room_id = room->id,
        .on = room->here,
        .n_online = room->n_online,
    };
}

/* One room, to all. */
static void tell_interest(struct sv_mesh *mesh, const struct sv_mesh_room *room, uint64_t barrier)
{
    struct sv_cluster_interest *interests;
    struct sv_cluster_event *event = make_interest(mesh, 1, &interests);
    if (event == NULL)
        return;
    interests[0] = interest_in(room);
    /* The room may be dropped before this is sent. */
    interests[0].room_id = sv_arena_strdup(&mesh->arena, room->id);
    if (interests[0].room_id == NULL) {
        mesh->no_memory = true;
        return;
    }
    event->n_interests = 1;
    event->barrier = barrier;
    sv_mesh_send_to_all(mesh, event);
}

/* Everything, to a new link. */
void sv_mesh_tell_interests(struct sv_mesh *mesh, struct sv_mesh_peer *peer)
{
    struct sv_mesh_room *room = mesh->rooms;
    do {
        struct sv_cluster_interest *interests;
        struct sv_cluster_event *event = make_interest(mesh, SV_MESH_INTERESTS_MAX, &interests);
        if (event == NULL)
            return;
        for (; room != NULL && event->n_interests < SV_MESH_INTERESTS_MAX; room = room->hh.next) {
            if (room->here || room->n_online > 0)
                interests[event->n_interests++] = interest_in(room);
        }
        sv_mesh_send(mesh, peer, event);
    } while (room != NULL);
}

/* How many people are in rooms where that has changed. */
void sv_mesh_tell_numbers(struct sv_mesh *mesh)
{
    while (!sv_list_empty(&mesh->untold)) {
        struct sv_cluster_interest *interests;
        struct sv_cluster_event *event = make_interest(mesh, SV_MESH_INTERESTS_MAX, &interests);
        if (event == NULL)
            return;
        struct sv_list *it;
        while (event->n_interests < SV_MESH_INTERESTS_MAX &&
            (it = sv_list_pop(&mesh->untold)) != NULL) {
            struct sv_mesh_room *room = SV_CONTAINER_OF(it, struct sv_mesh_room, untold);
            interests[event->n_interests] = interest_in(room);
            /* The room may be dropped now. */
            interests[event->n_interests].room_id = sv_arena_strdup(&mesh->arena, room->id);
            if (interests[event->n_interests++].room_id == NULL) {
                mesh->no_memory = true;
                return;
            }
            sv_mesh_drop_room(mesh, room);
        }
        sv_mesh_send_to_all(mesh, event);
    }
    mesh->told_ms = mesh->now_ms;
}

/* ---- barriers and snapshots ---- */

void sv_mesh_set_ready(struct sv_mesh *mesh, struct sv_mesh_room *room)
{
    room->ready_at_ms = 0;
    sv_list_remove(&room->waiting);
    sv_mesh_put_room(mesh, SV_MESH_READY, room);
}

static bool is_owed_echoes(const struct sv_mesh_room *room)
{
    SV_LIST_FOREACH(it, &room->shares)
        if (SV_CONTAINER_OF(it, struct sv_mesh_share, of_room)->owes_echo)
            return true;
    return false;
}

/* The echo has come, or never will. */
void sv_mesh_end_echo(struct sv_mesh *mesh, struct sv_mesh_share *share)
{
    struct sv_mesh_room *room = share->room;
    if (!share->owes_echo)
        return;
    share->owes_echo = false;
    mesh->n_echoes--;
    if (room->ready_at_ms == 0)
        sv_mesh_put_room(mesh, SV_MESH_LOOK, room);
    else if (!is_owed_echoes(room))
        sv_mesh_set_ready(mesh, room);
}

/* Asks for the snapshots that the link's queue has place for. */
void sv_mesh_serve_owed(struct sv_mesh *mesh, struct sv_mesh_peer *peer)
{
    struct sv_list *it;
    while (peer->link != 0 && peer->n_ahead < SV_MESH_SNAPSHOTS_AHEAD &&
        (it = sv_list_pop(&peer->owed)) != NULL) {
        struct sv_mesh_share *share = SV_CONTAINER_OF(it, struct sv_mesh_share, owed);
        struct sv_mesh_output *output = sv_mesh_put(mesh, SV_MESH_SNAPSHOT);
        output->link = peer->link;
        output->barrier = share->barrier;
        memcpy(output->room_id, share->room->id, sizeof(output->room_id));
        share->live =
            true; /* what is told before the snapshot is made is in it, or is told again */
        peer->n_ahead++;
    }
}

void sv_mesh_owe_snapshot(struct sv_mesh_share *share, uint64_t barrier)
{
    if (barrier > share->barrier)
        share->barrier = barrier;
    if (sv_list_empty(&share->owed))
        sv_list_append(&share->peer->owed, &share->owed);
}

void sv_mesh_on_snapshot(struct sv_mesh *mesh, const struct sv_mesh_input *in)
{
    struct sv_mesh_peer *peer = sv_mesh_peer_of_link(mesh, in->link);
    struct sv_mesh_room *room = sv_mesh_find_room(mesh, in->event->room_id);
    struct sv_mesh_share *share =
        peer == NULL || room == NULL ? NULL : sv_mesh_find_share(room, peer);
    if (share == NULL || !share->has) {
        if (peer != NULL && peer->n_ahead > 0)
            peer->n_ahead--;
        return;
    }
    sv_mesh_send(mesh, peer, NULL);
}

/* ---- rooms ---- */

void sv_mesh_on_want(struct sv_mesh *mesh, const char *room_id)
{
    struct sv_mesh_room *room = sv_mesh_need_room(mesh, room_id);
    if (room == NULL)
        return;
    if (room->here && room->forgotten_at_ms == 0) {
        if (room->ready_at_ms == 0)
            sv_mesh_put_room(mesh, SV_MESH_READY, room);
        return;
    }
    /* Also of one that was forgotten a moment ago: what is not stored yet is in snapshots only. */
    room->forgotten_at_ms = room->ready_at_ms = 0;
    sv_list_remove(&room->forgotten);
    sv_list_remove(&room->waiting);
    room->here = true;
    room->looks_at_ms = mesh->now_ms + SV_MESH_SETTLE_MS;
    sv_list_remove(&room->young);
    sv_list_append(&mesh->young, &room->young);
    room->barrier = ++mesh->last_barrier;
    tell_interest(mesh, room, room->barrier);
    bool waits = false;
    SV_LIST_FOREACH(it, &room->shares) {
        struct sv_mesh_share *share = SV_CONTAINER_OF(it, struct sv_mesh_share, of_room);
        if (!share->has || share->peer->link == 0)
            continue;
        mesh->n_echoes += !share->owes_echo;
        share->owes_echo = waits = true;
        sv_mesh_owe_snapshot(share, 0);
        sv_mesh_serve_owed(mesh, share->peer);
    }
    if (waits) {
        room->ready_at_ms = mesh->now_ms + SV_MESH_BARRIER_MS;
        sv_list_append(&mesh->waiting, &room->waiting);
    } else {
        sv_mesh_put_room(mesh, SV_MESH_READY, room);
    }
}

void sv_mesh_on_forget(struct sv_mesh *mesh, const char *room_id)
{
    struct sv_mesh_room *room = sv_mesh_find_room(mesh, room_id);
    if (room == NULL || !room->here || room->forgotten_at_ms != 0)
        return;
    room->forgotten_at_ms = mesh->now_ms + SV_MESH_FORGET_MS;
    sv_list_append(&mesh->forgotten, &room->forgotten);
}

/* Nobody has wanted it again. */
void sv_mesh_withdraw(struct sv_mesh *mesh, struct sv_mesh_room *room)
{
    room->forgotten_at_ms = 0;
    sv_list_remove(&room->forgotten);
    room->here = false;
    room->ready_at_ms = room->looks_at_ms = 0;
    sv_list_remove(&room->waiting);
    sv_list_remove(&room->young);
    tell_interest(mesh, room, 0);
    SV_LIST_FOREACH(it, &room->shares) {
        struct sv_mesh_share *share = SV_CONTAINER_OF(it, struct sv_mesh_share, of_room);
        share->live = share->has; /* a change may be made of a room that is not in memory */
        sv_list_remove(&share->owed);
        mesh->n_echoes -= share->owes_echo;
        share->owes_echo = false;
    }
    struct sv_mesh_user *user, *next;
    room->n_online++; /* keeps it until the end */
    HASH_ITER(hh, room->users, user, next) {
        bool is_last;
        do { /* with the last one the user is gone */
            struct sv_list *it = user->presences.next;
            is_last = it->next == &user->presences;
            sv_mesh_remove_presence(mesh, SV_CONTAINER_OF(it, struct sv_mesh_presence, of_user));
        } while (!is_last);
    }
    room->n_online--;
    sv_mesh_drop_room(mesh, room);
}

void sv_mesh_on_tell(struct sv_mesh *mesh, const struct sv_mesh_input *in)
{
    if (in->event->room_id[0] == '\0') {
        sv_mesh_send_to_all(mesh, NULL);
        return;
    }
    const struct sv_mesh_room *room = sv_mesh_find_room(mesh, in->event->room_id);
    SV_LIST_FOREACH(it, &mesh->peers) {
        struct sv_mesh_peer *peer = SV_CONTAINER_OF(it, struct sv_mesh_peer, link_in_mesh);
        if (peer->link == 0)
            continue;
        const struct sv_mesh_share *share = room == NULL ? NULL : sv_mesh_find_share(room, peer);
        if (peer->wants_all || (share != NULL && share->live))
            sv_mesh_send(mesh, peer, NULL);
    }
}

void sv_mesh_on_presence(struct sv_mesh *mesh, const struct sv_mesh_input *in)
{
    struct sv_mesh_room *room = sv_mesh_need_room(mesh, in->presence->room_id);
    struct sv_cluster_event *event = sv_arena_alloc(&mesh->arena, sizeof(*event));
    if (room == NULL || event == NULL) {
        mesh->no_memory = true;
        return;
    }
    room->n_online += in->presence->online ? 1 : -1;
    if (sv_list_empty(&room->untold))
        sv_list_append(&mesh->untold, &room->untold);
    *event = (struct sv_cluster_event){
        .kind = SV_CLUSTER_PRESENCE,
        .node_id = mesh->id,
        .room_id = in->presence->room_id,
        .presences = in->presence,
        .n_presences = 1,
    };
    SV_LIST_FOREACH(it, &room->shares) {
        struct sv_mesh_share *share = SV_CONTAINER_OF(it, struct sv_mesh_share, of_room);
        if (share->live && share->peer->link != 0)
            sv_mesh_send(mesh, share->peer, event);
    }
}
