/* SPDX-License-Identifier: MIT */
/* The server's loop: signals and the heartbeat. The node has threads of its own. */
#include "serve.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "db_url.h"
#include "grpc_guard/guard.h"
#include "heartbeat.h"
#include "listen.h"
#include "process.h"
#include "web.h"

/*
 * Whoever ends the server may send the signal to the process and to its group: the same signal
 * again at once means nothing new.
 */
#define SAME_SIGNAL_MS 1000
/*
 * How long the node waits for calls under way, and the most that the stop takes, with writing what
 * is pending.
 */
#define GRACE_MS 4000
#define STOP_MS 10000

struct serving {
    struct config *config;
    synctv_node *node;
    uv_loop_t loop;
    uv_signal_t sigterm, sigint, sighup;
    uv_timer_t stop_deadline;
    struct heartbeat heartbeat;
    struct web web;
    /* With which it ends. */
    int status;
    uv_thread_t stopper;
    uv_async_t stopped;
    /* 0 = it is not. */
    uint64_t stopping_since_ns;
};

static void log_text(struct serving *s, synctv_log_level level, const char *text)
{
    if (level <= s->config->node.log_level)
        log_line(&s->config->log_format, level, "server", text);
}

/* ---- the end ---- */

/* On a thread of its own. */
static void stop_node(void *serving)
{
    struct serving *s = serving;
    synctv_node_stop(s->node, GRACE_MS);
    uv_async_send(&s->stopped);
}

/*
 * The handles stay: a signal that comes now does not end the process before it has said that it
 * stopped.
 */
static void on_stopped(uv_async_t *stopped)
{
    uv_stop(stopped->loop);
}

static void on_stop_deadline(uv_timer_t *timer)
{
    log_text(timer->data, SYNCTV_LOG_ERROR, "could not stop in time");
    _exit(1);
}

static void begin_stop(struct serving *s)
{
    s->stopping_since_ns = uv_hrtime();
    web_say_stopping(&s->web);
    uv_timer_start(&s->stop_deadline, on_stop_deadline, STOP_MS, 0);
    if (uv_thread_create(&s->stopper, stop_node, s) < 0)
        stop_node(s);
}

static void on_signal(uv_signal_t *handle, int signum)
{
    struct serving *s = handle->data;
    if (s->stopping_since_ns != 0) {
        if (uv_hrtime() - s->stopping_since_ns >= SAME_SIGNAL_MS * UINT64_C(1000000))
            _exit(128 + signum);
        return;
    }
    log_text(s, SYNCTV_LOG_INFO, signum == SIGINT ? "SIGINT: stopping" : "SIGTERM: stopping");
    begin_stop(s);
}

/* What the node could still write would be refused. */
static void on_replaced(void *serving, const char *why)
{
    struct serving *s = serving;
    fprintf(stderr, "synctv-server: %s\n", why);
    s->status = 2;
    if (s->stopping_since_ns == 0)
        begin_stop(s);
}

/* ---- running ---- */

static void on_sighup(uv_signal_t *handle, int signum)
{
    struct serving *s = handle->data;
    synctv_error error;
    char why[CONFIG_SENTENCE], text[CONFIG_SENTENCE + 64];
    if (s->stopping_since_ns != 0)
        return;
    if (s->config->node.tls_cert_file == NULL) {
        log_text(s, SYNCTV_LOG_INFO, "SIGHUP: nothing to reload without TLS");
    } else if (synctv_node_reload_tls(s->node, &error) == 0 &&
        web_reload_tls(&s->web, &error) == 0) {
        log_text(s, SYNCTV_LOG_INFO, "SIGHUP: new connections get the certificate as it is now");
    } else {
        config_explain(&error, why, sizeof(why));
        snprintf(text, sizeof(text), "SIGHUP: the old certificate stays: %s", why);
        log_text(s, SYNCTV_LOG_ERROR, text);
    }
}

/*
 * Debian builds abseil with its assertions on: each lock of gRPC is looked up in a graph of locks
 * to find deadlocks, which costs 15 % of a call (measured). There is no C function to switch that
 * off. Where abseil has other names, it stays on.
 */
void absl_set_deadlock_detection(int mode) __asm__(
    "_ZN4absl7debian329SetMutexDeadlockDetectionModeENS0_15OnDeadlockCycleE") __attribute__((weak));

static void do_not_look_for_deadlocks(void)
{
    if (absl_set_deadlock_detection != NULL)
        absl_set_deadlock_detection(0);
}

static int start_loop(struct serving *s)
{
    int rv = uv_loop_init(&s->loop);
    if (rv < 0)
        return rv;
    s->heartbeat.config = s->config;
    s->heartbeat.node = s->node;
    s->heartbeat.replaced = on_replaced;
    s->heartbeat.userdata = s;
    s->sigterm.data = s->sigint.data = s->sighup.data = s;
    s->stop_deadline.data = s;
    uv_timer_init(&s->loop, &s->stop_deadline);
    uv_signal_init(&s->loop, &s->sigterm);
    uv_signal_init(&s->loop, &s->sigint);
    uv_signal_init(&s->loop, &s->sighup);
    rv = uv_async_init(&s->loop, &s->stopped, on_stopped);
    if (rv == 0)
        rv = uv_signal_start(&s->sigterm, on_signal, SIGTERM);
    if (rv == 0)
        rv = uv_signal_start(&s->sigint, on_signal, SIGINT);
    if (rv == 0)
        rv = uv_signal_start(&s->sighup, on_sighup, SIGHUP);
    if (rv == 0)
        rv = heartbeat_start(&s->heartbeat, &s->loop);
    return rv;
}

/* Also for a process that ignores the signals by default, such as the first one of a container. */
static void end_at_once(int signum)
{
    _exit(128 + signum);
}

static int refuse(const char *why)
{
    fprintf(stderr, "synctv-server: %s\n", why);
    return 2;
}

static int refuse_error(const synctv_error *error)
{
    char text[CONFIG_SENTENCE];
    config_explain(error, text, sizeof(text));
    return refuse(text);
}

static void begin_guard(struct config *config)
{
    const synctv_node_options *node = &config->node;
    struct grpc_guard_options options = {
        .connections_per_address = (unsigned)config->limits.connections_per_address,
        .trusted_proxies = node->trusted_proxies,
        .calls_per_connection = (unsigned)config->limits.streams_per_connection,
        .tls = node->tls_cert_file != NULL,
        .log = log_line,
        .log_userdata = &config->log_format,
        .log_level = node->log_level,
    };
    grpc_guard_init(&options);
}

/*
 * As long as there is nothing to write out, a signal just ends the process. Returns 0 or the exit
 * status.
 */
static int open_node(struct serving *s)
{
    char why[CONFIG_SENTENCE];
    synctv_error error;
    signal(SIGTERM, end_at_once);
    signal(SIGINT, end_at_once);
    signal(SIGHUP, SIG_IGN);
    do_not_look_for_deadlocks();
    begin_guard(s->config);
    if (!process_can_serve(s->config->node.threads, why, sizeof(why)))
        return refuse(why);
    if (listen_check(s->config->node.listen, "listen", true, &error) < 0 ||
        web_check(s->config, true, &error) < 0)
        return refuse_error(&error);
    grpc_guard_begin_listening();
    int rv = synctv_node_open(&s->config->node, &s->node, &error);
    grpc_guard_end_listening();
    return rv < 0 ? refuse_error(&error) : 0;
}

static void say_ready(const struct serving *s, const char *database)
{
    printf("ready grpc=%s", synctv_node_address(s->node));
    if (s->web.http != NULL)
        printf(" http=%s", http_front_address(s->web.http));
    if (s->web.metrics != NULL)
        printf(" metrics=%s", http_front_address(s->web.metrics));
    printf(" node=%s db=%s\n", synctv_node_id(s->node), database);
    fflush(stdout);
}

int serve(struct config *config)
{
    static struct serving serving; /* its handles must stay where they are */
    struct serving *s = &serving;
    char text[512], database[300];
    synctv_error error;
    s->config = config;
    int status = open_node(s);
    if (status != 0)
        return status;
    int rv = start_loop(s);
    if (rv < 0) {
        fprintf(stderr, "synctv-server: the loop cannot be started: %s\n", uv_strerror(rv));
        synctv_node_free(s->node);
        return 1;
    }
    if (web_open(&s->web, config, s->node, &s->loop, &error) < 0) {
        synctv_node_free(s->node);
        return refuse_error(&error);
    }
    db_url_describe(config->node.db_url, database, sizeof(database));
    snprintf(text, sizeof(text), "serving on %s%s, node %s, database %s",
        synctv_node_address(s->node), config->node.tls_cert_file != NULL ? " with TLS" : "",
        synctv_node_id(s->node), database);
    log_text(s, SYNCTV_LOG_INFO, text);
    say_ready(s, database);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    if (s->stopper != 0)
        uv_thread_join(&s->stopper);
    web_close(&s->web, &s->loop);
    synctv_node_free(s->node);
    log_text(s, SYNCTV_LOG_INFO, "stopped");
    return s->status;
}
