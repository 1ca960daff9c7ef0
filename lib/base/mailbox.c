/* SPDX-License-Identifier: MIT */
#include "base/mailbox.h"

void sv_mailbox_init(struct sv_mailbox *mailbox)
{
    pthread_mutex_init(&mailbox->lock, NULL);
    sv_list_init(&mailbox->letters);
}

void sv_mailbox_fini(struct sv_mailbox *mailbox)
{
    pthread_mutex_destroy(&mailbox->lock);
}

bool sv_mailbox_post(struct sv_mailbox *mailbox, struct sv_letter *letter)
{
    pthread_mutex_lock(&mailbox->lock);
    bool first = sv_list_empty(&mailbox->letters);
    sv_list_append(&mailbox->letters, &letter->link);
    pthread_mutex_unlock(&mailbox->lock);
    return first;
}

bool sv_mailbox_run(struct sv_mailbox *mailbox)
{
    struct sv_list letters;
    sv_list_init(&letters);
    pthread_mutex_lock(&mailbox->lock);
    sv_list_splice(&letters, &mailbox->letters);
    pthread_mutex_unlock(&mailbox->lock);
    bool any = !sv_list_empty(&letters);
    for (struct sv_list *it; (it = sv_list_pop(&letters)) != NULL;) {
        struct sv_letter *letter = SV_CONTAINER_OF(it, struct sv_letter, link);
        letter->run(letter);
    }
    return any;
}
