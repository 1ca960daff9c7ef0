/* SPDX-License-Identifier: MIT */
#include "sim.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- chance --- */

/* xorshift128+, begun by splitmix64. */
uint64_t chance(struct world *w)
{
    uint64_t a = w->random[0], b = w->random[1];
    w->random[0] = b;
    a ^= a << 23;
    w->random[1] = a ^ b ^ (a >> 18) ^ (b >> 5);
    return w->random[1] + b;
}

static uint64_t splitmix(uint64_t *x)
{
    uint64_t z = *x += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

unsigned below(struct world *w, unsigned n)
{
    return (unsigned)((chance(w) >> 32) * n >> 32);
}

int64_t between(struct world *w, int64_t low, int64_t high)
{
    return low + (int64_t)(chance(w) % (uint64_t)(high - low + 1));
}

bool one_in(struct world *w, unsigned n)
{
    return below(w, n) == 0;
}

/* --- memory: a run's own is taken from blocks that the next run uses again --- */

#define BLOCK ((size_t)4 << 20)
#define BLOCKS_MAX 512
static struct {
    char *blocks[BLOCKS_MAX];
    size_t n, current, used;
} memory;

void *take(struct world *w, size_t size)
{
    size = (size + 15) & ~(size_t)15;
    if (memory.n == 0 || memory.used + size > BLOCK) {
        if (memory.n > 0)
            memory.current++;
        if (size > BLOCK || memory.current == BLOCKS_MAX)
            fail(w, "the run takes too much memory");
        if (memory.current == memory.n && (memory.blocks[memory.n++] = malloc(BLOCK)) == NULL)
            abort();
        memory.used = 0;
    }
    void *p = memory.blocks[memory.current] + memory.used;
    memory.used += size;
    return memset(p, 0, size);
}

const char *text(struct world *w, const char *format, ...)
{
    char line[256];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    return memcpy(take(w, (size_t)n + 1), line, (size_t)n + 1);
}

/* --- what the mesh allocates --- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void __wrap_free(void *p);
char *__wrap_strdup(const char *s);

static struct process *counted;

void count_memory_for(struct process *p)
{
    counted = p;
}

static void *grows(void *p)
{
    if (counted != NULL && p != NULL)
        counted->mesh_bytes += malloc_usable_size(p);
    return p;
}

static void shrinks(void *p)
{
    if (counted != NULL && p != NULL)
        counted->mesh_bytes -= malloc_usable_size(p);
}

void *__wrap_malloc(size_t size)
{
    return grows(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
    return grows(__real_calloc(n, size));
}

void *__wrap_realloc(void *p, size_t size)
{
    shrinks(p);
    return grows(__real_realloc(p, size));
}

void __wrap_free(void *p)
{
    shrinks(p);
    __real_free(p);
}

char *__wrap_strdup(const char *s)
{
    size_t size = strlen(s) + 1;
    char *copy = __wrap_malloc(size);
    return copy == NULL ? NULL : memcpy(copy, s, size);
}

/* --- trace --- */

#define TRACE_LINES 4096
#define TRACE_LEN 220
bool tracing;
static char (*lines)[TRACE_LEN];
static size_t n_lines;

void trace_line(struct world *w, const char *format, ...)
{
    if (lines == NULL && (lines = calloc(TRACE_LINES, sizeof(*lines))) == NULL)
        abort();
    char *line = lines[n_lines++ % TRACE_LINES];
    int n = snprintf(line, TRACE_LEN, "%4lld.%06lld ", (long long)(w->now_us / SEC),
        (long long)(w->now_us % SEC));
    va_list args;
    va_start(args, format);
    vsnprintf(line + n, TRACE_LEN - (size_t)n, format, args);
    va_end(args);
}

void trace_print(unsigned n)
{
    size_t first = n_lines > n ? n_lines - n : 0;
    if (n_lines - first > TRACE_LINES)
        first = n_lines - TRACE_LINES;
    for (size_t i = first; i < n_lines; i++)
        printf("# %s\n", lines[i % TRACE_LINES]);
    n_lines = 0;
}

void fail(struct world *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(w->failure, sizeof(w->failure), format, args);
    va_end(args);
    trace(w, "FAILED: %s", w->failure);
    counted = NULL;
    longjmp(w->failed, 1);
}

/* --- tasks: a heap by time, then by the order in which they came --- */

static bool is_before(const struct task *a, const struct task *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void push(struct world *w, const struct task *task)
{
    if (w->n_tasks == w->max_tasks) {
        w->max_tasks = w->max_tasks == 0 ? 1024 : 2 * w->max_tasks;
        w->tasks = realloc(w->tasks, w->max_tasks * sizeof(*w->tasks));
        if (w->tasks == NULL)
            abort();
    }
    size_t i = w->n_tasks++;
    for (; i > 0 && is_before(task, &w->tasks[(i - 1) / 2]); i = (i - 1) / 2)
        w->tasks[i] = w->tasks[(i - 1) / 2];
    w->tasks[i] = *task;
}

static struct task pop(struct world *w)
{
    struct task first = w->tasks[0], last = w->tasks[--w->n_tasks];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= w->n_tasks)
            break;
        if (child + 1 < w->n_tasks && is_before(&w->tasks[child + 1], &w->tasks[child]))
            child++;
        if (!is_before(&w->tasks[child], &last))
            break;
        w->tasks[i] = w->tasks[child];
        i = child;
    }
    w->tasks[i] = last;
    return first;
}

void later(struct world *w, int64_t in_us, struct process *p,
    void (*run)(struct world *w, struct task *task), void *object, uint64_t a, uint64_t b)
{
    struct task task = { .at_us = w->now_us + (in_us < 0 ? 0 : in_us),
        .order = w->next_order++,
        .run = run,
        .process = p,
        .object = object,
        .a = a,
        .b = b };
    push(w, &task);
}

/* What comes for a process that stands still waits for it, in its order. */
static void defer(struct world *w, struct process *p, const struct task *task)
{
    if (p->n_deferred == p->max_deferred) {
        unsigned max = p->max_deferred == 0 ? 64 : 2 * p->max_deferred;
        struct task *more = take(w, max * sizeof(*more));
        if (p->n_deferred > 0)
            memcpy(more, p->deferred, p->n_deferred * sizeof(*more));
        p->deferred = more;
        p->max_deferred = max;
    }
    p->deferred[p->n_deferred++] = *task;
}

static void run(struct world *w, struct task *task)
{
    struct process *p = task->process;
    if (p != NULL && !p->alive)
        return;
    if (p != NULL && (p->paused_until_us > w->now_us || p->n_deferred > 0)) {
        defer(w, p, task);
        return;
    }
    w->n_steps++;
    w->digest = (w->digest ^ (uint64_t)task->at_us ^ task->a) * UINT64_C(0x100000001b3);
    task->run(w, task);
}

void world_run_until(struct world *w, int64_t until_us)
{
    while (w->n_tasks > 0 && w->tasks[0].at_us <= until_us) {
        struct task task = pop(w);
        w->now_us = task.at_us;
        run(w, &task);
    }
    w->now_us = until_us;
}

/* --- order and disorder --- */

void disturb(struct world *w, int64_t until_us)
{
    if (until_us > w->disturbed_us)
        w->disturbed_us = until_us;
}

bool is_calm(const struct world *w, int64_t for_us)
{
    return w->now_us >= w->disturbed_us + for_us;
}

/* --- begin and end --- */

static unsigned weight(struct world *w)
{
    return one_in(w, 3) ? 0 : 1 + below(w, 8);
}

static void choose(struct world *w, int n_nodes)
{
    static const int64_t beats_ms[] = { 500, 1000, 2000 };
    /* Many rooms in which little happens, or few in which much does. */
    bool many = one_in(w, 12);
    w->n_slots = n_nodes > 0 ? n_nodes : 2 + (int)below(w, many ? 2 : SLOTS_MAX - 1);
    w->n_rooms = many ? 150 + (int)below(w, 150) : 1 + (int)below(w, 6);
    w->n_users = 3 + (int)below(w, USERS_MAX - 3);
    w->heartbeat_ms = beats_ms[below(w, 3)];
    w->latency_us = between(w, 100, 4 * MS);
    w->keepalive_us = between(w, 2 * SEC, 10 * SEC);
    w->idle_us = one_in(w, 3) ? between(w, 5 * SEC, 60 * SEC) : between(w, 200 * MS, 3 * SEC);
    w->queue_max = 96 + below(w, 64);
    w->mixed = one_in(w, 3);
    w->unknown_has_room = one_in(w, 2);
    w->rates = (struct rates){
        .faults_a_second = 0.05 * (1 + below(w, 30)),
        .acts_a_second = one_in(w, 3) ? 0.5 + 0.5 * below(w, 4) : 2 + below(w, 24),
        .kill = weight(w),
        .host = weight(w),
        .pause = weight(w),
        .cut = weight(w),
        .cut_one_way = weight(w),
        .isolate = weight(w),
        .reset = weight(w),
        .slow = weight(w),
        .drop = weight(w),
        .store_away = weight(w),
        .store_away_for_one = weight(w),
        .store_slow = weight(w),
        .store_back = one_in(w, 6) ? 2 : 0,
        .twice = weight(w) / 2,
        .leave = weight(w),
        .storm = weight(w) / 3,
        .lost_answer = one_in(w, 2) ? 0 : 20 + below(w, 300),
    };
}

void world_begin(struct world *w, uint64_t seed, int n_nodes)
{
    uint64_t x = seed;
    struct task *tasks = w->tasks;
    size_t max_tasks = w->max_tasks;
    memset(w, 0, sizeof(*w));
    w->tasks = tasks;
    w->max_tasks = max_tasks;
    w->seed = seed;
    w->random[0] = splitmix(&x);
    w->random[1] = splitmix(&x);
    w->now_us = 1000 * SEC;
    memory.current = memory.used = 0;
    choose(w, n_nodes);
    for (int i = 0; i < w->n_rooms; i++) {
        w->room_ids[i] = text(w, "room-%07d", i);
        w->store.now.rooms[i] = (struct room_row){ .revision = 1 };
        w->store.now.rooms[i].play.node_id = "";
    }
    for (int i = 0; i < w->n_users; i++)
        w->user_ids[i] = text(w, "user-%07d", i);
    for (int i = 0; i < w->n_slots; i++)
        w->node_ids[i] = text(w, "node-%d", i);
}

void world_end(struct world *w)
{
    for (unsigned i = 0; i < w->n_processes; i++) {
        struct process *p = w->processes[i];
        count_memory_for(p);
        sv_mesh_free(p->mesh);
        sv_mesh_outputs_fini(&p->outputs);
        count_memory_for(NULL);
        if (p->mesh_bytes != 0 && w->failure[0] == '\0')
            snprintf(w->failure, sizeof(w->failure), "the mesh of %s leaves %zu bytes behind",
                p->id, p->mesh_bytes);
    }
    w->n_processes = 0;
    w->n_tasks = 0;
}
