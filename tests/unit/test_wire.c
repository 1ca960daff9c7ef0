/* SPDX-License-Identifier: MIT */
/* From bytes to the API's structures and back to the same bytes, with every field set. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "api/methods.h"
#include "api/result.h"
#include "client.pb-c.h"
#include "test_wire_fill.h"
#include "wire/client_message.h"
#include "wire/event.h"
#include "wire/request.h"
#include "wire/result.h"

static void assert_same_bytes(struct sv_wire_bytes a, struct sv_wire_bytes b, const char *what)
{
    ck_assert_msg(a.len == b.len && memcmp(a.data, b.data, a.len) == 0,
        "%s: %zu bytes became %zu or others", what, a.len, b.len);
}

/* UpdateRoom reads no more of its room than what can be changed. */
static struct sv_wire_bytes update_room_bytes(void)
{
    struct fill f = { .counter = 0 };
    Synctv__Client__UpdateRoomRequest *m =
        (void *)fill_message(&f, &synctv__client__update_room_request__descriptor);
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

START_TEST(each_request_is_the_same_after_decoding_and_encoding)
{
    for (int method = 0; method < SYNCTV_N_METHODS; method++) {
        const ProtobufCMessageDescriptor *desc = sv_wire_request_descriptor(method);
        if (desc == NULL)
            continue;
        struct sv_wire_bytes in =
            method == SYNCTV_METHOD_UPDATE_ROOM ? update_room_bytes() : fill_bytes(desc, 0);
        struct sv_arena a = { 0 };
        synctv_request request;
        synctv_error err;
        int rv = sv_wire_request_decode(method, in.data, in.len, &a, &request, &err);
        ck_assert_msg(rv == 0, "%s: %s", desc->name, err.message);
        ck_assert_int_eq(request.method, method);
        struct sv_wire_bytes out;
        ck_assert_int_eq(sv_wire_request_encode(&request, sv_wire_bytes_alloc, &out, NULL), 0);
        assert_same_bytes(in, out, desc->name);

        struct sv_arena b = { 0 };
        synctv_request copy;
        ck_assert_int_eq(sv_request_copy(&b, &request, &copy), 0);
        sv_arena_fini(&a);
        free(out.data);
        ck_assert_int_eq(sv_wire_request_encode(&copy, sv_wire_bytes_alloc, &out, NULL), 0);
        assert_same_bytes(in, out, desc->name);
        sv_arena_fini(&b);
        free(out.data);
        free(in.data);
    }
}
END_TEST

START_TEST(each_result_is_the_same_after_decoding_and_encoding)
{
    for (int method = 0; method < SYNCTV_N_METHODS; method++) {
        const ProtobufCMessageDescriptor *desc = sv_wire_response_descriptor(method);
        if (desc == NULL)
            continue;
        struct sv_wire_bytes in = fill_bytes(desc, 0), out;
        synctv_result *result;
        synctv_error err;
        int rv = sv_wire_result_decode(method, in.data, in.len, &result, &err);
        ck_assert_msg(rv == 0, "%s: %s", desc->name, err.message);
        ck_assert_int_eq(result->code, 0);
        ck_assert_int_eq(sv_wire_result_encode(method, result, sv_wire_bytes_alloc, &out, NULL), 0);
        assert_same_bytes(in, out, desc->name);
        synctv_result_unref(result);
        free(in.data);
        free(out.data);
    }
}
END_TEST

static const ProtobufCServiceDescriptor *const service =
    &synctv__client__client_service__descriptor;

START_TEST(every_method_of_the_service_has_its_messages_here)
{
    unsigned found = 0;
    for (unsigned i = 0; i < service->n_methods; i++) {
        const ProtobufCMethodDescriptor *rpc = &service->methods[i];
        for (int method = 0; method < SYNCTV_N_METHODS; method++) {
            if (strcmp(synctv_method_name(method), rpc->name) != 0)
                continue;
            ck_assert_ptr_eq(sv_wire_request_descriptor(method), rpc->input);
            ck_assert_ptr_eq(sv_wire_response_descriptor(method), rpc->output);
            found++;
        }
    }
    ck_assert_uint_eq(found, service->n_methods - 1); /* all but MessageStream */
}
END_TEST

/* Whether the message has the field just when the row says so. */
static void assert_field(synctv_method method, const char *field, bool needed)
{
    const ProtobufCMessageDescriptor *desc = sv_wire_request_descriptor(method);
    bool has = protobuf_c_message_descriptor_get_field_by_name(desc, field) != NULL;
    ck_assert_msg(has == needed, "%s of %s", field, synctv_method_name(method));
}

START_TEST(the_table_of_methods_needs_what_the_messages_have)
{
    for (synctv_method m = 0; m < SYNCTV_N_METHODS; m++) {
        unsigned ids = sv_methods[m].ids;
        if (sv_wire_request_descriptor(m) == NULL)
            continue;
        assert_field(m, "room_id", (ids & SV_NEEDS_ROOM_ID) != 0);
        assert_field(m, "user_id", (ids & SV_NEEDS_USER_ID) != 0);
        assert_field(m, "message_id", (ids & SV_NEEDS_MESSAGE_ID) != 0);
        if (m != SYNCTV_METHOD_UPDATE_MOVIE) /* which has it in its movie */
            assert_field(m, "movie_id", (ids & SV_NEEDS_MOVIE_ID) != 0);
        assert_field(m, "expected_version", sv_methods[m].repeat == SV_REPEAT_WITH_VERSION);
    }
}
END_TEST

START_TEST(each_method_has_a_message_for_each_way_that_it_comes)
{
    for (synctv_method m = 0; m < SYNCTV_N_METHODS; m++) {
        const synctv_request request = SYNCTV_REQUEST(m);
        bool is_call = sv_wire_request_descriptor(m) != NULL;
        struct sv_wire_bytes bytes;
        bool on_stream =
            sv_wire_client_message_encode(&request, sv_wire_bytes_alloc, &bytes, NULL) == 0;
        if (on_stream)
            free(bytes.data);
        ck_assert_int_eq(on_stream, (sv_methods[m].ways & SV_BY_STREAM) != 0);
        ck_assert(is_call || on_stream);
        if (!on_stream)
            ck_assert_uint_eq(sv_methods[m].ways, SV_BY_CALL);
    }
}
END_TEST

START_TEST(methods_of_streams_have_no_messages_of_their_own)
{
    synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_SEND_CHAT);
    struct sv_arena a = { 0 };
    struct sv_wire_bytes out;
    synctv_result *result;
    ck_assert_ptr_null(sv_wire_request_descriptor(SYNCTV_METHOD_PING));
    ck_assert_ptr_null(sv_wire_response_descriptor(SYNCTV_N_METHODS));
    ck_assert_int_eq(sv_wire_request_decode(SYNCTV_METHOD_PING, "", 0, &a, &request, NULL),
        SYNCTV_E_UNIMPLEMENTED);
    ck_assert_int_eq(sv_wire_result_decode(SYNCTV_METHOD_PING, "", 0, &result, NULL),
        SYNCTV_E_UNIMPLEMENTED);
    ck_assert_int_eq(sv_wire_request_encode(&request, sv_wire_bytes_alloc, &out, NULL),
        SYNCTV_E_UNIMPLEMENTED);
}
END_TEST

START_TEST(each_client_message_is_the_same_after_decoding_and_encoding)
{
    const ProtobufCMessageDescriptor *desc = &synctv__client__client_message__descriptor;
    for (unsigned field = 11; field <= 15; field++) { /* 10, ping: below */
        struct sv_wire_bytes in = fill_bytes(desc, field), out;
        struct sv_arena a = { 0 };
        synctv_request request;
        synctv_error err;
        int rv = sv_wire_client_message_decode(in.data, in.len, &a, &request, &err);
        ck_assert_msg(rv == 0, "payload %u: %s", field, err.message);
        ck_assert_str_eq(request.message_id, "message_id-é-1");
        rv = sv_wire_client_message_encode(&request, sv_wire_bytes_alloc, &out, &err);
        ck_assert_msg(rv == 0, "payload %u: %s", field, err.message);
        assert_same_bytes(in, out, "ClientMessage");
        sv_arena_fini(&a);
        free(in.data);
        free(out.data);
    }
}
END_TEST

START_TEST(a_ping_brings_its_own_time)
{
    synctv_request ping =
        SYNCTV_REQUEST(SYNCTV_METHOD_PING, .message_id = "p", .client_time_ms = 1234);
    struct sv_wire_bytes out;
    ck_assert_int_eq(sv_wire_client_message_encode(&ping, sv_wire_bytes_alloc, &out, NULL), 0);
    struct sv_arena a = { 0 };
    synctv_request request;
    ck_assert_int_eq(sv_wire_client_message_decode(out.data, out.len, &a, &request, NULL), 0);
    ck_assert_int_eq(request.method, SYNCTV_METHOD_PING);
    ck_assert_int_eq(request.client_time_ms, 1234);
    sv_arena_fini(&a);
    free(out.data);
}
END_TEST

START_TEST(each_play_action_becomes_its_method)
{
    static const synctv_method methods[] = {
        SYNCTV_METHOD_PLAY,
        SYNCTV_METHOD_PAUSE,
        SYNCTV_METHOD_SET_PLAYBACK_RATE,
    };
    for (size_t i = 0; i < 3; i++) {
        synctv_request in = SYNCTV_REQUEST(methods[i], .room_id = "r", .rate = 1.5);
        in.expected_version = 7;
        struct sv_wire_bytes bytes;
        ck_assert_int_eq(sv_wire_client_message_encode(&in, sv_wire_bytes_alloc, &bytes, NULL), 0);
        struct sv_arena a = { 0 };
        synctv_request out;
        ck_assert_int_eq(sv_wire_client_message_decode(bytes.data, bytes.len, &a, &out, NULL), 0);
        ck_assert_int_eq(out.method, methods[i]);
        ck_assert_int_eq(out.has_rate, methods[i] == SYNCTV_METHOD_SET_PLAYBACK_RATE);
        ck_assert(!out.has_position);
        ck_assert_uint_eq(out.expected_version, 7);
        sv_arena_fini(&a);
        free(bytes.data);
    }
}
END_TEST

static int decode_control(Synctv__Client__PlayControlMessage *control, synctv_error *err)
{
    Synctv__Client__ClientMessage m = SYNCTV__CLIENT__CLIENT_MESSAGE__INIT;
    m.message_id = (char *)"x1";
    if (control != NULL) {
        m.payload_case = SYNCTV__CLIENT__CLIENT_MESSAGE__PAYLOAD_PLAY_CONTROL;
        m.play_control = control;
    }
    struct sv_wire_bytes bytes;
    ck_assert_int_eq(sv_wire_pack(&m.base, sv_wire_bytes_alloc, &bytes, NULL), 0);
    struct sv_arena a = { 0 };
    synctv_request request;
    int rv = sv_wire_client_message_decode(bytes.data, bytes.len, &a, &request, err);
    ck_assert_str_eq(request.message_id, "x1");
    sv_arena_fini(&a);
    free(bytes.data);
    return rv;
}

START_TEST(a_control_without_an_action_or_a_rate_is_refused_by_name)
{
    synctv_error err;
    ck_assert_int_eq(decode_control(NULL, &err), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "payload");
    Synctv__Client__PlayControlMessage control = SYNCTV__CLIENT__PLAY_CONTROL_MESSAGE__INIT;
    ck_assert_int_eq(decode_control(&control, &err), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "play_control.action");
    control.action = SYNCTV__CLIENT__PLAY_ACTION__PLAY_ACTION_SET_RATE;
    ck_assert_int_eq(decode_control(&control, &err), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "play_control.rate");
    control.action = (Synctv__Client__PlayAction)9;
    ck_assert_int_eq(decode_control(&control, &err), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "play_control.action");
}
END_TEST

START_TEST(each_event_is_the_same_after_decoding_and_encoding)
{
    const ProtobufCMessageDescriptor *desc = &synctv__client__server_message__descriptor;
    for (unsigned field = SYNCTV_EVENT_PONG; field <= SYNCTV_EVENT_CHAT_DELETED; field++) {
        if (field == SYNCTV_EVENT_ERROR)
            continue;
        struct sv_wire_bytes in = fill_bytes(desc, field), out;
        synctv_event *event;
        synctv_error err;
        int rv = sv_wire_event_decode(in.data, in.len, &event, &err);
        ck_assert_msg(rv == 0, "payload %u: %s", field, err.message);
        ck_assert_uint_eq(event->type, field);
        ck_assert_str_eq(event->message_id, "message_id-é-1");
        ck_assert(field == SYNCTV_EVENT_PONG || event->room_id[0] != '\0');
        ck_assert_int_eq(sv_wire_event_encode(event, sv_wire_bytes_alloc, &out, NULL), 0);
        assert_same_bytes(in, out, "ServerMessage");
        synctv_event_unref(event);
        free(in.data);
        free(out.data);
    }
}
END_TEST

START_TEST(an_error_event_carries_its_reason_and_details)
{
    static const synctv_error why = {
        .code = SYNCTV_E_RATE_LIMITED,
        .retry_after_ms = 1500,
        .field = "content",
        .message = "not so fast",
    };
    const synctv_event in = {
        .type = SYNCTV_EVENT_ERROR,
        .room_id = "room",
        .error_code = SYNCTV_E_RATE_LIMITED,
        .error = &why,
        .in_reply_to = "m7",
    };
    struct sv_wire_bytes bytes;
    ck_assert_int_eq(sv_wire_event_encode(&in, sv_wire_bytes_alloc, &bytes, NULL), 0);
    synctv_event *out;
    ck_assert_int_eq(sv_wire_event_decode(bytes.data, bytes.len, &out, NULL), 0);
    ck_assert_int_eq(out->type, SYNCTV_EVENT_ERROR);
    ck_assert_int_eq(out->error_code, SYNCTV_E_RATE_LIMITED);
    ck_assert_int_eq(out->error->code, SYNCTV_E_RATE_LIMITED);
    ck_assert_int_eq(out->error->retry_after_ms, 1500);
    ck_assert_str_eq(out->error->field, "content");
    ck_assert_str_eq(out->error->message, "not so fast");
    ck_assert_str_eq(out->in_reply_to, "m7");
    ck_assert_str_eq(out->room_id, "room");
    synctv_event_unref(out);
    free(bytes.data);
}
END_TEST

START_TEST(what_a_client_tells_itself_does_not_travel)
{
    const synctv_event event = { .type = SYNCTV_EVENT_CONNECTED };
    struct sv_wire_bytes bytes;
    ck_assert_int_eq(sv_wire_event_encode(&event, sv_wire_bytes_alloc, &bytes, NULL),
        SYNCTV_E_UNIMPLEMENTED);
}
END_TEST

START_TEST(an_event_of_a_newer_server_can_be_told_and_skipped)
{
    const uint8_t unknown_payload[] = { 0x0a, 1, 'a', 0xa2, 0x06, 2, 8, 1 }; /* field 100 */
    synctv_event *event;
    ck_assert_int_eq(sv_wire_event_decode(unknown_payload, sizeof(unknown_payload), &event, NULL),
        SYNCTV_E_UNIMPLEMENTED);
}
END_TEST

START_TEST(an_enum_value_of_a_newer_server_comes_through)
{
    Synctv__Client__RoomStateUpdate state = SYNCTV__CLIENT__ROOM_STATE_UPDATE__INIT;
    state.cause = (Synctv__Client__StateCause)77;
    Synctv__Client__ServerMessage m = SYNCTV__CLIENT__SERVER_MESSAGE__INIT;
    m.payload_case = SYNCTV__CLIENT__SERVER_MESSAGE__PAYLOAD_ROOM_STATE;
    m.room_state = &state;
    struct sv_wire_bytes bytes;
    ck_assert_int_eq(sv_wire_pack(&m.base, sv_wire_bytes_alloc, &bytes, NULL), 0);
    synctv_event *event;
    ck_assert_int_eq(sv_wire_event_decode(bytes.data, bytes.len, &event, NULL), 0);
    ck_assert_int_eq((int)event->state->cause, 77);
    synctv_event_unref(event);
    free(bytes.data);
}
END_TEST

START_TEST(an_answer_that_lacks_what_it_must_have_is_the_servers_fault)
{
    synctv_result *result;
    synctv_error err;
    ck_assert_int_eq(sv_wire_result_decode(SYNCTV_METHOD_CREATE_ROOM, NULL, 0, &result, &err),
        SYNCTV_E_INTERNAL);
    ck_assert_str_eq(err.message, "the server's answer is not valid: it has no room");
    ck_assert_int_eq(sv_wire_result_decode(SYNCTV_METHOD_CREATE_ROOM, "\n\xff", 2, &result, &err),
        SYNCTV_E_INTERNAL);
    /* Somebody who is not a member gets neither state nor members. */
    ck_assert_int_eq(sv_wire_result_decode(SYNCTV_METHOD_GET_ROOM_INFO, "\n\0", 2, &result, &err),
        0);
    ck_assert_ptr_nonnull(result->room);
    ck_assert_ptr_null(result->room->settings);
    ck_assert_ptr_null(result->state);
    ck_assert_uint_eq(result->n_members, 0);
    synctv_result_unref(result);
}
END_TEST

START_TEST(a_playback_state_is_the_same_after_encoding_and_decoding)
{
    const synctv_playback in = {
        .room_id = "r",
        .movie_id = "m",
        .status = SYNCTV_PLAYBACK_STATUS_PLAYING,
        .position_s = 12.5,
        .rate = 2,
        .updated_at_ms = 1700000000000,
        .version = UINT64_MAX,
        .cause = SYNCTV_STATE_CAUSE_SEEK,
        .actor_id = "a",
        .operation_id = "o",
        .node_id = "n",
    };
    struct sv_wire_bytes bytes;
    ck_assert_int_eq(sv_wire_playback_encode(&in, sv_wire_bytes_alloc, &bytes, NULL), 0);
    struct sv_arena a = { 0 };
    synctv_playback out;
    ck_assert_int_eq(sv_wire_playback_decode(bytes.data, bytes.len, &a, &out, NULL), 0);
    ck_assert_str_eq(out.movie_id, "m");
    ck_assert_double_eq(out.position_s, 12.5);
    ck_assert_uint_eq(out.version, UINT64_MAX);
    ck_assert_int_eq(out.cause, SYNCTV_STATE_CAUSE_SEEK);
    ck_assert_str_eq(out.node_id, "n");
    sv_arena_fini(&a);
    free(bytes.data);
}
END_TEST

START_TEST(strings_that_are_null_are_encoded_as_empty)
{
    const char *const fields[] = { NULL, "name" };
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_UPDATE_ROOM, .fields = fields,
        .n_fields = 2, .has_password = true);
    struct sv_wire_bytes bytes;
    ck_assert_int_eq(sv_wire_request_encode(&request, sv_wire_bytes_alloc, &bytes, NULL), 0);
    struct sv_arena a = { 0 };
    synctv_request out;
    ck_assert_int_eq(sv_wire_request_decode(SYNCTV_METHOD_UPDATE_ROOM, bytes.data, bytes.len, &a,
                         &out, NULL),
        0);
    ck_assert_uint_eq(out.n_fields, 2);
    ck_assert_str_eq(out.fields[0], "");
    ck_assert(out.has_password); /* set but empty: the password goes */
    ck_assert_str_eq(out.password, "");
    sv_arena_fini(&a);
    free(bytes.data);

    const synctv_event event = { .type = SYNCTV_EVENT_LIVE };
    ck_assert_int_eq(sv_wire_event_encode(&event, sv_wire_bytes_alloc, &bytes, NULL), 0);
    free(bytes.data);
}
END_TEST

static void *no_memory(void *userdata, size_t len)
{
    return NULL;
}

START_TEST(an_allocator_that_fails_is_told_as_no_memory)
{
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_GET_PROFILE);
    synctv_error err;
    ck_assert_int_eq(sv_wire_request_encode(&request, no_memory, NULL, &err), SYNCTV_E_NO_MEMORY);
    ck_assert_int_eq(err.code, SYNCTV_E_NO_MEMORY);
}
END_TEST

/* Made with Python: messages of google.protobuf, SerializeToString(). */
START_TEST(what_another_implementation_wrote_is_understood)
{
    /* PlayRequest(room_id="r00m", position=0.0, client_time=-1, expected_version=2**64-1) */
    static const uint8_t play[] = "\x0a\x04r00m\x11\x00\x00\x00\x00\x00\x00\x00\x00"
                                  "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
                                  "\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
    struct sv_arena a = { 0 };
    synctv_request r;
    synctv_error err;
    ck_assert_int_eq(sv_wire_request_decode(SYNCTV_METHOD_PLAY, play, sizeof(play) - 1, &a, &r,
                         &err),
        0);
    ck_assert_str_eq(r.room_id, "r00m");
    ck_assert(r.has_position);
    ck_assert_double_eq(r.position_s, 0);
    ck_assert_int_eq(r.client_time_ms, -1);
    ck_assert_uint_eq(r.expected_version, UINT64_MAX);

    /* AddMovieRequest(room_id="r", movie=Movie(name="Ä", type=1, headers={"k": "v"},
     * subtitles=[Subtitle(), Subtitle(format="srt")])) */
    static const uint8_t movie[] = "\x0a\x01r\x12\x17\x1a\x02\xc3\x84\x28\x01\x52\x06\x0a\x01k\x12"
                                   "\x01v\x5a\x00\x5a\x05\x1a\x03srt";
    ck_assert_int_eq(sv_wire_request_decode(SYNCTV_METHOD_ADD_MOVIE, movie, sizeof(movie) - 1, &a,
                         &r, &err),
        0);
    ck_assert_str_eq(r.movie->name, "Ä");
    ck_assert_int_eq(r.movie->type, SYNCTV_MOVIE_TYPE_URL);
    ck_assert_uint_eq(r.movie->n_headers, 1);
    ck_assert_str_eq(r.movie->headers[0].name, "k");
    ck_assert_str_eq(r.movie->headers[0].value, "v");
    ck_assert_uint_eq(r.movie->n_subtitles, 2);
    ck_assert_str_eq(r.movie->subtitles[0].url, "");
    ck_assert_str_eq(r.movie->subtitles[1].format, "srt");
    sv_arena_fini(&a);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wire");
    TCase *tc = tcase_create("wire");
    tcase_add_test(tc, each_request_is_the_same_after_decoding_and_encoding);
    tcase_add_test(tc, each_result_is_the_same_after_decoding_and_encoding);
    tcase_add_test(tc, every_method_of_the_service_has_its_messages_here);
    tcase_add_test(tc, the_table_of_methods_needs_what_the_messages_have);
    tcase_add_test(tc, each_method_has_a_message_for_each_way_that_it_comes);
    tcase_add_test(tc, methods_of_streams_have_no_messages_of_their_own);
    tcase_add_test(tc, each_client_message_is_the_same_after_decoding_and_encoding);
    tcase_add_test(tc, a_ping_brings_its_own_time);
    tcase_add_test(tc, each_play_action_becomes_its_method);
    tcase_add_test(tc, a_control_without_an_action_or_a_rate_is_refused_by_name);
    tcase_add_test(tc, each_event_is_the_same_after_decoding_and_encoding);
    tcase_add_test(tc, an_error_event_carries_its_reason_and_details);
    tcase_add_test(tc, what_a_client_tells_itself_does_not_travel);
    tcase_add_test(tc, an_event_of_a_newer_server_can_be_told_and_skipped);
    tcase_add_test(tc, an_enum_value_of_a_newer_server_comes_through);
    tcase_add_test(tc, an_answer_that_lacks_what_it_must_have_is_the_servers_fault);
    tcase_add_test(tc, a_playback_state_is_the_same_after_encoding_and_decoding);
    tcase_add_test(tc, strings_that_are_null_are_encoded_as_empty);
    tcase_add_test(tc, an_allocator_that_fails_is_told_as_no_memory);
    tcase_add_test(tc, what_another_implementation_wrote_is_understood);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
