/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mailbox.h"

#define N_THREADS 4
#define N_LETTERS 1000

static struct sv_mailbox mailbox;

struct note {
    struct sv_letter letter;
    int thread, number;
    bool again; /* is posted once more when it is run */
};

static int last[N_THREADS], n_run;

static void note_run(struct sv_letter *letter)
{
    struct note *note = SV_CONTAINER_OF(letter, struct note, letter);
    n_run++;
    if (note->again) {
        note->again = false;
        sv_mailbox_post(&mailbox, letter);
        return;
    }
    ck_assert_int_eq(note->number, last[note->thread] + 1);
    last[note->thread] = note->number;
    free(note); /* run() owns it */
}

static struct note *note_new(int thread, int number)
{
    struct note *note = calloc(1, sizeof(*note));
    *note = (struct note){ .letter.run = note_run, .thread = thread, .number = number };
    return note;
}

static void setup(void)
{
    memset(last, 0, sizeof(last));
    n_run = 0;
    sv_mailbox_init(&mailbox);
}

static void teardown(void)
{
    sv_mailbox_fini(&mailbox);
}

START_TEST(only_the_first_letter_asks_for_a_wake)
{
    ck_assert(!sv_mailbox_run(&mailbox));
    ck_assert(sv_mailbox_post(&mailbox, &note_new(0, 1)->letter));
    ck_assert(!sv_mailbox_post(&mailbox, &note_new(0, 2)->letter));
    ck_assert(sv_mailbox_run(&mailbox));
    ck_assert_int_eq(last[0], 2);
    ck_assert(!sv_mailbox_run(&mailbox));
    ck_assert(sv_mailbox_post(&mailbox, &note_new(0, 3)->letter));
    ck_assert(sv_mailbox_run(&mailbox));
}
END_TEST

START_TEST(what_is_posted_by_a_letter_is_run_the_next_time)
{
    struct note *note = note_new(0, 1);
    note->again = true;
    sv_mailbox_post(&mailbox, &note->letter);
    ck_assert(sv_mailbox_run(&mailbox));
    ck_assert_int_eq(n_run, 1);
    ck_assert(sv_mailbox_run(&mailbox));
    ck_assert_int_eq(n_run, 2);
    ck_assert(!sv_mailbox_run(&mailbox));
}
END_TEST

static void *post_many(void *userdata)
{
    for (int i = 1; i <= N_LETTERS; i++)
        sv_mailbox_post(&mailbox, &note_new(*(int *)userdata, i)->letter);
    return NULL;
}

START_TEST(letters_of_each_thread_are_run_once_in_their_order)
{
    pthread_t threads[N_THREADS];
    int numbers[N_THREADS];
    for (int i = 0; i < N_THREADS; i++) {
        numbers[i] = i;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, post_many, &numbers[i]), 0);
    }
    while (n_run < N_THREADS * N_LETTERS)
        sv_mailbox_run(&mailbox);
    for (int i = 0; i < N_THREADS; i++)
        pthread_join(threads[i], NULL);
    ck_assert(!sv_mailbox_run(&mailbox));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mailbox");
    TCase *tc = tcase_create("mailbox");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, only_the_first_letter_asks_for_a_wake);
    tcase_add_test(tc, what_is_posted_by_a_letter_is_run_the_next_time);
    tcase_add_test(tc, letters_of_each_thread_are_run_once_in_their_order);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
