/* SPDX-License-Identifier: MIT */
/* Two nodes that have nothing to say to each other, on a network that may lose everything. */
#include <check.h>
#include <stdbool.h>
#include <stdlib.h>

#include "cluster/mesh.h"

#define LINK 1

static const char *const ids[] = { "a", "b" };
static struct sv_mesh *meshes[2];
static struct sv_mesh_outputs outputs;
static int64_t now_ms;
static bool is_cut;
/* Events that came to each. */
static int n_heard[2];

static void step(int who, const struct sv_mesh_input *input)
{
    ck_assert_int_eq(sv_mesh_step(meshes[who], now_ms, input, &outputs), 0);
    struct sv_mesh_outputs sent = outputs;
    outputs = (struct sv_mesh_outputs){ 0 };
    for (size_t i = 0; i < sent.n && !is_cut; i++) {
        if (sent.items[i].kind != SV_MESH_SEND)
            continue;
        struct sv_cluster_event event = *sent.items[i].event;
        event.sequence = sent.items[i].sequence;
        n_heard[1 - who]++;
        step(1 - who,
            &(struct sv_mesh_input){ .kind = SV_MESH_HEARD, .link = LINK, .event = &event });
    }
    sv_mesh_outputs_fini(&sent);
}

static void pass_ms(int64_t ms)
{
    for (int64_t until_ms = now_ms + ms; now_ms < until_ms; now_ms++)
        for (int who = 0; who < 2; who++)
            if (sv_mesh_next_ms(meshes[who]) <= now_ms)
                step(who, &(struct sv_mesh_input){ .kind = SV_MESH_TICK });
}

static void setup(void)
{
    now_ms = 1000;
    is_cut = false;
    for (int who = 0; who < 2; who++) {
        meshes[who] = sv_mesh_new(ids[who]);
        ck_assert_ptr_nonnull(meshes[who]);
    }
    for (int who = 0; who < 2; who++) {
        const struct sv_mesh_node other = { ids[1 - who], "192.0.2.1:1", 1, SV_FELLOW_ALIVE };
        step(who, &(struct sv_mesh_input){ .kind = SV_MESH_NODES, .nodes = &other, .n_nodes = 1 });
    }
    n_heard[0] = n_heard[1] = 0;
}

/* Neither has a room, so the first thing that each says is an INTEREST without any. */
static void open_link(void)
{
    struct sv_cluster_event first[2];
    for (int who = 0; who < 2; who++) {
        const struct sv_mesh_input opened = {
            .kind = SV_MESH_OPENED, .link = LINK, .peer_id = ids[1 - who], .epoch = 1
        };
        ck_assert_int_eq(sv_mesh_step(meshes[who], now_ms, &opened, &outputs), 0);
        ck_assert_uint_eq(outputs.n, 1);
        first[who] = *outputs.items[0].event;
        first[who].sequence = outputs.items[0].sequence;
    }
    for (int who = 0; who < 2; who++)
        step(who,
            &(struct sv_mesh_input){
                .kind = SV_MESH_HEARD, .link = LINK, .event = &first[1 - who] });
}

static void teardown(void)
{
    for (int who = 0; who < 2; who++)
        sv_mesh_free(meshes[who]);
    sv_mesh_outputs_fini(&outputs);
}

START_TEST(nodes_with_nothing_to_say_are_not_silent)
{
    open_link();
    for (int i = 0; i < 100; i++) {
        pass_ms(100);
        ck_assert(sv_mesh_hears_all(meshes[0]) && sv_mesh_hears_all(meshes[1]));
    }
    for (int who = 0; who < 2; who++) {
        ck_assert_int_ge(n_heard[who], 10000 / SV_MESH_PULSE_MS - 1);
        ck_assert_int_le(n_heard[who], 10000 / SV_MESH_PULSE_MS + 1);
    }
}
END_TEST

START_TEST(who_is_not_heard_is_silent_though_the_link_is_open)
{
    open_link();
    pass_ms(5000);
    is_cut = true;
    pass_ms(SV_MESH_SILENT_MS + SV_MESH_PULSE_MS + 1);
    for (int who = 0; who < 2; who++) {
        ck_assert(!sv_mesh_hears_all(meshes[who]));
        ck_assert(sv_mesh_is_complete(meshes[who]));
        ck_assert(sv_mesh_is_linked(meshes[who], ids[1 - who]));
    }
}
END_TEST

START_TEST(who_has_been_silent_and_is_linked_anew_is_silent_no_more)
{
    open_link();
    is_cut = true;
    pass_ms(5000);
    ck_assert(!sv_mesh_hears_all(meshes[0]));
    for (int who = 0; who < 2; who++)
        step(who, &(struct sv_mesh_input){ .kind = SV_MESH_CLOSED, .link = LINK });
    is_cut = false;
    open_link();
    ck_assert(sv_mesh_hears_all(meshes[0]) && sv_mesh_hears_all(meshes[1]));
    pass_ms(5000);
    ck_assert(sv_mesh_hears_all(meshes[0]) && sv_mesh_hears_all(meshes[1]));
}
END_TEST

/* As when the table of nodes is read before there is somebody who dials. */
START_TEST(what_was_to_be_dialled_is_said_again_if_nobody_has_dialled_it)
{
    const struct sv_mesh_node b = { "b", "192.0.2.1:1", 1, SV_FELLOW_ALIVE };
    const struct sv_mesh_input nodes = { .kind = SV_MESH_NODES, .nodes = &b, .n_nodes = 1 };
    ck_assert_int_eq(sv_mesh_step(meshes[0], now_ms, &nodes, &outputs), 0);
    ck_assert_uint_eq(outputs.n, 0);
    sv_mesh_dial_again(meshes[0]);
    ck_assert_int_eq(sv_mesh_step(meshes[0], now_ms, &nodes, &outputs), 0);
    ck_assert_uint_eq(outputs.n, 1);
    ck_assert_int_eq(outputs.items[0].kind, SV_MESH_DIAL);
}
END_TEST

START_TEST(without_a_link_nothing_is_said)
{
    pass_ms(5000);
    ck_assert_int_eq(n_heard[0] + n_heard[1], 0);
    ck_assert(sv_mesh_hears_all(meshes[0]));
    ck_assert(!sv_mesh_is_complete(meshes[0]));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("silent links");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, nodes_with_nothing_to_say_are_not_silent);
    tcase_add_test(t, who_is_not_heard_is_silent_though_the_link_is_open);
    tcase_add_test(t, who_has_been_silent_and_is_linked_anew_is_silent_no_more);
    tcase_add_test(t, what_was_to_be_dialled_is_said_again_if_nobody_has_dialled_it);
    tcase_add_test(t, without_a_link_nothing_is_said);
    suite_add_tcase(s, t);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_ENV);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
