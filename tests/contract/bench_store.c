/* SPDX-License-Identifier: MIT */
/* How fast the SQLite store is. Usage: bench_store [folder [rooms]]; prints a table. */
#include <ftw.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "contract.h"

static struct sv_store *store;
static int n_rooms = 100000;

static void must(int rv, const char *what)
{
    if (rv < 0) {
        fprintf(stderr, "%s: %s\n", what, synctv_error_text(rv));
        exit(1);
    }
}

/* ---- jobs ---- */

struct say {
    struct sv_job job;
    _Atomic int *left;
};

static int run_say(struct sv_job *job, struct sv_tx *tx)
{
    struct sv_arena a = { 0 };
    synctv_chat existing,
        chat = { .room_id = "r00000000001",
            .message_id = "abcdefghijkl",
            .user_id = "u00000000001",
            .username = "user1",
            .content = "a message of the usual length, more or less",
            .timestamp_ms = 1 };
    uint64_t seq;
    int rv = tx->ops->chat_insert(tx, &chat, 500, &seq, &a, &existing);
    sv_arena_fini(&a);
    return rv;
}

static void apply_say(struct sv_job *job, int rv)
{
    struct say *say = SV_CONTAINER_OF(job, struct say, job);
    must(rv, "chat");
    atomic_fetch_sub(say->left, 1);
}

/* `width` jobs are under way at any time. Jobs a second. */
static double measure_jobs(int total, int width)
{
    static struct say says[4096];
    _Atomic int left;
    int64_t start = sv_mono_us();
    for (int done = 0; done < total; done += width) {
        atomic_store(&left, width);
        for (int i = 0; i < width; i++) {
            says[i] = (struct say){ .job = { .run = run_say, .apply = apply_say }, .left = &left };
            must(sv_store_write(store, &says[i].job), "write");
        }
        while (atomic_load(&left) > 0)
            usleep(20);
    }
    return total * 1e6 / (double)(sv_mono_us() - start);
}

/* ---- pages ---- */

/* Of this thread: what else the machine does must not count. */
static int64_t cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

struct page {
    struct sv_room_query query;
    int64_t worst_us, sum_us;
    int n;
};

static int run_page(struct sv_tx *tx, void *arg)
{
    struct page *p = arg;
    for (int i = 0; i < 50; i++) {
        struct sv_arena a = { 0 };
        synctv_room *rooms;
        int64_t before_ms;
        p->query.before_created_at_ms = i % 5 == 0 ? 0 : 1000000 + (int64_t)rand() % n_rooms;
        int64_t start = cpu_us();
        int rv = tx->ops->room_list(tx, &p->query, &a, &rooms, &before_ms);
        int64_t us = cpu_us() - start;
        sv_arena_fini(&a);
        if (rv < 0)
            return rv;
        p->n = rv > p->n ? rv : p->n;
        p->sum_us += us;
        p->worst_us = us > p->worst_us ? us : p->worst_us;
    }
    return 0;
}

static void measure_page(const char *name, struct sv_room_query query)
{
    struct page p = { .query = query };
    p.query.limit = 50;
    must(contract_read(store, run_page, &p), "page");
    printf("%-34s %8.2f ms %8.2f ms %6d rooms\n", name, (double)p.sum_us / 50e3,
        (double)p.worst_us / 1e3, p.n);
}

static int insert_rooms(struct sv_tx *tx, void *arg)
{
    static const char *const words[] = { "Movie", "Night", "Anime", "电影", "之夜", "Friends",
        "Kino", "Abend", "Serie", "番組", "Room", "Live" };
    int first = *(int *)arg;
    for (int i = first; i < first + 1000 && i < n_rooms; i++) {
        char name[80];
        snprintf(name, sizeof(name), "%s %s %d", words[rand() % 12], words[rand() % 12], i);
        struct sv_room_rec rec = contract_room(contract_id('r', (unsigned)i), name,
            contract_id('u', (unsigned)i % 10000), 1000000 + i);
        rec.settings.hidden = i % 10 == 0;
        int rv = tx->ops->room_insert(tx, &rec);
        struct sv_member_rec member = contract_member(rec.room.id, rec.room.creator_id,
            SYNCTV_ROOM_ROLE_CREATOR, SYNCTV_MEMBER_STATUS_ACTIVE);
        if (rv == 0)
            rv = tx->ops->member_put(tx, &member);
        if (rv < 0)
            return rv;
    }
    return 0;
}

static int insert_users(struct sv_tx *tx, void *arg)
{
    for (unsigned i = 0; i < 10000; i++) {
        char name[20];
        snprintf(name, sizeof(name), "user%u", i);
        struct sv_user_rec rec = contract_user(contract_id('u', i), name);
        int rv = tx->ops->user_insert(tx, &rec);
        if (rv < 0)
            return rv;
    }
    return 0;
}

static int fill_room(struct sv_tx *tx, void *arg)
{
    int32_t position;
    uint64_t revision;
    for (unsigned i = 0; i < 10000; i++) {
        struct sv_member_rec member = contract_member("r00000000002", contract_id('u', i),
            SYNCTV_ROOM_ROLE_MEMBER, SYNCTV_MEMBER_STATUS_ACTIVE);
        must(tx->ops->member_put(tx, &member), "member");
    }
    for (unsigned i = 0; i < 1000; i++) {
        synctv_movie movie = { .room_id = "r00000000002",
            .id = contract_id('m', i),
            .url = "https://example.org/a/film" };
        must(tx->ops->movie_insert(tx, &movie, &position, &revision), "movie");
    }
    return 0;
}

static int delete_room(struct sv_tx *tx, void *arg)
{
    return tx->ops->room_delete(tx, "r00000000002");
}

static int list_users(struct sv_tx *tx, void *arg)
{
    struct sv_arena a = { 0 };
    synctv_user *users;
    int rv = tx->ops->user_list(tx, "nobody of this name", 0, "", 50, &a, &users);
    sv_arena_fini(&a);
    return rv;
}

static double measure_ms(contract_fn *fn, const char *what)
{
    int64_t start = sv_mono_us();
    must(contract_write(store, fn, NULL), what);
    return (double)(sv_mono_us() - start) / 1e3;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    return remove(path);
}

int main(int argc, char **argv)
{
    char folder[200], url[300];
    synctv_error err;
    snprintf(folder, sizeof(folder), "%s/synctv-bench-XXXXXX", argc > 1 ? argv[1] : "/tmp");
    if (argc > 2)
        n_rooms = atoi(argv[2]);
    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(url, sizeof(url), "sqlite:%s/x.db", folder);
    struct sv_store_options o = { .url = url };
    int64_t start = sv_mono_us();
    if (sv_store_open(&o, &store, &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    printf("%-34s %8.2f ms\n", "create the database", (double)(sv_mono_us() - start) / 1e3);

    must(contract_write(store, insert_users, NULL), "users");
    start = sv_mono_us();
    for (int first = 0; first < n_rooms; first += 1000)
        must(contract_write(store, insert_rooms, &first), "rooms");
    printf("%-34s %8.1f us\n", "insert a room, 1000 a job",
        (double)(sv_mono_us() - start) / n_rooms);

    printf("%-34s %8.0f /s\n", "chat messages, one at a time", measure_jobs(2000, 1));
    printf("%-34s %8.0f /s\n", "chat messages, 16 at a time", measure_jobs(16000, 16));
    printf("%-34s %8.0f /s\n", "chat messages, 256 at a time", measure_jobs(51200, 256));
    printf("%-34s %8.0f /s\n", "chat messages, 4096 at a time", measure_jobs(102400, 4096));

    sv_store_close(store);
    sv_store_free(store);
    start = sv_mono_us();
    must(sv_store_open(&o, &store, &err), "open");
    printf("%-34s %8.2f ms\n", "open it again", (double)(sv_mono_us() - start) / 1e3);

    printf("\n%-34s %11s %11s\n", "a page of 50 rooms, CPU time", "mean", "worst");
    measure_page("all", (struct sv_room_query){ 0 });
    measure_page("all, with hidden", (struct sv_room_query){ .with_hidden = true });
    measure_page("all, for a user", (struct sv_room_query){ .visible_to = "u00000000010" });
    measure_page("of a member",
        (struct sv_room_query){ .member_id = "u00000000010", .visible_to = "u00000000010" });
    measure_page("of a creator", (struct sv_room_query){ .creator_id = "u00000000010" });
    static const char *const searches[] = { "e", "影", "mo", "电影", "zz", "movie", "movie night",
        "99999", "12345", "之夜 电影", "t night", "e 1 2", "nightmovie", "ht night" };
    for (size_t i = 0; i < sizeof(searches) / sizeof(searches[0]); i++) {
        char name[64];
        snprintf(name, sizeof(name), "search \"%s\"", searches[i]);
        measure_page(name, (struct sv_room_query){ .search = searches[i] });
    }
    measure_page("search \"movie\", with hidden",
        (struct sv_room_query){ .search = "movie", .with_hidden = true });

    printf("\n%-34s %8.1f ms\n", "10 000 members, 1000 movies: put", measure_ms(fill_room, "fill"));
    printf("%-34s %8.1f ms\n", "10 000 members, 1000 movies: gone",
        measure_ms(delete_room, "delete"));
    printf("%-34s %8.1f ms\n", "search 10 000 users, in vain", measure_ms(list_users, "users"));
    sv_store_close(store);
    struct stat st;
    char path[300];
    snprintf(path, sizeof(path), "%s/x.db", folder);
    if (stat(path, &st) == 0)
        printf("%-34s %8.1f MB\n", "the file", (double)st.st_size / 1e6);
    sv_store_free(store);
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return 0;
}
