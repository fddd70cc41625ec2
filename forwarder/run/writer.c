#include "run/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/lugger_plugin.h"
#include "base/log.h"
#include "run/worker.h"

#define FULL_WAIT_NS (50 * CLOCK_MS)
#define LAG_CHECK_NS CLOCK_SECOND
#define LOSS_INPUT "lugger" /* the input name of records that Lugger itself writes about an output */

void writer_init(struct writer *writer, struct spool *spool, const struct clock *clock, size_t queue_bytes)
{
	*writer = (struct writer){.spool = spool, .clock = clock};
	queue_init(&writer->queue, queue_bytes);
	pthread_mutex_init(&writer->loss_mutex, NULL);
}

static bool same_interval(const struct spool_loss *a, const struct spool_loss *b)
{
	return a->scope == b->scope && !strcmp(a->name, b->name) && !strcmp(a->reason, b->reason) &&
	       (!b->first || b->first == a->last + 1);
}

void writer_post_loss(struct writer *writer, char scope, const char *name, uint64_t first, uint64_t last, uint64_t count, uint64_t bytes,
                      const char *reason)
{
	struct spool_loss loss = {.scope = scope, .first = first, .last = last, .count = count, .bytes = bytes};

	snprintf(loss.name, sizeof(loss.name), "%s", name);
	snprintf(loss.reason, sizeof(loss.reason), "%s", reason);
	pthread_mutex_lock(&writer->loss_mutex);
	for (size_t i = 0; i < writer->loss_count; i++)
		if (same_interval(&writer->losses[i], &loss)) {
			writer->losses[i].last = last;
			writer->losses[i].count += count;
			writer->losses[i].bytes += bytes;
			goto done;
		}
	if (writer->loss_count < sizeof(writer->losses) / sizeof(writer->losses[0]))
		writer->losses[writer->loss_count++] = loss;
	else
		writer->losses[writer->loss_count - 1].count += count; /* the count stays true where the detail has no room */
done:
	pthread_mutex_unlock(&writer->loss_mutex);
	queue_nudge(&writer->queue);
}

void writer_nudge(struct writer *writer)
{
	queue_nudge(&writer->queue);
}

/* Says a failure once, and its end once. */
static void note_trouble(struct writer *writer, enum lg_rc rc, const struct lg_err *err)
{
	bool failing = rc != LG_OK && rc != LG_FULL;

	if (failing && !writer->failing)
		log_error("spool: %s; nothing is acknowledged until it works again, retrying", err->text);
	else if (!failing && writer->failing)
		log_notice("spool: writing again");
	writer->failing = failing;
	if (rc == LG_FULL && !atomic_load(&writer->full))
		log_warning("spool: full; inputs wait until an output frees space");
	else if (rc == LG_OK && atomic_load(&writer->full))
		log_notice("spool: has space again");
	atomic_store(&writer->full, rc != LG_OK);
}

static void append_to(struct lg_batch **head, struct lg_batch **tail, struct lg_batch *batch)
{
	batch->next = NULL;
	if (*head)
		(*tail)->next = batch;
	else
		*head = batch;
	*tail = batch;
}

/* Hands back, in order, every batch that may be acknowledged. */
static void acknowledge(struct writer *writer)
{
	uint64_t durable = writer->ack_early ? UINT64_MAX : spool_durable_appends(writer->spool);

	while (writer->head && writer->acknowledged < durable) {
		struct lg_batch *batch = writer->head;

		writer->head = batch->next;
		writer->acknowledged++;
		if (batch->owner)
			worker_durable(batch->owner, batch);
		else
			lg_batch_release(batch);
	}
}

/* Writes the stuck batches, oldest first, as far as it goes, and makes them durable. */
static void write_stuck(struct writer *writer)
{
	struct lg_err err = {0};
	enum lg_rc rc = LG_OK, committed;

	while (writer->stuck) {
		struct lg_batch *batch = writer->stuck, *next = batch->next;

		rc = spool_append(writer->spool, batch, &err);
		if (rc != LG_OK)
			break;
		writer->stuck = next;
		append_to(&writer->head, &writer->tail, batch);
	}
	committed = spool_commit(writer->spool, &err); /* after a failed append it repairs: the next round goes on */
	if (committed != LG_OK)
		rc = committed;
	note_trouble(writer, rc, &err);
	acknowledge(writer);
}

/* ---- losses ---- */

static struct lg_batch *loss_batch(const struct spool_loss *loss, int64_t utc_ns)
{
	struct lg_batch *batch = batch_new(NULL, 1024, loss->scope == 'I' ? loss->name : LOSS_INPUT);
	char text[256];
	struct lg_draft d;

	lg_draft_reset(&d);
	snprintf(text, sizeof(text), "lugger: %llu records lost, %s %s: %s", (unsigned long long)loss->count,
	         loss->scope == 'I' ? "input" : "output", loss->name, loss->reason);
	d.body = lg_str_from(text);
	d.severity = LG_WARN;
	lg_draft_string(&d, LG_F_EVENT_KIND, LG_STR("pipeline_error"));
	lg_draft_string(&d, loss->scope == 'I' ? LG_F_LOSS_INPUT : LG_F_LOSS_OUTPUT, lg_str_from(loss->name));
	lg_draft_number(&d, LG_F_LOSS_FIRST, (int64_t)loss->first);
	lg_draft_number(&d, LG_F_LOSS_LAST, (int64_t)loss->last);
	lg_draft_number(&d, LG_F_LOSS_COUNT, (int64_t)loss->count);
	lg_draft_number(&d, LG_F_LOSS_BYTES, (int64_t)loss->bytes);
	lg_draft_string(&d, LG_F_LOSS_REASON, lg_str_from(loss->reason));
	batch_add(batch, &d, NULL, utc_ns);
	batch_pack(batch, NULL);
	return batch;
}

/* Posted losses become durable intervals; intervals become records as soon as there is space. */
static void write_losses(struct writer *writer)
{
	struct lg_err err;
	struct spool_loss loss;

	pthread_mutex_lock(&writer->loss_mutex);
	for (size_t i = 0; i < writer->loss_count; i++) {
		const struct spool_loss *l = &writer->losses[i];

		if (spool_loss(writer->spool, l->scope, l->name, l->first, l->last, l->count, l->bytes, l->reason, &err) != LG_OK)
			log_error("spool: %s; lost: %llu records of %s (%s)", err.text, (unsigned long long)l->count, l->name, l->reason);
	}
	writer->loss_count = 0;
	pthread_mutex_unlock(&writer->loss_mutex);
	while (!writer->stuck && spool_loss_take(writer->spool, &loss)) {
		writer->stuck = loss_batch(&loss, clock_utc(writer->clock));
		write_stuck(writer);
	}
}

/* ---- a full spool ---- */

static bool is_detached(struct writer *writer, const char *name)
{
	struct spool_stat *stat = mem_zalloc(sizeof(*stat));
	bool detached = false;

	spool_stat(writer->spool, stat);
	for (size_t i = 0; i < stat->output_count; i++)
		detached |= stat->outputs[i].detached && !strcmp(stat->outputs[i].name, name);
	free(stat);
	return detached;
}

/* DESIGN 1.3: only when the spool is full do max_lag and on_lag decide. */
static void apply_lag_policy(struct writer *writer, int64_t now_ns)
{
	int64_t utc = clock_utc(writer->clock);

	if (now_ns < writer->next_lag_check_ns)
		return;
	writer->next_lag_check_ns = now_ns + LAG_CHECK_NS;
	for (size_t i = 0; i < writer->output_count; i++) {
		const struct writer_output *output = &writer->outputs[i];
		int64_t oldest = output->max_lag_ns && output->detach ? spool_time_of(writer->spool, spool_cursor(writer->spool, output->name)) : 0;

		if (!oldest || utc - oldest <= output->max_lag_ns || is_detached(writer, output->name))
			continue;
		log_error("output %s: lags more than max_lag while the spool is full: detached, the spool no longer waits for it", output->name);
		spool_output_detach(writer->spool, output->name);
		output->wake(output->arg);
	}
}

static void wake_outputs(void *arg)
{
	struct writer *writer = arg;

	for (size_t i = 0; i < writer->output_count; i++)
		writer->outputs[i].wake(writer->outputs[i].arg);
}

static struct lg_batch *last_of(struct lg_batch *list)
{
	while (list && list->next)
		list = list->next;
	return list;
}

static void take_queued(struct writer *writer, int64_t wait_ns)
{
	struct lg_batch *last = last_of(writer->stuck), *taken;

	if (writer->stuck) { /* what is stuck goes first; more would only grow the list */
		queue_wait_nudge(&writer->queue, wait_ns < FULL_WAIT_NS ? wait_ns : FULL_WAIT_NS);
		return;
	}
	taken = queue_take_all(&writer->queue, wait_ns);
	if (last)
		last->next = taken;
	else
		writer->stuck = taken;
}

static void *writer_main(void *arg)
{
	struct writer *writer = arg;

	for (;;) {
		int64_t now_ns = clock_mono(writer->clock);
		int64_t wait_ns = writer->next_maintain_ns - now_ns;
		bool stopping = atomic_load(&writer->stop);

		take_queued(writer, stopping || wait_ns < 0 ? 0 : wait_ns);
		write_stuck(writer);
		write_losses(writer);
		now_ns = clock_mono(writer->clock);
		if (writer->stuck)
			apply_lag_policy(writer, now_ns);
		writer->next_maintain_ns = spool_maintain(writer->spool, false);
		if (writer->next_maintain_ns > now_ns + CLOCK_SECOND)
			writer->next_maintain_ns = now_ns + CLOCK_SECOND;
		if (stopping) /* inputs ended before: the queue was emptied above; what is stuck was never acknowledged */
			break;
	}
	spool_maintain(writer->spool, true);
	return NULL;
}

enum lg_rc writer_start(struct writer *writer, struct lg_err *err)
{
	int sys;

	spool_on_commit(writer->spool, wake_outputs, writer);
	sys = pthread_create(&writer->thread, NULL, writer_main, writer);
	if (sys)
		return lg_err_sys(err, sys, "spool writer: no thread");
	writer->started = true;
	return LG_OK;
}

void writer_stop(struct writer *writer)
{
	if (!writer->started)
		return;
	atomic_store(&writer->stop, true);
	queue_nudge(&writer->queue);
	pthread_join(writer->thread, NULL);
	writer->started = false;
}

static void release_list(struct lg_batch *list)
{
	while (list) {
		struct lg_batch *next = list->next;

		lg_batch_release(list);
		list = next;
	}
}

void writer_fini(struct writer *writer)
{
	release_list(writer->head);
	release_list(writer->stuck);
	writer->head = writer->stuck = NULL;
	queue_fini(&writer->queue);
	pthread_mutex_destroy(&writer->loss_mutex);
}
