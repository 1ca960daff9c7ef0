/* SPDX-License-Identifier: MIT */
/* Rooms, their lists and searches, and members. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract.h"

START_TEST(a_room_comes_back_as_it_went_in)
{
    struct contract c;
    struct sv_room_rec got, rec = contract_room("r1", "Kino 🎬", "u00000000001", 1700000000123);
    rec.room.description = "line 1\nline 2";
    rec.room.revision = UINT64_MAX - 5;
    rec.password_hash = "$argon2id$x";
    rec.settings = (synctv_room_settings){
        .hidden = true,
        .allow_guests = true,
        .require_approval = true,
        .max_members = 10000,
        .default_member_permissions = UINT64_MAX,
        .default_admin_permissions = UINT64_C(1) << 63,
        .guest_permissions = SYNCTV_PERM_DEFAULT_GUEST,
        .auto_advance = SYNCTV_AUTO_ADVANCE_SHUFFLE,
        .pause_when_empty = true,
    };
    contract_open(&c, _i);
    contract_begin(&c);
    contract_add_user(&c, 1);
    ck_assert_int_eq(c.op->room_insert(c.tx, &rec), 0);
    ck_assert_int_eq(c.op->room_get(c.tx, "r1", &c.arena, &got), 0);
    ck_assert_str_eq(got.room.id, "r1");
    ck_assert_str_eq(got.room.name, rec.room.name);
    ck_assert_str_eq(got.room.description, rec.room.description);
    ck_assert_str_eq(got.room.creator_id, rec.room.creator_id);
    ck_assert_int_eq(got.room.created_at_ms, rec.room.created_at_ms);
    ck_assert(got.room.revision == rec.room.revision);
    ck_assert(got.room.has_password && !got.room.is_live);
    ck_assert_int_eq(got.room.member_count, 0);
    ck_assert_str_eq(got.password_hash, rec.password_hash);
    ck_assert_ptr_eq(got.room.settings, &got.settings);
    ck_assert(got.settings.hidden && got.settings.allow_guests && got.settings.require_approval);
    ck_assert_int_eq(got.settings.max_members, 10000);
    ck_assert(got.settings.default_member_permissions == UINT64_MAX);
    ck_assert(got.settings.default_admin_permissions == UINT64_C(1) << 63);
    ck_assert(got.settings.guest_permissions == SYNCTV_PERM_DEFAULT_GUEST);
    ck_assert_int_eq(got.settings.auto_advance, SYNCTV_AUTO_ADVANCE_SHUFFLE);
    ck_assert(got.settings.pause_when_empty);

    struct sv_room_rec orphan = contract_room("r2", "x", "nobody", 1);
    ck_assert_int_eq(c.op->room_insert(c.tx, &orphan), SYNCTV_E_USER_NOT_FOUND);
    ck_assert_int_eq(contract_commit(&c), 0);
    contract_close(&c);
}
END_TEST

START_TEST(a_room_is_updated_and_touched)
{
    struct contract c;
    struct sv_room_rec got;
    uint64_t revision = 0;
    const char *id = "r00000000001";
    contract_open(&c, _i);
    contract_begin(&c);
    contract_add_user(&c, 1);
    contract_add_user(&c, 2);
    contract_add_room(&c, 1, "old", 50);
    struct sv_room_rec rec = contract_room(id, "new", "u00000000002", 99);
    rec.password_hash = "p";
    rec.settings.max_members = 7;
    rec.room.revision = 1234;
    ck_assert_int_eq(c.op->room_update(c.tx, &rec), 0);
    ck_assert_int_eq(c.op->room_touch(c.tx, id, &revision), 0);
    ck_assert_uint_eq(revision, 1);
    ck_assert_int_eq(c.op->room_touch(c.tx, id, &revision), 0);
    ck_assert_uint_eq(revision, 2);
    ck_assert_int_eq(c.op->room_get(c.tx, id, &c.arena, &got), 0);
    ck_assert_str_eq(got.room.name, "new");
    ck_assert_str_eq(got.room.creator_id, "u00000000002");
    ck_assert_int_eq(got.room.created_at_ms, 50); /* not among what update writes */
    ck_assert_uint_eq(got.room.revision, 2);
    ck_assert_int_eq(got.room.member_count, 1);
    ck_assert_int_eq(got.settings.max_members, 7);
    ck_assert_int_eq(c.op->room_count_created(c.tx, "u00000000002"), 1);
    ck_assert_int_eq(c.op->room_count_created(c.tx, "u00000000001"), 0);
    contract_commit(&c);
    contract_close(&c);
}
END_TEST

START_TEST(a_room_that_is_not_there_is_not_found)
{
    struct contract c;
    uint64_t revision;
    struct sv_room_rec got, rec = contract_room("nowhere", "x", "u00000000001", 1);
    contract_open(&c, _i);
    contract_begin(&c);
    contract_add_user(&c, 1);
    ck_assert_int_eq(c.op->room_get(c.tx, "nowhere", &c.arena, &got), SYNCTV_E_ROOM_NOT_FOUND);
    ck_assert_int_eq(c.op->room_update(c.tx, &rec), SYNCTV_E_ROOM_NOT_FOUND);
    ck_assert_int_eq(c.op->room_delete(c.tx, "nowhere"), SYNCTV_E_ROOM_NOT_FOUND);
    ck_assert_int_eq(c.op->room_touch(c.tx, "nowhere", &revision), SYNCTV_E_ROOM_NOT_FOUND);
    contract_commit(&c);
    contract_close(&c);
}
END_TEST

/* ---- lists ---- */

static int count(struct contract *c, struct sv_room_query query)
{
    synctv_room *rooms;
    int64_t before_ms;
    query.limit = 1000;
    return c->op->room_list(c->tx, &query, &c->arena, &rooms, &before_ms);
}

static int count_search(struct contract *c, const char *search)
{
    return count(c, (struct sv_room_query){ .search = search });
}

/*
 * Walks all pages of a query; checks the order and that none comes twice. Returns how many rooms.
 */
static int walk(struct contract *c, struct sv_room_query query, int32_t limit)
{
    int total = 0;
    int64_t last_ms = INT64_MAX;
    const char *last_id = "";
    query.limit = limit;
    for (;;) {
        synctv_room *rooms;
        int64_t before_ms = -1;
        int n = c->op->room_list(c->tx, &query, &c->arena, &rooms, &before_ms);
        ck_assert_int_ge(n, 0);
        ck_assert_int_le(n, limit);
        for (int i = 0; i < n; i++) {
            ck_assert(rooms[i].created_at_ms < last_ms ||
                (rooms[i].created_at_ms == last_ms && strcmp(rooms[i].id, last_id) < 0));
            last_ms = rooms[i].created_at_ms;
            last_id = rooms[i].id;
        }
        total += n;
        if (n < limit && before_ms == 0)
            return total;
        ck_assert(before_ms == 0 || (n < limit && before_ms <= last_ms));
        query.before_created_at_ms = before_ms != 0 ? before_ms : last_ms;
        query.before_id = before_ms != 0 ? "" : last_id;
    }
}

START_TEST(pages_of_rooms_go_from_new_to_old_and_miss_none)
{
    struct contract c;
    contract_open(&c, _i);
    contract_begin(&c);
    contract_add_user(&c, 1);
    for (unsigned i = 0; i < 200; i++) /* ids out of order, many in one millisecond, some hidden */
    {
        struct sv_room_rec rec = contract_room(contract_id('r', i * 77 % 200), "a room",
            "u00000000001", 1000 + (int64_t)(i * 13 % 40) * (i % 3));
        rec.settings.hidden = i % 4 == 0;
        ck_assert_int_eq(c.op->room_insert(c.tx, &rec), 0);
    }
    for (int32_t limit = 1; limit < 60; limit += 7) {
        ck_assert_int_eq(walk(&c, (struct sv_room_query){ 0 }, limit), 150);
        ck_assert_int_eq(walk(&c, (struct sv_room_query){ .with_hidden = true }, limit), 200);
        ck_assert_int_eq(walk(&c, (struct sv_room_query){ .search = "ROOM" }, limit), 150);
        ck_assert_int_eq(walk(&c, (struct sv_room_query){ .search = "a" }, limit), 150);
        ck_assert_int_eq(walk(&c, (struct sv_room_query){ .search = "a r", .with_hidden = true },
                             limit),
            200);
        ck_assert_int_eq(walk(&c, (struct sv_room_query){ .creator_id = "u00000000001" }, limit),
            150);
    }
    synctv_room *rooms;
    struct sv_room_query none = { .limit = 0 };
    int64_t before_ms = -1;
    ck_assert_int_eq(c.op->room_list(c.tx, &none, &c.arena, &rooms, &before_ms), 0);
    ck_assert_int_eq(before_ms, 0);
    contract_commit(&c);
    contract_close(&c);
}
END_TEST

/* "abcabc" has the grams of "abc" alone. */
START_TEST(a_search_that_looks_at_many_rooms_in_vain_goes_on_with_the_next_page)
{
    struct contract c;
    synctv_room *rooms;
    int64_t before_ms = 0;
    contract_open(&c, _i);
    contract_begin(&c);
    contract_add_user(&c, 1);
    for (unsigned i = 0; i < 5000; i++) {
        /* among them very many of one millisecond */
        int64_t created_at_ms = i < 1500 ? 1000 + i / 3 : i < 3500 ? 2000 : 2001 + i / 3;
        struct sv_room_rec rec = contract_room(contract_id('r', i), i % 999 == 7 ? "abcabc" : "abc",
            "u00000000001", created_at_ms);
        rec.settings.hidden = i % 2 == 0;
        ck_assert_int_eq(c.op->room_insert(c.tx, &rec), 0);
    }
    struct sv_member_rec member = contract_member("r00000001006", "u00000000001",
        SYNCTV_ROOM_ROLE_CREATOR, SYNCTV_MEMBER_STATUS_ACTIVE);
    ck_assert_int_eq(c.op->member_put(c.tx, &member), 0);
    struct sv_room_query query = { .search = "abcabc", .limit = 10 };
    ck_assert_int_lt(c.op->room_list(c.tx, &query, &c.arena, &rooms, &before_ms), 5);
    ck_assert_int_gt(before_ms, 0);
    for (int32_t limit = 1; limit < 10; limit++) {
        query.visible_to = "";
        query.with_hidden = false;
        ck_assert_int_eq(walk(&c, query, limit), 3);
        query.visible_to = "u00000000001";
        ck_assert_int_eq(walk(&c, query, limit), 4);
        query.with_hidden = true;
        ck_assert_int_eq(walk(&c, query, limit), 5);
    }
    query.search = "abc";
    ck_assert_int_eq(walk(&c, query, 1000), 5000);
    contract_commit(&c);
    contract_close(&c);
}
END_TEST

START_TEST(a_listed_room_is_complete)
{
    struct contract c;
    synctv_room *rooms;
    int64_t before_ms;
    contract_open(&c, _i);
    contract_begin(&c);
    contract_add_user(&c, 1);
    struct sv_room_rec rec = contract_room("r1", "Kino", "u00000000001", 17);
    rec.room.description = "about";
    rec.password_hash = "x";
    rec.settings.allow_guests = true;
    ck_assert_int_eq(c.op->room_insert(c.tx, &rec), 0);
    struct sv_member_rec m = contract_member("r1", "u00000000001", SYNCTV_ROOM_ROLE_CREATOR,
        SYNCTV_MEMBER_STATUS_ACTIVE);
    ck_assert_int_eq(c.op->member_put(c.tx, &m), 0);
    struct sv_room_query query = { .limit = 5 };
    ck_assert_int_eq(c.op->room_list(c.tx, &query, &c.arena, &rooms, &before_ms), 1);
    ck_assert_str_eq(rooms[0].id, "r1");
    ck_assert_str_eq(rooms[0].name, "Kino");
    ck_assert_str_eq(rooms[0].description, "about");
    ck_assert_str_eq(rooms[0].creator_id, "u00000000001");
    ck_assert(rooms[0].has_password);
    ck_assert(rooms[0].settings->allow_guests);
    ck_assert_int_eq(rooms[0].member_count, 1);
    ck_assert_int_eq(rooms[0].created_at_ms, 17);
    contract_commit(&c);
    contract_close(&c);
}
END_TEST

START_TEST(a_room_is_found_by_any_part_of_its_name)
{
    struct contract c;
    const char *names[] = { "Movie Night", "电影之夜", "Straße 7", "100% \"quoted\" OR NOT *",
        "Ｆｕｌｌｗｉｄｔｈ", "a'b--c", "x" };
    contract_open(&c, _i);
    contract_begin(&c);
    contract_add_user(&c, 1);
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        contract_add_room(&c, i, names[i], 1000 + i);
    ck_assert_int_eq(count_search(&c, ""), 7);
    ck_assert_int_eq(count_search(&c, NULL), 7);
    ck_assert_int_eq(count_search(&c, "movie"), 1);
    ck_assert_int_eq(count_search(&c, "E NIG"), 1);
    ck_assert_int_eq(count_search(&c, "movie night!"), 0);
    ck_assert_int_eq(count_search(&c, "night movie"), 0);
    ck_assert_int_eq(count_search(&c, "电影"), 1);
    ck_assert_int_eq(count_search(&c, "夜"), 1);
    ck_assert_int_eq(count_search(&c, "影夜"), 0);
    ck_assert_int_eq(count_search(&c, "电影之夜"), 1);
    ck_assert_int_eq(count_search(&c, "STRASSE"), 1);
    ck_assert_int_eq(count_search(&c, "fullwidth"), 1);
    ck_assert_int_eq(count_search(&c, "%"), 1);
    ck_assert_int_eq(count_search(&c, "\"quoted\" OR"), 1);
    ck_assert_int_eq(count_search(&c, "*"), 1);
    ck_assert_int_eq(count_search(&c, "NOT"), 1);
    ck_assert_int_eq(count_search(&c, "' --"), 0);
    ck_assert_int_eq(count_search(&c, "'b-"), 1);
    ck_assert_int_eq(count_search(&c, "\xff\xfe\xfd"), 0); /* not UTF-8: nothing, and no harm */
    ck_assert_int_eq(count_search(&c, "_"), 0);
    ck_assert_int_eq(count_search(&c, "x"), 1);
    contract_commit(&c);
    contract_close(&c);
}
END_TEST

START_TEST(the_search_follows_a_room_that_changes)
{
    struct contract c;
    contract_open(&c, _i);
    contract_begin(&c);
    contract_add_user(&c, 1);
    contract_add_room(&c, 1, "apple", 1000);
    contract_add_room(&c, 2, "apple pie", 1000);
    struct sv_room_rec rec = contract_room("r00000000001", "banana", "u00000000001", 1000);
    ck_assert_int_eq(c.op->room_update(c.tx, &rec), 0);
    ck_assert_int_eq(count_search(&c, "apple"), 1);
    ck_assert_int_eq(count_search(&c, "banana"), 1);
    rec.settings.hidden = true;
    ck_assert_int_eq(c.op->room_update(c.tx, &rec), 0);
    ck_assert_int_eq(count_search(&c, "banana"), 0);
    ck_assert_int_eq(count_search(&c, "an"), 0);
    ck_assert_int_eq(count(&c, (struct sv_room_query){ .search = "an", .with_hidden = true }), 1);
    rec.settings.hidden = false;
    ck_assert_int_eq(c.op->room_update(c.tx, &rec), 0);
    ck_assert_int_eq(count_search(&c, "banana"), 1);
    ck_assert_int_eq(count_search(&c, ""), 2);
    ck_assert_int_eq(c.op->room_delete(c.tx, "r00000000002"), 0);
    ck_assert_int_eq(count_search(&c, "apple"), 0);
    ck_assert_int_eq(count_search(&c, "p"), 0);
    ck_assert_int_eq(count_search(&c, ""), 1);
    contract_commit(&c);
    contract_close(&c);
}
END_TEST

START_TEST(hidden_rooms_are_shown_to_their_members_alone)
{
    struct contract c;
    contract_open(&c, _i);
    contract_begin(&c);
    for (unsigned i = 1; i <= 4; i++)
        contract_add_user(&c, i);
    for (unsigned i = 1; i <= 10; i++)
        contract_add_room(&c, i, i % 2 == 0 ? "even" : "odd", 1000 + i);
    for (unsigned i = 1; i <= 4; i++) /* 1–4 hidden */
    {
        struct sv_room_rec rec =
            contract_room(contract_id('r', i), i % 2 == 0 ? "even" : "odd", "u00000000001", 0);
        rec.settings.hidden = true;
        ck_assert_int_eq(c.op->room_update(c.tx, &rec), 0);
    }
    const char *u1 = "u00000000001", *u2 = "u00000000002", *u3 = "u00000000003",
               *u4 = "u00000000004";
    struct sv_member_rec members[] = {
        contract_member("r00000000001", u2, SYNCTV_ROOM_ROLE_MEMBER, SYNCTV_MEMBER_STATUS_ACTIVE),
        contract_member("r00000000002", u2, SYNCTV_ROOM_ROLE_MEMBER, SYNCTV_MEMBER_STATUS_PENDING),
        contract_member("r00000000003", u2, SYNCTV_ROOM_ROLE_MEMBER, SYNCTV_MEMBER_STATUS_BANNED),
        contract_member("r00000000009", u2, SYNCTV_ROOM_ROLE_MEMBER, SYNCTV_MEMBER_STATUS_ACTIVE),
        contract_member("r00000000001", u3, SYNCTV_ROOM_ROLE_UNSPECIFIED,
            SYNCTV_MEMBER_STATUS_ACTIVE),
    };
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(c.op->member_put(c.tx, &members[i]), 0);

    ck_assert_int_eq(count(&c, (struct sv_room_query){ 0 }), 6);
    ck_assert_int_eq(count(&c, (struct sv_room_query){ .with_hidden = true }), 10);
    ck_assert_int_eq(count(&c, (struct sv_room_query){ .visible_to = u1 }), 10);
    ck_assert_int_eq(count(&c, (struct sv_room_query){ .visible_to = u2 }), 8);
    ck_assert_int_eq(count(&c, (struct sv_room_query){ .visible_to = u3 }), 6);
    ck_assert_int_eq(count(&c, (struct sv_room_query){ .visible_to = u4 }), 6);
    for (int32_t limit = 1; limit < 10; limit++) {
        ck_assert_int_eq(walk(&c, (struct sv_room_query){ .visible_to = u2 }, limit), 8);
        ck_assert_int_eq(walk(&c, (struct sv_room_query){ .visible_to = u2, .search = "ev" },
                             limit),
            4);
    }
    ck_assert_int_eq(count(&c, (struct sv_room_query){ .visible_to = u2, .search = "odd" }), 4);
    ck_assert_int_eq(count(&c, (struct sv_room_query){ .search = "odd" }), 3);

    ck_assert_int_eq(count(&c, (struct sv_room_query){ .creator_id = u1 }), 6);
    ck_assert_int_eq(count(&c, (struct sv_room_query){ .creator_id = u1, .visible_to = u2 }), 8);
    ck_assert_int_eq(count(&c, (struct sv_room_query){ .creator_id = u2, .with_hidden = true }), 0);
    ck_assert_int_eq(count(&c, (struct sv_room_query){ .member_id = u2 }), 1);
    ck_assert_int_eq(count(&c, (struct sv_room_query){ .member_id = u2, .visible_to = u2 }), 3);
    ck_assert_int_eq(count(&c, (struct sv_room_query){ .member_id = u2, .with_hidden = true }), 3);
    ck_assert_int_eq(count(&c, (struct sv_room_query){ .member_id = u2, .visible_to = u3 }), 1);
    ck_assert_int_eq(
        count(&c, (struct sv_room_query){ .member_id = u2, .visible_to = u2, .search = "odd" }), 2);
    ck_assert_int_eq(
        count(&c, (struct sv_room_query){ .member_id = u2, .visible_to = u2, .creator_id = u1 }),
        3);
    ck_assert_int_eq(
        count(&c, (struct sv_room_query){ .member_id = u2, .visible_to = u2, .creator_id = u2 }),
        0);
    contract_commit(&c);
    contract_close(&c);
}
END_TEST

/* ---- members ---- */

START_TEST(a_member_comes_back_as_it_went_in)
{
    struct contract c;
    contract_open(&c, _i);
    contract_begin(&c);
    contract_add_user(&c, 1);
    contract_add_user(&c, 2);
    contract_add_room(&c, 1, "room", 1);
    struct sv_member_rec got,
        rec = contract_member("r00000000001", "u00000000002", SYNCTV_ROOM_ROLE_ADMIN,
            SYNCTV_MEMBER_STATUS_PENDING);
    rec.member.added_permissions = UINT64_MAX;
    rec.member.removed_permissions = 3;
    rec.kicked_until_ms = 77;
    ck_assert_int_eq(c.op->member_put(c.tx, &rec), 0);
    ck_assert_int_eq(c.op->user_set_status(c.tx, "u00000000002", SYNCTV_USER_STATUS_BANNED), 0);
    ck_assert_int_eq(c.op->user_set_role(c.tx, "u00000000002", SYNCTV_USER_ROLE_ADMIN), 0);
    ck_assert_int_eq(c.op->member_get(c.tx, "r00000000001", "u00000000002", &c.arena, &got), 0);
    ck_assert_str_eq(got.member.room_id, "r00000000001");
    ck_assert_str_eq(got.member.user_id, "u00000000002");
    ck_assert_str_eq(got.member.username, "user2");
    ck_assert_int_eq(got.member.role, SYNCTV_ROOM_ROLE_ADMIN);
    ck_assert_int_eq(got.member.status, SYNCTV_MEMBER_STATUS_PENDING);
    ck_assert(got.member.added_permissions == UINT64_MAX);
    ck_assert(got.member.removed_permissions == 3);
    ck_assert_int_eq(got.member.joined_at_ms, 1000);
    ck_assert_int_eq(got.kicked_until_ms, 77);
    ck_assert_int_eq(got.user_role, SYNCTV_USER_ROLE_ADMIN);
    ck_assert_int_eq(got.user_status, SYNCTV_USER_STATUS_BANNED);

    struct sv_member_rec nobody = contract_member("r00000000001", "nobody", SYNCTV_ROOM_ROLE_MEMBER,
        SYNCTV_MEMBER_STATUS_ACTIVE);
    ck_assert_int_eq(c.op->member_put(c.tx, &nobody), SYNCTV_E_USER_NOT_FOUND);
    nobody.member.room_id = "nowhere";
    ck_assert_int_eq(c.op->member_put(c.tx, &nobody), SYNCTV_E_ROOM_NOT_FOUND);
    ck_assert_int_eq(c.op->member_get(c.tx, "r00000000001", "nobody", &c.arena, &got),
        SYNCTV_E_MEMBER_NOT_FOUND);
    ck_assert_int_eq(c.op->member_delete(c.tx, "r00000000001", "nobody"),
        SYNCTV_E_MEMBER_NOT_FOUND);
    contract_commit(&c);
    contract_close(&c);
}
END_TEST

START_TEST(members_are_counted_while_they_are_active_or_pending)
{
    struct contract c;
    contract_open(&c, _i);
    contract_begin(&c);
    contract_add_user(&c, 1);
    contract_add_user(&c, 2);
    contract_add_room(&c, 1, "room", 1);
    struct sv_member_rec rec = contract_member("r00000000001", "u00000000002",
        SYNCTV_ROOM_ROLE_MEMBER, SYNCTV_MEMBER_STATUS_PENDING);
    const struct {
        synctv_room_role role;
        synctv_member_status status;
        int expected;
    } steps[] = {
        { SYNCTV_ROOM_ROLE_MEMBER, SYNCTV_MEMBER_STATUS_PENDING, 2 },
        { SYNCTV_ROOM_ROLE_MEMBER, SYNCTV_MEMBER_STATUS_ACTIVE, 2 },
        { SYNCTV_ROOM_ROLE_MEMBER, SYNCTV_MEMBER_STATUS_BANNED, 1 },
        { SYNCTV_ROOM_ROLE_MEMBER, SYNCTV_MEMBER_STATUS_BANNED, 1 },
        { SYNCTV_ROOM_ROLE_ADMIN, SYNCTV_MEMBER_STATUS_ACTIVE, 2 },
        { SYNCTV_ROOM_ROLE_UNSPECIFIED, SYNCTV_MEMBER_STATUS_ACTIVE, 1 },
        { SYNCTV_ROOM_ROLE_MEMBER, SYNCTV_MEMBER_STATUS_ACTIVE, 2 },
    };
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        rec.member.role = steps[i].role;
        rec.member.status = steps[i].status;
        ck_assert_int_eq(c.op->member_put(c.tx, &rec), 0);
        ck_assert_int_eq(c.op->member_count(c.tx, "r00000000001"), steps[i].expected);
        ck_assert_int_eq(c.op->member_count_rooms(c.tx, "u00000000002"), steps[i].expected - 1);
    }
    ck_assert_int_eq(c.op->member_delete(c.tx, "r00000000001", "u00000000002"), 0);
    ck_assert_int_eq(c.op->member_count(c.tx, "r00000000001"), 1);
    ck_assert_int_eq(c.op->member_count(c.tx, "nowhere"), 0);
    ck_assert_int_eq(c.op->member_count_rooms(c.tx, "nobody"), 0);
    contract_commit(&c);
    contract_close(&c);
}
END_TEST

START_TEST(members_are_listed_by_when_they_joined)
{
    struct contract c;
    struct sv_member_rec *list;
    contract_open(&c, _i);
    contract_begin(&c);
    contract_add_user(&c, 1);
    contract_add_room(&c, 1, "room", 1);
    for (unsigned i = 2; i < 50; i++) {
        contract_add_user(&c, i);
        struct sv_member_rec rec = contract_member("r00000000001", contract_id('u', i),
            SYNCTV_ROOM_ROLE_MEMBER, (synctv_member_status)(1 + i % 3));
        rec.member.joined_at_ms = 2000 + i * 7 % 10;
        ck_assert_int_eq(c.op->member_put(c.tx, &rec), 0);
    }
    ck_assert_int_eq(c.op->member_list(c.tx, "r00000000001", &c.arena, &list), 49);
    for (int i = 1; i < 49; i++) {
        const synctv_member *a = &list[i - 1].member, *b = &list[i].member;
        ck_assert(a->joined_at_ms < b->joined_at_ms ||
            (a->joined_at_ms == b->joined_at_ms && strcmp(a->user_id, b->user_id) < 0));
        ck_assert_str_ne(b->username, "");
    }
    ck_assert_int_eq(c.op->member_list(c.tx, "nowhere", &c.arena, &list), 0);
    contract_commit(&c);
    contract_close(&c);
}
END_TEST

START_TEST(rows_that_kept_somebody_away_are_purged_a_few_at_a_time)
{
    struct contract c;
    struct sv_member_rec got, *list;
    contract_open(&c, _i);
    contract_begin(&c);
    contract_add_user(&c, 1);
    contract_add_room(&c, 1, "room", 1);
    for (unsigned i = 2; i < 12; i++) {
        contract_add_user(&c, i);
        struct sv_member_rec rec = contract_member("r00000000001", contract_id('u', i),
            SYNCTV_ROOM_ROLE_UNSPECIFIED, SYNCTV_MEMBER_STATUS_UNSPECIFIED);
        rec.kicked_until_ms = 100 + i;
        if (i == 4) { /* back since */
            rec.member.role = SYNCTV_ROOM_ROLE_MEMBER;
            rec.member.status = SYNCTV_MEMBER_STATUS_ACTIVE;
        } else if (i == 5) {
            rec.member.role = SYNCTV_ROOM_ROLE_MEMBER;
            rec.member.status = SYNCTV_MEMBER_STATUS_BANNED;
        }
        ck_assert_int_eq(c.op->member_put(c.tx, &rec), 0);
    }
    ck_assert_int_eq(c.op->member_purge(c.tx, 109, 4), 4);
    ck_assert_int_eq(c.op->member_purge(c.tx, 109, 4), 2);
    ck_assert_int_eq(c.op->member_purge(c.tx, 109, 4), 0);
    ck_assert_int_eq(c.op->member_purge(c.tx, 1000, -1), 0);
    ck_assert_int_eq(c.op->member_list(c.tx, "r00000000001", &c.arena, &list), 5);
    const unsigned kept[] = { 4, 5, 10, 11 };
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        ck_assert_int_eq(c.op->member_get(c.tx, "r00000000001", contract_id('u', kept[i]), &c.arena,
                             &got),
            0);
    ck_assert_int_eq(c.op->member_count(c.tx, "r00000000001"), 2);
    contract_commit(&c);
    contract_close(&c);
}
END_TEST

START_TEST(the_rooms_of_a_user_come_newest_joined_first)
{
    struct contract c;
    const char *const *ids;
    contract_open(&c, _i);
    contract_begin(&c);
    contract_add_user(&c, 1);
    contract_add_user(&c, 2);
    for (unsigned i = 0; i < 10; i++) {
        contract_add_room(&c, i, "room", 1);
        struct sv_member_rec rec =
            contract_member(contract_id('r', i), "u00000000002", SYNCTV_ROOM_ROLE_MEMBER,
                i == 3 ? SYNCTV_MEMBER_STATUS_PENDING : SYNCTV_MEMBER_STATUS_ACTIVE);
        rec.member.joined_at_ms = 100 + i;
        ck_assert_int_eq(c.op->member_put(c.tx, &rec), 0);
    }
    ck_assert_int_eq(c.op->member_rooms(c.tx, "u00000000002", 4, &c.arena, &ids), 4);
    ck_assert_str_eq(ids[0], "r00000000009");
    ck_assert_str_eq(ids[3], "r00000000006");
    ck_assert_int_eq(c.op->member_rooms(c.tx, "u00000000002", 100, &c.arena, &ids), 9);
    ck_assert_int_eq(c.op->member_rooms(c.tx, "nobody", 100, &c.arena, &ids), 0);
    contract_commit(&c);
    contract_close(&c);
}
END_TEST

static void add(TCase *tc)
{
    const int n = contract_n_backends();
    tcase_add_loop_test(tc, a_room_comes_back_as_it_went_in, 0, n);
    tcase_add_loop_test(tc, a_room_is_updated_and_touched, 0, n);
    tcase_add_loop_test(tc, a_room_that_is_not_there_is_not_found, 0, n);
    tcase_add_loop_test(tc, pages_of_rooms_go_from_new_to_old_and_miss_none, 0, n);
    tcase_add_loop_test(tc, a_search_that_looks_at_many_rooms_in_vain_goes_on_with_the_next_page, 0,
        n);
    tcase_add_loop_test(tc, a_listed_room_is_complete, 0, n);
    tcase_add_loop_test(tc, a_room_is_found_by_any_part_of_its_name, 0, n);
    tcase_add_loop_test(tc, the_search_follows_a_room_that_changes, 0, n);
    tcase_add_loop_test(tc, hidden_rooms_are_shown_to_their_members_alone, 0, n);
    tcase_add_loop_test(tc, a_member_comes_back_as_it_went_in, 0, n);
    tcase_add_loop_test(tc, members_are_counted_while_they_are_active_or_pending, 0, n);
    tcase_add_loop_test(tc, members_are_listed_by_when_they_joined, 0, n);
    tcase_add_loop_test(tc, rows_that_kept_somebody_away_are_purged_a_few_at_a_time, 0, n);
    tcase_add_loop_test(tc, the_rooms_of_a_user_come_newest_joined_first, 0, n);
}

int main(void)
{
    return contract_main("rooms", add);
}
