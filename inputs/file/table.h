/* table.h - an intrusive chained hash table, for the sets of this input: tails by inode, names by path, watches by number.
 *
 * The links live inside the caller's structs; the table owns its buckets alone. One thread.
 */
#ifndef FILE_TABLE_H
#define FILE_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct table_link {
	struct table_link *next;
	uint64_t hash;
};

struct table {
	struct table_link **buckets; /* a power of two of them; NULL while empty */
	size_t bucket_count, count;
};

#define TABLE_ITEM(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

void table_fini(struct table *table); /* the items stay the caller's */
void table_add(struct table *table, struct table_link *link, uint64_t hash);
void table_remove(struct table *table, struct table_link *link);
/* The first link with this hash, then the next one; NULL at the end. Compare the items: hashes may collide. */
struct table_link *table_find(const struct table *table, uint64_t hash);
struct table_link *table_find_next(const struct table_link *link);
/* Walks all: start with NULL. The link given may be removed before the next call only where `next` was fetched first. */
struct table_link *table_next(const struct table *table, const struct table_link *link);

#define FILE_HASH_START UINT64_C(0xcbf29ce484222325)
/* FNV-1a, 64 bits (draft-eastlake-fnv). Not for secrets. */
uint64_t file_hash(uint64_t hash, const void *data, size_t size);

/* Allocation of bounded structures: aborts when the system has none. */
void *file_alloc(size_t size); /* zeroed */
char *file_strdup(const char *text);

#endif
