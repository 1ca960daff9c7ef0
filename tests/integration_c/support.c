/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_KEPT 4096
#define MAX_PEOPLE 128
#define MAX_SERVERS 4

synctv_error error;

static char directory[64];
static struct server *servers[MAX_SERVERS];
static unsigned n_servers;
static struct person *people[MAX_PEOPLE];
static unsigned n_people;
static struct {
    const synctv_event *event;
    const synctv_result *result;
    char *text;
} kept[MAX_KEPT];
static unsigned n_kept;
struct certificates certificates;
static pthread_mutex_t token_lock = PTHREAD_MUTEX_INITIALIZER;

/* --- what lives until the end --- */

static const char *keep_text(const char *text)
{
    ck_assert_uint_lt(n_kept, MAX_KEPT);
    return kept[n_kept++].text = strdup(text);
}

static const synctv_event *keep_event(const synctv_event *event)
{
    ck_assert_uint_lt(n_kept, MAX_KEPT);
    return kept[n_kept++].event = event;
}

const synctv_result *keep_result(const synctv_result *result)
{
    ck_assert_uint_lt(n_kept, MAX_KEPT);
    return kept[n_kept++].result = result;
}

void support_begin(void)
{
    strcpy(directory, "/tmp/synctv-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    n_servers = n_people = n_kept = 0;
}

void support_end(void)
{
    while (n_people > 0) {
        person_close(people[n_people - 1]);
        free(people[--n_people]);
    }
    while (n_kept > 0) {
        n_kept--;
        synctv_event_unref(kept[n_kept].event);
        synctv_result_unref(kept[n_kept].result);
        free(kept[n_kept].text);
        memset(&kept[n_kept], 0, sizeof(kept[n_kept]));
    }
    for (unsigned i = 0; i < n_servers; i++) {
        if (servers[i]->pid != 0)
            server_stop(servers[i]);
    }
    run_in("/", "rm", "-rf", directory, NULL);
}

const char *temp_path(const char *name)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    return keep_text(path);
}

void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void sleep_ms(long ms)
{
    struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
    while (nanosleep(&t, &t) < 0 && errno == EINTR)
        ;
}

/* --- processes --- */

/* A child that ends when we do. */
static pid_t child(void)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(127);
        int null = open("/dev/null", O_RDONLY);
        dup2(null, STDIN_FILENO);
    }
    return pid;
}

static void redirect(int fd, const char *path)
{
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (file < 0 || dup2(file, fd) < 0)
        _exit(127);
}

/* The exit status, or 1000 + the signal; -1 when it does not end in time. */
static int wait_for_end(pid_t pid)
{
    int status;
    for (long left = WAIT_MS / 10; left > 0; left--) {
        if (waitpid(pid, &status, WNOHANG) == pid)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
        sleep_ms(10);
    }
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    return -1;
}

void run_in(const char *folder, const char *program, ...)
{
    const char *arguments[32] = { program };
    unsigned n = 1;
    va_list list;
    va_start(list, program);
    while (n < 31 && (arguments[n] = va_arg(list, const char *)) != NULL)
        n++;
    va_end(list);
    pid_t pid = child();
    if (pid == 0) {
        redirect(STDOUT_FILENO, "/dev/null");
        redirect(STDERR_FILENO, "/dev/null");
        if (chdir(folder) < 0)
            _exit(127);
        execvp(program, (char *const *)arguments);
        _exit(127);
    }
    int status = wait_for_end(pid);
    ck_assert_msg(status == 0, "%s ended with %d", program, status);
}

/* --- servers --- */

static const char *server_binary(void)
{
    const char *path = getenv("SYNCTV_SERVER");
    ck_assert_msg(path != NULL, "SYNCTV_SERVER names the server's program");
    return path;
}

static const char *const no_limits[] = {
    "LIMITS__LOGIN_PER_MINUTE=0",
    "LIMITS__LOGIN_PER_MINUTE_PER_ADDRESS=0",
    "LIMITS__REGISTER_PER_HOUR=0",
    "LIMITS__HASH_PER_MINUTE=0",
    "LIMITS__CALLS_PER_SECOND=0",
    "LIMITS__CHAT_PER_SECOND=0",
    "LIMITS__DANMAKU_PER_SECOND=0",
    "LIMITS__ROOM_DANMAKU_PER_SECOND=0",
    "LIMITS__CONTROL_PER_SECOND=0",
};

void server_set(struct server *server, const char *setting)
{
    ck_assert_uint_lt(server->n_environment, 24);
    int len = snprintf(server->environment[server->n_environment++], 96, "SYNCTV__%s", setting);
    ck_assert_int_lt(len, 96);
}

void server_init(struct server *server)
{
    memset(server, 0, sizeof(*server));
    for (unsigned i = 0; i < sizeof(no_limits) / sizeof(no_limits[0]); i++)
        server_set(server, no_limits[i]);
    strcpy(server->db, "memory:");
    snprintf(server->ready, sizeof(server->ready), "%s/ready-%u", directory, n_servers);
    snprintf(server->log, sizeof(server->log), "%s/log-%u", directory, n_servers);
    ck_assert_uint_lt(n_servers, MAX_SERVERS);
    servers[n_servers++] = server;
}

void server_keep(struct server *server)
{
    snprintf(server->db, sizeof(server->db), "sqlite:%s/server.db", directory);
}

void server_add_user(struct server *server, const char *name, const char *role)
{
    const char *file = temp_path("password");
    write_file(file, PASSWORD "\n");
    run_in(directory, server_binary(), "user", "add", name, "--role", role, "--create",
        "--password-file", file, "--db", server->db, NULL);
}

static void show_log(const struct server *server)
{
    FILE *log = fopen(server->log, "r");
    char line[512];
    while (log != NULL && fgets(line, sizeof(line), log) != NULL)
        fprintf(stderr, "server: %s", line);
    if (log != NULL)
        fclose(log);
}

/* Whether the ready line is there; it says where. */
static bool is_ready(struct server *server)
{
    char line[512] = "";
    FILE *ready = fopen(server->ready, "r");
    if (ready == NULL)
        return false;
    bool whole = fgets(line, sizeof(line), ready) != NULL && strchr(line, '\n') != NULL;
    fclose(ready);
    return whole && sscanf(line, "ready grpc=127.0.0.1:%d ", &server->port) == 1;
}

void server_start(struct server *server)
{
    char listen[32];
    snprintf(listen, sizeof(listen), "127.0.0.1:%d", server->port);
    unlink(server->ready);
    const char *binary = server_binary();
    server->pid = child();
    if (server->pid == 0) {
        redirect(STDOUT_FILENO, server->ready);
        redirect(STDERR_FILENO, server->log);
        for (unsigned i = 0; i < server->n_environment; i++)
            putenv(server->environment[i]);
        execl(binary, binary, "--listen", listen, "--db", server->db, NULL);
        _exit(127);
    }
    for (long left = WAIT_MS / 10; left > 0 && !is_ready(server); left--) {
        if (waitpid(server->pid, NULL, WNOHANG) == server->pid) {
            server->pid = 0;
            show_log(server);
            ck_abort_msg("the server did not start");
        }
        sleep_ms(10);
    }
    ck_assert_int_ne(server->port, 0);
    snprintf(server->address, sizeof(server->address), "127.0.0.1:%d", server->port);
}

void server_stop(struct server *server)
{
    kill(server->pid, SIGTERM);
    int status = wait_for_end(server->pid);
    server->pid = 0;
    if (status != 0)
        show_log(server);
    ck_assert_msg(status == 0, "the server ended with %d", status);
}

void server_kill(struct server *server)
{
    kill(server->pid, SIGKILL);
    wait_for_end(server->pid);
    server->pid = 0;
}

void server_freeze(struct server *server, bool freeze)
{
    int status;
    kill(server->pid, freeze ? SIGSTOP : SIGCONT);
    if (freeze) /* it may still answer until it has heard of it */
        ck_assert_int_eq(waitpid(server->pid, &status, WUNTRACED), server->pid);
}

/* --- certificates --- */

static char certificates_dir[64];

static void certificate_path(char *out, const char *name, const char *suffix)
{
    snprintf(out, 96, "%s/%s%s", certificates_dir, name, suffix);
}

static void make_authority(const char *name)
{
    char key[96], file[96];
    certificate_path(key, name, ".key");
    certificate_path(file, name, ".pem");
    run_in("/", "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
        "-nodes", "-keyout", key, "-out", file, "-days", "2", "-subj", "/CN=an authority", NULL);
}

/* Signed by "ca". */
static void make_certificate(const char *name, const char *alternatives)
{
    char key[96], file[96], request[96], extensions[96], subject[64], ca_key[96];
    certificate_path(ca_key, "ca", ".key");
    certificate_path(key, name, ".key");
    certificate_path(file, name, ".pem");
    certificate_path(request, name, ".csr");
    certificate_path(extensions, name, ".ext");
    write_file(extensions, alternatives);
    snprintf(subject, sizeof(subject), "/CN=%s", name);
    run_in("/", "openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-keyout", key, "-out", request, "-subj", subject, NULL);
    run_in("/", "openssl", "x509", "-req", "-in", request, "-CA", certificates.ca, "-CAkey", ca_key,
        "-CAcreateserial", "-days", "2", "-extfile", extensions, "-out", file, NULL);
}

void certificates_make(void)
{
    struct certificates *c = &certificates;
    strcpy(certificates_dir, "/tmp/synctv-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(certificates_dir));
    certificate_path(c->ca, "ca", ".pem");
    certificate_path(c->server, "server", ".pem");
    certificate_path(c->server_key, "server", ".key");
    certificate_path(c->client, "client", ".pem");
    certificate_path(c->client_key, "client", ".key");
    certificate_path(c->other_ca, "other", ".pem");
    certificate_path(c->other_key, "other", ".key");
    make_authority("ca");
    make_authority("other");
    make_certificate("server", "subjectAltName=DNS:watch.example\n");
    make_certificate("client", "subjectAltName=DNS:client.example\n");
}

void certificates_remove(void)
{
    run_in("/", "rm", "-rf", certificates_dir, NULL);
}

void server_use_tls(struct server *server, bool client_certificates)
{
    char setting[sizeof(certificates) + 32];
    const struct certificates *c = &certificates;
    server->tls = true;
    server->mutual_tls = client_certificates;
    snprintf(setting, sizeof(setting), "TLS__CERT=%s", c->server);
    server_set(server, setting);
    snprintf(setting, sizeof(setting), "TLS__KEY=%s", c->server_key);
    server_set(server, setting);
    snprintf(setting, sizeof(setting), "TLS__CLIENT_CA=%s", c->ca);
    if (client_certificates)
        server_set(server, setting);
}

/* --- people --- */

static void on_token(void *userdata, const char *refresh_token, const char *access_token)
{
    struct person *person = userdata;
    pthread_mutex_lock(&token_lock);
    snprintf(person->refresh_token, sizeof(person->refresh_token), "%s", refresh_token);
    person->n_tokens++;
    pthread_mutex_unlock(&token_lock);
}

void person_copy_token(struct person *person, char *out, size_t size)
{
    pthread_mutex_lock(&token_lock);
    snprintf(out, size, "%s", person->refresh_token);
    pthread_mutex_unlock(&token_lock);
}

bool person_has_token(struct person *person)
{
    char token[128];
    person_copy_token(person, token, sizeof(token));
    return token[0] != '\0';
}

void person_wait_tokens(struct person *person, int n)
{
    int told = 0;
    for (long left = WAIT_MS / 10; left > 0 && told < n; left--) {
        pthread_mutex_lock(&token_lock);
        told = person->n_tokens;
        pthread_mutex_unlock(&token_lock);
        if (told < n)
            sleep_ms(10);
    }
    ck_assert_int_ge(told, n);
}

void client_options(const struct server *server, synctv_client_options *ret_options)
{
    synctv_client_options_init(ret_options);
    ret_options->address = server->address;
    ret_options->connect_timeout_ms = WAIT_MS;
    ret_options->tls = server->tls;
    if (server->tls) {
        ret_options->tls_ca_file = certificates.ca;
        ret_options->tls_server_name = "watch.example";
    }
    if (server->mutual_tls) {
        ret_options->tls_cert_file = certificates.client;
        ret_options->tls_key_file = certificates.client_key;
    }
}

struct person *person_of(synctv_client *client, synctv_caller *caller)
{
    ck_assert_uint_lt(n_people, MAX_PEOPLE);
    struct person *person = calloc(1, sizeof(*person));
    ck_assert_ptr_nonnull(person);
    people[n_people++] = person;
    person->client = client;
    person->me = caller;
    if (caller != NULL)
        person->id = keep_text(synctv_caller_user_id(caller));
    return person;
}

struct person *person_connect_with(synctv_client_options *options)
{
    struct person *person = person_of(NULL, NULL);
    options->token = on_token;
    options->userdata = person;
    assert_ok(synctv_client_connect(options, &person->client, &error));
    return person;
}

struct person *person_connect(const struct server *server)
{
    synctv_client_options options;
    client_options(server, &options);
    return person_connect_with(&options);
}

static void signed_in(struct person *person)
{
    person->me = synctv_client_caller(person->client);
    person->id = keep_text(synctv_caller_user_id(person->me));
    ck_assert_uint_eq(strlen(person->id), SYNCTV_ID_LEN);
}

struct person *person_new(const struct server *server, const char *name)
{
    struct person *person = person_connect(server);
    assert_ok(synctv_client_register(person->client, name, PASSWORD, "", NULL, &error));
    signed_in(person);
    return person;
}

struct person *person_login(const struct server *server, const char *name)
{
    struct person *person = person_connect(server);
    assert_ok(synctv_client_login(person->client, name, PASSWORD, NULL, &error));
    signed_in(person);
    return person;
}

void person_close(struct person *person)
{
    synctv_stream_close(person->stream);
    synctv_caller_unref(person->me);
    synctv_client_close(person->client);
    person->stream = NULL;
    person->me = NULL;
    person->client = NULL;
}

/* --- rooms --- */

const char *new_room(struct person *creator)
{
    const synctv_result *result;
    assert_ok(synctv_room_create(creator->me, "a room", NULL, &result, &error));
    return keep_result(result)->room->id;
}

void join(struct person *person, const char *room_id)
{
    assert_ok(synctv_room_join(person->me, room_id, NULL, NULL, &error));
}

const char *new_movie(struct person *person, const char *room_id, double duration_s)
{
    const synctv_movie movie = {
        .name = "a movie",
        .type = SYNCTV_MOVIE_TYPE_URL,
        .url = "https://example.org/movie.mp4",
        .duration_s = duration_s,
    };
    const synctv_result *result;
    assert_ok(synctv_playlist_add(person->me, room_id, &movie, &result, &error));
    return keep_result(result)->movie->id;
}

struct scene scene(const struct server *server)
{
    struct scene s = { .host = person_new(server, "host"), .guest = person_new(server, "guest") };
    s.room_id = new_room(s.host);
    s.movie_id = new_movie(s.host, s.room_id, 600);
    assert_ok(synctv_playlist_set_current(s.host->me, s.room_id, s.movie_id, NULL, NULL, &error));
    join(s.guest, s.room_id);
    return s;
}

/* --- calls --- */

void check_code(const char *file, int line, int rv, int code)
{
    if (rv == code || (code == 0 && rv > 0))
        return;
    const char *message = rv < 0 && error.code == rv ? error.message : "";
    fprintf(stderr, "%s:%d: %s instead of %s; %s\n", file, line, synctv_error_reason(rv),
        synctv_error_reason(code), message);
    ck_abort_msg("%s:%d: %s instead of %s; %s", file, line, synctv_error_reason(rv),
        synctv_error_reason(code), message);
}

void take_answer(void *userdata, const synctv_result *result)
{
    struct answers *answers = userdata;
    pthread_mutex_lock(&answers->lock);
    if (answers->n < MAX_ANSWERS)
        answers->results[answers->n++] = synctv_result_ref(result);
    pthread_mutex_unlock(&answers->lock);
}

const synctv_result *next_answer(struct answers *answers)
{
    const synctv_result *result = NULL;
    for (long left = WAIT_MS / 5; left > 0 && result == NULL; left--) {
        pthread_mutex_lock(&answers->lock);
        if (answers->taken < answers->n)
            result = answers->results[answers->taken++];
        pthread_mutex_unlock(&answers->lock);
        if (result == NULL)
            sleep_ms(5);
    }
    ck_assert_ptr_nonnull(result);
    return keep_result(result);
}

/* --- streams --- */

/* The next event, or 0 with what the stream ended in *ret_end (0 = the time is over). */
static const synctv_event *next(synctv_stream *stream, long until_ms, int *ret_end)
{
    const synctv_event *event = NULL;
    long left_ms = until_ms - now_ms();
    int rv = synctv_stream_next(stream, left_ms > 0 ? (int)left_ms : 0, &event, &error);
    *ret_end = rv < 0 ? rv : 0;
    return rv == 1 ? keep_event(event) : NULL;
}

static const synctv_event *must_come(synctv_stream *stream, long until_ms)
{
    int end;
    const synctv_event *event = next(stream, until_ms, &end);
    ck_assert_msg(event != NULL, "instead of an event: %s", end < 0 ? error.message : "nothing");
    return event;
}

const synctv_event *expect(synctv_stream *stream, synctv_event_type type)
{
    long until_ms = now_ms() + WAIT_MS;
    const synctv_event *event;
    do
        event = must_come(stream, until_ms);
    while (event->type != type);
    return event;
}

const synctv_event *expect_state(synctv_stream *stream, synctv_state_cause cause)
{
    const synctv_event *event;
    do
        event = expect(stream, SYNCTV_EVENT_STATE);
    while (event->state->cause != cause);
    return event;
}

const synctv_event *expect_change(synctv_stream *stream, synctv_member_change change)
{
    const synctv_event *event;
    do
        event = expect(stream, SYNCTV_EVENT_MEMBER);
    while (event->change != change);
    return event;
}

const synctv_event *expect_now(synctv_stream *stream, synctv_event_type type)
{
    const synctv_event *event = must_come(stream, now_ms() + WAIT_MS);
    ck_assert_int_eq(event->type, type);
    return event;
}

int expect_end(synctv_stream *stream)
{
    long until_ms = now_ms() + WAIT_MS;
    int end;
    while (next(stream, until_ms, &end) != NULL)
        ;
    return end;
}

bool comes(synctv_stream *stream, synctv_event_type type, int within_ms)
{
    long until_ms = now_ms() + within_ms;
    int end;
    for (const synctv_event *event; (event = next(stream, until_ms, &end)) != NULL;) {
        if (event->type == type)
            return true;
    }
    return false;
}

const synctv_event *follow(struct person *person, const char *room_id)
{
    const synctv_stream_options options = SYNCTV_STREAM_OPTIONS(.room_id = room_id);
    assert_ok(synctv_stream_open(person->me, &options, &person->stream, &error));
    if (person->client != NULL)
        expect_now(person->stream, SYNCTV_EVENT_CONNECTED);
    const synctv_event *event = expect_now(person->stream, SYNCTV_EVENT_STATE);
    ck_assert_int_eq(event->state->cause, SYNCTV_STATE_CAUSE_SNAPSHOT);
    return event;
}
