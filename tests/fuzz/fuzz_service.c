/* SPDX-License-Identifier: MIT */
/*
 * Clients at a server: commands, each of which is a byte that says what, a byte that says who, two
 * with a length (little-endian) and so many bytes.
 *
 *   0..249  a method of the service: the bytes are its request. MessageStream takes x-room-id \n
 * x-room-password 250     a message on a stream of this caller's 251     the stream ends 252 time
 * passes: 2^n ms, n in the first byte
 *
 * Who: the low 3 bits are nobody, one of the people of fuzz_node.h (1..5), or (6, 7) whoever the
 * bytes up to the first \n, the value of `authorization`, say. With bit 3 the answer is not waited
 * for. Bit 4 and 5 choose one of four streams.
 *
 * What lib/rpc does for the service is played by this file: gRPC itself is not under test.
 */
#include <string.h>

#include "api/result.h"
#include "auth/token.h"
#include "base/text.h"
#include "fuzz_node.h"
#include "rpc/server.h"
#include "service/service.h"
#include "wire/event.h"
#include "wire/request.h"
#include "wire/result.h"

#define COMMANDS_MAX 24
#define N_STREAMS 4
#define DETAIL_STATE "type.googleapis.com/synctv.client.RoomStateUpdate"

enum { MESSAGE = 250, END_STREAM, PASS_TIME };

struct sv_rpc_stream {
    const struct sv_rpc_stream_ops *ops; /* NULL = there is no stream */
    void *userdata;
    bool finished;
};

struct sv_rpc_call {
    const struct sv_rpc_method *method;
    synctv_method number; /* SYNCTV_N_METHODS: MessageStream */
    const uint8_t *payload;
    size_t len;
    const char *authorization; /* NULL = none is sent */
    size_t authorization_len;
    const char *room_id, *room_password;
    size_t room_id_len, room_password_len;
    struct sv_rpc_stream *stream; /* what it becomes when it is accepted */
    struct sv_arena arena;
    atomic_bool answered;
};

static struct sv_service *service;
static struct fuzz_rows rows;
static char bearers[FUZZ_N_PEOPLE][1024];
static struct sv_rpc_stream streams[N_STREAMS];

/* --- what is told --- */

static void check_error(int code, const synctv_error *err)
{
    FUZZ_MUST(code < 0 &&
        (code == SYNCTV_E_INTERNAL || synctv_error_from_reason(synctv_error_reason(code)) == code));
    FUZZ_MUST(code != SYNCTV_E_INTERNAL && code != SYNCTV_E_STORAGE_CORRUPT &&
        code != SYNCTV_E_STORAGE_UNAVAILABLE && code != SYNCTV_E_NO_MEMORY);
    FUZZ_MUST(err != NULL && err->code == code && err->message[0] != '\0');
    FUZZ_MUST(sv_utf8_valid(err->message, strlen(err->message)));
    FUZZ_MUST(sv_utf8_valid(err->field, strlen(err->field)));
    FUZZ_MUST((err->field[0] != '\0') <= (code == SYNCTV_E_INVALID_ARGUMENT));
    FUZZ_MUST(err->retry_after_ms >= 0);
}

/* It arrives as it was sent. */
static void check_status(int code, const synctv_error *err, const struct sv_rpc_detail *extra)
{
    synctv_error told;
    struct sv_rpc_detail detail;
    int status = synctv_error_grpc_status(code);
    struct sv_rpc_bytes bytes = sv_rpc_status_pack(status, err, extra);
    FUZZ_MUST(sv_rpc_bytes_len(&bytes) <= SV_RPC_STATUS_MAX);
    FUZZ_MUST(sv_rpc_status_parse(status, err->message, sv_rpc_bytes_data(&bytes),
                  sv_rpc_bytes_len(&bytes), &told, &detail) == code);
    FUZZ_MUST(strcmp(told.message, err->message) == 0 && strcmp(told.field, err->field) == 0);
    if (extra != NULL) {
        struct sv_arena arena = { 0 };
        synctv_playback state;
        FUZZ_MUST(strcmp(extra->type_url, DETAIL_STATE) == 0);
        FUZZ_MUST(sv_wire_playback_decode(detail.data, detail.len, &arena, &state, NULL) == 0);
        sv_arena_fini(&arena);
    }
    sv_rpc_bytes_unref(bytes);
}

static void check_event(const void *data, size_t len)
{
    synctv_event *event = NULL;
    FUZZ_MUST(sv_wire_event_decode(data, len, &event, NULL) == 0);
    if (event->type == SYNCTV_EVENT_ERROR)
        check_error(event->error_code, event->error);
    synctv_event_unref(event);
}

/* --- what lib/rpc has for the service --- */

const char *sv_rpc_call_path(const struct sv_rpc_call *call)
{
    return call->method->path;
}

const void *sv_rpc_call_payload(const struct sv_rpc_call *call, size_t *ret_len)
{
    *ret_len = call->len;
    return call->payload;
}

const char *sv_rpc_call_metadata(const struct sv_rpc_call *call, const char *key, size_t *ret_len)
{
    const char *value = NULL;
    if (strcmp(key, "authorization") == 0) {
        value = call->authorization;
        *ret_len = call->authorization_len;
    } else if (strcmp(key, "x-room-id") == 0) {
        value = call->room_id;
        *ret_len = call->room_id_len;
    } else if (strcmp(key, "x-room-password") == 0) {
        value = call->room_password;
        *ret_len = call->room_password_len;
    }
    return value;
}

const char *sv_rpc_call_address(struct sv_rpc_call *call)
{
    return "127.0.0.1";
}

int64_t sv_rpc_call_time_left_ms(const struct sv_rpc_call *call)
{
    return INT64_MAX;
}

struct sv_arena *sv_rpc_call_arena(struct sv_rpc_call *call)
{
    return &call->arena;
}

static void answer(struct sv_rpc_call *call)
{
    FUZZ_MUST(!atomic_exchange(&call->answered, true));
}

void sv_rpc_call_reply(struct sv_rpc_call *call, struct sv_rpc_bytes payload)
{
    synctv_result *result = NULL;
    FUZZ_MUST(sv_wire_result_decode(call->number, sv_rpc_bytes_data(&payload),
                  sv_rpc_bytes_len(&payload), &result, NULL) == 0);
    synctv_result_unref(result);
    sv_rpc_bytes_unref(payload);
    answer(call);
}

void sv_rpc_call_fail(struct sv_rpc_call *call, int code, const synctv_error *err,
    const struct sv_rpc_detail *extra)
{
    check_error(code, err);
    check_status(code, err, extra);
    answer(call);
}

int sv_rpc_call_accept(struct sv_rpc_call *call, const struct sv_rpc_stream_ops *ops,
    void *userdata, struct sv_rpc_stream **ret_stream)
{
    struct sv_rpc_stream *stream = call->stream;
    FUZZ_MUST(stream->ops == NULL);
    *stream = (struct sv_rpc_stream){ .ops = ops, .userdata = userdata };
    *ret_stream = stream;
    answer(call);
    return 0;
}

void sv_rpc_stream_unref(struct sv_rpc_stream *stream)
{
}

void sv_rpc_stream_kick(struct sv_rpc_stream *stream)
{
}

void sv_rpc_stream_finish(struct sv_rpc_stream *stream, int code, const synctv_error *err)
{
    check_error(code, err);
    stream->finished = true;
}

static void close_stream(struct sv_rpc_stream *stream)
{
    const struct sv_rpc_stream_ops *ops = stream->ops;
    stream->ops = NULL;
    if (ops != NULL)
        ops->on_closed(stream, stream->userdata);
}

/* Takes all there is to take. */
static void pull(struct sv_rpc_stream *stream)
{
    struct sv_rpc_bytes bytes;
    synctv_error err = { .code = 0 };
    int rv = 0;
    while (stream->ops != NULL &&
        (rv = stream->ops->next(stream, stream->userdata, &bytes, &err)) > 0) {
        check_event(sv_rpc_bytes_data(&bytes), sv_rpc_bytes_len(&bytes));
        sv_rpc_bytes_unref(bytes);
    }
    if (rv < 0)
        check_error(rv, &err);
    if (rv < 0 || stream->finished)
        close_stream(stream);
}

/* --- commands --- */

struct command {
    uint8_t what, who;
    const uint8_t *data;
    size_t len;
};

static bool take_command(const uint8_t **data, size_t *left, struct command *ret)
{
    if (*left < 4)
        return false;
    size_t len = (size_t)((*data)[2] | (*data)[3] << 8);
    if (len > *left - 4)
        len = *left - 4;
    *ret = (struct command){ (*data)[0], (*data)[1], *data + 4, len };
    *data += 4 + len;
    *left -= 4 + len;
    return true;
}

/* Up to the first \n, which goes, too. */
static const char *take_line(struct command *command, size_t *ret_len)
{
    const uint8_t *line = command->data;
    const uint8_t *end = command->len > 0 ? memchr(line, '\n', command->len) : NULL;
    *ret_len = end != NULL ? (size_t)(end - line) : command->len;
    size_t used = *ret_len + (end != NULL);
    command->data += used;
    command->len -= used;
    return (const char *)line;
}

static void set_authorization(struct sv_rpc_call *call, struct command *command)
{
    unsigned who = command->who & 7;
    if (who > FUZZ_N_PEOPLE) {
        call->authorization = take_line(command, &call->authorization_len);
    } else if (who > 0) {
        call->authorization = bearers[who - 1];
        call->authorization_len = strlen(bearers[who - 1]);
    }
}

/* Method numbers of the API, in the order of the table of the service. */
static synctv_method number_of(size_t index)
{
    for (synctv_method m = 0; m < SYNCTV_N_METHODS; m++) {
        if (synctv_method_name(m)[0] != '\0' && index-- == 0)
            return m;
    }
    return SYNCTV_N_METHODS;
}

static void start(struct sv_rpc_call *call, struct command *command)
{
    size_t n_methods;
    const struct sv_rpc_method *methods = sv_service_methods(service, &n_methods);
    size_t index = command->what % n_methods;
    call->method = &methods[index];
    call->number = number_of(index);
    call->stream = &streams[command->who >> 4 & (N_STREAMS - 1)];
    set_authorization(call, command);
    if (call->method->kind == SV_RPC_BIDI) {
        close_stream(call->stream);
        call->room_id = take_line(command, &call->room_id_len);
        call->room_password = take_line(command, &call->room_password_len);
    }
    call->payload = command->data;
    call->len = command->len;
    methods[index].start(call, methods[index].service);
}

static void run_command(struct command *command, struct sv_rpc_call *call)
{
    struct sv_rpc_stream *stream = &streams[command->who >> 4 & (N_STREAMS - 1)];
    switch (command->what) {
    case MESSAGE:
        if (stream->ops != NULL && !stream->finished)
            stream->ops->on_message(stream, stream->userdata, command->data, command->len);
        break;
    case END_STREAM:
        close_stream(stream);
        break;
    case PASS_TIME:
        fuzz_node_pass_ms(INT64_C(1) << (command->len > 0 ? command->data[0] & 31 : 0));
        break;
    default:
        start(call, command);
        if ((command->who & 8) == 0 || call->method->kind == SV_RPC_BIDI)
            fuzz_node_run_until(&call->answered);
        return;
    }
    atomic_store(&call->answered, true);
}

static void pull_all(void)
{
    bool any = false;
    for (size_t i = 0; i < N_STREAMS; i++)
        any = any || streams[i].ops != NULL;
    if (any)
        fuzz_node_settle();
    for (size_t i = 0; i < N_STREAMS; i++)
        pull(&streams[i]);
}

/* --- the whole --- */

static void sign_tokens(void)
{
    for (int i = 0; i < FUZZ_N_PEOPLE; i++) {
        struct sv_token_claims claims = {
            .username = "somebody",
            .token_id = "token",
            .issued_at_s = synctv_node_now_ms(&fuzz_node) / 1000,
        };
        claims.expires_at_s = claims.issued_at_s + 3650 * 24 * 3600;
        snprintf(claims.subject, sizeof(claims.subject), "%s", fuzz_users[i]);
        snprintf(claims.session_id, sizeof(claims.session_id), "%s", fuzz_sessions[i]);
        char *token = NULL;
        FUZZ_MUST(sv_token_sign(fuzz_node.jwt_key, fuzz_node.jwt_key_len, SV_TOKEN_CLIENT, &claims,
                      &token) == 0);
        snprintf(bearers[i], sizeof(bearers[i]), "Bearer %s", token);
        free(token);
    }
}

static void open_once(void)
{
    static const struct sv_log silent = { 0 };
    if (service != NULL)
        return;
    char *schema = fuzz_rows_schema();
    fuzz_rows_open(&rows, schema);
    free(schema);
    fuzz_node_reset(&rows);
    sign_tokens();
    FUZZ_MUST(sv_service_new(&fuzz_node, &silent, &service) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    open_once();
    struct sv_rpc_call calls[COMMANDS_MAX] = { 0 };
    struct command command;
    size_t n = 0;
    while (n < COMMANDS_MAX && take_command(&data, &len, &command)) {
        run_command(&command, &calls[n++]);
        pull_all();
    }
    for (size_t i = 0; i < n; i++) {
        fuzz_node_run_until(&calls[i].answered);
        sv_arena_fini(&calls[i].arena);
    }
    for (size_t i = 0; i < N_STREAMS; i++)
        close_stream(&streams[i]);
    fuzz_node_settle();
    fuzz_node_reset(&rows);
    return 0;
}
