#include "codec/framing.h"

#include <string.h>

#define CR 0x0d /* in ASCII and in EBCDIC */

/* What ends lines by the policy. In EBCDIC 15 and 25 are NEL and LF, or LF and NEL, in every page. */
static void choose_ends(struct framer *f, enum charset_newline newline)
{
	enum charset_kind kind = charset_kind(f->charset);
	bool nel = newline != CHARSET_NEWLINE_LF, lf = newline != CHARSET_NEWLINE_NEL && newline != CHARSET_NEWLINE_SWAPPED;

	f->unit = kind == CHARSET_KIND_UTF16 ? 2 : 1;
	if (lf)
		f->ends[f->end_count++] = (struct framing_end){.byte = charset_is_ebcdic(f->charset) ? 0x25 : 0x0a};
	/* No other page than ISO-8859-1 has NEL where that has it. */
	if (nel && (kind != CHARSET_KIND_ASCII || f->charset == CHARSET_ISO_8859_1))
		f->ends[f->end_count++] =
			(struct framing_end){.byte = charset_is_ebcdic(f->charset) ? 0x15 : 0x85, .after_c2 = kind == CHARSET_KIND_UTF8};
}

void framing_init(struct framer *f, const struct framing_conf *conf)
{
	*f = (struct framer){.framing = conf->framing, .charset = conf->charset, .truncate = conf->truncate};
	/* A part must hold a whole character, and what is left of a record fit 32 bits. */
	f->limit = conf->limit < 16 ? 16 : conf->limit > INT32_MAX ? INT32_MAX : (size_t)conf->limit;
	choose_ends(f, conf->newline);
	f->lrecl = conf->lrecl < 1 ? 1 : conf->lrecl > INT32_MAX ? INT32_MAX : (size_t)conf->lrecl;
}

void framing_fini(struct framer *f)
{
	lg_buf_fini(&f->joined);
}

/* ---- line -------------------------------------------------------------------------------------------------------- */

/* The last byte of the UTF-16 code unit of a terminator that has `byte` at hit; NULL where it is part of another one. The units
 * begin at start. */
static const uint8_t *unit_end(const struct framer *f, const uint8_t *hit, const uint8_t *start)
{
	bool second = (hit - start) & 1;

	if (f->charset == CHARSET_UTF_16LE)
		return !second && hit + 1 < f->until && hit[1] == 0 ? hit + 1 : NULL;
	return second && hit[-1] == 0 ? hit : NULL;
}

/* The last byte of the next terminator of one kind at or behind p; `until` where there is none. */
static const uint8_t *search(const struct framer *f, int kind, const uint8_t *p, const uint8_t *start)
{
	const struct framing_end *end = &f->ends[kind];

	while (p < f->until) {
		const uint8_t *hit = memchr(p, end->byte, (size_t)(f->until - p)), *unit;

		if (!hit)
			break;
		if (f->unit == 2) {
			unit = unit_end(f, hit, start);
			if (unit)
				return unit;
		} else if (!end->after_c2 || (hit > start && hit[-1] == 0xc2)) {
			return hit;
		}
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
	/* A unit may have been there in half. */
	if (f->scanned < size)
		from += f->scanned & ~(f->unit - 1);
	for (int kind = 0; kind < 2; kind++)
		f->next[kind] = kind < f->end_count ? search(f, kind, from, data) : f->until;
}

/* The size of the content without a carriage return at its end. */
static size_t without_cr(const struct framer *f, const uint8_t *data, size_t size)
{
	if (f->unit == 1)
		return size && data[size - 1] == CR ? size - 1 : size;
	if (size >= 2 && data[size - 1] == (f->charset == CHARSET_UTF_16LE ? 0 : CR) &&
	    data[size - 2] == (f->charset == CHARSET_UTF_16LE ? CR : 0))
		return size - 2;
	return size;
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
	size_t n = f->state.skipping ? size : charset_cut(f->charset, data, f->limit, f->state.shifted);

	if (n == 0)
		n = f->limit;
	*piece = (struct framing_piece){.data = data, .size = n, .consumed = n};
	f->scanned = 0;
	if (f->state.skipping) {
		/* The last byte may be the first one of C2 85, or of a unit. */
		if (size > 1)
			piece->consumed = (size - 1) & ~(f->unit - 1);
		piece->data = NULL;
		return;
	}
	if (f->truncate) {
		f->state.skipping = true;
		piece->truncated = piece->final = true;
		return;
	}
	piece->part = ++f->state.part;
	f->state.shifted = charset_shifted(f->charset, data, n, f->state.shifted);
}

static enum lg_rc line_next(struct framer *f, const uint8_t *data, size_t size, bool last, struct framing_piece *piece)
{
	const uint8_t *hit;
	size_t end, content;

	for (int kind = 0; kind < f->end_count; kind++)
		if (f->next[kind] < data)
			f->next[kind] = search(f, kind, data, data);
	hit = f->next[0] < f->next[1] ? f->next[0] : f->next[1];
	if (hit < f->until) {
		end = (size_t)(hit - data) + 1;
		content = end - f->unit;
		if (content && *hit == 0x85 && charset_kind(f->charset) == CHARSET_KIND_UTF8)
			content--;
		content = without_cr(f, data, content);
	} else {
		/* CR, C2 or half a unit at the end may belong to a line end whose rest has not come. */
		if (!last && (f->state.skipping ? size <= f->unit : size <= f->limit + 1 + f->unit)) {
			f->scanned = size;
			return LG_AGAIN;
		}
		end = content = size;
		if (last)
			content = without_cr(f, data, content);
	}
	if (f->state.skipping ? hit < f->until || last : content <= f->limit)
		line_whole(f, data, content, end, piece);
	else
		line_cut(f, data, size, piece);
	return LG_OK;
}

/* One record up to the end, without a line end of its own behind it. */
static enum lg_rc whole_next(struct framer *f, const uint8_t *data, size_t size, bool last, struct framing_piece *piece)
{
	size_t content = size;

	if (!last || !size)
		return LG_AGAIN;
	for (int kind = 0; kind < f->end_count && content == size; kind++)
		if (f->unit == 1 && data[size - 1] == f->ends[kind].byte && !f->ends[kind].after_c2)
			content = without_cr(f, data, size - 1);
	if (f->state.skipping || content <= f->limit)
		line_whole(f, data, content, size, piece);
	else
		line_cut(f, data, size, piece);
	return LG_OK;
}

enum lg_rc framing_next(struct framer *f, const uint8_t *data, size_t size, bool last, int64_t offset,
                        struct framing_piece *piece, struct lg_err *err)
{
	if (f->framing == LG_FRAMING_WHOLE)
		return whole_next(f, data, size, last, piece);
	if (f->framing != LG_FRAMING_LINE)
		return framing_words_next(f, data, size, last, offset, piece, err);
	return size ? line_next(f, data, size, last, piece) : LG_AGAIN;
}
