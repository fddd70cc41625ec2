/* shipper.h - one output instance on its thread: reads the spool from its cursor, filters, offers batches to the plugin, keeps
 * what is settled, moves the cursor, and owns retry and backoff. Implements struct lg_output_host. */
#ifndef SHIPPER_H
#define SHIPPER_H

#include "config/config.h"
#include "net/net.h"
#include "run/replay.h"
#include "run/writer.h"

/* What an output's thread publishes for status; guarded by the host's mutex. */
struct shipper_status {
	char state[24];        /* connecting, connected, flowing, idle, denied, refused, ..., detached, stopped */
	char last_error[1000];
	bool healthy;          /* the state needs no person */
	uint64_t cursor;       /* lowest unsettled sequence */
	uint64_t offered;      /* next sequence to offer: what lies between waits for the receiver's word */
	uint64_t lag_records, lag_bytes; /* not settled, less what only the resend window holds */
	uint64_t records;      /* settled as done since the start */
	uint64_t repeats;      /* offered again after a break since the start */
	uint64_t filtered, lost;
	uint64_t dropped;      /* of lost: dropped by a full spool (drop-oldest) */
	uint64_t dead;         /* records that lie in the output's dead letters, of earlier starts too */
	double rate;           /* records a second offered, over some seconds */
	int64_t retry_in_ns;   /* > 0: backing off */
	struct lg_output_report report;
};

struct shipper_env {
	struct writer *writer;
	struct spool *spool;
	const struct clock *clock;
	struct lg_net *net;
	const char *agent; /* the gateway's name */
};

/* Creates the host, its cursor in the spool and its reader, and opens the plugin. Borrows everything. */
enum lg_rc shipper_new(struct lg_output_host **host, const struct config_output *conf, const struct shipper_env *env, struct lg_err *err);
/* A second instance of the output that goes through replay's part of the log, marks the records, stores replay's cursor instead of the live one, and
 * is done (shipper_done) at its end. Borrows replay. */
enum lg_rc shipper_new_replay(struct lg_output_host **host, const struct config_output *conf, const struct shipper_env *env, struct replay *replay,
                              struct lg_err *err);
struct deadletters *shipper_letters(struct lg_output_host *host); /* borrowed; for a replay */
enum lg_rc shipper_start(struct lg_output_host *host, struct lg_err *err);
/* --once: no more records will come; the thread ends when the receiver has everything. */
void shipper_drain(struct lg_output_host *host);
/* Asks the thread to finish in order what it has offered, at the latest at deadline_ns (monotonic), and to end. */
void shipper_stop(struct lg_output_host *host, int64_t deadline_ns);
void shipper_choose(struct lg_output_host *host, enum lg_choice choice); /* a person's answer, for lg_output_choice; any thread */
void shipper_reopen(struct lg_output_host *host); /* SIGHUP */
void shipper_join(struct lg_output_host *host);
void shipper_free(struct lg_output_host *host); /* NULL is fine */
bool shipper_done(struct lg_output_host *host); /* after shipper_drain: everything is settled */
/* Removes the output's dead letters; *count: so many records. Any thread. */
enum lg_rc shipper_drop_dead(struct lg_output_host *host, uint64_t *count, struct lg_err *err) LG_WARN_UNUSED;
void shipper_wake(void *host);
/* when_full: drop-oldest. Any thread; the output's own lets go, states its loss and moves the cursor. */
void shipper_give_up(void *host, uint64_t below);
int64_t shipper_moved_ns(void *host); /* monotonic: when its cursor last moved by itself, or it was made. Any thread */
void shipper_status_copy(struct lg_output_host *host, struct shipper_status *status);
const struct config_output *shipper_conf(const struct lg_output_host *host);

#endif
