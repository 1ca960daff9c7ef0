/* SPDX-License-Identifier: MIT */
/* The tables and their migrations. */
#ifndef SV_STORE_SQLITE_SCHEMA_H
#define SV_STORE_SQLITE_SCHEMA_H

/* PRAGMA user_version. */
/* A test builds a program with a newer one. */
#ifndef SV_SCHEMA_VERSION
#define SV_SCHEMA_VERSION 5
#endif
/* PRAGMA application_id: "SyNC". */
#define SV_SCHEMA_APPLICATION_ID 0x53794e43

/* sv_schema_migrations[v] migrates from user_version v to v + 1. */
extern const char *const sv_schema_migrations[SV_SCHEMA_VERSION];
/* A query whose row names a missing table or index; no row: nothing is missing. */
extern const char sv_schema_missing[];
/* A query that reads a little of every table, to see whether it can be read. */
extern const char sv_schema_probe[];

#endif
