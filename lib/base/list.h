/* SPDX-License-Identifier: MIT */
/* Intrusive circular doubly linked list. A node that is not linked points to itself. */
#ifndef SV_BASE_LIST_H
#define SV_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct sv_list {
    struct sv_list *next, *prev;
};

#define SV_CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

static inline void sv_list_init(struct sv_list *l)
{
    l->next = l->prev = l;
}

static inline bool sv_list_empty(const struct sv_list *l)
{
    return l->next == l;
}

static inline void sv_list_append(struct sv_list *head, struct sv_list *item)
{
    item->prev = head->prev;
    item->next = head;
    head->prev->next = item;
    head->prev = item;
}

static inline void sv_list_remove(struct sv_list *item)
{
    item->prev->next = item->next;
    item->next->prev = item->prev;
    sv_list_init(item);
}

/* The first item, unlinked; NULL when empty. */
static inline struct sv_list *sv_list_pop(struct sv_list *head)
{
    struct sv_list *item = head->next;
    if (item == head)
        return NULL;
    sv_list_remove(item);
    return item;
}

/* Moves everything from `from` to the end of `to`. */
static inline void sv_list_splice(struct sv_list *to, struct sv_list *from)
{
    if (sv_list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    sv_list_init(from);
}

/* `it` may be removed inside the loop. */
#define SV_LIST_FOREACH(it, head)                                                                  \
    for (struct sv_list *it = (head)->next, *it##_next = it->next; it != (head);                   \
         it = it##_next, it##_next = it->next)

#endif
