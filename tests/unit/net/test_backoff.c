#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "net/backoff.h"

static int64_t cap_after(unsigned failures)
{
	int64_t cap = BACKOFF_BASE_NS;

	while (failures-- && cap < BACKOFF_MAX_NS)
		cap *= 2;
	return cap < BACKOFF_MAX_NS ? cap : BACKOFF_MAX_NS;
}

static void delays_fill_their_range_and_never_leave_it(void **state)
{
	int64_t low[10], high[10];

	(void)state;
	for (int i = 0; i < 10; i++) {
		low[i] = INT64_MAX;
		high[i] = 0;
	}
	for (uint64_t seed = 0; seed < 2000; seed++) {
		struct backoff backoff;

		backoff_init(&backoff, seed);
		for (unsigned i = 0; i < 10; i++) {
			int64_t delay = backoff_next(&backoff);

			assert_true(delay >= BACKOFF_FLOOR_NS && delay <= cap_after(i));
			low[i] = delay < low[i] ? delay : low[i];
			high[i] = delay > high[i] ? delay : high[i];
		}
	}
	for (unsigned i = 0; i < 10; i++) {
		assert_true(low[i] < BACKOFF_FLOOR_NS + cap_after(i) / 50);
		assert_true(high[i] > cap_after(i) - cap_after(i) / 50);
	}
	assert_int_equal(cap_after(0), 500000000);
	assert_int_equal(cap_after(9), 30000000000);
}

static void the_same_seed_gives_the_same_delays_and_another_one_others(void **state)
{
	struct backoff a, b, c;
	int differ = 0;

	(void)state;
	backoff_init(&a, 1);
	backoff_init(&b, 1);
	backoff_init(&c, 2);
	for (int i = 0; i < 20; i++) {
		int64_t delay = backoff_next(&a);

		assert_int_equal(delay, backoff_next(&b));
		differ += delay != backoff_next(&c);
	}
	assert_true(differ >= 19);
}

static void after_a_success_the_first_delay_is_short_again(void **state)
{
	struct backoff backoff;

	(void)state;
	backoff_init(&backoff, 3);
	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < 200; i++)
			backoff_next(&backoff);
		backoff_reset(&backoff);
		assert_true(backoff_next(&backoff) <= BACKOFF_BASE_NS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delays_fill_their_range_and_never_leave_it),
		cmocka_unit_test(the_same_seed_gives_the_same_delays_and_another_one_others),
		cmocka_unit_test(after_a_success_the_first_delay_is_short_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
