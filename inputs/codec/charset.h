/* charset.h - the encodings a stream can have, turned into valid UTF-8.
 *
 * Built in, without iconv: musl and minimal containers have no EBCDIC modules. The two EBCDIC pages are the CDRA tables (what
 * glibc calls IBM037 and IBM1047); every byte of them is one code point below U+0100. Constant data: any thread.
 */
#ifndef CHARSET_H
#define CHARSET_H

#include "api/lg_core.h"

enum charset_id { CHARSET_AUTO, CHARSET_UTF_8, CHARSET_ISO_8859_1, CHARSET_IBM_037, CHARSET_IBM_1047, CHARSET_COUNT };

/* The canonical name of an encoding however it is spelled (CP037, ibm-37, IBM1047, latin1, utf8 ...), "auto" included; static
 * storage. NULL for one that is not known. */
const char *charset_canonical(struct lg_str spelling);
const char *charset_name(enum charset_id id);
/* The id of a canonical name; CHARSET_COUNT where it is none. */
enum charset_id charset_id_of(const char *canonical);

static inline bool charset_is_ebcdic(enum charset_id id)
{
	return id == CHARSET_IBM_037 || id == CHARSET_IBM_1047;
}

/* The code point (below U+0100) of every byte, per the CDRA tables; NULL for UTF-8 and auto. */
const uint8_t *charset_table(enum charset_id id);

/* The text of one record: valid UTF-8, NEL (U+0085) become \n. Borrows from `data` where nothing had to change, else from
 * `scratch`, which is overwritten; until either changes. For UTF-8 each maximal subpart of an ill-formed sequence (Unicode 15,
 * section 3.9, D93b) becomes one U+FFFD and is added to *substitutions. */
struct lg_str charset_decode(enum charset_id id, const uint8_t *data, size_t size, struct lg_buf *scratch,
                             uint64_t *substitutions);

/* The largest n <= size that does not cut through a UTF-8 sequence; size itself where the bytes are not UTF-8 or id is another
 * encoding. */
size_t charset_cut(enum charset_id id, const uint8_t *data, size_t size);

#endif
