/* SPDX-License-Identifier: MIT */
/* Files that options name: certificates, keys, secrets. */
#ifndef SV_BASE_FILE_H
#define SV_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include <synctv/error.h>

#define SV_PEM_MAX_BYTES                                                                           \
    (1024 * 1024) /* Debian's bundle of all authorities has a quarter of that */

struct sv_file {
    char *data; /* followed by a NUL */
    size_t len;
    bool others_may_read; /* by its mode */
};

/*
 * Reads a whole file of 1 to max_bytes bytes, or a pipe, as of `<(command)` in a shell: one without a writer is empty, and a writer
 * who pauses is waited for up to 5 s. sv_file_free() it. Errors: INVALID_ARGUMENT that names the option `field`, NO_MEMORY; then
 * *ret_file is empty.
 */
int sv_file_read(const char *path, const char *field, size_t max_bytes, struct sv_file *ret_file,
    synctv_error *err);
/* Overwrites what was read, too. */
void sv_file_free(struct sv_file *file);

/* The text of a PEM file, NULL if `path` is "" or NULL. sv_pem_free() it. Errors as above. */
int sv_pem_read(const char *path, const char *field, char **ret_text, synctv_error *err);
/* Overwrites it, too: it may be a key. NULL is fine. */
void sv_pem_free(char *text);

#endif
