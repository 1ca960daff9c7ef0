/* SPDX-License-Identifier: MIT */
/* Links between two members: they find each other, say hello, and what one says the other hears. */
#include "test_identity.h"
#include "test_peer.h"

#define ROOM "room-0000001"

static struct member *a, *b;

static void setup(void)
{
    folder_setup();
    a = member_open("a");
    b = member_open("b");
    wait_for_link(a, b);
}

/* Whose servers have several threads, which run the links. */
static void setup_with_threads(void)
{
    struct sv_rpc_server_options o;
    sv_rpc_server_defaults(&o);
    o.threads = 3;
    folder_setup();
    a = member_open_with("a", test_db_url, test_secret_path, &o);
    b = member_open_with("b", test_db_url, test_secret_path, &o);
    wait_for_link(a, b);
}

static void teardown(void)
{
    member_close(a);
    member_close(b);
    folder_teardown();
}

/* Both have the room, and each has the other's snapshot. */
static void share_room(void)
{
    sv_links_want(&a->node, ROOM);
    sv_links_want(&b->node, ROOM);
    wait_for(&a->n_applied, 1);
    wait_for(&b->n_applied, 1);
}

START_TEST(what_one_says_in_a_room_the_other_hears)
{
    share_room();
    int had_a = value(&a->n_applied), had_b = value(&b->n_applied);
    say_chat(a, ROOM, 1, "from a");
    say_chat(b, ROOM, 2, "from b");
    wait_for(&a->n_applied, had_a + 1);
    wait_for(&b->n_applied, had_b + 1);
    ck_assert_ptr_nonnull(strstr(b->applied[had_b], "a 8 " ROOM " from a"));
    ck_assert_ptr_nonnull(strstr(a->applied[had_a], "b 8 " ROOM " from b"));
}
END_TEST

START_TEST(many_events_come_in_order_and_none_is_missing)
{
    share_room();
    int had = value(&b->n_applied);
    char text[400];
    for (int i = 0; i < 20000; i++) {
        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        int n = snprintf(text, sizeof(text), "%d", i);
        text[n] = i % 2 == 0 ? '\0' : ' ';
        say_chat(a, ROOM, (uint64_t)i + 1, text);
        if (i % 1000 == 999)
            wait_for(&b->n_applied, had + i + 1 - 3000);
    }
    wait_for(&b->n_applied, had + 20000);
    ck_assert_int_eq(value(&b->n_applied), had + 20000);
    for (int i = 20000 - 30; i < 20000; i++) {
        char expected[32];
        snprintf(expected, sizeof(expected), "a 8 " ROOM " %d", i);
        ck_assert_ptr_nonnull(strstr(b->applied[(had + i) % 64], expected));
    }
    ck_assert_int_eq(lines_with(b, "has ended"), 0);
}
END_TEST

/* A room that was forgotten is withdrawn after 30 s: so there is something to wait for. */
START_TEST(who_waits_for_a_time_does_not_wake_itself_meanwhile)
{
    share_room();
    sv_links_forget(&a->node, ROOM);
    int64_t since_ms = sv_mono_ms();
    int had = atomic_load(&a->n_wakes);
    while (sv_mono_ms() < since_ms + 1000)
        usleep(10000);
    int64_t passed_ms = sv_mono_ms() - since_ms;
    ck_assert_int_lt(atomic_load(&a->n_wakes) - had, passed_ms / 4);
}
END_TEST

START_TEST(a_node_that_stops_says_goodbye)
{
    member_close(b);
    wait_for_line(a, "the node is going");
    b = member_open("b");
    wait_for_link(a, b);
}
END_TEST

START_TEST(events_tell_of_links_and_of_nodes_that_come_and_go)
{
    synctv_cluster_node nodes[2];
    wait_for_event(a, "b 1");
    ck_assert_int_eq(synctv_cluster_nodes(&a->node, nodes, 2), 2);
    ck_assert_str_eq(nodes[1].node_id, "b");
    ck_assert_int_eq(nodes[1].state, SYNCTV_NODE_ALIVE);
    ck_assert_double_gt(nodes[0].memory_bytes, 0);
    int had = value(&a->n_events);
    member_close(b);
    int64_t until_ms = sv_mono_ms() + 60000;
    while (synctv_cluster_nodes(&a->node, nodes, 2) == 2 && sv_mono_ms() < until_ms)
        usleep(5000);
    wait_for(&a->n_events, had + 1);
    b = member_open("b");
    wait_for_link(a, b);
}
END_TEST

static int n_online_answers;
static synctv_user_online online_answer;
static char online_node[65];

static void on_online(void *userdata, const synctv_user_online *users, size_t n,
    const synctv_error *error)
{
    pthread_mutex_lock(&test_lock);
    if (error == NULL && n == 1) {
        online_answer = users[0];
        snprintf(online_node, sizeof(online_node), "%s", users[0].node_id);
    }
    n_online_answers++;
    pthread_cond_broadcast(&test_cond);
    pthread_mutex_unlock(&test_lock);
}

START_TEST(who_is_online_at_another_node_is_found)
{
    const synctv_result *user;
    synctv_caller *alice;
    synctv_stream *stream;
    synctv_error err;
    ck_assert_int_eq(synctv_node_user_add(&b->node, "alice", "correct horse", "",
                         SYNCTV_USER_ROLE_USER, &user, &err),
        0);
    ck_assert_int_eq(synctv_node_as_user(&b->node, user->user->id, &alice, &err), 0);
    const char *ids[] = { user->user->id };
    synctv_cluster_online(&a->node, ids, 1, on_online, NULL);
    wait_for(&n_online_answers, 1);
    ck_assert(!online_answer.online);

    const synctv_stream_options options = SYNCTV_STREAM_OPTIONS(.room_id = "");
    ck_assert_int_eq(synctv_stream_open(alice, &options, &stream, &err), 0);
    for (int i = 0; i < 60 && !online_answer.online; i++) { /* one that is slow has nobody */
        int had = n_online_answers;
        synctv_cluster_online(&a->node, ids, 1, on_online, NULL);
        wait_for(&n_online_answers, had + 1);
    }
    ck_assert(online_answer.online);
    ck_assert_str_eq(online_node, "b");
    synctv_stream_close(stream);
    synctv_caller_unref(alice);
    synctv_result_unref(user);
}
END_TEST

/* ---- TLS ---- */

static struct member *open_with_tls(const char *id, const struct identity *self,
    const struct identity *ca)
{
    struct sv_rpc_server_options limits;
    const struct sv_rpc_tls tls = { self->cert_pem, self->key_pem, ca->cert_pem };
    sv_rpc_server_defaults(&limits);
    limits.tls = &tls;
    return member_open_with(id, test_db_url, test_secret_path, &limits);
}

START_TEST(with_tls_both_sides_show_certificates_and_a_stranger_gets_no_link)
{
    struct identity ca = identity_new("ca", NULL), other_ca = identity_new("other ca", NULL);
    struct identity own = identity_new("127.0.0.1", &ca);
    struct identity strange = identity_new("127.0.0.1", &other_ca);
    folder_setup();
    a = open_with_tls("a", &own, &ca);
    b = open_with_tls("b", &own, &ca);
    wait_for_link(a, b);
    share_room();
    struct member *c = open_with_tls("c", &strange, &ca);
    wait_for_line(a, "node c: RegisterNode fails");
    wait_for_line(b, "node c: RegisterNode fails");
    ck_assert_int_eq(lines_with(c, "there is a link"), 0);
    member_close(c);
    teardown();
    identity_free(&ca);
    identity_free(&other_ca);
    identity_free(&own);
    identity_free(&strange);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("links between nodes");
    TCase *t = tcase_create("two");
    tcase_set_timeout(t, 200);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, what_one_says_in_a_room_the_other_hears);
    tcase_add_test(t, many_events_come_in_order_and_none_is_missing);
    tcase_add_test(t, who_waits_for_a_time_does_not_wake_itself_meanwhile);
    tcase_add_test(t, a_node_that_stops_says_goodbye);
    tcase_add_test(t, events_tell_of_links_and_of_nodes_that_come_and_go);
    tcase_add_test(t, who_is_online_at_another_node_is_found);
    suite_add_tcase(s, t);
    t = tcase_create("several threads");
    tcase_set_timeout(t, 200);
    tcase_add_checked_fixture(t, setup_with_threads, teardown);
    tcase_add_test(t, many_events_come_in_order_and_none_is_missing);
    tcase_add_test(t, what_one_says_in_a_room_the_other_hears);
    suite_add_tcase(s, t);
    t = tcase_create("tls");
    tcase_set_timeout(t, 200);
    tcase_add_test(t, with_tls_both_sides_show_certificates_and_a_stranger_gets_no_link);
    suite_add_tcase(s, t);
    return run_suite(s);
}
