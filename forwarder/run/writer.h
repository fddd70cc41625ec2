/* writer.h - the spool writer's thread: takes what is queued, numbers and writes it, one fdatasync for all, then tells the inputs;
 * runs the spool's maintenance, the lag policy and the loss records. */
#ifndef WRITER_H
#define WRITER_H

#include <pthread.h>
#include <stdatomic.h>

#include "data/queue.h"
#include "run/when_full.h"
#include "spool/spool.h"

/* An output as the writer needs it: whom to wake, and the lag policy. */
struct writer_output {
	const char *name;
	int64_t max_lag_ns; /* 0: none */
	bool detach;
	void (*wake)(void *arg);
	void (*give_up)(void *arg, uint64_t below); /* let go of all records below, with a loss; asynchronous. NULL: it cannot */
	int64_t (*moved_ns)(void *arg);             /* monotonic: when it last settled something, or started */
	void *arg;
};

/* An input with a quota. */
struct writer_input {
	const char *name;
	uint64_t quota;
	void (*set)(void *arg, uint64_t used, bool over);
	void *arg;
};

struct writer {
	struct spool *spool;
	struct queue queue;          /* inputs -> writer */
	const struct clock *clock;
	struct writer_output *outputs; /* set before the start, borrowed */
	size_t output_count;
	struct writer_input *inputs;   /* those with a quota; set before the start, borrowed */
	size_t input_count;
	struct spool_usage *usage;     /* the thread's own */
	int64_t next_usage_ns;
	uint64_t uncounted;            /* bytes appended since it was counted */
	atomic_bool pressed;           /* an input is at its quota: outputs confirm what they can */
	pthread_t thread;
	bool started;
	bool ack_early;              /* sync: interval or never: a source is acknowledged when its batch is written, synced or not */
	atomic_bool stop;
	struct when_full when_full;
	atomic_bool full;            /* the quota is reached or the disk refuses: batches wait, or the policy drops */
	atomic_bool flush, flushed;  /* asked for, done */
	/* the thread's own */
	struct lg_batch *head, *tail; /* appended or dropped, waiting for durability */
	struct lg_batch *stuck;       /* taken from the queue, not appended yet */
	uint64_t appended;            /* batches that the spool took */
	int64_t next_maintain_ns, next_lag_check_ns;
	bool failing;                 /* the last append or commit failed: said once */
};

void writer_init(struct writer *writer, struct spool *spool, const struct clock *clock, size_t queue_bytes);
enum lg_rc writer_start(struct writer *writer, struct lg_err *err);
/* Writes what is queued, commits, stores the state, ends. Inputs must have ended before. What finds no space now and has no position
 * (a socket's records) becomes a loss. */
void writer_stop(struct writer *writer);
void writer_fini(struct writer *writer);
/* --once, after the inputs: everything queued becomes durable, whatever `sync` says. Asynchronous, may be called again; once all
 * is durable writer_flushed says so. Any thread. */
void writer_flush(struct writer *writer);
bool writer_flushed(const struct writer *writer);
/* Something was lost: an interval in the spool's state on return (durable with the next store, that is before or with any cursor
 * moved later), then a record. first, last: sequences or 0; count 0: unknown. Any thread. */
void writer_post_loss(struct writer *writer, char scope, const char *name, uint64_t first, uint64_t last, uint64_t count, uint64_t bytes,
                      const char *reason);
/* As writer_post_loss, for a policy that goes on dropping: one record for what is lost within a minute, or until it ends. Any thread. */
void writer_post_open_loss(struct writer *writer, char scope, const char *name, uint64_t first, uint64_t last, uint64_t count, uint64_t bytes,
                           const char *reason);
/* An output let go of `count` records within first..last (drop-oldest). Any thread, before the cursor moves. */
void writer_post_given_up(struct writer *writer, const char *output, uint64_t first, uint64_t last, uint64_t count);
/* Records are being lost, or were within the last minute. Any thread. */
bool writer_losing(const struct writer *writer);
/* A cursor moved: segments may be free to go. Any thread. */
void writer_nudge(struct writer *writer);

/* ---- for when_full.c; the writer's thread ---- */

void writer_append_to(struct lg_batch **head, struct lg_batch **tail, struct lg_batch *batch);
/* The batch is done with once everything appended so far is durable. */
void writer_queue_ack(struct writer *writer, struct lg_batch *batch);
void writer_release_list(struct lg_batch *list);

#endif
