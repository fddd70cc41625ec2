#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "egress/policy.h"

/* The address as a resolver would give it. */
static struct sockaddr_storage address(const char *ip, uint16_t port)
{
	struct sockaddr_storage storage;
	struct sockaddr_in *in = (struct sockaddr_in *)&storage;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&storage;

	memset(&storage, 0, sizeof(storage));
	if (strchr(ip, ':')) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		assert_int_equal(inet_pton(AF_INET6, ip, &in6->sin6_addr), 1);
	} else {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		assert_int_equal(inet_pton(AF_INET, ip, &in->sin_addr), 1);
	}
	return storage;
}

static bool permits(struct policy *policy, const char *host, const char *ip, uint16_t port, bool plaintext, struct lg_err *err)
{
	struct sockaddr_storage storage = address(ip, port);
	enum lg_rc rc;

	err->text[0] = '\0';
	rc = policy_permit(policy, host, port, (struct sockaddr *)&storage, plaintext, err);
	assert_true(rc == LG_OK || rc == LG_DENIED);
	assert_true(rc == LG_OK || err->rc == LG_DENIED);
	return rc == LG_OK;
}

struct question {
	const char *host, *ip;
	uint16_t port;
	bool plaintext, yes;
};

static void ask(struct policy *policy, const struct question *questions, size_t count)
{
	uint64_t yes = 0, permitted, denied;
	struct lg_err err;

	for (size_t i = 0; i < count; i++) {
		const struct question *q = &questions[i];

		if (permits(policy, q->host, q->ip, q->port, q->plaintext, &err) != q->yes)
			fail_msg("%s (%s):%u%s: expected %s: %s", q->host, q->ip, q->port, q->plaintext ? " plaintext" : "",
			         q->yes ? "yes" : "no", err.text);
		yes += q->yes;
	}
	policy_counts(policy, &permitted, &denied);
	assert_int_equal(permitted, yes);
	assert_int_equal(denied, count - yes);
}

static void with_rules_everything_else_is_denied(void **state)
{
	static const struct policy_rule rules[] = {
		{.host = "kafka1.example.com", .port = 9093},
		{.cidr = "10.20.0.0/16", .port = 6514},
		{.host = "old.example.com", .port = 514, .plaintext = true},
		{.cidr = "fd00:1:2::/47"},
		{.host = "192.0.2.9", .port = 1},
		{.cidr = "198.51.100.128/25", .port = 2},
	};
	static const struct question questions[] = {
		{"kafka1.example.com", "192.0.2.1", 9093, false, true},
		{"KAFKA1.Example.COM.", "192.0.2.1", 9093, false, true},
		{"kafka1.example.com", "192.0.2.1", 9092, false, false},
		{"kafka1.example.com", "192.0.2.1", 9093, true, false},
		{"kafka2.example.com", "192.0.2.1", 9093, false, false},
		{"xkafka1.example.com", "192.0.2.1", 9093, false, false},
		{"siem", "10.20.0.0", 6514, false, true},
		{"siem", "10.20.255.255", 6514, false, true},
		{"siem", "10.21.0.0", 6514, false, false},
		{"siem", "10.19.255.255", 6514, false, false},
		{"siem", "::ffff:10.20.1.2", 6514, false, true},
		{"siem", "10.20.1.2", 6515, false, false},
		{"siem", "10.20.1.2", 6514, true, false},
		{"old.example.com", "192.0.2.1", 514, true, true},
		{"old.example.com", "192.0.2.1", 514, false, true},
		{"six", "fd00:1:2::1", 77, false, true},
		{"six", "fd00:1:3:ffff::1", 78, false, true},
		{"six", "fd00:1:4::1", 77, false, false},
		{"192.0.2.9", "192.0.2.9", 1, false, true},
		{"some.name", "192.0.2.9", 1, false, true},
		{"192.0.2.9", "192.0.2.9", 2, false, false},
		{"half", "198.51.100.128", 2, false, true},
		{"half", "198.51.100.127", 2, false, false},
		{"localhost", "127.0.0.1", 514, true, false},
	};
	struct policy *policy;
	struct lg_err err;

	(void)state;
	assert_int_equal(policy_new(&policy, true, rules, sizeof(rules) / sizeof(rules[0]), &err), LG_OK);
	policy_add_destination(policy, "kafka2.example.com", 9093); /* being configured is not enough */
	ask(policy, questions, sizeof(questions) / sizeof(questions[0]));
	policy_free(policy);
}

static void without_rules_the_configured_destinations_are_permitted_and_plaintext_stays_at_home(void **state)
{
	static const struct question questions[] = {
		{"siem.example.com", "192.0.2.1", 6514, false, true},
		{"SIEM.example.com", "2001:db8::1", 6514, false, true},
		{"siem.example.com", "192.0.2.1", 6515, false, false},
		{"siem.example.com", "192.0.2.1", 6514, true, false},
		{"other.example.com", "192.0.2.1", 6514, false, false},
		{"localhost", "127.0.0.1", 514, true, true},
		{"localhost", "::1", 514, true, true},
		{"localhost", "::ffff:127.0.0.1", 514, true, true},
		{"localhost", "192.0.2.1", 514, true, false}, /* a resolver that lies */
		{"localhost", "127.0.0.1", 515, true, false},
	};
	struct policy *policy;
	struct lg_err err;

	(void)state;
	assert_int_equal(policy_new(&policy, false, NULL, 0, &err), LG_OK);
	policy_add_destination(policy, "siem.example.com", 6514);
	policy_add_destination(policy, "localhost", 514);
	ask(policy, questions, sizeof(questions) / sizeof(questions[0]));
	policy_free(policy);
}

/* What a denial prints, taken at its word, permits. */
static void a_denial_prints_the_yaml_that_would_permit_it(void **state)
{
	static const struct policy_rule rules[] = {{.host = "a", .port = 1}};
	struct policy *policy;
	struct lg_err err;

	(void)state;
	assert_int_equal(policy_new(&policy, true, rules, 1, &err), LG_OK);
	assert_false(permits(policy, "siem.example.com", "192.0.2.1", 6514, false, &err));
	assert_string_equal(err.text, "egress policy: connection to siem.example.com:6514 (192.0.2.1): no rule of egress.allow names it; this would "
	                              "permit it: egress: {allow: [{host: siem.example.com, port: 6514}, ...]}");
	assert_false(permits(policy, "a", "192.0.2.1", 1, true, &err));
	assert_string_equal(err.text, "egress policy: plaintext to a:1 (192.0.2.1): the rule for it does not say plaintext: true; this would permit "
	                              "it: egress: {allow: [{host: a, port: 1, plaintext: true}, ...]}");
	assert_false(permits(policy, "2001:db8::1", "2001:db8::1", 514, true, &err));
	assert_non_null(strstr(err.text, "[{host: \"2001:db8::1\", port: 514, plaintext: true}, ...]"));
	assert_false(permits(policy, "localhost", "127.0.0.1", 514, true, &err)); /* needs no `plaintext` */
	assert_non_null(strstr(err.text, "[{host: localhost, port: 514}, ...]"));
	policy_free(policy);
}

/* The first rule makes the policy strict, so the other destinations must be in it too. */
static void where_no_rules_are_set_the_yaml_names_the_other_destinations_as_well(void **state)
{
	struct policy *policy;
	struct lg_err err;

	(void)state;
	assert_int_equal(policy_new(&policy, false, NULL, 0, &err), LG_OK);
	policy_add_destination(policy, "old.example.com", 514);
	policy_add_destination(policy, "siem.example.com", 6514);
	assert_false(permits(policy, "old.example.com", "192.0.2.1", 514, true, &err));
	assert_string_equal(err.text, "egress policy: plaintext to old.example.com:514 (192.0.2.1): plaintext goes to this machine alone unless a rule "
	                              "says otherwise; this would permit it: egress: {allow: [{host: old.example.com, port: 514, plaintext: true}, "
	                              "{host: siem.example.com, port: 6514}]}");
	policy_free(policy);
}

static void rules_that_say_nothing_or_are_no_range_are_refused(void **state)
{
	static const char *const bad[] = {"10.0.0.0", "10.0.0.0/33", "10.0.0/8", "fd00::/129", "10.0.0.0/", "10.0.0.0/8x", "10.0.0.0/-1", "x/8", "/8", ""};
	struct policy_rule rule = {.port = 1};
	struct policy *policy;
	struct lg_err err;

	(void)state;
	assert_int_equal(policy_new(&policy, true, &rule, 1, &err), LG_INVALID);
	rule.host = "";
	assert_int_equal(policy_new(&policy, true, &rule, 1, &err), LG_INVALID);
	rule.host = "a";
	rule.cidr = "10.0.0.0/8";
	assert_int_equal(policy_new(&policy, true, &rule, 1, &err), LG_INVALID);
	rule.host = NULL;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		rule.cidr = bad[i];
		if (policy_new(&policy, true, &rule, 1, &err) != LG_INVALID)
			fail_msg("%s was taken", bad[i]);
		assert_null(policy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_rules_everything_else_is_denied),
		cmocka_unit_test(without_rules_the_configured_destinations_are_permitted_and_plaintext_stays_at_home),
		cmocka_unit_test(a_denial_prints_the_yaml_that_would_permit_it),
		cmocka_unit_test(where_no_rules_are_set_the_yaml_names_the_other_destinations_as_well),
		cmocka_unit_test(rules_that_say_nothing_or_are_no_range_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
