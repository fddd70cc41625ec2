/* librdkafka's configuration, made from the options. */
#include <stdio.h>
#include <string.h>

#include "output_kafka/kafka.h"

/* Collects the first error, so that a list of settings reads as a list. */
struct setter {
	rd_kafka_conf_t *conf;
	enum lg_rc rc;
	struct lg_err *err;
};

static void set(struct setter *s, const char *name, const char *value)
{
	char text[512];

	if (s->rc == LG_OK && rd_kafka_conf_set(s->conf, name, value, text, sizeof(text)) != RD_KAFKA_CONF_OK)
		s->rc = lg_err_set(s->err, LG_INVALID, "librdkafka %s: %s", rd_kafka_version_str(), text);
}

static void set_number(struct setter *s, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	set(s, name, text);
}

static void set_brokers(struct setter *s, const struct lg_strings *brokers)
{
	struct lg_buf list = {0};

	for (size_t i = 0; i < brokers->count; i++)
		lg_buf_printf(&list, "%s%s", i ? "," : "", brokers->items[i]);
	lg_buf_append_char(&list, '\0');
	set(s, "bootstrap.servers", (const char *)list.data);
	lg_buf_fini(&list);
}

static void set_tls(struct setter *s, const struct kafka_conf *conf)
{
	static const char *const protocols[2][2] = {{"plaintext", "sasl_plaintext"}, {"ssl", "sasl_ssl"}};
	const struct lg_tls_conf *tls = &conf->tls;

	set(s, "security.protocol", protocols[!tls->off][conf->sasl.mechanism != KAFKA_SASL_NONE]);
	if (tls->off)
		return;
	set(s, "enable.ssl.certificate.verification", "true");
	set(s, "ssl.endpoint.identification.algorithm", "https");
	if (tls->ca_file)
		set(s, "ssl.ca.location", tls->ca_file);
	if (tls->cert_file)
		set(s, "ssl.certificate.location", tls->cert_file);
	if (tls->key_file)
		set(s, "ssl.key.location", tls->key_file);
	if (conf->crl_file)
		set(s, "ssl.crl.location", conf->crl_file);
}

const char *kafka_mechanism_name(const struct kafka_sasl *sasl)
{
	static const char *const mechanisms[] = {NULL, "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "GSSAPI", "OAUTHBEARER"};

	return mechanisms[sasl->mechanism];
}

static void set_sasl(struct setter *s, const struct kafka_sasl *sasl)
{
	if (sasl->mechanism == KAFKA_SASL_NONE)
		return;
	set(s, "sasl.mechanisms", kafka_mechanism_name(sasl));
	if (sasl->mechanism == KAFKA_SASL_GSSAPI) {
		set(s, "sasl.kerberos.service.name", sasl->service);
		set(s, "sasl.kerberos.principal", sasl->principal);
		set(s, "sasl.kerberos.keytab", sasl->keytab);
	} else if (sasl->mechanism != KAFKA_SASL_OAUTH) {
		set(s, "sasl.username", sasl->username);
		set(s, "sasl.password", sasl->password);
	}
}

static void set_delivery(struct setter *s, const struct kafka_conf *conf, const struct producer *producer)
{
	static const char *const acks[] = {"all", "1", "0"};
	static const char *const partitioners[] = {"murmur2_random", "murmur2", "consistent_random", "consistent", "fnv1a_random", "fnv1a", "random"};
	static const char *const codecs[] = {"zstd", "lz4", "snappy", "gzip", "none"};
	int64_t level = conf->compression_level ? conf->compression_level : conf->compression == 0 ? 1 : 0;

	set(s, "acks", acks[conf->acks]);
	if (conf->acks == KAFKA_ACKS_ALL) {
		set(s, "enable.idempotence", "true");
		/* A batch that fails for good would let the next ones of its partition pass it: this stops the producer instead. */
		set(s, "enable.gapless.guarantee", "true");
	} else {
		set(s, "max.in.flight.requests.per.connection", "1"); /* else a retry changes the order */
	}
	if (producer->transactional_id) {
		set(s, "transactional.id", producer->transactional_id);
		set_number(s, "transaction.timeout.ms", (uint64_t)conf->transaction_interval_ns / 1000000 + KAFKA_TXN_TIMEOUT_MS);
	} else {
		set(s, "message.timeout.ms", "0"); /* never: the spool is what waits */
	}
	set(s, "compression.type", codecs[conf->compression]);
	if (level)
		set_number(s, "compression.level", (uint64_t)level);
	set(s, "partitioner", partitioners[conf->partitioner]);
	set_number(s, "linger.ms", (uint64_t)conf->linger_ns / 1000000);
	set_number(s, "batch.size", producer->batch_size ? producer->batch_size : conf->batch_size);
	set(s, "batch.num.messages", "1000000"); /* the size is the limit */
	set_number(s, "message.max.bytes", conf->max_message_bytes > conf->batch_size ? conf->max_message_bytes : conf->batch_size);
	set_number(s, "queue.buffering.max.kbytes", conf->queue_size / 1024 * 2); /* ours, which counts more than payload, is met first */
	set(s, "queue.buffering.max.messages", "10000000");
}

static void set_client(struct setter *s, const struct kafka_conf *conf)
{
	set(s, "client.id", conf->client_id);
	set(s, "log.queue", "true");
	set(s, "reconnect.backoff.max.ms", "2000"); /* 10 s by default, and a broker that is back waits as long */
	set(s, "socket.keepalive.enable", "true");
	set(s, "socket.nagle.disable", "true");
	set(s, "allow.auto.create.topics", "false");
}

static void set_passed(struct setter *s, const struct kafka_conf *conf)
{
	for (size_t i = 0; i + 1 < conf->rdkafka.count; i += 2)
		set(s, conf->rdkafka.items[i], conf->rdkafka.items[i + 1]);
}

static enum lg_rc finish(struct setter *s, rd_kafka_conf_t **out)
{
	if (s->rc != LG_OK)
		rd_kafka_conf_destroy(s->conf);
	else
		*out = s->conf;
	return s->rc;
}

enum lg_rc kafka_conf_build(const struct kafka_conf *conf, const struct producer *producer, rd_kafka_conf_t **out, struct lg_err *err)
{
	struct setter s = {.conf = rd_kafka_conf_new(), .rc = LG_OK, .err = err};

	set_brokers(&s, &conf->brokers);
	set_tls(&s, conf);
	set_sasl(&s, &conf->sasl);
	set_delivery(&s, conf, producer);
	set_client(&s, conf);
	set(&s, "statistics.interval.ms", "2000");
	set(&s, "topic.metadata.propagation.max.ms", "5000"); /* a topic unknown for so long: the core waits, with a state */
	set_passed(&s, conf);
	return finish(&s, out);
}

enum lg_rc kafka_conf_group(const struct kafka_conf *conf, const char *group, rd_kafka_conf_t **out, struct lg_err *err)
{
	struct setter s = {.conf = rd_kafka_conf_new(), .rc = LG_OK, .err = err};

	set_brokers(&s, &conf->brokers);
	set_tls(&s, conf);
	set_sasl(&s, &conf->sasl);
	set_client(&s, conf);
	set(&s, "group.id", group);
	set(&s, "enable.auto.commit", "false");
	set(&s, "isolation.level", "read_committed"); /* waits for what is being committed (KIP-447) */
	return finish(&s, out);
}

/* ---- the pass-through --------------------------------------------------------------------------------------------------------------- */

struct ban {
	const char *prefix; /* a name, or with a dot or star at the end the beginning of names */
	const char *why;
};

/* What has an option of its own, and what would change where data goes, who reads it, what code runs or what is promised. */
static const struct ban bans[] = {
	{"bootstrap.servers", "the option `brokers` says it"},
	{"metadata.broker.list", "the option `brokers` says it"},
	{"security.protocol", "the options `tls` and `sasl` say it"},
	{"ssl.*", "security is set by `tls` and `crl_file`"},
	{"enable.ssl.*", "certificates are always verified"},
	{"https.*", "security is set by `tls`"},
	{"sasl.*", "the option `sasl` says it"},
	{"enable.sasl.*", "the option `sasl` says it"},
	{"oauthbearer*", "the option `sasl` says it"},
	{"plugin.*", "it loads code"},
	{"interceptors", "it loads code"},
	{"acks", "the option `acks` says it"},
	{"request.required.acks", "the option `acks` says it"},
	{"enable.idempotence", "delivery is promised by it"},
	{"enable.gapless.guarantee", "the order is promised by it"},
	{"max.in.flight*", "the order is promised by it"},
	{"retries", "delivery is promised by it"},
	{"message.send.max.retries", "delivery is promised by it"},
	{"message.timeout.ms", "records wait in the spool, not for a time"},
	{"delivery.timeout.ms", "records wait in the spool, not for a time"},
	{"transactional.id", "the option `exactly_once` says it"},
	{"transaction.timeout.ms", "the option `exactly_once` says it"},
	{"delivery.report.only.error", "records are settled by delivery reports"},
	{"dr*", "records are settled by delivery reports"},
	{"queue.buffering.max.kbytes", "the option `queue_size` says it"},
	{"queue.buffering.max.messages", "the option `queue_size` says it"},
	{"queue.buffering.backpressure.threshold", "the option `queue_size` says it"},
	{"queue.buffering.max.ms", "the option `linger` says it"},
	{"linger.ms", "the option `linger` says it"},
	{"queuing.strategy", "the order is promised by it"},
	{"compression.codec", "the option `compression` says it"},
	{"compression.type", "the option `compression` says it"},
	{"compression.level", "the option `compression_level` says it"},
	{"partitioner", "the option `partitioner` says it"},
	{"batch.size", "the option `batch_size` says it"},
	{"message.max.bytes", "the option `max_message_bytes` says it"},
	{"client.id", "the option `client_id` says it"},
	{"log*", "the log is Lugger's"},
	{"statistics.interval.ms", "status is made from it"},
	{"enabled_events", "it belongs to the program"},
	{"internal.termination.signal", "it belongs to the program"},
	{"opaque", "it belongs to the program"},
	{"test.mock*", "it replaces the brokers"},
	{"group.id", "the option `exactly_once` says it"},
	{"default_topic_conf", "it belongs to the program"},
};

static bool is_banned(const struct ban *ban, const char *name)
{
	size_t size = strlen(ban->prefix);

	if (ban->prefix[size - 1] == '*')
		return !strncmp(ban->prefix, name, size - 1);
	return !strcmp(ban->prefix, name);
}

enum lg_rc kafka_check_rdkafka(const char *name, const char *value, struct lg_err *err)
{
	rd_kafka_conf_t *conf;
	size_t size = strlen(name);
	char text[512];
	enum lg_rc rc = LG_OK;

	for (size_t i = 0; i < sizeof(bans) / sizeof(bans[0]); i++)
		if (is_banned(&bans[i], name))
			return lg_err_set(err, LG_INVALID, "%s cannot be set here: %s", name, bans[i].why);
	if (size > 3 && !strcmp(name + size - 3, "_cb"))
		return lg_err_set(err, LG_INVALID, "%s cannot be set here: it belongs to the program", name);
	conf = rd_kafka_conf_new();
	if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) != RD_KAFKA_CONF_OK)
		rc = lg_err_set(err, LG_INVALID, "librdkafka %s: %s", rd_kafka_version_str(), text);
	rd_kafka_conf_destroy(conf);
	return rc;
}
