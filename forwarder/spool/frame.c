#include "spool/frame.h"

#include "base/crc32c.h"
#include "base/wire.h"
#include "data/batch.h"

/* 0xF5 occurs in no UTF-8 text, so a record's body cannot hold the magic. */
static const uint8_t magic[4] = {0xF5, 'L', 'G', 'F'};

enum {
	AT_VERSION = 4,
	AT_CODEC = 6,
	AT_ENCRYPTION = 7,
	AT_HEADER_SIZE = 8,
	AT_PAYLOAD_CRC = 12,
	AT_TAG = 16,
	AT_SEGMENT = 24,
	AT_OFFSET = 32,
	AT_LOG_ID = 40,
	AT_FIRST_SEQ = 56,
	AT_COUNT = 64,
	AT_INDEX = 68,
	AT_RAW = 72,
	AT_STORED = 76,
	AT_FIRST_NS = 80,
	AT_LAST_NS = 88,
	AT_DURABLE_UPTO = 96,
	AT_DURABLE_OFFSET = 104,
	AT_INPUT_SIZE = 112,
	AT_POSITION_COUNT = 114,
	AT_POSITIONS_SIZE = 116,
	AT_RESERVED = 120,
};

static uint64_t align_up(uint64_t size)
{
	return (size + FRAME_ALIGN - 1) / FRAME_ALIGN * FRAME_ALIGN;
}

uint32_t frame_header_size(size_t input_size, size_t positions_size)
{
	return (uint32_t)align_up(FRAME_FIXED + input_size + positions_size + 4);
}

uint64_t frame_size(const struct frame_header *header)
{
	return align_up((uint64_t)header->header_size + header->stored_size);
}

enum lg_rc frame_encode(struct frame_header *header, struct lg_buf *out, struct lg_err *err)
{
	uint8_t *p;

	if (header->input.size > UINT16_MAX || header->positions_size > FRAME_HEADER_MAX / 2 || header->raw_size > BATCH_MAX_RAW)
		return lg_err_set(err, LG_INVALID, "frame: %u payload bytes with %u bytes of positions do not fit the format",
		        header->raw_size, header->positions_size);
	header->header_size = frame_header_size(header->input.size, header->positions_size);
	p = lg_buf_reserve(out, header->header_size);
	memset(p, 0, header->header_size);
	memcpy(p, magic, sizeof(magic));
	wire_put_u16(p + AT_VERSION, FRAME_VERSION);
	p[AT_CODEC] = header->codec;
	p[AT_ENCRYPTION] = header->encryption;
	wire_put_u32(p + AT_HEADER_SIZE, header->header_size);
	wire_put_u32(p + AT_PAYLOAD_CRC, header->payload_crc);
	wire_put_u64(p + AT_TAG, header->spool_tag);
	wire_put_u64(p + AT_SEGMENT, header->segment);
	wire_put_u64(p + AT_OFFSET, header->offset);
	memcpy(p + AT_LOG_ID, header->log_id, 16);
	wire_put_u64(p + AT_FIRST_SEQ, header->first_seq);
	wire_put_u32(p + AT_COUNT, header->count);
	wire_put_u32(p + AT_INDEX, header->index);
	wire_put_u32(p + AT_RAW, header->raw_size);
	wire_put_u32(p + AT_STORED, header->stored_size);
	wire_put_i64(p + AT_FIRST_NS, header->first_ns);
	wire_put_i64(p + AT_LAST_NS, header->last_ns);
	wire_put_u64(p + AT_DURABLE_UPTO, header->durable_upto);
	wire_put_u64(p + AT_DURABLE_OFFSET, header->durable_offset);
	wire_put_u16(p + AT_INPUT_SIZE, (uint16_t)header->input.size);
	wire_put_u16(p + AT_POSITION_COUNT, header->position_count);
	wire_put_u32(p + AT_POSITIONS_SIZE, header->positions_size);
	if (header->input.size)
		memcpy(p + FRAME_FIXED, header->input.data, header->input.size);
	if (header->positions_size)
		memcpy(p + FRAME_FIXED + header->input.size, header->positions, header->positions_size);
	wire_put_u32(p + header->header_size - 4, crc32c(0, p, header->header_size - 4));
	out->size += header->header_size;
	return LG_OK;
}

void frame_aad(const uint8_t *header, uint32_t size, struct lg_str pieces[FRAME_AAD_PIECES])
{
	static const char zeros[4];
	const char *p = (const char *)header;

	pieces[0] = (struct lg_str){p, AT_PAYLOAD_CRC};
	pieces[1] = pieces[3] = (struct lg_str){zeros, 4};
	pieces[2] = (struct lg_str){p + AT_PAYLOAD_CRC + 4, size - AT_PAYLOAD_CRC - 8};
}

bool frame_magic_at(const uint8_t *bytes)
{
	return memcmp(bytes, magic, sizeof(magic)) == 0;
}

static void decode_fields(struct frame_header *h, const uint8_t *p)
{
	h->codec = p[AT_CODEC];
	h->encryption = p[AT_ENCRYPTION];
	h->payload_crc = wire_get_u32(p + AT_PAYLOAD_CRC);
	h->spool_tag = wire_get_u64(p + AT_TAG);
	memcpy(h->log_id, p + AT_LOG_ID, 16);
	h->first_seq = wire_get_u64(p + AT_FIRST_SEQ);
	h->count = wire_get_u32(p + AT_COUNT);
	h->index = wire_get_u32(p + AT_INDEX);
	h->raw_size = wire_get_u32(p + AT_RAW);
	h->stored_size = wire_get_u32(p + AT_STORED);
	h->first_ns = wire_get_i64(p + AT_FIRST_NS);
	h->last_ns = wire_get_i64(p + AT_LAST_NS);
	h->durable_upto = wire_get_u64(p + AT_DURABLE_UPTO);
	h->durable_offset = wire_get_u64(p + AT_DURABLE_OFFSET);
	h->input = (struct lg_str){(const char *)p + FRAME_FIXED, wire_get_u16(p + AT_INPUT_SIZE)};
	h->position_count = wire_get_u16(p + AT_POSITION_COUNT);
	h->positions_size = wire_get_u32(p + AT_POSITIONS_SIZE);
	h->positions = p + FRAME_FIXED + h->input.size;
}

/* A header whose CRC holds is still checked for what the code behind relies on. */
static bool fields_hold(const struct frame_header *h, const struct frame_place *place)
{
	if (place->spool_tag && h->spool_tag != place->spool_tag)
		return false;
	if (h->raw_size > BATCH_MAX_RAW || (uint64_t)h->input.size + h->positions_size + FRAME_FIXED + 4 > h->header_size)
		return false;
	if (h->first_seq > UINT64_MAX - h->count || h->durable_upto > h->first_seq || h->durable_offset > h->offset)
		return false;
	return h->offset + frame_size(h) <= place->limit;
}

enum lg_rc frame_decode(
        struct frame_header *header, const uint8_t *bytes, size_t size, const struct frame_place *place, size_t *need)
{
	uint32_t header_size;

	*need = FRAME_FIXED;
	if (size >= 4 && !frame_magic_at(bytes))
		return LG_CORRUPT;
	if (size < FRAME_FIXED)
		return LG_AGAIN;
	header_size = wire_get_u32(bytes + AT_HEADER_SIZE);
	if (header_size < FRAME_FIXED + 4 || header_size > FRAME_HEADER_MAX || header_size % FRAME_ALIGN ||
	        place->offset + header_size > place->limit)
		return LG_CORRUPT;
	header->segment = wire_get_u64(bytes + AT_SEGMENT);
	header->offset = wire_get_u64(bytes + AT_OFFSET);
	if (header->segment != place->segment || header->offset != place->offset)
		return LG_CORRUPT;
	*need = header_size;
	if (size < header_size)
		return LG_AGAIN;
	if (wire_get_u32(bytes + header_size - 4) != crc32c(0, bytes, header_size - 4))
		return LG_CORRUPT;
	if (wire_get_u16(bytes + AT_VERSION) != FRAME_VERSION)
		return LG_UNSUPPORTED;
	header->header_size = header_size;
	decode_fields(header, bytes);
	return fields_hold(header, place) ? LG_OK : LG_CORRUPT;
}
