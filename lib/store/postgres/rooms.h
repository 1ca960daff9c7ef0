/* SPDX-License-Identifier: MIT */
/* Rows of rooms. */
#ifndef SV_STORE_POSTGRES_ROOMS_H
#define SV_STORE_POSTGRES_ROOMS_H

#include "store/postgres/pg.h"
#include "store/room_search.h"

/*
 * What sv_pg_room_from_row() reads, in this order; columns behind it begin with
 * SV_PG_ROOM_N_COLUMNS.
 */
#define SV_PG_ROOM_COLUMNS                                                                         \
    "r.id, r.name, r.description, r.creator_id, r.password_hash, r.member_count,"                  \
    " r.created_at_ms, r.revision, r.hidden, r.allow_guests, r.require_approval, r.max_members,"   \
    " r.default_member_permissions, r.default_admin_permissions, r.guest_permissions,"             \
    " r.auto_advance, r.pause_when_empty"
#define SV_PG_ROOM_N_COLUMNS 17

/* What sv_pg_room_get() reads of the room $1. */
#define SV_PG_ROOM_BY_ID                                                                           \
    "SELECT " SV_PG_ROOM_COLUMNS                                                                   \
    ", r.movie_count, r.movies_weight, r.chat_seq FROM rooms r WHERE r.id = $1"

/* room->settings is set to `ret_settings`. */
void sv_pg_room_from_row(struct sv_pg_query *q, struct sv_arena *a, synctv_room *ret_room,
    synctv_room_settings *ret_settings);

#endif
