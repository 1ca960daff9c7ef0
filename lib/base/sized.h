/* SPDX-License-Identifier: MIT */
/*
 * Structures that begin with their size, as a size_t: a program may have been built with a shorter
 * or a longer one than this library (synctv/version.h). A new field must make the structure longer:
 * it may not lie in what was padding at the end.
 */
#ifndef SV_BASE_SIZED_H
#define SV_BASE_SIZED_H

#include <stddef.h>

#include <synctv/error.h>

/*
 * Takes what a program gives into `to`, which has `size` bytes and its defaults on entry: what the
 * program's structure does not have keeps them. INVALID_ARGUMENT if it is shorter than `least`, or
 * if it has something that this library does not know.
 */
int sv_sized_take(void *to, size_t size, const void *given, size_t least, synctv_error *err);
/* Copies `size` bytes of defaults into a structure of `given_size`; the rest of it becomes 0. */
void sv_sized_give(void *given, size_t given_size, const void *from, size_t size);

#endif
