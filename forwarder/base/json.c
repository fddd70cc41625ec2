#include "base/json.h"

#include <string.h>

static bool plain(unsigned char c)
{
	return c >= 0x20 && c != '"' && c != '\\';
}

static void put_escape(struct lg_buf *out, unsigned char c)
{
	static const char names[] = "\"\"\\\\\bb\ff\nn\rr\tt";

	for (size_t i = 0; i + 1 < sizeof(names); i += 2)
		if ((unsigned char)names[i] == c) {
			lg_buf_append_char(out, '\\');
			lg_buf_append_char(out, names[i + 1]);
			return;
		}
	lg_buf_printf(out, "\\u%04x", c);
}

void json_put_string(struct lg_buf *out, struct lg_str text)
{
	size_t at = 0;

	lg_buf_append_char(out, '"');
	while (at < text.size) {
		size_t run = at;

		while (run < text.size && plain((unsigned char)text.data[run]))
			run++;
		lg_buf_append(out, text.data + at, run - at);
		at = run;
		if (at < text.size)
			put_escape(out, (unsigned char)text.data[at++]);
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
