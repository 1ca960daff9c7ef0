/* SPDX-License-Identifier: MIT */
#ifndef SV_STORE_SQLITE_BACKEND_H
#define SV_STORE_SQLITE_BACKEND_H

#include "store/backend.h"

/* "sqlite:PATH" and "memory:". */
extern const struct sv_backend sv_sqlite_backend;

#endif
