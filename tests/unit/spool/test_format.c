/* The format byte for byte: what the encoders write is the example that SPOOL.md prints. With LUGGER_PRINT_EXAMPLE set it prints
 * it instead. */
#include "spool_kit.h"

#include "base/crc32c.h"
#include "spool/segment.h"

static void put_frame(struct lg_buf *file)
{
	static const uint8_t position[] = {1, 'k', 0, 1, 'v'};
	struct lg_batch *batch = batch_new(NULL, 64, "in");
	struct frame_header h = {.spool_tag = UINT64_C(0x0102030405060708),
	        .segment = 1,
	        .offset = SEGMENT_PAGE,
	        .first_seq = 1,
	        .count = 1,
	        .first_ns = 2,
	        .last_ns = 2,
	        .durable_upto = 1,
	        .durable_offset = SEGMENT_PAGE,
	        .input = LG_STR("in"),
	        .positions = position,
	        .positions_size = sizeof(position),
	        .position_count = 1};
	struct lg_draft draft;
	struct lg_err err;

	lg_draft_reset(&draft);
	draft.body = LG_STR("hi");
	batch_add(batch, &draft, NULL, 2);
	for (uint8_t i = 0; i < 16; i++)
		h.log_id[i] = (uint8_t)(0xa0 + i);
	h.raw_size = h.stored_size = (uint32_t)batch->raw.size;
	h.payload_crc = crc32c(0, batch->raw.data, batch->raw.size);
	assert_int_equal(frame_encode(&h, file, &err), LG_OK);
	lg_buf_append(file, batch->raw.data, batch->raw.size);
	while (file->size < SEGMENT_PAGE + frame_size(&h))
		lg_buf_append_char(file, 0);
	lg_batch_release(batch);
}

/* A whole sealed segment, made by the product's encoders. */
static void make_example(struct lg_buf *file)
{
	struct log_range range = {.first_seq = 1};
	struct spool_cursor_entry cursor = {.name = "o", .seq = 1};
	struct segment_header header = {.number = 1,
	        .first_seq = 1,
	        .created_ns = 1,
	        .allocated = 16384,
	        .low_seq = 1,
	        .ranges = &range,
	        .range_count = 1,
	        .cursors = &cursor,
	        .cursor_count = 1};
	struct frame_entry entry = {SEGMENT_PAGE, 1, 2, 2};
	struct frame_index index = {0};
	struct posmap none = {0};
	struct lg_err err;

	for (uint8_t i = 0; i < 16; i++) {
		header.spool_id[i] = (uint8_t)(i + 1);
		range.log_id[i] = (uint8_t)(0xa0 + i);
	}
	for (uint8_t i = 0; i < 32; i++)
		header.crypt.salt[i] = i;
	assert_int_equal(segment_header_encode(&header, &none, file, &err), LG_OK);
	put_frame(file);
	frame_index_add(&index, &entry);
	index.next_seq = 2;
	index.end = file->size;
	segment_footer_encode(1, &index, file);
	frame_index_fini(&index);
}

static void hex_line(struct lg_buf *out, const uint8_t *p, size_t at)
{
	lg_buf_printf(out, "%04zx:", at);
	for (size_t i = 0; i < 16; i++)
		lg_buf_printf(out, " %02x", p[at + i]);
	lg_buf_append_char(out, '\n');
}

static bool zeros(const uint8_t *p, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (p[i])
			return false;
	return true;
}

static void test_a_segment_is_written_byte_for_byte_as_the_specification_prints_it(void **state)
{
	struct lg_buf file = {0}, text = {0}, page = {0};
	FILE *spec = fopen(LUGGER_SOURCE "/forwarder/spool/SPOOL.md", "r");
	char *begin, *end;
	int c;

	(void)state;
	assert_non_null(spec);
	while ((c = getc(spec)) != EOF)
		lg_buf_append_char(&page, (char)c);
	fclose(spec);
	lg_buf_append_char(&page, '\0');
	make_example(&file);
	while (file.size % 16)
		lg_buf_append_char(&file, 0); /* of the print-out, not of the file */
	for (size_t at = 0; at < file.size; at += 16)
		if (!zeros(file.data + at, 16))
			hex_line(&text, file.data, at);
	if (getenv("LUGGER_PRINT_EXAMPLE"))
		printf("%.*s", (int)text.size, (char *)text.data);
	begin = strstr((char *)page.data, "```example\n");
	assert_non_null(begin);
	begin += strlen("```example\n");
	end = strstr(begin, "```");
	assert_non_null(end);
	assert_int_equal(end - begin, text.size);
	assert_memory_equal(begin, text.data, text.size);
	lg_buf_fini(&file);
	lg_buf_fini(&text);
	lg_buf_fini(&page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_a_segment_is_written_byte_for_byte_as_the_specification_prints_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
