/* SPDX-License-Identifier: MIT */
/* Many at once in one room: whatever happens, memory says what storage says, and nobody is lost. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "node/rooms/follow.h"
#include "node/rooms/presence.h"
#include "support/node_fixture.h"

#define N_PEOPLE 6
#define N_STEPS 300

static synctv_caller *alice;
static const char *room;

static void people(void)
{
    fx_open();
    alice = fx_user("alice");
    room = fx_room(alice, NULL);
}

struct person {
    synctv_caller *caller;
    synctv_caller *const *all;
    unsigned seed;
    unsigned unexpected; /* answers that no order of events explains */
    int code;
    pthread_t thread;
};

/* What may come of something that others do as well. */
static bool is_plausible(int code)
{
    switch (code) {
    case SYNCTV_E_NOT_A_MEMBER:
    case SYNCTV_E_MEMBER_BANNED:
    case SYNCTV_E_MEMBER_KICKED:
    case SYNCTV_E_MEMBER_PENDING:
    case SYNCTV_E_MEMBER_NOT_FOUND:
    case SYNCTV_E_MOVIE_NOT_FOUND:
    case SYNCTV_E_NO_CURRENT_MOVIE:
    case SYNCTV_E_PERMISSION_DENIED:
    case SYNCTV_E_INVALID_ARGUMENT: /* a role for somebody who was banned meanwhile */
    case SYNCTV_E_OVERLOADED:
        return true;
    default:
        return code >= 0;
    }
}

static void ask(struct person *p, synctv_caller *caller, synctv_request request)
{
    request.room_id = room;
    int code = synctv_call_wait(caller, &request, NULL, NULL);
    if (!is_plausible(code)) {
        p->unexpected++;
        p->code = code;
    }
}

/* The first movie of the list, if the person sees it. */
static bool first_movie(struct person *p, char id[SYNCTV_ID_LEN + 1])
{
    const synctv_request request =
        SYNCTV_REQUEST(SYNCTV_METHOD_GET_MOVIE_LIST, .room_id = room, .page_size = 1);
    const synctv_result *result = NULL;
    bool found = false;
    if (synctv_call_wait(p->caller, &request, &result, NULL) == 0 && result->n_movies > 0) {
        memcpy(id, result->movies[0].id, SYNCTV_ID_LEN + 1);
        found = true;
    }
    synctv_result_unref(result);
    return found;
}

static void step(struct person *p)
{
    static const synctv_movie movie = { .name = "x", .url = "https://example.org/" };
    const char *other = synctv_caller_user_id(p->all[(unsigned)rand_r(&p->seed) % N_PEOPLE]);
    char id[SYNCTV_ID_LEN + 1];
    switch (rand_r(&p->seed) % 14) {
    case 0:
    case 1:
    case 2:
        ask(p, p->caller, SYNCTV_REQUEST(SYNCTV_METHOD_JOIN_ROOM));
        break;
    case 3:
        ask(p, p->caller, SYNCTV_REQUEST(SYNCTV_METHOD_LEAVE_ROOM));
        break;
    case 4:
        ask(p, alice, SYNCTV_REQUEST(SYNCTV_METHOD_BAN_MEMBER, .user_id = other));
        break;
    case 5:
    case 6:
        ask(p, alice, SYNCTV_REQUEST(SYNCTV_METHOD_UNBAN_MEMBER, .user_id = other));
        break;
    case 7:
        ask(p, alice,
            SYNCTV_REQUEST(SYNCTV_METHOD_SET_MEMBER_ROLE, .user_id = other,
                .role = rand_r(&p->seed) % 2 ? SYNCTV_ROOM_ROLE_ADMIN : SYNCTV_ROOM_ROLE_MEMBER));
        break;
    case 8:
        ask(p, p->caller, SYNCTV_REQUEST(SYNCTV_METHOD_SEND_CHAT, .content = "x"));
        break;
    case 9:
        ask(p, p->caller, SYNCTV_REQUEST(SYNCTV_METHOD_SEND_DANMAKU, .content = "x"));
        break;
    case 10:
        ask(p, p->caller, SYNCTV_REQUEST(SYNCTV_METHOD_ADD_MOVIE, .movie = &movie));
        break;
    case 11:
        if (first_movie(p, id))
            ask(p, alice, SYNCTV_REQUEST(SYNCTV_METHOD_SET_CURRENT_MOVIE, .movie_id = id));
        break;
    case 12:
        if (first_movie(p, id))
            ask(p, alice, SYNCTV_REQUEST(SYNCTV_METHOD_REMOVE_MOVIE, .movie_id = id));
        break;
    case 13:
        if (first_movie(p, id))
            ask(p, alice,
                SYNCTV_REQUEST(SYNCTV_METHOD_MOVE_MOVIE, .movie_id = id,
                    .position = rand_r(&p->seed) % 5));
        break;
    }
}

static void *run(void *userdata)
{
    struct person *p = userdata;
    synctv_stream *streams[2] = { NULL, NULL };
    for (int i = 0; i < N_STEPS; i++) {
        synctv_stream **stream = &streams[i % 2];
        if (i % 16 < 2) { /* of the room, and of all rooms */
            const synctv_stream_options options =
                SYNCTV_STREAM_OPTIONS(.room_id = i % 2 ? "" : room);
            synctv_stream_close(*stream);
            *stream = NULL;
            int rv = synctv_stream_open(p->caller, &options, stream, NULL);
            if (rv < 0)
                p->code = rv;
        }
        step(p);
        const synctv_event *event = NULL;
        while (*stream != NULL && synctv_stream_next(*stream, 0, &event, NULL) == 1)
            synctv_event_unref(event);
    }
    synctv_stream_close(streams[0]);
    synctv_stream_close(streams[1]);
    return NULL;
}

static void let_them(struct person *persons)
{
    static const char *const names[N_PEOPLE] = { "bob", "carol", "dave", "erin", "frank", "grace" };
    static synctv_caller *callers[N_PEOPLE];
    for (unsigned i = 0; i < N_PEOPLE; i++)
        callers[i] = fx_user(names[i]);
    for (unsigned i = 0; i < N_PEOPLE; i++) {
        persons[i] = (struct person){ .caller = callers[i], .all = callers, .seed = i + 1 };
        ck_assert_int_eq(pthread_create(&persons[i].thread, NULL, run, &persons[i]), 0);
    }
    for (unsigned i = 0; i < N_PEOPLE; i++)
        pthread_join(persons[i].thread, NULL);
    for (unsigned i = 0; i < N_PEOPLE; i++)
        ck_assert_msg(persons[i].unexpected == 0 && persons[i].code == 0, "%u answers like %s",
            persons[i].unexpected, synctv_error_reason(persons[i].code));
}

START_TEST(memory_and_storage_agree_after_all_that_people_do_at_once)
{
    struct person persons[N_PEOPLE];
    synctv_stream *stream = fx_follow(alice, room);
    let_them(persons);
    fx_check_memory(room);
    fx_assert_ok(FX_ASK(alice, GET_ROOM_INFO, .room_id = room));
    (void)stream; /* cut as SLOW_CONSUMER: it never read */

    /* Everybody goes offline in the end. */
    struct sv_room *in_memory = sv_room_enter(&fx_node, room);
    ck_assert_ptr_nonnull(in_memory);
    sv_presence_tick(in_memory, INT64_MAX);
    for (struct sv_roster_entry *entry = sv_roster_first(&in_memory->roster); entry != NULL;
         entry = sv_roster_next(entry)) {
        if (strcmp(entry->member.username, "alice") != 0)
            ck_assert_msg(!entry->online, "%s is online", entry->member.username);
    }
    ck_assert_uint_le(atomic_load(&in_memory->attendance->n_online), 1);
    sv_room_leave(in_memory);
}
END_TEST

static atomic_bool over;

static void *keep_looking(void *userdata)
{
    while (!atomic_load(&over)) {
        const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_GET_ROOM_INFO, .room_id = room);
        synctv_call_wait(alice, &request, NULL, NULL);
    }
    return NULL;
}

START_TEST(a_room_can_be_deleted_under_everybodys_feet)
{
    for (int round = 0; round < 10; round++) {
        pthread_t reader;
        atomic_store(&over, false);
        room = fx_room(alice, NULL);
        synctv_caller *bob = fx_user("bob");
        fx_join(bob, room);
        synctv_stream *stream = fx_follow(bob, room);
        ck_assert_int_eq(pthread_create(&reader, NULL, keep_looking, NULL), 0);
        for (int i = 0; i < 20; i++)
            fx_assert_ok(synctv_chat_send(stream, NULL, "x", NULL, &fx_error));
        fx_assert_ok(FX_ASK(alice, DELETE_ROOM, .room_id = room));
        fx_assert_code(fx_end_of(stream), SYNCTV_E_ROOM_NOT_FOUND);
        fx_assert_code(FX_ASK(bob, GET_ROOM_INFO, .room_id = room), SYNCTV_E_ROOM_NOT_FOUND);
        atomic_store(&over, true);
        pthread_join(reader, NULL);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("room_races");
    TCase *tcase = tcase_create("races");
    tcase_add_checked_fixture(tcase, people, fx_close);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, memory_and_storage_agree_after_all_that_people_do_at_once);
    tcase_add_test(tcase, a_room_can_be_deleted_under_everybodys_feet);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
