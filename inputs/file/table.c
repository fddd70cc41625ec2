#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *file_alloc(size_t size)
{
	void *p = calloc(1, size);

	if (!p) {
		fputs("lugger: out of memory\n", stderr);
		abort();
	}
	return p;
}

char *file_strdup(const char *text)
{
	size_t size = strlen(text) + 1;

	return memcpy(file_alloc(size), text, size);
}

uint64_t file_hash(uint64_t hash, const void *data, size_t size)
{
	const uint8_t *p = data;

	while (size--)
		hash = (hash ^ *p++) * UINT64_C(0x100000001b3);
	return hash;
}

void table_fini(struct table *table)
{
	free(table->buckets);
	*table = (struct table){0};
}

static struct table_link **bucket_of(const struct table *table, uint64_t hash)
{
	return &table->buckets[(hash ^ hash >> 32) & (table->bucket_count - 1)];
}

static void grow(struct table *table)
{
	struct table old = *table;

	table->bucket_count = old.bucket_count ? 2 * old.bucket_count : 16;
	table->buckets = file_alloc(table->bucket_count * sizeof(*table->buckets));
	for (size_t i = 0; i < old.bucket_count; i++) {
		for (struct table_link *link = old.buckets[i], *next; link; link = next) {
			struct table_link **bucket = bucket_of(table, link->hash);

			next = link->next;
			link->next = *bucket;
			*bucket = link;
		}
	}
	free(old.buckets);
}

void table_add(struct table *table, struct table_link *link, uint64_t hash)
{
	struct table_link **bucket;

	if (table->count >= table->bucket_count)
		grow(table);
	bucket = bucket_of(table, hash);
	link->hash = hash;
	link->next = *bucket;
	*bucket = link;
	table->count++;
}

void table_remove(struct table *table, struct table_link *link)
{
	struct table_link **at = bucket_of(table, link->hash);

	while (*at != link)
		at = &(*at)->next;
	*at = link->next;
	table->count--;
}

struct table_link *table_find(const struct table *table, uint64_t hash)
{
	struct table_link *link = table->count ? *bucket_of(table, hash) : NULL;

	while (link && link->hash != hash)
		link = link->next;
	return link;
}

struct table_link *table_find_next(const struct table_link *link)
{
	struct table_link *next = link->next;

	while (next && next->hash != link->hash)
		next = next->next;
	return next;
}

struct table_link *table_next(const struct table *table, const struct table_link *link)
{
	size_t i = 0;

	if (!table->count)
		return NULL;
	if (link) {
		if (link->next)
			return link->next;
		i = (size_t)(bucket_of(table, link->hash) - table->buckets) + 1;
	}
	while (i < table->bucket_count && !table->buckets[i])
		i++;
	return i < table->bucket_count ? table->buckets[i] : NULL;
}
