/* SPDX-License-Identifier: MIT */
/* Manages accounts, for whoever owns the database: the way to the first administrator. */
#include "user_command.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "database.h"

#define MAX_PASSWORD_BYTES 1024 /* the library says what is too long */

/* ---- the password ---- */

static int complain(const char *what, const char *why)
{
    fprintf(stderr, "synctv-server: %s: %s\n", what, why);
    return -1;
}

/* The first line of a stream. */
static int read_password(FILE *stream, const char *name, char *out, size_t size)
{
    errno = 0;
    if (fgets(out, (int)size, stream) == NULL)
        return complain(name, ferror(stream) ? strerror(errno) : "there is no password in it");
    size_t len = strcspn(out, "\r\n");
    if (out[len] == '\0' && !feof(stream))
        return complain(name, "the password is too long");
    out[len] = '\0';
    return 0;
}

static int read_password_file(const char *path, char *out, size_t size)
{
    FILE *stream = fopen(path, "re");
    if (stream == NULL)
        return complain(path, strerror(errno));
    int rv = read_password(stream, path, out, size);
    fclose(stream);
    return rv;
}

static struct termios terminal_before;

static void restore_terminal(int signum)
{
    tcsetattr(STDIN_FILENO, TCSANOW, &terminal_before);
    if (signum != 0) {
        signal(signum, SIG_DFL);
        raise(signum);
    }
}

static int prompt(const char *text, char *out, size_t size)
{
    fputs(text, stderr);
    int rv = read_password(stdin, "password", out, size);
    fputc('\n', stderr);
    return rv;
}

static int ask_for_password(char *out, size_t size)
{
    char again[MAX_PASSWORD_BYTES];
    struct termios silent;
    if (tcgetattr(STDIN_FILENO, &terminal_before) < 0)
        return complain("terminal", strerror(errno));
    silent = terminal_before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    signal(SIGINT, restore_terminal);
    signal(SIGTERM, restore_terminal);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    int rv = prompt("New password: ", out, size);
    if (rv == 0)
        rv = prompt("The same again: ", again, sizeof(again));
    if (rv == 0 && strcmp(out, again) != 0)
        rv = complain("password", "these were two different ones");
    restore_terminal(0);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    explicit_bzero(again, sizeof(again));
    return rv;
}

static int get_password(const struct config *config, char *out, size_t size)
{
    if (config->password_file != NULL)
        return read_password_file(config->password_file, out, size);
    if (isatty(STDIN_FILENO))
        return ask_for_password(out, size);
    return read_password(stdin, "stdin", out, size);
}

/* ---- the commands ---- */

static const char *const roles[] = { "", "user", "admin", "root", NULL };
static const char *const statuses[] = { "", "active", "pending", "banned", NULL };

/* Returns the number of a word; or 0, after a message that there is no such word. */
static int number_of(const char *word, const char *const *words, const char *what)
{
    for (int i = 1; words[i] != NULL; i++) {
        if (strcmp(words[i], word) == 0)
            return i;
    }
    fprintf(stderr, "synctv-server: there is no %s \"%s\", only %s, %s and %s\n", what, word,
        words[1], words[2], words[3]);
    return 0;
}

static int report(const struct config *config, int rv, const synctv_error *error, const char *name,
    const char *done)
{
    char *where = database_place(config);
    if (rv < 0)
        fprintf(stderr, "synctv-server: user %s: %s (database %s)\n", name, error->message, where);
    else
        printf("user %s: %s (database %s)\n", name, done, where);
    free(where);
    return rv < 0;
}

static int add(struct config *config, synctv_node *node, const char *name)
{
    char password[MAX_PASSWORD_BYTES];
    int role = number_of(config->role != NULL ? config->role : "user", roles, "role");
    if (role == 0)
        return 2;
    if (get_password(config, password, sizeof(password)) < 0)
        return 2;
    const synctv_result *result = NULL;
    synctv_error error;
    int rv = synctv_node_user_add(node, name, password, config->email, (synctv_user_role)role,
        &result, &error);
    explicit_bzero(password, sizeof(password));
    char done[64] = "";
    if (rv >= 0)
        snprintf(done, sizeof(done), "added, id %s", result->user->id);
    synctv_result_unref(result);
    return report(config, rv, &error, name, done);
}

static int set_role(struct config *config, synctv_node *node, const char *name)
{
    int role = number_of(config->arguments[3], roles, "role");
    synctv_error error;
    if (role == 0)
        return 2;
    return report(config, synctv_node_user_set_role(node, name, (synctv_user_role)role, &error),
        &error, name, config->arguments[3]);
}

static int set_status(struct config *config, synctv_node *node, const char *name)
{
    int status = number_of(config->arguments[3], statuses, "status");
    synctv_error error;
    if (status == 0)
        return 2;
    return report(config,
        synctv_node_user_set_status(node, name, (synctv_user_status)status, &error), &error, name,
        config->arguments[3]);
}

static int set_password(struct config *config, synctv_node *node, const char *name)
{
    char password[MAX_PASSWORD_BYTES];
    synctv_error error;
    if (get_password(config, password, sizeof(password)) < 0)
        return 2;
    int rv = synctv_node_user_set_password(node, name, password, &error);
    explicit_bzero(password, sizeof(password));
    return report(config, rv, &error, name, "password changed");
}

struct command {
    const char *name;
    /* "user" and the name of the command included. */
    size_t n_arguments;
    bool takes_new_user, takes_password;
    int (*run)(struct config *config, synctv_node *node, const char *name);
};

static const struct command commands[] = {
    { "add", 3, true, true, add },
    { "role", 4, false, false, set_role },
    { "status", 4, false, false, set_status },
    { "password", 3, false, true, set_password },
};

static const struct command *find_command(const struct config *config)
{
    const char *name = config->n_arguments > 1 ? config->arguments[1] : "";
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        const struct command *command = &commands[i];
        if (strcmp(command->name, name) != 0)
            continue;
        bool new_user = config->role != NULL || config->email != NULL || config->create;
        if (config->n_arguments == command->n_arguments && (command->takes_new_user || !new_user) &&
            (command->takes_password || config->password_file == NULL))
            return command;
    }
    return NULL;
}

int user_command(struct config *config)
{
    const struct command *command = find_command(config);
    if (command == NULL) {
        fputs("synctv-server: user add NAME, user role NAME ROLE, user status NAME STATUS or "
              "user password NAME; try --help\n",
            stderr);
        return 2;
    }
    if (!database_is_there(config, "accounts that stay",
            ", or that it is to be made with user add --create"))
        return 2;
    synctv_node *node = database_open(config);
    if (node == NULL)
        return 2;
    int status = command->run(config, node, config->arguments[2]);
    synctv_node_free(node);
    return status;
}
