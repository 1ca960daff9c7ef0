/* SPDX-License-Identifier: MIT */
/*
 * A page of rooms. It is gathered from one or two sources, then sorted and cut. A source is a walk
 * that ends when it has enough; a database walks in its own way.
 */
#ifndef SV_STORE_SQL_ROOM_LIST_H
#define SV_STORE_SQL_ROOM_LIST_H

#include "store/room_search.h"
#include "store/sql/rooms.h"

struct sv_room_page {
    struct sv_tx *tx;
    const struct sv_room_query *query;
    /* Folded; "" = none. */
    const char *needle;
    /* The grams that it needs, sv_room_match(). */
    const char *grams;
    /* Synctv_room. */
    struct sv_rows rows;
    /* Rooms older than this were not looked at; 0 = all were, or enough of them. */
    int64_t before_ms;
};

/* The rooms of one member or one creator; or all, or those with the grams of a search. */
enum sv_room_source {
    SV_ROOMS_OF_MEMBER,
    SV_ROOMS_HIDDEN_OF_VIEWER,
    SV_ROOMS_OF_CREATOR,
    SV_ROOMS_VISIBLE,
    SV_ROOMS_HIDDEN,
};

/*
 * Adds a source's rooms with the needle that are older than the query's cursor, at least as many as
 * its limit if there are; or sets before_ms, if that is later than what it is. Returns 0 or the
 * error.
 */
typedef int sv_room_gather_fn(struct sv_room_page *p, enum sv_room_source source);

/* As room_list(). */
int sv_sql_room_page(struct sv_tx *tx, const struct sv_room_query *query, sv_room_gather_fn *gather,
    struct sv_arena *a, synctv_room **ret_rooms, int64_t *ret_before_ms);
/* Adds a room if it belongs on the page. Returns 1, 0 or the error. */
int sv_sql_room_page_add(struct sv_room_page *p, const synctv_room *room);

#endif
