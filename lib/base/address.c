/* SPDX-License-Identifier: MIT */
#include "base/address.h"

#include <string.h>

void sv_address_to_network(struct in6_addr *addr)
{
    static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
    static const unsigned char nat64[12] = { 0x00, 0x64, 0xff, 0x9b };
    if (memcmp(addr->s6_addr, nat64, sizeof(nat64)) == 0)
        memcpy(addr->s6_addr, mapped, sizeof(mapped));
    else if (memcmp(addr->s6_addr, mapped, sizeof(mapped)) != 0)
        memset(addr->s6_addr + 8, 0, 8);
}
