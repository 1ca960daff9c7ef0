/* SPDX-License-Identifier: MIT */
/** All of libsynctv. Each header can also be included alone. */
#ifndef SYNCTV_SYNCTV_H
#define SYNCTV_SYNCTV_H

#include "version.h"
#include "error.h"
#include "types.h"
#include "log.h"
#include "call.h"
#include "stream.h"
#include "account.h"
#include "room.h"
#include "member.h"
#include "playlist.h"
#include "playback.h"
#include "chat.h"
#include "node.h"
#include "cluster.h"
#include "metrics.h"
#include "client.h"
#include "player.h"

#endif
