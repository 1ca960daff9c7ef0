/* SPDX-License-Identifier: MIT */
/* Operations: the chat of a room, a numbered log of messages and deletions. */
#include "base/text.h"
#include "store/postgres/ops.h"

#define CHAT_COLUMNS                                                                               \
    "room_id, message_id, user_id, username, content, timestamp_ms, seq, client_message_id"

static void get_chat(struct sv_query *q, struct sv_arena *a, synctv_chat *ret)
{
    *ret = (synctv_chat){
        .room_id = sv_query_get_text(q, 0, a),
        .message_id = sv_query_get_text(q, 1, a),
        .user_id = sv_query_get_text(q, 2, a),
        .username = sv_query_get_text(q, 3, a),
        .content = sv_query_get_text(q, 4, a),
        .timestamp_ms = sv_query_get_int(q, 5),
        .seq = sv_query_get_uint(q, 6),
        .client_message_id = sv_query_get_text(q, 7, a),
    };
}

/* The message that the sender has already sent under this id: 1 with it, or 0. */
static int find_sent(struct sv_tx *tx, const synctv_chat *chat, struct sv_arena *a,
    synctv_chat *ret)
{
    struct sv_query q;
    synctv_chat sent;
    if (sv_str_empty(chat->client_message_id))
        return 0;
    sv_query_begin(&q, tx,
        "SELECT " CHAT_COLUMNS " FROM chat WHERE room_id = $1"
        " AND user_id = $2 AND client_message_id = $3 AND client_message_id <> ''"
        " ORDER BY seq DESC LIMIT 1");
    sv_query_text(&q, chat->room_id);
    sv_query_text(&q, chat->user_id);
    sv_query_text(&q, chat->client_message_id);
    int rv = sv_query_next(&q);
    if (rv > 0)
        get_chat(&q, a, &sent);
    rv = sv_query_end(&q, rv);
    if (rv > 0)
        *ret = sent;
    return rv;
}

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
    rv = find_sent(tx, chat, a, ret_existing);
    return rv == 0 ? SYNCTV_E_ROOM_NOT_FOUND : rv;
}

int sv_pg_chat_list(struct sv_tx *tx, const char *room_id, uint64_t before_seq, uint64_t after_seq,
    int32_t limit, struct sv_arena *a, synctv_chat **ret_chat)
{
    struct sv_query q;
    struct sv_rows rows = { .arena = a, .size = sizeof(synctv_chat) };
    int rv;
    sv_query_begin(&q, tx,
        "SELECT " CHAT_COLUMNS " FROM chat WHERE room_id = $1 AND seq < $2 AND seq > $3"
        " AND is_deletion = 0 ORDER BY seq DESC LIMIT $4");
    sv_query_text(&q, room_id);
    sv_query_int(&q, before_seq == 0 || before_seq > INT64_MAX ? INT64_MAX : (int64_t)before_seq);
    sv_query_int(&q, after_seq > INT64_MAX ? INT64_MAX : (int64_t)after_seq);
    sv_query_int(&q, limit < 0 ? 0 : limit);
    while (sv_query_next(&q) > 0) {
        synctv_chat *chat = sv_rows_push(&rows);
        if (chat == NULL)
            return sv_query_end(&q, SYNCTV_E_NO_MEMORY);
        get_chat(&q, a, chat);
    }
    rv = sv_query_end(&q, rows.n);
    if (rv >= 0)
        *ret_chat = (synctv_chat *)rows.items;
    return rv;
}

int sv_pg_chat_after(struct sv_tx *tx, const char *room_id, uint64_t after_seq, int32_t limit,
    struct sv_arena *a, struct sv_chat_rec **ret_rows)
{
    struct sv_query q;
    struct sv_rows rows = { .arena = a, .size = sizeof(struct sv_chat_rec) };
    sv_query_begin(&q, tx,
        "SELECT " CHAT_COLUMNS ", is_deletion FROM chat WHERE room_id = $1 AND seq > $2"
        " ORDER BY seq LIMIT $3");
    sv_query_text(&q, room_id);
    sv_query_int(&q, after_seq > INT64_MAX ? INT64_MAX : (int64_t)after_seq);
    sv_query_int(&q, limit < 0 ? 0 : limit);
    while (sv_query_next(&q) > 0) {
        struct sv_chat_rec *rec = sv_rows_push(&rows);
        if (rec == NULL)
            return sv_query_end(&q, SYNCTV_E_NO_MEMORY);
        get_chat(&q, a, &rec->chat);
        rec->is_deletion = sv_query_get_int(&q, 8) != 0;
    }
    int rv = sv_query_end(&q, rows.n);
    if (rv >= 0)
        *ret_rows = (struct sv_chat_rec *)rows.items;
    return rv;
}

int sv_pg_chat_get(struct sv_tx *tx, const char *room_id, const char *message_id,
    struct sv_arena *a, synctv_chat *ret)
{
    struct sv_query q;
    synctv_chat chat;
    sv_query_begin(&q, tx,
        "SELECT " CHAT_COLUMNS " FROM chat WHERE room_id = $1 AND message_id = $2"
        " AND is_deletion = 0 LIMIT 1");
    sv_query_text(&q, room_id);
    sv_query_text(&q, message_id);
    int rv = sv_query_next(&q);
    if (rv > 0)
        get_chat(&q, a, &chat);
    rv = sv_query_end(&q, rv);
    if (rv > 0)
        *ret = chat;
    return rv < 0 ? rv : rv == 0 ? SYNCTV_E_MESSAGE_NOT_FOUND : 0;
}

int sv_pg_chat_delete(struct sv_tx *tx, const synctv_chat *deletion, int32_t keep,
    uint64_t *ret_seq)
{
    struct sv_query q;
    const synctv_chat row = {
        .room_id = deletion->room_id,
        .message_id = deletion->message_id,
        .user_id = deletion->user_id,
        .timestamp_ms = deletion->timestamp_ms,
    };
    sv_query_begin(&q, tx,
        "DELETE FROM chat WHERE room_id = $1 AND message_id = $2 AND is_deletion = 0");
    sv_query_text(&q, row.room_id);
    sv_query_text(&q, row.message_id);
    int rv = sv_query_run(&q);
    if (rv <= 0)
        return rv < 0 ? rv : SYNCTV_E_MESSAGE_NOT_FOUND;
    rv = append(tx, &row, true, keep, ret_seq);
    return rv < 0 ? rv : rv == 0 ? SYNCTV_E_ROOM_NOT_FOUND : 0;
}
