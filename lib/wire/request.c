/* SPDX-License-Identifier: MIT */
#include "wire/request.h"

#include "base/error.h"
#include "base/text.h"
#include "wire/convert.h"
#include "wire/methods.h"
#include "wire/unpack.h"

/* A oneof's case is the number of the field that is set. */
#define PLAY_POSITION SYNCTV__CLIENT__PLAY_REQUEST___POSITION_POSITION
#define PAUSE_POSITION SYNCTV__CLIENT__PAUSE_REQUEST___POSITION_POSITION
#define UPDATE_ROOM_PASSWORD SYNCTV__CLIENT__UPDATE_ROOM_REQUEST___PASSWORD_PASSWORD
_Static_assert((int)PLAY_POSITION == (int)PAUSE_POSITION, "one list is for both");

/* ---- Functions that several kinds of fields use ---- */

static bool settings_from(struct sv_arena *a, const Synctv__RoomSettings *m,
    const synctv_room_settings **ret)
{
    if (m == NULL)
        return true;
    synctv_room_settings *settings = sv_arena_alloc(a, sizeof(*settings));
    if (settings == NULL)
        return false;
    sv_wire_settings_from(m, settings);
    *ret = settings;
    return true;
}

static bool movie_from(struct sv_arena *a, const Synctv__Movie *m, synctv_request *ret)
{
    if (m == NULL)
        return true;
    synctv_movie *movie = sv_arena_alloc(a, sizeof(*movie));
    if (movie == NULL || !sv_wire_movie_from(a, m, movie))
        return false;
    ret->movie = movie;
    ret->movie_id = movie->id;
    return true;
}

static bool fields_to(struct sv_arena *a, const synctv_request *request, char ***ret, size_t *ret_n)
{
    if (request->n_fields == 0)
        return true;
    char **names = sv_arena_array(a, request->n_fields, sizeof(*names));
    if (names == NULL)
        return false;
    for (size_t i = 0; i < request->n_fields; i++)
        names[i] = (char *)sv_str(request->fields[i]);
    *ret = names;
    *ret_n = request->n_fields;
    return true;
}

/* ---- What each kind of field does to decode `m` into *ret; `ok` = there was memory ---- */

#define DECODE(kind, field, member) DECODE_##kind(field, member)
#define DECODE_VALUE(field, member) ret->member = (__typeof__(ret->member))m->field;
#define DECODE_SETTINGS(field, member) ok = ok && settings_from(a, m->field, &ret->member);
#define DECODE_MOVIE(field, member) ok = ok && movie_from(a, m->field, ret);
#define DECODE_FIELDS(field, member)                                                               \
    ret->member = (const char *const *)m->field;                                                   \
    ret->n_fields = m->n_##field;
#define DECODE_ROOM(field, member)                                                                 \
    if (m->field != NULL) {                                                                        \
        ret->name = m->field->name;                                                                \
        ret->description = m->field->description;                                                  \
        ok = ok && settings_from(a, m->field->settings, &ret->settings);                           \
    }
#define DECODE_NEW_PASSWORD(field, member)                                                         \
    ret->has_password = (int)m->_password_case == UPDATE_ROOM_PASSWORD;                            \
    ret->member = ret->has_password ? m->field : "";
#define DECODE_MAYBE_POSITION(field, member)                                                       \
    ret->has_position = (int)m->_position_case == PLAY_POSITION;                                   \
    ret->member = ret->has_position ? m->field : 0;
#define DECODE_POSITION(field, member)                                                             \
    ret->has_position = true;                                                                      \
    ret->member = m->field;
#define DECODE_RATE(field, member)                                                                 \
    ret->has_rate = true;                                                                          \
    ret->member = m->field;

/* ---- What it does to encode `r` into `m` ---- */

#define ENCODE(kind, field, member) ENCODE_##kind(field, member)
#define ENCODE_VALUE(field, member) m.field = (__typeof__(m.field))r->member;
#define ENCODE_SETTINGS(field, member)                                                             \
    Synctv__RoomSettings settings;                                                                 \
    if (r->member != NULL) {                                                                       \
        sv_wire_settings_to(r->member, &settings);                                                 \
        m.field = &settings;                                                                       \
    }
#define ENCODE_MOVIE(field, member)                                                                \
    Synctv__Movie movie;                                                                           \
    if (r->member != NULL) {                                                                       \
        ok = ok && sv_wire_movie_to(a, r->member, &movie);                                         \
        m.field = &movie;                                                                          \
    }
#define ENCODE_FIELDS(field, member) ok = ok && fields_to(a, r, &m.field, &m.n_##field);
#define ENCODE_ROOM(field, member)                                                                 \
    const synctv_room room = {                                                                     \
        .name = r->name,                                                                           \
        .description = r->description,                                                             \
        .settings = r->settings,                                                                   \
    };                                                                                             \
    Synctv__RoomSettings settings;                                                                 \
    Synctv__Room room_message;                                                                     \
    sv_wire_room_to(&room, &settings, &room_message);                                              \
    m.field = &room_message;
#define ENCODE_NEW_PASSWORD(field, member)                                                         \
    if (r->has_password) {                                                                         \
        m._password_case = (__typeof__(m._password_case))UPDATE_ROOM_PASSWORD;                     \
        m.field = (char *)sv_str(r->member);                                                       \
    }
#define ENCODE_MAYBE_POSITION(field, member)                                                       \
    if (r->has_position) {                                                                         \
        m._position_case = (__typeof__(m._position_case))PLAY_POSITION;                            \
        m.field = r->member;                                                                       \
    }
#define ENCODE_POSITION(field, member) m.field = r->member;
#define ENCODE_RATE(field, member) m.field = r->member;

/* ---- Two functions a method ---- */

/* clang-format off */
#define FUNCTIONS(method, Message, message)                                                        \
    static int decode_##message(const void *unpacked, struct sv_arena *a, synctv_request *ret)     \
    {                                                                                              \
        const Synctv__Client__##Message##Request *m = unpacked;                                    \
        bool ok = m != NULL;                                                                       \
        method##_REQUEST(DECODE)                                                                   \
        return ok ? 0 : SYNCTV_E_NO_MEMORY;                                                        \
    }                                                                                              \
    static int encode_##message(const synctv_request *r, struct sv_arena *a,                       \
        sv_wire_alloc_fn *alloc, void *userdata)                                                   \
    {                                                                                              \
        Synctv__Client__##Message##Request m = {                                                   \
            .base = PROTOBUF_C_MESSAGE_INIT(&synctv__client__##message##_request__descriptor),     \
        };                                                                                         \
        bool ok = true;                                                                            \
        method##_REQUEST(ENCODE)                                                                   \
        return ok ? sv_wire_pack(&m.base, alloc, userdata, NULL) : SYNCTV_E_NO_MEMORY;             \
    }
/* clang-format on */
SV_WIRE_METHODS(FUNCTIONS)

struct request_row {
    const ProtobufCMessageDescriptor *desc;
    int (*decode)(const void *unpacked, struct sv_arena *a, synctv_request *ret);
    int (*encode)(const synctv_request *r, struct sv_arena *a, sv_wire_alloc_fn *alloc,
        void *userdata);
};

static const struct request_row rows[SYNCTV_N_METHODS] = {
#define ROW(method, Message, message)                                                              \
    [SYNCTV_METHOD_##method] = {                                                                   \
        .desc = &synctv__client__##message##_request__descriptor,                                  \
        .decode = decode_##message,                                                                \
        .encode = encode_##message,                                                                \
    },
    SV_WIRE_METHODS(ROW)
};

#define ONE(method, Message, message) +1
#define ONE_IF_RPC(name, rpc) +(sizeof(rpc) > 1)
_Static_assert(0 SV_WIRE_METHODS(ONE) == 0 SYNCTV_METHODS(ONE_IF_RPC), "a method is missing here");

const ProtobufCMessageDescriptor *sv_wire_request_descriptor(synctv_method method)
{
    return (unsigned)method < SYNCTV_N_METHODS ? rows[method].desc : NULL;
}

int sv_wire_request_decode(synctv_method method, const void *data, size_t len, struct sv_arena *a,
    synctv_request *ret, synctv_error *err)
{
    const ProtobufCMessageDescriptor *desc = sv_wire_request_descriptor(method);
    if (desc == NULL)
        return sv_error(err, SYNCTV_E_UNIMPLEMENTED);
    const void *message;
    int rv = sv_wire_unpack(desc, data, len, SV_WIRE_RAWCHECK_STRICT, a, &message, err);
    if (rv < 0)
        return rv;
    *ret = SYNCTV_REQUEST(method);
    rv = rows[method].decode(message, a, ret);
    return rv < 0 ? sv_error(err, rv) : 0;
}

int sv_wire_request_encode(const synctv_request *request, sv_wire_alloc_fn *alloc, void *userdata,
    synctv_error *err)
{
    if (sv_wire_request_descriptor(request->method) == NULL)
        return sv_error(err, SYNCTV_E_UNIMPLEMENTED);
    struct sv_arena scratch = { 0 };
    int rv = rows[request->method].encode(request, &scratch, alloc, userdata);
    sv_arena_fini(&scratch);
    return rv < 0 ? sv_error(err, rv) : 0;
}
