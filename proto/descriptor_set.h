#ifndef SV_DESCRIPTOR_SET_H
#define SV_DESCRIPTOR_SET_H

#include <stddef.h>

/* A packed google.protobuf.FileDescriptorSet of every service that a node serves, health and
 * reflection included. Each file comes after those it imports. */
extern const unsigned char sv_descriptor_set[];
extern const size_t sv_descriptor_set_len;

#endif
