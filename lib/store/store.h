/* SPDX-License-Identifier: MIT */
/*
 * Storage: jobs that run in the transactions of a database. Each kind of database is a folder
 * beside this file (backend.h): lib/store/sqlite and lib/store/postgres. tests/contract is what
 * each must pass.
 *
 *               any thread        a writer's thread
 *   a write:    sv_store_write()  -> run() in a transaction -> COMMIT -> apply()
 *   a read:     sv_store_read()   -> run() in a transaction -> apply()    (a reader's thread)
 *
 * run() reads and changes rows and nothing else: it may run again from the start. apply() runs
 * after COMMIT: there memory is updated, others are told, the call is answered. So nobody is told
 * what is not on disk.
 *
 * Order: a job names its scope, a room and at most two users. Jobs of one room run and are applied
 * one after the other, in the order of sv_store_write(). A job that loads a room into memory is a
 * write, too (reads_only): it comes between two others of the room, but not at its place in the
 * queue, so that very many loads do not hold up writes. Between jobs whose scopes have nothing in
 * common there is no order.
 * (SQLite runs all writes on one thread, in one order; nobody may rely on that.)
 *
 * Batches: with SQLite many jobs may share a transaction. If one fails after it has changed
 * something, all run again, each in a savepoint of its own. If their COMMIT fails, each runs again
 * alone and gets its own result. With PostgreSQL each job has its own transaction, and runs again
 * while that may help (a deadlock, a lost connection), for 5 s since it was queued.
 *
 * A read's run() may only call functions that read; what it changes is rolled back. Its apply() has
 * no order with other jobs. A read sees every write whose apply() has begun before.
 *
 * Records are the public structures (synctv/types.h) with private fields beside them. Strings that
 * functions return lie in the caller's arena; strings passed in are borrowed. No function keeps or
 * changes an argument.
 */
#ifndef SV_STORE_STORE_H
#define SV_STORE_STORE_H

#include <synctv/types.h>

#include "base/arena.h"
#include "base/id.h"
#include "base/list.h"
#include "base/log.h"

struct sv_tx;
struct sv_store;

/* What a job reads and changes: at most a room and two users; "" = none. */
struct sv_scope {
    char room_id[SV_ID_SIZE];
    char user_ids[2][SV_ID_SIZE];
};

struct sv_job {
    /* The store's. */
    struct sv_list link;
    /* The scope of a job that writes; set by sv_job_set_scope(). All zeros = none. */
    struct sv_scope scope;
    /*
     * Runs inside a transaction, on the thread of the writer or a reader. Negative = undo what this
     * job has changed; apply() gets that number. It must first reset what an earlier run has left
     * in the job. It must not wait for other threads, nor queue jobs.
     */
    int (*run)(struct sv_job *job, struct sv_tx *tx);
    /*
     * Called exactly once, after COMMIT or failure, on the thread of run(). rv: what run()
     * returned; or STORAGE_UNAVAILABLE, STORAGE_CORRUPT or NO_MEMORY if it did not run or its
     * COMMIT failed. Negative = nothing is stored, except with OUTCOME_UNKNOWN: all of it is
     * stored, or nothing. It may free the job and queue jobs; it must not close the store.
     */
    void (*apply)(struct sv_job *job, int rv);
    /*
     * Of a write: it loads the room of its scope, and changes nothing. It sees one moment, between
     * two other jobs of the room, which need not have been queued in this order.
     */
    bool reads_only;
    /* The store's, as is the next field. */
    int rv;
    /* When to give up (monotonic). */
    int64_t deadline_us;
};

struct sv_user_rec {
    synctv_user user;
    /* Unique key: NFKC + case folding. */
    const char *username_fold;
    /* Unique unless "". */
    const char *email_fold;
    /* PHC string. */
    const char *password_hash;
};

/* A login. Only a hash of the refresh token is stored (32 bytes, SHA-256). */
struct sv_session_rec {
    const char *id;
    const char *user_id;
    unsigned char refresh_hash[32];
    /* The hash before this one; zeros = none. */
    unsigned char previous_hash[32];
    int64_t rotated_at_ms;
    int64_t created_at_ms;
    int64_t expires_at_ms;
};

struct sv_room_rec {
    /* `room.settings` points to `settings`; online_count and is_live are 0. */
    synctv_room room;
    synctv_room_settings settings;
    /* "" = no password. */
    const char *password_hash;
    /* The newest number of the chat. Set by room_get() only, as are the next fields. */
    uint64_t chat_seq;
    int32_t n_movies;
    /* The weight of all movies together, by sv_movie_weight(). */
    int32_t movies_weight;
};

struct sv_member_rec {
    /* The username comes from the user's row; permissions and online are 0. */
    synctv_member member;
    /* The user may not join before this time. */
    int64_t kicked_until_ms;
    /* From the user's row, as is the next field. */
    synctv_user_role user_role;
    synctv_user_status user_status;
};

/*
 * A row can outlive the membership: BANNED is a status, and a row that is kept only for
 * kicked_until_ms has role UNSPECIFIED. A user counts as a member, here and in member_count, if the
 * row has a role and is ACTIVE or PENDING.
 */

struct sv_room_query {
    /* Any part of the name, at least 1 code point, folded by sv_name_fold(); "" = all. */
    const char *search;
    /* "" = any. */
    const char *creator_id;
    /* Only rooms in which this user counts as a member; "" = any. */
    const char *member_id;
    /* False: no hidden rooms, except those of `visible_to`. */
    bool with_hidden;
    /* Hidden rooms in which this user counts as a member are listed; "" = none. */
    const char *visible_to;
    /* The key of the last room of the page before; 0 = start with the newest. */
    int64_t before_created_at_ms;
    const char *before_id;
    int32_t limit;
};

#define SV_ROOM_HEADS_MAX 256

/* What grows with each change of a room: by it one sees whether somebody else has made one. */
struct sv_room_head {
    /* False: there is no such room, and all else is 0. */
    bool exists;
    uint64_t revision;
    uint64_t chat_seq;
    /* Of the playback state; 0 and "" = none is stored. */
    uint64_t version;
    char node_id[65];
};

/*
 * A row of the chat: a message, or that the message of this id was deleted (by user_id, at
 * timestamp_ms).
 */
struct sv_chat_rec {
    synctv_chat chat;
    bool is_deletion;
};

/*
 * A member of the cluster that shares the database. Its row stands from its start until it stops,
 * or until it has been dead for long. `epoch` grows whenever the node registers and when it is
 * declared dead, `beat` whenever it registers or says that it lives.
 */
struct sv_node_rec {
    const char *id;
    int64_t epoch;
    /* Of one start of the node, random; "" = it has been declared dead. */
    const char *instance;
    /* "ADDR:PORT" for other nodes, "" = none. */
    const char *address;
    /* Words with a space between: what other nodes may ask it for. */
    const char *capabilities;
    /* For operators. */
    const char *stats;
    uint64_t beat;
    /* It says that it lives each so many ms. */
    int64_t heartbeat_ms;
    /* How far its clock is ahead of the store's. */
    int64_t ahead_ms;
};

#define SV_NODES_MAX 256 /* what node_list() returns at most */

/*
 * Call these inside run() only. Unless a comment says otherwise, a function returns 0 or
 *   the …_NOT_FOUND code of its noun   no such row, or the row that it belongs to is missing
 *   STORAGE_UNAVAILABLE                the database is busy, full or broken
 *   STORAGE_CORRUPT, NO_MEMORY
 *   INVALID_ARGUMENT                   a number that cannot be stored (NaN, an impossible time)
 *   INTERNAL                           the id exists already
 * run() must return STORAGE_UNAVAILABLE and those below it to its caller. On failure ret_ arguments
 * are untouched. A list of something that does not exist is empty; a list of 0 rows leaves its ret_
 * argument undefined. A limit ≤ 0 gives 0 rows.
 */
struct sv_tx_ops {
    /*
     * Facts about the database by name: jwt_secret, storage_id, … Returns 1 if found, 0 if not.
     */
    int (*meta_get)(struct sv_tx *tx, const char *key, struct sv_arena *a, const char **ret_value);
    int (*meta_put)(struct sv_tx *tx, const char *key, const char *value);
    /*
     * The wall clock of the database's server, Unix ms. Returns 1, or 0 if there is no server: the
     * database is on this machine.
     */
    int (*clock_ms)(struct sv_tx *tx, int64_t *ret_ms);

    /* Errors: USERNAME_TAKEN, EMAIL_TAKEN. */
    int (*user_insert)(struct sv_tx *tx, const struct sv_user_rec *rec);
    int (*user_get)(struct sv_tx *tx, const char *id, struct sv_arena *a, struct sv_user_rec *ret);
    int (*user_get_by_name)(struct sv_tx *tx, const char *username_fold, struct sv_arena *a,
        struct sv_user_rec *ret);
    int (*user_set_status)(struct sv_tx *tx, const char *id, synctv_user_status status);
    int (*user_set_role)(struct sv_tx *tx, const char *id, synctv_user_role role);
    int (*user_set_password)(struct sv_tx *tx, const char *id, const char *password_hash);
    /*
     * Newest first by (created_at, id). `search` is any part of the folded name. May read all
     * users: for administrators only. Returns the count.
     */
    int (*user_list)(struct sv_tx *tx, const char *search, int64_t before_created_at_ms,
        const char *before_id, int32_t limit, struct sv_arena *a, synctv_user **ret_users);

    /* Errors of all session functions: SESSION_ENDED if there is no such session. */
    int (*session_insert)(struct sv_tx *tx, const struct sv_session_rec *rec);
    int (*session_get)(struct sv_tx *tx, const char *id, struct sv_arena *a,
        struct sv_session_rec *ret);
    /*
     * Finds the session that has this refresh hash now, had it before, or ever had it: compare the
     * hashes in *ret.
     */
    int (*session_get_by_refresh)(struct sv_tx *tx, const unsigned char hash[32],
        struct sv_arena *a, struct sv_session_rec *ret);
    /*
     * The current hash becomes the previous one. The last 1000 older ones stay known until the
     * session ends, so that the use of a stolen old token is noticed.
     */
    int (*session_rotate)(struct sv_tx *tx, const char *id, const unsigned char new_hash[32],
        int64_t rotated_at_ms, int64_t expires_at_ms);
    int (*session_delete)(struct sv_tx *tx, const char *id);
    /*
     * Deletes all sessions of a user except `except_id` ("" = no exception). Returns how many;
     * their ids in *ret_ids.
     */
    int (*session_delete_user)(struct sv_tx *tx, const char *user_id, const char *except_id,
        struct sv_arena *a, const char *const **ret_ids);
    /*
     * Deletes all sessions of a user except the `keep` that were inserted or rotated last. Returns
     * how many; their ids in *ret_ids.
     */
    int (*session_delete_oldest)(struct sv_tx *tx, const char *user_id, int32_t keep,
        struct sv_arena *a, const char *const **ret_ids);
    /* Deletes expired sessions, at most `limit`. Returns how many. */
    int (*session_purge)(struct sv_tx *tx, int64_t now_ms, int32_t limit);

    int (*room_insert)(struct sv_tx *tx, const struct sv_room_rec *rec);
    int (*room_get)(struct sv_tx *tx, const char *id, struct sv_arena *a, struct sv_room_rec *ret);
    /* Of `n` rooms, at most SV_ROOM_HEADS_MAX, in one query. Returns 0. */
    int (*room_heads)(struct sv_tx *tx, const char *const *ids, size_t n, struct sv_room_head *ret);
    /* Writes name, description, settings, password_hash, creator_id; not the revision. */
    int (*room_update)(struct sv_tx *tx, const struct sv_room_rec *rec);
    /* Deletes the room and everything in it. */
    int (*room_delete)(struct sv_tx *tx, const char *id);
    /* Adds 1 to the revision and returns it in *ret_revision. */
    int (*room_touch)(struct sv_tx *tx, const char *id, uint64_t *ret_revision);
    /*
     * Newest first by (created_at, id). Returns the count; the rooms have settings and
     * member_count. A search stops when it has looked at many rooms without success: then
     * *ret_before_ms says where to go on (with "" as before_id); otherwise it is 0.
     */
    int (*room_list)(struct sv_tx *tx, const struct sv_room_query *query, struct sv_arena *a,
        synctv_room **ret_rooms, int64_t *ret_before_ms);
    /* Returns how many rooms this user created. */
    int (*room_count_created)(struct sv_tx *tx, const char *user_id);

    int (*member_get)(struct sv_tx *tx, const char *room_id, const char *user_id,
        struct sv_arena *a, struct sv_member_rec *ret);
    /* Inserts or replaces the row. ROOM_NOT_FOUND, USER_NOT_FOUND. */
    int (*member_put)(struct sv_tx *tx, const struct sv_member_rec *rec);
    int (*member_delete)(struct sv_tx *tx, const char *room_id, const char *user_id);
    /*
     * Deletes rows that were kept only for a kicked_until_ms which has passed, at most `limit`.
     * Returns how many.
     */
    int (*member_purge)(struct sv_tx *tx, int64_t now_ms, int32_t limit);
    /*
     * All rows of a room by (joined_at, user_id), also pending, banned and kicked ones. Returns the
     * count.
     */
    int (*member_list)(struct sv_tx *tx, const char *room_id, struct sv_arena *a,
        struct sv_member_rec **ret_members);
    /* Returns how many count as members of the room. */
    int (*member_count)(struct sv_tx *tx, const char *room_id);
    /* Returns in how many rooms the user counts as a member. */
    int (*member_count_rooms)(struct sv_tx *tx, const char *user_id);
    /*
     * Ids of the rooms of which the user is an active member, the last joined first, at most
     * `limit`. Returns the count.
     */
    int (*member_rooms)(struct sv_tx *tx, const char *user_id, int32_t limit, struct sv_arena *a,
        const char *const **ret_room_ids);

    /* In playlist order. Returns the count. stream_key and live are not stored. */
    int (*movie_list)(struct sv_tx *tx, const char *room_id, struct sv_arena *a,
        synctv_movie **ret_movies);
    int (*movie_get)(struct sv_tx *tx, const char *room_id, const char *movie_id,
        struct sv_arena *a, synctv_movie *ret);
    /* The next five change the playlist, and so also do what room_touch() does. */
    /* Appends the movie; movie->position is ignored. The place is returned in *ret_position. */
    int (*movie_insert)(struct sv_tx *tx, const synctv_movie *movie, int32_t *ret_position,
        uint64_t *ret_revision);
    /* Writes name, url, duration, headers, subtitles. */
    int (*movie_update)(struct sv_tx *tx, const synctv_movie *movie, uint64_t *ret_revision);
    /* The movies behind it move up. */
    int (*movie_delete)(struct sv_tx *tx, const char *room_id, const char *movie_id,
        uint64_t *ret_revision);
    /* Moves the movie to a place from 0 to count - 1 (clamped); the others keep their order. */
    int (*movie_move)(struct sv_tx *tx, const char *room_id, const char *movie_id, int32_t position,
        uint64_t *ret_revision);
    /* Returns how many were removed. 0: nothing has changed, also not *ret_revision. */
    int (*movie_clear)(struct sv_tx *tx, const char *room_id, uint64_t *ret_revision);

    /* Returns 1 if there is a state, 0 if not. */
    int (*playback_get)(struct sv_tx *tx, const char *room_id, struct sv_arena *a,
        synctv_playback *ret);
    /*
     * Writes the state unless the stored one has the same or a higher (version, node_id). Returns 1
     * if written, 0 if not. Errors: ROOM_NOT_FOUND.
     */
    int (*playback_put)(struct sv_tx *tx, const synctv_playback *state);

    /*
     * The chat of a room is a numbered log of messages and deletions; the rows of the newest `keep`
     * numbers are kept.
     */
    /*
     * Gives the message a number that was never used in this room (*ret_seq), and drops rows that
     * are too old. If a message with the same room, user and client_message_id (not "") is still
     * kept, it stores nothing and returns 1 with that message in *ret_existing. Errors:
     * ROOM_NOT_FOUND.
     */
    int (*chat_insert)(struct sv_tx *tx, const synctv_chat *chat, int32_t keep, uint64_t *ret_seq,
        struct sv_arena *a, synctv_chat *ret_existing);
    /* Newest first, with seq < before_seq (0 = no bound) and seq > after_seq. Returns the count. */
    int (*chat_list)(struct sv_tx *tx, const char *room_id, uint64_t before_seq, uint64_t after_seq,
        int32_t limit, struct sv_arena *a, synctv_chat **ret_chat);
    /* Every row with a higher number, deletions included, oldest first. Returns the count. */
    int (*chat_after)(struct sv_tx *tx, const char *room_id, uint64_t after_seq, int32_t limit,
        struct sv_arena *a, struct sv_chat_rec **ret_rows);
    /* Errors: MESSAGE_NOT_FOUND, here and below. */
    int (*chat_get)(struct sv_tx *tx, const char *room_id, const char *message_id,
        struct sv_arena *a, synctv_chat *ret);
    /*
     * Deletes a message, and adds a row for the deletion with the next number (*ret_seq) and
     * without content: room_id and message_id name the message, user_id the user who has deleted
     * it, timestamp_ms the time. chat_list() and chat_get() do not show that row.
     */
    int (*chat_delete)(struct sv_tx *tx, const synctv_chat *deletion, int32_t keep,
        uint64_t *ret_seq);

    /* Writes the row of a node that starts, or comes back, in place of the one there is: with the
     * greater of that one's epoch + 1 and `now_ms` (the store's clock) as epoch, which is returned.
     * If the store is a member's and this is its node, its transactions are checked against this
     * epoch from here on. INVALID_ARGUMENT: now_ms < 1. */
    int (*node_register)(struct sv_tx *tx, const struct sv_node_rec *node, int64_t now_ms,
        int64_t *ret_epoch);
    /* beat + 1, and address, capabilities, stats and ahead_ms as given, if id, epoch and instance
     * are those of the row. Returns 1, or 0 if they are not: the node is dead, gone, or another has
     * its place. */
    int (*node_beat)(struct sv_tx *tx, const struct sv_node_rec *node);
    /* By id. Returns the count. */
    int (*node_list)(struct sv_tx *tx, struct sv_arena *a, struct sv_node_rec **ret_nodes);
    /* If epoch and beat are still those: epoch + 1 and instance "", so that nothing that the node
     * has not committed yet will be. Waits for the transactions that it has open. Returns 1, or 0
     * if it lives. */
    int (*node_declare_dead)(struct sv_tx *tx, const char *id, int64_t epoch, uint64_t beat);
    /* Removes the row if that is its epoch. Returns whether it was there. */
    int (*node_forget)(struct sv_tx *tx, const char *id, int64_t epoch);
    /* Returns whether some store, this one too, holds the lock on this id at this moment. */
    int (*node_is_held)(struct sv_tx *tx, const char *id);
};

struct sv_tx {
    const struct sv_tx_ops *ops;
};

/*
 * Whose store it is, if it is a member's: beside other members only, and one for each id, which is
 * locked while the store is open. Each of its transactions that has changed something is checked
 * before its COMMIT: if the node's row has not the epoch with which it has registered, and this
 * instance, nothing is stored, and the jobs get STORAGE_UNAVAILABLE. So its first job is one with
 * node_register().
 */
struct sv_store_member {
    /* Copied. */
    const char *id, *instance;
    /* Its address is of the loopback interface: only members on this machine can reach it. */
    bool on_loopback;
    /* Such a transaction was refused. On the thread of the job, without locks; must not block, may
     * queue jobs. */
    void (*refused)(void *userdata);
    void *userdata;
};

struct sv_store_options {
    /* "sqlite:PATH", "memory:" or "postgres://…", a URL of libpq. */
    const char *url;
    /*
     * No other store that is alone may open it, in any process: PATH.lock is locked, or an advisory
     * lock is held.
     */
    bool alone;
    /* NULL = it is not a member's; otherwise `alone` does not count. */
    const struct sv_store_member *member;
    /* And as many loads of rooms; 0 = 4096. */
    size_t max_queued_writes;
    /* 0 = 256. */
    size_t max_queued_reads;
    /* 0 = 2. */
    unsigned reader_threads;
    /* With a job, if the database is behind a network; 0 = 5000. */
    int64_t patience_ms;
    /* Borrowed, may be NULL. */
    const struct sv_log *log;
};

/*
 * Opens (creates, migrates) the database and starts its threads. The folder is created (mode 0700)
 * if its parent exists; the files have mode 0600. A new database gets meta `storage_id` (nanoid 21)
 * and `jwt_secret` (64 hex digits).
 * Errors: INVALID_ARGUMENT (url; a member on_loopback with a database on another machine),
 * STORAGE_UNAVAILABLE (also: others have it, or the id; for a member, a network file system, or a
 * migration while members that do not know the new schema are at work), STORAGE_CORRUPT (also: of
 * another program), STORAGE_TOO_NEW, NO_MEMORY. `err` says which file and why, and nothing on disk
 * has changed. Later failures of the database go to the log: when they begin, at most once a minute
 * while they last, and when they are over.
 */
int sv_store_open(const struct sv_store_options *options, struct sv_store **ret_store,
    synctv_error *err);

/* Batches of at most 1, 2, 4 … 256 jobs. */
#define SV_STORE_N_BATCHES 9

struct sv_store_stats {
    size_t queued_writes, queued_loads, queued_reads;
    /* What writers took from their queues at once, since the start; the jobs of all batches. */
    uint64_t batches[SV_STORE_N_BATCHES], batched_jobs;
};

/* Any thread. */
void sv_store_get_stats(struct sv_store *store, struct sv_store_stats *ret_stats);

/*
 * How often the database turned out to be another copy of the data: a standby that was promoted may
 * not have got what was written last. What is in memory is to be read again then. Any thread.
 */
uint64_t sv_store_turns(const struct sv_store *store);

/*
 * For a reader who finds that what the open database holds cannot be, `what` in a few words: fills
 * `err` with the sentence that the store has for damage. Returns STORAGE_CORRUPT.
 */
int sv_store_damaged(const struct sv_store *store, const char *what, synctv_error *err);

/*
 * Sets the scope of a job that writes, before it is queued. The ids are copied; NULL is "". Jobs of
 * one room run and are applied in the order of sv_store_write(). Jobs that count or check something
 * of a user name that user, so that no other job of this user comes between. Nobody may rely on an
 * order between scopes that have nothing in common: another database may run them at the same time.
 */
void sv_job_set_scope(struct sv_job *job, const char *room_id, const char *user_id,
    const char *other_user_id);

/*
 * Never blocks. Any thread. Returns 0, and apply() will be called; or OVERLOADED (the queue is
 * full) or SHUTTING_DOWN, and it will not.
 */
int sv_store_write(struct sv_store *store, struct sv_job *job);
int sv_store_read(struct sv_store *store, struct sv_job *job);
/*
 * Waits until all writes that are queued, also those queued meanwhile, have been applied. Must not
 * be called from a job.
 */
void sv_store_drain(struct sv_store *store);
/*
 * Takes no more jobs, finishes the queued ones (their apply() runs), joins the threads, closes.
 * Waits at most 5 s in all for other processes. Idempotent. Must not be called from a job.
 */
void sv_store_close(struct sv_store *store);
/* The store must be closed. */
void sv_store_free(struct sv_store *store);

#endif
