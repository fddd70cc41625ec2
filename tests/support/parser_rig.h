/* parser_rig.h - drives a parser with lines and keeps every record whole, as text, for comparison. */
#ifndef PARSER_RIG_H
#define PARSER_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "parser/parsers.h"
#include "parser/zos_syslog.h"

#define RIG_NOW INT64_C(1767225600000000000) /* receipt time of all lines unless a test says otherwise */

struct rig {
	struct lg_sink sink;
	const struct lg_parser *parser;
	const void *conf;
	void *state;
	int64_t offset;
	int64_t now;
	char **records;
	size_t count, cap;
};

static inline void rig_print_value(struct lg_buf *out, const struct lg_value *value)
{
	lg_buf_printf(out, "\n  %s=", lg_field_name(value->field));
	switch (value->type) {
	case LG_T_STRING:
		lg_buf_append(out, value->text.data, value->text.size);
		break;
	case LG_T_NUMBERS:
		for (size_t i = 0; i < value->text.size; i++)
			lg_buf_printf(out, i ? ",%d" : "%d", (uint8_t)value->text.data[i]);
		break;
	case LG_T_BOOL:
		lg_buf_append_cstr(out, value->number ? "true" : "false");
		break;
	default:
		lg_buf_printf(out, "%lld", (long long)value->number);
	}
}

/* A record as text: time, severity, body, then its fields in the order they were set. */
static inline void rig_emit(struct lg_sink *sink, struct lg_draft *draft)
{
	struct rig *rig = (struct rig *)sink;
	struct lg_buf out = {0};
	char time[32] = "-";

	assert_int_equal(text_utf8_valid((const uint8_t *)draft->body.data, draft->body.size), draft->body.size);
	if (draft->time_ns != LG_TIME_UNKNOWN)
		clock_format_utc(draft->time_ns, 3, time);
	if (draft->severity == LG_SEVERITY_NONE)
		lg_buf_printf(&out, "%s - ", time);
	else
		lg_buf_printf(&out, "%s %d ", time, draft->severity);
	lg_buf_append(&out, draft->body.data, draft->body.size);
	for (size_t i = 0; i < draft->field_count; i++)
		rig_print_value(&out, &draft->fields[i]);
	rig->records = mem_grow(rig->records, &rig->cap, rig->count + 1, sizeof(*rig->records));
	rig->records[rig->count++] = mem_strndup((const char *)out.data, out.size);
	lg_buf_fini(&out);
}

static inline void rig_start(struct rig *rig)
{
	struct lg_err err;

	rig->state = mem_zalloc(rig->parser->state_size ? rig->parser->state_size : 1);
	assert_int_equal(rig->parser->init(rig->state, rig->conf, &err), LG_OK);
}

static inline void rig_stop(struct rig *rig)
{
	if (rig->parser->fini)
		rig->parser->fini(rig->state);
	free(rig->state);
	rig->state = NULL;
}

static inline void rig_init(struct rig *rig, const struct lg_parser *parser, const void *conf)
{
	*rig = (struct rig){.sink = {rig_emit}, .parser = parser, .conf = conf, .now = RIG_NOW};
	rig_start(rig);
}

static inline void rig_clear(struct rig *rig)
{
	for (size_t i = 0; i < rig->count; i++)
		free(rig->records[i]);
	rig->count = 0;
}

static inline void rig_fini(struct rig *rig)
{
	rig_stop(rig);
	rig_clear(rig);
	free(rig->records);
}

/* One line, as if framed by one newline; a copy of its exact size, so that reading past the end is seen. */
static inline void rig_line(struct rig *rig, const char *text, size_t size)
{
	char *copy = mem_strndup(text, size);
	char *exact = malloc(size ? size : 1);
	struct lg_line line = {
	        .text = {exact, size}, .begin = rig->offset, .end = rig->offset + (int64_t)size + 1, .received_ns = rig->now};

	memcpy(exact, copy, size);
	free(copy);
	rig->offset = line.end;
	rig->parser->line(rig->state, &line, &rig->sink);
	free(exact);
}

/* All lines of a text; the last one need not end in a newline. */
static inline void rig_lines(struct rig *rig, const char *text)
{
	while (*text) {
		const char *end = strchr(text, '\n');
		size_t size = end ? (size_t)(end - text) : strlen(text);

		rig_line(rig, text, size);
		text += size + (end != NULL);
	}
}

static inline void rig_flush(struct rig *rig)
{
	if (rig->parser->flush)
		rig->parser->flush(rig->state, &rig->sink);
}

static inline void rig_expect(struct rig *rig, const char *const *records, size_t count)
{
	for (size_t i = 0; i < count && i < rig->count; i++)
		assert_string_equal(rig->records[i], records[i]);
	assert_int_equal(rig->count, count);
}

/* rig_records(&rig, "first", "second"): exactly these records came. */
#define rig_records(rig, ...)                                                                                                    \
	rig_expect(rig, (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* The value of a field in a record's text, in a static buffer; NULL when the record has no such field. */
static inline const char *rig_field(const struct rig *rig, size_t record, const char *name)
{
	static char value[4096];
	char key[128];
	const char *at;
	size_t size;

	assert_true(record < rig->count);
	snprintf(key, sizeof(key), "\n  %s=", name);
	at = strstr(rig->records[record], key);
	if (!at)
		return NULL;
	at += strlen(key);
	size = strcspn(at, "\n");
	memcpy(value, at, size);
	value[size] = 0;
	return value;
}

#define rig_assert_field(rig, record, name, expected)                                                                            \
	do {                                                                                                                     \
		const char *rig_value = rig_field(rig, record, name);                                                            \
		assert_non_null(rig_value);                                                                                      \
		assert_string_equal(rig_value, expected);                                                                        \
	} while (0)

/* The body, up to the first field. */
static inline const char *rig_body(const struct rig *rig, size_t record)
{
	static char body[65536];
	const char *start, *end;

	assert_true(record < rig->count);
	start = strchr(strchr(rig->records[record], ' ') + 1, ' ') + 1;
	end = strstr(start, "\n  log.offset=");
	snprintf(body, sizeof(body), "%.*s", end ? (int)(end - start) : (int)strlen(start), start);
	return body;
}

/* The whole of a file as one string, NULL where it cannot be read. Caller frees. */
static inline char *rig_read_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	char *text;
	size_t size = 0;

	if (!file)
		return NULL;
	text = mem_alloc(1 << 20);
	size = fread(text, 1, (1 << 20) - 1, file);
	text[size] = 0;
	fclose(file);
	return text;
}

#endif
