#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/decode.h"

#define CHUNK 262144

/* Stands between the stream and the real parser, to see the lines on their way. Its "settings" are the run itself. */
struct run {
	struct lg_sink sink; /* first */
	const struct lg_parser *parser;
	const void *parser_conf;
	void *parser_state;
	struct decode_watch *watch;
	const uint8_t *data; /* the bytes fed, which begin at offset `base` */
	int64_t base;
	bool joined; /* lines are messages of multiline */
};

struct tap {
	struct run *run;
};

static enum lg_rc tap_init(void *state, const void *conf, struct lg_err *err)
{
	struct run *run = (struct run *)(uintptr_t)conf;
	enum lg_rc rc;

	((struct tap *)state)->run = run;
	run->parser_state = mem_zalloc(run->parser->state_size ? run->parser->state_size : 1);
	rc = run->parser->init(run->parser_state, run->parser_conf, err);
	if (rc != LG_OK) {
		free(run->parser_state);
		run->parser_state = NULL;
	}
	return rc;
}

static void tap_line(void *state, const struct lg_line *line, struct lg_sink *sink)
{
	struct run *run = ((struct tap *)state)->run;

	if (run->watch->line)
		run->watch->line(run->watch, line, run->data ? run->data + (line->begin - run->base) : NULL, run->parser,
		                 run->parser_state);
	run->parser->line(run->parser_state, line, sink);
}

static void tap_flush(void *state, struct lg_sink *sink)
{
	struct run *run = ((struct tap *)state)->run;

	if (run->parser->flush)
		run->parser->flush(run->parser_state, sink);
}

static void tap_fini(void *state)
{
	struct run *run = ((struct tap *)state)->run;

	if (run->parser->fini)
		run->parser->fini(run->parser_state);
	free(run->parser_state);
}

static const struct lg_parser tap_parser = {.name = "tap", .doc = "", .state_size = sizeof(struct tap), .init = tap_init,
                                            .line = tap_line, .flush = tap_flush, .fini = tap_fini};

static void run_emit(struct lg_sink *sink, struct lg_draft *draft)
{
	struct run *run = (struct run *)sink;

	if (run->watch->record)
		run->watch->record(run->watch, draft);
}

static enum lg_rc feed_all(struct run *run, struct lg_stream *stream, struct lg_buf *buf, bool eof, struct decode_reader *reader,
                           struct lg_err *err)
{
	for (;;) {
		size_t used;
		enum lg_rc rc;

		run->data = run->joined ? NULL : buf->data; /* a message's first bytes may be gone */
		run->base = lg_stream_offset(stream);
		rc = lg_stream_feed(stream, buf->data, buf->size, eof, clock_utc(&clock_system), &used, err);
		lg_buf_consume(buf, used);
		if (rc != LG_OK || eof)
			return rc;
		rc = reader->read(reader, buf, CHUNK, &eof, err);
		if (rc != LG_OK)
			return rc;
	}
}

enum lg_rc decode_run(const struct lg_stream_conf *conf, struct lg_buf *head, bool eof, struct decode_reader *reader,
                      struct decode_watch *watch, struct lg_err *err)
{
	struct run run = {.sink = {run_emit}, .parser = conf->parser, .parser_conf = conf->parser_conf, .watch = watch,
	                  .joined = lg_multiline_wanted(&conf->multiline)};
	struct lg_stream_conf tapped = *conf;
	struct lg_stream *stream;
	enum lg_rc rc;

	tapped.parser = &tap_parser;
	tapped.parser_conf = &run;
	rc = lg_stream_new(&stream, &tapped, &run.sink, 0, err);
	if (rc != LG_OK)
		return rc;
	rc = feed_all(&run, stream, head, eof, reader, err);
	lg_stream_flush(stream);
	if (watch->end)
		watch->end(watch, lg_stream_stats(stream), run.parser, run.parser_state);
	lg_stream_free(stream);
	return rc;
}
