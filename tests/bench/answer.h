/* Reads one HTTP answer as its bytes come, checks it, and counts its server-sent events. */
#ifndef ANSWER_H
#define ANSWER_H

#include "wire.h"

enum { TAIL = 14 };
enum state { HEAD, BODY, CHUNK_SIZE, CHUNK, CHUNK_END, TRAILER, WHOLE, WRONG };

struct answer {
    enum state state;
    size_t left;         /* of the body, or of the chunk */
    long events;
    int after_newline;
    int closes;          /* the server ends the connection after it */
    char tail[TAIL];     /* the body's last bytes */
    char problem[160];   /* why it is WRONG */
};

static inline void answer_begin(struct answer *answer)
{
    memset(answer, 0, sizeof *answer);
}

/* Whether the body ended with `text`, of at most TAIL bytes. */
static inline int answer_ends_with(const struct answer *answer, const char *text)
{
    size_t length = strlen(text);
    return memcmp(answer->tail + TAIL - length, text, length) == 0;
}

static inline void answer_wrong(struct answer *answer, const char *why)
{
    answer->state = WRONG;
    snprintf(answer->problem, sizeof answer->problem, "%s", why);
}

static inline size_t answer_take_head(struct answer *answer, const char *head, size_t have)
{
    const char *blank = memmem(head, have, "\r\n\r\n", 4);
    if (blank == NULL)
        return 0;
    if (strncmp(head, "HTTP/1.1 200", 12) != 0) {
        int line = (int)strcspn(head, "\r");
        snprintf(answer->problem, sizeof answer->problem, "answered %.*s", line < 100 ? line : 100, head);
        answer->state = WRONG;
        return 0;
    }
    const char *length = header(head, blank + 2, "content-length:");
    const char *coding = header(head, blank + 2, "transfer-encoding:");
    const char *connection = header(head, blank + 2, "connection:");
    answer->closes = connection != NULL && strncasecmp(connection, "close", 5) == 0;
    if (coding != NULL && strncasecmp(coding, "chunked", 7) == 0) {
        answer->state = CHUNK_SIZE;
    } else if (length != NULL) {
        answer->left = strtoul(length, NULL, 10);
        answer->state = answer->left ? BODY : WHOLE;
    } else {
        answer_wrong(answer, "an answer without a length");
    }
    return (size_t)(blank + 4 - head);
}

static inline void answer_count_events(struct answer *answer, const char *at, const char *stop)
{
    while (at < stop) {
        if (answer->after_newline && *at == '\n')
            answer->events++;
        answer->after_newline = 0;
        at = memchr(at, '\n', (size_t)(stop - at));
        if (at == NULL)
            return;
        at++;
        answer->after_newline = 1;
    }
}

static inline size_t answer_take_body(struct answer *answer, const char *bytes, size_t have)
{
    size_t length = have < answer->left ? have : answer->left;
    answer->left -= length;
    if (answer->left == 0)
        answer->state = answer->state == BODY ? WHOLE : CHUNK_END;
    if (length >= TAIL) {
        memcpy(answer->tail, bytes + length - TAIL, TAIL);
    } else {
        memmove(answer->tail, answer->tail + length, TAIL - length);
        memcpy(answer->tail + TAIL - length, bytes, length);
    }
    answer_count_events(answer, bytes, bytes + length);
    return length;
}

/* A chunk's size, the line end after a chunk, or the empty line after the last one. */
static inline size_t answer_take_line(struct answer *answer, const char *line, size_t have)
{
    const char *newline = memchr(line, '\n', have);
    if (newline == NULL)
        return 0;
    if (answer->state == CHUNK_SIZE) {
        answer->left = strtoul(line, NULL, 16);
        answer->state = answer->left ? CHUNK : TRAILER;
    } else if (answer->state == CHUNK_END) {
        answer->state = CHUNK_SIZE;
    } else if (newline - line <= 1) {
        answer->state = WHOLE;
    }
    return (size_t)(newline + 1 - line);
}

/* Takes what it can of `have` bytes and returns how many; the rest has to be offered again, with more. */
static inline size_t answer_take(struct answer *answer, const char *bytes, size_t have)
{
    size_t used = 0, step = 1;
    while (step > 0 && used < have && answer->state != WHOLE && answer->state != WRONG) {
        if (answer->state == HEAD)
            step = answer_take_head(answer, bytes, have);
        else if (answer->state == BODY || answer->state == CHUNK)
            step = answer_take_body(answer, bytes + used, have - used);
        else
            step = answer_take_line(answer, bytes + used, have - used);
        used += step;
    }
    return used;
}

#endif
