/* SPDX-License-Identifier: MIT */
/* schema.c describes the key that keeps rooms in order. */
#ifndef SV_STORE_SQLITE_ROOMS_H
#define SV_STORE_SQLITE_ROOMS_H

#define SV_ROOM_KEY_SHIFT 20

#endif
