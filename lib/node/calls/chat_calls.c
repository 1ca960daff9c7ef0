/* SPDX-License-Identifier: MIT */
/* Chat, which is stored, and danmaku, which is not stored. */
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "core/validate.h"
#include "node/calls/answer.h"
#include "node/calls/guard.h"
#include "node/calls/handlers.h"
#include "node/rooms/apply.h"
#include "node/rooms/chat.h"
#include "node/rooms/follow.h"
#include "node/rooms/load.h"
#include "node/rooms/share.h"
#include "node/rooms/tell.h"

/* So many of the newest messages of a room are kept. */
#define KEEP_CHAT 500

/* --- SendChat --- */

struct chat {
    char id[SV_ID_SIZE];
    /* As stored: the new one, or the one that was there already. */
    synctv_chat message;
    bool is_resend;
};

static int chat_run(struct sv_call *c, struct sv_tx *tx)
{
    struct chat *chat = c->state;
    struct sv_caller_rights rights;
    int rv = sv_rights_load(c, tx, c->req->room_id, &c->arena, &rights);
    if (rv == 0)
        rv = sv_rights_need(c, &rights, SYNCTV_PERM_SEND_CHAT);
    if (rv < 0)
        return rv;
    const synctv_chat message = {
        .room_id = c->req->room_id,
        .message_id = chat->id,
        .user_id = c->actor.user_id,
        .username = c->actor.username,
        .content = c->req->content,
        .timestamp_ms = sv_node_now_ms(c->node),
        .client_message_id = sv_str(c->req->message_id),
    };
    synctv_chat existing;
    uint64_t seq = 0;
    rv = tx->ops->chat_insert(tx, &message, KEEP_CHAT, &seq, &c->arena, &existing);
    if (rv < 0)
        return rv;
    chat->is_resend = rv == 1;
    chat->message = chat->is_resend ? existing : message;
    if (!chat->is_resend)
        chat->message.seq = seq;
    return 0;
}

/*
 * Sends the event to the room. The stream that the message came on gets it once in any case, as the
 * acknowledgement. `event` is NULL if there was no memory for it.
 */
static void chat_send_event(struct sv_call *c, const synctv_event *event, const struct chat *chat)
{
    const struct sv_room_change change = {
        .room_id = c->req->room_id,
        .event = event,
        .chat_seq = chat->message.seq,
    };
    struct sv_stream *stream = sv_stream_of_call(c);
    struct sv_room *room = chat->is_resend ? NULL : sv_room_commit(c->node, &change);
    bool hears = stream == NULL || (room != NULL && sv_stream_hears(stream, room));
    if (room != NULL)
        sv_room_leave(room);
    if (!hears && event != NULL)
        sv_stream_push(stream, event);
    else if (!hears)
        sv_stream_end(stream, SYNCTV_E_NO_MEMORY, NULL);
    synctv_event_unref(event);
}

static void chat_done(struct sv_call *c)
{
    const struct chat *chat = c->state;
    const struct sv_chat_rec rec = { .chat = chat->message };
    chat_send_event(c, sv_chat_event(c->node, &rec), chat);
    sv_call_end(c, sv_answer_chat(c, &chat->message));
}

void sv_handle_send_chat(struct sv_call *c)
{
    int rv = sv_call_begin(c, sizeof(struct chat));
    if (rv == 0)
        rv = sv_chat_validate(c->req->content, &c->err);
    if (rv == 0)
        rv = sv_message_id_validate(c->req->message_id, &c->err);
    if (rv == 0)
        rv = sv_node_new_id(c->node, ((struct chat *)c->state)->id);
    sv_step_write_room(c, rv, "", chat_run, chat_done);
}

/* --- SendDanmaku --- */

static const synctv_event *danmaku_event(struct sv_call *c, const synctv_danmaku *danmaku)
{
    synctv_event *event = sv_event_new(SYNCTV_EVENT_DANMAKU);
    if (event == NULL)
        return NULL;
    struct sv_arena *a = sv_event_arena(event);
    synctv_danmaku *copy = sv_arena_alloc(a, sizeof(*copy));
    if (copy == NULL || sv_danmaku_copy(a, danmaku, copy) < 0) {
        synctv_event_unref(event);
        return NULL;
    }
    event->danmaku = copy;
    event->message_id = copy->message_id;
    event->timestamp_ms = copy->timestamp_ms;
    event->room_id = copy->room_id;
    event->actor_id = copy->user_id;
    return event;
}

/*
 * Whether there is more danmaku in the room than anybody could read. Then it is dropped without an
 * error.
 */
static bool is_flooded(struct sv_room *room)
{
    double per_second = room->node->limits.room_danmaku_per_second;
    const struct sv_rate rate = {
        .per_second = per_second,
        .burst = per_second < 1 ? 1 : per_second,
    };
    return sv_bucket_take(&room->danmaku_rate, &rate, sv_node_mono_ms(room->node)) != 0;
}

/* Locked. */
static int danmaku_send(struct sv_call *c, struct sv_room *room)
{
    int rv = sv_call_need_in_room(c, room, SYNCTV_PERM_SEND_CHAT);
    if (rv < 0)
        return rv;
    if (is_flooded(room))
        return 0;
    const synctv_event *event = danmaku_event(c, c->state);
    if (event == NULL)
        return SYNCTV_E_NO_MEMORY;
    sv_danmaku_ring_push(&room->danmaku, synctv_event_ref(event), sv_node_mono_ms(room->node));
    sv_share_danmaku(room, event);
    sv_room_tell(room, event);
    return 0;
}

/* Validation fills in content and colour, which point into the request: so it is copied first. */
static int danmaku_fill(struct sv_call *c, synctv_danmaku *danmaku)
{
    int rv = sv_call_keep(c);
    if (rv == 0)
        rv = sv_danmaku_validate(c->req, danmaku, &c->err);
    if (rv < 0)
        return rv;
    char id[SV_ID_SIZE];
    rv = sv_node_new_id(c->node, id);
    if (rv < 0)
        return rv;
    danmaku->room_id = c->req->room_id;
    danmaku->message_id = sv_arena_strdup(&c->arena, id);
    danmaku->user_id = c->actor.user_id;
    danmaku->username = c->actor.username;
    danmaku->timestamp_ms = c->received_ms;
    return danmaku->message_id == NULL ? SYNCTV_E_NO_MEMORY : 0;
}

void sv_handle_send_danmaku(struct sv_call *c)
{
    int rv = sv_call_begin(c, sizeof(synctv_danmaku));
    if (rv == 0)
        rv = sv_message_id_validate(c->req->message_id, &c->err);
    if (rv == 0)
        rv = danmaku_fill(c, c->state);
    sv_step_act_in_room(c, rv, danmaku_send);
}

/* --- GetChatHistory --- */

struct history {
    int32_t limit;
    synctv_chat *messages;
    int n;
};

static int history_run(struct sv_call *c, struct sv_tx *tx)
{
    struct history *history = c->state;
    const synctv_request *req = c->req;
    struct sv_caller_rights rights;
    int rv = sv_rights_load(c, tx, req->room_id, &c->arena, &rights);
    if (rv == 0)
        rv = sv_rights_need(c, &rights, SYNCTV_PERM_VIEW_CHAT_HISTORY);
    if (rv == 0)
        rv = history->n = tx->ops->chat_list(tx, req->room_id, req->before_seq, req->after_seq,
            history->limit, &c->arena, &history->messages);
    return rv < 0 ? rv : 0;
}

static int history_fill(struct sv_call *c, const struct history *history)
{
    synctv_result *result = sv_call_result(c);
    if (result == NULL)
        return SYNCTV_E_NO_MEMORY;
    struct sv_arena *a = sv_result_arena(result);
    size_t n = (size_t)history->n;
    synctv_chat *messages = sv_arena_array(a, n + 1, sizeof(*messages));
    if (messages == NULL)
        return SYNCTV_E_NO_MEMORY;
    for (size_t i = 0; i < n; i++) {
        if (sv_chat_copy(a, &history->messages[i], &messages[i]) < 0)
            return SYNCTV_E_NO_MEMORY;
    }
    result->messages = messages;
    result->n_messages = n;
    return 0;
}

static void history_done(struct sv_call *c)
{
    sv_call_end(c, history_fill(c, c->state));
}

void sv_handle_get_chat_history(struct sv_call *c)
{
    int rv = sv_call_begin(c, sizeof(struct history));
    struct history *history = c->state;
    if (rv == 0)
        rv = sv_page_size_validate(c->req->limit, "limit", 50, 100, &history->limit, &c->err);
    sv_step_read(c, rv, history_run, history_done);
}

/* --- DeleteChatMessage --- */

/* That the message still exists and is the caller's own. */
static int check_own_message(struct sv_call *c, struct sv_tx *tx, uint64_t permissions)
{
    synctv_chat message;
    int rv = tx->ops->chat_get(tx, c->req->room_id, c->req->message_id, &c->arena, &message);
    if (rv < 0 || strcmp(message.user_id, c->actor.user_id) == 0)
        return rv;
    return sv_permission_check(permissions, SYNCTV_PERM_DELETE_CHAT, &c->err);
}

static int delete_run(struct sv_call *c, struct sv_tx *tx)
{
    struct sv_caller_rights rights;
    int rv = sv_rights_load(c, tx, c->req->room_id, &c->arena, &rights);
    if (rv == 0)
        rv = sv_rights_need(c, &rights, 0);
    if (rv < 0)
        return rv;
    uint64_t permissions = sv_actor_permissions(&rights.actor, &rights.room.settings);
    if ((permissions & SYNCTV_PERM_DELETE_CHAT) == 0)
        rv = check_own_message(c, tx, permissions);
    if (rv < 0)
        return rv;
    struct sv_chat_rec *rec = c->state;
    *rec = (struct sv_chat_rec){
        .chat = {
            .room_id = c->req->room_id,
            .message_id = c->req->message_id,
            .user_id = c->actor.user_id,
            .timestamp_ms = sv_node_now_ms(c->node),
        },
        .is_deletion = true,
    };
    return tx->ops->chat_delete(tx, &rec->chat, KEEP_CHAT, &rec->chat.seq);
}

static void delete_done(struct sv_call *c)
{
    const struct sv_chat_rec *rec = c->state;
    const synctv_event *event = sv_chat_event(c->node, rec);
    struct sv_room *room = sv_room_commit(c->node,
        &(struct sv_room_change){
            .room_id = c->req->room_id,
            .event = event,
            .chat_seq = rec->chat.seq,
        });
    if (room != NULL)
        sv_room_leave(room);
    synctv_event_unref(event);
    sv_call_finish(c);
}

void sv_handle_delete_chat_message(struct sv_call *c)
{
    int rv = sv_call_begin(c, sizeof(struct sv_chat_rec));
    sv_step_write_room(c, rv, "", delete_run, delete_done);
}
