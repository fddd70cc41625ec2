/* The ids of one queue's last messages (api/lg_message.h).
 *
 * In memory a ring, chained by hash. On disk one position entry per slot of SLOT_IDS ids; a batch writes the slots it touched, the ring over the
 * slots makes the oldest one the next. An entry's horizon is a sequence not above that of its record: from there the spool is asked. Where records
 * were delivered and deleted since, the spool cannot tell any more and the hash is believed; so it is keyed, and the key is in a position too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/lugger_plugin.h"
#include "api/lg_message.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/siphash.h"
#include "base/sys.h"
#include "base/wire.h"

#define SLOT_IDS 60 /* a hash and a varint of at most 9 bytes each, and the head: within LG_POSITION_VALUE_MAX */
#define SAVE_VERSION 1
#define SECRET "key" /* no slot's number begins so: they are hexadecimal */
#define NONE UINT32_MAX

struct entry {
	uint64_t hash;
	uint64_t horizon; /* the record's sequence is not below */
	uint64_t token;   /* of the batch; 0: saved by an earlier run */
	char *id;         /* NULL: saved by an earlier run, the spool has to confirm it */
	uint32_t next;    /* in its chain */
	bool used;
};

struct lg_window {
	struct lg_input_host *host;
	char key[24];          /* 16 hex digits of the queue's name, '/' */
	struct entry *entries; /* slots * SLOT_IDS */
	uint32_t *heads;
	uint8_t secret[SIPHASH_KEY_SIZE];
	bool secret_saved;
	uint32_t slots, size, at; /* at: where the next id goes */
	uint64_t turn;            /* slots begun so far: orders them after a restart */
	uint64_t *turns;          /* of each slot; 0: never written */
	bool *touched;
	uint32_t obsolete;        /* slots of a larger window of an earlier run, to be forgotten: [slots, obsolete) */
};

uint64_t lg_window_hash(const struct lg_window *w, struct lg_str id, const void *body, size_t size)
{
	struct siphash h;
	uint8_t length[4];

	wire_put_u32(length, (uint32_t)id.size);
	siphash_init(&h, w->secret);
	siphash_more(&h, length, sizeof(length));
	siphash_more(&h, id.data, id.size);
	siphash_more(&h, body, size);
	return siphash_end(&h);
}

static uint32_t *chain_of(struct lg_window *w, uint64_t hash)
{
	return &w->heads[hash % w->size];
}

static void unlink_entry(struct lg_window *w, uint32_t index)
{
	uint32_t *link = chain_of(w, w->entries[index].hash);

	while (*link != index)
		link = &w->entries[*link].next;
	*link = w->entries[index].next;
	free(w->entries[index].id);
	w->entries[index] = (struct entry){0};
}

static void put_entry(struct lg_window *w, uint32_t index, struct entry entry)
{
	uint32_t *head = chain_of(w, entry.hash);

	if (w->entries[index].used)
		unlink_entry(w, index);
	entry.used = true;
	entry.next = *head;
	w->entries[index] = entry;
	*head = index;
}

/* ---- the saved form: u8 version, u64 turn, u8 count, then of each id u64 hash, varint horizon less the first one's; u64 the first horizon behind the count ---- */

struct loader {
	struct lg_window *w;
	uint64_t newest_turn;
	uint32_t newest_slot, newest_count;
};

static uint32_t slot_number(struct lg_str key, size_t at)
{
	char digits[LG_POSITION_KEY_MAX + 1];

	snprintf(digits, sizeof(digits), "%.*s", (int)(key.size - at), key.data + at);
	return (uint32_t)strtoul(digits, NULL, 16);
}

static void load_secret(void *arg, struct lg_str key, const uint8_t *value, size_t size)
{
	struct lg_window *w = arg;

	(void)key;
	w->secret_saved = size == sizeof(w->secret);
	if (w->secret_saved)
		memcpy(w->secret, value, size);
}

static void load_slot(void *arg, struct lg_str key, const uint8_t *value, size_t size)
{
	struct loader *load = arg;
	struct lg_window *w = load->w;
	bool secret = key.size > strlen(w->key) && key.data[strlen(w->key)] == SECRET[0];
	struct wire_reader r = wire_reader_on(value, size);
	uint32_t slot = slot_number(key, strlen(w->key));
	uint8_t version = wire_read_u8(&r);
	uint64_t turn = wire_read_u64(&r), horizon;
	uint8_t count = wire_read_u8(&r);

	horizon = wire_read_u64(&r);
	if (!secret && slot >= w->slots) {
		w->obsolete = slot + 1 > w->obsolete ? slot + 1 : w->obsolete;
		slot %= w->slots; /* its ids are worth as much as others */
	}
	if (secret || r.bad || version != SAVE_VERSION || count > SLOT_IDS || w->turns[slot] > turn)
		return;
	for (uint32_t i = 0; i < count; i++) {
		struct entry entry = {.hash = wire_read_u64(&r), .horizon = horizon + wire_read_varint(&r)};

		if (r.bad)
			return;
		put_entry(w, slot * SLOT_IDS + i, entry);
	}
	w->turns[slot] = turn;
	if (turn >= load->newest_turn)
		*load = (struct loader){w, turn, slot, count};
}

struct lg_window *lg_window_new(struct lg_input_host *host, struct lg_str queue, size_t capacity)
{
	struct lg_window *w = mem_zalloc(sizeof(*w));
	struct loader load = {.w = w};
	char key[40];

	w->host = host;
	snprintf(w->key, sizeof(w->key), "%016llx/", (unsigned long long)hash_more(HASH_START, queue.data, queue.size));
	w->slots = (uint32_t)((capacity + SLOT_IDS - 1) / SLOT_IDS) + 1; /* the one that is being filled was emptied first */
	w->size = w->slots * SLOT_IDS;
	w->entries = mem_zalloc(w->size * sizeof(*w->entries));
	w->heads = mem_alloc(w->size * sizeof(*w->heads));
	memset(w->heads, 0xff, w->size * sizeof(*w->heads)); /* NONE */
	w->turns = mem_zalloc(w->slots * sizeof(*w->turns));
	w->touched = mem_zalloc(w->slots * sizeof(*w->touched));
	snprintf(key, sizeof(key), "%s%s", w->key, SECRET);
	lg_input_positions(host, lg_str_from(key), load_secret, w);
	if (w->secret_saved)
		lg_input_positions(host, lg_str_from(w->key), load_slot, &load);
	else if (sys_random(w->secret, sizeof(w->secret)) != 0)
		abort(); /* getrandom does not fail on a running system */
	w->turn = load.newest_turn;
	/* A slot goes on where it stopped. */
	w->at = load.newest_turn ? load.newest_slot * SLOT_IDS + load.newest_count : 0;
	return w;
}

void lg_window_free(struct lg_window *w)
{
	if (!w)
		return;
	for (uint32_t i = 0; i < w->size; i++)
		free(w->entries[i].id);
	free(w->entries);
	free(w->heads);
	free(w->turns);
	free(w->touched);
	free(w);
}

bool lg_window_known(struct lg_window *w, struct lg_str id, uint64_t hash, uint64_t *token)
{
	for (uint32_t index = *chain_of(w, hash); index != NONE; index = w->entries[index].next) {
		struct entry *entry = &w->entries[index];

		if (entry->hash != hash)
			continue;
		if (entry->id ? lg_str_is(id, entry->id) : lg_input_spooled(w->host, entry->horizon, LG_F_MESSAGE_ID, id) != LG_SPOOLED_NO) {
			*token = entry->token;
			return true;
		}
	}
	return false;
}

static void begin_slot(struct lg_window *w, uint32_t slot)
{
	for (uint32_t i = slot * SLOT_IDS; i < (slot + 1) * SLOT_IDS; i++)
		if (w->entries[i].used)
			unlink_entry(w, i);
	w->turns[slot] = ++w->turn;
}

void lg_window_add(struct lg_window *w, struct lg_str id, uint64_t hash)
{
	uint32_t slot;

	if (w->at == w->size)
		w->at = 0;
	slot = w->at / SLOT_IDS;
	if (w->at % SLOT_IDS == 0)
		begin_slot(w, slot);
	put_entry(w, w->at++, (struct entry){.hash = hash, .horizon = lg_input_horizon(w->host), .token = UINT64_MAX, .id = mem_strndup(id.data, id.size)});
	w->touched[slot] = true;
}

static void save_slot(struct lg_window *w, struct lg_positions *positions, uint32_t slot, uint64_t token)
{
	uint8_t value[LG_POSITION_VALUE_MAX];
	char key[40];
	struct entry *first = &w->entries[slot * SLOT_IDS];
	size_t n = 0, counter;

	value[n++] = SAVE_VERSION;
	wire_put_u64(value + n, w->turns[slot]);
	n += 8;
	counter = n++;
	value[counter] = 0;
	wire_put_u64(value + n, first->horizon);
	n += 8;
	for (struct entry *entry = first; entry < first + SLOT_IDS && entry->used; entry++) {
		wire_put_u64(value + n, entry->hash);
		n += 8;
		n += wire_put_varint(value + n, entry->horizon > first->horizon ? entry->horizon - first->horizon : 0);
		value[counter]++;
		if (entry->token == UINT64_MAX)
			entry->token = token;
	}
	snprintf(key, sizeof(key), "%s%x", w->key, slot);
	lg_positions_put(positions, lg_str_from(key), value, n);
}

void lg_window_seal(struct lg_window *w, struct lg_positions *positions, uint64_t token)
{
	bool moved = false;
	char key[40];

	for (uint32_t slot = 0; slot < w->slots; slot++) {
		if (w->touched[slot])
			save_slot(w, positions, slot, token);
		moved |= w->touched[slot];
		w->touched[slot] = false;
	}
	if (moved && !w->secret_saved) {
		snprintf(key, sizeof(key), "%s%s", w->key, SECRET);
		lg_positions_put(positions, lg_str_from(key), w->secret, sizeof(w->secret));
		w->secret_saved = true;
	}
	for (; w->obsolete > w->slots; w->obsolete--) {
		snprintf(key, sizeof(key), "%s%x", w->key, w->obsolete - 1);
		lg_positions_put(positions, lg_str_from(key), NULL, 0);
	}
}
