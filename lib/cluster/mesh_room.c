/* SPDX-License-Identifier: MIT */
#include "cluster/mesh_room.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

static void *need(struct sv_mesh *mesh, size_t size)
{
    void *p = sv_zalloc(size);
    if (p == NULL)
        mesh->no_memory = true;
    return p;
}

struct sv_mesh_output *sv_mesh_put(struct sv_mesh *mesh, enum sv_mesh_output_kind kind)
{
    struct sv_mesh_outputs *o = mesh->outputs;
    if (o == NULL)
        return &mesh->nowhere;
    if (o->n == o->capacity) {
        size_t capacity = o->capacity == 0 ? 16 : 2 * o->capacity;
        struct sv_mesh_output *items = realloc(o->items, capacity * sizeof(*items));
        if (items == NULL) {
            mesh->no_memory = true;
            return &mesh->nowhere;
        }
        o->items = items;
        o->capacity = capacity;
    }
    struct sv_mesh_output *output = &o->items[o->n++];
    memset(output, 0, sizeof(*output));
    output->kind = kind;
    return output;
}

void sv_mesh_put_room(struct sv_mesh *mesh, enum sv_mesh_output_kind kind,
    const struct sv_mesh_room *room)
{
    struct sv_mesh_output *output = sv_mesh_put(mesh, kind);
    sv_text_copy(output->room_id, sizeof(output->room_id), room->id);
}

void sv_mesh_send(struct sv_mesh *mesh, struct sv_mesh_peer *peer,
    const struct sv_cluster_event *event)
{
    struct sv_mesh_output *output = sv_mesh_put(mesh, SV_MESH_SEND);
    output->link = peer->link;
    output->sequence = ++peer->said;
    output->event = event;
}

void sv_mesh_send_to_all(struct sv_mesh *mesh, const struct sv_cluster_event *event)
{
    SV_LIST_FOREACH(it, &mesh->peers) {
        struct sv_mesh_peer *peer = SV_CONTAINER_OF(it, struct sv_mesh_peer, link_in_mesh);
        if (peer->link != 0)
            sv_mesh_send(mesh, peer, event);
    }
}

/* ---- peers ---- */

struct sv_mesh_peer *sv_mesh_find_peer(struct sv_mesh *mesh, const char *id)
{
    SV_LIST_FOREACH(it, &mesh->peers) {
        struct sv_mesh_peer *peer = SV_CONTAINER_OF(it, struct sv_mesh_peer, link_in_mesh);
        if (strcmp(peer->id, id) == 0)
            return peer;
    }
    return NULL;
}

void sv_mesh_dial_again(struct sv_mesh *mesh)
{
    SV_LIST_FOREACH(it, &mesh->peers)
        SV_CONTAINER_OF(it, struct sv_mesh_peer, link_in_mesh)->dialling = false;
}

struct sv_mesh_peer *sv_mesh_peer_of_link(struct sv_mesh *mesh, uint64_t link)
{
    SV_LIST_FOREACH(it, &mesh->peers) {
        struct sv_mesh_peer *peer = SV_CONTAINER_OF(it, struct sv_mesh_peer, link_in_mesh);
        if (peer->link == link && link != 0)
            return peer;
    }
    return NULL;
}

struct sv_mesh_peer *sv_mesh_add_peer(struct sv_mesh *mesh, const char *id)
{
    struct sv_mesh_peer *peer = need(mesh, sizeof(*peer));
    if (peer == NULL)
        return NULL;
    sv_text_copy(peer->id, sizeof(peer->id), id);
    sv_list_init(&peer->shares);
    sv_list_init(&peer->owed);
    sv_list_init(&peer->presences);
    sv_list_append(&mesh->peers, &peer->link_in_mesh);
    return peer;
}

void sv_mesh_remove_peer(struct sv_mesh *mesh, struct sv_mesh_peer *peer)
{
    SV_LIST_FOREACH(it, &peer->presences)
        sv_mesh_remove_presence(mesh, SV_CONTAINER_OF(it, struct sv_mesh_presence, of_peer));
    SV_LIST_FOREACH(it, &peer->shares)
        sv_mesh_remove_share(mesh, SV_CONTAINER_OF(it, struct sv_mesh_share, of_peer));
    sv_list_remove(&peer->link_in_mesh);
    free(peer);
}

/* ---- rooms ---- */

struct sv_mesh_room *sv_mesh_find_room(const struct sv_mesh *mesh, const char *id)
{
    struct sv_mesh_room *room;
    HASH_FIND_STR(mesh->rooms, id, room);
    return room;
}

struct sv_mesh_room *sv_mesh_need_room(struct sv_mesh *mesh, const char *id)
{
    struct sv_mesh_room *room = sv_mesh_find_room(mesh, id);
    if (room != NULL || (room = need(mesh, sizeof(*room))) == NULL)
        return room;
    sv_text_copy(room->id, sizeof(room->id), id);
    sv_list_init(&room->forgotten);
    sv_list_init(&room->waiting);
    sv_list_init(&room->young);
    sv_list_init(&room->untold);
    sv_list_init(&room->shares);
    HASH_ADD_STR(mesh->rooms, id, room);
    if (room->hh.tbl == NULL) {
        mesh->no_memory = true;
        free(room);
        return NULL;
    }
    return room;
}

void sv_mesh_drop_room(struct sv_mesh *mesh, struct sv_mesh_room *room)
{
    if (room->here || room->n_online != 0 || room->users != NULL || !sv_list_empty(&room->shares) ||
        !sv_list_empty(&room->untold))
        return;
    HASH_DEL(mesh->rooms, room);
    free(room);
}

/* ---- who has which ---- */

struct sv_mesh_share *sv_mesh_find_share(const struct sv_mesh_room *room,
    const struct sv_mesh_peer *peer)
{
    SV_LIST_FOREACH(it, &room->shares) {
        struct sv_mesh_share *share = SV_CONTAINER_OF(it, struct sv_mesh_share, of_room);
        if (share->peer == peer)
            return share;
    }
    return NULL;
}

struct sv_mesh_share *sv_mesh_need_share(struct sv_mesh *mesh, struct sv_mesh_room *room,
    struct sv_mesh_peer *peer)
{
    struct sv_mesh_share *share = sv_mesh_find_share(room, peer);
    if (share != NULL || (share = need(mesh, sizeof(*share))) == NULL)
        return share;
    share->room = room;
    share->peer = peer;
    sv_list_init(&share->owed);
    sv_list_append(&room->shares, &share->of_room);
    sv_list_append(&peer->shares, &share->of_peer);
    peer->n_shares++;
    return share;
}

void sv_mesh_remove_share(struct sv_mesh *mesh, struct sv_mesh_share *share)
{
    struct sv_mesh_room *room = share->room;
    mesh->n_echoes -= share->owes_echo;
    share->peer->n_shares--;
    sv_list_remove(&share->owed);
    sv_list_remove(&share->of_room);
    sv_list_remove(&share->of_peer);
    free(share);
    sv_mesh_drop_room(mesh, room);
}

/* ---- who is online ---- */

static void tell_online(struct sv_mesh *mesh, const struct sv_mesh_room *room, const char *user_id)
{
    struct sv_mesh_output *output = sv_mesh_put(mesh, SV_MESH_ONLINE);
    sv_text_copy(output->room_id, sizeof(output->room_id), room->id);
    sv_text_copy(output->user_id, sizeof(output->user_id), user_id);
}

static struct sv_mesh_user *find_user(const struct sv_mesh_room *room, const char *user_id)
{
    struct sv_mesh_user *user;
    HASH_FIND_STR(room->users, user_id, user);
    return user;
}

static struct sv_mesh_user *need_user(struct sv_mesh *mesh, struct sv_mesh_room *room,
    const struct sv_cluster_presence *who)
{
    struct sv_mesh_user *user = find_user(room, who->user_id);
    if (user != NULL || (user = need(mesh, sizeof(*user))) == NULL)
        return user;
    sv_text_copy(user->user_id, sizeof(user->user_id), who->user_id);
    sv_list_init(&user->presences);
    user->username = strdup(sv_str(who->username));
    if (user->username != NULL)
        HASH_ADD_STR(room->users, user_id, user);
    if (user->username == NULL || user->hh.tbl == NULL) {
        mesh->no_memory = true;
        free(user->username);
        free(user);
        return NULL;
    }
    return user;
}

static void drop_user(struct sv_mesh_room *room, struct sv_mesh_user *user)
{
    if (!sv_list_empty(&user->presences))
        return;
    HASH_DEL(room->users, user);
    free(user->username);
    free(user);
}

struct sv_mesh_presence *sv_mesh_find_presence(const struct sv_mesh_room *room,
    const struct sv_mesh_peer *peer, const char *user_id)
{
    struct sv_mesh_user *user = find_user(room, user_id);
    if (user == NULL)
        return NULL;
    SV_LIST_FOREACH(it, &user->presences) {
        struct sv_mesh_presence *presence = SV_CONTAINER_OF(it, struct sv_mesh_presence, of_user);
        if (presence->peer == peer)
            return presence;
    }
    return NULL;
}

struct sv_mesh_presence *sv_mesh_add_presence(struct sv_mesh *mesh, struct sv_mesh_room *room,
    struct sv_mesh_peer *peer, const struct sv_cluster_presence *who)
{
    struct sv_mesh_presence *presence = sv_mesh_find_presence(room, peer, who->user_id);
    if (presence != NULL) {
        presence->leaves_at_ms = 0;
        sv_list_remove(&presence->leaving);
        return presence;
    }
    if (mesh->n_presences == SV_MESH_PRESENCES_MAX)
        return NULL;
    struct sv_mesh_user *user = need_user(mesh, room, who);
    if (user == NULL)
        return NULL;
    presence = need(mesh, sizeof(*presence));
    if (presence == NULL) {
        drop_user(room, user);
        return NULL;
    }
    bool is_first = sv_list_empty(&user->presences);
    presence->room = room;
    presence->user = user;
    presence->peer = peer;
    sv_list_init(&presence->leaving);
    sv_list_append(&user->presences, &presence->of_user);
    sv_list_append(&peer->presences, &presence->of_peer);
    mesh->n_presences++;
    if (is_first)
        tell_online(mesh, room, user->user_id);
    return presence;
}

void sv_mesh_remove_presence(struct sv_mesh *mesh, struct sv_mesh_presence *presence)
{
    struct sv_mesh_room *room = presence->room;
    struct sv_mesh_user *user = presence->user;
    sv_list_remove(&presence->leaving);
    sv_list_remove(&presence->of_user);
    sv_list_remove(&presence->of_peer);
    free(presence);
    mesh->n_presences--;
    if (sv_list_empty(&user->presences))
        tell_online(mesh, room, user->user_id);
    drop_user(room, user);
    sv_mesh_drop_room(mesh, room);
}

void sv_mesh_let_leave(struct sv_mesh *mesh, struct sv_mesh_presence *presence)
{
    if (presence->leaves_at_ms != 0)
        return;
    presence->leaves_at_ms = mesh->now_ms + SV_MESH_OFFLINE_MS;
    sv_list_append(&mesh->leaving, &presence->leaving);
}
