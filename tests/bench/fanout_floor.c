/* SPDX-License-Identifier: MIT */
/*
 * The floor under fan-out: a bare server on gRPC's C core whose method Say sends one prepared
 * message to all of its streams. Queues as in lib/rpc: streams on 8 queues that do not poll, sends
 * that complete inside the call that starts them, hints, steps of 64.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "floor_core.h"

#define STREAM_QUEUES 8
#define STREAMS_A_TURN 64
#define STREAMS_MAX 20000

struct stream;

struct stream_op {
    struct floor_op op;
    struct stream *stream;
};

struct stream {
    struct stream_op arrive, send, receive;
    grpc_completion_queue *cq;
    grpc_call *call;
    grpc_metadata_array metadata;
    gpr_timespec deadline;
    grpc_byte_buffer *received;
    pthread_mutex_t lock;
    unsigned waiting; /* messages to be sent */
    bool writing, broken;
};

static grpc_server *server;
static grpc_completion_queue *cq, *stream_queues[STREAM_QUEUES];
static void *stream_method;
static grpc_slice prepared;

/* Of the thread of `cq`. */
static struct stream *streams[STREAMS_MAX];
static unsigned n_streams, next_to_serve;

static void start(struct stream *s, const grpc_op *ops, size_t n, struct stream_op *op)
{
    if (grpc_call_start_batch(s->call, ops, n, op, NULL) != GRPC_CALL_OK)
        die("a batch was refused");
}

static void start_inline(struct stream *s, const grpc_op *ops, size_t n, struct stream_op *op)
{
    void *tag;
    int ok;
    grpc_completion_queue_thread_local_cache_init(s->cq);
    start(s, ops, n, op);
    if (grpc_completion_queue_thread_local_cache_flush(s->cq, &tag, &ok))
        ((struct floor_op *)tag)->done(tag, ok != 0);
}

static void sent(struct floor_op *op, bool ok)
{
    struct stream *s = ((struct stream_op *)op)->stream;
    pthread_mutex_lock(&s->lock);
    s->writing = false;
    s->broken = s->broken || !ok;
    pthread_mutex_unlock(&s->lock);
}

/* A send that is not done at once is left to the next turn that has something to say. */
static void serve(struct stream *s)
{
    for (;;) {
        pthread_mutex_lock(&s->lock);
        bool go = s->waiting > 0 && !s->writing && !s->broken;
        if (go) {
            s->waiting--;
            s->writing = true;
        }
        bool more = s->waiting > 0;
        pthread_mutex_unlock(&s->lock);
        if (!go)
            return;
        grpc_byte_buffer *message = grpc_raw_byte_buffer_create(&prepared, 1);
        grpc_op send = {
            .op = GRPC_OP_SEND_MESSAGE,
            .flags = more ? GRPC_WRITE_BUFFER_HINT : 0,
            .data.send_message.send_message = message,
        };
        start_inline(s, &send, 1, &s->send);
        grpc_byte_buffer_destroy(message);
    }
}

static void receive(struct stream *s)
{
    grpc_op op = { .op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &s->received };
    start(s, &op, 1, &s->receive);
}

/* On the thread of a stream queue. A stream that ends keeps its memory: the floor ends with its
 * driver. */
static void received(struct floor_op *op, bool ok)
{
    struct stream *s = ((struct stream_op *)op)->stream;
    grpc_byte_buffer *message = s->received;
    s->received = NULL;
    pthread_mutex_lock(&s->lock);
    s->broken = s->broken || !ok || message == NULL;
    pthread_mutex_unlock(&s->lock);
    if (message == NULL)
        return;
    grpc_byte_buffer_destroy(message);
    receive(s);
}

static void arm_stream(void);

static void stream_arrived(struct floor_op *op, bool ok)
{
    struct stream *s = ((struct stream_op *)op)->stream;
    if (!ok || n_streams == STREAMS_MAX)
        return;
    arm_stream();
    streams[n_streams++] = s;
    grpc_op begin = { .op = GRPC_OP_SEND_INITIAL_METADATA };
    s->writing = true;
    start_inline(s, &begin, 1, &s->send);
    receive(s);
    s->waiting = 1;
    serve(s);
}

static void arm_stream(void)
{
    static unsigned n;
    struct stream *s = must_alloc(calloc(1, sizeof(*s)));
    s->arrive = (struct stream_op){ { stream_arrived }, s };
    s->send = (struct stream_op){ { sent }, s };
    s->receive = (struct stream_op){ { received }, s };
    s->cq = stream_queues[n++ % STREAM_QUEUES];
    pthread_mutex_init(&s->lock, NULL);
    grpc_metadata_array_init(&s->metadata);
    if (grpc_server_request_registered_call(server, stream_method, &s->call, &s->deadline,
            &s->metadata, NULL, s->cq, cq, &s->arrive) != GRPC_CALL_OK)
        die("cannot ask for streams");
}

static void say_arrived(struct floor_method *m)
{
    for (unsigned i = 0; i < n_streams; i++) {
        pthread_mutex_lock(&streams[i]->lock);
        streams[i]->waiting++;
        pthread_mutex_unlock(&streams[i]->lock);
    }
    next_to_serve = 0;
}

static void *run_stream_queue(void *arg)
{
    for (;;) {
        grpc_event e = grpc_completion_queue_next(arg, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        if (e.type == GRPC_OP_COMPLETE)
            ((struct floor_op *)e.tag)->done(e.tag, e.success != 0);
    }
    return NULL;
}

static void make_stream_queue(unsigned i)
{
    static const grpc_completion_queue_attributes attributes = { GRPC_CQ_CURRENT_VERSION,
        GRPC_CQ_NEXT, GRPC_CQ_NON_POLLING, NULL };
    stream_queues[i] =
        grpc_completion_queue_create(grpc_completion_queue_factory_lookup(&attributes), &attributes,
            NULL);
    pthread_t thread;
    if (pthread_create(&thread, NULL, run_stream_queue, stream_queues[i]) != 0)
        die("no thread");
    pthread_detach(thread);
}

int main(int argc, char **argv)
{
    size_t size = argc > 1 ? strtoul(argv[1], NULL, 10) : 105;
    grpc_init();
    prepared = grpc_slice_malloc(size);
    memset(GRPC_SLICE_START_PTR(prepared), 'x', size);
    cq = grpc_completion_queue_create_for_next(NULL);
    server = floor_server(cq);
    for (unsigned i = 0; i < STREAM_QUEUES; i++)
        make_stream_queue(i);
    struct floor_method say = { .server = server, .cq = cq, .arrived = say_arrived };
    say.registered = floor_method(server, "/bench.Bench/Say", false);
    stream_method = floor_method(server, "/bench.Bench/Stream", true);
    floor_start(server);
    floor_serve(&say);
    for (int slot = 0; slot < 8; slot++)
        arm_stream();
    next_to_serve = n_streams;
    for (;;) {
        floor_gather(cq, next_to_serve >= n_streams);
        for (int i = 0; i < STREAMS_A_TURN && next_to_serve < n_streams; i++)
            serve(streams[next_to_serve++]);
    }
}
