/* Loaded in front of the C library: faults of disk and clock that a test switches on by writing a
   number into a file. TEST_FAULT_SYNC: milliseconds that every fdatasync takes longer, or -1 for
   failing with EIO. TEST_FAULT_CLOCK: milliseconds by which the wall clock is ahead. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long number(const char *variable) {
    const char *path = getenv(variable);
    if (path == NULL) return 0;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    char text[32];
    ssize_t count = read(file, text, sizeof text - 1);
    close(file);
    if (count <= 0) return 0;
    text[count] = 0;
    return atol(text);
}

int fdatasync(int file) {
    long delay = number("TEST_FAULT_SYNC");
    if (delay < 0) {
        errno = EIO;
        return -1;
    }
    if (delay > 0) usleep((useconds_t)delay * 1000);
    return (int)syscall(SYS_fdatasync, file);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int result = (int)syscall(SYS_clock_gettime, clock, time);
    if (clock == CLOCK_REALTIME && result == 0) {
        long ahead = number("TEST_FAULT_CLOCK");
        long long total = time->tv_sec * 1000000000LL + time->tv_nsec + ahead * 1000000LL;
        time->tv_sec = total / 1000000000LL;
        time->tv_nsec = total % 1000000000LL;
    }
    return result;
}
