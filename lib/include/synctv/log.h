/* SPDX-License-Identifier: MIT */
#ifndef SYNCTV_LOG_H
#define SYNCTV_LOG_H

#include "version.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum synctv_log_level {
    SYNCTV_LOG_ERROR = 0,
    SYNCTV_LOG_WARN = 1,
    SYNCTV_LOG_INFO = 2,
    SYNCTV_LOG_DEBUG = 3,
} synctv_log_level;

/**
 * Receives one log line of a node or client: `area` is a short static word ("store", "rpc"),
 * `message` one line of UTF-8 without a line end, valid during the call. Called on any thread,
 * several at once; must not block and must not call back into the library. Passwords and tokens
 * never reach it.
 */
typedef void synctv_log_fn(void *userdata, synctv_log_level level, const char *area,
    const char *message);

#ifdef __cplusplus
}
#endif
#endif
