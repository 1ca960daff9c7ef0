/* SPDX-License-Identifier: MIT */
/*
 * Rooms over several nodes: who has which, the barrier before one is read, snapshots, and who gets
 * an event. mesh.c has the links, and what is heard over them.
 */
#ifndef SV_CLUSTER_MESH_INTEREST_H
#define SV_CLUSTER_MESH_INTEREST_H

#include "cluster/mesh_room.h"

/* Inputs of the mesh, by their names. */
void sv_mesh_on_want(struct sv_mesh *mesh, const char *room_id);
void sv_mesh_on_forget(struct sv_mesh *mesh, const char *room_id);
void sv_mesh_on_tell(struct sv_mesh *mesh, const struct sv_mesh_input *in);
void sv_mesh_on_snapshot(struct sv_mesh *mesh, const struct sv_mesh_input *in);
void sv_mesh_on_presence(struct sv_mesh *mesh, const struct sv_mesh_input *in);

/* One of the mesh's own, without rooms; NULL when out of memory. */
const struct sv_cluster_event *sv_mesh_make_interest(struct sv_mesh *mesh);
/* Says to a new link which rooms are here. */
void sv_mesh_tell_interests(struct sv_mesh *mesh, struct sv_mesh_peer *peer);
/* How many people are in rooms where that has changed, to all. */
void sv_mesh_tell_numbers(struct sv_mesh *mesh);
/* READY. */
void sv_mesh_set_ready(struct sv_mesh *mesh, struct sv_mesh_room *room);
/* Nobody has wanted a room again that was forgotten. */
void sv_mesh_withdraw(struct sv_mesh *mesh, struct sv_mesh_room *room);

/* The echo has come, or never will. */
void sv_mesh_end_echo(struct sv_mesh *mesh, struct sv_mesh_share *share);
/* The peer is to get a snapshot, with this barrier or a later one. */
void sv_mesh_owe_snapshot(struct sv_mesh_share *share, uint64_t barrier);
/* Asks for the snapshots that the link's queue has place for. */
void sv_mesh_serve_owed(struct sv_mesh *mesh, struct sv_mesh_peer *peer);

#endif
