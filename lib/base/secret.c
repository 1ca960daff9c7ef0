/* SPDX-License-Identifier: MIT */
#include "base/secret.h"

#include <openssl/crypto.h>

void sv_secret_wipe(void *secret, size_t len)
{
    if (len > 0)
        OPENSSL_cleanse(secret, len);
}

bool sv_secret_equal(const void *a, const void *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}
