/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <synctv/error.h>

#include "auth/password.h"

static const struct sv_password_cost cheap = { .memory_kib = 64, .passes = 1, .lanes = 1 };

START_TEST(records_of_the_reference_program_are_verified)
{
    /* printf PASSWORD | argon2 SALT -id -v 13 -k … -t … -p … -l … -e */
    static const char ours[] = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$"
                               "AdweBLwcflnNX2HVW8i1Mtu7frrn4Ki7h/rYSGuU7Is";
    static const char others[] =
        "$argon2id$v=19$m=64,t=3,p=2$c29tZXNhbHQ$/y3fz+vysYPvTJOBGcJEe02YoPNkFE/h";
    ck_assert_int_eq(sv_password_verify(ours, "correct horse"), 0);
    ck_assert_int_eq(sv_password_verify(ours, "correct horsf"), SYNCTV_E_LOGIN_FAILED);
    ck_assert_int_eq(sv_password_verify(others, "p"), 0);
    ck_assert_int_eq(sv_password_verify(others, "q"), SYNCTV_E_LOGIN_FAILED);
}
END_TEST

START_TEST(a_record_verifies_its_password_and_no_other)
{
    char record[SV_PASSWORD_RECORD_SIZE];
    ck_assert_int_eq(sv_password_hash("pass word \xc3\xa4", NULL, record), 0);
    ck_assert_int_eq(strncmp(record, "$argon2id$v=19$m=19456,t=2,p=1$", 31), 0);
    ck_assert_int_eq(sv_password_verify(record, "pass word \xc3\xa4"), 0);
    static const char *const others[] = { "", "pass word ", "pass word \xc3\xa4 ",
        "Pass word \xc3\xa4", "pass word a\xcc\x88" };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        ck_assert_int_eq(sv_password_verify(record, others[i]), SYNCTV_E_LOGIN_FAILED);
}
END_TEST

START_TEST(the_same_password_never_gives_the_same_record)
{
    char one[SV_PASSWORD_RECORD_SIZE], two[SV_PASSWORD_RECORD_SIZE];
    ck_assert_int_eq(sv_password_hash("password", &cheap, one), 0);
    ck_assert_int_eq(sv_password_hash("password", &cheap, two), 0);
    ck_assert_str_ne(one, two);
    ck_assert_int_eq(sv_password_verify(one, "password"), 0);
    ck_assert_int_eq(sv_password_verify(two, "password"), 0);
}
END_TEST

START_TEST(the_most_expensive_record_we_make_fits)
{
    static const struct sv_password_cost big = { .memory_kib = 100000, .passes = 16, .lanes = 4 };
    char record[SV_PASSWORD_RECORD_SIZE];
    /* m=100000,t=16,p=4 in the record is as long as it gets; hashed once with less. */
    ck_assert_int_eq(sv_password_hash("p", &cheap, record), 0);
    ck_assert_uint_lt(strlen(record) + strlen("m=100000,t=16,p=4") - strlen("m=64,t=1,p=1"),
        SV_PASSWORD_RECORD_SIZE);
    ck_assert(sv_password_needs_rehash(record, &big));
}
END_TEST

START_TEST(every_changed_character_of_a_record_is_noticed)
{
    char record[SV_PASSWORD_RECORD_SIZE];
    ck_assert_int_eq(sv_password_hash("password", &cheap, record), 0);
    size_t len = strlen(record);
    for (size_t i = 0; i < len; i++) {
        char c = record[i];
        static const char instead[] = "A0$,=z\x80";
        for (size_t j = 0; j < sizeof(instead) - 1; j++) {
            record[i] = instead[j];
            if (record[i] != c)
                ck_assert_msg(sv_password_verify(record, "password") < 0, "%s", record);
        }
        record[i] = '\0'; /* cut */
        ck_assert_int_lt(sv_password_verify(record, "password"), 0);
        record[i] = c;
    }
    ck_assert_int_eq(sv_password_verify(record, "password"), 0);
}
END_TEST

START_TEST(what_is_not_a_record_of_ours_is_an_internal_error)
{
    static const char *const records[] = {
        NULL,
        "",
        "password",
        "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
        /* Argon2i, Argon2d, version 16, no version */
        "$argon2i$v=19$m=64,t=3,p=1$c29tZXNhbHQ$jH1V6wkG46UumZjggx+9VhIllWw57B+0",
        "$argon2d$v=19$m=64,t=3,p=1$c29tZXNhbHQ$jH1V6wkG46UumZjggx+9VhIllWw57B+0",
        "$argon2id$v=16$m=64,t=3,p=1$c29tZXNhbHQ$ho7xhRbXBQA8afXNU3OHmaDFXTVpMvfH",
        "$argon2id$m=64,t=3,p=1$c29tZXNhbHQ$ho7xhRbXBQA8afXNU3OHmaDFXTVpMvfH",
        /* numbers spelled in another way, in another order, missing */
        "$argon2id$v=19$m=064,t=3,p=2$c29tZXNhbHQ$/y3fz+vysYPvTJOBGcJEe02YoPNkFE/h",
        "$argon2id$v=19$m=+64,t=3,p=2$c29tZXNhbHQ$/y3fz+vysYPvTJOBGcJEe02YoPNkFE/h",
        "$argon2id$v=19$m=-64,t=3,p=2$c29tZXNhbHQ$/y3fz+vysYPvTJOBGcJEe02YoPNkFE/h",
        "$argon2id$v=19$m= 64,t=3,p=2$c29tZXNhbHQ$/y3fz+vysYPvTJOBGcJEe02YoPNkFE/h",
        "$argon2id$v=19$m=,t=3,p=2$c29tZXNhbHQ$/y3fz+vysYPvTJOBGcJEe02YoPNkFE/h",
        "$argon2id$v=19$t=3,m=64,p=2$c29tZXNhbHQ$/y3fz+vysYPvTJOBGcJEe02YoPNkFE/h",
        "$argon2id$v=19$m=64,t=3$c29tZXNhbHQ$/y3fz+vysYPvTJOBGcJEe02YoPNkFE/h",
        /* no salt, no hash, too short, padded, more behind it */
        "$argon2id$v=19$m=64,t=3,p=2",
        "$argon2id$v=19$m=64,t=3,p=2$",
        "$argon2id$v=19$m=64,t=3,p=2$$",
        "$argon2id$v=19$m=64,t=3,p=2$c29tZXNhbHQ",
        "$argon2id$v=19$m=64,t=3,p=2$c29tZXNhbHQ$",
        "$argon2id$v=19$m=64,t=3,p=2$c29t$/y3fz+vysYPvTJOBGcJEe02YoPNkFE/h",
        "$argon2id$v=19$m=64,t=3,p=2$c29tZXNhbHQ=$/y3fz+vysYPvTJOBGcJEe02YoPNkFE/h",
        "$argon2id$v=19$m=64,t=3,p=2$c29tZXNhbHQ$/y3fz+vysYPvTJOBGcJEe02YoPNkFE/h$x",
        "$argon2id$v=19$m=64,t=3,p=2$c29tZXNhbHQ$/y3fz+vysYPvTJOBGcJEe02YoPNkFE/h ",
    };
    for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++)
        ck_assert_msg(sv_password_verify(records[i], "p") == SYNCTV_E_INTERNAL, "record %zu", i);
}
END_TEST

START_TEST(a_record_cannot_make_us_spend_more_than_the_bounds)
{
    static const char *const costs[] = { "m=4294967295,t=1,p=1", "m=4294967296,t=1,p=1",
        "m=99999999999999999999,t=1,p=1", "m=262145,t=1,p=1", "m=64,t=17,p=1",
        "m=64,t=4294967295,p=1", "m=64,t=1,p=5", "m=64,t=1,p=16777215", "m=7,t=1,p=1",
        "m=15,t=1,p=2", "m=0,t=1,p=1", "m=64,t=0,p=1", "m=64,t=1,p=0" };
    for (size_t i = 0; i < sizeof(costs) / sizeof(costs[0]); i++) {
        char record[256];
        snprintf(record, sizeof(record),
            "$argon2id$v=19$%s$c2FsdHNhbHRzYWx0c2FsdA$AdweBLwcflnNX2HVW8i1Mtu7frrn4Ki7h/rYSGuU7Is",
            costs[i]);
        ck_assert_msg(sv_password_verify(record, "p") == SYNCTV_E_INTERNAL, "%s", costs[i]);
        ck_assert(sv_password_needs_rehash(record, NULL));
    }
}
END_TEST

START_TEST(an_endless_record_is_refused)
{
    static char record[100000];
    memset(record, 'A', sizeof(record) - 1);
    memcpy(record, "$argon2id$v=19$m=64,t=3,p=2$", 28);
    record[50000] = '$';
    ck_assert_int_eq(sv_password_verify(record, "p"), SYNCTV_E_INTERNAL);
}
END_TEST

START_TEST(passwords_have_a_greatest_length)
{
    char password[SV_PASSWORD_INPUT_MAX_BYTES + 2], record[SV_PASSWORD_RECORD_SIZE];
    memset(password, 'p', sizeof(password));
    password[SV_PASSWORD_INPUT_MAX_BYTES + 1] = '\0';
    ck_assert_int_eq(sv_password_hash(password, &cheap, record), SYNCTV_E_INVALID_ARGUMENT);
    password[SV_PASSWORD_INPUT_MAX_BYTES] = '\0';
    ck_assert_int_eq(sv_password_hash(password, &cheap, record), 0);
    ck_assert_int_eq(sv_password_verify(record, password), 0);
    password[SV_PASSWORD_INPUT_MAX_BYTES] = 'p';
    ck_assert_int_eq(sv_password_verify(record, password), SYNCTV_E_LOGIN_FAILED);
    ck_assert_int_eq(sv_password_verify_dummy(password, &cheap), SYNCTV_E_LOGIN_FAILED);
    ck_assert_int_eq(sv_password_hash("", &cheap, record), 0);
    ck_assert_int_eq(sv_password_verify(record, ""), 0);
}
END_TEST

START_TEST(costs_out_of_bounds_make_no_record)
{
    static const struct sv_password_cost costs[] = {
        { .memory_kib = 7, .passes = 1, .lanes = 1 },
        { .memory_kib = 1u << 31, .passes = 1, .lanes = 1 },
        { .memory_kib = 64, .passes = 0, .lanes = 1 },
        { .memory_kib = 64, .passes = 17, .lanes = 1 },
        { .memory_kib = 64, .passes = 1, .lanes = 0 },
        { .memory_kib = 64, .passes = 1, .lanes = 5 },
    };
    char record[SV_PASSWORD_RECORD_SIZE];
    for (size_t i = 0; i < sizeof(costs) / sizeof(costs[0]); i++)
        ck_assert_int_eq(sv_password_hash("p", &costs[i], record), SYNCTV_E_INVALID_ARGUMENT);
}
END_TEST

START_TEST(a_record_of_another_cost_wants_a_new_one)
{
    char record[SV_PASSWORD_RECORD_SIZE];
    struct sv_password_cost cost = cheap;
    ck_assert_int_eq(sv_password_hash("p", &cheap, record), 0);
    ck_assert(!sv_password_needs_rehash(record, &cheap));
    ck_assert(sv_password_needs_rehash(record, NULL));
    cost.passes++;
    ck_assert(sv_password_needs_rehash(record, &cost));
    ck_assert(sv_password_needs_rehash("", &cheap));
    ck_assert(sv_password_needs_rehash(NULL, &cheap));
}
END_TEST

static int64_t cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

START_TEST(a_name_that_does_not_exist_costs_as_much_as_one_that_does)
{
    char record[SV_PASSWORD_RECORD_SIZE];
    ck_assert_int_eq(sv_password_hash("password", NULL, record), 0);
    int64_t real = INT64_MAX, dummy = INT64_MAX;
    for (int i = 0; i < 5; i++) {
        int64_t start = cpu_us();
        ck_assert_int_eq(sv_password_verify(record, "wrong one"), SYNCTV_E_LOGIN_FAILED);
        int64_t middle = cpu_us();
        ck_assert_int_eq(sv_password_verify_dummy("wrong one", NULL), SYNCTV_E_LOGIN_FAILED);
        int64_t end = cpu_us();
        real = middle - start < real ? middle - start : real;
        dummy = end - middle < dummy ? end - middle : dummy;
    }
    ck_assert_int_lt(dummy, real * 2);
    ck_assert_int_lt(real, dummy * 2);
}
END_TEST

static void *hash_and_verify(void *arg)
{
    int *failures = arg;
    for (int i = 0; i < 20; i++) {
        char record[SV_PASSWORD_RECORD_SIZE];
        *failures += sv_password_hash("password", &cheap, record) != 0;
        *failures += sv_password_verify(record, "password") != 0;
        *failures += sv_password_verify(record, "other") != SYNCTV_E_LOGIN_FAILED;
    }
    return NULL;
}

START_TEST(threads_hash_side_by_side)
{
    pthread_t threads[4];
    int failures[4] = { 0 };
    for (size_t i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, hash_and_verify, &failures[i]);
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_int_eq(failures[i], 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("password");
    TCase *tc = tcase_create("password");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, records_of_the_reference_program_are_verified);
    tcase_add_test(tc, a_record_verifies_its_password_and_no_other);
    tcase_add_test(tc, the_same_password_never_gives_the_same_record);
    tcase_add_test(tc, the_most_expensive_record_we_make_fits);
    tcase_add_test(tc, every_changed_character_of_a_record_is_noticed);
    tcase_add_test(tc, what_is_not_a_record_of_ours_is_an_internal_error);
    tcase_add_test(tc, a_record_cannot_make_us_spend_more_than_the_bounds);
    tcase_add_test(tc, an_endless_record_is_refused);
    tcase_add_test(tc, passwords_have_a_greatest_length);
    tcase_add_test(tc, costs_out_of_bounds_make_no_record);
    tcase_add_test(tc, a_record_of_another_cost_wants_a_new_one);
    tcase_add_test(tc, a_name_that_does_not_exist_costs_as_much_as_one_that_does);
    tcase_add_test(tc, threads_hash_side_by_side);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
