/* limits.h - what one sender may take up: connections, and records a second. A sender is an address, whatever its port; local ones (unix sockets) count as
 * one. One owner.
 *
 * Tokens come at the rate, a second's worth is saved up, and a sender may overdraw by what one read brought: then it waits until it is even.
 */
#ifndef LIMITS_H
#define LIMITS_H

#include "api/lugger_plugin.h"

#define LIMITS_MAX 16384 /* senders remembered; those beyond share one entry */

struct limit {
	struct limit *next;
	int64_t tokens_ns, at_ns; /* time in hand, negative when overdrawn; as of then */
	unsigned connections, users;
	char ip[LG_IP_TEXT];
};

struct limits {
	int64_t rate;        /* records a second; 0: none */
	int64_t connections; /* 0: none */
	size_t count, bucket_count;
	struct limit **buckets;
	struct limit rest;
};

/* False: no memory. */
bool limits_init(struct limits *limits, int64_t rate, int64_t connections);
void limits_fini(struct limits *limits);
/* The sender's entry, held until limits_drop. NULL where there are no limits. */
struct limit *limits_hold(struct limits *limits, struct lg_str ip, int64_t now_ns);
void limits_drop(struct limit *limit); /* NULL is fine */
/* Counts one more connection; false: it has its share. Undone by limits_disconnect. */
bool limits_connect(const struct limits *limits, struct limit *limit);
void limits_disconnect(struct limit *limit);
/* A record was taken. */
void limits_take(const struct limits *limits, struct limit *limit);
/* When (monotonic) it may send again: not later than now_ns where it may now. */
int64_t limits_free_at(const struct limits *limits, struct limit *limit, int64_t now_ns);

#endif
