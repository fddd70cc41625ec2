/* `lugger help`: the rows of commands.c on 80 columns. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"

#define COLUMNS 80
#define DOC_COLUMN 22

/* `code` without its quotes: a terminal shows commands as they are typed. */
static void put_plain(struct lg_buf *out, const char *word, size_t size, size_t *column)
{
	for (size_t i = 0; i < size; i++) {
		if (word[i] == '`')
			continue;
		lg_buf_append_char(out, word[i]);
		(*column)++;
	}
}

/* Appends the words of `text` from *column on, later lines from `indent` on, and ends the line. */
static void put_wrapped(struct lg_buf *out, const char *text, size_t column, size_t indent)
{
	bool first = true;

	while (*text) {
		size_t size = strcspn(text, " ");

		if (!first && column + 1 + size > COLUMNS) {
			lg_buf_printf(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (!first) {
			lg_buf_append_char(out, ' ');
			column++;
		}
		put_plain(out, text, size, &column);
		text += size + strspn(text + size, " ");
		first = false;
	}
	lg_buf_append_char(out, '\n');
}

static void put_row(struct lg_buf *out, const struct command_row *row)
{
	size_t margin = row->term[0] == ' ' ? 4 : 2;
	const char *term = row->term + (row->term[0] == ' ');
	size_t used = margin + strlen(term);

	lg_buf_printf(out, "%*s", (int)margin, "");
	if (used + 2 <= DOC_COLUMN) {
		lg_buf_printf(out, "%s%*s", term, (int)(DOC_COLUMN - used), "");
	} else {
		put_wrapped(out, term, margin, margin + 2);
		lg_buf_printf(out, "%*s", DOC_COLUMN, "");
	}
	put_wrapped(out, row->doc, DOC_COLUMN, DOC_COLUMN);
}

void command_write_help(const struct command *command, struct lg_buf *out)
{
	const char *usage = command->usage, *end;

	for (; (end = strchr(usage, '\n')) != NULL; usage = end + 1)
		lg_buf_printf(out, "%s lugger %.*s\n", usage == command->usage ? "usage:" : "      ", (int)(end - usage), usage);
	lg_buf_printf(out, "%s lugger %s\n", usage == command->usage ? "usage:" : "      ", usage);
	if (command->doc)
		lg_buf_printf(out, "%s\n", command->doc);
	for (const struct command_row *row = command->rows; row->doc; row++) {
		if (row == command->rows || !row->term)
			lg_buf_append_char(out, '\n');
		if (row->term)
			put_row(out, row);
		else
			put_wrapped(out, row->doc, 0, 0);
		if (!row->term && row[1].term)
			lg_buf_append_char(out, '\n');
	}
}

void command_write_list(struct lg_buf *out)
{
	lg_buf_printf(out, "lugger %s: hauls mainframe logs to the people who watch them\n\n", LUGGER_VERSION);
	for (const struct command *command = commands; command->name; command++)
		if (command->doc)
			lg_buf_printf(out, "  lugger %-9s %s\n", command->name, command->doc);
	lg_buf_append_cstr(out, "\n`lugger help COMMAND` tells its options.\n");
}
