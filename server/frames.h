/* SPDX-License-Identifier: MIT */
/*
 * Watches what a client sends as HTTP/2 for what gRPC's core (1.51) takes without limit, and each of which is enough for
 * one connection to take all memory or the thread that serves everybody:
 *   - a header block that never ends (CVE-2023-33953): the core keeps all of it, and looks at it anew with each piece
 *   - calls beyond the allowed number from a client that does not acknowledge the settings which say so
 *   - calls that are taken back as soon as they are made (CVE-2023-44487)
 * Takes bytes, owns no socket. Nothing is kept of them but the head of the frame that is under way.
 */
#ifndef SERVER_FRAMES_H
#define SERVER_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* With the heads of its frames. The core refuses what is over 8 KiB of metadata, with an answer, once the block is complete. */
#define FRAMES_BLOCK_MAX_BYTES 65536

enum frames_state { FRAMES_PREFACE, FRAMES_HEAD, FRAMES_PAYLOAD, FRAMES_FOREIGN };

struct frames {
    enum frames_state state;
    unsigned
        max_calls; /* at the same time; so many may be taken back a second, and twice as many at once */
    unsigned n_calls; /* made before the settings were acknowledged */
    bool acknowledged;
    unsigned char head[9];
    unsigned have;         /* bytes of the preface or of `head` */
    uint32_t left;         /* bytes of the payload */
    uint32_t block_bytes;  /* of the header block under way */
    uint32_t call_id;      /* the highest one */
    double n_taken_back;   /* less what was forgiven by the passing of time */
    int64_t taken_back_ms; /* the moment for which that is true */
};

/* @max_calls  0 = any number. */
void frames_init(struct frames *f, unsigned max_calls);

/* The next bytes of the client at some time of a clock that never goes back. Returns NULL, or why it has to be cut off. */
const char *frames_take(struct frames *f, const void *data, size_t len, int64_t now_ms);

#endif
