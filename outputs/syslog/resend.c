/* After a rewind the core offers again everything from its cursor on. Of that, what is in flight on connections that still stand, and what was settled
 * out of order before, must not be sent twice. */
#include <stdlib.h>

#include "output_syslog/syslog.h"

static void add_range(struct ranges *ranges, struct range range)
{
	if (ranges->count == ranges->cap) {
		size_t cap = ranges->cap ? 2 * ranges->cap : 64;
		struct range *items = realloc(ranges->items, cap * sizeof(*items));

		if (!items)
			return; /* those are sent again: repeats, never loss */
		ranges->items = items;
		ranges->cap = cap;
	}
	ranges->items[ranges->count++] = range;
}

static int by_first(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

static void sort(struct ranges *ranges)
{
	if (ranges->count)
		qsort(ranges->items, ranges->count, sizeof(*ranges->items), by_first);
}

/* The core's cursor has passed what lies below this: nothing there is in flight anywhere, or still to be offered again. */
static uint64_t lowest_open(const struct syslog *s)
{
	uint64_t lowest = s->offered_end;

	for (size_t i = 0; i < s->link_count; i++) {
		uint64_t beyond, end;

		marks_reached(&s->links[i].marks, 0, &beyond, &end);
		lowest = beyond < lowest ? beyond : lowest;
	}
	return lowest;
}

/* Forgets what the core's cursor has passed, and joins neighbours. */
static void prune(struct syslog *s)
{
	struct ranges *done = &s->done;
	uint64_t lowest = lowest_open(s);
	size_t left = 0;

	sort(done);
	for (size_t i = 0; i < done->count; i++) {
		const struct range *range = &done->items[i];

		if (range->last < lowest)
			continue;
		if (left && done->items[left - 1].last + 1 >= range->first)
			done->items[left - 1].last = range->last;
		else
			done->items[left++] = *range;
	}
	done->count = left;
}

void servers_settle(struct syslog *s, uint64_t first, uint64_t last)
{
	lg_settle(s->host, first, last, LG_DONE, NULL);
	if (s->link_count < 2 || s->conf->mode != MODE_BALANCE)
		return; /* in order: the core's cursor passes it at once */
	if (s->done.count == s->done.cap)
		prune(s);
	add_range(&s->done, (struct range){first, last, true});
}

void servers_rewind(struct syslog *s)
{
	struct ranges *kept = &s->kept;

	kept->count = kept->at = 0;
	for (size_t i = 0; i < s->done.count; i++)
		add_range(kept, s->done.items[i]);
	for (size_t i = 0; i < s->link_count; i++) {
		const struct mark *mark;

		for (size_t n = 0; (mark = marks_get(&s->links[i].marks, n)); n++)
			add_range(kept, (struct range){mark->first, mark->last, false});
	}
	sort(kept);
	s->offered_end = 0;
	s->last_given = 0;
}

bool servers_hold(struct syslog *s, uint64_t seq)
{
	struct ranges *kept = &s->kept;
	const struct range *range;

	while (kept->at < kept->count && kept->items[kept->at].last < seq)
		kept->at++;
	if (kept->at == kept->count)
		return false;
	range = &kept->items[kept->at];
	if (range->first > seq)
		return false;
	if (range->done)
		lg_settle(s->host, seq, seq, LG_DONE, NULL);
	s->last_given = 0; /* the next one sent is not joined to the one before */
	return true;
}
