#include "config/problem.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/text.h"

static void problems_add(struct problems *p, struct config_mark mark, bool warning, const char *fmt, va_list ap) LG_PRINTF(4, 0);

static void problems_add(struct problems *p, struct config_mark mark, bool warning, const char *fmt, va_list ap)
{
	char text[1500];

	if (!warning)
		p->errors++;
	if (p->count >= PROBLEMS_MAX) {
		p->unstored++;
		return;
	}
	vsnprintf(text, sizeof(text), fmt, ap);
	/* A long value may have been cut in the middle of a character. */
	text[text_utf8_valid((const uint8_t *)text, strlen(text))] = '\0';
	p->items = mem_grow(p->items, &p->cap, p->count + 1, sizeof(*p->items));
	p->items[p->count++] = (struct config_problem){mark.line, mark.column, warning, mem_strdup(text)};
}

void problems_error(struct problems *p, struct config_mark mark, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	problems_add(p, mark, false, fmt, ap);
	va_end(ap);
}

void problems_warning(struct problems *p, struct config_mark mark, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	problems_add(p, mark, true, fmt, ap);
	va_end(ap);
}

static bool comes_before(const struct config_problem *a, const struct config_problem *b)
{
	return a->line != b->line ? a->line < b->line : a->column < b->column;
}

static bool is_repeat(const struct problems *p, const struct config_problem *of)
{
	for (size_t i = p->count; i-- > 0;) {
		const struct config_problem *at = &p->items[i];

		if (at->line == of->line && at->column == of->column && !strcmp(at->text, of->text))
			return true;
	}
	return false;
}

void problems_sort(struct problems *p)
{
	size_t found = p->count;

	/* Insertion: stable, and there are at most PROBLEMS_MAX. */
	p->count = 0;
	for (size_t i = 0; i < found; i++) {
		struct config_problem item = p->items[i];
		size_t at = p->count;

		if (is_repeat(p, &item)) {
			p->errors -= !item.warning;
			free(item.text);
			continue;
		}
		while (at > 0 && comes_before(&item, &p->items[at - 1])) {
			p->items[at] = p->items[at - 1];
			at--;
		}
		p->items[at] = item;
		p->count++;
	}
}

void problems_fini(struct problems *p)
{
	for (size_t i = 0; i < p->count; i++)
		free(p->items[i].text);
	free(p->items);
	*p = (struct problems){0};
}

static struct lg_str source_line(struct lg_str source, unsigned line)
{
	const char *at = source.data ? source.data : "", *end = at + source.size, *stop;

	for (unsigned n = 1; at && n < line; n++) {
		at = memchr(at, '\n', (size_t)(end - at));
		if (at)
			at++;
	}
	if (!at || at >= end)
		return (struct lg_str){0};
	stop = memchr(at, '\n', (size_t)(end - at));
	if (!stop)
		stop = end;
	if (stop > at && stop[-1] == '\r')
		stop--;
	return (struct lg_str){at, (size_t)(stop - at)};
}

/* Where the value of a key that sounds like a secret begins at or behind `from`, misspelt ones included ("passwrod"); line->size where there is none. */
static size_t secret_value(const struct lg_buf *line, size_t from)
{
	static const char *const words[] = {"pass", "pwd", "secret", "token"};

	for (size_t i = from; i < line->size; i++) {
		for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
			size_t n = strlen(words[w]), at = i + n;

			if (at > line->size || strncasecmp((const char *)line->data + i, words[w], n) != 0)
				continue;
			while (at < line->size && (isalnum(line->data[at]) || line->data[at] == '_' || line->data[at] == '-'))
				at++;
			at += at < line->size && (line->data[at] == '"' || line->data[at] == '\'');
			while (at < line->size && line->data[at] == ' ')
				at++;
			if (at < line->size && line->data[at] == ':')
				return at + 1;
		}
	}
	return line->size;
}

/* Stars over secrets: what is printed ends in a journal. File names and ${NAME} stay. */
static void hide_secrets(struct lg_buf *line)
{
	for (size_t at = secret_value(line, 0); at < line->size; at = secret_value(line, at)) {
		unsigned char quote;

		while (at < line->size && line->data[at] == ' ')
			at++;
		quote = at < line->size && (line->data[at] == '"' || line->data[at] == '\'') ? line->data[at++] : 0;
		if (line->size - at >= 5 && (!memcmp(line->data + at, "file:", 5) || !memcmp(line->data + at, "${", 2)))
			continue;
		while (at < line->size && (quote ? line->data[at] != quote : !strchr(",}#", line->data[at])))
			line->data[at++] = '*';
	}
}

/* The line as a terminal can show it, and a caret under `column`. Long lines are shown around the column. */
static void print_excerpt(struct lg_str line, unsigned column, struct lg_buf *out)
{
	enum { WIDTH = 110 };
	unsigned first = column > 90 ? column - 60 : 1, at = 1;
	size_t i = 0, caret;

	lg_buf_append_cstr(out, first > 1 ? "    ..." : "    ");
	while (i < line.size && at < first + WIDTH) {
		size_t n = text_utf8_length((const uint8_t *)line.data + i, line.size - i);
		unsigned char c = (unsigned char)line.data[i];

		if (at >= first) {
			if (c == '\t')
				lg_buf_append_char(out, ' ');
			else if (!n || c < 0x20 || c == 0x7f)
				lg_buf_append_char(out, '?');
			else
				lg_buf_append(out, line.data + i, n);
		}
		i += n ? n : 1;
		at++;
	}
	lg_buf_append_cstr(out, i < line.size ? "...\n    " : "\n    ");
	caret = (first > 1 ? 3 : 0) + column - first;
	while (caret--)
		lg_buf_append_char(out, ' ');
	lg_buf_append_cstr(out, "^\n");
}

void problems_print(const struct config_problem *items, size_t count, const char *path, struct lg_str source, struct lg_buf *out)
{
	struct lg_buf shown = {0};

	for (size_t i = 0; i < count; i++) {
		const struct config_problem *item = &items[i];
		struct lg_str line = item->line ? source_line(source, item->line) : (struct lg_str){0};

		lg_buf_append_cstr(out, path);
		if (item->line)
			lg_buf_printf(out, ":%u:%u", item->line, item->column);
		lg_buf_printf(out, ": %s: ", item->warning ? "warning" : "error");
		lg_buf_append_cstr(out, item->text);
		lg_buf_append_char(out, '\n');
		if (line.size) {
			lg_buf_clear(&shown);
			lg_buf_append_str(&shown, line);
			hide_secrets(&shown);
			print_excerpt(lg_buf_str(&shown), item->column ? item->column : 1, out);
		}
	}
	lg_buf_fini(&shown);
}

const char *problem_nearest(struct lg_str given, const char *const *names, size_t count)
{
	unsigned best = given.size <= 3 ? 2 : given.size <= 7 ? 3 : 4; /* exclusive */
	const char *nearest = NULL;

	if (given.size && given.data[0] >= '0' && given.data[0] <= '9')
		return NULL; /* a wrong number is not a slip of the pen */
	for (size_t i = 0; i < count; i++) {
		unsigned distance = text_distance(given, lg_str_from(names[i]));

		if (distance < best) {
			best = distance;
			nearest = names[i];
		}
	}
	return nearest;
}
