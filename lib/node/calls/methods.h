/* SPDX-License-Identifier: MIT */
#ifndef SV_NODE_METHODS_H
#define SV_NODE_METHODS_H

#include "node/engine/call.h"

enum {
    SV_BY_CALL = 1,   /* synctv_call() takes it */
    SV_BY_STREAM = 2, /* synctv_stream_send() takes it */
};

struct sv_method {
    sv_handler *handler;
    unsigned by;
};

/* NULL for a method that is not implemented. */
const struct sv_method *sv_method_get(synctv_method method);

#endif
