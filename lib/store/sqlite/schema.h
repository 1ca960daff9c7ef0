/* SPDX-License-Identifier: MIT */
#ifndef SV_STORE_SQLITE_SCHEMA_H
#define SV_STORE_SQLITE_SCHEMA_H

#define SV_SCHEMA_VERSION 5                 /* PRAGMA user_version */
#define SV_SCHEMA_APPLICATION_ID 0x53794e43 /* PRAGMA application_id: "SyNC" */

/* sv_schema_migrations[v] leads from user_version v to v + 1. */
extern const char *const sv_schema_migrations[SV_SCHEMA_VERSION];
/* Says in one row what is missing, a table or an index; no row: nothing is. */
extern const char sv_schema_missing[];
/* Reads a bit of every table: whether they are there and can be read. */
extern const char sv_schema_probe[];

#endif
