/* SPDX-License-Identifier: MIT */
#include "cluster/mesh_silence.h"

#include "cluster/mesh_interest.h"

void sv_mesh_pulse(struct sv_mesh *mesh)
{
    if (mesh->pulses_at_ms > mesh->now_ms)
        return;
    mesh->pulses_at_ms = mesh->now_ms + SV_MESH_PULSE_MS;
    const struct sv_cluster_event *event = NULL;
    SV_LIST_FOREACH(it, &mesh->peers) {
        struct sv_mesh_peer *peer = SV_CONTAINER_OF(it, struct sv_mesh_peer, link_in_mesh);
        if (peer->link == 0)
            continue;
        peer->is_silent = peer->heard_ms + SV_MESH_SILENT_MS <= mesh->now_ms;
        if (peer->said == peer->said_at_pulse) {
            if (event == NULL && (event = sv_mesh_make_interest(mesh)) == NULL)
                return;
            sv_mesh_send(mesh, peer, event);
        }
        peer->said_at_pulse = peer->said;
    }
}

int64_t sv_mesh_next_pulse_ms(const struct sv_mesh *mesh)
{
    SV_LIST_FOREACH(it, &mesh->peers)
        if (SV_CONTAINER_OF(it, struct sv_mesh_peer, link_in_mesh)->link != 0)
            return mesh->pulses_at_ms;
    return INT64_MAX;
}

bool sv_mesh_hears_all(const struct sv_mesh *mesh)
{
    SV_LIST_FOREACH(it, &mesh->peers) {
        const struct sv_mesh_peer *peer = SV_CONTAINER_OF(it, struct sv_mesh_peer, link_in_mesh);
        if (peer->link != 0 && peer->is_silent)
            return false;
    }
    return true;
}
