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
 * While the major version is 0 a minor version may change the API and the ABI (sizes of the options' structures, numbers of methods): the
 * library is libsynctv.so.0.<minor>, and a program built with another minor version does not load it. From 1.0 on it is
 * libsynctv.so.<major>. Patch versions change neither.
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
