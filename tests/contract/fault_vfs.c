/* SPDX-License-Identifier: MIT */
#include "fault_vfs.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <string.h>

struct fault_vfs fault_vfs;

struct file {
    sqlite3_file base;
    sqlite3_file *real; /* in the memory behind this struct */
};

static sqlite3_vfs *real_vfs;

static sqlite3_file *real(sqlite3_file *f)
{
    return ((struct file *)f)->real;
}

/* Takes one of the faults that are left. */
static bool strikes(_Atomic int *faults)
{
    int n = atomic_load(faults);
    while (n > 0 && !atomic_compare_exchange_weak(faults, &n, n - 1))
        ;
    return n != 0;
}

static int f_close(sqlite3_file *f)
{
    return real(f)->pMethods->xClose(real(f));
}

static int f_read(sqlite3_file *f, void *data, int n, sqlite3_int64 offset)
{
    if (strikes(&fault_vfs.broken_reads))
        return SQLITE_IOERR_READ;
    return real(f)->pMethods->xRead(real(f), data, n, offset);
}

static int f_write(sqlite3_file *f, const void *data, int n, sqlite3_int64 offset)
{
    int64_t limit = atomic_load(&fault_vfs.size_limit);
    atomic_fetch_add(&fault_vfs.writes, 1);
    if (strikes(&fault_vfs.full) || (limit > 0 && offset + n > limit))
        return SQLITE_FULL;
    return real(f)->pMethods->xWrite(real(f), data, n, offset);
}

static int f_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    return real(f)->pMethods->xTruncate(real(f), size);
}

static int f_sync(sqlite3_file *f, int flags)
{
    atomic_fetch_add(&fault_vfs.syncs, 1);
    if (strikes(&fault_vfs.broken_syncs))
        return SQLITE_IOERR_FSYNC;
    return real(f)->pMethods->xSync(real(f), flags);
}

static int f_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return real(f)->pMethods->xFileSize(real(f), size);
}

static int f_lock(sqlite3_file *f, int level)
{
    return real(f)->pMethods->xLock(real(f), level);
}

static int f_unlock(sqlite3_file *f, int level)
{
    return real(f)->pMethods->xUnlock(real(f), level);
}

static int f_check_lock(sqlite3_file *f, int *out)
{
    return real(f)->pMethods->xCheckReservedLock(real(f), out);
}

static int f_control(sqlite3_file *f, int op, void *arg)
{
    return real(f)->pMethods->xFileControl(real(f), op, arg);
}

static int f_sector_size(sqlite3_file *f)
{
    return real(f)->pMethods->xSectorSize(real(f));
}

static int f_characteristics(sqlite3_file *f)
{
    return real(f)->pMethods->xDeviceCharacteristics(real(f));
}

static int f_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    return real(f)->pMethods->xShmMap(real(f), page, size, extend, out);
}

static int f_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return real(f)->pMethods->xShmLock(real(f), offset, n, flags);
}

static void f_shm_barrier(sqlite3_file *f)
{
    real(f)->pMethods->xShmBarrier(real(f));
}

static int f_shm_unmap(sqlite3_file *f, int delete_it)
{
    return real(f)->pMethods->xShmUnmap(real(f), delete_it);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = f_close,
    .xRead = f_read,
    .xWrite = f_write,
    .xTruncate = f_truncate,
    .xSync = f_sync,
    .xFileSize = f_size,
    .xLock = f_lock,
    .xUnlock = f_unlock,
    .xCheckReservedLock = f_check_lock,
    .xFileControl = f_control,
    .xSectorSize = f_sector_size,
    .xDeviceCharacteristics = f_characteristics,
    .xShmMap = f_shm_map,
    .xShmLock = f_shm_lock,
    .xShmBarrier = f_shm_barrier,
    .xShmUnmap = f_shm_unmap,
};

static int v_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out_flags)
{
    struct file *file = (struct file *)f;
    file->real = (sqlite3_file *)(file + 1);
    file->base.pMethods = NULL;
    memset(file->real, 0, sizeof(*file->real));
    int rc = real_vfs->xOpen(real_vfs, name, file->real, flags, out_flags);
    if (file->real->pMethods != NULL)
        file->base.pMethods = &methods;
    return rc;
}

void fault_vfs_install(void)
{
    static sqlite3_vfs vfs;
    real_vfs = sqlite3_vfs_find(NULL);
    vfs = *real_vfs; /* all but xOpen is its business */
    vfs.zName = "fault";
    vfs.pNext = NULL;
    vfs.szOsFile = (int)sizeof(struct file) + real_vfs->szOsFile;
    vfs.xOpen = v_open;
    sqlite3_vfs_register(&vfs, 1);
}

/* ---- memory ---- */

static sqlite3_mem_methods real_mem;
static _Atomic long mem_left; /* allocations until one fails; 0 = none does */
static _Atomic int mem_all, mem_failed;

static bool memory_strikes(void)
{
    long n = atomic_load(&mem_left);
    while (n > 0 && !atomic_compare_exchange_weak(&mem_left, &n, n > 1 ? n - 1 : 0))
        ;
    if (n == 1 || (n == 0 && atomic_load(&mem_all) && atomic_load(&mem_failed)))
        atomic_store(&mem_failed, 1);
    else
        return false;
    return true;
}

static void *m_malloc(int n)
{
    return memory_strikes() ? NULL : real_mem.xMalloc(n);
}

static void *m_realloc(void *p, int n)
{
    return memory_strikes() ? NULL : real_mem.xRealloc(p, n);
}

void fault_memory_install(void)
{
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_mem);
    sqlite3_mem_methods mem = real_mem;
    mem.xMalloc = m_malloc;
    mem.xRealloc = m_realloc;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &mem);
}

void fault_memory_fail(long n, int all)
{
    atomic_store(&mem_failed, 0);
    atomic_store(&mem_all, all);
    atomic_store(&mem_left, n);
}

int fault_memory_failed(void)
{
    return atomic_load(&mem_failed);
}
