/* text: UTF-8 by its definition, numbers and units, the nearest word, globs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

/* RFC 3629 by arithmetic: decodes one sequence, 0 where it is not well-formed. */
static size_t reference_length(const uint8_t *p, size_t size)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc0 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf8 ? 4 : 0;
	uint32_t point = p[0];

	if (n == 0 || n > size)
		return 0;
	if (n > 1)
		point = p[0] & (0x7fU >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (p[i] & 0x3f);
	}
	return point < least[n] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000) ? 0 : n;
}

static void sequences_agree_with_the_definition(void **state)
{
	static const uint8_t tails[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff};

	(void)state;
	for (unsigned lead = 0; lead < 256; lead++) {
		for (unsigned i = 0; i < 1000; i++) {
			uint8_t p[4] = {(uint8_t)lead, tails[i % 10], tails[i / 10 % 10], tails[i / 100]};

			for (size_t size = 1; size <= 4; size++)
				assert_int_equal(text_utf8_length(p, size), reference_length(p, size));
		}
	}
	assert_int_equal(text_utf8_length((const uint8_t *)"", 0), 0);
}

static void every_code_point_goes_out_and_back(void **state)
{
	(void)state;
	for (uint32_t point = 0; point <= 0x10ffff; point += point < 0x3000 ? 1 : 61) {
		uint8_t out[4];
		size_t n = text_utf8_put(point, out);

		assert_int_equal(text_utf8_length(out, n), point >= 0xd800 && point < 0xe000 ? 0 : n);
	}
}

static void the_valid_prefix_ends_at_the_first_fault(void **state)
{
	char text[64];

	(void)state;
	/* the fault at every place: in and between the words it reads at a time */
	for (size_t at = 0; at < 40; at++) {
		memset(text, 'x', sizeof(text));
		text[at] = (char)0xff;
		assert_int_equal(text_utf8_valid((const uint8_t *)text, sizeof(text)), at);
		text[at] = (char)0xc3;
		text[at + 1] = (char)0xa9;
		assert_int_equal(text_utf8_valid((const uint8_t *)text, sizeof(text)), sizeof(text));
		assert_int_equal(text_utf8_valid((const uint8_t *)text, at + 1), at);
	}
	assert_int_equal(text_utf8_valid((const uint8_t *)"", 0), 0);
}

static void whole_numbers_are_read(void **state)
{
	static const struct {
		const char *text;
		int64_t value;
	} good[] = {{"0", 0}, {"-1", -1}, {"007", 7}, {"9223372036854775807", INT64_MAX}, {"-9223372036854775807", -INT64_MAX}};
	static const char *const bad[] = {"",     "-",  "1x", " 1", "+1", "9223372036854775808", "99999999999999999999",
	                                  "0x10", "1.5"};
	int64_t value;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(text_parse_i64(lg_str_from(good[i].text), &value));
		assert_true(value == good[i].value);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (text_parse_i64(lg_str_from(bad[i]), &value))
			fail_msg("\"%s\" was taken for %lld", bad[i], (long long)value);
}

static void sizes_have_binary_and_decimal_units(void **state)
{
	static const struct {
		const char *text;
		uint64_t value;
	} good[] = {{"0", 0}, {"4096", 4096}, {"64KiB", 65536}, {"10MiB", 10485760}, {"20GiB", UINT64_C(21474836480)},
	            {"1TiB", UINT64_C(1099511627776)}, {"5kB", 5000}, {"5MB", 5000000}, {"5GB", UINT64_C(5000000000)},
	            {"5TB", UINT64_C(5000000000000)}, {"7B", 7}, {"3 MiB", 3145728}};
	static const char *const bad[] = {"", "KiB", "-1", "1.5GiB", "10mib", "10 M", "9223372036854775807KiB", "8388608TiB"};
	uint64_t value;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(text_parse_size(lg_str_from(good[i].text), &value));
		assert_true(value == good[i].value);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (text_parse_size(lg_str_from(bad[i]), &value))
			fail_msg("\"%s\" was taken for %llu", bad[i], (unsigned long long)value);
}

static void durations_need_a_unit(void **state)
{
	static const struct {
		const char *text;
		int64_t value;
	} good[] = {{"0", 0}, {"5ns", 5}, {"100us", 100000}, {"10ms", 10000000}, {"5s", INT64_C(5000000000)},
	            {"2m", INT64_C(120000000000)}, {"24h", INT64_C(86400000000000)}, {"7d", INT64_C(604800000000000)}};
	static const char *const bad[] = {"", "5", "s", "-5s", "5sec", "1h30m", "200000000d"};
	int64_t value;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(text_parse_duration(lg_str_from(good[i].text), &value));
		assert_true(value == good[i].value);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (text_parse_duration(lg_str_from(bad[i]), &value))
			fail_msg("\"%s\" was taken for %lld", bad[i], (long long)value);
}

static void quantities_print_for_people(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} sizes[] = {{0, "0 B"}, {312, "312 B"}, {999, "999 B"}, {1000, "1.0 KiB"}, {1536, "1.5 KiB"}, {10239, "10 KiB"},
	             {1023590, "1.0 MiB"}, {UINT64_C(1610612736), "1.5 GiB"}, {UINT64_MAX, "16384 PiB"}};
	static const struct {
		int64_t ns;
		const char *text;
	} durations[] = {{0, "0 ms"}, {INT64_C(999999999), "999 ms"}, {INT64_C(4200000000), "4.2 s"}, {INT64_C(90000000000), "90 s"},
	                 {INT64_C(720000000000), "12 min"}, {INT64_C(12000000000000), "3 h 20 min"}, {INT64_C(360000000000000), "4 d 4 h"}};
	char out[32];

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		assert_string_equal(text_format_size(sizes[i].bytes, out), sizes[i].text);
	for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++)
		assert_string_equal(text_format_duration(durations[i].ns, out), durations[i].text);
	assert_string_equal(text_format_count(0, out), "0");
	assert_string_equal(text_format_count(999, out), "999");
	assert_string_equal(text_format_count(1234567, out), "1,234,567");
	assert_string_equal(text_format_count(UINT64_MAX, out), "18,446,744,073,709,551,615");
}

static unsigned distance(const char *a, const char *b)
{
	return text_distance(lg_str_from(a), lg_str_from(b));
}

static void the_distance_counts_typing_errors(void **state)
{
	char longest[65], longer[66];

	(void)state;
	assert_int_equal(distance("", ""), 0);
	assert_int_equal(distance("framing", "framing"), 0);
	assert_int_equal(distance("framing", "framng"), 1);
	assert_int_equal(distance("framing", "fraaming"), 1);
	assert_int_equal(distance("framing", "frbming"), 1);
	assert_int_equal(distance("framing", "farming"), 1); /* two neighbours changed places */
	assert_int_equal(distance("abc", ""), 3);
	assert_int_equal(distance("kitten", "sitting"), 3);
	assert_int_equal(distance("ab", "ba"), distance("ba", "ab"));
	memset(longest, 'a', 64);
	longest[64] = '\0';
	memset(longer, 'a', 65);
	longer[65] = '\0';
	assert_int_equal(distance(longest, longest), 0);
	assert_int_equal(distance(longer, longer), 64);
}

static void globs_match_whole_strings(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool match;
	} table[] = {
		{"", "", true},          {"", "a", false},        {"*", "", true},           {"*", "abc", true},        {"a?c", "abc", true},
		{"a?c", "ac", false},    {"ICH*", "ICH408I", true}, {"ICH*", "XICH", false}, {"*HASP*", "$HASP050", true},
		{"a*b*c", "a--b--c", true}, {"a*b*c", "a--c--b", false}, {"*aab", "aaaab", true}, {"a**b", "ab", true}, {"abc", "abcd", false},
		{"?", "", false},        {"*?", "x", true},       {"*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (text_glob(lg_str_from(table[i].pattern), lg_str_from(table[i].text)) != table[i].match)
			fail_msg("\"%s\" against \"%s\"", table[i].pattern, table[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sequences_agree_with_the_definition),
		cmocka_unit_test(every_code_point_goes_out_and_back),
		cmocka_unit_test(the_valid_prefix_ends_at_the_first_fault),
		cmocka_unit_test(whole_numbers_are_read),
		cmocka_unit_test(sizes_have_binary_and_decimal_units),
		cmocka_unit_test(durations_need_a_unit),
		cmocka_unit_test(quantities_print_for_people),
		cmocka_unit_test(the_distance_counts_typing_errors),
		cmocka_unit_test(globs_match_whole_strings),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
