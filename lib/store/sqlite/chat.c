/* SPDX-License-Identifier: MIT */
/* Operations: a message or a deletion in the chat of a room gets its number. */
#include "store/sql/chat.h"

#include "store/sqlite/ops.h"

/* Two statements: RETURNING makes a temporary table, which takes longer. */
static int next_seq(struct sv_tx *tx, const char *room_id, int64_t *ret)
{
    struct sv_query q;
    sv_query_begin(&q, tx, "UPDATE rooms SET chat_seq = chat_seq + 1 WHERE id = $1");
    sv_query_text(&q, room_id);
    int rv = sv_query_run(&q);
    if (rv < 0)
        return rv;
    sv_query_begin(&q, tx, "SELECT chat_seq FROM rooms WHERE id = $1");
    sv_query_text(&q, room_id);
    rv = sv_query_number(&q, ret);
    return rv < 0 ? rv : rv == 0 ? SYNCTV_E_ROOM_NOT_FOUND : 0;
}

static int insert_row(struct sv_tx *tx, const synctv_chat *chat, int64_t seq, bool is_deletion)
{
    struct sv_query q;
    sv_query_begin(&q, tx,
        "INSERT INTO chat (room_id, message_id, user_id, username, content, timestamp_ms, seq,"
        " client_message_id, is_deletion) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)");
    sv_query_text(&q, chat->room_id);
    sv_query_text(&q, chat->message_id);
    sv_query_text(&q, chat->user_id);
    sv_query_text(&q, chat->username);
    sv_query_text(&q, chat->content);
    sv_query_int(&q, chat->timestamp_ms);
    sv_query_int(&q, seq);
    sv_query_text(&q, chat->client_message_id);
    sv_query_int(&q, is_deletion);
    int rv = sv_query_run(&q);
    return rv < 0 ? rv : 0;
}

/*
 * Drops what is no longer among the newest `keep`. That is one row, unless `keep` was larger
 * before.
 */
static int drop_old(struct sv_tx *tx, const char *room_id, int64_t up_to)
{
    struct sv_query q;
    int64_t oldest = up_to;
    sv_query_begin(&q, tx, "SELECT seq FROM chat WHERE room_id = $1 ORDER BY seq LIMIT 1");
    sv_query_text(&q, room_id);
    int rv = sv_query_number(&q, &oldest);
    if (rv < 0 || oldest > up_to)
        return rv < 0 ? rv : 0;
    /* A range makes SQLite collect the rows in a temporary table first. */
    if (oldest == up_to)
        sv_query_begin(&q, tx, "DELETE FROM chat WHERE room_id = $1 AND seq = $2");
    else
        sv_query_begin(&q, tx, "DELETE FROM chat WHERE room_id = $1 AND seq <= $2");
    sv_query_text(&q, room_id);
    sv_query_int(&q, up_to);
    rv = sv_query_run(&q);
    return rv < 0 ? rv : 0;
}

static int append(struct sv_tx *tx, const synctv_chat *chat, bool is_deletion, int32_t keep,
    uint64_t *ret_seq)
{
    int64_t seq = 0;
    int rv = next_seq(tx, chat->room_id, &seq);
    if (rv == 0)
        rv = insert_row(tx, chat, seq, is_deletion);
    if (rv == 0)
        rv = drop_old(tx, chat->room_id, seq - keep);
    if (rv == 0)
        *ret_seq = (uint64_t)seq;
    return rv;
}

int sv_sqlite_chat_insert(struct sv_tx *tx, const synctv_chat *chat, int32_t keep,
    uint64_t *ret_seq, struct sv_arena *a, synctv_chat *ret_existing)
{
    /* Without the hint SQLite walks through all messages of the room. */
    int rv = sv_sql_chat_find_sent(tx,
        "SELECT " SV_SQL_CHAT_COLUMNS " FROM chat INDEXED BY chat_by_client_id WHERE room_id = $1"
        " AND user_id = $2 AND client_message_id = $3 AND client_message_id <> ''"
        " ORDER BY seq DESC LIMIT 1",
        chat, a, ret_existing);
    return rv != 0 ? rv : append(tx, chat, false, keep, ret_seq);
}

int sv_sqlite_chat_delete(struct sv_tx *tx, const synctv_chat *deletion, int32_t keep,
    uint64_t *ret_seq)
{
    const synctv_chat row = sv_sql_chat_deletion(deletion);
    int rv = sv_sql_chat_remove(tx, row.room_id, row.message_id);
    return rv < 0 ? rv : append(tx, &row, true, keep, ret_seq);
}
