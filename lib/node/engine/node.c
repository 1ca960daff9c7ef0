/* SPDX-License-Identifier: MIT */
#include "node/engine/node.h"

void sv_node_wake(synctv_node *node)
{
    if (node->wake != NULL)
        node->wake(node->wake_userdata);
}

void sv_node_post(synctv_node *node, struct sv_letter *letter)
{
    pthread_mutex_lock(&node->mailbox.lock);
    bool first = sv_list_empty(&node->mailbox.letters);
    sv_list_append(&node->mailbox.letters, &letter->link);
    pthread_mutex_unlock(&node->mailbox.lock);
    if (first)
        sv_node_wake(node);
}
