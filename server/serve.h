/* SPDX-License-Identifier: MIT */
/* The serving process: a node, signals, the heartbeat. */
#ifndef SERVER_SERVE_H
#define SERVER_SERVE_H

#include "config.h"

/* Runs a node until a signal ends it. Returns the exit status. */
int serve(struct config *config);

#endif
