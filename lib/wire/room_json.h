/* SPDX-License-Identifier: MIT */
/* A room as proto3 JSON of synctv.Room, as in RoomEvent.data and RoomInfo.data. */
#ifndef SV_WIRE_ROOM_JSON_H
#define SV_WIRE_ROOM_JSON_H

#include <synctv/types.h>

#include "base/arena.h"
#include "wire/pack.h"

/* More is not read. */
#define SV_WIRE_ROOM_JSON_MAX_BYTES (32 * 1024)
/* Arrays and objects in each other. */
#define SV_WIRE_ROOM_JSON_MAX_DEPTH 16

/*
 * Names in lowerCamelCase, 64-bit numbers as strings, enums by name; what is 0 or "" is left out.
 * The text has no NUL at its end. Errors: NO_MEMORY.
 */
int sv_wire_room_json_encode(const synctv_room *room, sv_wire_alloc_fn *alloc, void *userdata,
    synctv_error *err);

/*
 * Takes numbers as numbers or strings, enums as names or numbers, names in lowerCamelCase or as in
 * the .proto file. Skips keys that it does not know. The name of an enum value that it does not
 * know becomes -1; numbers come through as they are.
 *
 * @ret  what it points to lives as long as `a`. Untouched on failure.
 *
 * Errors: INVALID_ARGUMENT with the field ("settings.maxMembers"), or "" if it is no JSON object;
 * TOO_LARGE, NO_MEMORY.
 */
int sv_wire_room_json_decode(const void *data, size_t len, struct sv_arena *a, synctv_room *ret,
    synctv_error *err);

#endif
