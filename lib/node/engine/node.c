/* SPDX-License-Identifier: MIT */
#include "node/engine/node.h"

void sv_node_wake(synctv_node *node)
{
    if (node->wake != NULL)
        node->wake(node->wake_userdata);
}

void sv_node_post(synctv_node *node, struct sv_letter *letter)
{
    if (sv_mailbox_post(&node->mailbox, letter))
        sv_node_wake(node);
}

void sv_node_cluster_changed(synctv_node *node)
{
    atomic_fetch_add(&node->cluster_changes, 1);
    if (node->watch != NULL)
        sv_node_wake(node);
}
