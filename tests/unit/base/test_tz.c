/* tz: transitions, footer rules, folds and gaps; and agreement with the C library over whole zones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/tz.h"
#include "base/wire.h"

static struct tz *open_zone(const char *name)
{
	struct lg_err err;
	struct tz *tz;

	if (tz_open(&tz, name, &err) != LG_OK)
		fail_msg("%s", err.text);
	return tz;
}

static int64_t at(int64_t year, int month, int day, int hour, int minute)
{
	return clock_days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60;
}

static void new_york_has_its_offsets(void **state)
{
	struct tz *tz = open_zone("America/New_York");

	(void)state;
	assert_string_equal(tz_name(tz), "America/New_York");
	assert_int_equal(tz_offset(tz, at(2026, 1, 15, 12, 0)), -18000);
	assert_int_equal(tz_offset(tz, at(2026, 7, 15, 12, 0)), -14400);
	/* the year 2150 comes from the footer rule */
	assert_int_equal(tz_offset(tz, at(2150, 1, 15, 12, 0)), -18000);
	assert_int_equal(tz_offset(tz, at(2150, 7, 15, 12, 0)), -14400);
	tz_free(tz);
}

static void the_autumn_hour_has_two_instants(void **state)
{
	struct tz *tz = open_zone("America/New_York");
	int64_t utc[2];

	(void)state;
	assert_int_equal(tz_from_local(tz, at(2026, 11, 1, 1, 30), utc), 2);
	assert_int_equal(utc[0], at(2026, 11, 1, 5, 30));
	assert_int_equal(utc[1], at(2026, 11, 1, 6, 30));
	assert_int_equal(tz_from_local(tz, at(2026, 11, 1, 0, 59), utc), 1);
	assert_int_equal(utc[0], at(2026, 11, 1, 4, 59));
	assert_int_equal(utc[1], utc[0]);
	assert_int_equal(tz_from_local(tz, at(2026, 11, 1, 2, 0), utc), 1);
	assert_int_equal(utc[0], at(2026, 11, 1, 7, 0));
	tz_free(tz);
}

static void the_spring_hour_has_none(void **state)
{
	struct tz *tz = open_zone("America/New_York");
	int64_t utc[2];

	(void)state;
	assert_int_equal(tz_from_local(tz, at(2026, 3, 8, 2, 30), utc), 0);
	assert_int_equal(utc[0], at(2026, 3, 8, 7, 30));
	assert_int_equal(utc[1], at(2026, 3, 8, 6, 30));
	assert_int_equal(tz_from_local(tz, at(2026, 3, 8, 3, 0), utc), 1);
	assert_int_equal(utc[0], at(2026, 3, 8, 7, 0));
	tz_free(tz);
}

static void a_span_holds_exactly_the_unambiguous_times(void **state)
{
	struct tz *tz = open_zone("America/New_York");
	struct tz_span span;

	(void)state;
	assert_true(tz_local_span(tz, at(2026, 7, 1, 0, 0), &span));
	assert_int_equal(span.offset, -14400);
	assert_int_equal(span.begin, at(2026, 3, 8, 3, 0));
	assert_int_equal(span.end, at(2026, 11, 1, 1, 0));
	assert_true(tz_local_span(tz, at(2026, 12, 1, 0, 0), &span));
	assert_int_equal(span.begin, at(2026, 11, 1, 2, 0));
	assert_int_equal(span.end, at(2027, 3, 14, 2, 0));
	assert_false(tz_local_span(tz, at(2026, 11, 1, 1, 30), &span));
	assert_false(tz_local_span(tz, at(2026, 3, 8, 2, 30), &span));
	assert_int_equal(span.begin, span.end);
	tz_free(tz);
}

static void utc_is_one_span(void **state)
{
	struct tz *tz = open_zone("UTC");
	struct tz_span span;

	(void)state;
	assert_int_equal(tz_offset(tz, 0), 0);
	assert_true(tz_local_span(tz, 0, &span));
	assert_int_equal(span.begin, INT64_MIN);
	assert_int_equal(span.end, INT64_MAX);
	tz_free(tz);
}

/* Southern, negative daylight time (Dublin), half hours, no rule, odd history. */
static const char *const zones[] = {
	"America/New_York", "Europe/Berlin",     "Australia/Sydney",  "Australia/Lord_Howe", "Europe/Dublin",
	"Asia/Kolkata",     "America/Sao_Paulo", "Africa/Casablanca", "Pacific/Apia",        "Asia/Tehran",
	"America/Nuuk",     "America/Santiago",  "Antarctica/Troll",  "Etc/GMT+5",           "UTC"};

static void every_zone_agrees_with_the_c_library(void **state)
{
	(void)state;
	for (size_t z = 0; z < sizeof(zones) / sizeof(zones[0]); z++) {
		struct tz *tz = open_zone(zones[z]);

		setenv("TZ", zones[z], 1);
		tzset();
		for (int64_t t = at(1901, 12, 20, 0, 0); t < at(2190, 1, 1, 0, 0); t += 13 * 3600 + 1800 + 7) {
			time_t value = (time_t)t;
			struct tm tm;
			int64_t local, utc[2];
			int found;

			localtime_r(&value, &tm);
			local = clock_days_from_civil(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday) * 86400 + tm.tm_hour * 3600 +
			        tm.tm_min * 60 + tm.tm_sec;
			if (tz_offset(tz, t) != local - t)
				fail_msg("%s at %lld: offset %d, the C library says %lld", zones[z], (long long)t,
				         tz_offset(tz, t), (long long)(local - t));
			found = tz_from_local(tz, local, utc);
			if (found < 1 || (utc[0] != t && utc[1] != t))
				fail_msg("%s at %lld: %d candidates, none of them right", zones[z], (long long)t, found);
		}
		tz_free(tz);
	}
	unsetenv("TZ");
	tzset();
}

static void names_that_leave_the_directory_are_refused(void **state)
{
	static const char *const bad[] = {"", "/etc/passwd", "../../etc/passwd", "America/../UTC", "America/", "Foo Bar", "a\nb"};
	struct lg_err err;
	struct tz *tz;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(tz_open(&tz, bad[i], &err), LG_INVALID);
		assert_null(tz);
	}
	assert_int_equal(tz_open(&tz, "America/Nowhere", &err), LG_NOTFOUND);
	assert_int_equal(tz_open(&tz, "America", &err), LG_INVALID);
	assert_int_equal(tz_open(&tz, "tzdata.zi", &err), LG_INVALID);
}

/* A version 2 file without transitions: everything comes from the footer. */
static size_t make_file(uint8_t *file, const char *footer)
{
	size_t n = 0;

	for (int part = 0; part < 2; part++) {
		uint8_t *h = file + n;

		memset(h, 0, 44);
		memcpy(h, "TZif2", 5);
		wire_put_u32(h + 36, 1); /* typecnt */
		wire_put_u32(h + 40, 4); /* charcnt */
		n += 44;
		memset(file + n, 0, 6);
		memcpy(file + n + 6, "XXX", 4);
		n += 10;
	}
	n += (size_t)sprintf((char *)file + n, "\n%s\n", footer);
	return n;
}

static int32_t footer_offset(const char *footer, int64_t t)
{
	uint8_t file[300];
	struct lg_err err;
	struct tz *tz;
	int32_t offset;

	if (tz_decode(&tz, "X", file, make_file(file, footer), &err) != LG_OK)
		return INT32_MIN;
	offset = tz_offset(tz, t);
	tz_free(tz);
	return offset;
}

static void footer_rules_of_every_form_are_understood(void **state)
{
	(void)state;
	assert_int_equal(footer_offset("JST-9", 0), 32400);
	assert_int_equal(footer_offset("<+0330>-3:30", 0), 12600);
	assert_int_equal(footer_offset("EST5EDT,M3.2.0,M11.1.0", at(2026, 7, 1, 0, 0)), -14400);
	/* last Sunday; J60 is 1 March in every year; n 59 is 29 February in a leap year */
	assert_int_equal(footer_offset("CET-1CEST,M3.5.0,M10.5.0/3", at(2026, 3, 29, 0, 59)), 3600);
	assert_int_equal(footer_offset("CET-1CEST,M3.5.0,M10.5.0/3", at(2026, 3, 29, 1, 0)), 7200);
	assert_int_equal(footer_offset("AAA0BBB,J60/0,J300", at(2024, 2, 29, 23, 59)), 0);
	assert_int_equal(footer_offset("AAA0BBB,J60/0,J300", at(2024, 3, 1, 0, 0)), 3600);
	assert_int_equal(footer_offset("AAA0BBB,59/0,300", at(2024, 2, 28, 23, 59)), 0);
	assert_int_equal(footer_offset("AAA0BBB,59/0,300", at(2024, 2, 29, 0, 0)), 3600);
	/* hours beyond the day, RFC 8536 section 3.3.1: Saturday 22:00 before the last Sunday */
	assert_int_equal(footer_offset("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", at(2026, 3, 29, 0, 59)), -7200);
	assert_int_equal(footer_offset("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", at(2026, 3, 29, 1, 0)), -3600);
	/* daylight time all the year */
	assert_int_equal(footer_offset("XXX3EDT4,0/0,J365/23", at(2026, 1, 1, 4, 0)), -14400);
	assert_int_equal(footer_offset("XXX3EDT4,0/0,J365/23", at(2026, 7, 1, 0, 0)), -14400);
	assert_int_equal(footer_offset("XXX3EDT4,0/0,J365/23", at(2026, 12, 31, 23, 0)), -14400);
	/* not rules */
	assert_int_equal(footer_offset("EST", 0), INT32_MIN);
	assert_int_equal(footer_offset("EST5EDT,M13.1.0,M11.1.0", 0), INT32_MIN);
	assert_int_equal(footer_offset("EST5EDT,M3.2.0", 0), INT32_MIN);
	assert_int_equal(footer_offset("EST5EDT,M3.2.0,M11.1.0x", 0), INT32_MIN);
}

static void every_truncation_of_a_file_is_survived(void **state)
{
	char path[256];
	uint8_t data[8192], *copy;
	size_t size;
	FILE *file;

	(void)state;
	snprintf(path, sizeof(path), "%s/Europe/Berlin", getenv("TZDIR") ? getenv("TZDIR") : "/usr/share/zoneinfo");
	file = fopen(path, "rb");
	assert_non_null(file);
	size = fread(data, 1, sizeof(data), file);
	fclose(file);
	for (size_t n = 0; n < size; n++) {
		struct lg_err err;
		struct tz *tz;
		enum lg_rc rc;

		copy = malloc(n ? n : 1); /* exact size: ASan sees a read behind it */
		assert_non_null(copy);
		memcpy(copy, data, n);
		rc = tz_decode(&tz, "X", copy, n, &err);
		free(copy);
		if (rc == LG_OK) /* cut exactly before the footer */
			tz_free(tz);
		else
			assert_int_equal(rc, LG_INVALID);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_york_has_its_offsets),
		cmocka_unit_test(the_autumn_hour_has_two_instants),
		cmocka_unit_test(the_spring_hour_has_none),
		cmocka_unit_test(a_span_holds_exactly_the_unambiguous_times),
		cmocka_unit_test(utc_is_one_span),
		cmocka_unit_test(every_zone_agrees_with_the_c_library),
		cmocka_unit_test(names_that_leave_the_directory_are_refused),
		cmocka_unit_test(footer_rules_of_every_form_are_understood),
		cmocka_unit_test(every_truncation_of_a_file_is_survived),
	};

	return cmocka_run_group_tests_name("tz", tests, NULL, NULL);
}
