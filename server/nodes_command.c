/* SPDX-License-Identifier: MIT */
/*
 * The members of the cluster, as the database has them; and, with the secret, as each of them says.
 * It becomes no member.
 */
#include "nodes_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <synctv/cluster.h>

#include "database.h"

struct table {
    int n;
    synctv_cluster_node rows[SYNCTV_CLUSTER_NODES_MAX];
    /* What one of them says. */
    synctv_cluster_node told[SYNCTV_CLUSTER_NODES_MAX];
};

/* ---- asking ---- */

/* What is alive without a link is better than what is not seen to live. */
static int badness(synctv_node_state state)
{
    static const synctv_node_state order[] = { SYNCTV_NODE_ALIVE, SYNCTV_NODE_UNREACHABLE,
        SYNCTV_NODE_SUSPECT, SYNCTV_NODE_DEAD };
    int n = sizeof(order) / sizeof(order[0]);
    for (int i = 0; i < n; i++)
        if (order[i] == state)
            return i;
    return -1;
}

/* Of itself a node knows best; of the others the one that has heard of them last. */
static void take_told(synctv_cluster_node *row, const synctv_cluster_node *told, bool is_itself)
{
    if (is_itself) {
        row->age_ms = 0;
        row->streams = told->streams;
        row->users_online = told->users_online;
        row->cpu = told->cpu;
        row->memory_bytes = told->memory_bytes;
    } else if (row->age_ms < 0 || told->age_ms < row->age_ms) {
        row->age_ms = told->age_ms;
    }
    if (badness(told->state) > badness(row->state))
        row->state = told->state;
}

static bool ask(const struct config *config, struct table *table, const synctv_cluster_node *member)
{
    synctv_error error;
    char text[CONFIG_SENTENCE];
    int n = synctv_cluster_ask(&config->node, member->address, table->told,
        SYNCTV_CLUSTER_NODES_MAX, &error);
    if (n < 0) {
        config_explain(&error, text, sizeof(text));
        fprintf(stderr, "synctv-server: node %s at %s does not answer: %s\n", member->node_id,
            member->address, text);
        return false;
    }
    for (int i = 0; i < n; i++) {
        const synctv_cluster_node *told = &table->told[i];
        for (int k = 0; k < table->n; k++) {
            synctv_cluster_node *row = &table->rows[k];
            if (strcmp(row->node_id, told->node_id) == 0 && row->epoch == told->epoch)
                take_told(row, told, i == 0);
        }
    }
    return true;
}

/* Those that do not listen cannot be asked. */
static bool ask_all(const struct config *config, struct table *table)
{
    bool all = true;
    for (int i = 0; i < table->n; i++) {
        const synctv_cluster_node *row = &table->rows[i];
        if (row->state != SYNCTV_NODE_DEAD && row->address[0] != '\0')
            all &= ask(config, table, row);
    }
    return all;
}

/* ---- printing ---- */

static const char *state_text(synctv_node_state state)
{
    switch (state) {
    case SYNCTV_NODE_ALIVE:
        return "alive";
    case SYNCTV_NODE_SUSPECT:
        return "suspect";
    case SYNCTV_NODE_UNREACHABLE:
        return "unreachable";
    case SYNCTV_NODE_DEAD:
        return "dead";
    }
    return "?";
}

static void print(const struct table *table)
{
    int id = (int)strlen("NODE"), address = (int)strlen("ADDRESS");
    for (int i = 0; i < table->n; i++) {
        int id_len = (int)strlen(table->rows[i].node_id);
        int address_len = (int)strlen(table->rows[i].address);
        id = id_len > id ? id_len : id;
        address = address_len > address ? address_len : address;
    }
    printf("%-*s  %-*s  %-11s  %13s  %9s  %6s  %7s  %6s  %6s  %7s\n", id, "NODE", address,
        "ADDRESS", "STATE", "EPOCH", "HEARTBEAT", "ROOMS", "STREAMS", "USERS", "CPU", "MEM");
    for (int i = 0; i < table->n; i++) {
        const synctv_cluster_node *row = &table->rows[i];
        char age[24] = "-";
        if (row->age_ms >= 0)
            snprintf(age, sizeof(age), "%.1f s", (double)row->age_ms / 1000);
        printf("%-*s  %-*s  %-11s  %13lld  %9s  %6u  %7u  %6u  %5.1f%%  %3.0f MiB\n", id,
            row->node_id, address, row->address[0] != '\0' ? row->address : "-",
            state_text(row->state), (long long)row->epoch, age, row->rooms_loaded, row->streams,
            row->users_online, row->cpu * 100, row->memory_bytes / 1048576);
    }
}

/* ---- the command ---- */

static int read_table(const struct config *config, struct table *table)
{
    synctv_error error;
    synctv_node *node = database_open(config);
    if (node == NULL)
        return 2;
    table->n = synctv_cluster_table(node, table->rows, SYNCTV_CLUSTER_NODES_MAX, &error);
    synctv_node_free(node);
    char *place = database_place(config);
    if (table->n < 0)
        fprintf(stderr, "synctv-server: %s (database %s)\n", error.message, place);
    else if (table->n == 0)
        fprintf(stderr, "synctv-server: no member of a cluster uses the database %s\n", place);
    free(place);
    return table->n <= 0;
}

int nodes_command(struct config *config)
{
    if (config->n_arguments > 1) {
        fprintf(stderr, "synctv-server: nodes: %.60s: that is too much\n", config->arguments[1]);
        return 2;
    }
    if (!database_is_there(config, "members", ""))
        return 2;
    struct table *table = calloc(1, sizeof(*table));
    if (table == NULL) {
        fputs("synctv-server: out of memory\n", stderr);
        return 1;
    }
    int status = read_table(config, table);
    if (status == 0) {
        status = config->node.cluster_secret_file != NULL && !ask_all(config, table);
        print(table);
    }
    free(table);
    return status;
}
