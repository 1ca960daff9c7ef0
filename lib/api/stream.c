/* SPDX-License-Identifier: MIT */
#include <synctv/stream.h>

#include "api/caller.h"
#include "api/methods.h"
#include "base/error.h"
#include "base/sized.h"

int synctv_stream_open(synctv_caller *caller, const synctv_stream_options *options,
    synctv_stream **ret_stream, synctv_error *ret_error)
{
    synctv_stream_options own = SYNCTV_STREAM_OPTIONS(.room_id = "");
    if (options != NULL) {
        int rv = sv_sized_take(&own, sizeof(own), options, sizeof(own.struct_size), ret_error);
        if (rv < 0)
            return rv;
    }
    return caller->ops->stream_open(caller, &own, ret_stream, ret_error);
}

int synctv_stream_next(synctv_stream *stream, int timeout_ms, const synctv_event **ret_event,
    synctv_error *ret_error)
{
    return stream->ops->next(stream, timeout_ms, ret_event, ret_error);
}

int synctv_stream_send(synctv_stream *stream, const synctv_request *request,
    synctv_error *ret_error)
{
    synctv_error err;
    synctv_request own;
    request = sv_request_take(request, &own, &err);
    if (request == NULL) {
        if (ret_error != NULL)
            *ret_error = err;
        return err.code;
    }
    if (!sv_method_is_for_streams(request->method))
        return sv_error_field(ret_error, "method", "a stream does not take this request");
    return stream->ops->send(stream, request, ret_error);
}

void synctv_stream_finish(synctv_stream *stream)
{
    stream->ops->finish(stream);
}

void synctv_stream_close(synctv_stream *stream)
{
    if (stream != NULL)
        stream->ops->close(stream);
}
