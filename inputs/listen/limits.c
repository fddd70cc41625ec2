#include "limits.h"

#include <stdlib.h>
#include <string.h>

#define SECOND_NS INT64_C(1000000000)
#define BUCKETS 1024

bool limits_init(struct limits *limits, int64_t rate, int64_t connections)
{
	*limits = (struct limits){.rate = rate, .connections = connections, .bucket_count = BUCKETS};
	if (!rate && !connections)
		return true;
	limits->buckets = calloc(BUCKETS, sizeof(*limits->buckets));
	return limits->buckets != NULL;
}

void limits_fini(struct limits *limits)
{
	for (size_t i = 0; limits->buckets && i < limits->bucket_count; i++) {
		while (limits->buckets[i]) {
			struct limit *limit = limits->buckets[i];

			limits->buckets[i] = limit->next;
			free(limit);
		}
	}
	free(limits->buckets);
	limits->buckets = NULL;
}

static struct limit **bucket_of(struct limits *limits, struct lg_str ip)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < ip.size; i++)
		hash = (hash ^ (uint8_t)ip.data[i]) * UINT64_C(0x100000001b3);
	return &limits->buckets[(hash ^ hash >> 32) % limits->bucket_count];
}

static void refill(struct limit *limit, int64_t now_ns)
{
	if (now_ns > limit->at_ns) {
		limit->tokens_ns += now_ns - limit->at_ns;
		limit->at_ns = now_ns;
	}
	if (limit->tokens_ns > SECOND_NS)
		limit->tokens_ns = SECOND_NS;
}

/* Forgets senders that nobody holds and that owe nothing. */
static void sweep(struct limits *limits, int64_t now_ns)
{
	for (size_t i = 0; i < limits->bucket_count; i++) {
		for (struct limit **at = &limits->buckets[i]; *at;) {
			struct limit *limit = *at;

			refill(limit, now_ns);
			if (limit->users || limit->tokens_ns < SECOND_NS) {
				at = &limit->next;
				continue;
			}
			*at = limit->next;
			free(limit);
			limits->count--;
		}
	}
}

/* NULL: there is no room for one more. */
static struct limit *make(struct limits *limits, struct lg_str ip, int64_t now_ns)
{
	struct limit **bucket = bucket_of(limits, ip), *limit;

	if (limits->count >= LIMITS_MAX)
		sweep(limits, now_ns);
	if (limits->count >= LIMITS_MAX)
		return NULL;
	limit = calloc(1, sizeof(*limit));
	if (!limit)
		return NULL;
	if (ip.size)
		memcpy(limit->ip, ip.data, ip.size);
	limit->at_ns = now_ns;
	limit->tokens_ns = SECOND_NS;
	limit->next = *bucket;
	*bucket = limit;
	limits->count++;
	return limit;
}

struct limit *limits_hold(struct limits *limits, struct lg_str ip, int64_t now_ns)
{
	struct limit *limit;

	if (!limits->buckets)
		return NULL;
	if (ip.size >= LG_IP_TEXT)
		ip.size = LG_IP_TEXT - 1;
	for (limit = *bucket_of(limits, ip); limit && !lg_str_is(ip, limit->ip); limit = limit->next)
		;
	if (!limit)
		limit = make(limits, ip, now_ns);
	if (!limit)
		limit = &limits->rest;
	limit->users++;
	return limit;
}

void limits_drop(struct limit *limit)
{
	if (limit)
		limit->users--; /* kept: who comes back at once must find the debt it left */
}

bool limits_connect(const struct limits *limits, struct limit *limit)
{
	if (limit && limits->connections && limit->connections >= (uint64_t)limits->connections)
		return false;
	if (limit)
		limit->connections++;
	return true;
}

void limits_disconnect(struct limit *limit)
{
	if (limit)
		limit->connections--;
}

void limits_take(const struct limits *limits, struct limit *limit)
{
	if (limit && limits->rate)
		limit->tokens_ns -= SECOND_NS / limits->rate;
}

int64_t limits_free_at(const struct limits *limits, struct limit *limit, int64_t now_ns)
{
	if (!limit || !limits->rate)
		return now_ns;
	refill(limit, now_ns);
	return limit->tokens_ns > 0 ? now_ns : now_ns - limit->tokens_ns + SECOND_NS / limits->rate;
}
