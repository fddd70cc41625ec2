#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "output_syslog/marks.h"

static void nothing_is_taken_before_it_was_written_and_acknowledged(void **state)
{
	struct marks marks;
	uint64_t first = 0, last = 0;

	(void)state;
	marks_init(&marks, 100);
	assert_true(marks_add(&marks, 1, 150, true));
	assert_true(marks_add(&marks, 2, 300, true));
	assert_false(marks_take(&marks, UINT64_MAX, UINT64_MAX, &first, &last));
	marks_written(&marks, 299, 350); /* one byte of record 2 is missing */
	assert_false(marks_take(&marks, 349, UINT64_MAX, &first, &last));
	assert_true(marks_take(&marks, 350, UINT64_MAX, &first, &last));
	assert_int_equal(first, 1);
	assert_int_equal(last, 1);
	assert_int_equal(marks.settled, 150);
	assert_false(marks_take(&marks, UINT64_MAX, UINT64_MAX, &first, &last));
	assert_false(marks_empty(&marks));
	marks_written(&marks, 300, 400);
	assert_true(marks_take(&marks, UINT64_MAX, UINT64_MAX, &first, &last));
	assert_int_equal(first, 2);
	assert_int_equal(last, 2);
	assert_true(marks_empty(&marks));
	marks_fini(&marks);
}

static void small_records_share_a_mark_and_settle_with_its_last(void **state)
{
	struct marks marks;
	uint64_t first = 0, last = 0;

	(void)state;
	marks_init(&marks, 100);
	assert_true(marks_add(&marks, 1, 40, true));
	marks_written(&marks, 40, 60);
	assert_true(marks_add(&marks, 2, 80, true)); /* the mark grows after it was written */
	assert_false(marks_take(&marks, UINT64_MAX, UINT64_MAX, &first, &last));
	marks_written(&marks, 80, 110);
	assert_false(marks_take(&marks, 109, UINT64_MAX, &first, &last));
	assert_true(marks_take(&marks, 110, UINT64_MAX, &first, &last));
	assert_int_equal(first, 1);
	assert_int_equal(last, 2);
	marks_fini(&marks);
}

/* Against the plain model: record n ends at plaintext 10 n, and at wire 10 n + 7. */
static void the_ring_grows_and_goes_round(void **state)
{
	struct marks marks;
	uint64_t added = 0, written = 0, taken = 0, acked = 0;

	(void)state;
	marks_init(&marks, 30);
	for (unsigned round = 0; round < 20000; round++) {
		uint64_t first, last;

		for (unsigned i = 0; i < round % 7; i++) {
			added++;
			assert_true(marks_add(&marks, added, added * 10, true));
		}
		if (round % 3 == 0) {
			written = added * 10;
			marks_written(&marks, written, written + 7);
		}
		if (round % 1000 < 500 && written > 50) /* for a while nothing is acknowledged */
			acked = written - 50;
		if (marks_take(&marks, acked, UINT64_MAX, &first, &last)) {
			assert_int_equal(first, taken + 1);
			assert_true(last >= first && last * 10 + 7 <= acked);
			taken = last;
		}
	}
	assert_true(taken > 50000);
	assert_true(marks.cap > 256);
	marks_fini(&marks);
}

static void marks_that_are_not_joined_settle_apart_and_none_above_the_bound(void **state)
{
	struct marks marks;
	uint64_t first, last;

	(void)state;
	marks_init(&marks, 100);
	assert_true(marks_add(&marks, 1, 10, false));
	assert_true(marks_add(&marks, 2, 20, true));
	assert_true(marks_add(&marks, 7, 30, false)); /* 3 to 6 went to another server */
	assert_true(marks_add(&marks, 4, 40, false)); /* offered again, after that one failed */
	marks_written(&marks, 40, 50);
	assert_false(marks_take(&marks, 50, 2, &first, &last));
	assert_true(marks_take(&marks, 50, 5, &first, &last));
	assert_true(first == 1 && last == 2);
	assert_false(marks_take(&marks, 50, 5, &first, &last)); /* 7 stands in front of 4: positions are settled in order */
	assert_true(marks_take(&marks, 50, 8, &first, &last));
	assert_true(first == 7 && last == 7);
	assert_true(marks_take(&marks, 50, 8, &first, &last));
	assert_true(first == 4 && last == 4);
	assert_true(marks_empty(&marks));
	marks_fini(&marks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_taken_before_it_was_written_and_acknowledged),
		cmocka_unit_test(small_records_share_a_mark_and_settle_with_its_last),
		cmocka_unit_test(the_ring_grows_and_goes_round),
		cmocka_unit_test(marks_that_are_not_joined_settle_apart_and_none_above_the_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
