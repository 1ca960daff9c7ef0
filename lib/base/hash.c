/* SPDX-License-Identifier: MIT */
#include "base/hash.h"

#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"

/* One secret for all tables: made once, never changed, so that it needs no owner. */
static uint64_t process_key[2];
static pthread_once_t process_key_once = PTHREAD_ONCE_INIT;

static uint64_t rotate_left(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_rounds(uint64_t v[4], unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        v[0] += v[1];
        v[1] = rotate_left(v[1], 13) ^ v[0];
        v[0] = rotate_left(v[0], 32);
        v[2] += v[3];
        v[3] = rotate_left(v[3], 16) ^ v[2];
        v[0] += v[3];
        v[3] = rotate_left(v[3], 21) ^ v[0];
        v[2] += v[1];
        v[1] = rotate_left(v[1], 17) ^ v[2];
        v[2] = rotate_left(v[2], 32);
    }
}

static uint64_t load_le64(const unsigned char *p, size_t len)
{
    uint64_t x = 0;
    for (size_t i = 0; i < len; i++)
        x |= (uint64_t)p[i] << (8 * i);
    return x;
}

/* Aumasson and Bernstein, "SipHash: a fast short-input PRF". */
uint64_t sv_siphash(const uint64_t key[2], const void *data, size_t len)
{
    uint64_t v[4] = {
        key[0] ^ 0x736f6d6570736575,
        key[1] ^ 0x646f72616e646f6d,
        key[0] ^ 0x6c7967656e657261,
        key[1] ^ 0x7465646279746573,
    };
    const unsigned char *p = data;
    size_t left = len;
    for (; left >= 8; p += 8, left -= 8) {
        uint64_t word = load_le64(p, 8);
        v[3] ^= word;
        sip_rounds(v, 2);
        v[0] ^= word;
    }
    uint64_t last = (uint64_t)len << 56 | load_le64(p, left);
    v[3] ^= last;
    sip_rounds(v, 2);
    v[0] ^= last;
    v[2] ^= 0xff;
    sip_rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static void make_process_key(void)
{
    if (sv_random_bytes(process_key, sizeof(process_key)) < 0) {
        /*
         * Without randomness the best that is left is a secret that is hard to guess; tables must
         * work.
         */
        process_key[0] = (uint64_t)sv_mono_us();
        process_key[1] = (uint64_t)(uintptr_t)&process_key ^ (uint64_t)sv_wall_ms();
    }
}

uint32_t sv_hash(const void *data, size_t len)
{
    pthread_once(&process_key_once, make_process_key);
    return (uint32_t)sv_siphash(process_key, data, len);
}
