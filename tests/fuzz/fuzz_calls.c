/* SPDX-License-Identifier: MIT */
/* Requests as a server reads them, responses as a client does. The first byte says which method. */
#include <string.h>

#include "api/result.h"
#include "fuzz.h"
#include "wire/rawcheck.h"
#include "wire/request.h"
#include "wire/result.h"

/* protobuf-c takes whatever passes the check, if it has the memory. */
static void what_is_checked_can_be_unpacked(const ProtobufCMessageDescriptor *desc,
    const uint8_t *data, size_t len)
{
    if (sv_wire_rawcheck(desc, data, len, SV_WIRE_RAWCHECK_STRICT, NULL) < 0)
        return;
    ProtobufCMessage *message = protobuf_c_message_unpack(desc, NULL, len, data);
    FUZZ_MUST(message != NULL);
    protobuf_c_message_free_unpacked(message, NULL);
}

/* What was understood means the same after it went to bytes and back. */
static void request(synctv_method method, const uint8_t *data, size_t len)
{
    struct sv_arena a = { 0 };
    synctv_request first, second;
    synctv_error err = { .code = 0 };
    int rv = sv_wire_request_decode(method, data, len, &a, &first, &err);
    FUZZ_MUST(rv == err.code && a.used_bytes <= 4 * len + 64 * 1024);
    if (rv == 0) {
        struct sv_wire_bytes once, twice;
        FUZZ_MUST(sv_wire_request_encode(&first, sv_wire_bytes_alloc, &once, NULL) == 0);
        if (sv_wire_request_decode(method, once.data, once.len, &a, &second, NULL) == 0) {
            FUZZ_MUST(sv_wire_request_encode(&second, sv_wire_bytes_alloc, &twice, NULL) == 0);
            FUZZ_MUST(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
            free(twice.data);
        }
        free(once.data);
    }
    sv_arena_fini(&a);
}

static void response(synctv_method method, const uint8_t *data, size_t len)
{
    synctv_result *result = NULL;
    synctv_error err;
    if (sv_wire_result_decode(method, data, len, &result, &err) < 0)
        return;
    struct sv_wire_bytes bytes;
    FUZZ_MUST(sv_wire_result_encode(method, result, sv_wire_bytes_alloc, &bytes, NULL) == 0);
    free(bytes.data);
    synctv_result_unref(result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0)
        return 0;
    synctv_method method = (synctv_method)(data[0] % SYNCTV_N_METHODS);
    if (sv_wire_request_descriptor(method) == NULL)
        return 0;
    what_is_checked_can_be_unpacked(sv_wire_request_descriptor(method), data + 1, len - 1);
    what_is_checked_can_be_unpacked(sv_wire_response_descriptor(method), data + 1, len - 1);
    request(method, data + 1, len - 1);
    response(method, data + 1, len - 1);
    return 0;
}
