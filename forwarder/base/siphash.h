/* siphash.h - SipHash-2-4 (Aumasson and Bernstein, 2012): a 64-bit hash that nobody without the key can aim at. Pure functions: any thread. */
#ifndef SIPHASH_H
#define SIPHASH_H

#include <stddef.h>
#include <stdint.h>

#define SIPHASH_KEY_SIZE 16

struct siphash {
	uint64_t v[4];
	uint8_t rest[8]; /* of an unfinished word */
	size_t size;
};

void siphash_init(struct siphash *h, const uint8_t key[SIPHASH_KEY_SIZE]);
void siphash_more(struct siphash *h, const void *data, size_t size);
uint64_t siphash_end(struct siphash *h);

#endif
