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

static bool decode_value(const uint8_t *bytes, size_t size, struct lg_value *value)
{
	value->number = 0;
	value->text = (struct lg_str){(const char *)bytes, size};
	switch (value->type) {
	case LG_T_NUMBER:
		if (size != 8)
			return false;
		value->number = wire_get_i64(bytes);
		return true;
	case LG_T_BOOL:
		if (size != 1 || bytes[0] > 1)
			return false;
		value->number = bytes[0];
		return true;
	case LG_T_STRING:
	case LG_T_NUMBERS:
		return true;
	default:
		return false;
	}
}

bool encode_next_field(struct lg_str *fields, struct lg_value *value)
{
	struct wire_reader r = wire_reader_on(fields->data, fields->size);
	const uint8_t *bytes;
	uint64_t size;

	if (!fields->size)
		return false;
	value->field = wire_read_u8(&r);
	value->type = wire_read_u8(&r);
	if (value->field == LG_F_CUSTOM) {
		uint8_t name_size = wire_read_u8(&r);

		value->name.data = (const char *)wire_read_bytes(&r, name_size);
		value->name.size = name_size;
	} else {
		value->name = value->field < LG_F_LIMIT ? (struct lg_str){field_table[value->field].name, field_table[value->field].name_size}
		                                        : LG_STR("");
	}
	size = wire_read_varint(&r);
	bytes = wire_read_bytes(&r, size);
	if (r.bad || !value->name.size || !decode_value(bytes, size, value))
		return false;
	fields->size -= (size_t)(r.at - (const uint8_t *)fields->data);
	fields->data = (const char *)r.at;
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

struct lg_str lg_record_string(const struct lg_record *rec, unsigned field)
{
	struct lg_value value;

	if (!lg_record_find(rec, field, &value) || value.type != LG_T_STRING)
		return LG_STR("");
	return value.text;
}
