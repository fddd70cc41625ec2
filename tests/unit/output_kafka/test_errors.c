/* What each answer of a broker costs: nothing where librdkafka goes on by itself, a new producer where it is done for, the record alone where that
 * is at fault, and a wait where a person must act. In no case a record. */
#include "kafka_kit.h"

#define TOPIC "zos"
#define SETTINGS "  topic: " TOPIC "\n  tls: off\n  format: raw\n"
#define PRODUCE 0
#define INIT_PRODUCER_ID 22

static struct kit kit;
static struct kit_seen seen;

static void open_cluster(int partitions)
{
	kit_cluster(&kit, 3);
	rd_kafka_mock_topic_create(kit.cluster, TOPIC, partitions, 1);
	kit_open(&kit, SETTINGS, NULL);
	kit_records(&kit, 100);
	kit_run(&kit);
}

/* Delivered, each record settled as done, in order but for repeats. */
static uint64_t finish_and_compare(int partitions)
{
	uint64_t extra;

	kit_run(&kit);
	extra = kit_compare(&kit, TOPIC, partitions, &seen);
	assert_int_equal(seen.disorder, 0);
	return extra;
}

static void test_retriable_answers_cost_nothing(void **state)
{
	static const rd_kafka_resp_err_t codes[] = {
		RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
		RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND, RD_KAFKA_RESP_ERR__TRANSPORT,
		RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR};

	(void)state;
	open_cluster(2);
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		rd_kafka_mock_push_request_errors(kit.cluster, PRODUCE, 1, codes[i]);
		kit_records(&kit, 500);
		kit_run(&kit);
		if (getenv("KIT_TALK"))
			fprintf(stderr, "%s: retries %u restarts %u\n", rd_kafka_err2name(codes[i]), kit.host.retries, kit.host.restarts);
	}
	assert_int_equal(finish_and_compare(2), 0);
	assert_int_equal(kit.host.rejected, 0);
	assert_int_equal(kit.host.retries, 0);
	kit_close(&kit);
}

static void test_a_producer_turned_fatal_is_replaced_and_everything_sent_again(void **state)
{
	static const rd_kafka_resp_err_t codes[] = {RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID,
	                                            RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, RD_KAFKA_RESP_ERR_UNKNOWN};

	(void)state;
	open_cluster(2);
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		rd_kafka_mock_push_request_errors(kit.cluster, PRODUCE, 1, codes[i]);
		kit_records(&kit, 2000);
		kit_run(&kit);
		if (getenv("KIT_TALK"))
			fprintf(stderr, "%s: retries %u restarts %u\n", rd_kafka_err2name(codes[i]), kit.host.retries, kit.host.restarts);
	}
	finish_and_compare(2);
	assert_int_equal(kit.host.rejected, 0);
	assert_int_equal(kit.host.retries, 0);
	kit_close(&kit);
}

static void test_a_rejected_batch_is_narrowed_down_and_its_good_records_arrive_in_order(void **state)
{
	(void)state;
	open_cluster(1);
	rd_kafka_mock_push_request_errors(kit.cluster, PRODUCE, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
	kit_records(&kit, 2000);
	finish_and_compare(1);
	assert_int_equal(kit.host.rejected, 0); /* tried again, nobody was at fault */
	kit_close(&kit);
}

/* The mock rejects so often that halves are rejected down to one record. */
static void test_only_the_offending_record_goes_to_the_dead_letters(void **state)
{
	(void)state;
	open_cluster(1);
	rd_kafka_mock_push_request_errors(kit.cluster, PRODUCE, 13, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
	                                  RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
	                                  RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
	                                  RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
	                                  RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
	                                  RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
	                                  RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
	kit_records(&kit, 1000);
	finish_and_compare(1);
	assert_in_range(kit.host.rejected, 1, 8);
	assert_int_equal(kit.host.retries, 0);
	assert_non_null(strstr(kit.host.reason, "max.message.bytes"));
	kit_close(&kit);
}

static void test_unauthorized_stops_with_a_state_and_goes_on_when_permitted(void **state)
{
	(void)state;
	open_cluster(1);
	rd_kafka_mock_push_request_errors(kit.cluster, PRODUCE, 1, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	kit_records(&kit, 300);
	kit_until(&kit, "not-authorized");
	assert_non_null(strstr(kit.host.err.text, "WRITE"));
	assert_int_equal(kit.host.settled_upto, 100);
	finish_and_compare(1);
	assert_string_equal(kit.host.state_word, "flowing");
	kit_close(&kit);
}

static void test_an_unknown_topic_stops_with_a_state_until_it_is_there(void **state)
{
	(void)state;
	kit_cluster(&kit, 1);
	rd_kafka_mock_topic_create(kit.cluster, TOPIC, 1, 1);
	rd_kafka_mock_topic_set_error(kit.cluster, TOPIC, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	kit_open(&kit, SETTINGS, NULL);
	kit_records(&kit, 100);
	kit_until(&kit, "unknown-topic");
	assert_non_null(strstr(kit.host.err.text, "create the topic"));
	assert_int_equal(kit.host.settled_upto, 0);
	rd_kafka_mock_topic_set_error(kit.cluster, TOPIC, RD_KAFKA_RESP_ERR_NO_ERROR);
	finish_and_compare(1);
	kit_close(&kit);
}

static void test_a_leader_that_moves_costs_nothing(void **state)
{
	(void)state;
	open_cluster(1);
	for (int32_t broker = 1; broker <= 3; broker++) {
		kit_records(&kit, 1000);
		rd_kafka_mock_partition_set_leader(kit.cluster, TOPIC, 0, broker);
		kit_run(&kit);
	}
	assert_int_equal(finish_and_compare(1), 0);
	kit_close(&kit);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_retriable_answers_cost_nothing),
		cmocka_unit_test(test_a_producer_turned_fatal_is_replaced_and_everything_sent_again),
		cmocka_unit_test(test_a_rejected_batch_is_narrowed_down_and_its_good_records_arrive_in_order),
		cmocka_unit_test(test_only_the_offending_record_goes_to_the_dead_letters),
		cmocka_unit_test(test_unauthorized_stops_with_a_state_and_goes_on_when_permitted),
		cmocka_unit_test(test_an_unknown_topic_stops_with_a_state_until_it_is_there),
		cmocka_unit_test(test_a_leader_that_moves_costs_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
