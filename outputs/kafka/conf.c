/* The options, and librdkafka's configuration made from them. */
#include <stdio.h>
#include <string.h>

#include "output_kafka/kafka.h"

#define ROW(field) .offset = offsetof(struct kafka_conf, field)
#define MIB (INT64_C(1) << 20)

const struct lg_option kafka_options[] = {
	{.name = "brokers", .type = LG_OPT_STRINGS, ROW(brokers), .flags = LG_OPT_REQUIRED | LG_OPT_DESTINATION,
	 .doc = "Some of the cluster's brokers as host:port; the cluster names the others."},
	{.name = "topic", .type = LG_OPT_STRING, ROW(topic), .flags = LG_OPT_REQUIRED, .doc = "The topic."},
	{.name = "acks", .type = LG_OPT_ENUM, ROW(acks), .choices = "all|leader|none", .fallback = "all",
	 .doc = "Whose word settles a record: all in-sync replicas; `leader` loses what a failing leader had not passed on; `none` loses "
	        "whatever a broker did not take."},
	{.name = "compression", .type = LG_OPT_ENUM, ROW(compression), .choices = "zstd|lz4|snappy|gzip|none", .fallback = "zstd",
	 .doc = "Compression of the batches on the wire and in the brokers."},
	{.name = "compression_level", .type = LG_OPT_INT, ROW(compression_level), .max = 22,
	 .doc = "Level of the compression; 0 is 1 for zstd, and librdkafka's default for the others."},
	{.name = "linger", .type = LG_OPT_DURATION, ROW(linger_ns), .fallback = "20ms", .max = 10 * KAFKA_SECOND,
	 .doc = "How long a batch waits for more records: longer compresses better."},
	{.name = "batch_size", .type = LG_OPT_SIZE, ROW(batch_size), .fallback = "1MB", .min = 1024, .max = 64 * MIB, .flags = LG_OPT_ADVANCED,
	 .doc = "A batch of one partition is sent when it has this size, before compression."},
	{.name = "max_message_bytes", .type = LG_OPT_SIZE, ROW(max_message_bytes), .fallback = "1MB", .min = 1024, .max = 64 * MIB,
	 .doc = "A longer message goes to the dead letters; raise it together with `max.message.bytes` of the topic."},
	{.name = "queue_size", .type = LG_OPT_SIZE, ROW(queue_size), .fallback = "32MiB", .min = MIB, .max = 512 * MIB,
	 .doc = "Most memory of messages on their way, formatted and without a delivery report; the rest waits in the spool."},
	{.name = "client_id", .type = LG_OPT_STRING, ROW(client_id), .fallback = "lugger", .flags = LG_OPT_ADVANCED,
	 .doc = "Name of this client in the brokers' logs and quotas."},
	{.name = "tls", .type = LG_OPT_TABLE, ROW(tls), .sub = lg_tls_client_options, .doc = "Certificates and trust."},
	LG_OPTION_END};

static enum lg_rc check_broker(const char *broker, struct lg_err *err)
{
	const char *colon = strrchr(broker, ':');

	if (!colon || colon == broker || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1))
		return lg_err_set(err, LG_INVALID, "brokers: \"%s\" is not host:port (IPv6: [address]:port)", broker);
	if (strpbrk(broker, ",/ "))
		return lg_err_set(err, LG_INVALID, "brokers: \"%s\": one host:port each, without a scheme", broker);
	return LG_OK;
}

static enum lg_rc check_tls(const struct lg_tls_conf *tls, struct lg_err *err)
{
	if (tls->off)
		return LG_OK;
	if (tls->server_name)
		return lg_err_set(err, LG_INVALID,
		                  "tls: server_name is not possible with Kafka: every broker is verified by the name it is reached by");
	if (tls->min_version > 0)
		return lg_err_set(err, LG_INVALID, "tls: min_version 1.3 cannot be set for librdkafka: set MinProtocol in openssl.cnf, or at the brokers");
	return LG_OK;
}

enum lg_rc kafka_check(const void *settings, struct lg_err *err)
{
	const struct kafka_conf *conf = settings;
	rd_kafka_conf_t *rdkafka;
	enum lg_rc rc = LG_OK;

	for (size_t i = 0; i < conf->brokers.count && rc == LG_OK; i++)
		rc = check_broker(conf->brokers.items[i], err);
	if (rc == LG_OK)
		rc = check_tls(&conf->tls, err);
	if (rc != LG_OK)
		return rc;
	rc = kafka_conf_build(conf, &rdkafka, err);
	if (rc == LG_OK)
		rd_kafka_conf_destroy(rdkafka);
	return rc;
}

/* ---- librdkafka's names ---------------------------------------------------------------------------------------------------------- */

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

static void set_tls(struct setter *s, const struct lg_tls_conf *tls)
{
	set(s, "security.protocol", tls->off ? "plaintext" : "ssl");
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
}

static void set_delivery(struct setter *s, const struct kafka_conf *conf)
{
	static const char *const acks[] = {"all", "1", "0"};
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
	set(s, "message.timeout.ms", "0"); /* never: the spool is what waits */
	set(s, "compression.type", codecs[conf->compression]);
	if (level)
		set_number(s, "compression.level", (uint64_t)level);
	set_number(s, "linger.ms", (uint64_t)conf->linger_ns / 1000000);
	set_number(s, "batch.size", conf->batch_size);
	set(s, "batch.num.messages", "1000000"); /* the size is the limit */
	set_number(s, "message.max.bytes", conf->max_message_bytes > conf->batch_size ? conf->max_message_bytes : conf->batch_size);
	set_number(s, "queue.buffering.max.kbytes", conf->queue_size / 1024 * 2); /* ours, which counts more than payload, is met first */
	set(s, "queue.buffering.max.messages", "10000000");
}

static void set_client(struct setter *s, const struct kafka_conf *conf)
{
	set(s, "client.id", conf->client_id);
	set(s, "log.queue", "true");
	set(s, "statistics.interval.ms", "2000");
	set(s, "reconnect.backoff.max.ms", "2000"); /* 10 s by default, and a broker that is back waits as long */
	set(s, "socket.keepalive.enable", "true");
	set(s, "socket.nagle.disable", "true");
	set(s, "allow.auto.create.topics", "false");
	set(s, "topic.metadata.propagation.max.ms", "5000"); /* a topic unknown for so long: the core waits, with a state */
}

enum lg_rc kafka_conf_build(const struct kafka_conf *conf, rd_kafka_conf_t **out, struct lg_err *err)
{
	struct setter s = {.conf = rd_kafka_conf_new(), .rc = LG_OK, .err = err};

	set_brokers(&s, &conf->brokers);
	set_tls(&s, &conf->tls);
	set_delivery(&s, conf);
	set_client(&s, conf);
	if (s.rc != LG_OK)
		rd_kafka_conf_destroy(s.conf);
	else
		*out = s.conf;
	return s.rc;
}
