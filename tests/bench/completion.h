/* The chat completions that the benchmark's upstream answers with, rendered once. */
#ifndef COMPLETION_H
#define COMPLETION_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVENTS = 200 };

static const char ANSWER_BODY[] =
    "{\"id\":\"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT\",\"object\":\"chat.completion\",\"created\":1741569952,"
    "\"model\":\"gpt-4.1-mini-2025-04-14\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
    "\"content\":\"Sort the edges, then join components with a union-find.\",\"refusal\":null,"
    "\"annotations\":[]},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":219,"
    "\"completion_tokens\":34,\"total_tokens\":253,\"prompt_tokens_details\":{\"cached_tokens\":128,"
    "\"audio_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":12,\"audio_tokens\":0}},"
    "\"system_fingerprint\":\"fp_f3b1a8\",\"service_tier\":\"default\"}";

static const char COMMON_HEADERS[] =
    "openai-processing-ms: 412\r\nopenai-version: 2020-10-01\r\nx-request-id: req_7f3a91c2b64d4e0f\r\n"
    "x-ratelimit-limit-requests: 10000\r\nx-ratelimit-remaining-requests: 9999\r\n"
    "x-ratelimit-remaining-tokens: 1999712\r\n";

#define EVENT_START                                                                                          \
    "data: {\"id\":\"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT\",\"object\":\"chat.completion.chunk\","          \
    "\"created\":1741569952,\"model\":\"gpt-4.1-mini-2025-04-14\",\"service_tier\":\"default\","              \
    "\"system_fingerprint\":\"fp_f3b1a8\","

/* A whole HTTP answer in memory; `at[k]` is where the k-th of its writable pieces ends. */
struct completion {
    char *bytes;
    size_t length;
    size_t at[EVENTS];
    int pieces;
};

static inline void completion_append(struct completion *completion, const char *bytes)
{
    size_t length = strlen(bytes);
    completion->bytes = realloc(completion->bytes, completion->length + length);
    memcpy(completion->bytes + completion->length, bytes, length);
    completion->length += length;
}

static inline void completion_append_event(struct completion *completion, const char *event)
{
    char size[24];
    snprintf(size, sizeof size, "%zx\r\n", strlen(event));
    completion_append(completion, size);
    completion_append(completion, event);
    completion_append(completion, "\r\n");
}

static inline void completion_make_plain(struct completion *completion)
{
    char head[1024];
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n%scontent-length: %zu\r\n\r\n",
             COMMON_HEADERS, sizeof ANSWER_BODY - 1);
    completion_append(completion, head);
    completion_append(completion, ANSWER_BODY);
    completion->at[0] = completion->length;
    completion->pieces = 1;
}

static inline void completion_make_stream(struct completion *completion, int usage)
{
    char text[1024];
    const char *nothing = usage ? ",\"usage\":null}\n\n" : "}\n\n";
    snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n%s"
             "transfer-encoding: chunked\r\n\r\n", COMMON_HEADERS);
    completion_append(completion, text);
    for (int event = 0; event < EVENTS; event++) {
        const char *delta = event == 0            ? "{\"role\":\"assistant\",\"content\":\"\"}"
                            : event < EVENTS - 1 ? "{\"content\":\" union\"}"
                                                 : "{}";
        snprintf(text, sizeof text, EVENT_START "\"choices\":[{\"index\":0,\"delta\":%s,\"logprobs\":null,"
                 "\"finish_reason\":%s}]%s", delta, event < EVENTS - 1 ? "null" : "\"stop\"", nothing);
        completion_append_event(completion, text);
        completion->at[event] = completion->length;
    }
    if (usage)
        completion_append_event(
            completion, EVENT_START "\"choices\":[],\"usage\":{\"prompt_tokens\":219,\"completion_tokens\":198,"
            "\"total_tokens\":417,\"prompt_tokens_details\":{\"cached_tokens\":128,\"audio_tokens\":0},"
            "\"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":0}}}\n\n");
    completion_append_event(completion, "data: [DONE]\n\n");
    completion_append(completion, "0\r\n\r\n");
    completion->at[EVENTS - 1] = completion->length;
    completion->pieces = EVENTS;
}

#endif
