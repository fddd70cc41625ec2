#include "config/item.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/fields.h"
#include "config/promised.h"
#include "config/tables.h"
#include "config/value.h"

#define ITEM_NAME_MAX 63

struct item_what {
	char text[96]; /* "input `operlog`" */
};

static struct item_what describe(const char *kind, const struct yaml_node *node)
{
	const struct yaml_node *name = yamltree_get(node, "name");
	struct item_what what;

	if (name && name->kind == YAML_KIND_SCALAR && name->text.size && name->text.size <= ITEM_NAME_MAX)
		snprintf(what.text, sizeof(what.text), "%s `%s`", kind, name->text.data);
	else
		snprintf(what.text, sizeof(what.text), "this %s", kind);
	return what;
}

static const char *const name_rule = "letters, digits, `_`, `.` and `-`, at most 63 of them, the first not `.`";

static bool is_name(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	size_t size = strlen(name);

	return size && size <= ITEM_NAME_MAX && strspn(name, allowed) == size && name[0] != '.';
}

static void check_name(const struct option_reader *reader, const struct yaml_node *node, const char *name)
{
	if (name && !is_name(name))
		problems_error(reader->problems, yamltree_get(node, "name")->mark, "`name: %.80s`: expected %s", name, name_rule);
}

static void report_twin(
        const struct option_reader *reader, const struct yaml_node *node, const char *kind, const char *name, unsigned line)
{
	problems_error(reader->problems, yamltree_get(node, "name")->mark,
	               "a second %s named `%.80s`, the first is in line %u; each needs a name of its own", kind, name, line);
}

/* ---- type ---- */

/* The `type` of an item; NULL when it is missing or unusable, which is then reported. */
static const struct yaml_node *find_type(const struct option_reader *reader, const struct yaml_node *node, const char *what)
{
	const struct yaml_node *type;

	if (node->kind != YAML_KIND_MAPPING) {
		problems_error(reader->problems, node->mark, "%s is %s, expected a mapping that begins with `name`", what,
		        yamltree_kind_name(node));
		return NULL;
	}
	type = yamltree_get(node, "type");
	if (!type) {
		problems_error(reader->problems, node->mark, "%s needs `type`", what);
		return NULL;
	}
	if (type->kind != YAML_KIND_SCALAR || yamltree_is_null(type)) {
		problems_error(
		        reader->problems, type->mark, "`type` is %s, expected the name of a plugin", yamltree_kind_name(type));
		return NULL;
	}
	return type;
}

static void refuse_type(const struct option_reader *reader, const struct yaml_node *type, const char *kind,
        const char *const *names, size_t count)
{
	static const char *const promised[] = {"kafka", "amqp", "ibmmq", "zosmf", "relp", "stdin"};
	const char *nearest = problem_nearest(type->text, names, count),
	           *missing = value_missing(reader->env->registry, kind, type->text);
	int shown = type->text.size < 80 ? (int)type->text.size : 80;
	struct lg_buf list = {0};

	for (size_t i = 0; !missing && i < sizeof(promised) / sizeof(promised[0]); i++) {
		if (lg_str_is(type->text, promised[i]))
			missing = "";
	}
	for (size_t i = 0; i < count; i++)
		lg_buf_printf(&list, "%s%s", i == 0 ? "" : i + 1 == count ? " or " : ", ", names[i]);
	if (nearest)
		lg_buf_printf(&list, "; did you mean %s?", nearest);
	if (missing)
		problems_error(reader->problems, type->mark, "the %s type `%.*s` is not in this version%s%s", kind, shown,
		        type->text.data, *missing ? ": " : "", missing);
	else
		problems_error(reader->problems, type->mark, "unknown %s type `%.*s`, expected %.*s", kind, shown,
		        type->text.data, (int)list.size, (const char *)list.data);
	lg_buf_fini(&list);
}

static const struct lg_input_plugin *find_input_plugin(const struct option_reader *reader, const struct yaml_node *type)
{
	const struct lg_input_plugin *const *plugins = reader->env->registry->inputs;
	const char *names[64];
	size_t count = 0;

	for (; plugins[count] && count < 64; count++) {
		names[count] = plugins[count]->name;
		if (lg_str_is(type->text, names[count]))
			return plugins[count];
	}
	refuse_type(reader, type, "input", names, count);
	return NULL;
}

static const struct lg_output_plugin *find_output_plugin(const struct option_reader *reader, const struct yaml_node *type)
{
	const struct lg_output_plugin *const *plugins = reader->env->registry->outputs;
	const char *names[64];
	size_t count = 0;

	for (; plugins[count] && count < 64; count++) {
		names[count] = plugins[count]->name;
		if (lg_str_is(type->text, names[count]))
			return plugins[count];
	}
	refuse_type(reader, type, "output", names, count);
	return NULL;
}

/* ---- cross checks ---- */

static void check_tls(
        const struct option_reader *reader, const struct yaml_node *node, const struct lg_option *table, const void *conf)
{
	const struct config_env *env = reader->env;

	for (const struct lg_option *row = table; row && row->name && env->check_tls && env->check_files; row++) {
		const struct lg_tls_conf *tls = (const void *)((const char *)conf + row->offset);
		const struct yaml_node *value = yamltree_get(node, row->name);
		bool server = row->sub == lg_tls_server_options;
		struct lg_err err = {0};

		if (row->type != LG_OPT_TABLE || row->flags & LG_OPT_LATER || (!server && row->sub != lg_tls_client_options) ||
		        tls->off || !value)
			continue;
		if (env->check_tls(tls, server, &err) != LG_OK)
			problems_error(reader->problems, value->mark, "`%s`: %s", row->name, err.text);
	}
}

static void run_check(const struct option_reader *reader, const struct yaml_node *node,
        enum lg_rc (*check)(const void *, struct lg_err *), const void *conf, const char *what)
{
	struct lg_err err = {0};

	if (!check)
		return;
	if (check(conf, &err) != LG_OK)
		problems_error(reader->problems, node->mark, "%s: %s", what, err.text);
	else if (err.text[0])
		problems_warning(reader->problems, node->mark, "%s: %s", what, err.text);
}

static void check_multiline(const struct option_reader *reader, const struct yaml_node *node, const struct config_input *input)
{
	const struct yaml_node *multiline = yamltree_get(node, "multiline"), *value;
	const struct lg_stream_conf *stream = input->conf;
	const char *option;
	struct lg_err err;
	size_t at;

	if (!multiline || !input->plugin->uses_stream)
		return;
	if (!lg_multiline_wanted(&stream->multiline) && yamltree_get(multiline, "pattern"))
		return; /* none, in so many words: the resolved settings say it */
	if (lg_multiline_check(stream, &option, &at, &err) == LG_OK)
		return;
	value = yamltree_get(multiline, option);
	problems_error(reader->problems, value ? yamltree_mark_in(value, at) : multiline->mark, "`multiline%s%s`: %s", *option ? "." : "", option,
	        err.text);
}

/* ---- inputs ---- */

/* The parser is needed before the walk, because its options belong to the same mapping. False: the one that was asked for is not
 * there, and the default stands in. */
static bool choose_parser(const struct option_reader *reader, const struct yaml_node *node, const struct config_input *input,
                          struct config_parser *slot)
{
	const struct lg_option row = {.name = "parser", .type = LG_OPT_PARSER};
	const struct option_set set = {NULL, NULL, "input", input->plugin->name};
	struct yaml_node fallback = {.kind = YAML_KIND_SCALAR};
	const struct yaml_node *given = yamltree_get(node, "parser");
	bool found = given && option_read_value(reader, &row, &set, given, (void *)&slot->parser) == LG_OK;

	fallback.text = lg_str_from(input->plugin->parser ? input->plugin->parser : "text");
	if (!found)
		(void)option_read_value(reader, &row, &set, &fallback, (void *)&slot->parser);
	if (slot->parser)
		slot->conf = mem_zalloc(slot->parser->conf_size);
	return found || !given;
}

void item_read_input(const struct option_reader *reader, const struct yaml_node *node, const struct config *config,
                     struct config_input *input)
{
	const struct item_what what = describe("input", node);
	const struct yaml_node *type = find_type(reader, node, what.text);
	const struct lg_input_plugin *plugin = type ? find_input_plugin(reader, type) : NULL;
	struct option_set sets[CONFIG_SETS_MAX];
	size_t errors = reader->problems->errors;
	struct config_parser *slot;

	input->line = node->mark.line;
	if (!plugin)
		return;
	input->plugin = plugin;
	input->conf = mem_zalloc(plugin->conf_size);
	slot = config_input_parser(input);
	if (slot) {
		struct option_reader lenient = *reader;
		const struct lg_parser *parser;

		lenient.any_parser = !choose_parser(reader, node, input, slot);
		parser = slot->parser;
		option_read(&lenient, node, sets, config_input_sets(input, sets), what.text);
		slot->parser = parser; /* the walk read the row again, over its own default */
	} else {
		option_read(reader, node, sets, config_input_sets(input, sets), what.text);
	}
	check_name(reader, node, input->name);
	for (size_t i = 0; i < config->input_count; i++) {
		if (input->name && config->inputs[i].name && !strcmp(input->name, config->inputs[i].name))
			report_twin(reader, node, "input", input->name, config->inputs[i].line);
	}
	check_tls(reader, node, plugin->options, input->conf);
	if (reader->problems->errors != errors)
		return;
	run_check(reader, node, plugin->check, input->conf, what.text);
	check_multiline(reader, node, input);
	if (slot && slot->parser)
		run_check(reader, node, slot->parser->check, slot->conf, what.text);
}

void item_free_input(struct config_input *input)
{
	struct config_parser *slot = config_input_parser(input);

	if (slot) {
		if (slot->parser)
			option_free(slot->parser->options, slot->conf);
		free(slot->conf);
	}
	if (input->plugin && input->plugin->uses_stream)
		option_free(lg_stream_options, input->conf);
	if (input->plugin)
		option_free(input->plugin->options, input->conf);
	option_free(config_input_options, input);
	free(input->conf);
}

/* ---- outputs ---- */

static void check_inputs(const struct option_reader *reader, const struct yaml_node *node, const struct config *config,
                         const struct config_output *output)
{
	const struct yaml_node *list = yamltree_get(node, "inputs");
	const char *names[256];
	size_t known = 0;

	for (size_t i = 0; i < config->input_count && known < 256; i++) {
		if (config->inputs[i].name)
			names[known++] = config->inputs[i].name;
	}
	if (list && list->kind == YAML_KIND_LIST && !list->count)
		problems_error(reader->problems, list->mark, "`inputs` is an empty list; leave it out to take all inputs");
	for (size_t i = 0; i < output->inputs.count; i++) {
		const char *wanted = output->inputs.items[i], *nearest;
		const struct yaml_node *at = list->kind == YAML_KIND_LIST ? list->items[i] : list;
		bool found = false;

		for (size_t j = 0; j < known && !found; j++)
			found = !strcmp(names[j], wanted);
		if (found)
			continue;
		nearest = problem_nearest(lg_str_from(wanted), names, known);
		problems_error(reader->problems, at->mark, "there is no input named `%.80s`%s%s%s", wanted,
		        nearest ? "; did you mean `" : "", nearest ? nearest : "", nearest ? "`?" : "");
	}
}

static const struct lg_option format_key[] = {{.name = "format", .type = LG_OPT_RULES}, LG_OPTION_END};

/* `format`: a choice among what the plugin takes, kept as text. */
static void read_format(const struct option_reader *reader, const struct yaml_node *node, struct config_output *output)
{
	const struct yaml_node *given = yamltree_get(node, "format");
	const struct option_set set = {NULL, NULL, "output", output->plugin->name};
	struct lg_option row[2];
	char first[32];
	struct lg_str choice;
	int index = 0;

	config_format_row(output->plugin, row, first);
	if (given)
		(void)option_read_value(reader, row, &set, given, &index);
	choice = option_choice(output->plugin->formats, (size_t)index);
	free(output->format);
	output->format = mem_strndup(choice.data ? choice.data : "", choice.size);
}

void item_read_output(const struct option_reader *reader, const struct yaml_node *node, const struct config *config,
                      struct config_output *output)
{
	const struct item_what what = describe("output", node);
	const struct yaml_node *type = find_type(reader, node, what.text);
	const struct lg_output_plugin *plugin = type ? find_output_plugin(reader, type) : NULL;
	struct option_set sets[CONFIG_SETS_MAX];
	size_t errors = reader->problems->errors, count;

	output->line = node->mark.line;
	if (!plugin)
		return;
	output->plugin = plugin;
	output->conf = mem_zalloc(plugin->conf_size);
	count = config_output_sets(output, sets);
	sets[2].table = format_key; /* a choice, read below */
	option_read(reader, node, sets, count, what.text);
	read_format(reader, node, output);
	check_name(reader, node, output->name);
	for (size_t i = 0; i < config->output_count; i++) {
		if (output->name && config->outputs[i].name && !strcmp(output->name, config->outputs[i].name))
			report_twin(reader, node, "output", output->name, config->outputs[i].line);
	}
	check_inputs(reader, node, config, output);
	fields_check_where(reader, node, config, output);
	fields_check_templates(reader, node, config, output);
	check_tls(reader, node, plugin->options, output->conf);
	if (reader->problems->errors == errors)
		run_check(reader, node, plugin->check, output->conf, what.text);
}

void item_free_output(struct config_output *output)
{
	struct option_set sets[CONFIG_SETS_MAX];
	size_t count = output->plugin ? config_output_sets(output, sets) : 0;

	while (count-- > 0)
		option_free(sets[count].table, sets[count].base);
	free(output->conf);
}
