/* SPDX-License-Identifier: MIT */
#include "rpc/retry.h"

#include <synctv/error.h>

int64_t sv_rpc_retry_delay_ms(unsigned attempts, uint32_t random)
{
    int64_t ms = SV_RPC_RETRY_FIRST_MS;
    for (unsigned i = 1; i < attempts && ms < SV_RPC_RETRY_MAX_MS; i++)
        ms *= 2;
    if (ms > SV_RPC_RETRY_MAX_MS)
        ms = SV_RPC_RETRY_MAX_MS;
    return ms / 2 + (int64_t)((uint64_t)(ms - ms / 2) * random >> 32);
}

static bool passes_by_itself(int code, bool repeatable, int64_t retry_after_ms)
{
    switch (code) {
    /* The server has done nothing. */
    case SYNCTV_E_RATE_LIMITED:
    case SYNCTV_E_OVERLOADED:
        return retry_after_ms > 0;
    case SYNCTV_E_NODE_UNAVAILABLE:
    case SYNCTV_E_NOT_CONNECTED:
    case SYNCTV_E_STORAGE_UNAVAILABLE:
    case SYNCTV_E_SHUTTING_DOWN:
        return repeatable;
    }
    return false;
}

int64_t sv_rpc_retry_next(struct sv_rpc_retry *r, int code, bool repeatable, int64_t retry_after_ms,
    int64_t now_ms, uint32_t random)
{
    r->attempts++;
    if (!passes_by_itself(code, repeatable, retry_after_ms))
        return -1;
    if (r->max_attempts > 0 && r->attempts >= r->max_attempts)
        return -1;
    int64_t ms = sv_rpc_retry_delay_ms(r->attempts, random);
    if (ms < retry_after_ms)
        ms = retry_after_ms;
    if (r->deadline_ms != INT64_MAX && ms >= r->deadline_ms - now_ms)
        return -1;
    return ms;
}
