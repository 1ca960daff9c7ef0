/* SPDX-License-Identifier: MIT */
/* Rows of members. */
#ifndef SV_STORE_POSTGRES_MEMBERS_H
#define SV_STORE_POSTGRES_MEMBERS_H

#define SV_PG_MEMBERS                                                                              \
    "SELECT m.room_id, m.user_id, u.username, m.role, m.status, m.added_permissions,"              \
    " m.removed_permissions, m.joined_at_ms, m.kicked_until_ms, u.role, u.status"                  \
    " FROM members m JOIN users u ON u.id = m.user_id"

/* What sv_pg_member_get() reads of the user $2 in the room $1. */
#define SV_PG_MEMBER_BY_ID SV_PG_MEMBERS " WHERE m.room_id = $1 AND m.user_id = $2"

#endif
