/* SPDX-License-Identifier: MIT */
/* What other threads leave for one of them to do, in the order in which it came. */
#ifndef SV_BASE_MAILBOX_H
#define SV_BASE_MAILBOX_H

#include <pthread.h>
#include <stdbool.h>

#include "base/list.h"

/* Embed it in what is to be done; run() owns it and may free it. In one mailbox at a time. */
struct sv_letter {
    struct sv_list link;
    void (*run)(struct sv_letter *letter);
};

struct sv_mailbox {
    pthread_mutex_t lock;
    struct sv_list letters;
};

void sv_mailbox_init(struct sv_mailbox *mailbox);
void sv_mailbox_fini(struct sv_mailbox *mailbox);
/* Any thread. Returns whether it was empty, so that whoever runs it has to be woken. */
bool sv_mailbox_post(struct sv_mailbox *mailbox, struct sv_letter *letter);
/*
 * Runs what is there now, without its lock; what comes meanwhile stays for the next time. Returns
 * whether there was any.
 */
bool sv_mailbox_run(struct sv_mailbox *mailbox);

#endif
