/* Tables of the pages that are not built in, byte by byte from the system's iconv. */
#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/wire.h"
#include "codec/charset_tables.h"

#define SHIFT_OUT 0x0e
#define SHIFT_IN 0x0f

static enum lg_rc open_page(enum charset_id id, const char *name, iconv_t *page, struct lg_err *err)
{
	*page = iconv_open("UTF-32BE", name);
	if (*page != (iconv_t)-1)
		return LG_OK;
	return lg_err_set(err, LG_UNSUPPORTED,
	                  "this system's iconv does not know %s (%s): install the C library's charset modules (Debian: libc6 has them; Red "
	                  "Hat: glibc-gconv-extra; musl has none)",
	                  name, charset_name(id));
}

/* The code points of some bytes, at most two; false where they are no characters. */
static bool convert(iconv_t page, const uint8_t *bytes, size_t size, uint32_t points[2])
{
	uint8_t out[12];
	char *in = (char *)(uintptr_t)bytes, *at = (char *)out;
	size_t left = sizeof(out);
	size_t rc;

	(void)iconv(page, NULL, NULL, NULL, NULL);
	rc = iconv(page, &in, &size, &at, &left);
	if (rc == (size_t)-1 || rc != 0 || size)
		return false;
	/* Some hold a letter back until they see that no combining mark follows. */
	if (iconv(page, NULL, NULL, &at, &left) == (size_t)-1 || left > sizeof(out) - 4 || left < sizeof(out) - 8)
		return false;
	points[0] = wire_get_u32(out);
	points[1] = left == sizeof(out) - 8 ? wire_get_u32(out + 4) : 0;
	return points[0] != 0xfffd;
}

enum lg_rc charset_tables_single(enum charset_id id, const char *iconv_name, uint32_t points[256], struct lg_err *err)
{
	bool shifts = charset_kind(id) == CHARSET_KIND_SHIFT;
	iconv_t page;
	enum lg_rc rc = open_page(id, iconv_name, &page, err);

	if (rc != LG_OK)
		return rc;
	for (unsigned b = 0; b < 256; b++) {
		uint8_t byte = (uint8_t)b;
		uint32_t found[2];

		points[b] = CHARSET_NONE;
		if (shifts && (b == SHIFT_OUT || b == SHIFT_IN))
			continue;
		if (convert(page, &byte, 1, found) && !found[1])
			points[b] = found[0];
	}
	iconv_close(page);
	return LG_OK;
}

enum lg_rc charset_tables_pairs(enum charset_id id, const char *iconv_name, struct charset_pairs **pairs, struct lg_err *err)
{
	iconv_t page;
	enum lg_rc rc = open_page(id, iconv_name, &page, err);

	*pairs = NULL;
	if (rc != LG_OK)
		return rc;
	*pairs = mem_alloc(sizeof(**pairs));
	memset(*pairs, 0xff, sizeof(**pairs)); /* CHARSET_NONE */
	for (unsigned first = 0x40; first < 0xff; first++) {
		for (unsigned second = 0x40; second < 0xff; second++) {
			uint8_t bytes[4] = {SHIFT_OUT, (uint8_t)first, (uint8_t)second, SHIFT_IN};
			uint32_t found[2];

			if (convert(page, bytes, sizeof(bytes), found))
				memcpy((*pairs)->points[first - 0x3f][second - 0x3f], found, sizeof(found));
		}
	}
	iconv_close(page);
	return LG_OK;
}
