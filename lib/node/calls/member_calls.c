/* SPDX-License-Identifier: MIT */
/*
 * What members with a permission do to other members. Each run() checks the rows of both and writes
 * the target's. After COMMIT that row goes into memory and an event to the room.
 */
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "core/validate.h"
#include "node/calls/answer.h"
#include "node/calls/guard.h"
#include "node/calls/handlers.h"
#include "node/rooms/apply.h"
#include "node/rooms/clock.h"
#include "node/rooms/load.h"
#include "node/rooms/opening.h"

struct change {
    /* The target's, as it is now. */
    struct sv_member_rec row;
    /* Who is no member any more. */
    synctv_member gone;
    /* Of the room. */
    synctv_room_settings settings;
    /* 0 = nothing has changed. */
    uint64_t revision;
};

/* --- what the run() functions share --- */

/* Loads the caller's rights and checks that they have the permissions `needed`. */
static int load_rights(struct sv_call *c, struct sv_tx *tx, uint64_t needed,
    struct sv_caller_rights *ret)
{
    struct change *change = c->state;
    *change = (struct change){ .revision = 0 };
    int rv = sv_rights_load(c, tx, c->req->room_id, &c->arena, ret);
    if (rv < 0)
        return rv;
    change->settings = ret->room.settings;
    return sv_rights_need_member(c, ret, needed);
}

/* The same, and loads the target's row: MEMBER_NOT_FOUND if they are no member or banned. */
static int load_rights_and_target(struct sv_call *c, struct sv_tx *tx, uint64_t needed,
    struct sv_caller_rights *ret)
{
    struct change *change = c->state;
    int rv = load_rights(c, tx, needed, ret);
    if (rv == 0)
        rv = tx->ops->member_get(tx, c->req->room_id, c->req->user_id, &c->arena, &change->row);
    if (rv < 0)
        return rv;
    const synctv_member *target = &change->row.member;
    if (!sv_is_membership(target) || target->status == SYNCTV_MEMBER_STATUS_BANNED)
        return SYNCTV_E_MEMBER_NOT_FOUND;
    return sv_act_on_check(&ret->actor, &ret->room.settings, target, needed, &c->err);
}

/* Loads the target's row. For a user who has none it makes a row with this role. */
static int load_row_or_user(struct sv_call *c, struct sv_tx *tx, synctv_room_role role,
    struct sv_member_rec *row)
{
    struct sv_user_rec user;
    int rv = tx->ops->member_get(tx, c->req->room_id, c->req->user_id, &c->arena, row);
    if (rv < 0 && rv != SYNCTV_E_MEMBER_NOT_FOUND)
        return rv;
    if (rv == 0 && row->member.role != SYNCTV_ROOM_ROLE_UNSPECIFIED)
        return 0;
    rv = tx->ops->user_get(tx, c->req->user_id, &c->arena, &user);
    if (rv < 0)
        return rv;
    *row = (struct sv_member_rec){
        .member = {
            .room_id = c->req->room_id,
            .user_id = c->req->user_id,
            .username = user.user.username,
            .role = role,
            .joined_at_ms = sv_node_now_ms(c->node),
        },
    };
    return 0;
}

static int store_row(struct sv_call *c, struct sv_tx *tx)
{
    struct change *change = c->state;
    int rv = tx->ops->member_put(tx, &change->row);
    return rv < 0 ? rv : tx->ops->room_touch(tx, c->req->room_id, &change->revision);
}

/* Somebody who is no member any more, as the event names them. */
static synctv_member former_member(const synctv_member *member)
{
    synctv_member nobody = *member;
    nobody.status = SYNCTV_MEMBER_STATUS_UNSPECIFIED;
    nobody.added_permissions = 0;
    nobody.removed_permissions = 0;
    return nobody;
}

/* --- what the handlers share --- */

static void handle(struct sv_call *c, int (*run)(struct sv_call *, struct sv_tx *),
    void (*done)(struct sv_call *))
{
    int rv = sv_call_begin(c, sizeof(struct change));
    if (rv == 0)
        rv = sv_reason_validate(c->req->reason, &c->err);
    sv_step_write_room(c, rv, c->req->user_id, run, done);
}

/*
 * Updates memory and sends the room an event, if anything has changed. Returns the room, locked, or
 * NULL if it is not in memory.
 */
static struct sv_room *commit(struct sv_call *c, struct sv_member_diff diff)
{
    const struct change *change = c->state;
    if (change->revision == 0)
        return sv_room_enter(c->node, c->req->room_id);
    return sv_room_commit(c->node,
        &(struct sv_room_change){
            .room_id = c->req->room_id,
            .revision = change->revision,
            .actor_id = c->actor.user_id,
            .reason = c->req->reason,
            .members = { diff },
            .n_members = 1,
        });
}

/* Commits the change and answers with the member. */
static void answer_row(struct sv_call *c, synctv_member_change what)
{
    const struct change *change = c->state;
    struct sv_room *room = commit(c, (struct sv_member_diff){ .what = what, .row = &change->row });
    int rv = sv_answer_member(c, &change->row.member, &change->settings, room);
    if (room != NULL)
        sv_room_leave(room);
    sv_call_end(c, rv);
}

/* Sends the room the event, the target included. Then the target's streams end with `code`. */
static void commit_removal(struct sv_call *c, synctv_member_change what, int code)
{
    const struct change *change = c->state;
    struct sv_room *room = commit(c,
        (struct sv_member_diff){
            .what = what,
            .row = &change->row,
            .gone = &change->gone,
            .ends = code,
        });
    if (room != NULL)
        sv_room_leave(room);
}

/* --- ApproveMember --- */

static int approve_run(struct sv_call *c, struct sv_tx *tx)
{
    struct change *change = c->state;
    struct sv_caller_rights rights;
    int rv = load_rights_and_target(c, tx, SYNCTV_PERM_APPROVE_MEMBER, &rights);
    if (rv < 0)
        return rv;
    if (change->row.member.status == SYNCTV_MEMBER_STATUS_ACTIVE)
        return 0;
    change->row.member.status = SYNCTV_MEMBER_STATUS_ACTIVE;
    return store_row(c, tx);
}

static void approve_done(struct sv_call *c)
{
    const struct change *change = c->state;
    if (change->revision == 0) {
        answer_row(c, SYNCTV_MEMBER_CHANGE_APPROVED);
        return;
    }
    synctv_node *node = c->node;
    char user_id[SV_ID_SIZE], room_id[SV_ID_SIZE];
    memcpy(user_id, c->req->user_id, SV_ID_SIZE);
    memcpy(room_id, c->req->room_id, SV_ID_SIZE);
    answer_row(c, SYNCTV_MEMBER_CHANGE_APPROVED); /* ends the call */
    sv_streams_follow_room(node, user_id, room_id);
}

void sv_handle_approve_member(struct sv_call *c)
{
    handle(c, approve_run, approve_done);
}

/* --- KickMember --- */

/*
 * A member who is not banned. Where guests are allowed, any user: storage does not know which
 * guests are in the room.
 */
static int kick_target(struct sv_call *c, struct sv_tx *tx, struct sv_member_rec *row)
{
    int rv = load_row_or_user(c, tx, SYNCTV_ROOM_ROLE_GUEST, row);
    if (rv == SYNCTV_E_USER_NOT_FOUND)
        return SYNCTV_E_MEMBER_NOT_FOUND;
    if (rv < 0)
        return rv;
    const struct change *change = c->state;
    bool is_guest = row->member.role == SYNCTV_ROOM_ROLE_GUEST && change->settings.allow_guests;
    if ((!sv_is_membership(&row->member) && !is_guest) ||
        row->member.status == SYNCTV_MEMBER_STATUS_BANNED)
        return SYNCTV_E_MEMBER_NOT_FOUND;
    return 0;
}

static int kick_run(struct sv_call *c, struct sv_tx *tx)
{
    struct change *change = c->state;
    struct sv_caller_rights rights;
    int rv = load_rights(c, tx, SYNCTV_PERM_KICK_MEMBER, &rights);
    if (rv == 0)
        rv = kick_target(c, tx, &change->row);
    if (rv == 0)
        rv = sv_act_on_check(&rights.actor, &rights.room.settings, &change->row.member,
            SYNCTV_PERM_KICK_MEMBER, &c->err);
    if (rv < 0)
        return rv;
    change->gone = former_member(&change->row.member);
    /* The row stays, to keep them away for a while. */
    change->row.member = former_member(&change->row.member);
    change->row.member.role = SYNCTV_ROOM_ROLE_UNSPECIFIED;
    change->row.kicked_until_ms = sv_node_now_ms(c->node) + SV_KICK_PAUSE_MS;
    return store_row(c, tx);
}

static void kick_done(struct sv_call *c)
{
    commit_removal(c, SYNCTV_MEMBER_CHANGE_KICKED, SYNCTV_E_MEMBER_KICKED);
    sv_call_finish(c);
}

void sv_handle_kick_member(struct sv_call *c)
{
    handle(c, kick_run, kick_done);
}

/* --- BanMember --- */

static int ban_run(struct sv_call *c, struct sv_tx *tx)
{
    struct change *change = c->state;
    struct sv_caller_rights rights;
    int rv = load_rights(c, tx, SYNCTV_PERM_BAN_MEMBER, &rights);
    if (rv == 0)
        rv = load_row_or_user(c, tx, SYNCTV_ROOM_ROLE_MEMBER, &change->row);
    if (rv == 0)
        rv = sv_act_on_check(&rights.actor, &rights.room.settings, &change->row.member,
            SYNCTV_PERM_BAN_MEMBER, &c->err);
    if (rv < 0)
        return rv;
    synctv_member *target = &change->row.member;
    if (target->status == SYNCTV_MEMBER_STATUS_BANNED)
        return 0;
    /* The role stays: only who may act on an admin can unban one. */
    target->status = SYNCTV_MEMBER_STATUS_BANNED;
    target->added_permissions = 0;
    target->removed_permissions = 0;
    change->row.kicked_until_ms = 0;
    change->gone = *target;
    return store_row(c, tx);
}

static void ban_done(struct sv_call *c)
{
    const struct change *change = c->state;
    commit_removal(c, SYNCTV_MEMBER_CHANGE_BANNED, SYNCTV_E_MEMBER_BANNED);
    sv_call_end(c, sv_answer_member(c, &change->row.member, &change->settings, NULL));
}

void sv_handle_ban_member(struct sv_call *c)
{
    handle(c, ban_run, ban_done);
}

/* --- UnbanMember --- */

static int unban_run(struct sv_call *c, struct sv_tx *tx)
{
    struct change *change = c->state;
    struct sv_caller_rights rights;
    int rv = load_rights(c, tx, SYNCTV_PERM_BAN_MEMBER, &rights);
    if (rv == 0)
        rv = tx->ops->member_get(tx, c->req->room_id, c->req->user_id, &c->arena, &change->row);
    if (rv < 0)
        return rv;
    if (change->row.member.status != SYNCTV_MEMBER_STATUS_BANNED)
        return SYNCTV_E_MEMBER_NOT_FOUND;
    rv = sv_act_on_check(&rights.actor, &rights.room.settings, &change->row.member,
        SYNCTV_PERM_BAN_MEMBER, &c->err);
    if (rv < 0)
        return rv;
    change->gone = former_member(&change->row.member);
    rv = tx->ops->member_delete(tx, c->req->room_id, c->req->user_id);
    return rv < 0 ? rv : tx->ops->room_touch(tx, c->req->room_id, &change->revision);
}

static void unban_done(struct sv_call *c)
{
    const struct change *change = c->state;
    struct sv_room *room = commit(c,
        (struct sv_member_diff){
            .what = SYNCTV_MEMBER_CHANGE_UNBANNED,
            .gone = &change->gone,
        });
    if (room != NULL)
        sv_room_leave(room);
    sv_call_finish(c);
}

void sv_handle_unban_member(struct sv_call *c)
{
    handle(c, unban_run, unban_done);
}

/* --- SetMemberRole --- */

static int role_run(struct sv_call *c, struct sv_tx *tx)
{
    struct change *change = c->state;
    struct sv_caller_rights rights;
    int rv = load_rights_and_target(c, tx, SYNCTV_PERM_MANAGE_ADMIN, &rights);
    if (rv == 0)
        rv = sv_set_role_check(&rights.actor, &rights.room.settings, &change->row.member,
            c->req->role, &c->err);
    if (rv < 0)
        return rv;
    if (change->row.member.role == c->req->role)
        return 0;
    change->row.member.role = c->req->role;
    return store_row(c, tx);
}

static void role_done(struct sv_call *c)
{
    answer_row(c, SYNCTV_MEMBER_CHANGE_ROLE);
}

void sv_handle_set_member_role(struct sv_call *c)
{
    handle(c, role_run, role_done);
}

/* --- SetMemberPermissions --- */

static int permissions_run(struct sv_call *c, struct sv_tx *tx)
{
    struct change *change = c->state;
    const synctv_request *req = c->req;
    struct sv_caller_rights rights;
    int rv = load_rights_and_target(c, tx, SYNCTV_PERM_SET_MEMBER_PERMISSIONS, &rights);
    synctv_member *target = &change->row.member;
    if (rv == 0)
        rv = sv_set_permissions_check(&rights.actor, &rights.room.settings, target,
            req->added_permissions, req->removed_permissions, &c->err);
    if (rv < 0)
        return rv;
    if (target->added_permissions == req->added_permissions &&
        target->removed_permissions == req->removed_permissions)
        return 0;
    target->added_permissions = req->added_permissions;
    target->removed_permissions = req->removed_permissions;
    return store_row(c, tx);
}

static void permissions_done(struct sv_call *c)
{
    answer_row(c, SYNCTV_MEMBER_CHANGE_PERMISSIONS);
}

void sv_handle_set_member_permissions(struct sv_call *c)
{
    handle(c, permissions_run, permissions_done);
}

/* --- ListMembers --- */

struct list {
    int64_t after_joined_at_ms;
    char after_id[SV_ID_SIZE];
    int32_t size;
};

#define CHUNK 64

/* Up to `max` visible rows behind the key. Returns how many. Locked. */
static size_t list_collect(const struct sv_room *room, const struct list *list,
    uint64_t permissions, struct sv_roster_entry **ret, size_t max)
{
    int64_t joined_at_ms = list->after_id[0] == '\0' ? INT64_MIN : list->after_joined_at_ms;
    const char *id = list->after_id;
    size_t n = 0;
    for (;;) {
        struct sv_roster_entry *chunk[CHUNK];
        size_t got = sv_roster_page(&room->roster, joined_at_ms, id, chunk, CHUNK);
        for (size_t i = 0; i < got && n < max; i++) {
            if ((sv_status_seen_with(chunk[i]->member.status) & permissions) != 0)
                ret[n++] = chunk[i];
        }
        if (got < CHUNK || n == max)
            return n;
        joined_at_ms = chunk[got - 1]->member.joined_at_ms;
        id = chunk[got - 1]->member.user_id;
    }
}

static int32_t list_total(const struct sv_roster *roster, uint64_t permissions)
{
    size_t n = roster->n_active;
    if ((permissions & sv_status_seen_with(SYNCTV_MEMBER_STATUS_PENDING)) != 0)
        n += roster->n_pending;
    if ((permissions & sv_status_seen_with(SYNCTV_MEMBER_STATUS_BANNED)) != 0)
        n += roster->n_banned;
    return (int32_t)n;
}

/* Locked. */
static int list_fill(struct sv_call *c, struct sv_room *room)
{
    const struct list *list = c->state;
    int rv = sv_call_need_in_room(c, room, SYNCTV_PERM_VIEW_MEMBER_LIST);
    if (rv < 0)
        return rv;
    synctv_result *result = sv_call_result(c);
    if (result == NULL)
        return SYNCTV_E_NO_MEMORY;

    uint64_t permissions = sv_room_permissions(room, &c->actor);
    struct sv_roster_entry *found[101]; /* one more tells whether there is another page */
    size_t size = (size_t)list->size;
    size_t n = list_collect(room, list, permissions, found, size + 1);
    bool more = n > size;
    n = more ? size : n;

    struct sv_arena *a = sv_result_arena(result);
    synctv_member *members = sv_arena_array(a, n + 1, sizeof(*members));
    if (members == NULL)
        return SYNCTV_E_NO_MEMORY;
    for (size_t i = 0; i < n; i++) {
        if (sv_room_fill_member(room, found[i], a, &members[i]) < 0)
            return SYNCTV_E_NO_MEMORY;
    }
    if (more) {
        const char *token = sv_page_token(a, members[n - 1].joined_at_ms, members[n - 1].user_id);
        if (token == NULL)
            return SYNCTV_E_NO_MEMORY;
        result->next_page_token = token;
    }
    result->members = members;
    result->n_members = n;
    result->total = list_total(&room->roster, permissions);
    return 0;
}

void sv_handle_list_members(struct sv_call *c)
{
    int rv = sv_call_begin(c, sizeof(struct list));
    struct list *list = c->state;
    if (rv == 0)
        rv = sv_call_page_size(c, 100, 20, &list->size);
    if (rv == 0)
        rv = sv_page_token_parse(c, &list->after_joined_at_ms, list->after_id);
    sv_step_act_in_room(c, rv, list_fill);
}
