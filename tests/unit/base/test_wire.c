/* wire: bytes in their order, bounds of the reader, LEB128. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stddef.h"
#include "base/wire.h"

static void integers_are_big_endian(void **state)
{
	uint8_t b[8];

	(void)state;
	wire_put_u16(b, 0x0102);
	assert_memory_equal(b, "\1\2", 2);
	assert_int_equal(wire_get_u16(b), 0x0102);
	wire_put_u32(b, 0x01020384U);
	assert_memory_equal(b, "\1\2\3\x84", 4);
	assert_int_equal(wire_get_u32(b), 0x01020384U);
	wire_put_u64(b, UINT64_C(0x8102030405060708));
	assert_memory_equal(b, "\x81\2\3\4\5\6\7\x8", 8);
	assert_true(wire_get_u64(b) == UINT64_C(0x8102030405060708));
	wire_put_i64(b, -2);
	assert_memory_equal(b, "\xff\xff\xff\xff\xff\xff\xff\xfe", 8);
	assert_true(wire_get_i64(b) == -2);
}

static void varints_have_one_form_and_known_sizes(void **state)
{
	static const struct {
		uint64_t value;
		const char *bytes;
		size_t size;
	} table[] = {
		{0, "\0", 1}, {1, "\1", 1}, {127, "\x7f", 1}, {128, "\x80\1", 2}, {300, "\xac\2", 2}, {16384, "\x80\x80\1", 3},
		{UINT64_MAX, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 10},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		uint8_t b[10];
		uint64_t v = 0;

		assert_int_equal(wire_put_varint(b, table[i].value), table[i].size);
		assert_memory_equal(b, table[i].bytes, table[i].size);
		assert_int_equal(wire_varint_size(table[i].value), table[i].size);
		assert_int_equal(wire_get_varint(b, table[i].size, &v), table[i].size);
		assert_true(v == table[i].value);
		for (size_t n = 0; n < table[i].size; n++)
			assert_int_equal(wire_get_varint(b, n, &v), 0);
	}
}

static void varints_that_do_not_fit_are_refused(void **state)
{
	uint64_t v;

	(void)state;
	assert_int_equal(wire_get_varint((const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff\xff\xff\2", 10, &v), 0);
	assert_int_equal(wire_get_varint((const uint8_t *)"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\1", 11, &v), 0);
}

static void a_reader_that_ran_dry_stays_bad(void **state)
{
	static const uint8_t data[] = {1, 0, 2, 0, 0, 0, 3, 0xac, 2, 'a', 'b', 9};
	struct wire_reader r = wire_reader_on(data, sizeof(data));
	const uint8_t *bytes;

	(void)state;
	assert_int_equal(wire_read_u8(&r), 1);
	assert_int_equal(wire_read_u16(&r), 2);
	assert_int_equal(wire_read_u32(&r), 3);
	assert_int_equal(wire_read_varint(&r), 300);
	bytes = wire_read_bytes(&r, 2);
	assert_memory_equal(bytes, "ab", 2);
	assert_false(r.bad);
	assert_int_equal(wire_read_u16(&r), 0); /* one byte is left */
	assert_true(r.bad);
	assert_int_equal(wire_read_u8(&r), 0);  /* though this one would be there */
	assert_null(wire_read_bytes(&r, 0));
	assert_true(r.bad);
	r = wire_reader_on(data, sizeof(data));
	assert_null(wire_read_bytes(&r, UINT64_MAX)); /* no overflow */
	assert_true(r.bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_are_big_endian),
		cmocka_unit_test(varints_have_one_form_and_known_sizes),
		cmocka_unit_test(varints_that_do_not_fit_are_refused),
		cmocka_unit_test(a_reader_that_ran_dry_stays_bad),
	};

	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
