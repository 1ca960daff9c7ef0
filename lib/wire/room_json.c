/* SPDX-License-Identifier: MIT */
/*
 * protobuf-c's structures to JSON and back, along their descriptors. Knows the types that a Room
 * has: strings, bools, integers, enums and messages, none of them repeated.
 */
#include "wire/room_json.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/error.h"
#include "base/text.h"
#include "wire/convert.h"

#define NAME_SIZE 48

/* "creator_id" becomes "creatorId". */
static void json_name(const char *name, char out[NAME_SIZE])
{
    size_t n = 0;
    for (bool upper = false; *name != '\0' && n < NAME_SIZE - 1; name++) {
        if (*name == '_') {
            upper = true;
            continue;
        }
        bool small = *name >= 'a' && *name <= 'z';
        out[n++] = upper && small ? (char)(*name - 'a' + 'A') : *name;
        upper = false;
    }
    out[n] = '\0';
}

/* ---- Writing ---- */

static json_t *message_to(const ProtobufCMessage *message);

static json_t *enum_to(const ProtobufCEnumDescriptor *desc, int value)
{
    const ProtobufCEnumValue *known = protobuf_c_enum_descriptor_get_value(desc, value);
    return known != NULL ? json_string(known->name) : json_integer(value);
}

static json_t *digits_to(bool is_signed, uint64_t value)
{
    char digits[24];
    if (is_signed)
        snprintf(digits, sizeof(digits), "%" PRId64, (int64_t)value);
    else
        snprintf(digits, sizeof(digits), "%" PRIu64, value);
    return json_string(digits);
}

/* *ret stays NULL if the field is left out. False when out of memory. */
static bool value_to(const ProtobufCFieldDescriptor *f, const void *value, json_t **ret)
{
    int32_t number = 0;
    switch ((int)f->type) {
    case PROTOBUF_C_TYPE_STRING:
        if ((*(const char *const *)value)[0] == '\0')
            return true;
        *ret = json_string(*(const char *const *)value);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        if (!*(const protobuf_c_boolean *)value)
            return true;
        *ret = json_true();
        break;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_ENUM:
        memcpy(&number, value, sizeof(number));
        if (number == 0)
            return true;
        *ret =
            f->type == PROTOBUF_C_TYPE_ENUM ? enum_to(f->descriptor, number) : json_integer(number);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
        if (*(const uint64_t *)value == 0)
            return true;
        *ret = digits_to(f->type == PROTOBUF_C_TYPE_INT64, *(const uint64_t *)value);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        if (*(const ProtobufCMessage *const *)value == NULL)
            return true;
        *ret = message_to(*(const ProtobufCMessage *const *)value);
        break;
    }
    return *ret != NULL;
}

/* NULL when out of memory. */
static json_t *message_to(const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *desc = message->descriptor;
    json_t *object = json_object();
    for (unsigned i = 0; object != NULL && i < desc->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &desc->fields[i];
        char name[NAME_SIZE];
        json_name(f->name, name);
        json_t *value = NULL;
        bool ok = value_to(f, (const char *)message + f->offset, &value) &&
            (value == NULL || json_object_set_new(object, name, value) == 0);
        if (!ok) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}

int sv_wire_room_json_encode(const synctv_room *room, sv_wire_alloc_fn *alloc, void *userdata,
    synctv_error *err)
{
    Synctv__Room m;
    Synctv__RoomSettings settings;
    sv_wire_room_to(room, &settings, &m);
    json_t *object = message_to(&m.base);
    char *text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    void *out = text != NULL ? alloc(userdata, strlen(text)) : NULL;
    if (out != NULL)
        memcpy(out, text, strlen(text));
    free(text);
    return out != NULL ? 0 : sv_error(err, SYNCTV_E_NO_MEMORY);
}

/* ---- Reading ---- */

/* A field's name within the names of the messages around it. */
struct place {
    const struct place *parent;
    const char *name;
};

static int refuse(const struct place *place, const char *why, synctv_error *err)
{
    char name[NAME_SIZE * 2];
    bool inside = place->parent != NULL;
    snprintf(name, sizeof(name), "%s%s%s", inside ? place->parent->name : "", inside ? "." : "",
        place->name);
    return sv_error_field(err, name, "%s", why);
}

/* A whole number, negative or not: its sign and its size. */
struct whole {
    bool negative;
    uint64_t size;
};

static bool whole_of_digits(const char *digits, struct whole *ret)
{
    ret->negative = digits[0] == '-';
    const char *first = digits + ret->negative;
    if (strspn(first, "0123456789") != strlen(first) || first[0] == '\0')
        return false;
    errno = 0;
    ret->size = strtoull(first, NULL, 10);
    return errno == 0;
}

static bool whole_of(const json_t *from, struct whole *ret)
{
    if (json_is_string(from))
        return whole_of_digits(json_string_value(from), ret);
    if (json_is_integer(from)) {
        json_int_t number = json_integer_value(from);
        ret->negative = number < 0;
        ret->size = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
        return true;
    }
    double number = json_real_value(from);
    ret->negative = number < 0;
    if (!json_is_real(from) || number != floor(number) || fabs(number) >= 0x1p64)
        return false;
    ret->size = (uint64_t)fabs(number);
    return true;
}

/* Whether it lies between -most - 1 and most; or 0 and most, if it must not be negative. */
static bool number_from(const json_t *from, uint64_t most, bool may_be_negative, uint64_t *ret)
{
    struct whole whole;
    if (!whole_of(from, &whole))
        return false;
    if (whole.negative && whole.size > 0) {
        *ret = 0 - whole.size;
        return may_be_negative && whole.size - 1 <= most;
    }
    *ret = whole.size;
    return whole.size <= most;
}

static bool enum_from(const ProtobufCEnumDescriptor *desc, const json_t *from, uint64_t *ret)
{
    if (!json_is_string(from))
        return number_from(from, INT32_MAX, true, ret);
    const ProtobufCEnumValue *known =
        protobuf_c_enum_descriptor_get_value_by_name(desc, json_string_value(from));
    *ret = known != NULL ? (uint64_t)(int64_t)known->value : UINT64_MAX;
    return true;
}

static int message_from(const json_t *object, const struct place *parent, struct sv_arena *a,
    ProtobufCMessage *ret, synctv_error *err);

static int submessage_from(const json_t *from, const struct place *place, struct sv_arena *a,
    const ProtobufCMessageDescriptor *desc, void *value, synctv_error *err)
{
    if (!json_is_object(from))
        return refuse(place, "is no object", err);
    ProtobufCMessage *message = sv_arena_alloc(a, desc->sizeof_message);
    if (message == NULL)
        return sv_error(err, SYNCTV_E_NO_MEMORY);
    protobuf_c_message_init(desc, message);
    *(ProtobufCMessage **)value = message;
    return message_from(from, place, a, message, err);
}

static int string_from(const json_t *from, const struct place *place, struct sv_arena *a,
    void *value, synctv_error *err)
{
    if (!json_is_string(from))
        return refuse(place, "is no string", err);
    const char *copy = sv_arena_strdup(a, json_string_value(from));
    if (copy == NULL)
        return sv_error(err, SYNCTV_E_NO_MEMORY);
    *(const char **)value = copy;
    return 0;
}

static int value_from(const json_t *from, const struct place *place, struct sv_arena *a,
    const ProtobufCFieldDescriptor *f, void *value, synctv_error *err)
{
    uint64_t number = 0;
    bool ok = false;
    switch ((int)f->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        return submessage_from(from, place, a, f->descriptor, value, err);
    case PROTOBUF_C_TYPE_STRING:
        return string_from(from, place, a, value, err);
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)value = json_is_true(from);
        return json_is_boolean(from) ? 0 : refuse(place, "is neither true nor false", err);
    case PROTOBUF_C_TYPE_INT32:
        ok = number_from(from, INT32_MAX, true, &number);
        *(int32_t *)value = (int32_t)number;
        break;
    case PROTOBUF_C_TYPE_ENUM:
        ok = enum_from(f->descriptor, from, &number);
        *(int32_t *)value = (int32_t)number;
        break;
    case PROTOBUF_C_TYPE_INT64:
        ok = number_from(from, INT64_MAX, true, &number);
        *(uint64_t *)value = number;
        break;
    case PROTOBUF_C_TYPE_UINT64:
        ok = number_from(from, UINT64_MAX, false, &number);
        *(uint64_t *)value = number;
        break;
    }
    return ok ? 0 : refuse(place, "is no whole number that it can have", err);
}

static int message_from(const json_t *object, const struct place *parent, struct sv_arena *a,
    ProtobufCMessage *ret, synctv_error *err)
{
    const ProtobufCMessageDescriptor *desc = ret->descriptor;
    int rv = 0;
    for (unsigned i = 0; rv == 0 && i < desc->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &desc->fields[i];
        char name[NAME_SIZE];
        json_name(f->name, name);
        const json_t *from = json_object_get(object, name);
        if (from == NULL)
            from = json_object_get(object, f->name);
        struct place place = { parent, name };
        if (from != NULL && !json_is_null(from))
            rv = value_from(from, &place, a, f, (char *)ret + f->offset, err);
    }
    return rv;
}

/* jansson goes much deeper, by recursion. */
static bool is_too_deep(const char *text, size_t len)
{
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        if (in_string && text[i] == '\\')
            i++;
        else if (text[i] == '"')
            in_string = !in_string;
        else if (!in_string && (text[i] == '{' || text[i] == '['))
            depth++;
        else if (!in_string && (text[i] == '}' || text[i] == ']') && depth > 0)
            depth--;
        if (depth > SV_WIRE_ROOM_JSON_MAX_DEPTH)
            return true;
    }
    return false;
}

static int parse(const void *data, size_t len, json_t **ret, synctv_error *err)
{
    if (len > SV_WIRE_ROOM_JSON_MAX_BYTES)
        return sv_error(err, SYNCTV_E_TOO_LARGE);
    if (is_too_deep(data, len))
        return sv_error_field(err, "", "it is nested too deeply");
    json_error_t error;
    json_t *object = json_loadb(data, len, 0, &error);
    /* A number beyond 64 bits, maybe one that nobody here wants to know. */
    if (object == NULL && json_error_code(&error) == json_error_numeric_overflow)
        object = json_loadb(data, len, JSON_DECODE_INT_AS_REAL, &error);
    if (object == NULL && json_error_code(&error) == json_error_out_of_memory)
        return sv_error(err, SYNCTV_E_NO_MEMORY);
    if (!json_is_object(object)) {
        json_decref(object);
        return sv_error_field(err, "", "it is no JSON object");
    }
    *ret = object;
    return 0;
}

int sv_wire_room_json_decode(const void *data, size_t len, struct sv_arena *a, synctv_room *ret,
    synctv_error *err)
{
    json_t *object = NULL;
    int rv = parse(len > 0 ? data : "", len, &object, err);
    if (rv < 0)
        return rv;
    Synctv__Room m = SYNCTV__ROOM__INIT;
    synctv_room room;
    rv = message_from(object, NULL, a, &m.base, err);
    if (rv == 0 && !sv_wire_room_from(a, &m, &room))
        rv = sv_error(err, SYNCTV_E_NO_MEMORY);
    if (rv == 0)
        *ret = room;
    json_decref(object);
    return rv;
}
