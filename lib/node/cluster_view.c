/* SPDX-License-Identifier: MIT */
#include "node/cluster_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/sized.h"
#include "node/cluster.h"
#include "node/engine/blocking_job.h"
#include "node/links/links.h"

#define NODES_MAX (SV_FELLOWS_MAX + 1)

/* --- stats --- */

void sv_cluster_own_stats(synctv_node *node, struct sv_cluster_stats *ret_stats)
{
    synctv_node_get_stats(node, &ret_stats->counts);
    sv_links_usage(node, &ret_stats->cpu, &ret_stats->memory);
}

/* Whole numbers: they are the same in every locale. */
void sv_cluster_stats_write(const struct sv_cluster_stats *stats, char *text, size_t size)
{
    snprintf(text, size, "rooms=%u streams=%u users_online=%u cpu_millis=%.0f memory_kib=%.0f",
        stats->counts.rooms_loaded, stats->counts.streams, stats->counts.users_online,
        stats->cpu * 1000, stats->memory / 1024);
}

/* The number behind "name="; 0 if there is none. */
static double number_of(const char *stats, const char *name)
{
    size_t len = strlen(name);
    for (const char *word = stats; word != NULL; word = strchr(word, ' ')) {
        word += word[0] == ' ';
        if (strncmp(word, name, len) == 0 && word[len] == '=')
            return (double)strtoull(word + len + 1, NULL, 10);
    }
    return 0;
}

static uint32_t count_of(const char *stats, const char *name)
{
    double number = number_of(stats, name);
    return number < UINT32_MAX ? (uint32_t)number : UINT32_MAX;
}

/* --- the list --- */

static void show_row(synctv_cluster_node *out, const char *id, const char *address,
    const char *stats, int64_t epoch)
{
    *out = (synctv_cluster_node){
        .struct_size = sizeof(*out),
        .epoch = epoch,
        .rooms_loaded = count_of(stats, "rooms"),
        .streams = count_of(stats, "streams"),
        .users_online = count_of(stats, "users_online"),
        .cpu = number_of(stats, "cpu_millis") / 1000,
        .memory_bytes = number_of(stats, "memory_kib") * 1024,
    };
    snprintf(out->node_id, sizeof(out->node_id), "%s", id);
    snprintf(out->address, sizeof(out->address), "%s", address);
}

static void show_self(synctv_node *node, synctv_cluster_node *out)
{
    struct sv_cluster_identity self;
    struct sv_cluster_stats stats;
    sv_cluster_identify(node, &self);
    sv_cluster_own_stats(node, &stats);
    show_row(out, node->id, self.address, "", self.epoch);
    out->state = SYNCTV_NODE_ALIVE;
    out->rooms_loaded = stats.counts.rooms_loaded;
    out->streams = stats.counts.streams;
    out->users_online = stats.counts.users_online;
    out->cpu = stats.cpu;
    out->memory_bytes = stats.memory;
}

static void show_fellow(synctv_node *node, const struct sv_fellow *fellow, synctv_cluster_node *out)
{
    static const synctv_node_state states[] = { SYNCTV_NODE_ALIVE, SYNCTV_NODE_SUSPECT,
        SYNCTV_NODE_DEAD };
    show_row(out, fellow->id, fellow->address, fellow->stats, fellow->epoch);
    out->state = states[fellow->state];
    if (out->state == SYNCTV_NODE_ALIVE && !sv_links_is_linked(node, fellow->id))
        out->state = SYNCTV_NODE_UNREACHABLE;
    out->age_ms = fellow->age_ms;
}

int synctv_cluster_nodes_sized(synctv_node *node, synctv_cluster_node *ret_nodes, int max,
    size_t struct_size)
{
    struct sv_fellow *fellows;
    synctv_cluster_node shown;
    char *out = (char *)ret_nodes;
    if (node->cluster == NULL)
        return 0;
    if ((fellows = malloc(SV_FELLOWS_MAX * sizeof(*fellows))) == NULL)
        return SYNCTV_E_NO_MEMORY;
    int n = 1 + (int)sv_cluster_fellows(node, fellows);
    for (int i = 0; i < n && i < max; i++) {
        if (i == 0)
            show_self(node, &shown);
        else
            show_fellow(node, &fellows[i - 1], &shown);
        sv_sized_give(out + (size_t)i * struct_size, struct_size, &shown, sizeof(shown));
    }
    free(fellows);
    return n;
}

/* --- the table in the database --- */

struct table {
    struct sv_blocking_job blocking;
    int n;
    synctv_cluster_node nodes[SV_NODES_MAX];
};

static int table_run(struct sv_blocking_job *blocking, struct sv_tx *tx)
{
    struct table *table = SV_CONTAINER_OF(blocking, struct table, blocking);
    struct sv_arena arena = { 0 };
    struct sv_node_rec *rows;
    int rv = tx->ops->node_list(tx, &arena, &rows);
    table->n = rv < 0 ? 0 : rv;
    for (int i = 0; i < table->n && rv >= 0; i++) {
        synctv_cluster_node *out = &table->nodes[i];
        bool is_dead = rows[i].instance[0] == '\0';
        show_row(out, rows[i].id, rows[i].address, rows[i].stats, rows[i].epoch);
        out->age_ms = -1;
        rv = is_dead ? 0 : tx->ops->node_is_held(tx, rows[i].id);
        out->state = is_dead ? SYNCTV_NODE_DEAD : rv > 0 ? SYNCTV_NODE_ALIVE : SYNCTV_NODE_SUSPECT;
    }
    sv_arena_fini(&arena);
    return rv < 0 ? rv : 0;
}

int synctv_cluster_table_sized(synctv_node *node, synctv_cluster_node *ret_nodes, int max,
    size_t struct_size, synctv_error *ret_error)
{
    char *out = (char *)ret_nodes;
    struct table *table = calloc(1, sizeof(*table));
    if (table == NULL)
        return sv_error(ret_error, SYNCTV_E_NO_MEMORY);
    table->blocking.run = table_run;
    int rv = sv_blocking_job_do(&table->blocking, node->store, sv_store_read);
    for (int i = 0; i < table->n && i < max && rv >= 0; i++)
        sv_sized_give(out + (size_t)i * struct_size, struct_size, &table->nodes[i],
            sizeof(table->nodes[i]));
    rv = rv < 0 ? sv_error(ret_error, rv) : table->n;
    free(table);
    return rv;
}

/* --- events --- */

/* All below is the turn's. */
struct sv_cluster_watch {
    synctv_cluster_fn *fn;
    void *userdata;
    /* What node->cluster_changes was. */
    unsigned n_changes;
    /* The others, by id, as they were told. */
    int n_told;
    synctv_cluster_node told[SV_FELLOWS_MAX];
    synctv_cluster_node nodes[NODES_MAX];
};

int sv_cluster_watch_new(synctv_node *node, const synctv_node_options *options)
{
    if (options->cluster_event == NULL || node->cluster == NULL)
        return 0;
    node->watch = calloc(1, sizeof(*node->watch));
    if (node->watch == NULL)
        return SYNCTV_E_NO_MEMORY;
    node->watch->fn = options->cluster_event;
    node->watch->userdata = options->cluster_userdata;
    return 0;
}

void sv_cluster_watch_free(synctv_node *node)
{
    free(node->watch);
    node->watch = NULL;
}

static void tell(const struct sv_cluster_watch *watch, synctv_cluster_change change,
    const synctv_cluster_node *member)
{
    const synctv_cluster_event event = { change, member };
    watch->fn(watch->userdata, &event);
}

static bool is_same(const synctv_cluster_node *a, const synctv_cluster_node *b)
{
    return a->state == b->state && a->epoch == b->epoch && strcmp(a->address, b->address) == 0;
}

void sv_cluster_watch_tell(synctv_node *node)
{
    struct sv_cluster_watch *watch = node->watch;
    unsigned n_changes = atomic_load(&node->cluster_changes);
    if (watch == NULL || watch->n_changes == n_changes || atomic_load(&node->stopping))
        return;
    int n = synctv_cluster_nodes(node, watch->nodes, NODES_MAX);
    if (n < 0)
        return; /* the next turn tries again */
    watch->n_changes = n_changes;
    const synctv_cluster_node *now = watch->nodes + 1, *end = watch->nodes + n;
    const synctv_cluster_node *told = watch->told, *told_end = watch->told + watch->n_told;
    while (now < end || told < told_end) {
        int order = now == end ? 1 : told == told_end ? -1 : strcmp(now->node_id, told->node_id);
        if (order < 0)
            tell(watch, SYNCTV_CLUSTER_CAME, now);
        else if (order > 0)
            tell(watch, SYNCTV_CLUSTER_LEFT, told);
        else if (!is_same(now, told))
            tell(watch, SYNCTV_CLUSTER_CHANGED, now);
        now += order <= 0;
        told += order >= 0;
    }
    watch->n_told = n - 1;
    memcpy(watch->told, watch->nodes + 1, (size_t)(n - 1) * sizeof(watch->told[0]));
}
