/* SPDX-License-Identifier: MIT */
/*
 * A stream's connection to the server, on the client's thread. It reconnects by itself, keeps the
 * clock in step, and passes the newer of two states of a room only.
 */
#ifndef SV_CLIENT_CONNECTION_H
#define SV_CLIENT_CONNECTION_H

struct sv_client_stream;

/* Gets a token and opens the stream. */
void sv_client_connection_start(struct sv_client_stream *s);
/* Half-closes the stream; one that is not open ends at once. */
void sv_client_connection_finish(struct sv_client_stream *s);
/*
 * Ends the connection. Calls sv_client_stream_released() when no callback can come any more, which
 * may be at once.
 */
void sv_client_connection_close(struct sv_client_stream *s);
void sv_client_connection_fini(struct sv_client_stream *s);

#endif
