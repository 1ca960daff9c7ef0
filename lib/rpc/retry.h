/* SPDX-License-Identifier: MIT */
/* When a client tries a failed call again. Pure: time and random bits are arguments. */
#ifndef SV_RPC_RETRY_H
#define SV_RPC_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#define SV_RPC_RETRY_FIRST_MS 100
#define SV_RPC_RETRY_MAX_MS 10000

struct sv_rpc_retry {
    /* Failures so far. */
    unsigned attempts;
    /* 0 = any number. */
    unsigned max_attempts;
    /* Monotonic; no attempt begins later. INT64_MAX = none. */
    int64_t deadline_ms;
};

/*
 * A call has failed at now_ms. Returns how long to wait before the next attempt, or -1 to give up.
 *
 * @code            SYNCTV_E_* of the failure. Tried again are failures that pass by themselves:
 *                  NODE_UNAVAILABLE, NOT_CONNECTED, STORAGE_UNAVAILABLE and SHUTTING_DOWN;
 *                  RATE_LIMITED and OVERLOADED if the server says when.
 * @repeatable      the call may be done twice.
 * @retry_after_ms  what the server asked for; 0 = nothing.
 * @random          any 32 random bits.
 *
 * The n-th wait is 100 ms × 2^(n-1), at most 10 s, times 0.5 … 1.0; but never shorter than
 * retry_after_ms.
 */
int64_t sv_rpc_retry_next(struct sv_rpc_retry *r, int code, bool repeatable, int64_t retry_after_ms,
    int64_t now_ms, uint32_t random);

/* The wait alone, for reconnecting without end. attempts ≥ 1. */
int64_t sv_rpc_retry_delay_ms(unsigned attempts, uint32_t random);

#endif
