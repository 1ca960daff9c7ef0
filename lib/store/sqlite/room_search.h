/* SPDX-License-Identifier: MIT */
/* The search index over the names of rooms: what is stored, and how it is asked. */
#ifndef SV_STORE_SQLITE_ROOM_SEARCH_H
#define SV_STORE_SQLITE_ROOM_SEARCH_H

#include "base/arena.h"

/* The form of a name that is searched. A name that cannot be folded is taken as it is. */
int sv_room_fold(struct sv_arena *a, const char *name, const char **ret_fold);
/*
 * The row of room_search for a folded name: all its grams in hex, with a space between. NULL when
 * out of memory.
 */
const char *sv_room_grams(struct sv_arena *a, const char *fold);
/*
 * An FTS5 query that every name with `fold` in it matches, and some others do, too; "" if `fold` is
 * empty. NULL when out of memory.
 */
const char *sv_room_match(struct sv_arena *a, const char *fold);

#endif
