/* worker_host.h - what the parts of one input's host share; for worker*.c alone.
 *
 *   worker.c         life, the thread's loop, batches
 *   worker_plugin.c  what the plugin asks and tells beside its records
 */
#ifndef WORKER_HOST_H
#define WORKER_HOST_H

#include "run/settled.h"
#include "run/thread.h"
#include "run/worker.h"

/* Owned by the input's thread, but for `inbox` and `status` (mutex) and the atomics. */
struct lg_input_host {
	const struct config_input *conf;
	struct worker_env env;
	void *state; /* the plugin's */
	struct thread thread;
	bool opened;
	atomic_bool done, ended, over_quota;
	bool lost_unknown;
	struct codec *codec;
	struct lg_batch *batch;
	int64_t batch_since_ns, last_seal_ns;
	bool last_call;          /* the stop's deadline has passed: the queue takes the last batch, full or not */
	bool hurry;              /* the plugin's source waits for the current batch */
	bool starved;            /* lg_input_ready said no in this step */
	bool refused;            /* it said no when it was last asked */
	bool faulted;
	bool draining;           /* stopped, and the plugin emits what cannot be read again */
	struct settled settled;  /* durable batches that an output has not settled; where the plugin asks */
	uint64_t in_flight;      /* batches handed to the writer and not durable yet */
	uint64_t records, bytes, lost;
	uint64_t shed, dropped;  /* of lost: not admitted, and dropped by a full spool */
	uint64_t shed_count, shed_bytes; /* not admitted since the last batch was closed */
	int64_t last_record_ns;  /* UTC */
	int64_t newest_ns;       /* UTC: receipt of the newest record emitted */
	int64_t utc_ns, mono_ns; /* read once a chunk: the time of receipt of its records */
	int64_t news_ns;         /* monotonic: of the last record, before that of the start */
	int64_t next_report_ns, rate_at_ns;
	uint64_t rate_records;
	pthread_mutex_t mutex;
	struct lg_batch *inbox;  /* durable batches, newest first */
	struct worker_status status;
};

#endif
