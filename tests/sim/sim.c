/* SPDX-License-Identifier: MIT */
/*
 * sim [--seed S] [--seeds N] [--nodes n] [--trace] [--lines N]: runs N seeds from S on. A failure
 * prints its seed, and the last lines of what happened.
 */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FAULTS_MIN (10 * SEC)
#define FAULTS_MAX (45 * SEC)
/* After the world has healed people go on for a while, then they sit still. */
#define LIVELY (32 * SEC)
#define STILL (30 * SEC)
#define EXAM (2 * SEC)
#define CHECK_EACH (250 * MS)

struct options {
    uint64_t seed, n_seeds;
    int n_nodes;
    bool trace;
    unsigned n_lines;
};

static struct world world;

static void check_now_and_then(struct world *w, struct task *task)
{
    check_often(w);
    later(w, CHECK_EACH, NULL, check_now_and_then, NULL, 0, 0);
}

static void live(struct world *w)
{
    trace(w, "%d nodes, %d rooms, %d users, heartbeat %lld ms, keepalive %lld ms", w->n_slots,
        w->n_rooms, w->n_users, (long long)w->heartbeat_ms, (long long)(w->keepalive_us / MS));
    faults_begin(w);
    people_begin(w);
    later(w, CHECK_EACH, NULL, check_now_and_then, NULL, 0, 0);
    world_run_until(w, w->now_us + between(w, FAULTS_MIN, FAULTS_MAX));
    faults_heal(w);
    world_run_until(w, w->now_us + LIVELY);
    w->quiet = true;
    world_run_until(w, w->now_us + STILL);
    trace(w, "all is quiet");
    check_quiet(w);
    people_exam(w);
    w->examined = true;
    world_run_until(w, w->now_us + EXAM);
    trace(w, "the exam");
    check_quiet(w);
}

/* Returns whether all held. */
static bool run(uint64_t seed, const struct options *options)
{
    struct world *w = &world;
    world_begin(w, seed, options->n_nodes);
    if (setjmp(w->failed) == 0)
        live(w);
    world_end(w);
    return w->failure[0] == '\0';
}

/* The run is the same again, and says this time what happens. */
static void show(uint64_t seed, const struct options *options)
{
    uint64_t digest = world.digest;
    printf("# seed %llu: %s\n", (unsigned long long)seed, world.failure);
    tracing = true;
    run(seed, options);
    tracing = options->trace;
    trace_print(options->n_lines);
    if (world.digest != digest)
        printf("# seed %llu was another run this time\n", (unsigned long long)seed);
    printf("# again: ./dev sim 1 --seed %llu\n", (unsigned long long)seed);
}

static bool is_repeatable(const struct options *options)
{
    uint64_t digest;
    run(options->seed, options);
    digest = world.digest;
    run(options->seed, options);
    return digest == world.digest;
}

static void parse(int argc, char **argv, struct options *o)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--trace") == 0) {
            o->trace = true;
            continue;
        }
        if (strcmp(argv[i], "--seed") == 0) {
            o->seed = strtoull(value, NULL, 10);
        } else if (strcmp(argv[i], "--seeds") == 0) {
            o->n_seeds = strtoull(value, NULL, 10);
        } else if (strcmp(argv[i], "--nodes") == 0 && atoi(value) >= 2 &&
            atoi(value) <= SLOTS_MAX) {
            o->n_nodes = atoi(value);
        } else if (strcmp(argv[i], "--lines") == 0) {
            o->n_lines = (unsigned)atoi(value);
        } else {
            fprintf(stderr,
                "usage: sim [--seed S] [--seeds N] [--nodes 2..%d] [--lines N] [--trace]\n",
                SLOTS_MAX);
            exit(2);
        }
        i++;
    }
}

int main(int argc, char **argv)
{
    struct options options = { .seed = 1, .n_seeds = 1, .n_lines = 60 };
    parse(argc, argv, &options);
    tracing = options.trace;
    uint64_t n_failed = 0, n_steps = 0, n_events = 0, i;
    clock_t began = clock();
    for (i = 0; i < options.n_seeds && n_failed == 0; i++) {
        if (!run(options.seed + i, &options)) {
            n_failed++;
            show(options.seed + i, &options);
        } else if (options.trace) {
            trace_print(options.n_lines);
        }
        n_steps += world.n_steps;
        n_events += world.n_events;
    }
    double cpu_s = (double)(clock() - began) / CLOCKS_PER_SEC;
    printf("%s 1 - clusters of nodes agree in the end, and never say what is wrong\n",
        n_failed == 0 ? "ok" : "not ok");
    printf("# %llu seeds from %llu, %llu steps, %llu events between nodes, %.1f s of CPU\n",
        (unsigned long long)i, (unsigned long long)options.seed, (unsigned long long)n_steps,
        (unsigned long long)n_events, cpu_s);
    bool repeatable = n_failed > 0 || is_repeatable(&options);
    printf("%s 2 - a seed is one run, always the same\n1..2\n", repeatable ? "ok" : "not ok");
    return n_failed == 0 && repeatable ? 0 : 1;
}
