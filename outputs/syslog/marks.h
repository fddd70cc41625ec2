/* marks.h - which records lie where on the wire, so that a position that TCP acknowledged can be turned into settled records.
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
/* Record `seq` ends at plaintext position `end` (it begins where the one before ended). False: out of memory, nothing changed. */
bool marks_add(struct marks *marks, uint64_t seq, uint64_t end);
/* Everything below plaintext position `plain` was written, and the wire stands at `wire` now. */
void marks_written(struct marks *marks, uint64_t plain, uint64_t wire);
/* Takes off the marks that end at or below wire position `wire`; false when there is none. first..last: what they cover. */
bool marks_take(struct marks *marks, uint64_t wire, uint64_t *first, uint64_t *last);
/* The sequence behind the marks that end at or below wire position `wire`, which stay; 0: there is none. */
uint64_t marks_reached(const struct marks *marks, uint64_t wire);
/* Takes off every mark that is written, wherever it lies. */
bool marks_take_all(struct marks *marks, uint64_t *first, uint64_t *last);

#endif
