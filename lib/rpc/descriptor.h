/* SPDX-License-Identifier: MIT */
/*
 * An index of a FileDescriptorSet, for reflection: which .proto file declares which symbol.
 * Immutable once made.
 */
#ifndef SV_RPC_DESCRIPTOR_H
#define SV_RPC_DESCRIPTOR_H

#include <stddef.h>
#include <stdint.h>

struct sv_rpc_descriptors;

struct sv_rpc_descriptor_file {
    const char *name;
    /* The packed FileDescriptorProto, inside the set. */
    const void *data;
    size_t len;
    /* Indices of files. */
    const size_t *imports;
    size_t n_imports;
};

/* `data` is borrowed until free. Errors: INVALID_ARGUMENT (no FileDescriptorSet), NO_MEMORY. */
int sv_rpc_descriptors_new(const void *data, size_t len, struct sv_rpc_descriptors **ret);
void sv_rpc_descriptors_free(struct sv_rpc_descriptors *d);

size_t sv_rpc_descriptors_count(const struct sv_rpc_descriptors *d);
const struct sv_rpc_descriptor_file *sv_rpc_descriptors_file(const struct sv_rpc_descriptors *d,
    size_t i);
/* Index of the file, or -1. The names are bytes of a peer. */
int sv_rpc_descriptors_find_file(const struct sv_rpc_descriptors *d, const void *name, size_t len);
/*
 * The file that declares this service, method, message, field, oneof, enum, enum value or
 * extension. `name` is a full name.
 */
int sv_rpc_descriptors_find_symbol(const struct sv_rpc_descriptors *d, const void *name,
    size_t len);
int sv_rpc_descriptors_find_extension(const struct sv_rpc_descriptors *d, const void *type,
    size_t len, int32_t number);
/* Calls fn for each extension number of a message type. Returns whether there is such a type. */
int sv_rpc_descriptors_each_extension(const struct sv_rpc_descriptors *d, const void *type,
    size_t len, void (*fn)(void *userdata, int32_t number), void *userdata);

#endif
