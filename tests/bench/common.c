/* SPDX-License-Identifier: MIT */
#include "common.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void die(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "bench: ");
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(1);
}

void *must_alloc(void *ptr)
{
    if (ptr == NULL)
        die("out of memory");
    return ptr;
}

uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t cpu_of(pid_t pid)
{
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
        die("process %d is gone", (int)pid);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* ---- delays ---- */

void histogram_reset(struct histogram *h)
{
    memset(h, 0, sizeof(*h));
}

static unsigned bucket_of(uint64_t ns)
{
    if (ns < HISTOGRAM_STEPS)
        return (unsigned)ns;
    unsigned shift = 63 - (unsigned)__builtin_clzll(ns) - 6;
    return (shift + 1) * HISTOGRAM_STEPS + (unsigned)((ns >> shift) - HISTOGRAM_STEPS);
}

static double bucket_end(unsigned bucket)
{
    unsigned shift = bucket / HISTOGRAM_STEPS;
    if (shift == 0)
        return bucket + 1;
    return (double)((uint64_t)(HISTOGRAM_STEPS + bucket % HISTOGRAM_STEPS + 1) << (shift - 1));
}

void histogram_add(struct histogram *h, uint64_t ns)
{
    h->n++;
    h->max_ns = ns > h->max_ns ? ns : h->max_ns;
    h->counts[bucket_of(ns)]++;
}

double histogram_us(const struct histogram *h, double quantile)
{
    uint64_t wanted = (uint64_t)((double)h->n * quantile), seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_SIZE; i++) {
        seen += h->counts[i];
        if (h->counts[i] > 0 && seen >= wanted)
            return bucket_end(i) < (double)h->max_ns ? bucket_end(i) / 1e3
                                                     : (double)h->max_ns / 1e3;
    }
    return 0;
}

/* ---- bytes ---- */

void bytes_put(struct bytes *b, const void *data, size_t len)
{
    if (b->len + len > b->size) {
        b->size = (b->len + len) * 2;
        b->data = must_alloc(realloc(b->data, b->size));
    }
    if (len > 0)
        memcpy(b->data + b->len, data, len);
    b->len += len;
}

void bytes_drop(struct bytes *b, size_t n)
{
    b->len -= n;
    memmove(b->data, b->data + n, b->len);
}

void bytes_put_hex(struct bytes *b, const char *hex)
{
    for (unsigned value; sscanf(hex, "%2x", &value) == 1; hex += 2) {
        uint8_t byte = (uint8_t)value;
        bytes_put(b, &byte, 1);
        if (hex[1] == '\0')
            die("half a byte");
    }
}
