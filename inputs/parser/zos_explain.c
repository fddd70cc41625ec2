/* What the columns of a SYSLOG line are taken for, in words. */
#include "parser/zos_syslog.h"

static const struct {
	char type;
	const char *meaning;
} record_types[] = {
	{'N', "single-line message"},
	{'W', "message that wants a reply (WTOR)"},
	{'M', "first line of a multi-line message"},
	{'O', "operator LOG command"},
	{'X', "entry from neither LOG command nor system message (WTL)"},
	{'S', "continuation of the line before"},
	{'L', "label line of a multi-line message"},
	{'D', "data line of a multi-line message"},
	{'E', "last line of a multi-line message"},
};

static const struct {
	char type;
	const char *meaning;
} request_types[] = {
	{' ', "no command, no response"}, {'C', "command by an operator"},         {'R', "response to a command"},
	{'I', "command issued internally"}, {'U', "command from an unknown console"},
};

static const char *record_type(char c)
{
	for (size_t i = 0; i < sizeof(record_types) / sizeof(record_types[0]); i++)
		if (record_types[i].type == c)
			return record_types[i].meaning;
	return "unknown";
}

static const char *request_type(char c)
{
	for (size_t i = 0; i < sizeof(request_types) / sizeof(request_types[0]); i++)
		if (request_types[i].type == c)
			return request_types[i].meaning;
	return "unknown";
}

/* One field at `at` (0-based from column 1); columns are counted from 1 as IBM's books do. Nothing where the line
 * ends before it. */
static void put_field(struct lg_buf *out, const struct zos_columns *cols, size_t at, size_t size, const char *name,
                      const char *meaning)
{
	if (at >= cols->size)
		return;
	if (size > cols->size - at)
		size = cols->size - at;
	lg_buf_printf(out, "  columns %3zu-%-3zu %-20s \"%.*s\"%s%s\n", at + 1, at + size, name, (int)size, cols->at + at,
	              meaning ? " = " : "", meaning ? meaning : "");
}

void zos_explain_line(const void *state, const struct lg_line *line, struct lg_buf *out)
{
	const struct zos_state *zos = state;
	struct lg_buf scratch = {0};
	struct zos_columns cols;
	size_t shift;

	zos_columns_read(&cols, line->text, &zos->layout, &scratch);
	shift = cols.layout.shift;
	if (cols.kind == ZOS_PLAIN || line->part > 1) {
		lg_buf_append_cstr(out, "  not a SYSLOG line: kept whole\n");
		goto done;
	}
	if (cols.layout.cropped)
		lg_buf_printf(out, "  the %d columns left of the time are not there: no type, no system, no date\n", ZOS_CROPPED);
	if (cols.layout.origin)
		lg_buf_printf(out, "  column 1 of the log is byte %u of the text\n", cols.layout.origin + 1u);
	if (!cols.layout.cropped)
		put_field(out, &cols, 0, 1, "record type", record_type(*cols.at));
	if (cols.kind == ZOS_HEAD && !cols.layout.cropped) {
		put_field(out, &cols, 1, 1, "request type", request_type(cols.at[1]));
		put_field(out, &cols, ZOS_AT_ROUTING, 7, "routing codes", NULL);
		put_field(out, &cols, ZOS_AT_SYSTEM, 8, "system", NULL);
		put_field(out, &cols, ZOS_AT_DATE, 5 + shift, "date", shift ? "yyyyddd" : "yyddd");
	}
	if (cols.kind == ZOS_HEAD) {
		put_field(out, &cols, ZOS_AT_TIME + shift, 11, "local time", NULL);
		put_field(out, &cols, ZOS_AT_IDENT + shift, 8, "job id or console", NULL);
	} else if (cols.kind == ZOS_MINOR) {
		put_field(out, &cols, 42 + shift, 3, "connector id", NULL);
	}
	if (cols.kind != ZOS_MORE)
		put_field(out, &cols, ZOS_AT_FLAGS + shift, 8, "request flags", NULL);
	put_field(out, &cols, ZOS_AT_ACTION + shift, 1, "action character", NULL);
	put_field(out, &cols, ZOS_AT_TEXT + shift, cols.size, "text", NULL);
done:
	lg_buf_fini(&scratch);
}

void zos_explain_layout(const void *state, struct lg_buf *out)
{
	const struct zos_layout *layout = &((const struct zos_state *)state)->layout;

	if (!layout->known) {
		lg_buf_append_cstr(out, "no SYSLOG line seen");
		return;
	}
	if (layout->cropped) {
		lg_buf_append_cstr(out, "a view without the columns left of the time");
		return;
	}
	lg_buf_append_cstr(out, layout->shift ? "four-digit years" : "two-digit years");
	if (layout->origin == 1)
		lg_buf_append_cstr(out, ", an ASA column in front");
	else if (layout->origin)
		lg_buf_printf(out, ", %u columns in front", layout->origin);
	else
		lg_buf_append_cstr(out, ", no ASA column");
}
