#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "spool/lock.h"
#include "spool/repair_impl.h"

void repair_say(struct work *w, bool can, const char *what)
{
	char line[400];

	if (w->apply)
		return; /* the plan was said before */
	*(can ? &w->repair->planned : &w->repair->left) += 1;
	if (w->seg)
		snprintf(line, sizeof(line), "segment %llu: %s", (unsigned long long)w->seg->number, what);
	else
		snprintf(line, sizeof(line), "%s", what);
	w->repair->say(w->repair->arg, line, can);
}

/* ---- looking ---- */

static void add_region(struct work *w, const struct region *before, uint64_t from, uint64_t to)
{
	struct region *last = w->region_count ? &w->regions[w->region_count - 1] : NULL;

	if (last && last->to == from) { /* neighbours are one */
		last->to = to;
		return;
	}
	w->regions = mem_grow(w->regions, &w->region_cap, w->region_count + 1, sizeof(*w->regions));
	w->regions[w->region_count] = *before;
	w->regions[w->region_count].from = from;
	w->regions[w->region_count++].to = to;
}

static enum lg_rc find_regions(struct work *w, struct lg_err *err)
{
	const struct sys_io *io = w->repair->io;
	struct region before = {.first_seq = w->seg->first_seq};
	uint64_t good = w->header_size;
	struct segment_scan scan;
	struct scan_item item;
	enum scan_kind kind;
	int error;

	w->region_count = 0;
	segment_scan_begin(&scan, io, w->handle, w->seg->number, spool_tag(w->spool->state.spool_id), w->header_size, w->end);
	while ((kind = segment_scan_next(&scan, &item)) == SCAN_FRAME || kind == SCAN_BAD) {
		bool bad = kind == SCAN_BAD || segment_payload_check(io, w->handle, &item.frame, item.from, &error) != LG_OK;

		if (kind == SCAN_BAD && scan.at >= w->end)
			break; /* up to the end: below */
		if (bad) {
			add_region(w, &before, item.from, item.to);
		} else {
			before.first_seq = item.frame.first_seq + item.frame.count;
			before.durable_upto = item.frame.durable_upto;
			before.durable_offset = item.frame.durable_offset;
			memcpy(before.log_id, item.frame.log_id, 16);
		}
		good = item.to;
	}
	segment_scan_end(&scan);
	if (kind == SCAN_ERROR)
		return lg_err_sys(err, -scan.error, "segment %llu", (unsigned long long)w->seg->number);
	if (kind == SCAN_UNSUPPORTED)
		return lg_err_set(err, LG_UNSUPPORTED, "segment %llu: written by a later version of Lugger", (unsigned long long)w->seg->number);
	if (w->end_known && good < w->end)
		add_region(w, &before, good, w->end);
	else if (!w->end_known)
		w->end = good;
	return LG_OK;
}

void repair_find_end(struct work *w)
{
	const struct sys_io *io = w->repair->io;
	struct frame_index index = {0};
	struct segment_header next;
	char path[SPOOL_PATH_MAX];
	int other;

	w->end = w->seg->size;
	w->end_known = w->sealed = false;
	if (w->newest) {
		w->end = w->seg->end;
		w->end_known = true;
		return;
	}
	w->sealed = segment_footer_read(&index, io, w->handle, w->seg->number, w->seg->size) == LG_OK;
	if (w->sealed) {
		w->end = index.end;
		w->end_known = true;
	}
	frame_index_fini(&index);
	other = w->sealed ? -1 : io->open(io->self, spool_segment_path(w->spool, path, w->seg[1].number, w->seg[1].first_seq), SYS_READ);
	if (other < 0)
		return;
	if (segment_header_read(&next, NULL, io, other, w->seg[1].number, NULL) == LG_OK && next.prev_number == w->seg->number &&
	        next.prev_end <= w->seg->size) {
		w->end = next.prev_end;
		w->end_known = true;
	}
	segment_header_fini(&next);
	io->close(io->self, other);
}

static bool fillable(const struct region *region)
{
	return region->from % FRAME_ALIGN == 0 && region->to % FRAME_ALIGN == 0 && region->to - region->from >= frame_header_size(0, 0);
}

static bool wants_footer(const struct work *w)
{
	return !w->newest && w->end_known && (!w->sealed || w->region_count);
}

/* ---- doing ---- */

static int write_zeros(const struct sys_io *io, int handle, uint64_t from, uint64_t to, uint32_t *crc)
{
	uint8_t *zeros = mem_zalloc(REPAIR_CHUNK);
	int rc = 0;

	*crc = 0;
	for (; from < to && rc == 0; from += REPAIR_CHUNK) {
		struct iovec iov = {zeros, to - from < REPAIR_CHUNK ? (size_t)(to - from) : REPAIR_CHUNK};

		*crc = crc32c(*crc, zeros, iov.iov_len);
		rc = io->pwritev(io->self, handle, &iov, 1, from);
	}
	free(zeros);
	return rc;
}

/* Frames without records in the place of what was there; several where it is larger than a payload may be. */
static enum lg_rc fill(struct work *w, const struct region *region, struct lg_err *err)
{
	const struct sys_io *io = w->repair->io;
	uint32_t head = frame_header_size(0, 0);
	struct lg_buf bytes = {0};
	enum lg_rc result = LG_OK;
	uint64_t at = region->from;
	int rc = 0;

	while (at < region->to && rc == 0 && result == LG_OK) {
		uint64_t left = region->to - at, payload = left - head;
		struct frame_header h = {.spool_tag = spool_tag(w->spool->state.spool_id), .segment = w->seg->number, .offset = at,
		        .first_seq = region->first_seq, .index = SEGMENT_FRAMES_MAX - 1, .durable_upto = region->durable_upto,
		        .durable_offset = region->durable_offset, .first_ns = 0, .last_ns = 0};
		struct iovec iov;

		if (payload > BATCH_MAX_RAW)
			payload = BATCH_MAX_RAW / 2; /* what is left then holds a frame too */
		h.raw_size = h.stored_size = (uint32_t)payload;
		memcpy(h.log_id, region->log_id, 16);
		rc = write_zeros(io, w->handle, at + head, at + head + payload, &h.payload_crc);
		lg_buf_clear(&bytes);
		result = frame_encode(&h, &bytes, err);
		iov = (struct iovec){bytes.data, bytes.size};
		if (rc == 0 && result == LG_OK)
			rc = io->pwritev(io->self, w->handle, &iov, 1, at);
		at += head + payload;
	}
	lg_buf_fini(&bytes);
	return rc < 0 ? lg_err_sys(err, -rc, "segment %llu: writing at %llu", (unsigned long long)w->seg->number, (unsigned long long)at) : result;
}

/* The footer of what is there now; the file ends behind it. */
static enum lg_rc write_footer(struct work *w, struct lg_err *err)
{
	const struct sys_io *io = w->repair->io;
	struct frame_index index = {.next_seq = w->seg->first_seq, .end = w->end};
	struct lg_buf bytes = {0};
	struct segment_scan scan;
	struct scan_item item;
	struct iovec iov;
	int rc;

	segment_scan_begin(&scan, io, w->handle, w->seg->number, spool_tag(w->spool->state.spool_id), w->header_size, w->end);
	while (segment_scan_next(&scan, &item) == SCAN_FRAME) {
		frame_index_add(&index, &(struct frame_entry){item.from, item.frame.first_seq, item.frame.first_ns, item.frame.last_ns});
		index.next_seq = item.frame.first_seq + item.frame.count;
	}
	segment_scan_end(&scan);
	segment_footer_encode(w->seg->number, &index, &bytes);
	iov = (struct iovec){bytes.data, bytes.size};
	rc = io->truncate(io->self, w->handle, w->end);
	if (rc == 0)
		rc = io->pwritev(io->self, w->handle, &iov, 1, w->end);
	lg_buf_fini(&bytes);
	frame_index_fini(&index);
	return rc < 0 ? lg_err_sys(err, -rc, "segment %llu: writing the footer", (unsigned long long)w->seg->number) : LG_OK;
}

static int copy_file(const struct sys_io *io, int from, int to)
{
	uint8_t *bytes = mem_alloc(REPAIR_CHUNK);
	uint64_t at = 0;
	ssize_t n;
	int rc = 0;

	while (rc == 0 && (n = io->pread(io->self, from, bytes, REPAIR_CHUNK, at)) != 0) {
		struct iovec iov = {bytes, n > 0 ? (size_t)n : 0};

		rc = n < 0 ? (int)n : io->pwritev(io->self, to, &iov, 1, at);
		at += iov.iov_len;
	}
	free(bytes);
	return rc == 0 ? io->fsync(io->self, to) : rc;
}

enum lg_rc repair_keep(struct work *w, int from, const char *name, struct lg_err *err)
{
	const struct sys_io *io = w->repair->io;
	char path[REPAIR_PATH_SIZE];
	int rc = io->mkdir(io->self, w->repair->backup), copy = -1;

	snprintf(path, sizeof(path), "%.*s/%s", SPOOL_PATH_MAX, w->repair->backup, name);
	if (rc == 0)
		rc = io->sync_dir(io->self, w->repair->data_dir);
	if (rc == 0)
		rc = copy = io->open(io->self, path, SYS_WRITE | SYS_CREATE | SYS_EXCLUSIVE);
	if (rc >= 0) {
		rc = copy_file(io, from, copy);
		io->close(io->self, copy);
	}
	if (rc == 0)
		rc = io->sync_dir(io->self, w->repair->backup);
	return rc < 0 ? lg_err_sys(err, -rc, "keeping a copy as %s", path) : LG_OK;
}

enum lg_rc repair_keep_copy(struct work *w, struct lg_err *err)
{
	char name[SEGMENT_NAME_SIZE];
	enum lg_rc rc = LG_OK;

	segment_name(name, w->seg->number, w->seg->first_seq);
	if (!w->copied) {
		rc = repair_keep(w, w->handle, name, err);
		w->repair->files++;
	}
	w->copied = true;
	return rc;
}

static enum lg_rc change_segment(struct work *w, struct lg_err *err)
{
	const struct sys_io *io = w->repair->io;
	bool all_filled = true;
	enum lg_rc rc = repair_keep_copy(w, err);
	int sys;

	for (size_t i = 0; i < w->region_count && rc == LG_OK; i++) {
		if (!fillable(&w->regions[i])) {
			all_filled = false;
			continue;
		}
		rc = fill(w, &w->regions[i], err);
		w->repair->done++;
	}
	if (rc == LG_OK && wants_footer(w) && all_filled) {
		rc = write_footer(w, err);
		w->repair->done++;
	}
	sys = rc == LG_OK ? io->fsync(io->self, w->handle) : 0;
	if (sys < 0)
		rc = lg_err_sys(err, -sys, "segment %llu: syncing", (unsigned long long)w->seg->number);
	return rc;
}

/* ---- the plan ---- */

static void say_segment(struct work *w)
{
	char line[300];

	for (size_t i = 0; i < w->region_count; i++) {
		const struct region *r = &w->regions[i];

		snprintf(line, sizeof(line), "%llu bytes at %llu were durable and do not verify, from record %llu on: %s",
		        (unsigned long long)(r->to - r->from), (unsigned long long)r->from, (unsigned long long)r->first_seq,
		        fillable(r) ? "replace them by a frame without records" : "no frame fits there, they stay as they are");
		repair_say(w, fillable(r), line);
	}
	if (wants_footer(w))
		repair_say(w, true, w->sealed ? "its footer lists what is no more: write it anew" : "no footer that verifies: write it anew from the frames");
	else if (!w->newest && !w->end_known)
		repair_say(w, false, "neither a footer nor its successor's header says where it ends: it is read as it is");
}

static enum lg_rc do_segment(struct work *w, struct lg_err *err)
{
	const struct sys_io *io = w->repair->io;
	struct segment_header header;
	char path[SPOOL_PATH_MAX];
	bool usable = true;
	enum lg_rc rc;

	w->copied = false;
	w->handle = io->open(io->self, spool_segment_path(w->spool, path, w->seg->number, w->seg->first_seq), w->apply ? SYS_WRITE : SYS_READ);
	if (w->handle < 0)
		return lg_err_sys(err, -w->handle, "opening segment %llu", (unsigned long long)w->seg->number);
	rc = segment_header_read(&header, NULL, io, w->handle, w->seg->number, err);
	w->header_size = header.size;
	segment_header_fini(&header);
	if (rc == LG_CORRUPT)
		rc = repair_header(w, &usable, err);
	if (rc != LG_OK || !usable)
		goto done;
	repair_find_end(w);
	rc = find_regions(w, err);
	if (rc != LG_OK)
		goto done;
	say_segment(w);
	if (w->apply && (w->region_count || wants_footer(w)))
		rc = change_segment(w, err);
done:
	io->close(io->self, w->handle);
	return rc;
}

static enum lg_rc walk(struct work *w, bool apply, struct lg_err *err)
{
	enum lg_rc rc;

	w->apply = apply;
	rc = repair_state(w, err);
	for (size_t i = 0; i < w->spool->seg_count && rc == LG_OK; i++) {
		w->seg = &w->spool->segs[i];
		w->newest = i + 1 == w->spool->seg_count;
		rc = do_segment(w, err);
	}
	w->seg = NULL;
	return rc;
}

enum lg_rc spool_repair(struct repair *repair, bool apply, struct lg_err *err)
{
	struct work w = {.repair = repair};
	char dir[SPOOL_PATH_MAX];
	int lock;
	enum lg_rc rc;

	repair->planned = repair->left = repair->done = repair->files = 0;
	snprintf(dir, sizeof(dir), "%.*s/spool", SPOOL_PATH_MAX - 256, repair->data_dir);
	rc = spool_lock_take(repair->io, dir, &lock, NULL, err);
	if (rc != LG_OK)
		return lg_err_prepend(err, "spool %s", dir);
	rc = spool_peek_open(&w.spool, repair->data_dir, repair->io, err);
	if (rc == LG_OK) {
		rc = walk(&w, false, err);
		if (rc == LG_OK && apply && repair->planned)
			rc = walk(&w, true, err);
		spool_close(w.spool);
	}
	free(w.regions);
	repair->io->close(repair->io->self, lock);
	return rc;
}
