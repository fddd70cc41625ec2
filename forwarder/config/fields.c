#include "config/fields.h"

#include <string.h>

#include "config/tables.h"

static bool input_sets_field(const struct config_input *input, unsigned field)
{
	const struct config_parser *slot = config_input_parser(input);

	for (const unsigned *f = input->plugin ? input->plugin->fields : NULL; f && *f; f++) {
		if (*f == field)
			return true;
	}
	for (const unsigned *f = slot && slot->parser ? slot->parser->fields : NULL; f && *f; f++) {
		if (*f == field)
			return true;
	}
	return false;
}

struct field_check {
	const struct option_reader *reader;
	const struct config *config;
	const struct config_output *output;
	struct config_mark mark;
};

static bool is_selected(const struct config_output *output, const char *input)
{
	for (size_t i = 0; i < output->inputs.count; i++) {
		if (input && !strcmp(output->inputs.items[i], input))
			return true;
	}
	return !output->inputs.count;
}

/* Fields that the core itself may add to any record. */
static bool is_core_field(unsigned field)
{
	return (field >= LG_F_LOSS_INPUT && field <= LG_F_LOSS_REASON) || field == LG_F_EVENT_KIND || field == LG_F_TRUNCATED ||
	       field == LG_F_PART || field == LG_F_INCOMPLETE || field == LG_F_REPLAY || field == LG_F_REDELIVERED;
}

static bool is_produced(const struct field_check *check, unsigned field)
{
	for (size_t i = 0; i < check->config->input_count; i++) {
		const struct config_input *input = &check->config->inputs[i];

		if (is_selected(check->output, input->name) && input_sets_field(input, field))
			return true;
	}
	return false;
}

/* A field that no selected input produces makes the condition false for ever: most likely a slip. */
static void check_field(void *arg, unsigned field, struct lg_str name)
{
	const struct field_check *check = arg;
	const char *produced[LG_F_LIMIT], *nearest;
	size_t count = 0;

	if (field && (is_core_field(field) || is_produced(check, field)))
		return;
	for (unsigned i = 1; i < LG_F_LIMIT; i++) {
		if (lg_field_name(i) && is_produced(check, i))
			produced[count++] = lg_field_name(i);
	}
	nearest = problem_nearest(name, produced, count);
	problems_warning(check->reader->problems, check->mark, "no input of this output produces the field `%.*s`%s%s%s",
	        (int)(name.size < 80 ? name.size : 80), name.data, nearest ? "; did you mean `" : "", nearest ? nearest : "",
	        nearest ? "`?" : "");
}

void fields_check_where(const struct option_reader *reader, const struct yaml_node *node, const struct config *config,
                        const struct config_output *output)
{
	const struct config_env *env = reader->env;
	const struct yaml_node *where = yamltree_get(node, "where");
	struct field_check fields = {reader, config, output, {0, 0}};
	struct lg_err err = {0};
	size_t at = 0;

	if (!output->where || !env->check_where)
		return;
	if (env->check_where(output->where, &at, &err) != LG_OK) {
		problems_error(reader->problems, yamltree_mark_in(where, at), "`where`: %s", err.text);
		return;
	}
	fields.mark = where->mark;
	if (env->where_fields)
		env->where_fields(output->where, check_field, &fields);
	if (env->where_dollar && env->where_dollar(output->where, &at))
		problems_warning(reader->problems, yamltree_mark_in(where, at),
		        "`$` in a pattern means the end of the value; for the character write \\$, or use like \"$HASP*\"");
}

/* ---- templates ---- */

/* Names that formatters know beside the fields. */
static bool is_template_name(struct lg_str name)
{
	return lg_str_is(name, "lugger.input") || lg_str_is(name, "agent.name") || lg_str_is(name, "lugger.log_id") ||
	       lg_str_is(name, "event.sequence") || lg_str_is(name, "log.level");
}

static void check_template(struct field_check *check, const struct yaml_node *value)
{
	const char *at = value->text.data, *open;

	while ((open = strchr(at, '{')) != NULL) {
		const char *close = strchr(open, '}');
		struct lg_str name = {open + 1, close ? (size_t)(close - open - 1) : 0};

		check->mark = yamltree_mark_in(value, (size_t)(open - value->text.data));
		if (!name.size) {
			problems_warning(check->reader->problems, check->mark,
			        "`{` without the name of a field and `}`; it stays as it is");
			at = open + 1;
			continue;
		}
		if (!is_template_name(name))
			check_field(check, lg_field_find(name), name);
		at = close + 1;
	}
}

static void check_templates_of(struct field_check *check, const struct yaml_node *value)
{
	if (value->kind == YAML_KIND_SCALAR)
		check_template(check, value);
	for (size_t i = 1; value->kind == YAML_KIND_MAPPING && i < value->count; i += 2)
		check_templates_of(check, value->items[i]);
}

void fields_check_templates(const struct option_reader *reader, const struct yaml_node *node, const struct config *config,
                            const struct config_output *output)
{
	static const char *const names[] = {"hostname", "app_name", "proc_id", "msg_id"};
	struct field_check check = {reader, config, output, {0, 0}};
	const struct yaml_node *value;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if ((value = yamltree_get(node, names[i])) != NULL)
			check_templates_of(&check, value);
	for (const struct lg_option *row = output->plugin->options; row && row->name; row++)
		if (row->flags & LG_OPT_TEMPLATE && (value = yamltree_get(node, row->name)) != NULL)
			check_templates_of(&check, value);
}
