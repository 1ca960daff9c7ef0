/* SPDX-License-Identifier: MIT */
/*
 * A node over memory: for tests, without network, and short ways to people, rooms, requests and
 * streams. Use fx_open and fx_close as a checked fixture; everything handed out belongs to the
 * fixture and lives until fx_close(). What a test says to be so and is not fails the test.
 */
#ifndef SV_TESTS_NODE_FIXTURE_H
#define SV_TESTS_NODE_FIXTURE_H

#include <check.h>
#include <synctv/synctv.h>

#include "node/node.h"

extern synctv_node fx_node;
/* Set before fx_open() runs (in a fixture that comes first), or change fx_node.limits later. No
 * limits of rate by default. */
extern synctv_node_options fx_options;
extern synctv_limits fx_limits;

void fx_open(void);
void fx_close(void);

/* --- people --- */

/* An active user of this name, made at first. In-process callers have no limits of rate. */
synctv_caller *fx_user(const char *name);
synctv_caller *fx_user_with(const char *name, synctv_user_role role, synctv_user_status status);
/* The same user with an access token, as from outside. */
synctv_caller *fx_signed_in(const char *name);
synctv_caller *fx_system(void);
synctv_caller *fx_anonymous(void);
const char *fx_id(synctv_caller *caller);

/* --- requests --- */

/* The answer to, or what is wrong with, the last fx_ask(). */
extern const synctv_result *fx_answer;
extern synctv_error fx_error;
int fx_ask(synctv_caller *caller, synctv_request request);
/* FX_ASK(caller, JOIN_ROOM, .room_id = id, …) */
#define FX_ASK(caller, ...) fx_ask((caller), SYNCTV_REQUEST(SYNCTV_METHOD_##__VA_ARGS__))

/* Codes are compared by their names, so that a failure is readable. */
#define fx_assert_code(code, expected) fx_check_code(__FILE__, __LINE__, (code), (expected))
void fx_check_code(const char *file, int line, int code, int expected);
#define fx_assert_ok(code) fx_assert_code((code) < 0 ? (code) : 0, 0)
/* INVALID_ARGUMENT that names this field. */
#define fx_assert_field(code, name)                                                                \
    do {                                                                                           \
        fx_assert_code((code), SYNCTV_E_INVALID_ARGUMENT);                                         \
        ck_assert_str_eq(fx_error.field, (name));                                                  \
    } while (0)

/* --- rooms --- */

/* The id of a new room. `settings` may be NULL. */
const char *fx_room(synctv_caller *creator, const synctv_room_settings *settings);
void fx_join(synctv_caller *caller, const char *room_id);
/* The id of a new movie; duration 0 = unknown. */
const char *fx_movie(synctv_caller *caller, const char *room_id, const char *name,
    double duration_s);
/* The id of a new chat message. */
const char *fx_say(synctv_caller *caller, const char *room_id, const char *content);

/* --- streams --- */

/* A stream of one room ("" = all rooms of the caller), its first snapshot taken. */
synctv_stream *fx_follow(synctv_caller *caller, const char *room_id);
/* Not waiting for anything. */
synctv_stream *fx_open_stream(synctv_caller *caller, const char *room_id, const char *password);
/* The next event, whatever it is; waits 30 s. */
const synctv_event *fx_next(synctv_stream *stream);
/* That there is nothing to take. */
void fx_expect_nothing(synctv_stream *stream);
/* The next event of this type, those before it skipped; waits 30 s. */
const synctv_event *fx_expect(synctv_stream *stream, synctv_event_type type);
const synctv_event *fx_expect_change(synctv_stream *stream, synctv_member_change change);
/* Takes what is there; whether an event of this type was among it. */
bool fx_got(synctv_stream *stream, synctv_event_type type);
bool fx_got_change(synctv_stream *stream, synctv_member_change change);
/* Takes what is left and returns with what the stream ended; waits 30 s. */
int fx_end_of(synctv_stream *stream);

/* --- time --- */

/* Runs what is due. */
void fx_turn(void);
/* So much time passes; runs what is due then. */
void fx_pass_ms(int64_t ms);
/* So much time passes; nothing of what is due is run yet. */
void fx_pass_unseen_ms(int64_t ms);
/* The clock of the machine is set; a second later the node has seen it. */
void fx_step_clock_ms(int64_t ms);
/* Waits until storage has done what it was asked for until now. */
void fx_settle(void);

/* --- behind the scenes --- */

/* Makes the node forget the room, so that the next one who asks for it loads it again. Nobody may
 * follow it. */
void fx_forget_rooms(void);
/* A loaded room must have the members and movies that storage has. */
void fx_check_memory(const char *room_id);

#endif
