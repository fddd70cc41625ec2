/* Any bytes as one syslog message: exactly one record; a body that lies inside the message; and what output `syslog` makes of the
 * record is read back as the same record. */
#include <stdlib.h>
#include <string.h>

#include "data/batch.h"
#include "format/format.h"
#include "parser/parsers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RECEIVED INT64_C(1795392600250000000)

struct reader {
	struct lg_sink sink;
	struct lg_batch *batch;
	struct lg_str line;
};

static void require(bool truth)
{
	if (!truth)
		abort();
}

static void keep(struct lg_sink *sink, struct lg_draft *draft)
{
	struct reader *r = (struct reader *)sink;

	require(!draft->body.size ||
	        (draft->body.data >= r->line.data && draft->body.data + draft->body.size == r->line.data + r->line.size));
	require(draft->severity <= 7 || draft->body.size == r->line.size);
	batch_add(r->batch, draft, NULL, RECEIVED);
}

static struct lg_batch *parse(struct lg_str text, const char *zone)
{
	struct lg_line line = {.text = text, .begin = -1, .end = -1, .received_ns = RECEIVED};
	struct reader r = {.sink.emit = keep, .batch = batch_new(NULL, 0, "in"), .line = text};
	void *state = calloc(1, rfc_syslog_parser.state_size);
	char *conf = strdup(zone);
	struct lg_err err;

	memset(r.batch->log_id, '0', 32);
	if (rfc_syslog_parser.init(state, &conf, &err) == LG_OK)
		rfc_syslog_parser.line(state, &line, &r.sink);
	rfc_syslog_parser.fini(state);
	free(state);
	free(conf);
	return r.batch;
}

static struct lg_record only_record(const struct lg_batch *batch)
{
	struct lg_batch_iter it;
	struct lg_record rec, more;

	require(batch->count == 1);
	lg_batch_begin(&it, batch, 0);
	require(lg_batch_next(&it, &rec));
	require(!lg_batch_next(&it, &more));
	return rec;
}

static struct lg_str without_bom(struct lg_str body)
{
	while (body.size >= 3 && !memcmp(body.data, "\xef\xbb\xbf", 3)) {
		body.data += 3;
		body.size -= 3;
	}
	return body;
}

static void check_round_trip(const struct lg_record *rec)
{
	struct lg_format_conf conf = {.max_message_size = 1 << 20};
	struct lg_formatter *f = lg_formatter_new("rfc5424", &conf, "gw", false);
	struct lg_buf wire = {0};
	struct lg_batch *batch;
	struct lg_record back;

	require(lg_format(f, rec, 0, 0, &wire) == 1);
	batch = parse(lg_buf_str(&wire), "UTC");
	back = only_record(batch);
	require(lg_str_equal(without_bom(back.body), without_bom(rec->body)));
	require(back.time_ns == rec->time_ns - (rec->time_ns % 1000 + 1000) % 1000);
	require(back.severity == (rec->severity <= 7 ? rec->severity : 6));
	require(back.facility == (rec->facility <= 23 ? rec->facility : 1));
	lg_batch_release(batch);
	lg_buf_fini(&wire);
	lg_formatter_free(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lg_buf scratch = {0};
	uint64_t substitutions = 0;
	struct lg_str text = lg_utf8_repair((struct lg_str){(const char *)data, size}, &scratch, &substitutions);
	struct lg_batch *batch = parse(text, size % 2 ? "UTC" : "America/New_York");

	if (batch->count) { /* none: the machine has no zone files */
		struct lg_record rec = only_record(batch);

		check_round_trip(&rec);
	}
	lg_batch_release(batch);
	lg_buf_fini(&scratch);
	return 0;
}
