/* SPDX-License-Identifier: MIT */
#ifndef SV_BASE_ALLOC_H
#define SV_BASE_ALLOC_H

#include <stdlib.h>
#include <string.h>

/*
 * calloc() for small objects that come and go with each call: glibc's own calloc() does not take memory from the thread's cache,
 * which makes it several times as slow as malloc(). free() it.
 */
static inline void *sv_zalloc(size_t size)
{
    void *p = malloc(size);
    __asm__("" : "+r"(p)); /* or the compiler makes a calloc() of it */
    return p != NULL ? memset(p, 0, size) : NULL;
}

#endif
