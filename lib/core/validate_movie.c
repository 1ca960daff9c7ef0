/* SPDX-License-Identifier: MIT */
#include "core/validate.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/text.h"
#include "core/text_rules.h"

static const char *const movie_schemes[] = { "http", "https", "rtmp", "rtsp", NULL };
static const char *const web_schemes[] = { "http", "https", NULL };

/*
 * RFC 3986 allows these ASCII characters nowhere in a URI. Browsers read a backslash as a slash,
 * and so see another host than we do.
 */
static const char never_in_urls[] = "\\<>\"`{}|^";

/* The part after "scheme://" if the scheme is one of `schemes`; else NULL. */
static const char *after_scheme(const char *url, const char *const *schemes)
{
    for (; *schemes != NULL; schemes++) {
        size_t len = strlen(*schemes);
        if (strncasecmp(url, *schemes, len) == 0 && strncmp(url + len, "://", 3) == 0)
            return url + len + 3;
    }
    return NULL;
}

/* A port of 1..65535, or nothing behind the colon. */
static bool is_port(const char *s, size_t len)
{
    unsigned port = 0;
    if (len > 5)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        port = port * 10 + (unsigned)(s[i] - '0');
    }
    return len == 0 || (port >= 1 && port <= 65535);
}

/* [user[:password]@]host[:port], where host may be an IPv6 address in brackets. */
static bool is_authority(const char *s, size_t len)
{
    const char *at = memrchr(s, '@', len);
    if (at != NULL) {
        len -= (size_t)(at + 1 - s);
        s = at + 1;
    }
    size_t host_len = 0;
    if (len > 0 && s[0] == '[') {
        const char *end = memchr(s, ']', len);
        if (end == NULL || end == s + 1)
            return false;
        host_len = (size_t)(end - s) + 1;
    } else {
        while (host_len < len && s[host_len] != ':')
            host_len++;
    }
    if (host_len == 0)
        return false;
    return host_len == len || (s[host_len] == ':' && is_port(s + host_len + 1, len - host_len - 1));
}

static int url_validate(const char *url, const char *field, const char *const *schemes,
    synctv_error *err)
{
    if (sv_str_empty(url))
        return sv_error_field(err, field, "is missing");
    size_t len = strnlen(url, SV_URL_MAX_BYTES + 1);
    if (len > SV_URL_MAX_BYTES)
        return sv_error_field(err, field, "is longer than %d bytes", SV_URL_MAX_BYTES);
    for (size_t i = 0; i < len;) {
        uint32_t c;
        size_t used = sv_utf8_decode(url + i, len - i, &c);
        if (used == 0)
            return sv_error_field(err, field, "is not UTF-8");
        if (sv_is_blank(c))
            return sv_error_field(err, field, "has a space, control or invisible character");
        if (c < 0x80 && strchr(never_in_urls, (int)c) != NULL)
            return sv_error_field(err, field, "has a \"%c\", which has to be percent-encoded",
                (int)c);
        i += used;
    }
    const char *rest = after_scheme(url, schemes);
    if (rest == NULL)
        return sv_error_field(err, field,
            schemes == web_schemes ? "is not an http or https URL"
                                   : "is not an http, https, rtmp or rtsp URL");
    if (!is_authority(rest, strcspn(rest, "/?#")))
        return sv_error_field(err, field, "has no valid host");
    return 0;
}

/* RFC 9110's tchar. */
static bool is_token(const char *s)
{
    static const char token_chars[] = "!#$%&'*+-.^_`|~0123456789"
                                      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return s[0] != '\0' && s[strspn(s, token_chars)] == '\0';
}

static int header_validate(const synctv_header *header, synctv_error *err)
{
    static const char field[] = "movie.headers";
    const char *name = sv_str(header->name), *value = sv_str(header->value);
    if (strnlen(name, SV_HEADER_NAME_MAX_BYTES + 1) > SV_HEADER_NAME_MAX_BYTES)
        return sv_error_field(err, field, "has a name of more than %d bytes",
            SV_HEADER_NAME_MAX_BYTES);
    if (!is_token(name))
        return sv_error_field(err, field, "has a name that is not an HTTP token");
    size_t len = strnlen(value, SV_HEADER_VALUE_MAX_BYTES + 1);
    if (len > SV_HEADER_VALUE_MAX_BYTES)
        return sv_error_field(err, field, "has a value of more than %d bytes",
            SV_HEADER_VALUE_MAX_BYTES);
    for (size_t i = 0; i < len;) {
        uint32_t c;
        size_t used = sv_utf8_decode(value + i, len - i, &c);
        if (used == 0)
            return sv_error_field(err, field, "has a value that is not UTF-8");
        if ((c != '\t' && sv_is_control(c)) || sv_is_bidi_control(c))
            return sv_error_field(err, field, "has a value with a control character");
        i += used;
    }
    return 0;
}

static int headers_validate(const synctv_movie *movie, synctv_error *err)
{
    static const char field[] = "movie.headers";
    if (movie->n_headers > SV_HEADERS_MAX)
        return sv_error_field(err, field, "has more than %d headers", SV_HEADERS_MAX);
    for (size_t i = 0; i < movie->n_headers; i++) {
        int rv = header_validate(&movie->headers[i], err);
        if (rv < 0)
            return rv;
        for (size_t k = 0; k < i; k++) {
            if (strcasecmp(movie->headers[i].name, movie->headers[k].name) == 0)
                return sv_error_field(err, field, "has a name twice");
        }
    }
    return 0;
}

static int subtitle_validate(const synctv_subtitle *subtitle, synctv_error *err)
{
    int rv = sv_text_validate(subtitle->name, "movie.subtitles.name", 0, SV_SUBTITLE_NAME_MAX,
        SV_ONE_LINE, err);
    if (rv < 0 || (rv = url_validate(subtitle->url, "movie.subtitles.url", web_schemes, err)) < 0)
        return rv;
    const char *format = sv_str(subtitle->format);
    if (strcmp(format, "srt") != 0 && strcmp(format, "vtt") != 0 && strcmp(format, "ass") != 0)
        return sv_error_field(err, "movie.subtitles.format", "is not srt, vtt or ass");
    return 0;
}

static int subtitles_validate(const synctv_movie *movie, synctv_error *err)
{
    if (movie->n_subtitles > SV_SUBTITLES_MAX)
        return sv_error_field(err, "movie.subtitles", "has more than %d subtitles",
            SV_SUBTITLES_MAX);
    for (size_t i = 0; i < movie->n_subtitles; i++) {
        int rv = subtitle_validate(&movie->subtitles[i], err);
        if (rv < 0)
            return rv;
    }
    return 0;
}

static int source_validate(const synctv_movie *movie, synctv_error *err)
{
    switch (movie->type) {
    case SYNCTV_MOVIE_TYPE_LIVE:
        if (sv_str_empty(movie->url))
            return 0;
        return url_validate(movie->url, "movie.url", movie_schemes, err);
    case SYNCTV_MOVIE_TYPE_UNSPECIFIED:
    case SYNCTV_MOVIE_TYPE_URL:
        return url_validate(movie->url, "movie.url", movie_schemes, err);
    }
    return sv_error_field(err, "movie.type", "is not a known type");
}

size_t sv_movie_weight(const synctv_movie *movie)
{
    size_t n = strlen(sv_str(movie->name)) + strlen(sv_str(movie->url));
    for (size_t i = 0; i < movie->n_headers; i++)
        n += strlen(sv_str(movie->headers[i].name)) + strlen(sv_str(movie->headers[i].value));
    for (size_t i = 0; i < movie->n_subtitles; i++) {
        const synctv_subtitle *subtitle = &movie->subtitles[i];
        n += strlen(sv_str(subtitle->name)) + strlen(sv_str(subtitle->url)) +
            strlen(sv_str(subtitle->format));
    }
    return n;
}

int sv_movie_validate(const synctv_movie *movie, synctv_error *err)
{
    if (movie == NULL)
        return sv_error_field(err, "movie", "is missing");
    int rv = sv_text_validate(movie->name, "movie.name", 1, SV_MOVIE_NAME_MAX, SV_ONE_LINE, err);
    if (rv < 0 || (rv = source_validate(movie, err)) < 0)
        return rv;
    if (!isfinite(movie->duration_s) || movie->duration_s < 0)
        return sv_error_field(err, "movie.duration", "is not a number of seconds from 0");
    if ((rv = headers_validate(movie, err)) < 0 || (rv = subtitles_validate(movie, err)) < 0)
        return rv;
    if (sv_movie_weight(movie) > SV_MOVIE_MAX_BYTES)
        return sv_error_field(err, "movie", "has more than %d bytes in all", SV_MOVIE_MAX_BYTES);
    return 0;
}
