// The least that this machine takes, without anything of ours in between.
//
//     Floor http PORT            libmicrohttpd alone, turned from outside: answers every request
//                                with 100 bytes until it is killed
//     Floor disk FOLDER SECONDS  4 KiB of a file of zeros written and synced, again and again
//     Floor loopback SECONDS     one byte to another thread over TCP, and back
//
// The last two print a line of JSON, in microseconds.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void check(int succeeded, const char *what) {
    if (succeeded) return;
    perror(what);
    exit(1);
}

// MARK: HTTP

static enum MHD_Result answer(
    void *response, struct MHD_Connection *connection, const char *url, const char *method,
    const char *version, const char *body, size_t *size, void **state
) {
    (void)url, (void)method, (void)version, (void)body;
    // The library calls once for the head; only then may it be answered.
    if (*state == NULL) {
        *state = response;
        return MHD_YES;
    }
    *size = 0;
    return MHD_queue_response(connection, MHD_HTTP_OK, response);
}

static void serve(int port) {
    char body[100];
    memset(body, 'x', sizeof body);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(sizeof body, body, MHD_RESPMEM_MUST_COPY);
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_EPOLL, port, NULL, NULL, answer, response, MHD_OPTION_SOCK_ADDR, &address,
        MHD_OPTION_CONNECTION_LIMIT, 20000u, MHD_OPTION_END);
    check(daemon != NULL, "MHD_start_daemon");
    int epoll = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    for (;;) {
        struct pollfd wanted = {.fd = epoll, .events = POLLIN};
        poll(&wanted, 1, -1);
        MHD_run(daemon);
    }
}

// MARK: Latencies

#define MOST 2000000
static double latencies[MOST];

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static int ascending(const void *left, const void *right) {
    double difference = *(const double *)left - *(const double *)right;
    return (difference > 0) - (difference < 0);
}

// How often `step` can be done in this time, one after the other.
static void measure(double seconds, void (*step)(void)) {
    int count = 0;
    double start = now(), last = start;
    while (count < MOST && last - start < seconds) {
        step();
        double time = now();
        latencies[count++] = time - last;
        last = time;
    }
    qsort(latencies, count, sizeof *latencies, ascending);
    printf(
        "{\"count\": %d, \"rate\": %.1f, \"p50\": %.2f, \"p99\": %.2f}\n", count,
        count / (last - start), latencies[count / 2] * 1e6, latencies[count * 99 / 100] * 1e6);
}

// MARK: Disk

enum { BLOCK = 4096, BLOCKS = 16384 };
static char block[BLOCK];
static int file;

static void writeAndSync(void) {
    static int next;
    check(pwrite(file, block, BLOCK, (off_t)(next++ % BLOCKS) * BLOCK) == BLOCK, "pwrite");
    check(fdatasync(file) == 0, "fdatasync");
}

static void openZeroFile(const char *folder) {
    char path[4096];
    snprintf(path, sizeof path, "%s/floor", folder);
    file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    check(file >= 0, path);
    unlink(path);
    for (int index = 0; index < BLOCKS; index++) {
        check(write(file, block, BLOCK) == BLOCK, "write");
    }
    check(fsync(file) == 0, "fsync");
    memset(block, 'x', BLOCK);
}

// MARK: Loopback

static int near, far;

static void *echo(void *unused) {
    char byte;
    while (read(far, &byte, 1) == 1) check(write(far, &byte, 1) == 1, "write");
    return unused;
}

static void thereAndBack(void) {
    char byte = 'x';
    check(write(near, &byte, 1) == 1, "write");
    check(read(near, &byte, 1) == 1, "read");
}

static void connectBoth(void) {
    int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    check(bind(listener, (struct sockaddr *)&address, size) == 0, "bind");
    check(listen(listener, 1) == 0, "listen");
    check(getsockname(listener, (struct sockaddr *)&address, &size) == 0, "getsockname");
    near = socket(AF_INET, SOCK_STREAM, 0);
    check(connect(near, (struct sockaddr *)&address, size) == 0, "connect");
    far = accept(listener, NULL, NULL);
    check(far >= 0, "accept");
    setsockopt(near, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(far, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    pthread_t thread;
    check(pthread_create(&thread, NULL, echo, NULL) == 0, "pthread_create");
}

int main(int count, char **arguments) {
    if (count == 3 && strcmp(arguments[1], "http") == 0) serve(atoi(arguments[2]));
    if (count == 4 && strcmp(arguments[1], "disk") == 0) {
        openZeroFile(arguments[2]);
        measure(atof(arguments[3]), writeAndSync);
        return 0;
    }
    if (count == 3 && strcmp(arguments[1], "loopback") == 0) {
        connectBoth();
        measure(atof(arguments[2]), thereAndBack);
        return 0;
    }
    fprintf(stderr, "usage: Floor http PORT | disk FOLDER SECONDS | loopback SECONDS\n");
    return 64;
}
