/* breaker.h - a circuit breaker for one server: closed while it works; open after a failure, for a random time that grows with each further one; then
 * half open, which lets one try through. Pure but for its own random numbers; one owner. */
#ifndef SYSLOG_BREAKER_H
#define SYSLOG_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#define BREAKER_BASE_NS INT64_C(500000000)
#define BREAKER_MAX_NS INT64_C(30000000000)
#define BREAKER_FLOOR_NS INT64_C(50000000)

struct breaker {
	uint64_t random;
	unsigned failures;   /* since it worked last; 0: closed */
	int64_t retry_at_ns; /* monotonic */
};

void breaker_init(struct breaker *breaker, uint64_t seed);
/* Opens it until a time in [BREAKER_FLOOR_NS, min(BREAKER_MAX_NS, BREAKER_BASE_NS * 2^failures)] from now, uniformly. */
void breaker_fail(struct breaker *breaker, int64_t now_ns);
void breaker_ok(struct breaker *breaker);
bool breaker_allows(const struct breaker *breaker, int64_t now_ns);
const char *breaker_state(const struct breaker *breaker, int64_t now_ns); /* "closed", "open", "half-open" */

#endif
