/* backoff.h - how long to wait before the next try: exponential with full jitter, so that a thousand forwarders do not come
 * back to a restarted receiver in the same second. Pure: no clock, no global; one owner. */
#ifndef BACKOFF_H
#define BACKOFF_H

#include <stdint.h>

#define BACKOFF_BASE_NS INT64_C(500000000)
#define BACKOFF_MAX_NS INT64_C(30000000000)
#define BACKOFF_FLOOR_NS INT64_C(50000000) /* even the luckiest draw leaves the peer a moment */

struct backoff {
	uint64_t random; /* state of the generator */
	unsigned failures;
};

/* The same seed gives the same delays. Seed from sys_random outside tests. */
void backoff_init(struct backoff *backoff, uint64_t seed);
/* The delay after one more failure: uniform in [BACKOFF_FLOOR_NS, min(BACKOFF_MAX_NS, BACKOFF_BASE_NS * 2^(failures before))]. */
int64_t backoff_next(struct backoff *backoff);
/* It worked: the next failure waits as if it were the first. */
void backoff_reset(struct backoff *backoff);

#endif
