/* SPDX-License-Identifier: MIT */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define MIN_FILES 64
/* Threads of gRPC, the store and the loop: 21 from the start, more under load. */
#define BASE_THREADS 32

/*
 * Opens descriptors 0 to 2 if they are closed: a file must not get a number that others write to.
 * Runs before gRPC's constructors, which open files.
 */
__attribute__((constructor(101))) static void fill_standard_descriptors(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

/* A connection is a descriptor: raises the limit as far as allowed. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

void process_begin(void)
{
    signal(SIGPIPE, SIG_IGN);
    /* A file that may not grow is handled as a full disk. */
    signal(SIGXFSZ, SIG_IGN);
    raise_file_limit();
}

static void *wait_for_gate(void *gate)
{
    pthread_mutex_lock(gate);
    pthread_mutex_unlock(gate);
    return NULL;
}

/* Starts `n` threads, which exist at the same time, and ends them. Returns 0 or an errno. */
static int try_threads(unsigned n)
{
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    pthread_t *threads = calloc(n, sizeof(*threads));
    unsigned started = 0;
    int problem = 0;
    if (threads == NULL)
        return ENOMEM;
    pthread_mutex_lock(&gate);
    while (started < n && problem == 0) {
        problem = pthread_create(&threads[started], NULL, wait_for_gate, &gate);
        started += problem == 0;
    }
    pthread_mutex_unlock(&gate);
    while (started > 0)
        pthread_join(threads[--started], NULL);
    free(threads);
    return problem;
}

bool process_can_serve(unsigned n_threads, char *why, size_t size)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < MIN_FILES) {
        snprintf(why, size, "%llu open files are too few, it takes at least %d: see ulimit -n",
            (unsigned long long)files.rlim_cur, MIN_FILES);
        return false;
    }
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned n = BASE_THREADS + n_threads + (cores > 0 ? (unsigned)cores : 1);
    int problem = try_threads(n);
    if (problem != 0)
        snprintf(why, size,
            "%u threads cannot be started (%s): see ulimit -u, ulimit -v and pids.max of its cgroup",
            n, strerror(problem));
    return problem == 0;
}
