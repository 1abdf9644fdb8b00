// libdeflate's checksums, which use what the processor has for them.
#ifndef AVIARY_CDEFLATE_SHIM_H
#define AVIARY_CDEFLATE_SHIM_H

#include <libdeflate.h>

// The version that this was compiled with.
static inline const char *CDeflateVersion(void) { return LIBDEFLATE_VERSION_STRING; }

#endif
