/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/validate.h"

static char texts[4][SV_URL_MAX_BYTES + 2];

/* `head`, then 'x' up to that many bytes, in one of a few static buffers. */
static char *long_text(const char *head, size_t len)
{
    static unsigned next;
    char *out = texts[next++ % 4];
    ck_assert_uint_lt(len, sizeof(texts[0]));
    size_t head_len = strlen(head);
    memcpy(out, head, head_len);
    memset(out + head_len, 'x', len - head_len);
    out[len] = '\0';
    return out;
}

static synctv_movie good(void)
{
    return (synctv_movie){ .name = "A film",
        .url = "https://example.org/a.mp4",
        .type = SYNCTV_MOVIE_TYPE_URL,
        .duration_s = 5400 };
}

/* `field` "" = is accepted. */
static void expect(const synctv_movie *movie, const char *field, const char *what)
{
    synctv_error err = { 0 };
    int rv = sv_movie_validate(movie, &err);
    ck_assert_msg(strcmp(err.field, field) == 0, "'%s': \"%s\" %s", what, err.field, err.message);
    ck_assert_int_eq(rv, field[0] != '\0' ? SYNCTV_E_INVALID_ARGUMENT : 0);
    ck_assert_int_eq(sv_movie_validate(movie, NULL), rv);
}

static void expect_url(const char *url, const char *field)
{
    synctv_movie m = good();
    m.url = url;
    expect(&m, field, url == NULL ? "NULL" : url);
}

START_TEST(a_movie_must_be_there)
{
    synctv_movie m = good();
    expect(&m, "", "good");
    expect(NULL, "movie", "NULL");
}
END_TEST

START_TEST(a_movies_name_has_1_to_256_code_points_on_one_line)
{
    const char *bad[] = { NULL, "", "  ", "a\nb",
        "a\x1b"
        "b",
        "\xe2\x80\x8b", "\xff", "ab\xc3" };
    synctv_movie m = good();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        m.name = bad[i];
        expect(&m, "movie.name", "name");
    }
    m.name = "cat \xe2\x80\xae"
             "4pm.exe";
    expect(&m, "movie.name", "an override");
    m.name = long_text("", 256);
    expect(&m, "", "256");
    m.name = long_text("", 257);
    expect(&m, "movie.name", "257");
    m.name = long_text("\xf0\x9f\x8e\xac", 259);
    expect(&m, "", "256 code points");
}
END_TEST

START_TEST(urls_that_players_open_are_taken)
{
    const char *urls[] = { "http://a", "https://a/", "HTTP://A/b?c#d", "rtmp://a:1935/live/x",
        "rtsp://user:pa:ss@cam.local:554/1", "http://127.0.0.1:8080/x.flv", "http://[::1]/x",
        "http://[2001:db8::1]:80/x", "https://example.org/\xe4\xb8\xad.mp4",
        ("https://b\xc3\xbc"
         "cher.example/"), /* the break ends the hexadecimal escape */
        "http://a:1/", "http://a:65535/", "http://a:/", "http://a?x=http://b/@:", "http://u@a/",
        "http://a@b@c/" };
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
        expect_url(urls[i], "");
    expect_url(long_text("http://a/", 8192), "");
}
END_TEST

START_TEST(other_urls_are_refused)
{
    const char *urls[] = { NULL, "", "a", "/a.mp4", "//a/b", "http", "http:", "http:/a",
        "http:///a", "http://", "http://?a", "http://#a", "http://:80/", "http://u@/", "http://@",
        "ftp://a/", "file:///etc/passwd", "javascript:alert(1)", "javascript://a/%0aalert(1)",
        "data:text/html,x", "xhttp://a/", "httpx://a/", " http://a/", "http://a/ ", "http://a b/",
        "http://a/b c", "http://a/\tb", "http://a/\r\nHost: b", "http://a/\x7f", "http://a/\x01",
        "http://a/\xc2\xa0", "http://a/\xe3\x80\x80", "http://a/\xe2\x80\x8b",
        "http://a/\xe2\x80\xae"
        "4pm",
        "http://a/\xff", "http://a:0/", "http://a:65536/", "http://a:99999/", "http://a:123456/",
        "http://a:8x/", "http://a:-1/", "http://[]/", "http://[::1/", "http://[::1]x/",
        "http://[::1]:x/", "rtmps://a/", "ws://a/", "https://e.org\\@evil.com/", "https://\\evil",
        "https:\\\\evil", "http://a/\\b", "http://a/<b>", "http://a/\"b", "http://a/`b",
        "http://a/{b}", "http://a/}", "http://a/?b|c", "http://a/#b^c", "http://a>b/",
        "http://a|b/",
        "http://a/\xe2\x81\xa6"
        "b" };
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
        expect_url(urls[i], "movie.url");
    expect_url(long_text("http://a/", 8193), "movie.url");
    char ats[8193];
    memset(ats, '@', sizeof(ats) - 1);
    memcpy(ats, "http://", 7);
    ats[8192] = '\0';
    expect_url(ats, "movie.url");
}
END_TEST

START_TEST(a_live_movie_needs_no_url)
{
    synctv_movie m = good();
    m.type = SYNCTV_MOVIE_TYPE_LIVE;
    expect(&m, "", "with one");
    m.url = NULL;
    expect(&m, "", "without");
    m.url = "";
    expect(&m, "", "without");
    m.url = "nonsense";
    expect(&m, "movie.url", "a bad one");
}
END_TEST

START_TEST(a_movies_type_is_known)
{
    synctv_movie m = good();
    m.type = SYNCTV_MOVIE_TYPE_UNSPECIFIED;
    expect(&m, "", "unspecified");
    m.url = NULL;
    expect(&m, "movie.url", "unspecified without url");
    m = good();
    m.type = (synctv_movie_type)3;
    expect(&m, "movie.type", "3");
    m.type = (synctv_movie_type)-1;
    expect(&m, "movie.type", "-1");
}
END_TEST

START_TEST(a_duration_is_a_finite_number_of_seconds)
{
    const double fine[] = { 0, 0.001, 86400, 1e9 };
    const double bad[] = { -0.001, -INFINITY, INFINITY, NAN };
    synctv_movie m = good();
    for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
        m.duration_s = fine[i];
        expect(&m, "", "duration");
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        m.duration_s = bad[i];
        expect(&m, "movie.duration", "duration");
    }
}
END_TEST

static void expect_header(const char *name, const char *value, const char *field)
{
    synctv_header header = { name, value };
    synctv_movie m = good();
    m.headers = &header;
    m.n_headers = 1;
    expect(&m, field, name == NULL ? "NULL" : name);
}

START_TEST(headers_are_tokens_with_clean_values)
{
    expect_header("Referer", "https://example.org/", "");
    expect_header("x-!#$%&'*+.^_`|~09AZ", "", "");
    expect_header("a", NULL, "");
    expect_header("a", "b\tc \xe4\xb8\xad", "");
    expect_header(long_text("", 64), long_text("", 4096), "");
    const char *bad_names[] = { NULL, "", "a b", "a:", "a\r\nb", "a\n", "a(b)", "a/b", "a\"",
        "\xc3\xa9", "a\x7f", "a\x01", "[a]", "a=b", "a,b", "@" };
    for (size_t i = 0; i < sizeof(bad_names) / sizeof(bad_names[0]); i++)
        expect_header(bad_names[i], "v", "movie.headers");
    const char *bad_values[] = { "a\r\nSet-Cookie: x", "a\n", "\r", "a\x01", "a\x7f", "a\x1b[",
        "\xc2\x85", "\xff", "a\xe4\xb8", "a\xe2\x80\xae", "a\xe2\x81\xa9" };
    for (size_t i = 0; i < sizeof(bad_values) / sizeof(bad_values[0]); i++)
        expect_header("a", bad_values[i], "movie.headers");
    expect_header(long_text("", 65), "v", "movie.headers");
    expect_header("a", long_text("", 4097), "movie.headers");
}
END_TEST

START_TEST(there_are_at_most_16_headers_each_once)
{
    char names[17][16];
    synctv_header headers[17];
    for (int i = 0; i < 17; i++) {
        snprintf(names[i], sizeof(names[i]), "h%d", i);
        headers[i] = (synctv_header){ names[i], "v" };
    }
    synctv_movie m = good();
    m.headers = headers;
    m.n_headers = 16;
    expect(&m, "", "16");
    m.n_headers = 17;
    expect(&m, "movie.headers", "17");
    m.n_headers = 16;
    headers[15].name = "H0";
    expect(&m, "movie.headers", "twice but for case");
}
END_TEST

START_TEST(subtitles_have_a_web_url_and_a_known_format)
{
    const struct {
        synctv_subtitle subtitle;
        const char *field;
    } rows[] = {
        { { "English", "https://a/b.srt", "srt" }, "" },
        { { "", "http://a/b", "vtt" }, "" },
        { { NULL, "http://a/b", "ass" }, "" },
        { { "a\nb", "http://a/b", "ass" }, "movie.subtitles.name" },
        { { "\xff", "http://a/b", "ass" }, "movie.subtitles.name" },
        { { "a\xe2\x80\xae", "http://a/b", "ass" }, "movie.subtitles.name" },
        { { "a", NULL, "srt" }, "movie.subtitles.url" },
        { { "a", "", "srt" }, "movie.subtitles.url" },
        { { "a", "rtmp://a/b", "srt" }, "movie.subtitles.url" },
        { { "a", "file:///a", "srt" }, "movie.subtitles.url" },
        { { "a", "http://a/ b", "srt" }, "movie.subtitles.url" },
        { { "a", "http://a\\@b/", "srt" }, "movie.subtitles.url" },
        { { "a", "http://a/b", NULL }, "movie.subtitles.format" },
        { { "a", "http://a/b", "" }, "movie.subtitles.format" },
        { { "a", "http://a/b", "SRT" }, "movie.subtitles.format" },
        { { "a", "http://a/b", "ssa" }, "movie.subtitles.format" },
        { { "a", "http://a/b", "srt " }, "movie.subtitles.format" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        synctv_movie m = good();
        m.subtitles = &rows[i].subtitle;
        m.n_subtitles = 1;
        expect(&m, rows[i].field, rows[i].field);
    }
    synctv_subtitle subtitle = { long_text("", 64), "http://a/b", "srt" };
    synctv_movie m = good();
    m.subtitles = &subtitle;
    m.n_subtitles = 1;
    expect(&m, "", "64");
    subtitle.name = long_text("", 65);
    expect(&m, "movie.subtitles.name", "65");
}
END_TEST

START_TEST(there_are_at_most_16_subtitles)
{
    synctv_subtitle subtitles[17];
    for (int i = 0; i < 17; i++)
        subtitles[i] = (synctv_subtitle){ "a", "http://a/b", "srt" };
    synctv_movie m = good();
    m.subtitles = subtitles;
    m.n_subtitles = 16;
    expect(&m, "", "16");
    m.n_subtitles = 17;
    expect(&m, "movie.subtitles", "17");
}
END_TEST

START_TEST(a_movie_weighs_at_most_32_kib_in_all)
{
    char value[4097], names[7][8];
    synctv_header headers[7];
    memset(value, 'v', 4096);
    value[4096] = '\0';
    for (int i = 0; i < 7; i++) {
        snprintf(names[i], sizeof(names[i]), "h%02d", i);
        headers[i] = (synctv_header){ names[i], value };
    }
    const synctv_subtitle subtitle = { "En", "http://a/b", "srt" };
    synctv_movie m = good();
    m.headers = headers;
    m.n_headers = 7;
    m.subtitles = &subtitle;
    m.n_subtitles = 1;
    size_t weight = strlen(m.name) + strlen(m.url) + 7 * (3 + 4096) + 2 + 10 + 3;
    ck_assert_uint_eq(sv_movie_weight(&m), weight);
    expect(&m, "", "7 headers");

    char url[SV_URL_MAX_BYTES] = "http://a/";
    size_t rest = SV_MOVIE_MAX_BYTES - (weight - strlen(m.url)) - strlen(url);
    memset(url + strlen(url), 'u', rest);
    m.url = url;
    ck_assert_uint_eq(sv_movie_weight(&m), SV_MOVIE_MAX_BYTES);
    expect(&m, "", "just 32 KiB");
    strcat(url, "u");
    expect(&m, "movie", "a byte more");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("validate_movie");
    TCase *t = tcase_create("validate_movie");
    suite_add_tcase(suite, t);
    tcase_add_test(t, a_movie_must_be_there);
    tcase_add_test(t, a_movies_name_has_1_to_256_code_points_on_one_line);
    tcase_add_test(t, urls_that_players_open_are_taken);
    tcase_add_test(t, other_urls_are_refused);
    tcase_add_test(t, a_live_movie_needs_no_url);
    tcase_add_test(t, a_movies_type_is_known);
    tcase_add_test(t, a_duration_is_a_finite_number_of_seconds);
    tcase_add_test(t, headers_are_tokens_with_clean_values);
    tcase_add_test(t, there_are_at_most_16_headers_each_once);
    tcase_add_test(t, subtitles_have_a_web_url_and_a_known_format);
    tcase_add_test(t, there_are_at_most_16_subtitles);
    tcase_add_test(t, a_movie_weighs_at_most_32_kib_in_all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
