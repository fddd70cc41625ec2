/* Input `ibmmq`: options, the plugin. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input_ibmmq/ibmmq.h"

#define SECOND_NS INT64_C(1000000000)
#define MS_NS INT64_C(1000000)
#define LOAD_AGAIN_NS (60 * SECOND_NS)
#define STARVED_NS (20 * MS_NS)
#define NAME_SIZE 48 /* of queues and queue managers */
#define ROW(member) .offset = offsetof(struct ibmmq_conf, member)

static const struct lg_option options[] = {
	{.name = "connection", .type = LG_OPT_STRINGS, ROW(connection), .flags = LG_OPT_REQUIRED | LG_OPT_DESTINATION,
	 .doc = "Queue managers' listeners, host(port); the client library tries them in order. With `ccdt`: those its channels lead to."},
	{.name = "queue_manager", .type = LG_OPT_STRING, ROW(queue_manager),
	 .doc = "Its name; left out: whichever answers at `connection`. With `ccdt`: a name or *group in the table."},
	{.name = "channel", .type = LG_OPT_STRING, ROW(channel), .doc = "The server-connection channel; not needed with `ccdt`."},
	{.name = "queues", .type = LG_OPT_STRINGS, ROW(queues), .flags = LG_OPT_REQUIRED,
	 .doc = "Queues to read. Each has a connection and a unit of work of its own; its order is kept."},
	{.name = "cipher", .type = LG_OPT_STRING, ROW(cipher), .doc = "CipherSpec of the channel, such as ANY_TLS12_OR_HIGHER; left out: plaintext."},
	{.name = "key_repository", .type = LG_OPT_PATH, ROW(key_repository),
	 .doc = "IBM key database with the authorities to trust and our certificate (KeyRepository of the MQSCO), for `cipher`."},
	{.name = "key_repository_password", .type = LG_OPT_STRING, ROW(key_repository_password), .flags = LG_OPT_SECRET | LG_OPT_ADVANCED,
	 .doc = "Password of the key database (IBM MQ 9.3); left out: its stash file."},
	{.name = "certificate_label", .type = LG_OPT_STRING, ROW(certificate_label), .flags = LG_OPT_ADVANCED,
	 .doc = "Label of our certificate in the key database; left out: ibmwebspheremq and the user's name."},
	{.name = "peer_name", .type = LG_OPT_STRING, ROW(peer_name), .doc = "Distinguished name the queue manager's certificate must have, such as CN=QM1,O=Bank (SSLPEER)."},
	{.name = "username", .type = LG_OPT_STRING, ROW(username), .doc = "User for the queue manager's CONNAUTH."},
	{.name = "password", .type = LG_OPT_STRING, ROW(password), .flags = LG_OPT_SECRET, .doc = "Password for `username`."},
	{.name = "token", .type = LG_OPT_STRING, ROW(token), .flags = LG_OPT_SECRET, .doc = "JSON web token instead of user and password (IBM MQ 9.3.4)."},
	{.name = "batch", .type = LG_OPT_INT, ROW(batch), .fallback = "250", .min = 1, .max = 5000, .unit = "messages",
	 .doc = "Messages in one unit of work at most; below MAXUMSGS of the queue manager."},
	{.name = "wait", .type = LG_OPT_DURATION, ROW(wait_ns), .fallback = "200ms", .min = 10 * MS_NS, .max = SECOND_NS,
	 .doc = "How long a get waits at an empty queue; with several queues, how often an empty one is looked at."},
	{.name = "max_message_size", .type = LG_OPT_SIZE, ROW(max_message_size), .fallback = "4MiB", .min = 1024, .max = INT64_C(100) << 20,
	 .doc = "Longest message that is taken whole; of a longer one the beginning is kept, marked lugger.truncated, and the rest is a loss record."},
	{.name = "framed", .type = LG_OPT_BOOL, ROW(framed), .fallback = "false",
	 .doc = "A message holds several records, cut by `framing`; false: each message is one record."},
	{.name = "convert", .type = LG_OPT_BOOL, ROW(convert), .fallback = "true",
	 .doc = "The queue manager converts text to UTF-8; what it cannot convert, or all of it with false, Lugger converts by the message's CCSID. `encoding` is for messages "
	        "whose format is not MQSTR: they do not say."},
	{.name = "ccdt", .type = LG_OPT_FILE, ROW(ccdt), .flags = LG_OPT_ADVANCED,
	 .doc = "Client channel definition table, a local file, instead of `channel`; the egress policy goes by `connection`."},
	{.name = "library", .type = LG_OPT_PATH, ROW(library), .flags = LG_OPT_ADVANCED,
	 .doc = "libmqic_r.so or libmqm_r.so of the IBM MQ client, or its directory; left out: where the system looks for libraries, and /opt/mqm/lib64."},
	LG_OPTION_END};

static const unsigned fields[] = {LG_F_MESSAGING_SYSTEM, LG_F_MESSAGING_DESTINATION, LG_F_MESSAGE_ID, LG_F_MESSAGE_CONVERSATION_ID,
	LG_F_REDELIVERED, LG_F_UNDECODABLE, LG_F_TRUNCATED, 0};

/* ---- check ---- */

static enum lg_rc check_names(const struct ibmmq_conf *conf, struct lg_err *err)
{
	if (conf->queue_manager && strlen(conf->queue_manager) > NAME_SIZE)
		return lg_err_set(err, LG_INVALID, "queue_manager: a name has at most %d characters", NAME_SIZE);
	if (conf->channel && strlen(conf->channel) > 20)
		return lg_err_set(err, LG_INVALID, "channel: a name has at most 20 characters");
	if (conf->cipher && strlen(conf->cipher) > 32)
		return lg_err_set(err, LG_INVALID, "cipher: a CipherSpec has at most 32 characters");
	if (conf->key_repository && strlen(conf->key_repository) > 256)
		return lg_err_set(err, LG_INVALID, "key_repository: IBM MQ takes a path of at most 256 characters");
	if (conf->certificate_label && strlen(conf->certificate_label) > 64)
		return lg_err_set(err, LG_INVALID, "certificate_label: at most 64 characters");
	for (size_t i = 0; i < conf->queues.count; i++) {
		const char *name = conf->queues.items[i];

		if (!*name || strlen(name) > NAME_SIZE)
			return lg_err_set(err, LG_INVALID, "queues: \"%.60s\": a name has 1 to %d characters", name, NAME_SIZE);
		for (size_t j = 0; j < i; j++)
			if (strcmp(name, conf->queues.items[j]) == 0)
				return lg_err_set(err, LG_INVALID, "queue %s is listed twice", name);
	}
	return LG_OK;
}

static enum lg_rc check(const void *settings, struct lg_err *err)
{
	const struct ibmmq_conf *conf = settings;
	size_t length = 0;

	for (size_t i = 0; i < conf->connection.count; i++) {
		char server[300];
		enum lg_rc rc = ibmmq_split(conf->connection.items[i], server, err);

		if (rc != LG_OK)
			return lg_err_prepend(err, "connection");
		length += strlen(conf->connection.items[i]) + 1;
	}
	if (length > 265)
		return lg_err_set(err, LG_INVALID, "connection: IBM MQ takes at most 264 characters in all");
	if (!conf->channel == !conf->ccdt)
		return lg_err_set(err, LG_INVALID, conf->ccdt ? "either channel or ccdt, not both" : "`channel` is missing: the name of a server-connection channel (SVRCONN)");
	if (conf->ccdt && strlen(conf->ccdt) > 1000)
		return lg_err_set(err, LG_INVALID, "ccdt: the path is too long");
	if (conf->cipher && !conf->key_repository)
		return lg_err_set(err, LG_INVALID, "cipher needs key_repository: the key database with the certificates to trust");
	if (conf->key_repository && !conf->cipher && !conf->ccdt)
		return lg_err_set(err, LG_INVALID, "key_repository needs cipher, or the channel is plaintext");
	if (conf->password && !conf->username)
		return lg_err_set(err, LG_INVALID, "password needs username");
	if (conf->token && conf->username)
		return lg_err_set(err, LG_INVALID, "either token or username and password");
	return check_names(conf, err);
}

/* ---- life ---- */

static void mq_close(void *state)
{
	struct ibmmq *mq = state;

	for (size_t i = 0; i < mq->queue_count; i++) {
		ibmmq_queue_commit(&mq->queues[i]);
		ibmmq_queue_disconnect(&mq->queues[i]);
		ibmmq_queue_close(&mq->queues[i]);
	}
	free(mq->queues);
}

static enum lg_rc mq_open(void *state, const void *settings, struct lg_input_host *host, struct lg_err *err)
{
	struct ibmmq *mq = state;
	const struct ibmmq_conf *conf = settings;
	enum lg_rc rc = LG_OK;

	mq->conf = conf;
	mq->host = host;
	mq->jitter = lg_net_random(lg_input_net(host));
	mq->queues = calloc(conf->queues.count, sizeof(*mq->queues));
	if (!mq->queues)
		return lg_err_set(err, LG_NOMEM, "no memory for the queues");
	while (rc == LG_OK && mq->queue_count < conf->queues.count) {
		rc = ibmmq_queue_open(&mq->queues[mq->queue_count], mq, conf->queues.items[mq->queue_count], err);
		mq->queue_count++;
	}
	if (rc != LG_OK)
		mq_close(mq);
	return rc;
}

/* ---- the thread ---- */

static bool load(struct ibmmq *mq)
{
	struct lg_err err;

	if (mq->loaded || mq->now_ns < mq->load_ns)
		return mq->loaded;
	mq->loaded = ibmmq_library_load(&mq->mqi, mq->conf->library, &err) == LG_OK;
	if (!mq->loaded) {
		lg_input_fault(mq->host, err.text);
		mq->load_ns = mq->now_ns + LOAD_AGAIN_NS;
	}
	return mq->loaded;
}

/* One queue that has nothing: the get itself waits, while no unit of work is open. */
static bool wait_at(struct ibmmq *mq, struct ibmmq_queue *q)
{
	if (mq->queue_count != 1 || !q->open || !q->empty || q->uncommitted || mq->now_ns < q->retry_ns || mq->stopping)
		return false;
	ibmmq_queue_work(q, (int32_t)(mq->conf->wait_ns / MS_NS));
	return true;
}

static int64_t next_look(const struct ibmmq *mq, const struct ibmmq_queue *q)
{
	if (!q->open || mq->now_ns < q->retry_ns)
		return q->retry_ns;
	if (q->full)
		return mq->now_ns + SECOND_NS; /* `durable` comes by itself */
	return q->empty && q->idle_ns > mq->now_ns ? q->idle_ns : mq->now_ns + STARVED_NS;
}

static void mq_step(void *state, int64_t now_ns, struct lg_waitset *ws)
{
	struct ibmmq *mq = state;
	bool well = true, moved = false;

	mq->now_ns = now_ns;
	lg_waitset_clear(ws);
	if (!load(mq)) {
		lg_waitset_wake(ws, mq->load_ns);
		return;
	}
	for (size_t i = 0; i < mq->queue_count; i++) {
		struct ibmmq_queue *q = &mq->queues[i];

		if (!q->open && now_ns >= q->retry_ns && !mq->stopping)
			ibmmq_queue_connect(q);
		if (q->open)
			moved |= ibmmq_queue_work(q, 0);
		well &= q->open && !q->fault[0];
	}
	if (well)
		lg_input_clear(mq->host);
	if (moved || wait_at(mq, &mq->queues[0])) {
		lg_waitset_wake(ws, now_ns);
		return;
	}
	for (size_t i = 0; i < mq->queue_count; i++)
		lg_waitset_wake(ws, next_look(mq, &mq->queues[i]));
}

static uint64_t mq_seal(void *state, struct lg_positions *positions)
{
	struct ibmmq *mq = state;

	mq->token++;
	for (size_t i = 0; i < mq->queue_count; i++)
		lg_window_seal(mq->queues[i].window, positions, mq->token);
	return mq->token;
}

static void mq_durable(void *state, uint64_t token)
{
	struct ibmmq *mq = state;

	mq->durable = token;
	for (size_t i = 0; i < mq->queue_count; i++)
		ibmmq_queue_commit(&mq->queues[i]);
}

static bool mq_done(void *state)
{
	const struct ibmmq *mq = state;

	for (size_t i = 0; i < mq->queue_count; i++)
		if (!mq->queues[i].open || !mq->queues[i].empty || mq->queues[i].uncommitted)
			return false;
	return true;
}

static void mq_drain(void *state)
{
	struct ibmmq *mq = state;

	mq->stopping = true; /* what is not durable in time is backed out */
}

static void mq_report(const void *state, struct lg_input_report *report)
{
	const struct ibmmq *mq = state;
	long long uncommitted = 0;
	size_t open = 0, n;

	for (size_t i = 0; i < mq->queue_count; i++) {
		const struct ibmmq_queue *q = &mq->queues[i];

		for (size_t w = 0; w < q->way_count; w++) {
			const struct lg_stream_stats *stats = lg_body_stats(q->ways[w].body);

			report->substitutions += stats->substitutions;
			report->oversize += stats->oversize;
			report->orphans += stats->orphans;
			report->incomplete += stats->incomplete;
		}
		open += q->open;
		uncommitted += q->uncommitted;
	}
	report->sources = open;
	report->oversize += mq->oversize;
	n = (size_t)snprintf(report->note, sizeof(report->note), "%s%.60s by IBM's client (%s), %lld uncommitted", open ? "" : "not connected to ",
	                     mq->conf->connection.items[0], mq->conf->cipher || mq->conf->key_repository ? "TLS" : "plaintext", uncommitted);
	if (mq->known && n < sizeof(report->note))
		n += (size_t)snprintf(report->note + n, sizeof(report->note) - n, ", %llu redelivered and known", (unsigned long long)mq->known);
	if (mq->requeued && n < sizeof(report->note))
		n += (size_t)snprintf(report->note + n, sizeof(report->note) - n, ", %llu to the backout queue", (unsigned long long)mq->requeued);
	if (mq->unconverted && n < sizeof(report->note))
		n += (size_t)snprintf(report->note + n, sizeof(report->note) - n, ", %llu converted here", (unsigned long long)mq->unconverted);
	if (mq->undecodable && n < sizeof(report->note))
		snprintf(report->note + n, sizeof(report->note) - n, ", %llu undecodable", (unsigned long long)mq->undecodable);
}

const struct lg_input_plugin ibmmq_input = {
	.name = "ibmmq",
	.doc = "Messages of IBM MQ queues, by IBM's client library; a message leaves its queue only after it is durable in the spool.",
	.options = options,
	.conf_size = sizeof(struct ibmmq_conf),
	.uses_stream = true,
	.fields = fields,
	.state_size = sizeof(struct ibmmq),
	.check = check,
	.open = mq_open,
	.step = mq_step,
	.seal = mq_seal,
	.durable = mq_durable,
	.done = mq_done,
	.drain = mq_drain,
	.report = mq_report,
	.close = mq_close,
};
