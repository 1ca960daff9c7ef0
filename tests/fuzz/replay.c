/* SPDX-License-Identifier: MIT */
/* Runs a fuzz target without libFuzzer: on each file of a folder, and on so many mutations of it
 * from a fixed seed. Speaks TAP. */
#include <dirent.h>
#include <string.h>

#include "fuzz.h"

#define MAX_INPUT_BYTES 65536

static uint32_t random_state = 1;

static uint32_t next_random(uint32_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state % below;
}

/* On a copy of exactly that size, so that a sanitizer sees the first byte read past the end. */
static void run(const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    FUZZ_MUST(copy != NULL);
    memcpy(copy, data, len);
    LLVMFuzzerTestOneInput(copy, len);
    free(copy);
}

static void run_mutations(const uint8_t *data, size_t len, int n_mutations)
{
    static uint8_t mutant[MAX_INPUT_BYTES];
    for (int i = 0; i < n_mutations && len > 0; i++) {
        size_t mutant_len = next_random(4) == 0 ? next_random((uint32_t)len + 1) : len;
        memcpy(mutant, data, len);
        for (uint32_t n = 1 + next_random(4); n > 0; n--) {
            uint32_t at = next_random((uint32_t)len);
            if (next_random(2) == 0)
                mutant[at] ^= (uint8_t)(1u << next_random(8));
            else
                mutant[at] = (uint8_t)next_random(256);
        }
        run(mutant, mutant_len);
    }
}

int main(int argc, char **argv)
{
    DIR *dir = argc == 3 ? opendir(argv[1]) : NULL;
    if (dir == NULL) {
        fprintf(stderr, "usage: %s FOLDER MUTATIONS\n", argv[0]);
        return 2;
    }
    static uint8_t data[MAX_INPUT_BYTES];
    int n = 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
        FILE *file = fopen(path, "rb");
        FUZZ_MUST(file != NULL);
        size_t len = fread(data, 1, sizeof(data), file);
        fclose(file);
        run(data, len);
        run_mutations(data, len, atoi(argv[2]));
        printf("ok %d - %s\n", ++n, entry->d_name);
        fflush(stdout);
    }
    closedir(dir);
    run(data, 0);
    printf("ok %d - nothing at all\n1..%d\n", n + 1, n + 1);
    return 0;
}
