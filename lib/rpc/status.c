/* SPDX-License-Identifier: MIT */
#include "rpc/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <grpc/status.h>

#include "base/error.h"
#include "base/text.h"
#include "rpc/pb.h"

#define ERROR_INFO_URL "type.googleapis.com/google.rpc.ErrorInfo"
#define ERROR_DOMAIN "synctv"

/* google.rpc.Status { int32 code = 1; string message = 2; repeated Any details = 3; } */
enum { STATUS_CODE = 1, STATUS_MESSAGE = 2, STATUS_DETAILS = 3 };
/* google.protobuf.Any { string type_url = 1; bytes value = 2; } */
enum { ANY_TYPE_URL = 1, ANY_VALUE = 2 };
/*
 * google.rpc.ErrorInfo {
 *     string reason = 1; string domain = 2; map<string, string> metadata = 3;
 * }
 */
enum { INFO_REASON = 1, INFO_DOMAIN = 2, INFO_METADATA = 3 };
enum { MAP_KEY = 1, MAP_VALUE = 2 };

static void put_metadata(struct sv_rpc_pb_out *info, const char *key, const char *value)
{
    struct sv_rpc_pb_out entry = { 0 };
    sv_rpc_pb_put_string(&entry, MAP_KEY, key);
    sv_rpc_pb_put_string(&entry, MAP_VALUE, value);
    sv_rpc_pb_put_message(info, INFO_METADATA, &entry);
}

static void put_any(struct sv_rpc_pb_out *status, const struct sv_rpc_detail *d)
{
    struct sv_rpc_pb_out any = { 0 };
    size_t url_len = d->type_url_len > 0 ? d->type_url_len : strlen(d->type_url);
    sv_rpc_pb_put_bytes(&any, ANY_TYPE_URL, d->type_url, url_len);
    sv_rpc_pb_put_bytes(&any, ANY_VALUE, d->data, d->len);
    sv_rpc_pb_put_message(status, STATUS_DETAILS, &any);
}

static void put_error_info(struct sv_rpc_pb_out *status, const synctv_error *err)
{
    struct sv_rpc_pb_out info = { 0 };
    sv_rpc_pb_put_string(&info, INFO_REASON, synctv_error_reason(err->code));
    sv_rpc_pb_put_string(&info, INFO_DOMAIN, ERROR_DOMAIN);
    if (err->field[0] != '\0')
        put_metadata(&info, "field", err->field);
    if (err->retry_after_ms > 0) {
        char ms[24];
        snprintf(ms, sizeof(ms), "%lld", (long long)err->retry_after_ms);
        put_metadata(&info, "retry_after_ms", ms);
    }
    put_any(status,
        &(struct sv_rpc_detail){ .type_url = ERROR_INFO_URL, .data = info.data, .len = info.len });
    status->failed = status->failed || info.failed;
    sv_rpc_pb_out_free(&info);
}

struct sv_rpc_bytes sv_rpc_status_pack(int grpc_code, const synctv_error *err,
    const struct sv_rpc_detail *extra)
{
    struct sv_rpc_pb_out status = { 0 };
    sv_rpc_pb_put_varint(&status, STATUS_CODE, (uint64_t)grpc_code);
    sv_rpc_pb_put_string(&status, STATUS_MESSAGE, err->message);
    put_error_info(&status, err);
    if (extra != NULL && extra->type_url != NULL && extra->len < SV_RPC_STATUS_MAX) {
        size_t len = status.len;
        put_any(&status, extra);
        if (status.len > SV_RPC_STATUS_MAX)
            status.len = len;
    }
    if (status.failed)
        status.len = 0; /* code and text travel without it */
    struct sv_rpc_bytes packed = sv_rpc_bytes_copy(status.data, status.len);
    sv_rpc_pb_out_free(&status);
    return packed;
}

int sv_rpc_status_to_code(int grpc_code)
{
    switch ((grpc_status_code)grpc_code) {
    case GRPC_STATUS_OK:
        return 0;
    case GRPC_STATUS_CANCELLED:
        return SYNCTV_E_CANCELLED;
    case GRPC_STATUS_INVALID_ARGUMENT:
    case GRPC_STATUS_OUT_OF_RANGE:
        return SYNCTV_E_INVALID_ARGUMENT;
    case GRPC_STATUS_DEADLINE_EXCEEDED:
        return SYNCTV_E_TIMEOUT;
    case GRPC_STATUS_PERMISSION_DENIED:
        return SYNCTV_E_PERMISSION_DENIED;
    case GRPC_STATUS_UNAUTHENTICATED:
        return SYNCTV_E_TOKEN_INVALID;
    case GRPC_STATUS_RESOURCE_EXHAUSTED:
        return SYNCTV_E_OVERLOADED;
    case GRPC_STATUS_ABORTED:
        return SYNCTV_E_VERSION_CONFLICT;
    case GRPC_STATUS_UNIMPLEMENTED:
        return SYNCTV_E_UNIMPLEMENTED;
    case GRPC_STATUS_UNAVAILABLE:
        return SYNCTV_E_NODE_UNAVAILABLE;
    case GRPC_STATUS_UNKNOWN:
    case GRPC_STATUS_NOT_FOUND:
    case GRPC_STATUS_ALREADY_EXISTS:
    case GRPC_STATUS_FAILED_PRECONDITION:
    case GRPC_STATUS_INTERNAL:
    case GRPC_STATUS_DATA_LOSS:
    case GRPC_STATUS__DO_NOT_USE:
        break;
    }
    return SYNCTV_E_INTERNAL; /* our own servers always send an ErrorInfo */
}

/*
 * Copies a string of a peer into a fixed buffer, cut at a code point. Does nothing if it is not
 * UTF-8.
 */
static void copy_text(char *out, size_t size, const void *data, size_t len)
{
    const char *s = data;
    if (len == 0 || !sv_utf8_valid(s, len))
        return;
    if (len >= size) {
        len = size - 1;
        while (len > 0 && ((unsigned char)s[len] & 0xc0) == 0x80)
            len--;
    }
    memcpy(out, s, len);
    out[len] = '\0';
}

static void parse_metadata(const struct sv_rpc_pb_field *entry, synctv_error *err)
{
    struct sv_rpc_pb_in in = sv_rpc_pb_in(entry->data, entry->len);
    struct sv_rpc_pb_field f, key = { 0 }, value = { 0 };
    while (sv_rpc_pb_next(&in, &f) > 0) {
        if (f.number == MAP_KEY)
            key = f;
        else if (f.number == MAP_VALUE && f.type == SV_RPC_PB_BYTES)
            value = f;
    }
    if (sv_rpc_pb_is(&key, "field"))
        copy_text(err->field, sizeof(err->field), value.data, value.len);
    if (sv_rpc_pb_is(&key, "retry_after_ms")) {
        char digits[19] = "";
        copy_text(digits, sizeof(digits), value.data, value.len);
        err->retry_after_ms = strtoll(digits, NULL, 10);
        if (err->retry_after_ms < 0)
            err->retry_after_ms = 0;
    }
}

/* False if it is not an ErrorInfo of a synctv server. */
static bool parse_error_info(const struct sv_rpc_pb_field *value, synctv_error *err)
{
    synctv_error found = { 0 };
    char reason[48] = "", domain[16] = "";
    struct sv_rpc_pb_in in = sv_rpc_pb_in(value->data, value->len);
    struct sv_rpc_pb_field f;
    while (sv_rpc_pb_next(&in, &f) > 0) {
        if (f.type != SV_RPC_PB_BYTES)
            continue;
        if (f.number == INFO_REASON)
            copy_text(reason, sizeof(reason), f.data, f.len);
        else if (f.number == INFO_DOMAIN)
            copy_text(domain, sizeof(domain), f.data, f.len);
        else if (f.number == INFO_METADATA)
            parse_metadata(&f, &found);
    }
    if (strcmp(domain, ERROR_DOMAIN) != 0)
        return false;
    err->code = synctv_error_from_reason(reason);
    err->retry_after_ms = found.retry_after_ms;
    memcpy(err->field, found.field, sizeof(err->field));
    return true;
}

static void parse_detail(const struct sv_rpc_pb_field *detail, synctv_error *err,
    struct sv_rpc_detail *extra)
{
    struct sv_rpc_pb_in in = sv_rpc_pb_in(detail->data, detail->len);
    struct sv_rpc_pb_field f, url = { 0 }, value = { .data = (const uint8_t *)"" };
    while (sv_rpc_pb_next(&in, &f) > 0) {
        if (f.number == ANY_TYPE_URL && f.type == SV_RPC_PB_BYTES)
            url = f;
        else if (f.number == ANY_VALUE && f.type == SV_RPC_PB_BYTES)
            value = f;
    }
    if (url.len == 0)
        return;
    if (sv_rpc_pb_is(&url, ERROR_INFO_URL))
        parse_error_info(&value, err);
    else if (extra->type_url == NULL)
        *extra = (struct sv_rpc_detail){
            .type_url = (const char *)url.data,
            .type_url_len = url.len,
            .data = value.data,
            .len = value.len,
        };
}

int sv_rpc_status_parse(int grpc_code, const char *text, const void *data, size_t len,
    synctv_error *ret_error, struct sv_rpc_detail *ret_extra)
{
    synctv_error err = { .code = sv_rpc_status_to_code(grpc_code) };
    struct sv_rpc_detail extra = { 0 };
    struct sv_rpc_pb_in in = sv_rpc_pb_in(data, err.code == 0 ? 0 : len);
    struct sv_rpc_pb_field f;
    while (sv_rpc_pb_next(&in, &f) > 0)
        if (f.number == STATUS_DETAILS && f.type == SV_RPC_PB_BYTES)
            parse_detail(&f, &err, &extra);
    if (err.code != 0) {
        copy_text(err.message, sizeof(err.message), sv_str(text), strlen(sv_str(text)));
        if (err.message[0] == '\0')
            copy_text(err.message, sizeof(err.message), synctv_error_text(err.code),
                strlen(synctv_error_text(err.code)));
    }
    *ret_error = err;
    if (ret_extra != NULL)
        *ret_extra = extra;
    return err.code;
}
