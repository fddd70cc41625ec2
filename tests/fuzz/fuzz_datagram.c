/* Any bytes as one datagram: its messages are pieces of it, in order, none empty, none longer than the limit, and together they are all of it but the
 * newlines, carriage returns and NULs that belong to no message. The first two bytes choose the limit and how it is taken apart. */
#include <stdlib.h>
#include <string.h>

#include "input_listen/datagram.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
	if (!truth)
		abort();
}

/* Bytes between two messages must be ones that separate; a message's parts follow each other without a gap. */
static void check_gap(const char *from, const char *to, bool lines, bool same_message)
{
	require(from <= to && (!same_message || from == to));
	for (; from < to; from++)
		require(lines && (*from == '\n' || *from == '\r'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct datagram_split split;
	struct lg_str text;
	const char *at, *end;
	int part, last_part = 0;
	bool truncated, cut, lines, was_truncated = false;
	size_t limit;

	if (size < 2)
		return 0;
	limit = 4 + data[0];
	lines = data[1] & 1;
	cut = data[1] & 2;
	at = (const char *)data + 2;
	end = (const char *)data + size;
	datagram_split_init(&split, (struct lg_str){at, (size_t)(end - at)}, cut, lines, limit);
	while (datagram_split_next(&split, &text, &part, &truncated)) {
		require(!was_truncated);
		require(text.size > 0 && text.size <= limit);
		require(text.data >= at && text.data + text.size <= end);
		require(part >= 0 && (part <= 1 || part == last_part + 1));
		check_gap(at, text.data, lines, part > 1);
		require(!lines || !memchr(text.data, '\n', text.size));
		at = text.data + text.size;
		last_part = part;
		was_truncated = truncated;
	}
	for (; at < end; at++)
		require(*at == '\n' || *at == '\r' || (*at == '\0' && !cut));
	return 0;
}
