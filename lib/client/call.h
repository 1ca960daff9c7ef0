/* SPDX-License-Identifier: MIT */
/*
 * Calls with one answer; SEND_CHAT's is an event of a stream. On the client's thread but for the
 * first.
 */
#ifndef SV_CLIENT_CALL_H
#define SV_CLIENT_CALL_H

#include <synctv/client.h>

/* sv_caller_ops.submit. Any thread. */
void sv_client_call_submit(synctv_caller *caller, const synctv_request *request,
    synctv_done_fn *done, void *userdata, bool direct);
void sv_client_calls_stop(synctv_client *client);
/* A stream is up: what waits for a chat event is sent again. */
void sv_client_calls_resend(synctv_client *client);
/* A chat message or a refusal came in on a stream: is it what a synctv_call() waits for? */
void sv_client_calls_match_chat(synctv_client *client, const synctv_chat *chat);
bool sv_client_calls_match_error(synctv_client *client, const synctv_event *event);

#endif
