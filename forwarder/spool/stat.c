/* Facts for status and metrics; any thread. */
#include <stdio.h>
#include <string.h>

#include "spool/impl.h"

void spool_stat(struct spool *spool, struct spool_stat *stat)
{
	uint64_t used = space_used(spool), first;
	unsigned fill = spool_fill_percent(spool);

	pthread_mutex_lock(&spool->lock);
	*stat = spool->stat;
	stat->bytes = used;
	stat->fill_percent = fill;
	stat->open_losses = (unsigned)spool->state.loss_count;
	stat->quota_bytes = spool->peek ? 0 : spool->conf.max_size;
	first = spool->seg_count ? spool->segs[0].first_seq : spool->durable_next;
	stat->first_seq = first;
	stat->next_seq = spool->durable_next;
	stat->segments = spool->seg_count;
	stat->output_count = spool->state.cursor_count;
	for (size_t i = 0; i < spool->state.cursor_count; i++) {
		const struct spool_cursor_entry *c = &spool->state.cursors[i];
		struct spool_output_stat *o = &stat->outputs[i];

		memcpy(o->name, c->name, sizeof(o->name));
		o->cursor = c->seq;
		o->detached = (c->flags & CURSOR_DETACHED) != 0;
		o->orphaned = !c->known;
	}
	pthread_mutex_unlock(&spool->lock);
	stat->oldest_ns = spool_time_of(spool, first);
	if (spool->keys) {
		stat->encryption.next_key_id = keys_in_use(spool->keys);
		stat->encryption.keys_known = keys_count(spool->keys);
	}
}

static void count_report(void *arg, const char *name)
{
	uint64_t *count = arg;
	size_t size = strlen(name);

	*count += size > 4 && !strcmp(name + size - 4, ".txt"); /* each piece has one, copied or not */
}

/* The key of the newest segment. */
static uint32_t newest_key(struct spool *spool)
{
	const struct sys_io *io = spool->conf.io;
	struct crypt_params params = {0};
	char path[SPOOL_PATH_MAX];
	struct seg seg = {0};
	struct lg_err err;
	int handle;

	pthread_mutex_lock(&spool->lock);
	if (spool->seg_count)
		seg = spool->segs[spool->seg_count - 1];
	pthread_mutex_unlock(&spool->lock);
	handle = seg.number ? io->open(io->self, spool_segment_path(spool, path, seg.number, seg.first_seq), SYS_READ) : -1;
	if (handle < 0)
		return 0;
	if (segment_crypt_read(&params, io, handle, seg.number, seg.size, &err) != LG_OK)
		params.key_id = 0;
	io->close(io->self, handle);
	return params.key_id;
}

void spool_stat_disk(struct spool *spool, struct spool_stat *stat)
{
	const struct sys_io *io = spool->conf.io;
	char path[SPOOL_PATH_MAX];

	stat->quarantine_pieces = 0;
	io->list(io->self, spool_path(spool, path, "quarantine"), count_report, &stat->quarantine_pieces);
	stat->encryption.key_id = newest_key(spool);
}

bool spool_log_of(struct spool *spool, uint64_t seq, char log_id[33])
{
	bool found = false;

	pthread_mutex_lock(&spool->lock);
	if (spool->seg_count && seq >= spool->segs[0].first_seq && seq < spool->durable_next) {
		for (size_t i = 0; i < spool->range_count && spool->ranges[i].first_seq <= seq; i++) {
			spool_hex(log_id, spool->ranges[i].log_id);
			found = true;
		}
	}
	pthread_mutex_unlock(&spool->lock);
	return found;
}

/* The segment that holds seq, and the bytes of all behind it. False: seq is not durable yet. */
static bool find_segment(struct spool *spool, uint64_t seq, struct seg *seg, bool *newest, uint64_t *behind)
{
	bool found = false;

	*behind = 0;
	pthread_mutex_lock(&spool->lock);
	for (size_t i = spool->seg_count; i-- > 0 && seq < spool->durable_next;) {
		*newest = i + 1 == spool->seg_count;
		*seg = spool->segs[i];
		if (i == 0 || spool->segs[i].first_seq <= seq) {
			found = true;
			break;
		}
		*behind += seg->end ? seg->end : seg->size;
	}
	pthread_mutex_unlock(&spool->lock);
	return found;
}

/* The frame that holds seq, or the first behind it in that segment. False: none. *end: where the segment's frames end. */
static bool find_frame(
        struct spool *spool, uint64_t seq, const struct seg *seg, bool newest, struct frame_entry *entry, uint64_t *end)
{
	const struct frame_index *index = newest ? &spool->index : &spool->cached;
	pthread_mutex_t *lock = newest ? &spool->lock : &spool->index_lock;
	size_t i;
	bool found;

	pthread_mutex_lock(lock);
	if (!newest && spool->cached_number != seg->number) {
		char path[SPOOL_PATH_MAX];
		int handle = spool->conf.io->open(
		        spool->conf.io->self, spool_segment_path(spool, path, seg->number, seg->first_seq), SYS_READ);

		frame_index_fini(&spool->cached);
		spool->cached_number = 0;
		if (handle >= 0) {
			if (index_load(spool, handle, seg->number, seg->size, &spool->cached) == LG_OK)
				spool->cached_number = seg->number;
			spool->conf.io->close(spool->conf.io->self, handle);
		}
	}
	i = frame_index_find(index, seq < seg->first_seq ? seg->first_seq : seq);
	found = i < index->count;
	if (found)
		*entry = index->entries[i];
	*end = index->end;
	pthread_mutex_unlock(lock);
	return found;
}

uint64_t spool_bytes_from(struct spool *spool, uint64_t seq)
{
	struct frame_entry entry;
	struct seg seg;
	uint64_t behind, end;
	bool newest = false;

	if (!find_segment(spool, seq, &seg, &newest, &behind))
		return 0;
	if (find_frame(spool, seq, &seg, newest, &entry, &end))
		return behind + end - entry.offset;
	return behind;
}

/* Of the frame that holds seq: the lowest time of receipt, or the highest. */
static int64_t frame_time(struct spool *spool, uint64_t seq, bool highest)
{
	struct frame_entry entry;
	struct lg_batch *batch;
	struct seg seg;
	uint64_t behind, end;
	bool newest = false;
	int64_t ns;

	pthread_mutex_lock(&spool->lock);
	batch = spool->tail_count ? tail_find(spool, seq) : NULL;
	pthread_mutex_unlock(&spool->lock);
	if (batch) {
		ns = highest ? batch->last_ns : batch->first_ns;
		lg_batch_release(batch);
		return ns;
	}
	while (find_segment(spool, seq, &seg, &newest, &behind)) {
		if (find_frame(spool, seq, &seg, newest, &entry, &end))
			return highest ? entry.last_ns : entry.first_ns;
		if (newest)
			return 0;
		seq = spool_segment_end(spool, seg.number);
	}
	return 0;
}

int64_t spool_time_of(struct spool *spool, uint64_t seq)
{
	return frame_time(spool, seq, false);
}

int64_t spool_newest_time(struct spool *spool)
{
	uint64_t next = spool_durable_next(spool);

	return next > 1 ? frame_time(spool, next - 1, true) : 0;
}

bool spool_segment_listed(struct spool *spool, uint64_t number)
{
	bool listed = false;

	pthread_mutex_lock(&spool->lock);
	for (size_t i = 0; i < spool->seg_count && !listed; i++)
		listed = spool->segs[i].number == number;
	pthread_mutex_unlock(&spool->lock);
	return listed;
}

uint64_t spool_segment_end(struct spool *spool, uint64_t number)
{
	uint64_t seq;

	pthread_mutex_lock(&spool->lock);
	seq = spool->durable_next;
	for (size_t i = 0; i + 1 < spool->seg_count; i++)
		if (spool->segs[i].number == number)
			seq = spool->segs[i + 1].first_seq;
	pthread_mutex_unlock(&spool->lock);
	return seq;
}
