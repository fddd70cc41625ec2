#include "turns.h"

static void line_init(struct turns_line *line)
{
	line->first = NULL;
	line->end = &line->first;
}

void turns_init(struct turns *turns)
{
	line_init(&turns->prompt);
	line_init(&turns->bulk);
}

bool turns_empty(const struct turns *turns)
{
	return !turns->prompt.first && !turns->bulk.first;
}

void turns_push(struct turns *turns, struct tail *tail)
{
	bool backlog = tail->pack || tail->size - tail_offset(tail) > TURNS_SHARE;
	struct turns_line *line = backlog ? &turns->bulk : &turns->prompt;

	if (tail->queued)
		return;
	tail->queued = true;
	tail->queue_next = NULL;
	*line->end = tail;
	line->end = &tail->queue_next;
}

struct tail *turns_pop(struct turns *turns, bool backlog)
{
	struct turns_line *line = backlog ? &turns->bulk : &turns->prompt;
	struct tail *tail = line->first;

	if (!tail)
		return NULL;
	line->first = tail->queue_next;
	if (!line->first)
		line->end = &line->first;
	tail->queued = false;
	return tail;
}

static bool line_remove(struct turns_line *line, struct tail *tail)
{
	struct tail **at = &line->first;

	while (*at && *at != tail)
		at = &(*at)->queue_next;
	if (!*at)
		return false;
	*at = tail->queue_next;
	if (!*at)
		line->end = at;
	return true;
}

void turns_remove(struct turns *turns, struct tail *tail)
{
	if (tail->queued && !line_remove(&turns->prompt, tail))
		(void)line_remove(&turns->bulk, tail);
	tail->queued = false;
}
