/* SPDX-License-Identifier: MIT */
/* Operations: the chat of a room. How a row gets its number is in the folders of the databases. */
#include "store/sql/chat.h"

#include "base/text.h"
#include "store/sql/ops.h"

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

int sv_sql_chat_find_sent(struct sv_tx *tx, const char *sql, const synctv_chat *chat,
    struct sv_arena *a, synctv_chat *ret)
{
    struct sv_query q;
    synctv_chat sent;
    if (sv_str_empty(chat->client_message_id))
        return 0;
    sv_query_begin(&q, tx, sql);
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

int sv_sql_chat_list(struct sv_tx *tx, const char *room_id, uint64_t before_seq, uint64_t after_seq,
    int32_t limit, struct sv_arena *a, synctv_chat **ret_chat)
{
    struct sv_query q;
    struct sv_rows rows = { .arena = a, .size = sizeof(synctv_chat) };
    int rv;
    sv_query_begin(&q, tx,
        "SELECT " SV_SQL_CHAT_COLUMNS " FROM chat WHERE room_id = $1 AND seq < $2 AND seq > $3"
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

int sv_sql_chat_after(struct sv_tx *tx, const char *room_id, uint64_t after_seq, int32_t limit,
    struct sv_arena *a, struct sv_chat_rec **ret_rows)
{
    struct sv_query q;
    struct sv_rows rows = { .arena = a, .size = sizeof(struct sv_chat_rec) };
    sv_query_begin(&q, tx,
        "SELECT " SV_SQL_CHAT_COLUMNS ", is_deletion FROM chat WHERE room_id = $1 AND seq > $2"
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

int sv_sql_chat_get(struct sv_tx *tx, const char *room_id, const char *message_id,
    struct sv_arena *a, synctv_chat *ret)
{
    struct sv_query q;
    synctv_chat chat;
    sv_query_begin(&q, tx,
        "SELECT " SV_SQL_CHAT_COLUMNS " FROM chat WHERE room_id = $1 AND message_id = $2"
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

int sv_sql_chat_remove(struct sv_tx *tx, const char *room_id, const char *message_id)
{
    struct sv_query q;
    sv_query_begin(&q, tx,
        "DELETE FROM chat WHERE room_id = $1 AND message_id = $2 AND is_deletion = 0");
    sv_query_text(&q, room_id);
    sv_query_text(&q, message_id);
    int rv = sv_query_run(&q);
    return rv < 0 ? rv : rv == 0 ? SYNCTV_E_MESSAGE_NOT_FOUND : 0;
}

synctv_chat sv_sql_chat_deletion(const synctv_chat *deletion)
{
    return (synctv_chat){
        .room_id = deletion->room_id,
        .message_id = deletion->message_id,
        .user_id = deletion->user_id,
        .timestamp_ms = deletion->timestamp_ms,
    };
}
