/* SPDX-License-Identifier: MIT */
/*
 * The tables. A migration is a script from one user_version to the next. It never changes once
 * released.
 *
 * Rooms are stored in the order of lists: `key` is created_at_ms << 20 plus a number for rooms of
 * the same millisecond. Hidden rooms are below zero (key + INT64_MIN). So a page of visible rooms,
 * with or without a search, is one walk down a range of keys.
 *
 * room_search has, as row `key`, the 1-, 2- and 3-grams of the room's name_fold in hex
 * (room_search.c). It stores no text. To remove a row one passes the same grams again; that is why
 * name_fold is stored.
 */
#include "store/sqlite/schema.h"

static const char v1[] =
    "CREATE TABLE meta ("
    "    key TEXT NOT NULL PRIMARY KEY,"
    "    value TEXT NOT NULL"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE users ("
    "    id TEXT NOT NULL PRIMARY KEY,"
    "    username TEXT NOT NULL,"
    "    username_fold TEXT NOT NULL,"
    "    email TEXT NOT NULL,"
    "    email_fold TEXT NOT NULL,"
    "    password_hash TEXT NOT NULL,"
    "    role INTEGER NOT NULL,"
    "    status INTEGER NOT NULL,"
    "    created_at_ms INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE UNIQUE INDEX users_by_name ON users (username_fold);"
    "CREATE UNIQUE INDEX users_by_email ON users (email_fold) WHERE email_fold <> '';"
    "CREATE INDEX users_by_age ON users (created_at_ms, id);"

    "CREATE TABLE sessions ("
    "    id TEXT NOT NULL PRIMARY KEY,"
    "    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,"
    "    refresh_hash BLOB NOT NULL,"
    "    previous_hash BLOB NOT NULL,"
    "    rotations INTEGER NOT NULL,"
    "    rotated_at_ms INTEGER NOT NULL,"
    "    created_at_ms INTEGER NOT NULL,"
    "    expires_at_ms INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX sessions_by_user ON sessions (user_id);"
    "CREATE INDEX sessions_by_expiry ON sessions (expires_at_ms);"

    /* Every refresh hash a session has had; `rotation` numbers them. */
    "CREATE TABLE session_hashes ("
    "    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,"
    "    rotation INTEGER NOT NULL,"
    "    hash BLOB NOT NULL,"
    "    PRIMARY KEY (session_id, rotation)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE UNIQUE INDEX session_hashes_by_hash ON session_hashes (hash);"

    "CREATE TABLE rooms ("
    "    key INTEGER PRIMARY KEY,"
    "    id TEXT NOT NULL UNIQUE,"
    "    name TEXT NOT NULL,"
    "    name_fold TEXT NOT NULL,"
    "    description TEXT NOT NULL,"
    "    creator_id TEXT NOT NULL REFERENCES users (id),"
    "    password_hash TEXT NOT NULL,"
    "    hidden INTEGER NOT NULL CHECK (hidden = (key < 0)),"
    "    allow_guests INTEGER NOT NULL,"
    "    require_approval INTEGER NOT NULL,"
    "    max_members INTEGER NOT NULL,"
    "    default_member_permissions INTEGER NOT NULL,"
    "    default_admin_permissions INTEGER NOT NULL,"
    "    guest_permissions INTEGER NOT NULL,"
    "    auto_advance INTEGER NOT NULL,"
    "    created_at_ms INTEGER NOT NULL,"
    "    revision INTEGER NOT NULL,"
    "    member_count INTEGER NOT NULL DEFAULT 0,"
    "    chat_seq INTEGER NOT NULL DEFAULT 0"
    ") STRICT;"
    "CREATE INDEX rooms_by_creator ON rooms (creator_id);"
    "CREATE VIRTUAL TABLE room_search USING fts5"
    "    (grams, content='', columnsize=0, detail=none, tokenize='ascii');"

    /* role 0: not a member, the row only remembers kicked_until_ms. */
    "CREATE TABLE members ("
    "    room_id TEXT NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,"
    "    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,"
    "    role INTEGER NOT NULL,"
    "    status INTEGER NOT NULL,"
    "    added_permissions INTEGER NOT NULL,"
    "    removed_permissions INTEGER NOT NULL,"
    "    joined_at_ms INTEGER NOT NULL,"
    "    kicked_until_ms INTEGER NOT NULL,"
    "    PRIMARY KEY (room_id, user_id)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX members_by_user ON members (user_id, joined_at_ms);"

    /* `rank` orders the playlist; it has gaps, so that a move changes one row. */
    "CREATE TABLE movies ("
    "    nr INTEGER PRIMARY KEY,"
    "    room_id TEXT NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,"
    "    id TEXT NOT NULL,"
    "    rank INTEGER NOT NULL,"
    "    name TEXT NOT NULL,"
    "    url TEXT NOT NULL,"
    "    type INTEGER NOT NULL,"
    "    duration_s REAL NOT NULL,"
    "    added_by TEXT NOT NULL,"
    "    created_at_ms INTEGER NOT NULL,"
    "    headers BLOB NOT NULL,"
    "    subtitles BLOB NOT NULL,"
    "    UNIQUE (room_id, id)"
    ") STRICT;"
    "CREATE INDEX movies_by_rank ON movies (room_id, rank);"

    "CREATE TABLE playback ("
    "    room_id TEXT NOT NULL PRIMARY KEY REFERENCES rooms (id) ON DELETE CASCADE,"
    "    movie_id TEXT NOT NULL,"
    "    status INTEGER NOT NULL,"
    "    position_s REAL NOT NULL,"
    "    rate REAL NOT NULL,"
    "    updated_at_ms INTEGER NOT NULL,"
    "    version INTEGER NOT NULL,"
    "    node_id TEXT NOT NULL,"
    "    cause INTEGER NOT NULL,"
    "    actor_id TEXT NOT NULL,"
    "    operation_id TEXT NOT NULL"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE chat ("
    "    room_id TEXT NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,"
    "    seq INTEGER NOT NULL,"
    "    message_id TEXT NOT NULL,"
    "    user_id TEXT NOT NULL,"
    "    username TEXT NOT NULL,"
    "    content TEXT NOT NULL,"
    "    timestamp_ms INTEGER NOT NULL,"
    "    client_message_id TEXT NOT NULL,"
    "    PRIMARY KEY (room_id, seq)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX chat_by_client_id ON chat (room_id, user_id, client_message_id)"
    "    WHERE client_message_id <> '';";

/*
 * For limits: an index of the sessions of a user by their renewal, an index of kicked users, the
 * weight of each movie (for old rows an estimate, which counts the lengths of the strings, too) and
 * of a room's movies together.
 */
static const char v2[] = "DROP INDEX sessions_by_user;"
                         "CREATE INDEX sessions_by_user ON sessions (user_id, rotated_at_ms);"
                         "CREATE INDEX members_kicked ON members (kicked_until_ms) WHERE role = 0;"
                         "ALTER TABLE movies ADD COLUMN weight INTEGER NOT NULL DEFAULT 0;"
                         "UPDATE movies SET weight = length(CAST(name AS BLOB)) + length(CAST(url"
                         " AS BLOB)) + length(headers) + length(subtitles);"
                         "ALTER TABLE rooms ADD COLUMN movie_count INTEGER NOT NULL DEFAULT 0;"
                         "ALTER TABLE rooms ADD COLUMN movies_weight INTEGER NOT NULL DEFAULT 0;"
                         "UPDATE rooms SET movie_count = m.n, movies_weight = m.weight FROM (SELECT"
                         " room_id, count(*) AS n, sum(weight) AS weight FROM movies"
                         " GROUP BY room_id) m WHERE rooms.id = m.room_id;";

static const char v3[] =
    "ALTER TABLE rooms ADD COLUMN pause_when_empty INTEGER NOT NULL DEFAULT 0;";

/* A row of the chat may say that a message was deleted, instead of being one. */
static const char v4[] = "ALTER TABLE chat ADD COLUMN is_deletion INTEGER NOT NULL DEFAULT 0;";

/* The members of the cluster that shares the database; one row an id. */
static const char v5[] = "CREATE TABLE nodes ("
                         "    id TEXT NOT NULL PRIMARY KEY,"
                         "    epoch INTEGER NOT NULL,"
                         "    instance TEXT NOT NULL,"
                         "    address TEXT NOT NULL,"
                         "    capabilities TEXT NOT NULL,"
                         "    stats TEXT NOT NULL,"
                         "    beat INTEGER NOT NULL,"
                         "    heartbeat_ms INTEGER NOT NULL,"
                         "    ahead_ms INTEGER NOT NULL"
                         ") STRICT, WITHOUT ROWID;";

const char *const sv_schema_migrations[SV_SCHEMA_VERSION] = { v1, v2, v3, v4, v5 };

const char sv_schema_missing[] =
    "WITH ours (type, name) AS (VALUES "
    "('table', 'meta'), ('table', 'users'), ('table', 'sessions')"
    ", ('table', 'session_hashes'), ('table', 'rooms'), ('table', 'room_search')"
    ", ('table', 'members'), ('table', 'movies'), ('table', 'playback')"
    ", ('table', 'chat'), ('table', 'nodes'), ('index', 'users_by_name'), ('index', 'users_by_email')"
    ", ('index', 'users_by_age'), ('index', 'sessions_by_user')"
    ", ('index', 'sessions_by_expiry'), ('index', 'session_hashes_by_hash')"
    ", ('index', 'rooms_by_creator'), ('index', 'members_by_user')"
    ", ('index', 'members_kicked'), ('index', 'movies_by_rank')"
    ", ('index', 'chat_by_client_id')"
    ") SELECT 'the ' || type || ' ' || name || ' is missing' FROM ours"
    " EXCEPT SELECT 'the ' || type || ' ' || name || ' is missing' FROM sqlite_schema LIMIT 1";

const char sv_schema_probe[] =
    "SELECT (SELECT count(*) FROM (SELECT 1 FROM meta LIMIT 1)),"
    " (SELECT count(*) FROM (SELECT created_at_ms FROM users LIMIT 1)),"
    " (SELECT count(*) FROM (SELECT rotations FROM sessions LIMIT 1)),"
    " (SELECT count(*) FROM (SELECT rotation FROM session_hashes LIMIT 1)),"
    " (SELECT count(*) FROM (SELECT chat_seq, movies_weight, pause_when_empty FROM rooms LIMIT 1)),"
    " (SELECT count(*) FROM (SELECT rowid FROM room_search WHERE room_search MATCH 'x' LIMIT 1)),"
    " (SELECT count(*) FROM (SELECT kicked_until_ms FROM members LIMIT 1)),"
    " (SELECT count(*) FROM (SELECT subtitles, weight FROM movies LIMIT 1)),"
    " (SELECT count(*) FROM (SELECT operation_id FROM playback LIMIT 1)),"
    " (SELECT count(*) FROM (SELECT client_message_id, is_deletion FROM chat LIMIT 1)),"
    " (SELECT count(*) FROM (SELECT instance, ahead_ms FROM nodes LIMIT 1))";
