#include "run/settled.h"

#include <string.h>

void settled_push(struct settled *settled, uint64_t token, uint64_t end)
{
	if (settled->count == SETTLED_MAX) { /* every second one goes: its successor speaks for it */
		for (size_t i = 0; i < SETTLED_MAX / 2; i++)
			settled->marks[i] = settled->marks[2 * i + 1];
		settled->count = SETTLED_MAX / 2;
	}
	settled->marks[settled->count++] = (struct settled_mark){token, end};
}

bool settled_take(struct settled *settled, uint64_t upto, uint64_t *token)
{
	size_t covered = 0;

	while (covered < settled->count && settled->marks[covered].end <= upto)
		*token = settled->marks[covered++].token;
	settled->count -= covered;
	memmove(settled->marks, settled->marks + covered, settled->count * sizeof(*settled->marks));
	return covered > 0;
}
