/* SPDX-License-Identifier: MIT */
/*
 * The tables. A migration leads from one version to the next and never changes once released.
 *
 * All text is COLLATE "C": pages go by (time, id), and both this program and other databases
 * compare as strcmp() does. Numbers without a sign are kept as the signed ones with the same bits.
 *
 * room_grams has the 1-, 2- and 3-grams of each room's name_fold in hex, in the order in which
 * lists show rooms. It does not refer to rooms: who changes or deletes a room takes its grams out
 * by their names.
 */
#include "store/postgres/schema.h"

#define TEXT_C "TEXT COLLATE \"C\" NOT NULL"

static const char v1_people[] =
    "CREATE TABLE synctv_schema (version BIGINT NOT NULL);"
    "INSERT INTO synctv_schema VALUES (0);"

    "CREATE TABLE meta ("
    "    key " TEXT_C " PRIMARY KEY,"
    "    value " TEXT_C ");"

    /* commit.c: which of its commits each connection did last. */
    "CREATE TABLE commits ("
    "    writer " TEXT_C " PRIMARY KEY,"
    "    n BIGINT NOT NULL,"
    "    closed_at_n BIGINT CHECK (n = closed_at_n),"
    "    at TIMESTAMPTZ NOT NULL DEFAULT now()"
    ") WITH (fillfactor = 50);"

    "CREATE TABLE users ("
    "    id " TEXT_C " PRIMARY KEY,"
    "    username " TEXT_C ","
    "    username_fold " TEXT_C ","
    "    email " TEXT_C ","
    "    email_fold " TEXT_C ","
    "    password_hash " TEXT_C ","
    "    role BIGINT NOT NULL,"
    "    status BIGINT NOT NULL,"
    "    created_at_ms BIGINT NOT NULL);"
    "CREATE UNIQUE INDEX users_by_name ON users (username_fold);"
    "CREATE UNIQUE INDEX users_by_email ON users (email_fold) WHERE email_fold <> '';"
    "CREATE INDEX users_by_age ON users (created_at_ms, id);"

    "CREATE TABLE sessions ("
    "    id " TEXT_C " PRIMARY KEY,"
    "    user_id " TEXT_C " REFERENCES users (id) ON DELETE CASCADE,"
    "    refresh_hash BYTEA NOT NULL,"
    "    previous_hash BYTEA NOT NULL,"
    "    rotations BIGINT NOT NULL,"
    "    rotated_at_ms BIGINT NOT NULL,"
    "    created_at_ms BIGINT NOT NULL,"
    "    expires_at_ms BIGINT NOT NULL);"
    "CREATE INDEX sessions_by_user ON sessions (user_id, rotated_at_ms);"
    "CREATE INDEX sessions_by_expiry ON sessions (expires_at_ms);"

    /* Every refresh hash a session has had; `rotation` numbers them. */
    "CREATE TABLE session_hashes ("
    "    session_id " TEXT_C " REFERENCES sessions (id) ON DELETE CASCADE,"
    "    rotation BIGINT NOT NULL,"
    "    hash BYTEA NOT NULL,"
    "    PRIMARY KEY (session_id, rotation));"
    "CREATE UNIQUE INDEX session_hashes_by_hash ON session_hashes (hash);";

static const char v1_rooms[] =
    "CREATE TABLE rooms ("
    "    id " TEXT_C " PRIMARY KEY,"
    "    name " TEXT_C ","
    "    name_fold " TEXT_C ","
    "    description " TEXT_C ","
    "    creator_id " TEXT_C " REFERENCES users (id),"
    "    password_hash " TEXT_C ","
    "    hidden BIGINT NOT NULL,"
    "    allow_guests BIGINT NOT NULL,"
    "    require_approval BIGINT NOT NULL,"
    "    max_members BIGINT NOT NULL,"
    "    default_member_permissions BIGINT NOT NULL,"
    "    default_admin_permissions BIGINT NOT NULL,"
    "    guest_permissions BIGINT NOT NULL,"
    "    auto_advance BIGINT NOT NULL,"
    "    pause_when_empty BIGINT NOT NULL,"
    "    created_at_ms BIGINT NOT NULL,"
    "    revision BIGINT NOT NULL,"
    "    member_count BIGINT NOT NULL DEFAULT 0,"
    "    movie_count BIGINT NOT NULL DEFAULT 0,"
    "    movies_weight BIGINT NOT NULL DEFAULT 0,"
    "    chat_seq BIGINT NOT NULL DEFAULT 0"
    ") WITH (fillfactor = 70);"
    "CREATE INDEX rooms_by_age ON rooms (hidden, created_at_ms, id);"
    "CREATE INDEX rooms_by_creator ON rooms (creator_id);"

    "CREATE TABLE room_grams ("
    "    gram " TEXT_C ","
    "    hidden BIGINT NOT NULL,"
    "    created_at_ms BIGINT NOT NULL,"
    "    room_id " TEXT_C ","
    "    PRIMARY KEY (gram, hidden, created_at_ms, room_id));"

    /* role 0: not a member, the row only remembers kicked_until_ms. */
    "CREATE TABLE members ("
    "    room_id " TEXT_C " REFERENCES rooms (id) ON DELETE CASCADE,"
    "    user_id " TEXT_C " REFERENCES users (id) ON DELETE CASCADE,"
    "    role BIGINT NOT NULL,"
    "    status BIGINT NOT NULL,"
    "    added_permissions BIGINT NOT NULL,"
    "    removed_permissions BIGINT NOT NULL,"
    "    joined_at_ms BIGINT NOT NULL,"
    "    kicked_until_ms BIGINT NOT NULL,"
    "    PRIMARY KEY (room_id, user_id));"
    "CREATE INDEX members_by_user ON members (user_id, joined_at_ms);"
    "CREATE INDEX members_kicked ON members (kicked_until_ms) WHERE role = 0;"

    /* `rank` orders the playlist; it has gaps, so that a move changes one row. */
    "CREATE TABLE movies ("
    "    room_id " TEXT_C " REFERENCES rooms (id) ON DELETE CASCADE,"
    "    id " TEXT_C ","
    "    rank BIGINT NOT NULL,"
    "    name " TEXT_C ","
    "    url " TEXT_C ","
    "    type BIGINT NOT NULL,"
    "    duration_s DOUBLE PRECISION NOT NULL,"
    "    added_by " TEXT_C ","
    "    created_at_ms BIGINT NOT NULL,"
    "    headers BYTEA NOT NULL,"
    "    subtitles BYTEA NOT NULL,"
    "    weight BIGINT NOT NULL,"
    "    PRIMARY KEY (room_id, id));"
    "CREATE INDEX movies_by_rank ON movies (room_id, rank);"

    "CREATE TABLE playback ("
    "    room_id " TEXT_C " PRIMARY KEY REFERENCES rooms (id) ON DELETE CASCADE,"
    "    movie_id " TEXT_C ","
    "    status BIGINT NOT NULL,"
    "    position_s DOUBLE PRECISION NOT NULL,"
    "    rate DOUBLE PRECISION NOT NULL,"
    "    updated_at_ms BIGINT NOT NULL,"
    "    version BIGINT NOT NULL,"
    "    node_id " TEXT_C ","
    "    cause BIGINT NOT NULL,"
    "    actor_id " TEXT_C ","
    "    operation_id " TEXT_C ");"

    /* A row may say that a message was deleted, instead of being one. */
    "CREATE TABLE chat ("
    "    room_id " TEXT_C " REFERENCES rooms (id) ON DELETE CASCADE,"
    "    seq BIGINT NOT NULL,"
    "    message_id " TEXT_C ","
    "    user_id " TEXT_C ","
    "    username " TEXT_C ","
    "    content " TEXT_C ","
    "    timestamp_ms BIGINT NOT NULL,"
    "    client_message_id " TEXT_C ","
    "    is_deletion BIGINT NOT NULL,"
    "    PRIMARY KEY (room_id, seq));"
    "CREATE INDEX chat_by_client_id ON chat (room_id, user_id, client_message_id)"
    "    WHERE client_message_id <> '';"

    /* The members of the cluster that shares the database; one row an id. */
    "CREATE TABLE nodes ("
    "    id " TEXT_C " PRIMARY KEY,"
    "    epoch BIGINT NOT NULL,"
    "    instance " TEXT_C ","
    "    address " TEXT_C ","
    "    capabilities " TEXT_C ","
    "    stats " TEXT_C ","
    "    beat BIGINT NOT NULL,"
    "    heartbeat_ms BIGINT NOT NULL,"
    "    ahead_ms BIGINT NOT NULL);";

const char *const sv_pg_migrations[SV_PG_SCHEMA_VERSION][SV_PG_MIGRATION_SCRIPTS] = {
    { v1_people, v1_rooms },
};

const char sv_pg_schema_missing[] =
    "SELECT 'the table or index ' || name || ' is missing' FROM unnest(ARRAY["
    "'meta', 'commits', 'users', 'users_by_name', 'users_by_email', 'users_by_age', 'sessions',"
    " 'sessions_by_user', 'sessions_by_expiry', 'session_hashes', 'session_hashes_by_hash',"
    " 'rooms', 'rooms_by_age', 'rooms_by_creator', 'room_grams', 'members', 'members_by_user',"
    " 'members_kicked', 'movies', 'movies_by_rank', 'playback', 'chat', 'chat_by_client_id', 'nodes'"
    "]) AS name WHERE to_regclass(name) IS NULL LIMIT 1";
