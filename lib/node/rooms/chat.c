/* SPDX-License-Identifier: MIT */
#include "node/rooms/chat.h"

#include <stdlib.h>

#include "node/rooms/apply.h"
#include "node/rooms/tell.h"
#include "node/rooms/timer.h"
#include "node/streams/stream.h"

#define ROWS_MAX 500
#define RETRY_MS 1000

static bool fill_message(synctv_event *event, const synctv_chat *message)
{
    struct sv_arena *a = sv_event_arena(event);
    synctv_chat *copy = sv_arena_alloc(a, sizeof(*copy));
    if (copy == NULL || sv_chat_copy(a, message, copy) < 0)
        return false;
    event->chat = copy;
    event->message_id = copy->message_id;
    event->timestamp_ms = copy->timestamp_ms;
    event->room_id = copy->room_id;
    event->actor_id = copy->user_id;
    return true;
}

static bool fill_deletion(synctv_event *event, const synctv_chat *row)
{
    struct sv_arena *a = sv_event_arena(event);
    event->room_id = sv_arena_strdup(a, row->room_id);
    event->actor_id = sv_arena_strdup(a, row->user_id);
    event->deleted_message_id = sv_arena_strdup(a, row->message_id);
    event->deletion_seq = row->seq;
    return event->room_id != NULL && event->actor_id != NULL && event->deleted_message_id != NULL;
}

synctv_event *sv_chat_event(synctv_node *node, const struct sv_chat_rec *rec)
{
    synctv_event *event = rec->is_deletion ? sv_node_event_new(node, SYNCTV_EVENT_CHAT_DELETED)
                                           : sv_event_new(SYNCTV_EVENT_CHAT);
    if (event == NULL)
        return NULL;
    if (rec->is_deletion ? fill_deletion(event, &rec->chat) : fill_message(event, &rec->chat))
        return event;
    synctv_event_unref(event);
    return NULL;
}

/* --- what was missed --- */

struct reading {
    struct sv_job job;
    /* Holds a reference. */
    struct sv_room *room;
    uint64_t after_seq;
    struct sv_arena arena;
    struct sv_chat_rec *rows;
    int n_rows;
};

static int reading_run(struct sv_job *job, struct sv_tx *tx)
{
    struct reading *r = SV_CONTAINER_OF(job, struct reading, job);
    sv_arena_fini(&r->arena);
    int rv = r->n_rows =
        tx->ops->chat_after(tx, r->room->id, r->after_seq, ROWS_MAX, &r->arena, &r->rows);
    return rv < 0 ? rv : 0;
}

/* Rows that were trimmed meanwhile are gone for good. Locked. */
static void tell_rows(struct sv_room *room, const struct reading *r)
{
    for (int i = 0; i < r->n_rows; i++) {
        const struct sv_chat_rec *rec = &r->rows[i];
        if (rec->chat.seq <= room->chat_seq)
            continue;
        room->chat_seq = rec->chat.seq;
        sv_room_tell(room, sv_chat_event(room->node, rec));
    }
}

static void retry_later(struct sv_room *room)
{
    room->chat_ms = sv_node_mono_ms(room->node) + RETRY_MS;
    sv_room_schedule(room);
}

static void reading_apply(struct sv_job *job, int rv)
{
    struct reading *r = SV_CONTAINER_OF(job, struct reading, job);
    struct sv_room *room = r->room;
    pthread_mutex_lock(&room->lock);
    room->chat_reading = false;
    if (rv < 0)
        retry_later(room);
    else
        tell_rows(room, r);
    if (rv >= 0 && r->n_rows == ROWS_MAX)
        sv_room_miss_chat(room); /* there may be more */
    pthread_mutex_unlock(&room->lock);
    sv_arena_fini(&r->arena);
    sv_room_unref(room);
    free(r);
}

/* Locked. */
static int start_reading(struct sv_room *room)
{
    struct reading *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return SYNCTV_E_NO_MEMORY;
    r->room = sv_room_ref(room);
    r->after_seq = room->chat_seq;
    r->job.run = reading_run;
    r->job.apply = reading_apply;
    sv_job_set_scope(&r->job, room->id, NULL, NULL);
    r->job.reads_only = true;
    int rv = sv_store_write(room->node->store, &r->job);
    if (rv < 0) {
        sv_room_unref(room);
        free(r);
    }
    return rv;
}

void sv_room_read_chat(struct sv_room *room)
{
    pthread_mutex_lock(&room->lock);
    if (!room->gone && !room->chat_reading) {
        room->chat_reading = start_reading(room) >= 0;
        if (!room->chat_reading)
            retry_later(room);
    }
    pthread_mutex_unlock(&room->lock);
}
