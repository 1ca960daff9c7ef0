/* SPDX-License-Identifier: MIT */
/*
 * The statements with which a room is read, and its members, movies and state. PostgreSQL sends
 * them when a job begins, before the job asks (enum sv_query_ahead).
 */
#ifndef SV_STORE_SQL_ROOM_READS_H
#define SV_STORE_SQL_ROOM_READS_H

/*
 * The columns that sv_sql_room_from_row() reads, in this order. A query may have more columns, from
 * SV_SQL_ROOM_N_COLUMNS on.
 */
#define SV_SQL_ROOM_COLUMNS                                                                        \
    "r.id, r.name, r.description, r.creator_id, r.password_hash, r.member_count,"                  \
    " r.created_at_ms, r.revision, r.hidden, r.allow_guests, r.require_approval, r.max_members,"   \
    " r.default_member_permissions, r.default_admin_permissions, r.guest_permissions,"             \
    " r.auto_advance, r.pause_when_empty"
#define SV_SQL_ROOM_N_COLUMNS 17

/* The room $1. */
#define SV_SQL_ROOM_BY_ID                                                                          \
    "SELECT " SV_SQL_ROOM_COLUMNS                                                                  \
    ", r.movie_count, r.movies_weight, r.chat_seq FROM rooms r WHERE r.id = $1"
#define SV_SQL_MEMBERS_BY_ROOM                                                                     \
    "SELECT m.room_id, m.user_id, u.username, m.role, m.status, m.added_permissions,"              \
    " m.removed_permissions, m.joined_at_ms, m.kicked_until_ms, u.role, u.status"                  \
    " FROM members m JOIN users u ON u.id = m.user_id WHERE m.room_id = $1"
#define SV_SQL_MEMBER_BY_ID SV_SQL_MEMBERS_BY_ROOM " AND m.user_id = $2"
#define SV_SQL_MEMBERS_OF_ROOM SV_SQL_MEMBERS_BY_ROOM " ORDER BY m.joined_at_ms, m.user_id"
#define SV_SQL_MOVIE_COLUMNS                                                                       \
    "id, room_id, name, url, type, duration_s, added_by, created_at_ms, headers, subtitles"
#define SV_SQL_MOVIES_OF_ROOM                                                                      \
    "SELECT " SV_SQL_MOVIE_COLUMNS " FROM movies WHERE room_id = $1 ORDER BY rank"
#define SV_SQL_PLAYBACK_OF_ROOM                                                                    \
    "SELECT room_id, movie_id, status, position_s, rate, updated_at_ms, version, cause, actor_id," \
    " operation_id, node_id FROM playback WHERE room_id = $1"

#endif
