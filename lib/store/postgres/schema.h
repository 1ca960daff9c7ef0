/* SPDX-License-Identifier: MIT */
/* The tables and their migrations. */
#ifndef SV_STORE_POSTGRES_SCHEMA_H
#define SV_STORE_POSTGRES_SCHEMA_H

/* A test builds a program with a newer one. */
#ifndef SV_PG_SCHEMA_VERSION
#define SV_PG_SCHEMA_VERSION 1
#endif

#define SV_PG_MIGRATION_SCRIPTS 2

/* The scripts of sv_pg_migrations[v], up to a NULL, lead from version v to v + 1. */
extern const char *const sv_pg_migrations[SV_PG_SCHEMA_VERSION][SV_PG_MIGRATION_SCRIPTS];
/* Says in one row what is missing, a table or an index; no row: nothing is. */
extern const char sv_pg_schema_missing[];

#endif
