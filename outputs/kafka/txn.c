/* Exactly once: records and the cursor behind them are one transaction.
 *
 * The cursor is the offset of a consumer group that nobody else uses, on partition 0 of cursor_topic: the next sequence, with the log id of the
 * record before it and the nonce of this start as metadata. From the start on:
 *
 *   CHECK     (only where our nonce was committed before) who announced itself last? Another start: stop. Else
 *   INIT      init_transactions: takes over the transactional id, ends what was open
 *   FETCH     the committed cursor, and what it means for ours
 *   READY     nothing open
 *   OPEN      records are under way
 *   FLUSH     nothing more is taken; every message gets its report
 *   REJECT    what was refused alone goes to the dead letters, before the cursor passes it
 *   OFFSET    the cursor joins the transaction
 *   COMMIT    and all of it counts, or nothing
 *
 * A fresh start goes through OFFSET and COMMIT at once, to announce its nonce. Whatever fails ends the producer; the next one begins at CHECK, and
 * the committed cursor says what had counted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output_kafka/kafka.h"

#define CALL_MS 500             /* of a step may be spent in a call of librdkafka */
#define RETRY_NS (KAFKA_SECOND / 10)
#define CURSOR_NS (5 * KAFKA_SECOND)           /* a cursor that a filter moved is committed so soon */
#define ANNOUNCE_NS (12 * 3600 * KAFKA_SECOND) /* brokers forget the offsets of idle groups (offsets.retention.minutes) */
#define NO_LOG "00000000000000000000000000000000"

static void start_over(struct kafka *k)
{
	k->txn.phase = k->txn.announced ? TXN_CHECK : TXN_INIT;
}

void txn_init(struct kafka *k)
{
	struct txn *txn = &k->txn;
	const char *name = lg_output_name(k->host);
	size_t size = strlen(name);

	txn->on = k->conf->exactly_once;
	if (!txn->on)
		return;
	txn->keeps_cursor = size < 7 || strcmp(name + size - 7, ".replay") != 0;
	snprintf(txn->id, sizeof(txn->id), "%s%s.%s", k->conf->id_prefix, lg_output_spool_id(k->host), name);
	snprintf(txn->nonce, sizeof(txn->nonce), "%016llx", (unsigned long long)lg_net_random(lg_output_net(k->host)));
	if (txn->keeps_cursor)
		lg_output_hold(k->host, lg_output_cursor(k->host)); /* Kafka's is never behind our copy: what is missing there is not settled */
	start_over(k);
}

static void drop_rejects(struct txn *txn)
{
	for (size_t i = 0; i < txn->reject_count; i++)
		free(txn->rejects[i].reason);
	txn->reject_count = 0;
}

void txn_reset(struct kafka *k)
{
	struct txn *txn = &k->txn;

	if (txn->group)
		rd_kafka_destroy(txn->group);
	txn->group = NULL;
	drop_rejects(txn);
	if (txn->phase != TXN_STOPPED)
		start_over(k);
}

void txn_fini(struct kafka *k)
{
	txn_reset(k);
	free(k->txn.rejects);
	k->txn.rejects = NULL;
}

const char *txn_state(const struct txn *txn)
{
	static const char *const words[] = {"", "starting", "starting", "ready", "open", "committing", "committing", "committing", "committing", "stopped"};

	return txn->on ? words[txn->phase] : "";
}

bool txn_idle(const struct kafka *k)
{
	const struct txn *txn = &k->txn;

	return !txn->on || (txn->phase == TXN_READY && (!txn->keeps_cursor || lg_output_cursor(k->host) <= txn->committed));
}

/* ---- errors ---------------------------------------------------------------------------------------------------------------------------- */

/* A call of the transaction failed; takes the error. True: try again. */
static bool again(struct kafka *k, const char *what, rd_kafka_error_t *error)
{
	rd_kafka_resp_err_t code = rd_kafka_error_code(error);
	struct verdict verdict = errors_judge(code);
	bool retry = rd_kafka_error_is_retriable(error);
	struct lg_err err;

	if (!retry) {
		errors_explain(&err, &verdict, what, code, rd_kafka_error_string(error));
		client_end(k, verdict.state, &err, verdict.fault != FAULT_STOP);
	}
	rd_kafka_error_destroy(error);
	return retry;
}

static void stop(struct kafka *k, const char *state, const struct lg_err *err)
{
	client_trouble(k, state, err);
	k->txn.phase = TXN_STOPPED;
}

/* ---- the committed cursor --------------------------------------------------------------------------------------------------------------- */

struct committed {
	bool found;
	uint64_t next;
	char log_id[33], nonce[33];
};

static void parse_metadata(const rd_kafka_topic_partition_t *partition, struct committed *c)
{
	char text[96];
	size_t size = partition->metadata_size < sizeof(text) - 1 ? partition->metadata_size : sizeof(text) - 1;

	memcpy(text, partition->metadata ? partition->metadata : "", partition->metadata ? size : 0);
	text[partition->metadata ? size : 0] = '\0';
	if (sscanf(text, "%32s %32s", c->log_id, c->nonce) != 2)
		c->log_id[0] = c->nonce[0] = '\0';
}

static bool open_group(struct kafka *k)
{
	struct lg_err err;

	if (k->txn.group)
		return true;
	k->txn.group = client_group(k, k->txn.id, &err);
	if (!k->txn.group)
		client_fail(k, "misconfigured", &err);
	return k->txn.group != NULL;
}

/* True: *c is known. Else to be asked again, or the core was told. */
static bool fetch(struct kafka *k, struct committed *c)
{
	rd_kafka_topic_partition_list_t *list;
	rd_kafka_resp_err_t code;
	struct verdict verdict;
	struct lg_err err;

	*c = (struct committed){0};
	if (!open_group(k))
		return false;
	list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(list, k->conf->cursor_topic ? k->conf->cursor_topic : k->conf->topic, 0);
	code = rd_kafka_committed(k->txn.group, list, CALL_MS);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		code = list->elems[0].err;
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR && list->elems[0].offset >= 0) {
		c->found = true;
		c->next = (uint64_t)list->elems[0].offset;
		parse_metadata(&list->elems[0], c);
	}
	rd_kafka_topic_partition_list_destroy(list);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		return true;
	verdict = errors_judge(code);
	if (verdict.fault == FAULT_STOP) {
		errors_explain(&err, &verdict, "the committed cursor", code, NULL);
		client_end(k, verdict.state, &err, false);
	}
	return false;
}

/* Did another start announce itself since? It took our place on purpose or by mistake: to take it back would only fence that one. */
static void check(struct kafka *k)
{
	struct txn *txn = &k->txn;
	struct committed c;
	struct lg_err err;

	if (!fetch(k, &c))
		return;
	if (!c.found || !strcmp(c.nonce, txn->nonce)) {
		txn->phase = TXN_INIT;
		return;
	}
	lg_err_set(&err, LG_BUSY,
	           "%s: another start of this output (nonce %s, ours is %s) goes on from record %llu: two instances run on copies of one data_dir; stop "
	           "one of them, and here either this service or, where the other one is gone for good, say `lugger output resolve`",
	           txn->id, c.nonce, txn->nonce, (unsigned long long)c.next);
	stop(k, "fenced", &err);
}

static void conflict(struct kafka *k, const struct committed *c, const char *why)
{
	struct lg_err err;

	lg_err_set(&err, LG_CORRUPT,
	           "the cursor in Kafka (group %s: record %llu of log %s) does not fit this spool: %s; ours is %llu, the spool ends before %llu. Choose: "
	           "`lugger output resolve NAME --take local` sends from ours on, which may repeat; `--take receiver` skips to the one in Kafka",
	           k->txn.id, (unsigned long long)c->next, c->log_id[0] ? c->log_id : "?", why, (unsigned long long)lg_output_cursor(k->host),
	           (unsigned long long)lg_output_log_next(k->host));
	stop(k, "cursor-conflict", &err);
}

/* Nothing of this group in Kafka: a first start, or the brokers forgot it. */
static void go_on_from_local(struct kafka *k, uint64_t local)
{
	uint64_t next = lg_output_log_next(k->host);

	if (local <= 1 || next == local)
		return;
	lg_output_log(k->host, LG_NOTICE, "no cursor of %s in Kafka: going on from our copy; unless exactly_once is new here, records %llu to %llu may be "
	              "repeats", k->txn.id, (unsigned long long)local, (unsigned long long)next - 1);
	lg_output_repeats(k->host, next - local);
}

/* False: a person must choose. */
static bool resolve(struct kafka *k, const struct committed *c)
{
	uint64_t local = lg_output_cursor(k->host);
	char log_id[33];

	if (!c->found) {
		go_on_from_local(k, local);
		return true;
	}
	if (c->next == local || k->txn.choice == LG_CHOICE_LOCAL)
		return true;
	if (!strcmp(c->nonce, k->txn.nonce) && c->next < local)
		return true; /* since we committed it, dead letters and the filter have settled more */
	if (k->txn.choice == LG_CHOICE_RECEIVER) {
		lg_output_seek(k->host, c->next < lg_output_log_next(k->host) ? c->next : lg_output_log_next(k->host));
		return true;
	}
	if (c->next > lg_output_log_next(k->host)) {
		conflict(k, c, "it is ahead of all we have, so this data_dir is an older copy");
		return false;
	}
	if (c->next > 0 && lg_output_log_of(k->host, c->next - 1, log_id)) {
		if (strcmp(log_id, c->log_id) != 0) {
			conflict(k, c, "that record has another log id here");
			return false;
		}
	} else if (c->next < local) { /* gone from the spool by policy, with a loss record: nothing is there to go back to */
		lg_output_log(k->host, LG_WARNING, "the cursor in Kafka is at record %llu, which the spool does not hold any more: going on from %llu",
		              (unsigned long long)c->next, (unsigned long long)local);
		return true;
	}
	if (c->next < local) {
		lg_output_repeats(k->host, local - c->next);
		lg_output_log(k->host, LG_WARNING, "the cursor in Kafka is at record %llu, ours was at %llu: Kafka's counts; records in between that were delivered "
		              "without exactly_once come again, with the same identity", (unsigned long long)c->next, (unsigned long long)local);
	} else {
		lg_output_log(k->host, LG_INFO, "the cursor in Kafka is at record %llu, ours was at %llu: Kafka's counts", (unsigned long long)c->next,
		              (unsigned long long)local);
	}
	lg_output_seek(k->host, c->next);
	return true;
}

/* ---- the way of one transaction ------------------------------------------------------------------------------------------------------------ */

static bool begin(struct kafka *k)
{
	rd_kafka_error_t *error = rd_kafka_begin_transaction(k->rk);

	if (error) {
		again(k, "begin of a transaction", error);
		return false;
	}
	k->txn.begin_ns = k->now_ns;
	k->txn.bytes = 0;
	k->txn.first = k->txn.next = lg_output_cursor(k->host);
	if (!lg_output_log_of(k->host, k->txn.next - 1, k->txn.log_id))
		snprintf(k->txn.log_id, sizeof(k->txn.log_id), "%s", NO_LOG);
	return true;
}

/* A transaction of the cursor alone. */
static void announce(struct kafka *k)
{
	if (begin(k))
		k->txn.phase = TXN_OFFSET;
}

static void init(struct kafka *k)
{
	rd_kafka_error_t *error = rd_kafka_init_transactions(k->rk, CALL_MS);

	if (error) {
		again(k, "init_transactions", error);
		return;
	}
	k->txn.phase = k->txn.keeps_cursor ? TXN_FETCH : TXN_READY;
}

static void adopt(struct kafka *k)
{
	struct committed c;

	if (!fetch(k, &c) || !resolve(k, &c))
		return;
	lg_output_hold(k->host, c.found ? c.next : lg_output_cursor(k->host));
	announce(k);
}

static void put_rejects(struct kafka *k)
{
	struct txn *txn = &k->txn;

	for (size_t i = 0; i < txn->reject_count; i++)
		lg_settle(k->host, txn->rejects[i].first, txn->rejects[i].last, LG_REJECT, txn->rejects[i].reason ? txn->rejects[i].reason : "");
	drop_rejects(txn);
	txn->phase = txn->keeps_cursor ? TXN_OFFSET : TXN_COMMIT; /* in the next step: the core may have failed to keep a dead letter */
}

static void send_offset(struct kafka *k)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata_new(k->txn.id);
	rd_kafka_topic_partition_t *partition;
	rd_kafka_error_t *error;
	char text[80];

	partition = rd_kafka_topic_partition_list_add(list, k->conf->cursor_topic ? k->conf->cursor_topic : k->conf->topic, 0);
	partition->offset = (int64_t)k->txn.next;
	partition->metadata_size = (size_t)snprintf(text, sizeof(text), "%s %s", k->txn.log_id, k->txn.nonce);
	partition->metadata = strdup(text); /* the list frees it */
	error = rd_kafka_send_offsets_to_transaction(k->rk, list, group, 4 * CALL_MS);
	rd_kafka_consumer_group_metadata_destroy(group);
	rd_kafka_topic_partition_list_destroy(list);
	if (error)
		again(k, "the cursor in the transaction", error);
	else
		k->txn.phase = TXN_COMMIT;
}

static void commit(struct kafka *k)
{
	struct txn *txn = &k->txn;
	rd_kafka_error_t *error = rd_kafka_commit_transaction(k->rk, 2 * CALL_MS);

	if (error) {
		again(k, "commit", error);
		return;
	}
	txn->phase = TXN_READY;
	txn->commit_ns = k->now_ns;
	txn->committed = txn->next;
	txn->announced = true;
	txn->choice = LG_CHOICE_NONE;
	txn->commits++;
	k->restarts = 0;
	if (txn->keeps_cursor)
		lg_output_hold(k->host, txn->next);
	if (txn->next > txn->first)
		lg_settle(k->host, txn->first, txn->next - 1, LG_DONE, NULL);
	client_well(k, txn->next > txn->first ? "flowing" : "connected");
}

static bool is_due(const struct kafka *k)
{
	const struct txn *txn = &k->txn;

	return k->finishing || k->caution.limit || txn->bytes >= k->conf->transaction_bytes ||
	       k->now_ns - txn->begin_ns >= k->conf->transaction_interval_ns;
}

/* The cursor went on without records (a filter settles, too), or the brokers might forget it. */
static bool cursor_is_due(const struct kafka *k)
{
	int64_t since_ns = k->now_ns - k->txn.commit_ns;
	bool moved = lg_output_cursor(k->host) > k->txn.committed;

	return k->txn.keeps_cursor && ((moved && (k->finishing || since_ns >= CURSOR_NS)) || since_ns >= ANNOUNCE_NS);
}

/* A person chose: with a new producer, because this one may be fenced. */
static void answer(struct kafka *k)
{
	enum lg_choice choice = lg_output_choice(k->host);
	struct lg_err err;

	if (choice == LG_CHOICE_NONE)
		return;
	k->txn.choice = choice;
	k->txn.announced = false;
	k->txn.phase = TXN_INIT;
	k->trouble_ns = 0;
	lg_err_set(&err, LG_BUSY, "going on with the %s cursor, as chosen", choice == LG_CHOICE_LOCAL ? "local" : "receiver's");
	client_end(k, "restarting", &err, true);
}

void txn_step(struct kafka *k)
{
	struct txn *txn = &k->txn;
	enum txn_phase before;

	do {
		before = txn->phase;
		if (txn->phase == TXN_CHECK)
			check(k);
		else if (txn->phase == TXN_INIT)
			init(k);
		else if (txn->phase == TXN_FETCH)
			adopt(k);
		else if (txn->phase == TXN_READY && cursor_is_due(k))
			announce(k);
		else if (txn->phase == TXN_OPEN && is_due(k))
			txn->phase = TXN_FLUSH;
		else if (txn->phase == TXN_FLUSH && k->in_flight == 0 && !k->pending)
			txn->phase = TXN_REJECT;
		else if (txn->phase == TXN_REJECT)
			put_rejects(k);
		else if (txn->phase == TXN_OFFSET)
			send_offset(k);
		else if (txn->phase == TXN_COMMIT)
			commit(k);
		else if (txn->phase == TXN_STOPPED)
			answer(k);
	} while (txn->phase != before && before != TXN_REJECT && !k->failed && !k->ending.on);
}

void txn_wait(const struct kafka *k, struct lg_waitset *ws)
{
	const struct txn *txn = &k->txn;

	switch (txn->phase) {
	case TXN_READY:
		lg_waitset_wake(ws, txn->commit_ns + (lg_output_cursor(k->host) > txn->committed ? CURSOR_NS : ANNOUNCE_NS));
		break;
	case TXN_OPEN:
		lg_waitset_wake(ws, txn->begin_ns + k->conf->transaction_interval_ns);
		break;
	case TXN_FLUSH: /* for reports */
		break;
	case TXN_STOPPED:
		lg_waitset_wake(ws, k->now_ns + KAFKA_SECOND);
		break;
	case TXN_CHECK:
	case TXN_INIT:
	case TXN_FETCH:
	case TXN_REJECT:
	case TXN_OFFSET:
	case TXN_COMMIT:
		lg_waitset_wake(ws, k->now_ns + RETRY_NS);
		break;
	}
}

/* ---- for produce.c and settle.c ------------------------------------------------------------------------------------------------------------- */

bool txn_may_send(struct kafka *k)
{
	struct txn *txn = &k->txn;

	if (!txn->on)
		return true;
	if (txn->phase == TXN_READY && begin(k))
		txn->phase = TXN_OPEN;
	else if (txn->phase != TXN_OPEN || is_due(k))
		return false;
	return txn->phase == TXN_OPEN;
}

void txn_took(struct kafka *k, const struct slab *slab, const char *log_id, uint64_t next)
{
	struct txn *txn = &k->txn;

	txn->bytes += slab->data.size;
	txn->next = next;
	snprintf(txn->log_id, sizeof(txn->log_id), "%s", log_id);
}

bool txn_reject(struct kafka *k, uint64_t first, uint64_t last, const char *reason)
{
	struct txn *txn = &k->txn;

	if (txn->reject_count == txn->reject_cap) {
		size_t cap = txn->reject_cap ? txn->reject_cap * 2 : 16;
		struct reject *rejects = realloc(txn->rejects, cap * sizeof(*rejects));

		if (!rejects)
			return false;
		txn->rejects = rejects;
		txn->reject_cap = cap;
	}
	txn->rejects[txn->reject_count++] = (struct reject){first, last, strdup(reason)};
	return true;
}

void txn_abort(struct kafka *k)
{
	const enum txn_phase phase = k->txn.phase;
	rd_kafka_error_t *error;

	if (!k->txn.on || !k->rk || phase < TXN_OPEN || phase == TXN_STOPPED)
		return;
	rd_kafka_purge(k->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	for (int i = 0; i < 20 && k->in_flight > 0; i++) {
		rd_kafka_event_t *event = rd_kafka_queue_poll(k->queue, 50);

		if (event && rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR)
			k->in_flight -= rd_kafka_event_message_count(event) < k->in_flight ? rd_kafka_event_message_count(event) : k->in_flight;
		if (event)
			rd_kafka_event_destroy(event);
	}
	error = rd_kafka_abort_transaction(k->rk, 2 * CALL_MS);
	if (error)
		rd_kafka_error_destroy(error);
}
