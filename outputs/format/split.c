/* Cutting a body that is longer than a receiver takes. Both passes of a long record (counting its parts, writing one) walk the
 * whole body: such records are rare, and a formatter that remembers nothing cannot remember the wrong thing. */
#include <string.h>

#include "format/format.h"

static size_t json_cost(uint8_t c)
{
	if (c == '"' || c == '\\' || c == '\n' || c == '\r' || c == '\t' || c == '\b' || c == '\f')
		return 2;
	/* A byte of a longer character counts as 3: exact for none, enough for U+FFFD in the place of a wrong one. */
	return c < 0x20 ? 6 : c >= 0x80 ? 3 : 1;
}

size_t format_cost(struct lg_str text, struct format_cost how)
{
	size_t cost = 0;

	for (size_t i = 0; i < text.size; i++)
		cost += how.json ? json_cost((uint8_t)text.data[i]) : text.data[i] == '\n' ? how.newline : 1;
	return cost;
}

/* The most bytes from the front of `line` that fit the budget and end between two characters; at least one character. */
static size_t fit(struct lg_str line, size_t budget, struct format_cost how)
{
	size_t cost = 0, size = 0;

	while (size < line.size) {
		cost += how.json ? json_cost((uint8_t)line.data[size]) : 1;
		if (cost > budget && size)
			break;
		size++;
	}
	for (unsigned back = 0; back < 3 && size > 1 && size < line.size && ((uint8_t)line.data[size] & 0xc0) == 0x80; back++)
		size--;
	return size;
}

/* The end of the part that starts at `at`; *next is where the following one starts. */
static size_t part_end(struct lg_str body, size_t at, size_t budget, struct format_cost how, size_t *next)
{
	size_t line = at, cost = 0;

	for (;;) {
		const char *newline = line < body.size ? memchr(body.data + line, '\n', body.size - line) : NULL;
		size_t end = newline ? (size_t)(newline - body.data) : body.size;
		struct lg_str text = {body.data + line, end - line};

		cost += format_cost(text, how) + (line > at ? (how.json ? 2 : how.newline) : 0);
		if (cost > budget) {
			*next = line;
			if (line > at)
				return line - 1;
			*next = at + fit(text, budget, how);
			return *next;
		}
		if (end == body.size) {
			*next = SIZE_MAX;
			return end;
		}
		line = end + 1;
	}
}

unsigned format_split(struct lg_str body, size_t budget, struct format_cost how, unsigned want, struct format_piece *piece)
{
	unsigned parts = 0;
	size_t at = 0, next;

	if (budget < FORMAT_PART_MIN)
		budget = FORMAT_PART_MIN;
	do {
		size_t end = part_end(body, at, budget, how, &next);

		if (parts == want) {
			piece->body = (struct lg_str){body.data + at, end - at};
			piece->part = want + 1;
		}
		parts++;
		at = next;
	} while (next < body.size);
	piece->parts = parts;
	return parts;
}
