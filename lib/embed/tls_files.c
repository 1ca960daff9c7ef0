/* SPDX-License-Identifier: MIT */
#include "embed/tls_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"

#define MAX_PEM_BYTES (256 * 1024)

/* Up to `size` bytes; their number, or -1 with errno. */
static ssize_t read_all(int fd, char *buf, size_t size)
{
    size_t len = 0;
    while (len < size) {
        ssize_t n = read(fd, buf + len, size - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return (ssize_t)len;
}

static int read_pem(const char *path, const char *option, char **ret_text, synctv_error *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return sv_error_field(err, option, "cannot read %s: %s", path, strerror(errno));
    int rv = 0;
    ssize_t len;
    char *text = calloc(1, MAX_PEM_BYTES + 1);
    if (text == NULL) {
        rv = sv_error(err, SYNCTV_E_NO_MEMORY);
    } else if (fstat(fd, &st) < 0 || (len = read_all(fd, text, MAX_PEM_BYTES + 1)) < 0) {
        rv = sv_error_field(err, option, "cannot read %s: %s", path, strerror(errno));
    } else if (!S_ISREG(st.st_mode) || len > MAX_PEM_BYTES ||
        memchr(text, '\0', (size_t)len) != NULL) {
        rv = sv_error_field(err, option, "%s is not a PEM file of at most %d bytes", path,
            MAX_PEM_BYTES);
    } else {
        *ret_text = text;
        text = NULL; /* moved to the caller */
    }
    free(text);
    close(fd);
    return rv;
}

int sv_tls_files_read(struct sv_tls_files *files, const synctv_node_options *options,
    synctv_error *err)
{
    *files = (struct sv_tls_files){ 0 };
    bool cert = !sv_str_empty(options->tls_cert_file), key = !sv_str_empty(options->tls_key_file);
    bool client_ca = !sv_str_empty(options->tls_client_ca_file);
    if (!cert && !key && !client_ca)
        return 0;
    if (!cert)
        return sv_error_field(err, "tls_cert_file", "TLS needs a certificate file");
    if (!key)
        return sv_error_field(err, "tls_key_file", "TLS needs a key file");

    int rv = read_pem(options->tls_cert_file, "tls_cert_file", &files->cert, err);
    if (rv == 0)
        rv = read_pem(options->tls_key_file, "tls_key_file", &files->key, err);
    if (rv == 0 && client_ca)
        rv = read_pem(options->tls_client_ca_file, "tls_client_ca_file", &files->client_ca, err);
    files->tls = (struct sv_rpc_tls){ files->cert, files->key, files->client_ca };
    return rv;
}

void sv_tls_files_fini(struct sv_tls_files *files)
{
    if (files->key != NULL)
        explicit_bzero(files->key, strlen(files->key));
    free(files->cert);
    free(files->key);
    free(files->client_ca);
}
