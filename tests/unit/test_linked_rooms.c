/* SPDX-License-Identifier: MIT */
/* When a member with links looks at storage, though it is told of every change. */
#include "linked_member.h"

#include <semaphore.h>

#include "node/rooms/look.h"

/* ---- what nobody tells ---- */

static struct sv_store *beside;

static int rename_room(struct sv_tx *tx, const char *name)
{
    struct sv_arena arena = { 0 };
    struct sv_room_rec rec;
    uint64_t revision;
    int rv = tx->ops->room_get(tx, room, &arena, &rec);
    rec.room.name = name;
    if (rv == 0)
        rv = tx->ops->room_update(tx, &rec);
    if (rv == 0)
        rv = tx->ops->room_touch(tx, room, &revision);
    sv_arena_fini(&arena);
    return rv;
}

struct renaming {
    struct sv_job job;
    const char *name;
    sem_t done;
    int rv;
};

static int rename_run(struct sv_job *job, struct sv_tx *tx)
{
    return rename_room(tx, SV_CONTAINER_OF(job, struct renaming, job)->name);
}

static void rename_apply(struct sv_job *job, int rv)
{
    struct renaming *renaming = SV_CONTAINER_OF(job, struct renaming, job);
    renaming->rv = rv;
    sem_post(&renaming->done);
}

static void is_renamed_elsewhere(const char *name)
{
    struct renaming renaming = { .job = { .run = rename_run, .apply = rename_apply },
        .name = name };
    sem_init(&renaming.done, 0, 0);
    sv_job_set_scope(&renaming.job, room, NULL, NULL);
    ck_assert_int_eq(sv_store_write(beside, &renaming.job), 0);
    sem_wait(&renaming.done);
    sem_destroy(&renaming.done);
    ck_assert_int_ge(renaming.rv, 0);
}

static void expect_name(const char *name)
{
    const synctv_event *event = fx_expect(watcher, SYNCTV_EVENT_ROOM);
    while (strcmp(event->room->name, name) != 0)
        event = fx_expect(watcher, SYNCTV_EVENT_ROOM);
}

static void setup(void)
{
    open_linked_member();
    const struct sv_store_options options = { .url = db_url };
    ck_assert_int_eq(sv_store_open(&options, &beside, NULL), 0);
    play_in_room(SYNCTV_AUTO_ADVANCE_OFF, 0);
    link_with(A);
    /* The looks of the beginning are over, and "a" is not silent: that would cause one, too. */
    fx_pass_ms(SV_RARE_LOOK_MS);
    hear(A, (struct sv_cluster_event){ .kind = SV_CLUSTER_INTEREST, .room_id = "" });
    fx_pass_ms(SV_MESH_PULSE_MS);
    fx_settle();
}

static void teardown(void)
{
    close_linked_member();
    sv_store_close(beside);
    sv_store_free(beside);
}

/* ---- readers that are busy ---- */

struct wait {
    struct sv_job job;
    sem_t *go;
};

static sem_t go;
static atomic_uint n_waiting;

static int wait_run(struct sv_job *job, struct sv_tx *tx)
{
    sem_wait(&go);
    return 0;
}

static void wait_apply(struct sv_job *job, int rv)
{
    atomic_fetch_sub(&n_waiting, 1);
    free(job);
}

/* Until no more reads are taken. */
static unsigned fill_the_readers_queue(void)
{
    unsigned n = 0;
    for (;;) {
        struct wait *wait = calloc(1, sizeof(*wait));
        ck_assert_ptr_nonnull(wait);
        wait->job = (struct sv_job){ .run = wait_run, .apply = wait_apply };
        atomic_fetch_add(&n_waiting, 1);
        if (sv_store_read(fx_node.store, &wait->job) < 0) {
            atomic_fetch_sub(&n_waiting, 1);
            free(wait);
            return n;
        }
        n++;
    }
}

START_TEST(a_look_that_fails_is_followed_by_another_within_a_second)
{
    is_renamed_elsewhere("Renamed");
    sem_init(&go, 0, 0);
    unsigned n = fill_the_readers_queue();
    hear(A, (struct sv_cluster_event){ .kind = SV_CLUSTER_UNKNOWN }); /* something of the room */
    for (unsigned i = 0; i < n; i++)
        sem_post(&go);
    while (atomic_load(&n_waiting) > 0)
        sched_yield();
    sem_destroy(&go);
    fx_pass_ms(SV_LOOK_MS + 100);
    fx_settle();
    fx_pass_ms(100);
    expect_name("Renamed");
}
END_TEST

/* Both have asked for it at once, so neither has waited for the other. */
START_TEST(a_node_that_was_not_known_to_have_the_room_makes_it_looked_at)
{
    is_renamed_elsewhere("Renamed");
    hear(A,
        (struct sv_cluster_event){
            .kind = SV_CLUSTER_SNAPSHOT, .barrier = UINT64_MAX, .revision = 1 });
    fx_settle();
    fx_pass_ms(100);
    expect_name("Renamed");
}
END_TEST

static Suite *linked_rooms(void)
{
    Suite *s = suite_create("linked_rooms");
    TCase *t = tcase_create("linked_rooms");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_look_that_fails_is_followed_by_another_within_a_second);
    tcase_add_test(t, a_node_that_was_not_known_to_have_the_room_makes_it_looked_at);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *r = srunner_create(linked_rooms());
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
