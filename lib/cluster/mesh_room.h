/* SPDX-License-Identifier: MIT */
/*
 * The tables of a mesh: its peers, the rooms that it or they have, and who is online there. mesh.c
 * has the rules.
 */
#ifndef SV_CLUSTER_MESH_ROOM_H
#define SV_CLUSTER_MESH_ROOM_H

#include "base/arena.h"
#include "base/hash.h"
#include "base/list.h"
#include "cluster/mesh.h"

/* More people of other nodes are not believed: the link that brings them ends. */
#define SV_MESH_PRESENCES_MAX 1000000

/* Another node. */
struct sv_mesh_peer {
    /* In mesh.peers. */
    struct sv_list link_in_mesh;
    char id[65], address[128];
    /* As the table has it; `listed` = it is there. */
    bool listed;
    int64_t epoch;
    enum sv_fellow_state state;
    bool dialling;

    /* Its link, 0 = none; and what HELLO said. */
    uint64_t link;
    int64_t link_epoch;
    /* Numbers of the last events, theirs and ours. */
    uint64_t heard, said;
    /* When the last of theirs came, and the last of ours at the last pulse. */
    int64_t heard_ms;
    uint64_t said_at_pulse;
    bool is_silent;
    /* It wants the events of every room. */
    bool wants_all;
    /* Until when it may not have heard yet which rooms we have; 0 = it has. */
    int64_t settles_at_ms;
    /* Snapshots that were asked of the node since the link's queue was empty. */
    unsigned n_ahead;
    /* Of struct sv_mesh_share: all of it, and those to which we owe a snapshot. */
    struct sv_list shares, owed;
    size_t n_shares;
    /* Of struct sv_mesh_presence. */
    struct sv_list presences;
};

/* What another node has to do with a room. */
struct sv_mesh_share {
    struct sv_list of_room, of_peer;
    /* In peer.owed, while we owe it a snapshot with this barrier. */
    struct sv_list owed;
    uint64_t barrier;
    struct sv_mesh_room *room;
    struct sv_mesh_peer *peer;
    /* It has the room in memory. */
    bool has;
    /*
     * Our events of the room go to it. Not while it has to wait for a snapshot because its link's
     * queue is full of others: then the snapshot has them.
     */
    bool live;
    /* It owes us an echo of room.barrier. */
    bool owes_echo;
    /* How many people are online there, as it says. */
    int32_t n_online;
};

/* Somebody who is online in a room at other nodes, and for each of these nodes that. */
struct sv_mesh_user {
    /* In room.users, by user_id. */
    UT_hash_handle hh;
    char user_id[SV_ID_SIZE];
    char *username;
    /* Of struct sv_mesh_presence. */
    struct sv_list presences;
};

struct sv_mesh_presence {
    struct sv_list of_user, of_peer;
    /* In mesh.leaving, while leaves_at_ms is not 0: then it counts no longer. */
    struct sv_list leaving;
    int64_t leaves_at_ms;
    struct sv_mesh_room *room;
    struct sv_mesh_user *user;
    struct sv_mesh_peer *peer;
    /* Is in the snapshot that is being heard. */
    bool is_told;
};

struct sv_mesh_room {
    /* In mesh.rooms, by id. */
    UT_hash_handle hh;
    char id[SV_ID_SIZE];
    /* Wanted or in memory here, or forgotten a moment ago. */
    bool here;
    /* In mesh.forgotten, while forgotten_at_ms is not 0: then it is not here any more. */
    struct sv_list forgotten;
    int64_t forgotten_at_ms;
    /* The last one that we have sent. */
    uint64_t barrier;
    /* In mesh.waiting, while ready_at_ms is not 0: then READY comes without all echoes. */
    struct sv_list waiting;
    int64_t ready_at_ms;
    /*
     * In mesh.young, while looks_at_ms is not 0: then all know that we have the room, and what they
     * have changed before is looked for.
     */
    struct sv_list young;
    int64_t looks_at_ms;
    /* People of ours. In mesh.untold, while this number is to be told. */
    int32_t n_online;
    struct sv_list untold;
    /* Of struct sv_mesh_share. */
    struct sv_list shares;
    struct sv_mesh_user *users;
};

struct sv_mesh {
    char id[65];
    /* Nobody can dial this node. */
    bool dials_all;
    int64_t now_ms;
    struct sv_list peers;
    struct sv_mesh_room *rooms;
    /* Of rooms, each by its time. */
    struct sv_list forgotten, waiting, young, untold;
    /* Of presences, by time. */
    struct sv_list leaving;
    size_t n_presences;
    uint64_t last_barrier;
    /* Echoes that are owed to us. */
    size_t n_echoes;
    /* When numbers of people were told. */
    int64_t told_ms;
    int64_t pulses_at_ms;
    /* Of events that the mesh makes itself: until the next step. */
    struct sv_arena arena;
    /* Of the step that runs. */
    struct sv_mesh_outputs *outputs;
    bool no_memory;
    /* What nobody gets: there is no memory for it, or nobody is there. */
    struct sv_mesh_output nowhere;
};

/* A new output, zero but for its kind; a place that is thrown away when out of memory. */
struct sv_mesh_output *sv_mesh_put(struct sv_mesh *mesh, enum sv_mesh_output_kind kind);
void sv_mesh_put_room(struct sv_mesh *mesh, enum sv_mesh_output_kind kind,
    const struct sv_mesh_room *room);
/* `event` NULL: the input's. The peer has a link. */
void sv_mesh_send(struct sv_mesh *mesh, struct sv_mesh_peer *peer,
    const struct sv_cluster_event *event);
void sv_mesh_send_to_all(struct sv_mesh *mesh, const struct sv_cluster_event *event);

struct sv_mesh_peer *sv_mesh_find_peer(struct sv_mesh *mesh, const char *id);
struct sv_mesh_peer *sv_mesh_peer_of_link(struct sv_mesh *mesh, uint64_t link);
/* NULL when out of memory (and mesh->no_memory), here and below. */
struct sv_mesh_peer *sv_mesh_add_peer(struct sv_mesh *mesh, const char *id);
void sv_mesh_remove_peer(struct sv_mesh *mesh, struct sv_mesh_peer *peer);

struct sv_mesh_room *sv_mesh_find_room(const struct sv_mesh *mesh, const char *id);
struct sv_mesh_room *sv_mesh_need_room(struct sv_mesh *mesh, const char *id);
/* Frees a room of which nothing is known any more. */
void sv_mesh_drop_room(struct sv_mesh *mesh, struct sv_mesh_room *room);

struct sv_mesh_share *sv_mesh_find_share(const struct sv_mesh_room *room,
    const struct sv_mesh_peer *peer);
struct sv_mesh_share *sv_mesh_need_share(struct sv_mesh *mesh, struct sv_mesh_room *room,
    struct sv_mesh_peer *peer);
void sv_mesh_remove_share(struct sv_mesh *mesh, struct sv_mesh_share *share);

/* The user is online at the peer; ONLINE, if they were nowhere else. NULL: no memory, or too many.
 */
struct sv_mesh_presence *sv_mesh_add_presence(struct sv_mesh *mesh, struct sv_mesh_room *room,
    struct sv_mesh_peer *peer, const struct sv_cluster_presence *who);
struct sv_mesh_presence *sv_mesh_find_presence(const struct sv_mesh_room *room,
    const struct sv_mesh_peer *peer, const char *user_id);
/* ONLINE, if they are nowhere else. */
void sv_mesh_remove_presence(struct sv_mesh *mesh, struct sv_mesh_presence *presence);
/* It is removed after SV_MESH_OFFLINE_MS, unless it is added again before. */
void sv_mesh_let_leave(struct sv_mesh *mesh, struct sv_mesh_presence *presence);

#endif
