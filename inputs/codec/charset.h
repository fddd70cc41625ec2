/* charset.h - the encodings a stream can have, turned into valid UTF-8.
 *
 * Built in, without iconv, since musl and minimal containers have no EBCDIC modules: UTF-8, UTF-16, ISO-8859-1 and the single-byte
 * EBCDIC pages 037, 273, 277, 278, 280, 284, 285, 297, 500, 871, 1047 and 1140 to 1149 (ebcdic_tables.py says where from). The other
 * pages, among them the double-byte ones (SO 0E ... SI 0F), come from the system's iconv: once, as tables, so that a record never
 * depends on what stood before it.
 */
#ifndef CHARSET_H
#define CHARSET_H

#include "api/lg_core.h"

enum charset_kind {
	CHARSET_KIND_AUTO,
	CHARSET_KIND_UTF8,
	CHARSET_KIND_UTF16,
	CHARSET_KIND_ASCII,  /* single bytes, the lower half of them ASCII */
	CHARSET_KIND_EBCDIC, /* single bytes */
	CHARSET_KIND_SHIFT,  /* EBCDIC with double-byte characters between SO and SI */
};

/* X(symbol, name, kind, what iconv calls it where its tables come from there). The ids are in saved positions: only append. */
#define CHARSETS(X)                                   \
	X(AUTO, "auto", AUTO, NULL)                   \
	X(UTF_8, "UTF-8", UTF8, NULL)                 \
	X(ISO_8859_1, "ISO-8859-1", ASCII, NULL)      \
	X(IBM_037, "IBM-037", EBCDIC, NULL)           \
	X(IBM_1047, "IBM-1047", EBCDIC, NULL)         \
	X(IBM_273, "IBM-273", EBCDIC, NULL)           \
	X(IBM_277, "IBM-277", EBCDIC, NULL)           \
	X(IBM_278, "IBM-278", EBCDIC, NULL)           \
	X(IBM_280, "IBM-280", EBCDIC, NULL)           \
	X(IBM_284, "IBM-284", EBCDIC, NULL)           \
	X(IBM_285, "IBM-285", EBCDIC, NULL)           \
	X(IBM_297, "IBM-297", EBCDIC, NULL)           \
	X(IBM_500, "IBM-500", EBCDIC, NULL)           \
	X(IBM_871, "IBM-871", EBCDIC, NULL)           \
	X(IBM_1140, "IBM-1140", EBCDIC, NULL)         \
	X(IBM_1141, "IBM-1141", EBCDIC, NULL)         \
	X(IBM_1142, "IBM-1142", EBCDIC, NULL)         \
	X(IBM_1143, "IBM-1143", EBCDIC, NULL)         \
	X(IBM_1144, "IBM-1144", EBCDIC, NULL)         \
	X(IBM_1145, "IBM-1145", EBCDIC, NULL)         \
	X(IBM_1146, "IBM-1146", EBCDIC, NULL)         \
	X(IBM_1147, "IBM-1147", EBCDIC, NULL)         \
	X(IBM_1148, "IBM-1148", EBCDIC, NULL)         \
	X(IBM_1149, "IBM-1149", EBCDIC, NULL)         \
	X(UTF_16, "UTF-16", UTF16, NULL)              \
	X(UTF_16LE, "UTF-16LE", UTF16, NULL)          \
	X(UTF_16BE, "UTF-16BE", UTF16, NULL)          \
	X(IBM_930, "IBM-930", SHIFT, "IBM930")        \
	X(IBM_933, "IBM-933", SHIFT, "IBM933")        \
	X(IBM_935, "IBM-935", SHIFT, "IBM935")        \
	X(IBM_937, "IBM-937", SHIFT, "IBM937")        \
	X(IBM_939, "IBM-939", SHIFT, "IBM939")        \
	X(IBM_1364, "IBM-1364", SHIFT, "IBM1364")     \
	X(IBM_1371, "IBM-1371", SHIFT, "IBM1371")     \
	X(IBM_1388, "IBM-1388", SHIFT, "IBM1388")     \
	X(IBM_1390, "IBM-1390", SHIFT, "IBM1390")     \
	X(IBM_1399, "IBM-1399", SHIFT, "IBM1399")     \
	X(IBM_290, "IBM-290", EBCDIC, "IBM290")       \
	X(IBM_420, "IBM-420", EBCDIC, "IBM420")       \
	X(IBM_424, "IBM-424", EBCDIC, "IBM424")       \
	X(IBM_870, "IBM-870", EBCDIC, "IBM870")       \
	X(IBM_875, "IBM-875", EBCDIC, "CP875")        \
	X(IBM_880, "IBM-880", EBCDIC, "IBM880")       \
	X(IBM_905, "IBM-905", EBCDIC, "IBM905")       \
	X(IBM_918, "IBM-918", EBCDIC, "IBM918")       \
	X(IBM_1025, "IBM-1025", EBCDIC, "IBM1025")    \
	X(IBM_1026, "IBM-1026", EBCDIC, "IBM1026")    \
	X(IBM_1097, "IBM-1097", EBCDIC, "IBM1097")    \
	X(IBM_1112, "IBM-1112", EBCDIC, "IBM1112")    \
	X(IBM_1122, "IBM-1122", EBCDIC, "IBM1122")    \
	X(IBM_1123, "IBM-1123", EBCDIC, "IBM1123")    \
	X(IBM_1130, "IBM-1130", EBCDIC, "IBM1130")    \
	X(IBM_1132, "IBM-1132", EBCDIC, "IBM1132")    \
	X(IBM_1137, "IBM-1137", EBCDIC, "IBM1137")    \
	X(IBM_1153, "IBM-1153", EBCDIC, "IBM1153")    \
	X(IBM_1154, "IBM-1154", EBCDIC, "IBM1154")    \
	X(IBM_1155, "IBM-1155", EBCDIC, "IBM1155")    \
	X(IBM_1156, "IBM-1156", EBCDIC, "IBM1156")    \
	X(IBM_1157, "IBM-1157", EBCDIC, "IBM1157")    \
	X(IBM_1158, "IBM-1158", EBCDIC, "IBM1158")    \
	X(IBM_1160, "IBM-1160", EBCDIC, "IBM1160")    \
	X(IBM_1164, "IBM-1164", EBCDIC, "IBM1164")    \
	X(IBM_1166, "IBM-1166", EBCDIC, "IBM1166")    \
	X(ISO_8859_15, "ISO-8859-15", ASCII, "ISO-8859-15") \
	X(WINDOWS_1252, "windows-1252", ASCII, "WINDOWS-1252")

enum charset_id {
#define X(symbol, name, kind, iconv_name) CHARSET_##symbol,
	CHARSETS(X)
#undef X
	CHARSET_COUNT
};

/* Which characters are a newline: they end a record in framing `line`, and are \n in a text. */
enum charset_newline {
	CHARSET_NEWLINE_ANY,     /* LF and NEL */
	CHARSET_NEWLINE_NEL,     /* NEL (EBCDIC 15); LF is \n in a text all the same */
	CHARSET_NEWLINE_LF,      /* LF (EBCDIC 25); NEL stays U+0085 */
	CHARSET_NEWLINE_SWAPPED, /* EBCDIC alone: 15 is LF, as z/OS UNIX means it, and 25 NEL, which stays U+0085 */
	CHARSET_NEWLINE_COUNT
};

/* The canonical name of an encoding however it is spelled (CP037, ibm-37, IBM1047, latin1, utf8, EBCDIC-CP-US ...), "auto" included;
 * static storage. NULL for one that is not known. Any thread. */
const char *charset_canonical(struct lg_str spelling);
const char *charset_name(enum charset_id id);
/* The id of a canonical name; CHARSET_COUNT where it is none. */
enum charset_id charset_id_of(const char *canonical);
enum charset_kind charset_kind(enum charset_id id);

static inline bool charset_is_ebcdic(enum charset_id id)
{
	return charset_kind(id) >= CHARSET_KIND_EBCDIC;
}

/* The code point of every byte of a page built in that is a permutation of ISO-8859-1, the currency sign standing for the euro; NULL
 * for any other. */
const uint8_t *charset_table(enum charset_id id);

/* ---- decoding ---------------------------------------------------------------------------------------------------- */

/* Immutable once it is made, shared by all streams with the same settings, and never freed. */
struct charset_decoder;

/* LG_UNSUPPORTED: the tables would come from the system's iconv, which does not have them. LG_INVALID: the newline policy is not one
 * for this encoding. Not for CHARSET_AUTO. Any thread. */
enum lg_rc charset_decoder_get(const struct charset_decoder **decoder, enum charset_id id, enum charset_newline newline,
                               struct lg_err *err) LG_WARN_UNUSED;

/* The text of one record: valid UTF-8, newlines by the policy. `shifted`: it begins between SO and SI (a later part of a record).
 * Borrows from `data` where nothing had to change, else from `scratch`, which is overwritten; until either changes. What is no
 * character becomes one U+FFFD and is added to *substitutions: of UTF-8 each maximal subpart of an ill-formed sequence (Unicode 15,
 * section 3.9, D93b), of UTF-16 each lone surrogate and a last odd byte, of the pages each byte or pair without a character. Any
 * thread. */
struct lg_str charset_decode(const struct charset_decoder *decoder, const uint8_t *data, size_t size, bool shifted,
                             struct lg_buf *scratch, uint64_t *substitutions);

/* The largest n <= size that does not cut through a character; size itself where the bytes are no characters. */
size_t charset_cut(enum charset_id id, const uint8_t *data, size_t size, bool shifted);
/* Whether what follows the size bytes at data stands between SO and SI. */
bool charset_shifted(enum charset_id id, const uint8_t *data, size_t size, bool shifted);

#endif
