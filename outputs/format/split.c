/* Cutting a body that is longer than a receiver takes. */
#include <string.h>

#include "base/text.h"
#include "format/format.h"

/* The bytes of the character at the front of text, and what they cost on the wire. A wrong byte is a character of its own. */
static size_t next_character(struct lg_str text, struct format_cost how, size_t *cost)
{
	const uint8_t *p = (const uint8_t *)text.data;
	size_t size = text_utf8_length(p, text.size);

	*cost = size ? size : 1;
	if (!how.json && (*p == '\n' || *p == '\0'))
		*cost = how.newline;
	else if (how.json && !size)
		*cost = 3; /* U+FFFD */
	else if (how.json && (*p == '"' || *p == '\\' || (*p < 0x20 && strchr("\n\r\t\b\f", *p) && *p)))
		*cost = 2;
	else if (how.json && *p < 0x20)
		*cost = 6;
	return size ? size : 1;
}

/* The most bytes from the front of text that cost no more than the budget and end between two characters; their cost in *cost. */
static size_t fit(struct lg_str text, size_t budget, struct format_cost how, size_t *cost)
{
	size_t at = 0;

	*cost = 0;
	while (at < text.size) {
		size_t more, size = next_character((struct lg_str){text.data + at, text.size - at}, how, &more);

		if (*cost + more > budget)
			break;
		*cost += more;
		at += size;
	}
	return at;
}

size_t format_cost(struct lg_str text, struct format_cost how)
{
	size_t cost;

	fit(text, SIZE_MAX, how, &cost);
	return cost;
}

struct lg_str format_next_part(struct lg_str body, size_t *at, size_t budget, struct format_cost how)
{
	size_t begin = *at, line = begin, left = budget < FORMAT_PART_MIN ? FORMAT_PART_MIN : budget, end;
	size_t border = how.json ? 2 : how.newline;

	for (;;) {
		const char *newline = line < body.size ? memchr(body.data + line, '\n', body.size - line) : NULL;
		size_t line_end = newline ? (size_t)(newline - body.data) : body.size, cost;
		struct lg_str text = {body.data + line, line_end - line};
		size_t taken = fit(text, left, how, &cost);

		if (taken < text.size && line > begin) {
			*at = line;
			end = line - 1;
			break;
		}
		if (taken < text.size) { /* one line alone is too long */
			*at = end = line + (taken ? taken : next_character(text, how, &cost));
			break;
		}
		if (line_end == body.size) {
			*at = SIZE_MAX;
			end = line_end;
			break;
		}
		if (left - cost < border) { /* no room for the newline itself */
			*at = line_end + 1 < body.size ? line_end + 1 : SIZE_MAX;
			end = line_end;
			break;
		}
		left -= cost + border;
		line = line_end + 1;
	}
	return (struct lg_str){body.data + begin, end - begin};
}

unsigned format_count_parts(struct lg_str body, size_t budget, struct format_cost how)
{
	unsigned parts = 0;

	for (size_t at = 0; at != SIZE_MAX; parts++)
		format_next_part(body, &at, budget, how);
	return parts;
}
