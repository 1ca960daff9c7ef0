/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the client share: a synctv-server in a process of its own (its path is in the
 * environment, SYNCTV_SERVER), people with connections to it, and waiting for what streams tell.
 * Waits are for events and have a deadline. What is handed out belongs to the fixture and lives
 * until support_end().
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
#define WAIT_MS 20000 /* for any one event, on a busy machine and under a sanitizer */

/* A checked fixture. The end stops what still runs and fails the test if a server ended badly. */
void support_begin(void);
void support_end(void);
/* In the test's own directory. Lives until the end. */
const char *temp_path(const char *name);
void write_file(const char *path, const char *text);
/* Runs a program to its end in this directory; fails the test if that ends badly. */
void run_in(const char *folder, const char *program, ...) __attribute__((sentinel));

long now_ms(void);
void sleep_ms(long ms);

/* --- a server --- */

struct server {
    int pid; /* 0 = not running */
    int port;
    char address[32];
    bool tls, mutual_tls;
    char db[256], ready[256], log[256];
    char environment[24][96];
    unsigned n_environment;
};

/* Over memory, without limits of rate; settings as "SECTION__KEY=value" before it starts. */
void server_init(struct server *server);
void server_set(struct server *server, const char *setting);
/* Keeps its data, so that it can start again. */
void server_keep(struct server *server);
/* An account made by its administrator, while it runs or not. Needs server_keep(). */
void server_add_user(struct server *server, const char *name, const char *role);
/* Waits until it is ready; at the port it had before, if it had one. */
void server_start(struct server *server);
void server_stop(struct server *server); /* in good order, or the test fails */
void server_kill(struct server *server);
/* Stops it in its tracks: it is there and does not answer. */
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
    synctv_client *client; /* NULL for those of an embedded node */
    synctv_caller *me;
    const char *id;
    synctv_stream *stream;   /* closed at the end */
    char refresh_token[128]; /* the last one told; "" after the session */
    int tokens_told;
};

/* For the server; connect as you like, then. */
void client_options(const struct server *server, synctv_client_options *ret_options);
/* A connection, not signed in. The options' token function is ours. */
struct person *person_connect(const struct server *server);
struct person *person_connect_with(synctv_client_options *options);
/* Registered, too. */
struct person *person_new(const struct server *server, const char *name);
/* Signed in. */
struct person *person_login(const struct server *server, const char *name);
/* Somebody of this caller, which is taken over; `client` may be NULL. */
struct person *person_of(synctv_client *client, synctv_caller *caller);
void person_close(struct person *person); /* before the end */
/* What the token function heard; waits until it was called `n` times at least. */
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

extern synctv_error error; /* of the last call */
/* Codes are compared by their names, so that a failure is readable. Code 0 is any success. */
#define assert_code(rv, code) check_code(__FILE__, __LINE__, (rv), (code))
#define assert_ok(rv) check_code(__FILE__, __LINE__, (rv), 0)
void check_code(const char *file, int line, int rv, int code);
/* Keeps the result until the end. */
const synctv_result *keep_result(const synctv_result *result);

/*
 * What comes of synctv_call(caller, request, take_answer, &answers), in the order in which it
 * comes.
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
/* The next event of this type, those before it skipped; kept until the end. */
const synctv_event *expect(synctv_stream *stream, synctv_event_type type);
const synctv_event *expect_state(synctv_stream *stream, synctv_state_cause cause);
const synctv_event *expect_change(synctv_stream *stream, synctv_member_change change);
/* The very next one. */
const synctv_event *expect_now(synctv_stream *stream, synctv_event_type type);
/* Takes what is left and returns with what the stream ended. */
int expect_end(synctv_stream *stream);
/* Whether within this time an event of this type comes. */
bool comes(synctv_stream *stream, synctv_event_type type, int within_ms);

#endif
