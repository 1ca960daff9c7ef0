/* SPDX-License-Identifier: MIT */
#include "base/outage.h"

#define SAME_EVERY_MS (60 * 1000)
#define ANY_EVERY_MS 1000

bool sv_outage_failed(struct sv_outage *o, int what, int64_t now_ms, unsigned *ret_times)
{
    int64_t since_ms = now_ms - o->logged_at_ms;
    bool tell = o->logged_at_ms == 0 || since_ms >= SAME_EVERY_MS ||
        (what != o->what && since_ms >= ANY_EVERY_MS);
    o->unlogged++;
    if (!tell)
        return false;
    *ret_times = o->unlogged;
    *o = (struct sv_outage){ .logged = true, .what = what, .logged_at_ms = now_ms };
    return true;
}

bool sv_outage_over(struct sv_outage *o, unsigned *ret_times)
{
    bool tell = o->logged;
    if (tell) {
        *ret_times = o->unlogged;
        o->unlogged = 0;
    }
    o->logged = false;
    return tell;
}
