/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db_url.h"
#include "listen.h"

#define DEFAULT_LISTEN "127.0.0.1:50051"
#define DEFAULT_HTTP_LISTEN "127.0.0.1:8080"
#define DEFAULT_DB "sqlite:synctv-data/synctv.db"
#define MAX_FILE_LINE 190 /* inih's are 200 bytes */
#define MAX_FILE_LINES 10000

const char config_default_http_listen[] = DEFAULT_HTTP_LISTEN;

/* ---- the settings ---- */

enum kind {
    /* A const char *. */
    KIND_TEXT,
    /* A const char * too: HOST:PORT. */
    KIND_ADDRESS,
    /* A const char * too: sqlite:PATH, memory: or postgres://… */
    KIND_STORAGE,
    /* A const char * too: addresses and networks. */
    KIND_NETWORKS,
    /* An int32_t. */
    KIND_COUNT,
    /* An unsigned. */
    KIND_THREADS,
    /* An int64_t. */
    KIND_SECONDS,
    /* A double. */
    KIND_RATE,
    /* An enum: the index in `choices`. */
    KIND_CHOICE,
};

struct setting {
    const char *section, *key;
    /* Without "--"; NULL = not on the command line. */
    const char *flag;
    const char *argument;
    const char *help;
    enum kind kind;
    /* Of text: "" = not set. */
    bool may_be_empty;
    /* Of the value in struct config. */
    size_t offset;
    /* The field at `offset`, as errors name it without "node."; NULL = a limit. */
    const char *at;
    double min, max;
    /* NULL at the end. */
    const char *const *choices;
};

static const char *const log_levels[] = { "error", "warn", "info", "debug", NULL };
static const char *const log_formats[] = { "text", "json", NULL };
static const char *const registrations[] = { "open", "approve", "closed", NULL };

#define AT(member) offsetof(struct config, member), #member
#define RATE(name)                                                                                 \
    {                                                                                              \
        .section = "limits", .key = #name, .kind = KIND_RATE,                                      \
        .offset = offsetof(struct config, limits.name), .max = 1e6,                                \
    }
#define COUNT(name, most)                                                                          \
    {                                                                                              \
        .section = "limits", .key = #name, .kind = KIND_COUNT,                                     \
        .offset = offsetof(struct config, limits.name), .max = (most),                             \
    }

static const struct setting settings[] = {
    { "server", "listen", "listen", "ADDR:PORT", "gRPC; port 0 = any (" DEFAULT_LISTEN ")",
        KIND_ADDRESS, false, AT(node.listen), 0, 0, NULL },
    { "http", "listen", "http-listen", "ADDR:PORT",
        "HTTP; port 0 = any, \"\" = none (" DEFAULT_HTTP_LISTEN ")", KIND_ADDRESS, true,
        AT(http_listen), 0, 0, NULL },
    { "metrics", "listen", "metrics-listen", "ADDR:PORT",
        "/metrics for Prometheus; port 0 = any (nowhere)", KIND_ADDRESS, true, AT(metrics_listen),
        0, 0, NULL },
    { "storage", "url", "db", "URL",
        "sqlite:PATH, memory: or postgres://USER@HOST:PORT/NAME (" DEFAULT_DB ")", KIND_STORAGE,
        false, AT(node.db_url), 0, 0, NULL },
    { "cluster", "node_id", "node-id", "ID",
        "1 to 64 of A-Z a-z 0-9 _ - . (made once, in the database)", KIND_TEXT, true,
        AT(node.node_id), 0, 0, NULL },
    { "cluster", "secret_file", "cluster-secret-file", "FILE",
        "≥ 32 bytes in its first line; makes the server a member of a cluster", KIND_TEXT, true,
        AT(node.cluster_secret_file), 0, 0, NULL },
    { "cluster", "advertise", "advertise", "ADDR:PORT",
        "address told to other members (as it listens)", KIND_ADDRESS, false, AT(node.advertise), 0,
        0, NULL },
    { "cluster", "listen", "cluster-listen", "ADDR:PORT",
        "address for other members alone; port 0 = any (as for clients)", KIND_ADDRESS, false,
        AT(node.cluster_listen), 0, 0, NULL },
    { "cluster", "heartbeat_ms", "heartbeat-ms", "N", "how often a member says it lives (5000)",
        KIND_COUNT, false, AT(node.heartbeat_ms), 100, 60000, NULL },
    { "cluster", "ca", "cluster-ca", "FILE",
        "authorities of the other members' certificates, PEM (the system's)", KIND_TEXT, true,
        AT(node.cluster_ca_file), 0, 0, NULL },
    { "tls", "cert", "tls-cert", "FILE", "certificate chain, PEM; switches TLS on", KIND_TEXT, true,
        AT(node.tls_cert_file), 0, 0, NULL },
    { "tls", "key", "tls-key", "FILE", "its key, PEM", KIND_TEXT, true, AT(node.tls_key_file), 0, 0,
        NULL },
    { "tls", "client_ca", "tls-client-ca", "FILE", "demand client certificates signed by these",
        KIND_TEXT, true, AT(node.tls_client_ca_file), 0, 0, NULL },
    { "auth", "jwt_secret_file", "jwt-secret-file", "FILE",
        "secret for access tokens, ≥ 32 bytes (made once, in the database)", KIND_TEXT, true,
        AT(node.jwt_secret_file), 0, 0, NULL },
    { "server", "threads", "threads", "N", "threads that serve (1)", KIND_THREADS, false,
        AT(node.threads), 1, 64, NULL },
    { "server", "trusted_proxies", NULL, NULL, NULL, KIND_NETWORKS, true, AT(node.trusted_proxies),
        0, 0, NULL },
    { "log", "level", "log-level", "LEVEL", "error, warn, info or debug (info)", KIND_CHOICE, false,
        AT(node.log_level), 0, 0, log_levels },
    { "log", "format", "log-format", "FORMAT", "text or json (text)", KIND_CHOICE, false,
        AT(log_format), 0, 0, log_formats },
    { "auth", "registration", NULL, NULL, NULL, KIND_CHOICE, false, AT(node.registration), 0, 0,
        registrations },
    { "auth", "access_ttl_s", NULL, NULL, NULL, KIND_SECONDS, false, AT(node.access_ttl_s), 1,
        30 * 24 * 3600, NULL },
    { "auth", "refresh_ttl_s", NULL, NULL, NULL, KIND_SECONDS, false, AT(node.refresh_ttl_s), 1,
        3650.0 * 24 * 3600, NULL },
    RATE(login_per_minute),
    RATE(login_per_minute_per_address),
    RATE(register_per_hour),
    RATE(hash_per_minute),
    RATE(calls_per_second),
    RATE(chat_per_second),
    RATE(danmaku_per_second),
    RATE(room_danmaku_per_second),
    RATE(control_per_second),
    RATE(ping_per_second),
    RATE(status_per_second),
    COUNT(rooms_per_user, 1e6),
    COUNT(memberships_per_user, 1e6),
    COUNT(members_per_room, 10000),
    COUNT(movies_per_room, 10000),
    COUNT(sessions_per_user, 1e6),
    COUNT(streams_per_user, 1e6),
    COUNT(streams_per_connection, 1e6),
    COUNT(connections_per_address, 1e6),
};

#define N_SETTINGS (sizeof(settings) / sizeof(settings[0]))

/* ---- one setting ---- */

/* Keeps the first error only. Returns false. */
static bool wrong(struct config *config, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static bool wrong(struct config *config, const char *fmt, ...)
{
    if (config->error[0] != '\0')
        return false;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(config->error, sizeof(config->error), fmt, ap);
    va_end(ap);
    return false;
}

static bool set_choice(struct config *config, const struct setting *setting, const char *value,
    const char *where)
{
    char all[64] = "";
    for (unsigned i = 0; setting->choices[i] != NULL; i++) {
        if (strcmp(setting->choices[i], value) == 0) {
            /* The compiler uses unsigned int for all enums of the table. */
            memcpy((char *)config + setting->offset, &i, sizeof(i));
            return true;
        }
        size_t len = strlen(all);
        snprintf(all + len, sizeof(all) - len, "%s%s", i > 0 ? ", " : "", setting->choices[i]);
    }
    return wrong(config, "%s: \"%s\" is none of %s", where, value, all);
}

static bool set_number(struct config *config, const struct setting *setting, const char *value,
    const char *where)
{
    char *end;
    errno = 0;
    double number = strtod(value, &end);
    bool whole = setting->kind != KIND_RATE;
    if (end == value || *end != '\0' || errno != 0 || isspace((unsigned char)value[0]) ||
        !isfinite(number) || (whole && number != floor(number)))
        return wrong(config, "%s: \"%s\" is no %snumber", where, value, whole ? "whole " : "");
    if (number < setting->min || number > setting->max)
        return wrong(config, "%s: %s is not within %.0f and %.0f", where, value, setting->min,
            setting->max);
    char *at = (char *)config + setting->offset;
    switch (setting->kind) {
    case KIND_COUNT:
        memcpy(at, &(int32_t){ (int32_t)number }, sizeof(int32_t));
        break;
    case KIND_THREADS:
        memcpy(at, &(unsigned){ (unsigned)number }, sizeof(unsigned));
        break;
    case KIND_SECONDS:
        memcpy(at, &(int64_t){ (int64_t)number }, sizeof(int64_t));
        break;
    case KIND_RATE:
        memcpy(at, &number, sizeof(number));
        break;
    case KIND_TEXT:
    case KIND_ADDRESS:
    case KIND_STORAGE:
    case KIND_NETWORKS:
    case KIND_CHOICE:
        break;
    }
    return true;
}

static bool is_storage(const char *value)
{
    return strcmp(value, "memory:") == 0 || db_url_is_postgres(value) ||
        (strncmp(value, "sqlite:", 7) == 0 && value[7] != '\0');
}

/* ":memory:" and "file:NAME?…" have a meaning for SQLite that they do not have here. */
static bool is_special_to_sqlite(const char *value)
{
    return strncmp(value, "sqlite::", 8) == 0 || strncmp(value, "sqlite:file:", 12) == 0;
}

/* The error of a node about an option, without the option's name. */
static const char *after_field(const synctv_error *error)
{
    size_t len = strlen(error->field);
    bool begins = strncmp(error->message, error->field, len) == 0 && error->message[len] == ':';
    return begins ? error->message + len + 2 : error->message;
}

static bool set_text(struct config *config, const struct setting *setting, const char *value,
    const char *where)
{
    if (value[0] == '\0' && !setting->may_be_empty)
        return wrong(config, "%s: it is empty", where);
    if (setting->kind == KIND_ADDRESS && value[0] != '\0' && !listen_is_address(value))
        return wrong(config, "%s: \"%s\" is not HOST:PORT or [IPV6]:PORT", where, value);
    if (setting->kind == KIND_STORAGE && !is_storage(value))
        return strstr(value, "://") != NULL /* there may be a password in it */
            ? wrong(config, "%s: it is neither sqlite:PATH nor memory: nor postgres://…", where)
            : wrong(config, "%s: \"%s\" is neither sqlite:PATH nor memory: nor postgres://…", where,
                  value);
    if (setting->kind == KIND_STORAGE && strncmp(where, "--", 2) == 0 && db_url_has_password(value))
        return wrong(config,
            "%s: everybody on this machine can see a password on the command line: put the URL into "
            "the file ([storage] url) or the environment, or the password into ~/.pgpass",
            where);
    if (setting->kind == KIND_STORAGE && is_special_to_sqlite(value))
        return wrong(config,
            "%s: \"%s\" is no path: say memory:, or sqlite:./NAME for a file of that name", where,
            value);
    synctv_error error;
    if (setting->kind == KIND_NETWORKS && synctv_networks_contain(value, "", &error) < 0)
        return wrong(config, "%s: %s", where, after_field(&error));
    if (value[0] == '\0')
        value = NULL;
    memcpy((char *)config + setting->offset, &value, sizeof(value));
    return true;
}

/* `value` must live as long as the config. */
static bool set(struct config *config, const struct setting *setting, const char *value,
    const char *where)
{
    switch (setting->kind) {
    case KIND_TEXT:
    case KIND_ADDRESS:
    case KIND_STORAGE:
    case KIND_NETWORKS:
        return set_text(config, setting, value, where);
    case KIND_CHOICE:
        return set_choice(config, setting, value, where);
    case KIND_COUNT:
    case KIND_THREADS:
    case KIND_SECONDS:
    case KIND_RATE:
        return set_number(config, setting, value, where);
    }
    return false;
}

/* ---- the file ---- */

/* Text copied from a file, in a chain. */
struct text {
    struct text *next;
    char value[];
};

struct file {
    struct config *config;
    FILE *stream;
    /* The line that was read last. */
    int line;
    int set_at[N_SETTINGS];
};

static bool wrong_line(struct file *file, const char *what)
{
    return wrong(file->config, "%s:%d: %s", file->config->file, file->line, what);
}

/* ini_reader */
static char *read_line(char *buf, int size, void *userdata)
{
    struct file *file = userdata;
    if (file->config->error[0] != '\0' || fgets(buf, size, file->stream) == NULL)
        return NULL;
    file->line++;
    size_t len = strlen(buf);
    if (len > MAX_FILE_LINE || (len > 0 && buf[len - 1] != '\n' && !feof(file->stream))) {
        wrong_line(file, "the line is too long, or has a zero byte in it");
        return NULL;
    }
    if (file->line > MAX_FILE_LINES) {
        wrong_line(file, "the file is too long");
        return NULL;
    }
    return buf;
}

/* ini_handler: returns 0 on error. */
static int set_from_file(void *userdata, const char *section, const char *key, const char *value)
{
    struct file *file = userdata;
    struct config *config = file->config;
    char where[256];
    snprintf(where, sizeof(where), "%s:%d: [%s] %s", config->file, file->line, section, key);
    for (size_t i = 0; i < N_SETTINGS; i++) {
        const struct setting *setting = &settings[i];
        if (strcmp(setting->section, section) != 0 || strcmp(setting->key, key) != 0)
            continue;
        if (file->set_at[i] != 0)
            return wrong(config, "%s: it is in line %d already", where, file->set_at[i]);
        file->set_at[i] = file->line;
        size_t size = strlen(value) + 1;
        struct text *text = malloc(sizeof(*text) + size);
        if (text == NULL)
            return wrong(config, "out of memory");
        memcpy(text->value, value, size);
        text->next = config->texts;
        config->texts = text;
        return set(config, setting, text->value, where);
    }
    return wrong(config, "%s: there is no such key", where);
}

/* NULL with errno. Refuses what is not a file: it could keep us waiting for ever. */
static FILE *open_file(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    FILE *stream = NULL;
    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) == 0) {
        errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
        stream = S_ISREG(st.st_mode) ? fdopen(fd, "r") : NULL;
    }
    if (stream == NULL)
        close(fd);
    return stream;
}

static bool cannot_read(struct config *config)
{
    return wrong(config, "cannot read %s: %s", config->file,
        errno == EINVAL ? "it is not a regular file" : strerror(errno));
}

static bool read_file(struct config *config)
{
    struct file file = { .config = config, .stream = open_file(config->file) };
    if (file.stream == NULL)
        return cannot_read(config);
    int bad_line = ini_parse_stream(read_line, &file, set_from_file, &file);
    if (ferror(file.stream))
        cannot_read(config);
    else if (bad_line < 0)
        wrong(config, "cannot read %s: out of memory", config->file);
    else if (bad_line > 0)
        wrong(config, "%s:%d: this is neither [section], key = value nor ; comment", config->file,
            bad_line);
    fclose(file.stream);
    return config->error[0] == '\0';
}

/* ---- the environment ---- */

#define ENVIRONMENT_PREFIX "SYNCTV__"

static bool is_variable_of(const struct setting *setting, const char *name, size_t len)
{
    char own[128];
    int own_len =
        snprintf(own, sizeof(own), ENVIRONMENT_PREFIX "%s__%s", setting->section, setting->key);
    if ((size_t)own_len != len)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (toupper((unsigned char)own[i]) != name[i])
            return false;
    }
    return true;
}

static bool set_from_variable(struct config *config, const char *name, size_t len,
    const char *value)
{
    char where[128];
    snprintf(where, sizeof(where), "%.*s", (int)(len < 100 ? len : 100), name);
    for (size_t i = 0; i < N_SETTINGS; i++) {
        if (is_variable_of(&settings[i], name, len))
            return set(config, &settings[i], value, where);
    }
    return wrong(config, "%s: there is no such setting", where);
}

static bool read_environment(struct config *config, char *const *environment)
{
    for (; *environment != NULL; environment++) {
        const char *name = *environment, *equals = strchr(name, '=');
        if (equals == NULL || strncmp(name, ENVIRONMENT_PREFIX, strlen(ENVIRONMENT_PREFIX)) != 0)
            continue;
        if (!set_from_variable(config, name, (size_t)(equals - name), equals + 1))
            return false;
    }
    return true;
}

/* ---- the command line ---- */

/* Options that are not settings. */
static const char **plain_option(struct config *config, const char *name)
{
    if (strcmp(name, "config") == 0)
        return &config->file;
    if (strcmp(name, "role") == 0)
        return &config->role;
    if (strcmp(name, "email") == 0)
        return &config->email;
    if (strcmp(name, "password-file") == 0)
        return &config->password_file;
    return NULL;
}

static const struct setting *flag_setting(const char *name)
{
    for (size_t i = 0; i < N_SETTINGS; i++) {
        if (settings[i].flag != NULL && strcmp(settings[i].flag, name) == 0)
            return &settings[i];
    }
    return NULL;
}

static bool read_switch(struct config *config, const char *argument)
{
    if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0)
        config->action = ACTION_HELP;
    else if (strcmp(argument, "--version") == 0 || strcmp(argument, "-V") == 0)
        config->action = ACTION_VERSION;
    else if (strcmp(argument, "--check-config") == 0)
        config->action = ACTION_CHECK_CONFIG;
    else if (strcmp(argument, "--create") == 0)
        config->create = true;
    else
        return false;
    return true;
}

/*
 * Reads an option at *arg and moves *arg to its last word. Settings are left for the second pass.
 */
static bool read_option(struct config *config, char *const **arg, bool with_settings)
{
    char name[32];
    const char *option = **arg, *equals = strchr(option, '=');
    snprintf(name, sizeof(name), "%.*s",
        equals != NULL ? (int)(equals - option) - 2 : (int)strlen(option), option + 2);
    const char **plain = plain_option(config, name);
    const struct setting *setting = flag_setting(name);
    if (strncmp(option, "--", 2) != 0 || (plain == NULL && setting == NULL))
        return wrong(config, "%.60s: there is no such option; try --help", option);
    const char *value = equals != NULL ? equals + 1 : *++*arg;
    if (value == NULL)
        return wrong(config, "%s: its value is missing", option);
    if (plain != NULL)
        *plain = value;
    else if (with_settings)
        return set(config, setting, value, option);
    return true;
}

static bool read_command_line(struct config *config, char *const *argv, bool with_settings)
{
    bool only_arguments = false;
    config->n_arguments = 0;
    for (char *const *arg = argv + 1; *arg != NULL; arg++) {
        if (!only_arguments && strcmp(*arg, "--") == 0) {
            only_arguments = true;
        } else if (!only_arguments && (*arg)[0] == '-' && (*arg)[1] != '\0') {
            if (!read_switch(config, *arg) && !read_option(config, &arg, with_settings))
                return false;
        } else if (config->n_arguments == CONFIG_MAX_ARGUMENTS) {
            return wrong(config, "%.60s: that is too much", *arg);
        } else {
            config->arguments[config->n_arguments++] = *arg;
        }
    }
    return true;
}

static bool choose_action(struct config *config)
{
    if (config->action == ACTION_CHECK_CONFIG && config->n_arguments > 0)
        return wrong(config, "%.60s: that is too much", config->arguments[0]);
    if (config->action != ACTION_SERVE)
        return true;
    if (config->n_arguments > 0) {
        if (strcmp(config->arguments[0], "user") == 0)
            config->action = ACTION_USER;
        else if (strcmp(config->arguments[0], "nodes") == 0)
            config->action = ACTION_NODES;
        else
            return wrong(config, "%.60s: there is no such command; try --help",
                config->arguments[0]);
    }
    if (config->action == ACTION_USER)
        return true;
    if (config->role != NULL || config->email != NULL || config->password_file != NULL ||
        config->create)
        return wrong(config,
            "--role, --email, --password-file and --create are for the command user");
    return true;
}

/* ---- all of it ---- */

static bool is_any(const char *listen)
{
    return strncmp(listen, "0.0.0.0:", 8) == 0 || strncmp(listen, "[::]:", 5) == 0;
}

/* What a node would say too late for --check-config. */
static bool fits_together(struct config *config)
{
    const synctv_node_options *node = &config->node;
    if (node->cluster_secret_file == NULL || config->action == ACTION_USER ||
        config->action == ACTION_NODES)
        return true;
    if (strcmp(node->db_url, "memory:") == 0)
        return wrong(config,
            "--cluster-secret-file: members share a database, and memory: cannot be shared");
    const char *listen = node->cluster_listen != NULL ? node->cluster_listen : node->listen;
    if (node->advertise == NULL && is_any(listen))
        return wrong(config,
            "--advertise: a member that listens on %s has to say under which ADDR:PORT others"
            " reach it",
            listen);
    return true;
}

bool config_read(struct config *config, int argc, char *const *argv, char *const *environment)
{
    *config = (struct config){ .log_format = LOG_FORMAT_TEXT };
    synctv_node_options_init(&config->node);
    synctv_limits_init(&config->limits);
    config->node.limits = &config->limits;
    config->node.listen = DEFAULT_LISTEN;
    config->node.db_url = DEFAULT_DB;
    config->http_listen = config_default_http_listen;
    if (argc < 1)
        return wrong(config, "no arguments");
    if (!read_command_line(config, argv, false) || !choose_action(config))
        return false;
    if (config->action == ACTION_HELP || config->action == ACTION_VERSION)
        return true;
    return (config->file == NULL || read_file(config)) && read_environment(config, environment) &&
        read_command_line(config, argv, true) && fits_together(config);
}

void config_fini(struct config *config)
{
    for (struct text *text = config->texts; text != NULL;) {
        struct text *next = text->next;
        free(text);
        text = next;
    }
    config->texts = NULL;
}

void config_explain(const synctv_error *error, char *text, size_t size)
{
    size_t len = strlen(error->field);
    const struct setting *setting = NULL;
    for (size_t i = 0; i < N_SETTINGS && len > 0 && setting == NULL; i++) {
        const char *at = settings[i].at;
        if (at != NULL && strcmp(at + (strncmp(at, "node.", 5) == 0 ? 5 : 0), error->field) == 0)
            setting = &settings[i];
    }
    const char *what = error->message;
    if (setting == NULL || strncmp(what, error->field, len) != 0)
        snprintf(text, size, "%s", what);
    else if (setting->flag == NULL)
        snprintf(text, size, "[%s] %s%s", setting->section, setting->key, what + len);
    else
        snprintf(text, size, "--%s, [%s] %s%s", setting->flag, setting->section, setting->key,
            what + len);
}

void config_print_help(void)
{
    fputs(
        "Usage: synctv-server [options]               serve\n"
        "       synctv-server user COMMAND [options]  accounts of the database, beside a running\n"
        "                                             server or without one\n"
        "       synctv-server nodes [options]         the members of the cluster, as its database has\n"
        "                                             them; with --cluster-secret-file each is asked\n"
        "\n"
        "Options:\n",
        stdout);
    for (size_t i = 0; i < N_SETTINGS; i++) {
        if (settings[i].flag == NULL)
            continue;
        int width = printf("  --%s %s", settings[i].flag, settings[i].argument);
        printf("%*s%s\n", width < 28 ? 28 - width : 1, "", settings[i].help);
    }
    fputs(
        "  --config FILE             read settings from this file\n"
        "  --check-config            say whether all settings are right, and end;\n"
        "                            the database is not opened\n"
        "  --version, --help\n"
        "\n"
        "Commands of user:\n"
        "  add NAME [--role user|admin|root] [--email ADDRESS] [--password-file FILE] [--create]\n"
        "  role NAME user|admin|root\n"
        "  status NAME active|pending|banned\n"
        "  password NAME [--password-file FILE]\n"
        "  Without --password-file the password is asked for, or is the first line of stdin.\n"
        "  The database is the one of --db, or of the file of the server; --create makes it.\n"
        "\n"
        "Every setting can also stand in the file, as key = value in a [section], or in the\n"
        "environment as SYNCTV__SECTION__KEY. Options win over the environment, the environment\n"
        "over the file. These are all; rates are per user if nothing else is said, 0 = no limit:\n",
        stdout);
    const char *section = NULL;
    int column = 0;
    /* The table is in the order of the options; print one section after the other. */
    static const char *const sections[] = { "server", "http", "metrics", "storage", "cluster",
        "tls", "auth", "log", "limits" };
    for (size_t s = 0; s < sizeof(sections) / sizeof(sections[0]); s++) {
        for (size_t i = 0; i < N_SETTINGS; i++) {
            if (strcmp(settings[i].section, sections[s]) != 0)
                continue;
            if (section != sections[s]) {
                section = sections[s];
                column = printf("%s  [%s]", s > 0 ? "\n" : "", section);
            } else if (column + strlen(settings[i].key) > 95) {
                column = printf("\n   ");
            }
            column += printf(" %s", settings[i].key);
        }
    }
    fputs(
        "\n\n"
        "When it can serve, it prints one line that begins with \"ready\" on stdout. Logs go to\n"
        "stderr. SIGTERM and SIGINT end it within 10 s, one more after a second at once; SIGHUP reads\n"
        "the files of TLS again. Exit status: 0 = all went well, 1 = what was asked for was refused, 2 = a\n"
        "setting is wrong, the address is in use or a file cannot be read.\n",
        stdout);
}
