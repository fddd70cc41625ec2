/* The restart position of a stream: a crash at any moment repeats no record and loses none, whatever is interleaved. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "codec_kit.h"

#include "codec/charset.h"
#include "parser/zos_syslog.h"

/* ---- random sources ---------------------------------------------------------------------------------------------- */

static uint32_t rng;

static uint32_t below(uint32_t n)
{
	rng ^= rng << 13;
	rng ^= rng >> 17;
	rng ^= rng << 5;
	return rng % n;
}

static void put_char(struct lg_buf *out, const struct lg_stream_conf *conf)
{
	static const char letters[] = "aaabbbccddeee;;;XYZ .,0123456789";
	char c = letters[below(sizeof(letters) - 1)];

	if (strcmp(conf->encoding, "UTF-8") == 0) {
		uint32_t odd = below(40);

		if (odd == 0)
			lg_buf_append_cstr(out, "\xe2\x82\xac");
		else if (odd == 1 && below(20) == 0)
			lg_buf_append_char(out, (char)0xff);
		else
			lg_buf_append_char(out, c);
	} else if (strcmp(conf->encoding, "UTF-16") == 0) {
		if (below(30) == 0)
			lg_buf_append(out, "\x3d\xd8\x0c\xdc", 4);
		else
			lg_buf_append(out, (char[]){c, below(40) ? 0 : 10}, 2);
	} else if (strcmp(conf->encoding, "IBM-939") == 0) {
		static const char *const some[] = {"\xc1", "\x81", "\xc2", "\x0e\x42\xc1", "\x42\xc2", "\x0f\xd1", "\x0f", "\x0e"};

		lg_buf_append_cstr(out, some[below(8)]);
	} else {
		const uint8_t *table = charset_table(charset_id_of(conf->encoding));
		unsigned b = 0;

		while (table[b] != (uint8_t)c)
			b++;
		lg_buf_append_char(out, (char)b);
	}
}

/* ---- around the records ------------------------------------------------------------------------------------------- */

static void put_word(struct lg_buf *out, int framing, size_t size, unsigned segment)
{
	size_t n = framing == LG_FRAMING_RDW_EXCLUSIVE || framing == LG_FRAMING_RDW_LE_EXCLUSIVE || framing == LG_FRAMING_U32 ? size
	                                                                                                                    : size + 4;
	uint8_t high = (uint8_t)(n >> 8), low = (uint8_t)n, word[4] = {high, low, (uint8_t)segment, 0};

	if (framing == LG_FRAMING_RDW_LE || framing == LG_FRAMING_RDW_LE_EXCLUSIVE)
		memcpy(word, (uint8_t[]){0, 0, low, high}, 4);
	else if (framing == LG_FRAMING_U32)
		memcpy(word, (uint8_t[]){0, 0, high, low}, 4);
	lg_buf_append(out, word, 4);
}

/* Whole, or in segments, of which one may be missing. */
static void put_segments(struct lg_buf *out, int framing, const uint8_t *data, size_t size)
{
	unsigned segment = 1;

	if (below(3)) {
		put_word(out, framing, size, 0);
		lg_buf_append(out, data, size);
		return;
	}
	do {
		size_t n = below(8) ? below((uint32_t)size + 1) : size;

		segment = n == size ? 2 : segment;
		if (below(30)) {
			put_word(out, framing, n, segment);
			lg_buf_append(out, data, n);
		}
		data += n;
		size -= n;
		segment = segment == 1 ? 3 : segment;
	} while (segment != 2);
}

/* What is in `block` becomes a block. */
static void end_block(struct lg_buf *out, struct lg_buf *block)
{
	if (block->size)
		put_word(out, LG_FRAMING_BDW, block->size, 0);
	lg_buf_append(out, block->data, block->size);
	lg_buf_clear(block);
}

static void put_record(struct lg_buf *out, struct lg_buf *block, const struct lg_stream_conf *conf)
{
	size_t chars = below(20) == 0 ? below(1500) : below(30);
	struct lg_buf content = {0};

	if (conf->framing == LG_FRAMING_FIXED)
		chars = (size_t)conf->lrecl;
	lg_buf_reserve(&content, 1);
	while (conf->framing == LG_FRAMING_FIXED ? content.size < chars : chars-- > 0)
		put_char(&content, conf);
	if (conf->framing == LG_FRAMING_RDW) {
		put_segments(out, conf->framing, content.data, content.size);
	} else if (conf->framing == LG_FRAMING_BDW) {
		put_segments(block, conf->framing, content.data, content.size);
		if (block->size > 3000 || below(6) == 0)
			end_block(out, block);
	} else {
		if (conf->framing != LG_FRAMING_LINE && conf->framing != LG_FRAMING_FIXED)
			put_word(out, conf->framing, content.size, 0);
		lg_buf_append(out, content.data, content.size);
	}
	if (conf->framing == LG_FRAMING_LINE && strcmp(conf->encoding, "UTF-16") == 0)
		lg_buf_append(out, below(10) == 0 ? "\r\0\n\0" : "\x85\0\n", below(10) == 0 ? 4 : 2);
	else if (conf->framing == LG_FRAMING_LINE && strcmp(conf->encoding, "UTF-8") == 0)
		lg_buf_append_cstr(out, below(10) == 0 ? "\r\n" : below(10) == 0 ? "\xc2\x85" : "\n");
	else if (conf->framing == LG_FRAMING_LINE)
		lg_buf_append_cstr(out, below(10) == 0 ? "\r\x15" : below(10) == 0 ? "\x25" : "\x15");
	lg_buf_fini(&content);
}

static struct lg_buf random_source(const struct lg_stream_conf *conf, size_t records)
{
	struct lg_buf out = {0}, block = {0};

	while (records--)
		put_record(&out, &block, conf);
	end_block(&out, &block);
	lg_buf_fini(&block);
	return out;
}

static struct lg_stream *open_stream(const struct lg_stream_conf *conf, struct kept *kept, const uint8_t *saved, size_t size)
{
	struct lg_stream *s;
	struct lg_err err;
	enum lg_rc rc =
		saved ? lg_stream_load(&s, conf, &kept->sink, saved, size, &err) : lg_stream_new(&s, conf, &kept->sink, 0, &err);

	if (rc != LG_OK)
		fail_msg("%s", err.text);
	return s;
}

/* One chunk of random size that starts at the stream's offset; what was not consumed comes again next time. */
static void feed_some(struct lg_stream *s, const struct lg_buf *source, size_t *visible)
{
	size_t offset = (size_t)lg_stream_offset(s), used;
	struct lg_err err;
	bool last;

	if (*visible < offset)
		*visible = offset;
	*visible += 1 + below(below(4) ? 60 : 3000);
	if (*visible > source->size)
		*visible = source->size;
	last = *visible == source->size;
	if (lg_stream_feed(s, source->data + offset, *visible - offset, last, 7, &used, &err) != LG_OK)
		fail_msg("%s", err.text);
	assert_int_equal(lg_stream_offset(s), offset + used);
}

static void run_whole(const struct lg_stream_conf *conf, const struct lg_buf *source, struct kept *kept)
{
	struct lg_stream *s = open_stream(conf, kept, NULL, 0);
	size_t visible = 0;

	while ((size_t)lg_stream_offset(s) < source->size)
		feed_some(s, source, &visible);
	lg_stream_flush(s);
	lg_stream_free(s);
}

/* Reads the source with crashes: what was emitted behind the last checkpoint is lost with them. */
static void run_crashing(const struct lg_stream_conf *conf, const struct lg_buf *source, struct kept *kept)
{
	uint8_t saved[LG_STREAM_SAVE_MAX];
	struct lg_stream *s = open_stream(conf, kept, NULL, 0);
	size_t saved_size = lg_stream_save(s, saved), saved_count = 0, visible = 0;
	unsigned crashes = 0;

	while ((size_t)lg_stream_offset(s) < source->size) {
		feed_some(s, source, &visible);
		if (below(3) == 0) {
			saved_size = lg_stream_save(s, saved);
			assert_in_range(saved_size, 1, LG_STREAM_SAVE_MAX);
			saved_count = kept->count;
		}
		if (below(12) == 0 && crashes < 40) {
			crashes++;
			while (kept->count > saved_count)
				free(kept->bodies[--kept->count]);
			lg_stream_free(s);
			s = open_stream(conf, kept, saved, saved_size);
			/* the bytes known may be anywhere in the source, too */
			visible = below(2) ? 0 : visible;
		}
	}
	lg_stream_flush(s);
	lg_stream_free(s);
}

static void records_are_the_same_with_and_without_crashes(void **state)
{
	static const char *const encodings[] = {"UTF-8", "IBM-1047", "UTF-16", "IBM-939"};
	static const int framings[] = {LG_FRAMING_LINE, LG_FRAMING_RDW, LG_FRAMING_BDW, LG_FRAMING_FIXED, LG_FRAMING_U32,
	                               LG_FRAMING_RDW_EXCLUSIVE, LG_FRAMING_RDW_LE, LG_FRAMING_RDW_LE_EXCLUSIVE};

	(void)state;
	for (uint32_t round = 0; round < 800; round++) {
		struct lg_stream_conf conf = {.encoding = (char *)(uintptr_t)encodings[round & 3],
		                              .framing = framings[round / 8 % 8],
		                              .on_oversize = round & 4 ? 1 : 0,
		                              .max_record_size = 256,
		                              .lrecl = 20 + round % 500,
		                              .parser = keyed_parser()};
		struct kept whole = kept_make(), crashing = kept_make();
		struct lg_buf source;

		rng = 0x9e3779b9u * (round + 1);
		source = random_source(&conf, 50 + below(200));
		run_whole(&conf, &source, &whole);
		run_crashing(&conf, &source, &crashing);
		for (size_t i = 0; i < whole.count && i < crashing.count; i++)
			if (strcmp(whole.bodies[i], crashing.bodies[i]) != 0)
				fail_msg("round %u record %zu:\n%s\n%s", round, i, whole.bodies[i], crashing.bodies[i]);
		assert_int_equal(crashing.count, whole.count);
		kept_fini(&whole);
		kept_fini(&crashing);
		lg_buf_fini(&source);
	}
}

/* The same with lines joined to messages: limits cut them, and parts of long lines are put together. */
static void messages_are_the_same_with_and_without_crashes(void **state)
{
	static const char *const encodings[] = {"UTF-8", "IBM-1047", "UTF-16", "IBM-939"};
	static const int framings[] = {LG_FRAMING_LINE, LG_FRAMING_RDW, LG_FRAMING_BDW, LG_FRAMING_FIXED, LG_FRAMING_U32};

	(void)state;
	for (uint32_t round = 0; round < 120; round++) {
		struct lg_stream_conf conf = {.encoding = (char *)(uintptr_t)encodings[round & 3],
		                              .framing = framings[round / 8 % 5],
		                              .on_oversize = round & 4 ? 1 : 0,
		                              .max_record_size = 256,
		                              .lrecl = 20 + round % 500,
		                              .parser = plain_parser(),
		                              .multiline = {.start = (char *)(uintptr_t)(round % 3 ? "^[aAX]" : "^.?[bcA]"),
		                                            .cont = (char *)(uintptr_t)(round % 5 ? NULL : "[eB]"),
		                                            .end = (char *)(uintptr_t)(round % 7 ? NULL : ";.?$"),
		                                            .max_lines = 1 + round % 11,
		                                            .max_bytes = 256 + round % 13 * 100,
		                                            .timeout_ns = 1000}};
		struct kept whole = kept_make(), crashing = kept_make();
		struct lg_buf source;

		rng = 0xc2b2ae35u * (round + 1);
		source = random_source(&conf, 50 + below(200));
		run_whole(&conf, &source, &whole);
		run_crashing(&conf, &source, &crashing);
		for (size_t i = 0; i < whole.count && i < crashing.count; i++)
			if (strcmp(whole.bodies[i], crashing.bodies[i]) != 0)
				fail_msg("round %u record %zu:\n%s\n%s", round, i, whole.bodies[i], crashing.bodies[i]);
		assert_int_equal(crashing.count, whole.count);
		kept_fini(&whole);
		kept_fini(&crashing);
		lg_buf_fini(&source);
	}
}

/* ---- the same with z/OS SYSLOG: interleaved multi-line messages of several systems, over the autumn hour --------------- */

struct console { /* one system's message that is open */
	int connector, left;
};

static void put_line(struct lg_buf *out, const char *fmt, ...) LG_PRINTF(2, 3);
static void put_line(struct lg_buf *out, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	lg_buf_printf(out, "%s\n", text);
}

/* A head line of a system at `hundredths` after 2026-11-01 00:30 local time, when clocks go back at 02:00. */
static void put_head(struct lg_buf *out, char type, unsigned system, uint32_t hundredths, const char *text, int connector)
{
	uint32_t seconds = 1800 + hundredths / 100;
	char end[16] = "";

	if (seconds >= 7200)
		seconds -= 3600;
	if (connector >= 0)
		snprintf(end, sizeof(end), " %03d", connector);
	put_line(out, "%c 4040000 SYS%c     26305 %02u:%02u:%02u.%02u STC%05u 00000090  %s%s", type, 'A' + system, seconds / 3600,
	         seconds / 60 % 60, seconds % 60, hundredths % 100, below(99999), text, end);
}

static struct lg_buf random_syslog(size_t lines)
{
	struct console open[4] = {{0}};
	struct lg_buf out = {0};
	uint32_t hundredths = 0;

	while (lines--) {
		unsigned system = below(4);
		struct console *console = &open[system];

		hundredths += below(30000);
		if (console->left && below(8)) {
			bool end = --console->left == 0;

			put_line(&out, "%c                                         %03d 00000090  LINE %u OF %d", end ? 'E' : 'D',
			         console->connector, below(1000), console->connector);
		} else if (below(3) == 0) {
			console->connector = (int)(system * 250 + below(250));
			console->left = 1 + (int)below(5);
			put_head(&out, 'M', system, hundredths, "IXG283I STAGING DATASET", console->connector);
		} else {
			put_head(&out, 'N', system, hundredths, "IEF403I JOB - STARTED", -1);
			if (below(4) == 0)
				put_line(&out, "%-56s%s", "S", "AND MORE OF IT");
		}
		if (below(40) == 0)
			put_line(&out, "D                                         %03u 00000090  NOBODY'S LINE", below(1000));
		if (below(60) == 0)
			put_line(&out, "1     SDSF  SYSLOG  PRINT  PAGE %u", below(100));
	}
	return out;
}

static void syslog_survives_crashes_exactly(void **state)
{
	struct zos_conf zos = {.timezone = (char *)(uintptr_t)"America/New_York", .multiline_timeout_ns = INT64_C(5000000000)};
	struct lg_stream_conf conf = {.encoding = (char *)(uintptr_t)"UTF-8", .framing = LG_FRAMING_LINE, .max_record_size = 256,
	                              .parser = &zos_syslog_parser, .parser_conf = &zos};

	(void)state;
	for (uint32_t round = 0; round < 150; round++) {
		struct kept whole = kept_make(), crashing = kept_make();
		struct lg_buf source;

		rng = 0x85ebca6bu * (round + 1);
		source = random_syslog(40 + below(200));
		run_whole(&conf, &source, &whole);
		run_crashing(&conf, &source, &crashing);
		assert_true(whole.count > 10);
		for (size_t i = 0; i < whole.count && i < crashing.count; i++)
			if (strcmp(whole.bodies[i], crashing.bodies[i]) != 0)
				fail_msg("round %u record %zu:\n%s\n%s", round, i, whole.bodies[i], crashing.bodies[i]);
		assert_int_equal(crashing.count, whole.count);
		kept_fini(&whole);
		kept_fini(&crashing);
		lg_buf_fini(&source);
	}
}

/* ---- single facts ------------------------------------------------------------------------------------------------ */

static struct lg_stream_conf lines = {.encoding = (char *)(uintptr_t)"UTF-8", .framing = LG_FRAMING_LINE, .max_record_size = 256};

static void feed(struct lg_stream *s, const char *text, bool last)
{
	struct lg_err err;
	size_t used;

	if (lg_stream_feed(s, (const uint8_t *)text, strlen(text), last, 7, &used, &err) != LG_OK)
		fail_msg("%s", err.text);
}

static void the_restart_is_the_oldest_held_line(void **state)
{
	struct kept kept = kept_make();
	struct lg_stream *s = open_stream(&lines, &kept, NULL, 0);

	(void)state;
	feed(s, "one\n", false);
	assert_int_equal(lg_stream_restart(s), 4);
	feed(s, "a1\nX\nb1\na;2\nY\n", false);
	assert_int_equal(lg_stream_offset(s), 18);
	assert_int_equal(lg_stream_restart(s), 9); /* b1 */
	feed(s, "b;2\n", false);
	assert_int_equal(lg_stream_restart(s), 22);
	assert_int_equal(kept.count, 5);
	assert_string_equal(kept.bodies[2], "<0/0>a1<0/0>a;2");
	assert_string_equal(kept.bodies[4], "<0/0>b1<0/0>b;2");
	lg_stream_free(s);
	kept_fini(&kept);
}

static void a_full_parser_far_into_the_file_still_fits(void **state)
{
	struct kept kept = kept_make();
	uint8_t saved[LG_STREAM_SAVE_MAX];
	struct lg_stream *s;
	struct lg_err err;
	size_t size;

	(void)state;
	assert_int_equal(lg_stream_new(&s, &lines, &kept.sink, INT64_MAX / 2, &err), LG_OK);
	/* 32 held lines with a line of 200 bytes emitted between any two */
	for (int i = 0; i < LG_HELD_MAX; i++) {
		char text[300];

		memset(text, 'X', sizeof(text));
		memcpy(text, "a-\n", 3);
		memcpy(text + 200, "\n", 2);
		feed(s, text, false);
	}
	assert_int_equal(kept.count, LG_HELD_MAX);
	size = lg_stream_save(s, saved);
	lg_stream_free(s);
	s = open_stream(&lines, &kept, saved, size);
	assert_int_equal(lg_stream_offset(s), INT64_MAX / 2);
	assert_int_equal(saved[size - 3 * LG_HELD_MAX - 1], LG_HELD_MAX); /* all ranges are there, 3 bytes each */
	lg_stream_free(s);
	kept_fini(&kept);
}

static void damaged_positions_are_refused(void **state)
{
	struct kept kept = kept_make();
	uint8_t saved[LG_STREAM_SAVE_MAX], bad[LG_STREAM_SAVE_MAX];
	struct lg_stream *s = open_stream(&lines, &kept, NULL, 0);
	struct lg_err err;
	size_t size;

	(void)state;
	feed(s, "a1\nX\nb1\nY\n", false);
	size = lg_stream_save(s, saved);
	lg_stream_free(s);
	for (size_t n = 0; n < size; n++) {
		uint8_t *exact = mem_alloc(n ? n : 1);

		memcpy(exact, saved, n);
		assert_int_equal(lg_stream_load(&s, &lines, &kept.sink, exact, n, &err), LG_INVALID);
		assert_null(s);
		free(exact);
	}
	memcpy(bad, saved, size);
	bad[0]++; /* another version */
	assert_int_equal(lg_stream_load(&s, &lines, &kept.sink, bad, size, &err), LG_INVALID);
	memcpy(bad, saved, size);
	bad[size] = 0; /* something behind it */
	assert_int_equal(lg_stream_load(&s, &lines, &kept.sink, bad, size + 1, &err), LG_INVALID);
	memcpy(bad, saved, size);
	bad[20] ^= 1; /* the parser's own */
	assert_int_equal(lg_stream_load(&s, &lines, &kept.sink, bad, size, &err), LG_INVALID);
	kept_fini(&kept);
}

/* As written by Lugger 0.1: version 1, without block, lrecl and segment. */
static void positions_of_the_first_version_are_read(void **state)
{
	static const uint8_t line[] = {1, 1, 0, 0, 4, 0, 0, 0, 0, 0}, rdw[] = {1, 1, 1, 1, 100, 1, 9, 0, 0, 0},
	                     future[] = {1, 1, 1, 3, 100, 1, 9, 0, 0, 0};
	struct lg_stream_conf conf = lines;
	struct kept kept = kept_make();
	struct lg_stream *s;
	struct lg_err err;
	size_t used;

	(void)state;
	s = open_stream(&lines, &kept, line, sizeof(line));
	assert_int_equal(lg_stream_offset(s), 4);
	feed(s, "X\n", false);
	assert_string_equal(kept.bodies[0], "<0/0>X");
	lg_stream_free(s);
	kept_fini(&kept);
	conf.framing = LG_FRAMING_RDW;
	/* 9 bytes are left of a truncated record */
	s = open_stream(&conf, &kept, rdw, sizeof(rdw));
	assert_int_equal(lg_stream_feed(s, (const uint8_t *)"123456789\0\5\0\0X", 14, false, 7, &used, &err), LG_OK);
	assert_int_equal(used, 14);
	assert_int_equal(kept.count, 1);
	assert_string_equal(kept.bodies[0], "<0/0>X");
	lg_stream_free(s);
	assert_int_equal(lg_stream_load(&s, &conf, &kept.sink, future, sizeof(future), &err), LG_INVALID);
	kept_fini(&kept);
}

static void what_auto_decided_is_not_decided_anew(void **state)
{
	struct lg_stream_conf conf = {.encoding = (char *)(uintptr_t)"auto", .framing = LG_FRAMING_AUTO, .max_record_size = 256,
	                              .parser = keyed_parser()};
	struct kept kept = kept_make();
	uint8_t saved[LG_STREAM_SAVE_MAX], data[520];
	struct lg_stream *s = open_stream(&conf, &kept, NULL, 0);
	struct lg_err err;
	size_t size, used;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i += 26) {
		memset(data + i, 0xc1, 26); /* A in EBCDIC */
		memcpy(data + i, "\0\x1a\0\0", 4);
	}
	assert_int_equal(lg_stream_feed(s, data, 52, false, 7, &used, &err), LG_OK);
	assert_int_equal(used, 0);
	assert_string_equal(lg_stream_encoding(s), "auto");
	assert_int_equal(lg_stream_feed(s, data, sizeof(data), false, 7, &used, &err), LG_OK);
	assert_int_equal(used, sizeof(data));
	assert_int_equal(kept.count, 20);
	assert_string_equal(kept.bodies[19], "<0/0>AAAAAAAAAAAAAAAAAAAAAA");
	size = lg_stream_save(s, saved);
	lg_stream_free(s);
	s = open_stream(&conf, &kept, saved, size);
	assert_string_equal(lg_stream_encoding(s), "IBM-037");
	assert_int_equal(lg_stream_framing(s), LG_FRAMING_RDW);
	/* one record is too little to decide, and is not decided about */
	assert_int_equal(lg_stream_feed(s, data, 26, false, 7, &used, &err), LG_OK);
	assert_int_equal(used, 26);
	assert_int_equal(kept.count, 21);
	lg_stream_free(s);
	kept_fini(&kept);
}

static void nothing_is_emitted_from_data_that_do_not_fit(void **state)
{
	struct kept kept = kept_make();
	struct lg_stream *s = open_stream(&lines, &kept, NULL, 0);
	uint8_t data[64];
	struct lg_err err;
	size_t used;

	(void)state;
	memset(data, 0xc1, sizeof(data));
	memcpy(data + 30, "\x0a", 1);
	/* few bytes: it waits; more: it refuses */
	assert_int_equal(lg_stream_feed(s, data, 8, false, 7, &used, &err), LG_OK);
	assert_int_equal(used, 0);
	assert_int_equal(lg_stream_feed(s, data, sizeof(data), false, 7, &used, &err), LG_INVALID);
	assert_int_equal(used, 0);
	assert_non_null(strstr(err.text, "encoding: IBM-1047"));
	assert_int_equal(kept.count, 0);
	lg_stream_free(s);
	kept_fini(&kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_are_the_same_with_and_without_crashes),
		cmocka_unit_test(messages_are_the_same_with_and_without_crashes),
		cmocka_unit_test(syslog_survives_crashes_exactly),
		cmocka_unit_test(the_restart_is_the_oldest_held_line),
		cmocka_unit_test(a_full_parser_far_into_the_file_still_fits),
		cmocka_unit_test(damaged_positions_are_refused),
		cmocka_unit_test(positions_of_the_first_version_are_read),
		cmocka_unit_test(what_auto_decided_is_not_decided_anew),
		cmocka_unit_test(nothing_is_emitted_from_data_that_do_not_fit),
	};

	lines.parser = keyed_parser();
	return cmocka_run_group_tests_name("restart", tests, NULL, NULL);
}
