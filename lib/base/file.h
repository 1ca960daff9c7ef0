/* SPDX-License-Identifier: MIT */
/* Files that options name: certificates, keys, secrets. */
#ifndef SV_BASE_FILE_H
#define SV_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include <synctv/error.h>

/* Debian's bundle of all authorities has a quarter of that. */
#define SV_PEM_MAX_BYTES (1024 * 1024)

struct sv_file {
    /* Followed by a NUL. */
    char *data;
    size_t len;
    /* The mode of the file lets others read it. */
    bool others_may_read;
};

/*
 * Reads a whole file of 1 to max_bytes bytes, or a pipe, as of `<(command)` in a shell. A pipe
 * without a writer is empty; the function waits up to 5 s for a writer that pauses. sv_file_free()
 * it.
 * Errors: INVALID_ARGUMENT that names the option `field`, NO_MEMORY; then *ret_file is empty.
 */
int sv_file_read(const char *path, const char *field, size_t max_bytes, struct sv_file *ret_file,
    synctv_error *err);
/* Also overwrites the data. */
void sv_file_free(struct sv_file *file);

/* The text of a PEM file; NULL if `path` is "" or NULL. sv_pem_free() it. Errors as above. */
int sv_pem_read(const char *path, const char *field, char **ret_text, synctv_error *err);
/* Also overwrites the text: it may be a key. NULL is fine. */
void sv_pem_free(char *text);

#endif
