/* SPDX-License-Identifier: MIT */
#include "fuzz_rows.h"

#include <string.h>

#include "auth/password.h"
#include "auth/refresh_token.h"
#include "base/clock.h"
#include "base/text.h"
#include "fuzz.h"
#include "store/sqlite/ops.h"
#include "store/room_search.h"
#include "store/sqlite/schema.h"

const char *const fuzz_users[FUZZ_N_PEOPLE] = { "user-admin-0", "user-owner-0", "user-membr-0",
    "user-guest-0", "user-pendg-0" };
const char *const fuzz_sessions[FUZZ_N_PEOPLE] = { "sess-admin-0", "sess-owner-0", "sess-membr-0",
    "sess-guest-0", "sess-pendg-0" };

/* --- what is in it --- */

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
    uint64_t revision;
    FUZZ_MUST(tx->ops->movie_insert(tx, &movie, &position, &revision) == 0);
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
    FUZZ_MUST(tx->ops->chat_insert(tx, &chat, 500, &seq, &arena, &existing) == 0);
    sv_arena_fini(&arena);
}

/* --- statements --- */

/* Whom others refer to comes first. */
static const char *const tables[FUZZ_N_TABLES] = { "meta", "users", "sessions", "session_hashes",
    "rooms", "members", "movies", "playback", "chat" };

static sqlite3_stmt *prepare(sqlite3 *handle, const char *format, const char *table)
{
    char sql[128];
    sqlite3_stmt *stmt = NULL;
    snprintf(sql, sizeof(sql), format, table);
    int rc = sqlite3_prepare_v3(handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
    FUZZ_MUST(rc == SQLITE_OK);
    return stmt;
}

/* INSERT INTO table VALUES (?, …) */
static sqlite3_stmt *prepare_insert(sqlite3 *handle, const char *table, int n_columns)
{
    char format[128] = "INSERT INTO %s VALUES (?";
    for (int i = 1; i < n_columns; i++)
        strcat(format, ", ?");
    strcat(format, ")");
    return prepare(handle, format, table);
}

static void run(sqlite3_stmt *stmt)
{
    FUZZ_MUST(sqlite3_step(stmt) == SQLITE_DONE);
    sqlite3_reset(stmt);
}

static void exec(sqlite3 *handle, const char *sql)
{
    FUZZ_MUST(sqlite3_exec(handle, sql, NULL, NULL, NULL) == SQLITE_OK);
}

void fuzz_rows_attach(struct fuzz_rows *rows, sqlite3 *handle)
{
    rows->handle = handle;
    for (int i = 0; i < FUZZ_N_TABLES; i++) {
        rows->read[i] = prepare(handle, "SELECT * FROM %s", tables[i]);
        rows->clear[i] = prepare(handle, "DELETE FROM %s", tables[i]);
        rows->insert[i] = prepare_insert(handle, tables[i], sqlite3_column_count(rows->read[i]));
    }
    rows->names = prepare(handle,
        "SELECT group_concat(key || ' ' || hex(name_fold)) FROM (SELECT * FROM %s ORDER BY key)",
        "rooms");
    rows->clear_search =
        prepare(handle, "INSERT INTO %s (room_search) VALUES ('delete-all')", "room_search");
    rows->insert_search =
        prepare(handle, "INSERT INTO %s (rowid, grams) VALUES (?, ?)", "room_search");
    rows->read_names = prepare(handle, "SELECT key, name_fold FROM %s", "rooms");
}

/* --- copying: row by row, so that no statement has to be prepared again --- */

static void copy_table(sqlite3_stmt *insert, sqlite3_stmt *read)
{
    int n = sqlite3_column_count(read);
    while (sqlite3_step(read) == SQLITE_ROW) {
        for (int i = 0; i < n; i++)
            FUZZ_MUST(sqlite3_bind_value(insert, i + 1, sqlite3_column_value(read, i)) == 0);
        run(insert);
    }
    sqlite3_reset(read);
}

/* All that the search knows of the rooms, as one text. */
static char *search_of(struct fuzz_rows *rows)
{
    FUZZ_MUST(sqlite3_step(rows->names) == SQLITE_ROW);
    char *all = strdup(sv_str((const char *)sqlite3_column_text(rows->names, 0)));
    FUZZ_MUST(all != NULL);
    sqlite3_reset(rows->names);
    return all;
}

static void make_search(struct fuzz_rows *rows)
{
    struct sv_arena arena = { 0 };
    run(rows->clear_search);
    while (sqlite3_step(rows->read_names) == SQLITE_ROW) {
        const char *name = sv_str((const char *)sqlite3_column_text(rows->read_names, 1));
        const char *grams = sv_room_grams(&arena, sv_utf8_valid(name, strlen(name)) ? name : "");
        FUZZ_MUST(grams != NULL);
        sqlite3_bind_int64(rows->insert_search, 1, sqlite3_column_int64(rows->read_names, 0));
        sqlite3_bind_text(rows->insert_search, 2, grams, -1, SQLITE_STATIC);
        run(rows->insert_search);
    }
    sqlite3_reset(rows->read_names);
    sv_arena_fini(&arena);
}

void fuzz_rows_copy(struct fuzz_rows *to, struct fuzz_rows *from)
{
    exec(to->handle, "BEGIN");
    char *before = search_of(to), *after = search_of(from);
    for (int i = FUZZ_N_TABLES; i-- > 0;)
        run(to->clear[i]);
    for (int i = 0; i < FUZZ_N_TABLES; i++)
        copy_table(to->insert[i], from->read[i]);
    if (strcmp(before, after) != 0)
        make_search(to);
    free(before);
    free(after);
    exec(to->handle, "COMMIT");
}

void fuzz_rows_clone(sqlite3 *to, struct fuzz_rows *from)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from->handle, "main");
    FUZZ_MUST(backup != NULL);
    FUZZ_MUST(sqlite3_backup_step(backup, -1) == SQLITE_DONE);
    FUZZ_MUST(sqlite3_backup_finish(backup) == SQLITE_OK);
}

char *fuzz_rows_schema(void)
{
    size_t len = 1;
    for (int i = 0; i < SV_SCHEMA_VERSION; i++)
        len += strlen(sv_schema_migrations[i]);
    char *all = calloc(len, 1);
    FUZZ_MUST(all != NULL);
    for (int i = 0; i < SV_SCHEMA_VERSION; i++)
        strcat(all, sv_schema_migrations[i]);
    return all;
}

void fuzz_rows_open(struct fuzz_rows *rows, const char *schema)
{
    static const synctv_room_settings open = { .allow_guests = true },
                                      hidden = { .hidden = true, .require_approval = true };
    static const struct sv_password_cost cheap = { .memory_kib = 8, .passes = 1, .lanes = 1 };
    struct sv_db *db = &rows->own;
    *db = (struct sv_db){ .conn.tx.ops = &sv_sqlite_tx_ops };
    FUZZ_MUST(sv_db_open(db, NULL, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) == 0);
    exec(db->handle, schema);

    char password[SV_PASSWORD_RECORD_SIZE], room_password[SV_PASSWORD_RECORD_SIZE];
    FUZZ_MUST(sv_password_hash("password-0", &cheap, password) == 0);
    FUZZ_MUST(sv_password_hash("room-pass", &cheap, room_password) == 0);
    struct sv_tx *tx = &db->conn.tx;
    FUZZ_MUST(tx->ops->meta_put(tx, "jwt_secret", "a secret of no less than 32 characters") == 0);
    put_people(tx, password, sv_wall_ms());
    put_room(tx, "room-open--0", FUZZ_OWNER, "", &open);
    put_member(tx, "room-open--0", FUZZ_MEMBER, SYNCTV_ROOM_ROLE_MEMBER,
        SYNCTV_MEMBER_STATUS_ACTIVE);
    put_room(tx, "room-locked0", FUZZ_OWNER, room_password, &open);
    put_room(tx, "room-hidden0", FUZZ_MEMBER, "", &hidden);
    put_member(tx, "room-hidden0", FUZZ_OWNER, SYNCTV_ROOM_ROLE_MEMBER,
        SYNCTV_MEMBER_STATUS_PENDING);
    put_what_is_in_the_room(tx);
    fuzz_rows_attach(rows, db->handle);
}
