/* What each error means for the records and for the producer. */
#include "output_kafka/kafka.h"

struct row {
	rd_kafka_resp_err_t code;
	struct verdict verdict;
};

static const struct row rows[] = {
	{RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, {FAULT_RECORD, "too-large", "raise max.message.bytes of the topic and max_message_bytes here"}},
	{RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, {FAULT_RECORD, "too-large", "raise segment.bytes of the topic"}},
	{RD_KAFKA_RESP_ERR_INVALID_RECORD, {FAULT_RECORD, "invalid-record", "the broker refuses it: a compacted topic needs keys"}},
	{RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, {FAULT_RECORD, "invalid-record", "see message.timestamp.difference.max.ms of the topic"}},

	{RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, {FAULT_STOP, "unknown-topic", "create the topic"}},
	{RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, {FAULT_STOP, "unknown-topic", "create the topic"}},
	{RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, {FAULT_STOP, "unknown-topic", "create the topic"}},
	{RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, {FAULT_STOP, "invalid-topic", "correct the topic's name"}},
	{RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, {FAULT_STOP, "not-authorized", "permit WRITE and DESCRIBE on the topic"}},
	{RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, {FAULT_STOP, "not-authorized", "permit IDEMPOTENT_WRITE on the cluster"}},
	{RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, {FAULT_STOP, "not-authorized", "permit WRITE and DESCRIBE on the transactional id; `lugger check` lists all"}},
	{RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, {FAULT_STOP, "not-authorized", "permit READ and DESCRIBE on the group; `lugger check` lists all"}},
	{RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT, {FAULT_STOP, "misconfigured", "lower transaction_interval, or raise transaction.max.timeout.ms of the brokers"}},
	{RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS, {FAULT_STOP, "misconfigured", "correct acks"}},
	{RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE, {FAULT_STOP, "misconfigured", "choose another compression"}},
	{RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT, {FAULT_STOP, "misconfigured", "the brokers are too old for headers or idempotence"}},
	{RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, {FAULT_STOP, "misconfigured", "the brokers are too old for this"}},
	{RD_KAFKA_RESP_ERR__AUTHENTICATION, {FAULT_STOP, "auth-failed", "check the user, the password and the mechanism"}},
	{RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, {FAULT_STOP, "auth-failed", "check the user, the password and the mechanism"}},

	{RD_KAFKA_RESP_ERR__SSL, {FAULT_PASSING, "tls-failed", NULL}},
	{RD_KAFKA_RESP_ERR__RESOLVE, {FAULT_PASSING, "unresolved", NULL}},
	{RD_KAFKA_RESP_ERR__TRANSPORT, {FAULT_PASSING, "disconnected", NULL}},
	{RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, {FAULT_PASSING, "unreachable", NULL}},
	{RD_KAFKA_RESP_ERR__TIMED_OUT, {FAULT_PASSING, "timeout", NULL}},
};

struct verdict errors_judge(rd_kafka_resp_err_t code)
{
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		return (struct verdict){FAULT_NONE, "flowing", NULL};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].code == code)
			return rows[i].verdict;
	return (struct verdict){FAULT_REBUILD, "restarting", NULL};
}

void errors_explain(struct lg_err *err, const struct verdict *verdict, const char *what, rd_kafka_resp_err_t code, const char *detail)
{
	static const enum lg_rc rcs[] = {LG_OK, LG_INVALID, LG_PEER, LG_PEER, LG_PEER};

	lg_err_set(err, rcs[verdict->fault], "%s: %s%s%s%s%s", what, rd_kafka_err2str(code), detail ? ": " : "", detail ? detail : "",
	           verdict->remedy ? "; remedy: " : "", verdict->remedy ? verdict->remedy : "");
}
