/* SPDX-License-Identifier: MIT */
/* UpdateRoom, DeleteRoom, TransferRoom. */
#include <string.h>

#include "auth/password.h"
#include "base/error.h"
#include "base/text.h"
#include "core/validate.h"
#include "node/calls/answer.h"
#include "node/calls/guard.h"
#include "node/calls/handlers.h"
#include "node/rooms/apply.h"
#include "node/rooms/load.h"

/* --- UpdateRoom --- */

enum {
    CHANGE_NAME = 1,
    CHANGE_DESCRIPTION = 2,
    CHANGE_SETTINGS = 4,
    CHANGE_PASSWORD = 8,
};

struct update {
    unsigned changes;
    char password_hash[SV_PASSWORD_RECORD_SIZE];
    /* As it is now. */
    struct sv_room_rec room;
    uint64_t revision;
};

static int update_check(struct sv_call *c)
{
    static const char *const names[] = { "name", "description", "settings" };
    int rv = sv_call_begin(c, sizeof(struct update));
    if (rv < 0)
        return rv;
    struct update *update = c->state;
    const synctv_request *req = c->req;
    if (req->has_password)
        update->changes = CHANGE_PASSWORD;
    rv = sv_call_fields(c, names, 3, "takes name, description and settings", &update->changes);
    if (rv == 0 && (update->changes & CHANGE_NAME) != 0)
        rv = sv_room_name_validate(req->name, &c->err);
    if (rv == 0 && (update->changes & CHANGE_DESCRIPTION) != 0)
        rv = sv_room_description_validate(req->description, &c->err);
    if (rv == 0 && (update->changes & CHANGE_SETTINGS) != 0)
        rv = sv_settings_validate(req->settings, &c->err);
    if (rv == 0 && (update->changes & CHANGE_PASSWORD) != 0)
        rv = sv_room_password_validate(req->password, &c->err);
    return rv;
}

static int update_permitted(struct sv_call *c, const struct sv_caller_rights *rights,
    const synctv_room_settings *settings)
{
    const struct update *update = c->state;
    uint64_t needed = 0;
    if ((update->changes & CHANGE_PASSWORD) != 0)
        needed |= SYNCTV_PERM_SET_ROOM_PASSWORD;
    if ((update->changes & ~(unsigned)CHANGE_PASSWORD) != 0)
        needed |= SYNCTV_PERM_SET_ROOM_SETTINGS;
    int rv = sv_rights_need_member(c, rights, needed);
    if (rv == 0 && (update->changes & CHANGE_SETTINGS) != 0)
        rv = sv_set_settings_check(&rights->actor, &rights->room.settings, settings, &c->err);
    return rv;
}

static int update_run(struct sv_call *c, struct sv_tx *tx)
{
    struct update *update = c->state;
    const synctv_request *req = c->req;
    static const synctv_room_settings defaults;
    const synctv_room_settings *settings = req->settings != NULL ? req->settings : &defaults;
    struct sv_caller_rights rights;
    int rv = sv_rights_load(c, tx, req->room_id, &c->arena, &rights);
    if (rv == 0)
        rv = update_permitted(c, &rights, settings);
    if (rv < 0)
        return rv;

    struct sv_room_rec *room = &update->room;
    *room = rights.room;
    room->room.settings = &room->settings;
    if ((update->changes & CHANGE_NAME) != 0)
        room->room.name = req->name;
    if ((update->changes & CHANGE_DESCRIPTION) != 0)
        room->room.description = sv_str(req->description);
    if ((update->changes & CHANGE_SETTINGS) != 0)
        room->settings = *settings;
    if ((update->changes & CHANGE_PASSWORD) != 0) {
        room->password_hash = update->password_hash;
        room->room.has_password = update->password_hash[0] != '\0';
    }
    rv = tx->ops->room_update(tx, room);
    if (rv == 0)
        rv = tx->ops->room_touch(tx, req->room_id, &update->revision);
    room->room.revision = update->revision;
    return rv;
}

/* Updates memory and answers with the room. */
static void room_changed(struct sv_call *c, const struct sv_room_change *change)
{
    struct sv_room *room = sv_room_commit(c->node, change);
    int rv = room != NULL ? sv_answer_room(c, room, SV_ROOM_FULL)
                          : sv_answer_room_rec(c, change->room, SV_ROOM_FULL);
    if (room != NULL)
        sv_room_leave(room);
    sv_call_end(c, rv);
}

static void update_done(struct sv_call *c)
{
    const struct update *update = c->state;
    room_changed(c,
        &(struct sv_room_change){
            .room_id = c->req->room_id,
            .revision = update->revision,
            .actor_id = c->actor.user_id,
            .room = &update->room,
        });
}

static void update_hash(struct sv_call *c)
{
    struct update *update = c->state;
    int rv = sv_password_hash(c->req->password, NULL, update->password_hash);
    sv_step_write_room(c, rv, "", update_run, update_done);
}

void sv_handle_update_room(struct sv_call *c)
{
    int rv = update_check(c);
    if (rv == 0 && sv_request_sets_room_password(c->req))
        sv_call_hash(c, update_hash);
    else
        sv_step_write_room(c, rv, "", update_run, update_done);
}

/* --- DeleteRoom --- */

static int delete_run(struct sv_call *c, struct sv_tx *tx)
{
    struct sv_caller_rights rights;
    int rv = sv_rights_load(c, tx, c->req->room_id, &c->arena, &rights);
    if (rv == 0)
        rv = sv_rights_need_member(c, &rights, SYNCTV_PERM_DELETE_ROOM);
    return rv < 0 ? rv : tx->ops->room_delete(tx, c->req->room_id);
}

static void delete_done(struct sv_call *c)
{
    struct sv_room *room = sv_room_commit(c->node,
        &(struct sv_room_change){
            .room_id = c->req->room_id,
            .actor_id = c->actor.user_id,
            .deleted = true,
        });
    if (room != NULL)
        sv_room_leave(room);
    sv_call_finish(c);
}

void sv_handle_delete_room(struct sv_call *c)
{
    sv_step_write_room(c, sv_call_begin(c, 0), "", delete_run, delete_done);
}

/* --- TransferRoom --- */

struct transfer {
    struct sv_room_rec room;
    struct sv_member_rec to;
    struct sv_member_rec from;
    bool has_from;
    uint64_t revision;
};

/* A creator needs an active membership, an active account, and not too many rooms. */
static int successor_check(struct sv_call *c, struct sv_tx *tx, const synctv_member *successor)
{
    struct sv_user_rec user;
    if (successor->status != SYNCTV_MEMBER_STATUS_ACTIVE)
        return sv_error_field(&c->err, "user_id", "is not an active member of this room");
    int rv = tx->ops->user_get(tx, successor->user_id, &c->arena, &user);
    if (rv < 0)
        return rv;
    if (user.user.status != SYNCTV_USER_STATUS_ACTIVE)
        return sv_error_field(&c->err, "user_id", "has no active account");
    return sv_call_check_created(c, tx, successor->user_id);
}

static int transfer_check(struct sv_call *c, struct sv_tx *tx,
    const struct sv_caller_rights *rights)
{
    struct transfer *t = c->state;
    const synctv_request *req = c->req;
    int rv = sv_rights_need_member(c, rights, 0);
    if (rv < 0)
        return rv;
    if (!c->actor.platform_admin && rights->member.member.role != SYNCTV_ROOM_ROLE_CREATOR)
        return sv_errorf(&c->err, SYNCTV_E_PERMISSION_DENIED, "only its creator hands a room over");
    if (strcmp(req->user_id, rights->room.room.creator_id) == 0)
        return sv_error_field(&c->err, "user_id", "is the room's creator already");
    rv = tx->ops->member_get(tx, req->room_id, req->user_id, &c->arena, &t->to);
    if (rv == 0 && t->to.member.role == SYNCTV_ROOM_ROLE_UNSPECIFIED)
        rv = SYNCTV_E_MEMBER_NOT_FOUND;
    return rv < 0 ? rv : successor_check(c, tx, &t->to.member);
}

/* With a new role, permissions that were added or removed for the old one are dropped. */
static int give_role(struct sv_tx *tx, struct sv_member_rec *row, synctv_room_role role)
{
    row->member.role = role;
    row->member.added_permissions = 0;
    row->member.removed_permissions = 0;
    return tx->ops->member_put(tx, row);
}

static int transfer_run(struct sv_call *c, struct sv_tx *tx)
{
    struct transfer *t = c->state;
    struct sv_caller_rights rights;
    *t = (struct transfer){ .revision = 0 };
    int rv = sv_rights_load(c, tx, c->req->room_id, &c->arena, &rights);
    if (rv == 0)
        rv = transfer_check(c, tx, &rights);
    if (rv < 0)
        return rv;

    const char *old_creator = rights.room.room.creator_id;
    rv = tx->ops->member_get(tx, c->req->room_id, old_creator, &c->arena, &t->from);
    t->has_from = rv == 0;
    if (rv == 0)
        rv = give_role(tx, &t->from, SYNCTV_ROOM_ROLE_ADMIN);
    else if (rv == SYNCTV_E_MEMBER_NOT_FOUND)
        rv = 0;
    if (rv == 0)
        rv = give_role(tx, &t->to, SYNCTV_ROOM_ROLE_CREATOR);
    if (rv < 0)
        return rv;

    t->room = rights.room;
    t->room.room.settings = &t->room.settings;
    t->room.room.creator_id = c->req->user_id;
    rv = tx->ops->room_update(tx, &t->room);
    if (rv == 0)
        rv = tx->ops->room_touch(tx, c->req->room_id, &t->revision);
    t->room.room.revision = t->revision;
    return rv;
}

static void transfer_done(struct sv_call *c)
{
    const struct transfer *t = c->state;
    struct sv_room_change change = {
        .room_id = c->req->room_id,
        .revision = t->revision,
        .actor_id = c->actor.user_id,
        .room = &t->room,
    };
    const struct sv_member_rec *rows[] = { t->has_from ? &t->from : NULL, &t->to };
    for (size_t i = 0; i < 2; i++) {
        if (rows[i] != NULL)
            change.members[change.n_members++] =
                (struct sv_member_diff){ .what = SYNCTV_MEMBER_CHANGE_ROLE, .row = rows[i] };
    }
    room_changed(c, &change);
}

void sv_handle_transfer_room(struct sv_call *c)
{
    int rv = sv_call_begin(c, sizeof(struct transfer));
    sv_step_write_room(c, rv, c->req->user_id, transfer_run, transfer_done);
}
