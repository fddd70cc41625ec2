#include "config/option.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "config/promised.h"
#include "config/value.h"

struct lg_str option_choice(const char *choices, size_t index)
{
	const char *at = choices;

	for (; at && index > 0; index--) {
		at = strchr(at, '|');
		if (at)
			at++;
	}
	return at ? (struct lg_str){at, strcspn(at, "|")} : (struct lg_str){0};
}

bool option_is_shadowed(const struct option_set *sets, size_t count, size_t set, const char *name)
{
	for (size_t i = 0; i < set && i < count; i++) {
		for (const struct lg_option *row = sets[i].table; row && row->name; row++) {
			if (!strcmp(row->name, name))
				return true;
		}
	}
	return false;
}

static void *field_of(const struct lg_option *row, void *base)
{
	return (char *)base + row->offset;
}

/* ---- freeing ---- */

static void free_strings(struct lg_strings *strings)
{
	for (size_t i = 0; i < strings->count; i++)
		free(strings->items[i]);
	free(strings->items);
	*strings = (struct lg_strings){0};
}

static void free_rules(const struct lg_option *row, struct lg_rules *rules)
{
	for (size_t i = 0; i < rules->count; i++)
		option_free(row->sub, (char *)rules->items + i * row->size);
	free(rules->items);
	*rules = (struct lg_rules){0};
}

static void free_field(const struct lg_option *row, void *field)
{
	switch (row->type) {
	case LG_OPT_STRING:
	case LG_OPT_FILE:
	case LG_OPT_PATH:
	case LG_OPT_TIMEZONE:
	case LG_OPT_ENCODING:
		free(*(char **)field);
		*(char **)field = NULL;
		break;
	case LG_OPT_STRINGS:
	case LG_OPT_MAP:
		free_strings(field);
		break;
	case LG_OPT_TABLE:
		option_free(row->sub, field);
		break;
	case LG_OPT_RULES:
		if (row->sub)
			free_rules(row, field);
		break;
	default:
		break;
	}
}

void option_free(const struct lg_option *table, void *base)
{
	if (!base)
		return;
	for (const struct lg_option *row = table; row && row->name; row++) {
		if (!(row->flags & LG_OPT_LATER))
			free_field(row, field_of(row, base));
	}
}

/* ---- values of more than one scalar ---- */

static void push_string(struct lg_strings *strings, size_t *cap, char *item)
{
	strings->items = mem_grow(strings->items, cap, strings->count + 1, sizeof(*strings->items));
	strings->items[strings->count++] = item;
}

static enum lg_rc refuse_kind(const struct value_place *place, const struct yaml_node *node, const char *expected)
{
	problems_error(place->reader->problems, node->mark, "`%s` is %s, expected %s", place->row->name, yamltree_kind_name(node),
	        expected);
	return LG_INVALID;
}

static enum lg_rc read_strings(const struct value_place *place, const struct yaml_node *node, struct lg_strings *field)
{
	struct yaml_node *one[1] = {(struct yaml_node *)node};
	struct yaml_node *const *items = node->kind == YAML_KIND_LIST ? node->items : one;
	size_t count = node->kind == YAML_KIND_LIST ? node->count : 1, cap = 0;
	struct lg_strings strings = {0};
	enum lg_rc rc = LG_OK;

	if (node->kind == YAML_KIND_MAPPING || (node->kind == YAML_KIND_SCALAR && yamltree_is_null(node)))
		return refuse_kind(place, node, "text or a list of texts");
	for (size_t i = 0; i < count; i++) {
		char *item = NULL;

		if (value_string(place, items[i], &item) == LG_OK)
			push_string(&strings, &cap, item);
		else
			rc = LG_INVALID;
	}
	if (!count && place->row->flags & LG_OPT_REQUIRED) {
		problems_error(place->reader->problems, node->mark, "`%s` is an empty list; it needs at least one value",
		        place->row->name);
		rc = LG_INVALID;
	}
	if (rc != LG_OK) {
		free_strings(&strings);
		return rc;
	}
	free_strings(field);
	*field = strings;
	return LG_OK;
}

static enum lg_rc read_map(const struct value_place *place, const struct yaml_node *node, struct lg_strings *field)
{
	struct lg_strings strings = {0};
	enum lg_rc rc = LG_OK;
	struct lg_err err;
	size_t cap = 0;

	if (node->kind != YAML_KIND_MAPPING)
		return refuse_kind(place, node, "a mapping of names to values");
	for (size_t i = 0; i < node->count; i += 2) {
		char *value = NULL;

		if (value_string(place, node->items[i + 1], &value) != LG_OK) {
			rc = LG_INVALID;
			continue;
		}
		if (place->row->entry && place->row->entry(node->items[i]->text.data, value, &err) != LG_OK) {
			problems_error(place->reader->problems, node->items[i]->mark, "`%s`: %s", place->row->name, err.text);
			rc = LG_INVALID;
		}
		push_string(&strings, &cap, mem_strdup(node->items[i]->text.data));
		push_string(&strings, &cap, value);
	}
	if (rc != LG_OK) {
		free_strings(&strings);
		return rc;
	}
	free_strings(field);
	*field = strings;
	return LG_OK;
}

static const struct lg_option *find_row(const struct lg_option *table, struct lg_str name)
{
	for (const struct lg_option *row = table; row && row->name; row++) {
		if (lg_str_is(name, row->name))
			return row;
	}
	return NULL;
}

static enum lg_rc read_table(const struct value_place *place, const struct yaml_node *node, void *field)
{
	const struct lg_option *row = place->row, *off = find_row(row->sub, LG_STR("off"));
	const struct option_set set = {row->sub, field, row->name, NULL};
	char what[80];

	snprintf(what, sizeof(what), "`%s`", row->name);
	if (off && node->kind == YAML_KIND_SCALAR && !node->quoted && lg_str_is(node->text, "off")) {
		option_defaults(place->reader, row->sub, field);
		*(bool *)field_of(off, field) = true;
		return LG_OK;
	}
	if (node->kind != YAML_KIND_MAPPING)
		return refuse_kind(place, node, off ? "a mapping, or off" : "a mapping");
	option_read(place->reader, node, &set, 1, what);
	return LG_OK;
}

static enum lg_rc read_rules(const struct value_place *place, const struct yaml_node *node, struct lg_rules *field)
{
	const struct lg_option *row = place->row;
	struct lg_rules rules = {0};
	char what[80];

	if (node->kind != YAML_KIND_LIST)
		return refuse_kind(place, node, "a list of mappings (lines that begin with `- `)");
	rules.items = mem_zalloc(node->count * row->size);
	rules.count = node->count;
	snprintf(what, sizeof(what), "an entry of `%s`", row->name);
	for (size_t i = 0; i < node->count; i++) {
		const struct option_set set = {row->sub, (char *)rules.items + i * row->size, row->name, NULL};

		if (node->items[i]->kind == YAML_KIND_MAPPING)
			option_read(place->reader, node->items[i], &set, 1, what);
		else
			problems_error(place->reader->problems, node->items[i]->mark, "%s is %s, expected a mapping", what,
			               yamltree_kind_name(node->items[i]));
	}
	free_rules(row, field);
	*field = rules;
	return LG_OK;
}

static enum lg_rc read_text(const struct value_place *place, const struct yaml_node *node, char **field)
{
	char *text = NULL;
	enum lg_rc rc;

	switch (place->row->type) {
	case LG_OPT_TIMEZONE:
		rc = value_timezone(place, node, &text);
		break;
	case LG_OPT_ENCODING:
		rc = value_encoding(place, node, &text);
		break;
	case LG_OPT_STRING:
		rc = value_string(place, node, &text);
		break;
	default:
		rc = value_path(place, node, &text);
		break;
	}
	if (rc != LG_OK)
		return rc;
	free(*field);
	*field = text;
	return LG_OK;
}

enum lg_rc option_read_value(const struct option_reader *reader, const struct lg_option *row, const struct option_set *set,
                             const struct yaml_node *node, void *field)
{
	const struct value_place place = {reader, row, set};

	switch (row->type) {
	case LG_OPT_BOOL:
		return value_bool(&place, node, field);
	case LG_OPT_INT:
		return value_int(&place, node, field);
	case LG_OPT_SIZE:
		return value_size(&place, node, field);
	case LG_OPT_DURATION:
		return value_duration(&place, node, field);
	case LG_OPT_ENUM:
		return value_enum(&place, node, field);
	case LG_OPT_PARSER:
		return value_parser(&place, node, field);
	case LG_OPT_STRINGS:
		return read_strings(&place, node, field);
	case LG_OPT_MAP:
		return read_map(&place, node, field);
	case LG_OPT_TABLE:
		return read_table(&place, node, field);
	case LG_OPT_RULES:
		return row->sub ? read_rules(&place, node, field) : LG_OK;
	default:
		return read_text(&place, node, field);
	}
}

/* ---- defaults ---- */

/* The row's fallback as the tree would have it: a scalar, or for STRINGS the parts between commas. */
static void apply_fallback(const struct option_reader *reader, const struct lg_option *row, void *base)
{
	struct yaml_node scalar = {.kind = YAML_KIND_SCALAR, .text = lg_str_from(row->fallback)};
	struct lg_strings *strings = field_of(row, base);
	const char *at = row->fallback;
	size_t cap = 0;

	if (row->type != LG_OPT_STRINGS) {
		/* The system may lack what a default names (a zone, a file); that matters when it is used. */
		struct config_env env = *reader->env;
		struct option_reader lenient = *reader;

		env.check_files = false;
		lenient.env = &env;
		scalar.quoted = !*row->fallback;
		(void)option_read_value(&lenient, row, NULL, &scalar, field_of(row, base));
		return;
	}
	free_strings(strings);
	while (*at) {
		size_t n = strcspn(at, ",");

		push_string(strings, &cap, mem_strndup(at, n));
		at += n;
		at += strspn(at, ", ");
	}
}

void option_defaults(const struct option_reader *reader, const struct lg_option *table, void *base)
{
	for (const struct lg_option *row = table; row && row->name; row++) {
		if (row->flags & LG_OPT_LATER)
			continue;
		if (row->fallback)
			apply_fallback(reader, row, base);
		else if (row->type == LG_OPT_TABLE)
			option_defaults(reader, row->sub, field_of(row, base));
	}
}

/* ---- one mapping ---- */

static const struct lg_option *find_in_sets(const struct option_set *sets, size_t count, struct lg_str name, size_t *set)
{
	for (*set = 0; *set < count; (*set)++) {
		const struct lg_option *row = find_row(sets[*set].table, name);

		if (row)
			return row;
	}
	return NULL;
}

static bool some_parser_has(const struct lg_registry *registry, struct lg_str name)
{
	for (size_t i = 0; registry->parsers[i]; i++) {
		if (find_row(registry->parsers[i]->options, name))
			return true;
	}
	return false;
}

static void refuse_unknown(const struct option_reader *reader, const struct yaml_node *key, const struct option_set *sets,
        size_t count, const char *what)
{
	const char *names[256], *nearest;
	size_t n = 0;
	int shown = key->text.size < 80 ? (int)key->text.size : 80;

	for (size_t i = 0; i < count; i++) {
		if (promised_option(sets[i].module, sets[i].plugin, key->text)) {
			problems_error(
			        reader->problems, key->mark, "`%.*s` of %s is not in this version", shown, key->text.data, what);
			return;
		}
		for (const struct lg_option *row = sets[i].table; row && row->name && n < 256; row++) {
			if (!(row->flags & LG_OPT_LATER))
				names[n++] = row->name;
		}
	}
	nearest = problem_nearest(key->text, names, n);
	if (nearest) {
		problems_error(reader->problems, key->mark, "%s has no option `%.*s`; did you mean `%s`?", what, shown,
		        key->text.data, nearest);
		return;
	}
	problems_error(reader->problems, key->mark, "%s has no option `%.*s`; see lugger.yaml(5) for those it has", what, shown,
	               key->text.data);
}

static void require(const struct option_reader *reader, const struct yaml_node *mapping, const struct option_set *sets,
        size_t count, const char *what)
{
	for (size_t i = 0; i < count; i++) {
		for (const struct lg_option *row = sets[i].table; row && row->name; row++) {
			if (!(row->flags & LG_OPT_REQUIRED) || option_is_shadowed(sets, count, i, row->name) ||
			    yamltree_get(mapping, row->name))
				continue;
			problems_error(reader->problems, mapping->mark, "%s needs `%s`: %s", what, row->name, row->doc);
		}
	}
}

void option_read(const struct option_reader *reader, const struct yaml_node *mapping, const struct option_set *sets, size_t count,
                 const char *what)
{
	/* Backwards, so that where two rows share a field the one that serves the name has the last word. */
	for (size_t i = count; i-- > 0;)
		option_defaults(reader, sets[i].table, sets[i].base);
	for (size_t i = 0; i < mapping->count; i += 2) {
		const struct yaml_node *key = mapping->items[i], *value = mapping->items[i + 1];
		size_t set;
		const struct lg_option *row = find_in_sets(sets, count, key->text, &set);

		if (!row && reader->any_parser && some_parser_has(reader->env->registry, key->text))
			continue;
		if (!row)
			refuse_unknown(reader, key, sets, count, what);
		else if (row->flags & LG_OPT_LATER)
			problems_error(reader->problems, key->mark, "`%s` of %s is not in this version", row->name, what);
		else
			(void)option_read_value(reader, row, &sets[set], value, field_of(row, sets[set].base));
	}
	require(reader, mapping, sets, count, what);
}
