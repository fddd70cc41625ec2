#include "format/format.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define ROW(member_) .offset = offsetof(struct lg_format_conf, member_)

const struct lg_option lg_format_options[] = {
	{.name = "hostname", .type = LG_OPT_STRING, ROW(hostname), .flags = LG_OPT_ADVANCED,
	 .doc = "Template of the syslog HOSTNAME, for example \"{zos.sysname}\"; where a field of it is missing, and by "
	        "default: zos.sysname, else the host of the source."},
	{.name = "app_name", .type = LG_OPT_STRING, ROW(app_name), .flags = LG_OPT_ADVANCED,
	 .doc = "Template of the syslog APP-NAME (rfc3164: the tag); by default the job name, else the relayed name, else zos."},
	{.name = "proc_id", .type = LG_OPT_STRING, ROW(proc_id), .flags = LG_OPT_ADVANCED,
	 .doc = "Template of the syslog PROCID; by default the job id, else the relayed one."},
	{.name = "msg_id", .type = LG_OPT_STRING, ROW(msg_id), .flags = LG_OPT_ADVANCED,
	 .doc = "Template of the syslog MSGID; by default the message id, else the relayed one."},
	{.name = "sd_id", .type = LG_OPT_STRING, ROW(sd_id), .flags = LG_OPT_ADVANCED, .fallback = FORMAT_SD_ID,
	 .doc = "Name of the RFC 5424 structured-data element that carries a record's identity; put your own enterprise number "
	        "in it."},
	{.name = "newline", .type = LG_OPT_STRING, ROW(newline), .flags = LG_OPT_ADVANCED, .fallback = FORMAT_NEWLINE,
	 .doc = "What a newline (or a NUL) inside a message becomes where messages end with a newline."},
	{.name = "max_message_size", .type = LG_OPT_SIZE, ROW(max_message_size), .flags = LG_OPT_ADVANCED,
	 .min = 480, .max = 64 << 20,
	 .doc = "Longer messages are split at line borders; by default 64KiB for rfc5424 and rfc3164, and no limit for json and "
	        "raw."},
	LG_OPTION_END};

static const struct format_ops *const formats[] = {&format_rfc5424, &format_rfc3164, &format_json, &format_raw};

static const struct format_ops *find_format(const char *name)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (!strcmp(formats[i]->name, name))
			return formats[i];
	return NULL;
}

/* RFC 5424 section 6.3.2, SD-NAME: at most 32 of PRINTUSASCII without = ] ". What a site wrote outside of it becomes _. */
static void append_sd_name(struct lg_buf *out, const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		char c = text[i];

		lg_buf_append_char(out, c <= 32 || c >= 127 || c == '=' || c == ']' || c == '"' ? '_' : c);
	}
}

static void init_identity(struct lg_formatter *f, const char *sd_id)
{
	size_t size = strlen(sd_id), prefix;
	const char *at;

	if (size > 32)
		size = 32;
	lg_buf_append_char(&f->sd_head, '[');
	append_sd_name(&f->sd_head, sd_id, size);
	f->sd_id.size = size;
	lg_buf_append_cstr(&f->sd_head, " log=\"");
	f->sd_id.data = (const char *)f->sd_head.data + 1;

	at = memchr(sd_id, '@', size);
	prefix = at ? (size_t)(at - sd_id) : size;
	append_sd_name(&f->sd_origin, sd_id, prefix);
	lg_buf_append_cstr(&f->sd_origin, "-origin");
	append_sd_name(&f->sd_origin, sd_id + prefix, size - prefix);
}

struct lg_formatter *lg_formatter_new(const char *format, const struct lg_format_conf *conf, const char *agent, bool line_framing)
{
	const struct format_ops *ops = find_format(format);
	struct lg_formatter *f;

	if (!ops)
		return NULL;
	f = mem_zalloc(sizeof(*f));
	f->ops = ops;
	f->line_framing = line_framing;
	f->max_message_size = conf->max_message_size ? (size_t)conf->max_message_size : ops->default_limit;
	f->agent = mem_strdup(agent ? agent : "");
	f->newline = mem_strdup(conf->newline ? conf->newline : FORMAT_NEWLINE);
	f->newline_size = strlen(f->newline);
	f->second = INT64_MIN;
	format_template_init(&f->hostname, conf->hostname);
	format_template_init(&f->app_name, conf->app_name);
	format_template_init(&f->proc_id, conf->proc_id);
	format_template_init(&f->msg_id, conf->msg_id);
	format_want_header(f);
	init_identity(f, conf->sd_id && *conf->sd_id ? conf->sd_id : FORMAT_SD_ID);
	if (ops->json)
		format_json_init(f);
	return f;
}

void lg_formatter_free(struct lg_formatter *f)
{
	if (!f)
		return;
	free(f->agent);
	free(f->newline);
	format_template_fini(&f->hostname);
	format_template_fini(&f->app_name);
	format_template_fini(&f->proc_id);
	format_template_fini(&f->msg_id);
	lg_buf_fini(&f->sd_head);
	lg_buf_fini(&f->sd_origin);
	for (unsigned i = 0; i < LG_F_LIMIT; i++)
		lg_buf_fini(&f->json_key[i]);
	lg_buf_fini(&f->json_tail);
	free(f);
}

const char *lg_formatter_format(const struct lg_formatter *f)
{
	return f->ops->name;
}

static unsigned write_part(
	struct lg_formatter *f, const struct lg_record *rec, unsigned part, struct format_cost how, struct lg_buf *out)
{
	struct format_mark *m = &f->mark;
	struct format_piece piece = {.part = part + 1, .parts = m->parts};

	if (part >= m->parts)
		return m->parts;
	if (part < m->part)
		m->part = 0;
	if (!m->part)
		m->at = 0;
	while (m->part <= part) {
		piece.body = format_next_part(rec->body, &m->at, m->budget, how);
		m->part++;
	}
	f->ops->write(f, rec, &piece, out);
	return m->parts;
}

unsigned lg_format(struct lg_formatter *f, const struct lg_record *rec, unsigned part, size_t limit, struct lg_buf *out)
{
	const struct format_piece whole = {rec->body, 1, 1};
	struct format_cost how = {f->line_framing ? f->newline_size : 1, f->ops->json};
	struct format_mark *m = &f->mark;
	size_t start = out->size, size, overhead;

	if (f->max_message_size && (!limit || f->max_message_size < limit))
		limit = f->max_message_size;
	if (part && m->parts && m->body == rec->body.data && m->size == rec->body.size && m->seq == rec->seq && m->limit == limit)
		return write_part(f, rec, part, how, out);
	f->ops->write(f, rec, &whole, out);
	size = out->size - start;
	if (!limit || size <= limit) {
		if (part)
			out->size = start;
		return 1;
	}
	out->size = start;
	overhead = size - format_cost(rec->body, how) + f->ops->part_overhead;
	*m = (struct format_mark){.body = rec->body.data, .size = rec->body.size, .limit = limit, .seq = rec->seq};
	m->budget = limit > overhead ? limit - overhead : 0;
	m->parts = format_count_parts(rec->body, m->budget, how);
	return write_part(f, rec, part, how, out);
}

void format_gather(struct format_fields *fields, const struct lg_record *rec)
{
	lg_record_gather(rec, fields->wanted, fields->seen, fields->value);
}

struct lg_str format_text(const struct format_fields *fields, unsigned field)
{
	if (!format_has(fields, field) || fields->value[field].type != LG_T_STRING)
		return (struct lg_str){NULL, 0};
	return fields->value[field].text;
}

char *format_put_u64(char *at, uint64_t value)
{
	char digits[20];
	size_t first = sizeof(digits);

	do
		digits[--first] = (char)('0' + value % 10);
	while (value /= 10);
	memcpy(at, digits + first, sizeof(digits) - first);
	return at + (sizeof(digits) - first);
}

static char *put_fraction(char *at, uint32_t ns, int max_digits)
{
	int digits = ns % 1000000 == 0 ? 3 : ns % 1000 == 0 ? 6 : 9;

	if (digits > max_digits)
		digits = max_digits;
	for (int i = digits; i < 9; i++)
		ns /= 10;
	*at = '.';
	for (int i = digits; i > 0; i--) {
		at[i] = (char)('0' + ns % 10);
		ns /= 10;
	}
	return at + 1 + digits;
}

char *format_put_time(struct lg_formatter *f, char *at, int64_t utc_ns, int max_digits)
{
	int64_t second = utc_ns / CLOCK_SECOND, ns = utc_ns % CLOCK_SECOND;

	if (ns < 0) {
		ns += CLOCK_SECOND;
		second--;
	}
	if (second != f->second) {
		char text[32];

		clock_format_utc(utc_ns - ns, 0, text);
		memcpy(f->second_text, text, 19);
		f->second = second;
	}
	memcpy(at, f->second_text, 19);
	at += 19;
	if (ns)
		at = put_fraction(at, (uint32_t)ns, max_digits);
	*at++ = 'Z';
	return at;
}

/* Receivers of lines end one at a NUL as well (syslog-ng does): it must not smuggle in a message either. */
static const char *next_break(const char *at, const char *end)
{
	const char *newline = memchr(at, '\n', (size_t)(end - at));
	const char *nul = memchr(at, '\0', (size_t)((newline ? newline : end) - at));

	return nul ? nul : newline;
}

void format_append_body(const struct lg_formatter *f, struct lg_buf *out, struct lg_str text)
{
	const char *at = text.data, *end = text.data + text.size;

	while (f->line_framing && at < end) {
		const char *stop = next_break(at, end);

		if (!stop)
			break;
		lg_buf_append(out, at, (size_t)(stop - at));
		lg_buf_append(out, f->newline, f->newline_size);
		at = stop + 1;
	}
	lg_buf_append(out, at, (size_t)(end - at));
}
