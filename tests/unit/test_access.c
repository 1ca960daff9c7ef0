/* SPDX-License-Identifier: MIT */
/* Who gets what answer to each method: one table, which fails when a method is missing from it. */
#include <stdlib.h>
#include <string.h>

#include "api/methods.h"
#include "support/node_fixture.h"

enum who {
    ANONYMOUS,
    PENDING_USER, /* an account that waits for approval */
    STRANGER,
    GUEST, /* a stranger where guests are allowed */
    PENDING_MEMBER,
    BANNED,
    MEMBER,
    ADMIN,
    CREATOR,
    PLATFORM_ADMIN, /* no member */
    N_COLUMNS,
    /* Those whose answers follow from others': see expected(). */
    ROOT = N_COLUMNS,
    SIGNED_OUT,  /* whose session has ended */
    BANNED_USER, /* from the whole node, while a member */
    KICKED,
    LEFT,
    GUEST_BANNED, /* where guests are allowed */
    FORMER_ADMIN, /* a member again */
    N_WHO,
};

static const char *const who_names[N_WHO] = {
    "anonymous",
    "pending user",
    "stranger",
    "guest",
    "pending member",
    "banned",
    "member",
    "admin",
    "creator",
    "platform admin",
    "root",
    "one signed out",
    "banned user",
    "kicked",
    "one who has left",
    "banned guest",
    "former admin",
};

enum answer {
    OK = 0,
    TOKEN = SYNCTV_E_TOKEN_MISSING,
    WAITS = SYNCTV_E_USER_PENDING,
    NONE = SYNCTV_E_NOT_A_MEMBER,
    PEND = SYNCTV_E_MEMBER_PENDING,
    BAN = SYNCTV_E_MEMBER_BANNED,
    DENY = SYNCTV_E_PERMISSION_DENIED,
    STAYS = SYNCTV_E_CREATOR_CANNOT_LEAVE,
    FIELD = SYNCTV_E_INVALID_ARGUMENT,
    LOGIN = SYNCTV_E_LOGIN_FAILED,
    SESSION = SYNCTV_E_SESSION_ENDED,
    BAD_TOKEN = SYNCTV_E_TOKEN_INVALID,
    NOT_YET = SYNCTV_E_UNIMPLEMENTED,
    KICK = SYNCTV_E_MEMBER_KICKED,
    OUT = SYNCTV_E_USER_BANNED,
};

#define ALL(answer)                                                                                \
    {                                                                                              \
        answer, answer, answer, answer, answer, answer, answer, answer, answer, answer             \
    }
#define SIGNED_IN(answer)                                                                          \
    {                                                                                              \
        TOKEN, answer, answer, answer, answer, answer, answer, answer, answer, answer              \
    }

/* clang-format off */
static const struct row {
    synctv_method method;
    int expected[N_COLUMNS];
} table[] = {
#define ROW(name) SYNCTV_METHOD_##name
    /*                        anon   p.user strang guest  p.memb banned member admin  creat. platform admin */
    { ROW(LOGIN),             ALL(LOGIN) },
    { ROW(REGISTER),          ALL(FIELD) }, /* asked for without a name */
    { ROW(REFRESH_TOKEN),     ALL(BAD_TOKEN) },
    { ROW(LOGOUT),            ALL(BAD_TOKEN) },
    { ROW(GET_PROFILE),       SIGNED_IN(OK) },
    { ROW(CHANGE_PASSWORD),   SIGNED_IN(FIELD) }, /* to none */
    { ROW(LIST_USERS),        { TOKEN, WAITS, DENY,  DENY,  DENY,  DENY,  DENY,  DENY,  DENY,  OK } },
    { ROW(SET_USER_STATUS),   { TOKEN, WAITS, DENY,  DENY,  DENY,  DENY,  DENY,  DENY,  DENY,  OK } },

    { ROW(CREATE_ROOM),       { TOKEN, WAITS, OK,    OK,    OK,    OK,    OK,    OK,    OK,    OK } },
    { ROW(JOIN_ROOM),         { TOKEN, WAITS, OK,    OK,    OK,    BAN,   OK,    OK,    OK,    OK } },
    { ROW(LEAVE_ROOM),        { TOKEN, NONE,  NONE,  NONE,  OK,    BAN,   OK,    OK,    STAYS, NONE } },
    { ROW(GET_ROOM_INFO),     SIGNED_IN(OK) },
    { ROW(LIST_ROOMS),        SIGNED_IN(OK) },
    { ROW(UPDATE_ROOM),       { TOKEN, WAITS, NONE,  NONE,  PEND,  BAN,   DENY,  OK,    OK,    OK } },
    { ROW(DELETE_ROOM),       { TOKEN, WAITS, NONE,  NONE,  PEND,  BAN,   DENY,  DENY,  OK,    OK } },
    { ROW(TRANSFER_ROOM),     { TOKEN, WAITS, NONE,  NONE,  PEND,  BAN,   DENY,  DENY,  OK,    OK } },

    { ROW(LIST_MEMBERS),      { TOKEN, NONE,  NONE,  DENY,  PEND,  BAN,   OK,    OK,    OK,    OK } },
    { ROW(APPROVE_MEMBER),    { TOKEN, WAITS, NONE,  NONE,  PEND,  BAN,   DENY,  OK,    OK,    OK } },
    { ROW(KICK_MEMBER),       { TOKEN, WAITS, NONE,  NONE,  PEND,  BAN,   DENY,  OK,    OK,    OK } },
    { ROW(BAN_MEMBER),        { TOKEN, WAITS, NONE,  NONE,  PEND,  BAN,   DENY,  OK,    OK,    OK } },
    { ROW(UNBAN_MEMBER),      { TOKEN, WAITS, NONE,  NONE,  PEND,  BAN,   DENY,  OK,    OK,    OK } },
    { ROW(SET_MEMBER_ROLE),   { TOKEN, WAITS, NONE,  NONE,  PEND,  BAN,   DENY,  DENY,  OK,    OK } },
    { ROW(SET_MEMBER_PERMISSIONS),
                              { TOKEN, WAITS, NONE,  NONE,  PEND,  BAN,   DENY,  DENY,  OK,    OK } },

    { ROW(GET_MOVIE_LIST),    { TOKEN, NONE,  NONE,  OK,    PEND,  BAN,   OK,    OK,    OK,    OK } },
    { ROW(ADD_MOVIE),         { TOKEN, WAITS, NONE,  DENY,  PEND,  BAN,   OK,    OK,    OK,    OK } },
    { ROW(REMOVE_MOVIE),      { TOKEN, WAITS, NONE,  DENY,  PEND,  BAN,   DENY,  OK,    OK,    OK } },
    { ROW(UPDATE_MOVIE),      { TOKEN, WAITS, NONE,  DENY,  PEND,  BAN,   DENY,  OK,    OK,    OK } },
    { ROW(MOVE_MOVIE),        { TOKEN, WAITS, NONE,  DENY,  PEND,  BAN,   DENY,  OK,    OK,    OK } },
    { ROW(CLEAR_MOVIES),      { TOKEN, WAITS, NONE,  DENY,  PEND,  BAN,   DENY,  OK,    OK,    OK } },

    { ROW(SET_CURRENT_MOVIE), { TOKEN, WAITS, NONE,  DENY,  PEND,  BAN,   DENY,  OK,    OK,    OK } },
    { ROW(PLAY),              { TOKEN, WAITS, NONE,  DENY,  PEND,  BAN,   DENY,  OK,    OK,    OK } },
    { ROW(PAUSE),             { TOKEN, WAITS, NONE,  DENY,  PEND,  BAN,   DENY,  OK,    OK,    OK } },
    { ROW(SEEK),              { TOKEN, WAITS, NONE,  DENY,  PEND,  BAN,   DENY,  OK,    OK,    OK } },
    { ROW(SET_PLAYBACK_RATE), { TOKEN, WAITS, NONE,  DENY,  PEND,  BAN,   DENY,  OK,    OK,    OK } },

    { ROW(GET_CHAT_HISTORY),  { TOKEN, NONE,  NONE,  DENY,  PEND,  BAN,   OK,    OK,    OK,    OK } },
    { ROW(DELETE_CHAT_MESSAGE),
                              { TOKEN, WAITS, NONE,  DENY,  PEND,  BAN,   DENY,  OK,    OK,    OK } },
    { ROW(SEND_CHAT),         { TOKEN, WAITS, NONE,  DENY,  PEND,  BAN,   OK,    OK,    OK,    OK } },
    { ROW(SEND_DANMAKU),      { TOKEN, WAITS, NONE,  DENY,  PEND,  BAN,   OK,    OK,    OK,    OK } },
    { ROW(REPORT_STATUS),     ALL(FIELD) }, /* for streams only */
    { ROW(PING),              ALL(FIELD) },

    { ROW(CREATE_PUBLISH_KEY), ALL(NOT_YET) },
    { ROW(GET_PLAY_URL),      ALL(NOT_YET) },
    { ROW(STOP_LIVE),         ALL(NOT_YET) },
#undef ROW
};
/* clang-format on */

#define N_ROWS (sizeof(table) / sizeof(table[0]))

/* What a stream bound to the room answers with: OK = it is followed. */
static const int stream_row[N_COLUMNS] = { DENY, NONE, NONE, OK, PEND, BAN, OK, OK, OK, OK };

/* Where somebody who is anybody at all gets another answer than nobody. */
static int unless_nobody_would(const int *row, int answer)
{
    return row[ANONYMOUS] == TOKEN || row[ANONYMOUS] == DENY ? answer : row[ANONYMOUS];
}

static int expected(const int *row, synctv_method method, enum who who)
{
    switch (who) {
    case ROOT:
        return row[PLATFORM_ADMIN];
    case SIGNED_OUT:
        return unless_nobody_would(row, SESSION);
    case BANNED_USER:
        return unless_nobody_would(row, OUT);
    case KICKED:
        if (method == SYNCTV_METHOD_JOIN_ROOM)
            return KICK;
        return row[STRANGER] == NONE && method != SYNCTV_METHOD_LEAVE_ROOM ? KICK : row[STRANGER];
    case LEFT:
        return row[STRANGER];
    case GUEST_BANNED:
        return row[BANNED];
    case FORMER_ADMIN:
        return row[MEMBER];
    default:
        return row[who];
    }
}

/* --- the cast --- */

static synctv_caller *alice, *victim, *waiter, *outlaw;

static void people(void)
{
    fx_open();
    fx_node.limits.rooms_per_user = fx_node.limits.memberships_per_user = 0;
    alice = fx_user("alice");
    victim = fx_user("victim");
    waiter = fx_user("waiter");
    outlaw = fx_user("outlaw");
}

static synctv_caller *caller_of(enum who who)
{
    if (who == ANONYMOUS)
        return fx_anonymous();
    if (who == CREATOR)
        return alice;
    if (who == SIGNED_OUT)
        return fx_signed_in(who_names[who]);
    return fx_user_with(who_names[who],
        who == PLATFORM_ADMIN ? SYNCTV_USER_ROLE_ADMIN
            : who == ROOT     ? SYNCTV_USER_ROLE_ROOT
                              : SYNCTV_USER_ROLE_USER,
        who == PENDING_USER ? SYNCTV_USER_STATUS_PENDING : SYNCTV_USER_STATUS_ACTIVE);
}

static struct stage {
    const char *room, *movie, *message;
} stage;

static bool is_put_in(enum who who)
{
    return (who >= PENDING_MEMBER && who <= ADMIN) || who >= SIGNED_OUT;
}

static void make(synctv_caller *caller, synctv_room_role role)
{
    fx_assert_ok(FX_ASK(alice, SET_MEMBER_ROLE, .room_id = stage.room, .user_id = fx_id(caller),
        .role = role));
}

static void put_in(enum who who, synctv_caller *caller)
{
    if (!is_put_in(who))
        return;
    fx_join(caller, stage.room);
    if (who == BANNED || who == GUEST_BANNED)
        fx_assert_ok(FX_ASK(alice, BAN_MEMBER, .room_id = stage.room, .user_id = fx_id(caller)));
    if (who == ADMIN || who == FORMER_ADMIN)
        make(caller, SYNCTV_ROOM_ROLE_ADMIN);
    if (who == FORMER_ADMIN)
        make(caller, SYNCTV_ROOM_ROLE_MEMBER);
    if (who == KICKED)
        fx_assert_ok(FX_ASK(alice, KICK_MEMBER, .room_id = stage.room, .user_id = fx_id(caller)));
    if (who == LEFT)
        fx_assert_ok(FX_ASK(caller, LEAVE_ROOM, .room_id = stage.room));
}

/* What ends more than the membership of the room. */
static void put_down(enum who who, synctv_caller *caller)
{
    if (who == SIGNED_OUT)
        fx_assert_ok(FX_ASK(caller, LOGOUT));
    if (who == BANNED_USER)
        fx_assert_ok(FX_ASK(fx_system(), SET_USER_STATUS, .user_id = fx_id(caller),
            .user_status = SYNCTV_USER_STATUS_BANNED));
}

/* A new room in which everything that is asked for can be done. */
static void set_stage(enum who who, synctv_caller *caller)
{
    synctv_room_settings settings = { .allow_guests = who == GUEST || who == GUEST_BANNED,
        .require_approval = true };
    static const char *const fields[] = { "settings" };
    stage.room = fx_room(alice, &settings);
    fx_join(waiter, stage.room);
    if (who == PENDING_MEMBER)
        put_in(who, caller);
    settings.require_approval = false;
    fx_assert_ok(FX_ASK(alice, UPDATE_ROOM, .room_id = stage.room, .settings = &settings,
        .fields = fields, .n_fields = 1));
    if (who != PENDING_MEMBER)
        put_in(who, caller);
    fx_join(victim, stage.room);
    fx_assert_ok(FX_ASK(alice, BAN_MEMBER, .room_id = stage.room, .user_id = fx_id(outlaw)));
    stage.movie = fx_movie(alice, stage.room, "movie", 3600);
    fx_assert_ok(FX_ASK(alice, SET_CURRENT_MOVIE, .room_id = stage.room, .movie_id = stage.movie));
    stage.message = fx_say(alice, stage.room, "welcome");
    put_down(who, caller);
}

static synctv_request request_of(synctv_method method)
{
    static const char *const fields[] = { "name" };
    static const synctv_movie movie = { .name = "new", .url = "https://example.org/" };
    synctv_request request = SYNCTV_REQUEST(method, .room_id = stage.room, .movie_id = stage.movie,
        .message_id = stage.message, .user_id = fx_id(victim), .name = "new", .content = "hello",
        .fields = fields, .n_fields = 1, .movie = &movie, .role = SYNCTV_ROOM_ROLE_ADMIN,
        .removed_permissions = SYNCTV_PERM_SEND_CHAT, .user_status = SYNCTV_USER_STATUS_ACTIVE,
        .rate = 1.5, .position_s = 1, .refresh_token = "not one of ours");
    if (method == SYNCTV_METHOD_APPROVE_MEMBER)
        request.user_id = fx_id(waiter);
    if (method == SYNCTV_METHOD_UNBAN_MEMBER)
        request.user_id = fx_id(outlaw);
    return request;
}

static int ask(synctv_caller *caller, synctv_method method)
{
    return fx_ask(caller, request_of(method));
}

START_TEST(everybody_gets_the_answer_of_the_table)
{
    const struct row *row = &table[_i];
    for (enum who who = 0; who < N_WHO; who++) {
        synctv_caller *caller = caller_of(who);
        set_stage(who, caller);
        int rv = ask(caller, row->method), answer = expected(row->expected, row->method, who);
        ck_assert_msg(rv == answer, "method %d (%s) as %s: %s instead of %s (%s)", (int)row->method,
            synctv_method_name(row->method), who_names[who], synctv_error_reason(rv),
            synctv_error_reason(answer), fx_error.message);
    }
}
END_TEST

static int follow(synctv_caller *caller)
{
    const synctv_stream_options to_room = SYNCTV_STREAM_OPTIONS(.room_id = stage.room);
    const synctv_event *first = NULL;
    synctv_stream *stream = NULL;
    int rv = synctv_stream_open(caller, &to_room, &stream, &fx_error);
    if (rv >= 0)
        rv = synctv_stream_next(stream, 30000, &first, &fx_error);
    synctv_event_unref(first);
    synctv_stream_close(stream);
    return rv == 1 ? OK : rv;
}

START_TEST(everybody_gets_the_stream_of_the_table)
{
    for (enum who who = 0; who < N_WHO; who++) {
        synctv_caller *caller = caller_of(who);
        set_stage(who, caller);
        int rv = follow(caller), answer = expected(stream_row, SYNCTV_N_METHODS, who);
        ck_assert_msg(rv == answer, "a stream as %s: %s instead of %s (%s)", who_names[who],
            synctv_error_reason(rv), synctv_error_reason(answer), fx_error.message);
    }
}
END_TEST

static void assert_refuses(synctv_caller *caller, const synctv_request *request, const char *field,
    bool refuses)
{
    int rv = fx_ask(caller, *request);
    bool refused = rv == SYNCTV_E_INVALID_ARGUMENT && strcmp(fx_error.field, field) == 0;
    ck_assert_msg(refused == refuses, "method %d (%s) with a bad %s: %s (%s)", (int)request->method,
        synctv_method_name(request->method), field, synctv_error_reason(rv), fx_error.message);
}

START_TEST(each_method_checks_the_ids_that_it_needs)
{
    const struct row *row = &table[_i];
    unsigned ids = sv_methods[row->method].ids;
    if (row->expected[PLATFORM_ADMIN] == NOT_YET || row->expected[PLATFORM_ADMIN] == FIELD)
        return;
    synctv_caller *caller = caller_of(PLATFORM_ADMIN);
    set_stage(PLATFORM_ADMIN, caller);
    const synctv_request good = request_of(row->method);
    synctv_request bad = good;
    bad.room_id = "no id";
    assert_refuses(caller, &bad, "room_id", (ids & SV_NEEDS_ROOM_ID) != 0);
    bad = good;
    bad.user_id = "no id";
    assert_refuses(caller, &bad, "user_id", (ids & SV_NEEDS_USER_ID) != 0);
    bad = good;
    bad.movie_id = "no id";
    assert_refuses(caller, &bad, "movie_id", (ids & SV_NEEDS_MOVIE_ID) != 0);
    bad = good;
    bad.message_id = "no id";
    assert_refuses(caller, &bad, "message_id", (ids & SV_NEEDS_MESSAGE_ID) != 0);
}
END_TEST

START_TEST(no_method_is_missing_from_the_table)
{
    for (int method = 0; method < SYNCTV_N_METHODS; method++) {
        int n = 0;
        for (size_t i = 0; i < N_ROWS; i++)
            n += table[i].method == (synctv_method)method;
        ck_assert_msg(n == 1, "method %d (%s) is there %d times", method,
            synctv_method_name((synctv_method)method), n);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("access");
    TCase *tcase = tcase_create("access");
    tcase_add_checked_fixture(tcase, people, fx_close);
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, everybody_gets_the_answer_of_the_table, 0, (int)N_ROWS);
    tcase_add_test(tcase, everybody_gets_the_stream_of_the_table);
    tcase_add_loop_test(tcase, each_method_checks_the_ids_that_it_needs, 0, (int)N_ROWS);
    tcase_add_test(tcase, no_method_is_missing_from_the_table);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
