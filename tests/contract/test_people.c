/* SPDX-License-Identifier: MIT */
/* Facts, users, sessions. */
#include <stdio.h>
#include <string.h>

#include "contract.h"

START_TEST(facts_are_kept_and_replaced)
{
    struct contract c;
    const char *value = "untouched";
    contract_open(&c, _i);
    contract_begin(&c);
    ck_assert_int_eq(c.op->meta_get(c.tx, "color", &c.arena, &value), 0);
    ck_assert_str_eq(value, "untouched");
    ck_assert_int_eq(c.op->meta_put(c.tx, "color", "red"), 0);
    ck_assert_int_eq(c.op->meta_put(c.tx, "color", "blue"), 0);
    ck_assert_int_eq(c.op->meta_get(c.tx, "color", &c.arena, &value), 1);
    ck_assert_str_eq(value, "blue");
    ck_assert_int_eq(contract_commit(&c), 0);
    contract_close(&c);
}
END_TEST

START_TEST(a_new_database_has_an_id_and_a_secret)
{
    struct contract c;
    const char *id, *secret;
    contract_open(&c, _i);
    contract_begin_read(&c);
    ck_assert_int_eq(c.op->meta_get(c.tx, "storage_id", &c.arena, &id), 1);
    ck_assert_int_eq(c.op->meta_get(c.tx, "jwt_secret", &c.arena, &secret), 1);
    ck_assert_uint_eq(strlen(id), 21);
    ck_assert_uint_eq(strlen(secret), 64);
    ck_assert_uint_eq(strspn(secret, "0123456789abcdef"), 64);
    contract_commit(&c);
    contract_close(&c);
}
END_TEST

START_TEST(a_user_comes_back_as_it_went_in)
{
    struct contract c;
    struct sv_user_rec got, rec = contract_user("u00000000001", "Ünï 🎬");
    rec.username_fold = "ünï 🎬";
    rec.user.email = "A@Example.org";
    rec.email_fold = "a@example.org";
    rec.user.role = SYNCTV_USER_ROLE_ROOT;
    rec.user.status = SYNCTV_USER_STATUS_PENDING;
    rec.user.created_at_ms = INT64_C(1700000000123);
    contract_open(&c, _i);
    contract_begin(&c);
    ck_assert_int_eq(c.op->user_insert(c.tx, &rec), 0);
    ck_assert_int_eq(c.op->user_get(c.tx, rec.user.id, &c.arena, &got), 0);
    ck_assert_str_eq(got.user.id, rec.user.id);
    ck_assert_str_eq(got.user.username, rec.user.username);
    ck_assert_str_eq(got.user.email, rec.user.email);
    ck_assert_int_eq(got.user.role, rec.user.role);
    ck_assert_int_eq(got.user.status, rec.user.status);
    ck_assert_int_eq(got.user.created_at_ms, rec.user.created_at_ms);
    ck_assert_str_eq(got.username_fold, rec.username_fold);
    ck_assert_str_eq(got.email_fold, rec.email_fold);
    ck_assert_str_eq(got.password_hash, rec.password_hash);
    memset(&got, 0, sizeof(got));
    ck_assert_int_eq(c.op->user_get_by_name(c.tx, "ünï 🎬", &c.arena, &got), 0);
    ck_assert_str_eq(got.user.id, rec.user.id);
    contract_commit(&c);
    contract_close(&c);
}
END_TEST

START_TEST(names_and_addresses_are_unique_but_no_address_is_no_conflict)
{
    struct contract c;
    struct sv_user_rec a = contract_user("u00000000001", "anna");
    struct sv_user_rec b = contract_user("u00000000002", "bert");
    contract_open(&c, _i);
    contract_begin(&c);
    ck_assert_int_eq(c.op->user_insert(c.tx, &a), 0);
    ck_assert_int_eq(c.op->user_insert(c.tx, &b), 0);

    struct sv_user_rec again = contract_user("u00000000003", "anna");
    ck_assert_int_eq(c.op->user_insert(c.tx, &again), SYNCTV_E_USERNAME_TAKEN);
    struct sv_user_rec mail = contract_user("u00000000004", "carl");
    mail.user.email = mail.email_fold = "x@y.org";
    ck_assert_int_eq(c.op->user_insert(c.tx, &mail), 0);
    mail.user.id = "u00000000005";
    mail.username_fold = "dora";
    ck_assert_int_eq(c.op->user_insert(c.tx, &mail), SYNCTV_E_EMAIL_TAKEN);
    mail.email_fold = "z@y.org";
    mail.user.id = "u00000000004";
    ck_assert_int_eq(c.op->user_insert(c.tx, &mail), SYNCTV_E_INTERNAL);
    ck_assert_int_eq(contract_commit(&c), 0);
    contract_close(&c);
}
END_TEST

START_TEST(a_user_is_changed_in_place)
{
    struct contract c;
    struct sv_user_rec got;
    const char *id = "u00000000001";
    contract_open(&c, _i);
    contract_begin(&c);
    contract_add_user(&c, 1);
    ck_assert_int_eq(c.op->user_set_status(c.tx, id, SYNCTV_USER_STATUS_BANNED), 0);
    ck_assert_int_eq(c.op->user_set_role(c.tx, id, SYNCTV_USER_ROLE_ADMIN), 0);
    ck_assert_int_eq(c.op->user_set_password(c.tx, id, "other"), 0);
    ck_assert_int_eq(c.op->user_get(c.tx, id, &c.arena, &got), 0);
    ck_assert_int_eq(got.user.status, SYNCTV_USER_STATUS_BANNED);
    ck_assert_int_eq(got.user.role, SYNCTV_USER_ROLE_ADMIN);
    ck_assert_str_eq(got.password_hash, "other");
    contract_commit(&c);
    contract_close(&c);
}
END_TEST

START_TEST(a_user_that_is_not_there_is_not_found)
{
    struct contract c;
    struct sv_user_rec got = { .password_hash = "untouched" };
    contract_open(&c, _i);
    contract_begin(&c);
    ck_assert_int_eq(c.op->user_get(c.tx, "nobody", &c.arena, &got), SYNCTV_E_USER_NOT_FOUND);
    ck_assert_int_eq(c.op->user_get_by_name(c.tx, "", &c.arena, &got), SYNCTV_E_USER_NOT_FOUND);
    ck_assert_int_eq(c.op->user_set_status(c.tx, "nobody", SYNCTV_USER_STATUS_ACTIVE),
        SYNCTV_E_USER_NOT_FOUND);
    ck_assert_int_eq(c.op->user_set_role(c.tx, "nobody", SYNCTV_USER_ROLE_USER),
        SYNCTV_E_USER_NOT_FOUND);
    ck_assert_int_eq(c.op->user_set_password(c.tx, "nobody", "x"), SYNCTV_E_USER_NOT_FOUND);
    ck_assert_str_eq(got.password_hash, "untouched");
    contract_commit(&c);
    contract_close(&c);
}
END_TEST

START_TEST(users_are_listed_in_pages_from_new_to_old)
{
    struct contract c;
    synctv_user *page;
    contract_open(&c, _i);
    contract_begin(&c);
    for (unsigned i = 0; i < 25; i++) {
        char name[16];
        snprintf(name, sizeof(name), "user%02u", i);
        struct sv_user_rec rec = contract_user(contract_id('u', i), name);
        rec.user.created_at_ms = 1000 + i / 4; /* some share a millisecond */
        ck_assert_int_eq(c.op->user_insert(c.tx, &rec), 0);
    }
    int64_t ms = 0;
    const char *id = "";
    unsigned expected = 25;
    for (;;) {
        int n = c.op->user_list(c.tx, "", ms, id, 7, &c.arena, &page);
        ck_assert_int_ge(n, 0);
        if (n == 0)
            break;
        for (int i = 0; i < n; i++)
            ck_assert_str_eq(page[i].id, contract_id('u', --expected));
        ms = page[n - 1].created_at_ms;
        id = page[n - 1].id;
    }
    ck_assert_uint_eq(expected, 0);
    ck_assert_int_eq(c.op->user_list(c.tx, "R1", 0, "", 100, &c.arena, &page), 10);
    ck_assert_str_eq(page[9].username, "user10");
    ck_assert_int_eq(c.op->user_list(c.tx, "%", 0, "", 100, &c.arena, &page), 0);
    contract_commit(&c);
    contract_close(&c);
}
END_TEST

/* ---- sessions ---- */

static struct sv_session_rec session(const char *id, const char *user_id, unsigned char hash)
{
    struct sv_session_rec rec = {
        .id = id, .user_id = user_id, .rotated_at_ms = 10, .created_at_ms = 5, .expires_at_ms = 1000
    };
    memset(rec.refresh_hash, hash, sizeof(rec.refresh_hash));
    return rec;
}

static void hash_of(unsigned char out[32], unsigned n)
{
    memset(out, 0xaa, 32);
    memcpy(out, &n, sizeof(n));
}

START_TEST(a_session_comes_back_as_it_went_in)
{
    struct contract c;
    struct sv_session_rec got, rec = session("s1", "u00000000001", 1);
    contract_open(&c, _i);
    contract_begin(&c);
    contract_add_user(&c, 1);
    ck_assert_int_eq(c.op->session_insert(c.tx, &rec), 0);
    ck_assert_int_eq(c.op->session_get(c.tx, "s1", &c.arena, &got), 0);
    ck_assert_str_eq(got.id, "s1");
    ck_assert_str_eq(got.user_id, rec.user_id);
    ck_assert_mem_eq(got.refresh_hash, rec.refresh_hash, 32);
    ck_assert_mem_eq(got.previous_hash, rec.previous_hash, 32);
    ck_assert_int_eq(got.rotated_at_ms, 10);
    ck_assert_int_eq(got.created_at_ms, 5);
    ck_assert_int_eq(got.expires_at_ms, 1000);
    struct sv_session_rec orphan = session("s2", "nobody", 2);
    ck_assert_int_eq(c.op->session_insert(c.tx, &orphan), SYNCTV_E_USER_NOT_FOUND);
    contract_commit(&c);
    contract_close(&c);
}
END_TEST

START_TEST(a_session_is_found_by_every_token_it_has_had)
{
    struct contract c;
    unsigned char hash[32];
    struct sv_session_rec got, rec = session("s1", "u00000000001", 0);
    hash_of(rec.refresh_hash, 0);
    contract_open(&c, _i);
    contract_begin(&c);
    contract_add_user(&c, 1);
    ck_assert_int_eq(c.op->session_insert(c.tx, &rec), 0);
    for (unsigned i = 1; i <= 20; i++) {
        hash_of(hash, i);
        ck_assert_int_eq(c.op->session_rotate(c.tx, "s1", hash, 10 + i, 1000 + i), 0);
    }
    for (unsigned i = 0; i <= 20; i++) {
        hash_of(hash, i);
        ck_assert_int_eq(c.op->session_get_by_refresh(c.tx, hash, &c.arena, &got), 0);
        ck_assert_str_eq(got.id, "s1");
    }
    ck_assert_mem_eq(got.refresh_hash, hash, 32);
    hash_of(hash, 19);
    ck_assert_mem_eq(got.previous_hash, hash, 32);
    ck_assert_int_eq(got.rotated_at_ms, 30);
    ck_assert_int_eq(got.expires_at_ms, 1020);
    ck_assert_int_eq(got.created_at_ms, 5);
    hash_of(hash, 21);
    ck_assert_int_eq(c.op->session_get_by_refresh(c.tx, hash, &c.arena, &got),
        SYNCTV_E_SESSION_ENDED);
    ck_assert_int_eq(c.op->session_delete(c.tx, "s1"), 0);
    hash_of(hash, 3);
    ck_assert_int_eq(c.op->session_get_by_refresh(c.tx, hash, &c.arena, &got),
        SYNCTV_E_SESSION_ENDED);
    contract_commit(&c);
    contract_close(&c);
}
END_TEST

START_TEST(a_session_that_rotates_for_ever_does_not_grow_for_ever)
{
    struct contract c;
    unsigned char hash[32];
    struct sv_session_rec got, rec = session("s1", "u00000000001", 0);
    hash_of(rec.refresh_hash, 0);
    contract_open(&c, _i);
    contract_begin(&c);
    contract_add_user(&c, 1);
    ck_assert_int_eq(c.op->session_insert(c.tx, &rec), 0);
    for (unsigned i = 1; i <= 1500; i++) {
        hash_of(hash, i);
        ck_assert_int_eq(c.op->session_rotate(c.tx, "s1", hash, i, i), 0);
    }
    hash_of(hash, 501);
    ck_assert_int_eq(c.op->session_get_by_refresh(c.tx, hash, &c.arena, &got), 0);
    hash_of(hash, 500);
    ck_assert_int_eq(c.op->session_get_by_refresh(c.tx, hash, &c.arena, &got),
        SYNCTV_E_SESSION_ENDED);
    contract_commit(&c);
    contract_close(&c);
}
END_TEST

START_TEST(a_session_that_is_not_there_has_ended)
{
    struct contract c;
    struct sv_session_rec got;
    unsigned char hash[32] = { 0 };
    contract_open(&c, _i);
    contract_begin(&c);
    ck_assert_int_eq(c.op->session_get(c.tx, "x", &c.arena, &got), SYNCTV_E_SESSION_ENDED);
    ck_assert_int_eq(c.op->session_get_by_refresh(c.tx, hash, &c.arena, &got),
        SYNCTV_E_SESSION_ENDED);
    ck_assert_int_eq(c.op->session_rotate(c.tx, "x", hash, 1, 1), SYNCTV_E_SESSION_ENDED);
    ck_assert_int_eq(c.op->session_delete(c.tx, "x"), SYNCTV_E_SESSION_ENDED);
    contract_commit(&c);
    contract_close(&c);
}
END_TEST

START_TEST(all_sessions_of_a_user_end_but_the_excepted_one)
{
    struct contract c;
    const char *const *ids;
    contract_open(&c, _i);
    contract_begin(&c);
    contract_add_user(&c, 1);
    contract_add_user(&c, 2);
    struct sv_session_rec recs[] = { session("s1", "u00000000001", 1),
        session("s2", "u00000000001", 2), session("s3", "u00000000001", 3),
        session("t1", "u00000000002", 4) };
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(c.op->session_insert(c.tx, &recs[i]), 0);
    ck_assert_int_eq(c.op->session_delete_user(c.tx, "u00000000001", "s2", &c.arena, &ids), 2);
    ck_assert(ids[0][1] != '2' && ids[1][1] != '2' && strcmp(ids[0], ids[1]) != 0);
    struct sv_session_rec got;
    ck_assert_int_eq(c.op->session_get(c.tx, "s2", &c.arena, &got), 0);
    ck_assert_int_eq(c.op->session_get(c.tx, "s1", &c.arena, &got), SYNCTV_E_SESSION_ENDED);
    ck_assert_int_eq(c.op->session_delete_user(c.tx, "u00000000001", "", &c.arena, &ids), 1);
    ck_assert_str_eq(ids[0], "s2");
    ck_assert_int_eq(c.op->session_delete_user(c.tx, "u00000000001", "", &c.arena, &ids), 0);
    ck_assert_int_eq(c.op->session_get(c.tx, "t1", &c.arena, &got), 0);
    contract_commit(&c);
    contract_close(&c);
}
END_TEST

START_TEST(of_a_users_sessions_those_renewed_last_are_kept)
{
    struct contract c;
    const char *const *ids;
    struct sv_session_rec got;
    unsigned char hash[32];
    const int64_t rotated_at_ms[] = { 10, 50, 20, 40, 30 };
    contract_open(&c, _i);
    contract_begin(&c);
    contract_add_user(&c, 1);
    contract_add_user(&c, 2);
    for (unsigned i = 0; i < 5; i++) {
        struct sv_session_rec rec = session(contract_id('s', i), "u00000000001", 0);
        hash_of(rec.refresh_hash, i);
        rec.rotated_at_ms = rotated_at_ms[i];
        ck_assert_int_eq(c.op->session_insert(c.tx, &rec), 0);
    }
    struct sv_session_rec other = session("t1", "u00000000002", 9);
    ck_assert_int_eq(c.op->session_insert(c.tx, &other), 0);

    ck_assert_int_eq(c.op->session_delete_oldest(c.tx, "u00000000001", 5, &c.arena, &ids), 0);
    ck_assert_int_eq(c.op->session_delete_oldest(c.tx, "u00000000001", 4, &c.arena, &ids), 1);
    ck_assert_str_eq(ids[0], contract_id('s', 0));
    hash_of(hash, 77);
    ck_assert_int_eq(c.op->session_rotate(c.tx, contract_id('s', 2), hash, 60, 1000), 0);
    ck_assert_int_eq(c.op->session_delete_oldest(c.tx, "u00000000001", 2, &c.arena, &ids), 2);
    ck_assert_int_eq(c.op->session_get(c.tx, contract_id('s', 1), &c.arena, &got), 0);
    ck_assert_int_eq(c.op->session_get(c.tx, contract_id('s', 2), &c.arena, &got), 0);
    hash_of(hash, 3); /* their tokens are gone, too */
    ck_assert_int_eq(c.op->session_get_by_refresh(c.tx, hash, &c.arena, &got),
        SYNCTV_E_SESSION_ENDED);
    ck_assert_int_eq(c.op->session_delete_oldest(c.tx, "u00000000001", -1, &c.arena, &ids), 2);
    ck_assert_int_eq(c.op->session_delete_oldest(c.tx, "nobody", 0, &c.arena, &ids), 0);
    ck_assert_int_eq(c.op->session_get(c.tx, "t1", &c.arena, &got), 0);
    contract_commit(&c);
    contract_close(&c);
}
END_TEST

START_TEST(expired_sessions_are_purged_a_few_at_a_time)
{
    struct contract c;
    struct sv_session_rec got;
    contract_open(&c, _i);
    contract_begin(&c);
    contract_add_user(&c, 1);
    for (unsigned i = 0; i < 10; i++) {
        struct sv_session_rec rec = session(contract_id('s', i), "u00000000001", 0);
        hash_of(rec.refresh_hash, i);
        rec.expires_at_ms = 100 + i;
        ck_assert_int_eq(c.op->session_insert(c.tx, &rec), 0);
    }
    ck_assert_int_eq(c.op->session_purge(c.tx, 106, 5), 5);
    ck_assert_int_eq(c.op->session_purge(c.tx, 106, 5), 2);
    ck_assert_int_eq(c.op->session_purge(c.tx, 106, 5), 0);
    ck_assert_int_eq(c.op->session_get(c.tx, contract_id('s', 7), &c.arena, &got), 0);
    contract_commit(&c);
    contract_close(&c);
}
END_TEST

static void add(TCase *tc)
{
    const int n = contract_n_backends();
    tcase_add_loop_test(tc, facts_are_kept_and_replaced, 0, n);
    tcase_add_loop_test(tc, a_new_database_has_an_id_and_a_secret, 0, n);
    tcase_add_loop_test(tc, a_user_comes_back_as_it_went_in, 0, n);
    tcase_add_loop_test(tc, names_and_addresses_are_unique_but_no_address_is_no_conflict, 0, n);
    tcase_add_loop_test(tc, a_user_is_changed_in_place, 0, n);
    tcase_add_loop_test(tc, a_user_that_is_not_there_is_not_found, 0, n);
    tcase_add_loop_test(tc, users_are_listed_in_pages_from_new_to_old, 0, n);
    tcase_add_loop_test(tc, a_session_comes_back_as_it_went_in, 0, n);
    tcase_add_loop_test(tc, a_session_is_found_by_every_token_it_has_had, 0, n);
    tcase_add_loop_test(tc, a_session_that_rotates_for_ever_does_not_grow_for_ever, 0, n);
    tcase_add_loop_test(tc, a_session_that_is_not_there_has_ended, 0, n);
    tcase_add_loop_test(tc, all_sessions_of_a_user_end_but_the_excepted_one, 0, n);
    tcase_add_loop_test(tc, of_a_users_sessions_those_renewed_last_are_kept, 0, n);
    tcase_add_loop_test(tc, expired_sessions_are_purged_a_few_at_a_time, 0, n);
}

int main(void)
{
    return contract_main("people", add);
}
