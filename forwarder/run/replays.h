/* replays.h - the replays of a running daemon: asked for through the control socket, resumed after a restart, shown in status. Main thread. */
#ifndef REPLAYS_H
#define REPLAYS_H

#include "run/shipper.h"

struct replays;

struct replays_env {
	struct shipper_env shipper;
	const char *data_dir, *key_file;
	const struct sys_io *io;
	struct lg_output_host **outputs; /* the live ones; they outlive the replays */
	size_t output_count;
};

struct replay_status {
	bool letters; /* dead letters: next of end are settled */
	uint64_t first, next, end;
	uint64_t records; /* settled by this replay since the start */
	uint64_t lost;    /* could not be read any more */
	char state[24];
	char last_error[1000];
};

struct replays *replays_new(const struct replays_env *env);
/* Goes on with what was not finished before this start; failures are logged, their files stay. */
void replays_resume(struct replays *replays);
/* "OUTPUT seq FIRST LAST" or "OUTPUT time FROM_NS TO_NS", borders included. Appends what `lugger replay` prints. LG_BUSY: one runs for this output. */
enum lg_rc replays_start(struct replays *replays, const char *request, struct lg_buf *out, struct lg_err *err) LG_WARN_UNUSED;
/* "OUTPUT SEGMENT OFFSET FROM_NS TO_NS FIRST_SEQ LAST_SEQ KEEP", as struct again_choice: the output's dead letters. */
enum lg_rc replays_start_letters(struct replays *replays, const char *request, struct lg_buf *out, struct lg_err *err) LG_WARN_UNUSED;
/* Takes the finished ones off; bounded. */
void replays_step(struct replays *replays);
bool replays_status(struct replays *replays, const char *output, struct replay_status *status); /* false: none for this output */
bool replays_running(const struct replays *replays); /* any */
/* Asks all to end, where they are durably; and waits for it. */
void replays_stop(struct replays *replays, int64_t deadline_ns);
void replays_join(struct replays *replays);
void replays_free(struct replays *replays); /* NULL is fine */

#endif
