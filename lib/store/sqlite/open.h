/* SPDX-License-Identifier: MIT */
/* From a path to open connections: creates the file, checks what is in it, migrates it. */
#ifndef SV_STORE_SQLITE_OPEN_H
#define SV_STORE_SQLITE_OPEN_H

#include "store/sqlite/db.h"

/* Makes the file and its folder if they are missing, and checks that we may write them. */
int sv_sqlite_make_file(const char *path, synctv_error *err);
/*
 * The connection that writes, with the schema in place. `path` NULL = in memory. It must be closed
 * even after a failure.
 */
int sv_sqlite_open_writer(struct sv_db *db, const char *path, synctv_error *err);
int sv_sqlite_open_reader(struct sv_db *db, const char *path, synctv_error *err);

#endif
