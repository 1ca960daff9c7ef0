/* SPDX-License-Identifier: MIT */
#include "wire/check.h"

#include <string.h>

#include "base/error.h"
#include "base/id.h"
#include "base/text.h"
#include "core/playback.h"

int sv_wire_check_id(const char *id, const char *field, synctv_error *err)
{
    return sv_id_valid(id) ? 0 : sv_error_field(err, field, "is not an id");
}

int sv_wire_check_maybe_id(const char *id, const char *field, synctv_error *err)
{
    return sv_str_empty(id) ? 0 : sv_wire_check_id(id, field, err);
}

int sv_wire_check_node_id(const char *id, const char *field, synctv_error *err)
{
    return sv_node_id_valid(id) ? 0 : sv_error_field(err, field, "is not the id of a node");
}

int sv_wire_check_text(const char *text, size_t max_bytes, const char *field, synctv_error *err)
{
    return strlen(text) <= max_bytes
        ? 0
        : sv_error_field(err, field, "is longer than %zu bytes", max_bytes);
}

int sv_wire_check_time(int64_t time_ms, const char *field, synctv_error *err)
{
    return sv_wire_check_int(time_ms, SV_WIRE_TIME_MAX_MS, field, err);
}

int sv_wire_check_epoch(uint64_t epoch, const char *field, synctv_error *err)
{
    return epoch >= 1 && epoch <= INT64_MAX ? 0 : sv_error_field(err, field, "is out of range");
}

int sv_wire_check_double(double value, double max, const char *field, synctv_error *err)
{
    return value >= 0 && value <= max ? 0 : sv_error_field(err, field, "is out of range");
}

int sv_wire_check_int(int64_t value, int64_t max, const char *field, synctv_error *err)
{
    return value >= 0 && value <= max ? 0 : sv_error_field(err, field, "is out of range");
}
