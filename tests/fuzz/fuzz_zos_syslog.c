/* Any text: the zos-syslog parser keeps its promises. Every record's strings are UTF-8, the held ranges ascend and are few, the
 * saved state fits, and a restart behind any line gives the same records. The first two bytes choose the line of the restart; the
 * rest is split at newlines, each line's bytes made UTF-8 as the stream does. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "parser/parsers.h"
#include "parser/zos_syslog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LINES_MAX 4096

struct run {
	struct lg_sink sink;
	void *state;
	uint64_t hash, records;
};

static void require(bool truth)
{
	if (!truth)
		abort();
}

static void note(struct lg_sink *sink, struct lg_draft *draft)
{
	struct run *run = (struct run *)sink;

	run->records++;
	require(text_utf8_valid((const uint8_t *)draft->body.data, draft->body.size) == draft->body.size);
	run->hash = hash_more(run->hash, &draft->time_ns, sizeof(draft->time_ns));
	run->hash = hash_more(run->hash, &draft->severity, 1);
	run->hash = hash_more(run->hash, draft->body.data, draft->body.size);
	for (size_t i = 0; i < draft->field_count; i++) {
		const struct lg_value *value = &draft->fields[i];

		run->hash = hash_more(run->hash, &value->field, 1);
		if (value->type == LG_T_STRING) {
			require(text_utf8_valid((const uint8_t *)value->text.data, value->text.size) == value->text.size);
			run->hash = hash_more(run->hash, value->text.data, value->text.size);
		} else if (value->type == LG_T_NUMBERS) {
			run->hash = hash_more(run->hash, value->text.data, value->text.size);
		} else {
			run->hash = hash_more(run->hash, &value->number, sizeof(value->number));
		}
	}
}

static void start(struct run *run)
{
	static const struct zos_conf conf = {.timezone = "America/New_York", .multiline_timeout_ns = INT64_C(5000000000)};
	struct lg_err err;

	run->sink.emit = note;
	run->state = calloc(1, zos_syslog_parser.state_size);
	require(run->state && zos_syslog_parser.init(run->state, &conf, &err) == LG_OK);
}

static void stop(struct run *run)
{
	zos_syslog_parser.fini(run->state);
	free(run->state);
}

static bool is_held(const struct lg_range *held, size_t count, int64_t at)
{
	for (size_t i = 0; i < count; i++)
		if (at >= held[i].begin && at < held[i].end)
			return true;
	return false;
}

static void restart(struct run *run, const struct lg_line *lines, size_t before)
{
	struct lg_range held[LG_HELD_MAX];
	uint8_t saved[LG_PARSER_STATE_MAX];
	size_t size, count = zos_syslog_parser.held(run->state, held, LG_HELD_MAX);

	for (size_t i = 0; i < count; i++)
		require(held[i].begin < held[i].end && (!i || held[i - 1].end < held[i].begin));
	size = zos_syslog_parser.save(run->state, saved);
	require(size <= sizeof(saved));
	stop(run);
	start(run);
	require(zos_syslog_parser.load(run->state, saved, size) == LG_OK);
	for (size_t i = 0; i < before; i++)
		if (is_held(held, count, lines[i].begin))
			zos_syslog_parser.line(run->state, &lines[i], &run->sink);
}

static struct run run_lines(const struct lg_line *lines, size_t count, size_t restart_behind)
{
	struct run run = {.hash = HASH_START};

	start(&run);
	for (size_t i = 0; i < count; i++) {
		zos_syslog_parser.line(run.state, &lines[i], &run.sink);
		if (i == restart_behind)
			restart(&run, lines, i + 1);
	}
	zos_syslog_parser.flush(run.state, &run.sink);
	stop(&run);
	return run;
}

static void make_utf8(uint8_t *p, size_t size)
{
	for (size_t at = 0; at < size;) {
		at += text_utf8_valid(p + at, size - at);
		if (at < size)
			p[at] = '?';
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct lg_line lines[LINES_MAX];
	struct run whole, restarted;
	size_t count = 0, at = 0;
	uint8_t *text;

	if (size < 2)
		return 0;
	text = malloc(size - 1);
	require(text != NULL);
	memcpy(text, data + 2, size - 2);
	make_utf8(text, size - 2);
	while (at < size - 2 && count < LINES_MAX) {
		const uint8_t *end = memchr(text + at, '\n', size - 2 - at);
		size_t length = end ? (size_t)(end - text) - at : size - 2 - at;

		lines[count++] = (struct lg_line){.text = {(const char *)text + at, length},
		        .begin = (int64_t)at,
		        .end = (int64_t)(at + length + 1),
		        .received_ns = 1};
		at += length + 1;
	}
	whole = run_lines(lines, count, SIZE_MAX);
	restarted = run_lines(lines, count, count ? (size_t)(data[0] << 8 | data[1]) % count : SIZE_MAX);
	require(whole.records == restarted.records && whole.hash == restarted.hash);
	free(text);
	return 0;
}
