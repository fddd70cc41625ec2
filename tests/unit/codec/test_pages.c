/* Every byte of every page, and every pair of the double-byte ones, against iconv(3); and the shifts. */
#include <iconv.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "codec/charset.h"

/* What the C library calls it: IBM037, IBM1047 ... */
static const char *library_name(enum charset_id id, char name[32])
{
	if (id == CHARSET_IBM_875)
		return "CP875";
	if (sscanf(charset_name(id), "IBM-%28s", name + 3) == 1)
		return memcpy(name, "IBM", 3);
	return charset_name(id);
}

static iconv_t library(enum charset_id id)
{
	char name[32];
	iconv_t cd = iconv_open("UTF-8", library_name(id, name));

	if (cd == (iconv_t)-1)
		print_message("SKIP %s: this system's iconv does not know it\n", charset_name(id));
	return cd;
}

/* Converts with the C library; -1 where it cannot. */
static long convert(iconv_t cd, const void *in, size_t size, void *out, size_t cap)
{
	char *source = (char *)(uintptr_t)in, *target = out;
	size_t left = cap;

	(void)iconv(cd, NULL, NULL, NULL, NULL);
	if (iconv(cd, &source, &size, &target, &left) != 0 || iconv(cd, NULL, NULL, &target, &left) != 0)
		return -1;
	return (long)(cap - left);
}

static const struct charset_decoder *decoder_of(enum charset_id id)
{
	const struct charset_decoder *decoder;
	struct lg_err err;

	/* U+0085 stays what it is, so that every byte can be compared. */
	if (charset_decoder_get(&decoder, id, CHARSET_NEWLINE_LF, &err) != LG_OK)
		fail_msg("%s", err.text);
	return decoder;
}

/* Where glibc 2.36 is wrong and IBM's tables (CDRA, as ICU ships them) have what it has in the page's euro twin. */
static const struct {
	enum charset_id id;
	uint8_t byte;
	const char *glibc, *ibm;
} disagreements[] = {
	{CHARSET_IBM_278, 0x71, "\xc3\x89", "\\"},         {CHARSET_IBM_278, 0xe0, "\\", "\xc3\x89"},
	{CHARSET_IBM_285, 0xa1, "\xe2\x80\xbe", "\xc2\xaf"}, {CHARSET_IBM_871, 0x4a, "\xc3\xbe", "\xc3\x9e"},
	{CHARSET_IBM_871, 0xc0, "\xc3\x9e", "\xc3\xbe"},
};

static const char *known_disagreement(enum charset_id id, unsigned byte, const uint8_t *library, size_t size)
{
	for (size_t i = 0; i < sizeof(disagreements) / sizeof(disagreements[0]); i++)
		if (disagreements[i].id == id && disagreements[i].byte == byte && strlen(disagreements[i].glibc) == size &&
		    memcmp(disagreements[i].glibc, library, size) == 0)
			return disagreements[i].ibm;
	return NULL;
}

static void compare_byte(enum charset_id id, iconv_t cd, unsigned b)
{
	uint8_t byte = (uint8_t)b, want[16];
	long size = convert(cd, &byte, 1, want, sizeof(want));
	struct lg_buf scratch = {0};
	uint64_t substitutions = 0;
	struct lg_str text = charset_decode(decoder_of(id), &byte, 1, false, &scratch, &substitutions);
	const char *ibm = size > 0 ? known_disagreement(id, b, want, (size_t)size) : NULL;

	if (ibm) {
		assert_true(lg_str_is(text, ibm));
	} else if (charset_kind(id) == CHARSET_KIND_SHIFT && (b == 0x0e || b == 0x0f)) {
		assert_int_equal(text.size, 0);
	} else if (size <= 0) {
		assert_true(lg_str_is(text, "\xef\xbf\xbd"));
		assert_int_equal(substitutions, 1);
	} else {
		if (text.size != (size_t)size || memcmp(text.data, want, text.size) != 0)
			fail_msg("%s %02x: %.*s, iconv has %.*s", charset_name(id), b, (int)text.size, text.data, (int)size, want);
		assert_int_equal(substitutions, 0);
	}
	lg_buf_fini(&scratch);
}

static void every_byte_of_every_page_agrees_with_iconv(void **state)
{
	(void)state;
	for (unsigned id = CHARSET_ISO_8859_1; id < CHARSET_COUNT; id++) {
		iconv_t cd;

		if (charset_kind((enum charset_id)id) == CHARSET_KIND_UTF16)
			continue;
		cd = library((enum charset_id)id);
		if (cd == (iconv_t)-1)
			continue;
		for (unsigned b = 0; b < 256; b++)
			compare_byte((enum charset_id)id, cd, b);
		iconv_close(cd);
	}
}

/* The other way: the built-in pages lose nothing. */
static void the_built_in_pages_are_permutations(void **state)
{
	unsigned pages = 0;

	(void)state;
	for (unsigned id = 0; id < CHARSET_COUNT; id++) {
		const uint8_t *table = charset_table((enum charset_id)id);
		bool seen[256] = {false};

		if (!table)
			continue;
		pages++;
		for (unsigned b = 0; b < 256; b++) {
			assert_false(seen[table[b]]);
			seen[table[b]] = true;
		}
		/* 15 is NEL and 25 LF in all of them */
		assert_int_equal(table[0x15], 0x85);
		assert_int_equal(table[0x25], 0x0a);
	}
	assert_int_equal(pages, 21);
}

static void compare_pair(enum charset_id id, iconv_t cd, unsigned first, unsigned second)
{
	uint8_t bytes[6] = {0xc1, 0x0e, (uint8_t)first, (uint8_t)second, 0x0f, 0xc2}, want[32];
	long size = convert(cd, bytes, sizeof(bytes), want, sizeof(want));
	struct lg_buf scratch = {0};
	uint64_t substitutions = 0;
	struct lg_str text = charset_decode(decoder_of(id), bytes, sizeof(bytes), false, &scratch, &substitutions);

	if (size < 0) {
		if (!lg_str_is(text, "A\xef\xbf\xbd" "B") || substitutions != 1)
			fail_msg("%s %02x %02x: %.*s, iconv has none", charset_name(id), first, second, (int)text.size, text.data);
	} else if (text.size != (size_t)size || memcmp(text.data, want, text.size) != 0 || substitutions) {
		fail_msg("%s %02x %02x: %.*s, iconv has %.*s", charset_name(id), first, second, (int)text.size, text.data, (int)size,
		         want);
	}
	lg_buf_fini(&scratch);
}

static void every_pair_of_every_page_agrees_with_iconv(void **state)
{
	(void)state;
	for (unsigned id = CHARSET_IBM_930; id <= CHARSET_IBM_1399; id++) {
		iconv_t cd = library((enum charset_id)id);

		if (cd == (iconv_t)-1)
			continue;
		for (unsigned first = 0x40; first < 0x100; first++)
			for (unsigned second = 0x40; second < 0x100; second++)
				compare_pair((enum charset_id)id, cd, first, second);
		iconv_close(cd);
	}
}

static void long_text_agrees_with_iconv(void **state)
{
	struct lg_buf scratch = {0};
	uint8_t in[3000], want[9000];
	uint64_t substitutions = 0;
	unsigned seed = 1;

	(void)state;
	for (size_t round = 0; round < 160; round++) {
		static const enum charset_id ids[] = {CHARSET_IBM_1047, CHARSET_IBM_1140, CHARSET_IBM_420, CHARSET_IBM_500};
		enum charset_id id = ids[round % 4];
		iconv_t cd = library(id);
		size_t size = 0, n = round / 4 * 75;
		long want_size;
		struct lg_str text;

		while (size < n) {
			seed = seed * 1103515245u + 12345u;
			/* mostly plain letters, so that whole blocks stay ASCII */
			in[size] = seed >> 28 == 0 && round % 3 ? (uint8_t)(seed >> 16) : (uint8_t)(0xc1 + (seed >> 16) % 9);
			if (convert(cd, in + size, 1, want, sizeof(want)) > 0)
				size++;
		}
		want_size = convert(cd, in, n, want, sizeof(want));
		text = charset_decode(decoder_of(id), in, n, false, &scratch, &substitutions);
		assert_int_equal(text.size, want_size);
		assert_memory_equal(text.data, want, text.size);
		iconv_close(cd);
	}
	assert_int_equal(substitutions, 0);
	lg_buf_fini(&scratch);
}

static void expect(const char *in, size_t size, bool shifted, const char *out, uint64_t count)
{
	struct lg_buf scratch = {0};
	uint64_t substitutions = 0;
	struct lg_str text =
		charset_decode(decoder_of(CHARSET_IBM_939), (const uint8_t *)in, size, shifted, &scratch, &substitutions);

	if (!lg_str_is(text, out))
		fail_msg("\"%.*s\", not \"%s\"", (int)text.size, text.data, out);
	assert_int_equal(substitutions, count);
	lg_buf_fini(&scratch);
}

#define EXPECT(in, shifted, out, count) expect((in), sizeof(in) - 1, (shifted), (out), (count))

static void shifts_begin_and_end_double_bytes(void **state)
{
	(void)state;
	EXPECT("\xc1\xc2\x0e\x42\xc1\x0f\xc3", false, "AB\xef\xbc\xa1" "C", 0);
	/* cut: no SI; half a pair */
	EXPECT("\xc1\x0e\x42\xc1\x42\xc2", false, "A\xef\xbc\xa1\xef\xbc\xa2", 0);
	EXPECT("\xc1\x0e\x42\xc1\x42", false, "A\xef\xbc\xa1\xef\xbf\xbd", 1);
	/* a later part of a record, and one that does not know it is one */
	EXPECT("\x42\xc1\x0f\xc3", true, "\xef\xbc\xa1" "C", 0);
	EXPECT("\xc3\xc4", false, "CD", 0);
	/* shifts that change nothing, a control between double bytes, an unassigned pair */
	EXPECT("\x0f\x0e\x0e\x42\xc1\x0d\x42\xc1\x0f\x0f\xc3", false, "\xef\xbc\xa1\r\xef\xbc\xa1" "C", 0);
	EXPECT("\x0e\xfe\xfe\x42\xc1\x0f", false, "\xef\xbf\xbd\xef\xbc\xa1", 1);
}

static void a_cut_keeps_pairs_whole_and_knows_the_shift(void **state)
{
	static const uint8_t text[] = "\xc1\x0e\x42\xc1\x42\xc2\x0f\xc3";
	static const size_t want[] = {0, 1, 2, 2, 4, 4, 6, 7, 8};
	static const bool shifted[] = {false, false, true, true, true, true, true, false, false};

	(void)state;
	for (size_t n = 1; n < sizeof(want) / sizeof(want[0]); n++) {
		assert_int_equal(charset_cut(CHARSET_IBM_939, text, n, false), want[n]);
		assert_int_equal(charset_shifted(CHARSET_IBM_939, text, want[n], false), shifted[n]);
	}
	assert_int_equal(charset_cut(CHARSET_IBM_939, text + 2, 3, true), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_of_every_page_agrees_with_iconv),
		cmocka_unit_test(the_built_in_pages_are_permutations),
		cmocka_unit_test(every_pair_of_every_page_agrees_with_iconv),
		cmocka_unit_test(long_text_agrees_with_iconv),
		cmocka_unit_test(shifts_begin_and_end_double_bytes),
		cmocka_unit_test(a_cut_keeps_pairs_whole_and_knows_the_shift),
	};

	return cmocka_run_group_tests_name("pages", tests, NULL, NULL);
}
