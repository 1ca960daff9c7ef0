/* SPDX-License-Identifier: MIT */
/*
 * A link whose packets vanish ends only when the network gives up, half a minute later; until then
 * it looks like one over which nobody has anything to say. So each side says something all the
 * time, and who is not heard counts as silent. That ends no link: a slow node would lose its own.
 */
#ifndef SV_CLUSTER_MESH_SILENCE_H
#define SV_CLUSTER_MESH_SILENCE_H

#include "cluster/mesh_room.h"

/* Of a tick: an INTEREST without rooms, to those to whom nothing was said since the last one; and
 * who has been silent. */
void sv_mesh_pulse(struct sv_mesh *mesh);
/* When it is due; INT64_MAX = there is no link. */
int64_t sv_mesh_next_pulse_ms(const struct sv_mesh *mesh);

#endif
