/* SPDX-License-Identifier: MIT */
/* sv_wire_pack() writes what protobuf_c_message_pack() writes. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "client.pb-c.h"
#include "test_wire_fill.h"
#include "wire/request.h"
#include "wire/result.h"

static void assert_packed_alike(const ProtobufCMessage *message)
{
    size_t len = protobuf_c_message_get_packed_size(message);
    uint8_t *expected = malloc(len + 1);
    protobuf_c_message_pack(message, expected);
    struct sv_wire_bytes bytes;
    ck_assert_int_eq(sv_wire_pack(message, sv_wire_bytes_alloc, &bytes, NULL), 0);
    ck_assert_uint_eq(bytes.len, len);
    ck_assert_msg(memcmp(bytes.data, expected, len) == 0, "%s", message->descriptor->name);
    free(bytes.data);
    free(expected);
}

static void assert_full_and_empty_alike(const ProtobufCMessageDescriptor *desc)
{
    struct fill f = { .counter = 0 };
    assert_packed_alike(fill_message(&f, desc));
    ProtobufCMessage *empty = sv_arena_alloc(&f.arena, desc->sizeof_message);
    protobuf_c_message_init(desc, empty);
    assert_packed_alike(empty);
    sv_arena_fini(&f.arena);
}

START_TEST(messages_of_each_method_are_packed_alike)
{
    for (int method = 0; method < SYNCTV_N_METHODS; method++) {
        if (sv_wire_request_descriptor(method) == NULL)
            continue;
        assert_full_and_empty_alike(sv_wire_request_descriptor(method));
        assert_full_and_empty_alike(sv_wire_response_descriptor(method));
    }
}
END_TEST

START_TEST(messages_of_streams_are_packed_alike)
{
    const ProtobufCMessageDescriptor *desc = &synctv__client__server_message__descriptor;
    for (unsigned i = 0; i < desc->n_fields; i++) {
        struct fill f = { .oneof_field = desc->fields[i].id };
        assert_packed_alike(fill_message(&f, desc));
        sv_arena_fini(&f.arena);
    }
}
END_TEST

START_TEST(a_member_of_a_oneof_is_packed_although_it_is_zero)
{
    Synctv__Client__PlayRequest m = SYNCTV__CLIENT__PLAY_REQUEST__INIT;
    m.room_id = (char *)"r";
    m._position_case = SYNCTV__CLIENT__PLAY_REQUEST___POSITION_POSITION;
    assert_packed_alike(&m.base);
}
END_TEST

START_TEST(negative_numbers_are_packed_alike)
{
    Synctv__Room room = SYNCTV__ROOM__INIT;
    room.member_count = -1;
    room.created_at = INT64_MIN;
    room.revision = UINT64_MAX;
    assert_packed_alike(&room.base);
}
END_TEST

START_TEST(messages_of_any_length_are_packed_alike)
{
    char text[40001];
    Synctv__Room rooms[50], *pointers[50];
    Synctv__Client__ListRoomsResponse list = SYNCTV__CLIENT__LIST_ROOMS_RESPONSE__INIT;
    list.rooms = pointers;
    for (size_t len = 1; len < sizeof(text); len = len * 5 / 3 + 1) {
        memset(text, 'x', len);
        text[len] = '\0';
        for (size_t i = 0; i < 50; i++) {
            rooms[i] = (Synctv__Room)SYNCTV__ROOM__INIT;
            rooms[i].name = text + len * i / 50;
            pointers[i] = &rooms[i];
        }
        for (list.n_rooms = 0; list.n_rooms <= 50; list.n_rooms += 10)
            assert_packed_alike(&list.base);
    }
}
END_TEST

/* ---- kinds of fields that the contract does not have ---- */

struct any {
    ProtobufCMessage base;
    uint64_t value;
    size_t quantifier;
};

static void assert_field_alike(ProtobufCType type, ProtobufCLabel label, uint32_t flags,
    uint64_t value, size_t quantifier)
{
    const ProtobufCFieldDescriptor field = {
        .name = "field",
        .id = 300,
        .label = label,
        .type = type,
        .quantifier_offset = offsetof(struct any, quantifier),
        .offset = offsetof(struct any, value),
        .flags = flags,
    };
    const ProtobufCMessageDescriptor desc = {
        .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
        .name = "any",
        .sizeof_message = sizeof(struct any),
        .n_fields = 1,
        .fields = &field,
    };
    struct any m = { { &desc, 0, NULL }, value, quantifier };
    assert_packed_alike(&m.base);
}

START_TEST(numbers_of_every_type_are_packed_alike)
{
    static const uint64_t values[] = { 0, 1, 127, 128, 0x80000000, 0xffffffff, 0x0123456789abcdef,
        0x8000000000000000, UINT64_MAX };
    static uint64_t array[3] = { 5, 0x123456789, UINT64_MAX };
    for (int type = 0; type < PROTOBUF_C_TYPE_STRING; type++) {
        for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
            assert_field_alike(type, PROTOBUF_C_LABEL_NONE, 0, values[i], 0);
            assert_field_alike(type, PROTOBUF_C_LABEL_REQUIRED, 0, values[i], 0);
            assert_field_alike(type, PROTOBUF_C_LABEL_OPTIONAL, 0, values[i], i % 2);
        }
        for (size_t n = 0; n <= 3; n++) {
            uint64_t at = (uintptr_t)array;
            assert_field_alike(type, PROTOBUF_C_LABEL_REPEATED, 0, at, n);
            assert_field_alike(type, PROTOBUF_C_LABEL_REPEATED, PROTOBUF_C_FIELD_FLAG_PACKED, at,
                n);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pack");
    TCase *tc = tcase_create("pack");
    tcase_add_test(tc, messages_of_each_method_are_packed_alike);
    tcase_add_test(tc, messages_of_streams_are_packed_alike);
    tcase_add_test(tc, a_member_of_a_oneof_is_packed_although_it_is_zero);
    tcase_add_test(tc, negative_numbers_are_packed_alike);
    tcase_add_test(tc, messages_of_any_length_are_packed_alike);
    tcase_add_test(tc, numbers_of_every_type_are_packed_alike);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
