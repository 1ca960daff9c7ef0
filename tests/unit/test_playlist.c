/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/playlist.h"

static struct sv_playlist list;

static void setup(void)
{
    sv_playlist_init(&list);
}

static void teardown(void)
{
    sv_playlist_fini(&list);
}

static void append(const char *id)
{
    synctv_movie m = { .id = id, .name = id, .position = 99 };
    ck_assert_int_eq(sv_playlist_append(&list, &m), 0);
}

/* One letter a movie. */
static void append_all(const char *ids)
{
    for (; *ids != '\0'; ids++)
        append((char[]){ *ids, '\0' });
}

/* The list is that, and each knows its place. */
static void expect(const char *ids)
{
    ck_assert_uint_eq(list.n_items, strlen(ids));
    for (size_t i = 0; ids[i] != '\0'; i++) {
        const synctv_movie *m = sv_playlist_at(&list, i);
        ck_assert_msg(m->id[0] == ids[i], "place %zu: %s, not %c", i, m->id, ids[i]);
        ck_assert_int_eq(m->position, (int32_t)i);
    }
    ck_assert_ptr_null(sv_playlist_at(&list, list.n_items));
    ck_assert_ptr_null(sv_playlist_at(&list, SIZE_MAX));
}

/* --- the list --- */

START_TEST(an_empty_list_has_nothing)
{
    expect("");
    ck_assert_ptr_null(sv_playlist_get(&list, "a"));
    ck_assert_ptr_null(sv_playlist_get(&list, ""));
    ck_assert_ptr_null(sv_playlist_get(&list, NULL));
    ck_assert_int_eq(sv_playlist_remove(&list, "a"), SYNCTV_E_MOVIE_NOT_FOUND);
    ck_assert_int_eq(sv_playlist_move(&list, "a", 0), SYNCTV_E_MOVIE_NOT_FOUND);
    ck_assert_uint_eq(sv_playlist_clear(&list), 0);
}
END_TEST

START_TEST(movies_are_appended_in_order)
{
    append_all("abcdefghijklmnopqrstuvwxyz");
    expect("abcdefghijklmnopqrstuvwxyz");
    ck_assert_str_eq(sv_playlist_get(&list, "k")->name, "k");
    ck_assert_ptr_null(sv_playlist_get(&list, "K"));
}
END_TEST

START_TEST(an_id_is_there_only_once)
{
    append("a");
    synctv_movie again = { .id = "a", .name = "other" };
    ck_assert_int_eq(sv_playlist_append(&list, &again), SYNCTV_E_INVALID_ARGUMENT);
    expect("a");
    ck_assert_str_eq(sv_playlist_get(&list, "a")->name, "a");
}
END_TEST

START_TEST(the_longest_list_is_made_and_taken_apart)
{
    enum { N = 10000 };
    char id[16];
    for (int i = 0; i < N; i++) {
        snprintf(id, sizeof(id), "m%d", i);
        append(id);
    }
    for (int i = 0; i < N; i++) {
        snprintf(id, sizeof(id), "m%d", i);
        ck_assert_int_eq(sv_playlist_get(&list, id)->position, i);
    }
    for (int i = N - 1; i >= 0; i--) {
        snprintf(id, sizeof(id), "m%d", i);
        ck_assert_int_eq(sv_playlist_remove(&list, id), 0);
    }
    expect("");
}
END_TEST

START_TEST(it_is_known_what_the_movies_take)
{
    ck_assert_uint_eq(list.bytes, 0);
    append_all("ab");
    size_t two = list.bytes;
    char name[5001];
    memset(name, 'x', 5000);
    name[5000] = '\0';
    const synctv_movie longer = { .id = "a", .name = name }, shorter = { .id = "a", .name = "a" };
    ck_assert_int_eq(sv_playlist_update(&list, &longer), 0);
    ck_assert_uint_eq(list.bytes, two + 4999);
    ck_assert_int_eq(sv_playlist_move(&list, "a", 1), 0);
    ck_assert_int_eq(sv_playlist_update(&list, &shorter), 0);
    ck_assert_uint_eq(list.bytes, two);
    ck_assert_int_eq(sv_playlist_remove(&list, "b"), 0);
    ck_assert_uint_eq(list.bytes, two / 2);
    sv_playlist_clear(&list);
    ck_assert_uint_eq(list.bytes, 0);
}
END_TEST

START_TEST(a_movie_is_copied_with_all_it_holds)
{
    char id[] = "id", room[] = "room", name[] = "name", url[] = "url", by[] = "by", key[] = "key";
    char header_name[] = "h", header_value[] = "v", sub_name[] = "s", sub_url[] = "u";
    char sub_format[] = "srt";
    synctv_header headers[] = { { header_name, header_value }, { "h2", NULL } };
    synctv_subtitle subtitles[] = { { sub_name, sub_url, sub_format }, { NULL, NULL, NULL } };
    synctv_movie m = { .id = id,
        .room_id = room,
        .name = name,
        .url = url,
        .type = SYNCTV_MOVIE_TYPE_LIVE,
        .duration_s = 1.5,
        .added_by = by,
        .created_at_ms = 77,
        .headers = headers,
        .n_headers = 2,
        .subtitles = subtitles,
        .n_subtitles = 2,
        .stream_key = key,
        .live = true };
    ck_assert_int_eq(sv_playlist_append(&list, &m), 0);
    memset(name, 'X', 4);
    memset(url, 'X', 3);
    memset(room, 'X', 4);
    memset(by, 'X', 2);
    memset(key, 'X', 3);
    memset(sub_format, 'X', 3);
    header_name[0] = header_value[0] = sub_name[0] = sub_url[0] = 'X';
    headers[0].name = subtitles[0].url = NULL;

    const synctv_movie *copy = sv_playlist_get(&list, "id");
    ck_assert_str_eq(copy->room_id, "room");
    ck_assert_str_eq(copy->name, "name");
    ck_assert_str_eq(copy->url, "url");
    ck_assert_str_eq(copy->added_by, "by");
    ck_assert_str_eq(copy->stream_key, "key");
    ck_assert_int_eq(copy->type, SYNCTV_MOVIE_TYPE_LIVE);
    ck_assert_double_eq(copy->duration_s, 1.5);
    ck_assert_int_eq(copy->created_at_ms, 77);
    ck_assert(copy->live);
    ck_assert_uint_eq(copy->n_headers, 2);
    ck_assert_str_eq(copy->headers[0].name, "h");
    ck_assert_str_eq(copy->headers[0].value, "v");
    ck_assert_str_eq(copy->headers[1].name, "h2");
    ck_assert_str_eq(copy->headers[1].value, "");
    ck_assert_uint_eq(copy->n_subtitles, 2);
    ck_assert_str_eq(copy->subtitles[0].name, "s");
    ck_assert_str_eq(copy->subtitles[0].url, "u");
    ck_assert_str_eq(copy->subtitles[0].format, "srt");
    ck_assert_str_eq(copy->subtitles[1].format, "");
}
END_TEST

START_TEST(what_is_not_given_is_empty_never_null)
{
    synctv_movie m = { .id = "a" };
    ck_assert_int_eq(sv_playlist_append(&list, &m), 0);
    const synctv_movie *copy = sv_playlist_at(&list, 0);
    ck_assert_str_eq(copy->room_id, "");
    ck_assert_str_eq(copy->name, "");
    ck_assert_str_eq(copy->url, "");
    ck_assert_str_eq(copy->added_by, "");
    ck_assert_str_eq(copy->stream_key, "");
    ck_assert_uint_eq(copy->n_headers, 0);
    ck_assert_uint_eq(copy->n_subtitles, 0);
}
END_TEST

START_TEST(an_update_keeps_the_place)
{
    append_all("abc");
    synctv_header header = { "h", "v" };
    synctv_movie m = {
        .id = "b", .name = "new", .position = 7, .headers = &header, .n_headers = 1
    };
    ck_assert_int_eq(sv_playlist_update(&list, &m), 0);
    expect("abc");
    ck_assert_str_eq(sv_playlist_get(&list, "b")->name, "new");
    ck_assert_str_eq(sv_playlist_get(&list, "b")->headers[0].value, "v");
    m.id = "x";
    ck_assert_int_eq(sv_playlist_update(&list, &m), SYNCTV_E_MOVIE_NOT_FOUND);
}
END_TEST

START_TEST(a_movie_can_be_updated_from_itself)
{
    append_all("ab");
    synctv_movie m = *sv_playlist_get(&list, "a");
    m.duration_s = 12;
    ck_assert_int_eq(sv_playlist_update(&list, &m), 0);
    ck_assert_str_eq(sv_playlist_get(&list, "a")->name, "a");
    ck_assert_double_eq(sv_playlist_get(&list, "a")->duration_s, 12);
}
END_TEST

START_TEST(those_behind_a_removed_movie_move_up)
{
    append_all("abcde");
    ck_assert_int_eq(sv_playlist_remove(&list, "c"), 0);
    expect("abde");
    ck_assert_int_eq(sv_playlist_remove(&list, "a"), 0);
    expect("bde");
    ck_assert_int_eq(sv_playlist_remove(&list, "e"), 0);
    expect("bd");
    ck_assert_int_eq(sv_playlist_remove(&list, "e"), SYNCTV_E_MOVIE_NOT_FOUND);
    append("e");
    expect("bde");
}
END_TEST

START_TEST(a_moved_movie_leaves_the_others_in_order)
{
    const struct {
        const char *id;
        int32_t position;
        const char *expected;
    } rows[] = {
        { "a", 0, "abcde" },
        { "a", 2, "bcade" },
        { "a", 4, "bcdea" },
        { "a", 5, "bcdea" },
        { "a", INT32_MAX, "bcdea" },
        { "e", 0, "eabcd" },
        { "e", -1, "eabcd" },
        { "e", INT32_MIN, "eabcd" },
        { "c", 1, "acbde" },
        { "c", 3, "abdce" },
        { "e", 4, "abcde" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sv_playlist_clear(&list);
        append_all("abcde");
        ck_assert_int_eq(sv_playlist_move(&list, rows[i].id, rows[i].position), 0);
        expect(rows[i].expected);
    }
    ck_assert_int_eq(sv_playlist_move(&list, "x", 0), SYNCTV_E_MOVIE_NOT_FOUND);
}
END_TEST

START_TEST(a_cleared_list_can_be_filled_again)
{
    append_all("abc");
    ck_assert_uint_eq(sv_playlist_clear(&list), 3);
    expect("");
    append_all("ca");
    expect("ca");
}
END_TEST

START_TEST(random_changes_agree_with_a_simple_model)
{
    char model[64] = "";
    uint64_t x = 88172645463325252;
    for (int step = 0; step < 20000; step++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        char id[2] = { (char)('a' + (x >> 8) % 26), '\0' };
        int32_t to = (int32_t)((x >> 16) % 30);
        char *at = strchr(model, id[0]);
        size_t len = strlen(model);
        int expected = at != NULL ? 0 : SYNCTV_E_MOVIE_NOT_FOUND;
        if (x % 3 == 0) {
            synctv_movie m = { .id = id };
            ck_assert_int_eq(sv_playlist_append(&list, &m),
                at == NULL ? 0 : SYNCTV_E_INVALID_ARGUMENT);
            if (at == NULL)
                strcat(model, id);
        } else {
            if (x % 3 == 1)
                ck_assert_int_eq(sv_playlist_remove(&list, id), expected);
            else
                ck_assert_int_eq(sv_playlist_move(&list, id, to), expected);
            if (at != NULL)
                memmove(at, at + 1, strlen(at));
            if (at != NULL && x % 3 == 2) {
                size_t place = (size_t)to < len ? (size_t)to : len - 1;
                memmove(model + place + 1, model + place, strlen(model + place) + 1);
                model[place] = id[0];
            }
        }
        if (step % 50 == 0)
            expect(model);
    }
    expect(model);
}
END_TEST

/* --- what comes next --- */

static const char *next(const char *current, synctv_auto_advance mode, uint64_t random)
{
    const synctv_movie *m = sv_playlist_next(&list, current, mode, random);
    return m != NULL ? m->id : "-";
}

START_TEST(the_next_movie_is_by_the_rooms_setting)
{
    append_all("abc");
    const struct {
        const char *current;
        synctv_auto_advance mode;
        const char *expected;
    } rows[] = {
        { "a", SYNCTV_AUTO_ADVANCE_OFF, "-" },
        { "a", SYNCTV_AUTO_ADVANCE_NEXT, "b" },
        { "b", SYNCTV_AUTO_ADVANCE_NEXT, "c" },
        { "c", SYNCTV_AUTO_ADVANCE_NEXT, "-" },
        { "x", SYNCTV_AUTO_ADVANCE_NEXT, "-" },
        { "", SYNCTV_AUTO_ADVANCE_NEXT, "-" },
        { "b", SYNCTV_AUTO_ADVANCE_REPEAT_ONE, "b" },
        { "x", SYNCTV_AUTO_ADVANCE_REPEAT_ONE, "-" },
        { "a", SYNCTV_AUTO_ADVANCE_REPEAT_ALL, "b" },
        { "c", SYNCTV_AUTO_ADVANCE_REPEAT_ALL, "a" },
        { "x", SYNCTV_AUTO_ADVANCE_REPEAT_ALL, "a" },
        { NULL, SYNCTV_AUTO_ADVANCE_NEXT, "-" },
        { "a", (synctv_auto_advance)9, "-" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        ck_assert_str_eq(next(rows[i].current, rows[i].mode, 12345), rows[i].expected);
}
END_TEST

START_TEST(nothing_comes_next_in_an_empty_list)
{
    for (int mode = 0; mode <= SYNCTV_AUTO_ADVANCE_SHUFFLE; mode++)
        ck_assert_str_eq(next("a", (synctv_auto_advance)mode, UINT64_MAX), "-");
}
END_TEST

START_TEST(a_single_movie_follows_itself_if_anything_does)
{
    append("a");
    ck_assert_str_eq(next("a", SYNCTV_AUTO_ADVANCE_NEXT, 0), "-");
    ck_assert_str_eq(next("a", SYNCTV_AUTO_ADVANCE_REPEAT_ONE, 0), "a");
    ck_assert_str_eq(next("a", SYNCTV_AUTO_ADVANCE_REPEAT_ALL, 0), "a");
    ck_assert_str_eq(next("a", SYNCTV_AUTO_ADVANCE_SHUFFLE, UINT64_MAX), "a");
    ck_assert_str_eq(next("x", SYNCTV_AUTO_ADVANCE_SHUFFLE, UINT64_MAX), "a");
}
END_TEST

START_TEST(shuffle_picks_every_other_movie_equally_often_and_never_the_same_again)
{
    append_all("abcde");
    for (size_t current = 0; current < 5; current++) {
        unsigned picked[5] = { 0 };
        for (uint64_t random = 0; random < 400; random++) {
            const char *id =
                next(sv_playlist_at(&list, current)->id, SYNCTV_AUTO_ADVANCE_SHUFFLE, random);
            picked[id[0] - 'a']++;
        }
        for (size_t i = 0; i < 5; i++)
            ck_assert_uint_eq(picked[i], i == current ? 0 : 100);
    }
    ck_assert_str_ne(next("x", SYNCTV_AUTO_ADVANCE_SHUFFLE, UINT64_MAX), "-");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("playlist");
    TCase *t = tcase_create("playlist");
    tcase_add_checked_fixture(t, setup, teardown);
    suite_add_tcase(suite, t);
    tcase_add_test(t, an_empty_list_has_nothing);
    tcase_add_test(t, movies_are_appended_in_order);
    tcase_add_test(t, an_id_is_there_only_once);
    tcase_add_test(t, the_longest_list_is_made_and_taken_apart);
    tcase_add_test(t, it_is_known_what_the_movies_take);
    tcase_add_test(t, a_movie_is_copied_with_all_it_holds);
    tcase_add_test(t, what_is_not_given_is_empty_never_null);
    tcase_add_test(t, an_update_keeps_the_place);
    tcase_add_test(t, a_movie_can_be_updated_from_itself);
    tcase_add_test(t, those_behind_a_removed_movie_move_up);
    tcase_add_test(t, a_moved_movie_leaves_the_others_in_order);
    tcase_add_test(t, a_cleared_list_can_be_filled_again);
    tcase_add_test(t, random_changes_agree_with_a_simple_model);
    tcase_add_test(t, the_next_movie_is_by_the_rooms_setting);
    tcase_add_test(t, nothing_comes_next_in_an_empty_list);
    tcase_add_test(t, a_single_movie_follows_itself_if_anything_does);
    tcase_add_test(t, shuffle_picks_every_other_movie_equally_often_and_never_the_same_again);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
