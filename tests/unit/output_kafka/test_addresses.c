/* Which topic, key, partition and headers a record gets; packed messages; what `check` refuses. */
#include "kafka_kit.h"

#define BASE "  tls: off\n  format: raw\n"

static struct kit kit;

/* System of record seq: SYSA, SYSB, $SYS (no legal topic) or none. */
static const char *system_of(uint64_t seq)
{
	static const char *const systems[] = {"SYSA", "SYSB", "$SYS", NULL};

	return systems[seq % 4];
}

static void draft(uint64_t seq, struct lg_draft *d)
{
	if (system_of(seq))
		lg_draft_string(d, LG_F_ZOS_SYSNAME, lg_str_from(system_of(seq)));
	lg_draft_string(d, LG_F_HOST_NAME, LG_STR("LPAR1"));
	lg_draft_number(d, LG_F_LOG_OFFSET, (int64_t)seq * 100);
}

struct expectation {
	const char *topic;
	uint64_t count;
	int partition_of[2]; /* of SYSA's and SYSB's keys; -1: not seen */
};

static uint64_t seq_of(const rd_kafka_message_t *message)
{
	return strtoull(message->payload, NULL, 10);
}

static void see_topic(void *arg, const rd_kafka_message_t *message)
{
	struct expectation *e = arg;
	const char *system = system_of(seq_of(message));
	bool legal = system && system[0] != '$';
	char topic[32];

	snprintf(topic, sizeof(topic), "zos-%s", legal ? system : "rest");
	assert_string_equal(topic, e->topic);
	e->count++;
}

static void test_a_topic_template_and_its_fallback(void **state)
{
	static const char *const topics[] = {"zos-SYSA", "zos-SYSB", "zos-rest"};

	(void)state;
	kit_cluster(&kit, 1);
	for (size_t i = 0; i < 3; i++)
		rd_kafka_mock_topic_create(kit.cluster, topics[i], 1, 1);
	kit_open(&kit, BASE "  topic: \"zos-{zos.sysname}\"\n  topic_fallback: zos-rest\n", NULL);
	kit.host.draft = draft;
	kit_records(&kit, 4000);
	kit_run(&kit);
	for (size_t i = 0; i < 3; i++) {
		struct expectation e = {.topic = topics[i]};

		kit_consume(&kit, topics[i], 1, see_topic, &e);
		assert_int_equal(e.count, i == 2 ? 2000 : 1000);
	}
	kit_close(&kit);
}

static void see_key(void *arg, const rd_kafka_message_t *message)
{
	struct expectation *e = arg;
	uint64_t seq = seq_of(message);
	const char *system = system_of(seq), *key = system ? system : "LPAR1";

	assert_int_equal(message->key_len, strlen(key));
	assert_memory_equal(message->key, key, message->key_len);
	if (seq % 4 < 2) {
		if (e->partition_of[seq % 4] < 0)
			e->partition_of[seq % 4] = message->partition;
		assert_int_equal(message->partition, e->partition_of[seq % 4]);
	}
	e->count++;
}

/* The partitions are those of the Java clients' default partitioner: murmur2 of the key. */
static void test_keys_have_their_partitions_and_a_fallback(void **state)
{
	struct expectation e = {.partition_of = {-1, -1}};

	(void)state;
	kit_cluster(&kit, 1);
	rd_kafka_mock_topic_create(kit.cluster, "t", 8, 1);
	kit_open(&kit, BASE "  topic: t\n  key: \"{zos.sysname}\"\n  key_fallback: \"{host.name}\"\n", NULL);
	kit.host.draft = draft;
	kit_records(&kit, 4000);
	kit_run(&kit);
	kit_consume(&kit, "t", 8, see_key, &e);
	assert_int_equal(e.count, 4000);
	assert_int_equal(e.partition_of[0], rd_kafka_msg_partitioner_murmur2(NULL, "SYSA", 4, 8, NULL, NULL));
	assert_int_equal(e.partition_of[1], rd_kafka_msg_partitioner_murmur2(NULL, "SYSB", 4, 8, NULL, NULL));
	kit_close(&kit);
}

static void check_header(const rd_kafka_message_t *message, const char *name, const char *expected)
{
	rd_kafka_headers_t *headers;
	const void *value;
	size_t size;

	assert_int_equal(rd_kafka_message_headers(message, &headers), RD_KAFKA_RESP_ERR_NO_ERROR);
	if (!expected) {
		assert_int_equal(rd_kafka_header_get_last(headers, name, &value, &size), RD_KAFKA_RESP_ERR__NOENT);
		return;
	}
	assert_int_equal(rd_kafka_header_get_last(headers, name, &value, &size), RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_int_equal(size, strlen(expected));
	assert_memory_equal(value, expected, size);
}

static void see_headers(void *arg, const rd_kafka_message_t *message)
{
	uint64_t seq = seq_of(message);
	char text[48];

	check_header(message, "lugger.log_id", KIT_LOG_ID);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)seq);
	check_header(message, "event.sequence", text);
	check_header(message, "lugger.input", "operlog");
	check_header(message, "host.name", "LPAR1");
	snprintf(text, sizeof(text), "at %llu", (unsigned long long)seq * 100);
	check_header(message, "offset", text);
	snprintf(text, sizeof(text), "%s by gateway", system_of(seq) ? system_of(seq) : "");
	check_header(message, "system", system_of(seq) ? text : NULL);
	++*(uint64_t *)arg;
}

static void test_headers_say_who_a_record_is(void **state)
{
	uint64_t count = 0;

	(void)state;
	kit_cluster(&kit, 1);
	rd_kafka_mock_topic_create(kit.cluster, "t", 1, 1);
	kit_open(&kit, BASE "  topic: t\n  headers: {offset: \"at {log.offset}\", system: \"{zos.sysname} by {agent.name}\"}\n", NULL);
	kit.host.draft = draft;
	kit_records(&kit, 400);
	kit_run(&kit);
	kit_consume(&kit, "t", 1, see_headers, &count);
	assert_int_equal(count, 400);
	kit_close(&kit);
}

static void see_bare(void *arg, const rd_kafka_message_t *message)
{
	rd_kafka_headers_t *headers;

	(void)arg;
	assert_int_equal(rd_kafka_message_headers(message, &headers), RD_KAFKA_RESP_ERR__NOENT);
	assert_null(message->key);
}

static void test_without_identity_headers_a_message_is_bare(void **state)
{
	(void)state;
	kit_cluster(&kit, 1);
	rd_kafka_mock_topic_create(kit.cluster, "t", 1, 1);
	kit_open(&kit, BASE "  topic: t\n  identity_headers: false\n", NULL);
	kit_records(&kit, 10);
	kit_run(&kit);
	assert_int_equal(kit_consume(&kit, "t", 1, see_bare, NULL), 10);
	kit_close(&kit);
}

/* ---- packing ---- */

struct unpacked {
	uint64_t next, messages;
	size_t longest;
};

static void see_pack(void *arg, const rd_kafka_message_t *message)
{
	struct unpacked *u = arg;
	const char *at = message->payload, *end = at + message->len;
	uint64_t first = u->next;
	char body[512], text[48];

	u->messages++;
	if (message->len > u->longest)
		u->longest = message->len;
	while (at < end) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));
		size_t size = (size_t)((line_end ? line_end : end) - at);

		assert_int_equal(size, kit_body(u->next, body));
		assert_memory_equal(at, body, size);
		u->next++;
		at += size + 1;
	}
	if (first == u->next - 1)
		snprintf(text, sizeof(text), "%llu", (unsigned long long)first);
	else
		snprintf(text, sizeof(text), "%llu-%llu", (unsigned long long)first, (unsigned long long)u->next - 1);
	check_header(message, "event.sequence", text);
}

static void test_packed_records_are_lines_and_each_is_settled(void **state)
{
	struct unpacked u = {.next = 1};

	(void)state;
	kit_cluster(&kit, 1);
	rd_kafka_mock_topic_create(kit.cluster, "t", 1, 1);
	kit_open(&kit, BASE "  topic: t\n  pack: lines\n  pack_size: 4KiB\n", NULL);
	kit_records(&kit, 5000);
	kit_run(&kit);
	kit_consume(&kit, "t", 1, see_pack, &u);
	assert_int_equal(u.next, 5001);
	assert_in_range(u.messages, 5000 / 40, 5000 / 10);
	assert_in_range(u.longest, 3000, 4096);
	kit_close(&kit);
}

static void draft_runs(uint64_t seq, struct lg_draft *d)
{
	lg_draft_string(d, LG_F_ZOS_SYSNAME, lg_str_from(seq / 8 % 2 ? "A" : "B"));
}

static void see_one_key(void *arg, const rd_kafka_message_t *message)
{
	const char *at = message->payload, *end = at + message->len;

	assert_int_equal(message->key_len, 1);
	while (at < end) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));

		assert_int_equal(*(const char *)message->key, strtoull(at, NULL, 10) / 8 % 2 ? 'A' : 'B');
		++*(uint64_t *)arg;
		at = (line_end ? line_end : end) + 1;
	}
}

static void test_a_pack_never_mixes_keys(void **state)
{
	uint64_t count = 0;

	(void)state;
	kit_cluster(&kit, 1);
	rd_kafka_mock_topic_create(kit.cluster, "t", 4, 1);
	kit_open(&kit, BASE "  topic: t\n  pack: lines\n  key: \"{zos.sysname}\"\n", NULL);
	kit.host.draft = draft_runs;
	kit_records(&kit, 2000);
	kit_run(&kit);
	kit_consume(&kit, "t", 4, see_one_key, &count);
	assert_int_equal(count, 2000);
	kit_close(&kit);
}

/* A pack that the broker refuses is taken apart: at most one record is lost to the dead letters. */
static void test_a_rejected_pack_is_taken_apart(void **state)
{
	(void)state;
	kit_cluster(&kit, 1);
	rd_kafka_mock_topic_create(kit.cluster, "t", 1, 1);
	kit_open(&kit, BASE "  topic: t\n  pack: lines\n", NULL);
	kit_records(&kit, 100);
	kit_run(&kit);
	rd_kafka_mock_push_request_errors(kit.cluster, 0, 2, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
	kit_records(&kit, 100);
	kit_run(&kit);
	assert_int_equal(kit.host.rejected, 1);
	kit_close(&kit);
}

/* ---- long records ---- */

static void draft_long(uint64_t seq, struct lg_draft *d)
{
	static char text[4000];

	memset(text, 'x', sizeof(text));
	for (size_t i = 99; i < sizeof(text); i += 100)
		text[i] = '\n';
	if (seq == 5)
		d->body = (struct lg_str){text, sizeof(text)};
}

static void see_nothing(void *arg, const rd_kafka_message_t *message)
{
	(void)arg;
	(void)message;
}

static void test_a_message_over_our_limit_goes_alone_to_the_dead_letters(void **state)
{
	(void)state;
	kit_cluster(&kit, 1);
	rd_kafka_mock_topic_create(kit.cluster, "t", 1, 1);
	kit_open(&kit, BASE "  topic: t\n  max_message_bytes: 2KiB\n", NULL);
	kit.host.draft = draft_long;
	kit_records(&kit, 10);
	kit_run(&kit);
	assert_int_equal(kit.host.rejected, 1);
	assert_int_equal(kit.host.settled[5], 'R');
	assert_int_equal(kit_consume(&kit, "t", 1, see_nothing, NULL), 9);
	assert_int_equal(kit.host.restarts + kit.host.retries, 0);
	kit_close(&kit);
}

/* Split in parts, a record is settled with its last one, and the parts follow each other. */
static void test_a_split_record_is_settled_when_all_parts_are_there(void **state)
{
	(void)state;
	kit_cluster(&kit, 1);
	rd_kafka_mock_topic_create(kit.cluster, "t", 1, 1);
	kit_open(&kit, BASE "  topic: t\n  max_message_size: 1000\n", NULL);
	kit.host.draft = draft_long;
	kit_records(&kit, 10);
	kit_run(&kit);
	assert_int_equal(kit.host.rejected, 0);
	assert_in_range(kit_consume(&kit, "t", 1, see_nothing, NULL), 13, 14);
	kit_close(&kit);
}

/* ---- check ---- */

static void expect_problem(const char *options, const char *where, const char *text)
{
	char problems[4000];
	struct config *config = kit_config("127.0.0.1:9092", options, problems, sizeof(problems));

	if (!strstr(problems, text) || !strstr(problems, where))
		fail_msg("expected \"%s\" at %s, got:\n%s", text, where, problems);
	config_free(config);
}

static void test_check_names_the_line_of_what_cannot_be(void **state)
{
	(void)state;
	expect_problem("  topic: t\n  rdkafka: {linger.mss: 5}\n", "kit.yaml:9:13", "linger.mss");
	expect_problem("  topic: t\n  rdkafka:\n    socket.timeout.ms: 5000\n    bootstrap.servers: a:1\n", "kit.yaml:11:5", "`brokers`");
	expect_problem("  topic: t\n  rdkafka: {ssl.engine.location: /x}\n", "kit.yaml:9:13", "security");
	expect_problem("  topic: t\n  rdkafka: {plugin.library.paths: /x}\n", "kit.yaml:9:13", "code");
	expect_problem("  topic: t\n  rdkafka: {sasl.kerberos.kinit.cmd: x}\n", "kit.yaml:9:13", "sasl");
	expect_problem("  topic: t\n  rdkafka: {enable.idempotence: false}\n", "kit.yaml:9:13", "promised");
	expect_problem("  topic: t\n  rdkafka: {socket.timeout.ms: soon}\n", "kit.yaml:9:13", "socket.timeout.ms");
	expect_problem("  topic: \"a b\"\n", "kit.yaml:5:3", "no name for a topic");
	expect_problem("  topic: \"{zos.sysname}\"\n", "kit.yaml:5:3", "topic_fallback");
	expect_problem("  topic: t\n  key_fallback: x\n", "kit.yaml:5:3", "key_fallback");
	expect_problem("  topic: t\n  sasl: {mechanism: PLAIN}\n", "kit.yaml:5:3", "username");
	expect_problem("  topic: t\n  sasl: {mechanism: GSSAPI, kerberos_principal: \"a;b\", kerberos_keytab: /k}\n", "kit.yaml:5:3", "shell");
	expect_problem("  topic: t\n  tls: {server_name: x}\n", "kit.yaml:5:3", "server_name");
	if (rd_kafka_version() < KAFKA_SCRAM_VERSION)
		expect_problem("  topic: t\n  sasl: {mechanism: SCRAM-SHA-512, username: u, password: p}\n", "kit.yaml:5:3", "2.6.1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_topic_template_and_its_fallback),
		cmocka_unit_test(test_keys_have_their_partitions_and_a_fallback),
		cmocka_unit_test(test_headers_say_who_a_record_is),
		cmocka_unit_test(test_without_identity_headers_a_message_is_bare),
		cmocka_unit_test(test_packed_records_are_lines_and_each_is_settled),
		cmocka_unit_test(test_a_pack_never_mixes_keys),
		cmocka_unit_test(test_a_rejected_pack_is_taken_apart),
		cmocka_unit_test(test_a_message_over_our_limit_goes_alone_to_the_dead_letters),
		cmocka_unit_test(test_a_split_record_is_settled_when_all_parts_are_there),
		cmocka_unit_test(test_check_names_the_line_of_what_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
