/* SPDX-License-Identifier: MIT */
/*
 * Loads a gRPC server and tells what each operation cost it. It reads commands from stdin and
 * answers each with a line of JSON:
 *
 *     open             connects, and opens the streams: each has to get a first message
 *     run SECONDS      calls: as many at a time as --calls says, on each connection
 *                      streams: rounds of one call of --trigger-path and one message on each stream
 *     each             calls: the message of each target once, as many at a time as --calls says
 *     pace SECONDS N   calls: one every N ms, on the connections in turn
 *     say SECONDS [N]  streams: rounds of the --say message from N streams (1) at once and N
 *                      messages on each
 *     talk SECONDS     streams, each alone in its room: the --say message, and the next one when it
 *                      has come back
 *     idle SECONDS     nothing but answers to pings
 *     beat SECONDS [N] the --beat message from each stream N times (1) a second
 *     reply            the bytes of the last answers (with --keep)
 *
 * "cpu_us" is what the processes --pid (one or more) used, user and system, for each operation.
 * "messages" are all that have come since the last answer. The trigger's connection goes to
 * --trigger-port, if there is one.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"

#define SECOND 1000000000.0
#define CONNECTING_MAX 64
#define WARM_UP 0.1
#define PIDS_MAX 16
#define PATIENCE 60.0      /* seconds that anything may take */
#define COUNTER "########" /* in a message: a number that grows takes its place */

static struct {
    pid_t pids[PIDS_MAX];
    unsigned n_pids, port, trigger_port, connections, calls, streams;
    const char *path, *trigger_path, *targets, *trigger_targets, *say, *beat;
    bool keep;
} opt = { .connections = 1, .calls = 1 };

static struct client client;
static struct conn *conns, trigger;
static struct target *targets, *trigger_targets;
static unsigned n_targets;
static struct histogram delays;
static struct bytes kept, say, beat;

static uint64_t ns(double seconds)
{
    return (uint64_t)(seconds * SECOND);
}

/* ---- results ---- */

struct span {
    uint64_t at_ns, cpu_ns, own_cpu_ns;
};

static struct span span_begin(void)
{
    uint64_t cpu_ns = 0;
    for (unsigned i = 0; i < opt.n_pids; i++)
        cpu_ns += cpu_of(opt.pids[i]);
    return (struct span){ now_ns(), cpu_ns, cpu_of(0) };
}

static void report(const struct span *begin, const struct span *end, uint64_t ops)
{
    double seconds = (double)(end->at_ns - begin->at_ns) / SECOND;
    double per_op = ops > 0 ? 1e3 * (double)ops : 1;
    printf("{\"ops\": %" PRIu64 ", \"seconds\": %.4f, \"cpu_s\": %.6f, \"cpu_us\": %.4f, "
           "\"driver_us\": %.4f, \"rate\": %.1f, \"p50_us\": %.1f, \"p99_us\": %.1f, "
           "\"max_us\": %.1f, \"messages\": %" PRIu64 "}\n",
        ops, seconds, (double)(end->cpu_ns - begin->cpu_ns) / SECOND,
        (double)(end->cpu_ns - begin->cpu_ns) / per_op,
        (double)(end->own_cpu_ns - begin->own_cpu_ns) / per_op, (double)ops / seconds,
        histogram_us(&delays, 0.5), histogram_us(&delays, 0.99), (double)delays.max_ns / 1e3,
        client.messages);
    fflush(stdout);
    client.messages = 0;
}

/* ---- calls ---- */

static bool issuing, measuring, drained;
/* Each target is asked for once, whoever the connection belongs to; this is the next one. */
static bool each_target;
static unsigned next_target;
static unsigned in_flight;
static uint64_t n_done;

static bool call_next(struct conn *conn)
{
    if (each_target && next_target == n_targets)
        return false;
    if (each_target)
        conn_ask(conn, &targets[next_target++].body);
    else
        conn_call(conn);
    return true;
}

static void call_ended(struct conn *conn, struct call *call)
{
    if (measuring) {
        n_done++;
        histogram_add(&delays, client.now_ns - call->started_ns);
    }
    if (issuing && opt.keep)
        kept.len = 0;
    if (!issuing || !call_next(conn))
        drained = --in_flight == 0;
}

static void run_calls(double seconds)
{
    issuing = true;
    drained = false;
    client.now_ns = now_ns();
    if (opt.keep)
        kept.len = 0;
    for (unsigned i = 0; i < opt.connections; i++) {
        for (unsigned k = 0; k < opt.calls; k++)
            conn_call(&conns[i]);
        in_flight += opt.calls;
        conn_flush(&conns[i]);
    }
    client_run(&client, NULL, now_ns() + ns(seconds < 1 ? WARM_UP * seconds : WARM_UP));
    n_done = 0;
    histogram_reset(&delays);
    measuring = true;
    struct span begin = span_begin();
    client_run(&client, NULL, begin.at_ns + ns(seconds));
    struct span end = span_begin();
    issuing = false;
    measuring = false;
    if (!client_run(&client, &drained, now_ns() + ns(PATIENCE)))
        die("%u calls were not answered", in_flight);
    report(&begin, &end, n_done);
}

static void run_each(void)
{
    each_target = issuing = measuring = true;
    drained = false;
    next_target = 0;
    n_done = 0;
    histogram_reset(&delays);
    struct span begin = span_begin();
    client.now_ns = begin.at_ns;
    for (unsigned k = 0; k < opt.calls; k++) {
        for (unsigned i = 0; i < opt.connections; i++)
            in_flight += call_next(&conns[i]);
    }
    for (unsigned i = 0; i < opt.connections; i++)
        conn_flush(&conns[i]);
    if (!client_run(&client, &drained, now_ns() + ns(PATIENCE)))
        die("%u calls were not answered", in_flight);
    struct span end = span_begin();
    each_target = issuing = measuring = false;
    report(&begin, &end, n_done);
}

static void run_pace(double seconds, unsigned every_ms)
{
    n_done = 0;
    histogram_reset(&delays);
    measuring = true;
    drained = true;
    struct span begin = span_begin();
    uint64_t at_ns = begin.at_ns, until_ns = begin.at_ns + ns(seconds);
    for (unsigned i = 0; at_ns < until_ns; i++, at_ns += every_ms * UINT64_C(1000000)) {
        client_run(&client, NULL, at_ns);
        struct conn *conn = &conns[i % opt.connections];
        client.now_ns = now_ns();
        in_flight++;
        drained = false;
        conn_call(conn);
        conn_flush(conn);
    }
    if (!drained && !client_run(&client, &drained, now_ns() + ns(PATIENCE)))
        die("%u calls were not answered", in_flight);
    struct span end = span_begin();
    measuring = false;
    report(&begin, &end, n_done);
}

/* ---- streams ---- */

static unsigned n_streams, n_opened, waiting_for;
static bool all_opened, round_done, talking;
static uint64_t round_began_ns, n_delivered, n_unexpected;

static void round_step(void)
{
    if (waiting_for == 0)
        n_unexpected++;
    else
        round_done = --waiting_for == 0;
}

static void count_up(struct bytes *message);

static void talk(struct conn *conn, struct call *call)
{
    count_up(&say);
    call->started_ns = client.now_ns;
    conn_say(conn, call, say.data, say.len);
}

static void delivered(struct conn *conn, struct call *call, unsigned n)
{
    if (call->n_messages == n)
        all_opened = ++n_opened == n_streams;
    if (talking) {
        if (measuring) {
            n_done++;
            histogram_add(&delays, client.now_ns - call->started_ns);
        }
        if (issuing)
            talk(conn, call);
        else
            drained = --in_flight == 0;
        return;
    }
    if (round_began_ns == 0)
        return;
    for (; n > 0; n--) {
        histogram_add(&delays, client.now_ns - round_began_ns);
        n_delivered++;
        round_step();
    }
}

static void trigger_ended(struct conn *conn, struct call *call)
{
    if (conn == &trigger)
        round_step();
}

/* Puts a number in the place of COUNTER: the time in 10 µs, so that no other driver has used it on
 * that database. */
static void count_up(struct bytes *message)
{
    static uint64_t last;
    static uint8_t *at;
    char digits[sizeof(COUNTER)];
    if (at == NULL)
        at = memmem(message->data, message->len, COUNTER, strlen(COUNTER));
    if (at == NULL)
        return;
    uint64_t now = now_ns() / 10000;
    last = now > last ? now : last + 1;
    snprintf(digits, sizeof(digits), "%08u", (unsigned)(last % 100000000));
    memcpy(at, digits, strlen(digits));
}

/* By a call, or by a message from each of n_speakers streams. */
static void pull_trigger(unsigned n_speakers)
{
    waiting_for =
        n_speakers > 0 ? n_speakers * n_streams : n_streams + 1; /* the call's own answer */
    round_done = false;
    client.now_ns = round_began_ns = now_ns();
    for (unsigned i = 0; i < n_speakers; i++) {
        struct conn *conn = &conns[i / opt.streams];
        count_up(&say);
        conn_say(conn, &conn->calls[i % opt.streams], say.data, say.len);
        conn_flush(conn);
    }
    if (n_speakers == 0) {
        conn_call(&trigger);
        conn_flush(&trigger);
    }
    if (!client_run(&client, &round_done, now_ns() + ns(PATIENCE)))
        die("%u deliveries are missing", waiting_for);
}

static void run_rounds(double seconds, unsigned n_speakers)
{
    for (int i = 0; i < 2; i++)
        pull_trigger(n_speakers);
    histogram_reset(&delays);
    n_delivered = n_unexpected = 0;
    struct span begin = span_begin();
    for (int i = 0; i < 3 || now_ns() - begin.at_ns < ns(seconds); i++)
        pull_trigger(n_speakers);
    struct span end = span_begin();
    round_began_ns = 0;
    if (n_unexpected > 0)
        fprintf(stderr, "bench: %" PRIu64 " messages came unasked\n", n_unexpected);
    report(&begin, &end, n_delivered);
}

static void run_talk(double seconds)
{
    talking = issuing = true;
    drained = false;
    client.now_ns = now_ns();
    in_flight = n_streams;
    for (unsigned i = 0; i < n_streams; i++) {
        struct conn *conn = &conns[i / opt.streams];
        talk(conn, &conn->calls[i % opt.streams]);
        conn_flush(conn);
    }
    client_run(&client, NULL, now_ns() + ns(seconds < 1 ? WARM_UP * seconds : WARM_UP));
    n_done = 0;
    histogram_reset(&delays);
    measuring = true;
    struct span begin = span_begin();
    client_run(&client, NULL, begin.at_ns + ns(seconds));
    struct span end = span_begin();
    issuing = measuring = false;
    if (!client_run(&client, &drained, now_ns() + ns(PATIENCE)))
        die("%u messages did not come back", in_flight);
    talking = false;
    report(&begin, &end, n_done);
}

static void run_beat(double seconds, unsigned times)
{
    struct span begin = span_begin();
    uint64_t n = 0, step_ns = ns(1.0 / n_streams / times), until_ns = begin.at_ns + ns(seconds);
    for (uint64_t at_ns = begin.at_ns; at_ns < until_ns; n++) {
        unsigned i = (unsigned)(n % n_streams);
        struct conn *conn = &conns[i / opt.streams];
        conn_say(conn, &conn->calls[i % opt.streams], beat.data, beat.len);
        conn_flush(conn);
        at_ns += step_ns;
        if (at_ns > now_ns() + 1000000)
            client_run(&client, NULL, at_ns);
    }
    struct span end = span_begin();
    report(&begin, &end, n);
}

/* ---- opening ---- */

static void start_streams(struct conn *conn)
{
    if (conn == &trigger)
        return;
    for (unsigned k = 0; k < opt.streams; k++)
        conn_stream(conn);
}

static void open_all(void)
{
    histogram_reset(&delays);
    client.messages = 0;
    client.on_connected = opt.streams > 0 ? start_streams : NULL;
    unsigned most = opt.streams > 0 ? opt.streams : opt.calls;
    struct span begin = span_begin();
    for (unsigned i = 0; i < opt.connections; i++) {
        conn_open(&conns[i], &client, &targets[i % n_targets], opt.path, most);
        while (client.n_connecting >= CONNECTING_MAX ||
            (opt.streams > 0 && i * opt.streams > n_opened + 4 * CONNECTING_MAX))
            client_run(&client, &all_opened, now_ns() + 1000000);
    }
    client.port = (uint16_t)(opt.trigger_port != 0 ? opt.trigger_port : opt.port);
    if (opt.trigger_path != NULL)
        conn_open(&trigger, &client, &trigger_targets[0], opt.trigger_path, 1);
    uint64_t deadline_ns = now_ns() + ns(PATIENCE);
    while (client.n_connecting > 0)
        client_run(&client, NULL, now_ns() + 1000000);
    if (n_streams > 0 && !client_run(&client, &all_opened, deadline_ns))
        die("%u of %u streams got nothing", n_streams - n_opened, n_streams);
    struct span end = span_begin();
    report(&begin, &end, n_streams > 0 ? n_streams : opt.connections);
}

/* ---- commands ---- */

static void idle(double seconds)
{
    struct span begin = span_begin();
    client_run(&client, NULL, begin.at_ns + ns(seconds));
    struct span end = span_begin();
    report(&begin, &end, 0);
}

static void print_reply(void)
{
    printf("{\"reply\": \"");
    for (size_t i = 0; i < kept.len; i++)
        printf("%02x", kept.data[i]);
    printf("\"}\n");
    fflush(stdout);
}

static void obey(const char *line)
{
    char command[16] = "";
    double seconds = 0;
    unsigned number = 1;
    sscanf(line, "%15s %lf %u", command, &seconds, &number);
    if (strcmp(command, "open") == 0)
        open_all();
    else if (strcmp(command, "run") == 0 && opt.streams > 0)
        run_rounds(seconds, 0);
    else if (strcmp(command, "say") == 0 && say.len > 0 && number > 0 && number <= n_streams)
        run_rounds(seconds, number);
    else if (strcmp(command, "run") == 0)
        run_calls(seconds);
    else if (strcmp(command, "each") == 0 && opt.streams == 0)
        run_each();
    else if (strcmp(command, "pace") == 0 && opt.streams == 0 && number > 0)
        run_pace(seconds, number);
    else if (strcmp(command, "talk") == 0 && say.len > 0)
        run_talk(seconds);
    else if (strcmp(command, "idle") == 0)
        idle(seconds);
    else if (strcmp(command, "beat") == 0 && opt.streams > 0 && number > 0)
        run_beat(seconds, number);
    else if (strcmp(command, "reply") == 0)
        print_reply();
    else
        die("no such command: %s", line);
}

static bool commanded;

/* The command is read outside of client_run(), which it may call. */
static void stdin_readable(void)
{
    commanded = true;
}

static void read_options(int argc, char **argv)
{
    static const struct option names[] = {
        { "pid", 1, NULL, 'p' },
        { "port", 1, NULL, 'P' },
        { "trigger-port", 1, NULL, 'R' },
        { "connections", 1, NULL, 'c' },
        { "calls", 1, NULL, 'k' },
        { "streams", 1, NULL, 's' },
        { "path", 1, NULL, 'm' },
        { "targets", 1, NULL, 't' },
        { "trigger-path", 1, NULL, 'M' },
        { "trigger-targets", 1, NULL, 'T' },
        { "say", 1, NULL, 'S' },
        { "beat", 1, NULL, 'b' },
        { "keep", 0, NULL, 'K' },
        { NULL, 0, NULL, 0 },
    };
    for (int o; (o = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        unsigned number = optarg != NULL ? (unsigned)strtoul(optarg, NULL, 10) : 0;
        switch (o) {
        case 'p':
            if (opt.n_pids == PIDS_MAX)
                die("more than %d processes", PIDS_MAX);
            opt.pids[opt.n_pids++] = (pid_t)number;
            break;
        case 'P':
            opt.port = number;
            break;
        case 'R':
            opt.trigger_port = number;
            break;
        case 'c':
            opt.connections = number;
            break;
        case 'k':
            opt.calls = number;
            break;
        case 's':
            opt.streams = number;
            break;
        case 'm':
            opt.path = optarg;
            break;
        case 't':
            opt.targets = optarg;
            break;
        case 'M':
            opt.trigger_path = optarg;
            break;
        case 'T':
            opt.trigger_targets = optarg;
            break;
        case 'S':
            opt.say = optarg;
            break;
        case 'b':
            opt.beat = optarg;
            break;
        case 'K':
            opt.keep = true;
            break;
        default:
            exit(2);
        }
    }
    if (opt.n_pids == 0 || opt.port == 0 || opt.path == NULL || opt.targets == NULL)
        die("--pid, --port, --path and --targets are needed");
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    n_targets = targets_read(opt.targets, &targets);
    if (opt.trigger_targets != NULL)
        targets_read(opt.trigger_targets, &trigger_targets);
    else
        trigger_targets = targets;
    bytes_put_hex(&say, opt.say != NULL ? opt.say : "");
    bytes_put_hex(&beat, opt.beat != NULL ? opt.beat : "");
    conns = must_alloc(calloc(opt.connections, sizeof(*conns)));
    n_streams = opt.connections * opt.streams;
    client_init(&client, (uint16_t)opt.port, STDIN_FILENO);
    client.on_messages = delivered;
    client.on_end = opt.streams > 0 ? trigger_ended : call_ended;
    client.on_other = stdin_readable;
    client.keep = opt.keep ? &kept : NULL;

    char line[256];
    for (;;) { /* between commands, pings are answered */
        commanded = false;
        client_run(&client, &commanded, now_ns() + ns(3600));
        if (fgets(line, sizeof(line), stdin) == NULL)
            return 0;
        obey(line);
    }
}
