/* sockframe.h - cuts the bytes of one syslog connection into messages (RFC 6587 section 3.4, RFC 5425 section 4.3).
 *
 *   octet counting   MSG-LEN SP MSG, any bytes in MSG; one newline at its end belongs to the framing (rsyslog's templates put one there)
 *   lf               MSG LF or MSG CR LF; empty lines are nothing; on a unix socket also MSG NUL, as the C library's syslog() writes
 *   auto             decided once, by the first bytes of the connection: digits and a space are a count, all else is a line
 *
 * A framer holds no bytes: the caller offers what starts at its position, takes a piece, and offers the rest again with more
 * behind it.
 */
#ifndef SOCKFRAME_H
#define SOCKFRAME_H

#include "api/lugger_plugin.h"

enum sockframe_mode { SOCKFRAME_AUTO, SOCKFRAME_OCTET_COUNTING, SOCKFRAME_LF };

#define SOCKFRAME_COUNT_DIGITS 9 /* a longer count is not believed */

struct sockframe {
	enum sockframe_mode mode; /* SOCKFRAME_AUTO: not decided yet */
	bool nul_ends;            /* lf: a NUL ends a message, too */
	size_t limit;             /* bytes of a message; a longer one is given out in parts */
	uint64_t left;            /* octet counting: bytes of the current message still to come */
	unsigned part;            /* parts of the current message given out */
	size_t scanned;           /* lf: bytes at the position known to hold no newline */
};

struct sockframe_piece {
	struct lg_str text; /* size 0: nothing to give out */
	size_t consumed;    /* bytes to move on by, > 0 */
	unsigned part;      /* 0: a whole message, else 1, 2, ... */
	bool torn;          /* the peer closed before the message was complete */
};

void sockframe_init(struct sockframe *f, enum sockframe_mode mode, size_t limit);
/* `last`: no more bytes will come. LG_OK: *piece is filled, move on by consumed. LG_AGAIN: more bytes are needed. LG_CORRUPT:
 * octet counting where no count stands; nothing that follows can be trusted. */
enum lg_rc sockframe_next(struct sockframe *f, const char *data, size_t size, bool last, struct sockframe_piece *piece,
        struct lg_err *err) LG_WARN_UNUSED;

/* At most `limit` of the bytes, which are more, that end between two characters if these are UTF-8 at all. */
size_t sockframe_cut(const char *data, size_t limit);

#endif
