/* SPDX-License-Identifier: MIT */
/* Limits of the process: descriptors, signals, threads. */
#ifndef SERVER_PROCESS_H
#define SERVER_PROCESS_H

#include <stdbool.h>
#include <stddef.h>

/* Call it first in main(). */
void process_begin(void);

/*
 * Whether there are enough descriptors and threads for a server with `n_threads` serving threads.
 * If not, `why` is one sentence. gRPC does not check: without descriptors it aborts, without a
 * thread it waits for ever.
 */
bool process_can_serve(unsigned n_threads, char *why, size_t size);

#endif
