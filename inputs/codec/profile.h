/* profile.h - counts that tell what kind of text some bytes are. Pure functions: any thread. */
#ifndef PROFILE_H
#define PROFILE_H

#include "codec/charset.h"
#include "codec/framing.h"

#define PROFILE_TEXT_MIN 16 /* bytes below which nothing is called EBCDIC */

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

#define PROFILE_EMPTY ((struct profile){.utf8 = true})

void profile_add(struct profile *p, const uint8_t *data, size_t size);
/* CHARSET_AUTO where it is no text. Which EBCDIC page is settled by profile_page. */
enum charset_id profile_charset(const struct profile *p);
/* Data sets are mostly IBM-037, z/OS UNIX files IBM-1047: the brackets decide, then the framing. */
enum charset_id profile_page(const struct profile *p, enum lg_framing framing);

/* ---- chains of descriptor words ---------------------------------------------------------------------------------- */

struct chain {
	size_t records; /* whole ones; a spanned record counts once */
	size_t end;     /* behind the last whole record or segment */
	bool broken;    /* what stands at `end` is no descriptor word */
	bool partial;   /* the bytes end within a record */
	bool segments;  /* a segment code was seen */
};

/* Follows the descriptor words of a framing, but line and fixed, from the first byte; counts the content into *profile (may be NULL).
 * Words that announce nothing, which the framer takes, break the chain of the framings that do not count the word itself: zeros are
 * no evidence. */
struct chain chain_walk(enum lg_framing framing, const uint8_t *data, size_t size, struct profile *profile);
/* The framing whose descriptor words reach best through data, from the first byte to the last one there is, with its chain;
 * LG_FRAMING_LINE where there is none. */
enum lg_framing chain_find(const uint8_t *data, size_t size, struct chain *chain);

#endif
