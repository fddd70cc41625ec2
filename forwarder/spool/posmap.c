#include "spool/posmap.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "data/batch.h"

void posmap_fini(struct posmap *map)
{
	for (size_t i = 0; i < map->cap; i++)
		free(map->entries[i].bytes);
	free(map->entries);
	*map = (struct posmap){0};
}

static uint64_t hash_of(struct lg_str input, struct lg_str key)
{
	return hash_more(hash_more(hash_more(HASH_START, input.data, input.size), "", 1), key.data, key.size);
}

/* Where the key is, or the free place where it would go. cap is a power of two and never full. */
static size_t find(const struct posmap *map, struct lg_str input, struct lg_str key, uint64_t hash)
{
	size_t i = (size_t)hash & (map->cap - 1);

	for (; map->entries[i].bytes; i = (i + 1) & (map->cap - 1)) {
		const struct posmap_entry *e = &map->entries[i];

		if (e->hash == hash && lg_str_equal(posmap_input(e), input) && lg_str_equal(posmap_key(e), key))
			break;
	}
	return i;
}

static void grow(struct posmap *map)
{
	struct posmap bigger = {.cap = map->cap ? map->cap * 2 : 16, .used = map->used};

	bigger.entries = mem_zalloc(bigger.cap * sizeof(*bigger.entries));
	for (size_t i = 0; i < map->cap; i++) {
		struct posmap_entry *e = &map->entries[i];

		if (e->bytes)
			bigger.entries[find(&bigger, posmap_input(e), posmap_key(e), e->hash)] = *e;
	}
	free(map->entries);
	*map = bigger;
}

/* Closes the gap that a removed entry leaves in its probe chain (Knuth, TAOCP 6.4, algorithm R). */
static void remove_at(struct posmap *map, size_t hole)
{
	size_t mask = map->cap - 1, i = hole;

	free(map->entries[hole].bytes);
	map->used--;
	for (;;) {
		size_t home;

		map->entries[hole].bytes = NULL;
		do {
			i = (i + 1) & mask;
			if (!map->entries[i].bytes)
				return;
			home = (size_t)map->entries[i].hash & mask;
		} while (hole <= i ? hole < home && home <= i : hole < home || home <= i);
		map->entries[hole] = map->entries[i];
		hole = i;
	}
}

void posmap_put(struct posmap *map, struct lg_str input, struct lg_str key, const uint8_t *value, size_t size)
{
	uint64_t hash = hash_of(input, key);
	struct posmap_entry *e;
	size_t at;

	if (map->used * 2 >= map->cap)
		grow(map);
	at = find(map, input, key, hash);
	e = &map->entries[at];
	if (!size) {
		if (e->bytes)
			remove_at(map, at);
		return;
	}
	if (!e->bytes)
		map->used++;
	else if (e->value_size != size) {
		free(e->bytes);
		e->bytes = NULL;
	}
	if (!e->bytes) {
		e->bytes = mem_alloc(input.size + key.size + size);
		memcpy(e->bytes, input.data, input.size);
		memcpy(e->bytes + input.size, key.data, key.size);
	}
	memcpy(e->bytes + input.size + key.size, value, size);
	e->input_size = (uint16_t)input.size;
	e->key_size = (uint8_t)key.size;
	e->value_size = (uint16_t)size;
	e->hash = hash;
}

bool posmap_put_encoded(struct posmap *map, struct lg_str input, const uint8_t *bytes, size_t size)
{
	const uint8_t *at = bytes, *end = bytes + size;
	struct batch_position position;
	bool bad = false;

	if (!size)
		return true;
	while (batch_position_next(&at, end, &position, &bad))
		posmap_put(map, input, position.key, position.value, position.size);
	return !bad;
}

void posmap_copy(struct posmap *to, const struct posmap *from)
{
	const struct posmap_entry *e;

	posmap_fini(to);
	for (size_t at = 0; (e = posmap_next(from, &at));)
		posmap_put(to, posmap_input(e), posmap_key(e), posmap_value(e), e->value_size);
}

const struct posmap_entry *posmap_next(const struct posmap *map, size_t *at)
{
	while (*at < map->cap) {
		const struct posmap_entry *e = &map->entries[(*at)++];

		if (e->bytes)
			return e;
	}
	return NULL;
}
