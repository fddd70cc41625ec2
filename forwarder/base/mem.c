#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

void mem_budget_init(struct mem_budget *budget, size_t limit)
{
	budget->limit = limit;
	atomic_init(&budget->used, 0);
	atomic_init(&budget->peak, 0);
	pthread_mutex_init(&budget->mutex, NULL);
	budget->block_size = budget->spare_count = 0;
}

void mem_budget_fini(struct mem_budget *budget)
{
	while (budget->spare_count)
		free(budget->spare[--budget->spare_count]);
	pthread_mutex_destroy(&budget->mutex);
}

void mem_keep_blocks(struct mem_budget *budget, size_t block_size)
{
	budget->block_size = block_size;
}

void *mem_block_get(struct mem_budget *budget, size_t size)
{
	void *block = NULL;

	if (budget && size == budget->block_size) {
		pthread_mutex_lock(&budget->mutex);
		if (budget->spare_count)
			block = budget->spare[--budget->spare_count];
		pthread_mutex_unlock(&budget->mutex);
	}
	return block ? block : mem_alloc(size);
}

void mem_block_put(struct mem_budget *budget, void *block, size_t size)
{
	if (block && budget && size && size == budget->block_size) {
		pthread_mutex_lock(&budget->mutex);
		if (budget->spare_count < MEM_SPARE_MAX) {
			budget->spare[budget->spare_count++] = block;
			block = NULL;
		}
		pthread_mutex_unlock(&budget->mutex);
	}
	free(block);
}

static void note_peak(struct mem_budget *budget, size_t used)
{
	size_t peak = atomic_load(&budget->peak);

	while (used > peak && !atomic_compare_exchange_weak(&budget->peak, &peak, used))
		;
}

bool mem_charge(struct mem_budget *budget, size_t size)
{
	size_t used = atomic_load(&budget->used);

	do {
		if (size > budget->limit || used > budget->limit - size)
			return false;
	} while (!atomic_compare_exchange_weak(&budget->used, &used, used + size));
	note_peak(budget, used + size);
	return true;
}

void mem_charge_floor(struct mem_budget *budget, size_t size)
{
	note_peak(budget, atomic_fetch_add(&budget->used, size) + size);
}

void mem_release(struct mem_budget *budget, size_t size)
{
	atomic_fetch_sub(&budget->used, size);
}

size_t mem_used(const struct mem_budget *budget)
{
	return atomic_load(&budget->used);
}

static void *or_exit(void *p)
{
	if (!p) {
		log_error("out of memory");
		exit(1);
	}
	return p;
}

void *mem_alloc(size_t size)
{
	return or_exit(malloc(size ? size : 1));
}

void *mem_zalloc(size_t size)
{
	return or_exit(calloc(1, size ? size : 1));
}

void *mem_resize(void *p, size_t size)
{
	return or_exit(realloc(p, size ? size : 1));
}

char *mem_strdup(const char *s)
{
	return mem_strndup(s, strlen(s));
}

char *mem_strndup(const char *s, size_t size)
{
	char *copy = mem_alloc(size + 1);

	memcpy(copy, s, size);
	copy[size] = '\0';
	return copy;
}

void *mem_grow(void *table, size_t *cap, size_t want, size_t item_size)
{
	size_t n = *cap ? *cap : 8;

	if (want <= *cap)
		return table;
	while (n < want)
		n *= 2;
	table = mem_resize(table, n * item_size);
	*cap = n;
	return table;
}
