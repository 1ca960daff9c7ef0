/* SPDX-License-Identifier: MIT */
/*
 * The floor under durable writes: bare SQLite, WAL, synchronous=FULL, one thread.   sqlite_floor
 * DATABASE ROWS_A_TRANSACTION SECONDS Each row is what AddMovie has to write: a movie, and the next
 * revision of its room.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "common.h"

#define ROOMS 64

static const char tables[] =
    "CREATE TABLE rooms (id TEXT NOT NULL PRIMARY KEY, revision INTEGER NOT NULL) STRICT;"
    "CREATE TABLE movies (nr INTEGER PRIMARY KEY, room_id TEXT NOT NULL REFERENCES rooms (id),"
    "    id TEXT NOT NULL, rank INTEGER NOT NULL, name TEXT NOT NULL, url TEXT NOT NULL,"
    "    type INTEGER NOT NULL, duration_s REAL NOT NULL, added_by TEXT NOT NULL,"
    "    created_at_ms INTEGER NOT NULL, headers BLOB NOT NULL, subtitles BLOB NOT NULL,"
    "    UNIQUE (room_id, id)) STRICT;"
    "CREATE INDEX movies_by_rank ON movies (room_id, rank);"
    "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 63)"
    "    INSERT INTO rooms SELECT format('r%011d', i), 0 FROM n;";

static sqlite3 *db;

static void must(int rc)
{
    if (rc != SQLITE_OK && rc != SQLITE_DONE && rc != SQLITE_ROW)
        die("SQLite: %s", sqlite3_errmsg(db));
}

static sqlite3_stmt *prepare(const char *sql)
{
    sqlite3_stmt *stmt;
    must(sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL));
    return stmt;
}

static void run(sqlite3_stmt *stmt)
{
    must(sqlite3_step(stmt));
    must(sqlite3_reset(stmt));
}

int main(int argc, char **argv)
{
    if (argc != 4)
        die("sqlite_floor DATABASE ROWS_A_TRANSACTION SECONDS");
    int rows_a_transaction = atoi(argv[2]);
    uint64_t until_ns, n = 0;
    must(sqlite3_open(argv[1], &db));
    must(sqlite3_exec(db,
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;", NULL, NULL,
        NULL));
    must(sqlite3_exec(db, tables, NULL, NULL, NULL));
    sqlite3_stmt *begin = prepare("BEGIN IMMEDIATE"), *commit = prepare("COMMIT");
    sqlite3_stmt *touch = prepare("UPDATE rooms SET revision = revision + 1 WHERE id = ?1");
    sqlite3_stmt *insert =
        prepare("INSERT INTO movies (room_id, id, rank, name, url, type, duration_s, added_by, "
                "created_at_ms, headers, subtitles) VALUES (?1, ?2, ?3, 'A film', "
                "'https://example.org/film.mp4', 1, 5400, ?4, 1, x'', x'')");
    uint64_t start_ns = now_ns(), cpu_ns = cpu_of(0);
    until_ns = start_ns + (uint64_t)(atof(argv[3]) * 1e9);
    while (now_ns() < until_ns) {
        run(begin);
        for (int i = 0; i < rows_a_transaction; i++, n++) {
            char id[16], room[16], user[16];
            unsigned client = (unsigned)(n % ROOMS);
            snprintf(id, sizeof(id), "f%011llu", (unsigned long long)n);
            snprintf(room, sizeof(room), "r%011u", client);
            snprintf(user, sizeof(user), "u%011u", client);
            sqlite3_bind_text(touch, 1, room, -1, SQLITE_STATIC);
            run(touch);
            sqlite3_bind_text(insert, 1, room, -1, SQLITE_STATIC);
            sqlite3_bind_text(insert, 2, id, -1, SQLITE_STATIC);
            sqlite3_bind_int64(insert, 3, 10 + (sqlite3_int64)n);
            sqlite3_bind_text(insert, 4, user, -1, SQLITE_STATIC);
            run(insert);
        }
        run(commit);
    }
    double seconds = (double)(now_ns() - start_ns) / 1e9,
           cpu_s = (double)(cpu_of(0) - cpu_ns) / 1e9;
    printf("{\"ops\": %llu, \"cpu_us\": %.2f, \"rate\": %.1f}\n", (unsigned long long)n,
        cpu_s * 1e6 / (double)n, (double)n / seconds);
    return 0;
}
