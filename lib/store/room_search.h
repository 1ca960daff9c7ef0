/* SPDX-License-Identifier: MIT */
/* How rooms are found by their name, and what all databases do alike about it. */
#ifndef SV_STORE_ROOM_SEARCH_H
#define SV_STORE_ROOM_SEARCH_H

#include "base/arena.h"

/* A name can have all the grams of a search and not match: so many rooms are looked at for one page, a few milliseconds' worth. */
#define SV_ROOM_WALK_MAX_ROWS 500

#define SV_ROOM_CREATED_MAX_MS ((INT64_C(1) << 43) - 1) /* the year 2248 */

/* The name as it is searched; what cannot be folded is taken as it is. */
int sv_room_fold(struct sv_arena *a, const char *name, const char **ret_fold);
/* All grams of a folded name in hex, with a space behind each. NULL when out of memory. */
const char *sv_room_grams(struct sv_arena *a, const char *fold);
/* Grams that a name must have to contain `fold`, up to 3, in the same form; "" if it is empty. That is necessary, not enough. NULL when
 * out of memory. */
const char *sv_room_match(struct sv_arena *a, const char *fold);

#endif
