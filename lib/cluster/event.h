/* SPDX-License-Identifier: MIT */
/*
 * What nodes tell each other over a link, as structures: lib/wire packs and unpacks them
 * (ClusterEvent in proto/cluster.proto), lib/cluster says who gets which, lib/node applies them.
 * Everything is borrowed.
 */
#ifndef SV_CLUSTER_EVENT_H
#define SV_CLUSTER_EVENT_H

#include <synctv/stream.h>

#include "base/id.h"

enum sv_cluster_event_kind {
    /* Of a kind that this program does not know. If it names a room, that is to be read. */
    SV_CLUSTER_UNKNOWN,
    /* Of the link itself. */
    SV_CLUSTER_HELLO,
    SV_CLUSTER_BYE,
    SV_CLUSTER_INTEREST,
    /* Of a room. */
    SV_CLUSTER_SNAPSHOT,
    SV_CLUSTER_PRESENCE,
    SV_CLUSTER_CHANGE,
    SV_CLUSTER_STATE,
    SV_CLUSTER_CHAT,
    SV_CLUSTER_RELAY,
    SV_CLUSTER_VOTE,
    /* Of a user. */
    SV_CLUSTER_SESSION,
};

/* The first event of each side of a link. */
struct sv_cluster_hello {
    int64_t epoch;
    /* Of the caller's attempts since it started, from 1; the callee answers with the same. */
    uint64_t session;
    /* The node clock. */
    int64_t now_ms;
    const char *version;
};

struct sv_cluster_interest {
    const char *room_id;
    /* The room is in the sender's memory. */
    bool on;
    /* How many people are online in it at the sender. */
    int32_t n_online;
};

struct sv_cluster_presence {
    const char *room_id, *user_id, *username;
    bool online;
    /* Node clock. */
    int64_t since_ms;
};

/* A change of a room's rows. NULL, 0 or "" = not so. */
struct sv_cluster_change {
    uint64_t revision;
    const char *actor_id, *reason;
    bool deleted;
    /* Its name, description, settings, creator and whether it has a password; no counts. */
    const synctv_room *room;
    /* With UNSPECIFIED the row alone has changed. */
    synctv_member_change member_change;
    /* The row as it is now, or the member as it was before its row was removed (member_gone). */
    const synctv_member *member;
    bool member_gone;
    int64_t kicked_until_ms;
    synctv_list_change list_change;
    const synctv_movie *movie;
    /* Something that is not in here has changed: the room is to be read. */
    bool reread;
};

struct sv_cluster_vote {
    const char *user_id;
    uint64_t version;
    bool ended;
    double duration_s, position_s;
};

struct sv_cluster_event {
    enum sv_cluster_event_kind kind;
    /* Who says it. */
    const char *node_id;
    /* Of the session of the link, from 1. */
    uint64_t sequence;
    /* When it was said: its node clock. */
    int64_t timestamp_ms;
    /* Of what concerns one room, else "". */
    const char *room_id;

    /* By kind, from here on. */
    struct sv_cluster_hello hello;
    /* BYE */
    const char *reason;
    /* INTEREST */
    const struct sv_cluster_interest *interests;
    size_t n_interests;
    bool all;
    /* INTEREST asks with it, SNAPSHOT echoes it; 0 = none. */
    uint64_t barrier;
    /* SNAPSHOT: what the sender has; `state` NULL = none. */
    uint64_t revision, chat_seq;
    /* SNAPSHOT: of the sender's own people, all of them. PRESENCE: those who came or went. */
    const struct sv_cluster_presence *presences;
    size_t n_presences;
    /* CHANGE */
    struct sv_cluster_change change;
    /* SNAPSHOT, STATE */
    const synctv_playback *state;
    /* CHAT */
    const synctv_chat *chat;
    /*
     * RELAY: danmaku, or the deletion of a chat message, as clients are told of it; and the same
     * packed (synctv.client.ServerMessage). What is sent has one of the two; what was heard has
     * both when it comes to the node.
     */
    const synctv_event *relay;
    const void *message;
    size_t message_len;
    /* VOTE */
    struct sv_cluster_vote vote;
    /* SESSION: read this session again, or, with all_sessions, the user and all their sessions. */
    const char *session_id, *user_id;
    bool all_sessions;
};

#endif
