/* SPDX-License-Identifier: MIT */
#include "service/service.h"

#include <stdlib.h>
#include <strings.h>

#include "base/error.h"
#include "descriptor_set.h"
#include "service/inside.h"
#include "service/message_stream.h"
#include "service/unary.h"

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
    service->bound[i].service = service;
    service->bound[i].method = method;
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
    pthread_mutex_init(&service->outages_lock, NULL);
    for (synctv_method method = 0; method < SYNCTV_N_METHODS; method++) {
        if (synctv_method_name(method)[0] != '\0')
            add_method(service, paths[method], method, SV_RPC_UNARY, sv_service_unary_start);
    }
    add_method(service, SERVICE "MessageStream", SYNCTV_N_METHODS, SV_RPC_BIDI,
        sv_service_message_stream_start);
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
    if (service == NULL)
        return;
    pthread_mutex_destroy(&service->outages_lock);
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
