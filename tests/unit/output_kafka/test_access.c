/* Who lets us: the egress policy for every broker, also those the cluster names; tokens; brokers that are not there. */
#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "egress/policy.h"
#include "kafka_kit.h"

#define SETTINGS "  topic: t\n  tls: off\n  format: raw\n"

static struct kit kit;

/* ---- the policy ---- */

static _Atomic uint16_t denied_port;
static atomic_uint asked;

static enum lg_rc permit_all_but_one(void *guard, const char *host, uint16_t port, const struct sockaddr *addr, bool plaintext, struct lg_err *err)
{
	(void)guard;
	(void)addr;
	assert_true(plaintext);
	assert_string_equal(host, "127.0.0.1");
	atomic_fetch_add(&asked, 1);
	if (port != denied_port)
		return LG_OK;
	return lg_err_set(err, LG_DENIED, "egress policy: port %u", (unsigned)port);
}

static uint16_t port_of_broker(int n)
{
	const char *list = rd_kafka_mock_cluster_bootstraps(kit.cluster);

	while (n-- > 1)
		list = strchr(list, ',') + 1;
	return (uint16_t)strtoul(strchr(list, ':') + 1, NULL, 10);
}

/* A broker known from metadata alone, and its partition's records, which wait until the policy lets them. */
static void test_a_broker_from_metadata_passes_the_policy(void **state)
{
	const struct net_gate gate = {.permit = permit_all_but_one};
	char first[64];
	static struct kit_seen seen;

	(void)state;
	kit_cluster(&kit, 2);
	rd_kafka_mock_topic_create(kit.cluster, "t", 1, 1);
	rd_kafka_mock_partition_set_leader(kit.cluster, "t", 0, 2);
	denied_port = port_of_broker(2);
	snprintf(first, sizeof(first), "127.0.0.1:%u", (unsigned)port_of_broker(1));
	kit.brokers = first;
	kit_open(&kit, SETTINGS, &gate);
	kit_records(&kit, 100);
	kit_until(&kit, "denied");
	assert_non_null(strstr(kit.host.err.text, "egress policy"));
	assert_true(atomic_load(&asked) >= 2);
	assert_int_equal(kit.host.settled_upto, 0);
	assert_int_equal(kit.host.retries, 0);
	denied_port = 0;
	kit_run(&kit);
	assert_int_equal(kit_compare(&kit, "t", 1, &seen), 0);
	kit_close(&kit);
}

/* Without rules: a learned peer is fine encrypted or on this machine; in plaintext elsewhere it needs a rule; with rules it needs one anyway. */
static void test_learned_peers_without_rules_must_be_encrypted(void **state)
{
	struct sockaddr_in away = {.sin_family = AF_INET, .sin_addr = {htonl(0x0a010203)}}, here = {.sin_family = AF_INET, .sin_addr = {htonl(0x7f000001)}};
	const struct policy_rule rule = {.host = "other", .port = 9093};
	struct policy *policy;
	struct lg_err err;

	(void)state;
	assert_int_equal(policy_new(&policy, false, NULL, 0, &err), LG_OK);
	assert_int_equal(policy_permit_learned(policy, "b2", 9093, (struct sockaddr *)&away, false, &err), LG_OK);
	assert_int_equal(policy_permit_learned(policy, "b2", 9092, (struct sockaddr *)&away, true, &err), LG_DENIED);
	assert_non_null(strstr(err.text, "{host: b2, port: 9092, plaintext: true}"));
	assert_int_equal(policy_permit_learned(policy, "b2", 9092, (struct sockaddr *)&here, true, &err), LG_OK);
	assert_int_equal(policy_permit(policy, "b2", 9093, (struct sockaddr *)&away, false, &err), LG_DENIED);
	policy_free(policy);
	assert_int_equal(policy_new(&policy, true, &rule, 1, &err), LG_OK);
	assert_int_equal(policy_permit_learned(policy, "b2", 9093, (struct sockaddr *)&away, false, &err), LG_DENIED);
	assert_int_equal(policy_permit_learned(policy, "other", 9093, (struct sockaddr *)&away, false, &err), LG_OK);
	policy_free(policy);
}

/* ---- tokens ---- */

static char folder[] = "/tmp/kafka-token-XXXXXX";

static void write_script(const char *name, const char *text, char path[128])
{
	FILE *file;

	snprintf(path, 128, "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "#!/bin/sh\n%s\n", text);
	fclose(file);
	assert_int_equal(chmod(path, 0700), 0);
}

static void test_a_token_command_runs_and_its_failure_is_a_state(void **state)
{
	char options[512], path[128], marker[160];

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(marker, sizeof(marker), "echo \"$1\" > %s/marker; exit 7", folder);
	write_script("fails", marker, path);
	kit_cluster(&kit, 1);
	snprintf(options, sizeof(options), SETTINGS "  sasl: {mechanism: OAUTHBEARER, token_command: [%s, \"a b\"]}\n", path);
	kit_open(&kit, options, NULL);
	kit_until(&kit, "auth-failed");
	assert_non_null(strstr(kit.host.err.text, "exit 7"));
	snprintf(marker, sizeof(marker), "%s/marker", folder);
	assert_int_equal(access(marker, R_OK), 0);
	unlink(marker);
	kit_close(&kit);

	/* A good one: librdkafka takes the token and tries to use it, which the mock does not understand. */
	write_script("works", "echo eyJhbGciOiJub25lIn0.eyJzdWIiOiJsdWdnZXIiLCJleHAiOjQwMDAwMDAwMDB9.", path);
	kit_cluster(&kit, 1);
	snprintf(options, sizeof(options), SETTINGS "  sasl: {mechanism: OAUTHBEARER, token_command: [%s]}\n", path);
	kit_open(&kit, options, NULL);
	while (!kit.host.err.text[0])
		kit_turn(&kit);
	assert_null(strstr(kit.host.err.text, "token"));
	kit_close(&kit);
	unlink(path);
	snprintf(path, sizeof(path), "%s/fails", folder);
	unlink(path);
	rmdir(folder);
}

static void test_brokers_that_are_not_there_are_said_and_waited_for(void **state)
{
	static struct kit_seen seen;

	(void)state;
	kit_cluster(&kit, 1);
	rd_kafka_mock_topic_create(kit.cluster, "t", 1, 1);
	rd_kafka_mock_broker_set_down(kit.cluster, 1);
	kit_open(&kit, SETTINGS, NULL);
	kit_records(&kit, 100);
	kit_until(&kit, "unreachable");
	assert_false(kit.host.healthy);
	assert_int_equal(kit.host.retries, 0);
	rd_kafka_mock_broker_set_up(kit.cluster, 1);
	kit_run(&kit);
	kit_until(&kit, "connected");
	assert_int_equal(kit_compare(&kit, "t", 1, &seen), 0);
	kit_close(&kit);
}

static void test_status_shows_brokers_and_latency(void **state)
{
	struct lg_output_report report = {0};

	(void)state;
	kit_cluster(&kit, 3);
	rd_kafka_mock_topic_create(kit.cluster, "t", 1, 1);
	rd_kafka_mock_partition_set_leader(kit.cluster, "t", 0, 1);
	rd_kafka_mock_broker_set_rtt(kit.cluster, 1, 300);
	kit_open(&kit, SETTINGS, NULL);
	kit_records(&kit, 10);
	kit_run(&kit);
	kit_until(&kit, "connected");
	kafka_output.report(kit.host.state, &report);
	assert_int_equal(report.server_count, 3);
	for (int i = 0; i < 3; i++)
		if (strtoul(strchr(report.servers[i].name, ':') + 1, NULL, 10) == port_of_broker(1))
			assert_string_equal(report.servers[i].state, "connected");
	assert_in_range(report.delivery.p50_ns, KIT_SECOND / 4, 5 * KIT_SECOND);
	assert_true(report.delivery.p99_ns >= report.delivery.p50_ns);
	assert_int_equal(report.in_flight_bytes, 0);
	kit_close(&kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_broker_from_metadata_passes_the_policy),
		cmocka_unit_test(test_learned_peers_without_rules_must_be_encrypted),
		cmocka_unit_test(test_a_token_command_runs_and_its_failure_is_a_state),
		cmocka_unit_test(test_brokers_that_are_not_there_are_said_and_waited_for),
		cmocka_unit_test(test_status_shows_brokers_and_latency),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
