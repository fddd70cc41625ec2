/* clock: civil dates against the C library, formats, the fake clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "time.h"
#include "base/clock.h"

static void days_and_civil_dates_agree_with_the_c_library(void **state)
{
	(void)state;
	for (int64_t days = -200000; days < 200000; days += 13) {
		time_t seconds = (time_t)(days * 86400);
		struct tm tm;
		int64_t year;
		int month, day;

		gmtime_r(&seconds, &tm);
		clock_civil_from_days(days, &year, &month, &day);
		assert_int_equal(year, tm.tm_year + 1900);
		assert_int_equal(month, tm.tm_mon + 1);
		assert_int_equal(day, tm.tm_mday);
		assert_true(clock_days_from_civil(year, month, day) == days);
	}
}

static void known_days(void **state)
{
	(void)state;
	assert_int_equal(clock_days_from_civil(1970, 1, 1), 0);
	assert_int_equal(clock_days_from_civil(2000, 2, 29), 11016);
	assert_int_equal(clock_days_from_civil(1969, 12, 31), -1);
	assert_int_equal(clock_days_from_civil(2100, 3, 1) - clock_days_from_civil(2100, 2, 28), 1);
}

static void assert_format(int64_t ns, int digits, const char *want)
{
	char out[32];

	assert_ptr_equal(clock_format_utc(ns, digits, out), out);
	assert_string_equal(out, want);
}

static void instants_print_as_rfc_3339(void **state)
{
	(void)state;
	assert_format(0, 0, "1970-01-01T00:00:00Z");
	assert_format(INT64_C(1795392600123456789), 9, "2026-11-23T00:10:00.123456789Z");
	assert_format(INT64_C(1795392600123456789), 6, "2026-11-23T00:10:00.123456Z");
	assert_format(INT64_C(1795392600123456789), 3, "2026-11-23T00:10:00.123Z");
	assert_format(INT64_C(1795392600003000000), 3, "2026-11-23T00:10:00.003Z");
	assert_format(-1, 9, "1969-12-31T23:59:59.999999999Z");
	assert_format(-CLOCK_SECOND, 0, "1969-12-31T23:59:59Z");
	assert_format(INT64_C(951782400) * CLOCK_SECOND, 0, "2000-02-29T00:00:00Z");
}

static void a_fake_clock_stands_until_told(void **state)
{
	struct clock_fake fake = {5, 7};
	struct clock clock = clock_fake_on(&fake);

	(void)state;
	assert_int_equal(clock_mono(&clock), 5);
	assert_int_equal(clock_utc(&clock), 7);
	fake.mono_ns += 10;
	assert_int_equal(clock_mono(&clock), 15);
	assert_int_equal(clock_utc(&clock), 7);
}

static void the_system_clock_does_not_step_back(void **state)
{
	int64_t before = clock_mono(&clock_system);

	(void)state;
	for (int i = 0; i < 1000; i++) {
		int64_t now = clock_mono(&clock_system);

		assert_true(now >= before);
		before = now;
	}
	/* and the other one tells the time: within a minute of time(2) */
	assert_true(llabs(clock_utc(&clock_system) / CLOCK_SECOND - (int64_t)time(NULL)) < 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(days_and_civil_dates_agree_with_the_c_library),
		cmocka_unit_test(known_days),
		cmocka_unit_test(instants_print_as_rfc_3339),
		cmocka_unit_test(a_fake_clock_stands_until_told),
		cmocka_unit_test(the_system_clock_does_not_step_back),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
