/* What a reason code means for us: the one table. Reason codes: IBM MQ "Messages and reason codes", "API completion and reason codes". */
#include "input_ibmmq/ibmmq.h"

const struct ibmmq_reason ibmmq_reasons[] = {
	{2033, IBMMQ_IDLE, "NO_MSG_AVAILABLE", NULL},
	{2110, IBMMQ_CONVERT, "FORMAT_ERROR", NULL},
	{2111, IBMMQ_CONVERT, "SOURCE_CCSID_ERROR", NULL},
	{2112, IBMMQ_CONVERT, "SOURCE_INTEGER_ENC_ERROR", NULL},
	{2113, IBMMQ_CONVERT, "SOURCE_DECIMAL_ENC_ERROR", NULL},
	{2114, IBMMQ_CONVERT, "SOURCE_FLOAT_ENC_ERROR", NULL},
	{2115, IBMMQ_CONVERT, "TARGET_CCSID_ERROR", NULL},
	{2116, IBMMQ_CONVERT, "TARGET_INTEGER_ENC_ERROR", NULL},
	{2117, IBMMQ_CONVERT, "TARGET_DECIMAL_ENC_ERROR", NULL},
	{2118, IBMMQ_CONVERT, "TARGET_FLOAT_ENC_ERROR", NULL},
	{2119, IBMMQ_CONVERT, "NOT_CONVERTED", NULL},
	{2120, IBMMQ_CONVERT, "CONVERTED_MSG_TOO_BIG", NULL},
	{2145, IBMMQ_CONVERT, "SOURCE_BUFFER_ERROR", NULL},
	{2146, IBMMQ_CONVERT, "TARGET_BUFFER_ERROR", NULL},
	{2150, IBMMQ_CONVERT, "DBCS_ERROR", NULL},
	{2190, IBMMQ_CONVERT, "CONVERTED_STRING_TOO_BIG", NULL},
	{2079, IBMMQ_CUT, "TRUNCATED_MSG_ACCEPTED", NULL},
	{2080, IBMMQ_GROW, "TRUNCATED_MSG_FAILED", NULL},
	{2003, IBMMQ_REDUCE, "BACKED_OUT", "the queue manager backed the unit of work out (its log may be full); a smaller `batch` helps"},
	{2024, IBMMQ_REDUCE, "SYNCPOINT_LIMIT_REACHED", "more messages than MAXUMSGS of the queue manager in one unit of work; a smaller `batch` helps"},

	{2009, IBMMQ_RECONNECT, "CONNECTION_BROKEN", NULL},
	{2018, IBMMQ_RECONNECT, "HCONN_ERROR", NULL},
	{2019, IBMMQ_RECONNECT, "HOBJ_ERROR", NULL},
	{2025, IBMMQ_RECONNECT, "MAX_CONNS_LIMIT_REACHED", "the queue manager has no room for another connection"},
	{2041, IBMMQ_RECONNECT, "OBJECT_CHANGED", NULL},
	{2059, IBMMQ_RECONNECT, "Q_MGR_NOT_AVAILABLE", "does the queue manager run, and its listener?"},
	{2161, IBMMQ_RECONNECT, "Q_MGR_QUIESCING", NULL},
	{2162, IBMMQ_RECONNECT, "Q_MGR_STOPPING", NULL},
	{2195, IBMMQ_RECONNECT, "UNEXPECTED_ERROR", "see the AMQERR files of the client and the log of the queue manager"},
	{2202, IBMMQ_RECONNECT, "CONNECTION_QUIESCING", NULL},
	{2203, IBMMQ_RECONNECT, "CONNECTION_STOPPING", NULL},
	{2219, IBMMQ_RECONNECT, "CALL_IN_PROGRESS", NULL},
	{2273, IBMMQ_RECONNECT, "CONNECTION_ERROR", NULL},
	{2528, IBMMQ_RECONNECT, "CONNECTION_STOPPED", NULL},
	{2537, IBMMQ_RECONNECT, "CHANNEL_NOT_AVAILABLE", "is the channel started, and has it instances left (MAXINST, MAXINSTC)?"},
	{2538, IBMMQ_RECONNECT, "HOST_NOT_AVAILABLE", "is there a listener on this host and port?"},
	{2543, IBMMQ_RECONNECT, "STANDBY_Q_MGR", NULL},
	{2544, IBMMQ_RECONNECT, "RECONNECTING", NULL},
	{2545, IBMMQ_RECONNECT, "RECONNECTED", NULL},
	{2548, IBMMQ_RECONNECT, "RECONNECT_FAILED", NULL},
	{2549, IBMMQ_RECONNECT, "CALL_INTERRUPTED", NULL},
	{2556, IBMMQ_RECONNECT, "RECONNECT_TIMED_OUT", NULL},
	{2601, IBMMQ_RECONNECT, "Q_MGR_RECONNECT_REQUESTED", NULL},

	{2016, IBMMQ_WAIT, "GET_INHIBITED", "ALTER the queue with GET(ENABLED)"},
	{2042, IBMMQ_WAIT, "OBJECT_IN_USE", "somebody has the queue open exclusively"},
	{2051, IBMMQ_WAIT, "PUT_INHIBITED", "the backout queue takes no messages: PUT(ENABLED)"},
	{2052, IBMMQ_RECONNECT, "Q_DELETED", "the queue was deleted"},
	{2053, IBMMQ_WAIT, "Q_FULL", "the backout queue is full"},
	{2071, IBMMQ_WAIT, "STORAGE_NOT_AVAILABLE", NULL},
	{2101, IBMMQ_WAIT, "OBJECT_DAMAGED", "the queue manager has to recover the queue"},
	{2102, IBMMQ_WAIT, "RESOURCE_PROBLEM", NULL},
	{2193, IBMMQ_WAIT, "PAGESET_ERROR", NULL},
	{2345, IBMMQ_WAIT, "CF_NOT_AVAILABLE", NULL},
	{2373, IBMMQ_WAIT, "CF_STRUC_FAILED", NULL},

	{2010, IBMMQ_CONFIG, "DATA_LENGTH_ERROR", "MAXMSGL of the SVRCONN channel is smaller than the message"},
	{2012, IBMMQ_CONFIG, "ENVIRONMENT_ERROR", "the library is not one of an IBM MQ client"},
	{2035, IBMMQ_CONFIG, "NOT_AUTHORIZED", "the user needs CONNECT to the queue manager, GET and INQUIRE for the queue, PUT for the backout queue; see also CHLAUTH and CONNAUTH"},
	{2037, IBMMQ_CONFIG, "NOT_OPEN_FOR_INPUT", NULL},
	{2045, IBMMQ_CONFIG, "OPTION_NOT_VALID_FOR_TYPE", "`queues` has to name local queues, or aliases of some"},
	{2046, IBMMQ_CONFIG, "OPTIONS_ERROR", "this client or queue manager is older than what we know"},
	{2058, IBMMQ_CONFIG, "Q_MGR_NAME_ERROR", "`queue_manager` is not the one at `connection`"},
	{2063, IBMMQ_CONFIG, "SECURITY_ERROR", "see the log of the queue manager"},
	{2082, IBMMQ_CONFIG, "UNKNOWN_ALIAS_BASE_Q", "the queue is an alias of one that does not exist"},
	{2085, IBMMQ_CONFIG, "UNKNOWN_OBJECT_NAME", "the queue does not exist; MQ's names are upper and lower case"},
	{2152, IBMMQ_CONFIG, "OBJECT_NAME_ERROR", NULL},
	{2153, IBMMQ_CONFIG, "OBJECT_Q_MGR_NAME_ERROR", NULL},
	{2277, IBMMQ_CONFIG, "CD_ERROR", NULL},
	{2278, IBMMQ_CONFIG, "CLIENT_CONN_ERROR", NULL},
	{2298, IBMMQ_CONFIG, "FUNCTION_NOT_SUPPORTED", NULL},
	{2381, IBMMQ_CONFIG, "KEY_REPOSITORY_ERROR", "`key_repository` names a key database (.kdb or .p12; without suffix before MQ 9.3) with its stash file"},
	{2392, IBMMQ_CONFIG, "SSL_CONFIG_ERROR", "`cipher` and `key_repository` go together"},
	{2393, IBMMQ_CONFIG, "SSL_INITIALIZATION_ERROR", "is the queue manager's certificate authority in `key_repository`, and does the channel's SSLCIPH fit `cipher`?"},
	{2396, IBMMQ_CONFIG, "SSL_NOT_ALLOWED", NULL},
	{2397, IBMMQ_CONFIG, "JSSE_ERROR", NULL},
	{2398, IBMMQ_CONFIG, "SSL_PEER_NAME_MISMATCH", "the queue manager's certificate is not that of `peer_name`"},
	{2400, IBMMQ_CONFIG, "UNSUPPORTED_CIPHER_SUITE", "`cipher` is none this client knows"},
	{2401, IBMMQ_CONFIG, "SSL_CERTIFICATE_REVOKED", NULL},
	{2539, IBMMQ_CONFIG, "CHANNEL_CONFIG_ERROR", "`channel`, `cipher` and the SVRCONN definition do not fit"},
	{2540, IBMMQ_CONFIG, "UNKNOWN_CHANNEL_NAME", "`channel` is none the queue manager knows"},
	{2577, IBMMQ_CONFIG, "CHANNEL_BLOCKED", "a CHLAUTH rule blocks this user or address"},
	{2595, IBMMQ_CONFIG, "CSP_ERROR", "a token needs IBM MQ 9.3.4 or later on both sides"},
	{0, IBMMQ_RECONNECT, "reason unknown to Lugger", NULL},
};

const struct ibmmq_reason *ibmmq_reason(int32_t code)
{
	static const struct ibmmq_reason fine = {0, IBMMQ_FINE, "NONE", NULL};
	const struct ibmmq_reason *reason = ibmmq_reasons;

	if (!code)
		return &fine;
	while (reason->code && reason->code != code)
		reason++;
	return reason;
}
