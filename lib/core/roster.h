/* SPDX-License-Identifier: MIT */
/*
 * The members of one room, in memory: a row for each, and for each user who is banned or was kicked
 * a moment ago. sv_roster_get() finds a row in O(1); lists are in the order of (joined_at_ms,
 * user_id). Not thread-safe.
 *
 * Members are the rows with role MEMBER, ADMIN or CREATOR. Other rows can be found by id, but are
 * neither listed nor counted: in a row with role UNSPECIFIED only kicked_until_ms counts.
 */
#ifndef SV_CORE_ROSTER_H
#define SV_CORE_ROSTER_H

#include <synctv/types.h>

struct sv_roster_row;

struct sv_roster_entry {
    /*
     * The entry owns the strings. Only sv_roster_put() changes the row; `online` and `permissions`
     * in it are not used here.
     */
    synctv_member member;
    int64_t kicked_until_ms;

    /* Set by sv_roster_set_online(); sv_roster_put() keeps it. */
    bool online;
};

/* An empty roster is all zeros. */
struct sv_roster {
    struct sv_roster_row *by_user;
    /* The members, by (joined_at_ms, user_id), whatever their status. */
    struct sv_roster_entry **members;
    size_t n_members;
    /* The members who are online, in the same order. */
    struct sv_roster_entry **online;
    size_t n_online;
    /* Of both lists. */
    size_t capacity;
    /* Members by status. */
    size_t n_active;
    size_t n_pending;
    size_t n_banned;
};

void sv_roster_init(struct sv_roster *roster);
void sv_roster_fini(struct sv_roster *roster);

/* NULL if there is no row. */
struct sv_roster_entry *sv_roster_get(const struct sv_roster *roster, const char *user_id);
/*
 * Inserts or replaces the row of member->user_id with a deep copy. An existing entry keeps its
 * address and its presence. `ret_entry` may be NULL.
 * Errors: NO_MEMORY; then nothing has changed.
 */
int sv_roster_put(struct sv_roster *roster, const synctv_member *member, int64_t kicked_until_ms,
    struct sv_roster_entry **ret_entry);
/* Removes the row. Errors: MEMBER_NOT_FOUND. */
int sv_roster_remove(struct sv_roster *roster, const char *user_id);

/*
 * Walk through all rows, members or not, in no particular order; NULL = no more. Take the next
 * entry before you remove the current one.
 */
struct sv_roster_entry *sv_roster_first(const struct sv_roster *roster);
struct sv_roster_entry *sv_roster_next(const struct sv_roster_entry *entry);

/*
 * A page of at most `max` members that come after the key (after_joined_at_ms, after_user_id);
 * INT64_MIN and "" start at the first. No row needs to have that key. Returns how many were written
 * to `ret`.
 */
size_t sv_roster_page(const struct sv_roster *roster, int64_t after_joined_at_ms,
    const char *after_user_id, struct sv_roster_entry **ret, size_t max);
/* A user comes online or goes offline, member or not. */
void sv_roster_set_online(struct sv_roster *roster, struct sv_roster_entry *entry, bool online);
/*
 * At most `max` active members: those online first, each group by join time. Looks at no more than
 * `max` rows besides those of online, pending and banned users.
 */
size_t sv_roster_online_first(const struct sv_roster *roster, struct sv_roster_entry **ret,
    size_t max);

#endif
