/* lg_stream: bytes in, records out; the restart position. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support_codec.h"

static struct lg_stream_conf conf_of(const char *encoding, int framing)
{
	return (struct lg_stream_conf){.encoding = (char *)(uintptr_t)encoding, .framing = framing, .max_record_size = 65536,
	                               .parser = &plain_parser};
}

/* Feeds everything in chunks of `chunk` bytes, the rest offered again as an input does, then `last`; returns the last rc. */
static enum lg_rc feed_all(struct lg_stream *s, const void *data, size_t size, size_t chunk, bool last, struct lg_err *err)
{
	struct lg_buf buf = {0};
	const uint8_t *p = data;
	enum lg_rc rc = LG_OK;

	while (rc == LG_OK && (size || last)) {
		size_t n = size < chunk ? size : chunk, used;
		bool end = last && n == size;
		uint8_t *exact;

		lg_buf_append(&buf, p, n);
		p += n;
		size -= n;
		exact = mem_alloc(buf.size ? buf.size : 1); /* of exactly this size: ASan sees a read behind it */
		if (buf.size)
			memcpy(exact, buf.data, buf.size);
		rc = lg_stream_feed(s, exact, buf.size, end, 7, &used, err);
		free(exact);
		lg_buf_consume(&buf, used);
		if (end) {
			if (rc == LG_OK)
				assert_int_equal(buf.size, 0);
			break;
		}
	}
	lg_buf_fini(&buf);
	return rc;
}

/* All of `data` through a stream, in chunks of every small size; the bodies, each followed by '|', must be `want`. */
static void expect(struct lg_stream_conf conf, const void *data, size_t size, const char *want)
{
	static const size_t chunks[] = {1, 2, 3, 5, 7, 16, 100, 1000000};

	for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
		struct kept kept = kept_make();
		struct lg_buf got = {0};
		struct lg_stream *s;
		struct lg_err err;

		assert_int_equal(lg_stream_new(&s, &conf, &kept.sink, 0, &err), LG_OK);
		if (feed_all(s, data, size, chunks[i], true, &err) != LG_OK)
			fail_msg("%s", err.text);
		for (size_t k = 0; k < kept.count; k++)
			lg_buf_printf(&got, "%s|", kept.bodies[k]);
		lg_buf_append_char(&got, '\0');
		assert_string_equal((char *)got.data, want);
		assert_int_equal(lg_stream_offset(s), size);
		assert_int_equal(lg_stream_restart(s), size);
		assert_int_equal(lg_stream_stats(s)->records, kept.count);
		lg_stream_free(s);
		lg_buf_fini(&got);
		kept_fini(&kept);
	}
}

#define EXPECT(conf, bytes, want) expect((conf), (bytes), sizeof(bytes) - 1, (want))

static void lines_end_at_lf_crlf_and_nel(void **state)
{
	(void)state;
	EXPECT(conf_of("UTF-8", LG_FRAMING_LINE), "one\ntwo\r\n\nthree\xc2\x85" "four\r\xc2\x85\xc3\x85x\x85y\nlast",
	       "one|two||three|four|\xc3\x85x\xef\xbf\xbdy|last|");
	EXPECT(conf_of("ISO-8859-1", LG_FRAMING_LINE), "one\ntwo\r\n\nthree\x85" "f\xfcnf\r\x85z", "one|two||three|f\xc3\xbcnf|z|");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_end_at_lf_crlf_and_nel),
		cmocka_unit_test(ebcdic_lines_end_at_both_newlines_with_or_without_cr),
		cmocka_unit_test(rdw_records_may_hold_any_byte),
		cmocka_unit_test(a_torn_last_rdw_record_is_kept_and_marked),
	};

	return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
