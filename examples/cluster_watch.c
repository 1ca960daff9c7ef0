/* SPDX-License-Identifier: MIT */
/*
 * A member of a cluster that serves nobody: it prints who else is there, and who comes, goes or
 * changes, until Ctrl-C. It lives in this program's loop.
 *
 *     cluster_watch DB_URL SECRET_FILE [NODE_ID]
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <synctv/synctv.h>

#define HEARTBEAT_MS 1000

static volatile sig_atomic_t is_over;

static void on_signal(int signum)
{
    (void)signum;
    is_over = 1;
}

static long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000L + t.tv_nsec / 1000000;
}

static void print_node(const char *what, const synctv_cluster_node *node)
{
    static const char *const states[] = { "?", "alive", "suspect", "unreachable", "dead" };
    printf("%-8s %-20s %-11s %-21s %u rooms, %u streams, %u users, %.3f cores, %.0f MiB\n", what,
        node->node_id, states[node->state <= SYNCTV_NODE_DEAD ? node->state : 0], node->address,
        node->rooms_loaded, node->streams, node->users_online, node->cpu,
        node->memory_bytes / 1048576);
    fflush(stdout);
}

/* Comes inside synctv_node_poll(). */
static void on_cluster_event(void *userdata, const synctv_cluster_event *event)
{
    static const char *const changes[] = { "?", "came", "left", "changed" };
    (void)userdata;
    print_node(changes[event->change <= SYNCTV_CLUSTER_CHANGED ? event->change : 0], event->node);
}

int main(int argc, char **argv)
{
    static synctv_cluster_node self;
    synctv_node *node = NULL;
    synctv_error error;
    synctv_node_options options;
    if (argc < 3) {
        fprintf(stderr, "usage: %s DB_URL SECRET_FILE [NODE_ID]\n", argv[0]);
        return 2;
    }
    synctv_node_options_init(&options);
    options.db_url = argv[1];
    options.cluster_secret_file = argv[2];
    options.node_id = argc > 3 ? argv[3] : "cluster-watch";
    options.heartbeat_ms = HEARTBEAT_MS;
    options.threads = 0;
    options.cluster_event = on_cluster_event;
    if (synctv_node_open(&options, &node, &error) < 0) {
        fprintf(stderr, "%s (%s)\n", error.message, synctv_error_reason(error.code));
        return EXIT_FAILURE;
    }
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    synctv_cluster_nodes(node, &self, 1);
    print_node("this is", &self);

    struct pollfd wake = { .fd = synctv_node_wake_fd(node), .events = POLLIN };
    int rv = 0;
    for (long due_ms = now_ms(); !is_over && rv != SYNCTV_E_STALE_EPOCH;) {
        if (now_ms() >= due_ms) {
            rv = synctv_cluster_heartbeat(node, &error);
            due_ms = now_ms() + HEARTBEAT_MS;
        }
        int wait_ms = synctv_node_timeout_ms(node);
        poll(&wake, 1, wait_ms < HEARTBEAT_MS ? wait_ms : HEARTBEAT_MS);
        synctv_node_poll(node, 0);
    }
    if (rv == SYNCTV_E_STALE_EPOCH)
        fprintf(stderr, "%s\n", error.message);
    synctv_node_free(node);
    return rv == SYNCTV_E_STALE_EPOCH ? EXIT_FAILURE : EXIT_SUCCESS;
}
