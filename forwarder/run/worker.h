/* worker.h - one input instance on its thread: it steps the plugin, closes batches, hands them to the writer, and tells the plugin
 * what is durable. Implements struct lg_input_host. */
#ifndef WORKER_H
#define WORKER_H

#include <pthread.h>

#include "config/config.h"
#include "data/queue.h"
#include "net/net.h"
#include "run/writer.h"

/* What an input's thread publishes for status; guarded by the host's mutex. */
struct worker_status {
	char state[24];       /* reading, waiting, full, silent, fault, stopped */
	char last_error[600];
	uint64_t records, bytes; /* emitted; bytes of their bodies */
	uint64_t lost;           /* what was dropped in all, the next two included */
	bool lost_unknown;       /* and more: bytes of which nobody knows how many records they were, each such loss counted as one */
	uint64_t quota, quota_used; /* spool_quota, and of it; 0: no quota */
	uint64_t shed, dropped;  /* not admitted for their severity; dropped by a full spool (drop-new) */
	int64_t last_record_ns;  /* UTC, 0: none yet */
	double rate;             /* records a second, over some seconds */
	struct lg_input_report report;
};

struct worker_env {
	struct writer *writer;
	struct spool *spool;
	struct mem_budget *budget;
	const struct clock *clock;
	struct lg_net *net;
	const struct config_spool *conf;
	bool once;
};

/* Bytes a batch starts with: batch_size, and what one chunk more may add. */
size_t worker_batch_room(const struct config_spool *conf);
/* Creates the host and opens the plugin (saved positions are read now). Borrows everything. */
enum lg_rc worker_new(struct lg_input_host **host, const struct config_input *conf, const struct worker_env *env, struct lg_err *err);
enum lg_rc worker_start(struct lg_input_host *host, struct lg_err *err);
/* Asks the thread to stop reading, drain, and end once its last batch is durable, or `deadline_ns` (monotonic) has passed. */
void worker_stop(struct lg_input_host *host, int64_t deadline_ns);
bool worker_ended(struct lg_input_host *host); /* its thread is through, or never began */
void worker_join(struct lg_input_host *host);
/* Tells the plugin what every output has settled. The thread does so by itself; the main thread once more when the threads have ended, outputs
 * included: it is the last to know. */
void worker_tell_settled(struct lg_input_host *host);
void worker_free(struct lg_input_host *host); /* NULL is fine */
/* The writer says how much of the input waits in the spool, and whether that is its quota. Any thread. */
void worker_set_usage(void *host, uint64_t used, bool over);
/* --once: everything that was there is durable. */
bool worker_done(struct lg_input_host *host);
/* Something of it could not be read and waits for a person. */
bool worker_faulted(struct lg_input_host *host);
void worker_status_copy(struct lg_input_host *host, struct worker_status *status);
const struct config_input *worker_conf(const struct lg_input_host *host);

/* Writer's side: this batch of the host is durable (takes the reference). Any thread. */
void worker_durable(struct lg_input_host *host, struct lg_batch *batch);

#endif
