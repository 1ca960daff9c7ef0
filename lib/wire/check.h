/* SPDX-License-Identifier: MIT */
/*
 * Whether a value that another node sends can be one. Each function returns 0, or INVALID_ARGUMENT
 * with the field.
 */
#ifndef SV_WIRE_CHECK_H
#define SV_WIRE_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include <synctv/error.h>

/* Of a code point in UTF-8. */
#define SV_WIRE_CODE_POINT_BYTES 4
/* Unix ms; later times are not believed. */
#define SV_WIRE_TIME_MAX_MS ((INT64_C(1) << 48) - 1)

int sv_wire_check_id(const char *id, const char *field, synctv_error *err);
/* An id, or "". */
int sv_wire_check_maybe_id(const char *id, const char *field, synctv_error *err);
int sv_wire_check_node_id(const char *id, const char *field, synctv_error *err);
/* At most max_bytes long. */
int sv_wire_check_text(const char *text, size_t max_bytes, const char *field, synctv_error *err);
/* 0 to SV_WIRE_TIME_MAX_MS. */
int sv_wire_check_time(int64_t time_ms, const char *field, synctv_error *err);
/* 1 to INT64_MAX. */
int sv_wire_check_epoch(uint64_t epoch, const char *field, synctv_error *err);
/* Finite, 0 to `max`. */
int sv_wire_check_double(double value, double max, const char *field, synctv_error *err);
/* 0 to `max`. */
int sv_wire_check_int(int64_t value, int64_t max, const char *field, synctv_error *err);

#endif
