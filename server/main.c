/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <synctv/version.h>

#include "config.h"
#include "serve.h"
#include "user_command.h"

/* Read by jemalloc, where we have it. The 19 MiB that a password's hash takes go back to the kernel otherwise, and each page of
 * them has to be fetched and cleared again: a third more CPU for a Login. */
__attribute__((visibility("default"))) const char *malloc_conf = "oversize_threshold:0";

/* A connection is a file: as many as we may have. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Opens a node that touches neither the database nor the address: files and numbers are judged by who uses them. */
static int check_config(struct config *config)
{
    synctv_node_options options = config->node;
    options.db_url = "memory:";
    options.listen = "127.0.0.1:0";
    options.threads = 0;
    synctv_node *node = NULL;
    synctv_error error;
    if (synctv_node_open(&options, &node, &error) < 0) {
        char text[CONFIG_SENTENCE];
        config_explain(&error, text, sizeof(text));
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
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);            /* a file that may not grow is a full disk */
    setenv("GRPC_VERBOSITY", "NONE", 0); /* what matters comes through our own log */
    raise_file_limit();
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
