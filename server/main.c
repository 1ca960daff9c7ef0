/* SPDX-License-Identifier: MIT */
/* synctv-server: reads the configuration and runs the command. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <synctv/version.h>

#include "config.h"
#include "listen.h"
#include "nodes_command.h"
#include "process.h"
#include "serve.h"
#include "user_command.h"
#include "web.h"

/*
 * jemalloc reads this, where we have it. Without it the 19 MiB of a password's hash go back to the
 * kernel, which must fetch and clear each page again: a third more CPU for a Login.
 */
__attribute__((visibility("default"))) const char *malloc_conf = "oversize_threshold:0";

/*
 * Opens a node that uses neither the database nor the port: it checks files and numbers with the
 * code that will use them.
 */
static int check_config(struct config *config)
{
    synctv_node_options options = config->node;
    options.db_url = "memory:";
    options.listen = "127.0.0.1:0";
    options.threads = 0;
    if (options.cluster_secret_file != NULL) {
        /* What these are by default hangs on the port. */
        options.node_id = options.node_id != NULL ? options.node_id : "check";
        options.advertise = options.advertise != NULL ? options.advertise : "127.0.0.1:1";
    }
    synctv_node *node = NULL;
    synctv_error error;
    char text[CONFIG_SENTENCE];
    bool right = process_can_serve(config->node.threads, text, sizeof(text));
    if (right &&
        (listen_check(config->node.listen, "listen", false, &error) < 0 ||
            web_check(config, false, &error) < 0 ||
            synctv_node_open(&options, &node, &error) < 0)) {
        config_explain(&error, text, sizeof(text));
        right = false;
    }
    if (!right) {
        fprintf(stderr, "synctv-server: %s\n", text);
        return 2;
    }
    synctv_node_free(node);
    puts("all settings are right");
    return 0;
}

static int run(struct config *config)
{
    switch (config->action) {
    case ACTION_SERVE:
        return serve(config);
    case ACTION_USER:
        return user_command(config);
    case ACTION_NODES:
        return nodes_command(config);
    case ACTION_CHECK_CONFIG:
        return check_config(config);
    case ACTION_VERSION:
        printf("synctv-server %s\n", synctv_version());
        return 0;
    case ACTION_HELP:
        config_print_help();
        return 0;
    }
    return 2;
}

int main(int argc, char **argv)
{
    struct config config;
    int status = 2;
    process_begin();
    setenv("GRPC_VERBOSITY", "NONE", 0); /* what matters comes through our own log */
    if (config_read(&config, argc, argv, environ)) {
        config.node.log = log_line;
        config.node.log_userdata = &config.log_format;
        status = run(&config);
    } else {
        fprintf(stderr, "synctv-server: %s\n", config.error);
    }
    config_fini(&config);
    return status;
}
