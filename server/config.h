/* SPDX-License-Identifier: MIT */
/*
 * What the server is told: command line > environment (SYNCTV__SECTION__KEY) > INI file ([section] key) > defaults. One table in
 * config.c has every setting.
 */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include <synctv/node.h>

#include "log.h"

enum action {
    ACTION_SERVE,
    ACTION_USER, /* arguments[0] is "user" */
    ACTION_CHECK_CONFIG,
    ACTION_VERSION,
    ACTION_HELP,
};

#define CONFIG_MAX_ARGUMENTS 8

struct config {
    synctv_node_options node; /* its strings and limits are borrowed from here, or static */
    synctv_limits limits;
    enum log_format log_format;

    enum action action;
    const char *file;                            /* --config; NULL = none */
    const char *arguments[CONFIG_MAX_ARGUMENTS]; /* what is no option: user add NAME */
    size_t n_arguments;
    const char *role, *email, *password_file; /* options of "user" */
    bool create;                              /* the same: a database, if there is none */

    char error[512]; /* one sentence, when something was wrong */
    void *texts;     /* what was copied from the file */
};

/*
 * Reads everything. `argv` and `environment` are borrowed as long as the config lives. Returns whether all was right; if not,
 * config->error says what was not. Release with config_fini() either way.
 */
bool config_read(struct config *config, int argc, char *const *argv, char *const *environment);
void config_fini(struct config *config);

/*
 * What a node says when it finds fault with its options, in the words of whoever wrote the settings: "--tls-key, [tls] key: …".
 * CONFIG_SENTENCE bytes are enough.
 */
#define CONFIG_SENTENCE 320
void config_explain(const synctv_error *error, char *text, size_t size);

void config_print_help(void);

#endif
