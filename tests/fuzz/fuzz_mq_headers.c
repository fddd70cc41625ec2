/* Any bytes as a message of IBM MQ with headers: the rest is the end of the message, no field is longer than the room for them, and taking the headers off
 * once more changes nothing where all of them were. The first two bytes choose the format, the byte order and the character set. */
#include <stdlib.h>
#include <string.h>

#include "input_ibmmq/ibmmq.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
	if (!truth)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const formats[] = {"MQDEAD  ", "MQHRF2  ", "MQIMS   ", "MQCICS  "};
	static struct ibmmq_body body; /* keeps its room */
	struct lg_err err;
	enum lg_rc rc;
	size_t rest;

	if (size < 2)
		return 0;
	memcpy(body.format, formats[data[0] % 4], 9);
	body.encoding = data[1] & 1 ? 273 : 546;
	body.ccsid = data[1] & 2 ? 37 : 1208;
	rc = ibmmq_headers(&body, data + 2, size - 2, &err);
	require(body.data >= data + 2 && body.data + body.size == data + size);
	require(body.field_count <= IBMMQ_FIELDS && strlen(body.format) == 8);
	for (size_t i = 0; i < body.field_count; i++) {
		const struct lg_value *field = &body.fields[i];

		require(field->name.size > 0 && field->name.size < 256 && field->text.size > 0);
		require((const uint8_t *)field->text.data >= body.room.data && (const uint8_t *)field->text.data + field->text.size <= body.room.data + body.room.size);
	}
	rest = body.size;
	if (rc == LG_OK && ibmmq_headers(&body, body.data, body.size, &err) == LG_OK)
		require(body.size == rest && body.field_count == 0);
	return 0;
}
