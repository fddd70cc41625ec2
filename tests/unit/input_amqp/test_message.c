/* Messages that Proton encodes, taken apart; and bytes that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <proton/message.h>

#include "input_amqp/amqp.h"

static struct amqp_decoder *decoder;

static int setup(void **state)
{
	(void)state;
	decoder = amqp_decoder_new();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	amqp_decoder_free(decoder);
	return 0;
}

static uint8_t bytes[1 << 17];

static size_t encode(pn_message_t *message)
{
	size_t size = sizeof(bytes);

	assert_int_equal(pn_message_encode(message, (char *)bytes, &size), 0);
	return size;
}

static bool is(struct lg_str text, const char *expected)
{
	return lg_str_is(text, expected);
}

static struct lg_str field(const struct amqp_message *m, const char *name)
{
	for (size_t i = 0; i < m->field_count; i++)
		if (lg_str_is(m->fields[i].name, name))
			return m->fields[i].text;
	return (struct lg_str){"", 0};
}

static pn_message_t *with_body(bool inferred, bool string, const char *text)
{
	pn_message_t *message = pn_message();

	pn_message_set_inferred(message, inferred);
	if (string)
		pn_data_put_string(pn_message_body(message), pn_bytes(strlen(text), text));
	else
		pn_data_put_binary(pn_message_body(message), pn_bytes(strlen(text), text));
	return message;
}

static void properties_and_bodies_come_out(void **state)
{
	pn_message_t *message = with_body(true, false, "hello");
	pn_data_t *properties = pn_message_properties(message);
	struct amqp_message m;
	size_t size;

	(void)state;
	pn_message_set_durable(message, true);
	pn_message_set_id(message, (pn_atom_t){.type = PN_STRING, .u.as_bytes = pn_bytes(4, "id-1")});
	pn_message_set_correlation_id(message, (pn_atom_t){.type = PN_ULONG, .u.as_ulong = UINT64_MAX});
	pn_message_set_user_id(message, pn_bytes(5, "CICSU"));
	pn_message_set_subject(message, "a subject");
	pn_message_set_content_type(message, "text/plain");
	pn_message_set_creation_time(message, 1785000000123);
	pn_data_put_map(properties);
	pn_data_enter(properties);
	pn_data_put_string(properties, pn_bytes(3, "num"));
	pn_data_put_int(properties, -7);
	pn_data_put_string(properties, pn_bytes(4, "bool"));
	pn_data_put_bool(properties, true);
	pn_data_put_string(properties, pn_bytes(3, "bin"));
	pn_data_put_binary(properties, pn_bytes(2, "\x01\xff"));
	pn_data_put_string(properties, pn_bytes(4, "text"));
	pn_data_put_string(properties, pn_bytes(5, "words"));
	pn_data_exit(properties);
	size = encode(message);
	assert_int_equal(amqp_decode(decoder, bytes, size, false, &m, NULL), LG_OK);
	assert_true(is(m.id, "id-1"));
	assert_true(is(m.correlation, "18446744073709551615"));
	assert_true(m.created_ns == INT64_C(1785000000123000000));
	assert_true(is(field(&m, "amqp.user_id"), "CICSU"));
	assert_true(is(field(&m, "amqp.subject"), "a subject"));
	assert_true(is(field(&m, "amqp.content_type"), "text/plain"));
	assert_true(is(field(&m, "amqp.properties.num"), "-7"));
	assert_true(is(field(&m, "amqp.properties.bool"), "true"));
	assert_true(is(field(&m, "amqp.properties.bin"), "01ff"));
	assert_true(is(field(&m, "amqp.properties.text"), "words"));
	assert_int_equal(m.body_size, 5);
	assert_memory_equal(m.body, "hello", 5);
	assert_true(m.body > bytes && m.body < bytes + size); /* where it stands, not a copy */
	assert_false(m.text);
	assert_false(m.redelivered);
	pn_message_free(message);
}

static void a_string_is_text_and_a_binary_is_not(void **state)
{
	struct amqp_message m;

	(void)state;
	for (int string = 0; string < 2; string++) {
		pn_message_t *message = with_body(false, string, "body");

		assert_int_equal(amqp_decode(decoder, bytes, encode(message), false, &m, NULL), LG_OK);
		assert_int_equal(m.text, string);
		assert_int_equal(m.body_size, 4);
		pn_message_free(message);
	}
}

static void what_the_broker_says_of_redelivery_is_seen(void **state)
{
	struct amqp_message m;

	(void)state;
	for (uint32_t count = 0; count < 3; count++) {
		pn_message_t *message = with_body(true, false, "x");

		pn_message_set_durable(message, count == 2);
		pn_message_set_first_acquirer(message, count == 0);
		pn_message_set_delivery_count(message, count);
		assert_int_equal(amqp_decode(decoder, bytes, encode(message), false, &m, NULL), LG_OK);
		assert_int_equal(m.redelivered, count > 0);
		pn_message_free(message);
	}
}

static void several_data_sections_are_one_body(void **state)
{
	static const uint8_t two[] = {0, 0x53, 0x75, 0xa0, 3, 'a', 'b', 'c', 0, 0x53, 0x75, 0xa0, 2, 'd', 'e'};
	struct amqp_message m;

	(void)state;
	assert_int_equal(amqp_decode(decoder, two, sizeof(two), false, &m, NULL), LG_OK);
	assert_int_equal(m.body_size, 5);
	assert_memory_equal(m.body, "abcde", 5);
}

static void a_map_is_rendered(void **state)
{
	pn_message_t *message = pn_message();
	pn_data_t *body = pn_message_body(message);
	struct amqp_message m;

	(void)state;
	pn_data_put_map(body);
	pn_data_enter(body);
	pn_data_put_string(body, pn_bytes(1, "k"));
	pn_data_put_int(body, 5);
	pn_data_exit(body);
	assert_int_equal(amqp_decode(decoder, bytes, encode(message), false, &m, NULL), LG_OK);
	assert_true(m.text);
	assert_int_equal(m.body_size, 7);
	assert_memory_equal(m.body, "{\"k\"=5}", 7);
	pn_message_free(message);
}

static void a_cut_message_gives_what_there_is_of_its_body(void **state)
{
	static char text[2000];
	pn_message_t *message;
	struct amqp_message m;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	message = with_body(true, false, text);
	encode(message);
	assert_int_equal(amqp_decode(decoder, bytes, 1000, true, &m, NULL), LG_OK);
	assert_true(m.body_size > 950 && m.body_size < 1000 && m.body[0] == 'x' && m.body[m.body_size - 1] == 'x');
	assert_int_equal(amqp_decode(decoder, bytes, 1000, false, &m, NULL), LG_CORRUPT);
	assert_true(m.body == bytes && m.body_size == 1000);
	pn_message_free(message);
}

static void every_cut_and_every_flipped_byte_is_survived(void **state)
{
	static uint8_t damaged[4096];
	pn_message_t *message = with_body(true, false, "some body");
	struct amqp_message m;
	size_t size;

	(void)state;
	pn_message_set_id(message, (pn_atom_t){.type = PN_STRING, .u.as_bytes = pn_bytes(4, "id-1")});
	pn_message_set_subject(message, "subject");
	size = encode(message);
	for (size_t cut = 0; cut < size; cut++) {
		uint8_t *exact = malloc(cut ? cut : 1); /* so that a sanitizer sees a byte too far */

		memcpy(exact, bytes, cut);
		(void)amqp_decode(decoder, exact, cut, cut % 2, &m, NULL);
		free(exact);
	}
	for (size_t i = 0; i < size; i++)
		for (int bit = 0; bit < 8; bit++) {
			memcpy(damaged, bytes, size);
			damaged[i] ^= (uint8_t)(1 << bit);
			(void)amqp_decode(decoder, damaged, size, false, &m, NULL);
		}
	pn_message_free(message);
}

static void addresses_are_split(void **state)
{
	char server[300];
	bool plain;

	(void)state;
	assert_int_equal(amqp_split("amqps://mq.example.com:5671", server, &plain, NULL), LG_OK);
	assert_string_equal(server, "mq.example.com:5671");
	assert_false(plain);
	assert_int_equal(amqp_split("amqp://[::1]:5672", server, &plain, NULL), LG_OK);
	assert_string_equal(server, "[::1]:5672");
	assert_true(plain);
	assert_int_equal(amqp_split("http://x:1", server, &plain, NULL), LG_INVALID);
	assert_int_equal(amqp_split("amqps://user@x:1", server, &plain, NULL), LG_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(properties_and_bodies_come_out, setup, teardown),
		cmocka_unit_test_setup_teardown(a_string_is_text_and_a_binary_is_not, setup, teardown),
		cmocka_unit_test_setup_teardown(what_the_broker_says_of_redelivery_is_seen, setup, teardown),
		cmocka_unit_test_setup_teardown(several_data_sections_are_one_body, setup, teardown),
		cmocka_unit_test_setup_teardown(a_map_is_rendered, setup, teardown),
		cmocka_unit_test_setup_teardown(a_cut_message_gives_what_there_is_of_its_body, setup, teardown),
		cmocka_unit_test_setup_teardown(every_cut_and_every_flipped_byte_is_survived, setup, teardown),
		cmocka_unit_test(addresses_are_split),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
