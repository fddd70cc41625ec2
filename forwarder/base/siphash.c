#include "base/siphash.h"

#include <string.h>

static uint64_t word_le(const uint8_t *p)
{
	uint64_t word = 0;

	for (int i = 7; i >= 0; i--)
		word = word << 8 | p[i];
	return word;
}

static uint64_t turn(uint64_t word, int bits)
{
	return word << bits | word >> (64 - bits);
}

static void rounds(uint64_t v[4], int count)
{
	while (count--) {
		v[0] += v[1];
		v[1] = turn(v[1], 13) ^ v[0];
		v[0] = turn(v[0], 32);
		v[2] += v[3];
		v[3] = turn(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = turn(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = turn(v[1], 17) ^ v[2];
		v[2] = turn(v[2], 32);
	}
}

static void take(struct siphash *h, uint64_t word)
{
	h->v[3] ^= word;
	rounds(h->v, 2);
	h->v[0] ^= word;
}

void siphash_init(struct siphash *h, const uint8_t key[SIPHASH_KEY_SIZE])
{
	uint64_t k0 = word_le(key), k1 = word_le(key + 8);

	*h = (struct siphash){.v = {k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d),
	                            k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573)}};
}

void siphash_more(struct siphash *h, const void *data, size_t size)
{
	const uint8_t *p = data;

	while (size) {
		size_t at = h->size % 8, here = 8 - at < size ? 8 - at : size;

		memcpy(h->rest + at, p, here);
		h->size += here;
		p += here;
		size -= here;
		if (h->size % 8 == 0)
			take(h, word_le(h->rest));
	}
}

uint64_t siphash_end(struct siphash *h)
{
	memset(h->rest + h->size % 8, 0, 8 - h->size % 8);
	h->rest[7] = (uint8_t)h->size;
	take(h, word_le(h->rest));
	h->v[2] ^= 0xff;
	rounds(h->v, 4);
	return h->v[0] ^ h->v[1] ^ h->v[2] ^ h->v[3];
}
