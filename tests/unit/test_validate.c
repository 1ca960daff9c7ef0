/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/validate.h"

#define E_ACUTE "\xc3\xa9"      /* 2 bytes */
#define HAN "\xe4\xb8\xad"      /* 3 bytes */
#define FACE "\xf0\x9f\x98\x80" /* 4 bytes */
#define NBSP "\xc2\xa0"
#define IDEOGRAPHIC_SPACE "\xe3\x80\x80"
#define ZWSP "\xe2\x80\x8b"
#define ZWNJ "\xe2\x80\x8c"
#define ZWJ "\xe2\x80\x8d"
#define RLO "\xe2\x80\xae"
#define BOM "\xef\xbb\xbf"
#define SOFT_HYPHEN "\xc2\xad"
#define HANGUL_FILLER "\xe3\x85\xa4"
#define BRAILLE_BLANK "\xe2\xa0\x80"
#define VS16 "\xef\xb8\x8f"
#define GRAPHEME_JOINER "\xcd\x8f"
#define COMBINING_ACUTE "\xcc\x81"
#define TAG_A "\xf3\xa0\x81\xa1"
#define LINE_SEPARATOR "\xe2\x80\xa8"
#define NEXT_LINE "\xc2\x85"

static const char *const not_utf8[] = {
    "ab\xff",
    "ab\xc3",
    "\xc3(ab",
    "ab\xc0\xaf",
    "ab\xe0\x80\xaf",
    "ab\xed\xa0\x80",
    "ab\xf4\x90\x80\x80",
    "ab\xf0\x80\x80\xaf",
    "\x80zz",
    "ab\xf8\x88\x80\x80\x80",
    "ab\xe4\xb8",
};
#define N_NOT_UTF8 (sizeof(not_utf8) / sizeof(not_utf8[0]))

/* n times s, in one of a few static buffers. */
static const char *repeat(const char *s, size_t n)
{
    static char buffers[4][16384];
    static unsigned next;
    char *out = buffers[next++ % 4];
    size_t len = strlen(s);
    ck_assert_uint_lt(n * len, sizeof(buffers[0]));
    for (size_t i = 0; i < n; i++)
        memcpy(out + i * len, s, len);
    out[n * len] = '\0';
    return out;
}

typedef int text_validate_fn(const char *s, synctv_error *err);

static void accepts(text_validate_fn *validate, const char *s)
{
    synctv_error err = { 0 };
    int rv = validate(s, &err);
    ck_assert_msg(rv == 0, "'%s': %s %s", s == NULL ? "NULL" : s, err.field, err.message);
    ck_assert_int_eq(err.code, 0);
}

static void refuses(text_validate_fn *validate, const char *s, const char *field)
{
    synctv_error err = { 0 };
    int rv = validate(s, &err);
    ck_assert_msg(rv == SYNCTV_E_INVALID_ARGUMENT, "'%s' was accepted", s == NULL ? "NULL" : s);
    ck_assert_int_eq(err.code, SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, field);
    ck_assert_str_ne(err.message, "");
    ck_assert_int_eq(validate(s, NULL), SYNCTV_E_INVALID_ARGUMENT);
}

/* --- user names --- */

START_TEST(names_of_many_scripts_are_fine)
{
    const char *good[] = { "ab", "Ann", "ann b", "a b c", "o'neil", "J\xc3\xb8rgen", HAN HAN,
        FACE FACE, "\xd0\x9e\xd0\xbb\xd1\x8f",      /* Cyrillic */
        "\xd9\x85\xd8\xad\xd9\x85\xd8\xaf",         /* Arabic */
        "\xe0\xa4\xb0\xe0\xa4\xbe\xe0\xa4\xae",     /* Devanagari with a vowel sign */
        "\xd9\x85\xdb\x8c" ZWNJ "\xd8\xae\xd9\x88", /* Persian with a joiner */
        "\xe2\x9d\xa4" VS16 "\xe2\x9d\xa4" VS16,    /* two hearts */
        "\xe2\x9d\xa4" VS16 ZWJ "\xf0\x9f\x94\xa5"
        "x", /* a heart on fire */
        "e" COMBINING_ACUTE "a", "a-b_c.d", "--", "<script>" };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        accepts(sv_username_validate, good[i]);
}
END_TEST

START_TEST(a_name_has_2_to_32_code_points)
{
    const char *letters[] = { "a", E_ACUTE, HAN, FACE };
    for (size_t i = 0; i < 4; i++) {
        refuses(sv_username_validate, repeat(letters[i], 1), "username");
        accepts(sv_username_validate, repeat(letters[i], 2));
        accepts(sv_username_validate, repeat(letters[i], 32));
        refuses(sv_username_validate, repeat(letters[i], 33), "username");
        refuses(sv_username_validate, repeat(letters[i], 3000), "username");
    }
    refuses(sv_username_validate, "", "username");
    refuses(sv_username_validate, NULL, "username");
}
END_TEST

START_TEST(hostile_names_are_refused)
{
    const char *bad[] = { " ab", "ab ", "\tab", "ab\n", "  ", "a\nb",
        "a\x01"
        "b",
        "a\x7f"
        "b",
        "a\x1b[31mb", NBSP "ab", "ab" NBSP, IDEOGRAPHIC_SPACE "ab", "ab" IDEOGRAPHIC_SPACE,
        "a" NEXT_LINE "b", "a" LINE_SEPARATOR "b", "a" ZWSP "b", ZWSP ZWSP, "ab" ZWSP, "a" RLO "b",
        BOM "ab", "a" SOFT_HYPHEN "b", "a" HANGUL_FILLER "b", HANGUL_FILLER HANGUL_FILLER,
        BRAILLE_BLANK BRAILLE_BLANK, "a" BRAILLE_BLANK "b", "a" GRAPHEME_JOINER "b", "a" TAG_A "b",
        ZWJ "ab", "ab" ZWJ, "ab" ZWNJ, VS16 "ab", "a" ZWJ, "a" VS16, "a" VS16 VS16 VS16,
        COMBINING_ACUTE "ab", "a  b", "a " NBSP "b", "a" IDEOGRAPHIC_SPACE " b", "a " ZWJ " b",
        "a\xee\x80\x80"
        "b", /* private use U+E000 */
        "a\xef\xbf\xbf"
        "b", /* U+FFFF, never a character */
        "a\xf4\x8f\xbf\xbf"
        "b", /* U+10FFFF */
        "a\xcd\xb8"
        "b" }; /* unassigned U+0378 */
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        refuses(sv_username_validate, bad[i], "username");
    for (size_t i = 0; i < N_NOT_UTF8; i++)
        refuses(sv_username_validate, not_utf8[i], "username");
}
END_TEST

/* --- folding --- */

static const char *fold(struct sv_arena *a, const char *in)
{
    const char *out = NULL;
    if (sv_name_fold(a, in, &out) != 0 ||
        out == NULL) /* an assertion is slow, and this runs often */
        ck_abort_msg("this cannot be folded");
    return out;
}

START_TEST(names_that_look_the_same_fold_to_the_same)
{
    const char *pairs[][2] = { { "Ann", "aNN" }, { "", "" },
        { "Stra\xc3\x9f"
          "e",
            "STRASSE" },                      /* sharp s */
        { "e" COMBINING_ACUTE, E_ACUTE },     /* composed or not */
        { "\xef\xbc\xa1\xef\xbd\x82", "ab" }, /* full width */
        { "\xef\xac\x81n", "fin" },           /* a ligature */
        { "\xe2\x84\xaa"
          "elvin",
            "kelvin" },                                             /* the Kelvin sign */
        { "\xce\xa3\xce\xaf\xcf\x82", "\xcf\x83\xce\xaf\xcf\x83" }, /* final sigma */
        { "a" ZWJ "b", "ab" }, { "a" ZWSP "b", "AB" }, { "a" VS16 "b", "ab" },
        { "a" SOFT_HYPHEN "b", "ab" }, { "a" NBSP "b", "a b" } };
    struct sv_arena a = { 0 };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        ck_assert_str_eq(fold(&a, pairs[i][0]), fold(&a, pairs[i][1]));
    ck_assert_str_ne(fold(&a, "ann"), fold(&a, "anne"));
    ck_assert_str_ne(fold(&a, "e"), fold(&a, E_ACUTE));
    ck_assert_str_eq(fold(&a, NULL), "");
    sv_arena_fini(&a);
}
END_TEST

static size_t put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(lead[n] | c);
    return n;
}

START_TEST(folding_every_code_point_twice_changes_nothing)
{
    struct sv_arena a = { 0 };
    for (uint32_t c = 1; c <= 0x10ffff; c++) {
        if (c >= 0xd800 && c <= 0xdfff)
            continue;
        char in[8] = { 0 };
        put_utf8(in, c);
        const char *once = fold(&a, in);
        if (strcmp(once, fold(&a, once)) != 0 || strlen(once) > 12 * strlen(in))
            ck_abort_msg("U+%04X", c);
        if (c % 256 == 0)
            sv_arena_fini(&a);
    }
    sv_arena_fini(&a);
}
END_TEST

static uint32_t random_code_point(void)
{
    static uint64_t x = 88172645463325252;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    static const uint32_t from[] = { 0x20, 0xc0, 0x300, 0x1100, 0x0900, 0x1f00, 0x2000, 0xac00,
        0xff00, 0x1d100 };
    uint32_t c = from[x % 10] + (uint32_t)((x >> 8) % 0x130);
    return c;
}

START_TEST(folding_random_texts_twice_changes_nothing)
{
    for (int round = 0; round < 20000; round++) {
        struct sv_arena a = { 0 };
        char in[64] = { 0 };
        size_t len = 0;
        for (int i = 0; i < 6; i++)
            len += put_utf8(in + len, random_code_point());
        const char *once = fold(&a, in);
        ck_assert_str_eq(once, fold(&a, once));
        sv_arena_fini(&a);
    }
}
END_TEST

START_TEST(folding_is_bounded_and_takes_utf8_only)
{
    struct sv_arena a = { 0 };
    const char *out = "untouched";
    ck_assert_int_eq(sv_name_fold(&a, repeat("a", SV_FOLD_MAX_BYTES), &out), 0);
    out = "untouched";
    ck_assert_int_eq(sv_name_fold(&a, repeat("a", SV_FOLD_MAX_BYTES + 1), &out),
        SYNCTV_E_INVALID_ARGUMENT);
    for (size_t i = 0; i < N_NOT_UTF8; i++)
        ck_assert_int_eq(sv_name_fold(&a, not_utf8[i], &out), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(out, "untouched");
    /* U+FDFA is 18 code points when taken apart. */
    fold(&a, repeat("\xef\xb7\xba", SV_FOLD_MAX_BYTES / 3));
    sv_arena_fini(&a);

    sv_arena_init(&a, 16);
    ck_assert_int_eq(sv_name_fold(&a, repeat("a", 100), &out), SYNCTV_E_NO_MEMORY);
    ck_assert_str_eq(out, "untouched");
    sv_arena_fini(&a);
}
END_TEST

/* --- e-mail, passwords --- */

START_TEST(plausible_addresses_are_taken)
{
    const char *good[] = { "", NULL, "a@b.cd", "Ann.B+tag@mail.example.org", "a@x-y.example",
        "o'neil@example.com", "a_b-c@123.45.67.cc",
        E_ACUTE "@b\xc3\xbc"
                "cher.example",
        "a@xn--bcher-kva.example", "1@2.3" };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        accepts(sv_email_validate, good[i]);
    char longest[300];
    snprintf(longest, sizeof(longest), "%s@%s.%s.%s.cc", repeat("a", 64), repeat("b", 63),
        repeat("c", 63), repeat("d", 254 - 64 - 1 - 64 - 64 - 3));
    ck_assert_uint_eq(strlen(longest), 254);
    accepts(sv_email_validate, longest);
}
END_TEST

START_TEST(what_cannot_be_an_address_is_refused)
{
    const char *bad[] = { "a", "@", "a@", "@b.cd", "a@b", "a b@c.de", "a@b c.de", "a@b.cd ",
        " a@b.cd", "a@@b.cd", "a@b@c.de", ".a@b.cd", "a.@b.cd", "a..b@c.de", "a@.b.cd", "a@b..cd",
        "a@b.cd.", "a@-b.cd", "a@b-.cd", "a@b.cd\n", "a\x01@b.cd", "a@b_c.de", "\"a b\"@c.de",
        "a@[127.0.0.1]", "<a@b.cd>", "a,b@c.de", "a@b.cd,e@f.gh", "a" ZWSP "@b.cd", "a@b" RLO ".cd",
        "a\\@b.cd", "mailto:a@b.cd" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        refuses(sv_email_validate, bad[i], "email");
    for (size_t i = 0; i < N_NOT_UTF8; i++)
        refuses(sv_email_validate, not_utf8[i], "email");
    char text[400];
    snprintf(text, sizeof(text), "%s@b.cd", repeat("a", 65));
    refuses(sv_email_validate, text, "email");
    snprintf(text, sizeof(text), "a@%s.cd", repeat("b", 64));
    refuses(sv_email_validate, text, "email");
    snprintf(text, sizeof(text), "a@%s", repeat("b.", 140));
    refuses(sv_email_validate, text, "email");
}
END_TEST

static int password(const char *password, const char *username)
{
    synctv_error err = { 0 };
    int rv = sv_password_validate(password, username, "new_password", &err);
    ck_assert_int_eq(err.code, rv);
    ck_assert_str_eq(err.field, rv == 0 ? "" : "new_password");
    return rv;
}

START_TEST(a_password_has_8_to_128_bytes)
{
    ck_assert_int_eq(password(NULL, "ann"), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_int_eq(password("", "ann"), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_int_eq(password("1234567", "ann"), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_int_eq(password("12345678", "ann"), 0);
    ck_assert_int_eq(password(FACE FACE, "ann"), 0);
    ck_assert_int_eq(password(repeat("x", 128), "ann"), 0);
    ck_assert_int_eq(password(repeat("x", 129), "ann"), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_int_eq(password("\xff\xfe\x01\x02\x03\x04\x05\x06", "ann"), 0);
    ck_assert_int_eq(password("12345678", NULL), 0);
}
END_TEST

START_TEST(a_password_is_not_the_user_name)
{
    ck_assert_int_eq(password("annabell", "annabell"), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_int_eq(password("ANNABELL", "annabell"), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_int_eq(password("annabell1", "annabell"), 0);
    ck_assert_int_eq(password("annabell", "\xff\xff"), 0);
}
END_TEST

START_TEST(a_refused_password_is_not_repeated_in_the_error)
{
    synctv_error err = { 0 };
    sv_password_validate("annabell", "annabell", "password", &err);
    ck_assert_ptr_null(strstr(err.message, "annabell"));
    sv_password_validate("s3cret", "annabell", "password", &err);
    ck_assert_ptr_null(strstr(err.message, "s3cret"));
}
END_TEST

/* --- rooms --- */

START_TEST(a_rooms_name_has_1_to_64_code_points_and_one_line)
{
    accepts(sv_room_name_validate, "x");
    accepts(sv_room_name_validate, "Friday night");
    accepts(sv_room_name_validate, repeat(FACE, 64));
    refuses(sv_room_name_validate, repeat(FACE, 65), "name");
    refuses(sv_room_name_validate, repeat("a", 65), "name");
    const char *bad[] = { NULL, "", " ", "   ", NBSP, ZWSP, HANGUL_FILLER BRAILLE_BLANK, RLO,
        "a\nb", "a\tb",
        "a\x1b"
        "b",
        "a" NEXT_LINE "b", "a" LINE_SEPARATOR "b" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        refuses(sv_room_name_validate, bad[i], "name");
    for (size_t i = 0; i < N_NOT_UTF8; i++)
        refuses(sv_room_name_validate, not_utf8[i], "name");
}
END_TEST

START_TEST(a_description_may_have_lines_or_be_empty)
{
    accepts(sv_room_description_validate, NULL);
    accepts(sv_room_description_validate, "");
    accepts(sv_room_description_validate, " ");
    accepts(sv_room_description_validate, "one\r\n\ttwo\n");
    accepts(sv_room_description_validate, repeat(HAN, 500));
    refuses(sv_room_description_validate, repeat(HAN, 501), "description");
    refuses(sv_room_description_validate, "a\x1b[0m", "description");
    refuses(sv_room_description_validate,
        "a\x0b"
        "b",
        "description");
    for (size_t i = 0; i < N_NOT_UTF8; i++)
        refuses(sv_room_description_validate, not_utf8[i], "description");
}
END_TEST

START_TEST(a_rooms_password_has_up_to_64_bytes)
{
    accepts(sv_room_password_validate, NULL);
    accepts(sv_room_password_validate, "");
    accepts(sv_room_password_validate, "1");
    accepts(sv_room_password_validate, repeat("x", 64));
    refuses(sv_room_password_validate, repeat("x", 65), "password");
    refuses(sv_room_password_validate, repeat(HAN, 22), "password");
}
END_TEST

START_TEST(a_reason_is_one_short_line)
{
    accepts(sv_reason_validate, NULL);
    accepts(sv_reason_validate, "");
    accepts(sv_reason_validate, repeat(HAN, 200));
    refuses(sv_reason_validate, repeat(HAN, 201), "reason");
    refuses(sv_reason_validate, "a\nb", "reason");
}
END_TEST

START_TEST(settings_are_checked_field_by_field)
{
    synctv_error err = { 0 };
    ck_assert_int_eq(sv_settings_validate(NULL, &err), 0);
    const synctv_room_settings good[] = { { 0 }, { .max_members = 10000 }, { .max_members = 1 },
        { .default_member_permissions = SYNCTV_PERM_ALL,
            .default_admin_permissions = SYNCTV_PERM_ALL,
            .guest_permissions = SYNCTV_PERM_ALL,
            .auto_advance = SYNCTV_AUTO_ADVANCE_SHUFFLE } };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        ck_assert_int_eq(sv_settings_validate(&good[i], &err), 0);
    const uint64_t unknown = UINT64_C(1) << 8;
    const struct {
        synctv_room_settings settings;
        const char *field;
    } bad[] = {
        { { .max_members = -1 }, "settings.max_members" },
        { { .max_members = INT32_MIN }, "settings.max_members" },
        { { .max_members = 10001 }, "settings.max_members" },
        { { .default_member_permissions = unknown }, "settings.default_member_permissions" },
        { { .default_admin_permissions = UINT64_MAX }, "settings.default_admin_permissions" },
        { { .guest_permissions = UINT64_C(1) << 63 }, "settings.guest_permissions" },
        { { .auto_advance = (synctv_auto_advance)5 }, "settings.auto_advance" },
        { { .auto_advance = (synctv_auto_advance)-1 }, "settings.auto_advance" },
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_int_eq(sv_settings_validate(&bad[i].settings, &err), SYNCTV_E_INVALID_ARGUMENT);
        ck_assert_str_eq(err.field, bad[i].field);
    }
}
END_TEST

/* --- messages --- */

START_TEST(one_line_keeps_its_direction_and_chat_may_turn_it)
{
    const char *turns[] = { "a\xe2\x80\xaa" /* U+202A */, ("a" RLO), "a\xe2\x81\xa6" /* U+2066 */,
        "a\xe2\x81\xa9" /* U+2069 */ };
    for (size_t i = 0; i < sizeof(turns) / sizeof(turns[0]); i++) {
        refuses(sv_username_validate, turns[i], "username");
        refuses(sv_room_name_validate, turns[i], "name");
        refuses(sv_reason_validate, turns[i], "reason");
        refuses(sv_search_validate, turns[i], "search");
        accepts(sv_room_description_validate, turns[i]);
        accepts(sv_chat_validate, turns[i]);
    }
    accepts(sv_room_name_validate, "a\xe2\x81\xb0");         /* U+2070, a superscript 0 */
    accepts(sv_room_name_validate, "\xd7\x90\xe2\x80\x8f!"); /* RLM */
}
END_TEST

START_TEST(chat_has_1_to_500_code_points_with_something_to_see)
{
    accepts(sv_chat_validate, "x");
    accepts(sv_chat_validate, " x ");
    accepts(sv_chat_validate, "two\nlines\tand a tab\r\n");
    accepts(sv_chat_validate, FACE ZWJ FACE);
    accepts(sv_chat_validate, "\xf0\x9f\xab\xa8"); /* an emoji younger than our tables */
    accepts(sv_chat_validate, repeat(FACE, 500));
    refuses(sv_chat_validate, repeat(FACE, 501), "content");
    refuses(sv_chat_validate, repeat("a", 501), "content");
    const char *bad[] = { NULL, "", " ", "\n\n\t", NBSP IDEOGRAPHIC_SPACE, ZWSP ZWJ RLO BOM,
        HANGUL_FILLER, BRAILLE_BLANK, VS16, TAG_A, "x\x1b[2J", "x\x07", "x\x7f", "x" NEXT_LINE,
        "x" LINE_SEPARATOR };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        refuses(sv_chat_validate, bad[i], "content");
    for (size_t i = 0; i < N_NOT_UTF8; i++)
        refuses(sv_chat_validate, not_utf8[i], "content");
}
END_TEST

static int danmaku(synctv_request request, const char *field)
{
    synctv_danmaku d = { .user_id = "u" }, before = d;
    synctv_error err = { 0 };
    int rv = sv_danmaku_validate(&request, &d, &err);
    ck_assert_str_eq(err.field, field);
    if (rv < 0)
        ck_assert_mem_eq(&d, &before, sizeof(d));
    return rv;
}

START_TEST(danmaku_gets_its_defaults)
{
    synctv_request request = { .content = "wow", .video_time_s = 12.5 };
    synctv_danmaku d = { .user_id = "u" };
    ck_assert_int_eq(sv_danmaku_validate(&request, &d, NULL), 0);
    ck_assert_str_eq(d.content, "wow");
    ck_assert_str_eq(d.color, "#FFFFFF");
    ck_assert_int_eq(d.font_size, 25);
    ck_assert_int_eq(d.position, SYNCTV_DANMAKU_POSITION_SCROLL);
    ck_assert_double_eq(d.video_time_s, 12.5);
    ck_assert_str_eq(d.user_id, "u");

    request = (synctv_request){ .content = "x",
        .color = "#00fF9a",
        .font_size = 36,
        .danmaku_position = SYNCTV_DANMAKU_POSITION_BOTTOM };
    ck_assert_int_eq(sv_danmaku_validate(&request, &d, NULL), 0);
    ck_assert_str_eq(d.color, "#00fF9a");
    ck_assert_int_eq(d.font_size, 36);
    ck_assert_int_eq(d.position, SYNCTV_DANMAKU_POSITION_BOTTOM);
}
END_TEST

START_TEST(danmaku_is_checked_field_by_field)
{
    const int no = SYNCTV_E_INVALID_ARGUMENT;
    const char *bad_content[] = { NULL, "", "  ", "a\nb", "a\tb", ZWSP, "\xff" };
    for (size_t i = 0; i < sizeof(bad_content) / sizeof(bad_content[0]); i++)
        ck_assert_int_eq(danmaku((synctv_request){ .content = bad_content[i] }, "content"), no);
    ck_assert_int_eq(danmaku((synctv_request){ .content = repeat(HAN, 100) }, ""), 0);
    ck_assert_int_eq(danmaku((synctv_request){ .content = repeat(HAN, 101) }, "content"), no);

    const char *bad_color[] = { "#", "#FFF", "FFFFFF", "#FFFFFG", "#FFFFFFF", "#FFFFF ", "red",
        " #FFFFFF", "##FFFFF", "#FFFFFF\n", "#\xff\xff\xff\xff\xff\xff" };
    for (size_t i = 0; i < sizeof(bad_color) / sizeof(bad_color[0]); i++)
        ck_assert_int_eq(danmaku((synctv_request){ .content = "x", .color = bad_color[i] },
                             "color"),
            no);

    const int32_t bad_size[] = { 1, 17, 37, -1, -25, INT32_MIN, INT32_MAX };
    for (size_t i = 0; i < sizeof(bad_size) / sizeof(bad_size[0]); i++)
        ck_assert_int_eq(danmaku((synctv_request){ .content = "x", .font_size = bad_size[i] },
                             "font_size"),
            no);
    for (int32_t size = 18; size <= 36; size++)
        ck_assert_int_eq(danmaku((synctv_request){ .content = "x", .font_size = size }, ""), 0);

    const double bad_time[] = { -0.1, NAN, INFINITY, -INFINITY };
    for (size_t i = 0; i < sizeof(bad_time) / sizeof(bad_time[0]); i++)
        ck_assert_int_eq(danmaku((synctv_request){ .content = "x", .video_time_s = bad_time[i] },
                             "video_time"),
            no);

    ck_assert_int_eq(danmaku((synctv_request){ .content = "x",
                                 .danmaku_position = (synctv_danmaku_position)3 },
                         "position"),
        no);
    ck_assert_int_eq(danmaku((synctv_request){ .content = "x",
                                 .danmaku_position = (synctv_danmaku_position)-1 },
                         "position"),
        no);
}
END_TEST

START_TEST(a_senders_message_id_has_up_to_64_bytes)
{
    accepts(sv_message_id_validate, NULL);
    accepts(sv_message_id_validate, "");
    accepts(sv_message_id_validate, "any text, " HAN);
    accepts(sv_message_id_validate, repeat("x", 64));
    refuses(sv_message_id_validate, repeat("x", 65), "message_id");
    refuses(sv_message_id_validate, repeat(HAN, 22), "message_id");
    refuses(sv_message_id_validate, "a\nb", "message_id");
    refuses(sv_message_id_validate, "\xff", "message_id");
}
END_TEST

/* --- queries --- */

START_TEST(ids_have_12_characters_of_their_alphabet)
{
    synctv_error err = { 0 };
    ck_assert_int_eq(sv_id_validate("Az09_-Az09_-", "room_id", &err), 0);
    const char *bad[] = { NULL, "", "short", "Az09_-Az09_-x", "Az09_-Az09 -", "Az09_-Az09.-",
        "Az09_-Az09\xc3\xa9", "../../../../" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_int_eq(sv_id_validate(bad[i], "room_id", &err), SYNCTV_E_INVALID_ARGUMENT);
        ck_assert_str_eq(err.field, "room_id");
    }
}
END_TEST

START_TEST(a_page_has_a_default_and_a_largest_size)
{
    const struct {
        int32_t asked, expected;
    } rows[] = { { 0, 20 }, { 1, 1 }, { 99, 99 }, { 100, 100 }, { 101, 100 }, { INT32_MAX, 100 } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int32_t size = -7;
        ck_assert_int_eq(sv_page_size_validate(rows[i].asked, "page_size", 20, 100, &size, NULL),
            0);
        ck_assert_int_eq(size, rows[i].expected);
    }
    int32_t size = -7;
    synctv_error err = { 0 };
    ck_assert_int_eq(sv_page_size_validate(-1, "limit", 20, 100, &size, &err),
        SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "limit");
    ck_assert_int_eq(size, -7);
}
END_TEST

START_TEST(a_search_is_one_short_line)
{
    accepts(sv_search_validate, NULL);
    accepts(sv_search_validate, "%_'\"*");
    accepts(sv_search_validate, repeat(HAN, 64));
    refuses(sv_search_validate, repeat(HAN, 65), "search");
    refuses(sv_search_validate, "a\nb", "search");
    refuses(sv_search_validate, "\xc3", "search");
}
END_TEST

START_TEST(random_bytes_never_crash_a_validator)
{
    uint64_t x = 4101842887655102017;
    for (int round = 0; round < 20000; round++) {
        char s[48];
        size_t len = (size_t)round % sizeof(s);
        for (size_t i = 0; i < len; i++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            s[i] = (char)(x % 3 == 0 ? 0x20 + (x >> 32) % 0x5f : x >> 40);
        }
        char *exact = malloc(len + 1); /* so that a sanitizer sees every byte too far */
        memcpy(exact, s, len);
        exact[len] = '\0';
        sv_username_validate(exact, NULL);
        sv_email_validate(exact, NULL);
        sv_password_validate(exact, exact, "password", NULL);
        sv_chat_validate(exact, NULL);
        synctv_header header = { exact, exact };
        synctv_subtitle subtitle = { exact, exact, exact };
        synctv_movie movie = { .name = "x", .url = exact };
        sv_movie_validate(&movie, NULL);
        movie =
            (synctv_movie){ .name = "x", .url = "http://a/", .headers = &header, .n_headers = 1 };
        sv_movie_validate(&movie, NULL);
        movie = (synctv_movie){
            .name = "x", .url = "http://a/", .subtitles = &subtitle, .n_subtitles = 1
        };
        sv_movie_validate(&movie, NULL);
        free(exact);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("validate");
    TCase *t = tcase_create("validate");
    tcase_set_timeout(t, 60);
    suite_add_tcase(suite, t);
    tcase_add_test(t, names_of_many_scripts_are_fine);
    tcase_add_test(t, a_name_has_2_to_32_code_points);
    tcase_add_test(t, hostile_names_are_refused);
    tcase_add_test(t, names_that_look_the_same_fold_to_the_same);
    tcase_add_test(t, folding_every_code_point_twice_changes_nothing);
    tcase_add_test(t, folding_random_texts_twice_changes_nothing);
    tcase_add_test(t, folding_is_bounded_and_takes_utf8_only);
    tcase_add_test(t, plausible_addresses_are_taken);
    tcase_add_test(t, what_cannot_be_an_address_is_refused);
    tcase_add_test(t, a_password_has_8_to_128_bytes);
    tcase_add_test(t, a_password_is_not_the_user_name);
    tcase_add_test(t, a_refused_password_is_not_repeated_in_the_error);
    tcase_add_test(t, a_rooms_name_has_1_to_64_code_points_and_one_line);
    tcase_add_test(t, a_description_may_have_lines_or_be_empty);
    tcase_add_test(t, a_rooms_password_has_up_to_64_bytes);
    tcase_add_test(t, a_reason_is_one_short_line);
    tcase_add_test(t, settings_are_checked_field_by_field);
    tcase_add_test(t, one_line_keeps_its_direction_and_chat_may_turn_it);
    tcase_add_test(t, chat_has_1_to_500_code_points_with_something_to_see);
    tcase_add_test(t, danmaku_gets_its_defaults);
    tcase_add_test(t, danmaku_is_checked_field_by_field);
    tcase_add_test(t, a_senders_message_id_has_up_to_64_bytes);
    tcase_add_test(t, ids_have_12_characters_of_their_alphabet);
    tcase_add_test(t, a_page_has_a_default_and_a_largest_size);
    tcase_add_test(t, a_search_is_one_short_line);
    tcase_add_test(t, random_bytes_never_crash_a_validator);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
