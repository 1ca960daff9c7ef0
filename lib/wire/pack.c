/* SPDX-License-Identifier: MIT */
#include "wire/pack.h"

#include <stdlib.h>

#include "base/error.h"

void *sv_wire_bytes_alloc(void *bytes, size_t len)
{
    struct sv_wire_bytes *b = bytes;
    void *data = malloc(len > 0 ? len : 1);
    if (data != NULL)
        *b = (struct sv_wire_bytes){ data, len };
    return data;
}

int sv_wire_pack(const ProtobufCMessage *message, sv_wire_alloc_fn *alloc, void *userdata,
    synctv_error *err)
{
    size_t len = protobuf_c_message_get_packed_size(message);
    void *data = alloc(userdata, len);
    if (data == NULL)
        return sv_error(err, SYNCTV_E_NO_MEMORY);
    if (len > 0)
        protobuf_c_message_pack(message, data);
    return 0;
}
