/* Bytes to UTF-8. A decoder is tables made once for an encoding and a newline policy. */
#include "codec/charset.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "api/lg_stream.h"
#include "base/mem.h"
#include "base/text.h"
#include "codec/charset_tables.h"
#include "codec/translate.h"

#define NEL 0x85 /* U+0085 */
#define EURO 0x20ac
#define CURRENCY 0xa4
#define SHIFT_OUT 0x0e
#define SHIFT_IN 0x0f
#define REPLACEMENT 0xfffd

/* What a byte becomes: `quick` where that is one byte of ASCII, else with the high bit set, and then `utf8`. */
struct charset_decoder {
	enum charset_kind kind;
	bool big;              /* UTF-16 */
	bool keep_nel;         /* U+0085 is no newline */
	uint8_t quick[256];
	struct {
		uint8_t size;
		bool invalid;
		uint8_t utf8[4];
	} wide[256];
	const struct charset_pairs *pairs;
};

/* ---- making one -------------------------------------------------------------------------------------------------- */

static void set_byte(struct charset_decoder *d, unsigned byte, uint32_t point)
{
	d->wide[byte].invalid = point == CHARSET_NONE;
	d->wide[byte].size = (uint8_t)text_utf8_put(point == CHARSET_NONE ? REPLACEMENT : point, d->wide[byte].utf8);
	d->quick[byte] = point < 0x80 ? (uint8_t)point : 0x80;
}

static enum lg_rc single_points(enum charset_id id, uint32_t points[256], struct lg_err *err)
{
	const uint8_t *table = charset_table(id);

	if (charset_iconv_name(id))
		return charset_tables_single(id, charset_iconv_name(id), points, err);
	for (unsigned b = 0; b < 256; b++) {
		points[b] = table ? table[b] : b;
		if (id >= CHARSET_IBM_1140 && id <= CHARSET_IBM_1149 && points[b] == CURRENCY)
			points[b] = EURO;
	}
	return LG_OK;
}

static enum lg_rc make(struct charset_decoder *d, enum charset_id id, enum charset_newline newline, struct lg_err *err)
{
	struct charset_pairs *pairs = NULL;
	uint32_t points[256];
	enum lg_rc rc;

	d->kind = charset_kind(id);
	d->big = id != CHARSET_UTF_16LE;
	d->keep_nel = newline == CHARSET_NEWLINE_LF;
	if (d->kind == CHARSET_KIND_UTF8 || d->kind == CHARSET_KIND_UTF16)
		return LG_OK;
	rc = single_points(id, points, err);
	if (rc == LG_OK && d->kind == CHARSET_KIND_SHIFT)
		rc = charset_tables_pairs(id, charset_iconv_name(id), &pairs, err);
	if (rc != LG_OK)
		return rc;
	d->pairs = pairs;
	for (unsigned b = 0; b < 256; b++) {
		uint32_t point = points[b];

		if (point == NEL && !d->keep_nel)
			point = '\n';
		else if (point == '\n' && newline == CHARSET_NEWLINE_SWAPPED)
			point = NEL;
		set_byte(d, b, point);
	}
	return LG_OK;
}

enum lg_rc charset_decoder_get(const struct charset_decoder **decoder, enum charset_id id, enum charset_newline newline,
                               struct lg_err *err)
{
	static struct charset_decoder *made[CHARSET_COUNT][CHARSET_NEWLINE_COUNT];
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	enum lg_rc rc = LG_OK;

	if (newline == CHARSET_NEWLINE_SWAPPED && !charset_is_ebcdic(id))
		return lg_err_set(err, LG_INVALID, "newline: swapped is for EBCDIC encodings, not for %s", charset_name(id));
	pthread_mutex_lock(&lock);
	if (!made[id][newline]) {
		struct charset_decoder *d = mem_zalloc(sizeof(*d));

		rc = make(d, id, newline, err);
		if (rc == LG_OK)
			made[id][newline] = d;
		else
			free(d);
	}
	*decoder = made[id][newline];
	pthread_mutex_unlock(&lock);
	return rc;
}

/* ---- single bytes ------------------------------------------------------------------------------------------------ */

/* Every line passes here: words, not bytes. */
static bool is_ascii(const uint8_t *data, size_t size)
{
	uint64_t high = 0, word[4];
	uint8_t rest = 0;

	for (; size >= sizeof(word); data += sizeof(word), size -= sizeof(word)) {
		memcpy(word, data, sizeof(word));
		high |= word[0] | word[1] | word[2] | word[3];
	}
	for (; size >= sizeof(word[0]); data += sizeof(word[0]), size -= sizeof(word[0])) {
		memcpy(word, data, sizeof(word[0]));
		high |= word[0];
	}
	while (size--)
		rest |= *data++;
	return !((high & UINT64_C(0x8080808080808080)) | (rest & 0x80));
}

/* One byte that is no ASCII; up to three bytes. */
static inline uint8_t *expand_byte(const struct charset_decoder *d, uint8_t byte, uint8_t *out, uint64_t *substitutions)
{
	memcpy(out, d->wide[byte].utf8, sizeof(d->wide[byte].utf8));
	*substitutions += d->wide[byte].invalid;
	return out + d->wide[byte].size;
}

static uint8_t *expand(const struct charset_decoder *d, const uint8_t *in, size_t size, uint8_t *out, uint64_t *substitutions)
{
	for (size_t i = 0; i < size; i++) {
		uint8_t c = d->quick[in[i]];

		if (c & 0x80)
			out = expand_byte(d, in[i], out, substitutions);
		else
			*out++ = c;
	}
	return out;
}

/* Only blocks with a point above U+007F pay for the expansion. */
#define BLOCK 256
#define SLACK 8 /* whole words are written */

static struct lg_str decode_single_byte(const struct charset_decoder *d, const uint8_t *data, size_t size, struct lg_buf *scratch,
                                        uint64_t *substitutions)
{
	uint8_t *out, *start;

	lg_buf_clear(scratch);
	start = out = lg_buf_reserve(scratch, 3 * size + SLACK);
	while (size) {
		size_t n = size < BLOCK ? size : BLOCK;

		if (translate(d->quick, data, n, out) & 0x80)
			out = expand(d, data, n, out, substitutions);
		else
			out += n;
		data += n;
		size -= n;
	}
	scratch->size = (size_t)(out - start);
	return lg_buf_str(scratch);
}

/* ---- double bytes ------------------------------------------------------------------------------------------------ */

static uint8_t *put_point(uint32_t point, uint8_t *out)
{
	return out + text_utf8_put(point, out);
}

/* The character of a pair of bytes, of which the first is above 3F; up to six bytes. */
static uint8_t *expand_pair(const struct charset_pairs *pairs, const uint8_t *in, uint8_t *out, uint64_t *substitutions)
{
	const uint32_t *points;

	if (in[0] < 0x40 || in[0] == 0xff || in[1] < 0x40 || in[1] == 0xff) {
		++*substitutions;
		return put_point(REPLACEMENT, out);
	}
	points = pairs->points[in[0] - 0x3f][in[1] - 0x3f];
	if (points[0] == CHARSET_NONE) {
		++*substitutions;
		return put_point(REPLACEMENT, out);
	}
	out = put_point(points[0], out);
	return points[1] ? put_point(points[1], out) : out;
}

/* Bytes below 40 are controls on either side of a shift; a last half of a pair is no character. */
static struct lg_str decode_shifted(const struct charset_decoder *d, const uint8_t *data, size_t size, bool shifted,
                                    struct lg_buf *scratch, uint64_t *substitutions)
{
	uint8_t *out, *start;

	lg_buf_clear(scratch);
	start = out = lg_buf_reserve(scratch, 3 * size + SLACK);
	for (size_t i = 0; i < size; i++) {
		uint8_t c = data[i];

		if (c == SHIFT_OUT || c == SHIFT_IN) {
			shifted = c == SHIFT_OUT;
		} else if (!shifted || c < 0x40) {
			if (d->quick[c] & 0x80)
				out = expand_byte(d, c, out, substitutions);
			else
				*out++ = d->quick[c];
		} else if (size - i < 2) {
			++*substitutions;
			out = put_point(REPLACEMENT, out);
		} else {
			out = expand_pair(d->pairs, data + i, out, substitutions);
			i++;
		}
	}
	scratch->size = (size_t)(out - start);
	return lg_buf_str(scratch);
}

/* ---- UTF-16 ------------------------------------------------------------------------------------------------------ */

static struct lg_str decode_utf16(const struct charset_decoder *d, const uint8_t *data, size_t size, struct lg_buf *scratch,
                                  uint64_t *substitutions)
{
	size_t high = d->big ? 0 : 1, low = d->big ? 1 : 0;
	uint8_t *out, *start;

	lg_buf_clear(scratch);
	start = out = lg_buf_reserve(scratch, 3 * size + SLACK);
	for (; size >= 2; data += 2, size -= 2) {
		uint32_t point = (uint32_t)data[high] << 8 | data[low];

		if ((point & 0xfc00) == 0xd800 && size >= 4 && (data[2 + high] & 0xfc) == 0xdc) {
			point = 0x10000 + ((point & 0x3ff) << 10) + ((uint32_t)(data[2 + high] & 3) << 8 | data[2 + low]);
			data += 2;
			size -= 2;
		} else if ((point & 0xf800) == 0xd800) {
			++*substitutions;
			point = REPLACEMENT;
		} else if (point == NEL && !d->keep_nel) {
			point = '\n';
		}
		out = put_point(point, out);
	}
	if (size) {
		++*substitutions;
		out = put_point(REPLACEMENT, out);
	}
	scratch->size = (size_t)(out - start);
	return lg_buf_str(scratch);
}

/* ---- UTF-8 ------------------------------------------------------------------------------------------------------- */

size_t charset_utf8_subpart(const uint8_t *p, size_t size)
{
	uint8_t c = p[0], low = 0x80, high = 0xbf;
	size_t want, n = 1;

	if (c >= 0xc2 && c <= 0xdf)
		want = 2;
	else if (c >= 0xe0 && c <= 0xef)
		want = 3;
	else if (c >= 0xf0 && c <= 0xf4)
		want = 4;
	else
		return 1;
	if (c == 0xe0)
		low = 0xa0;
	else if (c == 0xed)
		high = 0x9f;
	else if (c == 0xf0)
		low = 0x90;
	else if (c == 0xf4)
		high = 0x8f;
	while (n < want && n < size && p[n] >= low && p[n] <= high) {
		low = 0x80;
		high = 0xbf;
		n++;
	}
	return n;
}

static struct lg_str repair_utf8(const uint8_t *data, size_t size, size_t valid, struct lg_buf *scratch, uint64_t *substitutions)
{
	lg_buf_clear(scratch);
	for (;;) {
		lg_buf_append(scratch, data, valid);
		data += valid;
		size -= valid;
		if (!size)
			return lg_buf_str(scratch);
		lg_buf_append(scratch, "\xef\xbf\xbd", 3);
		(*substitutions)++;
		valid = charset_utf8_subpart(data, size);
		data += valid;
		size -= valid;
		valid = text_utf8_valid(data, size);
	}
}

struct lg_str lg_utf8_repair(struct lg_str in, struct lg_buf *scratch, uint64_t *substitutions)
{
	const uint8_t *data = (const uint8_t *)in.data;
	size_t valid = text_utf8_valid(data, in.size);

	return valid == in.size ? in : repair_utf8(data, in.size, valid, scratch, substitutions);
}

/* C2 85 inside a record: in place, the text only shrinks. */
static struct lg_str newlines_for_nel(struct lg_str text, struct lg_buf *scratch)
{
	uint8_t *out;
	size_t n = 0;

	if (scratch->data != (const uint8_t *)text.data) {
		lg_buf_clear(scratch);
		lg_buf_append_str(scratch, text);
	}
	out = scratch->data;
	for (size_t i = 0; i < text.size; i++) {
		if (out[i] == 0xc2 && out[i + 1] == NEL) {
			out[n++] = '\n';
			i++;
		} else {
			out[n++] = out[i];
		}
	}
	scratch->size = n;
	return lg_buf_str(scratch);
}

static bool has_nel(struct lg_str text)
{
	const char *p = text.data, *end = text.data + text.size;

	while (p < end && (p = memchr(p, NEL, (size_t)(end - p)))) {
		if (p > text.data && (uint8_t)p[-1] == 0xc2)
			return true;
		p++;
	}
	return false;
}

static struct lg_str decode_utf8(const struct charset_decoder *d, const uint8_t *data, size_t size, struct lg_buf *scratch,
                                 uint64_t *substitutions)
{
	size_t valid = text_utf8_valid(data, size);
	struct lg_str text = {(const char *)data, size};

	if (valid < size)
		text = repair_utf8(data, size, valid, scratch, substitutions);
	return !d->keep_nel && has_nel(text) ? newlines_for_nel(text, scratch) : text;
}

struct lg_str charset_decode(const struct charset_decoder *d, const uint8_t *data, size_t size, bool shifted, struct lg_buf *scratch,
                             uint64_t *substitutions)
{
	switch (d->kind) {
	case CHARSET_KIND_EBCDIC:
		return decode_single_byte(d, data, size, scratch, substitutions);
	case CHARSET_KIND_SHIFT:
		return decode_shifted(d, data, size, shifted, scratch, substitutions);
	case CHARSET_KIND_UTF16:
		return decode_utf16(d, data, size, scratch, substitutions);
	default:
		break;
	}
	if (is_ascii(data, size))
		return (struct lg_str){(const char *)data, size};
	if (d->kind == CHARSET_KIND_ASCII)
		return decode_single_byte(d, data, size, scratch, substitutions);
	return decode_utf8(d, data, size, scratch, substitutions);
}
