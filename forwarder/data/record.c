/* Drafts, fields and their encoding: api/lg_record.h and encode.h. */
#include <string.h>

#include "api/lg_record.h"
#include "base/wire.h"
#include "data/encode.h"

struct field_row {
	const char *name;
	size_t name_size;
	enum lg_type type;
};

static const struct field_row field_table[LG_F_LIMIT] = {
#define X(symbol, id, kind, json) [id] = {json, sizeof(json) - 1, LG_T_##kind},
	LG_FIELDS(X)
#undef X
};

const char *lg_field_name(unsigned field)
{
	return field < LG_F_LIMIT ? field_table[field].name : NULL;
}

enum lg_type lg_field_type(unsigned field)
{
	return field < LG_F_LIMIT && field_table[field].name ? field_table[field].type : LG_T_STRING;
}

unsigned lg_field_find(struct lg_str name)
{
	for (unsigned i = 1; i < LG_F_LIMIT; i++)
		if (field_table[i].name && lg_str_is(name, field_table[i].name))
			return i;
	return 0;
}

void lg_draft_reset(struct lg_draft *draft)
{
	draft->time_ns = LG_TIME_UNKNOWN;
	draft->received_ns = 0;
	draft->severity = LG_SEVERITY_NONE;
	draft->facility = LG_FACILITY_NONE;
	draft->body = LG_STR("");
	draft->field_count = 0;
}

/* The slot for one more field. The last one is kept for the mark that fields were dropped. */
static struct lg_value *add_field(struct lg_draft *draft, unsigned field, enum lg_type type)
{
	struct lg_value *value;

	if (draft->field_count >= LG_DRAFT_FIELDS - 1) {
		if (draft->field_count >= LG_DRAFT_FIELDS)
			return NULL;
		value = &draft->fields[draft->field_count++];
		*value = (struct lg_value){.field = LG_F_TRUNCATED, .type = LG_T_BOOL, .number = 1};
		return NULL;
	}
	value = &draft->fields[draft->field_count++];
	value->field = (uint8_t)field;
	value->type = (uint8_t)type;
	return value;
}

void lg_draft_string(struct lg_draft *draft, unsigned field, struct lg_str text)
{
	struct lg_value *value = text.size ? add_field(draft, field, LG_T_STRING) : NULL;

	if (value)
		value->text = text;
}

void lg_draft_number(struct lg_draft *draft, unsigned field, int64_t number)
{
	struct lg_value *value = add_field(draft, field, LG_T_NUMBER);

	if (value)
		value->number = number;
}

void lg_draft_bool(struct lg_draft *draft, unsigned field, bool flag)
{
	struct lg_value *value = add_field(draft, field, LG_T_BOOL);

	if (value)
		value->number = flag;
}

void lg_draft_numbers(struct lg_draft *draft, unsigned field, const uint8_t *numbers, size_t count)
{
	struct lg_value *value = count ? add_field(draft, field, LG_T_NUMBERS) : NULL;

	if (value)
		value->text = (struct lg_str){(const char *)numbers, count};
}

void lg_draft_custom(struct lg_draft *draft, struct lg_str name, struct lg_str text)
{
	struct lg_value *value;

	if (!name.size || name.size > 255)
		return;
	value = add_field(draft, LG_F_CUSTOM, LG_T_STRING);
	if (value) {
		value->name = name;
		value->text = text;
	}
}

static size_t value_size(const struct lg_value *value)
{
	switch (value->type) {
	case LG_T_NUMBER:
		return 8;
	case LG_T_BOOL:
		return 1;
	default:
		return value->text.size;
	}
}

size_t encode_fields_size(const struct lg_draft *draft)
{
	size_t total = 0;

	for (size_t i = 0; i < draft->field_count; i++) {
		const struct lg_value *value = &draft->fields[i];
		size_t size = value_size(value);

		total += 2 + wire_varint_size(size) + size;
		if (value->field == LG_F_CUSTOM)
			total += 1 + value->name.size;
	}
	return total;
}

uint8_t *encode_fields(const struct lg_draft *draft, uint8_t *at)
{
	for (size_t i = 0; i < draft->field_count; i++) {
		const struct lg_value *value = &draft->fields[i];
		size_t size = value_size(value);

		*at++ = value->field;
		*at++ = value->type;
		if (value->field == LG_F_CUSTOM) {
			*at++ = (uint8_t)value->name.size;
			memcpy(at, value->name.data, value->name.size);
			at += value->name.size;
		}
		at += wire_put_varint(at, size);
		if (value->type == LG_T_NUMBER)
			wire_put_i64(at, value->number);
		else if (value->type == LG_T_BOOL)
			*at = value->number != 0;
		else
			memcpy(at, value->text.data, size);
		at += size;
	}
	return at;
}

/* One encoded field taken apart: within its bounds, else not checked. */
struct encoded {
	uint8_t field, type;
	struct lg_str name; /* of LG_F_CUSTOM */
	const uint8_t *bytes;
	size_t size;
};

/* Returns the end of the field at `at`, NULL when it is cut off. */
static inline const uint8_t *take_apart(const uint8_t *at, const uint8_t *end, struct encoded *field)
{
	uint64_t size;
	size_t used;

	if (end - at < 3)
		return NULL;
	field->field = *at++;
	field->type = *at++;
	field->name = LG_STR("");
	if (field->field == LG_F_CUSTOM) {
		field->name = (struct lg_str){(const char *)at + 1, *at};
		if ((size_t)(end - at) <= 1 + field->name.size)
			return NULL;
		at += 1 + field->name.size;
	}
	if (*at < 0x80) {
		size = *at++;
	} else {
		used = wire_get_varint(at, (size_t)(end - at), &size);
		if (!used)
			return NULL;
		at += used;
	}
	if (size > (size_t)(end - at))
		return NULL;
	field->bytes = at;
	field->size = (size_t)size;
	return at + size;
}

static inline void set_value(const struct encoded *field, struct lg_value *value)
{
	value->field = field->field;
	value->type = field->type;
	value->text = (struct lg_str){(const char *)field->bytes, field->size};
	value->number = 0;
	if (field->type == LG_T_NUMBER)
		value->number = wire_get_i64(field->bytes);
	else if (field->type == LG_T_BOOL)
		value->number = field->bytes[0];
}

static inline bool type_valid(const struct encoded *field)
{
	switch (field->type) {
	case LG_T_NUMBER:
		return field->size == 8;
	case LG_T_BOOL:
		return field->size == 1 && field->bytes[0] <= 1;
	case LG_T_STRING:
	case LG_T_NUMBERS:
		return true;
	default:
		return false;
	}
}

bool encode_next_field(struct lg_str *fields, struct lg_value *value)
{
	const uint8_t *at = (const uint8_t *)fields->data, *end = at + fields->size;
	struct encoded field;
	const uint8_t *next = take_apart(at, end, &field);

	if (!next || !type_valid(&field))
		return false;
	if (field.field != LG_F_CUSTOM && field.field < LG_F_LIMIT)
		field.name = (struct lg_str){field_table[field.field].name, field_table[field.field].name_size};
	if (!field.name.size)
		return false;
	set_value(&field, value);
	value->name = field.name;
	*fields = (struct lg_str){(const char *)next, (size_t)(end - next)};
	return true;
}

bool encode_fields_valid(struct lg_str fields)
{
	struct lg_value value;

	while (fields.size)
		if (!encode_next_field(&fields, &value))
			return false;
	return true;
}

void lg_fields_begin(struct lg_fields_iter *it, const struct lg_record *rec)
{
	it->part[0] = rec->fields;
	it->part[1] = rec->origin;
	it->which = 0;
}

bool lg_fields_next(struct lg_fields_iter *it, struct lg_value *value)
{
	for (; it->which < 2; it->which++)
		if (encode_next_field(&it->part[it->which], value))
			return true;
	return false;
}

bool lg_record_find(const struct lg_record *rec, unsigned field, struct lg_value *value)
{
	struct lg_fields_iter it;

	lg_fields_begin(&it, rec);
	while (lg_fields_next(&it, value))
		if (value->field == field)
			return true;
	return false;
}

static void gather_part(struct lg_str fields, uint64_t *missing, struct lg_value *values)
{
	const uint8_t *at = (const uint8_t *)fields.data, *end = at + fields.size;
	struct encoded field;

	while ((at = take_apart(at, end, &field))) {
		uint64_t bit = UINT64_C(1) << field.field % 64;
		size_t word = field.field / 64;

		if (field.field >= LG_F_LIMIT || !(missing[word] & bit))
			continue;
		missing[word] &= ~bit;
		set_value(&field, &values[field.field]);
	}
}

void lg_record_gather(const struct lg_record *rec, const uint64_t wanted[LG_FIELD_WORDS], uint64_t found[LG_FIELD_WORDS],
                      struct lg_value *values)
{
	uint64_t missing[LG_FIELD_WORDS];

	memcpy(missing, wanted, sizeof(missing));
	gather_part(rec->fields, missing, values);
	gather_part(rec->origin, missing, values);
	for (size_t i = 0; i < LG_FIELD_WORDS; i++)
		found[i] = wanted[i] & ~missing[i];
}

struct lg_str lg_record_string(const struct lg_record *rec, unsigned field)
{
	struct lg_value value;

	if (!lg_record_find(rec, field, &value) || value.type != LG_T_STRING)
		return LG_STR("");
	return value.text;
}
