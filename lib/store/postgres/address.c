/* SPDX-License-Identifier: MIT */
/*
 * Where the database is: a URL as libpq has it, with what this program needs where the URL says
 * nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/error.h"
#include "base/text.h"
#include "store/postgres/pg.h"

/*
 * Of the session. What the URL's own `options` say comes behind them and counts. Plans are kept
 * with their statements, and those that are made while a table is small would read all of it, also
 * when it has grown; there is an index for each statement. The server finds out after 30 s that a
 * client's machine is gone, and not after two hours: until then the session keeps its locks, and
 * with them the place of the node (claim.c).
 */
#define SETTINGS                                                                                   \
    "-c lock_timeout=1000 -c idle_in_transaction_session_timeout=2000 -c enable_seqscan=off"       \
    " -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=4"

static const struct {
    const char *name, *value;
} defaults[] = {
    { "client_encoding", "UTF8" },
    { "fallback_application_name", "synctv" },
    /* A standby neither takes what is written nor has what was written a moment ago. */
    { "target_session_attrs", "read-write" },
    { "tcp_user_timeout", "5000" },
    /* Who cannot reach the server finds out before the server gives its locks to somebody else. */
    { "keepalives_idle", "5" },
    { "keepalives_interval", "5" },
    { "keepalives_count", "2" },
};
#define N_DEFAULTS (sizeof(defaults) / sizeof(defaults[0]))

static const char *value_of(const struct sv_pg_address *address, const char *name)
{
    for (const PQconninfoOption *o = address->options; o->keyword != NULL; o++)
        if (strcmp(o->keyword, name) == 0)
            return sv_str(o->val);
    return "";
}

static int add_settings(struct sv_pg_address *address)
{
    const char *own = value_of(address, "options");
    size_t size = sizeof(SETTINGS) + 1 + strlen(own);
    address->settings = malloc(size);
    if (address->settings == NULL)
        return SYNCTV_E_NO_MEMORY;
    snprintf(address->settings, size, "%s %s", SETTINGS, own);
    return 0;
}

static void add(struct sv_pg_address *address, size_t *n, const char *name, const char *value)
{
    address->names[*n] = name;
    address->values[(*n)++] = value;
}

/* A list with commas; a path is a socket's, and nothing is the default one's. */
static bool are_here(const char *hosts)
{
    char host[256];
    for (const char *at = hosts;; at++) {
        size_t len = strcspn(at, ",");
        snprintf(host, sizeof(host), "%.*s", (int)len, at);
        if (host[0] != '\0' && host[0] != '/' && !sv_address_is_loopback(host))
            return false;
        at += len;
        if (*at == '\0')
            return true;
    }
}

static int fill(struct sv_pg_address *address)
{
    size_t n_options = 0, n = 0;
    while (address->options[n_options].keyword != NULL)
        n_options++;
    size_t size = n_options + N_DEFAULTS + 1; /* and the settings */
    address->names = calloc(size, sizeof(*address->names));
    address->values = calloc(size, sizeof(*address->values));
    if (address->names == NULL || address->values == NULL || add_settings(address) < 0)
        return SYNCTV_E_NO_MEMORY;
    for (size_t i = 0; i < n_options; i++) {
        const PQconninfoOption *o = &address->options[i];
        if (o->val != NULL && strcmp(o->keyword, "options") != 0)
            add(address, &n, o->keyword, o->val);
    }
    for (size_t i = 0; i < N_DEFAULTS; i++)
        if (value_of(address, defaults[i].name)[0] == '\0')
            add(address, &n, defaults[i].name, defaults[i].value);
    add(address, &n, "options", address->settings);
    address->seconds_given = value_of(address, "connect_timeout")[0] != '\0';
    address->n = n;
    const char *numbers = value_of(address, "hostaddr");
    address->is_here = are_here(numbers[0] != '\0' ? numbers : value_of(address, "host"));
    return 0;
}

/* Without what there is no room for. */
static void append(struct sv_pg_address *address, const char *s, size_t len)
{
    size_t used = strlen(address->text), left = sizeof(address->text) - 1 - used;
    memcpy(address->text + used, s, len < left ? len : left);
    address->text[used + (len < left ? len : left)] = '\0';
}

/* HOST:PORT of each one, and the database. */
static void describe(struct sv_pg_address *address)
{
    const char *host = value_of(address, "host"), *port = value_of(address, "port");
    const char *name = value_of(address, "dbname");
    if (host[0] == '\0')
        host = value_of(address, "hostaddr");
    for (bool more = true; more;) {
        size_t host_len = strcspn(host, ","), port_len = strcspn(port, ",");
        append(address, host, host_len);
        append(address, ":", port_len > 0);
        append(address, port, port_len);
        more = host[host_len] == ',';
        append(address, ",", more);
        host += host_len + more;
        if (port[port_len] == ',') /* else it is the port of all */
            port += port_len + 1;
    }
    append(address, "/", 1);
    append(address, name, strlen(name));
}

/* What libpq says of a URL quotes it, password included: only what comes before is passed on. */
static int explain(synctv_error *err, const char *reason)
{
    int len = (int)strcspn(sv_str(reason), "\"\n");
    while (len > 0 && strchr(": ", reason[len - 1]) != NULL)
        len--;
    return sv_error_field(err, "db_url",
        "the storage's URL is none of PostgreSQL, postgres://USER@HOST:PORT/NAME (%.*s)", len,
        sv_str(reason));
}

int sv_pg_address_init(struct sv_pg_address *address, const char *url, synctv_error *err)
{
    char *reason = NULL;
    int rv = 0;
    address->options = PQconninfoParse(url, &reason);
    if (address->options == NULL)
        rv = explain(err, reason);
    else if (fill(address) < 0)
        rv = sv_error(err, SYNCTV_E_NO_MEMORY);
    else
        describe(address);
    PQfreemem(reason);
    if (rv < 0)
        sv_pg_address_fini(address);
    return rv;
}

void sv_pg_address_fini(struct sv_pg_address *address)
{
    PQconninfoFree(address->options);
    free(address->names);
    free(address->values);
    free(address->settings);
    *address = (struct sv_pg_address){ 0 };
}
