/* SPDX-License-Identifier: MIT */
/*
 * A node inside a libuv loop: a watcher of its descriptor, and a timer for what it has to do later.
 */
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include <synctv/synctv.h>

static synctv_node *node;
static uv_poll_t watcher;
static uv_timer_t timer;

static void turn(uv_timer_t *handle)
{
    synctv_node_poll(node, 0);
    uv_timer_start(handle, turn, (uint64_t)synctv_node_timeout_ms(node), 0);
}

static void on_readable(uv_poll_t *handle, int status, int events)
{
    (void)handle, (void)status, (void)events;
    turn(&timer);
}

static void on_rooms(void *userdata, const synctv_result *result)
{
    (void)userdata;
    printf("%zu rooms: %s\n", result->n_rooms, synctv_error_reason(result->code));
    uv_stop(uv_default_loop());
}

int main(void)
{
    synctv_node_options options;
    synctv_node_options_init(&options);
    options.threads = 0;
    synctv_error error;
    if (synctv_node_open(&options, &node, &error) < 0) {
        fprintf(stderr, "node: %s\n", error.message);
        return EXIT_FAILURE;
    }
    uv_poll_init(uv_default_loop(), &watcher, synctv_node_wake_fd(node));
    uv_poll_start(&watcher, UV_READABLE, on_readable);
    uv_timer_init(uv_default_loop(), &timer);
    turn(&timer);

    synctv_caller *system = synctv_node_as_system(node);
    const synctv_request list = SYNCTV_REQUEST(SYNCTV_METHOD_LIST_ROOMS);
    synctv_call(system, &list, on_rooms, NULL);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    synctv_caller_unref(system);
    synctv_node_free(node);
    return EXIT_SUCCESS;
}
