/* Any bytes, any framing: the pieces do not depend on how the bytes were cut into chunks, and every byte is passed exactly once.
 * The first four bytes choose: framing and charset, oversize rule and record length, limit, chunk size. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "codec/framing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
	uint64_t hash, pieces, broken;
	size_t end;
	enum lg_rc rc;
};

static void require(bool truth)
{
	if (!truth)
		abort();
}

static void note(struct outcome *o, const struct framing_piece *piece)
{
	if (!piece->data)
		return; /* how skipped bytes are cut does depend on the chunks */
	o->pieces++;
	o->hash = hash_more(o->hash, piece->data, piece->size);
	o->hash = hash_more(o->hash, &piece->part, sizeof(piece->part));
	o->hash = (o->hash << 1 | o->hash >> 63) ^ (uint64_t)(piece->truncated + 2 * piece->final + 4 * piece->torn + 8 * piece->broken);
}

static struct outcome run(const struct framing_conf *conf, const uint8_t *data, size_t size, size_t chunk)
{
	struct outcome o = {.hash = HASH_START};
	size_t seen = 0;
	struct framer f;

	framing_init(&f, conf);
	do {
		bool last;

		seen = size - seen < chunk ? size : seen + chunk;
		last = seen == size;
		framing_offer(&f, data + o.end, seen - o.end);
		for (;;) {
			struct framing_piece piece;

			o.rc = framing_next(&f, data + o.end, seen - o.end, last, (int64_t)o.end, &piece, NULL);
			if (o.rc != LG_OK)
				break;
			require(piece.consumed > 0 && piece.consumed <= seen - o.end);
			require(!piece.data || piece.data == f.joined.data ||
			        (piece.data >= data + o.end && piece.data + piece.size <= data + o.end + piece.consumed));
			note(&o, &piece);
			o.end += piece.consumed;
		}
	} while (o.rc == LG_AGAIN && seen < size);
	require(o.rc != LG_AGAIN || o.end == size);
	o.broken = f.broken;
	framing_fini(&f);
	return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome whole, pieces;
	static const enum lg_framing framings[] = {LG_FRAMING_LINE, LG_FRAMING_RDW,           LG_FRAMING_BDW,
	                                           LG_FRAMING_FIXED, LG_FRAMING_U32,          LG_FRAMING_RDW_EXCLUSIVE,
	                                           LG_FRAMING_RDW_LE, LG_FRAMING_RDW_LE_EXCLUSIVE};
	static const enum charset_id charsets[] = {CHARSET_UTF_8, CHARSET_ISO_8859_1, CHARSET_IBM_037, CHARSET_UTF_16LE, CHARSET_UTF_16BE,
	                                           CHARSET_IBM_939};
	struct framing_conf conf = {0};

	if (size < 4)
		return 0;
	conf.framing = framings[data[0] % (sizeof(framings) / sizeof(framings[0]))];
	conf.charset = charsets[(data[0] >> 3) % (sizeof(charsets) / sizeof(charsets[0]))];
	conf.newline = (enum charset_newline)(data[3] % CHARSET_NEWLINE_COUNT);
	conf.truncate = data[1] & 1;
	conf.lrecl = 1u + (data[1] >> 1);
	conf.limit = 16 + data[2] % 64u;
	whole = run(&conf, data + 4, size - 4, SIZE_MAX);
	pieces = run(&conf, data + 4, size - 4, 1u + data[3]);
	require(whole.rc == pieces.rc && whole.end == pieces.end && whole.pieces == pieces.pieces && whole.hash == pieces.hash &&
	        whole.broken == pieces.broken);
	return 0;
}
