/* conf/reference.md */
#include <stdio.h>
#include <string.h>

#include "config/describe.h"

struct reference {
	const struct lg_registry *registry;
	struct lg_buf *out;
};

/* A `|` would end the cell. */
static void put_cell(struct lg_buf *out, struct lg_buf *cell, bool code)
{
	lg_buf_append_char(out, ' ');
	if (cell->size && code)
		lg_buf_append_char(out, '`');
	for (size_t i = 0; i < cell->size; i++) {
		if (cell->data[i] == '|')
			lg_buf_append_char(out, '\\');
		lg_buf_append_char(out, (char)cell->data[i]);
	}
	if (cell->size && code)
		lg_buf_append_char(out, '`');
	lg_buf_append_cstr(out, " |");
	lg_buf_clear(cell);
}

static void put_row(struct reference *r, const struct lg_option *row, const char *prefix, const char *fallback)
{
	const char *shared = describe_shared_table(row);
	struct lg_buf cell = {0};
	struct lg_option shown = *row;

	if (fallback)
		shown.fallback = fallback;
	lg_buf_append_char(r->out, '|');
	lg_buf_printf(&cell, "%s%s", prefix, row->name);
	put_cell(r->out, &cell, true);
	describe_type(row, r->registry, &cell);
	put_cell(r->out, &cell, false);
	if (row->flags & LG_OPT_REQUIRED) {
		lg_buf_append_cstr(&cell, "required");
		put_cell(r->out, &cell, false);
	} else {
		describe_default(&shown, &cell);
		put_cell(r->out, &cell, true);
	}
	describe_range(row, &cell);
	put_cell(r->out, &cell, false);
	lg_buf_append_cstr(&cell, row->doc);
	if (shared)
		lg_buf_printf(&cell, " See \"%s\".", shared);
	put_cell(r->out, &cell, false);
	lg_buf_append_char(r->out, '\n');
	lg_buf_fini(&cell);
}

static void put_rows(struct reference *r, const struct lg_option *table, const char *prefix, const char *parser)
{
	for (const struct lg_option *row = table; row && row->name; row++) {
		struct lg_buf nested = {0};

		if (row->flags & LG_OPT_LATER)
			continue;
		put_row(r, row, prefix, row->type == LG_OPT_PARSER ? parser : NULL);
		if ((row->type != LG_OPT_TABLE && row->type != LG_OPT_RULES) || !row->sub || describe_shared_table(row))
			continue;
		lg_buf_printf(&nested, "%s%s%s.", prefix, row->name, row->type == LG_OPT_RULES ? "[]" : "");
		lg_buf_append_char(&nested, '\0');
		put_rows(r, row->sub, (const char *)nested.data, parser);
		lg_buf_fini(&nested);
	}
}

/* One sentence with the names that later versions will have. */
static bool put_later(struct reference *r, const struct lg_option *table, const char *prefix, bool any)
{
	for (const struct lg_option *row = table; row && row->name; row++) {
		if (row->flags & LG_OPT_LATER) {
			lg_buf_printf(r->out, "%s`%s%s`", any ? ", " : "\nNot in this version: ", prefix, row->name);
			any = true;
		} else if (row->sub && !describe_shared_table(row)) {
			char nested[80];

			snprintf(nested, sizeof(nested), "%s%s.", prefix, row->name);
			any = put_later(r, row->sub, nested, any);
		}
	}
	return any;
}

static void put_module(void *arg, const struct describe_module *module)
{
	struct reference *r = arg;
	struct lg_option format[2];
	char first[32];
	bool empty = (!module->table || !module->table->name) && !module->output;

	lg_buf_printf(r->out, "\n## %s\n\n", module->title);
	if (module->doc)
		lg_buf_printf(r->out, "%s\n\n", module->doc);
	if (module->parser)
		lg_buf_printf(r->out, "Also the options of \"From bytes to records\", with `parser: %s` unless given.\n\n",
		        module->parser);
	if (empty) {
		lg_buf_append_cstr(r->out, "No options of its own.\n");
		return;
	}
	lg_buf_append_cstr(r->out, "| option | type | default | range | meaning |\n|---|---|---|---|---|\n");
	put_rows(r, module->table, "", module->parser);
	if (module->output && module->output->formats) {
		config_format_row(module->output, format, first);
		put_row(r, format, "", NULL);
	}
	if (put_later(r, module->table, "", false))
		lg_buf_append_cstr(r->out, ".\n");
}

void config_write_reference(const struct lg_registry *registry, struct lg_buf *out)
{
	struct reference r = {registry, out};

	lg_buf_append_cstr(out, "# Configuration reference\n\n"
	                        "Written by `lugger reference md` from the tables that read the configuration; do not edit.\n\n"
	                        "Sizes are `4096`, `64KiB`, `10MiB`, `20GiB`, `1TiB` (or kB, MB, GB, TB of 1000); durations are "
	                        "`10ms`, `5s`, `2m`, `24h`,\n"
	                        "`7d`. Where a list is expected a single value will do. Relative paths begin at the "
	                        "configuration file's folder.\n"
	                        "`lugger check` names every mistake of a file, `lugger check --resolve` prints all settings with "
	                        "their defaults.\n");
	describe_modules(registry, put_module, &r);
}
