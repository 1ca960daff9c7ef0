/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/validate.h"
#include "support/node_fixture.h"

/* alice made the room, bob is a member, carol is not in it. */
static synctv_caller *alice, *bob, *carol;
static const char *room;

static void people(void)
{
    fx_open();
    alice = fx_user("alice");
    bob = fx_user("bob");
    carol = fx_user("carol");
    room = fx_room(alice, NULL);
    fx_join(bob, room);
}

/* The playlist as alice sees it. */
static const char *names(void)
{
    static char text[1024];
    fx_assert_ok(FX_ASK(alice, GET_MOVIE_LIST, .room_id = room));
    text[0] = '\0';
    for (size_t i = 0; i < fx_answer->n_movies; i++) {
        ck_assert_int_eq(fx_answer->movies[i].position, (int)i);
        strcat(text, i == 0 ? "" : " ");
        strcat(text, fx_answer->movies[i].name);
    }
    return text;
}

static const synctv_event *expect_list(synctv_stream *stream, synctv_list_change change)
{
    const synctv_event *event = fx_expect(stream, SYNCTV_EVENT_MOVIES);
    ck_assert_int_eq(event->list_change, change);
    ck_assert_str_eq(event->room_id, room);
    return event;
}

static int update(synctv_caller *by, const char *id, const synctv_movie *movie, const char *field)
{
    return FX_ASK(by, UPDATE_MOVIE, .room_id = room, .movie_id = id, .movie = movie,
        .fields = &field, .n_fields = 1);
}

static int remove_movie(synctv_caller *by, const char *id)
{
    return FX_ASK(by, REMOVE_MOVIE, .room_id = room, .movie_id = id);
}

static int move(synctv_caller *by, const char *id, int32_t position)
{
    return FX_ASK(by, MOVE_MOVIE, .room_id = room, .movie_id = id, .position = position);
}

static void set_current(const char *id)
{
    fx_assert_ok(FX_ASK(alice, SET_CURRENT_MOVIE, .room_id = room, .movie_id = id,
        .autoplay = true));
}

/* --- AddMovie --- */

START_TEST(a_movie_is_added_at_the_end_with_all_that_it_has)
{
    synctv_stream *stream = fx_follow(bob, room);
    fx_movie(alice, room, "first", 0);
    expect_list(stream, SYNCTV_LIST_CHANGE_ADDED);
    const synctv_header headers[] = { { "Referer", "https://example.org/" } };
    const synctv_subtitle subtitles[] = { { "English", "https://example.org/en.vtt", "vtt" } };
    const synctv_movie movie = {
        .name = "second",
        .url = "https://example.org/2.mp4",
        .duration_s = 90.5,
        .headers = headers,
        .n_headers = 1,
        .subtitles = subtitles,
        .n_subtitles = 1,
        .position = -7, /* not read, here and below */
        .added_by = fx_id(alice),
        .live = true,
    };
    fx_assert_ok(FX_ASK(bob, ADD_MOVIE, .room_id = room, .movie = &movie));
    const synctv_movie *added = fx_answer->movie;
    const synctv_event *event = expect_list(stream, SYNCTV_LIST_CHANGE_ADDED);
    ck_assert_str_eq(event->actor_id, fx_id(bob));
    const synctv_movie *seen[] = { added, event->movie };
    for (size_t i = 0; i < 2; i++) {
        ck_assert_str_eq(seen[i]->name, "second");
        ck_assert_str_eq(seen[i]->room_id, room);
        ck_assert_int_eq(seen[i]->type, SYNCTV_MOVIE_TYPE_URL);
        ck_assert_int_eq(seen[i]->position, 1);
        ck_assert_str_eq(seen[i]->added_by, fx_id(bob));
        ck_assert(!seen[i]->live);
        ck_assert_str_eq(seen[i]->stream_key, "");
        ck_assert_double_eq(seen[i]->duration_s, 90.5);
        ck_assert_str_eq(seen[i]->headers[0].value, "https://example.org/");
        ck_assert_str_eq(seen[i]->subtitles[0].format, "vtt");
    }
    ck_assert_str_eq(names(), "first second");
    fx_check_memory(room);
}
END_TEST

START_TEST(a_live_movie_has_a_stream_key)
{
    const synctv_movie live = { .name = "live", .type = SYNCTV_MOVIE_TYPE_LIVE };
    fx_assert_ok(FX_ASK(bob, ADD_MOVIE, .room_id = room, .movie = &live));
    char key[64];
    snprintf(key, sizeof(key), "%s.%s", room, fx_answer->movie->id);
    ck_assert_str_eq(fx_answer->movie->stream_key, key);
    for (int i = 0; i < 2; i++) {
        fx_assert_ok(FX_ASK(bob, GET_MOVIE_LIST, .room_id = room));
        ck_assert_str_eq(fx_answer->movies[0].stream_key, key);
        ck_assert_int_eq(fx_answer->movies[0].type, SYNCTV_MOVIE_TYPE_LIVE);
        fx_forget_rooms();
    }
}
END_TEST

START_TEST(bad_movies_are_refused)
{
    fx_assert_field(FX_ASK(bob, ADD_MOVIE, .room_id = room), "movie");
    const synctv_movie nameless = { .url = "https://example.org/" };
    fx_assert_field(FX_ASK(bob, ADD_MOVIE, .room_id = room, .movie = &nameless), "movie.name");
    const synctv_movie local = { .name = "x", .url = "file:///etc/passwd" };
    fx_assert_field(FX_ASK(bob, ADD_MOVIE, .room_id = room, .movie = &local), "movie.url");
}
END_TEST

START_TEST(a_playlist_has_an_end)
{
    fx_node.limits.movies_per_room = 2;
    fx_movie(alice, room, "a", 0);
    const char *second = fx_movie(alice, room, "b", 0);
    const synctv_movie movie = { .name = "c", .url = "https://example.org/" };
    fx_assert_code(FX_ASK(alice, ADD_MOVIE, .room_id = room, .movie = &movie),
        SYNCTV_E_MOVIE_LIMIT);
    fx_assert_ok(remove_movie(alice, second));
    fx_movie(alice, room, "c", 0);
}
END_TEST

/* As heavy as one may be, or `less` bytes lighter. */
static const synctv_movie *heavy(size_t less)
{
    static char values[16][4097], names[16][8];
    static synctv_header headers[16];
    static synctv_movie movie;
    movie = (synctv_movie){
        .name = "heavy",
        .url = "https://example.org/",
        .headers = headers,
        .n_headers = 16,
    };
    for (int i = 0; i < 16; i++) {
        snprintf(names[i], sizeof(names[i]), "x-%d", i);
        memset(values[i], '\0', sizeof(values[i]));
        memset(values[i], 'x', i < 15 ? 2000 : 0);
        headers[i] = (synctv_header){ .name = names[i], .value = values[i] };
    }
    memset(values[15], 'x', SV_MOVIE_MAX_BYTES - sv_movie_weight(&movie) - less);
    return &movie;
}

START_TEST(a_movie_is_not_heavier_than_32_kib)
{
    fx_assert_ok(FX_ASK(bob, ADD_MOVIE, .room_id = room, .movie = heavy(0)));
    const char *id = fx_answer->movie->id;
    synctv_movie more = *heavy(0);
    more.name = "heavier";
    fx_assert_field(FX_ASK(bob, ADD_MOVIE, .room_id = room, .movie = &more), "movie");
    fx_assert_field(update(bob, id, &more, "name"), "movie");
    ck_assert_str_eq(names(), "heavy");
}
END_TEST

START_TEST(the_movies_of_a_room_have_so_many_bytes_together)
{
    enum { N = SV_MOVIES_MAX_BYTES / SV_MOVIE_MAX_BYTES };
    const char *light = NULL;
    for (int i = 0; i < N; i++) {
        fx_assert_ok(FX_ASK(alice, ADD_MOVIE, .room_id = room, .movie = heavy(i == 0 ? 100 : 0)));
        if (i == 0)
            light = fx_answer->movie->id;
    }
    const synctv_movie small = { .name = "small", .url = "https://example.org/" };
    fx_assert_code(FX_ASK(alice, ADD_MOVIE, .room_id = room, .movie = heavy(0)),
        SYNCTV_E_MOVIE_LIMIT);
    ck_assert_ptr_nonnull(strstr(fx_error.message, "bytes"));
    fx_assert_ok(FX_ASK(alice, ADD_MOVIE, .room_id = room, .movie = &small));
    fx_assert_ok(update(alice, light, heavy(50), "headers"));
    fx_assert_code(update(alice, light, heavy(0), "headers"), SYNCTV_E_MOVIE_LIMIT);
    fx_assert_ok(update(alice, light, &(synctv_movie){ .name = "HEAVY" }, "name"));
    fx_check_memory(room);

    fx_assert_ok(remove_movie(alice, light));
    fx_assert_ok(FX_ASK(alice, ADD_MOVIE, .room_id = room, .movie = heavy(200)));
    fx_assert_ok(FX_ASK(alice, CLEAR_MOVIES, .room_id = room));
    fx_assert_ok(FX_ASK(alice, ADD_MOVIE, .room_id = room, .movie = heavy(0)));
}
END_TEST

/* --- RemoveMovie, ClearMovies --- */

START_TEST(members_remove_only_what_they_added)
{
    const char *alices = fx_movie(alice, room, "a", 0), *bobs = fx_movie(bob, room, "b", 0);
    synctv_stream *stream = fx_follow(alice, room);
    fx_assert_code(remove_movie(bob, alices), SYNCTV_E_PERMISSION_DENIED);
    fx_assert_ok(remove_movie(bob, bobs));
    ck_assert_str_eq(expect_list(stream, SYNCTV_LIST_CHANGE_REMOVED)->movie->id, bobs);
    fx_assert_code(remove_movie(bob, bobs), SYNCTV_E_MOVIE_NOT_FOUND);
    const char *again = fx_movie(bob, room, "c", 0);
    fx_assert_ok(remove_movie(alice, again));
    fx_assert_field(remove_movie(alice, "x"), "movie_id");
    ck_assert_str_eq(names(), "a");
    fx_check_memory(room);
}
END_TEST

START_TEST(without_the_current_movie_nothing_plays)
{
    const char *movie = fx_movie(alice, room, "a", 60);
    fx_movie(alice, room, "b", 60);
    set_current(movie);
    synctv_stream *stream = fx_follow(bob, room);
    fx_assert_ok(remove_movie(alice, movie));
    const synctv_event *event = fx_expect(stream, SYNCTV_EVENT_STATE);
    ck_assert_str_eq(event->state->movie_id, "");
    ck_assert_int_eq(event->state->status, SYNCTV_PLAYBACK_STATUS_PAUSED);
    ck_assert_str_eq(event->state->actor_id, fx_id(alice));
    event = expect_list(stream, SYNCTV_LIST_CHANGE_REMOVED);
    ck_assert_str_eq(event->current_movie_id, "");
    fx_assert_ok(FX_ASK(bob, GET_MOVIE_LIST, .room_id = room));
    ck_assert_str_eq(fx_answer->current_movie_id, "");
}
END_TEST

START_TEST(another_movie_goes_without_a_word_to_the_player)
{
    const char *movie = fx_movie(alice, room, "a", 60), *other = fx_movie(alice, room, "b", 60);
    set_current(movie);
    synctv_stream *stream = fx_follow(bob, room);
    fx_assert_ok(remove_movie(alice, other));
    ck_assert_str_eq(expect_list(stream, SYNCTV_LIST_CHANGE_REMOVED)->current_movie_id, movie);
    ck_assert(!fx_got(stream, SYNCTV_EVENT_STATE));
}
END_TEST

START_TEST(clearing_removes_all_and_stops)
{
    set_current(fx_movie(alice, room, "a", 60));
    fx_movie(bob, room, "b", 60);
    synctv_stream *stream = fx_follow(bob, room);
    fx_assert_code(FX_ASK(bob, CLEAR_MOVIES, .room_id = room), SYNCTV_E_PERMISSION_DENIED);
    fx_assert_ok(FX_ASK(alice, CLEAR_MOVIES, .room_id = room));
    ck_assert_int_eq(fx_answer->total, 2);
    ck_assert_str_eq(fx_expect(stream, SYNCTV_EVENT_STATE)->state->movie_id, "");
    ck_assert_ptr_null(expect_list(stream, SYNCTV_LIST_CHANGE_CLEARED)->movie);
    ck_assert_str_eq(names(), "");
    fx_check_memory(room);
    fx_assert_ok(FX_ASK(alice, CLEAR_MOVIES, .room_id = room));
    ck_assert_int_eq(fx_answer->total, 0);
    ck_assert(!fx_got(stream, SYNCTV_EVENT_MOVIES));
}
END_TEST

/* --- UpdateMovie --- */

START_TEST(only_the_fields_that_are_named_change)
{
    const char *id = fx_movie(bob, room, "a", 60);
    synctv_stream *stream = fx_follow(alice, room);
    const synctv_header headers[] = { { "Referer", "x" } };
    const synctv_subtitle subtitles[] = { { "", "https://example.org/en.srt", "srt" } };
    const synctv_movie movie = {
        .name = "new",
        .url = "https://example.org/new",
        .duration_s = 5,
        .headers = headers,
        .n_headers = 1,
        .subtitles = subtitles,
        .n_subtitles = 1,
    };
    fx_assert_ok(update(bob, id, &movie, "name"));
    ck_assert_str_eq(fx_answer->movie->name, "new");
    ck_assert_str_eq(fx_answer->movie->url, "https://example.org/movie.mp4");
    ck_assert_double_eq(fx_answer->movie->duration_s, 60);
    ck_assert_uint_eq(fx_answer->movie->n_headers, 0);
    ck_assert_str_eq(expect_list(stream, SYNCTV_LIST_CHANGE_CHANGED)->movie->name, "new");
    fx_assert_ok(update(bob, id, &movie, "url"));
    fx_assert_ok(update(bob, id, &movie, "headers"));
    fx_assert_ok(update(bob, id, &movie, "subtitles"));
    fx_assert_ok(update(bob, id, &movie, "duration"));
    ck_assert_str_eq(fx_answer->movie->url, "https://example.org/new");
    ck_assert_double_eq(fx_answer->movie->duration_s, 5);
    ck_assert_uint_eq(fx_answer->movie->n_headers, 1);
    ck_assert_uint_eq(fx_answer->movie->n_subtitles, 1);
    ck_assert_str_eq(fx_answer->movie->added_by, fx_id(bob));
    fx_check_memory(room);
}
END_TEST

START_TEST(bad_changes_of_a_movie_are_refused)
{
    const char *id = fx_movie(bob, room, "a", 60);
    const synctv_movie movie = { .name = "", .url = "x", .duration_s = -1 };
    fx_assert_field(update(bob, id, &movie, "name"), "movie.name");
    fx_assert_field(update(bob, id, &movie, "url"), "movie.url");
    fx_assert_field(update(bob, id, &movie, "duration"), "movie.duration");
    fx_assert_field(update(bob, id, &movie, "added_by"), "fields");
    fx_assert_field(update(bob, id, NULL, "name"), "movie");
    fx_assert_field(FX_ASK(bob, UPDATE_MOVIE, .room_id = room, .movie_id = id, .movie = &movie),
        "fields");
    fx_assert_code(update(bob, "AAAAAAAAAAAA", &movie, "name"), SYNCTV_E_MOVIE_NOT_FOUND);
    ck_assert_str_eq(names(), "a");
}
END_TEST

START_TEST(members_change_only_what_they_added)
{
    const char *alices = fx_movie(alice, room, "a", 0), *bobs = fx_movie(bob, room, "b", 0);
    const synctv_movie movie = { .name = "new" };
    fx_assert_code(update(bob, alices, &movie, "name"), SYNCTV_E_PERMISSION_DENIED);
    fx_assert_ok(update(bob, bobs, &movie, "name"));
    fx_assert_ok(update(alice, bobs, &movie, "name"));
}
END_TEST

START_TEST(a_shorter_current_movie_ends_sooner)
{
    const char *id = fx_movie(alice, room, "a", 3600);
    set_current(id);
    synctv_stream *stream = fx_follow(alice, room);
    const synctv_movie shorter = { .duration_s = 1 };
    fx_assert_ok(update(alice, id, &shorter, "duration"));
    fx_pass_ms(2500); /* a second of it, one of grace */
    const synctv_event *event = fx_expect(stream, SYNCTV_EVENT_STATE);
    ck_assert_int_eq(event->state->cause, SYNCTV_STATE_CAUSE_ENDED);
}
END_TEST

/* --- MoveMovie --- */

START_TEST(movies_are_moved_to_their_place)
{
    fx_movie(alice, room, "a", 0);
    fx_movie(alice, room, "b", 0);
    const char *id = fx_movie(bob, room, "c", 0);
    synctv_stream *stream = fx_follow(bob, room);
    fx_assert_code(move(bob, id, 0), SYNCTV_E_PERMISSION_DENIED);
    fx_assert_ok(move(alice, id, 0));
    ck_assert_int_eq(fx_answer->movie->position, 0);
    ck_assert_int_eq(expect_list(stream, SYNCTV_LIST_CHANGE_MOVED)->movie->position, 0);
    ck_assert_str_eq(names(), "c a b");
    fx_assert_ok(move(alice, id, 1000));
    ck_assert_int_eq(fx_answer->movie->position, 2);
    ck_assert_str_eq(names(), "a b c");
    fx_assert_ok(move(alice, id, 1));
    ck_assert_str_eq(names(), "a c b");
    fx_check_memory(room);
    fx_assert_field(move(alice, id, -1), "position");
    fx_assert_code(move(alice, "AAAAAAAAAAAA", 0), SYNCTV_E_MOVIE_NOT_FOUND);
}
END_TEST

/* --- GetMovieList --- */

START_TEST(the_list_comes_in_pages_that_survive_changes)
{
    const char *ids[6];
    for (int i = 0; i < 6; i++) {
        const char name[] = { (char)('a' + i), '\0' };
        ids[i] = fx_movie(alice, room, name, 0);
    }
    set_current(ids[4]);
    fx_assert_ok(FX_ASK(bob, GET_MOVIE_LIST, .room_id = room, .page_size = 2));
    ck_assert_uint_eq(fx_answer->n_movies, 2);
    ck_assert_int_eq(fx_answer->total, 6);
    ck_assert_str_eq(fx_answer->current_movie_id, ids[4]);
    const char *token = fx_answer->next_page_token;
    fx_assert_ok(remove_movie(alice, ids[0])); /* the last one seen moves up */
    fx_assert_ok(FX_ASK(bob, GET_MOVIE_LIST, .room_id = room, .page_size = 2, .page_token = token));
    ck_assert_str_eq(fx_answer->movies[0].id, ids[2]);
    token = fx_answer->next_page_token;
    fx_assert_ok(remove_movie(alice, ids[3])); /* the last one seen is gone */
    fx_assert_ok(FX_ASK(bob, GET_MOVIE_LIST, .room_id = room, .page_size = 2, .page_token = token));
    ck_assert_str_eq(fx_answer->movies[0].id, ids[4]);
    ck_assert_str_eq(fx_answer->movies[1].id, ids[5]);
    ck_assert_str_eq(fx_answer->next_page_token, "");
    fx_assert_field(FX_ASK(bob, GET_MOVIE_LIST, .room_id = room, .page_token = "7"), "page_token");
}
END_TEST

START_TEST(an_answer_is_never_larger_than_a_message_may_be)
{
    for (int i = 0; i < 60; i++)
        fx_assert_ok(FX_ASK(alice, ADD_MOVIE, .room_id = room, .movie = heavy(0)));
    size_t seen = 0;
    const char *token = "";
    do {
        fx_assert_ok(FX_ASK(alice, GET_MOVIE_LIST, .room_id = room, .page_size = 1000,
            .page_token = token));
        ck_assert_uint_gt(fx_answer->n_movies, 0);
        ck_assert_uint_lt(fx_answer->n_movies * 33200, 1024 * 1024);
        seen += fx_answer->n_movies;
        token = fx_answer->next_page_token;
    } while (token[0] != '\0');
    ck_assert_uint_eq(seen, 60);
}
END_TEST

START_TEST(changes_reach_a_room_that_is_not_in_memory)
{
    const char *a = fx_movie(alice, room, "a", 60), *b = fx_movie(alice, room, "b", 60);
    set_current(a);
    sv_node_turn(&fx_node);
    fx_forget_rooms();
    fx_assert_ok(move(alice, b, 0));
    fx_assert_ok(remove_movie(alice, a));
    fx_movie(bob, room, "c", 0);
    ck_assert_str_eq(names(), "b c");
    ck_assert_str_eq(fx_answer->current_movie_id, "");
    fx_check_memory(room);
}
END_TEST

START_TEST(who_may_not_see_the_playlist_is_not_told_of_it)
{
    fx_assert_ok(FX_ASK(alice, SET_MEMBER_PERMISSIONS, .room_id = room, .user_id = fx_id(bob),
        .removed_permissions = SYNCTV_PERM_VIEW_PLAYLIST));
    synctv_stream *stream = fx_follow(bob, room);
    fx_movie(alice, room, "a", 0);
    ck_assert(!fx_got(stream, SYNCTV_EVENT_MOVIES));
    fx_assert_code(FX_ASK(bob, GET_MOVIE_LIST, .room_id = room), SYNCTV_E_PERMISSION_DENIED);
    fx_assert_code(FX_ASK(carol, GET_MOVIE_LIST, .room_id = room), SYNCTV_E_NOT_A_MEMBER);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("playlist_calls");
    TCase *tcase = tcase_create("playlists");
    tcase_add_checked_fixture(tcase, people, fx_close);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_movie_is_added_at_the_end_with_all_that_it_has);
    tcase_add_test(tcase, a_live_movie_has_a_stream_key);
    tcase_add_test(tcase, bad_movies_are_refused);
    tcase_add_test(tcase, a_playlist_has_an_end);
    tcase_add_test(tcase, a_movie_is_not_heavier_than_32_kib);
    tcase_add_test(tcase, the_movies_of_a_room_have_so_many_bytes_together);
    tcase_add_test(tcase, members_remove_only_what_they_added);
    tcase_add_test(tcase, without_the_current_movie_nothing_plays);
    tcase_add_test(tcase, another_movie_goes_without_a_word_to_the_player);
    tcase_add_test(tcase, clearing_removes_all_and_stops);
    tcase_add_test(tcase, only_the_fields_that_are_named_change);
    tcase_add_test(tcase, bad_changes_of_a_movie_are_refused);
    tcase_add_test(tcase, members_change_only_what_they_added);
    tcase_add_test(tcase, a_shorter_current_movie_ends_sooner);
    tcase_add_test(tcase, movies_are_moved_to_their_place);
    tcase_add_test(tcase, the_list_comes_in_pages_that_survive_changes);
    tcase_add_test(tcase, an_answer_is_never_larger_than_a_message_may_be);
    tcase_add_test(tcase, changes_reach_a_room_that_is_not_in_memory);
    tcase_add_test(tcase, who_may_not_see_the_playlist_is_not_told_of_it);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
