/* Any bytes on a syslog connection: the messages do not depend on how the bytes were cut into reads, every byte is passed once,
 * and never more than one message and its count is waited for. The first three bytes choose framing, limit and the size of a
 * read. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "input_listen/sockframe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
	uint64_t hash, pieces;
	size_t end;
	enum lg_rc rc;
};

static void require(bool truth)
{
	if (!truth)
		abort();
}

static struct outcome run(enum sockframe_mode mode, size_t limit, const char *data, size_t size, size_t chunk)
{
	struct outcome o = {.hash = HASH_START, .rc = LG_AGAIN};
	struct sockframe f;

	sockframe_init(&f, mode, limit);
	for (size_t seen = 0; o.rc == LG_AGAIN && seen < size;) {
		struct sockframe_piece piece;

		seen = size - seen < chunk ? size : seen + chunk;
		while ((o.rc = sockframe_next(&f, data + o.end, seen - o.end, seen == size, &piece, NULL)) == LG_OK) {
			require(piece.consumed > 0 && piece.consumed <= seen - o.end);
			require(piece.text.size <= limit);
			require(!piece.text.size || (piece.text.data >= data + o.end &&
			                                    piece.text.data + piece.text.size <= data + o.end + piece.consumed));
			o.pieces += piece.text.size > 0;
			o.hash = hash_more(o.hash, piece.text.data ? piece.text.data : "", piece.text.size);
			o.hash = (o.hash << 1 | o.hash >> 63) ^ (piece.part * 2 + piece.torn);
			o.end += piece.consumed;
		}
		require(o.rc != LG_AGAIN || seen - o.end <= limit + SOCKFRAME_COUNT_DIGITS + 1);
	}
	require(o.rc != LG_AGAIN || o.end == size);
	return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome whole, cut;
	enum sockframe_mode mode;
	size_t limit, chunk;

	if (size < 3)
		return 0;
	mode = (enum sockframe_mode)(data[0] % 3);
	limit = 16 + data[1];
	chunk = 1 + data[2] % 32;
	whole = run(mode, limit, (const char *)data + 3, size - 3, size);
	cut = run(mode, limit, (const char *)data + 3, size - 3, chunk);
	require(whole.hash == cut.hash && whole.pieces == cut.pieces && whole.end == cut.end && whole.rc == cut.rc);
	return 0;
}
