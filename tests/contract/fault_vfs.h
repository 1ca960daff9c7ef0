/* SPDX-License-Identifier: MIT */
/* A file system and a memory for SQLite that count, and fail on demand. They become those of this
 * process. */
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

/* Before SQLite is used: its memory fails on demand, too. */
void fault_memory_install(void);
/* The n-th allocation from now fails, and with `all` those after it; 0 = none does. */
void fault_memory_fail(long n, int all);
/* Whether one has failed since. */
int fault_memory_failed(void);

#endif
