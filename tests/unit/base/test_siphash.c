/* SipHash-2-4 against the vectors of its paper and of the authors' reference code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/siphash.h"

static uint64_t of(size_t size, size_t step)
{
	uint8_t key[SIPHASH_KEY_SIZE], data[64];
	struct siphash h;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	siphash_init(&h, key);
	for (size_t at = 0; at < size; at += step)
		siphash_more(&h, data + at, size - at < step ? size - at : step);
	return siphash_end(&h);
}

static void the_published_vectors_come_out_whatever_the_pieces(void **state)
{
	(void)state;
	for (size_t step = 1; step <= 15; step++) {
		assert_true(of(0, step) == UINT64_C(0x726fdb47dd0e0e31));
		assert_true(of(1, step) == UINT64_C(0x74f839c593dc67fd));
		assert_true(of(8, step) == UINT64_C(0x93f5f5799a932462));
		assert_true(of(15, step) == UINT64_C(0xa129ca6149be45e5)); /* the paper's appendix A */
		assert_true(of(63, step) == UINT64_C(0x958a324ceb064572));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(the_published_vectors_come_out_whatever_the_pieces)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
