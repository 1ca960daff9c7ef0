/* SPDX-License-Identifier: MIT */
/*
 * Every typed function, four times: over a network in the clear, with TLS, with certificates on
 * both sides, and on a node in this process. The tests do not know which: the callers are the same.
 */
#include "support.h"

enum way { CLEAR, TLS, MUTUAL_TLS, EMBEDDED, N_WAYS };

static struct server server;
static synctv_node *node;

static void open_node(void)
{
    synctv_node_options options;
    synctv_node_options_init(&options);
    synctv_limits limits;
    synctv_limits_init(&limits);
    options.limits = &limits;
    limits.calls_per_second = 0;
    limits.hash_per_minute = 0;
    limits.register_per_hour = 0;
    assert_ok(synctv_node_open(&options, &node, &error));
}

static struct person *somebody_as(const char *name, synctv_user_role role)
{
    const synctv_result *user;
    synctv_caller *caller;
    assert_ok(synctv_node_user_add(node, name, PASSWORD, "", role, &user, &error));
    assert_ok(synctv_node_as_user(node, keep_result(user)->user->id, &caller, &error));
    return person_of(NULL, caller);
}

static struct person *somebody(const char *name)
{
    return node != NULL ? somebody_as(name, SYNCTV_USER_ROLE_USER) : person_new(&server, name);
}

static struct person *somebody_mighty(const char *name)
{
    if (node != NULL)
        return somebody_as(name, SYNCTV_USER_ROLE_ROOT);
    server_add_user(&server, name, "root"); /* beside the running server */
    return person_login(&server, name);
}

static void go(enum way way)
{
    if (way == EMBEDDED) {
        open_node();
        return;
    }
    server_init(&server);
    server_keep(&server);
    if (way != CLEAR)
        server_use_tls(&server, way == MUTUAL_TLS);
    server_start(&server);
}

static void end(void)
{
    support_end();
    synctv_node_free(node);
    node = NULL;
}

/* --- accounts --- */

START_TEST(accounts_are_made_shown_approved_and_banned)
{
    go(_i);
    struct person *root = somebody_mighty("root"), *alice = somebody("Alice");
    const synctv_result *r;

    assert_ok(synctv_account_profile(alice->me, &r, &error));
    ck_assert_str_eq(keep_result(r)->user->username, "Alice");
    ck_assert_str_eq(r->user->id, alice->id);
    ck_assert_int_eq(r->user->role, SYNCTV_USER_ROLE_USER);
    ck_assert_int_eq(r->user->status, SYNCTV_USER_STATUS_ACTIVE);

    assert_ok(synctv_account_register(alice->me, "bob", PASSWORD, "bob@example.org", &r, &error));
    ck_assert_str_eq(keep_result(r)->user->username, "bob");
    ck_assert_str_eq(r->user->email, "bob@example.org");
    ck_assert_str_ne(r->access_token, "");
    ck_assert_str_ne(r->refresh_token, "");
    const char *bob_id = r->user->id;
    assert_ok(synctv_account_profile(alice->me, &r, &error)); /* she stays who she is */
    ck_assert_str_eq(keep_result(r)->user->id, alice->id);

    assert_code(synctv_account_register(alice->me, "BOB", PASSWORD, "", NULL, &error),
        SYNCTV_E_USERNAME_TAKEN);
    assert_code(synctv_account_register(alice->me, "bobby", PASSWORD, "BOB@example.org", NULL,
                    &error),
        SYNCTV_E_EMAIL_TAKEN);
    assert_code(synctv_account_register(alice->me, "x", PASSWORD, "", NULL, &error),
        SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(error.field, "username");

    assert_code(synctv_account_list(alice->me, NULL, 0, NULL, NULL, &error),
        SYNCTV_E_PERMISSION_DENIED);
    assert_ok(synctv_account_list(root->me, NULL, 2, NULL, &r, &error));
    ck_assert_uint_eq(keep_result(r)->n_users, 2);
    ck_assert_str_eq(r->users[0].username, "bob");
    assert_ok(synctv_account_list(root->me, NULL, 2, r->next_page_token, &r, &error));
    ck_assert_uint_eq(keep_result(r)->n_users, 1);
    ck_assert_str_eq(r->users[0].username, "root");
    ck_assert_str_eq(r->next_page_token, "");
    assert_ok(synctv_account_list(root->me, "lic", 0, NULL, &r, &error));
    ck_assert_uint_eq(keep_result(r)->n_users, 1);

    assert_ok(synctv_account_set_status(root->me, bob_id, SYNCTV_USER_STATUS_BANNED, "rude", &r,
        &error));
    ck_assert_int_eq(keep_result(r)->user->status, SYNCTV_USER_STATUS_BANNED);
    assert_code(synctv_account_set_status(root->me, "nobody------", SYNCTV_USER_STATUS_BANNED, NULL,
                    NULL, &error),
        SYNCTV_E_USER_NOT_FOUND);
}
END_TEST

START_TEST(a_password_is_changed_by_who_knows_the_old_one)
{
    go(_i);
    struct person *alice = somebody("alice");
    assert_code(synctv_account_change_password(alice->me, "not this one", "battery staple", &error),
        SYNCTV_E_LOGIN_FAILED);
    assert_code(synctv_account_change_password(alice->me, PASSWORD, "short", &error),
        SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(error.field, "new_password");
    assert_ok(synctv_account_change_password(alice->me, PASSWORD, "battery staple", &error));
    assert_ok(synctv_account_profile(alice->me, NULL, &error));
}
END_TEST

/* --- rooms --- */

START_TEST(rooms_are_made_found_changed_and_deleted)
{
    go(_i);
    struct person *alice = somebody("alice"), *bob = somebody("bob");
    const synctv_result *r;
    const synctv_room_settings settings = { .allow_guests = true,
        .max_members = 7,
        .guest_permissions = SYNCTV_PERM_VIEW_PLAYLIST | SYNCTV_PERM_VIEW_CHAT_HISTORY,
        .auto_advance = SYNCTV_AUTO_ADVANCE_REPEAT_ALL };
    const synctv_room_options options = {
        .description = "films — on Fridays",
        .password = "pässword",
        .settings = &settings,
    };
    assert_ok(synctv_room_create(alice->me, "Kino 🎬", &options, &r, &error));
    const char *room_id = keep_result(r)->room->id;
    ck_assert_str_eq(r->room->name, "Kino 🎬");
    ck_assert_str_eq(r->room->description, "films — on Fridays");
    ck_assert_str_eq(r->room->creator_id, alice->id);
    ck_assert(r->room->has_password);
    ck_assert_int_eq(r->room->settings->max_members, 7);
    ck_assert_int_eq(r->room->settings->auto_advance, SYNCTV_AUTO_ADVANCE_REPEAT_ALL);
    ck_assert_uint_eq(r->room->settings->guest_permissions, settings.guest_permissions);

    /* from outside */
    assert_ok(synctv_room_info(bob->me, room_id, &r, &error));
    ck_assert_ptr_null(keep_result(r)->room->settings);
    ck_assert_ptr_null(r->state);
    ck_assert_uint_eq(r->n_members, 0);
    assert_code(synctv_room_info(bob->me, "nosuchroom--", NULL, &error), SYNCTV_E_ROOM_NOT_FOUND);
    assert_code(synctv_room_join(bob->me, room_id, "password", NULL, &error),
        SYNCTV_E_ROOM_PASSWORD_WRONG);

    /* from inside */
    assert_ok(synctv_room_join(bob->me, room_id, "pässword", &r, &error));
    ck_assert_str_eq(keep_result(r)->member->user_id, bob->id);
    ck_assert_int_eq(r->member->role, SYNCTV_ROOM_ROLE_MEMBER);
    ck_assert_uint_eq(r->n_members, 2);
    ck_assert_ptr_nonnull(r->state);
    assert_ok(synctv_room_info(bob->me, room_id, &r, &error));
    ck_assert_ptr_nonnull(keep_result(r)->room->settings);
    ck_assert_int_eq(r->room->member_count, 2);

    /* lists */
    const char *second = new_room(bob);
    assert_ok(synctv_room_list(bob->me, NULL, &r, &error));
    ck_assert_uint_eq(keep_result(r)->n_rooms, 2);
    ck_assert_str_eq(r->rooms[0].id, second);
    synctv_room_filter filter = { .page_size = 1 };
    assert_ok(synctv_room_list(bob->me, &filter, &r, &error));
    ck_assert_uint_eq(keep_result(r)->n_rooms, 1);
    filter.page_token = r->next_page_token;
    assert_ok(synctv_room_list(bob->me, &filter, &r, &error));
    ck_assert_str_eq(keep_result(r)->rooms[0].id, room_id);
    filter = (synctv_room_filter){ .mine = true };
    assert_ok(synctv_room_list(alice->me, &filter, &r, &error));
    ck_assert_uint_eq(keep_result(r)->n_rooms, 1);
    filter = (synctv_room_filter){ .joined = true };
    assert_ok(synctv_room_list(bob->me, &filter, &r, &error));
    ck_assert_uint_eq(keep_result(r)->n_rooms, 2);
    filter = (synctv_room_filter){ .search = "KIN" };
    assert_ok(synctv_room_list(bob->me, &filter, &r, &error));
    ck_assert_uint_eq(keep_result(r)->n_rooms, 1);

    /* changes */
    const synctv_room_changes none = { .password = "" }, name = { .name = "Kino 2" };
    assert_code(synctv_room_update(bob->me, room_id, &name, NULL, &error),
        SYNCTV_E_PERMISSION_DENIED);
    assert_ok(synctv_room_update(alice->me, room_id, &name, &r, &error));
    ck_assert_str_eq(keep_result(r)->room->name, "Kino 2");
    ck_assert_str_eq(r->room->description, "films — on Fridays");
    ck_assert(r->room->has_password);
    assert_ok(synctv_room_update(alice->me, room_id, &none, &r, &error));
    ck_assert(!keep_result(r)->room->has_password);

    /* and their end */
    assert_code(synctv_room_leave(alice->me, room_id, &error), SYNCTV_E_CREATOR_CANNOT_LEAVE);
    assert_ok(synctv_room_transfer(alice->me, room_id, bob->id, &r, &error));
    ck_assert_str_eq(keep_result(r)->room->creator_id, bob->id);
    assert_ok(synctv_room_leave(alice->me, room_id, &error));
    assert_code(synctv_room_leave(alice->me, room_id, &error), SYNCTV_E_NOT_A_MEMBER);
    assert_code(synctv_room_delete(alice->me, room_id, &error), SYNCTV_E_NOT_A_MEMBER);
    assert_ok(synctv_room_delete(bob->me, room_id, &error));
    assert_code(synctv_room_info(bob->me, room_id, NULL, &error), SYNCTV_E_ROOM_NOT_FOUND);
}
END_TEST

/* --- members --- */

START_TEST(members_are_approved_promoted_kicked_and_banned)
{
    go(_i);
    struct person *alice = somebody("alice"), *bob = somebody("bob"), *eve = somebody("eve");
    const synctv_result *r;
    const synctv_room_settings settings = { .require_approval = true };
    const synctv_room_options options = { .settings = &settings };
    assert_ok(synctv_room_create(alice->me, "members only", &options, &r, &error));
    const char *room = keep_result(r)->room->id;

    sleep_ms(2); /* lists are in the order of joining, which counts milliseconds */
    assert_ok(synctv_room_join(bob->me, room, NULL, &r, &error));
    ck_assert_int_eq(keep_result(r)->member->status, SYNCTV_MEMBER_STATUS_PENDING);
    ck_assert_ptr_null(r->state);
    assert_code(synctv_member_list(bob->me, room, 0, NULL, NULL, &error), SYNCTV_E_MEMBER_PENDING);
    assert_ok(synctv_member_approve(alice->me, room, bob->id, &r, &error));
    ck_assert_int_eq(keep_result(r)->member->status, SYNCTV_MEMBER_STATUS_ACTIVE);
    sleep_ms(2);
    join(eve, room);
    assert_code(synctv_member_approve(bob->me, room, eve->id, NULL, &error),
        SYNCTV_E_PERMISSION_DENIED);

    assert_ok(synctv_member_set_role(alice->me, room, bob->id, SYNCTV_ROOM_ROLE_ADMIN, &r, &error));
    ck_assert_int_eq(keep_result(r)->member->role, SYNCTV_ROOM_ROLE_ADMIN);
    ck_assert_uint_eq(r->member->permissions, SYNCTV_PERM_DEFAULT_ADMIN);
    assert_ok(synctv_member_approve(bob->me, room, eve->id, NULL, &error));
    assert_code(synctv_member_set_role(bob->me, room, eve->id, SYNCTV_ROOM_ROLE_ADMIN, NULL,
                    &error),
        SYNCTV_E_PERMISSION_DENIED);
    assert_code(synctv_member_set_role(alice->me, room, bob->id, SYNCTV_ROOM_ROLE_GUEST, NULL,
                    &error),
        SYNCTV_E_INVALID_ARGUMENT);

    assert_ok(synctv_member_set_permissions(alice->me, room, eve->id, SYNCTV_PERM_PLAY_CONTROL,
        SYNCTV_PERM_SEND_CHAT, &r, &error));
    ck_assert_uint_eq(keep_result(r)->member->added_permissions, SYNCTV_PERM_PLAY_CONTROL);
    ck_assert_uint_eq(r->member->removed_permissions, SYNCTV_PERM_SEND_CHAT);
    ck_assert_uint_eq(r->member->permissions,
        (SYNCTV_PERM_DEFAULT_MEMBER | SYNCTV_PERM_PLAY_CONTROL) & ~SYNCTV_PERM_SEND_CHAT);

    assert_ok(synctv_member_list(eve->me, room, 2, NULL, &r, &error));
    ck_assert_uint_eq(keep_result(r)->n_members, 2);
    ck_assert_int_eq(r->total, 3);
    ck_assert_str_eq(r->members[0].user_id, alice->id);
    assert_ok(synctv_member_list(eve->me, room, 2, r->next_page_token, &r, &error));
    ck_assert_uint_eq(keep_result(r)->n_members, 1);
    ck_assert_str_eq(r->members[0].username, "eve");

    assert_code(synctv_member_kick(bob->me, room, alice->id, "a coup", &error),
        SYNCTV_E_PERMISSION_DENIED);
    assert_ok(synctv_member_kick(bob->me, room, eve->id, "spoilers", &error));
    assert_code(synctv_room_join(eve->me, room, NULL, NULL, &error), SYNCTV_E_MEMBER_KICKED);
    assert_code(synctv_member_kick(bob->me, room, "nobody------", NULL, &error),
        SYNCTV_E_MEMBER_NOT_FOUND);
    assert_ok(synctv_member_ban(alice->me, room, bob->id, "treason", &r, &error));
    ck_assert_int_eq(keep_result(r)->member->status, SYNCTV_MEMBER_STATUS_BANNED);
    assert_code(synctv_room_join(bob->me, room, NULL, NULL, &error), SYNCTV_E_MEMBER_BANNED);
    assert_ok(synctv_member_unban(alice->me, room, bob->id, &error));
    join(bob, room);
}
END_TEST

/* --- the playlist --- */

static char *filled(size_t len, const char *head)
{
    static char texts[8][8193];
    static unsigned next;
    char *text = texts[next++ % 8];
    memset(text, 'x', len);
    memcpy(text, head, strlen(head));
    text[len] = '\0';
    return text;
}

static void expect_same_movie(const synctv_movie *got, const synctv_movie *expected)
{
    ck_assert_str_eq(got->url, expected->url);
    ck_assert_uint_eq(got->n_headers, expected->n_headers);
    for (size_t i = 0; i < expected->n_headers; i++) {
        for (size_t k = 0; k < got->n_headers; k++) /* in any order */
            if (strcmp(got->headers[k].name, expected->headers[i].name) == 0)
                ck_assert_str_eq(got->headers[k].value, expected->headers[i].value);
    }
    ck_assert_uint_eq(got->n_subtitles, 1);
    ck_assert_str_eq(got->subtitles[0].url, expected->subtitles[0].url);
}

START_TEST(a_movie_as_large_as_one_may_be_reaches_everybody)
{
    go(_i);
    struct person *alice = somebody("alice"), *bob = somebody("bob");
    const char *room = new_room(alice);
    join(bob, room);
    follow(bob, room);
    const synctv_subtitle subtitle = { "English", filled(8192, "https://example.org/"), "vtt" };
    synctv_header headers[4] = {
        { "Cookie", filled(4096, "a=") },
        { "Referer", filled(4096, "https://example.org/") },
        { "X-Amz-Security-Token", filled(4096, "") },
        { "X-Rest", "" },
    };
    synctv_movie large = {
        .name = "large",
        .url = filled(8192, "https://example.org/?signature="),
        .headers = headers,
        .n_headers = 4,
        .subtitles = &subtitle,
        .n_subtitles = 1,
    };
    size_t rest = 32 * 1024 - 2 * 8192 - 3 * 4096 -
        strlen("largeEnglishvttCookieRefererX-Amz-Security-TokenX-Rest");
    headers[3].value = filled(rest, "");
    const synctv_result *r;
    assert_ok(synctv_playlist_add(alice->me, room, &large, &r, &error));
    expect_same_movie(keep_result(r)->movie, &large);
    assert_ok(synctv_playlist_list(bob->me, room, 0, NULL, &r, &error));
    ck_assert_uint_eq(keep_result(r)->n_movies, 1);
    expect_same_movie(&r->movies[0], &large);
    expect_same_movie(expect(bob->stream, SYNCTV_EVENT_MOVIES)->movie, &large);

    large.name = "larger";
    assert_code(synctv_playlist_add(alice->me, room, &large, NULL, &error),
        SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(error.field, "movie");
}
END_TEST

START_TEST(a_playlist_is_filled_changed_ordered_and_cleared)
{
    go(_i);
    struct person *alice = somebody("alice");
    const char *room = new_room(alice);
    const synctv_result *r;
    const synctv_header headers[] = { { "Referer", "https://example.org/" }, { "X-Key", "1" } };
    const synctv_subtitle subtitles[] = { { "Deutsch", "https://example.org/de.vtt", "vtt" } };
    const synctv_movie film = {
        .name = "Das Boot",
        .url = "https://example.org/boot.mkv",
        .type = SYNCTV_MOVIE_TYPE_URL,
        .duration_s = 8940.5,
        .headers = headers,
        .n_headers = 2,
        .subtitles = subtitles,
        .n_subtitles = 1,
    };
    assert_ok(synctv_playlist_add(alice->me, room, &film, &r, &error));
    const synctv_movie *added = keep_result(r)->movie;
    ck_assert_str_eq(added->name, film.name);
    ck_assert_str_eq(added->url, film.url);
    ck_assert_str_eq(added->added_by, alice->id);
    ck_assert_double_eq(added->duration_s, 8940.5);
    ck_assert_uint_eq(added->n_headers, 2);
    ck_assert_uint_eq(added->n_subtitles, 1);
    ck_assert_str_eq(added->subtitles[0].name, "Deutsch");
    ck_assert_str_eq(added->subtitles[0].format, "vtt");
    const char *second = new_movie(alice, room, 60), *third = new_movie(alice, room, 0);

    const synctv_movie bad = {
        .name = "x", .url = "file:///etc/passwd", .type = SYNCTV_MOVIE_TYPE_URL
    };
    assert_code(synctv_playlist_add(alice->me, room, &bad, NULL, &error),
        SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(error.field, "movie.url");

    const char *const fields[] = { "name", "duration", "headers" };
    const synctv_movie changed = { .id = added->id, .name = "Das Boot (1981)", .duration_s = 10 };
    assert_ok(synctv_playlist_update(alice->me, room, &changed, fields, 3, &r, &error));
    ck_assert_str_eq(keep_result(r)->movie->name, "Das Boot (1981)");
    ck_assert_str_eq(r->movie->url, film.url);
    ck_assert_uint_eq(r->movie->n_headers, 0);

    assert_ok(synctv_playlist_move(alice->me, room, third, 0, &r, &error));
    ck_assert_int_eq(keep_result(r)->movie->position, 0);
    assert_ok(synctv_playlist_set_current(alice->me, room, second, NULL, &r, &error));
    ck_assert_str_eq(keep_result(r)->state->movie_id, second);
    ck_assert_int_eq(r->state->status, SYNCTV_PLAYBACK_STATUS_PAUSED);
    ck_assert_double_eq(r->state->position_s, 0);

    assert_ok(synctv_playlist_list(alice->me, room, 2, NULL, &r, &error));
    ck_assert_uint_eq(keep_result(r)->n_movies, 2);
    ck_assert_int_eq(r->total, 3);
    ck_assert_str_eq(r->movies[0].id, third);
    ck_assert_str_eq(r->movies[1].id, added->id);
    ck_assert_str_eq(r->current_movie_id, second);
    assert_ok(synctv_playlist_list(alice->me, room, 2, r->next_page_token, &r, &error));
    ck_assert_str_eq(keep_result(r)->movies[0].id, second);

    assert_ok(synctv_playlist_remove(alice->me, room, second, &error));
    assert_code(synctv_playlist_remove(alice->me, room, second, &error), SYNCTV_E_MOVIE_NOT_FOUND);
    assert_ok(synctv_room_info(alice->me, room, &r, &error));
    ck_assert_str_eq(keep_result(r)->state->movie_id, "");
    assert_ok(synctv_playlist_clear(alice->me, room, &r, &error));
    ck_assert_int_eq(keep_result(r)->total, 2);
}
END_TEST

/* --- playback --- */

START_TEST(playing_seeking_and_conflicts)
{
    go(_i);
    struct person *alice = somebody("alice"), *bob = somebody("bob");
    const char *room = new_room(alice);
    const char *movie = new_movie(alice, room, 600);
    const synctv_result *r;
    join(bob, room);
    assert_code(synctv_playback_play(alice->me, room, NULL, NULL, &error),
        SYNCTV_E_NO_CURRENT_MOVIE);
    const synctv_playlist_options autoplay = { .autoplay = true };
    assert_ok(synctv_playlist_set_current(alice->me, room, movie, &autoplay, &r, &error));
    ck_assert_int_eq(keep_result(r)->state->status, SYNCTV_PLAYBACK_STATUS_PLAYING);
    uint64_t version = r->state->version;

    synctv_playback_options at = { .has_position = true, .position_s = 100.5 };
    assert_ok(synctv_playback_pause(alice->me, room, &at, &r, &error));
    ck_assert_int_eq(keep_result(r)->state->status, SYNCTV_PLAYBACK_STATUS_PAUSED);
    ck_assert_double_eq(r->state->position_s, 100.5);
    ck_assert_uint_gt(r->state->version, version);
    ck_assert_str_eq(r->state->actor_id, alice->id);
    version = r->state->version;

    assert_ok(synctv_playback_set_rate(alice->me, room, 2, NULL, &r, &error));
    ck_assert_double_eq(keep_result(r)->state->rate, 2);
    assert_ok(synctv_playback_seek(alice->me, room, 300, NULL, &r, &error));
    ck_assert_double_eq(keep_result(r)->state->position_s, 300);
    assert_code(synctv_playback_seek(alice->me, room, 601, NULL, NULL, &error),
        SYNCTV_E_INVALID_ARGUMENT);
    assert_code(synctv_playback_set_rate(alice->me, room, 5, NULL, NULL, &error),
        SYNCTV_E_INVALID_ARGUMENT);
    assert_code(synctv_playback_play(bob->me, room, NULL, NULL, &error),
        SYNCTV_E_PERMISSION_DENIED);

    /* The state that was expected is not the one any more: the result has it. */
    at = (synctv_playback_options){ .expected_version = version };
    const synctv_result *conflict = NULL;
    assert_code(synctv_playback_play(alice->me, room, &at, &conflict, &error),
        SYNCTV_E_VERSION_CONFLICT);
    ck_assert_ptr_nonnull(conflict);
    ck_assert_int_eq(keep_result(conflict)->code, SYNCTV_E_VERSION_CONFLICT);
    ck_assert_ptr_nonnull(conflict->state);
    ck_assert_uint_eq(conflict->state->version, r->state->version);
    ck_assert_double_eq(conflict->state->position_s, 300);
    ck_assert_double_eq(conflict->state->rate, 2);
    const synctv_playlist_options stale = { .expected_version = version };
    assert_code(synctv_playlist_set_current(alice->me, room, movie, &stale, &conflict, &error),
        SYNCTV_E_VERSION_CONFLICT);
    ck_assert_uint_eq(keep_result(conflict)->state->version, r->state->version);
    at.expected_version = r->state->version;
    assert_ok(synctv_playback_play(alice->me, room, &at, &r, &error));
    ck_assert_int_eq(keep_result(r)->state->status, SYNCTV_PLAYBACK_STATUS_PLAYING);
}
END_TEST

/* --- chat and streams --- */

START_TEST(what_is_said_comes_back_and_is_kept)
{
    go(_i);
    struct person *alice = somebody("alice"), *bob = somebody("bob");
    const char *room = new_room(alice);
    const synctv_result *r;
    join(bob, room);
    follow(alice, room);
    follow(bob, NULL);

    assert_ok(synctv_chat_send(alice->stream, NULL, "hello 👋", "m-1", &error));
    const synctv_event *mine = expect(alice->stream, SYNCTV_EVENT_CHAT);
    const synctv_event *theirs = expect(bob->stream, SYNCTV_EVENT_CHAT);
    ck_assert_str_eq(mine->chat->client_message_id, "m-1"); /* acknowledged */
    ck_assert_str_eq(mine->chat->content, "hello 👋");
    ck_assert_str_eq(theirs->chat->message_id, mine->chat->message_id);
    ck_assert_str_eq(theirs->chat->username, "alice");
    ck_assert_str_eq(theirs->room_id, room);
    ck_assert_uint_eq(mine->chat->seq, 1);

    assert_ok(synctv_chat_send(alice->stream, room, "hello again", "m-1", &error)); /* a resend */
    mine = expect(alice->stream, SYNCTV_EVENT_CHAT);
    ck_assert_str_eq(mine->chat->content, "hello 👋");
    assert_ok(synctv_chat_send(bob->stream, room, "hi", NULL, &error));
    ck_assert_str_eq(expect(bob->stream, SYNCTV_EVENT_CHAT)->chat->content, "hi");
    assert_ok(synctv_chat_send(bob->stream, room, "", "m-2", &error));
    const synctv_event *refused = expect(bob->stream, SYNCTV_EVENT_ERROR);
    ck_assert_str_eq(refused->in_reply_to, "m-2");
    assert_code(refused->error_code, SYNCTV_E_INVALID_ARGUMENT);

    const synctv_danmaku_options red = {
        .message_id = "d-1",
        .position = SYNCTV_DANMAKU_POSITION_TOP,
        .color = "#FF0000",
        .font_size = 30,
    };
    assert_ok(synctv_chat_danmaku(bob->stream, room, "wow", 12.5, &red, &error));
    const synctv_event *flying = expect(alice->stream, SYNCTV_EVENT_DANMAKU);
    ck_assert_str_eq(flying->danmaku->content, "wow");
    ck_assert_str_eq(flying->danmaku->color, "#FF0000");
    ck_assert_int_eq(flying->danmaku->font_size, 30);
    ck_assert_int_eq(flying->danmaku->position, SYNCTV_DANMAKU_POSITION_TOP);
    ck_assert_double_eq(flying->danmaku->video_time_s, 12.5);

    assert_ok(synctv_chat_history(bob->me, room, NULL, &r, &error));
    ck_assert_uint_eq(keep_result(r)->n_messages, 2);
    ck_assert_str_eq(r->messages[0].content, "hi");
    ck_assert_str_eq(r->messages[1].message_id, mine->chat->message_id);
    const synctv_chat_range newer = { .after_seq = 1, .limit = 10 };
    assert_ok(synctv_chat_history(bob->me, room, &newer, &r, &error));
    ck_assert_uint_eq(keep_result(r)->n_messages, 1);
    const synctv_chat_range older = { .before_seq = 2 };
    assert_ok(synctv_chat_history(bob->me, room, &older, &r, &error));
    ck_assert_uint_eq(keep_result(r)->n_messages, 1);

    assert_code(synctv_chat_delete(bob->me, room, mine->chat->message_id, &error),
        SYNCTV_E_PERMISSION_DENIED);
    assert_ok(synctv_chat_delete(alice->me, room, mine->chat->message_id, &error));
    const synctv_event *deletion = expect(bob->stream, SYNCTV_EVENT_CHAT_DELETED);
    ck_assert_str_eq(deletion->deleted_message_id, mine->chat->message_id);
    ck_assert_uint_eq(deletion->deletion_seq, 3);
    assert_code(synctv_chat_delete(alice->me, room, "nosuchone---", &error),
        SYNCTV_E_MESSAGE_NOT_FOUND);
}
END_TEST

START_TEST(a_stream_tells_what_happens_and_takes_control)
{
    go(_i);
    struct person *alice = somebody("alice"), *bob = somebody("bob");
    const char *room = new_room(alice);
    join(bob, room);
    follow(alice, room);
    const char *movie = new_movie(alice, room, 600);
    const synctv_event *event = expect(alice->stream, SYNCTV_EVENT_MOVIES);
    ck_assert_int_eq(event->list_change, SYNCTV_LIST_CHANGE_ADDED);
    ck_assert_str_eq(event->movie->id, movie);
    assert_ok(synctv_playlist_set_current(alice->me, room, movie, NULL, NULL, &error));
    expect_state(alice->stream, SYNCTV_STATE_CAUSE_MOVIE);

    follow(bob, room);
    expect_change(alice->stream, SYNCTV_MEMBER_CHANGE_ONLINE);
    synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_PLAY, .room_id = room,
        .message_id = "op-1", .has_position = true, .position_s = 50);
    assert_ok(synctv_stream_send(alice->stream, &request, &error));
    event = expect_state(bob->stream, SYNCTV_STATE_CAUSE_PLAY);
    ck_assert_str_eq(event->state->operation_id, "op-1");
    ck_assert_str_eq(event->state->actor_id, alice->id);
    ck_assert_int_eq(event->state->status, SYNCTV_PLAYBACK_STATUS_PLAYING);
    event = expect_state(alice->stream, SYNCTV_STATE_CAUSE_PLAY); /* one's own, too */

    request = SYNCTV_REQUEST(SYNCTV_METHOD_SEEK, /* the room that the stream has */
        .message_id = "op-2", .has_position = true, .position_s = 10,
        .expected_version = event->state->version - 1);
    assert_ok(synctv_stream_send(alice->stream, &request, &error));
    event = expect(alice->stream, SYNCTV_EVENT_ERROR);
    assert_code(event->error_code, SYNCTV_E_VERSION_CONFLICT);
    ck_assert_str_eq(event->in_reply_to, "op-2");
    event = expect_state(alice->stream, SYNCTV_STATE_CAUSE_RESYNC); /* the state as it is */
    request.expected_version = event->state->version;
    assert_ok(synctv_stream_send(alice->stream, &request, &error));
    event = expect_state(bob->stream, SYNCTV_STATE_CAUSE_SEEK); /* it plays on */
    ck_assert_double_ge(event->state->position_s, 10);
    ck_assert_double_lt(event->state->position_s, 15);

    request = SYNCTV_REQUEST(SYNCTV_METHOD_SET_PLAYBACK_RATE, .has_rate = true, .rate = 2);
    assert_ok(synctv_stream_send(alice->stream, &request, &error));
    ck_assert_double_eq(expect_state(bob->stream, SYNCTV_STATE_CAUSE_RATE)->state->rate, 2);
    request = SYNCTV_REQUEST(SYNCTV_METHOD_PAUSE, .message_id = "op-3");
    assert_ok(synctv_stream_send(bob->stream, &request, &error));
    event = expect(bob->stream, SYNCTV_EVENT_ERROR);
    assert_code(event->error_code, SYNCTV_E_PERMISSION_DENIED);
    assert_ok(synctv_stream_send(alice->stream, &request, &error));
    expect_state(bob->stream, SYNCTV_STATE_CAUSE_PAUSE);

    request = SYNCTV_REQUEST(SYNCTV_METHOD_PING, .client_time_ms = 42);
    assert_ok(synctv_stream_send(alice->stream, &request, &error));
    event = expect(alice->stream, SYNCTV_EVENT_PONG);
    ck_assert_int_eq(event->client_time_ms, 42);
    ck_assert_int_ge(event->server_send_time_ms, event->server_recv_time_ms);
    request = SYNCTV_REQUEST(SYNCTV_METHOD_REPORT_STATUS, .movie_id = movie, .position_s = 500);
    assert_ok(synctv_stream_send(bob->stream, &request, &error));
    expect_state(bob->stream, SYNCTV_STATE_CAUSE_RESYNC); /* far off */
    request.method = SYNCTV_METHOD_LIST_ROOMS;
    assert_code(synctv_stream_send(bob->stream, &request, &error), SYNCTV_E_INVALID_ARGUMENT);

    const synctv_room_changes changes = { .name = "another name" };
    assert_ok(synctv_room_update(alice->me, room, &changes, NULL, &error));
    ck_assert_str_eq(expect(bob->stream, SYNCTV_EVENT_ROOM)->room->name, "another name");
    assert_ok(synctv_member_set_role(alice->me, room, bob->id, SYNCTV_ROOM_ROLE_ADMIN, NULL,
        &error));
    event = expect_change(bob->stream, SYNCTV_MEMBER_CHANGE_ROLE);
    ck_assert_int_eq(event->member->role, SYNCTV_ROOM_ROLE_ADMIN);
}
END_TEST

/* --- without waiting --- */

START_TEST(calls_without_waiting)
{
    go(_i);
    struct person *alice = somebody("alice");
    const char *room = new_room(alice);
    struct answers answers = ANSWERS;
    synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_GET_ROOM_INFO, .room_id = room);
    synctv_call(alice->me, &request, take_answer, &answers);
    ck_assert_str_eq(next_answer(&answers)->room->id, room);

    request.room_id = "nosuchroom--";
    synctv_call(alice->me, &request, take_answer, &answers);
    const synctv_result *failed = next_answer(&answers);
    assert_code(failed->code, SYNCTV_E_ROOM_NOT_FOUND);
    assert_code(failed->error->code, SYNCTV_E_ROOM_NOT_FOUND);

    request.method = SYNCTV_N_METHODS;
    synctv_call(alice->me, &request, take_answer, &answers);
    assert_code(next_answer(&answers)->code, SYNCTV_E_INVALID_ARGUMENT);

    /* Chat as a call: the answer is the message as the room has it. */
    follow(alice, room);
    request = SYNCTV_REQUEST(SYNCTV_METHOD_SEND_CHAT, .room_id = room, .content = "hey");
    synctv_call(alice->me, &request, take_answer, &answers);
    const synctv_result *said = next_answer(&answers);
    assert_ok(said->code);
    ck_assert_str_eq(said->chat->content, "hey");
    ck_assert_uint_eq(said->chat->seq, 1);
    ck_assert_str_eq(expect(alice->stream, SYNCTV_EVENT_CHAT)->chat->message_id,
        said->chat->message_id);
    request.content = "";
    synctv_call(alice->me, &request, take_answer, &answers);
    assert_code(next_answer(&answers)->code, SYNCTV_E_INVALID_ARGUMENT);
    request = SYNCTV_REQUEST(SYNCTV_METHOD_SEND_DANMAKU, .room_id = room, .content = "!");
    synctv_call(alice->me, &request, take_answer, &answers);
    assert_ok(next_answer(&answers)->code);
    expect(alice->stream, SYNCTV_EVENT_DANMAKU);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("walkthrough");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 120);
    tcase_add_unchecked_fixture(tcase, certificates_make, certificates_remove);
    tcase_add_checked_fixture(tcase, support_begin, end);
    tcase_add_loop_test(tcase, accounts_are_made_shown_approved_and_banned, 0, N_WAYS);
    tcase_add_loop_test(tcase, a_password_is_changed_by_who_knows_the_old_one, 0, N_WAYS);
    tcase_add_loop_test(tcase, rooms_are_made_found_changed_and_deleted, 0, N_WAYS);
    tcase_add_loop_test(tcase, members_are_approved_promoted_kicked_and_banned, 0, N_WAYS);
    tcase_add_loop_test(tcase, a_movie_as_large_as_one_may_be_reaches_everybody, 0, N_WAYS);
    tcase_add_loop_test(tcase, a_playlist_is_filled_changed_ordered_and_cleared, 0, N_WAYS);
    tcase_add_loop_test(tcase, playing_seeking_and_conflicts, 0, N_WAYS);
    tcase_add_loop_test(tcase, what_is_said_comes_back_and_is_kept, 0, N_WAYS);
    tcase_add_loop_test(tcase, a_stream_tells_what_happens_and_takes_control, 0, N_WAYS);
    tcase_add_loop_test(tcase, calls_without_waiting, 0, N_WAYS);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
