/* SPDX-License-Identifier: MIT */
/*
 * Who serves a database has it alone, or is a member and has it beside other members. What says so
 * is a lock on a file beside it, PATH.lock, exclusive or shared, which goes with the process,
 * however that ends, and the file means nothing without the lock. Who has it alone removes the file
 * at the end. On the database itself it could not be: to close that file drops the locks that
 * SQLite has on it.
 *
 * The first member keeps it exclusive until it has opened the database: so nobody else is there
 * when it migrates.
 *
 * A member's id is a lock of its own, on PATH.node-ID.lock. That one is of the kind that others can
 * ask for without taking it.
 */
#include "store/sqlite/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"

#define TRIES 100
/* Another member may be the first one and just be opening the database. */
#define SHARE_PATIENCE_US (5 * 1000 * 1000)
#define SHARE_STEP_US (10 * 1000)

void sv_sqlite_give_to_owner_of(const char *path, int fd)
{
    struct stat st;
    if (geteuid() == 0 && stat(path, &st) == 0 && fchown(fd, st.st_uid, st.st_gid) < 0)
        return; /* then it stays root's */
}

/* The same for all names of a file, as it is with SQLite's own. NULL without memory. */
static char *name_beside(const char *path, const char *between, const char *id)
{
    static const char suffix[] = ".lock";
    char *real = realpath(path, NULL);
    const char *file = real != NULL ? real : path;
    size_t size = strlen(file) + strlen(between) + strlen(id) + sizeof(suffix);
    char *name = malloc(size);
    if (name != NULL)
        snprintf(name, size, "%s%s%s%s", file, between, id, suffix);
    free(real);
    return name;
}

/* Between open() and the lock whoever had it may have removed it. */
static bool is_there(int fd, const char *name)
{
    struct stat ours, there;
    return fstat(fd, &ours) == 0 && stat(name, &there) == 0 && ours.st_dev == there.st_dev &&
        ours.st_ino == there.st_ino;
}

/* 0 or an errno; EWOULDBLOCK = another has it. */
typedef int try_fn(int fd);

static int try_exclusive(int fd)
{
    return flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
}

static int try_shared(int fd)
{
    return flock(fd, LOCK_SH | LOCK_NB) == 0 ? 0 : errno;
}

/* Where there are no such locks at all, nobody can be asked. */
static int try_alone(int fd)
{
    int problem = try_exclusive(fd);
    return problem == EWOULDBLOCK ? problem : 0;
}

static int try_node(int fd)
{
    struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    if (fcntl(fd, F_OFD_SETLK, &whole) == 0)
        return 0;
    return errno == EACCES || errno == EAGAIN ? EWOULDBLOCK : errno;
}

/* Returns the locked file, or -1 with errno; EWOULDBLOCK = another has it. */
static int lock_file(const char *name, const char *path, try_fn *try)
{
    for (int i = 0; i < TRIES; i++) {
        int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
        if (fd < 0)
            return -1;
        sv_sqlite_give_to_owner_of(path, fd);
        int problem = try(fd);
        if (problem == 0 && is_there(fd, name))
            return fd;
        close(fd);
        errno = problem;
        if (problem != 0)
            return -1;
    }
    errno = EWOULDBLOCK;
    return -1;
}

static void lock_end(struct sv_sqlite_lock *lock, bool remove)
{
    if (lock->name == NULL)
        return;
    /* While it is locked: nobody can have taken it. Somebody may have removed it, though, and
     * others made a new one. */
    if (remove && is_there(lock->fd, lock->name))
        unlink(lock->name);
    close(lock->fd);
    free(lock->name);
    lock->name = NULL;
}

/* Takes over `name`. */
static int lock_begin(struct sv_sqlite_lock *lock, char *name, const char *path, try_fn *try)
{
    lock->name = name;
    if (name == NULL) {
        errno = ENOMEM;
        return -1;
    }
    lock->fd = lock_file(name, path, try);
    return lock->fd < 0 ? -1 : 0;
}

/* `errno` says why it could not be locked. */
static int cannot_lock(struct sv_sqlite_lock *lock, const char *sentence, const char *path,
    synctv_error *err)
{
    char reason[64];
    int problem = errno;
    int rv = problem == ENOMEM ? sv_error(err, SYNCTV_E_NO_MEMORY)
        : problem == EWOULDBLOCK
        ? sv_errorf(err, SYNCTV_E_STORAGE_UNAVAILABLE, "%s %s", sentence, path)
        : sv_errorf(err, SYNCTV_E_STORAGE_UNAVAILABLE, "cannot lock %s: %s", lock->name,
              strerror_r(problem, reason, sizeof(reason)));
    free(lock->name);
    lock->name = NULL;
    return rv;
}

/* ---- alone, or beside members ---- */

static bool members_have_it(const char *name, const char *path)
{
    int fd = lock_file(name, path, try_shared);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static int claim_alone(struct sv_sqlite_claim *claim, const char *path, synctv_error *err)
{
    struct sv_sqlite_lock *lock = &claim->lock;
    if (lock_begin(lock, name_beside(path, "", ""), path, try_alone) == 0)
        return 0;
    const char *sentence = "another server uses the database";
    if (errno == EWOULDBLOCK && members_have_it(lock->name, path)) {
        errno = EWOULDBLOCK;
        sentence = "members of a cluster use the database: stop them, or become one of them by"
                   " their cluster secret:";
    }
    return cannot_lock(lock, sentence, path, err);
}

static int claim_as_member(struct sv_sqlite_claim *claim, const char *path, synctv_error *err)
{
    struct sv_sqlite_lock *lock = &claim->lock;
    int64_t until = sv_mono_us() + SHARE_PATIENCE_US;
    if (lock_begin(lock, name_beside(path, "", ""), path, try_exclusive) == 0)
        return 0;
    while (errno == EWOULDBLOCK) {
        lock->fd = lock_file(lock->name, path, try_shared);
        claim->shared = lock->fd >= 0;
        if (claim->shared)
            return 0;
        if (errno != EWOULDBLOCK || sv_mono_us() >= until)
            break;
        usleep(SHARE_STEP_US);
    }
    return cannot_lock(lock,
        "a server without a cluster secret has the database for itself: stop it, or give it the"
        " secret, too:",
        path, err);
}

int sv_sqlite_claim(struct sv_sqlite_claim *claim, const char *path, enum sv_sqlite_claim_kind kind,
    synctv_error *err)
{
    return kind == SV_CLAIM_ALONE ? claim_alone(claim, path, err)
                                  : claim_as_member(claim, path, err);
}

int sv_sqlite_claim_share(struct sv_sqlite_claim *claim, const char *path, synctv_error *err)
{
    if (claim->lock.name == NULL || claim->shared)
        return 0;
    errno = try_shared(claim->lock.fd); /* for a moment there is no lock at all */
    claim->shared = errno == 0;
    if (claim->shared)
        return 0;
    close(claim->lock.fd);
    return cannot_lock(&claim->lock, "another server has just taken the database", path, err);
}

void sv_sqlite_claim_end(struct sv_sqlite_claim *claim)
{
    lock_end(&claim->lock, !claim->shared);
}

/* ---- one of each id ---- */

int sv_sqlite_lock_node(struct sv_sqlite_lock *lock, const char *path, const char *id,
    synctv_error *err)
{
    char sentence[160];
    if (lock_begin(lock, name_beside(path, ".node-", id), path, try_node) == 0)
        return 0;
    snprintf(sentence, sizeof(sentence),
        "the node %s is running already, and each member wants a node id of its own; database", id);
    return cannot_lock(lock, sentence, path, err);
}

void sv_sqlite_unlock_node(struct sv_sqlite_lock *lock)
{
    lock_end(lock, true);
}

bool sv_sqlite_node_lock_is_held(const char *path, const char *id)
{
    struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    char *name = name_beside(path, ".node-", id);
    int fd = name == NULL ? -1 : open(name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
    bool held = fd >= 0 && fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
    if (fd >= 0)
        close(fd);
    free(name);
    return held;
}

/* ---- where it lies ---- */

int sv_sqlite_check_file_system(const char *path, synctv_error *err)
{
    static const struct {
        uint32_t magic;
        const char *name;
    } kinds[] = {
        { 0x6969, "NFS" },
        { 0x517b, "SMB" },
        { 0xfe534d42, "SMB" },
        { 0xff534d42, "CIFS" },
        { 0x00c36400, "Ceph" },
        { 0x5346414f, "AFS" },
        { 0x01021997, "9P" },
        { 0x65735546, "FUSE" },
    };
    struct statfs fs;
    if (statfs(path, &fs) < 0)
        return 0; /* who opens it will say why */
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if ((uint32_t)fs.f_type == kinds[i].magic)
            return sv_errorf(err, SYNCTV_E_STORAGE_UNAVAILABLE,
                "members cannot share a database over %s: it has to be on a disk of their machine:"
                " %s",
                kinds[i].name, path);
    }
    return 0;
}
