/* What stands in the header of a syslog message (DESIGN section 7), by template or by default. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "format/format.h"

void format_template_init(struct format_template *t, const char *text)
{
	const char *at;

	*t = (struct format_template){0};
	if (!text || !*text)
		return;
	t->text = mem_strdup(text);
	at = t->text;
	while (*at && t->count < FORMAT_TEMPLATE_PARTS) {
		struct format_template_part *part = &t->part[t->count++];
		const char *close = *at == '{' ? strchr(at, '}') : NULL;
		size_t size;

		if (close) {
			part->name = (struct lg_str){at + 1, (size_t)(close - at - 1)};
			part->field = lg_field_find(part->name);
			at = close + 1;
			continue;
		}
		size = 1 + strcspn(at + 1, "{");
		part->literal = (struct lg_str){at, size};
		at += size;
	}
}

void format_template_fini(struct format_template *t)
{
	free(t->text);
	t->text = NULL;
}

/* What stands in a header where no template says otherwise: the first that the record has. */
static const unsigned hostname_fields[] = {LG_F_ZOS_SYSNAME, LG_F_HOST_NAME, LG_F_SYSLOG_HOSTNAME, LG_F_SOURCE_IP, 0};
static const unsigned app_name_fields[] = {LG_F_ZOS_JOB_NAME, LG_F_SYSLOG_APPNAME, 0};
static const unsigned proc_id_fields[] = {LG_F_ZOS_JOB_ID, LG_F_SYSLOG_PROCID, 0};
static const unsigned msg_id_fields[] = {LG_F_ZOS_MESSAGE_ID, LG_F_SYSLOG_MSGID, LG_F_EVENT_CODE, 0};

static void want(struct format_fields *fields, unsigned field)
{
	fields->wanted[field / 64] |= UINT64_C(1) << field % 64;
}

static void want_template(struct format_fields *fields, const struct format_template *t)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->part[i].name.size && t->part[i].field != LG_F_CUSTOM)
			want(fields, t->part[i].field);
}

void format_want_header(struct lg_formatter *f)
{
	const unsigned *const lists[] = {hostname_fields, app_name_fields, proc_id_fields, msg_id_fields};
	const struct format_template *const templates[] = {&f->hostname, &f->app_name, &f->proc_id, &f->msg_id};

	for (size_t i = 0; i < 4; i++) {
		for (const unsigned *field = lists[i]; *field; field++)
			want(&f->fields, *field);
		want_template(&f->fields, templates[i]);
	}
	want(&f->fields, LG_F_SYSLOG_STRUCTURED_DATA);
}

static bool find_custom(const struct lg_record *rec, struct lg_str name, struct lg_value *value)
{
	struct lg_fields_iter it;

	lg_fields_begin(&it, rec);
	while (lg_fields_next(&it, value))
		if (value->field == LG_F_CUSTOM && lg_str_equal(value->name, name))
			return true;
	return false;
}

static size_t put_value(const struct lg_value *value, char *at, size_t room)
{
	char number[24], *end = number;
	struct lg_str text = value->text;

	if (value->type == LG_T_NUMBER) {
		if (value->number < 0)
			*end++ = '-';
		end = format_put_u64(end, value->number < 0 ? 0 - (uint64_t)value->number : (uint64_t)value->number);
		text = (struct lg_str){number, (size_t)(end - number)};
	} else if (value->type == LG_T_BOOL) {
		text = lg_str_from(value->number ? "true" : "false");
	} else if (value->type != LG_T_STRING) {
		text.size = 0;
	}
	if (text.size > room)
		text.size = room;
	memcpy(at, text.data ? text.data : "", text.size);
	return text.size;
}

/* The template's text, or the empty string where there is no template or one of its fields is missing. */
static struct lg_str expand(
	struct lg_formatter *f, const struct format_template *t, const struct lg_record *rec, char scratch[FORMAT_SCRATCH])
{
	size_t size = 0;

	for (size_t i = 0; i < t->count; i++) {
		const struct format_template_part *part = &t->part[i];
		struct lg_value value = {.type = LG_T_STRING, .text = part->literal};
		size_t put;

		if (part->name.size) {
			if (part->field != LG_F_CUSTOM && format_has(&f->fields, part->field))
				value = f->fields.value[part->field];
			else if (lg_str_is(part->name, "lugger.input"))
				value.text = rec->input;
			else if (lg_str_is(part->name, "agent.name"))
				value.text = lg_str_from(f->agent);
			else if (part->field != LG_F_CUSTOM || !find_custom(rec, part->name, &value))
				return (struct lg_str){NULL, 0};
		}
		put = put_value(&value, scratch + size, FORMAT_SCRATCH - size);
		if (!put && part->name.size)
			return (struct lg_str){NULL, 0};
		size += put;
	}
	return (struct lg_str){scratch, size};
}

static struct lg_str first_of(const struct format_fields *fields, const unsigned *wanted)
{
	struct lg_str text = {NULL, 0};

	for (; *wanted && !text.size; wanted++)
		text = format_text(fields, *wanted);
	return text;
}

struct lg_str format_hostname(struct lg_formatter *f, const struct lg_record *rec, char scratch[FORMAT_SCRATCH])
{
	struct lg_str text = expand(f, &f->hostname, rec, scratch);

	return text.size ? text : first_of(&f->fields, hostname_fields);
}

struct lg_str format_app_name(struct lg_formatter *f, const struct lg_record *rec, char scratch[FORMAT_SCRATCH])
{
	struct lg_str text = expand(f, &f->app_name, rec, scratch);

	if (!text.size)
		text = first_of(&f->fields, app_name_fields);
	/* A relayed message that named no program did not come from z/OS for all we know. */
	if (!text.size && !format_has(&f->fields, LG_F_SOURCE_IP))
		text = LG_STR("zos");
	return text;
}

struct lg_str format_proc_id(struct lg_formatter *f, const struct lg_record *rec, char scratch[FORMAT_SCRATCH])
{
	struct lg_str text = expand(f, &f->proc_id, rec, scratch);

	return text.size ? text : first_of(&f->fields, proc_id_fields);
}

struct lg_str format_msg_id(struct lg_formatter *f, const struct lg_record *rec, char scratch[FORMAT_SCRATCH])
{
	struct lg_str text = expand(f, &f->msg_id, rec, scratch);

	return text.size ? text : first_of(&f->fields, msg_id_fields);
}

/* RFC 5424 section 6.2.1. Records without a facility count as user-level, without a severity as informational. */
unsigned format_priority(const struct lg_record *rec)
{
	unsigned facility = rec->facility <= 23 ? rec->facility : 1;
	unsigned severity = rec->severity <= 7 ? rec->severity : LG_INFORM;

	return facility * 8 + severity;
}

char *format_put_header(char *at, struct lg_str value, size_t max)
{
	size_t size = value.size < max ? value.size : max;

	if (!size) {
		*at++ = '-';
		return at;
	}
	for (size_t i = 0; i < size; i++) {
		uint8_t c = (uint8_t)value.data[i];

		at[i] = c > 32 && c < 127 ? (char)c : '_';
	}
	return at + size;
}
