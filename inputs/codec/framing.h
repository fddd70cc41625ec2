/* framing.h - cuts bytes into physical records.
 *
 * A framer holds no bytes: the caller offers what starts at the framer's position, takes one record at a time, and offers the
 * rest again with more behind it. One owner, one thread.
 *
 * line: a record ends at LF, CR LF, or NEL (U+0085): 0A, C2 85 in UTF-8; 0A, 85 in ISO-8859-1; in the EBCDIC pages 15 (NEL, what
 *       z/OS UNIX writes) and 25 (LF), each with or without 0D before it.
 * rdw:  4 bytes before each record: big-endian length with these 4 (4..32760), then two zero bytes (z/OS DFSMS Using Data Sets,
 *       "Record descriptor word"). Nothing is resynchronised by guess.
 */
#ifndef FRAMING_H
#define FRAMING_H

#include "api/lg_stream.h"
#include "codec/charset.h"

#define FRAMING_RDW_SIZE 4
#define FRAMING_RDW_MAX 32760

/* Where a record that is cut at the limit stands between two calls. All zero: at the start of a record. */
struct framing_state {
	uint32_t part;   /* parts of the current record already given out */
	uint32_t left;   /* rdw: bytes of the current record still to come, all of them of this record */
	bool skipping;   /* the rest of a truncated record is being passed over */
};

struct framer {
	enum lg_framing framing; /* LG_FRAMING_LINE or LG_FRAMING_RDW */
	enum charset_id charset;
	size_t limit;            /* max_record_size */
	bool truncate;           /* on_oversize: truncate */
	struct framing_state state;
	size_t scanned;          /* line: bytes at the position known to hold no line end */
	/* line, valid for the bytes offered last: the next of each of the two terminators, or their end */
	const uint8_t *next[2], *until;
};

/* One step. */
struct framing_piece {
	const uint8_t *data; /* content, framing removed; NULL: nothing to give out, only bytes passed over */
	size_t size;
	size_t consumed;     /* bytes to move on by, > 0 */
	uint32_t part;       /* 0: a whole record; else 1, 2, ... */
	bool final;          /* it is the last (or only) part of its record */
	bool truncated;      /* the rest of the record is left out */
	bool torn;           /* rdw: the bytes end before the record does */
};

void framing_init(struct framer *f, enum lg_framing framing, enum charset_id charset, uint64_t limit, bool truncate);
/* Call once whenever the bytes offered have changed (moved, grown), before the first framing_next on them. */
void framing_offer(struct framer *f, const uint8_t *data, size_t size);
/* Takes the next piece from `data`, which lies within the bytes last offered and reaches to their end. `offset` is for messages
 * only. LG_OK: *piece is filled, move on by consumed. LG_AGAIN: not enough bytes. LG_CORRUPT, LG_UNSUPPORTED: err tells; nothing
 * consumed. */
enum lg_rc framing_next(struct framer *f, const uint8_t *data, size_t size, bool last, int64_t offset,
                        struct framing_piece *piece, struct lg_err *err) LG_WARN_UNUSED;

#endif
