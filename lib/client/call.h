/* SPDX-License-Identifier: MIT */
/*
 * Calls with one answer. A call gets a token, makes an attempt, and after some failures another
 * one. SEND_CHAT and SEND_DANMAKU travel on a stream; the answer to SEND_CHAT is the chat event.
 *
 * All but the first are for the client's thread.
 */
#ifndef SV_CLIENT_CALL_H
#define SV_CLIENT_CALL_H

#include <synctv/client.h>

/* sv_caller_ops.submit. Any thread. */
void sv_client_call_submit(synctv_caller *caller, const synctv_request *request,
    synctv_done_fn *done, void *userdata, bool direct);
/* Fails with CANCELLED the calls that wait; the channel and the tokens end the others. */
void sv_client_calls_stop(synctv_client *client);
/* A stream has connected: sends again the chat messages that have no event yet. */
void sv_client_calls_resend(synctv_client *client);
/* A chat message has come on a stream: finishes the call that has sent it. */
void sv_client_calls_match_chat(synctv_client *client, const synctv_chat *chat);
/* An error has come on a stream: fails the call that it answers. False if there is none. */
bool sv_client_calls_match_error(synctv_client *client, const synctv_event *event);

#endif
