/* SPDX-License-Identifier: MIT */
/*
 * Each allocation fails, one after the other, while every message is decoded, copied and encoded,
 * with all of its fields set: NO_MEMORY, nothing leaks, and the next time it works.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/result.h"
#include "client.pb-c.h"
#include "short_memory.h"
#include "unit/test_wire_fill.h"
#include "wire/client_message.h"
#include "wire/event.h"
#include "wire/request.h"
#include "wire/result.h"

static unsigned long n_failures;

/* Ends an attempt: it must have failed with NO_MEMORY if and only if an allocation did. Returns
 * whether it went well. */
static bool went_well(const char *what, int rv)
{
    bool struck = short_memory_end();
    n_failures += struck;
    if (struck)
        ck_assert_msg(rv == SYNCTV_E_NO_MEMORY, "%s: %s", what, synctv_error_reason(rv));
    else
        ck_assert_msg(rv == 0, "%s: %s", what, synctv_error_reason(rv));
    return !struck;
}

static void sweep_encoding(const char *what, const synctv_request *request)
{
    SHORT_MEMORY_SWEEP
    {
        struct sv_wire_bytes out = { NULL, 0 };
        if (went_well(what, sv_wire_request_encode(request, sv_wire_bytes_alloc, &out, NULL)))
            free(out.data);
    }
}

static void sweep_copying(const char *what, const synctv_request *request)
{
    SHORT_MEMORY_SWEEP
    {
        struct sv_arena a = { 0 };
        synctv_request copy;
        went_well(what, sv_request_copy(&a, request, &copy));
        sv_arena_fini(&a);
    }
}

/* UpdateRoom refuses what of its room cannot be changed. */
static struct sv_wire_bytes request_bytes(int method)
{
    const ProtobufCMessageDescriptor *desc = sv_wire_request_descriptor(method);
    if (method != SYNCTV_METHOD_UPDATE_ROOM)
        return fill_bytes(desc, 0);
    struct fill f = { .counter = 0 };
    Synctv__Client__UpdateRoomRequest *m = (void *)fill_message(&f, desc);
    Synctv__Room room = SYNCTV__ROOM__INIT;
    room.name = m->room->name;
    room.description = m->room->description;
    room.settings = m->room->settings;
    m->room = &room;
    struct sv_wire_bytes bytes;
    ck_assert_int_eq(sv_wire_pack(&m->base, sv_wire_bytes_alloc, &bytes, NULL), 0);
    sv_arena_fini(&f.arena);
    return bytes;
}

START_TEST(requests)
{
    for (int method = 0; method < SYNCTV_N_METHODS; method++) {
        if (sv_wire_request_descriptor(method) == NULL)
            continue;
        const char *what = synctv_method_name(method);
        struct sv_wire_bytes in = request_bytes(method);
        bool well = false;
        for (int64_t n = 1; !well; n++) {
            struct sv_arena a = { 0 };
            synctv_request request;
            short_memory_begin(n);
            int rv = sv_wire_request_decode(method, in.data, in.len, &a, &request, NULL);
            well = went_well(what, rv);
            if (well) {
                sweep_encoding(what, &request);
                sweep_copying(what, &request);
            }
            sv_arena_fini(&a);
        }
        free(in.data);
    }
}
END_TEST

START_TEST(results)
{
    for (int method = 0; method < SYNCTV_N_METHODS; method++) {
        const ProtobufCMessageDescriptor *desc = sv_wire_response_descriptor(method);
        if (desc == NULL)
            continue;
        const char *what = synctv_method_name(method);
        struct sv_wire_bytes in = fill_bytes(desc, 0);
        synctv_result *result = NULL;
        SHORT_MEMORY_SWEEP
        {
            if (went_well(what, sv_wire_result_decode(method, in.data, in.len, &result, NULL)))
                break;
            ck_assert_ptr_null(result);
        }
        SHORT_MEMORY_SWEEP
        {
            struct sv_wire_bytes out = { NULL, 0 };
            int rv = sv_wire_result_encode(method, result, sv_wire_bytes_alloc, &out, NULL);
            if (went_well(what, rv))
                free(out.data);
        }
        synctv_result_unref(result);
        free(in.data);
    }
}
END_TEST

/* Calls `sweep` with the bytes of each kind of payload. */
static void each_payload(const ProtobufCMessageDescriptor *desc,
    void (*sweep)(const char *what, struct sv_wire_bytes in))
{
    unsigned n = 0;
    for (unsigned i = 0; i < desc->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &desc->fields[i];
        if (!(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
            continue;
        struct sv_wire_bytes in = fill_bytes(desc, field->id);
        sweep(field->name, in);
        free(in.data);
        n++;
    }
    ck_assert_uint_ge(n, 6);
}

static void sweep_message_encoding(const char *what, const synctv_request *request)
{
    SHORT_MEMORY_SWEEP
    {
        struct sv_wire_bytes out = { NULL, 0 };
        int rv = sv_wire_client_message_encode(request, sv_wire_bytes_alloc, &out, NULL);
        if (went_well(what, rv))
            free(out.data);
    }
}

static void sweep_client_message(const char *what, struct sv_wire_bytes in)
{
    bool well = false;
    for (int64_t n = 1; !well; n++) {
        struct sv_arena a = { 0 };
        synctv_request request;
        short_memory_begin(n);
        well = went_well(what, sv_wire_client_message_decode(in.data, in.len, &a, &request, NULL));
        if (well)
            sweep_message_encoding(what, &request);
        else
            ck_assert_ptr_nonnull(request.message_id);
        sv_arena_fini(&a);
    }
}

static void sweep_event(const char *what, struct sv_wire_bytes in)
{
    synctv_event *event = NULL;
    SHORT_MEMORY_SWEEP
    {
        if (went_well(what, sv_wire_event_decode(in.data, in.len, &event, NULL)))
            break;
        ck_assert_ptr_null(event);
    }
    SHORT_MEMORY_SWEEP
    {
        struct sv_wire_bytes out = { NULL, 0 };
        if (went_well(what, sv_wire_event_encode(event, sv_wire_bytes_alloc, &out, NULL)))
            free(out.data);
    }
    synctv_event_unref(event);
}

START_TEST(messages_of_clients)
{
    each_payload(&synctv__client__client_message__descriptor, sweep_client_message);
}
END_TEST

START_TEST(events)
{
    each_payload(&synctv__client__server_message__descriptor, sweep_event);
}
END_TEST

START_TEST(failures_of_calls)
{
    synctv_error err = { .code = SYNCTV_E_RATE_LIMITED, .message = "slowly", .retry_after_ms = 7 };
    SHORT_MEMORY_SWEEP
    {
        /* There is one even when there is no memory for it. */
        const synctv_result *failed = sv_result_failed(err.code, &err);
        bool struck = short_memory_end();
        ck_assert_int_eq(failed->code, struck ? SYNCTV_E_NO_MEMORY : err.code);
        synctv_result_unref(failed);
        if (!struck)
            break;
    }
}
END_TEST

static void tell(void)
{
    printf("# %lu failures\n", n_failures);
}

int main(void)
{
    Suite *suite = suite_create("memory_wire");
    TCase *t = tcase_create("memory_wire");
    suite_add_tcase(suite, t);
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, NULL, tell);
    tcase_add_test(t, requests);
    tcase_add_test(t, results);
    tcase_add_test(t, messages_of_clients);
    tcase_add_test(t, events);
    tcase_add_test(t, failures_of_calls);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
