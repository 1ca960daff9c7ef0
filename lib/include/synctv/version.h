/* SPDX-License-Identifier: MIT */
#ifndef SYNCTV_VERSION_H
#define SYNCTV_VERSION_H

/** Marks what the shared library exports; everything else in it is hidden. */
#if defined(__GNUC__) || defined(__clang__)
#define SYNCTV_API __attribute__((visibility("default")))
#else
#define SYNCTV_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/**
 * While the major version is 0 a minor version may change the API and the ABI: the library is
 * libsynctv.so.0.<minor>, and a program built with another minor version does not load it. From 1.0
 * on it is libsynctv.so.<major>. Patch versions change neither.
 *
 * What may grow without that:
 *
 * - Structures that begin with `struct_size`: synctv_node_options, synctv_limits,
 *   synctv_client_options, synctv_stream_options, synctv_request, synctv_cluster_node. New fields
 * come at the end. The structure's _init() function (or its macro) writes down how long the
 * structure is in the header that the program was built with. A library that is newer gives the
 * fields behind that their defaults. A library that is older takes the structure as long as the
 * fields that it does not know are zero, and refuses it with INVALID_ARGUMENT otherwise. A
 * structure that was not initialised (struct_size 0) is refused, too.
 * - What the library hands out one at a time: synctv_result, synctv_event, synctv_playback,
 *   synctv_danmaku, synctv_cluster_event, synctv_metric. New fields come at the end. Take their
 * address, never their size.
 * - Enums and the list of methods: new values come at the end. Pass over those you do not know.
 *
 * All other structures stay as they are.
 */
#define SYNCTV_VERSION_MAJOR 0
#define SYNCTV_VERSION_MINOR 1
#define SYNCTV_VERSION_PATCH 0
#define SYNCTV_VERSION "0.1.0"

/** The version of the library that is linked at run time, e.g. "0.1.0". Static storage. */
SYNCTV_API const char *synctv_version(void);

#ifdef __cplusplus
}
#endif
#endif
