/* What output `syslog` writes, parser `rfc-syslog` reads back: the same record, with the identity of the one who sent it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/lugger_plugin.h"
#include "data/batch.h"
#include "parser/parsers.h"

#define LOG_ID "0123456789abcdef0123456789abcdef"
#define TIME_NS INT64_C(1795392600250000000)

struct hop {
	struct lg_sink sink;
	struct lg_formatter *formatter;
	void *parser;
	struct lg_batch *in, *out;
};

static void keep(struct lg_sink *sink, struct lg_draft *draft)
{
	struct hop *h = (struct hop *)sink;

	batch_add(h->out, draft, NULL, draft->received_ns);
}

static struct lg_batch *new_batch(uint64_t first)
{
	struct lg_batch *batch = batch_new(NULL, 0, "in");

	strcpy(batch->log_id, LOG_ID);
	batch->first_seq = first;
	return batch;
}

/* Formats each record of `in` and parses it again; the result's sequences start at `first`. */
static struct lg_batch *relay(struct lg_batch *in, const char *format, uint64_t first)
{
	struct lg_format_conf conf = {0};
	struct hop h = {.sink.emit = keep, .in = in, .out = new_batch(first)};
	struct lg_batch_iter it;
	struct lg_record rec;
	struct lg_buf wire = {0};
	struct lg_err err;
	char *zone = strdup("UTC");

	h.formatter = lg_formatter_new(format, &conf, "gw", false);
	h.parser = calloc(1, rfc_syslog_parser.state_size);
	assert_int_equal(rfc_syslog_parser.init(h.parser, &zone, &err), LG_OK);
	lg_batch_begin(&it, in, 0);
	while (lg_batch_next(&it, &rec)) {
		struct lg_line line = {.begin = -1, .end = -1, .received_ns = rec.received_ns + 1000};

		lg_buf_clear(&wire);
		assert_int_equal(lg_format(h.formatter, &rec, 0, 0, &wire), 1);
		line.text = lg_buf_str(&wire);
		rfc_syslog_parser.line(h.parser, &line, &h.sink);
	}
	rfc_syslog_parser.fini(h.parser);
	free(h.parser);
	free(zone);
	lg_formatter_free(h.formatter);
	lg_buf_fini(&wire);
	assert_int_equal(h.out->count, in->count);
	return h.out;
}

static void same_string(const struct lg_record *a, const struct lg_record *b, unsigned field)
{
	struct lg_str x = lg_record_string(a, field), y = lg_record_string(b, field);

	assert_int_equal(x.size, y.size);
	assert_memory_equal(x.data ? x.data : "", y.data ? y.data : "", x.size);
}

static void same_record(const struct lg_record *a, const struct lg_record *b)
{
	assert_int_equal(a->time_ns, b->time_ns);
	assert_int_equal(a->severity, b->severity);
	assert_int_equal(a->facility, b->facility);
	assert_int_equal(a->body.size, b->body.size);
	assert_memory_equal(a->body.data, b->body.data, a->body.size);
	same_string(a, b, LG_F_HOST_NAME);
	same_string(a, b, LG_F_SYSLOG_APPNAME);
	same_string(a, b, LG_F_SYSLOG_PROCID);
	same_string(a, b, LG_F_SYSLOG_MSGID);
}

static struct lg_batch *relayed_records(void)
{
	static const char *const bodies[] = {"plain", "", " leading space", "two\nlines\n", "caf\xc3\xa9 \xe2\x82\xac", "[not sd] \"x\"",
	                                     "<13>1 - - - - - - nested", "tab\there", "\x01\x7f"};
	struct lg_batch *batch = new_batch(100);

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct lg_draft d;

		lg_draft_reset(&d);
		d.time_ns = TIME_NS + (int64_t)i * 1001000; /* microseconds are what RFC 5424 carries */
		d.received_ns = TIME_NS;
		d.severity = (uint8_t)(i % 8);
		d.facility = (uint8_t)(i * 3 % 24);
		d.body = lg_str_from(bodies[i]);
		lg_draft_string(&d, LG_F_HOST_NAME, LG_STR("web1"));
		lg_draft_string(&d, LG_F_SYSLOG_APPNAME, LG_STR("app"));
		if (i % 2)
			lg_draft_string(&d, LG_F_SYSLOG_PROCID, LG_STR("4711"));
		if (i % 3)
			lg_draft_string(&d, LG_F_SYSLOG_MSGID, LG_STR("ID47"));
		if (i % 4)
			lg_draft_string(&d, LG_F_SYSLOG_STRUCTURED_DATA, LG_STR("[x@1 a=\"b\\\"\\]\\\\\"][y]"));
		batch_add(batch, &d, NULL, TIME_NS);
	}
	return batch;
}

static void rfc5424_brings_the_record_and_its_identity_over(void **state)
{
	struct lg_batch *in = relayed_records(), *out = relay(in, "rfc5424", 7000);
	struct lg_batch_iter a, b;
	struct lg_record from, to;

	(void)state;
	lg_batch_begin(&a, in, 0);
	lg_batch_begin(&b, out, 0);
	while (lg_batch_next(&a, &from)) {
		struct lg_str sd = lg_record_string(&from, LG_F_SYSLOG_STRUCTURED_DATA), got;
		char wanted[200];

		assert_true(lg_batch_next(&b, &to));
		same_record(&from, &to);
		got = lg_record_string(&to, LG_F_SYSLOG_STRUCTURED_DATA);
		snprintf(wanted, sizeof(wanted), "[lugger@32473 log=\"" LOG_ID "\" seq=\"%llu\"]%.*s", (unsigned long long)from.seq, (int)sd.size,
		         sd.data ? sd.data : "");
		assert_int_equal(got.size, strlen(wanted));
		assert_memory_equal(got.data, wanted, got.size);
	}
	lg_batch_release(in);
	lg_batch_release(out);
}

static void the_first_identity_survives_three_hops(void **state)
{
	struct lg_batch *hop[4];
	struct lg_batch_iter it;
	struct lg_record rec;

	(void)state;
	hop[0] = relayed_records();
	for (unsigned i = 1; i < 4; i++)
		hop[i] = relay(hop[i - 1], "rfc5424", i * 1000);
	lg_batch_begin(&it, hop[3], 0);
	for (unsigned i = 0; lg_batch_next(&it, &rec); i++) {
		struct lg_str sd = lg_record_string(&rec, LG_F_SYSLOG_STRUCTURED_DATA);
		char wanted[200];

		snprintf(wanted, sizeof(wanted), "[lugger@32473 log=\"" LOG_ID "\" seq=\"%u\"][lugger-origin@32473 log=\"" LOG_ID "\" seq=\"%u\"]%s",
		         2000 + i, 100 + i, i % 4 ? "[x@1 a=\"b\\\"\\]\\\\\"][y]" : "");
		assert_int_equal(sd.size, strlen(wanted));
		assert_memory_equal(sd.data, wanted, sd.size);
	}
	for (unsigned i = 0; i < 4; i++)
		lg_batch_release(hop[i]);
}

static void rfc3164_brings_over_what_it_can_carry(void **state)
{
	struct lg_batch *in = new_batch(1), *out;
	struct lg_batch_iter a, b;
	struct lg_record from, to;

	(void)state;
	for (int i = 0; i < 10; i++) {
		struct lg_draft d;

		lg_draft_reset(&d);
		d.time_ns = TIME_NS - TIME_NS % 1000000000 - INT64_C(86400000000000) * i * 15;
		d.received_ns = TIME_NS;
		d.severity = (uint8_t)(i % 8);
		d.facility = (uint8_t)i;
		d.body = LG_STR("text: with colon");
		lg_draft_string(&d, LG_F_HOST_NAME, LG_STR("2001:db8::1"));
		lg_draft_string(&d, LG_F_SYSLOG_APPNAME, LG_STR("app"));
		if (i % 2)
			lg_draft_string(&d, LG_F_SYSLOG_PROCID, LG_STR("4711"));
		batch_add(in, &d, NULL, TIME_NS);
	}
	out = relay(in, "rfc3164", 1);
	lg_batch_begin(&a, in, 0);
	lg_batch_begin(&b, out, 0);
	while (lg_batch_next(&a, &from)) {
		assert_true(lg_batch_next(&b, &to));
		same_record(&from, &to);
	}
	lg_batch_release(in);
	lg_batch_release(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc5424_brings_the_record_and_its_identity_over),
		cmocka_unit_test(the_first_identity_survives_three_hops),
		cmocka_unit_test(rfc3164_brings_over_what_it_can_carry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
