/* New York set its clocks back on 2026-11-01 (day 305) at 02:00 and forward on 2026-03-08 (day 067) at 02:00. */
#include "parser_rig.h"

static struct zos_clock clock_in(const char *zone)
{
	struct zos_clock clock;
	struct lg_strings none = {0};
	struct lg_err err;

	assert_int_equal(zos_clock_init(&clock, zone, &none, &err), LG_OK);
	return clock;
}

/* "2026-11-01T05:30:00.000Z", with a "?" behind it when ambiguous. */
static const char *at(struct zos_clock *clock, const char *system, const char *date_and_time)
{
	static char text[40];
	const char *blank = strchr(date_and_time, ' ');
	struct lg_str date = {date_and_time, (size_t)(blank - date_and_time)};
	struct zos_instant instant;

	zos_clock_read(clock, lg_str_from(system), date, blank + 1, &instant);
	if (instant.utc_ns == LG_TIME_UNKNOWN)
		return "unknown";
	clock_format_utc(instant.utc_ns, 3, text);
	if (instant.ambiguous)
		strcat(text, "?");
	return text;
}

static void ordinary_times_follow_the_zone_in_both_halves_of_the_year(void **state)
{
	struct zos_clock clock = clock_in("America/New_York");

	(void)state;
	assert_string_equal(at(&clock, "SYSA", "26015 10:00:00.25"), "2026-01-15T15:00:00.250Z");
	assert_string_equal(at(&clock, "SYSA", "26182 10:00:00.01"), "2026-07-01T14:00:00.010Z");
	assert_string_equal(at(&clock, "SYSA", "2026182 23:59:59.99"), "2026-07-02T03:59:59.990Z");
	assert_string_equal(at(&clock, "SYSA", "24366 12:00:00.00"), "2024-12-31T17:00:00.000Z");
	assert_string_equal(at(&clock, "SYSA", "99001 12:00:00.00"), "1999-01-01T17:00:00.000Z");
	zos_clock_fini(&clock);
}

static void the_repeated_hour_is_told_by_order(void **state)
{
	struct zos_clock clock = clock_in("America/New_York");

	(void)state;
	assert_string_equal(at(&clock, "SYSA", "26305 00:59:59.99"), "2026-11-01T04:59:59.990Z");
	assert_string_equal(at(&clock, "SYSA", "26305 01:10:00.00"), "2026-11-01T05:10:00.000Z");
	assert_string_equal(at(&clock, "SYSA", "26305 01:59:59.00"), "2026-11-01T05:59:59.000Z");
	assert_string_equal(at(&clock, "SYSA", "26305 01:59:58.00"), "2026-11-01T05:59:58.000Z"); /* a little out of order */
	assert_string_equal(at(&clock, "SYSA", "26305 01:00:00.00"), "2026-11-01T06:00:00.000Z"); /* the clock stepped back */
	assert_string_equal(at(&clock, "SYSA", "26305 01:59:59.00"), "2026-11-01T06:59:59.000Z");
	assert_string_equal(at(&clock, "SYSA", "26305 02:00:00.00"), "2026-11-01T07:00:00.000Z");
	assert_string_equal(
	        at(&clock, "SYSA", "26305 01:59:59.99"), "2026-11-01T06:59:59.990Z"); /* a straggler of the second pass */
	zos_clock_fini(&clock);
}

static void records_a_minute_out_of_order_do_not_start_the_second_pass(void **state)
{
	struct zos_clock clock = clock_in("America/New_York");

	(void)state;
	at(&clock, "SYSA", "26305 00:59:00.00");
	at(&clock, "SYSA", "26305 01:30:00.00");
	assert_string_equal(at(&clock, "SYSA", "26305 01:29:00.00"), "2026-11-01T05:29:00.000Z");
	assert_string_equal(at(&clock, "SYSA", "26305 01:28:10.00"), "2026-11-01T05:28:10.000Z");
	assert_string_equal(at(&clock, "SYSA", "26305 01:27:50.00"), "2026-11-01T06:27:50.000Z");
	zos_clock_fini(&clock);
}

static void each_system_has_its_own_order(void **state)
{
	struct zos_clock clock = clock_in("America/New_York");

	(void)state;
	at(&clock, "SYSA", "26305 00:50:00.00");
	at(&clock, "SYSB", "26305 00:50:00.00");
	assert_string_equal(at(&clock, "SYSA", "26305 01:50:00.00"), "2026-11-01T05:50:00.000Z");
	assert_string_equal(at(&clock, "SYSA", "26305 01:05:00.00"), "2026-11-01T06:05:00.000Z");
	assert_string_equal(at(&clock, "SYSB", "26305 01:50:00.00"), "2026-11-01T05:50:00.000Z");
	assert_string_equal(at(&clock, "SYSA", "26305 01:50:00.00"), "2026-11-01T06:50:00.000Z");
	zos_clock_fini(&clock);
}

static void without_a_predecessor_the_repeated_hour_is_ambiguous_until_the_clock_steps_back(void **state)
{
	struct zos_clock clock = clock_in("America/New_York");

	(void)state;
	assert_string_equal(at(&clock, "SYSA", "26305 01:30:00.00"), "2026-11-01T05:30:00.000Z?");
	assert_string_equal(at(&clock, "SYSA", "26305 01:40:00.00"), "2026-11-01T05:40:00.000Z?");
	assert_string_equal(at(&clock, "SYSA", "26305 01:02:00.00"), "2026-11-01T06:02:00.000Z");
	zos_clock_fini(&clock);
}

static void a_file_of_another_day_behind_says_nothing_about_the_pass(void **state)
{
	struct zos_clock clock = clock_in("America/New_York");

	(void)state;
	at(&clock, "SYSA", "26306 09:00:00.00");
	assert_string_equal(at(&clock, "SYSA", "26305 01:30:00.00"), "2026-11-01T05:30:00.000Z?");
	zos_clock_fini(&clock);
}

static void a_time_that_the_spring_change_skipped_counts_by_the_old_offset(void **state)
{
	struct zos_clock clock = clock_in("America/New_York");

	(void)state;
	assert_string_equal(at(&clock, "SYSA", "26067 01:59:59.00"), "2026-03-08T06:59:59.000Z");
	assert_string_equal(at(&clock, "SYSA", "26067 02:30:00.00"), "2026-03-08T07:30:00.000Z?");
	assert_string_equal(at(&clock, "SYSA", "26067 03:00:00.00"), "2026-03-08T07:00:00.000Z");
	zos_clock_fini(&clock);
}

static void impossible_dates_and_times_have_no_instant(void **state)
{
	static const char *const wrong[] = {"26000 10:00:00.00", "26366 10:00:00.00", "24367 10:00:00.00", "26015 24:00:00.00",
	        "26015 10:60:00.00", "26015 10:00:60.00", "1900001 10:00:00.00", "9999365 10:00:00.00"};
	struct zos_clock clock = clock_in("America/New_York");

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_string_equal(at(&clock, "SYSA", wrong[i]), "unknown");
	zos_clock_fini(&clock);
}

static void single_systems_may_have_zones_of_their_own(void **state)
{
	char *items[] = {"SYSB", "Europe/Berlin"};
	struct lg_strings systems = {items, 2};
	struct zos_clock clock;
	struct lg_err err;

	(void)state;
	assert_int_equal(zos_clock_init(&clock, "America/New_York", &systems, &err), LG_OK);
	assert_string_equal(at(&clock, "SYSA", "26015 10:00:00.00"), "2026-01-15T15:00:00.000Z");
	assert_string_equal(at(&clock, "SYSB", "26015 10:00:00.00"), "2026-01-15T09:00:00.000Z");
	zos_clock_fini(&clock);
}

static void a_wrong_zone_is_named_with_its_system(void **state)
{
	char *items[] = {"SYSB", "Europe/Berlinn"};
	struct lg_strings systems = {items, 2};
	struct zos_clock clock;
	struct lg_err err;

	(void)state;
	assert_int_not_equal(zos_clock_init(&clock, "America/New_York", &systems, &err), LG_OK);
	assert_non_null(strstr(err.text, "timezones: SYSB"));
	items[0] = "SYSTEMTOOLONG";
	assert_int_equal(zos_clock_init(&clock, "America/New_York", &systems, &err), LG_INVALID);
}

static void the_order_survives_a_save(void **state)
{
	uint8_t saved[ZOS_CLOCK_SYSTEMS * ZOS_ORDER_SIZE];
	struct zos_clock before = clock_in("America/New_York");
	struct zos_clock after = clock_in("America/New_York");
	size_t size;

	(void)state;
	at(&before, "SYSA", "26305 00:50:00.00");
	at(&before, "SYSB", "26305 01:40:00.00");
	at(&before, "SYSA", "26305 01:50:00.00");
	at(&before, "SYSA", "26305 01:01:00.00");
	size = zos_clock_save(&before, saved);
	assert_int_equal(size, 2 * ZOS_ORDER_SIZE);
	assert_true(zos_clock_load(&after, saved, size));
	assert_string_equal(at(&after, "SYSA", "26305 01:59:00.00"), "2026-11-01T06:59:00.000Z");
	assert_string_equal(at(&after, "SYSB", "26305 01:45:00.00"), "2026-11-01T05:45:00.000Z?");
	assert_string_equal(at(&after, "SYSB", "26305 01:02:00.00"), "2026-11-01T06:02:00.000Z");
	zos_clock_fini(&before);
	zos_clock_fini(&after);
}

static void beyond_the_limit_the_system_unseen_for_longest_is_forgotten_the_same_with_and_without_a_save(void **state)
{
	uint8_t saved[ZOS_CLOCK_SYSTEMS * ZOS_ORDER_SIZE];
	struct zos_clock kept = clock_in("America/New_York");
	struct zos_clock loaded = clock_in("America/New_York");
	char name[16];

	(void)state;
	for (int i = 0; i < ZOS_CLOCK_SYSTEMS; i++) {
		snprintf(name, sizeof(name), "S%d", i);
		at(&kept, name, "26305 00:50:00.00");
	}
	at(&kept, "S0", "26305 00:51:00.00");
	assert_true(zos_clock_load(&loaded, saved, zos_clock_save(&kept, saved)));
	at(&kept, "NEW", "26305 00:52:00.00");
	at(&loaded, "NEW", "26305 00:52:00.00");
	/* S1 went, S0 was seen after it. */
	assert_string_equal(at(&kept, "S0", "26305 01:10:00.00"), "2026-11-01T05:10:00.000Z");
	assert_string_equal(at(&loaded, "S0", "26305 01:10:00.00"), "2026-11-01T05:10:00.000Z");
	assert_string_equal(at(&kept, "S1", "26305 01:10:00.00"), "2026-11-01T05:10:00.000Z?");
	assert_string_equal(at(&loaded, "S1", "26305 01:10:00.00"), "2026-11-01T05:10:00.000Z?");
	zos_clock_fini(&kept);
	zos_clock_fini(&loaded);
}

static void damaged_order_is_refused(void **state)
{
	uint8_t bytes[ZOS_ORDER_SIZE * 2] = {0};
	struct zos_clock clock = clock_in("UTC");

	(void)state;
	assert_false(zos_clock_load(&clock, bytes, ZOS_ORDER_SIZE + 1));
	bytes[8] = 200;
	assert_false(zos_clock_load(&clock, bytes, ZOS_ORDER_SIZE));
	zos_clock_fini(&clock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(ordinary_times_follow_the_zone_in_both_halves_of_the_year),
	        cmocka_unit_test(the_repeated_hour_is_told_by_order),
	        cmocka_unit_test(records_a_minute_out_of_order_do_not_start_the_second_pass),
	        cmocka_unit_test(each_system_has_its_own_order),
	        cmocka_unit_test(without_a_predecessor_the_repeated_hour_is_ambiguous_until_the_clock_steps_back),
	        cmocka_unit_test(a_file_of_another_day_behind_says_nothing_about_the_pass),
	        cmocka_unit_test(a_time_that_the_spring_change_skipped_counts_by_the_old_offset),
	        cmocka_unit_test(impossible_dates_and_times_have_no_instant),
	        cmocka_unit_test(single_systems_may_have_zones_of_their_own),
	        cmocka_unit_test(a_wrong_zone_is_named_with_its_system),
	        cmocka_unit_test(the_order_survives_a_save),
	        cmocka_unit_test(beyond_the_limit_the_system_unseen_for_longest_is_forgotten_the_same_with_and_without_a_save),
	        cmocka_unit_test(damaged_order_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
