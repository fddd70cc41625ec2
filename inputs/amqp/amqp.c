/* Input `amqp`: options, the plugin, settling. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp.h"

#define SECOND_NS INT64_C(1000000000)
#define CLOSE_LIMIT_NS SECOND_NS
#define ONCE_QUIET_NS (2 * SECOND_NS)
#define ROW(member) .offset = offsetof(struct amqp_conf, member)

static const struct lg_option options[] = {
	{.name = "servers", .type = LG_OPT_STRINGS, ROW(servers), .flags = LG_OPT_REQUIRED | LG_OPT_DESTINATION,
	 .doc = "Brokers, amqps://host:5671 (or amqp://host:5672 for plaintext); the next one is tried when one fails."},
	{.name = "source", .type = LG_OPT_STRINGS, ROW(sources), .flags = LG_OPT_REQUIRED,
	 .doc = "Addresses of the queues to read; RabbitMQ: /amq/queue/NAME."},
	{.name = "credit", .type = LG_OPT_INT, ROW(credit), .fallback = "500", .min = 1, .max = 10000, .unit = "messages",
	 .doc = "Messages of one queue that may be on their way or not yet durable."},
	{.name = "connections", .type = LG_OPT_INT, ROW(connections), .fallback = "1", .min = 1, .max = 64, .unit = "connections",
	 .doc = "The queues are spread over so many connections; one queue is always on one, so its order is kept."},
	{.name = "username", .type = LG_OPT_STRING, ROW(username), .doc = "For SASL PLAIN."},
	{.name = "password", .type = LG_OPT_STRING, ROW(password), .flags = LG_OPT_SECRET, .doc = "For SASL PLAIN."},
	{.name = "sasl", .type = LG_OPT_ENUM, ROW(sasl), .choices = "auto|plain|external|anonymous", .fallback = "auto",
	 .doc = "How to authenticate; auto: plain with a username, else external with tls.cert_file, else anonymous."},
	{.name = "heartbeat", .type = LG_OPT_DURATION, ROW(heartbeat_ns), .fallback = "30s", .min = 0, .max = 3600 * SECOND_NS,
	 .doc = "A broker that is silent for twice as long is given up; 0: never."},
	{.name = "max_message_size", .type = LG_OPT_SIZE, ROW(max_message_size), .fallback = "4MiB", .min = 1024, .max = INT64_C(128) << 20,
	 .doc = "Longest message that is taken whole; of a longer one the beginning is kept, marked lugger.truncated, and the rest is a loss record."},
	{.name = "framed", .type = LG_OPT_BOOL, ROW(framed), .fallback = "false",
	 .doc = "A message holds several records, cut by `framing`; false: each message is one record."},
	{.name = "capabilities", .type = LG_OPT_STRINGS, ROW(capabilities), .flags = LG_OPT_ADVANCED,
	 .doc = "Source capabilities; IBM MQ's AMQP channel needs `queue`, or it publishes and subscribes."},
	{.name = "container", .type = LG_OPT_STRING, ROW(container), .flags = LG_OPT_ADVANCED,
	 .doc = "Container id and prefix of link names; default: the input's name."},
	{.name = "tls", .type = LG_OPT_TABLE, ROW(tls), .sub = lg_tls_client_options, .doc = "Trust, and our certificate, for amqps://."},
	LG_OPTION_END};

static const unsigned fields[] = {LG_F_MESSAGING_SYSTEM, LG_F_MESSAGING_DESTINATION, LG_F_MESSAGE_ID, LG_F_MESSAGE_CONVERSATION_ID,
	LG_F_REDELIVERED, LG_F_UNDECODABLE, LG_F_TRUNCATED, 0};

static enum lg_rc check(const void *settings, struct lg_err *err)
{
	const struct amqp_conf *conf = settings;

	for (size_t i = 0; i < conf->servers.count; i++) {
		char server[300];
		bool plain;
		enum lg_rc rc = amqp_split(conf->servers.items[i], server, &plain, err);

		if (rc != LG_OK)
			return rc;
	}
	for (size_t i = 0; i < conf->sources.count; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(conf->sources.items[i], conf->sources.items[j]) == 0)
				return lg_err_set(err, LG_INVALID, "source %s is listed twice", conf->sources.items[i]);
	if (conf->sasl == AMQP_SASL_PLAIN && (!conf->username || !conf->password))
		return lg_err_set(err, LG_INVALID, "sasl: plain needs username and password");
	if (conf->sasl == AMQP_SASL_EXTERNAL && !conf->tls.cert_file)
		return lg_err_set(err, LG_INVALID, "sasl: external needs tls: {cert_file: ..., key_file: ...}");
	return LG_OK;
}

/* ---- life ---- */

static enum lg_rc open_links(struct amqp *a, struct lg_err *err)
{
	const struct lg_strings *sources = &a->conf->sources;

	a->links = calloc(sources->count, sizeof(*a->links));
	if (!a->links)
		return lg_err_set(err, LG_NOMEM, "no memory for the queues");
	for (; a->link_count < sources->count; a->link_count++) {
		enum lg_rc rc = amqp_link_open(&a->links[a->link_count], a, sources->items[a->link_count], err);

		if (rc != LG_OK)
			return rc;
	}
	return LG_OK;
}

static enum lg_rc open_sessions(struct amqp *a, struct lg_err *err)
{
	size_t count = (size_t)a->conf->connections < a->link_count ? (size_t)a->conf->connections : a->link_count;

	a->sessions = calloc(count, sizeof(*a->sessions));
	if (!a->sessions)
		return lg_err_set(err, LG_NOMEM, "no memory for the connections");
	for (; a->session_count < count; a->session_count++) {
		struct amqp_session *s = &a->sessions[a->session_count];

		amqp_session_init(s, a);
		s->links = calloc(a->link_count, sizeof(*s->links));
		if (!s->links)
			return lg_err_set(err, LG_NOMEM, "no memory for the connections");
		for (size_t i = a->session_count; i < a->link_count; i += count)
			s->links[s->link_count++] = &a->links[i];
	}
	return LG_OK;
}

static void amqp_close(void *state)
{
	struct amqp *a = state;

	a->stopping = true;
	for (size_t i = 0; i < a->session_count; i++) {
		amqp_session_close(&a->sessions[i], CLOSE_LIMIT_NS);
		free(a->sessions[i].links);
	}
	for (size_t i = 0; i < a->link_count; i++)
		amqp_link_close(&a->links[i]);
	free(a->sessions);
	free(a->links);
	amqp_decoder_free(a->decoder);
}

static enum lg_rc amqp_open(void *state, const void *conf, struct lg_input_host *host, struct lg_err *err)
{
	struct amqp *a = state;
	enum lg_rc rc;

	a->conf = conf;
	a->host = host;
	a->jitter = lg_net_random(lg_input_net(host));
	a->decoder = amqp_decoder_new();
	rc = a->decoder ? open_links(a, err) : lg_err_set(err, LG_NOMEM, "no memory for the decoder");
	if (rc == LG_OK)
		rc = open_sessions(a, err);
	if (rc != LG_OK)
		amqp_close(a);
	return rc;
}

/* ---- the thread ---- */

static void amqp_step(void *state, int64_t now_ns, struct lg_waitset *ws)
{
	struct amqp *a = state;
	bool well = true;

	a->now_ns = now_ns;
	/* Descriptors' answers are not needed: every session tries. */
	lg_waitset_clear(ws);
	for (size_t i = 0; i < a->session_count; i++) {
		amqp_session_step(&a->sessions[i], now_ns, ws);
		well &= a->sessions[i].well;
	}
	if (well)
		lg_input_clear(a->host);
	if (!well)
		a->news_ns = now_ns;
	if (lg_input_once(a->host))
		lg_waitset_wake(ws, a->news_ns + ONCE_QUIET_NS > now_ns ? a->news_ns + ONCE_QUIET_NS : now_ns + SECOND_NS);
}

static uint64_t amqp_seal(void *state, struct lg_positions *positions)
{
	struct amqp *a = state;

	a->token++;
	for (size_t i = 0; i < a->link_count; i++)
		lg_window_seal(a->links[i].window, positions, a->token);
	return a->token;
}

static void amqp_durable(void *state, uint64_t token)
{
	struct amqp *a = state;

	a->durable = token;
	for (size_t i = 0; i < a->link_count; i++)
		amqp_link_durable(&a->links[i], token);
}

/* --once: every queue is open, has given nothing for a while, and everything is settled. (AMQP's own word for it, drain, ends the session of a
 * RabbitMQ 3.10.) */
static bool amqp_done(void *state)
{
	const struct amqp *a = state;

	for (size_t i = 0; i < a->link_count; i++)
		if (!a->links[i].open || a->links[i].count)
			return false;
	return a->now_ns - a->news_ns >= ONCE_QUIET_NS;
}

static void amqp_drain(void *state)
{
	struct amqp *a = state;

	a->stopping = true; /* what is not emitted stays with the broker */
}

static void amqp_report(const void *state, struct lg_input_report *report)
{
	const struct amqp *a = state;
	uint64_t unsettled = 0;
	const char *peer = "";
	size_t n = 0;

	for (size_t i = 0; i < a->link_count; i++) {
		const struct lg_stream_stats *stats = lg_body_stats(a->links[i].body);

		report->sources += a->links[i].open;
		report->substitutions += stats->substitutions;
		report->oversize += stats->oversize;
		report->orphans += stats->orphans;
		report->incomplete += stats->incomplete;
		unsettled += a->links[i].count;
	}
	report->oversize += a->oversize;
	for (size_t i = 0; i < a->session_count && !*peer; i++)
		if (a->sessions[i].well)
			peer = a->sessions[i].peer;
	n += (size_t)snprintf(report->note, sizeof(report->note), "%s%s%llu unsettled", peer, *peer ? ", " : "not connected, ", (unsigned long long)unsettled);
	if (a->known && n < sizeof(report->note))
		n += (size_t)snprintf(report->note + n, sizeof(report->note) - n, ", %llu redelivered and known", (unsigned long long)a->known);
	if (a->undecodable && n < sizeof(report->note))
		snprintf(report->note + n, sizeof(report->note) - n, ", %llu undecodable", (unsigned long long)a->undecodable);
}

const struct lg_input_plugin amqp_input = {
	.name = "amqp",
	.doc = "Messages of AMQP 1.0 queues; a message leaves its queue only after it is durable in the spool.",
	.options = options,
	.conf_size = sizeof(struct amqp_conf),
	.uses_stream = true,
	.fields = fields,
	.state_size = sizeof(struct amqp),
	.check = check,
	.open = amqp_open,
	.step = amqp_step,
	.seal = amqp_seal,
	.durable = amqp_durable,
	.done = amqp_done,
	.drain = amqp_drain,
	.report = amqp_report,
	.close = amqp_close,
};
