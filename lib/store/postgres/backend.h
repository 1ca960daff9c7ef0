/* SPDX-License-Identifier: MIT */
/* The PostgreSQL backend; postgres_store.h lists its files. */
#ifndef SV_STORE_POSTGRES_BACKEND_H
#define SV_STORE_POSTGRES_BACKEND_H

#include "store/backend.h"

/* "postgres://…" and "postgresql://…". */
extern const struct sv_backend sv_postgres_backend;

#endif
