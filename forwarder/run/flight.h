/* flight.h - which offered records are settled, and so where an output's cursor is: the lowest unsettled sequence (DESIGN 1.3).
 * One output's thread. One bit a record, for the batches between the cursor and the newest one offered. */
#ifndef FLIGHT_H
#define FLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flight_batch {
	struct flight_batch *next;
	uint64_t first, count;
	uint64_t unsettled; /* bits set */
	uint64_t bits[];    /* bit i: record first + i is unsettled; not there for records that were skipped */
};

struct flight {
	struct flight_batch *head, *tail;
	uint64_t cursor;
};

void flight_init(struct flight *flight, uint64_t cursor);
void flight_fini(struct flight *flight);
/* A batch first .. first + count - 1 begins; select has bit i set for each record that will be offered (NULL: all). Records not
 * selected are settled by the output's filter. */
void flight_add(struct flight *flight, uint64_t first, uint64_t count, const uint64_t *select);
/* Records first .. first + count - 1 exist no more: settled as they are, however many, without a bit for each. */
void flight_skip(struct flight *flight, uint64_t first, uint64_t count);
/* first..last are settled; what is settled already, or unknown, is passed over. Returns how many were settled by this call. */
uint64_t flight_settle(struct flight *flight, uint64_t first, uint64_t last);
/* The cursor moved past everything settled at its front: sequences below it will not be asked for again. */
uint64_t flight_cursor(struct flight *flight);
/* Unsettled records below `seq`. */
uint64_t flight_unsettled(const struct flight *flight, uint64_t seq);
/* The first run of unsettled records of one batch within first..last; false: there is none. */
bool flight_run(const struct flight *flight, uint64_t first, uint64_t last, uint64_t *from, uint64_t *to);
/* Forgets everything behind the cursor. */
void flight_rewind(struct flight *flight);

#endif
