/* SPDX-License-Identifier: MIT */
#include "fuzz_node.h"

#include <errno.h>
#include <semaphore.h>
#include <string.h>
#include <time.h>

#include "auth/password.h"
#include "auth/refresh_token.h"
#include "base/id.h"
#include "node/account.h"
#include "node/blocking_job.h"
#include "node/room.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/sqlite_store.h"

#define PATIENCE_MS 10000

synctv_node fuzz_node;
const char *const fuzz_users[FUZZ_N_PEOPLE] = { "user-admin-0", "user-owner-0", "user-membr-0",
    "user-guest-0", "user-pendg-0" };
const char *const fuzz_sessions[FUZZ_N_PEOPLE] = { "sess-admin-0", "sess-owner-0", "sess-membr-0",
    "sess-guest-0", "sess-pendg-0" };

static sem_t wanted; /* the node wants a turn */
static bool is_open;

/* --- chance and cost (--wrap) --- */

static atomic_uint n_ids, n_bytes;

int __wrap_sv_random_id(char *out, size_t len);
int __wrap_sv_id_new(char out[SV_ID_SIZE]);
int __wrap_sv_random_bytes(void *out, size_t len);
int __wrap_sv_password_hash(const char *password, const struct sv_password_cost *cost,
    char out[SV_PASSWORD_RECORD_SIZE]);
int __wrap_sv_password_verify_dummy(const char *password, const struct sv_password_cost *cost);
bool __wrap_sv_password_needs_rehash(const char *record, const struct sv_password_cost *cost);
int __real_sv_password_hash(const char *password, const struct sv_password_cost *cost,
    char out[SV_PASSWORD_RECORD_SIZE]);
int __real_sv_password_verify_dummy(const char *password, const struct sv_password_cost *cost);
bool __real_sv_password_needs_rehash(const char *record, const struct sv_password_cost *cost);

static const struct sv_password_cost cheap = { .memory_kib = 8, .passes = 1, .lanes = 1 };

int __wrap_sv_random_id(char *out, size_t len)
{
    char id[64];
    int n = snprintf(id, sizeof(id), "new-%0*u", (int)len - 4, atomic_fetch_add(&n_ids, 1) + 1);
    FUZZ_MUST(n == (int)len);
    memcpy(out, id, len + 1);
    return 0;
}

int __wrap_sv_id_new(char out[SV_ID_SIZE])
{
    return __wrap_sv_random_id(out, SV_ID_LEN);
}

int __wrap_sv_random_bytes(void *out, size_t len)
{
    unsigned n = atomic_fetch_add(&n_bytes, 1) + 1;
    memset(out, (int)(n & 0xff), len);
    memcpy(out, &n, len < sizeof(n) ? len : sizeof(n));
    return 0;
}

int __wrap_sv_password_hash(const char *password, const struct sv_password_cost *cost,
    char out[SV_PASSWORD_RECORD_SIZE])
{
    return __real_sv_password_hash(password, &cheap, out);
}

int __wrap_sv_password_verify_dummy(const char *password, const struct sv_password_cost *cost)
{
    return __real_sv_password_verify_dummy(password, &cheap);
}

bool __wrap_sv_password_needs_rehash(const char *record, const struct sv_password_cost *cost)
{
    return __real_sv_password_needs_rehash(record, &cheap);
}

/* --- rows --- */

static void put_people(struct sv_tx *tx, const char *password_hash, int64_t now_ms)
{
    static const char *const names[FUZZ_N_PEOPLE] = { "admin", "owner", "member", "guest",
        "pending" };
    for (int i = 0; i < FUZZ_N_PEOPLE; i++) {
        struct sv_user_rec user = {
            .user = {
                .id = fuzz_users[i],
                .username = names[i],
                .email = "",
                .role = i == FUZZ_ADMIN ? SYNCTV_USER_ROLE_ADMIN : SYNCTV_USER_ROLE_USER,
                .status =
                    i == FUZZ_PENDING ? SYNCTV_USER_STATUS_PENDING : SYNCTV_USER_STATUS_ACTIVE,
                .created_at_ms = 1000 + i,
            },
            .username_fold = names[i],
            .email_fold = "",
            .password_hash = password_hash,
        };
        FUZZ_MUST(tx->ops->user_insert(tx, &user) == 0);
        struct sv_session_rec session = {
            .id = fuzz_sessions[i],
            .user_id = fuzz_users[i],
            .created_at_ms = now_ms,
            .expires_at_ms = now_ms + INT64_C(3650) * 24 * 3600 * 1000,
        };
        char token[SV_REFRESH_TOKEN_SIZE];
        memset(token, i == FUZZ_OWNER ? 'R' : 'a' + i, SV_REFRESH_TOKEN_LEN);
        token[SV_REFRESH_TOKEN_LEN] = '\0';
        FUZZ_MUST(sv_refresh_token_hash(token, session.refresh_hash) == 0);
        FUZZ_MUST(tx->ops->session_insert(tx, &session) == 0);
    }
}

static void put_member(struct sv_tx *tx, const char *room_id, enum fuzz_person person,
    synctv_room_role role, synctv_member_status status)
{
    struct sv_member_rec rec = {
        .member = {
            .room_id = room_id,
            .user_id = fuzz_users[person],
            .role = role,
            .status = status,
            .joined_at_ms = 2000 + (int)person,
        },
    };
    FUZZ_MUST(tx->ops->member_put(tx, &rec) == 0);
}

static void put_room(struct sv_tx *tx, const char *id, enum fuzz_person creator,
    const char *password_hash, const synctv_room_settings *settings)
{
    struct sv_room_rec rec = {
        .room = {
            .id = id,
            .name = id,
            .description = "a room",
            .creator_id = fuzz_users[creator],
            .created_at_ms = 2000,
            .revision = 1,
        },
        .settings = *settings,
        .password_hash = password_hash,
    };
    FUZZ_MUST(tx->ops->room_insert(tx, &rec) == 0);
    put_member(tx, id, creator, SYNCTV_ROOM_ROLE_CREATOR, SYNCTV_MEMBER_STATUS_ACTIVE);
}

static void put_movie(struct sv_tx *tx, const char *id, double duration_s)
{
    const synctv_header header = { .name = "Referer", .value = "https://example.org/" };
    const synctv_subtitle subtitle = {
        .name = "en", .url = "https://example.org/en.srt", .format = "srt"
    };
    const synctv_movie movie = {
        .id = id,
        .room_id = "room-open--0",
        .name = id,
        .url = "https://example.org/movie.mp4",
        .type = SYNCTV_MOVIE_TYPE_URL,
        .duration_s = duration_s,
        .added_by = fuzz_users[FUZZ_MEMBER],
        .created_at_ms = 3000,
        .headers = &header,
        .n_headers = 1,
        .subtitles = &subtitle,
        .n_subtitles = 1,
    };
    int32_t position;
    FUZZ_MUST(tx->ops->movie_insert(tx, &movie, &position) == 0);
}

static void put_what_is_in_the_room(struct sv_tx *tx)
{
    put_movie(tx, "movie-one--0", 100);
    put_movie(tx, "movie-two--0", 0);
    const synctv_playback state = {
        .room_id = "room-open--0",
        .movie_id = "movie-one--0",
        .status = SYNCTV_PLAYBACK_STATUS_PAUSED,
        .position_s = 5,
        .rate = 1,
        .updated_at_ms = 3000,
        .version = 3000,
        .cause = SYNCTV_STATE_CAUSE_SEEK,
        .actor_id = fuzz_users[FUZZ_OWNER],
        .operation_id = "op",
        .node_id = "node",
    };
    FUZZ_MUST(tx->ops->playback_put(tx, &state) == 1);
    const synctv_chat chat = {
        .room_id = "room-open--0",
        .message_id = "chat-first-0",
        .user_id = fuzz_users[FUZZ_MEMBER],
        .username = "member",
        .content = "hello",
        .timestamp_ms = 3000,
        .client_message_id = "mine-1",
    };
    struct sv_arena arena = { 0 };
    synctv_chat existing;
    uint64_t seq;
    FUZZ_MUST(tx->ops->chat_insert(tx, &chat, SV_KEEP_CHAT, &seq, &arena, &existing) == 0);
    sv_arena_fini(&arena);
}

void fuzz_rows_open(struct sv_db *rows, const char *schema)
{
    static const synctv_room_settings open = { .allow_guests = true },
                                      hidden = { .hidden = true, .require_approval = true };
    *rows = (struct sv_db){ .tx.ops = &sv_sqlite_tx_ops };
    FUZZ_MUST(sv_db_open(rows, NULL, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) == 0);
    FUZZ_MUST(sqlite3_exec(rows->handle, schema, NULL, NULL, NULL) == SQLITE_OK);

    char password[SV_PASSWORD_RECORD_SIZE], room_password[SV_PASSWORD_RECORD_SIZE];
    FUZZ_MUST(sv_password_hash("password-0", &cheap, password) == 0);
    FUZZ_MUST(sv_password_hash("room-pass", &cheap, room_password) == 0);
    struct sv_tx *tx = &rows->tx;
    put_people(tx, password, sv_wall_ms());
    put_room(tx, "room-open--0", FUZZ_OWNER, "", &open);
    put_member(tx, "room-open--0", FUZZ_MEMBER, SYNCTV_ROOM_ROLE_MEMBER,
        SYNCTV_MEMBER_STATUS_ACTIVE);
    put_room(tx, "room-locked0", FUZZ_OWNER, room_password, &open);
    put_room(tx, "room-hidden0", FUZZ_MEMBER, "", &hidden);
    put_member(tx, "room-hidden0", FUZZ_OWNER, SYNCTV_ROOM_ROLE_MEMBER,
        SYNCTV_MEMBER_STATUS_PENDING);
    put_what_is_in_the_room(tx);
}

void fuzz_rows_copy(sqlite3 *to, sqlite3 *from)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
    FUZZ_MUST(backup != NULL);
    FUZZ_MUST(sqlite3_backup_step(backup, -1) == SQLITE_DONE);
    FUZZ_MUST(sqlite3_backup_finish(backup) == SQLITE_OK);
}

/* --- the node --- */

static void wake(void *userdata)
{
    sem_post(&wanted);
}

static void node_open(void)
{
    synctv_node_options options;
    synctv_node_options_init(&options);
    options.limits = (synctv_limits){
        .rooms_per_user = 4,
        .memberships_per_user = 4,
        .members_per_room = 3,
        .movies_per_room = 5,
        .streams_per_user = 2,
        .streams_per_connection = 100,
        .connections_per_address = 100,
    };
    FUZZ_MUST(sem_init(&wanted, 0, 0) == 0);
    FUZZ_MUST(sv_node_init(&fuzz_node, &options, NULL) == 0);
    sv_pool_stop(fuzz_node.hashers);
    sv_pool_free(fuzz_node.hashers);
    FUZZ_MUST(sv_pool_new("hash", 1, 64, &fuzz_node.hashers) ==
        0); /* one: see wait_for_hashing() */
    fuzz_node.wake = wake;
    is_open = true;
}

static int nothing_run(struct sv_blocking_job *job, struct sv_tx *tx)
{
    return 0;
}

/* What was queued before has been done. */
static void wait_for_storage(void)
{
    struct sv_blocking_job write = { .run = nothing_run }, read = { .run = nothing_run };
    const struct sv_store_ops *ops = fuzz_node.store->ops;
    FUZZ_MUST(sv_blocking_job_do(&write, fuzz_node.store, ops->write) == 0);
    FUZZ_MUST(sv_blocking_job_do(&read, fuzz_node.store, ops->read) == 0);
}

struct flag {
    struct sv_work work;
    sem_t set;
};

static void flag_run(struct sv_work *work)
{
    sem_post(&SV_CONTAINER_OF(work, struct flag, work)->set);
}

static void wait_for_hashing(void)
{
    struct flag flag = { .work.run = flag_run };
    FUZZ_MUST(sem_init(&flag.set, 0, 0) == 0);
    FUZZ_MUST(sv_pool_submit(fuzz_node.hashers, &flag.work) == 0);
    while (sem_wait(&flag.set) < 0)
        ;
    sem_destroy(&flag.set);
}

static void turn(void)
{
    while (sv_node_turn(&fuzz_node) == 0)
        ;
}

void fuzz_node_settle(void)
{
    bool woken;
    do {
        woken = false;
        while (sem_trywait(&wanted) == 0)
            woken = true;
        turn();
        wait_for_storage(); /* what comes of one may ask for another */
        wait_for_hashing();
        wait_for_storage();
    } while (woken);
}

void fuzz_node_run_until(const atomic_bool *flag)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE_MS / 1000;
    while (!atomic_load(flag)) {
        turn();
        if (atomic_load(flag))
            break;
        int rc = sem_timedwait(&wanted, &end);
        FUZZ_MUST(rc == 0 || errno == EINTR);
    }
}

static void sooner(int64_t *at_ms, int64_t ms)
{
    if (*at_ms != 0)
        *at_ms -= ms;
}

static void room_pass_ms(struct sv_room *room, int64_t ms)
{
    pthread_mutex_lock(&room->lock);
    sooner(&room->flush_ms, ms);
    sooner(&room->reload_ms, ms);
    sooner(&room->offline_ms, ms);
    sooner(&room->online_tell_ms, ms);
    sooner(&room->online_told_ms, ms);
    sooner(&room->reannounce_ms, ms);
    sooner(&room->danmaku_ms, ms);
    for (struct sv_roster_entry *entry = sv_roster_first(&room->roster); entry != NULL;
         entry = sv_roster_next(entry))
        sooner(&entry->offline_at_ms, ms);
    sv_room_schedule(room);
    pthread_mutex_unlock(&room->lock);
}

void fuzz_node_pass_ms(int64_t ms)
{
    fuzz_node_settle();
    fuzz_node.clock.offset_ms += ms;
    pthread_mutex_lock(&fuzz_node.rooms.lock);
    fuzz_node.rooms.tick = 0; /* once around the whole wheel */
    pthread_mutex_unlock(&fuzz_node.rooms.lock);
    for (size_t i = 0; i < SV_ROOM_SHARDS; i++) {
        struct sv_room *room, *tmp;
        HASH_ITER(hh, fuzz_node.shards[i].by_id, room, tmp)
            room_pass_ms(room, ms);
    }
    fuzz_node_settle();
}

/* As if it had been deleted: no job finds it any more. */
static void forget_room(struct sv_room *room)
{
    pthread_mutex_lock(&room->lock);
    FUZZ_MUST(sv_list_empty(&room->follows));
    room->gone = true;
    room->playback_dirty = false;
    sv_room_set_idle(room, false);
    pthread_mutex_lock(&fuzz_node.rooms.lock);
    sv_room_stop_timer(room);
    pthread_mutex_unlock(&fuzz_node.rooms.lock);
    pthread_mutex_unlock(&room->lock);
}

static void forget_everything(void)
{
    for (size_t i = 0; i < SV_ROOM_SHARDS; i++) {
        struct sv_room *room, *tmp;
        HASH_ITER(hh, fuzz_node.shards[i].by_id, room, tmp) {
            forget_room(room);
            HASH_DEL(fuzz_node.shards[i].by_id, room);
            sv_room_unref(room);
        }
    }
    sv_accounts_free(fuzz_node.accounts);
    fuzz_node.accounts = NULL;
    FUZZ_MUST(sv_accounts_new(&fuzz_node, &fuzz_node.accounts) == 0);
    sv_node_clock_init(&fuzz_node.clock);
}

/* On the writer's thread, whose connection is the only one in memory, and between transactions. */
struct restore {
    struct sv_blocking_job blocking;
    struct sv_db *rows;
};

static void restore_apply(struct sv_blocking_job *job)
{
    struct restore *restore = SV_CONTAINER_OF(job, struct restore, blocking);
    struct sv_sqlite_store *store = (struct sv_sqlite_store *)fuzz_node.store;
    fuzz_rows_copy(store->writer.handle, restore->rows->handle);
}

void fuzz_node_reset(struct sv_db *rows)
{
    if (!is_open)
        node_open();
    fuzz_node_settle();
    forget_everything();
    struct restore restore = {
        .blocking = { .run = nothing_run, .apply = restore_apply },
        .rows = rows,
    };
    int rv = sv_blocking_job_do(&restore.blocking, fuzz_node.store, fuzz_node.store->ops->write);
    FUZZ_MUST(rv == 0);
    atomic_store(&n_ids, 0);
    atomic_store(&n_bytes, 0);
}
