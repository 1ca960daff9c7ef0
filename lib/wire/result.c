/* SPDX-License-Identifier: MIT */
#include "wire/result.h"

#include <stdio.h>

#include "api/result.h"
#include "base/error.h"
#include "wire/convert.h"
#include "wire/methods.h"
#include "wire/unpack.h"

/* ---- Functions that make a message's list of a result's list ---- */

#define LIST_TO(name, Type, Message, CONVERT)                                                      \
    static bool name##_to(struct sv_arena *a, const Type *from, size_t n, Message ***ret,          \
        size_t *ret_n)                                                                             \
    {                                                                                              \
        if (n == 0)                                                                                \
            return true;                                                                           \
        Message **pointers = sv_arena_array(a, n, sizeof(*pointers));                              \
        Message *messages = sv_arena_array(a, n, sizeof(*messages));                               \
        bool ok = pointers != NULL && messages != NULL;                                            \
        for (size_t i = 0; ok && i < n; i++) {                                                     \
            ok = CONVERT(a, &from[i], &messages[i]);                                               \
            pointers[i] = &messages[i];                                                            \
        }                                                                                          \
        *ret = pointers;                                                                           \
        *ret_n = n;                                                                                \
        return ok;                                                                                 \
    }

/* ---- Functions that make a result's list of a message's list ---- */

#define LIST_FROM(name, Type, Message, CONVERT)                                                    \
    static bool name##_from(struct sv_arena *a, Message *const *from, size_t n, const Type **ret,  \
        size_t *ret_n)                                                                             \
    {                                                                                              \
        if (n == 0)                                                                                \
            return true;                                                                           \
        Type *list = sv_arena_array(a, n, sizeof(*list));                                          \
        bool ok = list != NULL;                                                                    \
        for (size_t i = 0; ok && i < n; i++)                                                       \
            ok = CONVERT(a, from[i], &list[i]);                                                    \
        *ret = list;                                                                               \
        *ret_n = n;                                                                                \
        return ok;                                                                                 \
    }

/* ---- Functions that convert one message, which may be NULL ---- */

#define ONE_FROM(name, Type, Message, CONVERT)                                                     \
    static bool name##_from(struct sv_arena *a, const Message *from, const Type **ret)             \
    {                                                                                              \
        if (from == NULL)                                                                          \
            return true;                                                                           \
        Type *one = sv_arena_alloc(a, sizeof(*one));                                               \
        *ret = one;                                                                                \
        return one != NULL && CONVERT(a, from, one);                                               \
    }

static bool room_to(struct sv_arena *a, const synctv_room *from, Synctv__Room *ret)
{
    Synctv__RoomSettings *settings = NULL;
    if (from->settings != NULL && (settings = sv_arena_alloc(a, sizeof(*settings))) == NULL)
        return false;
    sv_wire_room_to(from, settings, ret);
    return true;
}

/* The same signature for conversions that need no arena and cannot fail. */
#define USER_TO(a, from, ret) (sv_wire_user_to(from, ret), true)
#define MEMBER_TO(a, from, ret) (sv_wire_member_to(from, ret), true)
#define CHAT_TO(a, from, ret) (sv_wire_chat_to(from, ret), true)
#define USER_FROM(a, from, ret) (sv_wire_user_from(from, ret), true)
#define MEMBER_FROM(a, from, ret) (sv_wire_member_from(from, ret), true)
#define CHAT_FROM(a, from, ret) (sv_wire_chat_from(from, ret), true)
#define STATE_FROM(a, from, ret) (sv_wire_state_from(from, ret), true)

LIST_TO(users, synctv_user, Synctv__User, USER_TO)
LIST_TO(rooms, synctv_room, Synctv__Room, room_to)
LIST_TO(members, synctv_member, Synctv__Member, MEMBER_TO)
LIST_TO(movies, synctv_movie, Synctv__Movie, sv_wire_movie_to)
LIST_TO(messages, synctv_chat, Synctv__Client__ChatBroadcast, CHAT_TO)

LIST_FROM(users, synctv_user, Synctv__User, USER_FROM)
LIST_FROM(rooms, synctv_room, Synctv__Room, sv_wire_room_from)
LIST_FROM(members, synctv_member, Synctv__Member, MEMBER_FROM)
LIST_FROM(movies, synctv_movie, Synctv__Movie, sv_wire_movie_from)
LIST_FROM(messages, synctv_chat, Synctv__Client__ChatBroadcast, CHAT_FROM)

ONE_FROM(user, synctv_user, Synctv__User, USER_FROM)
ONE_FROM(room, synctv_room, Synctv__Room, sv_wire_room_from)
ONE_FROM(member, synctv_member, Synctv__Member, MEMBER_FROM)
ONE_FROM(movie, synctv_movie, Synctv__Movie, sv_wire_movie_from)
ONE_FROM(state, synctv_playback, Synctv__Client__RoomStateUpdate, STATE_FROM)

/* ---- What each kind of field does to encode `r` into `m`; `ok` = there was memory ---- */

#define ENCODE(kind, field, member) ENCODE_##kind(field, member)
#define ENCODE_VALUE(field, member) m.field = (__typeof__(m.field))r->member;
#define ENCODE_SUCCESS(field, member) m.field = true;
#define ENCODE_USER(field, member)                                                                 \
    Synctv__User user;                                                                             \
    if (r->member != NULL) {                                                                       \
        sv_wire_user_to(r->member, &user);                                                         \
        m.field = &user;                                                                           \
    }
#define ENCODE_ROOM(field, member)                                                                 \
    Synctv__Room room;                                                                             \
    Synctv__RoomSettings settings;                                                                 \
    if (r->member != NULL) {                                                                       \
        sv_wire_room_to(r->member, &settings, &room);                                              \
        m.field = &room;                                                                           \
    }
#define ENCODE_MEMBER(field, member_)                                                              \
    Synctv__Member member;                                                                         \
    if (r->member_ != NULL) {                                                                      \
        sv_wire_member_to(r->member_, &member);                                                    \
        m.field = &member;                                                                         \
    }
#define ENCODE_MOVIE(field, member)                                                                \
    Synctv__Movie movie;                                                                           \
    if (r->member != NULL) {                                                                       \
        ok = ok && sv_wire_movie_to(a, r->member, &movie);                                         \
        m.field = &movie;                                                                          \
    }
#define ENCODE_STATE(field, member)                                                                \
    Synctv__Client__RoomStateUpdate state;                                                         \
    if (r->member != NULL) {                                                                       \
        sv_wire_state_to(r->member, &state);                                                       \
        m.field = &state;                                                                          \
    }
#define ENCODE_MAYBE_STATE(field, member) ENCODE_STATE(field, member)
#define ENCODE_LIST(name, field, member)                                                           \
    ok = ok && name##_to(a, r->member, r->n_##member, &m.field, &m.n_##field);
#define ENCODE_USERS(field, member) ENCODE_LIST(users, field, member)
#define ENCODE_ROOMS(field, member) ENCODE_LIST(rooms, field, member)
#define ENCODE_MEMBERS(field, member) ENCODE_LIST(members, field, member)
#define ENCODE_MOVIES(field, member) ENCODE_LIST(movies, field, member)
#define ENCODE_MESSAGES(field, member) ENCODE_LIST(messages, field, member)

/* ---- What it does to decode `m` into *ret; *lacks names a field that is missing ---- */

#define DECODE(kind, field, member) DECODE_##kind(field, member)
#define DECODE_VALUE(field, member) ret->member = (__typeof__(ret->member))m->field;
#define DECODE_SUCCESS(field, member)
#define DECODE_MUST(name, field, member)                                                           \
    ok = ok && name##_from(a, m->field, &ret->member);                                             \
    if (m->field == NULL)                                                                          \
        *lacks = #field;
#define DECODE_USER(field, member) DECODE_MUST(user, field, member)
#define DECODE_ROOM(field, member) DECODE_MUST(room, field, member)
#define DECODE_MEMBER(field, member_) DECODE_MUST(member, field, member_)
#define DECODE_MOVIE(field, member) DECODE_MUST(movie, field, member)
#define DECODE_STATE(field, member) DECODE_MUST(state, field, member)
#define DECODE_MAYBE_STATE(field, member) ok = ok && state_from(a, m->field, &ret->member);
#define DECODE_LIST(name, field, member)                                                           \
    ok = ok && name##_from(a, m->field, m->n_##field, &ret->member, &ret->n_##member);
#define DECODE_USERS(field, member) DECODE_LIST(users, field, member)
#define DECODE_ROOMS(field, member) DECODE_LIST(rooms, field, member)
#define DECODE_MEMBERS(field, member) DECODE_LIST(members, field, member)
#define DECODE_MOVIES(field, member) DECODE_LIST(movies, field, member)
#define DECODE_MESSAGES(field, member) DECODE_LIST(messages, field, member)

/* ---- Two functions a method ---- */

/* clang-format off */
#define FUNCTIONS(method, Message, message)                                                        \
    static int encode_##message(const synctv_result *r, struct sv_arena *a,                        \
        sv_wire_alloc_fn *alloc, void *userdata)                                                   \
    {                                                                                              \
        Synctv__Client__##Message##Response m = {                                                  \
            .base = PROTOBUF_C_MESSAGE_INIT(&synctv__client__##message##_response__descriptor),    \
        };                                                                                         \
        bool ok = true;                                                                            \
        method##_RESPONSE(ENCODE)                                                                  \
        return ok ? sv_wire_pack(&m.base, alloc, userdata, NULL) : SYNCTV_E_NO_MEMORY;             \
    }                                                                                              \
    static int decode_##message(const void *unpacked, struct sv_arena *a, synctv_result *ret,      \
        const char **lacks)                                                                        \
    {                                                                                              \
        const Synctv__Client__##Message##Response *m = unpacked;                                   \
        bool ok = m != NULL;                                                                       \
        method##_RESPONSE(DECODE)                                                                  \
        return ok ? 0 : SYNCTV_E_NO_MEMORY;                                                        \
    }
/* clang-format on */
SV_WIRE_METHODS(FUNCTIONS)

struct response_row {
    const ProtobufCMessageDescriptor *desc;
    int (*encode)(const synctv_result *r, struct sv_arena *a, sv_wire_alloc_fn *alloc,
        void *userdata);
    int (*decode)(const void *unpacked, struct sv_arena *a, synctv_result *ret, const char **lacks);
};

static const struct response_row rows[SYNCTV_N_METHODS] = {
#define ROW(method, Message, message)                                                              \
    [SYNCTV_METHOD_##method] = {                                                                   \
        .desc = &synctv__client__##message##_response__descriptor,                                 \
        .encode = encode_##message,                                                                \
        .decode = decode_##message,                                                                \
    },
    SV_WIRE_METHODS(ROW)
};

const ProtobufCMessageDescriptor *sv_wire_response_descriptor(synctv_method method)
{
    return (unsigned)method < SYNCTV_N_METHODS ? rows[method].desc : NULL;
}

int sv_wire_result_encode(synctv_method method, const synctv_result *result,
    sv_wire_alloc_fn *alloc, void *userdata, synctv_error *err)
{
    if (sv_wire_response_descriptor(method) == NULL)
        return sv_error(err, SYNCTV_E_UNIMPLEMENTED);
    struct sv_arena scratch = { 0 };
    int rv = rows[method].encode(result, &scratch, alloc, userdata);
    sv_arena_fini(&scratch);
    return rv < 0 ? sv_error(err, rv) : 0;
}

/* INTERNAL, because it is not the caller's fault. */
static int malformed_answer(synctv_error *err, const char *why)
{
    return sv_errorf(err, SYNCTV_E_INTERNAL, "the server's answer is not valid: %s", why);
}

int sv_wire_result_decode(synctv_method method, const void *data, size_t len,
    synctv_result **ret_result, synctv_error *err)
{
    const ProtobufCMessageDescriptor *desc = sv_wire_response_descriptor(method);
    if (desc == NULL)
        return sv_error(err, SYNCTV_E_UNIMPLEMENTED);
    synctv_result *result = sv_result_new();
    if (result == NULL)
        return sv_error(err, SYNCTV_E_NO_MEMORY);

    const void *message;
    const char *lacks = NULL;
    synctv_error why;
    struct sv_arena *a = sv_result_arena(result);
    int rv = sv_wire_unpack(desc, data, len, SV_WIRE_RAWCHECK_LENIENT, a, &message, &why);
    if (rv < 0) {
        rv = rv == SYNCTV_E_INVALID_ARGUMENT ? malformed_answer(err, why.message)
                                             : sv_error(err, rv);
        goto out;
    }
    rv = rows[method].decode(message, a, result, &lacks);
    if (rv < 0) {
        sv_error(err, rv);
        goto out;
    }
    if (lacks != NULL) {
        char text[64];
        snprintf(text, sizeof(text), "it has no %s", lacks);
        rv = malformed_answer(err, text);
        goto out;
    }
    *ret_result = result;
    result = NULL; /* moved to the caller */
out:
    synctv_result_unref(result);
    return rv;
}

int sv_wire_playback_encode(const synctv_playback *playback, sv_wire_alloc_fn *alloc,
    void *userdata, synctv_error *err)
{
    Synctv__Client__RoomStateUpdate m;
    sv_wire_state_to(playback, &m);
    return sv_wire_pack(&m.base, alloc, userdata, err);
}

int sv_wire_playback_decode(const void *data, size_t len, struct sv_arena *a, synctv_playback *ret,
    synctv_error *err)
{
    const void *message;
    int rv = sv_wire_unpack(&synctv__client__room_state_update__descriptor, data, len,
        SV_WIRE_RAWCHECK_LENIENT, a, &message, err);
    if (rv < 0)
        return rv;
    sv_wire_state_from(message, ret);
    return 0;
}
