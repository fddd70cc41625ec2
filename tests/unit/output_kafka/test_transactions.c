/* Exactly once, as far as the mock goes: it answers transactions and keeps neither their outcome nor a group's offsets (what they are worth is shown
 * against real brokers, tests/interop). Here: when a record counts, and what a failure at each step leads to. */
#include "kafka_kit.h"

#define TOPIC "zos"
#define SETTINGS "  topic: " TOPIC "\n  tls: off\n  format: raw\n  exactly_once: true\n  transaction_interval: 200ms\n"

enum { PRODUCE = 0, INIT_PRODUCER_ID = 22, ADD_PARTITIONS = 24, ADD_OFFSETS = 25, END_TXN = 26, TXN_OFFSET_COMMIT = 28 };

static struct kit kit;
static struct kit_seen seen;

static void open_cluster(const char *more)
{
	char settings[512];

	kit_cluster(&kit, 1);
	rd_kafka_mock_topic_create(kit.cluster, TOPIC, 1, 1);
	snprintf(settings, sizeof(settings), SETTINGS "%s", more);
	kit_open(&kit, settings, NULL);
}

static const char *transaction_state(void)
{
	static struct lg_output_report report;

	memset(&report, 0, sizeof(report));
	kafka_output.report(kit.host.state, &report);
	return report.delivery.transaction;
}

static void test_records_count_when_their_transaction_does(void **state)
{
	(void)state;
	open_cluster("");
	kit_records(&kit, 5000);
	while (strcmp(transaction_state(), "open") != 0)
		kit_turn(&kit);
	assert_int_equal(kit.host.settled_upto, 0); /* reports may have come: they count nothing */
	kit_run(&kit);
	assert_int_equal(kit.host.hold, 5001);
	assert_int_equal(kit_compare(&kit, TOPIC, 1, &seen), 0);
	assert_int_equal(seen.disorder, 0);
	kit_close(&kit);
}

static void test_finish_commits_what_is_open(void **state)
{
	int64_t until_ns = clock_mono(&clock_system) + KIT_PATIENCE_NS;

	(void)state;
	kit_cluster(&kit, 1);
	rd_kafka_mock_topic_create(kit.cluster, TOPIC, 1, 1);
	kit_open(&kit, "  topic: " TOPIC "\n  tls: off\n  format: raw\n  exactly_once: true\n  transaction_interval: 5m\n", NULL);
	kit_records(&kit, 100);
	while (kit.host.position <= 100)
		kit_turn(&kit);
	while (!kafka_output.finish(kit.host.state, clock_mono(&clock_system), &kit.ws)) {
		assert_true(clock_mono(&clock_system) < until_ns);
		poll(kit.ws.fds, (nfds_t)kit.ws.count, 10);
	}
	assert_int_equal(kit.host.settled_upto, 100);
	kit_close(&kit);
}

/* Each error of a broker that ends a transaction: the records are sent again, none is settled without a commit. */
static void test_a_transaction_that_fails_is_sent_again(void **state)
{
	static const struct {
		int key;
		rd_kafka_resp_err_t code;
	} faults[] = {
		{ADD_PARTITIONS, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING}, {TXN_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH},
		{END_TXN, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE}, {END_TXN, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS},
		{PRODUCE, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH}, {ADD_OFFSETS, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS}};

	(void)state;
	open_cluster("");
	kit_records(&kit, 100);
	kit_run(&kit);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		rd_kafka_mock_push_request_errors(kit.cluster, (int16_t)faults[i].key, 1, faults[i].code);
		kit_records(&kit, 500);
		kit_run(&kit);
		if (getenv("KIT_TALK"))
			fprintf(stderr, "%d %s: restarts %u retries %u\n", faults[i].key, rd_kafka_err2name(faults[i].code), kit.host.restarts, kit.host.retries);
	}
	kit_compare(&kit, TOPIC, 1, &seen);
	assert_int_equal(kit.host.rejected, 0);
	kit_close(&kit);
}

static void test_an_offending_record_is_found_and_the_rest_counts(void **state)
{
	(void)state;
	open_cluster("");
	kit_records(&kit, 100);
	kit_run(&kit);
	rd_kafka_mock_push_request_errors(kit.cluster, PRODUCE, 4, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
	                                  RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
	kit_records(&kit, 8);
	kit_run(&kit);
	assert_int_equal(kit.host.rejected, 1);
	kit_close(&kit);
}

static void test_not_being_permitted_is_a_state(void **state)
{
	(void)state;
	open_cluster("");
	rd_kafka_mock_push_request_errors(kit.cluster, INIT_PRODUCER_ID, 1, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
	kit_records(&kit, 100);
	kit_until(&kit, "not-authorized");
	assert_non_null(strstr(kit.host.err.text, "transactional id"));
	kit_run(&kit);
	kit_close(&kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records_count_when_their_transaction_does),
		cmocka_unit_test(test_finish_commits_what_is_open),
		cmocka_unit_test(test_a_transaction_that_fails_is_sent_again),
		cmocka_unit_test(test_an_offending_record_is_found_and_the_rest_counts),
		cmocka_unit_test(test_not_being_permitted_is_a_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
