/* SPDX-License-Identifier: MIT */
#include "node/node.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/secret.h"

#include "auth/token.h"
#include "base/error.h"
#include "base/file.h"
#include "base/id.h"
#include "base/sized.h"
#include "base/text.h"
#include "core/playback.h"
#include "core/validate.h"
#include "node/cluster.h"
#include "node/cluster_view.h"
#include "node/people/account.h"
#include "node/engine/blocking_job.h"
#include "node/engine/ticket.h"
#include "node/calls/handlers.h"
#include "node/rooms/flush.h"
#include "node/rooms/follow.h"
#include "node/rooms/look.h"
#include "node/rooms/newcomers.h"
#include "node/rooms/opening.h"
#include "node/rooms/share.h"
#include "node/rooms/tick.h"

#define HASH_QUEUE_MAX 64
#define PURGE_EVERY_MS 60000
#define ACCOUNTS_EVERY_MS 5000
#define SHARED_ACCOUNTS_EVERY_MS 500
#define CLOCK_EVERY_MS 1000
#define ASK_CLOCK_EVERY_MS 5000
/* Not at once: if somebody has set the clock wrong, nothing is lost when it is right again. */
#define PURGE_AFTER_STEP_MS 3600000
#define PURGE_ROWS_MAX 1000 /* of a kind, each time */
#define SECRET_FILE_MAX_BYTES 4095

/* --- what an embedder sees of the node itself --- */

static const synctv_limits default_limits = {
    .struct_size = sizeof(default_limits),
    .login_per_minute = 5,
    .login_per_minute_per_address = 30,
    .register_per_hour = 30,
    .hash_per_minute = 5,
    .calls_per_second = 100,
    .chat_per_second = 10,
    .danmaku_per_second = 5,
    .room_danmaku_per_second = 50,
    .control_per_second = 10,
    .ping_per_second = 2,
    .status_per_second = 1,
    .rooms_per_user = 10,
    .memberships_per_user = 100,
    .members_per_room = 100,
    .movies_per_room = 1000,
    .sessions_per_user = 100,
    .streams_per_user = 16,
    .streams_per_connection = 100,
    .connections_per_address = 256,
};

static const synctv_node_options default_options = {
    .struct_size = sizeof(default_options),
    .db_url = "memory:",
    .alone = true,
    .heartbeat_ms = 5000,
    .threads = 1,
    .access_ttl_s = 3600,
    .refresh_ttl_s = 30 * 24 * 3600,
    .log_level = SYNCTV_LOG_INFO,
};

void synctv_limits_init_sized(synctv_limits *limits, size_t struct_size)
{
    sv_sized_give(limits, struct_size, &default_limits, sizeof(default_limits));
}

void synctv_node_options_init_sized(synctv_node_options *options, size_t struct_size)
{
    sv_sized_give(options, struct_size, &default_options, sizeof(default_options));
}

int sv_node_options_take(const synctv_node_options *given, synctv_node_options *ret_options,
    synctv_error *err)
{
    *ret_options = default_options;
    return sv_sized_take(ret_options, sizeof(*ret_options), given, sizeof(given->struct_size), err);
}

const char *synctv_node_id(const synctv_node *node)
{
    return node->id;
}

const char *synctv_node_address(const synctv_node *node)
{
    return node->address;
}

int64_t synctv_node_now_ms(const synctv_node *node)
{
    return sv_node_now_ms(node);
}

void synctv_node_get_stats(const synctv_node *node, synctv_node_stats *ret_stats)
{
    *ret_stats = (synctv_node_stats){
        .rooms_loaded = atomic_load(&node->n_rooms),
        .streams = atomic_load(&node->streams->n),
        .users_online = atomic_load(&node->rooms->attendances.n_ours),
    };
}

/* --- opening --- */

/* What a program limits, with the defaults for what it does not say. */
static int take_limits(const synctv_limits *given, synctv_limits *ret_limits, synctv_error *err)
{
    synctv_limits *l = ret_limits;
    *l = default_limits;
    int rv = given == NULL ? 0 : sv_sized_take(l, sizeof(*l), given, sizeof(size_t), err);
    if (rv < 0)
        return rv;
    const double rates[] = {
        l->login_per_minute,
        l->login_per_minute_per_address,
        l->register_per_hour,
        l->hash_per_minute,
        l->calls_per_second,
        l->chat_per_second,
        l->danmaku_per_second,
        l->room_danmaku_per_second,
        l->control_per_second,
        l->ping_per_second,
        l->status_per_second,
    };
    const int32_t counts[] = {
        l->rooms_per_user,
        l->memberships_per_user,
        l->members_per_room,
        l->movies_per_room,
        l->sessions_per_user,
        l->streams_per_user,
        l->streams_per_connection,
        l->connections_per_address,
    };
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        if (!(rates[i] >= 0 && rates[i] <= 1e6))
            return sv_error_field(err, "limits", "a rate must be 0 to 1000000");
    }
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        if (counts[i] < 0 || counts[i] > 1000000)
            return sv_error_field(err, "limits", "a limit must be 0 to 1000000");
    }
    if (l->members_per_room > SV_ROOM_MEMBERS_MAX)
        return sv_error_field(err, "limits", "members_per_room is at most %d", SV_ROOM_MEMBERS_MAX);
    if (l->movies_per_room > SV_MOVIES_MAX)
        return sv_error_field(err, "limits", "movies_per_room is at most %d", SV_MOVIES_MAX);
    if (l->members_per_room == 0)
        l->members_per_room = SV_ROOM_MEMBERS_MAX;
    if (l->movies_per_room == 0)
        l->movies_per_room = SV_MOVIES_MAX;
    return 0;
}

static int check_options(const synctv_node_options *options, synctv_error *err)
{
    if (options->node_id != NULL && !sv_node_id_valid(options->node_id))
        return sv_error_field(err, "node_id",
            "a node id is 1 to 64 of A-Z a-z 0-9 _ - . and does not begin with " SV_END_NODE_PREFIX);
    if (options->access_ttl_s < 1 || options->access_ttl_s > 30 * 24 * 3600)
        return sv_error_field(err, "access_ttl_s", "must be 1 second to 30 days");
    if (options->refresh_ttl_s < options->access_ttl_s ||
        options->refresh_ttl_s > 10 * 365 * 24 * INT64_C(3600))
        return sv_error_field(err, "refresh_ttl_s", "must be the access token's life to 10 years");
    return 0;
}

static int set_key(synctv_node *node, const void *key, size_t len)
{
    node->jwt_key = malloc(len);
    if (node->jwt_key == NULL)
        return SYNCTV_E_NO_MEMORY;
    memcpy(node->jwt_key, key, len);
    node->jwt_key_len = len;
    return 0;
}

static int read_secret_file(synctv_node *node, const char *path, synctv_error *err)
{
    struct sv_file file;
    int rv = sv_file_read(path, "jwt_secret_file", SECRET_FILE_MAX_BYTES, &file, err);
    if (rv < 0)
        return rv;
    if (file.len < SV_TOKEN_KEY_MIN_BYTES) {
        rv = sv_error_field(err, "jwt_secret_file", "%s must have %d to %d bytes", path,
            SV_TOKEN_KEY_MIN_BYTES, SECRET_FILE_MAX_BYTES);
    } else {
        if (file.others_may_read)
            sv_logf(&node->log, SYNCTV_LOG_WARN, "node",
                "%s can be read by others; its mode should be 0600", path);
        rv = set_key(node, file.data, file.len);
        if (rv < 0)
            sv_error(err, rv);
    }
    sv_file_free(&file);
    return rv;
}

/* What the database says about this node. */
struct meta {
    struct sv_blocking_job blocking;
    synctv_node *node;
    struct sv_arena arena;
    const char *jwt_secret;
    const char *node_id;
    char new_id[SV_ID_SIZE];
    int64_t ahead_ms;
    bool needs_secret;
};

static bool lacks_secret(const struct meta *meta)
{
    return meta->needs_secret && strlen(meta->jwt_secret) < SV_TOKEN_KEY_MIN_BYTES;
}

static int meta_run(struct sv_blocking_job *blocking, struct sv_tx *tx)
{
    struct meta *meta = SV_CONTAINER_OF(blocking, struct meta, blocking);
    struct sv_clock_answer clock;
    int rv = sv_node_ask_clock(meta->node, tx, &clock);
    if (rv > 0)
        sv_node_hear_clock(meta->node, &clock); /* nobody else has the node yet */
    if (rv >= 0)
        rv = tx->ops->meta_get(tx, "jwt_secret", &meta->arena, &meta->jwt_secret);
    if (rv == 0)
        meta->jwt_secret = "";
    if (rv >= 0 && meta->node->cluster != NULL) {
        meta->node_id = meta->node->id;
        return sv_cluster_register(meta->node, tx, &meta->ahead_ms);
    }
    if (rv >= 0)
        rv = tx->ops->meta_get(tx, "node_id", &meta->arena, &meta->node_id);
    if (rv == 0) {
        meta->node_id = meta->new_id;
        if (!lacks_secret(meta)) /* else it is damaged, and left as it is */
            rv = tx->ops->meta_put(tx, "node_id", meta->new_id);
    }
    return rv;
}

static int read_meta(synctv_node *node, const synctv_node_options *options, synctv_error *err)
{
    struct meta meta = {
        .blocking.run = meta_run,
        .node = node,
        .needs_secret = sv_str_empty(options->jwt_secret_file),
    };
    int rv = sv_node_new_id(node, meta.new_id);
    if (rv >= 0)
        rv = sv_blocking_job_do(&meta.blocking, node->store, sv_store_write);
    if (rv < 0) {
        sv_errorf(err, rv, "the database %s cannot be read: %s", options->db_url,
            synctv_error_text(rv));
        goto out;
    }
    const char *id = sv_str_empty(options->node_id) ? meta.node_id : options->node_id;
    sv_node_start_clock(node, meta.ahead_ms);
    if (!sv_node_id_valid(id)) {
        rv = sv_store_damaged(node->store, "its node id is none", err);
        goto out;
    }
    memmove(node->id, id, strlen(id) + 1);
    if (lacks_secret(&meta)) {
        rv = sv_store_damaged(node->store, "it has no token secret", err);
    } else if (meta.needs_secret) {
        rv = set_key(node, meta.jwt_secret, strlen(meta.jwt_secret));
        if (rv < 0)
            sv_error(err, rv);
    }
out:
    sv_arena_fini(&meta.arena);
    return rv;
}

/* Who tells whom: what is below knows nothing of what is above. */
static const struct sv_people_hooks people_hooks = {
    .stream_open = sv_stream_open,
    .sessions_ended = sv_streams_end_of_user,
    .admin_lost = sv_streams_drop_strange_rooms,
};

static const struct sv_stream_hooks stream_hooks = {
    .size = sizeof(struct sv_follower),
    .init = sv_follower_init,
    .opened = sv_follower_opened,
    .over = sv_follower_over,
};

static void doubt(synctv_node *node, const struct sv_scope *scope)
{
    sv_rooms_doubt(node, scope->room_id);
    sv_accounts_doubt_everywhere(node, scope->user_ids[0]);
    sv_accounts_doubt_everywhere(node, scope->user_ids[1]);
}

int sv_node_init(synctv_node *node, const synctv_node_options *options, synctv_error *err)
{
    memset(node, 0, sizeof(*node));
    node->log = (struct sv_log){ options->log, options->log_userdata, options->log_level };
    node->alone = options->alone && sv_str_empty(options->cluster_secret_file);
    node->registration = options->registration;
    node->access_ttl_s = options->access_ttl_s;
    node->refresh_ttl_s = options->refresh_ttl_s;
    node->sources = sv_real_sources;
    sv_node_start_clock(node, 0);
    sv_mailbox_init(&node->mailbox);
    pthread_mutex_init(&node->tickets.lock, NULL);
    sv_list_init(&node->tickets.timed);
    pthread_mutex_init(&node->turn_lock, NULL);
    node->handlers = sv_handlers;
    node->doubt = doubt;

    int rv = take_limits(options->limits, &node->limits, err);
    if (rv >= 0)
        rv = check_options(options, err);
    if (rv >= 0 &&
        ((rv = sv_rooms_new(node)) < 0 || (rv = sv_streams_new(&stream_hooks, &node->streams)) < 0))
        sv_error(err, rv);
    if (rv >= 0 && !sv_str_empty(options->jwt_secret_file))
        rv = read_secret_file(node, options->jwt_secret_file, err);
    if (rv >= 0)
        rv = sv_cluster_new(node, options, err);
    if (rv < 0)
        goto out;
    struct sv_store_member member;
    const struct sv_store_options store_options = {
        .url = options->db_url,
        .alone = options->alone,
        .member = sv_cluster_store_member(node, &member) ? &member : NULL,
        .log = &node->log,
    };
    rv = sv_store_open(&store_options, &node->store, err);
    if (rv < 0)
        goto out;
    rv = read_meta(node, options, err);
    if (rv < 0)
        goto out;

    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const struct sv_login_rates login_rates = {
        .login_per_minute = node->limits.login_per_minute,
        .login_per_minute_per_address = node->limits.login_per_minute_per_address,
        .register_per_hour = node->limits.register_per_hour,
    };
    node->login_limit = sv_login_limit_new(&login_rates);
    if (node->login_limit == NULL) {
        rv = sv_error(err, SYNCTV_E_NO_MEMORY);
        goto out;
    }
    rv =
        sv_pool_new("synctv-hash", cores < 1 ? 1 : (unsigned)cores, HASH_QUEUE_MAX, &node->hashers);
    if (rv == SYNCTV_E_INTERNAL) {
        sv_errorf(err, rv, "no thread can be started");
        goto out;
    }
    if (rv >= 0 && node->cluster != NULL) {
        node->links = sv_links_new(node, &sv_share_hooks);
        node->rooms->changed = sv_share_change;
        node->rooms->changed_userdata = node;
        rv = node->links == NULL ? SYNCTV_E_NO_MEMORY : 0;
        if (rv == 0 && options->listen == NULL)
            sv_links_dial_all(node);
    }
    if (rv >= 0)
        rv = sv_cluster_watch_new(node, options);
    if (rv >= 0)
        rv = sv_accounts_new(node, &people_hooks, &node->accounts);
    if (rv < 0)
        sv_error(err, rv);
    node->next_purge_ms = sv_node_mono_ms(node) + PURGE_EVERY_MS;
out:
    if (rv < 0) {
        sv_node_close(node);
        sv_node_quiesce(node);
        sv_node_fini(node);
    }
    return rv;
}

/* --- closing --- */

void sv_node_drain(synctv_node *node)
{
    atomic_store(&node->draining, true);
}

void sv_node_close(synctv_node *node)
{
    if (!atomic_exchange(&node->stopping, true) && node->streams != NULL)
        sv_streams_end_all(node, SYNCTV_E_SHUTTING_DOWN);
}

void sv_node_quiesce(synctv_node *node)
{
    if (node->hashers != NULL)
        sv_pool_stop(node->hashers);
    if (node->store != NULL) {
        sv_links_last_tick(node);
        sv_rooms_last_tick(node);
        sv_rooms_flush(node);
        sv_cluster_leave(node);
        sv_store_close(node->store);
    }
}

void sv_node_fini(synctv_node *node)
{
    sv_streams_free(node->streams);
    sv_rooms_free(node);
    sv_accounts_free(node->accounts);
    sv_pool_free(node->hashers);
    if (node->store != NULL)
        sv_store_free(node->store);
    sv_links_free(node->links);
    sv_cluster_watch_free(node);
    sv_cluster_free(node);
    sv_login_limit_free(node->login_limit);
    if (node->jwt_key != NULL)
        sv_secret_wipe(node->jwt_key, node->jwt_key_len);
    free(node->jwt_key);
    sv_mailbox_fini(&node->mailbox);
    pthread_mutex_destroy(&node->tickets.lock);
    pthread_mutex_destroy(&node->turn_lock);
}

/* --- the turn --- */

/* Expired sessions leave the database, and rows that kept away somebody who was kicked. */
struct purge {
    struct sv_job job;
    synctv_node *node;
};

static int purge_run(struct sv_job *job, struct sv_tx *tx)
{
    struct purge *purge = SV_CONTAINER_OF(job, struct purge, job);
    int64_t now_ms = sv_node_now_ms(purge->node);
    int rv = tx->ops->session_purge(tx, now_ms, PURGE_ROWS_MAX);
    return rv < 0 ? rv : tx->ops->member_purge(tx, now_ms, PURGE_ROWS_MAX);
}

static void purge_apply(struct sv_job *job, int rv)
{
    free(SV_CONTAINER_OF(job, struct purge, job));
}

static void purge_rows(synctv_node *node)
{
    struct purge *purge = calloc(1, sizeof(*purge));
    if (purge == NULL)
        return;
    purge->node = node;
    purge->job.run = purge_run;
    purge->job.apply = purge_apply;
    if (sv_store_write(node->store, &purge->job) < 0)
        free(purge);
}

static void follow_clock(synctv_node *node, int64_t now_ms)
{
    if (sv_node_follow_clock(node, sv_cluster_has_fellows(node)) == 0)
        return;
    sv_rooms_anchor(node);
    node->next_purge_ms = now_ms + PURGE_AFTER_STEP_MS;
}

/* A commit shows that storage went back only if nobody else has written as much since. */
static void follow_store(synctv_node *node)
{
    uint64_t turns = sv_store_turns(node->store);
    if (turns == node->store_turns)
        return;
    node->store_turns = turns;
    sv_logf(&node->log, SYNCTV_LOG_WARN, "node",
        "the database has failed over to a standby: all rooms in memory are read again");
    sv_rooms_read_all_again(node);
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t run_timers(synctv_node *node)
{
    int64_t now_ms = sv_node_mono_ms(node);
    if (node->next_clock_ms <= now_ms) {
        node->next_clock_ms = now_ms + CLOCK_EVERY_MS;
        follow_clock(node, now_ms);
        follow_store(node);
    }
    if (node->next_ask_ms <= now_ms) {
        node->next_ask_ms = now_ms + ASK_CLOCK_EVERY_MS;
        sv_node_ask_clock_again(node);
    }
    if (node->next_purge_ms <= now_ms) {
        node->next_purge_ms = now_ms + PURGE_EVERY_MS;
        purge_rows(node);
    }
    if (node->next_accounts_ms <= now_ms) {
        node->next_accounts_ms =
            now_ms + (node->alone ? ACCOUNTS_EVERY_MS : SHARED_ACCOUNTS_EVERY_MS);
        sv_accounts_housekeep(node);
    }
    if (!node->alone && node->next_look_ms <= now_ms) {
        node->next_look_ms = now_ms + SV_LOOK_MS;
        if (!sv_links_is_complete(node) || !sv_links_hears_all(node) ||
            node->next_rare_look_ms <= now_ms || sv_rooms_have_missed_a_look(node)) {
            node->next_rare_look_ms = now_ms + SV_RARE_LOOK_MS;
            sv_rooms_look(node);
        }
        sv_cluster_look_between_beats(node);
        sv_newcomers_look(node);
    }
    int64_t next_ms = sv_rooms_tick(node, now_ms);
    if (sv_rooms_evict(node))
        next_ms = now_ms;
    next_ms = sooner(next_ms, sv_links_tick(node, now_ms));
    next_ms = sooner(next_ms, sv_tickets_ring(node, now_ms));
    next_ms = sooner(next_ms, node->next_purge_ms);
    next_ms = sooner(next_ms, node->next_accounts_ms);
    next_ms = sooner(next_ms, node->next_clock_ms);
    if (!node->alone)
        next_ms = sooner(next_ms, node->next_look_ms);
    return next_ms > now_ms ? next_ms - now_ms : 0;
}

int64_t sv_node_turn(synctv_node *node)
{
    int64_t wait_ms = 1000;
    atomic_store(&node->turn_wanted, true);
    /* Whoever holds the lock sees the wish of those who could not get it. */
    while (atomic_load(&node->turn_wanted) && pthread_mutex_trylock(&node->turn_lock) == 0) {
        atomic_store(&node->turn_wanted, false);
        sv_mailbox_run(&node->mailbox);
        bool more = sv_streams_run_ready(node) > 0;
        sv_cluster_watch_tell(node);
        wait_ms = run_timers(node);
        if (more)
            wait_ms = 0;
        pthread_mutex_unlock(&node->turn_lock);
    }
    return wait_ms;
}
