/* SPDX-License-Identifier: MIT */
/* CreateRoom, LeaveRoom, GetRoomInfo, ListRooms. */
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
#include "node/rooms/opening.h"
#include "node/rooms/presence.h"

/* --- CreateRoom --- */

struct create {
    char id[SV_ID_SIZE];
    /* "" = none. */
    char password_hash[SV_PASSWORD_RECORD_SIZE];
    struct sv_room_rec room;
    struct sv_member_rec creator;
};

static int create_check(struct sv_call *c)
{
    const synctv_request *req = c->req;
    synctv_error *err = &c->err;
    int rv = sv_call_begin(c, sizeof(struct create));
    if (rv == 0 && c->actor.is_system)
        rv = sv_errorf(err, SYNCTV_E_PERMISSION_DENIED, "the system cannot be a room's creator");
    if (rv == 0)
        rv = sv_room_name_validate(req->name, err);
    if (rv == 0)
        rv = sv_room_description_validate(req->description, err);
    if (rv == 0)
        rv = sv_room_password_validate(req->password, err);
    if (rv == 0)
        rv = sv_settings_validate(req->settings, err);
    if (rv == 0)
        rv = sv_node_new_id(c->node, ((struct create *)c->state)->id);
    return rv;
}

/* Fills in the new rows. A creator has every permission, so any default mask is allowed. */
static void create_fill(struct sv_call *c, struct create *create)
{
    const synctv_request *req = c->req;
    create->room = (struct sv_room_rec){
        .room = {
            .id = create->id,
            .name = req->name,
            .description = sv_str(req->description),
            .creator_id = c->actor.user_id,
            .has_password = create->password_hash[0] != '\0',
            .member_count = 1,
            .created_at_ms = c->received_ms,
            .revision = 1,
        },
        .password_hash = create->password_hash,
    };
    if (req->settings != NULL)
        create->room.settings = *req->settings;
    create->room.room.settings = &create->room.settings;
    create->creator.member = (synctv_member){
        .room_id = create->id,
        .user_id = c->actor.user_id,
        .username = c->actor.username,
        .role = SYNCTV_ROOM_ROLE_CREATOR,
        .status = SYNCTV_MEMBER_STATUS_ACTIVE,
        .joined_at_ms = c->received_ms,
    };
}

static int create_run(struct sv_call *c, struct sv_tx *tx)
{
    struct create *create = c->state;
    int rv = sv_call_recheck(c, tx, &c->arena);
    if (rv == 0)
        rv = sv_call_check_created(c, tx, c->actor.user_id);
    if (rv == 0)
        rv = sv_call_check_memberships(c, tx, c->actor.user_id);
    if (rv < 0)
        return rv;
    create_fill(c, create);
    rv = tx->ops->room_insert(tx, &create->room);
    return rv < 0 ? rv : tx->ops->member_put(tx, &create->creator);
}

static void create_done(struct sv_call *c)
{
    struct create *create = c->state;
    int rv = sv_answer_room_rec(c, &create->room, SV_ROOM_FULL);
    sv_streams_follow_room(c->node, c->actor.user_id, create->id);
    sv_call_end(c, rv);
}

static void create_write(struct sv_call *c)
{
    const struct create *create = c->state;
    sv_call_write(c, create->id, "", create_run, create_done);
}

static void create_hash(struct sv_call *c)
{
    struct create *create = c->state;
    int rv = sv_password_hash(c->req->password, NULL, create->password_hash);
    if (rv < 0)
        sv_call_fail(c, rv);
    else
        create_write(c);
}

void sv_handle_create_room(struct sv_call *c)
{
    int rv = create_check(c);
    if (rv < 0)
        sv_call_fail(c, rv);
    else if (sv_request_sets_room_password(c->req))
        sv_call_hash(c, create_hash);
    else
        create_write(c);
}

/* --- LeaveRoom --- */

struct leave {
    synctv_member gone;
    uint64_t revision;
};

static int leave_run(struct sv_call *c, struct sv_tx *tx)
{
    struct leave *leave = c->state;
    struct sv_caller_rights rights;
    *leave = (struct leave){ .revision = 0 };
    int rv = sv_rights_load(c, tx, c->req->room_id, &c->arena, &rights);
    if (rv < 0)
        return rv;
    struct sv_member_rec *row = &rights.member;
    if (!rights.has_row || row->member.role == SYNCTV_ROOM_ROLE_UNSPECIFIED)
        return SYNCTV_E_NOT_A_MEMBER;
    if (row->member.status == SYNCTV_MEMBER_STATUS_BANNED)
        return SYNCTV_E_MEMBER_BANNED; /* leaving never erases a ban */
    if (row->member.role == SYNCTV_ROOM_ROLE_CREATOR)
        return SYNCTV_E_CREATOR_CANNOT_LEAVE;

    leave->gone = row->member;
    leave->gone.status = SYNCTV_MEMBER_STATUS_UNSPECIFIED;
    rv = tx->ops->member_delete(tx, c->req->room_id, c->actor.user_id);
    return rv < 0 ? rv : tx->ops->room_touch(tx, c->req->room_id, &leave->revision);
}

static void leave_done(struct sv_call *c)
{
    const struct leave *leave = c->state;
    struct sv_room *room = sv_room_commit(c->node,
        &(struct sv_room_change){
            .room_id = c->req->room_id,
            .revision = leave->revision,
            .actor_id = c->actor.user_id,
            .members = { {
                .what = SYNCTV_MEMBER_CHANGE_LEFT,
                .gone = &leave->gone,
                .ends = SYNCTV_E_NOT_A_MEMBER,
            } },
            .n_members = 1,
        });
    if (room != NULL)
        sv_room_leave(room);
    sv_call_finish(c);
}

void sv_handle_leave_room(struct sv_call *c)
{
    int rv = sv_call_begin(c, sizeof(struct leave));
    sv_step_write_room(c, rv, "", leave_run, leave_done);
}

/* --- GetRoomInfo --- */

/* Everybody who knows the id sees what is public. The rest is for who may enter. Locked. */
static int info_fill(struct sv_call *c, struct sv_room *room)
{
    int access = sv_call_need_in_room(c, room, 0);
    bool inside = access == SV_ACCESS_MEMBER || access == SV_ACCESS_ADMIN;
    int rv = sv_answer_room(c, room, inside ? SV_ROOM_FULL : SV_ROOM_PUBLIC);
    if (rv < 0 || access < 0)
        return rv;
    rv = sv_answer_state(c, room);
    if (rv == 0 && (sv_room_permissions(room, &c->actor) & SYNCTV_PERM_VIEW_MEMBER_LIST) != 0)
        rv = sv_answer_members(c, room);
    return rv;
}

void sv_handle_get_room_info(struct sv_call *c)
{
    sv_step_act_in_room(c, sv_call_begin(c, 0), info_fill);
}

/* --- ListRooms --- */

struct list {
    struct sv_room_query query;
    char before_id[SV_ID_SIZE];
    int32_t size;
    synctv_room *rooms;
    int n;
    /* Of rooms that were not looked at; 0 = none. */
    int64_t rest_before_ms;
};

static int list_check(struct sv_call *c)
{
    int rv = sv_call_begin(c, sizeof(struct list));
    struct list *list = c->state;
    if (rv == 0)
        rv = sv_search_validate(c->req->search, &c->err);
    if (rv == 0)
        rv = sv_call_page_size(c, 100, 20, &list->size);
    if (rv == 0)
        rv = sv_page_token_parse(c, &list->query.before_created_at_ms, list->before_id);
    return rv;
}

/* Settings are for active members and platform admins. */
static int hide_settings(struct sv_call *c, struct sv_tx *tx, synctv_room *room)
{
    if (c->actor.platform_admin)
        return 0;
    struct sv_member_rec row;
    int rv = tx->ops->member_get(tx, room->id, c->actor.user_id, &c->arena, &row);
    if (rv < 0 && rv != SYNCTV_E_MEMBER_NOT_FOUND)
        return rv;
    if (rv < 0 || row.member.role == SYNCTV_ROOM_ROLE_UNSPECIFIED ||
        row.member.status != SYNCTV_MEMBER_STATUS_ACTIVE)
        room->settings = NULL;
    return 0;
}

static int list_run(struct sv_call *c, struct sv_tx *tx)
{
    struct list *list = c->state;
    const synctv_request *req = c->req;
    list->n = 0;
    list->rest_before_ms = 0;
    if (c->actor.is_system && (req->mine || req->joined))
        return 0; /* the system has created and joined no room */
    list->query.search = sv_str(req->search);
    list->query.creator_id = req->mine ? c->actor.user_id : "";
    list->query.member_id = req->joined ? c->actor.user_id : "";
    list->query.with_hidden = c->actor.platform_admin;
    list->query.visible_to = c->actor.user_id;
    list->query.before_id = list->before_id;
    list->query.limit = list->size + 1; /* one more tells whether there is another page */
    int n = tx->ops->room_list(tx, &list->query, &c->arena, &list->rooms, &list->rest_before_ms);
    if (n < 0)
        return n;
    for (int i = 0; i < n && i < list->size; i++) {
        int rv = hide_settings(c, tx, &list->rooms[i]);
        if (rv < 0)
            return rv;
    }
    list->n = n;
    return 0;
}

static int list_fill(struct sv_call *c, const struct list *list)
{
    synctv_result *result = sv_call_result(c);
    if (result == NULL)
        return SYNCTV_E_NO_MEMORY;
    struct sv_arena *a = sv_result_arena(result);
    size_t n = (size_t)(list->n < list->size ? list->n : list->size);
    synctv_room *rooms = sv_arena_array(a, n + 1, sizeof(*rooms));
    if (rooms == NULL)
        return SYNCTV_E_NO_MEMORY;
    for (size_t i = 0; i < n; i++) {
        if (sv_room_copy(a, &list->rooms[i], &rooms[i]) < 0)
            return SYNCTV_E_NO_MEMORY;
        rooms[i].online_count = sv_presence_count(c->node, rooms[i].id);
    }
    result->rooms = rooms;
    result->n_rooms = n;
    const char *token = "";
    if (list->n > list->size)
        token = sv_page_token(a, rooms[n - 1].created_at_ms, rooms[n - 1].id);
    else if (list->rest_before_ms > 0)
        token = sv_page_token(a, list->rest_before_ms, "");
    if (token == NULL)
        return SYNCTV_E_NO_MEMORY;
    result->next_page_token = token;
    return 0;
}

static void list_done(struct sv_call *c)
{
    sv_call_end(c, list_fill(c, c->state));
}

void sv_handle_list_rooms(struct sv_call *c)
{
    sv_step_read(c, list_check(c), list_run, list_done);
}
