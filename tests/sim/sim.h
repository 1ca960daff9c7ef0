/* SPDX-License-Identifier: MIT */
/*
 * A cluster in one thread: the mesh and the membership of each node are the real ones
 * (lib/cluster); around them stand small models of the network, the store, rooms and people. Time
 * is virtual, and all chance comes from the seed: a seed is one run, always the same.
 *
 *   world.c    time, chance, tasks, trace       store.c    one truth; jobs that go there and back
 *   network.c  links and their faults           process.c  a node's life: mesh, beats, looks
 *   rooms.c    what a node has of a room        people.c   who watches and what they do
 *   faults.c   what goes wrong and heals        checks.c   what must hold
 */
#ifndef SV_TESTS_SIM_H
#define SV_TESTS_SIM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/membership.h"
#include "cluster/mesh.h"

/* Virtual time in microseconds. */
#define MS INT64_C(1000)
#define SEC INT64_C(1000000)
#define NEVER INT64_MAX

#define SLOTS_MAX 9
#define PROCESSES_MAX 400
#define ROOMS_MAX 400
#define USERS_MAX 24
#define HELD_MAX 16
#define CHATS_KEPT 128

struct world;
struct process;
struct stream;
struct job;

/* ---- tasks ---- */

struct task {
    int64_t at_us;
    uint64_t order;
    void (*run)(struct world *w, struct task *task);
    /* Whose it is: it waits while the process is paused, and goes with it. NULL = nobody's. */
    struct process *process;
    void *object;
    uint64_t a, b;
};

/* ---- the store ---- */

struct play {
    uint64_t version;
    const char *node_id;
    uint32_t movie;
};

struct room_row {
    uint64_t revision, chat_seq;
    uint32_t members, kicked, title;
    struct play play;
    /* The number of the message with each seq, by seq % CHATS_KEPT. */
    uint32_t chats[CHATS_KEPT];
};

struct node_row {
    bool exists, declared_dead;
    int64_t epoch;
    /* pid, 0 = none. */
    uint32_t instance;
    const char *address;
    uint64_t beat;
    /* Epochs up to this one are fenced. */
    int64_t fenced_epoch;
};

struct truth {
    struct room_row rooms[ROOMS_MAX];
    struct node_row nodes[SLOTS_MAX];
};

/* What the store had at a time. */
struct past {
    int64_t at_us;
    uint64_t revision, chat_seq;
    struct play play;
};
#define PASTS_MAX 64

struct store {
    struct truth now, backup;
    bool has_backup;
    /* Grows when the store goes back; when it did. */
    unsigned timeline;
    int64_t went_back_us;
    /* For all processes; process.store_away_us is for one. */
    int64_t away_us, slow_us;
    struct past pasts[ROOMS_MAX][PASTS_MAX];
    unsigned n_pasts[ROOMS_MAX];
    uint64_t n_commits;
};

enum job_kind {
    JOB_REGISTER,
    JOB_BEAT,
    JOB_VERDICTS,
    JOB_LEAVE,
    JOB_CHECK_PEER,
    JOB_LOOK,
    JOB_LOAD,
    JOB_READ_CHAT,
    JOB_FLUSH,
    /* What people do. */
    JOB_JOIN,
    JOB_QUIT,
    JOB_KICK,
    JOB_TITLE,
    JOB_CHAT,
};

enum job_result { DONE_OK, DONE_AWAY, DONE_FENCED, DONE_UNKNOWN, DONE_REFUSED, DONE_REPLACED };

struct head {
    uint64_t revision, chat_seq;
    struct play play;
};

struct job {
    enum job_kind kind;
    struct process *process;
    int room, user;
    int64_t epoch, deadline_us;
    void (*done)(struct world *w, struct job *job);
    void *object;
    struct job *next;
    /* What it writes. */
    struct play play;
    uint32_t value;
    struct sv_look look;
    /* What came of it. */
    enum job_result result;
    unsigned timeline;
    bool registered;
    uint64_t revision, chat_seq;
    struct room_row *row;
    struct node_row *nodes;
    /* Of each room, when it was asked and as it is stored. */
    struct head *seen, *heads;
    bool *looks_at;
};

/* ---- the network ---- */

struct message {
    struct message *next;
    struct sv_cluster_event event;
    bool is_hello;
};

struct link_side {
    struct process *process;
    /* The mesh's name for it there. */
    uint64_t number;
    bool opened, closed;
    /* What waits to be sent, and what is under way. */
    struct message *first, **last;
    unsigned n_queued, n_flying;
    uint64_t sequence;
    bool sending, owes_drained;
    int64_t arrives_us;
};

struct link {
    struct link *next;
    struct link_side sides[2];
    /* The next message of this side is lost. */
    bool loses[2];
    /* The sequence of one that was, 0 = none: until a later one comes. */
    uint64_t lost[2];
};

struct dialler {
    bool active;
    const char *address;
    unsigned generation, attempts;
};

/* ---- a node ---- */

enum row_change_kind { ROW_NONE, ROW_JOINED, ROW_LEFT, ROW_KICKED, ROW_TITLE };

struct row_change {
    uint64_t revision;
    enum row_change_kind kind;
    int user;
    uint32_t title;
};

/* Of a set of users. */
static inline uint32_t bit(int user)
{
    return UINT32_C(1) << user;
}

struct held_chat {
    uint64_t seq;
    uint32_t number;
};

enum room_phase { ROOM_NONE, ROOM_WANTED, ROOM_READING, ROOM_LOADED };

struct waiter {
    struct waiter *next;
    void (*go)(struct world *w, struct process *p, int room, int user, bool ok, uint64_t arg);
    int user;
    uint64_t arg;
};

struct room {
    enum room_phase phase;
    bool stale, rereading, read_too_early, went_back, chat_reading, dirty, flushing;
    /* It is stale for a gap alone, which events that are on their way may fill. */
    bool gap, chat_gap, chat_again;
    int64_t loaded_us, played_us, idle_us, read_us, older_us;
    int64_t reload_us, chat_us, flush_us;
    uint64_t revision, heard_revision, chat_seq, heard_chat;
    /* The newest that was committed here or heard of. */
    uint64_t known_revision;
    /* When the reading that is under way was begun. */
    uint64_t read_revision, read_chat_seq;
    uint32_t members, kicked, title;
    struct play play;
    struct row_change held[HELD_MAX];
    unsigned n_held;
    /* There was no place for one since the last reading was begun. */
    bool has_dropped;
    struct held_chat held_chats[HELD_MAX];
    unsigned n_held_chats;
    /* People: of this node with streams, of this node as told, of all nodes as the streams know. */
    unsigned n_streams[USERS_MAX];
    int64_t offline_us[USERS_MAX];
    uint32_t here, shown;
    struct stream *streams;
    /* Who says that the movie of `votes_for` is over; since when that are enough. */
    uint32_t votes;
    uint64_t votes_for;
    int64_t enough_us, patience_us;
    struct waiter *waiters;
    struct job *first_job, *last_job;
};

struct process {
    uint32_t pid;
    int slot;
    const char *id, *address;
    bool alive, ready, leaving, old_wire, replaced, is_double;
    int64_t epoch;
    int64_t paused_until_us, store_away_us;
    struct task *deferred;
    unsigned n_deferred, max_deferred;
    int64_t mono_ms, clock_ms;
    struct sv_mesh *mesh;
    struct sv_mesh_outputs outputs;
    struct sv_membership *membership;
    int64_t tick_us;
    uint64_t next_link;
    struct dialler diallers[SLOTS_MAX];
    struct room *rooms;
    bool beating, looking, was_complete, lost_link, missed_look;
    int64_t looked_us, complete_us;
    unsigned timeline;
    size_t mesh_bytes, mesh_bytes_max;
    uint64_t session_events;
};

/* ---- people ---- */

struct stream {
    struct stream *in_room;
    struct process *process;
    int room, user;
    bool open;
    int64_t opened_us;
    uint64_t revision, chat_seq, first_seq;
    struct play play;
    uint32_t roster;
    uint8_t *told;
    uint32_t n_told;
};

#define STREAMS_MAX 4096

struct user {
    struct stream *streams[2];
    bool opening[2];
    int64_t closed_us;
};

struct ending {
    struct ending *next;
    uint64_t version;
    const char *node_id;
    struct process *by;
    int64_t at_us;
};

/* ---- all of it ---- */

struct rates {
    double faults_a_second, acts_a_second;
    /* Weights. */
    unsigned kill, host, pause, cut, cut_one_way, isolate, reset, slow, drop, store_away,
        store_away_for_one, store_slow, store_back, twice, leave, storm, lost_answer;
};

struct world {
    uint64_t seed, random[2];
    int64_t now_us;
    struct task *tasks;
    size_t n_tasks, max_tasks;
    uint64_t next_order, digest, n_steps;
    jmp_buf failed;
    char failure[512];

    int n_slots, n_rooms, n_users;
    int64_t heartbeat_ms, latency_us, keepalive_us, idle_us;
    unsigned queue_max;
    bool unknown_has_room, mixed;
    struct rates rates;
    const char *room_ids[ROOMS_MAX], *user_ids[USERS_MAX], *node_ids[SLOTS_MAX];

    struct store store;
    struct process *processes[PROCESSES_MAX];
    unsigned n_processes;
    struct process *slots[SLOTS_MAX];
    struct link *links;
    /* From a slot to a slot: until when nothing passes. */
    int64_t cut_us[SLOTS_MAX][SLOTS_MAX], slow_us;
    struct user users[USERS_MAX];
    struct stream *streams[STREAMS_MAX];
    unsigned n_streams;
    struct ending *endings[ROOMS_MAX];
    uint32_t n_messages, n_titles;

    /* What has been reached; `counted`: no votes any more. */
    bool healed, quiet, counted, examined;
    /* Until then something is out of order. */
    int64_t disturbed_us;
    /* Until then somebody may not know what one has written who came and went unseen. */
    int64_t unseen_us;
    /* What it has all been about. */
    uint64_t n_events, n_loads, n_gaps, n_links, n_ends, n_ended_twice, n_late;
};

/* ---- world.c ---- */

void world_begin(struct world *w, uint64_t seed, int n_nodes);
void world_run_until(struct world *w, int64_t until_us);
void world_end(struct world *w);
uint64_t chance(struct world *w);
/* Of 0 .. n-1. */
unsigned below(struct world *w, unsigned n);
int64_t between(struct world *w, int64_t low, int64_t high);
bool one_in(struct world *w, unsigned n);
void *take(struct world *w, size_t size);
const char *text(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
void later(struct world *w, int64_t in_us, struct process *p,
    void (*run)(struct world *w, struct task *task), void *object, uint64_t a, uint64_t b);
_Noreturn void fail(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
extern bool tracing;
void trace_line(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
void trace_print(unsigned n);
#define trace(...)                                                                                 \
    do {                                                                                           \
        if (tracing)                                                                               \
            trace_line(__VA_ARGS__);                                                               \
    } while (0)
/* Something is out of order until then. */
void disturb(struct world *w, int64_t until_us);
bool is_calm(const struct world *w, int64_t for_us);
/* Memory that the mesh of a process allocates is counted there, from here to NULL. */
void count_memory_for(struct process *p);

/* ---- store.c ---- */

void store_ask(struct world *w, struct job *job);
struct job *job_new(struct world *w, enum job_kind kind, struct process *p, int room,
    void (*done)(struct world *w, struct job *job));
void store_go_back(struct world *w);
bool store_is_away(const struct world *w, const struct process *p);
bool play_is_newer(const struct play *a, const struct play *b);
/* What every reader must know of since then. */
struct past store_past(const struct world *w, int room, int64_t at_us);

/* ---- network.c ---- */

void network_dial(struct world *w, struct process *p, const char *peer_id, const char *address);
void network_stop_dialling(struct world *w, struct process *p, const char *peer_id);
void network_hang_up(struct world *w, struct process *p, uint64_t link, const char *why);
void network_send(struct world *w, struct process *p, uint64_t link,
    const struct sv_cluster_event *event, uint64_t sequence);
void network_cut(struct world *w, int from, int to, int64_t until_us);
void network_reset(struct world *w, struct link *link);
/* The kernel of the process says so, or, if `silent`, nobody does. */
void network_process_ends(struct world *w, struct process *p, bool silent);
void network_process_pauses(struct world *w, struct process *p);
void network_bye(struct world *w, struct process *p);
struct link *network_some_link(struct world *w);
/* A message was lost, and the mesh cannot know yet. */
bool network_hides_loss(const struct world *w);
void network_heal(struct world *w);

/* ---- process.c ---- */

struct process *process_start(struct world *w, int slot);
void process_end(struct world *w, struct process *p, bool silent);
void process_pause(struct world *w, struct process *p, int64_t for_us);
void process_leave(struct world *w, struct process *p);
void process_beat(struct world *w, struct process *p);
void process_look(struct world *w, struct process *p);
void process_step(struct world *w, struct process *p, const struct sv_mesh_input *input);
bool process_is_complete(const struct process *p);
int64_t process_clock_ms(const struct world *w, const struct process *p);
void process_sees_timeline(struct world *w, struct process *p, unsigned timeline);
int slot_of(const struct world *w, const char *node_id);
int room_of(const char *room_id);
int user_of(const char *user_id);

/* ---- rooms.c ---- */

/* go() comes when the room is loaded and not stale, or not `ok`. */
void room_need(struct world *w, struct process *p, int room, int user,
    void (*go)(struct world *w, struct process *p, int room, int user, bool ok, uint64_t arg),
    uint64_t arg);
void room_write(struct world *w, struct process *p, enum job_kind kind, int room, int user,
    uint32_t value);
void room_play(struct world *w, struct process *p, int room, uint32_t movie);
void room_vote(struct world *w, struct process *p, int room, int user);
void room_heard(struct world *w, struct process *p, const struct sv_cluster_event *event);
void room_ready(struct world *w, struct process *p, int room);
void room_snapshot(struct world *w, struct process *p, int room, uint64_t link, uint64_t barrier);
void room_online(struct world *w, struct process *p, int room, int user);
void room_seen(struct world *w, struct process *p, int room, const struct head *before,
    const struct head *stored);
void room_mark_stale(struct world *w, struct process *p, int room);
void room_went_back(struct world *w, struct process *p, int room);
void room_forget_if_idle(struct world *w, struct process *p, int room);
void room_count_votes(struct world *w, struct process *p, int room);
/* The user is nobody here any more. */
void room_drop_user(struct world *w, struct process *p, int room, int user);
void room_flush(struct world *w, struct process *p, int room);

/* ---- presence.c ---- */

#define OFFLINE_AFTER (10 * SEC)

void room_enter(struct world *w, struct process *p, struct stream *stream);
void room_leave(struct world *w, struct process *p, struct stream *stream);
/* Who is online, for a room that is new in memory. */
void room_look_around(struct world *w, struct process *p, int room);

/* ---- people.c ---- */

void people_begin(struct world *w);
void people_act(struct world *w);
void stream_close(struct world *w, struct stream *stream, const char *why);
void people_lose(struct world *w, struct process *p);
/* One of everything, by every node. */
void people_exam(struct world *w);

/* ---- faults.c ---- */

void faults_begin(struct world *w);
void faults_heal(struct world *w);

/* ---- checks.c ---- */

void check_told_rows(struct world *w, struct stream *s, uint64_t revision);
void check_told_chat(struct world *w, struct stream *s, uint64_t seq, uint32_t number);
void check_told_play(struct world *w, struct stream *s, const struct play *play);
void check_told_online(struct world *w, struct stream *s, int user, bool online);
void check_told_reset(struct world *w, struct stream *s, uint64_t revision, uint64_t chat_seq);
void check_ending(struct world *w, struct process *p, int room, const struct play *before);
/* Something was repaired that ought to have been told. */
void check_repair(struct world *w, struct process *p, int room, const char *what);
void check_opened(struct world *w, struct stream *s);
void check_memory(struct world *w, struct process *p);
void check_often(struct world *w);
void check_quiet(struct world *w);

#endif
