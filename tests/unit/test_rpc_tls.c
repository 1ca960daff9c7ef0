/* SPDX-License-Identifier: MIT */
/* Certificates: of the server, of clients, new ones while running. */
#include "test_identity.h"
#include "test_rpc.h"

static struct identity ca, other_ca, node, node2, client, stranger;

static void setup(void)
{
    ca = identity_new("ca", NULL);
    other_ca = identity_new("other ca", NULL);
    node = identity_new("node.test", &ca);
    node2 = identity_new("node2.test", &ca);
    client = identity_new("node-b", &ca);
    stranger = identity_new("stranger", &other_ca);
}

static void teardown(void)
{
    struct identity *all[] = { &ca, &other_ca, &node, &node2, &client, &stranger };
    for (int i = 0; i < 6; i++)
        identity_free(all[i]);
}

static struct sv_rpc_server *tls_server(const char *client_ca)
{
    struct sv_rpc_tls tls = { node.cert_pem, node.key_pem, client_ca };
    struct sv_rpc_server_options o;
    test_options(&o);
    o.tls = &tls;
    o.handshake_ms = 60000; /* valgrind is slow */
    return server_with(&o);
}

/* Returns the gRPC status of one call on a connection of its own. */
static int try_call(struct sv_rpc_server *server, const char *name, const struct identity *root,
    const struct identity *self, struct reply *r)
{
    char target[32];
    snprintf(target, sizeof(target), "127.0.0.1:%d", sv_rpc_server_port(server));
    struct sv_rpc_channel_options o;
    sv_rpc_channel_defaults(&o);
    o.target = target;
    o.tls = true;
    o.root_ca = root->cert_pem;
    o.server_name = name;
    o.connect_timeout_ms = 30000;
    o.cert = self != NULL ? self->cert_pem : NULL;
    o.key = self != NULL ? self->key_pem : NULL;
    struct sv_rpc_channel *channel;
    ck_assert_int_eq(sv_rpc_channel_new(&o, &channel, NULL), 0);
    call(channel, "/t.Echo/Describe", "", r);
    sv_rpc_channel_free(channel);
    free(r->data);
    r->data = NULL;
    return r->grpc_status;
}

START_TEST(a_client_calls_a_server_whose_certificate_it_trusts)
{
    struct reply r;
    struct sv_rpc_server *server = tls_server(NULL);
    ck_assert_int_eq(try_call(server, "node.test", &ca, NULL, &r), 0);
    ck_assert_int_eq(try_call(server, "other.test", &ca, NULL, &r), 14);
    ck_assert_int_eq(try_call(server, "node.test", &other_ca, NULL, &r), 14);
    struct sv_rpc_channel *plain = channel_to(sv_rpc_server_port(server));
    ck_assert_int_eq(call(plain, "/t.Echo/Echo", "", &r), 14);
    free(r.data);
    sv_rpc_channel_free(plain);
    sv_rpc_server_free(server);
}
END_TEST

static char seen_name[64];

static void do_name(struct sv_rpc_call *call, void *service)
{
    snprintf(seen_name, sizeof(seen_name), "%s", sv_rpc_call_cert_name(call));
    sv_rpc_call_reply(call, sv_rpc_bytes_copy("", 0));
}

START_TEST(clients_must_show_a_certificate_where_one_is_demanded)
{
    struct reply r;
    struct sv_rpc_method method = { "/t.Echo/Describe", SV_RPC_UNARY, do_name, NULL, 0 };
    struct sv_rpc_tls tls = { node.cert_pem, node.key_pem, ca.cert_pem };
    struct sv_rpc_server_options o;
    test_options(&o);
    o.tls = &tls;
    o.methods = &method;
    o.n_methods = 1;
    struct sv_rpc_server *server = server_with(&o);
    ck_assert_int_eq(try_call(server, "node.test", &ca, &client, &r), 0);
    ck_assert_str_eq(seen_name, "node-b");
    ck_assert_int_eq(try_call(server, "node.test", &ca, NULL, &r), 14);
    ck_assert_int_eq(try_call(server, "node.test", &ca, &stranger, &r), 14);
    sv_rpc_server_free(server);
}
END_TEST

START_TEST(new_certificates_are_taken_while_running)
{
    struct reply r;
    struct sv_rpc_server *server = tls_server(NULL);
    ck_assert_int_eq(try_call(server, "node2.test", &ca, NULL, &r), 14);
    struct sv_rpc_tls fresh = { node2.cert_pem, node2.key_pem, NULL };
    ck_assert_int_eq(sv_rpc_server_reload_tls(server, &fresh, NULL), 0);
    ck_assert_int_eq(try_call(server, "node2.test", &ca, NULL, &r), 0);
    struct sv_rpc_tls wrong = { node2.cert_pem, node.key_pem, NULL };
    synctv_error err;
    ck_assert_int_eq(sv_rpc_server_reload_tls(server, &wrong, &err), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "tls_key_file");
    ck_assert_int_eq(try_call(server, "node2.test", &ca, NULL, &r), 0);
    sv_rpc_server_free(server);
}
END_TEST

START_TEST(certificates_that_cannot_work_are_refused_at_once)
{
    static const char junk[] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    struct {
        struct sv_rpc_tls tls;
        const char *field;
    } cases[] = {
        { { NULL, node.key_pem, NULL }, "tls_cert_file" },
        { { node.cert_pem, NULL, NULL }, "tls_key_file" },
        { { junk, node.key_pem, NULL }, "tls_cert_file" },
        { { node.cert_pem, "no key", NULL }, "tls_key_file" },
        { { node.cert_pem, node2.key_pem, NULL }, "tls_key_file" },
        { { node.cert_pem, node.key_pem, junk }, "tls_client_ca_file" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sv_rpc_server_options o;
        test_options(&o);
        o.tls = &cases[i].tls;
        struct sv_rpc_server *server;
        synctv_error err;
        ck_assert_int_eq(sv_rpc_server_new(&o, &server, &err), SYNCTV_E_INVALID_ARGUMENT);
        ck_assert_str_eq(err.field, cases[i].field);
    }
    struct sv_rpc_channel_options o;
    sv_rpc_channel_defaults(&o);
    o.target = "127.0.0.1:1";
    o.tls = true;
    o.root_ca = junk;
    struct sv_rpc_channel *channel;
    synctv_error err;
    ck_assert_int_eq(sv_rpc_channel_new(&o, &channel, &err), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "tls_ca_file");
    o.root_ca = ca.cert_pem;
    o.cert = client.cert_pem;
    ck_assert_int_eq(sv_rpc_channel_new(&o, &channel, &err), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "tls_key_file");
    o.cert = NULL;
    o.key = client.key_pem;
    ck_assert_int_eq(sv_rpc_channel_new(&o, &channel, &err), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "tls_cert_file");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("rpc tls");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_client_calls_a_server_whose_certificate_it_trusts);
    tcase_add_test(t, clients_must_show_a_certificate_where_one_is_demanded);
    tcase_add_test(t, new_certificates_are_taken_while_running);
    tcase_add_test(t, certificates_that_cannot_work_are_refused_at_once);
    suite_add_tcase(s, t);
    return run_suite(s);
}
