/* A message's body to records: a stream of its own for each message, so that no record spans two of them. */
#include <stdlib.h>
#include <string.h>

#include "api/lugger_plugin.h"
#include "api/lg_message.h"
#include "base/mem.h"

struct lg_body {
	struct lg_sink sink; /* first */
	struct lg_sink *out;
	struct lg_stream_conf conf, text; /* of bytes, of text */
	struct lg_stream_stats stats;
	bool undecodable;
};

static void mark_and_emit(struct lg_sink *sink, struct lg_draft *draft)
{
	struct lg_body *b = (struct lg_body *)sink;

	if (b->undecodable)
		lg_draft_bool(draft, LG_F_UNDECODABLE, true);
	b->out->emit(b->out, draft);
}

enum lg_rc lg_body_new(struct lg_body **body, const struct lg_stream_conf *conf, bool framed, struct lg_sink *sink, struct lg_err *err)
{
	struct lg_body *b = mem_zalloc(sizeof(*b));
	struct lg_stream *probe;
	enum lg_rc rc;

	*body = NULL;
	b->sink.emit = mark_and_emit;
	b->out = sink;
	b->conf = *conf;
	if (!framed)
		b->conf.framing = LG_FRAMING_WHOLE;
	b->text = b->conf;
	b->text.encoding = (char *)"UTF-8";
	rc = lg_stream_new(&probe, &b->conf, &b->sink, 0, err); /* a bad setting shows at the start */
	if (rc != LG_OK) {
		lg_body_free(b);
		return rc;
	}
	lg_stream_free(probe);
	*body = b;
	return LG_OK;
}

void lg_body_free(struct lg_body *b)
{
	free(b);
}

static void add_stats(struct lg_stream_stats *sum, const struct lg_stream_stats *one)
{
	sum->records += one->records;
	sum->lines += one->lines;
	sum->substitutions += one->substitutions;
	sum->oversize += one->oversize;
	sum->torn += one->torn;
	sum->orphans += one->orphans;
	sum->incomplete += one->incomplete;
	sum->undecided += one->undecided;
}

static enum lg_rc feed(struct lg_body *b, const struct lg_stream_conf *conf, const uint8_t *data, size_t size, int64_t utc_ns, size_t *consumed,
                       struct lg_err *err)
{
	struct lg_stream *stream;
	enum lg_rc rc = lg_stream_new(&stream, conf, &b->sink, 0, err);

	*consumed = 0;
	if (rc != LG_OK)
		return rc;
	rc = lg_stream_feed(stream, data, size, true, utc_ns, consumed, err);
	lg_stream_flush(stream);
	add_stats(&b->stats, lg_stream_stats(stream));
	lg_stream_free(stream);
	return rc;
}

enum lg_rc lg_body_feed(struct lg_body *b, const uint8_t *data, size_t size, bool text, int64_t utc_ns, struct lg_err *err)
{
	const struct lg_stream_conf *conf = text ? &b->text : &b->conf;
	struct lg_stream_conf raw = *conf;
	size_t consumed, rest;
	enum lg_rc rc = feed(b, conf, data, size, utc_ns, &consumed, err);

	if (consumed == size)
		return rc;
	/* The framing broke, or the bytes contradict the settings: what is left is kept as it is, valid UTF-8 with what was wrong replaced. */
	raw.framing = LG_FRAMING_WHOLE;
	raw.as_given = true;
	if (strcmp(raw.encoding, "auto") == 0)
		raw.encoding = (char *)"UTF-8";
	b->undecodable = true;
	(void)feed(b, &raw, data + consumed, size - consumed, utc_ns, &rest, NULL);
	b->undecodable = false;
	return rc == LG_OK ? lg_err_set(err, LG_CORRUPT, "the framing left %zu bytes of %zu", size - consumed, size) : rc;
}

const struct lg_stream_stats *lg_body_stats(const struct lg_body *b)
{
	return &b->stats;
}
