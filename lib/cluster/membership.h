/* SPDX-License-Identifier: MIT */
/*
 * Who else is there: what a member makes of the rows that it reads with each of its own beats.
 * Pure: rows and its own monotonic time go in, who is alive and what is to be done come out. One
 * thread at a time.
 *
 * A fellow's age is the time since its beat last moved, as counted here. Time counts only from look
 * to look, and a look follows a beat of our own that was written: a node that slept, or had no
 * database, knows nothing of the others in the meantime, so that time counts for nothing, and it
 * accuses nobody before it has looked twice more.
 */
#ifndef SV_CLUSTER_MEMBERSHIP_H
#define SV_CLUSTER_MEMBERSHIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SV_FELLOWS_MAX 256
#define SV_FELLOW_STATS_SIZE 128
#define SV_SUSPECT_BEATS 3
#define SV_DEAD_BEATS 6
#define SV_DEAD_KEPT_MS 600000 /* then its row is forgotten */

enum sv_fellow_state {
    SV_FELLOW_ALIVE,
    /* SV_SUSPECT_BEATS were missed. */
    SV_FELLOW_SUSPECT,
    /* Its row says so: whatever it has not committed will never be. */
    SV_FELLOW_DEAD,
};

/* A row, as it was read. */
struct sv_fellow_row {
    const char *id, *address, *stats;
    int64_t epoch;
    uint64_t beat;
    int64_t heartbeat_ms, ahead_ms;
    bool declared_dead;
};

struct sv_fellow {
    char id[65];
    char address[128];
    /* What its row says of them; "" = nothing. */
    char stats[SV_FELLOW_STATS_SIZE];
    int64_t epoch;
    uint64_t beat;
    int64_t heartbeat_ms, ahead_ms;
    enum sv_fellow_state state;
    /* Since its beat last moved, as far as that counts. */
    int64_t age_ms;
    /* In the look that is under way. */
    bool is_there;
};

struct sv_membership {
    int64_t heartbeat_ms;
    /* When rows were last looked at; and how often in a row since time did not count. */
    int64_t looked_ms;
    unsigned n_looks;
    size_t n;
    /* By id. */
    struct sv_fellow fellows[SV_FELLOWS_MAX];
};

/* What became of a fellow with this look, to be told. */
enum sv_fellow_news { SV_FELLOW_CAME, SV_FELLOW_LEFT, SV_FELLOW_CHANGED };

/* What is to be done about a fellow, if its row still has this epoch and beat. */
struct sv_fellow_verdict {
    enum { SV_VERDICT_DEAD, SV_VERDICT_FORGET } what;
    char id[65];
    int64_t epoch;
    uint64_t beat;
};

#define SV_VERDICTS_MAX 16 /* of one look; the others come with the next */

struct sv_look {
    size_t n_verdicts;
    struct sv_fellow_verdict verdicts[SV_VERDICTS_MAX];
};

void sv_membership_init(struct sv_membership *m, int64_t heartbeat_ms);
/*
 * The rows of all others, by id, read when our own beat was written. `tell` is called for each
 * fellow that has come, left, or changed its state or address, in the order of their ids; NULL =
 * nobody wants to know. Rows beyond SV_FELLOWS_MAX are not seen.
 */
void sv_membership_look(struct sv_membership *m, int64_t now_ms, const struct sv_fellow_row *rows,
    size_t n_rows, struct sv_look *ret_look,
    void (*tell)(void *userdata, enum sv_fellow_news news, const struct sv_fellow *fellow),
    void *userdata);
/* How many are alive. */
size_t sv_membership_n_alive(const struct sv_membership *m);

#endif
