/* Batches: what goes in comes out, in order, with its fields; what is not a payload is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/lugger_plugin.h"
#include "base/wire.h"
#include "data/batch.h"

static struct lg_batch *make_batch(struct mem_budget *budget)
{
	struct lg_batch *batch = batch_new(budget, 4096, "operlog");
	static const uint8_t codes[] = {2, 7, 13};
	struct lg_origin *origin;
	struct lg_draft d;

	lg_draft_reset(&d);
	lg_draft_string(&d, LG_F_LOG_FILE_PATH, LG_STR("/logs/SYSLOG"));
	origin = lg_origin_new(&d);
	for (int i = 0; i < 100; i++) {
		char body[32];

		lg_draft_reset(&d);
		d.body = (struct lg_str){body, (size_t)snprintf(body, sizeof(body), "record %d", i)};
		d.time_ns = i % 2 ? 1000 + i : LG_TIME_UNKNOWN;
		d.severity = (uint8_t)(i % 8);
		lg_draft_number(&d, LG_F_LOG_OFFSET, -i);
		lg_draft_bool(&d, LG_F_ZOS_SUPPRESSED, i & 1);
		lg_draft_numbers(&d, LG_F_ZOS_ROUTING_CODES, codes, sizeof(codes));
		lg_draft_custom(&d, LG_STR("my.own"), LG_STR("x"));
		batch_add(batch, &d, i < 50 ? origin : NULL, 5000 + i);
	}
	batch_put_position(batch, LG_STR("k"), "value", 5);
	lg_origin_free(origin);
	batch->first_seq = 1000;
	return batch;
}

static void check_batch(const struct lg_batch *batch)
{
	struct lg_batch_iter it;
	struct lg_record rec;
	struct lg_value v;
	int i = 0;

	lg_batch_begin(&it, batch, 0);
	for (; lg_batch_next(&it, &rec); i++) {
		char body[32];

		snprintf(body, sizeof(body), "record %d", i);
		assert_int_equal(rec.seq, 1000 + i);
		assert_true(lg_str_is(rec.body, body));
		assert_int_equal(rec.received_ns, 5000 + i);
		assert_int_equal(rec.time_ns, i % 2 ? 1000 + i : 5000 + i);
		assert_int_equal(rec.severity, i % 8);
		assert_true(lg_record_find(&rec, LG_F_LOG_OFFSET, &v));
		assert_int_equal(v.number, -i);
		assert_true(lg_record_find(&rec, LG_F_ZOS_ROUTING_CODES, &v));
		assert_int_equal(v.text.size, 3);
		assert_true(lg_record_find(&rec, LG_F_CUSTOM, &v));
		assert_true(lg_str_is(v.name, "my.own"));
		assert_true(lg_str_is(lg_record_string(&rec, LG_F_LOG_FILE_PATH), i < 50 ? "/logs/SYSLOG" : ""));
	}
	assert_int_equal(i, 100);
}

static void a_batch_gives_back_what_went_in(void **state)
{
	struct mem_budget budget;
	struct lg_batch *batch;

	(void)state;
	mem_budget_init(&budget, 1 << 20);
	batch = make_batch(&budget);
	check_batch(batch);
	assert_true(mem_used(&budget) > 0);
	lg_batch_release(batch);
	assert_int_equal(mem_used(&budget), 0);
}

static void a_compressed_payload_expands_to_the_same_batch(void **state)
{
	struct lg_batch *batch = make_batch(NULL), *back;
	struct codec *codec = codec_new(1);
	struct lg_buf raw = {0};

	(void)state;
	batch_pack(batch, codec);
	assert_int_equal(batch->codec, BATCH_CODEC_ZSTD);
	assert_int_equal(codec_expand(codec, batch->stored.data, batch->stored.size, batch->raw.size, &raw, NULL), LG_OK);
	assert_int_equal(batch_from_payload(&back, &raw, "operlog", "00", 1000, 100, NULL, NULL), LG_OK);
	check_batch(back);
	lg_batch_release(back);
	lg_batch_release(batch);
	codec_free(codec);
}

static void every_cut_and_every_flipped_length_is_refused_or_harmless(void **state)
{
	struct lg_batch *batch = make_batch(NULL), *back;
	size_t refused = 0;

	(void)state;
	for (size_t i = 0; i < batch->raw.size; i++) {
		struct lg_buf cut = {0}, flip = {0};

		lg_buf_append(&cut, batch->raw.data, i);
		assert_int_equal(batch_from_payload(&back, &cut, "i", "0", 1, 100, NULL, NULL), LG_CORRUPT);
		lg_buf_append(&flip, batch->raw.data, batch->raw.size);
		flip.data[i] ^= 0x80;
		if (batch_from_payload(&back, &flip, "i", "0", 1, 100, NULL, NULL) == LG_OK) {
			struct lg_batch_iter it;
			struct lg_record rec;

			lg_batch_begin(&it, back, 0);
			while (lg_batch_next(&it, &rec))
				;
			lg_batch_release(back);
		} else {
			refused++;
		}
	}
	assert_true(refused > 100);
	lg_batch_release(batch);
}

static void a_selection_yields_only_what_is_selected(void **state)
{
	struct lg_batch *batch = make_batch(NULL);
	uint64_t select[2] = {UINT64_C(1) << 3, UINT64_C(1) << 6};
	struct lg_batch_iter it;
	struct lg_record rec;

	(void)state;
	lg_batch_begin(&it, batch, 1002);
	it.select = select;
	assert_true(lg_batch_next(&it, &rec));
	assert_int_equal(rec.seq, 1003);
	assert_true(lg_batch_next(&it, &rec));
	assert_int_equal(rec.seq, 1070);
	assert_false(lg_batch_next(&it, &rec));
	lg_batch_release(batch);
}

static void want(uint64_t wanted[LG_FIELD_WORDS], unsigned field)
{
	wanted[field / 64] |= UINT64_C(1) << field % 64;
}

static void gathering_takes_what_is_wanted_and_the_own_field_before_the_shared_one(void **state)
{
	struct lg_batch *batch = batch_new(NULL, 4096, "operlog");
	uint64_t wanted[LG_FIELD_WORDS] = {0}, found[LG_FIELD_WORDS], expected[LG_FIELD_WORDS] = {0};
	struct lg_value values[LG_F_LIMIT];
	char long_text[300];
	struct lg_batch_iter it;
	struct lg_origin *origin;
	struct lg_record rec;
	struct lg_draft d;

	(void)state;
	memset(values, 0xee, sizeof(values));
	memset(long_text, 'x', sizeof(long_text));
	lg_draft_reset(&d);
	lg_draft_string(&d, LG_F_HOST_NAME, LG_STR("shared"));
	lg_draft_string(&d, LG_F_EVENT_DATASET, LG_STR("set"));
	origin = lg_origin_new(&d);
	lg_draft_reset(&d);
	lg_draft_string(&d, LG_F_USER_NAME, (struct lg_str){long_text, sizeof(long_text)}); /* not wanted, and of a longer length */
	lg_draft_custom(&d, LG_STR("my.own"), LG_STR("x"));
	lg_draft_number(&d, LG_F_ZOS_MESSAGE_LINE_COUNT, -3);
	lg_draft_bool(&d, LG_F_ZOS_SUPPRESSED, true);
	lg_draft_string(&d, LG_F_HOST_NAME, LG_STR("own"));
	batch_add(batch, &d, origin, 5000);
	lg_origin_free(origin);
	lg_batch_begin(&it, batch, 0);
	assert_true(lg_batch_next(&it, &rec));
	want(wanted, LG_F_HOST_NAME);
	want(wanted, LG_F_EVENT_DATASET);
	want(wanted, LG_F_ZOS_MESSAGE_LINE_COUNT);
	want(wanted, LG_F_ZOS_SUPPRESSED);
	memcpy(expected, wanted, sizeof(expected));
	want(wanted, LG_F_ZOS_JOB_NAME); /* the record has none */
	lg_record_gather(&rec, wanted, found, values);
	assert_memory_equal(found, expected, sizeof(found));
	assert_true(lg_str_is(values[LG_F_HOST_NAME].text, "own"));
	assert_true(lg_str_is(values[LG_F_EVENT_DATASET].text, "set"));
	assert_int_equal(values[LG_F_ZOS_MESSAGE_LINE_COUNT].number, -3);
	assert_int_equal(values[LG_F_ZOS_SUPPRESSED].number, 1);
	assert_int_equal(values[LG_F_USER_NAME].field, 0xee);
	lg_batch_release(batch);
}

static void positions_walk_back_and_a_cut_one_is_bad(void **state)
{
	struct lg_batch *batch = make_batch(NULL);
	struct batch_position p;
	const uint8_t *at = batch->positions.data;
	bool bad;

	(void)state;
	assert_true(batch_position_next(&at, at + batch->positions.size, &p, &bad));
	assert_true(lg_str_is(p.key, "k"));
	assert_memory_equal(p.value, "value", 5);
	at = batch->positions.data;
	assert_false(batch_position_next(&at, at + batch->positions.size - 1, &p, &bad));
	assert_true(bad);
	lg_batch_release(batch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_gives_back_what_went_in),
		cmocka_unit_test(a_compressed_payload_expands_to_the_same_batch),
		cmocka_unit_test(every_cut_and_every_flipped_length_is_refused_or_harmless),
		cmocka_unit_test(a_selection_yields_only_what_is_selected),
		cmocka_unit_test(gathering_takes_what_is_wanted_and_the_own_field_before_the_shared_one),
		cmocka_unit_test(positions_walk_back_and_a_cut_one_is_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
