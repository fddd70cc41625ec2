#include "datagram.h"

#include <string.h>

#include "sockframe.h"

void datagram_split_init(struct datagram_split *split, struct lg_str data, bool cut, bool lines, size_t limit)
{
	while (!cut && data.size && (data.data[data.size - 1] == '\n' || data.data[data.size - 1] == '\r' || data.data[data.size - 1] == '\0'))
		data.size--;
	*split = (struct datagram_split){.rest = data, .limit = limit, .lines = lines, .cut = cut};
}

/* The next message that is not empty. */
static bool next_line(struct datagram_split *split)
{
	while (!split->line.size && split->rest.size) {
		const char *newline = split->lines ? memchr(split->rest.data, '\n', split->rest.size) : NULL;
		size_t size = newline ? (size_t)(newline - split->rest.data) : split->rest.size, used = size + (newline != NULL);

		split->line = (struct lg_str){split->rest.data, size};
		if (split->lines && size && split->line.data[size - 1] == '\r')
			split->line.size--;
		split->rest = (struct lg_str){split->rest.data + used, split->rest.size - used};
		split->part = 0;
	}
	return split->line.size > 0;
}

bool datagram_split_next(struct datagram_split *split, struct lg_str *text, int *part, bool *truncated)
{
	size_t size;

	if (!next_line(split))
		return false;
	size = split->line.size;
	if (size > split->limit)
		size = sockframe_cut(split->line.data, split->limit);
	*text = (struct lg_str){split->line.data, size};
	split->line = (struct lg_str){split->line.data + size, split->line.size - size};
	*part = split->part || split->line.size ? ++split->part : 0;
	*truncated = split->cut && !split->line.size && !split->rest.size;
	return true;
}
