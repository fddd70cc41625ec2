/* The format byte for byte: what the encoders write is the example that SPOOL.md prints. With LUGGER_PRINT_EXAMPLE set it prints
 * it instead. */
#include "spool_kit.h"

#include "base/crc32c.h"
#include "spool/segment.h"

#define EXAMPLE_KEY_ID 7

static void example_key(uint8_t key[CRYPT_KEY_SIZE])
{
	for (uint8_t i = 0; i < CRYPT_KEY_SIZE; i++)
		key[i] = (uint8_t)(0x40 + i);
}

/* The payload as it is stored: encrypted under the header where params names a key. */
static void seal(const struct crypt_params *params, struct frame_header *h, struct lg_buf *payload)
{
	struct lg_str aad[FRAME_AAD_PIECES];
	struct lg_buf head = {0}, sealed = {0};
	uint8_t key[CRYPT_KEY_SIZE];
	struct crypt *crypt;
	struct lg_err err;

	if (!params->key_id)
		return;
	h->encryption = FRAME_ENCRYPT_AES256GCM;
	h->stored_size += CRYPT_TAG_SIZE;
	assert_int_equal(frame_encode(h, &head, &err), LG_OK);
	frame_aad(head.data, h->header_size, aad);
	example_key(key);
	assert_int_equal(crypt_new(&crypt, key, params->salt, true, &err), LG_OK);
	assert_int_equal(crypt_seal(crypt, h->index, aad, FRAME_AAD_PIECES, payload->data, payload->size, &sealed, &err), LG_OK);
	crypt_free(crypt);
	lg_buf_fini(&head);
	lg_buf_fini(payload);
	*payload = sealed;
}

static uint64_t put_frame(const struct crypt_params *params, struct lg_buf *file)
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
	seal(params, &h, &batch->raw);
	h.payload_crc = crc32c(0, batch->raw.data, batch->raw.size);
	assert_int_equal(frame_encode(&h, file, &err), LG_OK);
	lg_buf_append(file, batch->raw.data, batch->raw.size);
	while (file->size < SEGMENT_PAGE + frame_size(&h))
		lg_buf_append_char(file, 0);
	lg_batch_release(batch);
	return file->size;
}

/* A whole sealed segment, made by the product's encoders. */
static void make_example(uint32_t key_id, struct lg_buf *file)
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
	uint8_t key[CRYPT_KEY_SIZE];
	struct lg_err err;

	for (uint8_t i = 0; i < 16; i++) {
		header.spool_id[i] = (uint8_t)(i + 1);
		range.log_id[i] = (uint8_t)(0xa0 + i);
	}
	for (uint8_t i = 0; i < 32; i++)
		header.crypt.salt[i] = i;
	if (key_id) {
		header.crypt.key_id = key_id;
		example_key(key);
		crypt_check(key, header.crypt.salt, header.crypt.check);
	}
	assert_int_equal(segment_header_encode(&header, &none, file, &err), LG_OK);
	index.end = put_frame(&header.crypt, file);
	frame_index_add(&index, &entry);
	index.next_seq = 2;
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

/* Compares with the block of SPOOL.md that begins with ```name. */
static void expect_block(const char *name, const struct lg_buf *text)
{
	struct lg_buf page = {0};
	FILE *spec = fopen(LUGGER_SOURCE "/forwarder/spool/SPOOL.md", "r");
	char *begin, *end, fence[32];
	int c;

	assert_non_null(spec);
	while ((c = getc(spec)) != EOF)
		lg_buf_append_char(&page, (char)c);
	fclose(spec);
	lg_buf_append_char(&page, '\0');
	if (getenv("LUGGER_PRINT_EXAMPLE"))
		printf("```%s\n%.*s```\n", name, (int)text->size, (char *)text->data);
	snprintf(fence, sizeof(fence), "```%s\n", name);
	begin = strstr((char *)page.data, fence);
	assert_non_null(begin);
	begin += strlen(fence);
	end = strstr(begin, "```");
	assert_non_null(end);
	assert_int_equal(end - begin, text->size);
	assert_memory_equal(begin, text->data, text->size);
	lg_buf_fini(&page);
}

static void test_a_segment_is_written_byte_for_byte_as_the_specification_prints_it(void **state)
{
	static const char *const blocks[] = {"example", "encrypted"};

	(void)state;
	for (int b = 0; b < 2; b++) {
		struct lg_buf file = {0}, text = {0};

		make_example(b ? EXAMPLE_KEY_ID : 0, &file);
		while (file.size % 16)
			lg_buf_append_char(&file, 0); /* of the print-out, not of the file */
		for (size_t at = 0; at < file.size; at += 16)
			if (!zeros(file.data + at, 16))
				hex_line(&text, file.data, at);
		expect_block(blocks[b], &text);
		lg_buf_fini(&file);
		lg_buf_fini(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_a_segment_is_written_byte_for_byte_as_the_specification_prints_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
