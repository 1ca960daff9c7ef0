/* SPDX-License-Identifier: MIT */
#include "rpc/descriptor.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <synctv/error.h>

#include "base/arena.h"
#include "base/hash.h"
#include "rpc/pb.h"

/* google/protobuf/descriptor.proto, as much as is needed. */
enum { SET_FILE = 1 };
enum {
    FILE_NAME = 1,
    FILE_PACKAGE = 2,
    FILE_IMPORT = 3,
    FILE_MESSAGE = 4,
    FILE_ENUM = 5,
    FILE_SERVICE = 6,
    FILE_EXTENSION = 7,
};
enum {
    MESSAGE_FIELD = 2,
    MESSAGE_MESSAGE = 3,
    MESSAGE_ENUM = 4,
    MESSAGE_EXTENSION = 6,
    MESSAGE_ONEOF = 8,
};
/* Every descriptor has its name there. */
enum { NAME = 1 };
enum { FIELD_EXTENDEE = 2, FIELD_NUMBER = 3 };
enum { ENUM_VALUE = 2, SERVICE_METHOD = 2 };

#define MAX_NESTING 32

struct symbol {
    UT_hash_handle hh;
    size_t file;
    bool is_message;
    char name[];
};

struct extension {
    struct extension *next;
    /* The full name, without the dot at its beginning. */
    const char *type;
    size_t type_len;
    int32_t number;
    size_t file;
};

struct sv_rpc_descriptors {
    struct sv_arena arena;
    struct sv_rpc_descriptor_file *files;
    size_t n_files;
    struct symbol *symbols;
    struct extension *extensions;
};

struct walk {
    struct sv_rpc_descriptors *d;
    size_t file;
    int rv;
};

static const struct sv_rpc_pb_field no_field = { .data = (const uint8_t *)"" };

/* The first field of that number and of type bytes. */
static struct sv_rpc_pb_field get(const struct sv_rpc_pb_field *message, uint32_t number)
{
    struct sv_rpc_pb_in in = sv_rpc_pb_in(message->data, message->len);
    struct sv_rpc_pb_field f;
    while (sv_rpc_pb_next(&in, &f) > 0)
        if (f.number == number && f.type == SV_RPC_PB_BYTES)
            return f;
    return no_field;
}

static uint64_t get_number(const struct sv_rpc_pb_field *message, uint32_t number)
{
    struct sv_rpc_pb_in in = sv_rpc_pb_in(message->data, message->len);
    struct sv_rpc_pb_field f;
    while (sv_rpc_pb_next(&in, &f) > 0)
        if (f.number == number && f.type == SV_RPC_PB_VARINT)
            return f.value;
    return 0;
}

/* Adds scope.name and returns the whole name, or NULL. */
static const char *add_symbol(struct walk *w, const char *scope, const struct sv_rpc_pb_field *item,
    bool is_message)
{
    struct sv_rpc_pb_field name = get(item, NAME);
    size_t scope_len = strlen(scope);
    size_t dot = scope_len > 0 ? 1 : 0;
    struct symbol *s = NULL, *there = NULL;
    if (w->rv == 0)
        s = sv_arena_alloc(&w->d->arena, sizeof(*s) + scope_len + dot + name.len + 1);
    if (s == NULL) {
        w->rv = SYNCTV_E_NO_MEMORY;
        return NULL;
    }
    memcpy(s->name, scope, scope_len);
    if (dot)
        s->name[scope_len] = '.';
    memcpy(s->name + scope_len + dot, name.data, name.len);
    s->file = w->file;
    s->is_message = is_message;
    HASH_FIND_STR(w->d->symbols, s->name, there);
    if (there == NULL) {
        HASH_ADD_STR(w->d->symbols, name, s);
        if (s->hh.tbl == NULL)
            w->rv = SYNCTV_E_NO_MEMORY;
    }
    return s->name;
}

static void add_extension(struct walk *w, const char *scope, const struct sv_rpc_pb_field *field)
{
    add_symbol(w, scope, field, false);
    struct extension *e = sv_arena_alloc(&w->d->arena, sizeof(*e));
    if (e == NULL) {
        w->rv = SYNCTV_E_NO_MEMORY;
        return;
    }
    struct sv_rpc_pb_field type = get(field, FIELD_EXTENDEE);
    size_t dot = type.len > 0 && type.data[0] == '.' ? 1 : 0;
    e->type = (const char *)type.data + dot;
    e->type_len = type.len - dot;
    e->number = (int32_t)get_number(field, FIELD_NUMBER);
    e->file = w->file;
    e->next = w->d->extensions;
    w->d->extensions = e;
}

/* Adds the parts of an item (values of an enum, methods of a service), named below `scope`. */
static void add_parts(struct walk *w, const char *scope, const struct sv_rpc_pb_field *item,
    uint32_t part)
{
    struct sv_rpc_pb_in in = sv_rpc_pb_in(item->data, item->len);
    struct sv_rpc_pb_field f;
    while (sv_rpc_pb_next(&in, &f) > 0)
        if (f.number == part && f.type == SV_RPC_PB_BYTES)
            add_symbol(w, scope, &f, false);
}

static void add_message(struct walk *w, const char *scope, const struct sv_rpc_pb_field *message,
    unsigned depth)
{
    const char *name = add_symbol(w, scope, message, true);
    if (name == NULL || depth == MAX_NESTING)
        return;
    struct sv_rpc_pb_in in = sv_rpc_pb_in(message->data, message->len);
    struct sv_rpc_pb_field f;
    while (w->rv == 0 && sv_rpc_pb_next(&in, &f) > 0) {
        if (f.type != SV_RPC_PB_BYTES)
            continue;
        if (f.number == MESSAGE_FIELD || f.number == MESSAGE_ONEOF) {
            add_symbol(w, name, &f, false);
        } else if (f.number == MESSAGE_MESSAGE) {
            add_message(w, name, &f, depth + 1);
        } else if (f.number == MESSAGE_ENUM) {
            add_symbol(w, name, &f, false);
            add_parts(w, name, &f, ENUM_VALUE); /* named like siblings of their enum */
        } else if (f.number == MESSAGE_EXTENSION) {
            add_extension(w, name, &f);
        }
    }
}

static const char *package_of(struct walk *w, const struct sv_rpc_pb_field *file)
{
    struct sv_rpc_pb_field package = get(file, FILE_PACKAGE);
    const char *s = sv_arena_strndup(&w->d->arena, (const char *)package.data, package.len);
    if (s == NULL)
        w->rv = SYNCTV_E_NO_MEMORY;
    return s;
}

static void add_file(struct walk *w, const struct sv_rpc_pb_field *file)
{
    const char *package = package_of(w, file);
    struct sv_rpc_pb_in in = sv_rpc_pb_in(file->data, file->len);
    struct sv_rpc_pb_field f;
    while (w->rv == 0 && sv_rpc_pb_next(&in, &f) > 0) {
        if (f.type != SV_RPC_PB_BYTES)
            continue;
        if (f.number == FILE_MESSAGE) {
            add_message(w, package, &f, 0);
        } else if (f.number == FILE_ENUM) {
            add_symbol(w, package, &f, false);
            add_parts(w, package, &f, ENUM_VALUE);
        } else if (f.number == FILE_SERVICE) {
            const char *name = add_symbol(w, package, &f, false);
            if (name != NULL)
                add_parts(w, name, &f, SERVICE_METHOD);
        } else if (f.number == FILE_EXTENSION) {
            add_extension(w, package, &f);
        }
    }
}

static size_t count(const struct sv_rpc_pb_field *message, uint32_t number, int *ret_rv)
{
    struct sv_rpc_pb_in in = sv_rpc_pb_in(message->data, message->len);
    struct sv_rpc_pb_field f;
    size_t n = 0;
    int rv;
    while ((rv = sv_rpc_pb_next(&in, &f)) > 0)
        n += f.number == number && f.type == SV_RPC_PB_BYTES;
    if (rv < 0)
        *ret_rv = SYNCTV_E_INVALID_ARGUMENT;
    return n;
}

/* Turns the names of imports into indices. All files must be known. */
static int link_imports(struct sv_rpc_descriptors *d, struct sv_rpc_descriptor_file *file)
{
    struct sv_rpc_pb_field whole = { .data = file->data, .len = file->len };
    struct sv_rpc_pb_field f;
    int rv = 0;
    size_t n = 0, *imports;
    imports = sv_arena_array(&d->arena, count(&whole, FILE_IMPORT, &rv) + 1, sizeof(*imports));
    if (imports == NULL)
        return SYNCTV_E_NO_MEMORY;
    struct sv_rpc_pb_in in = sv_rpc_pb_in(whole.data, whole.len);
    while (sv_rpc_pb_next(&in, &f) > 0) {
        if (f.number != FILE_IMPORT || f.type != SV_RPC_PB_BYTES)
            continue;
        int i = sv_rpc_descriptors_find_file(d, f.data, f.len);
        if (i >= 0)
            imports[n++] = (size_t)i;
    }
    file->imports = imports;
    file->n_imports = n;
    return rv;
}

static int read_set(struct sv_rpc_descriptors *d, const struct sv_rpc_pb_field *set)
{
    int rv = 0;
    size_t n = count(set, SET_FILE, &rv);
    if (rv == 0 && (d->files = sv_arena_array(&d->arena, n + 1, sizeof(*d->files))) == NULL)
        rv = SYNCTV_E_NO_MEMORY;
    struct sv_rpc_pb_in in = sv_rpc_pb_in(set->data, set->len);
    struct sv_rpc_pb_field f;
    while (rv == 0 && sv_rpc_pb_next(&in, &f) > 0) {
        if (f.number != SET_FILE || f.type != SV_RPC_PB_BYTES)
            continue;
        struct sv_rpc_pb_field name = get(&f, FILE_NAME);
        struct sv_rpc_descriptor_file *file = &d->files[d->n_files];
        file->name = sv_arena_strndup(&d->arena, (const char *)name.data, name.len);
        file->data = f.data;
        file->len = f.len;
        struct walk w = { .d = d, .file = d->n_files++ };
        if (file->name == NULL)
            return SYNCTV_E_NO_MEMORY;
        add_file(&w, &f);
        rv = w.rv;
    }
    for (size_t i = 0; i < d->n_files && rv == 0; i++)
        rv = link_imports(d, &d->files[i]);
    return rv;
}

int sv_rpc_descriptors_new(const void *data, size_t len, struct sv_rpc_descriptors **ret)
{
    struct sv_rpc_descriptors *d = calloc(1, sizeof(*d));
    if (d == NULL)
        return SYNCTV_E_NO_MEMORY;
    struct sv_rpc_pb_field set = { .data = data, .len = len };
    int rv = read_set(d, &set);
    if (rv < 0) {
        sv_rpc_descriptors_free(d);
        return rv;
    }
    *ret = d;
    return 0;
}

void sv_rpc_descriptors_free(struct sv_rpc_descriptors *d)
{
    if (d == NULL)
        return;
    HASH_CLEAR(hh, d->symbols);
    sv_arena_fini(&d->arena);
    free(d);
}

size_t sv_rpc_descriptors_count(const struct sv_rpc_descriptors *d)
{
    return d->n_files;
}

const struct sv_rpc_descriptor_file *sv_rpc_descriptors_file(const struct sv_rpc_descriptors *d,
    size_t i)
{
    return &d->files[i];
}

int sv_rpc_descriptors_find_file(const struct sv_rpc_descriptors *d, const void *name, size_t len)
{
    for (size_t i = 0; i < d->n_files; i++)
        if (strlen(d->files[i].name) == len && memcmp(d->files[i].name, name, len) == 0)
            return (int)i;
    return -1;
}

static const struct symbol *find(const struct sv_rpc_descriptors *d, const void *name, size_t len)
{
    const struct symbol *s = NULL;
    HASH_FIND(hh, d->symbols, name, len, s);
    return s;
}

int sv_rpc_descriptors_find_symbol(const struct sv_rpc_descriptors *d, const void *name, size_t len)
{
    const struct symbol *s = find(d, name, len);
    return s != NULL ? (int)s->file : -1;
}

int sv_rpc_descriptors_find_extension(const struct sv_rpc_descriptors *d, const void *type,
    size_t len, int32_t number)
{
    for (const struct extension *e = d->extensions; e != NULL; e = e->next)
        if (e->number == number && e->type_len == len && memcmp(e->type, type, len) == 0)
            return (int)e->file;
    return -1;
}

int sv_rpc_descriptors_each_extension(const struct sv_rpc_descriptors *d, const void *type,
    size_t len, void (*fn)(void *userdata, int32_t number), void *userdata)
{
    const struct symbol *s = find(d, type, len);
    if (s == NULL || !s->is_message)
        return 0;
    for (const struct extension *e = d->extensions; e != NULL; e = e->next)
        if (e->type_len == len && memcmp(e->type, type, len) == 0)
            fn(userdata, e->number);
    return 1;
}
