/* SPDX-License-Identifier: MIT */
#include "base/address.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <synctv/node.h>

#include "base/error.h"
#include "base/text.h"

#define MAX_TEXT 128 /* no address is as long */

static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

/* ---- one address ---- */

static bool is_number(const char *s)
{
    size_t n_digits = strspn(s, "0123456789");
    return n_digits > 0 && n_digits <= 5 && s[n_digits] == '\0';
}

static void map(struct in_addr v4, struct in6_addr *ret_addr)
{
    memcpy(ret_addr->s6_addr, mapped, sizeof(mapped));
    memcpy(ret_addr->s6_addr + 12, &v4, 4);
}

/* "192.0.2.1:80"; writes into `text`. */
static bool parse_ipv4(char *text, struct in6_addr *ret_addr)
{
    struct in_addr v4;
    char *colon = strchr(text, ':');
    if (colon != NULL && !is_number(colon + 1))
        return false;
    if (colon != NULL)
        *colon = '\0';
    if (inet_pton(AF_INET, text, &v4) != 1)
        return false;
    map(v4, ret_addr);
    return true;
}

/* "[2001:db8::1]:80", "[fe80::1%eth0]:80", or without brackets and port; writes into `text`. */
static bool parse_ipv6(char *text, struct in6_addr *ret_addr)
{
    if (text[0] == '[') {
        text++;
        char *bracket = strchr(text, ']');
        if (bracket == NULL ||
            (bracket[1] != '\0' && (bracket[1] != ':' || !is_number(bracket + 2))))
            return false;
        *bracket = '\0';
    }
    char *zone = strchr(text, '%');
    if (zone != NULL)
        *zone = '\0';
    return inet_pton(AF_INET6, text, ret_addr) == 1;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool sv_address_parse(const char *text, size_t len, struct in6_addr *ret_addr)
{
    char copy[MAX_TEXT];
    while (len > 0 && is_space(text[0])) {
        text++;
        len--;
    }
    while (len > 0 && is_space(text[len - 1]))
        len--;
    if (len == 0 || len >= sizeof(copy) || memchr(text, '\0', len) != NULL)
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    const char *colon = strchr(copy, ':');
    bool is_ipv6 = copy[0] == '[' || (colon != NULL && strchr(colon + 1, ':') != NULL);
    return is_ipv6 ? parse_ipv6(copy, ret_addr) : parse_ipv4(copy, ret_addr);
}

bool sv_address_is_loopback(const char *address)
{
    struct in6_addr addr;
    size_t host_len = strcspn(address, ":");
    if (host_len == 9 && strncasecmp(address, "localhost", 9) == 0)
        return true;
    if (!sv_address_parse(address, strlen(address), &addr))
        return false;
    return IN6_IS_ADDR_LOOPBACK(&addr) || (IN6_IS_ADDR_V4MAPPED(&addr) && addr.s6_addr[12] == 127);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/*
 * Decodes %5B and other escapes; false if the result does not fit. A '%' without an escape stays
 * ("[fe80::1%eth0]").
 */
static bool percent_decode(const char *s, char out[MAX_TEXT])
{
    size_t n = 0;
    while (*s != '\0') {
        if (n + 1 >= MAX_TEXT)
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

bool sv_address_of_peer(const char *peer, struct in6_addr *ret_addr)
{
    char text[MAX_TEXT];
    if (peer == NULL || !percent_decode(peer, text))
        return false;
    if (strncmp(text, "ipv4:", 5) == 0)
        return parse_ipv4(text + 5, ret_addr);
    return strncmp(text, "ipv6:", 5) == 0 && parse_ipv6(text + 5, ret_addr);
}

void sv_address_format(const struct in6_addr *addr, char out[SV_ADDRESS_SIZE])
{
    if (IN6_IS_ADDR_V4MAPPED(addr))
        inet_ntop(AF_INET, addr->s6_addr + 12, out, SV_ADDRESS_SIZE);
    else
        inet_ntop(AF_INET6, addr, out, SV_ADDRESS_SIZE);
}

void sv_address_to_network(struct in6_addr *addr)
{
    static const unsigned char nat64[12] = { 0x00, 0x64, 0xff, 0x9b };
    if (memcmp(addr->s6_addr, nat64, sizeof(nat64)) == 0)
        memcpy(addr->s6_addr, mapped, sizeof(mapped));
    else if (memcmp(addr->s6_addr, mapped, sizeof(mapped)) != 0)
        memset(addr->s6_addr + 8, 0, 8);
}

const char *sv_port_of(const char *address)
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon == address)
        return NULL;
    if (memchr(address, ':', (size_t)(colon - address)) != NULL &&
        (address[0] != '[' || colon[-1] != ']'))
        return NULL;
    size_t len = strlen(colon + 1);
    if (len == 0 || len > 5 || strspn(colon + 1, "0123456789") != len || atoi(colon + 1) > 65535)
        return NULL;
    return colon + 1;
}

/* ---- networks ---- */

/* "10.0.0.0/8" or an address; no port. */
static bool parse_network(const char *text, size_t len, struct sv_network *ret)
{
    char copy[MAX_TEXT];
    if (len >= sizeof(copy))
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    char *slash = strchr(copy, '/');
    if (slash != NULL)
        *slash = '\0';
    bool is_ipv4 = strchr(copy, ':') == NULL;
    if (is_ipv4 ? !parse_ipv4(copy, &ret->address) : inet_pton(AF_INET6, copy, &ret->address) != 1)
        return false;
    ret->n_bits = 128;
    if (slash == NULL)
        return true;
    if (!is_number(slash + 1) || atoi(slash + 1) > (is_ipv4 ? 32 : 128))
        return false;
    ret->n_bits = (unsigned)atoi(slash + 1) + (is_ipv4 ? 96 : 0);
    return true;
}

int sv_networks_parse(const char *text, const char *field, struct sv_networks *ret_networks,
    synctv_error *err)
{
    static const char separators[] = ", \t\r\n";
    struct sv_networks networks = { 0 };
    for (const char *s = sv_str(text); *(s += strspn(s, separators)) != '\0';) {
        size_t len = strcspn(s, separators);
        if (networks.n == SV_NETWORKS_MAX)
            return sv_error_field(err, field, "%s: at most %d networks", field, SV_NETWORKS_MAX);
        if (!parse_network(s, len, &networks.all[networks.n]))
            return sv_error_field(err, field,
                "%s: \"%.*s\" is neither an address nor a network like 10.0.0.0/8", field,
                (int)(len < 80 ? len : 80), s);
        networks.n++;
        s += len;
    }
    *ret_networks = networks;
    return 0;
}

static bool is_in(const struct sv_network *network, const struct in6_addr *addr)
{
    size_t n_bytes = network->n_bits / 8;
    unsigned n_more = network->n_bits % 8;
    /* ::/0 is all of IPv6 and nothing else. */
    if (!IN6_IS_ADDR_V4MAPPED(&network->address) != !IN6_IS_ADDR_V4MAPPED(addr))
        return false;
    return memcmp(network->address.s6_addr, addr->s6_addr, n_bytes) == 0 &&
        (n_more == 0 ||
            (network->address.s6_addr[n_bytes] ^ addr->s6_addr[n_bytes]) >> (8 - n_more) == 0);
}

bool sv_networks_contain(const struct sv_networks *networks, const struct in6_addr *addr)
{
    for (size_t i = 0; i < networks->n; i++)
        if (is_in(&networks->all[i], addr))
            return true;
    return false;
}

int synctv_networks_contain(const char *networks, const char *address, synctv_error *ret_error)
{
    struct sv_networks parsed;
    struct in6_addr addr;
    int rv = sv_networks_parse(networks, "networks", &parsed, ret_error);
    if (rv < 0)
        return rv;
    address = sv_str(address);
    return sv_address_parse(address, strlen(address), &addr) && sv_networks_contain(&parsed, &addr);
}

bool sv_address_forwarded(const struct sv_networks *proxies, const char *value, size_t len,
    struct in6_addr *addr)
{
    while (sv_networks_contain(proxies, addr)) {
        const char *comma = memrchr(value, ',', len);
        size_t start = comma != NULL ? (size_t)(comma - value) + 1 : 0;
        if (!sv_address_parse(value + start, len - start, addr))
            return false;
        if (comma == NULL)
            return sv_networks_contain(proxies, addr);
        len = start - 1;
    }
    return false;
}
