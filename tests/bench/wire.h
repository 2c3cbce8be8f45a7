/* What the benchmark's upstream and its load generator share: the clock, sockets, and a look at an HTTP head. */
#ifndef WIRE_H
#define WIRE_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000ull
#define MILLISECOND 1000000ull

static inline uint64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

static inline void die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(2);
}

/* Exact timers, and no life of its own after the benchmark that started it. */
static inline void follow_parent(void)
{
    prctl(PR_SET_TIMERSLACK, 1ul);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
}

static inline struct sockaddr_in loopback(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static inline void without_delay(int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* Waits for events until the moment `until` (0: without end). */
static inline int wait_until(int epoll, struct epoll_event *events, int room, uint64_t until)
{
    struct timespec left = {0, 0};
    uint64_t now = until ? now_ns() : 0;
    if (until > now) {
        left.tv_sec = (time_t)((until - now) / SECOND);
        left.tv_nsec = (long)((until - now) % SECOND);
    }
    int ready = epoll_pwait2(epoll, events, room, until ? &left : NULL, NULL);
    if (ready < 0 && errno != EINTR)
        die("epoll_pwait2 (Linux 5.11 or newer is needed)");
    return ready < 0 ? 0 : ready;
}

/* The value of a header, or NULL; `name` in lower case with its colon, the head ending in an empty line. */
static inline const char *header(const char *head, const char *end, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = head; line + length < end;) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        if (next == NULL)
            return NULL;
        if (strncasecmp(line, name, length) == 0) {
            line += length;
            while (*line == ' ')
                line++;
            return line;
        }
        line = next + 1;
    }
    return NULL;
}

#endif
