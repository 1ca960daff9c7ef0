/* SPDX-License-Identifier: MIT */
/*
 * Only one store may serve a database. The claim is a lock on a file beside the database. The lock
 * ends with the process, however that ends. The file is removed at the end; if the process is
 * killed it stays, but means nothing without the lock.
 *
 * The lock cannot be on the database itself: closing that file drops the locks that SQLite has on
 * it.
 */
#include "store/sqlite/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "store/sqlite/open.h"

#define TRIES 100

/*
 * The name of the lock: the same for all names of a database, as with SQLite's own files. NULL
 * without memory.
 */
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

/*
 * Whether the file still has this name: between open() and flock() its last owner may have removed
 * it.
 */
static bool is_there(int fd, const char *name)
{
    struct stat ours, there;
    return fstat(fd, &ours) == 0 && stat(name, &there) == 0 && ours.st_dev == there.st_dev &&
        ours.st_ino == there.st_ino;
}

/* Returns the locked file, or -1 with errno; EWOULDBLOCK = another store has it. */
static int lock(const char *name, const char *path)
{
    for (int i = 0; i < TRIES; i++) {
        int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
        if (fd < 0)
            return -1;
        sv_sqlite_give_to_owner_of(path, fd);
        /* Where the file system has no such locks, nobody can be asked. */
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
    unlink(claim->name); /* while it is locked, so that it is still ours */
    close(claim->fd);
    free(claim->name);
    claim->name = NULL;
}
