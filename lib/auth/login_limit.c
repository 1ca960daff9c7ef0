/* SPDX-License-Identifier: MIT */
#include "auth/login_limit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/ratelimit.h"

#define MAX_KEYS 100000
#define MAX_NAME_BYTES 160 /* no name is longer: those that are may share a bucket */

struct sv_login_limit {
    struct sv_bucket_table *by_name_and_address;
    struct sv_bucket_table *by_address;
    struct sv_bucket_table *registrations;
};

/* --- addresses --- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undoes %5B and the like; false when it does not fit. A '%' that begins no escape stays
 * ("[fe80::1%eth0]"). */
static bool percent_decode(const char *s, char *out, size_t size)
{
    size_t n = 0;
    while (*s != '\0') {
        if (n + 1 >= size)
            return false;
        if (s[0] == '%' && hex_digit(s[1]) >= 0 && hex_digit(s[2]) >= 0) {
            out[n++] = (char)(hex_digit(s[1]) << 4 | hex_digit(s[2]));
            s += 3;
        } else {
            out[n++] = *s++;
        }
    }
    out[n] = '\0';
    return true;
}

/* "192.0.2.1:567" */
static bool parse_ipv4(char *text, struct in_addr *ret_addr)
{
    char *colon = strchr(text, ':');
    if (colon != NULL)
        *colon = '\0';
    return inet_pton(AF_INET, text, ret_addr) == 1;
}

/* "[2001:db8::1]:567", "[fe80::1%eth0]:567", or without brackets and port. */
static bool parse_ipv6(char *text, struct in6_addr *ret_addr)
{
    if (text[0] == '[') {
        text++;
        char *bracket = strchr(text, ']');
        if (bracket == NULL)
            return false;
        *bracket = '\0';
    }
    char *zone = strchr(text, '%');
    if (zone != NULL)
        *zone = '\0';
    return inet_pton(AF_INET6, text, ret_addr) == 1;
}

void sv_address_key(const char *peer, char *out, size_t size)
{
    char text[128], number[INET6_ADDRSTRLEN];
    struct in_addr v4;
    struct in6_addr v6;

    if (peer != NULL && strncmp(peer, "unix", 4) == 0) {
        snprintf(out, size, "unix");
        return;
    }
    snprintf(out, size, "unknown");
    if (peer == NULL || !percent_decode(peer, text, sizeof(text)))
        return;
    if (strncmp(text, "ipv4:", 5) == 0 && parse_ipv4(text + 5, &v4)) {
        snprintf(out, size, "%s", inet_ntop(AF_INET, &v4, number, sizeof(number)));
        return;
    }
    if (strncmp(text, "ipv6:", 5) != 0 || !parse_ipv6(text + 5, &v6))
        return;
    sv_address_to_network(&v6);
    if (IN6_IS_ADDR_V4MAPPED(&v6))
        snprintf(out, size, "%s", inet_ntop(AF_INET, v6.s6_addr + 12, number, sizeof(number)));
    else
        snprintf(out, size, "%s/64", inet_ntop(AF_INET6, &v6, number, sizeof(number)));
}

/* --- limits --- */

/* So many in `seconds`, all of them at once if one likes. */
static struct sv_bucket_table *new_table(double count, double seconds)
{
    struct sv_rate rate = { .per_second = count / seconds, .burst = count };
    return sv_bucket_table_new(rate, MAX_KEYS);
}

struct sv_login_limit *sv_login_limit_new(const struct sv_login_rates *rates)
{
    struct sv_login_limit *l = calloc(1, sizeof(*l));
    if (l == NULL)
        return NULL;
    l->by_name_and_address = new_table(rates->login_per_minute, 60);
    l->by_address = new_table(rates->login_per_minute_per_address, 60);
    l->registrations = new_table(rates->register_per_hour, 3600);
    if (l->by_name_and_address == NULL || l->by_address == NULL || l->registrations == NULL) {
        sv_login_limit_free(l);
        return NULL;
    }
    return l;
}

void sv_login_limit_free(struct sv_login_limit *l)
{
    if (l == NULL)
        return;
    sv_bucket_table_free(l->by_name_and_address);
    sv_bucket_table_free(l->by_address);
    sv_bucket_table_free(l->registrations);
    free(l);
}

/* Guessing at one name must not use up what the others at that address may do: the name is asked
 * first, and pays last. */
int64_t sv_login_limit_login(struct sv_login_limit *l, const char *name, const char *address,
    int64_t mono_ms)
{
    char key[SV_ADDRESS_KEY_SIZE + 1 + MAX_NAME_BYTES + 1];
    snprintf(key, sizeof(key), "%.*s %.*s", SV_ADDRESS_KEY_SIZE - 1, address, MAX_NAME_BYTES, name);

    int64_t wait = sv_bucket_table_peek(l->by_name_and_address, key, mono_ms);
    if (wait == 0)
        wait = sv_bucket_table_take(l->by_address, address, mono_ms);
    if (wait == 0)
        wait = sv_bucket_table_take(l->by_name_and_address, key, mono_ms);
    return wait;
}

int64_t sv_login_limit_register(struct sv_login_limit *l, const char *address, int64_t mono_ms)
{
    return sv_bucket_table_take(l->registrations, address, mono_ms);
}
