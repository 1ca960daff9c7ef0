/* SPDX-License-Identifier: MIT */
/*
 * A program with an event loop of its own that has a whole node inside: no network, no thread of
 * the node calls back. The loop sleeps in poll(2) on a timer, a pipe and the node's descriptor, and
 * lets the node run with synctv_node_poll(). Two people make a room, watch a movie and talk.
 */
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <synctv/synctv.h>

#define TICK_MS 100
#define GIVE_UP_MS 10000

struct person {
    const char *name;
    synctv_caller *caller;
    synctv_stream *stream;
    /* The stream has something to take. */
    bool ready;
    bool heard, saw_pause;
};

struct program {
    synctv_node *node;
    struct person alice, bob;
    char room_id[SYNCTV_ID_LEN + 1];
    /* Fires each TICK_MS, as a toolkit's timers would. */
    int timer;
    /* A pipe: work of the program itself; here the script. */
    int work[2];
    int step;
    bool done;
};

static void check(int rv, const synctv_error *error, const char *what)
{
    if (rv >= 0)
        return;
    fprintf(stderr, "%s: %s (%s)\n", what, error->message, synctv_error_reason(error->code));
    exit(EXIT_FAILURE);
}

/* ---- the blocking functions need no loop ---- */

static void make_person(struct program *p, struct person *person, const char *name)
{
    const synctv_result *user = NULL;
    synctv_error error;
    person->name = name;
    check(synctv_node_user_add(p->node, name, "correct horse battery", "", SYNCTV_USER_ROLE_USER,
              &user, &error),
        &error, "user");
    check(synctv_node_as_user(p->node, user->user->id, &person->caller, &error), &error, "caller");
    synctv_result_unref(user);
}

static void make_room(struct program *p)
{
    const synctv_result *result = NULL;
    synctv_error error;
    check(synctv_room_create(p->alice.caller, "film night", NULL, &result, &error), &error, "room");
    snprintf(p->room_id, sizeof(p->room_id), "%s", result->room->id);
    synctv_result_unref(result);

    check(synctv_room_join(p->bob.caller, p->room_id, NULL, NULL, &error), &error, "join");

    synctv_movie movie = {
        .name = "Big Buck Bunny",
        .url = "https://movies.example/big_buck_bunny.mp4",
        .type = SYNCTV_MOVIE_TYPE_URL,
        .duration_s = 596,
    };
    check(synctv_playlist_add(p->alice.caller, p->room_id, &movie, &result, &error), &error,
        "movie");
    check(synctv_playlist_set_current(p->alice.caller, p->room_id, result->movie->id, NULL, NULL,
              &error),
        &error, "current movie");
    synctv_result_unref(result);
}

/* ---- events: ready() comes inside synctv_node_poll(), the events are taken after it ---- */

static void on_ready(void *userdata, synctv_stream *stream)
{
    struct person *person = userdata;
    (void)stream;
    person->ready = true;
}

static void open_stream(struct program *p, struct person *person)
{
    synctv_stream_options options =
        SYNCTV_STREAM_OPTIONS(.room_id = p->room_id, .ready = on_ready, .userdata = person);
    synctv_error error;
    check(synctv_stream_open(person->caller, &options, &person->stream, &error), &error, "stream");
}

static void show(struct program *p, struct person *person, const synctv_event *event)
{
    switch (event->type) {
    case SYNCTV_EVENT_STATE:
        printf("%-5s sees: %s at %.1f s\n", person->name,
            event->state->status == SYNCTV_PLAYBACK_STATUS_PLAYING ? "playing" : "paused",
            synctv_playback_position(event->state, synctv_node_now_ms(p->node), 0));
        person->saw_pause = event->state->cause == SYNCTV_STATE_CAUSE_PAUSE;
        break;
    case SYNCTV_EVENT_CHAT:
        printf("%-5s reads: <%s> %s\n", person->name, event->chat->username, event->chat->content);
        person->heard = true;
        break;
    case SYNCTV_EVENT_MEMBER:
        printf("%-5s hears of %s\n", person->name, event->member->username);
        break;
    case SYNCTV_EVENT_ERROR:
        printf("%-5s is refused: %s\n", person->name, event->error->message);
        break;
    default:
        break; /* what this program does not show */
    }
}

static void take_events(struct program *p, struct person *person)
{
    const synctv_event *event = NULL;
    synctv_error error;
    int rv;
    if (!person->ready)
        return;
    person->ready = false;
    while ((rv = synctv_stream_next(person->stream, 0, &event, &error)) == 1) {
        show(p, person, event);
        synctv_event_unref(event);
    }
    check(rv, &error, "stream");
}

/* ---- an asynchronous call: its answer comes inside synctv_node_poll(), or at once ---- */

static void on_played(void *userdata, const synctv_result *result)
{
    (void)userdata;
    if (result->code < 0)
        fprintf(stderr, "play: %s\n", result->error->message);
    else
        printf("alice has pressed play\n");
}

static void next_step(struct program *p)
{
    synctv_error error;
    synctv_request request = SYNCTV_REQUEST(SYNCTV_METHOD_PLAY, .room_id = p->room_id);
    switch (p->step++) {
    case 0:
        synctv_call(p->alice.caller, &request, on_played, NULL);
        break;
    case 1:
        check(synctv_chat_send(p->bob.stream, NULL, "wait, the popcorn!", "bob-1", &error), &error,
            "chat");
        break;
    case 2:
        request.method = SYNCTV_METHOD_PAUSE;
        check(synctv_stream_send(p->alice.stream, &request, &error), &error, "pause");
        break;
    default:
        p->done = p->alice.heard && p->bob.heard && p->alice.saw_pause && p->bob.saw_pause;
        break;
    }
}

/* ---- the loop ---- */

static void drain(int fd)
{
    char buf[64];
    if (read(fd, buf, sizeof(buf)) < 0)
        perror("read");
}

static void run(struct program *p)
{
    struct pollfd fds[] = {
        { .fd = p->timer, .events = POLLIN },
        { .fd = p->work[0], .events = POLLIN },
        { .fd = synctv_node_wake_fd(p->node), .events = POLLIN },
    };
    for (int ticks = 0; !p->done && ticks < GIVE_UP_MS / TICK_MS;) {
        if (poll(fds, 3, synctv_node_timeout_ms(p->node)) < 0)
            break;
        if (fds[1].revents & POLLIN) {
            drain(p->work[0]);
            next_step(p);
        }
        if (fds[0].revents & POLLIN) {
            drain(p->timer);
            ticks++;
            if (write(p->work[1], "x", 1) != 1)
                break;
        }
        synctv_error error = { 0 };
        check(synctv_node_poll(p->node, 0), &error, "poll");
        take_events(p, &p->alice);
        take_events(p, &p->bob);
    }
}

static void print_log(void *userdata, synctv_log_level level, const char *area, const char *message)
{
    (void)userdata, (void)level;
    fprintf(stderr, "[%s] %s\n", area, message);
}

int main(void)
{
    struct program program = { 0 };
    struct program *p = &program;
    struct itimerspec each_tick = {
        .it_interval.tv_nsec = TICK_MS * 1000000L,
        .it_value.tv_nsec = TICK_MS * 1000000L,
    };
    p->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    if (p->timer < 0 || timerfd_settime(p->timer, 0, &each_tick, NULL) < 0 || pipe(p->work) < 0) {
        perror("embed_node");
        return EXIT_FAILURE;
    }

    synctv_node_options options;
    synctv_error error;
    synctv_node_options_init(&options);
    options.db_url = "memory:"; /* "sqlite:party.db" keeps everything */
    options.threads = 0;
    options.log = print_log;
    options.log_level = SYNCTV_LOG_WARN;
    check(synctv_node_open(&options, &p->node, &error), &error, "node");

    make_person(p, &p->alice, "alice");
    make_person(p, &p->bob, "bob");
    make_room(p);
    open_stream(p, &p->alice);
    open_stream(p, &p->bob);
    run(p);

    synctv_stream_close(p->alice.stream);
    synctv_stream_close(p->bob.stream);
    synctv_caller_unref(p->alice.caller);
    synctv_caller_unref(p->bob.caller);
    synctv_node_stop(p->node, 1000);
    synctv_node_free(p->node);
    close(p->timer);
    close(p->work[0]);
    close(p->work[1]);
    puts(p->done ? "the end" : "something did not come");
    return p->done ? EXIT_SUCCESS : EXIT_FAILURE;
}
