/* Where the frames of a segment are, for whoever enters it in the middle. */
#include "spool/impl.h"

enum lg_rc index_load(const struct spool *spool, int handle, uint64_t number, uint64_t limit, struct frame_index *index)
{
	const struct sys_io *io = spool->conf.io;
	struct segment_scan scan;
	struct scan_item item;
	enum scan_kind kind;
	enum lg_rc rc = segment_footer_read(index, io, handle, number, limit);

	if (rc == LG_OK)
		return LG_OK;
	index->count = 0;
	index->next_seq = index->end = 0;
	/* Not sealed, or the footer is damaged: from frame to frame. The first page is header, or part of it: no frame starts
	 * there. */
	segment_scan_begin(&scan, io, handle, number, spool_tag(spool->state.spool_id), SEGMENT_PAGE, limit);
	segment_scan_skip_reserved(&scan);
	while ((kind = segment_scan_next(&scan, &item)) == SCAN_FRAME || kind == SCAN_BAD) {
		if (kind == SCAN_BAD || item.frame.first_seq < index->next_seq)
			continue;
		frame_index_add(
		        index, &(struct frame_entry){item.from, item.frame.first_seq, item.frame.first_ns, item.frame.last_ns});
		index->next_seq = item.frame.first_seq + item.frame.count;
		index->end = item.to;
	}
	segment_scan_end(&scan);
	return kind == SCAN_END ? LG_OK : LG_IO;
}
