/* spool_kit.h - what the spool's tests share: batches of numbered records, reading a spool back. Header only, for cmocka
 * programs. */
#ifndef SPOOL_KIT_H
#define SPOOL_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/lugger_plugin.h"
#include "spool/spool.h"

/* The body of a record: at least `size` bytes that name input and number, the rest decided by them. */
static inline size_t kit_body(char *body, const char *input, uint64_t number, size_t size)
{
	int n = snprintf(body, 96, "%s record %llu ", input, (unsigned long long)number);

	for (size_t k = (size_t)n; k < size; k++)
		body[k] = (char)('a' + (number + k * 7) % 26);
	return size > (size_t)n ? size : (size_t)n;
}

/* A batch of `count` records of about `size` bytes whose bodies name first_number.. and, as position, the number that comes next.
 */
static inline struct lg_batch *kit_batch(struct mem_budget *budget, const char *input, uint64_t first_number, unsigned count,
        size_t size, struct codec *codec, int64_t utc_ns)
{
	struct lg_batch *batch = batch_new(budget, count * (size + 64), input);
	char *body = malloc(size + 96), value[32];
	struct lg_draft draft;

	assert_non_null(batch);
	for (unsigned i = 0; i < count; i++) {
		lg_draft_reset(&draft);
		draft.body = (struct lg_str){body, kit_body(body, input, first_number + i, size)};
		batch_add(batch, &draft, NULL, utc_ns);
	}
	snprintf(value, sizeof(value), "%llu", (unsigned long long)(first_number + count));
	batch_put_position(batch, LG_STR("next"), value, strlen(value));
	free(body);
	batch_pack(batch, codec);
	return batch;
}

static inline uint64_t kit_number(struct lg_str body, char input[64])
{
	unsigned long long number = 0;
	char text[96];

	snprintf(text, sizeof(text), "%.*s", (int)(body.size < 95 ? body.size : 95), body.data);
	assert_int_equal(sscanf(text, "%63s record %llu", input, &number), 2);
	return number;
}

/* Reads from `seq` to the end; checks that numbers and sequences ascend by one. Returns how many records, *first_number of the
 * first. */
static inline uint64_t kit_read_all(struct spool *spool, uint64_t seq, uint64_t *first_number)
{
	struct spool_reader *reader;
	struct lg_batch *batch;
	struct lg_batch_iter it;
	struct lg_record rec;
	struct lg_err err;
	uint64_t count = 0, gap_first, gap_last, next_number = 0, next_seq = seq;
	char input[64];
	enum lg_rc rc;

	assert_int_equal(spool_reader_open(spool, seq, &reader, &err), LG_OK);
	while ((rc = spool_reader_next(reader, &batch, &gap_first, &gap_last, &err)) == LG_OK) {
		for (lg_batch_begin(&it, batch, next_seq); lg_batch_next(&it, &rec); count++) {
			uint64_t number = kit_number(rec.body, input);

			assert_int_equal(rec.seq, next_seq);
			if (!count)
				*first_number = number;
			else
				assert_int_equal(number, next_number);
			next_seq++;
			next_number = number + 1;
		}
		lg_batch_release(batch);
	}
	if (rc != LG_AGAIN)
		fail_msg("reading at %llu: %s", (unsigned long long)next_seq, err.text);
	spool_reader_close(reader);
	return count;
}

static inline void kit_append(struct spool *spool, struct lg_batch *batch)
{
	struct lg_err err;

	if (spool_append(spool, batch, &err) != LG_OK)
		fail_msg("append: %s", err.text);
	lg_batch_release(batch);
}

static inline void kit_commit(struct spool *spool)
{
	struct lg_err err;

	if (spool_commit(spool, &err) != LG_OK)
		fail_msg("commit: %s", err.text);
}

struct kit_position {
	const char *key;
	char value[1025];
	size_t size;
	unsigned count;
};

static inline void kit_note_position(void *arg, struct lg_str key, const uint8_t *value, size_t size)
{
	struct kit_position *p = arg;

	p->count++;
	if (lg_str_is(key, p->key)) {
		memcpy(p->value, value, size);
		p->value[size] = '\0';
		p->size = size;
	}
}

/* The number the input's source would go on with; 0 when the spool has no position for it. */
static inline uint64_t kit_position_of(struct spool *spool, const char *input)
{
	struct kit_position p = {.key = "next"};

	spool_positions(spool, lg_str_from(input), kit_note_position, &p);
	return p.size ? strtoull(p.value, NULL, 10) : 0;
}

#endif
