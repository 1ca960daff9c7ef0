/* SPDX-License-Identifier: MIT */
#include "rpc/trailer.h"

#include "base/error.h"

void sv_rpc_trailer_init(struct sv_rpc_trailer *t, int code, const synctv_error *err,
    const struct sv_rpc_detail *extra, grpc_op *status_op)
{
    if (code >= 0) { /* a failure without a reason is our own bug */
        code = SYNCTV_E_INTERNAL;
        err = NULL;
    }
    synctv_error own = { 0 };
    if (err != NULL)
        own = *err;
    own.code = code;
    if (own.message[0] == '\0')
        sv_error(&own, code);
    int status = synctv_error_grpc_status(code);
    struct sv_rpc_bytes packed = sv_rpc_status_pack(status, &own, extra);
    size_t n_md = GRPC_SLICE_LENGTH(packed.slice) > 0; /* without memory there are no details */
    t->text = grpc_slice_from_copied_string(own.message);
    t->md = (grpc_metadata){
        .key = grpc_slice_from_static_string("grpc-status-details-bin"),
        .value = packed.slice,
    };
    status_op->data.send_status_from_server.status = (grpc_status_code)status;
    status_op->data.send_status_from_server.status_details = &t->text;
    status_op->data.send_status_from_server.trailing_metadata_count = n_md;
    status_op->data.send_status_from_server.trailing_metadata = &t->md;
}

void sv_rpc_trailer_fini(struct sv_rpc_trailer *t)
{
    grpc_slice_unref(t->text);
    grpc_slice_unref(t->md.value);
}
