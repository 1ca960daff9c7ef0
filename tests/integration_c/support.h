/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the client share: a synctv-server in a process of its own (the environment
 * variable SYNCTV_SERVER is its path), people with connections to it, and waiting for events of
 * streams. Each wait has a deadline. What these functions return lives until support_end().
 */
#ifndef INTEGRATION_C_SUPPORT_H
#define INTEGRATION_C_SUPPORT_H

#include <check.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <synctv/synctv.h>

#define PASSWORD "correct horse"
/* The deadline of each wait: long enough for a busy machine and a sanitizer. */
#define WAIT_MS 20000

/* A checked fixture. The end stops what still runs and fails the test if a server has failed. */
void support_begin(void);
void support_end(void);
/* In the test's own directory. Lives until the end. */
const char *temp_path(const char *name);
void write_file(const char *path, const char *text);
/* Runs a program in this directory and waits for its end; fails the test if the program fails. */
void run_in(const char *folder, const char *program, ...) __attribute__((sentinel));

long now_ms(void);
void sleep_ms(long ms);

/* --- a server --- */

struct server {
    /* 0 = not running. */
    int pid;
    int port;
    char address[32];
    bool tls, mutual_tls;
    char db[256], ready[256], log[256];
    char environment[24][96];
    unsigned n_environment;
};

/* A server over memory, without limits of rates. */
void server_init(struct server *server);
/* A setting, "SECTION__KEY=value". Before it starts. */
void server_set(struct server *server, const char *setting);
/* Keeps its data, so that it can start again. */
void server_keep(struct server *server);
/* Makes an account, whether the server runs or not. Needs server_keep(). */
void server_add_user(struct server *server, const char *name, const char *role);
/* Waits until it is ready. A server that is started again has the same port. */
void server_start(struct server *server);
/* Fails the test if the server does not end in order. */
void server_stop(struct server *server);
void server_kill(struct server *server);
/* SIGSTOP and SIGCONT: a frozen server is connected but does not answer. */
void server_freeze(struct server *server, bool freeze);

/*
 * Paths of PEM files: of an authority, of a server "watch.example", of a client; of another
 * authority.
 */
struct certificates {
    char ca[96], server[96], server_key[96], client[96], client_key[96], other_ca[96],
        other_key[96];
};
extern struct certificates certificates;
/* An unchecked fixture: once for all tests. */
void certificates_make(void);
void certificates_remove(void);
void server_use_tls(struct server *server, bool client_certificates);

/* --- people --- */

struct person {
    /* NULL for callers of an embedded node. */
    synctv_client *client;
    synctv_caller *me;
    const char *id;
    /* Closed by support_end(). */
    synctv_stream *stream;
    /* What the token function got last, and how often it was called. "" = the session has ended. */
    char refresh_token[128];
    int n_tokens;
};

/* Options that connect to this server. Change them as you like. */
void client_options(const struct server *server, synctv_client_options *ret_options);
/* Connected, but not signed in. The options' token function is replaced. */
struct person *person_connect(const struct server *server);
struct person *person_connect_with(synctv_client_options *options);
/* Connected and registered. */
struct person *person_new(const struct server *server, const char *name);
/* Connected and signed in. */
struct person *person_login(const struct server *server, const char *name);
/* Takes `caller`; `client` may be NULL. */
struct person *person_of(synctv_client *client, synctv_caller *caller);
/* Closes the person's stream and client before support_end() does. */
void person_close(struct person *person);
/* Waits until the token function was called `n` times at least. */
void person_wait_tokens(struct person *person, int n);
bool person_has_token(struct person *person);
void person_copy_token(struct person *person, char *out, size_t size);

/* --- rooms --- */

const char *new_room(struct person *creator);
void join(struct person *person, const char *room_id);
const char *new_movie(struct person *person, const char *room_id, double duration_s);
/* A room with a creator, a current movie of 600 s (paused at 0), and a member. */
struct scene {
    struct person *host, *guest;
    const char *room_id, *movie_id;
};
struct scene scene(const struct server *server);

/* --- calls --- */

/* Of the last call. */
extern synctv_error error;
/* Codes are compared by their names, so that a failure is readable. Code 0 is any success. */
#define assert_code(rv, code) check_code(__FILE__, __LINE__, (rv), (code))
#define assert_ok(rv) check_code(__FILE__, __LINE__, (rv), 0)
void check_code(const char *file, int line, int rv, int code);
/* Keeps the result until the end. */
const synctv_result *keep_result(const synctv_result *result);

/*
 * The results of synctv_call(caller, request, take_answer, &answers), in the order in which they
 * come.
 */
#define MAX_ANSWERS 256
struct answers {
    pthread_mutex_t lock;
    const synctv_result *results[MAX_ANSWERS];
    int n, taken;
};
#define ANSWERS                                                                                    \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER                                                          \
    }
void take_answer(void *userdata, const synctv_result *result);
const synctv_result *next_answer(struct answers *answers);

/* --- streams --- */

/*
 * Opens person->stream and takes CONNECTED (of a client) and SNAPSHOT. room_id NULL = all. Returns
 * the snapshot.
 */
const synctv_event *follow(struct person *person, const char *room_id);
/* Waits for an event of this type and skips others. */
const synctv_event *expect(synctv_stream *stream, synctv_event_type type);
const synctv_event *expect_state(synctv_stream *stream, synctv_state_cause cause);
const synctv_event *expect_change(synctv_stream *stream, synctv_member_change change);
/* The next event must be of this type. */
const synctv_event *expect_now(synctv_stream *stream, synctv_event_type type);
/* Skips all events and returns the code with which the stream ends. */
int expect_end(synctv_stream *stream);
/* Whether an event of this type comes within this time. */
bool comes(synctv_stream *stream, synctv_event_type type, int within_ms);

#endif
