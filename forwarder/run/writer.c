#include "run/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/lugger_plugin.h"
#include "base/log.h"
#include "run/worker.h"

#define FULL_WAIT_NS (50 * CLOCK_MS)
#define LAG_CHECK_NS CLOCK_SECOND
#define USAGE_STEP (256u << 10) /* bytes after which the quotas are looked at before their time */
#define USAGE_EVERY_NS (100 * CLOCK_MS)
#define LOST_RECENTLY_NS (60 * CLOCK_SECOND)
#define LOSS_ROOM 4096  /* bytes a loss record takes at most */
#define LOSS_INPUT "lugger" /* the input name of records that Lugger itself writes about an output */

void writer_init(struct writer *writer, struct spool *spool, const struct clock *clock, size_t queue_bytes)
{
	*writer = (struct writer){.spool = spool, .clock = clock};
	when_full_init(&writer->when_full);
	atomic_init(&writer->pressed, false);
	atomic_init(&writer->stop, false);
	atomic_init(&writer->full, false);
	atomic_init(&writer->flush, false);
	atomic_init(&writer->flushed, false);
	queue_init(&writer->queue, queue_bytes);
}

static void note_loss(struct writer *writer, const char *name, uint64_t count, const char *reason, enum lg_rc rc, const struct lg_err *err)
{
	atomic_store(&writer->when_full.lost_ns, clock_mono(writer->clock));
	if (rc != LG_OK)
		log_error("spool: %s; lost: %llu records of %s (%s)", err->text, (unsigned long long)count, name, reason);
	queue_nudge(&writer->queue);
}

void writer_post_loss(struct writer *writer, char scope, const char *name, uint64_t first, uint64_t last, uint64_t count, uint64_t bytes,
                      const char *reason)
{
	struct lg_err err;
	enum lg_rc rc = spool_loss(writer->spool, scope, name, first, last, count, bytes, reason, &err);

	note_loss(writer, name, count, reason, rc, &err);
}

void writer_post_open_loss(struct writer *writer, char scope, const char *name, uint64_t first, uint64_t last, uint64_t count, uint64_t bytes,
                           const char *reason)
{
	struct lg_err err;
	enum lg_rc rc = spool_loss_open(writer->spool, scope, name, first, last, count, bytes, reason, &err);
	int64_t none = 0;

	atomic_compare_exchange_strong(&writer->when_full.losses_open_ns, &none, clock_mono(writer->clock));
	note_loss(writer, name, count, reason, rc, &err);
}

bool writer_losing(const struct writer *writer)
{
	int64_t lost_ns = atomic_load(&writer->when_full.lost_ns);

	return atomic_load(&writer->when_full.dropping) || (lost_ns && clock_mono(writer->clock) - lost_ns < LOST_RECENTLY_NS);
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

void writer_append_to(struct lg_batch **head, struct lg_batch **tail, struct lg_batch *batch)
{
	batch->next = NULL;
	if (*head)
		(*tail)->next = batch;
	else
		*head = batch;
	*tail = batch;
}

void writer_queue_ack(struct writer *writer, struct lg_batch *batch)
{
	batch->behind = writer->appended;
	writer_append_to(&writer->head, &writer->tail, batch);
}

/* Hands back, in order, every batch that may be acknowledged. */
static void acknowledge(struct writer *writer)
{
	uint64_t durable = writer->ack_early ? UINT64_MAX : spool_durable_appends(writer->spool);

	while (writer->head && writer->head->behind <= durable) {
		struct lg_batch *batch = writer->head;

		writer->head = batch->next;
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
	enum lg_rc rc = when_full_prepare(writer, &err), committed;

	while (rc == LG_OK && writer->stuck) {
		struct lg_batch *batch = writer->stuck, *next = batch->next;
		bool frame = batch->count || batch->position_count; /* else it said what was not admitted, and that is said */

		if (frame)
			rc = spool_append(writer->spool, batch, &err);
		if (rc != LG_OK)
			break;
		writer->stuck = next;
		writer->appended += frame;
		writer->uncounted += batch->raw.size;
		writer_queue_ack(writer, batch);
	}
	committed = spool_commit(writer->spool, &err); /* after a failed append it repairs: the next round goes on */
	if (committed != LG_OK)
		rc = committed;
	note_trouble(writer, rc, &err);
	when_full_act(writer, rc);
	acknowledge(writer);
}

/* ---- losses ---- */

static struct lg_batch *loss_batch(const struct spool_loss *loss, int64_t utc_ns)
{
	struct lg_batch *batch = batch_new(NULL, 1024, loss->scope == 'I' ? loss->name : LOSS_INPUT);
	char text[256];
	struct lg_draft d;

	lg_draft_reset(&d);
	/* How many records unread bytes would have become, nobody knows. */
	snprintf(text, sizeof(text), "lugger: %llu %s lost, %s %s: %s", (unsigned long long)(loss->count ? loss->count : loss->bytes),
	         loss->count ? "records" : "bytes", loss->scope == 'I' ? "input" : "output", loss->name, loss->reason);
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

/* Open loss intervals (they live in the spool's state) become records as soon as there is space. */
static void write_losses(struct writer *writer)
{
	struct spool_loss loss;

	while (!writer->stuck && spool_has_room(writer->spool, LOSS_ROOM) && spool_loss_take(writer->spool, &loss)) {
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

/* DESIGN 1.3: only when the spool is full do max_lag and on_lag decide. The write follows at once: an output that is slow and not dead
 * would soon hold the spool again by moving its cursor. */
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
		write_stuck(writer);
		output->wake(output->arg);
	}
}

static void wake_outputs(void *arg)
{
	struct writer *writer = arg;

	for (size_t i = 0; i < writer->output_count; i++)
		writer->outputs[i].wake(writer->outputs[i].arg);
}

static void take_queued(struct writer *writer, int64_t wait_ns)
{
	struct lg_batch **end = &writer->stuck;

	/* What is stuck goes first, and what is dropped has to be said first: more would only grow the lists. */
	if (writer->when_full.unsaid || (writer->stuck && !atomic_load(&writer->when_full.dropping))) {
		queue_wait_nudge(&writer->queue, wait_ns < FULL_WAIT_NS ? wait_ns : FULL_WAIT_NS);
		return;
	}
	while (*end)
		end = &(*end)->next;
	*end = queue_take_all(&writer->queue, wait_ns);
}

static void maintain(struct writer *writer, bool now)
{
	int64_t soon_ns = clock_mono(writer->clock) + CLOCK_SECOND, next_ns = spool_maintain(writer->spool, now);

	writer->next_maintain_ns = next_ns < soon_ns ? next_ns : soon_ns;
	acknowledge(writer); /* `sync: interval`: the maintenance may have synced */
}

static bool all_durable(const struct writer *writer)
{
	return !writer->stuck && spool_durable_appends(writer->spool) >= writer->appended;
}

void writer_release_list(struct lg_batch *list)
{
	while (list) {
		struct lg_batch *next = list->next;

		lg_batch_release(list);
		list = next;
	}
}

/* At the end: what could not be written and carries no position has a source that cannot be asked again. */
static void account_unwritten(struct writer *writer, const struct lg_batch *list)
{
	for (; list; list = list->next)
		if (list->count + list->shed_count && !list->position_count && list->owner)
			writer_post_loss(writer, 'I', list->input, 0, 0, list->count + list->shed_count, list->raw.size + list->shed_bytes,
			                 "the service stopped while the spool was full");
}

/* Inputs ended before: writes all that is queued, as far as it goes. What stays was never acknowledged. */
static void write_last(struct writer *writer)
{
	struct lg_batch *rest;

	do {
		take_queued(writer, 0);
		write_stuck(writer);
	} while (!writer->stuck && queue_filled(&writer->queue));
	when_full_end(writer);
	write_losses(writer);
	rest = queue_take_all(&writer->queue, 0);
	account_unwritten(writer, writer->stuck);
	account_unwritten(writer, rest);
	writer_release_list(rest);
	maintain(writer, true);
}

/* What each input has waiting, against its quota. */
static void check_quotas(struct writer *writer)
{
	int64_t now_ns = clock_mono(writer->clock);
	bool pressed = false, complete;

	if (!writer->input_count || (now_ns < writer->next_usage_ns && writer->uncounted < USAGE_STEP))
		return;
	writer->uncounted = 0;
	if (!writer->usage) {
		const char **names = mem_zalloc(writer->input_count * sizeof(*names));

		for (size_t i = 0; i < writer->input_count; i++)
			names[i] = writer->inputs[i].name;
		writer->usage = spool_usage_new(names, writer->input_count);
		free(names);
	}
	complete = spool_usage_update(writer->spool, writer->usage);
	writer->next_usage_ns = now_ns + (complete ? USAGE_EVERY_NS : 0);
	for (size_t i = 0; i < writer->input_count; i++) {
		const struct writer_input *input = &writer->inputs[i];
		uint64_t used = spool_usage_bytes(writer->usage, i);

		pressed |= used >= input->quota;
		input->set(input->arg, used, used >= input->quota || !complete); /* a backlog that is not counted may be the quota */
	}
	atomic_store(&writer->pressed, pressed);
}

static void *writer_main(void *arg)
{
	struct writer *writer = arg;

	while (!atomic_load(&writer->stop)) {
		int64_t due_ns = writer->input_count && writer->next_usage_ns < writer->next_maintain_ns ? writer->next_usage_ns : writer->next_maintain_ns;
		int64_t wait_ns = due_ns - clock_mono(writer->clock);
		bool flush;

		take_queued(writer, wait_ns < 0 ? 0 : wait_ns);
		flush = atomic_load(&writer->flush);
		write_stuck(writer);
		when_full_check(writer);
		check_quotas(writer);
		write_losses(writer);
		if (writer->stuck)
			apply_lag_policy(writer, clock_mono(writer->clock));
		maintain(writer, flush);
		if (flush && all_durable(writer)) {
			atomic_store(&writer->flush, false);
			atomic_store(&writer->flushed, true);
		}
	}
	write_last(writer);
	return NULL;
}

void writer_flush(struct writer *writer)
{
	if (atomic_load(&writer->flushed) || atomic_exchange(&writer->flush, true))
		return;
	queue_nudge(&writer->queue);
}

bool writer_flushed(const struct writer *writer)
{
	return atomic_load(&writer->flushed);
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

void writer_fini(struct writer *writer)
{
	writer_release_list(writer->head);
	writer_release_list(writer->stuck);
	writer->head = writer->stuck = NULL;
	when_full_fini(&writer->when_full);
	spool_usage_free(writer->usage);
	queue_fini(&writer->queue);
}
