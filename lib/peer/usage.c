/* SPDX-License-Identifier: MIT */
#include "peer/usage.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"

#define LOOK_US 1000000

static int64_t used_us(void)
{
    struct rusage r;
    if (getrusage(RUSAGE_SELF, &r) < 0)
        return 0;
    return (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * INT64_C(1000000) + r.ru_utime.tv_usec +
        r.ru_stime.tv_usec;
}

static double resident_bytes(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f == NULL)
        return 0;
    int n = fscanf(f, "%*d %ld", &pages);
    fclose(f);
    return n == 1 ? (double)pages * (double)sysconf(_SC_PAGESIZE) : 0;
}

void sv_peer_usage_init(struct sv_peer_usage *usage)
{
    pthread_mutex_init(&usage->lock, NULL);
    usage->looked_us = sv_mono_us();
    usage->used_us = used_us();
    usage->cpu = 0;
}

void sv_peer_usage_fini(struct sv_peer_usage *usage)
{
    pthread_mutex_destroy(&usage->lock);
}

void sv_peer_usage_read(struct sv_peer_usage *usage, struct sv_wire_node_stats *stats)
{
    int64_t now_us = sv_mono_us(), used = used_us();
    pthread_mutex_lock(&usage->lock);
    int64_t passed_us = now_us - usage->looked_us;
    if (passed_us >= LOOK_US) {
        usage->cpu = (double)(used - usage->used_us) / (double)passed_us;
        usage->looked_us = now_us;
        usage->used_us = used;
    }
    stats->cpu_usage = usage->cpu;
    pthread_mutex_unlock(&usage->lock);
    stats->memory_usage = resident_bytes();
}
