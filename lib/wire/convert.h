/* SPDX-License-Identifier: MIT */
/*
 * Converts users, rooms, members, movies, states, chat and danmaku from protobuf-c's structures to
 * those of synctv/types.h and back. Strings are not copied: they live as long as the source.
 * Functions that need an array take it from an arena and return false when out of memory.
 */
#ifndef SV_WIRE_CONVERT_H
#define SV_WIRE_CONVERT_H

#include <synctv/types.h>

#include "base/arena.h"
#include "base/text.h"
#include "client.pb-c.h"

/* protobuf-c's structures are not const, but packing does not write to them. "" for NULL. */
static inline char *sv_wire_mutable(const char *s)
{
    return (char *)sv_str(s);
}

void sv_wire_user_from(const Synctv__User *m, synctv_user *ret);
void sv_wire_settings_from(const Synctv__RoomSettings *m, synctv_room_settings *ret);
bool sv_wire_room_from(struct sv_arena *a, const Synctv__Room *m, synctv_room *ret);
void sv_wire_member_from(const Synctv__Member *m, synctv_member *ret);
bool sv_wire_movie_from(struct sv_arena *a, const Synctv__Movie *m, synctv_movie *ret);
void sv_wire_state_from(const Synctv__Client__RoomStateUpdate *m, synctv_playback *ret);
void sv_wire_chat_from(const Synctv__Client__ChatBroadcast *m, synctv_chat *ret);
void sv_wire_danmaku_from(const Synctv__Client__DanmakuBroadcast *m, synctv_danmaku *ret);

/* The messages can be packed as long as `from` and the arena live. */
void sv_wire_user_to(const synctv_user *from, Synctv__User *ret);
void sv_wire_settings_to(const synctv_room_settings *from, Synctv__RoomSettings *ret);
/* If the room has settings they are written to `settings`, to which *ret then points. */
void sv_wire_room_to(const synctv_room *from, Synctv__RoomSettings *settings, Synctv__Room *ret);
void sv_wire_member_to(const synctv_member *from, Synctv__Member *ret);
bool sv_wire_movie_to(struct sv_arena *a, const synctv_movie *from, Synctv__Movie *ret);
void sv_wire_state_to(const synctv_playback *from, Synctv__Client__RoomStateUpdate *ret);
void sv_wire_chat_to(const synctv_chat *from, Synctv__Client__ChatBroadcast *ret);
void sv_wire_danmaku_to(const synctv_danmaku *from, Synctv__Client__DanmakuBroadcast *ret);

#endif
