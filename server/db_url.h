/* SPDX-License-Identifier: MIT */
/* A PostgreSQL URL may have a password in it, which nobody else is to see. */
#ifndef SERVER_DB_URL_H
#define SERVER_DB_URL_H

#include <stdbool.h>
#include <stddef.h>

bool db_url_is_postgres(const char *url);
/* postgres://USER:PASSWORD@… or …?password=… */
bool db_url_has_password(const char *url);
/* The URL for a log: of a PostgreSQL without a password and parameters. */
void db_url_describe(const char *url, char *out, size_t size);

#endif
