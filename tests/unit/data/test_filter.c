/* `where` expressions: what they select, where they are wrong. */
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
#include "data/filter.h"

/* One record with every kind of field, and one with nothing. */
static struct lg_batch *make_batch(void)
{
	static const uint8_t codes[] = {2, 9, 128};
	struct lg_batch *batch = batch_new(NULL, 0, "operlog");
	struct lg_origin *origin;
	struct lg_draft d;

	lg_draft_reset(&d);
	lg_draft_string(&d, LG_F_LOG_FILE_PATH, LG_STR("/logs/SYSLOG.1"));
	origin = lg_origin_new(&d);
	lg_draft_reset(&d);
	d.body = LG_STR("$HASP373 PAYROLL STARTED\nsecond line");
	d.severity = LG_WARN;
	d.facility = 17;
	lg_draft_string(&d, LG_F_ZOS_MESSAGE_ID, LG_STR("$HASP373"));
	lg_draft_string(&d, LG_F_ZOS_SYSNAME, LG_STR("SYSA"));
	lg_draft_string(&d, LG_F_ZOS_JOB_ID, LG_STR("00123"));
	lg_draft_number(&d, LG_F_LOG_OFFSET, -40);
	lg_draft_bool(&d, LG_F_ZOS_SUPPRESSED, true);
	lg_draft_numbers(&d, LG_F_ZOS_ROUTING_CODES, codes, sizeof(codes));
	lg_draft_custom(&d, LG_STR("site.tier"), LG_STR("prod-1*x"));
	lg_draft_custom(&d, LG_STR("site.n"), LG_STR("42"));
	batch_add(batch, &d, origin, 1000);
	lg_draft_reset(&d);
	d.body = LG_STR("");
	batch_add(batch, &d, NULL, 1000);
	batch->first_seq = 70;
	strcpy(batch->log_id, "00112233445566778899aabbccddeeff");
	lg_origin_free(origin);
	return batch;
}

static const struct {
	const char *text;
	bool rich, bare; /* for the full record, for the empty one */
} table[] = {
	{"severity at_least warning", true, false},
	{"severity at_least warn", true, false},
	{"severity at_least err", false, false},
	{"severity at_least error", false, false},
	{"severity at_least debug", true, false},
	{"severity at_least \"notice\"", true, false},
	{"not severity at_least emerg", true, true},
	{"severity == 4", true, false},
	{"severity == \"warning\"", true, false},
	{"severity != 'crit'", true, false},
	{"severity in (\"crit\", \"warn\")", true, false},
	{"severity < 4", false, false},
	{"facility == \"local1\"", true, false},
	{"facility >= 16 and facility <= 23", true, false},
	{"log.level == \"warning\"", true, false},
	{"zos.message.id == \"$HASP373\"", true, false},
	{"zos.message.id != \"$HASP373\"", false, false},
	{"zos.message.id != \"X\"", true, false}, /* a missing field makes every comparison false */
	{"not zos.message.id == \"X\"", true, true},
	{"zos.message.id < \"$HASP374\"", true, false},
	{"zos.message.id < \"$HASP3730\"", true, false},
	{"zos.message.id > \"$HASP37\"", true, false},
	{"zos.message.id >= \"$HASP373\" and zos.message.id <= \"$HASP373\"", true, false},
	{"zos.message.id in (\"A\", '$HASP373')", true, false},
	{"zos.message.id in (\"A\")", false, false},
	{"zos.message.id like \"$HASP*\"", true, false},
	{"zos.message.id like \"*373\"", true, false},
	{"zos.message.id like \"*\"", true, false},
	{"zos.message.id like \"$*3*3\"", true, false},
	{"zos.message.id like \"$*3*3*7\"", false, false},
	{"zos.message.id like \"$HASP373\"", true, false},
	{"zos.message.id like \"$HASP\"", false, false},
	{"zos.message.id like \"HASP*\"", false, false},
	{"zos.message.id like \"$HASP373*373\"", false, false}, /* the parts may not overlap */
	{"zos.message.id like \"?HASP373\"", false, false},     /* only * is special */
	{"message like \"\"", false, true},
	{"message like \"**\"", true, true},
	{"message like \"*PAYROLL*second*\"", true, false},
	{"site.tier like 'prod-1\\*x'", true, false},
	{"site.tier like 'prod-\\**'", false, false},
	{"message =~ \"PAY(ROLL|DAY)\"", true, false},
	{"message =~ '^\\$HASP\\d+ '", true, false},
	{"message =~ \"^\\$HASP\\d+ \"", true, false},
	{"message =~ \"^\\\\$HASP\"", true, false},
	{"message =~ '(?m)^second line$'", true, false},
	{"message =~ 'x'", false, false},
	{"message =~ ''", true, true},
	{"message == \"\"", false, true},
	{"log.offset == -40", true, false},
	{"log.offset == \"-40\"", true, false},
	{"log.offset < -39", true, false},
	{"log.offset > -41 and log.offset < 0", true, false},
	{"log.offset in (1, -40)", true, false},
	{"log.file.path like \"/logs/*\"", true, false}, /* in the origin's part */
	{"zos.job.id == 123", true, false},             /* a text that is a number compares with a number */
	{"zos.job.id == \"123\"", false, false},
	{"zos.sysname == 123", false, false},
	{"zos.sysname != 123", true, false},
	{"zos.suppressed == true", true, false},
	{"zos.suppressed == false", false, false},
	{"zos.suppressed != false", true, false},
	{"zos.routing_codes == 9", true, false},
	{"zos.routing_codes == 128", true, false},
	{"zos.routing_codes == 3", false, false},
	{"zos.routing_codes != 9", false, false},
	{"zos.routing_codes != 3", true, false},
	{"zos.routing_codes in (3, 2)", true, false},
	{"zos.routing_codes > 100", true, false},
	{"zos.routing_codes > 128", false, false},
	{"site.n == 42", true, false},
	{"site.n < 100", true, false},
	{"site.n < \"100\"", false, false},
	{"site.none == 1", false, false},
	{"event.sequence == 70", true, false},
	{"event.sequence == 71", false, true},
	{"lugger.input == \"operlog\"", true, true},
	{"lugger.log_id like \"0011*ff\"", true, true},
	{"severity == 4 and site.n == 42", true, false},
	{"severity == 5 and site.n == 42", false, false},
	{"severity == 5 or site.n == 42", true, false},
	{"severity == 5 or site.n == 41 or message == ''", false, true},
	{"message == '' or severity == 4 and site.n == 41", false, true}, /* and binds tighter */
	{"(message == '' or severity == 4) and site.n == 42", true, false},
	{"not severity == 4 and site.n == 42", false, false}, /* not binds tightest */
	{"not (severity == 4 and site.n == 42)", false, true},
	{"not not severity == 4", true, false},
	{"((((severity==4))))", true, false},
	{"\n\tseverity\n==\n4 ", true, false},
};

static void expressions_select_records(void **state)
{
	struct lg_batch *batch = make_batch();
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct lg_batch_iter it;
		struct lg_record rec;
		struct lg_err err = {0};
		struct filter *filter;
		size_t at;
		bool rich, bare;

		if (filter_compile(&filter, table[i].text, &at, &err) != LG_OK) {
			print_error("%s: at %zu: %s\n", table[i].text, at, err.text);
			wrong++;
			continue;
		}
		lg_batch_begin(&it, batch, 70);
		assert_true(lg_batch_next(&it, &rec));
		rich = filter_match(filter, &rec);
		assert_true(lg_batch_next(&it, &rec));
		bare = filter_match(filter, &rec);
		if (rich != table[i].rich || bare != table[i].bare) {
			print_error("%s: %d and %d\n", table[i].text, rich, bare);
			wrong++;
		}
		assert_int_equal(filter_undecided(filter), 0);
		filter_free(filter);
	}
	assert_int_equal(wrong, 0);
	lg_batch_release(batch);
}

static const struct {
	const char *text;
	size_t at;
	const char *says;
} errors[] = {
	{"", 0, "empty"},
	{"   ", 0, "empty"},
	{"severity", 8, "expected at_least"},
	{"severity at_least", 17, "expected emerg, alert"},
	{"severity at_least loud", 18, "found `loud`"},
	{"severity < 'err'", 11, "severity at_least"},
	{"severity == \"loud\"", 12, "no severity \"loud\""},
	{"facility == \"pub\"", 12, "no facility"},
	{"message at_least warning", 8, "belongs to `severity`"},
	{"message = 'x'", 8, "`==`"},
	{"message == x", 11, "quotes: \"x\""},
	{"message == 'x", 11, "no closing '"},
	{"message == \"x\\\"", 11, "no closing \""},
	{"message == 1.5", 11, "whole number"},
	{"message == 99999999999999999999", 11, "too large"},
	{"message == 'x' && message == 'y'", 15, "`and`"},
	{"message == 'x' message", 15, "expected `and`, `or` or the end, found `message`"},
	{"message == 'x')", 14, "found `)`"},
	{"(message == 'x'", 15, "expected `)`"},
	{"message ==", 10, "found the end"},
	{"and message == 'x'", 0, "expected a field"},
	{"message == 'x' and", 18, "found the end"},
	{"message in 'x'", 11, "`(`"},
	{"message in ()", 12, "expected a value"},
	{"message in ('x' 'y')", 16, "`,` or `)`"},
	{"message like 5", 13, "pattern in quotes"},
	{"log.offset like '5*'", 11, "is not text"},
	{"log.offset == 'five'", 14, "is a number"},
	{"zos.suppressed == 1", 18, "true or false"},
	{"zos.sysname == true", 15, "is text"},
	{"zos.suppressed < true", 17, "no order"},
	{"message =~ 'a(b'", 15, "not valid"},
	{"message =~ '[z-a]'", 15, "not valid"},
	{"@timestamp > 5", 0, "cannot be used"},
	{"message == 'x' # y", 15, "unexpected `#`"},
	{"message == \xc3\xa4", 11, "unexpected byte 0xc3"},
};

static void errors_name_their_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		struct lg_err err = {0};
		struct filter *filter;
		size_t at = 999;

		assert_int_equal(filter_compile(&filter, errors[i].text, &at, &err), LG_INVALID);
		assert_null(filter);
		if (at != errors[i].at || !strstr(err.text, errors[i].says))
			fail_msg("%s: at %zu, not %zu: %s", errors[i].text, at, errors[i].at, err.text);
	}
}

static void depth_and_length_are_limited(void **state)
{
	struct filter *filter;
	struct lg_err err = {0};
	char text[9000];
	size_t at, n;

	(void)state;
	for (n = 0; n < 64; n++)
		text[n] = '(';
	strcpy(text + n, "severity == 4");
	n = strlen(text);
	memset(text + n, ')', 64);
	text[n + 64] = '\0';
	assert_int_equal(filter_compile(&filter, text, &at, &err), LG_OK);
	filter_free(filter);

	memset(text, '(', 5000);
	text[5000] = '\0';
	assert_int_equal(filter_compile(&filter, text, &at, &err), LG_INVALID);
	assert_int_equal(at, 64);
	for (n = 0; n < 65; n++)
		memcpy(text + 4 * n, "not ", 4);
	strcpy(text + 4 * n, "severity == 4");
	assert_int_equal(filter_compile(&filter, text, &at, &err), LG_INVALID);
	assert_int_equal(at, 256);

	memset(text, ' ', 8193);
	text[8193] = '\0';
	assert_int_equal(filter_compile(&filter, text, &at, &err), LG_INVALID);
	assert_non_null(strstr(err.text, "8192"));
}

static void a_long_chain_of_conditions_needs_no_depth(void **state)
{
	struct lg_batch *batch = make_batch();
	struct lg_batch_iter it;
	struct lg_record rec;
	struct filter *filter;
	char text[8192] = "site.n == 0";
	size_t at;

	(void)state;
	while (strlen(text) < 8100)
		strcat(text, " or site.n == 1");
	strcat(text, " or site.n == 42");
	assert_int_equal(filter_compile(&filter, text, &at, NULL), LG_OK);
	lg_batch_begin(&it, batch, 70);
	assert_true(lg_batch_next(&it, &rec));
	assert_true(filter_match(filter, &rec));
	assert_true(lg_batch_next(&it, &rec));
	assert_false(filter_match(filter, &rec));
	filter_free(filter);
	lg_batch_release(batch);
}

/* A pattern that would take until the end of time is stopped, and the record ships. */
static void what_a_pattern_cannot_judge_passes(void **state)
{
	struct lg_batch *batch = batch_new(NULL, 0, "a");
	struct lg_batch_iter it;
	struct lg_record rec;
	struct lg_draft d;
	struct filter *filter;
	size_t at;

	(void)state;
	lg_draft_reset(&d);
	d.body = LG_STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab");
	batch_add(batch, &d, NULL, 1);
	assert_int_equal(filter_compile(&filter, "not message =~ '^(a|a)*(a|a)*(a|a)*$' and message == 'x'", &at, NULL), LG_OK);
	lg_batch_begin(&it, batch, 0);
	assert_true(lg_batch_next(&it, &rec));
	assert_true(filter_match(filter, &rec));
	assert_int_equal(filter_undecided(filter), 1);
	filter_free(filter);
	lg_batch_release(batch);
}

static void collect(void *arg, unsigned field, struct lg_str name)
{
	char *out = arg;

	sprintf(out + strlen(out), "%u:%.*s ", field, (int)name.size, name.data);
}

static void fields_are_listed_for_the_warnings(void **state)
{
	struct filter *filter;
	char text[400] = "", wanted[400];
	size_t at;

	(void)state;
	assert_int_equal(filter_compile(&filter, "severity at_least err and message == 'x' or zos.sysname == 'A' and (site.x like 'y' or lugger.input == 'b')",
	                                &at, NULL),
	                 LG_OK);
	filter_fields(filter, collect, text);
	sprintf(wanted, "%d:zos.sysname 0:site.x ", LG_F_ZOS_SYSNAME);
	assert_string_equal(text, wanted);
	filter_free(filter);
}

static void a_dollar_in_the_middle_is_noticed(void **state)
{
	static const struct {
		const char *text;
		bool trap;
		size_t at;
	} cases[] = {{"message =~ '$HASP'", true, 12}, {"message =~ \"^$HASP\"", true, 13}, {"message =~ 'x$'", false, 0},
	             {"message =~ '(x$|y)'", false, 0}, {"message =~ '\\$HASP'", false, 0}, {"message =~ '[$]HASP'", false, 0},
	             {"message like '$HASP*'", false, 0}, {"message =~ 'a' or message =~ 'b$c'", true, 31}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct filter *filter;
		size_t at = 0;

		assert_int_equal(filter_compile(&filter, cases[i].text, &at, NULL), LG_OK);
		assert_int_equal(filter_dollar_trap(filter, &at), cases[i].trap);
		assert_int_equal(at, cases[i].at);
		filter_free(filter);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expressions_select_records),
		cmocka_unit_test(errors_name_their_place),
		cmocka_unit_test(depth_and_length_are_limited),
		cmocka_unit_test(a_long_chain_of_conditions_needs_no_depth),
		cmocka_unit_test(what_a_pattern_cannot_judge_passes),
		cmocka_unit_test(fields_are_listed_for_the_warnings),
		cmocka_unit_test(a_dollar_in_the_middle_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
