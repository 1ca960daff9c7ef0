/* SPDX-License-Identifier: MIT */
#include "puppet.h"

#include "api/result.h"
#include "base/clock.h"
#include "base/error.h"
#include "rpc/server.h"
#include "wire/client_message.h"
#include "wire/event.h"
#include "wire/result.h"

#define MAX_STREAMS 16
#define MAX_OUT 4096
#define PREFIX "/synctv.client.ClientService/"

struct method {
    const char *name;
    synctv_method number;
    int calls, failures, code;
    int64_t retry_after_ms;
    bool hold;
    struct sv_rpc_call *held[8];
    int n_held;
    uint8_t say[256];
    size_t say_len; /* 0 = the truth */
};

struct puppet_stream {
    struct sv_rpc_stream *rpc;
    struct sv_rpc_bytes out[MAX_OUT];
    int head, tail;
};

static struct method methods[] = {
    { .name = "Login", .number = SYNCTV_METHOD_LOGIN },
    { .name = "RefreshToken", .number = SYNCTV_METHOD_REFRESH_TOKEN },
    { .name = "Logout", .number = SYNCTV_METHOD_LOGOUT },
    { .name = "GetProfile", .number = SYNCTV_METHOD_GET_PROFILE },
    { .name = "CreateRoom", .number = SYNCTV_METHOD_CREATE_ROOM },
    { .name = "Play", .number = SYNCTV_METHOD_PLAY },
    { .name = "MessageStream" },
};
#define N_METHODS (sizeof(methods) / sizeof(methods[0]))

static struct sv_rpc_server *rpc_server;
static struct sv_rpc_method table[N_METHODS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct puppet_stream *streams[MAX_STREAMS];
static int n_tokens, n_messages, n_pings, n_reports;
static struct puppet_report last_report;
static int64_t message_stamps[64];
static int64_t expires_in_s, clock_offset_ms;
static bool wild_clock;
static uint8_t extra[256];
static size_t extra_len;
static char last_token[64];

static struct method *find(const char *name)
{
    for (size_t i = 0; i < N_METHODS; i++) {
        if (strcmp(methods[i].name, name) == 0)
            return &methods[i];
    }
    ck_abort_msg("no method %s", name);
}

/* --- calls --- */

static void reply(struct method *m, struct sv_rpc_call *call)
{
    char access[32], refresh[32];
    snprintf(access, sizeof(access), "access-%d", ++n_tokens);
    snprintf(refresh, sizeof(refresh), "refresh-%d", n_tokens);
    const synctv_user user = { .id = "userabcdefgh", .username = "puppet", .email = "" };
    const synctv_room room = {
        .id = "roomabcdefgh", .name = "r", .description = "", .creator_id = ""
    };
    const synctv_playback state = { .room_id = "roomabcdefgh",
        .movie_id = "",
        .actor_id = "",
        .operation_id = "",
        .node_id = "n",
        .version = 7 };
    synctv_result *result = sv_result_new();
    result->user = &user;
    result->room = &room;
    result->state = &state;
    result->access_token = access;
    result->refresh_token = refresh;
    result->expires_in_s = expires_in_s;
    struct sv_wire_bytes bytes;
    synctv_error err;
    if (sv_wire_result_encode(m->number, result, sv_wire_bytes_alloc, &bytes, &err) < 0)
        abort();
    sv_rpc_call_reply(call, sv_rpc_bytes_copy(bytes.data, bytes.len));
    free(bytes.data);
    synctv_result_unref(result);
}

static void refuse(struct method *m, struct sv_rpc_call *call)
{
    synctv_error err;
    sv_error(&err, m->code);
    err.retry_after_ms = m->retry_after_ms;
    const struct sv_rpc_detail detail = {
        .type_url = "type.googleapis.com/x", .data = extra, .len = extra_len
    };
    sv_rpc_call_fail(call, m->code, &err, extra_len > 0 ? &detail : NULL);
}

static void on_message(struct sv_rpc_stream *rpc, void *userdata, const void *data, size_t len);
static int on_next(struct sv_rpc_stream *rpc, void *userdata, struct sv_rpc_bytes *ret_bytes,
    synctv_error *ret_error);
static void on_closed(struct sv_rpc_stream *rpc, void *userdata);

static const struct sv_rpc_stream_ops stream_ops = {
    .on_message = on_message, .next = on_next, .on_closed = on_closed
};

static void accept_stream(struct sv_rpc_call *call)
{
    struct puppet_stream *s = calloc(1, sizeof(*s));
    sv_rpc_call_accept(call, &stream_ops, s, &s->rpc);
    for (int i = 0; i < MAX_STREAMS; i++) {
        if (streams[i] == NULL) {
            streams[i] = s;
            return;
        }
    }
    abort();
}

static void start(struct sv_rpc_call *call, void *userdata)
{
    struct method *m = userdata;
    size_t len = 0;
    const char *bearer = sv_rpc_call_metadata(call, "authorization", &len);
    pthread_mutex_lock(&lock);
    snprintf(last_token, sizeof(last_token), "%.*s", (int)len, bearer != NULL ? bearer : "");
    m->calls++;
    if (m->hold && m->n_held < 8)
        m->held[m->n_held++] = call;
    else if (m->failures > 0 && m->failures-- > 0)
        refuse(m, call);
    else if (m->say_len > 0)
        sv_rpc_call_reply(call, sv_rpc_bytes_copy(m->say, m->say_len));
    else if (strcmp(m->name, "MessageStream") == 0)
        accept_stream(call);
    else
        reply(m, call);
    pthread_mutex_unlock(&lock);
}

/* --- streams --- */

static void queue_bytes(struct puppet_stream *s, struct sv_rpc_bytes bytes)
{
    if (s->tail - s->head >= MAX_OUT)
        abort();
    s->out[s->tail++ % MAX_OUT] = bytes;
    sv_rpc_stream_kick(s->rpc);
}

static struct sv_rpc_bytes encode(const synctv_event *event)
{
    struct sv_wire_bytes bytes;
    synctv_error err;
    if (sv_wire_event_encode(event, sv_wire_bytes_alloc, &bytes, &err) < 0)
        abort();
    struct sv_rpc_bytes out = sv_rpc_bytes_copy(bytes.data, bytes.len);
    free(bytes.data);
    return out;
}

/* Locked. */
static void pong(struct puppet_stream *s, int64_t client_time_ms)
{
    synctv_event *event = sv_event_new(SYNCTV_EVENT_PONG);
    event->client_time_ms = client_time_ms;
    event->server_recv_time_ms = wild_clock ? clock_offset_ms : sv_wall_ms() + clock_offset_ms;
    event->server_send_time_ms = event->server_recv_time_ms;
    queue_bytes(s, encode(event));
    synctv_event_unref(event);
    n_pings++;
}

/* Locked. */
static void take_report(const synctv_request *request)
{
    n_reports++;
    last_report = (struct puppet_report){
        .position_s = request->position_s,
        .duration_s = request->duration_s,
        .buffering = request->buffering,
        .ended = request->ended,
    };
    snprintf(last_report.movie_id, sizeof(last_report.movie_id), "%s", request->movie_id);
    snprintf(last_report.message_id, sizeof(last_report.message_id), "%s", request->message_id);
}

static void on_message(struct sv_rpc_stream *rpc, void *userdata, const void *data, size_t len)
{
    struct sv_arena arena;
    synctv_request request;
    sv_arena_init(&arena, 65536);
    pthread_mutex_lock(&lock);
    if (sv_wire_client_message_decode(data, len, &arena, &request, NULL) < 0)
        abort();
    if (request.method == SYNCTV_METHOD_PING)
        pong(userdata, request.client_time_ms);
    else if (request.method == SYNCTV_METHOD_REPORT_STATUS)
        take_report(&request);
    else if (n_messages < 64)
        message_stamps[n_messages++] = request.client_time_ms;
    pthread_mutex_unlock(&lock);
    sv_arena_fini(&arena);
}

static int on_next(struct sv_rpc_stream *rpc, void *userdata, struct sv_rpc_bytes *ret_bytes,
    synctv_error *ret_error)
{
    struct puppet_stream *s = userdata;
    pthread_mutex_lock(&lock);
    bool has = s->head < s->tail;
    if (has)
        *ret_bytes = s->out[s->head++ % MAX_OUT];
    pthread_mutex_unlock(&lock);
    return has;
}

static void on_closed(struct sv_rpc_stream *rpc, void *userdata)
{
    struct puppet_stream *s = userdata;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < MAX_STREAMS; i++) {
        if (streams[i] == s)
            streams[i] = NULL;
    }
    while (s->head < s->tail)
        sv_rpc_bytes_unref(s->out[s->head++ % MAX_OUT]);
    pthread_mutex_unlock(&lock);
    sv_rpc_stream_unref(s->rpc);
    free(s);
}

void puppet_send(const void *data, size_t len)
{
    pthread_mutex_lock(&lock);
    for (int i = 0; i < MAX_STREAMS; i++) {
        if (streams[i] != NULL)
            queue_bytes(streams[i], sv_rpc_bytes_copy(data, len));
    }
    pthread_mutex_unlock(&lock);
}

void puppet_send_event(const synctv_event *event)
{
    struct sv_rpc_bytes bytes = encode(event);
    pthread_mutex_lock(&lock);
    for (int i = 0; i < MAX_STREAMS; i++) {
        if (streams[i] != NULL)
            queue_bytes(streams[i], sv_rpc_bytes_ref(bytes));
    }
    pthread_mutex_unlock(&lock);
    sv_rpc_bytes_unref(bytes);
}

void puppet_send_state(const char *room_id, synctv_state_cause cause, uint64_t version,
    const char *node_id)
{
    const synctv_playback state = {
        .room_id = room_id,
        .movie_id = "",
        .status = SYNCTV_PLAYBACK_STATUS_PAUSED,
        .rate = 1,
        .version = version,
        .cause = cause,
        .actor_id = "",
        .operation_id = "",
        .node_id = node_id,
    };
    synctv_event *event = sv_event_new(SYNCTV_EVENT_STATE);
    event->state = &state;
    puppet_send_event(event);
    synctv_event_unref(event);
}

void puppet_finish(int code, int64_t retry_after_ms)
{
    synctv_error err;
    sv_error(&err, code);
    err.retry_after_ms = retry_after_ms;
    struct sv_rpc_stream *ending[MAX_STREAMS];
    int n = 0;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < MAX_STREAMS; i++) {
        if (streams[i] != NULL)
            ending[n++] = sv_rpc_stream_ref(streams[i]->rpc);
    }
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < n; i++) {
        sv_rpc_stream_finish(ending[i], code, code != 0 ? &err : NULL);
        sv_rpc_stream_unref(ending[i]);
    }
}

/* --- strings --- */

void puppet_fail(const char *method, int code, int times, int64_t retry_after_ms)
{
    pthread_mutex_lock(&lock);
    struct method *m = find(method);
    m->code = code;
    m->failures = times;
    m->retry_after_ms = retry_after_ms;
    pthread_mutex_unlock(&lock);
}

void puppet_extra(const void *data, size_t len)
{
    pthread_mutex_lock(&lock);
    memcpy(extra, data, len);
    extra_len = len;
    pthread_mutex_unlock(&lock);
}

void puppet_say(const char *method, const void *data, size_t len)
{
    pthread_mutex_lock(&lock);
    struct method *m = find(method);
    memcpy(m->say, data, len);
    m->say_len = len;
    pthread_mutex_unlock(&lock);
}

void puppet_hold(const char *method)
{
    pthread_mutex_lock(&lock);
    find(method)->hold = true;
    pthread_mutex_unlock(&lock);
}

void puppet_release(const char *method)
{
    pthread_mutex_lock(&lock);
    struct method *m = find(method);
    m->hold = false;
    while (m->n_held > 0)
        reply(m, m->held[--m->n_held]);
    pthread_mutex_unlock(&lock);
}

static int read_int(const int *what)
{
    pthread_mutex_lock(&lock);
    int value = *what;
    pthread_mutex_unlock(&lock);
    return value;
}

static void wait_int(const int *what, int at_least)
{
    for (long left = WAIT_MS / 5; left > 0 && read_int(what) < at_least; left--)
        sleep_ms(5);
    ck_assert_int_ge(read_int(what), at_least);
}

int puppet_calls(const char *method)
{
    return read_int(&find(method)->calls);
}

void puppet_wait_calls(const char *method, int n)
{
    wait_int(&find(method)->calls, n);
}

const char *puppet_token(void)
{
    static char token[64];
    pthread_mutex_lock(&lock);
    memcpy(token, last_token, sizeof(token));
    pthread_mutex_unlock(&lock);
    return token;
}

void puppet_set_expires_s(int64_t s)
{
    pthread_mutex_lock(&lock);
    expires_in_s = s;
    pthread_mutex_unlock(&lock);
}

int64_t puppet_wait_message(int n)
{
    wait_int(&n_messages, n);
    pthread_mutex_lock(&lock);
    int64_t stamp = message_stamps[n - 1];
    pthread_mutex_unlock(&lock);
    return stamp;
}

int puppet_reports(struct puppet_report *ret)
{
    pthread_mutex_lock(&lock);
    int n = n_reports;
    if (ret != NULL)
        *ret = last_report;
    pthread_mutex_unlock(&lock);
    return n;
}

void puppet_set_clock(int64_t offset_ms, bool wild)
{
    pthread_mutex_lock(&lock);
    clock_offset_ms = offset_ms;
    wild_clock = wild;
    pthread_mutex_unlock(&lock);
}

int puppet_pings(void)
{
    return read_int(&n_pings);
}

/* --- life --- */

void puppet_begin(void)
{
    support_begin();
    struct sv_rpc_server_options options;
    sv_rpc_server_defaults(&options);
    options.listen = "127.0.0.1:0";
    options.methods = table;
    options.n_methods = N_METHODS;
    for (size_t i = 0; i < N_METHODS; i++) {
        struct method *m = &methods[i];
        *m = (struct method){ .name = m->name, .number = m->number };
        char path[64];
        snprintf(path, sizeof(path), PREFIX "%s", m->name);
        table[i] = (struct sv_rpc_method){
            .path = strdup(path),
            .kind = strcmp(m->name, "MessageStream") == 0 ? SV_RPC_BIDI : SV_RPC_UNARY,
            .start = start,
            .service = m,
        };
    }
    n_tokens = n_messages = n_pings = n_reports = 0;
    expires_in_s = 3600;
    clock_offset_ms = 0;
    wild_clock = false;
    extra_len = 0;
    assert_ok(sv_rpc_server_new(&options, &rpc_server, &error));
}

void puppet_end(void)
{
    support_end();
    sv_rpc_server_free(rpc_server);
    for (size_t i = 0; i < N_METHODS; i++)
        free((char *)table[i].path);
}

struct person *puppet_person(void)
{
    char address[32];
    snprintf(address, sizeof(address), "127.0.0.1:%d", sv_rpc_server_port(rpc_server));
    synctv_client_options options;
    synctv_client_options_init(&options);
    options.address = address;
    options.connect_timeout_ms = WAIT_MS;
    struct person *person = person_connect_with(&options);
    assert_ok(synctv_client_login(person->client, "puppet", PASSWORD, NULL, &error));
    person->me = synctv_client_caller(person->client);
    return person;
}
