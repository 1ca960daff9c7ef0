/* SPDX-License-Identifier: MIT */
/*
 * A node that is a member of a cluster, "m", whose links are the test's: what "a" and "z" say is
 * heard, and what is said to them is dropped.
 */
#ifndef TESTS_UNIT_LINKED_MEMBER_H
#define TESTS_UNIT_LINKED_MEMBER_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "movie_room.h"
#include "node/links/links.h"

static char secret_path[] = "/tmp/synctv-linked-XXXXXX";
static char db_path[64], db_url[80];

static const char *const peer_ids[] = { "", "a", "z" };
#define A 1
#define Z 2
static uint64_t n_heard[3];

static inline void dial(void *peers, const char *peer_id, const char *address)
{
}
static inline void hang_up(void *peers, uint64_t link, const char *peer_id, const char *reason)
{
}
static inline void send_event(void *peers, const struct sv_cluster_event *event,
    const struct sv_link_place *places, size_t n_places)
{
}
static inline void observed(void *peers, const struct sv_cluster_event *event)
{
}

static const struct sv_link_ops link_ops = {
    .dial = dial,
    .hang_up = hang_up,
    .send = send_event,
    .observed = observed,
};

static inline void open_linked_member(void)
{
    static const char text[] = "0123456789abcdef0123456789abcdef\n";
    snprintf(secret_path + strlen(secret_path) - 6, 7, "XXXXXX");
    int fd = mkstemp(secret_path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, sizeof(text) - 1), (ssize_t)sizeof(text) - 1);
    close(fd);
    snprintf(db_path, sizeof(db_path), "%s.db", secret_path);
    snprintf(db_url, sizeof(db_url), "sqlite:%s", db_path);
    synctv_node_options_init(&fx_options);
    synctv_limits_init(&fx_limits);
    fx_limits.status_per_second = fx_limits.register_per_hour = fx_limits.hash_per_minute = 0;
    fx_options.limits = &fx_limits;
    fx_options.db_url = db_url;
    fx_options.cluster_secret_file = secret_path;
    fx_options.node_id = "m";
    fx_options.advertise = "192.0.2.1:1";
    people();
    sv_links_set_ops(&fx_node, &link_ops, NULL);
    memset(n_heard, 0, sizeof(n_heard));
}

static inline void close_linked_member(void)
{
    static const char *const suffixes[] = { "", ".lock", "-wal", "-shm", ".node-m.lock" };
    char name[100];
    fx_close();
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        snprintf(name, sizeof(name), "%s%s", db_path, suffixes[i]);
        unlink(name);
    }
    unlink(secret_path);
}

/* ---- what other nodes say ---- */

static inline void hear(uint64_t link, struct sv_cluster_event event)
{
    event.node_id = peer_ids[link];
    event.room_id = event.room_id == NULL ? room : event.room_id;
    event.sequence = ++n_heard[link];
    event.timestamp_ms = sv_node_now_ms(&fx_node);
    sv_links_heard(&fx_node, link, &event);
}

/* It has the room. */
static inline void link_with(uint64_t link)
{
    sv_links_opened(&fx_node, link, peer_ids[link], 1);
    const struct sv_cluster_interest interest = { .room_id = room, .on = true };
    hear(link,
        (struct sv_cluster_event){
            .kind = SV_CLUSTER_INTEREST, .room_id = "", .interests = &interest, .n_interests = 1 });
    fx_pass_ms(SV_MESH_SETTLE_MS + 100);
}

#endif
