/* Any bytes as an AMQP message, whole and cut off: what comes out can be read, what is no message is its own body, and a second look at the same bytes
 * sees the same. The first byte chooses whether the end is missing. */
#include <stdlib.h>
#include <string.h>

#include "input_amqp/amqp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
	if (!truth)
		abort();
}

/* Reads every byte, so that the sanitizer sees strings that borrow from what is gone. */
static uint64_t sum_of(const void *data, size_t size)
{
	const uint8_t *bytes = data;
	uint64_t sum = size;

	for (size_t i = 0; i < size; i++)
		sum = sum * 31 + bytes[i];
	return sum;
}

static uint64_t sum_of_message(const struct amqp_message *m)
{
	uint64_t sum = sum_of(m->id.data, m->id.size) * 3 + sum_of(m->correlation.data, m->correlation.size) * 5 + sum_of(m->body, m->body_size) * 7;

	require(m->field_count <= sizeof(m->fields) / sizeof(m->fields[0]));
	for (size_t i = 0; i < m->field_count; i++) {
		require(m->fields[i].name.size > 0);
		sum = sum * 31 + sum_of(m->fields[i].name.data, m->fields[i].name.size) + sum_of(m->fields[i].text.data, m->fields[i].text.size);
	}
	return sum + (uint64_t)m->created_ns + m->text + 2u * m->redelivered;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct amqp_decoder *decoder;
	struct amqp_message message;
	enum lg_rc rc;
	uint64_t sum;
	bool cut;

	if (!decoder)
		decoder = amqp_decoder_new();
	if (size < 1)
		return 0;
	cut = data[0] & 1;
	data++;
	size--;
	rc = amqp_decode(decoder, data, size, cut, &message, NULL);
	require(rc == LG_OK || rc == LG_CORRUPT);
	if (rc == LG_CORRUPT)
		require(message.body == data && message.body_size == size);
	sum = sum_of_message(&message);
	require(amqp_decode(decoder, data, size, cut, &message, NULL) == rc && sum_of_message(&message) == sum);
	return 0;
}
