/* SPDX-License-Identifier: MIT */
#include "short_memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct control own;
struct control *short_memory = &own;

__attribute__((constructor)) static void find_control(void)
{
    struct control *found = control_open();
    if (found != NULL)
        short_memory = found;
}

int64_t short_memory_begin(int64_t n)
{
    atomic_store(&short_memory->failed, 0);
    atomic_store(&short_memory->fail_in, n);
    return n;
}

int short_memory_end(void)
{
    atomic_store(&short_memory->fail_in, 0);
    return atomic_load(&short_memory->failed) != 0;
}

static int strikes(void)
{
    int64_t n = atomic_load_explicit(&short_memory->fail_in, memory_order_relaxed);
    while (n > 0 && !atomic_compare_exchange_weak(&short_memory->fail_in, &n, n - 1))
        ;
    if (n != 1)
        return 0;
    atomic_fetch_add(&short_memory->failed, 1);
    errno = ENOMEM;
    return 1;
}

#define WRAP(type, name, parameters, arguments)                                                    \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        return strikes() ? NULL : __real_##name arguments;                                         \
    }

WRAP(void *, malloc, (size_t n), (n))
WRAP(void *, calloc, (size_t n, size_t size), (n, size))
WRAP(void *, realloc, (void *p, size_t n), (p, n))
WRAP(void *, reallocarray, (void *p, size_t n, size_t size), (p, n, size))
WRAP(char *, strdup, (const char *s), (s))
WRAP(char *, strndup, (const char *s, size_t n), (s, n))
