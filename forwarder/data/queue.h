/* queue.h - a bounded FIFO of batches from the inputs to the spool writer; also wakes the writer. A full queue is
 * backpressure. */
#ifndef QUEUE_H
#define QUEUE_H

#include <pthread.h>

#include "data/batch.h"

struct queue {
	pthread_mutex_t mutex;
	pthread_cond_t filled;
	struct lg_batch *head, *tail;
	size_t bytes, limit_bytes;
	bool nudged;
};

void queue_init(struct queue *queue, size_t limit_bytes);
void queue_fini(struct queue *queue); /* releases what is left */
/* Takes the caller's reference, always: a producer asks queue_full before it closes a batch, and so passes the limit by one at
 * most. */
void queue_push(struct queue *queue, struct lg_batch *batch);
bool queue_full(struct queue *queue);
bool queue_filled(struct queue *queue); /* something is queued */
/* Everything queued, oldest first, linked by ->next; NULL when empty. Waits up to wait_ns for the first (0: not at all). */
struct lg_batch *queue_take_all(struct queue *queue, int64_t wait_ns);
/* Waits up to wait_ns for a nudge alone, and takes nothing. */
void queue_wait_nudge(struct queue *queue, int64_t wait_ns);
/* Wakes a waiting queue_take_all or queue_wait_nudge; remembered when nobody waits. */
void queue_nudge(struct queue *queue);

#endif
