#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/decode.h"
#include "data/batch.h"

#define FLUSH_BYTES 262144

struct decode_show {
	struct decode_watch watch; /* first */
	const struct decode_options *options;
	bool ebcdic, wide, lines;
	struct lg_formatter *json;
	struct lg_origin *origin;
	uint64_t seq;
	struct lg_buf out;
	bool failed;
};

static void flush(struct decode_show *show)
{
	if (show->out.size && !show->failed)
		show->failed = fwrite(show->out.data, 1, show->out.size, stdout) != show->out.size || fflush(stdout) != 0;
	lg_buf_clear(&show->out);
}

/* Records are written as an output would write them, so they go through a batch. */
static void show_record(struct decode_watch *watch, struct lg_draft *draft)
{
	struct decode_show *show = (struct decode_show *)watch;
	struct lg_batch *batch = batch_new(NULL, 0, "decode");
	struct lg_batch_iter it;
	struct lg_record rec;

	batch_add(batch, draft, show->origin, clock_utc(&clock_system));
	memset(batch->log_id, '0', sizeof(batch->log_id) - 1);
	batch->first_seq = show->seq++;
	lg_batch_begin(&it, batch, batch->first_seq);
	while (lg_batch_next(&it, &rec)) {
		if (show->options->explain)
			lg_buf_append_cstr(&show->out, "  => ");
		lg_format(show->json, &rec, 0, 0, &show->out);
		lg_buf_append_char(&show->out, '\n');
	}
	lg_batch_release(batch);
	if (show->out.size >= FLUSH_BYTES)
		flush(show);
}

/* Bytes of the line end behind the content. */
static size_t line_end(const struct decode_show *show, const uint8_t *raw, size_t size)
{
	size_t n = size;

	if (show->wide) {
		/* The byte order is known to the stream alone; one of a unit's bytes is zero. */
		for (int i = 0; i < 2 && n >= 2; i++) {
			unsigned unit = raw[n - 2] | raw[n - 1];

			if (i == 0 ? unit == 0x0a || unit == 0x85 : n < size && unit == 0x0d)
				n -= 2;
		}
		return size - n;
	}
	if (show->ebcdic) {
		if (n && (raw[n - 1] == 0x15 || raw[n - 1] == 0x25))
			n--;
	} else if (n && raw[n - 1] == 0x0a) {
		n--;
	} else if (n && raw[n - 1] == 0x85) {
		n -= n > 1 && raw[n - 2] == 0xc2 ? 2 : 1;
	}
	if (n && n < size && raw[n - 1] == 0x0d)
		n--;
	return size - n;
}

static void put_hex(struct lg_buf *out, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		lg_buf_printf(out, "%s%02x", i ? " " : "", bytes[i]);
}

/* The descriptor words in front of a record: IBM's with their length. */
static void put_words(struct decode_show *show, const uint8_t *raw, size_t size)
{
	if (size > 4) {
		lg_buf_append_cstr(&show->out, "BDW ");
		put_hex(&show->out, raw, size - 4);
		lg_buf_append_cstr(&show->out, ", ");
		raw += size - 4;
	}
	lg_buf_append_cstr(&show->out, raw[0] || raw[1] ? "RDW " : "length word ");
	put_hex(&show->out, raw, 4);
	if (raw[0] || raw[1])
		lg_buf_printf(&show->out, " (length %u%s)", (unsigned)raw[0] << 8 | raw[1], raw[2] ? ", segment" : "");
}

static void explain_line(struct decode_watch *watch, const struct lg_line *line, const uint8_t *raw,
                         const struct lg_parser *parser, const void *state)
{
	struct decode_show *show = (struct decode_show *)watch;
	size_t size = (size_t)(line->end - line->begin);
	size_t end = show->lines ? line_end(show, raw, size) : 0;

	lg_buf_printf(&show->out, "offset %lld, %zu bytes: ", (long long)line->begin, size);
	if (line->part > 1) {
		lg_buf_printf(&show->out, "part %d of a record that is too long", line->part);
	} else if (line->header) {
		put_words(show, raw, line->header);
	} else if (end) {
		lg_buf_append_cstr(&show->out, "line end ");
		put_hex(&show->out, raw + size - end, end);
	} else {
		lg_buf_append_cstr(&show->out, show->lines ? "no line end" : "no descriptor word");
	}
	if (line->truncated)
		lg_buf_append_cstr(&show->out, ", cut short");
	lg_buf_append_cstr(&show->out, "\n  text           \"");
	lg_buf_append_str(&show->out, line->text);
	lg_buf_append_cstr(&show->out, "\"\n");
	if (parser->explain)
		parser->explain(state, line, &show->out);
	if (show->out.size >= FLUSH_BYTES)
		flush(show);
}

static void show_end(struct decode_watch *watch, const struct lg_stream_stats *stats, const struct lg_parser *parser,
                     const void *state)
{
	(void)stats, (void)parser, (void)state;
	flush((struct decode_show *)watch);
}

struct decode_show *decode_show_new(const struct decode_options *options, const struct lg_stream_conf *conf)
{
	static const struct lg_format_conf plain;
	struct decode_show *show = mem_zalloc(sizeof(*show));
	struct lg_draft shared;

	show->watch.record = show_record;
	show->watch.end = show_end;
	if (options->explain)
		show->watch.line = explain_line;
	show->options = options;
	show->ebcdic = strncmp(conf->encoding, "IBM-", 4) == 0;
	show->wide = strncmp(conf->encoding, "UTF-16", 6) == 0;
	show->lines = conf->framing == LG_FRAMING_LINE;
	show->seq = 1;
	show->json = lg_formatter_new("json", &plain, "decode", true);
	lg_draft_reset(&shared);
	if (strcmp(options->file, "-") != 0)
		lg_draft_string(&shared, LG_F_LOG_FILE_PATH, lg_str_from(options->file));
	if (conf->parser->constants)
		conf->parser->constants(conf->parser_conf, &shared);
	show->origin = lg_origin_new(&shared);
	return show;
}

struct decode_watch *decode_show_watch(struct decode_show *show)
{
	return &show->watch;
}

bool decode_show_failed(const struct decode_show *show)
{
	return show->failed;
}

void decode_show_free(struct decode_show *show)
{
	if (!show)
		return;
	lg_formatter_free(show->json);
	lg_origin_free(show->origin);
	lg_buf_fini(&show->out);
	free(show);
}
