/* SPDX-License-Identifier: MIT */
/*
 * A database that is not as we left it: tables that take anything anywhere, and rows with anything
 * in them. Reading it, working on it, loading its rooms and telling clients of them must give sane
 * records or a clean error.
 *
 * The first byte says what is done with the rows (use_rows()). The rest says how those of
 * fuzz_rows.h are changed before: a byte for the column, one for the row (255 = all), a kind (n =
 * NULL, i, d, t, b = 8 bytes, a double, a text, a blob), two for a length (little-endian) and so
 * many bytes.
 */
#include <math.h>
#include <string.h>

#include "api/result.h"
#include "auth/refresh_token.h"
#include "base/text.h"
#include "fuzz_node.h"
#include "node/engine/blocking_job.h"
#include "wire/event.h"
#include "wire/result.h"

#define CHANGES_MAX 24
#define ROOM "room-open--0"

/* --- changing rows --- */

/* Columns are numbered from the first of the first table. */
static const struct table {
    const char *name, *key;
    const char *columns;
} tables[] = {
    { "rooms", "key",
        "key id name name_fold description creator_id password_hash hidden allow_guests "
        "require_approval max_members default_member_permissions "
        "default_admin_permissions guest_permissions auto_advance created_at_ms revision "
        "member_count chat_seq" },
    { "members", "room_id, user_id",
        "room_id user_id role status added_permissions removed_permissions joined_at_ms "
        "kicked_until_ms" },
    { "movies", "nr",
        "room_id id rank name url type duration_s added_by created_at_ms headers "
        "subtitles weight" },
    { "playback", "room_id",
        "room_id movie_id status position_s rate updated_at_ms version node_id cause "
        "actor_id operation_id" },
    { "chat", "room_id, seq",
        "room_id seq message_id user_id username content timestamp_ms client_message_id "
        "is_deletion" },
    { "users", "id", "id username username_fold email email_fold role status created_at_ms" },
    { "sessions", "id",
        "id user_id refresh_hash previous_hash rotations rotated_at_ms created_at_ms "
        "expires_at_ms" },
    { "session_hashes", "session_id, rotation", "session_id rotation hash" },
    { "meta", "key", "value" },
};

#define COLUMNS_MAX 96

static struct fuzz_rows pristine, changed;
static sqlite3_stmt *updates[COLUMNS_MAX];
static size_t n_columns;

static void prepare_update(const struct table *t, const char *column)
{
    char sql[256];
    snprintf(sql, sizeof(sql),
        "UPDATE OR IGNORE %s SET %s = ?1 WHERE ?2 = 255"
        " OR (%s) = (SELECT %s FROM %s ORDER BY %s LIMIT 1 OFFSET ?2)",
        t->name, column, t->key, t->key, t->name, t->key);
    FUZZ_MUST(n_columns < COLUMNS_MAX);
    int rc = sqlite3_prepare_v3(changed.handle, sql, -1, SQLITE_PREPARE_PERSISTENT,
        &updates[n_columns++], NULL);
    FUZZ_MUST(rc == SQLITE_OK);
}

static void prepare_updates(void)
{
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        char *columns = strdup(tables[i].columns), *rest;
        FUZZ_MUST(columns != NULL);
        for (char *name = strtok_r(columns, " ", &rest); name != NULL;
             name = strtok_r(NULL, " ", &rest))
            prepare_update(&tables[i], name);
        free(columns);
    }
}

/* Without what keeps rows in shape. */
static void loosen(char *schema)
{
    static const char *const strict[] = { "STRICT, ", "STRICT", " NOT NULL",
        " CHECK (hidden = (key < 0))", " ON DELETE CASCADE", " REFERENCES users (id)",
        " REFERENCES rooms (id)", " REFERENCES sessions (id)", "id TEXT UNIQUE",
        "UNIQUE (room_id, id)", "UNIQUE INDEX" };
    static const char *const loose[] = { "", "", "", "", "", "", "", "", "id TEXT", "CHECK (1 = 1)",
        "INDEX" };
    for (size_t i = 0; i < sizeof(strict) / sizeof(strict[0]); i++) {
        char *at;
        size_t len = strlen(strict[i]), new_len = strlen(loose[i]);
        FUZZ_MUST(strstr(schema, strict[i]) != NULL);
        while ((at = strstr(schema, strict[i])) != NULL) {
            memcpy(at, loose[i], new_len);
            memmove(at + new_len, at + len, strlen(at + len) + 1);
        }
    }
}

static void bind_value(sqlite3_stmt *update, int kind, const uint8_t *data, size_t len)
{
    uint64_t bits = 0;
    double d;
    for (size_t i = 0; i < 8 && i < len; i++)
        bits |= (uint64_t)data[i] << (8 * i);
    memcpy(&d, &bits, sizeof(d));
    switch (kind) {
    case 'i':
        sqlite3_bind_int64(update, 1, (int64_t)bits);
        break;
    case 'd':
        sqlite3_bind_double(update, 1, d);
        break;
    case 't':
        sqlite3_bind_text(update, 1, (const char *)data, (int)len, SQLITE_STATIC);
        break;
    case 'b':
        sqlite3_bind_blob(update, 1, data, (int)len, SQLITE_STATIC);
        break;
    default:
        sqlite3_bind_null(update, 1);
    }
}

static void change_rows(const uint8_t *data, size_t len)
{
    fuzz_rows_copy(&changed, &pristine);
    FUZZ_MUST(sqlite3_exec(changed.handle, "BEGIN", 0, 0, 0) == 0);
    for (int i = 0; i < CHANGES_MAX && len >= 5; i++) {
        sqlite3_stmt *update = updates[data[0] % n_columns];
        size_t n = (size_t)(data[3] | data[4] << 8);
        if (n > len - 5)
            n = len - 5;
        bind_value(update, data[2], data + 5, n);
        sqlite3_bind_int(update, 2, data[1]);
        sqlite3_step(update); /* it may be refused: a key that is taken, a NULL in one */
        sqlite3_reset(update);
        sqlite3_clear_bindings(update);
        data += 5 + n;
        len -= 5 + n;
    }
    FUZZ_MUST(sqlite3_exec(changed.handle, "COMMIT", 0, 0, 0) == 0);
}

/* --- what records are like --- */

static void check_text(const char *text)
{
    FUZZ_MUST(text != NULL && sv_utf8_valid(text, strlen(text)));
}

static void check_user(const synctv_user *u)
{
    check_text(u->id);
    check_text(u->username);
    check_text(u->email);
    FUZZ_MUST(u->role <= SYNCTV_USER_ROLE_ROOT && u->status <= SYNCTV_USER_STATUS_BANNED);
}

static void check_room(const synctv_room *r)
{
    check_text(r->id);
    check_text(r->name);
    check_text(r->description);
    check_text(r->creator_id);
    FUZZ_MUST(r->member_count >= 0);
    FUZZ_MUST(r->settings != NULL && r->settings->auto_advance <= SYNCTV_AUTO_ADVANCE_SHUFFLE);
}

static void check_member(const synctv_member *m)
{
    check_text(m->room_id);
    check_text(m->user_id);
    check_text(m->username);
    FUZZ_MUST(m->role <= SYNCTV_ROOM_ROLE_CREATOR && m->status <= SYNCTV_MEMBER_STATUS_BANNED);
}

static void check_movie(const synctv_movie *m)
{
    check_text(m->id);
    check_text(m->room_id);
    check_text(m->name);
    check_text(m->url);
    check_text(m->added_by);
    check_text(m->stream_key);
    FUZZ_MUST(m->type <= SYNCTV_MOVIE_TYPE_LIVE);
    FUZZ_MUST(isfinite(m->duration_s) && m->duration_s >= 0);
    for (size_t i = 0; i < m->n_headers; i++) {
        check_text(m->headers[i].name);
        check_text(m->headers[i].value);
    }
    for (size_t i = 0; i < m->n_subtitles; i++) {
        check_text(m->subtitles[i].name);
        check_text(m->subtitles[i].url);
        check_text(m->subtitles[i].format);
    }
}

static void check_playback(const synctv_playback *p)
{
    check_text(p->room_id);
    check_text(p->movie_id);
    check_text(p->actor_id);
    check_text(p->operation_id);
    check_text(p->node_id);
    FUZZ_MUST(p->status <= SYNCTV_PLAYBACK_STATUS_PLAYING && p->cause <= SYNCTV_STATE_CAUSE_RESYNC);
}

static void check_chat(const synctv_chat *c)
{
    check_text(c->room_id);
    check_text(c->message_id);
    check_text(c->user_id);
    check_text(c->username);
    check_text(c->content);
    check_text(c->client_message_id);
}

/* What store.h allows. */
static int check_code(int rv)
{
    FUZZ_MUST(rv >= 0 || rv == SYNCTV_E_INTERNAL ||
        synctv_error_from_reason(synctv_error_reason(rv)) != SYNCTV_E_INTERNAL);
    FUZZ_MUST(rv != SYNCTV_E_NO_MEMORY && rv != SYNCTV_E_STORAGE_UNAVAILABLE);
    return rv;
}

/* --- the store's functions --- */

static void read_people(struct sv_tx *tx, struct sv_arena *a)
{
    struct sv_user_rec user;
    struct sv_session_rec session;
    synctv_user *users;
    const char *value;
    unsigned char hash[SV_REFRESH_HASH_SIZE];
    char token[SV_REFRESH_TOKEN_SIZE];
    memset(token, 'R', SV_REFRESH_TOKEN_LEN);
    token[SV_REFRESH_TOKEN_LEN] = '\0';
    sv_refresh_token_hash(token, hash);
    if (check_code(tx->ops->meta_get(tx, "jwt_secret", a, &value)) > 0)
        check_text(value);
    if (check_code(tx->ops->user_get(tx, fuzz_users[FUZZ_OWNER], a, &user)) == 0) {
        check_user(&user.user);
        check_text(user.password_hash);
    }
    if (check_code(tx->ops->user_get_by_name(tx, "member", a, &user)) == 0)
        check_user(&user.user);
    int n = check_code(tx->ops->user_list(tx, "", 0, "", 10, a, &users));
    for (int i = 0; i < n; i++)
        check_user(&users[i]);
    if (check_code(tx->ops->session_get(tx, fuzz_sessions[FUZZ_OWNER], a, &session)) == 0)
        check_text(session.user_id);
    if (check_code(tx->ops->session_get_by_refresh(tx, hash, a, &session)) == 0)
        check_text(session.id);
}

static void read_rooms(struct sv_tx *tx, struct sv_arena *a)
{
    static const char *const searches[] = { "", "r", "room" };
    struct sv_room_rec rec;
    synctv_room *rooms;
    const char *const *ids;
    if (check_code(tx->ops->room_get(tx, ROOM, a, &rec)) == 0) {
        check_room(&rec.room);
        check_text(rec.password_hash);
    }
    for (size_t s = 0; s < 3; s++) {
        const struct sv_room_query query = {
            .search = searches[s],
            .creator_id = "",
            .member_id = "",
            .with_hidden = s > 0,
            .visible_to = fuzz_users[FUZZ_MEMBER],
            .before_id = "",
            .limit = 10,
        };
        int64_t before_ms;
        int n = check_code(tx->ops->room_list(tx, &query, a, &rooms, &before_ms));
        for (int i = 0; i < n; i++)
            check_room(&rooms[i]);
    }
    check_code(tx->ops->room_count_created(tx, fuzz_users[FUZZ_OWNER]));
    int n = check_code(tx->ops->member_rooms(tx, fuzz_users[FUZZ_OWNER], 10, a, &ids));
    for (int i = 0; i < n; i++)
        check_text(ids[i]);
}

static void read_room(struct sv_tx *tx, struct sv_arena *a)
{
    struct sv_member_rec member, *members;
    synctv_movie movie, *movies;
    synctv_playback state;
    synctv_chat message, *chat;
    if (check_code(tx->ops->member_get(tx, ROOM, fuzz_users[FUZZ_OWNER], a, &member)) == 0)
        check_member(&member.member);
    int n = check_code(tx->ops->member_list(tx, ROOM, a, &members));
    for (int i = 0; i < n; i++)
        check_member(&members[i].member);
    n = tx->ops->member_count(tx, ROOM);
    FUZZ_MUST(n >= 0 || n == SYNCTV_E_STORAGE_CORRUPT);
    FUZZ_MUST(tx->ops->member_count_rooms(tx, fuzz_users[FUZZ_OWNER]) >= 0);
    n = check_code(tx->ops->movie_list(tx, ROOM, a, &movies));
    for (int i = 0; i < n; i++)
        check_movie(&movies[i]);
    if (check_code(tx->ops->movie_get(tx, ROOM, "movie-two--0", a, &movie)) == 0)
        check_movie(&movie);
    if (check_code(tx->ops->playback_get(tx, ROOM, a, &state)) > 0)
        check_playback(&state);
    n = check_code(tx->ops->chat_list(tx, ROOM, 0, 0, 10, a, &chat));
    for (int i = 0; i < n; i++)
        check_chat(&chat[i]);
    if (check_code(tx->ops->chat_get(tx, ROOM, "chat-first-0", a, &message)) == 0)
        check_chat(&message);
}

static int read_run(struct sv_blocking_job *job, struct sv_tx *tx)
{
    struct sv_arena arena = { 0 };
    read_people(tx, &arena);
    read_rooms(tx, &arena);
    read_room(tx, &arena);
    sv_arena_fini(&arena);
    return 0;
}

static void write_people(struct sv_tx *tx, struct sv_arena *a)
{
    static const unsigned char hash[32] = "another one";
    const char *const *ids;
    const char *owner = fuzz_users[FUZZ_OWNER], *session = fuzz_sessions[FUZZ_OWNER];
    check_code(tx->ops->user_set_status(tx, owner, SYNCTV_USER_STATUS_ACTIVE));
    check_code(tx->ops->session_rotate(tx, session, hash, 5000, INT64_C(4000000000000)));
    int n = check_code(tx->ops->session_delete_oldest(tx, owner, 1, a, &ids));
    for (int i = 0; i < n; i++)
        check_text(ids[i]);
    n = check_code(tx->ops->session_delete_user(tx, owner, session, a, &ids));
    for (int i = 0; i < n; i++)
        check_text(ids[i]);
    check_code(tx->ops->session_purge(tx, 10000, 10));
    check_code(tx->ops->session_delete(tx, session));
}

static void write_room(struct sv_tx *tx, struct sv_arena *a)
{
    const synctv_movie movie = { .id = "movie-three0", .room_id = ROOM, .name = "three" };
    const synctv_chat said = { .room_id = ROOM,
        .message_id = "chat-second0",
        .user_id = fuzz_users[FUZZ_MEMBER],
        .client_message_id = "mine-1" };
    const synctv_playback state = { .room_id = ROOM, .version = 5000, .rate = 1 };
    struct sv_member_rec member;
    struct sv_room_rec room;
    uint64_t number;
    int32_t position;
    synctv_chat existing;
    check_code(tx->ops->room_touch(tx, ROOM, &number));
    if (tx->ops->member_get(tx, ROOM, fuzz_users[FUZZ_MEMBER], a, &member) == 0) {
        member.member.role = SYNCTV_ROOM_ROLE_ADMIN;
        check_code(tx->ops->member_put(tx, &member));
    }
    check_code(tx->ops->member_purge(tx, 10000, 10));
    check_code(tx->ops->member_delete(tx, ROOM, fuzz_users[FUZZ_MEMBER]));
    check_code(tx->ops->movie_insert(tx, &movie, &position, &number));
    check_code(tx->ops->movie_update(tx, &movie, &number));
    check_code(tx->ops->movie_move(tx, ROOM, "movie-two--0", 0, &number));
    check_code(tx->ops->movie_move(tx, ROOM, "movie-three0", 1, &number));
    check_code(tx->ops->movie_delete(tx, ROOM, "movie-one--0", &number));
    check_code(tx->ops->playback_put(tx, &state));
    if (check_code(tx->ops->chat_insert(tx, &said, 2, &number, a, &existing)) == 1)
        check_chat(&existing);
    if (tx->ops->room_get(tx, ROOM, a, &room) == 0) {
        room.settings.hidden = !room.settings.hidden;
        room.room.name = "another";
        check_code(tx->ops->room_update(tx, &room));
    }
    check_code(tx->ops->room_delete(tx, "room-hidden0"));
}

static int write_run(struct sv_blocking_job *job, struct sv_tx *tx)
{
    struct sv_arena arena = { 0 };
    write_people(tx, &arena);
    write_room(tx, &arena);
    sv_arena_fini(&arena);
    return SYNCTV_E_CANCELLED; /* undone */
}

static void run_job(int (*run)(struct sv_blocking_job *, struct sv_tx *),
    int (*submit)(struct sv_store *, struct sv_job *))
{
    struct sv_blocking_job job = { .run = run };
    int rv = sv_blocking_job_do(&job, fuzz_node.store, submit);
    FUZZ_MUST(rv == 0 || rv == SYNCTV_E_CANCELLED);
}

/* --- the node --- */

/* The answer to a request with nothing wrong in it: what was asked for, or a clean refusal. A
 * client can read it. Where a position is behind the end of a movie depends on its row. */
static void ask(synctv_caller *caller, synctv_request request)
{
    const synctv_result *result = NULL;
    synctv_error err = { .code = 0 };
    request.room_id = ROOM;
    int rv = synctv_call_wait(caller, &request, &result, &err);
    check_code(rv);
    FUZZ_MUST(rv == 0 || (err.code == rv && err.message[0] != '\0'));
    FUZZ_MUST(rv != SYNCTV_E_TIMEOUT);
    FUZZ_MUST(rv != SYNCTV_E_INVALID_ARGUMENT || request.has_position);
    if (rv == 0) {
        struct sv_wire_bytes bytes;
        synctv_result *received = NULL;
        FUZZ_MUST(sv_wire_result_encode(request.method, result, sv_wire_bytes_alloc, &bytes,
                      NULL) == 0);
        FUZZ_MUST(sv_wire_result_decode(request.method, bytes.data, bytes.len, &received, NULL) ==
            0);
        synctv_result_unref(received);
        free(bytes.data);
    }
    synctv_result_unref(result);
}

#define ASK(caller, ...) ask((caller), SYNCTV_REQUEST(SYNCTV_METHOD_##__VA_ARGS__))

static void ask_for_everything(synctv_caller *caller)
{
    ASK(caller, GET_ROOM_INFO);
    ASK(caller, LIST_ROOMS, .search = "room");
    ASK(caller, LIST_ROOMS, .joined = true);
    ASK(caller, LIST_MEMBERS);
    ASK(caller, GET_MOVIE_LIST);
    ASK(caller, GET_CHAT_HISTORY);
    ASK(caller, LIST_USERS);
    ASK(caller, GET_PROFILE);
}

static void change_everything(synctv_caller *caller)
{
    static const synctv_movie movie = { .name = "new", .url = "https://example.org/new.mp4" };
    ASK(caller, PLAY);
    ASK(caller, SEEK, .has_position = true, .position_s = 1);
    ASK(caller, SET_PLAYBACK_RATE, .has_rate = true, .rate = 1.5);
    ASK(caller, PAUSE);
    ASK(caller, SET_CURRENT_MOVIE, .movie_id = "movie-two--0");
    ASK(caller, ADD_MOVIE, .movie = &movie);
    ASK(caller, MOVE_MOVIE, .movie_id = "movie-two--0");
    ASK(caller, REMOVE_MOVIE, .movie_id = "movie-one--0");
    ASK(caller, JOIN_ROOM);
    ASK(caller, SET_MEMBER_PERMISSIONS, .user_id = fuzz_users[FUZZ_MEMBER],
        .removed_permissions = 1);
    ASK(caller, KICK_MEMBER, .user_id = fuzz_users[FUZZ_MEMBER]);
    ASK(caller, DELETE_CHAT_MESSAGE, .message_id = "chat-first-0");
}

static void take_events(synctv_stream *stream)
{
    const synctv_event *event;
    synctv_error err;
    while (synctv_stream_next(stream, 0, &event, &err) == 1) {
        struct sv_wire_bytes bytes;
        synctv_event *received = NULL;
        FUZZ_MUST(sv_wire_event_encode(event, sv_wire_bytes_alloc, &bytes, NULL) == 0);
        FUZZ_MUST(sv_wire_event_decode(bytes.data, bytes.len, &received, NULL) == 0);
        synctv_event_unref(received);
        free(bytes.data);
        synctv_event_unref(event);
    }
}

static synctv_stream *follow(synctv_caller *caller, const char *room_id)
{
    const synctv_stream_options options = SYNCTV_STREAM_OPTIONS(.room_id = room_id);
    synctv_stream *stream = NULL;
    FUZZ_MUST(synctv_stream_open(caller, &options, &stream, NULL) == 0);
    fuzz_node_settle();
    take_events(stream);
    return stream;
}

/* `while_following` may be NULL. */
static void act_as(enum fuzz_person person, void (*while_following)(void))
{
    synctv_caller *caller = NULL;
    if (synctv_node_as_user(&fuzz_node, fuzz_users[person], &caller, NULL) < 0)
        return;
    synctv_stream *bound = follow(caller, ROOM), *all = follow(caller, "");
    if (while_following != NULL)
        while_following();
    ask_for_everything(caller);
    if (person == FUZZ_OWNER)
        change_everything(caller);
    const synctv_request said =
        SYNCTV_REQUEST(SYNCTV_METHOD_SEND_CHAT, .content = "hello", .message_id = "mine-1");
    synctv_stream_send(bound, &said, NULL);
    fuzz_node_settle();
    take_events(bound);
    take_events(all);
    synctv_stream_close(bound);
    synctv_stream_close(all);
    synctv_caller_unref(caller);
}

/* A room that is here already finds other rows the next time it looks, and is loaded again. */
static void change_behind_its_back(void)
{
    static const char later[] = "UPDATE rooms SET revision = revision + 1000";
    sqlite3_exec(changed.handle, later, NULL, NULL, NULL); /* unless it is a text */
    fuzz_node_put_rows(&changed);
}

static void act_as_owner_observed(void)
{
    synctv_caller *observer = synctv_node_as_system(&fuzz_node);
    FUZZ_MUST(observer != NULL);
    synctv_stream *all = follow(observer, "");
    act_as(FUZZ_OWNER, NULL);
    take_events(all);
    ask_for_everything(observer);
    synctv_stream_close(all);
    synctv_caller_unref(observer);
}

static void sign_in(void)
{
    char token[SV_REFRESH_TOKEN_SIZE];
    memset(token, 'R', SV_REFRESH_TOKEN_LEN);
    token[SV_REFRESH_TOKEN_LEN] = '\0';
    synctv_caller *nobody = NULL;
    FUZZ_MUST(synctv_node_as_anonymous(&fuzz_node, "", &nobody, NULL) == 0);
    ASK(nobody, LOGIN, .username = "owner", .password = "password-0");
    ASK(nobody, REFRESH_TOKEN, .refresh_token = token);
    ASK(nobody, LOGOUT, .refresh_token = token);
    synctv_caller_unref(nobody);
}

static void open_once(void)
{
    static bool is_open;
    if (is_open)
        return;
    is_open = true;
    char *schema = fuzz_rows_schema();
    loosen(schema);
    fuzz_rows_open(&pristine, schema);
    fuzz_rows_open(&changed, schema);
    free(schema);
    prepare_updates();
}

/* '0', '1', … */
enum use { READ, WRITE, SIGN_IN, ACT_AS_MEMBER, ACT_AS_OWNER, LOAD_AGAIN, N_USES };

static void use_rows(enum use use)
{
    fuzz_node_reset(use == LOAD_AGAIN ? &pristine : &changed);
    switch (use) {
    case READ:
        run_job(read_run, sv_store_read);
        break;
    case WRITE:
        run_job(write_run, sv_store_write);
        break;
    case SIGN_IN:
        sign_in();
        break;
    case ACT_AS_MEMBER:
        act_as(FUZZ_MEMBER, NULL);
        break;
    case ACT_AS_OWNER:
        act_as_owner_observed();
        break;
    case LOAD_AGAIN:
        act_as(FUZZ_OWNER, change_behind_its_back);
        break;
    case N_USES:
        break;
    }
    fuzz_node_pass_ms(12000); /* who has gone is offline, the state is stored */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0)
        return 0;
    open_once();
    change_rows(data + 1, len - 1);
    use_rows((enum use)(data[0] % N_USES));
    return 0;
}
