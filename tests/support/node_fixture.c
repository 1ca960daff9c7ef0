/* SPDX-License-Identifier: MIT */
#include "node_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "auth/token.h"
#include "base/id.h"
#include "node/engine/blocking_job.h"
#include "node/rooms/timer.h"
#include "node_time.h"
#include "store/jobs.h"

#define KEPT_MAX 8192
#define READERS_MAX 8
#define PATIENCE_MS 30000

synctv_node fx_node;
synctv_node_options fx_options;
synctv_limits fx_limits;
const synctv_result *fx_answer;
synctv_error fx_error;

static struct person {
    char name[33];
    char id[SV_ID_SIZE];
    bool signed_in;
    synctv_caller *caller;
} people[256];
static size_t n_people;
static synctv_caller *the_system, *nobody;
static struct node_time fx_time;

/* What was handed out. */
static const synctv_result *results[KEPT_MAX];
static const synctv_event *events[KEPT_MAX];
static synctv_stream *streams[512];
static size_t n_results, n_events, n_streams;

void fx_open(void)
{
    if (fx_options.db_url == NULL) {
        synctv_node_options_init(&fx_options);
        synctv_limits *limits = &fx_limits;
        synctv_limits_init(limits);
        fx_options.limits = limits;
        limits->login_per_minute = limits->login_per_minute_per_address = 0;
        limits->register_per_hour = limits->hash_per_minute = limits->calls_per_second = 0;
        limits->chat_per_second = limits->danmaku_per_second = 0;
        limits->room_danmaku_per_second = limits->control_per_second = 0;
        limits->ping_per_second = limits->status_per_second = 0;
    }
    synctv_error err = { 0 };
    int rv = sv_node_init(&fx_node, &fx_options, &err);
    ck_assert_msg(rv == 0, "the node does not open: %s", err.message);
    node_time_own(&fx_node, &fx_time);
    the_system = synctv_node_as_system(&fx_node);
    ck_assert_ptr_nonnull(the_system);
    ck_assert_int_eq(synctv_node_as_anonymous(&fx_node, "127.0.0.1", &nobody, NULL), 0);
}

void fx_close(void)
{
    for (size_t i = 0; i < n_streams; i++)
        synctv_stream_close(streams[i]);
    for (size_t i = 0; i < n_events; i++)
        synctv_event_unref(events[i]);
    for (size_t i = 0; i < n_results; i++)
        synctv_result_unref(results[i]);
    for (size_t i = 0; i < n_people; i++)
        synctv_caller_unref(people[i].caller);
    synctv_caller_unref(the_system);
    synctv_caller_unref(nobody);
    n_streams = n_events = n_results = n_people = 0;
    sv_node_close(&fx_node);
    sv_node_quiesce(&fx_node);
    sv_node_turn(&fx_node);
    sv_node_fini(&fx_node);
    fx_time.mono_ms = fx_time.wall_ms = 0; /* the next node is opened in the machine's time */
}

/* --- people --- */

/* Rows are written directly: nobody has a password, so nothing has to be hashed. */
struct put_person {
    struct sv_blocking_job blocking;
    struct sv_user_rec user;
    struct sv_session_rec session; /* id NULL = none */
};

static int put_person_run(struct sv_blocking_job *b, struct sv_tx *tx)
{
    struct put_person *put = SV_CONTAINER_OF(b, struct put_person, blocking);
    int rv = put->user.user.username == NULL ? 0 : tx->ops->user_insert(tx, &put->user);
    if (rv == 0 && put->session.id != NULL)
        rv = tx->ops->session_insert(tx, &put->session);
    return rv;
}

static void put_person(struct put_person *put)
{
    put->blocking.run = put_person_run;
    int rv = sv_blocking_job_do(&put->blocking, fx_node.store, sv_store_write);
    ck_assert_int_eq(rv, 0);
}

static struct person *find_person(const char *name, bool signed_in)
{
    for (size_t i = 0; i < n_people; i++) {
        if (strcmp(people[i].name, name) == 0 && people[i].signed_in == signed_in)
            return &people[i];
    }
    return NULL;
}

static struct person *add_person(const char *name, const char *id, bool signed_in)
{
    ck_assert_uint_lt(n_people, sizeof(people) / sizeof(people[0]));
    struct person *person = &people[n_people++];
    *person = (struct person){ .signed_in = signed_in };
    strncpy(person->name, name, sizeof(person->name) - 1);
    memcpy(person->id, id, SV_ID_SIZE);
    return person;
}

synctv_caller *fx_user_with(const char *name, synctv_user_role role, synctv_user_status status)
{
    struct person *person = find_person(name, false);
    if (person != NULL)
        return person->caller;
    char id[SV_ID_SIZE];
    ck_assert_int_eq(sv_id_new(id), 0);
    struct put_person put = {
        .user = {
            .user = {
                .id = id,
                .username = name,
                .email = "",
                .role = role,
                .status = status,
                .created_at_ms = sv_node_now_ms(&fx_node),
            },
            .username_fold = name,
            .email_fold = "",
            .password_hash = "none",
        },
    };
    put_person(&put);
    person = add_person(name, id, false);
    int rv = synctv_node_as_user(&fx_node, id, &person->caller, NULL);
    fx_assert_code(rv, 0);
    return person->caller;
}

synctv_caller *fx_user(const char *name)
{
    return fx_user_with(name, SYNCTV_USER_ROLE_USER, SYNCTV_USER_STATUS_ACTIVE);
}

static void authenticated(void *userdata, synctv_caller *caller, const synctv_error *error)
{
    ck_assert_msg(caller != NULL, "the token is refused: %s", error->message);
    *(synctv_caller **)userdata = synctv_caller_ref(caller);
}

synctv_caller *fx_signed_in(const char *name)
{
    struct person *person = find_person(name, true);
    if (person != NULL)
        return person->caller;
    const char *id = fx_id(fx_user(name));
    char session_id[SV_ID_SIZE];
    ck_assert_int_eq(sv_id_new(session_id), 0);
    int64_t now_ms = sv_node_now_ms(&fx_node);
    struct put_person put = {
        .session = {
            .id = session_id,
            .user_id = id,
            .created_at_ms = now_ms,
            .expires_at_ms = now_ms + 3600000,
        },
    };
    ck_assert_int_eq(sv_random_bytes(put.session.refresh_hash, 32), 0);
    put_person(&put);

    struct sv_token_claims claims = {
        .token_id = "123456789012345678901",
        .issued_at_s = now_ms / 1000,
        .expires_at_s = now_ms / 1000 + 3600,
    };
    strcpy(claims.subject, id);
    strcpy(claims.session_id, session_id);
    strncpy(claims.username, name, sizeof(claims.username) - 1);
    char *token = NULL;
    ck_assert_int_eq(sv_token_sign(fx_node.jwt_key, fx_node.jwt_key_len, SV_TOKEN_CLIENT, &claims,
                         &token),
        0);
    person = add_person(name, id, true);
    synctv_node_authenticate(&fx_node, token, authenticated, &person->caller);
    for (int i = 0; i < PATIENCE_MS && person->caller == NULL; i++) {
        sv_node_turn(&fx_node);
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    }
    ck_assert_ptr_nonnull(person->caller);
    free(token);
    return person->caller;
}

synctv_caller *fx_system(void)
{
    return the_system;
}

synctv_caller *fx_anonymous(void)
{
    return nobody;
}

const char *fx_id(synctv_caller *caller)
{
    return synctv_caller_user_id(caller);
}

/* --- requests --- */

int fx_ask(synctv_caller *caller, synctv_request request)
{
    memset(&fx_error, 0, sizeof(fx_error));
    fx_answer = NULL;
    const synctv_result *result = NULL;
    int rv = synctv_call_wait(caller, &request, &result, &fx_error);
    if (result != NULL) {
        ck_assert_uint_lt(n_results, KEPT_MAX);
        results[n_results++] = fx_answer = result;
    }
    return rv;
}

void fx_check_code(const char *file, int line, int code, int expected)
{
    ck_assert_msg(code == expected, "%s:%d: %s instead of %s (%s: %s)", file, line,
        synctv_error_reason(code), synctv_error_reason(expected), fx_error.field, fx_error.message);
}

/* --- rooms --- */

const char *fx_room(synctv_caller *creator, const synctv_room_settings *settings)
{
    fx_assert_ok(FX_ASK(creator, CREATE_ROOM, .name = "room", .settings = settings));
    return fx_answer->room->id;
}

void fx_join(synctv_caller *caller, const char *room_id)
{
    fx_assert_ok(FX_ASK(caller, JOIN_ROOM, .room_id = room_id));
}

const char *fx_movie(synctv_caller *caller, const char *room_id, const char *name,
    double duration_s)
{
    const synctv_movie movie = {
        .name = name,
        .url = "https://example.org/movie.mp4",
        .duration_s = duration_s,
    };
    fx_assert_ok(FX_ASK(caller, ADD_MOVIE, .room_id = room_id, .movie = &movie));
    return fx_answer->movie->id;
}

const char *fx_say(synctv_caller *caller, const char *room_id, const char *content)
{
    fx_assert_ok(FX_ASK(caller, SEND_CHAT, .room_id = room_id, .content = content));
    return fx_answer->chat->message_id;
}

/* --- streams --- */

synctv_stream *fx_open_stream(synctv_caller *caller, const char *room_id, const char *password)
{
    const synctv_stream_options options =
        SYNCTV_STREAM_OPTIONS(.room_id = room_id, .room_password = password);
    synctv_stream *stream = NULL;
    fx_assert_code(synctv_stream_open(caller, &options, &stream, &fx_error), 0);
    ck_assert_uint_lt(n_streams, sizeof(streams) / sizeof(streams[0]));
    streams[n_streams++] = stream;
    return stream;
}

synctv_stream *fx_follow(synctv_caller *caller, const char *room_id)
{
    synctv_stream *stream = fx_open_stream(caller, room_id, NULL);
    const synctv_event *first = fx_expect(stream, SYNCTV_EVENT_STATE);
    ck_assert_int_eq(first->state->cause, SYNCTV_STATE_CAUSE_SNAPSHOT);
    return stream;
}

static int next(synctv_stream *stream, int timeout_ms, const synctv_event **ret)
{
    const synctv_event *event = NULL;
    int rv = synctv_stream_next(stream, timeout_ms, &event, &fx_error);
    if (rv == 1) {
        ck_assert_uint_lt(n_events, KEPT_MAX);
        events[n_events++] = *ret = event;
    }
    return rv;
}

const synctv_event *fx_next(synctv_stream *stream)
{
    const synctv_event *event;
    int rv = next(stream, PATIENCE_MS, &event);
    ck_assert_msg(rv == 1, "no event: %s", rv == 0 ? "nothing came" : synctv_error_reason(rv));
    return event;
}

void fx_expect_nothing(synctv_stream *stream)
{
    const synctv_event *event;
    int rv = next(stream, 0, &event);
    ck_assert_msg(rv == 0, "there is %s", rv == 1 ? "an event" : synctv_error_reason(rv));
}

const synctv_event *fx_expect(synctv_stream *stream, synctv_event_type type)
{
    const synctv_event *event;
    for (;;) {
        int rv = next(stream, PATIENCE_MS, &event);
        ck_assert_msg(rv == 1, "no event %d: %s", (int)type,
            rv == 0 ? "nothing came" : synctv_error_reason(rv));
        if (event->type == type)
            return event;
    }
}

const synctv_event *fx_expect_change(synctv_stream *stream, synctv_member_change change)
{
    for (;;) {
        const synctv_event *event = fx_expect(stream, SYNCTV_EVENT_MEMBER);
        if (event->change == change)
            return event;
    }
}

bool fx_got(synctv_stream *stream, synctv_event_type type)
{
    bool got = false;
    const synctv_event *event;
    while (next(stream, 0, &event) == 1)
        got = got || event->type == type;
    return got;
}

bool fx_got_change(synctv_stream *stream, synctv_member_change change)
{
    bool got = false;
    const synctv_event *event;
    while (next(stream, 0, &event) == 1)
        got = got || (event->type == SYNCTV_EVENT_MEMBER && event->change == change);
    return got;
}

int fx_end_of(synctv_stream *stream)
{
    const synctv_event *event;
    int rv;
    while ((rv = next(stream, PATIENCE_MS, &event)) == 1)
        ;
    return rv;
}

/* --- time --- */

void fx_turn(void)
{
    while (sv_node_turn(&fx_node) == 0)
        ;
}

/* A job for each thread that reads. They meet at the end, so that none takes two. */
struct meeting {
    struct sv_job job;
    pthread_barrier_t *barrier;
};

static int meeting_run(struct sv_job *job, struct sv_tx *tx)
{
    return 0;
}

static void meeting_apply(struct sv_job *job, int rv)
{
    pthread_barrier_wait(SV_CONTAINER_OF(job, struct meeting, job)->barrier);
}

static void settle_reads(void)
{
    struct meeting meetings[READERS_MAX];
    pthread_barrier_t barrier;
    unsigned n = fx_node.store->n_readers > 0 ? fx_node.store->n_readers : 1;
    ck_assert_uint_le(n, READERS_MAX);
    pthread_barrier_init(&barrier, NULL, n + 1);
    for (unsigned i = 0; i < n; i++) {
        meetings[i] = (struct meeting){
            .job = { .run = meeting_run, .apply = meeting_apply },
            .barrier = &barrier,
        };
        fx_assert_ok(sv_store_read(fx_node.store, &meetings[i].job));
    }
    pthread_barrier_wait(&barrier);
    pthread_barrier_destroy(&barrier);
}

void fx_settle(void)
{
    sv_store_drain(fx_node.store);
    settle_reads();
    sv_store_drain(fx_node.store); /* the rooms that what was read wanted loaded */
}

void fx_pass_unseen_ms(int64_t ms)
{
    node_time_pass(&fx_time, ms);
}

void fx_pass_ms(int64_t ms)
{
    fx_settle(); /* what is under way is done in the time before */
    node_time_pass(&fx_time, ms);
    fx_turn();
}

void fx_step_clock_ms(int64_t ms)
{
    fx_settle();
    node_time_step(&fx_time, ms);
    fx_pass_ms(1000);
}

/* --- behind the scenes --- */

void fx_forget_rooms(void)
{
    for (size_t i = 0; i < SV_ROOM_SHARDS; i++) {
        struct sv_room *room, *tmp;
        HASH_ITER(hh, fx_node.rooms->shards[i].by_id, room, tmp) {
            pthread_mutex_lock(&room->lock);
            ck_assert_msg(sv_list_empty(&room->follows), "somebody follows the room");
            room->loaded = false;
            sv_room_schedule(room); /* no timer any more */
            sv_room_set_idle(room, false);
            pthread_mutex_unlock(&room->lock);
            HASH_DEL(fx_node.rooms->shards[i].by_id, room);
            sv_room_unref(room);
        }
    }
}

struct look {
    struct sv_blocking_job blocking;
    const char *room_id;
    struct sv_arena arena;
    struct sv_room_rec room;
    struct sv_member_rec *members;
    int n_members;
    synctv_movie *movies;
    int n_movies;
};

static int look_run(struct sv_blocking_job *b, struct sv_tx *tx)
{
    struct look *look = SV_CONTAINER_OF(b, struct look, blocking);
    int rv = tx->ops->room_get(tx, look->room_id, &look->arena, &look->room);
    if (rv == 0)
        rv = look->n_members =
            tx->ops->member_list(tx, look->room_id, &look->arena, &look->members);
    if (rv >= 0)
        rv = look->n_movies = tx->ops->movie_list(tx, look->room_id, &look->arena, &look->movies);
    return rv < 0 ? rv : 0;
}

static void check_members(const struct sv_room *room, const struct look *look)
{
    size_t n_rows = 0;
    for (int i = 0; i < look->n_members; i++) {
        const synctv_member *row = &look->members[i].member;
        if (row->role == SYNCTV_ROOM_ROLE_UNSPECIFIED)
            continue;
        n_rows++;
        const struct sv_roster_entry *entry = sv_roster_get(&room->roster, row->user_id);
        ck_assert_msg(entry != NULL, "%s is missing in memory", row->username);
        ck_assert_str_eq(entry->member.username, row->username);
        ck_assert_int_eq(entry->member.role, row->role);
        ck_assert_int_eq(entry->member.status, row->status);
        ck_assert_uint_eq(entry->member.added_permissions, row->added_permissions);
        ck_assert_uint_eq(entry->member.removed_permissions, row->removed_permissions);
        ck_assert_int_eq(entry->member.joined_at_ms, row->joined_at_ms);
    }
    ck_assert_uint_eq(room->roster.n_members, n_rows);
}

static void check_movies(const struct sv_room *room, const struct look *look)
{
    ck_assert_uint_eq(room->movies.n_items, (size_t)look->n_movies);
    for (int i = 0; i < look->n_movies; i++) {
        const synctv_movie *row = &look->movies[i],
                           *movie = sv_playlist_at(&room->movies, (size_t)i);
        ck_assert_str_eq(movie->id, row->id);
        ck_assert_str_eq(movie->name, row->name);
        ck_assert_str_eq(movie->url, row->url);
        ck_assert_str_eq(movie->added_by, row->added_by);
        ck_assert_int_eq(movie->position, i);
        ck_assert_int_eq(row->position, i);
        ck_assert_double_eq(movie->duration_s, row->duration_s);
        ck_assert_uint_eq(movie->n_headers, row->n_headers);
        ck_assert_uint_eq(movie->n_subtitles, row->n_subtitles);
    }
}

void fx_check_memory(const char *room_id)
{
    struct look look = { .blocking.run = look_run, .room_id = room_id };
    int rv = sv_blocking_job_do(&look.blocking, fx_node.store, sv_store_read);
    ck_assert_int_eq(rv, 0);
    struct sv_room *room = sv_room_enter(&fx_node, room_id);
    ck_assert_msg(room != NULL, "the room is not in memory");
    ck_assert_uint_eq(room->revision, look.room.room.revision);
    ck_assert_str_eq(room->name, look.room.room.name);
    ck_assert_str_eq(room->description, look.room.room.description);
    ck_assert_str_eq(room->creator_id, look.room.room.creator_id);
    ck_assert_str_eq(room->password_hash, look.room.password_hash);
    ck_assert_int_eq(look.room.room.member_count,
        (int)(room->roster.n_active + room->roster.n_pending));
    check_members(room, &look);
    check_movies(room, &look);
    sv_room_leave(room);
    sv_arena_fini(&look.arena);
}
