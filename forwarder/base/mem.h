/* mem.h - the byte budget of the data path, and allocation that cannot fail quietly at start-up. */
#ifndef MEM_H
#define MEM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEM_SPARE_MAX 16

/* Bytes charged by batches, tails and windows against one limit. Any thread; no owner. */
struct mem_budget {
	size_t limit;
	_Atomic size_t used;
	_Atomic size_t peak;
	pthread_mutex_t mutex;  /* guards the rest: blocks of one size that wait to be used again */
	size_t block_size;      /* 0: none are kept */
	size_t spare_count;
	void *spare[MEM_SPARE_MAX];
};

void mem_budget_init(struct mem_budget *budget, size_t limit);
void mem_budget_fini(struct mem_budget *budget); /* frees the spare blocks */
/* From now on blocks of this size are kept for reuse, MEM_SPARE_MAX at most: batches come and go all day, and fresh pages are
 * dear. */
void mem_keep_blocks(struct mem_budget *budget, size_t block_size);
/* A block of exactly `size` bytes, kept or fresh; and its way back. Not charged: that is the owner's affair. */
void *mem_block_get(struct mem_budget *budget, size_t size);
void mem_block_put(struct mem_budget *budget, void *block, size_t size);
/* Charges `size` bytes; false (nothing charged) where that would pass the limit: that is backpressure, not an error. */
bool mem_charge(struct mem_budget *budget, size_t size);
/* Charges past the limit too: for the floors that `check` has already counted. */
void mem_charge_floor(struct mem_budget *budget, size_t size);
void mem_release(struct mem_budget *budget, size_t size);
size_t mem_used(const struct mem_budget *budget);

/* For start-up and bounded structures: exits with a message when the system has no memory left. Never NULL. */
void *mem_alloc(size_t size);
void *mem_zalloc(size_t size);
void *mem_resize(void *p, size_t size);
char *mem_strdup(const char *s);
char *mem_strndup(const char *s, size_t size);
/* Grows a table of `item_size` things to at least `want`, doubling; returns the (moved) table. */
void *mem_grow(void *table, size_t *cap, size_t want, size_t item_size);

#endif
