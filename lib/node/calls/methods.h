/* SPDX-License-Identifier: MIT */
#ifndef SV_NODE_METHODS_H
#define SV_NODE_METHODS_H

#include "node/engine/call.h"

enum {
    SV_BY_CALL = 1,   /* synctv_call() takes it */
    SV_BY_STREAM = 2, /* synctv_stream_send() takes it */
    SV_ON_ROOM = 4,   /* it concerns the room of its room_id */
};

struct sv_method {
    sv_handler *handler;
    unsigned flags;
};

/* NULL for a method that is not implemented. */
const struct sv_method *sv_method_get(synctv_method method);

#endif
