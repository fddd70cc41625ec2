/* How many bytes of each input the spool still has to keep: from the frames' headers, segment by segment, each read once. Nothing of it is on disk: a
 * start counts the backlog again, one segment a call, so that it holds nothing up. */
#include <stdlib.h>
#include <string.h>

#include "spool/impl.h"

struct counted {
	uint64_t number;
	uint64_t upto;   /* frames below this offset are in `bytes`; 0: none yet */
	uint64_t passed; /* of these, frames below this one are delivered, and in `gone` */
	uint64_t *bytes, *gone;
};

struct spool_usage {
	char (*inputs)[SPOOL_NAME_SIZE];
	size_t count;
	struct counted *segs; /* ascending */
	size_t seg_count, seg_cap;
	uint64_t *bytes;
};

struct spool_usage *spool_usage_new(const char *const *inputs, size_t count)
{
	struct spool_usage *usage = mem_zalloc(sizeof(*usage));

	usage->inputs = mem_zalloc((count + 1) * sizeof(*usage->inputs));
	usage->bytes = mem_zalloc((count + 1) * sizeof(*usage->bytes));
	usage->count = count;
	for (size_t i = 0; i < count; i++)
		memcpy(usage->inputs[i], inputs[i], strnlen(inputs[i], SPOOL_NAME_SIZE - 1));
	return usage;
}

static void forget(struct spool_usage *usage, size_t i)
{
	free(usage->segs[i].bytes);
	free(usage->segs[i].gone);
	memmove(&usage->segs[i], &usage->segs[i + 1], (--usage->seg_count - i) * sizeof(*usage->segs));
}

void spool_usage_free(struct spool_usage *usage)
{
	if (!usage)
		return;
	while (usage->seg_count)
		forget(usage, usage->seg_count - 1);
	free(usage->segs);
	free(usage->inputs);
	free(usage->bytes);
	free(usage);
}

uint64_t spool_usage_bytes(const struct spool_usage *usage, size_t input)
{
	return usage->bytes[input];
}

static struct counted *find(struct spool_usage *usage, uint64_t number)
{
	size_t at = usage->seg_count;
	struct counted *seg;

	while (at && usage->segs[at - 1].number >= number)
		at--;
	if (at < usage->seg_count && usage->segs[at].number == number)
		return &usage->segs[at];
	usage->segs = mem_grow(usage->segs, &usage->seg_cap, usage->seg_count + 1, sizeof(*usage->segs));
	seg = &usage->segs[at];
	memmove(seg + 1, seg, (usage->seg_count++ - at) * sizeof(*seg));
	*seg = (struct counted){.number = number, .bytes = mem_zalloc((usage->count + 1) * 8), .gone = mem_zalloc((usage->count + 1) * 8)};
	return seg;
}

static void add(const struct spool_usage *usage, struct lg_str input, uint64_t size, uint64_t *sums)
{
	for (size_t i = 0; i < usage->count; i++)
		if (lg_str_equal(input, lg_str_from(usage->inputs[i])))
			sums[i] += size;
}

/* Adds the frames from *at on, up to `limit`, whose records lie below `below`. Where the file cannot be read it is tried again later. */
static void count_frames(struct spool *spool, const struct spool_usage *usage, const struct seg *seg, uint64_t limit, uint64_t below, uint64_t *at,
        uint64_t *sums)
{
	const struct sys_io *io = spool->conf.io;
	struct segment_header header;
	struct segment_scan scan;
	struct scan_item item;
	char path[SPOOL_PATH_MAX];
	enum scan_kind kind;
	struct lg_err err;
	int handle;

	if (*at >= limit)
		return;
	handle = io->open(io->self, spool_segment_path(spool, path, seg->number, seg->first_seq), SYS_READ);
	if (handle < 0)
		return;
	if (!*at) {
		*at = SEGMENT_PAGE;
		if (segment_header_read(&header, NULL, io, handle, seg->number, &err) == LG_OK)
			*at = header.size;
		segment_header_fini(&header);
	}
	segment_scan_begin(&scan, io, handle, seg->number, spool_tag(spool->state.spool_id), *at, limit);
	while ((kind = segment_scan_next(&scan, &item)) == SCAN_FRAME || kind == SCAN_BAD) {
		if (kind == SCAN_FRAME && item.frame.first_seq + item.frame.count > below)
			break;
		if (kind == SCAN_FRAME)
			add(usage, item.frame.input, item.to - item.from, sums);
		*at = item.to;
	}
	segment_scan_end(&scan);
	io->close(io->self, handle);
}

static void sum_up(struct spool_usage *usage)
{
	for (size_t i = 0; i < usage->count; i++) {
		usage->bytes[i] = 0;
		for (size_t k = 0; k < usage->seg_count; k++)
			usage->bytes[i] += usage->segs[k].bytes[i] - usage->segs[k].gone[i];
	}
}

bool spool_usage_update(struct spool *spool, struct spool_usage *usage)
{
	struct seg *held;
	uint64_t low;
	size_t count = space_held(spool, &held, &low);
	bool complete = true;

	while (usage->seg_count && (!count || usage->segs[0].number < held[0].number))
		forget(usage, 0);
	for (size_t i = count; i-- > 0;) { /* the newest first: what comes in now is never behind */
		struct counted *seg = find(usage, held[i].number);
		uint64_t end = held[i].end ? held[i].end : held[i].size;
		bool fresh = !seg->upto && i + 1 < count;

		if (fresh && !complete)
			continue;
		count_frames(spool, usage, &held[i], end, UINT64_MAX, &seg->upto, seg->bytes);
		complete &= !fresh || i == 0;
		if (i == 0)
			count_frames(spool, usage, &held[i], seg->upto, low, &seg->passed, seg->gone);
	}
	free(held);
	sum_up(usage);
	return complete;
}
