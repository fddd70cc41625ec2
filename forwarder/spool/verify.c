/* `spool verify` and `spool ls`: walk every segment, on a view. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/codec.h"
#include "spool/impl.h"

struct walk {
	struct spool *spool;
	struct spool_verify_result *result;
	void (*say)(void *arg, const char *line);
	void *arg;
	struct codec *codec;
	struct crypt *crypt; /* of the segment */
	bool closed;         /* its key is not there: said once */
};

static void say(struct walk *walk, uint64_t number, uint64_t at, const char *what)
{
	char line[256];

	snprintf(line, sizeof(line), "segment %llu: at %llu: %s", (unsigned long long)number, (unsigned long long)at, what);
	walk->say(walk->arg, line);
}

/* Records from..to - 1 should be here and are not. */
static void say_missing(struct walk *walk, uint64_t number, uint64_t at, uint64_t from, uint64_t to)
{
	char what[128];

	snprintf(what, sizeof(what), "records %llu to %llu are missing", (unsigned long long)from, (unsigned long long)to - 1);
	walk->result->missing += to - from;
	say(walk, number, at, what);
}

/* Header and payload of the frame, as they are on the disk, the payload decrypted. */
static enum lg_rc read_frame(
        struct walk *walk, int handle, const struct frame_header *h, uint64_t offset, struct lg_buf *payload, struct lg_err *err)
{
	const struct sys_io *io = walk->spool->conf.io;
	struct lg_buf head = {0};
	enum lg_rc rc = LG_CORRUPT;

	payload->size = 0;
	if (io->pread(io->self, handle, lg_buf_reserve(&head, h->header_size), h->header_size, offset) != (ssize_t)h->header_size ||
	        io->pread(io->self, handle, lg_buf_reserve(payload, h->stored_size + 1), h->stored_size,
	                offset + h->header_size) != (ssize_t)h->stored_size)
		goto done;
	payload->size = h->stored_size;
	rc = spool_decrypt(walk->spool, &walk->crypt, handle, h, head.data, payload, err);
done:
	lg_buf_fini(&head);
	return rc;
}

/* LG_INVALID: it could not be decrypted for want of the key; err says why. */
static enum lg_rc payload_decodes(
        struct walk *walk, int handle, const struct frame_header *h, uint64_t offset, struct lg_err *err)
{
	struct lg_buf payload = {0}, raw = {0};
	struct lg_batch *batch = NULL;
	enum lg_rc rc = read_frame(walk, handle, h, offset, &payload, err);

	if (rc == LG_INVALID)
		goto done;
	if (rc == LG_OK && h->codec == BATCH_CODEC_ZSTD)
		rc = codec_expand(walk->codec, payload.data, payload.size, h->raw_size, &raw, err);
	else if (rc == LG_OK)
		lg_buf_append(&raw, payload.data, payload.size);
	if (rc == LG_OK && h->count)
		rc = batch_from_payload(&batch, &raw, "verify", "", h->first_seq, h->count, NULL, err);
	lg_batch_release(batch);
	rc = rc == LG_OK ? LG_OK : LG_CORRUPT;
done:
	lg_buf_fini(&payload);
	lg_buf_fini(&raw);
	return rc;
}

static void note_closed(struct walk *walk, const struct lg_err *err)
{
	char line[1100];

	if (walk->closed)
		return;
	walk->closed = true;
	walk->result->closed_segments++;
	snprintf(line, sizeof(line), "%s; its checksums alone were checked", err->text);
	walk->say(walk->arg, line);
}

static void verify_frame(struct walk *walk, int handle, uint64_t number, const struct scan_item *item)
{
	bool decode = (item->frame.count || item->frame.encryption) && !walk->closed;
	struct lg_err err = {0};
	enum lg_rc rc = LG_OK;
	int error = 0;

	if (segment_payload_check(walk->spool->conf.io, handle, &item->frame, item->from, &error) != LG_OK) {
		walk->result->bad_frames++;
		say(walk, number, item->from, error ? "the payload cannot be read" : "the payload's CRC does not match");
		return;
	}
	if (decode)
		rc = payload_decodes(walk, handle, &item->frame, item->from, &err);
	if (rc == LG_INVALID) {
		note_closed(walk, &err);
	} else if (rc != LG_OK) {
		walk->result->bad_frames++;
		say(walk, number, item->from, "the payload does not decode");
		return;
	}
	walk->result->frames++;
	walk->result->records += item->frame.count;
	walk->result->bytes += item->to - item->from;
}

/* end: where the frames of this segment end. */
static enum lg_rc verify_frames(
        struct walk *walk, int handle, const struct seg *seg, uint64_t from, uint64_t end, uint64_t end_seq, struct lg_err *err)
{
	uint64_t next_seq = seg->first_seq;
	struct segment_scan scan;
	struct scan_item item;
	enum scan_kind kind;

	segment_scan_begin(&scan, walk->spool->conf.io, handle, seg->number, spool_tag(walk->spool->state.spool_id), from, end);
	while ((kind = segment_scan_next(&scan, &item)) == SCAN_FRAME || kind == SCAN_BAD) {
		if (kind == SCAN_BAD) {
			walk->result->bad_frames++;
			say(walk, seg->number, item.from, "no frame header verifies here");
			continue;
		}
		if (item.frame.first_seq > next_seq)
			say_missing(walk, seg->number, item.from, next_seq, item.frame.first_seq);
		verify_frame(walk, handle, seg->number, &item);
		next_seq = item.frame.first_seq + item.frame.count;
	}
	segment_scan_end(&scan);
	if (kind == SCAN_ERROR)
		return lg_err_sys(err, -scan.error, "segment %llu", (unsigned long long)seg->number);
	if (next_seq < end_seq)
		say_missing(walk, seg->number, end, next_seq, end_seq);
	return LG_OK;
}

/* Where a segment that is not the newest ends: its successor's header says so, or its footer. A footer whose sync failed may be whole and
 * lie behind frames that were never acknowledged, so the lower of both counts. */
static uint64_t frames_end(struct spool *spool, int handle, size_t i, bool *sealed, bool *bad_footer)
{
	struct seg *seg = &spool->segs[i];
	struct frame_index index = {0};
	struct segment_header next;
	char path[SPOOL_PATH_MAX];
	enum lg_rc rc = segment_footer_read(&index, spool->conf.io, handle, seg->number, seg->size);
	uint64_t end = seg->size;
	int other;

	*sealed = rc == LG_OK;
	*bad_footer = rc == LG_CORRUPT;
	if (rc == LG_OK)
		end = index.end;
	frame_index_fini(&index);
	if (i + 1 >= spool->seg_count)
		return end;
	other = spool->conf.io->open(
	        spool->conf.io->self, spool_segment_path(spool, path, seg[1].number, seg[1].first_seq), SYS_READ);
	if (other < 0)
		return end;
	if (segment_header_read(&next, NULL, spool->conf.io, other, seg[1].number, NULL) == LG_OK &&
	        next.prev_number == seg->number && next.prev_end < end)
		end = next.prev_end;
	segment_header_fini(&next);
	spool->conf.io->close(spool->conf.io->self, other);
	return end < seg->size ? end : seg->size;
}

static enum lg_rc verify_segment(struct walk *walk, size_t i, struct lg_err *err)
{
	struct spool *spool = walk->spool;
	struct seg *seg = &spool->segs[i];
	const struct sys_io *io = spool->conf.io;
	bool newest = i + 1 == spool->seg_count, sealed = false, bad_footer = false;
	struct segment_header header;
	char path[SPOOL_PATH_MAX];
	uint64_t from = 0, end;
	int handle = io->open(io->self, spool_segment_path(spool, path, seg->number, seg->first_seq), SYS_READ);
	enum lg_rc rc;

	if (handle == -ENOENT)
		return LG_OK; /* deleted meanwhile */
	if (handle < 0)
		return lg_err_sys(err, -handle, "segment %llu", (unsigned long long)seg->number);
	walk->result->segments++;
	rc = segment_header_read(&header, NULL, io, handle, seg->number, err);
	if (rc == LG_OK)
		from = header.size;
	else if (rc == LG_CORRUPT)
		walk->result->bad_segments++;
	segment_header_fini(&header);
	if (rc != LG_OK && rc != LG_CORRUPT)
		goto done;
	if (rc == LG_CORRUPT) {
		say(walk, seg->number, 0, "the header does not verify");
		from = SEGMENT_PAGE;
	}
	end = newest ? seg->end : frames_end(spool, handle, i, &sealed, &bad_footer);
	if (bad_footer)
		say(walk, seg->number, end, "the footer does not verify (frames are read without it)");
	rc = verify_frames(walk, handle, seg, from, end, newest ? spool->durable_next : seg[1].first_seq, err);
done:
	crypt_free(walk->crypt);
	walk->crypt = NULL;
	walk->closed = false;
	io->close(io->self, handle);
	return rc;
}

/* The oldest segments may have been taken away: no frame tells, but a cursor does. The cursors are read after the segments were listed: a
 * running daemon stores them before it deletes. */
static enum lg_rc verify_cursors(struct walk *walk, struct lg_err *err)
{
	struct spool *spool = walk->spool;
	uint64_t oldest = spool->seg_count ? spool->segs[0].first_seq : spool->durable_next, lowest = oldest;
	enum lg_rc rc = spool_peek_refresh(spool, err);
	char line[256];

	if (rc != LG_OK)
		return rc;
	for (size_t i = 0; i < spool->state.cursor_count; i++) {
		const struct spool_cursor_entry *c = &spool->state.cursors[i];

		if (c->seq >= oldest || c->flags & CURSOR_DETACHED)
			continue;
		if (c->seq < lowest)
			lowest = c->seq;
		snprintf(line, sizeof(line), "records %llu to %llu, which output %s has not settled, are missing", (unsigned long long)c->seq,
		        (unsigned long long)oldest - 1, c->name);
		walk->say(walk->arg, line);
	}
	walk->result->missing += oldest - lowest;
	return LG_OK;
}

enum lg_rc spool_verify(const char *data_dir, const char *key_file, const struct sys_io *io, struct spool_verify_result *result,
        void (*say_line)(void *arg, const char *line), void *arg, struct lg_err *err)
{
	struct walk walk = {.result = result, .say = say_line, .arg = arg};
	struct lg_err local;
	enum lg_rc rc;

	err = err ? err : &local;
	memset(result, 0, sizeof(*result));
	rc = spool_peek_open(&walk.spool, data_dir, io, err);
	if (rc != LG_OK)
		return rc;
	if (key_file)
		rc = spool_peek_keys(walk.spool, key_file, err);
	result->bad_state = walk.spool->state_lost && !walk.spool->state.rebuilt && walk.spool->seg_count;
	if (result->bad_state)
		say_line(arg, "state: no slot of it verifies, or it is not there: a start, or `spool repair`, makes it anew from the newest header; records are repeated");
	walk.codec = codec_new(1);
	for (size_t i = 0; rc == LG_OK && i < walk.spool->seg_count; i++)
		rc = verify_segment(&walk, i, err);
	if (rc == LG_OK)
		rc = verify_cursors(&walk, err);
	result->torn_bytes = walk.spool->stat.torn_bytes;
	codec_free(walk.codec);
	spool_close(walk.spool);
	return rc;
}

static void describe(struct spool *spool, size_t i, struct spool_segment_info *info)
{
	struct seg *seg = &spool->segs[i];
	const struct sys_io *io = spool->conf.io;
	struct frame_index index = {0};
	struct segment_header header;
	char path[SPOOL_PATH_MAX];
	bool newest = i + 1 == spool->seg_count;
	int handle = io->open(io->self, spool_segment_path(spool, path, seg->number, seg->first_seq), SYS_READ);

	*info = (struct spool_segment_info){.number = seg->number, .first_seq = seg->first_seq, .bytes = seg->size};
	info->next_seq = newest ? spool->durable_next : seg[1].first_seq;
	info->bad = true;
	if (handle < 0)
		return;
	if (segment_header_read(&header, NULL, io, handle, seg->number, NULL) == LG_OK) {
		info->created_ns = header.created_ns;
		info->bad = false;
	}
	segment_header_fini(&header);
	info->sealed = segment_footer_read(&index, io, handle, seg->number, seg->size) == LG_OK;
	if (!info->sealed) {
		frame_index_fini(&index);
		info->bad |= index_load(spool, handle, seg->number, newest ? seg->end : seg->size, &index) != LG_OK;
	}
	info->frames = index.count;
	info->used_bytes = index.end;
	if (index.count) {
		info->first_ns = index.entries[0].first_ns;
		info->last_ns = index.entries[index.count - 1].last_ns;
	}
	frame_index_fini(&index);
	io->close(io->self, handle);
}

enum lg_rc spool_ls(const char *data_dir, const struct sys_io *io, void (*each)(void *arg, const struct spool_segment_info *info),
        void *arg, struct lg_err *err)
{
	struct spool_segment_info info;
	struct spool *spool;
	enum lg_rc rc = spool_peek_open(&spool, data_dir, io, err);

	if (rc != LG_OK)
		return rc;
	for (size_t i = 0; i < spool->seg_count; i++) {
		describe(spool, i, &info);
		each(arg, &info);
	}
	spool_close(spool);
	return LG_OK;
}
