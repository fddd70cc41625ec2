#include "run/when_full.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "run/writer.h"

#define GRACE_NS CLOCK_SECOND            /* an output that has not moved for so long does not move; new records wait so long before they are dropped */
#define MOVING_NS (5 * CLOCK_SECOND)     /* outputs that do move get so long to free space */
#define RECORD_EVERY_NS (60 * CLOCK_SECOND) /* a loss that goes on becomes a record this often */
#define MARK_SLACK 5u                    /* percent: shedding ends so far below its mark */
#define ROOM_BYTES (64u << 10)           /* less is no space: dropping does not stop for it */
#define POSITIONS_PER_FRAME 1000

#define REASON_SHED "not admitted: discard_severity, or spool_quota of a socket"
#define REASON_NEW "the spool was full (when_full: drop-new)"
#define REASON_OLDEST "the spool was full (when_full: drop-oldest)"

void when_full_init(struct when_full *full)
{
	*full = (struct when_full){.discard_severity = ADMIT_ALL, .discard_mark = 100};
	atomic_init(&full->dropping, false);
	atomic_init(&full->admit_below, ADMIT_ALL);
	atomic_init(&full->lost_ns, 0);
	atomic_init(&full->losses_open_ns, 0);
}

void when_full_fini(struct when_full *full)
{
	writer_release_list(full->unsaid);
	full->unsaid = full->unsaid_tail = NULL;
	posmap_fini(&full->held);
	posmap_fini(&full->forgotten);
}

/* ---- what batches carry ---- */

/* Records that were not admitted: their loss has to be durable before a position passes them. */
static bool post_shed(struct writer *writer, struct lg_batch *batch)
{
	if (!batch->shed_count || batch->shed_posted)
		return false;
	writer_post_open_loss(writer, 'I', batch->input, 0, 0, batch->shed_count, batch->shed_bytes, REASON_SHED);
	batch->shed_posted = true;
	return true;
}

/* ---- drop-new ---- */

static void hold_positions(struct when_full *full, const struct lg_batch *batch)
{
	const uint8_t *at = batch->positions.data, *end = at + batch->positions.size;
	struct lg_str input = lg_str_from(batch->input);
	struct batch_position p;
	bool bad = false;

	while (batch->positions.size && batch_position_next(&at, end, &p, &bad)) {
		posmap_put(&full->held, input, p.key, p.value, p.size);
		posmap_put(&full->forgotten, input, p.key, (const uint8_t *)"", p.size ? 0 : 1);
	}
}

static bool put_positions(struct lg_batch *batch, const struct posmap *map, bool forget)
{
	struct lg_str input = lg_str_from(batch->input);
	const struct posmap_entry *e;
	bool rest = false;

	for (size_t at = 0; !rest && (e = posmap_next(map, &at));) {
		if (!lg_str_equal(posmap_input(e), input))
			continue;
		rest = batch->position_count == POSITIONS_PER_FRAME;
		if (!rest)
			batch_put_position(batch, posmap_key(e), posmap_value(e), forget ? 0 : e->value_size);
	}
	return !rest;
}

static void unhold(struct posmap *map, const struct lg_batch *batch)
{
	posmap_put_encoded(map, lg_str_from(batch->input), batch->positions.data, batch->positions.size);
}

/* The held positions of one input, or a part of them, as a frame of their own. */
static enum lg_rc write_some_held(struct writer *writer, const char *input, struct lg_err *err)
{
	struct when_full *full = &writer->when_full;
	struct lg_batch *batch = batch_new(NULL, 1024, input), *gone = batch_new(NULL, 1024, input);
	enum lg_rc rc;

	if (put_positions(batch, &full->forgotten, true))
		put_positions(batch, &full->held, false);
	batch_pack(batch, NULL);
	rc = spool_append(writer->spool, batch, err);
	if (rc == LG_OK) {
		const uint8_t *at = batch->positions.data, *end = at + batch->positions.size;
		struct batch_position p;
		bool bad = false;

		while (batch_position_next(&at, end, &p, &bad))
			batch_put_position(gone, p.key, NULL, 0);
		unhold(&full->held, gone);
		unhold(&full->forgotten, gone);
		writer->appended++;
		writer_queue_ack(writer, batch);
	} else {
		lg_batch_release(batch);
	}
	lg_batch_release(gone);
	return rc;
}

static enum lg_rc write_held(struct writer *writer, struct lg_err *err)
{
	struct when_full *full = &writer->when_full;
	enum lg_rc rc = LG_OK;

	while (rc == LG_OK && (full->held.used || full->forgotten.used)) {
		size_t at = 0;
		const struct posmap_entry *e = posmap_next(full->held.used ? &full->held : &full->forgotten, &at);
		char input[64];

		snprintf(input, sizeof(input), "%.*s", (int)posmap_input(e).size, posmap_input(e).data);
		rc = write_some_held(writer, input, err);
	}
	return rc;
}

/* Once their loss is durable the sources may forget them. */
static enum lg_rc say_dropped(struct writer *writer, struct lg_err *err)
{
	struct when_full *full = &writer->when_full;
	enum lg_rc rc;

	if (!full->unsaid)
		return LG_OK;
	rc = spool_store(writer->spool, err);
	while (rc == LG_OK && full->unsaid) {
		struct lg_batch *batch = full->unsaid;

		full->unsaid = batch->next;
		writer_queue_ack(writer, batch);
	}
	return rc;
}

/* Everything in the writer's hand, but loss records. */
static void drop_stuck(struct writer *writer)
{
	struct when_full *full = &writer->when_full;
	struct lg_batch *list = writer->stuck, *kept_tail = NULL;
	struct lg_err err;

	writer->stuck = NULL;
	while (list) {
		struct lg_batch *batch = list;

		list = batch->next;
		if (!batch->owner) {
			writer_append_to(&writer->stuck, &kept_tail, batch);
			continue;
		}
		post_shed(writer, batch);
		if (batch->count)
			writer_post_open_loss(writer, 'I', batch->input, 0, 0, batch->count, batch->raw.size, REASON_NEW);
		hold_positions(full, batch);
		batch->dropped = batch->count > 0;
		writer_append_to(&full->unsaid, &full->unsaid_tail, batch);
	}
	if (!atomic_exchange(&full->dropping, true))
		log_error("spool: full: new records are dropped until an output frees space (when_full: drop-new)");
	if (say_dropped(writer, &err) != LG_OK)
		log_error("spool: %s; the sources wait until the loss is stored", err.text);
}

/* ---- drop-oldest ---- */

/* An output that is configured no more has no thread to let go for it. */
static void give_up_orphans(struct writer *writer, uint64_t below)
{
	struct spool_stat *stat = mem_zalloc(sizeof(*stat));

	spool_stat(writer->spool, stat);
	for (size_t i = 0; i < stat->output_count; i++) {
		const struct spool_output_stat *o = &stat->outputs[i];

		if (!o->orphaned || o->detached || o->cursor >= below)
			continue;
		writer_post_given_up(writer, o->name, o->cursor, below - 1, below - o->cursor);
		spool_cursor_move(writer->spool, o->name, below);
	}
	free(stat);
}

void writer_post_given_up(struct writer *writer, const char *output, uint64_t first, uint64_t last, uint64_t count)
{
	uint64_t from = spool_bytes_from(writer->spool, first), behind = spool_bytes_from(writer->spool, last + 1);

	writer_post_open_loss(writer, 'O', output, first, last, count, from > behind ? from - behind : 0, REASON_OLDEST);
}

static bool holds(struct writer *writer, const struct writer_output *output, uint64_t end)
{
	return output->give_up && spool_cursor(writer->spool, output->name) < end;
}

/* An output that moves gets time to free the space itself; a dead one costs the inputs nothing. */
static bool out_of_patience(struct writer *writer, uint64_t end, int64_t now_ns)
{
	if (now_ns - writer->when_full.full_since_ns >= MOVING_NS)
		return true;
	for (size_t i = 0; i < writer->output_count; i++)
		if (holds(writer, &writer->outputs[i], end) && now_ns - writer->outputs[i].moved_ns(writer->outputs[i].arg) < GRACE_NS)
			return false;
	return true;
}

static void drop_oldest(struct writer *writer, int64_t now_ns)
{
	struct when_full *full = &writer->when_full;
	uint64_t end = spool_oldest_end(writer->spool);

	if (!end || !out_of_patience(writer, end, now_ns))
		return; /* the newest segment is all there is, or its time has not come */
	if (!full->gave_up_ns || now_ns - full->gave_up_ns > RECORD_EVERY_NS)
		log_error("spool: full: the oldest records are dropped, undelivered (when_full: drop-oldest)");
	full->gave_up_ns = now_ns;
	for (size_t i = 0; i < writer->output_count; i++) {
		const struct writer_output *output = &writer->outputs[i];

		if (holds(writer, output, end))
			output->give_up(output->arg, end);
	}
	give_up_orphans(writer, end);
}

/* ---- from the writer's loop ---- */

enum lg_rc when_full_prepare(struct writer *writer, struct lg_err *err)
{
	struct when_full *full = &writer->when_full;
	enum lg_rc rc = say_dropped(writer, err);
	bool posted = false;

	if (rc != LG_OK)
		return rc;
	if (atomic_load(&full->dropping) && !spool_has_room(writer->spool, ROOM_BYTES))
		return lg_err_set(err, LG_FULL, "the quota is used up");
	for (struct lg_batch *batch = writer->stuck; batch; batch = batch->next)
		posted |= post_shed(writer, batch);
	if (posted)
		rc = spool_store(writer->spool, err);
	return rc == LG_OK ? write_held(writer, err) : rc;
}

void when_full_act(struct writer *writer, enum lg_rc rc)
{
	struct when_full *full = &writer->when_full;
	int64_t now_ns = clock_mono(writer->clock);

	if (rc == LG_OK) {
		full->full_since_ns = 0;
		atomic_store(&full->dropping, false);
	}
	if (rc != LG_FULL && rc != LG_NOSPACE)
		return;
	if (!full->full_since_ns)
		full->full_since_ns = now_ns;
	if (!writer->stuck || full->policy == FULL_BLOCK)
		return;
	if (full->policy == FULL_DROP_NEW && (atomic_load(&full->dropping) || now_ns - full->full_since_ns >= GRACE_NS))
		drop_stuck(writer);
	else if (full->policy == FULL_DROP_OLDEST)
		drop_oldest(writer, now_ns);
}

static void check_shedding(struct writer *writer)
{
	static const char *const names[] = {"emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"};
	struct when_full *full = &writer->when_full;
	bool sheds = atomic_load(&full->admit_below) < ADMIT_ALL;
	unsigned fill;

	if (full->discard_severity >= ADMIT_ALL)
		return;
	fill = spool_fill_percent(writer->spool);
	if (!sheds && fill >= full->discard_mark) {
		log_warning("spool: %u %% full: records of severity %s and less severe ones are not admitted", fill,
		            names[full->discard_severity]);
		atomic_store(&full->admit_below, full->discard_severity);
	} else if (sheds && fill + MARK_SLACK < full->discard_mark) {
		log_notice("spool: %u %% full: all records are admitted again", fill);
		atomic_store(&full->admit_below, ADMIT_ALL);
	}
}

void when_full_check(struct writer *writer)
{
	struct when_full *full = &writer->when_full;
	int64_t now_ns = clock_mono(writer->clock), open_ns = atomic_load(&full->losses_open_ns);
	bool goes_on = atomic_load(&full->admit_below) < ADMIT_ALL || now_ns - full->gave_up_ns < GRACE_NS;

	check_shedding(writer);
	if (!open_ns || atomic_load(&writer->full) || (goes_on && now_ns - open_ns < RECORD_EVERY_NS))
		return;
	atomic_store(&full->losses_open_ns, 0);
	spool_loss_end(writer->spool);
}

void when_full_end(struct writer *writer)
{
	struct lg_err err;

	if (say_dropped(writer, &err) != LG_OK)
		log_error("spool: at the end: %s", err.text);
	spool_loss_end(writer->spool);
}
