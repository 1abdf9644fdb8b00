// libmicrohttpd with fixed-argument forms of its variadic functions, which Swift cannot call.
#ifndef AVIARY_CMICROHTTPD_SHIM_H
#define AVIARY_CMICROHTTPD_SHIM_H

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

// What a daemon of ours is started with. `context` is the first argument of every callback.
struct CMicroHTTPDSettings {
    int listenSocket;
    unsigned int connectionLimit;
    unsigned int timeoutSeconds;
    size_t memoryLimitBytes;
    MHD_AccessHandlerCallback access;
    MHD_RequestCompletedCallback completed;
    MHD_NotifyConnectionCallback connection;
    void *(*target)(void *context, const char *target, struct MHD_Connection *connection);
    size_t (*unescape)(void *context, struct MHD_Connection *connection, char *text);
    void *context;
};

// External mode: no thread, epoll inside, driven by `MHD_run`. Null on failure.
static inline struct MHD_Daemon *CMicroHTTPDStart(const struct CMicroHTTPDSettings *settings) {
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
        settings->access, settings->context,
        MHD_OPTION_LISTEN_SOCKET, (MHD_socket)settings->listenSocket,
        MHD_OPTION_CONNECTION_LIMIT, settings->connectionLimit,
        MHD_OPTION_CONNECTION_TIMEOUT, settings->timeoutSeconds,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, settings->memoryLimitBytes,
        MHD_OPTION_NOTIFY_COMPLETED, settings->completed, settings->context,
        MHD_OPTION_NOTIFY_CONNECTION, settings->connection, settings->context,
        MHD_OPTION_URI_LOG_CALLBACK, settings->target, settings->context,
        MHD_OPTION_UNESCAPE_CALLBACK, settings->unescape, settings->context,
        MHD_OPTION_END);
}

// The descriptor to poll before calling `MHD_run`, or -1.
static inline int CMicroHTTPDEpollDescriptor(struct MHD_Daemon *daemon) {
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
    return info == NULL ? -1 : info->epoll_fd;
}

static inline int CMicroHTTPDSocket(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info == NULL ? -1 : info->connect_fd;
}

// What the connection callback stored for this socket.
static inline void *CMicroHTTPDSocketContext(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info == NULL ? NULL : info->socket_context;
}

static inline const struct sockaddr *CMicroHTTPDPeer(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return info == NULL ? NULL : info->client_addr;
}

// Bytes from the first of the method to the last of the empty line that ends the head.
static inline size_t CMicroHTTPDHeadSize(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return info == NULL ? 0 : info->header_size;
}

// Makes the length of a response's body unknown to the client without chunks.
static inline void CMicroHTTPDEndByClosing(struct MHD_Response *response) {
    MHD_set_response_options(response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
}

// Whether `size` bytes, a multiple of 8, are all zero.
static inline int CMicroHTTPDIsZero(const char *bytes, size_t size) {
    const unsigned long long *words = (const unsigned long long *)bytes;
    for (size_t index = 0; index < size / sizeof *words; index++) {
        if (words[index] != 0) return 0;
    }
    return 1;
}

// Gives pages of zeros back, of private anonymous memory that nobody else uses meanwhile. Nothing
// when `address` is not the beginning of a page.
static inline void CMicroHTTPDReleaseZeroPages(uintptr_t address, size_t size) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (address == 0 || address % page != 0) return;
    char *end = (char *)address + size / page * page;
    char *run = (char *)address;
    for (char *next = run; next <= end; next += page) {
        if (next < end && CMicroHTTPDIsZero(next, page)) continue;
        if (next > run) madvise(run, (size_t)(next - run), MADV_DONTNEED);
        run = next + page;
    }
}

// What Swift's Glibc module leaves out: a descriptor that other threads make readable, or -1.
static inline int CMicroHTTPDWakeDescriptor(void) {
    return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

// An epoll descriptor for sockets whose peers may leave, or -1.
static inline int CMicroHTTPDWatchDescriptor(void) {
    return epoll_create1(EPOLL_CLOEXEC);
}

// Edge-triggered: tells once that the peer has closed its sending side, and once that the
// connection is broken. Closing the socket ends it.
static inline int CMicroHTTPDWatch(int watch, int socket) {
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLET};
    event.data.fd = socket;
    return epoll_ctl(watch, EPOLL_CTL_ADD, socket, &event);
}

static inline void CMicroHTTPDUnwatch(int watch, int socket) {
    epoll_ctl(watch, EPOLL_CTL_DEL, socket, NULL);
}

// Tells from now on, or no more, when there is room to send; at once if there is.
static inline void CMicroHTTPDAwaitRoom(int watch, int socket, int isWanted) {
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLET | (isWanted ? EPOLLOUT : 0)};
    event.data.fd = socket;
    epoll_ctl(watch, EPOLL_CTL_MOD, socket, &event);
}

struct CMicroHTTPDPeerEvent {
    int socket;
    // The peer has closed its sending side, or the connection is broken.
    int isHangUp;
    // Neither side can send any more.
    int isBroken;
    int hasRoom;
};

// What there is to tell now, up to 64.
static inline int CMicroHTTPDPeerEvents(int watch, struct CMicroHTTPDPeerEvent *found) {
    struct epoll_event events[64];
    int count = epoll_wait(watch, events, 64, 0);
    for (int index = 0; index < count; index++) {
        uint32_t what = events[index].events;
        found[index].socket = events[index].data.fd;
        found[index].isHangUp = (what & (EPOLLRDHUP | EPOLLERR | EPOLLHUP)) != 0;
        found[index].isBroken = (what & (EPOLLERR | EPOLLHUP)) != 0;
        found[index].hasRoom = (what & EPOLLOUT) != 0;
    }
    return count;
}

// How many bytes have come in and are not read yet; negative on failure.
static inline int CMicroHTTPDUnreadBytes(int socket) {
    int count = 0;
    return ioctl(socket, FIONREAD, &count) == 0 ? count : -1;
}

// `descriptor` becomes another one of what `other` is one of, in one step; negative on failure.
static inline int CMicroHTTPDReplaceDescriptor(int descriptor, int other) {
    int result;
    do {
        result = dup2(other, descriptor);
    } while (result < 0 && (errno == EINTR || errno == EBUSY));
    if (result >= 0) fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    return result;
}

// Names the calling thread for `top -H` and debuggers; at most 15 characters.
static inline void CMicroHTTPDNameThread(const char *name) {
    prctl(PR_SET_NAME, name, 0, 0, 0);
}

#endif
