/* SPDX-License-Identifier: MIT */
/*
 * The configuration of the server: command line > environment (SYNCTV__SECTION__KEY) > INI file
 * ([section] key) > defaults. One table in config.c has every setting.
 */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include <synctv/node.h>

#include "log.h"

enum action {
    ACTION_SERVE,
    /* Arguments[0] is "user". */
    ACTION_USER,
    /* Arguments[0] is "nodes". */
    ACTION_NODES,
    ACTION_CHECK_CONFIG,
    ACTION_VERSION,
    ACTION_HELP,
};

#define CONFIG_MAX_ARGUMENTS 8

extern const char config_default_http_listen[];

struct config {
    /* Its strings and limits are borrowed from this structure, or static. */
    synctv_node_options node;
    synctv_limits limits;
    enum log_format log_format;
    /* NULL = none. config_default_http_listen, the very pointer = nobody has asked for it. */
    const char *http_listen;
    const char *metrics_listen;

    enum action action;
    /* --config; NULL = none. */
    const char *file;
    /* Arguments that are not options: user add NAME. */
    const char *arguments[CONFIG_MAX_ARGUMENTS];
    size_t n_arguments;
    /* Options of "user". */
    const char *role, *email, *password_file;
    /* Also of "user": create the database if there is none. */
    bool create;

    /* One sentence if the configuration is wrong. */
    char error[512];
    /* Text copied from the file. */
    void *texts;
};

/*
 * Reads all sources. `argv` and `environment` are borrowed as long as the config lives. Returns
 * whether all is valid; if not, config->error says what is wrong. Release it with config_fini()
 * either way.
 */
bool config_read(struct config *config, int argc, char *const *argv, char *const *environment);
void config_fini(struct config *config);

/*
 * Writes the error of a node about its options in the words of the settings: "--tls-key, [tls] key:
 * …". CONFIG_SENTENCE bytes are enough.
 */
#define CONFIG_SENTENCE 320
void config_explain(const synctv_error *error, char *text, size_t size);

void config_print_help(void);

#endif
