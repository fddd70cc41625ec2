/* charset: names, the tables against iconv(3), UTF-8 repair. */
#include <iconv.h>
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
		{"IBM1047", "IBM-1047"},    {"1047", "IBM-1047"},       {"ibm_1047", "IBM-1047"},
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
		"", "-", "IBM-500", "IBM-1147", "10470", "utf-16", "IBM-037 with a very long tail behind it", "latin10"};

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

/* Converts with the C library; -1 where it cannot. */
static long convert(const char *from, const char *to, const void *in, size_t size, void *out, size_t cap)
{
	iconv_t cd = iconv_open(to, from);
	char *source = (char *)(uintptr_t)in, *target = out;
	size_t left = cap, rc;

	assert_true(cd != (iconv_t)-1);
	rc = iconv(cd, &source, &size, &target, &left);
	iconv_close(cd);
	return rc == (size_t)-1 ? -1 : (long)(cap - left);
}

static void all_256_bytes_agree_with_iconv_and_back(void **state)
{
	static const struct {
		enum charset_id id;
		const char *iconv_name;
	} pages[] = {{CHARSET_IBM_037, "IBM037"}, {CHARSET_IBM_1047, "IBM1047"}, {CHARSET_ISO_8859_1, "ISO-8859-1"}};
	struct lg_buf scratch = {0};
	uint64_t substitutions = 0;

	(void)state;
	for (size_t p = 0; p < sizeof(pages) / sizeof(pages[0]); p++) {
		for (unsigned b = 0; b < 256; b++) {
			const uint8_t *table = charset_table(pages[p].id);
			uint8_t byte = (uint8_t)b, want[8], back, point = table ? table[b] : byte, own[4];
			long size = convert(pages[p].iconv_name, "UTF-8", &byte, 1, want, sizeof(want));
			size_t own_size = text_utf8_put(point, own);
			struct lg_str text;

			assert_int_equal(own_size, size);
			assert_memory_equal(own, want, own_size);
			assert_int_equal(convert("UTF-8", pages[p].iconv_name, own, own_size, &back, 1), 1);
			assert_int_equal(back, byte);
			/* in a record's text NEL is a newline */
			text = charset_decode(pages[p].id, &byte, 1, &scratch, &substitutions);
			if (point == 0x85) {
				assert_true(lg_str_is(text, "\n"));
			} else {
				assert_int_equal(text.size, own_size);
				assert_memory_equal(text.data, want, own_size);
			}
		}
	}
	assert_int_equal(substitutions, 0);
	lg_buf_fini(&scratch);
}

static void long_ebcdic_text_agrees_with_iconv(void **state)
{
	struct lg_buf scratch = {0};
	uint8_t in[3000], want[6000];
	uint64_t substitutions = 0;
	unsigned seed = 1;

	(void)state;
	for (size_t round = 0; round < 40; round++) {
		size_t size = 0, n = round * 75;
		long want_size;
		struct lg_str text;

		while (size < n) {
			seed = seed * 1103515245u + 12345u;
			/* mostly plain letters, so that whole blocks stay ASCII */
			in[size] = seed >> 28 == 0 && round % 3 ? (uint8_t)(seed >> 16) : (uint8_t)(0xc1 + (seed >> 16) % 9);
			if (in[size] != 0x15)
				size++;
		}
		want_size = convert("IBM1047", "UTF-8", in, n, want, sizeof(want));
		text = charset_decode(CHARSET_IBM_1047, in, n, &scratch, &substitutions);
		assert_int_equal(text.size, want_size);
		assert_memory_equal(text.data, want, text.size);
	}
	lg_buf_fini(&scratch);
}

static void valid_utf8_is_not_copied(void **state)
{
	static const char text[] = "plain, gr\xc3\xbc\xc3\x9f""e, \xe2\x82\xac, \xf0\x9f\x90\x8c";
	struct lg_buf scratch = {0};
	uint64_t substitutions = 0;
	struct lg_str s = charset_decode(CHARSET_UTF_8, (const uint8_t *)text, sizeof(text) - 1, &scratch, &substitutions);

	(void)state;
	assert_ptr_equal(s.data, text);
	assert_int_equal(s.size, sizeof(text) - 1);
	assert_int_equal(substitutions, 0);
	s = charset_decode(CHARSET_ISO_8859_1, (const uint8_t *)"abc", 3, &scratch, &substitutions);
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
			text = charset_decode(CHARSET_ISO_8859_1, data, size, &scratch, &substitutions);
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
		struct lg_str s = charset_decode(CHARSET_UTF_8, (const uint8_t *)table[i].in, strlen(table[i].in), &scratch,
		                                 &substitutions);

		assert_int_equal(s.size, strlen(table[i].out));
		assert_memory_equal(s.data, table[i].out, s.size);
		assert_int_equal(substitutions, table[i].count);
		assert_int_equal(text_utf8_valid((const uint8_t *)s.data, s.size), s.size);
	}
	lg_buf_fini(&scratch);
}

static void a_cut_never_goes_through_a_character(void **state)
{
	static const char text[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x8cz";
	/* sizes 0..11 */
	static const size_t want[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11};

	(void)state;
	for (size_t n = 0; n < sizeof(want) / sizeof(want[0]); n++) {
		assert_int_equal(charset_cut(CHARSET_UTF_8, (const uint8_t *)text, n), want[n]);
		assert_int_equal(charset_cut(CHARSET_IBM_037, (const uint8_t *)text, n), n);
	}
	/* what is no UTF-8 is cut anywhere */
	assert_int_equal(charset_cut(CHARSET_UTF_8, (const uint8_t *)"\x80\x80\x80\x80\x80", 5), 5);
	assert_int_equal(charset_cut(CHARSET_UTF_8, (const uint8_t *)"a\xff", 2), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_usual_spelling_is_known),
		cmocka_unit_test(other_names_are_refused),
		cmocka_unit_test(names_and_ids_agree),
		cmocka_unit_test(all_256_bytes_agree_with_iconv_and_back),
		cmocka_unit_test(long_ebcdic_text_agrees_with_iconv),
		cmocka_unit_test(valid_utf8_is_not_copied),
		cmocka_unit_test(a_high_byte_is_seen_wherever_it_stands),
		cmocka_unit_test(each_maximal_subpart_becomes_one_replacement),
		cmocka_unit_test(a_cut_never_goes_through_a_character),
	};

	return cmocka_run_group_tests_name("charset", tests, NULL, NULL);
}
