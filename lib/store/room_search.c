/* SPDX-License-Identifier: MIT */
/*
 * Grams: the runs of 1, 2 and 3 code points in a room's name. The trigram tokenizer of FTS5 knows
 * no shorter ones: a search for one or two characters (most words of Chinese and Japanese) would
 * read every room.
 */
#include "store/room_search.h"

#include <string.h>

#include <synctv/error.h>

#include "base/text.h"
#include "core/validate.h"

#define LONGEST_GRAM 3
/* The grams of a search from which MATCH_GRAMS are chosen. */
#define SEARCH_MAX_GRAMS 32
#define MATCH_GRAMS 3

int sv_room_fold(struct sv_arena *a, const char *name, const char **ret_fold)
{
    int rv = sv_name_fold(a, sv_str(name), ret_fold);
    if (rv == SYNCTV_E_INVALID_ARGUMENT) {
        *ret_fold = sv_arena_strdup(a, name);
        rv = *ret_fold == NULL ? SYNCTV_E_NO_MEMORY : 0;
    }
    return rv;
}

/* Bytes of the code point at `s`, which may come from a damaged file. */
static size_t step(const char *s, const char *end)
{
    uint32_t code_point;
    size_t n = sv_utf8_decode(s, (size_t)(end - s), &code_point);
    return n == 0 ? 1 : n;
}

/* Bytes of the `n` code points at `s`; 0 if there are fewer. */
static size_t gram_bytes(const char *s, const char *end, int n)
{
    const char *p = s;
    for (; n > 0; n--) {
        if (p >= end)
            return 0;
        p += step(p, end);
    }
    return (size_t)(p - s);
}

/* Appends the gram in hex and a space. */
static char *put_gram(char *out, const char *gram, size_t bytes)
{
    sv_hex(out, gram, bytes);
    out[2 * bytes] = ' ';
    return out + 2 * bytes + 1;
}

/* Room for `n` grams of each place, of up to `longest` code points of 4 bytes. */
static char *gram_buffer(struct sv_arena *a, size_t places, size_t n)
{
    return sv_arena_array(a, places * n + 1, LONGEST_GRAM * 4 * 2 + 1);
}

const char *sv_room_grams(struct sv_arena *a, const char *fold)
{
    size_t len = strlen(fold), bytes;
    const char *end = fold + len;
    char *text = gram_buffer(a, len, LONGEST_GRAM);
    if (text == NULL)
        return NULL;
    char *out = text;
    for (const char *p = fold; p < end; p += step(p, end))
        for (int n = 1; n <= LONGEST_GRAM && (bytes = gram_bytes(p, end, n)) > 0; n++)
            out = put_gram(out, p, bytes);
    *out = '\0';
    return text;
}

/* Whether it is among the grams of `n` code points at these places. */
static bool is_there(const char *const *places, int n_places, const char *gram, size_t bytes)
{
    for (int i = 0; i < n_places; i++) {
        if (strncmp(places[i], gram, bytes) == 0)
            return true;
    }
    return false;
}

/*
 * Uses the first gram, one in the middle and the last one. More grams would make a search without
 * results faster. But each is one more list to walk, which is expensive when half of all rooms have
 * it.
 */
const char *sv_room_match(struct sv_arena *a, const char *fold)
{
    const char *places[SEARCH_MAX_GRAMS], *end = fold + strlen(fold), *p = fold;
    char *text = gram_buffer(a, MATCH_GRAMS, 1);
    if (text == NULL)
        return NULL;
    int n = LONGEST_GRAM, n_places = 0;
    while (n > 0 && gram_bytes(fold, end, n) == 0)
        n--;
    size_t bytes;
    for (int i = 0; n > 0 && n_places < SEARCH_MAX_GRAMS; i++, p += step(p, end)) {
        if ((bytes = gram_bytes(p, end, n)) == 0)
            break;
        bool side_by_side = i % n == 0, last = gram_bytes(p + step(p, end), end, n) == 0;
        if ((side_by_side || last) && !is_there(places, n_places, p, bytes))
            places[n_places++] = p;
    }
    char *out = text;
    int n_match = n_places < MATCH_GRAMS ? n_places : MATCH_GRAMS;
    for (int i = 0; i < n_match; i++) {
        const char *gram = places[n_match > 1 ? i * (n_places - 1) / (n_match - 1) : 0];
        out = put_gram(out, gram, gram_bytes(gram, end, n));
    }
    *out = '\0';
    return text;
}
