/* SPDX-License-Identifier: MIT */
/* Behind synctv_caller and synctv_stream: a table of functions of the node or of the client. */
#ifndef SV_API_CALLER_H
#define SV_API_CALLER_H

#include <stdatomic.h>

#include <synctv/stream.h>

struct sv_caller_ops {
    /*
     * As synctv_call(). With `direct`, done() may run on any thread: it does not block and calls
     * nothing back.
     */
    void (*submit)(synctv_caller *caller, const synctv_request *request, synctv_done_fn *done,
        void *userdata, bool direct);
    /* As synctv_stream_open(). Fills everything of *ret_stream. */
    int (*stream_open)(synctv_caller *caller, const synctv_stream_options *options,
        synctv_stream **ret_stream, synctv_error *ret_error);
    /* The last reference is gone. */
    void (*destroy)(synctv_caller *caller);
};

/* First member of the node's and the client's own structures. */
struct synctv_caller {
    const struct sv_caller_ops *ops;
    atomic_uint refs;
    /* For requests that name none; 0 = 30 s. */
    int timeout_ms;
    /* "" for the system and anonymous callers. A client's is set when it signs in. */
    char user_id[16];
};

/*
 * The request as this library knows it: `given`, or a copy in `own` if the program was built with a
 * shorter or a longer structure. NULL with `err` filled: it is not one.
 */
const synctv_request *sv_request_take(const synctv_request *given, synctv_request *own,
    synctv_error *err);

struct sv_stream_ops {
    int (*next)(synctv_stream *stream, int timeout_ms, const synctv_event **ret_event,
        synctv_error *ret_error);
    int (*send)(synctv_stream *stream, const synctv_request *request, synctv_error *ret_error);
    void (*finish)(synctv_stream *stream);
    void (*close)(synctv_stream *stream);
};

struct synctv_stream {
    const struct sv_stream_ops *ops;
};

#endif
