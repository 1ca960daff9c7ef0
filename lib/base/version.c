/* SPDX-License-Identifier: MIT */
#include <synctv/version.h>

const char *synctv_version(void)
{
    return SYNCTV_VERSION;
}
