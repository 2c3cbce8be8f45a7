/* The benchmark's load generator: one thread, keep-alive connections, every answer checked.
 *
 *   load PORT REQUEST [--connections N] [--seconds S] [--warmup S] [--rate R] [--ramp S] [--events N]
 *
 * REQUEST is a file with a whole HTTP request; eight '#' in it become a number that changes with every
 * request. Without --rate each connection sends its next request when it has its answer (closed loop); with
 * it requests are due at fixed times, and latency counts from when a request was due, so that waiting for a
 * free connection is seen (open loop). --ramp spreads the connections' first requests. --events N expects
 * server-sent events, N of them with `[DONE]` last. What is under way at the end is awaited and checked.
 *
 * Prints one line of JSON: latencies in microseconds of the requests sent after the warm-up; `rate` and
 * `event_rate` a second, between warm-up and end; `requests` and `events` of the whole run.
 */
#define _GNU_SOURCE
#include <getopt.h>

#include "answer.h"
#include "samples.h"

enum { CONNECTIONS = 4096, INPUT = 64 * 1024, REQUEST = 256 * 1024, SMALL = 16 * 1024, USERS = 100000, ERRORS = 100 };
static const char DONE[] = "data: [DONE]\n\n";
static const char *answer_end = ":\"default\"}";
static const uint64_t PATIENCE = 10 * SECOND;

struct connection {
    int fd, busy;
    uint64_t due, first_event;
    size_t sent, have;
    char *request;
    struct answer answer;
    char input[INPUT];
};

static int port, connection_count = 1, expected_events;
static double seconds = 1, warmup, rate, ramp;
static char request[REQUEST];
static size_t request_length;
static char *placeholder;

static struct connection *connections;
static int idle[CONNECTIONS], idle_first, idle_count;  /* a ring: every connection takes its turn */
static int epoll;
static struct samples latencies, first_events;
static uint64_t start, warm, end, started;
static long requests, events, counted_requests, counted_events, errors, reconnects, busy;
static char first_error[160];

static void rest(struct connection *connection)
{
    connection->busy = 0;
    idle[(idle_first + idle_count++) % CONNECTIONS] = (int)(connection - connections);
}

static void connect_anew(struct connection *connection)
{
    struct sockaddr_in address = loopback(port);
    if (connection->fd > 0)
        close(connection->fd);
    connection->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(connection->fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("connect");
    without_delay(connection->fd);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd, &event);
    connection->have = 0;
}

static void fail(struct connection *connection, const char *why)
{
    if (errors++ == 0)
        snprintf(first_error, sizeof first_error, "%s", why);
    busy--;
    connect_anew(connection);
    rest(connection);
}

static int send_on(struct connection *connection)
{
    while (connection->sent < request_length) {
        ssize_t sent = send(connection->fd, connection->request + connection->sent,
                            request_length - connection->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN)
            return -1;
        if (sent < 0)
            break;
        connection->sent += (size_t)sent;
    }
    if (request_length > SMALL) {  /* a small one always fits into an idle socket's buffer */
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
        if (connection->sent < request_length)
            event.events |= EPOLLOUT;
        epoll_ctl(epoll, EPOLL_CTL_MOD, connection->fd, &event);
    }
    return 0;
}

static void start_request(uint64_t due)
{
    struct connection *connection = &connections[idle[idle_first]];
    idle_first = (idle_first + 1) % CONNECTIONS;
    idle_count--;
    busy++;
    if (placeholder != NULL) {
        char number[24];
        snprintf(number, sizeof number, "%08llu", (unsigned long long)(started % USERS));
        memcpy(connection->request + (placeholder - request), number, 8);
    }
    started++;
    connection->busy = 1;
    connection->due = due;
    connection->first_event = 0;
    connection->sent = 0;
    answer_begin(&connection->answer);
    if (send_on(connection) < 0) {  /* closed while it was idle */
        reconnects++;
        connect_anew(connection);
        connection->sent = 0;
        if (send_on(connection) < 0)
            fail(connection, "connection closed before the request was sent");
    }
}

static void finish(struct connection *connection)
{
    const struct answer *answer = &connection->answer;
    uint64_t now = now_ns();
    char why[80] = "";
    if (connection->have > 0)
        snprintf(why, sizeof why, "bytes after the answer's end");
    else if (!answer_ends_with(answer, expected_events ? DONE : answer_end))
        snprintf(why, sizeof why, "the body does not end as the upstream's does");
    else if (expected_events && answer->events != expected_events)
        snprintf(why, sizeof why, "%ld events instead of %d", answer->events, expected_events);
    if (why[0]) {
        fail(connection, why);
        return;
    }
    requests++;
    if (now >= warm && now < end)
        counted_requests++;
    if (connection->due >= warm) {
        samples_add(&latencies, now - connection->due);
        if (expected_events)
            samples_add(&first_events, connection->first_event - connection->due);
    }
    busy--;
    if (answer->closes) {
        reconnects++;
        connect_anew(connection);
    }
    rest(connection);
}

static void count_events(struct connection *connection, long before)
{
    long more = connection->answer.events - before;
    if (more == 0)
        return;
    uint64_t now = now_ns();
    if (before == 0)
        connection->first_event = now;
    events += more;
    if (now >= warm && now < end)
        counted_events += more;
}

static void read_more(struct connection *connection)
{
    ssize_t got = recv(connection->fd, connection->input + connection->have, INPUT - connection->have, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return;
    if (!connection->busy) {
        reconnects++;
        connect_anew(connection);
        return;
    }
    if (got <= 0) {
        fail(connection, "connection closed before the answer was whole");
        return;
    }
    struct answer *answer = &connection->answer;
    long before = answer->events;
    connection->have += (size_t)got;
    size_t used = answer_take(answer, connection->input, connection->have);
    connection->have -= used;
    memmove(connection->input, connection->input + used, connection->have);
    count_events(connection, before);
    if (answer->state == WRONG)
        fail(connection, answer->problem);
    else if (answer->state == WHOLE)
        finish(connection);
}

/* When the next request is due: closed loops send at once, but for the first of each connection. */
static uint64_t next_due(uint64_t now)
{
    if (rate > 0)
        return start + (uint64_t)((double)started * (double)SECOND / rate);
    if (started < (uint64_t)connection_count)
        return start + (uint64_t)((double)started * ramp * (double)SECOND / connection_count);
    return now;
}

static void run(void)
{
    struct epoll_event ready[256];
    while (errors < ERRORS) {
        uint64_t now = now_ns(), due = next_due(now);
        for (; idle_count > 0 && due <= now && due < end; due = next_due(now))
            start_request(due);
        if (due >= end && busy == 0)
            return;
        if (now > end + PATIENCE) {
            errors += busy;
            if (first_error[0] == 0)
                snprintf(first_error, sizeof first_error, "no whole answer 10 s after the end");
            return;
        }
        uint64_t until = idle_count > 0 && due < end ? due : end + PATIENCE + MILLISECOND;
        int count = wait_until(epoll, ready, 256, until);
        for (int i = 0; i < count; i++) {
            struct connection *connection = ready[i].data.ptr;
            if (ready[i].events & EPOLLOUT && send_on(connection) < 0)
                fail(connection, "connection closed while the request was sent");
            else if (ready[i].events & ~(uint32_t)EPOLLOUT)
                read_more(connection);
        }
    }
}

static void read_options(int argc, char **argv)
{
    static const struct option options[] = {
        {"connections", 1, NULL, 'c'}, {"seconds", 1, NULL, 's'}, {"warmup", 1, NULL, 'w'}, {"rate", 1, NULL, 'r'},
        {"ramp", 1, NULL, 'm'},        {"events", 1, NULL, 'e'},  {"end", 1, NULL, 'x'},    {NULL, 0, NULL, 0},
    };
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) >= 0;) {
        switch (option) {
        case 'c': connection_count = atoi(optarg); break;
        case 's': seconds = atof(optarg); break;
        case 'w': warmup = atof(optarg); break;
        case 'r': rate = atof(optarg); break;
        case 'm': ramp = atof(optarg); break;
        case 'e': expected_events = atoi(optarg); break;
        case 'x': answer_end = optarg; break;
        default: exit(2);
        }
    }
    if (argc - optind != 2 || connection_count < 1 || connection_count > CONNECTIONS || strlen(answer_end) > TAIL) {
        fprintf(stderr, "usage: load PORT REQUEST [options]; at most %d connections\n", CONNECTIONS);
        exit(2);
    }
    port = atoi(argv[optind]);
    FILE *file = fopen(argv[optind + 1], "rb");
    if (file == NULL)
        die(argv[optind + 1]);
    request_length = fread(request, 1, REQUEST, file);
    fclose(file);
    placeholder = memmem(request, request_length, "########", 8);
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    follow_parent();
    epoll = epoll_create1(0);
    connections = calloc((size_t)connection_count, sizeof *connections);
    for (int i = 0; i < connection_count; i++) {
        connections[i].request = malloc(request_length);
        memcpy(connections[i].request, request, request_length);
        connect_anew(&connections[i]);
        rest(&connections[i]);
    }
    start = now_ns();
    warm = start + (uint64_t)(warmup * (double)SECOND);
    end = start + (uint64_t)((warmup + seconds) * (double)SECOND);
    run();
    printf("{\"requests\": %ld, \"events\": %ld, \"errors\": %ld, \"reconnects\": %ld, ", requests, events, errors,
           reconnects);
    printf("\"rate\": %.1f, \"event_rate\": %.1f, \"elapsed\": %.6f, ", (double)counted_requests / seconds,
           (double)counted_events / seconds, (double)(now_ns() - start) / (double)SECOND);
    samples_print("latency", &latencies);
    samples_print("first_event", &first_events);
    printf("\"first_error\": \"%s\"}\n", first_error);
    return 0;
}
