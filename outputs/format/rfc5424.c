/* RFC 5424: <PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID [identity][relayed elements] MSG */
#include <string.h>

#include "format/format.h"

/* Bytes before the relayed structured data: PRI and version 7, time 31, host 255, app 48, proc 128, msg id 32, identity 32 + 32 +
 * 20 + its names, part 40, spaces; rounded up. */
#define HEAD_MAX 768

static char *put_str(char *at, struct lg_str text)
{
	memcpy(at, text.data, text.size);
	return at + text.size;
}

/* The mark is the last field where there is one: most records are told from it by four bytes. */
static bool is_replay(const struct lg_record *rec)
{
	static const char mark[] = {LG_F_REPLAY, LG_T_BOOL, 1, 1};
	struct lg_value value;

	return rec->fields.size >= sizeof(mark) && memcmp(rec->fields.data + rec->fields.size - sizeof(mark), mark, sizeof(mark)) == 0 &&
	       lg_record_find(rec, LG_F_REPLAY, &value) && value.number;
}

static char *put_identity(const struct lg_formatter *f, char *at, const struct lg_record *rec, const struct format_piece *piece)
{
	at = put_str(at, lg_buf_str(&f->sd_head));
	at = put_str(at, lg_str_from(rec->log_id));
	at = put_str(at, LG_STR("\" seq=\""));
	at = format_put_u64(at, rec->seq);
	if (piece->parts > 1) {
		at = put_str(at, LG_STR("\" part=\""));
		at = format_put_u64(at, piece->part);
		*at++ = '/';
		at = format_put_u64(at, piece->parts);
	}
	if (is_replay(rec))
		at = put_str(at, LG_STR("\" replay=\"1"));
	return put_str(at, LG_STR("\"]"));
}

/* The size of the SD-ELEMENT at the front of sd, 0 where there is none (section 6.3); *name_size is that of its SD-ID. */
static size_t element_size(struct lg_str sd, size_t *name_size)
{
	bool quoted = false;
	size_t i = 1;

	if (sd.size < 3 || sd.data[0] != '[')
		return 0;
	while (i < sd.size && sd.data[i] != ' ' && sd.data[i] != ']')
		i++;
	*name_size = i - 1;
	for (; i < sd.size; i++) {
		if (quoted && sd.data[i] == '\\')
			i++;
		else if (sd.data[i] == '"')
			quoted = !quoted;
		else if (!quoted && sd.data[i] == ']')
			return i + 1;
	}
	return 0;
}

static bool has_element(struct lg_str sd, struct lg_str id)
{
	size_t size, name;

	while ((size = element_size(sd, &name)) > 0) {
		if (lg_str_equal((struct lg_str){sd.data + 1, name}, id))
			return true;
		sd = (struct lg_str){sd.data + size, sd.size - size};
	}
	return false;
}

/* A sender's elements go on as they came. The identity that another Lugger gave the record must go on too, for a consumer to know
 * the repeats of that hop; since an SD-ID may stand once only (section 6.3.2), it gets the name of an origin, and the first
 * origin wins. */
static void append_relayed(const struct lg_formatter *f, struct lg_buf *out, struct lg_str sd)
{
	struct lg_str origin = lg_buf_str(&f->sd_origin);
	bool has_origin = has_element(sd, origin);
	size_t size, name;

	while ((size = element_size(sd, &name)) > 0) {
		if (!lg_str_equal((struct lg_str){sd.data + 1, name}, f->sd_id)) {
			format_append_body(f, out, (struct lg_str){sd.data, size});
		} else if (!has_origin) {
			lg_buf_append_char(out, '[');
			lg_buf_append_str(out, origin);
			format_append_body(f, out, (struct lg_str){sd.data + 1 + name, size - 1 - name});
		}
		sd = (struct lg_str){sd.data + size, sd.size - size};
	}
}

static void write_rfc5424(
	struct lg_formatter *f, const struct lg_record *rec, const struct format_piece *piece, struct lg_buf *out)
{
	char scratch[FORMAT_SCRATCH], *start, *at;
	struct lg_str sd;

	format_gather(&f->fields, rec);
	start = at = (char *)lg_buf_reserve(out, HEAD_MAX + piece->body.size);
	*at++ = '<';
	at = format_put_u64(at, format_priority(rec));
	at = put_str(at, LG_STR(">1 "));
	at = format_put_time(f, at, rec->time_ns, 6); /* TIME-SECFRAC: 6 digits at most */
	*at++ = ' ';
	at = format_put_header(at, format_hostname(f, rec, scratch), 255);
	*at++ = ' ';
	at = format_put_header(at, format_app_name(f, rec, scratch), 48);
	*at++ = ' ';
	at = format_put_header(at, format_proc_id(f, rec, scratch), 128);
	*at++ = ' ';
	at = format_put_header(at, format_msg_id(f, rec, scratch), 32);
	*at++ = ' ';
	at = put_identity(f, at, rec, piece);
	out->size += (size_t)(at - start);
	sd = format_text(&f->fields, LG_F_SYSLOG_STRUCTURED_DATA);
	if (sd.size)
		append_relayed(f, out, sd);
	if (!piece->body.size)
		return;
	lg_buf_append_char(out, ' ');
	format_append_body(f, out, piece->body);
}

const struct format_ops format_rfc5424 = {
	.name = "rfc5424", .default_limit = FORMAT_SYSLOG_MAX, .part_overhead = 40, .write = write_rfc5424};
