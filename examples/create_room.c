/* SPDX-License-Identifier: MIT */
/*
 * The shortest useful client: connects, registers (or signs in, where the name is taken), makes a
 * room with one movie in it, and prints what others need to know.
 *
 *     create_room [ADDRESS [USERNAME PASSWORD]]
 */
#include <stdio.h>
#include <stdlib.h>

#include <synctv/synctv.h>

static void check(int rv, const synctv_error *error, const char *what)
{
    if (rv >= 0)
        return;
    fprintf(stderr, "%s: %s (%s)\n", what, error->message, synctv_error_reason(rv));
    exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
    const char *username = argc > 3 ? argv[2] : "alice";
    const char *password = argc > 3 ? argv[3] : "correct horse";
    synctv_error error;

    synctv_client_options options;
    synctv_client_options_init(&options);
    options.address = argc > 1 ? argv[1] : "127.0.0.1:50051";
    synctv_client *client = NULL;
    check(synctv_client_connect(&options, &client, &error), &error, "connect");

    int rv = synctv_client_register(client, username, password, "", NULL, &error);
    if (rv == SYNCTV_E_USERNAME_TAKEN)
        rv = synctv_client_login(client, username, password, NULL, &error);
    check(rv, &error, "sign in");
    synctv_caller *me = synctv_client_caller(client);

    const synctv_result *room = NULL;
    check(synctv_room_create(me, "Movie night", NULL, &room, &error), &error, "create the room");

    const synctv_movie movie = {
        .name = "Big Buck Bunny",
        .type = SYNCTV_MOVIE_TYPE_URL,
        .url = "https://example.org/big_buck_bunny.mp4",
        .duration_s = 596,
    };
    const synctv_result *added = NULL;
    check(synctv_playlist_add(me, room->room->id, &movie, &added, &error), &error, "add the movie");

    printf("user  %s  %s\n", synctv_caller_user_id(me), username);
    printf("room  %s  %s\n", room->room->id, room->room->name);
    printf("movie %s  %s\n", added->movie->id, added->movie->name);

    synctv_result_unref(added);
    synctv_result_unref(room);
    synctv_caller_unref(me);
    synctv_client_close(client);
    return EXIT_SUCCESS;
}
