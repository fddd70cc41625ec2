/* From the spool to the plugin: which records, in which order, and where it goes on after a break. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "run/shipper_host.h"

#define BURST_BATCHES 16 /* offered between two steps of the plugin */

void offer_drop(struct lg_output_host *host)
{
	lg_batch_release(host->offer.batch);
	host->offer.batch = NULL;
}

/* Everything unsettled will be offered again, from the cursor, after a backoff. */
void offer_rewind(struct lg_output_host *host, int64_t now_ns)
{
	const struct lg_output_plugin *plugin = host->conf->plugin;
	uint64_t cursor = flight_cursor(&host->flight);

	host->failed = false;
	host->rewinds++;
	host->retry_at_ns = now_ns + backoff_next(&host->backoff);
	if (plugin->rewind)
		plugin->rewind(host->state);
	host->repeats += flight_unsettled(&host->flight, host->position);
	flight_rewind(&host->flight);
	offer_drop(host);
	host->position = cursor;
	if (host->reader)
		spool_reader_seek(host->reader, cursor);
}

static bool wants_input(const struct lg_output_host *host, const char *input)
{
	const struct lg_strings *names = &host->conf->inputs;

	if (!names->count || !strcmp(input, "lugger"))
		return true;
	for (size_t i = 0; i < names->count; i++)
		if (!strcmp(names->items[i], input))
			return true;
	return false;
}

/* The selection of a batch: NULL when everything from host->position on is wanted. */
static uint64_t *select_records(struct lg_output_host *host, const struct lg_batch *batch)
{
	size_t words = (size_t)((lg_batch_count(batch) + 63) / 64);
	bool letters = host->replay && host->replay->again; /* they were wanted once, whatever the filter says now */
	bool wanted = letters || wants_input(host, batch->input);
	struct lg_batch_iter it;
	struct lg_record rec;

	if (wanted && !host->filter && (!host->replay || letters) && host->position <= lg_batch_first(batch))
		return NULL;
	host->offer.select = mem_grow(host->offer.select, &host->select_cap, words, sizeof(uint64_t));
	memset(host->offer.select, 0, words * sizeof(uint64_t));
	if (!wanted)
		return host->offer.select;
	lg_batch_begin(&it, batch, host->position);
	while (lg_batch_next(&it, &rec)) {
		uint64_t i = rec.seq - lg_batch_first(batch);

		if ((!host->filter || filter_match(host->filter, &rec)) && (!host->replay || letters || replay_wants(host->replay, &rec)))
			host->offer.select[i / 64] |= UINT64_C(1) << (i % 64);
	}
	return host->offer.select;
}

/* The sequence behind the last selected record of the batch; its first one when none is. */
static uint64_t wanted_end(const struct lg_batch *batch, const uint64_t *select)
{
	uint64_t first = lg_batch_first(batch), count = lg_batch_count(batch);

	while (select && count && !(select[(count - 1) / 64] >> ((count - 1) % 64) & 1))
		count--;
	return first + count;
}

static void begin_offer(struct lg_output_host *host, struct lg_batch *batch)
{
	uint64_t *select = select_records(host, batch);
	uint64_t first = lg_batch_first(batch), count = lg_batch_count(batch);

	host->offer.batch = batch;
	host->offer.next = host->position > first ? host->position : first;
	host->offer.end = first + count;
	host->offer.wanted_end = wanted_end(batch, select);
	lg_batch_begin(&host->offer.it, batch, host->offer.next);
	host->offer.it.select = select;
	flight_add(&host->flight, first, count, select);
	if (select)
		host->filtered += host->offer.end - host->offer.next - host->flight.tail->unsettled;
}

/* Records the spool cannot give any more: lost to this output, said as a durable loss record. */
static void note_gap(struct lg_output_host *host, uint64_t first, uint64_t last, const char *reason)
{
	uint64_t unsaid = first > host->gaps_end ? first : host->gaps_end;

	if (host->replay && first >= host->replay->end)
		return; /* what lies behind its end is not asked for */
	if (host->replay && last >= host->replay->end)
		last = host->replay->end - 1;
	if (unsaid <= last) {
		host->gaps_end = last + 1;
		host->lost += last - unsaid + 1;
		log_error("output %s: records %llu to %llu are lost to it: %s", host->conf->name, (unsigned long long)unsaid,
		          (unsigned long long)last, reason);
		if (!host->replay) /* else it is the log's loss, said already */
			writer_post_loss(host->env.writer, 'O', host->conf->name, unsaid, last, last - unsaid + 1, 0, reason);
	}
	flight_skip(&host->flight, first, last - first + 1);
	host->position = last + 1;
}

/* The reader jumps over segments that are gone (`on_lag: detach`, files that a person removed). */
static void note_jump(struct lg_output_host *host, uint64_t to)
{
	if (to > host->position)
		note_gap(host, host->position, to - 1, "dropped from the spool");
}

static void note_spool_trouble(struct lg_output_host *host, const struct lg_err *err)
{
	if (err)
		shipper_set_state(host, "spool-error", err->text, false);
	else if (host->spool_trouble)
		shipper_set_state(host, host->plugin_state, NULL, true);
	host->spool_trouble = err != NULL;
}

/* Of the letters under way. What lies between two of them was never asked for. */
static enum lg_rc next_letter(struct lg_output_host *host)
{
	struct lg_batch *batch = again_batch(host->replay->again, host->position);

	if (!batch)
		return LG_AGAIN;
	if (lg_batch_first(batch) > host->position) {
		flight_skip(&host->flight, host->position, lg_batch_first(batch) - host->position);
		host->position = lg_batch_first(batch);
	}
	begin_offer(host, replay_mark(batch));
	return LG_OK;
}

bool offer_next_pass(struct lg_output_host *host)
{
	const struct lg_output_plugin *plugin = host->conf->plugin;
	struct lg_err err;
	uint64_t first;
	enum lg_rc rc = again_advance(host->replay->again, &first, &err);

	if (rc != LG_OK) {
		if (rc != LG_NOTFOUND)
			shipper_set_state(host, "spool-error", err.text, false);
		return rc != LG_NOTFOUND;
	}
	if (plugin->rewind && host->position)
		plugin->rewind(host->state); /* sequences begin lower again; nothing is under way */
	flight_fini(&host->flight);
	flight_init(&host->flight, first);
	host->position = first;
	pthread_mutex_lock(&host->mutex);
	host->status.cursor = first;
	pthread_mutex_unlock(&host->mutex);
	return true;
}

/* LG_OK: there is an offer. LG_AGAIN: caught up. Else the spool could not be read just now. */
static enum lg_rc next_offer(struct lg_output_host *host)
{
	uint64_t gap_first = 0, gap_last = 0;
	struct lg_batch *batch;
	struct lg_err err;
	enum lg_rc rc;

	if (!host->offer.batch && host->replay && host->replay->again)
		return next_letter(host);
	while (!host->offer.batch) {
		if (host->replay && host->position >= host->replay->end)
			return LG_AGAIN;
		rc = spool_reader_next(host->reader, &batch, &gap_first, &gap_last, &err);
		if (rc != LG_OK && rc != LG_AGAIN && rc != LG_CORRUPT) {
			note_spool_trouble(host, &err);
			return rc;
		}
		note_spool_trouble(host, NULL);
		note_jump(host, rc == LG_OK ? lg_batch_first(batch) : rc == LG_CORRUPT ? gap_first : spool_reader_at(host->reader));
		if (rc == LG_AGAIN)
			return rc;
		if (rc == LG_CORRUPT)
			note_gap(host, gap_first, gap_last, "corrupt in the spool");
		else
			begin_offer(host, host->replay ? replay_mark(batch) : batch);
	}
	return LG_OK;
}

/* Offers what is left of the current batch. True when the plugin took some. */
static bool send_offer(struct lg_output_host *host)
{
	struct offer *offer = &host->offer;
	uint64_t taken = offer->next;

	if (offer->next < offer->wanted_end)
		host->conf->plugin->send(host->state, offer->batch, &offer->it, &taken);
	if (taken >= offer->wanted_end)
		taken = offer->end; /* nothing behind it is for this output */
	if (host->failed || taken == offer->next)
		return false;
	offer->next = host->position = taken;
	if (taken >= offer->end)
		offer_drop(host);
	return true;
}

/* One round of offers; true when something was taken. */
bool offer_round(struct lg_output_host *host)
{
	bool progress = false;

	host->caught_up = false;
	for (int i = 0; i < BURST_BATCHES && !host->failed; i++) {
		enum lg_rc rc = next_offer(host);

		if (rc != LG_OK) {
			host->caught_up = rc == LG_AGAIN;
			break;
		}
		if (!send_offer(host))
			break;
		progress = true;
	}
	return progress;
}

/* ---- letting go ---- */

static void lose(struct lg_output_host *host, uint64_t first, uint64_t last)
{
	writer_post_given_up(host->env.writer, host->conf->name, first, last, last - first + 1);
	host->lost += last - first + 1;
	host->dropped += last - first + 1;
}

void offer_give_up(struct lg_output_host *host)
{
	uint64_t below = atomic_load(&host->give_up_below), known = host->offer.batch ? host->offer.end : host->position;
	uint64_t from, to;

	/* What was offered: the settled ones and those that the filter dropped are not lost. */
	while (flight_run(&host->flight, host->flight.cursor, below - 1, &from, &to)) {
		lose(host, from, to);
		flight_settle(&host->flight, from, to);
	}
	/* What was not read yet: all of it counts, also what the filter would have dropped. */
	if (known < below) {
		lose(host, known, below - 1);
		flight_skip(&host->flight, known, below - known);
	}
	if (host->position < below) {
		offer_drop(host);
		host->position = below;
		spool_reader_seek(host->reader, below);
	}
	if (host->gaps_end < below)
		host->gaps_end = below;
}
