#include "codec/detect.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "codec/profile.h"

/* ---- descriptor words -------------------------------------------------------------------------------------------- */

#define WITH_RDW "transfer the data set by FTP in binary with \"quote site rdw\""

static const char *const forms[LG_FRAMING_COUNT] = {
	[LG_FRAMING_RDW] = "records with RDW",
	[LG_FRAMING_RDW_EXCLUSIVE] = "records with a big-endian length word that does not count itself (not IBM's RDW)",
	[LG_FRAMING_RDW_LE_EXCLUSIVE] = "records with a little-endian length in bytes 3 and 4 that does not count itself (not IBM's RDW)",
	[LG_FRAMING_RDW_LE] = "records with a little-endian length in bytes 3 and 4 (not IBM's RDW)",
	[LG_FRAMING_U32] = "records with a 4-byte big-endian length (as z/OSMF sends with X-IBM-Data-Type: record)",
	[LG_FRAMING_BDW] = "blocks with BDW and RDW",
};

static void describe_records(struct lg_detect *d, enum lg_framing framing, bool segments, const struct profile *profile)
{
	enum charset_id charset = profile_charset(profile);
	const char *spanned = segments ? ", some spanned (RECFM VS or VBS)" : "";

	if (charset_is_ebcdic(charset)) {
		charset = profile_page(profile, framing);
		d->page_guessed = profile->only_037 == profile->only_1047;
	}
	d->encoding = charset == CHARSET_AUTO ? NULL : charset_name(charset);
	d->framing = framing;
	if (!d->encoding) {
		d->kind = LG_DETECT_LATER;
		snprintf(d->what, sizeof(d->what), "binary %s%s (SMF, or records with packed numbers)", forms[framing], spanned);
		snprintf(d->remedy, sizeof(d->remedy), "Binary records such as SMF are not in this version");
		return;
	}
	d->kind = LG_DETECT_READABLE;
	snprintf(d->what, sizeof(d->what), "%s text (%s) in %s%s", charset_is_ebcdic(charset) ? "EBCDIC" : "ASCII", d->encoding,
	         forms[framing], spanned);
}

/* IBM's RDWs from the start on, then something else. */
static void describe_damage(struct lg_detect *d, const struct chain *chain, const struct profile *profile, const uint8_t *data)
{
	const uint8_t *p = data + chain->end;
	size_t used;

	describe_records(d, LG_FRAMING_RDW, chain->segments, profile);
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

/* Whether the source is, or may become, a chain of descriptor words from its first byte to the last one there is. False: it is not. */
static bool detect_words(struct lg_detect *d, const uint8_t *data, size_t size, bool whole)
{
	struct profile profile = PROFILE_EMPTY;
	struct chain chain;
	enum lg_framing framing = chain_find(data, size, &chain);

	if (framing == LG_FRAMING_LINE || (size < 4 && whole))
		return false;
	d->records = chain.records;
	if (!whole && size < LG_DETECT_SIZE && (chain.records < 4 || size < 256))
		return true; /* too few yet */
	/* One word alone may be chance, unless it is IBM's. */
	if (chain.records == 0 || (chain.records == 1 && chain.partial && framing != LG_FRAMING_RDW))
		return false;
	(void)chain_walk(framing, data, size, &profile);
	describe_records(d, framing, chain.segments, &profile);
	return true;
}

/* Some movers put a header in front or a trailer behind; or a chain of RDWs that breaks. */
static bool detect_chain_within(struct lg_detect *d, const uint8_t *data, size_t size)
{
	static const enum lg_framing tried[] = {LG_FRAMING_BDW,    LG_FRAMING_RDW,           LG_FRAMING_RDW_LE_EXCLUSIVE,
	                                        LG_FRAMING_RDW_LE, LG_FRAMING_RDW_EXCLUSIVE, LG_FRAMING_U32};
	struct profile profile = PROFILE_EMPTY;
	struct chain chain = chain_walk(LG_FRAMING_RDW, data, size, &profile);

	if (chain.broken && chain.records >= 4) {
		describe_damage(d, &chain, &profile, data);
		return true;
	}
	for (size_t start = 1; start <= 256 && start + 8 < size; start++) {
		for (size_t i = 0; i < sizeof(tried) / sizeof(tried[0]); i++) {
			size_t used;

			profile = PROFILE_EMPTY;
			chain = chain_walk(tried[i], data + start, size - start, &profile);
			if (chain.records < 2 || (chain.broken && (chain.records < 4 || chain.end * 10 < (size - start) * 7)))
				continue;
			describe_records(d, tried[i], chain.segments, &profile);
			d->kind = LG_DETECT_LATER;
			d->records = chain.records;
			used = strlen(d->what);
			snprintf(d->what + used, sizeof(d->what) - used, ", from offset %zu on", start);
			snprintf(d->remedy, sizeof(d->remedy), "Remove the %zu bytes in front of the first record%s, then framing: %s", start,
			         chain.broken ? ", and what follows the last one" : "", lg_framing_name(tried[i]));
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

#define LRECL_MIN 80 /* of a SYSLOG's data set */

/* The shortest record length, a divisor of the distance between lines with a date, by which every record begins like a SYSLOG line;
 * 0 for none. Up to ZOS columns may stand in front (ASA, a system's name): `first` is where the first dated line begins. */
static uint32_t fixed_length(const uint8_t *data, size_t size, size_t first, size_t common)
{
	const uint8_t *table = charset_table(CHARSET_IBM_037);

	for (size_t parts = common / LRECL_MIN; parts > 0; parts--) {
		size_t length = common / parts, at = first % length;

		if (common % parts || at > 8)
			continue;
		while (at < size && strchr("NMWXOSDEL ", table[data[at]] ? table[data[at]] : '?'))
			at += length;
		if (at >= size)
			return (uint32_t)length;
	}
	return 0;
}

static void detect_borderless(struct lg_detect *d, const uint8_t *data, size_t size)
{
	const uint8_t *table = charset_table(CHARSET_IBM_037);
	size_t starts = 0, first = 0, previous = 0, common = 0;
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
		else
			first = at;
		previous = at;
	}
	d->kind = LG_DETECT_LATER;
	d->records = starts;
	d->lrecl = starts >= 3 ? fixed_length(data, size, first, common) : 0;
	if (d->lrecl) {
		d->kind = LG_DETECT_READABLE;
		d->framing = LG_FRAMING_FIXED;
		d->records = size / d->lrecl;
		snprintf(d->what, sizeof(d->what), "EBCDIC SYSLOG text in fixed-length records of %u bytes", d->lrecl);
	} else if (starts >= 3 && common < LRECL_MIN) {
		snprintf(d->what, sizeof(d->what),
		         "EBCDIC SYSLOG text without line ends and without RDW: records begin at irregular distances (%zu of them in the "
		         "first %zu bytes), so a transfer dropped the record descriptor words of a VB data set",
		         starts, size);
		snprintf(d->remedy, sizeof(d->remedy),
		         "The record borders are not in this file and cannot be restored from it. Transfer it again: FTP in binary "
		         "with \"quote site rdw\" (SITE RDW; LOCSITE RDW when the z/OS client sends), then encoding: IBM-037, "
		         "framing: rdw; or in text mode, then encoding: UTF-8, framing: line");
	} else {
		snprintf(d->what, sizeof(d->what), "EBCDIC text without line ends and without record descriptor words");
		snprintf(d->remedy, sizeof(d->remedy),
		         "Either fixed-length records: set framing: fixed and lrecl to the data set's record length; or a VB data set whose "
		         "RDWs a transfer dropped: transfer it again, FTP in binary with \"quote site rdw\", or in text mode");
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
	if (profile->nul && detect_chain_within(d, data, size))
		return;
	if (ebcdic && newlines * 2000 < size) {
		d->encoding = charset_name(profile_page(profile, LG_FRAMING_FIXED));
		detect_borderless(d, data, size);
		return;
	}
	if (ebcdic) {
		charset = profile_page(profile, LG_FRAMING_LINE);
		d->page_guessed = profile->only_037 == profile->only_1047;
	}
	d->kind = LG_DETECT_READABLE;
	d->framing = LG_FRAMING_LINE;
	d->encoding = charset_name(charset);
	d->records = newlines;
	snprintf(d->what, sizeof(d->what), "%s text (%s) in lines", ebcdic ? "EBCDIC" : profile->high ? "8-bit" : "plain",
	         d->encoding);
}

/* By its byte order mark, or because every other byte of text is zero. */
static bool detect_utf16(struct lg_detect *d, const uint8_t *data, size_t size)
{
	size_t units = size / 2, zero[2] = {0}, text[2] = {0};
	bool mark = size >= 2 && ((data[0] == 0xff && data[1] == 0xfe) || (data[0] == 0xfe && data[1] == 0xff));

	for (size_t i = 0; i < 2 * units; i++) {
		zero[i & 1] += data[i] == 0;
		text[i & 1] += (data[i] >= 0x20 && data[i] < 0x7f) || data[i] == 0x0a || data[i] == 0x0d || data[i] == 0x09;
	}
	d->encoding = zero[1] * 10 > units * 7 && text[0] * 10 > units * 7   ? "UTF-16LE"
	              : zero[0] * 10 > units * 7 && text[1] * 10 > units * 7 ? "UTF-16BE"
	                                                                     : NULL;
	if (!mark && (!d->encoding || units < PROFILE_TEXT_MIN))
		return false;
	if (mark)
		d->encoding = "UTF-16";
	d->kind = LG_DETECT_READABLE;
	d->framing = LG_FRAMING_LINE;
	snprintf(d->what, sizeof(d->what), "%s text in lines", d->encoding);
	return true;
}

void lg_detect(struct lg_detect *d, const uint8_t *data, size_t size, bool whole)
{
	struct profile profile = PROFILE_EMPTY;
	enum charset_id charset;

	*d = (struct lg_detect){.kind = LG_DETECT_MORE};
	if (!size) {
		snprintf(d->what, sizeof(d->what), "empty");
		return;
	}
	if (detect_words(d, data, size, whole))
		return;
	d->records = 0;
	if (detect_utf16(d, data, size))
		return;
	d->encoding = NULL;
	profile_add(&profile, data, size);
	charset = profile_charset(&profile);
	if (charset != CHARSET_AUTO) {
		detect_text(d, charset, &profile, data, size, whole);
		return;
	}
	if (!whole && size < LG_DETECT_SIZE)
		return;
	if (detect_chain_within(d, data, size))
		return;
	d->kind = LG_DETECT_UNKNOWN;
	snprintf(d->what, sizeof(d->what), "neither text nor records with descriptor words");
	snprintf(d->remedy, sizeof(d->remedy), "Name encoding and framing if you know them");
}

static enum lg_rc suggest(struct lg_err *err, enum charset_id charset, enum lg_framing framing, const char *looks)
{
	return lg_err_set(err, LG_INVALID, "the data look like %s, which the settings do not fit; set encoding: %s, framing: %s", looks,
	                  charset_name(charset), lg_framing_name(framing));
}

/* What lg_detect makes of data that the settings do not fit. LG_OK where it has nothing to suggest. */
static enum lg_rc suggest_detected(struct lg_err *err, const struct lg_detect *d)
{
	char lrecl[32] = "";

	if (d->kind == LG_DETECT_LATER)
		return lg_err_set(err, LG_INVALID, "the data look like %s, which the settings do not fit. %s", d->what, d->remedy);
	if (d->kind != LG_DETECT_READABLE)
		return LG_OK;
	if (d->lrecl)
		snprintf(lrecl, sizeof(lrecl), ", lrecl: %u", d->lrecl);
	return lg_err_set(err, LG_INVALID, "the data look like %s, which the settings do not fit; set encoding: %s, framing: %s%s",
	                  d->what, d->encoding, lg_framing_name(d->framing), lrecl);
}

/* Settings without descriptor words on a chain of them. LG_AGAIN while the first record has not come whole. */
static enum lg_rc check_words(const uint8_t *data, size_t size, bool whole, struct lg_err *err)
{
	struct profile profile = PROFILE_EMPTY;
	enum lg_framing framing;
	struct chain chain;
	struct lg_detect d = {0};

	if (size < 4)
		return !whole && size >= 1 && data[0] < 0x80 && memchr(data, 0, size) ? LG_AGAIN : LG_OK;
	framing = chain_find(data, size, &chain);
	if (framing == LG_FRAMING_LINE || (framing != LG_FRAMING_RDW && chain.records < 2))
		return LG_OK;
	if (!chain.records)
		return whole ? LG_OK : LG_AGAIN;
	(void)chain_walk(framing, data, size, &profile);
	describe_records(&d, framing, chain.segments, &profile);
	return suggest_detected(err, &d);
}

/* Settings with descriptor words: *profile becomes that of the content. Bytes, not settings, are at fault unless it is clearly
 * something else; the framer says what. */
static enum lg_rc check_framing(enum lg_framing framing, const uint8_t *data, size_t size, bool whole, struct profile *profile,
                                struct lg_err *err)
{
	struct chain chain = chain_walk(framing, data, size, profile), other;
	enum lg_framing better = chain_find(data, size, &other);
	struct lg_detect d;

	/* Blocks read as records are an unbroken chain, too. */
	if (framing == LG_FRAMING_RDW && better == LG_FRAMING_BDW && other.records >= 2)
		return check_words(data, size, whole, err);
	if (!chain.broken || chain.records)
		return LG_OK;
	lg_detect(&d, data, size, true);
	/* Text with zeros in it may be records that are damaged at the first byte. */
	if (d.kind == LG_DETECT_READABLE && d.framing == LG_FRAMING_LINE && (memchr(data, 0, size) || size < PROFILE_TEXT_MIN))
		return LG_OK;
	return d.kind == LG_DETECT_READABLE ? suggest_detected(err, &d) : LG_OK;
}

enum lg_rc detect_check(enum charset_id charset, enum lg_framing framing, const uint8_t *data, size_t size, bool start,
                        bool whole, struct lg_err *err)
{
	struct profile profile = PROFILE_EMPTY;
	bool words = framing != LG_FRAMING_LINE && framing != LG_FRAMING_FIXED;
	enum charset_id seen;
	enum lg_rc rc = LG_OK;

	if (charset_kind(charset) == CHARSET_KIND_UTF16)
		return LG_OK;
	if (start)
		rc = words ? check_framing(framing, data, size, whole, &profile, err) : check_words(data, size, whole, err);
	if (rc != LG_OK)
		return rc;
	if (!words || !start)
		profile_add(&profile, data, size);
	if (charset_is_ebcdic(charset) && framing == LG_FRAMING_LINE && size >= 4096 && !profile.newline_ebcdic &&
	    charset_is_ebcdic(profile_charset(&profile))) {
		struct lg_detect d = {.encoding = charset_name(charset)};

		detect_borderless(&d, data, size);
		return suggest_detected(err, &d);
	}
	if (profile.bytes < PROFILE_TEXT_MIN)
		return profile.utf8 || whole || !start || charset_is_ebcdic(charset) ? LG_OK : LG_AGAIN;
	if (start && framing == LG_FRAMING_LINE && !charset_is_ebcdic(charset)) {
		struct lg_detect d = {0};

		if (detect_utf16(&d, data, size))
			return suggest_detected(err, &d);
	}
	seen = profile_charset(&profile);
	if (charset_is_ebcdic(seen) && !charset_is_ebcdic(charset))
		return suggest(err, profile_page(&profile, framing), framing, "EBCDIC text");
	/* Blanks of EBCDIC are @ in ASCII: only text with real letters speaks against EBCDIC. */
	if (charset_is_ebcdic(charset) && (seen == CHARSET_UTF_8 || seen == CHARSET_ISO_8859_1) &&
	    profile.ascii * 100 >= profile.bytes * 80 && profile.ebcdic * 100 <= profile.bytes * 70)
		return suggest(err, seen, framing, "ASCII text");
	return LG_OK;
}
