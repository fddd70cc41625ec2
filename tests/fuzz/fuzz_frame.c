/* Bytes taken for a segment file: header, scan, footer, and every payload that the scan calls valid; then for a state file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "data/batch.h"
#include "spool/segment.h"
#include "spool/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bytes {
	const uint8_t *data;
	size_t size;
};

static ssize_t bytes_pread(void *self, int handle, void *out, size_t size, uint64_t offset)
{
	const struct bytes *bytes = self;

	(void)handle;
	if (offset >= bytes->size)
		return 0;
	if (size > bytes->size - offset)
		size = bytes->size - (size_t)offset;
	memcpy(out, bytes->data + offset, size);
	return (ssize_t)size;
}

static void read_payload(const struct sys_io *io, const struct frame_header *frame, uint64_t offset)
{
	struct lg_buf stored = {0}, raw = {0};
	struct lg_batch *batch = NULL;
	struct lg_batch_iter it;
	struct lg_record rec;
	struct lg_fields_iter fields;
	struct lg_value value;
	struct lg_err err;
	enum lg_rc rc = LG_OK;
	struct codec *codec;

	if (frame->raw_size > (1u << 20))
		return;
	io->pread(io->self, 0, lg_buf_reserve(&stored, frame->stored_size + 1), frame->stored_size, offset + frame->header_size);
	if (frame->codec == BATCH_CODEC_ZSTD) {
		codec = codec_new(1);
		rc = codec_expand(codec, stored.data, frame->stored_size, frame->raw_size, &raw, &err);
		codec_free(codec);
	} else {
		lg_buf_append(&raw, stored.data, frame->stored_size);
	}
	if (rc == LG_OK && batch_from_payload(&batch, &raw, "fuzz", "", frame->first_seq, frame->count, NULL, &err) == LG_OK) {
		for (lg_batch_begin(&it, batch, 0); lg_batch_next(&it, &rec);)
			for (lg_fields_begin(&fields, &rec); lg_fields_next(&fields, &value);)
				;
	}
	lg_batch_release(batch);
	lg_buf_fini(&stored);
	lg_buf_fini(&raw);
}

static void scan(const struct sys_io *io, uint64_t from, uint64_t size)
{
	struct segment_scan walk;
	struct scan_item item;
	struct posmap positions = {0};
	enum scan_kind kind;
	uint64_t at = from;
	int error;

	segment_scan_begin(&walk, io, 0, 1, 0, from, size);
	while ((kind = segment_scan_next(&walk, &item)) == SCAN_FRAME || kind == SCAN_BAD) {
		if (item.from < at || item.to <= item.from || item.to > size)
			abort(); /* a scan moves forward and stays inside */
		at = item.to;
		if (kind != SCAN_FRAME)
			continue;
		posmap_put_encoded(&positions, item.frame.input, item.frame.positions, item.frame.positions_size);
		if (segment_payload_check(io, 0, &item.frame, item.from, &error) == LG_OK)
			read_payload(io, &item.frame, item.from);
	}
	segment_scan_end(&walk);
	posmap_fini(&positions);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes bytes = {data, size};
	struct sys_io io = {.self = &bytes, .pread = bytes_pread};
	struct segment_header header;
	struct frame_index index = {0};
	struct posmap positions = {0};
	struct state *state = malloc(sizeof(*state));
	struct lg_err err;

	if (segment_header_read(&header, &positions, &io, 0, 1, &err) == LG_OK)
		scan(&io, header.size, size);
	segment_header_fini(&header);
	posmap_fini(&positions);
	scan(&io, 0, size); /* as behind a header that does not verify */
	if (segment_footer_read(&index, &io, 0, 1, size) == LG_OK)
		frame_index_find(&index, 1);
	frame_index_fini(&index);
	if (state_decode(state, data, size) == LG_OK) {
		struct lg_buf again = {0};

		state_encode(state, &again);
		lg_buf_fini(&again);
	}
	free(state);
	return 0;
}
