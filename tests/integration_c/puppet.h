/* SPDX-License-Identifier: MIT */
/*
 * A server in this process that does what a test tells it: it gives tokens to clients, fails as
 * often as the test asks for, and sends on its streams whatever the test gives it.
 */
#ifndef INTEGRATION_C_PUPPET_H
#define INTEGRATION_C_PUPPET_H

#include "support.h"

/* A checked fixture, inside support_begin() and support_end(). */
void puppet_begin(void);
void puppet_end(void);

/* Somebody who is signed in there. */
struct person *puppet_person(void);

/* The next `times` calls of this method ("Play") fail so. */
void puppet_fail(const char *method, int code, int times, int64_t retry_after_ms);
/* Failures bring this as a detail, as a VERSION_CONFLICT does. */
void puppet_extra(const void *data, size_t len);
/* The method answers with these bytes instead of the right ones. */
void puppet_say(const char *method, const void *data, size_t len);
/* Calls of this method wait until puppet_release(). */
void puppet_hold(const char *method);
void puppet_release(const char *method);
/* How often it was called; puppet_wait_calls() waits for it. */
int puppet_calls(const char *method);
void puppet_wait_calls(const char *method, int n);
/* The token of the last call. */
const char *puppet_token(void);
void puppet_set_expires_s(int64_t expires_in_s);

/* Sends on all streams. */
void puppet_send(const void *data, size_t len);
void puppet_send_event(const synctv_event *event);
void puppet_send_state(const char *room_id, synctv_state_cause cause, uint64_t version,
    const char *node_id);
/* Ends all streams; code 0 = OK. */
void puppet_finish(int code, int64_t retry_after_ms);
/*
 * Waits for the n-th message (of the first 64) that is neither a ping nor a status report; its time
 * stamp.
 */
int64_t puppet_wait_message(int n);
/*
 * What pongs say about the server's clock: ours plus this. With `wild` they say the number itself,
 * twice.
 */
/* How many status reports have come; the last one in *ret, if that is not NULL. */
struct puppet_report {
    char movie_id[16], message_id[16];
    double position_s, duration_s;
    bool buffering, ended;
};
int puppet_reports(struct puppet_report *ret);
void puppet_set_clock(int64_t offset_ms, bool wild);
int puppet_pings(void);

#endif
