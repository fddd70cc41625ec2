#include "parser/zos_columns.h"

#include <string.h>

/* The widest header, in columns. */
enum { HEAD_MAX = ZOS_ORIGIN_MAX + ZOS_AT_TEXT + ZOS_SHIFT };

static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool is_hex(char c)
{
	return is_digit(c) || (c >= 'A' && c <= 'F');
}

static bool all_digits(const char *p, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!is_digit(p[i]))
			return false;
	return true;
}

static bool all_blank(const char *p, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (p[i] != ' ')
			return false;
	return true;
}

/* The first `count` bytes, or all where there are fewer. */
static bool ascii_up_to(const char *p, size_t size, size_t count)
{
	uint64_t word, seen = 0;

	if (count > size)
		count = size;
	for (; count >= 8; count -= 8, p += 8) {
		memcpy(&word, p, 8);
		seen |= word;
	}
	while (count--)
		seen |= (unsigned char)*p++;
	return !(seen & UINT64_C(0x8080808080808080));
}

struct lg_str zos_trim_end(struct lg_str s)
{
	/* Records are mostly padded to their full width: eight blanks at a time. */
	while (s.size >= 8 && !memcmp(s.data + s.size - 8, "        ", 8))
		s.size -= 8;
	while (s.size && s.data[s.size - 1] == ' ')
		s.size--;
	return s;
}

struct lg_str zos_trim(struct lg_str s)
{
	s = zos_trim_end(s);
	while (s.size && *s.data == ' ') {
		s.data++;
		s.size--;
	}
	return s;
}

struct lg_str zos_columns_field(const char *line, size_t line_size, size_t at, size_t size)
{
	if (at >= line_size)
		return LG_STR("");
	if (size > line_size - at)
		size = line_size - at;
	return zos_trim((struct lg_str){line + at, size});
}

bool zos_hex(struct lg_str s, uint32_t *value)
{
	uint32_t v = 0;

	if (s.size != 8)
		return false;
	for (size_t i = 0; i < 8; i++) {
		if (!is_hex(s.data[i]))
			return false;
		v = v << 4 | (uint32_t)(is_digit(s.data[i]) ? s.data[i] - '0' : s.data[i] - 'A' + 10);
	}
	*value = v;
	return true;
}

int zos_connector_at_end(struct lg_str text, size_t *before)
{
	const char *end;

	if (text.size < 3)
		return -1;
	end = text.data + text.size;
	if (!all_digits(end - 3, 3) || (text.size > 3 && end[-4] != ' '))
		return -1;
	*before = zos_trim_end((struct lg_str){text.data, text.size - 3}).size;
	return (end[-3] - '0') * 100 + (end[-2] - '0') * 10 + (end[-1] - '0');
}

static bool is_time(const char *p)
{
	return all_digits(p, 2) && p[2] == ':' && all_digits(p + 3, 2) && p[5] == ':' && all_digits(p + 6, 2) && p[8] == '.' &&
	       all_digits(p + 9, 2);
}

/* N W M O X with everything up to the time in its place. What follows the time may have been stripped with the blanks. Only a
 * header in ASCII has its columns at the bytes they are looked for. */
static bool is_head(const char *p, size_t size, size_t shift)
{
	const char *time = p + ZOS_AT_TIME + shift;

	if (size < ZOS_AT_TIME + shift + 11)
		return false;
	if ((*p != 'N' && *p != 'M' && *p != 'W' && *p != 'O' && *p != 'X') ||
	        (p[1] != ' ' && p[1] != 'C' && p[1] != 'R' && p[1] != 'I' && p[1] != 'U'))
		return false;
	if (p[9] != ' ' || p[10] == ' ' || p[18] != ' ' || time[-1] != ' ')
		return false;
	if (!all_digits(p + ZOS_AT_DATE, 5 + shift) || !is_time(time))
		return false;
	for (size_t i = 0; i < 7; i++)
		if (!is_hex(p[ZOS_AT_ROUTING + i]))
			return false;
	if (!ascii_up_to(p, size, ZOS_AT_TEXT + shift))
		return false;
	return size == ZOS_AT_TIME + shift + 11 || time[11] == ' ';
}

/* Nothing but the type, blanks and, right-justified before column 46, the connector id. */
static bool is_minor(const char *p, size_t size, size_t shift, int *connector)
{
	size_t id = 42 + shift;

	if ((*p != 'D' && *p != 'E' && *p != 'L') || size < id + 3 || !all_blank(p + 1, id - 1))
		return false;
	if ((size > id + 3 && p[id + 3] != ' ') || !ascii_up_to(p, size, ZOS_AT_TEXT + shift))
		return false;
	if (all_digits(p + id, 3)) {
		*connector = (p[id] - '0') * 100 + (p[id + 1] - '0') * 10 + p[id + 2] - '0';
		return true;
	}
	*connector = -1;
	return all_blank(p + id, 3) && size > ZOS_AT_FLAGS + shift;
}

static bool is_more(const char *p, size_t size, size_t shift)
{
	return *p == 'S' && size > ZOS_AT_TEXT + shift && all_blank(p + 1, ZOS_AT_ACTION + shift - 1) &&
	       ascii_up_to(p, size, ZOS_AT_TEXT + shift);
}

static void set_kind(struct zos_columns *cols, enum zos_kind kind, struct zos_layout layout, struct lg_str line)
{
	size_t text = (size_t)ZOS_AT_TEXT + layout.shift;

	cols->kind = kind;
	cols->layout = layout;
	cols->at = line.data + layout.origin;
	cols->size = line.size - layout.origin;
	cols->text = cols->size > text ? (struct lg_str){cols->at + text, cols->size - text} : LG_STR("");
}

/* Reads the line by one layout; false where it does not fit. `line` has no trailing blanks. */
static bool read_by(struct zos_columns *cols, struct lg_str line, struct zos_layout layout, bool heads_only)
{
	const char *p = line.data + layout.origin;
	size_t size;

	if (line.size <= layout.origin)
		return false;
	size = line.size - layout.origin;
	if (is_head(p, size, layout.shift)) {
		set_kind(cols, ZOS_HEAD, layout, line);
		return true;
	}
	if (heads_only)
		return false;
	if (is_minor(p, size, layout.shift, &cols->connector)) {
		set_kind(cols, ZOS_MINOR, layout, line);
		return true;
	}
	if (is_more(p, size, layout.shift)) {
		set_kind(cols, ZOS_MORE, layout, line);
		return true;
	}
	return false;
}

/* A line of a view that begins with the time. */
static enum zos_kind cropped_kind(struct lg_str line, int *connector)
{
	const char *p = line.data;
	size_t ident = ZOS_AT_IDENT - ZOS_CROPPED, flags = ZOS_AT_FLAGS - ZOS_CROPPED, text = ZOS_AT_TEXT - ZOS_CROPPED;
	uint32_t value;

	if (line.size < flags + 8 || p[flags - 1] != ' ' || (line.size > flags + 8 && p[flags + 8] != ' '))
		return ZOS_PLAIN;
	if (all_blank(p, flags + 8))
		return line.size > text && all_blank(p, text) ? ZOS_MORE : ZOS_PLAIN;
	if (!zos_hex((struct lg_str){p + flags, 8}, &value) || !ascii_up_to(p, line.size, text))
		return ZOS_PLAIN;
	if (is_time(p) && p[11] == ' ')
		return ZOS_HEAD;
	if (!all_blank(p, ident + 5) || !all_digits(p + ident + 5, 3))
		return ZOS_PLAIN;
	*connector = (p[ident + 5] - '0') * 100 + (p[ident + 6] - '0') * 10 + p[ident + 7] - '0';
	return ZOS_MINOR;
}

static bool read_cropped(struct zos_columns *cols, struct lg_str line, struct lg_buf *scratch)
{
	struct zos_layout layout = {.cropped = true, .known = true};
	enum zos_kind kind = cropped_kind(line, &cols->connector);

	if (kind == ZOS_PLAIN)
		return false;
	lg_buf_clear(scratch);
	memset(lg_buf_reserve(scratch, ZOS_CROPPED), ' ', ZOS_CROPPED);
	scratch->size = ZOS_CROPPED;
	lg_buf_append_str(scratch, line);
	set_kind(cols, kind, layout, lg_buf_str(scratch));
	return true;
}

bool zos_layout_equal(struct zos_layout a, struct zos_layout b)
{
	return a.origin == b.origin && a.shift == b.shift && a.cropped == b.cropped && a.known == b.known;
}

/* By the layout that is known, else by any other. */
static bool read_full(struct zos_columns *cols, struct lg_str line, const struct zos_layout *layout)
{
	static const uint8_t shifts[] = {0, ZOS_SHIFT};

	if (layout->known && !layout->cropped && read_by(cols, line, *layout, false))
		return true;
	for (uint8_t origin = 0; origin <= ZOS_ORIGIN_MAX; origin++) {
		for (size_t i = 0; i < 2; i++) {
			struct zos_layout other = {.origin = origin, .shift = shifts[i], .known = true};

			if (read_by(cols, line, other, layout->known))
				return true;
		}
	}
	return false;
}

/* Offset of the character behind the one at `at`. */
static size_t next_column(struct lg_str line, size_t at)
{
	do
		at++;
	while (at < line.size && (line.data[at] & 0xc0) == 0x80);
	return at;
}

/* A wrong code page puts characters of two bytes into names, $ # and @ being the variant ones: one byte each in the header, so
 * that the columns are found. */
static bool read_flattened(struct zos_columns *cols, struct lg_str line, const struct zos_layout *layout, struct lg_buf *scratch)
{
	size_t text, at;

	lg_buf_clear(scratch);
	at = 0;
	while (at < line.size && scratch->size < HEAD_MAX) {
		lg_buf_append_char(scratch, line.data[at] & 0x80 ? '?' : line.data[at]);
		at = next_column(line, at);
	}
	lg_buf_append(scratch, line.data + at, line.size - at);
	if (!read_full(cols, lg_buf_str(scratch), layout))
		return false;
	/* The text stays as it was. */
	at = 0;
	text = (size_t)cols->layout.origin + ZOS_AT_TEXT + cols->layout.shift;
	for (size_t column = 0; column < text && at < line.size; column++)
		at = next_column(line, at);
	cols->text = (struct lg_str){line.data + at, line.size - at};
	return true;
}

void zos_columns_read(struct zos_columns *cols, struct lg_str line, const struct zos_layout *layout, struct lg_buf *scratch)
{
	cols->connector = -1;
	line = zos_trim_end(line);
	if ((layout->cropped || !layout->known) && read_cropped(cols, line, scratch))
		return;
	if (read_full(cols, line, layout))
		return;
	if (!ascii_up_to(line.data, line.size, HEAD_MAX) && read_flattened(cols, line, layout, scratch))
		return;
	cols->kind = ZOS_PLAIN;
	cols->layout = *layout;
	cols->at = line.data;
	cols->size = line.size;
	cols->text = line;
}
