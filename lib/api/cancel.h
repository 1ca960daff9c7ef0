/* SPDX-License-Identifier: MIT */
/* Calls that can be withdrawn: what a synctv_cancellable knows of them. */
#ifndef SV_API_CANCEL_H
#define SV_API_CANCEL_H

#include <stdbool.h>

#include <synctv/call.h>

#include "base/list.h"

/* Embed it in what belongs to a call. */
struct sv_cancel_watch {
    /* Under the cancellable's lock. */
    struct sv_list link;
    synctv_cancellable *cancellable;
    /*
     * The call is to be withdrawn. At most once, under the cancellable's lock, on any thread: it
     * must not block, nor answer to who may call a function of this file.
     */
    void (*withdraw)(struct sv_cancel_watch *watch);
};

/* `withdraw` is set. False if the calls have been withdrawn already: then it watches nothing. */
bool sv_cancel_watch(struct sv_cancel_watch *watch, synctv_cancellable *cancellable);
/* No withdraw() runs or begins any more; one on another thread is waited for. Not inside it. */
void sv_cancel_unwatch(struct sv_cancel_watch *watch);
/* Whether calls with it are to be answered CANCELLED at once. NULL is never. */
bool sv_cancel_is_over(synctv_cancellable *cancellable);

#endif
