/* SPDX-License-Identifier: MIT */
/* Makes a floor what the server makes itself: with jemalloc, which it is linked with, and without
 * abseil's search for deadlocks (server/serve.c). */
void absl_set_deadlock_detection(int mode) __asm__(
    "_ZN4absl7debian329SetMutexDeadlockDetectionModeENS0_15OnDeadlockCycleE") __attribute__((weak));

__attribute__((constructor)) static void do_not_look_for_deadlocks(void)
{
    if (absl_set_deadlock_detection)
        absl_set_deadlock_detection(0);
}
