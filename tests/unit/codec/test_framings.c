/* lg_stream over every framing with descriptor words: each in chunks of every size, spanned records and what breaks them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec_feed.h"

static struct lg_stream_conf conf_of(int framing)
{
	return (struct lg_stream_conf){.encoding = (char *)(uintptr_t)"UTF-8", .framing = framing, .max_record_size = 65536,
	                               .parser = plain_parser()};
}

/* The limit of 16 is below what the option table allows. */
static struct lg_stream_conf limited(int framing, int on_oversize)
{
	struct lg_stream_conf conf = conf_of(framing);

	conf.max_record_size = 16;
	conf.on_oversize = on_oversize;
	return conf;
}

static void every_length_word_is_read(void **state)
{
	(void)state;
	EXPECT(conf_of(LG_FRAMING_RDW_EXCLUSIVE), "\0\3\0\0abc\0\0\0\0\0\1\0\0x", "abc||x|");
	EXPECT(conf_of(LG_FRAMING_RDW_LE), "\0\0\7\0abc\0\0\4\0\0\0\5\0x", "abc||x|");
	EXPECT(conf_of(LG_FRAMING_RDW_LE_EXCLUSIVE), "\0\0\3\0abc\0\0\0\0\0\0\1\0x", "abc||x|");
	EXPECT(conf_of(LG_FRAMING_U32), "\0\0\0\3abc\0\0\0\0\0\0\0\1x", "abc||x|");
}

static void blocks_hold_records(void **state)
{
	(void)state;
	EXPECT(conf_of(LG_FRAMING_BDW),
	       "\0\x13\0\0\0\7\0\0abc\0\4\0\0\0\4\0\0"
	       "\0\x0a\0\0\0\6\0\0de",
	       "abc|||de|");
	/* an extended block descriptor: 31 bits of length */
	EXPECT(conf_of(LG_FRAMING_BDW), "\x80\0\0\x0b\0\7\0\0abc\0\x09\0\0\0\5\0\0x", "abc|x|");
}

static void fixed_records_lose_their_padding(void **state)
{
	struct lg_stream_conf conf = conf_of(LG_FRAMING_FIXED);

	(void)state;
	conf.lrecl = 5;
	EXPECT(conf, "abcdeab c      \nfgh xy ", "abcde|ab c||\nfgh|[cut]xy|");
	conf.encoding = (char *)(uintptr_t)"IBM-037";
	EXPECT(conf, "\xc1\xc2\x40\x40\x40\x40\xc3\xc4\x40\x40", "AB| CD|");
}

static void carriage_control_is_taken_off_when_asked(void **state)
{
	struct lg_stream_conf conf = conf_of(LG_FRAMING_RDW);

	(void)state;
	EXPECT(conf, "\0\x07\0\0001ab\0\5\0\0 \0\4\0\0", "1ab| ||");
	conf.carriage_control = LG_CARRIAGE_STRIP;
	EXPECT(conf, "\0\x07\0\0001ab\0\5\0\0 \0\4\0\0", "ab|||");
	conf.carriage_control = LG_CARRIAGE_FIELD;
	EXPECT(conf, "\0\x07\0\0001ab\0\5\0\0 \0\4\0\0", "{1}ab|{ }||");
	/* machine code 8B: skip to channel 1 */
	conf.encoding = (char *)(uintptr_t)"IBM-1047";
	EXPECT(conf, "\0\6\0\0\x8b\xc1\0\6\0\0\x09\xc2", "{8B}A|{09}B|");
	/* of a record in parts only the first one has it */
	conf = limited(LG_FRAMING_RDW, 0);
	conf.carriage_control = LG_CARRIAGE_FIELD;
	EXPECT(conf, "\0\x18\0\0-123456789abcdefghij", "{-}[1/0]123456789abcdef|[2/2]ghij|");
}

/* ---- spanned records --------------------------------------------------------------------------------------------- */

static void segments_become_their_record(void **state)
{
	(void)state;
	EXPECT(conf_of(LG_FRAMING_RDW), "\0\7\1\0abc\0\7\2\0def\0\5\0\0x", "abcdef|x|");
	EXPECT(conf_of(LG_FRAMING_RDW), "\0\7\1\0abc\0\5\3\0-\0\4\3\0\0\6\3\0++\0\7\2\0def", "abc-++def|");
	/* a character may lie across segments */
	EXPECT(conf_of(LG_FRAMING_RDW), "\0\5\1\0\xe2\0\5\3\0\x82\0\5\2\0\xac", "\xe2\x82\xac|");
	/* over the border of two blocks */
	EXPECT(conf_of(LG_FRAMING_BDW),
	       "\0\x10\0\0\0\5\0\0x\0\7\1\0abc"
	       "\0\x0c\0\0\0\x08\3\0defg"
	       "\0\x0f\0\0\0\6\2\0hi\0\5\0\0z",
	       "x|abcdefghi|z|");
}

static void expect_broken(int framing, const void *data, size_t size, const char *want, uint64_t broken, uint64_t torn)
{
	struct lg_stream_conf conf = conf_of(framing);
	struct kept kept = kept_make();
	struct lg_stream *s;
	struct lg_err err;

	expect(conf, data, size, want);
	assert_int_equal(lg_stream_new(&s, &conf, &kept.sink, 0, &err), LG_OK);
	assert_int_equal(feed_all(s, data, size, 6, true, &err), LG_OK);
	assert_int_equal(lg_stream_stats(s)->broken, broken);
	assert_int_equal(lg_stream_stats(s)->torn, torn);
	assert_int_equal(lg_stream_stats(s)->oversize, 0);
	lg_stream_free(s);
	kept_fini(&kept);
}

#define EXPECT_BROKEN(framing, bytes, want, broken, torn) \
	expect_broken((framing), (bytes), sizeof(bytes) - 1, (want), (broken), (torn))

static void broken_chains_are_marked_counted_and_never_joined(void **state)
{
	(void)state;
	/* the last segment is missing, then the first */
	EXPECT_BROKEN(LG_FRAMING_RDW, "\0\5\1\0a\0\5\1\0b\0\5\2\0c\0\5\0\0d", "[cut]a|bc|d|", 1, 0);
	EXPECT_BROKEN(LG_FRAMING_RDW, "\0\5\1\0a\0\5\3\0b\0\5\0\0c", "[cut]ab|c|", 1, 0);
	EXPECT_BROKEN(LG_FRAMING_RDW, "\0\5\2\0a\0\5\3\0b\0\5\3\0c\0\5\0\0d", "[cut]a|[cut]b|[cut]c|d|", 3, 0);
	EXPECT_BROKEN(LG_FRAMING_RDW, "\0\5\0\0a\0\5\2\0b\0\5\1\0c\0\5\2\0d", "a|[cut]b|cd|", 1, 0);
	/* the file ends within the chain */
	EXPECT_BROKEN(LG_FRAMING_RDW, "\0\5\1\0a\0\5\3\0b", "[cut]ab|", 0, 1);
	EXPECT_BROKEN(LG_FRAMING_RDW, "\0\5\1\0a\0\7\2\0bc", "[cut]abc|", 0, 1);
	EXPECT_BROKEN(LG_FRAMING_RDW, "\0\5\1\0a\0\7", "[cut]a|", 0, 1);
	EXPECT_BROKEN(LG_FRAMING_BDW, "\0\x0e\0\0\0\5\1\0a\0\5\1\0b\0\x0e\0\0\0\5\2\0c\0\5\2\0d", "[cut]a|bc|[cut]d|", 2, 0);
}

static void long_spanned_records_are_split(void **state)
{
	(void)state;
	/* The limit of 16 counts what stands between the segments, and leaves room to see the next descriptor words. */
	EXPECT(limited(LG_FRAMING_RDW, 0), "\0\x0e\1\0" "0123456789" "\0\x0a\2\0" "abcdef" "\0\5\0\0z",
	       "[1/0]012345678|[2/2]9abcdef|z|");
	EXPECT(limited(LG_FRAMING_RDW, 0), "\0\x18\1\0" "0123456789abcdefghij" "\0\x14\2\0" "klmnopqrstuvwxyz" "\0\5\0\0z",
	       "[1/0]0123456789abcdef|[2/0]ghijklmnopqr|[3/3]stuvwxyz|z|");
	EXPECT(limited(LG_FRAMING_RDW, 1), "\0\x18\1\0" "0123456789abcdefghij" "\0\x14\3\0" "klmnopqrstuvwxyz" "\0\5\2\0!" "\0\5\0\0z",
	       "[cut]0123456789abcdef|z|");
	/* not within a character */
	EXPECT(limited(LG_FRAMING_RDW, 0), "\0\x18\1\0" "0123456789abcd\xe2\x82\xac" "efg" "\0\5\2\0h",
	       "[1/0]0123456789abcd|[2/2]\xe2\x82\xac" "efgh|");
	/* the chain breaks behind a part: it is the last part that shows it */
	EXPECT(limited(LG_FRAMING_RDW, 0), "\0\x18\1\0" "0123456789abcdefghij" "\0\5\0\0z",
	       "[1/0]0123456789abcdef|[2/2][cut]ghij|z|");
	EXPECT(limited(LG_FRAMING_RDW, 1), "\0\x18\1\0" "0123456789abcdefghij" "\0\5\0\0z", "[cut]0123456789abcdef|z|");
	EXPECT(limited(LG_FRAMING_RDW, 0), "\0\x18\1\0" "0123456789abcdefghij", "[1/0]0123456789abcdef|[2/2][cut]ghij|");
	EXPECT(limited(LG_FRAMING_U32, 0), "\0\0\0\x14" "0123456789abcdefghij" "\0\0\0\1z", "[1/0]0123456789abcdef|[2/2]ghij|z|");
}

/* ---- damage ------------------------------------------------------------------------------------------------------ */

static void expect_error(int framing, const void *data, size_t size, size_t records, const char *text)
{
	struct lg_stream_conf conf = conf_of(framing);
	struct kept kept = kept_make();
	struct lg_stream *s;
	struct lg_err err = {.text = ""};

	assert_int_equal(lg_stream_new(&s, &conf, &kept.sink, 1000, &err), LG_OK);
	assert_int_equal(feed_all(s, data, size, 1000, true, &err), LG_CORRUPT);
	if (!strstr(err.text, text))
		fail_msg("\"%s\" lacks \"%s\"", err.text, text);
	assert_int_equal(kept.count, records);
	lg_stream_free(s);
	kept_fini(&kept);
}

#define EXPECT_ERROR(framing, bytes, records, text) expect_error((framing), (bytes), sizeof(bytes) - 1, (records), (text))

static void damage_stops_with_offset_and_bytes(void **state)
{
	(void)state;
	EXPECT_ERROR(LG_FRAMING_RDW, "\0\7\0\0abc\0\7\4\0abc", 1, "offset 1007: 00 07 04 00");
	EXPECT_ERROR(LG_FRAMING_RDW, "\0\7\1\0abc\0\3\0\0abc", 1, "offset 1007: 00 03 00 00"); /* the first segment was given out */
	EXPECT_ERROR(LG_FRAMING_RDW_EXCLUSIVE, "\0\3\0\0abc\0\3\0\1abc", 1, "offset 1007: 00 03 00 01");
	EXPECT_ERROR(LG_FRAMING_RDW_LE, "\0\0\7\0abc\0\1\3\0abc", 1, "offset 1007: 00 01 03 00");
	EXPECT_ERROR(LG_FRAMING_RDW_LE, "\0\0\7\0abc\0\0\3\0abc", 1, "offset 1007: 00 00 03 00");
	EXPECT_ERROR(LG_FRAMING_RDW_LE_EXCLUSIVE, "\0\0\3\0abc\1\0\3\0abc", 1, "offset 1007: 01 00 03 00");
	EXPECT_ERROR(LG_FRAMING_U32, "\0\0\0\3abc\1\0\0\1abc", 1, "offset 1007: 01 00 00 01");
	EXPECT_ERROR(LG_FRAMING_BDW, "\0\x0b\0\0\0\7\0\0abc\0\7\0\0abc..", 1, "block descriptor word at offset 1011: 00 07 00 00");
	EXPECT_ERROR(LG_FRAMING_BDW, "\0\x0b\0\0\0\7\0\0abc\0\x0b\0\1\0\7\0\0", 1, "block descriptor word at offset 1011: 00 0b 00 01");
	EXPECT_ERROR(LG_FRAMING_BDW, "\0\x0d\0\0\0\5\0\0a\0\7\0\0abc", 1, "offset 1009 has 7 bytes, but its block only 4");
	EXPECT_ERROR(LG_FRAMING_BDW, "\0\x0d\0\0\0\5\0\0a\0\0\0\0", 1, "record descriptor word at offset 1009: 00 00 00 00");
}

static void fixed_needs_its_length(void **state)
{
	struct lg_stream_conf conf = conf_of(LG_FRAMING_FIXED);
	struct lg_stream *s;
	struct lg_err err;

	(void)state;
	assert_int_equal(lg_stream_new(&s, &conf, NULL, 0, &err), LG_INVALID);
	assert_non_null(strstr(err.text, "framing: fixed needs lrecl"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_word_is_read),
		cmocka_unit_test(blocks_hold_records),
		cmocka_unit_test(fixed_records_lose_their_padding),
		cmocka_unit_test(carriage_control_is_taken_off_when_asked),
		cmocka_unit_test(segments_become_their_record),
		cmocka_unit_test(broken_chains_are_marked_counted_and_never_joined),
		cmocka_unit_test(long_spanned_records_are_split),
		cmocka_unit_test(damage_stops_with_offset_and_bytes),
		cmocka_unit_test(fixed_needs_its_length),
	};

	return cmocka_run_group_tests_name("framings", tests, NULL, NULL);
}
