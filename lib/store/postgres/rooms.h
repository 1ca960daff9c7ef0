/* SPDX-License-Identifier: MIT */
/* Rows of rooms. */
#ifndef SV_STORE_POSTGRES_ROOMS_H
#define SV_STORE_POSTGRES_ROOMS_H

#include "store/postgres/pg.h"
#include "store/room_search.h"
#include "store/sql/room_reads.h"

/* room->settings is set to `ret_settings`. */
void sv_pg_room_from_row(struct sv_query *q, struct sv_arena *a, synctv_room *ret_room,
    synctv_room_settings *ret_settings);

#endif
