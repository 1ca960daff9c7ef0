/* SPDX-License-Identifier: MIT */
/* A file system for SQLite that counts, and fails on demand. It becomes the default one of this process. */
#ifndef FAULT_VFS_H
#define FAULT_VFS_H

#include <stdatomic.h>
#include <stdint.h>

struct fault_vfs {
    _Atomic long syncs, writes; /* since the start */
    _Atomic int full;           /* so many writes find the disk full; < 0 = all */
    _Atomic int broken_syncs;   /* so many syncs fail; < 0 = all */
    _Atomic int broken_reads;   /* the same for reads */
    _Atomic int64_t size_limit; /* no file gets larger; 0 = no limit */
};

extern struct fault_vfs fault_vfs;

void fault_vfs_install(void);

#endif
