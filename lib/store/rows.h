/* SPDX-License-Identifier: MIT */
#ifndef SV_STORE_ROWS_H
#define SV_STORE_ROWS_H

#include "base/arena.h"

/* An array in an arena that grows. */
struct sv_rows {
    struct sv_arena *arena;
    size_t size; /* of an item */
    char *items;
    int n, capacity;
};

/* The place of a new item, zeroed; NULL when out of memory. Earlier items may move. */
void *sv_rows_push(struct sv_rows *rows);

#endif
