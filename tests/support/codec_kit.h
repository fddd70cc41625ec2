/* codec_kit.h - what the tests of the codec share: a sink that keeps what it is given, and two parsers made for tests. */
#ifndef CODEC_KIT_H
#define CODEC_KIT_H

#include <stdlib.h>
#include <string.h>

#include "api/lg_stream.h"
#include "base/mem.h"

/* Every record emitted, one after the other: its body, and where it has fields those and its time. */
struct kept {
	struct lg_sink sink;
	char **bodies;
	size_t count, cap;
};

static void kept_emit(struct lg_sink *sink, struct lg_draft *draft)
{
	struct kept *kept = (struct kept *)sink;
	struct lg_buf text = {0};

	lg_buf_append_str(&text, draft->body);
	for (size_t i = 0; i < draft->field_count; i++) {
		const struct lg_value *value = &draft->fields[i];

		if (value->type == LG_T_NUMBER || value->type == LG_T_BOOL)
			lg_buf_printf(&text, " {%u: %lld}", value->field, (long long)value->number);
		else
			lg_buf_printf(&text, " {%u: %.*s}", value->field, (int)value->text.size, value->text.data);
	}
	if (draft->field_count)
		lg_buf_printf(&text, " @%lld/%u", (long long)draft->time_ns, draft->severity);
	kept->bodies = mem_grow(kept->bodies, &kept->cap, kept->count + 1, sizeof(*kept->bodies));
	kept->bodies[kept->count++] = mem_strndup(text.size ? (char *)text.data : "", text.size);
	lg_buf_fini(&text);
}

static inline struct kept kept_make(void)
{
	return (struct kept){.sink = {kept_emit}};
}

static inline void kept_fini(struct kept *kept)
{
	for (size_t i = 0; i < kept->count; i++)
		free(kept->bodies[i]);
	free(kept->bodies);
	*kept = kept_make();
}

/* ---- "plain": every line is a record; a part or a cut shows in front of the text --------------------------------- */

static enum lg_rc test_init(void *state, const void *conf, struct lg_err *err)
{
	(void)state, (void)conf, (void)err;
	return LG_OK;
}

static void emit_text(struct lg_sink *sink, struct lg_str text)
{
	struct lg_draft *draft = mem_zalloc(sizeof(*draft)); /* the codec alone is linked, without lg_draft_reset */

	draft->body = text;
	sink->emit(sink, draft);
	free(draft);
}

static void plain_line(void *state, const struct lg_line *line, struct lg_sink *sink)
{
	struct lg_buf body = {0};

	(void)state;
	if (*line->control)
		lg_buf_printf(&body, "{%s}", line->control);
	if (line->part)
		lg_buf_printf(&body, "[%d/%d]", line->part, line->parts);
	if (line->truncated)
		lg_buf_append_cstr(&body, "[cut]");
	lg_buf_append_str(&body, line->text);
	emit_text(sink, lg_buf_str(&body));
	lg_buf_fini(&body);
}

static inline const struct lg_parser *plain_parser(void)
{
	static const struct lg_parser parser = {.name = "plain", .init = test_init, .line = plain_line};

	return &parser;
}

/* ---- "keyed": lines that start with a..e wait under that letter until one with ';' behind the letter comes; others are records
 * of their own. Parts and cuts show in the text. */

#define KEYS 5

struct keyed {
	struct {
		struct lg_buf text;
		struct lg_range *lines;
		size_t count, cap;
	} open[KEYS];
	uint8_t seen; /* lines taken, as restart state of a parser that needs none */
};

static int by_begin(const void *a, const void *b)
{
	int64_t x = ((const struct lg_range *)a)->begin, y = ((const struct lg_range *)b)->begin;

	return (x > y) - (x < y);
}

static size_t all_held(const struct keyed *k, struct lg_range **out)
{
	size_t total = 0, count = 0;

	for (size_t i = 0; i < KEYS; i++)
		total += k->open[i].count;
	*out = mem_alloc((total + 1) * sizeof(**out));
	total = 0;
	for (size_t i = 0; i < KEYS; i++)
		for (size_t n = 0; n < k->open[i].count; n++)
			(*out)[total++] = k->open[i].lines[n];
	qsort(*out, total, sizeof(**out), by_begin);
	for (size_t i = 0; i < total; i++) {
		if (count && (*out)[count - 1].end == (*out)[i].begin)
			(*out)[count - 1].end = (*out)[i].end;
		else
			(*out)[count++] = (*out)[i];
	}
	return count;
}

static void close_key(struct keyed *k, size_t key, struct lg_sink *sink)
{
	if (!k->open[key].count)
		return;
	emit_text(sink, lg_buf_str(&k->open[key].text));
	lg_buf_clear(&k->open[key].text);
	k->open[key].count = 0;
}

static void bound(struct keyed *k, struct lg_sink *sink)
{
	for (;;) {
		struct lg_range *held;
		size_t count = all_held(k, &held), oldest = KEYS;

		free(held);
		if (count <= LG_HELD_MAX)
			return;
		for (size_t i = 0; i < KEYS; i++)
			if (k->open[i].count && (oldest == KEYS || k->open[i].lines[0].begin < k->open[oldest].lines[0].begin))
				oldest = i;
		close_key(k, oldest, sink);
	}
}

static void keyed_line(void *state, const struct lg_line *line, struct lg_sink *sink)
{
	struct keyed *k = state;
	char c = line->text.size ? line->text.data[0] : ' ';
	struct lg_buf text = {0};

	lg_buf_printf(&text, "<%d/%d%s>", line->part, line->parts, line->truncated ? " cut" : "");
	lg_buf_append_str(&text, line->text);
	if (c < 'a' || c >= 'a' + KEYS) {
		emit_text(sink, lg_buf_str(&text));
	} else {
		size_t key = (size_t)(c - 'a');

		lg_buf_append_str(&k->open[key].text, lg_buf_str(&text));
		k->open[key].lines =
			mem_grow(k->open[key].lines, &k->open[key].cap, k->open[key].count + 1, sizeof(struct lg_range));
		k->open[key].lines[k->open[key].count++] = (struct lg_range){line->begin, line->end};
		if (line->text.size > 1 && line->text.data[1] == ';')
			close_key(k, key, sink);
		bound(k, sink);
	}
	lg_buf_fini(&text);
}

static void keyed_flush(void *state, struct lg_sink *sink)
{
	for (size_t i = 0; i < KEYS; i++)
		close_key(state, i, sink);
}

static size_t keyed_held(const void *state, struct lg_range *ranges, size_t max)
{
	struct lg_range *held;
	size_t count = all_held(state, &held);

	if (count > max)
		abort();
	if (count)
		memcpy(ranges, held, count * sizeof(*held));
	free(held);
	return count;
}

static size_t keyed_save(const void *state, uint8_t *bytes)
{
	(void)state;
	memset(bytes, 0x5a, LG_PARSER_STATE_MAX);
	return LG_PARSER_STATE_MAX;
}

static enum lg_rc keyed_load(void *state, const uint8_t *bytes, size_t size)
{
	(void)state;
	for (size_t i = 0; i < size; i++)
		if (bytes[i] != 0x5a)
			return LG_INVALID;
	return size == LG_PARSER_STATE_MAX ? LG_OK : LG_INVALID;
}

static void keyed_fini(void *state)
{
	struct keyed *k = state;

	for (size_t i = 0; i < KEYS; i++) {
		lg_buf_fini(&k->open[i].text);
		free(k->open[i].lines);
	}
}

static inline const struct lg_parser *keyed_parser(void)
{
	static const struct lg_parser parser = {.name = "keyed", .state_size = sizeof(struct keyed), .init = test_init,
	                                        .line = keyed_line, .flush = keyed_flush, .held = keyed_held, .save = keyed_save,
	                                        .load = keyed_load, .fini = keyed_fini};

	return &parser;
}

#endif
