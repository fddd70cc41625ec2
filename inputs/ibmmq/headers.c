/* Headers in front of a body: each says the format, encoding and character set of what follows it. Layouts: IBM MQ "Developing applications reference",
 * MQRFH2, MQDLH, MQIIH, MQCIH. Passwords and pass tickets (Authenticator) are not taken over. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input_ibmmq/ibmmq.h"

#define HEADERS_MAX 8      /* in front of one body */
#define ROOM 32768         /* bytes of fields' texts */
#define FOLDER_MAX 65536   /* a longer folder is left out */
#define RFH2_SIZE 36
#define DLH_SIZE 172
#define IIH_SIZE 84
#define CIH_SIZE_1 164
#define DEPTH_MAX 8
#define NAME_MAX_SIZE 200

/* One header being read. */
struct header {
	const uint8_t *data;
	size_t size;   /* of everything behind its first byte */
	bool reversed; /* its numbers are little-endian */
	bool ebcdic;   /* its characters */
};

static int32_t number_at(const struct header *h, size_t at)
{
	const uint8_t *p = h->data + at;
	uint32_t n = h->reversed ? (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0]
	                         : (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];

	return (int32_t)n;
}

/* ---- texts ---- */

/* The characters that MQ's names may have are at the same places in all EBCDIC pages, and a few more. */
static char from_ebcdic(uint8_t c)
{
	static const char runs[][10] = {"abcdefghi", "jklmnopqr", "stuvwxyz"};
	unsigned high = c >> 4, low = c & 15;

	if (high >= 0x8 && high <= 0xa) /* s to z begin at A2 */
		return high == 0xa ? (low >= 2 && low <= 9 ? runs[2][low - 2] : '?') : (low >= 1 && low <= 9 ? runs[high - 8][low - 1] : '?');
	if (high >= 0xc && high <= 0xe) {
		char lower = from_ebcdic((uint8_t)(c - 0x40));

		return lower == '?' ? '?' : (char)(lower - 'a' + 'A');
	}
	if (high == 0xf && low <= 9)
		return (char)('0' + low);
	switch (c) {
	case 0x00: return '\0';
	case 0x40: return ' ';
	case 0x4b: return '.';
	case 0x60: return '-';
	case 0x61: return '/';
	case 0x6c: return '%';
	case 0x6d: return '_';
	case 0x7a: return ':';
	default: return '?';
	}
}

struct lg_str ibmmq_text(const char *chars, size_t size, char *text)
{
	size_t used = 0;

	while (used < size && chars[used])
		used++;
	while (used && chars[used - 1] == ' ')
		used--;
	for (size_t i = 0; i < used; i++)
		text[i] = chars[i] < ' ' || chars[i] > '~' ? '?' : chars[i];
	text[used] = '\0';
	return (struct lg_str){text, used};
}

static bool has_room(const struct ibmmq_body *b, size_t size)
{
	return b->field_count < IBMMQ_FIELDS && b->room.size + size <= ROOM;
}

static struct lg_str keep(struct ibmmq_body *b, struct lg_str text)
{
	char *at = (char *)b->room.data + b->room.size;

	lg_buf_append(&b->room, text.data, text.size); /* within what was reserved */
	return (struct lg_str){at, text.size};
}

static void add_field(struct ibmmq_body *b, struct lg_str name, struct lg_str text)
{
	if (!text.size)
		return;
	if (!has_room(b, name.size + text.size)) {
		b->left_out++;
		return;
	}
	name = keep(b, name);
	b->fields[b->field_count++] = (struct lg_value){.type = LG_T_STRING, .name = name, .text = keep(b, text)};
}

static void add_chars(struct ibmmq_body *b, const struct header *h, const char *name, size_t at, size_t size)
{
	char chars[48], text[49];

	for (size_t i = 0; i < size; i++)
		chars[i] = h->ebcdic ? from_ebcdic(h->data[at + i]) : (char)h->data[at + i];
	add_field(b, lg_str_from(name), ibmmq_text(chars, size, text));
}

static void add_number(struct ibmmq_body *b, const struct header *h, const char *name, size_t at)
{
	char text[16];
	int32_t number = number_at(h, at);

	if (number)
		add_field(b, lg_str_from(name), (struct lg_str){text, (size_t)snprintf(text, sizeof(text), "%d", number)});
}

/* ---- where a header ends, and what follows it ---- */

static void follow(struct ibmmq_body *b, const struct header *h, size_t size, size_t format_at)
{
	for (size_t i = 0; i < 8; i++) {
		char c = h->ebcdic ? from_ebcdic(h->data[format_at + i]) : (char)h->data[format_at + i];

		b->format[i] = c ? c : ' ';
	}
	b->data = h->data + size;
	b->size = h->size - size;
}

/* A header that says how its rest is encoded; 0 and MQCCSI_INHERIT: as the header itself. */
static void follow_encoded(struct ibmmq_body *b, const struct header *h, size_t size, size_t encoding_at)
{
	int32_t encoding = number_at(h, encoding_at), ccsid = number_at(h, encoding_at + 4);

	if (encoding > 0)
		b->encoding = encoding;
	if (ccsid > 0)
		b->ccsid = ccsid;
	follow(b, h, size, encoding_at + 8);
}

/* Its characters tell ASCII from EBCDIC, its version whether the encoding told the truth about the byte order. */
static bool begins(struct header *h, const char *id, size_t least, int32_t versions)
{
	char found[5] = "";

	if (h->size < least)
		return false;
	h->ebcdic = h->data[0] >= 0x80;
	for (size_t i = 0; i < 4; i++)
		found[i] = h->ebcdic ? from_ebcdic(h->data[i]) : (char)h->data[i];
	if (strcmp(found, id) != 0)
		return false;
	for (int turn = 0; turn < 2; turn++, h->reversed = !h->reversed)
		if (number_at(h, 4) >= 1 && number_at(h, 4) <= versions)
			return true;
	return false;
}

static bool take_dlh(struct ibmmq_body *b, struct header *h)
{
	if (!begins(h, "DLH ", DLH_SIZE, 1))
		return false;
	add_number(b, h, "mq.dlh.reason", 8);
	add_chars(b, h, "mq.dlh.queue", 12, 48);
	add_chars(b, h, "mq.dlh.queue_manager", 60, 48);
	add_chars(b, h, "mq.dlh.appl_name", 128, 28);
	add_chars(b, h, "mq.dlh.put_date", 156, 8);
	add_chars(b, h, "mq.dlh.put_time", 164, 8);
	follow_encoded(b, h, DLH_SIZE, 108);
	return true;
}

/* Of headers that say their length. */
static bool length_fits(const struct header *h, size_t least)
{
	int32_t length = number_at(h, 8);

	return length >= 0 && (size_t)length >= least && (size_t)length <= h->size;
}

static bool take_iih(struct ibmmq_body *b, struct header *h)
{
	if (!begins(h, "IIH ", IIH_SIZE, 1) || !length_fits(h, IIH_SIZE))
		return false;
	add_chars(b, h, "mq.ims.lterm", 32, 8);
	add_chars(b, h, "mq.ims.mfs_map", 40, 8);
	add_chars(b, h, "mq.ims.reply_format", 48, 8);
	add_chars(b, h, "mq.ims.transaction_state", 80, 1);
	follow(b, h, (size_t)number_at(h, 8), 20);
	return true;
}

static bool take_cih(struct ibmmq_body *b, struct header *h)
{
	if (!begins(h, "CIH ", CIH_SIZE_1, 2) || !length_fits(h, CIH_SIZE_1))
		return false;
	add_number(b, h, "mq.cics.return_code", 32);
	add_number(b, h, "mq.cics.completion_code", 36);
	add_number(b, h, "mq.cics.reason", 40);
	add_chars(b, h, "mq.cics.function", 84, 4);
	add_chars(b, h, "mq.cics.abend_code", 88, 4);
	add_chars(b, h, "mq.cics.transaction", 124, 4);
	add_chars(b, h, "mq.cics.remote_system", 116, 4);
	add_chars(b, h, "mq.cics.remote_transaction", 120, 4);
	follow(b, h, (size_t)number_at(h, 8), 20);
	return true;
}

/* ---- MQRFH2: folders of names and values, as a kind of XML ---- */

static void put_utf8(struct lg_buf *out, uint32_t c)
{
	if (c < 0x80) {
		lg_buf_append_char(out, (char)c);
	} else if (c < 0x800) {
		lg_buf_append_char(out, (char)(0xc0 | c >> 6));
		lg_buf_append_char(out, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		lg_buf_append_char(out, (char)(0xe0 | c >> 12));
		lg_buf_append_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
		lg_buf_append_char(out, (char)(0x80 | (c & 0x3f)));
	} else {
		lg_buf_append_char(out, (char)(0xf0 | c >> 18));
		lg_buf_append_char(out, (char)(0x80 | (c >> 12 & 0x3f)));
		lg_buf_append_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
		lg_buf_append_char(out, (char)(0x80 | (c & 0x3f)));
	}
}

static uint32_t unit_at(const uint8_t *p, bool reversed)
{
	return reversed ? (uint32_t)p[1] << 8 | p[0] : (uint32_t)p[0] << 8 | p[1];
}

static void from_utf16(struct lg_buf *out, const uint8_t *p, size_t size, bool reversed)
{
	for (; size >= 2; p += 2, size -= 2) {
		uint32_t c = unit_at(p, reversed);

		if (c >= 0xd800 && c < 0xdc00 && size >= 4 && unit_at(p + 2, reversed) >> 10 == 0xdc00 >> 10) {
			c = 0x10000 + ((c & 0x3ff) << 10) + (unit_at(p + 2, reversed) & 0x3ff);
			p += 2;
			size -= 2;
		}
		put_utf8(out, c >= 0xd800 && c < 0xe000 ? 0xfffd : c);
	}
}

/* "&lt;" and its like. */
static void unescape(struct lg_buf *out, struct lg_str text)
{
	static const struct {
		struct lg_str from;
		char to;
	} entities[] = {{LG_STR("&lt;"), '<'}, {LG_STR("&gt;"), '>'}, {LG_STR("&amp;"), '&'}, {LG_STR("&quot;"), '"'}, {LG_STR("&apos;"), '\''}};

	for (size_t i = 0; i < text.size;) {
		size_t found = 0;

		for (size_t e = 0; text.data[i] == '&' && e < sizeof(entities) / sizeof(entities[0]) && !found; e++)
			if (text.size - i >= entities[e].from.size && memcmp(text.data + i, entities[e].from.data, entities[e].from.size) == 0) {
				lg_buf_append_char(out, entities[e].to);
				found = entities[e].from.size;
			}
		if (!found)
			lg_buf_append_char(out, text.data[i]);
		i += found ? found : 1;
	}
}

/* The names that are open around a value: "usr.order.id". */
struct path {
	char text[NAME_MAX_SIZE];
	size_t size, sizes[DEPTH_MAX], depth;
};

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == ':' || c == '.';
}

static bool push(struct path *path, struct lg_str name)
{
	int n;

	if (path->depth == DEPTH_MAX || path->size + name.size + 1 >= sizeof(path->text))
		return false;
	path->sizes[path->depth++] = path->size;
	n = snprintf(path->text + path->size, sizeof(path->text) - path->size, ".%.*s", (int)name.size, name.data);
	path->size += (size_t)n;
	return true;
}

static void add_value(struct ibmmq_body *b, const struct path *path, struct lg_str raw, struct lg_buf *scratch)
{
	struct lg_buf repaired = {0};
	uint64_t wrong = 0;

	lg_buf_clear(scratch);
	unescape(scratch, raw);
	add_field(b, (struct lg_str){path->text, path->size}, lg_utf8_repair(lg_buf_str(scratch), &repaired, &wrong));
	lg_buf_fini(&repaired);
}

/* False: it is no such folder; what was read of it stays. */
static bool take_folder(struct ibmmq_body *b, struct lg_str folder, struct lg_buf *scratch)
{
	struct path path = {.text = "mq.rfh2", .size = 7};
	const char *p = folder.data, *end = p + folder.size, *value = NULL;

	while ((p = memchr(p, '<', (size_t)(end - p)))) {
		const char *tag = p + 1, *name_end, *close = memchr(tag, '>', (size_t)(end - tag));
		bool closing;

		if (!close)
			return false;
		closing = *tag == '/';
		for (name_end = tag + closing; name_end < close && is_name(*name_end); name_end++)
			;
		if (name_end == tag + closing)
			return false;
		if (closing) {
			if (!path.depth)
				return false;
			if (value)
				add_value(b, &path, (struct lg_str){value, (size_t)(p - value)}, scratch);
			path.size = path.sizes[--path.depth];
			value = NULL;
		} else if (close[-1] == '/') {
			value = NULL; /* an element without content */
		} else {
			if (!push(&path, (struct lg_str){tag, (size_t)(name_end - tag)}))
				return false;
			value = close + 1;
		}
		p = close + 1;
	}
	return path.depth == 0;
}

static void take_folders(struct ibmmq_body *b, const struct header *h, size_t size, int32_t ccsid)
{
	struct lg_buf text = {0}, scratch = {0};

	for (size_t at = RFH2_SIZE; at + 4 <= size;) {
		int32_t length = number_at(h, at);

		at += 4;
		if (length < 0 || (size_t)length > size - at) {
			b->left_out++;
			break;
		}
		lg_buf_clear(&text);
		if (length > FOLDER_MAX)
			b->left_out++;
		else if (ccsid == 1200 || ccsid == 13488 || ccsid == 17584)
			from_utf16(&text, h->data + at, (size_t)length, h->reversed);
		else
			lg_buf_append(&text, h->data + at, (size_t)length);
		if (text.size && !take_folder(b, lg_buf_str(&text), &scratch))
			b->left_out++;
		at += (size_t)length;
	}
	lg_buf_fini(&text);
	lg_buf_fini(&scratch);
}

static bool take_rfh2(struct ibmmq_body *b, struct header *h)
{
	if (!begins(h, "RFH ", RFH2_SIZE, 2) || number_at(h, 4) != 2 || !length_fits(h, RFH2_SIZE))
		return false;
	take_folders(b, h, (size_t)number_at(h, 8), number_at(h, 32));
	follow_encoded(b, h, (size_t)number_at(h, 8), 12);
	return true;
}

/* ---- all of them ---- */

static const struct {
	const char *format;
	bool (*take)(struct ibmmq_body *body, struct header *header);
} takers[] = {{"MQHRF2  ", take_rfh2}, {"MQDEAD  ", take_dlh}, {"MQIMS   ", take_iih}, {"MQCICS  ", take_cih}};

enum lg_rc ibmmq_headers(struct ibmmq_body *b, const uint8_t *data, size_t size, struct lg_err *err)
{
	b->data = data;
	b->size = size;
	b->field_count = b->left_out = 0;
	lg_buf_clear(&b->room);
	lg_buf_reserve(&b->room, ROOM);
	for (int headers = 0; headers < HEADERS_MAX; headers++) {
		struct header h = {.data = b->data, .size = b->size, .reversed = (b->encoding & MQENC_INTEGER_MASK) == MQENC_INTEGER_REVERSED};
		size_t i = 0, count = sizeof(takers) / sizeof(takers[0]);

		while (i < count && strcmp(takers[i].format, b->format) != 0)
			i++;
		if (i == count)
			return LG_OK;
		if (!takers[i].take(b, &h))
			return lg_err_set(err, LG_CORRUPT, "format %s, but what follows is no such header", b->format);
	}
	return lg_err_set(err, LG_CORRUPT, "more than %d headers in front of a body", HEADERS_MAX);
}
