/* SPDX-License-Identifier: MIT */
/* For LD_PRELOAD: each fsync takes 5 ms longer, as on a disk that is not just memory. */
#include <dlfcn.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#define EXTRA_NS 5000000

static int slowly(const char *name, int fd)
{
    int (*real)(int);
    *(void **)&real = dlsym(RTLD_NEXT, name);
    nanosleep(&(struct timespec){ .tv_nsec = EXTRA_NS }, NULL);
    return real(fd);
}

int fsync(int fd)
{
    return slowly("fsync", fd);
}

int fdatasync(int fd)
{
    return slowly("fdatasync", fd);
}
