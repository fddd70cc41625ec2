/* The socket framing of input `listen`, however the bytes are cut into reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "input_listen/sockframe.h"

/* Feeds `bytes` in reads of the sizes that `next_size` gives, keeping what was not consumed, as a connection does; each piece is written as
 * "[text]", parts as "[n:text]", torn ones as "[text~]". Returns the last code. */
static enum lg_rc feed(enum sockframe_mode mode, size_t limit, struct lg_str bytes, unsigned *seed, struct lg_buf *out)
{
	struct lg_buf kept = {0};
	enum lg_rc rc = LG_AGAIN;
	struct sockframe f;
	size_t at = 0;

	sockframe_init(&f, mode, limit);
	for (bool last = false; rc == LG_AGAIN; last = at == bytes.size) {
		size_t size = seed ? 1 + (*seed = *seed * 1103515245 + 12345) / 65536 % 9 : bytes.size, used = 0;
		struct sockframe_piece piece;
		struct lg_err err;
		char *exact;

		if (size > bytes.size - at)
			size = bytes.size - at;
		lg_buf_append(&kept, bytes.data + at, size);
		at += size;
		if (last && !kept.size)
			break;
		exact = malloc(kept.size ? kept.size : 1); /* the sanitizer sees a read beyond */
		if (kept.size)
			memcpy(exact, kept.data, kept.size);
		while ((rc = sockframe_next(&f, exact + used, kept.size - used, last, &piece, &err)) == LG_OK) {
			assert_true(piece.consumed > 0 && used + piece.consumed <= kept.size);
			used += piece.consumed;
			assert_true(piece.text.size <= limit);
			if (!piece.text.size)
				continue;
			lg_buf_append_char(out, '[');
			if (piece.part)
				lg_buf_printf(out, "%u:", piece.part);
			lg_buf_append_str(out, piece.text);
			lg_buf_append_cstr(out, piece.torn ? "~]" : "]");
		}
		free(exact);
		lg_buf_consume(&kept, used);
		assert_true(kept.size <= limit + SOCKFRAME_COUNT_DIGITS + 2);
		if (last) {
			if (rc == LG_AGAIN)
				assert_int_equal(kept.size, 0);
			break;
		}
	}
	lg_buf_fini(&kept);
	lg_buf_append_char(out, '\0');
	return rc;
}

static void expect_rc(enum sockframe_mode mode, size_t limit, struct lg_str bytes, enum lg_rc wanted_rc, const char *wanted)
{
	unsigned seed = 1;

	for (unsigned run = 0; run < 200; run++) {
		struct lg_buf out = {0};

		assert_int_equal(feed(mode, limit, bytes, run ? &seed : NULL, &out), wanted_rc);
		assert_string_equal((const char *)out.data, wanted);
		lg_buf_fini(&out);
	}
}

static void expect(enum sockframe_mode mode, size_t limit, const char *bytes, const char *wanted)
{
	expect_rc(mode, limit, lg_str_from(bytes), LG_AGAIN, wanted);
}

static void counted_messages_may_hold_anything(void **state)
{
	(void)state;
	expect(SOCKFRAME_AUTO, 100, "5 <1>ab9 a\nb\nc d e12 123456789012", "[<1>ab][a\nb\nc d e][123456789012]");
}

static void lines_end_with_lf_or_crlf_and_empty_ones_are_nothing(void **state)
{
	(void)state;
	expect(SOCKFRAME_AUTO, 100, "<1>a\r\n\n\r\n<2>b\n12 monkeys\n", "[<1>a][<2>b][12 monkeys]");
	expect(SOCKFRAME_LF, 100, "5 <1>ab\nx\ry\n", "[5 <1>ab][x\ry]");
}

static void auto_decides_by_the_first_bytes(void **state)
{
	(void)state;
	expect(SOCKFRAME_AUTO, 100, "2026-11-23 line\nnext\n", "[2026-11-23 line][next]");
	expect(SOCKFRAME_AUTO, 100, "0 zero\nnext\n", "[0 zero][next]");
	expect(SOCKFRAME_AUTO, 100, "1234567890 ten digits\n", "[1234567890 ten digits]");
	expect(SOCKFRAME_AUTO, 100, "3 abc3 def", "[abc][def]");
}

static void one_newline_at_the_end_of_a_counted_message_is_framing(void **state)
{
	(void)state;
	expect(SOCKFRAME_OCTET_COUNTING, 100, "4 abc\n5 abc\n\n1 \n3 xyz", "[abc][abc\n][xyz]");
}

static void a_wrong_count_ends_the_connection(void **state)
{
	(void)state;
	expect_rc(SOCKFRAME_OCTET_COUNTING, 100, LG_STR("3 abc<1>x"), LG_CORRUPT, "[abc]");
	expect_rc(SOCKFRAME_OCTET_COUNTING, 100, LG_STR("3 abc\n3 def"), LG_CORRUPT, "[abc]");
	expect_rc(SOCKFRAME_OCTET_COUNTING, 100, LG_STR("3 abc03 def"), LG_CORRUPT, "[abc]");
	expect_rc(SOCKFRAME_OCTET_COUNTING, 100, LG_STR("1234567890 x"), LG_CORRUPT, "");
	expect_rc(SOCKFRAME_OCTET_COUNTING, 100, LG_STR("12x"), LG_CORRUPT, "");
}

static void long_messages_come_in_parts(void **state)
{
	(void)state;
	expect(SOCKFRAME_LF, 5, "abcdefghijkl\nxyz\nabcde\nabcdef\n", "[1:abcde][2:fghij][3:kl][xyz][abcde][1:abcde][2:f]");
	expect(SOCKFRAME_OCTET_COUNTING, 5, "12 abcdefghijkl3 xyz5 abcde6 abcdef", "[1:abcde][2:fghij][3:kl][xyz][abcde][1:abcde][2:f]");
}

static void parts_end_between_characters(void **state)
{
	(void)state;
	expect(SOCKFRAME_LF, 5, "abc\xe2\x82\xac" "def\n", "[1:abc][2:\xe2\x82\xac" "de][3:f]");
	expect(SOCKFRAME_OCTET_COUNTING, 5, "9 abc\xe2\x82\xac" "def", "[1:abc][2:\xe2\x82\xac" "de][3:f]");
	/* Not UTF-8 at all: cut anywhere. */
	expect(SOCKFRAME_LF, 5, "\x80\x80\x80\x80\x80\x80\x80\n", "[1:\x80\x80\x80\x80\x80][2:\x80\x80]");
}

static void what_the_peer_left_incomplete_is_kept_and_marked(void **state)
{
	(void)state;
	expect(SOCKFRAME_LF, 100, "<1>a\n<2>b", "[<1>a][<2>b~]");
	expect(SOCKFRAME_OCTET_COUNTING, 100, "3 abc9 de", "[abc][de~]");
	expect(SOCKFRAME_OCTET_COUNTING, 100, "3 abc12", "[abc][12~]");
	expect(SOCKFRAME_OCTET_COUNTING, 4, "9 abcdef", "[1:abcd][2:ef~]");
	expect(SOCKFRAME_AUTO, 100, "12", "[12~]");
	expect(SOCKFRAME_AUTO, 100, "", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counted_messages_may_hold_anything),
		cmocka_unit_test(lines_end_with_lf_or_crlf_and_empty_ones_are_nothing),
		cmocka_unit_test(auto_decides_by_the_first_bytes),
		cmocka_unit_test(one_newline_at_the_end_of_a_counted_message_is_framing),
		cmocka_unit_test(a_wrong_count_ends_the_connection),
		cmocka_unit_test(long_messages_come_in_parts),
		cmocka_unit_test(parts_end_between_characters),
		cmocka_unit_test(what_the_peer_left_incomplete_is_kept_and_marked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
