/* SPDX-License-Identifier: MIT */
/*
 * What each method needs and allows: one row for each. A node checks the row before it runs the
 * method's handler. Streams, clients and the service take from it what they have to know of a
 * method.
 */
#ifndef SV_API_METHODS_H
#define SV_API_METHODS_H

#include <synctv/call.h>

/* Who may ask. From SIGNED_IN on, each is one of those before it as well. */
enum sv_method_caller {
    SV_CALLER_ANYBODY,
    /* Who brings an access token, or a refresh token in the request. The handler checks. */
    SV_CALLER_WITH_ANY_TOKEN,
    /* Who brings an access token. The account is not banned from the node. */
    SV_CALLER_SIGNED_IN,
    /* The account does not wait for approval. */
    SV_CALLER_ACTIVE,
    SV_CALLER_PLATFORM_ADMIN,
};

/* The rate of the caller's account that a request counts for. */
enum sv_rate_kind {
    /* None that is counted before the handler runs. */
    SV_RATE_NONE,
    SV_RATE_CALLS,
    /* What costs a password hash. */
    SV_RATE_HASHES,
    SV_RATE_CHAT,
    SV_RATE_DANMAKU,
    /* HASHES if the room gets a password by it, otherwise CALLS. */
    SV_RATE_CALLS_OR_HASHES,
};

/* The rate of one stream that a request on it counts for, instead of one of the account. */
enum sv_stream_rate {
    SV_STREAM_RATE_NONE,
    SV_STREAM_RATE_CONTROL,
    SV_STREAM_RATE_STATUS,
    SV_STREAM_RATE_PING,
};

/* Ids that the request must have, in the order in which they are checked. */
enum sv_method_ids {
    /* The method acts on this room. */
    SV_NEEDS_ROOM_ID = 1,
    SV_NEEDS_USER_ID = 2,
    SV_NEEDS_MOVIE_ID = 4,
    SV_NEEDS_MESSAGE_ID = 8,
};

/* How a request may come. */
enum sv_method_ways {
    /* By synctv_call(). */
    SV_BY_CALL = 1,
    /* By synctv_stream_send(). */
    SV_BY_STREAM = 2,
};

/* Whether a call may be made again when nobody knows what became of it. */
enum sv_method_repeat {
    SV_REPEAT_NEVER,
    /* If it has an expected_version: that is met once at most. */
    SV_REPEAT_WITH_VERSION,
    SV_REPEAT_ALWAYS,
};

struct sv_method {
    enum sv_method_caller caller;
    enum sv_rate_kind rate;
    enum sv_stream_rate stream_rate;
    /* Of enum sv_method_ids. */
    unsigned ids;
    /* Of enum sv_method_ways. */
    unsigned ways;
    enum sv_method_repeat repeat;
};

extern const struct sv_method sv_methods[SYNCTV_N_METHODS];

/* These take any method, one that does not exist included. */
bool sv_method_is_for_streams(synctv_method method);
/* Whether the caller has to bring an access token. */
bool sv_request_needs_access_token(const synctv_request *request);
/* Whether a room gets a password by the request: then one has to be hashed. */
bool sv_request_sets_room_password(const synctv_request *request);
/* Whether the call may be made again when nobody knows what became of it. */
bool sv_request_is_repeatable(const synctv_request *request);

#endif
