/* SPDX-License-Identifier: MIT */
/*
 * What the server is told. Up to the first empty line each line is a word: of the environment if it
 * begins with "SYNC", of the command line otherwise. What follows is the configuration file.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../server/config.h"
#include "fuzz.h"

#define WORDS_MAX 64

struct words {
    char *text; /* what the words lie in */
    char *arguments[WORDS_MAX + 3];
    char *environment[WORDS_MAX + 1];
    int n_arguments, n_environment;
};

/* The file of this input; its name does not change. */
static const char *put_file(const uint8_t *data, size_t len)
{
    static int fd = -1;
    static char option[64];
    if (fd < 0) {
        fd = memfd_create("config", MFD_CLOEXEC);
        FUZZ_MUST(fd >= 0);
        snprintf(option, sizeof(option), "--config=/proc/self/fd/%d", fd);
    }
    FUZZ_MUST(ftruncate(fd, 0) == 0 && pwrite(fd, data, len, 0) == (ssize_t)len);
    return option;
}

/* No other file is read: it could be a terminal. */
static void add_word(struct words *words, char *word)
{
    static const char config[] = "--config";
    if (strncmp(word, "SYNC", 4) == 0 && words->n_environment < WORDS_MAX)
        words->environment[words->n_environment++] = word;
    else if (strncmp(word, config, strlen(config)) != 0 && words->n_arguments < WORDS_MAX)
        words->arguments[words->n_arguments++] = word;
}

/* Returns where the file begins. */
static size_t split(struct words *words, const uint8_t *data, size_t len)
{
    words->text = malloc(len + 1);
    FUZZ_MUST(words->text != NULL);
    memcpy(words->text, data, len);
    words->text[len] = '\0';
    words->arguments[words->n_arguments++] = (char *)"synctv-server";
    size_t pos = 0;
    while (pos < len && data[pos] != '\n') {
        char *word = words->text + pos;
        size_t n = strcspn(word, "\n"); /* a zero byte ends a word, too */
        word[n] = '\0';
        add_word(words, word);
        pos += n + 1;
    }
    pos = pos < len ? pos + 1 : len;
    words->arguments[words->n_arguments++] = (char *)put_file(data + pos, len - pos);
    return pos;
}

static void check_limits(const synctv_limits *l)
{
    const double rates[] = { l->login_per_minute, l->login_per_minute_per_address,
        l->register_per_hour, l->hash_per_minute, l->calls_per_second, l->chat_per_second,
        l->danmaku_per_second, l->room_danmaku_per_second, l->control_per_second,
        l->ping_per_second, l->status_per_second };
    const int32_t counts[] = { l->rooms_per_user, l->memberships_per_user, l->members_per_room,
        l->movies_per_room, l->sessions_per_user, l->streams_per_user, l->streams_per_connection };
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++)
        FUZZ_MUST(rates[i] >= 0 && rates[i] <= 1e6);
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        FUZZ_MUST(counts[i] >= 0 && counts[i] <= 1000000);
    FUZZ_MUST(l->connections_per_address >= 0 && l->connections_per_address <= 1000000);
    FUZZ_MUST(l->members_per_room <= 10000);
}

static void check_settings(const struct config *config)
{
    const synctv_node_options *node = &config->node;
    FUZZ_MUST(strchr(node->listen, ':') != NULL);
    FUZZ_MUST(strcmp(node->db_url, "memory:") == 0 || strncmp(node->db_url, "sqlite:", 7) == 0);
    FUZZ_MUST(node->threads >= 1 && node->threads <= 64);
    FUZZ_MUST(node->registration <= SYNCTV_REGISTRATION_CLOSED);
    FUZZ_MUST(node->access_ttl_s >= 1 && node->refresh_ttl_s >= 1);
    FUZZ_MUST(node->log_level <= SYNCTV_LOG_DEBUG && config->log_format <= LOG_FORMAT_JSON);
    FUZZ_MUST(node->node_id == NULL || node->node_id[0] != '\0');
    check_limits(node->limits);
}

/* All strings it may have set can be read, whether it is right or not. */
static size_t read_strings(const struct config *config)
{
    const char *all[] = { config->node.listen, config->node.db_url, config->node.node_id,
        config->node.tls_cert_file, config->node.tls_key_file, config->node.tls_client_ca_file,
        config->node.jwt_secret_file, config->file, config->role, config->email,
        config->password_file };
    size_t sum = 0;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        sum += all[i] == NULL ? 0 : strlen(all[i]);
    FUZZ_MUST(config->n_arguments <= CONFIG_MAX_ARGUMENTS);
    for (size_t i = 0; i < config->n_arguments; i++)
        sum += strlen(config->arguments[i]);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct words words = { 0 };
    split(&words, data, len);
    struct config config, again;
    bool right = config_read(&config, words.n_arguments, words.arguments, words.environment);
    FUZZ_MUST(memchr(config.error, '\0', sizeof(config.error)) != NULL);
    FUZZ_MUST(right == (config.error[0] == '\0'));
    if (right && (config.action == ACTION_SERVE || config.action == ACTION_CHECK_CONFIG))
        check_settings(&config);
    size_t n_text = read_strings(&config);

    bool right_again = config_read(&again, words.n_arguments, words.arguments, words.environment);
    FUZZ_MUST(right == right_again && strcmp(config.error, again.error) == 0);
    FUZZ_MUST(n_text == read_strings(&again));
    config_fini(&again);
    config_fini(&config);
    free(words.text);
    return 0;
}
