#include "data/queue.h"

#include <time.h>

void queue_init(struct queue *queue, size_t limit_bytes)
{
	pthread_condattr_t attr;

	*queue = (struct queue){.limit_bytes = limit_bytes};
	pthread_mutex_init(&queue->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&queue->filled, &attr);
	pthread_condattr_destroy(&attr);
}

void queue_fini(struct queue *queue)
{
	struct lg_batch *batch = queue->head;

	while (batch) {
		struct lg_batch *next = batch->next;

		lg_batch_release(batch);
		batch = next;
	}
	pthread_cond_destroy(&queue->filled);
	pthread_mutex_destroy(&queue->mutex);
}

void queue_push(struct queue *queue, struct lg_batch *batch)
{
	pthread_mutex_lock(&queue->mutex);
	batch->next = NULL;
	if (queue->tail)
		queue->tail->next = batch;
	else
		queue->head = batch;
	queue->tail = batch;
	queue->bytes += batch_memory(batch);
	pthread_cond_signal(&queue->filled);
	pthread_mutex_unlock(&queue->mutex);
}

bool queue_full(struct queue *queue)
{
	bool full;

	pthread_mutex_lock(&queue->mutex);
	full = queue->bytes >= queue->limit_bytes;
	pthread_mutex_unlock(&queue->mutex);
	return full;
}

bool queue_filled(struct queue *queue)
{
	bool filled;

	pthread_mutex_lock(&queue->mutex);
	filled = queue->head != NULL;
	pthread_mutex_unlock(&queue->mutex);
	return filled;
}

static void wait_filled(struct queue *queue, int64_t wait_ns)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(wait_ns / 1000000000);
	until.tv_nsec += (long)(wait_ns % 1000000000);
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	pthread_cond_timedwait(&queue->filled, &queue->mutex, &until);
}

struct lg_batch *queue_take_all(struct queue *queue, int64_t wait_ns)
{
	struct lg_batch *all;

	pthread_mutex_lock(&queue->mutex);
	if (!queue->head && !queue->nudged && wait_ns > 0)
		wait_filled(queue, wait_ns);
	all = queue->head;
	queue->head = queue->tail = NULL;
	queue->bytes = 0;
	queue->nudged = false;
	pthread_mutex_unlock(&queue->mutex);
	return all;
}

void queue_wait_nudge(struct queue *queue, int64_t wait_ns)
{
	pthread_mutex_lock(&queue->mutex);
	if (!queue->nudged)
		wait_filled(queue, wait_ns);
	queue->nudged = false;
	pthread_mutex_unlock(&queue->mutex);
}

void queue_nudge(struct queue *queue)
{
	pthread_mutex_lock(&queue->mutex);
	queue->nudged = true; /* makes the next take return at once, even if nobody waits yet */
	pthread_cond_signal(&queue->filled);
	pthread_mutex_unlock(&queue->mutex);
}
