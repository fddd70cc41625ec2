/* conf/lugger.yaml: a working configuration with every other option in comments, each with its sentence and its default. */
#include <string.h>

#include "config/describe.h"

/* The story the sample tells; what it gives a value stands there live, the rest of an entry's options in comments. */
struct example {
	const char *plugin, *option, *value;
};

static const struct example input_examples[] = {
	{"file", "name", "operlog"},
	{"file", "path", "[/var/log/zos/SYSLOG.*]"},
	{"file", "encoding", "IBM-037"},
	{"file", "framing", "rdw"},
	{"file", "parser", "zos-syslog"},
	{"file", "timezone", "America/New_York"},
	{"listen", "name", "network"},
	{"listen", "address", "0.0.0.0:6514"},
	{NULL, NULL, NULL},
};

static const struct example output_examples[] = {
	{"syslog", "name", "siem"},
	{"syslog", "servers", "[siem.example.com:6514]"},
	{"kafka", "name", "lake"},
	{"kafka", "brokers", "[kafka1.example.com:9093, kafka2.example.com:9093]"},
	{"kafka", "topic", "zos-syslog"},
	{"file", "name", "archive"},
	{"file", "path", "/var/log/lugger/records.json"},
	{NULL, NULL, NULL},
};

struct sample {
	const struct lg_registry *registry;
	struct lg_buf *out;
	const struct example *examples;
	const char *plugin;
	const char *live; /* "" where the entry is live, "#" where all of it is a comment */
	unsigned indent;
};

static const char *find_example(const struct sample *s, const char *option)
{
	for (const struct example *e = s->examples; e && e->plugin; e++) {
		if (s->plugin && !strcmp(e->plugin, s->plugin) && !strcmp(e->option, option))
			return e->value;
	}
	return NULL;
}

static void put_comment(struct lg_buf *out, unsigned indent, const char *text)
{
	enum { WIDTH = 110 };
	size_t column = 0;

	lg_buf_printf(out, "%*s#", (int)indent, "");
	while (*text) {
		size_t n = strcspn(text, " ");

		if (column + n > WIDTH - indent) {
			lg_buf_printf(out, "\n%*s#", (int)indent, "");
			column = 0;
		}
		lg_buf_append_char(out, ' ');
		lg_buf_append(out, text, n);
		column += n + 1;
		text += n + (text[n] == ' ');
	}
	lg_buf_append_char(out, '\n');
}

static void put_doc(struct sample *s, const struct lg_option *row)
{
	struct lg_buf text = {0};

	lg_buf_append_cstr(&text, row->doc);
	lg_buf_append_cstr(&text, " (");
	describe_type(row, s->registry, &text);
	lg_buf_append_cstr(&text, row->flags & LG_OPT_REQUIRED ? "; required)" : ")");
	lg_buf_append_char(&text, '\0');
	put_comment(s->out, s->indent, (const char *)text.data);
	lg_buf_fini(&text);
}

/* A value to show where there is no default. */
static const char *placeholder(const struct lg_option *row)
{
	switch (row->type) {
	case LG_OPT_FILE:
	case LG_OPT_PATH:
		return "/path/to/file";
	case LG_OPT_STRINGS:
		return "[...]";
	case LG_OPT_DURATION:
		return "5m";
	case LG_OPT_SIZE:
		return "64KiB";
	case LG_OPT_INT:
		return "0";
	case LG_OPT_TIMEZONE:
		return "America/New_York";
	case LG_OPT_MAP:
		return "{name: value}";
	default:
		return row->flags & LG_OPT_SECRET ? "${NAME}" : "\"...\"";
	}
}

static void put_rows(struct sample *s, const struct lg_option *table);

static void put_row(struct sample *s, const struct lg_option *row)
{
	const char *example = find_example(s, row->name);
	const char *mark = example ? s->live : "#";
	struct lg_buf value = {0};

	put_doc(s, row);
	if (row->sub) {
		const char *live = s->live;

		lg_buf_printf(s->out, "%*s#%s:\n", (int)s->indent, "", row->name);
		s->live = "#";
		s->indent += 2;
		if (row->type == LG_OPT_RULES)
			put_comment(s->out, s->indent, "a list: each entry begins with - and has");
		put_rows(s, row->sub);
		s->indent -= 2;
		s->live = live;
		return;
	}
	if (example)
		lg_buf_append_cstr(&value, example);
	else if (row->fallback)
		describe_default(row, &value);
	else
		lg_buf_append_cstr(&value, placeholder(row));
	lg_buf_printf(s->out, "%*s%s%s: %.*s\n", (int)s->indent, "", mark, row->name, (int)value.size, (const char *)value.data);
	lg_buf_fini(&value);
}

static void put_rows(struct sample *s, const struct lg_option *table)
{
	for (const struct lg_option *row = table; row && row->name; row++) {
		if (row->flags & (LG_OPT_LATER | LG_OPT_ADVANCED) || (row->type == LG_OPT_RULES && !row->sub) ||
		    (s->plugin && (!strcmp(row->name, "name") || !strcmp(row->name, "type"))))
			continue;
		put_row(s, row);
	}
}

static void put_sets(struct sample *s, const struct option_set *sets, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		for (const struct lg_option *row = sets[i].table; row && row->name; row++) {
			struct lg_option one[2] = {*row, LG_OPTION_END};

			if (!option_is_shadowed(sets, count, i, row->name))
				put_rows(s, one);
		}
	}
}

/* `- name:` and `type:`; live for the first entry only. */
static void begin_item(struct sample *s, const char *doc)
{
	const char *name = find_example(s, "name");

	lg_buf_append_char(s->out, '\n');
	put_comment(s->out, 2, doc);
	lg_buf_printf(s->out, "  %s- name: %s\n", s->live, name ? name : s->plugin);
	lg_buf_printf(s->out, "  %s  type: %s\n", s->live, s->plugin);
	s->indent = 4;
}

static void put_input(struct sample *s, const struct lg_input_plugin *plugin)
{
	const char *chosen;
	const struct lg_parser *parser = NULL;
	struct option_set sets[4] = {{.table = config_input_options}, {.table = plugin->options}};

	s->plugin = plugin->name;
	chosen = find_example(s, "parser");
	if (!chosen)
		chosen = plugin->parser ? plugin->parser : "text";
	for (size_t i = 0; config_takes_parser(plugin) && s->registry->parsers[i]; i++) {
		if (!strcmp(s->registry->parsers[i]->name, chosen))
			parser = s->registry->parsers[i];
	}
	sets[2].table = plugin->uses_stream ? lg_stream_options : NULL;
	sets[3].table = parser ? parser->options : NULL;
	begin_item(s, plugin->doc);
	put_sets(s, sets, 4);
}

static void put_output(struct sample *s, const struct lg_output_plugin *plugin)
{
	struct lg_option format[2];
	struct option_set sets[4] = {
	        {.table = config_output_options}, {.table = plugin->options}, {.table = format}, {.table = lg_format_options}};
	char first[32];

	config_format_row(plugin, format, first);
	s->plugin = plugin->name;
	begin_item(s, plugin->doc);
	put_sets(s, sets, 4);
}

void config_write_sample(const struct lg_registry *registry, struct lg_buf *out)
{
	struct sample s = {.registry = registry, .out = out, .live = ""};

	lg_buf_append_cstr(out, "# Lugger configuration, written by `lugger reference sample`. A line in comments shows a "
	                        "default, or the form of a value\n"
	                        "# where there is none. All options: reference.md. `lugger check -c FILE` tells every mistake of "
	                        "a file at once.\n"
	                        "\nversion: 1\n\n");
	for (const struct lg_option *row = config_top_options; row->name; row++) {
		struct lg_option one[2] = {*row, LG_OPTION_END};

		if (strcmp(row->name, "version") != 0)
			put_rows(&s, one);
	}
	lg_buf_append_cstr(out, "\ninputs:\n");
	s.examples = input_examples;
	for (size_t i = 0; registry->inputs[i]; i++) {
		s.live = i ? "#" : "";
		put_input(&s, registry->inputs[i]);
	}
	lg_buf_append_cstr(out, "\noutputs:\n");
	s.examples = output_examples;
	for (size_t i = 0; registry->outputs[i]; i++) {
		s.live = i ? "#" : "";
		put_output(&s, registry->outputs[i]);
	}
}
