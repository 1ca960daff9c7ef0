/* SPDX-License-Identifier: MIT */
/* Operations: a message or a deletion in the chat of a room gets its number. */
#include "store/sql/chat.h"

#include "store/postgres/ops.h"

/*
 * Gives the row the next number, and drops what is no longer among the newest `keep`; all in one
 * statement. Returns 1, or 0 if nothing was done: there is no such room, or the sender has sent the
 * message already.
 */
static int append(struct sv_tx *tx, const synctv_chat *chat, bool is_deletion, int32_t keep,
    uint64_t *ret_seq)
{
    struct sv_query q;
    int64_t seq = 0;
    sv_query_begin(&q, tx,
        "WITH next AS ("
        " UPDATE rooms SET chat_seq = chat_seq + 1 WHERE id = $1 AND NOT EXISTS ("
        "  SELECT FROM chat WHERE room_id = $1 AND user_id = $3 AND client_message_id = $7"
        "  AND client_message_id <> '')"
        " RETURNING chat_seq AS seq),"
        " old AS ("
        " DELETE FROM chat WHERE room_id = $1 AND seq <= (SELECT seq FROM next) - $9)"
        " INSERT INTO chat (room_id, message_id, user_id, username, content, timestamp_ms, seq,"
        " client_message_id, is_deletion) SELECT $1, $2, $3, $4, $5, $6, seq, $7, $8 FROM next"
        " RETURNING seq");
    sv_query_text(&q, chat->room_id);
    sv_query_text(&q, chat->message_id);
    sv_query_text(&q, chat->user_id);
    sv_query_text(&q, chat->username);
    sv_query_text(&q, chat->content);
    sv_query_int(&q, chat->timestamp_ms);
    sv_query_text(&q, chat->client_message_id);
    sv_query_int(&q, is_deletion);
    sv_query_int(&q, keep);
    int rv = sv_query_number(&q, &seq);
    if (rv > 0)
        *ret_seq = (uint64_t)seq;
    return rv;
}

int sv_pg_chat_insert(struct sv_tx *tx, const synctv_chat *chat, int32_t keep, uint64_t *ret_seq,
    struct sv_arena *a, synctv_chat *ret_existing)
{
    int rv = append(tx, chat, false, keep, ret_seq);
    if (rv != 0)
        return rv < 0 ? rv : 0;
    rv = sv_sql_chat_find_sent(tx,
        "SELECT " SV_SQL_CHAT_COLUMNS " FROM chat WHERE room_id = $1"
        " AND user_id = $2 AND client_message_id = $3 AND client_message_id <> ''"
        " ORDER BY seq DESC LIMIT 1",
        chat, a, ret_existing);
    return rv == 0 ? SYNCTV_E_ROOM_NOT_FOUND : rv;
}

int sv_pg_chat_delete(struct sv_tx *tx, const synctv_chat *deletion, int32_t keep,
    uint64_t *ret_seq)
{
    const synctv_chat row = sv_sql_chat_deletion(deletion);
    int rv = sv_sql_chat_remove(tx, row.room_id, row.message_id);
    if (rv < 0)
        return rv;
    rv = append(tx, &row, true, keep, ret_seq);
    return rv < 0 ? rv : rv == 0 ? SYNCTV_E_ROOM_NOT_FOUND : 0;
}
