/* posmap.h - the newest position of every (input, key). No lock: the owner's thread. */
#ifndef POSMAP_H
#define POSMAP_H

#include "api/lg_core.h"

struct posmap_entry {
	char *bytes; /* input, key, value, one behind the other; owned */
	uint16_t input_size, value_size;
	uint8_t key_size;
	uint64_t hash;
};

struct posmap {
	struct posmap_entry *entries; /* open addressing; bytes NULL: free */
	size_t cap, used;
};

void posmap_fini(struct posmap *map);
/* An empty value forgets the key. */
void posmap_put(struct posmap *map, struct lg_str input, struct lg_str key, const uint8_t *value, size_t size);
/* The entries of one frame (u8 key size, key, u16 value size, value); false where they do not decode: those before were applied.
 */
bool posmap_put_encoded(struct posmap *map, struct lg_str input, const uint8_t *bytes, size_t size);
void posmap_copy(struct posmap *to, const struct posmap *from);
/* NULL at the end; *at starts at 0. */
const struct posmap_entry *posmap_next(const struct posmap *map, size_t *at);

static inline struct lg_str posmap_input(const struct posmap_entry *e)
{
	return (struct lg_str){e->bytes, e->input_size};
}

static inline struct lg_str posmap_key(const struct posmap_entry *e)
{
	return (struct lg_str){e->bytes + e->input_size, e->key_size};
}

static inline const uint8_t *posmap_value(const struct posmap_entry *e)
{
	return (const uint8_t *)e->bytes + e->input_size + e->key_size;
}

#endif
