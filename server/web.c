/* SPDX-License-Identifier: MIT */
#include "web.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <synctv/metrics.h>

#include "exposition.h"
#include "conn/tls.h"
#include "listen.h"
#include "log.h"

/* Programs that scrape are few, and nobody else has anything to do there. */
#define METRICS_CONNECTIONS 32
/* Of all clients; the files are shared with gRPC. */
#define HTTP_CONNECTIONS 10000

/* ---- what is served ---- */

static void serve_health(struct http_exchange *exchange, void *userdata)
{
    const struct web *web = userdata;
    if (web->stopping)
        http_answer_text(exchange, 503, "stopping");
    else
        http_answer_text(exchange, 200, "ok");
}

static void write_answers(void *userdata, unsigned status, uint64_t n)
{
    char code[12];
    snprintf(code, sizeof(code), "%u", status);
    const synctv_metric_label label = { "code", code };
    const synctv_metric metric = {
        .name = "synctv_http_requests_total",
        .help = "HTTP requests that were answered at --http-listen, by status.",
        .kind = SYNCTV_METRIC_COUNTER,
        .labels = &label,
        .n_labels = 1,
        .value = (double)n,
    };
    exposition_write(userdata, &metric);
}

static void serve_metrics(struct http_exchange *exchange, void *userdata)
{
    const struct web *web = userdata;
    char *text = NULL;
    size_t len = 0;
    struct exposition exposition = { .out = open_memstream(&text, &len) };
    if (exposition.out == NULL) {
        http_answer_text(exchange, 500, "out of memory");
        return;
    }
    synctv_node_read_metrics(web->node, exposition_write, &exposition);
    if (web->http != NULL) {
        exposition_number(&exposition, SYNCTV_METRIC_GAUGE, "synctv_http_connections",
            "Connections to --http-listen.", http_front_connections(web->http));
        http_front_answers(web->http, write_answers, &exposition);
    }
    exposition_process(&exposition);
    bool failed = ferror(exposition.out) != 0;
    if (fclose(exposition.out) != 0 || failed)
        http_answer_text(exchange, 500, "out of memory");
    else
        http_answer(exchange, 200, EXPOSITION_TYPE, text, len);
    free(text);
}

/* ---- the fronts ---- */

static bool is_asked_for(const struct config *config)
{
    return config->http_listen != config_default_http_listen;
}

static int check_address(const char *address, const char *field, bool with_port,
    synctv_error *ret_error)
{
    return address == NULL ? 0 : listen_check(address, field, with_port, ret_error);
}

int web_check(const struct config *config, bool with_port, synctv_error *ret_error)
{
    int rv = check_address(config->metrics_listen, "metrics_listen", with_port, ret_error);
    if (rv == 0 && is_asked_for(config))
        rv = check_address(config->http_listen, "http_listen", with_port, ret_error);
    return rv;
}

static int open_front(struct web *web, uv_loop_t *loop, const char *address, const char *field,
    bool is_public, struct http_front **ret_front, synctv_error *ret_error)
{
    const struct config *config = web->config;
    struct http_front_options options;
    http_front_defaults(&options);
    options.conn.listen = address;
    options.conn.field = field;
    options.conn.tls = web->tls;
    options.conn.max_connections = is_public ? HTTP_CONNECTIONS : METRICS_CONNECTIONS;
    options.conn.max_per_address = is_public ? (unsigned)config->limits.connections_per_address : 0;
    options.conn.trusted_proxies = config->node.trusted_proxies;
    options.conn.log = log_line;
    options.conn.log_userdata = config->node.log_userdata;
    options.conn.log_level = config->node.log_level;
    options.routes = web->routes;
    options.n_routes = is_public ? 1 : 2;
    return http_front_open(loop, &options, ret_front, ret_error);
}

/* The default must not keep a second server of the machine from starting. */
static int open_http(struct web *web, uv_loop_t *loop, synctv_error *ret_error)
{
    const struct config *config = web->config;
    char why[CONFIG_SENTENCE];
    if (config->http_listen == NULL)
        return 0;
    int rv = open_front(web, loop, config->http_listen, "http_listen", true, &web->http, ret_error);
    if (rv != SYNCTV_E_NODE_UNAVAILABLE || is_asked_for(config))
        return rv;
    config_explain(ret_error, why, sizeof(why));
    if (config->node.log_level >= SYNCTV_LOG_WARN)
        log_line(config->node.log_userdata, SYNCTV_LOG_WARN, "server", why);
    return 0;
}

int web_open(struct web *web, const struct config *config, synctv_node *node, uv_loop_t *loop,
    synctv_error *ret_error)
{
    const synctv_node_options *options = &config->node;
    int rv = 0;
    *web = (struct web){ .config = config, .node = node };
    web->routes[0] = (struct http_route){ "/healthz", false, false, serve_health, web };
    web->routes[1] = (struct http_route){ "/metrics", false, false, serve_metrics, web };
    if (options->tls_cert_file != NULL && options->tls_key_file != NULL &&
        (config->http_listen != NULL || config->metrics_listen != NULL))
        rv = conn_tls_new(options->tls_cert_file, options->tls_key_file, "http/1.1", &web->tls,
            ret_error);
    if (rv == 0)
        rv = open_http(web, loop, ret_error);
    if (rv == 0 && config->metrics_listen != NULL)
        rv = open_front(web, loop, config->metrics_listen, "metrics_listen", false, &web->metrics,
            ret_error);
    if (rv < 0)
        web_close(web, loop);
    return rv;
}

int web_reload_tls(struct web *web, synctv_error *ret_error)
{
    return web->tls == NULL ? 0 : conn_tls_reload(web->tls, ret_error);
}

void web_say_stopping(struct web *web)
{
    web->stopping = true;
}

void web_close(struct web *web, uv_loop_t *loop)
{
    if (web->http != NULL)
        http_front_close(web->http);
    if (web->metrics != NULL)
        http_front_close(web->metrics);
    uv_run(loop, UV_RUN_NOWAIT); /* all is closed in one turn */
    http_front_free(web->http);
    http_front_free(web->metrics);
    conn_tls_free(web->tls);
    web->http = web->metrics = NULL;
    web->tls = NULL;
}
