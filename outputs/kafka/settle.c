/* From delivery reports to settled records. */
#include <stdio.h>
#include <string.h>

#include "output_kafka/kafka.h"

/* Records of reports that follow each other, settled as one. */
struct run {
	uint64_t first, last;
	bool any;
};

static void end_run(struct kafka *k, struct run *run)
{
	if (run->any)
		lg_settle(k->host, run->first, run->last, LG_DONE, NULL);
	run->any = false;
}

static void add_to_run(struct kafka *k, struct run *run, const struct parcel *parcel)
{
	if (run->any && parcel->first == run->last + 1) {
		run->last = parcel->last;
		return;
	}
	end_run(k, run);
	*run = (struct run){parcel->first, parcel->last, true};
}

static void suspect(struct kafka *k, const struct parcel *parcel, const struct verdict *verdict, rd_kafka_resp_err_t code)
{
	struct suspects *s = &k->suspects;

	if (!s->count)
		errors_explain(&s->err, verdict, lane_name(parcel->lane), code, NULL);
	if (!s->count || parcel->first < s->first)
		s->first = parcel->first;
	if (!s->count || parcel->last > s->last)
		s->last = parcel->last;
	s->count++;
	s->bytes += parcel->size;
}

/* A message has failed for good, or with its producer. */
static void on_failure(struct kafka *k, const struct parcel *parcel, rd_kafka_resp_err_t code)
{
	struct verdict verdict = errors_judge(code);
	struct lg_err err;

	if (verdict.fault == FAULT_RECORD) {
		suspect(k, parcel, &verdict, code);
		client_end(k, verdict.state, &k->suspects.err, true);
		return;
	}
	errors_explain(&err, &verdict, lane_name(parcel->lane), code, NULL);
	client_end(k, verdict.state, &err, verdict.fault != FAULT_STOP);
}

void settle_reports(struct kafka *k, rd_kafka_event_t *event)
{
	const rd_kafka_message_t *message;
	struct run run = {0};
	size_t good = 0;

	while ((message = rd_kafka_event_message_next(event))) {
		struct parcel *parcel = message->_private;

		if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
			if (produce_last_part(parcel) && !k->txn.on) /* else its transaction settles it */
				add_to_run(k, &run, parcel);
			if (good++ == 0)
				stats_latency(&k->stats, rd_kafka_message_latency(message));
		} else {
			on_failure(k, parcel, message->err);
		}
		produce_reported(k, parcel);
	}
	end_run(k, &run);
	if (good) {
		if (!k->txn.on)
			k->restarts = 0;
		if (!k->ending.on && !k->txn.on)
			client_well(k, "flowing");
	}
}

void settle_refused(struct kafka *k, struct parcel *parcel, rd_kafka_resp_err_t code)
{
	struct verdict verdict = errors_judge(code);
	struct lg_err err;

	if (verdict.fault == FAULT_RECORD) { /* refused alone: there is nobody else to suspect */
		errors_explain(&err, &verdict, lane_name(parcel->lane), code, NULL);
		if (!k->txn.on || !txn_reject(k, parcel->first, parcel->last, err.text))
			lg_settle(k->host, parcel->first, parcel->last, LG_REJECT, err.text);
	} else {
		on_failure(k, parcel, code);
	}
	produce_reported(k, parcel);
}

/* One message failed alone. */
static void found(struct kafka *k)
{
	lg_settle(k->host, k->suspects.first, k->suspects.last, LG_REJECT, k->suspects.err.text);
	k->caution.batch_size = k->caution.batch_size_before;
	k->restarts = 0;
	lg_err_set(&k->ending.err, LG_PEER, "record %llu went to the dead letters (%s)", (unsigned long long)k->suspects.first, k->suspects.err.text);
}

/* Several failed together: fewer at a time, and smaller batches from now on, in case there is no offender but a limit. */
static void narrow(struct kafka *k)
{
	struct caution *c = &k->caution;
	const struct suspects *s = &k->suspects;
	uint64_t size = s->bytes / 2 > KAFKA_BATCH_MIN ? s->bytes / 2 : KAFKA_BATCH_MIN;

	if (!c->limit)
		c->batch_size_before = c->batch_size;
	if (s->count > 1 && size < (c->batch_size ? c->batch_size : k->conf->batch_size))
		c->batch_size = size;
	c->limit = s->count > 1 ? s->count / 2 : 1;
	if (s->last > c->until)
		c->until = s->last;
	k->restarts = 0;
	lg_err_set(&k->ending.err, LG_PEER, "a batch of %zu messages was refused (%s): they are sent again, at most %zu at a time", s->count,
	           s->err.text, c->limit);
}

void settle_suspects(struct kafka *k)
{
	struct caution *c = &k->caution;

	if (!k->suspects.count) {
		if (c->limit && c->sent && !k->ending.on)
			c->limit = c->reached >= c->until ? 0 : c->limit * 2;
	} else {
		if (c->limit == 1)
			found(k);
		else
			narrow(k);
		k->suspects = (struct suspects){0};
	}
	c->sent = false;
}
