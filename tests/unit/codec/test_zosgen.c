/* A generated SYSLOG through framing, charset and zos-syslog: the full set of records is what the generator, which shares no code
 * with the product, says it wrote; in every framing, encoding, year format and with lines of several systems mixed, also when the
 * stream is stopped and restarted from its saved position over and over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "parser/zos_syslog.h"

static char directory[64];

/* Every body emitted. */
struct bodies {
	struct lg_sink sink;
	char **items;
	size_t count, cap;
};

static void keep_body(struct lg_sink *sink, struct lg_draft *draft)
{
	struct bodies *bodies = (struct bodies *)sink;

	bodies->items = mem_grow(bodies->items, &bodies->cap, bodies->count + 1, sizeof(*bodies->items));
	bodies->items[bodies->count++] = mem_strndup(draft->body.data, draft->body.size);
}

static void free_bodies(struct bodies *bodies)
{
	for (size_t i = 0; i < bodies->count; i++)
		free(bodies->items[i]);
	free(bodies->items);
}

static int make_directory(void **state)
{
	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/lugger-zosgen-XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
	char path[100];

	(void)state;
	snprintf(path, sizeof(path), "%s/log", directory);
	unlink(path);
	snprintf(path, sizeof(path), "%s/expect", directory);
	unlink(path);
	return rmdir(directory);
}

static struct lg_buf read_all(const char *name)
{
	struct lg_buf out = {0};
	char path[100];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "rb");
	assert_non_null(file);
	do {
		n = fread(lg_buf_reserve(&out, 1 << 16), 1, 1 << 16, file);
		out.size += n;
	} while (n);
	fclose(file);
	return out;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t split_lines(struct lg_buf *text, char **lines, size_t max)
{
	char *at, *end;
	size_t count = 0;

	lg_buf_append_char(text, 0);
	at = (char *)text->data;
	for (; (end = strchr(at, '\n')) != NULL; at = end + 1) {
		assert_true(count < max);
		*end = 0;
		lines[count++] = at;
	}
	qsort(lines, count, sizeof(*lines), compare);
	return count;
}

/* As --expect writes a body. */
static char *escape(const char *body)
{
	char *out = mem_alloc(strlen(body) * 2 + 1);
	size_t n = 0;

	for (; *body; body++) {
		if (*body == '\n' || *body == '\\')
			out[n++] = '\\';
		out[n++] = *body == '\n' ? 'n' : *body;
	}
	out[n] = 0;
	return out;
}

static void assert_bodies(const struct bodies *kept, const char *what)
{
	struct lg_buf text = read_all("expect");
	char **expected = mem_alloc(100000 * sizeof(*expected));
	char **found = mem_alloc((kept->count + 1) * sizeof(*found));
	size_t count = split_lines(&text, expected, 100000);

	for (size_t i = 0; i < kept->count; i++)
		found[i] = escape(kept->items[i]);
	qsort(found, kept->count, sizeof(*found), compare);
	for (size_t i = 0; i < count && i < kept->count; i++)
		if (strcmp(expected[i], found[i]))
			fail_msg("%s: found\n%s\ninstead of\n%s", what, found[i], expected[i]);
	if (count != kept->count)
		fail_msg("%s: %zu records instead of %zu", what, kept->count, count);
	for (size_t i = 0; i < kept->count; i++)
		free(found[i]);
	free(found);
	free(expected);
	lg_buf_fini(&text);
}

static uint32_t rng = 1;

static uint32_t below(uint32_t n)
{
	rng ^= rng << 13;
	rng ^= rng >> 17;
	rng ^= rng << 5;
	return rng % n;
}

/* Feeds the log in chunks of any size; with `restarts` most of them are followed by a stop and a load of what was saved. */
static void run_stream(const struct lg_stream_conf *conf, struct bodies *kept, bool restarts)
{
	struct lg_buf log = read_all("log");
	struct lg_stream *stream;
	struct lg_err err;
	size_t at = 0;

	assert_int_equal(lg_stream_new(&stream, conf, &kept->sink, 0, &err), LG_OK);
	while (at < log.size) {
		size_t size = 1 + below(restarts ? 15000 : 70000), consumed;
		uint8_t saved[LG_STREAM_SAVE_MAX];

		if (size > log.size - at)
			size = log.size - at;
		if (lg_stream_feed(stream, log.data + at, size, at + size == log.size, 1, &consumed, &err) != LG_OK)
			fail_msg("%s", err.text);
		at += consumed;
		assert_int_equal(lg_stream_offset(stream), at);
		if (!restarts || !below(4))
			continue;
		size = lg_stream_save(stream, saved);
		lg_stream_free(stream);
		assert_int_equal(lg_stream_load(&stream, conf, &kept->sink, saved, size, &err), LG_OK);
		at = (size_t)lg_stream_restart(stream);
	}
	lg_stream_flush(stream);
	assert_int_equal(lg_stream_stats(stream)->substitutions, 0);
	lg_stream_free(stream);
	lg_buf_fini(&log);
}

static void try_options(const char *options, const char *encoding, int framing, unsigned records)
{
	static struct zos_conf zos = {.timezone = "America/New_York", .multiline_timeout_ns = INT64_C(5000000000)};
	char name[20];
	struct lg_stream_conf conf = {.encoding = name,
	        .framing = framing,
	        .max_record_size = 65536,
	        .parser = &zos_syslog_parser,
	        .parser_conf = &zos};
	char command[600];

	snprintf(name, sizeof(name), "%s", encoding);
	snprintf(command, sizeof(command), "'%s' --records %u %s --encoding %s --framing %s -o %s/log --expect %s/expect",
	        LUGGER_ZOSGEN, records, options, encoding, framing == LG_FRAMING_RDW ? "rdw" : "line", directory, directory);
	assert_int_equal(system(command), 0);
	for (int restarts = 0; restarts < 2; restarts++) {
		struct bodies kept = {.sink = {keep_body}};

		run_stream(&conf, &kept, restarts);
		assert_bodies(&kept, command);
		free_bodies(&kept);
	}
}

static void a_log_of_any_framing_and_encoding_gives_the_records_that_were_written(void **state)
{
	static const char *const encodings[] = {"UTF-8", "IBM-037", "IBM-1047"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		try_options("--seed 1", encodings[i], LG_FRAMING_LINE, 3000);
		try_options("--seed 2 --interleave --systems 6", encodings[i], LG_FRAMING_RDW, 3000);
	}
}

static void a_log_of_any_layout_gives_the_records_that_were_written(void **state)
{
	(void)state;
	try_options("--seed 3 --year 4 --asa --interleave --noise --systems 4", "UTF-8", LG_FRAMING_LINE, 4000);
	try_options("--seed 4 --asa --noise", "IBM-1047", LG_FRAMING_RDW, 4000);
	try_options("--seed 5 --year 4 --interleave --systems 16", "IBM-037", LG_FRAMING_RDW, 6000);
	/* Through the hour that the autumn change repeats. */
	try_options("--seed 6 --interleave --start 2026-11-01T00:59:50", "UTF-8", LG_FRAMING_RDW, 4000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(
	                a_log_of_any_framing_and_encoding_gives_the_records_that_were_written, make_directory, remove_directory),
	        cmocka_unit_test_setup_teardown(
	                a_log_of_any_layout_gives_the_records_that_were_written, make_directory, remove_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
