#include "data/batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/lugger_plugin.h"
#include "base/wire.h"
#include "data/encode.h"

struct lg_origin {
	uint64_t batch_serial; /* the batch that knows it already, and as which index */
	uint16_t index;
	size_t size;
	uint8_t fields[];
};

static _Atomic uint64_t next_serial = 1;

struct lg_origin *lg_origin_new(const struct lg_draft *fields_only)
{
	size_t size = encode_fields_size(fields_only);
	struct lg_origin *origin = mem_zalloc(sizeof(*origin) + size);

	origin->size = size;
	encode_fields(fields_only, origin->fields);
	return origin;
}

void lg_origin_free(struct lg_origin *origin)
{
	free(origin);
}

struct lg_batch *batch_new(struct mem_budget *budget, size_t charge, const char *input)
{
	struct lg_batch *batch;

	if (budget && !mem_charge(budget, charge))
		return NULL;
	batch = mem_zalloc(sizeof(*batch));
	atomic_init(&batch->refs, 1);
	batch->budget = budget;
	batch->charged = budget ? charge : 0;
	batch->serial = atomic_fetch_add(&next_serial, 1);
	batch->first_ns = INT64_MAX;
	batch->last_ns = INT64_MIN;
	snprintf(batch->input, sizeof(batch->input), "%s", input);
	if (charge)
		batch->raw = (struct lg_buf){.data = mem_block_get(budget, charge), .cap = charge};
	return batch;
}

void lg_batch_hold(struct lg_batch *batch)
{
	atomic_fetch_add(&batch->refs, 1);
}

void lg_batch_release(struct lg_batch *batch)
{
	if (!batch || atomic_fetch_sub(&batch->refs, 1) != 1)
		return;
	if (batch->budget)
		mem_release(batch->budget, batch->charged);
	mem_block_put(batch->budget, batch->raw.data, batch->raw.cap);
	mem_block_put(batch->budget, batch->stored.data, batch->stored.cap);
	lg_buf_fini(&batch->positions);
	free(batch->origins);
	free(batch);
}

uint64_t lg_batch_first(const struct lg_batch *batch)
{
	return batch->first_seq;
}

uint64_t lg_batch_count(const struct lg_batch *batch)
{
	return batch->count;
}

static void note_origin(struct lg_batch *batch, size_t at, size_t size)
{
	batch->origins = mem_grow(batch->origins, &batch->origin_cap, batch->origin_count + 1, sizeof(*batch->origins));
	batch->origins[batch->origin_count++] = (struct batch_origin){at, size};
}

/* Writes the origin's definition into the batch unless it is there; returns its index, 0 when the batch has no room for more. */
static uint16_t origin_index(struct lg_batch *batch, const struct lg_origin *origin)
{
	struct lg_origin *cache = (struct lg_origin *)(uintptr_t)origin; /* only the memo of where it went changes */
	uint8_t *at;

	if (!origin || !origin->size)
		return 0;
	if (origin->batch_serial == batch->serial)
		return origin->index;
	if (batch->origin_count >= UINT16_MAX)
		return 0;
	at = lg_buf_reserve(&batch->raw, 6 + origin->size);
	wire_put_u32(at, (uint32_t)(2 + origin->size) | ENCODE_ORIGIN_BIT);
	wire_put_u16(at + 4, (uint16_t)(batch->origin_count + 1));
	memcpy(at + 6, origin->fields, origin->size);
	note_origin(batch, batch->raw.size + 6, origin->size);
	batch->raw.size += 6 + origin->size;
	cache->batch_serial = batch->serial;
	cache->index = (uint16_t)batch->origin_count;
	return cache->index;
}

void batch_add(struct lg_batch *batch, struct lg_draft *draft, const struct lg_origin *origin, int64_t utc_ns)
{
	uint16_t index = origin_index(batch, origin);
	size_t size = ENCODE_RECORD_FIXED + draft->body.size + encode_fields_size(draft);
	int64_t received = draft->received_ns ? draft->received_ns : utc_ns;
	uint8_t *at = lg_buf_reserve(&batch->raw, 4 + size);

	if (batch->count && received < batch->last_ns)
		received = batch->last_ns; /* receipt times never decrease (DESIGN section 2) */
	wire_put_u32(at, (uint32_t)size);
	wire_put_i64(at + 4, draft->time_ns);
	wire_put_i64(at + 12, received);
	at[20] = draft->severity;
	at[21] = draft->facility;
	wire_put_u16(at + 22, index);
	wire_put_u32(at + 24, (uint32_t)draft->body.size);
	memcpy(at + 28, draft->body.data, draft->body.size);
	encode_fields(draft, at + 28 + draft->body.size);
	batch->raw.size += 4 + size;
	batch->count++;
	if (received < batch->first_ns)
		batch->first_ns = received;
	if (received > batch->last_ns)
		batch->last_ns = received;
}

void batch_put_position(struct lg_batch *batch, struct lg_str key, const void *value, size_t size)
{
	uint8_t *at;

	if (!key.size || key.size > LG_POSITION_KEY_MAX || size > LG_POSITION_VALUE_MAX)
		return;
	at = lg_buf_reserve(&batch->positions, 3 + key.size + size);
	at[0] = (uint8_t)key.size;
	memcpy(at + 1, key.data, key.size);
	wire_put_u16(at + 1 + key.size, (uint16_t)size);
	if (size)
		memcpy(at + 3 + key.size, value, size);
	batch->positions.size += 3 + key.size + size;
	batch->position_count++;
}

bool batch_position_next(const uint8_t **at, const uint8_t *end, struct batch_position *position, bool *bad)
{
	struct wire_reader r = wire_reader_on(*at, (size_t)(end - *at));
	uint8_t key_size;

	*bad = false;
	if (*at == end)
		return false;
	key_size = wire_read_u8(&r);
	position->key.size = key_size;
	position->key.data = (const char *)wire_read_bytes(&r, key_size);
	position->size = wire_read_u16(&r);
	position->value = wire_read_bytes(&r, position->size);
	if (r.bad || !key_size || key_size > LG_POSITION_KEY_MAX || position->size > LG_POSITION_VALUE_MAX) {
		*bad = true;
		return false;
	}
	*at = r.at;
	return true;
}

size_t batch_memory(const struct lg_batch *batch)
{
	return sizeof(*batch) + batch->raw.cap + batch->stored.cap + batch->positions.cap + batch->origin_cap * sizeof(*batch->origins);
}

static void recharge(struct lg_batch *batch)
{
	size_t size = batch_memory(batch);

	if (!batch->budget)
		return;
	if (size > batch->charged)
		mem_charge_floor(batch->budget, size - batch->charged);
	else
		mem_release(batch->budget, batch->charged - size);
	batch->charged = size;
}

void batch_pack(struct lg_batch *batch, struct codec *codec)
{
	batch->codec = BATCH_CODEC_NONE;
	if (codec) {
		size_t block = batch->budget ? batch->budget->block_size : 0;

		if (block >= codec_bound(batch->raw.size))
			batch->stored = (struct lg_buf){.data = mem_block_get(batch->budget, block), .cap = block};
		if (codec_shrink(codec, batch->raw.data, batch->raw.size, &batch->stored))
			batch->codec = BATCH_CODEC_ZSTD;
		else
			batch_drop_stored(batch);
	}
	recharge(batch);
}

void batch_drop_stored(struct lg_batch *batch)
{
	mem_block_put(batch->budget, batch->stored.data, batch->stored.cap);
	batch->stored = (struct lg_buf){0};
	recharge(batch);
}

/* Checks one record entry of `size` bytes at `at`; the one place that believes nothing. */
static bool record_valid(const struct lg_batch *batch, const uint8_t *at, size_t size)
{
	uint32_t body;
	uint16_t origin;

	if (size < ENCODE_RECORD_FIXED)
		return false;
	origin = wire_get_u16(at + 18);
	body = wire_get_u32(at + 20);
	if (origin > batch->origin_count || body > size - ENCODE_RECORD_FIXED)
		return false;
	return encode_fields_valid((struct lg_str){(const char *)at + ENCODE_RECORD_FIXED + body, size - ENCODE_RECORD_FIXED - body});
}

static void note_times(struct lg_batch *batch, int64_t received)
{
	if (received < batch->first_ns)
		batch->first_ns = received;
	if (received > batch->last_ns)
		batch->last_ns = received;
}

static enum lg_rc index_payload(struct lg_batch *batch, uint32_t count, struct lg_err *err)
{
	struct wire_reader r = wire_reader_on(batch->raw.data, batch->raw.size);

	while (r.at < r.end) {
		size_t offset = (size_t)(r.at - batch->raw.data);
		uint32_t word = wire_read_u32(&r), size = word & ~ENCODE_ORIGIN_BIT;
		const uint8_t *at = wire_read_bytes(&r, size);

		if (r.bad)
			return lg_err_set(err, LG_CORRUPT, "payload: entry at %zu is cut off", offset);
		if (word & ENCODE_ORIGIN_BIT) {
			if (size < 2 || wire_get_u16(at) != batch->origin_count + 1 ||
			    !encode_fields_valid((struct lg_str){(const char *)at + 2, size - 2}))
				return lg_err_set(err, LG_CORRUPT, "payload: bad origin at %zu", offset);
			note_origin(batch, offset + 6, size - 2);
			continue;
		}
		if (!record_valid(batch, at, size))
			return lg_err_set(err, LG_CORRUPT, "payload: bad record at %zu", offset);
		note_times(batch, wire_get_i64(at + 8));
		batch->count++;
	}
	if (batch->count != count)
		return lg_err_set(err, LG_CORRUPT, "payload: %u records where the frame says %u", batch->count, count);
	return LG_OK;
}

enum lg_rc batch_from_payload(struct lg_batch **out, struct lg_buf *raw, const char *input, const char *log_id, uint64_t first_seq,
                              uint32_t count, struct mem_budget *budget, struct lg_err *err)
{
	struct lg_batch *batch = batch_new(NULL, 0, input);
	enum lg_rc rc;

	lg_buf_fini(&batch->raw);
	batch->raw = *raw;
	*raw = (struct lg_buf){0};
	snprintf(batch->log_id, sizeof(batch->log_id), "%s", log_id);
	batch->first_seq = first_seq;
	rc = index_payload(batch, count, err);
	if (rc != LG_OK) {
		lg_batch_release(batch);
		return rc;
	}
	if (budget) { /* reading is one of the floors: it must not fail for want of budget (DESIGN 1.5) */
		batch->budget = budget;
		batch->charged = batch_memory(batch);
		mem_charge_floor(budget, batch->charged);
	}
	*out = batch;
	return LG_OK;
}

void lg_batch_begin(struct lg_batch_iter *it, const struct lg_batch *batch, uint64_t from_seq)
{
	struct lg_record skipped;

	it->batch = batch;
	it->at = batch->raw.data;
	it->end = batch->raw.data + batch->raw.size;
	it->seq = batch->first_seq;
	it->select = NULL;
	while (it->seq < from_seq && lg_batch_next(it, &skipped))
		;
}

static bool selected(const struct lg_batch_iter *it, uint64_t seq)
{
	uint64_t i = seq - it->batch->first_seq;

	return !it->select || (it->select[i / 64] >> (i % 64) & 1);
}

bool lg_batch_next(struct lg_batch_iter *it, struct lg_record *rec)
{
	while (it->at < it->end) {
		const uint8_t *at = it->at + 4;
		uint32_t word = wire_get_u32(it->at), size = word & ~ENCODE_ORIGIN_BIT, body;
		uint16_t origin;
		uint64_t seq;

		it->at += 4 + (size_t)size;
		if (word & ENCODE_ORIGIN_BIT)
			continue;
		seq = it->seq++;
		if (!selected(it, seq))
			continue;
		origin = wire_get_u16(at + 18);
		body = wire_get_u32(at + 20);
		rec->seq = seq;
		rec->log_id = it->batch->log_id;
		rec->input = lg_str_from(it->batch->input);
		rec->received_ns = wire_get_i64(at + 8);
		rec->time_ns = wire_get_i64(at);
		if (rec->time_ns == LG_TIME_UNKNOWN)
			rec->time_ns = rec->received_ns;
		rec->severity = at[16];
		rec->facility = at[17];
		rec->body = (struct lg_str){(const char *)at + ENCODE_RECORD_FIXED, body};
		rec->fields = (struct lg_str){rec->body.data + body, size - ENCODE_RECORD_FIXED - body};
		rec->origin = LG_STR("");
		if (origin) {
			const struct batch_origin *o = &it->batch->origins[origin - 1];

			rec->origin = (struct lg_str){(const char *)it->batch->raw.data + o->at, o->size};
		}
		return true;
	}
	return false;
}
