/* SPDX-License-Identifier: MIT */
/*
 * Encodes and decodes what nodes tell each other over a link: the ClusterEvents of SyncEvents.
 *
 *   lib/peer                                                        the other node
 *   an event -- encode(), once --> bytes -- batch(), for each link --> decode() --> each event
 *
 * CHANGE travels as a RoomEvent, or as a MemberEvent if it is of a member, with a RoomChange beside
 * it. A change of the room's row and of a member or the playlist at once travels with `reread`.
 */
#ifndef SV_WIRE_CLUSTER_EVENT_H
#define SV_WIRE_CLUSTER_EVENT_H

#include "base/arena.h"
#include "cluster/event.h"
#include "wire/pack.h"

/* Events in one batch. */
#define SV_WIRE_BATCH_MAX 4096

/* ---- Encoding ---- */

/*
 * All but the sequence, which each link adds. Rooms, members, states and the like travel with
 * event->room_id, whatever theirs is. event_id stays empty.
 *
 * Errors: NO_MEMORY, UNIMPLEMENTED (UNKNOWN does not travel).
 */
int sv_wire_cluster_event_encode(const struct sv_cluster_event *event, sv_wire_alloc_fn *alloc,
    void *userdata, synctv_error *err);

/* What the sequence of an event takes at most. */
#define SV_WIRE_SEQUENCE_MAX_BYTES 11

/* An event as sv_wire_cluster_event_encode() has made it, and its place on one link. */
struct sv_wire_batch_part {
    const void *data;
    size_t len;
    uint64_t sequence;
};

/* How many bytes a part adds to a batch, at most. */
#define SV_WIRE_BATCH_PART_BYTES(len) ((len) + SV_WIRE_SEQUENCE_MAX_BYTES + 11)

/*
 * One message with these events, in this order; `n` is 1 to SV_WIRE_BATCH_MAX. A single event is
 * not wrapped into a batch.
 *
 * Errors: NO_MEMORY.
 */
int sv_wire_cluster_batch(const struct sv_wire_batch_part *parts, size_t n, sv_wire_alloc_fn *alloc,
    void *userdata, synctv_error *err);

/* ---- Decoding ---- */

/*
 * Calls each() for the event, or for each event of a batch in its order; when one of them is
 * refused, those before it were given already. Every id, number and length is checked; room_id of
 * what is inside an event is that of the event.
 *
 *   UNKNOWN  the payload, or an enum value in it on which something depends, is not known. With
 *            room_id if there is one.
 *   CHANGE   with `reread` and nothing else, also what a sender says that knows only the
 *            specification: the room is to be read.
 *
 * At most SV_WIRE_BATCH_MAX events in a batch, SV_MESH_INTERESTS_MAX rooms in an INTEREST, and
 * 65536 messages in a message (rawcheck.h). Takes at most 24 × len + 512 KiB of `a`, and never more
 * than its limit allows.
 *
 * @each  the event is borrowed for the call; what it points to lives as long as `a` and `data`.
 *
 * Errors: INVALID_ARGUMENT (with the field), TOO_LARGE, NO_MEMORY.
 */
int sv_wire_cluster_event_decode(const void *data, size_t len, struct sv_arena *a,
    void (*each)(void *userdata, const struct sv_cluster_event *event), void *userdata,
    synctv_error *err);

#endif
