/* framing.h - cuts bytes into physical records.
 *
 * A framer holds no bytes between calls: the caller offers what starts at the framer's position, takes one record at a time, and
 * offers the rest again with more behind it. One owner, one thread.
 *
 * whole: all bytes up to the end, but one line end behind them.
 * line:  a record ends at LF, CR LF, or NEL (U+0085): 0A, C2 85 in UTF-8; 0A, 85 in ISO-8859-1; 000A, 0085 in UTF-16; in the EBCDIC
 *        pages 15 (NEL, what z/OS UNIX writes) and 25 (LF), each with or without 0D before it; or at one of the two alone, by the
 *        newline policy (charset.h).
 * rdw:   4 bytes before each record: big-endian length with these 4 (4..32760), a segment code, a zero byte (z/OS DFSMS Using Data
 *        Sets, "Record descriptor word", "Segment descriptor word"). Code 0 is a whole record, 1 its first segment, 3 a middle, 2
 *        the last one: a spanned record (RECFM VS, VBS) is put together from segments that follow each other. A segment without its
 *        neighbours is a record of its own, marked broken; nothing is joined across a gap.
 * rdw-exclusive, rdw-le, rdw-le-exclusive: what other movers write (mainframe.md 2.2): a big-endian length without the 4 bytes and
 *        two zeros; two zeros and a little-endian length with, or without, the 4 bytes.
 * bdw:   blocks: a block descriptor word (length with itself, 15 bits and two zero bytes, or 31 bits behind a set first bit), then
 *        records with RDW until the block is full.
 * u32:   4 bytes of big-endian length without themselves (z/OSMF, X-IBM-Data-Type: record).
 * fixed: records of lrecl bytes.
 *
 * Nothing is resynchronised by guess: where no descriptor word stands, the framer stops.
 */
#ifndef FRAMING_H
#define FRAMING_H

#include "api/lg_stream.h"
#include "codec/charset.h"

#define FRAMING_RDW_SIZE 4
#define FRAMING_RDW_MAX 32760
#define FRAMING_WORDS_MAX 8            /* BDW and RDW */
#define FRAMING_U32_MAX (16 * 1048576) /* a longer one is taken for damage */

enum framing_segment { FRAMING_WHOLE, FRAMING_FIRST, FRAMING_LAST, FRAMING_MIDDLE };

/* Where a record that is cut at the limit stands between two calls, and where a block. All zero: at the start of a record and, for
 * bdw, of a block. */
struct framing_state {
	uint32_t part;   /* parts of the current record already given out */
	uint32_t left;   /* not line: bytes of the current record, or segment, still to come, all of them of this record */
	uint32_t block;  /* bdw: bytes of the block behind the current record */
	uint8_t segment; /* enum framing_segment of the current segment, where the record is spanned */
	bool shifted;    /* the next part begins between SO and SI */
	bool skipping;   /* the rest of a truncated record is being passed over */
};

struct framing_conf {
	enum lg_framing framing; /* not LG_FRAMING_AUTO */
	enum charset_id charset; /* neither CHARSET_AUTO nor CHARSET_UTF_16 */
	enum charset_newline newline;
	uint64_t limit;          /* max_record_size */
	uint64_t lrecl;          /* fixed */
	bool truncate;           /* on_oversize: truncate */
};

struct framer {
	enum lg_framing framing;
	enum charset_id charset;
	size_t limit, lrecl;
	bool truncate;
	struct framing_state state;
	struct lg_buf joined; /* the record given out last, where it was spanned */
	uint64_t broken;      /* segments without their neighbours, so far */
	struct framing_end {
		uint8_t byte;  /* the last one, or the one that is not 00 in UTF-16 */
		bool after_c2; /* only behind a C2 */
	} ends[2];            /* line: the terminators */
	int end_count;
	size_t unit;          /* bytes of a code unit, 1 or 2 */
	size_t scanned;       /* line: bytes at the position known to hold no line end */
	/* line, valid for the bytes offered last: the next of each of the two terminators, or their end */
	const uint8_t *next[2], *until;
};

/* One step. */
struct framing_piece {
	const uint8_t *data; /* content, framing removed, until the next step; NULL: nothing to give out, only bytes passed over */
	size_t size;
	size_t consumed;     /* bytes to move on by, > 0 */
	size_t header;       /* how many of these are descriptor words in front of the content */
	uint32_t part;       /* 0: a whole record; else 1, 2, ... */
	bool final;          /* it is the last (or only) part of its record */
	bool truncated;      /* something of the record is left out */
	bool torn;           /* the bytes end before the record does */
	bool broken;         /* segments of it are missing */
};

void framing_init(struct framer *f, const struct framing_conf *conf);
void framing_fini(struct framer *f);
/* Call once whenever the bytes offered have changed (moved, grown), before the first framing_next on them. */
void framing_offer(struct framer *f, const uint8_t *data, size_t size);
/* Takes the next piece from `data`, which lies within the bytes last offered and reaches to their end. `offset` is for messages
 * only. LG_OK: *piece is filled, move on by consumed. LG_AGAIN: not enough bytes; limit + FRAMING_WORDS_MAX always are. LG_CORRUPT:
 * err tells; nothing consumed. */
enum lg_rc framing_next(struct framer *f, const uint8_t *data, size_t size, bool last, int64_t offset,
                        struct framing_piece *piece, struct lg_err *err) LG_WARN_UNUSED;

/* framing_words.c: framing_next of everything but line. */
enum lg_rc framing_words_next(struct framer *f, const uint8_t *data, size_t size, bool last, int64_t offset,
                              struct framing_piece *piece, struct lg_err *err) LG_WARN_UNUSED;
/* What stands at `data` in front of a record: its size, the length of what it announces, the segment code. Keeps account of the
 * block in *state. LG_AGAIN: too few bytes; LG_CORRUPT: it is no descriptor word. */
struct framing_word {
	size_t header;
	uint32_t length;
	enum framing_segment segment;
};
enum lg_rc framing_word_read(const struct framer *f, struct framing_state *state, const uint8_t *data, size_t size, int64_t offset,
                             struct framing_word *word, struct lg_err *err) LG_WARN_UNUSED;

#endif
