/* SPDX-License-Identifier: MIT */
#ifndef SV_STORE_POSTGRES_BACKEND_H
#define SV_STORE_POSTGRES_BACKEND_H

#include "store/backend.h"

/* "postgres://…" and "postgresql://…". */
extern const struct sv_backend sv_postgres_backend;

#endif
