/* SPDX-License-Identifier: MIT */
/* What another node says over a link. */
#include <string.h>

#include "fuzz.h"
#include "wire/cluster_event.h"

static void ignore(void *userdata, const struct sv_cluster_event *event)
{
}

struct once {
    struct sv_wire_bytes bytes;
    int n;
};

static void say_again(void *userdata, const struct sv_cluster_event *event)
{
    struct once *again = userdata;
    FUZZ_MUST(again->n++ == 0);
    FUZZ_MUST(sv_wire_cluster_event_encode(event, sv_wire_bytes_alloc, &again->bytes, NULL) == 0);
}

/* What was heard can be said again, and is then heard as the same. */
static void heard(void *userdata, const struct sv_cluster_event *event)
{
    FUZZ_MUST(event->node_id != NULL && event->room_id != NULL);
    if (event->kind == SV_CLUSTER_UNKNOWN)
        return;
    struct sv_wire_bytes first;
    struct once again = { .n = 0 };
    struct sv_arena a = { 0 };
    FUZZ_MUST(sv_wire_cluster_event_encode(event, sv_wire_bytes_alloc, &first, NULL) == 0);
    FUZZ_MUST(sv_wire_cluster_event_decode(first.data, first.len, &a, say_again, &again, NULL) ==
        0);
    FUZZ_MUST(again.n == 1 && first.len == again.bytes.len);
    FUZZ_MUST(memcmp(first.data, again.bytes.data, first.len) == 0);
    free(first.data);
    free(again.bytes.data);
    sv_arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct sv_arena a = { 0 };
    synctv_error err;
    sv_wire_cluster_event_decode(data, len, &a, heard, NULL, &err);
    FUZZ_MUST(a.used_bytes <= 24 * len + 512 * 1024);
    FUZZ_MUST(a.limit_bytes == 0);
    sv_arena_fini(&a);

    /* As much as there is memory for. */
    sv_arena_init(&a, len);
    sv_wire_cluster_event_decode(data, len, &a, ignore, NULL, &err);
    sv_arena_fini(&a);
    return 0;
}
