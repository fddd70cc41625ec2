#include "net/backoff.h"

#include "api/lg_net.h"

/* splitmix64 (Steele, Lea, Flood 2014): every seed, 0 included, gives a full-period sequence. */
static uint64_t draw(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

int64_t lg_net_jitter(uint64_t *random, int64_t wait_ns)
{
	return wait_ns / 2 + (int64_t)(draw(random) % (uint64_t)(wait_ns / 2));
}

void backoff_init(struct backoff *backoff, uint64_t seed)
{
	*backoff = (struct backoff){.random = seed};
}

int64_t backoff_next(struct backoff *backoff)
{
	int64_t cap = BACKOFF_BASE_NS;

	for (unsigned i = 0; i < backoff->failures && cap < BACKOFF_MAX_NS; i++)
		cap *= 2;
	if (cap > BACKOFF_MAX_NS)
		cap = BACKOFF_MAX_NS;
	if (backoff->failures < 64)
		backoff->failures++;
	return BACKOFF_FLOOR_NS + (int64_t)(draw(&backoff->random) % (uint64_t)(cap - BACKOFF_FLOOR_NS + 1));
}

void backoff_reset(struct backoff *backoff)
{
	backoff->failures = 0;
}
