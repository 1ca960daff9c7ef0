/* SPDX-License-Identifier: MIT */
/* The members of a cluster: their rows, and that what a dead one has changed is not stored. */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "contract.h"

#define NOW_MS INT64_C(1700000000000)

static struct sv_node_rec node_rec(const char *id, const char *instance)
{
    return (struct sv_node_rec){
        .id = id,
        .instance = instance,
        .address = "192.0.2.1:50051",
        .capabilities = "a b",
        .stats = "rooms=1",
        .heartbeat_ms = 5000,
        .ahead_ms = -7,
    };
}

/* ---- rows ---- */

START_TEST(a_node_that_registers_has_a_row)
{
    struct contract c;
    struct sv_node_rec rec = node_rec("b", "one"), *nodes = NULL;
    int64_t epoch = 0;
    contract_open(&c, _i);
    contract_begin(&c);
    ck_assert_int_eq(c.op->node_list(c.tx, &c.arena, &nodes), 0);
    ck_assert_int_eq(c.op->node_register(c.tx, &rec, NOW_MS, &epoch), 0);
    ck_assert_int_eq(epoch, NOW_MS);
    rec.id = "a";
    ck_assert_int_eq(c.op->node_register(c.tx, &rec, NOW_MS + 1, &epoch), 0);
    ck_assert_int_eq(c.op->node_list(c.tx, &c.arena, &nodes), 2);
    ck_assert_str_eq(nodes[0].id, "a");
    ck_assert_str_eq(nodes[1].id, "b");
    ck_assert_int_eq(nodes[1].epoch, NOW_MS);
    ck_assert_str_eq(nodes[1].instance, "one");
    ck_assert_str_eq(nodes[1].address, "192.0.2.1:50051");
    ck_assert_str_eq(nodes[1].capabilities, "a b");
    ck_assert_str_eq(nodes[1].stats, "rooms=1");
    ck_assert_int_eq(nodes[1].heartbeat_ms, 5000);
    ck_assert_int_eq(nodes[1].ahead_ms, -7);
    ck_assert_int_eq(c.op->node_register(c.tx, &rec, 0, &epoch), SYNCTV_E_INVALID_ARGUMENT);
    contract_commit(&c);
    contract_close(&c);
}
END_TEST

START_TEST(an_epoch_only_grows_and_follows_the_clock)
{
    struct contract c;
    struct sv_node_rec rec = node_rec("a", "one");
    int64_t epoch = 0;
    contract_open(&c, _i);
    contract_begin(&c);
    c.op->node_register(c.tx, &rec, NOW_MS, &epoch);
    c.op->node_register(c.tx, &rec, NOW_MS - 1000, &epoch);
    ck_assert_int_eq(epoch, NOW_MS + 1);
    c.op->node_register(c.tx, &rec, NOW_MS + 1000, &epoch);
    ck_assert_int_eq(epoch, NOW_MS + 1000);
    contract_commit(&c);
    contract_close(&c);
}
END_TEST

START_TEST(a_beat_is_counted_for_the_right_epoch_and_instance)
{
    struct contract c;
    struct sv_node_rec rec = node_rec("a", "one"), *nodes;
    contract_open(&c, _i);
    contract_begin(&c);
    ck_assert_int_eq(c.op->node_beat(c.tx, &rec), 0);
    c.op->node_register(c.tx, &rec, NOW_MS, &rec.epoch);
    c.op->node_list(c.tx, &c.arena, &nodes);
    uint64_t beat = nodes[0].beat;
    rec.address = "";
    rec.capabilities = "c";
    rec.stats = "";
    rec.ahead_ms = 9;
    ck_assert_int_eq(c.op->node_beat(c.tx, &rec), 1);
    ck_assert_int_eq(c.op->node_list(c.tx, &c.arena, &nodes), 1);
    ck_assert_uint_eq(nodes[0].beat, beat + 1);
    ck_assert_str_eq(nodes[0].address, "");
    ck_assert_str_eq(nodes[0].capabilities, "c");
    ck_assert_str_eq(nodes[0].stats, "");
    ck_assert_int_eq(nodes[0].ahead_ms, 9);
    rec.epoch--;
    ck_assert_int_eq(c.op->node_beat(c.tx, &rec), 0);
    rec.epoch++;
    rec.instance = "two";
    ck_assert_int_eq(c.op->node_beat(c.tx, &rec), 0);
    contract_commit(&c);
    contract_close(&c);
}
END_TEST

START_TEST(only_who_has_not_moved_is_declared_dead)
{
    struct contract c;
    struct sv_node_rec rec = node_rec("a", "one"), *nodes;
    contract_open(&c, _i);
    contract_begin(&c);
    c.op->node_register(c.tx, &rec, NOW_MS, &rec.epoch);
    c.op->node_list(c.tx, &c.arena, &nodes);
    uint64_t beat = nodes[0].beat;
    c.op->node_beat(c.tx, &rec);
    ck_assert_int_eq(c.op->node_declare_dead(c.tx, "a", rec.epoch, beat), 0);
    ck_assert_int_eq(c.op->node_declare_dead(c.tx, "a", rec.epoch - 1, beat + 1), 0);
    ck_assert_int_eq(c.op->node_declare_dead(c.tx, "b", rec.epoch, beat + 1), 0);
    ck_assert_int_eq(c.op->node_declare_dead(c.tx, "a", rec.epoch, beat + 1), 1);
    ck_assert_int_eq(c.op->node_list(c.tx, &c.arena, &nodes), 1);
    ck_assert_int_eq(nodes[0].epoch, rec.epoch + 1);
    ck_assert_str_eq(nodes[0].instance, "");
    ck_assert_int_eq(c.op->node_beat(c.tx, &rec), 0);
    ck_assert_int_eq(c.op->node_forget(c.tx, "a", rec.epoch), 0);
    ck_assert_int_eq(c.op->node_forget(c.tx, "a", rec.epoch + 1), 1);
    ck_assert_int_eq(c.op->node_list(c.tx, &c.arena, &nodes), 0);
    contract_commit(&c);
    contract_close(&c);
}
END_TEST

/* ---- the store of a member ---- */

struct member {
    struct sv_store *store;
    struct sv_node_rec rec;
    atomic_int refusals;
};

static void count_refusal(void *userdata)
{
    struct member *m = userdata;
    atomic_fetch_add(&m->refusals, 1);
}

static int open_member(struct member *m, const char *url, const char *id, const char *instance,
    synctv_error *err)
{
    const struct sv_store_member member = { id, instance, count_refusal, m };
    const struct sv_store_options o = { .url = url, .member = &member };
    *m = (struct member){ .rec = node_rec(id, instance) };
    return sv_store_open(&o, &m->store, err);
}

static void close_member(struct member *m)
{
    sv_store_close(m->store);
    sv_store_free(m->store);
}

static int do_register(struct sv_tx *tx, void *arg)
{
    struct member *m = arg;
    return tx->ops->node_register(tx, &m->rec, NOW_MS, &m->rec.epoch);
}

static int register_and_fail(struct sv_tx *tx, void *arg)
{
    do_register(tx, arg);
    return SYNCTV_E_INTERNAL;
}

static int kill_node(struct sv_tx *tx, void *arg)
{
    struct member *m = arg;
    struct sv_arena a = { 0 };
    struct sv_node_rec *nodes;
    int n = tx->ops->node_list(tx, &a, &nodes), dead = 0;
    for (int i = 0; i < n; i++)
        if (strcmp(nodes[i].id, m->rec.id) == 0)
            dead = tx->ops->node_declare_dead(tx, nodes[i].id, nodes[i].epoch, nodes[i].beat);
    sv_arena_fini(&a);
    return dead;
}

static int forget_node(struct sv_tx *tx, void *arg)
{
    struct member *m = arg;
    return tx->ops->node_forget(tx, m->rec.id, m->rec.epoch);
}

static int take_its_place(struct sv_tx *tx, void *arg)
{
    struct member *m = arg;
    struct sv_node_rec other = node_rec(m->rec.id, "another");
    int64_t epoch;
    return tx->ops->node_register(tx, &other, NOW_MS, &epoch);
}

static int put_fact(struct sv_tx *tx, void *arg)
{
    return tx->ops->meta_put(tx, "fact", arg);
}

static int look(struct sv_tx *tx, void *arg)
{
    struct sv_arena a = { 0 };
    const char *value = "";
    int rv = tx->ops->meta_get(tx, "fact", &a, &value);
    if (rv > 0)
        snprintf(arg, 32, "%s", value);
    sv_arena_fini(&a);
    return rv;
}

static int ask_held(struct sv_tx *tx, void *arg)
{
    return tx->ops->node_is_held(tx, arg);
}

START_TEST(a_member_stores_nothing_before_it_has_registered)
{
    char url[300], fact[32] = "";
    struct member a;
    contract_url(_i, url, sizeof(url));
    ck_assert_int_eq(open_member(&a, url, "a", "one", NULL), 0);
    ck_assert_int_eq(contract_write(a.store, put_fact, "early"), SYNCTV_E_STORAGE_UNAVAILABLE);
    ck_assert_int_gt(a.refusals, 0);
    ck_assert_int_eq(contract_write(a.store, register_and_fail, &a), SYNCTV_E_INTERNAL);
    ck_assert_int_eq(contract_write(a.store, put_fact, "early"), SYNCTV_E_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(contract_write(a.store, do_register, &a), 0);
    ck_assert_int_eq(contract_write(a.store, put_fact, "fine"), 0);
    ck_assert_int_eq(contract_write(a.store, look, fact), 1);
    ck_assert_str_eq(fact, "fine");
    close_member(&a);
}
END_TEST

/* How a node's row can be lost, by somebody who does it over the same store: that COMMIT is refused
 * already. */
START_TEST(what_a_member_does_not_survive_is_not_stored)
{
    static contract_fn *const fates[] = { kill_node, take_its_place };
    for (size_t i = 0; i < 2; i++) {
        char url[300], fact[32] = "";
        struct member a, b;
        if (strcmp(contract_backends[_i], "memory:") == 0)
            return;
        contract_url(_i, url, sizeof(url));
        ck_assert_int_eq(open_member(&a, url, "a", "one", NULL), 0);
        ck_assert_int_eq(open_member(&b, url, "b", "one", NULL), 0);
        ck_assert_int_eq(contract_write(a.store, do_register, &a), 0);
        ck_assert_int_eq(contract_write(b.store, do_register, &b), 0);
        ck_assert_int_eq(contract_write(a.store, put_fact, "alive"), 0);
        ck_assert_int_eq(a.refusals, 0);

        ck_assert_int_ge(contract_write(b.store, fates[i], &a), 0);
        ck_assert_int_eq(contract_write(a.store, put_fact, "dead"), SYNCTV_E_STORAGE_UNAVAILABLE);
        ck_assert_int_gt(a.refusals, 0);
        ck_assert_int_eq(contract_read(b.store, look, fact), 1);
        ck_assert_str_eq(fact, "alive");
        ck_assert_int_eq(contract_write(a.store, look, fact), 1);

        ck_assert_int_eq(contract_write(a.store, do_register, &a), 0);
        ck_assert_int_eq(contract_write(a.store, put_fact, "again"), 0);
        ck_assert_int_eq(contract_read(b.store, look, fact), 1);
        ck_assert_str_eq(fact, "again");
        close_member(&a);
        close_member(&b);
    }
}
END_TEST

START_TEST(a_member_that_has_left_stores_nothing_more)
{
    char url[300];
    struct member a;
    contract_url(_i, url, sizeof(url));
    ck_assert_int_eq(open_member(&a, url, "a", "one", NULL), 0);
    ck_assert_int_eq(contract_write(a.store, do_register, &a), 0);
    ck_assert_int_eq(contract_write(a.store, forget_node, &a), 1);
    ck_assert_int_eq(contract_write(a.store, put_fact, "late"), SYNCTV_E_STORAGE_UNAVAILABLE);
    close_member(&a);
}
END_TEST

START_TEST(an_id_is_held_by_the_store_that_has_it)
{
    char url[300];
    struct member a;
    contract_url(_i, url, sizeof(url));
    ck_assert_int_eq(open_member(&a, url, "a", "one", NULL), 0);
    ck_assert_int_eq(contract_read(a.store, ask_held, "a"), 1);
    ck_assert_int_eq(contract_read(a.store, ask_held, "b"), 0);
    close_member(&a);
}
END_TEST

static int ask_clock(struct sv_tx *tx, void *arg)
{
    return tx->ops->clock_ms(tx, arg);
}

START_TEST(a_server_tells_its_clock)
{
    struct contract c;
    int64_t ms = 0;
    contract_open(&c, _i);
    bool is_server = strncmp(c.url, "postgres:", 9) == 0;
    int64_t before_ms = sv_wall_ms();
    ck_assert_int_eq(contract_read(c.store, ask_clock, &ms), is_server);
    if (is_server) {
        ck_assert_int_ge(ms, before_ms);
        ck_assert_int_le(ms, sv_wall_ms());
    }
    contract_close(&c);
}
END_TEST

static void add(TCase *tc)
{
    int n = contract_n_backends();
    tcase_add_loop_test(tc, a_node_that_registers_has_a_row, 0, n);
    tcase_add_loop_test(tc, an_epoch_only_grows_and_follows_the_clock, 0, n);
    tcase_add_loop_test(tc, a_beat_is_counted_for_the_right_epoch_and_instance, 0, n);
    tcase_add_loop_test(tc, only_who_has_not_moved_is_declared_dead, 0, n);
    tcase_add_loop_test(tc, a_member_stores_nothing_before_it_has_registered, 0, n);
    tcase_add_loop_test(tc, what_a_member_does_not_survive_is_not_stored, 0, n);
    tcase_add_loop_test(tc, a_member_that_has_left_stores_nothing_more, 0, n);
    tcase_add_loop_test(tc, an_id_is_held_by_the_store_that_has_it, 0, n);
    tcase_add_loop_test(tc, a_server_tells_its_clock, 0, n);
}

int main(void)
{
    return contract_main("nodes", add);
}
