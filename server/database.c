/* SPDX-License-Identifier: MIT */
#include "database.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db_url.h"

static const char *path_of(const struct config *config)
{
    return config->node.db_url + strlen("sqlite:");
}

bool database_is_there(const struct config *config, const char *in_memory, const char *hint)
{
    struct stat st;
    if (db_url_is_postgres(config->node.db_url))
        return true; /* nobody is in the wrong folder */
    if (strncmp(config->node.db_url, "sqlite:", strlen("sqlite:")) != 0) {
        fprintf(stderr, "synctv-server: %s: a database in memory has no %s\n", config->node.db_url,
            in_memory);
        return false;
    }
    const char *path = path_of(config);
    if (config->create || stat(path, &st) == 0 || errno != ENOENT)
        return true;
    char *folder = path[0] != '/' ? getcwd(NULL, 0) : NULL;
    fprintf(stderr,
        "synctv-server: there is no database %s%s%s: start the server once, or say where it is with "
        "--db or --config%s\n",
        folder != NULL ? folder : "", folder != NULL ? "/" : "", path, hint);
    free(folder);
    return false;
}

synctv_node *database_open(const struct config *config)
{
    synctv_node_options options = config->node;
    options.alone = false; /* a server may be running, or several */
    options.cluster_secret_file = options.advertise = options.cluster_listen = NULL;
    options.listen = NULL;
    options.threads = 0;
    options.tls_cert_file = options.tls_key_file = options.tls_client_ca_file = NULL;
    options.cluster_ca_file = NULL;
    if (options.log_level > SYNCTV_LOG_WARN)
        options.log_level = SYNCTV_LOG_WARN;
    synctv_node *node = NULL;
    synctv_error error;
    if (synctv_node_open(&options, &node, &error) < 0) {
        char text[CONFIG_SENTENCE];
        config_explain(&error, text, sizeof(text));
        fprintf(stderr, "synctv-server: %s\n", text);
    }
    return node;
}

char *database_place(const struct config *config)
{
    char text[300];
    db_url_describe(config->node.db_url, text, sizeof(text));
    if (db_url_is_postgres(config->node.db_url))
        return strdup(text);
    char *place = realpath(path_of(config), NULL);
    return place != NULL ? place : strdup(path_of(config));
}
