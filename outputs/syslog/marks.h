/* marks.h - which records lie where on the wire, so that a position that TCP acknowledged can be turned into settled records. (For datagrams the
 * "wire" is time: a mark learns when it was sent.)
 *
 * Plaintext is counted in bytes from the connection's start; a mark covers a run of whole messages of at least `grain` bytes. Once all of
 * its plaintext was given to the kernel the mark learns the wire position (TLS overhead included) it ends before: an upper bound, so that
 * settling is never early. One owner. */
#ifndef SYSLOG_MARKS_H
#define SYSLOG_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mark {
	uint64_t first, last; /* sequences */
	uint64_t start, end;  /* plaintext [start, end) */
	uint64_t wire;        /* all of it lies below this wire position; 0: not all written yet */
	bool joined;          /* no record between the mark before and this one went elsewhere */
};

struct marks {
	struct mark *ring;
	size_t cap;              /* a power of two */
	uint64_t head, tail;     /* counters: ring[n & (cap - 1)], head <= n < tail */
	uint64_t unwritten;      /* the first one with wire 0 */
	uint64_t grain;
	uint64_t settled;        /* plaintext position below which everything was taken off */
};

void marks_init(struct marks *marks, uint64_t grain);
void marks_fini(struct marks *marks);
void marks_clear(struct marks *marks);
bool marks_empty(const struct marks *marks);
/* Record `seq` ends at plaintext position `end` (it begins where the one before ended). `joined`: it follows the one before in the log, as far as this
 * output wants it; else a new mark begins, and what lies between is not settled with it. False: out of memory, nothing changed. */
bool marks_add(struct marks *marks, uint64_t seq, uint64_t end, bool joined);
/* Everything below plaintext position `plain` was written, and the wire stands at `wire` now. */
void marks_written(struct marks *marks, uint64_t plain, uint64_t wire);
/* Takes off the first marks that end at or below wire position `wire`, as far as they are joined and lie below sequence `below`; false when there is
 * none. first..last: what they cover. */
bool marks_take(struct marks *marks, uint64_t wire, uint64_t below, uint64_t *first, uint64_t *last);
/* Of the marks that stay: the lowest sequence that is not known to lie at or below wire position `wire` (UINT64_MAX: none), and the one behind the
 * highest that is (0: none). */
void marks_reached(const struct marks *marks, uint64_t wire, uint64_t *lowest_beyond, uint64_t *reached_end);
/* The i-th mark that stays, NULL behind the last. */
const struct mark *marks_get(const struct marks *marks, size_t i);

#endif
