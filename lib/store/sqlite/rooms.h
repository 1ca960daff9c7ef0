/* SPDX-License-Identifier: MIT */
/* Rows of rooms. schema.c describes the key that keeps them in order. */
#ifndef SV_STORE_SQLITE_ROOMS_H
#define SV_STORE_SQLITE_ROOMS_H

#include "store/room_search.h"
#include "store/sqlite/db.h"

#define SV_ROOM_KEY_SHIFT 20

/*
 * The columns that sv_room_from_row() reads, in this order. A query may have more columns, from
 * SV_ROOM_N_COLUMNS on.
 */
#define SV_ROOM_COLUMNS                                                                            \
    "r.id, r.name, r.description, r.creator_id, r.password_hash, r.member_count,"                  \
    " r.created_at_ms, r.revision, r.hidden, r.allow_guests, r.require_approval, r.max_members,"   \
    " r.default_member_permissions, r.default_admin_permissions, r.guest_permissions,"             \
    " r.auto_advance, r.pause_when_empty"
#define SV_ROOM_N_COLUMNS 17

/* room->settings points to `ret_settings`. */
void sv_room_from_row(struct sv_query *q, struct sv_arena *a, synctv_room *ret_room,
    synctv_room_settings *ret_settings);

#endif
