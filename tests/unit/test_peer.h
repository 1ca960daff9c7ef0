/* SPDX-License-Identifier: MIT */
/*
 * Members of a cluster in this process, each with a server that has lib/peer's methods and real
 * links over loopback; rooms are the test's. And somebody who calls them with tokens of any kind.
 */
#ifndef TEST_PEER_H
#define TEST_PEER_H

#include <semaphore.h>
#include <sys/stat.h>

#include "test_rpc.h"

#include <synctv/cluster.h>

#include "node/cluster.h"
#include "node/links/links.h"
#include "node/node.h"
#include "peer/keys.h"
#include "peer/peer.h"
#include "wire/cluster_event.h"
#include "wire/cluster_rpc.h"

#define TEST_BEAT_MS 200
#define TEST_SECRET "0123456789abcdef0123456789abcdef"

static char test_folder[64], test_secret_path[96], test_db_url[128];

struct member {
    synctv_node node;
    struct sv_peer *peer;
    struct sv_rpc_server *server;
    char address[32];
    pthread_t heart;
    atomic_bool beats;
    /* How often its queue's thread was woken. */
    atomic_int n_wakes;
    /* Events that were applied, and lines of the log. Under test_lock. */
    int n_applied, n_lines;
    char applied[64][80];
    int n_events;
    char events[64][80];
    char lines[512][320];
};

static inline struct member *member_of(synctv_node *node)
{
    return SV_CONTAINER_OF(node, struct member, node);
}

/* ---- the log ---- */

static inline void member_log(void *userdata, synctv_log_level level, const char *area,
    const char *message)
{
    struct member *m = userdata;
    pthread_mutex_lock(&test_lock);
    snprintf(m->lines[m->n_lines % 512], sizeof(m->lines[0]), "%s", message);
    m->n_lines++;
    pthread_cond_broadcast(&test_cond);
    pthread_mutex_unlock(&test_lock);
    fprintf(stderr, "# %s: %s: %s\n", m->node.id, area, message);
}

/* How many lines have this text. */
static inline int lines_with(struct member *m, const char *text)
{
    int n = 0;
    pthread_mutex_lock(&test_lock);
    for (int i = 0; i < m->n_lines && i < 512; i++)
        n += strstr(m->lines[i], text) != NULL;
    pthread_mutex_unlock(&test_lock);
    return n;
}

static inline void wait_for_line(struct member *m, const char *text)
{
    int64_t until_ms = sv_mono_ms() + 60000;
    while (lines_with(m, text) == 0 && sv_mono_ms() < until_ms)
        usleep(5000);
    ck_assert_msg(lines_with(m, text) > 0, "no line has: %s", text);
}

/* ---- events of members ---- */

static inline void member_event(void *userdata, const synctv_cluster_event *event)
{
    struct member *m = userdata;
    pthread_mutex_lock(&test_lock);
    snprintf(m->events[m->n_events % 64], sizeof(m->events[0]), "%d %s %d", (int)event->change,
        event->node->node_id, (int)event->node->state);
    m->n_events++;
    pthread_cond_broadcast(&test_cond);
    pthread_mutex_unlock(&test_lock);
}

/* One that ends with "<node> <state>". */
static inline void wait_for_event(struct member *m, const char *text)
{
    int64_t until_ms = sv_mono_ms() + 60000;
    bool found = false;
    while (!found && sv_mono_ms() < until_ms) {
        pthread_mutex_lock(&test_lock);
        for (int i = 0; i < m->n_events && i < 64; i++)
            found = found || strcmp(strchr(m->events[i], ' ') + 1, text) == 0;
        pthread_mutex_unlock(&test_lock);
        usleep(5000);
    }
    ck_assert_msg(found, "no event: %s", text);
}

/* ---- rooms, as the test has them ---- */

static inline void apply(synctv_node *node, const struct sv_cluster_event *event)
{
    struct member *m = member_of(node);
    pthread_mutex_lock(&test_lock);
    snprintf(m->applied[m->n_applied % 64], sizeof(m->applied[0]), "%s %d %s %s", event->node_id,
        (int)event->kind, event->room_id,
        event->kind == SV_CLUSTER_CHAT ? event->chat->content : "");
    m->n_applied++;
    pthread_cond_broadcast(&test_cond);
    pthread_mutex_unlock(&test_lock);
}

static inline void snapshot(synctv_node *node, const char *room_id, uint64_t link, uint64_t barrier)
{
    const struct sv_cluster_event event = {
        .kind = SV_CLUSTER_SNAPSHOT,
        .node_id = node->id,
        .room_id = room_id,
        .barrier = barrier,
        .revision = 1,
    };
    sv_links_snapshot(node, link, &event);
}

static inline void ignore_room(synctv_node *node, const char *room_id)
{
}

static inline void ignore_user(synctv_node *node, const char *room_id, const char *user_id)
{
}

static const struct sv_link_room_hooks room_hooks = { apply, snapshot, ignore_room, ignore_room,
    ignore_user };

static inline void say_chat(struct member *m, const char *room_id, uint64_t seq, const char *text)
{
    const synctv_chat chat = {
        .room_id = room_id,
        .message_id = "message-0001",
        .user_id = "user-0000001",
        .username = "alice",
        .content = text,
        .timestamp_ms = 1,
        .seq = seq,
        .client_message_id = "",
    };
    const struct sv_cluster_event event = {
        .kind = SV_CLUSTER_CHAT, .node_id = m->node.id, .room_id = room_id, .chat = &chat
    };
    sv_links_tell(&m->node, &event);
}

/* ---- a member ---- */

static inline int64_t member_turn(void *userdata)
{
    return sv_node_turn(&((struct member *)userdata)->node);
}

static inline void member_wake(void *userdata)
{
    struct member *m = userdata;
    atomic_fetch_add(&m->n_wakes, 1);
    if (m->server != NULL)
        sv_rpc_server_wake(m->server);
}

static inline void *member_heart(void *userdata)
{
    struct member *m = userdata;
    while (atomic_load(&m->beats)) {
        synctv_cluster_heartbeat(&m->node, NULL);
        usleep(TEST_BEAT_MS * 1000);
    }
    return NULL;
}

static inline void member_free_port(char out[32])
{
    struct sv_rpc_server_options o;
    sv_rpc_server_defaults(&o);
    o.listen = "127.0.0.1:0";
    struct sv_rpc_server *server;
    ck_assert_int_eq(sv_rpc_server_new(&o, &server, NULL), 0);
    snprintf(out, 32, "127.0.0.1:%d", sv_rpc_server_port(server));
    sv_rpc_server_free(server);
}

/* With TLS it trusts those whom it lets in. */
static inline struct member *member_open_with(const char *id, const char *db_url,
    const char *secret, const struct sv_rpc_server_options *limits)
{
    struct member *m = calloc(1, sizeof(*m));
    synctv_node_options o;
    synctv_error err = { 0 };
    member_free_port(m->address);
    synctv_node_options_init(&o);
    o.db_url = db_url;
    o.node_id = id;
    o.cluster_secret_file = secret;
    o.heartbeat_ms = TEST_BEAT_MS;
    o.listen = m->address;
    o.cluster_event = member_event;
    o.cluster_userdata = m;
    o.log = member_log;
    o.log_userdata = m;
    int rv = sv_node_init(&m->node, &o, &err);
    ck_assert_msg(rv == 0, "%s: %s", err.field, err.message);
    if (m->node.links != NULL) {
        sv_links_free(m->node.links);
        m->node.links = sv_links_new(&m->node, &room_hooks);
    }
    const struct sv_peer_options po = {
        .node = &m->node,
        .log = &m->node.log,
        .secret_file = secret,
        .tls = limits->tls != NULL,
        .root_ca = limits->tls != NULL ? limits->tls->client_ca : NULL,
        .cert = limits->tls != NULL ? limits->tls->cert : NULL,
        .key = limits->tls != NULL ? limits->tls->key : NULL,
    };
    ck_assert_int_eq(sv_peer_new(&po, &m->peer, &err), 0);
    struct sv_rpc_server_options so = *limits;
    so.listen = m->address;
    so.methods = sv_peer_methods(m->peer, &so.n_methods);
    so.turn = member_turn;
    so.userdata = m;
    so.log = &m->node.log;
    m->node.wake = member_wake;
    m->node.wake_userdata = m;
    rv = sv_rpc_server_new(&so, &m->server, &err);
    ck_assert_msg(rv == 0, "%s: %s", err.field, err.message);
    snprintf(m->node.address, sizeof(m->node.address), "%s", m->address);
    sv_cluster_set_address(&m->node, m->address);
    ck_assert_int_eq(sv_peer_start(m->peer, so.threads > 0 ? m->server : NULL, &err), 0);
    atomic_store(&m->beats, true);
    pthread_create(&m->heart, NULL, member_heart, m);
    return m;
}

static inline struct member *member_open(const char *id)
{
    struct sv_rpc_server_options limits;
    sv_rpc_server_defaults(&limits);
    return member_open_with(id, test_db_url, test_secret_path, &limits);
}

static inline void member_close(struct member *m)
{
    atomic_store(&m->beats, false);
    pthread_join(m->heart, NULL);
    sv_node_close(&m->node);
    sv_peer_close(m->peer);
    sv_rpc_server_stop(m->server, 1000);
    sv_node_quiesce(&m->node);
    sv_node_turn(&m->node);
    m->node.wake = NULL;
    sv_rpc_server_free(m->server);
    sv_peer_free(m->peer);
    sv_node_fini(&m->node);
    free(m);
}

static inline void wait_for_link(struct member *a, struct member *b)
{
    int64_t until_ms = sv_mono_ms() + 60000;
    while (!(sv_links_is_complete(&a->node) && sv_links_is_complete(&b->node) &&
               lines_with(a, "there is a link to node") > 0 &&
               lines_with(b, "there is a link to node") > 0) &&
        sv_mono_ms() < until_ms)
        usleep(5000);
    ck_assert(sv_links_is_complete(&a->node) && sv_links_is_complete(&b->node));
}

/* ---- files ---- */

static inline void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
    chmod(path, 0600);
}

static inline void folder_setup(void)
{
    snprintf(test_folder, sizeof(test_folder), "/tmp/sv-peer-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(test_folder));
    snprintf(test_secret_path, sizeof(test_secret_path), "%s/secret", test_folder);
    snprintf(test_db_url, sizeof(test_db_url), "sqlite:%s/db", test_folder);
    write_file(test_secret_path, TEST_SECRET "\nsecond line of the file, an older key 1234\n");
}

static inline void folder_teardown(void)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -r '%s'", test_folder);
    ck_assert_int_eq(system(command), 0);
}

/* ---- a caller ---- */

/* A token as `keys` sign it; `shift_s` moves its time. Free it. */
static inline char *token_of(const char *secret, const char *caller, const char *callee,
    int64_t now_ms)
{
    struct sv_peer_keys keys = { .n = 1 };
    keys.keys[0].data = secret;
    keys.keys[0].len = strlen(secret);
    char *text = NULL;
    ck_assert_int_eq(sv_peer_keys_sign(&keys, caller, callee, now_ms, &text), 0);
    return text;
}

/* Calls a unary method; NULL = without authorization. Free r->data. */
static inline int call_with(struct sv_rpc_channel *channel, const char *path,
    const char *authorization, const void *data, size_t len, struct reply *r)
{
    const struct sv_rpc_md md = { "authorization", authorization, 0 };
    struct sv_rpc_request request = {
        .path = path, .metadata = &md, .n_metadata = authorization != NULL, .timeout_ms = 60000
    };
    *r = (struct reply){ 0 };
    sv_rpc_unary(channel, &request, sv_rpc_bytes_copy(data, len), got_reply, r);
    wait_for(&r->done, 1);
    return r->grpc_status;
}

#endif
