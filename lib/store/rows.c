/* SPDX-License-Identifier: MIT */
#include "store/rows.h"

#include <limits.h>
#include <string.h>

void *sv_rows_push(struct sv_rows *rows)
{
    if (rows->n == rows->capacity) {
        if (rows->capacity > INT_MAX / 2)
            return NULL;
        int capacity = rows->capacity == 0 ? 16 : rows->capacity * 2;
        char *items = sv_arena_array(rows->arena, (size_t)capacity, rows->size);
        if (items == NULL)
            return NULL;
        if (rows->n > 0)
            memcpy(items, rows->items, (size_t)rows->n * rows->size);
        rows->items = items;
        rows->capacity = capacity;
    }
    return rows->items + (size_t)rows->n++ * rows->size;
}
