/* status.h - what `lugger status` says, of a running daemon or of the files it left: gathered once, rendered as JSON, as a page or
 * as one line an output. The same facts in each. */
#ifndef STATUS_H
#define STATUS_H

#include "run/replays.h"
#include "run/shipper.h"
#include "run/worker.h"

struct status_input {
	char name[64];
	char type[32];
	struct worker_status w;
	double last_record_seconds; /* since the last record; -1: none yet */
};

struct status_output {
	char name[64];
	char type[32];
	struct shipper_status s;
	double eta_seconds;    /* until caught up; 0: is; -1: never at this rate, or not known */
	double oldest_seconds; /* age of the oldest unsettled record; 0: none */
	bool orphaned, detached;
	bool replaying;
	struct replay_status replay;
};

struct status {
	bool running;          /* false: read from the files of a stopped daemon */
	int64_t pid;
	double uptime_seconds;
	uint64_t rss_bytes, memory_used, memory_limit;
	char data_dir[512];
	struct spool_stat spool;
	const char *when_full; /* the policy's name */
	bool losing;           /* records are being lost, or were within the last minute */
	bool dropping;         /* new records are dropped just now */
	char not_admitted[16]; /* severities from this one on are not, just now; "": all are */
	double oldest_seconds;
	char held_by[64];      /* the output that keeps the oldest segment; "" when none does */
	struct status_input *inputs;
	size_t input_count;
	struct status_output *outputs;
	size_t output_count;
};

void status_fini(struct status *status);
/* Fills held_by, eta and ages from what was gathered. */
void status_derive(struct status *status, int64_t utc_ns);
/* One sentence for each thing that needs a person, the gravest first; none: all flows. */
void status_attention(const struct status *status, void (*each)(void *arg, const char *sentence), void *arg);
/* True when there is such a thing: exit code 1 of `lugger status`. */
bool status_needs_person(const struct status *status);
bool status_input_ill(const struct status_input *input);
bool status_output_ill(const struct status_output *output);
const char *status_output_state(const struct status_output *output);
void status_put_json(const struct status *status, struct lg_buf *out);
/* A page for people; `color`: ANSI, for a terminal; width: columns it has, 0: no end. */
void status_put_text(const struct status *status, bool color, int width, struct lg_buf *out);
/* One line an output, for --follow. */
void status_put_lines(const struct status *status, int64_t utc_ns, struct lg_buf *out);

#endif
