/* SPDX-License-Identifier: MIT */
/*
 * The node's side of its links to other nodes: the mesh (cluster/mesh.h) and its lock. lib/peer
 * brings what links say and carries out what is for links; the rooms story brings what happens in
 * rooms and carries out what is for rooms. Neither knows the other.
 *
 *   lib/peer                      links.c: mesh, lock                        rooms
 *   sv_links_opened(), _heard() -> step -> sv_link_room_hooks.apply() ...... change, state, chat
 *   sv_link_ops.send() <---------- step <- sv_links_tell() ................. a change made here
 *
 * A node without a cluster secret has no mesh: then these functions do nothing, and what they ask
 * has the answer of a node that is alone.
 *
 * The lock: a room's lock comes before it, and under it only sv_link_ops.send() and hang_up() are
 * called. All other outputs are carried out after it was released: on the thread that has brought
 * the input, or, if that may have a room's lock, in the node's turn. So the events of one link are
 * applied in their order, because one thread at a time brings them.
 */
#ifndef SV_NODE_LINKS_H
#define SV_NODE_LINKS_H

#include "cluster/mesh.h"
#include "node/engine/node.h"

struct sv_online;

/* A link that gets an event, and the number that it has there. */
struct sv_link_place {
    uint64_t link;
    uint64_t sequence;
};

/* What lib/peer does for the mesh. Any thread. None of these may block. */
struct sv_link_ops {
    /* Keeps dialling until a link to peer_id was opened, hang_up(), or another dial() of it. */
    void (*dial)(void *peers, const char *peer_id, const char *address);
    /*
     * Ends a link, or, with link 0, stops dialling; with peer_id NULL, too, ends all links.
     * closed() follows for a link that was opened. May be called under the mesh's lock: closed()
     * comes later.
     */
    void (*hang_up)(void *peers, uint64_t link, const char *peer_id, const char *reason);
    /*
     * Queues the event for each of these links. Under the mesh's lock: it calls nothing of the
     * node. A link whose queue is full ends by itself.
     */
    void (*send)(void *peers, const struct sv_cluster_event *event,
        const struct sv_link_place *places, size_t n_places);
    /* An event was made here, whoever gets it: for those who only observe. As send(). */
    void (*observed)(void *peers, const struct sv_cluster_event *event);
    /* What the process uses: CPU of cores, resident memory in bytes. */
    void (*usage)(void *peers, double *ret_cpu, double *ret_memory);
    /* Asks all linked nodes who of them is online there: sv_online_expect() for each node, and then
     * sv_online_answered(). */
    void (*ask_online)(void *peers, struct sv_online *online);
};

/* What rooms do for the mesh. Without locks of the node, on the thread that has brought the input.
 */
struct sv_link_room_hooks {
    void (*apply)(synctv_node *node, const struct sv_cluster_event *event);
    /* Makes a snapshot and gives it with sv_links_snapshot(), under the room's lock. */
    void (*snapshot)(synctv_node *node, const char *room_id, uint64_t link, uint64_t barrier);
    void (*ready)(synctv_node *node, const char *room_id);
    void (*look)(synctv_node *node, const char *room_id);
    /* sv_mesh_is_online() of them has changed. */
    void (*online)(synctv_node *node, const char *room_id, const char *user_id);
};

struct sv_links;

/* NULL when out of memory. */
struct sv_links *sv_links_new(synctv_node *node, const struct sv_link_room_hooks *hooks);
/* Nobody can reach this node. Before its table of nodes is seen. */
void sv_links_dial_all(synctv_node *node);
void sv_links_free(struct sv_links *links);

/* ---- for lib/peer ---- */

/* Before anything else, and with NULL when lib/peer ends. */
void sv_links_set_ops(synctv_node *node, const struct sv_link_ops *ops, void *peers);
/* A HELLO has come over a link, and ours was sent; `link` is a number of lib/peer's, not 0. Then
 * events may come. Of one link one thread at a time calls these. */
void sv_links_opened(synctv_node *node, uint64_t link, const char *peer_id, int64_t epoch);
void sv_links_heard(synctv_node *node, uint64_t link, const struct sv_cluster_event *event);
void sv_links_closed(synctv_node *node, uint64_t link);
/* Its queue has become empty. Any thread. */
void sv_links_drained(synctv_node *node, uint64_t link);

/* ---- for the folders above ---- */

/* What the last look at the table of nodes says. */
void sv_links_see_nodes(synctv_node *node, const struct sv_membership *view);
/* For the node's turn: what is due. Returns when it wants to be called again (monotonic). */
int64_t sv_links_tick(synctv_node *node, int64_t now_ms);

/* At the end: what waits for other nodes waits no longer. */
void sv_links_last_tick(synctv_node *node);

/*
 * The room is to be read. True: hooks->ready() comes. False: there is nothing to wait for. Here and
 * below: the room's lock may be held.
 */
bool sv_links_want(synctv_node *node, const char *room_id);
void sv_links_forget(synctv_node *node, const char *room_id);
/* An event that was made here, of event->room_id ("" = for all nodes). May be called under the
 * room's lock. */
void sv_links_tell(synctv_node *node, const struct sv_cluster_event *event);
/* The answer to hooks->snapshot(). Under the room's lock. */
void sv_links_snapshot(synctv_node *node, uint64_t link, const struct sv_cluster_event *event);
/* Somebody came or went in a room here. Under the room's lock. */
void sv_links_presence(synctv_node *node, const struct sv_cluster_presence *presence);

/* As sv_mesh_…() says. */
bool sv_links_is_online(synctv_node *node, const char *room_id, const char *user_id);
int64_t sv_links_n_online(synctv_node *node, const char *room_id);
void sv_links_each_online(synctv_node *node, const char *room_id,
    void (*found)(void *userdata, const char *user_id, const char *username), void *userdata);
/* False for a node that shares its database and has no mesh. */
bool sv_links_is_complete(synctv_node *node);
/* sv_mesh_hears_all(). */
bool sv_links_hears_all(synctv_node *node);
size_t sv_links_n_before(synctv_node *node, const char *room_id);
bool sv_links_is_linked(synctv_node *node, const char *node_id);

/* What lib/peer knows; zeros, and nothing asked, without it. No locks of the node. */
void sv_links_usage(synctv_node *node, double *ret_cpu, double *ret_memory);
void sv_links_ask_online(synctv_node *node, struct sv_online *online);

#endif
