/* lg_stream: bytes in, records out; the restart position. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec_feed.h"

static struct lg_stream_conf conf_of(const char *encoding, int framing)
{
	return (struct lg_stream_conf){.encoding = (char *)(uintptr_t)encoding, .framing = framing, .max_record_size = 65536,
	                               .parser = plain_parser()};
}

static void lines_end_at_lf_crlf_and_nel(void **state)
{
	(void)state;
	EXPECT(conf_of("UTF-8", LG_FRAMING_LINE), "one\ntwo\r\n\nthree\xc2\x85" "four\r\xc2\x85\xc3\x85x\x85y\nlast",
	       "one|two||three|four|\xc3\x85x\xef\xbf\xbdy|last|");
	EXPECT(conf_of("ISO-8859-1", LG_FRAMING_LINE),
	       "one\ntwo\r\n\nthree\x85"
	       "f\xfcnf\r\x85z",
	       "one|two||three|f\xc3\xbcnf|z|");
	EXPECT(conf_of("UTF-8", LG_FRAMING_LINE), "", "");
	EXPECT(conf_of("UTF-8", LG_FRAMING_LINE), "a\rb\n", "a\rb|");
	EXPECT(conf_of("UTF-8", LG_FRAMING_LINE), "a\r", "a|");
}

static void ebcdic_lines_end_at_both_newlines_with_or_without_cr(void **state)
{
	(void)state;
	/* ABC 15, [ 25, empty 15, D 0D25, E 0D15, F */
	EXPECT(conf_of("IBM-1047", LG_FRAMING_LINE), "\xc1\xc2\xc3\x15\xad\x25\x15\xc4\x0d\x25\xc5\x0d\x15\xc6", "ABC|[||D|E|F|");
	EXPECT(conf_of("IBM-037", LG_FRAMING_LINE), "\xc1\xc2\xc3\x15\xba\x25\x85\x0a\x15", "ABC|[|e\xc2\x8e|");
}

static void rdw_records_may_hold_any_byte(void **state)
{
	(void)state;
	EXPECT(conf_of("IBM-037", LG_FRAMING_RDW), "\0\7\0\0\xc1\xc2\xc3" "\0\4\0\0" "\0\7\0\0\xc1\x15\xc2", "ABC||A\nB|");
	EXPECT(conf_of("UTF-8", LG_FRAMING_RDW), "\0\7\0\0a\nb" "\0\6\0\0\xc3\xa9", "a\nb|\xc3\xa9|");
}

static void a_torn_last_rdw_record_is_kept_and_marked(void **state)
{
	(void)state;
	EXPECT(conf_of("IBM-037", LG_FRAMING_RDW), "\0\7\0\0\xc1\xc2\xc3" "\0\x20\0\0\xc1\xc2", "ABC|[cut]AB|");
	EXPECT(conf_of("UTF-8", LG_FRAMING_RDW), "\0\7\0\0abc" "\0x", "abc|[cut]" "|");
}

static struct lg_stream_conf limited(const char *encoding, int framing, int on_oversize)
{
	struct lg_stream_conf conf = conf_of(encoding, framing);

	conf.max_record_size = 16;
	conf.on_oversize = on_oversize;
	return conf;
}

static void utf16_lines_end_at_whole_units(void **state)
{
	struct lg_stream_conf lf = conf_of("UTF-16LE", LG_FRAMING_LINE);

	(void)state;
	/* U+0A00 and U+000D, U+0A0A: bytes of line ends that are none */
	EXPECT(conf_of("UTF-16LE", LG_FRAMING_LINE), "A\0\n\0\0\x0a\x0d\0\x0a\0" "B\0\x0a\x0a\x85\0" "C\0",
	       "A|\xe0\xa8\x80|B\xe0\xa8\x8a|C|");
	EXPECT(conf_of("UTF-16BE", LG_FRAMING_LINE), "\0A\0\n\x0a\0\0\x0d\0\x0a\0B\x0a\x0a\0\x85\0C\0\x0d", "A|\xe0\xa8\x80|B\xe0\xa8\x8a|C|");
	EXPECT(conf_of("UTF-16BE", LG_FRAMING_LINE), "\0A\0", "A\xef\xbf\xbd|");
	lf.newline = 2;
	EXPECT(lf, "A\0\x85\0B\0\x0a\0", "A\xc2\x85" "B|");
}

static void a_byte_order_mark_decides_and_is_no_text(void **state)
{
	(void)state;
	EXPECT(conf_of("UTF-16", LG_FRAMING_LINE), "\xff\xfe" "A\0\n\0\xff\xfe" "B\0", "A|\xef\xbb\xbf" "B|");
	EXPECT(conf_of("UTF-16", LG_FRAMING_LINE), "\xfe\xff\0A\0\n\0B", "A|B|");
	/* without a mark: by the zeros, else big-endian */
	EXPECT(conf_of("UTF-16", LG_FRAMING_LINE), "A\0\n\0" "B\0", "A|B|");
	EXPECT(conf_of("UTF-16", LG_FRAMING_LINE), "\x20\xac\0\n", "\xe2\x82\xac|");
	EXPECT(conf_of("UTF-16", LG_FRAMING_RDW), "\0\x08\0\0\xff\xfe" "A\0\0\x06\0\0B\0", "A|B|");
	EXPECT(conf_of("UTF-8", LG_FRAMING_LINE), "\xef\xbb\xbf" "A\n\xef\xbb\xbf" "B\n", "A|\xef\xbb\xbf" "B|");
}

static struct lg_stream_conf with_newline(const char *encoding, int newline)
{
	struct lg_stream_conf conf = conf_of(encoding, LG_FRAMING_LINE);

	conf.newline = newline;
	return conf;
}

static void the_newline_policy_says_what_ends_a_line(void **state)
{
	static const char ebcdic[] = "\xc1\x15\xc2\x25\xc3\r\x15\xc4", ascii[] = "A\xc2\x85" "B\nC\r\n" "D";

	(void)state;
	EXPECT(with_newline("IBM-273", 0), ebcdic, "A|B|C|D|");
	EXPECT(with_newline("IBM-273", 1), ebcdic, "A|B\nC|D|");
	EXPECT(with_newline("IBM-273", 2), ebcdic, "A\xc2\x85" "B|C\r\xc2\x85" "D|");
	EXPECT(with_newline("IBM-273", 3), ebcdic, "A|B\xc2\x85" "C|D|");
	EXPECT(with_newline("UTF-8", 0), ascii, "A|B|C|D|");
	EXPECT(with_newline("UTF-8", 1), ascii, "A|B\nC\r\nD|");
	EXPECT(with_newline("UTF-8", 2), ascii, "A\xc2\x85" "B|C|D|");
}

static void double_bytes_are_split_between_characters(void **state)
{
	(void)state;
	/* each part knows that it begins between SO and SI; a record never begins so */
	EXPECT(limited("IBM-939", LG_FRAMING_LINE, 0),
	       "\xc1\x0e" "\x42\xc1\x42\xc2\x42\xc3\x42\xc4\x42\xc5\x42\xc6\x42\xc7\x42\xc8\x0f\xc2\x15\xc3\x15",
	       "[1/0]A\xef\xbc\xa1\xef\xbc\xa2\xef\xbc\xa3\xef\xbc\xa4\xef\xbc\xa5\xef\xbc\xa6\xef\xbc\xa7|[2/2]\xef\xbc\xa8" "B|C|");
	EXPECT(limited("IBM-939", LG_FRAMING_RDW, 0),
	       "\0\x17\0\0\x0e" "\x42\xc1\x42\xc2\x42\xc3\x42\xc4\x42\xc5\x42\xc6\x42\xc7\x42\xc8\x42\xc9" "\0\5\0\0\xc3",
	       "[1/0]\xef\xbc\xa1\xef\xbc\xa2\xef\xbc\xa3\xef\xbc\xa4\xef\xbc\xa5\xef\xbc\xa6\xef\xbc\xa7|"
	       "[2/2]\xef\xbc\xa8\xef\xbc\xa9|C|");
}

static void long_lines_are_split_into_numbered_parts(void **state)
{
	(void)state;
	EXPECT(limited("UTF-8", LG_FRAMING_LINE, 0),
	       "0123456789abcdef\n0123456789abcdefg\r\nx\n0123456789abcdef0123456789abcdef\n",
	       "0123456789abcdef|[1/0]0123456789abcdef|[2/2]g|x|[1/0]0123456789abcdef|[2/2]0123456789abcdef|");
	/* never within a character */
	EXPECT(limited("UTF-8", LG_FRAMING_LINE, 0),
	       "0123456789abcd\xe2\x82\xac"
	       "ef\n",
	       "[1/0]0123456789abcd|[2/2]\xe2\x82\xac"
	       "ef|");
	EXPECT(limited("UTF-8", LG_FRAMING_LINE, 0), "0123456789abcdefgh", "[1/0]0123456789abcdef|[2/2]gh|");
	EXPECT(limited("UTF-8", LG_FRAMING_RDW, 0),
	       "\0\x18\0\0"
	       "0123456789abcdefghij"
	       "\0\5\0\0z",
	       "[1/0]0123456789abcdef|[2/2]ghij|z|");
}

static void or_cut_and_the_rest_passed_over(void **state)
{
	(void)state;
	EXPECT(limited("UTF-8", LG_FRAMING_LINE, 1),
	       "0123456789abcdefghijklmnopqrstuvwxyz0123\xc2\x85x\n0123456789abcdef\r\nlast and longer than 16",
	       "[cut]0123456789abcdef|x|0123456789abcdef|[cut]last and longer |");
	EXPECT(limited("UTF-8", LG_FRAMING_RDW, 1),
	       "\0\x28\0\0"
	       "0123456789abcdefghijklmnopqrstuvwxyz"
	       "\0\5\0\0z",
	       "[cut]0123456789abcdef|z|");
	/* the record ends early, too */
	EXPECT(limited("UTF-8", LG_FRAMING_RDW, 1), "\0\x28\0\0" "0123456789abcdefgh", "[cut]0123456789abcdef|");
}

static void oversize_and_damage_are_counted(void **state)
{
	static const char text[] = "0123456789abcdefgh0123456789abcdefgh\nx\xffy\n";
	struct lg_stream_conf conf = limited("UTF-8", LG_FRAMING_LINE, 0);
	struct kept kept = kept_make();
	const struct lg_stream_stats *stats;
	struct lg_stream *s;
	struct lg_err err;

	(void)state;
	assert_int_equal(lg_stream_new(&s, &conf, &kept.sink, 0, &err), LG_OK);
	assert_int_equal(feed_all(s, text, sizeof(text) - 1, 1000, true, &err), LG_OK);
	stats = lg_stream_stats(s);
	assert_int_equal(stats->oversize, 1);
	assert_int_equal(stats->lines, 4);
	assert_int_equal(stats->records, 4);
	assert_int_equal(stats->substitutions, 1);
	lg_stream_free(s);
	kept_fini(&kept);
}

static void a_full_buffer_is_always_consumed_in_part(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++) {
		struct lg_stream_conf conf = limited(i & 1 ? "UTF-8" : "IBM-037", i & 2 ? LG_FRAMING_RDW : LG_FRAMING_LINE, i >> 2);
		struct kept kept = kept_make();
		uint8_t data[24];
		struct lg_stream *s;
		struct lg_err err;
		size_t used = 0;

		memset(data, i & 1 ? 'x' : 0xc1, sizeof(data));
		if (i & 2)
			memcpy(data, "\x7f\0\0\0", 4);
		/* far from the beginning, where nothing waits for detection */
		assert_int_equal(lg_stream_new(&s, &conf, &kept.sink, 0, &err), LG_OK);
		for (int round = 0; round < 100; round++) {
			if (lg_stream_feed(s, data, sizeof(data), false, 7, &used, &err) != LG_OK)
				fail_msg("%s", err.text);
			assert_in_range(used, 1, sizeof(data));
			memset(data, i & 1 ? 'x' : 0xc1, sizeof(data));
		}
		lg_stream_free(s);
		kept_fini(&kept);
	}
}

static void expect_error(const void *data, size_t size, enum lg_rc want, size_t records, const char *text)
{
	struct lg_stream_conf conf = conf_of("UTF-8", LG_FRAMING_RDW);
	struct kept kept = kept_make();
	struct lg_stream *s;
	struct lg_err err = {.text = ""};

	assert_int_equal(lg_stream_new(&s, &conf, &kept.sink, 1000, &err), LG_OK);
	assert_int_equal(feed_all(s, data, size, 1000, true, &err), want);
	if (!strstr(err.text, text))
		fail_msg("\"%s\" lacks \"%s\"", err.text, text);
	assert_int_equal(kept.count, records);
	/* asked again, it says the same and takes nothing */
	assert_int_equal(feed_all(s, (const uint8_t *)data + (lg_stream_offset(s) - 1000),
	                          size - (size_t)(lg_stream_offset(s) - 1000), 1000, true, &err),
	                 want);
	assert_int_equal(kept.count, records);
	lg_stream_free(s);
	kept_fini(&kept);
}

static void broken_framing_stops_with_offset_and_bytes(void **state)
{
	static const char bad[] = "\0\7\0\0abc\0\3\0\0abc", text[] = "\0\7\0\0abcNext line",
	                  large[] = "\0\5\0\0x\x7f\xf9\0\0";

	(void)state;
	expect_error(bad, sizeof(bad) - 1, LG_CORRUPT, 1, "offset 1007: 00 03 00 00");
	expect_error(text, sizeof(text) - 1, LG_CORRUPT, 1, "offset 1007: 4e 65 78 74");
	expect_error(large, sizeof(large) - 1, LG_CORRUPT, 1, "offset 1005: 7f f9 00 00");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_end_at_lf_crlf_and_nel),
		cmocka_unit_test(ebcdic_lines_end_at_both_newlines_with_or_without_cr),
		cmocka_unit_test(rdw_records_may_hold_any_byte),
		cmocka_unit_test(a_torn_last_rdw_record_is_kept_and_marked),
		cmocka_unit_test(utf16_lines_end_at_whole_units),
		cmocka_unit_test(a_byte_order_mark_decides_and_is_no_text),
		cmocka_unit_test(the_newline_policy_says_what_ends_a_line),
		cmocka_unit_test(double_bytes_are_split_between_characters),
		cmocka_unit_test(long_lines_are_split_into_numbered_parts),
		cmocka_unit_test(or_cut_and_the_rest_passed_over),
		cmocka_unit_test(oversize_and_damage_are_counted),
		cmocka_unit_test(a_full_buffer_is_always_consumed_in_part),
		cmocka_unit_test(broken_framing_stops_with_offset_and_bytes),
	};

	return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
