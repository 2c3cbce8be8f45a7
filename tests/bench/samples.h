/* Samples of a time, kept whole, so that a percentile is one that was measured. */
#ifndef SAMPLES_H
#define SAMPLES_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct samples {
    uint64_t *values;  /* nanoseconds */
    size_t count, room;
};

static inline void samples_add(struct samples *samples, uint64_t value)
{
    if (samples->count == samples->room) {
        samples->room = samples->room ? samples->room * 2 : 65536;
        samples->values = realloc(samples->values, samples->room * sizeof *samples->values);
    }
    samples->values[samples->count++] = value;
}

static int samples_ascending(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static inline double samples_percentile(const struct samples *samples, double share)
{
    return samples->count ? (double)samples->values[(size_t)(share * (double)(samples->count - 1))] / 1000 : 0;
}

/* Prints `"name": {"p50": …}, ` in microseconds. */
static inline void samples_print(const char *name, struct samples *samples)
{
    qsort(samples->values, samples->count, sizeof *samples->values, samples_ascending);
    printf("\"%s\": {\"p50\": %.1f, \"p90\": %.1f, \"p99\": %.1f, \"max\": %.1f}, ", name,
           samples_percentile(samples, 0.5), samples_percentile(samples, 0.9), samples_percentile(samples, 0.99),
           samples_percentile(samples, 1));
}

#endif
