/* SPDX-License-Identifier: MIT */
#include "log.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* A line of the library has at most 1 KiB of text; JSON makes it six times as long at worst. */
#define MAX_LINE_BYTES 8192

struct line {
    char text[MAX_LINE_BYTES];
    size_t len;
};

static void put(struct line *line, const char *s, size_t len)
{
    for (size_t i = 0; i < len && line->len < sizeof(line->text) - 1; i++)
        line->text[line->len++] = s[i];
}

static void put_string(struct line *line, const char *s)
{
    while (*s != '\0')
        put(line, s++, 1);
}

static void put_json_string(struct line *line, const char *s)
{
    put(line, "\"", 1);
    for (; *s != '\0'; s++) {
        char escape[8];
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\') {
            put(line, "\\", 1);
            put(line, s, 1);
        } else if (c < 0x20 || c == 0x7f) {
            put(line, escape, (size_t)snprintf(escape, sizeof(escape), "\\u%04x", c));
        } else {
            put(line, s, 1);
        }
    }
    put(line, "\"", 1);
}

static void put_time(struct line *line)
{
    struct timespec now;
    struct tm utc;
    char text[64];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t len = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
    put(line, text, len);
    put(line, text, (size_t)snprintf(text, sizeof(text), ".%03ldZ", now.tv_nsec / 1000000));
}

static const char *level_name(synctv_log_level level)
{
    switch (level) {
    case SYNCTV_LOG_ERROR:
        return "error";
    case SYNCTV_LOG_WARN:
        return "warn";
    case SYNCTV_LOG_INFO:
        return "info";
    case SYNCTV_LOG_DEBUG:
        return "debug";
    }
    return "error";
}

void log_line(void *format, synctv_log_level level, const char *area, const char *message)
{
    struct line line;
    line.len = 0;
    if (*(const enum log_format *)format == LOG_FORMAT_JSON) {
        put_string(&line, "{\"time\":\"");
        put_time(&line);
        put_string(&line, "\",\"level\":\"");
        put_string(&line, level_name(level));
        put_string(&line, "\",\"area\":");
        put_json_string(&line, area);
        put_string(&line, ",\"message\":");
        put_json_string(&line, message);
        put_string(&line, "}");
    } else {
        put_time(&line);
        put_string(&line, " ");
        put_string(&line, level_name(level));
        put_string(&line, level == SYNCTV_LOG_WARN || level == SYNCTV_LOG_INFO ? "  " : " ");
        put_string(&line, area);
        put_string(&line, ": ");
        put_string(&line, message);
    }
    line.text[line.len++] = '\n';
    if (write(STDERR_FILENO, line.text, line.len) < 0)
        return; /* there is nobody left to tell */
}

bool log_is_due(atomic_llong *last_s)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    long long last = atomic_load(last_s), now_s = (long long)now.tv_sec + 1; /* never 0 */
    return now_s != last && atomic_compare_exchange_strong(last_s, &last, now_s);
}

unsigned log_tally(struct log_tally *tally, int64_t now_ms, int64_t period_ms)
{
    tally->n++;
    if (tally->logged_ms != 0 && now_ms - tally->logged_ms < period_ms)
        return 0;
    unsigned n = tally->n;
    *tally = (struct log_tally){ .logged_ms = now_ms };
    return n;
}
