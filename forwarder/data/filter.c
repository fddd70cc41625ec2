#include "data/filter.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "data/filter_impl.h"

enum lg_rc filter_compile(struct filter **out, const char *text, size_t *at, struct lg_err *err)
{
	struct filter *filter = mem_zalloc(sizeof(*filter));
	enum lg_rc rc;

	*at = 0;
	filter->undecided = mem_zalloc(sizeof(*filter->undecided));
	rc = filter_parse(filter, text, at, err);
	if (rc != LG_OK) {
		filter_free(filter);
		filter = NULL;
	}
	*out = filter;
	return rc;
}

void filter_free(struct filter *filter)
{
	if (!filter)
		return;
	for (size_t i = 0; i < filter->pattern_count; i++)
		pattern_free(filter->patterns[i].compiled);
	pattern_room_free(filter->room);
	free(filter->patterns);
	free(filter->nodes);
	free(filter->literals);
	free(filter->segments);
	free(filter->arena);
	free(filter->undecided);
	free(filter);
}

uint64_t filter_undecided(const struct filter *filter)
{
	return *filter->undecided;
}

/* ---- the left side ---- */

static bool find_custom(const struct lg_record *rec, struct lg_str name, struct lg_value *value)
{
	struct lg_fields_iter it;

	lg_fields_begin(&it, rec);
	while (lg_fields_next(&it, value)) {
		if (value->field == LG_F_CUSTOM && lg_str_equal(value->name, name))
			return true;
	}
	return false;
}

static bool as_string(struct lg_value *value, struct lg_str text)
{
	value->type = LG_T_STRING;
	value->text = text;
	return true;
}

static bool as_number(struct lg_value *value, int64_t number)
{
	value->type = LG_T_NUMBER;
	value->number = number;
	return true;
}

/* As the JSON format spells log.level. */
static struct lg_str level_name(uint8_t severity)
{
	static const char *const names[] = {"emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"};

	return lg_str_from(names[severity & 7]);
}

/* False: the record has no such field. */
static bool fetch(const struct filter_node *node, const struct lg_record *rec, struct lg_value *value)
{
	switch ((enum filter_source)node->source) {
	case FILTER_FIELD:
		return lg_record_find(rec, node->field, value);
	case FILTER_CUSTOM:
		return find_custom(rec, node->name, value);
	case FILTER_MESSAGE:
		return as_string(value, rec->body);
	case FILTER_SEVERITY:
		return rec->severity != LG_SEVERITY_NONE && as_number(value, rec->severity);
	case FILTER_FACILITY:
		return rec->facility != LG_FACILITY_NONE && as_number(value, rec->facility);
	case FILTER_LEVEL:
		return rec->severity <= LG_DEBUGGING && as_string(value, level_name(rec->severity));
	case FILTER_SEQUENCE:
		return as_number(value, (int64_t)rec->seq);
	case FILTER_INPUT:
		return as_string(value, rec->input);
	case FILTER_LOG_ID:
		return as_string(value, lg_str_from(rec->log_id));
	}
	return false;
}

/* ---- comparing ---- */

static bool holds(enum filter_op op, int order)
{
	switch (op) {
	case FILTER_EQ:
		return order == 0;
	case FILTER_NE:
		return order != 0;
	case FILTER_LT:
		return order < 0;
	case FILTER_LE:
		return order <= 0;
	case FILTER_GT:
		return order > 0;
	case FILTER_GE:
		return order >= 0;
	}
	return false;
}

static int order_numbers(int64_t a, int64_t b)
{
	return a < b ? -1 : a > b;
}

static int order_strings(struct lg_str a, struct lg_str b)
{
	size_t common = a.size < b.size ? a.size : b.size;
	int order = common ? memcmp(a.data, b.data, common) : 0;

	return order ? order : a.size < b.size ? -1 : a.size > b.size;
}

static bool compare_list(enum filter_op op, struct lg_str numbers, int64_t with)
{
	enum filter_op each = op == FILTER_NE ? FILTER_EQ : op;
	bool any = false;

	for (size_t i = 0; i < numbers.size && !any; i++)
		any = holds(each, order_numbers((uint8_t)numbers.data[i], with));
	return op == FILTER_NE ? !any : any;
}

/* Values of kinds that cannot be compared are neither equal nor in any order, but they are unequal. */
static bool compare(enum filter_op op, const struct lg_value *value, const struct filter_literal *with)
{
	int64_t number;

	switch ((enum lg_type)value->type) {
	case LG_T_STRING:
		if (with->type == LG_T_STRING)
			return holds(op, order_strings(value->text, with->text));
		if (with->type == LG_T_NUMBER && text_parse_i64(value->text, &number))
			return holds(op, order_numbers(number, with->number));
		return op == FILTER_NE;
	case LG_T_NUMBER:
		return with->has_number ? holds(op, order_numbers(value->number, with->number)) : op == FILTER_NE;
	case LG_T_BOOL:
		return with->type == LG_T_BOOL ? holds(op, order_numbers(value->number != 0, with->number)) : op == FILTER_NE;
	case LG_T_NUMBERS:
		return with->has_number ? compare_list(op, value->text, with->number) : op == FILTER_NE;
	}
	return false;
}

static bool is_in(const struct filter *filter, const struct filter_node *node, const struct lg_value *value)
{
	for (uint32_t i = 0; i < node->count; i++) {
		if (compare(FILTER_EQ, value, &filter->literals[node->first + i]))
			return true;
	}
	return false;
}

/* ---- patterns ---- */

static bool starts_with(struct lg_str text, struct lg_str prefix)
{
	return text.size >= prefix.size && (!prefix.size || !memcmp(text.data, prefix.data, prefix.size));
}

/* Offset of `part` in text, or SIZE_MAX. */
static size_t find_part(struct lg_str text, struct lg_str part)
{
	const char *at = text.data, *last;

	if (part.size > text.size)
		return SIZE_MAX;
	last = text.data + (text.size - part.size);
	while (at <= last && (at = memchr(at, part.data[0], (size_t)(last - at) + 1)) != NULL) {
		if (!memcmp(at, part.data, part.size))
			return (size_t)(at - text.data);
		at++;
	}
	return SIZE_MAX;
}

/* The leftmost place for each segment in turn is as good as any other. */
static bool is_like(const struct filter *filter, const struct filter_node *node, struct lg_str text)
{
	uint32_t i = 0, count = node->count;
	const struct lg_str *segments = count ? filter->segments + node->first : NULL;

	if (!count)
		return node->open_start || !text.size;
	if (!node->open_start) {
		if (!starts_with(text, segments[0]))
			return false;
		text.data += segments[0].size;
		text.size -= segments[0].size;
		i = 1;
		if (count == 1)
			return node->open_end || !text.size;
	}
	for (; i < count - !node->open_end; i++) {
		size_t at = find_part(text, segments[i]);

		if (at == SIZE_MAX)
			return false;
		text.data += at + segments[i].size;
		text.size -= at + segments[i].size;
	}
	if (node->open_end)
		return true;
	return text.size >= segments[i].size &&
	       !memcmp(text.data + text.size - segments[i].size, segments[i].data, segments[i].size);
}

static bool matches(const struct filter *filter, const struct filter_node *node, struct lg_str text, bool *undecided)
{
	enum pattern_result result = pattern_match(filter->patterns[node->first].compiled, filter->room, text, 0);

	if (result == PATTERN_GAVE_UP)
		*undecided = true;
	return result == PATTERN_YES;
}

/* ---- evaluating ---- */

static bool evaluate(const struct filter *filter, uint32_t index, const struct lg_record *rec, bool *undecided)
{
	const struct filter_node *node = &filter->nodes[index];
	struct lg_value value;

	switch ((enum filter_kind)node->kind) {
	case FILTER_AND:
	case FILTER_OR:
		for (uint32_t child = node->child; child != FILTER_NONE; child = filter->nodes[child].next) {
			if (evaluate(filter, child, rec, undecided) == (node->kind == FILTER_OR))
				return node->kind == FILTER_OR;
		}
		return node->kind == FILTER_AND;
	case FILTER_NOT:
		return !evaluate(filter, node->child, rec, undecided);
	case FILTER_AT_LEAST:
		return rec->severity <= node->first;
	case FILTER_COMPARE:
		return fetch(node, rec, &value) && compare((enum filter_op)node->op, &value, &filter->literals[node->first]);
	case FILTER_IN:
		return fetch(node, rec, &value) && is_in(filter, node, &value);
	case FILTER_LIKE:
		return fetch(node, rec, &value) && value.type == LG_T_STRING && is_like(filter, node, value.text);
	case FILTER_REGEX:
		return fetch(node, rec, &value) && value.type == LG_T_STRING && matches(filter, node, value.text, undecided);
	}
	return false;
}

bool filter_match(const struct filter *filter, const struct lg_record *rec)
{
	bool undecided = false, result = evaluate(filter, filter->root, rec, &undecided);

	if (undecided)
		++*filter->undecided;
	return result || undecided;
}

/* ---- for `check` ---- */

void filter_fields(const struct filter *filter, void (*each)(void *arg, unsigned field, struct lg_str name), void *arg)
{
	for (size_t i = 0; i < filter->node_count; i++) {
		const struct filter_node *node = &filter->nodes[i];

		if (node->kind >= FILTER_COMPARE && node->source <= FILTER_CUSTOM)
			each(arg, node->field, node->name);
	}
}

bool filter_dollar_trap(const struct filter *filter, size_t *at)
{
	if (filter->has_dollar)
		*at = filter->dollar_at;
	return filter->has_dollar;
}
