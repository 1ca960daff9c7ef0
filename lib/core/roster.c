/* SPDX-License-Identifier: MIT */
#include "core/roster.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "core/permission.h"

/* A row: the public entry, its link in the table and its text. */
struct sv_roster_row {
    /* First: an entry is its row. */
    struct sv_roster_entry entry;
    UT_hash_handle hh;
    /* room_id, user_id, username in one block; the table's key lies there. */
    char *text;
};

static struct sv_roster_row *row_of(const struct sv_roster_entry *entry)
{
    return (struct sv_roster_row *)entry;
}

/* --- text --- */

/* Gives `member` strings of its own in one new block; NULL when out of memory. */
static char *copy_text(synctv_member *member)
{
    const char *parts[] = { sv_str(member->room_id), sv_str(member->user_id),
        sv_str(member->username) };
    size_t sizes[3], total = 0;
    for (size_t i = 0; i < 3; i++)
        total += sizes[i] = strlen(parts[i]) + 1;
    char *text = malloc(total);
    if (text == NULL)
        return NULL;
    char *to = text;
    for (size_t i = 0; i < 3; i++) {
        memcpy(to, parts[i], sizes[i]);
        parts[i] = to;
        to += sizes[i];
    }
    member->room_id = parts[0];
    member->user_id = parts[1];
    member->username = parts[2];
    return text;
}

/* --- the lists in join order --- */

static size_t *count_of(struct sv_roster *roster, synctv_member_status status)
{
    switch (status) {
    case SYNCTV_MEMBER_STATUS_ACTIVE:
        return &roster->n_active;
    case SYNCTV_MEMBER_STATUS_PENDING:
        return &roster->n_pending;
    case SYNCTV_MEMBER_STATUS_BANNED:
        return &roster->n_banned;
    case SYNCTV_MEMBER_STATUS_UNSPECIFIED:
        break;
    }
    return NULL;
}

/* < 0 if the member comes before the key. */
static int compare_key(const synctv_member *member, int64_t joined_at_ms, const char *user_id)
{
    if (member->joined_at_ms != joined_at_ms)
        return member->joined_at_ms < joined_at_ms ? -1 : 1;
    return strcmp(member->user_id, user_id);
}

/* The first place whose member is not before the key. */
static size_t lower_bound(struct sv_roster_entry *const *list, size_t n, int64_t joined_at_ms,
    const char *user_id)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_key(&list[middle]->member, joined_at_ms, user_id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int reserve(struct sv_roster *roster)
{
    if (roster->n_members < roster->capacity)
        return 0;
    size_t capacity = roster->capacity > 0 ? roster->capacity * 2 : 8;
    struct sv_roster_entry **members = reallocarray(roster->members, capacity, sizeof(*members));
    if (members == NULL)
        return SYNCTV_E_NO_MEMORY;
    roster->members = members;
    struct sv_roster_entry **online = reallocarray(roster->online, capacity, sizeof(*online));
    if (online == NULL)
        return SYNCTV_E_NO_MEMORY;
    roster->online = online;
    roster->capacity = capacity;
    return 0;
}

/* The list has room for it. */
static void put_in(struct sv_roster_entry **list, size_t *n, struct sv_roster_entry *entry)
{
    size_t i = lower_bound(list, *n, entry->member.joined_at_ms, entry->member.user_id);
    memmove(&list[i + 1], &list[i], (*n - i) * sizeof(list[0]));
    list[i] = entry;
    ++*n;
}

/* The entry is in the list. */
static void take_out(struct sv_roster_entry **list, size_t *n, const struct sv_roster_entry *entry)
{
    size_t i = lower_bound(list, *n, entry->member.joined_at_ms, entry->member.user_id);
    --*n;
    memmove(&list[i], &list[i + 1], (*n - i) * sizeof(list[0]));
}

static void list_insert(struct sv_roster *roster, struct sv_roster_entry *entry)
{
    const synctv_member *m = &entry->member;
    if (!sv_is_membership(m))
        return;
    put_in(roster->members, &roster->n_members, entry);
    if (entry->online)
        put_in(roster->online, &roster->n_online, entry);
    size_t *count = count_of(roster, m->status);
    if (count != NULL)
        ++*count;
}

static void list_remove(struct sv_roster *roster, struct sv_roster_entry *entry)
{
    const synctv_member *m = &entry->member;
    if (!sv_is_membership(m))
        return;
    take_out(roster->members, &roster->n_members, entry);
    if (entry->online)
        take_out(roster->online, &roster->n_online, entry);
    size_t *count = count_of(roster, m->status);
    if (count != NULL)
        --*count;
}

/* --- rows --- */

void sv_roster_init(struct sv_roster *roster)
{
    *roster = (struct sv_roster){ 0 };
}

static void row_free(struct sv_roster_row *row)
{
    free(row->text);
    free(row);
}

void sv_roster_fini(struct sv_roster *roster)
{
    struct sv_roster_row *row = roster->by_user;
    HASH_CLEAR(hh, roster->by_user);
    while (row != NULL) {
        struct sv_roster_row *next = row->hh.next;
        row_free(row);
        row = next;
    }
    free(roster->members);
    free(roster->online);
    sv_roster_init(roster);
}

struct sv_roster_entry *sv_roster_get(const struct sv_roster *roster, const char *user_id)
{
    struct sv_roster_row *row = NULL;
    HASH_FIND_STR(roster->by_user, sv_str(user_id), row);
    return row != NULL ? &row->entry : NULL;
}

static int insert(struct sv_roster *roster, const synctv_member *member, char *text,
    struct sv_roster_row **ret_row)
{
    struct sv_roster_row *row = calloc(1, sizeof(*row));
    if (row == NULL)
        return SYNCTV_E_NO_MEMORY;
    row->entry.member = *member;
    HASH_ADD_KEYPTR(hh, roster->by_user, member->user_id, strlen(member->user_id), row);
    if (row->hh.tbl == NULL) {
        free(row);
        return SYNCTV_E_NO_MEMORY;
    }
    row->text = text;
    list_insert(roster, &row->entry);
    *ret_row = row;
    return 0;
}

static void replace(struct sv_roster *roster, struct sv_roster_row *row,
    const synctv_member *member, char *text)
{
    list_remove(roster, &row->entry);
    free(row->text);
    row->text = text;
    row->entry.member = *member;
    row->hh.key = member->user_id; /* the same key, elsewhere */
    list_insert(roster, &row->entry);
}

int sv_roster_put(struct sv_roster *roster, const synctv_member *member, int64_t kicked_until_ms,
    struct sv_roster_entry **ret_entry)
{
    int rv = reserve(roster);
    if (rv < 0)
        return rv;
    synctv_member copy = *member;
    char *text = copy_text(&copy);
    if (text == NULL)
        return SYNCTV_E_NO_MEMORY;
    struct sv_roster_entry *old = sv_roster_get(roster, copy.user_id);
    struct sv_roster_row *row = old != NULL ? row_of(old) : NULL;
    if (row != NULL) {
        replace(roster, row, &copy, text);
    } else if ((rv = insert(roster, &copy, text, &row)) < 0) {
        free(text);
        return rv;
    }
    row->entry.kicked_until_ms = kicked_until_ms;
    if (ret_entry != NULL)
        *ret_entry = &row->entry;
    return 0;
}

int sv_roster_remove(struct sv_roster *roster, const char *user_id)
{
    struct sv_roster_entry *entry = sv_roster_get(roster, user_id);
    if (entry == NULL)
        return SYNCTV_E_MEMBER_NOT_FOUND;
    struct sv_roster_row *row = row_of(entry);
    list_remove(roster, entry);
    HASH_DEL(roster->by_user, row);
    row_free(row);
    return 0;
}

struct sv_roster_entry *sv_roster_first(const struct sv_roster *roster)
{
    return roster->by_user != NULL ? &roster->by_user->entry : NULL;
}

struct sv_roster_entry *sv_roster_next(const struct sv_roster_entry *entry)
{
    struct sv_roster_row *next = row_of(entry)->hh.next;
    return next != NULL ? &next->entry : NULL;
}

/* --- pages --- */

size_t sv_roster_page(const struct sv_roster *roster, int64_t after_joined_at_ms,
    const char *after_user_id, struct sv_roster_entry **ret, size_t max)
{
    size_t i =
        lower_bound(roster->members, roster->n_members, after_joined_at_ms, sv_str(after_user_id));
    if (i < roster->n_members &&
        compare_key(&roster->members[i]->member, after_joined_at_ms, sv_str(after_user_id)) == 0)
        i++;
    size_t n = roster->n_members - i;
    if (n > max)
        n = max;
    if (n > 0)
        memcpy(ret, &roster->members[i], n * sizeof(ret[0]));
    return n;
}

void sv_roster_set_online(struct sv_roster *roster, struct sv_roster_entry *entry, bool online)
{
    if (entry->online == online)
        return;
    entry->online = online;
    if (!sv_is_membership(&entry->member))
        return;
    if (online)
        put_in(roster->online, &roster->n_online, entry);
    else
        take_out(roster->online, &roster->n_online, entry);
}

size_t sv_roster_online_first(const struct sv_roster *roster, struct sv_roster_entry **ret,
    size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < roster->n_online && n < max; i++) {
        if (roster->online[i]->member.status == SYNCTV_MEMBER_STATUS_ACTIVE)
            ret[n++] = roster->online[i];
    }
    max = max < roster->n_active ? max : roster->n_active;
    for (size_t i = 0; i < roster->n_members && n < max; i++) {
        struct sv_roster_entry *entry = roster->members[i];
        if (entry->member.status == SYNCTV_MEMBER_STATUS_ACTIVE && !entry->online)
            ret[n++] = entry;
    }
    return n;
}
