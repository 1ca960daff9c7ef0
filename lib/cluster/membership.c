/* SPDX-License-Identifier: MIT */
#include "cluster/membership.h"

#include <string.h>

#include "base/text.h"

/* Looks may be late on a busy machine; one that is later than this was not at work. */
#define LATE_MS 1000
#define LOOKS_BEFORE_VERDICT 2

void sv_membership_init(struct sv_membership *m, int64_t heartbeat_ms)
{
    memset(m, 0, sizeof(*m));
    m->heartbeat_ms = heartbeat_ms;
}

static struct sv_fellow *find(struct sv_membership *m, const char *id, size_t *ret_place)
{
    size_t i = 0;
    while (i < m->n && strcmp(m->fellows[i].id, id) < 0)
        i++;
    *ret_place = i;
    return i < m->n && strcmp(m->fellows[i].id, id) == 0 ? &m->fellows[i] : NULL;
}

static struct sv_fellow *insert(struct sv_membership *m, size_t place)
{
    if (m->n == SV_FELLOWS_MAX)
        return NULL;
    struct sv_fellow *fellow = &m->fellows[place];
    memmove(fellow + 1, fellow, (m->n - place) * sizeof(*fellow));
    m->n++;
    return fellow;
}

static bool has_address(const struct sv_fellow *fellow, const char *address)
{
    return strncmp(fellow->address, sv_str(address), sizeof(fellow->address) - 1) == 0;
}

static void take_row(struct sv_fellow *fellow, const struct sv_fellow_row *row)
{
    sv_text_copy(fellow->id, sizeof(fellow->id), row->id);
    sv_text_copy(fellow->address, sizeof(fellow->address), row->address);
    sv_text_copy(fellow->stats, sizeof(fellow->stats), row->stats);
    fellow->epoch = row->epoch;
    fellow->beat = row->beat;
    fellow->heartbeat_ms = row->heartbeat_ms;
    fellow->ahead_ms = row->ahead_ms;
    fellow->is_there = true;
}

/* Each is waited for by its own heartbeat, or ours if that is slower. */
static int64_t beats_ms(const struct sv_membership *m, const struct sv_fellow *fellow, int n)
{
    int64_t beat_ms =
        fellow->heartbeat_ms > m->heartbeat_ms ? fellow->heartbeat_ms : m->heartbeat_ms;
    return n * beat_ms;
}

static enum sv_fellow_state state_of(const struct sv_membership *m, const struct sv_fellow *fellow,
    const struct sv_fellow_row *row)
{
    if (row->declared_dead)
        return SV_FELLOW_DEAD;
    return fellow->age_ms >= beats_ms(m, fellow, SV_SUSPECT_BEATS) ? SV_FELLOW_SUSPECT
                                                                   : SV_FELLOW_ALIVE;
}

static void judge(const struct sv_membership *m, const struct sv_fellow *fellow,
    struct sv_look *look)
{
    bool dead = fellow->state == SV_FELLOW_DEAD;
    int64_t patience_ms = dead ? SV_DEAD_KEPT_MS : beats_ms(m, fellow, SV_DEAD_BEATS);
    if (fellow->age_ms < patience_ms || m->n_looks < LOOKS_BEFORE_VERDICT ||
        look->n_verdicts == SV_VERDICTS_MAX)
        return;
    struct sv_fellow_verdict *verdict = &look->verdicts[look->n_verdicts++];
    verdict->what = dead ? SV_VERDICT_FORGET : SV_VERDICT_DEAD;
    memcpy(verdict->id, fellow->id, sizeof(verdict->id));
    verdict->epoch = fellow->epoch;
    verdict->beat = fellow->beat;
}

/* The time since the last look, as far as it counts. */
static int64_t count_time(struct sv_membership *m, int64_t now_ms)
{
    int64_t passed_ms = now_ms - m->looked_ms;
    bool counts = m->n_looks > 0 && passed_ms >= 0 && passed_ms <= 2 * m->heartbeat_ms + LATE_MS;
    m->looked_ms = now_ms;
    m->n_looks = counts ? m->n_looks + 1 : 1;
    return counts ? passed_ms : 0;
}

void sv_membership_look(struct sv_membership *m, int64_t now_ms, const struct sv_fellow_row *rows,
    size_t n_rows, struct sv_look *ret_look,
    void (*tell)(void *userdata, enum sv_fellow_news news, const struct sv_fellow *fellow),
    void *userdata)
{
    int64_t passed_ms = count_time(m, now_ms);
    ret_look->n_verdicts = 0;
    for (size_t i = 0; i < m->n; i++)
        m->fellows[i].is_there = false;
    for (size_t i = 0; i < n_rows; i++) {
        size_t place;
        struct sv_fellow *fellow = find(m, rows[i].id, &place);
        bool is_new = fellow == NULL;
        if (is_new && (fellow = insert(m, place)) == NULL)
            continue;
        enum sv_fellow_state before = is_new ? SV_FELLOW_ALIVE : fellow->state;
        bool moved = is_new || fellow->beat != rows[i].beat;
        bool is_elsewhere = !is_new && !has_address(fellow, rows[i].address);
        fellow->age_ms = moved ? 0 : fellow->age_ms + passed_ms;
        take_row(fellow, &rows[i]);
        fellow->state = state_of(m, fellow, &rows[i]);
        judge(m, fellow, ret_look);
        if (tell != NULL && (is_new || is_elsewhere || fellow->state != before))
            tell(userdata, is_new ? SV_FELLOW_CAME : SV_FELLOW_CHANGED, fellow);
    }
    size_t kept = 0;
    for (size_t i = 0; i < m->n; i++) {
        if (m->fellows[i].is_there)
            m->fellows[kept++] = m->fellows[i];
        else if (tell != NULL)
            tell(userdata, SV_FELLOW_LEFT, &m->fellows[i]);
    }
    m->n = kept;
}

size_t sv_membership_n_alive(const struct sv_membership *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++)
        n += m->fellows[i].state == SV_FELLOW_ALIVE;
    return n;
}
