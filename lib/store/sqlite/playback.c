/* SPDX-License-Identifier: MIT */
/* Operations: the playback state of a room. */
#include <string.h>

#include "base/text.h"
#include "store/sqlite/ops.h"

int sv_sqlite_playback_get(struct sv_tx *tx, const char *room_id, struct sv_arena *a,
    synctv_playback *ret)
{
    struct sv_query q;
    synctv_playback state;
    sv_query_begin(&q, tx,
        "SELECT room_id, movie_id, status, position_s, rate, updated_at_ms, version, cause,"
        " actor_id, operation_id, node_id FROM playback WHERE room_id = ?");
    sv_query_text(&q, room_id);
    int rv = sv_query_next(&q);
    if (rv > 0) {
        state = (synctv_playback){
            .room_id = sv_query_get_text(&q, 0, a),
            .movie_id = sv_query_get_text(&q, 1, a),
            .status =
                (synctv_playback_status)sv_query_get_enum(&q, 2, SYNCTV_PLAYBACK_STATUS_PLAYING),
            .position_s = sv_query_get_double(&q, 3),
            .rate = sv_query_get_double(&q, 4),
            .updated_at_ms = sv_query_get_int(&q, 5),
            .version = sv_query_get_uint(&q, 6),
            .cause = (synctv_state_cause)sv_query_get_enum(&q, 7, SYNCTV_STATE_CAUSE_RESYNC),
            .actor_id = sv_query_get_text(&q, 8, a),
            .operation_id = sv_query_get_text(&q, 9, a),
            .node_id = sv_query_get_text(&q, 10, a),
        };
    }
    rv = sv_query_end(&q, rv);
    if (rv > 0)
        *ret = state;
    return rv;
}

/*
 * Whether the stored state is as new as `state` or newer. Versions are unsigned and numbers in SQL
 * are not, so they are compared here.
 */
static int is_stale(struct sv_tx *tx, const synctv_playback *state)
{
    struct sv_query q;
    sv_query_begin(&q, tx, "SELECT version, node_id FROM playback WHERE room_id = ?");
    sv_query_text(&q, state->room_id);
    int rv = sv_query_next(&q);
    if (rv > 0) {
        uint64_t version = sv_query_get_uint(&q, 0);
        const char *node_id = (const char *)sqlite3_column_text(q.rows, 1);
        rv = version > state->version ||
            (version == state->version && strcmp(sv_str(node_id), sv_str(state->node_id)) >= 0);
    }
    return sv_query_end(&q, rv);
}

int sv_sqlite_playback_put(struct sv_tx *tx, const synctv_playback *state)
{
    struct sv_query q;
    int rv = is_stale(tx, state);
    if (rv != 0)
        return rv < 0 ? rv : 0;
    sv_query_begin(&q, tx,
        "INSERT INTO playback (room_id, movie_id, status, position_s, rate, updated_at_ms, version,"
        " cause, actor_id, operation_id, node_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (room_id) DO UPDATE SET movie_id = excluded.movie_id,"
        " status = excluded.status, position_s = excluded.position_s, rate = excluded.rate,"
        " updated_at_ms = excluded.updated_at_ms, version = excluded.version,"
        " cause = excluded.cause, actor_id = excluded.actor_id,"
        " operation_id = excluded.operation_id, node_id = excluded.node_id");
    sv_query_text(&q, state->room_id);
    sv_query_text(&q, state->movie_id);
    sv_query_int(&q, state->status);
    sv_query_double(&q, state->position_s);
    sv_query_double(&q, state->rate);
    sv_query_int(&q, state->updated_at_ms);
    sv_query_uint(&q, state->version);
    sv_query_int(&q, state->cause);
    sv_query_text(&q, state->actor_id);
    sv_query_text(&q, state->operation_id);
    sv_query_text(&q, state->node_id);
    rv = sv_query_run(&q);
    if (q.is_orphan)
        return SYNCTV_E_ROOM_NOT_FOUND;
    return rv < 0 ? rv : 1;
}
