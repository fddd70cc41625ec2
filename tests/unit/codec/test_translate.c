/* translate: every implementation does what the plain loop does, and writes nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/translate.h"

static void check_kind(translate_function *function, const uint8_t table[256], size_t size, unsigned shift)
{
	uint8_t in[300], out[320], high = 0;

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 7 + shift * 13);
	memset(out, 0xa5, sizeof(out));
	for (size_t i = 0; i < size; i++)
		high |= table[in[i + shift]];
	assert_int_equal(function(table, in + shift, size, out + 1) & 0x80, high & 0x80);
	assert_int_equal(out[0], 0xa5);
	assert_int_equal(out[size + 1], 0xa5);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(out[i + 1], table[in[i + shift]]);
}

static void every_implementation_agrees_with_a_plain_loop(void **state)
{
	uint8_t tables[3][256];

	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		tables[0][i] = (uint8_t)(i * 167 + 29);         /* a permutation */
		tables[1][i] = tables[0][i] & 0x7f;
		tables[2][i] = i == 0x80 ? 0x80 : (uint8_t)(i & 0x7f); /* one high result */
	}
	for (int kind = 0; kind < TRANSLATE_KINDS; kind++) {
		translate_function *function = translate_kind(kind);

		if (!function) {
			print_message("SKIP implementation %d: this processor does not have it\n", kind);
			continue;
		}
		for (unsigned t = 0; t < 3; t++)
			for (size_t size = 0; size < 280; size++)
				check_kind(function, tables[t], size, (unsigned)(size % 17));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_implementation_agrees_with_a_plain_loop)};

	return cmocka_run_group_tests_name("translate", tests, NULL, NULL);
}
