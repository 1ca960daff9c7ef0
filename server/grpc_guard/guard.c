/* SPDX-License-Identifier: MIT */
/* Start of the guard, and what its files share: limits of a connection, time, log. */
#include "guard.h"

#include <stdio.h>
#include <time.h>

#include "../log.h"
#include "accept.h"
#include "frames.h"
#include "sockets.h"
#include "tls.h"

struct grpc_guard_options grpc_guard;

static atomic_size_t all_parts_bytes;

void grpc_guard_init(const struct grpc_guard_options *options)
{
    grpc_guard = *options;
    accept_init();
    tls_init();
    sockets_init();
}

void guard_init_frames(struct frames *frames)
{
    frames_init(frames, grpc_guard.calls_per_connection, &all_parts_bytes);
}

int64_t guard_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool guard_exceeds_limits(struct frames *frames, const void *data, size_t len)
{
    static atomic_llong last_s;
    const char *why = frames_take(frames, data, len, guard_now_ms());
    if (why != NULL)
        guard_warn_limited(&last_s, "a client is cut off: ", why);
    return why != NULL;
}

void guard_warn(const char *text)
{
    if (grpc_guard.log != NULL && grpc_guard.log_level >= SYNCTV_LOG_WARN)
        grpc_guard.log(grpc_guard.log_userdata, SYNCTV_LOG_WARN, "server", text);
}

void guard_warn_limited(atomic_llong *last_s, const char *text, const char *why)
{
    char line[256];
    if (!log_is_due(last_s))
        return;
    snprintf(line, sizeof(line), "%s%s", text, why);
    guard_warn(line);
}
