// jemalloc, which takes the place of malloc in whatever is linked with it.
//
// What is allocated on one thread and freed on another is the rule here: requests on their way from
// the HTTP thread to the replica's and back. The C library's allocator takes a lock for each of
// those, and searches lists.
#ifndef AVIARY_CJEMALLOC_SHIM_H
#define AVIARY_CJEMALLOC_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <jemalloc/jemalloc.h>

// The version of the allocator that runs, or null if it is another one.
static inline const char *CJemallocVersion(void) {
    const char *version = NULL;
    size_t size = sizeof version;
    return mallctl("version", &version, &size, NULL, 0) == 0 ? version : NULL;
}

// Gives memory back to the system that nobody has wanted for a second, by a thread of the
// allocator's own: left to itself it does so only while somebody allocates, and after ten seconds.
// Threads that have allocated before keep the ten seconds. Returns 0, or what is wrong as in errno.
static inline int CJemallocReturnUnusedMemory(void) {
    bool yes = true;
    ssize_t milliseconds = 1000;
    const char *const settings[] = {"arenas.dirty_decay_ms", "arena.0.dirty_decay_ms"};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; ++i) {
        int code = mallctl(settings[i], NULL, NULL, &milliseconds, sizeof milliseconds);
        if (code != 0) return code;
    }
    return mallctl("background_thread", NULL, NULL, &yes, sizeof yes);
}

#endif
