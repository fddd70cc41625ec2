/* charset_tables.h - what the decoder is made from: tables built in, and those the system's iconv gives. */
#ifndef CHARSET_TABLES_H
#define CHARSET_TABLES_H

#include "codec/charset.h"

extern const uint8_t ebcdic_037[256], ebcdic_273[256], ebcdic_277[256], ebcdic_278[256], ebcdic_280[256], ebcdic_284[256],
	ebcdic_285[256], ebcdic_297[256], ebcdic_500[256], ebcdic_871[256], ebcdic_1047[256];

#define CHARSET_NONE UINT32_MAX /* no character */

/* The double-byte characters of a page, from 4040 to FEFE. Some are two code points (a letter and a combining mark). */
struct charset_pairs {
	uint32_t points[192][192][2]; /* [first - 3F], [second - 3F]; the second point is 0 mostly */
};

/* The code point of every byte, CHARSET_NONE where it has none (SO and SI among them). */
enum lg_rc charset_tables_single(enum charset_id id, const char *iconv_name, uint32_t points[256], struct lg_err *err) LG_WARN_UNUSED;
/* The double-byte characters, owned by the caller. */
enum lg_rc charset_tables_pairs(enum charset_id id, const char *iconv_name, struct charset_pairs **pairs, struct lg_err *err) LG_WARN_UNUSED;
/* Length of the maximal subpart at p, which does not start a well-formed sequence: the longest start of one, or one byte. */
size_t charset_utf8_subpart(const uint8_t *p, size_t size);
/* The row of CHARSETS, NULL for what is built in. */
const char *charset_iconv_name(enum charset_id id);

#endif
