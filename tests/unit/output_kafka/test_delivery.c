/* From records to the topic and back to settled records: order, bounds, waiting, ends. */
#include "kafka_kit.h"

#define TOPIC "zos"
#define SETTINGS "  topic: " TOPIC "\n  tls: off\n  format: raw\n"

static void test_all_records_arrive_in_order_and_are_settled_by_their_reports(void **state)
{
	static struct kit kit;
	static struct kit_seen seen;

	(void)state;
	kit_cluster(&kit, 3);
	rd_kafka_mock_topic_create(kit.cluster, TOPIC, 4, 1);
	kit_open(&kit, SETTINGS, NULL);
	kit_records(&kit, 20000);
	kit_run(&kit);
	assert_string_equal(kit.host.state_word, "flowing");
	assert_int_equal(kit_compare(&kit, TOPIC, 4, &seen), 0);
	assert_int_equal(seen.disorder, 0);
	assert_int_equal(kit.host.retries + kit.host.restarts, 0);
	kit_close(&kit);
}

static void test_nothing_is_settled_before_the_broker_answers(void **state)
{
	static struct kit kit;
	int64_t begin_ns;

	(void)state;
	kit_cluster(&kit, 1);
	rd_kafka_mock_topic_create(kit.cluster, TOPIC, 1, 1);
	rd_kafka_mock_broker_set_rtt(kit.cluster, 1, 700);
	kit_open(&kit, SETTINGS, NULL);
	kit_records(&kit, 10);
	while (kit.host.position <= 10)
		kit_turn(&kit);
	begin_ns = clock_mono(&clock_system);
	kit_run(&kit);
	assert_true(clock_mono(&clock_system) - begin_ns > KIT_SECOND / 2);
	kit_close(&kit);
}

/* The queue is bounded, and a full one waits for reports: the turns of the loop are few. */
static void test_a_full_queue_waits_without_spinning(void **state)
{
	static struct kit kit;
	static struct kit_seen seen;
	int64_t until_ns;
	uint64_t taken;
	unsigned turns;

	(void)state;
	kit_cluster(&kit, 1);
	rd_kafka_mock_topic_create(kit.cluster, TOPIC, 1, 1);
	kit_open(&kit, SETTINGS "  queue_size: 1MiB\n", NULL);
	kit_records(&kit, 1);
	kit_run(&kit);
	rd_kafka_mock_broker_set_down(kit.cluster, 1);
	kit_records(&kit, 20000);
	until_ns = clock_mono(&clock_system) + KIT_SECOND;
	while (clock_mono(&clock_system) < until_ns)
		kit_turn(&kit);
	taken = kit.host.position;
	assert_in_range(taken, 1000, 8000);
	turns = kit.host.turns;
	until_ns = clock_mono(&clock_system) + 2 * KIT_SECOND;
	while (clock_mono(&clock_system) < until_ns)
		kit_turn(&kit);
	assert_int_equal(kit.host.position, taken);
	assert_true(kit.host.turns - turns < 60);
	rd_kafka_mock_broker_set_up(kit.cluster, 1);
	kit_run(&kit);
	assert_int_equal(kit_compare(&kit, TOPIC, 1, &seen), 0);
	assert_int_equal(seen.disorder, 0);
	kit_close(&kit);
}

/* A stop with reports under way: finish says so until they have come, and nothing is settled that has none. */
static void test_a_stop_waits_for_reports_and_settles_nothing_without(void **state)
{
	static struct kit kit;
	uint64_t upto;

	(void)state;
	kit_cluster(&kit, 1);
	rd_kafka_mock_topic_create(kit.cluster, TOPIC, 1, 1);
	kit_open(&kit, SETTINGS, NULL);
	kit_records(&kit, 100);
	kit_run(&kit);
	assert_true(kafka_output.finish(kit.host.state, clock_mono(&clock_system), &kit.ws));
	rd_kafka_mock_broker_set_down(kit.cluster, 1);
	kit_records(&kit, 100);
	while (kit.host.position <= 200)
		kit_turn(&kit);
	upto = kit.host.settled_upto;
	assert_int_equal(upto, 100);
	assert_false(kafka_output.finish(kit.host.state, clock_mono(&clock_system), &kit.ws));
	kit_close_output(&kit); /* the deadline of the stop */
	assert_int_equal(kit.host.settled_upto, 100);
	kit_close(&kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_records_arrive_in_order_and_are_settled_by_their_reports),
		cmocka_unit_test(test_nothing_is_settled_before_the_broker_answers),
		cmocka_unit_test(test_a_full_queue_waits_without_spinning),
		cmocka_unit_test(test_a_stop_waits_for_reports_and_settles_nothing_without),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
