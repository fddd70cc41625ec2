#include "codec/detect.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/wire.h"
#include "codec/framing.h"

/* ---- what kind of text ------------------------------------------------------------------------------------------- */

#define TEXT_MIN 16 /* bytes below which nothing is called EBCDIC */

struct profile {
	size_t bytes;
	size_t ascii;    /* printable in ASCII, or white space; 40, the EBCDIC blank, aside */
	size_t ebcdic;   /* the same in EBCDIC */
	size_t blank;    /* 40 */
	size_t high, nul;
	size_t control;  /* below 20, not white space, in ASCII */
	size_t newline_ascii, newline_ebcdic;
	size_t only_037, only_1047; /* square brackets of one page, which are rare letters in the other */
	bool utf8;
};

static bool ebcdic_printable(uint8_t byte)
{
	uint8_t c = charset_table(CHARSET_IBM_037)[byte];

	return (c > 0x20 && c < 0x7f) || byte == 0x15 || byte == 0x25 || byte == 0x0d || byte == 0x05 || byte == 0x0c ||
	       byte == 0xad || byte == 0xbd || byte == 0x5f || byte == 0x4a;
}

static void profile_add(struct profile *p, const uint8_t *data, size_t size)
{
	size_t valid = text_utf8_valid(data, size);

	/* A sequence cut off by the end of what is there is no fault. */
	if (valid < size && charset_cut(CHARSET_UTF_8, data, size) != valid)
		p->utf8 = false;
	p->bytes += size;
	for (size_t i = 0; i < size; i++) {
		uint8_t c = data[i];

		if (c == 0x40) {
			p->blank++;
			continue;
		}
		if ((c >= 0x20 && c < 0x7f) || (c >= 0x09 && c <= 0x0d))
			p->ascii++;
		else if (c < 0x20 && c != 0x1b)
			p->control++;
		p->ebcdic += ebcdic_printable(c);
		p->high += c >= 0x80;
		p->nul += c == 0;
		p->newline_ascii += c == 0x0a;
		p->newline_ebcdic += c == 0x15 || c == 0x25;
		p->only_037 += c == 0xba || c == 0xbb;
		p->only_1047 += c == 0xad || c == 0xbd;
	}
}

/* CHARSET_AUTO where it is no text. Which EBCDIC page is settled by ebcdic_page. */
static enum charset_id profile_charset(const struct profile *p)
{
	size_t rest = p->bytes - p->blank;

	if (p->utf8 && p->control * 50 <= p->bytes && p->nul * 200 <= p->bytes)
		return CHARSET_UTF_8;
	if (p->bytes >= TEXT_MIN && rest && p->ebcdic * 100 >= rest * 88 && p->ascii * 100 <= rest * 60)
		return CHARSET_IBM_037;
	if (p->ascii * 100 >= rest * 70 && p->control * 50 <= p->bytes && p->nul == 0)
		return CHARSET_ISO_8859_1;
	return CHARSET_AUTO;
}

/* Data sets are mostly IBM-037, z/OS UNIX files IBM-1047: the brackets decide, then the framing. */
static enum charset_id ebcdic_page(const struct profile *p, enum lg_framing framing)
{
	if (p->only_037 != p->only_1047)
		return p->only_037 > p->only_1047 ? CHARSET_IBM_037 : CHARSET_IBM_1047;
	return framing == LG_FRAMING_RDW ? CHARSET_IBM_037 : CHARSET_IBM_1047;
}

/* ---- descriptor words -------------------------------------------------------------------------------------------- */

/* Ways to put a length in front of a record that are seen off the mainframe (mainframe.md 2.2). */
enum form { FORM_RDW, FORM_SPANNED, FORM_BE_EXCLUSIVE, FORM_LE_EXCLUSIVE, FORM_LE_INCLUSIVE, FORM_U32, FORM_BDW, FORM_COUNT };

#define WITH_RDW "transfer the data set by FTP in binary with \"quote site rdw\""
#define KEEP_RDW "This variant is not in this version. To keep IBM's RDW, " WITH_RDW

static const struct {
	const char *what, *remedy;
} forms[FORM_COUNT] = {
	[FORM_RDW] = {"records with RDW", ""},
	[FORM_SPANNED] = {"spanned records (RECFM VS or VBS) with RDW: segment codes are set",
	                  "Spanned records are not in this version. Copy the data set to RECFM=VB on z/OS (IDCAMS REPRO or ICEGENER) "
	                  "and transfer that with RDW"},
	[FORM_BE_EXCLUSIVE] = {"records with a big-endian length word that does not count itself (not IBM's RDW)", KEEP_RDW},
	[FORM_LE_EXCLUSIVE] = {"records with a little-endian length in bytes 2 and 3 that does not count itself (not IBM's RDW)",
	                       KEEP_RDW},
	[FORM_LE_INCLUSIVE] = {"records with a little-endian length in bytes 2 and 3 (not IBM's RDW)", KEEP_RDW},
	[FORM_U32] = {"records with a 4-byte big-endian length (as z/OSMF sends with X-IBM-Data-Type: record)",
	              "framing: u32 is not in this version. Instead " WITH_RDW},
	[FORM_BDW] = {"blocks with BDW and RDW",
	              "framing: bdw is not in this version. To have RDWs without block descriptors, " WITH_RDW},
};

/* Bytes of the record at p with its length word, 0 where that is none. At least 4 bytes are there. */
static size_t form_length(enum form form, const uint8_t *p)
{
	size_t be = wire_get_u16(p), le = (size_t)(p[2] | p[3] << 8);

	switch (form) {
	case FORM_RDW:
		return be >= FRAMING_RDW_SIZE && be <= FRAMING_RDW_MAX && !p[2] && !p[3] ? be : 0;
	case FORM_SPANNED:
		return be >= FRAMING_RDW_SIZE && be <= FRAMING_RDW_MAX && p[2] <= 3 && !p[3] ? be : 0;
	case FORM_BE_EXCLUSIVE:
		return be >= 1 && be <= FRAMING_RDW_MAX && !p[2] && !p[3] ? be + 4 : 0;
	case FORM_LE_EXCLUSIVE:
		return be == 0 && le >= 1 && le <= FRAMING_RDW_MAX ? le + 4 : 0;
	case FORM_LE_INCLUSIVE:
		return be == 0 && le >= FRAMING_RDW_SIZE && le <= FRAMING_RDW_MAX ? le : 0;
	case FORM_U32:
		return be == 0 && wire_get_u16(p + 2) >= 1 && wire_get_u16(p + 2) <= FRAMING_RDW_MAX
		               ? (size_t)wire_get_u16(p + 2) + 4
		               : 0;
	default:
		return 0;
	}
}

struct chain {
	size_t records; /* whole ones */
	size_t end;     /* behind the last whole one */
	bool broken;    /* what stands at `end` is no length word */
	bool partial;   /* the bytes end within a record */
	bool segments;  /* FORM_SPANNED: a segment code was seen */
};

/* Follows the lengths from the first byte; counts the content into *profile (may be NULL). */
static struct chain walk(enum form form, const uint8_t *data, size_t size, struct profile *profile)
{
	struct chain chain = {0};

	while (size - chain.end >= 4) {
		const uint8_t *p = data + chain.end;
		size_t length = form_length(form, p);

		if (!length) {
			chain.broken = true;
			return chain;
		}
		if (length > size - chain.end)
			break;
		chain.segments = chain.segments || p[2];
		if (profile)
			profile_add(profile, p + 4, length - 4);
		chain.end += length;
		chain.records++;
	}
	chain.partial = chain.end < size;
	return chain;
}

static struct chain walk_blocks(const uint8_t *data, size_t size, struct profile *profile)
{
	struct chain chain = {0};

	while (size - chain.end >= 8) {
		size_t block = form_length(FORM_RDW, data + chain.end);
		struct chain inner;

		if (block < 8) {
			chain.broken = true;
			return chain;
		}
		if (block > size - chain.end)
			break;
		inner = walk(FORM_RDW, data + chain.end + 4, block - 4, profile);
		if (inner.broken || inner.partial) {
			chain.broken = true;
			return chain;
		}
		chain.records += inner.records;
		chain.end += block;
	}
	chain.partial = chain.end < size;
	return chain;
}

/* A block descriptor looks like an RDW; but then what it spans is records again. */
static bool is_blocked(const uint8_t *data, size_t size)
{
	struct chain chain = walk_blocks(data, size, NULL);

	return chain.records && !chain.broken;
}

static void describe_records(struct lg_detect *d, enum form form, const struct profile *profile)
{
	enum charset_id charset = profile_charset(profile);

	if (charset_is_ebcdic(charset)) {
		charset = ebcdic_page(profile, LG_FRAMING_RDW);
		d->page_guessed = profile->only_037 == profile->only_1047;
	}
	d->encoding = charset == CHARSET_AUTO ? NULL : charset_name(charset);
	d->framing = LG_FRAMING_RDW;
	if (!d->encoding) {
		d->kind = LG_DETECT_LATER;
		snprintf(d->what, sizeof(d->what), "binary %s (SMF, or records with packed numbers)", forms[form].what);
		snprintf(d->remedy, sizeof(d->remedy), "%s",
		         form == FORM_RDW ? "Binary records such as SMF are not in this version" : forms[form].remedy);
		return;
	}
	d->kind = form == FORM_RDW ? LG_DETECT_READABLE : LG_DETECT_LATER;
	snprintf(d->what, sizeof(d->what), "%s text (%s) in %s", charset_is_ebcdic(charset) ? "EBCDIC" : "ASCII", d->encoding,
	         forms[form].what);
	snprintf(d->remedy, sizeof(d->remedy), "%s", forms[form].remedy);
}

/* IBM's RDWs from the start on, then something else. */
static void describe_damage(struct lg_detect *d, const struct chain *chain, const struct profile *profile, const uint8_t *data)
{
	const uint8_t *p = data + chain->end;
	size_t used;

	describe_records(d, FORM_RDW, profile);
	d->kind = LG_DETECT_UNKNOWN;
	d->records = chain->records;
	used = strlen(d->what);
	snprintf(d->what + used, sizeof(d->what) - used,
	         " up to offset %zu, where %02x %02x %02x %02x is no record descriptor word", chain->end, p[0], p[1], p[2], p[3]);
	snprintf(d->remedy, sizeof(d->remedy),
	         "The file is damaged there, or something else was appended: transfer it again. What lies before is read with "
	         "%s%s%sframing: rdw",
	         d->encoding ? "encoding: " : "", d->encoding ? d->encoding : "", d->encoding ? ", " : "");
}

/* Whether the source is, or may become, a chain of IBM's RDWs from its first byte to the last one there is. False: it is not. */
static bool detect_rdw(struct lg_detect *d, const uint8_t *data, size_t size, bool whole)
{
	struct profile profile = {.utf8 = true};
	struct chain chain = walk(FORM_RDW, data, size, &profile);

	if (chain.broken || (size < 4 && whole))
		return false;
	d->records = chain.records;
	if (chain.records == 0 && whole)
		return false;
	if (!whole && size < LG_DETECT_SIZE && (chain.records < 4 || size < 256))
		return true; /* too few yet */
	if (is_blocked(data, size))
		return false;
	describe_records(d, FORM_RDW, &profile);
	return true;
}

/* The other ways to write lengths; some movers put a header in front or a trailer behind. */
static bool detect_variants(struct lg_detect *d, const uint8_t *data, size_t size)
{
	static const enum form tried[] = {FORM_BDW,          FORM_SPANNED, FORM_LE_EXCLUSIVE, FORM_LE_INCLUSIVE,
	                                  FORM_BE_EXCLUSIVE, FORM_U32,     FORM_RDW};

	for (size_t start = 0; start <= 256 && start + 8 < size; start++) {
		for (size_t i = 0; i < sizeof(tried) / sizeof(tried[0]); i++) {
			struct profile profile = {.utf8 = true};
			enum form form = tried[i];
			struct chain chain = form == FORM_BDW ? walk_blocks(data + start, size - start, &profile)
			                                      : walk(form, data + start, size - start, &profile);
			size_t used;

			if (form == FORM_RDW && start == 0) {
				if (chain.broken && chain.records >= 4) {
					describe_damage(d, &chain, &profile, data);
					return true;
				}
				continue;
			}
			if (chain.records < 2 || (form == FORM_SPANNED && !chain.segments))
				continue;
			if (chain.broken && (start == 0 || chain.records < 4 || chain.end * 10 < (size - start) * 7))
				continue;
			describe_records(d, form, &profile);
			d->kind = LG_DETECT_LATER;
			d->records = chain.records;
			used = strlen(d->what);
			if (start || chain.broken)
				snprintf(d->what + used, sizeof(d->what) - used, ", from offset %zu on", start);
			if (form == FORM_RDW)
				snprintf(d->remedy, sizeof(d->remedy),
				         "Remove the %zu bytes in front of the first record descriptor word", start);
			return true;
		}
	}
	return false;
}

/* ---- EBCDIC without any record borders --------------------------------------------------------------------------- */

static bool all(const uint8_t *p, size_t n, const char *set)
{
	while (n--) {
		if (!*p || !strchr(set, *p))
			return false;
		p++;
	}
	return true;
}

/* A SYSLOG line with its date (mainframe.md 1.2) begins at p; at least 40 bytes of ASCII are there. */
static bool syslog_start(const uint8_t *p)
{
	static const char digits[] = "0123456789";

	if (!strchr("NMWXO", p[0] ? p[0] : ' ') || !strchr(" CRIU", p[1] ? p[1] : '-') || p[9] != ' ' || p[18] != ' ' ||
	    !all(p + 2, 7, "0123456789ABCDEF") || !all(p + 19, 5, digits))
		return false;
	p += all(p + 24, 2, digits) ? 26 : 24;
	return p[0] == ' ' && all(p + 1, 2, digits) && p[3] == ':' && all(p + 4, 2, digits) && p[6] == ':' &&
	       all(p + 7, 2, digits);
}

static size_t gcd(size_t a, size_t b)
{
	while (b) {
		size_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

static void detect_borderless(struct lg_detect *d, const uint8_t *data, size_t size)
{
	const uint8_t *table = charset_table(CHARSET_IBM_037);
	size_t starts = 0, previous = 0, common = 0;
	uint8_t window[40];

	for (size_t at = 0; at + sizeof(window) <= size; at++) {
		/* Only bytes that can begin a line are worth a translation. */
		if (!strchr("NMWXO", table[data[at]] ? table[data[at]] : ' '))
			continue;
		for (size_t i = 0; i < sizeof(window); i++)
			window[i] = table[data[at + i]];
		if (!syslog_start(window))
			continue;
		if (starts++)
			common = gcd(at - previous, common);
		previous = at;
	}
	d->kind = LG_DETECT_LATER;
	d->records = starts;
	if (starts >= 3 && common < 80) {
		snprintf(d->what, sizeof(d->what),
		         "EBCDIC SYSLOG text without line ends and without RDW: records begin at irregular distances (%zu of them in the "
		         "first %zu bytes), so a transfer dropped the record descriptor words of a VB data set",
		         starts, size);
		snprintf(d->remedy, sizeof(d->remedy),
		         "The record borders are not in this file and cannot be restored from it. Transfer it again: FTP in binary "
		         "with \"quote site rdw\" (SITE RDW; LOCSITE RDW when the z/OS client sends), then encoding: IBM-037, "
		         "framing: rdw; or in text mode, then encoding: UTF-8, framing: line");
	} else if (starts >= 3) {
		snprintf(d->what, sizeof(d->what), "EBCDIC SYSLOG text in fixed-length records of %zu bytes (or a divisor of it)",
		         common);
		snprintf(d->remedy, sizeof(d->remedy),
		         "framing: fixed is not in this version. Transfer the data set in text mode, then encoding: UTF-8, "
		         "framing: line");
	} else {
		snprintf(d->what, sizeof(d->what), "EBCDIC text without line ends and without record descriptor words");
		snprintf(d->remedy, sizeof(d->remedy),
		         "Either fixed-length records (framing: fixed is not in this version) or a VB data set whose RDWs a "
		         "transfer dropped. Transfer it again: FTP in binary with \"quote site rdw\", or in text mode");
	}
}

/* ---- the answers ------------------------------------------------------------------------------------------------- */

static void detect_text(struct lg_detect *d, enum charset_id charset, const struct profile *profile, const uint8_t *data,
                        size_t size, bool whole)
{
	bool ebcdic = charset_is_ebcdic(charset);
	size_t newlines = ebcdic ? profile->newline_ebcdic : profile->newline_ascii;

	if (!whole && size < LG_DETECT_SIZE && (newlines == 0 || size < 256)) {
		d->kind = LG_DETECT_MORE;
		return;
	}
	/* Length words hold zeros, text does not; and a length may look like a newline. */
	if (profile->nul && detect_variants(d, data, size))
		return;
	if (ebcdic && newlines * 2000 < size) {
		d->encoding = charset_name(ebcdic_page(profile, LG_FRAMING_RDW));
		detect_borderless(d, data, size);
		return;
	}
	if (ebcdic) {
		charset = ebcdic_page(profile, LG_FRAMING_LINE);
		d->page_guessed = profile->only_037 == profile->only_1047;
	}
	d->kind = LG_DETECT_READABLE;
	d->framing = LG_FRAMING_LINE;
	d->encoding = charset_name(charset);
	d->records = newlines;
	snprintf(d->what, sizeof(d->what), "%s text (%s) in lines", ebcdic ? "EBCDIC" : profile->high ? "8-bit" : "plain",
	         d->encoding);
}

void lg_detect(struct lg_detect *d, const uint8_t *data, size_t size, bool whole)
{
	struct profile profile = {.utf8 = true};
	enum charset_id charset;

	*d = (struct lg_detect){.kind = LG_DETECT_MORE};
	if (!size) {
		snprintf(d->what, sizeof(d->what), "empty");
		return;
	}
	if (detect_rdw(d, data, size, whole))
		return;
	d->records = 0;
	profile_add(&profile, data, size);
	charset = profile_charset(&profile);
	if (charset != CHARSET_AUTO) {
		detect_text(d, charset, &profile, data, size, whole);
		return;
	}
	if (!whole && size < LG_DETECT_SIZE)
		return;
	if (detect_variants(d, data, size))
		return;
	d->kind = LG_DETECT_UNKNOWN;
	if (size >= 2 && ((data[0] == 0xff && data[1] == 0xfe) || (data[0] == 0xfe && data[1] == 0xff))) {
		snprintf(d->what, sizeof(d->what), "UTF-16 text");
		snprintf(d->remedy, sizeof(d->remedy), "UTF-16 is not in this version; convert the file to UTF-8");
		return;
	}
	snprintf(d->what, sizeof(d->what), "neither text nor records with descriptor words");
	snprintf(d->remedy, sizeof(d->remedy), "Name encoding and framing if you know them");
}

static enum lg_rc suggest(struct lg_err *err, const char *encoding, const char *framing, const char *looks)
{
	return lg_err_set(err, LG_INVALID, "the data look like %s, which the settings do not fit; set encoding: %s, framing: %s",
	                  looks, encoding, framing);
}

/* Line settings on a chain of RDWs. LG_AGAIN while the first record has not come whole. */
static enum lg_rc check_rdw(const uint8_t *data, size_t size, bool whole, struct lg_err *err)
{
	struct profile profile = {.utf8 = true};
	struct chain chain;
	struct lg_detect d = {0};

	if (size < 4)
		return !whole && size >= 1 && data[0] < 0x80 && memchr(data, 0, size) ? LG_AGAIN : LG_OK;
	chain = walk(FORM_RDW, data, size, &profile);
	if (chain.broken || is_blocked(data, size))
		return LG_OK;
	if (!chain.records)
		return whole ? LG_OK : LG_AGAIN;
	describe_records(&d, FORM_RDW, &profile);
	if (!d.encoding)
		return lg_err_set(err, LG_INVALID, "the data look like %s, which the settings do not fit", d.what);
	return suggest(err, d.encoding, "rdw", d.what);
}

enum lg_rc detect_check(enum charset_id charset, enum lg_framing framing, const uint8_t *data, size_t size, bool start,
                        bool whole, struct lg_err *err)
{
	struct profile profile = {.utf8 = true};
	bool rdw = framing == LG_FRAMING_RDW;
	enum charset_id seen;
	enum lg_rc rc;

	if (rdw && start) {
		struct chain chain = walk(FORM_RDW, data, size, &profile);

		if (chain.broken && chain.records == 0) {
			/* Bytes, not settings, are at fault unless it is clearly something else; the framer says what. */
			profile = (struct profile){.utf8 = true};
			profile_add(&profile, data, size);
			if (size < TEXT_MIN || profile_charset(&profile) == CHARSET_AUTO || profile.nul)
				return LG_OK;
			seen = profile_charset(&profile);
			if (charset_is_ebcdic(seen))
				seen = ebcdic_page(&profile, LG_FRAMING_LINE);
			return suggest(err, charset_name(seen), "line", "text without record descriptor words");
		}
	} else {
		if (start && (rc = check_rdw(data, size, whole, err)) != LG_OK)
			return rc;
		profile_add(&profile, data, size);
	}
	if (charset_is_ebcdic(charset) && !rdw && size >= 4096 && !profile.newline_ebcdic &&
	    charset_is_ebcdic(profile_charset(&profile))) {
		struct lg_detect d = {0};

		detect_borderless(&d, data, size);
		return lg_err_set(err, LG_INVALID, "the data look like %s. %s", d.what, d.remedy);
	}
	if (profile.bytes < TEXT_MIN)
		return profile.utf8 || whole || !start || charset_is_ebcdic(charset) ? LG_OK : LG_AGAIN;
	seen = profile_charset(&profile);
	if (charset_is_ebcdic(seen) && !charset_is_ebcdic(charset))
		return suggest(err, charset_name(ebcdic_page(&profile, framing)), rdw ? "rdw" : "line", "EBCDIC text");
	/* Blanks of EBCDIC are @ in ASCII: only text with real letters speaks against EBCDIC. */
	if (charset_is_ebcdic(charset) && (seen == CHARSET_UTF_8 || seen == CHARSET_ISO_8859_1) &&
	    profile.ascii * 100 >= profile.bytes * 80 && profile.ebcdic * 100 <= profile.bytes * 70)
		return suggest(err, charset_name(seen), rdw ? "rdw" : "line", "ASCII text");
	return LG_OK;
}
