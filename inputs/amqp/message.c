/* The sections of a message: AMQP 1.0 part 3, section 3.2. Values and their sizes: part 1, section 1.6. Proton reads the property lists and maps; the
 * borders of sections and plain bodies are found here, without a copy of the body. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <proton/codec.h>

#include "amqp.h"

#define NS_PER_MS INT64_C(1000000)
#define RENDER_MAX (16u << 20)

enum section { HEADER = 0x70, DELIVERY_ANNOTATIONS, MESSAGE_ANNOTATIONS, PROPERTIES, APPLICATION_PROPERTIES, DATA, SEQUENCE, VALUE, FOOTER };

struct amqp_decoder {
	pn_data_t *data;
	struct lg_buf room; /* texts that are not in the message as such; reserved before use, so that it does not move */
	struct lg_buf body; /* of several data sections, or rendered */
};

struct amqp_decoder *amqp_decoder_new(void)
{
	struct amqp_decoder *d = calloc(1, sizeof(*d));

	if (d)
		d->data = pn_data(64);
	return d;
}

void amqp_decoder_free(struct amqp_decoder *d)
{
	if (!d)
		return;
	pn_data_free(d->data);
	lg_buf_fini(&d->room);
	lg_buf_fini(&d->body);
	free(d);
}

static size_t number_be(const uint8_t *p, size_t bytes)
{
	size_t n = 0;

	while (bytes--)
		n = n << 8 | *p++;
	return n;
}

/* The size of one value with its constructor; 0: not one, or cut off. The constructor's high digit says how wide it is (part 1, figure 1.3). */
static size_t value_size(const uint8_t *p, size_t size)
{
	static const uint8_t fixed[16] = {[0x5] = 1, [0x6] = 2, [0x7] = 4, [0x8] = 8, [0x9] = 16};
	unsigned high;
	size_t width, all;

	if (!size)
		return 0;
	if (*p == 0) { /* described: descriptor and value */
		size_t descriptor = value_size(p + 1, size - 1);
		size_t value = descriptor ? value_size(p + 1 + descriptor, size - 1 - descriptor) : 0;

		return value ? 1 + descriptor + value : 0;
	}
	high = *p >> 4;
	if (high < 0x4)
		return 0;
	if (high < 0xa) {
		all = 1 + (size_t)fixed[high];
	} else {
		width = high % 2 ? 4 : 1; /* a, c, e: one byte of size; b, d, f: four */
		if (size < 1 + width)
			return 0;
		all = 1 + width + number_be(p + 1, width);
	}
	return all <= size ? all : 0;
}

/* Of a variable-width value (binary, string, symbol): its bytes. */
static struct lg_str value_bytes(const uint8_t *p)
{
	size_t width = (*p >> 4) % 2 ? 4 : 1;

	return (struct lg_str){(const char *)p + 1 + width, number_be(p + 1, width)};
}

/* Which section begins here: 0x00, then its descriptor as smallulong or ulong. *head: bytes in front of the value. 0: none. */
static unsigned section_of(const uint8_t *p, size_t size, size_t *head)
{
	size_t descriptor = 0;

	if (size >= 3 && p[0] == 0 && p[1] == 0x53) {
		*head = 3;
		descriptor = p[2];
	} else if (size >= 10 && p[0] == 0 && p[1] == 0x80) {
		*head = 10;
		descriptor = number_be(p + 2, 8);
	}
	return descriptor >= HEADER && descriptor <= FOOTER ? (unsigned)descriptor : 0;
}

/* ---- texts ---- */

static struct lg_str keep(struct amqp_decoder *d, const char *data, size_t size)
{
	char *at = (char *)d->room.data + d->room.size;

	lg_buf_append(&d->room, data, size); /* within what was reserved */
	return (struct lg_str){at, size};
}

static struct lg_str hex(struct amqp_decoder *d, const uint8_t *p, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	char *at = (char *)d->room.data + d->room.size;

	for (size_t i = 0; i < size; i++) {
		lg_buf_append_char(&d->room, digits[p[i] >> 4]);
		lg_buf_append_char(&d->room, digits[p[i] & 15]);
	}
	return (struct lg_str){at, size * 2};
}

static struct lg_str number_text(struct amqp_decoder *d, const char *format, int64_t number)
{
	char text[32];

	return keep(d, text, (size_t)snprintf(text, sizeof(text), format, number));
}

/* The current value of d->data as text; empty for null and for what nests. */
static struct lg_str atom_text(struct amqp_decoder *d)
{
	pn_atom_t atom = pn_data_get_atom(d->data);
	char text[64];

	switch (atom.type) {
	case PN_STRING:
	case PN_SYMBOL:
		return keep(d, atom.u.as_bytes.start, atom.u.as_bytes.size); /* Proton's copy goes with the next section */
	case PN_BINARY:
		return hex(d, (const uint8_t *)atom.u.as_bytes.start, atom.u.as_bytes.size);
	case PN_UUID:
		return hex(d, (const uint8_t *)atom.u.as_uuid.bytes, sizeof(atom.u.as_uuid.bytes));
	case PN_BOOL:
		return atom.u.as_bool ? LG_STR("true") : LG_STR("false");
	case PN_ULONG:
		return keep(d, text, (size_t)snprintf(text, sizeof(text), "%" PRIu64, atom.u.as_ulong));
	case PN_UINT:
	case PN_CHAR:
		return number_text(d, "%" PRId64, atom.u.as_uint);
	case PN_USHORT:
		return number_text(d, "%" PRId64, atom.u.as_ushort);
	case PN_UBYTE:
		return number_text(d, "%" PRId64, atom.u.as_ubyte);
	case PN_LONG:
	case PN_TIMESTAMP: /* milliseconds since 1970 */
		return number_text(d, "%" PRId64, atom.u.as_long);
	case PN_INT:
		return number_text(d, "%" PRId64, atom.u.as_int);
	case PN_SHORT:
		return number_text(d, "%" PRId64, atom.u.as_short);
	case PN_BYTE:
		return number_text(d, "%" PRId64, atom.u.as_byte);
	case PN_DOUBLE:
		return keep(d, text, (size_t)snprintf(text, sizeof(text), "%.17g", atom.u.as_double));
	case PN_FLOAT:
		return keep(d, text, (size_t)snprintf(text, sizeof(text), "%.9g", (double)atom.u.as_float));
	default:
		return (struct lg_str){"", 0};
	}
}

static void add_field(struct amqp_message *m, struct lg_str name, struct lg_str text)
{
	if (!text.size)
		return;
	if (m->field_count == sizeof(m->fields) / sizeof(m->fields[0])) {
		m->more_fields = true;
		return;
	}
	m->fields[m->field_count++] = (struct lg_value){.type = LG_T_STRING, .name = name, .text = text};
}

/* ---- sections ---- */

/* Part 3, section 3.2.4, in this order. */
static const struct lg_str property_names[] = {
	LG_STR("message-id"), LG_STR("amqp.user_id"), LG_STR("amqp.to"), LG_STR("amqp.subject"), LG_STR("amqp.reply_to"), LG_STR("correlation-id"),
	LG_STR("amqp.content_type"), LG_STR("amqp.content_encoding"), LG_STR("amqp.absolute_expiry_time"), LG_STR("creation-time"),
	LG_STR("amqp.group_id"), LG_STR("amqp.group_sequence"), LG_STR("amqp.reply_to_group_id"),
};

/* A time that our 64 bits of nanoseconds hold (1677 to 2262): any other is a text among the fields. */
static bool take_creation_time(struct amqp_decoder *d, struct amqp_message *m)
{
	pn_timestamp_t ms;

	if (pn_data_type(d->data) != PN_TIMESTAMP)
		return false;
	ms = pn_data_get_timestamp(d->data);
	if (ms > INT64_MAX / NS_PER_MS || ms < INT64_MIN / NS_PER_MS)
		return false;
	m->created_ns = ms * NS_PER_MS;
	return true;
}

static void take_property(struct amqp_decoder *d, struct amqp_message *m, size_t index)
{
	struct lg_str text;

	if (index == 1 && pn_data_type(d->data) == PN_BINARY) { /* user-id is binary by type and a name in practice */
		pn_bytes_t user = pn_data_get_binary(d->data);

		text = keep(d, user.start, user.size);
	} else {
		text = atom_text(d);
	}
	if (index == 0)
		m->id = text;
	else if (index == 5)
		m->correlation = text;
	else if ((index != 9 || !take_creation_time(d, m)) && index < sizeof(property_names) / sizeof(property_names[0]))
		add_field(m, property_names[index], text);
}

/* Part 3, section 3.2.1: durable, priority, ttl, first-acquirer, delivery-count. An absent first-acquirer says nothing, though its default is false. */
static void take_header(struct amqp_decoder *d, struct amqp_message *m)
{
	size_t count = pn_data_get_list(d->data);

	pn_data_enter(d->data);
	for (size_t i = 0; i < count && pn_data_next(d->data); i++) {
		if (i == 3 && pn_data_type(d->data) == PN_BOOL)
			m->redelivered |= !pn_data_get_bool(d->data);
		if (i == 4 && pn_data_type(d->data) == PN_UINT)
			m->redelivered |= pn_data_get_uint(d->data) > 0;
	}
}

static void take_properties(struct amqp_decoder *d, struct amqp_message *m)
{
	size_t count = pn_data_get_list(d->data);

	pn_data_enter(d->data);
	for (size_t i = 0; i < count && pn_data_next(d->data); i++)
		take_property(d, m, i);
}

static void take_application_properties(struct amqp_decoder *d, struct amqp_message *m)
{
	size_t count = pn_data_get_map(d->data);

	pn_data_enter(d->data);
	for (size_t i = 0; i + 1 < count && pn_data_next(d->data); i += 2) {
		struct lg_str key, name;
		size_t most = 255 - strlen("amqp.properties.");

		if (m->field_count == sizeof(m->fields) / sizeof(m->fields[0])) {
			m->more_fields = true;
			return;
		}
		key = atom_text(d);
		name = keep(d, "amqp.properties.", strlen("amqp.properties."));
		name.size += keep(d, key.data, key.size < most ? key.size : most).size;
		if (pn_data_next(d->data))
			add_field(m, name, atom_text(d));
	}
}

/* The whole value as Proton writes it, for bodies that nest: {"a"=1, "b"=[1, 2]}. */
static void render_all(struct amqp_decoder *d, struct amqp_message *m)
{
	size_t size = 4096;

	m->text = true;
	for (;;) {
		size_t used = size;
		char *at = (char *)lg_buf_reserve(&d->body, size);
		int rc = pn_data_format(d->data, at, &used);

		if (rc == 0)
			d->body.size += used;
		if (rc != PN_OVERFLOW || size > RENDER_MAX)
			return;
		size *= 2;
	}
}

/* An element of a sequence, or a value that is neither string nor binary. False: it nests. */
static bool render_atom(struct amqp_decoder *d, struct amqp_message *m)
{
	pn_type_t type = pn_data_type(d->data);
	struct lg_str text;

	if (type == PN_LIST || type == PN_MAP || type == PN_ARRAY || type == PN_DESCRIBED)
		return false;
	if (type == PN_BINARY) {
		pn_bytes_t bytes = pn_data_get_binary(d->data);

		lg_buf_append(&d->body, bytes.start, bytes.size);
		return true;
	}
	text = atom_text(d);
	lg_buf_append_str(&d->body, text);
	m->text = true;
	return true;
}

static void take_sequence(struct amqp_decoder *d, struct amqp_message *m)
{
	size_t count = pn_data_get_list(d->data), before = d->body.size;

	pn_data_enter(d->data);
	for (size_t i = 0; i < count && pn_data_next(d->data); i++) {
		if (d->body.size)
			lg_buf_append_char(&d->body, '\n');
		if (!render_atom(d, m)) {
			d->body.size = before;
			render_all(d, m);
			return;
		}
	}
}

/* Proton's view of a section whose value is not plain bytes. False: it does not decode. */
static bool take_structured(struct amqp_decoder *d, unsigned section, const uint8_t *data, size_t size, struct amqp_message *m)
{
	pn_data_clear(d->data);
	if (pn_data_decode(d->data, (const char *)data, size) != (ssize_t)size)
		return false;
	pn_data_rewind(d->data);
	if (!pn_data_next(d->data))
		return false;
	if (section == HEADER)
		take_header(d, m);
	else if (section == PROPERTIES)
		take_properties(d, m);
	else if (section == APPLICATION_PROPERTIES)
		take_application_properties(d, m);
	else if (section == SEQUENCE)
		take_sequence(d, m);
	else if (!render_atom(d, m))
		render_all(d, m);
	return true;
}

/* The body's bytes where they stand; a second data section makes a copy of both. */
static void take_plain(struct amqp_decoder *d, struct lg_str bytes, bool text, struct amqp_message *m)
{
	if (m->body) {
		if (!d->body.size)
			lg_buf_append(&d->body, m->body, m->body_size);
		lg_buf_append(&d->body, bytes.data, bytes.size);
	} else {
		m->body = (const uint8_t *)bytes.data;
		m->body_size = bytes.size;
	}
	m->text |= text;
}

static bool take_section(struct amqp_decoder *d, unsigned section, const uint8_t *value, size_t size, struct amqp_message *m)
{
	switch (section) {
	case DATA:
		if ((*value & 0xef) != 0xa0) /* binary: a0, b0 */
			return false;
		take_plain(d, value_bytes(value), false, m);
		return true;
	case VALUE:
		if ((*value & 0xef) == 0xa0 || (*value & 0xef) == 0xa1) { /* binary; string: a1, b1 */
			take_plain(d, value_bytes(value), (*value & 0x0f) == 1, m);
			return true;
		}
		return take_structured(d, section, value, size, m);
	case HEADER:
	case PROPERTIES:
	case APPLICATION_PROPERTIES:
	case SEQUENCE:
		return take_structured(d, section, value, size, m);
	default:
		return true; /* annotations, footer: the broker's */
	}
}

/* The body of a message that was cut at a limit: what there is of it. */
static bool take_cut_body(struct amqp_decoder *d, unsigned section, const uint8_t *value, size_t size, struct amqp_message *m)
{
	if ((section != DATA && section != VALUE) || size < 5 || (*value != 0xb0 && *value != 0xb1))
		return false;
	take_plain(d, (struct lg_str){(const char *)value + 5, size - 5}, *value == 0xb1, m);
	return true;
}

static bool take_sections(struct amqp_decoder *d, const uint8_t *data, size_t size, bool cut, struct amqp_message *m)
{
	size_t at = 0;

	while (at < size) {
		size_t head, value;
		unsigned section = section_of(data + at, size - at, &head);

		if (!section)
			return false;
		value = value_size(data + at + head, size - at - head);
		if (!value && cut)
			return take_cut_body(d, section, data + at + head, size - at - head, m);
		if (!value || !take_section(d, section, data + at + head, value, m))
			return false;
		at += head + value;
	}
	return at > 0;
}

enum lg_rc amqp_decode(struct amqp_decoder *d, const uint8_t *data, size_t size, bool cut, struct amqp_message *m, struct lg_err *err)
{
	*m = (struct amqp_message){.created_ns = LG_TIME_UNKNOWN};
	lg_buf_clear(&d->room);
	lg_buf_clear(&d->body);
	/* What it will hold at most: binaries twice over, and some 60 short texts. It must not move. */
	lg_buf_reserve(&d->room, 4 * size + 32768);
	if (!take_sections(d, data, size, cut, m)) {
		*m = (struct amqp_message){.created_ns = LG_TIME_UNKNOWN, .body = data, .body_size = size};
		return lg_err_set(err, LG_CORRUPT, "the %zu bytes are no AMQP 1.0 message", size);
	}
	if (d->body.size) {
		m->body = d->body.data;
		m->body_size = d->body.size;
	}
	return LG_OK;
}
