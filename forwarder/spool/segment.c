/* Segment names, headers and footers. */
#include "spool/segment.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/crc32c.h"
#include "base/mem.h"
#include "base/wire.h"

static const uint8_t header_magic[8] = {0xF5, 'L', 'G', 'S', 'E', 'G', 'M', '1'};
static const uint8_t copy_magic[8] = {0xF5, 'L', 'G', 'S', 'A', 'L', 'T', '1'};
static const uint8_t footer_magic[8] = {0xF5, 'L', 'G', 'I', 'N', 'D', 'X', '1'};

#define SEGMENT_VERSION 1
#define COPY_SIZE 80u /* of the encryption's parameters, at the end of the header */
#define FOOTER_HEAD 40u
#define FOOTER_ENTRY 32u
#define FOOTER_TRAILER 24u

enum {
	AT_VERSION = 8,
	AT_FLAGS = 10,
	AT_SIZE = 12,
	AT_SPOOL_ID = 16,
	AT_NUMBER = 32,
	AT_FIRST_SEQ = 40,
	AT_CREATED = 48,
	AT_ALLOCATED = 56,
	AT_PREV_NUMBER = 64,
	AT_PREV_END = 72,
	AT_LOW_SEQ = 80,
	AT_KEY_ID = 88,
	AT_RESERVED = 92,
	AT_SALT = 96,
	AT_RANGES = 128,
	AT_CURSORS = 132,
	AT_POSITIONS = 136,
	AT_BODY_SIZE = 140,
	AT_KEY_CHECK = 144,
	HEADER_FIXED = 160,
};

/* The copy of the encryption's parameters: without the salt a whole segment could not be read. */
enum {
	COPY_AT_NUMBER = 8,
	COPY_AT_KEY_ID = 16,
	COPY_AT_SALT = 24,
	COPY_AT_CHECK = 56,
	COPY_AT_CRC = 76,
};

void segment_name(char name[SEGMENT_NAME_SIZE], uint64_t number, uint64_t first_seq)
{
	snprintf(name, SEGMENT_NAME_SIZE, "%016llx-%016llx.seg", (unsigned long long)number, (unsigned long long)first_seq);
}

static bool parse_hex16(const char *p, uint64_t *value)
{
	*value = 0;
	for (int i = 0; i < 16; i++) {
		char c = p[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
		*value = *value << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return true;
}

bool segment_parse_name(const char *name, uint64_t *number, uint64_t *first_seq)
{
	if (strlen(name) != 37 || name[16] != '-' || strcmp(name + 33, ".seg") != 0)
		return false;
	return parse_hex16(name, number) && parse_hex16(name + 17, first_seq) && *number;
}

static void put_body(
        const struct segment_header *header, const struct posmap *positions, struct lg_buf *out, uint32_t *position_count)
{
	const struct posmap_entry *e;

	for (size_t i = 0; i < header->range_count; i++) {
		uint8_t *p = lg_buf_reserve(out, 24);

		memcpy(p, header->ranges[i].log_id, 16);
		wire_put_u64(p + 16, header->ranges[i].first_seq);
		out->size += 24;
	}
	for (size_t i = 0; i < header->cursor_count; i++) {
		const struct spool_cursor_entry *c = &header->cursors[i];
		uint8_t name_size = (uint8_t)strlen(c->name), *p = lg_buf_reserve(out, 10u + name_size);

		p[0] = c->flags;
		p[1] = name_size;
		memcpy(p + 2, c->name, name_size);
		wire_put_u64(p + 2 + name_size, c->seq);
		out->size += 10u + name_size;
	}
	*position_count = 0;
	for (size_t at = 0; (e = posmap_next(positions, &at)); (*position_count)++) {
		size_t text = (size_t)e->input_size + e->key_size;
		uint8_t *p = lg_buf_reserve(out, 5 + text + e->value_size);

		wire_put_u16(p, e->input_size);
		p[2] = e->key_size;
		wire_put_u16(p + 3, e->value_size);
		memcpy(p + 5, e->bytes, text + e->value_size);
		out->size += 5 + text + e->value_size;
	}
}

static void put_copy(const struct segment_header *header, uint8_t *p)
{
	memcpy(p, copy_magic, 8);
	wire_put_u64(p + COPY_AT_NUMBER, header->number);
	wire_put_u32(p + COPY_AT_KEY_ID, header->crypt.key_id);
	memcpy(p + COPY_AT_SALT, header->crypt.salt, CRYPT_SALT_SIZE);
	memcpy(p + COPY_AT_CHECK, header->crypt.check, CRYPT_CHECK_SIZE);
	wire_put_u32(p + COPY_AT_CRC, crc32c(0, p, COPY_AT_CRC));
}

enum lg_rc segment_header_encode(
        struct segment_header *header, const struct posmap *positions, struct lg_buf *out, struct lg_err *err)
{
	size_t copy = header->crypt.key_id ? COPY_SIZE : 0, body, total;
	uint32_t position_count;
	uint8_t *p;

	lg_buf_clear(out);
	memset(lg_buf_reserve(out, HEADER_FIXED), 0, HEADER_FIXED);
	out->size = HEADER_FIXED;
	put_body(header, positions, out, &position_count);
	body = out->size - HEADER_FIXED;
	total = (out->size + 4 + copy + SEGMENT_PAGE - 1) / SEGMENT_PAGE * SEGMENT_PAGE;
	if (total < header->room)
		total = header->room;
	if (total > SEGMENT_HEADER_MAX)
		return lg_err_set(err, LG_INVALID, "segment header: %zu bytes of positions pass the limit of the format", body);
	memset(lg_buf_reserve(out, total - out->size), 0, total - out->size);
	p = out->data;
	memcpy(p, header_magic, 8);
	wire_put_u16(p + AT_VERSION, SEGMENT_VERSION);
	wire_put_u32(p + AT_SIZE, (uint32_t)total);
	memcpy(p + AT_SPOOL_ID, header->spool_id, 16);
	wire_put_u64(p + AT_NUMBER, header->number);
	wire_put_u64(p + AT_FIRST_SEQ, header->first_seq);
	wire_put_i64(p + AT_CREATED, header->created_ns);
	wire_put_u64(p + AT_ALLOCATED, header->allocated);
	wire_put_u64(p + AT_PREV_NUMBER, header->prev_number);
	wire_put_u64(p + AT_PREV_END, header->prev_end);
	wire_put_u64(p + AT_LOW_SEQ, header->low_seq);
	wire_put_u32(p + AT_KEY_ID, header->crypt.key_id);
	memcpy(p + AT_SALT, header->crypt.salt, CRYPT_SALT_SIZE);
	memcpy(p + AT_KEY_CHECK, header->crypt.check, CRYPT_CHECK_SIZE);
	wire_put_u32(p + AT_RANGES, (uint32_t)header->range_count);
	wire_put_u32(p + AT_CURSORS, (uint32_t)header->cursor_count);
	wire_put_u32(p + AT_POSITIONS, position_count);
	wire_put_u32(p + AT_BODY_SIZE, (uint32_t)body);
	wire_put_u32(p + HEADER_FIXED + body, crc32c(0, p, HEADER_FIXED + body));
	if (copy)
		put_copy(header, p + total - COPY_SIZE);
	out->size = total;
	header->size = (uint32_t)total;
	return LG_OK;
}

static bool read_name(struct wire_reader *r, char name[SPOOL_NAME_SIZE])
{
	uint8_t size = wire_read_u8(r);
	const uint8_t *p = wire_read_bytes(r, size);

	if (!p || !size || size >= SPOOL_NAME_SIZE || memchr(p, 0, size))
		return false;
	memcpy(name, p, size);
	name[size] = '\0';
	return true;
}

static bool read_body(struct segment_header *header, struct posmap *positions, struct wire_reader *r, const uint8_t *fixed)
{
	uint32_t ranges = wire_get_u32(fixed + AT_RANGES), cursors = wire_get_u32(fixed + AT_CURSORS);

	if ((uint64_t)ranges * 24 > (uint64_t)(r->end - r->at) || cursors > SPOOL_OUTPUTS_MAX)
		return false;
	header->ranges = mem_zalloc(ranges * sizeof(*header->ranges));
	for (; header->range_count < ranges; header->range_count++) {
		memcpy(header->ranges[header->range_count].log_id, wire_read_bytes(r, 16), 16);
		header->ranges[header->range_count].first_seq = wire_read_u64(r);
	}
	header->cursors = mem_zalloc(cursors * sizeof(*header->cursors));
	for (; header->cursor_count < cursors; header->cursor_count++) {
		struct spool_cursor_entry *c = &header->cursors[header->cursor_count];

		c->flags = wire_read_u8(r);
		if (!read_name(r, c->name))
			return false;
		c->seq = wire_read_u64(r);
	}
	for (uint32_t i = wire_get_u32(fixed + AT_POSITIONS); i; i--) {
		uint16_t input_size = wire_read_u16(r), value_size;
		uint8_t key_size = wire_read_u8(r);
		const char *text;
		const uint8_t *value;

		value_size = wire_read_u16(r);
		text = (const char *)wire_read_bytes(r, (uint64_t)input_size + key_size);
		value = wire_read_bytes(r, value_size);
		if (r->bad)
			return false;
		if (positions)
			posmap_put(positions, (struct lg_str){text, input_size}, (struct lg_str){text + input_size, key_size},
			        value, value_size);
	}
	return !r->bad && r->at == r->end;
}

enum lg_rc segment_header_decode(
        struct segment_header *header, struct posmap *positions, const uint8_t *p, size_t size, size_t *need)
{
	struct wire_reader body;
	uint32_t body_size;

	*header = (struct segment_header){0};
	*need = SEGMENT_PAGE;
	if (size < SEGMENT_PAGE)
		return LG_AGAIN;
	header->size = wire_get_u32(p + AT_SIZE);
	body_size = wire_get_u32(p + AT_BODY_SIZE);
	if (memcmp(p, header_magic, 8) != 0 || header->size % SEGMENT_PAGE || header->size > SEGMENT_HEADER_MAX ||
	        (uint64_t)body_size + HEADER_FIXED + 4 > header->size)
		return LG_CORRUPT;
	*need = header->size;
	if (size < header->size)
		return LG_AGAIN;
	if (crc32c(0, p, HEADER_FIXED + body_size) != wire_get_u32(p + HEADER_FIXED + body_size))
		return LG_CORRUPT;
	if (wire_get_u16(p + AT_VERSION) != SEGMENT_VERSION)
		return LG_UNSUPPORTED;
	memcpy(header->spool_id, p + AT_SPOOL_ID, 16);
	header->number = wire_get_u64(p + AT_NUMBER);
	header->first_seq = wire_get_u64(p + AT_FIRST_SEQ);
	header->created_ns = wire_get_i64(p + AT_CREATED);
	header->allocated = wire_get_u64(p + AT_ALLOCATED);
	header->prev_number = wire_get_u64(p + AT_PREV_NUMBER);
	header->prev_end = wire_get_u64(p + AT_PREV_END);
	header->low_seq = wire_get_u64(p + AT_LOW_SEQ);
	header->crypt.key_id = wire_get_u32(p + AT_KEY_ID);
	memcpy(header->crypt.salt, p + AT_SALT, CRYPT_SALT_SIZE);
	memcpy(header->crypt.check, p + AT_KEY_CHECK, CRYPT_CHECK_SIZE);
	body = wire_reader_on(p + HEADER_FIXED, body_size);
	if (!read_body(header, positions, &body, p)) {
		segment_header_fini(header);
		return LG_CORRUPT;
	}
	return LG_OK;
}

enum lg_rc segment_header_read(struct segment_header *header, struct posmap *positions, const struct sys_io *io, int handle,
        uint64_t number, struct lg_err *err)
{
	struct lg_buf bytes = {0};
	size_t need = SEGMENT_PAGE;
	enum lg_rc rc;

	*header = (struct segment_header){0};
	do {
		ssize_t n;

		lg_buf_clear(&bytes);
		n = io->pread(io->self, handle, lg_buf_reserve(&bytes, need), need, 0);
		if (n < 0) {
			rc = lg_err_sys(err, (int)-n, "segment %llu: reading the header", (unsigned long long)number);
			goto done;
		}
		bytes.size = (size_t)n;
		rc = bytes.size < need ? LG_CORRUPT : segment_header_decode(header, positions, bytes.data, bytes.size, &need);
	} while (rc == LG_AGAIN);
	if (rc == LG_OK && header->number != number) {
		segment_header_fini(header);
		rc = LG_CORRUPT;
	}
	if (rc == LG_UNSUPPORTED)
		lg_err_set(err, rc, "segment %llu: written by a later version of Lugger", (unsigned long long)number);
	else if (rc != LG_OK)
		lg_err_set(err, rc, "segment %llu: the header does not verify", (unsigned long long)number);
done:
	lg_buf_fini(&bytes);
	return rc;
}

/* The header is a number of pages, and the copy lies at the end of the last one. */
static enum lg_rc find_copy(struct crypt_params *params, const struct sys_io *io, int handle, uint64_t number, uint64_t limit)
{
	uint8_t p[COPY_SIZE];

	limit = limit < SEGMENT_HEADER_MAX ? limit : SEGMENT_HEADER_MAX;
	for (uint64_t end = SEGMENT_PAGE; end <= limit; end += SEGMENT_PAGE) {
		if (io->pread(io->self, handle, p, sizeof(p), end - COPY_SIZE) != (ssize_t)sizeof(p))
			continue;
		if (memcmp(p, copy_magic, 8) != 0 || wire_get_u64(p + COPY_AT_NUMBER) != number ||
		        wire_get_u32(p + COPY_AT_CRC) != crc32c(0, p, COPY_AT_CRC))
			continue;
		params->key_id = wire_get_u32(p + COPY_AT_KEY_ID);
		memcpy(params->salt, p + COPY_AT_SALT, CRYPT_SALT_SIZE);
		memcpy(params->check, p + COPY_AT_CHECK, CRYPT_CHECK_SIZE);
		return LG_OK;
	}
	return LG_CORRUPT;
}

enum lg_rc segment_crypt_read(struct crypt_params *params, const struct sys_io *io, int handle, uint64_t number, uint64_t limit,
        struct lg_err *err)
{
	struct segment_header header;
	enum lg_rc rc = segment_header_read(&header, NULL, io, handle, number, err);

	*params = (struct crypt_params){0};
	if (rc == LG_OK)
		*params = header.crypt;
	else if ((rc == LG_CORRUPT || rc == LG_IO) && find_copy(params, io, handle, number, limit) == LG_OK)
		rc = LG_OK;
	segment_header_fini(&header);
	return rc;
}

void segment_header_fini(struct segment_header *header)
{
	free(header->ranges);
	free(header->cursors);
	header->ranges = NULL;
	header->cursors = NULL;
	header->range_count = header->cursor_count = 0;
}

void frame_index_add(struct frame_index *index, const struct frame_entry *entry)
{
	index->entries = mem_grow(index->entries, &index->cap, index->count + 1, sizeof(*index->entries));
	index->entries[index->count++] = *entry;
}

void frame_index_fini(struct frame_index *index)
{
	free(index->entries);
	*index = (struct frame_index){0};
}

size_t frame_index_find(const struct frame_index *index, uint64_t seq)
{
	size_t low = 0, high = index->count;

	if (seq >= index->next_seq)
		return index->count;
	/* The last entry that starts at or below seq: of several with one first sequence only the last has records. */
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (index->entries[mid].first_seq <= seq)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? low - 1 : 0;
}

uint64_t segment_footer_size(size_t count)
{
	return FOOTER_HEAD + (uint64_t)count * FOOTER_ENTRY + FOOTER_TRAILER;
}

void segment_footer_encode(uint64_t number, const struct frame_index *index, struct lg_buf *out)
{
	uint64_t size = segment_footer_size(index->count);
	uint8_t *p = lg_buf_reserve(out, size), *at = p + FOOTER_HEAD;

	memset(p, 0, FOOTER_HEAD);
	memcpy(p, footer_magic, 8);
	wire_put_u16(p + 8, SEGMENT_VERSION);
	wire_put_u32(p + 12, (uint32_t)index->count);
	wire_put_u64(p + 16, number);
	wire_put_u64(p + 24, index->next_seq);
	wire_put_u64(p + 32, index->end);
	for (size_t i = 0; i < index->count; i++, at += FOOTER_ENTRY) {
		wire_put_u64(at, index->entries[i].offset);
		wire_put_u64(at + 8, index->entries[i].first_seq);
		wire_put_i64(at + 16, index->entries[i].first_ns);
		wire_put_i64(at + 24, index->entries[i].last_ns);
	}
	wire_put_u64(at, size);
	wire_put_u32(at + 8, 0);
	wire_put_u32(at + 12, crc32c(0, p, size - 12));
	memcpy(at + 16, footer_magic, 8);
	out->size += size;
}

static enum lg_rc decode_footer(struct frame_index *index, const uint8_t *p, uint64_t size, uint64_t number)
{
	uint32_t count = wire_get_u32(p + 12);
	const uint8_t *at = p + FOOTER_HEAD;

	if (memcmp(p, footer_magic, 8) != 0 || wire_get_u16(p + 8) != SEGMENT_VERSION || wire_get_u64(p + 16) != number ||
	        segment_footer_size(count) != size || crc32c(0, p, size - 12) != wire_get_u32(p + size - 12))
		return LG_CORRUPT;
	index->next_seq = wire_get_u64(p + 24);
	index->end = wire_get_u64(p + 32);
	for (uint32_t i = 0; i < count; i++, at += FOOTER_ENTRY)
		frame_index_add(index, &(struct frame_entry){wire_get_u64(at), wire_get_u64(at + 8), wire_get_i64(at + 16),
		                               wire_get_i64(at + 24)});
	return LG_OK;
}

enum lg_rc segment_footer_read(
        struct frame_index *index, const struct sys_io *io, int handle, uint64_t number, uint64_t file_size)
{
	uint8_t trailer[FOOTER_TRAILER];
	struct lg_buf bytes = {0};
	enum lg_rc rc = LG_CORRUPT;
	uint64_t size;
	ssize_t n;

	if (file_size < SEGMENT_PAGE + FOOTER_HEAD + FOOTER_TRAILER)
		return LG_NOTFOUND;
	n = io->pread(io->self, handle, trailer, sizeof(trailer), file_size - sizeof(trailer));
	if (n < 0)
		return LG_IO;
	if (n != (ssize_t)sizeof(trailer) || memcmp(trailer + 16, footer_magic, 8) != 0)
		return LG_NOTFOUND;
	size = wire_get_u64(trailer);
	if (size < FOOTER_HEAD + FOOTER_TRAILER || size > segment_footer_size(SEGMENT_FRAMES_MAX) ||
	        size > file_size - SEGMENT_PAGE)
		return LG_CORRUPT;
	n = io->pread(io->self, handle, lg_buf_reserve(&bytes, size), size, file_size - size);
	if (n == (ssize_t)size)
		rc = decode_footer(index, bytes.data, size, number);
	else if (n < 0)
		rc = LG_IO;
	lg_buf_fini(&bytes);
	return rc;
}

bool segment_footer_begins(const struct sys_io *io, int handle, uint64_t number, uint64_t offset)
{
	uint8_t head[FOOTER_HEAD];

	return io->pread(io->self, handle, head, sizeof(head), offset) == (ssize_t)sizeof(head) &&
	       memcmp(head, footer_magic, 8) == 0 && wire_get_u64(head + 16) == number;
}
