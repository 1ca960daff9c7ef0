/* SPDX-License-Identifier: MIT */
#include "node/rooms/follower.h"

void sv_follower_init(struct sv_stream *stream)
{
    struct sv_follower *follower = sv_follower_of(stream);
    follower->observer = stream->session->kind == SV_SESSION_SYSTEM && stream->room_id[0] == '\0';
    sv_list_init(&follower->in_observers);
    sv_list_init(&follower->follows);
}

void sv_observer_add(struct sv_follower *follower)
{
    synctv_node *node = follower->stream.node;
    pthread_mutex_lock(&node->rooms->lock);
    sv_list_append(&node->rooms->observers, &follower->in_observers);
    atomic_fetch_add(&node->rooms->n_observers, 1);
    pthread_mutex_unlock(&node->rooms->lock);
}

void sv_observer_remove(struct sv_follower *follower)
{
    synctv_node *node = follower->stream.node;
    pthread_mutex_lock(&node->rooms->lock);
    sv_list_remove(&follower->in_observers);
    atomic_fetch_sub(&node->rooms->n_observers, 1);
    pthread_mutex_unlock(&node->rooms->lock);
}

void sv_observers_push(synctv_node *node, const synctv_event *event)
{
    pthread_mutex_lock(&node->rooms->lock);
    SV_LIST_FOREACH(it, &node->rooms->observers)
        sv_stream_push(&SV_CONTAINER_OF(it, struct sv_follower, in_observers)->stream, event);
    pthread_mutex_unlock(&node->rooms->lock);
}

void sv_observers_end(synctv_node *node, int code)
{
    pthread_mutex_lock(&node->rooms->lock);
    SV_LIST_FOREACH(it, &node->rooms->observers)
        sv_stream_end(&SV_CONTAINER_OF(it, struct sv_follower, in_observers)->stream, code, NULL);
    pthread_mutex_unlock(&node->rooms->lock);
}
