#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/cli.h"

struct row {
	const char *kind, *name, *doc;
	bool built;
};

static void put_row(struct lg_buf *out, bool json, const struct row *row)
{
	if (!json) {
		lg_buf_printf(out, "%-7s %-11s %s%s\n", row->kind, row->name, row->built ? "" : "(not in this version) ", row->doc);
		return;
	}
	lg_buf_append_char(out, '{');
	json_put_member(out, "kind", lg_str_from(row->kind));
	json_put_member(out, "name", lg_str_from(row->name));
	json_put_bool(out, "built", row->built);
	json_put_member(out, "doc", lg_str_from(row->doc));
	lg_buf_append_cstr(out, "}\n");
}

/* "input: AMQP 1.0 queues come later" -> kind and doc. */
static void put_missing(struct lg_buf *out, bool json, const char *name, const char *reason)
{
	const char *colon = strchr(reason, ':');
	char kind[16];
	struct row row = {kind, name, colon ? colon + 2 : reason, false};

	snprintf(kind, sizeof(kind), "%.*s", colon ? (int)(colon - reason) : 0, reason);
	put_row(out, json, &row);
}

int cmd_plugins(int argc, char **argv, const struct lg_registry *registry)
{
	bool json = argc > 1 && !strcmp(argv[1], "--json");
	struct lg_buf out = {0};
	bool printed;

	if (argc > 2 || (argc == 2 && !json))
		return cli_usage("plugins", "bad argument %s", argv[argc - 1]);
	for (size_t i = 0; registry->inputs[i]; i++)
		put_row(&out, json, &(struct row){"input", registry->inputs[i]->name, registry->inputs[i]->doc, true});
	for (size_t i = 0; registry->parsers[i]; i++)
		put_row(&out, json, &(struct row){"parser", registry->parsers[i]->name, registry->parsers[i]->doc, true});
	for (size_t i = 0; registry->outputs[i]; i++)
		put_row(&out, json, &(struct row){"output", registry->outputs[i]->name, registry->outputs[i]->doc, true});
	for (size_t i = 0; registry->missing[i]; i += 2)
		put_missing(&out, json, registry->missing[i], registry->missing[i + 1]);
	printed = cli_print(&out);
	lg_buf_fini(&out);
	return printed ? 0 : 1;
}
