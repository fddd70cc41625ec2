#include "output_syslog/marks.h"

#include <stdlib.h>

#define FIRST_CAP 256

static struct mark *at(const struct marks *marks, uint64_t n)
{
	return &marks->ring[n & (marks->cap - 1)];
}

void marks_init(struct marks *marks, uint64_t grain)
{
	*marks = (struct marks){.grain = grain};
}

void marks_fini(struct marks *marks)
{
	free(marks->ring);
	marks->ring = NULL;
}

void marks_clear(struct marks *marks)
{
	marks->head = marks->tail = marks->unwritten = marks->settled = 0;
}

bool marks_empty(const struct marks *marks)
{
	return marks->head == marks->tail;
}

static bool grow(struct marks *marks)
{
	size_t cap = marks->cap ? marks->cap * 2 : FIRST_CAP;
	struct mark *ring = malloc(cap * sizeof(*ring));

	if (!ring)
		return false;
	for (uint64_t n = marks->head; n < marks->tail; n++)
		ring[n & (cap - 1)] = *at(marks, n);
	free(marks->ring);
	marks->ring = ring;
	marks->cap = cap;
	return true;
}

bool marks_add(struct marks *marks, uint64_t seq, uint64_t end, bool joined)
{
	struct mark *last = marks_empty(marks) ? NULL : at(marks, marks->tail - 1);
	uint64_t start = last ? last->end : marks->settled;

	/* A mark that is written may still grow: its records then settle a little later. */
	if (last && joined && last->end - last->start < marks->grain) {
		last->last = seq;
		last->end = end;
		last->wire = 0;
		if (marks->unwritten == marks->tail)
			marks->unwritten--;
		return true;
	}
	if (marks->tail - marks->head == marks->cap && !grow(marks))
		return false;
	*at(marks, marks->tail++) = (struct mark){.first = seq, .last = seq, .start = start, .end = end, .joined = joined && last};
	return true;
}

void marks_written(struct marks *marks, uint64_t plain, uint64_t wire)
{
	while (marks->unwritten < marks->tail && at(marks, marks->unwritten)->end <= plain)
		at(marks, marks->unwritten++)->wire = wire;
}

bool marks_take(struct marks *marks, uint64_t wire, uint64_t below, uint64_t *first, uint64_t *last)
{
	uint64_t from = marks->head;

	while (marks->head < marks->unwritten && at(marks, marks->head)->wire <= wire && at(marks, marks->head)->last < below &&
	       (marks->head == from || at(marks, marks->head)->joined))
		marks->head++;
	if (marks->head == from)
		return false;
	*first = at(marks, from)->first;
	*last = at(marks, marks->head - 1)->last;
	marks->settled = at(marks, marks->head - 1)->end;
	return true;
}

void marks_reached(const struct marks *marks, uint64_t wire, uint64_t *lowest_beyond, uint64_t *reached_end)
{
	*lowest_beyond = UINT64_MAX;
	*reached_end = 0;
	for (uint64_t n = marks->head; n < marks->tail; n++) {
		const struct mark *mark = at(marks, n);

		if (n < marks->unwritten && mark->wire <= wire)
			*reached_end = mark->last + 1 > *reached_end ? mark->last + 1 : *reached_end;
		else if (mark->first < *lowest_beyond)
			*lowest_beyond = mark->first;
	}
}

const struct mark *marks_get(const struct marks *marks, size_t i)
{
	return marks->head + i < marks->tail ? at(marks, marks->head + i) : NULL;
}
