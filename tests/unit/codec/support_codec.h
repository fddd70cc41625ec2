/* support_codec.h - what the codec tests share: a sink that keeps what it is given, and two parsers made for tests. */
#ifndef SUPPORT_CODEC_H
#define SUPPORT_CODEC_H

#include <stdlib.h>
#include <string.h>

#include "api/lg_stream.h"
#include "base/mem.h"

/* Every body emitted, one after the other. */
struct kept {
	struct lg_sink sink;
	char **bodies;
	size_t count, cap;
};

static void kept_emit(struct lg_sink *sink, struct lg_draft *draft)
{
	struct kept *kept = (struct kept *)sink;

	kept->bodies = mem_grow(kept->bodies, &kept->cap, kept->count + 1, sizeof(*kept->bodies));
	kept->bodies[kept->count++] = mem_strndup(draft->body.size ? draft->body.data : "", draft->body.size);
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

/* ---- "plain": every line is a record; a part or a cut shows in front of the text --------------------------------------------- */

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

#endif
