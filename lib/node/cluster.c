/* SPDX-License-Identifier: MIT */
#include "node/cluster.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <synctv/cluster.h>

#include "base/address.h"
#include "base/error.h"
#include "base/file.h"
#include "base/outage.h"
#include "base/text.h"
#include "cluster/membership.h"
#include "core/playback.h"
#include "node/cluster_view.h"
#include "node/links/links.h"
#include "node/rooms/look.h"
#include "node/rooms/tick.h"

#define SECRET_MIN_BYTES 32
#define SECRET_FILE_MAX_BYTES 4095
#define INSTANCE_LEN (SV_INSTANCE_SIZE - 1)
#define HEARTBEAT_MIN_MS 100
#define HEARTBEAT_MAX_MS 60000

/* A heartbeat, and what follows from it. One at a time. */
struct beat {
    struct sv_job job;
    struct sv_cluster *cluster;
    struct sv_arena arena;
    struct sv_node_rec own;
    char address[128], stats[SV_FELLOW_STATS_SIZE];
    /* The store's clock. */
    int64_t now_ms;
    /* What run() finds. */
    bool registered;
    struct sv_node_rec *rows;
    int n_rows;
    /* What the look at them says is to be done. */
    struct sv_look look;
};

struct sv_cluster {
    synctv_node *node;
    char instance[INSTANCE_LEN + 1];
    char storage_id[SV_STORAGE_ID_SIZE];
    int32_t heartbeat_ms;
    bool advertises, on_loopback;
    atomic_bool has_fellows;
    /* Another start has this one's place. */
    atomic_bool is_replaced;
    /* Whoever has the beat under way: what it has seen of the others. */
    struct sv_membership view;

    /* Everything below. */
    pthread_mutex_t lock;
    char address[128];
    int64_t epoch;
    /* Of the own row, as it was read last. */
    uint64_t own_beat;
    bool beating, left;
    /* Heartbeats that were due since the last one that was written. */
    unsigned n_unwritten;
    struct sv_outage unwritten;
    /* What others may look at. */
    struct sv_membership seen;

    struct beat beat;
    struct sv_job leaving;

    /* The look for newcomers; one at a time. */
    atomic_bool is_looking;
    struct sv_job looking;
    struct sv_arena look_arena;
    /* The own row at its beginning, and what it finds. */
    int64_t look_epoch;
    uint64_t look_beat;
    bool somebody_is_new, is_older;
};

/* --- options --- */

static int read_secret(synctv_node *node, const char *path, synctv_error *err)
{
    struct sv_file file;
    int rv = sv_file_read(path, "cluster_secret_file", SECRET_FILE_MAX_BYTES, &file, err);
    if (rv < 0)
        return rv;
    if (strcspn(file.data, "\r\n") < SECRET_MIN_BYTES)
        rv = sv_error_field(err, "cluster_secret_file", "the first line of %s must have %d bytes",
            path, SECRET_MIN_BYTES);
    else if (file.others_may_read)
        sv_logf(&node->log, SYNCTV_LOG_WARN, "cluster",
            "%s can be read by others; its mode should be 0600", path);
    sv_file_free(&file);
    return rv;
}

/* Where nobody can be reached. */
static bool is_any(const char *address)
{
    return strncmp(address, "0.0.0.0:", 8) == 0 || strncmp(address, "[::]:", 5) == 0;
}

/* Where other members reach it. */
static const char *members_listen(const synctv_node_options *options)
{
    return sv_str_empty(options->cluster_listen) ? options->listen : options->cluster_listen;
}

static int check_address(const synctv_node_options *options, synctv_error *err)
{
    const char *advertise = options->advertise, *listen = members_listen(options);
    if (sv_str_empty(advertise)) {
        if (listen != NULL && is_any(listen))
            return sv_error_field(err, "advertise",
                "a member that listens on %s has to say under which ADDR:PORT others reach it",
                listen);
        return 0;
    }
    const char *port = sv_port_of(advertise);
    if (port == NULL || strtol(port, NULL, 10) == 0 || strlen(advertise) >= 128)
        return sv_error_field(err, "advertise", "%.60s is not ADDR:PORT or [IPV6]:PORT", advertise);
    if (is_any(advertise))
        return sv_error_field(err, "advertise", "nobody can reach a node under %s", advertise);
    return 0;
}

/* <hostname>-<port>: the same after each start, and another one for each member. */
static int choose_id(synctv_node *node, const synctv_node_options *options, synctv_error *err)
{
    const char *address = sv_str_empty(options->advertise) ? options->listen : options->advertise;
    const char *port = address == NULL ? NULL : sv_port_of(address);
    char host[58] = "";
    if (!sv_str_empty(options->node_id)) {
        memcpy(node->id, options->node_id, strlen(options->node_id) + 1);
        return 0;
    }
    if (port == NULL || strtol(port, NULL, 10) == 0)
        return sv_error_field(err, "node_id",
            "a member whose port is not fixed wants a node id of its own");
    if (gethostname(host, sizeof(host) - 1) < 0 || host[0] == '\0')
        memcpy(host, "node", sizeof("node"));
    for (char *c = host; *c != '\0'; c++)
        if (!isalnum((unsigned char)*c) && *c != '.' && *c != '_')
            *c = '-';
    snprintf(node->id, sizeof(node->id), "%s-%s", host, port);
    return sv_node_id_valid(node->id)
        ? 0
        : sv_error_field(err, "node_id", "%s, by this machine's name, is none: say another",
              node->id);
}

int sv_cluster_new(synctv_node *node, const synctv_node_options *options, synctv_error *err)
{
    if (options->heartbeat_ms < HEARTBEAT_MIN_MS || options->heartbeat_ms > HEARTBEAT_MAX_MS)
        return sv_error_field(err, "heartbeat_ms", "must be %d to %d", HEARTBEAT_MIN_MS,
            HEARTBEAT_MAX_MS);
    if (sv_str_empty(options->cluster_secret_file)) {
        const char *field = !sv_str_empty(options->advertise) ? "advertise"
            : !sv_str_empty(options->cluster_listen)          ? "cluster_listen"
                                                              : NULL;
        return field == NULL ? 0
                             : sv_error_field(err, field,
                                   "only a member of a cluster has others to tell: it wants a"
                                   " cluster secret");
    }
    int rv = read_secret(node, options->cluster_secret_file, err);
    if (rv == 0)
        rv = check_address(options, err);
    if (rv == 0)
        rv = choose_id(node, options, err);
    if (rv < 0)
        return rv;
    struct sv_cluster *cluster = calloc(1, sizeof(*cluster));
    if (cluster == NULL)
        return sv_error(err, SYNCTV_E_NO_MEMORY);
    cluster->node = node;
    cluster->heartbeat_ms = options->heartbeat_ms;
    cluster->advertises = !sv_str_empty(options->advertise);
    if (cluster->advertises)
        snprintf(cluster->address, sizeof(cluster->address), "%s", options->advertise);
    cluster->on_loopback =
        sv_address_is_loopback(cluster->advertises ? options->advertise
                                                   : sv_str(members_listen(options)));
    sv_membership_init(&cluster->view, cluster->heartbeat_ms);
    pthread_mutex_init(&cluster->lock, NULL);
    node->cluster = cluster;
    rv = sv_node_random_id(node, cluster->instance, INSTANCE_LEN);
    return rv < 0 ? sv_error(err, rv) : 0;
}

void sv_cluster_free(synctv_node *node)
{
    struct sv_cluster *cluster = node->cluster;
    if (cluster == NULL)
        return;
    node->cluster = NULL;
    sv_arena_fini(&cluster->beat.arena);
    sv_arena_fini(&cluster->look_arena);
    pthread_mutex_destroy(&cluster->lock);
    free(cluster);
}

/* --- the node's own row --- */

/* Locked. */
static void prepare_beat(struct sv_cluster *cluster, const struct sv_cluster_stats *stats)
{
    synctv_node *node = cluster->node;
    struct beat *beat = &cluster->beat;
    sv_cluster_stats_write(stats, beat->stats, sizeof(beat->stats));
    memcpy(beat->address, cluster->address, sizeof(beat->address));
    beat->cluster = cluster;
    beat->now_ms = sv_node_store_ms(node);
    beat->own = (struct sv_node_rec){
        .id = node->id,
        .epoch = cluster->epoch,
        .instance = cluster->instance,
        .address = beat->address,
        .capabilities = "",
        .stats = beat->stats,
        .heartbeat_ms = cluster->heartbeat_ms,
        .ahead_ms = sv_node_now_ms(node) - beat->now_ms,
    };
}

/* Of members that are there: who runs holds the lock on its id, whatever its row says. */
static int find_ahead(synctv_node *node, struct sv_tx *tx, int64_t *ret_ahead_ms)
{
    struct sv_arena arena = { 0 };
    struct sv_node_rec *rows;
    int n = tx->ops->node_list(tx, &arena, &rows), held = 0;
    *ret_ahead_ms = 0;
    for (int i = 0; i < n && held == 0; i++) {
        if (strcmp(rows[i].id, node->id) == 0 || rows[i].instance[0] == '\0')
            continue;
        held = tx->ops->node_is_held(tx, rows[i].id);
        if (held > 0)
            *ret_ahead_ms = rows[i].ahead_ms;
    }
    sv_arena_fini(&arena);
    if (n >= 0 && held >= 0)
        atomic_store(&node->cluster->has_fellows, held > 0);
    return n < 0 ? n : held < 0 ? held : 0;
}

static int read_storage_id(struct sv_cluster *cluster, struct sv_tx *tx)
{
    struct sv_arena arena = { 0 };
    const char *id = "";
    int rv = tx->ops->meta_get(tx, "storage_id", &arena, &id);
    if (rv > 0)
        snprintf(cluster->storage_id, sizeof(cluster->storage_id), "%s", id);
    sv_arena_fini(&arena);
    return rv < 0 ? rv : 0;
}

int sv_cluster_register(synctv_node *node, struct sv_tx *tx, int64_t *ret_ahead_ms)
{
    struct sv_cluster *cluster = node->cluster;
    int rv = find_ahead(node, tx, ret_ahead_ms);
    if (rv >= 0)
        rv = read_storage_id(cluster, tx);
    if (rv < 0)
        return rv;
    struct sv_cluster_stats stats;
    sv_cluster_own_stats(node, &stats);
    pthread_mutex_lock(&cluster->lock);
    prepare_beat(cluster, &stats);
    cluster->beat.own.ahead_ms = *ret_ahead_ms;
    rv = tx->ops->node_register(tx, &cluster->beat.own, cluster->beat.now_ms, &cluster->epoch);
    pthread_mutex_unlock(&cluster->lock);
    return rv;
}

void sv_cluster_set_address(synctv_node *node, const char *address)
{
    struct sv_cluster *cluster = node->cluster;
    if (cluster == NULL || cluster->advertises)
        return;
    pthread_mutex_lock(&cluster->lock);
    snprintf(cluster->address, sizeof(cluster->address), "%s", address);
    pthread_mutex_unlock(&cluster->lock);
}

bool sv_cluster_has_fellows(const synctv_node *node)
{
    return node->cluster != NULL && atomic_load(&node->cluster->has_fellows);
}

/* --- verdicts --- */

static int verdicts_run(struct sv_job *job, struct sv_tx *tx)
{
    struct beat *beat = SV_CONTAINER_OF(job, struct beat, job);
    for (size_t i = 0; i < beat->look.n_verdicts; i++) {
        const struct sv_fellow_verdict *v = &beat->look.verdicts[i];
        int rv = v->what == SV_VERDICT_DEAD
            ? tx->ops->node_declare_dead(tx, v->id, v->epoch, v->beat)
            : tx->ops->node_forget(tx, v->id, v->epoch);
        if (rv < 0)
            return rv;
    }
    return 0;
}

static int start_beat(struct sv_cluster *cluster, synctv_error *ret_error);

static void end_beat(struct sv_cluster *cluster)
{
    pthread_mutex_lock(&cluster->lock);
    cluster->beating = false;
    pthread_mutex_unlock(&cluster->lock);
}

/* What came of it is seen with the next look, which is not left to the next heartbeat. */
static void verdicts_apply(struct sv_job *job, int rv)
{
    struct sv_cluster *cluster = SV_CONTAINER_OF(job, struct beat, job)->cluster;
    end_beat(cluster);
    if (rv >= 0)
        start_beat(cluster, NULL);
}

/* --- a heartbeat --- */

static const struct sv_node_rec *own_row(const struct sv_cluster *cluster,
    const struct sv_node_rec *rows, int n)
{
    for (int i = 0; i < n; i++)
        if (strcmp(rows[i].id, cluster->node->id) == 0)
            return &rows[i];
    return NULL;
}

/*
 * A node that was declared dead comes back, unless another start of it has come meanwhile. One
 * with a lower epoch was before: it stands there again because a backup was restored.
 */
static int register_anew(struct beat *beat, struct sv_tx *tx)
{
    const struct sv_node_rec *own = &beat->own;
    const struct sv_node_rec *row = own_row(beat->cluster, beat->rows, beat->n_rows);
    if (row != NULL && row->instance[0] != '\0' && row->epoch >= own->epoch &&
        strcmp(row->instance, own->instance) != 0)
        return SYNCTV_E_STALE_EPOCH;
    beat->registered = true;
    return tx->ops->node_register(tx, own, beat->now_ms, &beat->own.epoch);
}

static int beat_run(struct sv_job *job, struct sv_tx *tx)
{
    struct beat *beat = SV_CONTAINER_OF(job, struct beat, job);
    sv_arena_fini(&beat->arena);
    beat->registered = false;
    int rv = tx->ops->node_beat(tx, &beat->own);
    if (rv < 0)
        return rv;
    bool alive = rv > 0;
    rv = beat->n_rows = tx->ops->node_list(tx, &beat->arena, &beat->rows);
    if (rv >= 0 && !alive)
        rv = register_anew(beat, tx);
    return rv < 0 ? rv : 0;
}

static void tell_news(void *userdata, enum sv_fellow_news news, const struct sv_fellow *fellow)
{
    static const char *const states[] = { "is alive", "is suspect", "is dead" };
    const struct sv_cluster *cluster = userdata;
    bool bad = news != SV_FELLOW_LEFT && fellow->state != SV_FELLOW_ALIVE;
    sv_logf(&cluster->node->log, bad ? SYNCTV_LOG_WARN : SYNCTV_LOG_INFO, "cluster",
        "node %s %s%s%s", fellow->id, news == SV_FELLOW_LEFT ? "has left" : states[fellow->state],
        fellow->address[0] != '\0' ? ", address " : "", fellow->address);
}

static void look_around(struct sv_cluster *cluster, struct beat *beat)
{
    struct sv_fellow_row rows[SV_NODES_MAX];
    size_t n = 0;
    for (int i = 0; i < beat->n_rows; i++) {
        const struct sv_node_rec *rec = &beat->rows[i];
        if (strcmp(rec->id, cluster->node->id) == 0)
            continue;
        rows[n++] = (struct sv_fellow_row){
            .id = rec->id,
            .address = rec->address,
            .stats = rec->stats,
            .epoch = rec->epoch,
            .beat = rec->beat,
            .heartbeat_ms = rec->heartbeat_ms,
            .ahead_ms = rec->ahead_ms,
            .declared_dead = rec->instance[0] == '\0',
        };
    }
    sv_membership_look(&cluster->view, sv_node_mono_ms(cluster->node), rows, n, &beat->look,
        tell_news, cluster);
    atomic_store(&cluster->has_fellows, sv_membership_n_alive(&cluster->view) > 0);
}

/* `row`: its own as it was found, or NULL. */
static void come_back(struct sv_cluster *cluster, const struct sv_node_rec *row, int64_t epoch)
{
    bool was_declared_dead = row != NULL && row->instance[0] == '\0';
    sv_logf(&cluster->node->log, SYNCTV_LOG_WARN, "cluster",
        "this node %s %s; it has registered anew, epoch %lld, and reads its rooms again",
        cluster->node->id,
        was_declared_dead ? "was declared dead"
                          : "is not in the database any more, as after a backup was restored",
        (long long)epoch);
    sv_rooms_read_all_again(cluster->node);
}

/* The own row has gone back, so all else may have. */
static void read_restored(struct sv_cluster *cluster)
{
    sv_logf(&cluster->node->log, SYNCTV_LOG_WARN, "cluster",
        "the database is older than it was, as after a backup was restored: all rooms in memory"
        " are read again");
    sv_rooms_read_all_again(cluster->node);
}

/* Own heartbeats are not written, as much else: by then others take this node for suspect. */
static void count_unwritten(struct sv_cluster *cluster)
{
    unsigned times;
    pthread_mutex_lock(&cluster->lock);
    unsigned n = cluster->left ? 0 : ++cluster->n_unwritten;
    bool tell = n > SV_SUSPECT_BEATS &&
        sv_outage_failed(&cluster->unwritten, 1, sv_node_mono_ms(cluster->node), &times);
    pthread_mutex_unlock(&cluster->lock);
    if (tell)
        sv_logf(&cluster->node->log, SYNCTV_LOG_WARN, "cluster",
            "%u heartbeats of this node %s in a row were not written: its writes wait or are"
            " refused, and others may declare it dead",
            n - 1, cluster->node->id);
}

static void is_written(struct sv_cluster *cluster)
{
    unsigned times;
    pthread_mutex_lock(&cluster->lock);
    cluster->n_unwritten = 0;
    bool tell = sv_outage_over(&cluster->unwritten, &times);
    pthread_mutex_unlock(&cluster->lock);
    if (tell)
        sv_logf(&cluster->node->log, SYNCTV_LOG_INFO, "cluster",
            "the heartbeats of this node %s are written again", cluster->node->id);
}

static void beat_apply(struct sv_job *job, int rv)
{
    struct beat *beat = SV_CONTAINER_OF(job, struct beat, job);
    struct sv_cluster *cluster = beat->cluster;
    beat->look.n_verdicts = 0;
    if (rv == SYNCTV_E_STALE_EPOCH && !atomic_exchange(&cluster->is_replaced, true))
        sv_logf(&cluster->node->log, SYNCTV_LOG_ERROR, "cluster",
            "another start of the node %s has taken this one's place: nothing is stored any more",
            cluster->node->id);
    if (rv < 0) {
        end_beat(cluster);
        return;
    }
    is_written(cluster);
    look_around(cluster, beat);
    sv_links_see_nodes(cluster->node, &cluster->view);
    const struct sv_node_rec *row = own_row(cluster, beat->rows, beat->n_rows);
    pthread_mutex_lock(&cluster->lock);
    bool is_older = !beat->registered && row != NULL && row->beat <= cluster->own_beat;
    cluster->own_beat = beat->registered || row == NULL ? 0 : row->beat;
    cluster->epoch = beat->own.epoch;
    cluster->seen = cluster->view;
    pthread_mutex_unlock(&cluster->lock);
    sv_node_cluster_changed(cluster->node);
    if (beat->registered)
        come_back(cluster, row, beat->own.epoch);
    else if (is_older)
        read_restored(cluster);
    beat->job = (struct sv_job){ .run = verdicts_run, .apply = verdicts_apply };
    if (beat->look.n_verdicts == 0 || sv_store_write(cluster->node->store, &beat->job) < 0)
        end_beat(cluster);
}

static int start_beat(struct sv_cluster *cluster, synctv_error *ret_error)
{
    synctv_node *node = cluster->node;
    if (atomic_load(&cluster->is_replaced))
        return sv_errorf(ret_error, SYNCTV_E_STALE_EPOCH,
            "another start of the node %s has taken this one's place in the database", node->id);
    int rv = 0;
    struct sv_cluster_stats stats;
    sv_cluster_own_stats(node, &stats);
    pthread_mutex_lock(&cluster->lock);
    if (cluster->left) {
        rv = SYNCTV_E_SHUTTING_DOWN;
    } else if (!cluster->beating) {
        prepare_beat(cluster, &stats);
        cluster->beat.job = (struct sv_job){ .run = beat_run, .apply = beat_apply };
        rv = sv_store_write(node->store, &cluster->beat.job);
        cluster->beating = rv == 0;
    }
    pthread_mutex_unlock(&cluster->lock);
    return rv < 0 ? sv_error(ret_error, rv) : 0;
}

int synctv_cluster_heartbeat(synctv_node *node, synctv_error *ret_error)
{
    struct sv_cluster *cluster = node->cluster;
    if (cluster == NULL)
        return 0;
    count_unwritten(cluster);
    return start_beat(cluster, ret_error);
}

/* --- what has come between heartbeats: another member, or a backup that was restored --- */

/* Locked. */
static bool is_known(const struct sv_cluster *cluster, const struct sv_node_rec *row)
{
    for (size_t i = 0; i < cluster->seen.n; i++)
        if (strcmp(cluster->seen.fellows[i].id, row->id) == 0)
            return cluster->seen.fellows[i].epoch >= row->epoch;
    return false;
}

static int look_run(struct sv_job *job, struct sv_tx *tx)
{
    struct sv_cluster *cluster = SV_CONTAINER_OF(job, struct sv_cluster, looking);
    struct sv_node_rec *rows;
    sv_arena_fini(&cluster->look_arena);
    cluster->somebody_is_new = cluster->is_older = false;
    int n = tx->ops->node_list(tx, &cluster->look_arena, &rows);
    if (n < 0)
        return n;
    const struct sv_node_rec *own = own_row(cluster, rows, n);
    cluster->is_older = own == NULL || own->epoch < cluster->look_epoch ||
        (own->epoch == cluster->look_epoch && own->beat < cluster->look_beat);
    pthread_mutex_lock(&cluster->lock);
    for (int i = 0; i < n; i++)
        if (strcmp(rows[i].id, cluster->node->id) != 0 && rows[i].instance[0] != '\0' &&
            !is_known(cluster, &rows[i]))
            cluster->somebody_is_new = true;
    pthread_mutex_unlock(&cluster->lock);
    return 0;
}

static void look_apply(struct sv_job *job, int rv)
{
    struct sv_cluster *cluster = SV_CONTAINER_OF(job, struct sv_cluster, looking);
    /* What is older is read again when the heartbeat has found it so. */
    if (rv >= 0 && (cluster->somebody_is_new || cluster->is_older))
        start_beat(cluster, NULL);
    if (rv >= 0 && cluster->somebody_is_new)
        sv_rooms_look(cluster->node);
    atomic_store(&cluster->is_looking, false);
}

void sv_cluster_look_between_beats(synctv_node *node)
{
    struct sv_cluster *cluster = node->cluster;
    if (cluster == NULL || atomic_exchange(&cluster->is_looking, true))
        return;
    pthread_mutex_lock(&cluster->lock);
    cluster->look_epoch = cluster->epoch;
    cluster->look_beat = cluster->own_beat;
    pthread_mutex_unlock(&cluster->lock);
    cluster->looking = (struct sv_job){ .run = look_run, .apply = look_apply };
    if (sv_store_read(node->store, &cluster->looking) < 0)
        atomic_store(&cluster->is_looking, false);
}

/* --- the store's --- */

/* The heartbeat finds out why, and what to do. */
static void on_refused(void *userdata)
{
    start_beat(userdata, NULL);
}

bool sv_cluster_store_member(synctv_node *node, struct sv_store_member *ret_member)
{
    if (node->cluster == NULL)
        return false;
    *ret_member = (struct sv_store_member){
        .id = node->id,
        .instance = node->cluster->instance,
        .on_loopback = node->cluster->on_loopback,
        .refused = on_refused,
        .userdata = node->cluster,
    };
    return true;
}

static int leave_run(struct sv_job *job, struct sv_tx *tx)
{
    struct sv_cluster *cluster = SV_CONTAINER_OF(job, struct sv_cluster, leaving);
    pthread_mutex_lock(&cluster->lock);
    int64_t epoch = cluster->epoch;
    pthread_mutex_unlock(&cluster->lock);
    return tx->ops->node_forget(tx, cluster->node->id, epoch);
}

static void leave_apply(struct sv_job *job, int rv)
{
}

void sv_cluster_leave(synctv_node *node)
{
    struct sv_cluster *cluster = node->cluster;
    if (cluster == NULL)
        return;
    pthread_mutex_lock(&cluster->lock);
    bool first = !cluster->left;
    cluster->left = true;
    pthread_mutex_unlock(&cluster->lock);
    if (!first)
        return;
    cluster->leaving = (struct sv_job){ .run = leave_run, .apply = leave_apply };
    sv_store_write(node->store, &cluster->leaving);
}

/* --- for links --- */

bool sv_cluster_identify(const synctv_node *node, struct sv_cluster_identity *ret_identity)
{
    struct sv_cluster *cluster = node->cluster;
    if (cluster == NULL)
        return false;
    pthread_mutex_lock(&cluster->lock);
    ret_identity->epoch = cluster->epoch;
    memcpy(ret_identity->address, cluster->address, sizeof(cluster->address));
    pthread_mutex_unlock(&cluster->lock);
    memcpy(ret_identity->instance, cluster->instance, sizeof(cluster->instance));
    memcpy(ret_identity->storage_id, cluster->storage_id, sizeof(cluster->storage_id));
    ret_identity->heartbeat_ms = cluster->heartbeat_ms;
    return true;
}

size_t sv_cluster_fellows(const synctv_node *node, struct sv_fellow *ret_fellows)
{
    struct sv_cluster *cluster = node->cluster;
    if (cluster == NULL)
        return 0;
    pthread_mutex_lock(&cluster->lock);
    size_t n = cluster->seen.n;
    memcpy(ret_fellows, cluster->seen.fellows, n * sizeof(*ret_fellows));
    pthread_mutex_unlock(&cluster->lock);
    return n;
}

static int check_run(struct sv_job *job, struct sv_tx *tx)
{
    struct sv_cluster_check *check = SV_CONTAINER_OF(job, struct sv_cluster_check, job);
    struct sv_node_rec *rows;
    sv_arena_fini(&check->arena);
    int n = tx->ops->node_list(tx, &check->arena, &rows);
    for (int i = 0; i < n; i++) {
        if (strcmp(rows[i].id, check->id) != 0)
            continue;
        if (rows[i].epoch != check->epoch || strcmp(rows[i].instance, check->instance) != 0)
            return SYNCTV_E_NODE_NOT_FOUND;
        snprintf(check->address, sizeof(check->address), "%s", rows[i].address);
        return 0;
    }
    return n < 0 ? n : SYNCTV_E_NODE_NOT_FOUND;
}

static void check_apply(struct sv_job *job, int rv)
{
    struct sv_cluster_check *check = SV_CONTAINER_OF(job, struct sv_cluster_check, job);
    sv_arena_fini(&check->arena);
    check->done(check, rv);
}

int sv_cluster_check(synctv_node *node, struct sv_cluster_check *check)
{
    check->job = (struct sv_job){ .run = check_run, .apply = check_apply };
    check->arena = (struct sv_arena){ 0 };
    return sv_store_read(node->store, &check->job);
}
