/* SPDX-License-Identifier: MIT */
/*
 * Classes of code points, and the check of a text, for the validators in validate.c and
 * validate_movie.c.
 */
#ifndef SV_CORE_TEXT_RULES_H
#define SV_CORE_TEXT_RULES_H

#include <synctv/types.h>

enum sv_lines {
    /* Names, and text that is shown among other text: no control characters, no bidi controls. */
    SV_ONE_LINE,
    /*
     * Text in paragraphs of its own (chat, descriptions): of the controls only \n, \r and \t are
     * allowed. Bidi controls are allowed, because their effect ends with the paragraph.
     */
    SV_MANY_LINES,
};

/* White space of any script, line breaks included. */
bool sv_is_space(uint32_t code_point);
/* Not visible: white space, controls, fillers, and what Unicode calls default-ignorable. */
bool sv_is_blank(uint32_t code_point);
/*
 * ZWNJ, ZWJ and the variation selectors 15 and 16: they change how a visible neighbour looks, in
 * emoji and in some scripts.
 */
bool sv_is_joiner(uint32_t code_point);
/*
 * Not allowed in a name: controls, format characters, fillers, surrogates, private and unassigned
 * code points.
 */
bool sv_is_unfit_for_names(uint32_t code_point);
/*
 * Embeddings, overrides, isolates and their ends (U+202A..202E, U+2066..2069): they also change the
 * direction of the text behind them on the same line. The marks LRM, RLM and ALM act only where
 * they are, and do not count.
 */
bool sv_is_bidi_control(uint32_t code_point);
/* General categories Mn, Mc, Me. */
bool sv_is_mark(uint32_t code_point);

/*
 * Checks a text; NULL counts as "". INVALID_ARGUMENT unless it is UTF-8, has min to max code
 * points, has no control that `lines` forbids and, if min > 0, has something visible.
 */
int sv_text_validate(const char *s, const char *field, size_t min, size_t max, enum sv_lines lines,
    synctv_error *err);

#endif
