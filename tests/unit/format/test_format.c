/* The bytes on the wire, whole and exact: each format, its limits, and what hostile fields do to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/text.h"
#include "data/batch.h"
#include "format/format.h"

#define LOG_ID "0123456789abcdef0123456789abcdef"
#define TIME_NS INT64_C(1795392600250000000) /* 2026-11-23T00:10:00.25Z */

struct scene {
	struct lg_format_conf conf;
	struct lg_draft draft;
	struct lg_origin *origin;
	struct lg_batch *batch;
	struct lg_record rec;
	struct lg_formatter *formatter;
	struct lg_buf out;
	bool line_framing;
};

static void begin(struct scene *s)
{
	*s = (struct scene){.line_framing = false};
	lg_draft_reset(&s->draft);
	s->draft.time_ns = TIME_NS;
	s->draft.received_ns = TIME_NS + 1750000123;
}

static void end(struct scene *s)
{
	lg_batch_release(s->batch);
	lg_origin_free(s->origin);
	lg_formatter_free(s->formatter);
	lg_buf_fini(&s->out);
}

static void encode(struct scene *s)
{
	struct lg_batch_iter it;

	s->batch = batch_new(NULL, 0, "operlog");
	assert_non_null(s->batch);
	batch_add(s->batch, &s->draft, s->origin, s->draft.received_ns);
	strcpy(s->batch->log_id, LOG_ID);
	s->batch->first_seq = 42;
	lg_batch_begin(&it, s->batch, 42);
	assert_true(lg_batch_next(&it, &s->rec));
}

static unsigned format_part(struct scene *s, const char *format, unsigned part, size_t limit)
{
	if (!s->batch)
		encode(s);
	if (!s->formatter)
		s->formatter = lg_formatter_new(format, &s->conf, "gate\"way", s->line_framing);
	assert_non_null(s->formatter);
	lg_buf_clear(&s->out);
	return lg_format(s->formatter, &s->rec, part, limit, &s->out);
}

static const char *text(struct scene *s)
{
	lg_buf_append_char(&s->out, '\0');
	s->out.size--;
	return (const char *)s->out.data;
}

static void expect(struct scene *s, const char *format, const char *wanted)
{
	assert_int_equal(format_part(s, format, 0, 0), 1);
	assert_string_equal(text(s), wanted);
	end(s);
}

static void zos_message(struct scene *s)
{
	static const uint8_t codes[] = {1, 11, 128};

	begin(s);
	s->draft.severity = LG_WARN;
	s->draft.body = LG_STR("ICH408I USER(X) GROUP(Y)\n  LOGON/JOB INITIATION");
	lg_draft_string(&s->draft, LG_F_HOST_NAME, LG_STR("SYSA"));
	lg_draft_string(&s->draft, LG_F_ZOS_SYSNAME, LG_STR("SYSA"));
	lg_draft_string(&s->draft, LG_F_ZOS_MESSAGE_ID, LG_STR("ICH408I"));
	lg_draft_string(&s->draft, LG_F_ZOS_JOB_ID, LG_STR("JOB00123"));
	lg_draft_numbers(&s->draft, LG_F_ZOS_ROUTING_CODES, codes, 3);
	lg_draft_bool(&s->draft, LG_F_ZOS_SUPPRESSED, true);
	lg_draft_number(&s->draft, LG_F_LOG_OFFSET, -7);
}

static void relayed_message(struct scene *s, const char *sd)
{
	begin(s);
	s->draft.severity = LG_CRIT;
	s->draft.facility = 4;
	s->draft.body = LG_STR("'su root' failed");
	lg_draft_string(&s->draft, LG_F_HOST_NAME, LG_STR("web1"));
	lg_draft_string(&s->draft, LG_F_SYSLOG_APPNAME, LG_STR("su"));
	lg_draft_string(&s->draft, LG_F_SYSLOG_PROCID, LG_STR("77"));
	lg_draft_string(&s->draft, LG_F_SYSLOG_MSGID, LG_STR("ID47"));
	lg_draft_string(&s->draft, LG_F_SYSLOG_STRUCTURED_DATA, lg_str_from(sd));
}

static void json_has_every_promised_name_once(void **state)
{
	struct scene s;
	struct lg_draft shared;

	(void)state;
	zos_message(&s);
	lg_draft_custom(&s.draft, LG_STR("site.zone"), LG_STR("a\tb"));
	lg_draft_reset(&shared);
	lg_draft_string(&shared, LG_F_LOG_FILE_PATH, LG_STR("/logs/SYSLOG"));
	lg_draft_string(&shared, LG_F_HOST_NAME, LG_STR("hidden by the record's own"));
	s.origin = lg_origin_new(&shared);
	expect(&s, "json",
	       "{\"@timestamp\":\"2026-11-23T00:10:00.250Z\",\"message\":\"ICH408I USER(X) GROUP(Y)\\n  LOGON/JOB INITIATION\","
	       "\"event.id\":\"" LOG_ID "-42\",\"event.sequence\":42,\"event.created\":\"2026-11-23T00:10:02.000000123Z\","
	       "\"log.level\":\"warning\",\"host.name\":\"SYSA\",\"zos.sysname\":\"SYSA\",\"zos.message.id\":\"ICH408I\","
	       "\"zos.job.id\":\"JOB00123\",\"zos.routing_codes\":[1,11,128],\"zos.suppressed\":true,\"log.offset\":-7,"
	       "\"site.zone\":\"a\\tb\",\"log.file.path\":\"/logs/SYSLOG\",\"lugger.input\":\"operlog\",\"lugger.log_id\":\"" LOG_ID "\","
	       "\"agent.type\":\"lugger\",\"agent.version\":\"" LUGGER_VERSION "\",\"agent.name\":\"gate\\\"way\",\"ecs.version\":\"8.11.0\"}");
}

static void json_leaves_out_an_unknown_severity_and_a_zero_fraction(void **state)
{
	struct scene s;

	(void)state;
	begin(&s);
	s.draft.time_ns = s.draft.received_ns = -INT64_C(1000000000);
	assert_int_equal(format_part(&s, "json", 0, 0), 1);
	assert_non_null(strstr(text(&s), "{\"@timestamp\":\"1969-12-31T23:59:59Z\",\"message\":\"\",\"event.id\""));
	assert_null(strstr(text(&s), "log.level"));
	end(&s);
}

static void json_string_is(struct lg_str in, const char *wanted)
{
	struct lg_buf out = {0};

	json_put_string(&out, in);
	lg_buf_append_char(&out, '\0');
	assert_string_equal((const char *)out.data, wanted);
	lg_buf_fini(&out);
}

static void json_strings_escape_what_they_must_and_nothing_else(void **state)
{
	(void)state;
	json_string_is(LG_STR(""), "\"\"");
	json_string_is(LG_STR("a\"b\\c/\n\r\t\b\f\x01\x1f\x7f"), "\"a\\\"b\\\\c/\\n\\r\\t\\b\\f\\u0001\\u001f\x7f\"");
	json_string_is(LG_STR("\0"), "\"\\u0000\"");
	json_string_is(LG_STR("12345678\""), "\"12345678\\\"\"");
	json_string_is(LG_STR("1234567\xc3\xa9" "89abcdef"), "\"1234567\xc3\xa9" "89abcdef\"");
	json_string_is(LG_STR("\xf0\x9f\x90\xb3 \xe2\x82\xac"), "\"\xf0\x9f\x90\xb3 \xe2\x82\xac\"");
}

static void json_strings_are_valid_utf8_whatever_goes_in(void **state)
{
	(void)state;
	json_string_is(LG_STR("a\xff" "b"), "\"a\xef\xbf\xbd" "b\"");
	json_string_is(LG_STR("\xc3"), "\"\xef\xbf\xbd\"");
	json_string_is(LG_STR("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	/* Every pair of bytes at every offset of a word. */
	for (unsigned pair = 0; pair < 65536; pair++) {
		char in[18] = "abcdefghijklmnopq";
		struct lg_buf out = {0};
		unsigned at = pair % 16;

		in[at] = (char)(pair >> 8);
		in[at + 1] = (char)pair;
		json_put_string(&out, (struct lg_str){in, 17});
		assert_int_equal(text_utf8_valid(out.data, out.size), out.size);
		for (size_t i = 1; i + 1 < out.size; i++) {
			assert_true(out.data[i] >= 0x20);
			if (out.data[i] == '\\')
				i++;
			else
				assert_true(out.data[i] != '"');
		}
		lg_buf_fini(&out);
	}
}

static void rfc5424_names_system_job_and_message(void **state)
{
	struct scene s;

	(void)state;
	zos_message(&s);
	lg_draft_string(&s.draft, LG_F_ZOS_JOB_NAME, LG_STR("PAYROLL"));
	expect(&s, "rfc5424",
	       "<12>1 2026-11-23T00:10:00.250Z SYSA PAYROLL JOB00123 ICH408I [lugger@32473 log=\"" LOG_ID "\" seq=\"42\"] "
	       "ICH408I USER(X) GROUP(Y)\n  LOGON/JOB INITIATION");
}

static void rfc5424_without_fields_is_user_info_of_zos(void **state)
{
	struct scene s;

	(void)state;
	begin(&s);
	s.draft.time_ns = TIME_NS + 1;
	s.draft.body = LG_STR("x");
	expect(&s, "rfc5424", "<14>1 2026-11-23T00:10:00.250000Z - zos - - [lugger@32473 log=\"" LOG_ID "\" seq=\"42\"] x");
}

static void rfc5424_without_a_body_ends_with_its_structured_data(void **state)
{
	struct scene s;

	(void)state;
	begin(&s);
	expect(&s, "rfc5424", "<14>1 2026-11-23T00:10:00.250Z - zos - - [lugger@32473 log=\"" LOG_ID "\" seq=\"42\"]");
}

static void newlines_are_replaced_where_lines_frame(void **state)
{
	struct scene s;

	(void)state;
	zos_message(&s);
	s.line_framing = true;
	expect(&s, "rfc5424",
	       "<12>1 2026-11-23T00:10:00.250Z SYSA zos JOB00123 ICH408I [lugger@32473 log=\"" LOG_ID "\" seq=\"42\"] "
	       "ICH408I USER(X) GROUP(Y) |   LOGON/JOB INITIATION");
	begin(&s);
	s.line_framing = true;
	s.draft.body = LG_STR("\na\n\nb\n");
	expect(&s, "raw", " | a |  | b | ");
	begin(&s);
	s.conf.newline = (char *)"";
	s.line_framing = true;
	s.draft.body = LG_STR("a\nb");
	expect(&s, "raw", "ab");
	begin(&s);
	s.draft.body = LG_STR("\na\n\nb\n");
	expect(&s, "raw", "\na\n\nb\n");
}

static void a_nul_cannot_end_a_line_early(void **state)
{
	struct scene s;
	struct lg_buf body = {0};
	unsigned parts;

	(void)state;
	begin(&s);
	s.line_framing = true;
	s.draft.body = LG_STR("a\0<0>forged\nb\0");
	expect(&s, "raw", "a | <0>forged | b | ");
	begin(&s);
	s.draft.body = LG_STR("a\0b");
	assert_int_equal(format_part(&s, "raw", 0, 0), 1);
	assert_int_equal(s.out.size, 3);
	end(&s);
	begin(&s);
	s.line_framing = true;
	memset(lg_buf_reserve(&body, 500), 0, 500);
	body.size = 500;
	s.draft.body = lg_buf_str(&body);
	parts = format_part(&s, "raw", 0, 100);
	assert_int_equal(parts, 16); /* 33 of 3 bytes each in every one */
	for (unsigned i = 0; i < parts; i++) {
		format_part(&s, "raw", i, 100);
		assert_true(s.out.size <= 100 && s.out.size % 3 == 0);
	}
	lg_buf_fini(&body);
	end(&s);
}

static void relayed_messages_keep_their_header_and_elements(void **state)
{
	struct scene s;

	(void)state;
	relayed_message(&s, "[ex@1 iut=\"3\" eventSource=\"A \\\"pp\\]\"][b@2]");
	expect(&s, "rfc5424",
	       "<34>1 2026-11-23T00:10:00.250Z web1 su 77 ID47 [lugger@32473 log=\"" LOG_ID "\" seq=\"42\"]"
	       "[ex@1 iut=\"3\" eventSource=\"A \\\"pp\\]\"][b@2] 'su root' failed");
	relayed_message(&s, "[ex@1 a=\"one\ntwo\"]");
	s.line_framing = true;
	expect(&s, "rfc5424",
	       "<34>1 2026-11-23T00:10:00.250Z web1 su 77 ID47 [lugger@32473 log=\"" LOG_ID "\" seq=\"42\"]"
	       "[ex@1 a=\"one | two\"] 'su root' failed");
}

static void a_relayed_identity_goes_on_as_the_origin(void **state)
{
	struct scene s;

	(void)state;
	relayed_message(&s, "[lugger@32473 log=\"ff\" seq=\"7\"][ex@1 a=\"b\"]");
	expect(&s, "rfc5424",
	       "<34>1 2026-11-23T00:10:00.250Z web1 su 77 ID47 [lugger@32473 log=\"" LOG_ID "\" seq=\"42\"]"
	       "[lugger-origin@32473 log=\"ff\" seq=\"7\"][ex@1 a=\"b\"] 'su root' failed");
	relayed_message(&s, "[lugger@32473 log=\"ff\" seq=\"7\"][lugger-origin@32473 log=\"ee\" seq=\"1\"]");
	expect(&s, "rfc5424",
	       "<34>1 2026-11-23T00:10:00.250Z web1 su 77 ID47 [lugger@32473 log=\"" LOG_ID "\" seq=\"42\"]"
	       "[lugger-origin@32473 log=\"ee\" seq=\"1\"] 'su root' failed");
}

static void broken_structured_data_is_not_sent_on(void **state)
{
	static const char *const broken[] = {"[", "[a", "[a b=\"", "[a b=\"]", "[a b=\"\\\"]", "x[a]", "[a b=\"c\"\\"};

	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		struct scene s;

		relayed_message(&s, broken[i]);
		expect(&s, "rfc5424",
		       "<34>1 2026-11-23T00:10:00.250Z web1 su 77 ID47 [lugger@32473 log=\"" LOG_ID "\" seq=\"42\"] 'su root' failed");
	}
}

static void header_fields_are_short_and_printable(void **state)
{
	struct scene s;
	char name[400], wanted[1200];

	(void)state;
	memset(name, 'h', sizeof(name));
	begin(&s);
	s.draft.body = LG_STR("x");
	lg_draft_string(&s.draft, LG_F_HOST_NAME, (struct lg_str){name, sizeof(name)});
	lg_draft_string(&s.draft, LG_F_SYSLOG_APPNAME, LG_STR("my app\n\xc3\xa9~"));
	lg_draft_string(&s.draft, LG_F_SYSLOG_PROCID, (struct lg_str){name, 129});
	lg_draft_string(&s.draft, LG_F_SYSLOG_MSGID, (struct lg_str){name, 33});
	snprintf(wanted, sizeof(wanted), "<14>1 2026-11-23T00:10:00.250Z %.255s my_app___~ %.128s %.32s [lugger@32473 log=\"%s\" seq=\"42\"] x",
	         name, name, name, LOG_ID);
	expect(&s, "rfc5424", wanted);
}

static void templates_fill_the_header_and_fall_back_when_a_field_is_missing(void **state)
{
	struct scene s;

	(void)state;
	zos_message(&s);
	s.conf.hostname = (char *)"lpar-{zos.sysname}.{site.zone}";
	s.conf.app_name = (char *)"{zos.job.name}-{nothing}";
	s.conf.proc_id = (char *)"{log.offset}";
	s.conf.msg_id = (char *)"{lugger.input}/{zos.suppressed}";
	s.conf.sd_id = (char *)"site@4711";
	lg_draft_custom(&s.draft, LG_STR("site.zone"), LG_STR("east"));
	lg_draft_string(&s.draft, LG_F_ZOS_JOB_NAME, LG_STR("PAYROLL"));
	s.draft.body = LG_STR("x");
	expect(&s, "rfc5424",
	       "<12>1 2026-11-23T00:10:00.250Z lpar-SYSA.east PAYROLL -7 operlog/true [site@4711 log=\"" LOG_ID "\" seq=\"42\"] x");
}

static void templates_that_are_none_are_literal(void **state)
{
	struct scene s;

	(void)state;
	begin(&s);
	s.draft.body = LG_STR("x");
	s.conf.hostname = (char *)"{open";
	s.conf.app_name = (char *)"}";
	s.conf.msg_id = (char *)"a{";
	expect(&s, "rfc5424", "<14>1 2026-11-23T00:10:00.250Z {open } - a{ [lugger@32473 log=\"" LOG_ID "\" seq=\"42\"] x");
}

static void rfc3164_has_a_padded_day_and_a_tag(void **state)
{
	struct scene s;

	(void)state;
	relayed_message(&s, "");
	s.draft.time_ns = TIME_NS - INT64_C(20) * 86400 * 1000000000;
	expect(&s, "rfc3164", "<34>Nov  3 00:10:00 web1 su[77]: 'su root' failed");
	zos_message(&s);
	lg_draft_string(&s.draft, LG_F_ZOS_JOB_NAME, LG_STR("A:B[C] THAT IS LONGER THAN THIRTY-TWO"));
	s.draft.body = LG_STR("x");
	expect(&s, "rfc3164", "<12>Nov 23 00:10:00 SYSA A_B_C__THAT_IS_LONGER_THAN_THIRT[JOB00123]: x");
}

/* All parts, checked for their limit; their bodies behind `mark` joined by | are returned in *bodies. */
static unsigned collect_parts(struct scene *s, const char *format, size_t limit, const char *mark, struct lg_buf *bodies)
{
	unsigned parts = format_part(s, format, 0, limit);

	for (unsigned i = 0; i < parts; i++) {
		const char *body;

		assert_int_equal(format_part(s, format, i, limit), parts);
		assert_true(s->out.size <= limit);
		body = strstr(text(s), mark);
		assert_non_null(body);
		if (i)
			lg_buf_append_char(bodies, '^');
		lg_buf_append_cstr(bodies, body + strlen(mark));
	}
	assert_int_equal(format_part(s, format, parts, limit), parts);
	assert_int_equal(s->out.size, 0);
	lg_buf_append_char(bodies, '\0');
	return parts;
}

static void long_bodies_are_split_at_line_borders(void **state)
{
	struct scene s;
	struct lg_buf bodies = {0}, body = {0};

	(void)state;
	begin(&s);
	for (int i = 0; i < 12; i++)
		lg_buf_printf(&body, "%sline %02d of a long message", i ? "\n" : "", i);
	s.draft.body = lg_buf_str(&body);
	/* The header is 104 bytes, the mark of a part counts 40: 136 are left for five lines of 25 and their newlines. */
	assert_int_equal(collect_parts(&s, "rfc5424", 280, "\"] ", &bodies), 3);
	for (size_t i = 0, line = 0; i < body.size; i++)
		if (body.data[i] == '\n' && (++line == 5 || line == 10))
			body.data[i] = '^';
	lg_buf_append_char(&body, '\0');
	assert_string_equal((const char *)bodies.data, (const char *)body.data);
	format_part(&s, "rfc5424", 1, 280);
	assert_non_null(strstr(text(&s), "seq=\"42\" part=\"2/3\"] line 05"));
	lg_buf_fini(&bodies);
	lg_buf_fini(&body);
	end(&s);
}

static void a_line_longer_than_the_limit_is_cut_between_characters(void **state)
{
	struct scene s;
	struct lg_buf bodies = {0}, body = {0};
	size_t joined = 0;

	(void)state;
	begin(&s);
	for (int i = 0; i < 200; i++)
		lg_buf_append_cstr(&body, "\xe2\x82\xac");
	s.draft.body = lg_buf_str(&body);
	s.line_framing = true;
	assert_true(collect_parts(&s, "rfc5424", 300, "\"] ", &bodies) > 1);
	assert_int_equal(text_utf8_valid(bodies.data, bodies.size), bodies.size);
	for (size_t i = 0; i < bodies.size; i++)
		if (bodies.data[i] != '^')
			bodies.data[joined++] = bodies.data[i];
	assert_int_equal(joined, body.size + 1);
	assert_memory_equal(bodies.data, body.data, body.size);
	lg_buf_fini(&bodies);
	lg_buf_fini(&body);
	end(&s);
}

static void parts_of_json_keep_the_limit_though_escaped(void **state)
{
	struct scene s;
	struct lg_buf body = {0};
	unsigned parts;

	(void)state;
	begin(&s);
	for (int i = 0; i < 300; i++)
		lg_buf_append_cstr(&body, i % 40 == 39 ? "\n" : i % 3 ? "\"" : "\x01");
	s.draft.body = lg_buf_str(&body);
	parts = format_part(&s, "json", 0, 800);
	assert_true(parts > 1);
	for (unsigned i = 0; i < parts; i++) {
		char id[80], mark[64];

		assert_int_equal(format_part(&s, "json", i, 800), parts);
		assert_true(s.out.size <= 800);
		snprintf(id, sizeof(id), "\"event.id\":\"" LOG_ID "-42-%u\"", i + 1);
		snprintf(mark, sizeof(mark), "\"lugger.message_part\":\"%u/%u\"", i + 1, parts);
		assert_non_null(strstr(text(&s), id));
		assert_non_null(strstr(text(&s), mark));
	}
	lg_buf_fini(&body);
	end(&s);
}

static void parts_cover_the_body_but_for_newlines_at_the_cuts(void **state)
{
	static const char alphabet[][4] = {"a", "b", "c", "\n", "\n", "\"", "\x01", "\xc3\xa9", "\xe2\x82\xac", "\xff", ""};
	unsigned seed = 7;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		struct format_cost how = {.newline = (size_t)(round % 4) * 2, .json = round % 5 == 0};
		size_t budget = FORMAT_PART_MIN + (size_t)round % 70, at = 0, covered = 0, length = (size_t)round % 400;
		struct lg_buf body = {0};
		unsigned parts = 0;

		for (size_t i = 0; i < length; i++) {
			const char *c = alphabet[(seed = seed * 1103515245 + 12345) / 65536 % 11];

			lg_buf_append(&body, c, *c ? strlen(c) : 1);
		}
		while (at != SIZE_MAX) {
			struct lg_str part = format_next_part(lg_buf_str(&body), &at, budget, how);
			size_t from = parts ? (size_t)(part.data - (const char *)body.data) : 0;

			assert_true(format_cost(part, how) <= budget);
			assert_true(from == covered || (from == covered + 1 && body.data[covered] == '\n'));
			covered = from + part.size;
			parts++;
		}
		assert_true(covered == body.size || (covered + 1 == body.size && body.data[covered] == '\n'));
		assert_int_equal(parts, format_count_parts(lg_buf_str(&body), budget, how));
		lg_buf_fini(&body);
	}
}

static void a_huge_line_is_walked_once_for_all_its_parts(void **state)
{
	static char big[1 << 20];
	struct scene s;
	size_t total = 0;
	unsigned parts;

	(void)state;
	memset(big, 'x', sizeof(big));
	begin(&s);
	s.draft.body = (struct lg_str){big, sizeof(big)};
	parts = format_part(&s, "raw", 0, 480);
	assert_int_equal(parts, (sizeof(big) + 479) / 480);
	for (unsigned i = 0; i < parts; i++) {
		assert_int_equal(format_part(&s, "raw", i, 480), parts);
		total += s.out.size;
	}
	assert_int_equal(total, sizeof(big));
	/* Out of order, and from the start again. */
	assert_int_equal(format_part(&s, "raw", parts - 1, 480), parts);
	assert_int_equal(s.out.size, sizeof(big) % 480);
	assert_int_equal(format_part(&s, "raw", 5, 480), parts);
	assert_int_equal(s.out.size, 480);
	assert_int_equal(format_part(&s, "raw", 5, 4800), (sizeof(big) + 4799) / 4800);
	assert_int_equal(s.out.size, 4800);
	end(&s);
}

static void the_smaller_of_option_and_caller_limits_and_syslog_has_a_default(void **state)
{
	static char big[200000];
	struct scene s;

	(void)state;
	memset(big, 'x', sizeof(big));
	begin(&s);
	s.draft.body = (struct lg_str){big, sizeof(big)};
	assert_int_equal(format_part(&s, "rfc5424", 0, 0), 4);
	assert_true(s.out.size <= 65536);
	assert_int_equal(format_part(&s, "rfc5424", 0, 110000), 4);
	assert_true(format_part(&s, "rfc5424", 0, 1000) > 200);
	end(&s);
	begin(&s);
	s.draft.body = (struct lg_str){big, sizeof(big)};
	assert_int_equal(format_part(&s, "json", 0, 0), 1);
	assert_true(s.out.size > sizeof(big));
	end(&s);
	begin(&s);
	s.conf.max_message_size = 150000;
	s.draft.body = (struct lg_str){big, sizeof(big)};
	assert_int_equal(format_part(&s, "raw", 0, 0), 2);
	end(&s);
}

static void unknown_formats_are_refused(void **state)
{
	struct lg_format_conf conf = {0};

	(void)state;
	assert_null(lg_formatter_new("cef", &conf, "gw", false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_has_every_promised_name_once),
		cmocka_unit_test(json_leaves_out_an_unknown_severity_and_a_zero_fraction),
		cmocka_unit_test(json_strings_escape_what_they_must_and_nothing_else),
		cmocka_unit_test(json_strings_are_valid_utf8_whatever_goes_in),
		cmocka_unit_test(rfc5424_names_system_job_and_message),
		cmocka_unit_test(rfc5424_without_fields_is_user_info_of_zos),
		cmocka_unit_test(rfc5424_without_a_body_ends_with_its_structured_data),
		cmocka_unit_test(newlines_are_replaced_where_lines_frame),
		cmocka_unit_test(a_nul_cannot_end_a_line_early),
		cmocka_unit_test(relayed_messages_keep_their_header_and_elements),
		cmocka_unit_test(a_relayed_identity_goes_on_as_the_origin),
		cmocka_unit_test(broken_structured_data_is_not_sent_on),
		cmocka_unit_test(header_fields_are_short_and_printable),
		cmocka_unit_test(templates_fill_the_header_and_fall_back_when_a_field_is_missing),
		cmocka_unit_test(templates_that_are_none_are_literal),
		cmocka_unit_test(rfc3164_has_a_padded_day_and_a_tag),
		cmocka_unit_test(long_bodies_are_split_at_line_borders),
		cmocka_unit_test(a_line_longer_than_the_limit_is_cut_between_characters),
		cmocka_unit_test(parts_of_json_keep_the_limit_though_escaped),
		cmocka_unit_test(parts_cover_the_body_but_for_newlines_at_the_cuts),
		cmocka_unit_test(a_huge_line_is_walked_once_for_all_its_parts),
		cmocka_unit_test(the_smaller_of_option_and_caller_limits_and_syslog_has_a_default),
		cmocka_unit_test(unknown_formats_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
