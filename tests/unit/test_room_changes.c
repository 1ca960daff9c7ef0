/* SPDX-License-Identifier: MIT */
/* What is decided at a node leaves for other nodes, once; what came from elsewhere does not. */
#include "node/rooms/apply.h"
#include "node/rooms/flush.h"
#include "node/rooms/playhead.h"
#include "two_nodes.h"

static struct {
    int n, n_states;
    char movie_id[SV_ID_SIZE];
    uint64_t revision;
    synctv_list_change list;
    synctv_state_cause cause;
    size_t n_members;
    synctv_event_type event;
    bool deleted, room;
} left;

static void leaves(void *userdata, const struct sv_room_change *change)
{
    ck_assert_ptr_eq(userdata, &left);
    ck_assert_str_eq(change->room_id, room);
    left.n++;
    if (change->state != NULL) {
        left.n_states++;
        memcpy(left.movie_id, change->state->movie_id, sizeof(left.movie_id));
    }
    left.revision = change->revision;
    left.list = change->list;
    left.cause = change->cause;
    left.n_members = change->n_members;
    left.event = change->event == NULL ? (synctv_event_type)0 : change->event->type;
    left.deleted = change->deleted;
    left.room = change->room != NULL;
}

static void watch_what_leaves(void)
{
    memset(&left, 0, sizeof(left));
    fx_node.rooms->changed = leaves;
    fx_node.rooms->changed_userdata = &left;
}

START_TEST(every_change_made_here_leaves_for_other_nodes_once)
{
    static const char *const fields[] = { "name" };
    watch_what_leaves();
    const char *movie = fx_movie(alice, room, "movie", 60);
    ck_assert_int_eq(left.n, 1);
    ck_assert_int_eq(left.list, SYNCTV_LIST_CHANGE_ADDED);
    uint64_t revision = left.revision;
    fx_assert_ok(FX_ASK(alice, SET_CURRENT_MOVIE, .room_id = room, .movie_id = movie,
        .autoplay = true));
    ck_assert_int_eq(left.n, 2);
    ck_assert_int_eq(left.cause, SYNCTV_STATE_CAUSE_MOVIE);
    ck_assert_uint_eq(left.revision, 0);
    fx_say(alice, room, "hello");
    ck_assert_int_eq(left.n, 3);
    ck_assert_int_eq(left.event, SYNCTV_EVENT_CHAT);
    fx_join(carol, room);
    ck_assert_int_eq(left.n, 4);
    ck_assert_uint_eq(left.n_members, 1);
    ck_assert_uint_eq(left.revision, revision + 1);
    fx_assert_ok(FX_ASK(alice, TRANSFER_ROOM, .room_id = room, .user_id = fx_id(bob)));
    ck_assert_int_eq(left.n, 5);
    ck_assert_uint_eq(left.n_members, 2);
    ck_assert(left.room);
    fx_assert_ok(FX_ASK(bob, UPDATE_ROOM, .room_id = room, .name = "new", .fields = fields,
        .n_fields = 1));
    ck_assert_int_eq(left.n, 6);
    fx_follow(alice, room);
    fx_pass_ms(61100); /* the movie ends by itself */
    ck_assert_int_eq(left.n, 7);
    ck_assert_int_eq(left.cause, SYNCTV_STATE_CAUSE_ENDED);
    fx_assert_ok(FX_ASK(bob, DELETE_ROOM, .room_id = room));
    ck_assert(left.deleted);
    ck_assert_int_eq(left.n, 8);
}
END_TEST

/* The state before the list, which has no such movie any more. */
START_TEST(a_movie_that_goes_sends_the_playhead_away_first)
{
    static const synctv_room_settings next = { .auto_advance = SYNCTV_AUTO_ADVANCE_NEXT };
    room = fx_room(alice, &next);
    const char *first = fx_movie(alice, room, "first", 60);
    const char *second = fx_movie(alice, room, "second", 60);
    fx_assert_ok(FX_ASK(alice, SET_CURRENT_MOVIE, .room_id = room, .movie_id = first));
    watch_what_leaves();
    fx_assert_ok(FX_ASK(alice, REMOVE_MOVIE, .room_id = room, .movie_id = first));
    ck_assert_int_eq(left.n_states, 1);
    ck_assert_int_eq(left.n, 2);
    ck_assert_str_eq(left.movie_id, second);
    ck_assert_int_eq(left.list, SYNCTV_LIST_CHANGE_REMOVED);
    fx_assert_ok(FX_ASK(alice, CLEAR_MOVIES, .room_id = room));
    ck_assert_int_eq(left.n_states, 2);
    ck_assert_int_eq(left.n, 4);
    ck_assert_str_eq(left.movie_id, "");
    ck_assert_int_eq(left.list, SYNCTV_LIST_CHANGE_CLEARED);
}
END_TEST

START_TEST(what_is_read_from_storage_does_not_leave)
{
    const char *movie = fx_movie(alice, room, "movie", 3600);
    look();
    watch_what_leaves();
    add_movie_there("theirs");
    THERE(SET_CURRENT_MOVIE, .movie_id = movie, .autoplay = true);
    sv_rooms_flush(&other);
    THERE(BAN_MEMBER, .user_id = fx_id(bob));
    look();
    fx_check_memory(room);
    THERE(DELETE_ROOM);
    look();
    ck_assert_ptr_null(sv_room_enter(&fx_node, room));
    ck_assert_int_eq(left.n, 0);
}
END_TEST

START_TEST(a_deletion_that_a_reading_finds_does_not_leave)
{
    fx_movie(alice, room, "movie", 0);
    struct sv_room *loaded = sv_room_enter(&fx_node, room);
    sv_room_mark_stale(loaded);
    sv_room_leave(loaded);
    watch_what_leaves();
    THERE(DELETE_ROOM);
    fx_assert_code(FX_ASK(alice, GET_MOVIE_LIST, .room_id = room), SYNCTV_E_ROOM_NOT_FOUND);
    ck_assert_int_eq(left.n, 0);
}
END_TEST

START_TEST(what_is_made_of_a_stored_state_leaves)
{
    const char *movie = fx_movie(alice, room, "movie", 3600);
    int64_t now_ms = synctv_node_now_ms(&fx_node);
    synctv_playback stored = {
        .movie_id = movie,
        .status = SYNCTV_PLAYBACK_STATUS_PLAYING,
        .rate = 1,
        .updated_at_ms = now_ms - 1000,
        .version = (uint64_t)now_ms,
        .node_id = "other",
    };
    watch_what_leaves();
    struct sv_room *loaded = sv_room_enter(&fx_node, room);
    sv_playhead_adopt(loaded, &stored);
    ck_assert_int_eq(left.n, 0);
    stored.updated_at_ms += 3600000; /* by a clock that is ahead: it counts as of now */
    stored.version += 3600000;
    sv_playhead_adopt(loaded, &stored);
    ck_assert_int_eq(left.n, 1);
    ck_assert_int_eq(left.n_states, 1);
    ck_assert_str_eq(left.movie_id, movie);
    stored.movie_id = "lost00000000";
    stored.updated_at_ms = now_ms - 1000;
    stored.version += 3600000;
    sv_playhead_adopt(loaded, &stored);
    ck_assert_int_eq(left.n, 1);
    sv_playhead_check(loaded);
    ck_assert_int_eq(left.n, 2);
    ck_assert_int_eq(left.n_states, 2);
    ck_assert_str_eq(left.movie_id, "");
    sv_room_leave(loaded);
}
END_TEST

START_TEST(a_change_from_elsewhere_changes_memory_and_does_not_leave)
{
    synctv_stream *stream = fx_follow(bob, room);
    watch_what_leaves();
    struct sv_room *loaded = sv_room_enter(&fx_node, room);
    const synctv_movie theirs = {
        .id = "theirs000000", .room_id = room, .name = "theirs", .url = "", .added_by = ""
    };
    sv_room_apply(loaded,
        &(struct sv_room_change){
            .room_id = room,
            .from_elsewhere = true,
            .revision = loaded->revision + 1,
            .list = SYNCTV_LIST_CHANGE_ADDED,
            .movie = &theirs,
        });
    sv_room_leave(loaded);
    ck_assert_str_eq(next_movie(stream, SYNCTV_LIST_CHANGE_ADDED)->name, "theirs");
    ck_assert_int_eq(left.n, 0);
}
END_TEST

static Suite *room_changes(void)
{
    Suite *s = suite_create("room_changes");
    TCase *t = tcase_create("two nodes");
    tcase_add_checked_fixture(t, people_on_two_nodes, close_both);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, every_change_made_here_leaves_for_other_nodes_once);
    tcase_add_test(t, a_movie_that_goes_sends_the_playhead_away_first);
    tcase_add_test(t, what_is_read_from_storage_does_not_leave);
    tcase_add_test(t, a_deletion_that_a_reading_finds_does_not_leave);
    tcase_add_test(t, what_is_made_of_a_stored_state_leaves);
    tcase_add_test(t, a_change_from_elsewhere_changes_memory_and_does_not_leave);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *r = srunner_create(room_changes());
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
