/* SPDX-License-Identifier: MIT */
/* The floor under Login: bare Argon2id at the cost that passwords have, one thread for each core.
 * argon2_floor SECONDS */
#include <argon2.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "auth/password.h"
#include "common.h"

#define THREADS_MAX 256

static uint64_t until_ns;
static atomic_ullong n_hashes;

static void *run(void *arg)
{
    const struct sv_password_cost *cost = &sv_password_cost_default;
    while (now_ns() < until_ns) {
        unsigned char hash[32];
        if (argon2id_hash_raw(cost->passes, cost->memory_kib, cost->lanes, "correct horse", 13,
                "0123456789abcdef", 16, hash, sizeof(hash)) != ARGON2_OK)
            die("argon2");
        atomic_fetch_add(&n_hashes, 1);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS_MAX];
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    n = n > THREADS_MAX ? THREADS_MAX : n;
    uint64_t start_ns = now_ns(), cpu_ns = cpu_of(0);
    until_ns = start_ns + (uint64_t)(atof(argc > 1 ? argv[1] : "1") * 1e9);
    for (long i = 0; i < n; i++)
        pthread_create(&threads[i], NULL, run, NULL);
    for (long i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    double ops = (double)n_hashes;
    printf("{\"ops\": %.0f, \"cpu_us\": %.2f, \"rate\": %.1f}\n", ops,
        (double)(cpu_of(0) - cpu_ns) / 1e3 / ops, ops * 1e9 / (double)(now_ns() - start_ns));
    return 0;
}
