/* SPDX-License-Identifier: MIT */
/* The table of methods, and what all of them need. */
#include <stdlib.h>
#include <strings.h>

#include "base/error.h"
#include "base/id.h"
#include "descriptor_set.h"
#include "service/inside.h"

#define SERVICE "/synctv.client.ClientService/"

static const char *const paths[SYNCTV_N_METHODS] = {
#define METHOD_PATH(name, rpc) [SYNCTV_METHOD_##name] = SERVICE rpc,
    SYNCTV_METHODS(METHOD_PATH)
#undef METHOD_PATH
};

static void add_method(struct sv_service *service, const char *path, synctv_method method,
    enum sv_rpc_kind kind, void (*start)(struct sv_rpc_call *rpc, void *arg))
{
    size_t i = service->n_methods++;
    service->bound[i] = (struct sv_service_method){ .service = service, .method = method };
    service->table[i] = (struct sv_rpc_method){
        .path = path,
        .kind = kind,
        .start = start,
        .service = &service->bound[i],
    };
}

int sv_service_new(synctv_node *node, const struct sv_log *log, struct sv_service **ret_service)
{
    struct sv_service *service = calloc(1, sizeof(*service));
    if (service == NULL)
        return SYNCTV_E_NO_MEMORY;
    service->node = node;
    service->log = log;
    for (synctv_method method = 0; method < SYNCTV_N_METHODS; method++) {
        if (synctv_method_name(method)[0] != '\0')
            add_method(service, paths[method], method, SV_RPC_UNARY, sv_client_service_start);
    }
    add_method(service, SERVICE "MessageStream", SYNCTV_N_METHODS, SV_RPC_BIDI,
        sv_message_stream_start);
    *ret_service = service;
    return 0;
}

const struct sv_rpc_method *sv_service_methods(const struct sv_service *service,
    size_t *ret_n_methods)
{
    *ret_n_methods = service->n_methods;
    return service->table;
}

const void *sv_service_descriptor_set(size_t *ret_len)
{
    *ret_len = sv_descriptor_set_len;
    return sv_descriptor_set;
}

void sv_service_free(struct sv_service *service)
{
    free(service);
}

int sv_service_bearer(struct sv_rpc_call *rpc, const char **ret_token, synctv_error *err)
{
    static const char scheme[] = "Bearer ";
    const size_t scheme_len = sizeof(scheme) - 1;
    size_t len = 0;
    const char *value = sv_rpc_call_metadata(rpc, "authorization", &len);
    if (value == NULL) {
        *ret_token = "";
        return 0;
    }
    if (len <= scheme_len || strncasecmp(value, scheme, scheme_len) != 0)
        return sv_errorf(err, SYNCTV_E_TOKEN_INVALID,
            "the authorization has to be: Bearer <access token>");
    const char *token =
        sv_arena_strndup(sv_rpc_call_arena(rpc), value + scheme_len, len - scheme_len);
    if (token == NULL)
        return sv_error(err, SYNCTV_E_NO_MEMORY);
    *ret_token = token;
    return 0;
}

void sv_service_hide_inside(struct sv_service *service, const char *where, synctv_error *err)
{
    if (err->code != SYNCTV_E_INTERNAL && err->code != SYNCTV_E_STORAGE_UNAVAILABLE &&
        err->code != SYNCTV_E_STORAGE_CORRUPT && err->code != SYNCTV_E_STORAGE_TOO_NEW)
        return;
    char id[SV_ID_SIZE] = "";
    sv_id_new(id);
    sv_logf(service->log, SYNCTV_LOG_ERROR, "service", "%s failed with %s: %s (%s)", where,
        synctv_error_reason(err->code), err->message, id);
    sv_errorf(err, err->code, "%s (%s)", synctv_error_text(err->code), id);
}

void sv_service_fail(struct sv_service *service, struct sv_rpc_call *rpc, const synctv_error *err,
    const struct sv_rpc_detail *extra)
{
    synctv_error told = *err;
    const char *where = sv_rpc_call_path(rpc);
    sv_service_hide_inside(service, where, &told);
    sv_logf(service->log, SYNCTV_LOG_DEBUG, "service", "%s: %s", where,
        synctv_error_reason(told.code));
    sv_rpc_call_fail(rpc, told.code, &told, extra);
}
