/* Names of encodings, and where their characters end. */
#include "codec/charset.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "codec/charset_tables.h"

#define SHIFT_OUT 0x0e
#define SHIFT_IN 0x0f

static const struct {
	const char *name, *iconv_name;
	enum charset_kind kind;
} charsets[CHARSET_COUNT] = {
#define X(symbol, name, kind, iconv_name) [CHARSET_##symbol] = {name, iconv_name, CHARSET_KIND_##kind},
	CHARSETS(X)
#undef X
};

/* ---- names ------------------------------------------------------------------------------------------------------- */

/* Beside the names themselves and the page numbers: without case, punctuation and leading zeros of a number. Those of the form
 * ebcdiccp.. and ebcdic..+euro are IANA's. */
static const struct {
	const char *key;
	enum charset_id id;
} spellings[] = {
	{"ascii", CHARSET_UTF_8},        {"usascii", CHARSET_UTF_8},      {"latin1", CHARSET_ISO_8859_1},
	{"l1", CHARSET_ISO_8859_1},      {"latin9", CHARSET_ISO_8859_15}, {"ucs2", CHARSET_UTF_16},
	{"ebcdiccpus", CHARSET_IBM_037}, {"ebcdiccpca", CHARSET_IBM_037}, {"ebcdiccpwt", CHARSET_IBM_037},
	{"ebcdiccpnl", CHARSET_IBM_037}, {"ebcdiccpdk", CHARSET_IBM_277}, {"ebcdiccpno", CHARSET_IBM_277},
	{"ebcdiccpfi", CHARSET_IBM_278}, {"ebcdiccpse", CHARSET_IBM_278}, {"ebcdiccpit", CHARSET_IBM_280},
	{"ebcdiccpes", CHARSET_IBM_284}, {"ebcdiccpgb", CHARSET_IBM_285}, {"ebcdiccpfr", CHARSET_IBM_297},
	{"ebcdiccpbe", CHARSET_IBM_500}, {"ebcdiccpch", CHARSET_IBM_500}, {"ebcdiccpis", CHARSET_IBM_871},
	{"ebcdiccphe", CHARSET_IBM_424}, {"ebcdiccpar1", CHARSET_IBM_420}, {"ebcdiccproece", CHARSET_IBM_870},
	{"ebcdicus37+euro", CHARSET_IBM_1140},             {"ebcdicde273+euro", CHARSET_IBM_1141},
	{"ebcdicdk277+euro", CHARSET_IBM_1142},            {"ebcdicno277+euro", CHARSET_IBM_1142},
	{"ebcdicfi278+euro", CHARSET_IBM_1143},            {"ebcdicse278+euro", CHARSET_IBM_1143},
	{"ebcdicit280+euro", CHARSET_IBM_1144},            {"ebcdices284+euro", CHARSET_IBM_1145},
	{"ebcdicgb285+euro", CHARSET_IBM_1146},            {"ebcdicfr297+euro", CHARSET_IBM_1147},
	{"ebcdicinternational500+euro", CHARSET_IBM_1148}, {"ebcdicis871+euro", CHARSET_IBM_1149},
};

/* Numbers of pages that are not named IBM-n. */
static const struct {
	long page;
	enum charset_id id;
} pages[] = {{819, CHARSET_ISO_8859_1}, {923, CHARSET_ISO_8859_15}, {1200, CHARSET_UTF_16BE},
             {1202, CHARSET_UTF_16LE},  {1208, CHARSET_UTF_8},      {1252, CHARSET_WINDOWS_1252}};

#define KEY_SIZE 40

/* False where it is too long. */
static bool make_key(struct lg_str spelling, char key[KEY_SIZE])
{
	size_t n = 0;

	for (size_t i = 0; i < spelling.size; i++) {
		char c = spelling.data[i];
		bool digit_before = n && key[n - 1] >= '0' && key[n - 1] <= '9';

		if (c == '-' || c == '_' || c == ' ' || (c == '0' && !digit_before))
			continue;
		if (n == KEY_SIZE - 1)
			return false;
		key[n++] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
	}
	key[n] = '\0';
	return true;
}

/* "ibm37", "cp1047", "ccsid500", "273": the number; -1 for anything else. */
static long page_number(const char *key)
{
	static const char *const prefixes[] = {"ibm", "cp", "ccsid", "xibm", ""};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		size_t size = strlen(prefixes[i]), digits = strspn(key + size < key + strlen(key) ? key + size : "", "0123456789");

		if (strncmp(key, prefixes[i], size) == 0 && digits && digits < 6 && !key[size + digits])
			return atol(key + size);
	}
	return -1;
}

const char *charset_canonical(struct lg_str spelling)
{
	char key[KEY_SIZE], name[KEY_SIZE];
	long page;

	if (!make_key(spelling, key))
		return NULL;
	page = page_number(key);
	for (size_t i = 0; page >= 0 && i < sizeof(pages) / sizeof(pages[0]); i++)
		if (page == pages[i].page)
			return charsets[pages[i].id].name;
	for (size_t i = 0; i < CHARSET_COUNT; i++) {
		(void)make_key(lg_str_from(charsets[i].name), name);
		if (strcmp(key, name) == 0 || (page >= 0 && page == page_number(name)))
			return charsets[i].name;
	}
	for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++)
		if (strcmp(key, spellings[i].key) == 0)
			return charsets[spellings[i].id].name;
	return NULL;
}

const char *charset_name(enum charset_id id)
{
	return id < CHARSET_COUNT ? charsets[id].name : "unknown";
}

enum charset_id charset_id_of(const char *canonical)
{
	for (unsigned i = 0; i < CHARSET_COUNT; i++)
		if (strcmp(charsets[i].name, canonical) == 0)
			return (enum charset_id)i;
	return CHARSET_COUNT;
}

enum charset_kind charset_kind(enum charset_id id)
{
	return id < CHARSET_COUNT ? charsets[id].kind : CHARSET_KIND_AUTO;
}

const char *charset_iconv_name(enum charset_id id)
{
	return charsets[id].iconv_name;
}

const uint8_t *charset_table(enum charset_id id)
{
	static const uint8_t *const tables[CHARSET_COUNT] = {
		[CHARSET_IBM_037] = ebcdic_037,  [CHARSET_IBM_1140] = ebcdic_037, [CHARSET_IBM_273] = ebcdic_273,
		[CHARSET_IBM_1141] = ebcdic_273, [CHARSET_IBM_277] = ebcdic_277,  [CHARSET_IBM_1142] = ebcdic_277,
		[CHARSET_IBM_278] = ebcdic_278,  [CHARSET_IBM_1143] = ebcdic_278, [CHARSET_IBM_280] = ebcdic_280,
		[CHARSET_IBM_1144] = ebcdic_280, [CHARSET_IBM_284] = ebcdic_284,  [CHARSET_IBM_1145] = ebcdic_284,
		[CHARSET_IBM_285] = ebcdic_285,  [CHARSET_IBM_1146] = ebcdic_285, [CHARSET_IBM_297] = ebcdic_297,
		[CHARSET_IBM_1147] = ebcdic_297, [CHARSET_IBM_500] = ebcdic_500,  [CHARSET_IBM_1148] = ebcdic_500,
		[CHARSET_IBM_871] = ebcdic_871,  [CHARSET_IBM_1149] = ebcdic_871, [CHARSET_IBM_1047] = ebcdic_1047,
	};

	return id < CHARSET_COUNT ? tables[id] : NULL;
}

/* ---- where characters end ---------------------------------------------------------------------------------------- */

static size_t cut_utf8(const uint8_t *data, size_t size)
{
	size_t n = size, length;

	/* At most three continuation bytes back stands the lead byte of the last sequence. */
	while (n > 0 && size - n < 3 && (data[n - 1] & 0xc0) == 0x80)
		n--;
	if (n == 0 || data[n - 1] < 0xc2 || data[n - 1] > 0xf4 || text_utf8_length(data + n - 1, size - n + 1))
		return size;
	/* Only a start of a well-formed sequence is worth waiting for its end. */
	length = charset_utf8_subpart(data + n - 1, size - n + 1);
	return length == size - n + 1 ? n - 1 : size;
}

static size_t cut_utf16(enum charset_id id, const uint8_t *data, size_t size)
{
	size_t n = size & ~(size_t)1;

	if (n >= 2 && (data[id == CHARSET_UTF_16LE ? n - 1 : n - 2] & 0xfc) == 0xd8)
		n -= 2;
	return n ? n : size;
}

/* Follows the shifts; *whole becomes the last end of a character. */
static bool follow_shifts(const uint8_t *data, size_t size, bool shifted, size_t *whole)
{
	size_t i = 0;

	while (i < size) {
		if (data[i] == SHIFT_OUT || data[i] == SHIFT_IN)
			shifted = data[i++] == SHIFT_OUT;
		else if (!shifted || data[i] < 0x40)
			i++;
		else if (size - i < 2)
			break;
		else
			i += 2;
	}
	*whole = i;
	return shifted;
}

size_t charset_cut(enum charset_id id, const uint8_t *data, size_t size, bool shifted)
{
	size_t whole = size;

	switch (charset_kind(id)) {
	case CHARSET_KIND_UTF8:
		return cut_utf8(data, size);
	case CHARSET_KIND_UTF16:
		return cut_utf16(id, data, size);
	case CHARSET_KIND_SHIFT:
		(void)follow_shifts(data, size, shifted, &whole);
		return whole ? whole : size;
	default:
		return size;
	}
}

bool charset_shifted(enum charset_id id, const uint8_t *data, size_t size, bool shifted)
{
	size_t whole;

	return charset_kind(id) == CHARSET_KIND_SHIFT && follow_shifts(data, size, shifted, &whole);
}
