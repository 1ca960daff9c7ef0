/* SPDX-License-Identifier: MIT */
#include "db_url.h"

#include <stdio.h>
#include <string.h>

bool db_url_is_postgres(const char *url)
{
    return strncmp(url, "postgres://", strlen("postgres://")) == 0 ||
        strncmp(url, "postgresql://", strlen("postgresql://")) == 0;
}

/*
 * The '@' behind USER:PASSWORD; NULL = there is none. A password may have one itself, if somebody
 * forgot to encode it.
 */
static const char *end_of_user(const char *begin, size_t len)
{
    for (const char *c = begin + len; c > begin; c--)
        if (c[-1] == '@')
            return c - 1;
    return NULL;
}

bool db_url_has_password(const char *url)
{
    if (!db_url_is_postgres(url))
        return false;
    const char *begin = strstr(url, "://") + 3;
    const char *at = end_of_user(begin, strcspn(begin, "?"));
    return (at != NULL && memchr(begin, ':', (size_t)(at - begin)) != NULL) ||
        strstr(url, "password=") != NULL;
}

void db_url_describe(const char *url, char *out, size_t size)
{
    if (!db_url_is_postgres(url)) {
        snprintf(out, size, "%s", url);
        return;
    }
    const char *begin = strstr(url, "://") + 3;
    size_t len = strcspn(begin, "?");
    const char *at = end_of_user(begin, len);
    int user_len = at == NULL ? 0 : (int)strcspn(begin, ":@");
    const char *host = at == NULL ? begin : at;
    snprintf(out, size, "%.*s%.*s%.*s", (int)(begin - url), url, user_len, begin,
        (int)(begin + len - host), host);
}
