/* SPDX-License-Identifier: MIT */
/* What the validators share: code points from outside, classified. */
#ifndef SV_CORE_TEXT_RULES_H
#define SV_CORE_TEXT_RULES_H

#include <synctv/types.h>

enum sv_lines {
    SV_ONE_LINE, /* names and what is shown among other text: no control characters, no bidi controls */
    SV_MANY_LINES, /* paragraphs of their own (chat, descriptions): but for \n, \r and \t, and bidi controls end with the paragraph */
};

/* White space of any script, line breaks included. */
bool sv_is_space(uint32_t code_point);
/* Shows nothing of its own: white space, controls, fillers, what Unicode calls default-ignorable. */
bool sv_is_blank(uint32_t code_point);
/* ZWNJ, ZWJ and the variation selectors 15 and 16: they shape a visible neighbour, in emoji and in some scripts. */
bool sv_is_joiner(uint32_t code_point);
/* Has no business in a name: controls, format characters, fillers, surrogates, private and unassigned code points. */
bool sv_is_unfit_for_names(uint32_t code_point);
/*
 * Embeddings, overrides, isolates and what ends them (U+202A..202E, U+2066..2069): they turn the text behind them, too, if it is shown on the same
 * line. The marks LRM, RLM and ALM are none: these have no effect but where they are.
 */
bool sv_is_bidi_control(uint32_t code_point);
/* General categories Mn, Mc, Me. */
bool sv_is_mark(uint32_t code_point);

/*
 * INVALID_ARGUMENT unless `s` (NULL = "") is UTF-8 of min..max code points without the controls that `lines` excludes and, if min > 0,
 * has something visible.
 */
int sv_text_validate(const char *s, const char *field, size_t min, size_t max, enum sv_lines lines,
    synctv_error *err);

#endif
