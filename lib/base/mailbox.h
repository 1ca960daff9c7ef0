/* SPDX-License-Identifier: MIT */
/* A queue of functions that other threads want one thread to run, in their order. */
#ifndef SV_BASE_MAILBOX_H
#define SV_BASE_MAILBOX_H

#include <pthread.h>
#include <stdbool.h>

#include "base/list.h"

/*
 * Embed it in an object; run() owns the letter and may free it. A letter is in at most one mailbox.
 */
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
/*
 * Any thread. Returns whether the mailbox was empty, so that the thread that runs it must be woken.
 */
bool sv_mailbox_post(struct sv_mailbox *mailbox, struct sv_letter *letter);
/*
 * Runs the letters that are there now, without the lock held. Letters that come meanwhile stay for
 * the next time. Returns whether there were any.
 */
bool sv_mailbox_run(struct sv_mailbox *mailbox);

#endif
