/* SPDX-License-Identifier: MIT */
/*
 * Storage: jobs that are run in the transactions of a database, which is behind a table of functions. Each kind of database is a folder
 * beside this file (backend.h): lib/store/sqlite and lib/store/postgres. tests/contract is what each must pass.
 *
 * A write is a job with two halves. run() looks at rows and changes them inside a transaction and touches nothing
 * else: it may be run again from the start. apply() runs after COMMIT: there memory is updated, others are told, the call is
 * answered. What has been told is on disk. A job names its scope, a room and at most two users: jobs of one room are run and applied in
 * the order of sv_store_write(), and so is a job that only reads the room to put it into memory, which is why that one is a write, too
 * (reads_only). Between jobs whose scopes have nothing in common there is no order. (With SQLite all are on one thread, the writer, and in
 * one order; nobody may rely on that.) With SQLite many jobs share a transaction: if one of them fails after it has changed something, all
 * are run again, each in a savepoint of its own; when their COMMIT fails, each is run again alone and gets its own verdict. With PostgreSQL
 * each job has its own and is run again while that may help (a deadlock, a lost connection) and 5 s since it was queued are not over.
 *
 * A read is a job too; its run() may only use the functions that read (what it changes is not kept), its apply() follows
 * on the same thread, in no order with other jobs. It sees everything whose apply() has begun before.
 *
 * Records are the public structures (synctv/types.h) with what is not public beside them. Strings that functions return lie
 * in the arena that the caller passes; strings passed in are borrowed. No function keeps or changes an argument.
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
    struct sv_list link; /* the store's */
    /* Of a job that writes; sv_job_set_scope(). A job of zeros has none. */
    struct sv_scope scope;
    /* On the writer (or a reader) thread, inside a transaction. Negative = undo what this job has changed; apply() gets
     * that number. The first thing it does is to reset what an earlier run may have left in the job. It neither
     * waits for other threads nor queues jobs. */
    int (*run)(struct sv_job *job, struct sv_tx *tx);
    /* Exactly once, after COMMIT (or failure), on the thread of run(). rv: what run() returned, or, if it was not run or its
     * COMMIT failed, STORAGE_UNAVAILABLE, STORAGE_CORRUPT or NO_MEMORY. Negative = nothing is stored, but for OUTCOME_UNKNOWN:
     * all of it is, or nothing. May free the job and queue it or another one; must not close the store. */
    void (*apply)(struct sv_job *job, int rv);
    /* Of a job that is queued to be written: it changes nothing, and only wants its place in the order of its room. It sees one moment. */
    bool reads_only;
    int rv; /* the store's, as is the next: when to give up */
    int64_t deadline_us;
};

struct sv_user_rec {
    synctv_user user;
    const char *username_fold; /* unique key: NFKC + case folding */
    const char *email_fold;    /* unique unless "" */
    const char *password_hash; /* PHC string */
};

/* A login. Only a hash of the refresh token is stored (32 bytes, SHA-256). */
struct sv_session_rec {
    const char *id;
    const char *user_id;
    unsigned char refresh_hash[32];
    unsigned char previous_hash[32]; /* the one before, zeros = none */
    int64_t rotated_at_ms;
    int64_t created_at_ms;
    int64_t expires_at_ms;
};

struct sv_room_rec {
    synctv_room room; /* settings points to `settings`; online_count and is_live are 0 */
    synctv_room_settings settings;
    const char *password_hash; /* "" = no password */
    int32_t n_movies;          /* this and the next: room_get() only */
    int32_t movies_weight;     /* of all together, by sv_movie_weight() */
};

struct sv_member_rec {
    synctv_member member;    /* username comes from the user's row; permissions and online are 0 */
    int64_t kicked_until_ms; /* may not join before that */
    synctv_user_role user_role; /* this and the next come from the user's row, too */
    synctv_user_status user_status;
};

/*
 * A row can outlive the membership: BANNED is a status, and a row kept only for kicked_until_ms has role UNSPECIFIED. Who
 * counts as a member, below and in member_count, has a role and is ACTIVE or PENDING.
 */

struct sv_room_query {
    const char *
        search; /* "" = all; any part of the name, ≥ 1 code point, folded by sv_name_fold() on both sides */
    const char *creator_id; /* "" = any */
    const char *member_id;  /* "" = any; else rooms in which this user counts as a member */
    bool with_hidden;       /* false: hidden rooms are left out, but for those of `visible_to` */
    const char *
        visible_to; /* "" = nobody; else hidden rooms in which this user counts as a member are shown */
    int64_t before_created_at_ms; /* key of the last one seen; 0 = from the newest */
    const char *before_id;
    int32_t limit;
};

/*
 * All functions are called inside run() only. Unless a function says otherwise it returns 0, or
 *   the …_NOT_FOUND code of its noun    no such row; or of what the row belongs to, if that is missing
 *   STORAGE_UNAVAILABLE                 busy, full or broken; run() must pass this and those below on
 *   STORAGE_CORRUPT, NO_MEMORY
 *   INVALID_ARGUMENT                    a number that cannot be stored (NaN, a time beyond all reason)
 *   INTERNAL                            an id that is taken already
 * and leaves ret_ arguments alone on failure. Lists of what does not exist are empty; a list of 0 rows leaves its ret_ argument
 * undefined. A limit ≤ 0 gives 0 rows.
 */
struct sv_tx_ops {
    /* Free-form facts about the database: jwt_secret, storage_id, … USER_NOT_FOUND never; returns 1 if found, 0 if not. */
    int (*meta_get)(struct sv_tx *tx, const char *key, struct sv_arena *a, const char **ret_value);
    int (*meta_put)(struct sv_tx *tx, const char *key, const char *value);

    /* USERNAME_TAKEN, EMAIL_TAKEN. */
    int (*user_insert)(struct sv_tx *tx, const struct sv_user_rec *rec);
    int (*user_get)(struct sv_tx *tx, const char *id, struct sv_arena *a, struct sv_user_rec *ret);
    int (*user_get_by_name)(struct sv_tx *tx, const char *username_fold, struct sv_arena *a,
        struct sv_user_rec *ret);
    int (*user_set_status)(struct sv_tx *tx, const char *id, synctv_user_status status);
    int (*user_set_role)(struct sv_tx *tx, const char *id, synctv_user_role role);
    int (*user_set_password)(struct sv_tx *tx, const char *id, const char *password_hash);
    /* Newest first by (created_at, id); search is any part of the folded name. Reads all users if need be: for
     * administrators. Returns the count. */
    int (*user_list)(struct sv_tx *tx, const char *search, int64_t before_created_at_ms,
        const char *before_id, int32_t limit, struct sv_arena *a, synctv_user **ret_users);

    /* SESSION_ENDED when there is none, here and below. */
    int (*session_insert)(struct sv_tx *tx, const struct sv_session_rec *rec);
    int (*session_get)(struct sv_tx *tx, const char *id, struct sv_arena *a,
        struct sv_session_rec *ret);
    /* Finds the session whose current or previous refresh hash this is, or which once had it: compare the hashes in *ret. */
    int (*session_get_by_refresh)(struct sv_tx *tx, const unsigned char hash[32],
        struct sv_arena *a, struct sv_session_rec *ret);
    /* Current becomes previous; the older ones stay known until the session ends (the last 1000 of them), so that a stolen
     * old token is noticed. */
    int (*session_rotate)(struct sv_tx *tx, const char *id, const unsigned char new_hash[32],
        int64_t rotated_at_ms, int64_t expires_at_ms);
    int (*session_delete)(struct sv_tx *tx, const char *id);
    /* All of a user but `except_id` ("" = none excepted). Returns how many; their ids in *ret_ids. */
    int (*session_delete_user)(struct sv_tx *tx, const char *user_id, const char *except_id,
        struct sv_arena *a, const char *const **ret_ids);
    /* All of a user but the `keep` that were renewed (rotated, or inserted) last. Returns how many; their ids in *ret_ids. */
    int (*session_delete_oldest)(struct sv_tx *tx, const char *user_id, int32_t keep,
        struct sv_arena *a, const char *const **ret_ids);
    /* Returns how many were expired and removed, at most `limit`. */
    int (*session_purge)(struct sv_tx *tx, int64_t now_ms, int32_t limit);

    int (*room_insert)(struct sv_tx *tx, const struct sv_room_rec *rec);
    int (*room_get)(struct sv_tx *tx, const char *id, struct sv_arena *a, struct sv_room_rec *ret);
    /* Writes name, description, settings, password_hash, creator_id; not the revision. */
    int (*room_update)(struct sv_tx *tx, const struct sv_room_rec *rec);
    /* With everything in it. */
    int (*room_delete)(struct sv_tx *tx, const char *id);
    /* revision + 1, returned in *ret_revision. */
    int (*room_touch)(struct sv_tx *tx, const char *id, uint64_t *ret_revision);
    /* Newest first by (created_at, id). Returns the count; rooms with settings and member_count. When a search has looked at many
     * rooms in vain it stops: then *ret_before_ms says from where to go on, with "" as before_id; else that is 0. */
    int (*room_list)(struct sv_tx *tx, const struct sv_room_query *query, struct sv_arena *a,
        synctv_room **ret_rooms, int64_t *ret_before_ms);
    /* Returns how many rooms this user created. */
    int (*room_count_created)(struct sv_tx *tx, const char *user_id);

    int (*member_get)(struct sv_tx *tx, const char *room_id, const char *user_id,
        struct sv_arena *a, struct sv_member_rec *ret);
    /* Inserts or replaces the row. ROOM_NOT_FOUND, USER_NOT_FOUND. */
    int (*member_put)(struct sv_tx *tx, const struct sv_member_rec *rec);
    int (*member_delete)(struct sv_tx *tx, const char *room_id, const char *user_id);
    /* Removes rows kept only for a kicked_until_ms that is over. Returns how many, at most `limit`. */
    int (*member_purge)(struct sv_tx *tx, int64_t now_ms, int32_t limit);
    /* All rows of a room by (joined_at, user_id), pending, banned and kicked ones included. Returns the count. */
    int (*member_list)(struct sv_tx *tx, const char *room_id, struct sv_arena *a,
        struct sv_member_rec **ret_members);
    /* Returns how many count as members of the room. */
    int (*member_count)(struct sv_tx *tx, const char *room_id);
    /* Returns in how many rooms the user counts as a member. */
    int (*member_count_rooms)(struct sv_tx *tx, const char *user_id);
    /* Ids of the rooms of which the user is an active member, newest joined first, at most `limit`. Returns the count. */
    int (*member_rooms)(struct sv_tx *tx, const char *user_id, int32_t limit, struct sv_arena *a,
        const char *const **ret_room_ids);

    /* In playlist order. Returns the count. stream_key and live are not stored. */
    int (*movie_list)(struct sv_tx *tx, const char *room_id, struct sv_arena *a,
        synctv_movie **ret_movies);
    int (*movie_get)(struct sv_tx *tx, const char *room_id, const char *movie_id,
        struct sv_arena *a, synctv_movie *ret);
    /* A change of the playlist is one of its room: these five do what room_touch() does, too. */
    /* At the end of the list, whatever movie->position says; the place in *ret_position. */
    int (*movie_insert)(struct sv_tx *tx, const synctv_movie *movie, int32_t *ret_position,
        uint64_t *ret_revision);
    /* Writes name, url, duration, headers, subtitles. */
    int (*movie_update)(struct sv_tx *tx, const synctv_movie *movie, uint64_t *ret_revision);
    /* The ones behind it move up. */
    int (*movie_delete)(struct sv_tx *tx, const char *room_id, const char *movie_id,
        uint64_t *ret_revision);
    /* To a place 0..count - 1 (clamped); the others keep their order. */
    int (*movie_move)(struct sv_tx *tx, const char *room_id, const char *movie_id, int32_t position,
        uint64_t *ret_revision);
    /* Returns how many were removed; with 0 nothing has changed, nor *ret_revision. */
    int (*movie_clear)(struct sv_tx *tx, const char *room_id, uint64_t *ret_revision);

    /* Returns 1 if there is one, 0 if not. */
    int (*playback_get)(struct sv_tx *tx, const char *room_id, struct sv_arena *a,
        synctv_playback *ret);
    /* Unless what is stored has a (version, node_id) as high or higher. Returns 1 if written, 0 if not. ROOM_NOT_FOUND. */
    int (*playback_put)(struct sv_tx *tx, const synctv_playback *state);

    /* What happens in a room's chat is numbered, and of the newest `keep` numbers the rows are kept: messages, and deletions. */
    /* Numbers the message (*ret_seq, never used before in this room) and drops what is too old. If the same (room, user,
     * client_message_id, not "") is still kept: returns 1 with that message in *ret_existing, nothing stored. ROOM_NOT_FOUND. */
    int (*chat_insert)(struct sv_tx *tx, const synctv_chat *chat, int32_t keep, uint64_t *ret_seq,
        struct sv_arena *a, synctv_chat *ret_existing);
    /* Newest first, seq < before_seq (0 = all) and > after_seq. Returns the count. */
    int (*chat_list)(struct sv_tx *tx, const char *room_id, uint64_t before_seq, uint64_t after_seq,
        int32_t limit, struct sv_arena *a, synctv_chat **ret_chat);
    /* MESSAGE_NOT_FOUND, here and below. */
    int (*chat_get)(struct sv_tx *tx, const char *room_id, const char *message_id,
        struct sv_arena *a, synctv_chat *ret);
    /* The message goes, and in its place comes, with the next number (*ret_seq), a row without content that says so: room_id and
     * message_id name the message, user_id who has deleted it, timestamp_ms when. chat_list() and chat_get() do not show it. */
    int (*chat_delete)(struct sv_tx *tx, const synctv_chat *deletion, int32_t keep,
        uint64_t *ret_seq);
};

struct sv_tx {
    const struct sv_tx_ops *ops;
};

struct sv_store_options {
    const char *url; /* "sqlite:PATH", "memory:" or "postgres://…" as libpq has it */
    bool
        alone; /* no other store may be, too, in any process: PATH.lock is locked, or an advisory lock held */
    size_t max_queued_writes; /* 0 = 4096 */
    size_t max_queued_reads;  /* 0 = 256 */
    unsigned reader_threads;  /* 0 = 2 */
    int64_t patience_ms;      /* with a job, where the database is behind a network; 0 = 5000 */
    const struct sv_log *log; /* borrowed, may be NULL */
};

/*
 * Opens (creates, migrates) the database and starts its threads. The folder is created (mode 0700) if its parent exists, the files
 * have mode 0600. A new database gets meta `storage_id` (nanoid 21) and `jwt_secret` (64 hex digits).
 * Errors: INVALID_ARGUMENT (url), STORAGE_UNAVAILABLE, STORAGE_CORRUPT (also: of another program), STORAGE_TOO_NEW, NO_MEMORY;
 * `err` says which file and why, and nothing on disk has changed.
 * Later failures of the database are told to the log: when they begin, at most once a minute while they last, and when they are over.
 */
int sv_store_open(const struct sv_store_options *options, struct sv_store **ret_store,
    synctv_error *err);

/*
 * Names what a job that writes is about, before it is queued. The ids are copied; NULL is "". Jobs about the same room are run and applied
 * in the order of sv_store_write(). Whoever else must not come between (because they count or look at something of a user) names the
 * same user. Between scopes that have nothing in common there is no order that anybody may rely on: another database runs them at once.
 */
void sv_job_set_scope(struct sv_job *job, const char *room_id, const char *user_id,
    const char *other_user_id);

/* Never blocks; any thread. Returns 0 and will call apply(), or OVERLOADED (the queue is full) or SHUTTING_DOWN, and won't. */
int sv_store_write(struct sv_store *store, struct sv_job *job);
int sv_store_read(struct sv_store *store, struct sv_job *job);
/* Waits until all that was queued to be written has been applied, and what was queued meanwhile. Not from within a job. */
void sv_store_drain(struct sv_store *store);
/* Takes no more jobs, finishes the queued ones (their apply() runs), joins the threads, closes. Waits for other processes
 * no longer than 5 s in all. Idempotent; not from within a job. */
void sv_store_close(struct sv_store *store);
/* Closed ones only. */
void sv_store_free(struct sv_store *store);

#endif
