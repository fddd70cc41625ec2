#include "codec/profile.h"

#include "base/text.h"

static bool ebcdic_printable(uint8_t byte)
{
	uint8_t c = charset_table(CHARSET_IBM_037)[byte];

	return (c > 0x20 && c < 0x7f) || byte == 0x15 || byte == 0x25 || byte == 0x0d || byte == 0x05 || byte == 0x0c ||
	       byte == 0xad || byte == 0xbd || byte == 0x5f || byte == 0x4a;
}

void profile_add(struct profile *p, const uint8_t *data, size_t size)
{
	size_t valid = text_utf8_valid(data, size);

	/* A sequence cut off by the end of what is there is no fault. */
	if (valid < size && charset_cut(CHARSET_UTF_8, data, size, false) != valid)
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

enum charset_id profile_charset(const struct profile *p)
{
	size_t rest = p->bytes - p->blank;

	if (p->utf8 && p->control * 50 <= p->bytes && p->nul * 200 <= p->bytes)
		return CHARSET_UTF_8;
	if (p->bytes >= PROFILE_TEXT_MIN && rest && p->ebcdic * 100 >= rest * 88 && p->ascii * 100 <= rest * 60)
		return CHARSET_IBM_037;
	if (p->ascii * 100 >= rest * 70 && p->control * 50 <= p->bytes && p->nul == 0)
		return CHARSET_ISO_8859_1;
	return CHARSET_AUTO;
}

enum charset_id profile_page(const struct profile *p, enum lg_framing framing)
{
	if (p->only_037 != p->only_1047)
		return p->only_037 > p->only_1047 ? CHARSET_IBM_037 : CHARSET_IBM_1047;
	return framing == LG_FRAMING_LINE ? CHARSET_IBM_1047 : CHARSET_IBM_037;
}

/* ---- chains of descriptor words ---------------------------------------------------------------------------------- */

static bool counts_itself(enum lg_framing framing)
{
	return framing == LG_FRAMING_RDW || framing == LG_FRAMING_BDW || framing == LG_FRAMING_RDW_LE;
}

struct chain chain_walk(enum lg_framing framing, const uint8_t *data, size_t size, struct profile *profile)
{
	const struct framer framer = {.framing = framing};
	struct framing_state state = {0};
	struct chain chain = {0};

	while (size > chain.end) {
		struct framing_word word;
		const uint8_t *p = data + chain.end;
		enum lg_rc rc = framing_word_read(&framer, &state, p, size - chain.end, 0, &word, NULL);

		if (rc == LG_AGAIN)
			break;
		if (rc != LG_OK || word.length > 65535 || (!word.length && !counts_itself(framing))) {
			chain.broken = true;
			return chain;
		}
		if (word.length > size - chain.end - word.header)
			break;
		chain.segments = chain.segments || word.segment != FRAMING_WHOLE;
		if (profile)
			profile_add(profile, p + word.header, word.length);
		chain.end += word.header + word.length;
		chain.records += word.segment == FRAMING_WHOLE || word.segment == FRAMING_LAST;
	}
	chain.partial = chain.end < size;
	return chain;
}

enum lg_framing chain_find(const uint8_t *data, size_t size, struct chain *chain)
{
	/* A block descriptor looks like an RDW, but then what it spans is records again: BDW first. */
	static const enum lg_framing tried[] = {LG_FRAMING_BDW,         LG_FRAMING_RDW,           LG_FRAMING_RDW_LE_EXCLUSIVE,
	                                        LG_FRAMING_RDW_LE,      LG_FRAMING_RDW_EXCLUSIVE, LG_FRAMING_U32};
	enum lg_framing best = LG_FRAMING_LINE;

	*chain = (struct chain){0};
	for (size_t i = 0; i < sizeof(tried) / sizeof(tried[0]); i++) {
		struct chain found = chain_walk(tried[i], data, size, NULL);

		if (found.broken || (found.records == 0 && tried[i] != LG_FRAMING_RDW))
			continue;
		if (best != LG_FRAMING_LINE && (found.partial || !chain->partial) &&
		    (found.partial != chain->partial || found.end <= chain->end))
			continue;
		best = tried[i];
		*chain = found;
	}
	return best;
}
