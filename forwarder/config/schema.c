/* conf/lugger.schema.json: JSON Schema 2020-12, for editors. `lugger check` knows more (references between entries, files,
 * zones). */
#include <string.h>

#include "config/describe.h"

struct schema {
	const struct lg_registry *registry;
	struct lg_buf *out;
	unsigned depth;
	size_t opened[64]; /* where the content of each open bracket begins */
};

static void line(struct schema *s)
{
	lg_buf_printf(s->out, "\n%*s", (int)(2 * s->depth), "");
}

static void put_string(struct lg_buf *out, struct lg_str text)
{
	lg_buf_append_char(out, '"');
	for (size_t i = 0; i < text.size; i++) {
		if (text.data[i] == '"' || text.data[i] == '\\')
			lg_buf_append_char(out, '\\');
		lg_buf_append_char(out, text.data[i]);
	}
	lg_buf_append_char(out, '"');
}

static void put_cstr(struct lg_buf *out, const char *text)
{
	put_string(out, lg_str_from(text));
}

/* `"name": {` on a line of its own; a comma first unless something just opened. */
static void open_member(struct schema *s, const char *name, char bracket)
{
	if (s->out->data[s->out->size - 1] != '{' && s->out->data[s->out->size - 1] != '[')
		lg_buf_append_char(s->out, ',');
	line(s);
	if (name) {
		put_cstr(s->out, name);
		lg_buf_append_cstr(s->out, ": ");
	}
	lg_buf_append_char(s->out, bracket);
	s->opened[s->depth++] = s->out->size;
}

static void close_member(struct schema *s, char bracket)
{
	size_t begin = s->opened[--s->depth];

	if (memchr(s->out->data + begin, '\n', s->out->size - begin))
		line(s);
	lg_buf_append_char(s->out, bracket);
}

/* Choices that YAML reads as numbers or booleans are listed as such, too. */
static void put_enum(struct schema *s, const char *choices)
{
	struct lg_str choice;
	bool any = false;

	lg_buf_append_cstr(s->out, "\"enum\": [");
	for (size_t i = 0; (choice = option_choice(choices, i)).size > 0; i++) {
		if (choice.data[0] == '!')
			continue;
		lg_buf_append_cstr(s->out, any ? ", " : "");
		any = true;
		put_string(s->out, choice);
		if (strspn(choice.data, "0123456789.") >= choice.size) {
			lg_buf_append_cstr(s->out, ", ");
			lg_buf_append_str(s->out, choice);
		}
	}
	lg_buf_append_char(s->out, ']');
}

static void put_int(struct schema *s, const struct lg_option *row)
{
	lg_buf_printf(s->out, "\"type\": \"integer\", \"minimum\": %lld", (long long)row->min);
	if (option_has_max(row))
		lg_buf_printf(s->out, ", \"maximum\": %lld", (long long)row->max);
}

static void put_parsers(struct schema *s)
{
	lg_buf_append_cstr(s->out, "\"enum\": [");
	for (size_t i = 0; s->registry->parsers[i]; i++) {
		lg_buf_append_cstr(s->out, i ? ", " : "");
		put_cstr(s->out, s->registry->parsers[i]->name);
	}
	lg_buf_append_char(s->out, ']');
}

static void put_properties(struct schema *s, const struct lg_option *table);
static void put_required(struct schema *s, const struct option_set *sets, size_t count, const char *also);

static void put_object(struct schema *s, const struct lg_option *table)
{
	const struct option_set set = {.table = table};

	lg_buf_append_cstr(s->out, "\"type\": \"object\", \"additionalProperties\": false");
	open_member(s, "properties", '{');
	put_properties(s, table);
	close_member(s, '}');
	put_required(s, &set, 1, NULL);
}

static bool has_off(const struct lg_option *table)
{
	for (; table->name; table++) {
		if (!strcmp(table->name, "off") && table->type == LG_OPT_BOOL)
			return true;
	}
	return false;
}

static void put_table(struct schema *s, const struct lg_option *row)
{
	if (!has_off(row->sub)) {
		put_object(s, row->sub);
		return;
	}
	/* A YAML 1.1 parser reads the word off as false. */
	lg_buf_append_cstr(s->out, "\"oneOf\": [{\"enum\": [\"off\", false]}");
	open_member(s, NULL, '{');
	put_object(s, row->sub);
	close_member(s, '}');
	lg_buf_append_char(s->out, ']');
}

static void put_rules(struct schema *s, const struct lg_option *row)
{
	lg_buf_append_cstr(s->out, "\"type\": \"array\"");
	open_member(s, "items", '{');
	put_object(s, row->sub);
	close_member(s, '}');
}

static void put_type(struct schema *s, const struct lg_option *row)
{
	static const char *const refs[] = {[LG_OPT_STRING] = "text",
	        [LG_OPT_BOOL] = NULL,
	        [LG_OPT_SIZE] = "size",
	        [LG_OPT_DURATION] = "duration",
	        [LG_OPT_STRINGS] = "texts",
	        [LG_OPT_FILE] = "text",
	        [LG_OPT_PATH] = "text",
	        [LG_OPT_TIMEZONE] = "text",
	        [LG_OPT_ENCODING] = "text",
	        [LG_OPT_MAP] = "map"};

	switch (row->type) {
	case LG_OPT_BOOL:
		lg_buf_append_cstr(s->out, "\"type\": \"boolean\"");
		break;
	case LG_OPT_INT:
		put_int(s, row);
		break;
	case LG_OPT_ENUM:
		put_enum(s, row->choices);
		break;
	case LG_OPT_PARSER:
		put_parsers(s);
		break;
	case LG_OPT_TABLE:
		put_table(s, row);
		break;
	case LG_OPT_RULES:
		put_rules(s, row);
		break;
	default:
		lg_buf_printf(s->out, "\"$ref\": \"#/$defs/%s\"", refs[row->type]);
		break;
	}
}

static void put_property(struct schema *s, const struct lg_option *row)
{
	struct lg_buf range = {0};

	open_member(s, row->name, '{');
	lg_buf_append_cstr(s->out, "\"description\": ");
	describe_range(row, &range);
	if (range.size && row->type != LG_OPT_INT) {
		struct lg_buf doc = {0};

		lg_buf_printf(&doc, "%s From %.*s.", row->doc, (int)range.size, (const char *)range.data);
		put_string(s->out, lg_buf_str(&doc));
		lg_buf_fini(&doc);
	} else {
		put_cstr(s->out, row->doc);
	}
	lg_buf_fini(&range);
	if (row->fallback && row->type != LG_OPT_STRINGS) {
		bool bare = row->type == LG_OPT_INT || row->type == LG_OPT_BOOL;

		lg_buf_append_cstr(s->out, ", \"default\": ");
		if (bare)
			lg_buf_append_cstr(s->out, row->fallback);
		else
			put_cstr(s->out, row->fallback);
	}
	lg_buf_append_cstr(s->out, ", ");
	put_type(s, row);
	close_member(s, '}');
}

static void put_properties(struct schema *s, const struct lg_option *table)
{
	for (const struct lg_option *row = table; row && row->name; row++) {
		/* Rows without a table of their own are the caller's: `inputs` and `outputs`. */
		if (!(row->flags & LG_OPT_LATER) && (row->type != LG_OPT_RULES || row->sub))
			put_property(s, row);
	}
}

static void put_required(struct schema *s, const struct option_set *sets, size_t count, const char *also)
{
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		for (const struct lg_option *row = sets[i].table; row && row->name; row++) {
			if (!(row->flags & LG_OPT_REQUIRED) || option_is_shadowed(sets, count, i, row->name))
				continue;
			if (!any)
				open_member(s, "required", '[');
			lg_buf_append_cstr(s->out, any ? ", " : "");
			put_cstr(s->out, row->name);
			any = true;
		}
	}
	if (also && !any)
		open_member(s, "required", '[');
	if (also) {
		lg_buf_append_cstr(s->out, any ? ", " : "");
		put_cstr(s->out, also);
	}
	if (any || also) {
		s->depth--;
		lg_buf_append_char(s->out, ']');
	}
}

static void put_const(struct schema *s, const char *name, const char *value, const char *doc)
{
	open_member(s, name, '{');
	lg_buf_append_cstr(s->out, "\"const\": ");
	put_cstr(s->out, value);
	lg_buf_append_cstr(s->out, ", \"description\": ");
	put_cstr(s->out, doc);
	close_member(s, '}');
}

/* The properties of several tables that share a mapping; the earlier one has a name that two of them know. */
static void put_sets(struct schema *s, const struct option_set *sets, size_t count, const char *without)
{
	for (size_t i = 0; i < count; i++) {
		for (const struct lg_option *row = sets[i].table; row && row->name; row++) {
			if (row->flags & LG_OPT_LATER || (row->type == LG_OPT_RULES && !row->sub) ||
			        option_is_shadowed(sets, count, i, row->name) || !strcmp(row->name, "type") ||
			        (without && !strcmp(without, row->name)))
				continue;
			put_property(s, row);
		}
	}
}

static void put_input(struct schema *s, const struct lg_input_plugin *plugin, const struct lg_parser *parser)
{
	const struct option_set sets[] = {{.table = config_input_options}, {.table = plugin->options},
	        {.table = plugin->uses_stream ? lg_stream_options : NULL}, {.table = parser ? parser->options : NULL}};
	const char *usual = plugin->parser ? plugin->parser : "text";

	open_member(s, NULL, '{');
	lg_buf_append_cstr(s->out, "\"type\": \"object\", \"additionalProperties\": false");
	open_member(s, "properties", '{');
	put_const(s, "type", plugin->name, plugin->doc);
	if (parser)
		put_const(s, "parser", parser->name, parser->doc);
	put_sets(s, sets, 4, parser ? "parser" : NULL);
	close_member(s, '}');
	put_required(s, sets, 4, parser && strcmp(parser->name, usual) != 0 ? "parser" : NULL);
	close_member(s, '}');
}

static void put_output(struct schema *s, const struct lg_output_plugin *plugin)
{
	struct lg_option format[2];
	char first[32];
	struct option_set sets[4] = {
	        {.table = config_output_options}, {.table = plugin->options}, {.table = format}, {.table = lg_format_options}};

	config_format_row(plugin, format, first);
	if (!plugin->formats)
		sets[2].table = NULL;
	open_member(s, NULL, '{');
	lg_buf_append_cstr(s->out, "\"type\": \"object\", \"additionalProperties\": false");
	open_member(s, "properties", '{');
	put_const(s, "type", plugin->name, plugin->doc);
	put_sets(s, sets, 4, NULL);
	close_member(s, '}');
	put_required(s, sets, 4, NULL);
	close_member(s, '}');
}

static void put_items(struct schema *s)
{
	const struct lg_registry *registry = s->registry;

	open_member(s, "inputs", '{');
	lg_buf_append_cstr(s->out, "\"type\": \"array\", \"minItems\": 1, \"items\": {\"oneOf\": [");
	for (size_t i = 0; registry->inputs[i]; i++) {
		bool parses = config_takes_parser(registry->inputs[i]);

		if (!parses)
			put_input(s, registry->inputs[i], NULL);
		for (size_t p = 0; parses && registry->parsers[p]; p++)
			put_input(s, registry->inputs[i], registry->parsers[p]);
	}
	lg_buf_append_cstr(s->out, "]}");
	close_member(s, '}');
	open_member(s, "outputs", '{');
	lg_buf_append_cstr(s->out, "\"type\": \"array\", \"minItems\": 1, \"items\": {\"oneOf\": [");
	for (size_t i = 0; registry->outputs[i]; i++)
		put_output(s, registry->outputs[i]);
	lg_buf_append_cstr(s->out, "]}");
	close_member(s, '}');
}

void config_write_schema(const struct lg_registry *registry, struct lg_buf *out)
{
	const struct option_set top = {.table = config_top_options};
	struct schema s = {.registry = registry, .out = out, .depth = 1};

	lg_buf_append_cstr(out, "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
	                        "  \"title\": \"Lugger configuration\",\n"
	                        "  \"description\": \"Written by `lugger reference schema` from the tables that read the "
	                        "configuration; do not edit.\",\n"
	                        "  \"$defs\": {\n"
	                        "    \"text\": {\"type\": [\"string\", \"number\", \"boolean\"]},\n"
	                        "    \"texts\": {\"oneOf\": [{\"$ref\": \"#/$defs/text\"}, {\"type\": \"array\", \"items\": "
	                        "{\"$ref\": \"#/$defs/text\"}}]},\n"
	                        "    \"map\": {\"type\": \"object\", \"additionalProperties\": {\"$ref\": \"#/$defs/text\"}},\n"
	                        "    \"size\": {\"oneOf\": [{\"type\": \"integer\", \"minimum\": 0}, {\"type\": \"string\", "
	                        "\"pattern\": \"^[0-9]+ *(B|KiB|MiB|GiB|TiB|kB|KB|MB|GB|TB)?$\"}]},\n"
	                        "    \"duration\": {\"oneOf\": [{\"const\": 0}, {\"type\": \"string\", \"pattern\": \"^(0|[0-9]+ "
	                        "*(ns|us|ms|s|m|h|d))$\"}]}\n"
	                        "  },\n  \"type\": \"object\",\n  \"additionalProperties\": false");
	open_member(&s, "properties", '{');
	put_properties(&s, config_top_options);
	put_items(&s);
	close_member(&s, '}');
	put_required(&s, &top, 1, NULL);
	lg_buf_append_cstr(out, "\n}\n");
}
