/* SPDX-License-Identifier: MIT */
/*
 * The links of a node to all others, as a state machine: which nodes to link with, who has which
 * room, who is online where, and whose turn it is. Pure: time and what happens go in, what is to be
 * done comes out. One thread at a time; the caller (lib/peer) has the lock, the queues and the
 * network.
 *
 *                         sv_mesh_step(mesh, now, input, outputs)
 *   the table of nodes ---- NODES ----\                    /---- DIAL, HANG_UP ----> links
 *   links -- OPENED, CLOSED, HEARD ----\                  /----- SEND -------------> a link's queue
 *            DRAINED --------------------> the mesh ------------ APPLY -------------> the room
 *   rooms -- WANT, FORGET, TELL, -------/                 \----- SNAPSHOT, READY,
 *            SNAPSHOT, PRESENCE -------/                   \     LOOK, ONLINE -----> the room
 *   time --- TICK --------------------/                     \--- WAKE
 *
 * A *session* is one stream between two nodes. It begins with HELLO and all interests of both
 * sides; then each side sends a SNAPSHOT of each common room, and from there on the room's events.
 * Nothing is kept of a session that ends: the next one says everything again.
 *
 * *Interest* = the room is in memory, or soon will be. Before a room is read from the store, WANT
 * tells all linked nodes; those that have the room answer with a SNAPSHOT that echoes the barrier,
 * and send the room's events from there on. So what was committed before the echo is in the store,
 * and what is committed later is told. READY comes when all have echoed, or after 150 ms; an echo
 * that comes later causes a LOOK.
 */
#ifndef SV_CLUSTER_MESH_H
#define SV_CLUSTER_MESH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/event.h"
#include "cluster/membership.h"

struct sv_mesh;

/* What is waited for before a room is read without all echoes. */
#define SV_MESH_BARRIER_MS 150
/* What is lost of somebody's presence is told after this, as of a stream that has gone. */
#define SV_MESH_OFFLINE_MS 10000
/*
 * What others need at most to hear that this node has a room. What they change before that is told
 * to nobody if they have not the room: so the store is looked at once more then.
 */
#define SV_MESH_SETTLE_MS 1500
/* A link over which nothing was said for so long carries something that says nothing. */
#define SV_MESH_PULSE_MS 400
/* Who was not heard for so long is silent. */
#define SV_MESH_SILENT_MS 1000
/* A room that left memory counts as wanted for so long. */
#define SV_MESH_FORGET_MS 30000
/* More rooms of one node are not believed: the link ends. */
#define SV_MESH_ROOMS_MAX 1000000
/* Snapshots that a link's queue holds at a time. */
#define SV_MESH_SNAPSHOTS_AHEAD 64
/* Rooms in one INTEREST. */
#define SV_MESH_INTERESTS_MAX 1000

/* A node, as the table of nodes has it. */
struct sv_mesh_node {
    const char *id, *address;
    int64_t epoch;
    enum sv_fellow_state state;
};

enum sv_mesh_input_kind {
    /* The time that sv_mesh_next_ms() wants has come. Only then something happens by itself. */
    SV_MESH_TICK,
    /* The table: all others, by id. */
    SV_MESH_NODES,
    /* A link to peer_id is there: its HELLO has come, ours was sent. `link` names it from here on,
     * `epoch` is what HELLO says. Of two links to one peer the newer one counts. */
    SV_MESH_OPENED,
    /* It is gone, for whatever reason. */
    SV_MESH_CLOSED,
    /* An event came over `link`. */
    SV_MESH_HEARD,
    /* The link's queue is empty. */
    SV_MESH_DRAINED,
    /* The room is about to be read into memory: read it after READY. */
    SV_MESH_WANT,
    /* The room has left memory. */
    SV_MESH_FORGET,
    /* An event of room_id was made here, for all who have the room; room_id "" = for all. */
    SV_MESH_TELL,
    /* The answer to SNAPSHOT: the event to be sent over `link`. Made and given under the room's
     * lock, so that no TELL of the room comes between. */
    SV_MESH_SNAPSHOT_MADE,
    /* Of this node's own people: `presence`. */
    SV_MESH_PRESENCE_HERE,
};

struct sv_mesh_input {
    enum sv_mesh_input_kind kind;
    const struct sv_mesh_node *nodes;
    size_t n_nodes;
    const char *peer_id;
    int64_t epoch;
    /* Not 0. */
    uint64_t link;
    const struct sv_cluster_event *event;
    const char *room_id;
    const struct sv_cluster_presence *presence;
};

enum sv_mesh_output_kind {
    /* Keep dialling peer_id at `address` until a link is OPENED, HANG_UP, or another DIAL of it. */
    SV_MESH_DIAL,
    /* End `link`, or, with link 0, stop dialling peer_id. `reason` says why. */
    SV_MESH_HANG_UP,
    /* Queue for `link`: `event` if it is not NULL, otherwise the input's event. Give it `sequence`.
     */
    SV_MESH_SEND,
    /* Apply the input's event. */
    SV_MESH_APPLY,
    /* Make a snapshot of room_id for `link` that echoes `barrier`, and give it with SNAPSHOT_MADE.
     */
    SV_MESH_SNAPSHOT,
    /* The room that was wanted may be read. */
    SV_MESH_READY,
    /* The room may have missed something: look whether the store has newer. */
    SV_MESH_LOOK,
    /* Of room_id, whether user_id is online elsewhere has changed: sv_mesh_is_online() says it. */
    SV_MESH_ONLINE,
};

struct sv_mesh_output {
    enum sv_mesh_output_kind kind;
    uint64_t link;
    uint64_t sequence, barrier;
    /* Static text. */
    const char *reason;
    /* Valid until the next step. */
    const struct sv_cluster_event *event;
    char peer_id[65];
    char address[128];
    char room_id[SV_ID_SIZE];
    char user_id[SV_ID_SIZE];
};

struct sv_mesh_outputs {
    struct sv_mesh_output *items;
    size_t n, capacity;
};

/* NULL when out of memory. `node_id` is copied. */
struct sv_mesh *sv_mesh_new(const char *node_id);
/* Nobody can dial this node: it dials all. Before the first step. */
void sv_mesh_dial_all(struct sv_mesh *mesh);
/* Nobody has carried out what was to be dialled until now: the next NODES says it again. */
void sv_mesh_dial_again(struct sv_mesh *mesh);
void sv_mesh_free(struct sv_mesh *mesh);
void sv_mesh_outputs_fini(struct sv_mesh_outputs *outputs);

/*
 * Replaces what is in `outputs`. SEND outputs are to be carried out in their order, before the next
 * step. Returns 0; or NO_MEMORY: then something was not said, so end all links, which come again.
 */
int sv_mesh_step(struct sv_mesh *mesh, int64_t now_ms, const struct sv_mesh_input *input,
    struct sv_mesh_outputs *outputs);
/* When a TICK is wanted; INT64_MAX = never. */
int64_t sv_mesh_next_ms(const struct sv_mesh *mesh);

/* ---- what the mesh knows ---- */

/* Whether any other node has a stream of theirs that follows the room. */
bool sv_mesh_is_online(const struct sv_mesh *mesh, const char *room_id, const char *user_id);
/* People who are online in the room at other nodes, also of a room that is not in memory here. */
int64_t sv_mesh_n_online(const struct sv_mesh *mesh, const char *room_id);
/* Who is online elsewhere in a room that is here; calls `found` for each user once. */
void sv_mesh_each_online(const struct sv_mesh *mesh, const char *room_id,
    void (*found)(void *userdata, const char *user_id, const char *username), void *userdata);
/*
 * Whether all who could change a room or watch it are known: every node that is alive has a link,
 * has heard which rooms are here, and owes no echo. Otherwise the store has to be looked at each
 * second.
 */
bool sv_mesh_is_complete(const struct sv_mesh *mesh);
/* Whether none of those linked is silent. What a silent one changes may be on its way for half a
 * minute, so the store has to be looked at each second. */
bool sv_mesh_hears_all(const struct sv_mesh *mesh);
/*
 * How many of those linked that have the room come before this node, by their ids. With 0 it is
 * this node's turn to act in the room by itself. The next one acts if nothing has come for some
 * time, the one after it after twice that time: two do not act at once.
 */
size_t sv_mesh_n_before(const struct sv_mesh *mesh, const char *room_id);
/* Whether there is a link to this node. */
bool sv_mesh_is_linked(const struct sv_mesh *mesh, const char *node_id);

#endif
