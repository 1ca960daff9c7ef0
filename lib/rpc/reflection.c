/* SPDX-License-Identifier: MIT */
/* v1 and v1alpha are the same protocol under two names. */
#include "rpc/reflection.h"

#include <stdlib.h>
#include <string.h>

#include <grpc/status.h>

#include "base/error.h"
#include "rpc/server_inside.h"
#include "rpc/pb.h"

/* Long enough for names of files, symbols and types. The answer repeats the question. */
#define QUESTION_MAX_BYTES 4096
/* Questions of a stream whose turn has not come because the client does not read answers. */
#define QUESTIONS_MAX 1024
#define QUESTIONS_MAX_BYTES (64 << 10)

/* ServerReflectionRequest */
enum {
    ASK_FILE = 3,
    ASK_SYMBOL = 4,
    /* ExtensionRequest { string containing_type = 1; int32 extension_number = 2; } */
    ASK_EXTENSION = 5,
    ASK_EXTENSION_NUMBERS = 6,
    ASK_SERVICES = 7,
};
/* ServerReflectionResponse */
enum {
    ANSWER_HOST = 1,
    ANSWER_REQUEST = 2,
    ANSWER_FILES = 4,
    ANSWER_EXTENSION_NUMBERS = 5,
    ANSWER_SERVICES = 6,
    /* ErrorResponse { int32 error_code = 1; string error_message = 2; } */
    ANSWER_ERROR = 7,
};

struct question {
    struct sv_list link;
    size_t len;
    char data[];
};

/* A stream of a client. Its questions are answered in order, one answer at a time. */
struct session {
    const struct sv_rpc_server *server;
    /* Of what follows but `sent`, which next() alone uses. */
    pthread_mutex_t lock;
    struct sv_list questions;
    size_t n_questions, questions_bytes;
    bool half_closed;
    /* For each file: the client has it. */
    bool sent[];
};

static void put_error(struct sv_rpc_pb_out *out, int code, const char *text)
{
    struct sv_rpc_pb_out error = { 0 };
    sv_rpc_pb_put_varint(&error, 1, (uint64_t)code);
    sv_rpc_pb_put_string(&error, 2, text);
    sv_rpc_pb_put_message(out, ANSWER_ERROR, &error);
}

/*
 * Puts the imports of a file, those that are needed first before the others. A stream gets each
 * file once. protoc makes no circles of imports; `sent` would end them.
 */
static void put_imports(struct session *s, struct sv_rpc_pb_out *files, size_t i)
{
    const struct sv_rpc_descriptor_file *file = sv_rpc_descriptors_file(s->server->descriptors, i);
    for (size_t k = 0; k < file->n_imports; k++) {
        size_t import = file->imports[k];
        if (s->sent[import])
            continue;
        s->sent[import] = true;
        put_imports(s, files, import);
        const struct sv_rpc_descriptor_file *imported =
            sv_rpc_descriptors_file(s->server->descriptors, import);
        sv_rpc_pb_put_bytes(files, 1, imported->data, imported->len);
    }
}

static void put_file(struct session *s, struct sv_rpc_pb_out *out, int i, const char *what)
{
    if (i < 0) {
        put_error(out, GRPC_STATUS_NOT_FOUND, what);
        return;
    }
    struct sv_rpc_pb_out files = { 0 };
    const struct sv_rpc_descriptor_file *file =
        sv_rpc_descriptors_file(s->server->descriptors, (size_t)i);
    s->sent[i] = true;
    sv_rpc_pb_put_bytes(&files, 1, file->data, file->len);
    put_imports(s, &files, (size_t)i);
    sv_rpc_pb_put_message(out, ANSWER_FILES, &files);
}

static void put_extension(struct session *s, struct sv_rpc_pb_out *out,
    const struct sv_rpc_pb_field *ask)
{
    struct sv_rpc_pb_in in = sv_rpc_pb_in(ask->data, ask->len);
    struct sv_rpc_pb_field f, type = { .data = (const uint8_t *)"" };
    int32_t number = 0;
    while (sv_rpc_pb_next(&in, &f) > 0) {
        if (f.number == 1 && f.type == SV_RPC_PB_BYTES)
            type = f;
        else if (f.number == 2 && f.type == SV_RPC_PB_VARINT)
            number = (int32_t)f.value;
    }
    put_file(s, out,
        sv_rpc_descriptors_find_extension(s->server->descriptors, type.data, type.len, number),
        "no such extension");
}

static void put_number(void *userdata, int32_t number)
{
    sv_rpc_pb_put_varint(userdata, 2, (uint64_t)(int64_t)number);
}

static void put_extension_numbers(struct session *s, struct sv_rpc_pb_out *out,
    const struct sv_rpc_pb_field *type)
{
    struct sv_rpc_pb_out numbers = { 0 };
    sv_rpc_pb_put_bytes(&numbers, 1, type->data, type->len);
    if (sv_rpc_descriptors_each_extension(s->server->descriptors, type->data, type->len, put_number,
            &numbers)) {
        sv_rpc_pb_put_message(out, ANSWER_EXTENSION_NUMBERS, &numbers);
    } else {
        sv_rpc_pb_out_free(&numbers);
        put_error(out, GRPC_STATUS_NOT_FOUND, "no such message type");
    }
}

/* Length of the service in "/service/method". */
static size_t service_len(const char *path)
{
    const char *slash = strrchr(path, '/');
    return path[0] == '/' && slash > path ? (size_t)(slash - path - 1) : 0;
}

static bool is_first_of_service(const struct sv_rpc_server *server, size_t i)
{
    const char *path = server->methods[i].m.path;
    size_t len = service_len(path);
    for (size_t k = 0; k < i; k++) {
        const char *other = server->methods[k].m.path;
        if (service_len(other) == len && strncmp(other, path, len + 1) == 0)
            return false;
    }
    return len > 0;
}

static void put_services(struct session *s, struct sv_rpc_pb_out *out)
{
    struct sv_rpc_pb_out list = { 0 };
    for (size_t i = 0; i < s->server->n_methods; i++) {
        const char *path = s->server->methods[i].m.path;
        if (!is_first_of_service(s->server, i))
            continue;
        struct sv_rpc_pb_out service = { 0 };
        sv_rpc_pb_put_bytes(&service, 1, path + 1, service_len(path));
        sv_rpc_pb_put_message(&list, 1, &service);
    }
    sv_rpc_pb_put_message(out, ANSWER_SERVICES, &list);
}

static void put_answer(struct session *s, struct sv_rpc_pb_out *out,
    const struct sv_rpc_pb_field *ask)
{
    const struct sv_rpc_descriptors *d = s->server->descriptors;
    switch (ask->type == SV_RPC_PB_BYTES ? ask->number : 0) {
    case ASK_FILE:
        put_file(s, out, sv_rpc_descriptors_find_file(d, ask->data, ask->len), "no such file");
        break;
    case ASK_SYMBOL:
        put_file(s, out, sv_rpc_descriptors_find_symbol(d, ask->data, ask->len), "no such symbol");
        break;
    case ASK_EXTENSION:
        put_extension(s, out, ask);
        break;
    case ASK_EXTENSION_NUMBERS:
        put_extension_numbers(s, out, ask);
        break;
    case ASK_SERVICES:
        put_services(s, out);
        break;
    default:
        put_error(out, GRPC_STATUS_UNIMPLEMENTED, "no such question");
        break;
    }
}

static struct question *copy_question(const void *data, size_t len)
{
    struct question *q = malloc(sizeof(*q) + len);
    if (q == NULL)
        return NULL;
    sv_list_init(&q->link);
    q->len = len;
    memcpy(q->data, data, len);
    return q;
}

static void on_message(struct sv_rpc_stream *stream, void *userdata, const void *data, size_t len)
{
    struct session *s = userdata;
    struct question *q = len <= QUESTION_MAX_BYTES ? copy_question(data, len) : NULL;
    if (q == NULL) {
        int code = len <= QUESTION_MAX_BYTES ? SYNCTV_E_NO_MEMORY : SYNCTV_E_TOO_LARGE;
        sv_rpc_stream_finish(stream, code, NULL);
        return;
    }
    pthread_mutex_lock(&s->lock);
    bool fits = s->n_questions < QUESTIONS_MAX && s->questions_bytes + len <= QUESTIONS_MAX_BYTES;
    if (fits) {
        sv_list_append(&s->questions, &q->link);
        s->n_questions++;
        s->questions_bytes += len;
    }
    pthread_mutex_unlock(&s->lock);
    if (fits) {
        sv_rpc_stream_kick(stream);
        return;
    }
    free(q);
    synctv_error err;
    sv_errorf(&err, SYNCTV_E_OVERLOADED, "too many questions whose answers are not read");
    sv_rpc_stream_finish(stream, err.code, &err);
}

/* NULL = there is no question now; then *ret_is_over says whether none will come. */
static struct question *take_question(struct session *s, bool *ret_is_over)
{
    pthread_mutex_lock(&s->lock);
    struct sv_list *link = sv_list_pop(&s->questions);
    struct question *q = link != NULL ? SV_CONTAINER_OF(link, struct question, link) : NULL;
    if (q != NULL) {
        s->n_questions--;
        s->questions_bytes -= q->len;
    }
    *ret_is_over = q == NULL && s->half_closed;
    pthread_mutex_unlock(&s->lock);
    return q;
}

static int answer(struct session *s, const struct question *q, struct sv_rpc_bytes *ret_bytes)
{
    struct sv_rpc_pb_in in = sv_rpc_pb_in(q->data, q->len);
    struct sv_rpc_pb_field f, host = { 0 }, ask = { 0 };
    int rv;
    while ((rv = sv_rpc_pb_next(&in, &f)) > 0) {
        if (f.number == 1 && f.type == SV_RPC_PB_BYTES)
            host = f;
        else if (f.number >= ASK_FILE && f.number <= ASK_SERVICES)
            ask = f; /* of a oneof the last member counts */
    }
    if (rv < 0)
        return SYNCTV_E_INVALID_ARGUMENT;
    struct sv_rpc_pb_out out = { 0 };
    if (host.len > 0)
        sv_rpc_pb_put_bytes(&out, ANSWER_HOST, host.data, host.len);
    sv_rpc_pb_put_bytes(&out, ANSWER_REQUEST, q->data, q->len);
    put_answer(s, &out, &ask);
    if (!out.failed)
        *ret_bytes = sv_rpc_bytes_copy(out.data, out.len);
    rv = out.failed ? SYNCTV_E_NO_MEMORY : 1;
    sv_rpc_pb_out_free(&out);
    return rv;
}

static int next(struct sv_rpc_stream *stream, void *userdata, struct sv_rpc_bytes *ret_bytes,
    synctv_error *ret_error)
{
    struct session *s = userdata;
    bool is_over;
    struct question *q = take_question(s, &is_over);
    if (is_over)
        sv_rpc_stream_finish(stream, 0, NULL);
    int rv = q != NULL ? answer(s, q, ret_bytes) : 0;
    free(q);
    return rv;
}

static void on_half_close(struct sv_rpc_stream *stream, void *userdata)
{
    struct session *s = userdata;
    pthread_mutex_lock(&s->lock);
    s->half_closed = true;
    pthread_mutex_unlock(&s->lock);
    sv_rpc_stream_kick(stream); /* next() ends it */
}

static void on_closed(struct sv_rpc_stream *stream, void *userdata)
{
    struct session *s = userdata;
    struct sv_list *link;
    while ((link = sv_list_pop(&s->questions)) != NULL)
        free(SV_CONTAINER_OF(link, struct question, link));
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static void start(struct sv_rpc_call *call, void *service)
{
    static const struct sv_rpc_stream_ops ops = { .on_message = on_message,
        .next = next,
        .on_half_close = on_half_close,
        .on_closed = on_closed };
    const struct sv_rpc_server *server = service;
    struct session *s = calloc(1, sizeof(*s) + sv_rpc_descriptors_count(server->descriptors));
    if (s == NULL) {
        sv_rpc_call_fail(call, SYNCTV_E_NO_MEMORY, NULL, NULL);
        return;
    }
    s->server = server;
    sv_list_init(&s->questions);
    pthread_mutex_init(&s->lock, NULL);
    int rv = sv_rpc_call_accept(call, &ops, s, NULL);
    if (rv < 0) {
        sv_rpc_call_fail(call, rv, NULL, NULL);
        on_closed(NULL, s);
    }
}

void sv_rpc_reflection_methods(struct sv_rpc_server *server,
    struct sv_rpc_method out[SV_RPC_REFLECTION_METHODS])
{
    static const char *const paths[SV_RPC_REFLECTION_METHODS] = {
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    };
    for (int i = 0; i < SV_RPC_REFLECTION_METHODS; i++)
        out[i] = (struct sv_rpc_method){ .path = paths[i],
            .kind = SV_RPC_BIDI,
            .start = start,
            .service = server,
            .flags = SV_RPC_NO_SIGN_IN };
}
