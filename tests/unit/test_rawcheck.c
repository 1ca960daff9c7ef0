/* SPDX-License-Identifier: MIT */
/* Hostile bytes. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.pb-c.h"
#include "test_wire_fill.h"
#include "wire/event.h"
#include "wire/rawcheck.h"
#include "wire/client_message.h"
#include "wire/request.h"
#include "wire/result.h"
#include "wire/unpack.h"

static int strict(const ProtobufCMessageDescriptor *desc, const void *data, size_t len,
    synctv_error *err)
{
    return sv_wire_rawcheck(desc, data, len, SV_WIRE_RAWCHECK_STRICT, err);
}

#define PLAY (&synctv__client__play_request__descriptor)
#define ADD_MOVIE (&synctv__client__add_movie_request__descriptor)
#define CHECK(desc, bytes, err) strict(desc, bytes, sizeof(bytes) - 1, err)

/*
 * What passes the check is unpacked, unless there is no memory for it; what is unpacked is decoded.
 */
static void decode_all(synctv_method method, const void *data, size_t len)
{
    struct sv_arena a = { 0 };
    synctv_request request;
    synctv_error err;
    int rv = sv_wire_request_decode(method, data, len, &a, &request, &err);
    int checked = strict(sv_wire_request_descriptor(method), data, len, NULL);
    ck_assert_int_eq(checked < 0, rv == SYNCTV_E_INVALID_ARGUMENT);
    ck_assert(rv == 0 || rv == SYNCTV_E_INVALID_ARGUMENT || rv == SYNCTV_E_TOO_LARGE);
    ck_assert(a.used_bytes <= 4 * len + 32 * 1024);
    sv_arena_fini(&a);
    synctv_result *result = NULL;
    if (sv_wire_result_decode(method, data, len, &result, NULL) == 0)
        synctv_result_unref(result);
}

static void decode_stream(const void *data, size_t len)
{
    struct sv_arena a = { 0 };
    synctv_request request;
    sv_wire_client_message_decode(data, len, &a, &request, NULL);
    ck_assert_ptr_nonnull(request.message_id);
    sv_arena_fini(&a);
    synctv_event *event = NULL;
    if (sv_wire_event_decode(data, len, &event, NULL) == 0)
        synctv_event_unref(event);
}

/* A copy of its own, so that a sanitizer sees the first byte read past the end. */
static void *exact(const void *data, size_t len)
{
    void *copy = malloc(len > 0 ? len : 1);
    memcpy(copy, data, len);
    return copy;
}

START_TEST(a_message_cut_anywhere_harms_nothing)
{
    for (int method = 0; method < SYNCTV_N_METHODS; method++) {
        if (sv_wire_request_descriptor(method) == NULL)
            continue;
        struct sv_wire_bytes full = fill_bytes(sv_wire_request_descriptor(method), 0);
        for (size_t len = 0; len <= full.len; len++) {
            void *copy = exact(full.data, len);
            decode_all(method, copy, len);
            free(copy);
        }
        free(full.data);
    }
    for (unsigned field = 10; field <= 19; field++) {
        struct sv_wire_bytes full = fill_bytes(&synctv__client__server_message__descriptor, field);
        for (size_t len = 0; len <= full.len; len++) {
            void *copy = exact(full.data, len);
            decode_stream(copy, len);
            free(copy);
        }
        free(full.data);
    }
}
END_TEST

static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

START_TEST(flipped_bits_harm_nothing)
{
    uint32_t state = 20240229;
    for (int method = 0; method < SYNCTV_N_METHODS; method++) {
        if (sv_wire_request_descriptor(method) == NULL)
            continue;
        struct sv_wire_bytes full = fill_bytes(sv_wire_request_descriptor(method), 0);
        struct sv_wire_bytes answer = fill_bytes(sv_wire_response_descriptor(method), 0);
        for (int round = 0; round < 300; round++) {
            struct sv_wire_bytes from = round % 2 == 0 || full.len == 0 ? answer : full;
            uint8_t *copy = exact(from.data, from.len);
            for (uint32_t flips = 1 + next_random(&state) % 4; flips > 0; flips--)
                copy[next_random(&state) % from.len] ^= (uint8_t)(1u << next_random(&state) % 8);
            decode_all(method, copy, from.len);
            decode_stream(copy, from.len);
            free(copy);
        }
        free(full.data);
        free(answer.data);
    }
}
END_TEST

/* ---- Every field of every message that the service can take or give ---- */

static const char bad_utf8[] = "ab\xc3(";
static const char with_nul[] = { 'a', '\0', 'b' };

typedef void visit_fn(const ProtobufCMessageDescriptor *desc,
    const ProtobufCFieldDescriptor *field);

static void each_field_of(const ProtobufCMessageDescriptor *desc, visit_fn *visit)
{
    for (unsigned i = 0; i < desc->n_fields; i++) {
        visit(desc, &desc->fields[i]);
        if (desc->fields[i].type == PROTOBUF_C_TYPE_MESSAGE)
            each_field_of(desc->fields[i].descriptor, visit);
    }
}

static void each_field(visit_fn *visit)
{
    for (int method = 0; method < SYNCTV_N_METHODS; method++) {
        if (sv_wire_request_descriptor(method) == NULL)
            continue;
        each_field_of(sv_wire_request_descriptor(method), visit);
        each_field_of(sv_wire_response_descriptor(method), visit);
    }
    each_field_of(&synctv__client__client_message__descriptor, visit);
    each_field_of(&synctv__client__server_message__descriptor, visit);
}

/* One field with a length and these bytes. */
static size_t put_bytes(uint8_t *out, uint32_t number, const void *data, size_t len)
{
    size_t n = 0;
    uint32_t tag = number << 3 | PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    for (; tag >= 0x80; tag >>= 7)
        out[n++] = (uint8_t)(tag | 0x80);
    out[n++] = (uint8_t)tag;
    out[n++] = (uint8_t)len;
    memcpy(out + n, data, len);
    return n + len;
}

static void refuses_bad_text(const ProtobufCMessageDescriptor *desc,
    const ProtobufCFieldDescriptor *field)
{
    if (field->type != PROTOBUF_C_TYPE_STRING)
        return;
    uint8_t buf[32];
    synctv_error err;
    size_t len = put_bytes(buf, field->id, bad_utf8, sizeof(bad_utf8) - 1);
    ck_assert_int_eq(strict(desc, buf, len, &err), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, field->name);
    len = put_bytes(buf, field->id, with_nul, sizeof(with_nul));
    ck_assert_int_eq(strict(desc, buf, len, &err), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, field->name);
    ck_assert_int_eq(sv_wire_rawcheck(desc, buf, len, SV_WIRE_RAWCHECK_LENIENT, &err),
        SYNCTV_E_INVALID_ARGUMENT);
    len = put_bytes(buf, field->id, "ok \xc3\xa9", 5);
    ck_assert_int_eq(strict(desc, buf, len, &err), 0);
}

START_TEST(text_that_is_not_utf8_or_has_a_nul_is_refused_in_every_field)
{
    each_field(refuses_bad_text);
}
END_TEST

static void refuses_unknown_values(const ProtobufCMessageDescriptor *desc,
    const ProtobufCFieldDescriptor *field)
{
    if (field->type != PROTOBUF_C_TYPE_ENUM)
        return;
    static const char *const values[] = {
        "\x7f",                                     /* 127 */
        "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", /* -1 */
        "\x81\x80\x80\x80\x10", /* 2^32 + 1, which is 1 for who looks at 32 bits */
    };
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        uint8_t buf[16] = { (uint8_t)(field->id << 3) };
        size_t len = strlen(values[i]);
        memcpy(buf + 1, values[i], len);
        synctv_error err;
        ck_assert_uint_lt(field->id, 16);
        ck_assert_int_eq(strict(desc, buf, len + 1, &err), SYNCTV_E_INVALID_ARGUMENT);
        ck_assert_str_eq(err.field, field->name);
        ck_assert_int_eq(sv_wire_rawcheck(desc, buf, len + 1, SV_WIRE_RAWCHECK_LENIENT, &err), 0);
    }
}

START_TEST(enum_values_that_do_not_exist_are_refused_in_every_field)
{
    each_field(refuses_unknown_values);
}
END_TEST

static void refuses_other_wire_types(const ProtobufCMessageDescriptor *desc,
    const ProtobufCFieldDescriptor *field)
{
    /* For each wire type bytes that are well-formed for it, and a message of unknown fields at
     * that. */
    static const uint8_t body[8] = { 0x00 };
    unsigned accepted = 0;
    for (unsigned wire_type = 0; wire_type < 8; wire_type++) {
        uint8_t buf[16] = { 0 };
        uint32_t tag = field->id << 3 | wire_type;
        size_t n = 0;
        if (tag >= 0x80) {
            buf[n++] = (uint8_t)(tag | 0x80);
            tag >>= 7;
        }
        buf[n++] = (uint8_t)tag;
        size_t len = wire_type == PROTOBUF_C_WIRE_TYPE_64BIT ? 8
            : wire_type == PROTOBUF_C_WIRE_TYPE_32BIT        ? 4
                                                             : 1;
        memcpy(buf + n, body, len);
        synctv_error err;
        int rv = strict(desc, buf, n + len, &err);
        ck_assert(rv == 0 || rv == SYNCTV_E_INVALID_ARGUMENT);
        accepted += rv == 0;
    }
    ck_assert_uint_eq(accepted, 1);
}

START_TEST(each_field_takes_one_wire_type)
{
    each_field(refuses_other_wire_types);
}
END_TEST

START_TEST(the_name_of_a_field_in_a_field_has_dots)
{
    synctv_error err;
    ck_assert_int_eq(CHECK(ADD_MOVIE, "\x12\x03\x22\x01\xff", &err), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "movie.url");
    ck_assert_str_eq(err.message, "movie.url: is not valid: it is not UTF-8, or has a NUL");
    ck_assert_int_eq(CHECK(ADD_MOVIE, "\x12\x05\x5a\x03\x1a\x01\xff", &err),
        SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "movie.subtitles.format");
    ck_assert_int_eq(CHECK(ADD_MOVIE, "\x12\x05\x5a\x03\x1a\x02s", &err),
        SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "movie.subtitles.format");
}
END_TEST

START_TEST(malformed_tags_and_lengths_are_refused)
{
    synctv_error err;
    int no = SYNCTV_E_INVALID_ARGUMENT;
    ck_assert_int_eq(CHECK(PLAY, "\x02\x01z", &err), no);                     /* field 0 */
    ck_assert_int_eq(CHECK(PLAY, "\x80", &err), no);                          /* half a tag */
    ck_assert_int_eq(CHECK(PLAY, "\xff\xff\xff\xff\x7f", &err), no);          /* tag of 35 bits */
    ck_assert_int_eq(CHECK(PLAY, "\x8a\x80\x80\x80\x80\x00\x01z", &err), no); /* tag of 6 bytes */
    ck_assert_int_eq(CHECK(PLAY, "\x0a\x02z", &err), no); /* longer than what is there */
    ck_assert_int_eq(CHECK(PLAY, "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", &err), no);
    ck_assert_int_eq(CHECK(PLAY, "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", &err), no);
    ck_assert_int_eq(CHECK(PLAY, "\x11\0\0\0\0\0\0\0", &err), no); /* 7 bytes of a double */
    ck_assert_int_eq(CHECK(PLAY, "\x0a", &err), no);               /* no length */
    ck_assert_int_eq(CHECK(PLAY, "\x7b\x7c", &err), no);           /* group 15 */
    ck_assert_int_eq(CHECK(PLAY, "\x0b\x0c", &err), no);           /* group 1 */
    ck_assert_int_eq(CHECK(PLAY, "\x7e", &err), no);               /* wire type 6 */
    ck_assert_int_eq(strict(PLAY, NULL, 0, &err), 0);
    ck_assert_int_eq(CHECK(PLAY, "\x02\x01z", NULL), no);
}
END_TEST

START_TEST(unknown_fields_are_skipped)
{
    static const uint8_t bytes[] = "\x78\x01"                 /* 15: varint */
                                   "\x79\1\2\3\4\5\6\7\x08"   /* 15: 64 bits */
                                   "\x7a\x02\xff\xfe"         /* 15: two bytes, which are no text */
                                   "\x7d\1\2\3\4"             /* 15: 32 bits */
                                   "\xfa\xff\xff\xff\x0f\x00" /* the highest number there is */
                                   "\x0a\x01r";
    struct sv_arena a = { 0 };
    synctv_request request;
    ck_assert_int_eq(sv_wire_request_decode(SYNCTV_METHOD_PLAY, bytes, sizeof(bytes) - 1, &a,
                         &request, NULL),
        0);
    ck_assert_str_eq(request.room_id, "r");
    sv_arena_fini(&a);
}
END_TEST

START_TEST(a_message_given_twice_is_merged_and_the_last_oneof_counts)
{
    static const uint8_t movie[] = "\x12\x03\x1a\x01n\x12\x03\x22\x01u";
    struct sv_arena a = { 0 };
    synctv_request request;
    ck_assert_int_eq(sv_wire_request_decode(SYNCTV_METHOD_ADD_MOVIE, movie, sizeof(movie) - 1, &a,
                         &request, NULL),
        0);
    ck_assert_str_eq(request.movie->name, "n");
    ck_assert_str_eq(request.movie->url, "u");
    static const uint8_t both[] = "\x5a\x03\x12\x01x\x72\x03\x0a\x01r"; /* chat, then seek */
    ck_assert_int_eq(sv_wire_client_message_decode(both, sizeof(both) - 1, &a, &request, NULL), 0);
    ck_assert_int_eq(request.method, SYNCTV_METHOD_SEEK);
    ck_assert_str_eq(request.room_id, "r");
    sv_arena_fini(&a);
}
END_TEST

/* message Nest { Nest nest = 1; repeated Kind kinds = 2; } enum Kind { A = 0; B = 1; } */
static const ProtobufCEnumValue kind_values[] = { { "A", "A", 0 }, { "B", "B", 1 } };
static const ProtobufCIntRange kind_ranges[] = { { 0, 0 }, { 0, 2 } };
static const ProtobufCEnumDescriptor kind = {
    .magic = PROTOBUF_C__ENUM_DESCRIPTOR_MAGIC,
    .n_values = 2,
    .values = kind_values,
    .n_value_ranges = 1,
    .value_ranges = kind_ranges,
};
static const ProtobufCMessageDescriptor nest;
static const ProtobufCFieldDescriptor nest_fields[] = {
    {
        .name = "nest",
        .id = 1,
        .label = PROTOBUF_C_LABEL_NONE,
        .type = PROTOBUF_C_TYPE_MESSAGE,
        .descriptor = &nest,
    },
    {
        .name = "kinds",
        .id = 2,
        .label = PROTOBUF_C_LABEL_REPEATED,
        .type = PROTOBUF_C_TYPE_ENUM,
        .descriptor = &kind,
    },
};
static const ProtobufCIntRange nest_ranges[] = { { 1, 0 }, { 0, 2 } };
static const ProtobufCMessageDescriptor nest = {
    .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
    .n_fields = 2,
    .fields = nest_fields,
    .n_field_ranges = 1,
    .field_ranges = nest_ranges,
};

static size_t nested(uint8_t *buf, unsigned depth)
{
    size_t len = 0;
    for (unsigned i = 0; i < depth; i++) {
        buf[len] = 0x0a;
        buf[len + 1] = (uint8_t)(2 * (depth - i - 1));
        len += 2;
    }
    return len;
}

START_TEST(messages_in_messages_go_16_deep_and_no_deeper)
{
    uint8_t buf[64];
    synctv_error err;
    ck_assert_int_eq(strict(&nest, buf, nested(buf, 16), &err), 0);
    ck_assert_int_eq(strict(&nest, buf, nested(buf, 17), &err), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(err.message, "nested too deeply"));
    ck_assert_int_eq(strncmp(err.field, "nest.nest.nest", 14), 0);
}
END_TEST

START_TEST(repeated_enums_are_looked_at_packed_or_not)
{
    synctv_error err;
    ck_assert_int_eq(CHECK(&nest, "\x12\x03\x00\x01\x00", &err), 0);
    ck_assert_int_eq(CHECK(&nest, "\x10\x01\x10\x00", &err), 0);
    ck_assert_int_eq(CHECK(&nest, "\x12\x03\x00\x02\x00", &err), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "kinds");
    ck_assert_int_eq(CHECK(&nest, "\x0a\x04\x12\x02\x00\x02", &err), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "nest.kinds");
    ck_assert_int_eq(CHECK(&nest, "\x10\x02", &err), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_int_eq(CHECK(&nest, "\x12\x02\x00\x80", &err), SYNCTV_E_INVALID_ARGUMENT);
}
END_TEST

START_TEST(empty_messages_do_not_multiply)
{
    /* AddMovie { movie { subtitles {} … } } */
    enum { N = 1000 };
    uint8_t buf[2 * N + 8] = { 0x12, (2 * N & 0x7f) | 0x80, 2 * N >> 7 };
    for (size_t i = 0; i < N; i++)
        buf[3 + 2 * i] = 0x5a;
    struct sv_arena a = { 0 };
    synctv_request request;
    synctv_error err;
    ck_assert_int_eq(sv_wire_request_decode(SYNCTV_METHOD_ADD_MOVIE, buf, 3 + 2 * N, &a, &request,
                         &err),
        SYNCTV_E_TOO_LARGE);
    ck_assert_uint_le(a.used_bytes, 4 * (3 + 2 * N) + 16 * 1024);
    ck_assert_uint_eq(a.limit_bytes, 0);
    sv_arena_fini(&a);
}
END_TEST

START_TEST(there_is_a_bound_on_messages_in_a_message)
{
    enum { N = 1025 };
    uint8_t buf[2 * N];
    for (size_t i = 0; i < N; i++) {
        buf[2 * i] = 0x0a;
        buf[2 * i + 1] = 0;
    }
    synctv_error err;
    ck_assert_int_eq(strict(&nest, buf, 2 * (N - 1), &err), 0);
    ck_assert_int_eq(strict(&nest, buf, 2 * N, &err), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_int_eq(sv_wire_rawcheck(&nest, buf, 2 * N, SV_WIRE_RAWCHECK_LENIENT, &err), 0);
}
END_TEST

START_TEST(a_lower_limit_of_the_arena_is_kept)
{
    struct sv_wire_bytes full = fill_bytes(ADD_MOVIE, 0);
    struct sv_arena a;
    sv_arena_init(&a, 256);
    synctv_request request;
    synctv_error err;
    ck_assert_int_eq(sv_wire_request_decode(SYNCTV_METHOD_ADD_MOVIE, full.data, full.len, &a,
                         &request, &err),
        SYNCTV_E_TOO_LARGE);
    ck_assert_uint_eq(a.limit_bytes, 256);
    sv_arena_fini(&a);
    free(full.data);
}
END_TEST

START_TEST(lists_as_large_as_a_server_may_send_are_decoded)
{
    enum { N = 1000 };
    static synctv_movie movies[N];
    for (size_t i = 0; i < N; i++)
        movies[i] = (synctv_movie){ .id = "x", .name = "y" };
    const synctv_result in = { .movies = movies, .n_movies = N };
    struct sv_wire_bytes bytes;
    ck_assert_int_eq(sv_wire_result_encode(SYNCTV_METHOD_GET_MOVIE_LIST, &in, sv_wire_bytes_alloc,
                         &bytes, NULL),
        0);
    synctv_result *out;
    synctv_error err;
    int rv = sv_wire_result_decode(SYNCTV_METHOD_GET_MOVIE_LIST, bytes.data, bytes.len, &out, &err);
    ck_assert_msg(rv == 0, "%s", err.message);
    ck_assert_uint_eq(out->n_movies, N);
    ck_assert_str_eq(out->movies[N - 1].name, "y");
    synctv_result_unref(out);
    free(bytes.data);
}
END_TEST

START_TEST(a_malformed_client_message_still_tells_its_id)
{
    static const uint8_t bytes[] = "\x0a\x02id\x5a\x03\x12\x01\xff";
    struct sv_arena a = { 0 };
    synctv_request request;
    synctv_error err;
    ck_assert_int_eq(sv_wire_client_message_decode(bytes, sizeof(bytes) - 1, &a, &request, &err),
        SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "chat.content");
    ck_assert_str_eq(request.message_id, "id");
    ck_assert_int_eq(sv_wire_client_message_decode("\x0a\x02\xff", 3, &a, &request, &err),
        SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(request.message_id, "");
    sv_arena_fini(&a);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rawcheck");
    TCase *tc = tcase_create("rawcheck");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_message_cut_anywhere_harms_nothing);
    tcase_add_test(tc, flipped_bits_harm_nothing);
    tcase_add_test(tc, text_that_is_not_utf8_or_has_a_nul_is_refused_in_every_field);
    tcase_add_test(tc, enum_values_that_do_not_exist_are_refused_in_every_field);
    tcase_add_test(tc, each_field_takes_one_wire_type);
    tcase_add_test(tc, the_name_of_a_field_in_a_field_has_dots);
    tcase_add_test(tc, malformed_tags_and_lengths_are_refused);
    tcase_add_test(tc, unknown_fields_are_skipped);
    tcase_add_test(tc, a_message_given_twice_is_merged_and_the_last_oneof_counts);
    tcase_add_test(tc, messages_in_messages_go_16_deep_and_no_deeper);
    tcase_add_test(tc, repeated_enums_are_looked_at_packed_or_not);
    tcase_add_test(tc, empty_messages_do_not_multiply);
    tcase_add_test(tc, there_is_a_bound_on_messages_in_a_message);
    tcase_add_test(tc, a_lower_limit_of_the_arena_is_kept);
    tcase_add_test(tc, lists_as_large_as_a_server_may_send_are_decoded);
    tcase_add_test(tc, a_malformed_client_message_still_tells_its_id);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
