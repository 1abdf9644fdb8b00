// jemalloc, which takes the place of malloc in whatever is linked with it.
//
// What is allocated on one thread and freed on another is the rule here: requests on their way from
// the HTTP thread to the replica's and back. The C library's allocator takes a lock for each of
// those, and searches lists.
#ifndef AVIARY_CJEMALLOC_SHIM_H
#define AVIARY_CJEMALLOC_SHIM_H

#include <stddef.h>
#include <jemalloc/jemalloc.h>

// The version of the allocator that runs, or null if it is another one.
static inline const char *CJemallocVersion(void) {
    const char *version = NULL;
    size_t size = sizeof version;
    return mallctl("version", &version, &size, NULL, 0) == 0 ? version : NULL;
}

#endif
