#include "run/flight.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void flight_init(struct flight *flight, uint64_t cursor)
{
	*flight = (struct flight){.cursor = cursor};
}

static void pop_head(struct flight *flight)
{
	struct flight_batch *batch = flight->head;

	flight->head = batch->next;
	if (!flight->head)
		flight->tail = NULL;
	free(batch);
}

void flight_fini(struct flight *flight)
{
	while (flight->head)
		pop_head(flight);
}

static uint64_t mask_of(uint64_t count, size_t word)
{
	uint64_t left = count - word * 64;

	return left >= 64 ? UINT64_MAX : (UINT64_C(1) << left) - 1;
}

static void append(struct flight *flight, struct flight_batch *batch)
{
	if (flight->tail)
		flight->tail->next = batch;
	else
		flight->head = batch;
	flight->tail = batch;
}

void flight_add(struct flight *flight, uint64_t first, uint64_t count, const uint64_t *select)
{
	size_t words = (size_t)((count + 63) / 64);
	struct flight_batch *batch = mem_zalloc(sizeof(*batch) + words * sizeof(uint64_t));

	batch->first = first;
	batch->count = count;
	for (size_t i = 0; i < words; i++) {
		batch->bits[i] = (select ? select[i] : UINT64_MAX) & mask_of(count, i);
		batch->unsettled += (uint64_t)__builtin_popcountll(batch->bits[i]);
	}
	append(flight, batch);
}

void flight_skip(struct flight *flight, uint64_t first, uint64_t count)
{
	struct flight_batch *batch = mem_zalloc(sizeof(*batch));

	batch->first = first;
	batch->count = count;
	append(flight, batch);
}

/* Clears bits from..to of one batch. */
static uint64_t clear_bits(struct flight_batch *batch, uint64_t from, uint64_t to)
{
	uint64_t cleared = 0;

	for (uint64_t word = from / 64; word <= to / 64; word++) {
		uint64_t mask = UINT64_MAX;

		if (word == from / 64)
			mask &= UINT64_MAX << (from % 64);
		if (word == to / 64 && to % 64 != 63)
			mask &= (UINT64_C(1) << (to % 64 + 1)) - 1;
		cleared += (uint64_t)__builtin_popcountll(batch->bits[word] & mask);
		batch->bits[word] &= ~mask;
	}
	batch->unsettled -= cleared;
	return cleared;
}

uint64_t flight_settle(struct flight *flight, uint64_t first, uint64_t last)
{
	uint64_t settled = 0;

	for (struct flight_batch *batch = flight->head; batch && batch->first <= last; batch = batch->next) {
		uint64_t end = batch->first + batch->count - 1;

		if (end < first || !batch->unsettled)
			continue;
		settled += clear_bits(batch, (first > batch->first ? first : batch->first) - batch->first,
		                      (last < end ? last : end) - batch->first);
	}
	return settled;
}

uint64_t flight_cursor(struct flight *flight)
{
	while (flight->head && !flight->head->unsettled) {
		flight->cursor = flight->head->first + flight->head->count;
		pop_head(flight);
	}
	if (flight->head) {
		const struct flight_batch *batch = flight->head;
		uint64_t word = 0;

		while (!batch->bits[word])
			word++;
		flight->cursor = batch->first + word * 64 + (uint64_t)__builtin_ctzll(batch->bits[word]);
	}
	return flight->cursor;
}

uint64_t flight_unsettled(const struct flight *flight, uint64_t seq)
{
	uint64_t count = 0;

	for (const struct flight_batch *batch = flight->head; batch && batch->first < seq; batch = batch->next) {
		uint64_t limit = seq - batch->first < batch->count ? seq - batch->first : batch->count;

		for (uint64_t i = 0; batch->unsettled && i * 64 < limit; i++)
			count += (uint64_t)__builtin_popcountll(batch->bits[i] & mask_of(limit, i));
	}
	return count;
}

static bool is_unsettled(const struct flight_batch *batch, uint64_t seq)
{
	uint64_t i = seq - batch->first;

	return batch->bits[i / 64] >> (i % 64) & 1;
}

bool flight_run(const struct flight *flight, uint64_t first, uint64_t last, uint64_t *from, uint64_t *to)
{
	for (const struct flight_batch *batch = flight->head; batch && batch->first <= last; batch = batch->next) {
		uint64_t seq = first > batch->first ? first : batch->first, end = batch->first + batch->count;

		end = last < end - 1 ? last + 1 : end;
		while (batch->unsettled && seq < end && !is_unsettled(batch, seq))
			seq++;
		if (!batch->unsettled || seq >= end)
			continue;
		*from = seq;
		while (seq < end && is_unsettled(batch, seq))
			seq++;
		*to = seq - 1;
		return true;
	}
	return false;
}

void flight_rewind(struct flight *flight)
{
	flight_cursor(flight);
	while (flight->head)
		pop_head(flight);
	flight->tail = NULL;
}
