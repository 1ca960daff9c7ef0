/* SPDX-License-Identifier: MIT */
/* Parts of what puts a message or a deletion behind the others of its room. */
#ifndef SV_STORE_SQL_CHAT_H
#define SV_STORE_SQL_CHAT_H

#include "store/sql/query.h"

#define SV_SQL_CHAT_COLUMNS                                                                        \
    "room_id, message_id, user_id, username, content, timestamp_ms, seq, client_message_id"

/*
 * Finds the message that the sender has already sent under this id: 1 with it, or 0. `sql` selects
 * SV_SQL_CHAT_COLUMNS by room, user and client_message_id.
 */
int sv_sql_chat_find_sent(struct sv_tx *tx, const char *sql, const synctv_chat *chat,
    struct sv_arena *a, synctv_chat *ret);
/* Deletes the row of a message. Errors: MESSAGE_NOT_FOUND. */
int sv_sql_chat_remove(struct sv_tx *tx, const char *room_id, const char *message_id);
/* The row that is added for a deletion: without content. Borrows the strings. */
synctv_chat sv_sql_chat_deletion(const synctv_chat *deletion);

#endif
