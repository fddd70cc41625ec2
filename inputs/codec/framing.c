#include "codec/framing.h"

#include <string.h>

#define CR 0x0d /* in ASCII and in EBCDIC */

/* The last byte of each kind of line end; NEL in UTF-8 is 85 behind a C2. */
static const uint8_t terminators[CHARSET_COUNT][2] = {
	[CHARSET_UTF_8] = {0x0a, 0x85},
	[CHARSET_ISO_8859_1] = {0x0a, 0x85},
	[CHARSET_IBM_037] = {0x15, 0x25},
	[CHARSET_IBM_1047] = {0x15, 0x25},
};

void framing_init(struct framer *f, const struct framing_conf *conf)
{
	*f = (struct framer){.framing = conf->framing, .charset = conf->charset, .truncate = conf->truncate};
	/* A part must hold a whole character, and what is left of a record fit 32 bits. */
	f->limit = conf->limit < 16 ? 16 : conf->limit > INT32_MAX ? INT32_MAX : (size_t)conf->limit;
	f->lrecl = conf->lrecl < 1 ? 1 : conf->lrecl > INT32_MAX ? INT32_MAX : (size_t)conf->lrecl;
}

void framing_fini(struct framer *f)
{
	lg_buf_fini(&f->joined);
}

/* ---- line -------------------------------------------------------------------------------------------------------- */

/* The next terminator of one kind at or behind p; `until` where there is none. */
static const uint8_t *search(const struct framer *f, int kind, const uint8_t *p, const uint8_t *start)
{
	const uint8_t c = terminators[f->charset][kind];

	while (p < f->until) {
		const uint8_t *hit = memchr(p, c, (size_t)(f->until - p));

		if (!hit)
			break;
		if (kind == 0 || f->charset != CHARSET_UTF_8 || (hit > start && hit[-1] == 0xc2))
			return hit;
		p = hit + 1;
	}
	return f->until;
}

void framing_offer(struct framer *f, const uint8_t *data, size_t size)
{
	const uint8_t *from = data;

	if (f->framing != LG_FRAMING_LINE)
		return;
	f->until = data + size;
	if (f->scanned < size)
		from += f->scanned;
	f->next[0] = search(f, 0, from, data);
	f->next[1] = search(f, 1, from, data);
}

/* A record of `content` bytes with `end` bytes in all is complete. */
static void line_whole(struct framer *f, const uint8_t *data, size_t content, size_t end, struct framing_piece *piece)
{
	*piece = (struct framing_piece){.data = data, .size = content, .consumed = end, .final = true};
	if (f->state.skipping)
		piece->data = NULL;
	else if (f->state.part)
		piece->part = f->state.part + 1;
	f->state = (struct framing_state){0};
	f->scanned = 0;
}

/* More than the limit without a line end: a part is given out, or the rest passed over. */
static void line_cut(struct framer *f, const uint8_t *data, size_t size, struct framing_piece *piece)
{
	size_t n = f->state.skipping ? size : charset_cut(f->charset, data, f->limit);

	if (n == 0)
		n = f->limit;
	*piece = (struct framing_piece){.data = data, .size = n, .consumed = n};
	f->scanned = 0;
	if (f->state.skipping) {
		/* The last byte may be the first one of C2 85. */
		if (size > 1)
			piece->consumed = size - 1;
		piece->data = NULL;
		return;
	}
	if (f->truncate) {
		f->state.skipping = true;
		piece->truncated = piece->final = true;
		return;
	}
	piece->part = ++f->state.part;
}

static enum lg_rc line_next(struct framer *f, const uint8_t *data, size_t size, bool last, struct framing_piece *piece)
{
	const uint8_t *hit;
	size_t end, content;

	for (int kind = 0; kind < 2; kind++)
		if (f->next[kind] < data)
			f->next[kind] = search(f, kind, data, data);
	hit = f->next[0] < f->next[1] ? f->next[0] : f->next[1];
	if (hit < f->until) {
		end = (size_t)(hit - data) + 1;
		content = end - 1;
		if (content && f->charset == CHARSET_UTF_8 && hit == f->next[1])
			content--;
		if (content && data[content - 1] == CR)
			content--;
	} else {
		/* CR or C2 at the end may belong to a line end whose rest has not come. */
		if (!last && (f->state.skipping ? size < 2 : size <= f->limit + 2)) {
			f->scanned = size;
			return LG_AGAIN;
		}
		end = content = size;
		if (last && content && data[content - 1] == CR)
			content--;
	}
	if (f->state.skipping ? hit < f->until || last : content <= f->limit)
		line_whole(f, data, content, end, piece);
	else
		line_cut(f, data, size, piece);
	return LG_OK;
}

enum lg_rc framing_next(struct framer *f, const uint8_t *data, size_t size, bool last, int64_t offset,
                        struct framing_piece *piece, struct lg_err *err)
{
	if (f->framing != LG_FRAMING_LINE)
		return framing_words_next(f, data, size, last, offset, piece, err);
	return size ? line_next(f, data, size, last, piece) : LG_AGAIN;
}
