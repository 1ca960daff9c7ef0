/* SPDX-License-Identifier: MIT */
/* What the process is given by whoever starts it: descriptors, signals, threads. */
#ifndef SERVER_PROCESS_H
#define SERVER_PROCESS_H

#include <stdbool.h>
#include <stddef.h>

/* First of all in main(). */
void process_begin(void);

/*
 * Whether files and threads suffice for a server with so many threads that serve. If not, `why` is
 * one sentence. gRPC does not check: without descriptors it aborts, without a thread it waits for
 * it for ever.
 */
bool process_can_serve(unsigned n_threads, char *why, size_t size);

#endif
