/* SPDX-License-Identifier: MIT */
/*
 * Who serves a database has it alone. What says so is a lock on a file beside it, which goes with the process, however that
 * ends; the file goes too, unless the process is killed, and means nothing without the lock. On the database itself it
 * could not be: to close that file drops the locks that SQLite has on it.
 */
#include "store/sqlite/sqlite_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

#define TRIES 100

/* The same for all names of a file, as it is with SQLite's own. NULL without memory. */
static char *name_beside(const char *path)
{
    static const char suffix[] = ".lock";
    char *real = realpath(path, NULL);
    size_t size = strlen(real != NULL ? real : path) + sizeof(suffix);
    char *name = malloc(size);
    if (name != NULL)
        snprintf(name, size, "%s%s", real != NULL ? real : path, suffix);
    free(real);
    return name;
}

/* Between open() and flock() whoever had it may have removed it. */
static bool is_there(int fd, const char *name)
{
    struct stat ours, there;
    return fstat(fd, &ours) == 0 && stat(name, &there) == 0 && ours.st_dev == there.st_dev &&
        ours.st_ino == there.st_ino;
}

/* Returns the locked file, or -1 with errno; EWOULDBLOCK = another has it. */
static int lock(const char *name, const char *path)
{
    for (int i = 0; i < TRIES; i++) {
        int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
        if (fd < 0)
            return -1;
        sv_sqlite_give_to_owner_of(path, fd);
        /* Where there are no such locks at all, nobody can be asked. */
        int problem = flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
        if (problem != EWOULDBLOCK && is_there(fd, name))
            return fd;
        close(fd);
        errno = problem;
        if (problem == EWOULDBLOCK)
            return -1;
    }
    errno = EWOULDBLOCK;
    return -1;
}

int sv_sqlite_claim(struct sv_sqlite_claim *claim, const char *path, synctv_error *err)
{
    char reason[64];
    claim->name = name_beside(path);
    if (claim->name == NULL)
        return sv_error(err, SYNCTV_E_NO_MEMORY);
    claim->fd = lock(claim->name, path);
    if (claim->fd >= 0)
        return 0;
    int rv = errno == EWOULDBLOCK
        ? sv_errorf(err, SYNCTV_E_STORAGE_UNAVAILABLE, "another server uses the database %s", path)
        : sv_errorf(err, SYNCTV_E_STORAGE_UNAVAILABLE, "cannot lock %s: %s", claim->name,
              strerror_r(errno, reason, sizeof(reason)));
    free(claim->name);
    claim->name = NULL;
    return rv;
}

void sv_sqlite_claim_end(struct sv_sqlite_claim *claim)
{
    if (claim->name == NULL)
        return;
    unlink(claim->name); /* while it is locked: nobody can have taken it */
    close(claim->fd);
    free(claim->name);
    claim->name = NULL;
}
