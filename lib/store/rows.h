/* SPDX-License-Identifier: MIT */
/* A list that grows row by row. */
#ifndef SV_STORE_ROWS_H
#define SV_STORE_ROWS_H

#include "base/arena.h"

/* An array in an arena that grows. */
struct sv_rows {
    struct sv_arena *arena;
    /* The size of an item. */
    size_t size;
    char *items;
    int n, capacity;
};

/* Adds an item of zeros and returns it; NULL when out of memory. Earlier items may move. */
void *sv_rows_push(struct sv_rows *rows);

#endif
