/* SPDX-License-Identifier: MIT */
/* What the programs of the benchmark share: the clock, a histogram of delays, other processes' CPU
 * time, bytes. */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Prints a sentence and exits with 1: a benchmark that cannot go on is worth nothing. */
void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
void *must_alloc(void *ptr); /* dies of NULL */

uint64_t now_ns(void);

/* User and system time of all threads of a process, ended ones too, in ns. 0 = this process. */
uint64_t cpu_of(pid_t pid);

/* ---- delays: 64 steps for each power of two, so within 1.6 % ---- */

#define HISTOGRAM_STEPS 64
#define HISTOGRAM_SIZE (58 * HISTOGRAM_STEPS)

struct histogram {
    uint64_t n, max_ns;
    uint32_t counts[HISTOGRAM_SIZE];
};

void histogram_reset(struct histogram *h);
void histogram_add(struct histogram *h, uint64_t ns);
double histogram_us(const struct histogram *h, double quantile); /* 0..1 */

/* ---- bytes ---- */

struct bytes {
    uint8_t *data;
    size_t len, size;
};

void bytes_put(struct bytes *b, const void *data, size_t len);
void bytes_drop(struct bytes *b, size_t n); /* the first n */
void bytes_put_hex(struct bytes *b, const char *hex);

#endif
