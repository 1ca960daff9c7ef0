/* SPDX-License-Identifier: MIT */
/*
 * A host and some viewers watch a movie together. Each has a connection of its own to the server,
 * as if they were on different machines. The host plays, seeks and changes the speed. Each viewer
 * follows the room by a stream and asks where the movie is now, as a player does for each picture.
 * Prints each second where everyone is, and how far they are apart.
 *
 *     watch_party [ADDRESS [VIEWERS]]
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <synctv/synctv.h>

#define PASSWORD "correct horse"
#define DURATION_S 596
#define MAX_VIEWERS 100
#define SHOWN_VIEWERS 8
#define TICK_MS 20
#define PATIENCE_MS 30000
#define ROWS 7
#define MAX_SPREAD_MS 100
#define MAX_RATE 1.5

/* Somebody with a connection: the host, or a viewer. */
struct person {
    synctv_client *client;
    synctv_caller *me;
    synctv_stream *stream;
    const synctv_event *latest; /* the event with the newest state; NULL = none came yet */
};

struct party {
    struct person host;
    struct person viewers[MAX_VIEWERS];
    int n_viewers;
    char room_id[SYNCTV_ID_LEN + 1];
    char movie_id[SYNCTV_ID_LEN + 1];
    const char *did;  /* by the host, since the last row */
    uint64_t version; /* of the state that the host made last */
    double worst_spread_ms;
    bool apart; /* by more than what they do not know of the clock */
    bool all_saw_a_state;
};

static void check(int rv, const synctv_error *error, const char *what)
{
    if (rv >= 0)
        return;
    fprintf(stderr, "%s: %s (%s)\n", what, error->message, synctv_error_reason(rv));
    exit(EXIT_FAILURE);
}

static long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000L + t.tv_nsec / 1000000;
}

static void sleep_ms(long ms)
{
    struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
    nanosleep(&t, NULL);
}

/* ---- everybody comes in ---- */

static void sign_in(struct person *p, const char *address, const char *username)
{
    synctv_error error;
    synctv_client_options options;
    synctv_client_options_init(&options);
    options.address = address;
    check(synctv_client_connect(&options, &p->client, &error), &error, "connect");

    int rv = synctv_client_register(p->client, username, PASSWORD, "", NULL, &error);
    if (rv == SYNCTV_E_USERNAME_TAKEN) /* from an earlier party */
        rv = synctv_client_login(p->client, username, PASSWORD, NULL, &error);
    check(rv, &error, username);
    p->me = synctv_client_caller(p->client);
}

static void make_room(struct party *party)
{
    synctv_error error;
    const synctv_result *result = NULL;
    check(synctv_room_create(party->host.me, "Watch party", NULL, &result, &error), &error, "room");
    snprintf(party->room_id, sizeof(party->room_id), "%s", result->room->id);
    synctv_result_unref(result);

    const synctv_movie movie = {
        .name = "Big Buck Bunny",
        .type = SYNCTV_MOVIE_TYPE_URL,
        .url = "https://example.org/big_buck_bunny.mp4",
        .duration_s = DURATION_S,
    };
    check(synctv_playlist_add(party->host.me, party->room_id, &movie, &result, &error), &error,
        "movie");
    snprintf(party->movie_id, sizeof(party->movie_id), "%s", result->movie->id);
    synctv_result_unref(result);
}

static void join(struct party *party, struct person *viewer)
{
    synctv_error error;
    check(synctv_room_join(viewer->me, party->room_id, NULL, NULL, &error), &error, "join");
    const synctv_stream_options options = SYNCTV_STREAM_OPTIONS(.room_id = party->room_id);
    check(synctv_stream_open(viewer->me, &options, &viewer->stream, &error), &error, "stream");
}

/* ---- the host's programme ---- */

static int do_play(struct party *party, const synctv_result **ret, synctv_error *error)
{
    const synctv_playlist_options options = { .autoplay = true };
    return synctv_playlist_set_current(party->host.me, party->room_id, party->movie_id, &options,
        ret, error);
}

static int do_seek(struct party *party, const synctv_result **ret, synctv_error *error)
{
    return synctv_playback_seek(party->host.me, party->room_id, 120, NULL, ret, error);
}

static int do_faster(struct party *party, const synctv_result **ret, synctv_error *error)
{
    return synctv_playback_set_rate(party->host.me, party->room_id, MAX_RATE, NULL, ret, error);
}

static int do_pause(struct party *party, const synctv_result **ret, synctv_error *error)
{
    return synctv_playback_pause(party->host.me, party->room_id, NULL, ret, error);
}

static int do_resume(struct party *party, const synctv_result **ret, synctv_error *error)
{
    return synctv_playback_play(party->host.me, party->room_id, NULL, ret, error);
}

static void host_acts(struct party *party, int row)
{
    static const struct {
        const char *what;
        int (*act)(struct party *party, const synctv_result **ret, synctv_error *error);
    } programme[ROWS] = {
        { "starts the movie", do_play },
        { "seeks to 120 s", do_seek },
        { "plays 1.5 times as fast", do_faster },
        { "", NULL },
        { "pauses", do_pause },
        { "plays again", do_resume },
        { "", NULL },
    };
    party->did = programme[row].what;
    if (programme[row].act == NULL)
        return;
    synctv_error error;
    const synctv_result *result = NULL;
    check(programme[row].act(party, &result, &error), &error, "the host");
    party->version = result->state->version;
    synctv_result_unref(result);
}

/* ---- the viewers ---- */

static void take_events(struct person *viewer)
{
    const synctv_event *event = NULL;
    synctv_error error;
    int rv;
    while ((rv = synctv_stream_next(viewer->stream, 0, &event, &error)) == 1) {
        if (event->type == SYNCTV_EVENT_STATE) {
            synctv_event_unref(viewer->latest);
            viewer->latest = synctv_event_ref(event);
        }
        synctv_event_unref(event);
    }
    check(rv, &error, "stream");
}

static void print_head(const struct party *party)
{
    printf("%-26s", "the host");
    for (int i = 0; i < party->n_viewers && i < SHOWN_VIEWERS; i++)
        printf("  viewer %2d", i + 1);
    printf("%s    spread\n", party->n_viewers > SHOWN_VIEWERS ? "  …" : "");
}

static void print_row(struct party *party)
{
    double position[MAX_VIEWERS], min = DURATION_S, max = 0;
    bool all = true;
    int64_t known_within_ms = 0;
    long start_ms = now_ms();
    for (int i = 0; i < party->n_viewers; i++) { /* all at the same moment */
        struct person *viewer = &party->viewers[i];
        int64_t error_ms = 0;
        synctv_client_clock_offset(viewer->client, NULL, &error_ms);
        if (error_ms > known_within_ms)
            known_within_ms = error_ms;
        if (viewer->latest == NULL) {
            position[i] = -1;
            all = false;
            continue;
        }
        position[i] = synctv_client_position(viewer->client, viewer->latest->state, DURATION_S);
        min = position[i] < min ? position[i] : min;
        max = position[i] > max ? position[i] : max;
    }
    long took_ms = now_ms() - start_ms;
    printf("%-26s", party->did);
    for (int i = 0; i < party->n_viewers && i < SHOWN_VIEWERS; i++) {
        if (position[i] >= 0)
            printf("%9.3f s", position[i]);
        else
            printf("%11s", "nothing");
    }
    double spread_ms = max > min ? (max - min) * 1000 : 0;
    printf("%s%7.0f ms\n", party->n_viewers > SHOWN_VIEWERS ? "  …" : "", spread_ms);
    fflush(stdout);
    if (spread_ms > party->worst_spread_ms)
        party->worst_spread_ms = spread_ms;
    /* Nobody can show the moment better than they know it. */
    if (spread_ms > MAX_SPREAD_MS + MAX_RATE * (double)(2 * known_within_ms + took_ms))
        party->apart = true;
    party->all_saw_a_state = all;
    party->did = "";
}

/* Takes what has come; whether everybody knows the newest state now. */
static bool everybody_listens(struct party *party)
{
    bool all = true;
    for (int i = 0; i < party->n_viewers; i++) {
        struct person *viewer = &party->viewers[i];
        take_events(viewer);
        all = all && viewer->latest != NULL && viewer->latest->state->version >= party->version;
    }
    return all;
}

/* The host acts at each half second, and at each whole one everybody says where they are. */
static void watch(struct party *party)
{
    long due_ms = now_ms();
    print_head(party);
    for (int half = 1; half <= 2 * ROWS; half++) {
        due_ms += 500;
        for (;;) {
            bool all = everybody_listens(party);
            if (now_ms() >= due_ms + (all ? 0 : PATIENCE_MS))
                break;
            sleep_ms(TICK_MS);
        }
        if (half % 2 == 1)
            host_acts(party, half / 2);
        else
            print_row(party);
    }
}

/* Prints how well each knows the server's clock: half of the shortest round trip. Returns whether
 * all know it. */
static bool print_clocks(const struct party *party)
{
    bool all = true;
    printf("%-26s", "clock known within");
    for (int i = 0; i < party->n_viewers; i++) {
        int64_t error_ms = 0;
        bool known = synctv_client_clock_offset(party->viewers[i].client, NULL, &error_ms) > 0;
        if (i < SHOWN_VIEWERS)
            printf(known ? "%8lld ms" : "       ? ms", (long long)error_ms);
        all = all && known;
    }
    puts("");
    return all;
}

static void leave(struct person *p)
{
    synctv_event_unref(p->latest);
    synctv_stream_close(p->stream);
    synctv_caller_unref(p->me);
    synctv_client_close(p->client);
}

int main(int argc, char **argv)
{
    const char *address = argc > 1 ? argv[1] : "127.0.0.1:50051";
    static struct party party = { .n_viewers = 5, .did = "" };
    if (argc > 2)
        party.n_viewers = atoi(argv[2]);
    if (party.n_viewers < 1 || party.n_viewers > MAX_VIEWERS) {
        fprintf(stderr, "usage: watch_party [ADDRESS [VIEWERS]], with 1 to %d viewers\n",
            MAX_VIEWERS);
        return EXIT_FAILURE;
    }

    sign_in(&party.host, address, "party-host");
    make_room(&party);
    for (int i = 0; i < party.n_viewers; i++) {
        char username[32];
        snprintf(username, sizeof(username), "party-viewer-%d", i + 1);
        sign_in(&party.viewers[i], address, username);
        join(&party, &party.viewers[i]);
    }
    printf("room %s at %s: a host and %d viewers\n\n", party.room_id, address, party.n_viewers);

    watch(&party);
    bool all_know_the_clock = print_clocks(&party);
    printf("\nat most %.0f ms apart\n", party.worst_spread_ms);

    synctv_error error;
    check(synctv_room_delete(party.host.me, party.room_id, &error), &error, "delete the room");
    for (int i = 0; i < party.n_viewers; i++)
        leave(&party.viewers[i]);
    leave(&party.host);

    if (!party.all_saw_a_state)
        fputs("somebody saw no state\n", stderr);
    if (!all_know_the_clock)
        fputs("somebody does not know the server's clock\n", stderr);
    return party.all_saw_a_state && all_know_the_clock && !party.apart ? EXIT_SUCCESS
                                                                       : EXIT_FAILURE;
}
