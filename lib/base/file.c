/* SPDX-License-Identifier: MIT */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/secret.h"
#include "base/text.h"

#define PIPE_WAIT_MS 5000

/* Waits for data of a pipe. False with errno. */
static bool wait_for_writer(int fd)
{
    struct pollfd pipe = { .fd = fd, .events = POLLIN };
    int rv = poll(&pipe, 1, PIPE_WAIT_MS);
    if (rv == 0)
        errno = ETIMEDOUT;
    return rv > 0;
}

/* Reads up to `size` bytes. Returns their number, or -1 with errno. */
static ssize_t read_all(int fd, char *buf, size_t size)
{
    size_t len = 0;
    while (len < size) {
        ssize_t n = read(fd, buf + len, size - len);
        if (n < 0 && (errno == EINTR || (errno == EAGAIN && wait_for_writer(fd))))
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return (ssize_t)len;
}

/*
 * Reads an open file. It asks for one byte more than allowed, because the size may change
 * meanwhile.
 */
static int read_open(int fd, const char *path, const char *field, size_t max_bytes,
    struct sv_file *file, synctv_error *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return sv_error_field(err, field, "cannot read %s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode))
        return sv_error_field(err, field, "%s is neither a file nor a pipe", path);
    file->data = calloc(1, max_bytes + 2);
    if (file->data == NULL)
        return sv_error(err, SYNCTV_E_NO_MEMORY);
    ssize_t len = read_all(fd, file->data, max_bytes + 1);
    if (len < 0)
        return sv_error_field(err, field, "cannot read %s: %s", path, strerror(errno));
    file->len = (size_t)len;
    file->others_may_read = (st.st_mode & 077) != 0;
    if (len == 0)
        return sv_error_field(err, field, "%s is empty", path);
    if (file->len > max_bytes)
        return sv_error_field(err, field, "%s has more than %zu bytes", path, max_bytes);
    return 0;
}

int sv_file_read(const char *path, const char *field, size_t max_bytes, struct sv_file *ret_file,
    synctv_error *err)
{
    *ret_file = (struct sv_file){ 0 };
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return sv_error_field(err, field, "cannot read %s: %s", path, strerror(errno));
    int rv = read_open(fd, path, field, max_bytes, ret_file, err);
    if (rv < 0)
        sv_file_free(ret_file);
    close(fd);
    return rv;
}

void sv_file_free(struct sv_file *file)
{
    sv_secret_wipe(file->data, file->len);
    free(file->data);
    *file = (struct sv_file){ 0 };
}

int sv_pem_read(const char *path, const char *field, char **ret_text, synctv_error *err)
{
    *ret_text = NULL;
    if (sv_str_empty(path))
        return 0;
    struct sv_file file;
    int rv = sv_file_read(path, field, SV_PEM_MAX_BYTES, &file, err);
    if (rv < 0)
        return rv;
    if (memchr(file.data, '\0', file.len) != NULL) {
        sv_file_free(&file);
        return sv_error_field(err, field, "%s is not a PEM file", path);
    }
    *ret_text = file.data;
    return 0;
}

void sv_pem_free(char *text)
{
    if (text != NULL)
        sv_secret_wipe(text, strlen(text));
    free(text);
}
