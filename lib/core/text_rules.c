/* SPDX-License-Identifier: MIT */
#include "core/text_rules.h"

#include <string.h>
#include <utf8proc.h>

#include "base/error.h"
#include "base/text.h"

bool sv_is_space(uint32_t code_point)
{
    if (code_point == ' ' || (code_point >= '\t' && code_point <= '\r') || code_point == 0x85)
        return true;
    utf8proc_category_t c = utf8proc_category((utf8proc_int32_t)code_point);
    return c == UTF8PROC_CATEGORY_ZS || c == UTF8PROC_CATEGORY_ZL || c == UTF8PROC_CATEGORY_ZP;
}

static bool is_filler(uint32_t code_point)
{
    const uint32_t braille_blank = 0x2800;
    return code_point == braille_blank ||
        utf8proc_get_property((utf8proc_int32_t)code_point)->ignorable;
}

bool sv_is_blank(uint32_t code_point)
{
    return sv_is_space(code_point) || sv_is_control(code_point) || is_filler(code_point);
}

bool sv_is_joiner(uint32_t code_point)
{
    return code_point == 0x200c || code_point == 0x200d || code_point == 0xfe0e ||
        code_point == 0xfe0f;
}

bool sv_is_unfit_for_names(uint32_t code_point)
{
    if (sv_is_control(code_point) || is_filler(code_point))
        return true;
    utf8proc_category_t c = utf8proc_category((utf8proc_int32_t)code_point);
    return c == UTF8PROC_CATEGORY_CF || c == UTF8PROC_CATEGORY_CS || c == UTF8PROC_CATEGORY_CO ||
        c == UTF8PROC_CATEGORY_CN;
}

bool sv_is_bidi_control(uint32_t code_point)
{
    return (code_point >= 0x202a && code_point <= 0x202e) ||
        (code_point >= 0x2066 && code_point <= 0x2069);
}

bool sv_is_mark(uint32_t code_point)
{
    utf8proc_category_t c = utf8proc_category((utf8proc_int32_t)code_point);
    return c == UTF8PROC_CATEGORY_MN || c == UTF8PROC_CATEGORY_MC || c == UTF8PROC_CATEGORY_ME;
}

static bool is_line_layout(uint32_t code_point)
{
    return code_point == '\n' || code_point == '\r' || code_point == '\t';
}

int sv_text_validate(const char *s, const char *field, size_t min, size_t max, enum sv_lines lines,
    synctv_error *err)
{
    s = sv_str(s);
    size_t len = strnlen(s, max * 4 + 1);
    size_t n = 0;
    bool has_visible = false;
    for (size_t i = 0; i < len; n++) {
        uint32_t c;
        if (n == max)
            return sv_error_field(err, field, "is longer than %zu characters", max);
        size_t used = sv_utf8_decode(s + i, len - i, &c);
        if (used == 0)
            return sv_error_field(err, field, "is not UTF-8");
        if (sv_is_control(c) && !(lines == SV_MANY_LINES && is_line_layout(c)))
            return sv_error_field(err, field, "has a control character");
        if (lines == SV_ONE_LINE && sv_is_bidi_control(c))
            return sv_error_field(err, field, "has a character that turns the direction of text");
        has_visible = has_visible || !sv_is_blank(c);
        i += used;
    }
    if (min > 0 && !has_visible)
        return sv_error_field(err, field, n == 0 ? "is missing" : "has nothing visible in it");
    if (n < min)
        return sv_error_field(err, field, "is shorter than %zu characters", min);
    return 0;
}
