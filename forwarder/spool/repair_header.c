/* `spool repair`, a segment's header: what it said is known from elsewhere. Its name has number and first sequence; the frames have log id and time, and an
 * encrypted segment a copy of its salt; positions are folded from the header before, cursors are in the state. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spool/repair_impl.h"

/* What the segments before this one tell. */
struct past {
	struct posmap positions;
	struct log_range *ranges;
	size_t range_count, range_cap;
	uint64_t end; /* of the segment right before */
	struct spool_cursor_entry cursors[SPOOL_OUTPUTS_MAX];
	size_t cursor_count;
};

static void add_range(struct past *past, const uint8_t log_id[16], uint64_t first_seq)
{
	if (past->range_count && memcmp(past->ranges[past->range_count - 1].log_id, log_id, 16) == 0)
		return;
	past->ranges = mem_grow(past->ranges, &past->range_cap, past->range_count + 1, sizeof(*past->ranges));
	memcpy(past->ranges[past->range_count].log_id, log_id, 16);
	past->ranges[past->range_count++].first_seq = first_seq;
}

/* The header of that segment becomes the base, if it verifies. */
static bool take_header(struct work *w, int handle, uint64_t number, struct past *past, uint64_t *from)
{
	struct segment_header header;
	bool good;

	posmap_fini(&past->positions);
	good = segment_header_read(&header, &past->positions, w->repair->io, handle, number, NULL) == LG_OK;
	if (good) {
		past->range_count = 0;
		for (size_t i = 0; i < header.range_count; i++)
			add_range(past, header.ranges[i].log_id, header.ranges[i].first_seq);
		memcpy(past->cursors, header.cursors, header.cursor_count * sizeof(*header.cursors));
		past->cursor_count = header.cursor_count;
		*from = header.size;
	}
	segment_header_fini(&header);
	return good;
}

/* Folds one of the segments before. */
static enum lg_rc fold(struct work *w, const struct seg *seg, bool may_be_base, bool *base, struct past *past, struct lg_err *err)
{
	const struct sys_io *io = w->repair->io;
	struct tip_scan scan = {.next_seq = seg->first_seq, .stop_seq = seg[1].first_seq};
	struct frame_index index = {0};
	char path[SPOOL_PATH_MAX];
	uint64_t from = 0, size = seg->size;
	int handle = io->open(io->self, spool_segment_path(w->spool, path, seg->number, seg->first_seq), SYS_READ);
	enum lg_rc rc = LG_OK;

	*base = false;
	if (handle < 0)
		return recover_refused(seg, -handle, err);
	if (may_be_base)
		*base = take_header(w, handle, seg->number, past, &from);
	if (segment_footer_read(&index, io, handle, seg->number, seg->size) == LG_OK)
		size = index.end;
	frame_index_fini(&index);
	if (!may_be_base || *base)
		rc = recover_scan(w->spool, handle, seg->number, from, size, 0, &past->positions, true, &scan, err);
	if (rc == LG_OK && scan.index.count)
		add_range(past, scan.log_id, seg->first_seq);
	past->end = scan.end;
	frame_index_fini(&scan.index);
	io->close(io->self, handle);
	return rc;
}

/* From the nearest header before that verifies, or from the oldest segment. */
static enum lg_rc look_back(struct work *w, struct past *past, struct lg_err *err)
{
	size_t here = (size_t)(w->seg - w->spool->segs), from = here;
	enum lg_rc rc = LG_OK;
	bool base = false;

	while (from > 0 && !base && rc == LG_OK)
		rc = fold(w, &w->spool->segs[--from], true, &base, past, err);
	if (!base) {
		posmap_fini(&past->positions);
		past->range_count = 0;
	}
	for (size_t i = base ? from + 1 : from; i < here && rc == LG_OK; i++) {
		bool unused;

		rc = fold(w, &w->spool->segs[i], false, &unused, past, err);
	}
	return rc;
}

/* The first frame that verifies; false: there is none. */
static bool first_frame(struct work *w, struct frame_header *frame, uint64_t *at)
{
	struct segment_scan scan;
	struct scan_item item;
	enum scan_kind kind;

	segment_scan_begin(&scan, w->repair->io, w->handle, w->seg->number, spool_tag(w->spool->state.spool_id), SEGMENT_PAGE, w->seg->size);
	segment_scan_skip_reserved(&scan);
	while ((kind = segment_scan_next(&scan, &item)) == SCAN_BAD)
		;
	if (kind == SCAN_FRAME) {
		*frame = item.frame;
		*at = item.from;
	}
	segment_scan_end(&scan);
	return kind == SCAN_FRAME;
}

static enum lg_rc encode(struct work *w, const struct frame_header *frame, uint64_t first_at, struct past *past, const struct crypt_params *crypt,
        struct segment_header *header, struct lg_buf *bytes, struct lg_err *err)
{
	const struct state *state = &w->spool->state;

	*header = (struct segment_header){.number = w->seg->number,
	        .first_seq = w->seg->first_seq,
	        .created_ns = frame->first_ns,
	        .allocated = w->seg->size,
	        .low_seq = w->spool->segs[0].first_seq,
	        .crypt = *crypt,
	        .room = frame->index == 0 ? (uint32_t)first_at : 0};
	memcpy(header->spool_id, state->spool_id, 16);
	if (w->seg > w->spool->segs) {
		header->prev_number = w->seg[-1].number;
		header->prev_end = past->end;
	}
	add_range(past, frame->log_id, w->seg->first_seq);
	header->ranges = past->ranges;
	header->range_count = past->range_count;
	header->cursors = w->spool->state_lost ? past->cursors : w->spool->state.cursors;
	header->cursor_count = w->spool->state_lost ? past->cursor_count : state->cursor_count;
	return segment_header_encode(header, &past->positions, bytes, err);
}

static enum lg_rc write_header(struct work *w, const struct lg_buf *bytes, struct lg_err *err)
{
	const struct sys_io *io = w->repair->io;
	struct iovec iov = {bytes->data, bytes->size};
	enum lg_rc rc = repair_keep_copy(w, err);
	int sys;

	if (rc != LG_OK)
		return rc;
	sys = io->pwritev(io->self, w->handle, &iov, 1, 0);
	if (sys == 0)
		sys = io->fsync(io->self, w->handle);
	w->repair->done++;
	return sys < 0 ? lg_err_sys(err, -sys, "segment %llu: writing the header", (unsigned long long)w->seg->number) : LG_OK;
}

enum lg_rc repair_header(struct work *w, bool *usable, struct lg_err *err)
{
	struct past past = {0};
	struct crypt_params crypt = {0};
	struct segment_header header;
	struct frame_header frame;
	struct lg_buf bytes = {0};
	uint64_t first_at = 0;
	const char *why = NULL;
	enum lg_rc rc = LG_OK;

	*usable = false;
	if (!spool_tag(w->spool->state.spool_id))
		why = "the header does not verify, and neither another one nor the state says which spool this is: it is left as it is";
	else if (!first_frame(w, &frame, &first_at))
		why = "neither the header verifies nor one frame: it is left as it is";
	else if (frame.encryption && segment_crypt_read(&crypt, w->repair->io, w->handle, w->seg->number, w->seg->size, err) != LG_OK)
		why = "neither the header verifies nor the copy of its salt: its records cannot be decrypted any more; it is left as it is";
	if (!why)
		rc = look_back(w, &past, err);
	if (!why && rc == LG_OK)
		rc = encode(w, &frame, first_at, &past, &crypt, &header, &bytes, err);
	if (!why && rc == LG_OK && header.size > first_at)
		why = "the header does not verify, and a new one does not fit before the first frame: it is left as it is";
	if (why)
		repair_say(w, false, why);
	if (why || rc != LG_OK)
		goto done;
	repair_say(w, true, "the header does not verify: write it anew from the state, the segments before it and its own frames");
	*usable = true;
	w->header_size = header.size;
	if (w->apply)
		rc = write_header(w, &bytes, err);
done:
	posmap_fini(&past.positions);
	free(past.ranges);
	lg_buf_fini(&bytes);
	return rc;
}
