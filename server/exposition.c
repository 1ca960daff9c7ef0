/* SPDX-License-Identifier: MIT */
#include "exposition.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* ---- text ---- */

static void write_escaped(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n')
            fputs("\\n", out);
        else if (*text == '"' || *text == '\\')
            fprintf(out, "\\%c", *text);
        else
            fputc(*text, out);
    }
}

/* `bound` is NULL or the value of the label le. */
static void write_line(FILE *out, const synctv_metric *metric, const char *suffix,
    const char *bound, double value)
{
    const char *before = "{";
    fprintf(out, "%s%s", metric->name, suffix);
    for (size_t i = 0; i < metric->n_labels; i++, before = ",") {
        fprintf(out, "%s%s=\"", before, metric->labels[i].name);
        write_escaped(out, metric->labels[i].value);
        fputc('"', out);
    }
    if (bound != NULL)
        fprintf(out, "%sle=\"%s\"", before, bound);
    fprintf(out, "%s %.17g\n", metric->n_labels > 0 || bound != NULL ? "}" : "", value);
}

static void write_histogram(FILE *out, const synctv_metric *metric)
{
    char bound[32];
    for (size_t i = 0; i < metric->n_bounds; i++) {
        snprintf(bound, sizeof(bound), "%g", metric->bounds[i]);
        write_line(out, metric, "_bucket", bound, (double)metric->counts[i]);
    }
    write_line(out, metric, "_bucket", "+Inf", (double)metric->count);
    write_line(out, metric, "_sum", NULL, metric->value);
    write_line(out, metric, "_count", NULL, (double)metric->count);
}

static const char *type_of(synctv_metric_kind kind)
{
    switch (kind) {
    case SYNCTV_METRIC_GAUGE:
        return "gauge";
    case SYNCTV_METRIC_COUNTER:
        return "counter";
    case SYNCTV_METRIC_HISTOGRAM:
        return "histogram";
    }
    return "untyped";
}

void exposition_write(void *exposition, const synctv_metric *metric)
{
    struct exposition *e = exposition;
    if (strcmp(e->name, metric->name) != 0) {
        snprintf(e->name, sizeof(e->name), "%s", metric->name);
        fprintf(e->out, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help, metric->name,
            type_of(metric->kind));
    }
    if (metric->kind == SYNCTV_METRIC_HISTOGRAM)
        write_histogram(e->out, metric);
    else
        write_line(e->out, metric, "", NULL, metric->value);
}

void exposition_number(struct exposition *exposition, synctv_metric_kind kind, const char *name,
    const char *help, double value)
{
    const synctv_metric metric = { .name = name, .help = help, .kind = kind, .value = value };
    exposition_write(exposition, &metric);
}

/* ---- the process ---- */

/* The second number of /proc/self/statm. */
static double resident_bytes(void)
{
    char line[128] = "", *end;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f == NULL)
        return 0;
    bool has_line = fgets(line, sizeof(line), f) != NULL;
    fclose(f);
    if (!has_line)
        return 0;
    strtol(line, &end, 10);
    return (double)strtol(end, NULL, 10) * (double)sysconf(_SC_PAGESIZE);
}

static double open_files(void)
{
    double n = 0;
    DIR *dir = opendir("/proc/self/fd");
    if (dir == NULL)
        return 0;
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n > 3 ? n - 3 : 0; /* ".", ".." and the folder itself */
}

static double cpu_seconds(void)
{
    struct timespec t = { 0 };
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void exposition_process(struct exposition *exposition)
{
    struct rlimit files = { 0 };
    getrlimit(RLIMIT_NOFILE, &files);
    exposition_number(exposition, SYNCTV_METRIC_COUNTER, "process_cpu_seconds_total",
        "CPU time of the process, user and system.", cpu_seconds());
    exposition_number(exposition, SYNCTV_METRIC_GAUGE, "process_resident_memory_bytes",
        "Memory of the process that is resident.", resident_bytes());
    exposition_number(exposition, SYNCTV_METRIC_GAUGE, "process_open_fds",
        "File descriptors that are open.", open_files());
    exposition_number(exposition, SYNCTV_METRIC_GAUGE, "process_max_fds",
        "The most file descriptors that may be open.", (double)files.rlim_cur);
}
