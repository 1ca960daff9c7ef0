/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include <synctv/node.h>

#include "base/address.h"

/* What is read, written again; "" if it is no address. */
static const char *read_again(const char *text)
{
    static char out[SV_ADDRESS_SIZE];
    struct in6_addr addr;
    out[0] = '\0';
    if (sv_address_parse(text, strlen(text), &addr))
        sv_address_format(&addr, out);
    return out;
}

START_TEST(an_address_is_read_with_or_without_brackets_port_and_zone)
{
    ck_assert_str_eq(read_again("192.0.2.1"), "192.0.2.1");
    ck_assert_str_eq(read_again(" 192.0.2.1:80\t"), "192.0.2.1");
    ck_assert_str_eq(read_again("2001:DB8::1"), "2001:db8::1");
    ck_assert_str_eq(read_again("[2001:db8::1]"), "2001:db8::1");
    ck_assert_str_eq(read_again("[2001:db8::1]:443"), "2001:db8::1");
    ck_assert_str_eq(read_again("fe80::1%eth0"), "fe80::1");
    ck_assert_str_eq(read_again("::ffff:192.0.2.1"), "192.0.2.1");
}
END_TEST

START_TEST(what_is_no_address_is_refused)
{
    static const char *const others[] = { "", " ", "unknown", "_hidden", "192.0.2", "192.0.2.256",
        "192.0.2.1:", "192.0.2.1:x", "192.0.2.1:123456", "192.0.2.1 x", "[192.0.2.1]", "[::1",
        "[::1]80", "[::1]:", "::g", "1:2:3:4:5:6:7:8:9", "\"192.0.2.1\"" };
    struct in6_addr addr;
    char longest[300];
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        ck_assert_msg(!sv_address_parse(others[i], strlen(others[i]), &addr), "%s", others[i]);
    memset(longest, '1', sizeof(longest));
    for (size_t len = 0; len < sizeof(longest); len++)
        ck_assert(!sv_address_parse(longest, len, &addr));
    ck_assert(!sv_address_parse("192.0.2.1\0", 10, &addr));
}
END_TEST

START_TEST(the_address_is_found_in_a_peer_name)
{
    static const struct {
        const char *peer, *address;
    } cases[] = {
        { "ipv4:127.0.0.1:8080", "127.0.0.1" },
        { "ipv6:%5B::1%5D:80", "::1" },
        { "ipv6:[fe80::1%25eth0]:80", "fe80::1" },
        { "unix:/run/x", NULL },
        { "?", NULL },
        { NULL, NULL },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct in6_addr addr;
        char out[SV_ADDRESS_SIZE];
        bool found = sv_address_of_peer(cases[i].peer, &addr);
        ck_assert_int_eq(found, cases[i].address != NULL);
        if (found)
            sv_address_format(&addr, out);
        if (found)
            ck_assert_str_eq(out, cases[i].address);
    }
}
END_TEST

static int contains(const char *networks, const char *address)
{
    return synctv_networks_contain(networks, address, NULL);
}

START_TEST(a_network_contains_what_has_its_first_bits)
{
    ck_assert_int_eq(contains("10.0.0.0/8", "10.255.0.1"), 1);
    ck_assert_int_eq(contains("10.0.0.0/8", "11.0.0.1"), 0);
    ck_assert_int_eq(contains("10.64.0.0/10", "10.127.0.1"), 1);
    ck_assert_int_eq(contains("10.64.0.0/10", "10.128.0.1"), 0);
    ck_assert_int_eq(contains("127.0.0.1", "127.0.0.1"), 1);
    ck_assert_int_eq(contains("127.0.0.1", "127.0.0.2"), 0);
    ck_assert_int_eq(contains("2001:db8::/33", "2001:db8:7fff::1"), 1);
    ck_assert_int_eq(contains("2001:db8::/33", "2001:db8:8000::1"), 0);
    ck_assert_int_eq(contains("10.0.0.0/8", "::ffff:10.0.0.1"), 1);
    ck_assert_int_eq(contains("10.0.0.0/8, ::1,127.0.0.1\t192.0.2.1", "::1"), 1);
    ck_assert_int_eq(contains("10.0.0.0/8, ::1,127.0.0.1\t192.0.2.1", "192.0.2.1"), 1);
    ck_assert_int_eq(contains("0.0.0.0/0", "192.0.2.1"), 1);
    ck_assert_int_eq(contains("0.0.0.0/0", "2001:db8::1"), 0);
    ck_assert_int_eq(contains("::/0", "2001:db8::1"), 1);
    ck_assert_int_eq(contains("::/0", "192.0.2.1"), 0);
    ck_assert_int_eq(contains("", "192.0.2.1"), 0);
    ck_assert_int_eq(contains(NULL, "192.0.2.1"), 0);
    ck_assert_int_eq(contains("10.0.0.0/8", "nobody"), 0);
    ck_assert_int_eq(contains("10.0.0.0/8", NULL), 0);
}
END_TEST

START_TEST(a_network_that_is_none_is_named)
{
    static const char *const others[] = { "proxy", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1",
        "10.0.0.0/8/8", "::/129", "10.0.0.0/8;::1", "127.0.0.1:80", "[::1]", "10.0.0/8" };
    synctv_error err;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        ck_assert_msg(synctv_networks_contain(others[i], "::1", &err) == SYNCTV_E_INVALID_ARGUMENT,
            "%s", others[i]);
        ck_assert_ptr_nonnull(strstr(err.message, "10.0.0.0/8"));
    }
    ck_assert_int_lt(synctv_networks_contain("::1, nowhere", "::1", &err), 0);
    ck_assert_ptr_nonnull(strstr(err.message, "nowhere"));

    char many[SV_NETWORKS_MAX * 4 + 8] = "";
    for (int i = 0; i < SV_NETWORKS_MAX; i++)
        strcat(many, "::1,");
    ck_assert_int_eq(contains(many, "::1"), 1);
    strcat(many, "::1");
    ck_assert_int_eq(contains(many, "::1"), SYNCTV_E_INVALID_ARGUMENT);
}
END_TEST

/* Who counts when `peer` has sent this; the proxies are 10.0.0.0/8 and ::1. */
static const char *who(const char *peer, const char *forwarded, bool *ret_goes_on)
{
    static char out[SV_ADDRESS_SIZE];
    struct sv_networks proxies;
    struct in6_addr addr;
    ck_assert_int_eq(sv_networks_parse("10.0.0.0/8 ::1", "proxies", &proxies, NULL), 0);
    ck_assert(sv_address_parse(peer, strlen(peer), &addr));
    bool goes_on = sv_address_forwarded(&proxies, forwarded, strlen(forwarded), &addr);
    if (ret_goes_on != NULL)
        *ret_goes_on = goes_on;
    sv_address_format(&addr, out);
    return out;
}

START_TEST(the_last_address_that_is_no_proxys_counts)
{
    ck_assert_str_eq(who("10.0.0.1", "192.0.2.7", NULL), "192.0.2.7");
    ck_assert_str_eq(who("::1", "192.0.2.9, 192.0.2.7", NULL), "192.0.2.7");
    ck_assert_str_eq(who("10.0.0.1", "192.0.2.9, 192.0.2.7, 10.0.0.2", NULL), "192.0.2.7");
    ck_assert_str_eq(who("10.0.0.1", "192.0.2.7,10.0.0.3 ,10.0.0.2:99", NULL), "192.0.2.7");
    ck_assert_str_eq(who("10.0.0.1", "2001:db8::7, [::1]:443", NULL), "2001:db8::7");
    ck_assert_str_eq(who("10.0.0.1", "[2001:db8::7]:9", NULL), "2001:db8::7");
}
END_TEST

START_TEST(what_a_stranger_says_counts_for_nothing)
{
    ck_assert_str_eq(who("192.0.2.1", "192.0.2.7", NULL), "192.0.2.1");
    ck_assert_str_eq(who("192.0.2.1", "192.0.2.7, 10.0.0.2", NULL), "192.0.2.1");
    ck_assert_str_eq(who("10.0.0.1", "10.0.0.9, 192.0.2.1, 10.0.0.2", NULL), "192.0.2.1");
}
END_TEST

START_TEST(what_is_no_address_ends_at_the_proxy_that_said_it)
{
    ck_assert_str_eq(who("10.0.0.1", "192.0.2.7, unknown, 10.0.0.2", NULL), "10.0.0.2");
    ck_assert_str_eq(who("10.0.0.1", "192.0.2.7, unknown", NULL), "10.0.0.1");
    ck_assert_str_eq(who("10.0.0.1", "", NULL), "10.0.0.1");
    ck_assert_str_eq(who("10.0.0.1", "192.0.2.7, ", NULL), "10.0.0.1");
    ck_assert_str_eq(who("10.0.0.1", ",", NULL), "10.0.0.1");
}
END_TEST

START_TEST(the_header_before_is_asked_when_all_of_one_are_proxies)
{
    bool goes_on;
    ck_assert_str_eq(who("10.0.0.1", "10.0.0.3, 10.0.0.2", &goes_on), "10.0.0.3");
    ck_assert(goes_on);
    ck_assert_str_eq(who("10.0.0.1", "192.0.2.7, 10.0.0.2", &goes_on), "192.0.2.7");
    ck_assert(!goes_on);
    ck_assert_str_eq(who("10.0.0.1", "unknown, 10.0.0.2", &goes_on), "10.0.0.2");
    ck_assert(!goes_on);
    ck_assert_str_eq(who("192.0.2.1", "10.0.0.2", &goes_on), "192.0.2.1");
    ck_assert(!goes_on);
}
END_TEST

START_TEST(only_loopback_addresses_are_this_machine_for_everybody)
{
    static const char *const here[] = { "localhost", "LOCALHOST:80", "127.0.0.1", "127.1.2.3:80",
        "::1", "[::1]:80", "[::ffff:127.0.0.1]:80" };
    static const char *const elsewhere[] = { "", "localhost.example.org", "localhosts:80",
        "192.0.2.1:80", "[2001:db8::1]:80", "0.0.0.0:80", "127.example.org", "db" };
    for (size_t i = 0; i < sizeof(here) / sizeof(here[0]); i++)
        ck_assert_msg(sv_address_is_loopback(here[i]), "%s", here[i]);
    for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
        ck_assert_msg(!sv_address_is_loopback(elsewhere[i]), "%s", elsewhere[i]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("address");
    TCase *tc = tcase_create("address");
    tcase_add_test(tc, an_address_is_read_with_or_without_brackets_port_and_zone);
    tcase_add_test(tc, what_is_no_address_is_refused);
    tcase_add_test(tc, the_address_is_found_in_a_peer_name);
    tcase_add_test(tc, a_network_contains_what_has_its_first_bits);
    tcase_add_test(tc, a_network_that_is_none_is_named);
    tcase_add_test(tc, the_last_address_that_is_no_proxys_counts);
    tcase_add_test(tc, what_a_stranger_says_counts_for_nothing);
    tcase_add_test(tc, what_is_no_address_ends_at_the_proxy_that_said_it);
    tcase_add_test(tc, the_header_before_is_asked_when_all_of_one_are_proxies);
    tcase_add_test(tc, only_loopback_addresses_are_this_machine_for_everybody);
    suite_add_tcase(s, tc);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
