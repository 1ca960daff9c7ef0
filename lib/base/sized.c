/* SPDX-License-Identifier: MIT */
#include "base/sized.h"

#include <string.h>

#include "base/error.h"

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

int sv_sized_take(void *to, size_t size, const void *given, size_t least, synctv_error *err)
{
    const unsigned char *bytes = given;
    size_t given_size;
    memcpy(&given_size, given, sizeof(given_size));
    if (given_size < least)
        return sv_error_field(err, "struct_size",
            "this structure of %zu bytes was not initialised by its function", given_size);
    for (size_t i = size; i < given_size; i++) {
        if (bytes[i] != 0)
            return sv_error_field(err, "struct_size",
                "this structure sets a field that the library, which is older, does not know");
    }
    memcpy(to, given, smaller(size, given_size));
    memcpy(to, &size, sizeof(size));
    return 0;
}

void sv_sized_give(void *given, size_t given_size, const void *from, size_t size)
{
    memset(given, 0, given_size);
    memcpy(given, from, smaller(size, given_size));
    memcpy(given, &given_size, smaller(sizeof(given_size), given_size));
}
