/* charset: names, newlines, UTF-8 and UTF-16. The pages: test_pages.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "codec/charset.h"

static void every_usual_spelling_is_known(void **state)
{
	static const struct {
		const char *spelling, *name;
	} table[] = {
		{"UTF-8", "UTF-8"},         {"utf8", "UTF-8"},          {"Utf_8", "UTF-8"},          {"auto", "auto"},
		{"latin1", "ISO-8859-1"},   {"LATIN-1", "ISO-8859-1"},  {"iso8859-1", "ISO-8859-1"}, {"ISO_8859-1", "ISO-8859-1"},
		{"IBM-037", "IBM-037"},     {"CP037", "IBM-037"},       {"IBM037", "IBM-037"},       {"ibm-37", "IBM-037"},
		{"cp37", "IBM-037"},        {"037", "IBM-037"},         {"IBM-1047", "IBM-1047"},    {"cp1047", "IBM-1047"},
		{"IBM1047", "IBM-1047"},    {"1047", "IBM-1047"},       {"ibm_1047", "IBM-1047"},    {"CCSID 500", "IBM-500"},
		{"cp0273", "IBM-273"},      {"ibm-1140", "IBM-1140"},   {"x-IBM939", "IBM-939"},     {"Cp1141", "IBM-1141"},
		{"EBCDIC-CP-US", "IBM-037"}, {"ebcdic-cp-ch", "IBM-500"}, {"EBCDIC-DE-273+euro", "IBM-1141"}, {"UTF_16", "UTF-16"},
		{"utf-16le", "UTF-16LE"},   {"CCSID 1208", "UTF-8"},    {"1200", "UTF-16BE"},        {"819", "ISO-8859-1"},
		{"cp1252", "windows-1252"}, {"ISO8859-15", "ISO-8859-15"}, {"IBM-930", "IBM-930"},    {"ibm01148", "IBM-1148"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const char *name = charset_canonical(lg_str_from(table[i].spelling));

		assert_non_null(name);
		assert_string_equal(name, table[i].name);
	}
}

static void other_names_are_refused(void **state)
{
	static const char *const bad[] = {
		"", "-", "IBM-501", "IBM", "EBCDIC", "10470", "utf-17", "1047x", "IBM-037 with a very long tail behind it", "latin10", "cp123456"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_null(charset_canonical(lg_str_from(bad[i])));
}

static void names_and_ids_agree(void **state)
{
	(void)state;
	for (unsigned id = 0; id < CHARSET_COUNT; id++)
		assert_int_equal(charset_id_of(charset_name((enum charset_id)id)), id);
	assert_int_equal(charset_id_of("IBM037"), CHARSET_COUNT);
}

static const struct charset_decoder *decoder_of(enum charset_id id, enum charset_newline newline)
{
	const struct charset_decoder *decoder;
	struct lg_err err;

	if (charset_decoder_get(&decoder, id, newline, &err) != LG_OK)
		fail_msg("%s", err.text);
	return decoder;
}

static struct lg_str decode(enum charset_id id, const void *data, size_t size, struct lg_buf *scratch, uint64_t *substitutions)
{
	return charset_decode(decoder_of(id, CHARSET_NEWLINE_ANY), data, size, false, scratch, substitutions);
}

static void valid_utf8_is_not_copied(void **state)
{
	static const char text[] = "plain, gr\xc3\xbc\xc3\x9f""e, \xe2\x82\xac, \xf0\x9f\x90\x8c";
	struct lg_buf scratch = {0};
	uint64_t substitutions = 0;
	struct lg_str s = decode(CHARSET_UTF_8, text, sizeof(text) - 1, &scratch, &substitutions);

	(void)state;
	assert_ptr_equal(s.data, text);
	assert_int_equal(s.size, sizeof(text) - 1);
	assert_int_equal(substitutions, 0);
	s = decode(CHARSET_ISO_8859_1, "abc", 3, &scratch, &substitutions);
	assert_true(lg_str_is(s, "abc"));
	assert_null(scratch.data);
}

static void a_high_byte_is_seen_wherever_it_stands(void **state)
{
	struct lg_buf scratch = {0};
	uint64_t substitutions = 0;
	uint8_t data[90];

	(void)state;
	for (size_t size = 1; size <= sizeof(data); size++) {
		for (size_t at = 0; at < size; at++) {
			struct lg_str text;

			memset(data, 'x', sizeof(data));
			data[at] = 0xfc;
			text = decode(CHARSET_ISO_8859_1, data, size, &scratch, &substitutions);
			assert_int_equal(text.size, size + 1);
			assert_memory_equal(text.data + at, "\xc3\xbc", 2);
		}
	}
	lg_buf_fini(&scratch);
}

#define BAD "\xef\xbf\xbd"

static void each_maximal_subpart_becomes_one_replacement(void **state)
{
	static const struct {
		const char *in, *out;
		unsigned count;
	} table[] = {
		/* Unicode 15 table 3-8 and its neighbours */
		{"a\xf1\x80\x80\xe1\x80\xc2" "b\x80" "c\x80\xbf" "d", "a" BAD BAD BAD "b" BAD "c" BAD BAD "d", 6},
		{"\xc0\xaf", BAD BAD, 2},                     /* overlong */
		{"\xe0\x80\xaf", BAD BAD BAD, 3},
		{"\xed\xa0\x80", BAD BAD BAD, 3},             /* surrogate */
		{"\xf4\x90\x80\x80", BAD BAD BAD BAD, 4},     /* above U+10FFFF */
		{"x\xe2\x82", "x" BAD, 1},                    /* cut at the end */
		{"\xff\xfe", BAD BAD, 2},
		{"\xc3\xa9\xff\xc3\xa9", "\xc3\xa9" BAD "\xc3\xa9", 1},
		{"a\xc2\x85" "b\xff", "a\nb" BAD, 1},         /* NEL inside a record */
	};
	struct lg_buf scratch = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		uint64_t substitutions = 0;
		struct lg_str s = decode(CHARSET_UTF_8, table[i].in, strlen(table[i].in), &scratch, &substitutions);

		assert_int_equal(s.size, strlen(table[i].out));
		assert_memory_equal(s.data, table[i].out, s.size);
		assert_int_equal(substitutions, table[i].count);
		assert_int_equal(text_utf8_valid((const uint8_t *)s.data, s.size), s.size);
	}
	lg_buf_fini(&scratch);
}

#define DECODES(id, newline, in, out, count)                                                                                        \
	do {                                                                                                                         \
		struct lg_buf buf_ = {0};                                                                                             \
		uint64_t count_ = 0;                                                                                                  \
		struct lg_str text_ = charset_decode(decoder_of((id), (newline)), (const uint8_t *)(in), sizeof(in) - 1, false, &buf_, \
		                                     &count_);                                                                        \
                                                                                                                                     \
		assert_int_equal(text_.size, sizeof(out) - 1);                                                                       \
		assert_memory_equal(text_.data, (out), sizeof(out) - 1);                                                             \
		assert_int_equal(count_, (count));                                                                                    \
		lg_buf_fini(&buf_);                                                                                                   \
	} while (0)

static void utf16_is_read_in_both_byte_orders(void **state)
{
	(void)state;
	DECODES(CHARSET_UTF_16LE, CHARSET_NEWLINE_ANY, "A\0\xac\x20\x3d\xd8\x0c\xdc", "A\xe2\x82\xac\xf0\x9f\x90\x8c", 0);
	DECODES(CHARSET_UTF_16BE, CHARSET_NEWLINE_ANY, "\0A\x20\xac\xd8\x3d\xdc\x0c", "A\xe2\x82\xac\xf0\x9f\x90\x8c", 0);
	/* lone surrogates, each; half a unit */
	DECODES(CHARSET_UTF_16BE, CHARSET_NEWLINE_ANY, "\xd8\x3d\0A\xdc\x0c\xd8\x3d\xd8\x3d\xdc\x0c\0", BAD "A" BAD BAD
	        "\xf0\x9f\x90\x8c" BAD, 4);
	DECODES(CHARSET_UTF_16BE, CHARSET_NEWLINE_ANY, "\xd8\x3d", BAD, 1);
	DECODES(CHARSET_UTF_16LE, CHARSET_NEWLINE_ANY, "\x85\0\x0a\0", "\n\n", 0);
	DECODES(CHARSET_UTF_16LE, CHARSET_NEWLINE_LF, "\x85\0\x0a\0", "\xc2\x85\n", 0);
	assert_int_equal(charset_cut(CHARSET_UTF_16LE, (const uint8_t *)"A\0\x3d\xd8\x0c\xdc", 4, false), 2);
	assert_int_equal(charset_cut(CHARSET_UTF_16BE, (const uint8_t *)"\0A\xd8\x3d\xdc\x0c", 5, false), 2);
	assert_int_equal(charset_cut(CHARSET_UTF_16BE, (const uint8_t *)"\0A\xd8\x3d\xdc\x0c", 6, false), 6);
}

static void newlines_in_a_text_follow_the_policy(void **state)
{
	struct lg_err err;
	const struct charset_decoder *decoder;

	(void)state;
	DECODES(CHARSET_IBM_1047, CHARSET_NEWLINE_ANY, "\xc1\x15\x25\xc2", "A\n\nB", 0);
	DECODES(CHARSET_IBM_1047, CHARSET_NEWLINE_NEL, "\xc1\x15\x25\xc2", "A\n\nB", 0);
	DECODES(CHARSET_IBM_1047, CHARSET_NEWLINE_LF, "\xc1\x15\x25\xc2", "A\xc2\x85\nB", 0);
	DECODES(CHARSET_IBM_1047, CHARSET_NEWLINE_SWAPPED, "\xc1\x15\x25\xc2", "A\n\xc2\x85" "B", 0);
	DECODES(CHARSET_UTF_8, CHARSET_NEWLINE_ANY, "A\xc2\x85\nB", "A\n\nB", 0);
	DECODES(CHARSET_UTF_8, CHARSET_NEWLINE_LF, "A\xc2\x85\nB", "A\xc2\x85\nB", 0);
	DECODES(CHARSET_ISO_8859_1, CHARSET_NEWLINE_ANY, "A\x85\nB", "A\n\nB", 0);
	DECODES(CHARSET_ISO_8859_1, CHARSET_NEWLINE_LF, "A\x85\nB", "A\xc2\x85\nB", 0);
	assert_int_equal(charset_decoder_get(&decoder, CHARSET_UTF_8, CHARSET_NEWLINE_SWAPPED, &err), LG_INVALID);
	assert_non_null(strstr(err.text, "newline: swapped is for EBCDIC"));
}

static void a_cut_never_goes_through_a_character(void **state)
{
	static const char text[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x8cz";
	/* sizes 0..11 */
	static const size_t want[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11};

	(void)state;
	for (size_t n = 0; n < sizeof(want) / sizeof(want[0]); n++) {
		assert_int_equal(charset_cut(CHARSET_UTF_8, (const uint8_t *)text, n, false), want[n]);
		assert_int_equal(charset_cut(CHARSET_IBM_037, (const uint8_t *)text, n, false), n);
	}
	/* what is no UTF-8 is cut anywhere */
	assert_int_equal(charset_cut(CHARSET_UTF_8, (const uint8_t *)"\x80\x80\x80\x80\x80", 5, false), 5);
	assert_int_equal(charset_cut(CHARSET_UTF_8, (const uint8_t *)"a\xff", 2, false), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_usual_spelling_is_known),
		cmocka_unit_test(other_names_are_refused),
		cmocka_unit_test(names_and_ids_agree),
		cmocka_unit_test(valid_utf8_is_not_copied),
		cmocka_unit_test(a_high_byte_is_seen_wherever_it_stands),
		cmocka_unit_test(each_maximal_subpart_becomes_one_replacement),
		cmocka_unit_test(utf16_is_read_in_both_byte_orders),
		cmocka_unit_test(newlines_in_a_text_follow_the_policy),
		cmocka_unit_test(a_cut_never_goes_through_a_character),
	};

	return cmocka_run_group_tests_name("charset", tests, NULL, NULL);
}
