/* detect: what strange bytes are, and settings that do not fit them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/wire.h"
#include "codec/charset.h"
#include "codec/detect.h"

static const char *const syslog_lines[] = {
	"M 4040000 SYSA     26052 14:32:33.17 STC00815 00000090  CEA0403I A USER REQUEST TO CREATE AN ADDRESS SPACE HAS BEEN DECLINED 886",
	"D                                         886 00000090  BECAUSE THE MAXIMUM NUMBER OF SESSIONS HAS BEEN REACHED.",
	"E                                         886 00000090  PARAMETER MAXSESSIONS [1] MUST BE INCREASED.",
	"N 4040000 SYSB     26053 21:16:20.82          00000090 *$HASP050 JES2 RESOURCE SHORTAGE OF JQES - 100% UTILIZATION REACHED",
	"NC0000000 SYSA     26053 21:20:20.03 MCON1    00000290  D A,L",
	"N 0000000 SYSA     26053 21:20:20.70          00000290  IEF196I IGD101I SMS ALLOCATED TO DDNAME (SYS00009)",
};
#define LINES (sizeof(syslog_lines) / sizeof(syslog_lines[0]))

/* How the bytes are made: an encoding and what stands around each line. */
enum around {
	AROUND_LF,
	AROUND_NEL,
	AROUND_RDW,
	AROUND_NOTHING,
	AROUND_FIXED,
	AROUND_BE_EXCLUSIVE,
	AROUND_LE_EXCLUSIVE,
	AROUND_LE,
	AROUND_U32,
	AROUND_BDW,
	AROUND_SPANNED
};

static void encode(struct lg_buf *out, enum charset_id charset, const char *text)
{
	const uint8_t *table = charset_table(charset);

	for (; *text; text++) {
		unsigned b = (uint8_t)*text;

		if (table)
			for (b = 0; table[b] != (uint8_t)*text; b++)
				;
		lg_buf_append_char(out, (char)b);
	}
}

static void length_word(struct lg_buf *out, enum around around, size_t n)
{
	uint8_t w[8] = {0};
	size_t size = 4;

	if (around == AROUND_BE_EXCLUSIVE) {
		wire_put_u16(w, (uint16_t)n);
	} else if (around == AROUND_LE || around == AROUND_LE_EXCLUSIVE) {
		n += around == AROUND_LE ? 4 : 0;
		w[2] = (uint8_t)n;
		w[3] = (uint8_t)(n >> 8);
	} else if (around == AROUND_U32) {
		wire_put_u32(w, (uint32_t)n);
	} else if (around == AROUND_BDW) {
		wire_put_u16(w, (uint16_t)(n + 8));
		wire_put_u16(w + 4, (uint16_t)(n + 4));
		size = 8;
	} else {
		wire_put_u16(w, (uint16_t)(n + 4));
	}
	lg_buf_append(out, w, size);
}

/* A first segment of 20 bytes and a last one. */
static void spanned(struct lg_buf *out, enum charset_id charset, const char *text)
{
	char first[21];
	size_t at;

	snprintf(first, sizeof(first), "%s", text);
	for (int part = 0; part < 2; part++) {
		const char *content = part ? text + strlen(first) : first;

		at = out->size;
		length_word(out, AROUND_RDW, strlen(content));
		out->data[at + 2] = part ? 2 : 1;
		encode(out, charset, content);
	}
}

static struct lg_buf make(enum charset_id charset, enum around around, size_t lines)
{
	struct lg_buf out = {0};

	for (size_t i = 0; i < lines; i++) {
		const char *text = syslog_lines[i % LINES];

		if (around == AROUND_SPANNED) {
			spanned(&out, charset, text);
			continue;
		}
		if (around == AROUND_RDW || around >= AROUND_BE_EXCLUSIVE)
			length_word(&out, around, strlen(text));
		encode(&out, charset, text);
		if (around == AROUND_LF)
			encode(&out, CHARSET_UTF_8, "\n");
		if (around == AROUND_NEL)
			lg_buf_append_char(&out, 0x15);
		for (size_t n = strlen(text); around == AROUND_FIXED && n < 133; n++)
			encode(&out, charset, " ");
	}
	return out;
}

static struct lg_detect detect_of(enum charset_id charset, enum around around, size_t lines)
{
	struct lg_buf data = make(charset, around, lines);
	struct lg_detect d;

	lg_detect(&d, data.data, data.size, true);
	lg_buf_fini(&data);
	return d;
}

static void assert_readable(struct lg_detect d, const char *encoding, int framing)
{
	if (d.kind != LG_DETECT_READABLE)
		fail_msg("not readable: %s %s", d.what, d.remedy);
	assert_string_equal(d.encoding, encoding);
	assert_int_equal(d.framing, framing);
	assert_string_equal(d.remedy, "");
}

static void readable_sources_are_told_apart(void **state)
{
	(void)state;
	assert_readable(detect_of(CHARSET_UTF_8, AROUND_LF, 50), "UTF-8", LG_FRAMING_LINE);
	assert_readable(detect_of(CHARSET_IBM_037, AROUND_RDW, 50), "IBM-037", LG_FRAMING_RDW);
	assert_readable(detect_of(CHARSET_IBM_1047, AROUND_RDW, 50), "IBM-1047", LG_FRAMING_RDW);
	assert_readable(detect_of(CHARSET_IBM_1047, AROUND_NEL, 50), "IBM-1047", LG_FRAMING_LINE);
	assert_readable(detect_of(CHARSET_IBM_037, AROUND_NEL, 50), "IBM-037", LG_FRAMING_LINE);
	assert_readable(detect_of(CHARSET_UTF_8, AROUND_RDW, 50), "UTF-8", LG_FRAMING_RDW);
}

static void without_brackets_the_framing_suggests_the_page(void **state)
{
	struct lg_detect d = detect_of(CHARSET_IBM_037, AROUND_RDW, 2);

	(void)state;
	assert_readable(d, "IBM-037", LG_FRAMING_RDW);
	assert_true(d.page_guessed);
	d = detect_of(CHARSET_IBM_1047, AROUND_NEL, 2);
	assert_readable(d, "IBM-1047", LG_FRAMING_LINE);
	assert_true(d.page_guessed);
	assert_false(detect_of(CHARSET_IBM_037, AROUND_RDW, 3).page_guessed);
}

static void latin_1_is_not_taken_for_ebcdic(void **state)
{
	static const char text[] = "M\xfcller gr\xfc\xdft die \xc4mter: \xfc\xf6\xe4\nzweite Zeile\n";
	struct lg_detect d;

	(void)state;
	lg_detect(&d, (const uint8_t *)text, sizeof(text) - 1, true);
	assert_readable(d, "ISO-8859-1", LG_FRAMING_LINE);
}

static void utf8_in_other_scripts_is_not_taken_for_ebcdic(void **state)
{
	static const char text[] =
		"\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82 \xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac\n";
	struct lg_detect d;
	struct lg_err err;

	(void)state;
	lg_detect(&d, (const uint8_t *)text, sizeof(text) - 1, true);
	assert_readable(d, "UTF-8", LG_FRAMING_LINE);
	/* also when the chunk ends within a character */
	for (size_t n = 1; n < sizeof(text); n++)
		assert_int_equal(detect_check(CHARSET_UTF_8, LG_FRAMING_LINE, (const uint8_t *)text, n, true, false, &err),
		                 LG_OK);
}

static void dropped_rdws_are_recognised_with_the_remedy(void **state)
{
	struct lg_detect d = detect_of(CHARSET_IBM_037, AROUND_NOTHING, 60);

	(void)state;
	assert_int_equal(d.kind, LG_DETECT_LATER);
	assert_string_equal(d.encoding, "IBM-037");
	assert_int_equal(d.records, 40); /* D and E lines cannot be told */
	assert_non_null(strstr(d.what, "dropped"));
	assert_non_null(strstr(d.remedy, "quote site rdw"));
}

static void fixed_length_records_are_recognised(void **state)
{
	struct lg_detect d = detect_of(CHARSET_IBM_037, AROUND_FIXED, 60);

	(void)state;
	assert_readable(d, "IBM-037", LG_FRAMING_FIXED);
	assert_int_equal(d.lrecl, 133);
	assert_int_equal(d.records, 60);
}

static void foreign_length_words_are_read_and_named(void **state)
{
	static const struct {
		enum around around;
		int framing;
		const char *what;
	} table[] = {
		{AROUND_BE_EXCLUSIVE, LG_FRAMING_RDW_EXCLUSIVE, "does not count itself"},
		{AROUND_LE_EXCLUSIVE, LG_FRAMING_RDW_LE_EXCLUSIVE, "little-endian length in bytes 3 and 4 that does not count itself"},
		{AROUND_LE, LG_FRAMING_RDW_LE, "little-endian length in bytes 3 and 4 (not IBM's RDW)"},
		{AROUND_U32, LG_FRAMING_U32, "4-byte big-endian"},
		{AROUND_BDW, LG_FRAMING_BDW, "BDW"},
		{AROUND_SPANNED, LG_FRAMING_RDW, "spanned"},
	};

	(void)state;
	for (size_t lines = 2; lines <= 60; lines += 58) {
		for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
			struct lg_detect d = detect_of(CHARSET_IBM_037, table[i].around, lines);

			assert_readable(d, "IBM-037", table[i].framing);
			if (!strstr(d.what, table[i].what))
				fail_msg("\"%s\" lacks \"%s\"", d.what, table[i].what);
			assert_int_equal(d.records, lines);
		}
	}
}

static void a_chain_that_breaks_is_not_called_something_else(void **state)
{
	struct lg_buf data = make(CHARSET_IBM_037, AROUND_RDW, 50);
	size_t at = 0;
	struct lg_detect d;
	char offset[40];

	(void)state;
	for (int i = 0; i < 30; i++)
		at += wire_get_u16(data.data + at);
	memcpy(data.data + at, "\xc1\xc2\xc3\xc4", 4);
	lg_detect(&d, data.data, data.size, true);
	assert_int_equal(d.kind, LG_DETECT_UNKNOWN);
	assert_int_equal(d.records, 30);
	snprintf(offset, sizeof(offset), "offset %zu, where c1 c2 c3 c4", at);
	assert_non_null(strstr(d.what, offset));
	lg_buf_fini(&data);
}

static void it_waits_until_enough_has_come(void **state)
{
	struct lg_buf text = make(CHARSET_UTF_8, AROUND_LF, 50), rdw = make(CHARSET_IBM_037, AROUND_RDW, 50);
	struct lg_detect d;

	(void)state;
	for (size_t n = 0; n < 256; n++) {
		lg_detect(&d, text.data, n, false);
		assert_int_equal(d.kind, LG_DETECT_MORE);
		lg_detect(&d, rdw.data, n, false);
		assert_int_equal(d.kind, LG_DETECT_MORE);
	}
	/* once decided it does not change its mind */
	for (size_t n = 600; n <= rdw.size; n++) {
		lg_detect(&d, rdw.data, n, false);
		assert_int_equal(d.kind, LG_DETECT_READABLE);
		assert_int_equal(d.framing, LG_FRAMING_RDW);
	}
	lg_buf_fini(&text);
	lg_buf_fini(&rdw);
}

static void settings_that_do_not_fit_get_a_suggestion(void **state)
{
	static const struct {
		enum charset_id made;
		enum around around;
		enum charset_id charset;
		enum lg_framing framing;
		const char *want; /* NULL: nothing to object */
	} table[] = {
		{CHARSET_IBM_037, AROUND_RDW, CHARSET_UTF_8, LG_FRAMING_LINE, "encoding: IBM-037, framing: rdw"},
		{CHARSET_IBM_037, AROUND_RDW, CHARSET_IBM_037, LG_FRAMING_LINE, "encoding: IBM-037, framing: rdw"},
		{CHARSET_IBM_037, AROUND_RDW, CHARSET_UTF_8, LG_FRAMING_RDW, "encoding: IBM-037, framing: rdw"},
		{CHARSET_IBM_1047, AROUND_NEL, CHARSET_ISO_8859_1, LG_FRAMING_LINE, "encoding: IBM-1047, framing: line"},
		{CHARSET_IBM_1047, AROUND_NEL, CHARSET_IBM_1047, LG_FRAMING_RDW, "encoding: IBM-1047, framing: line"},
		{CHARSET_UTF_8, AROUND_RDW, CHARSET_UTF_8, LG_FRAMING_LINE, "encoding: UTF-8, framing: rdw"},
		{CHARSET_UTF_8, AROUND_LF, CHARSET_IBM_037, LG_FRAMING_LINE, "encoding: UTF-8, framing: line"},
		{CHARSET_UTF_8, AROUND_LF, CHARSET_UTF_8, LG_FRAMING_RDW, "encoding: UTF-8, framing: line"},
		{CHARSET_UTF_8, AROUND_RDW, CHARSET_IBM_037, LG_FRAMING_RDW, "encoding: UTF-8, framing: rdw"},
		{CHARSET_IBM_037, AROUND_NOTHING, CHARSET_IBM_037, LG_FRAMING_LINE, "quote site rdw"},
		{CHARSET_IBM_037, AROUND_BDW, CHARSET_IBM_037, LG_FRAMING_RDW, "encoding: IBM-037, framing: bdw"},
		{CHARSET_IBM_037, AROUND_RDW, CHARSET_IBM_037, LG_FRAMING_BDW, "encoding: IBM-037, framing: rdw"},
		{CHARSET_IBM_037, AROUND_LE, CHARSET_IBM_037, LG_FRAMING_RDW, "encoding: IBM-037, framing: rdw-le"},
		{CHARSET_IBM_037, AROUND_U32, CHARSET_IBM_037, LG_FRAMING_LINE, "encoding: IBM-037, framing: u32"},
		{CHARSET_IBM_037, AROUND_BE_EXCLUSIVE, CHARSET_UTF_8, LG_FRAMING_LINE, "encoding: IBM-037, framing: rdw-exclusive"},
		{CHARSET_IBM_037, AROUND_RDW, CHARSET_IBM_037, LG_FRAMING_FIXED, "encoding: IBM-037, framing: rdw"},
		{CHARSET_IBM_037, AROUND_FIXED, CHARSET_IBM_037, LG_FRAMING_LINE, "encoding: IBM-037, framing: fixed, lrecl: 133"},
		{CHARSET_IBM_037, AROUND_FIXED, CHARSET_IBM_037, LG_FRAMING_U32, "encoding: IBM-037, framing: fixed, lrecl: 133"},
		{CHARSET_IBM_037, AROUND_FIXED, CHARSET_UTF_8, LG_FRAMING_FIXED, "encoding: IBM-037, framing: fixed"},
		{CHARSET_IBM_037, AROUND_FIXED, CHARSET_IBM_037, LG_FRAMING_FIXED, NULL},
		{CHARSET_IBM_037, AROUND_BDW, CHARSET_IBM_037, LG_FRAMING_BDW, NULL},
		{CHARSET_IBM_037, AROUND_SPANNED, CHARSET_IBM_037, LG_FRAMING_RDW, NULL},
		{CHARSET_IBM_037, AROUND_LE, CHARSET_IBM_037, LG_FRAMING_RDW_LE, NULL},
		{CHARSET_IBM_037, AROUND_LE_EXCLUSIVE, CHARSET_IBM_037, LG_FRAMING_RDW_LE_EXCLUSIVE, NULL},
		{CHARSET_IBM_037, AROUND_BE_EXCLUSIVE, CHARSET_IBM_037, LG_FRAMING_RDW_EXCLUSIVE, NULL},
		{CHARSET_IBM_037, AROUND_U32, CHARSET_IBM_037, LG_FRAMING_U32, NULL},
		{CHARSET_UTF_8, AROUND_LF, CHARSET_UTF_8, LG_FRAMING_LINE, NULL},
		{CHARSET_UTF_8, AROUND_LF, CHARSET_ISO_8859_1, LG_FRAMING_LINE, NULL},
		{CHARSET_IBM_037, AROUND_RDW, CHARSET_IBM_037, LG_FRAMING_RDW, NULL},
		{CHARSET_IBM_037, AROUND_RDW, CHARSET_IBM_1047, LG_FRAMING_RDW, NULL}, /* the operator knows the page better */
		{CHARSET_IBM_1047, AROUND_NEL, CHARSET_IBM_1047, LG_FRAMING_LINE, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct lg_buf data = make(table[i].made, table[i].around, 60);
		struct lg_err err = {.rc = LG_OK, .text = ""};
		enum lg_rc rc = detect_check(table[i].charset, table[i].framing, data.data, data.size, true, false, &err);

		lg_buf_fini(&data);
		if (rc != (table[i].want ? LG_INVALID : LG_OK) || (table[i].want && !strstr(err.text, table[i].want)))
			fail_msg("row %zu: %s \"%s\"", i, lg_rc_name(rc), err.text);
	}
}

static size_t sample(const char *name, uint8_t *data, size_t size)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", LUGGER_SAMPLES, name);
	file = fopen(path, "rb");
	if (!file) {
		print_message("%s is not there\n", name);
		skip();
	}
	size = fread(data, 1, size, file);
	fclose(file);
	return size;
}

static void real_files_are_recognised(void **state)
{
	static uint8_t data[70000];
	struct lg_detect d;
	size_t size;

	(void)state;
	size = sample("rdw_little_endian.dat", data, sizeof(data));
	lg_detect(&d, data, size, true);
	assert_int_equal(d.kind, LG_DETECT_LATER);
	assert_non_null(strstr(d.what, "little-endian"));
	size = sample("rdw_big_endian_exclusive.dat", data, sizeof(data));
	lg_detect(&d, data, size, true);
	assert_int_equal(d.kind, LG_DETECT_LATER);
	assert_non_null(strstr(d.what, "does not count itself"));
	assert_non_null(strstr(d.what, "from offset 100 on"));
	size = sample("smf115_rdw.dat", data, sizeof(data));
	lg_detect(&d, data, size, true);
	assert_int_equal(d.kind, LG_DETECT_LATER);
	assert_non_null(strstr(d.what, "binary records with RDW"));
	size = sample("syslog_tivlp46.txt", data, sizeof(data));
	lg_detect(&d, data, size, true);
	assert_readable(d, "UTF-8", LG_FRAMING_LINE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readable_sources_are_told_apart),
		cmocka_unit_test(without_brackets_the_framing_suggests_the_page),
		cmocka_unit_test(latin_1_is_not_taken_for_ebcdic),
		cmocka_unit_test(utf8_in_other_scripts_is_not_taken_for_ebcdic),
		cmocka_unit_test(dropped_rdws_are_recognised_with_the_remedy),
		cmocka_unit_test(fixed_length_records_are_recognised),
		cmocka_unit_test(foreign_length_words_are_read_and_named),
		cmocka_unit_test(a_chain_that_breaks_is_not_called_something_else),
		cmocka_unit_test(it_waits_until_enough_has_come),
		cmocka_unit_test(settings_that_do_not_fit_get_a_suggestion),
		cmocka_unit_test(real_files_are_recognised),
	};

	return cmocka_run_group_tests_name("detect", tests, NULL, NULL);
}
