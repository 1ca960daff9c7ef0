/* SPDX-License-Identifier: MIT */
/*
 * The members of one room, in memory: a row for each, and for who is banned or was kicked a moment ago.
 * Found by user id in O(1), listed by (joined_at_ms, user_id). Not thread-safe.
 *
 * Members are rows with role MEMBER, ADMIN or CREATOR. Other rows (UNSPECIFIED: only kicked_until_ms counts) are found by id
 * but neither listed nor counted.
 */
#ifndef SV_CORE_ROSTER_H
#define SV_CORE_ROSTER_H

#include <synctv/types.h>

struct sv_roster_row;

struct sv_roster_entry {
    synctv_member
        member; /* strings belong to the entry; change rows with sv_roster_put() only. `online` and `permissions`: see below */
    int64_t kicked_until_ms;

    /* By sv_roster_set_online(); kept over sv_roster_put(). */
    bool online;
};

/* An empty roster is all zeros. */
struct sv_roster {
    struct sv_roster_row *by_user;
    struct sv_roster_entry **members; /* listed ones, by (joined_at_ms, user_id) */
    size_t n_members;                 /* listed, whatever their status */
    struct sv_roster_entry **online;  /* those of them who are online, in the same order */
    size_t n_online;
    size_t capacity; /* of both lists */
    size_t n_active; /* of the listed ones, by status */
    size_t n_pending;
    size_t n_banned;
};

void sv_roster_init(struct sv_roster *roster);
void sv_roster_fini(struct sv_roster *roster);

/* NULL if there is no row. */
struct sv_roster_entry *sv_roster_get(const struct sv_roster *roster, const char *user_id);
/*
 * Inserts or replaces the row of member->user_id with a deep copy; an existing entry keeps its address and its presence. `online` and
 * `permissions` are copied as they are: the node sets them where it hands members out.
 * NO_MEMORY: nothing has changed. `ret_entry` may be NULL.
 */
int sv_roster_put(struct sv_roster *roster, const synctv_member *member, int64_t kicked_until_ms,
    struct sv_roster_entry **ret_entry);
/* Forgets the row altogether. MEMBER_NOT_FOUND. */
int sv_roster_remove(struct sv_roster *roster, const char *user_id);

/* The first row, and the one after `entry`, members or not, in no particular order; NULL = no more. The one in hand may be removed
 * only after the next one was taken. */
struct sv_roster_entry *sv_roster_first(const struct sv_roster *roster);
struct sv_roster_entry *sv_roster_next(const struct sv_roster_entry *entry);

/*
 * A page of members behind the key of the last one seen (user_id "" and joined_at_ms INT64_MIN = from the start), at most `max`.
 * The key need not exist any more. Returns how many were written to `ret`.
 */
size_t sv_roster_page(const struct sv_roster *roster, int64_t after_joined_at_ms,
    const char *after_user_id, struct sv_roster_entry **ret, size_t max);
/* Somebody comes or goes; members and others. */
void sv_roster_set_online(struct sv_roster *roster, struct sv_roster_entry *entry, bool online);
/* Active members, those online first, each group by join time, at most `max`. Looks at no more rows than that, those of who is online, pending
 * and banned. */
size_t sv_roster_online_first(const struct sv_roster *roster, struct sv_roster_entry **ret,
    size_t max);

#endif
