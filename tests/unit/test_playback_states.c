/* SPDX-License-Identifier: MIT */
/* States between nodes: their order, the way out and in, and what holds for every one. */
#include "test_playback.h"

/* --- versions --- */

START_TEST(a_version_is_the_clock_or_one_more_than_the_last)
{
    struct sv_playback_state s = with_movie(), r;
    ck_assert_uint_eq(s.version, T0);
    struct sv_playback_change c = at(T0 + 10, 0);
    ck_assert_int_eq(sv_playback_play(&s, &c, NULL, &r, NULL), 0);
    ck_assert_uint_eq(r.version, T0 + 10);
    ck_assert_int_eq(sv_playback_pause(&r, &c, NULL, &r, NULL), 0);
    ck_assert_uint_eq(r.version, T0 + 11);
    c = at(T0 - 100000, 0); /* another node's clock is behind */
    ck_assert_int_eq(sv_playback_play(&r, &c, NULL, &r, NULL), 0);
    ck_assert_uint_eq(r.version, T0 + 12);
    c = at(-5, 0);
    ck_assert_int_eq(sv_playback_play(&r, &c, NULL, &r, NULL), 0);
    ck_assert_uint_eq(r.version, T0 + 13);
}
END_TEST

START_TEST(the_highest_version_does_not_wrap)
{
    struct sv_playback_state s = with_movie(), r;
    s.version = INT64_MAX;
    struct sv_playback_change c = at(T0, 0);
    ck_assert_int_eq(sv_playback_play(&s, &c, NULL, &r, NULL), 0);
    ck_assert_uint_eq(r.version, INT64_MAX);
}
END_TEST

START_TEST(a_stale_version_is_refused_by_every_change)
{
    struct sv_playback_state s = playing_from(10, 1), r = s;
    struct sv_playback_change c = at(T0 + 3000, 100);
    double position = 1;
    const uint64_t stale[] = { 1, s.version - 1, s.version + 1, UINT64_MAX };
    for (size_t i = 0; i < sizeof(stale) / sizeof(stale[0]); i++) {
        c.expected_version = stale[i];
        synctv_error err = { 0 };
        const int no = SYNCTV_E_VERSION_CONFLICT;
        ck_assert_int_eq(sv_playback_play(&s, &c, &position, &r, &err), no);
        ck_assert_int_eq(err.code, no);
        ck_assert_int_eq(sv_playback_pause(&s, &c, NULL, &r, NULL), no);
        ck_assert_int_eq(sv_playback_seek(&s, &c, 1, &r, NULL), no);
        ck_assert_int_eq(sv_playback_set_rate(&s, &c, 1, &r, NULL), no);
        ck_assert_int_eq(sv_playback_clear_movie(&s, &c, &r, NULL), no);
        ck_assert_int_eq(sv_playback_set_movie(&s, &c, OTHER, SYNCTV_PLAYBACK_STATUS_PAUSED, &r,
                             NULL),
            no);
        ck_assert_mem_eq(&r, &s, sizeof(s));
    }
    c.expected_version = s.version;
    ck_assert_int_eq(sv_playback_play(&s, &c, &position, &r, NULL), 0);
    ck_assert_int_eq(sv_playback_play(&r, &c, &position, &r, NULL), SYNCTV_E_VERSION_CONFLICT);
}
END_TEST

START_TEST(version_then_node_orders_states)
{
    struct sv_playback_state a = with_movie(), b = a;
    ck_assert(!sv_playback_newer(&a, &b));
    b.version++;
    ck_assert(sv_playback_newer(&b, &a));
    ck_assert(!sv_playback_newer(&a, &b));
    b.version = a.version;
    strcpy(b.node_id, "node-b");
    ck_assert(sv_playback_newer(&b, &a));
    ck_assert(!sv_playback_newer(&a, &b));
    a.version++;
    ck_assert(sv_playback_newer(&a, &b));
}
END_TEST

/* --- in and out --- */

START_TEST(a_state_survives_the_way_out_and_in)
{
    struct sv_playback_state s = playing_from(12.25, 1.5), r;
    synctv_playback view;
    sv_playback_view(&s, &view);
    ck_assert_str_eq(view.room_id, "");
    ck_assert_str_eq(view.operation_id, "");
    ck_assert_str_eq(view.actor_id, "");
    ck_assert_int_eq(sv_playback_load(&view, &r, NULL), 0);
    ck_assert_str_eq(r.movie_id, s.movie_id);
    ck_assert_str_eq(r.node_id, s.node_id);
    ck_assert_int_eq(r.status, s.status);
    ck_assert_double_eq(r.position_s, s.position_s);
    ck_assert_double_eq(r.rate, s.rate);
    ck_assert_int_eq(r.updated_at_ms, s.updated_at_ms);
    ck_assert_uint_eq(r.version, s.version);

    sv_playback_init(&s);
    sv_playback_view(&s, &view);
    ck_assert_int_eq(sv_playback_load(&view, &r, NULL), 0);
}
END_TEST

START_TEST(a_state_that_no_node_makes_is_refused)
{
    struct sv_playback_state s = playing_from(12.25, 1.5), r = s;
    synctv_playback good;
    sv_playback_view(&s, &good);
    char long_id[SV_NODE_ID_MAX + 2];
    memset(long_id, 'x', sizeof(long_id));
    long_id[sizeof(long_id) - 1] = '\0';
    struct {
        const char *field;
        synctv_playback state;
    } rows[] = {
        { "movie_id", good },
        { "movie_id", good },
        { "node_id", good },
        { "node_id", good },
        { "status", good },
        { "status", good },
        { "status", good },
        { "current_time", good },
        { "current_time", good },
        { "current_time", good },
        { "rate", good },
        { "rate", good },
        { "updated_at", good },
        { "version", good },
    };
    rows[0].state.movie_id = "nonsense";
    rows[1].state.movie_id = "movie_0000010";
    rows[2].state.node_id = "a b";
    rows[3].state.node_id = long_id;
    rows[4].state.status = SYNCTV_PLAYBACK_STATUS_UNSPECIFIED;
    rows[5].state.status = (synctv_playback_status)3;
    rows[6].state.movie_id = NULL;
    rows[7].state.position_s = NAN;
    rows[8].state.position_s = -1;
    rows[9].state.position_s = INFINITY;
    rows[10].state.rate = 0;
    rows[11].state.rate = NAN;
    rows[12].state.updated_at_ms = -1;
    rows[13].state.version = UINT64_C(1) << 63;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        synctv_error err = { 0 };
        ck_assert_int_eq(sv_playback_load(&rows[i].state, &r, &err), SYNCTV_E_INVALID_ARGUMENT);
        ck_assert_str_eq(err.field, rows[i].field);
    }
    ck_assert_mem_eq(&r, &s, sizeof(s));
}
END_TEST

START_TEST(a_long_node_id_is_cut_and_never_overflows)
{
    char long_id[200];
    memset(long_id, 'x', sizeof(long_id));
    long_id[sizeof(long_id) - 1] = '\0';
    struct sv_playback_state s = with_movie();
    struct sv_playback_change c = at(T0, 0);
    c.node_id = long_id;
    ck_assert_int_eq(sv_playback_play(&s, &c, NULL, &s, NULL), 0);
    ck_assert_uint_eq(strlen(s.node_id), SV_NODE_ID_MAX);
    c.node_id = NULL;
    ck_assert_int_eq(sv_playback_play(&s, &c, NULL, &s, NULL), 0);
    ck_assert_str_eq(s.node_id, "");
}
END_TEST

/* --- properties --- */

static uint64_t random_state;

static uint64_t random_u64(void) /* splitmix64 */
{
    uint64_t z = (random_state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static double random_up_to(double max)
{
    return (double)(random_u64() >> 11) / 9007199254740992.0 * max;
}

static int random_change(const struct sv_playback_state *from, const struct sv_playback_change *c,
    struct sv_playback_state *ret)
{
    double position = random_up_to(c->duration_s > 0 ? c->duration_s * 1.1 : 10000);
    const double *maybe = random_u64() % 2 == 0 ? &position : NULL;
    switch (random_u64() % 7) {
    case 0:
    case 1:
        return sv_playback_play(from, c, maybe, ret, NULL);
    case 2:
        return sv_playback_pause(from, c, maybe, ret, NULL);
    case 3:
        return sv_playback_seek(from, c, position, ret, NULL);
    case 4:
        return sv_playback_set_rate(from, c, random_up_to(5), ret, NULL);
    case 5:
        return sv_playback_set_movie(from, c, random_u64() % 2 == 0 ? MOVIE : OTHER,
            random_u64() % 2 == 0 ? SYNCTV_PLAYBACK_STATUS_PLAYING : SYNCTV_PLAYBACK_STATUS_PAUSED,
            ret, NULL);
    default:
        return random_u64() % 8 == 0 ? sv_playback_clear_movie(from, c, ret, NULL)
                                     : sv_playback_play(from, c, NULL, ret, NULL);
    }
}

static void check_invariants(const struct sv_playback_state *s, const struct sv_playback_change *c)
{
    ck_assert(isfinite(s->position_s) && s->position_s >= 0);
    ck_assert(c->duration_s <= 0 || s->position_s <= c->duration_s);
    ck_assert(s->rate >= SV_RATE_MIN && s->rate <= SV_RATE_MAX);
    ck_assert(s->status == SYNCTV_PLAYBACK_STATUS_PAUSED || s->movie_id[0] != '\0');
    ck_assert_int_eq(s->updated_at_ms, c->now_ms);
    ck_assert_uint_ge(s->version, (uint64_t)c->now_ms);
    ck_assert_str_eq(s->node_id, c->node_id);

    synctv_playback view; /* whatever a change makes, another node takes */
    struct sv_playback_state loaded;
    sv_playback_view(s, &view);
    ck_assert_int_eq(sv_playback_load(&view, &loaded, NULL), 0);

    int64_t end_ms = sv_playback_ends_at_ms(s, c->duration_s);
    if (end_ms > 0) {
        ck_assert_double_eq_tol(sv_playback_position_at(s, end_ms, c->duration_s), c->duration_s,
            EPS);
        ck_assert_int_ge(end_ms, s->updated_at_ms + SV_END_GRACE_MS);
    }
    double last = -1; /* monotonous */
    for (int64_t t = 0; t < 5; t++) {
        double p = sv_playback_position_at(s, s->updated_at_ms + t * 777, c->duration_s);
        ck_assert(p >= last);
        last = p;
    }
}

START_TEST(random_changes_keep_every_promise)
{
    random_state = 20240229;
    for (int round = 0; round < 200; round++) {
        struct sv_playback_state s;
        sv_playback_init(&s);
        double duration = random_u64() % 3 == 0 ? 0 : random_up_to(7200) + 0.1;
        int64_t now = T0;
        for (int step = 0; step < 200; step++) {
            now += (int64_t)(random_u64() % 20000) - 2000; /* other nodes' clocks differ */
            struct sv_playback_change c = at(now, duration);
            c.node_id = random_u64() % 2 == 0 ? "node-a" : "node-b";
            c.client_time_ms = now - (int64_t)(random_u64() % 40000) + 3000;
            if (random_u64() % 4 == 0)
                c.expected_version = s.version + random_u64() % 2;
            struct sv_playback_state before = s, after = s;
            int rv = random_change(&s, &c, &after);
            ck_assert_mem_eq(&before, &s, sizeof(s));
            if (rv < 0) {
                ck_assert_mem_eq(&before, &after, sizeof(s));
                continue;
            }
            ck_assert(sv_playback_newer(&after, &before));
            ck_assert(c.expected_version == 0 || c.expected_version == before.version);
            check_invariants(&after, &c);
            s = after;
        }
    }
}
END_TEST

START_TEST(nodes_that_see_the_same_states_in_any_order_agree)
{
    random_state = 7;
    for (int round = 0; round < 300; round++) {
        enum { N = 12 };
        struct sv_playback_state made[N], nodes[3];
        for (size_t i = 0; i < N; i++) {
            made[i] = playing_from((double)i, 1);
            made[i].version = (uint64_t)T0 + random_u64() % 5;
            made[i].node_id[5] = (char)('a' + random_u64() % 3);
        }
        for (size_t n = 0; n < 3; n++) {
            sv_playback_init(&nodes[n]);
            size_t start = random_u64() % N, step = n % 2 == 0 ? 5 : 7; /* coprime to 12 */
            for (size_t i = 0; i < N; i++) {
                const struct sv_playback_state *s = &made[(start + i * step) % N];
                if (sv_playback_newer(s, &nodes[n]))
                    nodes[n] = *s;
            }
        }
        for (size_t n = 1; n < 3; n++) {
            ck_assert_uint_eq(nodes[n].version, nodes[0].version);
            ck_assert_str_eq(nodes[n].node_id, nodes[0].node_id);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("playback states");
    TCase *t = tcase_create("playback states");
    suite_add_tcase(suite, t);
    tcase_add_test(t, a_version_is_the_clock_or_one_more_than_the_last);
    tcase_add_test(t, the_highest_version_does_not_wrap);
    tcase_add_test(t, a_stale_version_is_refused_by_every_change);
    tcase_add_test(t, version_then_node_orders_states);
    tcase_add_test(t, a_state_survives_the_way_out_and_in);
    tcase_add_test(t, a_state_that_no_node_makes_is_refused);
    tcase_add_test(t, a_long_node_id_is_cut_and_never_overflows);
    tcase_add_test(t, random_changes_keep_every_promise);
    tcase_add_test(t, nodes_that_see_the_same_states_in_any_order_agree);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
