/* SPDX-License-Identifier: MIT */
/*
 * What stands between gRPC and hostile clients, in a process that also listens with libuv, in plain
 * text and with OpenSSL.
 */
#include <arpa/inet.h>
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <uv.h>

#include <synctv/synctv.h>

#include "../../server/grpc_guard/guard.h"
#include "../../server/log.h"

#define MAX_CONNECTIONS 3
#define N_CLIENTS 10
#define TIME_OUT_S 50

static synctv_node *node;
static int grpc_port;

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static char log_text[64 << 10];

static void keep_line(void *userdata, synctv_log_level level, const char *area, const char *line)
{
    pthread_mutex_lock(&log_lock);
    strncat(log_text, line, sizeof(log_text) - strlen(log_text) - 1);
    strncat(log_text, "\n", sizeof(log_text) - strlen(log_text) - 1);
    pthread_mutex_unlock(&log_lock);
}

static bool is_in_log(const char *words)
{
    pthread_mutex_lock(&log_lock);
    bool is_in = strstr(log_text, words) != NULL;
    pthread_mutex_unlock(&log_lock);
    return is_in;
}

/* ---- clients: they wait for what they want ---- */

static int connect_to(int port)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    struct timeval patience = { .tv_sec = TIME_OUT_S };
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";

/* Says hello to gRPC. Returns whether it answers, which it does with its settings. */
static bool is_answered(int fd)
{
    char first;
    ck_assert_int_eq(write(fd, preface, sizeof(preface) - 1), sizeof(preface) - 1);
    return read(fd, &first, 1) == 1;
}

/* The same behind TLS. */
static SSL *secure(SSL_CTX *context, int fd)
{
    static const unsigned char h2[] = { 2, 'h', '2' };
    SSL *ssl = SSL_new(context);
    ck_assert_ptr_nonnull(ssl);
    SSL_set_alpn_protos(ssl, h2, sizeof(h2));
    ck_assert_int_eq(SSL_set_fd(ssl, fd), 1);
    ck_assert_int_eq(SSL_connect(ssl), 1);
    return ssl;
}

static void hang_up(SSL *ssl, int fd)
{
    SSL_free(ssl);
    close(fd);
}

/* ---- a certificate ---- */

static char cert_path[64], key_path[64];

static void write_pem(char *path, const void *what, int (*write_it)(FILE *, const void *))
{
    strcpy(path, "/tmp/synctv-guard-XXXXXX");
    int fd = mkstemp(path);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(write_it(file, what), 1);
    fclose(file);
}

static int write_cert(FILE *file, const void *cert)
{
    return PEM_write_X509(file, cert);
}

static int write_key(FILE *file, const void *key)
{
    return PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
}

static void make_certificate(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    ck_assert(key != NULL && cert != NULL);
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
        (const unsigned char *)"localhost", -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509_set_pubkey(cert, key);
    ck_assert_int_gt(X509_sign(cert, key, EVP_sha256()), 0);
    write_pem(cert_path, cert, write_cert);
    write_pem(key_path, key, write_key);
    X509_free(cert);
    EVP_PKEY_free(key);
}

/* ---- an echo on libuv, in a thread of its own ---- */

static struct {
    uv_thread_t thread;
    uv_loop_t loop;
    uv_tcp_t listener;
    uv_async_t stop;
    SSL_CTX *tls; /* NULL = plain text */
    int port;
} echo;

struct visitor {
    uv_tcp_t handle;
    SSL *ssl;
    BIO *in, *out;
    char buffer[4096];
};

static void free_visitor(uv_handle_t *handle)
{
    struct visitor *visitor = handle->data;
    SSL_free(visitor->ssl);
    free(visitor);
}

static void end_visitor(struct visitor *visitor)
{
    if (!uv_is_closing((uv_handle_t *)&visitor->handle))
        uv_close((uv_handle_t *)&visitor->handle, free_visitor);
}

static void send_now(struct visitor *visitor, char *data, size_t len)
{
    uv_buf_t buf = uv_buf_init(data, (unsigned)len);
    if (uv_try_write((uv_stream_t *)&visitor->handle, &buf, 1) != (int)len)
        end_visitor(visitor);
}

static void send_secret(struct visitor *visitor)
{
    char data[4096];
    int n;
    while ((n = BIO_read(visitor->out, data, sizeof(data))) > 0)
        send_now(visitor, data, (size_t)n);
}

static void echo_secret(struct visitor *visitor, const char *data, size_t len)
{
    char text[4096];
    int n;
    BIO_write(visitor->in, data, (int)len);
    if (!SSL_is_init_finished(visitor->ssl))
        SSL_do_handshake(visitor->ssl);
    while (SSL_is_init_finished(visitor->ssl) &&
        (n = SSL_read(visitor->ssl, text, sizeof(text))) > 0)
        SSL_write(visitor->ssl, text, n);
    send_secret(visitor);
}

static void on_data(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct visitor *visitor = stream->data;
    if (len < 0)
        end_visitor(visitor);
    else if (visitor->ssl != NULL)
        echo_secret(visitor, buf->base, (size_t)len);
    else
        send_now(visitor, buf->base, (size_t)len);
}

static void give_buffer(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    struct visitor *visitor = handle->data;
    *buf = uv_buf_init(visitor->buffer, sizeof(visitor->buffer));
}

static void on_visitor(uv_stream_t *listener, int status)
{
    struct visitor *visitor = calloc(1, sizeof(*visitor));
    ck_assert_ptr_nonnull(visitor);
    uv_tcp_init(listener->loop, &visitor->handle);
    visitor->handle.data = visitor;
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(uv_accept(listener, (uv_stream_t *)&visitor->handle), 0);
    if (echo.tls != NULL) {
        visitor->ssl = SSL_new(echo.tls);
        visitor->in = BIO_new(BIO_s_mem());
        visitor->out = BIO_new(BIO_s_mem());
        SSL_set_bio(visitor->ssl, visitor->in, visitor->out);
        SSL_set_accept_state(visitor->ssl);
    }
    uv_read_start((uv_stream_t *)&visitor->handle, give_buffer, on_data);
}

static void end_handle(uv_handle_t *handle, void *nothing)
{
    if (handle->data != NULL)
        end_visitor(handle->data);
    else if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void on_stop(uv_async_t *stop)
{
    uv_walk(stop->loop, end_handle, NULL);
}

static void serve_echo(void *nothing)
{
    uv_run(&echo.loop, UV_RUN_DEFAULT);
}

static void start_echo(bool with_tls)
{
    struct sockaddr_in any;
    int len = sizeof(any);
    memset(&echo, 0, sizeof(echo));
    if (with_tls) {
        echo.tls = SSL_CTX_new(TLS_server_method());
        ck_assert_int_eq(SSL_CTX_use_certificate_file(echo.tls, cert_path, SSL_FILETYPE_PEM), 1);
        ck_assert_int_eq(SSL_CTX_use_PrivateKey_file(echo.tls, key_path, SSL_FILETYPE_PEM), 1);
        SSL_CTX_set_session_id_context(echo.tls, (const unsigned char *)"echo", 4);
    }
    uv_loop_init(&echo.loop);
    uv_async_init(&echo.loop, &echo.stop, on_stop);
    uv_tcp_init(&echo.loop, &echo.listener);
    uv_ip4_addr("127.0.0.1", 0, &any);
    ck_assert_int_eq(uv_tcp_bind(&echo.listener, (struct sockaddr *)&any, 0), 0);
    ck_assert_int_eq(uv_listen((uv_stream_t *)&echo.listener, 128, on_visitor), 0);
    ck_assert_int_eq(uv_tcp_getsockname(&echo.listener, (struct sockaddr *)&any, &len), 0);
    echo.port = ntohs(any.sin_port);
    uv_thread_create(&echo.thread, serve_echo, NULL);
}

static void stop_echo(void)
{
    uv_async_send(&echo.stop);
    uv_thread_join(&echo.thread);
    ck_assert_int_eq(uv_loop_close(&echo.loop), 0);
    SSL_CTX_free(echo.tls);
}

/* ---- gRPC beside it ---- */

static void start_node(bool with_tls)
{
    struct grpc_guard_options guard = {
        .connections_per_address = MAX_CONNECTIONS,
        .calls_per_connection = 100,
        .tls = with_tls,
        .log = keep_line,
        .log_level = SYNCTV_LOG_WARN,
    };
    synctv_node_options options;
    synctv_error error;
    log_text[0] = '\0';
    synctv_node_options_init(&options);
    options.listen = "127.0.0.1:0";
    options.tls_cert_file = with_tls ? cert_path : NULL;
    options.tls_key_file = with_tls ? key_path : NULL;
    grpc_guard_init(&guard);
    grpc_guard_begin_listening();
    int rv = synctv_node_open(&options, &node, &error);
    grpc_guard_end_listening();
    ck_assert_msg(rv == 0, "%s", error.message);
    grpc_port = atoi(strrchr(synctv_node_address(node), ':') + 1);
}

static void start_plain(void)
{
    start_node(false);
    start_echo(false);
}

static void start_secret(void)
{
    make_certificate();
    start_node(true);
    start_echo(true);
    unlink(cert_path);
    unlink(key_path);
}

static void stop(void)
{
    stop_echo();
    synctv_node_free(node);
}

static void grpc_takes_as_many_as_it_may(void)
{
    int fds[MAX_CONNECTIONS];
    char byte;
    for (int i = 0; i < MAX_CONNECTIONS; i++) {
        fds[i] = connect_to(grpc_port);
        ck_assert(is_answered(fds[i]));
    }
    int one_more = connect_to(grpc_port);
    ck_assert_int_le(read(one_more, &byte, 1), 0);
    close(one_more);
    for (int i = 0; i < MAX_CONNECTIONS; i++)
        close(fds[i]);
}

START_TEST(what_libuv_listens_on_is_not_counted_and_not_looked_at)
{
    static const char text[] = "GET / HTTP/1.1\r\n\r\n";
    int fds[N_CLIENTS];
    char back[sizeof(text)];
    for (int i = 0; i < N_CLIENTS; i++)
        fds[i] = connect_to(echo.port);
    for (int i = 0; i < N_CLIENTS; i++) {
        ck_assert_int_eq(send(fds[i], text, sizeof(text), 0), sizeof(text));
        ck_assert_int_eq(recv(fds[i], back, sizeof(back), MSG_WAITALL), sizeof(back));
        ck_assert_str_eq(back, text);
    }
    ck_assert_str_eq(log_text, "");
    grpc_takes_as_many_as_it_may();
    for (int i = 0; i < N_CLIENTS; i++)
        close(fds[i]);
}
END_TEST

START_TEST(a_client_of_grpc_in_this_process_is_none_of_ours)
{
    synctv_client_options options;
    synctv_client *client = NULL;
    synctv_error error;
    synctv_client_options_init(&options);
    options.address = synctv_node_address(node);
    ck_assert_int_eq(synctv_client_connect(&options, &client, &error), 0);
    ck_assert_int_ge(synctv_client_register(client, "alice", "correct horse", NULL, NULL, &error),
        0);
    synctv_client_close(client);
}
END_TEST

START_TEST(what_is_no_http2_is_cut_off_on_grpcs_port)
{
    do { /* it is said once a second */
        char byte;
        int fd = connect_to(grpc_port);
        ck_assert_int_eq(send(fd, "GET / HTTP/1.1\r\n\r\n", 18, 0), 18);
        while (recv(fd, &byte, 1, 0) == 1)
            ;
        close(fd);
    } while (!is_in_log("no HTTP/2"));
}
END_TEST

START_TEST(what_openssl_serves_beside_grpc_may_speak_what_it_likes)
{
    static const char text[] = "GET / HTTP/1.1\r\n\r\n";
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    char back[sizeof(text)];
    for (int i = 0; i < N_CLIENTS; i++) {
        int fd = connect_to(echo.port);
        SSL *ssl = secure(context, fd);
        ck_assert_int_eq(SSL_write(ssl, text, sizeof(text)), sizeof(text));
        ck_assert_int_eq(SSL_read(ssl, back, sizeof(back)), sizeof(back));
        ck_assert_str_eq(back, text);
        hang_up(ssl, fd);
    }
    int fd = connect_to(echo.port);
    ck_assert_int_eq(write(fd, "no TLS is this, to be sure", 26), 26);
    shutdown(fd, SHUT_WR);
    while (read(fd, back, sizeof(back)) > 0)
        ;
    close(fd);
    ck_assert_str_eq(log_text, "");
    SSL_CTX_free(context);
}
END_TEST

START_TEST(what_is_no_http2_is_cut_off_on_grpcs_port_with_tls)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    do {
        char byte;
        int fd = connect_to(grpc_port);
        SSL *ssl = secure(context, fd);
        ck_assert_int_eq(SSL_write(ssl, "GET / HTTP/1.1\r\n\r\n", 18), 18);
        while (SSL_read(ssl, &byte, 1) == 1)
            ;
        hang_up(ssl, fd);
    } while (!is_in_log("no HTTP/2"));
    SSL_CTX_free(context);
}
END_TEST

START_TEST(what_happens_often_is_told_at_once_and_then_with_its_number)
{
    struct log_tally tally = { 0 };
    ck_assert_uint_eq(log_tally(&tally, 1000, 60000), 1);
    for (int i = 0; i < 10; i++)
        ck_assert_uint_eq(log_tally(&tally, 1000 + i * 1000, 60000), 0);
    ck_assert_uint_eq(log_tally(&tally, 61000, 60000), 11);
    ck_assert_uint_eq(log_tally(&tally, 61001, 60000), 0);
    ck_assert_uint_eq(log_tally(&tally, 500000, 60000), 2);
}
END_TEST

int main(void)
{
    TCase *plain = tcase_create("plain"), *secret = tcase_create("TLS");
    tcase_add_checked_fixture(plain, start_plain, stop);
    tcase_add_test(plain, what_libuv_listens_on_is_not_counted_and_not_looked_at);
    tcase_add_test(plain, a_client_of_grpc_in_this_process_is_none_of_ours);
    tcase_add_test(plain, what_is_no_http2_is_cut_off_on_grpcs_port);
    tcase_add_checked_fixture(secret, start_secret, stop);
    tcase_add_test(secret, what_openssl_serves_beside_grpc_may_speak_what_it_likes);
    tcase_add_test(secret, what_is_no_http2_is_cut_off_on_grpcs_port_with_tls);
    TCase *lines = tcase_create("log");
    tcase_add_test(lines, what_happens_often_is_told_at_once_and_then_with_its_number);
    Suite *suite = suite_create("grpc_guard");
    suite_add_tcase(suite, lines);
    suite_add_tcase(suite, plain);
    suite_add_tcase(suite, secret);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
