#include "output_syslog/breaker.h"

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t draw(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

void breaker_init(struct breaker *breaker, uint64_t seed)
{
	*breaker = (struct breaker){.random = seed};
}

void breaker_fail(struct breaker *breaker, int64_t now_ns)
{
	int64_t cap = BREAKER_BASE_NS;

	for (unsigned i = 0; i < breaker->failures && cap < BREAKER_MAX_NS; i++)
		cap *= 2;
	if (cap > BREAKER_MAX_NS)
		cap = BREAKER_MAX_NS;
	if (breaker->failures < 64)
		breaker->failures++;
	breaker->retry_at_ns = now_ns + BREAKER_FLOOR_NS + (int64_t)(draw(&breaker->random) % (uint64_t)(cap - BREAKER_FLOOR_NS + 1));
}

void breaker_ok(struct breaker *breaker)
{
	breaker->failures = 0;
}

bool breaker_allows(const struct breaker *breaker, int64_t now_ns)
{
	return !breaker->failures || now_ns >= breaker->retry_at_ns;
}

const char *breaker_state(const struct breaker *breaker, int64_t now_ns)
{
	return !breaker->failures ? "closed" : now_ns < breaker->retry_at_ns ? "open" : "half-open";
}
