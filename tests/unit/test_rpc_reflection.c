/* SPDX-License-Identifier: MIT */
/* Health and reflection, as a client sees them. */
#include "test_rpc.h"

#include "rpc/pb.h"

#define CHECK "/grpc.health.v1.Health/Check"
#define WATCH "/grpc.health.v1.Health/Watch"
#define REFLECTION "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
#define REFLECTION_ALPHA "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"

static struct sv_rpc_server *server;
static struct sv_rpc_channel *channel;
static struct sv_rpc_pb_out set;

/* ---- a small descriptor set: a.proto imports b.proto and c.proto, b.proto imports c.proto ---- */

static struct sv_rpc_pb_out named(const char *name)
{
    struct sv_rpc_pb_out o = { 0 };
    sv_rpc_pb_put_string(&o, 1, name);
    return o;
}

static void put_named(struct sv_rpc_pb_out *to, uint32_t number, const char *name)
{
    struct sv_rpc_pb_out o = named(name);
    sv_rpc_pb_put_message(to, number, &o);
}

static void make_set(void)
{
    struct sv_rpc_pb_out c = named("c.proto"), b = named("b.proto"), a = named("dir/a.proto");
    sv_rpc_pb_put_string(&c, 2, "p.c");
    struct sv_rpc_pb_out outer = named("Outer"), inner = named("Inner"), kind = named("Kind");
    put_named(&inner, 2, "field");
    put_named(&inner, 8, "choice");
    put_named(&kind, 2, "KIND_A");
    sv_rpc_pb_put_message(&outer, 3, &inner);
    sv_rpc_pb_put_message(&outer, 4, &kind);
    sv_rpc_pb_put_message(&c, 4, &outer);

    sv_rpc_pb_put_string(&b, 3, "c.proto");
    struct sv_rpc_pb_out extension = named("more");
    sv_rpc_pb_put_string(&extension, 2, ".p.c.Outer");
    sv_rpc_pb_put_varint(&extension, 3, 1000);
    sv_rpc_pb_put_message(&b, 7, &extension);

    sv_rpc_pb_put_string(&a, 2, "t");
    sv_rpc_pb_put_string(&a, 3, "b.proto");
    sv_rpc_pb_put_string(&a, 3, "c.proto");
    struct sv_rpc_pb_out service = named("Echo");
    put_named(&service, 2, "Echo");
    sv_rpc_pb_put_message(&a, 6, &service);

    sv_rpc_pb_put_message(&set, 1, &c);
    sv_rpc_pb_put_message(&set, 1, &b);
    sv_rpc_pb_put_message(&set, 1, &a);
}

static void setup(void)
{
    make_set();
    struct sv_rpc_server_options o;
    test_options(&o);
    o.descriptor_set = set.data;
    o.descriptor_set_len = set.len;
    server = server_with(&o);
    channel = channel_to(sv_rpc_server_port(server));
}

static void teardown(void)
{
    sv_rpc_channel_free(channel);
    sv_rpc_server_free(server);
    sv_rpc_pb_out_free(&set);
}

/* ---- health ---- */

static int check_health(const char *service)
{
    struct reply r;
    struct sv_rpc_pb_out request = named(service);
    ask(channel, CHECK, request.data, request.len, 25000, &r);
    sv_rpc_pb_out_free(&request);
    wait_for(&r.done, 1);
    int rv = r.grpc_status != 0 ? -r.grpc_status : r.len == 2 && r.data[0] == 8 ? r.data[1] : -100;
    free(r.data);
    return rv;
}

START_TEST(health_knows_the_server_and_its_services)
{
    ck_assert_int_eq(check_health(""), 1);
    ck_assert_int_eq(check_health("t.Echo"), 1);
    ck_assert_int_eq(check_health("grpc.health.v1.Health"), 1);
    ck_assert_int_eq(check_health("t.Ech"), -5);
    sv_rpc_server_set_serving(server, false);
    ck_assert_int_eq(check_health(""), 2);
    ck_assert_int_eq(check_health("t.Echo"), 2);
    sv_rpc_server_set_serving(server, true);
    ck_assert_int_eq(check_health("t.Echo"), 1);
    struct reply r;
    ck_assert_int_eq(call(channel, CHECK, "\x0a\x7f", &r), 3);
    free(r.data);
}
END_TEST

static void watch_health(struct talk *t, const char *service)
{
    struct sv_rpc_pb_out request = named(service);
    talk_begin(channel, WATCH, t);
    sv_rpc_client_stream_send(t->stream, sv_rpc_bytes_copy(request.data, request.len));
    sv_rpc_client_stream_half_close(t->stream);
    sv_rpc_pb_out_free(&request);
}

START_TEST(watchers_of_health_see_each_change)
{
    struct talk known = { 0 }, unknown = { 0 };
    watch_health(&known, "t.Echo");
    watch_health(&unknown, "t.Nothing");
    wait_for(&known.received, 1);
    ck_assert_int_eq(known.last[1], 1);
    wait_for(&unknown.received, 1);
    ck_assert_int_eq(unknown.last[1], 3);
    sv_rpc_server_set_serving(server, false);
    wait_for(&known.received, 2);
    ck_assert_int_eq(known.last[1], 2);
    sv_rpc_server_set_serving(server, true);
    wait_for(&known.received, 3);
    ck_assert_int_eq(known.last[1], 1);
    sv_rpc_server_stop(server, 25000);
    ck_assert_int_eq(talk_end(&known), 14);
    ck_assert_int_eq(known.received, 4); /* NOT_SERVING comes before the end */
    ck_assert_int_eq(known.last[1], 2);
    ck_assert_int_eq(talk_end(&unknown), 14);
    ck_assert_int_eq(unknown.received, 1);
}
END_TEST

START_TEST(a_connection_has_a_few_watchers_and_no_more)
{
    enum { N = 4 };
    struct talk watchers[N] = { 0 }, one_more = { 0 }, echo = { 0 };
    for (int i = 0; i < N; i++) {
        watch_health(&watchers[i], "");
        wait_for(&watchers[i].received, 1);
    }
    watch_health(&one_more, "");
    ck_assert_int_eq(talk_end(&one_more), 8);
    talk_begin(channel, "/t.Echo/Stream", &echo); /* others are counted apart */
    wait_for(&echo.opened, 1);
    sv_rpc_client_stream_cancel(echo.stream);
    talk_end(&echo);
    for (int i = 0; i < N; i++) {
        sv_rpc_client_stream_cancel(watchers[i].stream);
        talk_end(&watchers[i]);
    }
}
END_TEST

/* ---- reflection ---- */

struct answers {
    struct sv_rpc_client_stream *stream;
    struct sv_rpc_pb_out last;
    int n, ended, grpc_status;
};

static void answer_message(struct sv_rpc_client_stream *stream, void *userdata, const void *data,
    size_t len)
{
    struct answers *a = userdata;
    /* Sanitizers do not know that a question comes before its answer. */
    pthread_mutex_lock(&test_lock);
    sv_rpc_pb_out_free(&a->last);
    sv_rpc_pb_put_bytes(&a->last, 1, data, len);
    pthread_mutex_unlock(&test_lock);
    change(&a->n, 1);
}

static void answer_status(struct sv_rpc_client_stream *stream, void *userdata,
    const struct sv_rpc_answer *answer)
{
    struct answers *a = userdata;
    a->grpc_status = answer->grpc_status;
    change(&a->ended, 1);
}

static void begin(struct answers *a, const char *path)
{
    static const struct sv_rpc_client_stream_ops ops = { .on_message = answer_message,
        .on_status = answer_status };
    struct sv_rpc_request request = { .path = path };
    *a = (struct answers){ 0 };
    a->stream = sv_rpc_client_stream_open(channel, &request, &ops, a);
}

static void end(struct answers *a)
{
    sv_rpc_client_stream_half_close(a->stream);
    wait_for(&a->ended, 1);
    sv_rpc_client_stream_unref(a->stream);
    sv_rpc_pb_out_free(&a->last);
}

/* Asks and returns the answer's part `number`; without it `number` is 0. */
static struct sv_rpc_pb_field question(struct answers *a, struct sv_rpc_pb_out *q)
{
    int before = value(&a->n);
    sv_rpc_client_stream_send(a->stream, sv_rpc_bytes_copy(q->data, q->len));
    sv_rpc_pb_out_free(q);
    wait_for(&a->n, before + 1);
    struct sv_rpc_pb_in in = sv_rpc_pb_in(a->last.data, a->last.len);
    struct sv_rpc_pb_field f, part = { 0 };
    sv_rpc_pb_next(&in, &f);
    in = sv_rpc_pb_in(f.data, f.len);
    while (sv_rpc_pb_next(&in, &f) > 0)
        if (f.number >= 4)
            part = f;
    return part;
}

static struct sv_rpc_pb_field ask_text(struct answers *a, uint32_t number, const char *text)
{
    struct sv_rpc_pb_out q = { 0 };
    sv_rpc_pb_put_bytes(&q, number, text, strlen(text));
    return question(a, &q);
}

/* "c.proto b.proto" for a file response, "error 5" for an error. */
static const char *names(const struct sv_rpc_pb_field *part)
{
    static char out[256];
    struct sv_rpc_pb_in in = sv_rpc_pb_in(part->data, part->len);
    struct sv_rpc_pb_field f, g;
    out[0] = '\0';
    while (sv_rpc_pb_next(&in, &f) > 0) {
        size_t n = strlen(out);
        if (part->number == 7) {
            if (f.number == 1)
                snprintf(out, sizeof(out), "error %d", (int)f.value);
            continue;
        }
        struct sv_rpc_pb_in file = sv_rpc_pb_in(f.data, f.len);
        if (part->number == 5)
            snprintf(out + n, sizeof(out) - n, "%s%.*s%d", n ? " " : "",
                f.type == SV_RPC_PB_BYTES ? (int)f.len : 0, (const char *)f.data, (int)f.value);
        else if (sv_rpc_pb_next(&file, &g) > 0)
            snprintf(out + n, sizeof(out) - n, "%s%.*s", n ? " " : "", (int)g.len,
                (const char *)g.data);
    }
    return out;
}

START_TEST(reflection_lists_the_services_in_both_versions)
{
    const char *paths[] = { REFLECTION, REFLECTION_ALPHA };
    for (int i = 0; i < 2; i++) {
        struct answers a;
        begin(&a, paths[i]);
        struct sv_rpc_pb_field part = ask_text(&a, 7, "*");
        ck_assert_uint_eq(part.number, 6);
        ck_assert_str_eq(names(&part),
            "t.Echo grpc.health.v1.Health grpc.reflection.v1.ServerReflection "
            "grpc.reflection.v1alpha.ServerReflection");
        end(&a);
        ck_assert_int_eq(a.grpc_status, 0);
    }
}
END_TEST

START_TEST(files_come_with_their_imports_once_a_stream)
{
    struct answers a;
    begin(&a, REFLECTION);
    struct sv_rpc_pb_field part = ask_text(&a, 3, "dir/a.proto");
    ck_assert_str_eq(names(&part), "dir/a.proto c.proto b.proto");
    part = ask_text(&a, 3, "b.proto");
    ck_assert_str_eq(names(&part), "b.proto"); /* c.proto is there already */
    end(&a);
}
END_TEST

START_TEST(symbols_of_all_kinds_are_found)
{
    static const struct {
        const char *symbol, *files;
    } cases[] = {
        { "t.Echo", "dir/a.proto c.proto b.proto" },
        { "t.Echo.Echo", "dir/a.proto" },
        { "p.c.Outer", "c.proto" },
        { "p.c.Outer.Inner", "c.proto" },
        { "p.c.Outer.Inner.field", "c.proto" },
        { "p.c.Outer.Inner.choice", "c.proto" },
        { "p.c.Outer.Kind", "c.proto" },
        { "p.c.Outer.KIND_A", "c.proto" },
        { "more", "b.proto" },
        { "p.c", "error 5" },
        { "", "error 5" },
        { "t.Echo.Nothing", "error 5" },
    };
    struct answers a;
    begin(&a, REFLECTION);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sv_rpc_pb_field part = ask_text(&a, 4, cases[i].symbol);
        ck_assert_str_eq(names(&part), cases[i].files);
    }
    end(&a);
}
END_TEST

static struct sv_rpc_pb_field ask_extension(struct answers *a, const char *type, int number)
{
    struct sv_rpc_pb_out q = { 0 }, inner = named(type);
    sv_rpc_pb_put_varint(&inner, 2, (uint64_t)number);
    sv_rpc_pb_put_message(&q, 5, &inner);
    return question(a, &q);
}

START_TEST(extensions_are_found)
{
    struct answers a;
    begin(&a, REFLECTION);
    struct sv_rpc_pb_field part = ask_extension(&a, "p.c.Outer", 1000);
    ck_assert_str_eq(names(&part), "b.proto c.proto");
    part = ask_extension(&a, "p.c.Outer", 1001);
    ck_assert_str_eq(names(&part), "error 5");
    part = ask_text(&a, 6, "p.c.Outer");
    ck_assert_str_eq(names(&part), "p.c.Outer0 1000");
    part = ask_text(&a, 6, "p.c.Outer.Inner");
    ck_assert_str_eq(names(&part), "p.c.Outer.Inner0");
    part = ask_text(&a, 6, "p.c.Outer.Kind");
    ck_assert_str_eq(names(&part), "error 5");
    end(&a);
}
END_TEST

START_TEST(no_question_and_no_protobuf_are_told_apart)
{
    struct answers a;
    begin(&a, REFLECTION);
    struct sv_rpc_pb_out nothing = { 0 };
    struct sv_rpc_pb_field part = question(&a, &nothing);
    ck_assert_str_eq(names(&part), "error 12");
    sv_rpc_client_stream_send(a.stream, sv_rpc_bytes_copy("\xff", 1));
    wait_for(&a.ended, 1);
    ck_assert_int_eq(a.grpc_status, 3);
    end(&a);
}
END_TEST

START_TEST(a_question_that_is_too_long_is_not_repeated_to_its_asker)
{
    static const char zeros[8192];
    struct answers a;
    begin(&a, REFLECTION);
    struct sv_rpc_pb_out long_one = { 0 };
    sv_rpc_pb_put_bytes(&long_one, 1, zeros, sizeof(zeros));
    sv_rpc_client_stream_send(a.stream, sv_rpc_bytes_copy(long_one.data, long_one.len));
    sv_rpc_pb_out_free(&long_one);
    end(&a);
    ck_assert_int_eq(a.grpc_status, 8);
    ck_assert_int_eq(a.n, 0);
}
END_TEST

START_TEST(questions_asked_at_once_are_answered_one_by_one)
{
    struct answers a;
    begin(&a, REFLECTION);
    struct sv_rpc_pb_out q = { 0 };
    sv_rpc_pb_put_string(&q, 7, "*");
    for (int i = 0; i < 200; i++)
        ck_assert_int_eq(sv_rpc_client_stream_send(a.stream, sv_rpc_bytes_copy(q.data, q.len)), 0);
    sv_rpc_pb_out_free(&q);
    end(&a);
    ck_assert_int_eq(value(&a.n), 200);
    ck_assert_int_eq(a.grpc_status, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("rpc reflection");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, health_knows_the_server_and_its_services);
    tcase_add_test(t, watchers_of_health_see_each_change);
    tcase_add_test(t, a_connection_has_a_few_watchers_and_no_more);
    tcase_add_test(t, reflection_lists_the_services_in_both_versions);
    tcase_add_test(t, files_come_with_their_imports_once_a_stream);
    tcase_add_test(t, symbols_of_all_kinds_are_found);
    tcase_add_test(t, extensions_are_found);
    tcase_add_test(t, no_question_and_no_protobuf_are_told_apart);
    tcase_add_test(t, a_question_that_is_too_long_is_not_repeated_to_its_asker);
    tcase_add_test(t, questions_asked_at_once_are_answered_one_by_one);
    suite_add_tcase(s, t);
    return run_suite(s);
}
