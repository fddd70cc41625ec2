/* crc32c: the vectors of RFC 3720 B.4, and both implementations against the definition. The source is included for its static
 * functions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/crc32c.c"

static uint32_t by_definition(uint32_t crc, const uint8_t *p, size_t size)
{
	crc = ~crc;
	while (size--) {
		crc ^= *p++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0x82f63b78U : crc >> 1;
	}
	return ~crc;
}

static void it_gives_the_values_of_the_rfc(void **state)
{
	uint8_t data[32];

	(void)state;
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283U);
	memset(data, 0, sizeof(data));
	assert_int_equal(crc32c(0, data, sizeof(data)), 0x8a9136aaU);
	memset(data, 0xff, sizeof(data));
	assert_int_equal(crc32c(0, data, sizeof(data)), 0x62a8ab43U);
	for (uint8_t i = 0; i < 32; i++)
		data[i] = i;
	assert_int_equal(crc32c(0, data, sizeof(data)), 0x46dd794eU);
	for (uint8_t i = 0; i < 32; i++)
		data[i] = (uint8_t)(31 - i);
	assert_int_equal(crc32c(0, data, sizeof(data)), 0x113fdb5cU);
	assert_int_equal(crc32c(0, "", 0), 0);
	assert_int_equal(crc32c(0x12345678U, "", 0), 0x12345678U);
}

static void every_length_and_alignment_agrees_with_the_definition(void **state)
{
	uint8_t data[300];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 151 + 7);
	for (size_t start = 0; start < 9; start++) {
		for (size_t size = 0; size < 280; size++) {
			uint32_t want = by_definition(0, data + start, size);

			assert_int_equal(crc32c(0, data + start, size), want);
			assert_int_equal(~crc_slicing(~0U, data + start, size), want);
		}
	}
}

static void a_sum_can_be_made_in_pieces(void **state)
{
	static const char text[] = "positions travel inside the frame with the records they cover";
	uint32_t whole = crc32c(0, text, sizeof(text));

	(void)state;
	for (size_t cut = 0; cut <= sizeof(text); cut++)
		assert_int_equal(crc32c(crc32c(0, text, cut), text + cut, sizeof(text) - cut), whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_gives_the_values_of_the_rfc),
		cmocka_unit_test(every_length_and_alignment_agrees_with_the_definition),
		cmocka_unit_test(a_sum_can_be_made_in_pieces),
	};

	return cmocka_run_group_tests_name("crc32c", tests, NULL, NULL);
}
