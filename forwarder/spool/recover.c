/* Start-up: which records there are, which of them were acknowledged, and where every input and output stands.
 * The rules are DESIGN section 1.6; SPOOL.md, "Recovery", has them step by step. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "spool/impl.h"

#define REWRITE_SIZE (256u << 10)

static int open_segment(struct spool *spool, const struct seg *seg)
{
	char path[SPOOL_PATH_MAX];

	return spool->conf.io->open(spool->conf.io->self, spool_segment_path(spool, path, seg->number, seg->first_seq),
	        spool->peek ? SYS_READ : SYS_WRITE);
}

static void use_header(struct spool *spool, const struct segment_header *header)
{
	if (spool->state_lost && !spool->state.rebuilt) {
		memcpy(spool->state.cursors, header->cursors, header->cursor_count * sizeof(*header->cursors));
		spool->state.cursor_count = header->cursor_count;
	}
	for (size_t i = 0; i < header->range_count; i++) {
		spool->ranges = mem_grow(spool->ranges, &spool->range_cap, spool->range_count + 1, sizeof(*spool->ranges));
		spool->ranges[spool->range_count++] = header->ranges[i];
	}
}

/* What the newest segment was encrypted with has to be there: a start with another key file, or without one, is a mistake that is
 * told before a byte is written. */
static enum lg_rc check_key(struct spool *spool, const struct segment_header *header, struct lg_err *err)
{
	if (spool->peek || keys_fit(spool->keys, &header->crypt, err) == LG_OK)
		return LG_OK;
	return lg_err_prepend(err, "segment %llu", (unsigned long long)header->number);
}

/* Finds the newest segment whose header verifies: *base is its place in the list, seg_count where there is none. *from[] starts
 * behind it. */
static enum lg_rc find_base(struct spool *spool, size_t *base, uint64_t *from, struct lg_err *err)
{
	const uint8_t none[16] = {0};
	struct segment_header header;

	for (size_t i = spool->seg_count; i-- > 0;) {
		int handle = open_segment(spool, &spool->segs[i]);
		enum lg_rc rc;

		if (handle < 0)
			return recover_refused(&spool->segs[i], -handle, err);
		posmap_fini(&spool->positions);
		rc = segment_header_read(&header, &spool->positions, spool->conf.io, handle, spool->segs[i].number, err);
		spool->conf.io->close(spool->conf.io->self, handle);
		if (rc == LG_OK && memcmp(spool->state.spool_id, none, 16) != 0 &&
		        memcmp(spool->state.spool_id, header.spool_id, 16) != 0)
			rc = lg_err_set(
			        err, LG_INVALID, "segment %llu belongs to another spool", (unsigned long long)header.number);
		if (rc == LG_OK)
			rc = check_key(spool, &header, err);
		if (rc == LG_OK) {
			memcpy(spool->state.spool_id, header.spool_id, 16);
			use_header(spool, &header);
			*base = i;
			*from = header.size;
			spool->old_before = header.prev_number;
			spool->old_before_end = header.prev_end;
			segment_header_fini(&header);
			return LG_OK;
		}
		segment_header_fini(&header);
		if (rc != LG_CORRUPT && !(rc == LG_IO && err->sys_errno == EIO))
			return rc;
		log_error("spool %s: %s; positions are taken from the segment before", spool->dir, err->text);
		spool->stat.corrupt_frames++;
	}
	posmap_fini(&spool->positions);
	*base = spool->seg_count;
	return LG_OK;
}

static void note_range(struct spool *spool, const uint8_t log_id[16], uint64_t first_seq)
{
	if (spool->range_count && memcmp(spool->ranges[spool->range_count - 1].log_id, log_id, 16) == 0)
		return;
	spool->ranges = mem_grow(spool->ranges, &spool->range_cap, spool->range_count + 1, sizeof(*spool->ranges));
	memcpy(spool->ranges[spool->range_count].log_id, log_id, 16);
	spool->ranges[spool->range_count++].first_seq = first_seq;
}

static void set_aside_tail(struct spool *spool, int handle, uint64_t number, const struct tip_scan *scan)
{
	struct quarantine_piece piece = {
	        number, scan->torn_from, scan->torn_to, scan->torn_seq, 0, "torn: an append that was never acknowledged"};
	uint64_t bytes = scan->torn_to - scan->torn_from;

	spool->stat.torn_bytes += bytes;
	if (spool->peek)
		return;
	log_warning("spool %s: segment %llu: %llu bytes at %llu were never acknowledged (a torn tail); set aside in quarantine",
	        spool->dir, (unsigned long long)number, (unsigned long long)bytes, (unsigned long long)scan->torn_from);
	spool->old_keep = !quarantine_bytes(spool, handle, &piece);
}

/* What was accepted above the mark may lie in the page cache only, and must not be shown before it is on the disk. A sync alone
 * does not do: where one failed just before the process died, Linux keeps the pages as clean, and the next sync has nothing to
 * say. So the bytes are written again. */
static int make_durable(struct spool *spool, int handle, uint64_t from, uint64_t to)
{
	const struct sys_io *io = spool->conf.io;
	int rc = 0;

	while (from < to && rc == 0) {
		size_t ask = to - from < REWRITE_SIZE ? (size_t)(to - from) : REWRITE_SIZE;
		ssize_t n;
		struct iovec iov;

		lg_buf_clear(&spool->bytes);
		n = io->pread(io->self, handle, lg_buf_reserve(&spool->bytes, ask), ask, from);
		if (n != (ssize_t)ask)
			return n < 0 ? (int)n : -EIO;
		iov = (struct iovec){spool->bytes.data, ask};
		rc = io->pwritev(io->self, handle, &iov, 1, from);
		from += ask;
	}
	return rc == 0 ? io->fsync(io->self, handle) : rc;
}

/* Folds segment i; the newest one becomes what the log goes on from. */
static enum lg_rc fold_segment(struct spool *spool, size_t i, uint64_t from, struct lg_err *err)
{
	const struct sys_io *io = spool->conf.io;
	struct seg *seg = &spool->segs[i];
	bool newest = i + 1 == spool->seg_count;
	uint64_t mark = spool->state.segment == seg->number ? spool->state.durable_offset : 0;
	struct tip_scan scan = {.next_seq = seg->first_seq, .stop_seq = newest ? 0 : seg[1].first_seq};
	int handle = open_segment(spool, seg), rc;
	enum lg_rc result;

	if (handle < 0)
		return recover_refused(seg, -handle, err);
	result = recover_scan(spool, handle, seg->number, from, seg->size, mark, &spool->positions, spool->peek, &scan, err);
	if (result != LG_OK)
		goto done;
	/* Where the header is bad, the scan met it as well: it counts once. */
	spool->stat.corrupt_frames += scan.corrupt && !from ? scan.corrupt - 1 : scan.corrupt;
	if (scan.index.count)
		note_range(spool, scan.log_id, seg->first_seq);
	if (!newest)
		goto done;
	if (scan.torn_to > scan.torn_from)
		set_aside_tail(spool, handle, seg->number, &scan);
	spool->old_keep |= scan.unread; /* the disk may give it some day: no footer without its frames */
	rc = spool->peek ? 0 : make_durable(spool, handle, scan.mark, scan.end);
	if (rc < 0) {
		result = lg_err_sys(err, -rc, "syncing segment %llu", (unsigned long long)seg->number);
		goto done;
	}
	seg->end = scan.end;
	spool->prev_number = seg->number;
	spool->prev_end = scan.end;
	if (scan.next_seq > spool->next_seq)
		spool->next_seq = scan.next_seq;
	if (!spool->state.spool_id[0] && scan.index.count && spool_tag(spool->state.spool_id) == 0)
		spool->found_tag = scan.tag;
	spool->index = scan.index;
	scan.index = (struct frame_index){0};
done:
	frame_index_fini(&scan.index);
	io->close(io->self, handle);
	return result;
}

/* Segments below the low-water mark were given up before the crash: deletion goes on. */
static void doom_below(struct spool *spool, uint64_t low_number)
{
	size_t gone = 0;

	while (gone < spool->seg_count && spool->segs[gone].number < low_number)
		gone++;
	for (size_t i = 0; i < gone; i++) {
		spool->doomed = mem_grow(spool->doomed, &spool->doomed_cap, spool->doomed_count + 1, sizeof(*spool->doomed));
		spool->doomed[spool->doomed_count++] =
		        (struct doomed){spool->segs[i].number, spool->segs[i].first_seq, spool->segs[i].size};
	}
	if (gone)
		memmove(spool->segs, spool->segs + gone, (spool->seg_count - gone) * sizeof(*spool->segs));
	spool->seg_count -= gone;
}

static enum lg_rc ensure_id(struct spool *spool, struct lg_err *err)
{
	const uint8_t none[16] = {0};
	int rc;

	if (memcmp(spool->state.spool_id, none, 16) != 0 || spool->peek)
		return LG_OK;
	rc = sys_random(spool->state.spool_id, 16);
	if (rc < 0)
		return lg_err_sys(err, -rc, "drawing the spool id");
	spool->state.spool_id[0] |= 1; /* never all zeros: that means unknown */
	for (int i = 0; spool->found_tag && i < 8; i++)
		spool->state.spool_id[i] = (uint8_t)(spool->found_tag >> (56 - 8 * i)); /* so that old frames still belong */
	return LG_OK;
}

static enum lg_rc settle_numbers(struct spool *spool, struct lg_err *err)
{
	struct state *state = &spool->state;

	if (spool->next_seq < 1)
		spool->next_seq = 1;
	if (state->durable_upto > spool->next_seq) {
		log_error("spool %s: records %llu to %llu were durable and are missing", spool->dir,
		        (unsigned long long)spool->next_seq, (unsigned long long)state->durable_upto - 1);
		spool->next_seq = state->durable_upto;
	}
	for (size_t i = 0; i < state->cursor_count; i++)
		if (state->cursors[i].seq > spool->next_seq)
			spool->next_seq = state->cursors[i].seq;
	if (!state->next_number)
		state->next_number = 1;
	if (spool->seg_count && state->next_number <= spool->segs[spool->seg_count - 1].number)
		state->next_number = spool->segs[spool->seg_count - 1].number + 1;
	spool->durable_next = spool->next_seq;
	spool->stat.next_seq = spool->next_seq;
	if (!spool->peek && (spool->next_seq > COUNTER_END || state->next_number > COUNTER_END || !state->next_number || state->generation > COUNTER_END))
		return lg_err_set(err, LG_INVALID,
		        "sequence %llu, segment number %llu, state generation %llu: one of them is at its end; `lugger spool export` still reads "
		        "the records; begin with an empty data_dir",
		        (unsigned long long)spool->next_seq, (unsigned long long)state->next_number, (unsigned long long)state->generation);
	return LG_OK;
}

/* A newest segment without a frame goes away, or each start on a full quota would add one. The next header then names the one
 * before it. */
static void note_empty(struct spool *spool, size_t base)
{
	if (!spool->seg_count || spool->old_index.count || base + 1 != spool->seg_count || spool->stat.torn_bytes ||
	        spool->stat.corrupt_frames || spool->segs[base].first_seq != spool->next_seq)
		return;
	spool->old_empty = true;
	spool->prev_number = spool->old_before;
	spool->prev_end = spool->old_before_end;
}

static void remove_old(struct spool *spool, struct seg *seg)
{
	const struct sys_io *io = spool->conf.io;
	size_t behind = spool->seg_count - (size_t)(seg - spool->segs) - 1;
	char path[SPOOL_PATH_MAX];

	if (io->unlink(io->self, spool_segment_path(spool, path, seg->number, seg->first_seq)) < 0)
		return;
	io->sync_dir(io->self, spool->dir); /* or a power loss brings it back, and starts in a full spool would add up */
	memmove(seg, seg + 1, behind * sizeof(*seg));
	spool->seg_count--;
}

enum lg_rc recover_spool(struct spool *spool, struct lg_err *err)
{
	size_t base = 0;
	uint64_t from = 0;
	enum lg_rc rc = recover_list(spool, err);

	if (rc == LG_OK)
		rc = recover_state(spool, err);
	if (rc != LG_OK)
		return rc;
	spool->low_durable = spool->state.low_number;
	doom_below(spool, spool->state.low_number);
	rc = find_base(spool, &base, &from, err);
	if (rc != LG_OK)
		return rc;
	if (base == spool->seg_count)
		base = from = 0;
	for (size_t i = base; rc == LG_OK && i < spool->seg_count; i++, from = 0)
		rc = fold_segment(spool, i, from, err);
	if (rc == LG_OK)
		rc = ensure_id(spool, err);
	if (rc != LG_OK)
		return rc;
	rc = settle_numbers(spool, err);
	if (rc != LG_OK)
		return rc;
	if (!spool->peek) {
		spool->state.rebuilt = spool->state_lost; /* until a stop in order: by then every output has its cursor */
		recover_tidy(spool);
		recover_spare(spool);
		spool->old_index = spool->index;
		spool->index = (struct frame_index){0};
		spool->old_number = spool->seg_count ? spool->segs[spool->seg_count - 1].number : 0;
		note_empty(spool, base);
	}
	return LG_OK;
}

static struct seg *find_old(struct spool *spool)
{
	for (size_t i = spool->seg_count; i-- > 0;)
		if (spool->segs[i].number == spool->old_number)
			return i + 1 < spool->seg_count ? &spool->segs[i] : NULL;
	return NULL;
}

/* Footer and final size for what was the newest segment. Every reader does without; so a failure costs disk space only. */
static int seal_old(struct spool *spool, struct seg *seg)
{
	const struct sys_io *io = spool->conf.io;
	struct iovec iov;
	int handle = open_segment(spool, seg), rc;

	if (handle < 0)
		return handle;
	lg_buf_clear(&spool->bytes);
	segment_footer_encode(seg->number, &spool->old_index, &spool->bytes);
	iov = (struct iovec){spool->bytes.data, spool->bytes.size};
	rc = io->truncate(io->self, handle, seg->end);
	if (rc == 0)
		rc = io->fsync(io->self, handle);
	if (rc == 0)
		rc = io->pwritev(io->self, handle, &iov, 1, seg->end);
	if (rc == 0)
		rc = io->fsync(io->self, handle);
	if (rc == 0)
		seg->size = seg->end + spool->bytes.size;
	io->close(io->self, handle);
	return rc;
}

void recover_finish(struct spool *spool)
{
	struct seg *seg = find_old(spool);
	int rc;

	if (seg && spool->old_index.count)
		seg->last_ns = spool->old_index.entries[spool->old_index.count - 1].last_ns;
	if (seg && spool->old_empty) {
		remove_old(spool, seg);
	} else if (seg && !spool->old_keep) {
		rc = seal_old(spool, seg);
		if (rc < 0)
			log_warning("spool %s: segment %llu could not be sealed (%s); it is read without a footer", spool->dir,
			        (unsigned long long)seg->number, strerror(-rc));
	}
	frame_index_fini(&spool->old_index);
}
