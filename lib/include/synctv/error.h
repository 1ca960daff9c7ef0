/* SPDX-License-Identifier: MIT */
#ifndef SYNCTV_ERROR_H
#define SYNCTV_ERROR_H

#include <stdint.h>

#include "version.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Every failure has one number here, one stable reason string on the wire (ErrorInfo.reason,
 * ErrorMessage.code) and one gRPC status code. Functions return 0 or more on success and one of
 * these numbers on failure.
 *
 *   X(name, number, gRPC status code, default text)       the reason on the wire is #name
 */
#define SYNCTV_ERRORS(X)                                                                           \
    X(INTERNAL, -1, 13, "internal error")                                                          \
    X(NO_MEMORY, -2, 8, "out of memory")                                                           \
    X(INVALID_ARGUMENT, -3, 3, "a field is not valid")                                             \
    X(UNIMPLEMENTED, -4, 12, "not implemented")                                                    \
    X(CANCELLED, -5, 1, "cancelled")                                                               \
    X(TIMEOUT, -6, 4, "the time for this call is over")                                            \
    X(SHUTTING_DOWN, -7, 14, "the node is shutting down")                                          \
    X(TOKEN_MISSING, -10, 16, "no access token was sent")                                          \
    X(TOKEN_INVALID, -11, 16, "the token is not valid")                                            \
    X(TOKEN_EXPIRED, -12, 16, "the token has expired")                                             \
    X(SESSION_ENDED, -13, 16, "the session has ended")                                             \
    X(LOGIN_FAILED, -14, 16, "wrong user name or password")                                        \
    X(CLOCK_SKEW, -15, 16, "the clocks of the two are too far apart")                              \
    X(PERMISSION_DENIED, -20, 7, "the permission for this is missing")                             \
    X(NOT_A_MEMBER, -21, 7, "not a member of this room")                                           \
    X(MEMBER_BANNED, -22, 7, "banned from this room")                                              \
    X(MEMBER_PENDING, -23, 7, "membership is waiting for approval")                                \
    X(MEMBER_KICKED, -24, 7, "kicked from this room a moment ago")                                 \
    X(ROOM_PASSWORD_WRONG, -25, 7, "wrong room password")                                          \
    X(USER_BANNED, -26, 7, "this account is banned")                                               \
    X(USER_PENDING, -27, 7, "this account is waiting for approval")                                \
    X(REGISTRATION_CLOSED, -28, 7, "registration is closed")                                       \
    X(ROOM_NOT_FOUND, -30, 5, "no such room")                                                      \
    X(MOVIE_NOT_FOUND, -31, 5, "no such movie")                                                    \
    X(MEMBER_NOT_FOUND, -32, 5, "no such member")                                                  \
    X(USER_NOT_FOUND, -33, 5, "no such user")                                                      \
    X(MESSAGE_NOT_FOUND, -34, 5, "no such message")                                                \
    X(STREAM_NOT_FOUND, -35, 5, "no such stream")                                                  \
    X(NODE_NOT_FOUND, -36, 5, "no such node, or an earlier start of it")                           \
    X(USERNAME_TAKEN, -40, 6, "this user name is taken")                                           \
    X(EMAIL_TAKEN, -41, 6, "this e-mail address is taken")                                         \
    X(ROOM_FULL, -50, 8, "the room is full")                                                       \
    X(ROOM_LIMIT, -51, 8, "too many rooms")                                                        \
    X(MOVIE_LIMIT, -52, 8, "too many movies in this room")                                         \
    X(STREAM_LIMIT, -53, 8, "too many streams")                                                    \
    X(RATE_LIMITED, -54, 8, "too many requests")                                                   \
    X(OVERLOADED, -55, 8, "the server is busy")                                                    \
    X(TOO_LARGE, -56, 8, "the message is too large")                                               \
    X(SLOW_CONSUMER, -57, 8, "the client does not read fast enough")                               \
    X(VERSION_CONFLICT, -60, 10, "the state has changed in between")                               \
    X(CREATOR_CANNOT_LEAVE, -61, 9, "the creator cannot leave the room")                           \
    X(NO_CURRENT_MOVIE, -62, 9, "the room has no current movie")                                   \
    X(ALREADY_PUBLISHING, -63, 9, "the stream has another publisher")                              \
    X(STALE_EPOCH, -64, 9, "the publication has been replaced")                                    \
    X(STORAGE_UNAVAILABLE, -70, 14, "storage is not available")                                    \
    X(NODE_UNAVAILABLE, -71, 14, "the node cannot be reached")                                     \
    X(STORAGE_CORRUPT, -72, 15, "the database is damaged")                                         \
    X(STORAGE_TOO_NEW, -73, 9, "the database was written by a newer version")                      \
    X(OUTCOME_UNKNOWN, -74, 2, "it may have been stored or not: look before doing it again")       \
    X(NOT_CONNECTED, -80, 14, "not connected")

typedef enum synctv_code {
    SYNCTV_OK = 0,
#define SYNCTV_ERROR_ENUM(name, number, grpc, text) SYNCTV_E_##name = (number),
    SYNCTV_ERRORS(SYNCTV_ERROR_ENUM)
#undef SYNCTV_ERROR_ENUM
} synctv_code;

/**
 * What went wrong, in detail. Always optional and owned by the caller (usually on its stack);
 * functions fill it only when they fail. No member needs to be freed.
 */
typedef struct synctv_error {
    /** SYNCTV_E_*; 0 = none. */
    int code;
    /** RATE_LIMITED: wait so long; otherwise 0. */
    int64_t retry_after_ms;
    /** INVALID_ARGUMENT: the field's name, e.g. "movie.url"; otherwise "". */
    char field[48];
    /** A sentence for people, UTF-8; never a secret, never empty when code is set. */
    char message[200];
} synctv_error;

/**
 * The stable reason of a code, e.g. "ROOM_FULL"; "OK" for ≥ 0; "INTERNAL" for an unknown number.
 * Static storage.
 */
SYNCTV_API const char *synctv_error_reason(int code);
/** A short English sentence for a code. Static storage. */
SYNCTV_API const char *synctv_error_text(int code);
/** The code of a reason string; SYNCTV_E_INTERNAL if there is none of that name. */
SYNCTV_API int synctv_error_from_reason(const char *reason);
/** The gRPC status code (0..16) that carries this code on the wire. */
SYNCTV_API int synctv_error_grpc_status(int code);

#ifdef __cplusplus
}
#endif
#endif
