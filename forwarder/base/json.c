#include "base/json.h"

#include <string.h>

#include "base/text.h"

/* High bit set in each byte of the word that a JSON string cannot carry as it is, or that begins a longer character. A byte above
 * a hit may be marked too (the borrow runs upwards); the caller looks at each byte of a marked word. */
static uint64_t special_bytes(uint64_t word)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = ones * 0x80;
	uint64_t quote = word ^ (ones * '"'), backslash = word ^ (ones * '\\');

	return ((word - ones * 0x20) | (quote - ones) | (backslash - ones) | word) & high;
}

/* Bytes from the front that go out unchanged. */
static size_t plain_run(const uint8_t *p, size_t size)
{
	size_t at = 0;

	for (;;) {
		uint64_t word;

		while (size - at >= 8) {
			memcpy(&word, p + at, 8);
			if (special_bytes(word))
				break;
			at += 8;
		}
		for (size_t stop = size - at < 8 ? size : at + 8; at < stop;) {
			size_t n;

			if (p[at] < 0x20 || p[at] == '"' || p[at] == '\\')
				return at;
			n = text_utf8_length(p + at, size - at);
			if (!n)
				return at;
			at += n;
		}
		if (at >= size)
			return size;
	}
}

static void append_escape(struct lg_buf *out, uint8_t c)
{
	static const char hex[] = "0123456789abcdef", from[] = "\"\\\n\r\t\b\f", to[] = "\"\\nrtbf";
	const char *found = c ? strchr(from, c) : NULL;

	if (c >= 0x80) {
		lg_buf_append_cstr(out, "\xef\xbf\xbd"); /* U+FFFD */
	} else if (found) {
		lg_buf_append_char(out, '\\');
		lg_buf_append_char(out, to[found - from]);
	} else {
		lg_buf_append_cstr(out, "\\u00");
		lg_buf_append_char(out, hex[c >> 4]);
		lg_buf_append_char(out, hex[c & 15]);
	}
}

void json_put_string(struct lg_buf *out, struct lg_str text)
{
	const uint8_t *p = (const uint8_t *)text.data;
	size_t at = 0;

	lg_buf_reserve(out, text.size + 2);
	lg_buf_append_char(out, '"');
	while (at < text.size) {
		size_t run = plain_run(p + at, text.size - at);

		lg_buf_append(out, p + at, run);
		at += run;
		if (at < text.size)
			append_escape(out, p[at++]);
	}
	lg_buf_append_char(out, '"');
}

void json_put_name(struct lg_buf *out, const char *name)
{
	if (out->size && !strchr("{[", out->data[out->size - 1]))
		lg_buf_append_char(out, ',');
	json_put_string(out, lg_str_from(name));
	lg_buf_append_char(out, ':');
}

void json_put_member(struct lg_buf *out, const char *name, struct lg_str text)
{
	json_put_name(out, name);
	json_put_string(out, text);
}

void json_put_u64(struct lg_buf *out, const char *name, uint64_t value)
{
	json_put_name(out, name);
	lg_buf_append_u64(out, value);
}

void json_put_seconds(struct lg_buf *out, const char *name, double seconds)
{
	json_put_name(out, name);
	if (seconds < 0)
		lg_buf_append_cstr(out, "null");
	else
		lg_buf_printf(out, "%.3f", seconds);
}

void json_put_bool(struct lg_buf *out, const char *name, bool value)
{
	json_put_name(out, name);
	lg_buf_append_cstr(out, value ? "true" : "false");
}
