/* SPDX-License-Identifier: MIT */
/* The messages of a MessageStream, both ways. */
#include <string.h>

#include "api/result.h"
#include "fuzz.h"
#include "wire/client_message.h"
#include "wire/event.h"

static void client_message(const uint8_t *data, size_t len)
{
    struct sv_arena a = { 0 };
    synctv_request first, second;
    int rv = sv_wire_client_message_decode(data, len, &a, &first, NULL);
    FUZZ_MUST(first.message_id != NULL && a.used_bytes <= 5 * len + 64 * 1024);
    if (rv == 0) {
        struct sv_wire_bytes once, twice;
        FUZZ_MUST(sv_wire_client_message_encode(&first, sv_wire_bytes_alloc, &once, NULL) == 0);
        FUZZ_MUST(sv_wire_client_message_decode(once.data, once.len, &a, &second, NULL) == 0);
        FUZZ_MUST(first.method == second.method);
        FUZZ_MUST(sv_wire_client_message_encode(&second, sv_wire_bytes_alloc, &twice, NULL) == 0);
        FUZZ_MUST(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
        free(once.data);
        free(twice.data);
    }
    sv_arena_fini(&a);
}

static void server_message(const uint8_t *data, size_t len)
{
    synctv_event *event = NULL;
    if (sv_wire_event_decode(data, len, &event, NULL) < 0)
        return;
    struct sv_wire_bytes bytes;
    FUZZ_MUST(sv_wire_event_encode(event, sv_wire_bytes_alloc, &bytes, NULL) == 0);
    free(bytes.data);
    synctv_event_unref(event);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    client_message(data, len);
    server_message(data, len);
    return 0;
}
