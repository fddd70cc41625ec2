#include "sockframe.h"

#include <string.h>

enum count { COUNT_MORE, COUNT_NONE, COUNT_READ };

void sockframe_init(struct sockframe *f, enum sockframe_mode mode, size_t limit)
{
	*f = (struct sockframe){.mode = mode, .limit = limit};
}

/* MSG-LEN = NONZERO-DIGIT *DIGIT, then a space. *used: its bytes with the space. */
static enum count read_count(const char *data, size_t size, uint64_t *count, size_t *used)
{
	uint64_t value = 0;
	size_t i = 0;

	if (!size)
		return COUNT_MORE;
	if (data[0] == '0')
		return COUNT_NONE;
	for (; i < size && i < SOCKFRAME_COUNT_DIGITS && data[i] >= '0' && data[i] <= '9'; i++)
		value = value * 10 + (uint64_t)(data[i] - '0');
	if (i == size)
		return COUNT_MORE;
	if (!i || data[i] != ' ')
		return COUNT_NONE;
	*count = value;
	*used = i + 1;
	return COUNT_READ;
}

size_t sockframe_cut(const char *data, size_t limit)
{
	size_t size = limit;

	while (size && limit - size < 3 && ((uint8_t)data[size] & 0xc0) == 0x80)
		size--;
	return size && ((uint8_t)data[size] & 0xc0) != 0x80 ? size : limit;
}

static void give(struct sockframe *f, struct sockframe_piece *piece, struct lg_str text, size_t consumed, bool ends)
{
	piece->text = text;
	piece->consumed = consumed;
	piece->torn = false;
	piece->part = f->part || !ends ? ++f->part : 0;
	if (ends)
		f->part = 0;
}

static enum lg_rc give_torn(struct sockframe *f, struct sockframe_piece *piece, struct lg_str text, size_t consumed)
{
	give(f, piece, text, consumed, true);
	piece->torn = true;
	f->left = 0;
	return LG_OK;
}

static enum lg_rc next_counted(
	struct sockframe *f, const char *data, size_t size, bool last, struct sockframe_piece *piece, struct lg_err *err)
{
	size_t used = 0, want;
	struct lg_str text;

	if (!f->left) {
		uint64_t count = 0;
		enum count found = read_count(data, size, &count, &used);

		if (found == COUNT_MORE)
			return last && size ? give_torn(f, piece, (struct lg_str){data, size}, size) : LG_AGAIN;
		if (found == COUNT_NONE)
			return lg_err_set(err, LG_CORRUPT, "octet counting: no message length where one must stand (byte 0x%02x)",
			        (unsigned)(uint8_t)data[0]);
		f->left = count;
		f->part = 0;
	}
	text = (struct lg_str){data + used, size - used};
	want = f->left < f->limit ? (size_t)f->left : f->limit;
	if (text.size < want + (f->left > want)) {
		/* The count is read again with the next bytes: a framer moves on by whole pieces only. */
		if (last && size)
			return give_torn(f, piece, text, size);
		if (used)
			f->left = 0;
		return LG_AGAIN;
	}
	if (f->left > want)
		want = sockframe_cut(text.data, want);
	f->left -= want;
	text.size = want;
	if (!f->left && text.size && text.data[text.size - 1] == '\n')
		text.size--;
	give(f, piece, text, used + want, !f->left);
	return LG_OK;
}

/* Where the first line ends that is not known to go on, NULL: nowhere yet. */
static const char *find_end(const struct sockframe *f, const char *data, size_t size)
{
	const char *newline, *nul;

	if (size <= f->scanned)
		return NULL;
	newline = memchr(data + f->scanned, '\n', size - f->scanned);
	if (!f->nul_ends)
		return newline;
	nul = memchr(data + f->scanned, '\0', (newline ? (size_t)(newline - data) : size) - f->scanned);
	return nul ? nul : newline;
}

static enum lg_rc next_line(struct sockframe *f, const char *data, size_t size, bool last, struct sockframe_piece *piece)
{
	const char *newline = find_end(f, data, size);
	size_t line = newline ? (size_t)(newline - data) : size;

	if (line > f->limit) {
		f->scanned = 0;
		line = sockframe_cut(data, f->limit);
		give(f, piece, (struct lg_str){data, line}, line, false);
		return LG_OK;
	}
	if (!newline) {
		f->scanned = size;
		return last && size ? give_torn(f, piece, (struct lg_str){data, size}, size) : LG_AGAIN;
	}
	f->scanned = 0;
	give(f, piece, (struct lg_str){data, line && data[line - 1] == '\r' ? line - 1 : line}, line + 1, true);
	return LG_OK;
}

enum lg_rc sockframe_next(
	struct sockframe *f, const char *data, size_t size, bool last, struct sockframe_piece *piece, struct lg_err *err)
{
	if (!size)
		return LG_AGAIN;
	if (f->mode == SOCKFRAME_AUTO) {
		uint64_t count;
		size_t used;
		enum count found = read_count(data, size, &count, &used);

		if (found == COUNT_MORE && !last)
			return LG_AGAIN;
		f->mode = found == COUNT_READ ? SOCKFRAME_OCTET_COUNTING : SOCKFRAME_LF;
	}
	return f->mode == SOCKFRAME_LF ? next_line(f, data, size, last, piece) : next_counted(f, data, size, last, piece, err);
}
