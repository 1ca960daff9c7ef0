/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <synctv/account.h>
#include <synctv/chat.h>
#include <synctv/member.h>
#include <synctv/playback.h>
#include <synctv/playlist.h>
#include <synctv/room.h>

#include "api/caller.h"
#include "api/event_ring.h"
#include "api/methods.h"
#include "api/result.h"
#include "base/clock.h"

/* ---- A caller that keeps what it was asked and answers as it is told ---- */

struct fake {
    synctv_caller base;
    synctv_stream stream;
    struct sv_arena arena;
    synctv_request asked;
    bool direct;
    int code;
    const synctv_result *answer; /* NULL: a new one with `code` */
    bool in_thread, late;        /* answer from another thread; or later, by fake_answer() */
    synctv_done_fn *done;
    void *userdata;
    pthread_t thread;
    bool destroyed, finished, closed;
};

static void fake_answer(struct fake *f)
{
    const synctv_result *r = f->answer;
    if (r == NULL)
        r = f->code < 0 ? sv_result_failed(f->code, NULL) : sv_result_new();
    f->done(f->userdata, r);
    synctv_result_unref(r);
}

static void *answer_soon(void *userdata)
{
    usleep(10000);
    fake_answer(userdata);
    return NULL;
}

static void fake_submit(synctv_caller *caller, const synctv_request *request, synctv_done_fn *done,
    void *userdata, bool direct)
{
    struct fake *f = (struct fake *)caller;
    ck_assert_int_eq(sv_request_copy(&f->arena, request, &f->asked), 0);
    f->direct = direct;
    f->done = done;
    f->userdata = userdata;
    if (f->in_thread)
        ck_assert_int_eq(pthread_create(&f->thread, NULL, answer_soon, f), 0);
    else if (!f->late)
        fake_answer(f);
}

static int fake_next(synctv_stream *stream, int timeout_ms, const synctv_event **ret_event,
    synctv_error *ret_error)
{
    return timeout_ms;
}

static int fake_send(synctv_stream *stream, const synctv_request *request, synctv_error *ret_error)
{
    struct fake *f = (struct fake *)((char *)stream - offsetof(struct fake, stream));
    return sv_request_copy(&f->arena, request, &f->asked);
}

static void fake_close(synctv_stream *stream)
{
    ((struct fake *)((char *)stream - offsetof(struct fake, stream)))->closed = true;
}

static void fake_finish(synctv_stream *stream)
{
    ((struct fake *)((char *)stream - offsetof(struct fake, stream)))->finished = true;
}

static const struct sv_stream_ops fake_stream_ops = {
    .next = fake_next, .send = fake_send, .finish = fake_finish, .close = fake_close
};

static int fake_stream_open(synctv_caller *caller, const synctv_stream_options *options,
    synctv_stream **ret_stream, synctv_error *ret_error)
{
    struct fake *f = (struct fake *)caller;
    ck_assert_ptr_nonnull(options);
    f->stream.ops = &fake_stream_ops;
    *ret_stream = &f->stream;
    return 0;
}

static void fake_destroy(synctv_caller *caller)
{
    ((struct fake *)caller)->destroyed = true;
}

static const struct sv_caller_ops fake_ops = { fake_submit, fake_stream_open, fake_destroy };

static struct fake fake;
static synctv_caller *caller;
static synctv_error err;
static const synctv_result *result;

static void setup(void)
{
    memset(&fake, 0, sizeof(fake));
    fake.base.ops = &fake_ops;
    atomic_init(&fake.base.refs, 1);
    caller = &fake.base;
    result = NULL;
}

static void teardown(void)
{
    synctv_result_unref(result);
    sv_arena_fini(&fake.arena);
}

/* ---- Results and events ---- */

START_TEST(a_new_result_has_no_null_strings)
{
    synctv_result *r = sv_result_new();
    ck_assert_int_eq(r->code, 0);
    ck_assert_ptr_null(r->error);
    ck_assert_str_eq(r->next_page_token, "");
    ck_assert_str_eq(r->current_movie_id, "");
    ck_assert_str_eq(r->access_token, "");
    ck_assert_str_eq(r->refresh_token, "");
    ck_assert_str_eq(r->stream_key, "");
    ck_assert_str_eq(r->publish_token, "");
    ck_assert_str_eq(r->url, "");
    ck_assert_ptr_eq(synctv_result_ref(r), r);
    synctv_result_unref(r);
    ck_assert_ptr_nonnull(sv_arena_alloc(sv_result_arena(r), 100000));
    synctv_result_unref(r);
    synctv_result_unref(NULL);
}
END_TEST

START_TEST(a_failed_result_always_has_an_error_with_a_text)
{
    const synctv_result *r = sv_result_failed(SYNCTV_E_ROOM_FULL, NULL);
    ck_assert_int_eq(r->code, SYNCTV_E_ROOM_FULL);
    ck_assert_int_eq(r->error->code, SYNCTV_E_ROOM_FULL);
    ck_assert_str_eq(r->error->message, "the room is full");
    synctv_result_unref(r);

    const synctv_error why = { .code = SYNCTV_E_INVALID_ARGUMENT, .field = "name", .message = "x" };
    r = sv_result_failed(SYNCTV_E_INVALID_ARGUMENT, &why);
    ck_assert_ptr_ne(r->error, &why);
    ck_assert_str_eq(r->error->field, "name");
    ck_assert_str_eq(r->error->message, "x");
    synctv_result_unref(r);
}
END_TEST

START_TEST(a_failure_may_bring_the_state_with_it)
{
    static const synctv_playback state = { .room_id = "r", .version = 9 };
    synctv_result *r = sv_result_new();
    synctv_playback *copy = sv_arena_alloc(sv_result_arena(r), sizeof(*copy));
    ck_assert_int_eq(sv_playback_copy(sv_result_arena(r), &state, copy), 0);
    r->state = copy;
    ck_assert_int_eq(sv_result_fail(r, SYNCTV_E_VERSION_CONFLICT, NULL), 0);
    fake.answer = r;
    ck_assert_int_eq(synctv_playback_pause(caller, "r", NULL, &result, &err),
        SYNCTV_E_VERSION_CONFLICT);
    ck_assert_int_eq(err.code, SYNCTV_E_VERSION_CONFLICT);
    ck_assert_uint_eq(result->state->version, 9);
}
END_TEST

START_TEST(a_new_event_has_no_null_strings)
{
    synctv_event *e = sv_event_new(SYNCTV_EVENT_MEMBER);
    ck_assert_int_eq(e->type, SYNCTV_EVENT_MEMBER);
    ck_assert_str_eq(e->message_id, "");
    ck_assert_str_eq(e->room_id, "");
    ck_assert_str_eq(e->actor_id, "");
    ck_assert_str_eq(e->reason, "");
    ck_assert_str_eq(e->current_movie_id, "");
    ck_assert_str_eq(e->movie_id, "");
    ck_assert_str_eq(e->deleted_message_id, "");
    ck_assert_str_eq(e->in_reply_to, "");
    size_t before = sv_event_size(e);
    ck_assert_ptr_nonnull(sv_arena_alloc(sv_event_arena(e), 5000));
    ck_assert_uint_ge(sv_event_size(e), before + 5000);
    synctv_event_unref(synctv_event_ref(e));
    synctv_event_unref(e);
    synctv_event_unref(NULL);
}
END_TEST

static atomic_int n_made, n_destroyed;

static void *make_number(const synctv_event *event)
{
    atomic_fetch_add(&n_made, 1);
    return malloc(1);
}

static void *make_nothing(const synctv_event *event)
{
    return NULL;
}

static void destroy_number(void *value)
{
    atomic_fetch_add(&n_destroyed, 1);
    free(value);
}

static void *derive(void *event)
{
    void *value = synctv_event_derive(event, make_number, destroy_number);
    synctv_event_unref(event);
    return value;
}

START_TEST(many_who_derive_at_once_get_one_value_that_goes_with_the_event)
{
    for (int round = 0; round < 50; round++) {
        atomic_store(&n_made, 0);
        atomic_store(&n_destroyed, 0);
        synctv_event *e = sv_event_new(SYNCTV_EVENT_CHAT);
        ck_assert_ptr_null(synctv_event_derive(e, make_nothing, destroy_number));
        pthread_t threads[4];
        void *values[4];
        for (int i = 0; i < 4; i++)
            pthread_create(&threads[i], NULL, derive, (void *)synctv_event_ref(e));
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], &values[i]);
        for (int i = 1; i < 4; i++)
            ck_assert_ptr_eq(values[i], values[0]);
        ck_assert_int_eq(atomic_load(&n_destroyed), atomic_load(&n_made) - 1);
        synctv_event_unref(e);
        ck_assert_int_eq(atomic_load(&n_destroyed), atomic_load(&n_made));
    }
}
END_TEST

static void *make_other(const synctv_event *event)
{
    return strdup("other");
}

static void *make_third(const synctv_event *event)
{
    return strdup("third");
}

static void *make_fourth(const synctv_event *event)
{
    return strdup("fourth");
}

static void *make_fifth(const synctv_event *event)
{
    return strdup("fifth");
}

START_TEST(each_who_derives_gets_what_they_made_themselves)
{
    synctv_event *e = sv_event_new(SYNCTV_EVENT_CHAT);
    atomic_store(&n_made, 0);
    atomic_store(&n_destroyed, 0);
    void *number = synctv_event_derive(e, make_number, destroy_number);
    char *other = synctv_event_derive(e, make_other, free);
    ck_assert_ptr_ne(other, number);
    ck_assert_str_eq(other, "other");
    ck_assert_str_eq(synctv_event_derive(e, make_third, free), "third");
    ck_assert_str_eq(synctv_event_derive(e, make_fourth, free), "fourth");
    ck_assert_ptr_eq(synctv_event_derive(e, make_number, destroy_number), number);
    ck_assert_ptr_eq(synctv_event_derive(e, make_other, free), other);
    ck_assert_int_eq(atomic_load(&n_made), 1);
    synctv_event_unref(e);
    ck_assert_int_eq(atomic_load(&n_destroyed), 1);
}
END_TEST

START_TEST(an_event_keeps_values_of_four)
{
    synctv_event *e = sv_event_new(SYNCTV_EVENT_CHAT);
    void *(*const makes[])(const synctv_event *event) = { make_number, make_other, make_third,
        make_fourth };
    void *values[4];
    for (int i = 0; i < 4; i++)
        ck_assert_ptr_nonnull(values[i] = synctv_event_derive(e, makes[i], free));
    ck_assert_ptr_null(synctv_event_derive(e, make_fifth, free));
    for (int i = 0; i < 4; i++)
        ck_assert_ptr_eq(synctv_event_derive(e, makes[i], free), values[i]);
    synctv_event_unref(e);
}
END_TEST

START_TEST(a_copy_shares_nothing_and_has_no_null_strings)
{
    char name[] = "name", value[] = "value", field[] = "url";
    const synctv_header headers[] = { { name, NULL } };
    const synctv_subtitle subtitles[] = { { NULL, value, NULL } };
    const synctv_movie movie = {
        .name = name,
        .headers = headers,
        .n_headers = 1,
        .subtitles = subtitles,
        .n_subtitles = 1,
    };
    const synctv_room_settings settings = { .max_members = 5 };
    const char *fields[] = { field, NULL };
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_UPDATE_MOVIE, .content = value,
        .movie = &movie, .settings = &settings, .fields = fields, .n_fields = 2, .rate = 2);
    struct sv_arena a = { 0 };
    synctv_request copy;
    ck_assert_int_eq(sv_request_copy(&a, &request, &copy), 0);
    name[0] = value[0] = field[0] = '?';
    ck_assert_str_eq(copy.content, "value");
    ck_assert_str_eq(copy.room_id, "");
    ck_assert_str_eq(copy.color, "");
    ck_assert_str_eq(copy.movie->name, "name");
    ck_assert_str_eq(copy.movie->url, "");
    ck_assert_str_eq(copy.movie->headers[0].name, "name");
    ck_assert_str_eq(copy.movie->headers[0].value, "");
    ck_assert_str_eq(copy.movie->subtitles[0].url, "value");
    ck_assert_str_eq(copy.movie->subtitles[0].format, "");
    ck_assert_int_eq(copy.settings->max_members, 5);
    ck_assert_str_eq(copy.fields[0], "url");
    ck_assert_str_eq(copy.fields[1], "");
    ck_assert_double_eq(copy.rate, 2);
    sv_arena_fini(&a);
}
END_TEST

START_TEST(a_copy_into_an_arena_that_is_full_fails)
{
    const synctv_movie movie = { .name = "a name that is longer than sixteen bytes" };
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_ADD_MOVIE, .movie = &movie);
    struct sv_arena a;
    for (size_t limit = 16; limit < 200; limit += 16) {
        sv_arena_init(&a, limit);
        synctv_request copy;
        int rv = sv_request_copy(&a, &request, &copy);
        ck_assert(rv == SYNCTV_E_NO_MEMORY || limit >= sizeof(movie) + 48);
        sv_arena_fini(&a);
    }
}
END_TEST

/* ---- Calls ---- */

static void keep_code(void *userdata, const synctv_result *r)
{
    *(int *)userdata = r->code;
}

START_TEST(a_method_that_does_not_exist_is_answered_at_once)
{
    const synctv_request request = SYNCTV_REQUEST((synctv_method)4711);
    int code = 0;
    synctv_call(caller, &request, keep_code, &code);
    ck_assert_int_eq(code, SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_int_eq(synctv_call_wait(caller, &request, NULL, NULL), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(synctv_method_name(request.method), "");
    ck_assert_str_eq(synctv_method_name(SYNCTV_METHOD_CREATE_ROOM), "CreateRoom");
    ck_assert_str_eq(synctv_method_name(SYNCTV_METHOD_PING), "");
}
END_TEST

START_TEST(an_answer_from_another_thread_ends_the_wait)
{
    fake.in_thread = true;
    ck_assert_int_eq(synctv_room_info(caller, "r", &result, &err), 0);
    ck_assert(fake.direct);
    ck_assert_ptr_nonnull(result);
    pthread_join(fake.thread, NULL);
}
END_TEST

START_TEST(an_answer_after_the_time_is_over_harms_nothing)
{
    fake.late = true;
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_GET_PROFILE, .timeout_ms = 30);
    int64_t start = sv_mono_ms();
    ck_assert_int_eq(synctv_call_wait(caller, &request, &result, &err), SYNCTV_E_TIMEOUT);
    ck_assert_int_ge(sv_mono_ms() - start, 29);
    ck_assert_int_eq(err.code, SYNCTV_E_TIMEOUT);
    ck_assert_ptr_null(result);
    fake_answer(&fake);
}
END_TEST

START_TEST(a_failure_fills_the_error_and_leaves_the_result_alone)
{
    fake.code = SYNCTV_E_ROOM_NOT_FOUND;
    const synctv_result *untouched = (const synctv_result *)&fake;
    ck_assert_int_eq(synctv_room_join(caller, "r", NULL, &untouched, &err),
        SYNCTV_E_ROOM_NOT_FOUND);
    ck_assert_ptr_eq(untouched, (const synctv_result *)&fake);
    ck_assert_str_eq(err.message, "no such room");
    ck_assert_int_eq(synctv_room_join(caller, "r", NULL, NULL, NULL), SYNCTV_E_ROOM_NOT_FOUND);
}
END_TEST

START_TEST(the_last_reference_destroys_the_caller)
{
    ck_assert_ptr_eq(synctv_caller_ref(caller), caller);
    ck_assert_str_eq(synctv_caller_user_id(caller), "");
    synctv_caller_unref(caller);
    ck_assert(!fake.destroyed);
    synctv_caller_unref(caller);
    ck_assert(fake.destroyed);
    synctv_caller_unref(NULL);
}
END_TEST

START_TEST(a_stream_takes_its_own_requests_only)
{
    synctv_stream *stream;
    ck_assert_int_eq(synctv_stream_open(caller, NULL, &stream, NULL), 0);
    synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_CREATE_ROOM);
    ck_assert_int_eq(synctv_stream_send(stream, &request, &err), SYNCTV_E_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "method");
    request.method = SYNCTV_METHOD_SEEK;
    ck_assert_int_eq(synctv_stream_send(stream, &request, &err), 0);
    ck_assert_int_eq(fake.asked.method, SYNCTV_METHOD_SEEK);
    ck_assert_int_eq(synctv_stream_next(stream, 0, NULL, NULL), 0);

    ck_assert_int_eq(synctv_chat_send(stream, NULL, "hi", "m1", &err), 0);
    ck_assert_int_eq(fake.asked.method, SYNCTV_METHOD_SEND_CHAT);
    ck_assert_str_eq(fake.asked.content, "hi");
    ck_assert_str_eq(fake.asked.message_id, "m1");
    const synctv_danmaku_options top = { .position = SYNCTV_DANMAKU_POSITION_TOP };
    ck_assert_int_eq(synctv_chat_danmaku(stream, "r", "wow", 1.5, &top, &err), 0);
    ck_assert_int_eq(fake.asked.method, SYNCTV_METHOD_SEND_DANMAKU);
    ck_assert_double_eq(fake.asked.video_time_s, 1.5);
    ck_assert_int_eq(fake.asked.danmaku_position, SYNCTV_DANMAKU_POSITION_TOP);
    synctv_stream_finish(stream);
    ck_assert(fake.finished && !fake.closed);
    synctv_stream_close(stream);
    ck_assert(fake.closed);
    synctv_stream_close(NULL);
}
END_TEST

/* ---- What each method needs ---- */

START_TEST(each_method_has_a_row_in_the_table)
{
    for (synctv_method m = 0; m < SYNCTV_N_METHODS; m++) {
        const struct sv_method *method = &sv_methods[m];
        bool on_stream = (method->ways & SV_BY_STREAM) != 0;
        ck_assert_msg(method->ways != 0, "method %d is missing", (int)m);
        ck_assert_int_eq(sv_method_is_for_streams(m), on_stream);
        if (!on_stream)
            ck_assert_int_eq(method->stream_rate, SV_STREAM_RATE_NONE);
        else /* something bounds what a stream may send */
            ck_assert(method->stream_rate != SV_STREAM_RATE_NONE || method->rate != SV_RATE_NONE);
    }
}
END_TEST

START_TEST(only_who_signs_in_or_out_needs_no_access_token)
{
    for (synctv_method m = 0; m < SYNCTV_N_METHODS; m++) {
        const synctv_request request = SYNCTV_REQUEST(m);
        bool without = m == SYNCTV_METHOD_LOGIN || m == SYNCTV_METHOD_REGISTER ||
            m == SYNCTV_METHOD_REFRESH_TOKEN;
        if ((sv_methods[m].ways & SV_BY_CALL) != 0)
            ck_assert_msg(sv_request_needs_access_token(&request) != without, "%d", (int)m);
    }
    synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_LOGOUT, .refresh_token = "it is over");
    ck_assert(!sv_request_needs_access_token(&request));
}
END_TEST

/* Get…, List…, JoinRoom, and what names the version that it expects. */
START_TEST(only_what_does_no_harm_twice_is_repeatable)
{
    for (synctv_method m = 0; m < SYNCTV_N_METHODS; m++) {
        const char *name = synctv_method_name(m);
        synctv_request request = SYNCTV_REQUEST(m);
        bool harmless = strncmp(name, "Get", 3) == 0 || strncmp(name, "List", 4) == 0 ||
            strcmp(name, "JoinRoom") == 0;
        ck_assert_msg(sv_request_is_repeatable(&request) == harmless, "%d", (int)m);
        request.expected_version = 7;
        bool takes_version = m == SYNCTV_METHOD_SET_CURRENT_MOVIE || m == SYNCTV_METHOD_PLAY ||
            m == SYNCTV_METHOD_PAUSE || m == SYNCTV_METHOD_SEEK ||
            m == SYNCTV_METHOD_SET_PLAYBACK_RATE;
        ck_assert_msg(sv_request_is_repeatable(&request) == (harmless || takes_version), "%d",
            (int)m);
    }
}
END_TEST

START_TEST(a_method_that_does_not_exist_may_nothing)
{
    const synctv_request request = SYNCTV_REQUEST(SYNCTV_N_METHODS);
    ck_assert(!sv_method_is_for_streams(request.method));
    ck_assert(sv_request_needs_access_token(&request));
    ck_assert(!sv_request_is_repeatable(&request));
    ck_assert(!sv_request_sets_room_password(&request));
}
END_TEST

/* ---- The typed functions ask what they say ---- */

#define ASKS(call, name)                                                                           \
    do {                                                                                           \
        ck_assert_int_eq(call, 0);                                                                 \
        ck_assert_int_eq(fake.asked.method, SYNCTV_METHOD_##name);                                 \
    } while (0)

START_TEST(accounts_and_rooms_ask_what_they_say)
{
    ASKS(synctv_account_register(caller, "u", "p", "e", NULL, &err), REGISTER);
    ck_assert_str_eq(fake.asked.email, "e");
    ASKS(synctv_account_profile(caller, NULL, &err), GET_PROFILE);
    ASKS(synctv_account_change_password(caller, "old", "new", &err), CHANGE_PASSWORD);
    ck_assert_str_eq(fake.asked.password, "old");
    ck_assert_str_eq(fake.asked.new_password, "new");
    ASKS(synctv_account_list(caller, "s", 5, "t", NULL, &err), LIST_USERS);
    ck_assert_str_eq(fake.asked.page_token, "t");
    ASKS(synctv_account_set_status(caller, "u", SYNCTV_USER_STATUS_BANNED, "why", NULL, &err),
        SET_USER_STATUS);
    ck_assert_int_eq(fake.asked.user_status, SYNCTV_USER_STATUS_BANNED);

    const synctv_room_settings settings = { .hidden = true };
    const synctv_room_options options = { .password = "pw", .settings = &settings };
    ASKS(synctv_room_create(caller, "n", &options, NULL, &err), CREATE_ROOM);
    ck_assert_str_eq(fake.asked.password, "pw");
    ck_assert(fake.asked.settings->hidden);
    ASKS(synctv_room_create(caller, "n", NULL, NULL, &err), CREATE_ROOM);
    ASKS(synctv_room_join(caller, "r", "pw", NULL, &err), JOIN_ROOM);
    ASKS(synctv_room_leave(caller, "r", &err), LEAVE_ROOM);
    ASKS(synctv_room_info(caller, "r", NULL, &err), GET_ROOM_INFO);
    const synctv_room_filter mine = { .mine = true };
    ASKS(synctv_room_list(caller, &mine, NULL, &err), LIST_ROOMS);
    ck_assert(fake.asked.mine);
    ASKS(synctv_room_list(caller, NULL, NULL, &err), LIST_ROOMS);
    const synctv_room_changes changes = { .description = "", .password = "" };
    ASKS(synctv_room_update(caller, "r", &changes, NULL, &err), UPDATE_ROOM);
    ck_assert_uint_eq(fake.asked.n_fields, 1);
    ck_assert_str_eq(fake.asked.fields[0], "description");
    ck_assert(fake.asked.has_password);
    ASKS(synctv_room_delete(caller, "r", &err), DELETE_ROOM);
    ASKS(synctv_room_transfer(caller, "r", "u", NULL, &err), TRANSFER_ROOM);
    ck_assert_str_eq(fake.asked.user_id, "u");
}
END_TEST

START_TEST(members_and_playlists_ask_what_they_say)
{
    ASKS(synctv_member_list(caller, "r", 9, NULL, NULL, &err), LIST_MEMBERS);
    ck_assert_int_eq(fake.asked.page_size, 9);
    ASKS(synctv_member_approve(caller, "r", "u", NULL, &err), APPROVE_MEMBER);
    ASKS(synctv_member_kick(caller, "r", "u", "why", &err), KICK_MEMBER);
    ck_assert_str_eq(fake.asked.reason, "why");
    ASKS(synctv_member_ban(caller, "r", "u", NULL, NULL, &err), BAN_MEMBER);
    ASKS(synctv_member_unban(caller, "r", "u", &err), UNBAN_MEMBER);
    ASKS(synctv_member_set_role(caller, "r", "u", SYNCTV_ROOM_ROLE_ADMIN, NULL, &err),
        SET_MEMBER_ROLE);
    ck_assert_int_eq(fake.asked.role, SYNCTV_ROOM_ROLE_ADMIN);
    ASKS(synctv_member_set_permissions(caller, "r", "u", 1, 2, NULL, &err), SET_MEMBER_PERMISSIONS);
    ck_assert_uint_eq(fake.asked.added_permissions, 1);
    ck_assert_uint_eq(fake.asked.removed_permissions, 2);

    const synctv_movie movie = { .id = "m", .url = "http://x/" };
    const char *const fields[] = { "url" };
    ASKS(synctv_playlist_list(caller, "r", 0, NULL, NULL, &err), GET_MOVIE_LIST);
    ASKS(synctv_playlist_add(caller, "r", &movie, NULL, &err), ADD_MOVIE);
    ck_assert_str_eq(fake.asked.movie->url, "http://x/");
    ASKS(synctv_playlist_remove(caller, "r", "m", &err), REMOVE_MOVIE);
    ck_assert_str_eq(fake.asked.movie_id, "m");
    ASKS(synctv_playlist_update(caller, "r", &movie, fields, 1, NULL, &err), UPDATE_MOVIE);
    ck_assert_str_eq(fake.asked.movie_id, "m");
    ck_assert_str_eq(fake.asked.fields[0], "url");
    ASKS(synctv_playlist_move(caller, "r", "m", 3, NULL, &err), MOVE_MOVIE);
    ck_assert_int_eq(fake.asked.position, 3);
    ASKS(synctv_playlist_clear(caller, "r", NULL, &err), CLEAR_MOVIES);
    const synctv_playlist_options play = { .autoplay = true, .expected_version = 8 };
    ASKS(synctv_playlist_set_current(caller, "r", "m", &play, NULL, &err), SET_CURRENT_MOVIE);
    ck_assert(fake.asked.autoplay);
    ck_assert_uint_eq(fake.asked.expected_version, 8);
}
END_TEST

START_TEST(playback_and_chat_ask_what_they_say)
{
    const synctv_playback_options at = {
        .has_position = true,
        .position_s = 2,
        .client_time_ms = 3,
        .expected_version = 4,
    };
    ASKS(synctv_playback_play(caller, "r", &at, NULL, &err), PLAY);
    ck_assert(fake.asked.has_position);
    ck_assert_double_eq(fake.asked.position_s, 2);
    ck_assert_int_eq(fake.asked.client_time_ms, 3);
    ck_assert_uint_eq(fake.asked.expected_version, 4);
    ASKS(synctv_playback_pause(caller, "r", NULL, NULL, &err), PAUSE);
    ck_assert(!fake.asked.has_position);
    ASKS(synctv_playback_seek(caller, "r", 7.5, &at, NULL, &err), SEEK);
    ck_assert(fake.asked.has_position);
    ck_assert_double_eq(fake.asked.position_s, 7.5);
    ASKS(synctv_playback_set_rate(caller, "r", 1.25, NULL, NULL, &err), SET_PLAYBACK_RATE);
    ck_assert(fake.asked.has_rate);
    ck_assert_double_eq(fake.asked.rate, 1.25);
    const synctv_chat_range range = { .before_seq = 5, .after_seq = 2, .limit = 10 };
    ASKS(synctv_chat_history(caller, "r", &range, NULL, &err), GET_CHAT_HISTORY);
    ck_assert_uint_eq(fake.asked.before_seq, 5);
    ck_assert_uint_eq(fake.asked.after_seq, 2);
    ck_assert_int_eq(fake.asked.limit, 10);
    ASKS(synctv_chat_delete(caller, "r", "m", &err), DELETE_CHAT_MESSAGE);
    ck_assert_str_eq(fake.asked.message_id, "m");
}
END_TEST

START_TEST(the_playhead_moves_with_time_only_while_playing)
{
    synctv_playback p = {
        .status = SYNCTV_PLAYBACK_STATUS_PLAYING,
        .position_s = 10,
        .rate = 2,
        .updated_at_ms = 1000,
    };
    ck_assert_double_eq(synctv_playback_position(&p, 3000, 0), 14);
    ck_assert_double_eq(synctv_playback_position(&p, 3000, 12), 12);
    p.duration_s = 13;
    ck_assert_double_eq(synctv_playback_position(&p, 3000, 0), 13);
    ck_assert_double_eq(synctv_playback_position(&p, 3000, 12), 12);
    p.duration_s = 0;
    ck_assert_double_eq(synctv_playback_position(&p, 0, 0), 10);
    ck_assert(isfinite(synctv_playback_position(&p, INT64_MAX, 0)));
    p.updated_at_ms = INT64_MIN;
    ck_assert(isfinite(synctv_playback_position(&p, INT64_MAX, 0)));
    p.status = SYNCTV_PLAYBACK_STATUS_PAUSED;
    ck_assert_double_eq(synctv_playback_position(&p, 3000, 0), 10);
    p.position_s = NAN;
    ck_assert_double_eq(synctv_playback_position(&p, 3000, 0), 0);
}
END_TEST

/* ---- The events that wait ---- */

/* An event counts for as many bytes as its revision says. */
static size_t charge_revision(const synctv_event *event)
{
    return event->revision;
}

static int push(struct sv_event_ring *ring, int64_t number, uint64_t bytes)
{
    synctv_event *event = sv_event_new(SYNCTV_EVENT_MOVIES);
    event->timestamp_ms = number;
    event->revision = bytes;
    int rv = sv_event_ring_push(ring, event, 1000, 2000);
    synctv_event_unref(event);
    return rv;
}

static int64_t pop(struct sv_event_ring *ring)
{
    const synctv_event *event = sv_event_ring_pop(ring);
    int64_t number = event != NULL ? event->timestamp_ms : -1;
    synctv_event_unref(event);
    return number;
}

START_TEST(events_wait_in_their_order_whatever_is_taken_in_between)
{
    struct sv_event_ring ring;
    sv_event_ring_init(&ring, charge_revision);
    int64_t in = 0, out = 0;
    for (int round = 1; round <= 40; round++) {
        for (int i = 0; i < round; i++)
            ck_assert_int_eq(push(&ring, in++, 1), 0);
        for (int i = 0; i < round / 2; i++)
            ck_assert_int_eq(pop(&ring), out++);
        ck_assert_uint_eq(ring.count, in - out);
        ck_assert_uint_eq(ring.bytes, in - out);
    }
    while (out < in)
        ck_assert_int_eq(pop(&ring), out++);
    ck_assert_int_eq(pop(&ring), -1);
    ck_assert_uint_eq(ring.bytes, 0);
    sv_event_ring_clear(&ring);
}
END_TEST

START_TEST(no_more_events_wait_than_may_and_no_more_bytes)
{
    struct sv_event_ring ring;
    sv_event_ring_init(&ring, charge_revision);
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(push(&ring, i, 1), 0);
    ck_assert_int_eq(push(&ring, 1000, 1), SYNCTV_E_SLOW_CONSUMER);
    ck_assert_int_eq(pop(&ring), 0);
    ck_assert_int_eq(push(&ring, 1000, 1001), 0);
    ck_assert_int_eq(pop(&ring), 1);
    ck_assert_int_eq(push(&ring, 1001, 2), SYNCTV_E_SLOW_CONSUMER);
    ck_assert_int_eq(push(&ring, 1001, SIZE_MAX), SYNCTV_E_SLOW_CONSUMER);
    ck_assert_int_eq(push(&ring, 1001, 1), 0);
    sv_event_ring_clear(&ring);
    ck_assert_int_eq(push(&ring, 1, SIZE_MAX), 0); /* one that is alone */
    ck_assert_int_eq(push(&ring, 2, 1), SYNCTV_E_SLOW_CONSUMER);
    sv_event_ring_clear(&ring);
}
END_TEST

START_TEST(an_idle_ring_gives_back_what_a_rush_has_taken)
{
    struct sv_event_ring ring;
    sv_event_ring_init(&ring, charge_revision);
    ck_assert_ptr_null(ring.events);
    for (int i = 0; i < 1000; i++)
        push(&ring, i, 1);
    while (pop(&ring) >= 0)
        ;
    ck_assert_ptr_null(ring.events);
    sv_event_ring_clear(&ring);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api");
    TCase *tc = tcase_create("api");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_new_result_has_no_null_strings);
    tcase_add_test(tc, a_failed_result_always_has_an_error_with_a_text);
    tcase_add_test(tc, a_failure_may_bring_the_state_with_it);
    tcase_add_test(tc, a_new_event_has_no_null_strings);
    tcase_add_test(tc, many_who_derive_at_once_get_one_value_that_goes_with_the_event);
    tcase_add_test(tc, each_who_derives_gets_what_they_made_themselves);
    tcase_add_test(tc, an_event_keeps_values_of_four);
    tcase_add_test(tc, a_copy_shares_nothing_and_has_no_null_strings);
    tcase_add_test(tc, a_copy_into_an_arena_that_is_full_fails);
    tcase_add_test(tc, a_method_that_does_not_exist_is_answered_at_once);
    tcase_add_test(tc, an_answer_from_another_thread_ends_the_wait);
    tcase_add_test(tc, an_answer_after_the_time_is_over_harms_nothing);
    tcase_add_test(tc, a_failure_fills_the_error_and_leaves_the_result_alone);
    tcase_add_test(tc, the_last_reference_destroys_the_caller);
    tcase_add_test(tc, a_stream_takes_its_own_requests_only);
    tcase_add_test(tc, each_method_has_a_row_in_the_table);
    tcase_add_test(tc, only_who_signs_in_or_out_needs_no_access_token);
    tcase_add_test(tc, only_what_does_no_harm_twice_is_repeatable);
    tcase_add_test(tc, a_method_that_does_not_exist_may_nothing);
    tcase_add_test(tc, accounts_and_rooms_ask_what_they_say);
    tcase_add_test(tc, members_and_playlists_ask_what_they_say);
    tcase_add_test(tc, playback_and_chat_ask_what_they_say);
    tcase_add_test(tc, the_playhead_moves_with_time_only_while_playing);
    tcase_add_test(tc, events_wait_in_their_order_whatever_is_taken_in_between);
    tcase_add_test(tc, no_more_events_wait_than_may_and_no_more_bytes);
    tcase_add_test(tc, an_idle_ring_gives_back_what_a_rush_has_taken);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
