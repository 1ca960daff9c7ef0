/* SPDX-License-Identifier: MIT */
/*
 * Many threads use a node, or two on one database, with threads of their own for all they can do:
 * rooms come and go, people are put out while they follow and come back, streams are opened and
 * closed in the middle of it. Afterwards everybody has been answered once and nothing is left.
 */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <synctv/synctv.h>

#define N_THREADS 8
#define N_STEPS 500
#define N_STREAMS 6
#define N_ROOMS 4

/* On one database; people are spread over them. */
static synctv_node *nodes[2], *node;
static synctv_caller *people[N_THREADS], *root;

/* The rooms of now; each may be deleted and replaced at any moment. */
static pthread_mutex_t rooms_lock = PTHREAD_MUTEX_INITIALIZER;
static char rooms[N_ROOMS][SYNCTV_ID_LEN + 1];

static atomic_uint n_asked, n_answered, n_unexpected, n_events;
static atomic_int an_unexpected;

static bool is_plausible(int code)
{
    switch (code) {
    case SYNCTV_E_NOT_A_MEMBER:
    case SYNCTV_E_MEMBER_BANNED:
    case SYNCTV_E_MEMBER_KICKED:
    case SYNCTV_E_MEMBER_NOT_FOUND:
    case SYNCTV_E_ROOM_NOT_FOUND:
    case SYNCTV_E_ROOM_LIMIT:
    case SYNCTV_E_ROOM_PASSWORD_WRONG:
    case SYNCTV_E_MOVIE_NOT_FOUND:
    case SYNCTV_E_NO_CURRENT_MOVIE:
    case SYNCTV_E_PERMISSION_DENIED:
    case SYNCTV_E_CREATOR_CANNOT_LEAVE:
    case SYNCTV_E_VERSION_CONFLICT:
    case SYNCTV_E_OVERLOADED:
    case SYNCTV_E_RATE_LIMITED:
    case SYNCTV_E_SLOW_CONSUMER:
    case SYNCTV_E_SHUTTING_DOWN: /* at the end */
        return true;
    default:
        return code >= 0;
    }
}

static void look_at(int code)
{
    if (is_plausible(code))
        return;
    atomic_fetch_add(&n_unexpected, 1);
    atomic_store(&an_unexpected, code);
}

struct person {
    int number;
    unsigned seed;
    synctv_caller *caller;
    char room[SYNCTV_ID_LEN + 1];
    char movie[SYNCTV_ID_LEN + 1];
    synctv_stream *streams[N_STREAMS];
    pthread_t thread;
};

static unsigned dice(struct person *p, unsigned n)
{
    return (unsigned)rand_r(&p->seed) % n;
}

static int ask(struct person *p, synctv_request request)
{
    if (request.room_id == NULL)
        request.room_id = p->room;
    int rv = synctv_call_wait(p->caller, &request, NULL, NULL);
    look_at(rv);
    return rv;
}

static void answered(void *userdata, const synctv_result *result)
{
    look_at(result->code);
    atomic_fetch_add(&n_answered, 1);
}

static void ask_and_go_on(struct person *p, synctv_request request)
{
    request.room_id = p->room;
    atomic_fetch_add(&n_asked, 1);
    synctv_call(p->caller, &request, answered, NULL);
}

static void ready(void *userdata, synctv_stream *stream)
{
    const synctv_event *event;
    int rv;
    while ((rv = synctv_stream_next(stream, 0, &event, NULL)) == 1) {
        atomic_fetch_add(&n_events, 1);
        synctv_event_unref(event);
    }
    look_at(rv);
}

/* Bound or not, read by the node's threads or never. */
static void open_stream(struct person *p, synctv_stream **stream)
{
    synctv_stream_close(*stream);
    *stream = NULL;
    const synctv_stream_options options =
        SYNCTV_STREAM_OPTIONS(.room_id = dice(p, 2) ? p->room : "",
            .room_password = dice(p, 4) ? NULL : "secret", .ready = dice(p, 4) ? ready : NULL);
    look_at(synctv_stream_open(dice(p, 10) ? p->caller : root, &options, stream, NULL));
}

static void send_on(struct person *p, synctv_stream *stream)
{
    const synctv_request requests[] = {
        SYNCTV_REQUEST(SYNCTV_METHOD_PING),
        SYNCTV_REQUEST(SYNCTV_METHOD_PLAY, .room_id = p->room),
        SYNCTV_REQUEST(SYNCTV_METHOD_SEND_CHAT, .room_id = p->room, .content = "on a stream"),
        SYNCTV_REQUEST(SYNCTV_METHOD_REPORT_STATUS, .room_id = p->room, .movie_id = p->movie,
            .ended = dice(p, 2) != 0),
    };
    if (stream != NULL)
        synctv_stream_send(stream, &requests[dice(p, 4)], NULL);
}

static void replace_room(struct person *p)
{
    const synctv_room_settings settings = {
        .allow_guests = dice(p, 2) != 0,
        .default_member_permissions = SYNCTV_PERM_DEFAULT_ADMIN,
        .auto_advance = (synctv_auto_advance)dice(p, 5),
    };
    const synctv_request create =
        SYNCTV_REQUEST(SYNCTV_METHOD_CREATE_ROOM, .name = "room", .settings = &settings);
    const synctv_result *result = NULL;
    char old[SYNCTV_ID_LEN + 1] = "";
    int rv = synctv_call_wait(p->caller, &create, &result, NULL);
    look_at(rv);
    if (rv < 0)
        return;
    pthread_mutex_lock(&rooms_lock);
    unsigned i = dice(p, N_ROOMS);
    memcpy(old, rooms[i], sizeof(old));
    memcpy(rooms[i], result->room->id, sizeof(old));
    pthread_mutex_unlock(&rooms_lock);
    synctv_result_unref(result);
    if (old[0] != '\0') {
        const synctv_request delete = SYNCTV_REQUEST(SYNCTV_METHOD_DELETE_ROOM, .room_id = old);
        look_at(synctv_call_wait(root, &delete, NULL, NULL));
    }
}

static void add_movie(struct person *p)
{
    const synctv_movie movie = {
        .name = "movie",
        .url = "https://example.org/",
        .duration_s = dice(p, 2) ? 0.05 : 0,
    };
    const synctv_request add =
        SYNCTV_REQUEST(SYNCTV_METHOD_ADD_MOVIE, .room_id = p->room, .movie = &movie);
    const synctv_result *result = NULL;
    int rv = synctv_call_wait(p->caller, &add, &result, NULL);
    look_at(rv);
    if (rv == 0)
        memcpy(p->movie, result->movie->id, sizeof(p->movie));
    synctv_result_unref(result);
    if (rv == 0)
        ask(p,
            SYNCTV_REQUEST(SYNCTV_METHOD_SET_CURRENT_MOVIE, .movie_id = p->movie,
                .autoplay = true));
}

static void put_out(struct person *p)
{
    synctv_caller *victim = people[dice(p, N_THREADS)];
    const synctv_request request =
        SYNCTV_REQUEST(dice(p, 2) ? SYNCTV_METHOD_KICK_MEMBER : SYNCTV_METHOD_BAN_MEMBER,
            .room_id = p->room, .user_id = synctv_caller_user_id(victim));
    look_at(synctv_call_wait(root, &request, NULL, NULL));
    const synctv_request unban = SYNCTV_REQUEST(SYNCTV_METHOD_UNBAN_MEMBER, .room_id = p->room,
        .user_id = synctv_caller_user_id(victim));
    look_at(synctv_call_wait(root, &unban, NULL, NULL));
}

static void switch_guests(struct person *p)
{
    static const char *const fields[] = { "settings" };
    const synctv_room_settings settings = {
        .allow_guests = dice(p, 2) != 0,
        .default_member_permissions = SYNCTV_PERM_DEFAULT_ADMIN,
        .auto_advance = (synctv_auto_advance)dice(p, 5),
    };
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_UPDATE_ROOM, .room_id = p->room,
        .settings = &settings, .fields = fields, .n_fields = 1);
    look_at(synctv_call_wait(root, &request, NULL, NULL));
}

static void step(struct person *p)
{
    pthread_mutex_lock(&rooms_lock);
    memcpy(p->room, rooms[dice(p, N_ROOMS)], sizeof(p->room));
    pthread_mutex_unlock(&rooms_lock);
    switch (dice(p, 20)) {
    case 0:
        replace_room(p);
        break;
    case 1:
    case 2:
        ask(p, SYNCTV_REQUEST(SYNCTV_METHOD_JOIN_ROOM));
        break;
    case 3:
        ask(p, SYNCTV_REQUEST(SYNCTV_METHOD_LEAVE_ROOM));
        break;
    case 4:
        put_out(p);
        break;
    case 5:
        switch_guests(p);
        break;
    case 6:
        add_movie(p);
        break;
    case 7:
        ask(p, SYNCTV_REQUEST(SYNCTV_METHOD_REMOVE_MOVIE, .movie_id = p->movie));
        break;
    case 8:
    case 9:
        ask(p, SYNCTV_REQUEST(SYNCTV_METHOD_SEEK, .position_s = 0.01));
        break;
    case 10:
        ask_and_go_on(p, SYNCTV_REQUEST(SYNCTV_METHOD_PLAY));
        break;
    case 11:
        ask_and_go_on(p, SYNCTV_REQUEST(SYNCTV_METHOD_SEND_CHAT, .content = "x"));
        break;
    case 12:
        ask_and_go_on(p, SYNCTV_REQUEST(SYNCTV_METHOD_SEND_DANMAKU, .content = "x"));
        break;
    case 13:
        ask_and_go_on(p, SYNCTV_REQUEST(SYNCTV_METHOD_GET_ROOM_INFO));
        break;
    case 14:
        ask_and_go_on(p, SYNCTV_REQUEST(SYNCTV_METHOD_LIST_ROOMS));
        break;
    case 15:
    case 16:
        send_on(p, p->streams[dice(p, N_STREAMS)]);
        break;
    default:
        open_stream(p, &p->streams[dice(p, N_STREAMS)]);
        break;
    }
}

static void *run(void *userdata)
{
    struct person *p = userdata;
    for (int i = 0; i < N_STEPS; i++)
        step(p);
    for (int i = 0; i < N_STREAMS / 2; i++) {
        synctv_stream_close(p->streams[i]);
        p->streams[i] = NULL;
    }
    return NULL;
}

static synctv_caller *new_user(int i, synctv_user_role role)
{
    char name[16];
    snprintf(name, sizeof(name), "user%d", i);
    const synctv_result *result = NULL;
    synctv_caller *caller = NULL;
    synctv_error err;
    int rv = synctv_node_user_add(node, name, "correct horse", "", role, &result, &err);
    ck_assert_msg(rv == 0, "%s", err.message);
    ck_assert_int_eq(synctv_node_as_user(node, result->user->id, &caller, &err), 0);
    synctv_result_unref(result);
    return caller;
}

static char folder[] = "/tmp/sv-everything-XXXXXX";
static char db_url[64];

static void make_folder(void)
{
    strcpy(strrchr(folder, '-'), "-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(db_url, sizeof(db_url), "sqlite:%s/db", folder);
}

static void remove_folder(void)
{
    static const char *const names[] = { "db", "db-wal", "db-shm", "db-journal" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[64];
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

/* Each finds gaps in what it knows all the time, and reads its rooms again. */
static void open_second_node(synctv_node_options *options)
{
    options->node_id = "second";
    ck_assert_int_eq(synctv_node_open(options, &nodes[1], NULL), 0);
    for (int i = 1; i < N_THREADS; i += 2) {
        synctv_caller *there = NULL;
        const char *id = synctv_caller_user_id(people[i]);
        ck_assert_int_eq(synctv_node_as_user(nodes[1], id, &there, NULL), 0);
        synctv_caller_unref(people[i]);
        people[i] = there;
    }
}

START_TEST(nobody_is_lost_and_nothing_is_left)
{
    bool two = _i == 1;
    synctv_node_options options;
    synctv_node_options_init(&options);
    synctv_limits limits;
    synctv_limits_init(&limits);
    options.limits = &limits;
    options.threads = 2;
    limits.rooms_per_user = limits.memberships_per_user = 10000;
    limits.streams_per_user = 2 * N_STREAMS * N_THREADS;
    options.db_url = two ? db_url : options.db_url;
    options.alone = !two;
    ck_assert_int_eq(synctv_node_open(&options, &nodes[0], NULL), 0);
    node = nodes[0];
    root = new_user(N_THREADS, SYNCTV_USER_ROLE_ROOT);
    static struct person persons[N_THREADS];
    for (int i = 0; i < N_THREADS; i++)
        people[i] = new_user(i, SYNCTV_USER_ROLE_USER);
    if (two)
        open_second_node(&options);
    for (int i = 0; i < N_THREADS; i++) {
        persons[i] = (struct person){
            .number = i,
            .seed = (unsigned)i + 1,
            .caller = people[i],
            .movie = "AAAAAAAAAAAA",
        };
    }
    for (int i = 0; i < N_ROOMS; i++)
        memcpy(rooms[i], "AAAAAAAAAAAA", sizeof(rooms[i]));
    for (int i = 0; i < 4 * N_ROOMS; i++)
        replace_room(&persons[0]);

    for (int i = 0; i < N_THREADS; i++)
        ck_assert_int_eq(pthread_create(&persons[i].thread, NULL, run, &persons[i]), 0);
    for (int i = 0; i < N_THREADS; i++)
        pthread_join(persons[i].thread, NULL);

    for (int i = 0; i <= two; i++)
        synctv_node_stop(nodes[i], 5000);
    ck_assert_uint_eq(atomic_load(&n_answered), atomic_load(&n_asked));
    ck_assert_msg(atomic_load(&n_unexpected) == 0, "%u answers like %s", atomic_load(&n_unexpected),
        synctv_error_reason(atomic_load(&an_unexpected)));
    ck_assert_uint_gt(atomic_load(&n_events), 0);
    for (int i = 0; i < N_THREADS; i++) {
        for (int k = 0; k < N_STREAMS; k++)
            synctv_stream_close(persons[i].streams[k]);
        synctv_caller_unref(people[i]);
    }
    synctv_caller_unref(root);
    for (int i = 0; i <= two; i++) {
        synctv_node_stats stats;
        synctv_node_get_stats(nodes[i], &stats);
        ck_assert_uint_eq(stats.streams, 0);
        synctv_node_free(nodes[i]);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("everything_at_once");
    TCase *t = tcase_create("everything_at_once");
    tcase_set_timeout(t, 300);
    tcase_add_checked_fixture(t, make_folder, remove_folder);
    tcase_add_loop_test(t, nobody_is_lost_and_nothing_is_left, 0, 2);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
