/* when_full.h - what happens when the spool is full, or nearly: `spool.when_full`, `discard_mark` and `discard_severity`. The writer's thread but
 * for what says so.
 *
 * block: batches stay in the writer's hand, the queue fills, inputs wait. drop-oldest: outputs are told to let go of the oldest segment, each states its
 * own loss. drop-new: the batches' records are dropped; their positions are kept in memory and become frames when space returns, and the source is
 * told once the loss is in the state slots. Shedding: inputs pass over records of little weight (worker.c), their batches carry the count.
 *
 * In each case the loss is durable before, or with, whatever lets the record be forgotten: a position, an acknowledgement, a cursor.
 */
#ifndef WHEN_FULL_H
#define WHEN_FULL_H

#include <stdatomic.h>

#include "data/batch.h"
#include "spool/posmap.h"
#include "spool/spool.h"

enum full_policy { FULL_BLOCK, FULL_DROP_OLDEST, FULL_DROP_NEW }; /* spool.when_full */

#define ADMIT_ALL 8u /* one more than the least severity */

struct writer;

struct when_full {
	/* set before the start */
	enum full_policy policy;
	unsigned discard_severity; /* this severity and less severe ones are not admitted above discard_mark; ADMIT_ALL: none is refused */
	unsigned discard_mark;     /* percent, of spool_fill_percent */
	/* any thread */
	atomic_bool dropping;           /* drop-new: new records are dropped now */
	atomic_uint admit_below;        /* severities from this one on are not admitted */
	_Atomic int64_t lost_ns;        /* monotonic: something was lost; 0: never since the start */
	_Atomic int64_t losses_open_ns; /* monotonic: of the oldest loss interval that may still grow; 0: there is none */
	/* the writer's thread */
	int64_t full_since_ns; /* 0: it is not */
	int64_t gave_up_ns;    /* when outputs were last told to let go */
	struct lg_batch *unsaid, *unsaid_tail; /* dropped, and their loss not durable yet */
	struct posmap held;      /* positions of what was dropped: the first frames when space returns */
	struct posmap forgotten; /* keys that these forget */
};

void when_full_init(struct when_full *full);
void when_full_fini(struct when_full *full);

/* Before the first append of a round: losses that the batches carry are made durable, positions that were held are written. LG_FULL: there is no
 * use in trying. */
enum lg_rc when_full_prepare(struct writer *writer, struct lg_err *err) LG_WARN_UNUSED;
/* After a round that ended with `rc`: drops what the policy says. */
void when_full_act(struct writer *writer, enum lg_rc rc);
/* Now and then: whether inputs shed, and whether the loss intervals are to become records. */
void when_full_check(struct writer *writer);
/* At the end: what can become a record now, does. */
void when_full_end(struct writer *writer);

#endif
