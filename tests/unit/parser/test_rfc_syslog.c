/* Parser rfc-syslog: what each spelling of a syslog message becomes, in full; and that what is none stays as it came. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "parser/parsers.h"

#define RECEIVED INT64_C(1795392600250000000) /* 2026-11-23T00:10:00.25Z */

struct probe {
	struct lg_sink sink;
	struct lg_buf text; /* "key=value\n" for each thing that is set, the body last */
	unsigned records;
};

static void print_draft(struct lg_sink *sink, struct lg_draft *draft)
{
	struct probe *p = (struct probe *)sink;
	char time[32];

	p->records++;
	assert_int_equal(draft->received_ns, RECEIVED);
	if (draft->time_ns != LG_TIME_UNKNOWN)
		lg_buf_printf(&p->text, "time=%s ", clock_format_utc(draft->time_ns, draft->time_ns % CLOCK_SECOND ? 9 : 0, time));
	if (draft->severity != LG_SEVERITY_NONE)
		lg_buf_printf(&p->text, "%u.%u ", draft->facility, draft->severity);
	for (size_t i = 0; i < draft->field_count; i++) {
		const struct lg_value *v = &draft->fields[i];

		if (v->type == LG_T_STRING)
			lg_buf_printf(&p->text, "%s=%.*s ", lg_field_name(v->field), (int)v->text.size, v->text.data);
		else
			lg_buf_printf(&p->text, "%s=%lld ", lg_field_name(v->field), (long long)v->number);
	}
	lg_buf_printf(&p->text, "body={%.*s}", (int)draft->body.size, draft->body.data);
}

static void parse_as(const struct lg_line *line, const char *zone, struct probe *p)
{
	char *conf = strdup(zone);
	void *state = calloc(1, rfc_syslog_parser.state_size);
	struct lg_err err;

	assert_int_equal(rfc_syslog_parser.conf_size, sizeof(conf));
	*p = (struct probe){.sink.emit = print_draft};
	assert_int_equal(rfc_syslog_parser.init(state, &conf, &err), LG_OK);
	rfc_syslog_parser.line(state, line, &p->sink);
	assert_int_equal(p->records, 1);
	rfc_syslog_parser.fini(state);
	free(state);
	free(conf);
	lg_buf_append_char(&p->text, '\0');
}

static void expect_in(const char *zone, const char *message, const char *wanted)
{
	struct lg_line line = {.text = lg_str_from(message), .begin = -1, .end = -1, .received_ns = RECEIVED};
	struct probe p;

	/* A copy of exactly that size: the sanitizer sees a read beyond it. */
	line.text.data = memcpy(malloc(line.text.size + !line.text.size), message, line.text.size);
	parse_as(&line, zone, &p);
	assert_string_equal((const char *)p.text.data, wanted);
	lg_buf_fini(&p.text);
	free((void *)(uintptr_t)line.text.data);
}

static void expect(const char *message, const char *wanted)
{
	expect_in("UTC", message, wanted);
}

#define PRI34 "4.2 log.syslog.priority=34 log.syslog.severity.code=2 log.syslog.facility.code=4 "
#define PRI13 "1.5 log.syslog.priority=13 log.syslog.severity.code=5 log.syslog.facility.code=1 "
#define V1 "log.syslog.version=1 "

static void rfc5424_examples_of_the_rfc(void **state)
{
	(void)state;
	expect("<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \xef\xbb\xbf'su root' failed for lonvick on /dev/pts/8",
	       "time=2003-10-11T22:14:15.003000000Z " PRI34 V1 "host.name=mymachine.example.com log.syslog.hostname=mymachine.example.com "
	       "log.syslog.appname=su log.syslog.msgid=ID47 lugger.time_text=2003-10-11T22:14:15.003Z "
	       "body={'su root' failed for lonvick on /dev/pts/8}");
	expect("<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts.",
	       "time=2003-08-24T12:14:15.000003000Z 20.5 log.syslog.priority=165 log.syslog.severity.code=5 log.syslog.facility.code=20 " V1
	       "host.name=192.0.2.1 log.syslog.hostname=192.0.2.1 log.syslog.appname=myproc log.syslog.procid=8710 "
	       "lugger.time_text=2003-08-24T05:14:15.000003-07:00 body={%% It's time to make the do-nuts.}");
	expect("<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut=\"3\" eventSource=\"Application\" "
	       "eventID=\"1011\"][examplePriority@32473 class=\"high\"]",
	       "time=2003-10-11T22:14:15.003000000Z 20.5 log.syslog.priority=165 log.syslog.severity.code=5 log.syslog.facility.code=20 " V1
	       "host.name=mymachine.example.com log.syslog.hostname=mymachine.example.com log.syslog.appname=evntslog log.syslog.msgid=ID47 "
	       "log.syslog.structured_data=[exampleSDID@32473 iut=\"3\" eventSource=\"Application\" eventID=\"1011\"]"
	       "[examplePriority@32473 class=\"high\"] lugger.time_text=2003-10-11T22:14:15.003Z body={}");
}

static void rfc5424_nil_values_and_empty_messages(void **state)
{
	(void)state;
	expect("<13>1 - - - - - -", PRI13 V1 "body={}");
	expect("<13>1 - - - - - - ", PRI13 V1 "body={}");
	expect("<13>1 - - - - - -  x", PRI13 V1 "body={ x}");
	expect("<0>1 - - - - - - x", "0.0 log.syslog.priority=0 log.syslog.severity.code=0 log.syslog.facility.code=0 " V1 "body={x}");
	expect("<191>1 - - - - - - x", "23.7 log.syslog.priority=191 log.syslog.severity.code=7 log.syslog.facility.code=23 " V1 "body={x}");
}

static void structured_data_keeps_its_escapes_and_the_senders_identity(void **state)
{
	(void)state;
	expect("<13>1 - - - - - [lugger@32473 log=\"ab\" seq=\"7\"][x@1 a=\"q\\\"b\\]\\\\\" b=\"]\"][empty] two\nlines",
	       PRI13 V1 "log.syslog.structured_data=[lugger@32473 log=\"ab\" seq=\"7\"][x@1 a=\"q\\\"b\\]\\\\\" b=\"]\"][empty] body={two\nlines}");
}

static void broken_messages_are_kept_whole_with_their_priority(void **state)
{
	static const char *const broken[] = {
		"<13>",
		"<13>1",
		"<13>1 ",
		"<13>1 -",
		"<13>1 - - - - -",
		"<13>1 - - - - - ",
		"<13>1 - - - - - x",
		"<13>1 - - - - - -x",
		"<13>1 - - - - - [a]x",
		"<13>1 - - - - - [a",
		"<13>1 - - - - - [a b]",
		"<13>1 - - - - - [a b=]",
		"<13>1 - - - - - [a b=\"c]",
		"<13>1 - - - - - [a b=\"c\\\"]",
		"<13>1 - - - - - [a b=\"\\",
		"<13>1 - - - - - []",
		"<13>1 -  - - - - x",
		"<13>2 - - - - - - x",
		"<13>1 2026-13-01T00:00:00Z - - - - - x",
		"<13>1 2026-02-29T00:00:00Z - - - - - x",
		"<13>1 2026-01-01T24:00:00Z - - - - - x",
		"<13>1 2026-01-01T00:60:00Z - - - - - x",
		"<13>1 2026-01-01T00:00:61Z - - - - - x",
		"<13>1 2026-01-01T00:00:00.Z - - - - - x",
		"<13>1 2026-01-01T00:00:00 - - - - - x",
		"<13>1 2026-01-01T00:00:00+0100 - - - - - x",
		"<13>1 2026-01-01T00:00:00+24:00 - - - - - x",
		"<13>1 9999-01-01T00:00:00Z - - - - - x",
		"<13>1 26-01-01T00:00:00Z - - - - - x",
		"<13>2026-11-23T00:10:00",
		"<13>2026-11-23T00:10:00X h x",
		"<13>2026-11-23 00:10:00 h x",
		"<13>Nov",
		"<13>Nov 23",
		"<13>Nov 23 00:10:00",
		"<13>Nov  0 00:10:00 h x",
		"<13>Nov 31 00:10:00 h x",
		"<13>Feb 30 00:10:00 h x",
		"<13>Nov 23 24:10:00 h x",
		"<13>Nov 23 0:10:00 h x",
		"<13>nov 23 00:10:00 h x",
		"<13>app[12]: no time",
		"<13>plain text",
		"<13>\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		char wanted[300];

		snprintf(wanted, sizeof(wanted), PRI13 "body={%s}", broken[i]);
		expect(broken[i], wanted);
	}
}

static void texts_without_a_priority_are_records_too(void **state)
{
	static const char *const plain[] = {"x", " ", "<", "<>", "<1", "<192>1 - - - - - - x", "<013>x", "<00>x", "<1234>x", "<-1>x", "<a>x",
	                                    "Nov 23 00:10:00 h app: x", "1 2026-01-01T00:00:00Z - - - - - x", "\x01\x02"};

	(void)state;
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		char wanted[300];

		snprintf(wanted, sizeof(wanted), "body={%s}", plain[i]);
		expect(plain[i], wanted);
	}
}

#define UTC_ZONE "event.timezone=UTC "

static void rfc3164_with_and_without_host_and_tag(void **state)
{
	(void)state;
	expect("<34>Oct 11 22:14:15 mymachine su: 'su root' failed",
	       "time=2026-10-11T22:14:15Z " PRI34 "host.name=mymachine log.syslog.hostname=mymachine log.syslog.appname=su "
	       "lugger.time_text=Oct 11 22:14:15 " UTC_ZONE "body={'su root' failed}");
	expect("<34>Oct  1 22:14:15 mymachine sshd[4711]: x: y",
	       "time=2026-10-01T22:14:15Z " PRI34 "host.name=mymachine log.syslog.hostname=mymachine log.syslog.appname=sshd "
	       "log.syslog.procid=4711 lugger.time_text=Oct  1 22:14:15 " UTC_ZONE "body={x: y}");
	expect("<34>Oct 1 22:14:15 sshd[4711]: x",
	       "time=2026-10-01T22:14:15Z " PRI34 "log.syslog.appname=sshd log.syslog.procid=4711 lugger.time_text=Oct 1 22:14:15 " UTC_ZONE
	       "body={x}");
	expect("<34>Oct 11 22:14:15 host no tag here",
	       "time=2026-10-11T22:14:15Z " PRI34 "host.name=host log.syslog.hostname=host lugger.time_text=Oct 11 22:14:15 " UTC_ZONE
	       "body={no tag here}");
	expect("<34>Oct 11 22:14:15 2001:db8::1 app: x",
	       "time=2026-10-11T22:14:15Z " PRI34 "host.name=2001:db8::1 log.syslog.hostname=2001:db8::1 log.syslog.appname=app "
	       "lugger.time_text=Oct 11 22:14:15 " UTC_ZONE "body={x}");
	expect("<34>Oct 11 22:14:15 word", "time=2026-10-11T22:14:15Z " PRI34 "lugger.time_text=Oct 11 22:14:15 " UTC_ZONE "body={word}");
	expect("<34>Oct 11 22:14:15 host app:",
	       "time=2026-10-11T22:14:15Z " PRI34 "host.name=host log.syslog.hostname=host log.syslog.appname=app "
	       "lugger.time_text=Oct 11 22:14:15 " UTC_ZONE "body={}");
}

static void rfc3164_dialects_of_devices_and_relays(void **state)
{
	(void)state;
	expect("<34>2026-10-11T22:14:15.123456+02:00 host app[1]: x",
	       "time=2026-10-11T20:14:15.123456000Z " PRI34 "host.name=host log.syslog.hostname=host log.syslog.appname=app log.syslog.procid=1 "
	       "lugger.time_text=2026-10-11T22:14:15.123456+02:00 body={x}");
	expect("<34>2026-10-11T22:14:15 host app[1]: x",
	       "time=2026-10-11T22:14:15Z " PRI34 "host.name=host log.syslog.hostname=host log.syslog.appname=app log.syslog.procid=1 "
	       "lugger.time_text=2026-10-11T22:14:15 " UTC_ZONE "body={x}");
	expect("<34>Oct 11 2024 22:14:15: %ASA-6-302013: Built",
	       "time=2024-10-11T22:14:15Z " PRI34 "log.syslog.appname=%ASA-6-302013 lugger.time_text=Oct 11 2024 22:14:15 " UTC_ZONE
	       "body={Built}");
	expect("<34>Oct 11 22:14:15.25 2024 host x y",
	       "time=2024-10-11T22:14:15.250000000Z " PRI34 "host.name=host log.syslog.hostname=host "
	       "lugger.time_text=Oct 11 22:14:15.25 2024 " UTC_ZONE "body={x y}");
}

static void the_missing_year_is_the_one_nearest_to_the_receipt(void **state)
{
	(void)state;
	expect("<34>Dec 31 23:59:59 h x", "time=2026-12-31T23:59:59Z " PRI34 "host.name=h log.syslog.hostname=h "
	                                  "lugger.time_text=Dec 31 23:59:59 " UTC_ZONE "body={x}");
	expect("<34>Jan  1 00:00:00 h x", "time=2027-01-01T00:00:00Z " PRI34 "host.name=h log.syslog.hostname=h "
	                                  "lugger.time_text=Jan  1 00:00:00 " UTC_ZONE "body={x}");
	expect("<34>Jun 23 00:00:00 h x", "time=2026-06-23T00:00:00Z " PRI34 "host.name=h log.syslog.hostname=h "
	                                  "lugger.time_text=Jun 23 00:00:00 " UTC_ZONE "body={x}");
	expect("<34>Feb 29 00:00:00 h x", "time=2024-02-29T00:00:00Z " PRI34 "host.name=h log.syslog.hostname=h "
	                                  "lugger.time_text=Feb 29 00:00:00 " UTC_ZONE "body={x}");
}

static void local_times_use_the_zone_of_the_settings(void **state)
{
	(void)state;
	expect_in("America/New_York", "<34>Nov 22 19:10:00 h x",
	          "time=2026-11-23T00:10:00Z " PRI34 "host.name=h log.syslog.hostname=h lugger.time_text=Nov 22 19:10:00 "
	          "event.timezone=America/New_York body={x}");
	/* 01:30 on 1 November 2026 was twice: the second one is nearer to the receipt. */
	expect_in("America/New_York", "<34>Nov  1 01:30:00 h x",
	          "time=2026-11-01T06:30:00Z " PRI34 "host.name=h log.syslog.hostname=h lugger.time_text=Nov  1 01:30:00 "
	          "event.timezone=America/New_York lugger.time_ambiguous=1 body={x}");
	expect_in("America/New_York", "<34>1 2026-11-01T01:30:00Z h - - - - x",
	          "time=2026-11-01T01:30:00Z " PRI34 V1 "host.name=h log.syslog.hostname=h lugger.time_text=2026-11-01T01:30:00Z body={x}");
}

static void leap_seconds_count_as_the_next_second(void **state)
{
	(void)state;
	expect("<34>1 2016-12-31T23:59:60Z h - - - - x",
	       "time=2017-01-01T00:00:00Z " PRI34 V1 "host.name=h log.syslog.hostname=h lugger.time_text=2016-12-31T23:59:60Z body={x}");
}

static void parts_and_torn_messages_are_marked(void **state)
{
	struct lg_line line = {.text = LG_STR("<34>1 - - - - - - x"), .begin = -1, .received_ns = RECEIVED, .part = 1};
	struct probe p;

	(void)state;
	parse_as(&line, "UTC", &p);
	assert_string_equal((const char *)p.text.data, PRI34 V1 "lugger.part=1 body={x}");
	lg_buf_fini(&p.text);
	line.part = 2;
	parse_as(&line, "UTC", &p);
	assert_string_equal((const char *)p.text.data, "lugger.part=2 body={<34>1 - - - - - - x}");
	lg_buf_fini(&p.text);
	line.part = 0;
	line.truncated = true;
	line.begin = 99;
	parse_as(&line, "UTC", &p);
	assert_string_equal((const char *)p.text.data, PRI34 V1 "log.offset=99 lugger.truncated=1 body={x}");
	lg_buf_fini(&p.text);
}

static void an_unknown_zone_is_an_error_at_init(void **state)
{
	char *conf = (char *)"Mars/Olympus";
	void *mem = calloc(1, rfc_syslog_parser.state_size);
	struct lg_err err;

	(void)state;
	assert_int_not_equal(rfc_syslog_parser.init(mem, &conf, &err), LG_OK);
	rfc_syslog_parser.fini(mem);
	free(mem);
}

/* Every message of the table above cut at every length, and with every byte replaced: one record each, nothing read beyond the end. */
static void mutilated_messages_are_one_record_each(void **state)
{
	static const char *const seeds[] = {
		"<34>1 2003-10-11T22:14:15.003-07:00 host app 12 ID47 [a@1 b=\"c\\\"\"][d] \xef\xbb\xbftext",
		"<34>Oct 11 22:14:15 2024 host app[12]: text",
		"<34>2026-10-11T22:14:15.123456+02:00 host app[1]: x",
	};
	static const uint8_t bytes[] = {0, ' ', '"', '\\', ']', '[', '<', '>', ':', '-', '9', 'T', 0xff};

	(void)state;
	for (size_t s = 0; s < sizeof(seeds) / sizeof(seeds[0]); s++) {
		size_t size = strlen(seeds[s]);

		for (size_t at = 0; at < size; at++) {
			for (size_t b = 0; b <= sizeof(bytes); b++) {
				size_t n = b < sizeof(bytes) ? size : at;
				char *copy = memcpy(malloc(n + !n), seeds[s], n);
				struct lg_line line = {.text = {copy, n}, .begin = -1, .received_ns = RECEIVED};
				struct probe p;

				if (b < sizeof(bytes))
					copy[at] = (char)bytes[b];
				parse_as(&line, "UTC", &p);
				lg_buf_fini(&p.text);
				free(copy);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc5424_examples_of_the_rfc),
		cmocka_unit_test(rfc5424_nil_values_and_empty_messages),
		cmocka_unit_test(structured_data_keeps_its_escapes_and_the_senders_identity),
		cmocka_unit_test(broken_messages_are_kept_whole_with_their_priority),
		cmocka_unit_test(texts_without_a_priority_are_records_too),
		cmocka_unit_test(rfc3164_with_and_without_host_and_tag),
		cmocka_unit_test(rfc3164_dialects_of_devices_and_relays),
		cmocka_unit_test(the_missing_year_is_the_one_nearest_to_the_receipt),
		cmocka_unit_test(local_times_use_the_zone_of_the_settings),
		cmocka_unit_test(leap_seconds_count_as_the_next_second),
		cmocka_unit_test(parts_and_torn_messages_are_marked),
		cmocka_unit_test(an_unknown_zone_is_an_error_at_init),
		cmocka_unit_test(mutilated_messages_are_one_record_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
