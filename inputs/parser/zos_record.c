#include "parser/zos_syslog.h"

#include <string.h>

/* MSGLG610's test for "suppressed": not queued to any console, suppressed by subsystem, exit or MPF, hardcopy-only (issued so or
 * forced), deleted. Digits 8, 6 (2), 4 (8) and 3 (8) of the request flags. */
#define FLAGS_SUPPRESSED UINT32_C(0x0088020f)

const unsigned zos_record_fields[] = {LG_F_LOG_OFFSET, LG_F_HOST_NAME, LG_F_EVENT_CODE, LG_F_EVENT_DATASET, LG_F_EVENT_TIMEZONE,
        LG_F_EVENT_CATEGORY, LG_F_EVENT_OUTCOME, LG_F_USER_NAME, LG_F_TIME_TEXT, LG_F_TIME_AMBIGUOUS, LG_F_TRUNCATED, LG_F_PART,
        LG_F_ORPHAN, LG_F_ZOS_SYSNAME, LG_F_ZOS_RECORD_TYPE, LG_F_ZOS_REQUEST_TYPE, LG_F_ZOS_MESSAGE_ID,
        LG_F_ZOS_MESSAGE_LINE_COUNT, LG_F_ZOS_MESSAGE_INCOMPLETE, LG_F_ZOS_JOB_ID, LG_F_ZOS_JOB_NAME, LG_F_ZOS_CONSOLE,
        LG_F_ZOS_ROUTING_CODES, LG_F_ZOS_REQUEST_FLAGS, LG_F_ZOS_SUPPRESSED, LG_F_ZOS_REPLY_ID, LG_F_ZOS_ACTION,
        LG_F_ZOS_RACF_USER, LG_F_ZOS_RACF_GROUP, LG_F_ZOS_RACF_NAME, LG_F_ZOS_RACF_RESOURCE, LG_F_ZOS_RACF_CLASS,
        LG_F_ZOS_RACF_REASON, LG_F_ZOS_RACF_PROFILE, LG_F_ZOS_RACF_INTENT, LG_F_ZOS_RACF_ALLOWED, LG_F_ZOS_CARRIAGE_CONTROL, 0};

/* Bit 1, the leftmost of the seven digits, is code 1. */
static size_t routing_codes(const char *hex, uint8_t codes[28])
{
	size_t count = 0;

	for (size_t i = 0; i < 7; i++) {
		unsigned digit = (unsigned)(hex[i] <= '9' ? hex[i] - '0' : hex[i] - 'A' + 10);

		if (!digit)
			continue;
		for (size_t bit = 0; bit < 4; bit++)
			if (digit & 8u >> bit)
				codes[count++] = (uint8_t)(i * 4 + bit + 1);
	}
	return count;
}

static bool all_digits(const char *p, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (p[i] < '0' || p[i] > '9')
			return false;
	return true;
}

/* JOBnnnnn STCnnnnn TSUnnnnn, or Jnnnnnnn Snnnnnnn Tnnnnnnn where job numbers pass 99999. */
static bool is_job_id(struct lg_str ident)
{
	if (ident.size != 8)
		return false;
	if (!memcmp(ident.data, "JOB", 3) || !memcmp(ident.data, "STC", 3) || !memcmp(ident.data, "TSU", 3))
		return all_digits(ident.data + 3, 5);
	return (*ident.data == 'J' || *ident.data == 'S' || *ident.data == 'T') && all_digits(ident.data + 1, 7);
}

static void set_flags(struct lg_draft *draft, struct lg_str flags)
{
	uint32_t bits;

	if (!zos_hex(flags, &bits))
		return;
	lg_draft_string(draft, LG_F_ZOS_REQUEST_FLAGS, flags);
	lg_draft_bool(draft, LG_F_ZOS_SUPPRESSED, bits & FLAGS_SUPPRESSED);
}

/* What the columns of the first line say. `codes` lives as long as the draft. */
static void set_head(const struct zos_state *zos, struct lg_draft *draft, const struct zos_message *message, uint8_t codes[28])
{
	const char *head = message->head;
	size_t shift = message->shift;
	struct lg_str system = zos_columns_field(head, message->head_size, ZOS_AT_SYSTEM, 8);
	struct lg_str ident = zos_columns_field(head, message->head_size, ZOS_AT_IDENT + shift, 8);

	lg_draft_string(draft, LG_F_HOST_NAME, system);
	lg_draft_string(draft, LG_F_ZOS_SYSNAME, system);
	lg_draft_string(draft, LG_F_TIME_TEXT, zos_columns_field(head, message->head_size, ZOS_AT_DATE, 17 + shift));
	if (zos->conf->timezones.count)
		lg_draft_string(draft, LG_F_EVENT_TIMEZONE, lg_str_from(message->instant.zone));
	if (*head != ' ') {
		lg_draft_string(draft, LG_F_ZOS_RECORD_TYPE, (struct lg_str){head, 1});
		lg_draft_numbers(draft, LG_F_ZOS_ROUTING_CODES, codes, routing_codes(head + ZOS_AT_ROUTING, codes));
	}
	if (head[1] != ' ')
		lg_draft_string(draft, LG_F_ZOS_REQUEST_TYPE, (struct lg_str){head + 1, 1});
	if (*head == 'O' || *head == 'X')
		return;
	lg_draft_string(draft, is_job_id(ident) ? LG_F_ZOS_JOB_ID : LG_F_ZOS_CONSOLE, ident);
	set_flags(draft, zos_columns_field(head, message->head_size, ZOS_AT_FLAGS + shift, 8));
}

static bool is_action(char c)
{
	return c == '*' || c == '@' || c == '+';
}

/* What the text says, for messages and responses; a command's text is the operator's. `action` lives as long as the draft. */
static void set_text(struct zos_state *zos, struct lg_draft *draft, const struct zos_message *message, char *action)
{
	char type = *message->head;
	char request = message->head[1];
	size_t action_at = ZOS_AT_ACTION + message->shift;
	struct zos_text text;

	draft->severity = LG_INFORM;
	if (type == 'O' || type == 'X')
		return;
	*action = message->head_size > action_at && is_action(message->head[action_at]) ? message->head[action_at] : 0;
	if (request == 'C' || request == 'I' || request == 'U') {
		text = (struct zos_text){0};
	} else {
		zos_text_read(&text, draft->body, type == 'W');
		if (!*action)
			*action = text.action;
	}
	if (*action)
		lg_draft_string(draft, LG_F_ZOS_ACTION, (struct lg_str){action, 1});
	lg_draft_string(draft, LG_F_ZOS_REPLY_ID, text.reply_id);
	lg_draft_string(draft, LG_F_EVENT_CODE, text.message_id);
	lg_draft_string(draft, LG_F_ZOS_MESSAGE_ID, text.message_id);
	draft->severity = zos_severity(&zos->severities, text.message_id, type == 'W' || *action == '*' || *action == '@');
	if (!text.message_id.size)
		return;
	lg_draft_string(draft, LG_F_ZOS_JOB_NAME, zos_job_name(&text));
	if (lg_str_equal(text.message_id, LG_STR("ICH408I")))
		zos_racf_fields(draft, draft->body, &zos->joined);
}

void zos_record_constants(const void *settings, struct lg_draft *fields)
{
	const struct zos_conf *conf = settings;

	lg_draft_string(fields, LG_F_EVENT_DATASET, LG_STR("zos.syslog"));
	if (!conf->timezones.count)
		lg_draft_string(fields, LG_F_EVENT_TIMEZONE, lg_str_from(conf->timezone));
}

void zos_record_message(struct zos_state *zos, int slot, struct lg_sink *sink)
{
	struct zos_message *message = &zos->set.slots[slot];
	struct lg_draft draft;
	uint8_t codes[28];
	char action;

	lg_draft_reset(&draft);
	if (message->body.size)
		draft.body = lg_buf_str(&message->body);
	draft.received_ns = message->received_ns;
	draft.time_ns = message->instant.utc_ns;
	if (message->begin >= 0)
		lg_draft_number(&draft, LG_F_LOG_OFFSET, message->begin);
	set_head(zos, &draft, message, codes);
	set_text(zos, &draft, message, &action);
	if (message->instant.ambiguous)
		lg_draft_bool(&draft, LG_F_TIME_AMBIGUOUS, true);
	if (message->multi)
		lg_draft_number(&draft, LG_F_ZOS_MESSAGE_LINE_COUNT, (int64_t)message->lines);
	if (message->incomplete)
		lg_draft_bool(&draft, LG_F_ZOS_MESSAGE_INCOMPLETE, true);
	if (message->truncated)
		lg_draft_bool(&draft, LG_F_TRUNCATED, true);
	sink->emit(sink, &draft);
	zos_set_remove(&zos->set, slot);
}

void zos_record_line(struct zos_state *zos, const struct zos_columns *cols, const struct lg_line *line, struct lg_sink *sink)
{
	struct parser_scratch scratch;
	struct lg_draft draft;

	(void)zos;
	lg_draft_reset(&draft);
	draft.received_ns = line->received_ns;
	parser_mark_line(&draft, line, &scratch);
	if (cols->kind == ZOS_PLAIN) {
		draft.body = zos_trim_end(line->text);
	} else {
		draft.body = cols->text;
		if (*cols->at != ' ')
			lg_draft_string(&draft, LG_F_ZOS_RECORD_TYPE, (struct lg_str){cols->at, 1});
		lg_draft_bool(&draft, LG_F_ORPHAN, true);
		if (cols->kind == ZOS_MINOR)
			set_flags(&draft, zos_columns_field(cols->at, cols->size, ZOS_AT_FLAGS + cols->layout.shift, 8));
	}
	sink->emit(sink, &draft);
}
