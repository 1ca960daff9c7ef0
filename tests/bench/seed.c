/* SPDX-License-Identifier: MIT */
/*
 * Makes a database to measure with: seed DATABASE USERS ROOMS LISTED_ROOMS LARGE_ROOMS. Prints an
 * access token for each user.
 *
 * User n is "u" and 11 digits, named usern; all have one password. Room 0 ("r00000000000") has
 * every user as a member, user 0 made it. Rooms 1 … ROOMS have four members and a movie; user n, or
 * n - USERS and so on, made room n and may do everything there. LISTED_ROOMS more fill the list.
 * The large rooms ("b00000000001" …) have as many members and movies as LARGE, at most all
 * users; user n made room n.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "auth/password.h"
#include "auth/token.h"
#include "common.h"
#include "store/store.h"

#define PASSWORD "correct horse"
#define TOKEN_LIFE_S (24 * 3600)
#define ROWS_A_JOB 2000
#define LARGE 1000

static unsigned n_users, n_rooms, n_listed, n_large;
static int64_t now_ms;
static char password_hash[SV_PASSWORD_RECORD_SIZE], jwt_key[128];

static void must(int rv, const char *what)
{
    if (rv < 0)
        die("%s: %s", what, synctv_error_text(rv));
}

static const char *make_id(char kind, unsigned n)
{
    static char ids[8][SYNCTV_ID_LEN + 1];
    static unsigned turn;
    char *id = ids[turn++ % 8];
    snprintf(id, sizeof(ids[0]), "%c%011u", kind, n);
    return id;
}

/* ---- rows ---- */

static void add_user(struct sv_tx *tx, unsigned n)
{
    char name[20];
    snprintf(name, sizeof(name), "user%u", n);
    struct sv_user_rec user = {
        .user = { .id = make_id('u', n), .username = name, .email = "", .created_at_ms = now_ms },
        .username_fold = name,
        .email_fold = "",
        .password_hash = password_hash,
    };
    user.user.role = SYNCTV_USER_ROLE_USER;
    user.user.status = SYNCTV_USER_STATUS_ACTIVE;
    must(tx->ops->user_insert(tx, &user), "user");
    struct sv_session_rec session = {
        .id = make_id('s', n),
        .user_id = user.user.id,
        .created_at_ms = now_ms,
        .expires_at_ms = now_ms + TOKEN_LIFE_S * 1000,
    };
    memcpy(session.refresh_hash, name, strlen(name));
    must(tx->ops->session_insert(tx, &session), "session");
}

static void add_member(struct sv_tx *tx, const char *room, unsigned user, synctv_room_role role)
{
    struct sv_member_rec member = {
        .member = { .room_id = room,
            .user_id = make_id('u', user),
            .role = role,
            .status = SYNCTV_MEMBER_STATUS_ACTIVE,
            .joined_at_ms = now_ms },
    };
    must(tx->ops->member_put(tx, &member), "member");
}

static void add_room(struct sv_tx *tx, const char *id, unsigned n, const char *name,
    unsigned creator)
{
    struct sv_room_rec room = {
        .room = { .id = id,
            .name = name,
            .description = "",
            .creator_id = make_id('u', creator),
            .created_at_ms = now_ms + n },
        .password_hash = "",
    };
    room.settings.max_members = n == 0 ? (int32_t)n_users : 0;
    must(tx->ops->room_insert(tx, &room), "room");
    add_member(tx, id, creator, SYNCTV_ROOM_ROLE_CREATOR);
}

static void add_movie(struct sv_tx *tx, const char *room, const char *id, unsigned creator)
{
    synctv_movie movie = {
        .id = id,
        .room_id = room,
        .name = "A film",
        .url = "https://example.org/film.mp4",
        .type = SYNCTV_MOVIE_TYPE_URL,
        .duration_s = 5400,
        .added_by = make_id('u', creator),
        .created_at_ms = now_ms,
    };
    int32_t position;
    uint64_t revision;
    must(tx->ops->movie_insert(tx, &movie, &position, &revision), "movie");
}

static void add_busy_room(struct sv_tx *tx, unsigned n)
{
    char name[32], room[SYNCTV_ID_LEN + 1], movie[SYNCTV_ID_LEN + 1];
    snprintf(name, sizeof(name), "Room %u", n);
    snprintf(room, sizeof(room), "%s", make_id('r', n));
    snprintf(movie, sizeof(movie), "%s", make_id('m', n));
    add_room(tx, room, n, name, n % n_users);
    for (unsigned i = 1; n > 0 && i < 4; i++)
        add_member(tx, room, (n + i) % n_users, SYNCTV_ROOM_ROLE_MEMBER);
    add_movie(tx, room, movie, n % n_users);
    synctv_playback state = {
        .room_id = room,
        .movie_id = movie,
        .status = SYNCTV_PLAYBACK_STATUS_PAUSED,
        .rate = 1,
        .updated_at_ms = now_ms,
        .version = 1,
        .node_id = "seed",
        .actor_id = "",
        .operation_id = "",
    };
    must(tx->ops->playback_put(tx, &state), "playback");
}

static void add_large_room(struct sv_tx *tx, unsigned n)
{
    char name[32], room[SYNCTV_ID_LEN + 1];
    snprintf(name, sizeof(name), "Large room %u", n);
    snprintf(room, sizeof(room), "%s", make_id('b', n));
    add_room(tx, room, n, name, n % n_users);
    for (unsigned i = 1; i < LARGE && i < n_users; i++)
        add_member(tx, room, (n + i) % n_users, SYNCTV_ROOM_ROLE_MEMBER);
    for (unsigned i = 0; i < LARGE; i++)
        add_movie(tx, room, make_id('m', i), n % n_users);
}

static void add_listed_room(struct sv_tx *tx, unsigned n)
{
    static const char *const words[] = { "Movie", "Night", "Anime", "电影", "之夜", "Friends",
        "Kino", "Abend", "Serie", "番組", "Room", "Live" };
    char name[80];
    snprintf(name, sizeof(name), "%s %s %u", words[n % 12], words[n / 12 % 12], n);
    add_room(tx, make_id('r', n), n, name, n % n_users);
}

/* ---- jobs ---- */

struct rows {
    struct sv_job job;
    void (*add)(struct sv_tx *tx, unsigned n);
    unsigned from, to;
    bool done;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static int run(struct sv_job *job, struct sv_tx *tx)
{
    struct rows *rows = SV_CONTAINER_OF(job, struct rows, job);
    for (unsigned n = rows->from; n < rows->to; n++)
        rows->add(tx, n);
    return 0;
}

static void applied(struct sv_job *job, int rv)
{
    must(rv, "rows");
    pthread_mutex_lock(&lock);
    SV_CONTAINER_OF(job, struct rows, job)->done = true;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

/* `a_job` of them in one transaction. */
static void add(struct sv_store *store, void (*one)(struct sv_tx *tx, unsigned n), unsigned from,
    unsigned to, unsigned a_job)
{
    for (; from < to; from += a_job) {
        unsigned end = from + a_job < to ? from + a_job : to;
        struct rows rows = { .job = { .run = run, .apply = applied }, one, from, end, false };
        must(sv_store_write(store, &rows.job), "write");
        pthread_mutex_lock(&lock);
        while (!rows.done)
            pthread_cond_wait(&changed, &lock);
        pthread_mutex_unlock(&lock);
    }
}

static void join_room_0(struct sv_tx *tx, unsigned n)
{
    add_member(tx, make_id('r', 0), n, SYNCTV_ROOM_ROLE_MEMBER);
}

static void read_key(struct sv_tx *tx, unsigned n)
{
    struct sv_arena a = { 0 };
    const char *key = "";
    must(tx->ops->meta_get(tx, "jwt_secret", &a, &key), "jwt_secret");
    snprintf(jwt_key, sizeof(jwt_key), "%s", key);
    sv_arena_fini(&a);
}

static void print_token(unsigned n)
{
    struct sv_token_claims claims = {
        .issued_at_s = now_ms / 1000,
        .expires_at_s = now_ms / 1000 + TOKEN_LIFE_S,
    };
    snprintf(claims.subject, sizeof(claims.subject), "%s", make_id('u', n));
    snprintf(claims.username, sizeof(claims.username), "user%u", n);
    snprintf(claims.session_id, sizeof(claims.session_id), "%s", make_id('s', n));
    snprintf(claims.token_id, sizeof(claims.token_id), "token-%015u", n);
    char *token;
    must(sv_token_sign(jwt_key, strlen(jwt_key), SV_TOKEN_CLIENT, &claims, &token), "token");
    puts(token);
    free(token);
}

int main(int argc, char **argv)
{
    if (argc != 6)
        die("seed DATABASE USERS ROOMS LISTED_ROOMS LARGE_ROOMS");
    char url[512];
    snprintf(url, sizeof(url), "sqlite:%s", argv[1]);
    n_users = (unsigned)strtoul(argv[2], NULL, 10);
    n_rooms = (unsigned)strtoul(argv[3], NULL, 10);
    n_listed = (unsigned)strtoul(argv[4], NULL, 10);
    n_large = (unsigned)strtoul(argv[5], NULL, 10);
    if (n_users == 0)
        die("there have to be users");
    now_ms = (int64_t)time(NULL) * 1000;
    must(sv_password_hash(PASSWORD, NULL, password_hash), "password");

    struct sv_store *store;
    synctv_error err;
    struct sv_store_options options = { .url = url };
    if (sv_store_open(&options, &store, &err) < 0)
        die("%s", err.message);
    add(store, read_key, 0, 1, 1);
    add(store, add_user, 0, n_users, ROWS_A_JOB);
    add(store, add_busy_room, 0, n_rooms + 1, ROWS_A_JOB);
    add(store, join_room_0, 1, n_users, ROWS_A_JOB);
    add(store, add_listed_room, n_rooms + 1, n_rooms + 1 + n_listed, ROWS_A_JOB);
    add(store, add_large_room, 1, n_large + 1, 1);
    sv_store_close(store);
    sv_store_free(store);
    for (unsigned n = 0; n < n_users; n++)
        print_token(n);
    return 0;
}
