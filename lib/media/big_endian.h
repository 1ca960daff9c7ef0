/* SPDX-License-Identifier: MIT */
/* Numbers as RTMP, AMF0 and FLV write them. */
#ifndef SV_MEDIA_BIG_ENDIAN_H
#define SV_MEDIA_BIG_ENDIAN_H

#include <stdint.h>

static inline uint32_t sv_get_be16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static inline uint32_t sv_get_be24(const uint8_t *p)
{
    return (uint32_t)p[0] << 16 | sv_get_be16(p + 1);
}

static inline uint32_t sv_get_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | sv_get_be24(p + 1);
}

static inline void sv_put_be16(uint8_t *p, uint32_t n)
{
    p[0] = (uint8_t)(n >> 8);
    p[1] = (uint8_t)n;
}

static inline void sv_put_be24(uint8_t *p, uint32_t n)
{
    p[0] = (uint8_t)(n >> 16);
    sv_put_be16(p + 1, n);
}

static inline void sv_put_be32(uint8_t *p, uint32_t n)
{
    p[0] = (uint8_t)(n >> 24);
    sv_put_be24(p + 1, n);
}

#endif
