/* Outputs' cursors, positions and loss intervals: what the state slots hold. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "spool/impl.h"

void spool_positions(struct spool *spool, struct lg_str input,
        void (*each)(void *arg, struct lg_str key, const uint8_t *value, size_t size), void *arg)
{
	const struct posmap_entry *e;

	for (size_t at = 0; (e = posmap_next(&spool->positions, &at));)
		if (lg_str_equal(posmap_input(e), input))
			each(arg, posmap_key(e), posmap_value(e), e->value_size);
}

/* Lock held. NULL: not known. */
static struct spool_cursor_entry *find(struct spool *spool, const char *output)
{
	for (size_t i = 0; i < spool->state.cursor_count; i++)
		if (strcmp(spool->state.cursors[i].name, output) == 0)
			return &spool->state.cursors[i];
	return NULL;
}

enum lg_rc spool_output_add(struct spool *spool, const char *output, bool at_end, struct lg_err *err)
{
	struct spool_cursor_entry *c;
	uint64_t oldest;

	if (!output[0] || strlen(output) >= SPOOL_NAME_SIZE)
		return lg_err_set(err, LG_INVALID, "output %s: the name has to have 1 to %d bytes", output, SPOOL_NAME_SIZE - 1);
	pthread_mutex_lock(&spool->lock);
	oldest = spool->seg_count ? spool->segs[0].first_seq : spool->durable_next;
	c = find(spool, output);
	if (c) {
		c->known = true;
		pthread_mutex_unlock(&spool->lock);
		return LG_OK; /* what it had not settled and is gone, its reader states as lost */
	}
	if (spool->state.cursor_count == SPOOL_OUTPUTS_MAX) {
		pthread_mutex_unlock(&spool->lock);
		return lg_err_set(err, LG_INVALID, "output %s: a spool keeps %d cursors at most, orphaned ones included", output,
		        SPOOL_OUTPUTS_MAX);
	}
	c = &spool->state.cursors[spool->state.cursor_count++];
	*c = (struct spool_cursor_entry){.seq = at_end && !spool->state_lost ? spool->durable_next : oldest, .known = true};
	snprintf(c->name, sizeof(c->name), "%s", output);
	pthread_mutex_unlock(&spool->lock);
	/* Durable before the first record: a crash must not let it start at a later end. */
	return space_store_state(spool, err);
}

uint64_t spool_cursor(struct spool *spool, const char *output)
{
	struct spool_cursor_entry *c;
	uint64_t seq;

	pthread_mutex_lock(&spool->lock);
	c = find(spool, output);
	seq = c ? c->seq : 0;
	pthread_mutex_unlock(&spool->lock);
	return seq;
}

uint64_t spool_settled(struct spool *spool)
{
	uint64_t low;

	pthread_mutex_lock(&spool->lock);
	low = spool->durable_next;
	for (size_t i = 0; i < spool->state.cursor_count; i++)
		if (spool->state.cursors[i].known && spool->state.cursors[i].seq < low)
			low = spool->state.cursors[i].seq;
	pthread_mutex_unlock(&spool->lock);
	return low;
}

void spool_cursor_move(struct spool *spool, const char *output, uint64_t seq)
{
	struct spool_cursor_entry *c;

	pthread_mutex_lock(&spool->lock);
	c = find(spool, output);
	if (seq > spool->durable_next)
		seq = spool->durable_next; /* nothing beyond can be settled */
	if (c && (seq > c->seq || c->flags & CURSOR_DETACHED)) {
		if (seq > c->seq)
			c->seq = seq;
		if (!spool->seg_count || c->seq >= spool->segs[0].first_seq)
			c->flags &= (uint8_t)~CURSOR_DETACHED;
		spool->state_dirty = true;
	}
	pthread_mutex_unlock(&spool->lock);
}

void spool_output_detach(struct spool *spool, const char *output)
{
	struct spool_cursor_entry *c;

	pthread_mutex_lock(&spool->lock);
	c = find(spool, output);
	if (c) {
		c->flags |= CURSOR_DETACHED;
		spool->state_dirty = true;
	}
	pthread_mutex_unlock(&spool->lock);
}

enum lg_rc spool_output_forget(struct spool *spool, const char *output, struct lg_err *err)
{
	struct spool_cursor_entry *c;

	pthread_mutex_lock(&spool->lock);
	c = find(spool, output);
	if (c) {
		size_t behind = spool->state.cursor_count - (size_t)(c - spool->state.cursors) - 1;

		memmove(c, c + 1, behind * sizeof(*c));
		spool->state.cursor_count--;
		spool->state_dirty = true;
	}
	pthread_mutex_unlock(&spool->lock);
	return c ? LG_OK : lg_err_set(err, LG_NOTFOUND, "output %s: the spool has no cursor of that name", output);
}

/* ---- loss intervals ---- */

/* One interval for both: they touch, or they have no sequences. Where half of the table is used holes are taken into the bargain. */
static bool joins(const struct spool *spool, const struct spool_loss *loss, uint64_t first, uint64_t last)
{
	if (!first || !loss->first || spool->state.loss_count > STATE_LOSSES_MAX / 2)
		return true;
	return first <= loss->last + 1 && last + 1 >= loss->first;
}

/* Lock held. The open interval this loss belongs to; where the table is full, the one it has to share. */
static struct state_loss *loss_slot(
        struct spool *spool, char scope, const char *name, uint64_t first, uint64_t last, const char *reason)
{
	struct state_loss *losses = spool->state.losses;
	struct state_loss *shared = NULL;

	for (size_t i = 0; i < spool->state.loss_count; i++) {
		struct spool_loss *loss = &losses[i].loss;

		if (losses[i].taken || loss->scope != scope)
			continue;
		if (strcmp(loss->name, name) == 0 && strcmp(loss->reason, reason) == 0 && joins(spool, loss, first, last))
			return &losses[i];
		if (!shared || strcmp(loss->name, name) == 0)
			shared = &losses[i];
	}
	if (spool->state.loss_count < STATE_LOSSES_MAX) {
		struct state_loss *fresh = &losses[spool->state.loss_count++];

		*fresh = (struct state_loss){.loss = {.scope = scope, .first = UINT64_MAX}};
		snprintf(fresh->loss.name, sizeof(fresh->loss.name), "%.63s", name);
		snprintf(fresh->loss.reason, sizeof(fresh->loss.reason), "%.63s", reason);
		return fresh;
	}
	if (!shared)
		shared = &losses[STATE_LOSSES_MAX - 1];
	if (strcmp(shared->loss.name, name) != 0)
		snprintf(shared->loss.name, sizeof(shared->loss.name), "(several)");
	snprintf(shared->loss.reason, sizeof(shared->loss.reason), "(several)");
	return shared;
}

static enum lg_rc add_loss(struct spool *spool, const struct spool_loss *more, bool open, struct lg_err *err)
{
	const char *name = more->name, *reason = more->reason;
	uint64_t first = more->first, last = more->last;
	int64_t now = clock_utc(spool->conf.clock);
	struct state_loss *slot;
	struct spool_loss *loss;
	char scope = more->scope;

	if ((scope != 'I' && scope != 'O') || !name[0] || !reason[0])
		return lg_err_set(err, LG_INVALID, "a loss needs scope I or O, a name and a reason");
	pthread_mutex_lock(&spool->lock);
	slot = loss_slot(spool, scope, name, first, last, reason);
	slot->open |= open;
	loss = &slot->loss;
	if (!loss->count)
		loss->begin_ns = now;
	loss->end_ns = now;
	if (first < loss->first)
		loss->first = first;
	if (last > loss->last)
		loss->last = last;
	loss->count += more->count;
	loss->bytes += more->bytes;
	spool->state_dirty = true;
	pthread_mutex_unlock(&spool->lock);
	return LG_OK;
}

static struct spool_loss make_loss(
        char scope, const char *name, uint64_t first, uint64_t last, uint64_t count, uint64_t bytes, const char *reason)
{
	struct spool_loss loss = {.scope = scope, .first = first, .last = last, .count = count, .bytes = bytes};

	snprintf(loss.name, sizeof(loss.name), "%.63s", name);
	snprintf(loss.reason, sizeof(loss.reason), "%.63s", reason);
	return loss;
}

enum lg_rc spool_loss(struct spool *spool, char scope, const char *name, uint64_t first, uint64_t last, uint64_t count,
        uint64_t bytes, const char *reason, struct lg_err *err)
{
	struct spool_loss loss = make_loss(scope, name, first, last, count, bytes, reason);

	return add_loss(spool, &loss, false, err);
}

enum lg_rc spool_loss_open(struct spool *spool, char scope, const char *name, uint64_t first, uint64_t last, uint64_t count,
        uint64_t bytes, const char *reason, struct lg_err *err)
{
	struct spool_loss loss = make_loss(scope, name, first, last, count, bytes, reason);

	return add_loss(spool, &loss, true, err);
}

void spool_loss_end(struct spool *spool)
{
	pthread_mutex_lock(&spool->lock);
	for (size_t i = 0; i < spool->state.loss_count; i++)
		spool->state.losses[i].open = false;
	pthread_mutex_unlock(&spool->lock);
}

bool spool_loss_take(struct spool *spool, struct spool_loss *loss)
{
	bool found = false;

	pthread_mutex_lock(&spool->lock);
	for (size_t i = 0; i < spool->state.loss_count && !found; i++) {
		struct state_loss *entry = &spool->state.losses[i];

		if (entry->taken || entry->open)
			continue;
		*loss = entry->loss;
		entry->taken = true;
		/* It stays on disk until the record made of it, the next batch appended, is durable. */
		entry->taken_append = spool->append_count + 1;
		spool->state_dirty = true;
		found = true;
	}
	pthread_mutex_unlock(&spool->lock);
	return found;
}
