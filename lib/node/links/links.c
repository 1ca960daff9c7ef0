/* SPDX-License-Identifier: MIT */
#include "node/links/links.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

struct sv_links {
    synctv_node *node;
    const struct sv_link_room_hooks *hooks;

    /* Of all below. */
    pthread_mutex_t lock;
    struct sv_mesh *mesh;
    const struct sv_link_ops *ops;
    void *peers;
    struct sv_mesh_outputs outputs;
    /* What was brought under a room's lock has left this to be done by the next tick. */
    struct sv_mesh_outputs later;
    struct sv_link_place places[SV_FELLOWS_MAX];
    /* When the node's turn wants to tick. */
    int64_t tick_ms;
};

struct sv_links *sv_links_new(synctv_node *node, const struct sv_link_room_hooks *hooks)
{
    struct sv_links *links = calloc(1, sizeof(*links));
    if (links == NULL)
        return NULL;
    links->node = node;
    links->hooks = hooks;
    links->tick_ms = INT64_MAX;
    links->mesh = sv_mesh_new(node->id);
    if (links->mesh == NULL) {
        free(links);
        return NULL;
    }
    pthread_mutex_init(&links->lock, NULL);
    return links;
}

void sv_links_dial_all(synctv_node *node)
{
    sv_mesh_dial_all(node->links->mesh);
}

void sv_links_free(struct sv_links *links)
{
    if (links == NULL)
        return;
    sv_mesh_free(links->mesh);
    sv_mesh_outputs_fini(&links->outputs);
    sv_mesh_outputs_fini(&links->later);
    pthread_mutex_destroy(&links->lock);
    free(links);
}

void sv_links_set_ops(synctv_node *node, const struct sv_link_ops *ops, void *peers)
{
    struct sv_links *links = node->links;
    if (links == NULL)
        return;
    pthread_mutex_lock(&links->lock);
    links->ops = ops;
    links->peers = peers;
    sv_mesh_dial_again(links->mesh); /* the table of nodes may have been read before */
    pthread_mutex_unlock(&links->lock);
}

/* ---- carrying out ---- */

/* Outputs that follow each other with one event go out together. Locked. */
static void send_all(struct sv_links *links, const struct sv_mesh_outputs *outputs,
    const struct sv_mesh_input *input)
{
    size_t n = 0;
    const struct sv_cluster_event *event = NULL;
    for (size_t i = 0; i <= outputs->n; i++) {
        const struct sv_mesh_output *o = i < outputs->n ? &outputs->items[i] : NULL;
        if (o != NULL && o->kind != SV_MESH_SEND)
            continue;
        const struct sv_cluster_event *next = o == NULL ? NULL
            : o->event != NULL                          ? o->event
                                                        : input->event;
        if (n > 0 && (next != event || n == SV_FELLOWS_MAX)) {
            if (links->ops != NULL)
                links->ops->send(links->peers, event, links->places, n);
            n = 0;
        }
        if (o == NULL)
            break;
        event = next;
        links->places[n++] = (struct sv_link_place){ o->link, o->sequence };
    }
}

/* No locks. */
static void carry_out(struct sv_links *links, const struct sv_mesh_output *o,
    const struct sv_cluster_event *heard, const struct sv_link_ops *ops, void *peers)
{
    synctv_node *node = links->node;
    const struct sv_link_room_hooks *hooks = links->hooks;
    switch (o->kind) {
    case SV_MESH_DIAL:
        if (ops != NULL)
            ops->dial(peers, o->peer_id, o->address);
        break;
    case SV_MESH_HANG_UP:
        if (ops != NULL)
            ops->hang_up(peers, o->link, o->peer_id, o->reason);
        break;
    case SV_MESH_SEND:
        break;
    case SV_MESH_APPLY:
        hooks->apply(node, heard);
        break;
    case SV_MESH_SNAPSHOT:
        hooks->snapshot(node, o->room_id, o->link, o->barrier);
        break;
    case SV_MESH_READY:
        hooks->ready(node, o->room_id);
        break;
    case SV_MESH_LOOK:
        hooks->look(node, o->room_id);
        break;
    case SV_MESH_ONLINE:
        hooks->online(node, o->room_id, o->user_id);
        break;
    }
}

static bool has_more_than_sends(const struct sv_mesh_outputs *outputs)
{
    for (size_t i = 0; i < outputs->n; i++)
        if (outputs->items[i].kind != SV_MESH_SEND)
            return true;
    return false;
}

/* Locked. */
static bool put_off(struct sv_links *links)
{
    struct sv_mesh_outputs *later = &links->later, *now = &links->outputs;
    if (later->n + now->n > later->capacity) {
        size_t capacity = 2 * (later->n + now->n);
        struct sv_mesh_output *items = realloc(later->items, capacity * sizeof(*items));
        if (items == NULL)
            return false;
        later->items = items;
        later->capacity = capacity;
    }
    for (size_t i = 0; i < now->n; i++)
        if (now->items[i].kind != SV_MESH_SEND)
            later->items[later->n++] = now->items[i];
    return true;
}

/* Locked. */
static int64_t next_tick_ms(const struct sv_links *links)
{
    return links->later.n > 0 ? 0 : sv_mesh_next_ms(links->mesh);
}

/* Has the node turned in time. Locked. */
static void schedule(struct sv_links *links)
{
    int64_t next_ms = next_tick_ms(links);
    if (next_ms >= links->tick_ms)
        return;
    links->tick_ms = next_ms;
    sv_node_wake(links->node);
}

/* A step whose outputs are carried out here. No locks of the node. */
static void bring_at(struct sv_links *links, int64_t now_ms, const struct sv_mesh_input *input)
{
    struct sv_mesh_outputs outputs = { 0 };
    pthread_mutex_lock(&links->lock);
    int rv = sv_mesh_step(links->mesh, now_ms, input, &links->outputs);
    send_all(links, &links->outputs, input);
    if (has_more_than_sends(&links->outputs)) {
        outputs = links->outputs;
        links->outputs = (struct sv_mesh_outputs){ 0 };
    }
    const struct sv_link_ops *ops = links->ops;
    void *peers = links->peers;
    schedule(links);
    pthread_mutex_unlock(&links->lock);
    for (size_t i = 0; i < outputs.n; i++)
        carry_out(links, &outputs.items[i], input->event, ops, peers);
    sv_mesh_outputs_fini(&outputs);
    if (rv < 0 && ops != NULL)
        ops->hang_up(peers, 0, NULL, "no memory");
}

static void bring(struct sv_links *links, const struct sv_mesh_input *input)
{
    bring_at(links, sv_node_mono_ms(links->node), input);
}

/* The same under a room's lock: what is not for links is left to the next tick. Locked. */
static void bring_locked(struct sv_links *links, const struct sv_mesh_input *input)
{
    int rv = sv_mesh_step(links->mesh, sv_node_mono_ms(links->node), input, &links->outputs);
    send_all(links, &links->outputs, input);
    if (has_more_than_sends(&links->outputs) && !put_off(links))
        rv = SYNCTV_E_NO_MEMORY;
    if (rv < 0 && links->ops != NULL)
        links->ops->hang_up(links->peers, 0, NULL, "no memory");
    schedule(links);
}

static void bring_under_lock(struct sv_links *links, const struct sv_mesh_input *input)
{
    pthread_mutex_lock(&links->lock);
    bring_locked(links, input);
    pthread_mutex_unlock(&links->lock);
}

/* ---- for lib/peer ---- */

void sv_links_opened(synctv_node *node, uint64_t link, const char *peer_id, int64_t epoch)
{
    if (node->links != NULL)
        bring(node->links,
            &(struct sv_mesh_input){
                .kind = SV_MESH_OPENED,
                .link = link,
                .peer_id = peer_id,
                .epoch = epoch,
            });
    sv_node_cluster_changed(node);
}

void sv_links_heard(synctv_node *node, uint64_t link, const struct sv_cluster_event *event)
{
    if (node->links != NULL)
        bring(node->links,
            &(struct sv_mesh_input){ .kind = SV_MESH_HEARD, .link = link, .event = event });
}

void sv_links_closed(synctv_node *node, uint64_t link)
{
    if (node->links != NULL)
        bring(node->links, &(struct sv_mesh_input){ .kind = SV_MESH_CLOSED, .link = link });
    sv_node_cluster_changed(node);
}

void sv_links_drained(synctv_node *node, uint64_t link)
{
    if (node->links != NULL)
        bring(node->links, &(struct sv_mesh_input){ .kind = SV_MESH_DRAINED, .link = link });
}

/* ---- for the folders above ---- */

void sv_links_see_nodes(synctv_node *node, const struct sv_membership *view)
{
    struct sv_mesh_node nodes[SV_FELLOWS_MAX];
    if (node->links == NULL)
        return;
    for (size_t i = 0; i < view->n; i++) {
        const struct sv_fellow *fellow = &view->fellows[i];
        nodes[i] = (struct sv_mesh_node){
            .id = fellow->id,
            .address = fellow->address,
            .epoch = fellow->epoch,
            .state = fellow->state,
        };
    }
    bring(node->links,
        &(struct sv_mesh_input){ .kind = SV_MESH_NODES, .nodes = nodes, .n_nodes = view->n });
}

int64_t sv_links_tick(synctv_node *node, int64_t now_ms)
{
    struct sv_links *links = node->links;
    if (links == NULL)
        return INT64_MAX;
    pthread_mutex_lock(&links->lock);
    bool is_due = links->tick_ms <= now_ms;
    struct sv_mesh_outputs later = links->later;
    const struct sv_link_ops *ops = links->ops;
    void *peers = links->peers;
    links->later = (struct sv_mesh_outputs){ 0 };
    links->tick_ms = 0; /* no step has to wake the node, which asks for the time below */
    pthread_mutex_unlock(&links->lock);
    for (size_t i = 0; i < later.n; i++)
        carry_out(links, &later.items[i], NULL, ops, peers);
    sv_mesh_outputs_fini(&later);
    if (is_due)
        bring(links, &(struct sv_mesh_input){ .kind = SV_MESH_TICK });
    pthread_mutex_lock(&links->lock);
    int64_t next_ms = links->tick_ms = next_tick_ms(links);
    pthread_mutex_unlock(&links->lock);
    return next_ms;
}

void sv_links_last_tick(synctv_node *node)
{
    if (node->links != NULL)
        bring_at(node->links, sv_node_mono_ms(node) + SV_MESH_BARRIER_MS,
            &(struct sv_mesh_input){ .kind = SV_MESH_TICK });
}

bool sv_links_want(synctv_node *node, const char *room_id)
{
    struct sv_links *links = node->links;
    bool ready = false;
    if (links == NULL)
        return false;
    pthread_mutex_lock(&links->lock);
    bring_locked(links, &(struct sv_mesh_input){ .kind = SV_MESH_WANT, .room_id = room_id });
    /* Of the outputs that were put off, READY of this room is the last if it is there. */
    for (size_t i = 0; i < links->later.n; i++) {
        const struct sv_mesh_output *o = &links->later.items[i];
        if (o->kind != SV_MESH_READY || strcmp(o->room_id, room_id) != 0)
            continue;
        ready = true;
        links->later.n--;
        memmove(&links->later.items[i], &links->later.items[i + 1],
            (links->later.n - i) * sizeof(*o));
        break;
    }
    pthread_mutex_unlock(&links->lock);
    return !ready;
}

void sv_links_forget(synctv_node *node, const char *room_id)
{
    if (node->links != NULL)
        bring_under_lock(node->links,
            &(struct sv_mesh_input){ .kind = SV_MESH_FORGET, .room_id = room_id });
}

void sv_links_tell(synctv_node *node, const struct sv_cluster_event *event)
{
    struct sv_links *links = node->links;
    if (links == NULL)
        return;
    pthread_mutex_lock(&links->lock);
    bring_locked(links, &(struct sv_mesh_input){ .kind = SV_MESH_TELL, .event = event });
    if (links->ops != NULL)
        links->ops->observed(links->peers, event);
    pthread_mutex_unlock(&links->lock);
}

void sv_links_snapshot(synctv_node *node, uint64_t link, const struct sv_cluster_event *event)
{
    if (node->links != NULL)
        bring_under_lock(node->links,
            &(struct sv_mesh_input){
                .kind = SV_MESH_SNAPSHOT_MADE,
                .link = link,
                .event = event,
            });
}

void sv_links_presence(synctv_node *node, const struct sv_cluster_presence *presence)
{
    struct sv_links *links = node->links;
    if (links == NULL)
        return;
    const struct sv_cluster_event event = {
        .kind = SV_CLUSTER_PRESENCE,
        .node_id = node->id,
        .room_id = presence->room_id,
        .presences = presence,
        .n_presences = 1,
    };
    pthread_mutex_lock(&links->lock);
    bring_locked(links,
        &(struct sv_mesh_input){ .kind = SV_MESH_PRESENCE_HERE, .presence = presence });
    if (links->ops != NULL)
        links->ops->observed(links->peers, &event);
    pthread_mutex_unlock(&links->lock);
}

/* ---- what the mesh knows ---- */

bool sv_links_is_online(synctv_node *node, const char *room_id, const char *user_id)
{
    struct sv_links *links = node->links;
    if (links == NULL)
        return false;
    pthread_mutex_lock(&links->lock);
    bool is_online = sv_mesh_is_online(links->mesh, room_id, user_id);
    pthread_mutex_unlock(&links->lock);
    return is_online;
}

int64_t sv_links_n_online(synctv_node *node, const char *room_id)
{
    struct sv_links *links = node->links;
    if (links == NULL)
        return 0;
    pthread_mutex_lock(&links->lock);
    int64_t n = sv_mesh_n_online(links->mesh, room_id);
    pthread_mutex_unlock(&links->lock);
    return n;
}

void sv_links_each_online(synctv_node *node, const char *room_id,
    void (*found)(void *userdata, const char *user_id, const char *username), void *userdata)
{
    struct sv_links *links = node->links;
    if (links == NULL)
        return;
    pthread_mutex_lock(&links->lock);
    sv_mesh_each_online(links->mesh, room_id, found, userdata);
    pthread_mutex_unlock(&links->lock);
}

bool sv_links_is_complete(synctv_node *node)
{
    struct sv_links *links = node->links;
    if (links == NULL)
        return node->alone;
    pthread_mutex_lock(&links->lock);
    bool is_complete = sv_mesh_is_complete(links->mesh);
    pthread_mutex_unlock(&links->lock);
    return is_complete;
}

bool sv_links_hears_all(synctv_node *node)
{
    struct sv_links *links = node->links;
    if (links == NULL)
        return true;
    pthread_mutex_lock(&links->lock);
    bool hears_all = sv_mesh_hears_all(links->mesh);
    pthread_mutex_unlock(&links->lock);
    return hears_all;
}

size_t sv_links_n_before(synctv_node *node, const char *room_id)
{
    struct sv_links *links = node->links;
    if (links == NULL)
        return 0;
    pthread_mutex_lock(&links->lock);
    size_t n = sv_mesh_n_before(links->mesh, room_id);
    pthread_mutex_unlock(&links->lock);
    return n;
}

bool sv_links_is_linked(synctv_node *node, const char *node_id)
{
    struct sv_links *links = node->links;
    if (links == NULL)
        return false;
    pthread_mutex_lock(&links->lock);
    bool is_linked = sv_mesh_is_linked(links->mesh, node_id);
    pthread_mutex_unlock(&links->lock);
    return is_linked;
}

static const struct sv_link_ops *ops_of(synctv_node *node, void **ret_peers)
{
    struct sv_links *links = node->links;
    if (links == NULL)
        return NULL;
    pthread_mutex_lock(&links->lock);
    const struct sv_link_ops *ops = links->ops;
    *ret_peers = links->peers;
    pthread_mutex_unlock(&links->lock);
    return ops;
}

void sv_links_usage(synctv_node *node, double *ret_cpu, double *ret_memory)
{
    void *peers;
    const struct sv_link_ops *ops = ops_of(node, &peers);
    *ret_cpu = *ret_memory = 0;
    if (ops != NULL && ops->usage != NULL)
        ops->usage(peers, ret_cpu, ret_memory);
}

void sv_links_ask_online(synctv_node *node, struct sv_online *online)
{
    void *peers;
    const struct sv_link_ops *ops = ops_of(node, &peers);
    if (ops != NULL && ops->ask_online != NULL)
        ops->ask_online(peers, online);
}
