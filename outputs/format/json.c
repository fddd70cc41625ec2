/* One JSON object a record, flat names with dots: ECS and OpenTelemetry (DESIGN section 7). */
#include <string.h>

#include "base/json.h"
#include "format/format.h"

void format_json_init(struct lg_formatter *f)
{
	for (unsigned i = 1; i < LG_F_LIMIT; i++) {
		const char *name = lg_field_name(i);

		if (!name)
			continue;
		lg_buf_append_char(&f->json_key[i], ',');
		json_put_string(&f->json_key[i], lg_str_from(name));
		lg_buf_append_char(&f->json_key[i], ':');
	}
	lg_buf_append_cstr(&f->json_tail, ",\"agent.type\":\"lugger\",\"agent.version\":\"" LUGGER_VERSION "\",\"agent.name\":");
	json_put_string(&f->json_tail, lg_str_from(f->agent));
	lg_buf_append_cstr(&f->json_tail, ",\"ecs.version\":\"" FORMAT_ECS_VERSION "\"}");
}

static void append_i64(struct lg_buf *out, int64_t value)
{
	if (value < 0)
		lg_buf_append_char(out, '-');
	lg_buf_append_u64(out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

static void append_value(struct lg_buf *out, const struct lg_value *value)
{
	switch (value->type) {
	case LG_T_NUMBER:
		append_i64(out, value->number);
		return;
	case LG_T_BOOL:
		lg_buf_append_cstr(out, value->number ? "true" : "false");
		return;
	case LG_T_NUMBERS:
		lg_buf_append_char(out, '[');
		for (size_t i = 0; i < value->text.size; i++) {
			if (i)
				lg_buf_append_char(out, ',');
			lg_buf_append_u64(out, (uint8_t)value->text.data[i]);
		}
		lg_buf_append_char(out, ']');
		return;
	default:
		json_put_string(out, value->text);
	}
}

/* Each known name once: where a record and its origin both have a field, the record's own comes first and stays. */
static void append_fields(struct lg_formatter *f, const struct lg_record *rec, struct lg_buf *out)
{
	uint64_t seen[LG_F_LIMIT / 64] = {0};
	struct lg_fields_iter it;
	struct lg_value value;

	lg_fields_begin(&it, rec);
	while (lg_fields_next(&it, &value)) {
		if (value.field == LG_F_CUSTOM || value.field >= LG_F_LIMIT || !f->json_key[value.field].size) {
			lg_buf_append_char(out, ',');
			json_put_string(out, value.name);
			lg_buf_append_char(out, ':');
		} else {
			uint64_t bit = UINT64_C(1) << value.field % 64;

			if (seen[value.field / 64] & bit)
				continue;
			seen[value.field / 64] |= bit;
			lg_buf_append_str(out, lg_buf_str(&f->json_key[value.field]));
		}
		append_value(out, &value);
	}
}

static void append_time(struct lg_formatter *f, struct lg_buf *out, int64_t utc_ns)
{
	char *start = (char *)lg_buf_reserve(out, 34), *at = start;

	*at++ = '"';
	at = format_put_time(f, at, utc_ns, 9);
	*at++ = '"';
	out->size += (size_t)(at - start);
}

static void write_json(struct lg_formatter *f, const struct lg_record *rec, const struct format_piece *piece, struct lg_buf *out)
{
	static const char *const level[] = {"emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"};

	lg_buf_append_cstr(out, "{\"@timestamp\":");
	append_time(f, out, rec->time_ns);
	lg_buf_append_cstr(out, ",\"message\":");
	json_put_string(out, piece->body);
	lg_buf_append_cstr(out, ",\"event.id\":\"");
	lg_buf_append_cstr(out, rec->log_id);
	lg_buf_append_char(out, '-');
	lg_buf_append_u64(out, rec->seq);
	if (piece->parts > 1) {
		/* Fit to be a document id: parts of one record must not overwrite each other. */
		lg_buf_append_char(out, '-');
		lg_buf_append_u64(out, piece->part);
	}
	lg_buf_append_cstr(out, "\",\"event.sequence\":");
	lg_buf_append_u64(out, rec->seq);
	lg_buf_append_cstr(out, ",\"event.created\":");
	append_time(f, out, rec->received_ns);
	if (rec->severity <= LG_DEBUGGING) {
		lg_buf_append_cstr(out, ",\"log.level\":\"");
		lg_buf_append_cstr(out, level[rec->severity]);
		lg_buf_append_char(out, '"');
	}
	append_fields(f, rec, out);
	if (piece->parts > 1)
		lg_buf_printf(out, ",\"lugger.message_part\":\"%u/%u\"", piece->part, piece->parts);
	lg_buf_append_cstr(out, ",\"lugger.input\":");
	json_put_string(out, rec->input);
	lg_buf_append_cstr(out, ",\"lugger.log_id\":\"");
	lg_buf_append_cstr(out, rec->log_id);
	lg_buf_append_char(out, '"');
	lg_buf_append_str(out, lg_buf_str(&f->json_tail));
}

const struct format_ops format_json = {.name = "json", .part_overhead = 64, .json = true, .write = write_json};
