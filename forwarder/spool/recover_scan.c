/* Start-up, one segment: which of its frames count. SPOOL.md, "Recovery", steps 3 and 4. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "spool/impl.h"

struct item {
	uint64_t from, to;
	bool bad;
	struct frame_header frame; /* its pointers are not used: they borrowed from the scan */
};

struct items {
	struct item *list;
	size_t count, cap;
	uint64_t mark; /* highest offset that some header calls synced */
};

static enum lg_rc collect(struct segment_scan *scan, struct items *items, struct lg_err *err)
{
	struct scan_item found;

	for (;;) {
		enum scan_kind kind = segment_scan_next(scan, &found);

		if (kind == SCAN_END)
			return LG_OK;
		if (kind == SCAN_ERROR)
			return lg_err_sys(err, -scan->error, "segment %llu: reading", (unsigned long long)scan->number);
		if (kind == SCAN_UNSUPPORTED)
			return lg_err_set(err, LG_UNSUPPORTED, "segment %llu: written by a later version of Lugger",
			        (unsigned long long)scan->number);
		items->list = mem_grow(items->list, &items->cap, items->count + 1, sizeof(*items->list));
		items->list[items->count++] = (struct item){found.from, found.to, kind == SCAN_BAD, found.frame};
		if (kind == SCAN_FRAME && found.frame.durable_offset > items->mark)
			items->mark = found.frame.durable_offset;
	}
}

static void fold_positions(struct segment_scan *scan, const struct item *item, struct posmap *positions)
{
	struct scan_item again;
	struct segment_scan one;

	if (!positions || !item->frame.positions_size)
		return;
	segment_scan_begin(&one, scan->io, scan->handle, scan->number, scan->spool_tag, item->from, item->to);
	if (segment_scan_next(&one, &again) == SCAN_FRAME)
		posmap_put_encoded(positions, again.frame.input, again.frame.positions, again.frame.positions_size);
	scan->kept += one.kept;
	segment_scan_end(&one);
}

static void accept(struct tip_scan *result, const struct item *item)
{
	const struct frame_header *f = &item->frame;

	if (!result->index.count)
		result->tag = f->spool_tag;
	frame_index_add(&result->index, &(struct frame_entry){item->from, f->first_seq, f->first_ns, f->last_ns});
	memcpy(result->log_id, f->log_id, 16);
	result->records += f->count;
	result->next_seq = f->first_seq + f->count;
	result->end = item->to;
}

/* A durable piece that does not verify. next: the item behind it, NULL where there is none. */
static void set_aside(struct spool *spool, struct segment_scan *scan, const struct item *item, const struct item *next, uint64_t to,
        const struct tip_scan *result)
{
	struct quarantine_piece piece = {scan->number, item->from, to, result->next_seq, 0, "corrupt: synced bytes do not verify"};

	if (!item->bad)
		piece.next_seq = item->frame.first_seq + item->frame.count;
	else if (next && !next->bad)
		piece.next_seq = next->frame.first_seq;
	if (!quarantine_first(spool, scan->number, item->from))
		return;
	log_error("spool %s: segment %llu: %llu bytes at %llu were durable and do not verify; set aside in quarantine", spool->dir,
	        (unsigned long long)scan->number, (unsigned long long)(to - item->from), (unsigned long long)item->from);
	quarantine_bytes(spool, scan->handle, &piece);
}

/* True when the segment's good part ends with this item. */
static bool judge(struct spool *spool, struct segment_scan *scan, const struct item *item, const struct item *next, uint64_t mark,
        struct posmap *positions, bool quiet, struct tip_scan *result)
{
	int error = 0;
	bool bad = item->bad || item->frame.first_seq < result->next_seq;

	if (!bad && item->from >= mark &&
	        segment_payload_check(scan->io, scan->handle, &item->frame, item->from, &error) != LG_OK)
		bad = true;
	scan->kept += error ? item->to - item->from : 0;
	if (!bad) {
		accept(result, item);
		fold_positions(scan, item, positions);
		return false;
	}
	if (item->from < mark) {
		uint64_t to = item->to < mark ? item->to : mark;

		result->corrupt++;
		result->end = to;
		if (!quiet)
			set_aside(spool, scan, item, next, to, result);
		if (item->to <= mark)
			return false;
	}
	/* Sealed, and no successor yet: that is an orderly end. */
	if (item->bad && item->from >= mark && segment_footer_begins(scan->io, scan->handle, scan->number, item->from))
		result->sealed = true;
	result->torn_from = item->from > mark ? item->from : mark;
	result->torn_seq = result->next_seq;
	return true;
}

/* A disk that gives nothing any more is away: that is no damage to go on from. */
static enum lg_rc check_disk(const struct spool *spool, const struct segment_scan *scan, struct lg_err *err)
{
	if (!scan->kept || spool_disk_answers(spool, scan->handle))
		return LG_OK;
	return lg_err_sys(err, EIO, "segment %llu: reading", (unsigned long long)scan->number);
}

enum lg_rc recover_scan(struct spool *spool, int handle, uint64_t number, uint64_t from, uint64_t size, uint64_t mark,
        struct posmap *positions, bool quiet, struct tip_scan *result, struct lg_err *err)
{
	struct items items = {.mark = mark};
	struct segment_scan scan;
	enum lg_rc rc;

	segment_scan_begin(&scan, spool->conf.io, handle, number, spool_tag(spool->state.spool_id), from, size);
	segment_scan_skip_reserved(&scan);
	scan.stop_at_zero = quiet;
	rc = collect(&scan, &items, err);
	if (rc == LG_OK)
		rc = check_disk(spool, &scan, err);
	result->end = from;
	result->mark = items.mark > from ? items.mark : from;
	for (size_t i = 0; rc == LG_OK && i < items.count; i++) {
		if (result->stop_seq && !items.list[i].bad && items.list[i].frame.first_seq + items.list[i].frame.count > result->stop_seq)
			break;
		if (judge(spool, &scan, &items.list[i], i + 1 < items.count ? &items.list[i + 1] : NULL, items.mark, positions, quiet,
		            result)) {
			result->torn_to = result->sealed ? result->torn_from : items.list[items.count - 1].to;
			break;
		}
	}
	if (rc == LG_OK && result->torn_from == result->torn_to && result->end < items.mark) {
		result->corrupt++; /* synced bytes became zeros */
		result->end = items.mark;
	}
	if (rc == LG_OK)
		rc = check_disk(spool, &scan, err);
	result->unread = scan.kept > 0;
	result->index.next_seq = result->next_seq;
	result->index.end = result->end;
	segment_scan_end(&scan);
	free(items.list);
	return rc;
}
