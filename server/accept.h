/* SPDX-License-Identifier: MIT */
/* Keeps gRPC's listener alive when the process runs out of descriptors. */
#ifndef SERVER_ACCEPT_H
#define SERVER_ACCEPT_H

#include "config.h"

/* Sets a descriptor aside for the day on which there are no more, and says where to complain then. `config` is borrowed for good. */
void accept_init(struct config *config);

#endif
