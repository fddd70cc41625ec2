/* shipper_host.h - what the parts of one output's host share; for shipper_*.c alone. Everything here is the output's thread's but for what says so.
 *
 *   shipper.c         life, the thread's loop, the cursor
 *   shipper_offer.c   from the spool to the plugin
 *   shipper_plugin.c  from the plugin: the receiver's word, its health
 *   shipper_status.c  what others see
 */
#ifndef SHIPPER_HOST_H
#define SHIPPER_HOST_H

#include "data/filter.h"
#include "net/backoff.h"
#include "run/flight.h"
#include "run/shipper.h"
#include "run/thread.h"

/* The batch being offered. */
struct offer {
	struct lg_batch *batch; /* one reference */
	uint64_t next, end;     /* sequences still to offer: next .. end - 1 */
	uint64_t wanted_end;    /* behind the last one that the filter selected */
	uint64_t *select;       /* NULL: all */
	struct lg_batch_iter it;
};

/* Owned by the output's thread, but for `status` (mutex) and the atomics. */
struct lg_output_host {
	const struct config_output *conf;
	struct shipper_env env;
	struct replay *replay;   /* NULL: this is the live output */
	char name[80];
	int64_t next_store_ns;   /* of the replay's cursor */
	void *state; /* the plugin's */
	struct thread thread;
	bool opened;
	atomic_bool drain, done, reopen;
	atomic_int choice;       /* enum lg_choice, from the control socket */
	uint64_t hold;           /* lg_output_hold */
	char spool_id[33];
	_Atomic int64_t moved_ns;       /* shipper_moved_ns */
	_Atomic uint64_t give_up_below; /* drop-oldest: records below are to be let go */
	struct lg_formatter *formatter;
	struct filter *filter;
	struct spool_reader *reader;
	struct deadletters *letters;
	struct flight flight;
	struct offer offer;
	uint64_t position;       /* next sequence to offer */
	uint64_t cursor;         /* as the spool, or the replay, was told */
	uint64_t gaps_end;       /* gaps below were said: a rewind meets them again */
	struct backoff backoff;
	int64_t retry_at_ns;     /* monotonic; 0: not backing off */
	bool failed;             /* lg_output_retry was called in this turn */
	bool healthy;
	bool spool_trouble;      /* the spool could not be read; meanwhile the plugin's state is kept in: */
	char plugin_state[24];
	bool caught_up;
	bool refused;            /* the plugin took nothing of an offer in the last turn */
	size_t select_cap;
	uint64_t records, repeats, filtered, lost;
	uint64_t dropped;        /* of lost: let go because the spool was full */
	uint32_t rewinds;        /* since the cursor moved */
	int64_t next_report_ns, rate_at_ns;
	uint64_t rate_position;
	pthread_mutex_t mutex;
	struct shipper_status status;
};

/* ---- offering ---- */

/* Offers what the plugin will take, some batches at most; true when something was taken. Sets caught_up. */
bool offer_round(struct lg_output_host *host);
/* Everything unsettled will be offered again, from the cursor, after a backoff. */
void offer_rewind(struct lg_output_host *host, int64_t now_ns);
void offer_drop(struct lg_output_host *host);
/* A replay of dead letters: goes on to the next ones. False: there are none. */
bool offer_next_pass(struct lg_output_host *host);
/* Lets go of what give_up_below says, each record that is not settled counted as lost. */
void offer_give_up(struct lg_output_host *host);

/* ---- status ---- */

/* The state's word, and why (NULL: the last error stays). Logs a change. */
void shipper_set_state(struct lg_output_host *host, const char *state, const char *error, bool healthy);
/* Refreshes what status shows, when it is due or with `force`. */
void shipper_publish(struct lg_output_host *host, int64_t now_ns, bool force);

#endif
