/* SPDX-License-Identifier: MIT */
/*
 * JoinRoom, in up to three steps:
 *
 *   room in memory   join_plan()     is the caller a member already; is a password needed
 *   hasher           join_verify()   is it the right one
 *   writer           join_run()      decides again, by what is stored: a password that was verified
 *                                    counts only if the room still has it
 */
#include <string.h>

#include "auth/password.h"
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

struct join {
    /* The record that the given password was verified with; "" = no password was needed. */
    const char *verified_hash;
    struct sv_member_rec row;
    synctv_room_settings settings;
    /* 0 = nothing has changed. */
    uint64_t revision;
};

/* A member, or one who waits for approval. */
static bool is_inside(const synctv_member *row)
{
    return sv_is_membership(row) && row->status != SYNCTV_MEMBER_STATUS_BANNED;
}

static bool needs_password(const struct sv_call *c, const synctv_member *row, const char *hash)
{
    return !sv_str_empty(hash) && !is_inside(row) && !c->actor.platform_admin;
}

/* --- the answer --- */

/* Locked. */
static int join_fill(struct sv_call *c, struct sv_room *room, const synctv_member *row)
{
    bool active = row->status == SYNCTV_MEMBER_STATUS_ACTIVE;
    int rv = sv_answer_room(c, room, active ? SV_ROOM_FULL : SV_ROOM_PUBLIC);
    if (rv == 0)
        rv = sv_answer_member(c, row, &room->settings, room);
    if (rv == 0 && active)
        rv = sv_answer_state(c, room);
    if (rv == 0 && active &&
        (sv_permissions_of(&room->settings, row) & SYNCTV_PERM_VIEW_MEMBER_LIST) != 0)
        rv = sv_answer_members(c, room);
    return rv;
}

/* --- the membership --- */

/* The status that the membership will have, or why the caller cannot join. */
static int join_check(struct sv_call *c, const struct sv_actor *actor, int64_t kicked_until_ms,
    int n_members, const synctv_room_settings *settings)
{
    const struct sv_join asked = {
        .actor = actor,
        .kicked_until_ms = sv_kick_holds(c->node, kicked_until_ms) ? kicked_until_ms : 0,
        .now_ms = sv_node_now_ms(c->node),
        .n_members = n_members,
        .default_max_members = c->node->limits.members_per_room,
    };
    return sv_join_check(&asked, settings, &c->err);
}

static int join_decide(struct sv_call *c, struct sv_tx *tx, const struct sv_caller_rights *rights)
{
    const struct join *join = c->state;
    const synctv_member *row = rights->actor.member;
    int n = tx->ops->member_count(tx, c->req->room_id);
    if (n < 0)
        return n;
    int status =
        join_check(c, &rights->actor, rights->member.kicked_until_ms, n, &rights->room.settings);
    if (status < 0)
        return status;
    if (needs_password(c, row, rights->room.password_hash) &&
        strcmp(join->verified_hash, rights->room.password_hash) != 0)
        return SYNCTV_E_ROOM_PASSWORD_WRONG;
    int rv = is_inside(row) ? 0 : sv_call_check_memberships(c, tx, c->actor.user_id);
    return rv < 0 ? rv : status;
}

static int join_run(struct sv_call *c, struct sv_tx *tx)
{
    struct join *join = c->state;
    struct sv_caller_rights rights;
    join->revision = 0;
    int rv = sv_rights_load(c, tx, c->req->room_id, &c->arena, &rights);
    if (rv < 0)
        return rv;
    int status = join_decide(c, tx, &rights);
    if (status < 0)
        return status;

    join->settings = rights.room.settings;
    join->row = rights.member;
    if (is_inside(rights.actor.member) && (int)rights.member.member.status == status)
        return 0;
    if (!is_inside(rights.actor.member)) {
        join->row.member = (synctv_member){
            .room_id = c->req->room_id,
            .user_id = c->actor.user_id,
            .username = c->actor.username,
            .role = SYNCTV_ROOM_ROLE_MEMBER,
            .joined_at_ms = sv_node_now_ms(c->node),
        };
    }
    join->row.member.status = (synctv_member_status)status;
    join->row.kicked_until_ms = 0;
    rv = tx->ops->member_put(tx, &join->row);
    return rv < 0 ? rv : tx->ops->room_touch(tx, c->req->room_id, &join->revision);
}

/* Answers with the room as it is now that the member is in it. */
static void join_answer(struct sv_call *c)
{
    const struct join *join = c->state;
    int rv = sv_call_lock_room(c);
    if (rv == 0) {
        rv = join_fill(c, c->room, &join->row.member);
        pthread_mutex_unlock(&c->room->lock);
    }
    sv_call_end(c, rv);
}

static void join_done(struct sv_call *c)
{
    const struct join *join = c->state;
    const char *user_id = c->actor.user_id;
    if (join->revision != 0) {
        struct sv_room *room = sv_room_commit(c->node,
            &(struct sv_room_change){
                .room_id = c->req->room_id,
                .revision = join->revision,
                .actor_id = user_id,
                .members = { { .what = SYNCTV_MEMBER_CHANGE_JOINED, .row = &join->row } },
                .n_members = 1,
            });
        if (room != NULL)
            sv_room_leave(room);
        if (join->row.member.status == SYNCTV_MEMBER_STATUS_ACTIVE)
            sv_streams_follow_room(c->node, user_id, c->req->room_id);
    }
    sv_call_load_room(c, c->req->room_id, join_answer);
}

/* --- the steps --- */

static void join_verify(struct sv_call *c)
{
    const struct join *join = c->state;
    int rv = sv_password_verify(join->verified_hash, c->req->password);
    if (rv == SYNCTV_E_LOGIN_FAILED)
        rv = SYNCTV_E_ROOM_PASSWORD_WRONG;
    sv_step_write_room(c, rv, "", join_run, join_done);
}

enum step { STEP_ANSWERED, STEP_VERIFY, STEP_WRITE };

/*
 * Answers a member, or says why the caller cannot join: then no password has to be hashed. Else
 * STEP_WRITE. Locked.
 */
static int join_by_memory(struct sv_call *c, struct sv_room *room, const struct sv_actor *actor)
{
    if (is_inside(actor->member) && actor->member->status == SYNCTV_MEMBER_STATUS_ACTIVE) {
        int rv = join_fill(c, room, actor->member);
        return rv < 0 ? rv : STEP_ANSWERED;
    }
    const struct sv_roster *roster = &room->roster;
    const struct sv_roster_entry *entry = sv_roster_get(roster, c->actor.user_id);
    int rv = join_check(c, actor, entry == NULL ? 0 : entry->kicked_until_ms,
        (int)(roster->n_active + roster->n_pending), &room->settings);
    return rv < 0 ? rv : STEP_WRITE;
}

/*
 * The next step, or why the caller cannot join. What is in memory beside other nodes may be of a
 * moment ago, so that there only join_run() says who is a member and who cannot be one. Locked.
 */
static int join_plan(struct sv_call *c, struct sv_room *room)
{
    struct join *join = c->state;
    int rv = sv_call_recheck_in_memory(c);
    if (rv < 0)
        return rv;
    struct sv_actor actor = sv_room_actor(room, &c->actor);
    int step = c->node->alone ? join_by_memory(c, room, &actor) : STEP_WRITE;
    if (step != STEP_WRITE)
        return step;
    if (!needs_password(c, actor.member, room->password_hash))
        return STEP_WRITE;
    if (sv_str_empty(c->req->password))
        return sv_errorf(&c->err, SYNCTV_E_ROOM_PASSWORD_WRONG, "this room takes a password");
    join->verified_hash = sv_arena_strdup(&c->arena, room->password_hash);
    return join->verified_hash == NULL ? SYNCTV_E_NO_MEMORY : STEP_VERIFY;
}

static void join_loaded(struct sv_call *c)
{
    int step = sv_call_lock_room(c);
    if (step == 0) {
        step = join_plan(c, c->room);
        pthread_mutex_unlock(&c->room->lock);
    }
    if (step == STEP_VERIFY) {
        int rv = sv_call_need_rate(c, SV_RATE_HASHES);
        step = rv < 0 ? rv : STEP_VERIFY;
    }
    if (step < 0)
        sv_call_fail(c, step);
    else if (step == STEP_VERIFY)
        sv_call_hash(c, join_verify);
    else if (step == STEP_WRITE)
        sv_call_write_room(c, "", join_run, join_done);
    else
        sv_call_finish(c);
}

void sv_handle_join_room(struct sv_call *c)
{
    int rv = sv_call_begin(c, sizeof(struct join));
    if (rv == 0)
        rv = sv_room_password_validate(c->req->password, &c->err);
    if (rv == 0 && c->actor.is_system)
        rv = sv_errorf(&c->err, SYNCTV_E_PERMISSION_DENIED, "the system is nobody's member");
    if (rv == 0)
        ((struct join *)c->state)->verified_hash = "";
    sv_step_load_room(c, rv, join_loaded);
}
