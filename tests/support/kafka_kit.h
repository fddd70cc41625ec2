/* kafka_kit.h - the output `kafka` against librdkafka's mock cluster, in one process. The core's side (offers, settling, rewinding) is played by
 * struct lg_output_host; its settings come from YAML, so that a test says what a user would. For cmocka programs; include it once.
 *
 * The mock's limits (librdkafka 2.0.2): 5 MiB a partition, no TLS, no read_committed, no check of sequences. */
#ifndef KAFKA_KIT_H
#define KAFKA_KIT_H

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "api/lugger_plugin.h"
#include "base/clock.h"
#include "config/config.h"
#include "data/batch.h"
#include "net/net.h"
#include "output_kafka/kafka.h"

#define KIT_BATCH 500
#define KIT_RECORDS 60000
#define KIT_LOG_ID "0123456789abcdef0123456789abcdef"
#define KIT_SECOND INT64_C(1000000000)
#define KIT_PATIENCE_NS (60 * KIT_SECOND)

extern const struct lg_output_plugin kafka_output;

struct lg_output_host {
	struct config *config;
	struct lg_net *net;
	struct lg_formatter *formatter;
	void *state;
	const char *name;
	uint64_t records, position; /* sequences 1 .. records; next to offer */
	char settled[KIT_RECORDS + 2]; /* 0, 'D'one, 'R'ejected */
	uint64_t settled_upto, rejected;
	char reason[400];           /* of the last rejection */
	struct lg_batch *batch;
	struct lg_batch_iter it;
	bool failed, refused;
	unsigned retries, restarts, troubles, repeats, turns;
	char state_word[40];        /* the last one told */
	bool healthy;
	struct lg_err err;          /* of the last retry or trouble */
	uint64_t hold;
	enum lg_choice choice;
	void (*draft)(uint64_t seq, struct lg_draft *draft); /* NULL: kit_draft */
};

struct kit {
	rd_kafka_t *owner;
	rd_kafka_mock_cluster_t *cluster;
	const char *brokers; /* NULL: all of the cluster's */
	struct lg_output_host host;
	struct lg_waitset ws;
};

/* ---- the core ---- */

void lg_settle(struct lg_output_host *host, uint64_t first, uint64_t last, enum lg_settle how, const char *reason)
{
	assert_true(first >= 1 && first <= last && last < host->position + KIT_BATCH);
	for (uint64_t seq = first; seq <= last; seq++) {
		assert_int_equal(host->settled[seq] == 'R' ? 0 : 1, 1);
		if (how == LG_REJECT) {
			host->rejected++;
			snprintf(host->reason, sizeof(host->reason), "%s", reason);
		}
		host->settled[seq] = how == LG_DONE ? 'D' : 'R';
	}
	while (host->settled[host->settled_upto + 1])
		host->settled_upto++;
}

static void kit_say(struct lg_output_host *host, const char *state, bool healthy, const struct lg_err *err)
{
	snprintf(host->state_word, sizeof(host->state_word), "%s", state);
	host->healthy = healthy;
	if (err)
		host->err = *err;
	if (getenv("KIT_TALK"))
		fprintf(stderr, "  core is told: %s %s\n", state, err ? err->text : "");
}

void lg_output_retry(struct lg_output_host *host, const char *state, const struct lg_err *err)
{
	host->failed = true;
	host->retries++;
	kit_say(host, state, false, err);
}

void lg_output_restart(struct lg_output_host *host, const char *why)
{
	host->failed = true;
	host->restarts++;
	if (getenv("KIT_TALK"))
		fprintf(stderr, "  core is told: restart: %s\n", why);
}

void lg_output_trouble(struct lg_output_host *host, const char *state, const struct lg_err *err)
{
	host->troubles++;
	kit_say(host, state, false, err);
}

void lg_output_ok(struct lg_output_host *host, const char *state)
{
	kit_say(host, state, true, NULL);
}

const char *lg_output_spool_id(const struct lg_output_host *host)
{
	(void)host;
	return "00112233445566778899aabbccddeeff";
}

uint64_t lg_output_cursor(struct lg_output_host *host)
{
	return host->settled_upto + 1;
}

uint64_t lg_output_log_next(const struct lg_output_host *host)
{
	return host->records + 1;
}

bool lg_output_log_of(const struct lg_output_host *host, uint64_t seq, char log_id[33])
{
	if (seq < 1 || seq > host->records)
		return false;
	memcpy(log_id, KIT_LOG_ID, 33);
	return true;
}

void lg_output_seek(struct lg_output_host *host, uint64_t seq)
{
	assert_int_equal(host->position, host->settled_upto + 1);
	for (uint64_t i = 1; i <= host->records; i++)
		host->settled[i] = i < seq ? 'D' : 0;
	host->position = seq;
	host->settled_upto = seq - 1;
}

void lg_output_hold(struct lg_output_host *host, uint64_t seq)
{
	host->hold = seq;
}

void lg_output_repeats(struct lg_output_host *host, uint64_t count)
{
	host->repeats += (unsigned)count;
}

enum lg_choice lg_output_choice(struct lg_output_host *host)
{
	enum lg_choice choice = host->choice;

	host->choice = LG_CHOICE_NONE;
	return choice;
}

struct lg_net *lg_output_net(struct lg_output_host *host)
{
	return host->net;
}

const char *lg_output_name(const struct lg_output_host *host)
{
	return host->name;
}

struct lg_formatter *lg_output_formatter(struct lg_output_host *host)
{
	return host->formatter;
}

void lg_output_log(struct lg_output_host *host, enum lg_level level, const char *fmt, ...)
{
	va_list ap;

	(void)host;
	if (!getenv("KIT_TALK"))
		return;
	va_start(ap, fmt);
	fprintf(stderr, "  log %d: ", (int)level);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
}

/* ---- records ---- */

/* Record seq's body: "<seq>:" and a filler, 10 to some 300 bytes. */
static inline size_t kit_body(uint64_t seq, char out[512])
{
	size_t size = 10 + (size_t)(seq * 31 % 290);
	int n = snprintf(out, 512, "%llu:", (unsigned long long)seq);

	for (size_t i = (size_t)n; i < size; i++)
		out[i] = (char)('!' + (i + seq) % 90);
	return size > (size_t)n ? size : (size_t)n;
}

static inline struct lg_batch *kit_batch(const struct lg_output_host *host, uint64_t first, uint32_t count)
{
	struct lg_batch *batch = batch_new(NULL, 0, "operlog");
	char body[512];

	for (uint64_t seq = first; seq < first + count; seq++) {
		struct lg_draft draft;

		lg_draft_reset(&draft);
		draft.body = (struct lg_str){body, kit_body(seq, body)};
		if (host->draft)
			host->draft(seq, &draft);
		batch_add(batch, &draft, NULL, 1);
	}
	batch->first_seq = first;
	memcpy(batch->log_id, KIT_LOG_ID, sizeof(batch->log_id));
	return batch;
}

static inline void kit_drop_batch(struct lg_output_host *host)
{
	lg_batch_release(host->batch);
	host->batch = NULL;
}

static inline bool kit_offer(struct lg_output_host *host)
{
	uint64_t taken = host->position;

	if (host->position > host->records)
		return false;
	if (!host->batch) {
		uint64_t left = host->records - host->position + 1;

		host->batch = kit_batch(host, host->position, (uint32_t)(left < KIT_BATCH ? left : KIT_BATCH));
		lg_batch_begin(&host->it, host->batch, host->position);
	}
	kafka_output.send(host->state, host->batch, &host->it, &taken);
	if (host->failed || taken == host->position)
		return false;
	host->position = taken;
	if (taken == lg_batch_first(host->batch) + lg_batch_count(host->batch))
		kit_drop_batch(host);
	return true;
}

static inline void kit_rewind_if_failed(struct lg_output_host *host)
{
	if (!host->failed)
		return;
	host->failed = false;
	kafka_output.rewind(host->state);
	kit_drop_batch(host);
	for (uint64_t seq = host->settled_upto + 1; seq < host->position; seq++) {
		host->repeats += host->settled[seq] != 0;
		if (host->settled[seq] != 'R')
			host->settled[seq] = 0;
	}
	host->position = host->settled_upto + 1;
}

/* As the core's loop does: a step, offers, and a wait that ends only for what the plugin asked for. */
static inline void kit_turn(struct kit *kit)
{
	struct lg_output_host *host = &kit->host;
	bool progress = false, refused;
	int64_t now_ns, wait_ns;

	host->turns++;
	kit->ws.wake_ns = INT64_MAX;
	kafka_output.step(host->state, clock_mono(&clock_system), &kit->ws);
	for (int i = 0; i < 4 && !host->failed && kit_offer(host); i++)
		progress = true;
	refused = !progress && host->batch;
	if (host->failed || refused > host->refused)
		progress = true;
	host->refused = refused;
	kit_rewind_if_failed(host);
	if (progress)
		return;
	now_ns = clock_mono(&clock_system);
	wait_ns = kit->ws.wake_ns - now_ns;
	if (wait_ns > KIT_SECOND)
		wait_ns = KIT_SECOND;
	poll(kit->ws.fds, (nfds_t)kit->ws.count, wait_ns <= 0 ? 0 : (int)((wait_ns + 999999) / 1000000));
}

/* Until everything has the receiver's word. */
static inline void kit_run(struct kit *kit)
{
	int64_t until_ns = clock_mono(&clock_system) + KIT_PATIENCE_NS;

	while (kit->host.settled_upto < kit->host.records) {
		assert_true(clock_mono(&clock_system) < until_ns);
		kit_turn(kit);
	}
}

/* Until the state's word is this one. */
static inline void kit_until(struct kit *kit, const char *state)
{
	int64_t until_ns = clock_mono(&clock_system) + KIT_PATIENCE_NS;

	while (strcmp(kit->host.state_word, state) != 0) {
		if (clock_mono(&clock_system) >= until_ns)
			fail_msg("the state is %s and not %s: %s", kit->host.state_word, state, kit->host.err.text);
		kit_turn(kit);
	}
}

static inline void kit_records(struct kit *kit, uint64_t count)
{
	kit->host.records += count;
	assert_true(kit->host.records <= KIT_RECORDS);
}

/* ---- life ---- */

static const struct lg_input_plugin *const kit_inputs[] = {NULL};
static const struct lg_output_plugin *const kit_outputs[] = {&kafka_output, NULL};
static const struct lg_parser *const kit_parsers[] = {NULL};
static const char *const kit_missing[] = {NULL};
static const struct lg_registry kit_registry = {
	.inputs = kit_inputs, .outputs = kit_outputs, .parsers = kit_parsers, .missing = kit_missing};

/* What the YAML's errors are; the caller's buffer. */
static inline struct config *kit_config(const char *brokers, const char *options, char *problems, size_t size)
{
	struct config_env env = {.registry = &kit_registry};
	struct lg_buf yaml = {0}, text = {0};
	struct config *config;
	struct lg_str str;

	lg_buf_printf(&yaml, "version: 1\ndata_dir: /nowhere\ninputs: []\noutputs:\n- name: out\n  type: kafka\n  brokers: [%s]\n%s", brokers, options);
	str = lg_buf_str(&yaml);
	(void)!config_load(&config, "kit.yaml", &str, &env);
	config_print_problems(config, &text);
	snprintf(problems, size, "%.*s", (int)text.size, (const char *)text.data);
	lg_buf_fini(&yaml);
	lg_buf_fini(&text);
	return config;
}

static inline void kit_cluster(struct kit *kit, int brokers)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char text[512];

	memset(kit, 0, sizeof(*kit));
	rd_kafka_conf_set(conf, "log_level", "0", text, sizeof(text));
	kit->owner = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	assert_non_null(kit->owner);
	kit->cluster = rd_kafka_mock_cluster_new(kit->owner, brokers);
	assert_non_null(kit->cluster);
}

/* Opens the output with these lines of settings, each indented by two spaces. `permit`: asked before each connection; NULL: loopback. */
static inline void kit_open(struct kit *kit, const char *options, const struct net_gate *gate)
{
	struct lg_output_host *host = &kit->host;
	struct lg_err err;
	char problems[4000];

	host->config = kit_config(kit->brokers ? kit->brokers : rd_kafka_mock_cluster_bootstraps(kit->cluster), options, problems, sizeof(problems));
	if (!host->config->output_count || !host->config->outputs[0].conf)
		fail_msg("%s", problems);
	host->net = net_new(gate);
	host->name = "out";
	host->position = 1;
	host->formatter = lg_formatter_new(host->config->outputs[0].format, &host->config->outputs[0].format_conf, "gateway", false);
	host->state = calloc(1, kafka_output.state_size);
	if (kafka_output.open(host->state, host->config->outputs[0].conf, host, &err) != LG_OK)
		fail_msg("%s", err.text);
}

static inline void kit_close_output(struct kit *kit)
{
	struct lg_output_host *host = &kit->host;

	kafka_output.close(host->state);
	free(host->state);
	kit_drop_batch(host);
	lg_formatter_free(host->formatter);
	net_free(host->net);
	config_free(host->config);
	host->state = NULL;
}

static inline void kit_close(struct kit *kit)
{
	if (kit->host.state)
		kit_close_output(kit);
	free(kit->ws.fds);
	rd_kafka_mock_cluster_destroy(kit->cluster);
	rd_kafka_destroy(kit->owner);
}

/* ---- reading back ---- */

/* Calls `each` for every message of the topic's partitions, each partition in its order; ends at the end of all of them. */
static inline uint64_t kit_consume(struct kit *kit, const char *topic, int partitions, void (*each)(void *arg, const rd_kafka_message_t *message), void *arg)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
	rd_kafka_message_t *message;
	char text[512];
	rd_kafka_t *rk;
	int ends = 0;
	uint64_t count = 0;

	rd_kafka_conf_set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(kit->cluster), text, sizeof(text));
	rd_kafka_conf_set(conf, "group.id", "reader", text, sizeof(text));
	rd_kafka_conf_set(conf, "enable.partition.eof", "true", text, sizeof(text));
	rd_kafka_conf_set(conf, "isolation.level", "read_uncommitted", text, sizeof(text));
	rd_kafka_conf_set(conf, "log_level", "0", text, sizeof(text));
	rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
	assert_non_null(rk);
	for (int32_t i = 0; i < partitions; i++)
		rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
	rd_kafka_assign(rk, list);
	while (ends < partitions) {
		message = rd_kafka_consumer_poll(rk, 30000);
		assert_non_null(message);
		if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
			ends++;
		} else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
			each(arg, message);
			count++;
		}
		rd_kafka_message_destroy(message);
	}
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_consumer_close(rk);
	rd_kafka_destroy(rk);
	return count;
}

/* What one run left in a topic, with `format: raw`. */
struct kit_seen {
	unsigned char count[KIT_RECORDS + 1];
	uint64_t last[64];   /* highest sequence seen in each partition */
	unsigned disorder;   /* first appearances that came behind a higher sequence of their partition */
	uint64_t partition_count[64];
};

static inline void kit_see(void *arg, const rd_kafka_message_t *message)
{
	struct kit_seen *seen = arg;
	uint64_t seq = strtoull(message->payload, NULL, 10);
	char body[512];

	assert_true(seq >= 1 && seq <= KIT_RECORDS);
	assert_int_equal(message->len, kit_body(seq, body));
	assert_memory_equal(message->payload, body, message->len);
	if (!seen->count[seq] && seq < seen->last[message->partition])
		seen->disorder++;
	if (seq > seen->last[message->partition])
		seen->last[message->partition] = seq;
	if (seen->count[seq] < 255)
		seen->count[seq]++;
	seen->partition_count[message->partition]++;
}

/* Reads all; every record settled as done is there, none that was rejected. Returns how many messages were too many. */
static inline uint64_t kit_compare(struct kit *kit, const char *topic, int partitions, struct kit_seen *seen)
{
	uint64_t extra = 0;

	memset(seen, 0, sizeof(*seen));
	kit_consume(kit, topic, partitions, kit_see, seen);
	for (uint64_t seq = 1; seq <= kit->host.records; seq++) {
		if (kit->host.settled[seq] == 'D' && !seen->count[seq])
			fail_msg("record %llu is settled and not in the topic", (unsigned long long)seq);
		if (kit->host.settled[seq] == 'R' && seen->count[seq])
			fail_msg("record %llu is rejected and in the topic", (unsigned long long)seq);
		if (seen->count[seq] > 1)
			extra += seen->count[seq] - 1u;
	}
	return extra;
}

#endif
