/* The memory tail: the newest durable batches, so that an output which keeps up never reads the disk. All with the lock held. */
#include <stdlib.h>
#include <string.h>

#include "api/lugger_plugin.h"
#include "spool/impl.h"

static struct lg_batch *at(struct spool *spool, size_t i)
{
	return spool->tail[(spool->tail_first + i) % spool->tail_cap];
}

static size_t drop_oldest(struct spool *spool)
{
	struct lg_batch *batch = at(spool, 0);
	size_t bytes = batch_memory(batch);

	spool->tail_first = (spool->tail_first + 1) % spool->tail_cap;
	spool->tail_count--;
	spool->tail_bytes -= bytes;
	if (atomic_load(&batch->refs) > 1)
		bytes = 0; /* an output still holds it: nothing came free yet */
	lg_batch_release(batch);
	return bytes;
}

size_t tail_shrink(struct spool *spool, size_t keep_bytes)
{
	size_t freed = 0;

	while (spool->tail_count && spool->tail_bytes > keep_bytes)
		freed += drop_oldest(spool);
	return freed;
}

static void grow(struct spool *spool)
{
	size_t cap = spool->tail_cap ? spool->tail_cap * 2 : 64;
	struct lg_batch **ring = mem_alloc(cap * sizeof(*ring));

	for (size_t i = 0; i < spool->tail_count; i++)
		ring[i] = at(spool, i);
	free(spool->tail);
	spool->tail = ring;
	spool->tail_cap = cap;
	spool->tail_first = 0;
}

void tail_push(struct spool *spool, struct lg_batch *batch)
{
	struct lg_batch *newest = spool->tail_count ? at(spool, spool->tail_count - 1) : NULL;

	if (!batch->count || batch_memory(batch) > spool->conf.tail_bytes)
		return;
	if (newest && newest->first_seq + newest->count != batch->first_seq)
		tail_shrink(spool, 0); /* a gap: what is in the ring has to be contiguous */
	if (spool->tail_count == spool->tail_cap)
		grow(spool);
	lg_batch_hold(batch);
	spool->tail[(spool->tail_first + spool->tail_count) % spool->tail_cap] = batch;
	spool->tail_count++;
	spool->tail_bytes += batch_memory(batch);
	tail_shrink(spool, spool->conf.tail_bytes);
}

struct lg_batch *tail_find(struct spool *spool, uint64_t seq)
{
	size_t low = 0, high = spool->tail_count;

	if (!spool->tail_count || seq < at(spool, 0)->first_seq)
		return NULL;
	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (at(spool, mid)->first_seq <= seq)
			low = mid;
		else
			high = mid;
	}
	if (seq - at(spool, low)->first_seq >= at(spool, low)->count)
		return NULL;
	lg_batch_hold(at(spool, low));
	return at(spool, low);
}

size_t spool_tail_evict(struct spool *spool, size_t want)
{
	size_t freed = 0;

	pthread_mutex_lock(&spool->lock);
	while (spool->tail_count && freed < want)
		freed += drop_oldest(spool);
	pthread_mutex_unlock(&spool->lock);
	return freed;
}
