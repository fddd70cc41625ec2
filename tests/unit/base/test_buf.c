/* lg_buf, lg_str and lg_err: growth, borrowed strings, what an operator reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "errno.h"
#include "api/lg_core.h"

static void a_buffer_keeps_what_is_appended(void **state)
{
	struct lg_buf buf = {0};

	(void)state;
	assert_true(lg_str_is(lg_buf_str(&buf), ""));
	lg_buf_append(&buf, "ab", 2);
	lg_buf_append(&buf, NULL, 0);
	lg_buf_append_str(&buf, LG_STR("cd"));
	lg_buf_append_cstr(&buf, "ef");
	lg_buf_append_char(&buf, 'g');
	lg_buf_append_u64(&buf, 0);
	lg_buf_append_u64(&buf, UINT64_MAX);
	lg_buf_printf(&buf, "[%s %d]", "x", -3);
	lg_buf_printf(&buf, "%s", "");
	assert_true(lg_str_is(lg_buf_str(&buf), "abcdefg018446744073709551615[x -3]"));
	lg_buf_clear(&buf);
	assert_int_equal(buf.size, 0);
	lg_buf_fini(&buf);
	assert_null(buf.data);
	lg_buf_fini(&buf);
	lg_buf_fini(NULL);
}

static void it_grows_without_losing_a_byte(void **state)
{
	struct lg_buf buf = {0};

	(void)state;
	for (unsigned i = 0; i < 10000; i++)
		lg_buf_append_char(&buf, (char)(i * 7));
	assert_int_equal(buf.size, 10000);
	for (unsigned i = 0; i < 10000; i++)
		assert_int_equal(buf.data[i], (uint8_t)(i * 7));
	memset(lg_buf_reserve(&buf, 5000), 1, 5000); /* writable up to there */
	assert_int_equal(buf.size, 10000);
	lg_buf_fini(&buf);
}

static void consuming_moves_the_rest_down(void **state)
{
	struct lg_buf buf = {0};

	(void)state;
	lg_buf_append_cstr(&buf, "0123456789");
	lg_buf_consume(&buf, 0);
	lg_buf_consume(&buf, 3);
	assert_true(lg_str_is(lg_buf_str(&buf), "3456789"));
	lg_buf_consume(&buf, 7);
	assert_int_equal(buf.size, 0);
	lg_buf_append_cstr(&buf, "x");
	lg_buf_consume(&buf, 100);
	assert_int_equal(buf.size, 0);
	lg_buf_fini(&buf);
}

static void strings_compare_by_their_bytes(void **state)
{
	(void)state;
	assert_true(lg_str_equal(LG_STR("a\0b"), LG_STR("a\0b")));
	assert_false(lg_str_equal(LG_STR("a\0b"), LG_STR("a\0c")));
	assert_false(lg_str_is(LG_STR("ab"), "abc"));
	assert_false(lg_str_is(LG_STR("abc"), "ab"));
	assert_true(lg_str_is(lg_str_from(NULL), ""));
	assert_true(lg_str_equal((struct lg_str){NULL, 0}, LG_STR("")));
}

static void errors_say_what_and_where(void **state)
{
	struct lg_err err;

	(void)state;
	assert_int_equal(lg_err_set(&err, LG_CORRUPT, "frame %d", 7), LG_CORRUPT);
	assert_int_equal(lg_err_prepend(&err, "segment %u", 12U), LG_CORRUPT);
	assert_int_equal(lg_err_prepend(&err, "spool %s", "/x"), LG_CORRUPT);
	assert_string_equal(err.text, "spool /x: segment 12: frame 7");
	assert_int_equal(err.sys_errno, 0);
	assert_int_equal(lg_err_sys(&err, ENOSPC, "write"), LG_NOSPACE);
	assert_int_equal(err.sys_errno, ENOSPC);
	assert_string_equal(err.text, "write: No space left on device");
	assert_int_equal(lg_err_sys(&err, EDQUOT, "write"), LG_NOSPACE);
	assert_int_equal(lg_err_sys(&err, ENOENT, "open"), LG_NOTFOUND);
	assert_int_equal(lg_err_sys(&err, ENOMEM, "map"), LG_NOMEM);
	assert_int_equal(lg_err_sys(&err, EIO, "read"), LG_IO);
	/* nobody listening */
	assert_int_equal(lg_err_set(NULL, LG_TORN, "x"), LG_TORN);
	assert_int_equal(lg_err_sys(NULL, EIO, "x"), LG_IO);
	assert_int_equal(lg_err_prepend(NULL, "x"), LG_IO);
	assert_string_equal(lg_rc_name(LG_CORRUPT), "corrupt");
	assert_string_equal(lg_rc_name((enum lg_rc)999), "unknown");
}

static void an_overlong_error_is_cut_not_overrun(void **state)
{
	struct lg_err err;
	char text[3000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	lg_err_set(&err, LG_IO, "%s", text);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	lg_err_prepend(&err, "%s", "front");
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_memory_equal(err.text, "front: xxx", 10);
	lg_err_sys(&err, EIO, "%s", text);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_buffer_keeps_what_is_appended),
		cmocka_unit_test(it_grows_without_losing_a_byte),
		cmocka_unit_test(consuming_moves_the_rest_down),
		cmocka_unit_test(strings_compare_by_their_bytes),
		cmocka_unit_test(errors_say_what_and_where),
		cmocka_unit_test(an_overlong_error_is_cut_not_overrun),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
