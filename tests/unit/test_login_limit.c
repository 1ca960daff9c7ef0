/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "auth/login_limit.h"

/* "" = it is no address. */
static const char *key_of(const char *address)
{
    static char key[SV_ADDRESS_KEY_SIZE];
    return sv_address_key(address, key, sizeof(key)) ? key : "";
}

START_TEST(an_ipv4_address_counts_as_itself_whatever_the_port)
{
    ck_assert_str_eq(key_of("192.0.2.1:567"), "192.0.2.1");
    ck_assert_str_eq(key_of("192.0.2.1:1"), "192.0.2.1");
    ck_assert_str_eq(key_of("192.0.2.1"), "192.0.2.1");
}
END_TEST

START_TEST(an_ipv6_address_counts_as_its_64_however_it_is_written)
{
    ck_assert_str_eq(key_of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
    ck_assert_str_eq(key_of("[2001:DB8:1:2::9]:1"), "2001:db8:1:2::/64");
    ck_assert_str_eq(key_of("[2001:db8:1:3::9]"), "2001:db8:1:3::/64");
    ck_assert_str_eq(key_of("::1"), "::/64");
    ck_assert_str_eq(key_of("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"),
        "ffff:ffff:ffff:ffff::/64");
    ck_assert_str_eq(key_of("fe80::1%eth0"), "fe80::/64");
}
END_TEST

START_TEST(ipv4_inside_ipv6_counts_as_ipv4)
{
    ck_assert_str_eq(key_of("[::ffff:192.0.2.1]:567"), "192.0.2.1");
    ck_assert_str_eq(key_of("::ffff:c000:201"), "192.0.2.1");
    ck_assert_str_eq(key_of("64:ff9b::192.0.2.1"), "192.0.2.1");
    ck_assert_str_eq(key_of("64:ff9b:1::192.0.2.1"), "64:ff9b:1::/64");
}
END_TEST

START_TEST(no_address_is_unknown_and_what_is_none_is_refused)
{
    ck_assert_str_eq(key_of(NULL), "unknown");
    ck_assert_str_eq(key_of(""), "unknown");
    static const char *const others[] = { ":567", "1.2.3:567", "1.2.3.256", "[", "[]", "[]:1",
        "[::1:567", "[::g]:1", "ipv4:192.0.2.1:567", "ipv6:[::1]:567", "unix", "example.org", "%",
        "1.2.3.4 :567" };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        ck_assert_msg(key_of(others[i])[0] == '\0', "%s gives %s", others[i], key_of(others[i]));
}
END_TEST

START_TEST(a_key_of_any_size_is_enough)
{
    char key[SV_ADDRESS_KEY_SIZE];
    for (size_t size = 1; size < sizeof(key); size++) {
        ck_assert(sv_address_key("1111:2222:3333:4444:5555:6666:7777:8888", key, size));
        ck_assert_uint_eq(strlen(key), size - 1 < 24 ? size - 1 : 24);
    }
}
END_TEST

static const struct sv_login_rates defaults = {
    .login_per_minute = 5,
    .login_per_minute_per_address = 30,
    .register_per_hour = 30,
};

START_TEST(one_name_from_one_address_has_five_tries_a_minute)
{
    struct sv_login_limit *l = sv_login_limit_new(&defaults);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(sv_login_limit_login(l, "alice", "192.0.2.1", 1000), 0);
    ck_assert_int_eq(sv_login_limit_login(l, "alice", "192.0.2.1", 1000), 12000);
    ck_assert_int_eq(sv_login_limit_login(l, "bob", "192.0.2.1", 1000), 0);
    ck_assert_int_eq(sv_login_limit_login(l, "alice", "192.0.2.2", 1000), 0);
    ck_assert_int_eq(sv_login_limit_login(l, "alice", "192.0.2.1", 13000), 0);
    sv_login_limit_free(l);
}
END_TEST

START_TEST(one_address_has_thirty_tries_a_minute_for_all_names)
{
    struct sv_login_limit *l = sv_login_limit_new(&defaults);
    char name[16];
    for (int i = 0; i < 30; i++) {
        snprintf(name, sizeof(name), "user%d", i);
        ck_assert_int_eq(sv_login_limit_login(l, name, "192.0.2.1", 1000), 0);
    }
    ck_assert_int_eq(sv_login_limit_login(l, "another", "192.0.2.1", 1000), 2000);
    ck_assert_int_eq(sv_login_limit_login(l, "another", "192.0.2.2", 1000), 0);
    sv_login_limit_free(l);
}
END_TEST

START_TEST(hammering_at_one_name_does_not_lock_the_others_at_that_address_out)
{
    struct sv_login_limit *l = sv_login_limit_new(&defaults);
    for (int i = 0; i < 1000; i++)
        sv_login_limit_login(l, "alice", "192.0.2.1", 1000);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(sv_login_limit_login(l, "bob", "192.0.2.1", 1000), 0);
    sv_login_limit_free(l);
}
END_TEST

START_TEST(registrations_have_a_limit_of_their_own)
{
    struct sv_login_limit *l = sv_login_limit_new(&defaults);
    for (int i = 0; i < 30; i++)
        ck_assert_int_eq(sv_login_limit_register(l, "2001:db8::/64", 1), 0);
    ck_assert_int_eq(sv_login_limit_register(l, "2001:db8::/64", 1), 120000);
    ck_assert_int_eq(sv_login_limit_register(l, "2001:db8:1::/64", 1), 0);
    ck_assert_int_eq(sv_login_limit_login(l, "alice", "2001:db8::/64", 1), 0);
    sv_login_limit_free(l);
}
END_TEST

START_TEST(zero_switches_a_limit_off)
{
    struct sv_login_rates off = { 0 };
    struct sv_login_limit *l = sv_login_limit_new(&off);
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(sv_login_limit_login(l, "alice", "192.0.2.1", 1), 0);
        ck_assert_int_eq(sv_login_limit_register(l, "192.0.2.1", 1), 0);
    }
    sv_login_limit_free(l);
    sv_login_limit_free(NULL);
}
END_TEST

START_TEST(a_name_of_any_length_is_limited)
{
    static char name[100001];
    memset(name, 'n', sizeof(name) - 1);
    struct sv_login_limit *l = sv_login_limit_new(&defaults);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(sv_login_limit_login(l, name, "192.0.2.1", 1), 0);
    ck_assert_int_gt(sv_login_limit_login(l, name, "192.0.2.1", 1), 0);
    ck_assert_int_eq(sv_login_limit_login(l, "", "192.0.2.1", 1), 0);
    sv_login_limit_free(l);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("login_limit");
    TCase *tc = tcase_create("login_limit");
    tcase_add_test(tc, an_ipv4_address_counts_as_itself_whatever_the_port);
    tcase_add_test(tc, an_ipv6_address_counts_as_its_64_however_it_is_written);
    tcase_add_test(tc, ipv4_inside_ipv6_counts_as_ipv4);
    tcase_add_test(tc, no_address_is_unknown_and_what_is_none_is_refused);
    tcase_add_test(tc, a_key_of_any_size_is_enough);
    tcase_add_test(tc, one_name_from_one_address_has_five_tries_a_minute);
    tcase_add_test(tc, one_address_has_thirty_tries_a_minute_for_all_names);
    tcase_add_test(tc, hammering_at_one_name_does_not_lock_the_others_at_that_address_out);
    tcase_add_test(tc, registrations_have_a_limit_of_their_own);
    tcase_add_test(tc, zero_switches_a_limit_off);
    tcase_add_test(tc, a_name_of_any_length_is_limited);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
