/* SPDX-License-Identifier: MIT */
/*
 * Viewers of one room, each at another server of a cluster. One of them does something, and all
 * print what they see of it, and after how many milliseconds. What to do comes from stdin, a line
 * each; a, b, c are the servers in their order:
 *
 *     a play | a pause | a seek SECONDS | a say TEXT | a add TITLE
 *     c down: its server was killed           c up: it is started again
 *
 * At the end of stdin each asks its own server how the room is. 0 = all say the same.
 *
 *     cluster_party ADDRESS...
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <synctv/synctv.h>

#define PASSWORD "correct horse"
#define DURATION_S 596
#define MAX_VIEWERS 8
#define PATIENCE_MS 30000
#define TICK_MS 1

struct viewer {
    const char *name;
    synctv_client *client;
    synctv_caller *me;
    synctv_stream *stream;
    /* The event with the newest state. */
    const synctv_event *latest;
    bool is_up;
    /* Whether what is waited for has come, and when. */
    bool has_seen;
    long seen_ms;
};

/* What a viewer is to see. */
enum what { STATE, CHAT, MOVIE, DOWN, UP };

struct deed {
    enum what what;
    const char *text;
    /* STATE: its version. */
    uint64_t version;
    /* CHAT, MOVIE. */
    char id[SYNCTV_ID_LEN + 1];
    struct viewer *of;
};

static struct viewer viewers[MAX_VIEWERS] = {
    { .name = "alice" },
    { .name = "bob" },
    { .name = "carol" },
    { .name = "dave" },
    { .name = "erin" },
    { .name = "frank" },
    { .name = "grace" },
    { .name = "heidi" },
};
static int n_viewers;
static char room_id[SYNCTV_ID_LEN + 1];

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

static char server_of(const struct viewer *viewer)
{
    return (char)('a' + (viewer - viewers));
}

/* ---- everybody comes in ---- */

static void sign_in(struct viewer *viewer, const char *address)
{
    synctv_error error;
    synctv_client_options options;
    synctv_client_options_init(&options);
    options.address = address;
    check(synctv_client_connect(&options, &viewer->client, &error), &error, "connect");
    check(synctv_client_register(viewer->client, viewer->name, PASSWORD, "", NULL, &error), &error,
        viewer->name);
    viewer->me = synctv_client_caller(viewer->client);
}

static void make_room(struct viewer *host)
{
    synctv_error error;
    const synctv_result *result = NULL;
    const synctv_room_settings settings = {
        .default_member_permissions = SYNCTV_PERM_SEND_CHAT | SYNCTV_PERM_ADD_MOVIE |
            SYNCTV_PERM_PLAY_CONTROL | SYNCTV_PERM_VIEW_PLAYLIST | SYNCTV_PERM_VIEW_CHAT_HISTORY,
    };
    const synctv_room_options options = { .settings = &settings };
    check(synctv_room_create(host->me, "Movie night", &options, &result, &error), &error, "room");
    snprintf(room_id, sizeof(room_id), "%s", result->room->id);
    synctv_result_unref(result);

    const synctv_movie movie = {
        .name = "Big Buck Bunny",
        .url = "https://example.org/big_buck_bunny.mp4",
        .duration_s = DURATION_S,
    };
    const synctv_result *added = NULL;
    check(synctv_playlist_add(host->me, room_id, &movie, &added, &error), &error, "movie");
    check(synctv_playlist_set_current(host->me, room_id, added->movie->id, NULL, NULL, &error),
        &error, "current movie");
    synctv_result_unref(added);
}

static void come_in(struct viewer *viewer)
{
    synctv_error error;
    check(synctv_room_join(viewer->me, room_id, NULL, NULL, &error), &error, "join");
    const synctv_stream_options options = SYNCTV_STREAM_OPTIONS(.room_id = room_id);
    check(synctv_stream_open(viewer->me, &options, &viewer->stream, &error), &error, "stream");
}

/* ---- what each sees ---- */

static bool is_it(const synctv_event *event, const struct deed *deed)
{
    switch (deed->what) {
    case STATE:
        return event->type == SYNCTV_EVENT_STATE && event->state->version >= deed->version;
    case CHAT:
        return event->type == SYNCTV_EVENT_CHAT && strcmp(event->chat->message_id, deed->id) == 0;
    case MOVIE:
        return event->type == SYNCTV_EVENT_MOVIES && event->movie != NULL &&
            strcmp(event->movie->id, deed->id) == 0;
    case DOWN:
        return event->type == SYNCTV_EVENT_DISCONNECTED;
    case UP:
        return event->type == SYNCTV_EVENT_STATE;
    }
    return false;
}

static void take_events(struct viewer *viewer, const struct deed *deed, long since_ms)
{
    const synctv_event *event = NULL;
    synctv_error error;
    int rv;
    while ((rv = synctv_stream_next(viewer->stream, 0, &event, &error)) == 1) {
        if (event->type == SYNCTV_EVENT_STATE) {
            synctv_event_unref(viewer->latest);
            viewer->latest = synctv_event_ref(event);
        }
        if (event->type == SYNCTV_EVENT_STATE || event->type == SYNCTV_EVENT_DISCONNECTED)
            viewer->is_up = event->type == SYNCTV_EVENT_STATE;
        if (!viewer->has_seen && is_it(event, deed)) {
            viewer->has_seen = true;
            viewer->seen_ms = now_ms() - since_ms;
        }
        synctv_event_unref(event);
    }
    check(rv, &error, "stream");
}

/* Whether the viewer is to see it; who has no server sees nothing. */
static bool is_to_see(const struct viewer *viewer, const struct deed *deed)
{
    return deed->of == NULL ? viewer->is_up : deed->of == viewer;
}

/* Until everybody has seen it, who is to. */
static void watch(const struct deed *deed)
{
    long since_ms = now_ms();
    for (bool all = false; !all && now_ms() < since_ms + PATIENCE_MS;) {
        all = true;
        for (int i = 0; i < n_viewers; i++) {
            take_events(&viewers[i], deed, since_ms);
            all = all && (viewers[i].has_seen || !is_to_see(&viewers[i], deed));
        }
        const struct timespec tick = { .tv_nsec = TICK_MS * 1000000 };
        nanosleep(&tick, NULL);
    }
}

static const char *name_of(const synctv_playback *state)
{
    return state->status == SYNCTV_PLAYBACK_STATUS_PLAYING ? "playing" : "paused";
}

static void describe_state(const struct viewer *viewer, char *out, size_t size)
{
    const synctv_playback *state = viewer->latest->state;
    snprintf(out, size, "%s %.1f s", name_of(state),
        synctv_client_position(viewer->client, state, DURATION_S));
}

static void print_cell(const struct viewer *viewer, const struct deed *deed)
{
    char seen[40] = "";
    if (!viewer->has_seen) {
        printf("  %-24s", is_to_see(viewer, deed) ? "NOTHING" : viewer->is_up ? "" : "-");
        return;
    }
    switch (deed->what) {
    case STATE:
    case UP:
        describe_state(viewer, seen, sizeof(seen));
        break;
    case CHAT:
    case MOVIE:
        snprintf(seen, sizeof(seen), "%s", deed->text);
        break;
    case DOWN:
        snprintf(seen, sizeof(seen), "disconnected");
        break;
    }
    printf("  %-16.16s%5ld ms", seen, viewer->seen_ms > 0 ? viewer->seen_ms : 0);
}

static bool show(const char *did, const struct deed *deed)
{
    bool all = true;
    for (int i = 0; i < n_viewers; i++)
        viewers[i].has_seen = false;
    watch(deed);
    printf("%-22.22s", did);
    for (int i = 0; i < n_viewers; i++) {
        print_cell(&viewers[i], deed);
        all = all && (viewers[i].has_seen || !is_to_see(&viewers[i], deed));
    }
    puts("");
    fflush(stdout);
    return all;
}

/* ---- what one of them does ---- */

static bool do_playback(struct viewer *viewer, const char *verb, const char *text)
{
    synctv_error error;
    const synctv_result *result = NULL;
    int rv;
    if (strcmp(verb, "play") == 0)
        rv = synctv_playback_play(viewer->me, room_id, NULL, &result, &error);
    else if (strcmp(verb, "pause") == 0)
        rv = synctv_playback_pause(viewer->me, room_id, NULL, &result, &error);
    else
        rv = synctv_playback_seek(viewer->me, room_id, atof(text), NULL, &result, &error);
    check(rv, &error, verb);
    char did[64];
    snprintf(did, sizeof(did), "%s at %c: %.5s %.20s", viewer->name, server_of(viewer), verb, text);
    const struct deed deed = { .what = STATE, .version = result->state->version };
    synctv_result_unref(result);
    return show(did, &deed);
}

static bool do_say(struct viewer *viewer, const char *text)
{
    synctv_error error;
    const synctv_result *result = NULL;
    const synctv_request request =
        SYNCTV_REQUEST(SYNCTV_METHOD_SEND_CHAT, .room_id = room_id, .content = text);
    check(synctv_call_wait(viewer->me, &request, &result, &error), &error, "say");
    char did[64];
    snprintf(did, sizeof(did), "%s at %c: say", viewer->name, server_of(viewer));
    struct deed deed = { .what = CHAT, .text = text };
    snprintf(deed.id, sizeof(deed.id), "%s", result->chat->message_id);
    synctv_result_unref(result);
    return show(did, &deed);
}

static bool do_add(struct viewer *viewer, const char *title)
{
    synctv_error error;
    const synctv_result *result = NULL;
    const synctv_movie movie = { .name = title, .url = "https://example.org/movie.mp4" };
    check(synctv_playlist_add(viewer->me, room_id, &movie, &result, &error), &error, "add");
    char did[64];
    snprintf(did, sizeof(did), "%s at %c: add movie", viewer->name, server_of(viewer));
    struct deed deed = { .what = MOVIE, .text = title };
    snprintf(deed.id, sizeof(deed.id), "%s", result->movie->id);
    synctv_result_unref(result);
    return show(did, &deed);
}

static bool do_line(char *line)
{
    line[strcspn(line, "\n")] = '\0';
    int i = line[0] - 'a';
    if (i < 0 || i >= n_viewers || line[1] != ' ') {
        fprintf(stderr, "not understood: %s\n", line);
        return false;
    }
    struct viewer *viewer = &viewers[i];
    char *verb = line + 2, *text = verb + strcspn(verb, " "), did[64];
    if (*text != '\0')
        *text++ = '\0';
    if (strcmp(verb, "say") == 0)
        return do_say(viewer, text);
    if (strcmp(verb, "add") == 0)
        return do_add(viewer, text);
    if (strcmp(verb, "down") != 0 && strcmp(verb, "up") != 0)
        return do_playback(viewer, verb, text);
    bool up = verb[0] == 'u';
    snprintf(did, sizeof(did), up ? "%c is started again" : "kill -9 of %c", server_of(viewer));
    return show(did, &(struct deed){ .what = up ? UP : DOWN, .of = viewer });
}

/* ---- the end ---- */

/* What the viewer's server says of the room. */
static void ask(const struct viewer *viewer, char *out, size_t size)
{
    synctv_error error;
    const synctv_result *room = NULL, *movies = NULL, *chat = NULL;
    check(synctv_room_info(viewer->me, room_id, &room, &error), &error, "room");
    check(synctv_playlist_list(viewer->me, room_id, 0, NULL, &movies, &error), &error, "movies");
    check(synctv_chat_history(viewer->me, room_id, NULL, &chat, &error), &error, "chat");
    snprintf(out, size, "%s since version %llu of %s, %d movies, %d messages, the last one: %s",
        name_of(room->state), (unsigned long long)room->state->version, room->state->node_id,
        (int)movies->n_movies, (int)chat->n_messages,
        chat->n_messages > 0 ? chat->messages[0].content : "");
    synctv_result_unref(room);
    synctv_result_unref(movies);
    synctv_result_unref(chat);
}

static bool compare(void)
{
    char first[256], said[256];
    bool same = true;
    for (int i = 0; i < n_viewers; i++) {
        ask(&viewers[i], said, sizeof(said));
        printf("%c says: %s\n", server_of(&viewers[i]), said);
        if (i == 0)
            memcpy(first, said, sizeof(first));
        same = same && strcmp(first, said) == 0;
    }
    puts(same ? "All show the same." : "They do NOT show the same.");
    return same;
}

static void leave(struct viewer *viewer)
{
    synctv_event_unref(viewer->latest);
    synctv_stream_close(viewer->stream);
    synctv_caller_unref(viewer->me);
    synctv_client_close(viewer->client);
}

int main(int argc, char **argv)
{
    n_viewers = argc - 1;
    if (n_viewers < 1 || n_viewers > MAX_VIEWERS) {
        fprintf(stderr, "usage: cluster_party ADDRESS..., 1 to %d of them\n", MAX_VIEWERS);
        return EXIT_FAILURE;
    }
    for (int i = 0; i < n_viewers; i++)
        sign_in(&viewers[i], argv[1 + i]);
    make_room(&viewers[0]);
    puts("What each one sees, and how many ms after it was done:");
    printf("%-22s", "");
    for (int i = 0; i < n_viewers; i++) {
        char title[40];
        come_in(&viewers[i]);
        snprintf(title, sizeof(title), "%s at %c sees", viewers[i].name, server_of(&viewers[i]));
        printf("  %-24s", title);
    }
    puts("");
    fflush(stdout);
    bool fine = true;
    for (int i = 0; i < n_viewers; i++)
        viewers[i].is_up = true;
    for (char line[256]; fine && fgets(line, sizeof(line), stdin) != NULL;)
        fine = do_line(line);
    puts("");
    fine = compare() && fine;
    for (int i = 0; i < n_viewers; i++)
        leave(&viewers[i]);
    return fine ? EXIT_SUCCESS : EXIT_FAILURE;
}
