/* SPDX-License-Identifier: MIT */
/*
 * Put before libc (LD_PRELOAD) it gives a server a wall clock that jumps and a disk that stands
 * still or is full, as the file that FAULTS_CONTROL names says. The tests write to that file while
 * the server runs (faults.py).
 */
/* pwrite() and pwrite64() are two functions here. */
#undef _FILE_OFFSET_BITS
#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "control.h"

#define EXPORT __attribute__((visibility("default")))

static struct control nothing, *control = &nothing;

__attribute__((constructor)) static void find_control(void)
{
    struct control *found = control_open();
    if (found != NULL)
        control = found;
}

/* ---- the clock ---- */

EXPORT int clock_gettime(clockid_t id, struct timespec *ret)
{
    int rv = (int)syscall(SYS_clock_gettime, id, ret);
    if (rv == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
        int64_t offset = atomic_load(&control->clock_offset_ms);
        int64_t ns = ret->tv_nsec + offset % 1000 * 1000000;
        ret->tv_sec += offset / 1000 + (ns >= 1000000000) - (ns < 0);
        ret->tv_nsec = (ns + 1000000000) % 1000000000;
    }
    return rv;
}

EXPORT int gettimeofday(struct timeval *ret, void *zone)
{
    (void)zone;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    ret->tv_sec = t.tv_sec;
    ret->tv_usec = t.tv_nsec / 1000;
    return 0;
}

EXPORT time_t time(time_t *ret)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    if (ret != NULL)
        *ret = t.tv_sec;
    return t.tv_sec;
}

/* ---- the disk ---- */

static void stand_still(void)
{
    const struct timespec moment = { .tv_nsec = 2000000 };
    atomic_fetch_add(&control->syncs, 1);
    if (atomic_load(&control->hold_syncs) == 0)
        return;
    atomic_fetch_add(&control->held, 1);
    while (atomic_load(&control->hold_syncs) != 0)
        syscall(SYS_nanosleep, &moment, NULL);
    atomic_fetch_sub(&control->held, 1);
}

EXPORT int fsync(int fd)
{
    stand_still();
    return (int)syscall(SYS_fsync, fd);
}

EXPORT int fdatasync(int fd)
{
    stand_still();
    return (int)syscall(SYS_fdatasync, fd);
}

static int is_full(int fd)
{
    struct stat st;
    if (atomic_load(&control->full) == 0 || fd <= STDERR_FILENO || fstat(fd, &st) < 0 ||
        !S_ISREG(st.st_mode))
        return 0;
    atomic_fetch_add(&control->refused, 1);
    errno = ENOSPC;
    return 1;
}

EXPORT ssize_t write(int fd, const void *data, size_t n)
{
    return is_full(fd) ? -1 : syscall(SYS_write, fd, data, n);
}

EXPORT ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at)
{
    return is_full(fd) ? -1 : syscall(SYS_pwrite64, fd, data, n, at);
}

EXPORT ssize_t pwrite(int fd, const void *data, size_t n, off_t at)
{
    return is_full(fd) ? -1 : syscall(SYS_pwrite64, fd, data, n, at);
}
