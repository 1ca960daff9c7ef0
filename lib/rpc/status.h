/* SPDX-License-Identifier: MIT */
/*
 * How an error travels: as google.rpc.Status in the trailing metadata grpc-status-details-bin. Its
 * first detail is an ErrorInfo {reason, domain "synctv", metadata: field, retry_after_ms}; one more
 * detail may follow.
 */
#ifndef SV_RPC_STATUS_H
#define SV_RPC_STATUS_H

#include <stdbool.h>

#include <synctv/error.h>

#include "rpc/bytes.h"

/* A google.protobuf.Any. Borrowed. */
struct sv_rpc_detail {
    /* "type.googleapis.com/synctv.common.RoomPlaybackState" */
    const char *type_url;
    /* 0 = type_url is a C string. */
    size_t type_url_len;
    const void *data;
    size_t len;
};

/* A packed status must fit into the metadata of a call. */
#define SV_RPC_STATUS_MAX 5120

/*
 * Packs google.rpc.Status. `err` gives message, reason, field and retry time. `extra` may be NULL;
 * it is left out if the status would be larger than SV_RPC_STATUS_MAX.
 */
struct sv_rpc_bytes sv_rpc_status_pack(int grpc_code, const synctv_error *err,
    const struct sv_rpc_detail *extra);

/*
 * For clients: fills *ret_error from a status code, its text and the packed google.rpc.Status (len
 * 0 = none was sent). Hostile input is fine. Without an ErrorInfo of domain "synctv" the code is
 * the nearest one (UNAVAILABLE → NODE_UNAVAILABLE, DEADLINE_EXCEEDED → TIMEOUT …).
 *
 * *ret_extra (ret_extra may be NULL) gets the first detail that is not an ErrorInfo. It points into
 * `data`; type_url NULL = there is none.
 *
 * Returns ret_error->code, 0 for grpc_code 0.
 */
int sv_rpc_status_parse(int grpc_code, const char *text, const void *data, size_t len,
    synctv_error *ret_error, struct sv_rpc_detail *ret_extra);

/* SYNCTV_E_* for a plain gRPC status code; 0 for OK. */
int sv_rpc_status_to_code(int grpc_code);

#endif
