/* SPDX-License-Identifier: MIT */
/* Operations: the playback state of a room. */
#include "store/sql/ops.h"
#include "store/sql/rooms.h"

int sv_sql_playback_get(struct sv_tx *tx, const char *room_id, struct sv_arena *a,
    synctv_playback *ret)
{
    struct sv_query q;
    synctv_playback state;
    sv_query_begin(&q, tx, SV_SQL_PLAYBACK_OF_ROOM);
    sv_query_text(&q, room_id);
    sv_query_use_ahead(&q, SV_AHEAD_PLAYBACK, room_id, NULL);
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

#define INSERT_STATE                                                                               \
    "INSERT INTO playback AS old (room_id, movie_id, status, position_s, rate, updated_at_ms,"     \
    " version, cause, actor_id, operation_id, node_id)"
/*
 * Versions are unsigned and numbers in SQL are not: those below zero are the greater ones, and
 * among their like the order is the same.
 */
#define OR_REPLACE_OLDER                                                                           \
    " ON CONFLICT (room_id) DO UPDATE SET movie_id = excluded.movie_id,"                           \
    " status = excluded.status, position_s = excluded.position_s, rate = excluded.rate,"           \
    " updated_at_ms = excluded.updated_at_ms, version = excluded.version,"                         \
    " cause = excluded.cause, actor_id = excluded.actor_id,"                                       \
    " operation_id = excluded.operation_id, node_id = excluded.node_id"                            \
    " WHERE (old.version < 0, old.version, old.node_id)"                                           \
    " < (excluded.version < 0, excluded.version, excluded.node_id)"

int sv_sql_playback_put(struct sv_tx *tx, const synctv_playback *state)
{
    struct sv_query q;
    sv_query_begin_insert(&q, tx,
        INSERT_STATE " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)" OR_REPLACE_OLDER,
        INSERT_STATE " SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11"
                     " WHERE EXISTS (SELECT FROM rooms WHERE id = $1)" OR_REPLACE_OLDER);
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
    int rv = sv_query_run_insert(&q);
    if (rv != 0)
        return rv;
    rv = sv_sql_room_exists(tx, state->room_id);
    return rv < 0 ? rv : rv == 0 ? SYNCTV_E_ROOM_NOT_FOUND : 0;
}
