/* The newest segment: created, published, sealed, abandoned. The order of steps is SPOOL.md, "Order of steps". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/lugger_plugin.h"
#include "base/log.h"
#include "spool/impl.h"

#define SPARE "spare"
#define SPARE_NEW "spare.tmp"
#define SEGMENT_NEW "segment.tmp"

static uint64_t page_up(uint64_t size)
{
	return (size + SEGMENT_PAGE - 1) / SEGMENT_PAGE * SEGMENT_PAGE;
}

/* Ranges that lie wholly below the first kept sequence, or that hold nothing, need no place in a header. */
static void trim_ranges(struct spool *spool, uint64_t low_seq)
{
	size_t kept = 0;

	pthread_mutex_lock(&spool->lock);
	for (size_t i = 0; i < spool->range_count; i++) {
		bool last = i + 1 == spool->range_count;

		if (!last && (spool->ranges[i + 1].first_seq <= low_seq ||
		                     spool->ranges[i + 1].first_seq == spool->ranges[i].first_seq))
			continue;
		spool->ranges[kept++] = spool->ranges[i];
	}
	spool->range_count = kept;
	pthread_mutex_unlock(&spool->lock);
}

/* The cipher of the segment that comes next: the key in use now, and a salt that no other segment has. */
static enum lg_rc turn_key(struct spool *spool, struct crypt_params *params, struct lg_err *err)
{
	crypt_free(spool->cipher);
	spool->cipher = NULL;
	if (!spool->keys)
		return LG_OK;
	spool_reload_keys(spool);
	keys_begin(spool->keys, params->salt, params);
	spool->cipher_key = params->key_id;
	return keys_cipher(spool->keys, params, true, &spool->cipher, err);
}

static enum lg_rc fill_header(struct spool *spool, struct segment_header *header, struct lg_err *err)
{
	int rc;

	*header = (struct segment_header){0};
	header->created_ns = clock_utc(spool->conf.clock);
	header->first_seq = spool->durable_next;
	header->prev_number = spool->prev_number;
	header->prev_end = spool->prev_end;
	header->low_seq = spool->seg_count ? spool->segs[0].first_seq : spool->durable_next;
	memcpy(header->spool_id, spool->state.spool_id, 16);
	rc = sys_random(header->crypt.salt, sizeof(header->crypt.salt));
	if (rc < 0)
		return lg_err_sys(err, -rc, "drawing a salt");
	trim_ranges(spool, header->low_seq);
	header->ranges = spool->ranges;
	header->range_count = spool->range_count;
	return turn_key(spool, &header->crypt, err);
}

static void set_spare(struct spool *spool, uint64_t size)
{
	pthread_mutex_lock(&spool->lock);
	spool->spare_size = size;
	pthread_mutex_unlock(&spool->lock);
}

/* The header's bytes in spool->head. The size to allocate depends on the header's own, and is a fixed field of it: encoded twice.
 */
static enum lg_rc prepare_header(
        struct spool *spool, struct segment_header *header, uint64_t frame_bytes, bool bare, struct lg_err *err)
{
	enum lg_rc rc = fill_header(spool, header, err);
	uint64_t need;

	if (rc != LG_OK)
		return rc;
	pthread_mutex_lock(&spool->lock);
	header->number = spool->state.next_number++;
	header->cursors = spool->state.cursors;
	header->cursor_count = spool->state.cursor_count;
	rc = segment_header_encode(header, &spool->positions, &spool->head, err);
	if (rc == LG_OK) {
		need = page_up(header->size + frame_bytes + segment_footer_size(64));
		header->allocated = bare || need > spool->conf.segment_size ? need : spool->conf.segment_size;
		rc = segment_header_encode(header, &spool->positions, &spool->head, err);
	}
	pthread_mutex_unlock(&spool->lock);
	return rc;
}

static int write_all(const struct sys_io *io, int handle, const struct lg_buf *bytes, uint64_t at)
{
	struct iovec iov = {bytes->data, bytes->size};

	return io->pwritev(io->self, handle, &iov, 1, at);
}

/* A file with `size` reserved bytes of zeros under a temporary name; its handle, or -errno with nothing left behind. */
static int create_zeroed(struct spool *spool, const char *path, uint64_t size)
{
	const struct sys_io *io = spool->conf.io;
	int handle, rc;

	io->unlink(io->self, path); /* left behind by a crash */
	handle = io->open(io->self, path, SYS_WRITE | SYS_CREATE | SYS_EXCLUSIVE);
	if (handle < 0)
		return handle;
	rc = io->allocate(io->self, handle, size);
	if (rc < 0) {
		io->close(io->self, handle);
		io->unlink(io->self, path);
		return rc;
	}
	return handle;
}

static void add_segment(struct spool *spool, const struct segment_header *header)
{
	struct seg seg = {
	        .number = header->number, .first_seq = header->first_seq, .size = header->allocated, .end = header->size};

	pthread_mutex_lock(&spool->lock);
	spool->segs = mem_grow(spool->segs, &spool->seg_cap, spool->seg_count + 1, sizeof(*spool->segs));
	spool->segs[spool->seg_count++] = seg;
	spool->index.count = 0;
	spool->index.next_seq = header->first_seq;
	spool->index.end = header->size;
	spool->state_dirty = true;
	pthread_mutex_unlock(&spool->lock);
}

/* bare: no larger than its header needs, and no frame will fit. */
static enum lg_rc create(struct spool *spool, uint64_t frame_bytes, bool bare, struct lg_err *err)
{
	const struct sys_io *io = spool->conf.io;
	char from[SPOOL_PATH_MAX], to[SPOOL_PATH_MAX];
	struct segment_header header;
	const char *step = "creating";
	bool spare, named = false;
	int handle = -1, rc;
	enum lg_rc result = prepare_header(spool, &header, frame_bytes, bare, err);

	if (result != LG_OK)
		return result;
	spare = !bare && spool->spare_size >= header.allocated;
	spool_path(spool, from, spare ? SPARE : SEGMENT_NEW);
	spool_segment_path(spool, to, header.number, header.first_seq);
	rc = handle = spare ? io->open(io->self, from, SYS_WRITE) : create_zeroed(spool, from, header.allocated);
	if (rc < 0)
		goto done;
	step = "writing the header of";
	rc = write_all(io, handle, &spool->head, 0);
	if (rc == 0)
		rc = io->fsync(io->self, handle);
	if (rc < 0)
		goto done;
	step = "publishing";
	rc = io->rename(io->self, from, to);
	named = rc == 0;
	if (rc == 0)
		rc = io->sync_dir(io->self, spool->dir);
done:
	if (spare && (rc < 0 || named))
		set_spare(spool, 0);
	if (rc < 0) {
		if (handle >= 0)
			io->close(io->self, handle);
		io->unlink(io->self, named ? to : from);
		return lg_err_sys(err, -rc, "%s segment %llu", step, (unsigned long long)header.number);
	}
	add_segment(spool, &header);
	spool->tip = (struct tip){handle, bare ? header.size : header.allocated, header.size};
	spool->tip_before = header.prev_number;
	spool->tip_before_end = header.prev_end;
	spool->prev_number = header.number;
	spool->prev_end = header.size;
	return LG_OK;
}

enum lg_rc roll_create(struct spool *spool, uint64_t frame_bytes, struct lg_err *err)
{
	return create(spool, frame_bytes, false, err);
}

enum lg_rc roll_create_first(struct spool *spool, struct lg_err *err)
{
	return create(spool, 0, !space_fits(spool, spool->conf.segment_size), err);
}

/* A failed segment without one durable frame goes away again, or each retry on a sick disk would leave one behind. */
static void drop_empty_tip(struct spool *spool)
{
	const struct sys_io *io = spool->conf.io;
	char path[SPOOL_PATH_MAX];
	struct seg *seg = &spool->segs[spool->seg_count - 1];

	if (io->unlink(io->self, spool_segment_path(spool, path, seg->number, seg->first_seq)) < 0)
		return; /* empty, it does no harm */
	pthread_mutex_lock(&spool->lock);
	spool->seg_count--;
	pthread_mutex_unlock(&spool->lock);
	spool->prev_number = spool->tip_before; /* the list need not know where a segment of an earlier process ends */
	spool->prev_end = spool->tip_before_end;
}

void roll_abandon(struct spool *spool)
{
	const struct sys_io *io = spool->conf.io;
	bool shortened, empty;

	spool->broken = true;
	if (spool->tip.handle < 0)
		return;
	shortened = io->truncate(io->self, spool->tip.handle, spool->prev_end) == 0;
	io->close(io->self, spool->tip.handle);
	spool->tip.handle = -1;
	pthread_mutex_lock(&spool->lock);
	if (shortened)
		spool->segs[spool->seg_count - 1].size = spool->prev_end;
	while (spool->index.count && spool->index.entries[spool->index.count - 1].offset >= spool->prev_end)
		spool->index.count--;
	spool->index.next_seq = spool->durable_next;
	spool->index.end = spool->prev_end;
	empty = !spool->index.count && spool->seg_count > 1;
	pthread_mutex_unlock(&spool->lock);
	if (empty)
		drop_empty_tip(spool);
}

/* The tip's footer and its final size, in the file and synced. */
static int finish_tip(struct spool *spool)
{
	const struct sys_io *io = spool->conf.io;
	struct tip *tip = &spool->tip;
	int rc = 0;

	lg_buf_clear(&spool->bytes);
	segment_footer_encode(spool->prev_number, &spool->index, &spool->bytes); /* the writer alone changes the index */
	rc = write_all(io, tip->handle, &spool->bytes, tip->end);
	if (rc == 0)
		rc = io->truncate(io->self, tip->handle, tip->end + spool->bytes.size);
	if (rc == 0)
		rc = io->fsync(io->self, tip->handle);
	return rc;
}

enum lg_rc roll_seal(struct spool *spool, struct lg_err *err)
{
	const struct sys_io *io = spool->conf.io;
	struct seg *seg;
	int rc;

	if (spool->tip.handle < 0)
		return LG_OK;
	rc = finish_tip(spool);
	if (rc < 0) {
		roll_abandon(spool);
		return lg_err_sys(err, -rc, "sealing segment %llu", (unsigned long long)spool->prev_number);
	}
	if (spool->pending_count) {
		enum lg_rc result = place_confirm(spool, err);

		if (result != LG_OK)
			return result;
	}
	roll_publish(spool);
	if (spool->wake)
		spool->wake(spool->wake_arg);
	io->close(io->self, spool->tip.handle);
	spool->tip.handle = -1;
	pthread_mutex_lock(&spool->lock);
	seg = &spool->segs[spool->seg_count - 1];
	seg->size = spool->tip.end + spool->bytes.size;
	seg->end = spool->tip.end;
	seg->last_ns = spool->index.count ? spool->index.entries[spool->index.count - 1].last_ns : 0;
	pthread_mutex_unlock(&spool->lock);
	return LG_OK;
}

void roll_publish(struct spool *spool)
{
	pthread_mutex_lock(&spool->lock);
	for (size_t i = 0; i < spool->pending_count; i++) {
		struct lg_batch *batch = spool->pending[i].batch;

		batch_drop_stored(batch);
		tail_push(spool, batch);
	}
	spool->durable_next = spool->next_seq;
	spool->durable_appends = spool->append_count;
	spool->segs[spool->seg_count - 1].end = spool->tip.end;
	spool->stat.next_seq = spool->durable_next;
	if (spool->pending_count)
		spool->state_dirty = true;
	pthread_mutex_unlock(&spool->lock);
	spool->prev_end = spool->tip.end;
	for (size_t i = 0; i < spool->pending_count; i++) {
		struct lg_batch *batch = spool->pending[i].batch;

		posmap_put_encoded(&spool->positions, lg_str_from(batch->input), batch->positions.data, batch->positions.size);
		lg_batch_release(batch);
	}
	spool->pending_count = 0;
	spool->pending_bytes = 0;
}

void roll_keep_spare(struct spool *spool)
{
	const struct sys_io *io = spool->conf.io;
	char from[SPOOL_PATH_MAX], to[SPOOL_PATH_MAX];
	int handle, rc;

	if (spool->spare_size || space_used(spool) + space_for_letters(spool) + spool->conf.segment_size > spool->conf.max_size)
		return;
	spool_path(spool, from, SPARE_NEW);
	spool_path(spool, to, SPARE);
	handle = create_zeroed(spool, from, spool->conf.segment_size);
	if (handle < 0)
		return; /* no spare is no failure: the roll tries again, and says so */
	rc = io->fsync(io->self, handle);
	io->close(io->self, handle);
	if (rc == 0)
		rc = io->rename(io->self, from, to);
	if (rc == 0)
		rc = io->sync_dir(io->self, spool->dir);
	if (rc == 0)
		set_spare(spool, spool->conf.segment_size);
	else
		io->unlink(io->self, from);
}
