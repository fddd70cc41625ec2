/* Templates over a record's fields, for outputs that address by them (topics, keys, headers). */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "format/format.h"

struct lg_template {
	char *text;
	struct format_template_part *parts;
	size_t count;
};

struct lg_template *lg_template_new(const char *text)
{
	struct lg_template *t = mem_zalloc(sizeof(*t));
	size_t cap = 0;
	const char *at;

	at = t->text = mem_strdup(text);
	while (*at) {
		const char *close = *at == '{' ? strchr(at, '}') : NULL;
		struct format_template_part *part;

		t->parts = mem_grow(t->parts, &cap, t->count + 1, sizeof(*t->parts));
		part = &t->parts[t->count++];
		*part = (struct format_template_part){0};
		if (close && close > at + 1) {
			part->name = (struct lg_str){at + 1, (size_t)(close - at - 1)};
			part->field = lg_field_find(part->name);
			at = close + 1;
		} else {
			part->literal = (struct lg_str){at, 1 + strcspn(at + 1, "{")};
			at += part->literal.size;
		}
	}
	return t;
}

void lg_template_free(struct lg_template *t)
{
	if (!t)
		return;
	free(t->parts);
	free(t->text);
	free(t);
}

bool lg_template_is_constant(const struct lg_template *t)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->parts[i].name.size)
			return false;
	return true;
}

/* What is no field, but every record has. */
static bool find_own(const struct lg_formatter *f, struct lg_str name, const struct lg_record *rec, struct lg_value *value)
{
	static const char *const level[] = {"emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"};

	*value = (struct lg_value){.type = LG_T_STRING};
	if (lg_str_is(name, "lugger.input"))
		value->text = rec->input;
	else if (lg_str_is(name, "agent.name"))
		value->text = lg_str_from(f->agent);
	else if (lg_str_is(name, "lugger.log_id"))
		value->text = lg_str_from(rec->log_id);
	else if (lg_str_is(name, "log.level"))
		value->text = lg_str_from(rec->severity <= LG_DEBUGGING ? level[rec->severity] : NULL);
	else if (lg_str_is(name, "event.sequence"))
		*value = (struct lg_value){.type = LG_T_NUMBER, .number = (int64_t)rec->seq};
	else
		return false;
	return true;
}

static bool find_named(struct lg_str name, const struct lg_record *rec, struct lg_value *value)
{
	struct lg_fields_iter it;

	lg_fields_begin(&it, rec);
	while (lg_fields_next(&it, value))
		if (value->field == LG_F_CUSTOM && lg_str_equal(value->name, name))
			return true;
	return false;
}

/* False: nothing to put. */
static bool put_value(const struct lg_value *value, struct lg_buf *out)
{
	switch (value->type) {
	case LG_T_STRING:
		lg_buf_append_str(out, value->text);
		return value->text.size > 0;
	case LG_T_NUMBER:
		lg_buf_printf(out, "%lld", (long long)value->number);
		return true;
	case LG_T_BOOL:
		lg_buf_append_cstr(out, value->number ? "true" : "false");
		return true;
	default:
		return false;
	}
}

bool lg_template_expand(const struct lg_template *t, const struct lg_formatter *f, const struct lg_record *rec, struct lg_buf *out)
{
	size_t start = out->size;

	for (size_t i = 0; i < t->count; i++) {
		const struct format_template_part *part = &t->parts[i];
		struct lg_value value;

		if (!part->name.size) {
			lg_buf_append_str(out, part->literal);
			continue;
		}
		if (!(part->field == LG_F_CUSTOM ? find_own(f, part->name, rec, &value) || find_named(part->name, rec, &value)
		                                 : lg_record_find(rec, part->field, &value)) ||
		    !put_value(&value, out)) {
			out->size = start;
			return false;
		}
	}
	return true;
}
