/* SPDX-License-Identifier: MIT */
/* What the validators share: code points from outside, classified. */
#ifndef SV_CORE_TEXT_RULES_H
#define SV_CORE_TEXT_RULES_H

#include <synctv/types.h>

enum sv_lines {
    SV_ONE_LINE,   /* no control characters */
    SV_MANY_LINES, /* but for \n, \r and \t */
};

/* White space of any script, line breaks included. */
bool sv_is_space(uint32_t code_point);
/* Shows nothing of its own: white space, controls, fillers, what Unicode calls default-ignorable. */
bool sv_is_blank(uint32_t code_point);
/* ZWNJ, ZWJ and the variation selectors 15 and 16: they shape a visible neighbour, in emoji and in some scripts. */
bool sv_is_joiner(uint32_t code_point);
/* Has no business in a name: controls, format characters, fillers, surrogates, private and unassigned code points. */
bool sv_is_unfit_for_names(uint32_t code_point);
/* General categories Mn, Mc, Me. */
bool sv_is_mark(uint32_t code_point);

/*
 * INVALID_ARGUMENT unless `s` (NULL = "") is UTF-8 of min..max code points without control characters and, if min > 0, has something
 * visible.
 */
int sv_text_validate(const char *s, const char *field, size_t min, size_t max, enum sv_lines lines,
    synctv_error *err);

#endif
