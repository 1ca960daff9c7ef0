/* SPDX-License-Identifier: MIT */
/* What is said is what is open. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <sys/socket.h>

#include "test_rpc.h"

/* A name that has an address of each family, whatever this machine calls its own. */
#define BOTH "both.example"
/* Another program may take a free port just before the test does. */
#define MAX_TRIES 20
#define TAKEN ": Address already in use"

int __real_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
    struct addrinfo **ret);
int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
    struct addrinfo **ret);

int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
    struct addrinfo **ret)
{
    if (host == NULL || strcmp(host, BOTH) != 0)
        return __real_getaddrinfo(host, port, hints, ret);
    int rv = __real_getaddrinfo("::1", port, hints, ret);
    return rv == 0 ? __real_getaddrinfo("127.0.0.1", port, hints, &(*ret)->ai_next) : rv;
}

static socklen_t address_of(int family, int port, struct sockaddr_storage *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (family == AF_INET) {
        *(struct sockaddr_in *)ret = (struct sockaddr_in){ .sin_family = AF_INET,
            .sin_port = htons((uint16_t)port),
            .sin_addr = { htonl(INADDR_LOOPBACK) } };
        return sizeof(struct sockaddr_in);
    }
    *(struct sockaddr_in6 *)ret = (struct sockaddr_in6){ .sin6_family = AF_INET6,
        .sin6_port = htons((uint16_t)port),
        .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    return sizeof(struct sockaddr_in6);
}

static bool is_open(int family, int port)
{
    struct sockaddr_storage to;
    socklen_t len = address_of(family, port, &to);
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is = fd >= 0 && connect(fd, (struct sockaddr *)&to, len) == 0;
    close(fd);
    return is;
}

/*
 * Somebody else who listens on loopback, on that port or (0) any. Returns the descriptor, -1 if
 * there is no such family here.
 */
static int occupy(int family, int *port)
{
    struct sockaddr_storage at;
    socklen_t len = address_of(family, *port, &at);
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (bind(fd, (struct sockaddr *)&at, len) < 0 || listen(fd, 8) < 0) {
        close(fd);
        return -1;
    }
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *port = ntohs(family == AF_INET ? ((struct sockaddr_in *)&at)->sin_port
                                    : ((struct sockaddr_in6 *)&at)->sin6_port);
    return fd;
}

static bool has_ipv6(void)
{
    int port = 0, fd = occupy(AF_INET6, &port);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static char warnings[512];

static void keep_warnings(void *userdata, synctv_log_level level, const char *area,
    const char *message)
{
    if (level <= SYNCTV_LOG_WARN)
        snprintf(warnings, sizeof(warnings), "%s", message);
}

/* Returns 0 or what is wrong. */
static int listen_on(const char *host, int port, struct sv_rpc_server **ret, synctv_error *err)
{
    static const struct sv_log log = { keep_warnings, NULL, SYNCTV_LOG_INFO };
    struct sv_rpc_server_options o;
    char address[64];
    warnings[0] = '\0';
    snprintf(address, sizeof(address), "%s:%d", host, port);
    test_options(&o);
    o.listen = address;
    o.log = &log;
    return sv_rpc_server_new(&o, ret, err);
}

static int free_port(void)
{
    int port = 0, fd = occupy(AF_INET, &port);
    ck_assert_int_ge(fd, 0);
    close(fd);
    return port;
}

/*
 * Listens on a port that the system picks (0), or on one that was free just now. Other programs of
 * this machine take ports meanwhile, so one that was lost to them is no fault: another is tried.
 */
static struct sv_rpc_server *listen_on_free_port(const char *host, bool is_picked_by_system)
{
    for (int tries = 0; tries < MAX_TRIES; tries++) {
        struct sv_rpc_server *server;
        synctv_error err;
        int port = is_picked_by_system ? 0 : free_port();
        int rv = listen_on(host, port, &server, &err);
        if (rv == 0 && strstr(warnings, TAKEN) == NULL) {
            int got = sv_rpc_server_port(server);
            ck_assert(port == 0 ? got > 0 : got == port);
            return server;
        }
        if (rv == 0)
            sv_rpc_server_free(server);
        else
            ck_assert_msg(strstr(err.message, TAKEN) != NULL, "%s", err.message);
    }
    ck_abort_msg("%d ports in a row were taken", MAX_TRIES);
    return NULL;
}

static void expect_open(const char *host, bool is_picked_by_system, bool ipv4, bool ipv6)
{
    struct sv_rpc_server *server = listen_on_free_port(host, is_picked_by_system);
    int port = sv_rpc_server_port(server);
    ck_assert_int_eq(is_open(AF_INET, port), ipv4);
    ck_assert_int_eq(is_open(AF_INET6, port), ipv6 && has_ipv6());
    ck_assert_str_eq(warnings, "");
    sv_rpc_server_free(server);
}

START_TEST(all_addresses_of_ipv4_are_those_of_ipv4_alone)
{
    for (int i = 0; i < 10; i++)
        expect_open("0.0.0.0", true, true, false);
    expect_open("0.0.0.0", false, true, false);
}
END_TEST

START_TEST(all_addresses_of_ipv6_are_those_of_both_families)
{
    if (!has_ipv6())
        return;
    expect_open("[::]", true, true, true);
    expect_open("[::]", false, true, true);
}
END_TEST

START_TEST(a_star_is_all_addresses_of_both_families)
{
    expect_open("*", true, true, true);
    expect_open("*", false, true, true);
}
END_TEST

START_TEST(one_address_is_that_one)
{
    expect_open("127.0.0.1", true, true, false);
    if (has_ipv6())
        expect_open("[::1]", true, false, true);
}
END_TEST

START_TEST(a_name_is_all_its_addresses)
{
    if (!has_ipv6())
        return;
    expect_open(BOTH, true, true, true);
    expect_open(BOTH, false, true, true);
}
END_TEST

static void expect_warning_of_taken(int family, const char *address)
{
    struct sv_rpc_server *server = NULL;
    synctv_error err;
    char wanted[128];
    int port = 0, other = -1;
    for (int tries = 0; tries < MAX_TRIES; tries++) {
        port = 0;
        other = occupy(family, &port);
        if (listen_on(BOTH, port, &server, &err) == 0)
            break;
        /* The port of the other family was taken, too. */
        ck_assert_msg(strstr(err.message, TAKEN) != NULL, "%s", err.message);
        close(other);
    }
    ck_assert_ptr_nonnull(server);
    snprintf(wanted, sizeof(wanted), "%s:%d: nobody is served on %s:%d" TAKEN, BOTH, port, address,
        port);
    ck_assert_str_eq(warnings, wanted);
    sv_rpc_server_free(server);
    close(other);
}

START_TEST(a_name_of_which_one_address_is_taken_is_a_warning)
{
    if (!has_ipv6())
        return;
    expect_warning_of_taken(AF_INET, "127.0.0.1");
    expect_warning_of_taken(AF_INET6, "[::1]");
}
END_TEST

START_TEST(an_address_that_is_taken_is_refused)
{
    struct sv_rpc_server *server;
    synctv_error err;
    int port = 0, other = occupy(AF_INET, &port);
    static const char *hosts[] = { "127.0.0.1", "0.0.0.0", "[::]" };
    for (int i = 0; i < (has_ipv6() ? 3 : 2); i++) {
        ck_assert_int_lt(listen_on(hosts[i], port, &server, &err), 0);
        ck_assert_str_eq(err.field, "listen");
        ck_assert_msg(strstr(err.message, TAKEN) != NULL, "%s", err.message);
    }
    close(other);
}
END_TEST

START_TEST(all_addresses_of_ipv6_are_refused_when_one_of_them_is_taken)
{
    struct sv_rpc_server *server;
    synctv_error err;
    int port = 0, other = occupy(AF_INET6, &port);
    if (other < 0)
        return;
    ck_assert_int_lt(listen_on("[::]", port, &server, &err), 0);
    ck_assert_msg(strstr(err.message, TAKEN) != NULL, "%s", err.message);
    close(other);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("rpc_listen");
    TCase *t = tcase_create("rpc_listen");
    tcase_add_test(t, all_addresses_of_ipv4_are_those_of_ipv4_alone);
    tcase_add_test(t, all_addresses_of_ipv6_are_those_of_both_families);
    tcase_add_test(t, a_star_is_all_addresses_of_both_families);
    tcase_add_test(t, one_address_is_that_one);
    tcase_add_test(t, a_name_is_all_its_addresses);
    tcase_add_test(t, a_name_of_which_one_address_is_taken_is_a_warning);
    tcase_add_test(t, an_address_that_is_taken_is_refused);
    tcase_add_test(t, all_addresses_of_ipv6_are_refused_when_one_of_them_is_taken);
    suite_add_tcase(s, t);
    return run_suite(s);
}
