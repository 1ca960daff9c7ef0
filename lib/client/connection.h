/* SPDX-License-Identifier: MIT */
/* A stream's side of the network. All on the client's thread. */
#ifndef SV_CLIENT_CONNECTION_H
#define SV_CLIENT_CONNECTION_H

struct sv_client_stream;

void sv_client_connection_start(struct sv_client_stream *s);
/* Half-closes it, or lets it end. */
void sv_client_connection_finish(struct sv_client_stream *s);
/* Releases the thread's reference, now or when the network has let go. */
void sv_client_connection_close(struct sv_client_stream *s);
void sv_client_connection_fini(struct sv_client_stream *s);

#endif
