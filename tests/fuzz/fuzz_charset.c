/* Any bytes in any encoding: the text is valid UTF-8 of bounded size, what is replaced is counted, and a record cut where charset_cut says reads
 * the same as in one piece. The first four bytes choose: encoding, newline policy and shift, size of the first part. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "codec/charset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
	if (!truth)
		abort();
}

static uint64_t count_replacements(struct lg_str text)
{
	uint64_t count = 0;

	for (size_t i = 0; i + 3 <= text.size; i++)
		count += memcmp(text.data + i, "\xef\xbf\xbd", 3) == 0;
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct charset_decoder *decoder;
	struct lg_buf whole_buf = {0}, first_buf = {0}, second_buf = {0};
	uint64_t whole_count = 0, parts_count = 0;
	struct lg_str whole, first, second;
	enum charset_id id;
	bool shifted;
	size_t cut;

	if (size < 4)
		return 0;
	id = (enum charset_id)(1 + data[0] % (CHARSET_COUNT - 1));
	shifted = data[1] & 4;
	/* A policy, or a page, that this system does not have. */
	if (charset_decoder_get(&decoder, id, (enum charset_newline)(data[1] & 3), NULL) != LG_OK)
		return 0;
	cut = data[2] | (size_t)data[3] << 8;
	data += 4;
	size -= 4;
	whole = charset_decode(decoder, data, size, shifted, &whole_buf, &whole_count);
	require(text_utf8_valid((const uint8_t *)whole.data, whole.size) == whole.size && whole.size <= 3 * size);
	require(whole_count <= count_replacements(whole) && whole_count <= size);
	if (cut >= 8 && cut < size) { /* the least that a framer cuts is 16 */
		cut = charset_cut(id, data, cut, shifted);
		first = charset_decode(decoder, data, cut, shifted, &first_buf, &parts_count);
		second = charset_decode(decoder, data + cut, size - cut, charset_shifted(id, data, cut, shifted), &second_buf, &parts_count);
		/* In bytes that are no characters a cut may fall where the whole sees one fault. */
		require(parts_count >= whole_count);
		if (parts_count == whole_count) {
			require(first.size + second.size == whole.size);
			require(!first.size || memcmp(whole.data, first.data, first.size) == 0);
			require(!second.size || memcmp(whole.data + first.size, second.data, second.size) == 0);
		}
	}
	lg_buf_fini(&whole_buf);
	lg_buf_fini(&first_buf);
	lg_buf_fini(&second_buf);
	return 0;
}
