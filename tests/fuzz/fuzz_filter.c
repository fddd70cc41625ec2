/* Any text as a `where` expression; what compiles is evaluated. The input: the expression, a NUL, a value for the record's texts. */
#include <stdlib.h>
#include <string.h>

#include "data/batch.h"
#include "data/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_field(void *arg, unsigned field, struct lg_str name)
{
	(void)arg;
	if (field >= LG_F_LIMIT || !name.size)
		abort();
}

static struct lg_batch *make_batch(struct lg_str text)
{
	static const uint8_t codes[] = {2, 9, 128};
	struct lg_batch *batch = batch_new(NULL, 0, "fuzz");
	struct lg_draft d;

	lg_draft_reset(&d);
	d.body = text;
	d.severity = LG_ERR;
	d.facility = 1;
	lg_draft_string(&d, LG_F_ZOS_SYSNAME, text);
	lg_draft_number(&d, LG_F_LOG_OFFSET, 5);
	lg_draft_bool(&d, LG_F_ORPHAN, true);
	lg_draft_numbers(&d, LG_F_ZOS_ROUTING_CODES, codes, sizeof(codes));
	lg_draft_custom(&d, LG_STR("x"), text);
	batch_add(batch, &d, NULL, 1);
	return batch;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
	size_t length = nul ? (size_t)(nul - data) : size, at = 0;
	struct lg_str value = nul ? (struct lg_str){(const char *)nul + 1, size - length - 1} : LG_STR("$HASP373 STARTED");
	char *text = malloc(length + 1);
	struct lg_err err = {0};
	struct filter *filter;

	if (!text)
		return 0;
	if (length)
		memcpy(text, data, length);
	text[length] = '\0';
	if (filter_compile(&filter, text, &at, &err) == LG_OK) {
		struct lg_batch *batch = make_batch(value);
		struct lg_batch_iter it;
		struct lg_record rec;

		lg_batch_begin(&it, batch, 0);
		while (lg_batch_next(&it, &rec))
			(void)filter_match(filter, &rec);
		filter_fields(filter, check_field, NULL);
		if (filter_dollar_trap(filter, &at) && at > length)
			abort();
		lg_batch_release(batch);
	} else if (at > length || !err.text[0]) {
		abort(); /* an error names its place and its reason */
	}
	filter_free(filter);
	free(text);
	return 0;
}
