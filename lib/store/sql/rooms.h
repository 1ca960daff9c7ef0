/* SPDX-License-Identifier: MIT */
/* Rows of rooms. */
#ifndef SV_STORE_SQL_ROOMS_H
#define SV_STORE_SQL_ROOMS_H

#include "store/sql/query.h"
#include "store/sql/room_reads.h"

/* Reads SV_SQL_ROOM_COLUMNS. room->settings points to `ret_settings`. */
void sv_sql_room_from_row(struct sv_query *q, struct sv_arena *a, synctv_room *ret_room,
    synctv_room_settings *ret_settings);
/*
 * Binds 14 parameters: name, name_fold, description, creator_id, password_hash, and the settings
 * from hidden on as in SV_SQL_ROOM_COLUMNS.
 */
void sv_sql_room_bind(struct sv_query *q, const struct sv_room_rec *rec, const char *fold);
/* 1 if the room is there, else 0. */
int sv_sql_room_exists(struct sv_tx *tx, const char *id);

#endif
