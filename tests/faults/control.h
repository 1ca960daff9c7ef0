/* SPDX-License-Identifier: MIT */
/* What the file that FAULTS_CONTROL names says; faults.py writes it while the server runs. */
#ifndef FAULTS_CONTROL_H
#define FAULTS_CONTROL_H

#include <stdatomic.h>
#include <stdint.h>

struct control {
    _Atomic int64_t clock_offset_ms; /* what the wall clock is off */
    _Atomic int64_t hold_syncs;      /* while ≠ 0: fsync() and fdatasync() do not return */
    _Atomic int64_t held;            /* how many stand still now */
    _Atomic int64_t syncs;           /* how many there were */
    _Atomic int64_t full;            /* while ≠ 0: no file takes anything */
    _Atomic int64_t refused;         /* writes that met a full disk */
    _Atomic int64_t fail_in;         /* the n-th allocation from now fails; 0 = none does */
    _Atomic int64_t failed;          /* how many have failed */
};

/* NULL when there is no such file. */
struct control *control_open(void);

#endif
