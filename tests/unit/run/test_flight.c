/* The settle tracker against a model: one flag a record, the cursor is the lowest record that is offered and not settled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "run/flight.h"

#define RECORDS 4000

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static uint64_t model_cursor(const uint8_t *unsettled, uint64_t cursor, uint64_t added)
{
	while (cursor < added && !unsettled[cursor])
		cursor++;
	return cursor;
}

static uint64_t model_count(const uint8_t *unsettled, uint64_t limit)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < limit; i++)
		n += unsettled[i];
	return n;
}

/* Adds a batch with a random selection to both. */
static uint64_t add_batch(struct flight *flight, uint8_t *unsettled, uint64_t added, uint64_t *seed)
{
	uint64_t count = 1 + next_random(seed) % 200, select[4] = {0};
	bool all = next_random(seed) % 3 == 0;

	if (added + count > RECORDS)
		count = RECORDS - added;
	for (uint64_t i = 0; i < count; i++)
		if (all || next_random(seed) % 2) {
			select[i / 64] |= UINT64_C(1) << (i % 64);
			unsettled[added + i] = 1;
		}
	flight_add(flight, added, count, all ? NULL : select);
	return added + count;
}

static void settling_in_any_order_moves_the_cursor_like_the_model(void **state)
{
	(void)state;
	for (uint64_t round = 1; round <= 50; round++) {
		uint64_t seed = round * 7919, added = 0, cursor = 0;
		uint8_t unsettled[RECORDS] = {0};
		struct flight flight;

		flight_init(&flight, 0);
		while (added < RECORDS || cursor < added) {
			if (added < RECORDS && next_random(&seed) % 3 == 0)
				added = add_batch(&flight, unsettled, added, &seed);
			if (added > cursor) {
				uint64_t first = cursor + next_random(&seed) % (added - cursor), last = first + next_random(&seed) % 90;
				uint64_t expected = 0;

				for (uint64_t i = first; i <= last && i < added; i++) {
					expected += unsettled[i];
					unsettled[i] = 0;
				}
				assert_int_equal(flight_settle(&flight, first, last), expected);
			}
			cursor = model_cursor(unsettled, cursor, added);
			assert_int_equal(flight_cursor(&flight), cursor);
			assert_int_equal(flight_unsettled(&flight, added), model_count(unsettled, added));
		}
		flight_fini(&flight);
	}
}

static void a_rewind_keeps_the_cursor_and_forgets_the_rest(void **state)
{
	struct flight flight;

	(void)state;
	flight_init(&flight, 100);
	flight_add(&flight, 100, 50, NULL);
	flight_add(&flight, 150, 50, NULL);
	flight_settle(&flight, 100, 119);
	flight_settle(&flight, 160, 199);
	assert_int_equal(flight_unsettled(&flight, 200), 40);
	assert_int_equal(flight_unsettled(&flight, 130), 10);
	flight_rewind(&flight);
	assert_int_equal(flight_cursor(&flight), 120);
	assert_int_equal(flight_unsettled(&flight, 200), 0);
	flight_fini(&flight);
}

static void settling_twice_counts_once(void **state)
{
	struct flight flight;

	(void)state;
	flight_init(&flight, 0);
	flight_add(&flight, 0, 128, NULL);
	assert_int_equal(flight_settle(&flight, 0, 63), 64);
	assert_int_equal(flight_settle(&flight, 0, 127), 64);
	assert_int_equal(flight_cursor(&flight), 128);
	assert_int_equal(flight_settle(&flight, 5, 9), 0);
	flight_fini(&flight);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settling_in_any_order_moves_the_cursor_like_the_model),
		cmocka_unit_test(a_rewind_keeps_the_cursor_and_forgets_the_rest),
		cmocka_unit_test(settling_twice_counts_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
