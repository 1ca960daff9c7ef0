/* SPDX-License-Identifier: MIT */
/*
 * Storage as a table of functions, so that another database can stand behind it. lib/store/sqlite is the first.
 *
 * A write is a job with two halves. run() looks at rows and changes them inside a transaction and touches nothing
 * else: it may be run again from the start. apply() runs after COMMIT, in commit order: there memory is updated, others are
 * told, the call is answered. What has been told is on disk.
 *
 * A read is a job too; its run() may only use the functions that read, its apply() follows on the same reader thread, in no order with
 * other jobs.
 *
 * Records are the public structures (synctv/types.h) with what is not public beside them. Strings that functions return lie
 * in the arena that the caller passes; strings passed in are borrowed. No function keeps or changes an argument.
 */
#ifndef SV_STORE_STORE_H
#define SV_STORE_STORE_H

#include <synctv/types.h>

#include "base/arena.h"
#include "base/list.h"
#include "base/log.h"

struct sv_tx;
struct sv_store;

struct sv_job {
    struct sv_list link; /* the store's */
    /* On the writer (or a reader) thread, inside a transaction and, for writes, a savepoint of its own. Negative = undo the savepoint; apply()
     * gets that number. The first thing it does is to reset what an earlier run may have left in the job. */
    int (*run)(struct sv_job *job, struct sv_tx *tx);
    /* Exactly once, after COMMIT (or failure). rv: what run() returned, or STORAGE_UNAVAILABLE, …: then nothing is stored. May free the job. */
    void (*apply)(struct sv_job *job, int rv);
    int rv; /* the store's */
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
    synctv_room room;              /* settings points to `settings`; online_count and is_live are 0 */
    synctv_room_settings settings;
    const char *password_hash;     /* "" = no password */
};

struct sv_member_rec {
    synctv_member member;    /* username comes from the user's row; permissions and online are 0 */
    int64_t kicked_until_ms; /* may not join before that */
};

/* A membership row can outlive the membership: somebody kicked, or banned (status BANNED). `present` = counts as a row of the member list. */
/* Rows kept only for kicked_until_ms have role UNSPECIFIED and are not listed or counted. */

struct sv_room_query {
    const char *search;     /* "" = all; matched in the name, ≥ 1 code point */
    const char *creator_id; /* "" = any */
    const char *member_id;  /* "" = any; else rooms in which this user is an active or pending member */
    bool with_hidden;       /* false: hidden rooms are left out, but for those of `visible_to` */
    const char *visible_to; /* "" = nobody: hidden rooms of which this user is a member are shown nevertheless */
    int64_t before_created_at_ms; /* key of the last one seen; 0 = from the newest */
    const char *before_id;
    int32_t limit;
};

/*
 * All functions are called inside run() only. Unless a function says otherwise it returns 0, or
 *   the …_NOT_FOUND code of its noun    no such row
 *   STORAGE_UNAVAILABLE                 busy, full or broken; run() must pass it on
 *   STORAGE_CORRUPT, NO_MEMORY
 * and leaves ret_ arguments alone on failure.
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
    /* Newest first by (created_at, id); search matches the folded name. Returns the count. */
    int (*user_list)(struct sv_tx *tx, const char *search, int64_t before_created_at_ms,
                     const char *before_id, int32_t limit, struct sv_arena *a,
                     synctv_user **ret_users);

    /* SESSION_ENDED when there is none, here and below. */
    int (*session_insert)(struct sv_tx *tx, const struct sv_session_rec *rec);
    int (*session_get)(struct sv_tx *tx, const char *id, struct sv_arena *a,
                       struct sv_session_rec *ret);
    /* Finds the session whose current or previous refresh hash this is, or which once had it: compare the hashes in *ret. */
    int (*session_get_by_refresh)(struct sv_tx *tx, const unsigned char hash[32],
                                  struct sv_arena *a, struct sv_session_rec *ret);
    /* Current becomes previous; the older ones stay known until the session ends, so that a stolen old token is noticed. */
    int (*session_rotate)(struct sv_tx *tx, const char *id, const unsigned char new_hash[32],
                          int64_t rotated_at_ms, int64_t expires_at_ms);
    int (*session_delete)(struct sv_tx *tx, const char *id);
    /* All of a user but `except_id` ("" = none excepted). Returns how many; their ids in *ret_ids. */
    int (*session_delete_user)(struct sv_tx *tx, const char *user_id, const char *except_id,
                               struct sv_arena *a, const char *const **ret_ids);
    /* Returns how many were expired and removed, at most `limit`. */
    int (*session_purge)(struct sv_tx *tx, int64_t now_ms, int32_t limit);

    int (*room_insert)(struct sv_tx *tx, const struct sv_room_rec *rec);
    int (*room_get)(struct sv_tx *tx, const char *id, struct sv_arena *a, struct sv_room_rec *ret);
    /* Writes name, description, settings, password_hash, creator_id. */
    int (*room_update)(struct sv_tx *tx, const struct sv_room_rec *rec);
    /* With everything in it. */
    int (*room_delete)(struct sv_tx *tx, const char *id);
    /* revision + 1, returned in *ret_revision. */
    int (*room_touch)(struct sv_tx *tx, const char *id, uint64_t *ret_revision);
    /* Newest first by (created_at, id). Returns the count; rooms with settings and member_count. */
    int (*room_list)(struct sv_tx *tx, const struct sv_room_query *query, struct sv_arena *a,
                     synctv_room **ret_rooms);
    /* Returns how many rooms this user created. */
    int (*room_count_created)(struct sv_tx *tx, const char *user_id);

    int (*member_get)(struct sv_tx *tx, const char *room_id, const char *user_id,
                      struct sv_arena *a, struct sv_member_rec *ret);
    /* Inserts or replaces the row; room_id and user_id must exist. */
    int (*member_put)(struct sv_tx *tx, const struct sv_member_rec *rec);
    int (*member_delete)(struct sv_tx *tx, const char *room_id, const char *user_id);
    /* All rows of a room by (joined_at, user_id), pending, banned and kicked ones included. Returns the count. */
    int (*member_list)(struct sv_tx *tx, const char *room_id, struct sv_arena *a,
                       struct sv_member_rec **ret_members);
    /* Active and pending members of the room. Returns the count. */
    int (*member_count)(struct sv_tx *tx, const char *room_id);
    /* Rooms in which the user is an active or pending member. Returns the count. */
    int (*member_count_rooms)(struct sv_tx *tx, const char *user_id);
    /* Ids of the rooms of which the user is an active member, newest joined first, at most `limit`. Returns the count. */
    int (*member_rooms)(struct sv_tx *tx, const char *user_id, int32_t limit, struct sv_arena *a,
                        const char *const **ret_room_ids);

    /* In playlist order. Returns the count. stream_key and live are not stored. */
    int (*movie_list)(struct sv_tx *tx, const char *room_id, struct sv_arena *a,
                      synctv_movie **ret_movies);
    int (*movie_get)(struct sv_tx *tx, const char *room_id, const char *movie_id,
                     struct sv_arena *a, synctv_movie *ret);
    /* Returns how many movies the room has. */
    int (*movie_count)(struct sv_tx *tx, const char *room_id);
    /* At the end of the list, whatever movie->position says; the place in *ret_position. */
    int (*movie_insert)(struct sv_tx *tx, const synctv_movie *movie, int32_t *ret_position);
    /* Writes name, url, duration, headers, subtitles. */
    int (*movie_update)(struct sv_tx *tx, const synctv_movie *movie);
    /* The ones behind it move up. */
    int (*movie_delete)(struct sv_tx *tx, const char *room_id, const char *movie_id);
    /* To a place 0..count - 1 (clamped); the others keep their order. */
    int (*movie_move)(struct sv_tx *tx, const char *room_id, const char *movie_id,
                      int32_t position);
    /* Returns how many were removed. */
    int (*movie_clear)(struct sv_tx *tx, const char *room_id);

    /* Returns 1 if there is one, 0 if not. */
    int (*playback_get)(struct sv_tx *tx, const char *room_id, struct sv_arena *a,
                        synctv_playback *ret);
    /* Unless what is stored has a (version, node_id) as high or higher. Returns 1 if written, 0 if not. */
    int (*playback_put)(struct sv_tx *tx, const synctv_playback *state);

    /* Numbers the message (*ret_seq) and drops all but the newest `keep`. If the same (room, user, client_message_id, not "") is still kept:
     * returns 1 with that message in *ret_existing, nothing stored. */
    int (*chat_insert)(struct sv_tx *tx, const synctv_chat *chat, int32_t keep, uint64_t *ret_seq,
                       struct sv_arena *a, synctv_chat *ret_existing);
    /* Newest first, seq < before_seq (0 = all) and > after_seq. Returns the count. */
    int (*chat_list)(struct sv_tx *tx, const char *room_id, uint64_t before_seq,
                     uint64_t after_seq, int32_t limit, struct sv_arena *a, synctv_chat **ret_chat);
    /* MESSAGE_NOT_FOUND. */
    int (*chat_delete)(struct sv_tx *tx, const char *room_id, const char *message_id);
};

struct sv_tx {
    const struct sv_tx_ops *ops;
};

struct sv_store_ops {
    /* Never blocks; any thread. Returns 0 and will call apply(), or OVERLOADED (the queue is full) or SHUTTING_DOWN, and won't. */
    int (*write)(struct sv_store *store, struct sv_job *job);
    int (*read)(struct sv_store *store, struct sv_job *job);
    /* Takes no more jobs, finishes the queued ones (their apply() runs), joins the threads, closes. */
    void (*close)(struct sv_store *store);
    /* Closed ones only. */
    void (*free)(struct sv_store *store);
};

struct sv_store {
    const struct sv_store_ops *ops;
};

struct sv_store_options {
    const char *url;        /* "sqlite:PATH" or "memory:" */
    size_t max_queued_writes; /* 0 = 4096 */
    size_t max_queued_reads;  /* 0 = 256 */
    unsigned reader_threads;  /* 0 = 2 */
    const struct sv_log *log; /* borrowed, may be NULL */
};

/*
 * Opens (creates, migrates) the database and starts its threads. The folder is created if its parent exists.
 * A new database gets meta `storage_id` (nanoid 21) and `jwt_secret` (64 hex digits).
 * Errors: INVALID_ARGUMENT (url), STORAGE_UNAVAILABLE, STORAGE_CORRUPT, STORAGE_TOO_NEW; `err` says which file and why.
 */
int sv_store_open(const struct sv_store_options *options, struct sv_store **ret_store,
                  synctv_error *err);

#endif
