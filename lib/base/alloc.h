/* SPDX-License-Identifier: MIT */
/* Allocation of small objects. */
#ifndef SV_BASE_ALLOC_H
#define SV_BASE_ALLOC_H

#include <stdlib.h>
#include <string.h>

/*
 * calloc() for small objects that come and go with each call. glibc's calloc() does not use the
 * thread's cache, so it takes several times as long as malloc(). free() it.
 */
static inline void *sv_zalloc(size_t size)
{
    void *p = malloc(size);
    /* Otherwise the compiler makes a calloc() of it. */
    __asm__("" : "+r"(p));
    return p != NULL ? memset(p, 0, size) : NULL;
}

#endif
