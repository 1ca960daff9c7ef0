/* SPDX-License-Identifier: MIT */
/* The search over the names of rooms: what all databases store, and how it is asked. */
#ifndef SV_STORE_ROOM_SEARCH_H
#define SV_STORE_ROOM_SEARCH_H

#include "base/arena.h"

/*
 * The most rooms that are looked at for one page, a few milliseconds' worth: a name can have all
 * grams of a search and not match.
 */
#define SV_ROOM_WALK_MAX_ROWS 500

/* The year 2248. */
#define SV_ROOM_CREATED_MAX_MS ((INT64_C(1) << 43) - 1)

/* The form of a name that is searched. A name that cannot be folded is taken as it is. */
int sv_room_fold(struct sv_arena *a, const char *name, const char **ret_fold);
/* All grams of a folded name in hex, with a space behind each. NULL when out of memory. */
const char *sv_room_grams(struct sv_arena *a, const char *fold);
/*
 * Up to 3 grams, in the same form, that every name with `fold` in it has, and some others have,
 * too; "" if `fold` is empty. NULL when out of memory.
 */
const char *sv_room_match(struct sv_arena *a, const char *fold);

#endif
