/* From a record to the bytes of its messages (RFC 6587 section 3.4, RFC 5426 section 3.1). */
#include <stdlib.h>
#include <string.h>

#include "output_syslog/syslog.h"

#define PREFIX_MAX 21 /* digits of a length, and the space */

size_t frames_waiting(const struct frames *frames)
{
	return frames->bytes.size - frames->at;
}

static unsigned count_digits(size_t n)
{
	unsigned digits = 1;

	while (n >= 10) {
		n /= 10;
		digits++;
	}
	return digits;
}

/* One message behind its length (RFC 6587 section 3.4.1). It is formatted in place, behind a gap as wide as the last length was; only where
 * the width changes is it moved. */
static unsigned add_counted(struct frames *f, struct lg_formatter *formatter, const struct lg_record *rec, unsigned part)
{
	struct lg_buf *out = &f->bytes;
	size_t start = out->size, body, size;
	unsigned parts, digits;

	lg_buf_reserve(out, PREFIX_MAX + 1);
	out->size += f->digits + 1;
	body = out->size;
	parts = lg_format(formatter, rec, part, 0, out);
	if (out->size == body) /* a length of 0 is not allowed there */
		lg_buf_append_char(out, ' ');
	size = out->size - body;
	digits = count_digits(size);
	if (digits != f->digits) {
		lg_buf_reserve(out, PREFIX_MAX);
		memmove(out->data + start + digits + 1, out->data + body, size);
		out->size = start + digits + 1 + size;
		f->digits = digits;
	}
	out->data[start + digits] = ' ';
	for (unsigned i = digits; i-- > 0; size /= 10)
		out->data[start + i] = (uint8_t)('0' + size % 10);
	return parts;
}

/* An empty datagram would be no message to its receiver: it carries a space. */
static unsigned add_datagram(struct frames *f, const struct syslog *s, const struct lg_record *rec, unsigned part)
{
	size_t start = f->bytes.size;
	unsigned parts = lg_format(s->formatter, rec, part, (size_t)s->conf->max_datagram_size, &f->bytes);

	if (f->bytes.size == start)
		lg_buf_append_char(&f->bytes, ' ');
	if (f->list_count == f->list_cap) {
		size_t cap = f->list_cap ? 2 * f->list_cap : 256;
		struct datagram *list = realloc(f->list, cap * sizeof(*list));

		if (!list)
			abort(); /* as lg_buf_reserve: bounded by SEND_BUFFER */
		f->list = list;
		f->list_cap = cap;
	}
	f->list[f->list_count++] = (struct datagram){f->bytes.size - start, rec->seq};
	return parts;
}

size_t frames_add(struct frames *f, const struct syslog *s, const struct lg_record *rec)
{
	size_t before = f->bytes.size;
	unsigned parts = 1;

	for (unsigned part = 0; part < parts; part++) {
		if (s->conf->transport == TRANSPORT_UDP) {
			parts = add_datagram(f, s, rec, part);
		} else if (s->conf->framing == OCTET_COUNTING) {
			parts = add_counted(f, s->formatter, rec, part);
		} else {
			parts = lg_format(s->formatter, rec, part, 0, &f->bytes);
			lg_buf_append_char(&f->bytes, '\n');
		}
	}
	return f->bytes.size - before;
}

void frames_consume(struct frames *f, size_t bytes)
{
	f->at += bytes;
	if (f->at == f->bytes.size) {
		lg_buf_clear(&f->bytes);
		f->at = f->list_count = f->list_at = 0;
	} else if (f->at >= SEND_BUFFER / 2) {
		lg_buf_consume(&f->bytes, f->at);
		f->at = 0;
	}
	if (f->list_at >= 4096) {
		memmove(f->list, f->list + f->list_at, (f->list_count - f->list_at) * sizeof(*f->list));
		f->list_count -= f->list_at;
		f->list_at = 0;
	}
}

void frames_clear(struct frames *f)
{
	lg_buf_clear(&f->bytes);
	f->at = f->list_count = f->list_at = 0;
}

void frames_fini(struct frames *f)
{
	lg_buf_fini(&f->bytes);
	free(f->list);
	f->list = NULL;
}
