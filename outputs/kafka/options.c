/* The options, and what `check` says of them. */
#include <stdlib.h>
#include <string.h>

#include "output_kafka/kafka.h"

#define ROW(field) .offset = offsetof(struct kafka_conf, field)
#define MIB (INT64_C(1) << 20)

#define SASL(field) .offset = offsetof(struct kafka_sasl, field)
#define MINUTE (60 * KAFKA_SECOND)

static const struct lg_option sasl_options[] = {
	{.name = "mechanism", .type = LG_OPT_ENUM, SASL(mechanism), .choices = "none|PLAIN|SCRAM-SHA-256|SCRAM-SHA-512|GSSAPI|OAUTHBEARER", .fallback = "none",
	 .doc = "How we say who we are; SCRAM with Kafka 4.0 and newer needs librdkafka 2.6.1."},
	{.name = "username", .type = LG_OPT_STRING, SASL(username), .doc = "User of PLAIN and SCRAM."},
	{.name = "password", .type = LG_OPT_STRING, SASL(password), .flags = LG_OPT_SECRET, .doc = "Password of PLAIN and SCRAM."},
	{.name = "kerberos_service", .type = LG_OPT_STRING, SASL(service), .fallback = "kafka", .flags = LG_OPT_ADVANCED,
	 .doc = "GSSAPI: the brokers' service name, without /host@REALM."},
	{.name = "kerberos_principal", .type = LG_OPT_STRING, SASL(principal), .flags = LG_OPT_ADVANCED, .doc = "GSSAPI: our principal."},
	{.name = "kerberos_keytab", .type = LG_OPT_FILE, SASL(keytab), .flags = LG_OPT_ADVANCED, .doc = "GSSAPI: the keytab of our principal."},
	{.name = "token_file", .type = LG_OPT_FILE, SASL(token_file), .flags = LG_OPT_ADVANCED,
	 .doc = "OAUTHBEARER: a file that holds the token, read again before the token ends."},
	{.name = "token_command", .type = LG_OPT_STRINGS, SASL(token_command), .flags = LG_OPT_ADVANCED,
	 .doc = "OAUTHBEARER: program and arguments that print the token, run without a shell before the token ends, for at most 30 s."},
	{.name = "token_lifetime", .type = LG_OPT_DURATION, SASL(token_lifetime_ns), .fallback = "5m", .min = 10 * KAFKA_SECOND, .max = 1440 * MINUTE,
	 .flags = LG_OPT_ADVANCED, .doc = "OAUTHBEARER: how long a token is good that is no JWT with an `exp`."},
	LG_OPTION_END};

const struct lg_option kafka_options[] = {
	{.name = "brokers", .type = LG_OPT_STRINGS, ROW(brokers), .flags = LG_OPT_REQUIRED | LG_OPT_DESTINATION,
	 .doc = "Some of the cluster's brokers as host:port; the cluster names the others."},
	{.name = "topic", .type = LG_OPT_STRING, ROW(topic), .flags = LG_OPT_REQUIRED | LG_OPT_TEMPLATE,
	 .doc = "The topic; or a template over fields, \"zos-{zos.sysname}\", with `topic_fallback`."},
	{.name = "topic_fallback", .type = LG_OPT_STRING, ROW(topic_fallback),
	 .doc = "Topic of records for which the template lacks a field or gives a name that Kafka does not allow (`@`, `#`, `$`)."},
	{.name = "key", .type = LG_OPT_STRING, ROW(key), .flags = LG_OPT_TEMPLATE,
	 .doc = "Template of the message key: records with the same key keep their order in one partition; without it they are spread."},
	{.name = "key_fallback", .type = LG_OPT_STRING, ROW(key_fallback), .flags = LG_OPT_TEMPLATE,
	 .doc = "Key of records for which `key` lacks a field; without it they have none."},
	{.name = "partitioner", .type = LG_OPT_ENUM, ROW(partitioner), .flags = LG_OPT_ADVANCED, .fallback = "murmur2_random",
	 .choices = "murmur2_random|murmur2|consistent_random|consistent|fnv1a_random|fnv1a|random",
	 .doc = "Which partition a key goes to; murmur2 as the Java clients, consistent (CRC32) as other librdkafka clients."},
	{.name = "identity_headers", .type = LG_OPT_BOOL, ROW(identity_headers), .fallback = "true",
	 .doc = "Headers lugger.log_id, event.sequence, lugger.input and host.name: what a consumer needs to drop repeats."},
	{.name = "headers", .type = LG_OPT_MAP, ROW(headers), .flags = LG_OPT_TEMPLATE,
	 .doc = "More headers, name: template; left out of records that lack a field of it."},
	{.name = "pack", .type = LG_OPT_ENUM, ROW(pack), .choices = "none|lines", .fallback = "none",
	 .doc = "`lines`: records that follow each other with the same topic and key share a message, one a line, for throughput."},
	{.name = "pack_size", .type = LG_OPT_SIZE, ROW(pack_size), .fallback = "64KiB", .min = 1024, .max = 16 * MIB, .flags = LG_OPT_ADVANCED,
	 .doc = "A packed message is full at this size."},
	{.name = "exactly_once", .type = LG_OPT_BOOL, ROW(exactly_once),
	 .doc = "Records and cursor are committed in one transaction: consumers with isolation.level=read_committed see each record once."},
	{.name = "cursor_topic", .type = LG_OPT_STRING, ROW(cursor_topic),
	 .doc = "exactly_once: the cursor is a group's offset on partition 0 of this topic, which must exist; by default `topic`, where that is no template."},
	{.name = "id_prefix", .type = LG_OPT_STRING, ROW(id_prefix), .fallback = "lugger.", .flags = LG_OPT_ADVANCED,
	 .doc = "exactly_once: transactional id and group are this, the spool's id, a dot and the output's name."},
	{.name = "transaction_interval", .type = LG_OPT_DURATION, ROW(transaction_interval_ns), .fallback = "1s", .min = KAFKA_SECOND / 100,
	 .max = 5 * MINUTE, .flags = LG_OPT_ADVANCED, .doc = "exactly_once: longest time a transaction is open: what consumers wait at most."},
	{.name = "transaction_bytes", .type = LG_OPT_SIZE, ROW(transaction_bytes), .fallback = "64MiB", .min = MIB / 16, .max = 4096 * MIB,
	 .flags = LG_OPT_ADVANCED, .doc = "exactly_once: a transaction is committed when it holds so much: what is sent again at most after a break."},
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
	{.name = "crl_file", .type = LG_OPT_FILE, ROW(crl_file), .flags = LG_OPT_ADVANCED,
	 .doc = "PEM revocation lists: a broker whose certificate is in one, or whose issuer has none, is refused."},
	{.name = "sasl", .type = LG_OPT_TABLE, ROW(sasl), .sub = sasl_options, .doc = "Authentication inside the connection, beside or instead of certificates."},
	{.name = "rdkafka", .type = LG_OPT_MAP, ROW(rdkafka), .flags = LG_OPT_ADVANCED, .entry = kafka_check_rdkafka,
	 .doc = "Further librdkafka settings by their own names; refused where they touch destination, security, loaded code, commands or guarantees."},
	LG_OPTION_END};

static bool is_port(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	long port = digits > 0 && digits <= 5 && !text[digits] ? strtol(text, NULL, 10) : 0;

	return port >= 1 && port <= 65535;
}

static enum lg_rc check_broker(const char *broker, struct lg_err *err)
{
	const char *colon = strrchr(broker, ':');

	if (!colon || colon == broker || !is_port(colon + 1))
		return lg_err_set(err, LG_INVALID, "brokers: \"%s\" is not host:port, with a port of 1 to 65535 (IPv6: [address]:port)", broker);
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

static enum lg_rc check_template(const char *name, const char *text, bool *constant, struct lg_err *err)
{
	struct lg_template *t;

	*constant = true;
	if (!text)
		return LG_OK;
	if (!*text)
		return lg_err_set(err, LG_INVALID, "%s is empty", name);
	t = lg_template_new(text);
	*constant = lg_template_is_constant(t);
	lg_template_free(t);
	return LG_OK;
}

static enum lg_rc check_topic_name(const char *option, const char *name, struct lg_err *err)
{
	if (!route_legal_topic(lg_str_from(name)))
		return lg_err_set(err, LG_INVALID, "%s: \"%s\" is no name for a topic: 1 to 249 of A-Z a-z 0-9 . _ -", option, name);
	return LG_OK;
}

static enum lg_rc check_addresses(const struct kafka_conf *conf, struct lg_err *err)
{
	bool constant;
	enum lg_rc rc = check_template("topic", conf->topic, &constant, err);

	if (rc == LG_OK && constant && conf->topic_fallback)
		rc = lg_err_set(err, LG_INVALID, "topic_fallback: the topic is always the same, \"%s\"", conf->topic);
	if (rc == LG_OK && constant)
		rc = check_topic_name("topic", conf->topic, err);
	if (rc == LG_OK && !constant && !conf->topic_fallback)
		rc = lg_err_set(err, LG_INVALID, "topic: a template needs topic_fallback, for records that lack a field of it");
	if (rc == LG_OK && conf->topic_fallback)
		rc = check_topic_name("topic_fallback", conf->topic_fallback, err);
	if (rc == LG_OK)
		rc = check_template("key", conf->key, &constant, err);
	if (rc == LG_OK && conf->key_fallback && (!conf->key || constant))
		rc = lg_err_set(err, LG_INVALID, "key_fallback without a key that could lack a field");
	return rc;
}

static enum lg_rc check_exactly_once(const struct kafka_conf *conf, struct lg_err *err)
{
	if (!conf->exactly_once)
		return conf->cursor_topic ? lg_err_set(err, LG_INVALID, "cursor_topic is of use with exactly_once alone") : LG_OK;
	if (conf->acks != KAFKA_ACKS_ALL)
		return lg_err_set(err, LG_INVALID, "exactly_once needs acks: all");
	if (conf->topic_fallback && !conf->cursor_topic)
		return lg_err_set(err, LG_INVALID, "exactly_once with a topic template needs cursor_topic, a topic that exists");
	return conf->cursor_topic ? check_topic_name("cursor_topic", conf->cursor_topic, err) : LG_OK;
}

static enum lg_rc check_oauth(const struct kafka_sasl *sasl, struct lg_err *err)
{
	if (!sasl->token_file == !sasl->token_command.count)
		return lg_err_set(err, LG_INVALID, "sasl: OAUTHBEARER needs token_file or token_command");
	return LG_OK;
}

static enum lg_rc check_sasl(const struct kafka_conf *conf, struct lg_err *err)
{
	const struct kafka_sasl *sasl = &conf->sasl;
	bool scram = sasl->mechanism == KAFKA_SASL_SCRAM_256 || sasl->mechanism == KAFKA_SASL_SCRAM_512;

	if (sasl->mechanism == KAFKA_SASL_NONE && (sasl->username || sasl->password))
		return lg_err_set(err, LG_INVALID, "sasl: a user without a mechanism: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512");
	if ((scram || sasl->mechanism == KAFKA_SASL_PLAIN) && (!sasl->username || !sasl->password))
		return lg_err_set(err, LG_INVALID, "sasl: this mechanism needs username and password");
	if (sasl->mechanism == KAFKA_SASL_OAUTH && check_oauth(sasl, err) != LG_OK)
		return LG_INVALID;
	/* They become part of the command line of kinit. */
	if (sasl->mechanism == KAFKA_SASL_GSSAPI && (!sasl->principal || !sasl->keytab))
		return lg_err_set(err, LG_INVALID, "sasl: GSSAPI needs kerberos_principal and kerberos_keytab");
	if (sasl->mechanism == KAFKA_SASL_GSSAPI && (strpbrk(sasl->principal, " '\"`$;&|<>(){}\\\n") || strpbrk(sasl->keytab, " '\"`$;&|<>(){}\\\n")))
		return lg_err_set(err, LG_INVALID, "sasl: kerberos_principal and kerberos_keytab may not hold blanks nor characters of the shell");
	if (scram && rd_kafka_version() < KAFKA_SCRAM_VERSION)
		lg_err_set(err, LG_OK, "sasl: SCRAM of librdkafka %s is refused by Kafka 4.0 and newer, as if the password were wrong; "
		                       "with such brokers use librdkafka 2.6.1 or newer, or PLAIN over TLS", rd_kafka_version_str());
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
		rc = check_addresses(conf, err);
	if (rc == LG_OK)
		rc = check_tls(&conf->tls, err);
	if (rc == LG_OK)
		rc = check_exactly_once(conf, err);
	if (rc == LG_OK && conf->pack && conf->pack_size > conf->max_message_bytes)
		rc = lg_err_set(err, LG_INVALID, "pack_size is above max_message_bytes");
	if (rc == LG_OK && conf->pack && conf->headers.count)
		rc = lg_err_set(err, LG_INVALID, "headers are of one record, and `pack` puts many into a message");
	if (rc == LG_OK && conf->tls.off && conf->crl_file)
		rc = lg_err_set(err, LG_INVALID, "crl_file without TLS");
	if (rc == LG_OK)
		rc = check_sasl(conf, err);
	if (rc != LG_OK)
		return rc;
	rc = kafka_conf_build(conf, &(struct producer){.transactional_id = conf->exactly_once ? "check" : NULL}, &rdkafka, err);
	if (rc == LG_OK)
		rd_kafka_conf_destroy(rdkafka);
	return rc;
}

void kafka_explain(const void *settings, struct lg_buf *out)
{
	const struct kafka_conf *conf = settings;
	const char *topic = conf->topic_fallback ? "<each topic>" : conf->topic;

	lg_buf_printf(out, "it needs at the brokers (as arguments of kafka-acls --add --allow-principal User:<ours>):\n"
	                   "  --operation Write --operation Describe --topic %s\n", topic);
	if (!conf->exactly_once)
		return;
	lg_buf_printf(out, "  --operation Write --operation Describe --transactional-id %s --resource-pattern-type prefixed\n"
	                   "  --operation Read --operation Describe --group %s --resource-pattern-type prefixed\n"
	                   "  --operation Read --operation Describe --topic %s\n",
	              conf->id_prefix, conf->id_prefix, conf->cursor_topic ? conf->cursor_topic : topic);
}
