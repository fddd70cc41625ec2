#include "parser/parsers.h"

#include <stdio.h>
#include <string.h>

void parser_mark_line(struct lg_draft *draft, const struct lg_line *line, struct parser_scratch *scratch)
{
	if (line->begin >= 0)
		lg_draft_number(draft, LG_F_LOG_OFFSET, line->begin);
	if (line->truncated)
		lg_draft_bool(draft, LG_F_TRUNCATED, true);
	if (*line->control)
		lg_draft_string(draft, LG_F_ZOS_CARRIAGE_CONTROL, lg_str_from(line->control));
	if (line->part <= 0)
		return;
	if (line->parts > 0)
		snprintf(scratch->part, sizeof(scratch->part), "%d/%d", line->part, line->parts);
	else
		snprintf(scratch->part, sizeof(scratch->part), "%d", line->part);
	lg_draft_string(draft, LG_F_PART, lg_str_from(scratch->part));
}

static enum lg_rc text_init(void *state, const void *conf, struct lg_err *err)
{
	(void)state;
	(void)conf;
	(void)err;
	return LG_OK;
}

static void text_line(void *state, const struct lg_line *line, struct lg_sink *sink)
{
	struct parser_scratch scratch;
	struct lg_draft draft;

	(void)state;
	lg_draft_reset(&draft);
	draft.received_ns = line->received_ns;
	draft.body = line->text;
	parser_mark_line(&draft, line, &scratch);
	sink->emit(sink, &draft);
}

static const struct lg_option text_options[] = {LG_OPTION_END};

static const unsigned text_fields[] = {LG_F_LOG_OFFSET, LG_F_TRUNCATED, LG_F_PART, LG_F_ZOS_CARRIAGE_CONTROL, 0};

const struct lg_parser text_parser = {
        .name = "text",
        .doc = "Each line is a record; nothing is read out of it.",
        .options = text_options,
        .fields = text_fields,
        .init = text_init,
        .line = text_line,
};
