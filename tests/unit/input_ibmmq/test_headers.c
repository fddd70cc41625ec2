/* Headers in front of a body, in both byte orders and in EBCDIC; and bytes that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "input_ibmmq/ibmmq.h"

#define REVERSED 546
#define NORMAL 273
#define MESSAGE "the body"

/* A message being made: numbers in the order of `encoding`. */
struct maker {
	uint8_t bytes[4096];
	size_t size;
	int32_t encoding;
	bool ebcdic;
};

static void put_number(struct maker *m, int32_t number)
{
	for (int i = 0; i < 4; i++)
		m->bytes[m->size++] = (uint8_t)((uint32_t)number >> (m->encoding == REVERSED ? 8 * i : 24 - 8 * i));
}

/* Letters, digits and blanks of IBM-037. */
static uint8_t to_ebcdic(char c)
{
	if (c >= 'A' && c <= 'I')
		return (uint8_t)(0xc1 + c - 'A');
	if (c >= 'J' && c <= 'R')
		return (uint8_t)(0xd1 + c - 'J');
	if (c >= 'S' && c <= 'Z')
		return (uint8_t)(0xe2 + c - 'S');
	if (c >= '0' && c <= '9')
		return (uint8_t)(0xf0 + c - '0');
	return c == '.' ? 0x4b : 0x40;
}

static void put_chars(struct maker *m, const char *text, size_t size)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < size; i++) {
		char c = i < length ? text[i] : ' ';

		m->bytes[m->size++] = m->ebcdic ? to_ebcdic(c) : (uint8_t)c;
	}
}

static void put_bytes(struct maker *m, const char *text)
{
	memcpy(m->bytes + m->size, text, strlen(text));
	m->size += strlen(text);
}

static void put_dlh(struct maker *m, int32_t encoding, int32_t ccsid, const char *format)
{
	put_chars(m, "DLH ", 4);
	put_number(m, 1);
	put_number(m, 2053);
	put_chars(m, "PAY.IN", 48);
	put_chars(m, "QM1", 48);
	put_number(m, encoding);
	put_number(m, ccsid);
	put_chars(m, format, 8);
	put_number(m, 2);
	put_chars(m, "PAYJOB", 28);
	put_chars(m, "20261123", 8);
	put_chars(m, "08091011", 8);
}

static void put_rfh2(struct maker *m, const char *format, const char *first, const char *second)
{
	const char *folders[] = {first, second};
	size_t begin = m->size;

	put_chars(m, "RFH ", 4);
	put_number(m, 2);
	put_number(m, (int32_t)(36 + 4 + strlen(first) + (second ? 4 + strlen(second) : 0)));
	put_number(m, m->encoding);
	put_number(m, 1208);
	put_chars(m, format, 8);
	put_number(m, 0);
	put_number(m, 1208);
	assert_int_equal(m->size - begin, 36);
	for (size_t i = 0; i < 2 && folders[i]; i++) {
		put_number(m, (int32_t)strlen(folders[i]));
		put_bytes(m, folders[i]);
	}
}

static void put_iih(struct maker *m, const char *format, int32_t length)
{
	put_chars(m, "IIH ", 4);
	put_number(m, 1);
	put_number(m, length);
	put_number(m, 0);
	put_number(m, 0);
	put_chars(m, format, 8);
	put_number(m, 0);
	put_chars(m, "LTERM1", 8);
	put_chars(m, "MAP1", 8);
	put_chars(m, "MQIMSVS", 8);
	put_chars(m, "PASSWORD", 8);
	for (int i = 0; i < 16; i++)
		m->bytes[m->size++] = 0;
	put_chars(m, " 0C ", 4);
}

static void put_cih(struct maker *m, const char *format)
{
	size_t begin = m->size;

	put_chars(m, "CIH ", 4);
	put_number(m, 2);
	put_number(m, 180);
	put_number(m, 0);
	put_number(m, 0);
	put_chars(m, format, 8);
	put_number(m, 0);
	put_number(m, 5);
	put_number(m, 0);
	put_number(m, 17);
	while (m->size < begin + 84)
		m->bytes[m->size++] = 0;
	put_chars(m, "LINK", 4);
	put_chars(m, "ASRA", 4);
	put_chars(m, "PASSWORD", 8);
	while (m->size < begin + 124)
		m->bytes[m->size++] = 0;
	put_chars(m, "PAY1", 4);
	while (m->size < begin + 180)
		m->bytes[m->size++] = 0;
}

static struct ibmmq_body body;

static enum lg_rc take(const struct maker *m, const char *format)
{
	struct lg_err err;

	memcpy(body.format, format, 9);
	body.encoding = m->encoding;
	body.ccsid = m->ebcdic ? 37 : 1208;
	return ibmmq_headers(&body, m->bytes, m->size, &err);
}

static struct lg_str field(const char *name)
{
	for (size_t i = 0; i < body.field_count; i++)
		if (lg_str_is(body.fields[i].name, name))
			return body.fields[i].text;
	return LG_STR("(none)");
}

#define assert_field(name, text) assert_true(lg_str_is(field(name), text))
#define assert_rest(text) assert_true(body.size == strlen(text) && memcmp(body.data, text, body.size) == 0)

static void a_dead_letter_header_says_where_the_message_was_to_go(void **state)
{
	static const int32_t encodings[] = {NORMAL, REVERSED};

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct maker m = {.encoding = encodings[i % 2], .ebcdic = i >= 2};

		put_dlh(&m, REVERSED, 500, "MQSTR");
		put_bytes(&m, MESSAGE);
		assert_int_equal(take(&m, "MQDEAD  "), LG_OK);
		assert_rest(MESSAGE);
		assert_string_equal(body.format, "MQSTR   ");
		assert_int_equal(body.encoding, REVERSED);
		assert_int_equal(body.ccsid, 500);
		assert_field("mq.dlh.reason", "2053");
		assert_field("mq.dlh.queue", "PAY.IN");
		assert_field("mq.dlh.queue_manager", "QM1");
		assert_field("mq.dlh.appl_name", "PAYJOB");
		assert_field("mq.dlh.put_time", "08091011");
	}
}

static void a_wrong_encoding_does_not_turn_the_numbers_around(void **state)
{
	struct maker m = {.encoding = NORMAL};

	(void)state;
	put_dlh(&m, 0, 0, "MQSTR");
	put_bytes(&m, MESSAGE);
	m.encoding = REVERSED; /* what the descriptor claims */
	assert_int_equal(take(&m, "MQDEAD  "), LG_OK);
	assert_field("mq.dlh.reason", "2053");
	assert_int_equal(body.encoding, REVERSED); /* 0: as before */
	assert_int_equal(body.ccsid, 1208);
	assert_rest(MESSAGE);
}

static void folders_become_fields(void **state)
{
	struct maker m = {.encoding = NORMAL};

	(void)state;
	put_rfh2(&m, "MQSTR", "<mcd><Msd>jms_text</Msd></mcd>  ",
	         "<usr><a dt='i4'>17</a><b>1 &lt; 2 &amp; 3</b><c/><group><x>deep</x></group><empty></empty></usr>");
	put_bytes(&m, MESSAGE);
	assert_int_equal(take(&m, "MQHRF2  "), LG_OK);
	assert_rest(MESSAGE);
	assert_field("mq.rfh2.mcd.Msd", "jms_text");
	assert_field("mq.rfh2.usr.a", "17");
	assert_field("mq.rfh2.usr.b", "1 < 2 & 3");
	assert_field("mq.rfh2.usr.group.x", "deep");
	assert_int_equal(body.field_count, 4);
	assert_int_equal(body.left_out, 0);
}

static void a_folder_in_utf_16_is_read_in_its_byte_order(void **state)
{
	static const char folder[] = "<usr><k>v</k></usr>";
	static const int32_t encodings[] = {NORMAL, REVERSED};

	(void)state;
	for (int e = 0; e < 2; e++) {
		struct maker m = {.encoding = encodings[e]};

		put_rfh2(&m, "MQSTR", "", NULL);
		m.size -= 4;
		put_number(&m, (int32_t)(2 * strlen(folder)));
		for (size_t i = 0; i < strlen(folder); i++) {
			m.bytes[m.size++] = (uint8_t)(e ? folder[i] : 0);
			m.bytes[m.size++] = (uint8_t)(e ? 0 : folder[i]);
		}
		m.bytes[e ? 8 : 11] = (uint8_t)m.size;       /* StrucLength */
		m.bytes[e ? 32 : 34] = e ? 1200 & 255 : 1200 >> 8; /* NameValueCCSID */
		m.bytes[e ? 33 : 35] = e ? 1200 >> 8 : 1200 & 255;
		put_bytes(&m, MESSAGE);
		assert_int_equal(take(&m, "MQHRF2  "), LG_OK);
		assert_field("mq.rfh2.usr.k", "v");
		assert_rest(MESSAGE);
	}
}

static void headers_follow_each_other(void **state)
{
	struct maker m = {.encoding = REVERSED};

	(void)state;
	put_dlh(&m, NORMAL, 37, "MQIMS");
	m.encoding = NORMAL;
	m.ebcdic = true;
	put_iih(&m, "MQCICS", 84);
	put_cih(&m, "MQSTR");
	put_bytes(&m, MESSAGE);
	m.encoding = REVERSED;
	m.ebcdic = false;
	assert_int_equal(take(&m, "MQDEAD  "), LG_OK);
	assert_rest(MESSAGE);
	assert_string_equal(body.format, "MQSTR   ");
	assert_int_equal(body.ccsid, 37);
	assert_field("mq.ims.lterm", "LTERM1");
	assert_field("mq.ims.mfs_map", "MAP1");
	assert_field("mq.cics.return_code", "5");
	assert_field("mq.cics.reason", "17");
	assert_field("mq.cics.transaction", "PAY1");
	assert_field("mq.cics.abend_code", "ASRA");
}

static void passwords_in_headers_are_not_shipped(void **state)
{
	struct maker m = {.encoding = NORMAL};

	(void)state;
	put_iih(&m, "MQCICS", 84);
	put_cih(&m, "MQSTR");
	assert_int_equal(take(&m, "MQIMS   "), LG_OK);
	assert_true(body.field_count > 4);
	for (size_t i = 0; i < body.field_count; i++)
		assert_false(lg_str_is(body.fields[i].text, "PASSWORD"));
}

static void a_header_that_is_none_stays_part_of_the_body(void **state)
{
	static const int32_t lengths[] = {83, -1, 5000, 0};

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct maker m = {.encoding = NORMAL};

		put_iih(&m, "MQSTR", lengths[i]);
		put_bytes(&m, MESSAGE);
		assert_int_equal(take(&m, "MQIMS   "), LG_CORRUPT);
		assert_int_equal(body.size, m.size);
		assert_ptr_equal(body.data, m.bytes);
	}
}

static void every_cut_of_a_message_is_survived(void **state)
{
	static const char *const formats[] = {"MQDEAD  ", "MQHRF2  ", "MQIMS   ", "MQCICS  "};

	(void)state;
	for (int f = 0; f < 4; f++) {
		struct maker m = {.encoding = NORMAL};
		size_t all;

		if (f == 0)
			put_dlh(&m, NORMAL, 1208, "MQHRF2");
		if (f <= 1)
			put_rfh2(&m, "MQIMS", "<usr><a>1</a></usr>", NULL);
		if (f <= 2)
			put_iih(&m, "MQCICS", 84);
		put_cih(&m, "MQSTR");
		put_bytes(&m, MESSAGE);
		all = m.size;
		for (m.size = 0; m.size <= all; m.size++) {
			uint8_t *copy = malloc(m.size + 1); /* the sanitizer sees what is read behind the end */
			struct lg_err err;

			memcpy(copy, m.bytes, m.size);
			copy = realloc(copy, m.size ? m.size : 1);
			memcpy(body.format, formats[f], 9);
			body.encoding = NORMAL;
			body.ccsid = 1208;
			if (ibmmq_headers(&body, copy, m.size, &err) == LG_OK)
				assert_true(m.size >= all - strlen(MESSAGE));
			assert_true(body.data >= copy && body.data + body.size == copy + m.size);
			free(copy);
		}
	}
}

static void wrong_folders_are_counted_and_do_no_harm(void **state)
{
	static const char *const folders[] = {"<usr><a>1</usr>", "</usr>", "<usr", "<>x</>", "<usr><a>1</a>", "<a><b><c><d><e><f><g><h><i>1</i></h></g></f></e></d></c></b></a>"};

	(void)state;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		struct maker m = {.encoding = NORMAL};

		put_rfh2(&m, "MQSTR", folders[i], "<usr><ok>yes</ok></usr>");
		put_bytes(&m, MESSAGE);
		assert_int_equal(take(&m, "MQHRF2  "), LG_OK);
		assert_int_equal(body.left_out, 1);
		assert_field("mq.rfh2.usr.ok", "yes");
		assert_rest(MESSAGE);
	}
}

static void every_reason_has_one_class_and_is_listed_once(void **state)
{
	(void)state;
	for (const struct ibmmq_reason *a = ibmmq_reasons; a->code; a++)
		for (const struct ibmmq_reason *b = ibmmq_reasons; b != a; b++)
			assert_int_not_equal(a->code, b->code);
	assert_int_equal(ibmmq_reason(0)->class, IBMMQ_FINE);
	assert_int_equal(ibmmq_reason(2033)->class, IBMMQ_IDLE);
	assert_int_equal(ibmmq_reason(2009)->class, IBMMQ_RECONNECT);
	assert_int_equal(ibmmq_reason(2035)->class, IBMMQ_CONFIG);
	assert_int_equal(ibmmq_reason(9999)->class, IBMMQ_RECONNECT);
}

static int teardown(void **state)
{
	(void)state;
	lg_buf_fini(&body.room);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dead_letter_header_says_where_the_message_was_to_go),
		cmocka_unit_test(a_wrong_encoding_does_not_turn_the_numbers_around),
		cmocka_unit_test(folders_become_fields),
		cmocka_unit_test(a_folder_in_utf_16_is_read_in_its_byte_order),
		cmocka_unit_test(headers_follow_each_other),
		cmocka_unit_test(passwords_in_headers_are_not_shipped),
		cmocka_unit_test(a_header_that_is_none_stays_part_of_the_body),
		cmocka_unit_test(every_cut_of_a_message_is_survived),
		cmocka_unit_test(wrong_folders_are_counted_and_do_no_harm),
		cmocka_unit_test(every_reason_has_one_class_and_is_listed_once),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
