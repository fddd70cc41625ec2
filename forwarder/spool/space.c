/* Quota and deletion. What is deleted is first given up durably in the state (low-water mark), then unlinked: a crash in between
 * repeats the unlink. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "spool/deadletter.h"
#include "spool/impl.h"

uint64_t space_used(struct spool *spool)
{
	uint64_t bytes = STATE_FILE_SIZE + spool->spare_size;

	pthread_mutex_lock(&spool->lock);
	bytes += spool->quarantine_bytes + spool->deadletter_bytes;
	for (size_t i = 0; i < spool->seg_count; i++)
		bytes += spool->segs[i].size;
	for (size_t i = 0; i < spool->doomed_count; i++)
		bytes += spool->doomed[i].size;
	pthread_mutex_unlock(&spool->lock);
	return bytes;
}

uint64_t space_for_letters(struct spool *spool)
{
	uint64_t part = spool->conf.max_size / DEADLETTER_QUOTA_PART, left;
	uint64_t log = STATE_FILE_SIZE + 3 * spool->conf.segment_size; /* the least a log can roll in: a tiny quota has no room for more */

	if (spool->conf.max_size < log + part)
		part = spool->conf.max_size > log ? spool->conf.max_size - log : 0;
	pthread_mutex_lock(&spool->lock);
	left = spool->deadletter_bytes < part ? part - spool->deadletter_bytes : 0;
	pthread_mutex_unlock(&spool->lock);
	return left;
}

enum lg_rc space_store_state(struct spool *spool, struct lg_err *err)
{
	uint64_t generation;
	enum lg_rc rc = place_check(spool, err);

	if (rc != LG_OK)
		return rc;
	pthread_mutex_lock(&spool->lock);
	for (size_t i = spool->state.loss_count; i-- > 0;) {
		struct state_loss *loss = &spool->state.losses[i];

		if (loss->taken && spool->durable_appends >= loss->taken_append)
			memmove(loss, loss + 1, (--spool->state.loss_count - i) * sizeof(*loss));
	}
	spool->state.written_ns = clock_utc(spool->conf.clock);
	spool->state.segment = spool->prev_number;
	spool->state.durable_offset = spool->prev_end;
	spool->state.durable_upto = spool->durable_next;
	spool->state.low_seq = spool->seg_count ? spool->segs[0].first_seq : spool->durable_next;
	if (spool->seg_count && spool->segs[0].number > spool->state.low_number)
		spool->state.low_number = spool->segs[0].number;
	generation = ++spool->state.generation;
	state_encode(&spool->state, &spool->bytes);
	spool->state_dirty = false;
	pthread_mutex_unlock(&spool->lock);
	rc = state_write(spool->conf.io, spool->state_handle, generation, &spool->bytes, err);
	if (rc == LG_OK) {
		spool->low_durable = spool->state.low_number;
	} else {
		pthread_mutex_lock(&spool->lock);
		spool->state.generation--; /* the same slot again: the other one holds the last good state */
		spool->state_dirty = true;
		pthread_mutex_unlock(&spool->lock);
	}
	return rc;
}

/* The lowest sequence some output still needs; 0 when no output is known: then nobody may delete. Lock held. */
static uint64_t needed_from(const struct spool *spool)
{
	uint64_t low = UINT64_MAX;

	if (!spool->state.cursor_count)
		return 0;
	for (size_t i = 0; i < spool->state.cursor_count; i++)
		if (!(spool->state.cursors[i].flags & CURSOR_DETACHED) && spool->state.cursors[i].seq < low)
			low = spool->state.cursors[i].seq;
	return low;
}

/* How many of the oldest segments every output has settled. Lock held. The newest one stays. */
static size_t delivered_count(const struct spool *spool)
{
	uint64_t low = needed_from(spool);
	size_t n = 0;

	while (n + 1 < spool->seg_count && spool->segs[n + 1].first_seq <= low)
		n++;
	return n;
}

/* Receipt time of a segment's last record; looked up in its footer once. 0 when it cannot be known. */
static int64_t last_time(struct spool *spool, const struct seg *seg)
{
	struct frame_index index = {0};
	char path[SPOOL_PATH_MAX];
	int64_t ns = seg->last_ns;
	int handle;

	if (ns)
		return ns;
	handle = spool->conf.io->open(
	        spool->conf.io->self, spool_segment_path(spool, path, seg->number, seg->first_seq), SYS_READ);
	if (handle < 0)
		return 0;
	if (index_load(spool, handle, seg->number, seg->size, &index) == LG_OK && index.count)
		ns = index.entries[index.count - 1].last_ns;
	spool->conf.io->close(spool->conf.io->self, handle);
	frame_index_fini(&index);
	return ns;
}

static bool kept_for_replay(struct spool *spool, size_t i)
{
	int64_t ns;
	struct seg seg;

	if (spool->conf.keep_ns <= 0)
		return false;
	pthread_mutex_lock(&spool->lock);
	seg = spool->segs[i];
	pthread_mutex_unlock(&spool->lock);
	if (seg.first_seq == spool->segs[i + 1].first_seq)
		return false; /* holds no record */
	ns = last_time(spool, &seg);
	pthread_mutex_lock(&spool->lock);
	spool->segs[i].last_ns = ns;
	pthread_mutex_unlock(&spool->lock);
	return ns && clock_utc(spool->conf.clock) - ns < spool->conf.keep_ns;
}

/* Gives up the `count` oldest segments: durably first. */
static void give_up(struct spool *spool, size_t count)
{
	struct lg_err err;

	if (!count)
		return;
	pthread_mutex_lock(&spool->lock);
	for (size_t i = 0; i < count; i++) {
		spool->doomed = mem_grow(spool->doomed, &spool->doomed_cap, spool->doomed_count + 1, sizeof(*spool->doomed));
		spool->doomed[spool->doomed_count++] =
		        (struct doomed){spool->segs[i].number, spool->segs[i].first_seq, spool->segs[i].size};
	}
	memmove(spool->segs, spool->segs + count, (spool->seg_count - count) * sizeof(*spool->segs));
	spool->seg_count -= count;
	spool->state_dirty = true;
	pthread_mutex_unlock(&spool->lock);
	if (space_store_state(spool, &err) != LG_OK) {
		spool_note_error(spool, &err);
		return; /* they stay doomed; the next store makes that durable */
	}
	space_unlink_doomed(spool);
}

enum lg_rc spool_store(struct spool *spool, struct lg_err *err)
{
	struct lg_err local;
	enum lg_rc rc = space_store_state(spool, err ? err : &local);

	if (rc != LG_OK)
		spool_note_error(spool, err ? err : &local);
	return rc;
}

uint64_t spool_oldest_end(struct spool *spool)
{
	uint64_t seq;

	pthread_mutex_lock(&spool->lock);
	seq = spool->seg_count > 1 ? spool->segs[1].first_seq : 0;
	pthread_mutex_unlock(&spool->lock);
	return seq;
}

size_t space_held(struct spool *spool, struct seg **held, uint64_t *low)
{
	size_t from, count;

	pthread_mutex_lock(&spool->lock);
	*low = needed_from(spool);
	from = *low >= spool->durable_next ? spool->seg_count : delivered_count(spool);
	count = spool->seg_count - from;
	*held = mem_zalloc((count + 1) * sizeof(**held));
	if (count)
		memcpy(*held, spool->segs + from, count * sizeof(**held));
	pthread_mutex_unlock(&spool->lock);
	return count;
}

/* What is not delivered, in parts of the segments that the quota has room for beside the spare and the letters. */
unsigned spool_fill_percent(struct spool *spool)
{
	uint64_t other = STATE_FILE_SIZE + space_for_letters(spool), held = 0, low, room;
	uint64_t segment = spool->conf.segment_size;

	if (spool->peek)
		return 0;
	pthread_mutex_lock(&spool->lock);
	other += spool->quarantine_bytes + spool->deadletter_bytes;
	low = needed_from(spool);
	for (size_t i = delivered_count(spool); i < spool->seg_count; i++) {
		bool newest = i + 1 == spool->seg_count;

		if (!newest)
			held += spool->segs[i].size;
		else if (low < spool->durable_next)
			held += spool->index.end;
	}
	pthread_mutex_unlock(&spool->lock);
	room = other + segment < spool->conf.max_size ? (spool->conf.max_size - other) / segment - 1 : 0;
	room *= segment;
	return held >= room ? 100 : (unsigned)(held * 100 / room);
}

void space_unlink_doomed(struct spool *spool)
{
	const struct sys_io *io = spool->conf.io;
	char path[SPOOL_PATH_MAX];

	for (size_t i = spool->doomed_count; i-- > 0;) {
		struct doomed *doomed = &spool->doomed[i];
		int rc;

		if (doomed->number >= spool->low_durable)
			continue; /* not before the mark is on disk */
		rc = io->unlink(io->self, spool_segment_path(spool, path, doomed->number, doomed->first_seq));
		if (rc < 0 && rc != -ENOENT)
			continue;
		pthread_mutex_lock(&spool->lock);
		*doomed = spool->doomed[--spool->doomed_count];
		pthread_mutex_unlock(&spool->lock);
	}
}

void space_reclaim(struct spool *spool)
{
	size_t delivered, count = 0;

	pthread_mutex_lock(&spool->lock);
	delivered = delivered_count(spool);
	pthread_mutex_unlock(&spool->lock);
	while (count < delivered && !kept_for_replay(spool, count))
		count++;
	give_up(spool, count);
}

/* The new segment may be the spare; there must be room for a spare again behind it, which is the slice that repairs use. */
bool space_fits(struct spool *spool, uint64_t bytes)
{
	uint64_t used = space_used(spool);

	if (spool->spare_size >= bytes)
		used -= spool->spare_size;
	return used + bytes + spool->conf.segment_size + space_for_letters(spool) <= spool->conf.max_size;
}

bool space_for_segment(struct spool *spool, uint64_t bytes)
{
	while (!space_fits(spool, bytes)) {
		size_t delivered;

		pthread_mutex_lock(&spool->lock);
		delivered = delivered_count(spool);
		pthread_mutex_unlock(&spool->lock);
		if (!delivered)
			return false;
		give_up(spool, 1);
		if (spool->doomed_count)
			return false; /* the disk does not let go of them; the next maintain tries again */
	}
	return true;
}
