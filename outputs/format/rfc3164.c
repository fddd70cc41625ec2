/* RFC 3164: <PRI>Mmm dd hh:mm:ss HOSTNAME TAG[PROCID]: MSG. Times are UTC: the format cannot name a zone. */
#include <string.h>

#include "format/format.h"

/* PRI 5, time 15, host 255, tag 32, proc id 128, punctuation; rounded up. */
#define HEAD_MAX 512

/* Section 4.1.3 wants an alphanumeric TAG of at most 32; what would end it early for a receiver becomes _. */
static char *put_tag(char *at, struct lg_str tag, size_t max)
{
	char *end = format_put_header(at, tag, max);

	for (; at < end; at++)
		if (*at == ':' || *at == '[' || *at == ']')
			*at = '_';
	return end;
}

static void write_rfc3164(
	struct lg_formatter *f, const struct lg_record *rec, const struct format_piece *piece, struct lg_buf *out)
{
	static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	char scratch[FORMAT_SCRATCH], time[32], *start, *at;
	struct lg_str proc_id;
	int month;

	format_gather(&f->fields, rec);
	start = at = (char *)lg_buf_reserve(out, HEAD_MAX + piece->body.size);
	*at++ = '<';
	at = format_put_u64(at, format_priority(rec));
	*at++ = '>';
	format_put_time(f, time, rec->time_ns, 0);
	month = (time[5] - '0') * 10 + time[6] - '0';
	memcpy(at, months[month - 1], 3);
	at[3] = ' ';
	at[4] = time[8] == '0' ? ' ' : time[8]; /* section 4.1.2: a day below 10 has a space before it */
	at[5] = time[9];
	at[6] = ' ';
	memcpy(at + 7, time + 11, 8);
	at[15] = ' ';
	at = format_put_header(at + 16, format_hostname(f, rec, scratch), 255);
	*at++ = ' ';
	at = put_tag(at, format_app_name(f, rec, scratch), 32);
	proc_id = format_proc_id(f, rec, scratch);
	if (proc_id.size) {
		*at++ = '[';
		at = put_tag(at, proc_id, 128);
		*at++ = ']';
	}
	*at++ = ':';
	*at++ = ' ';
	out->size += (size_t)(at - start);
	format_append_body(f, out, piece->body);
}

const struct format_ops format_rfc3164 = {.name = "rfc3164", .default_limit = FORMAT_SYSLOG_MAX, .write = write_rfc3164};
