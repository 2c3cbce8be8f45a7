/* The benchmark's upstream: answers like an OpenAI chat completion, from memory, on one thread.
 *
 *   upstream PORT          listens on 127.0.0.1:PORT, prints a line when it does
 *
 * POST any path with a Content-Length body. A body with "stream":true gets server-sent events (200 chunks,
 * one event an HTTP chunk), written as fast as the reader takes them, two events a write, or paced. The
 * path's beginning says more:
 *
 *   /delay-50/…            every answer 50 ms later
 *   /pace-5.3/…            one event every 5.3 ms, the first at once
 */
#define _GNU_SOURCE
#include "completion.h"
#include "wire.h"

enum { EVENTS_A_WRITE = 2, INPUT = 256 * 1024, DESCRIPTORS = 65536 };

struct connection {
    int fd;
    uint32_t generation;
    size_t have;                      /* bytes of input */
    const struct completion *answer;  /* being written, or due; NULL: none */
    int piece, pieces_a_write;
    size_t sent;
    uint64_t pace;                    /* nanoseconds between pieces, 0: at once */
    uint64_t due;                     /* when the last piece was; not when it went, or streams would bunch */
    int waiting;                      /* for its timer */
    char input[INPUT];
};

static struct completion plain, stream, stream_with_usage;
static struct connection *connections[DESCRIPTORS];
static int epoll;

/* Timers: a binary heap, soonest first. */
static struct timer {
    uint64_t when;
    int fd;
    uint32_t generation;
} timers[DESCRIPTORS * 2];
static int timer_count;

static void timer_add(uint64_t when, const struct connection *connection)
{
    if (timer_count == DESCRIPTORS * 2)
        die("too many timers");
    int at = timer_count++;
    for (; at > 0 && timers[(at - 1) / 2].when > when; at = (at - 1) / 2)
        timers[at] = timers[(at - 1) / 2];
    timers[at] = (struct timer){when, connection->fd, connection->generation};
}

static struct timer timer_take(void)
{
    struct timer first = timers[0], last = timers[--timer_count];
    int at = 0;
    for (int child; (child = 2 * at + 1) < timer_count; at = child) {
        if (child + 1 < timer_count && timers[child + 1].when < timers[child].when)
            child++;
        if (timers[child].when >= last.when)
            break;
        timers[at] = timers[child];
    }
    timers[at] = last;
    return first;
}

static void hang_up(struct connection *connection)
{
    close(connection->fd);
    connections[connection->fd] = NULL;
    free(connection);
}

/* 1: more to do now, 0: wait, -1: gone. */
static int write_on(struct connection *connection)
{
    const struct completion *answer = connection->answer;
    while (connection->piece < answer->pieces) {
        int last = connection->piece + connection->pieces_a_write - 1;
        size_t end = answer->at[last < answer->pieces ? last : answer->pieces - 1];
        ssize_t sent = send(connection->fd, answer->bytes + connection->sent, end - connection->sent, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno != EAGAIN)
                return -1;
            struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.fd = connection->fd};
            epoll_ctl(epoll, EPOLL_CTL_MOD, connection->fd, &event);
            return 0;
        }
        connection->sent += (size_t)sent;
        if (connection->sent < end)
            continue;
        connection->piece = last + 1;
        if (connection->pace && connection->piece < answer->pieces) {
            connection->waiting = 1;
            connection->due += connection->pace;
            timer_add(connection->due, connection);
            return 0;
        }
    }
    connection->answer = NULL;
    return 1;
}

static void refuse(struct connection *connection, const char *status)
{
    char text[128];
    int length = snprintf(text, sizeof text, "HTTP/1.1 %s\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", status);
    if (send(connection->fd, text, (size_t)length, MSG_NOSIGNAL) < 0)
        perror("send");
}

/* Takes one whole request from the input, if there is one: 1 taken, 0 not yet, -1 unacceptable. */
static int take_request(struct connection *connection)
{
    const char *input = connection->input;
    const char *blank = memmem(input, connection->have, "\r\n\r\n", 4);
    if (blank == NULL)
        return connection->have == INPUT ? -1 : 0;
    const char *body = blank + 4, *length_text = header(input, body, "content-length:");
    size_t length = length_text ? strtoul(length_text, NULL, 10) : 0;
    size_t whole = (size_t)(body - input) + length;
    if (whole > INPUT || strncmp(input, "POST /", 6) != 0 || header(input, body, "transfer-encoding:"))
        return -1;
    if (connection->have < whole)
        return 0;
    const char *path = input + 5;
    uint64_t delay = strncmp(path, "/delay-", 7) == 0 ? strtoul(path + 7, NULL, 10) * MILLISECOND : 0;
    connection->pace = strncmp(path, "/pace-", 6) == 0 ? (uint64_t)(strtod(path + 6, NULL) * MILLISECOND) : 0;
    connection->due = connection->pace ? now_ns() : 0;
    connection->answer = &plain;
    if (memmem(body, length, "\"stream\":true", 13))
        connection->answer = memmem(body, length, "\"include_usage\":true", 20) ? &stream_with_usage : &stream;
    connection->piece = 0;
    connection->sent = 0;
    connection->pieces_a_write = connection->pace ? 1 : EVENTS_A_WRITE;
    connection->have -= whole;
    memmove(connection->input, connection->input + whole, connection->have);
    if (delay) {
        connection->waiting = 1;
        timer_add(now_ns() + delay, connection);
    }
    return 1;
}

static void serve(struct connection *connection)
{
    for (;;) {
        if (connection->waiting)
            return;
        if (connection->answer != NULL) {
            int more = write_on(connection);
            if (more < 0)
                hang_up(connection);
            if (more <= 0)
                return;
        }
        int taken = take_request(connection);
        if (taken < 0) {
            refuse(connection, "400 Bad Request");
            hang_up(connection);
        }
        if (taken <= 0)
            return;
    }
}

static void read_more(struct connection *connection)
{
    ssize_t got = recv(connection->fd, connection->input + connection->have, INPUT - connection->have, 0);
    if (got > 0) {
        connection->have += (size_t)got;
        serve(connection);
    } else if (got == 0 || errno != EAGAIN) {
        hang_up(connection);
    }
}

static void accept_all(int listener)
{
    static uint32_t generation;
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        without_delay(fd);
        struct connection *connection = malloc(sizeof *connection);
        memset(connection, 0, offsetof(struct connection, input));
        connection->fd = fd;
        connection->generation = ++generation;
        connections[fd] = connection;
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

static void ring_due(void)
{
    uint64_t now = now_ns();
    while (timer_count > 0 && timers[0].when <= now) {
        struct timer timer = timer_take();
        struct connection *connection = connections[timer.fd];
        if (connection != NULL && connection->generation == timer.generation) {
            connection->waiting = 0;
            serve(connection);
        }
    }
}

static int listen_on(int port)
{
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    struct sockaddr_in address = loopback(port);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 4096) < 0)
        die("listen");
    return listener;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: upstream PORT\n");
        return 2;
    }
    follow_parent();
    completion_make_plain(&plain);
    completion_make_stream(&stream, 0);
    completion_make_stream(&stream_with_usage, 1);
    epoll = epoll_create1(0);
    int listener = listen_on(atoi(argv[1]));
    struct epoll_event events[256], listening = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &listening);
    puts("listening");
    fflush(stdout);
    for (;;) {
        int ready = wait_until(epoll, events, 256, timer_count ? timers[0].when : 0);
        for (int i = 0; i < ready; i++) {
            struct connection *connection = connections[events[i].data.fd];
            if (events[i].data.fd == listener) {
                accept_all(listener);
            } else if (connection != NULL && events[i].events & EPOLLOUT) {
                struct epoll_event event = {.events = EPOLLIN, .data.fd = connection->fd};
                epoll_ctl(epoll, EPOLL_CTL_MOD, connection->fd, &event);
                serve(connection);
            } else if (connection != NULL) {
                read_more(connection);
            }
        }
        ring_due();
    }
}
